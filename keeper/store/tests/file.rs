//! Opening, the lease, and files that are not a store.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use ballast_store::{Location, SCHEMA_VERSION, Store, StoreError};
use sqlx::{ConnectOptions, Connection, sqlite::SqliteConnectOptions};
use std::path::Path;
use support::record_at;

async fn execute(path: &Path, statement: &'static str) {
    let mut connection = SqliteConnectOptions::new().filename(path).create_if_missing(true).connect().await.unwrap();
    sqlx::raw_sql(statement).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

// SPEC Y2
#[tokio::test]
async fn a_second_writer_is_refused_until_the_first_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keeper.db");
    let first = Store::open(&path).await.unwrap();
    let refused = Store::open(&path).await.unwrap_err();
    assert!(
        matches!(&refused, StoreError::Locked { location: Location::Sqlite(locked) } if *locked == path),
        "{refused}"
    );
    first.close().await;
    Store::open(&path).await.unwrap();
}

#[tokio::test]
async fn a_reader_reads_beside_the_writer_and_cannot_write() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keeper.db");
    let writer = Store::open(&path).await.unwrap();
    let reader = Store::open_read_only(&path).await.unwrap();
    let record = record_at(1);
    let id = writer.put_decision(&record).await.unwrap();
    assert_eq!(reader.decision(id).await.unwrap().unwrap().record, record);
    assert!(matches!(reader.put_decision(&record_at(2)).await, Err(StoreError::ReadOnly)));
}

#[tokio::test]
async fn a_reader_reads_what_a_gone_writer_left() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keeper.db");
    let writer = Store::open(&path).await.unwrap();
    let id = writer.put_decision(&record_at(1)).await.unwrap();
    writer.close().await;
    let reader = Store::open_read_only(&path).await.unwrap();
    assert!(reader.decision(id).await.unwrap().is_some());
}

#[tokio::test]
async fn reading_creates_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("absent.db");
    assert!(matches!(Store::open_read_only(&path).await, Err(StoreError::Missing { .. })));
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn an_empty_file_becomes_a_store() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keeper.db");
    std::fs::write(&path, b"").unwrap();
    let store = Store::open(&path).await.unwrap();
    store.put_decision(&record_at(1)).await.unwrap();
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_untouched() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("notes.txt");
    for content in [&b"short"[..], &[b'x'; 4_096][..]] {
        std::fs::write(&path, content).unwrap();
        assert!(matches!(Store::open(&path).await, Err(StoreError::NotADatabase { .. })));
        assert!(matches!(Store::open_read_only(&path).await, Err(StoreError::NotADatabase { .. })));
        assert_eq!(std::fs::read(&path).unwrap(), content);
    }
}

#[tokio::test]
async fn a_folder_and_a_path_into_nowhere_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let directory = folder.path().join("keeper.db");
    std::fs::create_dir(&directory).unwrap();
    assert!(matches!(Store::open(&directory).await, Err(StoreError::Unreadable { .. })));
    let nowhere = folder.path().join("absent").join("keeper.db");
    assert!(matches!(Store::open(&nowhere).await, Err(StoreError::Unreadable { .. })));
}

#[tokio::test]
async fn the_database_of_another_program_is_refused_untouched() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("other.db");
    execute(&path, "CREATE TABLE songs (title TEXT)").await;
    let before = std::fs::read(&path).unwrap();
    assert!(matches!(Store::open(&path).await, Err(StoreError::Foreign { .. })));
    assert!(matches!(Store::open_read_only(&path).await, Err(StoreError::Foreign { .. })));
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn a_newer_schema_is_refused_untouched() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keeper.db");
    Store::open(&path).await.unwrap().close().await;
    execute(&path, "PRAGMA user_version = 999").await;
    let before = std::fs::read(&path).unwrap();
    let refused = Store::open(&path).await.unwrap_err();
    assert!(
        matches!(refused, StoreError::NewerSchema { found: 999, known, .. } if known == SCHEMA_VERSION),
        "{refused}"
    );
    assert!(matches!(Store::open_read_only(&path).await, Err(StoreError::NewerSchema { .. })));
    assert_eq!(std::fs::read(&path).unwrap(), before);
}

#[tokio::test]
async fn a_damaged_store_is_refused_untouched() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keeper.db");
    let store = Store::open(&path).await.unwrap();
    for block in 0..50 {
        store.put_decision(&record_at(block)).await.unwrap();
    }
    store.close().await;
    let mut bytes = std::fs::read(&path).unwrap();
    let half = bytes.len() / 2;
    bytes[half..].fill(0xa5);
    std::fs::write(&path, &bytes).unwrap();
    let refused = Store::open(&path).await.unwrap_err();
    assert!(matches!(refused, StoreError::Corrupt { .. }), "{refused}");
    assert_eq!(std::fs::read(&path).unwrap(), bytes);

    std::fs::write(&path, &bytes[..half / 4_096 * 4_096 - 4_096]).unwrap();
    let refused = Store::open(&path).await.unwrap_err();
    assert!(matches!(refused, StoreError::Corrupt { .. }), "{refused}");
}
