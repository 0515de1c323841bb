//! What the keeper must not forget: decision records, the outbox of their execution, the audit log, and the writer's lease.
//!
//! [`Store`] is one type over three backends that keep the same rules and pass the same tests:
//! * a **SQLite** file in WAL mode with `synchronous = FULL`: a commit that returned survives a power cut. The writer holds an
//!   operating-system lock on `<path>.lock` for as long as it lives (the lock goes with the process, however it ends).
//! * a **PostgreSQL** database, schema `ballast`. The writer holds a session-level advisory lock and writes on the connection that
//!   holds it; when that is lost, every write is [`StoreError::LeaseLost`] until the store is opened again.
//! * **memory** ([`MemoryDisk`]), for deterministic simulations.
//!
//! There is one writer. Each takes the next *epoch*, which every write compares in its own transaction, so that one that was taken
//! over writes nothing. Readers read beside it.
//!
//! A decision row is its canonical bytes under their hash. Reads recompute the hash, so a changed row is
//! [`StoreError::Tampered`] and never a wrong answer. An attempt to execute a decision moves through the states of
//! [`State`]; each move is one transaction that compares the previous state, sets the next one and appends an entry to the audit
//! log, which is a chain of hashes ([`audit`]).

pub mod audit;
pub mod cache;
mod calls;
mod cleared;
mod decisions;
mod error;
pub mod history;
mod lease;
mod location;
mod memory;
mod outbox;
mod postgres;
mod session;
mod sql;
mod sqlite;
mod state;
mod store;
mod verify;

pub use audit::{Entry, Head, Link};
pub use calls::{Call, CallId};
pub use cleared::{Cleared, SIMULATION_ID, simulation_id, with_simulation_id};
pub use decisions::StoredDecision;
pub use error::StoreError;
pub use history::{History, HistoryError};
pub use lease::Lease;
pub use location::{DatabaseUrl, Location};
pub use memory::{MemoryDisk, WriteFault};
pub use outbox::{Attempt, AttemptId, Facts, Subject, Transition};
pub use sqlite::SCHEMA_VERSION;
pub use state::{Path, State};
pub use store::{Clock, Store};
pub use verify::{Audit, Fault};
