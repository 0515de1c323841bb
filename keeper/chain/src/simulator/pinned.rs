//! The state of one block: what is known of it in memory, the rest fetched from an endpoint pinned to the block's hash.

use super::{BlockContext, Overrides, TxPlan};
use alloy::{
    eips::BlockId,
    network::Ethereum,
    primitives::{Address, B256, Bytes, Selector, U256, map::HashMap},
    providers::{DynProvider, Provider, ext::DebugApi},
    rpc::types::{
        BlockOverrides, TransactionRequest,
        state::{AccountOverride, StateOverride},
        trace::geth::{
            AccountState, GethDebugBuiltInTracerType, GethDebugTracerType, GethDebugTracingCallOptions,
            GethDebugTracingOptions,
        },
    },
    transports::TransportError,
};
use foundry_fork_db::{BlockchainDb, DatabaseError, SharedBackend, backend::BlockingMode, cache::BlockchainDbMeta};
use revm::{
    context::BlockEnv,
    database::DatabaseRef,
    primitives::{KECCAK_EMPTY, StorageKey, StorageValue},
    state::{AccountInfo, Bytecode},
};
use std::{
    collections::HashSet,
    fmt,
    sync::{Mutex, PoisonError},
};

/// Analysed code by account. Code is compared, not hashed, when it comes again: a contract's rarely changes.
pub(super) type CodeCache = Mutex<HashMap<Address, (B256, Bytecode)>>;

/// The state of one block. It only grows: nothing is ever written that the endpoint has not said.
pub(super) struct PinnedState {
    parent: B256,
    /// The endpoint's place in its pool.
    origin: usize,
    provider: DynProvider,
    known: BlockchainDb,
    remote: SharedBackend<Ethereum>,
    /// Calls whose state has been brought already, by callee and function.
    prefetched: Mutex<HashSet<(Address, Selector)>>,
}

impl fmt::Debug for PinnedState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PinnedState").field("parent", &self.parent).finish_non_exhaustive()
    }
}

impl PinnedState {
    pub(super) async fn new(provider: DynProvider, origin: usize, block: &BlockContext) -> Self {
        // Pinned by hash: after a reorganisation the endpoint refuses instead of answering from another block of that number.
        let pin = BlockId::hash(block.parent_hash);
        let known = BlockchainDb::new(
            BlockchainDbMeta { chain: None, block_env: BlockEnv::default(), hosts: Default::default() },
            None,
        );
        known.block_hashes().write().insert(U256::from(block.parent_number), block.parent_hash);
        let remote = SharedBackend::spawn_backend(provider.clone(), known.clone(), Some(pin))
            .await
            .with_blocking_mode(BlockingMode::Block);
        Self { parent: block.parent_hash, origin, provider, known, remote, prefetched: Mutex::default() }
    }

    pub(super) const fn parent(&self) -> B256 {
        self.parent
    }

    pub(super) const fn origin(&self) -> usize {
        self.origin
    }

    /// Brings what `tx` is going to touch, unless a call like it has been traced on this state before.
    pub(super) async fn prefetch(
        &self,
        tx: &TxPlan,
        block: &BlockContext,
        overrides: &Overrides,
        codes: &CodeCache,
    ) -> Result<(), TransportError> {
        let key = (tx.to, tx.input.get(..4).map(Selector::from_slice).unwrap_or_default());
        if self.prefetched.lock().unwrap_or_else(PoisonError::into_inner).contains(&key) {
            return Ok(());
        }
        let pin = BlockId::hash(self.parent);
        let request = TransactionRequest::default().from(tx.from).to(tx.to).input(tx.input.clone().into());
        let provider = &self.provider;
        // Some nodes report the sender after it has paid for the traced call, hence it is asked for apart.
        let (traced, nonce, balance) = futures::join!(
            provider.debug_trace_call_prestate(request, pin, trace_options(block, overrides)),
            async { provider.get_transaction_count(tx.from).block_id(pin).await },
            async { provider.get_balance(tx.from).block_id(pin).await }
        );
        let (nonce, balance) = (nonce?, balance?);
        if matches!(&traced, Err(error) if error.as_error_resp().is_some()) {
            // The endpoint is there and does not trace: asking it again on this block would cost a round trip for nothing.
            self.prefetched.lock().unwrap_or_else(PoisonError::into_inner).insert(key);
        }
        for (address, account) in traced?.into_pre_state() {
            self.remember(address, account, overrides, codes);
        }
        if let Some(sender) = self.known.accounts().write().get_mut(&tx.from) {
            (sender.nonce, sender.balance) = (nonce, balance);
        }
        self.prefetched.lock().unwrap_or_else(PoisonError::into_inner).insert(key);
        Ok(())
    }

