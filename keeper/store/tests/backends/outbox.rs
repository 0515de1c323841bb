//! The outbox: every step is one compare-and-set, and only legal steps exist.

use crate::bed::{Bed, on_every_backend};
use crate::support::record_at;
use alloy_primitives::{Address, B256, Bytes};
use ballast_store::{Attempt, Facts, State, Store, StoreError, Subject};
use serde_json::json;

on_every_backend! {
    every_step_is_kept_with_its_facts
    a_zero_byte_in_what_others_say_keeps_no_signed_step_from_being_stored
    a_step_from_a_state_that_has_passed_changes_nothing
    of_many_writers_of_one_step_exactly_one_wins
    an_illegal_step_is_refused_from_every_state
    nothing_counts_as_signed_without_its_bytes
    there_is_one_attempt_under_way_and_a_decision_is_retried_only_after_expiry
    two_attempts_of_one_decision_cannot_both_be_on_chain
    a_call_goes_from_proposed_to_simulated
    what_was_written_is_there_for_the_next_writer
    an_attempt_found_late_waits_for_the_one_under_way
    while_one_waits_for_the_safe_calls_go_on_and_decisions_do_not
    what_is_not_there_is_said
}

async fn proposed(store: &Store, block: u64) -> Attempt {
    let decision = store.put_decision(&record_at(block)).await.unwrap();
    store.begin_attempt(Subject::Decision(decision), &json!({})).await.unwrap()
}

fn signed(byte: u8) -> Facts {
    Facts {
        account: Some(Address::repeat_byte(9)),
        account_nonce: Some(3),
        raw_tx: Some(Bytes::from(vec![2, byte])),
        tx_hash: Some(B256::repeat_byte(byte)),
        target_block: Some(11),
        ..Facts::default()
    }
}

fn included() -> Facts {
    Facts { included_block: Some(11), included_hash: Some(B256::repeat_byte(0xbb)), ..Facts::default() }
}

/// Walks an attempt along `states`, with signed bytes at `signed` and a block at `included`.
async fn walk(store: &Store, attempt: &Attempt, states: &[State], byte: u8) {
    let mut from = State::Proposed;
    for to in states.iter().copied() {
        let facts = match to {
            State::Signed => signed(byte),
            State::Included | State::Reverted => included(),
            _ => Facts::default(),
        };
        store.advance(attempt.id, from, to, &facts, &json!({ "step": to })).await.unwrap();
        from = to;
    }
}

const TO_SUBMITTED: [State; 6] =
    [State::Gated, State::Presimulated, State::Attested, State::Simulated, State::Signed, State::Submitted];

// SPEC X8
async fn every_step_is_kept_with_its_facts(bed: Bed) {
    let store = bed.open().await;
    let attempt = proposed(&store, 1).await;
    walk(&store, &attempt, &TO_SUBMITTED, 7).await;
    store.note_bundle(attempt.id, B256::repeat_byte(0xcc)).await.unwrap();
    store.advance(attempt.id, State::Submitted, State::Included, &included(), &json!({})).await.unwrap();
    let facts = Facts { reconciliation: Some(json!({ "logs_equal": true })), ..Facts::default() };
    store.advance(attempt.id, State::Included, State::Final, &facts, &json!({ "depth": 1 })).await.unwrap();

    let read = store.attempt(attempt.id).await.unwrap();
    assert_eq!(read.state, State::Final);
    assert_eq!(
        read.facts,
        Facts {
            bundle_hash: Some(B256::repeat_byte(0xcc)),
            included_block: Some(11),
            included_hash: Some(B256::repeat_byte(0xbb)),
            reconciliation: Some(json!({ "logs_equal": true })),
            ..signed(7)
        }
    );
    let steps = store.transitions(attempt.id).await.unwrap();
    let path: Vec<_> = steps.iter().map(|step| (step.from, step.to)).collect();
    assert_eq!(path.len(), 9);
    assert_eq!(path[0], (None, State::Proposed));
    assert!(path.windows(2).all(|pair| pair[1].0 == Some(pair[0].1)));
    assert_eq!(steps[8].detail, json!({ "depth": 1 }));
    let Subject::Decision(decision) = attempt.subject else { panic!() };
    assert_eq!(store.decision_by_tx(B256::repeat_byte(7)).await.unwrap().unwrap().hash, decision);
}

