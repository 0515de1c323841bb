//! Dune: the rows of a saved query.
//!
//! Shape: <https://docs.dune.com/api-reference/executions/endpoint/get-query-result>. What a query's columns mean only its author knows, so
//! each column that is used is described by a [`Column`]. Queries for Ballast are in `keeper/feeds/dune/`.

use crate::{
    Bounds, Feed, FeedError, Gathered, Gathering, Http, Kind, Span, calendar,
    sources::{newest_only, number},
    units,
};
use ballast_types::SeriesId;
use futures::future::BoxFuture;
use serde::Deserialize;
use serde_json::{Map, Value};

pub const URL: &str = "https://api.dune.com";
pub const KEY_HEADER: &str = "X-Dune-API-Key";
pub const KEY_VARIABLE: &str = "DUNE_API_KEY";

/// Rows of one answer.
const PAGE: usize = 1_000;
/// Pages of one result; more is a query that was not meant.
const MOST_PAGES: usize = 100;

/// What a column's numbers are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// As the metric wants it.
    Plain,
    /// Percent, where the metric is a fraction.
    Percent,
    /// Aave's ray: a fraction a year times 10^27. Already annual (ERR-23).
    Ray,
    /// An annual yield as a fraction, where the metric is a simple rate.
    Apy,
}

impl Unit {
    fn convert(self, value: &Value) -> Result<f64, String> {
        // Large numbers come as strings, since JavaScript would round them.
        let number = match value {
            Value::String(text) if self == Self::Ray => return units::ray(text).map_err(|error| error.to_string()),
            value => number(value)?,
        };
        match self {
            Self::Plain => Ok(number),
            Self::Percent => Ok(units::percent(number)),
            Self::Ray => Ok(number / 1e27),
            Self::Apy => units::apr_of_apy(number).map_err(|error| error.to_string()),
        }
    }
}

/// A column with numbers of one series.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    pub name: String,
    pub series: SeriesId,
    pub unit: Unit,
}

/// `GET /api/v1/query/{id}/results`, page by page. A result was known when its execution had ended.
#[derive(Debug)]
pub struct Dune {
    http: Http,
    query: u64,
    time_column: String,
    columns: Vec<Column>,
    bounds: Bounds,
}

#[derive(Deserialize)]
struct Answer {
    state: String,
    execution_ended_at: Option<String>,
    result: Option<Rows>,
    error: Option<Value>,
    next_offset: Option<usize>,
}

#[derive(Deserialize)]
struct Rows {
    rows: Vec<Map<String, Value>>,
}

impl Dune {
    /// `time_column` holds dates or timestamps in UTC.
    #[must_use]
    pub fn new(http: Http, query: u64, time_column: impl Into<String>, columns: Vec<Column>, bounds: Bounds) -> Self {
        Self { http, query, time_column: time_column.into(), columns, bounds }
    }

    async fn page(&self, offset: usize) -> Result<(u64, Vec<Map<String, Value>>, Option<usize>), FeedError> {
        let query = [("limit", PAGE.to_string()), ("offset", offset.to_string())];
        let answer: Answer = self.http.get(&format!("api/v1/query/{}/results", self.query), &query).await?;
        let endpoint = || self.http.label().to_owned();
        if answer.state != "QUERY_STATE_COMPLETED" {
            let said = answer.error.map(|error| format!(": {error}")).unwrap_or_default();
            let why = format!("query {} is {}, expected QUERY_STATE_COMPLETED{said}", self.query, answer.state);
            return Err(self.http.declined(&why));
        }
        let missing = |at: &str| FeedError::Shape {
            endpoint: endpoint(),
            at: at.to_owned(),
            why: "missing, expected in a completed query".to_owned(),
        };
        let ended = answer.execution_ended_at.ok_or_else(|| missing("execution_ended_at"))?;
        let ended = calendar::parse(&ended).map_err(|error| FeedError::Shape {
            endpoint: endpoint(),
            at: "execution_ended_at".to_owned(),
            why: error.to_string(),
        })?;
        Ok((ended, answer.result.ok_or_else(|| missing("result"))?.rows, answer.next_offset))
    }

    async fn gather(&self, mut gathering: Gathering<'_>, span: Option<Span>) -> Result<Gathered, FeedError> {
        let mut offset = 0;
        for _ in 0..MOST_PAGES {
            let (ended, rows, next) = self.page(offset).await?;
            if rows.is_empty() && offset == 0 {
                let what = format!("query {}", self.query);
                return Err(FeedError::Empty { endpoint: self.http.label().to_owned(), what });
            }
            for (index, row) in rows.iter().enumerate() {
                self.take(&mut gathering, offset + index, row, ended, span);
            }
            match next {
                Some(next) if next > offset => offset = next,
                _ => return Ok(gathering.finish()),
            }
        }
        let why = format!("query {} has more than {} rows", self.query, PAGE * MOST_PAGES);
        Err(self.http.declined(&why))
    }

    fn take(
        &self,
        gathering: &mut Gathering<'_>,
        index: usize,
        row: &Map<String, Value>,
        ended: u64,
        span: Option<Span>,
    ) {
        let time = match row.get(&self.time_column).and_then(Value::as_str).map(calendar::parse) {
            Some(Ok(time)) => time,
            Some(Err(error)) => return gathering.refuse(index, error.to_string()),
            None => return gathering.refuse(index, format!("no column {:?} with a time in it", self.time_column)),
        };
        if span.is_some_and(|span| !span.contains(time)) {
            return;
        }
        for column in &self.columns {
            match row.get(&column.name) {
                // A value that is not there is no error of the row.
                Some(Value::Null) => {}
                Some(value) => gathering.try_put(index, &column.series, time, ended, column.unit.convert(value)),
                None => gathering.refuse(index, format!("no column {:?}", column.name)),
            }
        }
    }
}

impl Feed for Dune {
    fn source(&self) -> &str {
        "dune"
    }

    fn kind(&self) -> Kind {
        Kind::Protocol
    }

    fn series(&self) -> Vec<SeriesId> {
        let mut series: Vec<_> = self.columns.iter().map(|column| column.series.clone()).collect();
        series.sort();
        series.dedup();
        series
    }

    fn latest(&self, now: u64) -> BoxFuture<'_, Result<Gathered, FeedError>> {
        let gathering = Gathering::of_now(self.source(), self.http.label(), now, &self.bounds);
        Box::pin(async move { self.gather(gathering, None).await.map(newest_only) })
    }

    fn range(&self, span: Span, now: u64) -> BoxFuture<'_, Result<Gathered, FeedError>> {
        let gathering = Gathering::of_history(self.source(), self.http.label(), now, &self.bounds);
        Box::pin(self.gather(gathering, Some(span)))
    }
}
