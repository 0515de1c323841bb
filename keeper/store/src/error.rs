//! What can go wrong with the store.

use crate::State;
use ballast_types::{B256, RecordError};
use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error(
        "another process is writing to {}: it holds the lock on {}.lock; stop that keeper or use another store",
        path.display(), path.display()
    )]
    Locked { path: PathBuf },
    #[error("there is no store at {}; start the keeper once, or correct the path", path.display())]
    Missing { path: PathBuf },
    #[error("{} cannot be opened: {why}; check that it is a file this user may read and write", path.display())]
    Unreadable { path: PathBuf, why: String },
    #[error("{} is not a SQLite database; correct the path or move the file away (it was not changed)", path.display())]
    NotADatabase { path: PathBuf },
    #[error("{} is a SQLite database of another program (application id {found:#x}); correct the path (it was not changed)", path.display())]
    Foreign { path: PathBuf, found: i64 },
    #[error("{} is damaged: {detail}; restore a backup (it was not changed)", path.display())]
    Corrupt { path: PathBuf, detail: String },
    #[error(
        "{} was written by a newer version: its schema is {found}, this build reads up to {known}; upgrade ballast (it was not changed)",
        path.display()
    )]
    NewerSchema { path: PathBuf, found: i64, known: i64 },
    #[error("{} has schema {found}, this build reads {known}; open it once for writing to migrate it", path.display())]
    OlderSchema { path: PathBuf, found: i64, known: i64 },
    #[error("the store was opened read-only; only the process that holds the lease writes")]
    ReadOnly,
    #[error("decision {hash} is not what was recorded: {detail}; the row was changed after it was written")]
    Tampered { hash: B256, detail: String },
    #[error("decision {0} is not in the store")]
    UnknownDecision(B256),
    #[error("{what} {id} is not in the store")]
    Unknown { what: &'static str, id: i64 },
    #[error("attempt {attempt} is {found}, expected {expected}: another step was written first")]
    StateConflict { attempt: i64, expected: State, found: State },
    #[error("attempt {attempt} may not go from {from} to {to}")]
    IllegalTransition { attempt: i64, from: State, to: State },
    #[error("attempt {attempt} is under way ({state}); settle it before another one is begun")]
    Busy { attempt: i64, state: State },
    #[error("the decision or call was already concluded: attempt {attempt} is {state}")]
    Concluded { attempt: i64, state: State },
    #[error("{what} {value} does not fit the store (at most 2^63 - 1)")]
    OutOfRange { what: &'static str, value: u64 },
    #[error("a row of the store cannot be read: {0}")]
    Row(String),
    #[error(transparent)]
    Record(#[from] RecordError),
    #[error("a JSON value cannot be stored: {0}")]
    Json(#[from] serde_json::Error),
    #[error("the store failed: {0}")]
    Database(#[from] sqlx::Error),
}
