//! How rows become observations: each is checked alone, then against its neighbours.

use crate::{Gathered, Head, Provenance, Refused};
use ballast_types::{Metric, Observation, SeriesId};
use std::collections::{BTreeMap, BTreeSet};

/// How far a value's time may be after ours, seconds: clocks differ, but nobody knows what comes.
pub const FUTURE_TOLERANCE: u64 = 120;

/// Ranges of values narrower than [`Metric::plausible`], from what is known of a series: a price of 100 USD is plausible, but not of USDC.
/// A value in the wrong unit by a factor of 100 falls out of them.
#[derive(Clone, Debug, PartialEq)]
pub struct Bounds {
    most_rate: f64,
    of: BTreeMap<SeriesId, (f64, f64)>,
}

/// Rates up to 150 % a year, three times what a lending market of a stablecoin paid over a day in the squeeze of March 2023 (Aave V2 USDT,
/// 52.6 %). 2 % that comes as 2.0, percent for fraction, is refused.
impl Default for Bounds {
    fn default() -> Self {
        Self { most_rate: 1.5, of: BTreeMap::new() }
    }
}

impl Bounds {
    /// Rates without a range of their own up to `most`, a fraction.
    #[must_use]
    pub const fn rates_up_to(mut self, most: f64) -> Self {
        self.most_rate = most;
        self
    }

    /// Values of `series` from `least` to `most`, both included.
    #[must_use]
    pub fn within(mut self, series: SeriesId, least: f64, most: f64) -> Self {
        self.of.insert(series, (least, most));
        self
    }

    fn check(&self, series: &SeriesId, value: f64) -> Result<(), String> {
        let default = match series.metric() {
            Metric::SupplyApr | Metric::BorrowApr => (0.0, self.most_rate),
            other => other.plausible(),
        };
        let (least, most) = self.of.get(series).copied().unwrap_or(default);
        if value < least || value > most {
            return Err(format!("{series} is {value}, expected {least} to {most} for this series"));
        }
        Ok(())
    }
}

/// Collects the rows of one answer.
#[derive(Debug)]
pub struct Gathering<'a> {
    provenance: Provenance,
    bounds: &'a Bounds,
    rows: Vec<(usize, Observation)>,
    refused: Vec<Refused>,
    head: Option<Head>,
    /// Set while running: nothing was known before we asked.
    live: bool,
}

impl<'a> Gathering<'a> {
    /// Of history: values were known when they were published.
    #[must_use]
    pub fn of_history(source: &str, endpoint: &str, now: u64, bounds: &'a Bounds) -> Self {
        let provenance = Provenance { source: source.to_owned(), endpoint: endpoint.to_owned(), fetched_at: now };
        Self { provenance, bounds, rows: Vec::new(), refused: Vec::new(), head: None, live: false }
    }

    /// Of the newest values: they were known from now on.
    #[must_use]
    pub fn of_now(source: &str, endpoint: &str, now: u64, bounds: &'a Bounds) -> Self {
        Self { live: true, ..Self::of_history(source, endpoint, now, bounds) }
    }

    pub fn head(&mut self, head: Head) {
        self.head = Some(head);
    }

    /// Row `row` says that `series` was `value` at `time`, and that was published at `published`. Refused if it cannot be.
    pub fn put(&mut self, row: usize, series: &SeriesId, time: u64, published: u64, value: f64) {
        let now = self.provenance.fetched_at;
        if time > now + FUTURE_TOLERANCE {
            return self.refuse(row, format!("{series} is of {time}, after the time of asking ({now})"));
        }
        if value.is_finite()
            && let Err(why) = self.bounds.check(series, value)
        {
            return self.refuse(row, why);
        }
        let known_at = if self.live { now.max(time) } else { published };
        match Observation::new(series.clone(), self.provenance.source.clone(), time, known_at, value) {
            Ok(observation) => self.rows.push((row, observation)),
            Err(error) => self.refuse(row, error.to_string()),
        }
    }

    /// As [`Self::put`] with a value that may have failed to be one.
    pub fn try_put<E: std::fmt::Display>(
        &mut self,
        row: usize,
        series: &SeriesId,
        time: u64,
        published: u64,
        value: Result<f64, E>,
    ) {
        match value {
            Ok(value) => self.put(row, series, time, published, value),
            Err(error) => self.refuse(row, format!("{series}: {error}")),
        }
    }

    pub fn refuse(&mut self, row: usize, why: impl Into<String>) {
        self.refused.push(Refused { row, why: why.into() });
    }

