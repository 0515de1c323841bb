//! What is not used, and why.

use serde::Serialize;
use std::{fmt, path::PathBuf};

/// A row that is left out of everything.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refusal {
    /// The file's name without its ending.
    pub file: String,
    /// Counted from 1, the header's.
    pub line: u64,
    pub reason: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} line {}: {}", self.file, self.line, self.reason)
    }
}

/// Why a directory of history cannot be used at all. Of a file that is damaged not even the readable part is used: nobody knows what else is.
#[derive(Debug, thiserror::Error)]
pub enum HistoryError {
    #[error("{} cannot be read beyond line {line}: {why}; expected a whole file of comma-separated values, plain or gzipped", path.display())]
    Unreadable { path: PathBuf, line: u64, why: String },
    #[error("{} has no column {column}, only {found}", path.display())]
    Column { path: PathBuf, column: String, found: String },
    #[error("{} has no rows", path.display())]
    Empty { path: PathBuf },
    #[error("{} has no series of lending rates: expected lending_rates_daily.csv.gz or lending_rates_daily.csv in it", .0.display())]
    NoRates(PathBuf),
    #[error("{}: {why}", path.display())]
    Manifest { path: PathBuf, why: String },
}
