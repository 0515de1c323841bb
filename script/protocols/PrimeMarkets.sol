// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {AaveDeployer} from "./AaveDeployer.sol";
import {MorphoDeployer} from "./MorphoDeployer.sol";
import {Participant} from "./Participant.sol";
import {Protocols} from "./Protocols.sol";
import {UsdcDeployer} from "./UsdcDeployer.sol";

/// @title PrimeMarkets
/// @notice Two more USDC venues beside Protocols' own, as Ethereum has them: a second instance of Aave v3.6 with a pool, an oracle and
/// administrators of its own, and a second MetaMorpho over a second, more cautious market of the same Morpho Blue.
/// @dev As Protocols, in the same two steps: `deploy` after Protocols.deploy, `fund` after Protocols.fund, which also refreshes the feeds.
///
/// Where they start (supply APRs before anyone else deposits): Aave 100M supplied, 78 % lent, 3.3 %; MetaMorpho 100M, 85 % lent, 3.3 %.
/// The borrower can draw both markets empty.
library PrimeMarkets {
    using AaveDeployer for AaveDeployer.Market;
    using MorphoDeployer for MorphoDeployer.Market;

    /// @dev Base units: 10^-6 of USDC, wei of WETH.
    uint256 private constant AAVE_SUPPLIED = 100_000_000e6;
    uint256 private constant AAVE_BORROWED = 78_000_000e6;
    uint256 private constant AAVE_COLLATERAL = 60_000 ether;
    uint256 private constant MORPHO_CAP = 1_000_000_000e6;
    uint256 private constant MORPHO_SUPPLIED = 100_000_000e6;
    uint256 private constant MORPHO_BORROWED = 85_000_000e6;
    uint256 private constant MORPHO_COLLATERAL = 60_000 ether;
    /// @dev Liquidation loan-to-value of the second market, 1e18 = 100 %: Morpho's step below the first one's.
    uint256 private constant MORPHO_LLTV = 0.77e18;

    /// @dev As in Protocols: used at its target of 90 % while the cap waits, so that the rate stays where it starts.
    uint256 private constant SEED_SUPPLIED = 1000e6;
    uint256 private constant SEED_BORROWED = 900e6;
    uint256 private constant SEED_COLLATERAL = 1 ether;

    /// @dev Wei that are wrapped for the borrower's collateral.
    uint256 internal constant ETH_NEEDED = AAVE_COLLATERAL + MORPHO_COLLATERAL + SEED_COLLATERAL;

    struct Deployment {
        AaveDeployer.Market aave;
        MorphoDeployer.Market morpho;
    }

    /// @notice Deploys both; but for a seed in Morpho's, the markets are empty afterwards. The caller must be `admin`, which deployed `beside`
    /// and holds `ETH_NEEDED`, most of which `fund` will spend.
    function deploy(Protocols.Deployment memory beside, address admin, address supplier, address borrower)
        internal
        returns (Deployment memory prime)
    {
        if (admin.balance < ETH_NEEDED) revert Protocols.NotEnoughEth(admin, admin.balance, ETH_NEEDED);
        prime.aave = AaveDeployer.deploy(_reserves(beside), admin, admin);
        prime.morpho = MorphoDeployer.deployBeside(
            beside.morpho, MORPHO_LLTV, "MetaMorpho Prime USDC", "mmpUSDC", MORPHO_CAP, admin
        );
        UsdcDeployer.mint(beside.usdc, admin, SEED_SUPPLIED);
        beside.weth.deposit{value: SEED_COLLATERAL}();
        prime.morpho.supplyDirectly(SEED_SUPPLIED, supplier);
        // The borrower's authorisation is for the whole Morpho Blue: Protocols.deploy has obtained it.
        prime.morpho.borrow(SEED_COLLATERAL, SEED_BORROWED, borrower);
    }

    /// @notice Opens the MetaMorpho's market and brings supplier and borrower into both. The caller must be `admin`;
    /// `MorphoDeployer.CAP_TIMELOCK` must have passed since `deploy`.
    function fund(
        Deployment memory prime,
        Protocols.Deployment memory beside,
        address admin,
        address supplier,
        Participant memory borrower
    ) internal {
        UsdcDeployer.mint(beside.usdc, admin, AAVE_SUPPLIED + MORPHO_SUPPLIED);
        beside.weth.deposit{value: AAVE_COLLATERAL + MORPHO_COLLATERAL}();

        prime.aave.supply(address(beside.usdc), AAVE_SUPPLIED, supplier);
        prime.aave.supply(address(beside.weth), AAVE_COLLATERAL, borrower.account);
        prime.aave.borrow(address(beside.usdc), AAVE_BORROWED, borrower, admin);

        prime.morpho.open();
        prime.morpho.supply(MORPHO_SUPPLIED, supplier);
        prime.morpho.borrow(MORPHO_COLLATERAL, MORPHO_BORROWED, borrower.account);
    }

    /// @dev The first instance's terms, without its USDT.
    function _reserves(Protocols.Deployment memory beside)
        private
        pure
        returns (AaveDeployer.Reserve[] memory reserves)
    {
        AaveDeployer.Reserve[] memory listed = Protocols.reserves(beside);
        reserves = new AaveDeployer.Reserve[](2);
        (reserves[0], reserves[1]) = (listed[0], listed[2]);
    }
}
