//! The tables against what the audit log says of them, column by column.

use super::{Expected, PAGE, Stop, fault, readable};
use crate::decisions::action;
use crate::session::Session;
use crate::sql::{Cell, Row, SqlSession, printable};
use crate::{AttemptId, CallId, StoreError};
use alloy_primitives::{B256, keccak256};
use ballast_types::DecisionRecord;
use serde::Serialize;
use std::collections::BTreeMap;

/// The tables against what the log says.
pub(super) async fn compare(session: &mut Session, expected: &Expected) -> Result<(), Stop> {
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
            let hash = readable("decisions", format!("of entry {after}"), row.hash("hash"))?;
            decision(row, hash, after, expected)?;
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

fn decision(mut row: Row, hash: B256, seq: i64, expected: &Expected) -> Result<(), Stop> {
    let bytes = row.bytes("record")?;
    let Some((entry, at_ms)) = expected.decisions.get(&hash) else {
        return fault("decisions", hash, "the audit log has no entry for it: it was inserted or its hash was changed");
    };
    if keccak256(&bytes) != hash {
        return fault("decisions", hash, format!("its record hashes to {}: it was changed", keccak256(&bytes)));
    }
    let record = readable("decisions", hash, DecisionRecord::from_canonical(&bytes).map_err(StoreError::from))?;
    let block = &record.snapshot.block;
    let columns = [
        ("chain_id", row.integer("chain_id")?.to_string(), record.snapshot.chain_id.to_string()),
        ("block_number", row.integer("block_number")?.to_string(), block.number.to_string()),
        ("block_hash", readable("decisions", hash, row.hash("block_hash"))?.to_string(), block.hash.to_string()),
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
        let record = readable("decisions", hash, stored.checked())?.record;
        let statement = "SELECT position, gate, passed, detail FROM gates WHERE decision = $1 ORDER BY position";
        let mut rows = session.connection.fetch(statement, vec![(*hash).into()]).await?.into_iter();
        for (position, gate) in (0_i64..).zip(&record.decision.gates) {
            total = total.saturating_add(1);
            let key = format!("{position} of {hash}");
            let Some(mut row) = rows.next() else { return fault("gates", key, "it is gone") };
            let found = (row.integer("position")?, row.text("gate")?, row.integer("passed")?, row.text("detail")?);
            let wanted = (position, gate.id.to_string(), i64::from(gate.passed), printable(&gate.detail));
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
    let mut after = i64::MIN;
    loop {
        let page = session.calls_after(after, PAGE).await?;
        if page.is_empty() {
            break;
        }
        for (id, call) in page {
            after = id;
            let call = readable("calls", id, call)?;
            found.insert(call.id, call);
        }
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
        for (id, read) in page {
            after = id;
            let (attempt, tx_hash) = readable("attempts", id, read)?;
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
