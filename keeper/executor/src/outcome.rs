//! How an execution ended, or why it could not be carried on.

use crate::{chain::ChainError, config::ConfigError, reconcile::Reconciliation, signer::SignerError};
use alloy::primitives::B256;
use ballast_chain::{AttestorSlotError, SimulationError, Unconfirmed};
use ballast_store::{Attempt, State, StoreError, Subject};
use serde::Serialize;

/// How a decision or call ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Outcome {
    pub subject: Subject,
    /// `Final` if it landed and stays; `AwaitingSafe` if it needs the Safe; `Reverted`, `Replaced`, `Rejected` or `Expired` if it did not.
    pub state: State,
    /// Attempts made so far.
    pub attempts: u32,
    /// Why it did not land, for a person.
    pub reason: Option<String>,
    /// Where it landed.
    pub landing: Option<Landing>,
}

/// A transaction of ours on the chain.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Landing {
    pub tx_hash: B256,
    /// What the relay called the bundle, if its answer was seen.
    pub bundle_hash: Option<B256>,
    pub block_number: u64,
    pub block_hash: B256,
    pub reconciliation: Option<Reconciliation>,
}

impl Outcome {
    /// From the attempts of one subject, first to last; `None` if there are none.
    ///
    /// # Errors
    /// If a stored reconciliation cannot be read.
    pub fn of(attempts: &[Attempt]) -> Result<Option<Self>, StoreError> {
        let decisive = attempts.iter().find(|attempt| attempt.state.is_on_chain()).or(attempts.last());
        let Some(attempt) = decisive else { return Ok(None) };
        let facts = &attempt.facts;
        let reconciliation = facts.reconciliation.clone().map(serde_json::from_value).transpose()?;
        let landing = match (attempt.state.is_on_chain(), facts.tx_hash, facts.included_block, facts.included_hash) {
            (true, Some(tx_hash), Some(block_number), Some(block_hash)) => {
                Some(Landing { tx_hash, bundle_hash: facts.bundle_hash, block_number, block_hash, reconciliation })
            }
            _ => None,
        };
        let reason = if attempt.state == State::Final { None } else { facts.reason.clone() };
        let number = attempts.last().map_or(0, |last| last.number);
        Ok(Some(Self { subject: attempt.subject, state: attempt.state, attempts: number, reason, landing }))
    }

    /// Nothing is done for it until the Safe has approved it.
    #[must_use]
    pub const fn waits(&self) -> bool {
        matches!(self.state, State::AwaitingSafe)
    }

    /// It landed and succeeded.
    #[must_use]
    pub const fn succeeded(&self) -> bool {
        matches!(self.state, State::Final)
    }
}

/// Why an execution stopped without an ending. What was done so far is recorded; nothing is sent twice by trying again.
#[derive(Debug, thiserror::Error)]
pub enum ExecuteError {
    #[error("the decision is to hold, there is nothing to execute")]
    Hold,
    #[error("{0}")]
    Refused(String),
    #[error("the keeper was told to stop; it stopped between two states, and the next start settles what is left")]
    Stopping,
    #[error("it gave way to a trip of the kill switch; the next cycle decides anew")]
    GaveWay,
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error(transparent)]
    Chain(#[from] ChainError),
    #[error(transparent)]
    AttestorSlot(#[from] AttestorSlotError),
    #[error(transparent)]
    Simulation(#[from] SimulationError),
    #[error(transparent)]
    Unconfirmed(#[from] Box<Unconfirmed>),
    #[error("the attestor could not keep its count: {0}")]
    Attestor(String),
    #[error(transparent)]
    Signer(#[from] SignerError),
    #[error(
        "the chain stands at block {head} and did not reach block {target} in {waited_s} s; attempt {attempt} stays {state} \
         and is settled at the next start"
    )]
    HeadStalled { attempt: i64, state: State, head: u64, target: u64, waited_s: u64 },
    #[error("attempt {attempt} is {state} but its {missing} is not stored; the store was changed by hand")]
    Incomplete { attempt: i64, state: State, missing: &'static str },
    #[error("the stored simulation of attempt {attempt} does not fit the receipt: {why}")]
    Irreconcilable { attempt: i64, why: String },
}

impl ExecuteError {
    /// What failed, if it is the state that this one call touches: another may land all the same in this block. `None` if it is the chain's head, the
    /// store, the signer or the operator's leave. Of the same trouble in two blocks it says the same.
    #[must_use]
    pub const fn trouble_of_one_call(&self) -> Option<&'static str> {
        match self {
            Self::Simulation(SimulationError::State { .. }) => Some("no endpoint gives the state that its call needs"),
            Self::Simulation(SimulationError::Interrupted(_)) => Some("the simulation of its call was interrupted"),
            Self::Unconfirmed(_) => Some("what the simulation of its call read is not confirmed"),
            _ => None,
        }
    }
}
