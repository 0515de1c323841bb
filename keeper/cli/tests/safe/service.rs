//! A Transaction Service for tests, after the published API (<https://docs.safe.global/core-api/transaction-service-reference>):
//! what it checks it checks as documented, and the hash it asks of the Safe itself.
#![allow(clippy::result_large_err, reason = "a refusal is an HTTP response, as large as axum makes it")]

use crate::{stage::anyone, support::Stage};
use alloy::{
    primitives::{Address, B256, Bytes, Signature, U256, eip191_hash_message},
    providers::DynProvider,
    sol,
    sol_types::{SolStruct, eip712_domain},
};
use axum::{
    Json, Router,
    extract::{Path, Query, State},
    http::{HeaderMap, StatusCode},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use ballast_devnet::CHAIN_ID;
use serde_json::{Value, json};
use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::{SystemTime, UNIX_EPOCH},
};

sol! {
    #[sol(rpc)]
    #[allow(clippy::too_many_arguments)]
    interface IService {
        function nonce() external view returns (uint256);
        function getThreshold() external view returns (uint256);
        function getOwners() external view returns (address[]);
        function getTransactionHash(address to, uint256 value, bytes data, uint8 operation, uint256 safeTxGas, uint256 baseGas, uint256 gasPrice, address gasToken, address refundReceiver, uint256 nonce) external view returns (bytes32);
    }

    struct Delegate {
        address delegateAddress;
        uint256 totp;
    }
}

pub(crate) const API_KEY: &str = "sk-7f3a91c2";
/// As short as makes a queue of a few transactions need a second page.
const PAGE: usize = 2;

/// How it misbehaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    None,
    /// Shows another receiver than was proposed.
    OtherReceiver,
    /// Shows another hash.
    OtherHash,
    /// Says 503.
    Down,
}

#[derive(Debug)]
struct Inner {
    provider: DynProvider,
    url: String,
    fault: Fault,
    delegates: Vec<Address>,
    transactions: Vec<Value>,
}

/// Runs until it is dropped with its runtime.
#[derive(Clone, Debug)]
pub(crate) struct Service(Arc<Mutex<Inner>>);

type Answer = Result<Response, Response>;

impl Service {
    pub(crate) async fn start(stage: &Stage) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/api", listener.local_addr().unwrap());
        let (provider, fault) = (anyone(stage), Fault::None);
        let service =
            Self(Arc::new(Mutex::new(Inner { provider, url, fault, delegates: Vec::new(), transactions: Vec::new() })));
        let router = Router::new()
            .route("/api/v1/safes/{safe}/", get(safe))
            .route("/api/v2/safes/{safe}/multisig-transactions/", get(list).post(propose))
            .route("/api/v2/multisig-transactions/{hash}/", get(transaction))
            .route("/api/v1/multisig-transactions/{hash}/confirmations/", get(confirmations).post(confirm))
            .route("/api/v2/delegates/", post(delegate))
            .with_state(service.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        service
    }

    pub(crate) fn url(&self) -> String {
        self.0.lock().unwrap().url.clone()
    }

    pub(crate) fn fail(&self, fault: Fault) {
        self.0.lock().unwrap().fault = fault;
    }

    pub(crate) fn delegates(&self) -> Vec<Address> {
        self.0.lock().unwrap().delegates.clone()
    }

    pub(crate) fn add_delegate(&self, delegate: Address) {
        self.0.lock().unwrap().delegates.push(delegate);
    }

    pub(crate) fn transactions(&self) -> Vec<Value> {
        self.0.lock().unwrap().transactions.clone()
    }

    fn provider(&self) -> DynProvider {
        self.0.lock().unwrap().provider.clone()
    }

    fn admit(&self, headers: &HeaderMap) -> Result<(), Response> {
        if self.0.lock().unwrap().fault == Fault::Down {
            return Err(StatusCode::SERVICE_UNAVAILABLE.into_response());
        }
        let expected = format!("Bearer {API_KEY}");
        let given = headers.get("authorization").and_then(|value| value.to_str().ok());
        if given == Some(&expected) {
            return Ok(());
        }
        Err((StatusCode::UNAUTHORIZED, Json(json!({ "detail": "Authentication credentials were not provided." })))
            .into_response())
    }
}

