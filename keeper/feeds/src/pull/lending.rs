//! `lending_rates_daily`, from DefiLlama's charts of pools.

use super::{Table, Unit};
use crate::{
    Bounds, Feed, FeedError, Http, Span, calendar,
    sources::defillama::{DefiLlamaYields, Pool, Quoted},
};
use ballast_types::Metric;
use futures::future::BoxFuture;
use std::{collections::BTreeMap, str::FromStr, sync::Arc};

/// A pool with what the file says of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListedPool {
    pub protocol: String,
    pub version: String,
    pub chain: String,
    pub asset: String,
    /// DefiLlama's UUID.
    pub id: String,
}

/// `protocol,version,chain,asset,uuid`.
impl FromStr for ListedPool {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong =
            || format!("{text:?} is no pool, expected protocol,version,chain,asset,uuid of letters, digits, - and _");
        let parts: Vec<_> = text.split(',').map(str::trim).collect();
        let plain = |part: &&str| part.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        let [protocol, version, chain, asset, id] = parts.as_slice() else { return Err(wrong()) };
        let needed = [protocol, chain, asset, id].iter().all(|part| !part.is_empty());
        if !needed || !parts.iter().all(plain) {
            return Err(wrong());
        }
        let [protocol, version, chain, asset, id] =
            [protocol, version, chain, asset, id].map(|part| (*part).to_owned());
        Ok(Self { protocol, version, chain, asset, id })
    }
}

/// Lending markets of USDC and USDT on Ethereum that Ballast has, or may have, a venue in; their UUIDs as DefiLlama's `/pools` listed
/// them in February 2026.
#[must_use]
pub fn default_pools() -> Vec<ListedPool> {
    [
        ("aave", "v3", "USDC", "aa70268e-4b52-42bf-a116-608b370f9501"),
        ("aave", "v3", "USDT", "f981a304-bb6c-45b8-b0c5-fd2f515ad23a"),
        ("compound", "v3", "USDC", "7da72d09-56ca-4ec5-a45f-59114353e487"),
        ("compound", "v3", "USDT", "f4d5b566-e815-4ca2-bb07-7bcd8bc797f1"),
        ("fluid", "lending", "USDC", "4438dabc-7f0c-430b-8136-2722711ae663"),
        ("sparklend", "", "USDC", "65ce8276-b4d9-41ba-9f6f-21fc374cf9bc"),
        ("spark-savings", "", "USDC", "c5c74dd1-995c-4445-9d84-3e710bad7d52"),
    ]
    .into_iter()
    .map(|(protocol, version, asset, id)| ListedPool {
        protocol: protocol.to_owned(),
        version: version.to_owned(),
        chain: "ethereum".to_owned(),
        asset: asset.to_owned(),
        id: id.to_owned(),
    })
    .collect()
}

/// Supply rate without incentives and size, one row a pool and day; the last sample of a day counts. The borrowing side is empty: DefiLlama
/// gives it to paying customers only.
#[derive(Debug)]
pub struct Lending {
    http: Arc<Http>,
    pools: Vec<ListedPool>,
    span: Span,
}

impl Lending {
    #[must_use]
    pub fn new(http: Arc<Http>, pools: Vec<ListedPool>, span: Span) -> Self {
        Self { http, pools, span }
    }

    async fn pool(&self, pool: &ListedPool, now: u64) -> Result<Unit, FeedError> {
        // The file has the yield as the source gives it, so nothing is converted on the way.
        let listed = Pool::new(pool.id.clone(), "pool", Quoted::Apr)
            .map_err(|error| FeedError::BadRequest { what: pool.id.clone(), why: error.to_string() })?;
        let feed = DefiLlamaYields::new(Arc::clone(&self.http), vec![listed], Bounds::default());
        let gathered = feed.range(self.span, now).await?;
        let mut days: BTreeMap<u64, (Option<f64>, Option<f64>)> = BTreeMap::new();
        for observation in &gathered.observations {
            let day = days.entry(observation.time() / calendar::DAY).or_default();
            match observation.series().metric() {
                Metric::SupplyApr => day.0 = Some(observation.value()),
                _ => day.1 = Some(observation.value()),
            }
        }
        let row = |(day, (rate, size)): (u64, (Option<f64>, Option<f64>))| {
            let rate = rate.map_or_else(String::new, |rate| rounded(rate * 100.0, 6));
            let size = size.map_or_else(String::new, |size| rounded(size, 2));
            let ListedPool { protocol, version, chain, asset, id } = pool;
            let date = calendar::date(day * calendar::DAY);
            format!("{date},defillama,{protocol},{version},{chain},{asset},{id},{rate},,{size},,")
        };
        let refused = gathered.refused.into_iter().map(|refused| format!("row {}: {}", refused.row, refused.why));
        Ok(Unit { rows: days.into_iter().map(row).collect(), refused: refused.collect(), samples: None })
    }
}

/// With at most `digits` digits after the point, and no zeros at the end.
pub(super) fn rounded(value: f64, digits: usize) -> String {
    let text = format!("{value:.digits$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

impl Table for Lending {
    fn name(&self) -> &'static str {
        "lending_rates_daily"
    }

    fn header(&self) -> &'static str {
        "date_utc,source_id,protocol,version,chain,asset,pool,supply_apy_pct,borrow_apy_pct,tvl_usd,borrowed_usd,utilization"
    }

    fn units(&self) -> Vec<String> {
        let (from, to) = (calendar::date(self.span.from()), calendar::date(self.span.to()));
        self.pools.iter().map(|pool| format!("{}_{from}_{to}", pool.id)).collect()
    }

    fn ask(&self, index: usize, now: u64) -> BoxFuture<'_, Result<Unit, FeedError>> {
        Box::pin(async move {
            match self.pools.get(index) {
                Some(pool) => self.pool(pool, now).await,
                None => Ok(Unit::default()),
            }
        })
    }
}
