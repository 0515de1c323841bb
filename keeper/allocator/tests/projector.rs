//! What the projector emits, the hub takes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod world;

use ballast_allocator::projector::{Move, present_yield, project};
use ballast_allocator::yields::{VenueModel, YearlyYield};
use ballast_risk::{Allocation, HubView, check_targets};
use ballast_types::*;
use world::*;

fn move_for(snapshot: &Snapshot, policy: &Policy) -> Option<Move> {
    let models: Vec<_> = snapshot.venues.iter().map(|venue| VenueModel::new(&venue.reading).unwrap()).collect();
    project(&HubView::from_snapshot(snapshot), &models, policy)
}

/// Everything that must hold of a move, found without the projector's own means.
fn check_move(snapshot: &Snapshot, policy: &Policy, found: &Move, case: u64) {
    let view = HubView::from_snapshot(snapshot);
    let outcome = check_targets(&view, &found.targets)
        .unwrap_or_else(|violation| panic!("case {case}: {violation}\n{found:?}\n{snapshot:#?}"));

    let reserve = policy.reserve.max(view.limits.reserve);
    let floor = outcome.nav.0 * u128::from(reserve.0);
    assert!(outcome.idle_after.0 * 10_000 >= floor, "case {case}: below the policy's reserve");
    assert!(found.yield_after > found.yield_before, "case {case}: no improvement");

    for (target, leg) in found.targets.iter().zip(&outcome.legs) {
        assert_eq!(leg.after, outcome.nav.share(target.bps), "case {case}: the leg ends at its target");
        if leg.after > leg.before {
            let judged = policy.venue(target.adapter).expect("only judged venues are added to");
            assert!(judged.risk_score < policy.max_risk_score, "case {case}: too risky");
            assert!(target.bps <= judged.max_position, "case {case}: above the policy's own limit");
        }
        let leg_size = leg.after.0.abs_diff(leg.before.0);
        assert!(target.min_out.0 <= leg_size, "case {case}: min_out is above the leg");
    }
    assert!(outcome.turnover.0 > 0, "case {case}: nothing moves");
}

// SPEC C5: each of the hub's bounds, as a property of the planner.
#[test]
fn the_hub_accepts_whatever_is_emitted() {
    let (mut moves, mut standing) = (0u32, 0u32);
    for case in 0..100_000 {
        let r = &mut Random(case);
        let snapshot = random_snapshot(r);
        let policy = random_policy(r, &snapshot);
        match move_for(&snapshot, &policy) {
            Some(found) => {
                check_move(&snapshot, &policy, &found, case);
                moves += 1;
            }
            None => standing += 1,
        }
    }
    assert!(moves > 20_000, "only {moves} cases led to a move: the test shows too little");
    assert!(standing > 10_000, "only {standing} cases led to none");
}

/// The same world after positions have earned `1/part` of themselves.
fn later(snapshot: &Snapshot, part: u128) -> Snapshot {
    let mut later = snapshot.clone();
    for venue in &mut later.venues {
        if let VenueReading::Read { value, liquidity, size, .. } = &mut venue.reading {
            for amount in [&mut *value, liquidity, size] {
                amount.0 += amount.0 / part;
            }
        }
    }
    later.vault.nav = Assets(later.vault.idle.0 + later.venues.iter().map(value_of).sum::<u128>());
    later
}

#[test]
fn interest_accrued_until_inclusion_does_not_turn_a_move_into_a_refusal() {
    let mut moves = 0;
    for case in 0..20_000 {
        let r = &mut Random(case);
        let snapshot = random_snapshot(r);
        let policy = Policy { slippage: Bps(50), ..random_policy(r, &snapshot) };
        if snapshot.vault.nav.0 < 100 * USDC {
            continue;
        }
        if let Some(found) = move_for(&snapshot, &policy) {
            // One ten-millionth: a minute at 5 % a year.
            let view = HubView::from_snapshot(&later(&snapshot, 10_000_000));
            if let Err(violation) = check_targets(&view, &found.targets) {
                panic!("case {case}: {violation}\n{found:?}\n{snapshot:#?}");
            }
            moves += 1;
        }
    }
    assert!(moves > 4_000, "only {moves} moves were tried");
}

