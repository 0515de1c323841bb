//! Detectors off the chain in the running service: what one of them finds is said, and what two agree on takes the position home.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../../service/tests/publishers/mod.rs"]
mod publishers;
mod support;

use alloy::{
    primitives::{Address, U256},
    providers::Provider,
    rpc::types::Filter,
    sol,
    sol_types::SolEvent,
};
use ballast_chain::bindings::StrategyHub;
use ballast_types::{Action, DecisionRecord, Doubt};
use publishers::{Publisher, Says, Shape};
use std::{fs, path::Path, time::Duration};
use support::{Keeper, Stage, store_when_there, until};

/// Samples that a new one is judged by.
const WINDOW: usize = 10;
/// Seconds between two samples, at least.
const SAMPLE: u64 = 120;
const CALM: Says = Says::Value(50.0, 1);
const FEAR: Says = Says::Value(4.0, 1);

sol! {
    interface IAavePool {
        function getVirtualUnderlyingBalance(address asset) external view returns (uint128);
    }
}

/// A keeper whose own decisions can move nothing: what moves, an alarm has moved.
fn listening(stage: &Stage, sources: &[&Publisher], alarms: &str) -> Keeper {
    let sources: Vec<toml::Value> = sources.iter().map(|one| one.source().into()).collect();
    let alarms: toml::Table = toml::from_str(&format!(
        "window = {WINDOW}\nsample_minutes = {}\nmemory_minutes = {}\n{alarms}",
        SAMPLE / 60,
        SAMPLE / 60
    ))
    .unwrap();
    stage
        .keeper()
        .set("policy.min_gain", 10_000)
        .set("execution.decide_every", 1)
        .set("market.requests_per_minute", 1_000)
        .set("market.sources", sources)
        .set("alarms", alarms)
        .set("history.path", "listening.history")
        .with_store("listening.sqlite")
}

/// The service's newest decision about a block that is yet to come.
async fn decides(stage: &Stage, keeper: &Keeper) -> DecisionRecord {
    let store = store_when_there(&keeper.store_path()).await;
    let head = stage.rpc().get_block_number().await.unwrap();
    let decided = async || {
        if let Some(newest) = store.decisions(1).await.unwrap().pop()
            && newest.record.snapshot.block.number > head
        {
            return Some(newest.record);
        }
        stage.build_block().await;
        tokio::time::sleep(Duration::from_millis(1_200)).await;
        None
    };
    let record = until("a decision", decided).await;
    store.close().await;
    record
}

/// The service's decision about the newest block there is. No block is built meanwhile: with each the clock goes on, and after a gap of two samples
/// nothing is judged.
async fn looks(stage: &Stage, keeper: &Keeper) -> DecisionRecord {
    let store = store_when_there(&keeper.store_path()).await;
    let head = stage.rpc().get_block_number().await.unwrap();
    let newest = async || store.decisions(1).await.unwrap().pop().map(|newest| newest.record);
    let looked = async || newest().await.filter(|record| record.snapshot.block.number >= head);
    let record = until("a look at the newest block", looked).await;
    store.close().await;
    record
}

/// Lets one sample after the other be taken of a market in which nothing happens but interest, at uneven times, and never two samples apart, also where
/// the first is of the first block that this builds and the next of the last.
async fn nothing_happens(stage: &Stage, keeper: &Keeper, samples: u64) -> DecisionRecord {
    for sample in 0..samples - 1 {
        stage.market().pass_time(SAMPLE + 10 + sample * 17 % 30).await.unwrap();
        looks(stage, keeper).await;
    }
    stage.market().pass_time(SAMPLE + 30).await.unwrap();
    looks(stage, keeper).await
}

/// Where it was taken out of, oldest first.
async fn reductions(stage: &Stage) -> Vec<Address> {
    let event = StrategyHub::RiskReduced::SIGNATURE_HASH;
    let filter = Filter::new().address(stage.book.contracts.hub).event_signature(event).from_block(0);
    let logs = stage.rpc().get_logs(&filter).await.unwrap();
    logs.iter().map(|log| StrategyHub::RiskReduced::decode_log(&log.inner).unwrap().adapter).collect()
}

async fn held(stage: &Stage, adapter: Address) -> U256 {
    let call = StrategyHub::positionStateCall { adapter };
    stage.market().read(stage.book.contracts.hub, call).await.unwrap().value
}

fn lines(log: &Path, words: &[&str]) -> usize {
    let text = fs::read_to_string(log).unwrap();
    text.lines().filter(|line| words.iter().all(|word| line.contains(word))).count()
}

