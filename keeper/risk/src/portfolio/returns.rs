//! Moments, volatility, correlation and drawdown of series of daily returns.

use serde::Serialize;

/// Of volatility: these markets trade every day.
pub const DAYS_PER_YEAR: f64 = 365.0;

/// The shape of a sample.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Moments {
    pub count: usize,
    pub mean: f64,
    /// Sample standard deviation (n − 1).
    pub deviation: f64,
    /// Third central moment over σ³, both with n. Zero of a constant sample.
    pub skewness: f64,
    /// Fourth central moment over σ⁴, both with n, less 3. Zero of a constant sample.
    pub excess_kurtosis: f64,
}

/// The moments of at least two finite numbers.
#[must_use]
pub fn moments(sample: &[f64]) -> Option<Moments> {
    if sample.len() < 2 || sample.iter().any(|value| !value.is_finite()) {
        return None;
    }
    let n = sample.len() as f64;
    let mean = sample.iter().sum::<f64>() / n;
    let (mut second, mut third, mut fourth) = (0.0, 0.0, 0.0);
    for value in sample {
        let apart = value - mean;
        let square = apart * apart;
        second += square;
        third += square * apart;
        fourth += square * square;
    }
    let variance = second / n;
    // The mean of equal numbers may differ from them in the last bit; what is left then is rounding and has no shape.
    let shaped = variance.sqrt() > 1e-12 * mean.abs().max(f64::MIN_POSITIVE);
    let shape = |moment: f64, scale: f64| if shaped { moment / n / scale } else { 0.0 };
    Some(Moments {
        count: sample.len(),
        mean,
        deviation: (second / (n - 1.0)).sqrt(),
        skewness: shape(third, variance * variance.sqrt()),
        excess_kurtosis: if shaped { shape(fourth, variance * variance) - 3.0 } else { 0.0 },
    })
}

/// Yearly volatility of daily returns: the sample deviation times √365.
#[must_use]
pub fn volatility(returns: &[f64]) -> Option<f64> {
    moments(returns).map(|moments| moments.deviation * DAYS_PER_YEAR.sqrt())
}

/// Pearson's correlation of two samples of one length, −1 to 1; `None` of fewer than two pairs or if one of them does not vary.
#[must_use]
pub fn correlation(a: &[f64], b: &[f64]) -> Option<f64> {
    if a.len() != b.len() {
        return None;
    }
    let (of_a, of_b) = (moments(a)?, moments(b)?);
    let flat = |m: &Moments| m.deviation <= 1e-12 * m.mean.abs();
    if flat(&of_a) || flat(&of_b) {
        return None;
    }
    let together: f64 = a.iter().zip(b).map(|(x, y)| (x - of_a.mean) * (y - of_b.mean)).sum();
    let scale = of_a.deviation * of_b.deviation * (a.len() as f64 - 1.0);
    Some((together / scale).clamp(-1.0, 1.0))
}

/// The largest fall from an earlier high as a part of that high, 0–1; `None` of no values or of one that is not positive.
#[must_use]
pub fn max_drawdown(values: &[f64]) -> Option<f64> {
    if values.is_empty() || values.iter().any(|value| !value.is_finite() || *value <= 0.0) {
        return None;
    }
    let (mut high, mut worst) = (0.0f64, 0.0f64);
    for &value in values {
        high = high.max(value);
        worst = worst.max((high - value) / high);
    }
    Some(worst)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn small_samples_by_hand() {
        let found = moments(&[1.0, 2.0, 3.0, 4.0]).unwrap();
        assert_eq!((found.mean, found.skewness), (2.5, 0.0));
        assert!((found.deviation - (5.0f64 / 3.0).sqrt()).abs() < 1e-15);
        // m4 = (5.0625·2 + 0.0625·2)/4 = 2.5625, variance 1.25.
        assert!((found.excess_kurtosis - (2.5625 / 1.5625 - 3.0)).abs() < 1e-15);
        assert_eq!(max_drawdown(&[1.0, 2.0, 1.0, 4.0, 3.0]), Some(0.5));
        assert_eq!(correlation(&[1.0, 2.0, 3.0], &[2.0, 4.0, 6.0]), Some(1.0));
        assert_eq!(correlation(&[1.0, 2.0, 3.0], &[3.0, 2.0, 1.0]), Some(-1.0));
    }

    #[test]
    fn what_does_not_exist_is_none() {
        assert_eq!(moments(&[1.0]), None);
        assert_eq!(volatility(&[1.0, f64::NAN]), None);
        assert_eq!(correlation(&[1.0, 1.0], &[1.0, 2.0]), None);
        assert_eq!(correlation(&[1.0, 2.0], &[1.0]), None);
        assert_eq!(max_drawdown(&[]), None);
        assert_eq!(max_drawdown(&[1.0, 0.0]), None);
        let flat = moments(&[0.1; 7]).unwrap();
        assert_eq!((flat.skewness, flat.excess_kurtosis), (0.0, 0.0));
    }

    proptest! {
        #[test]
        fn figures_stay_in_their_ranges(sample in proptest::collection::vec(-0.5..0.5f64, 2..50)) {
            let shifted: Vec<f64> = sample.iter().map(|value| value + 1.0).collect();
            let drawdown = max_drawdown(&shifted).unwrap();
            prop_assert!((0.0..1.0).contains(&drawdown));
            if let Some(with_itself) = correlation(&sample, &sample) {
                prop_assert!((with_itself - 1.0).abs() < 1e-12);
            }
        }

        #[test]
        fn volatility_scales_with_the_returns(sample in proptest::collection::vec(-0.1..0.1f64, 3..50), by in 0.1..5.0f64) {
            let scaled: Vec<f64> = sample.iter().map(|value| value * by).collect();
            let (one, other) = (volatility(&sample).unwrap(), volatility(&scaled).unwrap());
            prop_assert!((one * by - other).abs() <= 1e-12 * other.max(1.0));
        }
    }
}
