//! The ranges against every target there is, asked one by one.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../../../tests/world/mod.rs"]
mod world;

use crate::{projector::frame, yields::VenueModel};
use ballast_risk::HubView;
use ballast_types::{Assets, BPS_ONE, Bps, Checkpoint, HubLimits, Policy, Snapshot, VenueKind, VenueReading, WAD, Wad};
use world::*;

/// At `edge`, within three of it, or up to a tenth away.
fn about(r: &mut Random, edge: u128) -> u128 {
    match r.below(6) {
        0 => edge,
        1 => edge.saturating_sub(1 + r.below(3)),
        2 => edge + 1 + r.below(3),
        3 => edge.saturating_sub(r.below(edge / 10 + 1)),
        4 => edge + r.below(edge / 10 + 1),
        _ => edge + edge / 1_000_000 + r.below(3),
    }
}

/// Every limit that binds one venue where it decides: the bounds of targets, the step's band, and per venue utilisation, liquidity, size, cap, bucket.
fn at_the_limits(r: &mut Random) -> (Snapshot, Policy) {
    let mut snapshot = random_snapshot(r);
    let mut policy = random_policy(r, &snapshot);
    let nav = snapshot.vault.nav.0;
    let part = |r: &mut Random| nav * r.below(10_001) / 10_000;
    snapshot.vault.deposits_paused = r.chance(2);
    if r.chance(60) {
        let limits = &mut snapshot.hub.limits;
        let min_position = Bps(r.pick(&[0, 1, 37, 500, 5_000]));
        *limits = HubLimits {
            min_position,
            max_position: Bps(r.pick(&[400, 5_000, 9_999, 10_000])),
            min_step: Bps(r.pick(&[0, 1, 2, 500, 3_000])),
            max_venue_share: Bps(r.pick(&[100, 1_000, 10_000])),
            max_utilisation: Bps(r.pick(&[0, 5_000, 9_000, 9_500, 10_000])),
            flow: Bps(r.pick(&[0, 1, 700, 5_000, 10_000])),
            ..*limits
        };
    }
    let limits = snapshot.hub.limits;
    let leg = part(r);
    policy.min_transfer = Assets(r.pick(&[0, 0, 1, nav / 1_000, leg]));
    policy.max_position = Bps(r.pick(&[2_000, 5_000, 10_000]));
    for venue in &mut policy.venues {
        venue.max_position = Bps(r.pick(&[499, 500, 4_999, 5_000, 10_000]));
    }
    for venue in &mut snapshot.venues {
        venue.quarantined = false;
        let target = r.below(10_001) as u16;
        venue.target = Bps(r.pick(&[venue.target.0, venue.target.0, target]));
        if r.chance(30) {
            let edge = part(r);
            venue.cap = Assets(about(r, edge));
        }
        if r.chance(30) {
            venue.flow_used = Bps(about(r, u128::from(limits.flow.0)).min(10_000) as u16);
        }
        let held = value_of(venue);
        let VenueReading::Read { liquidity, size, utilisation, checkpoint, .. } = &mut venue.reading else {
            continue;
        };
        if r.chance(50) {
            *size = Assets(held + r.pick(&[0, 1, nav / 10, nav / 2, nav, 5 * nav]));
        }
        if r.chance(70) {
            *utilisation = Wad(about(r, u128::from(limits.max_utilisation.0) * (WAD / 10_000)).min(WAD));
        }
        if r.chance(30) {
            let edge = part(r);
            let edges = [about(r, held), about(r, edge), 0];
            *liquidity = Assets(r.pick(&edges));
        }
        if r.chance(40) {
            let edges = [size.0, about(r, size.0), 20 * nav];
            let settled = r.pick(&edges);
            *checkpoint = Some(Checkpoint { size: Assets(settled), time: NOW - 12, block: BLOCK - 1 });
        }
    }
    (snapshot, policy)
}

/// What is permitted, target by target, as ranges.
fn one_by_one(permitted: impl Fn(u16) -> bool) -> Vec<(u16, u16)> {
    let mut ranges: Vec<(u16, u16)> = Vec::new();
    for bps in (0..=BPS_ONE).filter(|bps| permitted(*bps)) {
        match ranges.last_mut() {
            Some((_, last)) if *last + 1 == bps => *last = bps,
            _ => ranges.push((bps, bps)),
        }
    }
    ranges
}

