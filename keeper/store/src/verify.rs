//! Holding the tables against the audit log, and the audit log against its hashes.

use crate::audit::{Entry, Head, facts_of, link_hash};
use crate::decisions::action;
use crate::session::Session;
use crate::sql::{Cell, Row, SqlSession};
use crate::{Attempt, AttemptId, Call, CallId, Facts, State, Store, StoreError};
use alloy_primitives::{B256, Bytes, keccak256};
use ballast_types::DecisionRecord;
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
            Ok(()) => compare(&mut session, &expected).await,
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
                links.map(AuditRow::from).collect()
            }
        };
        if page.is_empty() {
            break;
        }
        for row in page {
            accept(expected, row)?;
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
            moved.facts.update(&facts_of(&facts)?);
        }
        Entry::Noted { attempt, facts } => match expected.attempts.get_mut(&attempt) {
            Some(noted) => noted.facts.update(&facts_of(&facts)?),
            None => return wrong("it notes something of an attempt that was never begun"),
        },
    }
    Ok(())
}

/// The tables against what the log says.
async fn compare(session: &mut Session, expected: &Expected) -> Result<(), Stop> {
    match session {
        Session::Sql(session) => {
            decisions(session, expected).await?;
            gates(session, expected).await?;
            calls(session, expected).await?;
            attempts(session, expected).await
        }
        Session::Memory(session) => {
            let found = session.contents.all_attempts().into_iter().map(|attempt| (attempt.id, attempt)).collect();
            same("attempts", &expected.attempts, &found)
        }
    }
}

async fn decisions(session: &mut SqlSession, expected: &Expected) -> Result<(), Stop> {
    let mut after = 0;
    let mut seen = 0_usize;
    loop {
        let statement =
            "SELECT seq, hash, record, chain_id, block_number, block_hash, block_timestamp, action, created_ms
             FROM decisions WHERE seq > $1 ORDER BY seq LIMIT $2";
        let page = session.connection.fetch(statement, vec![Cell::from(after), i64::from(PAGE).into()]).await?;
        if page.is_empty() {
            break;
        }
        for mut row in page {
            after = row.integer("seq")?;
            seen = seen.saturating_add(1);
            decision(row, after, expected)?;
        }
    }
    if seen < expected.decisions.len() {
        let stored = "SELECT hash FROM decisions WHERE hash = $1";
        for (hash, (seq, _)) in &expected.decisions {
            if session.connection.fetch_first(stored, vec![(*hash).into()]).await?.is_none() {
                return fault("decisions", hash, format!("entry {seq} of the audit log stored it, but it is gone"));
            }
        }
    }
    // Rows before the first page or without a number.
    let statement = "SELECT hash FROM decisions WHERE seq IS NULL OR seq < 1 LIMIT 1";
    match session.connection.fetch_first(statement, vec![]).await? {
        Some(mut row) => fault("decisions", row.hash("hash")?, "it has no entry in the audit log"),
        None => Ok(()),
    }
}

fn decision(mut row: Row, seq: i64, expected: &Expected) -> Result<(), Stop> {
    let hash = row.hash("hash")?;
    let bytes = row.bytes("record")?;
    let Some((entry, at_ms)) = expected.decisions.get(&hash) else {
        return fault("decisions", hash, "the audit log has no entry for it: it was inserted or its hash was changed");
    };
    if keccak256(&bytes) != hash {
        return fault("decisions", hash, format!("its record hashes to {}: it was changed", keccak256(&bytes)));
    }
    let record = DecisionRecord::from_canonical(&bytes).map_err(StoreError::from)?;
    let block = &record.snapshot.block;
    let columns = [
        ("chain_id", row.integer("chain_id")?.to_string(), record.snapshot.chain_id.to_string()),
        ("block_number", row.integer("block_number")?.to_string(), block.number.to_string()),
        ("block_hash", row.hash("block_hash")?.to_string(), block.hash.to_string()),
        ("block_timestamp", row.integer("block_timestamp")?.to_string(), block.timestamp.to_string()),
        ("action", row.text("action")?, action(&record).to_owned()),
        ("created_ms", row.integer("created_ms")?.to_string(), at_ms.to_string()),
        ("seq", seq.to_string(), entry.to_string()),
    ];
    for (column, found, wanted) in columns {
        if found != wanted {
            return fault("decisions", hash, format!("{column} is {found}, but {wanted} was written"));
        }
    }
    Ok(())
}

