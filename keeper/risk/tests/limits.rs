//! Each rule of the hub at its edge, and the order in which they are asked.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use alloy_primitives::Address;
use ballast_risk::{
    Allocation, Figures, HubView, VenueView, Violation, judge,
    limits::{check_addition, flow_room},
    next_allowed,
};
use ballast_types::{Assets, Bps, HubLimits, WAD, Wad};
use proptest::prelude::*;

const NOW: u64 = 1_700_000_000;
const A: Address = Address::repeat_byte(0x0a);
const B: Address = Address::repeat_byte(0x0b);
const C: Address = Address::repeat_byte(0x0c);

/// 1 000 000 idle, 500 000 in A; A and B each hold 200 M with 80 % lent.
fn view() -> HubView {
    let venue = |adapter, value| VenueView {
        adapter,
        cap: Assets(1_000_000_000),
        target: Bps(if value == 0 { 0 } else { 3_333 }),
        direct: false,
        quarantined: false,
        flow_used: Bps(0),
        can_add: true,
        figures: Some(Figures {
            value: Assets(value),
            liquidity: Assets(value),
            size: Assets(200_000_000),
            utilisation: Wad(WAD / 10 * 8),
            settled: Assets(200_000_000),
            depositable: true,
        }),
    };
    HubView {
        now: NOW,
        operational: true,
        paused: false,
        limits: HubLimits {
            reserve: Bps(500),
            min_position: Bps(500),
            max_position: Bps(5_000),
            min_step: Bps(500),
            max_venue_share: Bps(100),
            max_utilisation: Bps(9_500),
            flow: Bps(10_000),
            approval: Bps(10_000),
            approval_floor: Assets::ZERO,
            cooldown: 21_600,
        },
        recent: [0; 4],
        idle: Assets(1_000_000),
        venues: vec![venue(A, 500_000), venue(B, 0)],
    }
}

fn to(adapter: Address, bps: u16) -> Allocation {
    Allocation { adapter, bps: Bps(bps), min_out: Assets(0) }
}

fn figures(view: &mut HubView, venue: usize) -> &mut Figures {
    view.venues[venue].figures.as_mut().unwrap()
}

/// The name of the error for `targets` after a change of the view, or "ok".
fn verdict(targets: &[Allocation], change: impl FnOnce(&mut HubView)) -> &'static str {
    let mut view = view();
    change(&mut view);
    judge(&view, targets).map_or_else(|violation| violation.name(), |_| "ok")
}

#[test]
fn an_accepted_rebalance_reports_its_legs() {
    let outcome = judge(&view(), &[to(A, 500), to(B, 4_000)]).unwrap();
    assert_eq!(outcome.nav, Assets(1_500_000));
    assert_eq!(outcome.idle_after, Assets(1_500_000 - 75_000 - 600_000));
    assert_eq!(outcome.turnover, Assets(425_000 + 600_000));
    assert_eq!(outcome.added, Assets(600_000));
    let legs: Vec<_> = outcome.legs.iter().map(|leg| (leg.adapter, leg.before.0, leg.after.0)).collect();
    assert_eq!(legs, [(A, 500_000, 75_000), (B, 0, 600_000)]);
}

#[test]
fn a_switch_that_is_not_operational_stops_everything() {
    assert_eq!(verdict(&[], |view| view.operational = false), "NotOperational");
}

// SPEC C4
#[test]
fn the_cooldown_ends_at_its_last_second_and_the_window_is_half_open() {
    let targets = [to(B, 1_000)];
    assert_eq!(verdict(&targets, |view| view.recent[0] = NOW - 21_599), "CooldownActive");
    assert_eq!(verdict(&targets, |view| view.recent[0] = NOW - 21_600), "ok");
    let four = |oldest: u64| {
        move |view: &mut HubView| {
            view.limits.cooldown = 3_600;
            view.recent = [NOW - 3_600, NOW - 7_200, NOW - 10_800, oldest];
        }
    };
    assert_eq!(verdict(&targets, four(NOW - 86_399)), "CooldownActive");
    assert_eq!(verdict(&targets, four(NOW - 86_400)), "ok");
    assert_eq!(next_allowed(&[0; 4], 21_600), 0);
    assert_eq!(next_allowed(&[100, 90, 80, 0], 10), 110);
    assert_eq!(next_allowed(&[100, 90, 80, 70], 10), 86_470);
}

