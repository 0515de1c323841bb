//! The watcher trips what holds, in the next block, and nothing else.
// SPEC C7
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod retreat;
#[path = "../support/mod.rs"]
mod support;

use alloy::{
    primitives::{Address, U256},
    providers::Provider,
    rpc::types::Filter,
    sol,
    sol_types::SolEvent,
};
use ballast_chain::bindings::KillSwitchManager;
use ballast_devnet::{
    RelayFault,
    accounts::Role,
    market::{IScriptedFeed, USD},
};
use ballast_store::State;
use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};
use support::{Endpoint, HOUR, Illness, Keeper, Running, Stage, newest_attempt, store_when_there, until};

const MILLION: u64 = 1_000_000_000_000;
/// `VenueTriggers.CONFIRM_BLOCKS`.
const CONFIRM_BLOCKS: u64 = 25;
/// `Trigger.Utilisation` of the contracts.
const UTILISATION: u8 = 2;
/// What borrowers leave of an Aave that has 100 M: above 95 % is lent.
const UNDRAWN: u64 = 3 * MILLION;
/// Twice as long as the watcher takes to notice a block.
const A_LOOK: Duration = Duration::from_millis(1_200);

sol! {
    interface IAavePoolExit {
        function withdraw(address asset, uint256 amount, address to) external returns (uint256);
    }
}

/// The blocks in which the switch said so, with the event.
async fn events<E: SolEvent>(stage: &Stage) -> Vec<(u64, E)> {
    let filter = Filter::new().address(stage.book.contracts.kill_switch).event_signature(E::SIGNATURE_HASH);
    let logs = stage.rpc().get_logs(&filter.from_block(0)).await.unwrap();
    logs.iter().map(|log| (log.block_number.unwrap(), E::decode_log(&log.inner).unwrap().data)).collect()
}

async fn first<E: SolEvent>(stage: &Stage) -> (u64, E) {
    until(E::SIGNATURE, async || events::<E>(stage).await.into_iter().next()).await
}

async fn sent(stage: &Stage) -> u64 {
    stage.rpc().get_transaction_count(stage.book.keeper).await.unwrap()
}

/// A service that has made its first decision, and where it logs.
async fn serving_with_log(stage: &Stage, keeper: &Keeper) -> (Running, PathBuf) {
    let log = stage.path("service.log");
    let service = keeper.spawn_logging_to(fs::File::create(&log).unwrap(), &["run"]);
    first_decision(stage, keeper).await;
    (service, log)
}

/// A service that has made its first decision.
async fn serving(stage: &Stage, keeper: &Keeper) -> Running {
    let service = keeper.spawn(&["run"]);
    first_decision(stage, keeper).await;
    service
}

async fn first_decision(stage: &Stage, keeper: &Keeper) {
    let store = store_when_there(&keeper.store_path()).await;
    let decided = until("a decision", async || store.decisions(1).await.unwrap().pop());
    stage.with_block_per_bundle(keeper, decided).await;
}

