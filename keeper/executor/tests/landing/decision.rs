//! One executor, undisturbed by crashes.

use crate::setup::{World, as_given, route};
use alloy::{
    primitives::{Address, Bytes, U256},
    sol_types::SolCall,
};
use ballast_chain::bindings::StrategyHub;
use ballast_devnet::{RelayFault, accounts::Role, market::Market};
use ballast_executor::{ExecuteError, ExecutorConfig, Offer, State};
use ballast_store::Subject;
use ballast_types::{Action, Assets, DecisionRecord};

// SPEC X1 X3 X7 X10
#[tokio::test(flavor = "multi_thread")]
async fn a_decision_lands_once_and_exactly_as_simulated() {
    let world = World::start("lands").await;
    let (executor, store) = world.executor(world.config()).await;
    let record = world.record([4_000, 5_000]).await;
    let outcome = executor.execute(&record, &as_given).await.unwrap();
    assert_eq!(outcome.state, State::Final, "{outcome:?}");
    let landing = outcome.landing.clone().unwrap();
    let reconciliation = landing.reconciliation.clone().unwrap();
    assert!(reconciliation.is_equal(), "{reconciliation:?}");
    assert_eq!(reconciliation.gas_simulated, reconciliation.gas_used);
    let move_ = reconciliation.rebalance.unwrap();
    assert!(move_.balances_equal && move_.legs.iter().all(|leg| leg.after.0 > leg.before.0), "{move_:?}");
    assert!(landing.bundle_hash.is_some());
    assert_eq!(
        route(&store, landing.tx_hash, &record).await,
        [
            State::Proposed,
            State::Gated,
            State::Presimulated,
            State::Attested,
            State::Simulated,
            State::Signed,
            State::Submitted,
            State::Included,
            State::Final
        ]
    );
    assert_eq!(store.decision_by_tx(landing.tx_hash).await.unwrap().unwrap().record, record);

    // SPEC X8: the same decision again changes nothing.
    let nonce = world.keeper_nonce().await;
    assert_eq!(executor.execute(&record, &as_given).await.unwrap(), outcome);
    assert_eq!(world.keeper_nonce().await, nonce);

    // SPEC C4: another one at once meets the hub's cooldown in the simulation and is never sent.
    let early = executor.execute(&world.record([2_000, 2_000]).await, &as_given).await.unwrap();
    assert_eq!((early.state, early.landing), (State::Rejected, None));
    assert!(early.reason.unwrap().contains("CooldownActive"));
    assert_eq!(world.keeper_nonce().await, nonce);
    world.devnet.shutdown().await.unwrap();
}

// SPEC X3 X8
#[tokio::test(flavor = "multi_thread")]
async fn what_should_not_be_signed_is_rejected_with_its_reason() {
    let world = World::start("rejected").await;
    let (executor, _store) = world.executor(world.config()).await;
    let good = world.record([4_000, 5_000]).await;

    let mut wrong = good.clone();
    let Action::Rebalance { targets } = &mut wrong.decision.action else { panic!() };
    targets[0].to = Assets(targets[0].to.0 / 2);
    expect_rejection(&executor, &wrong, "position in").await;

    let mut nonce = good.clone();
    nonce.snapshot.hub.nonce = 7;
    expect_rejection(&executor, &nonce, "WrongNonce").await;

    let mut elsewhere = good.clone();
    elsewhere.snapshot.vault.address = Address::ZERO;
    expect_rejection(&executor, &elsewhere, "vault").await;

    let mut forked = good.clone();
    forked.snapshot.block.hash = good.snapshot.eth_usd.aggregator.into_word();
    expect_rejection(&executor, &forked, "reorganised away").await;

    let mut refused = good.clone();
    refused.decision.gates[0].passed = false;
    expect_rejection(&executor, &refused, "gate").await;

    let mut hold = good.clone();
    hold.decision.action = Action::Hold;
    assert!(matches!(executor.execute(&hold, &as_given).await, Err(ExecuteError::Hold)));

    let underived = |_: &DecisionRecord, _: Option<&DecisionRecord>| Err("another allocation".to_owned());
    let outcome = executor.execute(&good, &underived).await.unwrap();
    assert_eq!(outcome.state, State::Rejected);
    assert!(outcome.reason.unwrap().contains("another allocation"));
    assert_eq!(world.keeper_nonce().await, 0);
    world.devnet.shutdown().await.unwrap();
}

async fn expect_rejection(executor: &ballast_executor::Executor, record: &DecisionRecord, reason: &str) {
    let outcome = executor.execute(record, &as_given).await.unwrap();
    assert_eq!((outcome.state, &outcome.landing), (State::Rejected, &None), "{outcome:?}");
    let said = outcome.reason.unwrap();
    assert!(said.contains(reason), "{reason} in {said}");
}

// SPEC X3: NAV moved between observation and execution.
#[tokio::test(flavor = "multi_thread")]
async fn a_deposit_after_the_snapshot_makes_it_a_hold() {
    let world = World::start("moved").await;
    let (executor, _store) = world.executor(world.config()).await;
    let record = world.record([4_000, 5_000]).await;
    let market = Market::new(&world.devnet, &world.book).unwrap();
    market.mint_usdc(Role::Depositor(1).address().unwrap(), 1_000_000_000).await.unwrap();
    market.deposit(Role::Depositor(1), 1_000_000_000).await.unwrap();
    expect_rejection(&executor, &record, "NAV before: expected 50000").await;
    world.devnet.shutdown().await.unwrap();
}

