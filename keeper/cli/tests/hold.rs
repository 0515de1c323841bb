//! Whatever is doubtful is a HOLD with its reason, and a move that cannot be made ends with one: stored, and shown.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use alloy::{
    primitives::{Address, I256, U256, aliases::U80},
    providers::Provider,
    sol,
};
use ballast_chain::bindings::KillSwitchManager;
use ballast_devnet::{
    KmsFault, RelayFault,
    accounts::Role,
    market::{IScriptedFeed, USD},
};
use ballast_store::{State, Subject};
use serde_json::{Value, json};
use std::time::Duration;
use support::{DEPOSIT, Finished, HOUR, Keeper, Stage, newest_attempt, store_when_there, until};

sol! {
    interface IRounds {
        function latestRoundData() external view returns (uint80 roundId, int256 answer, uint256 startedAt, uint256 updatedAt, uint80 answeredInRound);
    }
}

/// Code that reverts without a reason.
const REVERTS: &str = "0x60006000fd";
const MILLION: u64 = 1_000_000_000_000;

/// A cycle holds because of `gate`; the reason is in its answer, in the list of decisions and in the status.
async fn assert_holds(stage: &Stage, keeper: &Keeper, gate: &str, words: &str) {
    let cycle = stage.cycle(keeper).await;
    assert_eq!(cycle.code, Some(0), "{words}: {cycle:?}");
    let answer = cycle.json();
    assert!(answer["outcome"].is_null(), "{words}: {:#}", answer["outcome"]);
    assert_reason(&answer["record"]["decision"], gate, words);

    let listed = keeper.run(&["decisions", "--json"]).await.json();
    assert_eq!(listed[0]["hash"], answer["decision_hash"]);
    assert_reason(&listed[0]["decision"], gate, words);
    assert_eq!(listed[0]["attempts"], json!([]), "nothing was tried");
    let status = keeper.run(&["status"]).await;
    assert_eq!(status.code, Some(0), "{status:?}");
    let line = status.stdout.lines().find(|line| line.contains("[HOLD]") && line.contains(&gate.replace('_', " ")));
    assert!(line.is_some_and(|line| line.contains(words)), "expected {gate}: {words} in {status:?}");
}

fn assert_reason(decision: &Value, gate: &str, words: &str) {
    assert_eq!(decision["action"]["kind"], "hold", "{words}: {decision:#}");
    let asked = decision["gates"].as_array().unwrap().iter().find(|asked| asked["id"] == gate).unwrap();
    assert_eq!(asked["passed"], false, "{words}: {decision:#}");
    assert!(asked["detail"].as_str().unwrap().contains(words), "expected {words:?} in {asked:#}");
}

async fn assert_moves(stage: &Stage, keeper: &Keeper) {
    let cycle = stage.cycle(keeper).await;
    assert_eq!(cycle.code, Some(0), "{cycle:?}");
    assert_eq!(cycle.json()["outcome"]["state"], "final", "{cycle:?}");
}

/// The latest round again with another time, or carried over from the round before.
async fn push_round(stage: &Stage, feed: Address, updated_at: i64, carried_over: bool) {
    let market = stage.market();
    let latest = market.read(feed, IRounds::latestRoundDataCall {}).await.unwrap();
    let now: i64 = latest.updatedAt.to();
    let updated_at = U256::from(now + updated_at);
    let round = latest.roundId + U80::from(1);
    let call = IScriptedFeed::pushRoundCall {
        roundId: round,
        answer: latest.answer,
        startedAt: updated_at,
        updatedAt: updated_at,
        answeredInRound: if carried_over { latest.roundId } else { round },
    };
    market.send(Role::Deployer, feed, call).await.unwrap();
}