// SPEC X8
async fn a_zero_byte_in_what_others_say_keeps_no_signed_step_from_being_stored(bed: Bed) {
    let store = bed.open().await;
    let attempt = proposed(&store, 1).await;
    walk(&store, &attempt, &TO_SUBMITTED[..4], 1).await;
    let facts = Facts {
        simulation: Some(json!({ "re\0vert": ["a\0b", { "gas": 1 }] })),
        reason: Some("the node said \0".into()),
        ..signed(1)
    };
    store.advance(attempt.id, State::Simulated, State::Signed, &facts, &json!({ "said": "\0" })).await.unwrap();
    let stored = store.attempt(attempt.id).await.unwrap().facts;
    assert_eq!(stored.simulation, Some(json!({ "re\u{fffd}vert": ["a\u{fffd}b", { "gas": 1 }] })));
    assert_eq!(stored.reason.as_deref(), Some("the node said \u{fffd}"));
    store.verify_audit(None).await.unwrap();
}

// SPEC X8
async fn a_step_from_a_state_that_has_passed_changes_nothing(bed: Bed) {
    let store = bed.open().await;
    let attempt = proposed(&store, 1).await;
    walk(&store, &attempt, &[State::Gated], 0).await;
    let late = store.advance(attempt.id, State::Proposed, State::Rejected, &Facts::default(), &json!({})).await;
    assert!(matches!(late, Err(StoreError::StateConflict { expected: State::Proposed, found: State::Gated, .. })));
    assert_eq!(store.attempt(attempt.id).await.unwrap().state, State::Gated);
    assert_eq!(store.transitions(attempt.id).await.unwrap().len(), 2);
}

// SPEC X8
async fn of_many_writers_of_one_step_exactly_one_wins(bed: Bed) {
    let store = bed.open().await;
    let attempt = proposed(&store, 1).await;
    let facts = Facts::default();
    let detail = json!({});
    let steps = (0..8).map(|_| store.advance(attempt.id, State::Proposed, State::Gated, &facts, &detail));
    let mut won = 0;
    for result in futures::future::join_all(steps).await {
        match result {
            Ok(()) => won += 1,
            Err(StoreError::StateConflict { .. }) => {}
            Err(other) => panic!("{other}"),
        }
    }
    assert_eq!(won, 1);
    assert_eq!(store.transitions(attempt.id).await.unwrap().len(), 2);
}

// SPEC X8
async fn an_illegal_step_is_refused_from_every_state(bed: Bed) {
    let routes: [(&[State], State); 10] = [
        (&[], State::Proposed),
        (&TO_SUBMITTED[..1], State::Gated),
        (&TO_SUBMITTED[..4], State::Simulated),
        (&TO_SUBMITTED[..5], State::Signed),
        (&TO_SUBMITTED, State::Submitted),
        (&[State::Rejected], State::Rejected),
        (&[State::Expired], State::Expired),
        (&[State::Gated, State::Presimulated], State::Presimulated),
        (&[State::Gated, State::AwaitingSafe], State::AwaitingSafe),
        (&[State::Gated, State::Presimulated, State::Attested], State::Attested),
    ];
    for (block, (route, reached)) in (1..).zip(routes) {
        let bed = bed.another().await;
        let store = bed.open().await;
        let attempt = proposed(&store, block).await;
        walk(&store, &attempt, route, 1).await;
        for to in State::ALL {
            let unsigned_landing = reached.is_settled() && to == State::Submitted;
            if reached.may_become(to, attempt.subject.path()) && !unsigned_landing {
                continue;
            }
            let step = store.advance(attempt.id, reached, to, &Facts::default(), &json!({})).await;
            assert!(
                matches!(step, Err(StoreError::IllegalTransition { from, to: refused, .. }) if from == reached && refused == to),
                "{reached} -> {to}: {step:?}"
            );
        }
        assert_eq!(store.attempt(attempt.id).await.unwrap().state, reached);
    }
}

