//! Into PostgreSQL: the columns as arrays, in one statement.

use super::{Ids, Row};
use crate::history::HistoryError;
use sqlx::{Postgres, Row as _, Transaction};

const INSERT: &str = "INSERT INTO observations (series, source, time, known_at, value)
     SELECT * FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::float8[]) ON CONFLICT DO NOTHING";
const CONTRADICTED: &str = "SELECT new.place, o.value
     FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bigint[], $5::float8[])
          WITH ORDINALITY AS new (series, source, time, known_at, value, place)
     JOIN observations o USING (series, source, time, known_at)
     WHERE o.value <> new.value ORDER BY new.place";

/// How many are new, and the places of those that another value is recorded for, with that value.
pub(super) async fn insert(
    transaction: &mut Transaction<'static, Postgres>,
    ids: &Ids,
    rows: &[Row],
) -> Result<(u64, Vec<(usize, f64)>), HistoryError> {
    let column = |of: &dyn Fn(&Row) -> i64| rows.iter().map(of).collect::<Vec<i64>>();
    let series = column(&|row| ids.series[row.series]);
    let sources = column(&|row| ids.sources[row.source]);
    let times = column(&|row| row.time);
    let known = column(&|row| row.known_at);
    let values: Vec<f64> = rows.iter().map(|row| row.value).collect();
    let bound = |statement| sqlx::query(statement).bind(&series).bind(&sources).bind(&times).bind(&known).bind(&values);
    let new = bound(INSERT).execute(&mut **transaction).await?.rows_affected();
    let mut contradictions = Vec::new();
    if new < rows.len() as u64 {
        for row in bound(CONTRADICTED).fetch_all(&mut **transaction).await? {
            // Numbered from 1 on.
            let place: i64 = row.try_get(0)?;
            contradictions.push((usize::try_from(place - 1).unwrap_or_default(), row.try_get(1)?));
        }
    }
    Ok((new, contradictions))
}