// SPEC C7a, C7d
#[tokio::test(flavor = "multi_thread")]
async fn a_feed_that_cannot_be_trusted() {
    let stage = Stage::funded().await;
    let keeper = stage.keeper();
    let market = stage.market();
    let feeds = stage.book.protocols.feeds;
    let holds = async |words: &str| assert_holds(&stage, &keeper, "feeds", words).await;

    let usdc = feeds.usdc_usd;
    for (answer, words) in [
        (0, "its answer is 0, expected a positive price"),
        (-1, "its answer is -1, expected a positive price"),
        (-USD, "its answer is -100000000, expected a positive price"),
        (USD * 98 / 100 - 1, "is at 0.979999, expected 0.980000 to 1.020000"),
        (USD * 102 / 100 + 100, "is at 1.020001, expected 0.980000 to 1.020000"),
    ] {
        market.push_price(usdc, answer).await.unwrap();
        holds(words).await;
    }
    market.push_price(usdc, USD).await.unwrap();
    push_round(&stage, usdc, -26 * 3_600, false).await;
    holds("s old, expected at most 90000 s").await;
    market.push_price(usdc, USD).await.unwrap();
    push_round(&stage, usdc, 1_000_000, false).await;
    holds("which is after the block's time").await;
    market.push_price(usdc, USD).await.unwrap();
    push_round(&stage, usdc, 0, true).await;
    holds("its answer is carried over from round").await;
    market.send(Role::Deployer, usdc, IScriptedFeed::setRevertingCall { reverting: true }).await.unwrap();
    holds("it cannot be read").await;
    market.send(Role::Deployer, usdc, IScriptedFeed::setRevertingCall { reverting: false }).await.unwrap();
    market.push_price(usdc, USD).await.unwrap();

    let eth = feeds.eth_usd;
    push_round(&stage, eth, -3 * 3_600, false).await;
    holds("ETH/USD: its answer is").await;
    let zero = IScriptedFeed::pushCall { answer: I256::ZERO };
    market.send(Role::Deployer, eth, zero).await.unwrap();
    holds("ETH/USD: its answer is 0, expected a positive price").await;
    market.push_price(eth, 3_000 * USD).await.unwrap();
    market.send(Role::Deployer, eth, IScriptedFeed::setRevertingCall { reverting: true }).await.unwrap();
    holds("ETH/USD: it cannot be read").await;
    market.send(Role::Deployer, eth, IScriptedFeed::setRevertingCall { reverting: false }).await.unwrap();
    market.push_price(eth, 3_000 * USD).await.unwrap();
    // It has decimals, as a feed does, and nothing else of one: no observation is begun with it.
    let no_feed = keeper.clone().set("eth_usd.aggregator", stage.book.contracts.vault.to_string());
    no_feed.run(&["run", "--once"]).await.assert_refused(1, &["is not the ETH/USD feed", "description()"]);

    assert_eq!(stage.rebalances().await, []);
    assert_moves(&stage, &keeper).await;
    assert_eq!(stage.assert_consistent(&keeper).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_venue_that_reverts() {
    let stage = Stage::funded().await;
    let keeper = stage.keeper();
    let protocols = &stage.book.protocols;
    for (broken, venue) in [(protocols.aave.a_usdc, 0), (protocols.morpho.irm, 1)] {
        let code = stage.code(broken).await;
        stage.set_code(broken, REVERTS).await;
        stage.build_block().await;
        assert_holds(&stage, &keeper, "venues", &stage.book.venues[venue].name).await;
        stage.set_code(broken, &code).await;
        stage.build_block().await;
    }
    assert_moves(&stage, &keeper).await;
}

// SPEC C3, C4, X2
#[tokio::test(flavor = "multi_thread")]
async fn a_time_or_a_switch_that_forbids_it_or_nothing_to_gain() {
    let stage = Stage::empty().await;
    let keeper = stage.keeper();
    let market = stage.market();
    assert_holds(&stage, &keeper, "limits", "nothing to move: the vault is empty").await;

    let depositor = Role::Depositor(0);
    market.mint_usdc(depositor.address().unwrap(), DEPOSIT).await.unwrap();
    market.deposit(depositor, DEPOSIT).await.unwrap();
    assert_moves(&stage, &keeper).await;
    assert_holds(&stage, &keeper, "schedule", "the next rebalance is allowed at").await;
    market.pass_time(7 * HOUR).await.unwrap();
    assert_holds(&stage, &keeper, "limits", "nothing to move: no permitted move raises the yield").await;

    market.repay_aave(25 * MILLION).await.unwrap();
    market.borrow_morpho(3 * MILLION).await.unwrap();
    let demanding = keeper.clone().set("policy.min_gain", 10_000);
    assert_holds(&stage, &demanding, "gain", "required improvement").await;

    let reduce_only = KillSwitchManager::reduceOnlyCall {};
    market.send(Role::Guardian, stage.book.contracts.kill_switch, reduce_only).await.unwrap();
    assert_holds(&stage, &keeper, "kill_switch", "mode ReduceOnly, not operational").await;
    assert_eq!(stage.assert_consistent(&keeper).await, 1);
}

// SPEC X2, R1: with live scores what is known of a venue keeps money out, whatever the operator's score of it is.
#[tokio::test(flavor = "multi_thread")]
async fn a_venue_that_scores_too_high_by_what_is_known() {
    let stage = Stage::funded().await;
    let scored = async |keeper: &Keeper| {
        let dry = keeper.run(&["run", "--dry-run", "--json"]).await;
        assert_eq!(dry.code, Some(0), "{dry:?}");
        dry.json()["record"]["policy"]["venues"][0]["risk_score"].as_u64().unwrap()
    };
    let known = stage.keeper().set("venues.0.protocol", "aave-v3").set("policy.live_scores", true);
    let (operators, live) = (scored(&stage.keeper()).await, scored(&known).await);
    let unknown = scored(&stage.keeper().set("policy.live_scores", true)).await;
    assert!(operators < live && live < unknown, "{operators} {live} {unknown}");

    let strict = known.set("policy.max_risk_score", i64::try_from(live).unwrap());
    assert_holds(&stage, &strict, "limits", "nothing to move").await;
    let log = strict.run(&["run", "--dry-run"]).await.stderr;
    assert!(log.contains("a venue scores too high by what is known: nothing is added to it"), "{log}");
    assert_moves(&stage, &strict.set("policy.live_scores", false)).await;
}

// SPEC D12
#[tokio::test(flavor = "multi_thread")]
async fn providers_that_disagree() {
    let (stage, other) = tokio::join!(Stage::funded(), Stage::funded());
    let keeper = stage.keeper();
    other.market().mint_usdc(Role::Supplier.address().unwrap(), 1).await.unwrap();
    stage.build_block().await;
    let both = keeper.clone().set("chain.rpc", vec![stage.devnet.rpc_url(), other.devnet.rpc_url()]);
    assert_holds(&stage, &both, "observation", "providers disagree: block").await;
    for _ in 0..5 {
        other.build_block().await;
    }
    assert_holds(&stage, &both, "observation", "providers disagree: the newest block is").await;

    // Of two, one alone is nobody's word; of three, two are enough.
    let dead = "http://127.0.0.1:9".to_owned();
    let half = keeper.clone().set("chain.rpc", vec![dead.clone(), stage.devnet.rpc_url()]);
    assert_holds(&stage, &half, "observation", "1 of 2 endpoints give the same hash, 2 are needed").await;
    let two = stage.devnet.rpc_url();
    let alone = keeper.set("chain.rpc", vec![dead, two.clone(), format!("{two}/")]);
    assert_moves(&stage, &alone).await;
    assert_eq!(stage.assert_consistent(&alone).await, 1);
    assert_eq!(other.rebalances().await, []);
}

/// A cycle that decides to move and gives up: exit code 1, with `words` as the reason, shown wherever one looks.
async fn assert_gives_up(stage: &Stage, keeper: &Keeper, cycle: &Finished, attempts: usize, words: &[&str]) {
    assert_eq!(cycle.code, Some(1), "{words:?}: {cycle:?}");
    assert!(!cycle.stderr.contains("panicked"), "{cycle:?}");
    let answer = cycle.json();
    let outcome = &answer["outcome"];
    assert_eq!(outcome["state"], "rejected", "{words:?}: {outcome:#}");
    let listed = keeper.run(&["decisions", "--json", "--limit", "1"]).await.json();
    let tried = listed[0]["attempts"].as_array().unwrap();
    assert_eq!(tried.len(), attempts, "{words:?}: {tried:#?}");
    let status = keeper.run(&["status"]).await;
    for word in words {
        assert!(outcome["reason"].as_str().unwrap().contains(word), "expected {word:?} in {outcome:#}");
        assert!(tried[attempts - 1]["facts"]["reason"].as_str().unwrap().contains(word), "{word:?}: {tried:#?}");
        assert!(cycle.stderr.contains(word), "expected {word:?} in {cycle:?}");
        assert!(status.stdout.contains(word), "expected {word:?} in {status:?}");
    }
    // Every attempt used the same nonce of the account, so that at most one can ever land; and none has.
    let nonce = stage.rpc().get_transaction_count(stage.book.keeper).await.unwrap();
    let mut blocks = Vec::new();
    for attempt in tried.iter().filter(|attempt| !attempt["facts"]["raw_tx"].is_null()) {
        assert_eq!(attempt["facts"]["account_nonce"], nonce, "{attempt:#}");
        blocks.push(attempt["facts"]["target_block"].as_u64().unwrap());
    }
    assert!(blocks.windows(2).all(|pair| pair[0] < pair[1]), "one bundle for one block: {blocks:?}");
    assert_eq!(stage.assert_consistent(keeper).await, 0);
}

// SPEC X7, X8
#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_is_down_refuses_or_never_includes() {
    let stage = Stage::funded().await;
    let keeper = stage.keeper().set("execution.max_attempts", 2);
    let faults = stage.devnet.relay_faults();
    for (fault, words) in [
        (RelayFault::Down, ["given up after 2 attempts", "is down"]),
        (RelayFault::Refuse("not today".into()), ["given up after 2 attempts", "refused: not today"]),
        (RelayFault::NeverInclude, ["given up after 2 attempts", "the relay never included it"]),
        (RelayFault::DelayBlocks(3), ["given up after 2 attempts", "the relay never included it"]),
    ] {
        faults.set(fault);
        let cycle = stage.with_blocks(keeper.run(&["run", "--once", "--json"])).await;
        assert_gives_up(&stage, &keeper, &cycle, 2, &words).await;
    }
    faults.clear();
    assert_moves(&stage, &keeper).await;
    assert_eq!(stage.assert_consistent(&keeper).await, 1);
}

// SPEC X3
#[tokio::test(flavor = "multi_thread")]
async fn a_simulation_that_is_not_what_was_decided() {
    let stage = Stage::funded().await;
    let keeper = stage.keeper();
    let market = stage.market();
    let late = Role::Depositor(1);
    market.mint_usdc(late.address().unwrap(), DEPOSIT).await.unwrap();
    // Long enough for a deposit to come in while the attestor signs.
    stage.devnet.kms().set_fault(KmsFault::Slow(Duration::from_secs(3)));
    let deposit = async {
        let store = store_when_there(&keeper.store_path()).await;
        let presimulated = async || newest_attempt(&store).await.filter(|one| one.state == State::Presimulated);
        until("a presimulation", presimulated).await;
        market.deposit(late, 1_000_000_000).await.unwrap();
    };
    let (cycle, ()) = tokio::join!(keeper.run(&["run", "--once", "--json"]), deposit);
    stage.devnet.kms().clear_fault();
    let words = [
        "the final simulation is not what the decision said",
        "NAV before: expected 50000.000000, simulated 51000.000000",
    ];
    assert_gives_up(&stage, &keeper, &cycle, 1, &words).await;
    assert_moves(&stage, &keeper).await;
}

// SPEC X4
#[tokio::test(flavor = "multi_thread")]
async fn a_fee_above_the_cap_and_a_chain_that_stands_still() {
    let stage = Stage::funded().await;
    let frugal = stage.keeper().set("execution.max_fee_wei", 1).set("execution.priority_fee_wei", 1);
    let cycle = stage.cycle(&frugal).await;
    assert_gives_up(&stage, &frugal, &cycle, 1, &["base fee and tip", "more than the cap of 1", "raise the cap"]).await;

    let hasty = stage.keeper().set("execution.inclusion_timeout", 1);
    let stalled = hasty.run(&["run", "--once"]).await;
    stalled.assert_refused(1, &["the chain stands at block", "stays submitted", "settled at the next start"]);
    stage.build_block().await;
    let settled = hasty.run(&["run", "--once", "--json"]).await;
    assert_eq!((settled.code, &settled.json()["outcome"]), (Some(0), &Value::Null), "{settled:?}");
    assert_eq!(stage.assert_consistent(&hasty).await, 1);
}

// SPEC X13
#[tokio::test(flavor = "multi_thread")]
async fn a_dry_run_decides_and_writes_nothing() {
    let stage = Stage::funded().await;
    let rpc = stage.rpc();
    let head = rpc.get_block_number().await.unwrap();
    let keeper = stage.keeper();
    let nobody = keeper.clone().without_secrets();
    let dry = nobody.run(&["run", "--once", "--dry-run", "--json"]).await;
    assert_eq!(dry.code, Some(0), "{dry:?}");
    let decided = dry.json();
    assert!(decided["outcome"].is_null());
    assert_eq!(decided["record"]["decision"]["action"]["kind"], "rebalance", "{decided:#}");
    let shown = nobody.run(&["run", "--dry-run"]).await;
    assert!(shown.stdout.contains("REBALANCE at block"), "{shown:?}");

    for suffix in ["", ".lock", "-wal", "-shm"] {
        let file = format!("{}{suffix}", keeper.store_path().display());
        assert!(!std::path::Path::new(&file).exists(), "{file}");
    }
    assert_eq!(rpc.get_transaction_count(stage.book.keeper).await.unwrap(), 0);
    stage.build_block().await;
    assert_eq!(rpc.get_transaction_count(stage.book.keeper).await.unwrap(), 0, "no bundle was waiting either");
    assert_eq!(rpc.get_block_number().await.unwrap(), head + 1);

    // Beside a keeper's store it leaves that as it is.
    assert_moves(&stage, &keeper).await;
    let before = keeper.store().await.decisions(10).await.unwrap();
    assert_eq!(nobody.run(&["run", "--dry-run"]).await.code, Some(0));
    let store = keeper.store().await;
    assert_eq!(store.decisions(10).await.unwrap(), before);
    assert_eq!(store.attempts(Subject::Decision(before[0].hash)).await.unwrap().len(), 1);
}
