//! One GraphQL endpoint.

use crate::{FeedError, Head, Http, sources::row};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::collections::BTreeSet;

/// Entities of one answer; The Graph gives no more.
const PAGE: usize = 1_000;
/// Pages of one span.
const MOST_PAGES: usize = 200;

/// A subgraph's endpoint.
#[derive(Debug)]
pub struct Subgraph {
    pub(super) http: Http,
    path: String,
}

/// GraphQL's response (<https://spec.graphql.org/October2021/#sec-Response-Format>).
#[derive(Deserialize)]
struct Response {
    data: Option<Map<String, Value>>,
    errors: Option<Vec<GraphQlError>>,
}

#[derive(Deserialize)]
struct GraphQlError {
    message: String,
}

/// `_meta`, which every subgraph has.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Meta {
    block: MetaBlock,
    has_indexing_errors: bool,
}

#[derive(Deserialize)]
struct MetaBlock {
    number: u64,
    timestamp: Option<u64>,
}

pub(super) const META: &str = "_meta { block { number timestamp } hasIndexingErrors }";

/// What a list says, and how far the indexer is.
pub(super) struct Listed {
    pub(super) rows: Vec<Value>,
    pub(super) head: Head,
}

impl Subgraph {
    /// `path` is relative to the base URL of `http`: `subgraphs/id/…` behind `https://gateway.thegraph.com/api/`.
    #[must_use]
    pub fn new(http: Http, path: impl Into<String>) -> Self {
        Self { http, path: path.into() }
    }

    fn shape(&self, at: &str, why: impl Into<String>) -> FeedError {
        FeedError::Shape { endpoint: self.http.label().to_owned(), at: at.to_owned(), why: why.into() }
    }

    /// The list called `field` of the answer, whose query asks for [`META`] too.
    pub(super) async fn list(&self, query: &str, variables: Value, field: &str) -> Result<Listed, FeedError> {
        let response: Response = self.http.post(&self.path, &json!({ "query": query, "variables": variables })).await?;
        let declined = |why: String| self.http.declined(&why);
        if let Some(errors) = response.errors.filter(|errors| !errors.is_empty()) {
            // Part of the data may be there all the same; which part is right nobody says.
            return Err(declined(errors.iter().map(|error| error.message.as_str()).collect::<Vec<_>>().join("; ")));
        }
        let mut data = response.data.ok_or_else(|| self.shape("data", "missing, expected data or errors"))?;
        let meta: Meta = row(data.get("_meta").unwrap_or(&Value::Null)).map_err(|why| self.shape("data._meta", why))?;
        if meta.has_indexing_errors {
            return Err(declined(format!(
                "it has indexing errors at block {}, its numbers are wrong",
                meta.block.number
            )));
        }
        let head = Head { block: meta.block.number, time: meta.block.timestamp };
        match data.remove(field) {
            Some(Value::Array(rows)) => Ok(Listed { rows, head }),
            other => Err(self.shape(&format!("data.{field}"), format!("{other:?} was found, expected a list"))),
        }
    }

    /// All pages of a list that is ordered by the integer `time_field`; `query` takes `$first` and `$from` (inclusive) beside `variables`.
    /// A page begins with the last time of the one before, since several entities may share a time.
    pub(super) async fn pages(
        &self,
        query: &str,
        mut variables: Map<String, Value>,
        field: &str,
        time_field: &str,
        from: u64,
    ) -> Result<Listed, FeedError> {
        let (mut all, mut seen, mut from) = (Vec::new(), BTreeSet::new(), from);
        variables.insert("first".to_owned(), PAGE.into());
        for _ in 0..MOST_PAGES {
            variables.insert("from".to_owned(), from.into());
            let Listed { rows, head } = self.list(query, Value::Object(variables.clone()), field).await?;
            let (full, mut last) = (rows.len() >= PAGE, from);
            for entity in rows {
                let at = |name: &str| format!("data.{field}[].{name}");
                let id = entity.get("id").and_then(Value::as_str).map(str::to_owned);
                let id = id.ok_or_else(|| self.shape(&at("id"), "missing, expected a string"))?;
                let time = integer(entity.get(time_field));
                last = time.ok_or_else(|| self.shape(&at(time_field), "expected a time in seconds"))?.max(last);
                if seen.insert(id) {
                    all.push(entity);
                }
            }
            if !full {
                return Ok(Listed { rows: all, head });
            }
            if last == from {
                return Err(self.shape(field, format!("more than {PAGE} entities share the time {from}")));
            }
            from = last;
        }
        Err(FeedError::BadRequest {
            what: format!("{field} from {from} on"),
            why: format!("it has more than {} entities, ask for a shorter span", PAGE * MOST_PAGES),
        })
    }
}

/// An integer as `Int` (a number) or as `BigInt` (a string).
fn integer(value: Option<&Value>) -> Option<u64> {
    match value? {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
}
