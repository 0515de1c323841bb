//! The operator's configuration: one TOML file, every key known, every number checked, no secret in it.

use alloy::primitives::Address;
use ballast_chain::{Deployment, FeedRef, VenueRef, bindings::MULTICALL3, redact};
use ballast_risk::facts::FactsError;
use ballast_store::State;
use ballast_types::{PolicyError, ProfileError, VenueKind};
use serde::Deserialize;
use std::{
    fs,
    path::{Path, PathBuf},
};

#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    #[error("cannot read {}: {source}; expected a readable TOML file (see docs/CONFIG.md)", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("{} is not valid: {why}", path.display())]
    Malformed { path: PathBuf, why: String },
    #[error("{key} is {value}, expected {expected}")]
    OutOfRange { key: &'static str, value: String, expected: &'static str },
    #[error(transparent)]
    Policy(#[from] PolicyError),
    #[error("the facts table that was built in is refused: {0}")]
    Facts(#[from] FactsError),
    #[error("policy.profile: {0}")]
    Profile(#[from] ProfileError),
    #[error("environment variable {name} is not set, and there is no credential of that name: it holds {holds}")]
    MissingSecret { name: &'static str, holds: &'static str },
    #[error("environment variable {name} is not {expected}")]
    MalformedSecret { name: &'static str, expected: &'static str },
    #[error(
        "the credential {} has mode {mode:03o}, expected one that only its owner may read: chmod 400 it",
        path.display()
    )]
    LooseCredential { path: PathBuf, mode: u32 },
    #[error("the credential {} cannot be read: {why}; expected a text file that this user may read", path.display())]
    UnreadableCredential { path: PathBuf, why: String },
}

