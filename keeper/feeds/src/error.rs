//! Why a source gave nothing.

use std::time::Duration;

/// A whole request failed. A row that is wrong among others is a [`Refused`](crate::Refused) instead.
///
/// Endpoints are named by scheme, host and port only, and no variant ever holds a key.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum FeedError {
    #[error("{endpoint} cannot be asked: {why}")]
    BadUrl { endpoint: String, why: String },
    #[error("{endpoint} was not reached: {why}")]
    Unreachable { endpoint: String, why: String },
    #[error("{endpoint} did not answer within {after:.1?}")]
    TimedOut { endpoint: String, after: Duration },
    #[error("{endpoint} answered HTTP {status}, expected 200: {said}")]
    Status { endpoint: String, status: u16, said: String },
    #[error("{endpoint} is asked too often{}; ask less, or give it another key", retry_text(*.retry_after))]
    Limited { endpoint: String, retry_after: Option<Duration> },
    #[error("{endpoint} takes none of the {keys} keys (last: HTTP {status}); see that {variable} holds a valid one")]
    KeysRefused { endpoint: String, keys: usize, status: u16, variable: String },
    #[error("{variable} is not set, expected the API key of {source_name}, or several separated by commas")]
    NoKey { source_name: String, variable: String },
    #[error("{endpoint} answered with {found}, expected application/json: {said}")]
    ContentType { endpoint: String, found: String, said: String },
    #[error("{endpoint} answered with more than {limit} bytes; ask for less at a time")]
    TooLarge { endpoint: String, limit: usize },
    #[error("{endpoint} answered with what is no whole JSON document: {why}")]
    NotJson { endpoint: String, why: String },
    #[error("{endpoint} answered in another shape at {at}: {why}")]
    Shape { endpoint: String, at: String, why: String },
    /// It answered with an error of its own: GraphQL's `errors`, a query that failed.
    #[error("{endpoint} refused: {why}")]
    Declined { endpoint: String, why: String },
    #[error("{endpoint} has nothing for {what}, expected at least one value; see that the name is right")]
    Empty { endpoint: String, what: String },
    /// There is something, and too little of it to speak for the whole.
    #[error(
        "{endpoint} has {found} of {what}, expected at least {least}; ask again when there is more, or another one"
    )]
    Incomplete { endpoint: String, found: usize, what: String, least: usize },
    #[error("{source_name} has no history, only the newest value")]
    NoHistory { source_name: String },
    #[error("{what} cannot be asked for: {why}")]
    BadRequest { what: String, why: String },
    /// Of the chain's RPC endpoint.
    #[error("the chain did not answer {asked}: {why}")]
    Rpc { asked: String, why: String },
}

fn retry_text(after: Option<Duration>) -> String {
    after.map_or_else(String::new, |after| format!(" and wants to be left alone for {} s", after.as_secs()))
}

impl FeedError {
    /// Whether the same request may succeed a moment later.
    #[must_use]
    pub const fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { .. }
            | Self::TimedOut { .. }
            | Self::Limited { .. }
            | Self::NotJson { .. }
            | Self::ContentType { .. }
            | Self::Rpc { .. } => true,
            Self::Status { status, .. } => *status == 408 || *status >= 500,
            Self::BadUrl { .. }
            | Self::KeysRefused { .. }
            | Self::NoKey { .. }
            | Self::TooLarge { .. }
            | Self::Shape { .. }
            | Self::Declined { .. }
            | Self::Empty { .. }
            | Self::Incomplete { .. }
            | Self::NoHistory { .. }
            | Self::BadRequest { .. } => false,
        }
    }
}

/// An error with all its causes, each said once.
pub(crate) fn chain_text(error: &(dyn std::error::Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}
