//! Decision records by hash.

use crate::rows::{hash, integer, now_ms, unsigned};
use crate::{Store, StoreError};
use alloy_primitives::{B256, keccak256};
use ballast_types::{Action, DecisionRecord};
use sqlx::Row;
use sqlx::sqlite::SqliteRow;

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

impl Store {
    /// Stores a record under its hash. Storing the same record again changes nothing.
    ///
    /// # Errors
    /// If the record cannot be encoded or the store cannot be written.
    pub async fn put_decision(&self, record: &DecisionRecord) -> Result<B256, StoreError> {
        self.require_lease()?;
        let bytes = record.to_canonical()?;
        let id = keccak256(&bytes);
        let block = &record.snapshot.block;
        let action = match record.decision.action {
            Action::Hold => "hold",
            Action::Rebalance { .. } => "rebalance",
        };
        let mut transaction = self.pool.begin_with("BEGIN IMMEDIATE").await?;
        let inserted = sqlx::query(
            "INSERT INTO decisions (hash, chain_id, block_number, block_hash, block_timestamp, action, record, created_ms)
             VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (hash) DO NOTHING",
        )
        .bind(id.as_slice())
        .bind(integer("chain_id", record.snapshot.chain_id)?)
        .bind(integer("block number", block.number)?)
        .bind(block.hash.as_slice())
        .bind(integer("block timestamp", block.timestamp)?)
        .bind(action)
        .bind(&bytes)
        .bind(now_ms())
        .execute(&mut *transaction)
        .await?
        .rows_affected();
        if inserted == 1 {
            for (position, gate) in (0_i64..).zip(&record.decision.gates) {
                sqlx::query("INSERT INTO gates (decision, position, gate, passed, detail) VALUES (?, ?, ?, ?, ?)")
                    .bind(id.as_slice())
                    .bind(position)
                    .bind(gate.id.to_string())
                    .bind(gate.passed)
                    .bind(&gate.detail)
                    .execute(&mut *transaction)
                    .await?;
            }
        }
        transaction.commit().await?;
        Ok(id)
    }

    /// The record with this hash.
    ///
    /// # Errors
    /// [`StoreError::Tampered`] if the stored bytes do not have the hash they are stored under.
    pub async fn decision(&self, id: B256) -> Result<Option<StoredDecision>, StoreError> {
        sqlx::query("SELECT hash, record, created_ms FROM decisions WHERE hash = ?")
            .bind(id.as_slice())
            .fetch_optional(&self.pool)
            .await?
            .map(|row| checked(&row))
            .transpose()
    }

    /// The record that a transaction of ours carried, in any of its attempts.
    ///
    /// # Errors
    /// As [`Self::decision`].
    pub async fn decision_by_tx(&self, tx_hash: B256) -> Result<Option<StoredDecision>, StoreError> {
        sqlx::query(
            "SELECT d.hash, d.record, d.created_ms FROM decisions d JOIN attempts a ON a.decision = d.hash
             WHERE a.tx_hash = ? LIMIT 1",
        )
        .bind(tx_hash.as_slice())
        .fetch_optional(&self.pool)
        .await?
        .map(|row| checked(&row))
        .transpose()
    }

    /// The newest records, newest first.
    ///
    /// # Errors
    /// As [`Self::decision`].
    pub async fn decisions(&self, limit: u32) -> Result<Vec<StoredDecision>, StoreError> {
        sqlx::query("SELECT hash, record, created_ms FROM decisions ORDER BY created_ms DESC, rowid DESC LIMIT ?")
            .bind(limit)
            .fetch_all(&self.pool)
            .await?
            .iter()
            .map(checked)
            .collect()
    }

    /// How often each gate said no, most often first.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn refusals_by_gate(&self) -> Result<Vec<(String, u64)>, StoreError> {
        sqlx::query(
            "SELECT gate, count(*) AS refused FROM gates WHERE passed = 0 GROUP BY gate ORDER BY refused DESC, gate",
        )
        .fetch_all(&self.pool)
        .await?
        .iter()
        .map(|row| Ok((row.try_get("gate")?, unsigned(row, "refused")?)))
        .collect()
    }
}

fn checked(row: &SqliteRow) -> Result<StoredDecision, StoreError> {
    let id = hash(row, "hash")?;
    let bytes: Vec<u8> = row.try_get("record")?;
    let found = keccak256(&bytes);
    if found != id {
        return Err(StoreError::Tampered { hash: id, detail: format!("its bytes hash to {found}") });
    }
    let record = DecisionRecord::from_canonical(&bytes)?;
    Ok(StoredDecision { hash: id, record, bytes, created_ms: unsigned(row, "created_ms")? })
}