/// The file as it is written. Unknown keys are refused.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pub chain: ChainConfig,
    pub contracts: ContractsConfig,
    pub venues: Vec<VenueConfig>,
    /// ETH/USD, for the cost of gas.
    pub eth_usd: FeedConfig,
    pub policy: PolicyConfig,
    /// What is aimed at.
    #[serde(default)]
    pub strategy: StrategyConfig,
    /// When a decision is made.
    #[serde(default)]
    pub triggers: TriggersConfig,
    /// The key that sends rebalances.
    pub keeper: KeyConfig,
    /// The key that vouches for them, never the same; and what it lets pass.
    pub attestor: AttestorConfig,
    #[serde(default)]
    pub keys: KeysConfig,
    #[serde(default)]
    pub kms: KmsConfig,
    pub relay: RelayConfig,
    pub store: StoreConfig,
    #[serde(default)]
    pub history: HistoryConfig,
    #[serde(default)]
    pub server: ServerConfig,
    #[serde(default)]
    pub cache: CacheConfig,
    #[serde(default)]
    pub execution: ExecutionConfig,
    #[serde(default)]
    pub watcher: WatcherConfig,
    #[serde(default)]
    pub rpc: RpcConfig,
    #[serde(default)]
    pub heartbeat: HeartbeatConfig,
    #[serde(default)]
    pub simulation: SimulationConfig,
    /// Where large moves are proposed.
    #[serde(default)]
    pub safe: Option<SafeConfig>,
    /// Who else is asked about the venues and the coins.
    #[serde(default)]
    pub market: MarketConfig,
    /// What detectors off the chain look at; without it there are none.
    #[serde(default)]
    pub alarms: Option<AlarmsConfig>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChainConfig {
    pub id: u64,
    /// HTTP endpoints; the first is preferred, a quorum must agree.
    pub rpc: Vec<String>,
    /// Seconds a request may take.
    #[serde(default = "defaults::rpc_timeout")]
    pub timeout: u64,
    /// Seconds between two blocks.
    #[serde(default = "defaults::slot")]
    pub slot: u64,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContractsConfig {
    pub vault: Address,
    pub hub: Address,
    pub kill_switch: Address,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VenueConfig {
    pub name: String,
    pub kind: VenueKind,
    pub adapter: Address,
    /// Which protocol of the facts table it is (`keeper/risk/facts`).
    #[serde(default)]
    pub protocol: Option<String>,
    /// 0–100, high is risky.
    pub risk_score: u8,
    /// Basis points of NAV.
    pub max_position: u16,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FeedConfig {
    pub aggregator: Address,
    /// Seconds in which the feed promises a new round.
    pub heartbeat: u64,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KmsConfig {
    /// AWS region; else from the environment, as the AWS tools take it.
    pub region: Option<String>,
    /// Another endpoint than AWS's own.
    pub endpoint: Option<String>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RelayConfig {
    pub url: String,
    /// Seconds a request may take.
    #[serde(default = "defaults::relay_timeout")]
    pub timeout: u64,
    /// Other relays and builders that get everything as well.
    #[serde(default)]
    pub builders: Vec<String>,
    /// Where Flashbots Protect says what became of a transaction.
    #[serde(default)]
    pub status: Option<String>,
    /// Blocks for which a transaction is offered as a private transaction. Without it, as a bundle for the next block alone.
    #[serde(default)]
    pub blocks: Option<u64>,
}

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct ExecutionConfig {
    /// Bundles sent for one decision before it is given up.
    pub max_attempts: u32,
    /// Blocks on top of the inclusion before it counts as final.
    pub confirmations: u64,
    /// Wei per gas that is never exceeded.
    pub max_fee_wei: u64,
    /// Wei per gas for the proposer.
    pub priority_fee_wei: u64,
    /// Basis points of a move's expected gain that its gas may cost.
    pub max_gain_share: u16,
    /// Basis points of what a move moves that its gas may cost.
    pub max_turnover_share: u16,
    /// Blocks after its snapshot in which a decision may still be executed.
    pub max_decision_blocks: u64,
    /// Blocks between two decisions of the service.
    pub decide_every: u64,
    /// Seconds to wait for the chain to reach a bundle's block.
    pub inclusion_timeout: u64,
    /// Drills on chain 31337 only: stop for ever once this outbox state is on disk.
    pub halt_after: Option<State>,
}

impl Default for ExecutionConfig {
    fn default() -> Self {
        Self {
            max_attempts: 5,
            confirmations: 2,
            max_fee_wei: 200_000_000_000,
            priority_fee_wei: 100_000_000,
            max_gain_share: 5_000,
            max_turnover_share: 200,
            max_decision_blocks: 25,
            decide_every: 25,
            inclusion_timeout: 120,
            halt_after: None,
        }
    }
}

mod alarms;
mod allocation;
mod cache;
mod heartbeat;
mod history;
mod keys;
mod market;
mod policy;
mod protocols;
mod rpc;
mod safe;
mod secrets;
mod server;
mod store;
mod triggers;
mod validation;
mod watcher;

pub use alarms::{AlarmsConfig, ExploitsConfig, SentimentConfig};
pub use allocation::{PolicyConfig, StrategyConfig};
pub use cache::CacheConfig;
pub use heartbeat::HeartbeatConfig;
pub use history::HistoryConfig;
pub use keys::{AttestorConfig, KeyConfig, KeysConfig};
pub use market::{GivesConfig, MarketConfig, QuantityConfig, QuotedConfig, SourceConfig, SourceKind, UnitConfig};
pub use policy::AttestorPolicyConfig;
pub(crate) use protocols::Protocols;
pub use rpc::{RpcConfig, SimulationConfig};
pub use safe::SafeConfig;
pub(crate) use secrets::aws_credentials;
pub use secrets::secret;
pub use server::{ServerConfig, WebhookConfig};
pub use store::StoreConfig;
pub use triggers::{MvrvConfig, TriggersConfig};
pub use watcher::WatcherConfig;

mod defaults {
    pub(super) const fn rpc_timeout() -> u64 {
        10
    }
    pub(super) const fn slot() -> u64 {
        12
    }
    pub(super) const fn relay_timeout() -> u64 {
        5
    }
}

impl Config {
    /// Reads and checks a file. Secrets are not touched.
    ///
    /// # Errors
    /// The first thing that is wrong, with what was expected.
    pub fn load(path: &Path) -> Result<Self, ConfigError> {
        let text =
            fs::read_to_string(path).map_err(|source| ConfigError::Unreadable { path: path.to_owned(), source })?;
        let mut config: Self = toml::from_str(&text)
            .map_err(|error| ConfigError::Malformed { path: path.to_owned(), why: without_urls(&error.to_string()) })?;
        config.policy.adopt(path.parent().unwrap_or(Path::new("")))?;
        if let Some(directory) = path.parent() {
            config.store.beside(directory);
            config.history.beside(directory);
            config.attestor.policy.beside(directory, config.store.path.as_deref());
            if let Some(safe) = &mut config.safe {
                safe.beside(directory);
            }
            for key in [&mut config.keeper, &mut config.attestor.key] {
                key.beside(directory);
            }
        }
        config.validate()?;
        Ok(config)
    }

    /// The address book for the chain reader.
    #[must_use]
    pub fn deployment(&self) -> Deployment {
        Deployment {
            chain_id: self.chain.id,
            vault: self.contracts.vault,
            hub: self.contracts.hub,
            kill_switch: self.contracts.kill_switch,
            venues: self
                .venues
                .iter()
                .map(|venue| VenueRef { name: venue.name.clone(), kind: venue.kind, adapter: venue.adapter })
                .collect(),
            eth_usd: FeedRef {
                name: "ETH/USD".into(),
                aggregator: self.eth_usd.aggregator,
                heartbeat: self.eth_usd.heartbeat,
            },
            multicall: MULTICALL3,
        }
    }
}

/// The parser quotes what it could not take, and providers put their keys into URLs.
fn without_urls(text: &str) -> String {
    let ends = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | '`' | ',' | ']');
    text.split_inclusive(ends)
        .map(|part| match part.find("://") {
            Some(_) => {
                let (url, end) = part.split_at(part.trim_end_matches(ends).len());
                format!("{}{end}", redact(url))
            }
            None => part.to_owned(),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn an_error_of_the_parser_repeats_no_url() {
        let quoted = "rpc = 'https://user:secret1@rpc.example/v3/KEYKEYKEY?token=TTTTTT'";
        let error = toml::from_str::<ChainConfig>(&format!("id = 1\n{quoted}")).unwrap_err().to_string();
        assert!(error.contains("KEYKEYKEY"), "the parser does quote: {error}");
        let shown = without_urls(&error);
        for secret in ["user", "secret1", "KEYKEYKEY", "TTTTTT"] {
            assert!(!shown.contains(secret), "{secret} in {shown}");
        }
        assert!(shown.contains("line 2") && shown.contains("https://rpc.example/…"), "{shown}");
    }
}
