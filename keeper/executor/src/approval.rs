//! Decisions that wait for the Safe: what they wait for, whether they have it, and what is then carried out.
//!
//! The Safe approves a digest of decision, targets and the hub's next nonce. So a decision that waits is void as soon as another rebalance
//! has landed, and once it is approved it is the old targets that are moved to: the keeper reconsiders them on what it sees now, and what
//! they are expected to do is what the reconsideration says.

use crate::{Executor, outbox::Job, outcome::ExecuteError, outcome::Outcome, pipeline::Stop, proof};
use alloy::{primitives::B256, sol_types::SolError};
use ballast_chain::{Simulation, bindings::ApprovalRequired};
use ballast_store::{Attempt, Facts, State, Subject};
use ballast_types::{Assets, DecisionRecord};
use serde_json::json;

/// Seconds for which the Safe's approval is good: `StrategyHub.APPROVAL_VALIDITY`.
pub const APPROVAL_VALIDITY: u64 = 86_400;

/// A decision to be carried out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Order<'a> {
    /// What is attested, and named on the chain.
    pub(crate) record: &'a DecisionRecord,
    pub(crate) hash: B256,
    /// The decision reconsidered, and when the Safe approved it.
    pub(crate) approved: Option<(&'a DecisionRecord, u64)>,
}

impl<'a> Order<'a> {
    /// What it is expected to do now.
    pub(crate) fn expected(&self) -> &'a DecisionRecord {
        self.approved.map_or(self.record, |(reconsidered, _)| reconsidered)
    }

    /// What the Safe approves for it.
    pub(crate) fn approval_digest(&self) -> B256 {
        approval_digest(self.record, self.hash)
    }
}

/// A decision that was put before the Safe.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    pub decision: B256,
    /// What the Safe is to approve.
    pub digest: B256,
    /// Its last attempt: it waits, or it was approved, tried and may be tried again.
    pub attempt: Attempt,
}

/// The digest of a decision that the hub's next rebalance is to carry.
#[must_use]
pub fn approval_digest(record: &DecisionRecord, hash: B256) -> B256 {
    proof::approval_digest(hash, &proof::allocations(record.decision.targets()), record.snapshot.hub.nonce)
}

/// Whether an approval of `approved_at` counts at `now`, both Unix seconds; zero is none.
#[must_use]
pub const fn in_force(approved_at: u64, now: u64) -> bool {
    approved_at != 0 && approved_at <= now && now <= approved_at.saturating_add(APPROVAL_VALIDITY)
}

impl Executor {
    /// The decision that was put before the Safe and is not concluded, if there is one.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn waiting(&self) -> Result<Option<Waiting>, ExecuteError> {
        let Some(attempt) = self.store.newest_of_decisions().await? else { return Ok(None) };
        let Subject::Decision(decision) = attempt.subject else { return Ok(None) };
        if !matches!(attempt.state, State::AwaitingSafe | State::Expired) {
            return Ok(None);
        }
        // One that was approved and tried in vain is still the one that was asked for.
        let attempts = self.store.attempts(attempt.subject).await?;
        let digest = attempts.iter().find_map(|attempt| attempt.facts.approval);
        Ok(digest.map(|digest| Waiting { decision, digest, attempt }))
    }

    /// When the Safe approved a digest, Unix seconds; zero if it did not. A quorum of the endpoints says so.
    ///
    /// # Errors
    /// [`ExecuteError::Chain`].
    pub async fn approved_at(&self, digest: B256) -> Result<u64, ExecuteError> {
        Ok(self.chain.approved_at(self.config.scope.hub, digest).await?)
    }

    /// Ends a decision that waited without its being carried out.
    ///
    /// # Errors
    /// If the store cannot be written.
    pub async fn abandon(&self, waiting: &Waiting, reason: &str) -> Result<Outcome, ExecuteError> {
        let _turn = self.turn.lock().await;
        self.end(&mut Job::from(&waiting.attempt), State::Rejected, reason.to_owned()).await?;
        self.outcome(waiting.attempt.subject).await
    }

    /// Puts an attempt aside until the Safe has approved it.
    pub(crate) async fn await_safe(&self, job: &mut Job, digest: B256, reason: String) -> Result<(), ExecuteError> {
        let detail = json!({ "reason": reason, "approval": digest });
        let facts = Facts { reason: Some(reason), approval: Some(digest), ..Facts::default() };
        self.step(job, State::AwaitingSafe, facts, detail).await
    }

    /// Why a presimulation failed only for want of the Safe's approval. The hub asks for it after everything else.
    pub(crate) fn wants_approval(&self, order: &Order<'_>, simulation: &Simulation) -> Option<Stop> {
        if !self.config.asks_safe || order.approved.is_some() || simulation.success {
            return None;
        }
        let ApprovalRequired { digest, turnover, threshold } = ApprovalRequired::abi_decode(&simulation.output).ok()?;
        let (added, most): (Assets, Assets) = (Assets(turnover.saturating_to()), Assets(threshold.saturating_to()));
        let reason = format!("{added} is added, more than {most} needs the Safe's approval");
        (digest == order.approval_digest()).then_some(Stop::AwaitSafe { digest, reason })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // SPEC X15
    #[test]
    fn an_approval_counts_for_a_day_and_not_before_it_was_given() {
        let given = 1_700_000_000;
        assert!(in_force(given, given) && in_force(given, given + 86_400));
        assert!(!in_force(given, given - 1) && !in_force(given, given + 86_401) && !in_force(0, 5));
    }
}