    /// Puts them in order of time. A row that repeats another is refused; of rows that contradict each other about the same time none is
    /// believed.
    #[must_use]
    pub fn finish(self) -> Gathered {
        let Self { provenance, mut rows, mut refused, head, .. } = self;
        let key = |observation: &Observation| (observation.series().clone(), observation.time());
        rows.sort_by_cached_key(|(row, observation)| (key(observation), *row));
        let mut contradicted = BTreeSet::new();
        let mut kept: Vec<(usize, Observation)> = Vec::with_capacity(rows.len());
        for (row, observation) in rows {
            match kept.last() {
                Some((first, same)) if key(same) == key(&observation) => {
                    let (series, time) = (observation.series(), observation.time());
                    let why = if same.value() == observation.value() {
                        format!("it repeats row {first}: {series} at {time}")
                    } else {
                        contradicted.insert(*first);
                        let (one, other) = (same.value(), observation.value());
                        format!("it contradicts row {first}: {series} at {time} is {one} there and {other} here")
                    };
                    refused.push(Refused { row, why });
                }
                _ => kept.push((row, observation)),
            }
        }
        let mut observations = Vec::with_capacity(kept.len());
        for (row, observation) in kept {
            if contradicted.contains(&row) {
                let (series, time) = (observation.series(), observation.time());
                refused.push(Refused { row, why: format!("another row contradicts it: {series} at {time}") });
            } else {
                observations.push(observation);
            }
        }
        refused.sort_by_key(|refused| refused.row);
        Gathered { observations, refused, provenance, head }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn rate() -> SeriesId {
        SeriesId::new("aave/usdc", Metric::SupplyApr).unwrap()
    }

    fn price() -> SeriesId {
        SeriesId::new("usdc", Metric::PriceUsd).unwrap()
    }

    #[test]
    fn a_value_in_the_wrong_unit_of_the_future_or_no_number_is_refused_with_its_row() {
        let bounds = Bounds::default().within(price(), 0.01, 2.0);
        let mut gathering = Gathering::of_history("test", "here", 1_000, &bounds);
        for (row, (series, time, value)) in [
            (rate(), 10, 0.05),
            (rate(), 20, 5.0),
            (rate(), 30, -0.05),
            (rate(), 40, f64::NAN),
            (rate(), 5_000, 0.05),
            (price(), 10, 100.0),
            (price(), 20, 0.999),
        ]
        .into_iter()
        .enumerate()
        {
            gathering.put(row, &series, time, time, value);
        }
        let gathered = gathering.finish();
        assert_eq!(gathered.observations.len(), 2);
        assert_eq!(gathered.refused.iter().map(|refused| refused.row).collect::<Vec<_>>(), [1, 2, 3, 4, 5]);
        assert!(gathered.refused[0].why.contains("expected 0 to 1.5"), "{:?}", gathered.refused);
    }

    #[test]
    fn what_runs_knows_nothing_before_it_asked_and_history_when_it_was_published() {
        let bounds = Bounds::default();
        let mut live = Gathering::of_now("test", "here", 1_000, &bounds);
        live.put(0, &rate(), 900, 950, 0.05);
        assert_eq!(live.finish().observations[0].known_at(), 1_000);
        let mut history = Gathering::of_history("test", "here", 1_000, &bounds);
        history.put(0, &rate(), 900, 950, 0.05);
        assert_eq!(history.finish().observations[0].known_at(), 950);
    }

    proptest! {
        // SPEC D10
        #[test]
        fn in_whatever_order_rows_come_the_same_is_kept_and_every_row_is_accounted_for(
            rows in proptest::collection::vec((0_u64..12, 0_u8..3), 0..40), seed: u64
        ) {
            let bounds = Bounds::default();
            let gather = |rows: &[(u64, u8)]| {
                let mut gathering = Gathering::of_history("test", "here", 1_000, &bounds);
                for (row, (time, value)) in rows.iter().enumerate() {
                    gathering.put(row, &rate(), *time, *time, f64::from(*value) / 100.0);
                }
                gathering.finish()
            };
            let mut shuffled = rows.clone();
            fastrand::Rng::with_seed(seed).shuffle(&mut shuffled);
            let (one, other) = (gather(&rows), gather(&shuffled));
            prop_assert_eq!(&one.observations, &other.observations);
            prop_assert_eq!(one.observations.len() + one.refused.len(), rows.len());
            prop_assert!(one.observations.windows(2).all(|pair| pair[0].time() < pair[1].time()));
            // What is kept was never contradicted.
            for kept in &one.observations {
                let says = |&&(time, _): &&(u64, u8)| time == kept.time();
                prop_assert!(rows.iter().filter(says).all(|(_, value)| f64::from(*value) / 100.0 == kept.value()));
            }
        }
    }
}
