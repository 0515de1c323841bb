//! CoinMarketCap's own Fear & Greed Index: sentiment, computed otherwise than alternative.me's of the same name.
//!
//! Shape: <https://coinmarketcap.com/api/documentation/v1/>, "CMC Crypto Fear and Greed Historical". A key in a header; 30 requests a minute on the
//! free plan ([`limit`]).

use crate::{
    Bounds, Feed, FeedError, Gathered, Gathering, Http, HttpSettings, Kind, Span,
    sources::{newest_only, number, row},
};
use ballast_types::{Metric, SeriesError, SeriesId};
use futures::future::BoxFuture;
use serde::Deserialize;
use serde_json::Value;
use std::time::Duration;

pub const URL: &str = "https://pro-api.coinmarketcap.com";
pub const KEY_HEADER: &str = "X-CMC_PRO_API_KEY";
pub const KEY_VARIABLE: &str = "COINMARKETCAP_API_KEY";

/// Rows of one answer, at most.
const PAGE: usize = 500;
/// Answers of one span.
const MOST_PAGES: usize = 40;

/// 30 requests a minute.
#[must_use]
pub const fn limit(settings: HttpSettings) -> HttpSettings {
    settings.limited(30, Duration::from_secs(60))
}

/// `GET /v3/fear-and-greed/historical`: one value a UTC day, 0 (fear) to 100 (greed), the newest first; of the time that it carries.
#[derive(Debug)]
pub struct CoinMarketCapFearGreed {
    http: Http,
    index: SeriesId,
    bounds: Bounds,
}

#[derive(Deserialize)]
struct Answer {
    status: Status,
    data: Option<Vec<Value>>,
}

#[derive(Deserialize)]
struct Status {
    error_code: Value,
    error_message: Option<String>,
}

#[derive(Deserialize)]
struct Day {
    timestamp: Value,
    value: Value,
}

impl CoinMarketCapFearGreed {
    /// Gives `subject#index`.
    ///
    /// # Errors
    /// If `subject` is none.
    pub fn new(http: Http, subject: &str) -> Result<Self, SeriesError> {
        let index = SeriesId::new(subject, Metric::Index)?;
        let bounds = Bounds::default().within(index.clone(), 0.0, 100.0);
        Ok(Self { http, index, bounds })
    }

    /// Rows from the `start`-th on, which is 1 for the newest.
    async fn page(&self, start: usize, limit: usize) -> Result<Vec<Value>, FeedError> {
        let query = [("start", start.to_string()), ("limit", limit.to_string())];
        let answer: Answer = self.http.get("v3/fear-and-greed/historical", &query).await?;
        if number(&answer.status.error_code) != Ok(0.0) {
            let said = answer.status.error_message.unwrap_or_default();
            return Err(self.http.declined(&format!("error {}, expected 0: {said}", answer.status.error_code)));
        }
        let rows = answer.data.unwrap_or_default();
        if rows.is_empty() && start == 1 {
            return Err(FeedError::Empty { endpoint: self.http.label().to_owned(), what: self.index.to_string() });
        }
        Ok(rows)
    }

    /// The earliest time among the rows.
    fn take(&self, gathering: &mut Gathering<'_>, rows: &[Value], before: usize, span: Option<Span>) -> Option<u64> {
        let mut earliest = None;
        for (index, value) in rows.iter().enumerate() {
            match row::<Day>(value).and_then(|day| Ok((seconds(&day.timestamp)?, number(&day.value)))) {
                Ok((time, value)) => {
                    earliest = Some(earliest.map_or(time, |earliest: u64| earliest.min(time)));
                    if span.is_none_or(|span| span.contains(time)) {
                        gathering.try_put(before + index, &self.index, time, time, value);
                    }
                }
                Err(why) => gathering.refuse(before + index, why),
            }
        }
        earliest
    }

    async fn history(&self, mut gathering: Gathering<'_>, span: Span) -> Result<Gathered, FeedError> {
        let mut before = 0;
        for _ in 0..MOST_PAGES {
            let rows = self.page(before + 1, PAGE).await?;
            let earliest = self.take(&mut gathering, &rows, before, Some(span));
            before += rows.len();
            if rows.len() < PAGE || earliest.is_some_and(|earliest| earliest < span.from()) {
                return Ok(gathering.finish());
            }
        }
        let why = format!("it has more than {} rows", PAGE * MOST_PAGES);
        Err(FeedError::BadRequest { what: self.index.to_string(), why })
    }
}

/// Seconds, which come as a number or in a string.
fn seconds(value: &Value) -> Result<u64, String> {
    let found = match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    };
    found.ok_or_else(|| format!("timestamp is {value}, expected seconds"))
}

impl Feed for CoinMarketCapFearGreed {
    fn source(&self) -> &str {
        "coinmarketcap"
    }

    fn kind(&self) -> Kind {
        Kind::Sentiment
    }

    fn series(&self) -> Vec<SeriesId> {
        vec![self.index.clone()]
    }

    fn latest(&self, now: u64) -> BoxFuture<'_, Result<Gathered, FeedError>> {
        Box::pin(async move {
            let mut gathering = Gathering::of_now(self.source(), self.http.label(), now, &self.bounds);
            let rows = self.page(1, 2).await?;
            self.take(&mut gathering, &rows, 0, None);
            Ok(newest_only(gathering.finish()))
        })
    }

    fn range(&self, span: Span, now: u64) -> BoxFuture<'_, Result<Gathered, FeedError>> {
        let gathering = Gathering::of_history(self.source(), self.http.label(), now, &self.bounds);
        Box::pin(self.history(gathering, span))
    }
}
