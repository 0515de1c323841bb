//! Somebody who watches the public endpoint for pending transactions.

use alloy::{
    primitives::B256,
    providers::{DynProvider, Provider},
};
use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::task::JoinHandle;

const LOOK_EVERY: Duration = Duration::from_millis(20);
/// Long enough for many looks.
const PATIENCE: Duration = Duration::from_millis(500);

/// Looks at the public pool and at a pending-transaction filter until dropped.
#[derive(Debug)]
pub(crate) struct Witness {
    seen: Arc<Mutex<BTreeSet<B256>>>,
    task: JoinHandle<()>,
}

impl Witness {
    pub(crate) async fn start(rpc: DynProvider) -> eyre::Result<Self> {
        let seen = Arc::new(Mutex::new(BTreeSet::new()));
        let filter = rpc.new_pending_transactions_filter(false).await?;
        let shared = seen.clone();
        let task = tokio::spawn(async move {
            loop {
                let mut found: Vec<B256> = rpc.get_filter_changes(filter).await.unwrap_or_default();
                if let Ok(content) = rpc.raw_request::<_, serde_json::Value>("txpool_content".into(), ()).await {
                    found.extend(hashes(&content));
                }
                shared.lock().unwrap_or_else(PoisonError::into_inner).extend(found);
                tokio::time::sleep(LOOK_EVERY).await;
            }
        });
        Ok(Self { seen, task })
    }

    /// Whether it has shown up, or does within [`PATIENCE`]: the filter tells of arrivals after the fact, too.
    pub(crate) async fn has_seen(&self, hash: B256) -> bool {
        let deadline = Instant::now() + PATIENCE;
        loop {
            if self.seen.lock().unwrap_or_else(PoisonError::into_inner).contains(&hash) {
                return true;
            }
            if Instant::now() > deadline {
                return false;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Every `hash` in a `txpool_content` answer, whatever its nesting.
fn hashes(value: &serde_json::Value) -> Vec<B256> {
    match value {
        serde_json::Value::Object(fields) => {
            let own = fields.get("hash").and_then(|hash| hash.as_str()).and_then(|hash| hash.parse().ok());
            own.into_iter().chain(fields.values().flat_map(hashes)).collect()
        }
        serde_json::Value::Array(items) => items.iter().flat_map(hashes).collect(),
        _ => Vec::new(),
    }
}