// SPEC C5
#[test]
fn targets_are_zero_or_between_the_least_and_the_largest_position() {
    for (bps, expected) in [(499, "TargetOutOfBounds"), (500, "ok"), (5_000, "ok"), (5_001, "TargetOutOfBounds")] {
        assert_eq!(verdict(&[to(B, bps)], |_| ()), expected, "{bps}");
    }
    assert_eq!(verdict(&[to(A, 0)], |_| ()), "ok");
    assert_eq!(verdict(&[], |_| ()), "NoTargets");
}

// SPEC C5
#[test]
fn a_step_is_measured_against_the_stored_target_and_not_the_position() {
    for (bps, expected) in [(2_833, "ok"), (2_834, "StepTooSmall"), (3_832, "StepTooSmall"), (3_833, "ok")] {
        assert_eq!(verdict(&[to(A, bps)], |_| ()), expected, "{bps}");
    }
    assert_eq!(verdict(&[to(B, 0)], |_| ()), "StepTooSmall");
    assert_eq!(verdict(&[to(A, 3_333)], |view| view.venues[0].target = Bps(2_000)), "ok");
}

// SPEC C5
#[test]
fn what_is_stored_of_a_position_that_holds_nothing_is_of_no_account() {
    let left_with = |value: u128, bps: u16| {
        verdict(&[to(B, bps)], |view| {
            view.venues[1].target = Bps(1_000);
            figures(view, 1).value = Assets(value);
            figures(view, 1).liquidity = Assets(value);
        })
    };
    // Of one unit it is of account.
    assert_eq!((left_with(0, 1_000), left_with(1, 1_000)), ("ok", "StepTooSmall"));
    assert_eq!((left_with(0, 1_499), left_with(1, 1_499)), ("ok", "StepTooSmall"));
    assert_eq!((left_with(0, 0), left_with(1, 0)), ("StepTooSmall", "ok"));
    assert_eq!((left_with(0, 1_500), left_with(1, 1_500)), ("ok", "ok"));
    let violation = judge(&HubView { venues: vec![view().venues.remove(1)], ..view() }, &[to(B, 0)]).unwrap_err();
    assert_eq!(violation, Violation::StepTooSmall { adapter: B, bps: Bps(0), stored: Bps(0), min_step: Bps(500) });
}

#[test]
fn targets_are_listed_adapters_in_strictly_ascending_order() {
    assert_eq!(verdict(&[to(B, 500), to(A, 500)], |_| ()), "TargetsUnsorted");
    assert_eq!(verdict(&[to(B, 500), to(B, 1_000)], |_| ()), "TargetsUnsorted");
    // The vault sorts before the hub judges bounds and steps.
    assert_eq!(verdict(&[to(B, 1), to(A, 3_333)], |_| ()), "TargetsUnsorted");
    assert_eq!(verdict(&[to(Address::ZERO, 500)], |_| ()), "TargetsUnsorted");
    assert_eq!(verdict(&[to(C, 500)], |_| ()), "AdapterNotListed");
}

#[test]
fn while_one_venue_is_unreadable_nothing_is_added_and_the_others_are_reduced() {
    let blind = |index: usize| move |view: &mut HubView| view.venues[index].figures = None;
    assert_eq!(verdict(&[to(B, 500)], blind(0)), "VenueUnreadable");
    assert_eq!(verdict(&[to(A, 500)], blind(0)), "VenueUnreadable", "it counts as nothing, so this is an addition");
    assert_eq!(verdict(&[to(A, 0)], blind(0)), "StepTooSmall", "there is nothing to take out of it");
    assert_eq!(verdict(&[to(A, 500)], blind(1)), "ok");
    let quarantined = |view: &mut HubView| {
        blind(0)(view);
        view.venues[0].quarantined = true;
    };
    assert_eq!(verdict(&[to(A, 0)], quarantined), "VenueQuarantined");
    assert_eq!(verdict(&[to(B, 500)], quarantined), "VenueUnreadable");
}

