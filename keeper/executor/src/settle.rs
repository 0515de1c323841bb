//! What became of what was sent: settled from the chain's facts alone, so that it makes no difference who asks or when.

use crate::{
    Executor,
    chain::{ChainError, Receipt},
    flight::{Flight, Offer},
    outbox::Job,
    outcome::{ExecuteError, Outcome},
    prediction,
    reconcile::{Balances, Expected, Observed, Reconciliation},
    scope::Scope,
};
use alloy::primitives::{Address, B256};
use ballast_chain::Leg;
use ballast_store::{Attempt, Facts, State, Subject};
use serde_json::{json, to_value};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Looks for the receipt of a used nonce this often before the nonce is said to be someone else's: nodes index receipts a
/// moment after they import the block.
pub(crate) const RECEIPT_LOOKS: u32 = 5;
/// Blocks for whose state an endpoint is asked again; full nodes keep 128.
const STATE_DEPTH: u64 = 64;

impl Executor {
    /// Settles what an earlier run left. Call at start, before any new decision.
    ///
    /// An attempt that was never submitted expires: nothing was sent. One that was is settled from the chain once its block
    /// has passed: included, reverted, replaced or expired. Nothing is sent here.
    ///
    /// # Errors
    /// [`ExecuteError::HeadStalled`] while the chain has not reached the block; call again later.
    pub async fn resume(&self) -> Result<Vec<Outcome>, ExecuteError> {
        let _turn = self.turn.lock().await;
        let mut outcomes = self.settle_open().await?;
        outcomes.extend(self.find_late(None).await?);
        Ok(outcomes)
    }

    /// Settles every attempt that is under way.
    pub(crate) async fn settle_open(&self) -> Result<Vec<Outcome>, ExecuteError> {
        let mut outcomes = Vec::new();
        for attempt in self.store.open_attempts().await? {
            let mut job = Job::from(&attempt);
            if matches!(job.state, State::Submitted | State::Included) {
                self.settle(&mut job, None, None).await?;
            } else {
                let reason = format!("interrupted when it was {}; nothing was sent", job.state);
                self.end(&mut job, State::Expired, reason).await?;
            }
            outcomes.push(self.outcome(attempt.subject).await?);
        }
        Ok(outcomes)
    }

    /// From submitted or included to a settled state. `refused` is what the relay said against it.
    pub(crate) async fn settle(
        &self,
        job: &mut Job,
        refused: Option<String>,
        mut flight: Option<&mut Flight<'_>>,
    ) -> Result<(), ExecuteError> {
        loop {
            match job.state {
                State::Submitted => self.await_inclusion(job, refused.as_deref(), flight.as_deref_mut()).await?,
                State::Included => self.await_finality(job).await?,
                _ => return Ok(()),
            }
        }
    }

    async fn await_inclusion(
        &self,
        job: &mut Job,
        refused: Option<&str>,
        mut flight: Option<&mut Flight<'_>>,
    ) -> Result<(), ExecuteError> {
        let attempt = self.store.attempt(job.id).await?;
        let target = stored(&attempt, "target block", attempt.facts.target_block)?;
        let mut patience = Patience::new(self.config.inclusion_timeout);
        let mut looks = 0;
        loop {
            match self.look(&attempt, target).await {
                Ok((_, Fate::Included(receipt))) => return self.include(job, &receipt).await,
                Ok((_, Fate::Reverted(receipt))) => return self.revert(job, &receipt).await,
                Ok((_, Fate::Missed)) => {
                    let withdrawn =
                        flight.as_ref().and_then(|flight| flight.withdrawn()).map(|why| format!("withdrawn: {why}"));
                    let why = match withdrawn.or_else(|| refused.map(ToOwned::to_owned)) {
                        Some(why) => why,
                        None => self.relays_word(&attempt).await,
                    };
                    return self.end(job, State::Expired, format!("block {target} passed without it: {why}")).await;
                }
                Ok((_, Fate::NonceUsed)) if looks >= RECEIPT_LOOKS => {
                    let why = "the account's nonce was used by another transaction, which is not in this outbox";
                    return self.end(job, State::Replaced, why.to_owned()).await;
                }
                Ok((head, Fate::NonceUsed)) => {
                    looks += 1;
                    patience.seen(head);
                }
                Ok((head, Fate::Pending)) => patience.seen(head),
                Err(error) => patience.failed(error),
            }
            if let Some(flight) = flight.as_deref_mut() {
                self.watch(job, flight).await;
            }
            self.wait(job, target, &mut patience).await?;
        }
    }

    /// Why a relay that took it did not include it, as far as it says.
    async fn relays_word(&self, attempt: &Attempt) -> String {
        let said = match attempt.facts.tx_hash {
            Some(tx_hash) => self.relay.status(tx_hash).await,
            None => Ok(None),
        };
        match said {
            Ok(Some(status)) => format!("the relay never included it and says {status}"),
            Ok(None) => "the relay never included it".to_owned(),
            Err(error) => format!("the relay never included it and does not say why: {error}"),
        }
    }

