//! A place for a store, on each backend.

use crate::postgres::server;
use ballast_store::{DatabaseUrl, Location, MemoryDisk, Store, StoreError};
use tempfile::TempDir;

pub(crate) enum Bed {
    Sqlite(TempDir),
    Postgres(DatabaseUrl),
    Memory(MemoryDisk),
}

impl Bed {
    pub(crate) async fn sqlite() -> Self {
        Self::Sqlite(tempfile::tempdir().unwrap())
    }

    pub(crate) async fn postgres() -> Self {
        let database = server().database().await;
        Self::Postgres(server().url(&database).parse().unwrap())
    }

    pub(crate) async fn memory() -> Self {
        Self::Memory(MemoryDisk::new())
    }

    /// An empty one of the same kind.
    pub(crate) async fn another(&self) -> Self {
        match self {
            Self::Sqlite(_) => Self::sqlite().await,
            Self::Postgres(_) => Self::postgres().await,
            Self::Memory(_) => Self::memory().await,
        }
    }

    pub(crate) fn location(&self) -> Location {
        match self {
            Self::Sqlite(folder) => Location::Sqlite(folder.path().join("keeper.db")),
            Self::Postgres(url) => Location::Postgres(url.clone()),
            Self::Memory(_) => Location::Memory,
        }
    }

    pub(crate) async fn try_open(&self) -> Result<Store, StoreError> {
        match self {
            Self::Memory(disk) => disk.open(),
            _ => Store::open_at(&self.location()).await,
        }
    }

    /// The writer.
    pub(crate) async fn open(&self) -> Store {
        self.try_open().await.unwrap()
    }

    pub(crate) async fn reader(&self) -> Store {
        match self {
            Self::Memory(disk) => disk.open_read_only(),
            _ => Store::open_read_only_at(&self.location()).await.unwrap(),
        }
    }
}

/// Makes each function that takes a bed a test on every backend.
macro_rules! on_every_backend {
    ($($name:ident)+) => {
        crate::bed::on_every_backend!(@ sqlite $($name)+);
        crate::bed::on_every_backend!(@ postgres $($name)+);
        crate::bed::on_every_backend!(@ memory $($name)+);
    };
    (@ $backend:ident $($name:ident)+) => {
        mod $backend {
            $(
                #[tokio::test]
                async fn $name() {
                    super::$name(crate::bed::Bed::$backend().await).await;
                }
            )+
        }
    };
}

/// As [`on_every_backend`], on those an intruder can reach.
macro_rules! on_every_database {
    ($($name:ident)+) => {
        crate::bed::on_every_backend!(@ sqlite $($name)+);
        crate::bed::on_every_backend!(@ postgres $($name)+);
    };
}

pub(crate) use {on_every_backend, on_every_database};
