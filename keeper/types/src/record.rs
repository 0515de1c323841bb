//! The decision record: all that a decision followed from, and the decision, as canonical bytes.
//!
//! The encoding is [Borsh](https://borsh.io): every value has exactly one encoding, and decoding refuses trailing
//! bytes. `keccak256` of the bytes is the `decisionHash` that the hub emits and the attestor signs.

use crate::{Decision, Outlook, Policy, Snapshot};
use alloy_primitives::{B256, keccak256};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// The format this build writes. A change to any type inside a record changes it.
pub const FORMAT: u16 = 6;

#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct DecisionRecord {
    pub format: u16,
    pub snapshot: Snapshot,
    pub policy: Policy,
    /// What was expected beyond the snapshot; empty unless the policy's strategy asks for it.
    pub outlook: Outlook,
    /// The models whose outputs entered the decision.
    pub models: Vec<ModelId>,
    pub decision: Decision,
}

/// A model and the exact version of it.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct ModelId {
    pub name: String,
    pub version: String,
}

#[derive(Debug, thiserror::Error)]
pub enum RecordError {
    #[error("the record has format {found}, this build reads format {FORMAT}")]
    Format { found: u16 },
    #[error("the record is not canonical: {0}")]
    Malformed(#[from] std::io::Error),
}

impl DecisionRecord {
    /// The canonical bytes.
    ///
    /// # Errors
    /// Only if a list is longer than 2³² entries.
    pub fn to_canonical(&self) -> Result<Vec<u8>, RecordError> {
        Ok(borsh::to_vec(self)?)
    }

    /// Reads canonical bytes; refuses another format, malformed values and trailing bytes.
    ///
    /// # Errors
    /// See [`RecordError`].
    pub fn from_canonical(bytes: &[u8]) -> Result<Self, RecordError> {
        let found = u16::deserialize_reader(&mut &bytes[..])?;
        if found != FORMAT {
            return Err(RecordError::Format { found });
        }
        Ok(Self::try_from_slice(bytes)?)
    }

    /// `keccak256` of the canonical bytes.
    ///
    /// # Errors
    /// As [`Self::to_canonical`].
    pub fn hash(&self) -> Result<B256, RecordError> {
        Ok(keccak256(self.to_canonical()?))
    }
}
