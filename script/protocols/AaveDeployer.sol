// SPDX-License-Identifier: MIT
pragma solidity 0.8.30;

import {Participant, Participants} from "./Participant.sol";
import {IERC20Metadata} from "@openzeppelin/contracts/token/ERC20/extensions/IERC20Metadata.sol";
import {AaveProtocolDataProvider} from "aave-v3-origin/helpers/AaveProtocolDataProvider.sol";
import {ATokenInstance} from "aave-v3-origin/instances/ATokenInstance.sol";
import {PoolConfiguratorInstance} from "aave-v3-origin/instances/PoolConfiguratorInstance.sol";
import {PoolInstance} from "aave-v3-origin/instances/PoolInstance.sol";
import {VariableDebtTokenInstance} from "aave-v3-origin/instances/VariableDebtTokenInstance.sol";
import {IDefaultInterestRateStrategyV2} from "aave-v3-origin/interfaces/IDefaultInterestRateStrategyV2.sol";
import {IPool} from "aave-v3-origin/interfaces/IPool.sol";
import {IPoolAddressesProvider} from "aave-v3-origin/interfaces/IPoolAddressesProvider.sol";
import {IPoolConfigurator} from "aave-v3-origin/interfaces/IPoolConfigurator.sol";
import {IPoolDataProvider} from "aave-v3-origin/interfaces/IPoolDataProvider.sol";
import {AaveOracle} from "aave-v3-origin/misc/AaveOracle.sol";
import {DefaultReserveInterestRateStrategyV2} from "aave-v3-origin/misc/DefaultReserveInterestRateStrategyV2.sol";
import {ACLManager} from "aave-v3-origin/protocol/configuration/ACLManager.sol";
import {PoolAddressesProvider} from "aave-v3-origin/protocol/configuration/PoolAddressesProvider.sol";
import {ConfiguratorInputTypes} from "aave-v3-origin/protocol/libraries/types/ConfiguratorInputTypes.sol";
import {VariableDebtToken} from "aave-v3-origin/protocol/tokenization/VariableDebtToken.sol";

