//! The block builder's handle: its lock, its pools, its clock. How a block is made is in `building.rs`.
//!
//! The builder is the only part that puts transactions into the node. Whatever it tries happens behind the write side of a
//! lock whose read side every answer of the public endpoint holds: nobody sees a trial.

use crate::{
    assembly::{SLOT_SECONDS, TimeRequest},
    jsonrpc::{INTERNAL_ERROR, RpcError},
    node::{NodeClient, NodeError},
    private_book::PrivateBook,
    public_pool::PublicPool,
    transaction::SignedTransaction,
};
use alloy::primitives::{Address, B256, U64};
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    future::Future,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    sync::{RwLock, RwLockReadGuard, broadcast, watch},
    task::JoinHandle,
    time::MissedTickBehavior,
};

/// Events that a slow subscriber may fall behind before it loses the oldest.
const EVENT_BACKLOG: usize = 1_024;

/// A block could not be built.
#[derive(Debug, thiserror::Error)]
pub enum BuildError {
    /// The node failed.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// The node would not undo a trial; its state can no longer be trusted.
    #[error("the node did not roll back to its snapshot {0}; restart the devnet")]
    Rollback(Value),
    /// The chain is not made to go back in time.
    #[error("a block at {requested} cannot follow one at {parent}; timestamps must grow")]
    TimeNotAfterParent {
        /// Wanted timestamp, seconds since the epoch.
        requested: u64,
        /// The head's timestamp.
        parent: u64,
    },
    /// The runtime is shutting down.
    #[error("building was interrupted: the devnet is shutting down")]
    Interrupted,
}

impl From<BuildError> for RpcError {
    fn from(error: BuildError) -> Self {
        match error {
            BuildError::Node(node) => node.into(),
            BuildError::TimeNotAfterParent { .. } => Self::params(error.to_string()),
            other => Self::new(INTERNAL_ERROR, other.to_string()),
        }
    }
}

/// A block that was built.
#[derive(Clone, Debug)]
pub struct BuiltBlock {
    /// Block number.
    pub number: u64,
    /// Block hash.
    pub hash: B256,
    /// Seconds since the epoch.
    pub timestamp: u64,
    /// All transactions in block order.
    pub transactions: Vec<B256>,
    /// Hashes of the bundles included, in block order.
    pub bundles: Vec<B256>,
    /// Bundles and private transactions that were eligible and left out.
    pub left_out: Vec<LeftOut>,
}

/// A private submission that did not make it into a block.
#[derive(Clone, Debug)]
pub struct LeftOut {
    /// Its transactions.
    pub transactions: Vec<B256>,
    /// Why.
    pub reason: String,
}

/// A new head, as `eth_subscribe("newHeads")` tells it.
#[derive(Clone, Debug)]
pub(crate) struct NewHead {
    pub(crate) hash: B256,
    pub(crate) header: Value,
}

/// Handle of the block builder; clones share it.
#[derive(Clone, Debug)]
pub struct Builder(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    node: NodeClient,
    /// Write: building, simulating, cheating. Read: everything that is answered to the public.
    gate: RwLock<()>,
    public: Mutex<PublicPool>,
    private: Mutex<PrivateBook>,
    time: Mutex<TimeRequest>,
    withhold_private: AtomicBool,
    heads: broadcast::Sender<Arc<NewHead>>,
    arrivals: broadcast::Sender<Arc<SignedTransaction>>,
    interval: Mutex<Option<Interval>>,
}

