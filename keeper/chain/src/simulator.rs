//! The exact transaction, executed in-process on the state of the head, before anything is signed.
//!
//! State is that of the parent block, pinned by hash. One `debug_traceCall` with the prestate tracer brings all that the
//! transaction touches in one round trip; whatever it missed is fetched when the EVM asks for it, never assumed to be zero. At an
//! endpoint without the debug API everything is fetched that way: slower, same result.
//!
//! For the same parent, timestamp, base fee and first position in the block, gas (refunds and the EIP-7623 floor included) and
//! logs are those of the receipt. Three things about the next block cannot be known and are taken from its parent: the
//! fee recipient, the randomness and the gas limit. What the block's own system calls write (EIP-4788, EIP-2935) is not in the
//! state. The contracts that Ballast calls read none of them.

mod access;
mod block;
mod confirm;
mod pinned;
mod read_set;
mod transaction;

pub use access::AccessChoice;
pub use block::{BlockContext, HeadError};
pub use confirm::{Confirmation, Unconfirmed};
pub use read_set::{AccountRead, ReadSet};
pub use revm::primitives::hardfork::SpecId;
pub use transaction::{Overrides, Simulation, TxPlan};

use crate::{endpoint::chain_text, pool::RpcPool, revert, second_opinion::SecondOpinion};
use alloy::{
    primitives::{B256, Bytes, U256},
    providers::DynProvider,
};
use pinned::{CodeCache, PinnedState};
use revm::{
    Context, ExecuteEvm, MainBuilder, MainContext,
    context::{
        BlockEnv, TxEnv,
        result::{EVMError, ExecutionResult},
    },
    context_interface::block::BlobExcessGasAndPrice,
    database::CacheDB,
    primitives::TxKind,
};
use std::sync::{
    Arc, Mutex, PoisonError,
    atomic::{AtomicBool, Ordering},
};

/// The transaction could not be executed. A transaction that reverts is not an error but a [`Simulation`] without success.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SimulationError {
    #[error("the chain does not accept this transaction: {0}")]
    Invalid(String),
    #[error("the state of block {parent} cannot be read: {why}")]
    State { parent: B256, why: String },
    #[error(transparent)]
    Head(#[from] HeadError),
    #[error("the simulation was interrupted: {0}")]
    Interrupted(String),
}

/// Executes transactions on the state of a block. Keeps the state of the last parent, so that a second simulation on it costs
/// no round trip; code is kept across parents.
#[derive(Debug)]
pub struct Simulator {
    source: Source,
    spec: SpecId,
    pinned: Mutex<Option<Arc<PinnedState>>>,
    codes: Arc<CodeCache>,
    /// Said once in the log.
    without_traces: AtomicBool,
    second_opinion: Option<SecondOpinion>,
}

/// What is asked of a transaction before it is executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Checks {
    /// Nonce, balance and fees, and a sender that is a key.
    AsTheChain,
    WhoeverSends,
}

/// Where the state of a new parent comes from.
#[derive(Debug)]
enum Source {
    Provider(DynProvider),
    /// Whichever endpoint is up then.
    Pool(Arc<RpcPool>),
}

impl Simulator {
    /// Over one endpoint. `spec` is the chain's hard fork at its head.
    #[must_use]
    pub fn new(provider: DynProvider, spec: SpecId) -> Self {
        Self::over(Source::Provider(provider), spec)
    }

    /// Over the endpoint of `pool` that is preferred when a new parent is first simulated on.
    #[must_use]
    pub fn with_pool(pool: Arc<RpcPool>, spec: SpecId) -> Self {
        Self::over(Source::Pool(pool), spec)
    }

    fn over(source: Source, spec: SpecId) -> Self {
        Self {
            source,
            spec,
            pinned: Mutex::default(),
            codes: Arc::default(),
            without_traces: AtomicBool::new(false),
            second_opinion: None,
        }
    }

    /// Has what is to be signed also executed there.
    #[must_use]
    pub fn with_second_opinion(self, second_opinion: SecondOpinion) -> Self {
        Self { second_opinion: Some(second_opinion), ..self }
    }

