//! Moves that need the Safe: asked for as a whole, and judged once more before they are made.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod world;

use ballast_allocator::{reconsider, record};
use ballast_risk::{Allocation, HubView, approval_threshold, check_approved_targets};
use ballast_types::*;
use world::*;

const CASES: u64 = 20_000;

fn asking(policy: Policy) -> Policy {
    Policy { large_moves: LargeMoves::Ask, ..policy }
}

/// What the decision would add, and how much may be added without the Safe.
fn added(record: &DecisionRecord) -> Option<(Assets, Assets)> {
    let view = HubView::from_snapshot(&record.snapshot);
    let targets: Vec<Allocation> = record.decision.targets().iter().map(Allocation::from).collect();
    if targets.is_empty() {
        return None;
    }
    let outcome = check_approved_targets(&view, &targets).expect("every other limit is kept");
    Some((outcome.added, approval_threshold(&view.limits, outcome.nav)))
}

fn gain(record: &DecisionRecord) -> Assets {
    record.decision.prediction.map_or(Assets::ZERO, |prediction| prediction.gain)
}

// SPEC X15
#[test]
fn a_policy_that_asks_gets_the_best_move_whatever_its_size_and_one_that_divides_never_needs_the_safe() {
    let (mut larger, mut moves) = (0, 0);
    for case in 0..CASES {
        let r = &mut Random(case);
        let snapshot = random_snapshot(r);
        let policy = random_policy(r, &snapshot);
        let divided = record(snapshot.clone(), Policy { large_moves: LargeMoves::Divide, ..policy.clone() });
        let whole = record(snapshot, asking(policy));
        if let Some((added, threshold)) = added(&divided) {
            moves += 1;
            assert!(added <= threshold, "case {case}: divided, and yet it needs the Safe");
        }
        if let Some((added, threshold)) = added(&whole)
            && added > threshold
        {
            larger += 1;
            assert!(gain(&whole) >= gain(&divided), "case {case}: the whole earns less than a part of it");
            let limits = whole.decision.gates.iter().find(|gate| gate.id == GateId::Limits).unwrap();
            assert!(limits.detail.contains("the Safe must approve"), "case {case}: {}", limits.detail);
        }
    }
    assert!(larger > 150 && moves > 1_500, "{larger} large moves, {moves} divided: the test shows too little");
}

// SPEC X15
#[test]
fn on_what_it_was_decided_on_a_decision_is_confirmed_as_it_was() {
    let mut confirmed = 0;
    for case in 0..CASES {
        let r = &mut Random(case);
        let snapshot = random_snapshot(r);
        let policy = asking(random_policy(r, &snapshot));
        let decided = record(snapshot, policy);
        if decided.decision.action == Action::Hold {
            continue;
        }
        assert_eq!(reconsider(&decided, decided.snapshot.clone(), decided.policy.clone()), decided, "case {case}");
        confirmed += 1;
    }
    assert!(confirmed > 1_500, "only {confirmed} moves");
}

/// A move that needs the Safe.
fn large() -> DecisionRecord {
    let found = (0..).map(|case| {
        let r = &mut Random(case);
        let snapshot = random_snapshot(r);
        let policy = asking(random_policy(r, &snapshot));
        record(snapshot, policy)
    });
    found
        .filter(|record| added(record).is_some_and(|(added, threshold)| added > threshold))
        .find(|record| record.snapshot.vault.idle.0 > 0)
        .unwrap()
}

fn refusal(earlier: &DecisionRecord, change: impl FnOnce(&mut Snapshot)) -> (GateId, String) {
    let mut snapshot = earlier.snapshot.clone();
    change(&mut snapshot);
    let now = reconsider(earlier, snapshot, earlier.policy.clone());
    assert_eq!(now.decision.action, Action::Hold);
    let first = now.decision.refusals().find(|gate| !gate.detail.starts_with("not evaluated")).unwrap();
    (first.id, first.detail.clone())
}

// SPEC X15
#[test]
fn what_has_changed_since_is_a_reason_like_at_any_decision() {
    let earlier = large();
    let switch = refusal(&earlier, |snapshot| snapshot.kill_switch.operational = false);
    assert_eq!(switch.0, GateId::KillSwitch);
    let risky = Policy { max_risk_score: 0, ..earlier.policy.clone() };
    assert_eq!(refusal(&DecisionRecord { policy: risky, ..earlier.clone() }, |_| ()).0, GateId::Risk);
    let cooldown = refusal(&earlier, |snapshot| snapshot.hub.recent[0] = snapshot.block.timestamp);
    assert_eq!(cooldown.0, GateId::Schedule);

    let added = earlier.decision.targets().iter().find(|target| target.to > target.from).unwrap().adapter;
    let blocked = refusal(&earlier, |snapshot| {
        snapshot.venues.iter_mut().find(|venue| venue.adapter == added).unwrap().can_add = false;
    });
    assert_eq!(blocked.0, GateId::Limits, "{}", blocked.1);
    // By today's scores.
    let scored = earlier.policy.scored_at_least(|venue| (venue == added).then_some(100));
    let risky = reconsider(&earlier, earlier.snapshot.clone(), scored);
    assert_eq!(risky.decision.refusals().next().map(|gate| gate.id), Some(GateId::Risk));
    // Half of the depositors' money has left: the legs are smaller than what was approved at least.
    let smaller = refusal(&earlier, |snapshot| {
        let gone = Assets(snapshot.vault.idle.0 / 2);
        snapshot.vault.idle = snapshot.vault.idle.saturating_sub(gone);
        snapshot.vault.nav = snapshot.vault.nav.saturating_sub(gone);
    });
    assert_eq!(smaller.0, GateId::Limits, "{}", smaller.1);
    let worthless = refusal(&earlier, |snapshot| snapshot.block.next_base_fee = 1_000_000_000_000_000);
    assert_eq!(worthless.0, GateId::Gain, "{}", worthless.1);
}
