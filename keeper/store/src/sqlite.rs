//! A store in a SQLite file: the lock on `<path>.lock`, what the file is, and its migrations.

mod adopt;
mod backup;

use crate::session::Session;
use crate::sql::{Connection, SqlSession, classified, integer};
use crate::{Location, StoreError};
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection as _, Row, SqliteConnection};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// "BLST": marks a SQLite file as ours.
const APPLICATION_ID: i64 = 0x424c_5354;
const FIRST: &str = include_str!("../migrations/sqlite/0001_decisions_and_outbox.sql");
const AUDIT: &str = include_str!("../migrations/sqlite/0002_audit.sql");
const AUDIT_AFTER: &str = include_str!("../migrations/sqlite/0002_audit_after_the_move.sql");
const WAITING: &str = include_str!("../migrations/sqlite/0003_awaiting_safe.sql");
/// The schema this build writes.
pub const SCHEMA_VERSION: i64 = 3;
/// Bytes; SQLite's default.
const PAGE: u32 = 4_096;
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

#[derive(Debug)]
pub(crate) struct Sqlite {
    pool: SqlitePool,
    path: PathBuf,
    lease: Option<Lease>,
}

#[derive(Debug)]
struct Lease {
    /// Held for its lock, which the operating system releases with the process.
    _lock: File,
    /// A lock can be defeated, by deleting its file or by a file system that does not know locks. The epoch cannot.
    epoch: u64,
}

impl Sqlite {
    /// `bound` is how many bytes the file may have; `None` is as many as there is room for.
    pub(crate) async fn open(path: &Path, bound: Option<u64>) -> Result<Self, StoreError> {
        let lock = acquire(path)?;
        if holds_data(path)? {
            inspect(path).await?;
        }
        let mut options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(10));
        if let Some(bytes) = bound {
            options = options.page_size(PAGE).pragma("max_page_count", (bytes / u64::from(PAGE)).to_string());
        }
        let pool = connect(options, path).await?;
        let mut connection = writing(&pool).await?;
        migrate(&mut connection).await?;
        let epoch = connection
            .fetch_first("UPDATE lease SET epoch = epoch + 1 RETURNING epoch", vec![])
            .await?
            .ok_or_else(|| StoreError::Row("the lease has no epoch".to_owned()))?
            .unsigned("epoch")?;
        connection.commit().await?;
        Ok(Self { pool, path: path.to_owned(), lease: Some(Lease { _lock: lock, epoch }) })
    }

    pub(crate) async fn open_read_only(path: &Path) -> Result<Self, StoreError> {
        if !holds_data(path)? {
            return Err(StoreError::Missing { location: file(path) });
        }
        let found = inspect(path).await?;
        if found < SCHEMA_VERSION {
            return Err(StoreError::OlderSchema { location: file(path), found, known: SCHEMA_VERSION });
        }
        let pool = connect(reading(path), path).await?;
        Ok(Self { pool, path: path.to_owned(), lease: None })
    }

    pub(crate) fn location(&self) -> Location {
        file(&self.path)
    }

    pub(crate) async fn close(self) {
        self.pool.close().await;
    }

    pub(crate) async fn read(&self) -> Result<Session, StoreError> {
        let connection = Connection::Sqlite(self.pool.begin().await.map_err(classified)?);
        Ok(Session::Sql(Box::new(SqlSession { connection })))
    }

    pub(crate) async fn write(&self) -> Result<Session, StoreError> {
        let lease = self.lease.as_ref().ok_or(StoreError::ReadOnly)?;
        let mut connection = writing(&self.pool).await?;
        let ours = "SELECT epoch FROM lease WHERE epoch = $1";
        match connection.fetch_first(ours, vec![integer("epoch", lease.epoch)?]).await? {
            Some(_) => Ok(Session::Sql(Box::new(SqlSession { connection }))),
            None => Err(StoreError::LeaseLost { location: self.location() }),
        }
    }
}

fn file(path: &Path) -> Location {
    Location::Sqlite(path.to_owned())
}

async fn writing(pool: &SqlitePool) -> Result<Connection, StoreError> {
    Ok(Connection::Sqlite(pool.begin_with("BEGIN IMMEDIATE").await.map_err(classified)?))
}

