//! Measured values from many sources.
//!
//! - [`Feed`] is the one trait; [`sources`] has what is behind it.
//! - [`Gathered`] is what a source gave: [`Observation`](ballast_types::Observation)s, the rows that were refused with the reason, and
//!   where it all came from.
//! - [`Http`] asks a source within its limits, again where that may help, and reads the answer with suspicion.
//! - [`units`] is the one place where units change.
//! - [`pull`] writes history into files of the columns that `ballast-history` reads.
//! - [`Staleness`] and [`Lag`] say how old a value is; [`combine`] says what several sources agree on, or that they do not.
//!
//! Nothing here reads a clock for a value's time: `now` is given.

mod combine;
mod error;
mod feed;
mod gathering;
mod http;
mod lag;
pub mod pull;
pub mod sources;
mod staleness;
pub mod units;

pub use ballast_types::calendar;
pub use combine::{Combined, Member, Rule, RuleError, combine};
pub use error::FeedError;
pub use feed::{Feed, Gathered, Head, Kind, Provenance, Refused, Span};
pub use gathering::{Bounds, FUTURE_TOLERANCE, Gathering};
pub use http::{Backoff, Http, HttpSettings, KeyPlace, KeyRing, Limit, Secret};
pub use lag::{Lag, Lags};
pub use staleness::{Staleness, staleness};
