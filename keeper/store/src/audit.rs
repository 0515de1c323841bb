//! The audit log: everything that was written, as one chain of hashes.
//!
//! An entry's hash is `keccak256` over the [Borsh](https://borsh.io) encoding of `("ballast audit 1", seq, previous, at_ms, entry)`: a
//! string, a `u64`, 32 bytes, a `u64` and [`Entry`]. `seq` counts from 1, `previous` is the hash of the entry before and zero for the
//! first. States are encoded by name, JSON values as the text that is stored, so that neither a new state nor a new fact changes the
//! encoding of what was written before.
//!
//! Whoever can write to the database can also compute a new chain from the entry they change on. What they cannot do is to have it
//! end in a hash that someone else wrote down: keep the head elsewhere, and give it to [`Store::verify_audit`](crate::Store::verify_audit).

use crate::{AttemptId, CallId, Facts, State, StoreError, Subject, Transition};
use alloy_primitives::{Address, B256, keccak256};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::Serialize;

/// Separates these hashes from all others.
const DOMAIN: &str = "ballast audit 1";

/// What one entry of the audit log says was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, BorshSerialize, BorshDeserialize)]
#[serde(rename_all = "snake_case")]
pub enum Entry {
    /// A record was stored. Its hash stands for all of it.
    Decision { hash: B256 },
    /// A call was stored.
    Call { id: CallId, purpose: String, target: Address, calldata: Vec<u8> },
    /// An attempt was begun, in state `proposed`.
    Begun { attempt: AttemptId, subject: Subject, number: u32, detail: String },
    /// An attempt moved; `facts` are those that the move set, as a JSON object.
    Moved { attempt: AttemptId, from: State, to: State, facts: String, detail: String },
    /// Facts were added without a move: what the relay answered, or what a migration found.
    Noted { attempt: AttemptId, facts: String },
}

impl Entry {
    /// The name of its kind, as the store has it.
    #[must_use]
    pub const fn kind(&self) -> &'static str {
        match self {
            Self::Decision { .. } => "decision",
            Self::Call { .. } => "call",
            Self::Begun { .. } => "begun",
            Self::Moved { .. } => "moved",
            Self::Noted { .. } => "noted",
        }
    }

    /// The attempt it is about.
    #[must_use]
    pub const fn attempt(&self) -> Option<AttemptId> {
        match self {
            Self::Decision { .. } | Self::Call { .. } => None,
            Self::Begun { attempt, .. } | Self::Moved { attempt, .. } | Self::Noted { attempt, .. } => Some(*attempt),
        }
    }

    /// The step it is, if it is one.
    pub(crate) fn transition(&self, at_ms: u64) -> Result<Option<Transition>, StoreError> {
        let (attempt, from, to, detail) = match self {
            Self::Begun { attempt, detail, .. } => (*attempt, None, State::Proposed, detail),
            Self::Moved { attempt, from, to, detail, .. } => (*attempt, Some(*from), *to, detail),
            Self::Decision { .. } | Self::Call { .. } | Self::Noted { .. } => return Ok(None),
        };
        Ok(Some(Transition { attempt, from, to, at_ms, detail: serde_json::from_str(detail)? }))
    }
}

/// The end of the chain.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Head {
    /// How many entries there are.
    pub seq: u64,
    /// The hash of the last one; zero if there is none.
    pub hash: B256,
}

impl Head {
    /// The entry that follows.
    pub(crate) fn append(self, at_ms: u64, entry: Entry) -> Result<Link, StoreError> {
        let seq = self.seq.saturating_add(1);
        let hash = link_hash(seq, self.hash, at_ms, &entry)?;
        Ok(Link { seq, at_ms, entry, previous: self.hash, hash })
    }
}

/// An entry in its place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Link {
    /// From 1, without gaps.
    pub seq: u64,
    /// Wall-clock Unix milliseconds.
    pub at_ms: u64,
    pub entry: Entry,
    /// The hash of the entry before.
    pub previous: B256,
    /// Its own.
    pub hash: B256,
}

pub(crate) fn link_hash(seq: u64, previous: B256, at_ms: u64, entry: &Entry) -> Result<B256, StoreError> {
    Ok(keccak256(encoded(&(DOMAIN, seq, previous, at_ms, entry))?))
}

pub(crate) fn encoded(value: &impl BorshSerialize) -> Result<Vec<u8>, StoreError> {
    borsh::to_vec(value).map_err(|error| StoreError::Row(format!("it cannot be encoded: {error}")))
}

/// The set facts as a JSON object, without those that are not.
pub(crate) fn facts_text(facts: &Facts) -> Result<String, StoreError> {
    let mut value = serde_json::to_value(facts)?;
    if let Some(object) = value.as_object_mut() {
        object.retain(|_, fact| !fact.is_null());
    }
    Ok(value.to_string())
}

pub(crate) fn facts_of(text: &str) -> Result<Facts, StoreError> {
    Ok(serde_json::from_str(text)?)
}
