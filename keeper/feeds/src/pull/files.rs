//! Files that appear whole or not at all.

use super::REFUSED;
use flate2::{Compression, GzBuilder};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File},
    io::{self, Write},
    path::{Path, PathBuf},
};

/// Where units are kept until their file is whole.
const PARTS: &str = ".pull";

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
#[error("{path} cannot be {what}: {why}; see that it is a directory of yours with room in it")]
pub struct PullError {
    path: PathBuf,
    what: &'static str,
    why: io::Error,
}

/// What one unit gave.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Unit {
    /// Lines of the file, without an end.
    pub rows: Vec<String>,
    /// `row 7: why`.
    pub refused: Vec<String>,
    /// Of how many samples each row is a mean, where that may differ.
    #[serde(default)]
    pub samples: Option<usize>,
}

/// The directory that files are pulled into.
#[derive(Debug)]
pub struct Archive {
    directory: PathBuf,
}

fn failed<'a>(path: &'a Path, what: &'static str) -> impl FnOnce(io::Error) -> PullError + 'a {
    move |why| PullError { path: path.to_owned(), what, why }
}

impl Archive {
    /// Makes the directory if it is not there.
    ///
    /// # Errors
    /// If it cannot be made.
    pub fn open(directory: impl Into<PathBuf>) -> Result<Self, PullError> {
        let directory = directory.into();
        let parts = directory.join(PARTS);
        fs::create_dir_all(&parts).map_err(failed(&parts, "made"))?;
        Ok(Self { directory })
    }

    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    fn part(&self, table: &str, unit: &str) -> PathBuf {
        self.directory.join(PARTS).join(table).join(format!("{unit}.json"))
    }

    /// What was kept of a unit. A file that is none, because a crash tore it or somebody changed it, counts as not there.
    pub(super) fn unit(&self, table: &str, unit: &str) -> Result<Option<Unit>, PullError> {
        let path = self.part(table, unit);
        match fs::read(&path) {
            Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(&path, "read")(error)),
        }
    }

    pub(super) fn keep(&self, table: &str, name: &str, unit: &Unit) -> Result<(), PullError> {
        let path = self.part(table, name);
        let folder = path.parent().unwrap_or(&self.directory);
        fs::create_dir_all(folder).map_err(failed(folder, "made"))?;
        let bytes = serde_json::to_vec(unit).map_err(|error| failed(&path, "written")(error.into()))?;
        write_whole(&path, &bytes)
    }

    /// The file with its header, compressed. The same rows give the same bytes.
    pub(super) fn publish(&self, file: &str, header: &str, rows: &[String]) -> Result<(), PullError> {
        let path = self.directory.join(file);
        let compressed = (|| {
            let mut writer = GzBuilder::new().mtime(0).write(Vec::new(), Compression::best());
            writeln!(writer, "{header}")?;
            for row in rows {
                writeln!(writer, "{row}")?;
            }
            writer.finish()
        })();
        write_whole(&path, &compressed.map_err(failed(&path, "compressed"))?)
    }

    /// Puts these lines in place of those that an earlier pull noted for `file`.
    pub(super) fn note_refused(&self, file: &str, lines: &[String]) -> Result<(), PullError> {
        let path = self.directory.join(REFUSED);
        let before = match fs::read_to_string(&path) {
            Ok(before) => before,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(failed(&path, "read")(error)),
        };
        let others = before.lines().filter(|line| line.split('\t').next() != Some(file)).map(str::to_owned);
        let text: String = others.chain(lines.iter().cloned()).map(|line| line + "\n").collect();
        write_whole(&path, text.as_bytes())
    }

    /// The units of a file that is whole.
    pub(super) fn forget(&self, table: &str) -> Result<(), PullError> {
        let parts = self.directory.join(PARTS);
        let folder = parts.join(table);
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(failed(&folder, "removed"))?;
        }
        // Goes when no other file has units in it any more.
        match fs::remove_dir(&parts) {
            Err(error) if !matches!(error.kind(), io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::NotFound) => {
                Err(failed(&parts, "removed")(error))
            }
            _ => Ok(()),
        }
    }
}

/// Beside it first, onto the disk, then into its place.
fn write_whole(path: &Path, bytes: &[u8]) -> Result<(), PullError> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".new");
    let beside = PathBuf::from(beside);
    let mut file = File::create(&beside).map_err(failed(&beside, "written"))?;
    file.write_all(bytes).and_then(|()| file.sync_all()).map_err(failed(&beside, "written"))?;
    fs::rename(&beside, path).map_err(failed(path, "replaced"))
}
