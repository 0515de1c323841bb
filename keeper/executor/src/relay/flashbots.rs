//! A relay that speaks the [Flashbots JSON-RPC](https://docs.flashbots.net/flashbots-auction/advanced/rpc-endpoint). Each request is
//! signed by an authentication key that holds no funds; it is the relay's name for us, and only it can replace or cancel what it sent.

use super::{Relay, RelayError, Submission, Window};
use alloy::{
    hex,
    primitives::{Address, B256, keccak256},
    signers::{SignerSync as _, local::PrivateKeySigner},
};
use ballast_chain::redact;
use futures::future::BoxFuture;
use reqwest::{Client, Url, redirect::Policy};
use serde_json::{Value, json};
use std::{error::Error, fmt, time::Duration};

const SIGNATURE_HEADER: &str = "X-Flashbots-Signature";
const QUOTED_CHARS: usize = 200;

/// A relay that speaks the Flashbots protocol.
pub struct FlashbotsRelay {
    client: Client,
    url: Url,
    /// Where [Protect](https://docs.flashbots.net/flashbots-protect/additional-documentation/status-api) says what became of a transaction.
    status: Option<Url>,
    label: String,
    key: PrivateKeySigner,
}

impl fmt::Debug for FlashbotsRelay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FlashbotsRelay").field("url", &self.label).field("auth", &self.key.address()).finish()
    }
}

impl FlashbotsRelay {
    /// `auth_key` is 32 bytes of hex; `timeout` bounds each request.
    ///
    /// # Errors
    /// [`RelayError::BadUrl`] and [`RelayError::BadKey`].
    pub fn new(url: &str, auth_key: &str, timeout: Duration) -> Result<Self, RelayError> {
        let label = redact(url);
        let bad_url = |why: String| RelayError::BadUrl { url: label.clone(), why };
        let parsed: Url = url.parse().map_err(|error| bad_url(format!("{error}")))?;
        if !matches!(parsed.scheme(), "http" | "https") {
            return Err(bad_url(format!("its scheme is {:?}", parsed.scheme())));
        }
        let key = auth_key.trim().parse().map_err(|_| RelayError::BadKey)?;
        // The TLS library panics without a process-wide provider; whoever installed one first keeps it.
        drop(rustls::crypto::ring::default_provider().install_default());
        // A redirect would take the bundle to somebody else.
        let client = Client::builder()
            .timeout(timeout)
            .redirect(Policy::none())
            .build()
            .map_err(|error| bad_url(text_of(error)))?;
        Ok(Self { client, url: parsed, status: None, label, key })
    }

    /// Asks this URL for the status of transactions: `<url>/tx/<hash>`.
    ///
    /// # Errors
    /// [`RelayError::BadUrl`].
    pub fn with_status(mut self, url: &str) -> Result<Self, RelayError> {
        let bad = |why: String| RelayError::BadUrl { url: redact(url), why };
        let mut parsed: Url = url.parse().map_err(|error| bad(format!("{error}")))?;
        parsed.path_segments_mut().map_err(|()| bad("it has no path".to_owned()))?.pop_if_empty().push("tx");
        self.status = Some(parsed);
        Ok(self)
    }

    /// The address by which the relay knows us.
    #[must_use]
    pub fn auth_address(&self) -> Address {
        self.key.address()
    }

    /// Asks for the simulation of no transactions, which a relay refuses: the answer, which says that it is there and is a relay.
    ///
    /// # Errors
    /// [`RelayError::Refused`] by something that does not know the question, [`RelayError::Down`] by nobody.
    pub async fn probe(&self) -> Result<String, RelayError> {
        /// What nodes say of a method that they have not.
        const UNKNOWN: [&str; 5] = ["not found", "does not exist", "not supported", "not available", "not served"];
        let nothing = json!({ "txs": [], "blockNumber": "0x1", "stateBlockNumber": "latest" });
        match self.request("eth_callBundle", nothing).await {
            Ok(answer) => Ok(answer.to_string()),
            Err(RelayError::Refused { message, .. }) if !UNKNOWN.iter().any(|unknown| message.contains(unknown)) => {
                Ok(message)
            }
            Err(error) => Err(error),
        }
    }