fn refused(why: impl std::fmt::Display) -> Response {
    (StatusCode::BAD_REQUEST, Json(json!({ "nonFieldErrors": [why.to_string()] }))).into_response()
}

fn bad_field(name: &str, why: &str) -> Response {
    (StatusCode::BAD_REQUEST, Json(json!({ name: [why] }))).into_response()
}

fn not_found() -> Response {
    (StatusCode::NOT_FOUND, Json(json!({ "detail": "No MultisigTransaction matches the given query." })))
        .into_response()
}

/// Addresses in paths have their checksum, or it is 422.
fn checksummed(text: &str) -> Result<Address, Response> {
    Address::parse_checksummed(text, None).map_err(|_| {
        let body = json!({ "code": 1, "message": "Checksum address validation failed", "arguments": [text] });
        (StatusCode::UNPROCESSABLE_ENTITY, Json(body)).into_response()
    })
}

fn field<'a>(body: &'a Value, name: &str) -> Result<&'a Value, Response> {
    body.get(name).ok_or_else(|| bad_field(name, "This field is required."))
}

fn address(body: &Value, name: &str) -> Result<Address, Response> {
    let text = field(body, name)?.as_str().unwrap_or_default();
    Address::parse_checksummed(text, None)
        .map_err(|_| bad_field(name, &format!("Address {text} is not checksumed or valid")))
}

/// A number, or a string of one.
fn number(body: &Value, name: &str) -> Result<U256, Response> {
    let value = field(body, name)?;
    let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    U256::from_str_radix(&text, 10).map_err(|_| bad_field(name, "A valid integer is required."))
}

fn bytes(body: &Value, name: &str) -> Result<Bytes, Response> {
    match field(body, name)? {
        Value::Null => Ok(Bytes::new()),
        value => value.as_str().and_then(|text| text.parse().ok()).ok_or_else(|| bad_field(name, "is not hex")),
    }
}

fn recovered(signature: &[u8], hash: B256) -> Result<Address, Response> {
    if signature.len() != 65 {
        return Err(bad_field("signature", "Signatures must be at least 65 bytes"));
    }
    let (v, digest) = match signature[64] {
        v @ 31.. => (v - 4, eip191_hash_message(hash)),
        v => (v, hash),
    };
    let (r, s) = (U256::from_be_slice(&signature[..32]), U256::from_be_slice(&signature[32..64]));
    Signature::new(r, s, v == 28)
        .recover_address_from_prehash(&digest)
        .map_err(|_| refused(format!("Signature={} is not valid", Bytes::copy_from_slice(signature))))
}

async fn owners(provider: &DynProvider, safe: Address) -> Result<Vec<Address>, Response> {
    IService::new(safe, provider).getOwners().call().await.map_err(|_| not_found())
}

async fn safe(State(service): State<Service>, headers: HeaderMap, Path(safe): Path<String>) -> Answer {
    service.admit(&headers)?;
    let (safe, provider) = (checksummed(&safe)?, service.provider());
    let contract = IService::new(safe, &provider);
    let owners: Vec<String> = owners(&provider, safe).await?.iter().map(ToString::to_string).collect();
    let nobody = Address::ZERO.to_string();
    Ok(Json(json!({
        "address": safe.to_string(),
        "nonce": contract.nonce().call().await.unwrap().to_string(),
        "threshold": contract.getThreshold().call().await.unwrap().to::<u64>(),
        "owners": owners,
        "masterCopy": nobody,
        "modules": [],
        "fallbackHandler": nobody,
        "guard": nobody,
        "version": "1.4.1",
    }))
    .into_response())
}

