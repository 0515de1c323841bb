//! The store in memory: what a simulation needs of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use ballast_store::{Entry, MemoryDisk, State, Store, StoreError, Subject, WriteFault};
use serde_json::json;
use std::future::Future;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use support::record_at;

/// Polls once: a future of the memory store waits for nothing.
fn at_once<T>(future: impl Future<Output = T>) -> T {
    let mut future = Box::pin(future);
    match future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("it waited"),
    }
}

// SPEC X8
#[test]
fn what_was_written_survives_the_store_and_needs_no_runtime() {
    let disk = MemoryDisk::new();
    let store = disk.open().unwrap();
    let decision = at_once(store.put_decision(&record_at(1))).unwrap();
    let attempt = at_once(store.begin_attempt(Subject::Decision(decision), &json!({}))).unwrap();
    at_once(store.advance(attempt.id, State::Proposed, State::Gated, &Default::default(), &json!({}))).unwrap();
    drop(store);
    let again = disk.open().unwrap();
    assert_eq!(at_once(again.open_attempts()).unwrap()[0].state, State::Gated);
    assert_eq!(at_once(again.transitions(attempt.id)).unwrap().len(), 2);
}

// SPEC Y2
#[test]
fn a_disk_has_one_writer_at_a_time() {
    let disk = MemoryDisk::new();
    let first = disk.open().unwrap();
    assert!(matches!(disk.clone().open(), Err(StoreError::Locked { .. })));
    drop(first);
    let second = disk.open().unwrap();
    at_once(second.put_decision(&record_at(1))).unwrap();
}

// SPEC Y2
#[test]
fn who_lost_the_lease_writes_nothing_even_when_it_is_free_again() {
    let disk = MemoryDisk::new();
    let first = disk.open().unwrap();
    disk.break_lease();
    assert!(matches!(at_once(first.put_decision(&record_at(1))), Err(StoreError::LeaseLost { .. })));
    let second = disk.open().unwrap();
    at_once(second.put_decision(&record_at(2))).unwrap();
    assert!(matches!(at_once(first.put_decision(&record_at(1))), Err(StoreError::LeaseLost { .. })));
    // The end of the old one does not take the lease from the new one.
    drop(first);
    assert!(matches!(disk.open(), Err(StoreError::Locked { .. })));
    at_once(second.put_decision(&record_at(3))).unwrap();
    assert_eq!(at_once(second.decisions(9)).unwrap().len(), 2);
}

#[test]
fn a_write_can_be_made_to_fail_and_leaves_nothing() {
    let disk = MemoryDisk::new();
    let store = disk.open().unwrap();
    let decision = at_once(store.put_decision(&record_at(1))).unwrap();
    let attempt = at_once(store.begin_attempt(Subject::Decision(decision), &json!({}))).unwrap();
    let gate = || at_once(store.advance(attempt.id, State::Proposed, State::Gated, &Default::default(), &json!({})));
    disk.on_write(|_| Err(WriteFault::DiskFull));
    assert!(matches!(gate(), Err(StoreError::Full { .. })));
    disk.on_write(|_| Err(WriteFault::Failed("no".to_owned())));
    assert!(matches!(gate(), Err(StoreError::Unwritable { detail }) if detail == "no"));
    assert_eq!(at_once(store.attempt(attempt.id)).unwrap(), attempt);
    assert_eq!(at_once(store.transitions(attempt.id)).unwrap().len(), 1);
    disk.on_write(|_| Ok(()));
    gate().unwrap();
}

#[test]
fn a_lost_reply_is_a_write_that_happened() {
    let disk = MemoryDisk::new();
    let store = disk.open().unwrap();
    disk.on_write(|_| Err(WriteFault::ReplyLost));
    assert!(matches!(at_once(store.put_decision(&record_at(1))), Err(StoreError::LeaseLost { .. })));
    let again = disk.open().unwrap();
    assert_eq!(at_once(again.decisions(9)).unwrap().len(), 1);
}

#[test]
fn a_hook_sees_every_write_and_the_clock_is_the_simulations() {
    let now = Arc::new(AtomicU64::new(5));
    let clock = now.clone();
    let disk = MemoryDisk::with_clock(Arc::new(move || clock.load(Ordering::Relaxed)));
    let seen = Arc::new(Mutex::new(Vec::<Entry>::new()));
    let sink = seen.clone();
    disk.on_write(move |entry| {
        sink.lock().unwrap().push(entry.clone());
        Ok(())
    });
    let store = disk.open().unwrap();
    let decision = at_once(store.put_decision(&record_at(1))).unwrap();
    now.store(7, Ordering::Relaxed);
    let attempt = at_once(store.begin_attempt(Subject::Decision(decision), &json!({}))).unwrap();
    assert_eq!(at_once(store.decision(decision)).unwrap().unwrap().created_ms, 5);
    assert_eq!(attempt.updated_ms, 7);
    let kinds: Vec<_> = seen.lock().unwrap().iter().map(Entry::kind).collect();
    assert_eq!(kinds, ["decision", "begun"]);
}

#[test]
fn a_copy_goes_its_own_way() {
    let disk = MemoryDisk::new();
    let store = disk.open().unwrap();
    at_once(store.put_decision(&record_at(1))).unwrap();
    let copy = at_once(disk.copy()).open().unwrap();
    at_once(store.put_decision(&record_at(2))).unwrap();
    assert_eq!(at_once(copy.decisions(9)).unwrap().len(), 1);
    assert_eq!(at_once(disk.open_read_only().decisions(9)).unwrap().len(), 2);
}

#[test]
fn a_reader_does_not_write() {
    let disk = MemoryDisk::new();
    assert!(matches!(at_once(disk.open_read_only().put_decision(&record_at(1))), Err(StoreError::ReadOnly)));
    let store = Store::in_memory().unwrap();
    at_once(store.put_decision(&record_at(1))).unwrap();
}
