//! Coinglass: open interest and funding of a coin's perpetuals over all exchanges.
//!
//! Shapes: <https://docs.coinglass.com/reference/oi-ohlc-aggregated-history> and `…/oi-weight-ohlc-history`. A key in a header; requests a
//! minute depend on the plan, 30 on the smallest ([`limit`]).

use crate::{
    Bounds, Feed, FeedError, Gathered, Gathering, Http, HttpSettings, Kind, Span,
    calendar::DAY,
    sources::{newest_only, number, row},
    units,
};
use ballast_types::{Metric, SeriesError, SeriesId};
use futures::future::BoxFuture;
use serde::Deserialize;
use serde_json::Value;
use std::time::Duration;

pub const URL: &str = "https://open-api-v4.coinglass.com";
pub const KEY_HEADER: &str = "CG-API-KEY";
pub const KEY_VARIABLE: &str = "COINGLASS_API_KEY";

/// Seconds of a candle, the shortest of the smallest plan.
const CANDLE: u64 = 4 * 3_600;
/// Candles of one answer, at most.
const MOST_CANDLES: u64 = 1_000;
/// Funding for one interval that is taken for real, weighted over exchanges: their own caps for BTC and ETH are near 0.3 %. A percentage that
/// comes as a fraction falls out.
const LARGEST_FUNDING: f64 = 0.005;

/// 30 requests a minute.
#[must_use]
pub const fn limit(settings: HttpSettings) -> HttpSettings {
    settings.limited(30, Duration::from_secs(60))
}

/// What is asked about a coin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Figure {
    /// Open contracts of all exchanges, USD.
    OpenInterest,
    /// The exchanges' funding for one interval, weighted by their open interest; the API has percent.
    Funding,
}

/// `GET /api/futures/open-interest/aggregated-history` or `…/funding-rate/oi-weight-history` in candles of four hours: the close of each, of the
/// time at which it ended. A candle that is not over has no value yet.
#[derive(Debug)]
pub struct Coinglass {
    http: Http,
    /// `BTC`.
    symbol: String,
    figure: Figure,
    series: SeriesId,
    bounds: Bounds,
}

#[derive(Deserialize)]
struct Answer {
    code: Value,
    msg: Option<String>,
    data: Option<Vec<Value>>,
}

#[derive(Deserialize)]
struct Candle {
    /// Milliseconds at its beginning.
    time: u64,
    close: Value,
}

impl Coinglass {
    /// Gives `subject#open_interest_usd` or `subject#funding_rate`.
    ///
    /// # Errors
    /// If `subject` is none.
    pub fn new(
        http: Http,
        symbol: impl Into<String>,
        figure: Figure,
        subject: &str,
        bounds: Bounds,
    ) -> Result<Self, SeriesError> {
        let metric = match figure {
            Figure::OpenInterest => Metric::OpenInterestUsd,
            Figure::Funding => Metric::FundingRate,
        };
        let series = SeriesId::new(subject, metric)?;
        let bounds = match figure {
            Figure::OpenInterest => bounds,
            Figure::Funding => bounds.within(series.clone(), -LARGEST_FUNDING, LARGEST_FUNDING),
        };
        Ok(Self { http, symbol: symbol.into(), figure, series, bounds })
    }

    async fn ask(&self, from: u64, to: u64) -> Result<Vec<Value>, FeedError> {
        let mut query = vec![
            ("symbol", self.symbol.clone()),
            ("interval", "4h".to_owned()),
            ("limit", MOST_CANDLES.to_string()),
            ("start_time", (from * 1_000).to_string()),
            ("end_time", (to * 1_000).saturating_sub(1).to_string()),
        ];
        let path = match self.figure {
            Figure::OpenInterest => {
                query.push(("unit", "usd".to_owned()));
                "api/futures/open-interest/aggregated-history"
            }
            Figure::Funding => "api/futures/funding-rate/oi-weight-history",
        };
        let answer: Answer = self.http.get(path, &query).await?;
        if number(&answer.code) != Ok(0.0) {
            let said = answer.msg.unwrap_or_default();
            return Err(self.http.declined(&format!("code {}, expected 0: {said}", answer.code)));
        }
        answer.data.ok_or_else(|| FeedError::Shape {
            endpoint: self.http.label().to_owned(),
            at: "data".to_owned(),
            why: "missing, expected a list".to_owned(),
        })
    }

    async fn gather(&self, mut gathering: Gathering<'_>, span: Span, now: u64) -> Result<Gathered, FeedError> {
        // A candle of the span begins up to its length before it.
        let (mut from, mut before) = (span.from().saturating_sub(CANDLE), 0);
        let to = span.to().min(now + 1);
        while from < to {
            let part = to.min(from + CANDLE * (MOST_CANDLES - 1));
            let rows = self.ask(from, part).await?;
            for (index, value) in rows.iter().enumerate() {
                self.take(&mut gathering, before + index, value, span, now);
            }
            before += rows.len();
            from = part;
        }
        if before == 0 {
            let (endpoint, what) = (self.http.label().to_owned(), format!("{} of {}", self.series, self.symbol));
            return Err(FeedError::Empty { endpoint, what });
        }
        Ok(gathering.finish())
    }

    fn take(&self, gathering: &mut Gathering<'_>, index: usize, value: &Value, span: Span, now: u64) {
        match row::<Candle>(value) {
            Ok(candle) => {
                let ended = (candle.time / 1_000).saturating_add(CANDLE);
                if !span.contains(ended) || ended > now {
                    return;
                }
                let close = number(&candle.close).map(|close| match self.figure {
                    Figure::OpenInterest => close,
                    Figure::Funding => units::percent(close),
                });
                gathering.try_put(index, &self.series, ended, ended, close);
            }
            Err(why) => gathering.refuse(index, why),
        }
    }
}

impl Feed for Coinglass {
    fn source(&self) -> &str {
        "coinglass"
    }

    fn kind(&self) -> Kind {
        Kind::Market
    }

    fn series(&self) -> Vec<SeriesId> {
        vec![self.series.clone()]
    }

    fn latest(&self, now: u64) -> BoxFuture<'_, Result<Gathered, FeedError>> {
        Box::pin(async move {
            let span = Span::new(now.saturating_sub(DAY), now + 1)?;
            let gathering = Gathering::of_now(self.source(), self.http.label(), now, &self.bounds);
            self.gather(gathering, span, now).await.map(newest_only)
        })
    }

    fn range(&self, span: Span, now: u64) -> BoxFuture<'_, Result<Gathered, FeedError>> {
        let gathering = Gathering::of_history(self.source(), self.http.label(), now, &self.bounds);
        Box::pin(self.gather(gathering, span, now))
    }
}
