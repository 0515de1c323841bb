//! The three backends against each other: any sequence of operations has the same answers and leaves the same contents.

use crate::bed::Bed;
use crate::support::record_at;
use alloy_primitives::{Address, B256, Bytes};
use ballast_store::{AttemptId, CallId, Facts, State, Store, Subject};
use ballast_types::Action;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const CASES: u32 = 12;
/// Numbers of decisions, calls and attempts that operations name; some of them do not exist.
const NAMES: u8 = 4;

#[derive(Clone, Debug)]
enum Operation {
    Decide {
        block: u8,
        hold: bool,
    },
    Call {
        purpose: String,
        calldata: Vec<u8>,
    },
    Begin {
        decision: bool,
        name: u8,
    },
    /// From the state the attempt is in, or from any.
    Advance {
        attempt: u8,
        from: Option<State>,
        to: State,
        facts: Box<Facts>,
    },
    /// One step along the way to the chain: the attempt under way, or one that is settled.
    Onward {
        attempt: u8,
        tx: u8,
    },
    Note {
        attempt: u8,
        byte: u8,
    },
    /// The clock of the machine is set.
    Clock {
        ms: u32,
    },
    Reopen,
}

fn facts() -> impl Strategy<Value = Box<Facts>> {
    let first = (any::<Option<u8>>(), any::<Option<u64>>(), any::<Option<[u8; 3]>>(), any::<Option<u64>>());
    let second = (any::<Option<u8>>(), any::<Option<u64>>(), proptest::option::of("\\PC{0,9}"), any::<bool>());
    (first, second).prop_map(|((account, nonce, raw, valid_until), (tx, block, reason, null))| {
        Box::new(Facts {
            account: account.map(Address::repeat_byte),
            account_nonce: nonce,
            raw_tx: raw.map(|raw| Bytes::from(raw.to_vec())),
            valid_until,
            tx_hash: tx.map(B256::repeat_byte),
            included_block: block,
            included_hash: block.map(|_| B256::repeat_byte(5)),
            simulation: reason
                .as_ref()
                .map(|reason| if null { json!(null) } else { json!({ "why": reason, "x": 0.1 }) }),
            reason: reason.map(|reason| format!("{reason}\0'\"\\")),
            ..Facts::default()
        })
    })
}

fn operation() -> impl Strategy<Value = Operation> {
    let state = proptest::sample::select(State::ALL.to_vec());
    prop_oneof![
        2 => (0..NAMES, any::<bool>()).prop_map(|(block, hold)| Operation::Decide { block, hold }),
        1 => ("[a-z]{1,5}", any::<Vec<u8>>()).prop_map(|(purpose, calldata)| Operation::Call { purpose, calldata }),
        4 => (any::<bool>(), 0..NAMES).prop_map(|(decision, name)| Operation::Begin { decision, name }),
        2 => (0..NAMES, proptest::option::of(state.clone()), state, facts())
            .prop_map(|(attempt, from, to, facts)| Operation::Advance { attempt, from, to, facts }),
        20 => (0..NAMES, 0..3_u8).prop_map(|(attempt, tx)| Operation::Onward { attempt, tx }),
        1 => (0..NAMES, any::<u8>()).prop_map(|(attempt, byte)| Operation::Note { attempt, byte }),
        1 => any::<u32>().prop_map(|ms| Operation::Clock { ms }),
        1 => Just(Operation::Reopen),
    ]
}

/// What the store answered, as text. No error here names the store's place.
async fn apply(store: &Store, operation: &Operation, decisions: &[B256]) -> String {
    let attempt = |name: u8| AttemptId(i64::from(name) + 1);
    match operation {
        Operation::Decide { block, hold } => {
            let mut record = record_at(u64::from(*block));
            if *hold {
                record.decision.action = Action::Hold;
            }
            format!("{:?}", store.put_decision(&record).await)
        }
        Operation::Call { purpose, calldata } => {
            let calldata = Bytes::from(calldata.clone());
            format!("{:?}", store.put_call(purpose, Address::repeat_byte(7), &calldata).await)
        }
        Operation::Begin { decision, name } => {
            let known = decisions.get(usize::from(*name)).copied().unwrap_or(B256::repeat_byte(*name));
            let subject =
                if *decision { Subject::Decision(known) } else { Subject::Call(CallId(i64::from(*name) + 1)) };
            format!("{:?}", store.begin_attempt(subject, &json!({ "name": name })).await)
        }
        Operation::Advance { attempt: name, from, to, facts } => {
            let found = store.attempt(attempt(*name)).await.map(|found| found.state);
            let from = from.unwrap_or(found.unwrap_or(State::Proposed));
            format!("{:?}", store.advance(attempt(*name), from, *to, facts, &json!({ "to": to })).await)
        }
        Operation::Onward { attempt: name, tx } => {
            let open = store.open_attempts().await.unwrap().pop();
            let Some(found) = open.or(store.attempt(attempt(*name)).await.ok()) else { return "none".to_owned() };
            let Some(to) = found.state.successors(found.subject.path()).first() else { return "ended".to_owned() };
            let facts = Facts {
                raw_tx: Some(Bytes::from(vec![*tx])),
                tx_hash: Some(B256::repeat_byte(*tx)),
                account_nonce: Some(1),
                included_block: Some(2),
                ..Facts::default()
            };
            format!("{:?}", store.advance(found.id, found.state, *to, &facts, &json!({})).await)
        }
        Operation::Note { attempt: name, byte } => {
            format!("{:?}", store.note_bundle(attempt(*name), B256::repeat_byte(*byte)).await)
        }
        Operation::Clock { .. } | Operation::Reopen => String::new(),
    }
}