#[test]
fn the_order_of_the_venues_does_not_matter() {
    for case in 0..5_000 {
        let r = &mut Random(case);
        let mut snapshot = random_snapshot(r);
        let policy = random_policy(r, &snapshot);
        let found = move_for(&snapshot, &policy);
        snapshot.venues.reverse();
        assert_eq!(move_for(&snapshot, &policy), found, "case {case}");
    }
}

/// The best yield over every combination of "keep" and the targets 0, 5 %, 10 % … of each venue that the hub takes, with the
/// allowance for interest until inclusion that the projector makes: limits a little tighter.
fn brute_force(snapshot: &Snapshot, policy: &Policy) -> Option<YearlyYield> {
    let models: Vec<_> = snapshot.venues.iter().map(|venue| VenueModel::new(&venue.reading).unwrap()).collect();
    let mut view = HubView::from_snapshot(snapshot);
    let nav = view.nav().unwrap();
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
    // A kept position is counted in whole basis points.
    view.limits.reserve = Bps(policy.reserve.max(view.limits.reserve).0 + 2 * view.venues.len() as u16);

    let options: Vec<Option<u16>> = std::iter::once(None).chain((0..=10).map(|i| Some(i * 500))).collect();
    let mut order: Vec<usize> = (0..models.len()).collect();
    order.sort_by_key(|index| view.venues[*index].adapter);
    let mut best = None;
    for combination in 0..options.len().pow(models.len() as u32) {
        let mut rest = combination;
        let (mut targets, mut total) = (Vec::new(), YearlyYield::ZERO);
        let mut permitted = true;
        for &index in &order {
            let option = options[rest % options.len()];
            rest /= options.len();
            let (venue, model) = (&view.venues[index], &models[index]);
            let Some(bps) = option else {
                total = total.plus(model.yield_at(model.value()).unwrap());
                continue;
            };
            let goal = nav.share(Bps(bps));
            let adds = goal > model.value();
            let judged = policy.venue(venue.adapter);
            permitted &= !adds
                || judged
                    .is_some_and(|judged| judged.risk_score < policy.max_risk_score && judged.max_position >= Bps(bps));
            // The projector leaves out legs below a tenth of a percent or the least transfer, and partial exits.
            let leg = goal.0.abs_diff(model.value().0);
            permitted &= leg > 0 && (bps == 0 || leg >= policy.min_transfer.0.max(nav.0 / 1_000));
            permitted &= adds || leg <= venue.figures.unwrap().withdrawable().0;
            targets.push(Allocation { adapter: venue.adapter, bps: Bps(bps), min_out: Assets::ZERO });
            match model.yield_at(goal) {
                Some(earns) => total = total.plus(earns),
                None => permitted = false,
            }
        }
        if permitted && check_targets(&view, &targets).is_ok() {
            best = best.max(Some(total));
        }
    }
    best
}

// Concave or not: the curves in these worlds have kinks, and targets come in islands.
#[test]
fn no_allocation_on_the_grid_beats_the_one_that_is_found() {
    let (mut compared, mut strictly) = (0, 0);
    for case in 0..6_000 {
        let r = &mut Random(case);
        let mut snapshot = random_snapshot(r);
        let policy = random_policy(r, &snapshot);
        // Of what needs no approval the projector finds a good division, not always the best one.
        snapshot.hub.limits.approval = Bps(10_000);
        snapshot.venues.iter_mut().for_each(|venue| venue.quarantined = false);
        let most = if case % 10 == 0 { 3 } else { 2 };
        if snapshot.vault.nav.0 < USDC || snapshot.venues.is_empty() || snapshot.venues.len() > most {
            continue;
        }
        let models: Vec<_> = snapshot.venues.iter().map(|venue| VenueModel::new(&venue.reading).unwrap()).collect();
        let now = present_yield(&models).unwrap();
        let Some(forced) = brute_force(&snapshot, &policy) else { continue };
        let found = move_for(&snapshot, &policy).map_or(now, |found| found.yield_after);
        assert!(found >= forced, "case {case}: found {found:?}, brute force {forced:?}\n{snapshot:#?}\n{policy:#?}");
        compared += 1;
        strictly += u32::from(forced > now);
    }
    assert!(compared > 500 && strictly > 200, "{compared} compared, {strictly} with an improvement");
}

