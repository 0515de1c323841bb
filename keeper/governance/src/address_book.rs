//! deploy/addresses/&lt;chain&gt;.json

use crate::{FileError, Written, load};
use alloy::primitives::Address;
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, path::Path};

/// The addresses of other people's contracts on one chain, by name.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct AddressBook {
    pub chain: String,
    pub chain_id: u64,
    pub tokens: BTreeMap<String, Entry>,
    pub feeds: BTreeMap<String, Entry>,
    pub contracts: BTreeMap<String, Entry>,
    pub safe: BTreeMap<String, Entry>,
}

/// One address and where it is published.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Entry {
    pub address: Written,
    /// Of a token's amounts or a feed's answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decimals: Option<u8>,
    /// Seconds in which a feed promises a round.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heartbeat: Option<u32>,
    /// The package and version, or the publication, that the address was taken from.
    pub source: String,
}

impl AddressBook {
    /// Reads an address book.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn load(path: &Path) -> Result<Self, FileError> {
        load(path)
    }

    /// Every entry with its name.
    pub fn entries(&self) -> impl Iterator<Item = (&'static str, &String, &Entry)> {
        [("tokens", &self.tokens), ("feeds", &self.feeds), ("contracts", &self.contracts), ("safe", &self.safe)]
            .into_iter()
            .flat_map(|(part, entries)| entries.iter().map(move |(name, entry)| (part, name, entry)))
    }

    /// What the book calls an address.
    #[must_use]
    pub fn name_of(&self, address: Address) -> Option<&str> {
        self.entries().find(|(_, _, entry)| entry.address.is(address)).map(|(_, name, _)| name.as_str())
    }
}
