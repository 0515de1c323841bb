//! One RPC endpoint over HTTP whose errors and logs never show its credentials.
//!
//! Providers put API keys into paths, query strings and userinfo, and HTTP clients put the whole URL into their errors. This
//! transport keeps the URL to itself: everything that leaves it names the endpoint by [`redact`]ed label.

use crate::pool::{Health, PoolSettings, TokenBucket};
use alloy::{
    providers::{DynProvider, Provider, RootProvider},
    rpc::{
        client::RpcClient,
        json_rpc::{RequestPacket, ResponsePacket},
    },
    transports::{TransportError, TransportErrorKind, TransportFut},
};
use reqwest::{Url, header::RETRY_AFTER};
use std::{
    error::Error,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::{Duration, Instant},
};

/// Shortest path or query part that is taken for a secret when it turns up in a server's answer.
const SECRET_LENGTH: usize = 6;
/// Most of an error page that is repeated.
const QUOTED_CHARS: usize = 200;
/// "Limit exceeded" (EIP-1474).
const LIMIT_EXCEEDED: i64 = -32_005;
/// How long an endpoint is left alone that says it is asked too much and not for how long; doubled each time it says so again.
const PAUSE: Duration = Duration::from_secs(1);

/// A URL without userinfo, path and query: `https://host:port/…`.
#[must_use]
pub fn redact(url: &str) -> String {
    match Url::parse(url) {
        Ok(url) => label_of(&url),
        Err(_) => "(not a URL)".into(),
    }
}

fn label_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or("(no host)");
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let rest = if url.path().len() > 1 || url.query().is_some() { "/…" } else { "" };
    format!("{}://{host}{port}{rest}", url.scheme())
}

/// An error with all its causes, each said once.
pub(crate) fn chain_text(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

/// A provider, the name it goes by and how well it does.
#[derive(Clone)]
pub(crate) struct Endpoint {
    pub(crate) provider: DynProvider,
    pub(crate) label: String,
    pub(crate) health: Arc<Health>,
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.label)
    }
}

impl Endpoint {
    /// Connects lazily; the settings' timeout bounds each request with all its waiting, their rate spreads requests out.
    pub(crate) fn new(url: &str, settings: &PoolSettings) -> Result<Self, String> {
        let url: Url = url.parse().map_err(|error| format!("{error}"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!("the scheme is {:?}, expected http or https", url.scheme()));
        }
        // The TLS library panics without a process-wide provider; whoever installed one first keeps it.
        drop(rustls::crypto::ring::default_provider().install_default());
        // A redirect would take the request to an endpoint that nobody configured.
        let client = reqwest::Client::builder()
            .timeout(settings.timeout)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| chain_text(&error.without_url()))?;
        let label = label_of(&url);
        let health = Arc::new(Health::default());
        let bucket = settings.rate.map(|rate| Mutex::new(TokenBucket::new(rate, Instant::now())));
        let target = Target { client, label: label.clone(), url, timeout: settings.timeout, health, bucket };
        let health = Arc::clone(&target.health);
        let provider = RootProvider::new(RpcClient::new(Http(Arc::new(target)), false)).erased();
        Ok(Self { provider, label, health })
    }
}

struct Target {
    client: reqwest::Client,
    url: Url,
    label: String,
    timeout: Duration,
    health: Arc<Health>,
    bucket: Option<Mutex<TokenBucket>>,
}

/// What came back for one request.
enum Reply {
    Packet(ResponsePacket),
    /// It is asked too much; for how long it wants to be left alone.
    Limited(Option<Duration>),
}

impl Target {
    fn secrets(&self) -> impl Iterator<Item = &str> {
        let path = self.url.path_segments().into_iter().flatten();
        let query = self.url.query().into_iter().flat_map(|query| query.split(['&', '=']));
        path.chain(query)
            .filter(|part| part.len() >= SECRET_LENGTH)
            .chain([self.url.username(), self.url.password().unwrap_or_default()])
            .filter(|part| !part.is_empty())
    }

    fn scrub(&self, text: &str) -> String {
        let text = text.replace(self.url.as_str(), &self.label);
        self.secrets().fold(text, |text, secret| text.replace(secret, "…"))
    }

    fn failure(&self, text: &str) -> TransportError {
        TransportErrorKind::custom_str(&self.scrub(text))
    }

