//! What an execution read of the state before it.

use super::Overrides;
use alloy::primitives::{Address, B256, U256};
use revm::database::in_memory_db::Cache;
use std::collections::BTreeMap;

/// One account as it was before the execution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountRead {
    pub nonce: u64,
    /// Wei.
    pub balance: U256,
    /// keccak256 of the empty string where there is no code.
    pub code_hash: B256,
    /// The slots that were read, with their values.
    pub storage: BTreeMap<U256, U256>,
}

impl Default for AccountRead {
    /// An account that does not exist.
    fn default() -> Self {
        Self { nonce: 0, balance: U256::ZERO, code_hash: revm::primitives::KECCAK_EMPTY, storage: BTreeMap::new() }
    }
}

/// The accounts and slots that an execution read, and nothing else: where all of it is as it was read, the execution gives the same.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ReadSet {
    pub accounts: BTreeMap<Address, AccountRead>,
}

impl ReadSet {
    /// From a cache that nothing was committed to. What was replaced is not state that anyone could confirm.
    pub(super) fn of(cache: &Cache, overrides: &Overrides) -> Self {
        let replaced = |address: &Address, slot: &U256| {
            overrides.storage.iter().any(|(account, other, _)| account == address && other == slot)
        };
        let account = |(address, account): (&Address, &revm::database::DbAccount)| {
            let slots = account.storage.iter().filter(|(slot, _)| !replaced(address, slot));
            let storage = slots.map(|(slot, value)| (*slot, *value)).collect();
            let info = &account.info;
            (*address, AccountRead { nonce: info.nonce, balance: info.balance, code_hash: info.code_hash, storage })
        };
        Self { accounts: cache.accounts.iter().map(account).collect() }
    }

    /// Slots in all accounts together.
    #[must_use]
    pub fn slots(&self) -> usize {
        self.accounts.values().map(|account| account.storage.len()).sum()
    }
}
