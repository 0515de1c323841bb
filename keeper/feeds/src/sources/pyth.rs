//! Pyth: prices with their confidence, through Hermes.
//!
//! Shapes: `ParsedPriceUpdate` and `RpcPrice` of <https://hermes.pyth.network/docs>. Public instances let 30 requests through each ten
//! seconds ([`limit`]); some want a key, as a bearer token.

use crate::{Bounds, Feed, FeedError, Gathered, Gathering, Http, HttpSettings, Kind, Span, sources::row, units};
use ballast_types::{Metric, SeriesError, SeriesId};
use futures::future::BoxFuture;
use serde::Deserialize;
use serde_json::Value;
use std::time::Duration;

pub const URL: &str = "https://hermes.pyth.network";
pub const KEY_VARIABLE: &str = "PYTH_API_KEY";

/// A price whose confidence interval is wider than this share of it says little: publishers disagree, or few publish. Pyth's best practices
/// leave the number to its user; this one is ours.
const WIDEST_CONFIDENCE: f64 = 0.01;
/// Requests that one span may need.
const MOST_REQUESTS: u64 = 2_000;

/// 30 requests each ten seconds.
#[must_use]
pub const fn limit(settings: HttpSettings) -> HttpSettings {
    settings.limited(30, Duration::from_secs(10))
}

/// A price feed and what it is called here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PriceFeed {
    /// 64 lower-case hexadecimal digits.
    id: String,
    price: SeriesId,
}

impl PriceFeed {
    /// Gives `subject#price_usd`; `id` with or without `0x`.
    ///
    /// # Errors
    /// If `subject` is none.
    pub fn new(id: &str, subject: &str) -> Result<Self, SeriesError> {
        let id = id.trim_start_matches("0x").to_ascii_lowercase();
        Ok(Self { id, price: SeriesId::new(subject, Metric::PriceUsd)? })
    }
}

/// `GET /v2/updates/price/latest` and, for history, `GET /v2/updates/price/{publish_time}` once per step. Published at `publish_time`.
#[derive(Debug)]
pub struct Pyth {
    http: Http,
    feeds: Vec<PriceFeed>,
    /// Seconds between the points of history, at least 1.
    step: u64,
    bounds: Bounds,
}

#[derive(Deserialize)]
struct Answer {
    parsed: Vec<Value>,
}

#[derive(Deserialize)]
struct Update {
    id: String,
    price: Price,
}

/// `price · 10^expo` USD, plus or minus `conf · 10^expo`.
#[derive(Deserialize)]
struct Price {
    price: String,
    conf: String,
    expo: i32,
    publish_time: u64,
}

impl Price {
    fn value(&self) -> Result<f64, String> {
        let scaled = |mantissa: &str| units::scaled(mantissa, self.expo).map_err(|error| error.to_string());
        let (price, confidence) = (scaled(&self.price)?, scaled(&self.conf)?);
        if confidence < 0.0 || confidence > price.abs() * WIDEST_CONFIDENCE {
            return Err(format!(
                "the confidence interval of {price} is {confidence} wide, expected at most {WIDEST_CONFIDENCE} of it"
            ));
        }
        Ok(price)
    }
}

impl Pyth {
    #[must_use]
    pub const fn new(http: Http, feeds: Vec<PriceFeed>, step: u64, bounds: Bounds) -> Self {
        Self { http, feeds, step, bounds }
    }

    async fn ask(&self, path: &str) -> Result<Answer, FeedError> {
        let ids = self.feeds.iter().map(|feed| ("ids[]", feed.id.clone()));
        let query: Vec<_> = ids.chain([("parsed", "true".to_owned())]).collect();
        self.http.get(&format!("v2/updates/price/{path}"), &query).await
    }

    /// How many rows there were.
    fn take(&self, gathering: &mut Gathering<'_>, answer: &Answer, span: Option<Span>, before: usize) -> usize {
        for (index, value) in answer.parsed.iter().enumerate() {
            let index = before + index;
            let update = match row::<Update>(value) {
                Ok(update) => update,
                Err(why) => {
                    gathering.refuse(index, why);
                    continue;
                }
            };
            let time = update.price.publish_time;
            match self.feeds.iter().find(|feed| feed.id == update.id) {
                Some(feed) if span.is_none_or(|span| span.contains(time)) => {
                    gathering.try_put(index, &feed.price, time, time, update.price.value());
                }
                Some(_) => {}
                None => gathering.refuse(index, format!("feed {:?} was not asked for", update.id)),
            }
        }
        answer.parsed.len()
    }

    async fn newest(&self, now: u64) -> Result<Gathered, FeedError> {
        let answer = self.ask("latest").await?;
        if answer.parsed.is_empty() {
            let what = self.feeds.first().map_or_else(String::new, |feed| format!("feed {}", feed.id));
            return Err(FeedError::Empty { endpoint: self.http.label().to_owned(), what });
        }
        let mut gathering = Gathering::of_now(self.source(), self.http.label(), now, &self.bounds);
        self.take(&mut gathering, &answer, None, 0);
        Ok(gathering.finish())
    }

    async fn history(&self, span: Span, now: u64) -> Result<Gathered, FeedError> {
        let step = self.step.max(1);
        let requests = (span.to() - span.from()).div_ceil(step);
        if requests > MOST_REQUESTS {
            let why = format!(
                "{requests} requests would be needed, at most {MOST_REQUESTS} are made; take a longer step or a shorter span"
            );
            return Err(FeedError::BadRequest { what: "Pyth's history".to_owned(), why });
        }
        let mut gathering = Gathering::of_history(self.source(), self.http.label(), now, &self.bounds);
        let (mut time, mut before) = (span.from(), 0);
        while time < span.to().min(now) {
            let answer = self.ask(&time.to_string()).await?;
            before += self.take(&mut gathering, &answer, Some(span), before);
            time += step;
        }
        Ok(gathering.finish())
    }
}

impl Feed for Pyth {
    fn source(&self) -> &str {
        "pyth"
    }

    fn kind(&self) -> Kind {
        Kind::Market
    }

    fn series(&self) -> Vec<SeriesId> {
        let mut series: Vec<_> = self.feeds.iter().map(|feed| feed.price.clone()).collect();
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