// SPEC R8, R7, ruling 16
#[tokio::test(flavor = "multi_thread")]
async fn fear_alone_moves_nothing_and_with_a_jump_of_a_venues_figures_its_position_comes_home() {
    let stage = Stage::funded().await;
    let invested = stage.cycle(&stage.keeper()).await;
    assert_eq!(invested.json()["outcome"]["state"], "final", "{invested:?}");
    let pool = stage.book.protocols.aave.pool;
    let aave = stage.book.venues.iter().find(|venue| venue.venue == pool).unwrap();
    assert!(!held(&stage, aave.adapter).await.is_zero());

    let mood = Publisher::start(Shape::FearGreed, CALM).await;
    let keeper = listening(&stage, &[&mood], "sentiment = { series = 'crypto#index' }");
    let log = stage.path("service.log");
    let service = keeper.spawn_logging_to(fs::File::create(&log).unwrap(), &["run"]);
    let record = nothing_happens(&stage, &keeper, WINDOW as u64 + 2).await;
    assert_eq!(record.snapshot.doubts, []);

    mood.says(FEAR);
    let told = ["a detector off the chain finds something", "sentiment", "the market"];
    until("the mood to be told", async || (lines(&log, &told) > 0).then_some(decides(&stage, &keeper).await)).await;
    let record = nothing_happens(&stage, &keeper, 2).await;
    assert_eq!(record.snapshot.doubts, [], "a mood alone is no reason to hold");
    assert!(reductions(&stage).await.is_empty(), "nor to sell");

    // Far more is lent out than before, and still less than would let the switch close the venue.
    let available = IAavePool::getVirtualUnderlyingBalanceCall { asset: stage.book.protocols.usdc };
    let available = u64::try_from(stage.market().read(pool, available).await.unwrap()).unwrap();
    stage.market().borrow_aave(available / 2).await.unwrap();
    stage.market().pass_time(SAMPLE + 30).await.unwrap();
    until("the jump to be seen", async || (lines(&log, &["an alarm", &aave.name]) > 0).then_some(())).await;
    let home = until("the position's way home", async || {
        stage.build_block().await;
        tokio::time::sleep(Duration::from_millis(600)).await;
        reductions(&stage).await.contains(&aave.adapter).then_some(())
    });
    stage.with_block_per_bundle(&keeper, home).await;
    assert!(held(&stage, aave.adapter).await <= U256::from(2), "all of it");
    assert!(lines(&log, &["an alarm", &aave.name]) > 0, "{}", fs::read_to_string(&log).unwrap());
    let call = keeper.store().await.calls(1).await.unwrap().remove(0);
    assert!(call.purpose.contains("take home") && call.purpose.contains("alarm: anomaly: "), "{}", call.purpose);

    // While it stands the keeper holds for it; when nothing is found about the venue any more it is over.
    let record = decides(&stage, &keeper).await;
    let alarmed = |record: &DecisionRecord| {
        record.snapshot.doubts.iter().any(|doubt| matches!(doubt, Doubt::Alarm { venue, .. } if *venue == aave.name))
    };
    assert!(alarmed(&record) && record.decision.action == Action::Hold, "{:?}", record.snapshot.doubts);
    let record = nothing_happens(&stage, &keeper, 4).await;
    assert!(!alarmed(&record), "{:?}", record.snapshot.doubts);
    assert_eq!(service.terminate("TERM").await.code, Some(0));
    assert!(lines(&log, &["an alarm is over"]) > 0);
}

// SPEC R8
#[tokio::test(flavor = "multi_thread")]
async fn a_listed_exploit_alone_is_told_and_with_a_jump_of_the_figures_it_is_an_alarm_that_stays() {
    let stage = Stage::funded().await;
    let hacks = Publisher::start(Shape::Hacks, Says::Value(0.0, 0)).await;
    let pool = stage.book.protocols.aave.pool;
    let aave = stage.book.venues.iter().find(|venue| venue.venue == pool).unwrap();
    let exploits = format!("exploits = [{{ venue = '{}', series = 'aave#lost_usd' }}]", aave.name);
    let keeper = listening(&stage, &[&hacks], &exploits);
    let log = stage.path("service.log");
    let service = keeper.spawn_logging_to(fs::File::create(&log).unwrap(), &["run"]);
    nothing_happens(&stage, &keeper, WINDOW as u64 + 2).await;
    assert_eq!(lines(&log, &["a detector off the chain finds something", "exploit"]), 0);
    assert_eq!(lines(&log, &["detectors off the chain know no past and warm up"]), 1);

    // SPEC R7: what comes after a restart is judged by what the history has of the time before.
    assert_eq!(service.terminate("TERM").await.code, Some(0));
    let log = stage.path("restarted.log");
    let service = keeper.spawn_logging_to(fs::File::create(&log).unwrap(), &["run"]);
    until("the past", async || (lines(&log, &["the changes that the history remembers"]) > 0).then_some(())).await;

    hacks.says(Says::Value(3e6, 0));
    let told = ["a detector off the chain finds something", "exploit", "3000000 USD"];
    until("the exploit to be told", async || (lines(&log, &told) > 0).then_some(decides(&stage, &keeper).await)).await;
    // Two samples, since the time until it was told may have been a gap.
    let record = nothing_happens(&stage, &keeper, 2).await;
    assert_eq!(record.snapshot.doubts, [], "a list alone is no reason to hold");

    stage.market().borrow_aave(10_000_000_000_000).await.unwrap();
    stage.market().pass_time(SAMPLE + 30).await.unwrap();
    let alarmed = |record: &DecisionRecord| {
        record.snapshot.doubts.iter().any(|doubt| matches!(doubt, Doubt::Alarm { venue, .. } if *venue == aave.name))
    };
    assert!(alarmed(&looks(&stage, &keeper).await));
    // The figures are calm again, and the exploit is still listed.
    assert!(alarmed(&nothing_happens(&stage, &keeper, 4).await));
    assert_eq!(service.terminate("TERM").await.code, Some(0));
}
