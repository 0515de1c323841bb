// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {SidePocket} from "./SidePocket.sol";
import {ISidePocket} from "./interfaces/ISidePocket.sol";
import {IVault} from "./interfaces/IVault.sol";
import {ExitQueue} from "./libraries/ExitQueue.sol";
import {Holding, Nav} from "./libraries/Nav.sol";
import {PositionList} from "./libraries/PositionList.sol";
import {Recovery} from "./libraries/Recovery.sol";
import {Reduction} from "./libraries/Reduction.sol";
import {VenueMover} from "./libraries/VenueMover.sol";
import {Allocation, Change, ChangeLib, Report} from "./types/Allocation.sol";
import {DUST, Position, PositionLib} from "./types/Position.sol";
import {Tags} from "./types/Tags.sol";
import {Bounds, Ledger, VaultState} from "./types/VaultState.sol";
import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/interfaces/IERC20Metadata.sol";
import {IERC4626} from "@openzeppelin/contracts/interfaces/IERC4626.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {ERC4626} from "@openzeppelin/contracts/token/ERC20/extensions/ERC4626.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @title Vault
/// @notice An ERC-4626 vault over one asset whose idle money a hub puts to work in listed venues, inside bounds that only
/// this contract's own governance can change.
///
/// Semantics
/// - NAV is live: accounted idle assets plus the value of each position, read now. totalAssets is NAV less gains not released yet: it
///   grows from gains at most by maxGrowthBps a year, so that neither a harvest nor a gift moves the share price at once, and falls with
///   a loss at once. Whoever redeems the last share takes everything.
/// - Shares have six more decimals than the asset. Conversions round against the caller.
/// - An exit pays from idle, then from the positions in the order of the exit queue, as far as they pay without loss; {redeemFrom} goes
///   past the queue at the leaver's cost. No role, no pause and no kill switch takes part in an exit.
/// - A position that cannot be read is quarantined by the first call that finds it so: it is out of NAV, deposits and additions are
///   closed, and who leaves is paid their part of the rest and credited in the side pocket with their part of it.
///
/// Bounds on the hub, whichever hub it is: only listed positions, each up to its absolute cap; one instruction loses at most
/// maxLossBps of NAV and a day's at most dailyLossBps; every asset that leaves the vault arrives in a position of this vault.
///
/// Assumptions: the asset is an ERC-20 without transfer fees or callbacks (USDC). Adapters are reviewed code that obeys this
/// vault; the venues behind them, and those held directly, may fail or be hostile, and are read with capped gas and capped return data.
/// Liveness: an exit needs the venues in the queue to pay; it never needs the keeper, the hub, the switch or governance.
contract Vault is IVault, ERC4626, ERC20Permit, AccessControl, Pausable, ReentrancyGuardTransient {
    using ExitQueue for VaultState;
    using Math for uint256;
    using PositionList for VaultState;
    using Nav for Bounds;
    using Nav for Holding[];
    using Nav for VaultState;
    using Recovery for VaultState;
    using Reduction for VaultState;
    using SafeCast for uint256;
    using VenueMover for Position;

    /// @dev What one reading of all positions says. The bits of `missing` are those quarantined or not readable, of `unread` those that
    /// could not be read and are not quarantined yet. `leaving` is what the present call takes out of `total`.
    struct Valuation {
        uint256 nav;
        uint256 total;
        uint256 leaving;
        uint256 missing;
        uint256 unread;
    }

    /// @notice May only reduce risk: pause deposits, lower caps and bounds. Any guardian, and the kill switch.
    bytes32 public constant GUARDIAN_ROLE = keccak256("GUARDIAN_ROLE");
    /// @notice The emergency Safe: as a guardian, and exits venues.
    bytes32 public constant EMERGENCY_ROLE = keccak256("EMERGENCY_ROLE");

    /// @notice Most positions there may be: every deposit and exit reads them all.
    uint256 public constant MAX_ADAPTERS = 16;
    /// @notice The loss bound of one instruction can never be set above this.
    uint256 public constant MAX_LOSS_HARD_BOUND_BPS = 100;
    /// @notice The loss budget of a day can never be set above this.
    uint256 public constant DAILY_LOSS_HARD_BOUND_BPS = 200;
    /// @notice The growth rate can never be set above this: 100 % a year is 0.27 % a day.
    uint256 public constant MAX_GROWTH_HARD_BOUND_BPS = 10_000;
    /// @notice A fall of the share price by this much between two accruals pauses deposits and additions (SPEC C6).
    uint256 public constant BREAKER_BPS = 2000;

    uint256 private constant BPS = 10_000;

    /// @inheritdoc IVault
    ISidePocket public immutable sidePocket;

    // Packed with Pausable's flag.
    /// @inheritdoc IVault
    address public hub;

    VaultState private _state;

    /// @param asset_ The asset, 6 decimals for USDC.
    /// @param admin Holder of DEFAULT_ADMIN_ROLE: the deployer until the handover, then the timelock.
    /// @param depositCap_ The most that totalAssets may be after a deposit, in assets.
    /// @param maxLossBps_ The loss bound of one instruction, at most MAX_LOSS_HARD_BOUND_BPS.
    /// @param dailyLossBps_ The loss budget of a day, at most DAILY_LOSS_HARD_BOUND_BPS.
    /// @param maxGrowthBps_ The growth rate a year, at most MAX_GROWTH_HARD_BOUND_BPS.
    constructor(
        IERC20 asset_,
        string memory name_,
        string memory symbol_,
        address admin,
        uint256 depositCap_,
        uint256 maxLossBps_,
        uint256 dailyLossBps_,
        uint256 maxGrowthBps_
    ) ERC4626(asset_) ERC20(name_, symbol_) ERC20Permit(name_) {
        sidePocket = new SidePocket(asset_);
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
        _setDepositCap(depositCap_);
        _setMaxLoss(maxLossBps_);
        _setDailyLoss(dailyLossBps_);
        _setMaxGrowth(maxGrowthBps_);
        _state.ledger.accruedAt = block.timestamp.toUint40();
    }

    // ---------------------------------------------------------------------------------------------------- depositors

    /// @inheritdoc IERC4626
    /// @dev Reverts while deposits are paused, a position is quarantined or cannot be read, or the share price has just fallen by a
    /// fifth. Shares are rounded down.
    function deposit(uint256 assets, address receiver)
        public
        override(ERC4626, IERC4626)
        nonReentrant
        returns (uint256 shares)
    {
        (Ledger memory ledger, uint256 total) = _readForDeposit();
        uint256 room = _room(total);
        if (assets > room) revert ERC4626ExceededMaxDeposit(receiver, assets, room);
        shares = _toShares(assets, total, Math.Rounding.Floor);
        if (shares == 0 && assets != 0) revert ZeroShares();
        _enter(ledger, total, receiver, assets, shares);
    }

    /// @inheritdoc IERC4626
    /// @dev As {deposit}. Assets are rounded up.
    function mint(uint256 shares, address receiver)
        public
        override(ERC4626, IERC4626)
        nonReentrant
        returns (uint256 assets)
    {
        (Ledger memory ledger, uint256 total) = _readForDeposit();
        assets = _toAssets(shares, total, Math.Rounding.Ceil);
        uint256 room = _room(total);
        if (assets > room) {
            revert ERC4626ExceededMaxMint(receiver, shares, _toShares(room, total, Math.Rounding.Floor));
        }
        _enter(ledger, total, receiver, assets, shares);
    }

    /// @inheritdoc IERC4626
    /// @dev Never paused. Shares are rounded up. While a position is quarantined the shares also buy a claim on it, for the receiver.
    function withdraw(uint256 assets, address receiver, address owner)
        public
        override(ERC4626, IERC4626)
        nonReentrant
        returns (uint256 shares)
    {
        (Ledger memory ledger, Valuation memory now_) = _readForExit();
        uint256 owned = _toAssets(balanceOf(owner), now_.total, Math.Rounding.Floor);
        if (assets > owned) revert ERC4626ExceededMaxWithdraw(owner, assets, owned);
        shares = _toShares(assets, now_.total, Math.Rounding.Ceil);
        _leave(ledger, now_, receiver, owner, assets, shares);
    }

    /// @inheritdoc IERC4626
    /// @dev Never paused. Assets are rounded down. While a position is quarantined the shares also buy a claim on it, for the receiver.
    function redeem(uint256 shares, address receiver, address owner)
        public
        override(ERC4626, IERC4626)
        nonReentrant
        returns (uint256 assets)
    {
        (Ledger memory ledger, Valuation memory now_) = _readForExit();
        assets = _worth(now_, shares, owner);
        _leave(ledger, now_, receiver, owner, assets, shares);
    }

    /// @inheritdoc IVault
    function redeemFrom(
        address adapter,
        uint256 shares,
        uint256 minAssets,
        address receiver,
        address owner,
        bytes calldata data
    ) external nonReentrant returns (uint256 assets) {
        (Ledger memory ledger, Valuation memory now_) = _readForExit();
        now_.leaving = _worth(now_, shares, owner);
        if (now_.leaving == 0) revert ZeroShares();
        uint256 toIdle;
        (assets, toIdle) = _state.takeFor(now_.missing, adapter, now_.leaving, minAssets, data);
        ledger.idle = (ledger.idle + toIdle).toUint96();
        _settle(ledger, now_, receiver, owner, assets, shares);
        emit RedeemedFrom(adapter, receiver, owner, assets, shares);
    }

    /// @inheritdoc IVault
    function drawForLeaver(uint256 index, uint256 assets) external {
        if (msg.sender != address(this)) revert NotAuthorised(msg.sender);
        _state.draw(index, assets);
    }

    /// @inheritdoc IVault
    function accrue() external nonReentrant returns (uint256) {
        return _accrueNow();
    }

    /// @inheritdoc IVault
    function quarantine(address adapter) external nonReentrant {
        Ledger memory ledger = _readLedger();
        uint256 i = _state.find(adapter);
        Position position_ = _state.positions[i];
        position_.requireActive();
        Valuation memory now_ = _valueForExit(ledger);
        if (now_.unread & _bit(i) == 0) {
            _checkRole(EMERGENCY_ROLE);
            _state.positions[i] = position_.withQuarantine(true);
            now_ = _valueForExit(ledger);
            now_.unread |= _bit(i);
        }
        _account(ledger, now_);
    }

    /// @inheritdoc IVault
    function recover(address adapter) external nonReentrant returns (uint256 received) {
        (received,) = _recover(adapter, _mayReduce(), msg.data[:0]);
    }

    // --------------------------------------------------------------------------------------------------------- views

    /// @inheritdoc IERC4626
    /// @dev NAV less gains not released yet; see {nav} for what counts. Reverts only when called from inside the vault's own calls.
    function totalAssets() public view override(ERC4626, IERC4626) nonReentrantView returns (uint256) {
        return _value(_readLedger()).total;
    }

    /// @inheritdoc IVault
    function nav() external view nonReentrantView returns (uint256, bool) {
        Valuation memory now_ = _value(_readLedger());
        return (now_.nav, now_.missing == 0);
    }

    /// @inheritdoc IERC4626
    function maxDeposit(address) public view override(ERC4626, IERC4626) nonReentrantView returns (uint256 assets) {
        (assets,) = _openRoom();
    }

    /// @inheritdoc IERC4626
    function maxMint(address) public view override(ERC4626, IERC4626) nonReentrantView returns (uint256) {
        (uint256 room, uint256 total) = _openRoom();
        return _toShares(room, total, Math.Rounding.Floor);
    }

    /// @inheritdoc IERC4626
    function maxWithdraw(address owner) public view override(ERC4626, IERC4626) nonReentrantView returns (uint256) {
        Valuation memory now_ = _value(_readLedger());
        return Math.min(_toAssets(balanceOf(owner), now_.total, Math.Rounding.Floor), _state.liquidity(now_.missing));
    }

    /// @inheritdoc IERC4626
    function maxRedeem(address owner) public view override(ERC4626, IERC4626) nonReentrantView returns (uint256) {
        Valuation memory now_ = _value(_readLedger());
        uint256 shares = balanceOf(owner);
        uint256 liquid = _state.liquidity(now_.missing);
        if (_toAssets(shares, _totalFor(now_, shares), Math.Rounding.Floor) <= liquid) return shares;
        // The last holder's shares are worth more than any part of them: all but one, if not all can be paid.
        if (shares == totalSupply()) --shares;
        return Math.min(shares, _toShares(liquid, now_.total, Math.Rounding.Floor));
    }

    /// @inheritdoc IVault
    function idle() external view returns (uint256) {
        return _state.ledger.idle;
    }

    /// @inheritdoc IVault
    function depositCap() external view returns (uint256) {
        return _state.bounds.depositCap;
    }

    /// @inheritdoc IVault
    function maxLossBps() external view returns (uint256) {
        return _state.ledger.maxLossBps;
    }

    /// @inheritdoc IVault
    function dailyLoss() external view returns (uint256 bps, uint256 used) {
        Bounds memory bounds = _state.bounds;
        return (bounds.dailyLossBps, bounds.lossUsedNow());
    }

    /// @inheritdoc IVault
    function maxGrowthBps() external view returns (uint256) {
        return _state.bounds.maxGrowthBps;
    }

    /// @inheritdoc IVault
    function accrual() external view returns (uint256, uint256) {
        return (_state.ledger.accrued, _state.ledger.accruedAt);
    }

    /// @inheritdoc IVault
    function adapters() external view returns (address[] memory) {
        return _state.accounts();
    }

    /// @inheritdoc IVault
    function adapterConfig(address adapter) external view returns (bool listed, uint256 cap) {
        Position position_ = _state.lookup(adapter);
        return (Position.unwrap(position_) != 0, position_.cap());
    }

    /// @inheritdoc IVault
    function positionKind(address adapter) external view returns (bool listed, bool direct, bool quarantined) {
        Position position_ = _state.lookup(adapter);
        return (Position.unwrap(position_) != 0, position_.isDirect(), position_.isQuarantined());
    }

    /// @inheritdoc IVault
    function position(address adapter) external view returns (Position) {
        return _state.lookup(adapter);
    }

    /// @inheritdoc IERC20Metadata
    function decimals() public view override(ERC20, ERC4626, IERC20Metadata) returns (uint8) {
        return ERC4626.decimals();
    }

    // ----------------------------------------------------------------------------------------------------------- hub

    /// @inheritdoc IVault
    function reallocate(Allocation[] calldata targets) external nonReentrant returns (Report memory report) {
        _checkHub();
        Ledger memory ledger = _readLedger();
        (Holding[] memory held, uint256 navBefore, uint256 missing) = _state.readAll(ledger.idle);
        report.navBefore = navBefore;

        (uint256[] memory legs, uint256 available) = _reduceLegs(targets, held, navBefore, ledger.idle);
        uint256 idleBefore = available;
        available = _addLegs(targets, legs, held, available, missing);
        // As a deposit, an addition finds a fall that nobody has recorded yet as if it had been.
        if (available < idleBefore && navBefore * BPS < ledger.accrued * (BPS - BREAKER_BPS)) revert EnforcedPause();
        ledger.idle = available.toUint96();
        _writeLedger(ledger);

        report.navAfter = held.readAgain(available, missing);
        report.idleAfter = available;
        (report.tags, report.changes) = _checkLegs(targets, legs, held);
        _state.bookLoss(navBefore, report.navAfter, targets.length, true);
    }

    /// @inheritdoc IVault
    function reduce(address adapter, uint256 assets, uint256 minOut, bytes calldata data, bool budgeted)
        external
        nonReentrant
        returns (uint256 received, uint256 valueAfter, uint256 navAfter)
    {
        _checkHub();
        (received, valueAfter, navAfter) = _state.reduce(adapter, assets, data, budgeted);
        if (received < minOut) revert InsufficientOut(adapter, received, minOut);
    }

    /// @inheritdoc IVault
    function harvest(address adapter, bytes calldata data) external nonReentrant returns (uint256) {
        _checkHub();
        return _state.harvest(adapter, data);
    }

    /// @inheritdoc IVault
    function exit(address adapter, bytes calldata data) external nonReentrant returns (uint256, uint256) {
        if (msg.sender != hub && !hasRole(EMERGENCY_ROLE, msg.sender)) revert NotAuthorised(msg.sender);
        if (!paused()) _pause();
        if (_state.lookup(adapter).isQuarantined()) return _recover(adapter, true, data);
        return _state.exit(adapter, data);
    }

    // ---------------------------------------------------------------------------------------------------- governance
    // What changes the queue is locked out of the vault's own calls, which hold positions in it: a venue may be able to have
    // a governance act that is ready carried out while it is being paid.

    /// @notice Lists an adapter of this vault at the end of the exit queue. Only governance.
    /// @param cap Absolute cap on its position, in assets.
    function listAdapter(address adapter, uint256 cap) external nonReentrant onlyRole(DEFAULT_ADMIN_ROLE) {
        _state.list(adapter, cap, false);
    }

    /// @notice Lists an ERC-4626 venue over the same asset whose shares the vault holds itself, at the end of the exit queue. Only governance.
    /// A venue that pays rewards beside its share price is held through an adapter instead.
    /// @param cap Absolute cap on its position, in assets.
    function listVenue(address venue, uint256 cap) external nonReentrant onlyRole(DEFAULT_ADMIN_ROLE) {
        _state.list(venue, cap, true);
    }

    /// @notice Takes out what is left of a position and removes it from the list. Reverts if anything remains. Only governance.
    function delist(address adapter) external nonReentrant onlyRole(DEFAULT_ADMIN_ROLE) {
        _state.delist(adapter);
    }

    /// @notice Removes a quarantined position from the list and recognises it as lost. Whatever {recover} still gets of it is shared between
    /// the claims and the vault as it would have been now. Only governance.
    function writeOff(address adapter) external nonReentrant onlyRole(DEFAULT_ADMIN_ROLE) {
        _state.writeOff(adapter, _stayers());
    }

    /// @notice Sets the order in which venues pay leavers: a permutation of the listed positions. Only governance.
    function setExitQueue(address[] calldata order) external nonReentrant onlyRole(DEFAULT_ADMIN_ROLE) {
        _state.setExitQueue(order);
    }

    /// @notice Sets a position's absolute cap. Governance raises it; a guardian or the emergency Safe may lower it at once.
    function setAdapterCap(address adapter, uint256 cap) external nonReentrant {
        uint256 i = _state.find(adapter);
        Position position_ = _state.positions[i];
        _checkMayChange(cap > position_.cap());
        if (cap > PositionLib.MAX_CAP) revert CapTooLarge(cap, PositionLib.MAX_CAP);
        _state.positions[i] = position_.withCap(cap);
        emit AdapterCapSet(adapter, cap);
    }

    /// @notice Sets the deposit cap. Governance raises it; a guardian or the emergency Safe may lower it at once.
    function setDepositCap(uint256 cap) external {
        _checkMayChange(cap > _state.bounds.depositCap);
        _setDepositCap(cap);
    }

    /// @notice Sets the loss bound of one instruction. Governance raises it, up to the hard bound; a guardian or the emergency Safe may lower
    /// it at once.
    function setMaxLoss(uint256 bps) external nonReentrant {
        _checkMayChange(bps > _state.ledger.maxLossBps);
        _setMaxLoss(bps);
    }

    /// @notice Sets the loss budget of a day. Governance raises it, up to the hard bound; a guardian or the emergency Safe may lower it at once.
    function setDailyLoss(uint256 bps) external {
        _checkMayChange(bps > _state.bounds.dailyLossBps);
        _setDailyLoss(bps);
    }

    /// @notice Sets the growth rate, up to the hard bound. What had been released stays so. Only governance.
    function setMaxGrowth(uint256 bpsPerYear) external nonReentrant onlyRole(DEFAULT_ADMIN_ROLE) {
        _accrueNow();
        _setMaxGrowth(bpsPerYear);
    }

    /// @notice Replaces the hub. Only governance.
    function setHub(address hub_) external onlyRole(DEFAULT_ADMIN_ROLE) {
        hub = hub_;
        emit HubSet(hub_);
    }

    /// @inheritdoc IVault
    function pauseDeposits() external {
        if (msg.sender != hub) _checkMayChange(false);
        if (!paused()) _pause();
    }

    /// @notice Opens deposits and additions again and takes NAV as it is now for the share price, gains not released included: after a breaker
    /// that turned out to be a passing fall, nobody shall buy at its price. Only governance.
    function unpauseDeposits() external nonReentrant onlyRole(DEFAULT_ADMIN_ROLE) {
        (Ledger memory ledger, Valuation memory now_) = _readForExit();
        _account(ledger, now_);
        _store(ledger, now_.nav);
        _unpause();
    }

    // ----------------------------------------------------------------------------------------------- entering, leaving

    function _decimalsOffset() internal pure override returns (uint8) {
        return 6;
    }

    function _enter(Ledger memory ledger, uint256 total, address receiver, uint256 assets, uint256 shares) private {
        ledger.idle = (ledger.idle + assets).toUint96();
        _store(ledger, total + assets);
        _deposit(_msgSender(), receiver, assets, shares);
    }

    /// @dev What `shares` are worth. The last ones take what has not been released as well.
    function _worth(Valuation memory now_, uint256 shares, address owner) private view returns (uint256) {
        uint256 balance = balanceOf(owner);
        if (shares > balance) revert ERC4626ExceededMaxRedeem(owner, shares, balance);
        return _toAssets(shares, _totalFor(now_, shares), Math.Rounding.Floor);
    }

    /// @dev Gathers `assets` from idle and then the queue, then burns and pays.
    function _leave(
        Ledger memory ledger,
        Valuation memory now_,
        address receiver,
        address owner,
        uint256 assets,
        uint256 shares
    ) private {
        uint256 available = ledger.idle;
        if (assets > available) available = _state.gather(now_.missing, assets);
        ledger.idle = (available - assets).toUint96();
        now_.leaving = assets;
        _settle(ledger, now_, receiver, owner, assets, shares);
    }

    /// @dev Books the leaving, then burns and pays.
    function _settle(
        Ledger memory ledger,
        Valuation memory now_,
        address receiver,
        address owner,
        uint256 assets,
        uint256 shares
    ) private {
        if (now_.missing != 0) _state.credit(sidePocket, now_.missing, receiver, shares);
        _account(ledger, now_);
        _withdraw(_msgSender(), receiver, owner, assets, shares);
        _checkAccounted(ledger.idle);
    }

    /// @dev Accrues first: what comes back has not grown while it was away.
    function _recover(address adapter, bool trusted, bytes calldata data)
        private
        returns (uint256 received, uint256 remaining)
    {
        _accrueNow();
        (received, remaining) = _state.recover(sidePocket, _stayers(), adapter, trusted, data);
        _checkAccounted(_state.ledger.idle);
    }

    // ------------------------------------------------------------------------------------------------------ valuation

    function _value(Ledger memory ledger) private view returns (Valuation memory now_) {
        uint256 sum = ledger.idle;
        for (uint256 i; i < ledger.count; ++i) {
            Position position_ = _state.positions[i];
            if (position_.isQuarantined()) {
                now_.missing |= _bit(i);
                continue;
            }
            (bool ok, uint256 assets) = position_.read();
            if (ok) sum += assets;
            else now_.unread |= _bit(i);
        }
        now_.missing |= now_.unread;
        now_.nav = sum;
        now_.total = Math.min(sum, _released(ledger));
    }

    function _readForExit() private view returns (Ledger memory ledger, Valuation memory now_) {
        ledger = _readLedger();
        now_ = _valueForExit(ledger);
    }

    /// @dev As {_value}, but what cannot be read has had its gas: a caller who sends too little must not make a venue look broken.
    function _valueForExit(Ledger memory ledger) private view returns (Valuation memory now_) {
        now_ = _value(ledger);
        if (now_.unread == 0) return now_;
        (uint256 unread, uint256 value) = _state.confirmUnread(now_.unread);
        now_.missing ^= now_.unread ^ unread;
        now_.unread = unread;
        now_.nav += value;
        now_.total = Math.min(now_.nav, _released(ledger));
    }

    /// @dev totalAssets that a deposit is priced at; reverts while deposits are closed.
    function _readForDeposit() private view returns (Ledger memory ledger, uint256) {
        _requireNotPaused();
        ledger = _readLedger();
        Valuation memory now_ = _value(ledger);
        if (now_.missing != 0) revert VenueUnreadable(_state.positions[now_.missing.log2()].account());
        if (_fellByAFifth(ledger, now_)) revert EnforcedPause();
        return (ledger, now_.total);
    }

    /// @dev Room for deposits, zero while they are closed, and the totalAssets to price them at.
    function _openRoom() private view returns (uint256 room, uint256 total) {
        Ledger memory ledger = _readLedger();
        Valuation memory now_ = _value(ledger);
        total = now_.total;
        if (!paused() && now_.missing == 0 && !_fellByAFifth(ledger, now_)) room = _room(total);
    }

    /// @dev What the last accrual has grown to at the fastest rate.
    function _released(Ledger memory ledger) private view returns (uint256) {
        uint256 elapsed = block.timestamp - ledger.accruedAt;
        uint256 accrued = ledger.accrued;
        return accrued + accrued * _state.bounds.maxGrowthBps * elapsed / (BPS * 365 days);
    }

    function _totalFor(Valuation memory now_, uint256 shares) private view returns (uint256) {
        return shares != 0 && shares == totalSupply() ? now_.nav : now_.total;
    }

    function _fellByAFifth(Ledger memory ledger, Valuation memory now_) private pure returns (bool) {
        // A unit of rounding in each position is no fall, however small the vault.
        return (now_.total + DUST * MAX_ADAPTERS) * BPS < uint256(ledger.accrued) * (BPS - BREAKER_BPS);
    }

    /// @dev Records an accrual: what could not be read is quarantined, a fall by a fifth pauses, and the rest is the new totalAssets.
    function _account(Ledger memory ledger, Valuation memory now_) private {
        if (now_.unread != 0) {
            _state.quarantine(now_.unread, _released(ledger), now_.total);
        }
        if (_fellByAFifth(ledger, now_)) {
            if (!paused()) _pause();
            emit BreakerTripped(ledger.accrued, now_.total);
        }
        _store(ledger, now_.total.saturatingSub(now_.leaving));
    }

    function _accrueNow() private returns (uint256) {
        (Ledger memory ledger, Valuation memory now_) = _readForExit();
        _account(ledger, now_);
        return now_.total;
    }

    function _store(Ledger memory ledger, uint256 total) private {
        ledger.accrued = total.toUint96();
        ledger.accruedAt = uint40(block.timestamp);
        _writeLedger(ledger);
        emit Accrued(total, ledger.idle);
    }

    function _room(uint256 total) private view returns (uint256) {
        return uint256(_state.bounds.depositCap).saturatingSub(total);
    }

    function _toShares(uint256 assets, uint256 total, Math.Rounding rounding) private view returns (uint256) {
        return assets.mulDiv(totalSupply() + 10 ** _decimalsOffset(), total + 1, rounding);
    }

    function _toAssets(uint256 shares, uint256 total, Math.Rounding rounding) private view returns (uint256) {
        return shares.mulDiv(total + 1, totalSupply() + 10 ** _decimalsOffset(), rounding);
    }

    // ------------------------------------------------------------------------------------------------- reallocation

    /// @dev Finds the position of each target and reduces those that are to hold less.
    /// @return legs Where the position of each target is in the queue.
    function _reduceLegs(Allocation[] calldata targets, Holding[] memory held, uint256 navBefore, uint256 available)
        private
        returns (uint256[] memory legs, uint256)
    {
        legs = new uint256[](targets.length);
        address previous;
        uint256 balance;
        for (uint256 i; i < targets.length; ++i) {
            Allocation calldata target = targets[i];
            address account = target.adapter;
            if (account <= previous) revert TargetsUnsorted(account);
            previous = account;
            uint256 at = held.indexOf(account);
            legs[i] = at;
            Holding memory leg = held[at];
            leg.position.requireActive();
            uint256 bps = target.bps;
            uint256 goal = navBefore * bps / BPS;
            leg.goal = goal;
            if (goal < leg.value) {
                uint256 amount = bps == 0 ? type(uint256).max : leg.value - goal;
                // Nothing happens between two legs: what the last one left is what the next one finds.
                if (balance == 0) balance = _balance();
                uint256 left = leg.position.takeOutOf(balance, IERC20(asset()), amount, target.minOut, target.data);
                available += left - balance;
                balance = left;
            }
        }
        return (legs, available);
    }

    /// @dev The additions of a reallocation. With part of NAV unknown nothing is put at risk: what is liquid belongs to those who want to
    /// leave.
    function _addLegs(
        Allocation[] calldata targets,
        uint256[] memory legs,
        Holding[] memory held,
        uint256 available,
        uint256 missing
    ) private returns (uint256) {
        for (uint256 i; i < targets.length; ++i) {
            Holding memory leg = held[legs[i]];
            if (leg.goal <= leg.value) continue;
            _requireNotPaused();
            if (missing != 0) revert VenueUnreadable(held[missing.log2()].position.account());
            uint256 amount = leg.goal - leg.value;
            if (amount > available) revert InsufficientIdle(amount, available);
            available -= amount;
            leg.position.putIn(IERC20(asset()), amount, targets[i].data);
        }
        uint256 balance = _balance();
        if (balance < available) revert Unaccounted(balance, available);
        // What is exactly there has been taken exactly, and no allowance is left.
        if (balance != available) {
            for (uint256 i; i < targets.length; ++i) {
                Holding memory leg = held[legs[i]];
                if (leg.goal > leg.value) leg.position.revokeAllowance(IERC20(asset()));
            }
        }
        return available;
    }

    /// @dev Cap and minimum of each addition; what the report says of each leg.
    function _checkLegs(Allocation[] calldata targets, uint256[] memory legs, Holding[] memory held)
        private
        pure
        returns (Tags tags, Change[] memory changes)
    {
        changes = new Change[](targets.length);
        for (uint256 i; i < changes.length; ++i) {
            Holding memory leg = held[legs[i]];
            Position position_ = leg.position;
            (uint256 before, uint256 value) = (leg.value, leg.valueAfter);
            tags = tags.with(i, position_);
            changes[i] = ChangeLib.create(before, value);
            if (leg.goal <= before) continue;
            uint256 cap = position_.cap();
            if (value > cap) revert CapExceeded(position_.account(), value, cap);
            uint256 credited = value.saturatingSub(before);
            uint256 minOut = targets[i].minOut;
            if (credited < minOut) revert InsufficientOut(position_.account(), credited, minOut);
        }
    }

    // ----------------------------------------------------------------------------------------------------------- bounds

    /// @dev The tokens are really here. More than accounted is a donation and stays out of NAV.
    function _checkAccounted(uint256 accounted) private view {
        uint256 balance = _balance();
        if (balance < accounted) revert Unaccounted(balance, accounted);
    }

    function _checkMayChange(bool raisesRisk) private view {
        if (raisesRisk) {
            _checkRole(DEFAULT_ADMIN_ROLE);
        } else if (!_mayReduce()) {
            revert NotAuthorised(msg.sender);
        }
    }

    function _checkHub() private view {
        if (msg.sender != hub) revert OnlyHub(msg.sender);
    }

    function _mayReduce() private view returns (bool) {
        return hasRole(GUARDIAN_ROLE, msg.sender) || hasRole(EMERGENCY_ROLE, msg.sender)
            || hasRole(DEFAULT_ADMIN_ROLE, msg.sender);
    }

    // One place each for packing and unpacking: the compiler writes it out at every use.
    function _readLedger() private view returns (Ledger memory) {
        return _state.ledger;
    }

    function _writeLedger(Ledger memory ledger) private {
        _state.ledger = ledger;
    }

    function _bit(uint256 i) private pure returns (uint256) {
        // One bit per position; the shifted one is the literal.
        // forge-lint: disable-next-line(incorrect-shift)
        return 1 << i;
    }

    function _balance() private view returns (uint256) {
        return IERC20(asset()).balanceOf(address(this));
    }

    /// @dev Shares that stay, with the virtual ones that conversions count.
    function _stayers() private view returns (uint256) {
        return totalSupply() + 10 ** _decimalsOffset();
    }

    function _bounded(uint256 bps, uint256 hardBound) private pure returns (uint16) {
        if (bps > hardBound) revert AboveHardBound(bps, hardBound);
        return bps.toUint16();
    }

    function _setDepositCap(uint256 cap) private {
        _state.bounds.depositCap = cap.toUint96();
        emit DepositCapSet(cap);
    }

    function _setMaxLoss(uint256 bps) private {
        _state.ledger.maxLossBps = _bounded(bps, MAX_LOSS_HARD_BOUND_BPS);
        emit MaxLossSet(bps);
    }

    function _setDailyLoss(uint256 bps) private {
        _state.bounds.dailyLossBps = _bounded(bps, DAILY_LOSS_HARD_BOUND_BPS);
        emit DailyLossSet(bps);
    }

    function _setMaxGrowth(uint256 bpsPerYear) private {
        _state.bounds.maxGrowthBps = _bounded(bpsPerYear, MAX_GROWTH_HARD_BOUND_BPS);
        emit MaxGrowthSet(bpsPerYear);
    }
}
