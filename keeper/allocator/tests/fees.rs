//! Waiting for a lower base fee, as long as it pays.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod world;

use ballast_allocator::decide;
use ballast_allocator::economics::gas_cost;
use ballast_types::*;
use world::*;

const GWEI: u128 = 1_000_000_000;
const HOURS: u64 = 6;

/// A vault of so many USDC in idle, and a base fee above the low one of the last blocks.
fn dear(usdc: u128, base_fee: u128, low: u128) -> Snapshot {
    let mut snapshot = fresh();
    snapshot.vault.idle = Assets(usdc * USDC);
    snapshot.vault.nav = snapshot.vault.idle;
    snapshot.block.next_base_fee = base_fee;
    snapshot.fees = Some(FeeHistory { blocks: 1_024, low });
    snapshot
}

fn patient() -> Policy {
    Policy { gas_patience: HOURS * 3_600, ..policy() }
}

fn gate(snapshot: &Snapshot, policy: &Policy) -> Gate {
    decide(snapshot, policy).gates.into_iter().find(|gate| gate.id == GateId::Fees).unwrap()
}

// SPEC X4, X11
#[test]
fn a_small_move_waits_for_lower_fees_and_a_large_one_does_not() {
    let small = dear(200_000, 10 * GWEI, 5 * GWEI);
    let refused: Vec<GateId> = decide(&small, &patient()).refusals().map(|gate| gate.id).collect();
    assert_eq!(refused, [GateId::Fees]);
    let detail = gate(&small, &patient()).detail;
    assert!(detail.contains("base fee 10000000000 wei, at most 5000000000 in a quarter of 1024 blocks"), "{detail}");
    // The same once the fee is as low as it was, and for who does not wait or does not know.
    assert!(gate(&dear(200_000, 5 * GWEI, 5 * GWEI), &patient()).passed);
    assert!(gate(&dear(200_000, 4 * GWEI, 5 * GWEI), &patient()).passed);
    assert!(gate(&small, &policy()).passed);
    assert!(gate(&Snapshot { fees: None, ..small }, &patient()).passed);
    assert_eq!(decide(&dear(5_000_000, 10 * GWEI, 5 * GWEI), &patient()).refusals().count(), 0);
}

// SPEC X4, X11
#[test]
fn it_waits_exactly_while_that_saves_more_than_it_costs() {
    let (mut goes, mut waits) = (5 * GWEI, 300 * GWEI);
    let passed = |base_fee: u128| gate(&dear(200_000, base_fee, 5 * GWEI), &patient()).passed;
    assert!(passed(goes) && !passed(waits));
    while waits - goes > 1 {
        let middle = goes.midpoint(waits);
        if passed(middle) { goes = middle } else { waits = middle }
    }
    let prediction = decide(&dear(200_000, goes, 5 * GWEI), &policy()).prediction.unwrap();
    let cost = |base_fee: u128| {
        let fee = base_fee + policy().priority_fee;
        gas_cost(policy().expected_gas, fee, Wad(2_500 * WAD), Wad(WAD)).unwrap().0
    };
    let saved = |base_fee: u128| cost(base_fee) - cost(5 * GWEI);
    // The gain of the horizon, as much of it as the patience is; both are rounded down.
    let missed = prediction.gain.0 * u128::from(HOURS * 3_600) / u128::from(policy().horizon);
    assert!(saved(goes) <= missed + 1 && saved(waits) > missed, "{} {missed} {}", saved(goes), saved(waits));
}

// SPEC X11
#[test]
fn a_higher_fee_never_turns_waiting_into_going() {
    for case in 0..3_000 {
        let r = &mut Random(case);
        let mut snapshot = random_snapshot(r);
        let mut policy = Policy { gas_patience: 3_600 * (1 + case % 48), ..random_policy(r, &snapshot) };
        policy.horizon = policy.horizon.max(policy.gas_patience);
        snapshot.fees = Some(FeeHistory { blocks: 100, low: u128::from(case % 50) * GWEI });
        let mut waited = false;
        for gwei in [0, 1, 10, 60, 400, 3_000] {
            snapshot.block.next_base_fee = gwei * GWEI;
            let gate = gate(&snapshot, &policy);
            if gate.detail.starts_with("not evaluated") {
                break;
            }
            assert!(!(waited && gate.passed), "case {case}: {gate:?}");
            waited |= !gate.passed;
        }
    }
}
