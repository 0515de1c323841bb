//! Outliers by their z-score, with a threshold that follows from a *stated* rate of false alarms (SPEC R7, ERR-45).
//!
//! A fixed |z| > 4 on 50 Gaussian features every 15 seconds raises 18.2 alarms on a day on which nothing happens. Here the operator states how many
//! false alarms a day are acceptable, over all features and samples together, and the threshold follows:
//!
//! - *Expected number* λ of alarms a day: each of the n·m tests a day (n features, m samples) may fail with probability α = λ/(n·m). Exact whatever
//!   the features have to do with each other, since expectations add up.
//! - *Any alarm* on a day with probability at most p: α = 1 − (1 − p)^(1/(n·m)) (Šidák), for independent tests; for dependent ones Bonferroni's p/(n·m),
//!   which is never larger.
//!
//! Mean and deviation come from the `window` values before the one that is judged, so the statistic `(x − mean)/(s·√(1 + 1/window))` is
//! Student's t with window − 1 degrees of freedom, and the threshold is its quantile: at α = 10⁻⁷ and a window of 100 that is 5.75, where the normal distribution
//! says 5.3 and would raise six times as many alarms. That assumes values that are independent and normal while nothing happens; feed it changes and
//! not levels.
//!
//! Real figures are not normal: changes of rate, utilisation and size have tails that fall like a power. By the hour, judged by a window of 336 with 0.1 false
//! alarms a day stated for a venue, they pass that threshold on calm days 14.5 times as often as stated (docs/ANOMALIES.md). So for them the threshold is
//! also at least what their measured tail ([`HeavyTail`]) exceeds with probability α. The statistic stays the z-score.

mod tail;
mod watch;

pub use tail::HeavyTail;
pub use watch::{Judged, Watch};

use crate::distribution::{normal_quantile, student_upper};
use serde::Serialize;
use std::collections::VecDeque;

/// How a venue is watched where false alarms were measured (docs/ANOMALIES.md): what the service has unless it is set to something else.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Watching {
    /// Changes that a new one is judged by.
    pub window: usize,
    /// Minutes from one sample to the next.
    pub sample_minutes: u64,
    /// False alarms a day that are stated.
    pub false_alarms: f64,
}

/// The setting that the rates of docs/ANOMALIES.md are of. The false alarms are those of one venue.
pub const MEASURED_WITH: Watching = Watching { window: 336, sample_minutes: 60, false_alarms: 0.1 };

/// The figures of a venue that are watched: a yearly rate and utilisation as fractions, and the natural logarithm of the size.
pub const FIGURES: [&str; 3] = ["its rate", "its utilisation", "the logarithm of its size"];

/// How many tests a day there are, and how many of them may be false alarms.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct AlarmRate {
    /// Probability of a false alarm in one test.
    per_test: f64,
}

/// A rate that cannot be had.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
pub enum RateError {
    #[error("{features} features at {samples_per_day} samples a day, expected at least one of each")]
    NoTests { features: u32, samples_per_day: f64 },
    #[error("{0} false alarms a day, expected more than none and fewer than there are tests")]
    Expected(f64),
    #[error("a false alarm on a day with probability {0}, expected above 0 and below 1")]
    Probability(f64),
    #[error("a window of {0} values, expected 10 to 100000")]
    Window(usize),
}

impl AlarmRate {
    /// At most `alarms` false alarms a day in the mean, counted over all features.
    ///
    /// # Errors
    /// If there are no tests, or if the number is not above zero and below that of the tests.
    pub fn expected(alarms: f64, features: u32, samples_per_day: f64) -> Result<Self, RateError> {
        let tests = tests(features, samples_per_day)?;
        if alarms > 0.0 && alarms < tests {
            Ok(Self { per_test: alarms / tests })
        } else {
            Err(RateError::Expected(alarms))
        }
    }

    /// A day with any false alarm at all has at most this probability, if the tests are independent (Šidák).
    ///
    /// # Errors
    /// If there are no tests, or if the probability is not above 0 and below 1.
    pub fn any(probability: f64, features: u32, samples_per_day: f64) -> Result<Self, RateError> {
        let tests = tests(features, samples_per_day)?;
        if !(probability > 0.0 && probability < 1.0) {
            return Err(RateError::Probability(probability));
        }
        Ok(Self { per_test: -libm::expm1(libm::log1p(-probability) / tests) })
    }

    /// As [`Self::any`], whatever the tests have to do with each other (Bonferroni).
    ///
    /// # Errors
    /// As [`Self::any`].
    pub fn any_dependent(probability: f64, features: u32, samples_per_day: f64) -> Result<Self, RateError> {
        let tests = tests(features, samples_per_day)?;
        if !(probability > 0.0 && probability < 1.0) {
            return Err(RateError::Probability(probability));
        }
        Ok(Self { per_test: probability / tests })
    }

