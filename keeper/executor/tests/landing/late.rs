//! A signed transaction stays valid until its nonce is used: the record follows the chain, whatever was thought of it before.

use crate::setup::{World, as_given};
use alloy::{
    consensus::{SignableTransaction, TxEip1559},
    eips::eip2718::Encodable2718,
    primitives::{Bytes, TxKind, U256, keccak256},
    providers::Provider,
    signers::{SignerSync, local::PrivateKeySigner},
};
use ballast_devnet::{RelayFault, market::Market};
use ballast_executor::{Executor, ExecutorConfig, Outcome, State};
use ballast_store::{Store, Subject};
use ballast_types::DecisionRecord;
use std::time::Duration;

/// Executes a decision that the relay keeps back, until it is given up, and returns its signed bytes.
async fn given_up(world: &World, executor: &Executor, store: &Store, record: &DecisionRecord) -> Bytes {
    world.devnet.relay_faults().set(RelayFault::NeverInclude);
    let outcome = executor.execute(record, &as_given).await.unwrap();
    assert_eq!((outcome.state, outcome.attempts), (State::Rejected, 1), "{outcome:?}");
    let attempts = store.attempts(Subject::Decision(record.hash().unwrap())).await.unwrap();
    attempts[0].facts.raw_tx.clone().unwrap()
}

/// Someone who saw the bytes sends them to the public pool.
async fn leak(world: &World, raw: &Bytes) {
    let nonce = world.keeper_nonce().await;
    drop(world.provider().send_raw_transaction(raw).await.unwrap());
    while world.keeper_nonce().await == nonce {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn only(outcomes: Vec<Outcome>) -> Outcome {
    assert_eq!(outcomes.len(), 1, "{outcomes:?}");
    outcomes.into_iter().next().unwrap()
}

// SPEC X8
#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_was_given_up_and_lands_after_all_is_found() {
    let world = World::start("late").await;
    let (executor, store) = world.executor(ExecutorConfig { max_attempts: 1, ..world.config() }).await;
    let record = world.record([4_000, 5_000]).await;
    let raw = given_up(&world, &executor, &store, &record).await;
    assert_eq!(executor.resume().await.unwrap(), []);

    leak(&world, &raw).await;
    let found = only(executor.resume().await.unwrap());
    assert_eq!(found.state, State::Final);
    // It ran in another block than it was simulated for, and the record says so.
    let reconciliation = found.landing.as_ref().unwrap().reconciliation.as_ref().unwrap();
    assert!(reconciliation.rebalance.as_ref().unwrap().decision_hash_equal);
    assert_eq!(executor.execute(&record, &as_given).await.unwrap(), found);
    assert_eq!(executor.resume().await.unwrap(), []);
    assert_eq!(world.keeper_nonce().await, 1);
    world.devnet.shutdown().await.unwrap();
}

// SPEC X8
#[tokio::test(flavor = "multi_thread")]
async fn a_transaction_that_lands_when_its_proof_has_expired_is_recorded_as_reverted() {
    let world = World::start("reverted").await;
    let config = ExecutorConfig { max_attempts: 1, proof_validity: 120, ..world.config() };
    let (executor, store) = world.executor(config).await;
    let record = world.record([4_000, 5_000]).await;
    let raw = given_up(&world, &executor, &store, &record).await;
    Market::new(&world.devnet, &world.book).unwrap().pass_time(3_600).await.unwrap();
    leak(&world, &raw).await;
    let found = only(executor.resume().await.unwrap());
    assert_eq!(found.state, State::Reverted);
    assert!(found.reason.as_ref().unwrap().contains("reverted in block"));
    assert!(found.landing.is_some() && !found.succeeded());
    assert_eq!(executor.execute(&record, &as_given).await.unwrap(), found);
    world.devnet.shutdown().await.unwrap();
}

// SPEC X8
#[tokio::test(flavor = "multi_thread")]
async fn a_nonce_that_someone_else_used_ends_the_attempt_as_replaced() {
    let world = World::start("replaced").await;
    let (executor, store) = world.executor(world.config()).await;
    let record = world.record([4_000, 5_000]).await;
    world.devnet.relay_faults().set(RelayFault::NeverInclude);
    let transaction = TxEip1559 {
        chain_id: world.book.chain_id,
        nonce: 0,
        gas_limit: 21_000,
        max_fee_per_gas: 100_000_000_000,
        max_priority_fee_per_gas: 1_000_000_000,
        to: TxKind::Call(world.book.attestor),
        value: U256::from(1),
        ..TxEip1559::default()
    };
    // The devnet's KMS keys are made from their names.
    let key = PrivateKeySigner::from_bytes(&keccak256("devnet alias/ballast-keeper")).unwrap();
    assert_eq!(key.address(), world.book.keeper);
    let signature = key.sign_hash_sync(&transaction.signature_hash()).unwrap();
    let rival = Bytes::from(transaction.into_signed(signature).encoded_2718());
    let interfere = async {
        while store.open_attempts().await.unwrap().first().is_none_or(|attempt| attempt.state != State::Submitted) {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        drop(world.provider().send_raw_transaction(&rival).await.unwrap());
    };
    world.devnet.builder().stop_interval().await;
    let build = async {
        interfere.await;
        world.devnet.builder().build_block().await.unwrap();
    };
    let (outcome, ()) = tokio::join!(executor.execute(&record, &as_given), build);
    let outcome = outcome.unwrap();
    assert_eq!((outcome.state, &outcome.landing), (State::Replaced, &None), "{outcome:?}");
    assert!(outcome.reason.unwrap().contains("nonce was used"));
    world.devnet.shutdown().await.unwrap();
}

// SPEC X8
#[tokio::test(flavor = "multi_thread")]
async fn an_inclusion_that_is_reorganised_away_is_made_good_by_another_attempt() {
    let world = World::start("reorganised").await;
    let (executor, store) = world.executor(ExecutorConfig { confirmations: 3, ..world.config() }).await;
    let record = world.record([4_000, 5_000]).await;
    let subject = Subject::Decision(record.hash().unwrap());
    let reorganise = async {
        while store.open_attempts().await.unwrap().first().is_none_or(|attempt| attempt.state != State::Included) {
            let newest = store.attempts(subject).await.unwrap().pop();
            assert!(
                newest.is_none_or(|newest| newest.state != State::Rejected),
                "it was given up before it was included"
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        let head = world.provider().get_block_number().await.unwrap();
        let included = store.open_attempts().await.unwrap()[0].facts.included_block.unwrap();
        let depth = head - included + 1;
        let options = serde_json::json!([depth, []]);
        world.provider().raw_request::<_, serde_json::Value>("anvil_reorg".into(), options).await.unwrap();
    };
    let (outcome, ()) = tokio::join!(executor.execute(&record, &as_given), reorganise);
    let outcome = outcome.unwrap();
    assert_eq!((outcome.state, outcome.attempts), (State::Final, 2), "{outcome:?}");
    let attempts = store.attempts(subject).await.unwrap();
    assert_eq!(attempts[0].state, State::Expired);
    let steps: Vec<State> = store.transitions(attempts[0].id).await.unwrap().iter().map(|step| step.to).collect();
    assert!(steps.ends_with(&[State::Submitted, State::Included, State::Submitted, State::Expired]), "{steps:?}");
    assert_eq!(world.keeper_nonce().await, 1);
    world.devnet.shutdown().await.unwrap();
}
