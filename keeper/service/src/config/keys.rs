//! `[keeper]`, `[attestor]` and `[keys]`: where the keys live and on which chains they may live there.

use super::{Config, ConfigError, policy::AttestorPolicyConfig, secret};
use ballast_executor::{DEV_CHAIN_ID, KNOWN_TESTNETS, PASSPHRASE_VARIABLE, Passphrase};
use serde::{Deserialize, Deserializer, de::Error};
use std::path::{Path, PathBuf};

/// Where a key lives.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", tag = "type")]
pub enum KeyConfig {
    /// An AWS KMS key by id, ARN or `alias/…`.
    Kms { key: String },
    /// A Web3 Secret Storage file, version 3; refused on every chain but 31337 and the test networks of `keys.testnets`.
    Keystore {
        path: PathBuf,
        /// A file with mode 600 that holds the passphrase; else the environment does.
        passphrase_file: Option<PathBuf>,
    },
    /// A private key in the named environment variable; refused on every chain but 31337.
    Development { variable: DevelopmentKey },
}

impl KeyConfig {
    /// Relative paths mean beside the configuration file.
    pub(super) fn beside(&mut self, directory: &Path) {
        if let Self::Keystore { path, passphrase_file } = self {
            *path = directory.join(&path);
            *passphrase_file = passphrase_file.take().map(|file| directory.join(file));
        }
    }

    /// Where the passphrase of a keystore is.
    ///
    /// # Errors
    /// [`ConfigError::MissingSecret`] if no file is named and the environment holds none.
    pub fn passphrase(file: Option<&PathBuf>) -> Result<Passphrase, ConfigError> {
        match file {
            Some(path) => Ok(Passphrase::File(path.clone())),
            None => secret(PASSPHRASE_VARIABLE, "the passphrase of the keystores that name no passphrase_file")
                .map(Passphrase::Given),
        }
    }
}

/// The variables that may hold a development key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
pub enum DevelopmentKey {
    #[serde(rename = "BALLAST_DEV_KEEPER_KEY")]
    Keeper,
    #[serde(rename = "BALLAST_DEV_ATTESTOR_KEY")]
    Attestor,
}

impl DevelopmentKey {
    #[must_use]
    pub const fn variable(self) -> &'static str {
        match self {
            Self::Keeper => "BALLAST_DEV_KEEPER_KEY",
            Self::Attestor => "BALLAST_DEV_ATTESTOR_KEY",
        }
    }
}

/// The attestor: its key, and what it lets pass.
#[derive(Clone, Debug)]
pub struct AttestorConfig {
    pub key: KeyConfig,
    pub policy: AttestorPolicyConfig,
}

impl<'de> Deserialize<'de> for AttestorConfig {
    /// A key's table with the policy's in it. Not flattened, since unknown keys would not be refused then.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let mut table = toml::Table::deserialize(deserializer)?;
        let policy = match table.remove("policy") {
            Some(policy) => {
                policy.try_into().map_err(|error| D::Error::custom(format!("[attestor.policy]: {error}")))?
            }
            None => AttestorPolicyConfig::default(),
        };
        let key = table.try_into().map_err(|error| D::Error::custom(format!("[attestor]: {error}")))?;
        Ok(Self { key, policy })
    }
}

/// What concerns all keys.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct KeysConfig {
    /// Chain ids of test networks on which a keystore may be used.
    pub testnets: Vec<u64>,
}

impl Config {
    /// Known from the file alone, hence said before anything is contacted; the signers refuse the same again.
    pub(super) fn validate_keys(&self) -> Result<(), ConfigError> {
        let chain = self.chain.id;
        let out_of_range = |key, value: String, expected| Err(ConfigError::OutOfRange { key, value, expected });
        if let Some(other) = self.keys.testnets.iter().find(|id| KNOWN_TESTNETS.iter().all(|(known, _)| known != *id)) {
            return out_of_range("keys.testnets", other.to_string(), "chain ids of test networks (see docs/CONFIG.md)");
        }
        for (key, kind) in [("keeper.type", &self.keeper), ("attestor.type", &self.attestor.key)] {
            match kind {
                KeyConfig::Development { .. } if chain != DEV_CHAIN_ID => {
                    let expected = "kms on every chain but the development chain 31337";
                    return out_of_range(key, "development".into(), expected);
                }
                KeyConfig::Keystore { .. } if chain != DEV_CHAIN_ID && !self.keys.testnets.contains(&chain) => {
                    let expected = "kms on every chain but 31337 and the test networks named in keys.testnets";
                    return out_of_range(key, format!("keystore on chain {chain}"), expected);
                }
                _ => {}
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn the_attestors_table_holds_its_key_and_its_policy_and_nothing_else() {
        let read = |text: &str| toml::from_str::<AttestorConfig>(text);
        let plain = read("type = 'kms'\nkey = 'alias/attestor'").unwrap();
        assert!(matches!(plain.key, KeyConfig::Kms { .. }));
        let with = read("type = 'kms'\nkey = 'alias/attestor'\n[policy]\ndaily_moves = 2").unwrap();
        assert_eq!((with.policy.daily_moves, plain.policy.daily_moves), (2, 4));
        for wrong in
            ["type = 'kms'\nkey = 'a'\nkeys = 'b'", "type = 'kms'\nkey = 'a'\n[policy]\ndaily = 2", "key = 'a'"]
        {
            read(wrong).unwrap_err();
        }
        let error = read("type = 'kms'\nkey = 'a'\n[policy]\ndaily = 2").unwrap_err().to_string();
        assert!(error.contains("[attestor.policy]") && error.contains("daily_moves"), "{error}");
    }
}
