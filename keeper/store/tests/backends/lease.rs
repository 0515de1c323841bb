//! One writer: the lease, a standby, and what becomes of a writer that was taken over.
// SPEC Y2

use crate::bed::{Bed, on_every_database};
use crate::postgres::server;
use crate::support::record_at;
use ballast_store::{Location, Store, StoreError};
use std::time::Duration;
use tokio::time::timeout;

const POLL: Duration = Duration::from_millis(20);

on_every_database! {
    a_standby_opens_when_the_writer_is_gone
    a_standby_without_patience_says_how_long_it_waited
    a_write_of_an_older_epoch_is_refused
}

async fn a_standby_opens_when_the_writer_is_gone(bed: Bed) {
    let leader = bed.open().await;
    let location = bed.location();
    let standby = tokio::spawn(async move { Store::open_when_free(&location, POLL, None).await });
    tokio::time::sleep(10 * POLL).await;
    leader.put_decision(&record_at(1)).await.unwrap();
    assert!(!standby.is_finished(), "the leader lives");
    leader.close().await;
    let standby = timeout(Duration::from_secs(15), standby).await.expect("15 s").unwrap().unwrap();
    standby.put_decision(&record_at(2)).await.unwrap();
    assert_eq!(standby.decisions(9).await.unwrap().len(), 2);
}

async fn a_standby_without_patience_says_how_long_it_waited(bed: Bed) {
    let _leader = bed.open().await;
    let patience = Some(Duration::from_millis(60));
    let refused = Store::open_when_free(&bed.location(), POLL, patience).await.unwrap_err();
    assert!(matches!(refused, StoreError::NeverFree { waited_ms: 60.., .. }), "{refused}");
}

/// Whatever became of the lock: a file that was deleted, a pooler between us and the server.
async fn a_write_of_an_older_epoch_is_refused(bed: Bed) {
    let old = bed.open().await;
    old.put_decision(&record_at(1)).await.unwrap();
    let new = match bed.location() {
        Location::Sqlite(path) => {
            std::fs::remove_file(path.with_extension("db.lock")).unwrap();
            Some(bed.open().await)
        }
        Location::Postgres(url) => {
            let mut intruder = server().connect(url.to_string().rsplit('/').next().unwrap()).await;
            sqlx::raw_sql("UPDATE ballast.lease SET epoch = epoch + 1").execute(&mut intruder).await.unwrap();
            None
        }
        Location::Memory => panic!("no database"),
    };
    for _ in 0..2 {
        let refused = old.put_decision(&record_at(2)).await.unwrap_err();
        assert!(matches!(&refused, StoreError::LeaseLost { location } if *location == bed.location()), "{refused}");
    }
    if let Some(new) = new {
        new.put_decision(&record_at(3)).await.unwrap();
    }
    let blocks: Vec<u64> =
        old.decisions(9).await.unwrap().iter().map(|stored| stored.record.snapshot.block.number).collect();
    assert!(!blocks.contains(&2), "{blocks:?}");
}

#[tokio::test]
async fn a_writer_whose_connection_is_cut_writes_nothing_more() {
    let bed = Bed::postgres().await;
    let Location::Postgres(url) = bed.location() else { panic!() };
    let old = bed.open().await;
    old.put_decision(&record_at(1)).await.unwrap();
    let mut other = server().connect(url.to_string().rsplit('/').next().unwrap()).await;
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND database =
        (SELECT oid FROM pg_database WHERE datname = current_database())";
    sqlx::raw_sql(cut).execute(&mut other).await.unwrap();
    // Nobody has taken over yet, and still nothing is written: the lock is gone.
    for _ in 0..3 {
        let refused = old.put_decision(&record_at(2)).await.unwrap_err();
        assert!(matches!(refused, StoreError::LeaseLost { .. }), "{refused}");
        assert!(refused.to_string().contains("start again"), "{refused}");
    }
    let new = Store::open_when_free(&bed.location(), POLL, Some(Duration::from_secs(15))).await.unwrap();
    new.put_decision(&record_at(3)).await.unwrap();
    assert!(matches!(old.put_decision(&record_at(4)).await, Err(StoreError::LeaseLost { .. })));
    assert_eq!(new.decisions(9).await.unwrap().len(), 2);
    assert_eq!(old.decisions(9).await.unwrap().len(), 2, "reading goes on");
    assert_eq!(new.verify_audit(None).await.unwrap().fault, None);
}

#[tokio::test]
async fn a_write_that_was_given_up_half_way_leaves_nothing_and_blocks_nobody() {
    let bed = Bed::postgres().await;
    let store = bed.open().await;
    for block in 1..40_u32 {
        let patience = Duration::from_micros(u64::from(block) * 40);
        drop(timeout(patience, store.put_decision(&record_at(u64::from(block)))).await);
    }
    store.put_decision(&record_at(99)).await.unwrap();
    assert_eq!(store.verify_audit(None).await.unwrap().fault, None);
}
