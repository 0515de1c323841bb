//! What a move earns over the horizon, and what it costs, both in assets.

use crate::yields::YearlyYield;
use alloy_primitives::U256;
use ballast_types::{Apr, Assets, SECONDS_PER_YEAR, WAD, Wad, fixed::product};

/// One whole unit of the asset (USDC: 6 decimals, as [`Assets`] says).
const ASSET_UNIT: u128 = 1_000_000;

/// What a yearly yield comes to in `seconds`, rounded down; `None` if it does not fit.
#[must_use]
pub fn earned(yearly: YearlyYield, seconds: u64) -> Option<Assets> {
    let scaled = yearly.0.checked_mul(U256::from(seconds))?;
    assets(scaled / year())
}

/// `principal · rate · seconds / year`, rounded up; `None` if it does not fit.
#[must_use]
pub fn required(principal: Assets, rate: Apr, seconds: u64) -> Option<Assets> {
    let scaled = product(principal.0, rate.0).checked_mul(U256::from(seconds))?;
    assets(scaled.div_ceil(year()))
}

/// The cost of `gas` at `wei_per_gas` in assets, rounded up, given ETH/USD and the asset's price in USD (1e18 = 1 USD).
///
/// `None` if the asset has no price or the cost does not fit.
#[must_use]
pub fn gas_cost(gas: u64, wei_per_gas: u128, eth_usd: Wad, asset_usd: Wad) -> Option<Assets> {
    let wei = u128::from(gas).checked_mul(wei_per_gas)?;
    let scaled = product(wei, eth_usd.0).checked_mul(U256::from(ASSET_UNIT))?;
    let divisor = product(WAD, asset_usd.0);
    if divisor.is_zero() { None } else { assets(scaled.div_ceil(divisor)) }
}

/// What is paid once, as what it takes from a yearly yield over `seconds`, rounded up; `None` over no time.
#[must_use]
pub fn spread(cost: Assets, seconds: u64) -> Option<YearlyYield> {
    let scaled = U256::from(cost.0).checked_mul(year())?;
    (seconds > 0).then(|| YearlyYield(scaled.div_ceil(U256::from(seconds))))
}

/// A year in the unit of [`YearlyYield`]: seconds times 1e18.
fn year() -> U256 {
    product(u128::from(SECONDS_PER_YEAR), WAD)
}

fn assets(value: U256) -> Option<Assets> {
    u128::try_from(value).ok().map(Assets)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GWEI: u128 = 1_000_000_000;

    #[test]
    fn gas_is_paid_in_assets_and_rounded_up() {
        // 500 000 gas at 25 gwei with ETH at 3 200 USD is 40 USD (ERR-34).
        let eth = Wad(3_200 * WAD);
        assert_eq!(gas_cost(500_000, 25 * GWEI, eth, Wad(WAD)), Some(Assets(40_000_000)));
        assert_eq!(gas_cost(1, 1, eth, Wad(WAD)), Some(Assets(1)));
        assert_eq!(gas_cost(0, 25 * GWEI, eth, Wad(WAD)), Some(Assets(0)));
    }

    #[test]
    fn a_cheaper_asset_pays_more_of_itself_for_the_same_gas() {
        let cost = gas_cost(500_000, 25 * GWEI, Wad(3_200 * WAD), Wad(WAD / 100 * 98));
        assert_eq!(cost, Some(Assets(40_816_327)));
    }

    #[test]
    fn a_cost_without_a_price_or_out_of_range_is_none() {
        assert_eq!(gas_cost(1, 1, Wad(WAD), Wad::ZERO), None);
        assert_eq!(gas_cost(2, u128::MAX, Wad(WAD), Wad(WAD)), None);
        assert_eq!(gas_cost(1, u128::MAX, Wad(u128::MAX), Wad(1)), None);
    }

    // SPEC X2: half a percent a year, not half a percent over any horizon (ERR-33).
    #[test]
    fn the_required_improvement_scales_with_the_horizon() {
        let nav = Assets(1_000_000_000_000);
        let half_a_percent = Apr(WAD / 200);
        assert_eq!(required(nav, half_a_percent, SECONDS_PER_YEAR), Some(Assets(5_000_000_000)));
        // 5 000 USDC · 7/365 = 95.890410958…, rounded up.
        assert_eq!(required(nav, half_a_percent, 7 * 86_400), Some(Assets(95_890_411)));
    }

    #[test]
    fn earnings_are_rounded_down() {
        let yearly = YearlyYield(product(1_000_000_000_000, WAD / 200));
        assert_eq!(earned(yearly, SECONDS_PER_YEAR), Some(Assets(5_000_000_000)));
        assert_eq!(earned(yearly, 7 * 86_400), Some(Assets(95_890_410)));
        assert_eq!(earned(YearlyYield(U256::MAX), 2), None);
    }

    // SPEC X2: what a swap costs weighs against the yield of the horizon, no more and no less.
    #[test]
    fn a_cost_that_is_spread_over_a_time_is_what_that_yield_earns_in_it() {
        for (cost, seconds) in [(1u128, 1u64), (400_000_000, 30 * 86_400), (7, SECONDS_PER_YEAR)] {
            let yearly = spread(Assets(cost), seconds).unwrap_or_default();
            assert_eq!(earned(yearly, seconds), Some(Assets(cost)));
        }
        assert_eq!(spread(Assets(1), 0), None);
    }
}
