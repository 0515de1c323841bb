// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IComet, ICometRewards} from "../../contracts/interfaces/ICompoundV3.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title CometMarket
/// @notice A lending market with the ABI and the accounting of Compound III's Comet, of which no package carries sources or bytecode:
/// signed principals times an index of scale 1e15, presented value rounded down, principal of supply rounded down and of debt up,
/// withdrawals beyond the balance turned into loans, utilisation from present values, rewards tracked per unit of supply.
/// @dev Not Comet's: one linear rate curve, one collateral whose price is fixed, no liquidation, no reserves' sale.
contract CometMarket is IComet {
    using SafeERC20 for IERC20;

    error Paused();
    error NotCollateralized();
    error BadAsset();

    uint256 private constant INDEX_SCALE = 1e15;
    uint256 private constant WAD = 1e18;
    /// @dev 6 % a year on everything lent, per second.
    uint256 private constant BORROW_RATE = 1_902_587_519;
    uint256 private constant SUPPLY_SHARE = 0.9e18;

    address public immutable baseToken;
    address public immutable collateral;
    /// @notice Base units that one unit of collateral supports.
    uint256 public immutable borrowPerCollateral;
    uint256 public immutable baseScale;
    /// @notice Reward tracking per second, in units of 1e15 per whole market.
    uint256 public constant baseTrackingSupplySpeed = 1e13;

    bool public isSupplyPaused;
    bool public isWithdrawPaused;
    mapping(address account => int256) public principalOf;
    mapping(address account => uint256) public collateralOf;
    mapping(address account => uint256) public baseTrackingAccrued;

    mapping(address account => uint256) private _trackingIndexOf;
    uint256 private _trackingIndex;
    uint256 private _supplyIndex = INDEX_SCALE;
    uint256 private _borrowIndex = INDEX_SCALE;
    uint256 private _supplyPrincipal;
    uint256 private _borrowPrincipal;
    uint256 private _accruedAt = block.timestamp;

    constructor(address baseToken_, address collateral_, uint256 borrowPerCollateral_) {
        (baseToken, collateral, borrowPerCollateral) = (baseToken_, collateral_, borrowPerCollateral_);
        baseScale = 10 ** IERC20Metadata(baseToken_).decimals();
    }

    function pause(bool supplyPaused, bool withdrawPaused) external {
        (isSupplyPaused, isWithdrawPaused) = (supplyPaused, withdrawPaused);
    }

    /// @notice Half of what suppliers own is gone, as if borrowers had defaulted.
    function loseHalf() external {
        accrue();
        _supplyIndex /= 2;
    }

    function supply(address asset, uint256 amount) external {
        supplyTo(msg.sender, asset, amount);
    }

    /// @notice Anyone may supply for anyone.
    function supplyTo(address dst, address asset, uint256 amount) public {
        if (isSupplyPaused) revert Paused();
        IERC20(asset).safeTransferFrom(msg.sender, address(this), amount);
        if (asset == collateral) {
            collateralOf[dst] += amount;
        } else {
            if (asset != baseToken) revert BadAsset();
            accrue();
            // forge-lint: disable-next-line(unsafe-typecast)
            _setBalance(dst, _present(principalOf[dst]) + int256(amount));
        }
    }

    function withdraw(address asset, uint256 amount) external {
        withdrawTo(msg.sender, asset, amount);
    }

    function withdrawTo(address to, address asset, uint256 amount) public {
        if (isWithdrawPaused) revert Paused();
        if (asset != baseToken) revert BadAsset();
        accrue();
        if (amount == type(uint256).max) amount = balanceOf(msg.sender);
        // forge-lint: disable-next-line(unsafe-typecast)
        int256 balance = _present(principalOf[msg.sender]) - int256(amount);
        _setBalance(msg.sender, balance);
        // forge-lint: disable-next-line(unsafe-typecast)
        if (balance < 0 && uint256(-balance) > collateralOf[msg.sender] * borrowPerCollateral) {
            revert NotCollateralized();
        }
        IERC20(baseToken).safeTransfer(to, amount);
    }

    function accrueAccount(address account) external {
        accrue();
        _setPrincipal(account, principalOf[account]);
    }

    function balanceOf(address account) public view returns (uint256) {
        (uint256 index,,) = _indices();
        int256 principal = principalOf[account];
        // forge-lint: disable-next-line(unsafe-typecast)
        return principal > 0 ? uint256(principal) * index / INDEX_SCALE : 0;
    }

    function totalSupply() public view returns (uint256) {
        (uint256 index,,) = _indices();
        return _supplyPrincipal * index / INDEX_SCALE;
    }

    function totalBorrow() public view returns (uint256) {
        (, uint256 index,) = _indices();
        return _borrowPrincipal * index / INDEX_SCALE;
    }

    function getUtilization() public view returns (uint256) {
        uint256 supplied = _supplyPrincipal * _supplyIndex / INDEX_SCALE;
        return supplied == 0 ? 0 : _borrowPrincipal * _borrowIndex / INDEX_SCALE * WAD / supplied;
    }

    function accrue() public {
        (_supplyIndex, _borrowIndex, _trackingIndex) = _indices();
        _accruedAt = block.timestamp;
    }

    function _indices() private view returns (uint256 supplyIndex, uint256 borrowIndex, uint256 trackingIndex) {
        uint256 elapsed = block.timestamp - _accruedAt;
        uint256 supplyRate = BORROW_RATE * getUtilization() / WAD * SUPPLY_SHARE / WAD;
        supplyIndex = _supplyIndex + _supplyIndex * supplyRate * elapsed / WAD;
        borrowIndex = _borrowIndex + _borrowIndex * BORROW_RATE * elapsed / WAD;
        trackingIndex = _trackingIndex;
        if (_supplyPrincipal != 0) trackingIndex += baseTrackingSupplySpeed * elapsed * baseScale / _supplyPrincipal;
    }

    function _setBalance(address account, int256 balance) private {
        int256 principal = balance >= 0
            // forge-lint: disable-next-line(unsafe-typecast)
            ? int256(uint256(balance) * INDEX_SCALE / _supplyIndex)
            // forge-lint: disable-next-line(unsafe-typecast)
            : -int256(Math.mulDiv(uint256(-balance), INDEX_SCALE, _borrowIndex, Math.Rounding.Ceil));
        _setPrincipal(account, principal);
    }

    function _setPrincipal(address account, int256 principal) private {
        int256 old = principalOf[account];
        if (old > 0) {
            // forge-lint: disable-next-line(unsafe-typecast)
            baseTrackingAccrued[account] += uint256(old) * (_trackingIndex - _trackingIndexOf[account]) / baseScale;
        }
        _trackingIndexOf[account] = _trackingIndex;
        _supplyPrincipal = _supplyPrincipal + _positive(principal) - _positive(old);
        _borrowPrincipal = _borrowPrincipal + _positive(-principal) - _positive(-old);
        principalOf[account] = principal;
    }

    function _present(int256 principal) private view returns (int256) {
        return principal >= 0
            // forge-lint: disable-next-line(unsafe-typecast)
            ? int256(uint256(principal) * _supplyIndex / INDEX_SCALE)
            // forge-lint: disable-next-line(unsafe-typecast)
            : -int256(uint256(-principal) * _borrowIndex / INDEX_SCALE);
    }

    function _positive(int256 x) private pure returns (uint256) {
        // forge-lint: disable-next-line(unsafe-typecast)
        return x > 0 ? uint256(x) : 0;
    }
}

/// @title CometRewardDesk
/// @notice Pays what a {CometMarket} has tracked, one reward unit of 18 decimals per 1e15 tracked, as CometRewards does.
contract CometRewardDesk is ICometRewards {
    using SafeERC20 for IERC20;

    error NotSupported(address comet);

    IERC20 public immutable token;
    address public immutable comet;
    mapping(address account => uint256) public claimed;

    constructor(address comet_, IERC20 token_) {
        (comet, token) = (comet_, token_);
    }

    function claim(address comet_, address src, bool shouldAccrue) external {
        if (comet_ != comet) revert NotSupported(comet_);
        if (shouldAccrue) CometMarket(comet).accrueAccount(src);
        uint256 accrued = CometMarket(comet).baseTrackingAccrued(src) * 1e3;
        uint256 owed = accrued - claimed[src];
        claimed[src] = accrued;
        if (owed != 0) token.safeTransfer(src, owed);
    }
}
