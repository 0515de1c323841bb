//! `[heartbeat]`: what the keeper's observations of the venues' sizes may cost.

use super::{Config, ConfigError};
use serde::Deserialize;

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HeartbeatConfig {
    /// Basis points of NAV a year that observations may cost at the present price of gas; what costs more is made only when a move needs it.
    pub budget: u16,
}

impl Default for HeartbeatConfig {
    fn default() -> Self {
        Self { budget: 10 }
    }
}

impl Config {
    pub(super) fn validate_heartbeat(&self) -> Result<(), ConfigError> {
        let budget = self.heartbeat.budget;
        if budget <= 10_000 {
            return Ok(());
        }
        Err(ConfigError::OutOfRange { key: "heartbeat.budget", value: budget.to_string(), expected: "0 to 10000 bps" })
    }
}
