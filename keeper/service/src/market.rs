//! What others say about the venues and the coins, beside what the chain says.
//!
//! A task per source asks it by the clock and keeps its newest values in memory, each with its source, its time and when it was known.
//! [`Market::doubt`] is what a cycle takes from it: it reads that memory and waits for nobody, so that a source that is slow, gone or
//! broken neither stops nor delays a decision. What sources contradict the chain in, or what is wanted and missing, is a
//! [`Doubt`](ballast_types::Doubt) in the snapshot, and the decision holds for it. Sources never move money: nothing they say makes a
//! decision larger than the operator's own scores let it be. Only what with `policy.live_scores` counts as the riskiest for want of a coin's price is let in
//! again by one.

mod kept;
mod poll;
mod quantity;
mod report;
mod source;

pub use quantity::{Judgement, Verdict};
pub use report::{MarketReport, SourceReport, Value};

use crate::{
    config::{Config, ConfigError, SourceKind},
    shared::Shared,
};
use ballast_feeds::RuleError;
use ballast_store::cache::{CacheError, Limit};
use ballast_types::{Observation, SeriesId, Snapshot};
use quantity::Quantity;
use source::Source;
use std::{
    collections::BTreeMap,
    fmt,
    sync::{Mutex, PoisonError},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Why the sources cannot be asked at all.
#[derive(Debug, thiserror::Error)]
pub enum MarketError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error("market.sources: {kind}: {why}")]
    Source { kind: SourceKind, why: String },
    #[error("market.quantities: {0}")]
    Rule(#[from] RuleError),
    #[error("market: {0}")]
    Cache(#[from] CacheError),
}

/// The sources, and what of it is compared with the chain.
pub struct Market {
    sources: Vec<Source>,
    quantities: Vec<Quantity>,
    /// Where answers are kept and requests counted.
    shared: Shared,
    /// Seconds between two blocks.
    slot: u64,
    lag_every: Duration,
    /// The doubts that were logged, by quantity, so that each is logged when it comes and when it goes.
    logged: Mutex<BTreeMap<String, Verdict>>,
}

impl fmt::Debug for Market {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds: Vec<_> = self.sources.iter().map(|source| source.kind).collect();
        f.debug_struct("Market").field("sources", &kinds).finish_non_exhaustive()
    }
}

impl Market {
    /// As configured; nobody is asked yet. Needs a Tokio runtime if Redis is configured.
    ///
    /// # Errors
    /// [`MarketError`] if a key or the URL of Redis is missing, or a URL is none.
    pub fn open(config: &Config) -> Result<Self, MarketError> {
        let market = &config.market;
        let limit = Limit::new(market.requests_per_minute, Duration::from_secs(60))?;
        Ok(Self {
            sources: market.sources.iter().map(Source::open).collect::<Result<_, _>>()?,
            quantities: market.quantities.iter().map(Quantity::new).collect::<Result<_, _>>()?,
            shared: config.cache.shared(limit)?,
            slot: config.chain.slot,
            lag_every: Duration::from_secs(market.lag_minutes * 60),
            logged: Mutex::default(),
        })
    }

    /// Whether anybody is to be asked.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.sources.is_empty()
    }

    /// Each quantity, held against this snapshot, as of `now` (Unix seconds). Waits for nothing.
    #[must_use]
    pub fn judge(&self, snapshot: &Snapshot, now: u64) -> Vec<Judgement> {
        self.quantities.iter().map(|quantity| quantity.judge(&self.sources, snapshot, now)).collect()
    }

    /// Adds to a snapshot what speaks against acting on it. Logs what changed.
    pub fn doubt(&self, snapshot: &mut Snapshot) {
        let judged = self.judge(snapshot, unix_now());
        self.log(&judged);
        snapshot.doubts.extend(judged.iter().filter_map(Judgement::doubt));
    }

    /// The newest value of each series from each source, however old.
    pub(crate) fn heard(&self) -> Vec<Observation> {
        self.sources.iter().flat_map(|source| source.held().newest.values().cloned().collect::<Vec<_>>()).collect()
    }

    /// The newest value of a series that any source has, however old.
    pub(crate) fn newest(&self, series: &SeriesId) -> Option<Observation> {
        let of_it = self.sources.iter().filter_map(|source| source.held().newest.get(series).cloned());
        of_it.max_by_key(Observation::time)
    }

    fn log(&self, judged: &[Judgement]) {
        let mut logged = self.logged.lock().unwrap_or_else(PoisonError::into_inner);
        for Judgement { series, verdict, detail, .. } in judged {
            let before = logged.insert(series.to_string(), *verdict);
            if before == Some(*verdict) {
                continue;
            }
            match verdict {
                Verdict::Disagreement => {
                    tracing::warn!(quantity = %series, detail, "sources disagree: nothing is moved while they do");
                }
                Verdict::Missing => {
                    tracing::warn!(quantity = %series, detail, "a wanted source is missing: nothing is moved while it is");
                }
                Verdict::NoReading => {
                    tracing::warn!(quantity = %series, detail, "the chain has nothing to compare with");
                }
                Verdict::Nothing => tracing::info!(quantity = %series, detail, "no source is fresh"),
                Verdict::Agreed => tracing::info!(quantity = %series, detail, "sources agree with the chain"),
            }
        }
    }
}

/// The clock on the wall, Unix seconds: sources know no chain's time.
pub(crate) fn unix_now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}
