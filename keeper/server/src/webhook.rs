//! Notices of Alchemy that an address was active (SPEC D2, ERR-31).
//!
//! Anyone can post to a webhook, so what has no valid signature is not read. What has one is still only a hint that it is worth looking: no
//! amount in it is believed, the chain is asked. Shape and signature: <https://www.alchemy.com/docs/reference/notify-api-quickstart> and
//! "Address Activity Webhook" there.

use alloy_primitives::{Address, B256, U64, U256};
use axum::{
    Json, Router,
    body::Bytes,
    extract::{DefaultBodyLimit, Request, State},
    http::{HeaderMap, StatusCode},
    middleware::{self, Next},
    response::{IntoResponse, Response},
    routing::post,
};
use hmac::{Hmac, Mac};
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::Sha256;
use std::{
    collections::VecDeque,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::mpsc;

const SIGNATURE: &str = "x-alchemy-signature";
/// How long a notice may take to come in: whoever has no signature must not hold a connection by dripping.
const PATIENCE: Duration = Duration::from_secs(10);
/// Bytes of one notice.
const LARGEST: usize = 1 << 20;
/// Notices that are remembered, so that one that is sent again is not told again.
const REMEMBERED: usize = 1_024;

/// The webhook's signing key, as Alchemy's dashboard shows it. Never printed.
#[derive(Clone)]
pub struct SigningKey(Hmac<Sha256>);

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

impl SigningKey {
    /// `None` for an empty key, with which anyone could sign.
    #[must_use]
    pub fn new(key: &str) -> Option<Self> {
        let key = key.trim();
        if key.is_empty() { None } else { Hmac::new_from_slice(key.as_bytes()).ok().map(Self) }
    }

    /// Whether `signature`, in hexadecimal digits, is HMAC-SHA256 of `body`. Takes as long whichever byte is wrong.
    #[must_use]
    pub fn signed(&self, body: &[u8], signature: &str) -> bool {
        let digits = signature.as_bytes();
        if digits.len() != 64 || !digits.iter().all(u8::is_ascii_hexdigit) {
            return false;
        }
        let bytes: Option<Vec<u8>> =
            (0..32).map(|n| u8::from_str_radix(signature.get(2 * n..2 * n + 2)?, 16).ok()).collect();
        bytes.is_some_and(|bytes| self.0.clone().chain_update(body).verify_slice(&bytes).is_ok())
    }
}

/// One notice, with everything that happened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// `whevt_…`; the same when it is sent again.
    pub id: String,
    /// `ETH_MAINNET`.
    pub network: String,
    /// All of them, not only the first.
    pub activities: Vec<Activity>,
}

/// Something that an address did, or that was done to it.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Activity {
    pub block_num: U64,
    pub hash: B256,
    pub from_address: Address,
    /// `None` where a contract was made.
    pub to_address: Option<Address>,
    /// `external`, `internal`, `token` …
    pub category: String,
    /// `USDC`, by the token's own word.
    pub asset: Option<String>,
    #[serde(default)]
    pub raw_contract: Option<RawContract>,
}

/// The token, and how much of it in its base units.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RawContract {
    pub raw_value: Option<U256>,
    pub address: Option<Address>,
    pub decimals: Option<u8>,
}

#[derive(Deserialize)]
struct Payload {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    event: Event,
}

#[derive(Deserialize)]
struct Event {
    network: String,
    activity: Vec<Activity>,
}

struct Inbox {
    key: SigningKey,
    told: mpsc::Sender<Notice>,
    seen: Mutex<VecDeque<String>>,
}

/// `POST /webhook/alchemy`, to be merged with [`crate::router`] or served alone. Each notice is told to `told` once; while that is full, or
/// nobody listens, Alchemy is asked to send again.
pub fn webhook(key: SigningKey, told: mpsc::Sender<Notice>) -> Router {
    let inbox = Arc::new(Inbox { key, told, seen: Mutex::default() });
    Router::new()
        .route("/webhook/alchemy", post(receive))
        .layer(DefaultBodyLimit::max(LARGEST))
        .layer(middleware::from_fn(in_time))
        .with_state(inbox)
}

async fn in_time(request: Request, next: Next) -> Response {
    let why = "the body did not come within ten seconds";
    let answered = tokio::time::timeout(PATIENCE, next.run(request)).await;
    answered.unwrap_or_else(|_| refused(StatusCode::REQUEST_TIMEOUT, why).into_response())
}

type Answer = (StatusCode, Json<Value>);

fn refused(status: StatusCode, why: &str) -> Answer {
    (status, Json(json!({ "error": why })))
}

async fn receive(State(inbox): State<Arc<Inbox>>, headers: HeaderMap, body: Bytes) -> Answer {
    let signature = headers.get(SIGNATURE).and_then(|value| value.to_str().ok());
    if !signature.is_some_and(|signature| inbox.key.signed(&body, signature)) {
        return refused(StatusCode::UNAUTHORIZED, "expected the HMAC-SHA256 of the body in X-Alchemy-Signature");
    }
    let mut document = serde_json::Deserializer::from_slice(&body);
    let payload: Payload = match serde_path_to_error::deserialize(&mut document) {
        Ok(payload) => payload,
        Err(error) => return refused(StatusCode::BAD_REQUEST, &format!("at {}: {}", error.path(), error.inner())),
    };
    if payload.kind != "ADDRESS_ACTIVITY" {
        return refused(StatusCode::BAD_REQUEST, &format!("the type is {:?}, expected ADDRESS_ACTIVITY", payload.kind));
    }
    let Payload { id, event: Event { network, activity: activities }, .. } = payload;
    let mut seen = inbox.seen.lock().unwrap_or_else(PoisonError::into_inner);
    if seen.contains(&id) {
        return (StatusCode::OK, Json(json!({ "told": 0 })));
    }
    let told = activities.len();
    if inbox.told.try_send(Notice { id: id.clone(), network, activities }).is_err() {
        return refused(StatusCode::SERVICE_UNAVAILABLE, "too much has not been looked at yet, send it again");
    }
    if seen.len() == REMEMBERED {
        seen.pop_front();
    }
    seen.push_back(id);
    (StatusCode::OK, Json(json!({ "told": told })))
}
