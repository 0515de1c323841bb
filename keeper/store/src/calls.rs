//! Transactions that carry no decision: heartbeats, trips of the kill switch, the emergency exit.

use crate::rows::{now_ms, optional_address, unsigned};
use crate::{Store, StoreError};
use alloy_primitives::{Address, Bytes};
use serde::Serialize;
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

/// The store's number of a call that carries no decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct CallId(pub i64);

/// A transaction that carries no decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Call {
    pub id: CallId,
    pub purpose: String,
    pub target: Address,
    pub calldata: Bytes,
    /// Wall-clock Unix milliseconds.
    pub created_ms: u64,
}

impl Store {
    /// Records a call. Each is new; nothing makes two equal calls one.
    ///
    /// # Errors
    /// If the store cannot be written.
    pub async fn put_call(&self, purpose: &str, target: Address, calldata: &Bytes) -> Result<CallId, StoreError> {
        self.require_lease()?;
        let id = sqlx::query("INSERT INTO calls (purpose, target, calldata, created_ms) VALUES (?, ?, ?, ?)")
            .bind(purpose)
            .bind(target.as_slice())
            .bind(calldata.as_ref())
            .bind(now_ms())
            .execute(&self.pool)
            .await?
            .last_insert_rowid();
        Ok(CallId(id))
    }

    /// One call.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] if there is none with this number.
    pub async fn call(&self, id: CallId) -> Result<Call, StoreError> {
        let row = sqlx::query("SELECT * FROM calls WHERE id = ?").bind(id.0).fetch_optional(&self.pool).await?;
        call_of(&row.ok_or(StoreError::Unknown { what: "call", id: id.0 })?)
    }

    /// The newest calls, newest first.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn calls(&self, limit: u32) -> Result<Vec<Call>, StoreError> {
        sqlx::query("SELECT * FROM calls ORDER BY id DESC LIMIT ?")
            .bind(limit)
            .fetch_all(&self.pool)
            .await?
            .iter()
            .map(call_of)
            .collect()
    }
}

fn call_of(row: &SqliteRow) -> Result<Call, StoreError> {
    Ok(Call {
        id: CallId(row.try_get("id")?),
        purpose: row.try_get("purpose")?,
        target: optional_address(row, "target")?.ok_or_else(|| StoreError::Row("target is missing".to_owned()))?,
        calldata: Bytes::from(row.try_get::<Vec<u8>, _>("calldata")?),
        created_ms: unsigned(row, "created_ms")?,
    })
}
