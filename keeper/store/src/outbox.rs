//! The outbox: attempts to land a decision or a call, and every step they took.

use crate::rows::{
    hash, now_ms, optional_address, optional_hash, optional_integer, optional_unsigned, state, unsigned,
};
use crate::{CallId, Path, State, Store, StoreError};
use alloy_primitives::{Address, B256, Bytes};
use serde::Serialize;
use serde_json::Value;
use sqlx::Row;
use sqlx::sqlite::{SqliteConnection, SqliteRow};

/// The store's number of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(transparent)]
pub struct AttemptId(pub i64);

/// What an attempt is to land.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    Decision(B256),
    Call(CallId),
}

impl Subject {
    /// The line of the state diagram it follows.
    #[must_use]
    pub const fn path(self) -> Path {
        match self {
            Self::Decision(_) => Path::Decision,
            Self::Call(_) => Path::Call,
        }
    }
}

/// What is known about an attempt. A transition sets the fields that are `Some` and keeps the others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// The keeper account that signs.
    pub account: Option<Address>,
    pub account_nonce: Option<u64>,
    /// The final calldata.
    pub calldata: Option<Bytes>,
    /// Unix seconds of chain time after which the hub refuses the proof.
    pub valid_until: Option<u64>,
    /// The one block the bundle is for.
    pub target_block: Option<u64>,
    /// The one timestamp the bundle is for, Unix seconds.
    pub target_timestamp: Option<u64>,
    /// What the final simulation said.
    pub simulation: Option<Value>,
    /// The signed transaction (EIP-2718).
    pub raw_tx: Option<Bytes>,
    pub tx_hash: Option<B256>,
    pub bundle_hash: Option<B256>,
    pub included_block: Option<u64>,
    pub included_hash: Option<B256>,
    /// How the receipt compares with the simulation.
    pub reconciliation: Option<Value>,
    /// Why it ended as it did, for a person.
    pub reason: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Attempt {
    pub id: AttemptId,
    pub subject: Subject,
    /// 1 for the first.
    pub number: u32,
    pub state: State,
    pub facts: Facts,
    /// Wall-clock Unix milliseconds of the last transition.
    pub updated_ms: u64,
}

/// A step of an attempt, as it was written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Transition {
    pub attempt: AttemptId,
    /// `None` for the first.
    pub from: Option<State>,
    pub to: State,
    /// Wall-clock Unix milliseconds.
    pub at_ms: u64,
    pub detail: Value,
}

impl Store {
    /// Begins the next attempt, in state `proposed`.
    ///
    /// # Errors
    /// [`StoreError::Busy`] while any attempt is unsettled (there is one account and so one nonce), and
    /// [`StoreError::Concluded`] unless all earlier attempts of the subject expired.
    pub async fn begin_attempt(&self, subject: Subject, detail: &Value) -> Result<Attempt, StoreError> {
        self.require_lease()?;
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        if let Some(open) = select_open(&mut transaction).await?.first() {
            return Err(StoreError::Busy { attempt: open.id.0, state: open.state });
        }
        let earlier = select_of(&mut transaction, subject).await?;
        if let Some(concluded) = earlier.iter().find(|attempt| attempt.state != State::Expired) {
            return Err(StoreError::Concluded { attempt: concluded.id.0, state: concluded.state });
        }
        if let Subject::Decision(decision) = subject {
            let known = sqlx::query("SELECT 1 FROM decisions WHERE hash = ?")
                .bind(decision.as_slice())
                .fetch_optional(&mut *transaction)
                .await?;
            if known.is_none() {
                return Err(StoreError::UnknownDecision(decision));
            }
        }
        let (decision, call) = match subject {
            Subject::Decision(decision) => (Some(decision.to_vec()), None),
            Subject::Call(call) => (None, Some(call.0)),
        };
        let number = earlier.last().map_or(1, |attempt| attempt.number.saturating_add(1));
        let at = now_ms();
        let id = sqlx::query(
            "INSERT INTO attempts (decision, call, number, state, updated_ms) VALUES (?, ?, ?, 'proposed', ?)",
        )
        .bind(decision)
        .bind(call)
        .bind(number)
        .bind(at)
        .execute(&mut *transaction)
        .await?
        .last_insert_rowid();
        append(&mut transaction, id, None, State::Proposed, at, detail).await?;
        transaction.commit().await?;
        self.attempt(AttemptId(id)).await
    }

