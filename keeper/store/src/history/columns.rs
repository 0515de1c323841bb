//! Rows to be written, with their series and sources named once: what a batch is made of.

use super::ingest::Reading;
use ballast_types::{Observation, SeriesId};
use std::collections::BTreeMap;

/// A row that passed every check that needs no database.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Row {
    /// Its place among the caller's rows.
    pub(super) index: usize,
    /// Places in [`Columns::series`] and [`Columns::sources`].
    pub(super) series: usize,
    pub(super) source: usize,
    pub(super) time: i64,
    pub(super) known_at: i64,
    pub(super) value: f64,
}

#[derive(Debug, Default)]
pub(super) struct Columns {
    pub(super) series: Vec<String>,
    pub(super) sources: Vec<String>,
    pub(super) rows: Vec<Row>,
    /// The caller's rows that are refused, with why.
    pub(super) refused: Vec<(usize, String)>,
}

impl Columns {
    pub(super) fn of_observations(observations: &[Observation]) -> Self {
        let mut columns = Self::default();
        let mut series: BTreeMap<&SeriesId, usize> = BTreeMap::new();
        let mut sources: BTreeMap<&str, usize> = BTreeMap::new();
        for (index, observation) in observations.iter().enumerate() {
            let (Ok(time), Ok(known_at)) = (i64::try_from(observation.time()), i64::try_from(observation.known_at()))
            else {
                columns.refused.push((index, "its time is beyond 2^63 - 1".to_owned()));
                continue;
            };
            if let Err(why) = check_source(observation.source()) {
                columns.refused.push((index, why));
                continue;
            }
            let series = *series.entry(observation.series()).or_insert_with(|| {
                columns.series.push(observation.series().to_string());
                columns.series.len() - 1
            });
            let source = *sources.entry(observation.source()).or_insert_with(|| {
                columns.sources.push(observation.source().to_owned());
                columns.sources.len() - 1
            });
            columns.rows.push(Row { index, series, source, time, known_at, value: observation.value() });
        }
        columns
    }

    /// Checks each as [`Observation::new`] does.
    pub(super) fn of_readings(readings: &[Reading<'_>]) -> Self {
        let mut columns = Self::default();
        let mut series: BTreeMap<&str, Result<(SeriesId, usize), String>> = BTreeMap::new();
        let mut sources: BTreeMap<&str, Result<usize, String>> = BTreeMap::new();
        columns.rows.reserve(readings.len());
        for (index, reading) in readings.iter().enumerate() {
            let named = series.entry(reading.series).or_insert_with(|| {
                let id = reading.series.parse::<SeriesId>().map_err(|error| error.to_string())?;
                columns.series.push(id.to_string());
                Ok((id, columns.series.len() - 1))
            });
            let source = sources.entry(reading.source).or_insert_with(|| {
                check_source(reading.source)?;
                columns.sources.push(reading.source.to_owned());
                Ok(columns.sources.len() - 1)
            });
            let checked = match (named, source) {
                (Ok((id, series)), Ok(source)) => checked(index, id, *series, *source, reading),
                (Err(why), _) | (_, Err(why)) => Err(why.clone()),
            };
            match checked {
                Ok(row) => columns.rows.push(row),
                Err(why) => columns.refused.push((index, why)),
            }
        }
        columns
    }
}

fn checked(index: usize, id: &SeriesId, series: usize, source: usize, reading: &Reading<'_>) -> Result<Row, String> {
    let unsigned = |what, value: i64| {
        u64::try_from(value).map_err(|_| format!("{id}: {what} is {value}, expected Unix seconds from 0 on"))
    };
    let (time, known_at) = (unsigned("time", reading.time)?, unsigned("known_at", reading.known_at)?);
    // The one place that knows what an observation may be.
    Observation::new(id.clone(), "", time, known_at, reading.value).map_err(|error| error.to_string())?;
    Ok(Row { index, series, source, time: reading.time, known_at: reading.known_at, value: reading.value })
}

fn check_source(source: &str) -> Result<(), String> {
    let allowed = |c: char| c.is_ascii_graphic();
    if source.is_empty() || source.len() > 100 || !source.chars().all(allowed) {
        return Err(format!("{source:?} is no source, expected 1 to 100 printable characters without spaces"));
    }
    Ok(())
}