#[test]
fn a_paused_vault_takes_no_additions_and_lets_reductions_through() {
    let paused = |view: &mut HubView| view.paused = true;
    assert_eq!(verdict(&[to(B, 500)], paused), "EnforcedPause");
    assert_eq!(verdict(&[to(A, 500)], paused), "ok");
    let and_blind = |view: &mut HubView| {
        paused(view);
        view.venues[0].figures = None;
    };
    assert_eq!(verdict(&[to(B, 500)], and_blind), "EnforcedPause");
}

// SPEC C5
#[test]
fn a_days_additions_to_one_venue_stay_within_its_bucket() {
    // NAV 1 500 000; B gets 600 000.
    let with = |flow: u16, used: u16| {
        move |view: &mut HubView| {
            view.limits.flow = Bps(flow);
            view.venues[1].flow_used = Bps(used);
        }
    };
    assert_eq!(verdict(&[to(B, 4_000)], with(4_000, 0)), "ok");
    assert_eq!(verdict(&[to(B, 4_000)], with(4_000, 1)), "FlowExceeded");
    assert_eq!(verdict(&[to(B, 4_000)], with(5_000, 1_000)), "ok");
    assert_eq!(verdict(&[to(B, 4_000)], with(5_000, 1_001)), "FlowExceeded");
    let of_the_other = |view: &mut HubView| {
        with(4_000, 0)(view);
        view.venues[0].flow_used = Bps(4_000);
    };
    assert_eq!(verdict(&[to(A, 500), to(B, 4_000)], of_the_other), "ok", "reductions pass whatever is in the bucket");

    let mut over = view();
    with(4_500, 501)(&mut over);
    let violation = judge(&over, &[to(B, 4_000)]).unwrap_err();
    assert_eq!(violation, Violation::FlowExceeded { adapter: B, used: Bps(4_501), flow: Bps(4_500) });
    assert!(violation.to_string().ends_with("its bucket would have 4501 bps of NAV in it, it holds 4500 bps"));
}

// SPEC C5
#[test]
fn an_addition_counts_in_basis_points_of_nav_rounded_up() {
    // A holds a third of NAV; up to 40 % it gets 666 2/3 basis points.
    let with = |flow: u16| move |view: &mut HubView| view.limits.flow = Bps(flow);
    assert_eq!(verdict(&[to(A, 4_000)], with(667)), "ok");
    assert_eq!(verdict(&[to(A, 4_000)], with(666)), "FlowExceeded");
}

proptest! {
    // SPEC C5
    #[test]
    fn the_room_in_a_bucket_is_the_largest_addition_that_it_takes(
        nav in 1..u128::MAX / 20_000,
        used in 0u16..=10_000,
        flow in 0u16..=10_000,
    ) {
        let mut view = view();
        view.limits.flow = Bps(flow);
        let mut venue = view.venues.remove(1);
        venue.flow_used = Bps(used);
        let figures = venue.figures.unwrap();
        let exceeds = |added: u128| {
            let verdict = check_addition(&venue, &figures, Assets(added), Assets(nav), &view.limits);
            matches!(verdict, Err(Violation::FlowExceeded { .. }))
        };
        let room = flow_room(&venue, Assets(nav), &view.limits).0;
        prop_assert_eq!(room, nav * u128::from(flow.saturating_sub(used)) / 10_000);
        prop_assert!(exceeds(room + 1));
        prop_assert!(used > flow || !exceeds(room));
    }
}

#[test]
fn an_empty_vault_has_no_room_and_takes_no_addition() {
    let view = view();
    let (venue, figures) = (&view.venues[1], &view.venues[1].figures.unwrap());
    assert_eq!(flow_room(venue, Assets::ZERO, &view.limits), Assets::ZERO);
    let verdict = check_addition(venue, figures, Assets(1), Assets::ZERO, &view.limits);
    assert_eq!(verdict, Err(Violation::AmountOutOfRange));
}

