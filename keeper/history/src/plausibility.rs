//! What a series says about its own values: duplicates that contradict each other, and values in another unit.
//!
//! Only what came before a value judges it, so that whether a value is used never depends on the future.

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
        match recent.unit_error(id.metric(), first.point.value) {
            Some(reason) => refused.push(refuse(first, format!("{id} is {}: {reason}", first.point.value))),
            None => {
                recent.accept(first.point.value);
                points.push(first.point);
            }
        }
    }
    points
}

/// The last accepted values.
#[derive(Default)]
struct Recent(VecDeque<f64>);

impl Recent {
    fn accept(&mut self, value: f64) {
        if self.0.len() == WINDOW {
            self.0.pop_front();
        }
        self.0.push_back(value);
    }

    fn median(&self) -> Option<f64> {
        let mut values: Vec<f64> = self.0.iter().copied().collect();
        values.sort_by(f64::total_cmp);
        (values.len() >= LEAST).then(|| values[values.len() / 2])
    }

    fn unit_error(&self, metric: Metric, value: f64) -> Option<String> {
        let (jump, floor) = match metric {
            Metric::SupplyApr | Metric::BorrowApr => (RATE_JUMP, RATE_FLOOR),
            Metric::SuppliedUsd
            | Metric::BorrowedUsd
            | Metric::LiquidityUsd
            | Metric::TvlUsd
            | Metric::VolumeUsd
            | Metric::SupplyUsd => (AMOUNT_JUMP, AMOUNT_FLOOR),
            _ => return None,
        };
        // Most values are far below the floor: the median is not needed for them.
        if value <= floor {
            return None;
        }
        let median = self.median().filter(|median| *median > 0.0)?;
        let times = value / median;
        jump.contains(&times).then(|| {
            let (count, least) = (self.0.len(), jump.start());
            format!(
                "{times:.0} times the median of the {count} values before it, expected less than {least}; another unit?"
            )
        })
    }
}
