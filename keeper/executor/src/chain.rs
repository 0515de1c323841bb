//! What the executor asks of a chain.
//!
//! One boundary, so that the same executor runs on endpoints and on a simulated chain. Every answer is a claim of whoever
//! answers: an endpoint may be behind or wrong, and nothing here makes it true.

use crate::reconcile::Balances;
use alloy::{
    consensus::BlockHeader,
    contract::Error as CallError,
    eips::{BlockId, BlockNumberOrTag},
    primitives::{Address, B256, Log, U256},
    providers::{DynProvider, Provider},
    rpc::types::TransactionReceipt,
    sol_types::SolCall,
};
use ballast_chain::{
    AccessChoice, AttestorSlot, AttestorSlotError, BlockContext, Confirmation, Overrides, RpcPool, Simulation,
    SimulationError, Simulator, TxPlan, Unconfirmed,
    bindings::{StrategyHub, StrategyHub::approvedAtCall, Vault},
};
use futures::future::BoxFuture;
use std::{fmt, sync::Arc};

/// A question that was not answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainError {
    /// Nobody answered, or not in time: another try may succeed.
    #[error("the chain could not be asked for {what}: {why}")]
    Unanswered { what: &'static str, why: String },
    /// An endpoint answered that it cannot say.
    #[error("the chain was asked for {what} and refused: {why}")]
    Refused { what: &'static str, why: String },
}

/// What an account has at the end of a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountState {
    /// Of its next transaction.
    pub nonce: u64,
    /// In wei.
    pub balance: U256,
}

/// A transaction in a block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    pub block_number: u64,
    pub block_hash: B256,
    /// Position in the block, from 0.
    pub index: u64,
    pub success: bool,
    pub gas_used: u64,
    /// Wei per gas that was paid.
    pub effective_gas_price: u128,
    pub logs: Vec<Log>,
}

/// A chain that can be asked. Each method asks about the chain as it is when it is called.
pub trait Chain: Send + Sync + fmt::Debug {
    /// The number of the newest block.
    fn head(&self) -> BoxFuture<'_, Result<u64, ChainError>>;

    /// The hash of the canonical block with this number.
    fn block_hash(&self, number: u64) -> BoxFuture<'_, Result<Option<B256>, ChainError>>;

    /// The block after the newest one, `slot_seconds` later.
    fn next_block(&self, slot_seconds: u64) -> BoxFuture<'_, Result<BlockContext, SimulationError>>;

    /// An account at the end of the canonical block with this number.
    fn account_at(&self, account: Address, block: u64) -> BoxFuture<'_, Result<AccountState, ChainError>>;

    /// The nonce of an account's next transaction, after the newest block.
    fn nonce(&self, account: Address) -> BoxFuture<'_, Result<u64, ChainError>>;

    /// The receipt of a transaction on the canonical chain.
    fn receipt(&self, tx_hash: B256) -> BoxFuture<'_, Result<Option<Receipt>, ChainError>>;

    /// The hub's slot that holds the attestor.
    fn attestor_slot(&self, hub: Address) -> BoxFuture<'_, Result<AttestorSlot, AttestorSlotError>>;

    /// When the Safe approved a digest (`StrategyHub.approvedAt`), Unix seconds, zero if it did not; what a quorum says.
    fn approved_at(&self, hub: Address, digest: B256) -> BoxFuture<'_, Result<u64, ChainError>>;

