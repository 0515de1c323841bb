//! The audit log: it says what was done, and whoever changes a row is found out.

use crate::bed::{Bed, on_every_backend};
use crate::support::record_at;
use alloy_primitives::{Address, B256, Bytes};
use ballast_store::{Audit, Facts, State, Store, Subject};
use serde_json::json;

on_every_backend! {
    what_was_written_is_what_the_log_says
    an_empty_store_has_the_zero_head
    a_head_that_was_noted_stays_in_the_chain
    a_head_that_is_not_in_the_chain_is_a_cut_tail
}

/// Two decisions with gates, one of which lands at its second attempt, and a call that does not.
pub(crate) async fn history(store: &Store) {
    let landed = Subject::Decision(store.put_decision(&record_at(1)).await.unwrap());
    store.put_decision(&record_at(2)).await.unwrap();
    let call = store.put_call("checkpoint", Address::repeat_byte(4), &Bytes::from(vec![1, 2])).await.unwrap();
    let first = store.begin_attempt(landed, &json!({ "try": 1 })).await.unwrap();
    let why = Facts { reason: Some("late".to_owned()), ..Facts::default() };
    store.advance(first.id, State::Proposed, State::Expired, &why, &json!({})).await.unwrap();
    let second = store.begin_attempt(landed, &json!({ "try": 2 })).await.unwrap();
    let signed = Facts {
        account: Some(Address::repeat_byte(9)),
        account_nonce: Some(3),
        raw_tx: Some(Bytes::from(vec![2, 3])),
        tx_hash: Some(B256::repeat_byte(8)),
        simulation: Some(json!({ "gas": 7 })),
        ..Facts::default()
    };
    let included = Facts { included_block: Some(11), ..Facts::default() };
    let mut from = State::Proposed;
    for to in [State::Gated, State::Presimulated, State::Attested, State::Simulated, State::Signed, State::Submitted] {
        let facts = if to == State::Signed { signed.clone() } else { Facts::default() };
        store.advance(second.id, from, to, &facts, &json!({})).await.unwrap();
        from = to;
    }
    store.note_bundle(second.id, B256::repeat_byte(0xcc)).await.unwrap();
    store.advance(second.id, from, State::Included, &included, &json!({})).await.unwrap();
    store.advance(second.id, State::Included, State::Final, &Facts::default(), &json!({})).await.unwrap();
    let third = store.begin_attempt(Subject::Call(call), &json!({})).await.unwrap();
    store.advance(third.id, State::Proposed, State::Rejected, &Facts::default(), &json!({})).await.unwrap();
}

pub(crate) async fn verdict(store: &Store) -> Audit {
    store.verify_audit(None).await.unwrap()
}

// SPEC X8
async fn what_was_written_is_what_the_log_says(bed: Bed) {
    let store = bed.open().await;
    history(&store).await;
    let audit = verdict(&store).await;
    assert_eq!(audit.fault, None);
    assert_eq!(audit.head, store.audit_head().await.unwrap());
    assert_eq!(audit.head.seq, 17);
    assert_eq!(verdict(&bed.reader().await).await, audit);
}

async fn an_empty_store_has_the_zero_head(bed: Bed) {
    let audit = bed.open().await.verify_audit(Some(B256::ZERO)).await.unwrap();
    assert_eq!((audit.head.seq, audit.head.hash, audit.fault), (0, B256::ZERO, None));
}

async fn a_head_that_was_noted_stays_in_the_chain(bed: Bed) {
    let store = bed.open().await;
    store.put_decision(&record_at(9)).await.unwrap();
    let noted = store.audit_head().await.unwrap();
    history(&store).await;
    let audit = store.verify_audit(Some(noted.hash)).await.unwrap();
    assert_eq!((audit.expected_at, audit.fault), (Some(1), None));
}

async fn a_head_that_is_not_in_the_chain_is_a_cut_tail(bed: Bed) {
    let store = bed.open().await;
    history(&store).await;
    let fault = store.verify_audit(Some(B256::repeat_byte(1))).await.unwrap().fault.unwrap();
    assert_eq!((fault.table, fault.row.as_str()), ("audit", "17"));
    assert!(fault.what.contains("newest entries were removed"), "{fault}");
}
