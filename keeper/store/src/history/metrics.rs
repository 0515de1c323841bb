//! What a protocol looked like at a time, in the columns that dashboards expect (SPEC D6), and its daily average rate.
//!
//! These rows are derived: what was known when is in the observations. A row that is written again replaces the one before.

use super::decimal::{Apy, RiskScore, Usd, Utilisation};
use super::{History, HistoryError, Partitioning, seconds};
use crate::sql::{Cell, Row};
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

/// A row of `protocol_metrics`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProtocolMetrics {
    /// Unix seconds.
    pub timestamp: u64,
    /// 1 to 50 characters.
    pub protocol_id: String,
    /// Rate paid to suppliers, a fraction a year.
    pub apy: Apy,
    /// Total value locked.
    pub tvl: Usd,
    pub util: Option<Utilisation>,
    pub risk: Option<RiskScore>,
    /// What can be traded or withdrawn within 2 % of the price.
    pub depth: Option<Usd>,
}

/// The rates of a protocol on a UTC day.
#[derive(Clone, Debug, PartialEq, serde::Serialize)]
pub struct DailyApy {
    pub protocol_id: String,
    /// Unix seconds of its start.
    pub day: u64,
    pub count: u64,
    /// Arithmetic mean, a fraction.
    pub avg: f64,
    /// Of the sample (n − 1); none of a single row.
    pub stddev: Option<f64>,
}

impl History {
    /// Writes rows, replacing those of the same time and protocol, in one transaction. PostgreSQL's partitions are made before.
    ///
    /// # Errors
    /// [`HistoryError::OutOfRange`] for a protocol id that is empty or longer than 50 characters; then none is written.
    pub async fn put_metrics(&self, rows: &[ProtocolMetrics]) -> Result<(), HistoryError> {
        for row in rows {
            if row.protocol_id.is_empty() || row.protocol_id.chars().count() > 50 {
                let expected = "1 to 50 characters".to_owned();
                let value = format!("{:?}", row.protocol_id);
                return Err(HistoryError::OutOfRange { what: "the protocol id", value, expected });
            }
        }
        if self.partitioning() == Partitioning::Monthly {
            self.prepare_months(rows).await?;
        }
        let statement = self.engine.dialect(
            "INSERT INTO protocol_metrics (timestamp, protocol_id, apy, tvl, util, risk, depth)
             VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT (timestamp, protocol_id) DO UPDATE SET
             apy = excluded.apy, tvl = excluded.tvl, util = excluded.util, risk = excluded.risk, depth = excluded.depth",
            "INSERT INTO protocol_metrics (timestamp, protocol_id, apy, tvl, util, risk, depth)
             VALUES (to_timestamp($1::bigint), $2, $3::text::numeric, $4::text::numeric, $5::text::numeric, $6::text::numeric, $7::text::numeric)
             ON CONFLICT (timestamp, protocol_id) DO UPDATE SET
             apy = excluded.apy, tvl = excluded.tvl, util = excluded.util, risk = excluded.risk, depth = excluded.depth",
        );
        let mut connection = self.engine.write().await?;
        for row in rows {
            let parameters = vec![
                seconds("timestamp", row.timestamp)?.into(),
                row.protocol_id.as_str().into(),
                row.apy.to_string().into(),
                row.tvl.to_string().into(),
                row.util.map(|value| value.to_string()).into(),
                row.risk.map(|value| value.to_string()).into(),
                row.depth.map(|value| value.to_string()).into(),
            ];
            connection.execute(statement, parameters).await?;
        }
        Ok(connection.commit().await?)
    }

    /// In a transaction of its own: who waits for the lock holds nothing else.
    async fn prepare_months(&self, rows: &[ProtocolMetrics]) -> Result<(), HistoryError> {
        // A month has 28 days at least, so that each month of the rows has one of these.
        let days: BTreeSet<u64> = rows.iter().map(|row| row.timestamp / 86_400).collect();
        let mut connection = self.engine.write().await?;
        for day in days {
            let statement = "SELECT prepare_month(to_timestamp($1::bigint))::text";
            connection.fetch(statement, vec![seconds("timestamp", day * 86_400)?.into()]).await?;
        }
        Ok(connection.commit().await?)
    }

