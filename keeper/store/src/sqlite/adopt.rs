//! From schema 1 to 2: what was written before there was an audit log becomes its first entries.
//!
//! The chain vouches for it from the migration on. Schema 1 did not keep which step set which fact, so the steps carry none and one
//! note per attempt has all that were found.

use crate::audit::{Entry, Head, facts_text};
use crate::sql::{Connection, Row, SqlSession, integer};
use crate::{Attempt, AttemptId, CallId, Facts, State, StoreError, Subject};
use alloy_primitives::Bytes;
use serde_json::Value;
use std::collections::BTreeMap;

const INSERT_ADOPTED: &str =
    "INSERT INTO attempts_with_facts (id, decision, call, number, state, facts, tx_hash, updated_ms)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";

/// Writes the audit log and the new table of attempts.
pub(super) async fn into_audit(connection: &mut Connection) -> Result<(), StoreError> {
    let mut chain = Head::default();
    let mut entries = Vec::new();
    let decisions = "SELECT hash, created_ms FROM decisions ORDER BY created_ms, rowid";
    for mut row in connection.fetch(decisions, vec![]).await? {
        let (hash, at_ms) = (row.hash("hash")?, row.unsigned("created_ms")?);
        entries.push((at_ms, Entry::Decision { hash }));
    }
    for mut row in
        connection.fetch("SELECT id, purpose, target, calldata, created_ms FROM calls ORDER BY id", vec![]).await?
    {
        let entry = Entry::Call {
            id: CallId(row.integer("id")?),
            purpose: row.text("purpose")?,
            target: row.address("target")?,
            calldata: row.bytes("calldata")?,
        };
        entries.push((row.unsigned("created_ms")?, entry));
    }
    let attempts = attempts(connection).await?;
    let steps = "SELECT attempt, from_state, to_state, at_ms, detail FROM transitions ORDER BY id";
    for row in connection.fetch(steps, vec![]).await? {
        entries.push(step(row, &attempts)?);
    }
    for attempt in attempts.values().filter(|attempt| attempt.facts != Facts::default()) {
        let entry = Entry::Noted { attempt: attempt.id, facts: facts_text(&attempt.facts)? };
        entries.push((attempt.updated_ms, entry));
    }
    for (at_ms, entry) in entries {
        let link = chain.append(at_ms, entry)?;
        chain = Head { seq: link.seq, hash: link.hash };
        if let Entry::Decision { hash } = &link.entry {
            let parameters = vec![integer("seq", link.seq)?, (*hash).into()];
            connection.execute("UPDATE decisions SET seq = $1 WHERE hash = $2", parameters).await?;
        }
        SqlSession::insert_link_on(connection, link).await?;
    }
    for attempt in attempts.into_values() {
        SqlSession::insert_attempt_on(connection, INSERT_ADOPTED, attempt).await?;
    }
    Ok(())
}

fn step(mut row: Row, attempts: &BTreeMap<AttemptId, Attempt>) -> Result<(u64, Entry), StoreError> {
    let id = AttemptId(row.integer("attempt")?);
    let from = row.optional_text("from_state")?;
    let to = row.state("to_state")?;
    let at_ms = row.unsigned("at_ms")?;
    let detail = row.text("detail")?;
    let attempt = attempts.get(&id).ok_or(StoreError::Unknown { what: "attempt", id: id.0 })?;
    let entry = match from {
        None => Entry::Begun { attempt: id, subject: attempt.subject, number: attempt.number, detail },
        Some(name) => {
            let from = name.parse::<State>().map_err(|error| StoreError::Row(error.to_string()))?;
            Entry::Moved { attempt: id, from, to, facts: "{}".to_owned(), detail }
        }
    };
    Ok((at_ms, entry))
}

async fn attempts(connection: &mut Connection) -> Result<BTreeMap<AttemptId, Attempt>, StoreError> {
    let statement = "SELECT id, decision, call, number, state, account, account_nonce, calldata, valid_until, target_block,
            target_timestamp, simulation, raw_tx, tx_hash, bundle_hash, included_block, included_hash, reconciliation, reason,
            updated_ms FROM attempts ORDER BY id";
    let rows = connection.fetch(statement, vec![]).await?;
    rows.into_iter().map(|row| attempt(row).map(|attempt| (attempt.id, attempt))).collect()
}

fn attempt(mut row: Row) -> Result<Attempt, StoreError> {
    let id = AttemptId(row.integer("id")?);
    let subject = match (row.optional_hash("decision")?, row.optional_integer("call")?) {
        (Some(hash), _) => Subject::Decision(hash),
        (None, call) => Subject::Call(CallId(call.unwrap_or_default())),
    };
    let number = row.integer("number")?;
    Ok(Attempt {
        id,
        subject,
        number: u32::try_from(number).map_err(|_| StoreError::Row(format!("number is {number}")))?,
        state: row.state("state")?,
        facts: Facts {
            account: row.optional_address("account")?,
            account_nonce: row.optional_unsigned("account_nonce")?,
            calldata: row.optional_bytes("calldata")?.map(Bytes::from),
            valid_until: row.optional_unsigned("valid_until")?,
            target_block: row.optional_unsigned("target_block")?,
            target_timestamp: row.optional_unsigned("target_timestamp")?,
            simulation: json(row.optional_text("simulation")?)?,
            raw_tx: row.optional_bytes("raw_tx")?.map(Bytes::from),
            tx_hash: row.optional_hash("tx_hash")?,
            bundle_hash: row.optional_hash("bundle_hash")?,
            included_block: row.optional_unsigned("included_block")?,
            included_hash: row.optional_hash("included_hash")?,
            reconciliation: json(row.optional_text("reconciliation")?)?,
            reason: row.optional_text("reason")?,
            approval: None,
        },
        updated_ms: row.unsigned("updated_ms")?,
    })
}

fn json(text: Option<String>) -> Result<Option<Value>, StoreError> {
    let value: Option<Value> = text.map(|text| serde_json::from_str(&text)).transpose()?;
    Ok(value.filter(|value| !value.is_null()))
}
