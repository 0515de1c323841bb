//! The public endpoint: its own pool, time and blocks through the builder, and what it refuses.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod harness;
use alloy::{
    primitives::{Bytes, U256},
    providers::{Provider, ProviderBuilder},
    signers::local::PrivateKeySigner,
};
use ballast_devnet::{CHAIN_ID, Devnet, DevnetConfig, FUNDING, SLOT_SECONDS};
use harness::*;
use serde_json::{Value, json};

#[tokio::test]
async fn transactions_that_no_block_can_hold_are_refused_in_geths_words() {
    let devnet = start().await;
    let sender = account(1);
    let refused = async |raw: Bytes| rpc(&devnet, "eth_sendRawTransaction", json!([raw])).await.unwrap_err();
    assert!(refused(transaction(&sender, 0, |body| body.chain_id = 5).raw).await.contains("invalid chain id"));
    assert!(refused(transaction(&PrivateKeySigner::random(), 0, |_| {}).raw).await.contains("insufficient funds"));
    assert!(
        refused(transaction(&sender, 0, |body| body.gas_limit = 20_999).raw).await.contains("intrinsic gas too low")
    );
    assert!(
        refused(transaction(&sender, 0, |body| body.gas_limit = 1 << 40).raw).await.contains("exceeds block gas limit")
    );
    assert!(refused("0x02c0".parse().unwrap()).await.contains("not a signed transaction"));
    let known = transfer(&sender, 0);
    rpc(&devnet, "eth_sendRawTransaction", json!([known.raw])).await.unwrap();
    assert_eq!(refused(known.raw).await, "already known");
    let nine_percent = transaction(&sender, 0, |body| {
        body.max_fee_per_gas = 3_270_000_000;
        body.max_priority_fee_per_gas = 1_090_000_000;
    });
    assert!(refused(nine_percent.raw).await.contains("replacement transaction underpriced"));
    let ten_percent = transaction(&sender, 0, |body| {
        body.max_fee_per_gas = 3_300_000_000;
        body.max_priority_fee_per_gas = 1_100_000_000;
    });
    rpc(&devnet, "eth_sendRawTransaction", json!([ten_percent.raw])).await.unwrap();
    assert_eq!(devnet.builder().build_block().await.unwrap().transactions, [ten_percent.hash]);
    assert!(refused(transaction(&sender, 0, |body| body.value = U256::from(2)).raw).await.contains("nonce too low"));
    devnet.shutdown().await.unwrap();
}

