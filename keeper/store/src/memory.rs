//! The store in memory: the same rules without threads, files or real time, for simulations.
//!
//! A [`MemoryDisk`] is what would survive a crash. [`MemoryDisk::open`] gives a [`Store`] with the lease, as opening a file does;
//! dropping that store is the end of its process. No future of such a store waits for anything but another future of the same disk,
//! so that a runtime with one thread and a paused clock runs the same every time.

use crate::audit::{Entry, Head, Link};
use crate::decisions::DecisionRow;
use crate::session::{Change, Session};
use crate::store::{Backend, Clock};
use crate::{Attempt, AttemptId, Call, CallId, Location, State, Store, StoreError, StoredDecision, Subject};
use alloy_primitives::B256;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex as SyncMutex, PoisonError};
use tokio::sync::{Mutex, OwnedMutexGuard};

/// How a write of a simulated store fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WriteFault {
    /// There is no room: nothing is written, the caller gets [`StoreError::Full`].
    DiskFull,
    /// Nothing is written, the caller gets [`StoreError::Unwritable`] with this reason.
    Failed(String),
    /// It is written, but the caller never learns: the connection broke after the commit. The lease is lost, the caller gets
    /// [`StoreError::LeaseLost`].
    ReplyLost,
}

type Hook = Arc<dyn Fn(&Entry) -> Result<(), WriteFault> + Send + Sync>;

/// What outlives the stores opened on it. Clones are handles to the same contents; [`Self::copy`] is a backup.
#[derive(Clone)]
pub struct MemoryDisk {
    contents: Arc<Mutex<Contents>>,
    lease: Arc<SyncMutex<Lease>>,
    hook: Arc<SyncMutex<Option<Hook>>>,
    clock: Clock,
}

#[derive(Debug, Default)]
struct Lease {
    epoch: u64,
    held: bool,
}

impl Default for MemoryDisk {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryDisk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryDisk").field("lease", &self.lease).finish_non_exhaustive()
    }
}

impl MemoryDisk {
    /// An empty disk; rows are stamped with the system's time.
    #[must_use]
    pub fn new() -> Self {
        Self::with_clock(crate::store::system_clock())
    }

    /// An empty disk whose rows are stamped by this clock, in Unix milliseconds. Nothing is decided by the stamps.
    #[must_use]
    pub fn with_clock(clock: Clock) -> Self {
        Self { contents: Arc::default(), lease: Arc::default(), hook: Arc::default(), clock }
    }

    /// Opens it for writing.
    ///
    /// # Errors
    /// [`StoreError::Locked`] while another store writes to it that was neither dropped nor robbed of its lease.
    pub fn open(&self) -> Result<Store, StoreError> {
        let mut lease = locked(&self.lease);
        if lease.held {
            return Err(StoreError::Locked { location: Location::Memory });
        }
        *lease = Lease { epoch: lease.epoch.saturating_add(1), held: true };
        let held = HeldLease { lease: self.lease.clone(), epoch: lease.epoch };
        Ok(Store::new(Backend::Memory(Memory { disk: self.clone(), lease: Some(held) }), self.clock.clone()))
    }

    /// Opens it for reading, beside a writer or without one.
    #[must_use]
    pub fn open_read_only(&self) -> Store {
        Store::new(Backend::Memory(Memory { disk: self.clone(), lease: None }), self.clock.clone())
    }

    /// Takes the lease from whoever holds it, as a lost connection does: their writes are refused from now on with
    /// [`StoreError::LeaseLost`], and another may open.
    pub fn break_lease(&self) {
        locked(&self.lease).held = false;
    }

    /// Called before each write with what is about to be written; an error lets the write fail in that way. Replaces the hook
    /// before. It must not use the store.
    pub fn on_write(&self, hook: impl Fn(&Entry) -> Result<(), WriteFault> + Send + Sync + 'static) {
        *locked(&self.hook) = Some(Arc::new(hook));
    }

    /// A disk of its own with the same contents, without lease and hook.
    pub async fn copy(&self) -> Self {
        let contents = self.contents.lock().await.clone();
        Self { contents: Arc::new(Mutex::new(contents)), ..Self::with_clock(self.clock.clone()) }
    }
}

