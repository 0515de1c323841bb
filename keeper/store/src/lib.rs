//! What the keeper must not forget: decision records, the outbox of their execution, and the writer's lease.
//!
//! One SQLite file in WAL mode with `synchronous = FULL`: a commit that returned survives a power cut. There is one
//! writer, which holds an operating-system lock on `<path>.lock` for as long as it lives (the lock goes with the
//! process, however it ends); readers open the file read-only beside it.
//!
//! A decision row is its canonical bytes under their hash. Reads recompute the hash, so a changed row is
//! [`StoreError::Tampered`] and never a wrong answer. An attempt to execute a decision moves through the states of
//! [`State`]; each move is one SQL transaction that compares the previous state, sets the next one and appends a row to
//! the append-only transitions.

mod calls;
mod decisions;
mod error;
mod open;
mod outbox;
mod rows;
mod state;

pub use calls::{Call, CallId};
pub use decisions::StoredDecision;
pub use error::StoreError;
pub use open::{SCHEMA_VERSION, Store};
pub use outbox::{Attempt, AttemptId, Facts, Subject, Transition};
pub use state::{Path, State};
