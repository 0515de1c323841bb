//! Transactions that carry no decision: heartbeats, trips of the kill switch, the emergency exit.

use crate::audit::Entry;
use crate::session::Change;
use crate::{Store, StoreError};
use alloy_primitives::{Address, Bytes};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::Serialize;

/// The store's number of a call that carries no decision.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, BorshSerialize, BorshDeserialize)]
#[serde(transparent)]
pub struct CallId(pub i64);

/// A transaction that carries no decision.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Call {
    pub id: CallId,
    pub purpose: String,
    pub target: Address,
    pub calldata: Bytes,
    /// Wall-clock Unix milliseconds.
    pub created_ms: u64,
}

impl Store {
    /// Records a call. Each is new; nothing makes two equal calls one.
    ///
    /// # Errors
    /// If the store cannot be written.
    pub async fn put_call(&self, purpose: &str, target: Address, calldata: &Bytes) -> Result<CallId, StoreError> {
        let mut session = self.write().await?;
        let call = Call {
            id: CallId(session.last_call().await?.saturating_add(1)),
            purpose: purpose.to_owned(),
            target,
            calldata: calldata.clone(),
            created_ms: self.now_ms(),
        };
        let (id, purpose, calldata) = (call.id, call.purpose.clone(), call.calldata.to_vec());
        session.commit(call.created_ms, Entry::Call { id, purpose, target, calldata }, Change::Call(call)).await?;
        Ok(id)
    }

    /// One call.
    ///
    /// # Errors
    /// [`StoreError::Unknown`] if there is none with this number.
    pub async fn call(&self, id: CallId) -> Result<Call, StoreError> {
        self.read().await?.call(id).await?.ok_or(StoreError::Unknown { what: "call", id: id.0 })
    }

    /// The newest calls, newest first.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub async fn calls(&self, limit: u32) -> Result<Vec<Call>, StoreError> {
        self.read().await?.calls(limit).await
    }
}
