//! Asking for observations, always as of a time.

use super::{History, HistoryError, seconds};
use crate::StoreError;
use crate::sql::{Connection, Row};
use ballast_types::{Observation, SeriesId};
use std::ops::Range;

/// What there is of a series from a source.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct SeriesSummary {
    pub series: SeriesId,
    pub source: String,
    /// Observations, corrections counted.
    pub observations: u64,
    /// Time of the first and of the last, Unix seconds.
    pub first: u64,
    pub last: u64,
}

/// The newest version of each value that was known by $2.
macro_rules! as_of {
    ($and:literal) => {
        concat!(
            "SELECT s.name, o.time, o.known_at, o.value FROM sources s JOIN observations o ON o.source = s.id
             WHERE o.series = (SELECT id FROM series WHERE name = $1) AND o.known_at <= $2
             AND o.time >= $3 AND o.time < $4
             AND NOT EXISTS (SELECT 1 FROM observations n WHERE n.series = o.series AND n.source = o.source
                             AND n.time = o.time AND n.known_at > o.known_at AND n.known_at <= $2) ",
            $and,
            " ORDER BY o.time, s.name"
        )
    };
}

impl History {
    /// The observations of a series in a range of times (half-open, Unix seconds) as they were known at `as_of`, by time and source; of
    /// one source, if it is named.
    ///
    /// # Errors
    /// If the database fails, or has a row that is no observation.
    pub async fn range(
        &self,
        series: &SeriesId,
        source: Option<&str>,
        times: Range<u64>,
        as_of: u64,
    ) -> Result<Vec<Observation>, HistoryError> {
        let mut connection = self.engine.read().await?;
        range(&mut connection, series, source, times, as_of).await
    }

    /// The newest observation of a series that was known at `as_of`, from each source, by source.
    ///
    /// # Errors
    /// As [`Self::range`].
    pub async fn latest(&self, series: &SeriesId, as_of: u64) -> Result<Vec<Observation>, HistoryError> {
        let statement = "SELECT s.name, o.time, o.known_at, o.value FROM sources s JOIN observations o
             ON o.series = (SELECT id FROM series WHERE name = $1) AND o.source = s.id
             WHERE (o.time, o.known_at) = (
                 SELECT m.time, m.known_at FROM observations m WHERE m.series = o.series AND m.source = s.id
                 AND m.known_at <= $2 ORDER BY m.time DESC, m.known_at DESC LIMIT 1)
             ORDER BY s.name";
        let parameters = vec![series.to_string().into(), seconds("as_of", as_of)?.into()];
        let rows = self.engine.read().await?.fetch(statement, parameters).await?;
        rows.into_iter().map(|row| observation(series, row)).collect()
    }

    /// What series there are, by name and source.
    ///
    /// # Errors
    /// As [`Self::range`].
    pub async fn series(&self) -> Result<Vec<SeriesSummary>, HistoryError> {
        let statement = "SELECT n.name, s.name, o.observations, o.first, o.last FROM (
                 SELECT series, source, count(*) AS observations, min(time) AS first, max(time) AS last
                 FROM observations GROUP BY series, source) o
             JOIN series n ON n.id = o.series JOIN sources s ON s.id = o.source ORDER BY n.name, s.name";
        let rows = self.engine.read().await?.fetch(statement, vec![]).await?;
        rows.into_iter()
            .map(|mut row| {
                Ok(SeriesSummary {
                    series: series_id(&row.text("series")?)?,
                    source: row.text("source")?,
                    observations: row.unsigned("observations")?,
                    first: row.unsigned("first")?,
                    last: row.unsigned("last")?,
                })
            })
            .collect()
    }
}

pub(super) async fn range(
    connection: &mut Connection,
    series: &SeriesId,
    source: Option<&str>,
    times: Range<u64>,
    as_of: u64,
) -> Result<Vec<Observation>, HistoryError> {
    let mut parameters = vec![
        series.to_string().into(),
        seconds("as_of", as_of)?.into(),
        seconds("the range's start", times.start)?.into(),
        seconds("the range's end", times.end)?.into(),
    ];
    let statement = match source {
        None => as_of!(""),
        Some(source) => {
            parameters.push(source.into());
            as_of!("AND s.name = $5")
        }
    };
    let rows = connection.fetch(statement, parameters).await?;
    rows.into_iter().map(|row| observation(series, row)).collect()
}

/// What does not pass is a row that somebody else wrote.
fn observation(series: &SeriesId, mut row: Row) -> Result<Observation, HistoryError> {
    let source = row.text("source")?;
    let (time, known_at, value) = (row.unsigned("time")?, row.unsigned("known_at")?, row.real("value")?);
    let checked = Observation::new(series.clone(), source, time, known_at, value);
    Ok(checked.map_err(|error| StoreError::Row(error.to_string()))?)
}

pub(super) fn series_id(text: &str) -> Result<SeriesId, HistoryError> {
    Ok(text.parse().map_err(|error: ballast_types::SeriesError| StoreError::Row(error.to_string()))?)
}
