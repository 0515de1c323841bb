//! What is simulated, and what comes of it.

use crate::{ATTESTOR_SLOT, AttestorSlot};
use alloy::{
    consensus::TxEip1559,
    eips::eip2930::AccessList,
    primitives::{Address, Bytes, Log, TxKind, U256},
};

/// An EIP-1559 transaction without value, before its signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TxPlan {
    pub from: Address,
    pub to: Address,
    pub nonce: u64,
    pub gas_limit: u64,
    /// Wei per gas.
    pub max_fee_per_gas: u128,
    /// Wei per gas.
    pub max_priority_fee_per_gas: u128,
    pub input: Bytes,
    pub chain_id: u64,
    /// EIP-2930; empty unless it makes the transaction cheaper.
    pub access_list: AccessList,
}

impl TxPlan {
    /// The transaction to sign.
    #[must_use]
    pub fn unsigned(&self) -> TxEip1559 {
        TxEip1559 {
            chain_id: self.chain_id,
            nonce: self.nonce,
            gas_limit: self.gas_limit,
            max_fee_per_gas: self.max_fee_per_gas,
            max_priority_fee_per_gas: self.max_priority_fee_per_gas,
            to: TxKind::Call(self.to),
            value: U256::ZERO,
            access_list: self.access_list.clone(),
            input: self.input.clone(),
        }
    }
}

/// State that is replaced before the execution.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Overrides {
    /// Account, slot, value.
    pub storage: Vec<(Address, U256, U256)>,
}

impl Overrides {
    /// The hub's attestor in `slot`, replaced by `attestor`.
    #[must_use]
    pub fn attestor(hub: Address, slot: &AttestorSlot, attestor: Address) -> Self {
        Self { storage: vec![(hub, ATTESTOR_SLOT, slot.with(attestor))] }
    }
}

/// The outcome of an executed transaction, as its receipt will have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Simulation {
    pub success: bool,
    /// Why it failed, for a person: `CooldownActive(nextAllowed: 123)`.
    pub revert: Option<String>,
    /// After refunds and the floor: the receipt's `gasUsed`.
    pub gas_used: u64,
    /// Empty if it failed.
    pub logs: Vec<Log>,
    /// Return data, or revert data.
    pub output: Bytes,
}
