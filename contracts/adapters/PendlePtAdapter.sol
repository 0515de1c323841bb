// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAdapter} from "../interfaces/IAdapter.sol";
import {IPendleMarket, IPendleYieldToken, IStandardizedYield} from "../interfaces/IPendle.sol";
import {ExpLog} from "../libraries/ExpLog.sol";
import {PendleCurve} from "../libraries/PendleCurve.sol";
import {AdapterBase} from "./AdapterBase.sol";
import {IERC4626} from "@openzeppelin/contracts/interfaces/IERC4626.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";
import {SafeCast} from "@openzeppelin/contracts/utils/math/SafeCast.sol";

/// @title PendlePtAdapter
/// @notice Buys the principal token (PT) of a Pendle market whose SY wraps an ERC-4626 vault over the vault's asset, holds it, and redeems
/// it at par once it has matured: a fixed rate to a fixed day. Leaving before that day means selling on the market.
///
/// A PT is valued at the market's own time-weighted implied rate over {twapWindow}, discounted to maturity, and at what its SY pays: at par
/// at most, and below it when the SY has lost. A trade moves that price only by the part of the window that it has stood, so by nothing
/// within its block. A sale or purchase that is worse than this price by more than {maxSlippageBps} reverts. From maturity on a PT is worth
/// what it redeems for: par, or what its SY has left of it.
///
/// @dev Trades go to the market itself, which is immutable, and not through Pendle's router, whose code its owner can change.
///
/// Assumptions on what governance lists: the market comes from Pendle's factory; one SY is one share of its ERC-4626 vault; that vault's
/// share price cannot be raised for a moment (Pendle's PY index is the highest that anyone has shown it, and a PT is owed by that index).
///
/// Precision: Pendle's index is the price of one unit of SY in units of the asset, with 18 decimals. Where a share of the vault has 18
/// decimals and the asset 6, that leaves six digits, in favour of PT: a matured PT redeems for up to a millionth more than par.
///
/// Liveness: nobody can make the TWAP unreadable, because the market keeps at least one observation per block of the window (checked at
/// construction; the number never falls). The SY's owner may pause it, which stops entry and exit alike.
contract PendlePtAdapter is AdapterBase {
    using PendleCurve for PendleCurve.Curve;
    using SafeCast for uint256;
    using SafeERC20 for IERC20;

    error AssetMismatch(address syAsset, address vaultAsset);
    error AssetNotAccepted(address sy, address token);
    error TwapWindowOutOfRange(uint256 window, uint256 minimum, uint256 maximum);
    error SlippageOutOfRange(uint256 bps, uint256 maximum);
    error SharesTooCoarse(uint256 unitValue, uint256 maximum);
    error BlockTimeZero();
    error TooFewObservations(uint256 observations, uint256 required);
    error AlreadyMatured(uint256 expiry);
    error ExceedsPosition(uint256 assets, uint256 value);
    error InsufficientOutput(uint256 received, uint256 minimum);
    error SyInconsistent(uint256 pays, uint256 worth);

    uint256 private constant WAD = 1e18;
    uint256 private constant BPS = 10_000;
    uint256 private constant YEAR = 365 days;
    uint256 private constant MIN_TWAP_WINDOW = 15 minutes;
    uint256 private constant MAX_TWAP_WINDOW = 1 days;
    uint256 private constant MAX_SLIPPAGE_BPS = 100;
    /// @dev Units that market, PT, SY and ERC-4626 vault may each round away in one sale.
    uint256 private constant ROUNDING = 4;
    /// @dev Units that the value may fall by beyond what was asked, which the vault lets pass: a rest of no more leaves with the others.
    uint256 private constant DUST = 2;
    /// @dev The most that one share unit of the vault under the SY may be worth, in units of the asset, rounded down.
    uint256 private constant MAX_SHARE_UNIT_VALUE = 1;

    IStandardizedYield public immutable sy;
    IERC20 public immutable pt;
    IPendleYieldToken public immutable yt;
    /// @notice The ERC-4626 vault that the SY wraps.
    IERC4626 public immutable underlying;
    /// @notice Unix time from which PT is redeemed at par.
    uint256 public immutable expiry;
    /// @notice Seconds over which the market's implied rate is averaged.
    uint256 public immutable twapWindow;
    /// @notice The part of a trade's value at the TWAP, in basis points, that it may cost.
    uint256 public immutable maxSlippageBps;

    /// @param market The Pendle V2 market. It must not have matured, and its observations must already reach back over the window.
    /// @param twapWindow_ Seconds, 15 minutes to a day.
    /// @param blockTime The chain's shortest time between two blocks, in seconds, at least one.
    /// @param maxSlippageBps_ 1 to 100 basis points.
    constructor(address vault_, address market, uint256 twapWindow_, uint256 blockTime, uint256 maxSlippageBps_)
        AdapterBase(vault_, market)
    {
        if (twapWindow_ < MIN_TWAP_WINDOW || twapWindow_ > MAX_TWAP_WINDOW) {
            revert TwapWindowOutOfRange(twapWindow_, MIN_TWAP_WINDOW, MAX_TWAP_WINDOW);
        }
        if (maxSlippageBps_ == 0 || maxSlippageBps_ > MAX_SLIPPAGE_BPS) {
            revert SlippageOutOfRange(maxSlippageBps_, MAX_SLIPPAGE_BPS);
        }
        if (blockTime == 0) revert BlockTimeZero();
        twapWindow = twapWindow_;
        maxSlippageBps = maxSlippageBps_;

        (address sy_, address pt_, address yt_) = IPendleMarket(market).readTokens();
        sy = IStandardizedYield(sy_);
        pt = IERC20(pt_);
        yt = IPendleYieldToken(yt_);
        underlying = IERC4626(IStandardizedYield(sy_).yieldToken());
        expiry = IPendleMarket(market).expiry();

        address syAsset = underlying.asset();
        if (syAsset != asset) revert AssetMismatch(syAsset, asset);
        if (!sy.isValidTokenIn(asset) || !sy.isValidTokenOut(asset)) revert AssetNotAccepted(sy_, asset);
        if (!sy.isValidTokenOut(address(underlying))) revert AssetNotAccepted(sy_, address(underlying));
        uint256 unitValue = underlying.convertToAssets(1);
        if (unitValue > MAX_SHARE_UNIT_VALUE) revert SharesTooCoarse(unitValue, MAX_SHARE_UNIT_VALUE);
        if (expiry <= block.timestamp) revert AlreadyMatured(expiry);

        uint256 required = Math.ceilDiv(twapWindow_, blockTime) + 1;
        (,,,, uint16 observations,) = IPendleMarket(market)._storage();
        if (observations < required) revert TooFewObservations(observations, required);
        ptPrice();
    }

    // ------------------------------------------------------------------------------------------------------------ figures

    /// @notice Assets per PT by a solvent SY, 18-decimal fixed point, rounded down: the market's implied rate over the window discounted
    /// from maturity to now, one from maturity on. Reverts with the market's error if its observations do not reach back over the window.
    function ptPrice() public view returns (uint256) {
        if (_matured()) return WAD;
        uint32[] memory ago = new uint32[](2);
        ago[0] = twapWindow.toUint32();
        uint216[] memory cumulative = IPendleMarket(venue).observe(ago);
        uint256 lnImpliedRate = (cumulative[1] - cumulative[0]) / twapWindow;
        return ExpLog.exp(-(Math.ceilDiv(lnImpliedRate * (expiry - block.timestamp), YEAR).toInt256()));
    }

    /// @inheritdoc IAdapter
    function value() public view returns (uint256) {
        uint256 principal = pt.balanceOf(address(this));
        if (_matured()) return _redeemable(sy.balanceOf(address(this)) + Math.mulDiv(principal, WAD, _pyIndex()));
        return principal == 0 ? 0 : _worth(principal, ptPrice());
    }

    /// @inheritdoc IAdapter
    /// @dev Before maturity zero: a sale costs the market's fee.
    function liquidity() public view returns (uint256) {
        return _matured() && !sy.paused() ? Math.min(value(), underlying.maxWithdraw(address(sy))) : 0;
    }

    /// @inheritdoc IAdapter
    /// @dev Before maturity, what the market would buy now at an average price within the bound and the SY could then pay in assets.
    function exitLiquidity() external view returns (uint256) {
        if (_matured()) return liquidity();
        uint256 principal = pt.balanceOf(address(this));
        if (principal == 0 || sy.paused()) return 0;
        uint256 price = ptPrice();
        uint256 saleable = _saleable(principal, price);
        return saleable == 0 ? 0 : _worth(saleable, price);
    }

    /// @inheritdoc IAdapter
    /// @dev ERC-4626 does not say how much of a vault is lent out, so this is the part of our own position that the SY's vault could
    /// not pay now.
    function utilisation() external view returns (uint256) {
        uint256 held = value();
        if (held == 0) return 0;
        uint256 stuck = Math.saturatingSub(held, underlying.maxWithdraw(address(sy)));
        return Math.mulDiv(stuck, WAD, held, Math.Rounding.Ceil);
    }

    /// @inheritdoc IAdapter
    /// @dev The market's PT at our price and its SY. A trade changes one for the other at about the same value.
    function venueSize() external view returns (uint256) {
        (int128 totalPt, int128 totalSy,,,,) = IPendleMarket(venue)._storage();
        uint256 principalInSy = Math.mulDiv(SafeCast.toUint256(totalPt), ptPrice(), _pyIndex());
        return _redeemable(SafeCast.toUint256(totalSy) + principalInSy);
    }

    /// @inheritdoc IAdapter
    function health() external view returns (bool depositable, bool withdrawable) {
        if (sy.paused()) return (false, false);
        depositable = !_matured() && underlying.maxDeposit(address(sy)) != 0;
        bool empty = pt.balanceOf(address(this)) == 0 && sy.balanceOf(address(this)) == 0;
        withdrawable = empty || underlying.maxWithdraw(address(sy)) != 0;
    }

    // -------------------------------------------------------------------------------------------------------------- moves

    /// @inheritdoc IAdapter
    /// @dev Buys as much PT as the assets pay for. What is left of them, less than a few units, stays with the market.
    /// @param data Empty, or abi.encode(uint256 minPt): the fewest units of PT to accept, beside the bound.
    function deposit(uint256 assets, bytes calldata data) external onlyVault {
        uint256 minPt = _minimum(data);
        if (_matured()) revert AlreadyMatured(expiry);

        IERC20(asset).forceApprove(address(sy), assets);
        uint256 shares = sy.deposit(venue, asset, assets, 0);
        if (IERC20(asset).allowance(address(this), address(sy)) != 0) IERC20(asset).forceApprove(address(sy), 0);

        uint256 index = _pyIndex();
        uint256 price = ptPrice();
        uint256 principal = PendleCurve.load(IPendleMarket(venue), index).bought(Math.mulDiv(shares, index, WAD));
        if (principal < minPt) revert InsufficientOutput(principal, minPt);
        uint256 before = pt.balanceOf(address(this));
        IPendleMarket(venue).swapSyForExactPt(address(this), principal, "");
        principal = pt.balanceOf(address(this)) - before;

        uint256 worth = _worth(principal, price);
        uint256 minimum = _bound(assets);
        if (worth < minimum) revert InsufficientOutput(worth, minimum);
    }

    /// @inheritdoc IAdapter
    /// @dev Before maturity it sells PT, all of it that {exitLiquidity} allows for type(uint256).max. From maturity on it redeems, and
    /// what is not paid yet is kept as SY, which goes on earning where PT does not.
    /// @param data Empty, or abi.encode(uint256 minAssets): the fewest assets to accept, beside the bound.
    function withdraw(uint256 assets, bytes calldata data) external onlyVault {
        uint256 minimum = _minimum(data);
        uint256 before = IERC20(asset).balanceOf(vault);
        if (_matured()) _redeem(assets);
        else minimum = Math.max(minimum, _sell(assets));
        uint256 received = IERC20(asset).balanceOf(vault) - before;
        if (received < minimum) revert InsufficientOutput(received, minimum);
    }

    /// @dev Sells PT for assets to the vault.
    /// @return minimum The least that this sale may bring.
    function _sell(uint256 assets) private returns (uint256 minimum) {
        uint256 principal = pt.balanceOf(address(this));
        if (assets == type(uint256).max) {
            if (principal == 0 || sy.paused()) return 0;
            uint256 price = ptPrice();
            principal = _saleable(principal, price);
            if (principal == 0) return 0;
            assets = _worth(principal, price);
        } else {
            uint256 worth = value();
            if (assets > worth) revert ExceedsPosition(assets, worth);
            if (assets == 0) return 0;
            // A remainder of a few units cannot be sold: it goes with the rest, or waits for maturity.
            if (assets + DUST < worth) principal = Math.mulDiv(principal, assets, worth);
        }
        minimum = Math.saturatingSub(_bound(assets), ROUNDING);
        pt.safeTransfer(venue, principal);
        (uint256 shares,) = IPendleMarket(venue).swapExactPtForSy(address(this), principal, "");
        sy.redeem(vault, shares, asset, 0, false);
    }

    /// @dev Pays the vault from matured PT: exactly `assets`, or all that there is and can be paid.
    function _redeem(uint256 assets) private {
        uint256 worth = value();
        if (assets == type(uint256).max) assets = liquidity();
        else if (assets > worth) revert ExceedsPosition(assets, worth);
        if (assets == 0) return;

        uint256 principal = pt.balanceOf(address(this));
        if (principal != 0) {
            pt.safeTransfer(address(yt), principal);
            yt.redeemPY(address(this));
        }
        if (assets == worth) {
            // By shares, so that nothing is left to rounding.
            sy.redeem(vault, sy.balanceOf(address(this)), asset, 0, false);
        } else {
            // By assets, which an SY does not offer, but its vault does: to the unit, however coarse the shares.
            sy.redeem(address(this), underlying.previewWithdraw(assets), address(underlying), 0, false);
            underlying.withdraw(assets, vault, address(this));
        }
    }

    // ------------------------------------------------------------------------------------------------------------ internal

    function _matured() private view returns (bool) {
        return block.timestamp >= expiry;
    }

    /// @dev The part of `principal` that could be sold now, in PT.
    function _saleable(uint256 principal, uint256 price) private view returns (uint256) {
        uint256 index = _pyIndex();
        PendleCurve.Curve memory curve = PendleCurve.load(IPendleMarket(venue), index);
        uint256 payable_ = Math.mulDiv(underlying.maxRedeem(address(sy)), index, WAD);
        principal = Math.min(principal, curve.sellable(_bound(price)));
        principal = Math.min(principal, curve.soldFor(payable_));
        return principal != 0 && curve.paysFee(principal) ? principal : 0;
    }

    /// @dev What `principal` is worth at `price` before maturity, rounded down: the price, but not more than the SY pays that it stands for.
    /// An SY that pays twice what its own rate says is broken, and the position unknown.
    function _worth(uint256 principal, uint256 price) private view returns (uint256) {
        uint256 pays = _redeemable(Math.mulDiv(principal, price, _pyIndex()));
        uint256 worth = Math.mulDiv(principal, price, WAD);
        if (pays > 2 * worth + ROUNDING) revert SyInconsistent(pays, worth);
        return Math.min(pays, worth);
    }

    function _redeemable(uint256 shares) private view returns (uint256) {
        return shares == 0 ? 0 : sy.previewRedeem(asset, shares);
    }

    /// @dev `amount` less the slippage allowed, rounded up.
    function _bound(uint256 amount) private view returns (uint256) {
        return Math.mulDiv(amount, BPS - maxSlippageBps, BPS, Math.Rounding.Ceil);
    }

    /// @dev The PY index as the market would find it in this block.
    function _pyIndex() private view returns (uint256) {
        uint256 stored = yt.pyIndexStored();
        if (yt.doCacheIndexSameBlock() && yt.pyIndexLastUpdatedBlock() == block.number) return stored;
        return Math.max(sy.exchangeRate(), stored);
    }

    function _minimum(bytes calldata data) private pure returns (uint256) {
        if (data.length == 0) return 0;
        if (data.length != 32) revert UnexpectedData();
        return abi.decode(data, (uint256));
    }
}
