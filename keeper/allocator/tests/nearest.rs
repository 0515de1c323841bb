//! The projection onto the hub's permitted targets: feasible, nearest, idempotent.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod world;

use ballast_allocator::projector::{Move, nearest, reach};
use ballast_allocator::yields::VenueModel;
use ballast_risk::{HubView, check_targets};
use ballast_types::*;
use world::*;

type Weights = Vec<(Address, Bps)>;

fn models(snapshot: &Snapshot) -> Vec<VenueModel<'_>> {
    snapshot.venues.iter().map(|venue| VenueModel::new(&venue.reading).unwrap()).collect()
}

fn project(snapshot: &Snapshot, policy: &Policy, ideal: &[(Address, Bps)]) -> Option<Move> {
    nearest(&HubView::from_snapshot(snapshot), &models(snapshot), policy, ideal)
}

/// Weights that leave the reserve, sometimes those that the vault has, sometimes out of all bounds.
fn ideal(r: &mut Random, snapshot: &Snapshot) -> Weights {
    let mut left = 10_000u128;
    let wild = r.chance(10);
    let mut weights = Weights::new();
    for venue in &snapshot.venues {
        let present = value_of(venue) * 10_000 / snapshot.vault.nav.0.max(1);
        let drawn = match r.below(5) {
            0 => present.min(10_000),
            1 => 0,
            2 => r.between(490, 510),
            _ => r.below(5_500),
        };
        let bps = if wild { r.below(10_001) } else { drawn.min(left) };
        left = left.saturating_sub(bps);
        weights.push((venue.adapter, Bps(bps as u16)));
    }
    weights
}

/// What the vault has after the move, in whole basis points, rounded down.
fn after(snapshot: &Snapshot, found: Option<&Move>) -> Weights {
    let nav = snapshot.vault.nav.0;
    let weight = |venue: &VenueState| {
        let target = found.and_then(|found| found.targets.iter().find(|target| target.adapter == venue.adapter));
        target.map_or(Bps((value_of(venue) * 10_000 / nav) as u16), |target| target.bps)
    };
    snapshot.venues.iter().map(|venue| (venue.adapter, weight(venue))).collect()
}

fn distance(a: &Weights, b: &Weights) -> u64 {
    a.iter().zip(b).map(|(a, b)| u64::from(a.1.abs_diff(b.1)).pow(2)).sum()
}

fn worlds(cases: u64, mut each: impl FnMut(u64, &mut Random, &Snapshot, &Policy)) {
    for case in 0..cases {
        let r = &mut Random(0x0ea7 + case);
        let snapshot = random_snapshot(r);
        let policy = random_policy(r, &snapshot);
        if snapshot.vault.nav.0 > 0 {
            each(case, r, &snapshot, &policy);
        }
    }
}

#[test]
fn whatever_is_aimed_at_the_hub_takes_what_is_emitted() {
    let mut moves = 0;
    worlds(20_000, |case, r, snapshot, policy| {
        let Some(found) = project(snapshot, policy, &ideal(r, snapshot)) else { return };
        let view = HubView::from_snapshot(snapshot);
        let outcome = check_targets(&view, &found.targets).unwrap_or_else(|fault| panic!("case {case}: {fault}"));
        let reserve = policy.reserve.max(view.limits.reserve);
        assert!(outcome.idle_after.0 * 10_000 >= outcome.nav.0 * u128::from(reserve.0), "case {case}");
        for (target, leg) in found.targets.iter().zip(&outcome.legs) {
            if leg.after > leg.before {
                let judged = policy.venue(target.adapter).expect("only judged venues are added to");
                assert!(judged.risk_score < policy.max_risk_score && target.bps <= judged.max_position, "case {case}");
            }
        }
        moves += 1;
    });
    assert!(moves > 8_000, "only {moves} moves");
}

#[test]
fn projecting_what_was_projected_changes_nothing() {
    let mut moves = 0;
    worlds(20_000, |case, r, snapshot, policy| {
        let found = project(snapshot, policy, &ideal(r, snapshot));
        let weights = after(snapshot, found.as_ref());
        let again = project(snapshot, policy, &weights);
        assert_eq!(after(snapshot, again.as_ref()), weights, "case {case}");
        moves += u32::from(found.is_some());
    });
    assert!(moves > 8_000, "only {moves} moves");
}

