//! The public endpoint: JSON-RPC over HTTP and WebSocket on one port, the only way to the chain that is handed out.
//!
//! It owns everything a mempool shows. What does not concern pending transactions, filters, time or blocks is passed to
//! the node, always under the read side of the builder's lock.

use crate::{
    assembly::Parent,
    builder::Builder,
    filters::{Filter, Filters, within},
    jsonrpc::{INVALID_REQUEST, METHOD_NOT_FOUND, PARSE_ERROR, Request, RpcError, answer},
    transaction::SignedTransaction,
    websocket,
};
use alloy::primitives::{Address, B256, Bytes, U64};
use axum::{
    Json, Router,
    body::Bytes as Body,
    extract::{DefaultBodyLimit, State, WebSocketUpgrade},
    response::Response,
    routing::get,
};
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Enough for a batch of the largest contracts.
const BODY_LIMIT: usize = 64 << 20;
/// More blocks than this in one `anvil_mine` is taken for a mistake.
const MAX_MINED_AT_ONCE: u64 = 100_000;

/// Node methods that would take building, or the pool, out of the builder's hands.
const BUILDERS_OWN: [&str; 15] = [
    "anvil_autoImpersonateAccount",
    "anvil_dropAllTransactions",
    "anvil_dropTransaction",
    "anvil_removePoolTransactions",
    "anvil_reset",
    "anvil_setAutomine",
    "anvil_setBlockTimestampInterval",
    "anvil_removeBlockTimestampInterval",
    "anvil_setIntervalMining",
    "anvil_mine_detailed",
    "evm_mine_detailed",
    "evm_setAutomine",
    "evm_setIntervalMining",
    "hardhat_dropTransaction",
    "hardhat_reset",
];

/// Shared by all connections of the public endpoint.
#[derive(Debug)]
pub(crate) struct PublicRpc {
    pub(crate) builder: Builder,
    pub(crate) chain_id: u64,
    /// Whether the node's state-changing test methods may be used.
    pub(crate) cheats: bool,
    filters: Mutex<Filters>,
}

pub(crate) fn router(builder: Builder, chain_id: u64, cheats: bool) -> Router {
    let rpc = Arc::new(PublicRpc { builder, chain_id, cheats, filters: Mutex::default() });
    Router::new().route("/", get(upgrade).post(post)).layer(DefaultBodyLimit::max(BODY_LIMIT)).with_state(rpc)
}

async fn upgrade(State(rpc): State<Arc<PublicRpc>>, socket: WebSocketUpgrade) -> Response {
    socket.max_message_size(BODY_LIMIT).on_upgrade(move |socket| websocket::serve(socket, rpc))
}

async fn post(State(rpc): State<Arc<PublicRpc>>, body: Body) -> Json<Value> {
    Json(rpc.answer_text(&body).await)
}

impl PublicRpc {
    /// Answers one request or a batch.
    pub(crate) async fn answer_text(&self, body: &[u8]) -> Value {
        match serde_json::from_slice::<Value>(body) {
            Err(e) => answer(&Value::Null, Err(RpcError::new(PARSE_ERROR, format!("not JSON: {e}")))),
            Ok(Value::Array(batch)) if batch.is_empty() => {
                answer(&Value::Null, Err(RpcError::new(INVALID_REQUEST, "empty batch")))
            }
            Ok(Value::Array(batch)) => {
                let mut answers = Vec::with_capacity(batch.len());
                // In order: a batch may send transactions that follow one another.
                for request in &batch {
                    answers.push(self.answer_one(request).await);
                }
                Value::Array(answers)
            }
            Ok(request) => self.answer_one(&request).await,
        }
    }

    async fn answer_one(&self, value: &Value) -> Value {
        match Request::parse(value) {
            Ok(request) => answer(&request.id, self.dispatch(&request).await),
            Err(error) => answer(value.get("id").unwrap_or(&Value::Null), Err(error)),
        }
    }

