//! What is read in one block.

use ballast_types::{Assets, Wad};
use serde::Serialize;

/// A block and its time, Unix seconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Moment {
    pub block: u64,
    pub time: u64,
}

/// What a feed answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Price {
    /// In dollars, and when it was written, Unix seconds.
    Answer { price: Wad, updated_at: u64 },
    /// In dollars, from a series that says nothing of rounds: the feed is taken to keep its promise until the next step.
    Fresh(Wad),
    /// No answer, or one that is not positive or of an incomplete round.
    Unreadable,
}

/// What a venue says of itself; `None` for what it does not answer, which counts as unhealthy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// All deposits but the vault's own.
    pub others: Option<Assets>,
    /// The lent part, 1e18 = all.
    pub utilisation: Option<Wad>,
}

impl Figures {
    /// A venue that answers nothing.
    pub const UNREADABLE: Self = Self { others: None, utilisation: None };

    #[must_use]
    pub const fn new(others: Assets, utilisation: Wad) -> Self {
        Self { others: Some(others), utilisation: Some(utilisation) }
    }
}

/// All that is read in one block: one price per token and the figures of each venue, in their order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Readings {
    pub prices: Vec<Price>,
    pub venues: Vec<Figures>,
}
