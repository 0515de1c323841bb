//! Who holds which role: what the parameter file says, and what the events say.

use crate::{Deployed, Parameters};
use alloy::{
    primitives::{Address, B256, keccak256},
    providers::Provider,
    rpc::types::Filter,
    sol_types::SolEvent,
    transports::TransportError,
};
use ballast_chain::bindings::Vault;
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
};

/// A role of OpenZeppelin's AccessControl.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Role(pub B256);

const NAMES: [&str; 8] = [
    "KEEPER_ROLE",
    "APPROVER_ROLE",
    "WATCHER_ROLE",
    "GUARDIAN_ROLE",
    "EMERGENCY_ROLE",
    "PROPOSER_ROLE",
    "CANCELLER_ROLE",
    "EXECUTOR_ROLE",
];

impl Role {
    /// The administrator's role, which grants every other.
    pub const ADMIN: Self = Self(B256::ZERO);

    /// The role of this name, as the contracts derive it.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self(keccak256(name))
    }
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::ADMIN {
            return f.write_str("DEFAULT_ADMIN_ROLE");
        }
        match NAMES.iter().find(|name| Self::named(name) == *self) {
            Some(name) => f.write_str(name),
            None => write!(f, "role {}", self.0),
        }
    }
}

/// Holders of each role of each contract.
pub(crate) type Holders = BTreeMap<(Address, Role), BTreeSet<Address>>;

/// What the parameter file says. What is not filled in is nobody's.
pub(crate) fn intended(parameters: &Parameters, deployed: &Deployed) -> Holders {
    let guardians: BTreeSet<Address> = parameters.guardians.iter().filter_map(|guardian| guardian.0).collect();
    let watchers: BTreeSet<Address> = parameters.watchers.iter().filter_map(|watcher| watcher.0).collect();
    let only = |address: Address| BTreeSet::from([address]);
    let mut holders = Holders::new();
    for contract in [deployed.vault, deployed.hub, deployed.kill_switch] {
        holders.insert((contract, Role::ADMIN), only(deployed.timelock));
        holders.insert((contract, Role::named("GUARDIAN_ROLE")), guardians.clone());
        holders.insert((contract, Role::named("EMERGENCY_ROLE")), only(deployed.emergency));
    }
    // So that Exit mode also closes deposits.
    holders.entry((deployed.vault, Role::named("GUARDIAN_ROLE"))).or_default().insert(deployed.kill_switch);
    holders.insert((deployed.hub, Role::named("KEEPER_ROLE")), parameters.keeper.0.into_iter().collect());
    holders.insert((deployed.hub, Role::named("APPROVER_ROLE")), only(deployed.governance));
    holders.insert((deployed.kill_switch, Role::named("WATCHER_ROLE")), watchers);
    holders.insert((deployed.timelock, Role::ADMIN), only(deployed.timelock));
    for role in ["PROPOSER_ROLE", "CANCELLER_ROLE", "EXECUTOR_ROLE"] {
        holders.insert((deployed.timelock, Role::named(role)), only(deployed.governance));
    }
    holders
}

/// What every role event since the deployment leaves.
pub(crate) async fn live(provider: &impl Provider, deployed: &Deployed) -> Result<Holders, TransportError> {
    let filter = Filter::new()
        .address(vec![deployed.vault, deployed.hub, deployed.kill_switch, deployed.timelock])
        .event_signature(vec![Vault::RoleGranted::SIGNATURE_HASH, Vault::RoleRevoked::SIGNATURE_HASH])
        .from_block(deployed.block);
    let mut holders = Holders::new();
    for log in provider.get_logs(&filter).await? {
        if let Ok(granted) = Vault::RoleGranted::decode_log(&log.inner) {
            holders.entry((granted.address, Role(granted.role))).or_default().insert(granted.account);
        } else if let Ok(revoked) = Vault::RoleRevoked::decode_log(&log.inner) {
            holders.entry((revoked.address, Role(revoked.role))).or_default().remove(&revoked.account);
        }
    }
    Ok(holders)
}
