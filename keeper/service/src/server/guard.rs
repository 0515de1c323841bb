//! What stands before the two interfaces: how often a client may ask, and answers that are given again (SPEC D7).

use crate::shared::Shared;
use axum::{
    Json, Router,
    body::{Body, to_bytes},
    extract::{ConnectInfo, Request, State},
    http::{HeaderMap, HeaderValue, Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Response},
};
use ballast_store::cache::{Cache, Leave, RateLimiter};
use ballast_types::calendar;
use serde_json::json;
use std::{
    net::{IpAddr, Ipv6Addr, SocketAddr},
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// How long an answer about the past is given again (SPEC D7: 5 to 10 minutes).
const ANSWER_TTL: Duration = Duration::from_secs(300);
/// Bytes of an answer that is kept; an answer of the most values that there may be in one is smaller.
const LARGEST: usize = 4 << 20;
/// Bytes of a path and query by which an answer is kept.
const LONGEST: usize = 512;
/// gRPC's `RESOURCE_EXHAUSTED`.
const EXHAUSTED: HeaderValue = HeaderValue::from_static("8");
const GRPC: &str = "application/grpc";

/// `router`, with every call counted.
pub(super) fn guarded(router: Router, shared: Arc<Shared>) -> Router {
    router.layer(middleware::from_fn_with_state(shared, guard))
}

async fn guard(
    State(shared): State<Arc<Shared>>,
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Response {
    match shared.take(&client(peer.ip())).await {
        Ok(Leave::Granted { .. }) => {}
        Ok(Leave::Denied { retry_after }) => return denied(request.headers(), retry_after),
        Err(error) => return unavailable(&error),
    }
    let Some(key) = answer_key(&request) else { return next.run(request).await };
    match shared.get(&key).await {
        Ok(Some(known)) => return document(known),
        Ok(None) => {}
        Err(error) => return unavailable(&error),
    }
    let answered = next.run(request).await;
    if answered.status() != StatusCode::OK {
        return answered;
    }
    let (parts, body) = answered.into_parts();
    match to_bytes(body, usize::MAX).await {
        Ok(bytes) if bytes.len() <= LARGEST => match shared.set(&key, &bytes, ANSWER_TTL).await {
            Ok(()) => document(bytes.to_vec()),
            Err(error) => unavailable(&error),
        },
        Ok(bytes) => Response::from_parts(parts, Body::from(bytes)),
        Err(error) => unavailable(&error),
    }
}

/// By whom a call is made: an address, of IPv6 the network of it that one client has.
fn client(address: IpAddr) -> String {
    match address.to_canonical() {
        IpAddr::V4(address) => format!("client:{address}"),
        IpAddr::V6(address) => {
            let [a, b, c, d, ..] = address.segments();
            format!("client:{}/64", Ipv6Addr::new(a, b, c, d, 0, 0, 0, 0))
        }
    }
}

/// The key of an answer that is good for a while: values of a series up to a time that is over. What is not over has another value with the
/// next block, and states have a time of their own.
fn answer_key(request: &Request) -> Option<String> {
    let uri = request.uri();
    if request.method() != Method::GET || !uri.path().starts_with("/v1/series/") {
        return None;
    }
    let to = uri.query()?.split('&').find_map(|pair| pair.strip_prefix("to="))?;
    let to = to.parse().ok().or_else(|| calendar::parse(&to.replace("%3A", ":")).ok())?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?.as_secs();
    let asked = uri.path_and_query()?.as_str();
    (to < now && asked.len() <= LONGEST).then(|| format!("api:{asked}"))
}

fn document(bytes: Vec<u8>) -> Response {
    let kept = format!("max-age={}", ANSWER_TTL.as_secs());
    ([(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, kept.as_str())], bytes).into_response()
}

fn denied(headers: &HeaderMap, retry_after: Duration) -> Response {
    // Whole seconds, rounded up: who comes back then is let in.
    let seconds = retry_after.as_millis().div_ceil(1_000).max(1).to_string();
    let why = format!(
        "too many calls, expected at most as many in a minute as server.calls_per_minute; come back in {seconds} s"
    );
    let is_grpc = headers.get(header::CONTENT_TYPE).is_some_and(|kind| kind.as_bytes().starts_with(GRPC.as_bytes()));
    if is_grpc {
        let mut answer = StatusCode::OK.into_response();
        let told = answer.headers_mut();
        told.insert(header::CONTENT_TYPE, HeaderValue::from_static(GRPC));
        told.insert("grpc-status", EXHAUSTED);
        if let Ok(why) = HeaderValue::from_str(&why) {
            told.insert("grpc-message", why);
        }
        return answer;
    }
    (StatusCode::TOO_MANY_REQUESTS, [(header::RETRY_AFTER, seconds)], Json(json!({ "error": why }))).into_response()
}

fn unavailable(error: &dyn std::error::Error) -> Response {
    (StatusCode::SERVICE_UNAVAILABLE, Json(json!({ "error": error.to_string() }))).into_response()
}

#[cfg(test)]
mod tests;
