//! Decision records by hash.

use crate::audit::Entry;
use crate::session::Change;
use crate::{Store, StoreError};
use alloy_primitives::{B256, keccak256};
use ballast_types::{Action, DecisionRecord};

/// A record as it was stored, its hash checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredDecision {
    pub hash: B256,
    pub record: DecisionRecord,
    /// The canonical bytes.
    pub bytes: Vec<u8>,
    /// Wall-clock Unix milliseconds of the first write.
    pub created_ms: u64,
}

/// A row of the decisions, before its hash is checked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DecisionRow {
    pub(crate) hash: B256,
    pub(crate) bytes: Vec<u8>,
    pub(crate) created_ms: u64,
}

impl Store {
    /// Stores a record under its hash. Storing the same record again changes nothing.
    ///
    /// # Errors
    /// If the record cannot be encoded or the store cannot be written.
    pub async fn put_decision(&self, record: &DecisionRecord) -> Result<B256, StoreError> {
        let bytes = record.to_canonical()?;
        let hash = keccak256(&bytes);
        let mut session = self.write().await?;
        if session.decision(hash).await?.is_none() {
            let created_ms = self.now_ms();
            let stored = StoredDecision { hash, record: record.clone(), bytes, created_ms };
            session.commit(created_ms, Entry::Decision { hash }, Change::Decision(Box::new(stored))).await?;
        }
        Ok(hash)
    }

    /// The record with this hash.
    ///
    /// # Errors
    /// [`StoreError::Tampered`] if the stored bytes do not have the hash they are stored under.
    pub async fn decision(&self, id: B256) -> Result<Option<StoredDecision>, StoreError> {
        self.read().await?.decision(id).await?.map(DecisionRow::checked).transpose()
    }

    /// The record that a transaction of ours carried, in any of its attempts.
    ///
    /// # Errors
    /// As [`Self::decision`].
    pub async fn decision_by_tx(&self, tx_hash: B256) -> Result<Option<StoredDecision>, StoreError> {
        self.read().await?.decision_by_tx(tx_hash).await?.map(DecisionRow::checked).transpose()
    }

    /// The newest records, newest first.
    ///
    /// # Errors
    /// As [`Self::decision`].
    pub async fn decisions(&self, limit: u32) -> Result<Vec<StoredDecision>, StoreError> {
        self.read().await?.decisions(limit).await?.into_iter().map(DecisionRow::checked).collect()
    }

    /// How often each gate said no, most often first.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn refusals_by_gate(&self) -> Result<Vec<(String, u64)>, StoreError> {
        self.read().await?.refusals_by_gate().await
    }
}

impl DecisionRow {
    pub(crate) fn checked(self) -> Result<StoredDecision, StoreError> {
        let Self { hash, bytes, created_ms } = self;
        let found = keccak256(&bytes);
        if found != hash {
            return Err(StoreError::Tampered { hash, detail: format!("its bytes hash to {found}") });
        }
        Ok(StoredDecision { hash, record: DecisionRecord::from_canonical(&bytes)?, bytes, created_ms })
    }
}

/// The name of what a decision does, as the store has it.
pub(crate) const fn action(record: &DecisionRecord) -> &'static str {
    match record.decision.action {
        Action::Hold => "hold",
        Action::Rebalance { .. } => "rebalance",
    }
}
