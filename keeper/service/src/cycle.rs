//! One cycle: observe, decide, and if there is something to do, do it.

use crate::Keeper;
use alloy::primitives::B256;
use ballast_allocator::{reconsider, record, replay};
use ballast_chain::ReadError;
use ballast_executor::{ExecuteError, Outcome};
use ballast_store::StoreError;
use ballast_types::{Action, DecisionRecord};
use serde::Serialize;
use std::time::Instant;

#[derive(Debug, thiserror::Error)]
pub enum CycleError {
    #[error("the chain could not be observed: {0}")]
    Observe(#[from] ReadError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the decision was not carried out: {0}")]
    Execute(#[from] ExecuteError),
}

/// What one cycle did.
#[derive(Clone, Debug, Serialize)]
pub struct Cycle {
    /// The decision's hash: its id in the store and its proof on the chain.
    pub decision_hash: B256,
    pub record: DecisionRecord,
    /// Milliseconds from the first read to the stored decision.
    pub decision_ms: u64,
    /// How the execution ended; `None` for a hold.
    pub outcome: Option<Outcome>,
}

impl Cycle {
    /// A hold, a move that landed and stays, or one that waits for the Safe.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.outcome.as_ref().is_none_or(|outcome| outcome.succeeded() || outcome.waits())
    }
}

impl Keeper {
    /// Runs one cycle. A hold is stored with its reasons like any other decision.
    ///
    /// # Errors
    /// [`CycleError`]; nothing is sent twice by running another.
    pub async fn cycle(&self) -> Result<Cycle, CycleError> {
        let mut started = Instant::now();
        let mut snapshot = self.observer.snapshot().await?;
        if self.attend(&snapshot).await? {
            started = Instant::now();
            snapshot = self.observer.snapshot().await?;
        }
        if let Some(waiting) = self.executor.waiting().await?
            && let Some(cycle) = self.follow_up(&waiting, &snapshot, started).await?
        {
            return Ok(cycle);
        }
        let record = record(snapshot, self.policy.clone());
        let decision_hash = self.store.put_decision(&record).await?;
        let decision_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        for gate in record.decision.refusals() {
            tracing::info!(gate = %gate.id, detail = gate.detail, block = record.snapshot.block.number, "hold");
        }
        let outcome = match record.decision.action {
            Action::Hold => None,
            Action::Rebalance { .. } => Some(self.executor.execute(&record, &rederive).await?),
        };
        self.waits(outcome.as_ref()).await?;
        Ok(Cycle { decision_hash, record, decision_ms, outcome })
    }
}

/// The attestor's own derivation of the decision.
pub(crate) fn rederive(record: &DecisionRecord, reconsidered: Option<&DecisionRecord>) -> Result<(), String> {
    let report = replay(record);
    if report.equal {
        return match reconsidered {
            Some(now) if reconsider(record, now.snapshot.clone()) != *now => {
                Err("reconsidering it gives something else".to_owned())
            }
            _ => Ok(()),
        };
    }
    Err(report.differences.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
}
