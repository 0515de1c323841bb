//! Attempts that were written off and are on the chain all the same: a signed transaction stays valid until its nonce is used.

use crate::{
    Executor,
    outbox::Job,
    outcome::{ExecuteError, Outcome},
    settle::{RECEIPT_LOOKS, stored},
};
use alloy::primitives::B256;
use ballast_store::{Attempt, Facts, State, Subject};
use serde_json::json;
use tokio::time::sleep;

/// Settled attempts that are looked up again at start and before each execution.
const LATE_CANDIDATES: u32 = 20;

impl Executor {
    /// Finds attempts that were written off but are on the chain, of one subject or of all recent ones. A signed transaction
    /// stays valid until its nonce is used: a relay that held it back, or a reorganisation, can still land it.
    pub(crate) async fn find_late(&self, subject: Option<Subject>) -> Result<Vec<Outcome>, ExecuteError> {
        let mut outcomes = Vec::new();
        for attempt in self.store.signed_and_missing(LATE_CANDIDATES).await? {
            if subject.is_some_and(|subject| subject != attempt.subject) {
                continue;
            }
            let tx_hash = stored(&attempt, "transaction hash", attempt.facts.tx_hash)?;
            // A decision lands once. Two attempts for a call may both, unless they are the very same transaction.
            let attempts = self.store.attempts(attempt.subject).await?;
            let decision = matches!(attempt.subject, Subject::Decision(_));
            if attempts
                .iter()
                .any(|other| other.state.is_on_chain() && (decision || other.facts.tx_hash == Some(tx_hash)))
            {
                continue;
            }
            // Before another attempt for the same is made, it must be clear what became of this one.
            let looks = if subject.is_some() { RECEIPT_LOOKS } else { 1 };
            if !self.has_landed(&attempt, tx_hash, looks).await? {
                continue;
            }
            let mut job = Job::from(&attempt);
            let detail = json!({ "reason": "found on the chain after it had been written off" });
            self.step(&mut job, State::Submitted, Facts::default(), detail).await?;
            self.settle(&mut job, None, None).await?;
            outcomes.push(self.outcome(attempt.subject).await?);
        }
        Ok(outcomes)
    }

    /// Another transaction for a call is made under a later nonce than an earlier one only if that one is not on the chain: no nonce of the
    /// hub's makes the second one fail, as it does with decisions.
    pub(crate) async fn check_not_landed(&self, job: &Job, nonce: u64) -> Result<(), ExecuteError> {
        let subject = self.store.attempt(job.id).await?.subject;
        for earlier in self.store.attempts(subject).await? {
            let (Some(tx_hash), Some(used)) = (earlier.facts.tx_hash, earlier.facts.account_nonce) else { continue };
            for look in 0..RECEIPT_LOOKS {
                if used >= nonce {
                    break;
                }
                if look > 0 {
                    sleep(self.config.poll_interval).await;
                }
                if self.chain.receipt(tx_hash).await?.is_some() {
                    return Err(ExecuteError::Refused(format!("{tx_hash}, sent for the same call, is on the chain")));
                }
            }
        }
        Ok(())
    }

    /// Whether its nonce is used and its receipt there; nodes index receipts a moment after they import the block.
    async fn has_landed(&self, attempt: &Attempt, tx_hash: B256, looks: u32) -> Result<bool, ExecuteError> {
        let account = stored(attempt, "account", attempt.facts.account)?;
        let own = stored(attempt, "account nonce", attempt.facts.account_nonce)?;
        for look in 0..looks {
            if look > 0 {
                sleep(self.config.poll_interval).await;
            }
            if self.chain.nonce(account).await? <= own {
                return Ok(false);
            }
            if self.chain.receipt(tx_hash).await?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
