//! The reserve of an Aave V3 pool as a [`Market`].

use crate::bindings::{IAavePool, IAaveRateStrategy};
use alloy::primitives::U256;
use ballast_types::{Apr, Assets, Market, RateCurve, WAD, Wad};

/// Ray over wad: Aave's 27 decimals against our 18.
const RAY_PER_WAD: u128 = 1_000_000_000;
const RAY: U256 = U256::from_limbs([0x9fd0_803c_e800_0000, 0x33b_2e3c, 0, 0]);
/// One basis point in 18 decimals.
const WAD_PER_BPS: u128 = WAD / 10_000;

/// All that one reserve says about itself at one block.
pub(crate) struct Reserve {
    pub(crate) data: IAavePool::ReserveData,
    /// Assets the pool holds and may lend.
    pub(crate) virtual_balance: u128,
    /// All variable debt, interest up to this block included.
    pub(crate) debt: U256,
    /// All aTokens, interest up to this block included.
    pub(crate) supplied: U256,
    /// Liquidity index at this block, in ray.
    pub(crate) income: U256,
    /// Borrow index at this block, in ray.
    pub(crate) debt_index: U256,
    pub(crate) rates: IAaveRateStrategy::InterestRateDataRay,
}

impl Reserve {
    /// The market, or what about the reserve cannot be.
    pub(crate) fn market(&self, name: String) -> Result<Market, String> {
        let debt = u128::try_from(self.debt).map_err(|_| format!("the debt {} is not an amount", self.debt))?;
        let supplied = debt.checked_add(self.virtual_balance).ok_or("debt and liquidity do not fit 128 bits")?;
        let configuration = Configuration(self.data.configuration);
        let room = self.room(configuration).ok_or("the supply cap cannot be computed from the reserve")?;
        let apr = |ray: U256| {
            u128::try_from(ray / U256::from(RAY_PER_WAD)).map_err(|_| format!("the rate {ray} ray is not a rate"))
        };
        let optimal = apr(self.rates.optimalUsageRatio)?;
        if optimal == 0 || optimal >= WAD {
            return Err(format!("the rate curve's kink is at {optimal} of 1e18, expected inside (0, 1e18)"));
        }
        Ok(Market {
            name,
            supplied: Assets(supplied),
            borrowed: Assets(debt),
            held: Assets(supplied),
            room: Assets(room),
            fee: Wad(configuration.reserve_factor_bps() * WAD_PER_BPS),
            curve: RateCurve::Kinked {
                base: Apr(apr(self.rates.baseVariableBorrowRate)?),
                slope1: Apr(apr(self.rates.variableRateSlope1)?),
                slope2: Apr(apr(self.rates.variableRateSlope2)?),
                optimal: Wad(optimal),
            },
        })
    }

    /// What may still be supplied: the cap counts aTokens and the treasury's unminted share, as `ValidationLogic.validateSupply`
    /// will see them after accruing. Rounded down; unlimited without a cap.
    fn room(&self, configuration: Configuration) -> Option<u128> {
        let cap = configuration.supply_cap()?;
        if cap.is_zero() {
            return Some(u128::MAX);
        }
        let treasury = U256::from(self.data.accruedToTreasury).checked_mul(self.income)?.checked_div(RAY)?;
        // The treasury's part of the interest that the supply itself is going to accrue first.
        let stored_index = U256::from(self.data.variableBorrowIndex);
        let debt_before = self.debt.checked_mul(stored_index)?.checked_div(self.debt_index)?;
        let interest = self.debt.checked_sub(debt_before)?;
        let due =
            interest.checked_mul(U256::from(configuration.reserve_factor_bps()))?.checked_div(U256::from(10_000))?;
        // Two units for the rounding of the two quotients.
        let used = self.supplied.checked_add(treasury)?.checked_add(due)?.checked_add(U256::from(2))?;
        Some(u128::try_from(cap.saturating_sub(used)).unwrap_or(u128::MAX))
    }
}

