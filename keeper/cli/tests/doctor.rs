//! `ballast doctor` on a devnet where all is well, and where one thing is not.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use alloy::{
    primitives::U256,
    providers::{Provider, ProviderBuilder, ext::AnvilApi},
};
use ballast_devnet::{
    Devnet, DevnetConfig, KmsFault,
    deploy::{ATTESTOR_ALIAS, KEEPER_ALIAS},
    prepared::kms_keys,
};
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};
use support::{Finished, Keeper, Stage, enable, project_root, store_when_there};

const MINUTES: u64 = 600;

/// The findings of one check, and that the exit code is that of the worst of all.
fn found(finished: &Finished, check: &str) -> Vec<Value> {
    let report = finished.json();
    let problem = report["worst"] == "problem";
    assert_eq!(finished.code, Some(i32::from(problem)), "{finished:?}");
    report["findings"].as_array().unwrap().iter().filter(|finding| finding["check"] == check).cloned().collect()
}

async fn examined(keeper: &Keeper) -> Finished {
    keeper.run(&["doctor", "--json"]).await
}

/// That check says so, with words for what was found and a way out, and it is all that is wrong but for what follows from it.
#[track_caller]
fn assert_finds(finished: &Finished, check: &str, severity: &str, words: &[&str], consequences: &[&str]) {
    let findings = found(finished, check);
    let finding = findings.iter().find(|finding| finding["severity"] == severity);
    let finding = finding.unwrap_or_else(|| panic!("{check} is no {severity}: {finished:?}"));
    for word in words {
        assert!(finding.to_string().contains(word), "expected {word:?} in {finding:#}");
    }
    assert!(finding["expected"].is_string() && finding["advice"].is_string(), "{finding:#}");
    for other in finished.json()["findings"].as_array().unwrap() {
        let name = other["check"].as_str().unwrap();
        let known = name == check || consequences.contains(&name);
        assert!(known || other["severity"] != "problem", "{other:#}");
    }
}

// SPEC X18
#[tokio::test(flavor = "multi_thread")]
async fn where_all_is_well_the_doctor_finds_no_problem_and_changes_nothing() {
    let stage = Stage::funded().await;
    let keeper = stage.keeper();
    let transactions = async || stage.rpc().get_transaction_count(stage.book.keeper).await.unwrap();
    let before = transactions().await;
    let well = examined(&keeper).await;
    let report = well.json();
    assert_eq!((well.code, &report["worst"]), (Some(0), &json!("warning")), "{report:#}");
    let wrong: Vec<_> = report["findings"].as_array().unwrap().iter().filter(|one| one["severity"] != "ok").collect();
    assert_eq!(wrong.len(), 1, "one endpoint checks nobody: {wrong:#?}");
    assert_eq!(wrong[0]["check"], "agreement");
    for check in [
        "configuration",
        "endpoint",
        "debug API",
        "second opinion",
        "relay",
        "keeper key",
        "attestor key",
        "two keys",
        "contracts",
        "keeper role",
        "attestor role",
        "keeper balance",
        "store",
        "lease",
        "disk",
    ] {
        assert_eq!(found(&well, check).len(), 1, "{check}: {report:#}");
    }
    assert!(!keeper.store_path().exists() && !keeper.store_path().with_extension("sqlite.lock").exists());
    assert_eq!(transactions().await, before);

    let url = stage.devnet.rpc_url();
    let checked = keeper.clone().set("chain.rpc", vec![url.clone(), url.replace("127.0.0.1", "localhost")]);
    let words = checked.run(&["doctor"]).await;
    assert_eq!(words.code, Some(0), "{words:?}");
    assert!(words.stdout.ends_with("0 problems, 0 warnings\n"), "{words:?}");
}