#[derive(Debug)]
struct Interval {
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Nothing that holds these locks can leave half a change behind.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Builder {
    pub(crate) async fn start(node: NodeClient) -> Result<Self, BuildError> {
        let builder = Self(Arc::new(Shared {
            node,
            gate: RwLock::default(),
            public: Mutex::default(),
            private: Mutex::default(),
            time: Mutex::default(),
            withhold_private: AtomicBool::new(false),
            heads: broadcast::channel(EVENT_BACKLOG).0,
            arrivals: broadcast::channel(EVENT_BACKLOG).0,
            interval: Mutex::default(),
        }));
        builder.announce_time().await?;
        Ok(builder)
    }

    /// Builds the next block now.
    ///
    /// # Errors
    /// [`BuildError`]; then no block was built.
    pub async fn build_block(&self) -> Result<BuiltBlock, BuildError> {
        self.exclusive(|builder| async move { builder.build_locked().await }).await?
    }

    /// Lets `seconds` of chain time pass before the next block, on top of its slot; the block itself is still to be built.
    /// The planned timestamp of that block in seconds since the epoch. Bundles pinned to another time are left out of it.
    ///
    /// # Errors
    /// [`BuildError::Node`].
    pub async fn advance_time(&self, seconds: u64) -> Result<u64, BuildError> {
        self.exclusive(move |builder| async move {
            {
                let mut time = lock(&builder.0.time);
                match &mut time.exact {
                    Some(exact) => *exact = exact.saturating_add(seconds),
                    None => time.jump = time.jump.saturating_add(seconds),
                }
            }
            builder.announce_time().await
        })
        .await?
    }

    /// Gives the next block exactly `timestamp` (seconds since the epoch), in place of earlier requests.
    ///
    /// # Errors
    /// [`BuildError::TimeNotAfterParent`], [`BuildError::Node`].
    pub async fn set_next_timestamp(&self, timestamp: u64) -> Result<(), BuildError> {
        self.exclusive(move |builder| async move {
            let parent = builder.0.node.header("latest").await?.timestamp();
            if timestamp <= parent {
                return Err(BuildError::TimeNotAfterParent { requested: timestamp, parent });
            }
            builder.set_time_request(TimeRequest { jump: 0, exact: Some(timestamp) });
            builder.announce_time().await.map(drop)
        })
        .await?
    }

    /// Lets so many slots go by with an empty block each, at the cost of one; what is pending waits. Subscribers hear of the last block.
    ///
    /// # Errors
    /// [`BuildError::Node`].
    pub async fn pass_slots(&self, slots: u64) -> Result<(), BuildError> {
        if slots == 0 {
            return Ok(());
        }
        self.exclusive(move |builder| async move {
            builder.announce_time().await?;
            builder.0.node.call("anvil_mine", json!([U64::from(slots), U64::from(SLOT_SECONDS)])).await?;
            let head = builder.0.node.header("latest").await?.number();
            builder.private().block_built(head, &[]);
            builder.set_time_request(TimeRequest::default());
            builder.announce_time().await?;
            builder.announce_head().await
        })
        .await?
    }

    /// Builds a block every `period` of real time from now on.
    pub async fn start_interval(&self, period: Duration) {
        self.stop_interval().await;
        let (stop, mut stopped) = watch::channel(false);
        let builder = self.clone();
        let task = tokio::spawn(async move {
            let mut ticks = tokio::time::interval_at(tokio::time::Instant::now() + period, period);
            // After a stall the chain goes on at its pace; it does not catch up.
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            loop {
                tokio::select! {
                    _ = stopped.changed() => return,
                    _ = ticks.tick() => {}
                }
                if let Err(error) = builder.build_block().await {
                    tracing::error!(%error, "no block was built");
                }
            }
        });
        *lock(&self.0.interval) = Some(Interval { stop, task });
    }

    /// Stops building by itself; a block under way is finished first. Blocks are then built on demand only.
    pub async fn stop_interval(&self) {
        let running = lock(&self.0.interval).take();
        if let Some(Interval { stop, task }) = running {
            stop.send_replace(true);
            // The task ends by returning; it could only fail by panicking, which is logged by the runtime.
            drop(task.await);
        }
    }

    /// As [`Self::stop_interval`], without waiting: for when there is nobody to wait.
    pub(crate) fn abandon_interval(&self) {
        if let Some(interval) = lock(&self.0.interval).take() {
            interval.stop.send_replace(true);
        }
    }

    /// While set, bundles and private transactions are accepted and never included.
    pub(crate) fn withhold_private(&self, withhold: bool) {
        self.0.withhold_private.store(withhold, Ordering::Relaxed);
    }

    pub(crate) fn withholds_private(&self) -> bool {
        self.0.withhold_private.load(Ordering::Relaxed)
    }

    pub(crate) fn time_request(&self) -> TimeRequest {
        *lock(&self.0.time)
    }

    pub(crate) fn set_time_request(&self, request: TimeRequest) {
        *lock(&self.0.time) = request;
    }

    pub(crate) fn node(&self) -> &NodeClient {
        &self.0.node
    }

    pub(crate) fn public(&self) -> MutexGuard<'_, PublicPool> {
        lock(&self.0.public)
    }

