//! `[alarms]`: what detectors off the chain look at, and what follows when they agree.

use super::{Config, ConfigError};
use ballast_risk::{
    alarms::AlarmRules,
    anomaly::{AlarmRate, FIGURES, MEASURED_WITH, RateError},
};
use ballast_types::{Metric, SeriesId};
use serde::Deserialize;

/// The file's section `alarms`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AlarmsConfig {
    /// Changes of each figure that a new one is judged by.
    pub window: usize,
    /// Minutes from one sample of the figures to the next.
    pub sample_minutes: u64,
    /// False alarms a day that are acceptable, over all figures of all venues. At 0.1 for each venue the measured rate is not distinguishable from it; lower
    /// ones rest on a handful of values (docs/ANOMALIES.md).
    pub false_alarms: f64,
    /// Seconds in which a person is told once of the same.
    pub cooldown: u64,
    /// Minutes for which a finding counts after it was last made.
    pub memory_minutes: u64,
    /// Whether the position in a venue with an alarm is taken home.
    pub leave: bool,
    pub sentiment: Option<SentimentConfig>,
    pub exploits: Vec<ExploitsConfig>,
}

impl Default for AlarmsConfig {
    fn default() -> Self {
        Self {
            window: MEASURED_WITH.window,
            sample_minutes: MEASURED_WITH.sample_minutes,
            false_alarms: MEASURED_WITH.false_alarms,
            cooldown: 300,
            memory_minutes: 60,
            leave: true,
            sentiment: None,
            exploits: Vec::new(),
        }
    }
}

/// An index of 0 (fear) to 100 (greed), which is taken to -1 to 1.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SentimentConfig {
    /// An `index` of one of `[[market.sources]]`.
    pub series: SeriesId,
    /// From below which it is a finding.
    #[serde(default = "fear")]
    pub below: f64,
}

/// SPEC R8.
const fn fear() -> f64 {
    -0.8
}

/// A list of what was stolen from a protocol.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExploitsConfig {
    /// One of `[[venues]]`, by its name.
    pub venue: String,
    /// The sum that was lost, of one of `[[market.sources]]`.
    pub series: SeriesId,
    /// From what sum on it is a finding, USD.
    #[serde(default = "least_lost")]
    pub least_usd: f64,
    /// Days for which it is one.
    #[serde(default = "week")]
    pub days: u64,
}

const fn least_lost() -> f64 {
    100_000.0
}

const fn week() -> u64 {
    7
}

impl AlarmsConfig {
    pub(crate) const fn rules(&self) -> AlarmRules {
        AlarmRules { cooldown: self.cooldown, memory: self.memory_minutes * 60 }
    }

    /// The rate of false alarms in one test, with so many venues.
    pub(crate) fn rate(&self, venues: usize) -> Result<AlarmRate, RateError> {
        let features = u32::try_from(venues).unwrap_or(u32::MAX).saturating_mul(FIGURES.len() as u32);
        AlarmRate::expected(self.false_alarms, features, 1_440.0 / self.sample_minutes as f64)
    }
}