    /// Executes a transaction as the first of a block to come.
    fn simulate<'a>(
        &'a self,
        plan: &'a TxPlan,
        block: &'a BlockContext,
        overrides: &'a Overrides,
    ) -> BoxFuture<'a, Result<Simulation, SimulationError>>;

    /// Executes a transaction without an access list and with the one that follows from what it touches, and keeps the cheaper.
    fn with_access_list<'a>(
        &'a self,
        plan: &'a TxPlan,
        block: &'a BlockContext,
    ) -> BoxFuture<'a, Result<AccessChoice, SimulationError>>;

    /// Has others confirm what a final simulation was made on and what came of it; without that nothing is signed.
    fn confirm<'a>(
        &'a self,
        plan: &'a TxPlan,
        block: &'a BlockContext,
        simulation: &'a Simulation,
    ) -> BoxFuture<'a, Result<Confirmation, Unconfirmed>>;

    /// Idle and the value of each position at the end of a block, read from the contracts.
    fn balances<'a>(
        &'a self,
        vault: Address,
        hub: Address,
        positions: &'a [Address],
        block: B256,
    ) -> BoxFuture<'a, Result<Balances, ChainError>>;
}

/// The chain as the pool's preferred endpoint shows it; transactions are executed in this process.
#[derive(Debug)]
pub struct RpcChain {
    pool: Arc<RpcPool>,
    simulator: Arc<Simulator>,
}

impl RpcChain {
    #[must_use]
    pub const fn new(pool: Arc<RpcPool>, simulator: Arc<Simulator>) -> Self {
        Self { pool, simulator }
    }

    fn provider(&self) -> &DynProvider {
        self.pool.primary()
    }
}

impl Chain for RpcChain {
    fn head(&self) -> BoxFuture<'_, Result<u64, ChainError>> {
        Box::pin(async { self.provider().get_block_number().await.map_err(|error| unanswered("the head", &error)) })
    }

    fn block_hash(&self, number: u64) -> BoxFuture<'_, Result<Option<B256>, ChainError>> {
        Box::pin(async move {
            let block = self.provider().get_block_by_number(BlockNumberOrTag::Number(number)).await;
            let block = block.map_err(|error| unanswered("a block", &error))?;
            Ok(block.filter(|block| block.header.number() == number).map(|block| block.header.hash))
        })
    }

    fn next_block(&self, slot_seconds: u64) -> BoxFuture<'_, Result<BlockContext, SimulationError>> {
        Box::pin(async move { Ok(BlockContext::next(self.provider(), slot_seconds).await?) })
    }

    fn account_at(&self, account: Address, block: u64) -> BoxFuture<'_, Result<AccountState, ChainError>> {
        Box::pin(async move {
            let (provider, at) = (self.provider(), BlockId::number(block));
            let nonce = provider.get_transaction_count(account).block_id(at).await;
            let nonce = nonce.map_err(|error| unanswered("the keeper's nonce", &error))?;
            let balance = provider.get_balance(account).block_id(at).await;
            let balance = balance.map_err(|error| unanswered("the keeper's balance", &error))?;
            Ok(AccountState { nonce, balance })
        })
    }

    fn nonce(&self, account: Address) -> BoxFuture<'_, Result<u64, ChainError>> {
        Box::pin(async move {
            let nonce = self.provider().get_transaction_count(account).await;
            nonce.map_err(|error| unanswered("the keeper's nonce", &error))
        })
    }

    fn receipt(&self, tx_hash: B256) -> BoxFuture<'_, Result<Option<Receipt>, ChainError>> {
        Box::pin(async move {
            let receipt = self.provider().get_transaction_receipt(tx_hash).await;
            let receipt = receipt.map_err(|error| unanswered("a receipt", &error))?;
            receipt.as_ref().map(Receipt::try_from).transpose()
        })
    }

    fn attestor_slot(&self, hub: Address) -> BoxFuture<'_, Result<AttestorSlot, AttestorSlotError>> {
        Box::pin(AttestorSlot::read(self.provider(), hub))
    }

    fn approved_at(&self, hub: Address, digest: B256) -> BoxFuture<'_, Result<u64, ChainError>> {
        Box::pin(async move {
            let input = approvedAtCall { digest }.abi_encode().into();
            let answer = self.pool.agreed_call(hub, input).await;
            let answer = answer.map_err(|error| unanswered("an approval", &error))?;
            let time = approvedAtCall::abi_decode_returns(&answer)
                .map_err(|error| ChainError::Refused { what: "an approval", why: error.to_string() })?;
            Ok(time.saturating_to())
        })
    }

    fn simulate<'a>(
        &'a self,
        plan: &'a TxPlan,
        block: &'a BlockContext,
        overrides: &'a Overrides,
    ) -> BoxFuture<'a, Result<Simulation, SimulationError>> {
        Box::pin(self.simulator.simulate(plan, block, overrides))
    }

    fn with_access_list<'a>(
        &'a self,
        plan: &'a TxPlan,
        block: &'a BlockContext,
    ) -> BoxFuture<'a, Result<AccessChoice, SimulationError>> {
        Box::pin(self.simulator.with_access_list(plan, block))
    }

    fn confirm<'a>(
        &'a self,
        plan: &'a TxPlan,
        block: &'a BlockContext,
        simulation: &'a Simulation,
    ) -> BoxFuture<'a, Result<Confirmation, Unconfirmed>> {
        Box::pin(self.simulator.confirm(plan, block, simulation))
    }

    fn balances<'a>(
        &'a self,
        vault: Address,
        hub: Address,
        positions: &'a [Address],
        block: B256,
    ) -> BoxFuture<'a, Result<Balances, ChainError>> {
        Box::pin(async move {
            let at = BlockId::hash(block);
            let vault = Vault::new(vault, self.provider());
            let idle = vault.idle().block(at).call().await.map_err(|error| uncalled("the vault's idle", &error))?;
            let hub = StrategyHub::new(hub, self.provider());
            let mut values = Vec::with_capacity(positions.len());
            for position in positions {
                let state = hub.positionState(*position).block(at).call().await;
                values.push(state.map_err(|error| uncalled("a position's value", &error))?.value);
            }
            Ok(Balances { idle, values })
        })
    }
}

