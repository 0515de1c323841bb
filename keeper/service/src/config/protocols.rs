//! `venues[].protocol`: which protocol of the facts table a venue is, for what its risk is made of.

use super::{Config, ConfigError};
use alloy::primitives::Address;
use ballast_risk::facts::Facts;
use std::collections::BTreeMap;

/// The facts table, and which venue is which of its protocols.
#[derive(Clone, Debug)]
pub(crate) struct Protocols {
    pub(crate) facts: Facts,
    of: BTreeMap<Address, String>,
}

impl Protocols {
    #[cfg(test)]
    pub(crate) const fn new(facts: Facts, of: BTreeMap<Address, String>) -> Self {
        Self { facts, of }
    }

    /// The protocol of the venue behind an adapter; `None` if the configuration does not say.
    pub(crate) fn of(&self, adapter: Address) -> Option<&str> {
        self.of.get(&adapter).map(String::as_str)
    }
}

impl Config {
    /// # Errors
    /// If a venue is said to be a protocol that the facts table does not have.
    pub(crate) fn protocols(&self) -> Result<Protocols, ConfigError> {
        let facts = Facts::built_in()?;
        let mut of = BTreeMap::new();
        for venue in &self.venues {
            let Some(protocol) = &venue.protocol else { continue };
            if facts.protocol(protocol).is_none() {
                return Err(ConfigError::OutOfRange {
                    key: "venues.protocol",
                    value: format!("{protocol:?}"),
                    expected: "a protocol of the facts table, as `ballast risk` lists them (aave-v3, morpho-blue, …), or none",
                });
            }
            of.insert(venue.adapter, protocol.clone());
        }
        Ok(Protocols { facts, of })
    }

    pub(super) fn validate_protocols(&self) -> Result<(), ConfigError> {
        self.protocols().map(drop)
    }
}
