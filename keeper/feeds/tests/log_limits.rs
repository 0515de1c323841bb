//! An endpoint that lets only few blocks through at a time, and a proxy whose aggregator has changed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use alloy::primitives::{address, keccak256};
use axum::{Json, Router, extract::State, routing::post};
use ballast_chain::RpcPool;
use ballast_feeds::{Bounds, Feed, FeedError, Span, sources::onchain::ChainlinkRounds};
use ballast_types::Observation;
use serde_json::{Value, json};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

/// The chain: a block each 12 s from this time on.
const GENESIS: u64 = 1_700_000_000;
const NEWEST: u64 = 25_000;
/// Blocks between two rounds; the aggregator changed at half of them.
const ROUND_EVERY: u64 = 500;

struct Endpoint {
    /// Most blocks of one request for logs.
    most_blocks: u64,
    ranges: Mutex<Vec<(u64, u64)>>,
}

fn number(value: &Value) -> u64 {
    u64::from_str_radix(value.as_str().unwrap().trim_start_matches("0x"), 16).unwrap()
}

fn word(number: u64) -> String {
    format!("0x{number:064x}")
}

fn aggregator(block: u64) -> String {
    format!("0x{:040x}", if block < NEWEST / 2 { 0xa1 } else { 0xa2 })
}

/// Shape of `AnswerUpdated` in an Ethereum log (execution-apis, `eth_getLogs`).
fn log(block: u64) -> Value {
    let topic = keccak256("AnswerUpdated(int256,uint256,uint256)");
    json!({
        "address": aggregator(block), "topics": [topic, word(100_000_000 + block), word(block / ROUND_EVERY)],
        "data": word(GENESIS + 12 * block), "blockNumber": format!("{block:#x}"), "blockHash": word(block),
        "transactionHash": word(block + 1), "transactionIndex": "0x0", "logIndex": "0x0", "removed": false
    })
}

fn block(number: u64) -> Value {
    json!({
        "hash": word(number), "parentHash": word(number), "sha3Uncles": word(0), "miner": format!("0x{:040x}", 0),
        "stateRoot": word(0), "transactionsRoot": word(0), "receiptsRoot": word(0), "logsBloom": format!("0x{:0512x}", 0),
        "difficulty": "0x0", "number": format!("{number:#x}"), "gasLimit": "0x1c9c380", "gasUsed": "0x0",
        "timestamp": format!("{:#x}", GENESIS + 12 * number), "extraData": "0x", "mixHash": word(0),
        "nonce": "0x0000000000000000", "baseFeePerGas": "0x1", "uncles": [], "transactions": [], "size": "0x1"
    })
}

async fn answer(State(endpoint): State<Arc<Endpoint>>, Json(request): Json<Value>) -> Json<Value> {
    let parameter = &request["params"][0];
    let result = match request["method"].as_str().unwrap() {
        "eth_getBlockByNumber" => Ok(block(if parameter == "latest" { NEWEST } else { number(parameter) })),
        "eth_call" => {
            let input = parameter["input"].as_str().unwrap();
            let selector = |signature: &str| input.starts_with(&format!("{}", keccak256(signature))[..10]);
            Ok(json!(if selector("decimals()") {
                word(8)
            } else if selector("phaseId()") {
                word(2)
            } else if selector("phaseAggregators(uint16)") {
                word(if input.ends_with('1') { 0xa1 } else { 0xa2 })
            } else {
                panic!("{input} was called")
            }))
        }
        "eth_getLogs" => {
            let (from, to) = (number(&parameter["fromBlock"]), number(&parameter["toBlock"]));
            let asked: Vec<_> =
                parameter["address"].as_array().unwrap().iter().map(|one| one.as_str().unwrap()).collect();
            endpoint.ranges.lock().unwrap().push((from, to));
            if to - from < endpoint.most_blocks {
                let rounds = (from..=to).filter(|block| block % ROUND_EVERY == 0);
                let rounds = rounds.filter(|block| asked.contains(&aggregator(*block).as_str()));
                Ok(json!(rounds.map(log).collect::<Vec<_>>()))
            } else {
                Err(json!({ "code": -32_005, "message": "query returned more than 10000 results" }))
            }
        }
        other => panic!("{other} was asked"),
    };
    Json(match result {
        Ok(result) => json!({ "jsonrpc": "2.0", "id": request["id"], "result": result }),
        Err(error) => json!({ "jsonrpc": "2.0", "id": request["id"], "error": error }),
    })
}

async fn start(most_blocks: u64) -> (ChainlinkRounds, Arc<Endpoint>) {
    let endpoint = Arc::new(Endpoint { most_blocks, ranges: Mutex::default() });
    let router = Router::new().route("/", post(answer)).with_state(Arc::clone(&endpoint));
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    let provider = RpcPool::new(&[url], Duration::from_secs(20)).unwrap().primary().clone();
    let proxy = address!("00000000000000000000000000000000000000ff");
    (ChainlinkRounds::new(provider, "local", proxy, "usdc", Bounds::default()).unwrap(), endpoint)
}

// SPEC D1, D4
#[tokio::test(flavor = "multi_thread")]
async fn every_round_of_both_aggregators_is_found_whatever_the_endpoint_lets_through() {
    let span = Span::new(GENESIS + 12 * 1_000, GENESIS + 12 * 24_001).unwrap();
    for most_blocks in [1, 700, 1_000_000] {
        // Single blocks, over a shorter span.
        let span = if most_blocks == 1 { Span::new(span.from(), span.from() + 12 * 600).unwrap() } else { span };
        let (feed, endpoint) = start(most_blocks).await;
        let gathered = feed.range(span, GENESIS + 12 * NEWEST).await.unwrap();
        let expected: Vec<_> = (1_000..=24_000_u64)
            .step_by(500)
            .filter(|block| span.contains(GENESIS + 12 * block))
            .map(|block| (GENESIS + 12 * block, (100_000_000 + block) as f64 / 1e8))
            .collect();
        let found: Vec<_> = gathered.observations.iter().map(|one| (Observation::time(one), one.value())).collect();
        assert_eq!(found, expected, "{most_blocks} blocks at a time");
        assert!(gathered.refused.is_empty(), "{:?}", gathered.refused);
        let ranges = endpoint.ranges.lock().unwrap();
        assert!(ranges.iter().all(|(from, to)| to - from < 10_000), "the first request is bounded too");
        let served: u64 =
            ranges.iter().filter(|(from, to)| to - from < most_blocks).map(|(from, to)| to - from + 1).sum();
        assert_eq!(served, (span.to() - span.from()) / 12, "each block once");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_lets_nothing_through_is_an_error_that_names_the_blocks() {
    let (feed, _) = start(0).await;
    let span = Span::new(GENESIS + 12 * 1_000, GENESIS + 12 * 1_100).unwrap();
    let error = feed.range(span, GENESIS + 12 * NEWEST).await.unwrap_err();
    assert!(matches!(error, FeedError::Rpc { .. }), "{error:?}");
    assert!(
        error.to_string().contains("logs of blocks 1000 to 1000") && error.to_string().contains("10000 results"),
        "{error}"
    );
}
