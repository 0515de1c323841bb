// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {ICurveOneCoinExit} from "../../contracts/interfaces/ICurve.sol";
import {CurveDeployer, ICurveStableSwap} from "../../script/protocols/CurveDeployer.sol";
import {ERC20} from "@openzeppelin/contracts/token/ERC20/ERC20.sol";
import {IERC20} from "@openzeppelin/contracts/token/ERC20/IERC20.sol";
import {SafeERC20} from "@openzeppelin/contracts/token/ERC20/utils/SafeERC20.sol";

/// @title ThreeCoinPool
/// @notice 3Pool's interface (coins by uint256, arrays of three, one-coin exit in the pool itself, LP tokens taken without allowance) over
/// the first three coins of the real sUSD pool, whose arithmetic it is: 3Pool's own bytecode is in no package.
contract ThreeCoinPool is ERC20 {
    using SafeERC20 for IERC20;

    ICurveStableSwap private immutable _pool;
    IERC20 private immutable _lpToken;
    ICurveOneCoinExit private immutable _deposit;

    constructor(CurveDeployer.Market memory market) ERC20("Curve.fi DAI/USDC/USDT", "3Crv") {
        _pool = market.pool;
        _lpToken = market.lpToken;
        _deposit = ICurveOneCoinExit(market.deposit);
    }

    // forge-lint: disable-next-line(mixed-case-function)
    function add_liquidity(uint256[3] calldata amounts, uint256 minimum) external {
        uint256 before = _lpToken.balanceOf(address(this));
        for (uint256 i; i < 3; ++i) {
            if (amounts[i] == 0) continue;
            IERC20(coins(i)).safeTransferFrom(msg.sender, address(this), amounts[i]);
            IERC20(coins(i)).forceApprove(address(_pool), amounts[i]);
        }
        _pool.add_liquidity([amounts[0], amounts[1], amounts[2], 0], minimum);
        _mint(msg.sender, _lpToken.balanceOf(address(this)) - before);
    }

    // forge-lint: disable-next-line(mixed-case-function)
    function remove_liquidity_one_coin(uint256 lpAmount, int128 i, uint256 minimum) external {
        _burn(msg.sender, lpAmount);
        _lpToken.forceApprove(address(_deposit), lpAmount);
        _deposit.remove_liquidity_one_coin(lpAmount, i, minimum);
        IERC20 coin = IERC20(coins(uint128(i)));
        coin.safeTransfer(msg.sender, coin.balanceOf(address(this)));
    }

    // forge-lint: disable-next-line(mixed-case-function)
    function calc_withdraw_one_coin(uint256 lpAmount, int128 i) external view returns (uint256) {
        return _deposit.calc_withdraw_one_coin(lpAmount, i);
    }

    // forge-lint: disable-next-line(mixed-case-function)
    function get_virtual_price() external view returns (uint256) {
        return _pool.get_virtual_price();
    }

    function coins(uint256 i) public view returns (address) {
        require(i < 3);
        return _pool.coins(int128(uint128(i)));
    }
}
