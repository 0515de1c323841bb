//! Holding the tables against the audit log, and the audit log against its hashes.

mod tables;

use crate::audit::{Entry, Head, facts_of, link_hash};
use crate::session::Session;
use crate::sql::Row;
use crate::{Attempt, AttemptId, Call, CallId, Facts, State, Store, StoreError};
use alloy_primitives::{B256, Bytes};
use borsh::BorshDeserialize;
use serde::Serialize;
use std::collections::BTreeMap;

/// Rows read at a time.
const PAGE: u32 = 500;

/// What [`Store::verify_audit`] found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Audit {
    /// The end of the chain: keep its hash where nobody who writes to the store can change it.
    pub head: Head,
    /// Where the expected head is in the chain, if one was given and found. Entries after it were added since.
    pub expected_at: Option<u64>,
    /// The first thing that is wrong, `None` if nothing is.
    pub fault: Option<Fault>,
}

/// A row that is not what was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fault {
    /// The table it is in, or should be.
    pub table: &'static str,
    /// Its key.
    pub row: String,
    /// What is wrong with it, for a person.
    pub what: String,
}

impl std::fmt::Display for Fault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}: {}", self.table, self.row, self.what)
    }
}

/// Ends the search, or the search failed.
enum Stop {
    Fault(Fault),
    Error(StoreError),
}

impl From<StoreError> for Stop {
    fn from(error: StoreError) -> Self {
        Self::Error(error)
    }
}

fn fault<T>(table: &'static str, row: impl ToString, what: impl Into<String>) -> Result<T, Stop> {
    Err(Stop::Fault(Fault { table, row: row.to_string(), what: what.into() }))
}

/// A row that cannot be read was not written by us.
fn readable<T>(table: &'static str, row: impl ToString, read: Result<T, StoreError>) -> Result<T, Stop> {
    match read {
        Ok(value) => Ok(value),
        Err(
            error @ (StoreError::Row(_) | StoreError::Json(_) | StoreError::Record(_) | StoreError::Tampered { .. }),
        ) => fault(table, row, format!("{error}: it was changed")),
        Err(error) => Err(error.into()),
    }
}

/// What the log says the tables hold.
#[derive(Default)]
struct Expected {
    head: Head,
    expected_at: Option<u64>,
    /// By hash: the entry and its time.
    decisions: BTreeMap<B256, (u64, u64)>,
    calls: BTreeMap<CallId, Call>,
    attempts: BTreeMap<AttemptId, Attempt>,
}

impl Store {
    /// Reads everything and says whether it is what was written: each entry against its hash and the one before, and each row of the
    /// other tables, column by column, against the entries. Finds a changed, a removed, an inserted and a moved row.
    ///
    /// That the newest entries are missing can only be told against a head that was noted down elsewhere, as can a chain that was
    /// computed anew from some entry on: give it as `expected_head`. It need not be the newest.
    ///
    /// # Errors
    /// If the store cannot be read. What is wrong with its contents is [`Audit::fault`].
    pub async fn verify_audit(&self, expected_head: Option<B256>) -> Result<Audit, StoreError> {
        let mut session = self.read().await?;
        let mut expected = Expected::default();
        let found = match follow(&mut session, &mut expected, expected_head).await {
            Ok(()) => tables::compare(&mut session, &expected).await,
            stopped => stopped,
        };
        let fault = match found {
            Ok(()) => None,
            Err(Stop::Fault(fault)) => Some(fault),
            Err(Stop::Error(error)) => return Err(error),
        };
        Ok(Audit { head: expected.head, expected_at: expected.expected_at, fault })
    }

    /// The end of the audit log, without checking it.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn audit_head(&self) -> Result<Head, StoreError> {
        self.read().await?.head().await
    }
}

/// Follows the chain from its first entry.
async fn follow(session: &mut Session, expected: &mut Expected, known: Option<B256>) -> Result<(), Stop> {
    if known == Some(B256::ZERO) {
        expected.expected_at = Some(0);
    }
    loop {
        let page = match session {
            Session::Sql(session) => session.audit_rows(expected.head.seq, PAGE).await?,
            Session::Memory(session) => {
                let links = session.contents.links(expected.head.seq, PAGE).into_iter();
                links.map(|link| (0, Ok(AuditRow::from(link)))).collect()
            }
        };
        if page.is_empty() {
            break;
        }
        for (seq, row) in page {
            accept(expected, readable("audit", seq, row)?)?;
            if known == Some(expected.head.hash) {
                expected.expected_at = Some(expected.head.seq);
            }
        }
    }
    match known {
        Some(known) if expected.expected_at.is_none() => fault(
            "audit",
            expected.head.seq,
            format!(
                "the chain ends here in {}, and {known} is nowhere in it: its newest entries were removed, or it was computed anew",
                expected.head.hash
            ),
        ),
        _ => Ok(()),
    }
}