    /// Moves an attempt from one state to the next: checks that it is in `from`, writes `facts`, appends the transition,
    /// all or nothing. When this returns, it is on disk.
    ///
    /// # Errors
    /// [`StoreError::IllegalTransition`] if the table of states does not have it, [`StoreError::StateConflict`] if the
    /// attempt is in another state than `from`.
    pub async fn advance(
        &self,
        attempt: AttemptId,
        from: State,
        to: State,
        facts: &Facts,
        detail: &Value,
    ) -> Result<(), StoreError> {
        self.require_lease()?;
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        let current = select_one(&mut transaction, attempt).await?;
        if current.state != from {
            return Err(StoreError::StateConflict { attempt: attempt.0, expected: from, found: current.state });
        }
        let illegal = StoreError::IllegalTransition { attempt: attempt.0, from, to };
        if !from.may_become(to, current.subject.path()) {
            return Err(illegal);
        }
        // Only signed bytes can be found on chain after all.
        if from.is_settled() && to == State::Submitted && current.facts.raw_tx.is_none() {
            return Err(illegal);
        }
        let at = now_ms();
        let changed = sqlx::query(
            "UPDATE attempts SET state = ?, updated_ms = ?,
                account = coalesce(?, account), account_nonce = coalesce(?, account_nonce),
                calldata = coalesce(?, calldata), valid_until = coalesce(?, valid_until),
                target_block = coalesce(?, target_block), target_timestamp = coalesce(?, target_timestamp),
                simulation = coalesce(?, simulation), raw_tx = coalesce(?, raw_tx), tx_hash = coalesce(?, tx_hash),
                bundle_hash = coalesce(?, bundle_hash), included_block = coalesce(?, included_block),
                included_hash = coalesce(?, included_hash), reconciliation = coalesce(?, reconciliation),
                reason = coalesce(?, reason)
             WHERE id = ? AND state = ?",
        )
        .bind(to.name())
        .bind(at)
        .bind(facts.account.map(|account| account.to_vec()))
        .bind(optional_integer("account nonce", facts.account_nonce)?)
        .bind(facts.calldata.as_ref().map(|calldata| calldata.to_vec()))
        .bind(optional_integer("valid_until", facts.valid_until)?)
        .bind(optional_integer("target block", facts.target_block)?)
        .bind(optional_integer("target timestamp", facts.target_timestamp)?)
        .bind(json(facts.simulation.as_ref())?)
        .bind(facts.raw_tx.as_ref().map(|raw| raw.to_vec()))
        .bind(facts.tx_hash.map(|id| id.to_vec()))
        .bind(facts.bundle_hash.map(|id| id.to_vec()))
        .bind(optional_integer("block number", facts.included_block)?)
        .bind(facts.included_hash.map(|id| id.to_vec()))
        .bind(json(facts.reconciliation.as_ref())?)
        .bind(facts.reason.as_deref())
        .bind(attempt.0)
        .bind(from.name())
        .execute(&mut *transaction)
        .await?
        .rows_affected();
        if changed != 1 {
            return Err(StoreError::StateConflict { attempt: attempt.0, expected: from, found: current.state });
        }
        append(&mut transaction, attempt.0, Some(from), to, at, detail).await?;
        transaction.commit().await?;
        Ok(())
    }

    /// Adds what the relay answered to a submitted attempt; not a step, so it moves no state.
    ///
    /// # Errors
    /// If the store cannot be written.
    pub async fn note_bundle(&self, attempt: AttemptId, bundle_hash: B256) -> Result<(), StoreError> {
        self.require_lease()?;
        sqlx::query("UPDATE attempts SET bundle_hash = ? WHERE id = ?")
            .bind(bundle_hash.as_slice())
            .bind(attempt.0)
            .execute(&self.pool)
            .await?;
        Ok(())
    }

    /// One attempt.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] if there is none with this number.
    pub async fn attempt(&self, id: AttemptId) -> Result<Attempt, StoreError> {
        select_one(&mut *self.pool.acquire().await?, id).await
    }

    /// All attempts of a decision or call, first to last.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn attempts(&self, subject: Subject) -> Result<Vec<Attempt>, StoreError> {
        select_of(&mut *self.pool.acquire().await?, subject).await
    }

    /// Attempts that are not settled; at most one, by the schema.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn open_attempts(&self) -> Result<Vec<Attempt>, StoreError> {
        select_open(&mut *self.pool.acquire().await?).await
    }

    /// The newest settled attempts whose signed bytes exist but were never seen on chain, newest first. Those of a decision or
    /// call that is on chain by another attempt are left out: it lands once.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn signed_and_missing(&self, limit: u32) -> Result<Vec<Attempt>, StoreError> {
        sqlx::query(
            "SELECT * FROM attempts AS missing
             WHERE tx_hash IS NOT NULL AND state IN ('expired', 'rejected', 'replaced') AND NOT EXISTS (
                SELECT 1 FROM attempts AS landed WHERE landed.state IN ('included', 'final', 'reverted')
                AND (landed.decision = missing.decision OR landed.call = missing.call))
             ORDER BY id DESC LIMIT ?",
        )
        .bind(limit)
        .fetch_all(&self.pool)
        .await?
        .iter()
        .map(attempt_of)
        .collect()
    }

    /// Every step of an attempt, in order.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn transitions(&self, attempt: AttemptId) -> Result<Vec<Transition>, StoreError> {
        sqlx::query("SELECT * FROM transitions WHERE attempt = ? ORDER BY id")
            .bind(attempt.0)
            .fetch_all(&self.pool)
            .await?
            .iter()
            .map(transition_of)
            .collect()
    }
}

