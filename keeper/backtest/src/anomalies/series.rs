//! The series that the detector is tried on, as it would have sampled them.

use super::AnomalyError;
use ballast_history::{Dataset, Point, time};
use ballast_types::Metric;
use serde::Serialize;
use std::path::Path;

/// From one sample to the next. There is no data by ten minutes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    Hour,
    Day,
}

impl Step {
    pub(crate) const fn seconds(self) -> u64 {
        match self {
            Self::Hour => 3_600,
            Self::Day => time::DAY,
        }
    }
}

/// A venue's figures as they are known at a time; what is not in the data is no number.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    pub(super) time: u64,
    pub(super) figures: [f64; 3],
}

impl Sample {
    /// The day (since 1970) that it tells of. A day and the last hour of it are known when they are over, at the first second of the next.
    pub(super) const fn day(&self) -> u64 {
        told_of(self.time)
    }
}

/// The day (since 1970) that what is known at a time tells of.
pub(super) const fn told_of(known_at: u64) -> u64 {
    known_at.saturating_sub(1) / time::DAY
}

#[derive(Debug)]
pub(super) struct Venue {
    pub(super) name: &'static str,
    pub(super) samples: Vec<Sample>,
}

/// Where a venue's figures are.
struct Listed {
    name: &'static str,
    subject: &'static str,
    source: &'static str,
    size: Option<Metric>,
}

const AAVE_HOURLY: &str = "aave_v2_stable_reserves_hourly_2022";
const MORPHO_HOURLY: &str = "morpho_blue_rates_hourly_2024";
const DAILY: &str = "lending_rates_daily";

/// Every supply rate by the hour that there is. Of Morpho Blue nothing but rates is there, and its other rate is of a loan, which the detector does not see.
const BY_THE_HOUR: [Listed; 4] = [
    aave_v2("aave-v2 USDC", "aave-v2/ethereum/usdc"),
    aave_v2("aave-v2 USDT", "aave-v2/ethereum/usdt"),
    aave_v2("aave-v2 DAI", "aave-v2/ethereum/dai"),
    Listed { name: "morpho-blue WETH", subject: "morpho-blue/ethereum/weth", source: "theo_morpho", size: None },
];

/// Coins' rates by the day that reach through the crises of 2022 and 2023.
const BY_THE_DAY: [Listed; 5] = [
    Listed { name: "aave-v2 USDC", subject: "aave/ethereum/usdc", source: "ccw_aave", size: None },
    Listed { name: "aave-v2 USDT", subject: "aave/ethereum/usdt", source: "ccw_aave", size: None },
    compound_v2("compound-v2 USDC", "compound/ethereum/usdc"),
    compound_v2("compound-v2 USDT", "compound/ethereum/usdt"),
    compound_v2("compound-v2 DAI", "compound/ethereum/dai"),
];

const fn aave_v2(name: &'static str, subject: &'static str) -> Listed {
    // Tokens, of which each is a dollar's worth.
    Listed { name, subject, source: "viet_events", size: Some(Metric::SuppliedUsd) }
}

const fn compound_v2(name: &'static str, subject: &'static str) -> Listed {
    Listed { name, subject, source: "viet_compound_v2", size: Some(Metric::TvlUsd) }
}

pub(super) fn read(directory: &Path, step: Step, now: u64) -> Result<Vec<Venue>, AnomalyError> {
    let (files, listed): (&[&'static str], &[Listed]) = match step {
        Step::Hour => (&[AAVE_HOURLY, MORPHO_HOURLY], &BY_THE_HOUR),
        Step::Day => (&[DAILY], &BY_THE_DAY),
    };
    let dataset = Dataset::read_named(directory, files, now)?;
    if let Some(absent) = dataset.absent.first() {
        return Err(AnomalyError::Absent(absent));
    }
    listed.iter().map(|listed| sampled(&dataset, listed, step)).collect()
}

fn sampled(dataset: &Dataset, listed: &Listed, step: Step) -> Result<Venue, AnomalyError> {
    let of = |metric| -> &[Point] {
        let found = dataset.of(listed.subject, metric).find(|series| series.source == listed.source);
        found.map_or(&[], |series| &series.points)
    };
    let (rates, utilisation) = (of(Metric::SupplyApr), of(Metric::Utilisation));
    let sizes = listed.size.map_or(&[][..], of);
    let (Some(first), Some(last)) = (rates.first(), rates.last()) else {
        return Err(AnomalyError::Nothing(listed.name));
    };
    let times = (first.known_at..=last.known_at).step_by(step.seconds() as usize);
    let samples = times.filter_map(|time| {
        let at = |points| value(points, time, step);
        let figures = [at(rates), at(utilisation), at(sizes).map(libm::log)];
        figures[0]?;
        Some(Sample { time, figures: figures.map(|figure| figure.unwrap_or(f64::NAN)) })
    });
    Ok(Venue { name: listed.name, samples: samples.collect() })
}

/// What is known at a time. The hourly rows are the states after a reserve's updates, and a state stays until the next update; a day without a row is a
/// day that nobody has read.
fn value(points: &[Point], time: u64, step: Step) -> Option<f64> {
    let until = points.partition_point(|point| point.known_at <= time);
    let newest = points.get(until.checked_sub(1)?)?;
    (step == Step::Hour || newest.known_at == time).then_some(newest.value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ballast_risk::anomaly::MEASURED_WITH;

    #[test]
    fn by_the_hour_is_what_the_service_samples_by() {
        assert_eq!(Step::Hour.seconds(), MEASURED_WITH.sample_minutes * 60);
    }

    #[test]
    fn a_state_stays_until_the_next_and_a_day_that_nobody_read_is_none() {
        let points = [(0, 1.0), (7_200, 2.0)].map(|(time, value)| Point { time, known_at: time + 3_600, value });
        let found = |step| [0, 3_600, 7_200, 10_800, 14_400].map(|time| value(&points, time, step));
        assert_eq!(found(Step::Hour), [None, Some(1.0), Some(1.0), Some(2.0), Some(2.0)]);
        assert_eq!(found(Step::Day), [None, Some(1.0), None, Some(2.0), None]);
    }

    #[test]
    fn a_day_is_told_of_by_what_is_known_when_it_is_over() {
        let day = |time| Sample { time, figures: [0.0; 3] }.day();
        assert_eq!([1, time::DAY, time::DAY + 1, 2 * time::DAY].map(day), [0, 0, 1, 1]);
    }
}
