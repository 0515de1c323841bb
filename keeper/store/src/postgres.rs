//! A store in a PostgreSQL database: schema `ballast`, one store to a database.
//!
//! The writer holds a session-level advisory lock, and it writes on the very connection that holds it: when the connection is gone,
//! so are the lock and the way to write. A pooler that hands one connection to several clients would break that, and is caught by the
//! epoch, which every write reads with a row lock: a new writer's epoch waits for a write under way, and a write after it is refused.

use crate::session::Session;
use crate::sql::{Connection, Leased, SqlSession, classified, integer};
use crate::sqlite::SCHEMA_VERSION;
use crate::{DatabaseUrl, Location, StoreError};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use sqlx::{ConnectOptions, Connection as _, PgConnection, Row};
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::timeout;

/// "BLST", 1: the advisory lock of the writer. Such locks are apart for each database.
const LOCK: i64 = 0x424c_5354_0000_0001;
/// The schema of the store.
const STORE: &str = "ballast";
const APPLICATION: &str = "ballast keeper";
const SCHEMA: &str = include_str!("../migrations/postgres/0002_store.sql");
const WAITING: &str = include_str!("../migrations/postgres/0003_awaiting_safe.sql");
/// The first schema that there was on PostgreSQL.
const FIRST_SCHEMA: i64 = 2;
/// How long a connection may take to be made.
pub(crate) const CONNECT: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(crate) struct Postgres {
    readers: PgPool,
    url: DatabaseUrl,
    lease: Option<Lease>,
}

#[derive(Debug)]
struct Lease {
    writer: Arc<Mutex<Leased>>,
    epoch: u64,
}

impl Postgres {
    pub(crate) async fn open(url: &DatabaseUrl) -> Result<Self, StoreError> {
        let location = Location::Postgres(url.clone());
        if !url.is_protected() {
            tracing::warn!(store = %location, "the database is reached over a network and its URL does not demand TLS");
        }
        let mut connection = connect(url, &location).await?;
        let locked: bool = sqlx::query("SELECT pg_try_advisory_lock($1)")
            .bind(LOCK)
            .fetch_one(&mut connection)
            .await
            .and_then(|row| row.try_get(0))
            .map_err(classified)?;
        if !locked {
            return Err(StoreError::Locked { location });
        }
        let found = inspect(&mut connection, &location).await?;
        let writer = Arc::new(Mutex::new(Leased::new(connection, location)));
        let mut connection = Connection::begin_leased(&writer).await?;
        if found.is_none() {
            connection.script(SCHEMA).await?;
        }
        if found.is_none_or(|found| found < 3) {
            connection.script(WAITING).await?;
        }
        let epoch = connection
            .fetch_first("UPDATE lease SET epoch = epoch + 1 RETURNING epoch", vec![])
            .await?
            .ok_or_else(|| StoreError::Row("the lease has no epoch".to_owned()))?
            .unsigned("epoch")?;
        connection.commit().await?;
        Ok(Self { readers: readers(url)?, url: url.clone(), lease: Some(Lease { writer, epoch }) })
    }

    pub(crate) async fn open_read_only(url: &DatabaseUrl) -> Result<Self, StoreError> {
        let location = Location::Postgres(url.clone());
        let mut connection = connect(url, &location).await?;
        let known = SCHEMA_VERSION;
        match inspect(&mut connection, &location).await? {
            None => return Err(StoreError::Missing { location }),
            Some(found) if found < known => return Err(StoreError::OlderSchema { location, found, known }),
            Some(_) => {}
        }
        connection.close().await.map_err(classified)?;
        Ok(Self { readers: readers(url)?, url: url.clone(), lease: None })
    }

    pub(crate) fn location(&self) -> Location {
        Location::Postgres(self.url.clone())
    }

    pub(crate) async fn close(self) {
        self.readers.close().await;
        // The lock goes with the connection, when the last handle to it is dropped at the latest.
        if let Some(lease) = self.lease
            && let Some(leased) = Arc::into_inner(lease.writer)
        {
            leased.into_inner().close().await;
        }
    }