    pub(crate) async fn dispatch(&self, request: &Request) -> Result<Value, RpcError> {
        match request.method.as_str() {
            "eth_sendRawTransaction" => self.send_raw_transaction(request).await,
            "eth_getTransactionByHash"
            | "eth_getRawTransactionByHash"
            | "eth_getTransactionReceipt"
            | "debug_getRawTransaction" => self.by_hash(request).await,
            "eth_getTransactionCount" if request.is_pending_tag(1) => self.pending_nonce(request).await,
            "eth_getBlockByNumber" if request.is_pending_tag(0) => self.pending_block(request).await,
            "eth_getBlockTransactionCountByNumber" if request.is_pending_tag(0) => self.pending_count().await,
            "eth_getTransactionByBlockNumberAndIndex" if request.is_pending_tag(0) => {
                self.pending_by_index(request).await
            }
            "txpool_status" => self.txpool_status().await,
            "txpool_content" => self.txpool_content().await,
            "txpool_contentFrom" => self.txpool_content_from(request).await,
            "txpool_inspect" => self.txpool_inspect().await,
            "eth_newFilter" | "eth_newBlockFilter" | "eth_newPendingTransactionFilter" => {
                self.new_filter(request).await
            }
            "eth_getFilterChanges" => self.filter_changes(request).await,
            "eth_getFilterLogs" => self.filter_logs(request).await,
            "eth_uninstallFilter" => Ok(json!(self.filters().remove(request.param(0, "a filter id")?))),
            "eth_subscribe" | "eth_unsubscribe" => Err(RpcError::refused(
                "subscriptions need a WebSocket connection; over HTTP use eth_newFilter and its kin",
            )),
            "evm_mine" | "anvil_mine" | "hardhat_mine" => self.mine(request).await,
            "evm_increaseTime" | "anvil_increaseTime" => self.increase_time(request).await,
            "evm_setNextBlockTimestamp" | "anvil_setNextBlockTimestamp" | "evm_setTime" | "anvil_setTime" => {
                self.set_next_timestamp(request).await
            }
            method if method.starts_with("eth_send") || method.starts_with("wallet_send") || method == "eth_resend" => {
                Err(RpcError::refused(format!(
                    "{method} is not served here: sign the transaction and use eth_sendRawTransaction, or send it to the private relay"
                )))
            }
            method if BUILDERS_OWN.contains(&method) => Err(RpcError::refused(format!(
                "{method} is not available: blocks and the pool belong to the block builder; use evm_mine, evm_increaseTime or evm_setNextBlockTimestamp"
            ))),
            method if is_cheat(method) => self.cheat(request).await,
            _ => {
                let _unchanged = self.builder.read().await;
                self.forward(request).await
            }
        }
    }

    fn filters(&self) -> MutexGuard<'_, Filters> {
        self.filters.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn forward(&self, request: &Request) -> Result<Value, RpcError> {
        Ok(self.builder.node().call(&request.method, Value::Array(request.params.clone())).await?)
    }

    /// A test method of the node, run alone. State may jump, so what was pending is checked again and the head told anew.
    async fn cheat(&self, request: &Request) -> Result<Value, RpcError> {
        if !self.cheats {
            return Err(RpcError::new(
                METHOD_NOT_FOUND,
                format!("{} is not available: this devnet was started without test methods", request.method),
            ));
        }
        let (method, params) = (request.method.clone(), Value::Array(request.params.clone()));
        self.builder
            .exclusive(move |builder| async move {
                let before = builder.node().header("latest").await?.number();
                let result = builder.node().call(&method, params).await?;
                builder.announce_time().await?;
                if builder.node().header("latest").await?.number() != before || method.ends_with("_reorg") {
                    builder.announce_head().await?;
                }
                Ok(result)
            })
            .await?
    }

