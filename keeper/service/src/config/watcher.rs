//! `[watcher]`: who watches the kill switch, and what is taken home.

use super::{Config, ConfigError};
use ballast_risk::Retreat;
use ballast_types::Bps;
use serde::Deserialize;

/// The file's section `watcher`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WatcherConfig {
    /// Whether this keeper trips what holds. Anyone may, so one that does not leaves it to others.
    pub enabled: bool,
    /// Why a venue must have been closed for its position to be taken home: some of `peg`, `tvl`, `utilisation`, `oracle` and `governance`.
    pub retreat: Vec<String>,
}

impl Default for WatcherConfig {
    fn default() -> Self {
        Self { enabled: true, retreat: ["peg", "tvl", "utilisation", "governance"].map(str::to_owned).into() }
    }
}

impl Config {
    pub(super) fn validate_watcher(&self) -> Result<(), ConfigError> {
        match Retreat::causes(self.watcher.retreat.iter().map(String::as_str)) {
            Ok(_) => Ok(()),
            Err(unknown) => Err(ConfigError::OutOfRange {
                key: "watcher.retreat",
                value: format!("{:?}", unknown.word),
                expected: "some of peg, tvl, utilisation, oracle and governance",
            }),
        }
    }

    pub(crate) fn retreat(&self) -> Retreat {
        let policy = self.policy();
        Retreat {
            // Validated: no word names none.
            causes: Retreat::causes(self.watcher.retreat.iter().map(String::as_str)).unwrap_or_default(),
            least: policy.min_transfer.max(Retreat::default().least),
            max_gas_share: Bps(self.execution.max_turnover_share),
        }
    }
}
