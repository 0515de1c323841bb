//! Uniswap V3: size, volume and fees of pools, by day.

use super::client::{META, Subgraph};
use crate::{
    Bounds, Feed, FeedError, Gathered, Gathering, Kind, Span,
    calendar::DAY,
    sources::{newest_only, row},
    units,
};
use ballast_types::{Metric, SeriesError, SeriesId};
use futures::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Map, json};

/// Days that are looked back for the newest complete one.
const LOOK_BACK: u64 = 7;
const DAYS_PER_YEAR: f64 = 365.0;

/// A pool and what it is called here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UniswapPool {
    /// Its address, lower case.
    id: String,
    size: SeriesId,
    volume: SeriesId,
    rate: SeriesId,
}

impl UniswapPool {
    /// Gives `subject#tvl_usd`, `subject#volume_usd` and `subject#supply_apr`.
    ///
    /// # Errors
    /// If `subject` is none.
    pub fn new(address: &str, subject: &str) -> Result<Self, SeriesError> {
        let of = |metric| SeriesId::new(subject, metric);
        let (size, volume, rate) = (of(Metric::TvlUsd)?, of(Metric::VolumeUsd)?, of(Metric::SupplyApr)?);
        Ok(Self { id: address.to_ascii_lowercase(), size, volume, rate })
    }
}

/// `PoolDayData`: one entity a UTC day, renewed until the day is over. Only whole days are used, and they are known from their end on. The
/// rate is the day's fees over the pool's size times 365: what liquidity earned on average, before impermanent loss; liquidity in range
/// earned more.
#[derive(Debug)]
pub struct UniswapSubgraph {
    subgraph: Subgraph,
    pools: Vec<UniswapPool>,
    bounds: Bounds,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct PoolDay {
    date: u64,
    #[serde(rename = "tvlUSD")]
    tvl_usd: String,
    #[serde(rename = "volumeUSD")]
    volume_usd: String,
    #[serde(rename = "feesUSD")]
    fees_usd: String,
}

impl UniswapSubgraph {
    #[must_use]
    pub const fn new(subgraph: Subgraph, pools: Vec<UniswapPool>, bounds: Bounds) -> Self {
        Self { subgraph, pools, bounds }
    }

    async fn gather(&self, mut gathering: Gathering<'_>, span: Span, now: u64) -> Result<Gathered, FeedError> {
        let query = format!(
            "query($pool: ID!, $first: Int!, $from: Int!, $to: Int!) {{ poolDayDatas(first: $first, where: {{ pool: $pool, date_gte: \
             $from, date_lt: $to }}, orderBy: date, orderDirection: asc) {{ id date tvlUSD volumeUSD feesUSD }} {META} }}"
        );
        let mut before = 0;
        for pool in &self.pools {
            let variables: Map<_, _> =
                [("pool".to_owned(), json!(pool.id)), ("to".to_owned(), json!(span.to()))].into_iter().collect();
            let listed = self.subgraph.pages(&query, variables, "poolDayDatas", "date", span.from()).await?;
            gathering.head(listed.head);
            for (index, value) in listed.rows.iter().enumerate() {
                let index = before + index;
                match row::<PoolDay>(value) {
                    Ok(day) if span.contains(day.date) && day.date + DAY <= now => {
                        Self::put(&mut gathering, index, pool, &day);
                    }
                    Ok(_) => {}
                    Err(why) => gathering.refuse(index, why),
                }
            }
            before += listed.rows.len();
        }
        Ok(gathering.finish())
    }

    fn put(gathering: &mut Gathering<'_>, index: usize, pool: &UniswapPool, day: &PoolDay) {
        let numbers = [&day.tvl_usd, &day.volume_usd, &day.fees_usd].map(|text| units::decimal(text));
        let [Ok(size), Ok(volume), Ok(fees)] = numbers else {
            let wrong = numbers.into_iter().find_map(Result::err);
            return gathering.refuse(index, wrong.map_or_else(String::new, |error| error.to_string()));
        };
        let over = day.date + DAY;
        gathering.put(index, &pool.size, day.date, over, size);
        gathering.put(index, &pool.volume, day.date, over, volume);
        if size > 0.0 {
            gathering.put(index, &pool.rate, day.date, over, fees / size * DAYS_PER_YEAR);
        }
    }
}

impl Feed for UniswapSubgraph {
    fn source(&self) -> &str {
        "uniswap-subgraph"
    }

    fn kind(&self) -> Kind {
        Kind::Protocol
    }

    fn series(&self) -> Vec<SeriesId> {
        let of = |pool: &UniswapPool| [pool.size.clone(), pool.volume.clone(), pool.rate.clone()];
        let mut series: Vec<_> = self.pools.iter().flat_map(of).collect();
        series.sort();
        series
    }

    fn latest(&self, now: u64) -> BoxFuture<'_, Result<Gathered, FeedError>> {
        Box::pin(async move {
            let today = now - now % DAY;
            let span = Span::new(today.saturating_sub(LOOK_BACK * DAY), today.max(1))?;
            let gathering = Gathering::of_now(self.source(), self.subgraph.http.label(), now, &self.bounds);
            self.gather(gathering, span, now).await.map(newest_only)
        })
    }

    fn range(&self, span: Span, now: u64) -> BoxFuture<'_, Result<Gathered, FeedError>> {
        let gathering = Gathering::of_history(self.source(), self.subgraph.http.label(), now, &self.bounds);
        Box::pin(self.gather(gathering, span, now))
    }
}
