//! Prices of tokens.

use crate::{Bounds, Feed, FeedError, Gathered, Gathering, Http, Kind, Span, sources::row};
use ballast_types::{Metric, SeriesError, SeriesId};
use futures::future::BoxFuture;
use serde::Deserialize;
use serde_json::Value;
use std::{collections::BTreeMap, sync::Arc};

pub const PRICES_URL: &str = "https://coins.llama.fi";

/// Points of one answer of `/chart`, at most; the server gives no more.
const POINTS: u64 = 500;
/// Coins of one request: their ids are in the URL.
const COINS: usize = 20;
/// DefiLlama's own confidence, 0 to 1, below which a price is not used; its documentation calls prices of trading pools with little
/// liquidity less confident.
const LEAST_CONFIDENCE: f64 = 0.9;

/// A token and what it is called here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Coin {
    /// `ethereum:0x…` or `coingecko:usd-coin`.
    id: String,
    price: SeriesId,
}

impl Coin {
    /// Gives `subject#price_usd`.
    ///
    /// # Errors
    /// If `subject` is none.
    pub fn new(id: impl Into<String>, subject: &str) -> Result<Self, SeriesError> {
        Ok(Self { id: id.into(), price: SeriesId::new(subject, Metric::PriceUsd)? })
    }

    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }
}

/// `GET /prices/current/{coins}` and `GET /chart/{coins}?start&span&period`: samples, each published when it was taken.
#[derive(Debug)]
pub struct DefiLlamaPrices {
    http: Arc<Http>,
    coins: Vec<Coin>,
    /// Seconds between the points of history.
    period: u64,
    bounds: Bounds,
}

#[derive(Deserialize)]
struct Answer {
    coins: BTreeMap<String, Value>,
}

#[derive(Deserialize)]
struct Current {
    price: f64,
    timestamp: u64,
    confidence: f64,
}

#[derive(Deserialize)]
struct Chart {
    confidence: Option<f64>,
    prices: Vec<Value>,
}

#[derive(Deserialize)]
struct Point {
    timestamp: u64,
    price: f64,
}

impl DefiLlamaPrices {
    /// History is a point each `period` seconds.
    ///
    /// # Errors
    /// [`FeedError::BadRequest`] unless the period is a whole number of minutes from one on.
    pub fn new(http: impl Into<Arc<Http>>, coins: Vec<Coin>, period: u64, bounds: Bounds) -> Result<Self, FeedError> {
        if period == 0 || !period.is_multiple_of(60) {
            let why = format!("the period is {period} s, expected whole minutes");
            return Err(FeedError::BadRequest { what: "a price chart".to_owned(), why });
        }
        Ok(Self { http: http.into(), coins, period, bounds })
    }

    async fn newest(&self, now: u64) -> Result<Gathered, FeedError> {
        let mut gathering = Gathering::of_now(self.source(), self.http.label(), now, &self.bounds);
        for (chunk, coins) in self.coins.chunks(COINS).enumerate() {
            let answer: Answer = self.http.get(&format!("prices/current/{}", ids(coins)), &[]).await?;
            self.not_empty(&answer, coins)?;
            for (index, coin) in coins.iter().enumerate() {
                let index = chunk * COINS + index;
                match answer.coins.get(&coin.id).map(row::<Current>) {
                    Some(Ok(current)) => match sure(Some(current.confidence)) {
                        Ok(()) => gathering.put(index, &coin.price, current.timestamp, now, current.price),
                        Err(why) => gathering.refuse(index, format!("{}: {why}", coin.price)),
                    },
                    Some(Err(why)) => gathering.refuse(index, format!("{}: {why}", coin.id)),
                    None => gathering.refuse(index, format!("the answer does not have {}", coin.id)),
                }
            }
        }
        Ok(gathering.finish())
    }

    async fn history(&self, span: Span, now: u64) -> Result<Gathered, FeedError> {
        let mut gathering = Gathering::of_history(self.source(), self.http.label(), now, &self.bounds);
        let mut before = 0;
        for coin in &self.coins {
            let mut start = span.from();
            while start < span.to().min(now + 1) {
                let points = (span.to() - start).div_ceil(self.period).min(POINTS);
                let query = [
                    ("start", start.to_string()),
                    ("span", points.to_string()),
                    ("period", format!("{}m", self.period / 60)),
                    // A point is looked for this far around; with half a period, none can be found twice.
                    ("searchWidth", format!("{}", self.period / 2)),
                ];
                let answer: Answer = self.http.get(&format!("chart/{}", coin.id), &query).await?;
                // No entry: there is no point in this part of the span, as before the token existed.
                if let Some(value) = answer.coins.get(&coin.id) {
                    before += self.take(&mut gathering, coin, value, span, before)?;
                }
                start += points * self.period;
            }
        }
        Ok(gathering.finish())
    }

    /// How many rows there were.
    fn take(
        &self,
        gathering: &mut Gathering<'_>,
        coin: &Coin,
        value: &Value,
        span: Span,
        before: usize,
    ) -> Result<usize, FeedError> {
        let shape = |why| FeedError::Shape { endpoint: self.http.label().to_owned(), at: coin.id.clone(), why };
        let chart: Chart = row(value).map_err(shape)?;
        let sure = sure(chart.confidence);
        for (index, value) in chart.prices.iter().enumerate() {
            let index = before + index;
            match (row::<Point>(value), &sure) {
                (Ok(point), Ok(())) if span.contains(point.timestamp) => {
                    gathering.put(index, &coin.price, point.timestamp, point.timestamp, point.price);
                }
                (Ok(_), Ok(())) => {}
                (Ok(_), Err(why)) => gathering.refuse(index, format!("{}: {why}", coin.price)),
                (Err(why), _) => gathering.refuse(index, why),
            }
        }
        Ok(chart.prices.len())
    }

    fn not_empty(&self, answer: &Answer, coins: &[Coin]) -> Result<(), FeedError> {
        if coins.iter().any(|coin| answer.coins.contains_key(&coin.id)) {
            return Ok(());
        }
        Err(FeedError::Empty { endpoint: self.http.label().to_owned(), what: ids(coins) })
    }
}

fn ids(coins: &[Coin]) -> String {
    coins.iter().map(Coin::id).collect::<Vec<_>>().join(",")
}

fn sure(confidence: Option<f64>) -> Result<(), String> {
    match confidence {
        Some(confidence) if !(LEAST_CONFIDENCE..=1.0).contains(&confidence) => {
            Err(format!("the source's own confidence is {confidence}, expected {LEAST_CONFIDENCE} to 1"))
        }
        _ => Ok(()),
    }
}

impl Feed for DefiLlamaPrices {
    fn source(&self) -> &str {
        "defillama"
    }

    fn kind(&self) -> Kind {
        Kind::Market
    }

    fn series(&self) -> Vec<SeriesId> {
        let mut series: Vec<_> = self.coins.iter().map(|coin| coin.price.clone()).collect();
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
