//! What is known from each source, for a person or a program.

use super::{Judgement, Market, Verdict, unix_now};
use crate::config::SourceKind;
use ballast_feeds::{Kind, Lag};
use ballast_types::{Observation, SeriesId, Snapshot};
use serde::Serialize;

/// The newest value of one series from one source.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Value {
    pub series: SeriesId,
    /// In the metric's unit.
    pub value: f64,
    /// What it is of, Unix seconds.
    pub time: u64,
    /// Seconds.
    pub age: u64,
}

/// One source.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct SourceReport {
    pub source: SourceKind,
    /// What it looks at.
    pub kind: Kind,
    /// Scheme, host and port.
    pub endpoint: String,
    pub required: bool,
    /// Why the last poll failed.
    pub fault: Option<String>,
    pub values: Vec<Value>,
    /// Rows of the last answer that were refused.
    pub refused: Vec<String>,
    pub polls: u64,
    pub failures: u64,
    /// Of the newest value at the last poll.
    pub lag: Option<Lag>,
    /// The lag that 99 % of the last polls did not exceed (SPEC D5).
    pub lag_p99: Option<Lag>,
}

/// All sources, and each quantity against the chain.
#[derive(Clone, Debug, Serialize)]
pub struct MarketReport {
    /// Unix seconds.
    pub now: u64,
    pub sources: Vec<SourceReport>,
    pub quantities: Vec<Judgement>,
}

impl MarketReport {
    /// Whether the keeper would hold for none of it, and every required source answers.
    #[must_use]
    pub fn is_well(&self) -> bool {
        let required = self.sources.iter().all(|source| !source.required || source.fault.is_none());
        // What the chain has no value for is compared with nothing: a wrong name, or a feed that failed.
        let compared = |judged: &Judgement| judged.doubt().is_none() && judged.verdict != Verdict::NoReading;
        required && self.quantities.iter().all(compared)
    }
}

impl Market {
    /// What is held now, without asking anybody.
    #[must_use]
    pub fn report(&self, snapshot: &Snapshot) -> MarketReport {
        let now = unix_now();
        let sources = self.sources.iter().map(|source| {
            let held = source.held();
            let value = |observation: &Observation| Value {
                series: observation.series().clone(),
                value: observation.value(),
                time: observation.time(),
                age: now.saturating_sub(observation.time()),
            };
            SourceReport {
                source: source.kind,
                kind: source.feed.kind(),
                endpoint: source.endpoint.clone(),
                required: source.required,
                fault: held.fault.clone(),
                values: held.newest.values().map(value).collect(),
                refused: held.refused.clone(),
                polls: held.polls,
                failures: held.failures,
                lag: held.lag,
                lag_p99: held.lags.percentile(99),
            }
        });
        MarketReport { now, sources: sources.collect(), quantities: self.judge(snapshot, now) }
    }
}
