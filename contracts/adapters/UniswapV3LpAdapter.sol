// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAdapter} from "../interfaces/IAdapter.sol";
import {IUniswapV3Callbacks} from "../interfaces/IUniswapV3.sol";
import {ConcentratedLiquidity} from "../libraries/ConcentratedLiquidity.sol";
import {TickPrice} from "../libraries/TickPrice.sol";
import {UniswapV3Position} from "../libraries/UniswapV3Position.sol";
import {LadderExit} from "./LadderExit.sol";
import {UniswapV3Valuation} from "./UniswapV3Valuation.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title UniswapV3LpAdapter
/// @notice Provides liquidity to a Uniswap V3 pool of the vault's asset and another stablecoin, in one range of ±0.5 % around the oracle
/// price at entry, held directly in the core pool.
///
/// Value: see {UniswapV3Valuation}.
///
/// Entry needs the pool's price within `maxDeviationBps` of the oracle's, and stays there. Exit needs no such thing: what arrives is held
/// against the value, so it works wherever the pool stands if it pays enough, and through the swapper if the pool itself is the trouble.
/// A part that leaves takes its part of everything: liquidity, fees, and what lies here of either coin.
///
/// Assumptions. The pool is Uniswap's own code (it calls back only whoever called it); the tokens have no transfer hooks, fees or
/// rebasing. Fractions of a unit, and what does not fit the range, stay here and are part of the value.
contract UniswapV3LpAdapter is UniswapV3Valuation, IUniswapV3Callbacks {
    using SafeERC20 for IERC20;
    using UniswapV3Position for UniswapV3Position.Holding;

    /// @dev Each round of swap and mint leaves the price impact's part of the last one's rest.
    uint256 private constant ENTRY_ROUNDS = 2;
    /// @dev Composition is measured on this much liquidity.
    uint128 private constant SAMPLE = 1 << 100;

    int24 private immutable _spacing;

    event RangeOpened(int24 tickLower, int24 tickUpper, uint160 oracleSqrtPriceX96);

    error NotThePool(address caller);
    /// @notice The pool's price is too far from the oracle's to add liquidity; both in 18-decimal fixed point.
    error SpotDiverged(uint256 divergence, uint256 bound);
    /// @notice The price has left the range of the position, which has to be withdrawn before a new range is opened.
    error OutOfRange(int24 tickLower, int24 tickUpper);

    constructor(address vault_, Config memory config) UniswapV3Valuation(vault_, config) {
        _spacing = _pool().tickSpacing();
    }

    /// @inheritdoc IAdapter
    /// @param data Empty, or abi.encode(uint256 minimum gain of value) to ask for more than the oracle-bounded minimum.
    function deposit(uint256 assets, bytes calldata data) external onlyVault {
        Oracle memory oracle = _oracle();
        uint256 minimum = Math.max(_lessSlippage(assets), _minimum(data));
        // `assets` are here already.
        uint256 before = _value(oracle) - assets;

        (uint160 spot,,) = _spot();
        uint256 diverged = _divergence(spot, oracle.sqrtPrice);
        if (diverged > _divergenceBound()) revert SpotDiverged(diverged, _divergenceBound());
        if (!_isOpen()) _openRange(oracle);
        else if (!_inRange(spot) || !_inRange(oracle.sqrtPrice)) revert OutOfRange(tickLower, tickUpper);

        // What else is here stays out of it: the cost of investing a gift is not this deposit's.
        uint256 keptAssets = IERC20(asset).balanceOf(address(this)) - assets;
        uint256 keptOthers = IERC20(other).balanceOf(address(this));
        for (uint256 round; round < ENTRY_ROUNDS; ++round) {
            _balance(oracle.sqrtPrice, keptAssets, keptOthers);
            _mint(keptAssets, keptOthers);
        }
        // The asset does not lie about; the other coin's rest is counted.
        _swapInPool(true, IERC20(asset).balanceOf(address(this)) - keptAssets, _limit(oracle.sqrtPrice, true));

        uint256 afterwards = _value(oracle);
        _requireAtLeast(afterwards > before ? afterwards - before : 0, minimum);
    }

    /// @inheritdoc IAdapter
    /// @param data Empty, abi.encode(uint256 minimum), or abi.encode(uint256 minimum, bytes route): what must arrive at least, in assets,
    /// beyond the oracle-bounded minimum, also where only a part can be had, and the other coin's route through the swapper in place of the
    /// pool.
    function withdraw(uint256 assets, bytes calldata data) external onlyVault {
        if (assets == type(uint256).max) {
            if (_isOpen()) _withdrawAllThatPays(data);
            return;
        }
        if (!_isOpen()) revert MoreThanHeld(assets, 0);
        uint256 held = _value(_oracle());
        if (assets > held) revert MoreThanHeld(assets, held);
        _take(assets, held, data);
    }

    /// @inheritdoc LadderExit
    function withdrawHalved(uint256 halvings, bytes calldata data) external override onlyVaultOrSelf {
        uint256 held = _value(_oracle());
        _take(held >> halvings, held, data);
    }

    /// @dev Takes the part worth `assets` of the position worth `held`.
    function _take(uint256 assets, uint256 held, bytes calldata data) private {
        bool whole = assets == held;
        // A position that is worth nothing by the oracle can still be emptied.
        (uint256 part, uint256 ofAll) = whole ? (1, 1) : (assets, held);
        uint256 kept = IERC20(asset).balanceOf(address(this));
        kept -= Math.mulDiv(kept, part, ofAll);
        uint256 others = Math.mulDiv(IERC20(other).balanceOf(address(this)), part, ofAll);
        others += _remove(part, ofAll);
        (uint256 minimum, bytes memory route) = _instructions(data);
        _sellOther(others, route);
        // What could not be sold, which the minimum below allows only little of, keeps the position open and counted.
        if (whole && IERC20(other).balanceOf(address(this)) == 0) (tickLower, tickUpper) = (0, 0);
        _payBeyond(kept, Math.max(_lessSlippage(assets), minimum));
    }

    /// @inheritdoc IAdapter
    /// @dev The fees, whose value the position loses with this; the other coin's part is sold. What lies here stays part of the position.
    /// @param data As for {withdraw}.
    function harvest(bytes calldata data) external override onlyVault {
        if (!_isOpen()) revert NothingToHarvest();
        if (_liquidity() != 0) _pool().burn(tickLower, tickUpper, 0);
        (uint128 owed0, uint128 owed1) = UniswapV3Position.owed(_pool(), tickLower, tickUpper);
        if (owed0 == 0 && owed1 == 0) revert NothingToHarvest();
        Oracle memory oracle = _oracle();
        uint256 kept = IERC20(asset).balanceOf(address(this));
        (uint256 assets, uint256 others) = _collect(owed0, owed1);
        (uint256 minimum, bytes memory route) = _instructions(data);
        _sellOther(others, route);
        _payBeyond(kept, Math.max(_lessSlippage(assets + _inAssets(oracle, others)), minimum));
    }

    /// @notice Pays what a mint costs. Only the pool, which calls only whoever minted.
    function uniswapV3MintCallback(uint256 amount0Owed, uint256 amount1Owed, bytes calldata) external {
        _payPool(amount0Owed, amount1Owed);
    }

    /// @notice Pays what a swap sells. Only the pool, which calls only whoever swapped.
    function uniswapV3SwapCallback(int256 amount0Delta, int256 amount1Delta, bytes calldata) external {
        // What is negative was received.
        // forge-lint: disable-next-line(unsafe-typecast)
        _payPool(amount0Delta > 0 ? uint256(amount0Delta) : 0, amount1Delta > 0 ? uint256(amount1Delta) : 0);
    }

    // --------------------------------------------------------------------------------------------------------------- range

    /// @dev The price at which a swap that sells (or buys) the asset stops: the deviation bound's.
    function _limit(uint160 oracle, bool sellsAsset) private view returns (uint160) {
        bool falls = sellsAsset == _assetIsZero;
        // √(bps / BPS), 18 decimals; √BPS is 100. Dividing where the price falls matches how divergence is measured.
        uint256 root = Math.sqrt((BPS + maxDeviationBps) * 1e32);
        // forge-lint: disable-next-line(unsafe-typecast)
        return uint160(falls ? Math.mulDiv(oracle, WAD, root, Math.Rounding.Ceil) : Math.mulDiv(oracle, root, WAD));
    }

    function _openRange(Oracle memory oracle) private {
        int24 lower = _aligned(TickPrice.tickAt(_sqrtPrice(oracle.assetPrice, oracle.otherPrice, BPS - RANGE_BPS)));
        int24 upper =
            _aligned(TickPrice.tickAt(_sqrtPrice(oracle.assetPrice, oracle.otherPrice, BPS + RANGE_BPS))) + _spacing;
        (tickLower, tickUpper) = (lower, upper);
        emit RangeOpened(lower, upper, oracle.sqrtPrice);
    }

    /// @dev The greatest multiple of the pool's tick spacing that is at most `tick`.
    function _aligned(int24 tick) private view returns (int24) {
        int24 rest = tick % _spacing;
        return rest < 0 ? tick - rest - _spacing : tick - rest;
    }

    /// @dev Swaps in the pool towards the composition that the range needs at the pool's price.
    function _balance(uint160 oracle, uint256 keptAssets, uint256 keptOthers) private {
        (uint160 spot,,) = _spot();
        (uint256 amount0, uint256 amount1) = _amounts(spot, SAMPLE);
        (uint256 needA, uint256 needO) = _sorted(amount0, amount1);
        needO = ConcentratedLiquidity.convert(spot, needO, !_assetIsZero);
        uint256 assets = IERC20(asset).balanceOf(address(this)) - keptAssets;
        uint256 others =
            ConcentratedLiquidity.convert(spot, IERC20(other).balanceOf(address(this)) - keptOthers, !_assetIsZero);
        uint256 target = Math.mulDiv(assets + others, needO, needA + needO);
        if (target > others) {
            _swapInPool(true, target - others, _limit(oracle, true));
        } else if (target < others) {
            _swapInPool(
                false, ConcentratedLiquidity.convert(spot, others - target, _assetIsZero), _limit(oracle, false)
            );
        }
    }

    function _mint(uint256 keptAssets, uint256 keptOthers) private {
        (uint160 spot,,) = _spot();
        (uint256 amount0, uint256 amount1) = _sorted(
            IERC20(asset).balanceOf(address(this)) - keptAssets, IERC20(other).balanceOf(address(this)) - keptOthers
        );
        uint128 added = ConcentratedLiquidity.liquidityFor(
            spot, TickPrice.sqrtPriceAt(tickLower), TickPrice.sqrtPriceAt(tickUpper), amount0, amount1
        );
        if (added != 0) _pool().mint(address(this), tickLower, tickUpper, added, "");
    }

    /// @dev Burns the part and collects it with the same part of the fees. Returns what came of the other coin.
    function _remove(uint256 part, uint256 ofAll) private returns (uint256 others) {
        UniswapV3Position.Holding memory taken = _holding().fraction(part, ofAll);
        (uint256 amount0, uint256 amount1) = (0, 0);
        if (taken.liquidity != 0) (amount0, amount1) = _pool().burn(tickLower, tickUpper, taken.liquidity);
        // The pool's amounts are uint128.
        // forge-lint: disable-next-line(unsafe-typecast)
        (, others) = _collect(uint128(amount0 + taken.fees0), uint128(amount1 + taken.fees1));
    }

    function _collect(uint128 amount0, uint128 amount1) private returns (uint256 assets, uint256 others) {
        (uint128 got0, uint128 got1) = _pool().collect(address(this), tickLower, tickUpper, amount0, amount1);
        return _sorted(got0, got1);
    }

    // -------------------------------------------------------------------------------------------------------------- trading

    /// @dev Sells in the pool up to the price limit, unless the price is there already.
    function _swapInPool(bool sellsAsset, uint256 amount, uint160 limit) private {
        (uint160 spot,,) = _spot();
        bool zeroForOne = sellsAsset == _assetIsZero;
        if (amount == 0 || (zeroForOne ? spot <= limit : spot >= limit)) return;
        // Amounts of real coins are far below 2^255.
        // forge-lint: disable-next-line(unsafe-typecast)
        _pool().swap(address(this), zeroForOne, int256(amount), limit, "");
    }

    /// @dev Without a price limit: the caller holds the total against the oracle.
    function _sellOther(uint256 amount, bytes memory route) private {
        if (amount == 0) return;
        if (route.length == 0) {
            uint160 end = _assetIsZero
                ? TickPrice.sqrtPriceAt(TickPrice.MAX_TICK) - 1
                : TickPrice.sqrtPriceAt(TickPrice.MIN_TICK) + 1;
            _swapInPool(false, amount, end);
        } else {
            if (address(swapper) == address(0)) revert NoSwapper();
            IERC20(other).forceApprove(address(swapper), amount);
            swapper.swap(other, asset, amount, address(this), route);
            IERC20(other).forceApprove(address(swapper), 0);
        }
    }

    /// @dev Pays what is here in assets beyond `kept`.
    function _payBeyond(uint256 kept, uint256 minimum) private {
        uint256 received = IERC20(asset).balanceOf(address(this)) - kept;
        _requireAtLeast(received, minimum);
        if (received != 0) IERC20(asset).safeTransfer(vault, received);
    }

    function _payPool(uint256 amount0, uint256 amount1) private {
        if (msg.sender != venue) revert NotThePool(msg.sender);
        (uint256 assets, uint256 others) = _sorted(amount0, amount1);
        if (assets != 0) IERC20(asset).safeTransfer(venue, assets);
        if (others != 0) IERC20(other).safeTransfer(venue, others);
    }

    function _instructions(bytes calldata data) private pure returns (uint256 minimum, bytes memory route) {
        if (data.length > 32) (minimum, route) = abi.decode(data, (uint256, bytes));
        else minimum = _minimum(data);
    }
}
