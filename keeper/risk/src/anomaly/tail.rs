//! How often real figures move how far.

use crate::portfolio::tail_index;
use serde::Serialize;

/// What |z| is beyond where its tail begins: `P(|z| > x) = share · (from / x)^index`, Pareto's law, to which every tail that falls like a power comes
/// close (Pickands 1975, Balkema and de Haan 1974).
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct HeavyTail {
    /// |z| from which on it holds.
    pub from: f64,
    /// Part of all values beyond that, above 0 and below 1.
    pub share: f64,
    /// Hill's tail index: the smaller, the heavier. Below 2 there is no variance.
    pub index: f64,
}

impl HeavyTail {
    /// Of changes from hour to hour of rate, utilisation and logarithm of the size, judged by the 336 changes before: fitted by
    /// `ballast_backtest::anomalies` to the first half of the calm days of four venues whose windows are free of crises too, and held against the second half
    /// (docs/ANOMALIES.md).
    pub const MEASURED: Self = Self { from: 6.18, share: 0.01, index: 2.07 };

    /// Fitted to the largest of `values` by magnitude: `share` of them, with Hill's estimator (Hill 1975). `None` if that is not at least two of them and
    /// fewer than all that are not zero, if they are all equal, or if a value is no finite number.
    #[must_use]
    pub fn fit(values: &[f64], share: f64) -> Option<Self> {
        if !(share > 0.0 && share < 1.0) {
            return None;
        }
        let largest = (values.len() as f64 * share) as usize;
        let below: Vec<f64> = values.iter().map(|value| -value.abs()).collect();
        let index = tail_index(&below, largest)?;
        let mut sizes: Vec<f64> = below.iter().map(|value| -value).collect();
        sizes.sort_by(|a, b| b.total_cmp(a));
        Some(Self { from: *sizes.get(largest)?, share: largest as f64 / values.len() as f64, index })
    }

    /// The |z| that is exceeded with probability `p` (Weissman 1978), never less than where the tail begins.
    #[must_use]
    pub fn exceeded(&self, p: f64) -> f64 {
        if p < self.share { self.from * libm::pow(self.share / p, 1.0 / self.index) } else { self.from }
    }

    /// The probability of a |z| beyond `x`; `None` before the tail begins, where this says nothing.
    #[must_use]
    pub fn beyond(&self, x: f64) -> Option<f64> {
        (x >= self.from).then(|| self.share * libm::pow(self.from / x, self.index))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_has_no_tail_has_no_fit() {
        let plain: Vec<f64> = (1..=100).map(f64::from).collect();
        for share in [0.0, 1.0, f64::NAN, 0.01] {
            assert_eq!(HeavyTail::fit(&plain, share), None, "{share}");
        }
        assert_eq!(HeavyTail::fit(&[1.0; 100], 0.1), None);
        assert_eq!(HeavyTail::fit(&[&plain[..], &[f64::INFINITY]].concat(), 0.1), None);
        let fitted = HeavyTail::fit(&plain, 0.1).unwrap();
        assert_eq!((fitted.from, fitted.share), (90.0, 0.1));
    }

    proptest! {
        // SPEC R7
        #[test]
        fn the_quantile_inverts_the_tail(exponent in -12.0..-2.001f64, index in 0.5..6.0f64, from in 0.1..20.0f64) {
            let (tail, p) = (HeavyTail { from, share: 0.01, index }, libm::pow(10.0, exponent));
            prop_assert!((tail.beyond(tail.exceeded(p)).unwrap() / p - 1.0).abs() < 1e-9);
            prop_assert_eq!(tail.exceeded(0.5), from);
        }

        // Exact quantiles of Pareto's law: the fit finds the law again.
        #[test]
        fn a_tail_that_is_paretos_is_found_again(index in 0.7..4.0f64, sign in prop::bool::ANY) {
            let law = |rank: u32| libm::pow(f64::from(rank) / 20_000.5, -1.0 / index) * if sign { 1.0 } else { -1.0 };
            let values: Vec<f64> = (1..=20_000).map(law).collect();
            let fitted = HeavyTail::fit(&values, 0.1).unwrap();
            prop_assert!((fitted.index / index - 1.0).abs() < 0.01, "{:?}", fitted);
            prop_assert!((fitted.exceeded(1e-3) / libm::pow(1e-3, -1.0 / index) - 1.0).abs() < 0.05, "{:?}", fitted);
        }

        #[test]
        fn the_unit_of_the_values_changes_only_where_it_begins(scale in 0.001..1e3f64, steps in prop::collection::vec(0.01..100.0f64, 50)) {
            let scaled: Vec<f64> = steps.iter().map(|value| value * scale).collect();
            let (one, other) = (HeavyTail::fit(&steps, 0.2), HeavyTail::fit(&scaled, 0.2));
            if let (Some(one), Some(other)) = (one, other) {
                prop_assert!((other.from / (one.from * scale) - 1.0).abs() < 1e-12);
                prop_assert!((other.index / one.index - 1.0).abs() < 1e-6);
            }
        }
    }
}
