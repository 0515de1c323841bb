//! What a deployment is meant to be, what it is, and how governance gets from one to the other.
//!
//! - [`Parameters`] is deploy/parameters/&lt;chain&gt;.json, the file that the forge scripts deploy from; [`AddressBook`] is
//!   deploy/addresses/&lt;chain&gt;.json, the protocols' own addresses, each with its source. [`problems`] holds one against the other.
//! - [`Deployed`] is the file that a deployment leaves behind.
//! - [`changes`] reads the chain and lists every setting and role that is not as the parameter file says.
//! - [`Proposal`] turns that list into one timelock operation, and [`batch`] writes its two halves, schedule and execute, in the
//!   format of Safe's Transaction Builder.
//! - [`safe`] is what the owners of a Safe do: propose, verify, sign, execute.

mod address;
mod address_book;
pub mod batch;
mod changes;
mod checks;
mod deployed;
mod holders;
mod parameters;
mod proposal;
pub mod safe;

pub use address::Written;
pub use address_book::{AddressBook, Entry};
pub use changes::{Change, ChangesError, ITimelock, changes, current_delay};
pub use checks::{CHAINS, Problem, problems};
pub use deployed::Deployed;
pub use holders::Role;
pub use parameters::{Feed, Limits, Parameters, Quorum, SafeContracts, VaultParameters, Venue};
pub use proposal::Proposal;

use std::path::{Path, PathBuf};

/// The development chain.
pub const DEV_CHAIN_ID: u64 = 31_337;

#[derive(Debug, thiserror::Error)]
pub enum FileError {
    #[error("cannot read {}: {source}", path.display())]
    Unreadable { path: PathBuf, source: std::io::Error },
    #[error("{} is not valid: {source}", path.display())]
    Malformed { path: PathBuf, source: serde_json::Error },
}

fn load<T: serde::de::DeserializeOwned>(path: &Path) -> Result<T, FileError> {
    let text =
        std::fs::read_to_string(path).map_err(|source| FileError::Unreadable { path: path.to_owned(), source })?;
    serde_json::from_str(&text).map_err(|source| FileError::Malformed { path: path.to_owned(), source })
}
