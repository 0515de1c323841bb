//! What leaves, what comes in, and what it costs the venue and the reserve.

use crate::{A, B, figures, to, verdict, view};
use ballast_risk::{Allocation, HubView, judge};
use ballast_types::{Assets, Bps, WAD, Wad};

#[test]
fn a_direct_positions_utilisation_is_the_part_that_could_not_leave() {
    // The venue as a whole may be lent out to the last unit.
    let direct = |liquidity: u128| {
        move |view: &mut HubView| {
            view.venues[0].direct = true;
            figures(view, 0).utilisation = Wad(WAD);
            figures(view, 0).liquidity = Assets(liquidity);
        }
    };
    // 600 000 after the addition, 100 000 of it liquid beside what was before.
    assert_eq!(verdict(&[to(A, 4_000)], direct(500_000)), "ok");
    assert_eq!(verdict(&[to(A, 4_000)], direct(499_999)), "PositionNotLiquid");
    let strict = |view: &mut HubView| {
        direct(499_999)(view);
        view.limits.max_utilisation = Bps(0);
    };
    assert_eq!(verdict(&[to(A, 4_000)], strict), "UtilisationTooHigh");
}

#[test]
fn a_reduction_takes_what_is_liquid_only_when_the_venue_is_left() {
    let short = |view: &mut HubView| figures(view, 0).liquidity = Assets(424_999);
    assert_eq!(verdict(&[to(A, 500)], short), "InsufficientLiquidity");
    assert_eq!(verdict(&[to(A, 500)], |view| figures(view, 0).liquidity = Assets(425_000)), "ok");
    let mut view = view();
    short(&mut view);
    let outcome = judge(&view, &[to(A, 0)]).unwrap();
    assert_eq!(outcome.legs[0].after, Assets(75_001));
    let asks_for_all = Allocation { min_out: Assets(425_000), ..to(A, 0) };
    assert_eq!(judge(&view, &[asks_for_all]).unwrap_err().name(), "InsufficientOut");
}

#[test]
fn a_leg_gives_at_least_its_minimum() {
    let at = |adapter, bps, min_out| [Allocation { min_out: Assets(min_out), ..to(adapter, bps) }];
    assert_eq!(verdict(&at(A, 500, 425_000), |_| ()), "ok");
    assert_eq!(verdict(&at(A, 500, 425_001), |_| ()), "InsufficientOut");
    assert_eq!(verdict(&at(B, 1_000, 150_000), |_| ()), "ok");
    assert_eq!(verdict(&at(B, 1_000, 150_001), |_| ()), "InsufficientOut");
}

#[test]
fn additions_are_paid_from_idle_and_from_the_reductions_before_them() {
    let poor = |view: &mut HubView| {
        view.idle = Assets(100_000);
        figures(view, 0).value = Assets(1_400_000);
        figures(view, 0).liquidity = Assets(1_400_000);
        view.limits.reserve = Bps(0);
    };
    assert_eq!(verdict(&[to(B, 1_000)], poor), "InsufficientIdle");
    assert_eq!(verdict(&[to(A, 5_000), to(B, 1_000)], poor), "ok");
}

// SPEC C5
#[test]
fn the_cap_binds_additions_and_never_reductions() {
    assert_eq!(verdict(&[to(B, 1_000)], |view| view.venues[1].cap = Assets(150_000)), "ok");
    assert_eq!(verdict(&[to(B, 1_000)], |view| view.venues[1].cap = Assets(149_999)), "CapExceeded");
    assert_eq!(verdict(&[to(A, 1_000)], |view| view.venues[0].cap = Assets(1)), "ok");
}

// SPEC C5
#[test]
fn idle_after_a_rebalance_is_at_least_the_reserve() {
    // NAV 1 500 000: A keeps 500 000, B gets 600 000, idle 400 000 is 26.66 %.
    let with = |reserve: u16| move |view: &mut HubView| view.limits.reserve = Bps(reserve);
    assert_eq!(verdict(&[to(B, 4_000)], with(2_666)), "ok");
    assert_eq!(verdict(&[to(B, 4_000)], with(2_667)), "ReserveTooLow");
    let empty = |view: &mut HubView| {
        view.idle = Assets(0);
        view.venues.remove(0);
    };
    assert_eq!(verdict(&[to(B, 4_000)], empty), "ok", "of nothing, nothing is enough");
}

#[test]
fn a_venue_that_may_not_be_added_to_can_still_be_reduced() {
    let closed = |view: &mut HubView| {
        for venue in &mut view.venues {
            venue.can_add = false;
        }
    };
    assert_eq!(verdict(&[to(B, 1_000)], closed), "VenueNotOperational");
    assert_eq!(verdict(&[to(A, 1_000)], closed), "ok");
    assert_eq!(
        verdict(&[to(B, 1_000)], |view| figures(view, 1).depositable = false),
        "VenueClosed",
        "the venue reverts"
    );
    assert_eq!(verdict(&[to(A, 1_000)], |view| figures(view, 0).depositable = false), "ok");
}

#[test]
fn utilisation_counts_after_the_addition() {
    // 190 000 001 of 200 000 000 is above 95 %, of 200 150 000 below.
    let lent =
        |lent: u128| move |view: &mut HubView| figures(view, 1).utilisation = Wad((lent * WAD).div_ceil(200_000_000));
    assert_eq!(verdict(&[to(B, 1_000)], lent(190_000_001)), "ok");
    assert_eq!(verdict(&[to(B, 1_000)], lent(190_142_500)), "ok");
    assert_eq!(verdict(&[to(B, 1_000)], lent(190_142_501)), "UtilisationTooHigh");
}

#[test]
fn an_illiquid_position_is_not_added_to() {
    assert_eq!(verdict(&[to(A, 4_000)], |view| figures(view, 0).liquidity = Assets(499_999)), "PositionNotLiquid");
    assert_eq!(verdict(&[to(A, 4_000)], |_| ()), "ok");
}

// SPEC C5: less than 1 % of the venue.
#[test]
fn a_position_stays_within_its_share_of_the_smaller_of_two_sizes() {
    let settled = |size: u128| move |view: &mut HubView| figures(view, 1).settled = Assets(size);
    assert_eq!(verdict(&[to(B, 4_000)], settled(60_000_000)), "ok");
    assert_eq!(verdict(&[to(B, 4_000)], settled(59_999_999)), "VenueShareExceeded");
    assert_eq!(verdict(&[to(B, 4_000)], settled(0)), "CheckpointMissing");
    // The size now counts with our own addition: 600 000 of 59 400 000 + 600 000.
    let now = |size: u128| {
        move |view: &mut HubView| {
            figures(view, 1).size = Assets(size);
            figures(view, 1).utilisation = Wad(0);
        }
    };
    assert_eq!(verdict(&[to(B, 4_000)], now(59_400_000)), "ok");
    assert_eq!(verdict(&[to(B, 4_000)], now(59_399_999)), "VenueShareExceeded");
    assert_eq!(verdict(&[to(A, 1_000)], |view| figures(view, 0).settled = Assets(1)), "ok", "reductions are free");
}