    /// `<address>:<signature>` over the EIP-191 message that is the hex text of the body's hash, with v of 27 or 28 as the
    /// official client writes it.
    fn authentication(&self, body: &str) -> Result<String, RelayError> {
        let digest = format!("{:#x}", keccak256(body.as_bytes()));
        let signature = self.key.sign_message_sync(digest.as_bytes()).map_err(|error| self.down(error.to_string()))?;
        Ok(format!("{}:{}", self.key.address(), hex::encode_prefixed(signature.as_bytes())))
    }

    async fn request(&self, method: &str, parameter: Value) -> Result<Value, RelayError> {
        let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": [parameter] }).to_string();
        let authentication = self.authentication(&body)?;
        let response = self
            .client
            .post(self.url.clone())
            .header("Content-Type", "application/json")
            .header(SIGNATURE_HEADER, authentication)
            .body(body)
            .send()
            .await
            .map_err(|error| self.down(text_of(error)))?;
        let status = response.status();
        let text = response.text().await.map_err(|error| self.down(text_of(error)))?;
        let answer: Option<Value> = serde_json::from_str(&text).ok();
        // Relays say no in the JSON-RPC error, with any HTTP status; a bare string is how some proxies in front say it.
        let refusal = answer.as_ref().and_then(|answer| answer.get("error")).filter(|error| !error.is_null());
        if let Some(error) = refusal {
            let message =
                error.get("message").and_then(Value::as_str).or_else(|| error.as_str()).map(ToOwned::to_owned);
            let message = message.unwrap_or_else(|| error.to_string());
            return Err(if status.is_server_error() || status.as_u16() == 429 {
                self.down(format!("HTTP {status}: {message}"))
            } else {
                RelayError::Refused { relay: self.label.clone(), message }
            });
        }
        match answer.as_ref().and_then(|answer| answer.get("result")) {
            Some(result) if status.is_success() => Ok(result.clone()),
            _ => {
                let quoted: String = text.chars().take(QUOTED_CHARS).collect();
                Err(self.down(format!("HTTP {status} without a JSON-RPC answer: {quoted:?}")))
            }
        }
    }

    fn down(&self, why: String) -> RelayError {
        RelayError::Down { relay: self.label.clone(), why }
    }
}

impl Relay for FlashbotsRelay {
    fn submit<'a>(&'a self, submission: &'a Submission) -> BoxFuture<'a, Result<B256, RelayError>> {
        Box::pin(async move {
            let (method, parameter) = match submission.window {
                Window::Exact { block, timestamp } => (
                    "eth_sendBundle",
                    json!({
                        "txs": [submission.raw],
                        "blockNumber": format!("{block:#x}"),
                        "minTimestamp": timestamp,
                        "maxTimestamp": timestamp,
                        "replacementUuid": submission.replacement.to_string(),
                    }),
                ),
                Window::Until { block } => (
                    "eth_sendPrivateTransaction",
                    json!({ "tx": submission.raw, "maxBlockNumber": format!("{block:#x}") }),
                ),
            };
            let result = self.request(method, parameter).await?;
            let name = result.get("bundleHash").unwrap_or(&result).as_str().and_then(|text| text.parse().ok());
            name.ok_or_else(|| self.down(format!("the answer of {method} names no hash: {result}")))
        })
    }

    fn cancel<'a>(&'a self, submission: &'a Submission) -> BoxFuture<'a, Result<(), RelayError>> {
        Box::pin(async move {
            let (method, parameter) = match submission.window {
                Window::Exact { .. } => {
                    ("eth_cancelBundle", json!({ "replacementUuid": submission.replacement.to_string() }))
                }
                Window::Until { .. } => ("eth_cancelPrivateTransaction", json!({ "txHash": submission.tx_hash })),
            };
            let result = self.request(method, parameter).await?;
            if result == Value::Bool(false) {
                let message = format!("{} is not pending there", submission.tx_hash);
                return Err(RelayError::Refused { relay: self.label.clone(), message });
            }
            Ok(())
        })
    }

