//! A devnet under test, and the few ways in which the tests talk to it.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use alloy::{
    consensus::{SignableTransaction, TxEip1559, TxEnvelope},
    eips::eip2718::Encodable2718,
    primitives::{Address, B256, Bytes, TxKind, U256, address, hex, keccak256},
    signers::{SignerSync, local::PrivateKeySigner},
};
use ballast_devnet::{CHAIN_ID, Devnet, DevnetConfig};
use serde_json::{Value, json};
use std::{path::PathBuf, sync::OnceLock};

/// Creation code of a contract that reverts when called.
pub const REVERTING_CONTRACT: [u8; 17] = hex!("600580600b6000396000f360006000fd00");
/// Somebody who only receives.
pub const RECEIVER: Address = address!("00000000000000000000000000000000000000aa");

pub fn project_root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

pub async fn start() -> Devnet {
    Devnet::start(DevnetConfig::new(project_root())).await.unwrap()
}

/// The node's funded development accounts, 0 to 3.
pub fn account(index: usize) -> PrivateKeySigner {
    let keys = [
        hex!("ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"),
        hex!("59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d"),
        hex!("5de4111afa1a4b94908f83103eb1f1706367c2e68ca870fc3fb9a804cdab365a"),
        hex!("7c852118294e51e653712a81e05800f419141751be58f605c371e15141b007a6"),
    ];
    PrivateKeySigner::from_bytes(&B256::from(keys[index])).unwrap()
}

#[derive(Clone, Debug)]
pub struct Signed {
    pub raw: Bytes,
    pub hash: B256,
}

/// A transaction of 1 wei with `gas_limit` 100,000 unless changed by `edit`.
pub fn transaction(from: &PrivateKeySigner, nonce: u64, edit: impl FnOnce(&mut TxEip1559)) -> Signed {
    let mut body = TxEip1559 {
        chain_id: CHAIN_ID,
        nonce,
        gas_limit: 100_000,
        max_fee_per_gas: 3_000_000_000,
        max_priority_fee_per_gas: 1_000_000_000,
        to: TxKind::Call(RECEIVER),
        value: U256::from(1),
        ..Default::default()
    };
    edit(&mut body);
    let signature = from.sign_hash_sync(&body.signature_hash()).unwrap();
    let raw: Bytes = TxEnvelope::from(body.into_signed(signature)).encoded_2718().into();
    Signed { hash: keccak256(&raw), raw }
}

pub fn transfer(from: &PrivateKeySigner, nonce: u64) -> Signed {
    transaction(from, nonce, |_| {})
}

/// Deploys a contract that reverts, by `deployer`'s transaction 0; a call of it is then made by [`reverting`].
pub async fn deploy_reverting(devnet: &Devnet, deployer: &PrivateKeySigner) -> Address {
    let creation = transaction(deployer, 0, |body| {
        body.to = TxKind::Create;
        body.value = U256::ZERO;
        body.input = REVERTING_CONTRACT.into();
    });
    rpc(devnet, "eth_sendRawTransaction", json!([creation.raw])).await.unwrap();
    devnet.builder().build_block().await.unwrap();
    let contract = deployer.address().create(0);
    assert_ne!(rpc(devnet, "eth_getCode", json!([contract, "latest"])).await.unwrap(), json!("0x"));
    contract
}

pub fn reverting(from: &PrivateKeySigner, nonce: u64, contract: Address) -> Signed {
    transaction(from, nonce, |body| {
        body.to = TxKind::Call(contract);
        body.value = U256::ZERO;
    })
}

fn client() -> &'static reqwest::Client {
    static CLIENT: OnceLock<reqwest::Client> = OnceLock::new();
    CLIENT.get_or_init(|| {
        drop(rustls::crypto::ring::default_provider().install_default());
        // No idle connections: each test has its own runtime, and a connection dies with the one that opened it.
        reqwest::Client::builder().no_proxy().pool_max_idle_per_host(0).build().unwrap()
    })
}

/// The result, or the message of the error.
pub fn outcome(answer: &Value) -> Result<Value, String> {
    match answer.get("error") {
        Some(error) => Err(error["message"].as_str().unwrap().to_owned()),
        None => Ok(answer["result"].clone()),
    }
}

pub async fn rpc(devnet: &Devnet, method: &str, params: Value) -> Result<Value, String> {
    let body = json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params});
    let answer: Value = client().post(devnet.rpc_url()).json(&body).send().await.unwrap().json().await.unwrap();
    assert_eq!(answer["id"], json!(7));
    outcome(&answer)
}

pub fn signature_header(auth: &PrivateKeySigner, body: &str) -> String {
    let signature = auth.sign_message_sync(keccak256(body).to_string().as_bytes()).unwrap();
    format!("{}:{}", auth.address(), hex::encode_prefixed(signature.as_bytes()))
}

/// A request to the relay with `header` as its signature.
pub async fn relay_with(
    devnet: &Devnet,
    body: String,
    header: Option<String>,
) -> Result<Result<Value, String>, reqwest::Error> {
    let mut request = client().post(devnet.relay_url()).header("content-type", "application/json");
    if let Some(header) = header {
        request = request.header("X-Flashbots-Signature", header);
    }
    let answer: Value = request.body(body).send().await?.json().await?;
    Ok(outcome(&answer))
}

pub async fn relay(devnet: &Devnet, auth: &PrivateKeySigner, method: &str, params: Value) -> Result<Value, String> {
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": method, "params": [params]}).to_string();
    let header = signature_header(auth, &body);
    relay_with(devnet, body, Some(header)).await.unwrap()
}

pub async fn head(devnet: &Devnet) -> Value {
    rpc(devnet, "eth_getBlockByNumber", json!(["latest", false])).await.unwrap()
}

pub fn number(value: &Value) -> u64 {
    u64::from_str_radix(value.as_str().unwrap().trim_start_matches("0x"), 16).unwrap()
}

pub async fn height(devnet: &Devnet) -> u64 {
    number(&head(devnet).await["number"])
}

pub async fn receipt(devnet: &Devnet, transaction: &Signed) -> Value {
    rpc(devnet, "eth_getTransactionReceipt", json!([transaction.hash])).await.unwrap()
}

pub async fn private_status(devnet: &Devnet, transaction: &Signed) -> String {
    let url = format!("{}/tx/{}", devnet.relay_url(), transaction.hash);
    let answer: Value = client().get(url).send().await.unwrap().json().await.unwrap();
    assert_eq!(answer["hash"], json!(transaction.hash));
    answer["status"].as_str().unwrap().to_owned()
}

/// `eth_sendBundle` parameters.
pub fn bundle(block: u64, transactions: &[&Signed]) -> Value {
    let raw: Vec<&Bytes> = transactions.iter().map(|t| &t.raw).collect();
    json!({"txs": raw, "blockNumber": format!("{block:#x}")})
}

/// `fields` added to `object`.
pub fn with(mut object: Value, fields: Value) -> Value {
    for (name, value) in fields.as_object().unwrap() {
        object[name] = value.clone();
    }
    object
}
