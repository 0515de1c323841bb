//! Yields and sizes of pools.

use crate::{
    Bounds, Feed, FeedError, Gathered, Gathering, Http, Kind, Span, calendar,
    sources::row,
    units::{self, UnitError},
};
use ballast_types::{Metric, SeriesError, SeriesId};
use futures::future::BoxFuture;
use serde::Deserialize;
use serde_json::Value;
use std::sync::Arc;

pub const YIELDS_URL: &str = "https://yields.llama.fi";

/// How DefiLlama's adapter of a protocol states the yield. It stands in the adapter's source (`yield-server/src/adaptors`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quoted {
    /// An annual yield that compounds; the default of DefiLlama's documentation.
    Apy,
    /// A simple rate that is only called a yield, as the adapters give that pass a protocol's own rate on.
    Apr,
}

/// A pool and what it is called here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pool {
    /// DefiLlama's UUID of it.
    id: String,
    rate: SeriesId,
    size: SeriesId,
    quoted: Quoted,
}

impl Pool {
    /// Gives `subject#supply_apr` and `subject#tvl_usd`.
    ///
    /// # Errors
    /// If `subject` is none.
    pub fn new(id: impl Into<String>, subject: &str, quoted: Quoted) -> Result<Self, SeriesError> {
        let (rate, size) = (SeriesId::new(subject, Metric::SupplyApr)?, SeriesId::new(subject, Metric::TvlUsd)?);
        Ok(Self { id: id.into(), rate, size, quoted })
    }

    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }
}

/// `GET /pools` for the newest values, `GET /chart/{pool}` for history: one point a day, sampled late in the UTC day and published at once.
#[derive(Debug)]
pub struct DefiLlamaYields {
    http: Arc<Http>,
    pools: Vec<Pool>,
    bounds: Bounds,
}

#[derive(Deserialize)]
struct Answer {
    status: String,
    data: Vec<Value>,
}

/// Of `/chart/{pool}`. Yields are percent; without incentives, from incentives, and both together.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Point {
    timestamp: String,
    tvl_usd: f64,
    apy: Option<f64>,
    apy_base: Option<f64>,
    apy_reward: Option<f64>,
}

/// Of `/pools`.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Row {
    tvl_usd: f64,
    apy: Option<f64>,
    apy_base: Option<f64>,
    apy_reward: Option<f64>,
}

impl DefiLlamaYields {
    #[must_use]
    pub fn new(http: impl Into<Arc<Http>>, pools: Vec<Pool>, bounds: Bounds) -> Self {
        Self { http: http.into(), pools, bounds }
    }

    async fn newest(&self, now: u64) -> Result<Gathered, FeedError> {
        let answer = self.ask("pools").await?;
        let mut gathering = Gathering::of_now(self.source(), self.http.label(), now, &self.bounds);
        let mut missing: Vec<&Pool> = self.pools.iter().collect();
        for (index, value) in answer.data.iter().enumerate() {
            let id = value.get("pool").and_then(Value::as_str);
            let Some(pool) = self.pools.iter().find(|pool| id == Some(pool.id())) else { continue };
            missing.retain(|other| other.id() != pool.id());
            match row::<Row>(value) {
                // The list says no time: it is renewed each hour, and is taken as of now.
                Ok(row) => {
                    gathering.put(index, &pool.size, now, now, row.tvl_usd);
                    let rate = rate(pool.quoted, row.apy, row.apy_base, row.apy_reward);
                    gathering.try_put(index, &pool.rate, now, now, rate);
                }
                Err(why) => gathering.refuse(index, why),
            }
        }
        match missing.first() {
            Some(pool) if missing.len() == self.pools.len() => Err(self.empty(pool)),
            _ => {
                for pool in missing {
                    gathering.refuse(answer.data.len(), format!("the list does not have pool {}", pool.id()));
                }
                Ok(gathering.finish())
            }
        }
    }

    async fn history(&self, span: Span, now: u64) -> Result<Gathered, FeedError> {
        let mut gathering = Gathering::of_history(self.source(), self.http.label(), now, &self.bounds);
        let mut before = 0;
        for pool in &self.pools {
            let answer = self.ask(&format!("chart/{}", pool.id)).await?;
            if answer.data.is_empty() {
                return Err(self.empty(pool));
            }
            for (index, value) in answer.data.iter().enumerate() {
                let index = before + index;
                let parsed = row::<Point>(value).and_then(|point| {
                    Ok((calendar::parse(&point.timestamp).map_err(|error| error.to_string())?, point))
                });
                match parsed {
                    Ok((time, point)) if span.contains(time) => {
                        gathering.put(index, &pool.size, time, time, point.tvl_usd);
                        let rate = rate(pool.quoted, point.apy, point.apy_base, point.apy_reward);
                        gathering.try_put(index, &pool.rate, time, time, rate);
                    }
                    Ok(_) => {}
                    Err(why) => gathering.refuse(index, why),
                }
            }
            before += answer.data.len();
        }
        Ok(gathering.finish())
    }

    async fn ask(&self, path: &str) -> Result<Answer, FeedError> {
        let answer: Answer = self.http.get(path, &[]).await?;
        if answer.status != "success" {
            let why = format!("the status is {:?}, expected \"success\"", answer.status);
            return Err(self.http.declined(&why));
        }
        Ok(answer)
    }

    fn empty(&self, pool: &Pool) -> FeedError {
        FeedError::Empty { endpoint: self.http.label().to_owned(), what: format!("pool {}", pool.id) }
    }
}

/// Why a row has no rate.
#[derive(Debug, thiserror::Error)]
enum NoRate {
    #[error("the row has neither apyBase nor an apy free of rewards, expected one of them")]
    Mixed,
    #[error(transparent)]
    Unit(#[from] UnitError),
}

/// The simple annual rate without incentives: a vault that does not sell reward tokens does not earn them. Old points have only
/// `apy`; it counts where nothing says that rewards are in it.
fn rate(quoted: Quoted, apy: Option<f64>, base: Option<f64>, reward: Option<f64>) -> Result<f64, NoRate> {
    let without_rewards = apy.filter(|_| reward.is_none_or(|reward| reward == 0.0));
    let percent = base.or(without_rewards).ok_or(NoRate::Mixed)?;
    let fraction = units::percent(percent);
    Ok(match quoted {
        Quoted::Apr => fraction,
        Quoted::Apy => units::apr_of_apy(fraction)?,
    })
}

impl Feed for DefiLlamaYields {
    fn source(&self) -> &str {
        "defillama"
    }

    fn kind(&self) -> Kind {
        Kind::Protocol
    }

    fn series(&self) -> Vec<SeriesId> {
        let mut series: Vec<_> = self.pools.iter().flat_map(|pool| [pool.rate.clone(), pool.size.clone()]).collect();
        series.sort();
        series
    }

    fn latest(&self, now: u64) -> BoxFuture<'_, Result<Gathered, FeedError>> {
        Box::pin(self.newest(now))
    }

    fn range(&self, span: Span, now: u64) -> BoxFuture<'_, Result<Gathered, FeedError>> {
        Box::pin(self.history(span, now))
    }
}