// SPEC X5, X18, Y1
#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_cannot_sign_or_is_the_wrong_one_is_found() {
    let stage = Stage::empty().await;
    let keeper = stage.keeper();
    let follows = ["keeper role", "keeper balance", "attestor key", "attestor role"];
    stage.devnet.kms().set_fault(KmsFault::Deny);
    let denied = examined(&keeper).await;
    assert_finds(&denied, "keeper key", "problem", &["may not be used", "kms:Sign"], &follows);
    stage.devnet.kms().clear_fault();

    enable(&stage, KEEPER_ALIAS, false).await;
    let disabled = examined(&keeper).await;
    assert_finds(&disabled, "keeper key", "problem", &[KEEPER_ALIAS, "is disabled"], &follows[..2]);
    enable(&stage, KEEPER_ALIAS, true).await;

    let swapped = keeper.clone().set("keeper.key", ATTESTOR_ALIAS).set("attestor.key", KEEPER_ALIAS);
    let swapped = examined(&swapped).await;
    assert_finds(&swapped, "keeper role", "problem", &["does not know"], &["attestor role", "keeper balance"]);
    assert_finds(&swapped, "attestor role", "problem", &["the hub's attestor is"], &["keeper role", "keeper balance"]);
    let one = examined(&keeper.clone().set("attestor.key", KEEPER_ALIAS)).await;
    assert_finds(&one, "two keys", "problem", &["both"], &["attestor role"]);

    let relay = keeper.clone().set("relay.url", stage.devnet.rpc_url());
    assert_finds(&examined(&relay).await, "relay", "problem", &["a node's RPC endpoint is not a relay"], &[]);
    let nobody = keeper.clone().set("relay.url", "http://127.0.0.1:9");
    assert_finds(&examined(&nobody).await, "relay", "problem", &["is down"], &[]);
    let unset = keeper.without_secret("BALLAST_RELAY_KEY");
    assert_finds(&examined(&unset).await, "relay", "problem", &["BALLAST_RELAY_KEY is not set"], &[]);
}

// SPEC X18
#[tokio::test(flavor = "multi_thread")]
async fn a_keeper_without_ether_is_told_how_much_it_needs() {
    let stage = Stage::empty().await;
    let keeper = stage.keeper();
    stage.rpc().anvil_set_balance(stage.book.keeper, U256::ZERO).await.unwrap();
    stage.build_block().await;
    let poor = examined(&keeper).await;
    assert_finds(&poor, "keeper balance", "problem", &["pays 0 rebalances", "send 2200000000000000000 wei"], &[]);
    // One rebalance: 200 gwei for 1.1 million gas.
    stage.rpc().anvil_set_balance(stage.book.keeper, U256::from(220_000_000_000_000_000_u64)).await.unwrap();
    stage.build_block().await;
    assert_finds(&examined(&keeper).await, "keeper balance", "warning", &["pays 1 rebalances"], &[]);
}

// SPEC X18, Y1
#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_of_another_chain_or_with_an_unknown_venue_is_found() {
    let stage = Stage::empty().await;
    let keeper = stage.keeper();
    let other = examined(&keeper.clone().set("chain.id", 1)).await;
    assert_finds(&other, "chain id", "problem", &["is on chain 31337", "chain 1"], &[]);

    let stranger = stage.book.protocols.usdc.to_string();
    let venue = examined(&keeper.clone().set("venues.0.adapter", stranger.clone())).await;
    assert_finds(&venue, "contracts", "problem", &["does not list", &stranger, "address book"], &[]);
    let swapped = keeper.clone().set("contracts.hub", stage.book.contracts.vault.to_string());
    assert_finds(&examined(&swapped).await, "contracts", "problem", &["is not the StrategyHub"], &[]);

    let unreadable = keeper.run_on("chain = 1", &["doctor", "--json"]).await;
    assert_finds(&unreadable, "configuration", "problem", &["is not valid", "docs/CONFIG.md"], &[]);
    let dead = examined(&keeper.set("chain.rpc", vec!["http://127.0.0.1:9"])).await;
    assert_finds(&dead, "endpoint", "problem", &["127.0.0.1:9"], &[]);
}

// SPEC X18
#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_lags_or_has_another_chain_is_found() {
    let (stage, slow) = (Stage::empty().await, Stage::empty().await);
    for _ in 0..4 {
        stage.build_block().await;
    }
    let keeper = stage.keeper().set("chain.rpc", vec![stage.devnet.rpc_url(), slow.devnet.rpc_url()]);
    let lagging = examined(&keeper).await;
    assert_finds(&lagging, "lag", "problem", &["is 4 blocks behind", &slow.devnet.rpc_url()], &["agreement"]);
    stage.market().refresh_feeds().await.unwrap();
    for _ in 0..7 {
        slow.build_block().await;
    }
    let forked = examined(&keeper).await;
    assert_finds(&forked, "agreement", "problem", &["says 0x", "the keeper holds"], &[]);
}

