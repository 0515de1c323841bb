//! The private relay: Flashbots' JSON-RPC in front of the block builder.
//!
//! Every request is signed (`X-Flashbots-Signature: <address>:<signature>`, EIP-191 over the hex text of keccak256 of the
//! body); the address owns what it submits, and nobody else can replace or cancel it.

use crate::{
    builder::Builder,
    bundle_simulation::{Simulation, simulate},
    jsonrpc::{INVALID_REQUEST, METHOD_NOT_FOUND, PARSE_ERROR, Request, RpcError, answer},
    private_book::{Bundle, PrivateStatus, PrivateTransaction, bundle_hash},
    transaction::SignedTransaction,
};
use alloy::{
    primitives::{Address, B256, Bytes, Signature, U64, keccak256},
    rpc::types::mev::{EthCancelBundle, EthCancelPrivateTransaction, EthSendBundle, EthSendPrivateTransaction},
};
use axum::{
    Json, Router,
    body::Bytes as Body,
    extract::{DefaultBodyLimit, Path, State},
    http::HeaderMap,
    routing::{get, post},
};
use serde::Deserialize;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex, PoisonError};
use tokio::sync::watch;

/// Flashbots' limits on one bundle.
const MAX_BUNDLE_TRANSACTIONS: usize = 100;
const MAX_BUNDLE_BYTES: usize = 300_000;
/// Blocks that a private transaction is tried for when its sender does not say.
const PRIVATE_TRANSACTION_BLOCKS: u64 = 25;
/// A bundle of the largest size in hex, with room for the rest of the request.
const BODY_LIMIT: usize = 2 << 20;
const SIGNATURE_HEADER: &str = "x-flashbots-signature";

/// A way for the relay to fail, chosen by a test.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RelayFault {
    /// Connections are closed without an answer.
    Down,
    /// Every request is answered with a JSON-RPC error with this message.
    Refuse(String),
    /// Submissions are accepted, and nothing private is included while this lasts.
    NeverInclude,
    /// Submissions made while this lasts reach the builder this many blocks late; a bundle for an earlier block misses it.
    DelayBlocks(u64),
}

/// Switches the relay's faults. Clones share the switch.
#[derive(Clone, Debug)]
pub struct RelayFaults {
    current: Arc<Mutex<Option<RelayFault>>>,
    builder: Builder,
    connections: watch::Sender<bool>,
}

impl RelayFaults {
    /// Makes the relay fail this way, and no other, from now on.
    pub fn set(&self, fault: RelayFault) {
        self.switch(Some(fault));
    }

    /// Makes the relay work again.
    pub fn clear(&self) {
        self.switch(None);
    }

    fn switch(&self, fault: Option<RelayFault>) {
        self.builder.withhold_private(fault == Some(RelayFault::NeverInclude));
        self.connections.send_replace(fault == Some(RelayFault::Down));
        *self.current.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }
}

/// Shared by all connections of the relay.
#[derive(Debug)]
pub(crate) struct Relay {
    builder: Builder,
    chain_id: u64,
    fault: Arc<Mutex<Option<RelayFault>>>,
}

impl Relay {
    pub(crate) fn new(builder: Builder, chain_id: u64) -> Arc<Self> {
        Arc::new(Self { builder, chain_id, fault: Arc::default() })
    }

    pub(crate) fn router(self: &Arc<Self>) -> Router {
        Router::new()
            .route("/", post(rpc))
            .route("/tx/{hash}", get(status))
            .layer(DefaultBodyLimit::max(BODY_LIMIT))
            .with_state(self.clone())
    }

    /// `connections` cuts the relay's server.
    pub(crate) fn faults(&self, connections: watch::Sender<bool>) -> RelayFaults {
        RelayFaults { current: self.fault.clone(), builder: self.builder.clone(), connections }
    }

