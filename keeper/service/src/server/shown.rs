//! What is shown: the newest states, for as long as they are fresh and marked afterwards, series out of the history, the dashboard and the risk.

use crate::{history::Memory, shared::Shared};
use ballast_server::{Board, Points, ProtocolId, ProtocolState, SeriesQuery, SourceError, StateSource};
use ballast_store::cache::{Cache, PROTOCOL_STATE_TTL, protocol_state_key};
use futures::future::BoxFuture;
use serde_json::Value;
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::watch;

/// What is said of one block as a whole.
#[derive(Clone, Debug, Default)]
pub(crate) struct Documents {
    pub(crate) dashboard: Value,
    pub(crate) risk: Value,
}

/// A [`StateSource`] that the keeper fills.
#[derive(Debug)]
pub(crate) struct Shown {
    board: Board,
    /// A state is in it while it is fresh (SPEC D7).
    cache: Arc<Shared>,
    documents: Mutex<Option<Documents>>,
    memory: Option<Arc<Memory>>,
    /// Until when what is on the board is fresh.
    fresh_until: Mutex<Option<Instant>>,
}

impl Shown {
    pub(crate) fn new(memory: Option<Arc<Memory>>, cache: Arc<Shared>) -> Self {
        Self { board: Board::default(), cache, documents: Mutex::new(None), memory, fresh_until: Mutex::new(None) }
    }

    /// The history's own, for the dashboard.
    pub(crate) fn memory(&self) -> Option<&Memory> {
        self.memory.as_deref()
    }

    /// Puts what was observed in the place of what there was. `age` is how long ago its block was.
    pub(crate) async fn put(
        &self,
        states: Vec<ProtocolState>,
        documents: Documents,
        age: Duration,
    ) -> Result<(), SourceError> {
        let left = PROTOCOL_STATE_TTL.saturating_sub(age);
        *locked(&self.fresh_until) = Some(Instant::now() + left);
        for mut state in states {
            state.stale = left.is_zero();
            if !state.stale {
                let bytes = serde_json::to_vec(&state).map_err(failed)?;
                self.cache.set(&protocol_state_key(state.protocol_id.as_str()), &bytes, left).await.map_err(failed)?;
            }
            self.board.put(state).map_err(failed)?;
        }
        *locked(&self.documents) = Some(documents);
        Ok(())
    }

    /// Marks what is not fresh any more, so that who listens to a stream is told.
    pub(crate) async fn age(&self) {
        if locked(&self.fresh_until).is_some_and(|until| Instant::now() < until) {
            return;
        }
        for state in self.board.list().await.unwrap_or_default() {
            if !state.stale {
                // It was taken before.
                drop(self.board.put(ProtocolState { stale: true, ..state }));
            }
        }
    }

    /// The state while it is fresh, else the last that was known, which says so.
    async fn now(&self, last: ProtocolState) -> Result<ProtocolState, SourceError> {
        match self.cache.get(&protocol_state_key(last.protocol_id.as_str())).await.map_err(failed)? {
            Some(bytes) => serde_json::from_slice(&bytes).map_err(failed),
            None => Ok(ProtocolState { stale: true, ..last }),
        }
    }
}

fn failed(error: impl ToString) -> SourceError {
    SourceError { why: error.to_string() }
}

