//! Opening, the lease, and files that are not a store.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use ballast_store::{Facts, SCHEMA_VERSION, State, Store, StoreError, Subject};
use serde_json::json;
use sqlx::{ConnectOptions, Connection, sqlite::SqliteConnectOptions};
use std::{os::unix::fs::PermissionsExt, path::Path};
use support::record_at;

async fn execute(path: &Path, statement: &'static str) {
    let mut connection = SqliteConnectOptions::new().filename(path).create_if_missing(true).connect().await.unwrap();
    sqlx::raw_sql(statement).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
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

// SPEC X8
#[tokio::test]
async fn what_was_written_is_there_after_a_restart_without_closing() {
    let folder = tempfile::tempdir().unwrap();
    let (path, copy) = (folder.path().join("keeper.db"), folder.path().join("copy.db"));
    let store = Store::open(&path).await.unwrap();
    let decision = store.put_decision(&record_at(1)).await.unwrap();
    let attempt = store.begin_attempt(Subject::Decision(decision), &json!({})).await.unwrap();
    store.advance(attempt.id, State::Proposed, State::Gated, &Facts::default(), &json!({})).await.unwrap();
    // What a killed process leaves: the file and its write-ahead log, never folded together.
    std::fs::copy(&path, &copy).unwrap();
    std::fs::copy(folder.path().join("keeper.db-wal"), folder.path().join("copy.db-wal")).unwrap();
    let restarted = Store::open(&copy).await.unwrap();
    assert_eq!(restarted.open_attempts().await.unwrap()[0].state, State::Gated);
    assert_eq!(restarted.transitions(attempt.id).await.unwrap().len(), 2);
}

#[tokio::test]
async fn the_audit_log_cannot_be_rewritten_by_accident() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keeper.db");
    let store = Store::open(&path).await.unwrap();
    store.put_decision(&record_at(1)).await.unwrap();
    let mut intruder = SqliteConnectOptions::new().filename(&path).connect().await.unwrap();
    for statement in ["UPDATE audit SET at_ms = 0", "DELETE FROM audit"] {
        let refused = sqlx::raw_sql(statement).execute(&mut intruder).await.unwrap_err();
        assert!(refused.to_string().contains("append-only"), "{refused}");
    }
}

#[tokio::test]
async fn a_full_disk_is_said_and_costs_nothing_but_the_step() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keeper.db");
    let store = Store::open_bounded(&path, 400_000).await.unwrap();
    let mut written = Vec::new();
    let full = loop {
        match store.put_decision(&record_at(u64::try_from(written.len()).unwrap())).await {
            Ok(hash) => written.push(hash),
            Err(error) => break error,
        }
        assert!(written.len() < 10_000, "the bound is not kept");
    };
    assert!(matches!(full, StoreError::Full { .. }), "{full:?}");
    assert!(full.to_string().contains("this step was not written; make room"), "{full}");
    store.close().await;
    let store = Store::open(&path).await.unwrap();
    assert_eq!(store.decisions(10_000).await.unwrap().len(), written.len());
    assert_eq!(store.verify_audit(None).await.unwrap().fault, None);
    store.put_decision(&record_at(77_777)).await.unwrap();
}

// SPEC G5
#[tokio::test]
async fn a_backup_beside_a_writer_is_whole_its_owners_alone_and_overwrites_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (path, copy) = (folder.path().join("keeper.db"), folder.path().join("backup.db"));
    let store = Store::open(&path).await.unwrap();
    let mut written = vec![store.put_decision(&record_at(1)).await.unwrap()];
    let reader = Store::open_read_only(&path).await.unwrap();
    let writing = async {
        for block in 2..40 {
            written.push(store.put_decision(&record_at(block)).await.unwrap());
        }
    };
    let (audit, ()) = tokio::join!(reader.back_up(&copy), writing);
    let audit = audit.unwrap();
    assert_eq!(audit.fault, None);
    let mode = std::fs::metadata(&copy).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode, 0o600, "{mode:o}");
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert!(!left.iter().any(|name| name.to_string_lossy().starts_with("backup.db-")), "one file alone: {left:?}");

    // It is a store like any other, of one moment: what it has is what was written first.
    let restored = Store::open(&copy).await.unwrap();
    let has = restored.decisions(100).await.unwrap();
    assert!(!has.is_empty() && has.iter().all(|decision| written.contains(&decision.hash)));
    let seen = usize::try_from(audit.head.seq).unwrap();
    assert_eq!(has.len(), seen);
    assert!(has.iter().all(|decision| written[..seen].contains(&decision.hash)));
    // The original goes on from there: the backup's head is in its chain.
    let later = store.verify_audit(Some(audit.head.hash)).await.unwrap();
    assert_eq!((later.fault, later.expected_at), (None, Some(audit.head.seq)));

    let before = std::fs::read(&copy).unwrap();
    let again = reader.back_up(&copy).await.unwrap_err();
    assert!(matches!(again, StoreError::BackupExists { .. }) && again.to_string().contains("overwrites nothing"));
    assert_eq!(std::fs::read(&copy).unwrap(), before);
    let nowhere = reader.back_up(&folder.path().join("no/backup.db")).await.unwrap_err();
    assert!(nowhere.to_string().contains("was not written"), "{nowhere}");
    assert!(matches!(Store::in_memory().unwrap().back_up(&copy).await, Err(StoreError::NotAFile { .. })));
}

#[tokio::test]
async fn a_backup_that_fails_halfway_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let (path, copy) = (folder.path().join("keeper.db"), folder.path().join("backup.db"));
    let store = Store::open(&path).await.unwrap();
    for block in 0..200 {
        store.put_decision(&record_at(block)).await.unwrap();
    }
    store.close().await;
    let reader = Store::open_read_only(&path).await.unwrap();
    // The disk loses half of it under the reader.
    let mut bytes = std::fs::read(&path).unwrap();
    let half = bytes.len() / 2;
    bytes[half..].fill(0xa5);
    std::fs::write(&path, &bytes).unwrap();
    let refused = reader.back_up(&copy).await.unwrap_err();
    assert!(matches!(refused, StoreError::Backup { .. }), "{refused:?}");
    assert!(!copy.exists());
}
