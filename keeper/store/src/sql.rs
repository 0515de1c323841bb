//! The store in SQL, for SQLite and PostgreSQL alike.

mod cell;
mod connection;
mod leased;

pub(crate) use cell::{Cell, Row, integer};
pub(crate) use connection::{Connection, classified};
pub(crate) use leased::Leased;

use crate::audit::{Entry, Head, Link, encoded, facts_of, facts_text};
use crate::decisions::{DecisionRow, action};
use crate::session::Change;
use crate::verify::{AuditRow, audit_row};
use crate::{Attempt, AttemptId, Call, CallId, StoreError, StoredDecision, Subject};
use alloy_primitives::{B256, Bytes};
use borsh::BorshDeserialize;

/// A row by its number, if it could be read.
pub(crate) type Keyed<T> = (i64, Result<T, StoreError>);

/// A transaction on the tables.
pub(crate) struct SqlSession {
    pub(crate) connection: Connection,
}

const INSERT_ATTEMPT: &str = "INSERT INTO attempts (id, decision, call, number, state, facts, tx_hash, updated_ms)
     VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";

macro_rules! attempts {
    ($rest:literal) => {
        concat!("SELECT id, decision, call, number, state, facts, updated_ms FROM attempts ", $rest)
    };
}

macro_rules! decisions {
    ($rest:literal) => {
        concat!("SELECT d.hash, d.record, d.created_ms FROM decisions d ", $rest)
    };
}

macro_rules! calls {
    ($rest:literal) => {
        concat!("SELECT id, purpose, target, calldata, created_ms FROM calls ", $rest)
    };
}

macro_rules! audit {
    ($rest:literal) => {
        concat!("SELECT seq, at_ms, entry, previous, hash FROM audit ", $rest)
    };
}

impl SqlSession {
    pub(crate) async fn commit(mut self, link: Link, change: Change) -> Result<(), StoreError> {
        match change {
            Change::Decision(decision) => self.insert_decision(&decision, link.seq).await?,
            Change::Call(call) => self.insert_call(call).await?,
            Change::Begin(attempt) => Self::insert_attempt_on(&mut self.connection, INSERT_ATTEMPT, attempt).await?,
            Change::Update(attempt) => self.update_attempt(attempt).await?,
        }
        Self::insert_link_on(&mut self.connection, link).await?;
        self.connection.commit().await
    }

    pub(crate) async fn insert_link_on(connection: &mut Connection, link: Link) -> Result<(), StoreError> {
        let statement = "INSERT INTO audit (seq, at_ms, kind, attempt, entry, previous, hash)
             VALUES ($1, $2, $3, $4, $5, $6, $7)";
        let parameters = vec![
            integer("seq", link.seq)?,
            integer("at_ms", link.at_ms)?,
            link.entry.kind().into(),
            link.entry.attempt().map(|attempt| attempt.0).into(),
            encoded(&link.entry)?.into(),
            link.previous.into(),
            link.hash.into(),
        ];
        connection.execute(statement, parameters).await?;
        Ok(())
    }

    async fn insert_decision(&mut self, decision: &StoredDecision, seq: u64) -> Result<(), StoreError> {
        let StoredDecision { hash, record, bytes, created_ms } = decision;
        let block = &record.snapshot.block;
        let parameters = vec![
            (*hash).into(),
            integer("chain_id", record.snapshot.chain_id)?,
            integer("block number", block.number)?,
            block.hash.into(),
            integer("block timestamp", block.timestamp)?,
            action(record).into(),
            bytes.clone().into(),
            integer("created_ms", *created_ms)?,
            integer("seq", seq)?,
        ];
        let statement = "INSERT INTO decisions
             (hash, chain_id, block_number, block_hash, block_timestamp, action, record, created_ms, seq)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
        self.connection.execute(statement, parameters).await?;
        for (position, gate) in (0_i64..).zip(&record.decision.gates) {
            let statement = "INSERT INTO gates (decision, position, gate, passed, detail) VALUES ($1, $2, $3, $4, $5)";
            let parameters = vec![
                (*hash).into(),
                position.into(),
                gate.id.to_string().into(),
                i64::from(gate.passed).into(),
                printable(&gate.detail).into(),
            ];
            self.connection.execute(statement, parameters).await?;
        }
        Ok(())
    }

