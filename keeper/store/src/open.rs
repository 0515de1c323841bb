//! Opening the store: the lease, what the file is, and its migrations.

use crate::StoreError;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, Row, SqliteConnection};
use std::fs::{File, OpenOptions, TryLockError};
use std::io::Read;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// "BLST": marks a SQLite file as ours.
const APPLICATION_ID: i64 = 0x424c_5354;
/// Each script brings the schema one version up.
const MIGRATIONS: &[&str] = &[include_str!("../migrations/0001_decisions_and_outbox.sql")];
/// The schema this build writes.
pub const SCHEMA_VERSION: i64 = MIGRATIONS.len() as i64;
const MAGIC: &[u8; 16] = b"SQLite format 3\0";

/// The keeper's memory. See the crate documentation.
#[derive(Debug)]
pub struct Store {
    pub(crate) pool: SqlitePool,
    path: PathBuf,
    /// Held for its lock, which the operating system releases with the process.
    lease: Option<File>,
}

impl Store {
    /// Opens the store for writing, creating or migrating it.
    ///
    /// # Errors
    /// [`StoreError::Locked`] while another process writes; [`StoreError::NotADatabase`], [`StoreError::Foreign`],
    /// [`StoreError::Corrupt`] and [`StoreError::NewerSchema`] leave the file untouched.
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref();
        let lease = acquire(path)?;
        if holds_data(path)? {
            inspect(path).await?;
        }
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .foreign_keys(true)
            .busy_timeout(Duration::from_secs(10));
        let pool = connect(options, path).await?;
        migrate(&pool).await?;
        Ok(Self { pool, path: path.to_owned(), lease: Some(lease) })
    }

    /// Opens an existing store for reading, beside a writer or without one.
    ///
    /// # Errors
    /// [`StoreError::Missing`] if there is none, [`StoreError::OlderSchema`] if it was never migrated to this version,
    /// and the file errors of [`Self::open`].
    pub async fn open_read_only(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let path = path.as_ref();
        if !holds_data(path)? {
            return Err(StoreError::Missing { path: path.to_owned() });
        }
        let found = inspect(path).await?;
        if found < SCHEMA_VERSION {
            return Err(StoreError::OlderSchema { path: path.to_owned(), found, known: SCHEMA_VERSION });
        }
        let pool = connect(reading(path), path).await?;
        Ok(Self { pool, path: path.to_owned(), lease: None })
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Closes all connections, folding the write-ahead log into the file, and gives up the lease.
    pub async fn close(self) {
        self.pool.close().await;
    }

    pub(crate) fn require_lease(&self) -> Result<(), StoreError> {
        if self.lease.is_some() { Ok(()) } else { Err(StoreError::ReadOnly) }
    }
}

fn acquire(path: &Path) -> Result<File, StoreError> {
    let mut lock_path = path.as_os_str().to_owned();
    lock_path.push(".lock");
    let unreadable = |why: String| StoreError::Unreadable { path: PathBuf::from(&lock_path), why };
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&lock_path)
        .map_err(|error| unreadable(error.to_string()))?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::Locked { path: path.to_owned() }),
        Err(TryLockError::Error(error)) => Err(unreadable(format!("locking failed: {error}"))),
    }
}

/// Whether there is a file with content; an empty one is what a crash before the first commit leaves.
fn holds_data(path: &Path) -> Result<bool, StoreError> {
    let unreadable = |why: String| StoreError::Unreadable { path: path.to_owned(), why };
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
    let mut file = File::open(path).map_err(|error| unreadable(error.to_string()))?;
    match file.read_exact(&mut magic) {
        Ok(()) if &magic == MAGIC => Ok(true),
        Ok(()) => Err(StoreError::NotADatabase { path: path.to_owned() }),
        Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => {
            Err(StoreError::NotADatabase { path: path.to_owned() })
        }
        Err(error) => Err(unreadable(error.to_string())),
    }
}

fn reading(path: &Path) -> SqliteConnectOptions {
    SqliteConnectOptions::new().filename(path).read_only(true).busy_timeout(Duration::from_secs(10))
}

/// Reads whose file it is and its schema version, without writing to it. A new, still empty database has version 0.
async fn inspect(path: &Path) -> Result<i64, StoreError> {
    let corrupt = |error: sqlx::Error| StoreError::Corrupt { path: path.to_owned(), detail: error.to_string() };
    let mut connection = reading(path).connect().await.map_err(corrupt)?;
    let application = pragma(&mut connection, "PRAGMA application_id").await.map_err(corrupt)?;
    let version = pragma(&mut connection, "PRAGMA user_version").await.map_err(corrupt)?;
    let tables = pragma(&mut connection, "SELECT count(*) FROM sqlite_schema").await.map_err(corrupt)?;
    if application != APPLICATION_ID && (application != 0 || version != 0 || tables != 0) {
        return Err(StoreError::Foreign { path: path.to_owned(), found: application });
    }
    if version > SCHEMA_VERSION {
        return Err(StoreError::NewerSchema { path: path.to_owned(), found: version, known: SCHEMA_VERSION });
    }
    let verdict: String = sqlx::query("PRAGMA quick_check(1)")
        .fetch_one(&mut connection)
        .await
        .and_then(|row| row.try_get(0))
        .map_err(corrupt)?;
    if verdict != "ok" {
        return Err(StoreError::Corrupt { path: path.to_owned(), detail: verdict });
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
        .map_err(|error| StoreError::Unreadable { path: path.to_owned(), why: error.to_string() })
}

async fn migrate(pool: &SqlitePool) -> Result<(), StoreError> {
    let mut transaction = pool.begin_with("BEGIN IMMEDIATE").await?;
    let found = pragma(&mut transaction, "PRAGMA user_version").await?;
    let done = usize::try_from(found).unwrap_or(0);
    for script in MIGRATIONS.iter().copied().skip(done) {
        sqlx::raw_sql(script).execute(&mut *transaction).await?;
    }
    if found < SCHEMA_VERSION {
        // Pragmas take no parameters; both are constants of this module.
        let marks = format!("PRAGMA application_id = {APPLICATION_ID}; PRAGMA user_version = {SCHEMA_VERSION};");
        sqlx::raw_sql(sqlx::AssertSqlSafe(marks)).execute(&mut *transaction).await?;
    }
    transaction.commit().await?;
    Ok(())
}