    async fn send_raw_transaction(&self, request: &Request) -> Result<Value, RpcError> {
        let raw: Bytes = request.param(0, "the raw bytes of a signed transaction")?;
        let transaction =
            SignedTransaction::decode(raw, self.chain_id).map_err(|e| RpcError::refused(e.to_string()))?;
        let _unchanged = self.builder.read().await;
        let node = self.builder.node();
        let head = node.header("latest").await?;
        let parent =
            Parent { timestamp: head.timestamp(), next_base_fee: head.base_fee(), gas_limit: head.gas_limit.to() };
        if transaction.gas_limit() > parent.gas_limit {
            return Err(RpcError::refused(format!(
                "exceeds block gas limit: {} of {}",
                transaction.gas_limit(),
                parent.gas_limit
            )));
        }
        let account_nonce = node.nonce(transaction.sender).await?;
        if transaction.nonce() < account_nonce {
            return Err(RpcError::refused(format!(
                "nonce too low: address {}, tx: {} state: {account_nonce}",
                transaction.sender,
                transaction.nonce()
            )));
        }
        let (balance, cost) = (node.balance(transaction.sender).await?, transaction.upfront_cost());
        if cost > balance {
            return Err(RpcError::refused(format!(
                "insufficient funds for gas * price + value: address {} has {balance} wei and needs {cost}",
                transaction.sender
            )));
        }
        let hash = self.builder.public().insert(transaction.clone())?;
        self.builder.announce_arrival(transaction);
        Ok(json!(hash))
    }

    /// A transaction known by hash: from our pool, from a block, or not at all while it is private.
    async fn by_hash(&self, request: &Request) -> Result<Value, RpcError> {
        let hash: B256 = request.param(0, "a transaction hash")?;
        let _unchanged = self.builder.read().await;
        let pooled = self.builder.public().get(&hash).cloned();
        if let Some(transaction) = pooled {
            return Ok(match request.method.as_str() {
                "eth_getTransactionByHash" => json!(transaction.as_pending()),
                "eth_getTransactionReceipt" => Value::Null,
                _ => json!(transaction.raw),
            });
        }
        if self.builder.private().holds(&hash) {
            return Ok(Value::Null);
        }
        self.forward(request).await
    }

    async fn pending_nonce(&self, request: &Request) -> Result<Value, RpcError> {
        let account: Address = request.param(0, "an address")?;
        let _unchanged = self.builder.read().await;
        let account_nonce = self.builder.node().nonce(account).await?;
        let nonce = self.builder.public().pending_nonce(account, account_nonce);
        Ok(json!(U64::from(nonce)))
    }

    async fn new_filter(&self, request: &Request) -> Result<Value, RpcError> {
        let filter = match request.method.as_str() {
            "eth_newPendingTransactionFilter" => {
                Filter::PendingTransactions { position: self.builder.public().arrivals_since(usize::MAX).1 }
            }
            method => {
                let _unchanged = self.builder.read().await;
                let next = self.builder.node().header("latest").await?.number() + 1;
                match method {
                    "eth_newBlockFilter" => Filter::Blocks { next },
                    _ => Filter::Logs { criteria: log_criteria(request)?, next },
                }
            }
        };
        Ok(json!(self.filters().create(filter)))
    }

    async fn filter_changes(&self, request: &Request) -> Result<Value, RpcError> {
        let id: U64 = request.param(0, "a filter id")?;
        let _unchanged = self.builder.read().await;
        let head = self.builder.node().header("latest").await?.number();
        let filter = self.filters().get(id)?;
        let (changes, advanced) = match filter {
            Filter::PendingTransactions { position } => {
                let (hashes, position) = self.builder.public().arrivals_since(position);
                (json!(hashes), Filter::PendingTransactions { position })
            }
            Filter::Blocks { next } => {
                let mut hashes = Vec::new();
                for number in next..=head {
                    let block =
                        self.builder.node().call("eth_getBlockByNumber", json!([U64::from(number), false])).await?;
                    hashes.push(block["hash"].clone());
                }
                (Value::Array(hashes), Filter::Blocks { next: head + 1 })
            }
            Filter::Logs { criteria, next } => {
                let logs = match within(&criteria, next, head) {
                    Some(narrowed) => self.builder.node().call("eth_getLogs", json!([narrowed])).await?,
                    None => json!([]),
                };
                (logs, Filter::Logs { criteria, next: head + 1 })
            }
        };
        self.filters().advance(id, advanced);
        Ok(changes)
    }

