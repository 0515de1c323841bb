//! What landed of the keeper's own transactions, in the books: what a move shifted, and what everything cost.

use super::{Open, WriteError, eth_price, wait_for_chain};
use crate::history::{Names, Sources, landed::landed};
use alloy::primitives::B256;
use ballast_store::{StoredDecision, Subject};
use ballast_types::Wad;

impl Open {
    pub(super) async fn executed(&mut self, sources: &Sources, decision: B256) -> Result<(), WriteError> {
        match sources.store.decision(decision).await? {
            Some(stored) => self.executed_of(sources, &stored).await,
            None => Ok(()),
        }
    }

    pub(super) async fn executed_of(&mut self, sources: &Sources, stored: &StoredDecision) -> Result<(), WriteError> {
        let snapshot = &stored.record.snapshot;
        let (names, eth_usd) = (Names::of_snapshot(snapshot), eth_price(snapshot));
        self.post_attempts(sources, Subject::Decision(stored.hash), "rebalance", eth_usd, &names).await.map(drop)
    }

    /// The gas of heartbeats and trips that were not looked at yet.
    pub(super) async fn pay_calls(&mut self, sources: &Sources, newest: u32) -> Result<(), WriteError> {
        let calls = sources.store.calls(newest).await?;
        let mut settled = self.calls;
        for call in calls.iter().rev().filter(|call| call.id > settled).collect::<Vec<_>>() {
            let subject = Subject::Call(call.id);
            let eth_usd = self.eth_usd;
            if !self.post_attempts(sources, subject, &call.purpose, eth_usd, &Names::default()).await? {
                // One that is under way is looked at again, and what comes after it.
                break;
            }
            settled = call.id;
        }
        self.calls = settled;
        Ok(())
    }

    /// Posts what landed of a subject, and says whether all of it is settled and posted.
    async fn post_attempts(
        &mut self,
        sources: &Sources,
        subject: Subject,
        purpose: &str,
        eth_usd: Option<Wad>,
        names: &Names,
    ) -> Result<bool, WriteError> {
        let mut whole = true;
        for attempt in sources.store.attempts(subject).await? {
            whole &= attempt.state.is_settled();
            let (Some(tx), true) = (attempt.facts.tx_hash, attempt.state.is_settled()) else { continue };
            if self.history.entry(&format!("gas:{tx}")).await?.is_some() {
                continue;
            }
            let landed = match landed(sources.pool.primary(), &attempt, purpose, eth_usd, names).await {
                Ok(Some(landed)) => landed,
                Ok(None) => continue,
                Err(error) => {
                    wait_for_chain(&error);
                    return Ok(false);
                }
            };
            // The gas comes last: it says that the move is there. One before the newest snapshot is in that already.
            if let Some(moved) = &landed.moved
                && self.books.newest.as_ref().is_some_and(|newest| moved.time > newest.timestamp)
                && self.history.entry(&format!("move:{tx}")).await?.is_none()
                && let Some(entry) = self.books.shifted(moved)
            {
                self.books.post(&self.history, entry).await?;
            }
            if let Some(entry) = self.books.gas(&landed.gas) {
                self.books.post(&self.history, entry).await?;
            }
        }
        Ok(whole)
    }
}
