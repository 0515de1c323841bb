//! Safe's Transaction Service, where owners find what is proposed (<https://docs.safe.global/core-api/transaction-service-reference>).

use super::{proposal::SafeProposal, signatures::OwnerSignature, spelling::checksummed};
use alloy::primitives::{Address, B256, Bytes};
use ballast_chain::redact;
use reqwest::{Client, Method, Response, StatusCode, header::AUTHORIZATION};
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::{Value, json};
use std::time::Duration;

/// What the service shows beside the transaction.
const ORIGIN: &str = "ballast";
const TIMEOUT: Duration = Duration::from_secs(20);
/// Pages of a queue that are read. A queue that is longer is somebody's flood, not a queue.
const MAX_PAGES: usize = 20;

#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    #[error(
        "the Transaction Service {url} cannot be reached: {why}; the file is good without it, try again or pass it on by hand"
    )]
    Down { url: String, why: String },
    #[error("the Transaction Service refused ({status}): {why}{advice}")]
    Refused { status: u16, why: String, advice: &'static str },
    #[error(
        "the Transaction Service answered what its API does not say: {0}; is the URL that of its API, ending in /api?"
    )]
    Malformed(String),
    #[error(
        "the Transaction Service shows {shown} where {expected} was proposed: nobody should sign what it shows; give the owners \
         the file"
    )]
    Tampered { expected: String, shown: String },
    #[error("{0:?} is not an http(s) URL of a Transaction Service")]
    Url(String),
}

/// A client of one chain's service.
#[derive(Clone, Debug)]
pub struct TransactionService {
    base: String,
    api_key: Option<String>,
    http: Client,
}

/// A transaction as the service shows it.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ServiceTransaction {
    #[serde(with = "checksummed")]
    pub safe: Address,
    #[serde(with = "checksummed")]
    pub to: Address,
    pub value: String,
    pub data: Option<Bytes>,
    pub operation: u8,
    #[serde(deserialize_with = "number")]
    pub nonce: u64,
    pub safe_tx_hash: B256,
    pub is_executed: bool,
    pub transaction_hash: Option<B256>,
    #[serde(default)]
    pub confirmations: Vec<Confirmation>,
}

/// An owner's signature at the service.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Confirmation {
    #[serde(with = "checksummed")]
    pub owner: Address,
    pub signature: Bytes,
    #[serde(default)]
    pub signature_type: String,
}

#[derive(Deserialize)]
struct Page {
    next: Option<String>,
    results: Vec<ServiceTransaction>,
}

impl TransactionService {
    /// A client of the service whose API is at `url` (`https://api.safe.global/tx-service/eth/api`). `api_key` is sent as bearer token.
    ///
    /// # Errors
    /// [`ServiceError::Url`].
    pub fn new(url: &str, api_key: Option<String>) -> Result<Self, ServiceError> {
        let base = url.trim_end_matches('/').to_owned();
        let parsed = reqwest::Url::parse(&base).map_err(|_| ServiceError::Url(redact(url)))?;
        if !matches!(parsed.scheme(), "http" | "https") {
            return Err(ServiceError::Url(redact(url)));
        }
        let http = Client::builder().timeout(TIMEOUT).build().map_err(|error| down(&base, &error))?;
        Ok(Self { base, api_key, http })
    }

