//! Which deployment is served, and the first question about a record: is it one to act on here?

use alloy::primitives::{Address, B256};
use ballast_types::{Action, DecisionRecord, Mode, Target, record::FORMAT};

/// The deployment that a keeper or an attestor is configured for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scope {
    pub chain_id: u64,
    pub vault: Address,
    pub hub: Address,
}

/// Why a record is not acted on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    #[error("the record has format {found}, expected {FORMAT}")]
    Format { found: u16 },
    #[error("the record hashes to {found}, expected {expected}")]
    Hash { found: B256, expected: B256 },
    #[error("the record is about {what} {found}, this keeper serves {expected}")]
    Elsewhere { what: &'static str, found: String, expected: String },
    #[error("the decision is to hold, there is nothing to execute")]
    Hold,
    #[error("the decision moves nothing: it lists no targets")]
    NoTargets,
    #[error("gate {gate} was answered no: {detail}")]
    Gate { gate: String, detail: String },
    #[error("the decision was made without asking any gate")]
    NoGates,
    #[error("the observation is in doubt: {0}")]
    Doubt(String),
    #[error("the kill switch is not operational: {0}")]
    KillSwitch(String),
    #[error("the record cannot be encoded: {0}")]
    Record(String),
}

/// The targets of a record that may be executed in this scope.
///
/// # Errors
/// The first reason not to.
pub fn admit<'a>(record: &'a DecisionRecord, hash: B256, scope: &Scope) -> Result<&'a [Target], Unfit> {
    if record.format != FORMAT {
        return Err(Unfit::Format { found: record.format });
    }
    let found = record.hash().map_err(|error| Unfit::Record(error.to_string()))?;
    if found != hash {
        return Err(Unfit::Hash { found, expected: hash });
    }
    let snapshot = &record.snapshot;
    same("chain", &snapshot.chain_id, &scope.chain_id)?;
    same("vault", &snapshot.vault.address, &scope.vault)?;
    same("hub", &snapshot.hub.address, &scope.hub)?;
    if let Some(doubt) = snapshot.doubts.first() {
        return Err(Unfit::Doubt(format!("{doubt:?}")));
    }
    if !snapshot.kill_switch.operational || snapshot.kill_switch.mode != Mode::Normal {
        return Err(Unfit::KillSwitch(snapshot.kill_switch.reason.clone()));
    }
    let Action::Rebalance { targets } = &record.decision.action else { return Err(Unfit::Hold) };
    if record.decision.gates.is_empty() {
        return Err(Unfit::NoGates);
    }
    if let Some(gate) = record.decision.refusals().next() {
        return Err(Unfit::Gate { gate: gate.id.to_string(), detail: gate.detail.clone() });
    }
    if targets.is_empty() { Err(Unfit::NoTargets) } else { Ok(targets) }
}

fn same<T: PartialEq + ToString>(what: &'static str, found: &T, expected: &T) -> Result<(), Unfit> {
    if found == expected {
        return Ok(());
    }
    Err(Unfit::Elsewhere { what, found: found.to_string(), expected: expected.to_string() })
}
