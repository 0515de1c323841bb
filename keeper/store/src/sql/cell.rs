//! SQL values and rows, the same for both databases.

use crate::{State, StoreError};
use alloy_primitives::{Address, B256};
use std::vec::IntoIter;

/// A value. The databases want to know of what type a NULL is.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Cell {
    Integer(Option<i64>),
    Real(Option<f64>),
    Text(Option<String>),
    Bytes(Option<Vec<u8>>),
}

impl From<i64> for Cell {
    fn from(value: i64) -> Self {
        Self::Integer(Some(value))
    }
}

impl From<f64> for Cell {
    fn from(value: f64) -> Self {
        Self::Real(Some(value))
    }
}

impl From<Option<String>> for Cell {
    fn from(text: Option<String>) -> Self {
        Self::Text(text)
    }
}

impl From<&str> for Cell {
    fn from(text: &str) -> Self {
        Self::Text(Some(text.to_owned()))
    }
}

impl From<String> for Cell {
    fn from(text: String) -> Self {
        Self::Text(Some(text))
    }
}

impl From<Vec<u8>> for Cell {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(Some(bytes))
    }
}

impl From<B256> for Cell {
    fn from(hash: B256) -> Self {
        Self::Bytes(Some(hash.to_vec()))
    }
}

impl From<Address> for Cell {
    fn from(address: Address) -> Self {
        Self::Bytes(Some(address.to_vec()))
    }
}

impl From<Option<i64>> for Cell {
    fn from(value: Option<i64>) -> Self {
        Self::Integer(value)
    }
}

impl From<Option<B256>> for Cell {
    fn from(hash: Option<B256>) -> Self {
        Self::Bytes(hash.map(|hash| hash.to_vec()))
    }
}

/// The databases' integers are signed.
pub(crate) fn integer(what: &'static str, value: u64) -> Result<Cell, StoreError> {
    i64::try_from(value).map(Cell::from).map_err(|_| StoreError::OutOfRange { what, value })
}

/// A row, read from left to right. The names are for errors.
#[derive(Debug)]
pub(crate) struct Row(pub(crate) IntoIter<Cell>);

impl Row {
    fn next(&mut self, column: &'static str) -> Result<Cell, StoreError> {
        self.0.next().ok_or_else(|| StoreError::Row(format!("{column} is not there")))
    }

    pub(crate) fn optional_integer(&mut self, column: &'static str) -> Result<Option<i64>, StoreError> {
        match self.next(column)? {
            Cell::Integer(value) => Ok(value),
            Cell::Real(None) | Cell::Text(None) | Cell::Bytes(None) => Ok(None),
            Cell::Real(_) | Cell::Text(_) | Cell::Bytes(_) => Err(StoreError::Row(format!("{column} is no integer"))),
        }
    }

    pub(crate) fn optional_text(&mut self, column: &'static str) -> Result<Option<String>, StoreError> {
        match self.next(column)? {
            Cell::Text(text) => Ok(text),
            Cell::Integer(None) | Cell::Real(None) | Cell::Bytes(None) => Ok(None),
            Cell::Integer(_) | Cell::Real(_) | Cell::Bytes(_) => Err(StoreError::Row(format!("{column} is no text"))),
        }
    }

    pub(crate) fn optional_bytes(&mut self, column: &'static str) -> Result<Option<Vec<u8>>, StoreError> {
        match self.next(column)? {
            Cell::Bytes(bytes) => Ok(bytes),
            Cell::Integer(None) | Cell::Real(None) | Cell::Text(None) => Ok(None),
            Cell::Integer(_) | Cell::Real(_) | Cell::Text(_) => Err(StoreError::Row(format!("{column} is not binary"))),
        }
    }

    pub(crate) fn optional_real(&mut self, column: &'static str) -> Result<Option<f64>, StoreError> {
        match self.next(column)? {
            Cell::Real(value) => Ok(value),
            Cell::Integer(None) | Cell::Text(None) | Cell::Bytes(None) => Ok(None),
            Cell::Integer(_) | Cell::Text(_) | Cell::Bytes(_) => {
                Err(StoreError::Row(format!("{column} is no floating-point number")))
            }
        }
    }

    pub(crate) fn real(&mut self, column: &'static str) -> Result<f64, StoreError> {
        present(column, self.optional_real(column)?)
    }

    pub(crate) fn integer(&mut self, column: &'static str) -> Result<i64, StoreError> {
        present(column, self.optional_integer(column)?)
    }

    pub(crate) fn unsigned(&mut self, column: &'static str) -> Result<u64, StoreError> {
        let value = self.integer(column)?;
        u64::try_from(value).map_err(|_| StoreError::Row(format!("{column} is {value}, expected no negative number")))
    }

    pub(crate) fn optional_unsigned(&mut self, column: &'static str) -> Result<Option<u64>, StoreError> {
        let negative = |value| StoreError::Row(format!("{column} is {value}, expected no negative number"));
        let value = self.optional_integer(column)?;
        value.map(|value| u64::try_from(value).map_err(|_| negative(value))).transpose()
    }

    pub(crate) fn text(&mut self, column: &'static str) -> Result<String, StoreError> {
        present(column, self.optional_text(column)?)
    }

    pub(crate) fn bytes(&mut self, column: &'static str) -> Result<Vec<u8>, StoreError> {
        present(column, self.optional_bytes(column)?)
    }

    pub(crate) fn optional_hash(&mut self, column: &'static str) -> Result<Option<B256>, StoreError> {
        let wrong = |length| StoreError::Row(format!("{column} has {length} bytes, expected 32"));
        let bytes = self.optional_bytes(column)?;
        bytes.map(|bytes| B256::try_from(bytes.as_slice()).map_err(|_| wrong(bytes.len()))).transpose()
    }

    pub(crate) fn hash(&mut self, column: &'static str) -> Result<B256, StoreError> {
        present(column, self.optional_hash(column)?)
    }

    pub(crate) fn optional_address(&mut self, column: &'static str) -> Result<Option<Address>, StoreError> {
        let wrong = |length| StoreError::Row(format!("{column} has {length} bytes, expected 20"));
        let bytes = self.optional_bytes(column)?;
        bytes.map(|bytes| Address::try_from(bytes.as_slice()).map_err(|_| wrong(bytes.len()))).transpose()
    }

    pub(crate) fn address(&mut self, column: &'static str) -> Result<Address, StoreError> {
        present(column, self.optional_address(column)?)
    }

    pub(crate) fn state(&mut self, column: &'static str) -> Result<State, StoreError> {
        self.text(column)?.parse().map_err(|error: crate::state::UnknownState| StoreError::Row(error.to_string()))
    }
}

fn present<T>(column: &'static str, value: Option<T>) -> Result<T, StoreError> {
    value.ok_or_else(|| StoreError::Row(format!("{column} is missing")))
}
