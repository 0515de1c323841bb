//! Which violation of several is reported, and the largest numbers.

use crate::{A, B, NOW, figures, to, verdict};
use ballast_risk::{HubView, Violation};
use ballast_types::{Assets, Bps, WAD, Wad};

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
