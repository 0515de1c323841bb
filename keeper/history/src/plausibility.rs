//! What a series says about its own values: duplicates that contradict each other, and values in another unit.
//!
//! Only what came before a value judges it, so that whether a value is used never depends on the future.
//!
//! **A level that persists is accepted.** If the first values of a series were the wrong ones, the right ones would be refused for ever. So the values
//! that were refused one after another are remembered: [`PERSISTS`] of them in a row, over at least [`PERSISTS_FOR`], that are no unit error to
//! each other, are the series' new level, and the next value is held against them. They themselves stay refused. A single jump, or
//! any number of them that a value of the old level interrupts, never gets there.

use crate::{
    dataset::{Point, Read},
    refusal::Refusal,
};
use ballast_types::{Metric, SeriesId};
use std::{collections::VecDeque, ops::RangeInclusive};

/// A value is held against the median of so many accepted ones before it …
const WINDOW: usize = 30;
/// … once there are so many.
const LEAST: usize = 5;
/// A rate so many times the median, and …
const RATE_JUMP: RangeInclusive<f64> = 50.0..=1_000.0;
/// … above 20 % a year, is taken for a percentage where a fraction belongs (×100) or a rate multiplied by 365 (ERR-23). The fiercest squeeze in
/// the data, Aave's USDT in March 2023, was 26 times its median. Rates below 0.2 % times 100 stay under the floor and are not found.
const RATE_FLOOR: f64 = 0.2;
/// An amount of USD so many times the median, and above a billion, is taken for base units.
const AMOUNT_JUMP: RangeInclusive<f64> = 1_000.0..=f64::MAX;
const AMOUNT_FLOOR: f64 = 1e9;

/// So many values of a new level in a row …
const PERSISTS: usize = WINDOW;
/// … over so many seconds, a week, make it the level. A unit that changed for good is one as well by then; its month of refused rows is
/// what `ballast data check` shows.
const PERSISTS_FOR: u64 = 7 * 86_400;

/// The points that may be used, ascending; the others are put among the refused.
pub(crate) fn settle(id: &SeriesId, mut read: Vec<Read>, refused: &mut Vec<Refusal>) -> Vec<Point> {
    read.sort_by_key(|read| (read.point.time, read.line));
    let mut recent = Recent::default();
    let mut points: Vec<Point> = Vec::with_capacity(read.len());
    for same_time in read.chunk_by(|a, b| a.point.time == b.point.time) {
        let Some((first, others)) = same_time.split_first() else { continue };
        let refuse = |read: &Read, reason: String| Refusal { file: read.file.to_owned(), line: read.line, reason };
        if others.iter().any(|other| other.point.value != first.point.value) {
            // Which of them is right nobody knows, so none is used.
            let lines = same_time.iter().map(|read| read.line.to_string()).collect::<Vec<_>>().join(", ");
            refused.extend(same_time.iter().map(|read| {
                refuse(
                    read,
                    format!(
                        "{id} is {} here; lines {lines} are of one time and contradict each other",
                        read.point.value
                    ),
                )
            }));
            continue;
        }
        refused.extend(others.iter().map(|other| refuse(other, format!("{id} is already in line {}", first.line))));
        match recent.judge(id.metric(), first.point) {
            Some(reason) => refused.push(refuse(first, format!("{id} is {}: {reason}", first.point.value))),
            None => points.push(first.point),
        }
    }
    points
}

/// The last accepted values, and those that were refused since.
#[derive(Default)]
struct Recent {
    accepted: VecDeque<f64>,
    /// One after another, of one level.
    challengers: Vec<Point>,
}

impl Recent {
    /// Accepts a value, or says why not.
    fn judge(&mut self, metric: Metric, point: Point) -> Option<String> {
        let Some(reason) = self.unit_error(metric, point.value) else {
            self.accept(point.value);
            return None;
        };
        // Only where it is above the floor and some times the median is a value refused, so that there is a jump.
        let jump = suspicious(metric).map_or(f64::INFINITY, |(jump, _)| *jump.start());
        let apart = |other: &Point| point.value / other.value >= jump || other.value / point.value >= jump;
        if self.challengers.iter().any(apart) {
            self.challengers.clear();
        }
        self.challengers.push(point);
        let persists = self.challengers.first().is_some_and(|first| {
            self.challengers.len() >= PERSISTS && point.time.saturating_sub(first.time) >= PERSISTS_FOR
        });
        if persists {
            let level = self.challengers.len() - PERSISTS;
            self.accepted = self.challengers.drain(..).skip(level).map(|point| point.value).collect();
        }
        Some(reason)
    }

