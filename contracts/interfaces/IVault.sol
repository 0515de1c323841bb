// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Allocation, Report} from "../types/Allocation.sol";
import {Position} from "../types/Position.sol";
import {ISidePocket} from "./ISidePocket.sol";
import {IERC4626} from "@openzeppelin/contracts/interfaces/IERC4626.sol";

/// @title IVault
/// @notice The vault's own interface, beside ERC-4626. `adapter` names a position: its adapter, or the ERC-4626 venue that the vault
/// holds directly.
interface IVault is IERC4626 {
    event PositionListed(address indexed adapter, uint256 cap, bool direct);
    event AdapterCapSet(address indexed adapter, uint256 cap);
    event PositionDelisted(address indexed adapter, uint256 idle);
    event WrittenOff(address indexed adapter);
    event ExitQueueSet(address[] adapters);
    event DepositCapSet(uint256 cap);
    event HubSet(address indexed hub);
    event MaxLossSet(uint256 bps);
    event DailyLossSet(uint256 bps);
    event MaxGrowthSet(uint256 bpsPerYear);
    event Reduced(address indexed adapter, uint256 assets, uint256 valueAfter);
    event LossBooked(uint256 loss, uint256 usedToday);
    event AdapterExited(address indexed adapter, uint256 received, uint256 remaining);
    event Harvested(address indexed adapter, uint256 assets);
    event Accrued(uint256 totalAssets, uint256 idle);
    event BreakerTripped(uint256 totalAssetsBefore, uint256 totalAssets);
    event Quarantined(address indexed adapter, uint256 indexed quarantine);
    event Suspended(uint256 indexed quarantine, uint256 assets);
    event Recovered(address indexed adapter, uint256 toVault, uint256 toClaims, bool released);
    event DrawnForLeaver(address indexed adapter, uint256 assets);
    event RedeemedFrom(
        address indexed adapter, address indexed receiver, address indexed owner, uint256 assets, uint256 shares
    );

    error OnlyHub(address caller);
    error NotAuthorised(address caller);
    error AdapterNotListed(address adapter);
    error AdapterAlreadyListed(address adapter);
    error AdapterNotEmpty(address adapter, uint256 value);
    error AdapterMismatch(address adapter);
    error SharesTooCoarse(address venue, uint256 assetsPerShare);
    error TooManyAdapters(uint256 maximum);
    error QueueMismatch();
    error UnexpectedData();
    error VenueUnreadable(address adapter);
    error VenueQuarantined(address adapter);
    error NotQuarantined(address adapter);
    error InsufficientGas(uint256 available, uint256 required);
    error TargetsUnsorted(address adapter);
    error CapTooLarge(uint256 cap, uint256 maximum);
    error CapExceeded(address adapter, uint256 value, uint256 cap);
    error InsufficientIdle(uint256 required, uint256 idle);
    error InsufficientLiquidity(uint256 required, uint256 available);
    error InsufficientAssets(uint256 assets, uint256 minAssets);
    error InsufficientOut(address adapter, uint256 out, uint256 minOut);
    error ValueFellTooFar(address adapter, uint256 fall, uint256 allowed);
    error LossTooHigh(uint256 navBefore, uint256 navAfter, uint256 maxLossBps);
    error DailyLossExceeded(uint256 usedToday, uint256 budget);
    error Unaccounted(uint256 balance, uint256 idle);
    error AboveHardBound(uint256 value, uint256 bound);
    error ZeroShares();

    /// @notice Assets held by the vault itself and accounted for; donations are not part of it.
    function idle() external view returns (uint256);

    /// @notice The most that totalAssets may be after a deposit.
    function depositCap() external view returns (uint256);

    /// @notice The hub that may instruct the vault.
    function hub() external view returns (address);

    /// @notice Where leavers hold their claims on what was stuck when they left.
    function sidePocket() external view returns (ISidePocket);

    /// @notice The part of NAV in basis points that one hub instruction may lose.
    function maxLossBps() external view returns (uint256);

