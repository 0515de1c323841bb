//! CryptoQuant: what of a stablecoin moves to exchanges and away from them, by day.
//!
//! Shape: <https://docs.cryptoquant.com/api-reference/stablecoin-exchange-flows>. A bearer token. Its publisher finds new wallets of exchanges
//! every week and corrects the past, so what it says of a past day was not known on that day: history counts as known when it is asked for.

use crate::{
    Bounds, Feed, FeedError, Gathered, Gathering, Http, HttpSettings, Kind, Span,
    calendar::{self, DAY},
    sources::{newest_only, number},
};
use ballast_types::{Metric, SeriesError, SeriesId};
use futures::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::time::Duration;

pub const URL: &str = "https://api.cryptoquant.com";
pub const KEY_VARIABLE: &str = "CRYPTOQUANT_API_KEY";

/// Days that are looked back for the newest complete one.
const LOOK_BACK: u64 = 7;
/// Rows of one answer, at most.
const MOST_ROWS: u64 = 100_000;

/// 20 requests a minute; plans allow that and more.
#[must_use]
pub const fn limit(settings: HttpSettings) -> HttpSettings {
    settings.limited(20, Duration::from_secs(60))
}

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Flow {
    /// To exchanges.
    In,
    /// From exchanges.
    Out,
}

impl Flow {
    const fn path(self) -> &'static str {
        match self {
            Self::In => "v1/stablecoin/exchange-flows/inflow",
            Self::Out => "v1/stablecoin/exchange-flows/outflow",
        }
    }

    const fn field(self) -> &'static str {
        match self {
            Self::In => "inflow_total",
            Self::Out => "outflow_total",
        }
    }

    const fn metric(self) -> Metric {
        match self {
            Self::In => Metric::InflowUsd,
            Self::Out => Metric::OutflowUsd,
        }
    }
}

/// `GET /v1/stablecoin/exchange-flows/…` of all exchanges: tokens at their face value of a dollar, over a UTC day that is over.
#[derive(Debug)]
pub struct CryptoQuant {
    http: Http,
    /// CryptoQuant's: `usdc`, `usdt_eth`.
    token: String,
    flow: Flow,
    series: SeriesId,
    bounds: Bounds,
}

#[derive(Deserialize)]
struct Answer {
    status: Status,
    result: Option<Rows>,
}

#[derive(Deserialize)]
struct Status {
    code: u16,
    message: Option<String>,
}

#[derive(Deserialize)]
struct Rows {
    data: Vec<Map<String, Value>>,
}

impl CryptoQuant {
    /// Gives `subject#inflow_usd` or `subject#outflow_usd`.
    ///
    /// # Errors
    /// If `subject` is none.
    pub fn new(
        http: Http,
        token: impl Into<String>,
        flow: Flow,
        subject: &str,
        bounds: Bounds,
    ) -> Result<Self, SeriesError> {
        let series = SeriesId::new(subject, flow.metric())?;
        Ok(Self { http, token: token.into(), flow, series, bounds })
    }

    async fn gather(&self, mut gathering: Gathering<'_>, span: Span, now: u64) -> Result<Gathered, FeedError> {
        let day = |time| calendar::date(time).replace('-', "");
        let query = [
            ("token", self.token.clone()),
            ("exchange", "all_exchange".to_owned()),
            ("window", "day".to_owned()),
            ("from", day(span.from())),
            ("to", day(span.to())),
            ("limit", MOST_ROWS.to_string()),
        ];
        let answer: Answer = self.http.get(self.flow.path(), &query).await?;
        if answer.status.code != 200 {
            let (code, said) = (answer.status.code, answer.status.message.unwrap_or_default());
            return Err(self.http.declined(&format!("status {code}, expected 200: {said}")));
        }
        let rows = answer.result.map(|result| result.data).unwrap_or_default();
        if rows.is_empty() {
            let (endpoint, what) = (self.http.label().to_owned(), format!("{} of {}", self.series, self.token));
            return Err(FeedError::Empty { endpoint, what });
        }
        for (index, row) in rows.iter().enumerate() {
            match row.get("date").and_then(Value::as_str).map(calendar::parse) {
                Some(Ok(time)) if span.contains(time) && time.saturating_add(DAY) <= now => {
                    self.put(&mut gathering, index, (time, now), row);
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => gathering.refuse(index, error.to_string()),
                None => gathering.refuse(index, "no date, expected one such as 2025-04-28"),
            }
        }
        Ok(gathering.finish())
    }

    fn put(&self, gathering: &mut Gathering<'_>, index: usize, (time, now): (u64, u64), row: &Map<String, Value>) {
        match row.get(self.flow.field()) {
            // The publisher says that it does not know.
            Some(Value::Null) => {}
            Some(value) => gathering.try_put(index, &self.series, time, now, number(value)),
            None => gathering.refuse(index, format!("no {}, expected a number", self.flow.field())),
        }
    }
}

impl Feed for CryptoQuant {
    fn source(&self) -> &str {
        "cryptoquant"
    }

    fn kind(&self) -> Kind {
        Kind::Market
    }

    fn series(&self) -> Vec<SeriesId> {
        vec![self.series.clone()]
    }

    fn latest(&self, now: u64) -> BoxFuture<'_, Result<Gathered, FeedError>> {
        Box::pin(async move {
            let span = Span::new(now.saturating_sub(LOOK_BACK * DAY), now.max(1))?;
            let gathering = Gathering::of_now(self.source(), self.http.label(), now, &self.bounds);
            self.gather(gathering, span, now).await.map(newest_only)
        })
    }

    fn range(&self, span: Span, now: u64) -> BoxFuture<'_, Result<Gathered, FeedError>> {
        let gathering = Gathering::of_history(self.source(), self.http.label(), now, &self.bounds);
        Box::pin(self.gather(gathering, span, now))
    }
}
