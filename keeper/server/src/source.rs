//! Where states and series come from.

use crate::{ProtocolId, ProtocolState};
use ballast_types::{Observation, SeriesId};
use futures::future::BoxFuture;
use tokio::sync::watch;

/// The source cannot say. What it holds is not wrong for it; ask again.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the state cannot be read now: {why}; try again")]
pub struct SourceError {
    pub why: String,
}

/// Which values of a series.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeriesQuery {
    pub series: SeriesId,
    /// Unix seconds, included.
    pub from: u64,
    /// Unix seconds, not included.
    pub to: u64,
    /// Only what was known by then, Unix seconds: of several revisions of a value the last one known.
    pub as_of: u64,
    /// At most so many, the oldest ones.
    pub limit: usize,
}

/// The values that were asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Points {
    /// By time, then source.
    pub observations: Vec<Observation>,
    /// There are more than the limit let through.
    pub more: bool,
    /// Values up to this time, Unix seconds, were let go for want of room, and some of them would have been in the answer.
    pub dropped_until: Option<u64>,
}

/// Whoever knows the states: the keeper's memory, or its store.
pub trait StateSource: Send + Sync {
    /// The newest state of one protocol; `None` if it is not known.
    ///
    /// # Errors
    /// [`SourceError`].
    fn get<'a>(&'a self, id: &'a ProtocolId) -> BoxFuture<'a, Result<Option<ProtocolState>, SourceError>>;

    /// All of them, by id.
    ///
    /// # Errors
    /// [`SourceError`].
    fn list(&self) -> BoxFuture<'_, Result<Vec<ProtocolState>, SourceError>>;

    /// `None` if nothing was ever known of the series.
    ///
    /// # Errors
    /// [`SourceError`].
    fn series<'a>(&'a self, query: &'a SeriesQuery) -> BoxFuture<'a, Result<Option<Points>, SourceError>>;

    /// The document of the risk dashboard (SPEC R15); `None` if there is none yet, or none at all.
    ///
    /// # Errors
    /// [`SourceError`].
    fn dashboard(&self) -> BoxFuture<'_, Result<Option<serde_json::Value>, SourceError>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    /// The four factors of risk and their composite (SPEC R14); `None` if there are none yet, or none at all.
    ///
    /// # Errors
    /// [`SourceError`].
    fn risk(&self) -> BoxFuture<'_, Result<Option<serde_json::Value>, SourceError>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    /// Changes its value whenever a state has changed.
    fn changes(&self) -> watch::Receiver<u64>;
}
