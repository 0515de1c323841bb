//! `[safe]`: how a move that is too large for keeper and attestor alone is put before the Safe.

use super::{Config, ConfigError, validation::is_http};
use alloy::primitives::Address;
use ballast_chain::redact;
use ballast_types::LargeMoves;
use serde::Deserialize;
use std::path::{Path, PathBuf};

#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SafeConfig {
    /// The deployment file, which says what each address is.
    pub deployment: PathBuf,
    /// The address book of the chain.
    pub addresses: Option<PathBuf>,
    /// The parameter file, which names the venues.
    pub parameters: Option<PathBuf>,
    /// The Safe that approves; the deployment's governance Safe unless set.
    pub address: Option<Address>,
    /// The folder for proposal files, which the owners are given.
    pub proposals: PathBuf,
    /// URL of the Transaction Service's API, where the keeper is a delegate of the Safe; its key is in `BALLAST_SAFE_API_KEY`.
    pub service: Option<String>,
    /// Hours of chain time after which a proposal that is not approved is given up.
    #[serde(default = "wait_hours")]
    pub wait_hours: u64,
}

const fn wait_hours() -> u64 {
    24
}

impl SafeConfig {
    /// A relative path means beside the configuration file.
    pub(super) fn beside(&mut self, directory: &Path) {
        let paths = [Some(&mut self.deployment), self.addresses.as_mut(), self.parameters.as_mut()];
        for path in paths.into_iter().flatten().chain([&mut self.proposals]) {
            *path = directory.join(&*path);
        }
    }
}

impl Config {
    pub(super) fn validate_safe(&self) -> Result<(), ConfigError> {
        let range = |ok: bool, key: &'static str, value: String, expected: &'static str| {
            if ok { Ok(()) } else { Err(ConfigError::OutOfRange { key, value, expected }) }
        };
        let Some(safe) = &self.safe else {
            let asks = self.policy.large_moves == LargeMoves::Ask;
            let expected = "\"divide\", or a [safe] table that says where to ask (docs/CONFIG.md)";
            return range(!asks, "policy.large_moves", "\"ask\"".to_owned(), expected);
        };
        let hours = safe.wait_hours;
        range((1..=168).contains(&hours), "safe.wait_hours", hours.to_string(), "1 to 168 hours")?;
        let service = safe.service.as_deref();
        range(
            service.is_none_or(is_http),
            "safe.service",
            redact(service.unwrap_or_default()),
            "an http:// or https:// URL",
        )
    }
}