    /// Probability of a false alarm in one two-sided test.
    #[must_use]
    pub const fn per_test(&self) -> f64 {
        self.per_test
    }

    /// The threshold of |z| if mean and deviation were known exactly.
    #[must_use]
    pub fn normal_threshold(&self) -> f64 {
        normal_quantile(0.5 * self.per_test).map_or(f64::INFINITY, |x| -x)
    }

    /// The threshold of |z| of normal values with mean and deviation of a window of that many.
    #[must_use]
    pub fn threshold(&self, window: usize) -> f64 {
        student_upper(0.5 * self.per_test, window.saturating_sub(1) as f64).unwrap_or(f64::INFINITY)
    }

    /// As [`Self::threshold`], but of values that have such a tail: whichever is higher.
    #[must_use]
    pub fn heavy_threshold(&self, window: usize, tail: &HeavyTail) -> f64 {
        self.threshold(window).max(tail.exceeded(self.per_test))
    }
}

fn tests(features: u32, samples_per_day: f64) -> Result<f64, RateError> {
    if features == 0 || !samples_per_day.is_finite() || samples_per_day < 1.0 {
        return Err(RateError::NoTests { features, samples_per_day });
    }
    Ok(f64::from(features) * samples_per_day)
}

/// What one value is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "is")]
pub enum Verdict {
    /// Not yet judged: the window is not full.
    WarmingUp {
        have: usize,
        need: usize,
    },
    Ordinary {
        z: f64,
    },
    Outlier {
        z: f64,
        threshold: f64,
    },
    /// No number. Not remembered.
    NotANumber,
}

/// Watches one feature.
#[derive(Clone, Debug, PartialEq)]
pub struct ZScore {
    window: usize,
    threshold: f64,
    values: VecDeque<f64>,
}

impl ZScore {
    /// A detector with the threshold of a rate and a window: of values with that tail, or of normal ones.
    ///
    /// # Errors
    /// If the window is shorter than 10 or longer than 100 000 values.
    pub fn new(rate: AlarmRate, window: usize, tail: Option<&HeavyTail>) -> Result<Self, RateError> {
        if !(10..=100_000).contains(&window) {
            return Err(RateError::Window(window));
        }
        let threshold = tail.map_or_else(|| rate.threshold(window), |tail| rate.heavy_threshold(window, tail));
        Ok(Self { window, threshold, values: VecDeque::with_capacity(window + 1) })
    }

    /// Values that a new one is judged by.
    #[must_use]
    pub const fn window(&self) -> usize {
        self.window
    }

    /// Values that are in the window so far.
    #[must_use]
    pub fn remembers(&self) -> usize {
        self.values.len()
    }

    #[must_use]
    pub const fn threshold(&self) -> f64 {
        self.threshold
    }

    /// Judges a value by those before it, and then remembers it: a lasting change is an outlier until the window has learnt it. A feature that never
    /// moved has no deviation; its first move is an outlier of infinite z.
    pub fn push(&mut self, value: f64) -> Verdict {
        if !value.is_finite() {
            return Verdict::NotANumber;
        }
        let verdict = self.judge(value);
        self.values.push_back(value);
        if self.values.len() > self.window {
            self.values.pop_front();
        }
        verdict
    }