#[tokio::test]
async fn the_pool_shows_what_waits_and_forgets_what_is_included_or_invalid() {
    let devnet = start().await;
    let sender = account(1);
    let (first, gap) = (transfer(&sender, 0), transfer(&sender, 2));
    // Enough for any transaction, not for this one's calldata: found out when it is executed.
    let invalid = transaction(&account(3), 0, |body| {
        body.gas_limit = 21_000;
        body.input = vec![1; 100].into();
    });
    for transaction in [&gap, &first, &invalid] {
        rpc(&devnet, "eth_sendRawTransaction", json!([transaction.raw])).await.unwrap();
    }
    assert_eq!(rpc(&devnet, "txpool_status", json!([])).await.unwrap(), json!({"pending": "0x2", "queued": "0x1"}));
    let content = rpc(&devnet, "txpool_contentFrom", json!([sender.address()])).await.unwrap();
    assert_eq!(
        (&content["pending"]["0"]["hash"], &content["queued"]["2"]["hash"]),
        (&json!(first.hash), &json!(gap.hash))
    );
    let inspected = rpc(&devnet, "txpool_inspect", json!([])).await.unwrap();
    assert!(inspected["pending"][sender.address().to_string()]["0"].as_str().unwrap().contains("1 wei + 100000 gas"));
    let shown = rpc(&devnet, "eth_getTransactionByHash", json!([first.hash])).await.unwrap();
    assert_eq!((&shown["blockHash"], &shown["from"]), (&Value::Null, &json!(sender.address())));
    assert_eq!(rpc(&devnet, "eth_getRawTransactionByHash", json!([first.hash])).await.unwrap(), json!(first.raw));
    let pending = rpc(&devnet, "eth_getBlockByNumber", json!(["pending", true])).await.unwrap();
    assert_eq!(pending["transactions"][0]["hash"], json!(first.hash));
    assert_eq!(number(&pending["timestamp"]), number(&head(&devnet).await["timestamp"]) + SLOT_SECONDS);
    assert_eq!(rpc(&devnet, "eth_getBlockTransactionCountByNumber", json!(["pending"])).await.unwrap(), json!("0x2"));

    assert_eq!(devnet.builder().build_block().await.unwrap().transactions, [first.hash]);
    assert_eq!(rpc(&devnet, "txpool_status", json!([])).await.unwrap(), json!({"pending": "0x0", "queued": "0x1"}));
    assert!(rpc(&devnet, "eth_getTransactionByHash", json!([invalid.hash])).await.unwrap().is_null());
    let filled = transfer(&sender, 1);
    rpc(&devnet, "eth_sendRawTransaction", json!([filled.raw])).await.unwrap();
    assert_eq!(devnet.builder().build_block().await.unwrap().transactions, [filled.hash, gap.hash]);
    devnet.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_transaction_below_the_base_fee_waits_and_one_that_does_not_fit_goes_into_the_next_block() {
    let devnet = start().await;
    let cheap = transaction(&account(1), 0, |body| {
        body.max_fee_per_gas = 700_000_000;
        body.max_priority_fee_per_gas = 1;
    });
    // Creation code that loops until its gas is used up.
    let burn = |index: usize, gas: u64| {
        transaction(&account(index), 0, |body| {
            body.to = alloy::primitives::TxKind::Create;
            body.value = U256::ZERO;
            body.gas_limit = gas;
            body.input = alloy::primitives::hex!("5b600056").into();
        })
    };
    let (large, larger) = (burn(2, 16_000_000), burn(3, 15_000_000));
    for transaction in [&cheap, &large, &larger] {
        rpc(&devnet, "eth_sendRawTransaction", json!([transaction.raw])).await.unwrap();
    }
    assert_eq!(devnet.builder().build_block().await.unwrap().transactions, [large.hash]);
    assert_eq!(devnet.builder().build_block().await.unwrap().transactions, [larger.hash]);
    // Empty blocks lower the base fee by an eighth each.
    let mut included = None;
    for _ in 0..10 {
        let built = devnet.builder().build_block().await.unwrap();
        if built.transactions.contains(&cheap.hash) {
            included = Some(built.number);
        }
    }
    assert!(included.is_some_and(|number| number > 2), "{included:?}");
    devnet.shutdown().await.unwrap();
}

#[tokio::test]
async fn time_and_blocks_go_through_the_builder() {
    let devnet = start().await;
    let genesis = number(&head(&devnet).await["timestamp"]);
    assert_eq!(rpc(&devnet, "evm_increaseTime", json!([3_600])).await.unwrap(), json!(3_600));
    assert_eq!(rpc(&devnet, "evm_mine", json!([])).await.unwrap(), json!("0x0"));
    assert_eq!(number(&head(&devnet).await["timestamp"]), genesis + 3_600 + SLOT_SECONDS);
    rpc(&devnet, "anvil_mine", json!(["0x3", "0x3c"])).await.unwrap();
    let latest = head(&devnet).await;
    assert_eq!(
        (number(&latest["number"]), number(&latest["timestamp"])),
        (4, genesis + 3_600 + 2 * SLOT_SECONDS + 120)
    );
    let exact = genesis + 100_000;
    rpc(&devnet, "evm_setNextBlockTimestamp", json!([exact])).await.unwrap();
    rpc(&devnet, "evm_mine", json!([])).await.unwrap();
    assert_eq!(number(&head(&devnet).await["timestamp"]), exact);
    rpc(&devnet, "evm_mine", json!([exact + 5])).await.unwrap();
    assert_eq!(number(&head(&devnet).await["timestamp"]), exact + 5);
    assert!(
        rpc(&devnet, "evm_setNextBlockTimestamp", json!([exact])).await.unwrap_err().contains("timestamps must grow")
    );
    devnet.shutdown().await.unwrap();
}

#[tokio::test]
async fn what_would_bypass_the_builder_is_refused_and_test_methods_need_permission() {
    let devnet = start().await;
    for method in [
        "eth_sendTransaction",
        "eth_sendRawTransactionSync",
        "evm_setAutomine",
        "anvil_setIntervalMining",
        "anvil_dropTransaction",
        "anvil_reset",
    ] {
        let error = rpc(&devnet, method, json!([{}])).await.unwrap_err();
        assert!(error.starts_with(method), "{method}: {error}");
    }
    rpc(&devnet, "anvil_setBalance", json!([RECEIVER, "0x5"])).await.unwrap();
    assert_eq!(rpc(&devnet, "eth_getBalance", json!([RECEIVER, "latest"])).await.unwrap(), json!("0x5"));
    devnet.shutdown().await.unwrap();

    let strict =
        Devnet::start(DevnetConfig { cheats: false, funded: vec![RECEIVER], ..DevnetConfig::new(project_root()) })
            .await
            .unwrap();
    assert!(
        rpc(&strict, "anvil_setBalance", json!([RECEIVER, "0x5"])).await.unwrap_err().contains("without test methods")
    );
    assert_eq!(rpc(&strict, "eth_getBalance", json!([RECEIVER, "latest"])).await.unwrap(), json!(FUNDING));
    strict.shutdown().await.unwrap();
}

#[tokio::test]
async fn public_snapshots_and_reorganisations_survive_the_builders_own() {
    let devnet = start().await;
    let snapshot = rpc(&devnet, "evm_snapshot", json!([])).await.unwrap();
    let included = transfer(&account(2), 0);
    relay(&devnet, &PrivateKeySigner::random(), "eth_sendBundle", bundle(1, &[&included])).await.unwrap();
    devnet.builder().build_block().await.unwrap();
    assert_eq!(rpc(&devnet, "evm_revert", json!([snapshot])).await.unwrap(), json!(true));
    assert_eq!(height(&devnet).await, 0);
    for _ in 0..3 {
        devnet.builder().build_block().await.unwrap();
    }
    let old = head(&devnet).await;
    rpc(&devnet, "anvil_reorg", json!([1, []])).await.unwrap();
    let new = head(&devnet).await;
    assert_eq!(old["number"], new["number"]);
    assert_ne!(old["hash"], new["hash"]);
    assert_eq!(devnet.builder().build_block().await.unwrap().number, 4);
    devnet.shutdown().await.unwrap();
}

#[tokio::test]
async fn batches_are_answered_in_order_and_alloy_works_against_it() {
    let devnet = start().await;
    let provider = ProviderBuilder::new().connect_http(devnet.rpc_url().parse().unwrap());
    assert_eq!(provider.get_chain_id().await.unwrap(), CHAIN_ID);
    let pending = provider.send_raw_transaction(&transfer(&account(1), 0).raw).await.unwrap();
    assert_eq!(provider.get_transaction_count(account(1).address()).pending().await.unwrap(), 1);
    devnet.builder().build_block().await.unwrap();
    assert!(pending.get_receipt().await.unwrap().status());

    let batch = json!([
        {"jsonrpc": "2.0", "id": "a", "method": "eth_blockNumber"},
        {"jsonrpc": "2.0", "id": 2, "method": "no_such_method", "params": []},
        {"id": 3},
    ]);
    let answers: Value = reqwest::Client::builder()
        .no_proxy()
        .build()
        .unwrap()
        .post(devnet.rpc_url())
        .json(&batch)
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    assert_eq!((&answers[0]["id"], &answers[0]["result"]), (&json!("a"), &json!("0x1")));
    assert_eq!((&answers[1]["id"], &answers[1]["error"]["code"]), (&json!(2), &json!(-32601)));
    assert_eq!((&answers[2]["id"], &answers[2]["error"]["code"]), (&json!(3), &json!(-32600)));
    devnet.shutdown().await.unwrap();
}

#[tokio::test]
async fn slots_that_pass_have_an_empty_block_each_and_what_is_pending_waits() {
    let devnet = start().await;
    let waiting = transfer(&account(1), 0);
    rpc(&devnet, "eth_sendRawTransaction", json!([waiting.raw])).await.unwrap();
    let before = devnet.builder().build_block().await.unwrap();
    let next = transfer(&account(1), 1);
    rpc(&devnet, "eth_sendRawTransaction", json!([next.raw])).await.unwrap();
    devnet.builder().pass_slots(0).await.unwrap();
    devnet.builder().advance_time(100).await.unwrap();
    devnet.builder().pass_slots(7).await.unwrap();
    for slot in 1..=7 {
        let number = format!("{:#x}", before.number + slot);
        let block = rpc(&devnet, "eth_getBlockByNumber", json!([number, false])).await.unwrap();
        let time = u64::from_str_radix(&block["timestamp"].as_str().unwrap()[2..], 16).unwrap();
        assert_eq!(time, before.timestamp + 100 + slot * SLOT_SECONDS);
        assert_eq!(block["transactions"], json!([]));
    }
    let built = devnet.builder().build_block().await.unwrap();
    assert_eq!((built.number, built.transactions), (before.number + 8, vec![next.hash]));
    assert_eq!(built.timestamp, before.timestamp + 100 + 8 * SLOT_SECONDS);
    devnet.shutdown().await.unwrap();
}