/// A row of the audit log before anything is believed of it.
pub(crate) struct AuditRow {
    seq: u64,
    at_ms: u64,
    kind: String,
    attempt: Option<i64>,
    entry: Result<Entry, String>,
    previous: B256,
    hash: B256,
}

impl From<crate::Link> for AuditRow {
    fn from(link: crate::Link) -> Self {
        Self {
            seq: link.seq,
            at_ms: link.at_ms,
            kind: link.entry.kind().to_owned(),
            attempt: link.entry.attempt().map(|attempt| attempt.0),
            entry: Ok(link.entry),
            previous: link.previous,
            hash: link.hash,
        }
    }
}

/// The next row of the chain: in its place, its hash right, and possible after what came before.
fn accept(expected: &mut Expected, row: AuditRow) -> Result<(), Stop> {
    let seq = row.seq;
    let wrong = |what: String| fault("audit", seq, what);
    let next = expected.head.seq.saturating_add(1);
    if seq != next {
        return wrong(format!("it follows entry {}: entry {next} was removed", expected.head.seq));
    }
    if row.previous != expected.head.hash {
        return wrong(format!(
            "it says that the hash before it is {}, but that is {}: it was changed, moved or inserted, or the one before was",
            row.previous, expected.head.hash
        ));
    }
    let entry = match row.entry {
        Ok(entry) => entry,
        Err(why) => return wrong(format!("what it says cannot be read ({why}): it was changed")),
    };
    let hash = link_hash(seq, row.previous, row.at_ms, &entry)?;
    if row.hash != hash {
        return wrong(format!("its contents hash to {hash}, but it says {}: it was changed", row.hash));
    }
    if row.kind != entry.kind() || row.attempt != entry.attempt().map(|attempt| attempt.0) {
        return wrong(format!(
            "its columns say {} of attempt {:?}, but its entry is {} of attempt {:?}: they were changed",
            row.kind,
            row.attempt,
            entry.kind(),
            entry.attempt().map(|attempt| attempt.0)
        ));
    }
    expected.head = Head { seq, hash };
    apply(expected, seq, row.at_ms, entry)
}

/// What the entry does to the tables.
fn apply(expected: &mut Expected, seq: u64, at_ms: u64, entry: Entry) -> Result<(), Stop> {
    let wrong = |what: &str| fault("audit", seq, format!("{what}: it was not written by the keeper"));
    match entry {
        Entry::Decision { hash } => {
            if expected.decisions.insert(hash, (seq, at_ms)).is_some() {
                return wrong("it stores a decision that is stored already");
            }
        }
        Entry::Call { id, purpose, target, calldata } => {
            let call = Call { id, purpose, target, calldata: Bytes::from(calldata), created_ms: at_ms };
            if expected.calls.insert(id, call).is_some() {
                return wrong("it stores a call that is stored already");
            }
        }
        Entry::Begun { attempt, subject, number, .. } => {
            let (state, facts) = (State::Proposed, Facts::default());
            let begun = Attempt { id: attempt, subject, number, state, facts, updated_ms: at_ms };
            if expected.attempts.insert(attempt, begun).is_some() {
                return wrong("it begins an attempt that was begun already");
            }
        }
        Entry::Moved { attempt, from, to, facts, .. } => {
            let Some(moved) = expected.attempts.get_mut(&attempt) else {
                return wrong("it moves an attempt that was never begun");
            };
            if moved.state != from || !from.may_become(to, moved.subject.path()) {
                return wrong(&format!("it moves from {from} to {to} an attempt that is {}", moved.state));
            }
            moved.state = to;
            moved.updated_ms = at_ms;
            moved.facts.update(&readable("audit", seq, facts_of(&facts))?);
        }
        Entry::Noted { attempt, facts } => match expected.attempts.get_mut(&attempt) {
            Some(noted) => noted.facts.update(&readable("audit", seq, facts_of(&facts))?),
            None => return wrong("it notes something of an attempt that was never begun"),
        },
    }
    Ok(())
}

/// Reads a row of the audit log, believing nothing.
pub(crate) fn audit_row(mut row: Row) -> Result<AuditRow, StoreError> {
    Ok(AuditRow {
        seq: row.unsigned("seq")?,
        at_ms: row.unsigned("at_ms")?,
        kind: row.text("kind")?,
        attempt: row.optional_integer("attempt")?,
        entry: Entry::try_from_slice(&row.bytes("entry")?).map_err(|error| error.to_string()),
        previous: row.hash("previous")?,
        hash: row.hash("hash")?,
    })
}
