//! How long what is kept: observations one by one, then by hours, then by days.

use super::buckets::{Bucket, Step, merged};
use super::observations::{range, series_id};
use super::{EVER, History, HistoryError, Partitioning, seconds};
use crate::sql::{Cell, Connection};
use ballast_types::SeriesId;

const DAY: u64 = 86_400;

/// Days that things are kept; `None` is for ever. Ledger, decisions and outcomes are always kept for ever.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retention {
    /// Observations one by one; older ones become hours.
    pub raw_days: Option<u32>,
    /// Hours; older ones become days.
    pub hourly_days: Option<u32>,
    /// Days; older ones go.
    pub daily_days: Option<u32>,
    /// Rows of `protocol_metrics`. On PostgreSQL whole months go.
    pub metrics_days: Option<u32>,
    /// Alerts after they were resolved.
    pub alert_days: Option<u32>,
    /// Rows in the quarantine.
    pub quarantine_days: Option<u32>,
}

/// What a downsampling did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Folded {
    /// Observations that are now in an hour.
    pub observations: u64,
    /// Hours that are new.
    pub hours: u64,
    /// Hours that are now in a day.
    pub hours_into_days: u64,
    /// Days that are new.
    pub days: u64,
}

/// What a pruning removed, rows; of partitioned metrics, partitions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Serialize)]
pub struct Pruned {
    pub days: u64,
    pub metrics: u64,
    pub metrics_partitions: u64,
    pub alerts: u64,
    pub quarantined: u64,
}

/// The start of the day that is so many days before now.
fn cutoff(now: u64, days: u32) -> u64 {
    let at = now.saturating_sub(u64::from(days) * DAY);
    at - at % DAY
}

impl History {
    /// Folds what is older than the policy keeps one by one into hours, and older hours into days: count, sum, lowest and highest of
    /// the newest version of each value. One transaction for each series and source; whole UTC days only. `now` is Unix seconds.
    ///
    /// Of a folded time corrections are not kept apart any more, and nothing more is taken for it
    /// ([`Ingested::past_retention`](super::Ingested)).
    ///
    /// # Errors
    /// If the database fails. The series before are folded, this one is as it was.
    pub async fn downsample(&self, now: u64, policy: &Retention) -> Result<Folded, HistoryError> {
        let mut done = Folded::default();
        for (series, source, key) in self.sourced().await? {
            if let Some(days) = policy.raw_days {
                self.fold_observations(&series, &source, key, cutoff(now, days), &mut done).await?;
            }
            if let (Some(raw), Some(hourly)) = (policy.raw_days, policy.hourly_days) {
                self.fold_hours(key, cutoff(now, hourly.max(raw)), &mut done).await?;
            }
        }
        Ok(done)
    }

    /// Removes what is older than the policy keeps at all.
    ///
    /// # Errors
    /// If the database fails; then nothing was removed.
    pub async fn prune(&self, now: u64, policy: &Retention) -> Result<Pruned, HistoryError> {
        let mut done = Pruned::default();
        let mut connection = self.engine.write().await?;
        if let Some(days) = policy.daily_days {
            let statement = "DELETE FROM buckets WHERE step = 86400 AND start < $1";
            done.days = connection.execute(statement, vec![before(now, days)?]).await?;
        }
        if let Some(days) = policy.metrics_days {
            match self.partitioning() {
                Partitioning::OneTable => {
                    let statement = "DELETE FROM protocol_metrics WHERE timestamp < $1";
                    done.metrics = connection.execute(statement, vec![before(now, days)?]).await?;
                }
                Partitioning::Monthly => {
                    done.metrics_partitions = drop_months(&mut connection, before(now, days)?).await?
                }
                Partitioning::Timescale => {
                    // In FROM: PostgreSQL refuses a function that gives rows within an aggregate.
                    let statement =
                        "SELECT count(*) FROM public.drop_chunks('protocol_metrics', to_timestamp($1::bigint))";
                    let row = connection.fetch_first(statement, vec![before(now, days)?]).await?;
                    done.metrics_partitions = row.map(|mut row| row.unsigned("count")).transpose()?.unwrap_or(0);
                }
            }
        }
        if let Some(days) = policy.alert_days {
            let statement = self.engine.dialect(
                "DELETE FROM risk_alerts WHERE is_resolved = 1 AND resolved_at < $1",
                "DELETE FROM risk_alerts WHERE is_resolved AND resolved_at < to_timestamp($1::bigint)",
            );
            done.alerts = connection.execute(statement, vec![before(now, days)?]).await?;
        }
        if let Some(days) = policy.quarantine_days {
            let statement = "DELETE FROM quarantine WHERE at < $1";
            done.quarantined = connection.execute(statement, vec![before(now, days)?]).await?;
        }
        connection.commit().await?;
        Ok(done)
    }