    async fn insert_call(&mut self, call: Call) -> Result<(), StoreError> {
        let statement = "INSERT INTO calls (id, purpose, target, calldata, created_ms) VALUES ($1, $2, $3, $4, $5)";
        let parameters = vec![
            call.id.0.into(),
            call.purpose.into(),
            call.target.into(),
            call.calldata.to_vec().into(),
            integer("created_ms", call.created_ms)?,
        ];
        self.connection.execute(statement, parameters).await?;
        Ok(())
    }

    /// `statement` names the table and takes the columns in this order.
    pub(crate) async fn insert_attempt_on(
        connection: &mut Connection,
        statement: &'static str,
        attempt: Attempt,
    ) -> Result<(), StoreError> {
        let (decision, call) = match attempt.subject {
            Subject::Decision(hash) => (Some(hash), None),
            Subject::Call(call) => (None, Some(call.0)),
        };
        let parameters = vec![
            attempt.id.0.into(),
            decision.into(),
            call.into(),
            i64::from(attempt.number).into(),
            attempt.state.name().into(),
            facts_text(&attempt.facts)?.into(),
            attempt.facts.tx_hash.into(),
            integer("updated_ms", attempt.updated_ms)?,
        ];
        connection.execute(statement, parameters).await?;
        Ok(())
    }

    async fn update_attempt(&mut self, attempt: Attempt) -> Result<(), StoreError> {
        let statement = "UPDATE attempts SET state = $2, facts = $3, tx_hash = $4, updated_ms = $5 WHERE id = $1";
        let parameters = vec![
            attempt.id.0.into(),
            attempt.state.name().into(),
            facts_text(&attempt.facts)?.into(),
            attempt.facts.tx_hash.into(),
            integer("updated_ms", attempt.updated_ms)?,
        ];
        self.connection.execute(statement, parameters).await?;
        Ok(())
    }

    pub(crate) async fn head(&mut self) -> Result<Head, StoreError> {
        let statement = "SELECT seq, hash FROM audit ORDER BY seq DESC LIMIT 1";
        match self.connection.fetch_first(statement, vec![]).await? {
            None => Ok(Head::default()),
            Some(mut row) => Ok(Head { seq: row.unsigned("seq")?, hash: row.hash("hash")? }),
        }
    }

    pub(crate) async fn links_of(&mut self, attempt: AttemptId) -> Result<Vec<Link>, StoreError> {
        self.connection
            .fetch(audit!("WHERE attempt = $1 ORDER BY seq"), vec![attempt.0.into()])
            .await?
            .into_iter()
            .map(link)
            .collect()
    }

    pub(crate) async fn attempt(&mut self, id: AttemptId) -> Result<Option<Attempt>, StoreError> {
        self.connection.fetch_first(attempts!("WHERE id = $1"), vec![id.0.into()]).await?.map(attempt).transpose()
    }

    pub(crate) async fn attempts(&mut self, subject: Subject) -> Result<Vec<Attempt>, StoreError> {
        let (statement, parameter) = match subject {
            Subject::Decision(hash) => (attempts!("WHERE decision = $1 ORDER BY number"), Cell::from(hash)),
            Subject::Call(call) => (attempts!("WHERE call = $1 ORDER BY number"), Cell::from(call.0)),
        };
        self.connection.fetch(statement, vec![parameter]).await?.into_iter().map(attempt).collect()
    }