    async fn filter_logs(&self, request: &Request) -> Result<Value, RpcError> {
        let Filter::Logs { criteria, .. } = self.filters().get(request.param(0, "a filter id")?)? else {
            return Err(RpcError::refused("filter not found: this one does not watch logs"));
        };
        let _unchanged = self.builder.read().await;
        Ok(self.builder.node().call("eth_getLogs", json!([criteria])).await?)
    }

    /// `evm_mine([timestamp])` or `anvil_mine([blocks[, secondsBetween]])`.
    async fn mine(&self, request: &Request) -> Result<Value, RpcError> {
        if request.method == "evm_mine" {
            let wanted: Option<Value> = request.optional(0, "a timestamp")?;
            if let Some(value) = wanted {
                let timestamp = match value.get("timestamp") {
                    Some(inner) => quantity(inner)?,
                    None => quantity(&value)?,
                };
                self.builder.set_next_timestamp(timestamp).await?;
            }
            self.builder.build_block().await?;
            return Ok(json!("0x0"));
        }
        let blocks = request.optional::<Value>(0, "a number of blocks")?.map_or(Ok(1), |v| quantity(&v))?;
        let spacing = request.optional::<Value>(1, "seconds between blocks")?.map(|v| quantity(&v)).transpose()?;
        if blocks > MAX_MINED_AT_ONCE {
            return Err(RpcError::params(format!("{blocks} blocks at once; at most {MAX_MINED_AT_ONCE} are built")));
        }
        let mut previous = None;
        for _ in 0..blocks {
            if let (Some(timestamp), Some(seconds)) = (previous, spacing) {
                self.builder.set_next_timestamp(u64::saturating_add(timestamp, seconds)).await?;
            }
            previous = Some(self.builder.build_block().await?.timestamp);
        }
        Ok(Value::Null)
    }

    async fn increase_time(&self, request: &Request) -> Result<Value, RpcError> {
        let seconds = quantity(&request.param(0, "a number of seconds")?)?;
        self.builder.advance_time(seconds).await?;
        Ok(json!(seconds))
    }

    async fn set_next_timestamp(&self, request: &Request) -> Result<Value, RpcError> {
        self.builder.set_next_timestamp(quantity(&request.param(0, "a timestamp in seconds")?)?).await?;
        Ok(Value::Null)
    }
}

/// The filter object of `eth_newFilter`, which cannot name a single block.
fn log_criteria(request: &Request) -> Result<Value, RpcError> {
    let criteria: Value = request.param(0, "a filter object")?;
    if !criteria.is_object() || criteria.get("blockHash").is_some() {
        return Err(RpcError::params(
            "eth_newFilter: an object without blockHash is expected; use eth_getLogs for one block",
        ));
    }
    Ok(criteria)
}

/// Methods of test nodes that change state or time outside of transactions.
fn is_cheat(method: &str) -> bool {
    ["anvil_", "hardhat_", "evm_", "tenderly_", "erc20_"].iter().any(|prefix| method.starts_with(prefix))
}

/// A number as tools give it: hex or decimal text, or a JSON number.
fn quantity(value: &Value) -> Result<u64, RpcError> {
    let parsed = match value {
        Value::Number(number) => number.as_u64(),
        Value::String(text) => match text.strip_prefix("0x") {
            Some(hex) => u64::from_str_radix(hex, 16).ok(),
            None => text.parse().ok(),
        },
        _ => None,
    };
    parsed.ok_or_else(|| RpcError::params(format!("{value} is not a whole number below 2^64")))
}
