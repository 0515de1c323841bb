//! `[history]`: where what was seen is kept, and for how long.

use super::{ConfigError, StoreConfig};
use ballast_store::history::Retention;
use ballast_store::{History, Location};
use serde::Deserialize;
use std::path::{Path, PathBuf};

/// Days of each kind; what is not set is kept for ever.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct HistoryConfig {
    /// Whether the service writes to it. With the section yes unless it says no; without the section no.
    #[serde(default = "written")]
    pub enabled: bool,
    /// A SQLite file. Without it, the store's with `.history` behind it, or the store's database.
    pub path: Option<PathBuf>,
    /// Observations one by one; older ones become hours.
    pub raw_days: Option<u32>,
    /// Hours; older ones become days.
    pub hourly_days: Option<u32>,
    /// Days; older ones are pruned.
    pub daily_days: Option<u32>,
    /// Rows of protocol_metrics.
    pub metrics_days: Option<u32>,
    /// Alerts after they were resolved.
    pub alert_days: Option<u32>,
    /// Rows in the quarantine.
    pub quarantine_days: Option<u32>,
}

const fn written() -> bool {
    true
}

/// A hundred years.
const LONGEST: u32 = 36_500;

impl HistoryConfig {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        for (key, days) in [
            ("history.raw_days", self.raw_days),
            ("history.hourly_days", self.hourly_days),
            ("history.daily_days", self.daily_days),
            ("history.metrics_days", self.metrics_days),
            ("history.alert_days", self.alert_days),
            ("history.quarantine_days", self.quarantine_days),
        ] {
            if let Some(days) = days
                && !(1..=LONGEST).contains(&days)
            {
                let expected = "1 to 36500 days, or absent to keep it for ever";
                return Err(ConfigError::OutOfRange { key, value: days.to_string(), expected });
            }
        }
        // Each stage takes over from the one before, and none may end before it began.
        for (key, shorter, longer, expected) in [
            (
                "history.hourly_days",
                self.raw_days,
                self.hourly_days,
                "more than history.raw_days, which has to be set with it",
            ),
            (
                "history.daily_days",
                self.hourly_days,
                self.daily_days,
                "more than history.hourly_days, which has to be set with it",
            ),
        ] {
            if let Some(longer) = longer
                && shorter.is_none_or(|shorter| longer <= shorter)
            {
                return Err(ConfigError::OutOfRange { key, value: longer.to_string(), expected });
            }
        }
        Ok(())
    }

    /// A relative path means beside the configuration file.
    pub(super) fn beside(&mut self, directory: &Path) {
        if let Some(path) = &mut self.path {
            *path = directory.join(&*path);
        }
    }

    /// Where it is.
    ///
    /// # Errors
    /// Those of [`StoreConfig::location`], unless there is a path of its own.
    pub fn location(&self, store: &StoreConfig) -> Result<Location, ConfigError> {
        match &self.path {
            Some(path) => Ok(Location::Sqlite(path.clone())),
            None => Ok(History::beside(&store.location()?)),
        }
    }

    /// For how long what is kept.
    #[must_use]
    pub const fn retention(&self) -> Retention {
        Retention {
            raw_days: self.raw_days,
            hourly_days: self.hourly_days,
            daily_days: self.daily_days,
            metrics_days: self.metrics_days,
            alert_days: self.alert_days,
            quarantine_days: self.quarantine_days,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn history(text: &str) -> HistoryConfig {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn without_a_word_everything_is_kept_for_ever() {
        assert!(history("").validate().is_ok());
        assert_eq!(history("").retention(), Retention::default());
    }

    // SPEC D6
    #[test]
    fn the_section_asks_for_it_to_be_written_unless_it_says_no() {
        assert!(!HistoryConfig::default().enabled && history("").enabled && history("raw_days = 3").enabled);
        assert!(!history("enabled = false").enabled);
    }

    #[test]
    fn stages_follow_each_other() {
        assert!(history("raw_days = 30\nhourly_days = 365\ndaily_days = 3650").validate().is_ok());
        for (text, said) in [
            ("raw_days = 0", "history.raw_days is 0, expected 1 to 36500 days"),
            ("alert_days = 40000", "history.alert_days is 40000"),
            ("hourly_days = 30", "more than history.raw_days"),
            ("raw_days = 30\nhourly_days = 30", "more than history.raw_days"),
            ("raw_days = 30\ndaily_days = 90", "more than history.hourly_days"),
        ] {
            let refused = history(text).validate().unwrap_err().to_string();
            assert!(refused.contains(said), "{text}: {refused}");
        }
        assert!(toml::from_str::<HistoryConfig>("days = 3").is_err(), "unknown keys are refused");
    }

    #[test]
    fn it_is_beside_the_store_unless_it_has_a_path() {
        let store: StoreConfig = toml::from_str("path = '/var/lib/ballast/keeper.db'").unwrap();
        let at = |text| history(text).location(&store).unwrap();
        assert_eq!(at(""), Location::Sqlite("/var/lib/ballast/keeper.db.history".into()));
        assert_eq!(at("path = '/srv/history.db'"), Location::Sqlite("/srv/history.db".into()));
    }
}
