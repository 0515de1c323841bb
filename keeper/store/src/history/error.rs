//! What can go wrong with the history.

use crate::{Location, StoreError};

#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    #[error("there is no history at {location}; make it with `ballast db migrate`, or correct the path")]
    Missing { location: Location },
    #[error(
        "{location} is not a history but another program's or another file of the keeper ({found}); correct the path (it was not changed)"
    )]
    Foreign { location: Location, found: String },
    #[error("{location} has schema {found}, this build reads {known}; run `ballast db migrate`")]
    OlderSchema { location: Location, found: i64, known: i64 },
    #[error("{location} has schema {found}, this build knows up to {known}; upgrade ballast (it was not changed)")]
    NewerSchema { location: Location, found: i64, known: i64 },
    #[error(
        "migration {version} of {location} is not the one that this build has: its checksum differs; restore a backup, or use the build that made it"
    )]
    AlteredMigration { location: Location, version: i64 },
    #[error("{steps} migrations cannot be undone, expected 1 to {applied}: that many are applied")]
    TooFarDown { steps: usize, applied: usize },
    #[error("migrating {location} failed: {why}; it is as it was before")]
    Migration { location: Location, why: String },
    #[error("row {index} is refused: {reason}; {written} rows before it were written and stay")]
    BadRow { index: usize, reason: String, written: u64 },
    #[error("{what} {value} is out of range, expected {expected}")]
    OutOfRange { what: &'static str, value: String, expected: String },
    #[error("{what} {key} is recorded with other contents: {recorded}; nothing was written")]
    Conflict { what: &'static str, key: String, recorded: String },
    #[error("{what} {key} is not in the history")]
    Unknown { what: &'static str, key: String },
    #[error("the entry {reference} does not balance: {off} in {unit}, expected 0")]
    Unbalanced { reference: String, unit: String, off: i128 },
    #[error("the entry {reference} {why}")]
    BadEntry { reference: String, why: String },
    #[error("the sum of {account} is beyond what 38 digits hold")]
    Overflow { account: String },
    #[error("{path} cannot be written: {why}")]
    Export { path: String, why: String },
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<sqlx::Error> for HistoryError {
    fn from(error: sqlx::Error) -> Self {
        Self::Store(crate::sql::classified(error))
    }
}
