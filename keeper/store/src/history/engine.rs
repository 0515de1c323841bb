//! The two databases that a history may be in: opening, and transactions.

use super::schema::{self, HISTORY_VERSION, Partitioning};
use super::{HistoryError, Step};
use crate::postgres::{CONNECT, options};
use crate::sql::Connection;
use crate::sqlite::holds_data;
use crate::{DatabaseUrl, Location, StoreError};
use sqlx::postgres::{PgConnection, PgPool, PgPoolOptions};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection as _, Row};
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::timeout;

/// "BLSH", as the first migration sets it.
const APPLICATION_ID: i64 = 0x424c_5348;
/// The schema in a PostgreSQL database.
const SCHEMA: &str = "history";
/// How long a writer waits for another one.
const BUSY: Duration = Duration::from_secs(30);

#[derive(Debug)]
pub(crate) enum Engine {
    Sqlite { pool: SqlitePool, path: PathBuf },
    Postgres { pool: PgPool, url: DatabaseUrl, partitioning: Partitioning },
}

impl Engine {
    /// Creates or migrates it.
    pub(crate) async fn open(location: &Location) -> Result<Self, HistoryError> {
        match location {
            Location::Sqlite(path) => {
                if holds_data(path)? {
                    inspect(path, location).await?;
                }
                let pool = sqlite_pool(writing(path), location).await?;
                let mut whole = pool.begin_with("BEGIN IMMEDIATE").await?;
                schema::up(&mut *whole, &schema::sqlite(), location).await?;
                whole.commit().await?;
                Ok(Self::Sqlite { pool, path: path.clone() })
            }
            Location::Postgres(url) => {
                let mut connection = connect(url, location).await?;
                let mut whole = connection.begin().await?;
                migrating_alone(&mut whole).await?;
                schema::up(&mut *whole, &schema::postgres(SCHEMA), location).await?;
                whole.commit().await?;
                let partitioning = partitioning(&mut connection).await?;
                connection.close().await?;
                Ok(Self::Postgres { pool: postgres_pool(url)?, url: url.clone(), partitioning })
            }
            Location::Memory => Err(StoreError::NotALocation.into()),
        }
    }

    /// Neither creates nor migrates.
    pub(crate) async fn open_read_only(location: &Location) -> Result<Self, HistoryError> {
        let found = version(location).await?;
        if found < HISTORY_VERSION {
            return Err(HistoryError::OlderSchema { location: location.clone(), found, known: HISTORY_VERSION });
        }
        match location {
            Location::Sqlite(path) => {
                let options = SqliteConnectOptions::new().filename(path).read_only(true).busy_timeout(BUSY);
                Ok(Self::Sqlite { pool: sqlite_pool(options, location).await?, path: path.clone() })
            }
            Location::Postgres(url) => {
                let mut connection = connect(url, location).await?;
                let partitioning = partitioning(&mut connection).await?;
                connection.close().await?;
                Ok(Self::Postgres { pool: postgres_pool(url)?, url: url.clone(), partitioning })
            }
            Location::Memory => Err(StoreError::NotALocation.into()),
        }
    }

    pub(crate) fn location(&self) -> Location {
        match self {
            Self::Sqlite { path, .. } => Location::Sqlite(path.clone()),
            Self::Postgres { url, .. } => Location::Postgres(url.clone()),
        }
    }

    pub(crate) const fn partitioning(&self) -> Partitioning {
        match self {
            Self::Sqlite { .. } => Partitioning::OneTable,
            Self::Postgres { partitioning, .. } => *partitioning,
        }
    }

    pub(crate) async fn close(self) {
        match self {
            Self::Sqlite { pool, .. } => pool.close().await,
            Self::Postgres { pool, .. } => pool.close().await,
        }
    }

    /// One consistent view, beside any writer.
    pub(crate) async fn read(&self) -> Result<Connection, HistoryError> {
        Ok(match self {
            Self::Sqlite { pool, .. } => Connection::Sqlite(pool.begin().await?),
            Self::Postgres { pool, .. } => {
                Connection::Postgres(pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY").await?)
            }
        })
    }

    /// All or nothing, and on disk when it is committed.
    pub(crate) async fn write(&self) -> Result<Connection, HistoryError> {
        Ok(match self {
            Self::Sqlite { pool, .. } => Connection::Sqlite(pool.begin_with("BEGIN IMMEDIATE").await?),
            Self::Postgres { pool, .. } => Connection::Postgres(pool.begin().await?),
        })
    }

    /// Runs a statement outside of a transaction.
    pub(crate) async fn alone(&self, statement: &'static str) -> Result<(), HistoryError> {
        match self {
            Self::Sqlite { pool, .. } => sqlx::query(statement).execute(pool).await.map(drop)?,
            Self::Postgres { pool, .. } => sqlx::query(statement).execute(pool).await.map(drop)?,
        }
        Ok(())
    }

    /// The statement for this database.
    pub(crate) const fn dialect(&self, sqlite: &'static str, postgres: &'static str) -> &'static str {
        match self {
            Self::Sqlite { .. } => sqlite,
            Self::Postgres { .. } => postgres,
        }
    }
}

