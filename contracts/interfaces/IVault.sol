// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Allocation, Report} from "../types/Allocation.sol";
import {IERC4626} from "@openzeppelin/contracts/interfaces/IERC4626.sol";

/// @title IVault
/// @notice The vault's own interface, beside ERC-4626.
interface IVault is IERC4626 {
    event AdapterListed(address indexed adapter, uint256 cap);
    event AdapterCapSet(address indexed adapter, uint256 cap);
    event AdapterDelisted(address indexed adapter);
    event ExitQueueSet(address[] adapters);
    event DepositCapSet(uint256 cap);
    event HubSet(address indexed hub);
    event MaxLossSet(uint256 bps);
    event Reallocated(uint256 navBefore, uint256 navAfter, uint256 idleAfter);
    event Reduced(address indexed adapter, uint256 assets, uint256 valueAfter);
    event AdapterExited(address indexed adapter, uint256 received, uint256 remaining);
    event RedeemedFromReadable(
        address indexed caller, address indexed receiver, address indexed owner, uint256 assets, uint256 shares
    );

    error OnlyHub(address caller);
    error NotAuthorised(address caller);
    error AdapterNotListed(address adapter);
    error AdapterAlreadyListed(address adapter);
    error AdapterNotEmpty(address adapter, uint256 value);
    error AdapterMismatch(address adapter);
    error TooManyAdapters(uint256 maximum);
    error QueueMismatch();
    error VenueUnreadable(address adapter);
    error TargetsUnsorted(address adapter);
    error CapExceeded(address adapter, uint256 value, uint256 cap);
    error InsufficientIdle(uint256 required, uint256 idle);
    error InsufficientLiquidity(uint256 required, uint256 available);
    error InsufficientAssets(uint256 assets, uint256 minAssets);
    error InsufficientOut(address adapter, uint256 out, uint256 minOut);
    error LossTooHigh(uint256 navBefore, uint256 navAfter, uint256 maxLossBps);
    error Unaccounted(uint256 balance, uint256 idle);
    error AboveHardBound(uint256 value, uint256 bound);
    error ZeroShares();

    /// @notice Assets held by the vault itself and accounted for; donations are not part of it.
    function idle() external view returns (uint256);

    /// @notice The most that totalAssets may be after a deposit.
    function depositCap() external view returns (uint256);

    /// @notice The hub that may instruct the vault.
    function hub() external view returns (address);

    /// @notice The part of NAV in basis points that one hub instruction may lose.
    function maxLossBps() external view returns (uint256);

    /// @notice The listed adapters in the order of the exit queue.
    function adapters() external view returns (address[] memory);

    /// @notice Whether `adapter` is listed, and its absolute cap in assets.
    function adapterConfig(address adapter) external view returns (bool listed, uint256 cap);

    /// @notice NAV and whether every venue could be read. Where one could not, its position counts as zero.
    function nav() external view returns (uint256 assets, bool complete);

    /// @notice Pays `shares` at the value of what can be read and paid now; they give up their part of any venue that cannot
    /// be read. The way out while a venue is broken; with every venue readable it is a redeem with a minimum.
    function redeemFromReadable(uint256 shares, uint256 minAssets, address receiver, address owner)
        external
        returns (uint256 assets);

    /// @notice Takes exactly `assets` out of one venue or changes nothing: a venue that says it paid and did not would take the leaver's
    /// money from those who stay. Only the vault itself, while it gathers what a leaver is owed.
    function drawForLeaver(address adapter, uint256 assets) external returns (uint256 received);

    /// @notice Moves the listed venues to their targets: reductions first, then additions. Only the hub.
    function reallocate(Allocation[] calldata targets) external returns (Report memory report);

    /// @notice Takes `assets` out of one venue into idle, within the loss bound. Only the hub.
    function reduce(address adapter, uint256 assets, uint256 minOut, bytes calldata data)
        external
        returns (uint256 received, uint256 valueAfter, uint256 navAfter);

    /// @notice Takes all that one venue pays now into idle, without a loss bound, and pauses deposits. Only the hub or the emergency Safe.
    function exit(address adapter, bytes calldata data) external returns (uint256 received, uint256 remaining);

    /// @notice Closes deposits. Guardians, the emergency Safe and the kill switch.
    function pauseDeposits() external;
}