// SPEC C13
#[test]
fn additions_above_the_threshold_need_the_safe() {
    let with = |bps: u16, floor: u128| {
        move |view: &mut HubView| {
            view.limits.approval = Bps(bps);
            view.limits.approval_floor = Assets(floor);
        }
    };
    // 600 000 of 1 500 000 are 40 %; what comes out of A does not count.
    let targets = [to(A, 500), to(B, 4_000)];
    assert_eq!(verdict(&targets, with(4_000, 0)), "ok");
    assert_eq!(verdict(&targets, with(3_999, 0)), "ApprovalRequired");
    assert_eq!(verdict(&targets, with(0, 600_000)), "ok", "the larger of the two counts");
    assert_eq!(verdict(&targets, with(0, 599_999)), "ApprovalRequired");
    assert_eq!(verdict(&[to(A, 500)], with(0, 0)), "ok");
}

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

#[test]
fn of_two_violations_the_contracts_first_is_reported() {
    let all_wrong = |view: &mut HubView| {
        view.recent[0] = NOW;
        view.limits.flow = Bps(999);
        view.limits.approval = Bps(0);
        view.venues[1].cap = Assets(0);
        view.venues[1].can_add = false;
        view.limits.reserve = Bps(9_000);
    };
    assert_eq!(verdict(&[], all_wrong), "CooldownActive");
    let later = |view: &mut HubView| {
        all_wrong(view);
        view.recent[0] = 0;
    };
    assert_eq!(verdict(&[], later), "NoTargets");
    // The vault's own rules come before the hub's rules of a target.
    assert_eq!(verdict(&[to(B, 499)], later), "CapExceeded");
    let without_cap = |view: &mut HubView| {
        later(view);
        view.venues[1].cap = Assets(u128::MAX);
    };
    assert_eq!(verdict(&[to(B, 499)], without_cap), "ReserveTooLow");
    let without_reserve = |view: &mut HubView| {
        without_cap(view);
        view.limits.reserve = Bps(0);
    };
    assert_eq!(verdict(&[to(B, 499)], without_reserve), "TargetOutOfBounds");
    let long_steps = |view: &mut HubView| {
        without_reserve(view);
        view.limits.min_step = Bps(1_001);
    };
    assert_eq!(verdict(&[to(B, 1_000)], long_steps), "StepTooSmall");
    assert_eq!(verdict(&[to(B, 1_000)], without_reserve), "FlowExceeded");
    // Each target is judged by all of its rules before the next one is.
    assert_eq!(verdict(&[to(A, 499), to(B, 1_000)], without_reserve), "TargetOutOfBounds");
    assert_eq!(verdict(&[to(A, 5_000), to(B, 499)], without_reserve), "FlowExceeded");
    let closed = |view: &mut HubView| {
        without_reserve(view);
        view.limits.flow = Bps(10_000);
        figures(view, 1).settled = Assets::ZERO;
    };
    assert_eq!(verdict(&[to(B, 1_000)], closed), "VenueNotOperational");
    let not_settled = |view: &mut HubView| {
        closed(view);
        view.venues[1].can_add = true;
        figures(view, 1).utilisation = Wad(WAD);
    };
    assert_eq!(verdict(&[to(B, 1_000)], not_settled), "CheckpointMissing");
    let lent_out = |view: &mut HubView| {
        not_settled(view);
        figures(view, 1).settled = Assets(1);
    };
    assert_eq!(verdict(&[to(B, 1_000)], lent_out), "UtilisationTooHigh");
    let small = |view: &mut HubView| {
        lent_out(view);
        figures(view, 1).utilisation = Wad(0);
    };
    assert_eq!(verdict(&[to(B, 1_000)], small), "VenueShareExceeded");
    let only_approval = |view: &mut HubView| {
        small(view);
        figures(view, 1).settled = Assets(200_000_000);
    };
    assert_eq!(verdict(&[to(B, 1_000)], only_approval), "ApprovalRequired");
}

#[test]
fn amounts_beyond_128_bits_are_an_answer_and_not_a_crash() {
    assert_eq!(verdict(&[to(B, 1_000)], |view| view.idle = Assets(u128::MAX)), "AmountOutOfRange");
    let violation = Violation::StepTooSmall { adapter: A, bps: Bps(1), stored: Bps(2), min_step: Bps(3) };
    assert!(violation.to_string().ends_with("target 1 bps is less than 3 bps from the stored 2 bps"));
}