    /// One look at the chain, and the head it was taken at.
    async fn look(&self, attempt: &Attempt, target: u64) -> Result<(u64, Fate), ExecuteError> {
        let head = self.chain.head().await?;
        if head < target {
            return Ok((head, Fate::Pending));
        }
        let tx_hash = stored(attempt, "transaction hash", attempt.facts.tx_hash)?;
        if let Some(receipt) = self.chain.receipt(tx_hash).await? {
            // A failure is only acted on when it cannot be undone any more.
            let fate = match (receipt.success, self.is_final(receipt.block_number, head)) {
                (true, _) => Fate::Included(receipt),
                (false, true) => Fate::Reverted(receipt),
                (false, false) => Fate::Pending,
            };
            return Ok((head, fate));
        }
        let account = stored(attempt, "account", attempt.facts.account)?;
        let own = stored(attempt, "account nonce", attempt.facts.account_nonce)?;
        let used = self.chain.nonce(account).await?;
        Ok((head, if used > own { Fate::NonceUsed } else { Fate::Missed }))
    }

    async fn include(&self, job: &mut Job, receipt: &Receipt) -> Result<(), ExecuteError> {
        let detail = json!({
            "block": receipt.block_number,
            "hash": receipt.block_hash,
            "index": receipt.index,
            "gas_used": receipt.gas_used,
        });
        self.count_gas(job, receipt).await?;
        self.step(job, State::Included, place(receipt), detail).await
    }

    async fn revert(&self, job: &mut Job, receipt: &Receipt) -> Result<(), ExecuteError> {
        let reason = format!("it reverted in block {}", receipt.block_number);
        let detail = json!({ "reason": reason, "gas_used": receipt.gas_used });
        self.count_gas(job, receipt).await?;
        self.step(job, State::Reverted, Facts { reason: Some(reason), ..place(receipt) }, detail).await
    }

    async fn await_finality(&self, job: &mut Job) -> Result<(), ExecuteError> {
        let attempt = self.store.attempt(job.id).await?;
        let block = stored(&attempt, "block", attempt.facts.included_block)?;
        let hash = stored(&attempt, "block hash", attempt.facts.included_hash)?;
        let tx_hash = stored(&attempt, "transaction hash", attempt.facts.tx_hash)?;
        let target = block.saturating_add(self.config.confirmations).saturating_sub(1);
        let slots = u32::try_from(self.config.confirmations).unwrap_or(u32::MAX);
        let slot = Duration::from_secs(self.config.slot_seconds);
        let mut patience = Patience::new(self.config.inclusion_timeout.saturating_add(slot.saturating_mul(slots)));
        loop {
            match self.look_again(&attempt, tx_hash, hash).await {
                Ok((_, None)) => {
                    let detail = json!({ "reason": format!("block {block} {hash} was reorganised away") });
                    return self.step(job, State::Submitted, Facts::default(), detail).await;
                }
                Ok((head, Some(reconciliation))) if head >= target => {
                    return self.finish(job, head, &reconciliation).await;
                }
                Ok((head, Some(_))) => patience.seen(head),
                Err(error) => patience.failed(error),
            }
            self.wait(job, target, &mut patience).await?;
        }
    }

    /// The reconciliation while the receipt is still in that block, `None` once it is not.
    async fn look_again(
        &self,
        attempt: &Attempt,
        tx_hash: B256,
        block_hash: B256,
    ) -> Result<(u64, Option<Reconciliation>), ExecuteError> {
        let head = self.chain.head().await?;
        match self.chain.receipt(tx_hash).await? {
            Some(receipt) if receipt.block_hash == block_hash && receipt.success => {
                let depth = head.saturating_sub(receipt.block_number);
                Ok((head, Some(self.reconcile(attempt, &receipt, block_hash, depth).await?)))
            }
            _ => Ok((head, None)),
        }
    }

    async fn finish(&self, job: &mut Job, head: u64, reconciliation: &Reconciliation) -> Result<(), ExecuteError> {
        // Offered for one block, it is what was simulated for it; offered for several, it kept to the envelope.
        if !reconciliation.is_equal() && self.config.offer == Offer::NextBlock {
            tracing::error!(attempt = job.id.0, ?reconciliation, "the receipt is not what was simulated");
        }
        let value = to_value(reconciliation).map_err(ballast_store::StoreError::from)?;
        let detail = json!({ "head": head, "equal": reconciliation.is_equal() });
        self.step(job, State::Final, Facts { reconciliation: Some(value), ..Facts::default() }, detail).await
    }

