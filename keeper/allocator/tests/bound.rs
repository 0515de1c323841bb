//! What is said of a move before one is searched for is so.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod world;

use ballast_allocator::bound::{Bound, Vault, Venue, bound};
use ballast_allocator::projector::{improves, project};
use ballast_allocator::rates;
use ballast_allocator::yields::VenueModel;
use ballast_risk::{HubView, Violation, limits};
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
                deposited: figures.size,
                lent: if venue.direct { Assets::ZERO } else { figures.lent() },
                addable: judged.filter(|_| venue.can_add).map(|judged| judged.max_position),
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
fn the_additions_that_are_taken_are_those_of_the_range() {
    let (mut taken, mut refused, mut too_utilised) = (0u32, 0u32, 0u32);
    for case in 0..24_000 {
        let r = &mut Random(case);
        let mut snapshot = random_snapshot(r);
        let limits = &mut snapshot.hub.limits;
        limits.max_utilisation = Bps(r.pick(&[limits.max_utilisation.0, 0, 8_000, 9_500, 10_000]));
        limits.max_venue_share = Bps(r.pick(&[limits.max_venue_share.0, 0, 100, 9_999, 10_000]));
        let view = HubView::from_snapshot(&snapshot);
        let nav = view.nav().unwrap();
        for venue in &view.venues {
            let Some(figures) = &venue.figures else { continue };
            let range = limits::additions(venue, figures, nav, &view.limits);
            let (least, most) = range.clone().map_or((figures.value, nav), |range| (*range.start(), *range.end()));
            let near = |edge: Assets| [edge.0.saturating_sub(1), edge.0, edge.0.saturating_add(1)];
            let between = least.0 + r.below(most.0.saturating_sub(least.0).min(nav.0) + 1);
            let tried = [figures.value.0 + 1, figures.value.0 + 1 + r.below(nav.0 + 1), between];
            for after in near(least).into_iter().chain(near(most)).chain(tried).map(Assets) {
                if after <= figures.value || after.0 > 1 << 112 {
                    continue;
                }
                let checked = limits::check_addition(venue, figures, after, nav, &view.limits);
                too_utilised += u32::from(matches!(checked, Err(Violation::UtilisationTooHigh { .. })));
                let permitted = checked.is_ok() && after <= venue.cap;
                let said = range.as_ref().is_some_and(|range| range.contains(&after));
                assert_eq!(said, permitted, "case {case}: {after} of {range:?}, {checked:?}\n{venue:#?}");
                taken += u32::from(permitted);
                refused += u32::from(!permitted);
            }
        }
    }
    assert!(taken > 10_000 && refused > 10_000 && too_utilised > 1_000, "{taken} {refused} {too_utilised}");
}
