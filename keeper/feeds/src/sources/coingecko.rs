//! CoinGecko: prices and market capitalisation.
//!
//! Shapes: <https://docs.coingecko.com/reference/simple-price> and `…/coins-id-market-chart-range`. 50 requests a minute ([`limit`]).

use crate::{Bounds, Feed, FeedError, Gathered, Gathering, Http, HttpSettings, Kind, Span, sources::row};
use ballast_types::{Metric, SeriesError, SeriesId};
use futures::future::BoxFuture;
use serde::Deserialize;
use serde_json::Value;
use std::{collections::BTreeMap, time::Duration};

pub const URL: &str = "https://api.coingecko.com/api/v3";
/// Of the paid plans; they want another header.
pub const PRO_URL: &str = "https://pro-api.coingecko.com/api/v3";
pub const KEY_HEADER: &str = "x-cg-demo-api-key";
pub const PRO_KEY_HEADER: &str = "x-cg-pro-api-key";
pub const KEY_VARIABLE: &str = "COINGECKO_API_KEY";

/// 50 requests a minute (SPEC D4).
#[must_use]
pub const fn limit(settings: HttpSettings) -> HttpSettings {
    settings.limited(50, Duration::from_secs(60))
}

/// A coin and what it is called here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coin {
    /// CoinGecko's: `usd-coin`.
    id: String,
    price: SeriesId,
    supply: SeriesId,
}

impl Coin {
    /// Gives `subject#price_usd`, and in history `subject#supply_usd` (market capitalisation).
    ///
    /// # Errors
    /// If `subject` is none.
    pub fn new(id: impl Into<String>, subject: &str) -> Result<Self, SeriesError> {
        let (price, supply) = (SeriesId::new(subject, Metric::PriceUsd)?, SeriesId::new(subject, Metric::SupplyUsd)?);
        Ok(Self { id: id.into(), price, supply })
    }
}

/// `GET /simple/price` and `GET /coins/{id}/market_chart/range`: samples, each published when it was taken.
#[derive(Debug)]
pub struct CoinGecko {
    http: Http,
    coins: Vec<Coin>,
    bounds: Bounds,
}

#[derive(Deserialize)]
struct Simple {
    usd: f64,
    last_updated_at: u64,
}

/// Pairs of milliseconds and value.
#[derive(Deserialize)]
struct Chart {
    prices: Vec<Value>,
    market_caps: Vec<Value>,
}

impl CoinGecko {
    #[must_use]
    pub const fn new(http: Http, coins: Vec<Coin>, bounds: Bounds) -> Self {
        Self { http, coins, bounds }
    }

    async fn newest(&self, now: u64) -> Result<Gathered, FeedError> {
        let ids: Vec<_> = self.coins.iter().map(|coin| coin.id.as_str()).collect();
        let query = [
            ("ids", ids.join(",")),
            ("vs_currencies", "usd".to_owned()),
            ("include_last_updated_at", "true".to_owned()),
            ("precision", "full".to_owned()),
        ];
        let answer: BTreeMap<String, Value> = self.http.get("simple/price", &query).await?;
        if !ids.iter().any(|id| answer.contains_key(*id)) {
            return Err(FeedError::Empty { endpoint: self.http.label().to_owned(), what: ids.join(",") });
        }
        let mut gathering = Gathering::of_now(self.source(), self.http.label(), now, &self.bounds);
        for (index, coin) in self.coins.iter().enumerate() {
            match answer.get(&coin.id).map(row::<Simple>) {
                Some(Ok(simple)) => gathering.put(index, &coin.price, simple.last_updated_at, now, simple.usd),
                Some(Err(why)) => gathering.refuse(index, format!("{}: {why}", coin.id)),
                None => gathering.refuse(index, format!("the answer does not have {}", coin.id)),
            }
        }
        Ok(gathering.finish())
    }

    async fn history(&self, span: Span, now: u64) -> Result<Gathered, FeedError> {
        let mut gathering = Gathering::of_history(self.source(), self.http.label(), now, &self.bounds);
        let mut before = 0;
        for coin in &self.coins {
            let query = [
                ("vs_currency", "usd".to_owned()),
                ("from", span.from().to_string()),
                ("to", (span.to() - 1).to_string()),
                ("precision", "full".to_owned()),
            ];
            let path = format!("coins/{}/market_chart/range", coin.id);
            let chart: Chart = self.http.get(&path, &query).await?;
            for (series, pairs) in [(&coin.price, &chart.prices), (&coin.supply, &chart.market_caps)] {
                for (index, pair) in pairs.iter().enumerate() {
                    match row::<(u64, f64)>(pair) {
                        Ok((milliseconds, value)) if span.contains(milliseconds / 1_000) => {
                            let time = milliseconds / 1_000;
                            gathering.put(before + index, series, time, time, value);
                        }
                        Ok(_) => {}
                        Err(why) => gathering.refuse(before + index, format!("{series}: {why}")),
                    }
                }
                before += pairs.len();
            }
        }
        Ok(gathering.finish())
    }
}

impl Feed for CoinGecko {
    fn source(&self) -> &str {
        "coingecko"
    }

    fn kind(&self) -> Kind {
        Kind::Market
    }

    fn series(&self) -> Vec<SeriesId> {
        let mut series: Vec<_> = self.coins.iter().flat_map(|coin| [coin.price.clone(), coin.supply.clone()]).collect();
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
