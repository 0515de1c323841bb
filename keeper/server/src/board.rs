//! States and series in memory: what one process knows, within bounds.

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

/// What a board holds at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BoardBounds {
    pub protocols: usize,
    pub series: usize,
    /// Of one series, each revision counted.
    pub values: usize,
}

impl Default for BoardBounds {
    /// A hundred protocols with ten series of more than a year by the hour.
    fn default() -> Self {
        Self { protocols: 1_000, series: 1_000, values: 10_000 }
    }
}

/// What a board did not keep.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use]
pub struct Dropped {
    /// The oldest values of series that had too many; [`Points::dropped_until`] says up to when.
    pub oldest: usize,
    /// Values of series for which there was no room.
    pub homeless: usize,
}

#[derive(Debug, Default)]
struct Kept {
    revisions: Revisions,
    count: usize,
    dropped_until: Option<u64>,
}

impl Kept {
    fn put(&mut self, observation: Observation) {
        let key = (observation.time(), observation.source().to_owned());
        let before = self.revisions.entry(key).or_default().insert(observation.known_at(), observation);
        self.count += usize::from(before.is_none());
    }

    /// Lets the oldest values go, each with all of its revisions, and says how many those were.
    fn shrink(&mut self, most: usize) -> usize {
        let mut dropped = 0;
        while self.count > most {
            let Some(((time, _), revisions)) = self.revisions.pop_first() else { break };
            self.count -= revisions.len();
            dropped += revisions.len();
            self.dropped_until = self.dropped_until.max(Some(time));
        }
        dropped
    }
}

#[derive(Debug, Default)]
struct Held {
    states: BTreeMap<ProtocolId, ProtocolState>,
    series: BTreeMap<SeriesId, Kept>,
}

/// A [`StateSource`] that its owner fills.
#[derive(Debug)]
pub struct Board {
    held: RwLock<Held>,
    version: watch::Sender<u64>,
    bounds: BoardBounds,
}

impl Default for Board {
    fn default() -> Self {
        Self::new(BoardBounds::default())
    }
}

impl Board {
    #[must_use]
    pub fn new(bounds: BoardBounds) -> Self {
        Self { held: RwLock::default(), version: watch::Sender::new(0), bounds }
    }

    /// Puts a state in the place of the one before. The same again changes nothing.
    ///
    /// # Errors
    /// [`StateError`], also if there are as many other protocols as there may be; then the one before stays.
    pub fn put(&self, state: ProtocolState) -> Result<(), StateError> {
        state.check()?;
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        if held.states.len() >= self.bounds.protocols && !held.states.contains_key(&state.protocol_id) {
            return Err(StateError::Full { id: state.protocol_id, most: self.bounds.protocols });
        }
        let changed = held.states.get(&state.protocol_id) != Some(&state);
        if changed {
            held.states.insert(state.protocol_id.clone(), state);
            drop(held);
            self.version.send_modify(|version| *version += 1);
        }
        Ok(())
    }

    /// Adds values. One of a time and source that is there already revises it from the time on that it was known. Of a series with too many
    /// the oldest go; what was not kept is the answer.
    pub fn note(&self, observations: impl IntoIterator<Item = Observation>) -> Dropped {
        let mut held = self.held.write().unwrap_or_else(PoisonError::into_inner);
        let mut dropped = Dropped::default();
        for observation in observations {
            let id = observation.series();
            if !held.series.contains_key(id) && held.series.len() >= self.bounds.series {
                dropped.homeless += 1;
                continue;
            }
            let of_series = held.series.entry(id.clone()).or_default();
            of_series.put(observation);
            dropped.oldest += of_series.shrink(self.bounds.values);
        }
        dropped
    }