    fn judge(&self, value: f64) -> Verdict {
        if self.values.len() < self.window {
            return Verdict::WarmingUp { have: self.values.len(), need: self.window };
        }
        let n = self.window as f64;
        let mean = self.values.iter().sum::<f64>() / n;
        let squares = self.values.iter().map(|seen| (seen - mean) * (seen - mean)).sum::<f64>();
        let apart = value - mean;
        let scale = (squares / (n - 1.0)).sqrt() * (1.0 + 1.0 / n).sqrt();
        let still = self.values.iter().all(|seen| *seen == value);
        let z = if still { 0.0 } else { apart / scale };
        if z.abs() > self.threshold {
            Verdict::Outlier { z, threshold: self.threshold }
        } else {
            Verdict::Ordinary { z }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::distribution::normal_above;

    const SLOTS: f64 = 5_760.0;

    // ERR-45: 4σ on 50 features every 15 seconds.
    #[test]
    fn a_fixed_four_is_eighteen_false_alarms_a_day() {
        let alarms = 2.0 * normal_above(4.0) * 50.0 * SLOTS;
        assert!((alarms - 18.2).abs() < 0.05, "{alarms}");
        let rate = AlarmRate::expected(alarms, 50, SLOTS).unwrap();
        assert!((rate.normal_threshold() - 4.0).abs() < 1e-12);
    }

    #[test]
    fn one_false_alarm_a_month_needs_a_higher_threshold_and_a_short_window_a_higher_one_still() {
        let rate = AlarmRate::expected(1.0 / 30.0, 50, SLOTS).unwrap();
        assert!(rate.normal_threshold() > 5.2 && rate.normal_threshold() < 5.4);
        assert!(rate.threshold(100) > rate.threshold(1_000));
        assert!(rate.threshold(1_000) > rate.normal_threshold());
        assert!((rate.threshold(100_000) - rate.normal_threshold()).abs() < 0.01);
    }

    #[test]
    fn sidak_and_bonferroni_agree_where_alarms_are_rare() {
        let (sidak, bonferroni) =
            (AlarmRate::any(0.01, 50, SLOTS).unwrap(), AlarmRate::any_dependent(0.01, 50, SLOTS).unwrap());
        assert!(bonferroni.per_test() <= sidak.per_test());
        assert!((bonferroni.per_test() / sidak.per_test() - 1.0).abs() < 0.006);
        let day = 1.0 - libm::pow(1.0 - sidak.per_test(), 50.0 * SLOTS);
        assert!((day - 0.01).abs() < 1e-9);
    }

    #[test]
    fn what_cannot_be_had_is_refused() {
        assert!(AlarmRate::expected(0.0, 1, 1.0).is_err());
        assert!(AlarmRate::expected(2.0, 1, 1.0).is_err());
        assert!(AlarmRate::expected(0.1, 0, 1.0).is_err());
        assert!(AlarmRate::any(1.0, 1, 1.0).is_err());
        assert!(AlarmRate::any(0.5, 1, f64::NAN).is_err());
        let rate = AlarmRate::expected(0.1, 1, 24.0).unwrap();
        assert!(ZScore::new(rate, 9, None).is_err());
        assert!(ZScore::new(rate, 100_001, None).is_err());
    }

    #[test]
    fn a_value_is_judged_by_those_before_it_only() {
        let rate = AlarmRate::expected(0.1, 1, 24.0).unwrap();
        let mut detector = ZScore::new(rate, 10, None).unwrap();
        for have in 0..10 {
            assert_eq!(detector.push(f64::from(have % 2)), Verdict::WarmingUp { have: have as usize, need: 10 });
        }
        assert_eq!(detector.push(f64::NAN), Verdict::NotANumber);
        assert!(matches!(detector.push(0.5), Verdict::Ordinary { z } if z.abs() < 1e-9));
        assert!(matches!(detector.push(50.0), Verdict::Outlier { z, .. } if z > 50.0));
        assert!(matches!(detector.push(50.0), Verdict::Ordinary { .. }), "it is in the window now");
    }

    #[test]
    fn what_never_moved_is_ordinary_until_it_moves() {
        let rate = AlarmRate::expected(0.1, 1, 24.0).unwrap();
        let mut detector = ZScore::new(rate, 10, None).unwrap();
        for _ in 0..12 {
            detector.push(4.75);
        }
        assert_eq!(detector.push(4.75), Verdict::Ordinary { z: 0.0 });
        assert!(matches!(detector.push(4.5), Verdict::Outlier { .. }));
    }

    /// Normal numbers after Box and Muller from a fixed xorshift.
    fn normals(seed: u64) -> impl Iterator<Item = f64> {
        let mut state = seed;
        let mut uniform = move || {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 11) as f64 / (1u64 << 53) as f64
        };
        std::iter::from_fn(move || {
            let (radius, angle) = (1.0 - uniform(), uniform());
            Some((-2.0 * libm::log(radius)).sqrt() * libm::cos(2.0 * core::f64::consts::PI * angle))
        })
    }

    // The stated rate is the measured one: 400 alarms expected, and a factor of several more if the normal threshold were used.
    #[test]
    fn on_noise_it_raises_as_many_alarms_as_were_stated() {
        let (window, samples) = (30, 400_000.0);
        let rate = AlarmRate::expected(400.0, 1, samples).unwrap();
        let mut detector = ZScore::new(rate, window, None).unwrap();
        let (mut alarms, mut beyond_normal) = (0.0, 0.0);
        for value in normals(0x9E37_79B9_7F4A_7C15).take(400_000 + window) {
            match detector.push(value) {
                Verdict::Outlier { .. } => (alarms, beyond_normal) = (alarms + 1.0, beyond_normal + 1.0),
                Verdict::Ordinary { z } if z.abs() > rate.normal_threshold() => beyond_normal += 1.0,
                _ => {}
            }
        }
        // Five standard deviations of a count of 400.
        assert!((alarms - 400.0f64).abs() < 100.0, "{alarms}");
        assert!(beyond_normal > 2.0 * alarms, "{beyond_normal}");
    }
}
