//! The attestor's own count of what it attested and what gas cost, in a file of its own.
//!
//! One line of JSON for each entry, each with the hash of itself and of all before it. A line is on disk before the signature it stands
//! for exists; one that a crash cut short stands for none and is taken away when the file is opened. A line that was changed, removed or
//! put in between is an error: the counts decide about money. One process has the file, by a lock of the operating system.

use alloy::primitives::{B256, keccak256};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::{
    fs::{self, File, OpenOptions, TryLockError},
    io::{self, Read, Seek, SeekFrom, Write},
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
};

/// The ledger cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    #[error("the attestor's ledger {} cannot be used: {source}; the attestor signs nothing without its counts", path.display())]
    Io { path: PathBuf, source: io::Error },
    #[error("the attestor's ledger {} is in use by another process; stop that one, or give each its own", path.display())]
    Locked { path: PathBuf },
    #[error(
        "line {line} of the attestor's ledger {} is not what was written: {why}; restore it from a backup, or have the counts looked at \
         and begin a new one",
        path.display()
    )]
    Tampered { path: PathBuf, line: usize, why: String },
    #[error("the copy {} of the attestor's ledger was not written: {source}; name a file that is not there, in a folder with room", path.display())]
    Copy { path: PathBuf, source: io::Error },
    #[error("the attestor's ledger {} failed before and is not written to any more; restart once the disk is in order", path.display())]
    Failed { path: PathBuf },
}

/// Something that counts. Amounts are assets in base units.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Entry {
    /// A move that was attested. Of the entries with one nonce, at most one lands.
    Attested { time: u64, nonce: u64, decision: B256, turnover: u64, gas_cost: u64 },
    /// What gas cost in fact, by a receipt. Takes the place of what was set aside for the decision.
    Spent { time: u64, tx: B256, decision: Option<B256>, gas_cost: u64 },
}

/// A line: the entry as it is written, and `keccak256(hash of the line before ‖ entry)`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line<'a> {
    #[serde(borrow)]
    entry: &'a RawValue,
    hash: B256,
}

/// The entries, to be counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Books {
    entries: Vec<Entry>,
}

/// Moves in a window.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Moves {
    pub count: u128,
    pub turnover: u128,
}

impl Entry {
    const fn time(&self) -> u64 {
        match self {
            Self::Attested { time, .. } | Self::Spent { time, .. } => *time,
        }
    }
}

impl Books {
    /// The time to count by: the block's, and never before the latest entry's.
    #[must_use]
    pub fn now(&self, block_time: u64) -> u64 {
        self.entries.iter().map(Entry::time).max().map_or(block_time, |latest| latest.max(block_time))
    }

    /// Moves later than `after` (`None`: all) under other nonces than `nonce`: what has that nonce is the same move again. Of several
    /// attested under one nonce the largest turnover counts.
    #[must_use]
    pub fn moves_after(&self, after: Option<u64>, nonce: u64) -> Moves {
        let mut counted = std::collections::BTreeMap::new();
        for entry in self.entries.iter().filter(|entry| after.is_none_or(|after| entry.time() > after)) {
            if let Entry::Attested { nonce: other, turnover, .. } = entry
                && *other != nonce
            {
                let most: &mut u64 = counted.entry(*other).or_default();
                *most = (*most).max(*turnover);
            }
        }
        let turnover = counted.values().map(|turnover| u128::from(*turnover)).sum();
        Moves { count: counted.len() as u128, turnover }
    }

    /// Gas later than `after`: what receipts say, and what was set aside for moves without a receipt under other nonces.
    #[must_use]
    pub fn gas_after(&self, after: Option<u64>, nonce: u64) -> u128 {
        let mut receipts = std::collections::BTreeMap::new();
        let mut set_aside = std::collections::BTreeMap::new();
        let mut settled = std::collections::BTreeSet::new();
        for entry in self.entries.iter().filter(|entry| after.is_none_or(|after| entry.time() > after)) {
            match entry {
                Entry::Spent { tx, decision, gas_cost, .. } => {
                    receipts.insert(*tx, *gas_cost);
                    settled.extend(*decision);
                }
                Entry::Attested { nonce: other, decision, gas_cost, .. } if *other != nonce => {
                    let (most, decisions): &mut (u64, Vec<B256>) = set_aside.entry(*other).or_default();
                    *most = (*most).max(*gas_cost);
                    decisions.push(*decision);
                }
                Entry::Attested { .. } => {}
            }
        }
        let open = set_aside.values().filter(|(_, decisions)| !decisions.iter().any(|one| settled.contains(one)));
        let open: u128 = open.map(|(most, _)| u128::from(*most)).sum();
        receipts.values().map(|cost| u128::from(*cost)).sum::<u128>() + open
    }
}

/// The file.
#[derive(Debug)]
pub struct Ledger {
    path: PathBuf,
    file: File,
    /// Bytes of whole lines.
    length: u64,
    head: B256,
    books: Books,
    failed: bool,
}

