//! What the public endpoint shows while private transactions are sent, tried and included.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod harness;
use alloy::{primitives::B256, signers::local::PrivateKeySigner};
use ballast_devnet::Devnet;
use futures::{SinkExt, StreamExt};
use harness::*;
use serde_json::{Value, json};
use std::{
    collections::{BTreeSet, HashMap},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::task::JoinHandle;
use tokio_tungstenite::{connect_async, tungstenite::Message};

/// Transaction hashes by the place where they were seen before they were in a block.
type Seen = Arc<Mutex<HashMap<&'static str, BTreeSet<B256>>>>;

fn note(seen: &Seen, place: &'static str, hashes: impl IntoIterator<Item = B256>) {
    seen.lock().unwrap().entry(place).or_default().extend(hashes);
}

fn pooled_hashes(content: &Value) -> Vec<B256> {
    ["pending", "queued"]
        .iter()
        .flat_map(|side| content[side].as_object().unwrap().values())
        .flat_map(|queue| queue.as_object().unwrap().values())
        .map(|transaction| serde_json::from_value(transaction["hash"].clone()).unwrap())
        .collect()
}

/// Looks at everything that is polled, again and again.
fn poll(devnet: Arc<Devnet>, seen: Seen, stop: Arc<AtomicBool>) -> JoinHandle<HashMap<u64, Value>> {
    tokio::spawn(async move {
        let pending_filter = rpc(&devnet, "eth_newPendingTransactionFilter", json!([])).await.unwrap();
        let block_filter = rpc(&devnet, "eth_newBlockFilter", json!([])).await.unwrap();
        let mut blocks: HashMap<u64, Value> = HashMap::new();
        let mut announced: Vec<Value> = Vec::new();
        while !stop.load(Ordering::Relaxed) {
            note(&seen, "txpool_content", pooled_hashes(&rpc(&devnet, "txpool_content", json!([])).await.unwrap()));
            let changes = rpc(&devnet, "eth_getFilterChanges", json!([pending_filter])).await.unwrap();
            note(&seen, "pending filter", serde_json::from_value::<Vec<B256>>(changes).unwrap());
            let pending = rpc(&devnet, "eth_getBlockByNumber", json!(["pending", false])).await.unwrap();
            note(&seen, "pending block", serde_json::from_value::<Vec<B256>>(pending["transactions"].clone()).unwrap());
            announced.extend(
                rpc(&devnet, "eth_getFilterChanges", json!([block_filter])).await.unwrap().as_array().unwrap().clone(),
            );
            let latest = head(&devnet).await;
            let first = blocks.entry(number(&latest["number"])).or_insert_with(|| latest["hash"].clone());
            assert_eq!(*first, latest["hash"], "a block was replaced: a trial was seen");
        }
        announced.extend(
            rpc(&devnet, "eth_getFilterChanges", json!([block_filter])).await.unwrap().as_array().unwrap().clone(),
        );
        let distinct: BTreeSet<String> = announced.iter().map(Value::to_string).collect();
        assert_eq!(distinct.len(), announced.len());
        assert!(blocks.values().skip(1).filter(|hash| announced.contains(hash)).count() > 0);
        blocks
    })
}

async fn subscribe(devnet: &Devnet, kind: &'static str) -> impl StreamExt<Item = Value> + Unpin + use<> {
    let (mut socket, _) = connect_async(devnet.ws_url()).await.unwrap();
    let request = json!({"jsonrpc": "2.0", "id": 1, "method": "eth_subscribe", "params": [kind]});
    socket.send(Message::Text(request.to_string().into())).await.unwrap();
    let answer: Value = serde_json::from_str(socket.next().await.unwrap().unwrap().to_text().unwrap()).unwrap();
    assert!(answer["result"].is_string(), "{answer}");
    Box::pin(socket.filter_map(async |message| {
        let value: Value = serde_json::from_str(message.ok()?.to_text().ok()?).ok()?;
        Some(value["params"]["result"].clone())
    }))
}

// SPEC X7
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn private_transactions_are_never_seen_before_their_block_and_public_ones_are() {
    let devnet = Arc::new(start().await);
    let (auth, keeper, public) = (PrivateKeySigner::random(), account(2), account(1));
    let contract = deploy_reverting(&devnet, &account(0)).await;
    let (seen, stop) = (Seen::default(), Arc::new(AtomicBool::new(false)));
    let poller = poll(devnet.clone(), seen.clone(), stop.clone());
    let mut subscription = subscribe(&devnet, "newPendingTransactions").await;
    let subscribed = seen.clone();
    let listener = tokio::spawn(async move {
        while let Some(hash) = subscription.next().await {
            note(&subscribed, "subscription", [serde_json::from_value(hash).unwrap()]);
        }
    });
    devnet.builder().start_interval(Duration::from_millis(150)).await;

    let mut private = Vec::new();
    let mut spoilt = Vec::new();
    for nonce in 0..12 {
        let (transaction, bad) = (transfer(&keeper, nonce), reverting(&account(3), 0, contract));
        private.push(transaction.clone());
        spoilt.push(bad.clone());
        // The reverting bundle makes the builder try, and undo, a block.
        for ahead in 1..=3 {
            relay(&devnet, &auth, "eth_sendBundle", bundle(height(&devnet).await + ahead, &[&bad])).await.unwrap();
        }
        if nonce % 2 == 0 {
            relay(&devnet, &auth, "eth_sendPrivateTransaction", json!({"tx": transaction.raw})).await.unwrap();
        } else {
            for ahead in 1..=3 {
                relay(&devnet, &auth, "eth_sendBundle", bundle(height(&devnet).await + ahead, &[&transaction]))
                    .await
                    .unwrap();
            }
        }
        let deadline = Instant::now() + Duration::from_secs(20);
        while private_status(&devnet, &transaction).await != "INCLUDED" {
            assert!(Instant::now() < deadline, "never included");
            let by_hash = rpc(&devnet, "eth_getTransactionByHash", json!([transaction.hash])).await.unwrap();
            assert!(by_hash.is_null() || !by_hash["blockHash"].is_null(), "shown by hash before it was in a block");
            assert!(rpc(&devnet, "eth_getTransactionByHash", json!([bad.hash])).await.unwrap().is_null());
            let nonce = async |tag: &str| {
                number(&rpc(&devnet, "eth_getTransactionCount", json!([keeper.address(), tag])).await.unwrap())
            };
            let latest = nonce("latest").await;
            assert!(nonce("pending").await >= latest, "the nonce went back: a trial was seen");
        }
        assert_eq!(receipt(&devnet, &transaction).await["status"], json!("0x1"));
        assert!(receipt(&devnet, &bad).await.is_null());
    }
    // Waits for its predecessor, so that every place has time to show it; then both are included.
    let (second, first) = (transfer(&public, 1), transfer(&public, 0));
    rpc(&devnet, "eth_sendRawTransaction", json!([second.raw])).await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    devnet.builder().stop_interval().await;
    rpc(&devnet, "eth_sendRawTransaction", json!([first.raw])).await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(
        rpc(&devnet, "eth_getTransactionCount", json!([public.address(), "pending"])).await.unwrap(),
        json!("0x2")
    );
    assert_eq!(devnet.builder().build_block().await.unwrap().transactions, [first.hash, second.hash]);

    stop.store(true, Ordering::Relaxed);
    assert!(poller.await.unwrap().len() > 5);
    listener.abort();
    let seen = seen.lock().unwrap();
    for place in ["txpool_content", "pending filter", "pending block", "subscription"] {
        let hashes = seen.get(place).unwrap_or_else(|| panic!("nothing was seen in {place}"));
        assert_eq!(*hashes, BTreeSet::from([first.hash, second.hash]), "{place}");
    }
}

#[tokio::test]
async fn heads_and_logs_are_told_over_websocket_once_per_block() {
    let devnet = start().await;
    // Emits one log without topics.
    let code = alloy::primitives::hex!("6006600c60003960066000f360006000a000");
    let creation = transaction(&account(0), 0, |body| {
        body.to = alloy::primitives::TxKind::Create;
        body.value = alloy::primitives::U256::ZERO;
        body.input = code.into();
    });
    rpc(&devnet, "eth_sendRawTransaction", json!([creation.raw])).await.unwrap();
    devnet.builder().build_block().await.unwrap();
    let (mut heads, mut logs) = (subscribe(&devnet, "newHeads").await, subscribe(&devnet, "logs").await);
    let filter = rpc(&devnet, "eth_newFilter", json!([{"fromBlock": "0x0"}])).await.unwrap();
    let call = reverting(&account(1), 0, account(0).address().create(0));
    relay(&devnet, &PrivateKeySigner::random(), "eth_sendBundle", bundle(2, &[&call])).await.unwrap();
    for expected in [2u64, 3] {
        let built = devnet.builder().build_block().await.unwrap();
        let head = heads.next().await.unwrap();
        assert_eq!((number(&head["number"]), &head["hash"]), (expected, &json!(built.hash)));
        assert_eq!(number(&head["timestamp"]), built.timestamp);
        assert!(head.get("transactions").is_none());
    }
    assert_eq!(logs.next().await.unwrap()["transactionHash"], json!(call.hash));
    let polled = rpc(&devnet, "eth_getFilterChanges", json!([filter])).await.unwrap();
    assert_eq!(polled.as_array().unwrap().len(), 1);
    assert_eq!(polled[0]["transactionHash"], json!(call.hash));
    assert_eq!(rpc(&devnet, "eth_getFilterChanges", json!([filter])).await.unwrap(), json!([]));
    assert_eq!(rpc(&devnet, "eth_getFilterLogs", json!([filter])).await.unwrap(), polled);
    assert_eq!(rpc(&devnet, "eth_uninstallFilter", json!([filter])).await.unwrap(), json!(true));
    assert!(rpc(&devnet, "eth_getFilterChanges", json!([filter])).await.unwrap_err().contains("filter not found"));
    devnet.shutdown().await.unwrap();
}
