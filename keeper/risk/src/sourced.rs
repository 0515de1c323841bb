//! Values with their origin and age, and what it means that one is missing.

use serde::{Deserialize, Serialize};

/// A value, who says so, and of when it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sourced<T> {
    pub value: T,
    /// Who says so: a data set, a document, a contract, a feed.
    pub source: String,
    /// Unix seconds at which it was true and could be known.
    pub as_of: u64,
}

impl<T> Sourced<T> {
    pub fn new(value: T, source: impl Into<String>, as_of: u64) -> Self {
        Self { value, source: source.into(), as_of }
    }
}

/// What is known of one input.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Input<T> {
    Given(Sourced<T>),
    /// Nobody said. Counts as the riskiest that it could be.
    #[default]
    Missing,
    /// The question does not arise (the utilisation of an exchange). Does not count at all; the reason is shown.
    NotApplicable(&'static str),
}

impl<T> Input<T> {
    pub fn given(value: T, source: impl Into<String>, as_of: u64) -> Self {
        Self::Given(Sourced::new(value, source, as_of))
    }

    /// The same input with another value.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Input<U> {
        match self {
            Self::Given(Sourced { value, source, as_of }) => {
                Input::Given(Sourced { value: change(value), source, as_of })
            }
            Self::Missing => Input::Missing,
            Self::NotApplicable(why) => Input::NotApplicable(why),
        }
    }
}

impl<T> From<Option<Sourced<T>>> for Input<T> {
    fn from(found: Option<Sourced<T>>) -> Self {
        found.map_or(Self::Missing, Self::Given)
    }
}

/// How old an input may be before it counts as missing, in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Freshness {
    /// Prices, utilisation, depth. A day and an hour: daily series, and the slowest of Chainlink's heartbeats with its grace.
    pub market: u64,
    /// Facts that change (bounty, timelock, size of the code) and the exploit table's own review. Four hundred days: a yearly review
    /// and a month to make it.
    pub facts: u64,
}

impl Default for Freshness {
    fn default() -> Self {
        Self { market: 90_000, facts: 400 * 86_400 }
    }
}
