//! The watcher trips what holds, in the next block, and nothing else.
// SPEC C7
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use alloy::{
    consensus::Transaction as _,
    primitives::{Address, U256},
    providers::Provider,
    rpc::types::{Filter, Log},
    sol,
    sol_types::{SolCall, SolEvent},
};
use ballast_chain::bindings::{IAavePool, KillSwitchManager, StrategyHub, Vault};
use ballast_devnet::{
    RelayFault,
    accounts::Role,
    market::{IScriptedFeed, USD},
};
use ballast_store::State;
use std::{fs, time::Duration};
use support::{HOUR, Keeper, Running, Stage, newest_attempt, store_when_there, until};

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

/// A service that has made its first decision.
async fn serving(stage: &Stage, keeper: &Keeper) -> Running {
    let service = keeper.spawn(&["run"]);
    let store = store_when_there(&keeper.store_path()).await;
    let decided = until("a decision", async || store.decisions(1).await.unwrap().pop());
    stage.with_block_per_bundle(keeper, decided).await;
    service
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

/// The position in a venue, base units.
async fn held(stage: &Stage, adapter: Address) -> U256 {
    let call = StrategyHub::positionStateCall { adapter };
    stage.market().read(stage.book.contracts.hub, call).await.unwrap().value
}

async fn held_in(stage: &Stage, adapters: &[Address]) -> Vec<U256> {
    let mut all = Vec::new();
    for adapter in adapters {
        all.push(held(stage, *adapter).await);
    }
    all
}

/// What the hub says was taken out of venues one by one, oldest first.
async fn reductions(stage: &Stage) -> Vec<Log> {
    let event = StrategyHub::RiskReduced::SIGNATURE_HASH;
    let filter = Filter::new().address(stage.book.contracts.hub).event_signature(event).from_block(0);
    stage.rpc().get_logs(&filter).await.unwrap()
}

/// A keeper that spreads the money over at least three venues.
fn spreading(stage: &Stage) -> Keeper {
    let limit = |keeper: Keeper, venue: usize| keeper.set(&format!("venues.{venue}.max_position"), 3_000);
    (0..stage.book.venues.len()).fold(stage.keeper(), limit).set("policy.max_position", 3_000)
}

/// One that decides as often, but asks of a move to earn as much as there is every year, which no venue's curve can pay: what moves, the watcher
/// has moved.
fn only_watching(stage: &Stage) -> Keeper {
    spreading(stage).set("policy.min_gain", 10_000).with_store("watching.sqlite")
}

/// Builds blocks until the service, which looks at each head at least every second, has decided about one that is yet to come. Between two of them it
/// has the time of a look, and if that is too short for it, more blocks.
async fn decides_again(stage: &Stage, keeper: &Keeper) {
    let store = keeper.store().await;
    let head = stage.rpc().get_block_number().await.unwrap();
    let decided = async || {
        let newest = store.decisions(1).await.unwrap().pop()?;
        if newest.record.snapshot.block.number > head {
            return Some(());
        }
        stage.build_block().await;
        tokio::time::sleep(A_LOOK).await;
        None
    };
    until("another decision", decided).await;
    store.close().await;
}

/// A vault with money in several venues, and the service; borrowers then draw on the first Aave until above 95 % is lent, and the service trips that.
/// Returns the service, its log, that venue and the others, and the trip with its block.
async fn closed_by_its_borrowers(
    stage: &Stage,
    keeper: &Keeper,
) -> (Running, std::path::PathBuf, Address, Vec<Address>, (u64, KillSwitchManager::VenueTripped)) {
    let pool = stage.book.protocols.aave.pool;
    let invested = stage.cycle(&spreading(stage)).await;
    assert_eq!(invested.json()["outcome"]["state"], "final", "{invested:?}");
    let of = |at_pool: bool| {
        let venues = stage.book.venues.iter().filter(move |venue| (venue.venue == pool) == at_pool);
        venues.map(|venue| venue.adapter).collect::<Vec<_>>()
    };
    let (aave, others) = (of(true)[0], of(false));
    assert!(held(stage, aave).await > U256::from(1_000_000_000_u64), "there is something to lose");

    let log = stage.path("service.log");
    let service = keeper.spawn_logging_to(fs::File::create(&log).unwrap(), &["run"]);
    let store = store_when_there(&keeper.store_path()).await;
    until("a decision", async || store.decisions(1).await.unwrap().pop()).await;
    let available = IAavePool::getVirtualUnderlyingBalanceCall { asset: stage.book.protocols.usdc };
    let available = u64::try_from(stage.market().read(pool, available).await.unwrap()).unwrap();
    stage.market().borrow_aave(available - UNDRAWN).await.unwrap();
    let visible = stage.rpc().get_block_number().await.unwrap();
    let (armed, event) = stage.with_block_per_bundle(keeper, first::<KillSwitchManager::Armed>(stage)).await;
    assert_eq!((armed, event.trigger, event.adapter), (visible + 1, UTILISATION, aave));
    while stage.rpc().get_block_number().await.unwrap() < armed + CONFIRM_BLOCKS - 1 {
        stage.build_block().await;
    }
    let tripped = stage.with_block_per_bundle(keeper, first::<KillSwitchManager::VenueTripped>(stage)).await;
    assert_eq!((tripped.0, tripped.1.trigger, tripped.1.adapter), (armed + CONFIRM_BLOCKS, UTILISATION, aave));
    (service, log, aave, others, tripped)
}

// SPEC C7, R11: by its own trigger the venue is only closed for additions.
#[tokio::test(flavor = "multi_thread")]
async fn a_position_comes_home_from_a_venue_that_its_trigger_has_closed_and_no_other_does() {
    let stage = Stage::funded().await;
    let keeper = only_watching(&stage);
    let (service, _, aave, others, (tripped, trip)) = closed_by_its_borrowers(&stage, &keeper).await;
    let (held_there, before) = (held(&stage, aave).await, held_in(&stage, &others).await);

    let first_reduction = until("the position's way home", async || reductions(&stage).await.into_iter().next());
    let reduction = stage.with_block_per_bundle(&keeper, first_reduction).await;
    let event = StrategyHub::RiskReduced::decode_log(&reduction.inner).unwrap().data;
    assert_eq!((event.caller, event.adapter), (stage.book.keeper, aave));
    assert!(event.received + U256::from(2) >= held_there, "all of it: {} of {held_there}", event.received);
    assert_eq!(reduction.block_number, Some(tripped + 1), "in the block after the trip");
    let transaction = stage.rpc().get_transaction_by_hash(reduction.transaction_hash.unwrap()).await.unwrap().unwrap();
    assert_eq!(transaction.to(), Some(stage.book.contracts.hub));
    let call = StrategyHub::reduceCall::abi_decode(transaction.input()).unwrap();
    assert_eq!(call.adapter, aave);
    assert!(held(&stage, aave).await <= U256::from(2), "all of it");

    // The next blocks find nothing to do, and the service goes on deciding that nothing is to be moved.
    decides_again(&stage, &keeper).await;
    assert_eq!((reductions(&stage).await.len(), stage.rebalances().await.len()), (1, 1));
    let moved = |(before, after): (&U256, &U256)| after < before;
    let after = held_in(&stage, &others).await;
    assert!(!before.iter().zip(&after).any(moved), "the others are none of its business: {before:?} {after:?}");
    let room = Vault::maxDepositCall(Role::Depositor(1).address().unwrap());
    let room = stage.market().read(stage.book.contracts.vault, room).await.unwrap();
    assert!(!room.is_zero(), "deposits stay open");
    let calls = purposes(&keeper).await;
    let [home, trip_call, arming] = calls.as_slice() else { panic!("{calls:?}") };
    assert!(home.contains("take home") && home.contains("Utilization spike"), "{calls:?}");
    assert!(trip_call.contains("confirmation") && arming.contains("arming"), "{calls:?}");
    assert_eq!(service.terminate("TERM").await.code, Some(0));

    // The borrowers repay and the trip runs out: whoever decides freely may go there again.
    let market = stage.market();
    market.repay_aave(20 * MILLION).await.unwrap();
    let now = stage.rpc().get_block(alloy::eips::BlockId::latest()).await.unwrap().unwrap().header.timestamp;
    market.pass_time(trip.blockedUntil.to::<u64>() - now + 1).await.unwrap();
    let again = stage.cycle(&spreading(&stage)).await;
    assert_eq!(again.json()["outcome"]["state"], "final", "{again:?}");
    assert!(held(&stage, aave).await > U256::from(1_000_000_000_u64), "it is back");
}

// SPEC R11
#[tokio::test(flavor = "multi_thread")]
async fn where_nothing_is_to_be_called_home_the_position_stays_and_the_operator_is_told_once() {
    let stage = Stage::funded().await;
    let keeper = only_watching(&stage).set("watcher.retreat", Vec::<String>::new());
    let (service, log, aave, ..) = closed_by_its_borrowers(&stage, &keeper).await;
    let before = held(&stage, aave).await;
    let told = || {
        let text = fs::read_to_string(&log).unwrap();
        text.lines().filter(|line| line.contains("a position stays in a venue that is closed")).count()
    };
    until("the operator to be told", async || (told() > 0).then_some(())).await;
    decides_again(&stage, &keeper).await;
    decides_again(&stage, &keeper).await;
    assert_eq!((reductions(&stage).await.len(), stage.rebalances().await.len()), (0, 1));
    assert!(held(&stage, aave).await >= before);
    assert_eq!(told(), 1, "{}", fs::read_to_string(&log).unwrap());
    let calls = purposes(&keeper).await;
    assert_eq!(calls.len(), 2, "armed and tripped, no more: {calls:?}");
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