/// `ReserveConfigurationMap`: bit fields as in `ReserveConfiguration.sol`.
#[derive(Clone, Copy)]
struct Configuration(U256);

impl Configuration {
    fn bits(self, start: usize, length: usize) -> u128 {
        (self.0 >> start).as_limbs().first().map_or(0, |low| u128::from(low & ((1 << length) - 1)))
    }

    fn reserve_factor_bps(self) -> u128 {
        self.bits(64, 16)
    }

    /// In base units; zero means none.
    fn supply_cap(self) -> Option<U256> {
        let unit = U256::from(10).checked_pow(U256::from(self.bits(48, 8)))?;
        U256::from(self.bits(116, 36)).checked_mul(unit)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn reserve(cap_tokens: u64) -> Reserve {
        let ray = |bps: u64| U256::from(bps) * U256::from(10).pow(U256::from(23));
        let configuration =
            (U256::from(6) << 48usize) | (U256::from(1_000) << 64usize) | (U256::from(cap_tokens) << 116usize);
        Reserve {
            data: IAavePool::ReserveData {
                configuration,
                liquidityIndex: RAY.to(),
                currentLiquidityRate: 0,
                variableBorrowIndex: RAY.to(),
                currentVariableBorrowRate: 0,
                currentStableBorrowRate: 0,
                lastUpdateTimestamp: Default::default(),
                id: 0,
                aTokenAddress: Default::default(),
                stableDebtTokenAddress: Default::default(),
                variableDebtTokenAddress: Default::default(),
                interestRateStrategyAddress: Default::default(),
                accruedToTreasury: 5_000_000,
                unbacked: 0,
                isolationModeTotalDebt: 0,
            },
            virtual_balance: 20_000_000,
            debt: U256::from(80_000_000),
            supplied: U256::from(95_000_000),
            income: RAY,
            debt_index: RAY,
            rates: IAaveRateStrategy::InterestRateDataRay {
                optimalUsageRatio: ray(9_000),
                baseVariableBorrowRate: ray(0),
                variableRateSlope1: ray(550),
                variableRateSlope2: ray(4_000),
            },
        }
    }

    #[test]
    fn a_ray_is_ten_to_the_27() {
        assert_eq!(RAY, U256::from(10).pow(U256::from(27)));
    }

    #[test]
    fn rates_arrive_in_18_decimals_and_amounts_unchanged() {
        let market = reserve(0).market("USDC".into()).unwrap();
        assert_eq!(
            (market.supplied, market.borrowed, market.held),
            (Assets(100_000_000), Assets(80_000_000), Assets(100_000_000))
        );
        assert_eq!(market.fee, Wad(WAD / 10));
        assert_eq!(
            market.curve,
            RateCurve::Kinked {
                base: Apr(0),
                slope1: Apr(WAD / 1_000 * 55),
                slope2: Apr(WAD / 10 * 4),
                optimal: Wad(WAD / 10 * 9)
            }
        );
        assert_eq!(market.room, Assets(u128::MAX));
    }

    #[test]
    fn the_room_under_a_cap_counts_the_treasury_and_the_interest_still_to_come() {
        assert_eq!(reserve(150).market(String::new()).unwrap().room, Assets(150_000_000 - 95_000_000 - 5_000_000 - 2));
        // Debt has grown by a tenth since the index was stored; a tenth of that will go to the treasury.
        let grown = Reserve { debt_index: RAY * U256::from(10) / U256::from(9), ..reserve(150) };
        assert_eq!(
            grown.market(String::new()).unwrap().room,
            Assets(150_000_000 - 95_000_000 - 5_000_000 - 800_000 - 2)
        );
        assert_eq!(reserve(90).market(String::new()).unwrap().room, Assets(0));
    }

    #[test]
    fn a_curve_that_divides_by_zero_is_refused() {
        let mut broken = reserve(0);
        broken.rates.optimalUsageRatio = RAY;
        assert!(broken.market(String::new()).unwrap_err().contains("kink"));
    }
}
