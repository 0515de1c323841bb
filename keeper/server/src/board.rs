//! States and series in memory: what one process knows.

use crate::{Points, ProtocolId, ProtocolState, SeriesQuery, SourceError, StateError, StateSource};
use ballast_types::{Observation, SeriesId};
use futures::future::{BoxFuture, ready};
use std::{
    collections::BTreeMap,
    sync::{PoisonError, RwLock},
};
use tokio::sync::watch;

/// Values of a series by time and source, each with its revisions by the time they were known.
type Revisions = BTreeMap<(u64, String), BTreeMap<u64, Observation>>;

#[derive(Debug, Default)]
struct Held {
    states: BTreeMap<ProtocolId, ProtocolState>,
    series: BTreeMap<SeriesId, Revisions>,
}

/// A [`StateSource`] that its owner fills.
#[derive(Debug)]
pub struct Board {
    held: RwLock<Held>,
    version: watch::Sender<u64>,
}

impl Default for Board {
    fn default() -> Self {
        Self { held: RwLock::default(), version: watch::Sender::new(0) }
    }
}

impl Board {
    /// Puts a state in the place of the one before. The same again changes nothing.
    ///
    /// # Errors
    /// [`StateError`]; then the one before stays.
    pub fn put(&self, state: ProtocolState) -> Result<(), StateError> {
        state.check()?;
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        let changed = held.states.get(&state.protocol_id) != Some(&state);
        if changed {
            held.states.insert(state.protocol_id.clone(), state);
            drop(held);
            self.version.send_modify(|version| *version += 1);
        }
        Ok(())
    }

    /// Adds values. One of a time and source that is there already revises it from the time on that it was known.
    pub fn note(&self, observations: impl IntoIterator<Item = Observation>) {
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        for observation in observations {
            let of_series = held.series.entry(observation.series().clone()).or_default();
            let revisions = of_series.entry((observation.time(), observation.source().to_owned())).or_default();
            revisions.insert(observation.known_at(), observation);
        }
    }

    fn points(&self, query: &SeriesQuery) -> Option<Points> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        let of_series = held.series.get(&query.series)?;
        let key = |time| (time, String::new());
        let wanted = if query.from < query.to { query.from..query.to } else { 0..0 };
        let known = of_series.range(key(wanted.start)..key(wanted.end)).filter_map(|(_, revisions)| {
            revisions.range(..=query.as_of).next_back().map(|(_, observation)| observation)
        });
        let mut observations: Vec<_> = known.take(query.limit.saturating_add(1)).cloned().collect();
        let more = observations.len() > query.limit;
        observations.truncate(query.limit);
        Some(Points { observations, more })
    }
}

impl StateSource for Board {
    fn get<'a>(&'a self, id: &'a ProtocolId) -> BoxFuture<'a, Result<Option<ProtocolState>, SourceError>> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        Box::pin(ready(Ok(held.states.get(id).cloned())))
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<ProtocolState>, SourceError>> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        Box::pin(ready(Ok(held.states.values().cloned().collect())))
    }

    fn series<'a>(&'a self, query: &'a SeriesQuery) -> BoxFuture<'a, Result<Option<Points>, SourceError>> {
        Box::pin(ready(Ok(self.points(query))))
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.version.subscribe()
    }
}