fn weights(snapshot: &Snapshot, policy: &Policy) -> Vec<(Address, u16)> {
    let found = move_for(snapshot, policy).expect("there is money to place");
    found.targets.iter().map(|target| (target.adapter, target.bps.0)).collect()
}

/// Two equal venues but for a little more in the first, with room for large shares of them.
fn twins(idle: u128) -> Snapshot {
    let lending = |rate: u128| Lending {
        supplied: 10_000_000 * USDC,
        borrowed: 8_000_000 * USDC,
        curve: RateCurve::Kinked { base: Apr(0), slope1: Apr(rate), slope2: Apr(WAD), optimal: Wad(WAD / 10 * 9) },
        value: 0,
    };
    let venues = vec![
        venue("better", AAVE, VenueKind::AaveV3, lending(WAD * 50 / 1_000)),
        venue("worse", MORPHO, VenueKind::AaveV3, lending(WAD * 45 / 1_000)),
    ];
    let mut snapshot = snapshot(idle, venues);
    snapshot.hub.limits.max_venue_share = Bps(10_000);
    snapshot
}

#[test]
fn small_money_fills_the_better_venue_and_large_money_is_spread_by_its_own_dilution() {
    let small = weights(&twins(1_000 * USDC), &policy());
    assert_eq!(small, [(AAVE, 5_000), (MORPHO, 4_500)]);

    let large = weights(&twins(20_000_000 * USDC), &policy());
    let total: u16 = large.iter().map(|(_, bps)| bps).sum();
    // At this size the better venue's marginal yield falls to the worse one's well before half of NAV is in it.
    assert!(large[0].1 < 5_000 && large[0].1 > large[1].1, "{large:?}");
    assert!(total <= 9_500);
}

#[test]
fn marginal_yields_are_equal_where_no_limit_binds() {
    let snapshot = twins(20_000_000 * USDC);
    let found = weights(&snapshot, &policy());
    let nav = snapshot.vault.nav;
    let yield_of = |index: usize, bps: u16| {
        let model = VenueModel::new(&snapshot.venues[index].reading).unwrap();
        model.yield_at(nav.share(Bps(bps))).unwrap()
    };
    let now = yield_of(0, found[0].1).plus(yield_of(1, found[1].1));
    assert!(yield_of(0, found[0].1 + 1).plus(yield_of(1, found[1].1 - 1)) <= now);
    assert!(yield_of(0, found[0].1 - 1).plus(yield_of(1, found[1].1 + 1)) <= now);
}

/// Position, stored target and stated weights after a move, as the next snapshot would show them.
fn placed(weight: u128, target: u16) -> Snapshot {
    let mut snapshot = fresh();
    let nav = 100_000 * USDC;
    for venue in &mut snapshot.venues {
        venue.target = Bps(target);
        let VenueReading::Read { value, liquidity, .. } = &mut venue.reading else { unreachable!() };
        *value = Assets(nav * weight / 10_000);
        *liquidity = *value;
    }
    snapshot.vault.idle = Assets(nav - 2 * (nav * weight / 10_000));
    snapshot.vault.nav = Assets(nav);
    snapshot
}

// SPEC C5
#[test]
fn a_venue_is_left_alone_when_its_best_target_is_less_than_a_step_away() {
    // Aave pays more: with both at 45 %, half of NAV in it and 40 % in the other is exactly one step for each.
    let snapshot = placed(4_500, 4_500);
    assert_eq!(weights(&snapshot, &policy()), [(AAVE, 5_000), (MORPHO, 4_000)]);
    let mut one_bp_short = snapshot.clone();
    one_bp_short.hub.limits.min_step = Bps(501);
    assert_eq!(move_for(&one_bp_short, &policy()), None);
}