impl TryFrom<&TransactionReceipt> for Receipt {
    type Error = ChainError;

    fn try_from(receipt: &TransactionReceipt) -> Result<Self, ChainError> {
        let missing = |field: &str| ChainError::Unanswered { what: "a receipt", why: format!("it has no {field}") };
        Ok(Self {
            block_number: receipt.block_number.ok_or_else(|| missing("block number"))?,
            block_hash: receipt.block_hash.ok_or_else(|| missing("block hash"))?,
            index: receipt.transaction_index.ok_or_else(|| missing("transaction index"))?,
            success: receipt.status(),
            gas_used: receipt.gas_used,
            effective_gas_price: receipt.effective_gas_price,
            logs: receipt.logs().iter().map(|log| log.inner.clone()).collect(),
        })
    }
}

fn unanswered(what: &'static str, error: &dyn std::error::Error) -> ChainError {
    ChainError::Unanswered { what, why: error.to_string() }
}

/// An endpoint that answers with an error, or with what is no answer of the contract, has refused.
fn uncalled(what: &'static str, error: &CallError) -> ChainError {
    let why = error.to_string();
    match error {
        CallError::TransportError(error) if error.as_error_resp().is_none() => ChainError::Unanswered { what, why },
        _ => ChainError::Refused { what, why },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::{
        rpc::json_rpc::ErrorPayload,
        transports::{RpcError, TransportErrorKind},
    };

    #[test]
    fn an_endpoint_that_answers_with_an_error_refuses_and_one_that_is_down_does_not() {
        let message = "missing trie node".into();
        let refused =
            CallError::TransportError(RpcError::ErrorResp(ErrorPayload { code: -32_000, message, data: None }));
        let down = CallError::TransportError(TransportErrorKind::custom_str("connection refused"));
        assert!(matches!(uncalled("x", &refused), ChainError::Refused { .. }));
        assert!(matches!(uncalled("x", &down), ChainError::Unanswered { .. }));
    }
}
