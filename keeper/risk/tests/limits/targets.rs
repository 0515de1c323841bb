//! Who may move, when, and to which targets.

use crate::{A, B, C, NOW, figures, to, verdict, view};
use alloy_primitives::Address;
use ballast_risk::{HubView, Violation, judge, next_allowed};
use ballast_types::{Assets, Bps};

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