    fn remember(&self, address: Address, account: AccountState, overrides: &Overrides, codes: &CodeCache) {
        // Code that is not code is left to be fetched and refused when it is run.
        let Some((code_hash, code)) = analysed(address, account.code.unwrap_or_default(), codes) else { return };
        let info = AccountInfo {
            balance: account.balance.unwrap_or_default(),
            nonce: account.nonce.unwrap_or_default(),
            code_hash,
            code: Some(code),
            account_id: None,
        };
        self.known.accounts().write().entry(address).or_insert(info);
        let mut storage = self.known.storage().write();
        let slots = storage.entry(address).or_default();
        for (slot, value) in account.storage {
            let slot = U256::from_be_bytes(slot.0);
            // The trace ran with the overrides, so it shows those and not the state of the block.
            let overridden =
                overrides.storage.iter().any(|(account, replaced, _)| *account == address && *replaced == slot);
            if !overridden {
                slots.entry(slot).or_insert(U256::from_be_bytes(value.0));
            }
        }
    }
}

fn analysed(address: Address, code: Bytes, codes: &CodeCache) -> Option<(B256, Bytecode)> {
    if code.is_empty() {
        return Some((KECCAK_EMPTY, Bytecode::default()));
    }
    let mut codes = codes.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some((hash, known)) = codes.get(&address).filter(|(_, known)| known.original_byte_slice() == code.as_ref()) {
        return Some((*hash, known.clone()));
    }
    let bytecode = Bytecode::new_raw_checked(code).ok()?;
    let hash = bytecode.hash_slow();
    codes.insert(address, (hash, bytecode.clone()));
    Some((hash, bytecode))
}

fn trace_options(block: &BlockContext, overrides: &Overrides) -> GethDebugTracingCallOptions {
    let tracer = GethDebugTracerType::BuiltInTracer(GethDebugBuiltInTracerType::PreStateTracer);
    let mut options =
        GethDebugTracingCallOptions::new(GethDebugTracingOptions { tracer: Some(tracer), ..Default::default() });
    options = options.with_block_overrides(BlockOverrides {
        number: Some(U256::from(block.number)),
        time: Some(block.timestamp),
        ..Default::default()
    });
    if overrides.storage.is_empty() {
        return options;
    }
    let mut accounts = StateOverride::default();
    for (account, slot, value) in &overrides.storage {
        let replaced: &mut AccountOverride = accounts.entry(*account).or_default();
        replaced.state_diff.get_or_insert_default().insert(B256::from(*slot), B256::from(*value));
    }
    options.with_state_overrides(accounts)
}

impl DatabaseRef for PinnedState {
    type Error = DatabaseError;

    fn basic_ref(&self, address: Address) -> Result<Option<AccountInfo>, Self::Error> {
        let known = self.known.accounts().read().get(&address).cloned();
        match known {
            Some(info) => Ok(Some(info)),
            None => self.remote.basic_ref(address),
        }
    }

    fn code_by_hash_ref(&self, code_hash: B256) -> Result<Bytecode, Self::Error> {
        self.remote.code_by_hash_ref(code_hash)
    }

    fn storage_ref(&self, address: Address, index: StorageKey) -> Result<StorageValue, Self::Error> {
        let known = self.known.storage().read().get(&address).and_then(|slots| slots.get(&index).copied());
        match known {
            Some(value) => Ok(value),
            None => self.remote.storage_ref(address, index),
        }
    }

    fn block_hash_ref(&self, number: u64) -> Result<B256, Self::Error> {
        self.remote.block_hash_ref(number)
    }
}