async fn gates(session: &mut SqlSession, expected: &Expected) -> Result<(), Stop> {
    let mut total = 0_usize;
    for hash in expected.decisions.keys() {
        let Some(stored) = session.decision(*hash).await? else {
            return fault("decisions", hash, "it is gone");
        };
        let record = stored.checked()?.record;
        let statement = "SELECT position, gate, passed, detail FROM gates WHERE decision = $1 ORDER BY position";
        let mut rows = session.connection.fetch(statement, vec![(*hash).into()]).await?.into_iter();
        for (position, gate) in (0_i64..).zip(&record.decision.gates) {
            total = total.saturating_add(1);
            let key = format!("{position} of {hash}");
            let Some(mut row) = rows.next() else { return fault("gates", key, "it is gone") };
            let found = (row.integer("position")?, row.text("gate")?, row.integer("passed")?, row.text("detail")?);
            let wanted = (position, gate.id.to_string(), i64::from(gate.passed), crate::sql::printable(&gate.detail));
            if found != wanted {
                return fault("gates", key, format!("it is {found:?}, but {wanted:?} was written"));
            }
        }
        if let Some(mut row) = rows.next() {
            let key = format!("{} of {hash}", row.integer("position")?);
            return fault("gates", key, "the record has no such gate: it was inserted");
        }
    }
    let count = session.connection.fetch_first("SELECT count(*) FROM gates", vec![]).await?;
    let count = count.map(|mut row| row.integer("count")).transpose()?.unwrap_or(0);
    if usize::try_from(count) == Ok(total) {
        return Ok(());
    }
    fault("gates", "of no decision", format!("there are {count}, but the records have {total}: some were inserted"))
}

async fn calls(session: &mut SqlSession, expected: &Expected) -> Result<(), Stop> {
    let mut found = BTreeMap::new();
    let mut before = i64::MAX;
    loop {
        let page = session.calls_before(before, PAGE).await?;
        let Some(last) = page.last() else { break };
        before = last.id.0;
        found.extend(page.into_iter().map(|call| (call.id, call)));
    }
    same("calls", &expected.calls, &found)
}

async fn attempts(session: &mut SqlSession, expected: &Expected) -> Result<(), Stop> {
    let mut found = BTreeMap::new();
    let mut after = i64::MIN;
    loop {
        let page = session.attempts_after(after, PAGE).await?;
        if page.is_empty() {
            break;
        }
        for (attempt, tx_hash) in page {
            after = attempt.id.0;
            if attempt.facts.tx_hash != tx_hash {
                let (column, facts) = (tx_hash, attempt.facts.tx_hash);
                return fault("attempts", after, format!("tx_hash is {column:?}, but its facts say {facts:?}"));
            }
            found.insert(attempt.id, attempt);
        }
    }
    same("attempts", &expected.attempts, &found)
}

/// Compares by key, then by contents, and names the fields that differ.
fn same<K: Ord + Key, V: PartialEq + Serialize>(
    table: &'static str,
    expected: &BTreeMap<K, V>,
    found: &BTreeMap<K, V>,
) -> Result<(), Stop> {
    for (key, wanted) in expected {
        let Some(row) = found.get(key) else {
            return fault(table, key.shown(), "the audit log has it, but the row is gone");
        };
        if row != wanted {
            return fault(table, key.shown(), format!("it was changed: {}", differences(row, wanted)?));
        }
    }
    match found.keys().find(|key| !expected.contains_key(key)) {
        Some(key) => fault(table, key.shown(), "the audit log has no entry for it: it was inserted"),
        None => Ok(()),
    }
}

trait Key {
    fn shown(&self) -> i64;
}

impl Key for CallId {
    fn shown(&self) -> i64 {
        self.0
    }
}

impl Key for AttemptId {
    fn shown(&self) -> i64 {
        self.0
    }
}

/// The fields that differ, each with what is there and what was written.
fn differences(found: &impl Serialize, wanted: &impl Serialize) -> Result<String, StoreError> {
    let (found, wanted) = (flat(found)?, flat(wanted)?);
    let differing = wanted.iter().filter(|(field, value)| found.get(*field) != Some(value));
    let told = differing.map(|(field, value)| {
        let there = found.get(field).map_or_else(|| "missing".to_owned(), ToString::to_string);
        format!("{field} is {there}, but {value} was written")
    });
    Ok(told.collect::<Vec<_>>().join("; "))
}

/// The fields, those of the facts among them.
fn flat(value: &impl Serialize) -> Result<BTreeMap<String, serde_json::Value>, StoreError> {
    let mut fields = BTreeMap::new();
    if let serde_json::Value::Object(object) = serde_json::to_value(value)? {
        for (name, value) in object {
            match value {
                serde_json::Value::Object(facts) if name == "facts" => fields.extend(facts),
                value => drop(fields.insert(name, value)),
            }
        }
    }
    Ok(fields)
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
