//! From what the data says of a venue on a day to a market with a curve that pays exactly that.
//!
//! A kink at 90 % and the steepness above it are Aave's for USDC. Below the kink the curve goes through zero and the observed point, so
//! our own money lowers the rate in the proportion in which it lowers utilisation, twice: `rate ∝ u²`. Borrowers are taken not to answer.

use crate::market::{Basis, VenueStep, quantised};
use ballast_allocator::rates;
use ballast_types::{Apr, Assets, RateCurve, WAD, Wad, fixed::mul_div_floor};

/// What is known of a venue's size, USD.
#[derive(Clone, Copy, Debug)]
pub enum Observed {
    Measured {
        supplied: f64,
        borrowed: f64,
    },
    /// What could be withdrawn. How much is lent follows from the rates ([`lent_out`]).
    Liquidity(f64),
    /// What could be withdrawn, and the part of all that is lent out.
    Derived {
        liquidity: f64,
        utilisation: f64,
    },
}

/// Aave v2's interest-rate strategy for USDC, `rateStrategyStableThree` of github.com/aave/protocol-v2, markets/aave/rateStrategies.ts: no base,
/// 4 % at 90 %, 60 % more from there to 100 %. By the data it held from the launch in December 2020 until v3 took its place in July 2023.
/// It is USDT's as well.
pub(crate) const AAVE_V2: KinkedRate = KinkedRate { slope1: 0.04, slope2: 0.6, optimal: 0.9 };
/// The one for DAI, `rateStrategyStableTwo` of the same file.
pub(crate) const AAVE_V2_DAI: KinkedRate = KinkedRate { slope1: 0.04, slope2: 0.75, optimal: 0.8 };

/// A kinked borrow rate, fractions.
pub(crate) struct KinkedRate {
    slope1: f64,
    slope2: f64,
    optimal: f64,
}

impl KinkedRate {
    /// The utilisation at which it asks this borrow rate.
    fn inverse(&self, borrow: f64) -> f64 {
        if borrow <= self.slope1 {
            self.optimal * borrow / self.slope1
        } else {
            self.optimal + (borrow - self.slope1) / self.slope2 * (1.0 - self.optimal)
        }
    }
}

/// What the rates of a day say of utilisation; `None` without a borrow rate.
///
/// Where all debt is variable (Aave v3's USDC: stable-rate borrowing was never open), `supply = borrow · u · (1 − fee)` at every moment, so that
/// the ratio of a day's means is the mean of `u` weighted by the borrow rate: never above the day's highest. In Aave v2 (by its `strategy`) suppliers
/// were paid by borrowers at stable rates as well, and the ratio says anything up to 175 %; there the variable rate itself tells, since the contract
/// computes it from utilisation alone. Above the kink, what follows from a day's mean is the day's mean if it was above all day, else more
/// than that, but never above the highest of the day.
#[must_use]
pub(crate) fn lent_out(supply: f64, borrow: Option<f64>, strategy: Option<&KinkedRate>) -> Option<f64> {
    let borrow = borrow.filter(|borrow| *borrow > 0.0)?;
    let u = strategy.map_or(supply / (borrow * 0.9), |strategy| strategy.inverse(borrow));
    Some(u.min(MOST_UTILISATION))
}

/// Aave's optimal utilisation for USDC.
const OPTIMAL: u128 = WAD / 10 * 9;
/// Aave's reserve factor for USDC: suppliers get `borrow rate · u · 0.9`.
const FEE: u128 = WAD / 10;
/// Utilisation where the rates do not tell it.
const ASSUMED_UTILISATION: f64 = 0.8;
/// Where the rates would tell more, the venue counts as nearly lent out.
const MOST_UTILISATION: f64 = 0.98;
/// Borrow rate at the kink, above it where the observed one is smaller.
const RATE_AT_KINK: u128 = WAD / 1_000 * 55;
/// What is added above the kink up to full utilisation, at least.
const SLOPE_ABOVE: u128 = WAD / 10 * 6;

/// A step that pays `supply` (a fraction a year) before our own money is in it; `None` if nothing is supplied.
#[must_use]
pub fn step(supply: f64, borrow: Option<f64>, observed: Observed) -> Option<VenueStep> {
    let (supplied, borrowed, utilisation) = match observed {
        Observed::Measured { supplied, borrowed } => {
            (supplied, borrowed.min(supplied * MOST_UTILISATION), Basis::Recorded)
        }
        Observed::Liquidity(liquidity) => match lent_out(supply, borrow, None) {
            Some(u) => of_liquidity(liquidity, u, Basis::Derived),
            None => of_liquidity(liquidity, ASSUMED_UTILISATION, Basis::Assumed),
        },
        Observed::Derived { liquidity, utilisation } => of_liquidity(liquidity, utilisation, Basis::Derived),
    };
    let size_measured = utilisation == Basis::Recorded;
    let supplied = Assets(quantised(supplied, 1e6));
    let borrowed = Assets(quantised(borrowed, 1e6));
    let rate = Apr(quantised(supply, 1e18));
    let u = rates::utilisation(borrowed, supplied);
    if supplied == Assets::ZERO {
        return None;
    }
    let curve = through(rate, u)?;
    let rate = rates::supply_rate(&curve, u, Wad(FEE))?;
    Some(VenueStep { rate, supplied, borrowed, curve, fee: Wad(FEE), size_measured, utilisation, haircut: Wad(0) })
}

/// Supplied and borrowed where `liquidity` is left at a utilisation of `u`.
fn of_liquidity(liquidity: f64, u: f64, basis: Basis) -> (f64, f64, Basis) {
    let u = u.clamp(0.0, MOST_UTILISATION);
    let supplied = liquidity / (1.0 - u);
    (supplied, supplied * u, basis)
}