    fn fault(&self) -> Option<RelayFault> {
        self.fault.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    async fn dispatch(&self, request: &Request, owner: Address) -> Result<Value, RpcError> {
        match request.method.as_str() {
            "eth_sendBundle" => self.send_bundle(request, owner).await,
            "eth_cancelBundle" => {
                let cancel: EthCancelBundle = request.param(0, "a bundle cancellation")?;
                Ok(json!(self.builder.private().cancel_bundles(&cancel.replacement_uuid, owner)))
            }
            "eth_callBundle" => self.call_bundle(request).await,
            "eth_sendPrivateTransaction" => self.send_private_transaction(request, owner).await,
            "eth_cancelPrivateTransaction" => {
                let cancel: EthCancelPrivateTransaction = request.param(0, "a private transaction's cancellation")?;
                Ok(json!(self.builder.private().cancel_transaction(cancel.tx_hash, owner)))
            }
            other => Err(RpcError::new(
                METHOD_NOT_FOUND,
                format!(
                    "{other} is not served by the relay: eth_sendBundle, eth_cancelBundle, eth_callBundle, eth_sendPrivateTransaction and eth_cancelPrivateTransaction are"
                ),
            )),
        }
    }

    async fn send_bundle(&self, request: &Request, owner: Address) -> Result<Value, RpcError> {
        let sent: EthSendBundle = request.param(0, "a bundle")?;
        for (field, used) in [
            ("droppingTxHashes", !sent.dropping_tx_hashes.is_empty()),
            ("refundPercent", sent.refund_percent.is_some()),
            ("refundRecipient", sent.refund_recipient.is_some()),
            ("refundTxHashes", !sent.refund_tx_hashes.is_empty()),
        ] {
            if used {
                return Err(RpcError::params(format!("{field} is not supported by this relay; leave it out")));
            }
        }
        let transactions = self.decode_bundle(sent.txs)?;
        if let (Some(min), Some(max)) = (sent.min_timestamp, sent.max_timestamp)
            && min > max
        {
            return Err(RpcError::params(format!("minTimestamp {min} is after maxTimestamp {max}")));
        }
        let hash = bundle_hash(&transactions);
        // No block can be built between looking at the head and keeping the bundle.
        let _unchanged = self.builder.read().await;
        let head = self.builder.node().header("latest").await?.number();
        if sent.block_number <= head {
            return Err(RpcError::refused(format!(
                "bundle targets block {} and the head is {head}: target a block to come",
                sent.block_number
            )));
        }
        self.builder.private().add_bundle(Bundle {
            owner,
            transactions,
            block: sent.block_number,
            min_timestamp: sent.min_timestamp,
            // Zero means "none" to Flashbots' Go relay.
            max_timestamp: sent.max_timestamp.filter(|max| *max != 0),
            may_revert: sent.reverting_tx_hashes,
            replacement_uuid: sent.replacement_uuid,
            not_before: self.first_block(head),
        });
        Ok(json!({"bundleHash": hash}))
    }

    async fn call_bundle(&self, request: &Request) -> Result<Value, RpcError> {
        let call: CallBundle = request.param(0, "a bundle to simulate")?;
        let transactions = self.decode_bundle(call.txs)?;
        {
            let _unchanged = self.builder.read().await;
            let head = self.builder.node().header("latest").await?.number();
            if !is_head(call.state_block_number.as_ref(), head) {
                return Err(RpcError::params(format!(
                    "stateBlockNumber must be \"latest\" or the head {head}: only the head's state is simulated on"
                )));
            }
        }
        let simulation = Simulation {
            transactions,
            block: call.block_number.to(),
            timestamp: call.timestamp,
            coinbase: call.coinbase,
        };
        simulate(&self.builder, simulation).await
    }

    async fn send_private_transaction(&self, request: &Request, owner: Address) -> Result<Value, RpcError> {
        let sent: EthSendPrivateTransaction = request.param(0, "a private transaction")?;
        let transaction = self.decode(sent.tx)?;
        let hash = transaction.hash();
        let _unchanged = self.builder.read().await;
        let head = self.builder.node().header("latest").await?.number();
        let max_block = sent.max_block_number.unwrap_or(head + PRIVATE_TRANSACTION_BLOCKS);
        if max_block <= head {
            return Err(RpcError::refused(format!("maxBlockNumber {max_block} has passed: the head is {head}")));
        }
        let account_nonce = self.builder.node().nonce(transaction.sender).await?;
        if transaction.nonce() < account_nonce {
            return Err(RpcError::refused(format!(
                "nonce too low: address {}, tx: {} state: {account_nonce}",
                transaction.sender,
                transaction.nonce()
            )));
        }
        self.builder.private().add_transaction(PrivateTransaction {
            owner,
            transaction,
            max_block,
            not_before: self.first_block(head),
        });
        Ok(json!(hash))
    }

    /// First block that a submission made at `head` may be in.
    fn first_block(&self, head: u64) -> u64 {
        match self.fault() {
            Some(RelayFault::DelayBlocks(blocks)) => head.saturating_add(1).saturating_add(blocks),
            _ => head + 1,
        }
    }

    fn decode(&self, raw: Bytes) -> Result<SignedTransaction, RpcError> {
        SignedTransaction::decode(raw, self.chain_id).map_err(|e| RpcError::refused(e.to_string()))
    }

    fn decode_bundle(&self, raw: Vec<Bytes>) -> Result<Vec<SignedTransaction>, RpcError> {
        let bytes: usize = raw.iter().map(|transaction| transaction.len()).sum();
        if raw.is_empty() || raw.len() > MAX_BUNDLE_TRANSACTIONS {
            return Err(RpcError::refused(format!(
                "a bundle has 1 to {MAX_BUNDLE_TRANSACTIONS} transactions; this one has {}",
                raw.len()
            )));
        }
        if bytes > MAX_BUNDLE_BYTES {
            return Err(RpcError::refused(format!(
                "a bundle has at most {MAX_BUNDLE_BYTES} bytes of transactions; this one has {bytes}"
            )));
        }
        raw.into_iter().map(|transaction| self.decode(transaction)).collect()
    }
}

/// Parameters of `eth_callBundle` that are honoured; any other is refused rather than ignored.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct CallBundle {
    txs: Vec<Bytes>,
    block_number: U64,
    state_block_number: Option<Value>,
    timestamp: Option<u64>,
    coinbase: Option<Address>,
    /// Accepted and moot: simulations end with their transactions' gas.
    #[serde(rename = "timeout")]
    _timeout: Option<Value>,
}