// SPEC X18
#[tokio::test(flavor = "multi_thread")]
async fn a_clock_that_is_off_by_minutes_is_found() {
    const TESTNET: u64 = 11_155_111;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let stage = Stage::empty().await;
    let kept = stage.keeper();
    for (genesis, words) in [
        (now - MINUTES, "older than this machine's clock"),
        (now + MINUTES, "ahead of this machine's clock"),
        (now, ""),
    ] {
        let config = DevnetConfig {
            genesis_timestamp: Some(genesis),
            kms_keys: kms_keys(),
            ..DevnetConfig::new(project_root())
        };
        let devnet = Devnet::start(config).await.unwrap();
        let rpc = ProviderBuilder::new().connect_http(devnet.rpc_url().parse().unwrap());
        rpc.anvil_set_chain_id(TESTNET).await.unwrap();
        // The development chain's own time is not compared, so it is another chain here.
        let keeper = kept.clone().set("chain.id", TESTNET as i64).set("chain.rpc", vec![devnet.rpc_url()]);
        let examined = examined(&keeper).await;
        if words.is_empty() {
            assert_eq!(found(&examined, "clock")[0]["severity"], "ok", "{examined:?}");
        } else {
            assert_finds(&examined, "clock", "problem", &[words, "timedatectl"], &["contracts"]);
        }
        devnet.shutdown().await.unwrap();
    }
}

// SPEC X18, Y2
#[tokio::test(flavor = "multi_thread")]
async fn a_store_that_a_keeper_writes_to_or_that_is_none_is_found() {
    let stage = Stage::empty().await;
    let keeper = stage.keeper();
    let service = keeper.spawn(&["run"]);
    store_when_there(&keeper.store_path()).await;
    let id = service.id().to_string();
    assert_finds(&examined(&keeper).await, "lease", "warning", &[&id, "ballast"], &[]);
    assert_eq!(service.terminate("TERM").await.code, Some(0));
    let free = examined(&keeper).await;
    assert_eq!(found(&free, "lease")[0]["severity"], "ok", "{free:?}");
    assert!(found(&free, "store")[0]["found"].as_str().unwrap().contains("is whole"), "{free:?}");

    let other = keeper.clone().with_store("other.sqlite");
    std::fs::write(other.store_path(), "not a database, but long enough to be looked at").unwrap();
    assert_finds(&examined(&other).await, "store", "problem", &["not a SQLite database"], &[]);
    let nowhere = keeper.with_store("nowhere/keeper.sqlite");
    assert_finds(&examined(&nowhere).await, "store", "problem", &["is no directory"], &["disk"]);
}

/// An endpoint of the development chain without `eth_simulateV1`.
async fn without_simulations() -> String {
    let answer = async |axum::Json(request): axum::Json<Value>| {
        let id = request["id"].clone();
        axum::Json(match request["method"].as_str() {
            Some("eth_chainId") => json!({ "jsonrpc": "2.0", "id": id, "result": "0x7a69" }),
            _ => json!({ "jsonrpc": "2.0", "id": id, "error": { "code": -32_601, "message": "unknown method" } }),
        })
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(axum::serve(listener, axum::Router::new().route("/", axum::routing::post(answer))).into_future());
    url
}

// SPEC X3, X18
#[tokio::test(flavor = "multi_thread")]
async fn a_second_opinion_that_cannot_be_had_or_is_no_other_is_found() {
    let stage = Stage::empty().await;
    let asking = |url: &str| stage.keeper().set("simulation.second_opinion", url);
    let other = stage.devnet.another_endpoint().await.unwrap();
    let well = examined(&asking(&other.url())).await;
    let finding = &found(&well, "second opinion")[0];
    assert_eq!(finding["severity"], "ok", "{finding:#}");
    assert!(finding["found"].as_str().unwrap().contains("eth_simulateV1"), "{finding:#}");

    let same = examined(&asking(&stage.devnet.rpc_url())).await;
    assert_finds(&same, "second opinion", "warning", &["asked for the chain as well", "another operator"], &[]);
    let dead = examined(&asking("http://127.0.0.1:9")).await;
    assert_finds(&dead, "second opinion", "problem", &["127.0.0.1:9", "does not start without it"], &[]);
    let lacking = examined(&asking(&without_simulations().await)).await;
    assert_finds(&lacking, "second opinion", "problem", &["has no eth_simulateV1", "remove"], &[]);
}