impl Ledger {
    /// Opens the ledger or begins one, and takes its lock.
    ///
    /// # Errors
    /// [`LedgerError`]; a changed file is left as it is.
    pub fn open(path: &Path) -> Result<Self, LedgerError> {
        let io = |source| LedgerError::Io { path: path.to_owned(), source };
        let is_new = !path.exists();
        let mut file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(path).map_err(io)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Err(LedgerError::Locked { path: path.to_owned() }),
            Err(TryLockError::Error(source)) => return Err(io(source)),
        }
        if is_new {
            // The name must survive a power cut as well as what is in the file.
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            File::open(folder).and_then(|folder| folder.sync_all()).map_err(io)?;
        }
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(io)?;
        let (whole, books, head) = whole_lines(path, &text)?;
        let mut ledger = Self { path: path.to_owned(), file, length: whole.len() as u64, head, books, failed: false };
        if whole.len() < text.len() {
            tracing::warn!(path = %path.display(), "the last line of the attestor's ledger was cut short and is taken away");
            ledger.cut().map_err(io)?;
        }
        Ok(ledger)
    }

    #[must_use]
    pub const fn books(&self) -> &Books {
        &self.books
    }

    /// The hash of the last line; zero for an empty ledger. To be kept elsewhere: without it a removed end is not noticed.
    #[must_use]
    pub const fn head(&self) -> B256 {
        self.head
    }

    /// Writes an entry. When this returns, it is on disk; its time is moved up to the latest entry's.
    ///
    /// # Errors
    /// [`LedgerError`]; then the entry is not in the file. If even that cannot be made sure, nothing is written any more.
    pub fn append(&mut self, entry: Entry) -> Result<(), LedgerError> {
        if self.failed {
            return Err(LedgerError::Failed { path: self.path.clone() });
        }
        let now = self.books.now(entry.time());
        let entry = match entry {
            Entry::Attested { nonce, decision, turnover, gas_cost, .. } => {
                Entry::Attested { time: now, nonce, decision, turnover, gas_cost }
            }
            Entry::Spent { tx, decision, gas_cost, .. } => Entry::Spent { time: now, tx, decision, gas_cost },
        };
        self.write(entry).map_err(|source| LedgerError::Io { path: self.path.clone(), source })
    }

    fn write(&mut self, entry: Entry) -> io::Result<()> {
        let text = serde_json::to_string(&entry)?;
        let hash = chained(self.head, &text);
        let line = format!("{{\"entry\":{text},\"hash\":\"{hash}\"}}\n");
        self.file.seek(SeekFrom::Start(self.length))?;
        if let Err(error) = self.file.write_all(line.as_bytes()).and_then(|()| self.file.sync_data()) {
            self.failed = self.cut().is_err();
            return Err(error);
        }
        self.length += line.len() as u64;
        self.head = hash;
        self.books.entries.push(entry);
        Ok(())
    }

    /// Takes away what is behind the last whole line.
    fn cut(&mut self) -> io::Result<()> {
        self.file.set_len(self.length)?;
        self.file.sync_all()
    }
}

/// The lines that a crash did not cut short, what they say, and the hash of the last.
fn whole_lines<'a>(path: &Path, text: &'a str) -> Result<(&'a str, Books, B256), LedgerError> {
    let whole = text.split_at(text.rfind('\n').map_or(0, |end| end + 1)).0;
    let (mut books, mut head) = (Books::default(), B256::ZERO);
    for (index, line) in whole.lines().enumerate() {
        let tampered = |why: String| LedgerError::Tampered { path: path.to_owned(), line: index + 1, why };
        let Line { entry, hash } = serde_json::from_str(line).map_err(|error| tampered(error.to_string()))?;
        let expected = chained(head, entry.get());
        if hash != expected {
            return Err(tampered(format!("its hash is {hash}, expected {expected}")));
        }
        let parsed = serde_json::from_str(entry.get()).map_err(|error| tampered(error.to_string()))?;
        books.entries.push(parsed);
        head = hash;
    }
    Ok((whole, books, head))
}

/// Copies the whole lines of a ledger into a new file of mode 0600, beside whoever writes to it. Returns how many, and the hash of the last.
///
/// # Errors
/// [`LedgerError::Copy`] if the copy is there already or cannot be written, and those of reading it.
pub fn back_up(from: &Path, to: &Path) -> Result<(usize, B256), LedgerError> {
    let text = fs::read_to_string(from).map_err(|source| LedgerError::Io { path: from.to_owned(), source })?;
    let (whole, books, head) = whole_lines(from, &text)?;
    let write = || {
        let mut copy = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to)?;
        copy.write_all(whole.as_bytes())?;
        copy.sync_all()
    };
    write().map_err(|source| LedgerError::Copy { path: to.to_owned(), source })?;
    Ok((books.entries.len(), head))
}

fn chained(before: B256, entry: &str) -> B256 {
    keccak256([before.as_slice(), entry.as_bytes()].concat())
}