/// Everything that can be read, as text.
async fn contents(store: &Store, decisions: &[B256]) -> String {
    let mut told = vec![
        format!("{:?}", store.decisions(3).await.unwrap()),
        format!("{:?}", store.calls(3).await.unwrap()),
        format!("{:?}", store.open_attempts().await.unwrap()),
        format!("{:?}", store.signed_and_missing(2).await.unwrap()),
        format!("{:?}", store.refusals_by_gate().await.unwrap()),
        format!("{:?}", store.verify_audit(None).await.unwrap()),
    ];
    for hash in decisions {
        told.push(format!("{:?}", store.decision(*hash).await.unwrap()));
        told.push(format!("{:?}", store.attempts(Subject::Decision(*hash)).await.unwrap()));
    }
    for name in 0..NAMES {
        let id = i64::from(name) + 1;
        told.push(format!("{:?}", store.attempts(Subject::Call(CallId(id))).await.unwrap()));
        told.push(format!("{:?}", store.transitions(AttemptId(id)).await.unwrap()));
        told.push(format!("{:?}", store.decision_by_tx(B256::repeat_byte(name)).await.unwrap()));
    }
    told.join("\n")
}

async fn hold_against_each_other(operations: &[Operation]) -> Result<bool, TestCaseError> {
    let beds = [Bed::memory().await, Bed::sqlite().await, Bed::postgres().await];
    let now = Arc::new(AtomicU64::new(1_000));
    let open = async |bed: &Bed| {
        let clock = now.clone();
        bed.open().await.with_clock(Arc::new(move || clock.load(Ordering::Relaxed)))
    };
    let mut stores = Vec::new();
    for bed in &beds {
        stores.push(open(bed).await);
    }
    let mut decisions: Vec<B256> = Vec::new();
    let mut landed = false;
    for operation in operations {
        now.fetch_add(1, Ordering::Relaxed);
        match operation {
            Operation::Clock { ms } => now.store(u64::from(*ms), Ordering::Relaxed),
            Operation::Reopen => {
                for (store, bed) in stores.iter_mut().zip(&beds) {
                    let closing = std::mem::replace(store, Store::in_memory().unwrap());
                    closing.close().await;
                    *store = open(bed).await;
                }
            }
            _ => {}
        }
        let model = apply(&stores[0], operation, &decisions).await;
        for (store, bed) in stores.iter().zip(&beds).skip(1) {
            let found = apply(store, operation, &decisions).await;
            prop_assert_eq!(&found, &model, "{:?} on {}", operation, bed.location());
        }
        let known = stores[0].decisions(99).await.unwrap();
        decisions = known.iter().rev().map(|stored| stored.hash).collect();
        landed |= stores[0].open_attempts().await.unwrap().iter().any(|attempt| attempt.state == State::Included);
    }
    let model = contents(&stores[0], &decisions).await;
    for (store, bed) in stores.iter().zip(&beds).skip(1) {
        prop_assert_eq!(&contents(store, &decisions).await, &model, "contents of {}", bed.location());
    }
    let audit = stores[0].verify_audit(None).await.unwrap();
    prop_assert_eq!(audit.fault, None);
    for store in stores {
        store.close().await;
    }
    Ok(landed)
}

// SPEC X8
#[test]
fn all_backends_answer_alike_and_hold_the_same() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let landed = AtomicU64::new(0);
    let config = Config { cases: CASES, failure_persistence: None, max_shrink_iters: 200, ..Config::default() };
    TestRunner::new(config)
        .run(&proptest::collection::vec(operation(), 30..60), |operations| {
            landed.fetch_add(u64::from(runtime.block_on(hold_against_each_other(&operations))?), Ordering::Relaxed);
            Ok(())
        })
        .unwrap();
    assert!(landed.into_inner() > 0, "no sequence came as far as a landing: the operations test little");
}