/// Ranges that touch are one.
fn joined(islands: Vec<(u16, u16)>) -> Vec<(u16, u16)> {
    let mut ranges: Vec<(u16, u16)> = Vec::new();
    for (first, last) in islands {
        assert!(
            first <= last && ranges.last().is_none_or(|(_, held)| *held < first),
            "not ascending: {ranges:?} {first}"
        );
        match ranges.last_mut() {
            Some((_, held)) if *held + 1 == first => *held = last,
            _ => ranges.push((first, last)),
        }
    }
    ranges
}

#[derive(Default)]
struct Seen {
    venues: u32,
    by_ranges: [u32; 8],
    diluted: u32,
}

fn compare(r: &mut Random, case: u64, snapshot: &Snapshot, policy: &Policy, seen: &mut Seen) {
    let view = HubView::from_snapshot(snapshot);
    let Ok(models) = snapshot.venues.iter().map(|venue| VenueModel::new(&venue.reading)).collect::<Result<Vec<_>, _>>()
    else {
        return;
    };
    let Some((frame, mut candidates)) = frame(&view, &models, policy) else { return };
    for candidate in &mut candidates {
        if r.chance(20) {
            candidate.allowance = Assets(r.below(frame.nav.0 + 1));
        }
        let exact = one_by_one(|bps| frame.permitted(candidate, bps).is_some());
        assert_eq!(
            joined(frame.islands(candidate)),
            exact,
            "case {case}: {:?} with an allowance of {:?} of NAV {:?}, limits {:?}",
            candidate.venue,
            candidate.allowance,
            frame.nav,
            view.limits
        );
        seen.venues += 1;
        seen.by_ranges[exact.len().min(7)] += 1;
        let too_high = u128::from(view.limits.max_utilisation.0) * (WAD / 10_000);
        let value = candidate.figures.value;
        let added = exact.iter().any(|(_, last)| frame.nav.share(Bps(*last)) > value);
        seen.diluted += u32::from(!candidate.venue.direct && candidate.figures.utilisation.0 > too_high && added);
    }
}

#[test]
fn the_ranges_hold_every_permitted_target_and_no_other() {
    let mut seen = Seen::default();
    for case in 0..3_000 {
        let r = &mut Random(0x15_1a4d + case);
        let (snapshot, policy) = at_the_limits(r);
        compare(r, case, &snapshot, &policy, &mut seen);
    }
    for case in 0..500 {
        let r = &mut Random(0x5ea + case);
        let snapshot = random_snapshot(r);
        let policy = random_policy(r, &snapshot);
        compare(r, case, &snapshot, &policy, &mut seen);
    }
    let Seen { venues, by_ranges, diluted } = seen;
    assert!(venues > 5_000 && diluted > 50, "{venues} venues, {diluted} of them above the limit on utilisation");
    assert!(by_ranges[..4].iter().all(|count| *count > 100), "venues by their number of ranges: {by_ranges:?}");
}

/// One venue of 10 million, a position of ours in it, at a utilisation in hundredths of a percent.
fn lending(utilisation: u128, value: u128) -> (Snapshot, Policy) {
    let million = 1_000_000 * USDC;
    let mut venue = venue(
        "aave",
        AAVE,
        VenueKind::AaveV3,
        Lending { supplied: 10 * million, borrowed: 10 * million / 10_000 * utilisation, curve: aave_curve(), value },
    );
    venue.target = Bps(u16::try_from(value * 10_000 / million).unwrap());
    let mut snapshot = snapshot(million - value, vec![venue]);
    snapshot.hub.limits.max_venue_share = Bps(10_000);
    (snapshot, policy())
}

#[test]
fn a_venue_above_its_limit_on_utilisation_takes_what_brings_it_below() {
    let islands = |utilisation: u128, value: u128| {
        let (snapshot, policy) = lending(utilisation, value);
        let (view, models) =
            (HubView::from_snapshot(&snapshot), [VenueModel::new(&snapshot.venues[0].reading).unwrap()]);
        let (frame, candidates) = frame(&view, &models, &policy).unwrap();
        frame.islands(&candidates[0])
    };
    // At the limit of 95 % everything goes; of 97 % lent, 95 % is left once 210527 USDC are added, of NAV a million.
    assert_eq!(islands(9_500, 0), [(500, 5_000)]);
    assert_eq!(islands(9_700, 0), [(2_106, 5_000)]);
    // More than half of NAV would be needed.
    assert_eq!(islands(9_980, 0), []);
    // Beside it a position can be taken out of the venue.
    assert_eq!(islands(9_700, 100_000 * USDC), [(0, 0), (500, 500), (3_106, 5_000)]);
}
