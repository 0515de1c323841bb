//! What is simulated, and what comes of it.

use crate::{ATTESTOR_SLOT, AttestorSlot, bindings::RebalanceExecuted};
use alloy::{
    consensus::TxEip1559,
    primitives::{Address, Bytes, Log, TxKind, U256},
    sol_types::SolEvent,
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
            access_list: Default::default(),
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

/// The hub's own record of a rebalance among the logs of a transaction; other contracts' look-alikes do not count.
#[must_use]
pub fn decode_rebalance(hub: Address, logs: &[Log]) -> Option<RebalanceExecuted> {
    logs.iter()
        .filter(|log| log.address == hub)
        .find_map(|log| RebalanceExecuted::decode_log(log).ok())
        .map(|log| log.data)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use alloy::primitives::B256;

    #[test]
    fn only_the_hub_reports_a_rebalance() {
        let hub = Address::repeat_byte(1);
        let event = RebalanceExecuted {
            decisionHash: B256::repeat_byte(7),
            nonce: 3,
            navBefore: U256::from(100),
            navAfter: U256::from(99),
            idleAfter: U256::from(5),
            adapters: vec![Address::repeat_byte(2)],
            targetBps: vec![5_000],
            valuesBefore: vec![U256::ZERO],
            valuesAfter: vec![U256::from(50)],
        };
        let log = |address| Log { address, data: event.encode_log_data() };
        assert_eq!(decode_rebalance(hub, &[log(Address::repeat_byte(9))]), None);
        let found = decode_rebalance(hub, &[log(Address::repeat_byte(9)), log(hub)]).unwrap();
        assert_eq!((found.nonce, found.navAfter), (3, U256::from(99)));
    }
}