async fn propose(
    State(service): State<Service>,
    headers: HeaderMap,
    Path(safe): Path<String>,
    Json(body): Json<Value>,
) -> Answer {
    service.admit(&headers)?;
    let (safe, provider) = (checksummed(&safe)?, service.provider());
    let (to, data, nonce) = (address(&body, "to")?, bytes(&body, "data")?, number(&body, "nonce")?);
    let (gas_token, receiver) = (address(&body, "gasToken")?, address(&body, "refundReceiver")?);
    let [value, operation, safe_tx_gas, base_gas, gas_price] =
        ["value", "operation", "safeTxGas", "baseGas", "gasPrice"].map(|name| number(&body, name));
    let (value, operation) = (value?, operation?);
    let (safe_tx_gas, base_gas, gas_price) = (safe_tx_gas?, base_gas?, gas_price?);
    let sender = address(&body, "sender")?;
    let contract = IService::new(safe, &provider);
    let operation_number = operation.to::<u8>();
    let hash = contract
        .getTransactionHash(
            to,
            value,
            data.clone(),
            operation_number,
            safe_tx_gas,
            base_gas,
            gas_price,
            gas_token,
            receiver,
            nonce,
        )
        .call()
        .await
        .map_err(|_| not_found())?;
    let claimed: B256 =
        field(&body, "contractTransactionHash")?.as_str().unwrap_or_default().parse().unwrap_or_default();
    if claimed != hash {
        return Err(refused(format!(
            "Contract-transaction-hash={hash} does not match provided contract-tx-hash={claimed}"
        )));
    }
    if nonce < contract.nonce().call().await.unwrap() {
        return Err(refused(format!("Tx with nonce={nonce} for safe={safe} already executed")));
    }
    let owners = owners(&provider, safe).await?;
    let delegates = service.delegates();
    if !owners.contains(&sender) && !delegates.contains(&sender) {
        return Err(refused(format!("Sender={sender} is not an owner or delegate. Current owners={owners:?}")));
    }
    let signature = bytes(&body, "signature")?;
    let signer = recovered(&signature, hash)?;
    if signer != sender {
        return Err(refused(format!("Signature does not match sender={sender}. Calculated owners=[{signer}]")));
    }
    let mut inner = service.0.lock().unwrap();
    if inner.transactions.iter().all(|known| known["safeTxHash"] != json!(hash)) {
        inner.transactions.push(json!({
            "safe": safe.to_string(), "to": to.to_string(), "value": value.to_string(),
            "data": if data.is_empty() { Value::Null } else { json!(data) },
            "operation": operation_number, "gasToken": gas_token.to_string(),
            "safeTxGas": safe_tx_gas.to_string(), "baseGas": base_gas.to_string(), "gasPrice": gas_price.to_string(),
            "refundReceiver": receiver.to_string(), "nonce": nonce.to_string(),
            "executionDate": null, "submissionDate": "2026-01-01T00:00:00Z", "modified": "2026-01-01T00:00:00Z",
            "blockNumber": null, "transactionHash": null, "safeTxHash": hash, "proposer": sender.to_string(),
            "proposedByDelegate": if owners.contains(&sender) { Value::Null } else { sender.to_string().into() },
            "executor": null, "isExecuted": false, "isSuccessful": null, "ethGasPrice": null, "maxFeePerGas": null,
            "maxPriorityFeePerGas": null, "gasUsed": null, "fee": null, "origin": body["origin"], "dataDecoded": null,
            "confirmationsRequired": 3, "confirmations": [], "trusted": true, "signatures": null,
        }));
    }
    if owners.contains(&signer) {
        note(&mut inner, hash, signer, &signature);
    }
    Ok(StatusCode::CREATED.into_response())
}

fn note(inner: &mut Inner, hash: B256, owner: Address, signature: &Bytes) {
    let known = inner.transactions.iter_mut().find(|known| known["safeTxHash"] == json!(hash)).unwrap();
    let list = known["confirmations"].as_array_mut().unwrap();
    if list.iter().all(|one| one["owner"] != json!(owner.to_string())) {
        let kind = if signature[64] > 30 { "ETH_SIGN" } else { "EOA" };
        list.push(json!({
            "owner": owner.to_string(), "submissionDate": "2026-01-01T00:00:00Z", "transactionHash": null,
            "confirmationType": "CONFIRMATION", "signature": signature, "signatureType": kind,
        }));
    }
}

fn shown(inner: &Inner, transaction: &Value) -> Value {
    let mut transaction = transaction.clone();
    match inner.fault {
        Fault::OtherReceiver => transaction["to"] = json!(Address::repeat_byte(0x66).to_string()),
        Fault::OtherHash => transaction["safeTxHash"] = json!(B256::repeat_byte(0x66)),
        Fault::None | Fault::Down => {}
    }
    transaction
}

