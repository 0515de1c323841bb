//! Decisions that wait for the Safe: put before its owners, followed from cycle to cycle, and carried out once they are approved.
//!
//! While one waits no other decision is made: the approval is good for the hub's next nonce only, so another rebalance would make
//! it worthless. Heartbeats, trips of the kill switch and exits go on. It ends when it is carried out, when the limits or the operator's risk
//! scores do not permit it any more, when the policy was changed but for its scores, when somebody else's rebalance took its nonce, or when its time
//! is over. A score that is only known live, and may be high just because nothing is known yet, keeps it waiting.

use crate::{
    Keeper,
    cycle::{Cycle, CycleError, rederive},
};
use alloy::primitives::{B256, Bytes};
use ballast_allocator::reconsider;
use ballast_executor::{Outcome, Waiting, in_force};
use ballast_store::{StoreError, Subject};
use ballast_types::{Action, Decision, GateId, Snapshot};
use futures::future::BoxFuture;
use std::{fmt, time::Instant};

/// A decision that is to be put before the Safe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApprovalRequest {
    pub decision: B256,
    /// The record's canonical bytes.
    pub record: Bytes,
    /// `StrategyHub.approvalDigest`.
    pub digest: B256,
}

/// Puts decisions before the Safe's owners.
pub trait ApprovalDesk: Send + Sync + fmt::Debug {
    /// Proposes the approval, and says where the owners find it. Asked again and again while a decision waits: what is proposed already
    /// stays as it is.
    fn propose<'a>(&'a self, request: &'a ApprovalRequest) -> BoxFuture<'a, Result<String, String>>;
}

impl Keeper {
    /// What there is to be done for a decision that waits; `None` if it waits no longer and a new decision may be made.
    pub(crate) async fn follow_up(
        &self,
        waiting: &Waiting,
        snapshot: &Snapshot,
        started: Instant,
    ) -> Result<Option<Cycle>, CycleError> {
        let stored = self.store.decision(waiting.decision).await?;
        let earlier = stored.ok_or(StoreError::UnknownDecision(waiting.decision))?.record;
        let (now, decided_at) = (snapshot.block.timestamp, earlier.snapshot.block.timestamp);
        let policy = self.scorer.policy(snapshot, &self.market);
        let same = policy.equals_but_for_scores(&earlier.policy);
        let reconsidered = reconsider(&earlier, snapshot.clone(), policy);
        let by_operator = reconsider(&earlier, snapshot.clone(), self.scorer.configured().clone());
        let approved_at = self.executor.approved_at(waiting.digest).await?;
        let approved = in_force(approved_at, now);
        let over = match () {
            () if snapshot.hub.nonce != earlier.snapshot.hub.nonce => {
                Some("another rebalance has taken the nonce it was to have".to_owned())
            }
            () if !same => Some("the operator's policy is another one now".to_owned()),
            () if approved_at != 0 && !approved => Some("the Safe's approval is no longer good".to_owned()),
            () if !approved && now > decided_at.saturating_add(self.approval_wait) => {
                Some(format!("the Safe did not approve it within {} s", self.approval_wait))
            }
            () => void(&by_operator.decision).map(|why| format!("it is not permitted any more: {why}")),
        };
        if let Some(reason) = over {
            tracing::warn!(decision = %waiting.decision, reason, "a decision waits for the Safe no longer");
            self.executor.abandon(waiting, &reason).await?;
            return Ok(None);
        }
        let acts = reconsidered.decision.action != Action::Hold;
        let outcome = if approved && acts {
            tracing::info!(decision = %waiting.decision, approved_at, "the Safe has approved it");
            Some(self.executor.execute_approved(&earlier, &reconsidered, &rederive).await?)
        } else {
            if !approved {
                self.ask(waiting.decision).await?;
            }
            Outcome::of(&self.store.attempts(waiting.attempt.subject).await?)?
        };
        let decision_ms = u64::try_from(started.elapsed().as_millis()).unwrap_or(u64::MAX);
        Ok(Some(Cycle { decision_hash: waiting.decision, record: reconsidered, decision_ms, outcome }))
    }

    /// Puts a decision before the Safe's owners. Where that fails it is logged, and tried again at the next cycle.
    pub(crate) async fn ask(&self, decision: B256) -> Result<(), CycleError> {
        let Some(waiting) = self.executor.waiting().await? else { return Ok(()) };
        let stored = self.store.decision(decision).await?.ok_or(StoreError::UnknownDecision(decision))?;
        let request = ApprovalRequest { decision, record: stored.bytes.into(), digest: waiting.digest };
        let Some(desk) = &self.desk else {
            tracing::error!(%decision, "a decision waits for the Safe, and nobody is there to propose it");
            return Ok(());
        };
        match desk.propose(&request).await {
            Ok(place) => {
                tracing::warn!(%decision, digest = %request.digest, place, "the Safe is asked to approve a move")
            }
            Err(error) => tracing::error!(%decision, error, "the Safe could not be asked"),
        }
        Ok(())
    }

    /// The decision that waits for the Safe, if there is one.
    pub(crate) async fn waits(&self, outcome: Option<&Outcome>) -> Result<(), CycleError> {
        match outcome.map(|outcome| (outcome.waits(), outcome.subject)) {
            Some((true, Subject::Decision(decision))) => self.ask(decision).await,
            _ => Ok(()),
        }
    }
}

/// Why the contracts or the operator's policy would not permit it any more. What can be seen clearly must be: a switch, a feed or a venue
/// in trouble is waited for, and so are schedule and gain.
fn void(decision: &Decision) -> Option<String> {
    let refused = |id: GateId| decision.gates.iter().find(|gate| gate.id == id && !gate.passed);
    let unclear = [GateId::Observation, GateId::KillSwitch, GateId::Feeds, GateId::Venues];
    if unclear.into_iter().any(|id| refused(id).is_some()) {
        return None;
    }
    let gate = refused(GateId::Limits).or_else(|| refused(GateId::Risk))?;
    Some(format!("{}: {}", gate.id, gate.detail))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ballast_types::Gate;

    // SPEC X15
    #[test]
    fn what_passes_is_waited_for_and_what_is_not_permitted_ends_it() {
        let refusing = |ids: &[GateId]| {
            let gate = |id: &GateId| Gate { id: *id, passed: false, detail: "no".to_owned() };
            void(&Decision { action: Action::Hold, gates: ids.iter().map(gate).collect(), prediction: None })
        };
        for passing in [GateId::Observation, GateId::KillSwitch, GateId::Feeds, GateId::Venues] {
            assert_eq!(refusing(&[passing, GateId::Risk, GateId::Limits, GateId::Gain]), None, "{passing}");
        }
        assert_eq!(refusing(&[GateId::Schedule]), None);
        assert_eq!(refusing(&[GateId::Gain, GateId::Fees]), None);
        assert_eq!(refusing(&[GateId::Risk]).as_deref(), Some("risk: no"));
        assert_eq!(refusing(&[GateId::Risk, GateId::Limits, GateId::Gain]).as_deref(), Some("limits: no"));
    }
}
