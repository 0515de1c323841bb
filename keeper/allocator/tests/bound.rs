//! What is said of a move before one is searched for is so.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod world;

use ballast_allocator::bound::{Bound, Vault, Venue, bound};
use ballast_allocator::projector::{improves, project};
use ballast_allocator::rates;
use ballast_allocator::yields::VenueModel;
use ballast_risk::{HubView, limits};
use ballast_types::*;
use world::*;

/// Worlds whose venues lend into one market each.
fn one_market_each(r: &mut Random) -> Snapshot {
    let mut snapshot = random_snapshot(r);
    for venue in &mut snapshot.venues {
        if let VenueReading::Read { markets, supply_queue, withdraw_queue, size, .. } = &mut venue.reading {
            markets.truncate(1);
            (markets[0].held, markets[0].supplied) = (*size, *size);
            markets[0].borrowed = markets[0].borrowed.min(*size);
            (*supply_queue, *withdraw_queue) = (vec![0], vec![0]);
        }
    }
    snapshot
}

/// What a venue would pay were there no limit to what goes in or out.
fn rate(venue: &VenueState, position: Assets) -> Option<Apr> {
    let VenueReading::Read { value, markets, performance_fee, .. } = &venue.reading else { return None };
    let supplied = Assets((markets[0].supplied.0 + position.0).checked_sub(value.0)?);
    let u = rates::utilisation(markets[0].borrowed, supplied);
    let gross = rates::supply_rate(&markets[0].curve, u, markets[0].fee)?;
    fixed::mul_div_floor(gross.0, WAD - performance_fee.0, WAD).map(Apr)
}

fn bound_of(snapshot: &Snapshot, view: &HubView, policy: &Policy) -> Option<Bound> {
    let venues: Vec<Venue> = view
        .venues
        .iter()
        .map(|venue| {
            let figures = venue.figures?;
            let judged = policy.venue(venue.adapter).filter(|judged| judged.risk_score < policy.max_risk_score);
            Some(Venue {
                value: figures.value,
                stored: venue.target,
                size: figures.settled,
                addable: judged.map(|judged| judged.max_position),
            })
        })
        .collect::<Option<_>>()?;
    let vault = Vault { nav: view.nav()?, limits: &view.limits, policy };
    bound(&vault, &venues, |venue, position| rate(&snapshot.venues[venue], position))
}

#[test]
fn no_move_yields_more_than_the_bound() {
    let (mut proven, mut standing, mut moves, mut unknown) = (0u32, 0u32, 0u32, 0u32);
    for case in 0..24_000 {
        let r = &mut Random(case);
        let snapshot = one_market_each(r);
        let policy =
            Policy { large_moves: r.pick(&[LargeMoves::Ask, LargeMoves::Divide]), ..random_policy(r, &snapshot) };
        let view = HubView::from_snapshot(&snapshot);
        let models: Vec<_> = snapshot.venues.iter().map(|venue| VenueModel::new(&venue.reading).unwrap()).collect();
        let found = project(&view, &models, &policy);
        let Some(bound) = bound_of(&snapshot, &view, &policy) else {
            unknown += 1;
            continue;
        };
        match found {
            Some(found) => {
                moves += 1;
                assert_eq!(bound.present, found.yield_before, "case {case}");
                assert!(found.yield_after <= bound.most, "case {case}: {found:?} passes {bound:?}\n{snapshot:#?}");
            }
            None => {
                standing += 1;
                proven += u32::from(bound.most <= bound.present);
            }
        }
    }
    assert!(moves > 4_000, "only {moves} cases led to a move: the test shows too little");
    assert!(
        proven > 2_000,
        "of {standing} cases without a move only {proven} were known beforehand, {unknown} not judged"
    );
}

#[test]
fn a_move_that_is_witnessed_is_found() {
    let (mut witnessed, mut moves) = (0u32, 0u32);
    for case in 0..12_000 {
        let r = &mut Random(case);
        let snapshot = random_snapshot(r);
        let policy = Policy { large_moves: LargeMoves::Ask, ..random_policy(r, &snapshot) };
        let view = HubView::from_snapshot(&snapshot);
        let models: Vec<_> = snapshot.venues.iter().map(|venue| VenueModel::new(&venue.reading).unwrap()).collect();
        let found = project(&view, &models, &policy).is_some();
        let seen = improves(&view, &models, &policy);
        assert!(found || !seen, "case {case}: a move was seen and none found\n{snapshot:#?}");
        witnessed += u32::from(seen);
        moves += u32::from(found);
    }
    assert!(witnessed * 2 > moves, "of {moves} moves only {witnessed} were seen: the test shows too little");
}

#[test]
fn above_its_ceiling_every_addition_is_refused() {
    let mut refused = 0u32;
    for case in 0..8_000 {
        let r = &mut Random(case);
        let snapshot = random_snapshot(r);
        let view = HubView::from_snapshot(&snapshot);
        let nav = view.nav().unwrap();
        for venue in &view.venues {
            let Some(figures) = &venue.figures else { continue };
            let ceiling = limits::ceiling(venue, figures, nav, &view.limits);
            for more in [1, 1 + r.below(nav.0 + 1)] {
                let after = Assets(ceiling.max(figures.value).0.saturating_add(more));
                let checked = limits::check_addition(venue, figures, after, nav, &view.limits);
                assert!(after > venue.cap || checked.is_err(), "case {case}: {after} is taken above {ceiling}");
                refused += 1;
            }
        }
    }
    assert!(refused > 4_000, "only {refused} additions were tried");
}