/// The curve that pays suppliers `rate` at `u`. Of an empty market, or one that pays nothing, a flat zero.
fn through(rate: Apr, u: Wad) -> Option<RateCurve> {
    let kinked = |slope1, slope2| RateCurve::Kinked {
        base: Apr(0),
        slope1: Apr(slope1),
        slope2: Apr(slope2),
        optimal: Wad(OPTIMAL),
    };
    if u.0 == 0 || rate.0 == 0 {
        return Some(kinked(0, 0));
    }
    // Rounded up twice, so that the curve does not pay less than the data says by more than the last digits.
    let paid = mul_div_floor(rate.0, WAD, WAD - FEE)?.checked_add(1)?;
    let borrow = mul_div_floor(paid, WAD, u.0)?.checked_add(1)?;
    if u.0 <= OPTIMAL {
        let slope1 = mul_div_floor(borrow, OPTIMAL, u.0)?.checked_add(1)?;
        Some(kinked(slope1, SLOPE_ABOVE.max(slope1)))
    } else {
        let slope1 = borrow.min(RATE_AT_KINK);
        let slope2 = mul_div_floor(borrow - slope1, WAD - OPTIMAL, u.0 - OPTIMAL)?.checked_add(1)?;
        Some(kinked(slope1, slope2))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn the_curve_pays_what_was_observed(supply in 0.0001f64..3.0, u in 0.01f64..0.98, size in 1e5f64..1e10) {
            let observed = Observed::Measured { supplied: size, borrowed: size * u };
            let step = step(supply, None, observed).unwrap();
            prop_assert!((step.rate.0 as f64 / 1e18 - supply).abs() < 1e-9 * supply + 1e-12);
        }

        #[test]
        fn more_money_never_earns_a_higher_rate(supply in 0.0f64..3.0, borrow in 0.0f64..4.0, liquidity in 1e5f64..1e9, more in 0.0f64..1e9) {
            let step = step(supply, Some(borrow), Observed::Liquidity(liquidity)).unwrap();
            let with = Assets(step.supplied.0 + quantised(more, 1e6));
            let diluted = rates::supply_rate(&step.curve, rates::utilisation(step.borrowed, with), step.fee).unwrap();
            prop_assert!(diluted <= step.rate);
        }
    }

    #[test]
    fn utilisation_follows_from_the_rates() {
        // Aave USDC on 2023-10-18: 3.934686 % and 4.848456 %.
        let step = step(0.03934686, Some(0.04848456), Observed::Liquidity(200e6)).unwrap();
        let u = step.borrowed.0 as f64 / step.supplied.0 as f64;
        assert!((u - 0.9017).abs() < 1e-4, "{u}");
    }

    // Aave v2 on 2021-03-11: 21.55 % to suppliers, 49.11 % from variable borrowers. And on 2021-03-25: 6.04 % and 4.37 %.
    #[test]
    fn where_stable_borrowers_pay_as_well_the_variable_rate_tells_and_the_ratio_does_not() {
        assert!(lent_out(0.2155, Some(0.4911), None).unwrap() < 0.5);
        assert!((lent_out(0.2155, Some(0.4911), Some(&AAVE_V2)).unwrap() - 0.97518).abs() < 1e-4);
        assert_eq!(lent_out(0.0604, Some(0.0437), None).unwrap(), MOST_UTILISATION);
        assert!((lent_out(0.0604, Some(0.0437), Some(&AAVE_V2)).unwrap() - 0.90062).abs() < 1e-4);
        assert_eq!(lent_out(0.05, None, Some(&AAVE_V2)), None);
    }

    proptest! {
        #[test]
        fn the_strategys_inverse_is_its_inverse(u in 0.0f64..=1.0) {
            let KinkedRate { slope1, slope2, optimal } = AAVE_V2;
            let borrow = if u <= optimal { slope1 * u / optimal } else { slope1 + slope2 * (u - optimal) / (1.0 - optimal) };
            prop_assert!((AAVE_V2.inverse(borrow) - u).abs() < 1e-12);
        }

        // The derivation from daily means never says more than the day's highest utilisation, however it went within the day.
        #[test]
        fn what_a_days_means_say_is_within_the_day(hours in proptest::collection::vec(0.01f64..0.98, 1..24)) {
            let KinkedRate { slope1, slope2, optimal } = AAVE_V2;
            let rate = |u: f64| if u <= optimal { slope1 * u / optimal } else { slope1 + slope2 * (u - optimal) / (1.0 - optimal) };
            let mean = |values: Vec<f64>| values.iter().sum::<f64>() / values.len() as f64;
            let borrow = mean(hours.iter().map(|u| rate(*u)).collect());
            let supply = mean(hours.iter().map(|u| rate(*u) * u * 0.9).collect());
            let highest = hours.iter().copied().fold(0.0, f64::max) + 1e-9;
            let lowest = hours.iter().copied().fold(1.0, f64::min) - 1e-9;
            for strategy in [None, Some(&AAVE_V2)] {
                let u = lent_out(supply, Some(borrow), strategy).unwrap();
                prop_assert!(lowest <= u && u <= highest, "{u} in {lowest}..{highest}");
            }
        }
    }

    #[test]
    fn what_pays_nothing_or_is_empty_stays_so() {
        assert_eq!(step(0.0, None, Observed::Liquidity(1e6)).unwrap().rate, Apr(0));
        assert!(step(0.05, None, Observed::Measured { supplied: 0.0, borrowed: 0.0 }).is_none());
    }
}
