//! No value of a proposal can be changed without `verify` saying so.

use super::*;
use alloy::signers::{SignerSync, local::PrivateKeySigner};
use ballast_governance::safe::{
    SafeProposal,
    signatures::{self, OwnerSignature},
};
use proptest::prelude::*;
use serde_json::{Value, json};
use std::sync::LazyLock;

/// A batch of an operation and a call, signed by two owners.
static SIGNED: LazyLock<SafeProposal> = LazyLock::new(|| {
    let keys: Vec<PrivateKeySigner> =
        (1..=5).map(|number| PrivateKeySigner::from_bytes(&B256::repeat_byte(number)).unwrap()).collect();
    let owners: Vec<Address> = keys.iter().map(PrivateKeySigner::address).collect();
    let schedule = ITimelock::scheduleBatchCall {
        targets: vec![deployed().vault],
        values: vec![U256::ZERO],
        payloads: vec![Vault::setMaxLossCall { bps: U256::from(50) }.abi_encode().into()],
        predecessor: B256::ZERO,
        salt: B256::repeat_byte(1),
        delay: U256::from(172_800),
    };
    let calls = vec![
        call(deployed().timelock, &schedule),
        call(deployed().hub, &StrategyHub::approveCall { digest: B256::repeat_byte(2) }),
    ];
    let observed = samples::observed(owners.clone());
    let mut proposal = SafeProposal::derive(&books(), safe(), "a title", calls, 4, None, observed).unwrap();
    for key in &keys[..2] {
        let hash = proposal.safe_tx_hash;
        let signature = key.sign_hash_sync(&hash).unwrap().as_bytes();
        let signature = OwnerSignature::by_key(key.address(), &signature, hash).unwrap();
        signatures::add(&mut proposal.signatures, signature, &owners, hash).unwrap();
    }
    proposal
});

/// Pointers to everything in it that is not a list or an object.
fn leaves(at: String, value: &Value, into: &mut Vec<String>) {
    match value {
        Value::Object(entries) => entries.iter().for_each(|(key, value)| leaves(format!("{at}/{key}"), value, into)),
        Value::Array(items) => items.iter().enumerate().for_each(|(i, value)| leaves(format!("{at}/{i}"), value, into)),
        _ => into.push(at),
    }
}

/// Another value of the same kind, by one character or digit.
fn changed(value: &Value, place: usize, by: u8) -> Value {
    match value {
        Value::Bool(yes) => json!(!yes),
        Value::Number(number) => json!(number.as_u64().unwrap() ^ (1 << (place % 8))),
        Value::String(text) if text.is_empty() => json!("x"),
        Value::String(text) => {
            let mut characters: Vec<char> = text.chars().collect();
            let place = place % characters.len();
            let digits = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
            let old = characters[place];
            let other = digits[usize::from(by) % 16];
            characters[place] = if old.eq_ignore_ascii_case(&other) { 'x' } else { other };
            json!(characters.into_iter().collect::<String>())
        }
        other => other.clone(),
    }
}

/// Whether `verify` takes the file: it reads as a proposal, and is what it says.
fn verifies(value: &Value) -> bool {
    serde_json::from_value::<SafeProposal>(value.clone())
        .is_ok_and(|proposal| verify(&proposal, &books(), false).is_ok())
}

#[test]
fn what_was_not_touched_verifies() {
    let verified = verify(&SIGNED, &books(), false).unwrap();
    assert_eq!((verified.safe_tx_hash, verified.signed.len()), (SIGNED.safe_tx_hash, 2));
    assert!(verifies(&json!(*SIGNED)));
}

// SPEC X6
#[test]
fn every_single_value_of_the_file_is_covered() {
    let value = json!(*SIGNED);
    let mut pointers = Vec::new();
    leaves(String::new(), &value, &mut pointers);
    assert!(pointers.len() > 60, "{}", pointers.len());
    for pointer in pointers {
        let mut edited = value.clone();
        let leaf = edited.pointer_mut(&pointer).unwrap();
        *leaf = changed(leaf, 5, 3);
        assert!(!verifies(&edited), "{pointer} can be changed to {}", edited.pointer(&pointer).unwrap());
        let (parent, key) = pointer.rsplit_once('/').unwrap();
        let mut edited = value.clone();
        if let Some(entries) = edited.pointer_mut(parent).unwrap().as_object_mut() {
            entries.remove(key).unwrap();
            entries.insert(format!("{key}x"), json!("x"));
            assert!(!verifies(&edited), "{pointer} can be renamed");
        }
    }
}

proptest! {
    // SPEC X6
    #[test]
    fn no_character_can_be_changed_unnoticed(which in any::<prop::sample::Index>(), place in any::<usize>(), by in any::<u8>()) {
        let value = json!(*SIGNED);
        let mut pointers = Vec::new();
        leaves(String::new(), &value, &mut pointers);
        let mut edited = value.clone();
        let pointer = which.get(&pointers);
        let leaf = edited.pointer_mut(pointer).unwrap();
        *leaf = changed(leaf, place, by);
        prop_assume!(edited != value);
        prop_assert!(!verifies(&edited), "{pointer}: {}", edited.pointer(pointer).unwrap());
    }

    // SPEC X6: who changes everything consistently has made another proposal, and its hash says so.
    #[test]
    fn another_call_is_another_hash(bps in 0_u64..10_000, nonce in 0_u64..100) {
        let (old, calls) = (&*SIGNED, vec![call(deployed().vault, &Vault::setMaxLossCall { bps: U256::from(bps) })]);
        let new = SafeProposal::derive(&books(), safe(), "a title", calls, nonce, None, old.observed.clone()).unwrap();
        prop_assert_ne!(new.safe_tx_hash, old.safe_tx_hash);
        prop_assert_ne!(new.digest, old.digest);
        let with_old_signatures = SafeProposal { signatures: old.signatures.clone(), ..new };
        let refused = verify(&with_old_signatures, &books(), false).unwrap_err().to_string();
        prop_assert!(refused.contains("another key signed, or another hash"), "{refused}");
    }
}

#[test]
fn the_first_difference_is_named_with_both_sides() {
    let mut edited = SIGNED.clone();
    edited.effects[0].inner[0].arguments[0].value = "5 bps".into();
    let told = verify(&edited, &books(), false).unwrap_err().to_string();
    for words in
        ["effects[0].inner[0].arguments[0].value", "\"5 bps\" in the proposal", "\"50 bps\" follows", "do not sign"]
    {
        assert!(told.contains(words), "{words}: {told}");
    }
    let mut edited = SIGNED.clone();
    edited.signatures.reverse();
    assert!(verify(&edited, &books(), false).unwrap_err().to_string().contains("order"));
}

#[test]
fn files_of_another_deployment_give_other_names() {
    let mut other = deployed();
    std::mem::swap(&mut other.vault, &mut other.hub);
    let other = ballast_governance::safe::Books::new(other, None, None).unwrap();
    let told = verify(&SIGNED, &other, true).unwrap_err().to_string();
    assert!(told.contains("effects[0]") && told.contains("do not sign"), "{told}");
}
