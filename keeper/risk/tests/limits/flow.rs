//! What one venue may take in a day, and when the Safe is asked.

use crate::{A, B, to, verdict, view};
use ballast_risk::{
    HubView, Violation, judge,
    limits::{check_addition, flow_room},
};
use ballast_types::{Assets, Bps};
use proptest::prelude::*;

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
