//! The Crypto Fear & Greed Index of alternative.me: sentiment.
//!
//! Shape: <https://alternative.me/crypto/fear-and-greed-index/#api>. The publisher asks to be named beside its numbers.

use crate::{
    Bounds, Feed, FeedError, Gathered, Gathering, Http, Kind, Span,
    sources::{newest_only, row},
    units,
};
use ballast_types::{Metric, SeriesError, SeriesId};
use futures::future::BoxFuture;
use serde::Deserialize;
use serde_json::Value;

pub const URL: &str = "https://api.alternative.me";

/// `GET /fng/`: one value a UTC day, 0 (fear) to 100 (greed), published at its beginning.
#[derive(Debug)]
pub struct FearGreed {
    http: Http,
    index: SeriesId,
    bounds: Bounds,
}

#[derive(Deserialize)]
struct Answer {
    data: Vec<Value>,
    metadata: Metadata,
}

#[derive(Deserialize)]
struct Metadata {
    error: Option<String>,
}

#[derive(Deserialize)]
struct Day {
    value: String,
    timestamp: String,
}

impl FearGreed {
    /// Gives `subject#index`.
    ///
    /// # Errors
    /// If `subject` is none.
    pub fn new(http: Http, subject: &str) -> Result<Self, SeriesError> {
        let index = SeriesId::new(subject, Metric::Index)?;
        let bounds = Bounds::default().within(index.clone(), 0.0, 100.0);
        Ok(Self { http, index, bounds })
    }

    /// The last `days`, all of them with 0.
    async fn gather(&self, mut gathering: Gathering<'_>, days: u32, span: Option<Span>) -> Result<Gathered, FeedError> {
        let answer: Answer = self.http.get("fng/", &[("limit", days.to_string())]).await?;
        let endpoint = || self.http.label().to_owned();
        if let Some(why) = answer.metadata.error {
            return Err(self.http.declined(&why));
        }
        if answer.data.is_empty() {
            return Err(FeedError::Empty { endpoint: endpoint(), what: self.index.to_string() });
        }
        for (index, value) in answer.data.iter().enumerate() {
            let parsed = row::<Day>(value).and_then(|day| {
                let time = day.timestamp.parse::<u64>();
                let time = time.map_err(|_| format!("timestamp is {:?}, expected seconds", day.timestamp))?;
                Ok((time, units::decimal(&day.value)))
            });
            match parsed {
                Ok((time, value)) if span.is_none_or(|span| span.contains(time)) => {
                    gathering.try_put(index, &self.index, time, time, value);
                }
                Ok(_) => {}
                Err(why) => gathering.refuse(index, why),
            }
        }
        Ok(gathering.finish())
    }
}

impl Feed for FearGreed {
    fn source(&self) -> &str {
        "alternative.me"
    }

    fn kind(&self) -> Kind {
        Kind::Sentiment
    }

    fn series(&self) -> Vec<SeriesId> {
        vec![self.index.clone()]
    }

    fn latest(&self, now: u64) -> BoxFuture<'_, Result<Gathered, FeedError>> {
        let gathering = Gathering::of_now(self.source(), self.http.label(), now, &self.bounds);
        Box::pin(async move { self.gather(gathering, 2, None).await.map(newest_only) })
    }

    fn range(&self, span: Span, now: u64) -> BoxFuture<'_, Result<Gathered, FeedError>> {
        let gathering = Gathering::of_history(self.source(), self.http.label(), now, &self.bounds);
        Box::pin(self.gather(gathering, 0, Some(span)))
    }
}
