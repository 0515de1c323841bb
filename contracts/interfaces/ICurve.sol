// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

// solhint-disable func-name-mixedcase

/// @notice The part of a Curve StableSwap pool that the adapter reads. Of `add_liquidity` and `remove_liquidity`, whose argument lists
/// depend on the number of coins, it builds the calls itself.
interface ICurvePool {
    // forge-lint: disable-next-line(mixed-case-function)
    function get_virtual_price() external view returns (uint256);
}

/// @notice Index of a coin as pools from 2020 on have it.
interface ICurveCoins {
    function coins(uint256 i) external view returns (address);
}

/// @notice Index of a coin as the first pools have it.
interface ICurveCoinsSigned {
    function coins(int128 i) external view returns (address);
}

/// @notice Leaving in one coin: the pool itself, or the deposit contract of a pool that has no such function.
interface ICurveOneCoinExit {
    // forge-lint: disable-next-line(mixed-case-function)
    function calc_withdraw_one_coin(uint256 lpAmount, int128 i) external view returns (uint256);
    /// @dev Some return the amount, the first ones return nothing: what arrived is measured.
    // forge-lint: disable-next-line(mixed-case-function)
    function remove_liquidity_one_coin(uint256 lpAmount, int128 i, uint256 minimum) external;
}

/// @notice Curve's LiquidityGauge.
interface ICurveGauge {
    // forge-lint: disable-next-line(mixed-case-function)
    function lp_token() external view returns (address);
    function balanceOf(address account) external view returns (uint256);
    function deposit(uint256 lpAmount) external;
    function withdraw(uint256 lpAmount) external;
    /// @dev Absent from the first version, which has only CRV to give.
    // forge-lint: disable-next-line(mixed-case-function)
    function claim_rewards() external;
}

/// @notice Curve's Minter: pays the CRV that a gauge owes to the caller.
interface ICurveMinter {
    function token() external view returns (address);
    function mint(address gauge) external;
}
