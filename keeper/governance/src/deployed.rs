//! The file that a deployment leaves behind.

use crate::{FileError, load};
use alloy::primitives::Address;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// As written by script/ballast/DeploymentFile.sol.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Deployed {
    pub chain_id: u64,
    /// No role was granted before this block.
    pub block: u64,
    pub vault: Address,
    pub kill_switch: Address,
    pub hub: Address,
    pub timelock: Address,
    pub governance: Address,
    pub emergency: Address,
    /// The positions in the order of the parameter file's venues: an adapter, or the venue itself where it is held directly.
    pub adapters: Vec<Address>,
}

impl Deployed {
    /// Reads a deployment file.
    ///
    /// # Errors
    /// [`FileError`].
    pub fn load(path: &Path) -> Result<Self, FileError> {
        load(path)
    }

    /// What a report calls one of the deployment's addresses.
    #[must_use]
    pub fn name_of(&self, address: Address) -> Option<&'static str> {
        [
            (self.vault, "Vault"),
            (self.hub, "StrategyHub"),
            (self.kill_switch, "KillSwitchManager"),
            (self.timelock, "timelock"),
            (self.governance, "governance Safe"),
            (self.emergency, "emergency Safe"),
        ]
        .into_iter()
        .find_map(|(known, name)| (known == address).then_some(name))
    }
}