fn acquire(path: &Path) -> Result<File, StoreError> {
    let mut lock_path = path.as_os_str().to_owned();
    lock_path.push(".lock");
    let unreadable = |why: String| StoreError::Unreadable { location: Location::Sqlite(lock_path.clone().into()), why };
    let opened = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&lock_path)
        .map_err(|error| unreadable(error.to_string()))?;
    match opened.try_lock() {
        Ok(()) => Ok(opened),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked { location: file(path) }),
        Err(TryLockError::Error(error)) => Err(unreadable(format!("locking failed: {error}"))),
    }
}

/// Whether there is a file with content; an empty one is what a crash before the first commit leaves.
pub(crate) fn holds_data(path: &Path) -> Result<bool, StoreError> {
    let unreadable = |why: String| StoreError::Unreadable { location: file(path), why };
    let metadata = match std::fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(unreadable(error.to_string())),
    };
    if !metadata.is_file() {
        return Err(unreadable("it is not a regular file".to_owned()));
    }
    if metadata.len() == 0 {
        return Ok(false);
    }
    let mut magic = [0; 16];
    let mut opened = File::open(path).map_err(|error| unreadable(error.to_string()))?;
    match opened.read_exact(&mut magic) {
        Ok(()) if &magic == MAGIC => Ok(true),
        Ok(()) => Err(StoreError::NotADatabase { location: file(path) }),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            Err(StoreError::NotADatabase { location: file(path) })
        }
        Err(error) => Err(unreadable(error.to_string())),
    }
}

fn reading(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new().filename(path).read_only(true).busy_timeout(Duration::from_secs(10))
}

/// Reads whose file it is and its schema version, without writing to it. A new, still empty database has version 0.
async fn inspect(path: &Path) -> Result<i64, StoreError> {
    let corrupt = |error: sqlx::Error| StoreError::Corrupt { location: file(path), detail: error.to_string() };
    let mut connection = reading(path).connect().await.map_err(corrupt)?;
    let application = pragma(&mut connection, "PRAGMA application_id").await.map_err(corrupt)?;
    let version = pragma(&mut connection, "PRAGMA user_version").await.map_err(corrupt)?;
    let tables = pragma(&mut connection, "SELECT count(*) FROM sqlite_schema").await.map_err(corrupt)?;
    if application != APPLICATION_ID && (application != 0 || version != 0 || tables != 0) {
        return Err(StoreError::Foreign { location: file(path), found: format!("application id {application:#x}") });
    }
    if version > SCHEMA_VERSION {
        return Err(StoreError::NewerSchema { location: file(path), found: version, known: SCHEMA_VERSION });
    }
    let verdict: String = sqlx::query("PRAGMA quick_check(1)")
        .fetch_one(&mut connection)
        .await
        .and_then(|row| row.try_get(0))
        .map_err(corrupt)?;
    if verdict != "ok" {
        return Err(StoreError::Corrupt { location: file(path), detail: verdict });
    }
    connection.close().await?;
    Ok(version)
}

async fn pragma(connection: &mut SqliteConnection, statement: &'static str) -> Result<i64, sqlx::Error> {
    sqlx::query(statement).fetch_one(connection).await?.try_get(0)
}

async fn connect(options: SqliteConnectOptions, path: &Path) -> Result<SqlitePool, StoreError> {
    SqlitePoolOptions::new()
        .max_connections(4)
        .connect_with(options)
        .await
        .map_err(|error| StoreError::Unreadable { location: file(path), why: error.to_string() })
}

async fn migrate(connection: &mut Connection) -> Result<(), StoreError> {
    let found = match connection.fetch_first("PRAGMA user_version", vec![]).await? {
        Some(mut row) => row.integer("user_version")?,
        None => 0,
    };
    if found < 1 {
        connection.script(FIRST).await?;
    }
    if found < 2 {
        connection.script(AUDIT).await?;
        adopt::into_audit(connection).await?;
        connection.script(AUDIT_AFTER).await?;
    }
    if found < 3 {
        connection.script(WAITING).await?;
        // "BLST", as `APPLICATION_ID`.
        connection.script("PRAGMA application_id = 1112298324; PRAGMA user_version = 3;").await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_in_the_migration_is_ours() {
        assert_eq!(APPLICATION_ID, 1_112_298_324);
    }
}