/// The newest migration that a history has. Nothing is written.
pub(crate) async fn version(location: &Location) -> Result<i64, HistoryError> {
    let missing = || HistoryError::Missing { location: location.clone() };
    match location {
        Location::Sqlite(path) => {
            if !holds_data(path)? {
                return Err(missing());
            }
            inspect(path, location).await
        }
        Location::Postgres(url) => {
            let mut connection = connect(url, location).await?;
            let there: bool = sqlx::query("SELECT to_regclass('history._sqlx_migrations') IS NOT NULL")
                .fetch_one(&mut connection)
                .await?
                .try_get(0)?;
            if !there {
                return Err(missing());
            }
            let found = schema::verify(&mut connection, &schema::postgres(SCHEMA), location).await?;
            connection.close().await?;
            Ok(found)
        }
        Location::Memory => Err(StoreError::NotALocation.into()),
    }
}

/// Undoes the newest migrations; what their tables held is gone.
pub(crate) async fn down(location: &Location, steps: usize) -> Result<Vec<Step>, HistoryError> {
    // Whatever is not a history of ours is refused here.
    version(location).await?;
    match location {
        Location::Sqlite(path) => {
            let pool = sqlite_pool(writing(path).create_if_missing(false), location).await?;
            let mut whole = pool.begin_with("BEGIN IMMEDIATE").await?;
            schema::down(&mut *whole, &schema::sqlite(), location, steps).await?;
            whole.commit().await?;
            pool.close().await;
        }
        Location::Postgres(url) => {
            let mut connection = connect(url, location).await?;
            let mut whole = connection.begin().await?;
            migrating_alone(&mut whole).await?;
            schema::down(&mut *whole, &schema::postgres(SCHEMA), location, steps).await?;
            whole.commit().await?;
            connection.close().await?;
        }
        Location::Memory => return Err(StoreError::NotALocation.into()),
    }
    Ok(schema::steps(version(location).await?))
}

fn writing(path: &Path) -> SqliteConnectOptions {
    // FULL: what was acknowledged survives a power cut, which costs little where a transaction is thousands of rows.
    SqliteConnectOptions::new()
        .filename(path)
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY)
}

async fn sqlite_pool(options: SqliteConnectOptions, location: &Location) -> Result<SqlitePool, HistoryError> {
    let pool = SqlitePoolOptions::new().max_connections(4).connect_with(options).await;
    let unreadable = |why| StoreError::Unreadable { location: location.clone(), why };
    pool.map_err(|error| unreadable(error.to_string()).into())
}

fn postgres_pool(url: &DatabaseUrl) -> Result<PgPool, HistoryError> {
    let options = options(url, SCHEMA)?;
    Ok(PgPoolOptions::new().max_connections(4).acquire_timeout(CONNECT).connect_lazy_with(options))
}

async fn connect(url: &DatabaseUrl, location: &Location) -> Result<PgConnection, HistoryError> {
    let unreadable = |why: String| StoreError::Unreadable { location: location.clone(), why };
    match timeout(CONNECT, options(url, SCHEMA)?.connect()).await {
        Ok(connected) => connected.map_err(|error| unreadable(error.to_string()).into()),
        Err(_) => Err(unreadable(format!("no answer within {} s", CONNECT.as_secs())).into()),
    }
}

/// Until the transaction ends: sqlx's own lock ends before it.
async fn migrating_alone(connection: &mut PgConnection) -> Result<(), HistoryError> {
    sqlx::query("SELECT pg_advisory_xact_lock(4776654211268542465)").execute(connection).await?;
    Ok(())
}

/// Whose SQLite file it is and its newest migration, without writing to it.
async fn inspect(path: &Path, location: &Location) -> Result<i64, HistoryError> {
    let corrupt = |error: sqlx::Error| StoreError::Corrupt { location: location.clone(), detail: error.to_string() };
    let options = SqliteConnectOptions::new().filename(path).read_only(true).busy_timeout(BUSY);
    let mut connection = options.connect().await.map_err(corrupt)?;
    let read = |statement| sqlx::query(statement);
    let application: i64 = read("PRAGMA application_id")
        .fetch_one(&mut connection)
        .await
        .and_then(|row| row.try_get(0))
        .map_err(corrupt)?;
    let tables: i64 =
        read("SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE '!_%' ESCAPE '!'")
            .fetch_one(&mut connection)
            .await
            .and_then(|row| row.try_get(0))
            .map_err(corrupt)?;
    if application != APPLICATION_ID {
        // A crash while the first migration was made leaves a file without tables.
        if application == 0 && tables == 0 {
            return Ok(0);
        }
        let found = format!("application id {application:#x}");
        return Err(HistoryError::Foreign { location: location.clone(), found });
    }
    let found = schema::verify(&mut connection, &schema::sqlite(), location).await?;
    connection.close().await?;
    Ok(found)
}

async fn partitioning(connection: &mut PgConnection) -> Result<Partitioning, HistoryError> {
    let kind: String = sqlx::query("SELECT kind FROM partitioning").fetch_one(connection).await?.try_get(0)?;
    Ok(if kind == "timescaledb" { Partitioning::Timescale } else { Partitioning::Monthly })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_in_the_migration_is_ours() {
        assert_eq!(APPLICATION_ID, 1_112_298_312);
    }
}
