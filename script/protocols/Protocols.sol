// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {AaveDeployer} from "./AaveDeployer.sol";
import {FeedOracle} from "./FeedOracle.sol";
import {MorphoDeployer} from "./MorphoDeployer.sol";
import {Participant} from "./Participant.sol";
import {SafeDeployer} from "./SafeDeployer.sol";
import {ScriptedFeed} from "./ScriptedFeed.sol";
import {IFiatToken, UsdcDeployer} from "./UsdcDeployer.sol";
import {UsdtDeployer} from "./UsdtDeployer.sol";
import {IWETH9, WethDeployer} from "./WethDeployer.sol";
import {IDefaultInterestRateStrategyV2} from "aave-v3-origin/interfaces/IDefaultInterestRateStrategyV2.sol";

/// @title Protocols
/// @notice The outside world of a local chain: tokens, feeds, Aave v3.6, Morpho Blue with a MetaMorpho, and Safe 1.4.1,
/// with markets that are lent out as far as the real ones usually are.
/// @dev Two steps with `MorphoDeployer.CAP_TIMELOCK` of chain time between them: `deploy`, then `fund`. One account
/// (`admin`) calls everything, so that a broadcast is one sequence of nonces and need not wait for each receipt.
///
/// Where the markets start (supply APRs before anyone else deposits): USDC on Aave 100M supplied, 82 % lent, 3.7 %;
/// USDT on Aave 100M, 80 %, 3.5 %; MetaMorpho 60M USDC, 89 % lent, 3.5 %. The borrower can draw every market empty.
library Protocols {
    using AaveDeployer for AaveDeployer.Market;
    using MorphoDeployer for MorphoDeployer.Market;

    uint8 private constant FEED_DECIMALS = 8;
    int256 private constant USDC_USD = 1e8;
    int256 private constant USDT_USD = 1e8;
    int256 private constant ETH_USD = 3000e8;

    /// @dev Base units: 10^-6 of USDC and USDT, wei of WETH.
    uint256 private constant AAVE_USDC_SUPPLIED = 100_000_000e6;
    uint256 private constant AAVE_USDC_BORROWED = 82_000_000e6;
    uint256 private constant AAVE_USDT_SUPPLIED = 100_000_000e6;
    uint256 private constant AAVE_USDT_BORROWED = 80_000_000e6;
    uint256 private constant AAVE_COLLATERAL = 120_000 ether;
    uint256 private constant MORPHO_CAP = 1_000_000_000e6;
    uint256 private constant MORPHO_SUPPLIED = 60_000_000e6;
    uint256 private constant MORPHO_BORROWED = 53_400_000e6;
    uint256 private constant MORPHO_COLLATERAL = 40_000 ether;

    /// @dev The rate of an unused market sinks by an eighth a day, so it is used at its target utilisation of 90 % while
    /// the cap waits.
    uint256 private constant MORPHO_SEED_SUPPLIED = 1000e6;
    uint256 private constant MORPHO_SEED_BORROWED = 900e6;
    uint256 private constant MORPHO_SEED_COLLATERAL = 1 ether;

    /// @dev Wei that are wrapped for the borrower's collateral.
    uint256 internal constant ETH_NEEDED = AAVE_COLLATERAL + MORPHO_COLLATERAL + MORPHO_SEED_COLLATERAL;

    /// @notice The admin cannot pay for the borrower's collateral: start anvil with `--balance 1000000`, or give the
    /// admin ether with `anvil_setBalance`. Amounts are wei.
    error NotEnoughEth(address admin, uint256 balance, uint256 needed);

    /// @notice USD feeds with 8 decimals.
    struct Feeds {
        ScriptedFeed usdcUsd;
        ScriptedFeed usdtUsd;
        ScriptedFeed ethUsd;
    }

    struct Deployment {
        IFiatToken usdc;
        IFiatToken usdt;
        IWETH9 weth;
        Feeds feeds;
        AaveDeployer.Market aave;
        MorphoDeployer.Market morpho;
        SafeDeployer.Infrastructure safe;
    }

    /// @notice Deploys everything; but for a seed in Morpho's, the markets are empty afterwards. The caller must be `admin`
    /// and hold `ETH_NEEDED`, most of which `fund` will spend.
    function deploy(address admin, Participant memory supplier, Participant memory borrower)
        internal
        returns (Deployment memory deployed)
    {
        if (admin.balance < ETH_NEEDED) revert NotEnoughEth(admin, admin.balance, ETH_NEEDED);

        address fiatToken = UsdcDeployer.deployImplementation();
        deployed.usdc = UsdcDeployer.deploy(fiatToken, admin);
        deployed.usdt = UsdtDeployer.deploy(fiatToken, admin);
        deployed.weth = WethDeployer.deploy();

        deployed.feeds.usdcUsd = new ScriptedFeed(FEED_DECIMALS, "USDC / USD", USDC_USD);
        deployed.feeds.usdtUsd = new ScriptedFeed(FEED_DECIMALS, "USDT / USD", USDT_USD);
        deployed.feeds.ethUsd = new ScriptedFeed(FEED_DECIMALS, "ETH / USD", ETH_USD);

        deployed.aave = AaveDeployer.deploy(reserves(deployed), admin, admin);

        FeedOracle oracle = new FeedOracle(deployed.feeds.ethUsd, 18, deployed.feeds.usdcUsd, 6);
        deployed.morpho =
            MorphoDeployer.deploy(address(deployed.usdc), address(deployed.weth), address(oracle), MORPHO_CAP, admin);
        _seedMorpho(deployed, admin, supplier, borrower);

        deployed.safe = SafeDeployer.deploy();
    }

    /// @notice Opens the MetaMorpho's market and brings supplier and borrower into all markets. The caller must be
    /// `admin`; `MorphoDeployer.CAP_TIMELOCK` must have passed since `deploy`.
    function fund(Deployment memory deployed, address admin, Participant memory supplier, Participant memory borrower)
        internal
    {
        // The wait has aged the prices past any heartbeat.
        refresh(deployed.feeds);

        UsdcDeployer.mint(deployed.usdc, admin, AAVE_USDC_SUPPLIED + MORPHO_SUPPLIED);
        UsdcDeployer.mint(deployed.usdt, admin, AAVE_USDT_SUPPLIED);
        deployed.weth.deposit{value: AAVE_COLLATERAL + MORPHO_COLLATERAL}();

        _fundAave(deployed, admin, supplier, borrower);

        deployed.morpho.open();
        deployed.morpho.supply(MORPHO_SUPPLIED, supplier.account);
        deployed.morpho.borrow(MORPHO_COLLATERAL, MORPHO_BORROWED, borrower.account);
    }

    /// @notice Repeats every feed's latest answer in a round of now.
    function refresh(Feeds memory feeds) internal {
        feeds.usdcUsd.push(feeds.usdcUsd.latestAnswer());
        feeds.usdtUsd.push(feeds.usdtUsd.latestAnswer());
        feeds.ethUsd.push(feeds.ethUsd.latestAnswer());
    }

    function _seedMorpho(
        Deployment memory deployed,
        address admin,
        Participant memory supplier,
        Participant memory borrower
    ) private {
        UsdcDeployer.mint(deployed.usdc, admin, MORPHO_SEED_SUPPLIED);
        deployed.weth.deposit{value: MORPHO_SEED_COLLATERAL}();
        deployed.morpho.supplyDirectly(MORPHO_SEED_SUPPLIED, supplier.account);
        deployed.morpho.authorize(borrower, admin);
        deployed.morpho.borrow(MORPHO_SEED_COLLATERAL, MORPHO_SEED_BORROWED, borrower.account);
    }

    function _fundAave(
        Deployment memory deployed,
        address admin,
        Participant memory supplier,
        Participant memory borrower
    ) private {
        AaveDeployer.Market memory aave = deployed.aave;
        aave.supply(address(deployed.usdc), AAVE_USDC_SUPPLIED, supplier.account);
        aave.supply(address(deployed.usdt), AAVE_USDT_SUPPLIED, supplier.account);
        aave.supply(address(deployed.weth), AAVE_COLLATERAL, borrower.account);
        aave.borrow(address(deployed.usdc), AAVE_USDC_BORROWED, borrower, admin);
        aave.borrow(address(deployed.usdt), AAVE_USDT_BORROWED, borrower, admin);
    }

    /// @notice Aave's USDC, USDT and WETH, with parameters as on Ethereum mainnet, rounded.
    function reserves(Deployment memory deployed) internal pure returns (AaveDeployer.Reserve[] memory listed) {
        listed = new AaveDeployer.Reserve[](3);
        listed[0] = _stablecoin(address(deployed.usdc), address(deployed.feeds.usdcUsd));
        listed[1] = _stablecoin(address(deployed.usdt), address(deployed.feeds.usdtUsd));
        listed[2] = AaveDeployer.Reserve({
            asset: address(deployed.weth),
            feed: address(deployed.feeds.ethUsd),
            loanToValue: 8050,
            liquidationThreshold: 8300,
            liquidationBonus: 10_500,
            borrowable: false,
            reserveFactor: 0,
            rates: IDefaultInterestRateStrategyV2.InterestRateData({
                optimalUsageRatio: 9000, baseVariableBorrowRate: 0, variableRateSlope1: 270, variableRateSlope2: 8000
            })
        });
    }

    function _stablecoin(address asset, address feed) private pure returns (AaveDeployer.Reserve memory) {
        return AaveDeployer.Reserve({
            asset: asset,
            feed: feed,
            loanToValue: 7500,
            liquidationThreshold: 7800,
            liquidationBonus: 10_450,
            borrowable: true,
            reserveFactor: 1000,
            rates: IDefaultInterestRateStrategyV2.InterestRateData({
                optimalUsageRatio: 9000, baseVariableBorrowRate: 0, variableRateSlope1: 550, variableRateSlope2: 4000
            })
        });
    }
}
