//! Glassnode: MVRV of a coin, as the ratio or as the z-score, each a metric of its own so that neither passes for the other (ERR-54).
//!
//! Shapes: <https://docs.glassnode.com/basic-api/endpoints/market>, "MVRV Ratio" and "MVRV Z-Score"; times as
//! <https://docs.glassnode.com/data/general-information/timestamps-and-resolutions> has them. 600 requests a minute ([`limit`]).

use crate::{
    Bounds, Feed, FeedError, Gathered, Gathering, Http, HttpSettings, Kind, Span,
    calendar::DAY,
    sources::{newest_only, row},
};
use ballast_types::{Metric, SeriesError, SeriesId};
use futures::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Map, Value};
use std::time::Duration;

pub const URL: &str = "https://api.glassnode.com";
pub const KEY_HEADER: &str = "X-Api-Key";
pub const KEY_VARIABLE: &str = "GLASSNODE_API_KEY";

/// Days that are looked back for the newest complete one.
const LOOK_BACK: u64 = 7;

/// 600 requests a minute.
#[must_use]
pub const fn limit(settings: HttpSettings) -> HttpSettings {
    settings.limited(600, Duration::from_secs(60))
}

/// Which of the two figures that are called MVRV.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mvrv {
    /// Market value over realised value.
    Ratio,
    /// Their difference in standard deviations of the market value.
    ZScore,
}

impl Mvrv {
    const fn path(self) -> &'static str {
        match self {
            Self::Ratio => "v1/metrics/market/mvrv",
            Self::ZScore => "v1/metrics/market/mvrv_z_score",
        }
    }

    const fn metric(self) -> Metric {
        match self {
            Self::Ratio => Metric::MvrvRatio,
            Self::ZScore => Metric::MvrvZScore,
        }
    }
}

/// `GET /v1/metrics/market/…` by days. A point carries the beginning of its day and describes the end of it, which is the time it has here; a
/// day that is not over has no value yet.
#[derive(Debug)]
pub struct Glassnode {
    http: Http,
    /// Glassnode's symbol: `BTC`.
    asset: String,
    measure: Mvrv,
    series: SeriesId,
    bounds: Bounds,
}

#[derive(Deserialize)]
struct Point {
    t: u64,
    v: f64,
}

impl Glassnode {
    /// Gives `subject#mvrv_ratio` or `subject#mvrv_z_score`.
    ///
    /// # Errors
    /// If `subject` is none.
    pub fn new(
        http: Http,
        asset: impl Into<String>,
        measure: Mvrv,
        subject: &str,
        bounds: Bounds,
    ) -> Result<Self, SeriesError> {
        let series = SeriesId::new(subject, measure.metric())?;
        Ok(Self { http, asset: asset.into(), measure, series, bounds })
    }

    async fn gather(&self, mut gathering: Gathering<'_>, span: Span, now: u64) -> Result<Gathered, FeedError> {
        let query = [
            ("a", self.asset.clone()),
            ("i", "24h".to_owned()),
            ("s", span.from().saturating_sub(DAY).to_string()),
            ("u", span.to().to_string()),
        ];
        let points: Vec<Map<String, Value>> = self.http.get(self.measure.path(), &query).await?;
        if points.is_empty() {
            let (endpoint, what) = (self.http.label().to_owned(), format!("{} of {}", self.series, self.asset));
            return Err(FeedError::Empty { endpoint, what });
        }
        for (index, point) in points.into_iter().enumerate() {
            match row::<Point>(&Value::Object(point)) {
                Ok(Point { t, v }) => {
                    let ended = t.saturating_add(DAY);
                    if span.contains(ended) && ended <= now {
                        gathering.put(index, &self.series, ended, ended, v);
                    }
                }
                Err(why) => gathering.refuse(index, why),
            }
        }
        Ok(gathering.finish())
    }
}

impl Feed for Glassnode {
    fn source(&self) -> &str {
        "glassnode"
    }

    fn kind(&self) -> Kind {
        Kind::Market
    }

    fn series(&self) -> Vec<SeriesId> {
        vec![self.series.clone()]
    }

    fn latest(&self, now: u64) -> BoxFuture<'_, Result<Gathered, FeedError>> {
        Box::pin(async move {
            let span = Span::new(now.saturating_sub(LOOK_BACK * DAY), now + 1)?;
            let gathering = Gathering::of_now(self.source(), self.http.label(), now, &self.bounds);
            self.gather(gathering, span, now).await.map(newest_only)
        })
    }

    fn range(&self, span: Span, now: u64) -> BoxFuture<'_, Result<Gathered, FeedError>> {
        let gathering = Gathering::of_history(self.source(), self.http.label(), now, &self.bounds);
        Box::pin(self.gather(gathering, span, now))
    }
}
