//! Values of an hour or a day as one: how many, their sum, the lowest and the highest.

use super::{History, HistoryError, observations, seconds};
use crate::sql::{Connection, Row};
use ballast_types::{Observation, SeriesId};
use std::collections::BTreeMap;
use std::ops::Range;

/// The length of a bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    Hour,
    Day,
}

impl Step {
    /// In seconds. Buckets begin at multiples of it, so that days are UTC days.
    #[must_use]
    pub const fn seconds(self) -> u64 {
        match self {
            Self::Hour => 3_600,
            Self::Day => 86_400,
        }
    }
}

/// The observations of one source within a step.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct Bucket {
    pub source: String,
    /// Unix seconds.
    pub start: u64,
    pub count: u64,
    /// In the order of time, so that it is the same wherever it is added up.
    pub sum: f64,
    pub low: f64,
    pub high: f64,
    /// When the last of them was known.
    pub known_at: u64,
}

impl Bucket {
    #[must_use]
    pub fn mean(&self) -> f64 {
        self.sum / self.count as f64
    }

    pub(super) fn of(observation: &Observation, step: Step) -> Self {
        let value = observation.value();
        Self {
            source: observation.source().to_owned(),
            start: observation.time() - observation.time() % step.seconds(),
            count: 1,
            sum: value,
            low: value,
            high: value,
            known_at: observation.known_at(),
        }
    }

    fn widened(mut self, step: Step) -> Self {
        self.start -= self.start % step.seconds();
        self
    }

    fn add(&mut self, later: &Self) {
        self.count += later.count;
        self.sum += later.sum;
        self.low = self.low.min(later.low);
        self.high = self.high.max(later.high);
        self.known_at = self.known_at.max(later.known_at);
    }
}

/// Adds up what belongs together. `parts` come in the order of time within each source.
pub(super) fn merged(parts: impl IntoIterator<Item = Bucket>, step: Step) -> Vec<Bucket> {
    let mut whole: BTreeMap<(u64, String), Bucket> = BTreeMap::new();
    for part in parts {
        let part = part.widened(step);
        match whole.get_mut(&(part.start, part.source.clone())) {
            Some(bucket) => bucket.add(&part),
            None => {
                whole.insert((part.start, part.source.clone()), part);
            }
        }
    }
    whole.into_values().collect()
}

impl History {
    /// A series by hours or days, as it was known at `as_of`: from its observations where they are kept, else from what was kept of
    /// them. `times` is widened to whole steps. By start and source; of one source, if it is named.
    ///
    /// A bucket that was folded counts from when its last observation was known. What is kept by days only appears in no hour.
    ///
    /// # Errors
    /// As [`History::range`].
    pub async fn buckets(
        &self,
        series: &SeriesId,
        source: Option<&str>,
        step: Step,
        times: Range<u64>,
        as_of: u64,
    ) -> Result<Vec<Bucket>, HistoryError> {
        let start = times.start - times.start % step.seconds();
        let end = times.end.checked_next_multiple_of(step.seconds()).unwrap_or(times.end).min(super::EVER);
        let mut connection = self.engine.read().await?;
        let mut parts = kept(&mut connection, series, source, step, start..end, as_of).await?;
        let observed = observations::range(&mut connection, series, source, start..end, as_of).await?;
        parts.extend(observed.iter().map(|observation| Bucket::of(observation, step)));
        Ok(merged(parts, step))
    }
}

/// Buckets that were kept, none longer than the step, in the order of time.
async fn kept(
    connection: &mut Connection,
    series: &SeriesId,
    source: Option<&str>,
    longest: Step,
    times: Range<u64>,
    as_of: u64,
) -> Result<Vec<Bucket>, HistoryError> {
    let mut parameters = vec![
        series.to_string().into(),
        seconds("as_of", as_of)?.into(),
        seconds("the range's start", times.start)?.into(),
        seconds("the range's end", times.end)?.into(),
        seconds("step", longest.seconds())?.into(),
    ];
    let statement = match source {
        None => {
            "SELECT s.name, b.start, b.count, b.sum, b.low, b.high, b.known_at FROM buckets b JOIN sources s ON s.id = b.source
             WHERE b.series = (SELECT id FROM series WHERE name = $1) AND b.known_at <= $2 AND b.start >= $3 AND b.start < $4
             AND b.step <= $5 ORDER BY b.start, s.name"
        }
        Some(source) => {
            parameters.push(source.into());
            "SELECT s.name, b.start, b.count, b.sum, b.low, b.high, b.known_at FROM buckets b JOIN sources s ON s.id = b.source
             WHERE b.series = (SELECT id FROM series WHERE name = $1) AND b.known_at <= $2 AND b.start >= $3 AND b.start < $4
             AND b.step <= $5 AND s.name = $6 ORDER BY b.start, s.name"
        }
    };
    connection.fetch(statement, parameters).await?.into_iter().map(bucket).collect()
}

fn bucket(mut row: Row) -> Result<Bucket, HistoryError> {
    Ok(Bucket {
        source: row.text("source")?,
        start: row.unsigned("start")?,
        count: row.unsigned("count")?,
        sum: row.real("sum")?,
        low: row.real("low")?,
        high: row.real("high")?,
        known_at: row.unsigned("known_at")?,
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use ballast_types::Metric;
    use proptest::prelude::*;

    fn observed(values: &[(u64, f64)]) -> Vec<Observation> {
        let series = SeriesId::new("test", Metric::Index).unwrap();
        values
            .iter()
            .map(|(time, value)| Observation::new(series.clone(), "s", *time, *time, *value).unwrap())
            .collect()
    }

    proptest! {
        #[test]
        fn hours_added_up_to_days_are_the_days(
            mut values in prop::collection::vec((0_u64..10 * 86_400, -1e6_f64..1e6), 1..200)
        ) {
            values.sort_by_key(|(time, _)| *time);
            let observed = observed(&values);
            let of = |step| merged(observed.iter().map(|one| Bucket::of(one, step)), step);
            let (days, by_hours) = (of(Step::Day), merged(of(Step::Hour), Step::Day));
            prop_assert_eq!(days.len(), by_hours.len());
            for (day, other) in days.iter().zip(&by_hours) {
                prop_assert_eq!((day.start, day.count, day.low, day.high), (other.start, other.count, other.low, other.high));
                // The same numbers in another order of addition.
                prop_assert!((day.sum - other.sum).abs() <= 1e-9 * day.count as f64 * 1e6);
            }
            prop_assert_eq!(days.iter().map(|day| day.count).sum::<u64>(), values.len() as u64);
        }

        #[test]
        fn a_mean_lies_between_the_lowest_and_the_highest(
            values in prop::collection::vec((0_u64..86_400, -1e6_f64..1e6), 1..50)
        ) {
            for bucket in merged(observed(&values).iter().map(|one| Bucket::of(one, Step::Hour)), Step::Hour) {
                prop_assert!(bucket.mean() >= bucket.low - 1e-6 && bucket.mean() <= bucket.high + 1e-6);
            }
        }
    }
}
