//! Proposals that are derived, verified and tampered with, without a chain.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod samples;
mod tampering;

use alloy::{
    primitives::{Address, B256, Bytes, U256, address, b256},
    sol_types::SolCall,
};
use ballast_chain::bindings::{StrategyHub, Vault};
use ballast_governance::{
    ITimelock,
    safe::{Call, Effect, SafeTransaction, UNKNOWN, verify},
};
use samples::{books, call, deployed, proposal, safe};

/// The effect of one call.
fn effect(to: Address, data: impl Into<Bytes>) -> Effect {
    let call = Call { to, value: U256::ZERO, data: data.into() };
    proposal(vec![call]).effects.remove(0)
}

fn argument<'a>(effect: &'a Effect, name: &str) -> &'a str {
    &effect.arguments.iter().find(|argument| argument.name == name).unwrap().value
}

// SPEC X6: the vector is @safe-global/protocol-kit's.
#[test]
fn the_hash_is_the_protocol_kits() {
    let mut transaction = SafeTransaction::of(
        &[Call { to: Address::repeat_byte(0x11), value: U256::from(5), data: "0xdeadbeef".parse().unwrap() }],
        9,
    )
    .unwrap();
    transaction.operation = 1;
    transaction.safe_tx_gas = U256::from(1);
    transaction.base_gas = U256::from(2);
    transaction.gas_price = U256::from(3);
    transaction.gas_token = Address::repeat_byte(0x22);
    transaction.refund_receiver = Address::repeat_byte(0x33);
    let expected = samples::KIT_VECTOR;
    assert_eq!(transaction.hash(1, Address::repeat_byte(0x44)), expected);
    assert_eq!(alloy::primitives::keccak256(transaction.encoded(1, Address::repeat_byte(0x44))), expected);
}

#[test]
fn several_calls_are_one_delegate_call_of_the_contract_that_only_calls() {
    let one = call(deployed().vault, &Vault::setMaxLossCall { bps: U256::from(50) });
    let alone = proposal(vec![one.clone()]);
    assert_eq!((alone.transaction.operation, alone.transaction.to), (0, deployed().vault));
    let both = proposal(vec![one.clone(), one]);
    let multi_send = address!("9641d764fc13c8B624c04430C7356C1C7C8102e2");
    assert_eq!((both.transaction.operation, both.transaction.to), (1, multi_send));
    assert!(both.transaction.value.is_zero());
    assert!(SafeTransaction::of(&[], 0).is_none());
}

// SPEC X6
#[test]
fn effects_carry_units_and_the_names_of_the_readers_own_files() {
    let cap = effect(deployed().vault, Vault::setDepositCapCall { cap: U256::from(500_000_000_000_u64) }.abi_encode());
    assert!(cap.target.ends_with("(Vault)"), "{cap:?}");
    assert_eq!(argument(&cap, "cap"), "500000000000 base units (500000.000000 USDC)");
    let role = alloy::primitives::keccak256("KEEPER_ROLE");
    let grant = Vault::grantRoleCall { role, account: deployed().emergency };
    let grant = effect(deployed().hub, grant.abi_encode());
    assert!(argument(&grant, "role").starts_with("KEEPER_ROLE ("), "{grant:?}");
    assert!(argument(&grant, "account").ends_with("(emergency Safe)"), "{grant:?}");
    let limits = StrategyHub::setLimitsCall { limits_: Default::default() };
    let limits = effect(deployed().hub, limits.abi_encode());
    for words in ["reserveBps: 0 bps", "cooldown: 0 s", "approvalFloor: 0 whole units of the asset"] {
        assert!(argument(&limits, "limits_").contains(words), "{limits:?}");
    }
}

#[test]
fn an_operation_of_the_timelock_shows_what_it_carries() {
    let inner = Vault::setMaxLossCall { bps: U256::from(50) }.abi_encode();
    let schedule = ITimelock::scheduleBatchCall {
        targets: vec![deployed().vault, Address::repeat_byte(0x99)],
        values: vec![U256::ZERO; 2],
        payloads: vec![inner.clone().into(), inner.into()],
        predecessor: B256::ZERO,
        salt: B256::repeat_byte(1),
        delay: U256::from(259_200),
    };
    let shown = effect(deployed().timelock, schedule.abi_encode());
    assert!(shown.notes[0].contains("schedules operation 0x") && shown.notes[0].contains("3 days"), "{shown:?}");
    assert_eq!(shown.inner[0].function, "setMaxLoss(uint256)");
    // A stranger inside is as unknown as outside.
    assert_eq!(shown.unknowns().len(), 1);
    let mut crooked = schedule;
    crooked.values.pop();
    assert!(effect(deployed().timelock, crooked.abi_encode()).function.contains(UNKNOWN));
}

// SPEC X6
#[test]
fn what_nobody_can_vouch_for_is_unknown_and_not_verified() {
    let good = Vault::setMaxLossCall { bps: U256::from(50) }.abi_encode();
    let longer = [&good[..], &[0]].concat();
    let strangers = Address::repeat_byte(0x99);
    for (to, data) in [
        (strangers, Bytes::from(good.clone())),
        (strangers, Bytes::new()),
        (deployed().vault, "0xdeadbeef".parse().unwrap()),
        (deployed().vault, "0xde".parse().unwrap()),
        (deployed().vault, Bytes::copy_from_slice(&good[..20])),
        (deployed().vault, longer.into()),
        (deployed().hub, good.into()),
    ] {
        let proposal = proposal(vec![Call { to, value: U256::ZERO, data }]);
        assert_eq!(proposal.effects[0].unknowns().len(), 1, "{:?}", proposal.effects);
        assert!(verify(&proposal, &books(), false).unwrap_err().to_string().contains(UNKNOWN));
        assert_eq!(verify(&proposal, &books(), true).unwrap().unknown.len(), 1);
    }
}

#[test]
fn a_module_and_a_bare_approval_come_with_a_warning() {
    alloy::sol! { function enableModule(address module) external; }
    let module = effect(safe(), enableModuleCall { module: Address::repeat_byte(1) }.abi_encode());
    assert!(module.notes[0].contains("without its owners"), "{module:?}");
    let approval = StrategyHub::approveCall { digest: B256::repeat_byte(1) };
    let approval = effect(deployed().hub, approval.abi_encode());
    assert!(approval.notes[0].contains("a digest says nothing by itself"), "{approval:?}");
}
