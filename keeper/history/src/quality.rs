//! How good a series is: holes, values far from the others, and how old its newest value is.

use crate::dataset::Series;
use serde::Serialize;

/// What is to be said of one series.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Quality {
    pub series: String,
    pub source: String,
    pub values: usize,
    /// Times of the first and the last value, Unix seconds.
    pub first: u64,
    pub last: u64,
    /// Seconds between values: the median.
    pub step: u64,
    /// Intervals of more than one and a half steps, and the longest of them in seconds.
    pub gaps: usize,
    pub longest_gap: u64,
    /// Changes from one value to the next that are beyond [`OUTLIER`] robust deviations. They are told, not left out: a crisis is one.
    pub outliers: usize,
    /// Seconds from the last value to the time that was asked about.
    pub age: u64,
    /// The last value is older than [`STALE_STEPS`] steps.
    pub stale: bool,
}

/// Deviations (1.4826 times the median absolute one) beyond which a change is an outlier.
pub const OUTLIER: f64 = 12.0;
/// Steps after which a series is stale.
pub const STALE_STEPS: u64 = 3;
/// Turns a median absolute deviation into a standard deviation, of normal numbers.
const NORMAL: f64 = 1.4826;

/// Judges a series as of a time (Unix seconds); `None` if it has no value.
#[must_use]
pub fn assess(series: &Series, as_of: u64) -> Option<Quality> {
    let (first, last) = (series.points.first()?, series.points.last()?);
    let mut intervals: Vec<u64> = series.points.windows(2).map(|pair| pair[1].time - pair[0].time).collect();
    intervals.sort_unstable();
    let step = intervals.get(intervals.len() / 2).copied().unwrap_or_default();
    let gaps: Vec<u64> = intervals.iter().copied().filter(|interval| *interval > step + step / 2).collect();
    let age = as_of.saturating_sub(last.time);
    Some(Quality {
        series: series.id.to_string(),
        source: series.source.clone(),
        values: series.points.len(),
        first: first.time,
        last: last.time,
        step,
        gaps: gaps.len(),
        longest_gap: gaps.last().copied().unwrap_or_default(),
        outliers: outliers(series),
        age,
        stale: age > step.max(1) * STALE_STEPS,
    })
}

fn outliers(series: &Series) -> usize {
    let changes: Vec<f64> = series.points.windows(2).map(|pair| pair[1].value - pair[0].value).collect();
    let Some(centre) = median(changes.clone()) else { return 0 };
    let Some(deviation) = median(changes.iter().map(|change| (change - centre).abs()).collect()) else { return 0 };
    let bound = OUTLIER * NORMAL * deviation;
    // A series that hardly ever changes has no scale to measure by.
    if bound == 0.0 { 0 } else { changes.iter().filter(|change| (*change - centre).abs() > bound).count() }
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::dataset::Point;
    use ballast_types::{Metric, SeriesId};

    fn series(values: &[(u64, f64)]) -> Series {
        Series {
            id: SeriesId::new("aave/ethereum/usdc", Metric::SupplyApr).unwrap(),
            source: "test".into(),
            variant: String::new(),
            points: values.iter().map(|(time, value)| Point { time: *time, known_at: *time, value: *value }).collect(),
        }
    }

    #[test]
    fn holes_are_counted_and_the_longest_is_told() {
        let days: Vec<(u64, f64)> = [0u64, 1, 2, 4, 5, 9, 10].iter().map(|day| (day * 86_400, 1.0)).collect();
        let quality = assess(&series(&days), 10 * 86_400).unwrap();
        assert_eq!((quality.step, quality.gaps, quality.longest_gap), (86_400, 2, 4 * 86_400));
        assert!(!quality.stale);
    }

    #[test]
    fn a_series_is_stale_after_three_steps() {
        let days: Vec<(u64, f64)> = (0..5).map(|day| (day * 86_400, 1.0)).collect();
        assert!(!assess(&series(&days), 7 * 86_400).unwrap().stale);
        assert!(assess(&series(&days), 7 * 86_400 + 1).unwrap().stale);
    }

    #[test]
    fn a_jump_among_small_changes_is_an_outlier_there_and_back() {
        let mut values: Vec<(u64, f64)> =
            (0..100).map(|day| (day * 86_400, 0.05 + ((day * day) % 11) as f64 * 0.0001)).collect();
        assert_eq!(assess(&series(&values), 0).unwrap().outliers, 0);
        values[50].1 = 0.5;
        assert_eq!(assess(&series(&values), 0).unwrap().outliers, 2);
    }
}
