//! Typed calls, events and errors of every contract the keeper talks to.
//!
//! Ballast's own contracts are bound from the ABIs exported by the build (`abi/`), so a change there that this crate does
//! not follow fails to compile. Protocols are bound by hand to the few functions that are used, as published in their sources.

pub use adapter::IAdapter;
pub use alloy::providers::bindings::IMulticall3;
pub use kill_switch::KillSwitchManager;
pub use strategy_hub::StrategyHub;
pub use vault::Vault;

use alloy::{
    primitives::{Address, Bytes},
    sol,
};

// One module per ABI: each brings the library structs it mentions, and two of them mention the same ones.
// Constructors of events and errors have as many arguments as these have fields.
#[allow(clippy::too_many_arguments)]
mod vault {
    alloy::sol!(
        #[sol(rpc, all_derives)]
        Vault,
        "../../abi/Vault.json"
    );
}
#[allow(clippy::too_many_arguments)]
mod strategy_hub {
    alloy::sol!(
        #[sol(rpc, all_derives)]
        StrategyHub,
        "../../abi/StrategyHub.json"
    );
}
#[allow(clippy::too_many_arguments)]
mod kill_switch {
    alloy::sol!(
        #[sol(rpc, all_derives)]
        KillSwitchManager,
        "../../abi/KillSwitchManager.json"
    );
}
mod adapter {
    alloy::sol!(
        #[sol(rpc, all_derives)]
        IAdapter,
        "../../abi/IAdapter.json"
    );
}

/// `StrategyHub.Allocation`, the targets of a rebalance.
pub use strategy_hub::StrategyHub::Allocation;
/// `StrategyHub.ApprovalRequired`, the error of a move that is too large for keeper and attestor alone.
pub use strategy_hub::StrategyHub::ApprovalRequired;
/// `StrategyHub.RebalanceExecuted`, the event of a rebalance.
pub use strategy_hub::StrategyHub::RebalanceExecuted;

/// Where Multicall3 is deployed on nearly every chain (<https://github.com/mds1/multicall>).
pub const MULTICALL3: Address = alloy::providers::MULTICALL3_ADDRESS;

/// The runtime code of Multicall3, for chains that do not have it.
#[must_use]
pub fn multicall3_runtime() -> Bytes {
    /// Length of the constructor that precedes the runtime code in the creation code.
    const CONSTRUCTOR_BYTES: usize = 32;
    IMulticall3::BYTECODE.slice(CONSTRUCTOR_BYTES..)
}

