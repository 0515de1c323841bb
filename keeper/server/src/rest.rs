//! `GET /v1/…`, JSON.

use crate::{Points, ProtocolId, SeriesQuery, SourceError, StateSource};
use axum::{
    Json, Router,
    extract::{Path, Query, State, rejection::QueryRejection},
    http::{StatusCode, Uri},
    response::{IntoResponse, Response},
    routing::get,
};
use ballast_types::{SeriesId, calendar};
use serde::Deserialize;
use serde_json::json;
use std::sync::Arc;

/// Values of one answer, unless asked for fewer.
const LIMIT: usize = 10_000;

pub(crate) fn router(source: Arc<dyn StateSource>) -> Router {
    Router::new()
        .route("/v1/protocols", get(protocols))
        .route("/v1/protocols/{*id}", get(protocol))
        .route("/v1/series/{*id}", get(series))
        .route("/v1/dashboard", get(dashboard))
        .route("/v1/risk", get(risk))
        .fallback(nowhere)
        .method_not_allowed_fallback(async || Refusal(StatusCode::METHOD_NOT_ALLOWED, "expected GET".to_owned()))
        .with_state(source)
}

/// Said as `{"error": …}`.
struct Refusal(StatusCode, String);

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        (self.0, Json(json!({ "error": self.1 }))).into_response()
    }
}

impl From<SourceError> for Refusal {
    fn from(error: SourceError) -> Self {
        Self(StatusCode::SERVICE_UNAVAILABLE, error.to_string())
    }
}

fn bad(why: impl ToString) -> Refusal {
    Refusal(StatusCode::BAD_REQUEST, why.to_string())
}

type Answer = Result<Json<serde_json::Value>, Refusal>;

async fn nowhere(uri: Uri) -> Refusal {
    let why = format!(
        "{} is not here, expected /v1/protocols, /v1/protocols/{{id}}, /v1/series/{{id}}, /v1/dashboard or /v1/risk",
        uri.path()
    );
    Refusal(StatusCode::NOT_FOUND, why)
}

async fn protocols(
    State(source): State<Arc<dyn StateSource>>,
    query: Result<Query<Nothing>, QueryRejection>,
) -> Answer {
    query.map_err(|error| bad(format!("{}; expected no query", error.body_text())))?;
    Ok(Json(json!({ "protocols": source.list().await? })))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Nothing {}

async fn protocol(State(source): State<Arc<dyn StateSource>>, Path(id): Path<String>) -> Answer {
    let id: ProtocolId = id.parse().map_err(bad)?;
    let unknown =
        || Refusal(StatusCode::NOT_FOUND, format!("nothing is known of {id}; /v1/protocols names what there is"));
    let state = source.get(&id).await?.ok_or_else(unknown)?;
    Ok(Json(json!(state)))
}

async fn dashboard(
    State(source): State<Arc<dyn StateSource>>,
    query: Result<Query<Nothing>, QueryRejection>,
) -> Answer {
    query.map_err(|error| bad(format!("{}; expected no query", error.body_text())))?;
    let none = || Refusal(StatusCode::NOT_FOUND, "there is no dashboard: nothing was observed yet".to_owned());
    Ok(Json(source.dashboard().await?.ok_or_else(none)?))
}

async fn risk(State(source): State<Arc<dyn StateSource>>, query: Result<Query<Nothing>, QueryRejection>) -> Answer {
    query.map_err(|error| bad(format!("{}; expected no query", error.body_text())))?;
    let none = || Refusal(StatusCode::NOT_FOUND, "there is no risk to tell: nothing was observed yet".to_owned());
    Ok(Json(source.risk().await?.ok_or_else(none)?))
}

/// Times are Unix seconds, or as `2025-04-28` or `2025-04-28T23:01:27Z`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Wanted {
    from: Option<String>,
    to: Option<String>,
    as_of: Option<String>,
    limit: Option<usize>,
}

async fn series(
    State(source): State<Arc<dyn StateSource>>,
    Path(id): Path<String>,
    wanted: Result<Query<Wanted>, QueryRejection>,
) -> Answer {
    let Query(wanted) =
        wanted.map_err(|error| bad(format!("{}; expected from, to, as_of and limit", error.body_text())))?;
    let series: SeriesId = id.parse().map_err(|error| bad(format!("{error} (# is %23 in a URL)")))?;
    let at = |name: &str, text: Option<&str>, default: u64| text.map_or(Ok(default), |text| time(name, text));
    let from = at("from", wanted.from.as_deref(), 0)?;
    let to = at("to", wanted.to.as_deref(), u64::MAX)?;
    let as_of = at("as_of", wanted.as_of.as_deref(), u64::MAX)?;
    if from >= to {
        return Err(bad(format!("from is {from} and to is {to}, expected from before to")));
    }
    let limit = wanted.limit.unwrap_or(LIMIT);
    if !(1..=LIMIT).contains(&limit) {
        return Err(bad(format!("limit is {limit}, expected 1 to {LIMIT}")));
    }
    let query = SeriesQuery { series, from, to, as_of, limit };
    let unknown = || Refusal(StatusCode::NOT_FOUND, format!("nothing is known of {}", query.series));
    let Points { observations, more, dropped_until } = source.series(&query).await?.ok_or_else(unknown)?;
    // Several sources may have a value of the last time: it is asked for again, whole.
    let next = observations.last().filter(|_| more).map(ballast_types::Observation::time);
    let rows = observations.iter().filter(|observation| Some(observation.time()) != next);
    let values: Vec<_> = rows
        .map(|one| json!({ "time": one.time(), "known_at": one.known_at(), "value": one.value(), "source": one.source() }))
        .collect();
    if let (Some(next), true) = (next, values.is_empty()) {
        return Err(bad(format!("more than {limit} sources have a value of {next}, expected a larger limit")));
    }
    Ok(Json(json!({ "series": query.series, "values": values, "next_from": next, "dropped_until": dropped_until })))
}

fn time(name: &str, text: &str) -> Result<u64, Refusal> {
    text.parse::<u64>()
        .ok()
        .or_else(|| calendar::parse(text).ok())
        .ok_or_else(|| bad(format!("{name} is {text:?}, expected Unix seconds, 2025-04-28 or 2025-04-28T23:01:27Z")))
}