impl Config {
    pub(super) fn validate_alarms(&self) -> Result<(), ConfigError> {
        let Some(alarms) = &self.alarms else { return Ok(()) };
        let fault = |key, value: String, expected| Err(ConfigError::OutOfRange { key, value, expected });
        if !(10..=100_000).contains(&alarms.window) {
            return fault("alarms.window", alarms.window.to_string(), "10 to 100000 samples");
        }
        if !(1..=1_440).contains(&alarms.sample_minutes) {
            return fault("alarms.sample_minutes", alarms.sample_minutes.to_string(), "1 to 1440 minutes");
        }
        if alarms.rate(self.venues.len()).is_err() {
            let expected = "more than none a day, and fewer than there are tests";
            return fault("alarms.false_alarms", alarms.false_alarms.to_string(), expected);
        }
        if alarms.cooldown > 86_400 {
            return fault("alarms.cooldown", alarms.cooldown.to_string(), "0 to 86400 seconds");
        }
        if !(1..=10_080).contains(&alarms.memory_minutes) {
            return fault("alarms.memory_minutes", alarms.memory_minutes.to_string(), "1 to 10080 minutes");
        }
        // A finding of the last sample must count until the next one is taken.
        if alarms.memory_minutes < alarms.sample_minutes {
            let expected = "at least alarms.sample_minutes";
            return fault("alarms.memory_minutes", alarms.memory_minutes.to_string(), expected);
        }
        let polled = |series: &SeriesId| {
            self.market.sources.iter().any(|source| source.series().is_ok_and(|given| given.contains(series)))
        };
        if let Some(SentimentConfig { series, below }) = &alarms.sentiment {
            if series.metric() != Metric::Index || !polled(series) {
                return fault("alarms.sentiment.series", series.to_string(), "an index of one of [[market.sources]]");
            }
            if !(-1.0..=1.0).contains(below) {
                return fault("alarms.sentiment.below", below.to_string(), "-1 to 1");
            }
        }
        for ExploitsConfig { venue, series, least_usd, days } in &alarms.exploits {
            if !self.venues.iter().any(|known| known.name == *venue) {
                return fault("alarms.exploits.venue", venue.clone(), "the name of one of [[venues]]");
            }
            if series.metric() != Metric::LostUsd || !polled(series) {
                let expected = "what was stolen (`…#lost_usd`) by one of [[market.sources]]";
                return fault("alarms.exploits.series", series.to_string(), expected);
            }
            if !(0.0..=1e12).contains(least_usd) {
                return fault("alarms.exploits.least_usd", least_usd.to_string(), "0 to 1e12 USD");
            }
            if !(1..=365).contains(days) {
                return fault("alarms.exploits.days", days.to_string(), "1 to 365 days");
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use ballast_risk::anomaly::Watching;

    const FILE: &str = include_str!("../../../../deploy/debian/ballast.toml");
    const HACKS: &str = "[[market.sources]]\nkind = 'defillama_hacks'\ngives = [{ id = 'Aave', subject = 'aave' }]\n";

    fn load(alarms: &str) -> Result<(), String> {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ballast.toml");
        std::fs::write(&path, format!("{FILE}\n{HACKS}\n[alarms]\n{alarms}\n")).unwrap();
        Config::load(&path).map(|_| ()).map_err(|error| error.to_string())
    }

    // SPEC R8
    #[test]
    fn an_exploit_is_what_was_stolen_from_the_protocol_of_a_venue() {
        let exploit =
            |venue: &str, series: &str| load(&format!("exploits = [{{ venue = '{venue}', series = '{series}' }}]"));
        assert_eq!(exploit("aave-v3", "aave#lost_usd"), Ok(()));
        let fault = |venue: &str, series: &str| exploit(venue, series).unwrap_err();
        // What is polled and is no sum that was stolen would never be found.
        assert!(
            fault("aave-v3", "aave#incidents").contains("expected what was stolen"),
            "{}",
            fault("aave-v3", "aave#incidents")
        );
        assert!(fault("aave-v3", "compound#lost_usd").contains("alarms.exploits.series is compound#lost_usd"));
        assert!(fault("nowhere", "aave#lost_usd").contains("alarms.exploits.venue is nowhere"));
    }

    // SPEC R7: what docs/ANOMALIES.md says of the default is said of this one.
    #[test]
    fn unless_it_is_set_the_service_watches_as_it_was_measured() {
        let AlarmsConfig { window, sample_minutes, false_alarms, .. } = AlarmsConfig::default();
        assert_eq!(Watching { window, sample_minutes, false_alarms }, MEASURED_WITH);
        assert_eq!((window, sample_minutes, false_alarms), (336, 60, 0.1));
    }
}