// SPEC X8
async fn nothing_counts_as_signed_without_its_bytes(bed: Bed) {
    let store = bed.open().await;
    let attempt = proposed(&store, 1).await;
    walk(&store, &attempt, &TO_SUBMITTED[..4], 0).await;
    let step = store.advance(attempt.id, State::Simulated, State::Signed, &Facts::default(), &json!({})).await;
    assert!(matches!(step, Err(StoreError::Incomplete { missing: "raw_tx", .. })), "{step:?}");
    assert_eq!(store.attempt(attempt.id).await.unwrap().state, State::Simulated);
    assert_eq!(store.transitions(attempt.id).await.unwrap().len(), 5);
}

// SPEC X8
async fn there_is_one_attempt_under_way_and_a_decision_is_retried_only_after_expiry(bed: Bed) {
    let store = bed.open().await;
    let attempt = proposed(&store, 1).await;
    let other = Subject::Decision(store.put_decision(&record_at(2)).await.unwrap());
    assert!(matches!(store.begin_attempt(other, &json!({})).await, Err(StoreError::Busy { .. })));
    assert_eq!(store.open_attempts().await.unwrap().len(), 1);

    walk(&store, &attempt, &TO_SUBMITTED, 1).await;
    store.advance(attempt.id, State::Submitted, State::Expired, &Facts::default(), &json!({})).await.unwrap();
    let second = store.begin_attempt(attempt.subject, &json!({})).await.unwrap();
    assert_eq!((second.number, second.state), (2, State::Proposed));
    assert_eq!(store.signed_and_missing(10).await.unwrap().len(), 1);
    walk(&store, &second, &TO_SUBMITTED, 2).await;
    store.advance(second.id, State::Submitted, State::Included, &included(), &json!({})).await.unwrap();
    store.advance(second.id, State::Included, State::Final, &Facts::default(), &json!({})).await.unwrap();
    assert!(matches!(
        store.begin_attempt(attempt.subject, &json!({})).await,
        Err(StoreError::Concluded { state: State::Final, .. })
    ));
    let missing = store.signed_and_missing(10).await.unwrap();
    assert_eq!(missing.iter().map(|one| one.id).collect::<Vec<_>>(), [attempt.id], "its bytes are still about");
}

// SPEC X8
async fn two_attempts_of_one_decision_cannot_both_be_on_chain(bed: Bed) {
    let store = bed.open().await;
    let first = proposed(&store, 1).await;
    walk(&store, &first, &TO_SUBMITTED, 1).await;
    store.advance(first.id, State::Submitted, State::Expired, &Facts::default(), &json!({})).await.unwrap();
    let second = store.begin_attempt(first.subject, &json!({})).await.unwrap();
    walk(&store, &second, &TO_SUBMITTED, 2).await;
    store.advance(second.id, State::Submitted, State::Included, &included(), &json!({})).await.unwrap();
    store.advance(second.id, State::Included, State::Final, &Facts::default(), &json!({})).await.unwrap();
    store.advance(first.id, State::Expired, State::Submitted, &Facts::default(), &json!({})).await.unwrap();
    let twice = store.advance(first.id, State::Submitted, State::Included, &included(), &json!({})).await;
    assert!(matches!(twice, Err(StoreError::SecondLanding { .. })), "{twice:?}");
}

async fn a_call_goes_from_proposed_to_simulated(bed: Bed) {
    let store = bed.open().await;
    let calldata = Bytes::from(vec![1, 2, 3, 4]);
    let call = store.put_call("checkpoint", Address::repeat_byte(4), &calldata).await.unwrap();
    let attempt = store.begin_attempt(Subject::Call(call), &json!({})).await.unwrap();
    walk(&store, &attempt, &[State::Simulated, State::Signed, State::Submitted, State::Included, State::Final], 5)
        .await;
    let read = store.call(call).await.unwrap();
    assert_eq!((read.purpose.as_str(), read.calldata), ("checkpoint", calldata));
    assert_eq!(store.calls(5).await.unwrap().len(), 1);
    assert_eq!(store.attempts(Subject::Call(call)).await.unwrap()[0].state, State::Final);
}

// SPEC X8
async fn what_was_written_is_there_for_the_next_writer(bed: Bed) {
    let store = bed.open().await;
    let attempt = proposed(&store, 1).await;
    walk(&store, &attempt, &TO_SUBMITTED, 1).await;
    let before = (store.attempt(attempt.id).await.unwrap(), store.transitions(attempt.id).await.unwrap());
    store.close().await;
    let restarted = bed.open().await;
    assert_eq!(restarted.open_attempts().await.unwrap(), [before.0]);
    assert_eq!(restarted.transitions(attempt.id).await.unwrap(), before.1);
}