sol! {
    /// ERC-20 with its metadata.
    #[sol(rpc)]
    #[derive(Debug)]
    interface IERC20 {
        function symbol() external view returns (string);
        function decimals() external view returns (uint8);
        function totalSupply() external view returns (uint256);
        function balanceOf(address account) external view returns (uint256);
        function allowance(address owner, address spender) external view returns (uint256);
        function transfer(address to, uint256 value) external returns (bool);
        function approve(address spender, uint256 value) external returns (bool);
    }

    /// The pool of Aave V3.4 and later (`IPool` of aave-v3-origin), where one rate strategy serves all reserves.
    #[sol(rpc)]
    #[derive(Debug)]
    interface IAavePool {
        /// `DataTypes.ReserveDataLegacy`. Indexes and rates in ray; rates per year.
        struct ReserveData {
            uint256 configuration;
            uint128 liquidityIndex;
            uint128 currentLiquidityRate;
            uint128 variableBorrowIndex;
            uint128 currentVariableBorrowRate;
            uint128 currentStableBorrowRate;
            uint40 lastUpdateTimestamp;
            uint16 id;
            address aTokenAddress;
            address stableDebtTokenAddress;
            address variableDebtTokenAddress;
            address interestRateStrategyAddress;
            uint128 accruedToTreasury;
            uint128 unbacked;
            uint128 isolationModeTotalDebt;
        }

        function getReserveData(address asset) external view returns (ReserveData memory);
        function getReserveNormalizedIncome(address asset) external view returns (uint256);
        function getReserveNormalizedVariableDebt(address asset) external view returns (uint256);
        function getVirtualUnderlyingBalance(address asset) external view returns (uint128);
        function RESERVE_INTEREST_RATE_STRATEGY() external view returns (address);

        function supply(address asset, uint256 amount, address onBehalfOf, uint16 referralCode) external;
        function borrow(address asset, uint256 amount, uint256 interestRateMode, uint16 referralCode, address onBehalfOf) external;
        function repay(address asset, uint256 amount, uint256 interestRateMode, address onBehalfOf) external returns (uint256);
        function withdraw(address asset, uint256 amount, address to) external returns (uint256);
    }

    /// Aave's `IDefaultInterestRateStrategyV2`. All values in ray, rates per year.
    #[sol(rpc)]
    #[derive(Debug)]
    interface IAaveRateStrategy {
        struct InterestRateDataRay {
            uint256 optimalUsageRatio;
            uint256 baseVariableBorrowRate;
            uint256 variableRateSlope1;
            uint256 variableRateSlope2;
        }

        function getInterestRateData(address reserve) external view returns (InterestRateDataRay memory);
    }

    /// MetaMorpho 1.0 and 1.1: an ERC-4626 vault over Morpho Blue markets.
    #[sol(rpc)]
    #[derive(Debug)]
    interface IMetaMorpho {
        function MORPHO() external view returns (address);
        function asset() external view returns (address);
        /// The performance fee, 1e18 = 100 %.
        function fee() external view returns (uint96);
        function totalAssets() external view returns (uint256);
        function supplyQueue(uint256 index) external view returns (bytes32);
        function supplyQueueLength() external view returns (uint256);
        function withdrawQueue(uint256 index) external view returns (bytes32);
        function withdrawQueueLength() external view returns (uint256);
        function config(bytes32 id) external view returns (uint184 cap, bool enabled, uint64 removableAt);
        function maxDeposit(address receiver) external view returns (uint256);
        function deposit(uint256 assets, address receiver) external returns (uint256);
    }

    /// Morpho Blue.
    #[sol(rpc)]
    #[derive(Debug)]
    interface IMorpho {
        struct MarketParams {
            address loanToken;
            address collateralToken;
            address oracle;
            address irm;
            uint256 lltv;
        }

        function market(bytes32 id) external view returns (
            uint128 totalSupplyAssets,
            uint128 totalSupplyShares,
            uint128 totalBorrowAssets,
            uint128 totalBorrowShares,
            uint128 lastUpdate,
            uint128 fee
        );
        function position(bytes32 id, address user) external view returns (uint256 supplyShares, uint128 borrowShares, uint128 collateral);
        function idToMarketParams(bytes32 id) external view returns (MarketParams memory);
        function accrueInterest(MarketParams memory marketParams) external;
        function borrow(MarketParams memory marketParams, uint256 assets, uint256 shares, address onBehalf, address receiver)
            external returns (uint256 assetsBorrowed, uint256 sharesBorrowed);
    }

    /// Morpho's AdaptiveCurveIrm. Rates per second, 1e18 = 100 %.
    #[sol(rpc)]
    #[derive(Debug)]
    interface IAdaptiveCurveIrm {
        struct Market {
            uint128 totalSupplyAssets;
            uint128 totalSupplyShares;
            uint128 totalBorrowAssets;
            uint128 totalBorrowShares;
            uint128 lastUpdate;
            uint128 fee;
        }

        function rateAtTarget(bytes32 id) external view returns (int256);
        function borrowRateView(IMorpho.MarketParams memory marketParams, Market memory market) external view returns (uint256);
    }

    /// Chainlink's AggregatorV3Interface.
    #[sol(rpc)]
    #[derive(Debug)]
    interface IAggregatorV3 {
        function decimals() external view returns (uint8);
        function description() external view returns (string);
        function latestRoundData() external view
            returns (uint80 roundId, int256 answer, uint256 startedAt, uint256 updatedAt, uint80 answeredInRound);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::primitives::{b256, keccak256};

    #[test]
    fn the_multicall_code_is_the_one_deployed_on_mainnet() {
        // EXTCODEHASH of the canonical deployment on Ethereum mainnet.
        let deployed = b256!("d5c15df687b16f2ff992fc8d767b4216323184a2bbc6ee2f9c398c318e770891");
        assert_eq!(keccak256(multicall3_runtime()), deployed);
    }
}