async fn select_one(connection: &mut SqliteConnection, id: AttemptId) -> Result<Attempt, StoreError> {
    let row = sqlx::query("SELECT * FROM attempts WHERE id = ?").bind(id.0).fetch_optional(connection).await?;
    attempt_of(&row.ok_or(StoreError::Unknown { what: "attempt", id: id.0 })?)
}

async fn select_of(connection: &mut SqliteConnection, subject: Subject) -> Result<Vec<Attempt>, StoreError> {
    let query = match subject {
        Subject::Decision(decision) => {
            sqlx::query("SELECT * FROM attempts WHERE decision = ? ORDER BY number").bind(decision.to_vec())
        }
        Subject::Call(call) => sqlx::query("SELECT * FROM attempts WHERE call = ? ORDER BY number").bind(call.0),
    };
    query.fetch_all(connection).await?.iter().map(attempt_of).collect()
}

async fn select_open(connection: &mut SqliteConnection) -> Result<Vec<Attempt>, StoreError> {
    sqlx::query(
        "SELECT * FROM attempts WHERE state NOT IN ('final', 'replaced', 'reverted', 'expired', 'rejected') ORDER BY id",
    )
    .fetch_all(connection)
    .await?
    .iter()
    .map(attempt_of)
    .collect()
}

async fn append(
    connection: &mut SqliteConnection,
    attempt: i64,
    from: Option<State>,
    to: State,
    at: i64,
    detail: &Value,
) -> Result<(), StoreError> {
    sqlx::query("INSERT INTO transitions (attempt, from_state, to_state, at_ms, detail) VALUES (?, ?, ?, ?, ?)")
        .bind(attempt)
        .bind(from.map(State::name))
        .bind(to.name())
        .bind(at)
        .bind(serde_json::to_string(detail)?)
        .execute(connection)
        .await?;
    Ok(())
}

fn json(value: Option<&Value>) -> Result<Option<String>, StoreError> {
    Ok(value.map(serde_json::to_string).transpose()?)
}

fn optional_json(row: &SqliteRow, column: &'static str) -> Result<Option<Value>, StoreError> {
    Ok(row.try_get::<Option<String>, _>(column)?.map(|text| serde_json::from_str(&text)).transpose()?)
}

fn attempt_of(row: &SqliteRow) -> Result<Attempt, StoreError> {
    let subject = match row.try_get::<Option<i64>, _>("call")? {
        Some(call) => Subject::Call(CallId(call)),
        None => Subject::Decision(hash(row, "decision")?),
    };
    Ok(Attempt {
        id: AttemptId(row.try_get("id")?),
        subject,
        number: row.try_get("number")?,
        state: state(row, "state")?,
        facts: Facts {
            account: optional_address(row, "account")?,
            account_nonce: optional_unsigned(row, "account_nonce")?,
            calldata: row.try_get::<Option<Vec<u8>>, _>("calldata")?.map(Bytes::from),
            valid_until: optional_unsigned(row, "valid_until")?,
            target_block: optional_unsigned(row, "target_block")?,
            target_timestamp: optional_unsigned(row, "target_timestamp")?,
            simulation: optional_json(row, "simulation")?,
            raw_tx: row.try_get::<Option<Vec<u8>>, _>("raw_tx")?.map(Bytes::from),
            tx_hash: optional_hash(row, "tx_hash")?,
            bundle_hash: optional_hash(row, "bundle_hash")?,
            included_block: optional_unsigned(row, "included_block")?,
            included_hash: optional_hash(row, "included_hash")?,
            reconciliation: optional_json(row, "reconciliation")?,
            reason: row.try_get("reason")?,
        },
        updated_ms: unsigned(row, "updated_ms")?,
    })
}

fn transition_of(row: &SqliteRow) -> Result<Transition, StoreError> {
    let from = match row.try_get::<Option<String>, _>("from_state")? {
        None => None,
        Some(_) => Some(state(row, "from_state")?),
    };
    Ok(Transition {
        attempt: AttemptId(row.try_get("attempt")?),
        from,
        to: state(row, "to_state")?,
        at_ms: unsigned(row, "at_ms")?,
        detail: serde_json::from_str(&row.try_get::<String, _>("detail")?)?,
    })
}
