// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAdapter} from "./interfaces/IAdapter.sol";
import {IVault} from "./interfaces/IVault.sol";
import {BoundedCall} from "./libraries/BoundedCall.sol";
import {Allocation, Report} from "./types/Allocation.sol";
import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/interfaces/IERC20Metadata.sol";
import {IERC4626} from "@openzeppelin/contracts/interfaces/IERC4626.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {ERC20Permit} from "@openzeppelin/contracts/token/ERC20/extensions/ERC20Permit.sol";
import {ERC4626} from "@openzeppelin/contracts/token/ERC20/extensions/ERC4626.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Pausable} from "@openzeppelin/contracts/utils/Pausable.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @title Vault
/// @notice An ERC-4626 vault over one asset whose idle money a hub puts to work in listed venues, inside bounds that only
/// this contract's own governance can change.
///
/// Semantics
/// - NAV is live: accounted idle assets plus the value of each adapter, read now. Assets sent here by transfer are not
///   accounted, so they cannot move the share price.
/// - Shares have six more decimals than the asset. Conversions round against the caller.
/// - An exit pays from idle, then from the venues in the order of the exit queue, as far as they pay without loss. No role, no
///   pause and no kill switch takes part in an exit.
/// - While a venue cannot be read, NAV is unknown: deposits are closed, max* are zero, and {redeemFromReadable} is the way
///   out for those who accept what the rest is worth.
///
/// Bounds on the hub, whichever hub it is: only listed adapters, each up to its absolute cap; NAV after an instruction at least
/// (1 − maxLossBps) of NAV before; every asset that leaves the vault arrives in an adapter of this vault.
///
/// Assumptions: the asset is an ERC-20 without transfer fees or callbacks (USDC). Adapters are reviewed code that obeys this
/// vault; the venues behind them may fail or be hostile, and are read with capped gas and capped return data.
/// Liveness: an exit needs the venues in the queue to pay; it never needs the keeper, the hub, the switch or governance.
contract Vault is IVault, ERC4626, ERC20Permit, AccessControl, Pausable, ReentrancyGuardTransient {
    using BoundedCall for address;
    using Math for uint256;
    using SafeCast for uint256;
    using SafeERC20 for IERC20;

    struct AdapterConfig {
        uint128 cap;
        /// Position in the exit queue plus one; zero means not listed.
        uint8 index;
    }

    /// @notice May only reduce risk: pause deposits, lower caps and bounds. Any guardian, and the kill switch.
    bytes32 public constant GUARDIAN_ROLE = keccak256("GUARDIAN_ROLE");
    /// @notice The emergency Safe: as a guardian, and exits venues.
    bytes32 public constant EMERGENCY_ROLE = keccak256("EMERGENCY_ROLE");

    /// @notice Most adapters there may be: every deposit and exit reads them all.
    uint256 public constant MAX_ADAPTERS = 16;
    /// @notice The loss bound can never be set above this.
    uint256 public constant MAX_LOSS_HARD_BOUND_BPS = 100;
    /// @notice Gas for one read of a venue; the costliest honest one (a MetaMorpho with many markets) stays below half of it.
    uint256 public constant READ_GAS = 1_000_000;
    /// @notice Gas for one withdrawal on behalf of a leaver, so that a venue that burns its gas cannot stop the next in the queue.
    uint256 public constant WITHDRAW_GAS = 3_000_000;

    uint256 private constant BPS = 10_000;

    // Packed with Pausable's flag.
    address public hub;
    uint16 private _maxLossBps;

    uint128 private _idle;
    uint128 private _depositCap;

    address[] private _queue;
    mapping(address adapter => AdapterConfig) private _config;

    /// @param asset_ The asset, 6 decimals for USDC.
    /// @param admin Holder of DEFAULT_ADMIN_ROLE: the deployer until the handover, then the timelock.
    /// @param depositCap_ The most that totalAssets may be after a deposit, in assets.
    /// @param maxLossBps_ The loss bound of one instruction, at most MAX_LOSS_HARD_BOUND_BPS.
    constructor(
        IERC20 asset_,
        string memory name_,
        string memory symbol_,
        address admin,
        uint256 depositCap_,
        uint256 maxLossBps_
    ) ERC4626(asset_) ERC20(name_, symbol_) ERC20Permit(name_) {
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
        _setDepositCap(depositCap_);
        _setMaxLoss(maxLossBps_);
    }

    // ---------------------------------------------------------------------------------------------------- depositors

    /// @inheritdoc IERC4626
    /// @dev Reverts while deposits are paused or a venue cannot be read. Shares are rounded down.
    function deposit(uint256 assets, address receiver)
        public
        override(ERC4626, IERC4626)
        nonReentrant
        whenNotPaused
        returns (uint256 shares)
    {
        (uint256 total, address unreadable) = _nav();
        if (unreadable != address(0)) revert VenueUnreadable(unreadable);
        uint256 room = _room(total);
        if (assets > room) revert ERC4626ExceededMaxDeposit(receiver, assets, room);
        shares = _toShares(assets, total, Math.Rounding.Floor);
        if (shares == 0 && assets != 0) revert ZeroShares();
        _deposit(_msgSender(), receiver, assets, shares);
    }

    /// @inheritdoc IERC4626
    /// @dev As {deposit}. Assets are rounded up.
    function mint(uint256 shares, address receiver)
        public
        override(ERC4626, IERC4626)
        nonReentrant
        whenNotPaused
        returns (uint256 assets)
    {
        (uint256 total, address unreadable) = _nav();
        if (unreadable != address(0)) revert VenueUnreadable(unreadable);
        assets = _toAssets(shares, total, Math.Rounding.Ceil);
        uint256 room = _room(total);
        if (assets > room) {
            revert ERC4626ExceededMaxMint(receiver, shares, _toShares(room, total, Math.Rounding.Floor));
        }
        _deposit(_msgSender(), receiver, assets, shares);
    }

    /// @inheritdoc IERC4626
    /// @dev Never paused. Shares are rounded up.
    function withdraw(uint256 assets, address receiver, address owner)
        public
        override(ERC4626, IERC4626)
        nonReentrant
        returns (uint256 shares)
    {
        (uint256 total, address unreadable) = _nav();
        if (unreadable != address(0)) revert VenueUnreadable(unreadable);
        uint256 owned = _toAssets(balanceOf(owner), total, Math.Rounding.Floor);
        if (assets > owned) revert ERC4626ExceededMaxWithdraw(owner, assets, owned);
        shares = _toShares(assets, total, Math.Rounding.Ceil);
        _leave(_msgSender(), receiver, owner, assets, shares);
    }

    /// @inheritdoc IERC4626
    /// @dev Never paused. Assets are rounded down.
    function redeem(uint256 shares, address receiver, address owner)
        public
        override(ERC4626, IERC4626)
        nonReentrant
        returns (uint256 assets)
    {
        (uint256 total, address unreadable) = _nav();
        if (unreadable != address(0)) revert VenueUnreadable(unreadable);
        assets = _redeemAt(total, shares, receiver, owner);
    }

    /// @inheritdoc IVault
    function redeemFromReadable(uint256 shares, uint256 minAssets, address receiver, address owner)
        external
        nonReentrant
        returns (uint256 assets)
    {
        (uint256 total,) = _nav();
        assets = _redeemAt(total, shares, receiver, owner);
        if (assets < minAssets) revert InsufficientAssets(assets, minAssets);
        emit RedeemedFromReadable(_msgSender(), receiver, owner, assets, shares);
    }

    /// @inheritdoc IVault
    function drawForLeaver(address adapter, uint256 assets) external returns (uint256 received) {
        if (msg.sender != address(this)) revert NotAuthorised(msg.sender);
        received = _withdrawFrom(adapter, assets, assets, msg.data[:0]);
    }

    // --------------------------------------------------------------------------------------------------------- views

    /// @inheritdoc IERC4626
    /// @dev A venue that cannot be read counts as zero; see {nav}. Reverts only when called from inside the vault's own calls.
    function totalAssets() public view override(ERC4626, IERC4626) nonReentrantView returns (uint256 total) {
        (total,) = _nav();
    }

    /// @inheritdoc IVault
    function nav() external view nonReentrantView returns (uint256 assets, bool complete) {
        address unreadable;
        (assets, unreadable) = _nav();
        complete = unreadable == address(0);
    }

    /// @inheritdoc IERC4626
    function maxDeposit(address) public view override(ERC4626, IERC4626) nonReentrantView returns (uint256) {
        if (paused()) return 0;
        (uint256 total, address unreadable) = _nav();
        return unreadable == address(0) ? _room(total) : 0;
    }

    /// @inheritdoc IERC4626
    function maxMint(address) public view override(ERC4626, IERC4626) nonReentrantView returns (uint256) {
        if (paused()) return 0;
        (uint256 total, address unreadable) = _nav();
        return unreadable == address(0) ? _toShares(_room(total), total, Math.Rounding.Floor) : 0;
    }

    /// @inheritdoc IERC4626
    function maxWithdraw(address owner) public view override(ERC4626, IERC4626) nonReentrantView returns (uint256) {
        (uint256 total, address unreadable) = _nav();
        if (unreadable != address(0)) return 0;
        return Math.min(_toAssets(balanceOf(owner), total, Math.Rounding.Floor), _liquidity());
    }

    /// @inheritdoc IERC4626
    function maxRedeem(address owner) public view override(ERC4626, IERC4626) nonReentrantView returns (uint256) {
        (uint256 total, address unreadable) = _nav();
        if (unreadable != address(0)) return 0;
        return Math.min(balanceOf(owner), _toShares(_liquidity(), total, Math.Rounding.Floor));
    }

    /// @inheritdoc IVault
    function idle() external view returns (uint256) {
        return _idle;
    }

    /// @inheritdoc IVault
    function depositCap() external view returns (uint256) {
        return _depositCap;
    }

    /// @inheritdoc IVault
    function maxLossBps() external view returns (uint256) {
        return _maxLossBps;
    }

    /// @inheritdoc IVault
    function adapters() external view returns (address[] memory) {
        return _queue;
    }

    /// @inheritdoc IVault
    function adapterConfig(address adapter) external view returns (bool listed, uint256 cap) {
        AdapterConfig memory config = _config[adapter];
        return (config.index != 0, config.cap);
    }

    /// @inheritdoc IERC20Metadata
    function decimals() public view override(ERC20, ERC4626, IERC20Metadata) returns (uint8) {
        return ERC4626.decimals();
    }

    // ----------------------------------------------------------------------------------------------------------- hub

    /// @inheritdoc IVault
    function reallocate(Allocation[] calldata targets) external nonReentrant returns (Report memory report) {
        if (msg.sender != hub) revert OnlyHub(msg.sender);
        address[] memory queue = _queue;
        (uint256[] memory values, uint256 navBefore) = _readAll(queue);

        uint256 length = targets.length;
        report.navBefore = navBefore;
        report.valuesBefore = new uint256[](length);
        report.valuesAfter = new uint256[](length);

        uint256 available = _idle;
        address previous;
        for (uint256 i; i < length; ++i) {
            Allocation calldata target = targets[i];
            if (target.adapter <= previous) revert TargetsUnsorted(target.adapter);
            previous = target.adapter;
            uint256 index = _config[target.adapter].index;
            if (index == 0) revert AdapterNotListed(target.adapter);
            uint256 value = values[index - 1];
            report.valuesBefore[i] = value;
            uint256 goal = navBefore * target.bps / BPS;
            if (goal < value) {
                uint256 amount = target.bps == 0 ? type(uint256).max : value - goal;
                available += _withdrawFrom(target.adapter, amount, target.minOut, target.data);
            }
        }
        for (uint256 i; i < length; ++i) {
            Allocation calldata target = targets[i];
            uint256 goal = navBefore * target.bps / BPS;
            if (goal > report.valuesBefore[i]) {
                uint256 amount = goal - report.valuesBefore[i];
                if (amount > available) revert InsufficientIdle(amount, available);
                available -= amount;
                IERC20(asset()).safeTransfer(target.adapter, amount);
                IAdapter(target.adapter).deposit(amount, target.data);
            }
        }
        _idle = available.toUint128();

        (values, report.navAfter) = _readAll(queue);
        report.idleAfter = available;
        for (uint256 i; i < length; ++i) {
            Allocation calldata target = targets[i];
            AdapterConfig memory config = _config[target.adapter];
            uint256 value = values[config.index - 1];
            report.valuesAfter[i] = value;
            if (navBefore * target.bps / BPS > report.valuesBefore[i]) {
                if (value > config.cap) revert CapExceeded(target.adapter, value, config.cap);
                uint256 credited = value.saturatingSub(report.valuesBefore[i]);
                if (credited < target.minOut) revert InsufficientOut(target.adapter, credited, target.minOut);
            }
        }
        _checkLoss(navBefore, report.navAfter);
        _checkAccounted();
        emit Reallocated(navBefore, report.navAfter, available);
    }

    /// @inheritdoc IVault
    function reduce(address adapter, uint256 assets, uint256 minOut, bytes calldata data)
        external
        nonReentrant
        returns (uint256 received, uint256 valueAfter, uint256 navAfter)
    {
        if (msg.sender != hub) revert OnlyHub(msg.sender);
        uint256 index = _config[adapter].index;
        if (index == 0) revert AdapterNotListed(adapter);
        address[] memory queue = _queue;
        (, uint256 navBefore) = _readAll(queue);
        received = _withdrawFrom(adapter, assets, minOut, data);
        _idle = (_idle + received).toUint128();
        uint256[] memory values;
        (values, navAfter) = _readAll(queue);
        valueAfter = values[index - 1];
        _checkLoss(navBefore, navAfter);
        _checkAccounted();
        emit Reduced(adapter, received, valueAfter);
    }

    /// @inheritdoc IVault
    function exit(address adapter, bytes calldata data)
        external
        nonReentrant
        returns (uint256 received, uint256 remaining)
    {
        if (msg.sender != hub && !hasRole(EMERGENCY_ROLE, msg.sender)) revert NotAuthorised(msg.sender);
        if (_config[adapter].index == 0) revert AdapterNotListed(adapter);
        if (!paused()) _pause();
        received = _withdrawFrom(adapter, type(uint256).max, 0, data);
        _idle = (_idle + received).toUint128();
        _checkAccounted();
        (, remaining) = _read(adapter, IAdapter.value.selector);
        emit AdapterExited(adapter, received, remaining);
    }

    // ---------------------------------------------------------------------------------------------------- governance
    // What changes the queue is locked out of the vault's own calls, which hold positions in it: a venue may be able to have
    // a governance act that is ready carried out while it is being paid.

    /// @notice Lists an adapter of this vault at the end of the exit queue. Only governance.
    /// @param cap Absolute cap on its position, in assets.
    function listAdapter(address adapter, uint256 cap) external nonReentrant onlyRole(DEFAULT_ADMIN_ROLE) {
        if (_config[adapter].index != 0) revert AdapterAlreadyListed(adapter);
        if (_queue.length == MAX_ADAPTERS) revert TooManyAdapters(MAX_ADAPTERS);
        if (IAdapter(adapter).vault() != address(this) || IAdapter(adapter).asset() != asset()) {
            revert AdapterMismatch(adapter);
        }
        (bool readable,) = _read(adapter, IAdapter.value.selector);
        if (!readable) revert VenueUnreadable(adapter);
        _queue.push(adapter);
        _config[adapter] = AdapterConfig({cap: cap.toUint128(), index: uint8(_queue.length)});
        emit AdapterListed(adapter, cap);
    }

    /// @notice Removes an adapter whose position is empty. Only governance.
    function delistAdapter(address adapter) external nonReentrant onlyRole(DEFAULT_ADMIN_ROLE) {
        uint256 index = _config[adapter].index;
        if (index == 0) revert AdapterNotListed(adapter);
        (bool readable, uint256 value) = _read(adapter, IAdapter.value.selector);
        if (!readable) revert VenueUnreadable(adapter);
        if (value != 0) revert AdapterNotEmpty(adapter, value);
        uint256 last = _queue.length;
        for (uint256 i = index; i < last; ++i) {
            address moved = _queue[i];
            _queue[i - 1] = moved;
            _config[moved].index = i.toUint8();
        }
        _queue.pop();
        delete _config[adapter];
        emit AdapterDelisted(adapter);
    }

    /// @notice Sets the order in which venues pay leavers: a permutation of the listed adapters. Only governance.
    function setExitQueue(address[] calldata order) external nonReentrant onlyRole(DEFAULT_ADMIN_ROLE) {
        uint256 length = order.length;
        if (length != _queue.length) revert QueueMismatch();
        uint256 seen;
        for (uint256 i; i < length; ++i) {
            uint256 index = _config[order[i]].index;
            // One bit per position; the shifted one is the literal.
            // forge-lint: disable-next-line(incorrect-shift)
            uint256 bit = 1 << index;
            if (index == 0 || seen & bit != 0) revert QueueMismatch();
            seen |= bit;
        }
        for (uint256 i; i < length; ++i) {
            _queue[i] = order[i];
            _config[order[i]].index = (i + 1).toUint8();
        }
        emit ExitQueueSet(order);
    }

    /// @notice Sets an adapter's absolute cap. Governance raises it; a guardian or the emergency Safe may lower it at once.
    function setAdapterCap(address adapter, uint256 cap) external {
        AdapterConfig storage config = _config[adapter];
        if (config.index == 0) revert AdapterNotListed(adapter);
        _checkMayChange(cap > config.cap);
        config.cap = cap.toUint128();
        emit AdapterCapSet(adapter, cap);
    }

    /// @notice Sets the deposit cap. Governance raises it; a guardian or the emergency Safe may lower it at once.
    function setDepositCap(uint256 cap) external {
        _checkMayChange(cap > _depositCap);
        _setDepositCap(cap);
    }

    /// @notice Sets the loss bound. Governance raises it, up to the hard bound; a guardian or the emergency Safe may lower it at once.
    function setMaxLoss(uint256 bps) external {
        _checkMayChange(bps > _maxLossBps);
        _setMaxLoss(bps);
    }

    /// @notice Replaces the hub. Only governance.
    function setHub(address hub_) external onlyRole(DEFAULT_ADMIN_ROLE) {
        hub = hub_;
        emit HubSet(hub_);
    }

    /// @inheritdoc IVault
    function pauseDeposits() external {
        _checkMayChange(false);
        if (!paused()) _pause();
    }

    /// @notice Opens deposits again. Only governance.
    function unpauseDeposits() external onlyRole(DEFAULT_ADMIN_ROLE) {
        _unpause();
    }

    // ------------------------------------------------------------------------------------------------------ internal

    function _decimalsOffset() internal pure override returns (uint8) {
        return 6;
    }

    /// @dev ERC4626's hook, with the asset accounted as idle.
    function _deposit(address caller, address receiver, uint256 assets, uint256 shares) internal override {
        _idle = (_idle + assets).toUint128();
        super._deposit(caller, receiver, assets, shares);
    }

    function _redeemAt(uint256 total, uint256 shares, address receiver, address owner)
        private
        returns (uint256 assets)
    {
        uint256 balance = balanceOf(owner);
        if (shares > balance) revert ERC4626ExceededMaxRedeem(owner, shares, balance);
        assets = _toAssets(shares, total, Math.Rounding.Floor);
        _leave(_msgSender(), receiver, owner, assets, shares);
    }

    /// @dev Gathers `assets` from idle and then the queue, then burns and pays.
    function _leave(address caller, address receiver, address owner, uint256 assets, uint256 shares) private {
        uint256 available = _idle;
        if (assets > available) available = _gather(assets, available);
        _idle = (available - assets).toUint128();
        _withdraw(caller, receiver, owner, assets, shares);
        _checkAccounted();
    }

    /// @dev Takes from each venue what it pays without loss. A venue that fails is passed over: the next one pays.
    function _gather(uint256 assets, uint256 available) private returns (uint256) {
        uint256 length = _queue.length;
        for (uint256 i; i < length && available < assets; ++i) {
            address adapter = _queue[i];
            (bool readable, uint256 liquid) = _read(adapter, IAdapter.liquidity.selector);
            if (!readable || liquid == 0) continue;
            uint256 wanted = Math.min(liquid, assets - available);
            (bool ok, bytes memory returned) =
                address(this).tryCall(WITHDRAW_GAS, abi.encodeCall(IVault.drawForLeaver, (adapter, wanted)), 32);
            if (ok) available += abi.decode(returned, (uint256));
        }
        if (available < assets) revert InsufficientLiquidity(assets, available);
        return available;
    }

    function _withdrawFrom(address adapter, uint256 assets, uint256 minOut, bytes calldata data)
        private
        returns (uint256 received)
    {
        IERC20 token = IERC20(asset());
        uint256 before = token.balanceOf(address(this));
        IAdapter(adapter).withdraw(assets, data);
        received = token.balanceOf(address(this)) - before;
        if (received < minOut) revert InsufficientOut(adapter, received, minOut);
    }

    /// @dev NAV with unreadable venues at zero, and the first of them (zero address if none).
    function _nav() private view returns (uint256 total, address unreadable) {
        total = _idle;
        uint256 length = _queue.length;
        for (uint256 i; i < length; ++i) {
            address adapter = _queue[i];
            (bool ok, uint256 value) = _read(adapter, IAdapter.value.selector);
            if (ok) total += value;
            else if (unreadable == address(0)) unreadable = adapter;
        }
    }

    /// @dev Each value and NAV; reverts if a venue cannot be read.
    function _readAll(address[] memory queue) private view returns (uint256[] memory values, uint256 total) {
        total = _idle;
        values = new uint256[](queue.length);
        for (uint256 i; i < queue.length; ++i) {
            (bool ok, uint256 value) = _read(queue[i], IAdapter.value.selector);
            if (!ok) revert VenueUnreadable(queue[i]);
            values[i] = value;
            total += value;
        }
    }

    /// @dev What leavers can be paid now without loss.
    function _liquidity() private view returns (uint256 total) {
        total = _idle;
        uint256 length = _queue.length;
        for (uint256 i; i < length; ++i) {
            (bool ok, uint256 liquid) = _read(_queue[i], IAdapter.liquidity.selector);
            if (ok) total += liquid;
        }
    }

    /// @dev One word of a venue; an amount that no honest venue can report counts as unreadable.
    function _read(address adapter, bytes4 selector) private view returns (bool ok, uint256 word) {
        (ok, word) = adapter.readWord(READ_GAS, selector);
        if (word > type(uint128).max) (ok, word) = (false, 0);
    }

    function _room(uint256 total) private view returns (uint256) {
        return uint256(_depositCap).saturatingSub(total);
    }

    function _toShares(uint256 assets, uint256 total, Math.Rounding rounding) private view returns (uint256) {
        return assets.mulDiv(totalSupply() + 10 ** _decimalsOffset(), total + 1, rounding);
    }

    function _toAssets(uint256 shares, uint256 total, Math.Rounding rounding) private view returns (uint256) {
        return shares.mulDiv(total + 1, totalSupply() + 10 ** _decimalsOffset(), rounding);
    }

    function _checkLoss(uint256 navBefore, uint256 navAfter) private view {
        if (navAfter * BPS < navBefore * (BPS - _maxLossBps)) revert LossTooHigh(navBefore, navAfter, _maxLossBps);
    }

    /// @dev The tokens are really here. More than accounted is a donation and stays out of NAV.
    function _checkAccounted() private view {
        uint256 balance = IERC20(asset()).balanceOf(address(this));
        if (balance < _idle) revert Unaccounted(balance, _idle);
    }

    function _checkMayChange(bool raisesRisk) private view {
        if (raisesRisk) {
            _checkRole(DEFAULT_ADMIN_ROLE);
        } else if (
            !hasRole(GUARDIAN_ROLE, msg.sender) && !hasRole(EMERGENCY_ROLE, msg.sender)
                && !hasRole(DEFAULT_ADMIN_ROLE, msg.sender)
        ) {
            revert NotAuthorised(msg.sender);
        }
    }

    function _setDepositCap(uint256 cap) private {
        _depositCap = cap.toUint128();
        emit DepositCapSet(cap);
    }

    function _setMaxLoss(uint256 bps) private {
        if (bps > MAX_LOSS_HARD_BOUND_BPS) revert AboveHardBound(bps, MAX_LOSS_HARD_BOUND_BPS);
        _maxLossBps = bps.toUint16();
        emit MaxLossSet(bps);
    }
}
