//! Between SQL values and the vocabulary.

use crate::{State, StoreError};
use alloy_primitives::{Address, B256};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;
use std::time::{SystemTime, UNIX_EPOCH};

pub(crate) fn integer(what: &'static str, value: u64) -> Result<i64, StoreError> {
    i64::try_from(value).map_err(|_| StoreError::OutOfRange { what, value })
}

pub(crate) fn optional_integer(what: &'static str, value: Option<u64>) -> Result<Option<i64>, StoreError> {
    value.map(|value| integer(what, value)).transpose()
}

pub(crate) fn unsigned(row: &SqliteRow, column: &'static str) -> Result<u64, StoreError> {
    let value: i64 = row.try_get(column)?;
    u64::try_from(value).map_err(|_| StoreError::Row(format!("{column} is {value}, expected no negative number")))
}

pub(crate) fn optional_unsigned(row: &SqliteRow, column: &'static str) -> Result<Option<u64>, StoreError> {
    match row.try_get::<Option<i64>, _>(column)? {
        None => Ok(None),
        Some(_) => unsigned(row, column).map(Some),
    }
}

pub(crate) fn hash(row: &SqliteRow, column: &'static str) -> Result<B256, StoreError> {
    optional_hash(row, column)?.ok_or_else(|| StoreError::Row(format!("{column} is missing")))
}

pub(crate) fn optional_hash(row: &SqliteRow, column: &'static str) -> Result<Option<B256>, StoreError> {
    let Some(bytes) = row.try_get::<Option<Vec<u8>>, _>(column)? else { return Ok(None) };
    B256::try_from(bytes.as_slice())
        .map(Some)
        .map_err(|_| StoreError::Row(format!("{column} has {} bytes, expected 32", bytes.len())))
}

pub(crate) fn optional_address(row: &SqliteRow, column: &'static str) -> Result<Option<Address>, StoreError> {
    let Some(bytes) = row.try_get::<Option<Vec<u8>>, _>(column)? else { return Ok(None) };
    Address::try_from(bytes.as_slice())
        .map(Some)
        .map_err(|_| StoreError::Row(format!("{column} has {} bytes, expected 20", bytes.len())))
}

pub(crate) fn state(row: &SqliteRow, column: &'static str) -> Result<State, StoreError> {
    row.try_get::<String, _>(column)?
        .parse()
        .map_err(|error: crate::state::UnknownState| StoreError::Row(error.to_string()))
}

/// Wall-clock Unix milliseconds: when a row was written, for people. Nothing is decided by it.
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
