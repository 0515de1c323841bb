//! The watcher of the kill switch.

use serde::Deserialize;

/// The file's section `watcher`.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct WatcherConfig {
    /// Whether this keeper trips what holds. Anyone may, so one that does not leaves it to others.
    pub enabled: bool,
}

impl Default for WatcherConfig {
    fn default() -> Self {
        Self { enabled: true }
    }
}
