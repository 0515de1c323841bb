//! The store as its users see it: opening, the lease, and which backend is asked.

use crate::memory::{Memory, MemoryDisk};
use crate::postgres::Postgres;
use crate::session::Session;
use crate::sqlite::Sqlite;
use crate::{Audit, Location, StoreError};
use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tokio::time::{Instant, sleep};

/// Wall-clock Unix milliseconds: when a row was written, for people. Nothing is decided by it.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;

/// The system's.
pub(crate) fn system_clock() -> Clock {
    Arc::new(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    })
}

#[derive(Debug)]
pub(crate) enum Backend {
    Sqlite(Sqlite),
    Postgres(Postgres),
    Memory(Memory),
}

/// The keeper's memory. See the crate documentation.
pub struct Store {
    backend: Backend,
    clock: Clock,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store").field("backend", &self.backend).finish_non_exhaustive()
    }
}

impl Store {
    /// Opens a SQLite file for writing, creating or migrating it.
    ///
    /// # Errors
    /// As [`Self::open_at`].
    pub async fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::open_at(&Location::Sqlite(path.as_ref().to_owned())).await
    }

    /// As [`Self::open`], but the file may not grow beyond so many bytes: a quota. Beyond it, writes are [`StoreError::Full`].
    ///
    /// # Errors
    /// As [`Self::open_at`].
    pub async fn open_bounded(path: impl AsRef<Path>, bytes: u64) -> Result<Self, StoreError> {
        let backend = Backend::Sqlite(Sqlite::open(path.as_ref(), Some(bytes)).await?);
        Ok(Self::new(backend, system_clock()))
    }

    /// Opens an existing SQLite file for reading, beside a writer or without one.
    ///
    /// # Errors
    /// As [`Self::open_read_only_at`].
    pub async fn open_read_only(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::open_read_only_at(&Location::Sqlite(path.as_ref().to_owned())).await
    }

    /// A new, empty store in memory. To open it again, keep its [`MemoryDisk`] and open that.
    ///
    /// # Errors
    /// None; the signature is that of the other ways to open.
    pub fn in_memory() -> Result<Self, StoreError> {
        MemoryDisk::new().open()
    }

    /// Opens a store for writing, creating or migrating it.
    ///
    /// # Errors
    /// [`StoreError::Locked`] while another process writes; [`StoreError::NotADatabase`], [`StoreError::Foreign`],
    /// [`StoreError::Corrupt`] and [`StoreError::NewerSchema`] leave what is there untouched.
    pub async fn open_at(location: &Location) -> Result<Self, StoreError> {
        let backend = match location {
            Location::Sqlite(path) => Backend::Sqlite(Sqlite::open(path, None).await?),
            Location::Postgres(url) => Backend::Postgres(Postgres::open(url).await?),
            Location::Memory => return Err(StoreError::NotALocation),
        };
        Ok(Self::new(backend, system_clock()))
    }

    /// Opens an existing store for reading, beside a writer or without one.
    ///
    /// # Errors
    /// [`StoreError::Missing`] if there is none, [`StoreError::OlderSchema`] if it was never migrated to this version,
    /// and those of [`Self::open_at`] but the first.
    pub async fn open_read_only_at(location: &Location) -> Result<Self, StoreError> {
        let backend = match location {
            Location::Sqlite(path) => Backend::Sqlite(Sqlite::open_read_only(path).await?),
            Location::Postgres(url) => Backend::Postgres(Postgres::open_read_only(url).await?),
            Location::Memory => return Err(StoreError::NotALocation),
        };
        Ok(Self::new(backend, system_clock()))
    }

    /// Waits until no other process writes, then opens the store for writing: what a standby does. Asks every `poll`, and gives up
    /// after `patience`, if there is one.
    ///
    /// # Errors
    /// [`StoreError::NeverFree`] when patience runs out, and all of [`Self::open_at`] but [`StoreError::Locked`].
    pub async fn open_when_free(
        location: &Location,
        poll: Duration,
        patience: Option<Duration>,
    ) -> Result<Self, StoreError> {
        let since = Instant::now();
        loop {
            match Self::open_at(location).await {
                Err(StoreError::Locked { .. }) => {}
                opened => return opened,
            }
            if patience.is_some_and(|patience| since.elapsed() >= patience) {
                let waited_ms = since.elapsed().as_millis();
                return Err(StoreError::NeverFree { location: location.clone(), waited_ms });
            }
            sleep(poll).await;
        }
    }

    pub(crate) fn new(backend: Backend, clock: Clock) -> Self {
        Self { backend, clock }
    }

    /// Stamps rows with another clock.
    #[must_use]
    pub fn with_clock(self, clock: Clock) -> Self {
        Self { clock, ..self }
    }

    /// Where it is.
    #[must_use]
    pub fn location(&self) -> Location {
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.location(),
            Backend::Postgres(postgres) => postgres.location(),
            Backend::Memory(_) => Location::Memory,
        }
    }

    /// Copies a SQLite store, as it is after some commit, into a new file of mode 0600, beside whoever writes to it; then reads the copy
    /// and holds every row against its audit log.
    ///
    /// # Errors
    /// [`StoreError::BackupExists`], [`StoreError::Backup`] and [`StoreError::Full`]: then there is no copy.
    /// [`StoreError::NotAFile`] for a store that is no file.
    pub async fn back_up(&self, to: &Path) -> Result<Audit, StoreError> {
        let Backend::Sqlite(sqlite) = &self.backend else {
            return Err(StoreError::NotAFile { location: self.location() });
        };
        sqlite.back_up(to).await?;
        let copy = Self::open_read_only(to).await?;
        let audit = copy.verify_audit(None).await?;
        copy.close().await;
        Ok(audit)
    }

    /// Closes all connections, folding a write-ahead log into its file, and gives up the lease.
    pub async fn close(self) {
        match self.backend {
            Backend::Sqlite(sqlite) => sqlite.close().await,
            Backend::Postgres(postgres) => postgres.close().await,
            Backend::Memory(_) => {}
        }
    }

    pub(crate) fn now_ms(&self) -> u64 {
        (self.clock)()
    }

    pub(crate) async fn read(&self) -> Result<Session, StoreError> {
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.read().await,
            Backend::Postgres(postgres) => postgres.read().await,
            Backend::Memory(memory) => Ok(memory.read().await),
        }
    }

    pub(crate) async fn write(&self) -> Result<Session, StoreError> {
        match &self.backend {
            Backend::Sqlite(sqlite) => sqlite.write().await,
            Backend::Postgres(postgres) => postgres.write().await,
            Backend::Memory(memory) => memory.write().await,
        }
    }
}
