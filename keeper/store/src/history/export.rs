//! Tables as Parquet files, for tools that know nothing of the keeper.

mod parquet;
mod tables;

pub use tables::{ALL_TABLES, Table, UnknownTable};

use super::metrics::FAR;
use super::{History, HistoryError, seconds};
use std::fs;
use std::path::{Path, PathBuf};
use tables::Source;

/// Rows of one row group: a reader needs that much memory.
const GROUP: usize = 20_000;

impl History {
    /// Writes a table into `<directory>/<table>.parquet`, as it is at one moment beside whoever writes; how many rows. With `since`
    /// (Unix seconds) only rows from then on. What stood there is replaced when the new file is whole, and not before.
    ///
    /// Times are UTC with a resolution of milliseconds, decimals are decimals, hashes are bytes, JSON is text.
    ///
    /// # Errors
    /// [`HistoryError::Export`] if the file cannot be written.
    pub async fn export_parquet(
        &self,
        table: Table,
        since: Option<u64>,
        directory: &Path,
    ) -> Result<(PathBuf, u64), HistoryError> {
        let path = directory.join(format!("{}.parquet", table.name()));
        let partial = directory.join(format!(".{}.parquet.partial", table.name()));
        let failed =
            |why: std::io::Error| HistoryError::Export { path: path.display().to_string(), why: why.to_string() };
        fs::create_dir_all(directory).map_err(failed)?;
        let written = self.write_parquet(table, since, &partial).await;
        if written.is_err() {
            // What there is of it is of no use to anyone; that it cannot be removed is less than what went wrong before.
            drop(fs::remove_file(&partial));
        }
        let rows = written?;
        fs::rename(&partial, &path).map_err(failed)?;
        Ok((path, rows))
    }

    async fn write_parquet(&self, table: Table, since: Option<u64>, path: &Path) -> Result<u64, HistoryError> {
        let mut connection = self.engine.read().await?;
        let Source { columns, sqlite, postgres } = table.source();
        let statement = self.engine.dialect(sqlite, postgres);
        let mut writer = parquet::Writer::create(path, table.name(), columns)?;
        let (mut rows, mut total) = (Vec::with_capacity(GROUP), 0);
        let since = vec![seconds("since", since.unwrap_or(0).min(FAR))?.into()];
        connection
            .each(statement, since, |row| {
                rows.push(row);
                total += 1;
                if rows.len() == GROUP {
                    writer.group(std::mem::replace(&mut rows, Vec::with_capacity(GROUP)))
                } else {
                    Ok(())
                }
            })
            .await?;
        writer.group(rows)?;
        writer.close()?;
        Ok(total)
    }
}
