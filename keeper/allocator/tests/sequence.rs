//! SPEC X10: the order in which a move's legs are carried out.
//!
//! The vault carries out reductions, then additions, each by ascending address of the position, and refuses targets in another order (`hub_differential` holds
//! this model of it against the compiled contract). So of all sequences for the same targets one alone can be executed, and that is what is planned. What is
//! shown here is that nothing cheaper is missed: every permutation is asked, and so is every way to leave legs out.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod world;

use ballast_allocator::projector::{evaluate, project};
use ballast_allocator::yields::VenueModel;
use ballast_risk::{Allocation, HubView, Violation, judge};
use ballast_types::*;
use world::*;

/// Every order of the legs.
fn permutations(legs: &[Allocation]) -> Vec<Vec<Allocation>> {
    let Some((first, rest)) = legs.split_first() else { return vec![Vec::new()] };
    let mut all = Vec::new();
    for order in permutations(rest) {
        for at in 0..=order.len() {
            let mut order = order.clone();
            order.insert(at, *first);
            all.push(order);
        }
    }
    all
}

/// A move of two to four legs and the world in which it was found.
fn moves(cases: u64, mut each: impl FnMut(u64, &Snapshot, &Policy, &[Allocation])) -> u32 {
    let mut found = 0;
    for case in 0..cases {
        let r = &mut Random(0x5e9 + case);
        let mut snapshot = random_snapshot_of(r, &[3, 4]);
        snapshot.hub.recent = [0; 4];
        let policy = random_policy(r, &snapshot);
        let models: Vec<_> = snapshot.venues.iter().map(|venue| VenueModel::new(&venue.reading).unwrap()).collect();
        if let Some(best) = project(&HubView::from_snapshot(&snapshot), &models, &policy)
            && (2..=4).contains(&best.targets.len())
        {
            each(case, &snapshot, &policy, &best.targets);
            found += 1;
        }
    }
    found
}

#[test]
fn of_all_sequences_the_contract_takes_the_planned_one_alone() {
    let (mut refused, mut four) = (0, 0);
    let found = moves(6_000, |case, snapshot, _, targets| {
        let view = HubView::from_snapshot(snapshot);
        for order in permutations(targets) {
            match judge(&view, &order) {
                Ok(_) => assert_eq!(order, targets, "case {case}: another order is taken"),
                Err(violation) => {
                    assert!(matches!(violation, Violation::TargetsUnsorted { .. }), "case {case}: {violation}");
                    assert_ne!(order, targets, "case {case}: the planned order is refused");
                    refused += 1;
                }
            }
        }
        four += u32::from(targets.len() == 4);
    });
    assert!(found > 500 && refused > 1_000 && four >= 5, "{found} moves, {refused} other orders, {four} of four legs");
}

/// Each leg is gas, so a plan with fewer of them that earns as much would be the better sequence.
#[test]
fn no_leg_of_a_plan_can_be_left_out_without_earning_less() {
    let mut shorter = 0;
    moves(3_000, |case, snapshot, policy, targets| {
        // A kept position counts with its value, which may need more than the reserve leaves; that is for the projector to know.
        let view = HubView::from_snapshot(snapshot);
        let models: Vec<_> = snapshot.venues.iter().map(|venue| VenueModel::new(&venue.reading).unwrap()).collect();
        let whole = evaluate(&view, &models, targets.to_vec()).unwrap().yield_after;
        for subset in 1..(1u32 << targets.len()) - 1 {
            let part: Vec<Allocation> =
                targets.iter().enumerate().filter(|(at, _)| subset >> at & 1 == 1).map(|(_, leg)| *leg).collect();
            let Ok(outcome) = judge(&view, &part) else { continue };
            let reserve = policy.reserve.max(view.limits.reserve);
            if outcome.idle_after < outcome.nav.share(Bps(reserve.0 + targets.len() as u16)) {
                continue;
            }
            let earned = evaluate(&view, &models, part).unwrap().yield_after;
            assert!(earned <= whole, "case {case}: leaving legs out earns more");
            shorter += 1;
        }
    });
    assert!(shorter > 300, "only {shorter} shorter plans were permitted");
}
