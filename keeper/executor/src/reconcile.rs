//! What was simulated, kept until the receipt comes, and how the receipt compares with it.

use crate::prediction::executed;
use alloy::primitives::{Address, B256, Log, U256};
use ballast_chain::{Executed, Leg, Simulation};
use ballast_types::Assets;
use serde::{Deserialize, Serialize};

/// The final simulation, as it is stored with the attempt.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expected {
    pub gas_used: u64,
    pub logs: Vec<Log>,
}

impl From<&Simulation> for Expected {
    fn from(simulation: &Simulation) -> Self {
        Self { gas_used: simulation.gas_used, logs: simulation.logs.clone() }
    }
}

/// What the chain says about the transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Observed {
    pub gas_used: u64,
    pub logs: Vec<Log>,
    /// Idle and the listed adapters' values at the end of the block it landed in. `None` for calls without a decision, and where
    /// the state of that block is not to be had any more.
    pub balances: Option<Balances>,
}

/// Read from the contracts, not from the event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Balances {
    pub idle: U256,
    /// In the order of the event.
    pub values: Vec<U256>,
}

/// Receipt against simulation.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reconciliation {
    pub gas_simulated: u64,
    pub gas_used: u64,
    pub gas_equal: bool,
    /// Addresses, topics and data of all logs, in order.
    pub logs_equal: bool,
    /// Present when the transaction is a rebalance.
    pub rebalance: Option<RebalanceReconciliation>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RebalanceReconciliation {
    /// The event carries the hash of the decision record.
    pub decision_hash_equal: bool,
    pub nav_before: Assets,
    pub nav_after: Assets,
    pub nav_before_simulated: Assets,
    pub nav_after_simulated: Assets,
    pub idle_after: Assets,
    /// From the receipt.
    pub legs: Vec<Leg>,
    /// Idle and every listed position, read from the contracts at the end of the block, are what was simulated. A transaction
    /// of someone else later in the same block can make this false while everything above is equal, and so does a block whose
    /// state no endpoint has any more.
    pub balances_equal: bool,
}

impl Reconciliation {
    /// Everything is as it was simulated.
    #[must_use]
    pub fn is_equal(&self) -> bool {
        let rebalance = self.rebalance.as_ref().is_none_or(|move_| {
            move_.decision_hash_equal
                && move_.nav_before == move_.nav_before_simulated
                && move_.nav_after == move_.nav_after_simulated
                && move_.balances_equal
        });
        self.gas_equal && self.logs_equal && rebalance
    }

    /// Compares; `decision` is the hub and the record's hash when the transaction is a rebalance.
    ///
    /// # Errors
    /// If the receipt or the simulation lacks the event that a rebalance has.
    pub fn of(expected: &Expected, observed: &Observed, decision: Option<(Address, B256)>) -> Result<Self, String> {
        let rebalance = match decision {
            None => None,
            Some((hub, hash)) => {
                let simulated = executed(&expected.logs, hub).map_err(|error| format!("the simulation: {error}"))?;
                let actual = executed(&observed.logs, hub).map_err(|error| format!("the receipt: {error}"))?;
                Some(compare(&simulated, actual, observed.balances.as_ref(), hash))
            }
        };
        Ok(Self {
            gas_simulated: expected.gas_used,
            gas_used: observed.gas_used,
            gas_equal: expected.gas_used == observed.gas_used,
            logs_equal: expected.logs == observed.logs,
            rebalance,
        })
    }
}

fn compare(simulated: &Executed, actual: Executed, balances: Option<&Balances>, hash: B256) -> RebalanceReconciliation {
    RebalanceReconciliation {
        decision_hash_equal: actual.decision_hash == hash,
        nav_before: actual.nav_before,
        nav_after: actual.nav_after,
        nav_before_simulated: simulated.nav_before,
        nav_after_simulated: simulated.nav_after,
        idle_after: actual.idle_after,
        legs: actual.legs,
        balances_equal: balances.is_some_and(|read| {
            let values = simulated.legs.iter().map(|leg| U256::from(leg.after.0));
            read.idle == U256::from(simulated.idle_after.0) && values.eq(read.values.iter().copied())
        }),
    }
}
