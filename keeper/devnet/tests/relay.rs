//! The private relay and the block builder behind it, on a real node.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod harness;
use alloy::{
    primitives::{B256, Bytes, Keccak256, U256},
    signers::local::PrivateKeySigner,
};
use ballast_devnet::{RelayFault, SLOT_SECONDS};
use harness::*;
use serde_json::{Value, json};

// SPEC X7
#[tokio::test]
async fn a_bundle_is_included_whole_first_and_in_its_block_only() {
    let devnet = start().await;
    let (auth, public, keeper) = (PrivateKeySigner::random(), account(1), account(2));
    let waiting = transfer(&public, 0);
    rpc(&devnet, "eth_sendRawTransaction", json!([waiting.raw])).await.unwrap();
    let (first, second) = (transfer(&keeper, 0), transfer(&keeper, 1));
    let sent = relay(&devnet, &auth, "eth_sendBundle", bundle(2, &[&first, &second])).await.unwrap();
    let mut hasher = Keccak256::new();
    hasher.update(first.hash);
    hasher.update(second.hash);
    let bundle_hash = hasher.finalize();
    assert_eq!(sent["bundleHash"], json!(bundle_hash));

    let early = devnet.builder().build_block().await.unwrap();
    assert_eq!((early.number, early.transactions), (1, vec![waiting.hash]), "not before its block");
    assert_eq!(private_status(&devnet, &first).await, "PENDING");
    let later = transfer(&public, 1);
    rpc(&devnet, "eth_sendRawTransaction", json!([later.raw])).await.unwrap();
    let target = devnet.builder().build_block().await.unwrap();
    assert_eq!(
        target.transactions,
        [first.hash, second.hash, later.hash],
        "before the public transaction that arrived earlier"
    );
    assert_eq!(target.bundles, [bundle_hash]);
    assert_eq!(private_status(&devnet, &second).await, "INCLUDED");

    let missed = transfer(&keeper, 2);
    relay(&devnet, &auth, "eth_sendBundle", bundle(4, &[&missed])).await.unwrap();
    devnet.relay_faults().set(RelayFault::NeverInclude);
    for _ in 0..2 {
        devnet.builder().build_block().await.unwrap();
    }
    devnet.relay_faults().clear();
    assert_eq!(devnet.builder().build_block().await.unwrap().transactions, [B256::ZERO; 0], "not after its block");
    assert_eq!(private_status(&devnet, &missed).await, "FAILED");
    devnet.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_bundle_with_a_reverting_transaction_never_lands_unless_that_is_allowed() {
    let devnet = start().await;
    let (auth, keeper) = (PrivateKeySigner::random(), account(2));
    let contract = deploy_reverting(&devnet, &account(0)).await;
    let (good, bad) = (transfer(&keeper, 0), reverting(&keeper, 1, contract));
    let other = transfer(&account(3), 0);
    relay(&devnet, &auth, "eth_sendBundle", bundle(2, &[&good, &bad])).await.unwrap();
    relay(&devnet, &auth, "eth_sendBundle", bundle(2, &[&other])).await.unwrap();
    let built = devnet.builder().build_block().await.unwrap();
    assert_eq!(built.transactions, [other.hash], "the bundle after it is not spoilt with it");
    assert!(built.left_out[0].reason.contains("reverts"), "{:?}", built.left_out);
    assert_eq!(
        rpc(&devnet, "eth_getTransactionCount", json!([keeper.address(), "latest"])).await.unwrap(),
        json!("0x0")
    );
    assert_eq!(private_status(&devnet, &good).await, "FAILED");

    let allowed = with(bundle(3, &[&good, &bad]), json!({"revertingTxHashes": [bad.hash]}));
    relay(&devnet, &auth, "eth_sendBundle", allowed).await.unwrap();
    assert_eq!(devnet.builder().build_block().await.unwrap().transactions, [good.hash, bad.hash]);
    assert_eq!(receipt(&devnet, &bad).await["status"], json!("0x0"));
    devnet.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_bundle_may_fund_the_sender_of_its_next_transaction() {
    let devnet = start().await;
    let poor = PrivateKeySigner::random();
    let funding = transaction(&account(1), 0, |body| {
        body.to = poor.address().into();
        body.value = U256::from(10).pow(U256::from(18));
    });
    let spending = transfer(&poor, 0);
    relay(&devnet, &PrivateKeySigner::random(), "eth_sendBundle", bundle(1, &[&funding, &spending])).await.unwrap();
    assert_eq!(devnet.builder().build_block().await.unwrap().transactions, [funding.hash, spending.hash]);
    devnet.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_pinned_timestamp_is_the_blocks_and_a_time_jump_goes_before_it() {
    let devnet = start().await;
    let (auth, keeper) = (PrivateKeySigner::random(), account(2));
    let genesis = number(&head(&devnet).await["timestamp"]);
    let empty = devnet.builder().build_block().await.unwrap();
    assert_eq!(empty.timestamp, genesis + SLOT_SECONDS);

    let pinned = transfer(&keeper, 0);
    let at = empty.timestamp + 17;
    relay(
        &devnet,
        &auth,
        "eth_sendBundle",
        with(bundle(2, &[&pinned]), json!({"minTimestamp": at, "maxTimestamp": at})),
    )
    .await
    .unwrap();
    let built = devnet.builder().build_block().await.unwrap();
    assert_eq!((built.timestamp, built.transactions), (at, vec![pinned.hash]));
    assert_eq!(number(&head(&devnet).await["timestamp"]), at);

    let missed = transfer(&keeper, 1);
    let slot = at + SLOT_SECONDS;
    relay(
        &devnet,
        &auth,
        "eth_sendBundle",
        with(bundle(3, &[&missed]), json!({"minTimestamp": slot, "maxTimestamp": slot})),
    )
    .await
    .unwrap();
    assert_eq!(devnet.builder().advance_time(86_400).await.unwrap(), slot + 86_400);
    let jumped = devnet.builder().build_block().await.unwrap();
    assert_eq!((jumped.timestamp, jumped.transactions.len()), (slot + 86_400, 0));
    assert!(jumped.left_out[0].reason.contains("timestamps"));
    // The jump is spent.
    assert_eq!(devnet.builder().build_block().await.unwrap().timestamp, jumped.timestamp + SLOT_SECONDS);
    devnet.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_replacement_takes_the_place_of_its_owners_bundle_only() {
    let devnet = start().await;
    let (auth, keeper) = (PrivateKeySigner::random(), account(2));
    let uuid = "8c1a4a1e-1111-4222-8333-444455556666";
    let (old, new) = (transfer(&keeper, 0), transaction(&keeper, 0, |body| body.value = U256::from(2)));
    let sent = relay(&devnet, &auth, "eth_sendBundle", with(bundle(1, &[&old]), json!({"replacementUuid": uuid})))
        .await
        .unwrap();
    relay(&devnet, &auth, "eth_sendBundle", with(bundle(1, &[&new]), json!({"replacementUuid": uuid}))).await.unwrap();
    assert_ne!(sent, Value::Null);
    assert_eq!(private_status(&devnet, &old).await, "CANCELLED");
    let stranger = PrivateKeySigner::random();
    assert_eq!(
        relay(&devnet, &stranger, "eth_cancelBundle", json!({"replacementUuid": uuid})).await.unwrap(),
        json!([])
    );
    assert_eq!(devnet.builder().build_block().await.unwrap().transactions, [new.hash]);

    let next = transfer(&keeper, 1);
    let sent = relay(&devnet, &auth, "eth_sendBundle", with(bundle(2, &[&next]), json!({"replacementUuid": uuid})))
        .await
        .unwrap();
    let cancelled = relay(&devnet, &auth, "eth_cancelBundle", json!({"replacementUuid": uuid})).await.unwrap();
    assert_eq!(cancelled, json!([sent["bundleHash"]]));
    assert_eq!(devnet.builder().build_block().await.unwrap().transactions.len(), 0);
    devnet.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_private_transaction_is_cancelled_by_its_key_only_and_tried_until_its_last_block() {
    let devnet = start().await;
    let (auth, keeper) = (PrivateKeySigner::random(), account(2));
    let cancelled = transfer(&keeper, 0);
    let hash = relay(&devnet, &auth, "eth_sendPrivateTransaction", json!({"tx": cancelled.raw})).await.unwrap();
    assert_eq!(hash, json!(cancelled.hash));
    let cancel = json!({"txHash": hash});
    assert_eq!(
        relay(&devnet, &PrivateKeySigner::random(), "eth_cancelPrivateTransaction", cancel.clone()).await.unwrap(),
        json!(false)
    );
    assert_eq!(private_status(&devnet, &cancelled).await, "PENDING");
    assert_eq!(relay(&devnet, &auth, "eth_cancelPrivateTransaction", cancel).await.unwrap(), json!(true));
    assert_eq!(private_status(&devnet, &cancelled).await, "CANCELLED");
    assert_eq!(devnet.builder().build_block().await.unwrap().transactions.len(), 0);

    // A nonce too early for it now: it waits, then goes in.
    let (second, first) = (transfer(&keeper, 1), transaction(&keeper, 0, |body| body.value = U256::from(9)));
    relay(&devnet, &auth, "eth_sendPrivateTransaction", json!({"tx": second.raw, "maxBlockNumber": 3})).await.unwrap();
    assert_eq!(devnet.builder().build_block().await.unwrap().transactions.len(), 0);
    relay(&devnet, &auth, "eth_sendPrivateTransaction", json!({"tx": first.raw, "maxBlockNumber": "0x3"}))
        .await
        .unwrap();
    assert_eq!(devnet.builder().build_block().await.unwrap().transactions, [first.hash, second.hash]);

    let contract = deploy_reverting(&devnet, &account(0)).await;
    let hopeless = reverting(&keeper, 2, contract);
    let last = height(&devnet).await + 2;
    relay(&devnet, &auth, "eth_sendPrivateTransaction", json!({"tx": hopeless.raw, "maxBlockNumber": last}))
        .await
        .unwrap();
    for expected in ["PENDING", "FAILED"] {
        assert_eq!(devnet.builder().build_block().await.unwrap().transactions.len(), 0);
        assert_eq!(private_status(&devnet, &hopeless).await, expected);
    }
    assert_eq!(private_status(&devnet, &transfer(&account(3), 5)).await, "UNKNOWN");
    devnet.shutdown().await.unwrap();
}

#[tokio::test]
async fn unsigned_and_wrongly_signed_requests_are_refused() {
    let devnet = start().await;
    let auth = PrivateKeySigner::random();
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "eth_sendBundle", "params": [bundle(1, &[&transfer(&account(1), 0)])]}).to_string();
    let refused = async |header: Option<String>| relay_with(&devnet, body.clone(), header).await.unwrap().unwrap_err();
    assert!(refused(None).await.contains("signature is required"));
    assert!(refused(Some("nonsense".into())).await.contains("<address>:<signature>"));
    assert!(refused(Some(format!("{}:0x1234", auth.address()))).await.contains("not a signature"));
    assert!(refused(Some(signature_header(&auth, "another body"))).await.contains("over this body"));
    let of_another =
        signature_header(&auth, &body).replacen(&auth.address().to_string(), &account(1).address().to_string(), 1);
    assert!(refused(Some(of_another)).await.contains("not by"));
    assert_eq!(devnet.builder().build_block().await.unwrap().transactions.len(), 0);
    assert!(
        relay_with(&devnet, body.clone(), Some(signature_header(&auth, &body))).await.unwrap().is_err(),
        "its block has passed"
    );
    devnet.shutdown().await.unwrap();
}

#[tokio::test]
async fn limits_and_impossible_bundles_are_refused_with_the_reason() {
    let devnet = start().await;
    let (auth, keeper) = (PrivateKeySigner::random(), account(2));
    let refused = async |method: &str, params: Value| relay(&devnet, &auth, method, params).await.unwrap_err();
    let one = transfer(&keeper, 0);
    assert!(refused("eth_sendBundle", bundle(1, &[])).await.contains("1 to 100"));
    assert!(refused("eth_sendBundle", bundle(1, &vec![&one; 101])).await.contains("101"));
    let fat = transaction(&keeper, 0, |body| body.input = Bytes::from(vec![0; 100_000]));
    assert!(refused("eth_sendBundle", bundle(1, &[&fat, &fat, &fat])).await.contains("300000 bytes"));
    assert!(refused("eth_sendBundle", bundle(0, &[&one])).await.contains("the head is 0"));
    let elsewhere = transaction(&keeper, 0, |body| body.chain_id = 1);
    assert!(refused("eth_sendBundle", bundle(1, &[&elsewhere])).await.contains("chain 1"));
    assert!(
        refused("eth_sendBundle", with(bundle(1, &[&one]), json!({"minTimestamp": 9, "maxTimestamp": 8})))
            .await
            .contains("after maxTimestamp")
    );
    assert!(
        refused("eth_sendBundle", with(bundle(1, &[&one]), json!({"droppingTxHashes": [one.hash]})))
            .await
            .contains("droppingTxHashes")
    );
    assert!(
        refused("eth_sendPrivateTransaction", json!({"tx": one.raw, "maxBlockNumber": 0})).await.contains("has passed")
    );
    assert!(refused("eth_sendPrivateTransaction", json!({"tx": "0x1234"})).await.contains("not a signed transaction"));
    assert!(refused("eth_blockNumber", json!({})).await.contains("not served by the relay"));
    devnet.shutdown().await.unwrap();
}

// SPEC X3
#[tokio::test]
async fn a_simulation_equals_the_block_that_follows_and_leaves_no_trace() {
    let devnet = start().await;
    let (auth, keeper) = (PrivateKeySigner::random(), account(2));
    let contract = deploy_reverting(&devnet, &account(0)).await;
    let before = head(&devnet).await;
    let coinbase = rpc(&devnet, "eth_coinbase", json!([])).await.unwrap();
    let tip = transaction(&keeper, 0, |body| {
        body.to = serde_json::from_value::<alloy::primitives::Address>(coinbase.clone()).unwrap().into()
    });
    let bad = reverting(&keeper, 1, contract);
    let timestamp = number(&before["timestamp"]) + 30;
    let call =
        json!({"txs": [tip.raw, bad.raw], "blockNumber": "0x2", "stateBlockNumber": "latest", "timestamp": timestamp});
    let simulated = relay(&devnet, &auth, "eth_callBundle", call.clone()).await.unwrap();
    assert_eq!(head(&devnet).await, before);
    assert_eq!(
        rpc(&devnet, "eth_getTransactionCount", json!([keeper.address(), "latest"])).await.unwrap(),
        json!("0x0")
    );
    assert_eq!(receipt(&devnet, &tip).await, Value::Null);
    assert_eq!(rpc(&devnet, "txpool_status", json!([])).await.unwrap(), json!({"pending": "0x0", "queued": "0x0"}));
    assert_eq!(simulated["results"][0]["ethSentToCoinbase"], json!("1"));
    assert_eq!(simulated["results"][0]["value"], json!("0x"));
    assert!(simulated["results"][1]["error"].is_string() && simulated["results"][1]["revert"].is_string());
    assert_eq!(simulated["stateBlockNumber"], json!(1));

    let request = with(
        bundle(2, &[&tip, &bad]),
        json!({"revertingTxHashes": [bad.hash], "minTimestamp": timestamp, "maxTimestamp": timestamp}),
    );
    let sent = relay(&devnet, &auth, "eth_sendBundle", request).await.unwrap();
    assert_eq!(sent["bundleHash"], simulated["bundleHash"]);
    assert_eq!(devnet.builder().build_block().await.unwrap().timestamp, timestamp);
    let mut total = 0;
    for (index, transaction) in [&tip, &bad].into_iter().enumerate() {
        let gas = number(&receipt(&devnet, transaction).await["gasUsed"]);
        assert_eq!(simulated["results"][index]["gasUsed"], json!(gas));
        total += gas;
    }
    assert_eq!(simulated["totalGasUsed"], json!(total));

    let again =
        relay(&devnet, &auth, "eth_callBundle", with(call.clone(), json!({"blockNumber": "0x3"}))).await.unwrap_err();
    assert!(again.starts_with("err: nonce too low"), "{again}");
    let old = relay(&devnet, &auth, "eth_callBundle", with(call.clone(), json!({"stateBlockNumber": "0x0"})))
        .await
        .unwrap_err();
    assert!(old.contains("stateBlockNumber"), "{old}");
    let unknown = relay(&devnet, &auth, "eth_callBundle", with(call, json!({"baseFee": "0x1"}))).await.unwrap_err();
    assert!(unknown.contains("baseFee"), "{unknown}");
    devnet.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_simulation_some_blocks_ahead_has_that_number_and_the_next_base_fee() {
    let devnet = start().await;
    // Returns block.number and block.basefee.
    let code = alloy::primitives::hex!("6010600c60003960106000f3 43600052486020526040 6000f30000000000");
    let creation = transaction(&account(0), 0, |body| {
        body.to = alloy::primitives::TxKind::Create;
        body.value = U256::ZERO;
        body.input = code.into();
    });
    rpc(&devnet, "eth_sendRawTransaction", json!([creation.raw])).await.unwrap();
    devnet.builder().build_block().await.unwrap();
    let call = reverting(&account(1), 0, account(0).address().create(0));
    let next_base_fee =
        number(&rpc(&devnet, "eth_getBlockByNumber", json!(["pending", false])).await.unwrap()["baseFeePerGas"]);
    let params = json!({"txs": [call.raw], "blockNumber": "0x6", "stateBlockNumber": "latest"});
    let simulated = relay(&devnet, &PrivateKeySigner::random(), "eth_callBundle", params).await.unwrap();
    let output: Bytes = serde_json::from_value(simulated["results"][0]["value"].clone()).unwrap();
    assert_eq!(U256::from_be_slice(&output[..32]), U256::from(6));
    assert_eq!(U256::from_be_slice(&output[32..]), U256::from(next_base_fee));
    assert_eq!(height(&devnet).await, 1);
    devnet.shutdown().await.unwrap();
}

#[tokio::test]
async fn faults_fail_as_they_are_named_and_end_when_cleared() {
    let devnet = start().await;
    let (auth, keeper, faults) = (PrivateKeySigner::random(), account(2), devnet.relay_faults().clone());
    let pending = transfer(&keeper, 0);
    let send = json!({"tx": pending.raw});

    faults.set(RelayFault::Down);
    let body = json!({"jsonrpc": "2.0", "id": 1, "method": "eth_sendPrivateTransaction", "params": [send]}).to_string();
    let header = signature_header(&auth, &body);
    assert!(relay_with(&devnet, body.clone(), Some(header)).await.is_err(), "no answer at all");
    faults.set(RelayFault::Refuse("closed for maintenance".into()));
    assert_eq!(
        relay(&devnet, &auth, "eth_sendPrivateTransaction", send.clone()).await.unwrap_err(),
        "closed for maintenance"
    );

    faults.set(RelayFault::NeverInclude);
    relay(&devnet, &auth, "eth_sendPrivateTransaction", send.clone()).await.unwrap();
    assert_eq!(devnet.builder().build_block().await.unwrap().transactions.len(), 0);
    faults.clear();
    assert_eq!(devnet.builder().build_block().await.unwrap().transactions, [pending.hash]);

    faults.set(RelayFault::DelayBlocks(2));
    let (late, next) = (transfer(&keeper, 1), height(&devnet).await + 1);
    relay(&devnet, &auth, "eth_sendBundle", bundle(next, &[&late])).await.unwrap();
    relay(&devnet, &auth, "eth_sendPrivateTransaction", json!({"tx": late.raw})).await.unwrap();
    for expected in [0, 0, 1] {
        assert_eq!(devnet.builder().build_block().await.unwrap().transactions.len(), expected);
    }
    assert_eq!(private_status(&devnet, &late).await, "INCLUDED");
    devnet.shutdown().await.unwrap();
}