    fn status(&self, tx_hash: B256) -> BoxFuture<'_, Result<Option<String>, RelayError>> {
        Box::pin(async move {
            let Some(base) = &self.status else { return Ok(None) };
            let mut url = base.clone();
            let unusable = || self.down("its status URL has no path".to_owned());
            url.path_segments_mut().map_err(|()| unusable())?.push(&tx_hash.to_string());
            let response = self.client.get(url).send().await.map_err(|error| self.down(text_of(error)))?;
            let code = response.status();
            let text = response.text().await.map_err(|error| self.down(text_of(error)))?;
            let answer: Option<Value> = serde_json::from_str(&text).ok();
            let status = answer.as_ref().and_then(|answer| answer.get("status")).and_then(Value::as_str);
            match status {
                Some(status) if code.is_success() => Ok(Some(status.to_owned())),
                _ => {
                    let quoted: String = text.chars().take(QUOTED_CHARS).collect();
                    Err(self.down(format!("HTTP {code} without a status: {quoted:?}")))
                }
            }
        })
    }
}

fn text_of(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        text = format!("{text}: {source}");
        next = source.source();
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use alloy::providers::ext::verify_flashbots_signature;

    const KEY: &str = "0x2000000000000000000000000000000000000000000000000000000000000001";
    /// Body and header as `@flashbots/ethers-provider-bundle` 1.0.0 sent them with [`KEY`].
    const OFFICIAL_BODY: &str = r#"{"method":"eth_sendBundle","params":[{"txs":["0x02f86b0180"],"blockNumber":"0x1234","minTimestamp":1700000012,"maxTimestamp":1700000012}],"id":1,"jsonrpc":"2.0"}"#;
    const OFFICIAL_HEADER: &str = "0x12315dfa8F2047Dd56f7F968dF607b4c291DE720:0xd087f9535a89f13bdb11d8d13f439b6fd56587754687720f014e291d6f3349e1462248cd9e06ad3644ce5e2ade7dbbe96e102cf9c7c88d8a5926f72af4da2b051b";

    fn relay(url: &str) -> FlashbotsRelay {
        FlashbotsRelay::new(url, KEY, Duration::from_millis(500)).unwrap()
    }

    // SPEC X7
    #[test]
    fn the_header_is_the_official_clients() {
        assert_eq!(relay("http://127.0.0.1:1").authentication(OFFICIAL_BODY).unwrap(), OFFICIAL_HEADER);
    }

    // SPEC X7
    #[test]
    fn the_header_verifies_and_its_last_byte_is_27_or_28() {
        let relay = relay("http://127.0.0.1:1");
        for number in 0..32 {
            let body = format!("{{\"id\":{number}}}");
            let header = relay.authentication(&body).unwrap();
            assert_eq!(verify_flashbots_signature(&header, body.as_bytes()).unwrap(), relay.auth_address());
            assert!(header.ends_with("1b") || header.ends_with("1c"), "{header}");
        }
    }

    #[test]
    fn neither_key_nor_credentials_are_shown() {
        let relay = relay("https://user:hunter22@relay.example/SECRETPATH");
        let shown = format!("{relay:?}");
        for secret in ["hunter22", "SECRETPATH", &KEY[2..]] {
            assert!(!shown.contains(secret), "{shown}");
        }
    }

    #[test]
    fn unusable_settings_are_refused() {
        let refused = |url, key| FlashbotsRelay::new(url, key, Duration::from_secs(1)).unwrap_err();
        assert!(matches!(refused("ftp://relay.example", KEY), RelayError::BadUrl { .. }));
        assert!(matches!(refused("relay", KEY), RelayError::BadUrl { .. }));
        assert_eq!(refused("http://relay.example", "0x00"), RelayError::BadKey);
    }
}
