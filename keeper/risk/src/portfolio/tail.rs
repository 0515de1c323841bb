//! What a bad day costs: value at risk and expected shortfall, historical and by Cornish and Fisher; how heavy the tail is.
//!
//! Losses are positive; a figure below zero says that even the bad days gained. `tail` is the part of days that count as bad, 0.05 for VaR95.

use super::returns::{Moments, moments};
use crate::distribution::{normal_density, normal_quantile};
use serde::Serialize;

/// Value at risk and expected shortfall of one day, as fractions of value.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct TailRisk {
    pub value_at_risk: f64,
    pub expected_shortfall: f64,
}

/// From the sample itself.
///
/// Value at risk is the `tail` quantile with linear interpolation between order statistics (Hyndman and Fan's type 7: position `(n − 1)·tail`,
/// numpy's default), with its sign changed. Expected shortfall is the mean of the worst `n·tail` returns, the last of them counted by its part
/// (Acerbi and Tasche 2002), never less than one of them whole. `None` of no returns, of one that is not finite, or unless 0 < tail < 1.
#[must_use]
pub fn historical(returns: &[f64], tail: f64) -> Option<TailRisk> {
    if returns.is_empty() || returns.iter().any(|value| !value.is_finite()) || !(tail > 0.0 && tail < 1.0) {
        return None;
    }
    let mut sorted = returns.to_vec();
    sorted.sort_by(f64::total_cmp);
    let wanted = (sorted.len() as f64 * tail).max(1.0);
    let (mut sum, mut left) = (0.0, wanted);
    for value in &sorted {
        let part = left.min(1.0);
        sum += value * part;
        left -= part;
        if left <= 0.0 {
            break;
        }
    }
    Some(TailRisk { value_at_risk: -quantile(&sorted, tail)?, expected_shortfall: -sum / wanted })
}

/// Type 7 of a sorted sample.
fn quantile(sorted: &[f64], p: f64) -> Option<f64> {
    let position = (sorted.len() - 1) as f64 * p;
    let (below, part) = (position.floor(), position - position.floor());
    let low = sorted.get(below as usize)?;
    let high = sorted.get(below as usize + 1).unwrap_or(low);
    Some(low + (high - low) * part)
}

/// As [`TailRisk`], from four moments.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct CornishFisher {
    pub risk: TailRisk,
    /// Whether the expansion rises over the whole tail. If not, the sample is too far from normal for it and the historical figure is the one to
    /// use (Maillard 2012 gives the region).
    pub monotone: bool,
}

/// Cornish and Fisher's expansion of the normal quantile by skewness S and excess kurtosis K:
/// `w(z) = z + (z² − 1)S/6 + (z³ − 3z)K/24 − (2z³ − 5z)S²/36`, VaR = −(μ + σ·w(z_tail)).
///
/// The shortfall is the exact mean of `μ + σ·w(Z)` over Z < z_tail, by the moments of a truncated normal. `None` of a sample without moments or
/// unless 0 < tail < 1/2.
#[must_use]
pub fn cornish_fisher(returns: &[f64], tail: f64) -> Option<CornishFisher> {
    if !(tail > 0.0 && tail < 0.5) {
        return None;
    }
    let Moments { mean, deviation, skewness: s, excess_kurtosis: k, .. } = moments(returns)?;
    let z = normal_quantile(tail)?;
    let expand = |one: f64, two: f64, three: f64| {
        one + (two - 1.0) * s / 6.0 + (three - 3.0 * one) * k / 24.0 - (2.0 * three - 5.0 * one) * s * s / 36.0
    };
    // E[Z | Z < z], E[Z² | …], E[Z³ | …].
    let ratio = normal_density(z) / tail;
    let (first, second, third) = (-ratio, 1.0 - z * ratio, -(z * z + 2.0) * ratio);
    let risk = TailRisk {
        value_at_risk: -(mean + deviation * expand(z, z * z, z * z * z)),
        expected_shortfall: -(mean + deviation * expand(first, second, third)),
    };
    Some(CornishFisher { risk, monotone: rises_below(z, s, k) })
}

/// Whether `w` rises everywhere below z: its derivative is a parabola.
fn rises_below(z: f64, s: f64, k: f64) -> bool {
    // w' = a·x² + b·x + c.
    let a = k / 8.0 - s * s / 6.0;
    let (b, c) = (s / 3.0, 1.0 - k / 8.0 + 5.0 * s * s / 36.0);
    let at = |x: f64| a * x * x + b * x + c;
    if a < 0.0 || at(z) <= 0.0 {
        return false;
    }
    if a == 0.0 {
        return b <= 0.0;
    }
    let lowest = -b / (2.0 * a);
    lowest >= z || at(lowest) > 0.0
}

