//! Who holds the writer's lease, without touching it.

use crate::{Location, StoreError};
use std::{
    fs::{self, OpenOptions, TryLockError},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// The state of the writer's lease of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Lease {
    Free,
    /// Held by a process, whose id is told where the system tells it.
    Held {
        holder: Option<u32>,
    },
}

impl Lease {
    /// Looks at the lease of the store at `path`. A keeper that starts at the same moment is not disturbed where the system lists its
    /// locks (Linux); elsewhere the lock is tried for an instant.
    ///
    /// # Errors
    /// [`StoreError::Unreadable`] if the lock's file cannot be looked at.
    pub fn of(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let mut lock = path.as_ref().as_os_str().to_owned();
        lock.push(".lock");
        let lock = PathBuf::from(lock);
        let unreadable = |why: String| StoreError::Unreadable { location: Location::Sqlite(lock.clone()), why };
        let metadata = match fs::metadata(&lock) {
            Ok(metadata) => metadata,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Self::Free),
            Err(error) => return Err(unreadable(error.to_string())),
        };
        if let Ok(locks) = fs::read_to_string("/proc/locks") {
            return Ok(listed(&locks, metadata.ino()).map_or(Self::Free, |holder| Self::Held { holder }));
        }
        let file = OpenOptions::new().write(true).open(&lock).map_err(|error| unreadable(error.to_string()))?;
        match file.try_lock() {
            Ok(()) => Ok(Self::Free),
            Err(TryLockError::WouldBlock) => Ok(Self::Held { holder: None }),
            Err(TryLockError::Error(error)) => Err(unreadable(error.to_string())),
        }
    }
}

/// The holder of a lock on the file with this inode in the format of proc_locks(5); -1 is a process in another namespace. The device is
/// not compared: some file systems list another than stat(2) tells.
fn listed(locks: &str, inode: u64) -> Option<Option<u32>> {
    locks.lines().find_map(|line| {
        let words: Vec<&str> = line.split_whitespace().collect();
        let &[_, "FLOCK", _, "WRITE", holder, file, ..] = words.as_slice() else { return None };
        (file.rsplit(':').next()?.parse() == Ok(inode)).then(|| holder.parse().ok())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_holder_is_found_by_the_files_inode() {
        let locks = "1: POSIX  ADVISORY  WRITE 700 fe:00:77 0 EOF\n2: FLOCK  ADVISORY  WRITE 4242 fe:00:77 0 EOF\n\
                     3: FLOCK  ADVISORY  WRITE -1 00:1b:78 0 EOF\n3: -> FLOCK  ADVISORY  WRITE 9 00:1b:79 0 EOF\n";
        assert_eq!(listed(locks, 77), Some(Some(4242)));
        assert_eq!(listed(locks, 78), Some(None), "in another namespace");
        assert_eq!(listed(locks, 79), None, "waited for, not held");
        assert_eq!(listed(locks, 7), None);
    }
}
