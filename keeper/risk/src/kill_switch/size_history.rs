//! A venue's confirmed sizes, as `SizeHistoryLib` keeps them.

use super::Moment;
use ballast_types::Assets;

/// Least seconds between checkpoints, and the longest that an observation waits for its confirmation (`SPACING`).
pub const SPACING: u64 = 6 * 3_600;
/// Seconds after which a checkpoint counts for nothing (`MAX_AGE`).
pub const MAX_AGE: u64 = 48 * 3_600;
/// Least age in seconds of the checkpoint that the TVL trigger measures against (`BASELINE_AGE`).
pub const BASELINE_AGE: u64 = 24 * 3_600;
/// `type(uint88).max`: sizes saturate here.
pub const MAX_SIZE: u128 = (1 << 88) - 1;
const PLACES: usize = 8;

/// A size and when it was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Checkpoint {
    pub size: Assets,
    pub at: Moment,
}

/// When a venue was observed last: in a first observation, and for a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Times {
    pending: Option<Moment>,
    newest: Option<Moment>,
}

/// Six-hourly checkpoints in two phases: the lower of two observations in different blocks counts from the block after.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SizeHistory {
    pending: Option<Checkpoint>,
    /// Newest last, at most eight.
    ring: Vec<Checkpoint>,
}

impl SizeHistory {
    /// Whether an observation now would be recorded.
    #[must_use]
    pub fn is_due(&self, now: Moment) -> bool {
        let spaced = self.ring.last().is_none_or(|newest| now.time >= newest.at.time.saturating_add(SPACING));
        spaced && self.pending.is_none_or(|pending| pending.at.block != now.block)
    }

    /// Records a first observation, or confirms the one that waits. Not due: nothing happens.
    pub fn observe(&mut self, size: Assets, now: Moment) {
        if !self.is_due(now) {
            return;
        }
        let seen = Checkpoint { size: Assets(size.0.min(MAX_SIZE)), at: now };
        match self.waiting(now) {
            Some(first) => {
                if self.ring.len() == PLACES {
                    self.ring.remove(0);
                }
                self.ring.push(Checkpoint { size: seen.size.min(first.size), at: now });
            }
            None => self.pending = Some(seen),
        }
    }

    /// The observation that waits for its confirmation.
    #[must_use]
    pub fn waiting(&self, now: Moment) -> Option<Checkpoint> {
        let settled = self.ring.last().map_or(0, |newest| newest.at.time);
        self.pending.filter(|pending| pending.at.time > settled && now.time <= pending.at.time.saturating_add(SPACING))
    }

    /// The newest checkpoint of an earlier block, at most 48 hours old.
    #[must_use]
    pub fn settled(&self, now: Moment) -> Assets {
        self.ring
            .iter()
            .rev()
            .find(|checkpoint| checkpoint.at.block != now.block)
            .filter(|checkpoint| now.time <= checkpoint.at.time.saturating_add(MAX_AGE))
            .map_or(Assets::ZERO, |checkpoint| checkpoint.size)
    }

    /// The newest checkpoint that is at least 24 and at most 48 hours old.
    #[must_use]
    pub fn baseline(&self, now: Moment) -> Option<Checkpoint> {
        let aged = |checkpoint: &&Checkpoint| now.time >= checkpoint.at.time.saturating_add(BASELINE_AGE);
        let newest = self.ring.iter().rev().find(aged)?;
        (now.time <= newest.at.time.saturating_add(MAX_AGE)).then_some(*newest)
    }

    /// What the times of the next observations follow from.
    pub(super) fn times(&self) -> Times {
        Times { pending: self.pending.map(|pending| pending.at), newest: self.ring.last().map(|newest| newest.at) }
    }

    /// The earliest time after `now` at which one of the answers above changes by itself.
    pub(super) fn next_turn(&self, now: u64) -> Option<u64> {
        let newest = self.ring.last().map(|newest| newest.at.time.saturating_add(SPACING)).filter(|time| *time > now);
        // Checkpoints follow each other in time: of those that have yet to reach an age, the oldest is the first to.
        let reaches = |age: u64| {
            self.ring.iter().map(|checkpoint| checkpoint.at.time.saturating_add(age)).find(|time| *time > now)
        };
        [newest, reaches(BASELINE_AGE), reaches(MAX_AGE + 1)].into_iter().flatten().min()
    }

