// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IAdapter} from "../interfaces/IAdapter.sol";
import {
    ICurveCoins,
    ICurveCoinsSigned,
    ICurveGauge,
    ICurveMinter,
    ICurveOneCoinExit,
    ICurvePool
} from "../interfaces/ICurve.sol";
import {IPriceSource} from "../interfaces/IPriceSource.sol";
import {ISwapper} from "../interfaces/ISwapper.sol";
import {BoundedCall} from "../libraries/BoundedCall.sol";
import {AdapterBase} from "./AdapterBase.sol";
import {LadderExit} from "./LadderExit.sol";
import {SlippageBounded} from "./SlippageBounded.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {Strings} from "@openzeppelin/contracts/utils/Strings.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title CurveStableSwapAdapter
/// @notice Provides the vault's asset, alone, to a Curve StableSwap pool of two to four stablecoins (3Pool, sUSD), stakes the LP tokens
/// in the pool's gauge if it has one, and sells the gauge's rewards.
///
/// Value: LP tokens × virtual price × the cheapest coin's oracle price ÷ the asset's. No balance or spot price of the pool is read. The
/// virtual price is the pool's invariant per LP token: trades and one-sided moves change it only by the fees that they leave behind,
/// which are real money for every LP, and coins sent to the pool are not in it. That each LP token is worth at least its virtual price in
/// the cheapest coin is the invariant's own floor; the ratio of prices is never above one because the asset is itself a coin.
///
/// Assumptions. The coins have no transfer hooks (USDC, USDT, DAI and sUSD have none): nothing then runs between a pool's transfer of a
/// coin and its burning of LP tokens, the one moment at which a virtual price is wrong. The pool holds plain coins, neither lent out nor
/// rebasing. LP tokens have 18 decimals, coins at most 18. A pool's kill switch cannot be read; it could be thrown in a pool's first two
/// months only. A killed pool pays in all coins, which {withdraw} does when given routes for their sale; {exitLiquidity}, which is the
/// pool's own quote, does not know of a kill.
///
/// Rewards and whatever else was sent here are nobody's part: they do not help a leaver over the bound, and reach the vault by {harvest}.
contract CurveStableSwapAdapter is AdapterBase, LadderExit, SlippageBounded {
    using BoundedCall for address;
    using SafeERC20 for IERC20;

    struct Config {
        /// @dev The StableSwap pool; becomes {venue}.
        address pool;
        IERC20 lpToken;
        /// @dev Where LP tokens are turned into one coin: the pool itself, or its deposit contract.
        address oneCoinExit;
        /// @dev Zero to leave LP tokens unstaked.
        address gauge;
        /// @dev Curve's CRV minter; zero without a gauge.
        address minter;
        IPriceSource prices;
        ISwapper swapper;
        uint256 maxSlippageBps;
    }

    uint256 private constant WAD = 1e18;
    uint256 private constant MAX_COINS = 4;
    /// @dev Bytes of a refusal that are kept.
    uint256 private constant MAX_REASON = 256;
    /// @dev A deposit contract undershoots by a quarter of the fee and returns the rest in LP tokens: four rounds leave less than a unit.
    uint256 private constant MAX_EXIT_ROUNDS = 4;
    /// @dev Units of the asset that the value may fall by beyond what was asked, which the vault lets pass as rounding: a rest of no more
    /// leaves with the others.
    uint256 private constant DUST = 2;
    /// @dev Units of the asset: the pool's arithmetic can refuse LP tokens worth no more, and then a whole position of them leaves unpaid.
    uint256 private constant UNSALEABLE = 10;

    IERC20 public immutable lpToken;
    address public immutable oneCoinExit;
    ICurveGauge public immutable gauge;
    ICurveMinter public immutable minter;
    uint256 public immutable coinCount;
    /// @notice The asset's index among the coins.
    int128 public immutable assetIndex;

    /// @dev LP units per asset unit at a virtual price of one.
    uint256 private immutable _scale;
    address private immutable _coin0;
    address private immutable _coin1;
    address private immutable _coin2;
    address private immutable _coin3;

    /// @notice Whether the vault has a position here. LP tokens sent to an adapter without one count for nothing, so that nobody can make an
    /// empty adapter depend on prices.
    bool public isOpen;

    error AssetNotInPool(address pool, address asset);
    error TooManyCoins(address pool);
    error DecimalsNotSupported(address token, uint256 decimals);
    error GaugeOfAnotherToken(address gauge, address lpToken);
    error MinterMissing();
    /// @notice The pool refused: it is killed, or cannot pay.
    error PoolRefused(bytes reason);
    /// @notice A balanced exit needs one route per other coin.
    error RoutesMismatch(uint256 given, uint256 needed);
    /// @notice LP tokens without a virtual price: the pool is not what it was.
    error NoVirtualPrice();
    /// @notice A route left part of a coin unsold.
    error CoinUnsold(address coin, uint256 amount);
    /// @notice Not a reward: selling it would sell the position.
    error NotAReward(address token);

    constructor(address vault_, Config memory config)
        AdapterBase(vault_, config.pool)
        SlippageBounded(config.prices, config.swapper, config.maxSlippageBps)
    {
        lpToken = config.lpToken;
        oneCoinExit = config.oneCoinExit;
        gauge = ICurveGauge(config.gauge);
        minter = ICurveMinter(config.minter);
        if (config.gauge != address(0)) {
            if (config.minter == address(0)) revert MinterMissing();
            if (gauge.lp_token() != address(config.lpToken)) {
                revert GaugeOfAnotherToken(config.gauge, address(config.lpToken));
            }
        }

        address[MAX_COINS] memory found;
        uint256 count;
        uint256 index = type(uint256).max;
        for (; count < MAX_COINS; ++count) {
            found[count] = _coinOf(config.pool, count);
            if (found[count] == address(0)) break;
            if (found[count] == asset) index = count;
        }
        if (count == MAX_COINS && _coinOf(config.pool, count) != address(0)) revert TooManyCoins(config.pool);
        if (index == type(uint256).max) revert AssetNotInPool(config.pool, asset);
        (_coin0, _coin1, _coin2, _coin3) = (found[0], found[1], found[2], found[3]);
        coinCount = count;
        // forge-lint: disable-next-line(unsafe-typecast)
        assetIndex = int128(uint128(index));

        uint256 lpDecimals = IERC20Metadata(address(config.lpToken)).decimals();
        uint256 assetDecimals = IERC20Metadata(asset).decimals();
        if (lpDecimals != 18) revert DecimalsNotSupported(address(config.lpToken), lpDecimals);
        if (assetDecimals > 18) revert DecimalsNotSupported(asset, assetDecimals);
        _scale = 10 ** (18 - assetDecimals);
    }

    // ------------------------------------------------------------------------------------------------------------- reading

    /// @notice LP tokens of the position, staked or not, 18 decimals.
    function lpBalance() public view returns (uint256 lp) {
        lp = lpToken.balanceOf(address(this));
        if (address(gauge) != address(0)) lp += gauge.balanceOf(address(this));
    }

    /// @notice The pool's coins, in its order.
    function coins() public view returns (address[] memory list) {
        address[MAX_COINS] memory all = [_coin0, _coin1, _coin2, _coin3];
        list = new address[](coinCount);
        for (uint256 i; i < list.length; ++i) {
            list[i] = all[i];
        }
    }

    /// @inheritdoc IAdapter
    /// @dev LP tokens × virtual price × cheapest coin ÷ asset, by the oracles, rounded down at each step; unclaimed rewards are not in it.
    function value() public view returns (uint256) {
        return isOpen ? _valueOf(lpBalance()) : 0;
    }

    /// @inheritdoc IAdapter
    /// @dev Zero: leaving costs the pool's imbalance fee.
    function liquidity() external pure returns (uint256) {
        return 0;
    }

    /// @inheritdoc IAdapter
    /// @dev By the pool's own quote for leaving in one coin: the whole position if it is within the slippage bound, else the largest of its
    /// half, quarter and eighth that is.
    function exitLiquidity() external view returns (uint256) {
        if (!isOpen) return 0;
        uint256 lp = lpBalance();
        for (uint256 i; i <= HALVINGS; ++i) {
            uint256 part = lp >> i;
            uint256 worth = _valueOf(part);
            try ICurveOneCoinExit(oneCoinExit).calc_withdraw_one_coin(part, assetIndex) returns (uint256 out) {
                if (out != 0 && out >= _lessSlippage(worth)) return worth;
            } catch {
                return 0;
            }
        }
        return 0;
    }

    /// @inheritdoc IAdapter
    /// @dev Zero: a pool lends nothing out.
    function utilisation() external pure returns (uint256) {
        return 0;
    }

    /// @inheritdoc IAdapter
    function venueSize() external view returns (uint256) {
        uint256 supply = lpToken.totalSupply();
        return supply == 0 ? 0 : _valueOf(supply);
    }

    /// @inheritdoc IAdapter
    /// @dev A StableSwap pool has no readable pause; one that nobody has provided to takes no single coin.
    function health() external view returns (bool depositable, bool withdrawable) {
        return (lpToken.totalSupply() != 0, true);
    }

    // -------------------------------------------------------------------------------------------------------------- moving

    /// @inheritdoc IAdapter
    /// @param data Empty, or abi.encode(uint256 minimum LP tokens) to ask for more than the oracle-bounded minimum.
    function deposit(uint256 assets, bytes calldata data) external onlyVault {
        // What `assets` would buy at `value()`'s own price, less the tolerance: credited value then is at least assets less tolerance.
        (uint256 assetPrice, uint256 cheapest) = _prices();
        uint256 fair = Math.mulDiv(assets * _scale, assetPrice * WAD, _virtualPrice() * cheapest, Math.Rounding.Ceil);
        uint256 minimum = Math.max(_lessSlippage(fair), _minimum(data));

        uint256[] memory amounts = new uint256[](coinCount);
        // forge-lint: disable-next-line(unsafe-typecast)
        amounts[uint128(assetIndex)] = assets;
        uint256 before = lpToken.balanceOf(address(this));
        IERC20(asset).forceApprove(venue, assets);
        _callPool(abi.encodePacked(_selector("add_liquidity(uint256[", "],uint256)"), amounts, uint256(0)));
        IERC20(asset).forceApprove(venue, 0);
        uint256 loose = lpToken.balanceOf(address(this));
        _requireAtLeast(loose - before, minimum);

        if (address(gauge) != address(0)) {
            lpToken.forceApprove(address(gauge), loose);
            gauge.deposit(loose);
        }
        isOpen = true;
    }

    /// @inheritdoc IAdapter
    /// @param data Empty, or abi.encode(uint256 minimum assets) to ask for more than the oracle-bounded minimum; or
    /// abi.encode(uint256 minimum, bytes[] routes) to leave in all coins and sell the others, in the pool's order, by these routes:
    /// the way out of a killed or lopsided pool. The minimum is of what arrives, also where only a part can be had.
    function withdraw(uint256 assets, bytes calldata data) external onlyVault {
        if (assets == type(uint256).max) {
            if (isOpen) _withdrawAllThatPays(data);
            return;
        }
        uint256 held = value();
        if (assets > held) revert MoreThanHeld(assets, held);
        if (assets != 0) _take(assets, held, data);
    }

    /// @inheritdoc LadderExit
    function withdrawHalved(uint256 halvings, bytes calldata data) external override onlyVaultOrSelf {
        uint256 held = value();
        _take(held >> halvings, held, data);
    }

    /// @dev Takes the part worth `assets` of the position worth `held`, LP tokens rounded down.
    function _take(uint256 assets, uint256 held, bytes calldata data) private {
        bool whole = held - assets <= DUST;
        if (whole) assets = held;
        bool dust = whole && assets <= UNSALEABLE;
        uint256 lp = lpBalance();
        if (!whole) lp = Math.mulDiv(lp, assets, held);

        uint256 loose = lpToken.balanceOf(address(this));
        if (loose < lp) gauge.withdraw(lp - loose);

        // Measured from here: a gauge may pay rewards with the LP tokens, which are no part of what the position is worth.
        uint256 minimum;
        uint256 balance = IERC20(asset).balanceOf(address(this));
        if (data.length > 32) {
            bytes[] memory routes;
            (minimum, routes) = abi.decode(data, (uint256, bytes[]));
            _exitInAllCoins(lp, routes);
        } else {
            minimum = _minimum(data);
            _exitInOneCoin(lp, whole, dust);
        }
        uint256 received = IERC20(asset).balanceOf(address(this)) - balance;
        _requireAtLeast(received, Math.max(dust ? 0 : _lessSlippage(assets), minimum));
        if (whole) isOpen = _valueOf(lpBalance()) > UNSALEABLE;
        if (received != 0) IERC20(asset).safeTransfer(vault, received);
    }

    /// @inheritdoc IAdapter
    /// @dev The minimum of each sale is the swapper's own, by the oracles. Unsold rests stay for the next time. Assets that lie here go to the
    /// vault as well.
    /// @param data Empty for CRV by the swapper's default route, or abi.encode(address[] rewards, bytes[] routes).
    function harvest(bytes calldata data) external override onlyVault {
        address[] memory rewards;
        bytes[] memory routes;
        if (data.length != 0) {
            (rewards, routes) = abi.decode(data, (address[], bytes[]));
        } else if (address(gauge) != address(0)) {
            (rewards, routes) = (new address[](1), new bytes[](1));
            rewards[0] = minter.token();
        }
        if (rewards.length != routes.length) revert RoutesMismatch(routes.length, rewards.length);
        if (address(gauge) != address(0)) {
            // Neither withholds what the other pays: a minter refuses a gauge that its controller does not know, and the first gauges
            // have no extra rewards.
            address(minter).tryCall(gasleft(), abi.encodeCall(ICurveMinter.mint, (address(gauge))), 0);
            address(gauge).tryCall(gasleft(), abi.encodeCall(ICurveGauge.claim_rewards, ()), 0);
        }

        uint256 before = IERC20(asset).balanceOf(vault);
        for (uint256 i; i < rewards.length; ++i) {
            if (rewards[i] == address(lpToken) || rewards[i] == address(gauge)) revert NotAReward(rewards[i]);
            _sell(IERC20(rewards[i]), IERC20(rewards[i]).balanceOf(address(this)), vault, routes[i]);
        }
        uint256 own = IERC20(asset).balanceOf(address(this));
        if (own != 0) IERC20(asset).safeTransfer(vault, own);
        if (IERC20(asset).balanceOf(vault) == before) revert NothingToHarvest();
    }

    // ------------------------------------------------------------------------------------------------------------ internal

    function _valueOf(uint256 lp) private view returns (uint256) {
        (uint256 assetPrice, uint256 cheapest) = _prices();
        return Math.mulDiv(Math.mulDiv(lp, _virtualPrice(), WAD), cheapest, assetPrice * _scale);
    }

    function _virtualPrice() private view returns (uint256 price) {
        price = ICurvePool(venue).get_virtual_price();
        if (price == 0) revert NoVirtualPrice();
    }

    /// @dev In dollars, 18 decimals.
    function _prices() private view returns (uint256 ofAsset, uint256 cheapest) {
        address[] memory list = coins();
        cheapest = type(uint256).max;
        for (uint256 i; i < list.length; ++i) {
            uint256 price = prices.priceOf(list[i]);
            if (list[i] == asset) ofAsset = price;
            cheapest = Math.min(cheapest, price);
        }
    }

    function _exitInOneCoin(uint256 lp, bool whole, bool dust) private {
        uint256 kept = lpToken.balanceOf(address(this)) - lp;
        for (uint256 round; round < MAX_EXIT_ROUNDS; ++round) {
            // What the deposit contract gave back of it.
            if (round != 0) lp = lpToken.balanceOf(address(this)) - kept;
            if (round != 0 && (!whole || lp == 0)) break;
            if (oneCoinExit != venue) lpToken.forceApprove(oneCoinExit, lp);
            (bool ok, bytes memory reason) = oneCoinExit.tryCall(
                gasleft(), abi.encodeCall(ICurveOneCoinExit.remove_liquidity_one_coin, (lp, assetIndex, 0)), MAX_REASON
            );
            if (!ok) {
                // A rest too small for the pool's arithmetic stays, as part of the value.
                if (round == 0 && !dust) revert PoolRefused(reason);
                if (oneCoinExit != venue) lpToken.forceApprove(oneCoinExit, 0);
                break;
            }
        }
    }

    function _exitInAllCoins(uint256 lp, bytes[] memory routes) private {
        if (routes.length != coinCount - 1) revert RoutesMismatch(routes.length, coinCount - 1);
        address[] memory list = coins();
        // Rewards may be coins of the pool.
        uint256[] memory kept = new uint256[](list.length);
        for (uint256 i; i < list.length; ++i) {
            kept[i] = IERC20(list[i]).balanceOf(address(this));
        }
        _callPool(abi.encodePacked(_selector("remove_liquidity(uint256,uint256[", "])"), lp, new uint256[](coinCount)));
        uint256 next;
        for (uint256 i; i < list.length; ++i) {
            if (list[i] == asset) continue;
            _sell(IERC20(list[i]), IERC20(list[i]).balanceOf(address(this)) - kept[i], address(this), routes[next++]);
            uint256 unsold = IERC20(list[i]).balanceOf(address(this)) - kept[i];
            if (unsold != 0) revert CoinUnsold(list[i], unsold);
        }
    }

    function _sell(IERC20 token, uint256 amount, address recipient, bytes memory route) private {
        if (amount == 0 || address(token) == asset) return;
        if (address(swapper) == address(0)) revert NoSwapper();
        token.forceApprove(address(swapper), amount);
        swapper.swap(address(token), asset, amount, recipient, route);
        token.forceApprove(address(swapper), 0);
    }

    function _callPool(bytes memory call) private {
        (bool ok, bytes memory reason) = venue.tryCall(gasleft(), call, MAX_REASON);
        if (!ok) revert PoolRefused(reason);
    }

    /// @dev Selector of a pool function whose array is as long as the pool has coins.
    function _selector(string memory head, string memory tail) private view returns (bytes4) {
        return bytes4(keccak256(abi.encodePacked(head, Strings.toString(coinCount), tail)));
    }

    /// @dev Zero past the last coin, where a pool reverts.
    function _coinOf(address pool, uint256 i) private view returns (address) {
        (bool ok, uint256 coin) = pool.readWord(gasleft(), ICurveCoins.coins.selector, i);
        if (!ok) (ok, coin) = pool.readWord(gasleft(), ICurveCoinsSigned.coins.selector, i);
        // An address is the low 160 bits of its word.
        // forge-lint: disable-next-line(unsafe-typecast)
        return ok ? address(uint160(coin)) : address(0);
    }
}
