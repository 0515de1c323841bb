//! Into SQLite: prepared statements of many rows.

use super::{Ids, Row};
use crate::history::HistoryError;
use sqlx::{Row as _, Sqlite, Transaction};
use std::fmt::Write;
use std::sync::LazyLock;

/// Rows of one statement: beyond some hundred more of them are no faster.
const CHUNK: usize = 400;

static INSERT_CHUNK: LazyLock<String> = LazyLock::new(|| insert_of(CHUNK));
static INSERT_ONE: LazyLock<String> = LazyLock::new(|| insert_of(1));
static CONTRADICTED_CHUNK: LazyLock<String> = LazyLock::new(|| contradicted_of(CHUNK));
static CONTRADICTED_ONE: LazyLock<String> = LazyLock::new(|| contradicted_of(1));

fn values(rows: usize) -> String {
    let mut text = String::new();
    for row in 0..rows {
        let _ = write!(text, "{}(?, ?, ?, ?, ?)", if row == 0 { "" } else { ", " });
    }
    text
}

fn insert_of(rows: usize) -> String {
    format!(
        "INSERT INTO observations (series, source, time, known_at, value) VALUES {} ON CONFLICT DO NOTHING",
        values(rows)
    )
}

fn contradicted_of(rows: usize) -> String {
    let mut numbered = String::new();
    for row in 0..rows {
        let _ = write!(numbered, "{}({row}, ?, ?, ?, ?, ?)", if row == 0 { "" } else { ", " });
    }
    format!(
        "WITH new (place, series, source, time, known_at, value) AS (VALUES {numbered})
         SELECT new.place, o.value FROM new CROSS JOIN observations o
         ON o.series = new.series AND o.source = new.source AND o.time = new.time AND o.known_at = new.known_at
         WHERE o.value <> new.value ORDER BY new.place"
    )
}

macro_rules! bound {
    ($statement:expr, $ids:expr, $rows:expr) => {{
        let mut query = sqlx::query($statement);
        for row in $rows {
            query = query
                .bind($ids.series[row.series])
                .bind($ids.sources[row.source])
                .bind(row.time)
                .bind(row.known_at)
                .bind(row.value);
        }
        query
    }};
}

/// How many are new, and the places of those that another value is recorded for, with that value.
pub(super) async fn insert(
    transaction: &mut Transaction<'static, Sqlite>,
    ids: &Ids,
    rows: &[Row],
) -> Result<(u64, Vec<(usize, f64)>), HistoryError> {
    let (mut new, mut contradictions) = (0, Vec::new());
    let mut place = 0;
    while place < rows.len() {
        let whole = rows.len() - place >= CHUNK;
        let chunk = if whole { &rows[place..place + CHUNK] } else { &rows[place..=place] };
        let statement = if whole { INSERT_CHUNK.as_str() } else { INSERT_ONE.as_str() };
        let inserted = bound!(statement, ids, chunk).execute(&mut **transaction).await?.rows_affected();
        if inserted < chunk.len() as u64 {
            let statement = if whole { CONTRADICTED_CHUNK.as_str() } else { CONTRADICTED_ONE.as_str() };
            for row in bound!(statement, ids, chunk).fetch_all(&mut **transaction).await? {
                let at: i64 = row.try_get(0)?;
                contradictions.push((place + usize::try_from(at).unwrap_or_default(), row.try_get(1)?));
            }
        }
        new += inserted;
        place += chunk.len();
    }
    Ok((new, contradictions))
}
