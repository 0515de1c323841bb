//! Several relays as one: every builder that hears of a transaction may include it, and none of them must be up.

use super::{Relay, RelayError, Submission};
use alloy::primitives::B256;
use futures::future::{BoxFuture, join_all};
use std::sync::Arc;

/// Hands everything to all of its relays.
#[derive(Clone, Debug)]
pub struct Builders {
    relays: Vec<Arc<dyn Relay>>,
}

impl Builders {
    /// # Errors
    /// [`RelayError::None`] without a relay.
    pub fn new(relays: Vec<Arc<dyn Relay>>) -> Result<Self, RelayError> {
        if relays.is_empty() { Err(RelayError::None) } else { Ok(Self { relays }) }
    }
}

impl Relay for Builders {
    /// The name that the first relay in the list gave it which took it; fails only if none did.
    fn submit<'a>(&'a self, submission: &'a Submission) -> BoxFuture<'a, Result<B256, RelayError>> {
        Box::pin(async move {
            let answers = join_all(self.relays.iter().map(|relay| relay.submit(submission))).await;
            first(answers)
        })
    }

    /// Fails if any relay may still offer it.
    fn cancel<'a>(&'a self, submission: &'a Submission) -> BoxFuture<'a, Result<(), RelayError>> {
        Box::pin(async move {
            let answers = join_all(self.relays.iter().map(|relay| relay.cancel(submission))).await;
            let mut failures: Vec<RelayError> = answers.into_iter().filter_map(Result::err).collect();
            match (failures.pop(), failures.is_empty()) {
                (None, _) => Ok(()),
                (Some(only), true) => Err(only),
                (Some(last), false) => {
                    failures.push(last);
                    Err(RelayError::All(failures))
                }
            }
        })
    }

    /// What the first relay says that says anything.
    fn status(&self, tx_hash: B256) -> BoxFuture<'_, Result<Option<String>, RelayError>> {
        Box::pin(async move {
            let answers = join_all(self.relays.iter().map(|relay| relay.status(tx_hash))).await;
            let (said, failed): (Vec<_>, Vec<_>) = answers.into_iter().partition(Result::is_ok);
            match said.into_iter().flatten().flatten().next() {
                Some(status) => Ok(Some(status)),
                None => failed.into_iter().next().unwrap_or(Ok(None)),
            }
        })
    }
}

fn first(answers: Vec<Result<B256, RelayError>>) -> Result<B256, RelayError> {
    let mut failures = Vec::new();
    let mut taken = None;
    for answer in answers {
        match answer {
            Ok(name) => taken = taken.or(Some(name)),
            Err(error) => {
                tracing::warn!(%error, "relay");
                failures.push(error);
            }
        }
    }
    match (taken, failures.len()) {
        (Some(name), _) => Ok(name),
        (None, 1) => Err(failures.swap_remove(0)),
        (None, _) => Err(RelayError::All(failures)),
    }
}
