//! Decision records: written once, never changed, read only if they are what was written.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use ballast_store::{Store, StoreError};
use ballast_types::{Action, B256};
use sqlx::{ConnectOptions, Connection, sqlite::SqliteConnectOptions};
use support::record_at;

#[tokio::test]
async fn a_record_is_stored_once_under_its_hash() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path().join("keeper.db")).await.unwrap();
    let record = record_at(7);
    let id = store.put_decision(&record).await.unwrap();
    assert_eq!(id, record.hash().unwrap());
    let first = store.decision(id).await.unwrap().unwrap();
    assert_eq!(first.bytes, record.to_canonical().unwrap());

    assert_eq!(store.put_decision(&record).await.unwrap(), id);
    assert_eq!(store.decision(id).await.unwrap().unwrap(), first);
    assert_eq!(store.decisions(10).await.unwrap().len(), 1);
    assert_eq!(store.refusals_by_gate().await.unwrap(), [("gain".to_owned(), 1)]);
    assert_eq!(store.decision(B256::ZERO).await.unwrap(), None);
}

#[tokio::test]
async fn the_newest_records_come_first() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path().join("keeper.db")).await.unwrap();
    for block in 1..=4 {
        let mut record = record_at(block);
        if block % 2 == 0 {
            record.decision.action = Action::Hold;
        }
        store.put_decision(&record).await.unwrap();
    }
    let blocks: Vec<u64> =
        store.decisions(3).await.unwrap().iter().map(|stored| stored.record.snapshot.block.number).collect();
    assert_eq!(blocks, [4, 3, 2]);
}

#[tokio::test]
async fn a_changed_row_is_reported_and_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keeper.db");
    let store = Store::open(&path).await.unwrap();
    let id = store.put_decision(&record_at(1)).await.unwrap();

    let mut intruder = SqliteConnectOptions::new().filename(&path).connect().await.unwrap();
    let refused = sqlx::raw_sql("UPDATE decisions SET record = zeroblob(8)").execute(&mut intruder).await;
    assert!(refused.unwrap_err().to_string().contains("append-only"));
    sqlx::raw_sql("DROP TRIGGER records_are_not_changed").execute(&mut intruder).await.unwrap();
    let mut bytes = record_at(1).to_canonical().unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    sqlx::query("UPDATE decisions SET record = ?").bind(bytes).execute(&mut intruder).await.unwrap();
    intruder.close().await.unwrap();

    assert!(matches!(store.decision(id).await, Err(StoreError::Tampered { hash, .. }) if hash == id));
    assert!(matches!(store.decisions(1).await, Err(StoreError::Tampered { .. })));
}
