// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Artifact} from "./Artifact.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";

// solhint-disable func-name-mixedcase

/// @notice The part of Curve's first StableSwap (the sUSD pool's code, coins by int128) that deployments and tests call.
interface ICurveStableSwap {
    function add_liquidity(uint256[4] calldata amounts, uint256 minimum) external;
    function remove_liquidity(uint256 lpAmount, uint256[4] calldata minimums) external;
    function exchange(int128 i, int128 j, uint256 dx, uint256 minimum) external;
    function get_dy(int128 i, int128 j, uint256 dx) external view returns (uint256);
    function get_virtual_price() external view returns (uint256);
    function balances(int128 i) external view returns (uint256);
    function coins(int128 i) external view returns (address);
    function kill_me() external;
    function unkill_me() external;
}

/// @notice Curve's plain ERC-20, which LP tokens are, and which stands for DAI and sUSD here.
interface ICurveToken is IERC20Metadata {
    function set_minter(address minter) external;
    function mint(address to, uint256 amount) external;
}

/// @notice The part of Curve's GaugeController that deployments call.
interface ICurveGaugeController {
    function add_type(string calldata name, uint256 weight) external;
    function add_gauge(address gauge, int128 gaugeType, uint256 weight) external;
}

/// @notice The part of Curve's CRV token that deployments call.
interface ICurveDaoToken is IERC20Metadata {
    function set_minter(address minter) external;
    function update_mining_parameters() external;
}

/// @title CurveDeployer
/// @notice Deploys Curve's sUSD StableSwap with its deposit contract, and CRV, minter, gauge controller and gauges, from the published
/// bytecode (the Vyper originals, carried by Set Protocol's package).
/// @dev The pool's code fixes the decimals of its four coins: 18, 6, 6, 18 (DAI, USDC, USDT, sUSD).
library CurveDeployer {
    string private constant ARTIFACTS = "node_modules/@setprotocol/set-protocol-v2/external/abi/curve/";

    /// @dev The sUSD pool's own parameters; the fee is in 10^-10 (4 bps).
    uint256 internal constant AMPLIFICATION = 256;
    uint256 internal constant FEE = 4_000_000;

    struct Market {
        ICurveStableSwap pool;
        ICurveToken lpToken;
        /// @dev The deposit contract, which alone leaves in one coin.
        address deposit;
    }

    struct Dao {
        ICurveDaoToken crv;
        ICurveGaugeController controller;
        address minter;
    }

    /// @notice The pool over four coins of 18, 6, 6 and 18 decimals, empty. The caller owns it.
    function deploy(address[4] memory coins) internal returns (Market memory market) {
        market.lpToken = token("Curve.fi DAI/USDC/USDT/sUSD", "crvPlain3andSUSD");
        market.pool =
            ICurveStableSwap(_create("Stableswap", abi.encode(coins, coins, market.lpToken, AMPLIFICATION, FEE)));
        market.lpToken.set_minter(address(market.pool));
        market.deposit = _create("CurveDeposit", abi.encode(coins, coins, market.pool, market.lpToken));
    }

    /// @notice An ERC-20 with 18 decimals that its creator may mint.
    function token(string memory name, string memory symbol) internal returns (ICurveToken) {
        return ICurveToken(_create("CurvePoolERC20", abi.encode(name, symbol, uint256(18), uint256(0))));
    }

    /// @notice CRV, its minter, and a controller with one gauge type. CRV itself stands for the vote escrow, in which nobody has locked
    /// anything: every staker then earns the unboosted 40 %. Emission starts a day later, with `update_mining_parameters`.
    function deployDao() internal returns (Dao memory dao) {
        dao.crv = ICurveDaoToken(_create("CRVToken", abi.encode("Curve DAO Token", "CRV", uint256(18))));
        dao.controller = ICurveGaugeController(_create("GaugeController", abi.encode(dao.crv, dao.crv)));
        dao.minter = _create("Minter", abi.encode(dao.crv, dao.controller));
        dao.crv.set_minter(dao.minter);
        dao.controller.add_type("Liquidity", 1e18);
    }

    /// @notice A gauge for the LP token with all the weight there is, which counts from the next week on.
    function deployGauge(Dao memory dao, address lpToken) internal returns (address gauge) {
        gauge = _create("LiquidityGauge", abi.encode(lpToken, dao.minter));
        dao.controller.add_gauge(gauge, 0, 1e18);
    }

    function _create(string memory name, bytes memory arguments) private returns (address) {
        return Artifact.create(name, Artifact.fromJson(string.concat(ARTIFACTS, name, ".json")), arguments);
    }
}
