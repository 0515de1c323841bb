//! This machine: the store, who writes to it, files' modes, the disk, and whether the clock is kept.

use super::Finding;
use crate::config::Config;
use ballast_chain::redact;
use ballast_store::{DatabaseUrl, Lease, Location, Store, StoreError};
use std::{
    fs,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};
use tokio::process::Command;

/// Bytes that should be free beside the store: months of decisions, and room for its write-ahead log.
const FREE_BYTES: u64 = 1 << 30;
/// Below this the store may fail in the middle of a move.
const LEAST_BYTES: u64 = 64 << 20;

pub(super) async fn examine(config: &Config) -> Vec<Finding> {
    let mut findings = match config.store.location() {
        Ok(location) => of_store(&location).await,
        Err(error) => {
            vec![Finding::problem("store", error.to_string(), "a place for the store", "see [store] in docs/CONFIG.md")]
        }
    };
    findings.push(synchronised().await);
    findings
}

/// A database has its own machine to look after: only a file's lock, mode and disk are ours to see.
async fn of_store(location: &Location) -> Vec<Finding> {
    let mut findings = vec![store(location).await];
    if let Location::Postgres(url) = location {
        findings.push(encryption(url));
    }
    if let Location::Sqlite(path) = location {
        findings.push(lease(path));
        if path.exists() {
            findings.push(file_mode("store mode", path, &[]));
        }
        findings.push(disk(path));
    }
    findings
}

fn encryption(url: &DatabaseUrl) -> Finding {
    const CHECK: &str = "database TLS";
    if url.is_protected() {
        return Finding::ok(CHECK, "demanded, or the database is on this machine");
    }
    let found = format!("{url} is reached over a network, and its URL does not demand TLS");
    let advice = "add sslmode=verify-full, and sslrootcert unless a public authority signed the server's certificate";
    Finding::warning(CHECK, found, "sslmode=verify-full: else whoever is on the way decides", advice)
}

/// Who may read a file. Of the configuration it matters where a URL has more than a host: that is where providers put keys.
pub(super) fn file_mode(check: &'static str, path: &Path, urls: &[String]) -> Finding {
    let mode = match fs::metadata(path) {
        Ok(metadata) => metadata.permissions().mode() & 0o777,
        Err(error) => {
            let advice = "let the keeper's user read it";
            return Finding::problem(check, format!("{}: {error}", path.display()), "a file that can be read", advice);
        }
    };
    let found = format!("{} has mode {mode:03o}", path.display());
    if mode & 0o022 != 0 {
        let advice = format!("chmod go-w {}", path.display());
        return Finding::problem(check, found, "a file that only its owner may change", advice);
    }
    let secret = urls.iter().any(|url| redact(url).ends_with("/…"));
    if mode & 0o004 != 0 && secret {
        let advice = format!("chmod o= {}", path.display());
        return Finding::warning(check, found, "no access for others: there are keys in its URLs", advice);
    }
    Finding::ok(check, found)
}

async fn store(location: &Location) -> Finding {
    const CHECK: &str = "store";
    let no_directory = match location {
        Location::Sqlite(path) => Some(directory(path)).filter(|parent| !parent.is_dir()),
        Location::Postgres(_) | Location::Memory => None,
    };
    match Store::open_read_only_at(location).await {
        Ok(store) => {
            store.close().await;
            Finding::ok(CHECK, format!("{location} is whole and of this version"))
        }
        Err(StoreError::Missing { .. }) => match no_directory {
            None => Finding::ok(CHECK, format!("there is none at {location} yet; the first start makes it")),
            Some(parent) => {
                let found = format!("{} is no directory", parent.display());
                Finding::problem(CHECK, found, "a directory for the store", "create it, or correct store.path")
            }
        },
        Err(error @ StoreError::OlderSchema { .. }) => {
            Finding::warning(CHECK, error.to_string(), "this version's schema", "the next start migrates it")
        }
        Err(error) => {
            let advice = "see what it says; a damaged store is restored from a backup";
            Finding::problem(CHECK, error.to_string(), "a store of this keeper", advice)
        }
    }
}

