//! The transaction for the next block: its nonce, its fees and the gas that the account can pay, each from the chain as it is.

use crate::{
    Executor,
    chain::AccountState,
    fees::{FeeCaps, Fees},
    outcome::ExecuteError,
    pipeline::Stop,
};
use alloy::{
    consensus::{Transaction as _, TxEnvelope},
    eips::eip2718::Decodable2718,
    primitives::{Address, Bytes, U256},
};
use ballast_chain::{BlockContext, Overrides, Simulation, TxPlan};
use ballast_store::Facts;

/// Less gas than any call of ours needs; a balance that does not pay it is empty for all purposes.
const LEAST_GAS: u64 = 100_000;

/// Signed transactions that are looked through for offers under the same nonce.
const EARLIER_OFFERS: u32 = 20;

impl Executor {
    pub(crate) async fn next_block(&self) -> Result<BlockContext, ExecuteError> {
        Ok(self.chain.next_block(self.config.slot_seconds).await?)
    }

    /// A transaction of the keeper for that block: nonce from the chain as it is before it, fees for its base fee that replace what
    /// was offered before under that nonce, and no more gas than the balance pays.
    pub(crate) async fn plan(
        &self,
        to: Address,
        input: Bytes,
        block: &BlockContext,
        gas_limit: u64,
        caps: FeeCaps,
    ) -> Result<TxPlan, Stop> {
        let from = self.account();
        let AccountState { nonce, balance } = self.chain.account_at(from, block.parent_number).await?;
        let earlier = self.offers_under(from, nonce).await?;
        let offer = caps.offer(u128::from(block.base_fee), &earlier);
        let Fees { max_fee_per_gas, max_priority_fee_per_gas } =
            offer.map_err(|error| Stop::Reject(error.to_string()))?;
        let payable = balance.checked_div(U256::from(max_fee_per_gas)).unwrap_or(U256::MAX);
        let gas_limit = gas_limit.min(payable.saturating_to());
        if gas_limit < LEAST_GAS {
            return Err(Stop::Reject(format!(
                "the keeper account {from} holds {balance} wei, which pays {gas_limit} gas at {max_fee_per_gas} wei; send it ether"
            )));
        }
        let chain_id = self.config.scope.chain_id;
        let access_list = Default::default();
        Ok(TxPlan {
            from,
            to,
            nonce,
            gas_limit,
            max_fee_per_gas,
            max_priority_fee_per_gas,
            input,
            chain_id,
            access_list,
        })
    }

    /// What transactions that may still be about offer under this nonce.
    async fn offers_under(&self, account: Address, nonce: u64) -> Result<Vec<Fees>, ExecuteError> {
        let attempts = self.store.signed_and_missing(EARLIER_OFFERS).await?;
        let same = |facts: &Facts| facts.account == Some(account) && facts.account_nonce == Some(nonce);
        let raw =
            attempts.iter().filter(|attempt| same(&attempt.facts)).filter_map(|attempt| attempt.facts.raw_tx.as_ref());
        Ok(raw.filter_map(fees_of).collect())
    }

    pub(crate) async fn simulate(
        &self,
        plan: &TxPlan,
        block: &BlockContext,
        overrides: &Overrides,
    ) -> Result<Simulation, ExecuteError> {
        Ok(self.chain.simulate(plan, block, overrides).await?)
    }
}

fn fees_of(raw: &Bytes) -> Option<Fees> {
    let transaction = TxEnvelope::decode_2718(&mut raw.as_ref()).ok()?;
    Some(Fees {
        max_fee_per_gas: transaction.max_fee_per_gas(),
        max_priority_fee_per_gas: transaction.max_priority_fee_per_gas()?,
    })
}
