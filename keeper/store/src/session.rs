//! A read or a write of the store, whatever is behind it.

use crate::audit::{Entry, Head, Link};
use crate::decisions::DecisionRow;
use crate::memory::MemorySession;
use crate::sql::SqlSession;
use crate::{Attempt, AttemptId, Call, CallId, StoreError, StoredDecision, Subject};
use alloy_primitives::B256;

/// What a write changes beside the audit log.
#[derive(Clone, Debug)]
pub(crate) enum Change {
    Decision(Box<StoredDecision>),
    Call(Call),
    Begin(Attempt),
    Update(Attempt),
}

/// One consistent view of the store. That of a writer excludes all others until it is committed or dropped; dropped, it leaves nothing.
pub(crate) enum Session {
    Sql(Box<SqlSession>),
    Memory(MemorySession),
}

/// Asks whichever it is.
macro_rules! ask {
    ($session:ident.$method:ident($($argument:expr),*)) => {
        match $session {
            Self::Sql(session) => session.$method($($argument),*).await,
            Self::Memory(session) => Ok(session.contents.$method($($argument),*)),
        }
    };
}

impl Session {
    /// Writes the change and its entry, all or nothing. When this returns, it is durable.
    pub(crate) async fn commit(mut self, at_ms: u64, entry: Entry, change: Change) -> Result<(), StoreError> {
        let link = self.head().await?.append(at_ms, entry)?;
        match self {
            Self::Sql(session) => session.commit(link, change).await,
            Self::Memory(session) => session.commit(link, change),
        }
    }

    /// Ends it without a change. A writer's that is only dropped is ended by the next one.
    pub(crate) async fn end(self) -> Result<(), StoreError> {
        match self {
            Self::Sql(session) => session.connection.rollback().await,
            Self::Memory(_) => Ok(()),
        }
    }

    pub(crate) async fn head(&mut self) -> Result<Head, StoreError> {
        ask!(self.head())
    }

    pub(crate) async fn links_of(&mut self, attempt: AttemptId) -> Result<Vec<Link>, StoreError> {
        ask!(self.links_of(attempt))
    }

    pub(crate) async fn attempt(&mut self, id: AttemptId) -> Result<Option<Attempt>, StoreError> {
        ask!(self.attempt(id))
    }

    /// By number.
    pub(crate) async fn attempts(&mut self, subject: Subject) -> Result<Vec<Attempt>, StoreError> {
        ask!(self.attempts(subject))
    }

    pub(crate) async fn open_attempts(&mut self) -> Result<Vec<Attempt>, StoreError> {
        ask!(self.open_attempts())
    }

    pub(crate) async fn waiting_attempt(&mut self) -> Result<Option<Attempt>, StoreError> {
        ask!(self.waiting_attempt())
    }

    pub(crate) async fn newest_of_decisions(&mut self) -> Result<Option<Attempt>, StoreError> {
        ask!(self.newest_of_decisions())
    }

    pub(crate) async fn signed_and_missing(&mut self, limit: u32) -> Result<Vec<Attempt>, StoreError> {
        ask!(self.signed_and_missing(limit))
    }

    /// The highest number given to an attempt, zero if there is none.
    pub(crate) async fn last_attempt(&mut self) -> Result<i64, StoreError> {
        ask!(self.last_attempt())
    }

    pub(crate) async fn decision(&mut self, hash: B256) -> Result<Option<DecisionRow>, StoreError> {
        ask!(self.decision(hash))
    }

    pub(crate) async fn decision_by_tx(&mut self, tx_hash: B256) -> Result<Option<DecisionRow>, StoreError> {
        ask!(self.decision_by_tx(tx_hash))
    }

    pub(crate) async fn decisions(&mut self, limit: u32) -> Result<Vec<DecisionRow>, StoreError> {
        ask!(self.decisions(limit))
    }

    pub(crate) async fn refusals_by_gate(&mut self) -> Result<Vec<(String, u64)>, StoreError> {
        ask!(self.refusals_by_gate())
    }

    pub(crate) async fn call(&mut self, id: CallId) -> Result<Option<Call>, StoreError> {
        ask!(self.call(id))
    }

    pub(crate) async fn calls(&mut self, limit: u32) -> Result<Vec<Call>, StoreError> {
        ask!(self.calls(limit))
    }

    /// The highest number given to a call, zero if there is none.
    pub(crate) async fn last_call(&mut self) -> Result<i64, StoreError> {
        ask!(self.last_call())
    }
}
