//! One cycle: observe, decide, and if there is something to do, do it.

use crate::Keeper;
use alloy::{
    primitives::{Address, B256, Bytes, Log},
    sol_types::{SolCall, SolEvent},
};
use ballast_allocator::{record, replay};
use ballast_chain::{ReadError, bindings::StrategyHub};
use ballast_executor::{ExecuteError, Outcome};
use ballast_store::StoreError;
use ballast_types::{Action, Assets, DecisionRecord, Snapshot, VenueReading};
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
    /// A hold, or a move that landed and stays.
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.outcome.as_ref().is_none_or(Outcome::succeeded)
    }
}

impl Keeper {
    /// Runs one cycle. A hold is stored with its reasons like any other decision.
    ///
    /// # Errors
    /// [`CycleError`]; nothing is sent twice by running another.
    pub async fn cycle(&self) -> Result<Cycle, CycleError> {
        let started = Instant::now();
        let mut snapshot = self.observer.snapshot().await?;
        let mut observed = false;
        for adapter in unobserved(&snapshot) {
            observed |= self.take_checkpoint(adapter).await?;
        }
        if observed {
            snapshot = self.observer.snapshot().await?;
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
        Ok(Cycle { decision_hash, record, decision_ms, outcome })
    }

    /// The hub adds nothing to a venue whose size it has not observed in an earlier block; anyone may have it look. Whether it was
    /// had to look: where the hub would go on holding a size of zero, the call would be paid for and change nothing.
    async fn take_checkpoint(&self, adapter: Address) -> Result<bool, CycleError> {
        let call: Bytes = StrategyHub::checkpointCall { adapter }.abi_encode().into();
        let hub = self.observer.deployment().hub;
        let simulation = match self.executor.simulate_call(hub, call.clone()).await {
            Ok(simulation) => simulation,
            // The decision is made and recorded all the same; it says what the venue lacks.
            Err(ExecuteError::Refused(why)) => {
                tracing::warn!(%adapter, why, "the venue's size is not observed");
                return Ok(false);
            }
            Err(error) => return Err(error.into()),
        };
        if !settles_a_size(&simulation.logs, hub) {
            tracing::info!(%adapter, "no venue size to be observed yet");
            return Ok(false);
        }
        let outcome = self.executor.send_call(hub, call, "checkpoint of a new venue").await?;
        tracing::info!(%adapter, state = ?outcome.state, "venue size observed");
        Ok(true)
    }
}

/// The attestor's own derivation of the decision.
pub(crate) fn rederive(record: &DecisionRecord) -> Result<(), String> {
    let report = replay(record);
    if report.equal {
        return Ok(());
    }
    Err(report.differences.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
}

/// Venues of which the hub holds no size. None while something speaks against acting at all: an observation is only needed for a
/// move, and a call costs gas.
fn unobserved(snapshot: &Snapshot) -> Vec<Address> {
    if !snapshot.doubts.is_empty() || !snapshot.kill_switch.operational {
        return Vec::new();
    }
    let missing = snapshot.venues.iter().filter(
        |venue| matches!(&venue.reading, VenueReading::Read { checkpoint: None, size, .. } if *size != Assets::ZERO),
    );
    missing.map(|venue| venue.adapter).collect()
}

/// The hub says that it holds a size now.
fn settles_a_size(logs: &[Log], hub: Address) -> bool {
    logs.iter()
        .filter(|log| log.address == hub)
        .filter_map(|log| StrategyHub::Checkpointed::decode_log(log).ok())
        .any(|event| !event.settled.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::primitives::U256;

    #[test]
    fn an_observation_is_paid_for_only_if_the_hub_then_holds_a_size() {
        let (hub, other) = (Address::repeat_byte(1), Address::repeat_byte(2));
        let log = |address, settled: u64| Log {
            address,
            data: StrategyHub::Checkpointed { adapter: other, size: U256::from(9), settled: U256::from(settled) }
                .encode_log_data(),
        };
        assert!(settles_a_size(&[log(hub, 9)], hub));
        assert!(!settles_a_size(&[log(hub, 0)], hub), "a zero of this window stays the lowest");
        assert!(!settles_a_size(&[log(other, 9)], hub));
        assert!(!settles_a_size(&[], hub), "the call failed");
    }
}
