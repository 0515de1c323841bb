//! Deribit: DVOL, the volatility that options of a coin are priced at over the next thirty days.
//!
//! Shape: <https://docs.deribit.com/api-reference/market-data/public-get_volatility_index_data>. No key. Public requests cost credits that
//! come back at 20 a second ([`limit`] keeps to a quarter of that).

use crate::{
    Bounds, Feed, FeedError, Gathered, Gathering, Http, HttpSettings, Kind, Span,
    calendar::DAY,
    sources::{newest_only, row},
    units,
};
use ballast_types::{Metric, SeriesError, SeriesId};
use futures::future::BoxFuture;
use serde::Deserialize;
use serde_json::Value;
use std::time::Duration;

pub const URL: &str = "https://www.deribit.com";

/// Seconds of a candle.
const CANDLE: u64 = 3_600;
/// Answers of one span.
const MOST_PAGES: usize = 200;

/// 5 requests a second.
#[must_use]
pub const fn limit(settings: HttpSettings) -> HttpSettings {
    settings.limited(300, Duration::from_secs(60))
}

/// `GET /api/v2/public/get_volatility_index_data` in hours: the close of each candle, of the time at which it ended. An hour that is not over has
/// no value yet.
#[derive(Debug)]
pub struct Deribit {
    http: Http,
    /// `BTC` or `ETH`.
    currency: String,
    series: SeriesId,
    bounds: Bounds,
}

#[derive(Deserialize)]
struct Answer {
    result: Candles,
}

#[derive(Deserialize)]
struct Candles {
    data: Vec<Value>,
    /// The `end_timestamp` of the next request; none at the end.
    continuation: Option<u64>,
}

/// Milliseconds at its beginning; open, high, low and close in percent a year.
#[derive(Deserialize)]
struct Candle(u64, f64, f64, f64, f64);

impl Deribit {
    /// Gives `subject#implied_volatility`, a fraction a year.
    ///
    /// # Errors
    /// If `subject` is none.
    pub fn new(http: Http, currency: impl Into<String>, subject: &str, bounds: Bounds) -> Result<Self, SeriesError> {
        let series = SeriesId::new(subject, Metric::ImpliedVolatility)?;
        Ok(Self { http, currency: currency.into(), series, bounds })
    }

    async fn gather(&self, mut gathering: Gathering<'_>, span: Span, now: u64) -> Result<Gathered, FeedError> {
        let (mut end, mut before) = (span.to() * 1_000, 0);
        for _ in 0..MOST_PAGES {
            let query = [
                ("currency", self.currency.clone()),
                ("start_timestamp", (span.from().saturating_sub(CANDLE) * 1_000).to_string()),
                ("end_timestamp", end.to_string()),
                ("resolution", CANDLE.to_string()),
            ];
            let answer: Answer = self.http.get("api/v2/public/get_volatility_index_data", &query).await?;
            let Candles { data, continuation } = answer.result;
            if data.is_empty() && before == 0 {
                let (endpoint, what) = (self.http.label().to_owned(), format!("DVOL of {}", self.currency));
                return Err(FeedError::Empty { endpoint, what });
            }
            for (index, value) in data.iter().enumerate() {
                self.take(&mut gathering, before + index, value, span, now);
            }
            before += data.len();
            match continuation {
                Some(next) if next < end => end = next,
                _ => return Ok(gathering.finish()),
            }
        }
        let why = format!("it has more than {MOST_PAGES} pages, ask for a shorter span");
        Err(FeedError::BadRequest { what: format!("DVOL of {}", self.currency), why })
    }

    fn take(&self, gathering: &mut Gathering<'_>, index: usize, value: &Value, span: Span, now: u64) {
        match row::<Candle>(value) {
            Ok(Candle(begun, open, high, low, close)) => {
                let ended = (begun / 1_000).saturating_add(CANDLE);
                if !span.contains(ended) || ended > now {
                    return;
                }
                // Without this, columns in another order would pass.
                if low > open.min(close) || high < open.max(close) {
                    let why = format!("its close {close} and open {open} are not between low {low} and high {high}");
                    return gathering.refuse(index, format!("{}: {why}", self.series));
                }
                gathering.put(index, &self.series, ended, ended, units::percent(close));
            }
            Err(why) => gathering.refuse(index, why),
        }
    }
}

impl Feed for Deribit {
    fn source(&self) -> &str {
        "deribit"
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
