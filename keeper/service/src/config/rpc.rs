//! `[rpc]` and `[simulation]`: how far the endpoints are believed, and who executes what is to be signed as well.

use super::{Config, ConfigError};
use ballast_chain::{PoolSettings, READMIT_AFTER, Rate, majority, redact};
use serde::Deserialize;
use std::time::Duration;

/// How the endpoints of `chain.rpc` are used.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct RpcConfig {
    /// Endpoints that must say the same; a majority unless set.
    pub quorum: Option<usize>,
    /// Heads on which an endpoint that lied or lagged must agree to be used again.
    pub readmit_after: u32,
    /// Requests a second that each endpoint's plan allows; no limit unless set.
    pub requests_per_second: Option<u32>,
    /// Requests that may come at once.
    pub burst: u32,
}

impl Default for RpcConfig {
    fn default() -> Self {
        Self { quorum: None, readmit_after: READMIT_AFTER, requests_per_second: None, burst: 50 }
    }
}

/// How what is to be signed is simulated.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SimulationConfig {
    /// An endpoint with `eth_simulateV1`, of another operator than the first of `chain.rpc`.
    #[serde(alias = "second-opinion")]
    pub second_opinion: Option<String>,
}

impl Config {
    /// How the pool of endpoints is to be used.
    #[must_use]
    pub fn pool_settings(&self) -> PoolSettings {
        let RpcConfig { quorum, readmit_after, requests_per_second, burst } = self.rpc;
        let rate = requests_per_second.map(|per_second| Rate { per_second, burst });
        PoolSettings { timeout: Duration::from_secs(self.chain.timeout), quorum, rate, readmit_after }
    }

    pub(super) fn validate_rpc(&self) -> Result<(), ConfigError> {
        let range = |ok: bool, key: &'static str, value: String, expected: &'static str| {
            if ok { Ok(()) } else { Err(ConfigError::OutOfRange { key, value, expected }) }
        };
        let endpoints = self.chain.rpc.len();
        if let Some(quorum) = self.rpc.quorum {
            range(
                (majority(endpoints)..=endpoints).contains(&quorum),
                "rpc.quorum",
                format!("{quorum} of {endpoints} endpoints"),
                "more than half of chain.rpc and at most all of it; 1 only where chain.rpc has one endpoint",
            )?;
        }
        range(
            (1..=1_000).contains(&self.rpc.readmit_after),
            "rpc.readmit_after",
            self.rpc.readmit_after.to_string(),
            "1 to 1000 heads",
        )?;
        if let Some(rate) = self.rpc.requests_per_second {
            let expected = "1 to 100000 a second";
            range((1..=100_000).contains(&rate), "rpc.requests_per_second", rate.to_string(), expected)?;
        }
        let burst = self.rpc.burst;
        range((1..=100_000).contains(&burst), "rpc.burst", burst.to_string(), "1 to 100000 requests")?;
        if let Some(url) = &self.simulation.second_opinion {
            let http = url.starts_with("http://") || url.starts_with("https://");
            range(http, "simulation.second_opinion", redact(url), "an http:// or https:// URL")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_second_opinion_may_be_written_with_a_dash_and_nothing_else_may_be_written() {
        for key in ["second_opinion", "second-opinion"] {
            let config: SimulationConfig = toml::from_str(&format!("{key} = 'http://127.0.0.1:1'")).unwrap();
            assert_eq!(config.second_opinion.as_deref(), Some("http://127.0.0.1:1"));
        }
        assert!(toml::from_str::<SimulationConfig>("third_opinion = 'x'").is_err());
        assert!(toml::from_str::<RpcConfig>("quorums = 2").is_err());
        let settings: RpcConfig = toml::from_str("quorum = 2").unwrap();
        assert_eq!((settings.quorum, settings.readmit_after), (Some(2), READMIT_AFTER));
    }
}
