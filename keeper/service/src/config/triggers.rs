//! `[triggers]`: when a decision is made.

use super::{Config, ConfigError};
use ballast_allocator::triggers::{TriggerError, Triggers};
use ballast_types::Bps;
use serde::Deserialize;

/// The file's section `triggers`.
#[derive(Clone, Copy, Debug, Deserialize)]
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
}

impl Default for TriggersConfig {
    fn default() -> Self {
        Self { every_block: true, drift: 500, review_hours: None, low_gas: true, pause_minutes: 60 }
    }
}

const WEEK: u64 = 168;

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
            // The service observes no such indicator.
            mvrv: None,
            pause: config.pause_minutes.saturating_mul(60),
        }
    }

    pub(super) fn validate_triggers(&self) -> Result<(), ConfigError> {
        self.asking().validate().map_err(|error| match error {
            TriggerError::OutOfRange { field, value, expected } => {
                let key = match field {
                    "drift" => "triggers.drift",
                    "review" => "triggers.review_hours, in seconds,",
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