/// @title AaveDeployer
/// @notice Deploys an Aave v3.6 market from Aave's own sources; forge links its libraries.
/// @dev Left out because nothing here reads them: the collector (`treasury` is a plain account), e-modes, caps,
/// flash loans, and a provider registry.
library AaveDeployer {
    using Participants for Participant;

    /// @dev AaveOracle's unit for USD prices, 8 decimals.
    uint256 private constant USD_UNIT = 1e8;
    uint256 private constant VARIABLE_RATE_MODE = 2;
    uint16 private constant NO_REFERRAL = 0;

    /// @notice One reserve. Ratios are basis points (100_00 = 100 %).
    struct Reserve {
        address asset;
        /// Chainlink-interface USD feed with 8 decimals.
        address feed;
        uint256 loanToValue;
        uint256 liquidationThreshold;
        /// Above 100_00: 105_00 gives a liquidator 5 %.
        uint256 liquidationBonus;
        bool borrowable;
        /// Share of the borrowers' interest that goes to the treasury.
        uint256 reserveFactor;
        /// Two-slope curve: yearly rates and the kink, in basis points.
        IDefaultInterestRateStrategyV2.InterestRateData rates;
    }

    struct Market {
        IPool pool;
        IPoolAddressesProvider addressesProvider;
        IPoolConfigurator configurator;
        IPoolDataProvider dataProvider;
        IDefaultInterestRateStrategyV2 rateStrategy;
    }

    /// @notice Deploys the market without rewards; see the other `deploy`.
    function deploy(Reserve[] memory reserves, address admin, address treasury) internal returns (Market memory) {
        return deploy(reserves, admin, treasury, address(0));
    }

    /// @notice Deploys the market and lists `reserves`. `admin` owns the provider, administers the pool and must be the
    /// caller.
    /// @param rewards RewardsController that the tokens report to, or zero.
    function deploy(Reserve[] memory reserves, address admin, address treasury, address rewards)
        internal
        returns (Market memory market)
    {
        PoolAddressesProvider provider = new PoolAddressesProvider("local", admin);
        market.addressesProvider = provider;
        _deployAccessControl(provider, admin);
        _deployOracle(provider, reserves);

        DefaultReserveInterestRateStrategyV2 rateStrategy = new DefaultReserveInterestRateStrategyV2(address(provider));
        market.rateStrategy = rateStrategy;
        provider.setPoolImpl(address(new PoolInstance(provider, rateStrategy)));
        provider.setPoolConfiguratorImpl(address(new PoolConfiguratorInstance()));
        market.pool = IPool(provider.getPool());
        market.configurator = IPoolConfigurator(provider.getPoolConfigurator());

        market.dataProvider = new AaveProtocolDataProvider(provider);
        provider.setPoolDataProvider(address(market.dataProvider));

        _list(market, reserves, treasury, rewards);
    }

    /// @notice Supplies the caller's `amount` for `onBehalfOf`, who receives the aTokens.
    function supply(Market memory market, address asset, uint256 amount, address onBehalfOf) internal {
        IERC20Metadata(asset).approve(address(market.pool), amount);
        market.pool.supply(asset, amount, onBehalfOf, NO_REFERRAL);
    }

    /// @notice Borrows `amount` at the variable rate against `borrower`'s collateral, and hands it to the borrower.
    /// @dev The borrower delegates exactly this credit to the caller (`operator`) by signature, so that one sender does
    /// everything.
    function borrow(Market memory market, address asset, uint256 amount, Participant memory borrower, address operator)
        internal
    {
        _delegate(debtToken(market, asset), amount, borrower, operator);
        market.pool.borrow(asset, amount, VARIABLE_RATE_MODE, NO_REFERRAL, borrower.account);
        // Aave pays the caller, not the debtor.
        require(IERC20Metadata(asset).transfer(borrower.account, amount), "transfer returned false");
    }

    /// @notice Interest-bearing token of the reserve.
    function aToken(Market memory market, address asset) internal view returns (address at) {
        (at,,) = market.dataProvider.getReserveTokensAddresses(asset);
    }

    /// @notice Variable-debt token of the reserve.
    function debtToken(Market memory market, address asset) internal view returns (VariableDebtToken) {
        (,, address at) = market.dataProvider.getReserveTokensAddresses(asset);
        return VariableDebtToken(at);
    }

    function _deployAccessControl(PoolAddressesProvider provider, address admin) private {
        provider.setACLAdmin(admin);
        ACLManager acl = new ACLManager(provider);
        provider.setACLManager(address(acl));
        acl.addPoolAdmin(admin);
        acl.addEmergencyAdmin(admin);
    }

    function _deployOracle(PoolAddressesProvider provider, Reserve[] memory reserves) private {
        address[] memory assets = new address[](reserves.length);
        address[] memory feeds = new address[](reserves.length);
        for (uint256 i; i < reserves.length; ++i) {
            assets[i] = reserves[i].asset;
            feeds[i] = reserves[i].feed;
        }
        provider.setPriceOracle(address(new AaveOracle(provider, assets, feeds, address(0), address(0), USD_UNIT)));
    }

    function _list(Market memory market, Reserve[] memory reserves, address treasury, address rewards) private {
        address aTokenLogic = address(new ATokenInstance(market.pool, rewards, treasury));
        address debtTokenLogic = address(new VariableDebtTokenInstance(market.pool, rewards));

        ConfiguratorInputTypes.InitReserveInput[] memory inputs =
            new ConfiguratorInputTypes.InitReserveInput[](reserves.length);
        for (uint256 i; i < reserves.length; ++i) {
            inputs[i] = _input(reserves[i], aTokenLogic, debtTokenLogic);
        }
        market.configurator.initReserves(inputs);

        for (uint256 i; i < reserves.length; ++i) {
            Reserve memory reserve = reserves[i];
            market.configurator
                .configureReserveAsCollateral(
                    reserve.asset, reserve.loanToValue, reserve.liquidationThreshold, reserve.liquidationBonus
                );
            if (reserve.borrowable) {
                market.configurator.setReserveFactor(reserve.asset, reserve.reserveFactor);
                market.configurator.setReserveBorrowing(reserve.asset, true);
            }
        }
    }

    function _input(Reserve memory reserve, address aTokenLogic, address debtTokenLogic)
        private
        view
        returns (ConfiguratorInputTypes.InitReserveInput memory)
    {
        string memory symbol = IERC20Metadata(reserve.asset).symbol();
        return ConfiguratorInputTypes.InitReserveInput({
            aTokenImpl: aTokenLogic,
            variableDebtTokenImpl: debtTokenLogic,
            underlyingAsset: reserve.asset,
            aTokenName: string.concat("Aave ", symbol),
            aTokenSymbol: string.concat("a", symbol),
            variableDebtTokenName: string.concat("Aave Variable Debt ", symbol),
            variableDebtTokenSymbol: string.concat("variableDebt", symbol),
            params: "",
            interestRateData: abi.encode(reserve.rates)
        });
    }

    function _delegate(VariableDebtToken token, uint256 amount, Participant memory borrower, address operator) private {
        uint256 deadline = type(uint256).max;
        bytes32 hash = keccak256(
            abi.encode(token.DELEGATION_WITH_SIG_TYPEHASH(), operator, amount, token.nonces(borrower.account), deadline)
        );
        (uint8 v, bytes32 r, bytes32 s) =
            borrower.sign(keccak256(abi.encodePacked(hex"1901", token.DOMAIN_SEPARATOR(), hash)));
        token.delegationWithSig(borrower.account, operator, amount, deadline, v, r, s);
    }
}
