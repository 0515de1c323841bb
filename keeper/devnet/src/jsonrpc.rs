//! JSON-RPC 2.0 messages as the proxy and the relay speak them.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// The body was not JSON.
pub(crate) const PARSE_ERROR: i64 = -32700;
/// The message is not a request we can answer at all (wrong shape, missing or wrong signature).
pub(crate) const INVALID_REQUEST: i64 = -32600;
/// No such method here.
pub(crate) const METHOD_NOT_FOUND: i64 = -32601;
/// The parameters cannot be read.
pub(crate) const INVALID_PARAMS: i64 = -32602;
/// The node or the builder failed.
pub(crate) const INTERNAL_ERROR: i64 = -32603;
/// Ethereum nodes' code for "understood and refused".
pub(crate) const REFUSED: i64 = -32000;

/// An error object of a JSON-RPC answer.
#[derive(Clone, Debug, Deserialize, Serialize, thiserror::Error)]
#[error("{message} (JSON-RPC error {code})")]
pub struct RpcError {
    /// JSON-RPC or Ethereum error code.
    pub code: i64,
    /// What was wrong, what was expected, what to do.
    pub message: String,
    /// Revert data and the like.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<Value>,
}

impl RpcError {
    pub(crate) fn new(code: i64, message: impl Into<String>) -> Self {
        Self { code, message: message.into(), data: None }
    }

    pub(crate) fn refused(message: impl Into<String>) -> Self {
        Self::new(REFUSED, message)
    }

    pub(crate) fn params(message: impl Into<String>) -> Self {
        Self::new(INVALID_PARAMS, message)
    }
}

/// One request, its parameters always positional.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    pub(crate) id: Value,
    pub(crate) method: String,
    pub(crate) params: Vec<Value>,
}

impl Request {
    /// Reads one request object. `params` may be missing (no parameters), as the specification allows.
    pub(crate) fn parse(value: &Value) -> Result<Self, RpcError> {
        let Some(method) = value.get("method").and_then(Value::as_str) else {
            return Err(RpcError::new(
                INVALID_REQUEST,
                "not a JSON-RPC request: an object with a string `method` is expected",
            ));
        };
        let params = match value.get("params") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(items)) => items.clone(),
            Some(_) => return Err(RpcError::params(format!("{method}: `params` must be an array"))),
        };
        Ok(Self { id: value.get("id").cloned().unwrap_or(Value::Null), method: method.to_owned(), params })
    }

    /// Parameter `index` decoded as `T`; `what` names it in the error.
    pub(crate) fn param<T: serde::de::DeserializeOwned>(&self, index: usize, what: &str) -> Result<T, RpcError> {
        let value = self
            .params
            .get(index)
            .ok_or_else(|| RpcError::params(format!("{}: parameter {index} ({what}) is missing", self.method)))?;
        serde_json::from_value(value.clone())
            .map_err(|e| RpcError::params(format!("{}: parameter {index} is not {what}: {e}", self.method)))
    }

    /// Parameter `index` if it is there and not null.
    pub(crate) fn optional<T: serde::de::DeserializeOwned>(
        &self,
        index: usize,
        what: &str,
    ) -> Result<Option<T>, RpcError> {
        match self.params.get(index) {
            None | Some(Value::Null) => Ok(None),
            Some(_) => self.param(index, what).map(Some),
        }
    }

    /// Whether parameter `index` is the block tag `pending`.
    pub(crate) fn is_pending_tag(&self, index: usize) -> bool {
        self.params.get(index).and_then(Value::as_str) == Some("pending")
    }
}

/// Wraps an outcome as an answer to `id`.
pub(crate) fn answer(id: &Value, outcome: Result<Value, RpcError>) -> Value {
    match outcome {
        Ok(result) => json!({"jsonrpc": "2.0", "id": id, "result": result}),
        Err(error) => json!({"jsonrpc": "2.0", "id": id, "error": error}),
    }
}
