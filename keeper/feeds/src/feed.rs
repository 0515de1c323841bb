//! What a source of values is, and what it gives.

use crate::FeedError;
use ballast_types::{Observation, SeriesId};
use futures::future::BoxFuture;
use serde::Serialize;

/// A stretch of time, Unix seconds: from `from` on, before `to`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    from: u64,
    to: u64,
}

impl Span {
    /// # Errors
    /// [`FeedError::BadRequest`] if it ends before it begins, or is empty.
    pub fn new(from: u64, to: u64) -> Result<Self, FeedError> {
        if from >= to {
            let why = format!("it begins at {from} and ends at {to}, expected an end after the beginning");
            return Err(FeedError::BadRequest { what: "a span".to_owned(), why });
        }
        Ok(Self { from, to })
    }

    #[must_use]
    pub const fn from(&self) -> u64 {
        self.from
    }

    #[must_use]
    pub const fn to(&self) -> u64 {
        self.to
    }

    #[must_use]
    pub const fn contains(&self, time: u64) -> bool {
        self.from <= time && time < self.to
    }
}

/// What a source looks at (SPEC D11).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The chain, through an RPC endpoint of ours.
    OnChain,
    /// Prices and what trades at them.
    Market,
    /// Rates and sizes of protocols, from somebody who indexes them.
    Protocol,
    /// What people think. It alerts, and never moves money by itself (SPEC section 3, ruling 16).
    Sentiment,
}

/// A source of values.
///
/// [`Self::latest`] is for running: what it gives was known from `now` on. [`Self::range`] is for history: what it gives was known when the
/// source published it, which each source's documentation states; a mean over a day was not known before the day was over.
pub trait Feed: Send + Sync {
    /// What it is called in observations: `defillama`, `aave-subgraph`.
    fn source(&self) -> &str;

    fn kind(&self) -> Kind;

    /// Every series that it can give, in order.
    fn series(&self) -> Vec<SeriesId>;

    /// The newest value of each series. `now` is the time of asking, Unix seconds.
    ///
    /// # Errors
    /// If the request as a whole failed; a single value that is wrong is in [`Gathered::refused`].
    fn latest(&self, now: u64) -> BoxFuture<'_, Result<Gathered, FeedError>>;

    /// All values whose time is in `span`.
    ///
    /// # Errors
    /// As [`Self::latest`]; [`FeedError::NoHistory`].
    fn range(&self, span: Span, now: u64) -> BoxFuture<'_, Result<Gathered, FeedError>>;
}

/// Where values came from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Provenance {
    /// [`Feed::source`].
    pub source: String,
    /// Scheme, host and port; never a path or a key.
    pub endpoint: String,
    /// When they were asked for, Unix seconds.
    pub fetched_at: u64,
}

/// The block up to which a source knows the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Head {
    pub block: u64,
    /// The block's own time, Unix seconds, where the source says it.
    pub time: Option<u64>,
}

/// A row that is not used.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Refused {
    /// Its place in the answer, from 0, pages counted through.
    pub row: usize,
    pub why: String,
}

/// What a source gave.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Gathered {
    /// By series, then time, each time of a series once.
    pub observations: Vec<Observation>,
    /// In the order of the answer.
    pub refused: Vec<Refused>,
    pub provenance: Provenance,
    /// Of sources that follow a chain.
    pub head: Option<Head>,
}
