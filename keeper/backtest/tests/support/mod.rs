//! Where the real history is.

use std::path::{Path, PathBuf};

/// `None`, and said so, on a machine without it.
pub(crate) fn history() -> Option<PathBuf> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    if directory.exists() {
        return Some(directory);
    }
    println!("SKIPPED: {} is not there", directory.display());
    None
}
