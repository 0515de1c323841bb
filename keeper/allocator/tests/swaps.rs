//! What it costs to reach a venue weighs in the search and at the gate, and where nothing is swapped nothing changes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod world;

use alloy_primitives::Address;
use ballast_allocator::swaps::{Leg, Swaps};
use ballast_allocator::{decide, decide_swapping, economics};
use ballast_types::*;
use world::*;

/// Takes so many millionths of what goes to one venue or comes from it.
#[derive(Debug)]
struct Linear {
    adapter: Address,
    ppm: u128,
}

impl Swaps for Linear {
    fn needed(&self, adapter: Address) -> bool {
        adapter == self.adapter
    }

    fn cost(&self, legs: &[Leg]) -> Option<Assets> {
        let of = |leg: &Leg| {
            if leg.adapter == self.adapter { leg.from.0.abs_diff(leg.to.0) * self.ppm / 1_000_000 } else { 0 }
        };
        Some(Assets(legs.iter().map(of).sum()))
    }
}

/// Reaches nothing.
#[derive(Debug)]
struct Closed(Address);

impl Swaps for Closed {
    fn needed(&self, adapter: Address) -> bool {
        adapter == self.0
    }

    fn cost(&self, _: &[Leg]) -> Option<Assets> {
        None
    }
}

/// Random worlds with one venue that is reached by a swap.
fn worlds() -> impl Iterator<Item = (u64, Snapshot, Policy, Address)> {
    (0..4_000).filter_map(|case| {
        let r = &mut Random(case);
        let snapshot = random_snapshot(r);
        let mut policy = random_policy(r, &snapshot);
        policy.large_moves = LargeMoves::Ask;
        let adapter = snapshot.venues.first()?.adapter;
        Some((case, snapshot, policy, adapter))
    })
}

fn legs(decision: &Decision) -> Vec<Leg> {
    decision.targets().iter().map(|target| Leg { adapter: target.adapter, from: target.from, to: target.to }).collect()
}

#[test]
fn a_swap_that_costs_nothing_changes_no_target() {
    let mut moves = 0;
    for (case, snapshot, policy, adapter) in worlds() {
        let (plain, swapped) = (
            decide(&snapshot, &policy),
            decide_swapping(&snapshot, &policy, &Outlook::default(), &Linear { adapter, ppm: 0 }),
        );
        assert_eq!(plain.targets(), swapped.targets(), "case {case}");
        assert_eq!(plain.prediction, swapped.prediction, "case {case}");
        moves += u32::from(!plain.targets().is_empty());
    }
    assert!(moves > 200, "only {moves} cases led to a move: the test shows too little");
}

// SPEC X2
#[test]
fn what_is_decided_pays_for_its_swaps_as_well() {
    let (mut moves, mut swapped) = (0, 0);
    for (case, snapshot, policy, adapter) in worlds() {
        for ppm in [100, 800, 10_000] {
            let swaps = Linear { adapter, ppm };
            let decision = decide_swapping(&snapshot, &policy, &Outlook::default(), &swaps);
            if decision.targets().is_empty() {
                continue;
            }
            moves += 1;
            let cost = swaps.cost(&legs(&decision)).unwrap();
            swapped += u32::from(cost > Assets::ZERO);
            let found = decision.prediction.as_ref().unwrap();
            let required = economics::required(found.nav, policy.min_gain, policy.horizon).unwrap();
            assert!(found.gain.0 > found.gas_cost.0 + required.0 + cost.0, "case {case}: {found:?} {cost}");
        }
    }
    assert!(moves > 500 && swapped > 100, "{moves} moves, {swapped} with a swap: the test shows too little");
}

#[test]
fn the_search_weighs_the_swap_and_finds_no_less_than_it_would_without_knowing() {
    let mut better = 0;
    for (case, snapshot, policy, adapter) in worlds() {
        let swaps = Linear { adapter, ppm: 2_000 };
        let blind = decide(&snapshot, &policy);
        let seeing = decide_swapping(&snapshot, &policy, &Outlook::default(), &swaps);
        let net = |decision: &Decision| {
            let gain = decision.prediction.as_ref().map_or(0, |found| found.gain.0);
            i128::try_from(gain).unwrap() - i128::try_from(swaps.cost(&legs(decision)).unwrap().0).unwrap()
        };
        if blind.targets().is_empty() {
            continue;
        }
        let nav = i128::try_from(snapshot.vault.nav.0).unwrap();
        // A decision that holds for want of enough gain is worth nothing, and so is the other if it would not pay either.
        let (blind, seeing) = (net(&blind), if seeing.targets().is_empty() { 0 } else { net(&seeing) });
        let threshold = economics::required(snapshot.vault.nav, policy.min_gain, policy.horizon).unwrap().0;
        if seeing == 0 {
            let gas = 10_000 * i128::try_from(USDC).unwrap();
            assert!(blind <= i128::try_from(threshold).unwrap() + gas, "case {case}: {blind} is not taken");
            continue;
        }
        // The climb ends at a top of whole basis points, which need not be the same one.
        assert!(seeing + nav / 1_000_000 >= blind, "case {case}: {seeing} {blind}");
        better += u32::from(seeing > blind + nav / 100_000);
    }
    assert!(better > 20, "only {better} cases differ: the test shows too little");
}

#[test]
fn what_no_swap_reaches_is_left_alone_and_the_rest_is_not() {
    let mut others = 0;
    for (case, snapshot, policy, adapter) in worlds() {
        let decision = decide_swapping(&snapshot, &policy, &Outlook::default(), &Closed(adapter));
        assert!(decision.targets().iter().all(|target| target.adapter != adapter), "case {case}");
        others += u32::from(!decision.targets().is_empty());
    }
    assert!(others > 50, "only {others} moves of other venues");
}

#[test]
fn the_gate_says_what_the_swaps_cost_and_only_then() {
    let (snapshot, policy) = (fresh(), policy());
    let text = |decision: &Decision| {
        decision.gates.iter().find(|gate| gate.id == GateId::Gain).map(|gate| gate.detail.clone()).unwrap()
    };
    assert!(!text(&decide(&snapshot, &policy)).contains("swaps"));
    let adapter = snapshot.venues[0].adapter;
    let swapped = decide_swapping(&snapshot, &policy, &Outlook::default(), &Linear { adapter, ppm: 1 });
    assert!(text(&swapped).contains(", swaps "), "{}", text(&swapped));
}
