//! From what the data says of a venue on a day to a market with a curve that pays exactly that.
//!
//! A kink at 90 % and the steepness above it are Aave's for USDC. Below the kink the curve goes through zero and the observed point, so
//! our own money lowers the rate in the proportion in which it lowers utilisation, twice: `rate ∝ u²`. Borrowers are taken not to answer.

use crate::market::{VenueStep, quantised};
use ballast_allocator::rates;
use ballast_types::{Apr, Assets, RateCurve, WAD, Wad, fixed::mul_div_floor};

/// What is known of a venue's size, USD.
#[derive(Clone, Copy, Debug)]
pub enum Observed {
    Measured {
        supplied: f64,
        borrowed: f64,
    },
    /// What could be withdrawn.
    Liquidity(f64),
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
    let (supplied, borrowed, size_measured) = match observed {
        Observed::Measured { supplied, borrowed } => (supplied, borrowed.min(supplied * MOST_UTILISATION), true),
        Observed::Liquidity(liquidity) => {
            let u = utilisation(supply, borrow);
            let supplied = liquidity / (1.0 - u);
            (supplied, supplied * u, false)
        }
    };
    let supplied = Assets(quantised(supplied, 1e6));
    let borrowed = Assets(quantised(borrowed, 1e6));
    let rate = Apr(quantised(supply, 1e18));
    let u = rates::utilisation(borrowed, supplied);
    if supplied == Assets::ZERO {
        return None;
    }
    let curve = through(rate, u)?;
    let rate = rates::supply_rate(&curve, u, Wad(FEE))?;
    Some(VenueStep { rate, supplied, borrowed, curve, fee: Wad(FEE), size_measured, haircut: Wad(0) })
}

/// `supply = borrow · u · (1 − fee)`, solved for `u`.
fn utilisation(supply: f64, borrow: Option<f64>) -> f64 {
    match borrow {
        Some(borrow) if borrow > 0.0 => (supply / (borrow * 0.9)).min(MOST_UTILISATION),
        _ => ASSUMED_UTILISATION,
    }
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

    #[test]
    fn what_pays_nothing_or_is_empty_stays_so() {
        assert_eq!(step(0.0, None, Observed::Liquidity(1e6)).unwrap().rate, Apr(0));
        assert!(step(0.05, None, Observed::Measured { supplied: 0.0, borrowed: 0.0 }).is_none());
    }
}
