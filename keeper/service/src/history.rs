//! What the service remembers: each cycle's snapshot, decision and landed transaction, written to the history beside the cycles.
//!
//! ▪ Nothing here stops or delays a decision. A cycle puts what it saw into a queue and goes on; a task of its own writes. What cannot be written
//! stays in the queue, is an error in the log, and is tried again with the next cycle. Every row has a key by which it is written once, however often
//! it is tried. What a crash takes out of the queue is found in the store at the next start: each decision's record has its snapshot.

mod alerts;
mod books;
mod landed;
mod names;
mod outcomes;
mod portfolio;
mod readings;
mod variation;
mod writer;

/// Snapshots to remember: those that the decision core is tried on.
#[cfg(test)]
#[path = "../../allocator/tests/world/mod.rs"]
pub(crate) mod world;

pub(crate) use alerts::{Trouble, troubles};
pub(crate) use names::Names;
pub(crate) use portfolio::{Performance, eve_of_year, value_usd};
pub(crate) use readings::{SOURCE, asset_price, coin, compounded, figures, price, risk_score};
#[cfg(test)]
pub(crate) use readings::{measured, readings};
pub(crate) use variation::variations;

use crate::{Config, Keeper, Scorer};
use alloy::primitives::B256;
use ballast_chain::RpcPool;
use ballast_executor::{DEV_CHAIN_ID, Outcome};
use ballast_store::{History, Location, Store, Subject, history::Alert};
use ballast_types::{Observation, Snapshot};
use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::{
    sync::{mpsc, oneshot},
    task::JoinHandle,
    time::timeout,
};

/// Snapshots that wait to be written; with the default cadence five hours of them.
const QUEUE: usize = 64;
/// How long an ending keeper waits for what is not written yet.
const LAST_WORDS: Duration = Duration::from_secs(5);

/// What a cycle tells.
#[derive(Debug)]
enum Told {
    Seen(Box<Seen>),
    /// Something of this decision may have landed.
    Executed(B256),
    /// Write what there is, and say so.
    Flush(oneshot::Sender<()>),
}

/// A snapshot, and the decision that followed from it, if one did.
#[derive(Debug)]
pub(crate) struct Seen {
    pub(crate) snapshot: Snapshot,
    pub(crate) decision: Option<B256>,
    /// The newest that each publisher of market data had said by then.
    pub(crate) heard: Vec<Observation>,
    /// Unix seconds by the wall clock, never before the block's own.
    pub(crate) known_at: u64,
}

/// What the history says now, for whoever shows it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Remembered {
    pub(crate) performance: Performance,
    /// Since the first of January, USD.
    pub(crate) gas_this_year: f64,
    /// Unresolved.
    pub(crate) alerts: Vec<Alert>,
}

/// What writer and readers share.
#[derive(Debug, Default)]
pub(crate) struct Memory {
    history: Mutex<Option<Arc<History>>>,
    remembered: Mutex<Option<Remembered>>,
    failures: AtomicU64,
}

impl Memory {
    /// The open history, for reading; `None` while there is none.
    pub(crate) fn history(&self) -> Option<Arc<History>> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn remembered(&self) -> Option<Remembered> {
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_history(&self, history: Option<Arc<History>>) {
        *self.history.lock().unwrap_or_else(PoisonError::into_inner) = history;
    }

    fn set_remembered(&self, remembered: Remembered) {
        *self.remembered.lock().unwrap_or_else(PoisonError::into_inner) = Some(remembered);
    }
}

/// The cycles' end of the queue.
#[derive(Debug)]
pub(crate) struct Historian {
    told: mpsc::Sender<Told>,
    memory: Arc<Memory>,
    task: Mutex<Option<JoinHandle<()>>>,
    /// A development chain's time runs ahead of the clock on the wall.
    development: bool,
}

/// What the writer needs of a keeper.
pub(crate) struct Sources {
    pub(crate) location: Location,
    pub(crate) store: Arc<Store>,
    pub(crate) pool: Arc<RpcPool>,
    pub(crate) scorer: Arc<Scorer>,
}

impl Historian {
    /// Begins to write, if the configuration says so. A history that cannot be opened is an error in the log, not one of the start.
    pub(crate) fn start(config: &Config, sources: Sources) -> Option<Self> {
        if !config.history.enabled {
            return None;
        }
        let (told, hears) = mpsc::channel(QUEUE);
        let memory = Arc::new(Memory::default());
        let task = tokio::spawn(writer::run(sources, hears, memory.clone()));
        let development = config.chain.id == DEV_CHAIN_ID;
        Some(Self { told, memory, task: Mutex::new(Some(task)), development })
    }

    pub(crate) fn memory(&self) -> &Arc<Memory> {
        &self.memory
    }

    /// Tells of a snapshot, of what publishers had said by then, and of the decision that is in the store.
    pub(crate) fn saw(&self, snapshot: &Snapshot, heard: Vec<Observation>, decision: Option<B256>) {
        let wall = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let known_at = wall.max(snapshot.block.timestamp);
        let known_at = if self.development { snapshot.block.timestamp } else { known_at };
        self.tell(Told::Seen(Box::new(Seen { snapshot: snapshot.clone(), decision, heard, known_at })));
    }

    /// Tells that a decision was carried out, or tried to be.
    pub(crate) fn executed(&self, decision: B256) {
        self.tell(Told::Executed(decision));
    }

    fn tell(&self, told: Told) {
        if self.told.try_send(told).is_err() {
            let failures = self.memory.failures.fetch_add(1, Ordering::Relaxed).saturating_add(1);
            tracing::error!(failures, "the history has fallen behind, and a cycle is not written to it");
        }
    }

    /// Has everything written, as far as that can be done in a few seconds, and ends.
    pub(crate) async fn finish(&self) {
        let Some(task) = self.task.lock().unwrap_or_else(PoisonError::into_inner).take() else { return };
        let (done, written) = oneshot::channel();
        let last = async {
            if self.told.send(Told::Flush(done)).await.is_ok() {
                drop(written.await);
            }
        };
        if timeout(LAST_WORDS, last).await.is_err() {
            tracing::info!("what is not in the history yet is written at the next start");
        }
        // Every write is a transaction: cut off, nothing of it is there.
        task.abort();
    }
}

impl Keeper {
    /// Tells the historian of a snapshot, and of the decision in the store that followed from it.
    pub(crate) fn saw(&self, snapshot: &Snapshot, decision: Option<B256>) {
        if let Some(historian) = &self.historian {
            historian.saw(snapshot, self.market.heard(), decision);
        }
    }

    /// Tells the historian what may have landed.
    pub(crate) fn executed(&self, outcome: Option<&Outcome>) {
        if let (Some(historian), Some(Outcome { subject: Subject::Decision(decision), .. })) =
            (&self.historian, outcome)
        {
            historian.executed(*decision);
        }
    }

    /// Has what was seen written to the history before the process ends; waits a few seconds for it and no longer.
    pub async fn finish(&self) {
        if let Some(historian) = &self.historian {
            historian.finish().await;
        }
    }
}