    pub(crate) async fn open_attempts(&mut self) -> Result<Vec<Attempt>, StoreError> {
        let statement = attempts!(
            "WHERE state NOT IN ('final', 'replaced', 'reverted', 'expired', 'rejected', 'awaiting_safe') ORDER BY id"
        );
        self.connection.fetch(statement, vec![]).await?.into_iter().map(attempt).collect()
    }

    pub(crate) async fn waiting_attempt(&mut self) -> Result<Option<Attempt>, StoreError> {
        let statement = attempts!("WHERE state = 'awaiting_safe'");
        self.connection.fetch_first(statement, vec![]).await?.map(attempt).transpose()
    }

    pub(crate) async fn newest_of_decisions(&mut self) -> Result<Option<Attempt>, StoreError> {
        let statement = attempts!("WHERE decision IS NOT NULL ORDER BY id DESC LIMIT 1");
        self.connection.fetch_first(statement, vec![]).await?.map(attempt).transpose()
    }

    pub(crate) async fn signed_and_missing(&mut self, limit: u32) -> Result<Vec<Attempt>, StoreError> {
        let statement = attempts!(
            "WHERE tx_hash IS NOT NULL AND state IN ('expired', 'rejected', 'replaced') ORDER BY id DESC LIMIT $1"
        );
        self.connection.fetch(statement, vec![i64::from(limit).into()]).await?.into_iter().map(attempt).collect()
    }

    pub(crate) async fn last_attempt(&mut self) -> Result<i64, StoreError> {
        self.last("SELECT max(id) FROM attempts").await
    }

    /// The calls above a number, each with its number: what cannot be read is for the caller to tell.
    pub(crate) async fn calls_after(&mut self, id: i64, limit: u32) -> Result<Vec<Keyed<Call>>, StoreError> {
        let statement =
            "SELECT id, id, purpose, target, calldata, created_ms FROM calls WHERE id > $1 ORDER BY id LIMIT $2";
        self.page(statement, id, limit, call).await
    }

    /// The attempts above a number, each with its number and the transaction hash of its own column.
    pub(crate) async fn attempts_after(
        &mut self,
        id: i64,
        limit: u32,
    ) -> Result<Vec<Keyed<(Attempt, Option<B256>)>>, StoreError> {
        let statement = "SELECT id, tx_hash, id, decision, call, number, state, facts, updated_ms FROM attempts
             WHERE id > $1 ORDER BY id LIMIT $2";
        let both = |mut row: Row| {
            let tx_hash = row.optional_hash("tx_hash")?;
            Ok((attempt(row)?, tx_hash))
        };
        self.page(statement, id, limit, both).await
    }

    /// The audit log after an entry.
    pub(crate) async fn audit_rows(&mut self, seq: u64, limit: u32) -> Result<Vec<Keyed<AuditRow>>, StoreError> {
        let statement = "SELECT seq, seq, at_ms, kind, attempt, entry, previous, hash FROM audit
             WHERE seq > $1 ORDER BY seq LIMIT $2";
        let seq = i64::try_from(seq).map_err(|_| StoreError::OutOfRange { what: "seq", value: seq })?;
        self.page(statement, seq, limit, audit_row).await
    }

    async fn page<T>(
        &mut self,
        statement: &'static str,
        after: i64,
        limit: u32,
        read: impl Fn(Row) -> Result<T, StoreError>,
    ) -> Result<Vec<Keyed<T>>, StoreError> {
        let rows = self.connection.fetch(statement, vec![after.into(), i64::from(limit).into()]).await?;
        rows.into_iter().map(|mut row| Ok((row.integer("key")?, read(row)))).collect()
    }

    pub(crate) async fn last_call(&mut self) -> Result<i64, StoreError> {
        self.last("SELECT max(id) FROM calls").await
    }

    async fn last(&mut self, statement: &'static str) -> Result<i64, StoreError> {
        let row = self.connection.fetch_first(statement, vec![]).await?;
        Ok(row.map(|mut row| row.optional_integer("max")).transpose()?.flatten().unwrap_or(0))
    }