/// The purposes of the calls that were made, newest first.
async fn purposes(keeper: &Keeper) -> Vec<String> {
    keeper.store().await.calls(10).await.unwrap().into_iter().map(|call| call.purpose).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_depeg_is_tripped_one_block_after_it_is_visible_and_once() {
    let stage = Stage::empty().await;
    let keeper = stage.keeper();
    let service = serving(&stage, &keeper).await;
    let before = sent(&stage).await;
    for _ in 0..4 {
        stage.build_block().await;
        tokio::time::sleep(A_LOOK / 2).await;
    }
    assert_eq!((sent(&stage).await, purposes(&keeper).await.len()), (before, 0), "nothing holds, nothing is sent");

    let market = stage.market();
    let visible = market.push_price(stage.book.protocols.feeds.usdc_usd, USD * 97 / 100).await.unwrap();
    let tripped = first::<KillSwitchManager::Tripped>(&stage);
    let (block, event) = stage.with_block_per_bundle(&keeper, tripped).await;
    assert_eq!(block, visible.block_number.unwrap() + 1);
    assert_eq!((event.trigger, event.subject, event.mode), (0, stage.book.protocols.usdc, 2), "Exit");
    for _ in 0..3 {
        stage.build_block().await;
        tokio::time::sleep(A_LOOK).await;
    }
    assert_eq!(sent(&stage).await, before + 1);
    let purposes = purposes(&keeper).await;
    let [purpose] = purposes.as_slice() else { panic!("{purposes:?}") };
    assert!(purpose.contains("trip peg") && purpose.contains("0.97"), "what was seen is recorded: {purpose}");
    assert_eq!(service.terminate("TERM").await.code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_feed_that_reverts_is_tripped_and_a_watcher_that_is_off_trips_nothing() {
    let stage = Stage::empty().await;
    let idle = stage.keeper().with_store("idle.sqlite").set("watcher.enabled", false);
    let off = serving(&stage, &idle).await;
    let before = sent(&stage).await;
    let feed = stage.book.protocols.feeds.usdc_usd;
    stage.market().send(Role::Deployer, feed, IScriptedFeed::setRevertingCall { reverting: true }).await.unwrap();
    tokio::time::sleep(A_LOOK * 2).await;
    assert_eq!(sent(&stage).await, before);
    assert_eq!(off.terminate("TERM").await.code, Some(0));

    let keeper = stage.keeper();
    let visible = stage.rpc().get_block_number().await.unwrap();
    let service = keeper.spawn(&["run"]);
    let (block, event) = stage.with_block_per_bundle(&keeper, first::<KillSwitchManager::Tripped>(&stage)).await;
    assert_eq!((block, event.trigger, event.subject), (visible + 1, 3, stage.book.protocols.usdc));
    stage.build_block().await;
    tokio::time::sleep(A_LOOK).await;
    assert_eq!(sent(&stage).await, before + 1, "it blocks already");
    assert_eq!(service.terminate("TERM").await.code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_venue_that_loses_its_depositors_is_armed_at_once_and_confirmed_25_blocks_later() {
    let stage = Stage::empty().await;
    let keeper = stage.keeper();
    let market = stage.market();
    // The checkpoint of the deployment becomes the one that sizes are held against.
    market.pass_time(25 * HOUR).await.unwrap();
    market.repay_aave(60 * MILLION).await.unwrap();
    let service = serving(&stage, &keeper).await;
    assert!(events::<KillSwitchManager::Armed>(&stage).await.is_empty());

    let protocols = &stage.book.protocols;
    let amount = U256::from(40 * MILLION);
    let withdraw = IAavePoolExit::withdrawCall { asset: protocols.usdc, amount, to: Address::repeat_byte(7) };
    let visible = market.send(Role::Supplier, protocols.aave.pool, withdraw).await.unwrap().block_number.unwrap();
    let (armed, event) = stage.with_block_per_bundle(&keeper, first::<KillSwitchManager::Armed>(&stage)).await;
    assert_eq!((armed, event.trigger, event.readable), (visible + 1, 1, true));

    while stage.rpc().get_block_number().await.unwrap() < armed + CONFIRM_BLOCKS - 2 {
        stage.build_block().await;
    }
    tokio::time::sleep(A_LOOK * 2).await;
    assert!(events::<KillSwitchManager::VenueTripped>(&stage).await.is_empty(), "a block too early");
    stage.build_block().await;
    let tripped = first::<KillSwitchManager::VenueTripped>(&stage);
    let (confirmed, event) = stage.with_block_per_bundle(&keeper, tripped).await;
    assert_eq!((confirmed, event.trigger), (armed + CONFIRM_BLOCKS, 1));
    assert_eq!(event.reason, "TVL crash detected");
    assert_eq!(service.terminate("TERM").await.code, Some(0));
}

/// What the service has said in one line with all these words.
fn said(log: &Path, words: &[&str]) -> bool {
    let text = fs::read_to_string(log).unwrap();
    text.lines().any(|line| words.iter().all(|word| line.contains(word)))
}

// SPEC C7
#[tokio::test(flavor = "multi_thread")]
async fn a_trip_whose_state_cannot_be_read_keeps_no_other_back() {
    let stage = Stage::empty().await;
    let endpoint = Endpoint::start(&stage.devnet.rpc_url()).await;
    let keeper = stage.keeper().set("chain.rpc", vec![endpoint.url.clone()]);
    let (service, log) = serving_with_log(&stage, &keeper).await;
    let (market, protocols) = (stage.market(), &stage.book.protocols);
    endpoint.falls_ill(Some(Illness::Blind(protocols.feeds.usdc_usd)));
    market.push_price(protocols.feeds.usdc_usd, USD * 97 / 100).await.unwrap();
    market.borrow_aave(16 * MILLION).await.unwrap();
    let (_, armed) = stage.with_block_per_bundle(&keeper, first::<KillSwitchManager::Armed>(&stage)).await;
    assert_eq!(armed.trigger, UTILISATION);
    let words = ["a condition holds and its trip cannot be simulated", "trigger=peg", "missing trie node"];
    assert!(said(&log, &words), "{}", fs::read_to_string(&log).unwrap());
    assert!(events::<KillSwitchManager::Tripped>(&stage).await.is_empty(), "nothing is sent unseen");

    endpoint.falls_ill(None);
    stage.build_block().await;
    let (_, tripped) = stage.with_block_per_bundle(&keeper, first::<KillSwitchManager::Tripped>(&stage)).await;
    assert_eq!(tripped.subject, protocols.usdc);
    assert_eq!(service.terminate("TERM").await.code, Some(0));
}

// SPEC D12
#[tokio::test(flavor = "multi_thread")]
async fn where_one_endpoint_has_lost_the_state_another_gives_it() {
    let stage = Stage::empty().await;
    let endpoint = Endpoint::start(&stage.devnet.rpc_url()).await;
    let whole = stage.devnet.rpc_url();
    let keeper = stage.keeper().set("chain.rpc", vec![endpoint.url.clone(), whole.clone(), format!("{whole}/")]);
    let (service, log) = serving_with_log(&stage, &keeper).await;
    let feed = stage.book.protocols.feeds.usdc_usd;
    endpoint.falls_ill(Some(Illness::Blind(feed)));
    let visible = stage.market().push_price(feed, USD * 97 / 100).await.unwrap();
    let (block, _) = stage.with_block_per_bundle(&keeper, first::<KillSwitchManager::Tripped>(&stage)).await;
    assert_eq!(block, visible.block_number.unwrap() + 1);
    let words = ["an endpoint does not give the state of a simulation; another is asked", "missing trie node"];
    assert!(said(&log, &words), "{}", fs::read_to_string(&log).unwrap());
    assert_eq!(service.terminate("TERM").await.code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_that_waits_for_its_block_holds_up_no_trip_beyond_it() {
    let stage = Stage::funded().await;
    let keeper = stage.keeper();
    stage.devnet.relay_faults().set(RelayFault::NeverInclude);
    let service = keeper.spawn(&["run"]);
    let store = store_when_there(&keeper.store_path()).await;
    let handed_over = async || newest_attempt(&store).await.filter(|attempt| attempt.facts.bundle_hash.is_some());
    let attempt = until("a bundle", handed_over).await;
    // Its block comes without it, and shows the depeg.
    let visible = stage.market().push_price(stage.book.protocols.feeds.usdc_usd, USD * 97 / 100).await.unwrap();
    assert_eq!(visible.block_number, attempt.facts.target_block);
    stage.devnet.relay_faults().clear();
    let (block, _) = stage.with_block_per_bundle(&keeper, first::<KillSwitchManager::Tripped>(&stage)).await;
    assert_eq!(block, visible.block_number.unwrap() + 1);
    assert_eq!(service.terminate("TERM").await.code, Some(0));
    assert_eq!(store.attempt(attempt.id).await.unwrap().state, State::Expired);
    assert_eq!(stage.rebalances().await, []);
}