    /// Executes `tx` as the first transaction of `block`, with some storage replaced. Nonce, balance, fees and the intrinsic gas are
    /// checked as the chain will check them.
    ///
    /// # Errors
    /// [`SimulationError::Invalid`] if the chain would not include it, [`SimulationError::State`] if no endpoint gives state that it needs.
    pub async fn simulate(
        &self,
        tx: &TxPlan,
        block: &BlockContext,
        overrides: &Overrides,
    ) -> Result<Simulation, SimulationError> {
        Ok(self.examine(tx, block, overrides).await?.0)
    }

    /// As [`Self::simulate`], with what the execution read of the parent's state.
    ///
    /// # Errors
    /// As [`Self::simulate`].
    pub async fn examine(
        &self,
        tx: &TxPlan,
        block: &BlockContext,
        overrides: &Overrides,
    ) -> Result<(Simulation, ReadSet), SimulationError> {
        let (simulation, read, _) = self.run(tx, block, overrides, Checks::AsTheChain).await?;
        Ok((simulation, read))
    }

    /// What `tx` would do whoever sent it: neither nonce nor fees are checked, and the sender may be a contract, such as a Safe that
    /// makes a call. Gas and logs are those of a transaction; it could not be sent like this.
    ///
    /// # Errors
    /// As [`Self::simulate`].
    pub async fn simulate_unpaid(
        &self,
        tx: &TxPlan,
        block: &BlockContext,
        overrides: &Overrides,
    ) -> Result<Simulation, SimulationError> {
        Ok(self.run(tx, block, overrides, Checks::WhoeverSends).await?.0)
    }

    /// Executes on the parent's state as one endpoint gives it, and where that one does not, as another does. Says which one it was, by its place in
    /// the configuration: whatever is pinned by the time this returns may be another's.
    async fn run(
        &self,
        tx: &TxPlan,
        block: &BlockContext,
        overrides: &Overrides,
        checks: Checks,
    ) -> Result<(Simulation, ReadSet, usize), SimulationError> {
        let transaction = transaction_env(tx)?;
        let mut state = self.state(block).await;
        let mut failed = Vec::new();
        loop {
            self.prefetch(&state, tx, block, overrides).await;
            let origin = state.origin();
            let ran = self
                .execute(state, tx.chain_id, self.environment(block), transaction.clone(), overrides.clone(), checks)
                .await;
            let error = match ran {
                Ok((simulation, read)) => return Ok((simulation, read, origin)),
                Err(error) => error,
            };
            let (SimulationError::State { .. }, Source::Pool(pool)) = (&error, &self.source) else { return Err(error) };
            failed.push(origin);
            // An endpoint may answer everything else and have lost this: nothing but the attempt tells.
            let Some((next, provider)) = pool.origin_besides(&failed) else { return Err(error) };
            tracing::warn!(%error, "an endpoint does not give the state of a simulation; another is asked");
            // Not what is pinned by then, which may be another's: each endpoint is tried once.
            state = self.pin(provider, next, block).await;
        }
    }

    /// Brings what `tx` is going to touch, where the endpoint traces.
    async fn prefetch(&self, state: &PinnedState, tx: &TxPlan, block: &BlockContext, overrides: &Overrides) {
        if let Err(error) = state.prefetch(tx, block, overrides, &self.codes).await
            && !self.without_traces.swap(true, Ordering::Relaxed)
        {
            let why = chain_text(&error);
            tracing::warn!(why, "the endpoint did not trace the call; state is fetched piece by piece");
        }
    }

    /// The state of the parent: the one in use, or a new one pinned to it.
    async fn state(&self, block: &BlockContext) -> Arc<PinnedState> {
        let in_use = self.pinned.lock().unwrap_or_else(PoisonError::into_inner).clone();
        if let Some(state) = in_use.filter(|state| state.parent() == block.parent_hash) {
            return state;
        }
        let (origin, provider) = match &self.source {
            Source::Provider(provider) => (0, provider.clone()),
            Source::Pool(pool) => pool.origin(),
        };
        self.pin(provider, origin, block).await
    }

