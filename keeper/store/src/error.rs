//! What can go wrong with the store.

use crate::{Location, State};
use ballast_types::{B256, RecordError};
use std::path::PathBuf;

#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    #[error("another process is writing to {location}: it holds the lease; stop that keeper or use another store")]
    Locked { location: Location },
    #[error("there is no store at {location}; start the keeper once, or correct the path")]
    Missing { location: Location },
    #[error("{location} cannot be opened: {why}; check that it exists and that this user may read and write it")]
    Unreadable { location: Location, why: String },
    #[error("{location} is not a SQLite database; correct the path or move the file away (it was not changed)")]
    NotADatabase { location: Location },
    #[error("{location} belongs to another program ({found}); correct the location (it was not changed)")]
    Foreign { location: Location, found: String },
    #[error("{location} is damaged: {detail}; restore a backup (it was not changed)")]
    Corrupt { location: Location, detail: String },
    #[error(
        "{location} was written by a newer version: its schema is {found}, this build reads up to {known}; upgrade ballast (it was not changed)"
    )]
    NewerSchema { location: Location, found: i64, known: i64 },
    #[error("{location} has schema {found}, this build reads {known}; open it once for writing to migrate it")]
    OlderSchema { location: Location, found: i64, known: i64 },
    #[error("the database URL is not one, expected postgresql://user:password@host:port/database")]
    NotADatabaseUrl,
    #[error("the database URL has a parameter that is not known, expected some of {expected}")]
    UnknownUrlParameter { expected: String },
    #[error("a store in memory is opened from its MemoryDisk, not from a location")]
    NotALocation,
    #[error("{location} was not free within {waited_ms} ms: another process holds the lease")]
    NeverFree { location: Location, waited_ms: u128 },
    #[error("{} exists; a backup overwrites nothing: name a file that is not there", path.display())]
    BackupExists { path: PathBuf },
    #[error("the backup {} was not written: {why}; check that the folder exists, has room and may be written", path.display())]
    Backup { path: PathBuf, why: String },
    #[error(
        "{location} is backed up by the database's own means (pg_dump --schema=ballast); only a SQLite file is copied here"
    )]
    NotAFile { location: Location },
    #[error("the store was opened read-only; only the process that holds the lease writes")]
    ReadOnly,
    #[error(
        "the lease on {location} was lost: its connection broke or another instance took over; nothing more is written, start again"
    )]
    LeaseLost { location: Location },
    #[error("the store is full: {detail}; this step was not written; make room and start again")]
    Full { detail: String },
    #[error("the store cannot be written: {detail}; this step was not written")]
    Unwritable { detail: String },
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
    #[error("attempt {attempt} cannot be {to} without its {missing}")]
    Incomplete { attempt: i64, to: State, missing: &'static str },
    #[error(
        "attempt {attempt} cannot be on chain: attempt {landed} of the same decision is, and a decision lands at most once"
    )]
    SecondLanding { attempt: i64, landed: i64 },
    #[error("attempt {attempt} is under way ({state}); settle it before another one is begun")]
    Busy { attempt: i64, state: State },
    #[error("attempt {attempt} waits for the Safe; until that ends no other decision is begun")]
    Awaiting { attempt: i64 },
    #[error("the decision or call was already concluded: attempt {attempt} is {state}")]
    Concluded { attempt: i64, state: State },
    #[error(
        "attempt {attempt} gives no leave to sign {digest}: {why}; nothing is signed that was not simulated and recorded"
    )]
    NotCleared { attempt: i64, digest: B256, why: String },
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