#[test]
fn the_order_of_the_venues_does_not_matter_to_the_projection() {
    worlds(3_000, |case, r, snapshot, policy| {
        let ideal = ideal(r, snapshot);
        let found = project(snapshot, policy, &ideal);
        let mut reversed = snapshot.clone();
        reversed.venues.reverse();
        assert_eq!(project(&reversed, policy, &ideal), found, "case {case}");
    });
}

/// Every combination of keeping and of permitted targets on a grid of 250 bps, the ideal's own and those around the edges found.
fn nothing_is_nearer(case: u64, snapshot: &Snapshot, policy: &Policy, ideal: &Weights, r: &mut Random) -> bool {
    let view = HubView::from_snapshot(snapshot);
    let models = models(snapshot);
    let found = after(snapshot, project(snapshot, policy, ideal).as_ref());
    let best = distance(&found, ideal);
    let mut forced = false;
    for _ in 0..40 {
        // A random permitted allocation is the projection of a random one; so are its neighbours.
        let mut other = found.clone();
        for (_, bps) in &mut other {
            *bps = Bps(match r.below(4) {
                0 => r.below(5_001) as u16,
                1 => 0,
                2 => bps.0.saturating_sub(r.below(3) as u16),
                _ => bps.0 + r.below(3) as u16,
            });
        }
        let rival = nearest(&view, &models, policy, &other);
        let rival = after(snapshot, rival.as_ref());
        assert!(distance(&rival, ideal) >= best, "case {case}: {rival:?} is nearer to {ideal:?} than {found:?}");
        forced |= rival != found;
    }
    forced
}

#[test]
fn no_permitted_allocation_is_nearer() {
    let mut rivals = 0;
    for case in 0..1_500 {
        let r = &mut Random(0xfa1 + case);
        let mut snapshot = random_snapshot(r);
        let policy = random_policy(r, &snapshot);
        // Where additions are divided up for want of an approval, the nearest division is a good one, not always the best.
        snapshot.hub.limits.approval = Bps(10_000);
        if snapshot.vault.nav.0 == 0 {
            continue;
        }
        let ideal = ideal(r, &snapshot);
        rivals += u32::from(nothing_is_nearer(case, &snapshot, &policy, &ideal, r));
    }
    assert!(rivals > 700, "only {rivals} cases had another permitted allocation");
}

/// Of three venues of the plain world, every permitted combination on the grid of 50 bps, asked of the hub's own verdict.
#[test]
fn brute_force_over_the_hubs_verdict_finds_nothing_nearer() {
    let mut compared = 0;
    for case in 0..300u64 {
        let r = &mut Random(0xb007 + case);
        let snapshot = random_snapshot_of(r, &[2]);
        let policy = Policy { min_transfer: Assets(0), ..random_policy(r, &snapshot) };
        if snapshot.vault.nav.0 < 1_000 * USDC || snapshot.venues.iter().any(|venue| venue.quarantined) {
            continue;
        }
        let mut snapshot = snapshot;
        snapshot.hub.limits.approval = Bps(10_000);
        let ideal = ideal(r, &snapshot);
        let best = distance(&after(&snapshot, project(&snapshot, &policy, &ideal).as_ref()), &ideal);
        let view = strict(&snapshot, &policy);
        let order = {
            let mut order = [0usize, 1];
            order.sort_by_key(|at| snapshot.venues[*at].adapter);
            order
        };
        let options: Vec<Option<u16>> = std::iter::once(None).chain((0..=100).map(|step| Some(step * 50))).collect();
        for a in &options {
            for b in &options {
                let chosen = [*a, *b];
                let targets: Vec<ballast_risk::Allocation> = order
                    .iter()
                    .filter_map(|at| {
                        let adapter = snapshot.venues[*at].adapter;
                        Some(ballast_risk::Allocation { adapter, bps: Bps(chosen[*at]?), min_out: Assets::ZERO })
                    })
                    .collect();
                if !targets.is_empty() && permitted(&snapshot, &policy, &view, &targets) {
                    let found = Move { targets, yield_before: Default::default(), yield_after: Default::default() };
                    let rival = after(&snapshot, Some(&found));
                    assert!(
                        distance(&rival, &ideal) >= best,
                        "case {case}: {rival:?} against {ideal:?}\n{snapshot:#?}"
                    );
                    compared += 1;
                }
            }
        }
    }
    assert!(compared > 20_000, "only {compared} permitted combinations");
}