    /// @notice The part of NAV in basis points that hub instructions may lose in a day, and what is used of it now, in assets.
    function dailyLoss() external view returns (uint256 bps, uint256 used);

    /// @notice The fastest that totalAssets grows from gains, in basis points a year; what is earned beyond it is released at this rate.
    function maxGrowthBps() external view returns (uint256);

    /// @notice totalAssets at the last accrual and its Unix time.
    function accrual() external view returns (uint256 assets, uint256 time);

    /// @notice The listed positions in the order of the exit queue.
    function adapters() external view returns (address[] memory);

    /// @notice Whether `adapter` is listed, and its absolute cap in assets.
    function adapterConfig(address adapter) external view returns (bool listed, uint256 cap);

    /// @notice Whether `adapter` is listed, whether it is an ERC-4626 venue held directly, and whether it is quarantined.
    function positionKind(address adapter) external view returns (bool listed, bool direct, bool quarantined);

    /// @notice The position of `adapter` as it is stored, zero if it is not listed.
    function position(address adapter) external view returns (Position);

    /// @notice NAV, gains not released yet included, and whether every venue could be read. Where one could not, or is quarantined, its
    /// position counts as zero.
    function nav() external view returns (uint256 assets, bool complete);

    /// @notice Pays `shares` out of one position that the holder names, at what leaving it yields: the way past the queue where leaving
    /// costs something. The leaver bears that cost; the position's value falls by no more than the shares are worth.
    /// @param data Venue-specific instructions, as in {IAdapter.withdraw}.
    function redeemFrom(
        address adapter,
        uint256 shares,
        uint256 minAssets,
        address receiver,
        address owner,
        bytes calldata data
    ) external returns (uint256 assets);

    /// @notice Takes exactly `assets` out of the position at `index` in the queue or changes nothing: a venue that says it paid and did not
    /// would take the leaver's money from those who stay. Only the vault itself, while it gathers what a leaver is owed.
    function drawForLeaver(uint256 index, uint256 assets) external;

    /// @notice Records totalAssets now, quarantines what cannot be read, and pauses deposits if the share price fell by a fifth since the
    /// last accrual. Anyone; every deposit and exit does the same.
    function accrue() external returns (uint256 totalAssets);

    /// @notice Takes a position out of NAV: by anyone if it cannot be read, by the emergency Safe whatever it says. While
    /// there is one, deposits are closed, and who leaves is paid their part of the rest and holds a claim on the stuck part.
    function quarantine(address adapter) external;

    /// @notice Takes out of a quarantined or written-off position what it pays now, for the vault and the claims in proportion; once nothing
    /// is left in it, the quarantine ends. Anyone where it costs nothing; guardians and the emergency Safe where leaving the venue does.
    /// @return received What the venue paid, in assets.
    function recover(address adapter) external returns (uint256 received);

    /// @notice Moves the named positions to their targets: reductions first, then additions. Only the hub, whose event is the record of it.
    function reallocate(Allocation[] calldata targets) external returns (Report memory report);

    /// @notice Takes what is worth `assets` out of one position into idle, within the loss bound. Only the hub.
    /// @param budgeted Whether a loss counts towards the day's budget.
    function reduce(address adapter, uint256 assets, uint256 minOut, bytes calldata data, bool budgeted)
        external
        returns (uint256 received, uint256 valueAfter, uint256 navAfter);

    /// @notice Turns a position's rewards into idle assets, which are released as any other gain. Only the hub.
    function harvest(address adapter, bytes calldata data) external returns (uint256 received);

    /// @notice Takes all that one position pays now into idle, without a loss bound, and pauses deposits. Only the hub or the emergency Safe.
    function exit(address adapter, bytes calldata data) external returns (uint256 received, uint256 remaining);

    /// @notice Closes deposits and additions. Guardians, the emergency Safe, the kill switch and the hub.
    function pauseDeposits() external;
}
