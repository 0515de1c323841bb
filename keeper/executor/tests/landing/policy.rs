//! The attestor's policy and counts, and what is on record about a confirmed simulation, on a real chain.

use crate::setup::{World, as_given};
use alloy::{
    eips::BlockId,
    primitives::{B256, U256, keccak256},
    providers::Provider,
    sol_types::SolValue,
};
use ballast_chain::bindings::StrategyHub;
use ballast_executor::{
    APPROVAL_VALIDITY, AttestorPolicy, ExecutorConfig, State, approval_digest,
    ledger::{Entry, Ledger},
};
use ballast_store::Subject;
use ballast_types::Bps;
use serde_json::json;

const STRICT: AttestorPolicy = AttestorPolicy {
    max_fee_per_gas: 100_000_000_000,
    max_fee: u128::MAX,
    daily_moves: 1,
    move_turnover: Bps(8_999),
    move_notional: None,
    daily_turnover: Bps(20_000),
    daily_notional: None,
    gas_budget: Bps(50),
    max_skew: None,
};

// SPEC X5
#[tokio::test(flavor = "multi_thread")]
async fn a_move_beyond_the_policy_is_left_to_the_safe_and_nothing_is_sent() {
    let world = World::start("policy").await;
    let (executor, _store) = world.executor_with(world.config(), STRICT, world.second_opinion().await).await;
    let nonce = world.keeper_nonce().await;
    let outcome = executor.execute(&world.record([4_000, 5_000]).await, &as_given).await.unwrap();
    assert_eq!((outcome.state, world.keeper_nonce().await), (State::Rejected, nonce));
    let reason = outcome.reason.unwrap();
    assert!(reason.contains("needs the Safe's approval") && reason.contains("it turns over"), "{reason}");
    assert_eq!(std::fs::metadata(world.ledger_path()).unwrap().len(), 0);
    executor.check_keys().await.unwrap();
    world.devnet.shutdown().await.unwrap();
}

/// The Safe approves a digest now: what `StrategyHub.approve` writes, since there are no owners here.
async fn approve(world: &World, digest: B256) {
    /// `StrategyHub.approvedAt` (`forge inspect StrategyHub storage-layout`); that it is, is checked below.
    const APPROVED_AT: U256 = U256::from_limbs([7, 0, 0, 0]);
    let (hub, rpc) = (world.book.contracts.hub, world.provider());
    let now = rpc.get_block(BlockId::latest()).await.unwrap().unwrap().header.timestamp;
    let slot = U256::from_be_bytes(keccak256((digest, APPROVED_AT).abi_encode()).0);
    let write = json!([hub, format!("{slot:#066x}"), B256::from(U256::from(now))]);
    let _: bool = rpc.raw_request("anvil_setStorageAt".into(), write).await.unwrap();
    let contract = StrategyHub::new(hub, rpc);
    assert_eq!(contract.approvedAt(digest).call().await.unwrap(), U256::from(now));
    assert_eq!(contract.APPROVAL_VALIDITY().call().await.unwrap(), U256::from(APPROVAL_VALIDITY));
}

// SPEC X5 X15
#[tokio::test(flavor = "multi_thread")]
async fn a_move_beyond_the_policy_waits_for_the_safe_where_it_is_asked_and_lands_only_with_its_approval() {
    let world = World::start("asked").await;
    let config = ExecutorConfig { asks_safe: true, ..world.config() };
    let (executor, store) = world.executor_with(config, STRICT, world.second_opinion().await).await;
    let record = world.record([4_000, 5_000]).await;
    let outcome = executor.execute(&record, &as_given).await.unwrap();
    assert_eq!((outcome.state, outcome.waits()), (State::AwaitingSafe, true), "{outcome:?}");
    assert!(outcome.reason.unwrap().contains("beyond the attestor's policy: it turns over"));
    assert_eq!(std::fs::metadata(world.ledger_path()).unwrap().len(), 0);

    // Whoever says that it is approved is not believed; the hub itself would not have asked.
    let nonce = world.keeper_nonce().await;
    let refused = executor.execute_approved(&record, &record, &as_given).await.unwrap();
    assert_eq!((refused.state, world.keeper_nonce().await), (State::Expired, nonce), "{refused:?}");
    assert!(refused.reason.unwrap().contains("the Safe's approval is of 0"));

    let waiting = executor.waiting().await.unwrap().unwrap();
    assert_eq!(waiting.digest, approval_digest(&record, record.hash().unwrap()));
    approve(&world, waiting.digest).await;
    let landed = executor.execute_approved(&record, &record, &as_given).await.unwrap();
    assert_eq!(landed.state, State::Final, "{landed:?}");
    assert_eq!(executor.waiting().await.unwrap(), None);
    drop((executor, store));
    assert!(
        Ledger::open(&world.ledger_path()).unwrap().books().gas_after(None, 99) > 0,
        "it is counted like any other"
    );
    world.devnet.shutdown().await.unwrap();
}

// SPEC X3 X4 X5
#[tokio::test(flavor = "multi_thread")]
async fn a_landing_is_confirmed_on_record_and_its_gas_is_counted_by_the_receipt() {
    let world = World::start("counted").await;
    let lenient = AttestorPolicy { daily_moves: 4, move_turnover: Bps(20_000), ..STRICT };
    let (executor, store) = world.executor_with(world.config(), lenient, world.second_opinion().await).await;
    let record = world.record([4_000, 5_000]).await;
    let hash = record.hash().unwrap();
    let outcome = executor.execute(&record, &as_given).await.unwrap();
    assert_eq!(outcome.state, State::Final, "{outcome:?}");

    let attempt = store.attempts(Subject::Decision(hash)).await.unwrap().pop().unwrap();
    let steps = store.transitions(attempt.id).await.unwrap();
    let simulated = &steps.iter().find(|step| step.to == State::Simulated).unwrap().detail;
    assert_eq!(simulated["confirmed"]["quorum"]["agreed"], 1, "{simulated}");
    assert_eq!(simulated["confirmed"]["second_opinion"], world.devnet.rpc_url());
    let access = &simulated["access_list"];
    assert!(access["attached"].as_bool().unwrap(), "{access}");
    assert!(access["gas_with"].as_u64() < access["gas_without"].as_u64(), "{access}");

    let tx_hash = outcome.landing.unwrap().tx_hash;
    drop((executor, store));
    let ledger = Ledger::open(&world.ledger_path()).unwrap();
    let lines = std::fs::read_to_string(world.ledger_path()).unwrap();
    let entries: Vec<Entry> = lines
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["entry"].clone())
        .map(|entry| serde_json::from_value(entry).unwrap())
        .collect();
    // As many attempts as it took, under one nonce; then the receipt.
    let (receipt, attested) = entries.split_last().unwrap();
    let Entry::Spent { tx, decision: settled, gas_cost, .. } = *receipt else { panic!("{entries:?}") };
    assert_eq!((settled, tx), (Some(hash), tx_hash));
    assert!(!attested.is_empty() && gas_cost > 0, "{entries:?}");
    for entry in attested {
        let Entry::Attested { decision, gas_cost: set_aside, .. } = *entry else { panic!("{entries:?}") };
        assert!(decision == hash && gas_cost < set_aside, "{gas_cost} of {set_aside}");
    }
    assert_eq!(ledger.books().gas_after(None, 99), u128::from(gas_cost));
    world.devnet.shutdown().await.unwrap();
}
