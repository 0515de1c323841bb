//! Polling filters (`eth_newFilter` and kin). They are ours: the node's own would also report what was built on trial.

use crate::jsonrpc::RpcError;
use alloy::primitives::U64;
use serde_json::Value;
use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

/// A filter that nobody polls is forgotten after this long (geth's default).
const IDLE_LIMIT: Duration = Duration::from_secs(300);

/// What a filter watches, and where its next answer starts.
#[derive(Clone, Debug)]
pub(crate) enum Filter {
    /// Position in the public pool's journal.
    PendingTransactions { position: usize },
    /// First block not yet reported.
    Blocks { next: u64 },
    /// The filter object as given, and the first block not yet reported.
    Logs { criteria: Value, next: u64 },
}

#[derive(Debug, Default)]
pub(crate) struct Filters {
    created: u64,
    live: HashMap<U64, (Filter, Instant)>,
}

impl Filters {
    pub(crate) fn create(&mut self, filter: Filter) -> U64 {
        self.live.retain(|_, (_, polled)| polled.elapsed() < IDLE_LIMIT);
        self.created += 1;
        let id = U64::from(self.created);
        self.live.insert(id, (filter, Instant::now()));
        id
    }

    pub(crate) fn remove(&mut self, id: U64) -> bool {
        self.live.remove(&id).is_some()
    }

    pub(crate) fn get(&self, id: U64) -> Result<Filter, RpcError> {
        self.live
            .get(&id)
            .map(|(filter, _)| filter.clone())
            .ok_or_else(|| RpcError::refused("filter not found: create it again with eth_newFilter or its kin"))
    }

    /// Puts `filter` back with its position moved on.
    pub(crate) fn advance(&mut self, id: U64, filter: Filter) {
        if let Some(slot) = self.live.get_mut(&id) {
            *slot = (filter, Instant::now());
        }
    }
}

/// `criteria` restricted to `first..=last`, or none if that leaves no block. Only numeric bounds of the filter restrict further.
pub(crate) fn within(criteria: &Value, first: u64, last: u64) -> Option<Value> {
    let bound = |field: &str| {
        criteria.get(field).and_then(|v| serde_json::from_value::<U64>(v.clone()).ok()).map(|n| n.to::<u64>())
    };
    let from = bound("fromBlock").unwrap_or(0).max(first);
    let to = bound("toBlock").unwrap_or(u64::MAX).min(last);
    if from > to {
        return None;
    }
    let mut narrowed = criteria.clone();
    let fields = narrowed.as_object_mut()?;
    fields.insert("fromBlock".into(), serde_json::json!(U64::from(from)));
    fields.insert("toBlock".into(), serde_json::json!(U64::from(to)));
    Some(narrowed)
}
