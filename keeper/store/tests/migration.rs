//! A file of schema 1 becomes one of today's, with everything that was in it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use alloy_primitives::{Address, B256, Bytes};
use ballast_store::{AttemptId, CallId, Facts, State, Store, StoreError, Subject};
use serde_json::json;
use sqlx::{ConnectOptions, Connection, sqlite::SqliteConnectOptions};
use std::path::Path;
use support::record_at;

const SCHEMA_1: &str = include_str!("../migrations/sqlite/0001_decisions_and_outbox.sql");

/// What the version before wrote: a decision that landed at its second attempt, and a call that was rejected.
async fn written_by_schema_1(path: &Path) {
    let options = SqliteConnectOptions::new().filename(path).create_if_missing(true);
    let mut connection = options.connect().await.unwrap();
    sqlx::raw_sql(SCHEMA_1).execute(&mut connection).await.unwrap();
    for (block, at) in [(1, 100_i64), (2, 90)] {
        let record = record_at(block);
        let insert = "INSERT INTO decisions VALUES ($1, 31337, $2, $3, $4, 'rebalance', $5, $6)";
        sqlx::query(insert)
            .bind(record.hash().unwrap().to_vec())
            .bind(i64::try_from(block).unwrap())
            .bind(record.snapshot.block.hash.to_vec())
            .bind(i64::try_from(record.snapshot.block.timestamp).unwrap())
            .bind(record.to_canonical().unwrap())
            .bind(at)
            .execute(&mut connection)
            .await
            .unwrap();
        for (position, gate) in (0_i64..).zip(&record.decision.gates) {
            sqlx::query("INSERT INTO gates VALUES ($1, $2, $3, $4, $5)")
                .bind(record.hash().unwrap().to_vec())
                .bind(position)
                .bind(gate.id.to_string())
                .bind(gate.passed)
                .bind(&gate.detail)
                .execute(&mut connection)
                .await
                .unwrap();
        }
    }
    let script = "INSERT INTO calls VALUES (1, 'checkpoint', zeroblob(20), x'0102', 105);
        INSERT INTO attempts (id, decision, number, state, reason, updated_ms)
            SELECT 1, hash, 1, 'expired', 'late', 111 FROM decisions WHERE created_ms = 100;
        INSERT INTO attempts (id, decision, number, state, account, account_nonce, simulation, raw_tx, tx_hash, included_block,
                included_hash, updated_ms)
            SELECT 2, hash, 2, 'included', zeroblob(20), 3, '{\"gas\":7}', x'02', zeroblob(32), 11, zeroblob(32), 122
            FROM decisions WHERE created_ms = 100;
        INSERT INTO transitions (attempt, from_state, to_state, at_ms, detail) VALUES
            (1, NULL, 'proposed', 110, '{}'), (1, 'proposed', 'expired', 111, '{\"reason\":\"late\"}'),
            (2, NULL, 'proposed', 115, '{}'), (2, 'proposed', 'gated', 116, '{}'), (2, 'gated', 'presimulated', 117, '{}'),
            (2, 'presimulated', 'attested', 118, '{}'), (2, 'attested', 'simulated', 119, '{}'),
            (2, 'simulated', 'signed', 120, '{}'), (2, 'signed', 'submitted', 121, '{}'),
            (2, 'submitted', 'included', 122, '{\"block\":11}');
        PRAGMA application_id = 1112298324; PRAGMA user_version = 1;";
    sqlx::raw_sql(script).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

// SPEC X8
#[tokio::test]
async fn everything_of_schema_1_is_kept_and_chained() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keeper.db");
    written_by_schema_1(&path).await;
    let older = Store::open_read_only(&path).await.unwrap_err();
    assert!(matches!(older, StoreError::OlderSchema { found: 1, known: 3, .. }), "{older}");

    let store = Store::open(&path).await.unwrap();
    let audit = store.verify_audit(None).await.unwrap();
    assert_eq!(audit.fault, None);
    assert_eq!(audit.head.seq, 2 + 1 + 10 + 2, "decisions, the call, steps, and a note for each attempt");
    let blocks: Vec<u64> =
        store.decisions(9).await.unwrap().iter().map(|stored| stored.record.snapshot.block.number).collect();
    assert_eq!(blocks, [1, 2], "newest first, by the time they were written");
    assert_eq!(store.call(CallId(1)).await.unwrap().calldata, Bytes::from(vec![1, 2]));

    let attempts = store.attempts(Subject::Decision(record_at(1).hash().unwrap())).await.unwrap();
    assert_eq!((attempts.len(), attempts[1].state, attempts[1].updated_ms), (2, State::Included, 122));
    let late = Facts { reason: Some("late".to_owned()), ..Facts::default() };
    assert_eq!(attempts[0].facts, late);
    let landed = Facts {
        account: Some(Address::ZERO),
        account_nonce: Some(3),
        simulation: Some(json!({ "gas": 7 })),
        raw_tx: Some(Bytes::from(vec![2])),
        tx_hash: Some(B256::ZERO),
        included_block: Some(11),
        included_hash: Some(B256::ZERO),
        ..Facts::default()
    };
    assert_eq!(attempts[1].facts, landed);
    let steps = store.transitions(AttemptId(2)).await.unwrap();
    assert_eq!((steps.len(), steps[7].at_ms, &steps[7].detail), (8, 122, &json!({ "block": 11 })));

    // It goes on where it was.
    store.advance(AttemptId(2), State::Included, State::Final, &Facts::default(), &json!({})).await.unwrap();
    store.close().await;
    let store = Store::open(&path).await.unwrap();
    assert_eq!(store.verify_audit(Some(audit.head.hash)).await.unwrap().fault, None);
    let other = Subject::Decision(record_at(2).hash().unwrap());
    assert_eq!(store.begin_attempt(other, &json!({})).await.unwrap().id, AttemptId(3));
}

#[tokio::test]
async fn a_migration_that_fails_leaves_schema_1() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keeper.db");
    written_by_schema_1(&path).await;
    let mut intruder = SqliteConnectOptions::new().filename(&path).connect().await.unwrap();
    let spoil = "DROP TRIGGER transitions_are_not_changed; UPDATE transitions SET to_state = 'lost' WHERE id = 3";
    sqlx::raw_sql(spoil).execute(&mut intruder).await.unwrap();
    intruder.close().await.unwrap();
    let refused = Store::open(&path).await.unwrap_err();
    assert!(refused.to_string().contains("\"lost\" is not a state"), "{refused}");
    let older = Store::open_read_only(&path).await.unwrap_err();
    assert!(matches!(older, StoreError::OlderSchema { found: 1, .. }), "{older}");
}
