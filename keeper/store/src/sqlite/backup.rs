//! A copy of a store's file while a keeper writes to it.
//!
//! A file in WAL mode is two or three files, and copying them while they change gives something that never was. `VACUUM INTO` reads in
//! one transaction and writes one file: the store as it was after one commit.

use super::Sqlite;
use crate::StoreError;
use crate::sql::classified;
use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

/// Only its owner may read it: it has every decision and signed transaction.
const MODE: u32 = 0o600;

impl Sqlite {
    /// Writes the copy. When this returns, it is on disk; when it fails, there is none.
    pub(crate) async fn back_up(&self, to: &Path) -> Result<(), StoreError> {
        let failed = |source: io::Error| StoreError::Backup { path: to.to_owned(), why: source.to_string() };
        // New, so that nothing is ever overwritten; empty, which `VACUUM INTO` takes for a file that is not there.
        let created = OpenOptions::new().write(true).create_new(true).mode(MODE).open(to);
        let file = created.map_err(|error| match error.kind() {
            io::ErrorKind::AlreadyExists => StoreError::BackupExists { path: to.to_owned() },
            _ => failed(error),
        })?;
        let copied = self.copy_into(to, &file).await;
        if copied.is_err() {
            // What there is of it is no backup.
            fs::remove_file(to).map_err(failed)?;
        }
        copied
    }

    async fn copy_into(&self, to: &Path, file: &File) -> Result<(), StoreError> {
        let failed = |why: String| StoreError::Backup { path: to.to_owned(), why };
        let name = to.to_str().ok_or_else(|| failed("its name is not UTF-8".to_owned()))?;
        let mut connection = self.pool.acquire().await.map_err(classified)?;
        sqlx::query("VACUUM INTO ?").bind(name).execute(&mut *connection).await.map_err(|error| {
            match classified(error) {
                full @ StoreError::Full { .. } => full,
                other => failed(other.to_string()),
            }
        })?;
        // SQLite does not wait for the disk here.
        file.sync_all().map_err(|error| failed(error.to_string()))?;
        let folder = to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(|error| failed(error.to_string()))
    }
}