    fn points(&self, query: &SeriesQuery) -> Option<Points> {
        let held = self.held.read().unwrap_or_else(PoisonError::into_inner);
        let of_series = held.series.get(&query.series)?;
        let key = |time| (time, String::new());
        let wanted = if query.from < query.to { query.from..query.to } else { 0..0 };
        let known = of_series.revisions.range(key(wanted.start)..key(wanted.end)).filter_map(|(_, revisions)| {
            revisions.range(..=query.as_of).next_back().map(|(_, observation)| observation)
        });
        let mut observations: Vec<_> = known.take(query.limit.saturating_add(1)).cloned().collect();
        let more = observations.len() > query.limit;
        observations.truncate(query.limit);
        let dropped_until = of_series.dropped_until.filter(|until| query.from <= *until);
        Some(Points { observations, more, dropped_until })
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use ballast_types::Metric;
    use proptest::prelude::*;

    fn series(subject: &str) -> SeriesId {
        SeriesId::new(subject, Metric::SupplyApr).unwrap()
    }

    fn value(subject: &str, time: u64, known_at: u64) -> Observation {
        Observation::new(series(subject), "a", time, known_at, 0.04).unwrap()
    }

    fn all(board: &Board, from: u64) -> Points {
        let query = SeriesQuery { series: series("x"), from, to: u64::MAX, as_of: u64::MAX, limit: 1_000 };
        board.points(&query).unwrap()
    }

    fn times(points: &Points) -> Vec<u64> {
        points.observations.iter().map(Observation::time).collect()
    }

    #[test]
    fn a_series_keeps_its_newest_values_and_says_up_to_when_it_has_none() {
        let board = Board::new(BoardBounds { values: 3, ..BoardBounds::default() });
        assert_eq!(board.note((0..3).map(|n| value("x", n, n))), Dropped::default());
        assert_eq!(all(&board, 0).dropped_until, None);
        // A revision is a value, too; with the oldest time go all of its own.
        assert_eq!(board.note([value("x", 0, 9), value("x", 3, 3)]), Dropped { oldest: 2, homeless: 0 });
        assert_eq!((times(&all(&board, 0)), all(&board, 0).dropped_until), (vec![1, 2, 3], Some(0)));
        assert_eq!(all(&board, 1).dropped_until, None, "what was asked for is whole");
        assert_eq!(board.note([value("x", 0, 10)]), Dropped { oldest: 1, homeless: 0 }, "it is older than all");
    }

    #[test]
    fn series_and_protocols_for_which_there_is_no_room_are_refused_and_said() {
        let board = Board::new(BoardBounds { protocols: 1, series: 1, values: 9 });
        let dropped = board.note([value("x", 0, 0), value("y", 0, 0), value("x", 1, 1), value("y", 1, 1)]);
        assert_eq!(dropped, Dropped { oldest: 0, homeless: 2 });
        assert_eq!(times(&all(&board, 0)), [0, 1]);
        let state = |id: &str, at| ProtocolState::unknown(id.parse().unwrap(), at);
        board.put(state("x", 1)).unwrap();
        board.put(state("x", 2)).unwrap();
        let refused = board.put(state("y", 2)).unwrap_err().to_string();
        assert!(refused.contains("no room for y, expected at most 1 protocol"), "{refused}");
    }

    proptest! {
        #[test]
        fn memory_is_bounded_whatever_comes(
            noted in proptest::collection::vec((0_u64..30, 0_u64..5), 0..300), most in 1_usize..20,
        ) {
            let board = Board::new(BoardBounds { values: most, ..BoardBounds::default() });
            let mut dropped = 0;
            let mut kept = std::collections::BTreeSet::new();
            for (time, later) in noted {
                dropped += board.note([value("x", time, time + later)]).oldest;
                kept.insert((time, time + later));
            }
            let held = board.held.read().unwrap();
            if let Some(of_series) = held.series.get(&series("x")) {
                let count: usize = of_series.revisions.values().map(BTreeMap::len).sum();
                prop_assert!(count <= most && count == of_series.count);
                prop_assert!(count + dropped >= kept.len());
            }
        }
    }
}
