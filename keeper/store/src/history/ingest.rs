//! Writing observations, many at a time.

mod postgres;
mod sqlite;

use super::columns::{Columns, Row};
use super::{History, HistoryError, Quarantined, quarantine};
use crate::sql::Connection;
use crate::store::system_clock;
use ballast_types::Observation;
use std::collections::BTreeMap;

/// Rows of one transaction.
pub const BATCH: usize = 20_000;

/// A row as it came from somewhere, not believed yet.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reading<'a> {
    /// `subject#metric`, as [`ballast_types::SeriesId`] prints it.
    pub series: &'a str,
    /// Who says so: 1 to 100 printable characters.
    pub source: &'a str,
    /// Unix seconds that the value is of.
    pub time: i64,
    /// Unix seconds from which it could be known.
    pub known_at: i64,
    /// In the unit of its metric.
    pub value: f64,
}

/// What becomes of the others when one row cannot be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OnBadRow<'a> {
    /// None is written if a row is bad in itself; of the batch, if it contradicts what is recorded.
    Refuse,
    /// They are written, and the bad row goes to the quarantine as being from there (a file, an endpoint), with what is wrong.
    Quarantine { origin: &'a str },
}

/// What became of the rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Ingested {
    /// Now there and not before.
    pub written: u64,
    /// There already with the same value.
    pub repeated: u64,
    /// In the quarantine.
    pub quarantined: u64,
    /// Older than their series is kept one by one: not written.
    pub past_retention: u64,
}

/// Numbers of the names of a batch in the database.
pub(super) struct Ids {
    series: Vec<i64>,
    sources: Vec<i64>,
}

impl History {
    /// Writes observations, [`BATCH`] to a transaction. The same rows again change nothing. A row with the key of another and a later
    /// `known_at` corrects it; with the same `known_at` and another value it contradicts it.
    ///
    /// # Errors
    /// [`HistoryError::BadRow`] for a row that contradicts what is recorded: nothing of its batch is written.
    pub async fn record(&self, observations: &[Observation]) -> Result<Ingested, HistoryError> {
        let columns = Columns::of_observations(observations);
        if let Some((index, reason)) = columns.refused.first() {
            return Err(HistoryError::BadRow { index: *index, reason: reason.clone(), written: 0 });
        }
        self.write_columns(&columns, OnBadRow::Refuse, |_| String::new()).await
    }