async fn an_attempt_found_late_waits_for_the_one_under_way(bed: Bed) {
    let store = bed.open().await;
    let first = proposed(&store, 1).await;
    walk(&store, &first, &TO_SUBMITTED, 1).await;
    store.advance(first.id, State::Submitted, State::Expired, &Facts::default(), &json!({})).await.unwrap();
    let second = store.begin_attempt(first.subject, &json!({})).await.unwrap();
    let late = store.advance(first.id, State::Expired, State::Submitted, &Facts::default(), &json!({})).await;
    assert!(matches!(late, Err(StoreError::Busy { attempt, .. }) if attempt == second.id.0), "{late:?}");
}

// SPEC X8, X15
async fn while_one_waits_for_the_safe_calls_go_on_and_decisions_do_not(bed: Bed) {
    let store = bed.open().await;
    assert_eq!(store.newest_of_decisions().await.unwrap(), None);
    let attempt = proposed(&store, 1).await;
    let asked = Facts { approval: Some(B256::repeat_byte(0xda)), ..Facts::default() };
    walk(&store, &attempt, &TO_SUBMITTED[..2], 1).await;
    store.advance(attempt.id, State::Presimulated, State::AwaitingSafe, &asked, &json!({})).await.unwrap();
    assert_eq!(store.open_attempts().await.unwrap(), []);
    let other = Subject::Decision(store.put_decision(&record_at(2)).await.unwrap());
    let refused = store.begin_attempt(other, &json!({})).await;
    assert!(
        matches!(refused, Err(StoreError::Awaiting { attempt: waiting }) if waiting == attempt.id.0),
        "{refused:?}"
    );
    let again = store.begin_attempt(attempt.subject, &json!({})).await;
    assert!(matches!(again, Err(StoreError::Concluded { state: State::AwaitingSafe, .. })), "{again:?}");

    let call = store.put_call("heartbeat", Address::repeat_byte(4), &Bytes::new()).await.unwrap();
    let call = store.begin_attempt(Subject::Call(call), &json!({})).await.unwrap();
    let early = store.advance(attempt.id, State::AwaitingSafe, State::Gated, &Facts::default(), &json!({})).await;
    assert!(matches!(early, Err(StoreError::Busy { attempt, .. }) if attempt == call.id.0), "{early:?}");
    store.advance(call.id, State::Proposed, State::Expired, &Facts::default(), &json!({})).await.unwrap();

    store.close().await;
    let store = bed.open().await;
    let waiting = store.newest_of_decisions().await.unwrap().unwrap();
    assert_eq!((waiting.id, waiting.state, waiting.facts.approval), (attempt.id, State::AwaitingSafe, asked.approval));
    store.advance(attempt.id, State::AwaitingSafe, State::Gated, &Facts::default(), &json!({})).await.unwrap();
    assert_eq!(store.open_attempts().await.unwrap().len(), 1);
    store.advance(attempt.id, State::Gated, State::Rejected, &Facts::default(), &json!({})).await.unwrap();
    store.begin_attempt(other, &json!({})).await.unwrap();
    assert_eq!(store.verify_audit(None).await.unwrap().fault, None);
}

async fn what_is_not_there_is_said(bed: Bed) {
    let store = bed.open().await;
    let unknown = Subject::Decision(B256::repeat_byte(1));
    assert!(matches!(store.begin_attempt(unknown, &json!({})).await, Err(StoreError::UnknownDecision(_))));
    let unknown = Subject::Call(ballast_store::CallId(7));
    let refused = store.begin_attempt(unknown, &json!({})).await;
    assert!(matches!(refused, Err(StoreError::Unknown { what: "call", id: 7 })));
    let none = ballast_store::AttemptId(7);
    assert!(matches!(store.attempt(none).await, Err(StoreError::Unknown { what: "attempt", id: 7 })));
    let refused = store.advance(none, State::Proposed, State::Gated, &Facts::default(), &json!({})).await;
    assert!(matches!(refused, Err(StoreError::Unknown { what: "attempt", id: 7 })));
    let refused = store.note_bundle(none, B256::ZERO).await;
    assert!(matches!(refused, Err(StoreError::Unknown { what: "attempt", id: 7 })));
}