/// The hub's view with limits tightened by the projector's allowance for interest until inclusion, and the policy's reserve.
fn strict(snapshot: &Snapshot, policy: &Policy) -> HubView {
    let mut view = HubView::from_snapshot(snapshot);
    for venue in &mut view.venues {
        venue.cap.0 -= venue.cap.0 / 500_000 + u128::from(venue.cap.0 > 2);
        venue.flow_used.0 += 1;
        let figures = venue.figures.as_mut().unwrap();
        figures.settled.0 -= figures.settled.0 / 500_000;
        figures.size.0 -= figures.size.0 / 500_000;
        if figures.liquidity < figures.value {
            figures.liquidity.0 -= figures.liquidity.0 / 500_000;
        }
    }
    view.limits.reserve = Bps(policy.reserve.max(view.limits.reserve).0 + 2 * view.venues.len() as u16);
    view
}

/// What the policy adds to the hub's verdict.
fn permitted(snapshot: &Snapshot, policy: &Policy, view: &HubView, targets: &[ballast_risk::Allocation]) -> bool {
    let nav = snapshot.vault.nav;
    let models = models(snapshot);
    let each = targets.iter().all(|target| {
        let at = snapshot.venues.iter().position(|venue| venue.adapter == target.adapter).unwrap();
        let (goal, value) = (nav.share(target.bps), Assets(value_of(&snapshot.venues[at])));
        let judged = policy.venue(target.adapter);
        let may = goal <= value
            || judged
                .is_some_and(|judged| judged.risk_score < policy.max_risk_score && target.bps <= judged.max_position);
        let leg = goal.0.abs_diff(value.0);
        let long = leg > 0 && (target.bps == Bps(0) || leg >= nav.0 / 1_000);
        let liquid = goal >= value || leg <= view.venues[at].figures.unwrap().withdrawable().0;
        may && long && liquid && models[at].yield_at(goal).is_some()
    });
    each && check_targets(view, targets).is_ok()
}

// An addition lowers utilisation: small ones are refused where larger ones are not.
#[test]
fn a_target_beyond_those_that_leave_a_venue_too_utilised_is_reached() {
    let mut snapshot = fresh();
    let VenueReading::Read { size, checkpoint, utilisation, .. } = &mut snapshot.venues[0].reading else {
        unreachable!()
    };
    // 97 % of 1 million is lent: 95 % once 21053 USDC are added.
    (*size, *utilisation) = (Assets(1_000_000 * USDC), Wad(WAD / 100 * 97));
    *checkpoint = Some(Checkpoint { size: *size, time: NOW - 1_200, block: BLOCK - 100 });
    snapshot.hub.limits.max_venue_share = Bps(10_000);
    let found = |bps: u16| {
        let found = project(&snapshot, &policy(), &[(AAVE, Bps(bps))])?;
        found.targets.iter().find(|target| target.adapter == AAVE).map(|target| target.bps.0)
    };
    assert_eq!(found(3_000), Some(3_000));
    assert_eq!(found(2_106), Some(2_106));
    assert_eq!(found(2_105), Some(2_106));
    assert_eq!(found(1_000), None, "nothing is nearer than the least that is permitted");
}

#[test]
fn the_reach_of_a_venue_is_permitted_and_one_step_more_is_not() {
    let mut limited = 0;
    worlds(4_000, |case, _, snapshot, policy| {
        let view = HubView::from_snapshot(snapshot);
        let models = models(snapshot);
        // A quarantined venue has no figures.
        let Some(places) = reach(&view, &models, policy) else { return };
        for place in places {
            if place.most > place.weight {
                let aim = |bps: u16| nearest(&view, &models, policy, &[(place.adapter, Bps(bps))]);
                let reached = |found: Option<Move>| {
                    found.and_then(|found| found.targets.iter().find(|t| t.adapter == place.adapter).map(|t| t.bps))
                };
                if reached(aim(place.most.0)) != Some(place.most) {
                    // The other venues leave it less than it could have alone.
                    continue;
                }
                assert_ne!(reached(aim(place.most.0 + 1)), Some(Bps(place.most.0 + 1)), "case {case}");
                limited += 1;
            }
        }
    });
    assert!(limited > 500, "only {limited} venues could be added to");
}
