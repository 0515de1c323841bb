//! How far behind the chain a source is (SPEC D5): real time per block.

use serde::Serialize;

/// The distance between what a source has seen last and now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Lag {
    /// Age of the newest block or value, seconds; 0 if it is of the future.
    pub seconds: u64,
    /// Blocks that should have come since, rounded down: 12-second slots since the merge, not 15 (ERR-26).
    pub blocks: u64,
}

impl Lag {
    /// Of a source whose newest block or value is of `newest`, at `now`, on a chain with a block each `slot_seconds` (at least 1).
    #[must_use]
    pub const fn at(now: u64, newest: u64, slot_seconds: u64) -> Self {
        let seconds = now.saturating_sub(newest);
        Self { seconds, blocks: seconds / if slot_seconds == 0 { 1 } else { slot_seconds } }
    }
}

/// The last lags of a source, at most [`Self::KEPT`] of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lags {
    samples: std::collections::VecDeque<Lag>,
}

impl Lags {
    /// Two hours of blocks, so that 1 % is six of them.
    pub const KEPT: usize = 600;

    pub fn note(&mut self, lag: Lag) {
        if self.samples.len() == Self::KEPT {
            self.samples.pop_front();
        }
        self.samples.push_back(lag);
    }

    /// The lag that at least `percent` of the samples do not exceed (nearest rank: the ⌈n·percent/100⌉-th smallest); `None` without
    /// samples. `percent` is 1 to 100.
    #[must_use]
    pub fn percentile(&self, percent: u8) -> Option<Lag> {
        let mut sorted: Vec<_> = self.samples.iter().copied().collect();
        sorted.sort_unstable();
        let rank = (sorted.len() * usize::from(percent.clamp(1, 100))).div_ceil(100);
        sorted.get(rank.checked_sub(1)?).copied()
    }

    /// Whether 99 % of the samples are less than two blocks behind (SPEC D5); `None` without samples.
    #[must_use]
    pub fn keeps_up(&self) -> Option<bool> {
        self.percentile(99).map(|lag| lag.blocks < 2)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    // SPEC D5
    #[test]
    fn a_lag_is_the_age_of_the_newest_block_in_seconds_and_whole_slots() {
        assert_eq!(Lag::at(1_023, 1_000, 12), Lag { seconds: 23, blocks: 1 });
        assert_eq!(Lag::at(1_024, 1_000, 12), Lag { seconds: 24, blocks: 2 });
        assert_eq!(Lag::at(990, 1_000, 12), Lag { seconds: 0, blocks: 0 });
    }

    // SPEC D5
    #[test]
    fn one_late_block_in_a_hundred_is_borne_and_two_are_not() {
        let with = |late: usize| {
            let mut lags = Lags::default();
            (0..200).for_each(|n| lags.note(Lag::at(if n < late { 30 } else { 5 }, 0, 12)));
            lags.keeps_up()
        };
        assert_eq!((with(2), with(3)), (Some(true), Some(false)));
        assert_eq!(Lags::default().keeps_up(), None);
    }

    proptest! {
        #[test]
        fn a_percentile_is_a_sample_that_enough_do_not_exceed(
            ages in proptest::collection::vec(0_u64..500, 1..700), percent in 1_u8..=100
        ) {
            let mut lags = Lags::default();
            ages.iter().for_each(|age| lags.note(Lag::at(*age, 0, 12)));
            let recent = &ages[ages.len().saturating_sub(Lags::KEPT)..];
            let found = lags.percentile(percent).unwrap().seconds;
            let at_most = recent.iter().filter(|age| **age <= found).count();
            let below = recent.iter().filter(|age| **age < found).count();
            prop_assert!(recent.contains(&found));
            prop_assert!(at_most * 100 >= recent.len() * usize::from(percent));
            prop_assert!(below * 100 < recent.len() * usize::from(percent));
        }
    }
}
