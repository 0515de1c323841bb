//! A list of changes as one operation of the timelock.

use crate::{
    Change, Deployed,
    batch::{Batch, Method, Transaction},
    changes::ITimelock,
};
use alloy::{
    primitives::{Address, B256, Bytes, U256, keccak256},
    sol_types::{SolCall, SolValue},
};

/// All changes or none, after the delay.
#[derive(Clone, Debug)]
pub struct Proposal {
    pub changes: Vec<Change>,
    /// Keeps an operation apart from an equal one of another day, which the timelock would take for done.
    pub salt: B256,
    /// Seconds.
    pub delay: u64,
}

impl Proposal {
    fn targets(&self) -> Vec<Address> {
        self.changes.iter().map(|change| change.target).collect()
    }

    fn values(&self) -> Vec<U256> {
        vec![U256::ZERO; self.changes.len()]
    }

    fn payloads(&self) -> Vec<Bytes> {
        self.changes.iter().map(|change| change.data.clone()).collect()
    }

    /// The timelock's identifier of the operation (`TimelockController.hashOperationBatch`): what `cancel` takes.
    #[must_use]
    pub fn id(&self) -> B256 {
        let predecessor = B256::ZERO;
        keccak256((self.targets(), self.values(), self.payloads(), predecessor, self.salt).abi_encode_params())
    }

    /// What the Safe sends now.
    #[must_use]
    pub fn schedule(&self) -> ITimelock::scheduleBatchCall {
        ITimelock::scheduleBatchCall {
            targets: self.targets(),
            values: self.values(),
            payloads: self.payloads(),
            predecessor: B256::ZERO,
            salt: self.salt,
            delay: U256::from(self.delay),
        }
    }

    /// What the Safe sends after the delay.
    #[must_use]
    pub fn execute(&self) -> ITimelock::executeBatchCall {
        ITimelock::executeBatchCall {
            targets: self.targets(),
            values: self.values(),
            payloads: self.payloads(),
            predecessor: B256::ZERO,
            salt: self.salt,
        }
    }

    /// Schedule and execute as two files for the Transaction Builder of the governance Safe.
    ///
    /// `created` is Unix time in seconds.
    #[must_use]
    pub fn batches(&self, deployed: &Deployed, created: u64) -> [Batch; 2] {
        let description = |verb: &str| {
            let list: Vec<String> =
                self.changes.iter().enumerate().map(|(i, change)| format!("{}. {}", i + 1, change.what)).collect();
            format!("{verb} operation {} of timelock {}:\n{}", self.id(), deployed.timelock, list.join("\n"))
        };
        let arguments = |with_delay: bool| {
            let mut arguments = vec![
                ("targets", "address[]", json(self.targets().iter().map(|target| format!("\"{target}\"")))),
                ("values", "uint256[]", json(self.values().iter().map(ToString::to_string))),
                ("payloads", "bytes[]", json(self.payloads().iter().map(|payload| format!("\"{payload}\"")))),
                ("predecessor", "bytes32", B256::ZERO.to_string()),
                ("salt", "bytes32", self.salt.to_string()),
            ];
            if with_delay {
                arguments.push(("delay", "uint256", self.delay.to_string()));
            }
            arguments
        };
        let batch = |name: &str, verb: &str, method: &str, payable: bool, with_delay: bool| {
            let method = Method::new(method, payable, arguments(with_delay));
            let transaction = Transaction::new(deployed.timelock, method);
            Batch::new(deployed.chain_id, created, deployed.governance, name, &description(verb), vec![transaction])
        };
        let names = [ITimelock::scheduleBatchCall::SIGNATURE, ITimelock::executeBatchCall::SIGNATURE]
            .map(|signature| signature.split('(').next().unwrap_or(signature));
        [
            batch("Ballast: schedule", "Schedules", names[0], false, true),
            batch("Ballast: execute", "Executes", names[1], true, false),
        ]
    }
}

fn json(items: impl Iterator<Item = String>) -> String {
    format!("[{}]", items.collect::<Vec<_>>().join(","))
}