    /// As [`Self::record`], for rows that nobody has checked: each must be a finite value inside its metric's plausible range, not known
    /// before its time.
    ///
    /// # Errors
    /// With [`OnBadRow::Refuse`], [`HistoryError::BadRow`] with the index of the first bad one. One that is bad in itself stops all
    /// before anything is written.
    pub async fn ingest(&self, readings: &[Reading<'_>], on_bad: OnBadRow<'_>) -> Result<Ingested, HistoryError> {
        let columns = Columns::of_readings(readings);
        if let (OnBadRow::Refuse, Some((index, reason))) = (on_bad, columns.refused.first()) {
            return Err(HistoryError::BadRow { index: *index, reason: reason.clone(), written: 0 });
        }
        self.write_columns(&columns, on_bad, |index| readings.get(index).map(content).unwrap_or_default()).await
    }

    async fn write_columns(
        &self,
        columns: &Columns,
        on_bad: OnBadRow<'_>,
        content: impl Fn(usize) -> String,
    ) -> Result<Ingested, HistoryError> {
        let mut total = Ingested::default();
        if let (OnBadRow::Quarantine { origin }, false) = (on_bad, columns.refused.is_empty()) {
            let mut connection = self.engine.write().await?;
            let bad =
                columns.refused.iter().map(|(index, reason)| quarantined(origin, content(*index), reason.clone()));
            total.quarantined += put_away(&mut connection, bad.collect()).await?;
            connection.commit().await?;
        }
        for batch in columns.rows.chunks(BATCH) {
            let written = total.written;
            let mut connection = self.engine.write().await?;
            keep_folding_out(&mut connection).await?;
            let ids = ids(&mut connection, columns).await?;
            let folded = folded(&mut connection).await?;
            let (mut rows, past): (Vec<Row>, Vec<Row>) = batch.iter().partition(|row| {
                let key = (ids.series[row.series], ids.sources[row.source]);
                folded.get(&key).is_none_or(|before| row.time >= *before)
            });
            // In the order of the key: two writers of the same rows wait for each other and never both ways. It is also the order
            // that indexes like. Stable, so that of two rows with one key the caller's first counts.
            rows.sort_by_key(|row| (ids.series[row.series], ids.sources[row.source], row.time, row.known_at));
            let (new, contradictions) = match &mut connection {
                Connection::Sqlite(transaction) => sqlite::insert(transaction, &ids, &rows).await?,
                Connection::Postgres(transaction) => postgres::insert(transaction, &ids, &rows).await?,
                Connection::Leased(_) => return Err(crate::StoreError::ReadOnly.into()),
            };
            let mut bad = Vec::with_capacity(contradictions.len());
            let mut contradicting: Vec<(Row, f64)> =
                contradictions.iter().map(|(place, recorded)| (rows[*place], *recorded)).collect();
            contradicting.sort_by_key(|(row, _)| row.index);
            for (row, recorded) in &contradicting {
                let reason = contradiction(columns, row, *recorded);
                match on_bad {
                    OnBadRow::Refuse => return Err(HistoryError::BadRow { index: row.index, reason, written }),
                    OnBadRow::Quarantine { origin } => bad.push(quarantined(origin, content(row.index), reason)),
                }
            }
            let put_away = put_away(&mut connection, bad).await?;
            connection.commit().await?;
            total.written += new;
            total.quarantined += put_away;
            total.repeated += rows.len() as u64 - new - contradictions.len() as u64;
            total.past_retention += past.len() as u64;
        }
        Ok(total)
    }
}

fn contradiction(columns: &Columns, row: &Row, recorded: f64) -> String {
    format!(
        "{} from {} at {}, known at {}, is {}, but {} was recorded of the same times; a correction has a later known_at",
        columns.series[row.series], columns.sources[row.source], row.time, row.known_at, row.value, recorded
    )
}

fn content(reading: &Reading<'_>) -> String {
    let Reading { series, source, time, known_at, value } = reading;
    // As text: JSON has no NaN.
    serde_json::json!({ "series": series, "source": source, "time": time, "known_at": known_at, "value": value.to_string() })
        .to_string()
}

fn quarantined(origin: &str, content: String, reason: String) -> Quarantined {
    Quarantined { origin: origin.to_owned(), content, reason, at: (system_clock())() / 1_000 }
}

/// How many there are of them now, whether they were before or not.
async fn put_away(connection: &mut Connection, bad: Vec<Quarantined>) -> Result<u64, HistoryError> {
    let count = bad.len() as u64;
    for row in &bad {
        quarantine::insert(connection, row).await?;
    }
    Ok(count)
}

/// Nothing of a series is folded between the reading of how far it is and the end of this transaction. SQLite has one writer anyway.
async fn keep_folding_out(connection: &mut Connection) -> Result<(), HistoryError> {
    if let Connection::Postgres(_) = connection {
        connection.fetch("SELECT 1::bigint FROM pg_advisory_xact_lock_shared(4776654211268542467)", vec![]).await?;
    }
    Ok(())
}

async fn folded(connection: &mut Connection) -> Result<BTreeMap<(i64, i64), i64>, HistoryError> {
    let rows = connection.fetch("SELECT series, source, before FROM folded", vec![]).await?;
    rows.into_iter()
        .map(|mut row| Ok(((row.integer("series")?, row.integer("source")?), row.integer("before")?)))
        .collect()
}

async fn ids(connection: &mut Connection, columns: &Columns) -> Result<Ids, HistoryError> {
    let mut ids = Ids { series: Vec::new(), sources: Vec::new() };
    for (names, numbers, find, insert) in [
        (
            &columns.series,
            &mut ids.series,
            "SELECT id FROM series WHERE name = $1",
            "INSERT INTO series (name) VALUES ($1) ON CONFLICT (name) DO NOTHING",
        ),
        (
            &columns.sources,
            &mut ids.sources,
            "SELECT id FROM sources WHERE name = $1",
            "INSERT INTO sources (name) VALUES ($1) ON CONFLICT (name) DO NOTHING",
        ),
    ] {
        numbers.resize(names.len(), 0);
        // By name, for the same reason as the rows are sorted.
        let mut sorted: Vec<(&String, &mut i64)> = names.iter().zip(numbers).collect();
        sorted.sort_unstable();
        for (name, number) in sorted {
            let mut found = connection.fetch_first(find, vec![name.as_str().into()]).await?;
            if found.is_none() {
                connection.execute(insert, vec![name.as_str().into()]).await?;
                found = connection.fetch_first(find, vec![name.as_str().into()]).await?;
            }
            let mut row = found.ok_or_else(|| HistoryError::Unknown { what: "the name", key: name.clone() })?;
            *number = row.integer("id")?;
        }
    }
    Ok(ids)
}
