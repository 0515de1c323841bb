//! What a transaction cost in fact, told to the attestor, who counts it against the yearly budget.

use crate::{Executor, attestor::GasReceipt, chain::Receipt, outbox::Job, outcome::ExecuteError};
use alloy::primitives::B256;
use ballast_store::{StoreError, Subject};
use ballast_types::FeedState;

impl Executor {
    /// Has a receipt counted. Told twice, it counts once, so this comes before the transition that it belongs to.
    ///
    /// What cannot be counted does not hold the settlement up: what was set aside for the move stays set aside, which is more.
    pub(crate) async fn count_gas(&self, job: &Job, receipt: &Receipt) -> Result<(), ExecuteError> {
        if !self.attestor.counts() {
            return Ok(());
        }
        let attempt = self.store.attempt(job.id).await?;
        let (Some(tx), Some(block_time)) = (attempt.facts.tx_hash, attempt.facts.target_timestamp) else {
            return Ok(());
        };
        let Some((decision, eth_usd)) = self.priced(attempt.subject).await? else {
            tracing::warn!(%tx, "no decision is stored, so no price of ether is known; its gas is not counted");
            return Ok(());
        };
        let gas = GasReceipt {
            tx,
            decision,
            gas_used: receipt.gas_used,
            effective_gas_price: receipt.effective_gas_price,
            block_time,
        };
        if let Err(error) = self.attestor.note_gas(gas, &eth_usd).await {
            tracing::error!(%tx, %error, "gas was not counted against the attestor's budget");
        }
        Ok(())
    }

    /// The decision that a subject carries, and the price of ether in its snapshot; for a call that of the newest decision.
    async fn priced(&self, subject: Subject) -> Result<Option<(Option<B256>, FeedState)>, StoreError> {
        Ok(match subject {
            Subject::Decision(hash) => {
                let stored = self.store.decision(hash).await?;
                stored.map(|stored| (Some(hash), stored.record.snapshot.eth_usd))
            }
            Subject::Call(_) => {
                let newest = self.store.decisions(1).await?.pop();
                newest.map(|stored| (None, stored.record.snapshot.eth_usd))
            }
        })
    }
}