    async fn reconcile(
        &self,
        attempt: &Attempt,
        receipt: &Receipt,
        block_hash: B256,
        depth: u64,
    ) -> Result<Reconciliation, ExecuteError> {
        let irreconcilable = |why: String| ExecuteError::Irreconcilable { attempt: attempt.id.0, why };
        let simulation = stored(attempt, "simulation", attempt.facts.simulation.clone())?;
        let expected: Expected =
            serde_json::from_value(simulation).map_err(|error| irreconcilable(error.to_string()))?;
        let logs = receipt.logs.clone();
        let hub = self.config.scope.hub;
        let decision = match attempt.subject {
            Subject::Decision(hash) => Some((hub, hash)),
            Subject::Call(_) => None,
        };
        let balances = match decision {
            None => None,
            Some(_) => {
                let event = prediction::executed(&logs, hub).map_err(|error| irreconcilable(error.to_string()))?;
                self.balances(&event.legs, block_hash, depth).await?
            }
        };
        let observed = Observed { gas_used: receipt.gas_used, logs, balances };
        Reconciliation::of(&expected, &observed, decision).map_err(irreconcilable)
    }

    /// What the contracts say at the end of that block; `None` once nobody can be expected to say it any more.
    async fn balances(&self, legs: &[Leg], block_hash: B256, depth: u64) -> Result<Option<Balances>, ExecuteError> {
        let Scope { vault, hub, .. } = self.config.scope;
        let positions: Vec<Address> = legs.iter().map(|leg| leg.adapter).collect();
        match self.chain.balances(vault, hub, &positions, block_hash).await {
            Ok(balances) => Ok(Some(balances)),
            Err(error) if is_forgotten(&error, depth) => {
                tracing::error!(%error, depth, "the state of the block it landed in is not to be had");
                Ok(None)
            }
            Err(error) => Err(error.into()),
        }
    }

    async fn wait(&self, job: &Job, target: u64, patience: &mut Patience) -> Result<(), ExecuteError> {
        self.control.beat();
        if self.control.is_stopping() {
            return Err(ExecuteError::Stopping);
        }
        if patience.is_spent() {
            return Err(patience.end(job, target));
        }
        sleep(self.config.poll_interval).await;
        Ok(())
    }

    const fn is_final(&self, block: u64, head: u64) -> bool {
        head.saturating_add(1) >= block.saturating_add(self.config.confirmations)
    }
}

/// Whether a read of a block that deep is refused for good: the endpoint answered, and did not just fail to. Nodes drop the state of
/// old blocks; an attempt that is settled long after it landed must not wait for it for ever.
const fn is_forgotten(error: &ChainError, depth: u64) -> bool {
    matches!(error, ChainError::Refused { .. }) && depth >= STATE_DEPTH
}

/// What one look says about a submitted transaction.
enum Fate {
    /// Its block has not come yet.
    Pending,
    Included(Receipt),
    Reverted(Receipt),
    /// Its nonce is used, but no receipt of it is to be seen.
    NonceUsed,
    /// Its block passed without it.
    Missed,
}

/// How long to go on looking, and what was seen last.
struct Patience {
    started: Instant,
    limit: Duration,
    head: u64,
    failure: Option<ExecuteError>,
}

impl Patience {
    fn new(limit: Duration) -> Self {
        Self { started: Instant::now(), limit, head: 0, failure: None }
    }

    fn seen(&mut self, head: u64) {
        self.head = head;
        self.failure = None;
    }

    fn failed(&mut self, error: ExecuteError) {
        tracing::warn!(%error, "waiting for a block");
        self.failure = Some(error);
    }

    fn is_spent(&self) -> bool {
        self.started.elapsed() >= self.limit
    }

    /// What ended the wait: the last failure, or a chain that stands still.
    fn end(&mut self, job: &Job, target: u64) -> ExecuteError {
        self.failure.take().unwrap_or(ExecuteError::HeadStalled {
            attempt: job.id.0,
            state: job.state,
            head: self.head,
            target,
            waited_s: self.started.elapsed().as_secs(),
        })
    }
}

fn place(receipt: &Receipt) -> Facts {
    Facts { included_block: Some(receipt.block_number), included_hash: Some(receipt.block_hash), ..Facts::default() }
}

pub(crate) fn stored<T>(attempt: &Attempt, missing: &'static str, value: Option<T>) -> Result<T, ExecuteError> {
    value.ok_or(ExecuteError::Incomplete { attempt: attempt.id.0, state: attempt.state, missing })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn state_counts_as_gone_only_when_a_node_refuses_it_for_an_old_block() {
        let refused = ChainError::Refused { what: "idle", why: "missing trie node".to_owned() };
        let down = ChainError::Unanswered { what: "idle", why: "connection refused".to_owned() };
        assert!(is_forgotten(&refused, STATE_DEPTH));
        assert!(!is_forgotten(&refused, STATE_DEPTH - 1), "a node that is a moment behind refuses too");
        assert!(!is_forgotten(&down, 1_000), "another try may reach it");
    }
}
