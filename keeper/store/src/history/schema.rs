//! The schema and its migrations: reversible, each with a checksum, all of one run in one transaction where the database allows it.

use crate::Location;
use crate::history::HistoryError;
use sqlx::SqlSafeStr;
use sqlx::migrate::{Migrate, MigrateError, Migration, MigrationType, Migrator};
use std::borrow::Cow;

/// Where sqlx notes which migrations were applied, with their checksums.
pub(crate) const APPLIED: &str = "_sqlx_migrations";

/// The newest migration.
pub const HISTORY_VERSION: i64 = 5;

macro_rules! migrations {
    ($engine:literal: $($version:literal $name:literal),+) => {
        [$((
            $version,
            $name,
            include_str!(concat!("../../migrations/history/", $engine, "/000", $version, "_", $name, ".up.sql")),
            include_str!(concat!("../../migrations/history/", $engine, "/000", $version, "_", $name, ".down.sql")),
        )),+]
    };
}

type Scripts = [(i64, &'static str, &'static str, &'static str); HISTORY_VERSION as usize];

const SQLITE: Scripts =
    migrations!("sqlite": 1 "observations", 2 "protocol_metrics", 3 "portfolio", 4 "outcomes", 5 "ledger");
const POSTGRES: Scripts =
    migrations!("postgres": 1 "observations", 2 "protocol_metrics", 3 "portfolio", 4 "outcomes", 5 "ledger");

/// How the rows of `protocol_metrics` are laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Partitioning {
    /// SQLite: one table.
    OneTable,
    /// PostgreSQL: a partition per month, made ahead; `daily_apy_avg` is a materialised view that the caller refreshes.
    Monthly,
    /// PostgreSQL with TimescaleDB: a hypertable, and a continuous aggregate that the server refreshes every hour.
    Timescale,
}

impl Partitioning {
    /// For people.
    #[must_use]
    pub const fn describe(self) -> &'static str {
        match self {
            Self::OneTable => "one table; daily_apy_avg is refreshed by the keeper",
            Self::Monthly => "partitions by month; daily_apy_avg is a materialised view that the keeper refreshes",
            Self::Timescale => {
                "TimescaleDB: hypertable; daily_apy_avg is a continuous aggregate that the server refreshes"
            }
        }
    }
}

/// A migration of this build, and whether a history has it.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Step {
    pub version: i64,
    pub name: &'static str,
    pub applied: bool,
}

/// All migrations, with those up to `version` applied.
pub(crate) fn steps(version: i64) -> Vec<Step> {
    SQLITE.iter().map(|(number, name, ..)| Step { version: *number, name, applied: *number <= version }).collect()
}

pub(crate) fn sqlite() -> Migrator {
    migrator(&SQLITE)
}

pub(crate) fn postgres(schema: &'static str) -> Migrator {
    let mut migrator = migrator(&POSTGRES);
    migrator.create_schema(schema);
    migrator.set_locking(false);
    migrator
}

fn migrator(scripts: &Scripts) -> Migrator {
    let mut migrations = Vec::with_capacity(2 * scripts.len());
    for (version, name, up, down) in scripts {
        for (kind, script) in [(MigrationType::ReversibleUp, up), (MigrationType::ReversibleDown, down)] {
            migrations.push(Migration::new(*version, Cow::Borrowed(*name), kind, script.into_sql_str(), false));
        }
    }
    Migrator::with_migrations(migrations)
}

/// That what is applied is what this build has; the newest of it, 0 if there is none. Nothing is written.
pub(crate) async fn verify<C: Migrate>(
    connection: &mut C,
    migrator: &Migrator,
    location: &Location,
) -> Result<i64, HistoryError> {
    let why = |error: MigrateError| refused(location, &error);
    let mut newest = 0;
    for applied in connection.list_applied_migrations(APPLIED).await.map_err(why)? {
        let known = migrator
            .iter()
            .find(|known| known.version == applied.version && known.migration_type == MigrationType::ReversibleUp);
        match known {
            Some(known) if known.checksum == applied.checksum => newest = newest.max(applied.version),
            Some(known) => {
                return Err(HistoryError::AlteredMigration { location: location.clone(), version: known.version });
            }
            None => {
                return Err(HistoryError::NewerSchema {
                    location: location.clone(),
                    found: applied.version,
                    known: HISTORY_VERSION,
                });
            }
        }
    }
    Ok(newest)
}

pub(crate) async fn up<C: Migrate>(
    connection: &mut C,
    migrator: &Migrator,
    location: &Location,
) -> Result<(), HistoryError> {
    migrator.run_direct(None, connection, false).await.map_err(|error| refused(location, &error))
}

/// Undoes the newest `steps` migrations. Their tables go, with what is in them.
pub(crate) async fn down<C: Migrate>(
    connection: &mut C,
    migrator: &Migrator,
    location: &Location,
    steps: usize,
) -> Result<(), HistoryError> {
    let why = |error: MigrateError| refused(location, &error);
    let mut applied: Vec<i64> =
        connection.list_applied_migrations(APPLIED).await.map_err(why)?.iter().map(|one| one.version).collect();
    applied.sort_unstable_by(|a, b| b.cmp(a));
    if steps == 0 || steps > applied.len() {
        return Err(HistoryError::TooFarDown { steps, applied: applied.len() });
    }
    for version in applied.into_iter().take(steps) {
        let script = migrator
            .iter()
            .find(|one| one.version == version && one.migration_type == MigrationType::ReversibleDown)
            .ok_or(HistoryError::NewerSchema { location: location.clone(), found: version, known: HISTORY_VERSION })?;
        connection.revert(APPLIED, script).await.map_err(why)?;
    }
    Ok(())
}

fn refused(location: &Location, error: &MigrateError) -> HistoryError {
    let location = location.clone();
    match error {
        MigrateError::VersionMismatch(version) => HistoryError::AlteredMigration { location, version: *version },
        MigrateError::VersionMissing(found) => {
            HistoryError::NewerSchema { location, found: *found, known: HISTORY_VERSION }
        }
        other => HistoryError::Migration { location, why: other.to_string() },
    }
}