async fn list(
    State(service): State<Service>,
    headers: HeaderMap,
    Path(safe): Path<String>,
    Query(query): Query<HashMap<String, String>>,
) -> Answer {
    service.admit(&headers)?;
    let safe = checksummed(&safe)?;
    let now = IService::new(safe, service.provider()).nonce().call().await.map_err(|_| not_found())?;
    let least = query.get("nonce__gte").and_then(|text| text.parse().ok()).unwrap_or(0_u64);
    let offset = query.get("offset").and_then(|text| text.parse().ok()).unwrap_or(0_usize);
    let inner = service.0.lock().unwrap();
    let nonce = |known: &Value| known["nonce"].as_str().unwrap().parse::<u64>().unwrap();
    let wanted = |known: &&Value| {
        let executed = U256::from(nonce(known)) < now;
        known["safe"] == json!(safe.to_string())
            && nonce(known) >= least
            && query.get("executed").is_none_or(|asked| *asked == executed.to_string())
    };
    let mut all: Vec<Value> = inner.transactions.iter().filter(wanted).map(|known| shown(&inner, known)).collect();
    all.sort_by_key(nonce);
    // Pages are shorter than anybody asks for, so that they are followed.
    let next = (offset + PAGE < all.len()).then(|| {
        format!(
            "{}/v2/safes/{safe}/multisig-transactions/?executed=false&nonce__gte={least}&offset={}",
            inner.url,
            offset + PAGE
        )
    });
    let results: Vec<&Value> = all.iter().skip(offset).take(PAGE).collect();
    Ok(Json(json!({ "count": all.len(), "next": next, "previous": null, "results": results, "countUniqueNonce": all.len() }))
        .into_response())
}

fn known(inner: &Inner, hash: &str) -> Result<Value, Response> {
    inner.transactions.iter().find(|known| known["safeTxHash"] == json!(hash)).cloned().ok_or_else(not_found)
}

async fn transaction(State(service): State<Service>, headers: HeaderMap, Path(hash): Path<String>) -> Answer {
    service.admit(&headers)?;
    let inner = service.0.lock().unwrap();
    Ok(Json(shown(&inner, &known(&inner, &hash)?)).into_response())
}

async fn confirmations(State(service): State<Service>, headers: HeaderMap, Path(hash): Path<String>) -> Answer {
    service.admit(&headers)?;
    let list = known(&service.0.lock().unwrap(), &hash)?["confirmations"].clone();
    Ok(Json(json!({ "count": list.as_array().unwrap().len(), "next": null, "previous": null, "results": list }))
        .into_response())
}

async fn confirm(
    State(service): State<Service>,
    headers: HeaderMap,
    Path(hash): Path<String>,
    Json(body): Json<Value>,
) -> Answer {
    service.admit(&headers)?;
    let transaction = known(&service.0.lock().unwrap(), &hash)?;
    let signature = bytes(&body, "signature")?;
    let hash: B256 = hash.parse().unwrap();
    let signer = recovered(&signature, hash)?;
    let safe = transaction["safe"].as_str().unwrap().parse().unwrap();
    let owners = owners(&service.provider(), safe).await?;
    if !owners.contains(&signer) {
        return Err(refused(format!("Signer={signer} is not an owner. Current owners={owners:?}")));
    }
    note(&mut service.0.lock().unwrap(), hash, signer, &signature);
    Ok(StatusCode::CREATED.into_response())
}

/// An owner vouches for a delegate with a signature of this hour.
async fn delegate(State(service): State<Service>, headers: HeaderMap, Json(body): Json<Value>) -> Answer {
    service.admit(&headers)?;
    let (safe, delegate, delegator) =
        (address(&body, "safe")?, address(&body, "delegate")?, address(&body, "delegator")?);
    if !(1..=50).contains(&field(&body, "label")?.as_str().unwrap_or_default().len()) {
        return Err(bad_field("label", "Ensure this field has no more than 50 characters."));
    }
    let totp = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs() / 3_600;
    let domain = eip712_domain! { name: "Safe Transaction Service", version: "1.0", chain_id: CHAIN_ID, };
    let signature = bytes(&body, "signature")?;
    let vouches = [totp, totp - 1].into_iter().any(|totp| {
        let message = Delegate { delegateAddress: delegate, totp: U256::from(totp) };
        recovered(&signature, message.eip712_signing_hash(&domain)).is_ok_and(|signer| signer == delegator)
    });
    if !vouches || !owners(&service.provider(), safe).await?.contains(&delegator) {
        return Err(refused("Signing owner is not an owner of the Safe"));
    }
    service.add_delegate(delegate);
    Ok(StatusCode::CREATED.into_response())
}