#[test]
fn a_venue_that_keeps_its_drift_counts_with_its_value_and_not_with_its_target() {
    // Morpho has drifted from 30 to 47 % and may not be added to nor usefully left; Aave gets what is left to the basis point.
    let mut snapshot = placed(0, 0);
    let VenueReading::Read { value, liquidity, .. } = &mut snapshot.venues[1].reading else { unreachable!() };
    (*value, *liquidity) = (Assets(47_000 * USDC), Assets(0));
    snapshot.venues[1].target = Bps(3_000);
    snapshot.vault.idle = Assets(53_000 * USDC);
    // 95 % less 47 %, and one basis point for its interest until inclusion.
    assert_eq!(weights(&snapshot, &policy()), [(AAVE, 4_799)]);
}

// SPEC C5
#[test]
fn a_reserve_breached_by_withdrawals_is_whole_again_after_any_move() {
    let mut moves = 0;
    for case in 0..20_000 {
        let r = &mut Random(case);
        let snapshot = random_snapshot(r);
        let policy = random_policy(r, &snapshot);
        let (idle, nav) = (snapshot.vault.idle, snapshot.vault.nav);
        if idle.0 * 10_000 >= nav.0 * u128::from(snapshot.hub.limits.reserve.0) {
            continue;
        }
        if let Some(found) = move_for(&snapshot, &policy) {
            check_move(&snapshot, &policy, &found, case);
            moves += 1;
        }
    }
    assert!(moves > 100, "only {moves} moves were tried");
}

fn added(snapshot: &Snapshot, found: &Move) -> u128 {
    check_targets(&HubView::from_snapshot(snapshot), &found.targets).unwrap().added.0
}

// SPEC C13
#[test]
fn a_large_move_is_scaled_down_to_what_needs_no_approval() {
    let mut snapshot = fresh();
    snapshot.hub.limits.approval_floor = Assets::ZERO;
    let free = move_for(&snapshot, &policy()).unwrap();
    assert_eq!(added(&snapshot, &free), 95_000 * USDC);
    for (approval, least) in [(9_500, 94_000), (4_000, 39_000), (1_250, 12_000), (600, 5_000)] {
        snapshot.hub.limits.approval = Bps(approval);
        let scaled = move_for(&snapshot, &policy()).unwrap();
        let (most, total) = (1_000 * USDC * u128::from(approval) / 100, added(&snapshot, &scaled));
        assert!(total <= most && total > least * USDC, "{approval} bps: {total} of {most} is added");
        assert!(scaled.yield_after <= free.yield_after && scaled.yield_after > scaled.yield_before);
    }
    // Below the least position nothing can be added.
    snapshot.hub.limits.approval = Bps(499);
    assert_eq!(move_for(&snapshot, &policy()), None);
    snapshot.hub.limits.approval_floor = Assets(95_001 * USDC);
    assert_eq!(move_for(&snapshot, &policy()), Some(free), "the larger of the two counts");
}

// SPEC C13
#[test]
fn what_needs_no_approval_goes_to_one_venue_where_a_part_is_too_small_for_two() {
    let mut snapshot = fresh();
    snapshot.hub.limits.approval_floor = Assets::ZERO;
    snapshot.hub.limits.approval = Bps(800);
    let found = weights(&snapshot, &policy());
    // A part of 4 % each would be below the least position; Aave pays more.
    assert!(matches!(found.as_slice(), [(AAVE, 790..=800)]), "{found:?}");
}

// SPEC C5
#[test]
fn a_venue_gets_no_more_than_its_bucket_has_room_for() {
    let mut snapshot = fresh();
    let free = weights(&snapshot, &policy());
    assert_eq!(free, [(AAVE, 5_000), (MORPHO, 4_500)]);
    snapshot.hub.limits.flow = Bps(4_000);
    assert!(matches!(weights(&snapshot, &policy()).as_slice(), [(AAVE, 3_999), (MORPHO, 3_999)]));
    snapshot.venues[0].flow_used = Bps(3_000);
    let found = weights(&snapshot, &policy());
    assert!(matches!(found.as_slice(), [(AAVE, 999), (MORPHO, 3_999)]), "{found:?}");
    snapshot.venues[0].flow_used = Bps(4_000);
    assert_eq!(weights(&snapshot, &policy()), [(MORPHO, 3_999)]);
}