    async fn pin(&self, provider: DynProvider, origin: usize, block: &BlockContext) -> Arc<PinnedState> {
        let state = Arc::new(PinnedState::new(provider, origin, block).await);
        *self.pinned.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&state));
        state
    }

    /// The next simulation reads its parent's state anew.
    fn forget(&self) {
        *self.pinned.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    fn environment(&self, block: &BlockContext) -> BlockEnv {
        BlockEnv {
            number: U256::from(block.number),
            beneficiary: block.coinbase,
            timestamp: U256::from(block.timestamp),
            gas_limit: block.gas_limit,
            basefee: block.base_fee,
            difficulty: U256::ZERO,
            prevrandao: Some(block.prevrandao),
            blob_excess_gas_and_price: Some(BlobExcessGasAndPrice::new_with_spec(block.excess_blob_gas, self.spec)),
            slot_num: 0,
        }
    }

    async fn execute(
        &self,
        state: Arc<PinnedState>,
        chain_id: u64,
        environment: BlockEnv,
        transaction: TxEnv,
        overrides: Overrides,
        checks: Checks,
    ) -> Result<(Simulation, ReadSet), SimulationError> {
        let spec = self.spec;
        let parent = state.parent();
        // The EVM waits for missing state, so it must not sit on a thread that drives the requests.
        let executed = tokio::task::spawn_blocking(move || {
            let mut database = CacheDB::new(state);
            for (account, slot, value) in &overrides.storage {
                database.insert_account_storage(*account, *slot, *value).map_err(EVMError::Database)?;
            }
            let mut evm = Context::mainnet()
                .with_db(&mut database)
                .modify_cfg_chained(|config| {
                    config.chain_id = chain_id;
                    config.set_spec_and_mainnet_gas_params(spec);
                    let whoever = checks == Checks::WhoeverSends;
                    config.disable_nonce_check = whoever;
                    config.disable_base_fee = whoever;
                    config.disable_balance_check = whoever;
                    config.disable_eip3607 = whoever;
                })
                .with_block(environment)
                .build_mainnet();
            let result = evm.transact(transaction).map(|outcome| outcome.result)?;
            // What was executed is not committed, so this is the state before it.
            Ok((result, ReadSet::of(&database.cache, &overrides)))
        })
        .await
        .map_err(|error| SimulationError::Interrupted(error.to_string()))?;
        match executed {
            Ok((result, read)) => Ok((simulation(result), read)),
            Err(EVMError::Database(error)) => Err(SimulationError::State { parent, why: chain_text(&error) }),
            Err(EVMError::Transaction(error)) => Err(SimulationError::Invalid(error.to_string())),
            Err(EVMError::Header(error)) => Err(SimulationError::Invalid(error.to_string())),
            Err(error) => Err(SimulationError::Interrupted(error.to_string())),
        }
    }
}

fn transaction_env(tx: &TxPlan) -> Result<TxEnv, SimulationError> {
    TxEnv::builder()
        .caller(tx.from)
        .kind(TxKind::Call(tx.to))
        .nonce(tx.nonce)
        .gas_limit(tx.gas_limit)
        .gas_price(tx.max_fee_per_gas)
        .gas_priority_fee(Some(tx.max_priority_fee_per_gas))
        .data(tx.input.clone())
        .access_list(tx.access_list.clone())
        .chain_id(Some(tx.chain_id))
        .build()
        .map_err(|error| SimulationError::Invalid(format!("{error:?}")))
}

fn simulation(result: ExecutionResult) -> Simulation {
    let gas_used = result.tx_gas_used();
    match result {
        ExecutionResult::Success { logs, output, .. } => {
            Simulation { success: true, revert: None, gas_used, logs, output: output.into_data() }
        }
        // A receipt of a transaction that failed has no logs.
        ExecutionResult::Revert { output, .. } => {
            Simulation { success: false, revert: Some(revert::describe(&output)), gas_used, logs: Vec::new(), output }
        }
        ExecutionResult::Halt { reason, .. } => Simulation {
            success: false,
            revert: Some(format!("halted: {reason:?}")),
            gas_used,
            logs: Vec::new(),
            output: Bytes::new(),
        },
    }
}
