//! Statements on either database. Both take `$1`, `$2`, … for parameters.

use super::cell::{Cell, Row};
use super::leased::Leased;
use crate::StoreError;
use futures::TryStreamExt;
use sqlx::{Column, Postgres, Row as _, Sqlite, Transaction, TypeInfo, ValueRef, postgres::PgRow, sqlite::SqliteRow};
use std::sync::Arc;
use tokio::sync::{Mutex, OwnedMutexGuard};

/// A transaction under way. Dropped, it is rolled back.
pub(crate) enum Connection {
    Sqlite(Transaction<'static, Sqlite>),
    /// A reader's of the store, or any of the history.
    Postgres(Transaction<'static, Postgres>),
    /// The writer's, on the one connection that may.
    Leased(OwnedMutexGuard<Leased>),
}

macro_rules! bound {
    ($statement:expr, $parameters:expr) => {{
        let mut query = sqlx::query($statement);
        for parameter in $parameters {
            query = match parameter {
                Cell::Integer(value) => query.bind(value),
                Cell::Real(value) => query.bind(value),
                Cell::Text(text) => query.bind(text),
                Cell::Bytes(bytes) => query.bind(bytes),
            };
        }
        query
    }};
}

pub(super) use bound;

macro_rules! cells {
    ($row:expr) => {{
        let row = $row;
        let mut cells = Vec::with_capacity(row.len());
        for index in 0..row.len() {
            let raw = row.try_get_raw(index)?;
            if raw.is_null() {
                cells.push(Cell::Bytes(None));
                continue;
            }
            let kind = raw.type_info().name().to_owned();
            cells.push(match kind.as_str() {
                "INTEGER" | "INT8" => Cell::Integer(row.try_get(index)?),
                "REAL" | "FLOAT8" => Cell::Real(row.try_get(index)?),
                "TEXT" => Cell::Text(row.try_get(index)?),
                "BLOB" | "BYTEA" => Cell::Bytes(row.try_get(index)?),
                other => {
                    let column = row.column(index).name();
                    return Err(StoreError::Row(format!(
                        "{column} is {other}, expected an integer, a real, text or bytes"
                    )));
                }
            });
        }
        Ok(Row(cells.into_iter()))
    }};
}

fn sqlite_cells(row: &SqliteRow) -> Result<Row, StoreError> {
    cells!(row)
}

pub(super) fn postgres_cells(row: &PgRow) -> Result<Row, StoreError> {
    cells!(row)
}

impl Connection {
    /// Begins a transaction of the writer.
    pub(crate) async fn begin_leased(writer: &Arc<Mutex<Leased>>) -> Result<Self, StoreError> {
        let mut leased = writer.clone().lock_owned().await;
        leased.begin().await?;
        Ok(Self::Leased(leased))
    }

    pub(crate) async fn fetch(
        &mut self,
        statement: &'static str,
        parameters: Vec<Cell>,
    ) -> Result<Vec<Row>, StoreError> {
        match self {
            Self::Sqlite(transaction) => {
                let rows = bound!(statement, parameters).fetch_all(&mut **transaction).await.map_err(classified)?;
                rows.iter().map(sqlite_cells).collect()
            }
            Self::Postgres(transaction) => {
                let rows = bound!(statement, parameters).fetch_all(&mut **transaction).await.map_err(classified)?;
                rows.iter().map(postgres_cells).collect()
            }
            Self::Leased(leased) => leased.fetch(statement, parameters).await,
        }
    }

    pub(crate) async fn fetch_first(
        &mut self,
        statement: &'static str,
        parameters: Vec<Cell>,
    ) -> Result<Option<Row>, StoreError> {
        Ok(self.fetch(statement, parameters).await?.into_iter().next())
    }

    /// Hands each row on as it comes, for results that are too large to hold. The writer of the store has none.
    pub(crate) async fn each<E: From<StoreError>>(
        &mut self,
        statement: &'static str,
        parameters: Vec<Cell>,
        mut take: impl FnMut(Row) -> Result<(), E>,
    ) -> Result<(), E> {
        match self {
            Self::Sqlite(transaction) => {
                let mut rows = bound!(statement, parameters).fetch(&mut **transaction);
                while let Some(row) = rows.try_next().await.map_err(classified)? {
                    take(sqlite_cells(&row)?)?;
                }
            }
            Self::Postgres(transaction) => {
                let mut rows = bound!(statement, parameters).fetch(&mut **transaction);
                while let Some(row) = rows.try_next().await.map_err(classified)? {
                    take(postgres_cells(&row)?)?;
                }
            }
            Self::Leased(_) => return Err(StoreError::ReadOnly.into()),
        }
        Ok(())
    }

    /// Runs a statement; how many rows it changed.
    pub(crate) async fn execute(&mut self, statement: &'static str, parameters: Vec<Cell>) -> Result<u64, StoreError> {
        match self {
            Self::Sqlite(transaction) => {
                let done = bound!(statement, parameters).execute(&mut **transaction).await.map_err(classified)?;
                Ok(done.rows_affected())
            }
            Self::Postgres(transaction) => {
                let done = bound!(statement, parameters).execute(&mut **transaction).await.map_err(classified)?;
                Ok(done.rows_affected())
            }
            Self::Leased(leased) => leased.execute(statement, parameters).await,
        }
    }

    /// Runs several statements.
    pub(crate) async fn script(&mut self, script: &'static str) -> Result<(), StoreError> {
        let done = match self {
            Self::Sqlite(transaction) => sqlx::raw_sql(script).execute(&mut **transaction).await.map(drop),
            Self::Postgres(transaction) => sqlx::raw_sql(script).execute(&mut **transaction).await.map(drop),
            Self::Leased(leased) => return leased.run(script).await,
        };
        done.map_err(classified)
    }

    pub(crate) async fn rollback(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(transaction) => transaction.rollback().await.map_err(classified),
            Self::Postgres(transaction) => transaction.rollback().await.map_err(classified),
            Self::Leased(mut leased) => leased.rollback().await,
        }
    }

    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        match self {
            Self::Sqlite(transaction) => transaction.commit().await.map_err(classified),
            Self::Postgres(transaction) => transaction.commit().await.map_err(classified),
            Self::Leased(mut leased) => leased.commit().await,
        }
    }
}

/// What a person can act on is told apart: no room, no permission to write.
pub(crate) fn classified(error: sqlx::Error) -> StoreError {
    let detail = error.to_string();
    let code = error.as_database_error().and_then(|error| error.code()).unwrap_or_default().into_owned();
    // SQLite's extended codes keep the primary one in their low byte.
    let primary = code.parse::<u32>().ok().filter(|_| code.len() < 5).map(|code| code & 0xff);
    match (primary, code.as_str()) {
        // SQLITE_FULL; disk_full of PostgreSQL.
        (Some(13), _) | (_, "53100") => StoreError::Full { detail },
        // SQLITE_READONLY, SQLITE_IOERR, SQLITE_CANTOPEN; read_only_sql_transaction.
        (Some(8 | 10 | 14), _) | (_, "25006") => StoreError::Unwritable { detail },
        _ => StoreError::Database(error),
    }
}