fn is_head(state_block: Option<&Value>, head: u64) -> bool {
    match state_block {
        None => true,
        Some(Value::String(tag)) if tag == "latest" => true,
        Some(number) => serde_json::from_value::<U64>(number.clone()).is_ok_and(|number| number == U64::from(head)),
    }
}

async fn rpc(State(relay): State<Arc<Relay>>, headers: HeaderMap, body: Body) -> Json<Value> {
    let value: Value = match serde_json::from_slice(&body) {
        Ok(value) => value,
        Err(e) => return Json(answer(&Value::Null, Err(RpcError::new(PARSE_ERROR, format!("not JSON: {e}"))))),
    };
    let id = value.get("id").cloned().unwrap_or_default();
    if let Some(RelayFault::Refuse(message)) = relay.fault() {
        return Json(answer(&id, Err(RpcError::refused(message))));
    }
    let signed = headers.get(SIGNATURE_HEADER).map(|header| header.to_str().unwrap_or_default());
    let outcome = match (signer(signed, &body), Request::parse(&value)) {
        (Err(error), _) | (_, Err(error)) => Err(error),
        (Ok(owner), Ok(request)) => relay.dispatch(&request, owner).await,
    };
    Json(answer(&id, outcome))
}

/// The address that signed `body`, if the header proves it.
fn signer(header: Option<&str>, body: &[u8]) -> Result<Address, RpcError> {
    let invalid = |detail: String| RpcError::new(INVALID_REQUEST, format!("invalid X-Flashbots-Signature: {detail}"));
    let header = header.ok_or_else(|| {
        RpcError::new(
            INVALID_REQUEST,
            "signature is required: send X-Flashbots-Signature: <address>:<signature of keccak256(body) as hex text>",
        )
    })?;
    let (address, signature) =
        header.split_once(':').ok_or_else(|| invalid("expected <address>:<signature>".into()))?;
    let address: Address = address.parse().map_err(|e| invalid(format!("{address} is not an address: {e}")))?;
    let signature: Signature =
        signature.parse().map_err(|e| invalid(format!("the part after the colon is not a signature: {e}")))?;
    let recovered =
        signature.recover_address_from_msg(keccak256(body).to_string()).map_err(|e| invalid(e.to_string()))?;
    if recovered == address {
        Ok(address)
    } else {
        Err(invalid(format!("it was made by {recovered} over this body, not by {address}")))
    }
}

/// What became of a transaction, as `GET /tx/<hash>` of Flashbots Protect says it.
async fn status(State(relay): State<Arc<Relay>>, Path(hash): Path<B256>) -> Json<Value> {
    let _unchanged = relay.builder.read().await;
    let (status, max_block) = relay.builder.private().status(&hash);
    let mut answer = json!({"status": status, "hash": hash});
    if let (Some(block), Some(fields)) = (max_block, answer.as_object_mut())
        && status != PrivateStatus::Unknown
    {
        fields.insert("maxBlockNumber".into(), json!(block));
    }
    Json(answer)
}
