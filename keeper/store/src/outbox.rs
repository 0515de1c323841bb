//! The outbox: attempts to land a decision or a call, and every step they took.

use crate::audit::{Entry, facts_text};
use crate::session::Change;
use crate::sql::printable;
use crate::{CallId, Path, State, Store, StoreError};
use alloy_primitives::{Address, B256, Bytes};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The store's number of an attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, BorshSerialize, BorshDeserialize)]
#[serde(transparent)]
pub struct AttemptId(pub i64);

/// What an attempt is to land.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, BorshSerialize, BorshDeserialize)]
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

/// What is known about an attempt. A transition sets the fields that are `Some` and keeps the others; a JSON `null` counts as `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
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
    /// Why it ended as it did, or waits, for a person.
    pub reason: Option<String>,
    /// The digest that the Safe was asked to approve (`StrategyHub.approvalDigest`).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub approval: Option<B256>,
}

/// The same with every text, keys too, without zero bytes.
fn printable_json(value: Value) -> Value {
    match value {
        Value::String(text) => Value::String(printable(&text)),
        Value::Array(values) => values.into_iter().map(printable_json).collect(),
        Value::Object(fields) => {
            fields.into_iter().map(|(key, value)| (printable(&key), printable_json(value))).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value,
    }
}

/// Names every field once, so that a new one cannot be forgotten.
macro_rules! overlay {
    ($own:ident, $later:ident: $($field:ident),+) => {
        let Facts { $($field),+ } = $later;
        $( if $field.is_some() { $own.$field.clone_from($field); } )+
    };
}

impl Facts {
    /// Sets what `later` has.
    pub(crate) fn update(&mut self, later: &Self) {
        overlay!(self, later: account, account_nonce, calldata, valid_until, target_block, target_timestamp, simulation, raw_tx,
            tx_hash, bundle_hash, included_block, included_hash, reconciliation, reason, approval);
    }

    /// Without JSON nulls, which cannot be told from nothing once they are stored, and without zero bytes in texts, which PostgreSQL
    /// refuses even as an escape in JSON: what a node or a relay says must not keep a step from being stored.
    fn storable(&self) -> Self {
        let set = |value: &Option<Value>| value.clone().filter(|value| !value.is_null()).map(printable_json);
        Self {
            simulation: set(&self.simulation),
            reconciliation: set(&self.reconciliation),
            reason: self.reason.as_deref().map(printable),
            ..self.clone()
        }
    }

    /// What is missing for that state.
    fn lacks(&self, state: State) -> Option<&'static str> {
        use State::{Final, Included, Replaced, Reverted, Signed, Submitted};
        let signed = matches!(state, Signed | Submitted | Included | Final | Reverted | Replaced);
        let placed = matches!(state, Included | Final | Reverted);
        match () {
            () if signed && self.raw_tx.is_none() => Some("raw_tx"),
            () if signed && self.tx_hash.is_none() => Some("tx_hash"),
            () if signed && self.account_nonce.is_none() => Some("account_nonce"),
            () if placed && self.included_block.is_none() => Some("included_block"),
            () => None,
        }
    }
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
    /// [`StoreError::Busy`] while any attempt is under way (there is one account and so one nonce), [`StoreError::Awaiting`] for a decision
    /// while another one waits for the Safe (its approval is good for the hub's next nonce only),
    /// [`StoreError::Concluded`] unless all earlier attempts of the subject expired, [`StoreError::UnknownDecision`] or
    /// [`StoreError::Unknown`] if the subject is not stored.
    pub async fn begin_attempt(&self, subject: Subject, detail: &Value) -> Result<Attempt, StoreError> {
        let mut session = self.write().await?;
        if let Some(open) = session.open_attempts().await?.first() {
            return Err(StoreError::Busy { attempt: open.id.0, state: open.state });
        }
        let earlier = session.attempts(subject).await?;
        if let Some(concluded) = earlier.iter().find(|attempt| attempt.state != State::Expired) {
            return Err(StoreError::Concluded { attempt: concluded.id.0, state: concluded.state });
        }
        if matches!(subject, Subject::Decision(_))
            && let Some(waiting) = session.waiting_attempt().await?
        {
            return Err(StoreError::Awaiting { attempt: waiting.id.0 });
        }
        match subject {
            Subject::Decision(hash) if session.decision(hash).await?.is_none() => {
                return Err(StoreError::UnknownDecision(hash));
            }
            Subject::Call(CallId(id)) if session.call(CallId(id)).await?.is_none() => {
                return Err(StoreError::Unknown { what: "call", id });
            }
            Subject::Decision(_) | Subject::Call(_) => {}
        }
        let attempt = Attempt {
            id: AttemptId(session.last_attempt().await?.saturating_add(1)),
            subject,
            number: earlier.last().map_or(1, |attempt| attempt.number.saturating_add(1)),
            state: State::Proposed,
            facts: Facts::default(),
            updated_ms: self.now_ms(),
        };
        let entry = Entry::Begun {
            attempt: attempt.id,
            subject,
            number: attempt.number,
            detail: serde_json::to_string(detail)?,
        };
        session.commit(attempt.updated_ms, entry, Change::Begin(attempt.clone())).await?;
        Ok(attempt)
    }

    /// Moves an attempt from one state to the next: checks that it is in `from`, writes `facts`, appends the transition,
    /// all or nothing. When this returns, it is on disk.
    ///
    /// # Errors
    /// [`StoreError::IllegalTransition`] if the table of states does not have it, [`StoreError::StateConflict`] if the
    /// attempt is in another state than `from`, [`StoreError::Incomplete`] if a fact is missing that the state stands for,
    /// [`StoreError::SecondLanding`] if another attempt of its decision is on chain, [`StoreError::Busy`] if it would be the second
    /// one under way.
    pub async fn advance(
        &self,
        attempt: AttemptId,
        from: State,
        to: State,
        facts: &Facts,
        detail: &Value,
    ) -> Result<(), StoreError> {
        let mut session = self.write().await?;
        let unknown = StoreError::Unknown { what: "attempt", id: attempt.0 };
        let mut current = session.attempt(attempt).await?.ok_or(unknown)?;
        if current.state != from {
            return Err(StoreError::StateConflict { attempt: attempt.0, expected: from, found: current.state });
        }
        // Only signed bytes can be found on chain after all.
        let unsigned_landing = from.is_settled() && to == State::Submitted && current.facts.raw_tx.is_none();
        if !from.may_become(to, current.subject.path()) || unsigned_landing {
            return Err(StoreError::IllegalTransition { attempt: attempt.0, from, to });
        }
        if !from.is_under_way()
            && to.is_under_way()
            && let Some(open) = session.open_attempts().await?.first()
        {
            return Err(StoreError::Busy { attempt: open.id.0, state: open.state });
        }
        if to.is_on_chain() && matches!(current.subject, Subject::Decision(_)) {
            let others = session.attempts(current.subject).await?;
            if let Some(landed) = others.iter().find(|other| other.id != attempt && other.state.is_on_chain()) {
                return Err(StoreError::SecondLanding { attempt: attempt.0, landed: landed.id.0 });
            }
        }
        let facts = facts.storable();
        current.facts.update(&facts);
        if let Some(missing) = current.facts.lacks(to) {
            return Err(StoreError::Incomplete { attempt: attempt.0, to, missing });
        }
        current.state = to;
        current.updated_ms = self.now_ms();
        let (facts, detail) = (facts_text(&facts)?, serde_json::to_string(detail)?);
        let entry = Entry::Moved { attempt, from, to, facts, detail };
        session.commit(current.updated_ms, entry, Change::Update(current)).await
    }

    /// Adds what the relay answered to a submitted attempt; not a step, so it moves no state.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] if there is no such attempt, or if the store cannot be written.
    pub async fn note_bundle(&self, attempt: AttemptId, bundle_hash: B256) -> Result<(), StoreError> {
        let mut session = self.write().await?;
        let unknown = StoreError::Unknown { what: "attempt", id: attempt.0 };
        let mut current = session.attempt(attempt).await?.ok_or(unknown)?;
        let facts = Facts { bundle_hash: Some(bundle_hash), ..Facts::default() };
        current.facts.update(&facts);
        let entry = Entry::Noted { attempt, facts: facts_text(&facts)? };
        session.commit(self.now_ms(), entry, Change::Update(current)).await
    }

    /// One attempt.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] if there is none with this number.
    pub async fn attempt(&self, id: AttemptId) -> Result<Attempt, StoreError> {
        let found = self.read().await?.attempt(id).await?;
        found.ok_or(StoreError::Unknown { what: "attempt", id: id.0 })
    }

    /// All attempts of a decision or call, first to last.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn attempts(&self, subject: Subject) -> Result<Vec<Attempt>, StoreError> {
        self.read().await?.attempts(subject).await
    }

    /// Attempts that are under way; at most one, by the schema.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn open_attempts(&self) -> Result<Vec<Attempt>, StoreError> {
        self.read().await?.open_attempts().await
    }

    /// The newest attempt of any decision, whatever became of it.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn newest_of_decisions(&self) -> Result<Option<Attempt>, StoreError> {
        self.read().await?.newest_of_decisions().await
    }

    /// The newest settled attempts whose signed bytes exist but were never seen on chain, newest first, also where another attempt for the
    /// same is on chain: whoever has the bytes may still send them.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn signed_and_missing(&self, limit: u32) -> Result<Vec<Attempt>, StoreError> {
        self.read().await?.signed_and_missing(limit).await
    }

    /// Every step of an attempt, in order.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn transitions(&self, attempt: AttemptId) -> Result<Vec<Transition>, StoreError> {
        let links = self.read().await?.links_of(attempt).await?;
        links.iter().filter_map(|link| link.entry.transition(link.at_ms).transpose()).collect()
    }
}