/// A panic of another holder leaves nothing half done behind these locks.
fn locked<T>(mutex: &SyncMutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// One opening of a disk.
#[derive(Debug)]
pub(crate) struct Memory {
    disk: MemoryDisk,
    lease: Option<HeldLease>,
}

#[derive(Debug)]
struct HeldLease {
    lease: Arc<SyncMutex<Lease>>,
    epoch: u64,
}

impl HeldLease {
    fn is_held(&self) -> bool {
        let lease = locked(&self.lease);
        lease.held && lease.epoch == self.epoch
    }
}

impl Drop for HeldLease {
    fn drop(&mut self) {
        let mut lease = locked(&self.lease);
        if lease.epoch == self.epoch {
            lease.held = false;
        }
    }
}

impl Memory {
    pub(crate) async fn read(&self) -> Session {
        Session::Memory(MemorySession {
            contents: self.disk.contents.clone().lock_owned().await,
            disk: self.disk.clone(),
        })
    }

    pub(crate) async fn write(&self) -> Result<Session, StoreError> {
        let lease = self.lease.as_ref().ok_or(StoreError::ReadOnly)?;
        let session = self.read().await;
        if lease.is_held() { Ok(session) } else { Err(StoreError::LeaseLost { location: Location::Memory }) }
    }
}

/// The contents to oneself.
pub(crate) struct MemorySession {
    pub(crate) contents: OwnedMutexGuard<Contents>,
    disk: MemoryDisk,
}

impl MemorySession {
    pub(crate) fn commit(mut self, link: Link, change: Change) -> Result<(), StoreError> {
        let hook = locked(&self.disk.hook).clone();
        match hook.map_or(Ok(()), |hook| hook(&link.entry)) {
            Ok(()) => {
                self.contents.apply(link, change);
                Ok(())
            }
            Err(WriteFault::DiskFull) => Err(StoreError::Full { detail: "the simulated disk is full".to_owned() }),
            Err(WriteFault::Failed(detail)) => Err(StoreError::Unwritable { detail }),
            Err(WriteFault::ReplyLost) => {
                self.contents.apply(link, change);
                self.disk.break_lease();
                Err(StoreError::LeaseLost { location: Location::Memory })
            }
        }
    }
}

/// The tables.
#[derive(Clone, Debug, Default)]
pub(crate) struct Contents {
    decisions: Vec<StoredDecision>,
    calls: Vec<Call>,
    attempts: Vec<Attempt>,
    audit: Vec<Link>,
}

impl Contents {
    fn apply(&mut self, link: Link, change: Change) {
        match change {
            Change::Decision(decision) => self.decisions.push(*decision),
            Change::Call(call) => self.calls.push(call),
            Change::Begin(attempt) => self.attempts.push(attempt),
            Change::Update(attempt) => {
                if let Some(stored) = self.attempts.iter_mut().find(|stored| stored.id == attempt.id) {
                    *stored = attempt;
                }
            }
        }
        self.audit.push(link);
    }

    pub(crate) fn head(&self) -> Head {
        self.audit.last().map_or_else(Head::default, |link| Head { seq: link.seq, hash: link.hash })
    }

    pub(crate) fn links(&self, after: u64, limit: u32) -> Vec<Link> {
        self.audit.iter().filter(|link| link.seq > after).take(limit as usize).cloned().collect()
    }

    pub(crate) fn links_of(&self, attempt: AttemptId) -> Vec<Link> {
        self.audit.iter().filter(|link| link.entry.attempt() == Some(attempt)).cloned().collect()
    }

    pub(crate) fn attempt(&self, id: AttemptId) -> Option<Attempt> {
        self.attempts.iter().find(|attempt| attempt.id == id).cloned()
    }

    pub(crate) fn attempts(&self, subject: Subject) -> Vec<Attempt> {
        self.attempts.iter().filter(|attempt| attempt.subject == subject).cloned().collect()
    }

    pub(crate) fn all_attempts(&self) -> Vec<Attempt> {
        self.attempts.clone()
    }

    pub(crate) fn open_attempts(&self) -> Vec<Attempt> {
        self.attempts.iter().filter(|attempt| attempt.state.is_under_way()).cloned().collect()
    }

    pub(crate) fn waiting_attempt(&self) -> Option<Attempt> {
        self.attempts.iter().find(|attempt| attempt.state == State::AwaitingSafe).cloned()
    }

    pub(crate) fn newest_of_decisions(&self) -> Option<Attempt> {
        self.attempts.iter().rev().find(|attempt| matches!(attempt.subject, Subject::Decision(_))).cloned()
    }

    pub(crate) fn signed_and_missing(&self, limit: u32) -> Vec<Attempt> {
        let missing = |attempt: &&Attempt| {
            attempt.facts.tx_hash.is_some()
                && matches!(attempt.state, State::Expired | State::Rejected | State::Replaced)
        };
        self.attempts.iter().rev().filter(missing).take(limit as usize).cloned().collect()
    }

    pub(crate) fn last_attempt(&self) -> i64 {
        self.attempts.last().map_or(0, |attempt| attempt.id.0)
    }

    pub(crate) fn decision(&self, hash: B256) -> Option<DecisionRow> {
        self.decisions.iter().find(|decision| decision.hash == hash).map(row)
    }

    pub(crate) fn decision_by_tx(&self, tx_hash: B256) -> Option<DecisionRow> {
        let carried = self.attempts.iter().find_map(|attempt| match attempt.subject {
            Subject::Decision(hash) if attempt.facts.tx_hash == Some(tx_hash) => Some(hash),
            Subject::Decision(_) | Subject::Call(_) => None,
        });
        carried.and_then(|hash| self.decision(hash))
    }

    pub(crate) fn decisions(&self, limit: u32) -> Vec<DecisionRow> {
        self.decisions.iter().rev().take(limit as usize).map(row).collect()
    }

    pub(crate) fn refusals_by_gate(&self) -> Vec<(String, u64)> {
        let mut refused = BTreeMap::<String, u64>::new();
        for gate in self.decisions.iter().flat_map(|decision| &decision.record.decision.gates) {
            if !gate.passed {
                let count = refused.entry(gate.id.to_string()).or_default();
                *count = count.saturating_add(1);
            }
        }
        let mut refused: Vec<_> = refused.into_iter().collect();
        refused.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
        refused
    }

    pub(crate) fn call(&self, id: CallId) -> Option<Call> {
        self.calls.iter().find(|call| call.id == id).cloned()
    }

    pub(crate) fn calls(&self, limit: u32) -> Vec<Call> {
        self.calls.iter().rev().take(limit as usize).cloned().collect()
    }

    pub(crate) fn last_call(&self) -> i64 {
        self.calls.last().map_or(0, |call| call.id.0)
    }
}

fn row(decision: &StoredDecision) -> DecisionRow {
    DecisionRow { hash: decision.hash, bytes: decision.bytes.clone(), created_ms: decision.created_ms }
}
