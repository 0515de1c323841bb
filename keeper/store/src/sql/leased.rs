//! The connection that holds PostgreSQL's lease, on which all writing is done.

use super::cell::{Cell, Row};
use super::connection::{bound, classified, postgres_cells};
use crate::{Location, StoreError};
use sqlx::{Connection as _, PgConnection};
use std::future::Future;
use std::time::Duration;
use tokio::time::timeout;

/// A server that does not answer a statement of ours in this time is gone for us.
const ANSWER: Duration = Duration::from_secs(10);

#[derive(Debug)]
pub(crate) struct Leased {
    connection: PgConnection,
    location: Location,
    /// A transaction was begun and not committed.
    open: bool,
    /// Something went wrong with the connection itself, and so with the lease. It stays so.
    lost: bool,
}

impl Leased {
    pub(crate) fn new(connection: PgConnection, location: Location) -> Self {
        Self { connection, location, open: false, lost: false }
    }

    /// Gives up the lock and the connection. The server lets a session go a moment after its client has left; the lock is given back
    /// before, so that whoever waits for this has it free.
    pub(crate) async fn close(mut self) {
        let unlocked = async {
            if self.open {
                self.rollback().await?;
            }
            self.run("SELECT pg_advisory_unlock_all()").await
        };
        if let Err(error) = unlocked.await {
            // The lock goes with the connection all the same.
            tracing::debug!(%error, "the lock was not given back");
        }
        drop(self.connection.close().await);
    }

    /// Begins a transaction, ending one that was given up half-way.
    pub(super) async fn begin(&mut self) -> Result<(), StoreError> {
        if self.open {
            self.rollback().await?;
        }
        self.run("BEGIN").await?;
        self.open = true;
        Ok(())
    }

    pub(super) async fn rollback(&mut self) -> Result<(), StoreError> {
        self.run("ROLLBACK").await?;
        self.open = false;
        Ok(())
    }

    pub(super) async fn commit(&mut self) -> Result<(), StoreError> {
        self.run("COMMIT").await?;
        self.open = false;
        Ok(())
    }

    pub(super) async fn fetch(
        &mut self,
        statement: &'static str,
        parameters: Vec<Cell>,
    ) -> Result<Vec<Row>, StoreError> {
        self.check()?;
        let asked = bound!(statement, parameters).fetch_all(&mut self.connection);
        let answer = answered(asked).await;
        self.judged(answer)?.iter().map(postgres_cells).collect()
    }

    pub(super) async fn execute(&mut self, statement: &'static str, parameters: Vec<Cell>) -> Result<u64, StoreError> {
        self.check()?;
        let asked = bound!(statement, parameters).execute(&mut self.connection);
        let answer = answered(asked).await;
        Ok(self.judged(answer)?.rows_affected())
    }

    /// One or several statements without parameters.
    pub(super) async fn run(&mut self, script: &'static str) -> Result<(), StoreError> {
        self.check()?;
        let asked = sqlx::raw_sql(script).execute(&mut self.connection);
        let answer = answered(asked).await;
        self.judged(answer).map(drop)
    }

    fn check(&self) -> Result<(), StoreError> {
        if self.lost { Err(StoreError::LeaseLost { location: self.location.clone() }) } else { Ok(()) }
    }

    fn judged<T>(&mut self, answer: Option<Result<T, sqlx::Error>>) -> Result<T, StoreError> {
        match answer {
            Some(Ok(value)) => Ok(value),
            Some(Err(error)) if !breaks(&error) => Err(classified(error)),
            Some(Err(_)) | None => {
                self.lost = true;
                Err(StoreError::LeaseLost { location: self.location.clone() })
            }
        }
    }
}

async fn answered<T>(asked: impl Future<Output = T>) -> Option<T> {
    timeout(ANSWER, asked).await.ok()
}

/// Whether the session is gone, rather than the statement refused.
fn breaks(error: &sqlx::Error) -> bool {
    match error.as_database_error() {
        // Connection exceptions, operator intervention, and sessions ended by a timeout.
        Some(error) => error.code().is_some_and(|code| {
            code.starts_with("08") || (code.starts_with("57P")) || code == "25P03" || code == "25P04"
        }),
        None => !matches!(
            error,
            sqlx::Error::RowNotFound
                | sqlx::Error::ColumnDecode { .. }
                | sqlx::Error::ColumnNotFound(_)
                | sqlx::Error::Encode(_)
                | sqlx::Error::Decode(_)
        ),
    }
}
