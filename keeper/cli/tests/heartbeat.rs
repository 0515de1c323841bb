//! The keeper keeps the settled sizes of the venues fresh, and its own sign of life.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use alloy::{
    primitives::{Address, U256},
    providers::Provider,
    rpc::types::Filter,
    sol_types::SolEvent,
};

use ballast_chain::bindings::{KillSwitchManager, StrategyHub};
use std::collections::BTreeSet;
use support::{HOUR, Keeper, Stage};

async fn run_cycle(stage: &Stage, keeper: &Keeper) {
    let cycle = stage.cycle(keeper).await;
    assert_eq!(cycle.code, Some(0), "{cycle:?}");
}

/// Blocks in which the hub announced a heartbeat.
async fn heartbeats(stage: &Stage) -> Vec<u64> {
    let filter =
        Filter::new().address(stage.book.contracts.hub).event_signature(StrategyHub::Heartbeat::SIGNATURE_HASH);
    let logs = stage.rpc().get_logs(&filter.from_block(0)).await.unwrap();
    logs.iter().map(|log| log.block_number.unwrap()).collect()
}

async fn newest_checkpoint(stage: &Stage, adapter: Address) -> u64 {
    let switch = KillSwitchManager::new(stage.book.contracts.kill_switch, stage.rpc());
    let status = switch.venueStatus(adapter).call().await.unwrap();
    status.checkpoints.iter().map(|checkpoint| checkpoint.time.to::<u64>()).max().unwrap()
}

// SPEC C5, C7
#[tokio::test(flavor = "multi_thread")]
async fn settled_sizes_are_renewed_by_two_heartbeats_in_two_blocks_and_no_sooner() {
    let stage = Stage::funded().await;
    let keeper = stage.keeper();
    let before: Vec<u64> = newest_checkpoints(&stage).await;
    run_cycle(&stage, &keeper).await;
    assert_eq!(heartbeats(&stage).await, [0; 0], "the deployment's observation is fresh");

    stage.market().pass_time(7 * HOUR).await.unwrap();
    run_cycle(&stage, &keeper).await;
    let sent = heartbeats(&stage).await;
    assert_eq!(sent.len(), 2);
    assert_eq!(sent.iter().collect::<BTreeSet<_>>().len(), 2, "in two blocks: {sent:?}");
    for (before, after) in before.iter().zip(newest_checkpoints(&stage).await) {
        assert!(after >= before + 7 * HOUR, "{before} {after}");
    }
    run_cycle(&stage, &keeper).await;
    assert_eq!(heartbeats(&stage).await.len(), 2, "nothing is due");
}

// SPEC C5
#[tokio::test(flavor = "multi_thread")]
async fn after_days_of_rest_the_sizes_are_settled_again_before_the_first_decision() {
    let stage = Stage::funded().await;
    let keeper = stage.keeper();
    stage.market().pass_time(72 * HOUR).await.unwrap();
    let switch = KillSwitchManager::new(stage.book.contracts.kill_switch, stage.rpc());
    for venue in &stage.book.venues {
        assert_eq!(switch.settledSize(venue.adapter).call().await.unwrap(), U256::ZERO, "{} is stale", venue.name);
    }
    let cycle = stage.cycle(&keeper).await;
    assert_eq!(cycle.json()["outcome"]["state"], "final", "{cycle:?}");
    assert_eq!(heartbeats(&stage).await.len(), 2);
    let hub = StrategyHub::new(stage.book.contracts.hub, stage.rpc());
    let seen = hub.lastSeen().call().await.unwrap();
    assert_eq!(seen.grace, U256::from(7 * 24 * HOUR));
    assert_eq!(seen.time, hub.recentRebalances().call().await.unwrap()[0], "a rebalance is a sign of life, too");
}

// SPEC C5; the 0.5 % a year that gas may cost (ruling 5)
#[tokio::test(flavor = "multi_thread")]
async fn what_the_budget_does_not_pay_for_is_observed_only_for_a_move() {
    let stage = Stage::funded().await;
    let keeper = stage.keeper().set("heartbeat.budget", 0);
    stage.market().pass_time(7 * HOUR).await.unwrap();
    let first = stage.cycle(&keeper).await;
    assert_eq!(first.json()["outcome"]["state"], "final", "{first:?}");
    assert_eq!(heartbeats(&stage).await, [0; 0], "the deployment's observation still counts");

    stage.market().pass_time(60 * HOUR).await.unwrap();
    let rest = stage.cycle(&keeper).await;
    assert!(rest.json()["outcome"].is_null(), "{rest:?}");
    assert_eq!(heartbeats(&stage).await, [0; 0], "there is nothing to move, so nothing to observe for");

    stage.market().repay_aave(25 * 1_000_000_000_000).await.unwrap();
    stage.market().borrow_morpho(3 * 1_000_000_000_000).await.unwrap();
    let moved = stage.cycle(&keeper).await;
    assert_eq!(moved.json()["outcome"]["state"], "final", "{moved:?}");
    assert_eq!(heartbeats(&stage).await.len(), 2, "a move that pays lacked only the sizes");
}

// SPEC C5: past the grace period anyone may close the vault's deposits, so that a sign of life is given even then.
#[tokio::test(flavor = "multi_thread")]
async fn while_nothing_is_invested_and_nothing_may_be_only_a_late_sign_of_life_is_paid_for() {
    let stage = Stage::funded().await;
    // Every venue scores as much as gets nothing new.
    let all = 0..stage.book.venues.len();
    let waiting = all.fold(stage.keeper(), |keeper, venue| keeper.set(&format!("venues.{venue}.risk_score"), 70));
    let mut rested = 0;
    let mut rest_until = async |hours: u64| {
        stage.market().pass_time((hours - rested) * HOUR).await.unwrap();
        rested = hours;
        run_cycle(&stage, &waiting).await;
        heartbeats(&stage).await.len()
    };
    assert_eq!(rest_until(7).await, 0, "no size is to be observed");
    assert_eq!(rest_until(4 * 24).await, 0, "half of the grace period has passed, and nothing is at stake");
    assert_eq!(rest_until(5 * 24 + 7).await, 1, "three quarters have");
    assert_eq!(rest_until(5 * 24 + 14).await, 1);

    let moved = stage.cycle(&stage.keeper().with_store("ready.sqlite")).await;
    assert_eq!(moved.json()["outcome"]["state"], "final", "the sizes are there when they are wanted: {moved:?}");
    let before = heartbeats(&stage).await.len();
    stage.market().pass_time(4 * 24 * HOUR).await.unwrap();
    let poor = waiting.with_store("invested.sqlite").set("heartbeat.budget", 0);
    run_cycle(&stage, &poor).await;
    assert_eq!(heartbeats(&stage).await.len(), before + 1, "with money in a venue, after half of it");
}

async fn newest_checkpoints(stage: &Stage) -> Vec<u64> {
    let mut times = Vec::new();
    for venue in &stage.book.venues {
        times.push(newest_checkpoint(stage, venue.adapter).await);
    }
    times
}