    fn accept(&mut self, value: f64) {
        self.challengers.clear();
        if self.accepted.len() == WINDOW {
            self.accepted.pop_front();
        }
        self.accepted.push_back(value);
    }

    fn median(&self) -> Option<f64> {
        let mut values: Vec<f64> = self.accepted.iter().copied().collect();
        values.sort_by(f64::total_cmp);
        (values.len() >= LEAST).then(|| values[values.len() / 2])
    }

    fn unit_error(&self, metric: Metric, value: f64) -> Option<String> {
        let (jump, floor) = suspicious(metric)?;
        // Most values are far below the floor: the median is not needed for them.
        if value <= floor {
            return None;
        }
        let median = self.median().filter(|median| *median > 0.0)?;
        let times = value / median;
        jump.contains(&times).then(|| {
            let (count, least) = (self.accepted.len(), jump.start());
            format!(
                "{times:.0} times the median of the {count} values before it, expected less than {least}; another unit?"
            )
        })
    }
}

/// How many times the median is suspicious, and above what.
const fn suspicious(metric: Metric) -> Option<(RangeInclusive<f64>, f64)> {
    match metric {
        Metric::SupplyApr | Metric::BorrowApr => Some((RATE_JUMP, RATE_FLOOR)),
        Metric::SuppliedUsd
        | Metric::BorrowedUsd
        | Metric::LiquidityUsd
        | Metric::TvlUsd
        | Metric::VolumeUsd
        | Metric::SupplyUsd => Some((AMOUNT_JUMP, AMOUNT_FLOOR)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const DAY: u64 = 86_400;

    /// Which of these values, one a `step`, are accepted.
    fn accepted(values: &[f64], step: u64) -> Vec<bool> {
        of(Metric::SupplyApr, values, step)
    }

    fn of(metric: Metric, values: &[f64], step: u64) -> Vec<bool> {
        let mut recent = Recent::default();
        let point = |(n, value): (usize, &f64)| {
            let time = n as u64 * step;
            Point { time, known_at: time + step, value: *value }
        };
        values.iter().enumerate().map(|one| recent.judge(metric, point(one)).is_none()).collect()
    }

    #[test]
    fn wrong_first_values_do_not_lock_the_right_ones_out_for_ever() {
        let values = [&[0.003; 5][..], &[0.4; 60]].concat();
        let found = accepted(&values, DAY);
        assert!(found[..5].iter().all(|accepted| *accepted));
        assert!(found[5..35].iter().all(|accepted| !accepted), "what was refused stays so");
        assert!(found[35..].iter().all(|accepted| *accepted), "the level has persisted");
    }

    #[test]
    fn a_level_of_many_values_within_a_few_days_waits_for_the_week() {
        let values = [&[0.003; 5][..], &[0.4; 400]].concat();
        let found = accepted(&values, 3_600);
        let first = found[5..].iter().position(|accepted| *accepted);
        // The one that is a week after the first is the last that is refused.
        assert_eq!(first, Some(7 * 24 + 1));
    }

    #[test]
    fn values_that_do_not_agree_with_each_other_are_no_level() {
        let mixed = |high: f64| {
            let new = (0..200).map(|n| if n % 2 == 0 { 2e9 } else { high });
            let values: Vec<f64> = std::iter::repeat_n(1e6, 5).chain(new).collect();
            of(Metric::TvlUsd, &values, DAY)[5..].iter().any(|accepted| *accepted)
        };
        assert!(mixed(2e11), "a hundred times each other may be one level");
        assert!(!mixed(2e15), "a million times each other are dollars and base units");
    }

    proptest! {
        // However often it comes, a jump that the old level interrupts is never accepted.
        #[test]
        fn single_jumps_are_never_accepted(
            runs in proptest::collection::vec((1_usize..PERSISTS, 1_usize..40), 1..20),
            level in 0.001_f64..0.003, times in 100.0_f64..900.0,
        ) {
            let mut values = vec![level; LEAST];
            for (jumps, normal) in runs {
                values.extend(std::iter::repeat_n(level * times, jumps));
                values.extend(std::iter::repeat_n(level, normal));
            }
            let found = accepted(&values, DAY);
            for (accepted, value) in found.iter().zip(&values) {
                prop_assert_eq!(*accepted, *value == level || *value <= RATE_FLOOR, "{}", value);
            }
        }
    }
}
