//! Which version of the data something was computed from: the content hash of every file (SPEC D13).

use crate::refusal::HistoryError;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io,
    path::Path,
};

/// The name of the file a manifest is kept in.
pub const MANIFEST: &str = "manifest.json";

/// SHA-256 of each file's bytes, by name, and one over all of them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// SHA-256 over `name\0hash\n` of every file in the order of the names: the version of the data as a whole.
    pub version: String,
    pub files: BTreeMap<String, String>,
}

/// How a directory differs from its manifest.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Differences {
    pub changed: Vec<String>,
    pub missing: Vec<String>,
    pub unlisted: Vec<String>,
}

impl Differences {
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.changed.is_empty() && self.missing.is_empty() && self.unlisted.is_empty()
    }
}

impl Manifest {
    /// Hashes every `.csv` and `.csv.gz` in `directory`.
    ///
    /// # Errors
    /// If one cannot be read.
    pub fn of(directory: &Path) -> Result<Self, HistoryError> {
        let wrong = |error: io::Error| HistoryError::Manifest { path: directory.to_owned(), why: error.to_string() };
        let mut files = BTreeMap::new();
        for entry in fs::read_dir(directory).map_err(wrong)? {
            let entry = entry.map_err(wrong)?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.ends_with(".csv") || name.ends_with(".csv.gz") {
                let mut hasher = Sha256::new();
                let mut file = File::open(entry.path()).map_err(wrong)?;
                io::copy(&mut file, &mut hasher).map_err(wrong)?;
                files.insert(name, hex(&hasher.finalize()));
            }
        }
        let mut whole = Sha256::new();
        for (name, hash) in &files {
            whole.update(format!("{name}\0{hash}\n"));
        }
        Ok(Self { version: hex(&whole.finalize()), files })
    }

    /// The manifest that is kept in `directory`.
    ///
    /// # Errors
    /// If there is none, or it is not one.
    pub fn read(directory: &Path) -> Result<Self, HistoryError> {
        let path = directory.join(MANIFEST);
        let wrong = |why: String| HistoryError::Manifest { path: path.clone(), why };
        let text = fs::read_to_string(&path).map_err(|error| wrong(error.to_string()))?;
        serde_json::from_str(&text).map_err(|error| wrong(format!("it is no manifest: {error}")))
    }

    /// What `found` is that this is not.
    #[must_use]
    pub fn differences(&self, found: &Self) -> Differences {
        let mut differences = Differences::default();
        for (name, hash) in &self.files {
            match found.files.get(name) {
                None => differences.missing.push(name.clone()),
                Some(other) if other != hash => differences.changed.push(name.clone()),
                Some(_) => {}
            }
        }
        differences.unlisted = found.files.keys().filter(|name| !self.files.contains_key(*name)).cloned().collect();
        differences
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
