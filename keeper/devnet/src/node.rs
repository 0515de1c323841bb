//! The one client of the private node: raw JSON-RPC over loopback HTTP.

use crate::jsonrpc::RpcError;
use alloy::primitives::{Address, B256, U64, U256};
use serde::{Deserialize, de::DeserializeOwned};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};

/// Forked state may have to be fetched from a slow remote node before a call is answered.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(120);

/// A call to the node failed.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The node understood and refused.
    #[error("the node refused {method}: {source}")]
    Refused {
        /// JSON-RPC method.
        method: String,
        /// The node's own words.
        source: Box<RpcError>,
    },
    /// No answer: the node is gone or overloaded.
    #[error("no answer from the node to {method}: {source}; is the anvil process still running?")]
    Unreachable {
        /// JSON-RPC method.
        method: String,
        /// Transport error.
        source: reqwest::Error,
    },
    /// An answer that is not what the method returns.
    #[error("the node's answer to {method} cannot be read: {detail}")]
    Unreadable {
        /// JSON-RPC method.
        method: String,
        /// What was expected.
        detail: String,
    },
}

impl From<NodeError> for RpcError {
    fn from(error: NodeError) -> Self {
        match error {
            NodeError::Refused { source, .. } => *source,
            other => Self::new(crate::jsonrpc::INTERNAL_ERROR, other.to_string()),
        }
    }
}

/// The parts of a block header that building needs.
#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Header {
    pub(crate) number: U64,
    pub(crate) timestamp: U64,
    pub(crate) gas_limit: U64,
    pub(crate) gas_used: U64,
    #[serde(default)]
    pub(crate) base_fee_per_gas: Option<U256>,
}

impl Header {
    pub(crate) fn number(&self) -> u64 {
        self.number.to()
    }
    pub(crate) fn timestamp(&self) -> u64 {
        self.timestamp.to()
    }
    /// Wei per gas; zero before London, which a fork may reach back to.
    pub(crate) fn base_fee(&self) -> u128 {
        self.base_fee_per_gas.unwrap_or_default().saturating_to()
    }
}

/// The parts of a receipt that building needs.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Receipt {
    pub(crate) transaction_hash: B256,
    pub(crate) status: U64,
    pub(crate) gas_used: U64,
    pub(crate) effective_gas_price: U256,
}

impl Receipt {
    pub(crate) fn succeeded(&self) -> bool {
        self.status == U64::from(1)
    }
}

#[derive(Deserialize)]
struct Answer {
    result: Option<Value>,
    error: Option<RpcError>,
}

/// Client of the node's private port.
#[derive(Clone, Debug)]
pub(crate) struct NodeClient {
    http: reqwest::Client,
    url: Arc<str>,
}

impl NodeClient {
    pub(crate) fn new(url: &str) -> Result<Self, NodeError> {
        // reqwest wants a process-wide TLS provider even for loopback HTTP; one installed earlier is as good.
        drop(rustls::crypto::ring::default_provider().install_default());
        let http = reqwest::Client::builder()
            .no_proxy()
            .timeout(REQUEST_TIMEOUT)
            .build()
            .map_err(|source| NodeError::Unreachable { method: "connect".into(), source })?;
        Ok(Self { http, url: url.into() })
    }

    pub(crate) async fn call(&self, method: &str, params: Value) -> Result<Value, NodeError> {
        let unreachable = |source| NodeError::Unreachable { method: method.to_owned(), source };
        let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": params});
        let answer: Answer = self
            .http
            .post(&*self.url)
            .json(&body)
            .send()
            .await
            .map_err(unreachable)?
            .json()
            .await
            .map_err(unreachable)?;
        match answer.error {
            Some(error) => Err(NodeError::Refused { method: method.to_owned(), source: Box::new(error) }),
            None => Ok(answer.result.unwrap_or(Value::Null)),
        }
    }

    /// As [`Self::call`], decoded.
    pub(crate) async fn get<T: DeserializeOwned>(&self, method: &str, params: Value) -> Result<T, NodeError> {
        let value = self.call(method, params).await?;
        serde_json::from_value(value)
            .map_err(|e| NodeError::Unreadable { method: method.to_owned(), detail: e.to_string() })
    }

    pub(crate) async fn header(&self, tag: &str) -> Result<Header, NodeError> {
        self.get("eth_getBlockByNumber", json!([tag, false])).await
    }

    /// Transactions sent by `account` in the head state.
    pub(crate) async fn nonce(&self, account: Address) -> Result<u64, NodeError> {
        Ok(self.get::<U64>("eth_getTransactionCount", json!([account, "latest"])).await?.to())
    }

    /// Wei held by `account` in the head state.
    pub(crate) async fn balance(&self, account: Address) -> Result<U256, NodeError> {
        self.get("eth_getBalance", json!([account, "latest"])).await
    }

    pub(crate) async fn receipts(&self, block: u64) -> Result<Vec<Receipt>, NodeError> {
        self.get("eth_getBlockReceipts", json!([U64::from(block)])).await
    }
}
