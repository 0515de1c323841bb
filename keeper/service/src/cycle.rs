//! One cycle: observe, decide, and if there is something to do, do it.

use crate::{Keeper, market::unix_now};
use alloy::primitives::B256;
use ballast_allocator::triggers::{Mvrv, Signals, State, TriggerError};
use ballast_allocator::{reconsider, record, replay};
use ballast_chain::ReadError;
use ballast_executor::{ExecuteError, Outcome};
use ballast_risk::HubView;
use ballast_store::StoreError;
use ballast_types::{Action, DecisionRecord, GateId, RecordError, Snapshot};
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
    #[error(transparent)]
    Trigger(#[from] TriggerError),
}

/// What a cycle found before it decides.
enum Look {
    /// A decision that was waiting had its turn.
    Followed(Box<Cycle>),
    /// Nothing stands in the way of another.
    Free(Box<Snapshot>, Instant),
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
        match self.look().await? {
            Look::Followed(cycle) => Ok(*cycle),
            Look::Free(snapshot, started) => self.decide(*snapshot, started).await,
        }
    }

    /// Runs one cycle, which decides only if a trigger asks for it; `None` if none does. What is due for its own sake (heartbeats, a
    /// decision that waits for the Safe) is done either way.
    ///
    /// # Errors
    /// As [`Self::cycle`].
    pub(crate) async fn cycle_if_asked(&self, state: &mut State) -> Result<Option<Cycle>, CycleError> {
        let Some(triggers) = &self.triggers else { return self.cycle().await.map(Some) };
        let (snapshot, started) = match self.look().await? {
            Look::Followed(cycle) => return Ok(Some(*cycle)),
            Look::Free(snapshot, started) => (snapshot, started),
        };
        let view = HubView::from_snapshot(&snapshot);
        let signals = Signals {
            now: snapshot.block.timestamp,
            view: &view,
            base_fee: snapshot.block.next_base_fee,
            fees: snapshot.fees,
            mvrv: self.mvrv.as_ref().and_then(|series| Mvrv::of(&self.market.newest(series)?)),
        };
        let fired = triggers.fired(state, &signals)?;
        if fired.is_empty() {
            self.saw(&snapshot, None);
            return Ok(None);
        }
        let asked: Vec<String> = fired.iter().map(ToString::to_string).collect();
        tracing::info!(triggers = asked.join(", "), block = snapshot.block.number, "a decision is asked for");
        let cycle = self.decide(*snapshot, started).await?;
        remember(state, &cycle.record);
        Ok(Some(cycle))
    }

    /// What the triggers would remember had the service not been restarted: the last decision in the store.
    pub(crate) async fn remembered(&self) -> Result<State, StoreError> {
        let mut state = State::default();
        if self.triggers.is_none() {
            return Ok(state);
        }
        match self.store.decisions(1).await {
            Ok(last) => {
                last.iter().for_each(|last| remember(&mut state, &last.record));
            }
            // Of an earlier version: a decision is asked for at once, as at the first start.
            Err(StoreError::Record(RecordError::Format { found })) => {
                tracing::info!(found, "the last decision is of another format, so a review is due");
            }
            Err(error) => return Err(error),
        }
        Ok(state)
    }

    /// Observes, and does what comes before a decision.
    async fn look(&self) -> Result<Look, CycleError> {
        let mut started = Instant::now();
        let mut snapshot = self.observe().await?;
        if self.attend(&snapshot).await? {
            started = Instant::now();
            snapshot = self.observe().await?;
        }
        if let Some(waiting) = self.executor.waiting().await?
            && let Some(cycle) = self.follow_up(&waiting, &snapshot, started).await?
        {
            self.saw(&snapshot, None);
            self.executed(cycle.outcome.as_ref());
            return Ok(Look::Followed(Box::new(cycle)));
        }
        Ok(Look::Free(Box::new(snapshot), started))
    }

    /// The chain, and what its sources make doubtful.
    async fn observe(&self) -> Result<Snapshot, CycleError> {
        let mut snapshot = self.observer.snapshot().await?;
        self.market.doubt(&mut snapshot);
        if let Some(detectors) = &self.detectors {
            detectors.look(&mut snapshot, &self.market.heard(), unix_now());
        }
        Ok(snapshot)
    }

    async fn decide(&self, snapshot: Snapshot, started: Instant) -> Result<Cycle, CycleError> {
        let policy = self.scorer.policy(&snapshot, &self.market);
        let record = record(snapshot, policy);
        let decision_hash = self.store.put_decision(&record).await?;
        self.saw(&record.snapshot, Some(decision_hash));
        let decision_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        for gate in record.decision.refusals() {
            tracing::info!(gate = %gate.id, detail = gate.detail, block = record.snapshot.block.number, "hold");
        }
        let outcome = match record.decision.action {
            Action::Hold => None,
            Action::Rebalance { .. } => Some(self.executor.execute(&record, &rederive).await?),
        };
        self.executed(outcome.as_ref());
        self.waits(outcome.as_ref()).await?;
        Ok(Cycle { decision_hash, record, decision_ms, outcome })
    }
}

/// Remembers a decision, unless it could not be made: what asked for it then still does at the next look.
fn remember(state: &mut State, record: &DecisionRecord) {
    let obstacles = [GateId::Observation, GateId::KillSwitch, GateId::Feeds, GateId::Venues, GateId::Schedule];
    if !record.decision.refusals().any(|gate| obstacles.contains(&gate.id)) {
        let Snapshot { block, vault, .. } = &record.snapshot;
        state.remember(block.timestamp, vault.idle, vault.nav);
    }
}

/// The attestor's own derivation of the decision.
pub(crate) fn rederive(record: &DecisionRecord, reconsidered: Option<&DecisionRecord>) -> Result<(), String> {
    let report = replay(record);
    if report.equal {
        return match reconsidered {
            Some(now) if !now.policy.equals_but_for_scores(&record.policy) => {
                Err("it is reconsidered by another policy".to_owned())
            }
            Some(now) if reconsider(record, now.snapshot.clone(), now.policy.clone()) != *now => {
                Err("reconsidering it gives something else".to_owned())
            }
            _ => Ok(()),
        };
    }
    Err(report.differences.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::history::world;
    use ballast_types::Policy;

    // SPEC X15: of the policy of a decision that waited, today's scores may be others, and nothing else.
    #[test]
    fn the_attestor_takes_no_other_policy_for_a_decision_that_waited() {
        let earlier = record(world::fresh(), world::policy());
        let again = |policy: Policy| reconsider(&earlier, world::fresh(), policy);
        assert_eq!(rederive(&earlier, Some(&again(world::policy()))), Ok(()));
        let scored = world::policy().scored_at_least(|_| Some(60));
        assert_eq!(rederive(&earlier, Some(&again(scored))), Ok(()));
        let other = Policy { max_risk_score: 99, ..world::policy() };
        assert_eq!(rederive(&earlier, Some(&again(other))), Err("it is reconsidered by another policy".to_owned()));
    }
}
