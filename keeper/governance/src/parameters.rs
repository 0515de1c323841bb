//! deploy/parameters/&lt;chain&gt;.json

use crate::{FileError, Written, load};
use serde::{Deserialize, Serialize};
use std::path::Path;

/// Everything a deployment follows from. Unknown keys are refused. Amounts are base units of the asset, parts are basis points,
/// times are seconds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Parameters {
    pub chain_id: u64,
    pub asset: Written,
    pub name: String,
    pub symbol: String,
    pub vault: VaultParameters,
    pub limits: Limits,
    pub feeds: Vec<Feed>,
    pub venues: Vec<Venue>,
    pub timelock_delay: u64,
    /// For how long the keeper may be silent before anyone may call the exit.
    pub grace_period: u64,
    pub governance: Quorum,
    pub emergency: Quorum,
    pub guardians: Vec<Written>,
    /// Who attests what protocols' governance is about to do; may be nobody.
    pub watchers: Vec<Written>,
    pub keeper: Written,
    pub attestor: Written,
    pub safe: SafeContracts,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct VaultParameters {
    pub deposit_cap: u128,
    /// The most of NAV that one instruction may lose.
    pub max_loss_bps: u64,
    /// The most of NAV that a day's instructions may lose.
    pub daily_loss_bps: u64,
    /// The fastest growth of the share price from gains, a year.
    pub max_growth_bps: u64,
}

/// As `IStrategyHub.Limits`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Limits {
    pub reserve_bps: u16,
    pub min_position_bps: u16,
    pub max_position_bps: u16,
    pub min_step_bps: u16,
    pub max_venue_share_bps: u16,
    pub max_utilisation_bps: u16,
    pub flow_bps: u16,
    pub approval_bps: u16,
    /// Whole units of the asset.
    pub approval_floor: u32,
    pub cooldown: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Feed {
    pub token: Written,
    pub aggregator: Written,
    pub heartbeat: u32,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Venue {
    pub name: String,
    pub kind: String,
    pub venue: Written,
    pub cap: u128,
    pub risk_score: u8,
    /// The longest time that leaving the venue may take.
    pub exit_time: u64,
}

/// A Safe: the one at `safe`, which must be as the rest says, or one that the deployment creates.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Quorum {
    #[serde(default)]
    pub safe: Written,
    pub owners: Vec<Written>,
    pub threshold: usize,
}

/// The contracts that a chain has once, for all Safes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SafeContracts {
    pub singleton: Written,
    pub factory: Written,
    pub fallback_handler: Written,
}

impl Parameters {
    /// Reads a parameter file. Whether its values make sense is for [`problems`](crate::problems).
    ///
    /// # Errors
    /// [`FileError`].
    pub fn load(path: &Path) -> Result<Self, FileError> {
        load(path)
    }
}