    /// Waits for the bucket and for the pause that the endpoint asked for, sends, and sends again after a pause it asks for now: all
    /// within the timeout, so a caller never waits longer than that.
    async fn post(&self, request: RequestPacket) -> Result<ResponsePacket, TransportError> {
        let deadline = Instant::now() + self.timeout;
        let mut backoff = PAUSE;
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            let wait = self.pause(&request, left).map_err(|wait| {
                self.failure(&format!(
                    "it would have to wait {wait:.1?} for its rate limit, more than the timeout leaves"
                ))
            })?;
            tokio::time::sleep(wait).await;
            let sent = Instant::now();
            let left = deadline.saturating_duration_since(sent);
            match tokio::time::timeout(left, self.send(&request)).await {
                Ok(Ok(Reply::Packet(packet))) => {
                    self.health.answered(sent.elapsed());
                    return Ok(packet);
                }
                // The next turn waits, or says that it cannot.
                Ok(Ok(Reply::Limited(asked_for))) => {
                    let pause = asked_for.unwrap_or(backoff);
                    backoff *= 2;
                    tracing::warn!(endpoint = self.label, ?pause, "RPC endpoint says it is asked too much");
                    self.health.limited(Instant::now() + pause);
                }
                Ok(Err(error)) => {
                    self.health.failed();
                    return Err(error);
                }
                Err(_) => {
                    self.health.failed();
                    return Err(self.failure(&format!("it did not answer within {:.1?}", self.timeout)));
                }
            }
        }
    }

    /// How long to wait before sending, or how long it would be if that is more than `left`.
    fn pause(&self, request: &RequestPacket, left: Duration) -> Result<Duration, Duration> {
        let asked_for = self.health.pause(Instant::now());
        if asked_for > left {
            self.health.failed();
            return Err(asked_for);
        }
        let Some(bucket) = &self.bucket else { return Ok(asked_for) };
        let requests = u32::try_from(request.len()).unwrap_or(u32::MAX);
        let own = bucket.lock().unwrap_or_else(PoisonError::into_inner).take(requests, Instant::now(), left)?;
        Ok(own.max(asked_for))
    }

    async fn send(&self, request: &RequestPacket) -> Result<Reply, TransportError> {
        let failed = |error: reqwest::Error| self.failure(&chain_text(&error.without_url()));
        let response = self.client.post(self.url.clone()).json(request).send().await.map_err(failed)?;
        let status = response.status();
        let retry_after = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()).and_then(seconds);
        let body = response.bytes().await.map_err(failed)?;
        if status == reqwest::StatusCode::TOO_MANY_REQUESTS {
            return Ok(Reply::Limited(retry_after));
        }
        match serde_json::from_slice::<ResponsePacket>(&body) {
            Ok(packet) if packet.iter_errors().any(|error| is_asked_too_much(error.code, &error.message)) => {
                Ok(Reply::Limited(retry_after))
            }
            Ok(packet) => Ok(Reply::Packet(packet)),
            Err(_) => {
                let quoted: String = String::from_utf8_lossy(&body).chars().take(QUOTED_CHARS).collect();
                Err(self.failure(&format!("HTTP {status} without a JSON-RPC answer: {quoted:?}")))
            }
        }
    }
}

/// Providers use the code of [`LIMIT_EXCEEDED`] for "you ask too often" and for "your question has too long an answer" alike (Infura:
/// `query returned more than 10000 results`). Waiting helps against the first only.
fn is_asked_too_much(code: i64, message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    code == LIMIT_EXCEEDED && !["results", "range", "response size"].iter().any(|word| message.contains(word))
}

/// `Retry-After` as whole seconds; its other form, a date, is read as nothing.
fn seconds(value: &str) -> Option<Duration> {
    value.trim().parse().ok().map(Duration::from_secs)
}

#[derive(Clone)]
struct Http(Arc<Target>);

impl tower_service::Service<RequestPacket> for Http {
    type Response = ResponsePacket;
    type Error = TransportError;
    type Future = TransportFut<'static>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: RequestPacket) -> Self::Future {
        let target = Arc::clone(&self.0);
        Box::pin(async move { target.post(request).await })
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_label_has_neither_userinfo_nor_path_nor_query() {
        assert_eq!(
            redact("https://user:secret@rpc.example:8545/v2/KEYKEYKEY?token=TTTTTT"),
            "https://rpc.example:8545/…"
        );
        assert_eq!(redact("http://127.0.0.1:8545"), "http://127.0.0.1:8545");
        assert_eq!(redact("nonsense KEYKEYKEY"), "(not a URL)");
    }

    #[test]
    fn a_question_with_too_long_an_answer_is_no_reason_to_wait() {
        assert!(is_asked_too_much(-32_005, "daily request count exceeded, request rate limited"));
        assert!(!is_asked_too_much(-32_005, "query returned more than 10000 results"));
        assert!(!is_asked_too_much(-32_005, "eth_getLogs is limited to a 10,000 range"));
        assert!(!is_asked_too_much(-32_000, "request rate limited"));
    }

    #[test]
    fn a_url_that_is_not_http_is_refused_without_being_repeated() {
        let error = Endpoint::new("ws://host/KEYKEYKEY", &PoolSettings::new(Duration::from_secs(1))).unwrap_err();
        assert!(error.contains("\"ws\"") && !error.contains("KEYKEYKEY"), "{error}");
    }

    #[tokio::test]
    async fn an_error_of_the_network_names_no_secret() {
        // Port 9 (discard) is closed on any test machine.
        let settings = PoolSettings::new(Duration::from_secs(5));
        let endpoint = Endpoint::new("http://user:password1@127.0.0.1:9/v3/KEYKEYKEY?token=TTTTTT", &settings).unwrap();
        let error = endpoint.provider.get_block_number().await.unwrap_err();
        let (text, debug) = (chain_text(&error), format!("{error:?} {endpoint:?}"));
        for secret in ["user", "password1", "KEYKEYKEY", "TTTTTT"] {
            assert!(!text.contains(secret) && !debug.contains(secret), "{secret} in {text} or {debug}");
        }
        assert!(text.to_lowercase().contains("refused"), "{text}");
    }
}