    async fn sourced(&self) -> Result<Vec<(SeriesId, String, (i64, i64))>, HistoryError> {
        let statement = "SELECT n.name, s.name, k.series, k.source FROM
             (SELECT DISTINCT series, source FROM observations UNION SELECT DISTINCT series, source FROM buckets) k
             JOIN series n ON n.id = k.series JOIN sources s ON s.id = k.source ORDER BY n.name, s.name";
        let rows = self.engine.read().await?.fetch(statement, vec![]).await?;
        rows.into_iter()
            .map(|mut row| {
                let names = (series_id(&row.text("series")?)?, row.text("source")?);
                Ok((names.0, names.1, (row.integer("series")?, row.integer("source")?)))
            })
            .collect()
    }

    async fn fold_observations(
        &self,
        series: &SeriesId,
        source: &str,
        key: (i64, i64),
        before: u64,
        done: &mut Folded,
    ) -> Result<(), HistoryError> {
        let mut connection = self.engine.write().await?;
        keep_writers_out(&mut connection).await?;
        let observed = range(&mut connection, series, Some(source), 0..before, EVER).await?;
        if observed.is_empty() {
            return Ok(connection.rollback().await?);
        }
        let hours = merged(observed.iter().map(|observation| Bucket::of(observation, Step::Hour)), Step::Hour);
        insert(&mut connection, key, Step::Hour, &hours).await?;
        let cut: Vec<Cell> = vec![key.0.into(), key.1.into(), seconds("the cutoff", before)?.into()];
        connection
            .execute("DELETE FROM observations WHERE series = $1 AND source = $2 AND time < $3", cut.clone())
            .await?;
        let mark = "INSERT INTO folded (series, source, before) VALUES ($1, $2, $3)
             ON CONFLICT (series, source) DO UPDATE SET before = excluded.before WHERE folded.before < excluded.before";
        connection.execute(mark, cut).await?;
        connection.commit().await?;
        done.observations += observed.len() as u64;
        done.hours += hours.len() as u64;
        Ok(())
    }

    async fn fold_hours(&self, key: (i64, i64), before: u64, done: &mut Folded) -> Result<(), HistoryError> {
        let mut connection = self.engine.write().await?;
        keep_writers_out(&mut connection).await?;
        let cut: Vec<Cell> = vec![key.0.into(), key.1.into(), seconds("the cutoff", before)?.into()];
        let statement = "SELECT start, count, sum, low, high, known_at FROM buckets
             WHERE series = $1 AND source = $2 AND step = 3600 AND start < $3 ORDER BY start";
        let rows = connection.fetch(statement, cut.clone()).await?;
        let hours = rows.into_iter().map(|mut row| {
            Ok(Bucket {
                source: String::new(),
                start: row.unsigned("start")?,
                count: row.unsigned("count")?,
                sum: row.real("sum")?,
                low: row.real("low")?,
                high: row.real("high")?,
                known_at: row.unsigned("known_at")?,
            })
        });
        let hours = hours.collect::<Result<Vec<Bucket>, HistoryError>>()?;
        if hours.is_empty() {
            return Ok(connection.rollback().await?);
        }
        done.hours_into_days += hours.len() as u64;
        let days = merged(hours, Step::Day);
        insert(&mut connection, key, Step::Day, &days).await?;
        let gone = "DELETE FROM buckets WHERE series = $1 AND source = $2 AND step = 3600 AND start < $3";
        connection.execute(gone, cut).await?;
        connection.commit().await?;
        done.days += days.len() as u64;
        Ok(())
    }
}

fn before(now: u64, days: u32) -> Result<Cell, HistoryError> {
    Ok(seconds("the cutoff", cutoff(now, days))?.into())
}

/// The other side of the lock that a writer of observations takes.
async fn keep_writers_out(connection: &mut Connection) -> Result<(), HistoryError> {
    if let Connection::Postgres(_) = connection {
        connection.fetch("SELECT 1::bigint FROM pg_advisory_xact_lock(4776654211268542467)", vec![]).await?;
    }
    Ok(())
}

async fn insert(
    connection: &mut Connection,
    key: (i64, i64),
    step: Step,
    buckets: &[Bucket],
) -> Result<(), HistoryError> {
    let statement = "INSERT INTO buckets (series, source, step, start, count, sum, low, high, known_at)
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
    for bucket in buckets {
        let parameters = vec![
            key.0.into(),
            key.1.into(),
            seconds("step", step.seconds())?.into(),
            seconds("start", bucket.start)?.into(),
            seconds("count", bucket.count)?.into(),
            bucket.sum.into(),
            bucket.low.into(),
            bucket.high.into(),
            seconds("known_at", bucket.known_at)?.into(),
        ];
        connection.execute(statement, parameters).await?;
    }
    Ok(())
}

/// Partitions that end before the cutoff.
async fn drop_months(connection: &mut Connection, cut: Cell) -> Result<u64, HistoryError> {
    let statement = "SELECT count(drop_month(c.relname))::bigint FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
         WHERE i.inhparent = 'protocol_metrics'::regclass
         AND (to_date(right(c.relname, 7), 'YYYY_MM') + INTERVAL '1 month') AT TIME ZONE 'UTC' <= to_timestamp($1::bigint)";
    let row = connection.fetch_first(statement, vec![cut]).await?;
    Ok(row.map(|mut row| row.unsigned("count")).transpose()?.unwrap_or(0))
}
