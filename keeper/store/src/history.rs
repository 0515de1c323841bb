//! What was seen and what came of it: observations of the markets, metrics, the portfolio over time, alerts, outcomes of decisions and
//! the ledger.
//!
//! [`History`] is one type over two databases that keep the same rules and pass the same tests, beside the [`Store`](crate::Store) and
//! apart from it: a **SQLite** file of its own (`<store>.history`), or the schema `history` in the same **PostgreSQL** database. Losing
//! it loses knowledge, never money.
//!
//! There is no lease. Every write is one transaction and says the same when it is said twice, so several processes may write: a
//! backfill beside the keeper. When a write returned, it is on disk; when a process is killed in one, nothing of it is there.
//!
//! An observation has two times: the one it is of and the one from which it was known. Every question is asked *as of* a time, and the
//! answer has nothing that was not known by then.

mod alerts;
mod buckets;
mod columns;
mod decimal;
mod engine;
mod error;
mod export;
mod ingest;
mod ledger;
mod metrics;
mod observations;
mod outcomes;
mod portfolio;
mod quarantine;
mod retention;
mod schema;

pub use alerts::{Alert, AlertId, Severity};
pub use buckets::{Bucket, Step as BucketStep};
pub use decimal::{Apy, Decimal, RiskScore, Sharpe, Usd, Usdc, Utilisation, Yield};
pub use error::HistoryError;
pub use export::{ALL_TABLES, Table, UnknownTable};
pub use ingest::{BATCH, Ingested, OnBadRow, Reading};
pub use ledger::{Account, AccountKind, JournalEntry, Posted, Posting};
pub use metrics::{DailyApy, ProtocolMetrics};
pub use observations::SeriesSummary;
pub use outcomes::{Due, Horizon, Judged, Outcome};
pub use portfolio::PortfolioSnapshot;
pub use quarantine::Quarantined;
pub use retention::{Folded, Pruned, Retention};
pub use schema::{HISTORY_VERSION, Partitioning, Step};

use crate::Location;
use engine::Engine;
use std::path::PathBuf;

/// A time that no observation is known after: asks for everything that is known at all.
pub const EVER: u64 = i64::MAX as u64;

/// See the [module](self).
#[derive(Debug)]
pub struct History {
    engine: Engine,
}

impl History {
    /// Where the history of a store is: beside its file, or in its database.
    #[must_use]
    pub fn beside(store: &Location) -> Location {
        match store {
            Location::Sqlite(path) => {
                let mut path = path.as_os_str().to_owned();
                path.push(".history");
                Location::Sqlite(PathBuf::from(path))
            }
            Location::Postgres(url) => Location::Postgres(url.clone()),
            Location::Memory => Location::Memory,
        }
    }

    /// Opens a history for writing, creating or migrating it.
    ///
    /// # Errors
    /// [`HistoryError::Foreign`], [`HistoryError::NewerSchema`] and [`HistoryError::AlteredMigration`] leave what is there untouched.
    pub async fn open(location: &Location) -> Result<Self, HistoryError> {
        Ok(Self { engine: Engine::open(location).await? })
    }

    /// Opens a history that is there for reading, beside whoever writes.
    ///
    /// # Errors
    /// [`HistoryError::Missing`] if there is none, [`HistoryError::OlderSchema`] if it was not migrated to this build's schema, and
    /// those of [`Self::open`].
    pub async fn open_read_only(location: &Location) -> Result<Self, HistoryError> {
        Ok(Self { engine: Engine::open_read_only(location).await? })
    }

    /// Which migrations a history has. Changes nothing.
    ///
    /// # Errors
    /// As [`Self::open_read_only`], but an older schema is none.
    pub async fn migrations(location: &Location) -> Result<Vec<Step>, HistoryError> {
        Ok(schema::steps(engine::version(location).await?))
    }

    /// Undoes the newest `steps` migrations in one transaction. **What their tables held is gone.**
    ///
    /// # Errors
    /// [`HistoryError::TooFarDown`] unless so many are applied, and those of [`Self::open`].
    pub async fn migrate_down(location: &Location, steps: usize) -> Result<Vec<Step>, HistoryError> {
        engine::down(location, steps).await
    }

    /// Where it is.
    #[must_use]
    pub fn location(&self) -> Location {
        self.engine.location()
    }

    /// How `protocol_metrics` is laid out, which depends on the database.
    #[must_use]
    pub const fn partitioning(&self) -> Partitioning {
        self.engine.partitioning()
    }

    /// Closes all connections.
    pub async fn close(self) {
        self.engine.close().await;
    }
}

/// The databases' integers are signed; times and counts here are not negative.
fn seconds(what: &'static str, value: u64) -> Result<i64, HistoryError> {
    i64::try_from(value).map_err(|_| HistoryError::OutOfRange {
        what,
        value: value.to_string(),
        expected: "at most 2^63 - 1".to_owned(),
    })
}
