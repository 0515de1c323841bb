//! Curve: virtual price, size, balances and amplification of pools, by day.

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

/// Days that are looked back for the newest snapshot.
const LOOK_BACK: u64 = 7;
/// Decimals of `virtual_price` (`get_virtual_price` of Curve's pools); the subgraph passes the integer on.
const VIRTUAL_PRICE_DECIMALS: i32 = 18;

/// A pool and what it is called here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CurvePool {
    /// Its address, lower case.
    id: String,
    share_price: SeriesId,
    size: SeriesId,
    amplification: SeriesId,
    balances: Vec<SeriesId>,
}

impl CurvePool {
    /// Gives `subject#share_price` (the virtual price, whose growth is what liquidity earns without incentives), `subject#tvl_usd`,
    /// `subject/amplification#index` and `subject/coin-0#liquidity_usd` and so on for `coins` coins.
    ///
    /// # Errors
    /// If `subject` is none.
    pub fn new(address: &str, coins: usize, subject: &str) -> Result<Self, SeriesError> {
        let balance = |coin| SeriesId::new(format!("{subject}/coin-{coin}"), Metric::LiquidityUsd);
        Ok(Self {
            id: address.to_ascii_lowercase(),
            share_price: SeriesId::new(subject, Metric::SharePrice)?,
            size: SeriesId::new(subject, Metric::TvlUsd)?,
            amplification: SeriesId::new(format!("{subject}/amplification"), Metric::Index)?,
            balances: (0..coins).map(balance).collect::<Result<_, _>>()?,
        })
    }
}

/// `DailyPoolSnapshot`: the state at the first trade of a UTC day, stamped with the day's beginning; when in the day that was it does not
/// say, so a value counts as known from the day's end on.
#[derive(Debug)]
pub struct CurveSubgraph {
    subgraph: Subgraph,
    pools: Vec<CurvePool>,
    bounds: Bounds,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Snapshot {
    timestamp: String,
    virtual_price: String,
    tvl: String,
    #[serde(rename = "A")]
    amplification: String,
    #[serde(rename = "reservesUSD")]
    reserves_usd: Vec<String>,
}

impl CurveSubgraph {
    #[must_use]
    pub const fn new(subgraph: Subgraph, pools: Vec<CurvePool>, bounds: Bounds) -> Self {
        Self { subgraph, pools, bounds }
    }

    async fn gather(&self, mut gathering: Gathering<'_>, span: Span, now: u64) -> Result<Gathered, FeedError> {
        let query = format!(
            "query($pool: String!, $first: Int!, $from: BigInt!, $to: BigInt!) {{ dailyPoolSnapshots(first: $first, where: {{ pool: \
             $pool, timestamp_gte: $from, timestamp_lt: $to }}, orderBy: timestamp, orderDirection: asc) {{ id timestamp virtualPrice \
             tvl A reservesUSD }} {META} }}"
        );
        let mut before = 0;
        for pool in &self.pools {
            let variables: Map<_, _> =
                [("pool".to_owned(), json!(pool.id)), ("to".to_owned(), json!(span.to()))].into_iter().collect();
            let listed = self.subgraph.pages(&query, variables, "dailyPoolSnapshots", "timestamp", span.from()).await?;
            gathering.head(listed.head);
            for (index, value) in listed.rows.iter().enumerate() {
                let index = before + index;
                match row::<Snapshot>(value) {
                    Ok(snapshot) => Self::put(&mut gathering, index, pool, &snapshot, span, now),
                    Err(why) => gathering.refuse(index, why),
                }
            }
            before += listed.rows.len();
        }
        Ok(gathering.finish())
    }

    fn put(gathering: &mut Gathering<'_>, index: usize, pool: &CurvePool, snapshot: &Snapshot, span: Span, now: u64) {
        let Ok(time) = snapshot.timestamp.parse::<u64>() else {
            return gathering.refuse(index, format!("timestamp is {:?}, expected seconds", snapshot.timestamp));
        };
        let over = time.saturating_add(DAY);
        if !span.contains(time) || over > now {
            return;
        }
        // A pool that could not be asked has a virtual price of 0, which no share price may be: refused below. The integer may come
        // with a fraction of zeros, since the field is a BigDecimal.
        let share = units::decimal(&snapshot.virtual_price).map(|price| price / 10_f64.powi(VIRTUAL_PRICE_DECIMALS));
        gathering.try_put(index, &pool.share_price, time, over, share);
        gathering.try_put(index, &pool.size, time, over, units::decimal(&snapshot.tvl));
        gathering.try_put(index, &pool.amplification, time, over, units::decimal(&snapshot.amplification));
        if snapshot.reserves_usd.len() != pool.balances.len() {
            let (found, expected) = (snapshot.reserves_usd.len(), pool.balances.len());
            return gathering.refuse(index, format!("reservesUSD has {found} coins, expected {expected}"));
        }
        for (series, balance) in pool.balances.iter().zip(&snapshot.reserves_usd) {
            gathering.try_put(index, series, time, over, units::decimal(balance));
        }
    }
}

impl Feed for CurveSubgraph {
    fn source(&self) -> &str {
        "curve-subgraph"
    }

    fn kind(&self) -> Kind {
        Kind::Protocol
    }

    fn series(&self) -> Vec<SeriesId> {
        let of = |pool: &CurvePool| {
            let own = [pool.share_price.clone(), pool.size.clone(), pool.amplification.clone()];
            own.into_iter().chain(pool.balances.clone()).collect::<Vec<_>>()
        };
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