/// Hill's tail index of the `worst` largest losses: the smaller, the heavier the tail (below 2 there is no variance). `None` unless there are more
/// losses than that, at least two, and they are not all equal, and every return is a finite number.
#[must_use]
pub fn tail_index(returns: &[f64], worst: usize) -> Option<f64> {
    if returns.iter().any(|value| !value.is_finite()) {
        return None;
    }
    let mut losses: Vec<f64> = returns.iter().map(|value| -value).collect();
    losses.retain(|loss| *loss > 0.0);
    losses.sort_by(|a, b| b.total_cmp(a));
    if worst < 2 || losses.len() <= worst {
        return None;
    }
    let threshold = losses[worst];
    let sum: f64 = losses[..worst].iter().map(|loss| libm::log(loss / threshold)).sum();
    (sum > 0.0).then(|| worst as f64 / sum)
}

/// The 95 % quantile of returns over the loss at the 5 % quantile: above 1, good days are larger than bad ones. `None` if the bad days do not lose.
#[must_use]
pub fn tail_ratio(returns: &[f64]) -> Option<f64> {
    if returns.is_empty() || returns.iter().any(|value| !value.is_finite()) {
        return None;
    }
    let mut sorted = returns.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (low, high) = (quantile(&sorted, 0.05)?, quantile(&sorted, 0.95)?);
    (low < 0.0).then(|| high / -low)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_hundred_days_by_hand() {
        // −1 %, …, −100 %: the worst five average −98 %; position 4.95 lies between −96 % and −95 %.
        let returns: Vec<f64> = (1..=100).map(|percent| -f64::from(percent) / 100.0).collect();
        let found = historical(&returns, 0.05).unwrap();
        assert!((found.expected_shortfall - 0.98).abs() < 1e-12);
        assert!((found.value_at_risk - 0.9505).abs() < 1e-12);
    }

    #[test]
    fn a_normal_shape_gives_the_normal_figures() {
        // Symmetric, and of excess kurtosis zero: ±√3 with one sixth each, 0 with two thirds.
        let root = 3.0f64.sqrt();
        let returns = [-root, root, 0.0, 0.0, 0.0, 0.0];
        let found = cornish_fisher(&returns, 0.05).unwrap();
        let deviation = (6.0f64 / 5.0).sqrt();
        assert!((found.risk.value_at_risk / deviation - 1.644_853_626_951_472_7).abs() < 1e-12);
        assert!((found.risk.expected_shortfall / deviation - 2.062_712_807_507_122).abs() < 1e-9);
        assert!(found.monotone);
    }

    #[test]
    fn what_does_not_exist_is_none() {
        assert_eq!(historical(&[], 0.05), None);
        assert_eq!(historical(&[0.1], 0.0), None);
        assert_eq!(historical(&[f64::NAN], 0.05), None);
        assert_eq!(cornish_fisher(&[0.1], 0.05), None);
        assert_eq!(tail_index(&[-0.1, -0.2], 2), None);
        assert_eq!(tail_index(&[-0.1, -0.2, -0.3, f64::NAN], 2), None);
        assert_eq!(tail_ratio(&[0.1, 0.2]), None);
        assert_eq!(tail_ratio(&[-0.1; 3]), Some(-1.0));
    }

    proptest! {
        #[test]
        fn the_shortfall_is_never_better_than_the_value_at_risk(
            returns in proptest::collection::vec(-0.5..0.5f64, 1..80), tail in 0.01..0.4f64,
        ) {
            let found = historical(&returns, tail).unwrap();
            prop_assert!(found.expected_shortfall >= found.value_at_risk - 1e-12);
            let worst = returns.iter().copied().fold(f64::INFINITY, f64::min);
            prop_assert!(found.expected_shortfall <= -worst + 1e-12);
            if let Some(CornishFisher { risk, monotone: true }) = cornish_fisher(&returns, tail) {
                prop_assert!(risk.expected_shortfall >= risk.value_at_risk - 1e-12);
            }
        }

        #[test]
        fn a_worse_day_never_lowers_the_risk(mut returns in proptest::collection::vec(-0.5..0.5f64, 2..80), by in 0.0..0.5f64) {
            let before = historical(&returns, 0.05).unwrap();
            returns[0] -= by;
            let after = historical(&returns, 0.05).unwrap();
            prop_assert!(after.value_at_risk >= before.value_at_risk);
            prop_assert!(after.expected_shortfall >= before.expected_shortfall - 1e-15);
        }

        #[test]
        fn the_expansion_says_itself_where_it_does_not_rise(s in -2.0..2.0f64, k in -1.0..10.0f64) {
            let w = |x: f64| x + (x * x - 1.0) * s / 6.0 + (x * x * x - 3.0 * x) * k / 24.0 - (2.0 * x * x * x - 5.0 * x) * s * s / 36.0;
            let z = normal_quantile(0.05).unwrap();
            let mut falls = false;
            let mut x = z;
            while x > z - 20.0 {
                falls |= w(x - 1e-3) > w(x) + 1e-9;
                x -= 1e-3;
            }
            if rises_below(z, s, k) {
                prop_assert!(!falls);
            }
        }
    }
}
