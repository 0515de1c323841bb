//! Every number of the configuration against its range, and what goes together. Secrets are not touched.

use super::{Config, ConfigError};
use ballast_chain::redact;
use ballast_executor::DEV_CHAIN_ID;
use std::collections::BTreeSet;

impl Config {
    pub(super) fn validate(&self) -> Result<(), ConfigError> {
        let range = |ok: bool, key: &'static str, value: String, expected: &'static str| {
            if ok { Ok(()) } else { Err(ConfigError::OutOfRange { key, value, expected }) }
        };
        range(!self.chain.rpc.is_empty(), "chain.rpc", "empty".into(), "at least one HTTP endpoint")?;
        for url in &self.chain.rpc {
            range(is_http(url), "chain.rpc", redact(url), "http:// or https:// URLs")?;
        }
        range(
            (1..=120).contains(&self.chain.timeout),
            "chain.timeout",
            self.chain.timeout.to_string(),
            "1 to 120 seconds",
        )?;
        range((1..=60).contains(&self.chain.slot), "chain.slot", self.chain.slot.to_string(), "1 to 60 seconds")?;
        range(is_http(&self.relay.url), "relay.url", redact(&self.relay.url), "an http:// or https:// URL")?;
        range(
            (1..=60).contains(&self.relay.timeout),
            "relay.timeout",
            self.relay.timeout.to_string(),
            "1 to 60 seconds",
        )?;
        for url in self.relay.builders.iter().chain(&self.relay.status) {
            range(is_http(url), "relay.builders, relay.status", redact(url), "http:// or https:// URLs")?;
        }
        range(
            self.relay.blocks.is_none_or(|blocks| (1..=25).contains(&blocks)),
            "relay.blocks",
            self.relay.blocks.unwrap_or_default().to_string(),
            "1 to 25 blocks, or absent for a bundle for the next block",
        )?;
        range(!self.venues.is_empty(), "venues", "empty".into(), "at least one [[venues]] entry")?;
        let names: BTreeSet<&str> = self.venues.iter().map(|venue| venue.name.as_str()).collect();
        range(names.len() == self.venues.len(), "venues.name", "repeated".into(), "a different name for each venue")?;
        range(
            (60..=2_592_000).contains(&self.eth_usd.heartbeat),
            "eth_usd.heartbeat",
            self.eth_usd.heartbeat.to_string(),
            "60 to 2592000 seconds",
        )?;
        self.validate_protocols()?;
        self.store.validate()?;
        self.validate_heartbeat()?;
        self.validate_watcher()?;
        self.history.validate()?;
        self.validate_server()?;
        self.validate_safe()?;
        let execution = &self.execution;
        range(
            (1..=20).contains(&execution.max_attempts),
            "execution.max_attempts",
            execution.max_attempts.to_string(),
            "1 to 20",
        )?;
        range(
            (1..=64).contains(&execution.confirmations),
            "execution.confirmations",
            execution.confirmations.to_string(),
            "1 to 64 blocks",
        )?;
        range(
            (1..=10_000_000_000_000).contains(&execution.max_fee_wei),
            "execution.max_fee_wei",
            execution.max_fee_wei.to_string(),
            "1 wei to 10000 gwei (10000000000000)",
        )?;
        range(
            execution.priority_fee_wei <= execution.max_fee_wei,
            "execution.priority_fee_wei",
            execution.priority_fee_wei.to_string(),
            "at most execution.max_fee_wei",
        )?;
        range(
            (1..=10_000).contains(&execution.max_gain_share),
            "execution.max_gain_share",
            execution.max_gain_share.to_string(),
            "1 to 10000 bps",
        )?;
        range(
            (1..=200).contains(&execution.max_turnover_share),
            "execution.max_turnover_share",
            execution.max_turnover_share.to_string(),
            "1 to 200 bps",
        )?;
        range(
            (1..=250).contains(&execution.max_decision_blocks),
            "execution.max_decision_blocks",
            execution.max_decision_blocks.to_string(),
            "1 to 250 blocks",
        )?;
        range(
            (1..=50_000).contains(&execution.decide_every),
            "execution.decide_every",
            execution.decide_every.to_string(),
            "1 to 50000 blocks",
        )?;
        range(
            (1..=3_600).contains(&execution.inclusion_timeout),
            "execution.inclusion_timeout",
            execution.inclusion_timeout.to_string(),
            "1 to 3600 seconds",
        )?;
        self.validate_keys()?;
        self.validate_policy()?;
        self.validate_rpc()?;
        let development = self.chain.id == DEV_CHAIN_ID;
        range(
            development || execution.halt_after.is_none(),
            "execution.halt_after",
            execution.halt_after.map_or_else(String::new, |state| state.to_string()),
            "nothing on every chain but the development chain 31337: it is a drill",
        )?;
        self.validate_allocation()?;
        self.validate_triggers()?;
        self.validate_market()?;
        self.validate_alarms()?;
        Ok(())
    }
}

pub(super) fn is_http(url: &str) -> bool {
    url.starts_with("http://") || url.starts_with("https://")
}
