//! The tasks that ask the sources.

use super::{Market, kept, source::Source, unix_now};
use ballast_feeds::Gathered;
use ballast_store::cache::{Cache, Leave, RateLimiter};
use futures::future::join_all;
use std::{sync::Arc, time::Duration};
use tokio::{task::JoinSet, time};

/// The tasks of all sources. They end when this is dropped.
#[derive(Debug)]
#[must_use]
pub(crate) struct Pollers {
    _tasks: JoinSet<()>,
}

impl Market {
    /// Starts a task for each source, and one that logs their lags.
    pub(crate) fn start(self: &Arc<Self>) -> Pollers {
        let mut tasks = JoinSet::new();
        for index in 0..self.sources.len() {
            let market = self.clone();
            tasks.spawn(async move {
                let Some(source) = market.sources.get(index) else { return };
                loop {
                    market.poll(source).await;
                    time::sleep(source.period).await;
                }
            });
        }
        if !self.is_empty() {
            let market = self.clone();
            tasks.spawn(async move {
                loop {
                    time::sleep(market.lag_every).await;
                    market.log_lags();
                }
            });
        }
        Pollers { _tasks: tasks }
    }

    /// Asks every source once, all at the same time, each within its patience.
    pub async fn look(&self) {
        join_all(self.sources.iter().map(|source| self.poll(source))).await;
    }

    async fn poll(&self, source: &Source) {
        let found = match time::timeout(source.patience, self.ask(source)).await {
            Ok(found) => found,
            Err(_) => Err(format!("{} did not answer within {:.0?} in all", source.endpoint, source.patience)),
        };
        let now = unix_now();
        let mut held = source.held();
        let failed_before = held.fault.is_some();
        let (kind, endpoint) = (source.kind, &source.endpoint);
        match found {
            Ok(gathered) => {
                held.take(&gathered, now, self.slot);
                if failed_before {
                    tracing::info!(source = %kind, endpoint, "a source of market data answers again");
                }
                if let Some(why) = held.refused.first() {
                    let rows = held.refused.len();
                    tracing::debug!(source = %kind, rows, why, "rows of an answer were refused");
                }
            }
            Err(why) => {
                // Once for as long as it lasts.
                if !failed_before {
                    tracing::warn!(source = %kind, endpoint, why, "a source of market data does not answer");
                }
                held.fail(why, now, self.slot);
            }
        }
    }

    /// What another process asked for within this period, or else the source itself if there is leave to.
    async fn ask(&self, source: &Source) -> Result<Gathered, String> {
        // By endpoint and content: processes with other configurations keep other answers.
        let series: Vec<String> = source.feed.series().iter().map(ToString::to_string).collect();
        let key = format!("market:{}:{}:{}", source.kind, source.endpoint, series.join(","));
        // Whatever is wrong with the cache, the source itself can be asked.
        if let Ok(Some(bytes)) = self.shared.get(&key).await {
            match kept::decode(&bytes) {
                Ok(gathered) => return Ok(gathered),
                Err(error) => tracing::debug!(key, %error, "what lies in the cache is no answer of a source"),
            }
        }
        match self.shared.take(&format!("market:{}", source.endpoint)).await {
            Ok(Leave::Granted { .. }) => {}
            Ok(Leave::Denied { retry_after }) => {
                return Err(format!(
                    "{} was asked as often as market.requests_per_minute allows; not for {} s more",
                    source.endpoint,
                    retry_after.as_secs()
                ));
            }
            // What the source itself allows is kept to within this process all the same.
            Err(error) => tracing::debug!(%error, "requests to sources are not counted"),
        }
        let gathered = source.feed.latest(unix_now()).await.map_err(|error| error.to_string())?;
        if gathered.observations.is_empty() && !(source.may_be_empty() && gathered.refused.is_empty()) {
            let why = gathered.refused.first().map_or("nothing was in it", |refused| refused.why.as_str());
            return Err(format!("no value of {} could be used: {why}", source.endpoint));
        }
        // Not for so long that the next poll finds it.
        let good_for = source.period.mul_f64(0.9).max(Duration::from_millis(1));
        match kept::encode(&gathered) {
            Ok(bytes) => drop(self.shared.set(&key, &bytes, good_for).await),
            Err(error) => tracing::debug!(key, %error, "an answer is not kept for others"),
        }
        Ok(gathered)
    }

    fn log_lags(&self) {
        for source in &self.sources {
            let held = source.held();
            let p99 = held.lags.percentile(99);
            tracing::info!(
                source = %source.kind,
                polls = held.polls,
                failures = held.failures,
                seconds = held.lag.map(|lag| lag.seconds),
                p99_seconds = p99.map(|lag| lag.seconds),
                p99_blocks = p99.map(|lag| lag.blocks),
                keeps_up = held.lags.keeps_up(),
                "lag of a source"
            );
        }
    }
}