fn lease(path: &Path) -> Finding {
    const CHECK: &str = "lease";
    match Lease::of(path) {
        Ok(Lease::Free) => Finding::ok(CHECK, "no keeper writes to the store"),
        Ok(Lease::Held { holder }) => {
            let name = |process: u32| {
                let command = fs::read_to_string(format!("/proc/{process}/comm")).unwrap_or_default();
                format!("process {process} ({})", command.trim())
            };
            let found = format!("the store is being written to by {}", holder.map_or("another process".into(), name));
            let advice = "nothing, if that is the running service; else stop it before starting another";
            Finding::warning(CHECK, found, "one keeper for one store", advice)
        }
        Err(error) => {
            let advice = "let the keeper's user write beside the store";
            Finding::problem(CHECK, error.to_string(), "a lock that can be looked at", advice)
        }
    }
}

fn directory(path: &Path) -> PathBuf {
    path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new(".")).to_owned()
}

fn disk(path: &Path) -> Finding {
    const CHECK: &str = "disk";
    let directory = directory(path);
    match rustix::fs::statvfs(&directory) {
        Ok(of) => space(&directory, of.f_bavail.saturating_mul(of.f_frsize)),
        Err(error) => {
            let found = format!("{}: {error}", directory.display());
            Finding::problem(CHECK, found, "a file system that can be looked at", "correct store.path")
        }
    }
}

fn space(directory: &Path, free: u64) -> Finding {
    const CHECK: &str = "disk";
    let found = format!("{} MiB are free in {}", free >> 20, directory.display());
    let (expected, advice) = (format!("{} MiB", FREE_BYTES >> 20), "free some space, or move the store");
    match free {
        ..LEAST_BYTES => Finding::problem(CHECK, found, expected, advice),
        LEAST_BYTES..FREE_BYTES => Finding::warning(CHECK, found, expected, advice),
        FREE_BYTES.. => Finding::ok(CHECK, found),
    }
}

/// What systemd says of the clock; on other systems, or in a container, it says nothing.
async fn synchronised() -> Finding {
    const CHECK: &str = "time synchronisation";
    let asked = Command::new("timedatectl").args(["show", "--property=NTPSynchronized", "--value"]).output().await;
    let answer = asked.ok().filter(|output| output.status.success()).map(|output| output.stdout).unwrap_or_default();
    match answer.trim_ascii() {
        b"yes" => Finding::ok(CHECK, "the clock is kept by NTP"),
        b"no" => {
            let advice = "timedatectl set-ntp true";
            Finding::warning(CHECK, "the clock is not synchronised", "a clock that is kept by NTP", advice)
        }
        _ => Finding::ok(CHECK, "not to be read on this machine; see the line on the clock"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::doctor::Severity;

    #[test]
    fn a_database_over_a_network_without_tls_is_a_warning_that_tells_no_password() {
        let finding = |url: &str| encryption(&url.parse().unwrap());
        let plain = finding("postgresql://ballast:s3cr3t@db.example/keeper");
        assert_eq!((plain.severity, plain.found.contains("s3cr3t")), (Severity::Warning, false), "{plain:?}");
        assert_eq!(finding("postgresql://ballast@db.example/keeper?sslmode=verify-full").severity, Severity::Ok);
    }

    #[test]
    fn a_file_that_others_may_change_is_a_problem_and_one_with_keys_that_they_may_read_a_warning() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("ballast.toml");
        fs::write(&path, "").unwrap();
        let (plain, key) = (["https://rpc.example".to_owned()], ["https://rpc.example/v3/KEYKEYKEY".to_owned()]);
        let of = |mode, urls: &[String]| {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            file_mode("mode", &path, urls).severity
        };
        assert_eq!([of(0o644, &plain), of(0o640, &key), of(0o600, &key)], [Severity::Ok; 3]);
        assert_eq!(of(0o644, &key), Severity::Warning);
        assert_eq!([of(0o664, &plain), of(0o646, &plain)], [Severity::Problem; 2]);
    }

    #[test]
    fn little_space_is_a_warning_and_none_a_problem() {
        let of = |free| space(Path::new("/"), free).severity;
        assert_eq!(
            [of(FREE_BYTES), of(FREE_BYTES - 1), of(LEAST_BYTES - 1)],
            [Severity::Ok, Severity::Warning, Severity::Problem]
        );
    }
}
