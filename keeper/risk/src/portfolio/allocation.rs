//! How concentrated, how levered, and how large a bet should be.

/// Herfindahl's index of parts that need not add up to one: the sum of the squares of each part of their sum. 1/n when all are equal, 1 when there
/// is but one. `None` if a part is negative or all are zero.
#[must_use]
pub fn concentration(parts: &[f64]) -> Option<f64> {
    let total: f64 = parts.iter().sum();
    if parts.iter().any(|part| !part.is_finite() || *part < 0.0) || total <= 0.0 {
        return None;
    }
    Some(parts.iter().map(|part| (part / total) * (part / total)).sum())
}

/// Gross exposure over net asset value, both in one unit: 1 without borrowing. `None` unless the net value is positive.
#[must_use]
pub fn leverage(long: f64, short: f64, net_asset_value: f64) -> Option<f64> {
    let usable = long.is_finite() && short.is_finite() && long >= 0.0 && short >= 0.0;
    (usable && net_asset_value.is_finite() && net_asset_value > 0.0).then(|| (long + short) / net_asset_value)
}

/// Kelly's fraction for continuous returns: excess return over variance, both of one period. Not bounded here: below zero it says to stay
/// out, and above one to borrow, which the vault does not. `None` unless the variance is positive.
#[must_use]
pub fn kelly(excess_return: f64, variance: f64) -> Option<f64> {
    (excess_return.is_finite() && variance.is_finite() && variance > 0.0).then(|| excess_return / variance)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    // ERR-35: .4, .3, .2, .1 has the index .30 and not .34.
    #[test]
    fn the_plans_sample_allocation_has_the_index_point_three() {
        assert!((concentration(&[0.4, 0.3, 0.2, 0.1]).unwrap() - 0.30).abs() < 1e-15);
        assert_eq!(concentration(&[5.0]), Some(1.0));
        assert_eq!(concentration(&[]), None);
        assert_eq!(concentration(&[1.0, -1.0]), None);
    }

    #[test]
    fn borrowing_and_bets() {
        assert_eq!(leverage(100.0, 0.0, 100.0), Some(1.0));
        assert_eq!(leverage(150.0, 50.0, 100.0), Some(2.0));
        assert_eq!(leverage(1.0, 0.0, 0.0), None);
        assert_eq!(kelly(0.02, 0.04), Some(0.5));
        assert_eq!(kelly(0.02, 0.0), None);
    }

    proptest! {
        #[test]
        fn the_index_lies_between_one_over_n_and_one(parts in proptest::collection::vec(0.001..10.0f64, 1..20)) {
            let found = concentration(&parts).unwrap();
            prop_assert!(found <= 1.0 + 1e-12 && found >= 1.0 / parts.len() as f64 - 1e-12);
        }

        // The growth rate of log wealth, μf − σ²f²/2, is highest at Kelly's fraction.
        #[test]
        fn no_other_bet_grows_faster(excess in -0.2..0.2f64, variance in 0.001..0.5f64, other in -3.0..3.0f64) {
            let growth = |f: f64| excess * f - 0.5 * variance * f * f;
            let best = kelly(excess, variance).unwrap();
            prop_assert!(growth(best) >= growth(other) - 1e-12);
        }
    }
}