    pub(crate) fn private(&self) -> MutexGuard<'_, PrivateBook> {
        lock(&self.0.private)
    }

    /// While held, the node shows the last block that was built and nothing else.
    pub(crate) async fn read(&self) -> RwLockReadGuard<'_, ()> {
        self.0.gate.read().await
    }

    pub(crate) fn heads(&self) -> broadcast::Receiver<Arc<NewHead>> {
        self.0.heads.subscribe()
    }

    pub(crate) fn arrivals(&self) -> broadcast::Receiver<Arc<SignedTransaction>> {
        self.0.arrivals.subscribe()
    }

    pub(crate) fn announce_arrival(&self, transaction: SignedTransaction) {
        // No receiver is no fault: nobody is subscribed.
        drop(self.0.arrivals.send(Arc::new(transaction)));
    }

    /// Runs `work` alone on the node. It goes on when the caller goes away: half a trial must not be left behind.
    pub(crate) async fn exclusive<T, W>(&self, work: impl FnOnce(Self) -> W + Send + 'static) -> Result<T, BuildError>
    where
        T: Send + 'static,
        W: Future<Output = T> + Send,
    {
        let builder = self.clone();
        tokio::spawn(async move {
            let _alone = builder.0.gate.write().await;
            work(builder.clone()).await
        })
        .await
        .map_err(|_| BuildError::Interrupted)
    }

    /// Starts a trial: the snapshot to roll back to.
    pub(crate) async fn snapshot(&self) -> Result<Value, BuildError> {
        Ok(self.0.node.call("evm_snapshot", json!([])).await?)
    }

    /// Undoes everything since `snapshot`.
    pub(crate) async fn rollback(&self, snapshot: Value) -> Result<(), BuildError> {
        let undone = self.0.node.call("evm_revert", json!([snapshot])).await?;
        self.0.node.call("anvil_dropAllTransactions", json!([])).await?;
        if undone == Value::Bool(true) { Ok(()) } else { Err(BuildError::Rollback(snapshot)) }
    }

    /// Tells the node the time of the block to come, so that calls on `pending` run at it. Returns it.
    pub(crate) async fn announce_time(&self) -> Result<u64, BuildError> {
        let parent = self.0.node.header("latest").await?.timestamp();
        let timestamp = lock(&self.0.time).timestamp_after(parent);
        self.0.node.call("evm_setNextBlockTimestamp", json!([timestamp])).await?;
        Ok(timestamp)
    }

    /// Tells subscribers about the present head.
    pub(crate) async fn announce_head(&self) -> Result<(), BuildError> {
        let mut header = self.0.node.call("eth_getBlockByNumber", json!(["latest", false])).await?;
        let hash = serde_json::from_value(header["hash"].take()).map_err(|e| NodeError::Unreadable {
            method: "eth_getBlockByNumber".into(),
            detail: format!("hash: {e}"),
        })?;
        if let Some(fields) = header.as_object_mut() {
            fields.insert("hash".into(), json!(hash));
            for body_field in ["transactions", "uncles", "withdrawals", "size"] {
                fields.remove(body_field);
            }
        }
        drop(self.0.heads.send(Arc::new(NewHead { hash, header })));
        Ok(())
    }

    /// Account nonces in the head state.
    pub(crate) async fn nonces(&self, accounts: Vec<Address>) -> Result<HashMap<Address, u64>, NodeError> {
        let mut nonces = HashMap::new();
        for account in accounts {
            if let std::collections::hash_map::Entry::Vacant(entry) = nonces.entry(account) {
                entry.insert(self.0.node.nonce(account).await?);
            }
        }
        Ok(nonces)
    }
}
