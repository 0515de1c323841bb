//! Proposals of a deployment that is nowhere.

use super::*;
use ballast_governance::{
    Deployed,
    safe::{Before, Books, Observed, SafeProposal, SimulationReport},
};

/// What @safe-global/protocol-kit 8.0.7 computes for the transaction of `the_hash_is_the_protocol_kits` (its `getTransactionHash`).
pub(crate) const KIT_VECTOR: B256 = b256!("b8aa69bd9638f98eb62a01600d4e60d4f76dc95b4ff0387f33337f8ab01ce719");

pub(crate) fn deployed() -> Deployed {
    Deployed {
        chain_id: 31_337,
        block: 1,
        vault: Address::repeat_byte(0xa1),
        kill_switch: Address::repeat_byte(0xa2),
        hub: Address::repeat_byte(0xa3),
        timelock: Address::repeat_byte(0xa4),
        governance: safe(),
        emergency: Address::repeat_byte(0xa6),
        adapters: vec![Address::repeat_byte(0xa7)],
    }
}

pub(crate) const fn safe() -> Address {
    Address::repeat_byte(0xa5)
}

pub(crate) fn books() -> Books {
    Books::new(deployed(), None, None).unwrap()
}

pub(crate) fn call(to: Address, call: &impl SolCall) -> Call {
    Call { to, value: U256::ZERO, data: call.abi_encode().into() }
}

pub(crate) fn observed(owners: Vec<Address>) -> Observed {
    Observed {
        block: 7,
        block_hash: B256::repeat_byte(7),
        block_time: 1_700_000_000,
        threshold: 3,
        owners,
        nonce: 4,
        before: vec![Before { target: deployed().vault, asked: "maxLossBps()".into(), value: "100".into() }],
        simulation: SimulationReport {
            success: true,
            revert: None,
            gas: 90_000,
            events: vec!["an event".into()],
            assumed: vec!["3 of the owners approved it".into()],
        },
    }
}

pub(crate) fn proposal(calls: Vec<Call>) -> SafeProposal {
    SafeProposal::derive(&books(), safe(), "a title", calls, 4, None, observed(vec![])).unwrap()
}