    /// The time from which on a new observation is due.
    pub(super) fn spaced_from(&self) -> u64 {
        self.ring.last().map_or(0, |newest| newest.at.time.saturating_add(SPACING))
    }

    /// The largest size that is, or may become, a checkpoint while nothing larger is seen.
    pub(super) fn largest(&self) -> Assets {
        let all = self.ring.iter().chain(&self.pending).map(|checkpoint| checkpoint.size);
        all.max().unwrap_or(Assets::ZERO)
    }

    /// The block from which on an observation that waits may be confirmed.
    pub(super) fn confirmable_from(&self, now: Moment) -> Option<u64> {
        self.waiting(now).map(|pending| pending.at.block.saturating_add(1))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    const HOUR: u64 = 3_600;

    fn at(hours: u64) -> Moment {
        Moment { block: 1_000 + hours * 300, time: 1_000_000 + hours * HOUR }
    }

    fn next(moment: Moment) -> Moment {
        Moment { block: moment.block + 1, time: moment.time + 12 }
    }

    fn both(history: &mut SizeHistory, first: u128, second: u128, moment: Moment) {
        history.observe(Assets(first), moment);
        history.observe(Assets(second), next(moment));
    }

    // SPEC C7b
    #[test]
    fn the_lower_of_two_blocks_counts_from_the_block_after() {
        let mut history = SizeHistory::default();
        both(&mut history, 100, 90, at(0));
        assert_eq!(history.settled(next(at(0))), Assets::ZERO);
        assert_eq!(history.settled(next(next(at(0)))), Assets(90));
        both(&mut history, 80, 120, at(7));
        assert_eq!(history.settled(next(at(7))), Assets(90), "the one before, in its own block");
        assert_eq!(history.settled(at(8)), Assets(80));
        assert_eq!(history.settled(at(55)), Assets(80));
        assert_eq!(history.settled(at(56)), Assets::ZERO, "48 hours and a little");
    }

    // SPEC C7b
    #[test]
    fn the_baseline_is_the_newest_that_is_a_day_old() {
        let mut history = SizeHistory::default();
        for (index, hour) in [0u64, 6, 12, 18, 24, 30].into_iter().enumerate() {
            both(&mut history, 100 + index as u128, 1_000, Moment { time: at(hour).time + 60 * hour, ..at(hour) });
        }
        let confirmed = history.ring[0].at.time;
        let when = |time| Moment { block: 1_000_000, time };
        assert_eq!(history.baseline(when(confirmed + BASELINE_AGE - 1)), None);
        assert_eq!(history.baseline(when(confirmed + BASELINE_AGE)).unwrap().size, Assets(100));
        let second = history.ring[1].at.time;
        assert_eq!(history.baseline(when(second + BASELINE_AGE)).unwrap().size, Assets(101));
        let last = history.ring[5].at.time;
        assert_eq!(history.baseline(when(last + MAX_AGE)).unwrap().size, Assets(105));
        assert_eq!(history.baseline(when(last + MAX_AGE + 1)), None);
    }

    #[test]
    fn an_observation_that_waits_too_long_begins_anew() {
        let mut history = SizeHistory::default();
        history.observe(Assets(5), at(0));
        history.observe(Assets(7), Moment { time: at(6).time + 1, ..at(6) });
        assert!(history.ring.is_empty());
        history.observe(Assets(9), at(7));
        assert_eq!(history.ring[0].size, Assets(7));
    }

    proptest! {
        #[test]
        fn what_is_borrowed_for_one_block_raises_no_checkpoint(honest in 1u128..1_000, loan in 1u128..1_000_000) {
            for (first, second) in [(honest + loan, honest), (honest, honest + loan)] {
                let mut history = SizeHistory::default();
                both(&mut history, first, second, at(0));
                prop_assert_eq!(history.settled(at(1)), Assets(honest));
            }
        }
    }
}