// SPEC X7 X8
#[tokio::test(flavor = "multi_thread")]
async fn a_relay_that_fails_uses_up_the_attempts_and_never_the_nonce() {
    let world = World::start("relay").await;
    let config = ExecutorConfig { max_attempts: 2, ..world.config() };
    let (executor, store) = world.executor(config).await;
    for (fault, reason, share) in [
        (RelayFault::Down, "is down", 4_100),
        (RelayFault::Refuse("not today".to_owned()), "not today", 4_200),
        (RelayFault::NeverInclude, "never included it", 4_300),
    ] {
        world.devnet.relay_faults().set(fault);
        let record = world.record([share, 5_000]).await;
        let outcome = executor.execute(&record, &as_given).await.unwrap();
        assert_eq!((outcome.state, outcome.attempts, &outcome.landing), (State::Rejected, 2, &None), "{outcome:?}");
        let said = outcome.reason.unwrap();
        assert!(said.contains("given up after 2 attempts") && said.contains(reason), "{said}");
        let attempts = store.attempts(Subject::Decision(record.hash().unwrap())).await.unwrap();
        assert_eq!(attempts[0].state, State::Expired);
        assert_eq!(attempts[0].facts.account_nonce, attempts[1].facts.account_nonce);
        assert_ne!(attempts[0].facts.tx_hash, attempts[1].facts.tx_hash);
    }
    assert_eq!(world.keeper_nonce().await, 0);

    // A relay that comes back within the attempts is used.
    world.devnet.relay_faults().set(RelayFault::Down);
    let record = world.record([4_400, 5_000]).await;
    let repair = async {
        while store.open_attempts().await.unwrap().first().is_none_or(|attempt| attempt.state != State::Submitted) {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        world.devnet.relay_faults().clear();
    };
    let (outcome, ()) = tokio::join!(executor.execute(&record, &as_given), repair);
    let outcome = outcome.unwrap();
    assert_eq!(outcome.state, State::Final, "{outcome:?}");
    assert_eq!(world.keeper_nonce().await, 1);
    world.devnet.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_is_simulated_sent_and_settled_like_a_decision() {
    let world = World::start("call").await;
    let (executor, store) = world.executor(world.config()).await;
    let hub = world.book.contracts.hub;
    let heartbeat = StrategyHub::heartbeatCall {}.abi_encode();
    let outcome = executor.send_call(hub, heartbeat.into(), "heartbeat").await.unwrap();
    assert_eq!(outcome.state, State::Final, "{outcome:?}");
    assert!(outcome.landing.unwrap().reconciliation.unwrap().is_equal());
    assert_eq!(store.calls(1).await.unwrap()[0].purpose, "heartbeat");

    let unlisted =
        StrategyHub::reduceCall { adapter: Address::ZERO, assets: U256::ONE, minOut: U256::ZERO, data: Bytes::new() };
    let unlisted: Bytes = unlisted.abi_encode().into();
    let shown = executor.simulate_call(hub, unlisted.clone()).await.unwrap();
    assert!(!shown.success);
    let refused = executor.send_call(hub, unlisted, "reduction").await.unwrap();
    assert_eq!(refused.state, State::Rejected);
    assert!(refused.reason.unwrap().contains("NotListed"));
    assert_eq!(world.keeper_nonce().await, 1);
    world.devnet.shutdown().await.unwrap();
}

// SPEC X7
#[tokio::test(flavor = "multi_thread")]
async fn a_private_transaction_lands_within_its_window_and_is_withdrawn_when_it_would_do_something_else() {
    let world = World::start("window").await;
    let config = ExecutorConfig { offer: Offer::Blocks(8), max_attempts: 1, ..world.config() };
    let (executor, store) = world.executor(config).await;
    world.devnet.relay_faults().set(RelayFault::NeverInclude);
    let record = world.record([4_000, 5_000]).await;
    let subject = Subject::Decision(record.hash().unwrap());
    // While the relay holds it back, a deposit makes NAV another than it was decided on.
    let deposit = async {
        while store.open_attempts().await.unwrap().first().is_none_or(|one| one.facts.bundle_hash.is_none()) {
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
        let market = Market::new(&world.devnet, &world.book).unwrap();
        market.mint_usdc(Role::Depositor(1).address().unwrap(), 1_000_000_000).await.unwrap();
        market.deposit(Role::Depositor(1), 1_000_000_000).await.unwrap();
    };
    let (outcome, ()) = tokio::join!(executor.execute(&record, &as_given), deposit);
    let outcome = outcome.unwrap();
    assert_eq!((outcome.state, &outcome.landing), (State::Rejected, &None), "{outcome:?}");
    let said = outcome.reason.unwrap();
    assert!(said.contains("withdrawn") && said.contains("NAV before"), "{said}");
    world.devnet.relay_faults().clear();
    let tx_hash = store.attempts(subject).await.unwrap()[0].facts.tx_hash.unwrap();
    let status: serde_json::Value =
        reqwest::get(format!("{}/tx/{tx_hash}", world.devnet.relay_url())).await.unwrap().json().await.unwrap();
    assert_eq!(status["status"], "CANCELLED", "{status}");

    // Another reaches the builder two blocks late and lands all the same, in the envelope.
    world.devnet.relay_faults().set(RelayFault::DelayBlocks(2));
    let record = world.record([4_000, 5_000]).await;
    let outcome = executor.execute(&record, &as_given).await.unwrap();
    assert_eq!(outcome.state, State::Final, "{outcome:?}");
    let simulated = record.snapshot.block.number + 1;
    assert!(outcome.landing.unwrap().block_number > simulated);
    assert_eq!(world.keeper_nonce().await, 1);
    world.devnet.shutdown().await.unwrap();
}
