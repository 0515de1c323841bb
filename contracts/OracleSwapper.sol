// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {IPriceSource} from "./interfaces/IPriceSource.sol";
import {ISwapper} from "./interfaces/ISwapper.sol";
import {IUniswapV3Router} from "./interfaces/IUniswapV3Router.sol";
import {BoundedCall} from "./libraries/BoundedCall.sol";
import {AccessControl} from "@openzeppelin/contracts/access/AccessControl.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";
import {ReentrancyGuardTransient} from "@openzeppelin/contracts/utils/ReentrancyGuardTransient.sol";
import {Math} from "@openzeppelin/contracts/utils/math/Math.sol";

/// @title OracleSwapper
/// @notice Swaps through routers that governance has allowed, along any route that the caller brings, and never below what the oracles
/// say less a tolerance: 0.5 % for stablecoins and 2 % for volatile tokens, and no more.
/// @dev The route is not trusted: the router may be told anything and may call anyone. What protects the caller is that it gets an
/// allowance of exactly `amountIn` for this one call, that its output has to arrive here, where nobody else has anything to deliver (a
/// router that pays the recipient by another door, such as depositing into a vault for someone else, has delivered nothing), and that
/// the sum is held against the oracles. Routes must therefore name this contract as receiver.
///
/// An exit must not depend on an aggregator's API, so governance sets a default route of Uniswap V3 pools per pair, taken when `data`
/// is empty. Liveness: without a fresh price of both tokens nothing is swapped.
///
/// Not for tokens that take a fee on transfer or whose balances change by themselves. Between calls this contract owns nothing: what
/// someone left here goes to whoever next buys that token.
contract OracleSwapper is ISwapper, AccessControl, ReentrancyGuardTransient {
    using BoundedCall for address;
    using SafeERC20 for IERC20;

    error ToleranceNotSet(address token);
    error ToleranceTooHigh(uint256 toleranceBps, uint256 maximum);
    error SameToken(address token);
    error NoDefaultRoute(address tokenIn, address tokenOut);
    error InvalidPath(bytes path);
    error NotAContract(address account);

    event RouterAllowed(address indexed router, bool allowed);
    event ToleranceSet(address indexed token, uint256 toleranceBps);
    event DefaultRouteSet(address indexed tokenIn, address indexed tokenOut, address indexed router, bytes path);
    event Swapped(
        address indexed tokenIn,
        address indexed tokenOut,
        address indexed recipient,
        address router,
        uint256 spent,
        uint256 received,
        uint256 minimum
    );

    /// @notice A way through Uniswap V3 pools.
    struct DefaultRoute {
        address router;
        bytes path;
    }

    /// @notice The most that any token's tolerance may be, in basis points.
    uint256 public constant MAX_TOLERANCE_BPS = 200;

    uint256 private constant BPS = 10_000;
    /// @dev Of a failing router's revert data, in bytes.
    uint256 private constant MAX_REASON = 1024;
    /// @dev A path is a token (20 bytes), then per pool its fee (3 bytes) and the next token (20 bytes).
    uint256 private constant TOKEN_LENGTH = 20;
    uint256 private constant HOP_LENGTH = 23;

    /// @notice Prices that swaps are held against.
    IPriceSource public immutable prices;

    mapping(address router => bool) public isRouter;
    /// @notice How far below its oracle value a swap of the token may end, in basis points; zero for tokens that may not be swapped. Of
    /// two tokens the larger counts.
    mapping(address token => uint256) public toleranceBps;

    mapping(address tokenIn => mapping(address tokenOut => DefaultRoute)) private _defaultRoute;

    /// @param admin Governance: allows routers, sets tolerances and default routes.
    /// @param prices_ Prices of every token to be swapped.
    constructor(address admin, IPriceSource prices_) {
        if (address(prices_).code.length == 0) revert NotAContract(address(prices_));
        _grantRole(DEFAULT_ADMIN_ROLE, admin);
        prices = prices_;
    }

    // -------------------------------------------------------------------------------------------------------- governance

    /// @notice Allows or forbids a router. Only governance.
    function setRouter(address router, bool allowed) external onlyRole(DEFAULT_ADMIN_ROLE) {
        if (allowed && router.code.length == 0) revert NotAContract(router);
        isRouter[router] = allowed;
        emit RouterAllowed(router, allowed);
    }

    /// @notice Sets a token's tolerance in basis points, at most {MAX_TOLERANCE_BPS}; zero forbids the token. Only governance.
    function setTolerance(address token, uint256 bps) external onlyRole(DEFAULT_ADMIN_ROLE) {
        if (bps > MAX_TOLERANCE_BPS) revert ToleranceTooHigh(bps, MAX_TOLERANCE_BPS);
        toleranceBps[token] = bps;
        emit ToleranceSet(token, bps);
    }

    /// @notice Sets the route that a swap without instructions takes; an empty path removes it. Only governance.
    /// @param router Has Uniswap V3's `exactInput`; it must be allowed when the swap happens, too.
    /// @param path Tokens and fees as Uniswap V3 packs them, from `tokenIn` to `tokenOut`.
    function setDefaultRoute(address tokenIn, address tokenOut, address router, bytes calldata path)
        external
        onlyRole(DEFAULT_ADMIN_ROLE)
    {
        if (path.length == 0) {
            delete _defaultRoute[tokenIn][tokenOut];
        } else {
            if (!isRouter[router]) revert RouterNotAllowed(router);
            if (
                path.length < TOKEN_LENGTH + HOP_LENGTH || (path.length - TOKEN_LENGTH) % HOP_LENGTH != 0
                    || address(bytes20(path[:TOKEN_LENGTH])) != tokenIn
                    || address(bytes20(path[path.length - TOKEN_LENGTH:])) != tokenOut
            ) revert InvalidPath(path);
            _defaultRoute[tokenIn][tokenOut] = DefaultRoute(router, path);
        }
        emit DefaultRouteSet(tokenIn, tokenOut, router, path);
    }

    // ------------------------------------------------------------------------------------------------------------- swaps

    /// @inheritdoc ISwapper
    /// @dev Anyone may call it with what is his own. `received` and the minimum are of what was spent, so a route that leaves a part
    /// unspent is measured by the part that it spent.
    function swap(address tokenIn, address tokenOut, uint256 amountIn, address recipient, bytes calldata data)
        external
        nonReentrant
        returns (uint256 received)
    {
        if (tokenIn == tokenOut) revert SameToken(tokenIn);
        uint256 floor = minimumOut(tokenIn, tokenOut, amountIn);
        (address router, bytes memory call) =
            data.length == 0 ? _defaultCall(tokenIn, tokenOut, amountIn, floor) : abi.decode(data, (address, bytes));
        // The allowlist alone would do, if governance never erred: a call to a token spends what it was approved for.
        if (!isRouter[router] || router == tokenIn || router == tokenOut || router == address(this)) {
            revert RouterNotAllowed(router);
        }

        uint256 left = _execute(router, IERC20(tokenIn), amountIn, call);
        if (left != 0) IERC20(tokenIn).safeTransfer(msg.sender, left);
        uint256 spent = amountIn - left;
        uint256 minimum = left == 0 ? floor : minimumOut(tokenIn, tokenOut, spent);

        received = _deliver(IERC20(tokenOut), recipient);
        if (received < minimum) revert InsufficientOutput(received, minimum);
        emit Swapped(tokenIn, tokenOut, recipient, router, spent, received, minimum);
    }

    /// @inheritdoc ISwapper
    function minimumOut(address tokenIn, address tokenOut, uint256 amountIn) public view returns (uint256) {
        uint256 tolerance = Math.max(_toleranceOf(tokenIn), _toleranceOf(tokenOut));
        return Math.mulDiv(
            amountIn,
            prices.priceOf(tokenIn) * (BPS - tolerance) * 10 ** IERC20Metadata(tokenOut).decimals(),
            prices.priceOf(tokenOut) * BPS * 10 ** IERC20Metadata(tokenIn).decimals(),
            Math.Rounding.Ceil
        );
    }

    /// @notice The route that a swap without instructions takes; an empty path where there is none.
    function defaultRoute(address tokenIn, address tokenOut) external view returns (address router, bytes memory path) {
        DefaultRoute storage route = _defaultRoute[tokenIn][tokenOut];
        return (route.router, route.path);
    }

    function _toleranceOf(address token) private view returns (uint256 tolerance) {
        tolerance = toleranceBps[token];
        if (tolerance == 0) revert ToleranceNotSet(token);
    }

    function _defaultCall(address tokenIn, address tokenOut, uint256 amountIn, uint256 minimum)
        private
        view
        returns (address router, bytes memory call)
    {
        DefaultRoute storage route = _defaultRoute[tokenIn][tokenOut];
        router = route.router;
        if (router == address(0)) revert NoDefaultRoute(tokenIn, tokenOut);
        call = abi.encodeCall(
            IUniswapV3Router.exactInput,
            (IUniswapV3Router.ExactInputParams(route.path, address(this), block.timestamp, amountIn, minimum))
        );
    }

    /// @dev The allowance is for this call alone and exact, whatever of it the router uses. What was here before belongs to no one and
    /// does not count as left over, or a gift of one unit would make every swap look incomplete.
    function _execute(address router, IERC20 tokenIn, uint256 amountIn, bytes memory call) private returns (uint256) {
        uint256 before = tokenIn.balanceOf(address(this));
        tokenIn.safeTransferFrom(msg.sender, address(this), amountIn);
        tokenIn.forceApprove(router, amountIn);
        (bool ok, bytes memory returned) = router.tryCall(gasleft(), call, MAX_REASON);
        if (!ok) revert SwapFailed(returned);
        if (tokenIn.allowance(address(this), router) != 0) tokenIn.forceApprove(router, 0);
        return Math.min(Math.saturatingSub(tokenIn.balanceOf(address(this)), before), amountIn);
    }

    /// @dev Measured where it arrives, across this one transfer.
    function _deliver(IERC20 tokenOut, address recipient) private returns (uint256 received) {
        uint256 bought = tokenOut.balanceOf(address(this));
        if (bought == 0) return 0;
        received = tokenOut.balanceOf(recipient);
        tokenOut.safeTransfer(recipient, bought);
        received = tokenOut.balanceOf(recipient) - received;
    }
}
