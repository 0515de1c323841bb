//! How soon a decision is on the chain, and that none is lost, while the relay and the KMS fail now and then.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use alloy::{eips::BlockNumberOrTag, providers::Provider};
use ballast_devnet::{KmsFault, RelayFault};
use ballast_store::{State, Subject};
use std::time::Duration;
use support::{HOUR, Stage, newest_attempt, store_at, until};

const MILLION: u64 = 1_000_000_000_000;
/// Moves that are made, one without and one with each fault.
const MOVES: usize = 4;
/// SPEC X14, seconds of chain time from the block of the snapshot to the block of the landing.
const SLO: u64 = 5 * 60;

/// What is wrong with the relay until a move's first attempt has ended.
fn fault(number: usize) -> Option<RelayFault> {
    match number % 4 {
        0 => None,
        1 => Some(RelayFault::Down),
        2 => Some(RelayFault::Refuse("not now".into())),
        _ => Some(RelayFault::NeverInclude),
    }
}

// SPEC X14
#[tokio::test(flavor = "multi_thread")]
async fn every_decision_lands_within_five_minutes_although_its_first_attempt_may_fail() {
    let stage = Stage::funded().await;
    let keeper = stage.keeper();
    let (market, relay) = (stage.market(), stage.devnet.relay_faults());
    let mut seconds = Vec::new();
    for number in 0..MOVES {
        let broken = fault(number);
        let fails = broken.is_some();
        if fails {
            // Long enough to break the relay between the decision and its bundle: what heartbeats come before it are none of it.
            stage.devnet.kms().set_fault(KmsFault::Slow(Duration::from_millis(500)));
        }
        let cycle = keeper.run(&["run", "--once", "--json"]);
        // The first attempt gets its block whether or not the relay took it; from then on all is well.
        let blocks = async {
            if let Some(fault) = broken {
                let store = store_at(&keeper.location()).await;
                let known = newest_attempt(&store).await.map(|attempt| attempt.id);
                let begun = async || newest_attempt(&store).await.filter(|attempt| Some(attempt.id) != known);
                let first = until("a first attempt", begun).await;
                relay.set(fault);
                let state = async || store.attempt(first.id).await.unwrap().state;
                until("its submission", async || (state().await == State::Submitted).then_some(())).await;
                while state().await != State::Expired {
                    stage.build_block().await;
                    tokio::time::sleep(Duration::from_millis(500)).await;
                }
                relay.clear();
            }
            std::future::pending::<()>().await;
        };
        let finished = tokio::select! {
            finished = stage.with_block_per_bundle(&keeper, cycle) => finished,
            () = blocks => unreachable!(),
        };
        stage.devnet.kms().clear_fault();
        let answer = finished.json();
        assert_eq!(answer["outcome"]["state"], "final", "move {number}: {}", finished.stderr);
        let decided = answer["record"]["snapshot"]["block"]["timestamp"].as_u64().unwrap();
        let block = answer["outcome"]["landing"]["block_number"].as_u64().unwrap();
        let block = stage.rpc().get_block_by_number(BlockNumberOrTag::Number(block)).await.unwrap().unwrap();
        seconds.push(block.header.timestamp - decided);
        let attempts = answer["outcome"]["attempts"].as_u64().unwrap();
        assert_eq!(attempts > 1, fails, "move {number} took {attempts} attempts");

        market.pass_time(7 * HOUR).await.unwrap();
        if number % 2 == 0 {
            market.repay_aave(25 * MILLION).await.unwrap();
            market.borrow_morpho(3 * MILLION).await.unwrap();
        } else {
            market.borrow_aave(25 * MILLION).await.unwrap();
            market.repay_morpho(3 * MILLION).await.unwrap();
        }
    }
    seconds.sort_unstable();
    assert!(seconds[MOVES - 1] < SLO, "{seconds:?}");
    assert_eq!(stage.assert_consistent(&keeper).await, MOVES, "none was lost, none was made twice");
    let store = keeper.store().await;
    for decision in store.decisions(100).await.unwrap() {
        let attempts = store.attempts(Subject::Decision(decision.hash)).await.unwrap();
        let failed = attempts.last().is_some_and(|last| last.state != State::Final);
        assert!(!failed, "given up: {attempts:?}");
    }
    eprintln!("from snapshot to landing, seconds of chain time: {seconds:?}");
}