    /// The rows of a range of times (half-open, Unix seconds), by time and protocol.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn metrics(&self, times: Range<u64>) -> Result<Vec<ProtocolMetrics>, HistoryError> {
        let statement = self.engine.dialect(
            "SELECT timestamp, protocol_id, apy, tvl, util, risk, depth FROM protocol_metrics
             WHERE timestamp >= $1 AND timestamp < $2 ORDER BY timestamp, protocol_id",
            "SELECT extract(epoch FROM timestamp)::bigint, protocol_id::text, apy::text, tvl::text, util::text, risk::text,
             depth::text FROM protocol_metrics WHERE timestamp >= to_timestamp($1::bigint) AND timestamp < to_timestamp($2::bigint)
             ORDER BY timestamp, protocol_id",
        );
        let rows = self.engine.read().await?.fetch(statement, between(times)?).await?;
        rows.into_iter().map(metrics).collect()
    }

    /// Computes `daily_apy_avg` anew from `protocol_metrics`. Where TimescaleDB does that by itself, this brings it up to date now.
    ///
    /// # Errors
    /// If the database fails; then it is as it was.
    pub async fn refresh_daily_apy(&self) -> Result<(), HistoryError> {
        match self.partitioning() {
            Partitioning::OneTable => self.refresh_table().await,
            Partitioning::Monthly => {
                let mut connection = self.engine.write().await?;
                connection.execute("REFRESH MATERIALIZED VIEW CONCURRENTLY daily_apy_avg", vec![]).await?;
                Ok(connection.commit().await?)
            }
            Partitioning::Timescale => {
                // Not in a transaction: TimescaleDB commits as it goes.
                Ok(self.engine.alone("CALL public.refresh_continuous_aggregate('daily_apy_avg', NULL, NULL)").await?)
            }
        }
    }

    async fn refresh_table(&self) -> Result<(), HistoryError> {
        let mut connection = self.engine.write().await?;
        let rows = connection.fetch("SELECT timestamp, protocol_id, apy FROM protocol_metrics", vec![]).await?;
        let mut days: BTreeMap<(String, u64), Vec<Apy>> = BTreeMap::new();
        for mut row in rows {
            let (timestamp, protocol) = (row.unsigned("timestamp")?, row.text("protocol_id")?);
            days.entry((protocol, timestamp - timestamp % 86_400)).or_default().push(row.text("apy")?.parse()?);
        }
        connection.execute("DELETE FROM daily_apy_avg", vec![]).await?;
        for ((protocol, day), rates) in days {
            let (avg, stddev) = mean_and_deviation(&rates);
            let statement =
                "INSERT INTO daily_apy_avg (protocol_id, day, count, avg, stddev) VALUES ($1, $2, $3, $4, $5)";
            let parameters = vec![
                protocol.into(),
                seconds("day", day)?.into(),
                seconds("count", rates.len() as u64)?.into(),
                avg.into(),
                Cell::Real(stddev),
            ];
            connection.execute(statement, parameters).await?;
        }
        Ok(connection.commit().await?)
    }

    /// The average rates as of the last refresh, by protocol and day.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn daily_apy(&self, times: Range<u64>) -> Result<Vec<DailyApy>, HistoryError> {
        let statement = self.engine.dialect(
            "SELECT protocol_id, day, count, avg, stddev FROM daily_apy_avg WHERE day >= $1 AND day < $2
             ORDER BY protocol_id, day",
            "SELECT protocol_id::text, extract(epoch FROM day)::bigint, count::bigint, avg::float8, stddev::float8
             FROM daily_apy_avg WHERE day >= to_timestamp($1::bigint) AND day < to_timestamp($2::bigint) ORDER BY protocol_id, day",
        );
        let rows = self.engine.read().await?.fetch(statement, between(times)?).await?;
        rows.into_iter()
            .map(|mut row| {
                Ok(DailyApy {
                    protocol_id: row.text("protocol_id")?,
                    day: row.unsigned("day")?,
                    count: row.unsigned("count")?,
                    avg: row.real("avg")?,
                    stddev: row.optional_real("stddev")?,
                })
            })
            .collect()
    }
}

/// Sums are exact in integers; only the last division and the root round. `n·Σx² − (Σx)²` is n(n−1) times the sample's variance.
fn mean_and_deviation(rates: &[Apy]) -> (f64, Option<f64>) {
    let count = rates.len() as i128;
    let sum: i128 = rates.iter().map(|rate| rate.units()).sum();
    let squares: i128 = rates.iter().map(|rate| rate.units() * rate.units()).sum();
    let unit = 1e-6;
    let deviation = (count > 1).then(|| {
        let numerator = count * squares - sum * sum;
        (numerator as f64 / (count * (count - 1)) as f64).sqrt() * unit
    });
    (sum as f64 / (count as f64 * 1e6), deviation)
}

/// PostgreSQL's times end earlier than its integers: the end of the year 9999 is far enough.
pub(super) const FAR: u64 = 253_402_300_799;

pub(super) fn between(times: Range<u64>) -> Result<Vec<Cell>, HistoryError> {
    let bound = |what, value: u64| Ok::<Cell, HistoryError>(seconds(what, value.min(FAR))?.into());
    Ok(vec![bound("the range's start", times.start)?, bound("the range's end", times.end)?])
}

fn metrics(mut row: Row) -> Result<ProtocolMetrics, HistoryError> {
    Ok(ProtocolMetrics {
        timestamp: row.unsigned("timestamp")?,
        protocol_id: row.text("protocol_id")?,
        apy: row.text("apy")?.parse()?,
        tvl: row.text("tvl")?.parse()?,
        util: row.optional_text("util")?.map(|text| text.parse()).transpose()?,
        risk: row.optional_text("risk")?.map(|text| text.parse()).transpose()?,
        depth: row.optional_text("depth")?.map(|text| text.parse()).transpose()?,
    })
}
