// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAdapter} from "../interfaces/IAdapter.sol";
import {IPriceSource} from "../interfaces/IPriceSource.sol";
import {ISwapper} from "../interfaces/ISwapper.sol";
import {IUniswapV3Pool} from "../interfaces/IUniswapV3.sol";
import {ConcentratedLiquidity} from "../libraries/ConcentratedLiquidity.sol";
import {TickPrice} from "../libraries/TickPrice.sol";
import {UniswapV3Position} from "../libraries/UniswapV3Position.sol";
import {AdapterBase} from "./AdapterBase.sol";
import {LadderExit} from "./LadderExit.sol";
import {SlippageBounded} from "./SlippageBounded.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title UniswapV3Valuation
/// @notice What a Uniswap V3 position of the vault's asset and another stablecoin is worth, by the oracles, and the figures that follow.
///
/// Value: the position's two amounts as they would be with the pool at the oracle price, at that price, plus the fees earned so far; the
/// other coin's price counts up to the asset's, not above. The pool's own price is not read for it. For a given liquidity the oracle price
/// is where the two amounts, at oracle prices, are worth least: a push of the pool's price can only add to what is really there. Fees count
/// as they accrue, credited or not: anyone can make a pool credit them, which must not move the value; they are paid by whoever trades.
/// In the middle of a pool's own call all this reads as it does before or after it: a pool settles its books before it calls anyone back,
/// and whoever is called back pays or undoes everything. A value that could be made unreadable from a callback would be worth attacking.
///
/// What is not known. {exitLiquidity} reckons as if the liquidity in range reached as far as the sale goes: liquidity put there for a moment,
/// or less of it further on, makes it more than could leave. {venueSize} is the pool's balances, which lack what a call has borrowed of them
/// while it lasts, for the pool's fee on it; and which anyone may add to.
abstract contract UniswapV3Valuation is AdapterBase, LadderExit, SlippageBounded {
    using UniswapV3Position for UniswapV3Position.Holding;

    struct Config {
        /// @dev Becomes {venue}.
        address pool;
        IPriceSource prices;
        /// @dev May be zero: the pool itself then is the only market for the other coin.
        ISwapper swapper;
        uint256 maxSlippageBps;
        uint256 maxDeviationBps;
    }

    /// @dev Both coins' prices in dollars, 18 decimals, and the pool prices that follow from them, Q64.96 square roots: as the market
    /// should be, and with the other coin at no more than the asset, which is what positions are valued at.
    struct Oracle {
        uint256 assetPrice;
        uint256 otherPrice;
        uint160 sqrtPrice;
        uint160 sqrtValuePrice;
    }

    uint256 internal constant WAD = 1e18;
    /// @notice Half the width of the range.
    uint256 public constant RANGE_BPS = 50;
    /// @dev Beyond this the pool's price could be at the edge of a fresh range.
    uint256 private constant WIDEST_DEVIATION_BPS = RANGE_BPS;

    /// @notice The pool's other coin.
    address public immutable other;
    /// @notice Most that the pool's price may differ from the oracle's when liquidity is added, in basis points.
    uint256 public immutable maxDeviationBps;

    bool internal immutable _assetIsZero;
    uint256 private immutable _assetUnit;
    uint256 private immutable _otherUnit;
    uint24 private immutable _feePips;

    /// @notice The position's range; both zero while there is no position. What is sent to an adapter without one counts for nothing, so that
    /// nobody can make an empty adapter depend on prices, and liquidity given to a range that was left does not bind the next one.
    int24 public tickLower;
    int24 public tickUpper;

    error AssetNotInPool(address pool, address asset);
    error DeviationBoundTooWide(uint256 bps, uint256 widest);
    /// @notice A unit of the other coin may be worth more than a unit of the asset, so rounding would take more than was asked.
    error OtherTooCoarse(address other, uint256 decimals);

    constructor(address vault_, Config memory config)
        AdapterBase(vault_, config.pool)
        SlippageBounded(config.prices, config.swapper, config.maxSlippageBps)
    {
        IUniswapV3Pool pool = IUniswapV3Pool(config.pool);
        (address token0, address token1) = (pool.token0(), pool.token1());
        if (token0 != asset && token1 != asset) revert AssetNotInPool(config.pool, asset);
        if (config.maxDeviationBps == 0 || config.maxDeviationBps > WIDEST_DEVIATION_BPS) {
            revert DeviationBoundTooWide(config.maxDeviationBps, WIDEST_DEVIATION_BPS);
        }
        _assetIsZero = token0 == asset;
        other = token0 == asset ? token1 : token0;
        maxDeviationBps = config.maxDeviationBps;
        _assetUnit = 10 ** IERC20Metadata(asset).decimals();
        _otherUnit = 10 ** IERC20Metadata(other).decimals();
        if (_otherUnit < _assetUnit) revert OtherTooCoarse(other, IERC20Metadata(other).decimals());
        _feePips = pool.fee();
    }

    // ------------------------------------------------------------------------------------------------------------- reading

    /// @inheritdoc IAdapter
    /// @dev At the oracle's price, rounded down.
    function value() external view returns (uint256) {
        if (!_isOpen()) return 0;
        return _value(_oracle());
    }

    /// @inheritdoc IAdapter
    /// @dev Zero: leaving costs a swap.
    function liquidity() external pure returns (uint256) {
        return 0;
    }

    /// @inheritdoc IAdapter
    /// @dev An estimate at the pool's price now: the other coin's sale is reckoned against the liquidity that is in range and not ours. The
    /// whole position if that is within the slippage bound, else the largest of its half, quarter and eighth that is. Nothing while the pool
    /// is in the middle of a call.
    function exitLiquidity() external view returns (uint256) {
        (,, bool unlocked) = _spot();
        if (!_isOpen() || !unlocked) return 0;
        uint256 held = _value(_oracle());
        for (uint256 i; i <= HALVINGS; ++i) {
            uint256 part = held >> i;
            if (_quoteExit(part, held) >= _lessSlippage(part)) return part;
        }
        return 0;
    }

    /// @inheritdoc IAdapter
    /// @dev Zero: a pool lends nothing out.
    function utilisation() external pure returns (uint256) {
        return 0;
    }

    /// @inheritdoc IAdapter
    /// @dev The pool's two balances at the oracles' prices, also in the middle of its calls.
    function venueSize() external view returns (uint256) {
        return IERC20(asset).balanceOf(venue) + _inAssets(_oracle(), IERC20(other).balanceOf(venue));
    }

    /// @inheritdoc IAdapter
    /// @dev Liquidity is taken while the pool stands by the oracle and in the position's range; a core pool cannot refuse a withdrawal.
    function health() external view returns (bool depositable, bool withdrawable) {
        (uint160 spot,, bool unlocked) = _spot();
        withdrawable = unlocked;
        try this.divergence() returns (uint256 diverged) {
            depositable = unlocked && diverged <= _divergenceBound();
            if (depositable && _isOpen()) depositable = _inRange(spot) && _inRange(_oracle().sqrtPrice);
        } catch {
            depositable = false;
        }
    }

    /// @notice How far the pool's price is from the oracle's, 18-decimal fixed point (1e16 = 1 %), rounded up.
    function divergence() external view returns (uint256) {
        (uint160 spot,,) = _spot();
        return _divergence(spot, _oracle().sqrtPrice);
    }

    // -------------------------------------------------------------------------------------------------------------- oracle

    function _oracle() internal view returns (Oracle memory oracle) {
        oracle.assetPrice = prices.priceOf(asset);
        oracle.otherPrice = prices.priceOf(other);
        oracle.sqrtPrice = _sqrtPrice(oracle.assetPrice, oracle.otherPrice, BPS);
        oracle.sqrtValuePrice = oracle.otherPrice <= oracle.assetPrice
            ? oracle.sqrtPrice
            : _sqrtPrice(oracle.assetPrice, oracle.assetPrice, BPS);
    }

    /// @dev The pool price that the oracles' prices amount to, times `bps`: √(token1 units per token0 unit) · 2^96.
    function _sqrtPrice(uint256 assetPrice, uint256 otherPrice, uint256 bps) internal view returns (uint160) {
        (uint256 worth0, uint256 worth1) = (assetPrice * _otherUnit, otherPrice * _assetUnit);
        if (!_assetIsZero) (worth0, worth1) = (worth1, worth0);
        // Below 2^64 tokens per token the square root fits; mulDiv reverts above.
        // forge-lint: disable-next-line(unsafe-typecast)
        return uint160(Math.sqrt(Math.mulDiv(worth0 * bps, 1 << 192, worth1 * BPS)));
    }

    /// @dev Units of the other coin in assets: at its oracle price, at most at the asset's.
    function _inAssets(Oracle memory oracle, uint256 others) internal view returns (uint256) {
        return Math.mulDiv(
            others * _assetUnit, Math.min(oracle.otherPrice, oracle.assetPrice), oracle.assetPrice * _otherUnit
        );
    }

    function _divergence(uint160 spot, uint160 oracle) internal pure returns (uint256) {
        (uint256 high, uint256 low) = spot > oracle ? (spot, oracle) : (oracle, spot);
        uint256 ratio = Math.mulDiv(high, WAD, low, Math.Rounding.Ceil);
        return Math.mulDiv(ratio, ratio, WAD, Math.Rounding.Ceil) - WAD;
    }

    function _divergenceBound() internal view returns (uint256) {
        return maxDeviationBps * (WAD / BPS);
    }

    // ------------------------------------------------------------------------------------------------------------ position

    function _value(Oracle memory oracle) internal view returns (uint256) {
        (uint256 assets, uint256 others) = _contents(_holding(), oracle.sqrtValuePrice);
        return assets + IERC20(asset).balanceOf(address(this))
            + _inAssets(oracle, others + IERC20(other).balanceOf(address(this)));
    }

    function _holding() internal view returns (UniswapV3Position.Holding memory) {
        (, int24 tick,) = _spot();
        return UniswapV3Position.read(_pool(), tick, tickLower, tickUpper);
    }

    /// @dev Both coins of a holding at a pool price, fees included.
    function _contents(UniswapV3Position.Holding memory holding, uint160 price)
        internal
        view
        returns (uint256 assets, uint256 others)
    {
        (uint256 amount0, uint256 amount1) = _amounts(price, holding.liquidity);
        return _sorted(amount0 + holding.fees0, amount1 + holding.fees1);
    }

    function _isOpen() internal view returns (bool) {
        return tickLower != tickUpper;
    }

    function _liquidity() internal view returns (uint128 held) {
        (held,,,,) = _pool().positions(UniswapV3Position.key(tickLower, tickUpper));
    }

    function _inRange(uint160 price) internal view returns (bool) {
        return price > TickPrice.sqrtPriceAt(tickLower) && price < TickPrice.sqrtPriceAt(tickUpper);
    }

    function _amounts(uint160 price, uint128 held) internal view returns (uint256, uint256) {
        if (held == 0) return (0, 0);
        return
            ConcentratedLiquidity.amounts(
                price, TickPrice.sqrtPriceAt(tickLower), TickPrice.sqrtPriceAt(tickUpper), held
            );
    }

    /// @dev What taking out `part` of `ofAll` now would bring, in assets, by the pool's price and the liquidity of others.
    function _quoteExit(uint256 part, uint256 ofAll) internal view returns (uint256) {
        if (ofAll == 0) return 0;
        (uint160 spot, int24 tick,) = _spot();
        UniswapV3Position.Holding memory taken = _holding().fraction(part, ofAll);
        (uint256 assets, uint256 others) = _contents(taken, spot);
        assets += Math.mulDiv(IERC20(asset).balanceOf(address(this)), part, ofAll);
        others += Math.mulDiv(IERC20(other).balanceOf(address(this)), part, ofAll);
        uint128 left = _pool().liquidity();
        if (tick >= tickLower && tick < tickUpper) left -= taken.liquidity;
        return assets + ConcentratedLiquidity.sale(spot, left, _feePips, !_assetIsZero, others);
    }

    // ------------------------------------------------------------------------------------------------------------- the pool

    function _pool() internal view returns (IUniswapV3Pool) {
        return IUniswapV3Pool(venue);
    }

    function _spot() internal view returns (uint160 sqrtPrice, int24 tick, bool unlocked) {
        (sqrtPrice, tick,,,,, unlocked) = _pool().slot0();
    }

    /// @dev From the pool's order to (asset, other), or back.
    function _sorted(uint256 x, uint256 y) internal view returns (uint256, uint256) {
        return _assetIsZero ? (x, y) : (y, x);
    }
}