    pub(crate) async fn decision(&mut self, hash: B256) -> Result<Option<DecisionRow>, StoreError> {
        self.connection.fetch_first(decisions!("WHERE d.hash = $1"), vec![hash.into()]).await?.map(decision).transpose()
    }

    pub(crate) async fn decision_by_tx(&mut self, tx_hash: B256) -> Result<Option<DecisionRow>, StoreError> {
        let statement = decisions!("JOIN attempts a ON a.decision = d.hash WHERE a.tx_hash = $1 ORDER BY a.id LIMIT 1");
        self.connection.fetch_first(statement, vec![tx_hash.into()]).await?.map(decision).transpose()
    }

    pub(crate) async fn decisions(&mut self, limit: u32) -> Result<Vec<DecisionRow>, StoreError> {
        let statement = decisions!("ORDER BY d.seq DESC LIMIT $1");
        self.connection.fetch(statement, vec![i64::from(limit).into()]).await?.into_iter().map(decision).collect()
    }

    pub(crate) async fn refusals_by_gate(&mut self) -> Result<Vec<(String, u64)>, StoreError> {
        let statement =
            "SELECT gate, count(*) AS refused FROM gates WHERE passed = 0 GROUP BY gate ORDER BY refused DESC, gate";
        let rows = self.connection.fetch(statement, vec![]).await?;
        rows.into_iter().map(|mut row| Ok((row.text("gate")?, row.unsigned("refused")?))).collect()
    }

    pub(crate) async fn call(&mut self, id: CallId) -> Result<Option<Call>, StoreError> {
        self.connection.fetch_first(calls!("WHERE id = $1"), vec![id.0.into()]).await?.map(call).transpose()
    }

    pub(crate) async fn calls(&mut self, limit: u32) -> Result<Vec<Call>, StoreError> {
        let statement = calls!("ORDER BY id DESC LIMIT $1");
        self.connection.fetch(statement, vec![i64::from(limit).into()]).await?.into_iter().map(call).collect()
    }
}

/// PostgreSQL's text has no place for a zero byte.
pub(crate) fn printable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

fn attempt(mut row: Row) -> Result<Attempt, StoreError> {
    let id = AttemptId(row.integer("id")?);
    let subject = match (row.optional_hash("decision")?, row.optional_integer("call")?) {
        (Some(hash), None) => Subject::Decision(hash),
        (None, Some(call)) => Subject::Call(CallId(call)),
        _ => return Err(StoreError::Row(format!("attempt {} belongs neither to a decision nor to a call", id.0))),
    };
    let number = row.integer("number")?;
    Ok(Attempt {
        id,
        subject,
        number: u32::try_from(number).map_err(|_| StoreError::Row(format!("number is {number}")))?,
        state: row.state("state")?,
        facts: facts_of(&row.text("facts")?)?,
        updated_ms: row.unsigned("updated_ms")?,
    })
}

fn decision(mut row: Row) -> Result<DecisionRow, StoreError> {
    Ok(DecisionRow { hash: row.hash("hash")?, bytes: row.bytes("record")?, created_ms: row.unsigned("created_ms")? })
}

fn call(mut row: Row) -> Result<Call, StoreError> {
    Ok(Call {
        id: CallId(row.integer("id")?),
        purpose: row.text("purpose")?,
        target: row.address("target")?,
        calldata: Bytes::from(row.bytes("calldata")?),
        created_ms: row.unsigned("created_ms")?,
    })
}

fn link(mut row: Row) -> Result<Link, StoreError> {
    let (seq, at_ms) = (row.unsigned("seq")?, row.unsigned("at_ms")?);
    let entry = Entry::try_from_slice(&row.bytes("entry")?)
        .map_err(|error| StoreError::Row(format!("entry {seq} of the audit log is not one: {error}")))?;
    Ok(Link { seq, at_ms, entry, previous: row.hash("previous")?, hash: row.hash("hash")? })
}