    /// Transactions that are proposed, not executed, and still can be, in the order of their nonces.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub async fn queued(&self, safe: Address, from_nonce: u64) -> Result<Vec<ServiceTransaction>, ServiceError> {
        let mut next = Some(format!(
            "{}/v2/safes/{safe}/multisig-transactions/?executed=false&nonce__gte={from_nonce}&ordering=nonce&limit=100",
            self.base
        ));
        let mut queued = Vec::new();
        for _ in 0..MAX_PAGES {
            let Some(url) = next else { return Ok(queued) };
            // The key must not follow a link to somebody else.
            if !url.starts_with(&self.base) {
                return Err(ServiceError::Malformed(format!("the next page is elsewhere: {}", redact(&url))));
            }
            let page: Page = self.get(&url).await?;
            queued.extend(page.results);
            next = page.next;
        }
        Err(ServiceError::Malformed(format!("the queue has more than {MAX_PAGES} pages")))
    }

    /// One transaction, if the service knows it.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub async fn transaction(&self, hash: B256) -> Result<Option<ServiceTransaction>, ServiceError> {
        match self.get(&format!("{}/v2/multisig-transactions/{hash}/", self.base)).await {
            Ok(transaction) => Ok(Some(transaction)),
            Err(ServiceError::Refused { status: 404, .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Proposes, and reads back what the service then shows. `sender` is an owner or a delegate, `signature` its own.
    ///
    /// # Errors
    /// [`ServiceError`]; [`ServiceError::Tampered`] if another transaction is shown than was proposed.
    pub async fn propose(
        &self,
        proposal: &SafeProposal,
        sender: Address,
        signature: &Bytes,
    ) -> Result<ServiceTransaction, ServiceError> {
        let safe = proposal.safe.to_checksum(None);
        let mut body =
            serde_json::to_value(&proposal.transaction).map_err(|error| ServiceError::Malformed(error.to_string()))?;
        body["safe"] = safe.as_str().into();
        body["nonce"] = proposal.nonce().into();
        body["contractTransactionHash"] = json!(proposal.safe_tx_hash);
        body["sender"] = sender.to_checksum(None).into();
        body["signature"] = json!(signature);
        body["origin"] = ORIGIN.into();
        self.send(Method::POST, &format!("{}/v2/safes/{safe}/multisig-transactions/", self.base), Some(&body)).await?;
        let shown = self.transaction(proposal.safe_tx_hash).await?.ok_or_else(|| ServiceError::Tampered {
            expected: proposal.safe_tx_hash.to_string(),
            shown: "no such transaction".into(),
        })?;
        same(proposal, &shown)?;
        Ok(shown)
    }

    /// Adds owners' signatures to a transaction that the service knows.
    ///
    /// # Errors
    /// [`ServiceError`].
    pub async fn confirm(&self, hash: B256, signature: &OwnerSignature) -> Result<(), ServiceError> {
        let bytes = super::signatures::packed(std::slice::from_ref(signature));
        let url = format!("{}/v1/multisig-transactions/{hash}/confirmations/", self.base);
        self.send(Method::POST, &url, Some(&json!({ "signature": bytes }))).await.map(drop)
    }

    async fn get<T: DeserializeOwned>(&self, url: &str) -> Result<T, ServiceError> {
        let response = self.send(Method::GET, url, None).await?;
        let text = response.text().await.map_err(|error| down(&self.base, &error))?;
        serde_json::from_str(&text).map_err(|error| ServiceError::Malformed(format!("{error} in {}", excerpt(&text))))
    }

    async fn send(&self, method: Method, url: &str, body: Option<&Value>) -> Result<Response, ServiceError> {
        let mut request = self.http.request(method, url);
        if let Some(key) = &self.api_key {
            request = request.header(AUTHORIZATION, format!("Bearer {key}"));
        }
        if let Some(body) = body {
            request = request.json(body);
        }
        let response = request.send().await.map_err(|error| down(&self.base, &error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        if status.is_server_error() {
            return Err(ServiceError::Down { url: redact(&self.base), why: format!("it answers {status}") });
        }
        let why = excerpt(&response.text().await.unwrap_or_default());
        let advice = match status {
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => "; set BALLAST_SAFE_API_KEY to a key of the service",
            StatusCode::TOO_MANY_REQUESTS => "; wait, or use a key with a higher limit",
            StatusCode::NOT_FOUND => "; is the Safe on the chain of this service?",
            _ => "",
        };
        Err(ServiceError::Refused { status: status.as_u16(), why, advice })
    }
}

impl Confirmation {
    /// The signature as we keep it, not yet checked.
    ///
    /// # Errors
    /// [`super::signatures::SignatureError`] if it is not the owner's for `hash`.
    pub fn signature(&self, hash: B256) -> Result<OwnerSignature, super::signatures::SignatureError> {
        /// A contract's: fixed part, length, then the signature itself.
        const BEFORE_CONTRACTS: usize = 65 + 32;
        match (self.signature_type.as_str(), self.signature.get(BEFORE_CONTRACTS..)) {
            ("CONTRACT_SIGNATURE", Some(inner)) => {
                Ok(OwnerSignature::by_contract(self.owner, Bytes::copy_from_slice(inner)))
            }
            _ => OwnerSignature::by_key(self.owner, &self.signature, hash),
        }
    }
}

/// What the service shows must be what was proposed, field by field: owners sign what it shows.
fn same(proposal: &SafeProposal, shown: &ServiceTransaction) -> Result<(), ServiceError> {
    let transaction = &proposal.transaction;
    let pairs = [
        (proposal.safe_tx_hash.to_string(), shown.safe_tx_hash.to_string()),
        (proposal.safe.to_string(), shown.safe.to_string()),
        (transaction.to.to_string(), shown.to.to_string()),
        (transaction.value.to_string(), shown.value.clone()),
        (transaction.data.to_string(), shown.data.clone().unwrap_or_default().to_string()),
        (transaction.operation.to_string(), shown.operation.to_string()),
        (proposal.nonce().to_string(), shown.nonce.to_string()),
    ];
    match pairs.into_iter().find(|(expected, shown)| expected != shown) {
        Some((expected, shown)) => Err(ServiceError::Tampered { expected, shown }),
        None => Ok(()),
    }
}

fn down(url: &str, error: &reqwest::Error) -> ServiceError {
    use std::error::Error;
    let mut why = if error.is_timeout() { "no answer in time".to_owned() } else { String::new() };
    let mut source = error.source();
    while let Some(cause) = source {
        why = if why.is_empty() { cause.to_string() } else { format!("{why}: {cause}") };
        source = cause.source();
    }
    ServiceError::Down { url: redact(url), why }
}

fn excerpt(text: &str) -> String {
    const CHARACTERS: usize = 400;
    let line: String = text.chars().take(CHARACTERS).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if line.trim().is_empty() { "no reason given".into() } else { line }
}

/// Versions of the service differ in whether nonces are numbers or strings.
fn number<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    match Value::deserialize(deserializer)? {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => text.parse().ok(),
        _ => None,
    }
    .ok_or_else(|| serde::de::Error::custom("a nonce is a number"))
}
