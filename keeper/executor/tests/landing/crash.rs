//! A process that ends after a step, and the next one that finds what it left.
//!
//! The executor is dropped where it halts, as a killed process would be: nothing after that step ran, and nothing was cleaned up.

use crate::setup::{BLOCK_TIME, World, as_given};
use alloy::providers::Provider;
use ballast_executor::{ExecuteError, ExecutorConfig, State};
use ballast_store::Subject;
use std::time::Duration;

const STEPS: [State; 9] = [
    State::Proposed,
    State::Gated,
    State::Presimulated,
    State::Attested,
    State::Simulated,
    State::Signed,
    State::Submitted,
    State::Included,
    State::Final,
];

// SPEC X8
#[tokio::test(flavor = "multi_thread")]
async fn ended_after_any_step_a_decision_lands_once_and_no_record_is_lost() {
    let world = World::start("crash").await;
    for (index, step) in STEPS.into_iter().enumerate() {
        let nonce = world.keeper_nonce().await;
        let shares = if index % 2 == 0 { [4_000, 5_000] } else { [3_000, 4_000] };
        let record = world.record(shares).await;
        let subject = Subject::Decision(record.hash().unwrap());

        let (executor, store) = world.executor(ExecutorConfig { halt_after: Some(step), ..world.config() }).await;
        let halted = async {
            while store.attempts(subject).await.unwrap().last().is_none_or(|attempt| attempt.state != step) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            tokio::time::sleep(3 * BLOCK_TIME).await;
        };
        tokio::select! {
            ended = executor.execute(&record, &as_given) => panic!("{step}: {ended:?}"),
            () = halted => {}
        }
        assert_eq!(store.attempts(subject).await.unwrap().last().unwrap().state, step);
        drop(executor);
        std::sync::Arc::into_inner(store).unwrap().close().await;

        let (executor, store) = world.executor(world.config()).await;
        let resumed = executor.resume().await.unwrap();
        let expected = match step {
            State::Final => None,
            State::Included => Some(State::Final),
            _ => Some(State::Expired),
        };
        assert_eq!(resumed.first().map(|outcome| outcome.state), expected, "{step}: {resumed:?}");
        assert!(store.open_attempts().await.unwrap().is_empty());
        let outcome = executor.execute(&record, &as_given).await.unwrap();
        assert_eq!(outcome.state, State::Final, "{step}: {outcome:?}");
        assert_eq!(world.keeper_nonce().await, nonce + 1, "{step}: one inclusion");
        let landed =
            store.attempts(subject).await.unwrap().iter().filter(|attempt| attempt.state.is_on_chain()).count();
        assert_eq!(landed, 1, "{step}");
        assert!(resumed.iter().chain([&outcome]).all(|outcome| outcome.subject == subject));
        drop(executor);
        std::sync::Arc::into_inner(store).unwrap().close().await;

        // The hub's cooldown, and the rule of four.
        let market = ballast_devnet::market::Market::new(&world.devnet, &world.book).unwrap();
        market.pass_time(6 * 3_600).await.unwrap();
        // Without the service nobody sends heartbeats, and the settled sizes would grow stale.
        for _ in 0..2 {
            market.observe_venues().await.unwrap();
        }
    }
    world.devnet.shutdown().await.unwrap();
}

// SPEC X8: the bundle was handed over, and the process ended before it saw what became of it.
#[tokio::test(flavor = "multi_thread")]
async fn a_bundle_that_landed_while_nobody_looked_is_found() {
    let world = World::start("unseen").await;
    let record = world.record([4_000, 5_000]).await;
    let (executor, store) = world.executor(world.config()).await;
    world.devnet.builder().stop_interval().await;
    let subject = Subject::Decision(record.hash().unwrap());
    {
        let handed_over = async {
            while store.attempts(subject).await.unwrap().first().is_none_or(|one| one.facts.bundle_hash.is_none()) {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        tokio::select! {
            ended = executor.execute(&record, &as_given) => panic!("{ended:?}"),
            () = handed_over => {}
        }
    }
    drop(executor);
    std::sync::Arc::into_inner(store).unwrap().close().await;

    // Nobody runs; the block comes.
    world.devnet.builder().build_block().await.unwrap();
    assert_eq!(world.keeper_nonce().await, 1);

    let (executor, _store) = world.executor(world.config()).await;
    let resumed = executor.resume().await.unwrap();
    assert_eq!((resumed.len(), resumed[0].state), (1, State::Final), "{resumed:?}");
    assert!(resumed[0].landing.as_ref().unwrap().reconciliation.as_ref().unwrap().is_equal());
    assert_eq!(executor.execute(&record, &as_given).await.unwrap(), resumed[0]);
    assert_eq!(world.keeper_nonce().await, 1);
    world.devnet.shutdown().await.unwrap();
}

// SPEC X8
#[tokio::test(flavor = "multi_thread")]
async fn a_chain_that_stands_still_leaves_the_attempt_submitted() {
    let world = World::start("stalled").await;
    let record = world.record([4_000, 5_000]).await;
    let config = ExecutorConfig { inclusion_timeout: Duration::from_millis(500), ..world.config() };
    let (executor, store) = world.executor(config).await;
    world.devnet.builder().stop_interval().await;
    let stalled = executor.execute(&record, &as_given).await;
    assert!(matches!(stalled, Err(ExecuteError::HeadStalled { state: State::Submitted, .. })), "{stalled:?}");
    assert_eq!(store.open_attempts().await.unwrap()[0].state, State::Submitted);
    // Asked again, it still does not send a second one.
    assert!(matches!(executor.execute(&record, &as_given).await, Err(ExecuteError::HeadStalled { .. })));

    let head = world.provider().get_block_number().await.unwrap();
    world.devnet.builder().build_block().await.unwrap();
    let outcome = executor.execute(&record, &as_given).await.unwrap();
    assert_eq!((outcome.state, outcome.attempts), (State::Final, 1));
    assert_eq!(outcome.landing.unwrap().block_number, head + 1);
    assert_eq!(world.keeper_nonce().await, 1);
    world.devnet.shutdown().await.unwrap();
}