#[test]
fn a_paused_vault_or_a_quarantined_position_stops_all_additions() {
    let mut paused = fresh();
    paused.vault.deposits_paused = true;
    assert_eq!(move_for(&paused, &policy()), None);
    let mut quarantined = fresh();
    quarantined.venues[1].quarantined = true;
    assert_eq!(move_for(&quarantined, &policy()), None);
}

#[test]
fn an_empty_vault_has_no_move() {
    let mut snapshot = fresh();
    snapshot.vault.idle = Assets::ZERO;
    snapshot.vault.nav = Assets::ZERO;
    assert_eq!(move_for(&snapshot, &policy()), None);
}

#[test]
fn a_market_is_filled_past_its_kink_when_that_pays_more_than_stopping_before_it() {
    // The yield rises, falls from 15 % of NAV to the kink at 22 %, and rises again: steps that must each improve end at 15 %.
    let steep = Lending {
        supplied: 10_000_000 * USDC,
        borrowed: 9_400_000 * USDC,
        curve: RateCurve::Kinked {
            base: Apr(WAD / 10),
            slope1: Apr(0),
            slope2: Apr(WAD * 6 / 10),
            optimal: Wad(WAD / 10 * 9),
        },
        value: 0,
    };
    let mut snapshot = snapshot(2_000_000 * USDC, vec![venue("steep", AAVE, VenueKind::AaveV3, steep)]);
    snapshot.hub.limits.max_venue_share = Bps(10_000);
    let model = VenueModel::new(&snapshot.venues[0].reading).unwrap();
    let at = |bps| model.yield_at(snapshot.vault.nav.share(Bps(bps))).unwrap();
    assert!(at(1_500) > at(1_000) && at(1_500) > at(2_200), "the valley is there");
    assert_eq!(weights(&snapshot, &policy()), [(AAVE, 5_000)]);
    assert_eq!((500..=5_000).max_by_key(|bps| at(*bps)), Some(5_000));
}

// SPEC X12
#[test]
fn no_leg_is_smaller_than_the_least_transfer_but_one_that_empties_a_position() {
    let (mut snapshot, limit) = (fresh(), Assets(300 * USDC));
    let least = |limit: u128| Policy { min_transfer: Assets(limit), ..policy() };
    snapshot.vault.idle = Assets(1_000 * USDC);
    snapshot.vault.nav = snapshot.vault.idle;
    let legs = |policy: &Policy| -> Vec<u128> {
        let found = move_for(&snapshot, policy);
        found.iter().flat_map(|found| &found.targets).map(|target| snapshot.vault.nav.share(target.bps).0).collect()
    };
    assert_eq!(legs(&least(0)), [500 * USDC, 450 * USDC]);
    assert_eq!(legs(&least(475 * USDC)), [475 * USDC, 475 * USDC], "as much as the least is enough");
    assert_eq!(legs(&least(475 * USDC + 1)), [500 * USDC]);
    assert_eq!(legs(&least(500 * USDC + 1)), []);
    // A position is left whatever its size.
    let mut moves = 0;
    for case in 0..5_000 {
        let r = &mut Random(case);
        let snapshot = random_snapshot(r);
        let policy = Policy { min_transfer: limit, ..random_policy(r, &snapshot) };
        let Some(found) = move_for(&snapshot, &policy) else { continue };
        let outcome = check_targets(&HubView::from_snapshot(&snapshot), &found.targets).unwrap();
        for (leg, target) in outcome.legs.iter().zip(&found.targets) {
            assert!(target.bps.0 == 0 || leg.after.0.abs_diff(leg.before.0) >= limit.0, "case {case}: {leg:?}");
            moves += 1;
        }
    }
    assert!(moves > 500, "only {moves} legs");
}