    pub(crate) async fn read(&self) -> Result<Session, StoreError> {
        let begin = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY";
        let connection = Connection::Postgres(self.readers.begin_with(begin).await.map_err(classified)?);
        Ok(Session::Sql(Box::new(SqlSession { connection })))
    }

    pub(crate) async fn write(&self) -> Result<Session, StoreError> {
        let lease = self.lease.as_ref().ok_or(StoreError::ReadOnly)?;
        let mut connection = Connection::begin_leased(&lease.writer).await?;
        let ours = "SELECT epoch FROM lease WHERE epoch = $1 FOR SHARE";
        match connection.fetch_first(ours, vec![integer("epoch", lease.epoch)?]).await? {
            Some(_) => Ok(Session::Sql(Box::new(SqlSession { connection }))),
            None => Err(StoreError::LeaseLost { location: self.location() }),
        }
    }
}

/// Of a connection whose tables are those of a schema.
pub(crate) fn options(url: &DatabaseUrl, schema: &str) -> Result<PgConnectOptions, StoreError> {
    let parsed = PgConnectOptions::from_str(url.secret()).map_err(|error| StoreError::Unreadable {
        location: Location::Postgres(url.clone()),
        why: format!("its URL cannot be read: {error}"),
    })?;
    // A server that ends idle sessions would end the lease. A commit that returned is on disk, whatever the server's default; and a server notices within seconds that the machine of a
    // writer is gone, so that another can take over.
    Ok(parsed.application_name("ballast").options([
        ("search_path", schema),
        ("synchronous_commit", "on"),
        ("client_min_messages", "warning"),
        ("idle_session_timeout", "0"),
        ("idle_in_transaction_session_timeout", "0"),
        ("tcp_keepalives_idle", "4"),
        ("tcp_keepalives_interval", "2"),
        ("tcp_keepalives_count", "3"),
        ("tcp_user_timeout", "10000"),
    ]))
}

async fn connect(url: &DatabaseUrl, location: &Location) -> Result<PgConnection, StoreError> {
    let unreadable = |why: String| StoreError::Unreadable { location: location.clone(), why };
    match timeout(CONNECT, options(url, STORE)?.connect()).await {
        Ok(connected) => connected.map_err(|error| unreadable(error.to_string())),
        Err(_) => Err(unreadable(format!("no answer within {} s", CONNECT.as_secs()))),
    }
}

fn readers(url: &DatabaseUrl) -> Result<PgPool, StoreError> {
    Ok(PgPoolOptions::new().max_connections(4).acquire_timeout(CONNECT).connect_lazy_with(options(url, STORE)?))
}

/// Whose schema it is and which version, without writing to it. `None` if there is none yet.
async fn inspect(connection: &mut PgConnection, location: &Location) -> Result<Option<i64>, StoreError> {
    let tables: i64 = sqlx::query("SELECT count(*) FROM information_schema.tables WHERE table_schema = 'ballast'")
        .fetch_one(&mut *connection)
        .await
        .and_then(|row| row.try_get(0))
        .map_err(classified)?;
    if tables == 0 {
        return Ok(None);
    }
    let foreign = |found: &str| StoreError::Foreign { location: location.clone(), found: found.to_owned() };
    let marked: bool = sqlx::query("SELECT to_regclass('ballast.mark') IS NOT NULL")
        .fetch_one(&mut *connection)
        .await
        .and_then(|row| row.try_get(0))
        .map_err(classified)?;
    if !marked {
        return Err(foreign("its schema ballast has tables, but not our mark"));
    }
    let row = sqlx::query("SELECT application, schema_version FROM mark").fetch_one(&mut *connection).await;
    let read = row.and_then(|row| Ok((row.try_get::<String, _>(0)?, row.try_get::<i64, _>(1)?)));
    let (application, found) = read.map_err(|error| foreign(&format!("its mark cannot be read: {error}")))?;
    if application != APPLICATION {
        return Err(foreign(&format!("its mark says {application}")));
    }
    let (location, known) = (location.clone(), SCHEMA_VERSION);
    if found > known {
        return Err(StoreError::NewerSchema { location, found, known });
    }
    if found < FIRST_SCHEMA {
        return Err(StoreError::Foreign { location, found: format!("its mark says schema {found}") });
    }
    Ok(Some(found))
}
