//! What was found of a venue at a target, for the climbs of one search: they start close to each other and often end on the same top.

use crate::yields::YearlyYield;
use std::cell::Cell;

/// Targets of a venue that are remembered: one for each remainder. A climb visits few that are far apart.
const PLACES: usize = 64;

/// Targets and their yields, `None` for one that is not permitted.
pub(super) struct Seen {
    places: Vec<Cell<(u16, Option<YearlyYield>)>>,
}

impl Seen {
    /// No target has this number.
    const NOTHING: u16 = u16::MAX;

    pub(super) fn of(venues: usize) -> Self {
        Self { places: vec![Cell::new((Self::NOTHING, None)); venues * PLACES] }
    }

    /// What is remembered of the target, or what `ask` answers.
    pub(super) fn or_ask(
        &self,
        venue: usize,
        bps: u16,
        ask: impl FnOnce() -> Option<YearlyYield>,
    ) -> Option<YearlyYield> {
        let place = self.places.get(venue * PLACES + usize::from(bps) % PLACES).filter(|_| bps != Self::NOTHING);
        let Some(place) = place else { return ask() };
        let (held, found) = place.get();
        if held == bps {
            return found;
        }
        let found = ask();
        place.set((bps, found));
        found
    }
}