/// Nothing that holds it can panic half-way through a change.
fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl StateSource for Shown {
    fn get<'a>(&'a self, id: &'a ProtocolId) -> BoxFuture<'a, Result<Option<ProtocolState>, SourceError>> {
        Box::pin(async move {
            match self.board.get(id).await? {
                Some(last) => self.now(last).await.map(Some),
                None => Ok(None),
            }
        })
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<ProtocolState>, SourceError>> {
        Box::pin(async move {
            let mut states = Vec::new();
            for last in self.board.list().await? {
                states.push(self.now(last).await?);
            }
            Ok(states)
        })
    }

    fn series<'a>(&'a self, query: &'a SeriesQuery) -> BoxFuture<'a, Result<Option<Points>, SourceError>> {
        Box::pin(async move {
            let Some(memory) = &self.memory else {
                return Err(failed("the keeper keeps no history: [history] is not in its configuration"));
            };
            let history = memory.history().ok_or_else(|| failed("the history cannot be read at present"))?;
            // The database's integers are signed.
            let (from, to) = (query.from.min(LAST), query.to.min(LAST));
            let found = history.range(&query.series, None, from..to, query.as_of.min(LAST)).await.map_err(failed)?;
            if found.is_empty() && history.latest(&query.series, LAST).await.map_err(failed)?.is_empty() {
                return Ok(None);
            }
            let more = found.len() > query.limit;
            Ok(Some(Points { observations: found.into_iter().take(query.limit).collect(), more, dropped_until: None }))
        })
    }

    fn dashboard(&self) -> BoxFuture<'_, Result<Option<Value>, SourceError>> {
        Box::pin(std::future::ready(Ok(locked(&self.documents).as_ref().map(|both| both.dashboard.clone()))))
    }

    fn risk(&self) -> BoxFuture<'_, Result<Option<Value>, SourceError>> {
        Box::pin(std::future::ready(Ok(locked(&self.documents).as_ref().map(|both| both.risk.clone()))))
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.board.changes()
    }
}

/// The last second that a history can name.
const LAST: u64 = ballast_store::history::EVER;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn shared() -> Arc<Shared> {
        Arc::new(Shared::new(None, ballast_store::cache::Limit::DEFAULT).unwrap())
    }

    fn state(apy: f64) -> ProtocolState {
        ProtocolState { current_apy: Some(apy), ..ProtocolState::unknown("aave".parse().unwrap(), 1_000) }
    }

    // SPEC D7, D8
    #[tokio::test]
    async fn a_state_is_fresh_for_fifteen_seconds_after_its_block_and_then_says_that_it_is_not() {
        let (shown, id) = (Shown::new(None, shared()), "aave".parse().unwrap());
        assert_eq!(shown.get(&id).await.unwrap(), None);
        let almost = PROTOCOL_STATE_TTL - Duration::from_millis(300);
        shown.put(vec![state(0.04)], Documents::default(), almost).await.unwrap();
        let mut changes = shown.changes();
        changes.mark_unchanged();
        assert_eq!(shown.get(&id).await.unwrap(), Some(state(0.04)));
        shown.age().await;
        assert!(!changes.has_changed().unwrap(), "it is fresh");
        tokio::time::sleep(Duration::from_millis(350)).await;
        let old = ProtocolState { stale: true, ..state(0.04) };
        assert_eq!(shown.get(&id).await.unwrap(), Some(old.clone()));
        assert_eq!(shown.list().await.unwrap(), [old]);
        shown.age().await;
        assert!(changes.has_changed().unwrap(), "who listens is told");
        shown.put(vec![state(0.05)], Documents::default(), Duration::ZERO).await.unwrap();
        assert_eq!(shown.get(&id).await.unwrap(), Some(state(0.05)));
        shown.put(vec![state(0.05)], Documents::default(), PROTOCOL_STATE_TTL).await.unwrap();
        assert!(shown.board.get(&id).await.unwrap().unwrap().stale, "its block was long ago when it came");
    }

    #[tokio::test]
    async fn series_need_a_history() {
        let query = SeriesQuery { series: "aave#supply_apr".parse().unwrap(), from: 0, to: 1, as_of: 1, limit: 1 };
        let refused = Shown::new(None, shared()).series(&query).await.unwrap_err().to_string();
        assert!(refused.contains("[history] is not in its configuration"), "{refused}");
        let refused = Shown::new(Some(Arc::default()), shared()).series(&query).await.unwrap_err().to_string();
        assert!(refused.contains("cannot be read at present"), "{refused}");
    }
}
