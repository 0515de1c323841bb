//! `[triggers]`: when a decision is made.

use super::{Config, ConfigError};
use ballast_allocator::triggers::{Measure, MvrvRule, TriggerError, Triggers};
use ballast_types::{Bps, Metric, SeriesId, SignedWad};
use serde::Deserialize;

/// The file's section `triggers`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct TriggersConfig {
    /// Whether every cycle decides, as far as the gates let it; else only one in which something below asks for it.
    pub every_block: bool,
    /// Basis points of NAV that a position may be away from its target, or idle from what it was, before that asks.
    pub drift: u16,
    /// Hours after a decision until the next one; the profile's unless set, else a week.
    pub review_hours: Option<u64>,
    /// Whether a base fee of what a quarter of the recent blocks had asks.
    pub low_gas: bool,
    /// Minutes after a decision in which drift and fees do not ask.
    pub pause_minutes: u64,
    /// Which reading of MVRV asks when it crosses, and where.
    pub mvrv: Option<MvrvConfig>,
}

/// A crossing of MVRV that asks for a decision at once.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MvrvConfig {
    /// The `mvrv_ratio` or `mvrv_z_score` of one of `[[market.sources]]`: which of them says what the thresholds are of.
    pub series: SeriesId,
    /// Crossing above it asks, …
    pub leave: f64,
    /// … and crossing below this one, which is lower.
    pub reenter: f64,
    /// Hours; an older reading asks for nothing.
    #[serde(default = "two_days")]
    pub max_age_hours: u64,
}

const fn two_days() -> u64 {
    48
}

impl Default for TriggersConfig {
    fn default() -> Self {
        Self { every_block: true, drift: 500, review_hours: None, low_gas: true, pause_minutes: 60, mvrv: None }
    }
}

const WEEK: u64 = 168;

impl MvrvConfig {
    fn rule(&self) -> MvrvRule {
        let wad = |value: f64| SignedWad((value * 1e18) as i128);
        let measure = if self.series.metric() == Metric::MvrvZScore { Measure::ZScore } else { Measure::Ratio };
        let (leave, reenter) = (wad(self.leave), wad(self.reenter));
        MvrvRule { measure, leave, reenter, max_age: self.max_age_hours.saturating_mul(3_600) }
    }
}

impl Config {
    /// What asks for a decision; `None` if every cycle decides.
    #[must_use]
    pub fn triggers(&self) -> Option<Triggers> {
        (!self.triggers.every_block).then(|| self.asking())
    }

    fn asking(&self) -> Triggers {
        let config = &self.triggers;
        let profile = self.policy.profile().map(|profile| profile.schedule.review_hours);
        Triggers {
            drift: Some(Bps(config.drift)),
            review: Some(config.review_hours.or(profile).unwrap_or(WEEK).saturating_mul(3_600)),
            low_gas: config.low_gas,
            mvrv: config.mvrv.as_ref().map(MvrvConfig::rule),
            pause: config.pause_minutes.saturating_mul(60),
        }
    }

    pub(super) fn validate_triggers(&self) -> Result<(), ConfigError> {
        if let Some(MvrvConfig { series, leave, reenter, .. }) = &self.triggers.mvrv {
            let fault = |key, value: String, expected| Err(ConfigError::OutOfRange { key, value, expected });
            let polled = self.market.sources.iter().any(|one| one.series().is_ok_and(|given| given.contains(series)));
            if ![Metric::MvrvRatio, Metric::MvrvZScore].contains(&series.metric()) || !polled {
                let expected = "an mvrv_ratio or mvrv_z_score of one of [[market.sources]]";
                return fault("triggers.mvrv.series", series.to_string(), expected);
            }
            for (key, value) in [("triggers.mvrv.leave", *leave), ("triggers.mvrv.reenter", *reenter)] {
                if !(-100.0..=100.0).contains(&value) {
                    return fault(key, value.to_string(), "-100 to 100");
                }
            }
        }
        self.asking().validate().map_err(|error| match error {
            TriggerError::OutOfRange { field, value, expected } => {
                let key = match field {
                    "drift" => "triggers.drift",
                    "review" => "triggers.review_hours, in seconds,",
                    "mvrv.reenter" => "triggers.mvrv.reenter, in 10^-18,",
                    "mvrv.max_age" => "triggers.mvrv.max_age_hours, in seconds,",
                    _ => "triggers.pause_minutes, in seconds,",
                };
                ConfigError::OutOfRange { key, value, expected }
            }
            TriggerError::Measure { .. } => {
                ConfigError::OutOfRange { key: "triggers", value: error.to_string(), expected: "one measure of MVRV" }
            }
        })
    }
}
