//! One RPC endpoint over HTTP whose errors and logs never show its credentials.
//!
//! Providers put API keys into paths, query strings and userinfo, and HTTP clients put the whole URL into their errors. This
//! transport keeps the URL to itself: everything that leaves it names the endpoint by [`redact`]ed label.

use alloy::{
    providers::{DynProvider, Provider, RootProvider},
    rpc::{
        client::RpcClient,
        json_rpc::{RequestPacket, ResponsePacket},
    },
    transports::{TransportError, TransportErrorKind, TransportFut},
};
use reqwest::Url;
use std::{
    error::Error,
    fmt,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

/// Shortest path or query part that is taken for a secret when it turns up in a server's answer.
const SECRET_LENGTH: usize = 6;
/// Most of an error page that is repeated.
const QUOTED_CHARS: usize = 200;

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

/// A provider and the name it goes by.
#[derive(Clone)]
pub(crate) struct Endpoint {
    pub(crate) provider: DynProvider,
    pub(crate) label: String,
}

impl fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.label)
    }
}

impl Endpoint {
    /// Connects lazily; `timeout` bounds each request.
    pub(crate) fn new(url: &str, timeout: Duration) -> Result<Self, String> {
        let url: Url = url.parse().map_err(|error| format!("{error}"))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(format!("the scheme is {:?}, expected http or https", url.scheme()));
        }
        // The TLS library panics without a process-wide provider; whoever installed one first keeps it.
        drop(rustls::crypto::ring::default_provider().install_default());
        // A redirect would take the request to an endpoint that nobody configured.
        let client = reqwest::Client::builder()
            .timeout(timeout)
            .redirect(reqwest::redirect::Policy::none())
            .build()
            .map_err(|error| chain_text(&error.without_url()))?;
        let label = label_of(&url);
        let transport = Http(Arc::new(Target { client, label: label.clone(), url }));
        let provider = RootProvider::new(RpcClient::new(transport, false)).erased();
        Ok(Self { provider, label })
    }
}

struct Target {
    client: reqwest::Client,
    url: Url,
    label: String,
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

    async fn post(&self, request: RequestPacket) -> Result<ResponsePacket, TransportError> {
        let failed = |error: reqwest::Error| self.failure(&chain_text(&error.without_url()));
        let response = self.client.post(self.url.clone()).json(&request).send().await.map_err(failed)?;
        let status = response.status();
        let body = response.bytes().await.map_err(failed)?;
        match serde_json::from_slice(&body) {
            Ok(packet) => Ok(packet),
            Err(_) => {
                let quoted: String = String::from_utf8_lossy(&body).chars().take(QUOTED_CHARS).collect();
                Err(self.failure(&format!("HTTP {status} without a JSON-RPC answer: {quoted:?}")))
            }
        }
    }
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
    fn a_url_that_is_not_http_is_refused_without_being_repeated() {
        let error = Endpoint::new("ws://host/KEYKEYKEY", Duration::from_secs(1)).unwrap_err();
        assert!(error.contains("\"ws\"") && !error.contains("KEYKEYKEY"), "{error}");
    }

    #[tokio::test]
    async fn an_error_of_the_network_names_no_secret() {
        // Port 9 (discard) is closed on any test machine.
        let endpoint =
            Endpoint::new("http://user:password1@127.0.0.1:9/v3/KEYKEYKEY?token=TTTTTT", Duration::from_secs(5))
                .unwrap();
        let error = endpoint.provider.get_block_number().await.unwrap_err();
        let (text, debug) = (chain_text(&error), format!("{error:?} {endpoint:?}"));
        for secret in ["user", "password1", "KEYKEYKEY", "TTTTTT"] {
            assert!(!text.contains(secret) && !debug.contains(secret), "{secret} in {text} or {debug}");
        }
        assert!(text.to_lowercase().contains("refused"), "{text}");
    }
}
