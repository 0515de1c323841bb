//! The keeper is killed after each durable step, and another one is started on what it left.
// SPEC X8
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../../store/tests/support/postgres.rs"]
mod postgres;
mod support;

use alloy::providers::Provider;
use ballast_chain::bindings::Vault;
use ballast_devnet::{
    RelayFault,
    accounts::Role,
    market::{IKillSwitch, USD},
};
use ballast_store::{Attempt, State, Store, Subject};
use std::{collections::BTreeSet, time::Duration};
use support::{HOUR, Keeper, PATIENCE, Stage, newest_attempt, store_at, store_when_there, until};

const MILLION: u64 = 1_000_000_000_000;

/// Lives of a keeper that is killed at any moment: each has this much longer from its decision on than the one before.
const LIVES: u32 = 20;
const LIFE_STEP: Duration = Duration::from_millis(8);

/// What happens while nobody runs.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Meanwhile {
    /// Blocks come, and the transaction is in none of them.
    BlocksPass,
    /// The next block has the transaction.
    ItLands,
    /// The transaction was in a block, and that block and those on it are replaced by others without it.
    ItIsReorganisedAway,
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_when_proposed() {
    killed_after(State::Proposed, Meanwhile::BlocksPass).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_when_gated() {
    killed_after(State::Gated, Meanwhile::BlocksPass).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_when_presimulated() {
    killed_after(State::Presimulated, Meanwhile::BlocksPass).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_when_attested() {
    killed_after(State::Attested, Meanwhile::BlocksPass).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_when_simulated() {
    killed_after(State::Simulated, Meanwhile::BlocksPass).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_when_signed_and_it_never_lands() {
    killed_after(State::Signed, Meanwhile::BlocksPass).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_when_signed_and_it_lands_all_the_same() {
    killed_after(State::Signed, Meanwhile::ItLands).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_when_submitted_and_it_never_lands() {
    killed_after(State::Submitted, Meanwhile::BlocksPass).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_when_submitted_and_it_lands() {
    killed_after(State::Submitted, Meanwhile::ItLands).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_when_signed_and_its_block_is_reorganised_away() {
    killed_after(State::Signed, Meanwhile::ItIsReorganisedAway).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_when_submitted_and_its_block_is_reorganised_away() {
    killed_after(State::Submitted, Meanwhile::ItIsReorganisedAway).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_when_included() {
    killed_after(State::Included, Meanwhile::BlocksPass).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_when_included_and_its_block_is_reorganised_away() {
    killed_after(State::Included, Meanwhile::ItIsReorganisedAway).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_when_final() {
    killed_after(State::Final, Meanwhile::BlocksPass).await;
}

/// The same cells with the store in PostgreSQL.
mod postgresql {
    use super::*;

    macro_rules! cells {
        ($($name:ident: $state:ident, $meanwhile:ident;)*) => {$(
            #[tokio::test(flavor = "multi_thread")]
            async fn $name() {
                let stage = Stage::funded().await;
                let keeper = on_postgresql(&stage).await;
                killed_on(&stage, &keeper, State::$state, Meanwhile::$meanwhile).await;
            }
        )*};
    }

    cells! {
        killed_when_proposed: Proposed, BlocksPass;
        killed_when_gated: Gated, BlocksPass;
        killed_when_presimulated: Presimulated, BlocksPass;
        killed_when_attested: Attested, BlocksPass;
        killed_when_simulated: Simulated, BlocksPass;
        killed_when_signed_and_it_never_lands: Signed, BlocksPass;
        killed_when_signed_and_it_lands_all_the_same: Signed, ItLands;
        killed_when_signed_and_its_block_is_reorganised_away: Signed, ItIsReorganisedAway;
        killed_when_submitted_and_it_never_lands: Submitted, BlocksPass;
        killed_when_submitted_and_it_lands: Submitted, ItLands;
        killed_when_submitted_and_its_block_is_reorganised_away: Submitted, ItIsReorganisedAway;
        killed_when_included: Included, BlocksPass;
        killed_when_included_and_its_block_is_reorganised_away: Included, ItIsReorganisedAway;
        killed_when_final: Final, BlocksPass;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn killed_while_waiting_and_the_bundle_lands_unseen() {
        let stage = Stage::funded().await;
        let keeper = on_postgresql(&stage).await;
        bundle_lands_unseen(&stage, &keeper).await;
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn killed_again_and_again_at_any_moment() {
        let stage = Stage::funded().await;
        let keeper = on_postgresql(&stage).await;
        killed_again_and_again(&stage, &keeper).await;
    }
}

/// The keeper with its store in a database of its own.
async fn on_postgresql(stage: &Stage) -> Keeper {
    let server = postgres::server();
    stage.keeper().with_database(&server.url(&server.database().await))
}

async fn killed_after(state: State, meanwhile: Meanwhile) {
    let stage = Stage::funded().await;
    killed_on(&stage, &stage.keeper(), state, meanwhile).await;
}

/// Kills the keeper once `state` is on disk, starts another one, and another one hours later.
async fn killed_on(stage: &Stage, keeper: &Keeper, state: State, meanwhile: Meanwhile) {
    let halting = keeper.clone().set("execution.halt_after", state.name());
    let process = halting.spawn(&["run", "--once"]);
    let store = store_at(&keeper.location()).await;
    let reached = async || newest_attempt(&store).await.filter(|attempt| attempt.state == state);
    let killed = stage.with_block_per_bundle(keeper, until(state.name(), reached)).await;
    process.kill().await;

    let landed_before = state.is_on_chain();
    if meanwhile == Meanwhile::BlocksPass {
        stage.build_block().await;
        stage.build_block().await;
    } else if !landed_before {
        let rpc = stage.rpc();
        let _ = rpc.send_raw_transaction(killed.facts.raw_tx.as_ref().unwrap()).await.unwrap();
        stage.build_block().await;
        let receipt = rpc.get_transaction_receipt(killed.facts.tx_hash.unwrap()).await.unwrap().unwrap();
        assert!(receipt.status(), "{receipt:?}");
    }
    if meanwhile == Meanwhile::ItIsReorganisedAway {
        stage.build_block().await;
        stage.build_block().await;
        assert_eq!(stage.rebalances().await.len(), 1, "it was there");
        stage.reorganise_away(killed.facts.tx_hash.unwrap()).await;
    }
    let lands = meanwhile == Meanwhile::ItLands || (landed_before && meanwhile == Meanwhile::BlocksPass);
    assert_eq!(stage.rebalances().await.len(), usize::from(lands), "while nobody runs");

    let ending = if lands { State::Final } else { State::Expired };
    restarts_cleanly(stage, keeper, &store, &killed, ending).await;
}

/// Another keeper settles the killed attempt to `ending`; one rebalance is on the chain then, and a later cycle makes it two.
async fn restarts_cleanly(stage: &Stage, keeper: &Keeper, store: &Store, killed: &Attempt, ending: State) {
    let restarted = stage.cycle(keeper).await;
    assert_eq!(restarted.code, Some(0), "{restarted:?}");
    let outcome = &restarted.json()["outcome"];
    let settled = store.attempt(killed.id).await.unwrap();
    assert_eq!(settled.state, ending, "{settled:?}");
    let Subject::Decision(decision) = killed.subject else { panic!("{killed:?}") };
    assert!(store.decision(decision).await.unwrap().is_some(), "its record is kept");
    if ending == State::Final {
        assert!(outcome.is_null(), "the cooldown runs from the one that landed: {outcome:#}");
        assert_eq!(settled.facts.reconciliation.unwrap()["logs_equal"], true);
    } else {
        assert_eq!(outcome["state"], "final", "{outcome:#}");
        assert!(settled.facts.reason.is_some(), "an attempt that ends without landing says why");
    }
    assert_eq!(stage.assert_consistent(keeper).await, 1);

    let market = stage.market();
    market.pass_time(7 * HOUR).await.unwrap();
    market.repay_aave(25 * MILLION).await.unwrap();
    market.borrow_morpho(3 * MILLION).await.unwrap();
    let later = stage.cycle(keeper).await;
    assert_eq!((later.code, &later.json()["outcome"]["state"]), (Some(0), &"final".into()), "{later:?}");
    assert_eq!(stage.assert_consistent(keeper).await, 2);
}

/// A keeper that handed its bundle to the relay and was killed while it waited; no block has come since.
async fn killed_while_waiting(stage: &Stage, keeper: &Keeper) -> (Store, Attempt) {
    let process = keeper.spawn(&["run", "--once"]);
    let store = store_at(&keeper.location()).await;
    let handed_over = async || newest_attempt(&store).await.filter(|attempt| attempt.facts.bundle_hash.is_some());
    let attempt = until("a bundle", handed_over).await;
    process.kill().await;
    assert_eq!(attempt.state, State::Submitted);
    assert_eq!(stage.rebalances().await, []);
    (store, attempt)
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_waiting_and_the_bundle_lands_unseen() {
    let stage = Stage::funded().await;
    bundle_lands_unseen(&stage, &stage.keeper()).await;
}

async fn bundle_lands_unseen(stage: &Stage, keeper: &Keeper) {
    let (store, killed) = killed_while_waiting(stage, keeper).await;
    stage.build_block().await;
    assert_eq!(stage.rebalances().await.len(), 1);
    restarts_cleanly(stage, keeper, &store, &killed, State::Final).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_waiting_and_the_bundle_is_late() {
    let stage = Stage::funded().await;
    let keeper = stage.keeper();
    stage.devnet.relay_faults().set(RelayFault::DelayBlocks(2));
    let (store, killed) = killed_while_waiting(&stage, &keeper).await;
    for _ in 0..3 {
        stage.build_block().await;
    }
    assert_eq!(stage.rebalances().await, [], "a bundle is for its block only");
    stage.devnet.relay_faults().clear();
    restarts_cleanly(&stage, &keeper, &store, &killed, State::Expired).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_waiting_and_the_relay_includes_nothing() {
    let stage = Stage::funded().await;
    let keeper = stage.keeper();
    stage.devnet.relay_faults().set(RelayFault::NeverInclude);
    let (store, killed) = killed_while_waiting(&stage, &keeper).await;
    stage.build_block().await;
    stage.devnet.relay_faults().clear();
    restarts_cleanly(&stage, &keeper, &store, &killed, State::Expired).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_again_and_again_at_any_moment() {
    let stage = Stage::funded().await;
    killed_again_and_again(&stage, &stage.keeper()).await;
}

async fn killed_again_and_again(stage: &Stage, keeper: &Keeper) {
    // Nothing lands in the first lives, so that each gets as far as its time allows; the last few may land what they sent.
    stage.devnet.relay_faults().set(RelayFault::NeverInclude);
    let mut reached = BTreeSet::new();
    let mut decisions = 0;
    for life in 1..=LIVES {
        if life == LIVES - 3 {
            stage.devnet.relay_faults().clear();
        }
        let process = keeper.spawn(&["run"]);
        let store = store_at(&keeper.location()).await;
        let before = decisions;
        let decided = async {
            while decisions == before {
                tokio::time::sleep(Duration::from_millis(1)).await;
                decisions = store.decisions(1_000).await.unwrap().len();
            }
        };
        tokio::time::timeout(PATIENCE, decided).await.expect("a decision");
        if life == 1 {
            // However slow the machine, one life gets as far as sending.
            let sent =
                async || store.open_attempts().await.unwrap().pop().filter(|open| open.state == State::Submitted);
            until("submitted", sent).await;
        } else {
            tokio::time::sleep(LIFE_STEP * (life - 1)).await;
        }
        process.kill().await;
        reached.extend(store.open_attempts().await.unwrap().pop().map(|attempt| attempt.state));
        stage.build_block().await;
    }
    assert!(reached.contains(&State::Submitted), "no life got as far as sending: {reached:?}");
    let last = stage.cycle(keeper).await;
    assert_eq!(last.code, Some(0), "{last:?}");
    assert_eq!(stage.assert_consistent(keeper).await, 1, "the cooldown allows one");
}

// SPEC C10
#[tokio::test(flavor = "multi_thread")]
async fn an_emergency_exit_that_was_killed_is_done_by_the_next() {
    let stage = Stage::funded().await;
    let keeper = stage.keeper();
    assert_eq!(stage.cycle(&keeper).await.json()["outcome"]["state"], "final");
    let (market, protocols) = (stage.market(), &stage.book.protocols);
    market.push_price(protocols.feeds.usdc_usd, USD * 97 / 100).await.unwrap();
    let trip = IKillSwitch::tripCall { trigger: 0, token: protocols.usdc };
    market.send(Role::Borrower, stage.book.contracts.kill_switch, trip).await.unwrap();

    let nonce = async || stage.rpc().get_transaction_count(stage.book.keeper).await.unwrap();
    let before = nonce().await;
    let exit = ["emergency-exit", "--yes", "--json"];
    for state in [State::Proposed, State::Simulated, State::Signed, State::Submitted] {
        let process = keeper.clone().set("execution.halt_after", state.name()).spawn(&exit);
        let store = keeper.store().await;
        let reached = async || store.open_attempts().await.unwrap().pop().filter(|attempt| attempt.state == state);
        until(state.name(), reached).await;
        process.kill().await;
        stage.build_block().await;
    }
    assert_eq!(nonce().await, before, "none of them was sent");
    let done = stage.with_block_per_bundle(&keeper, keeper.run(&exit)).await;
    assert_eq!((done.code, &done.json()["outcome"]["state"]), (Some(0), &"final".into()), "{done:?}");
    assert_eq!(nonce().await, before + 1);
    let vault = Vault::new(stage.book.contracts.vault, stage.rpc());
    assert_eq!(vault.idle().call().await.unwrap(), vault.nav().call().await.unwrap()._0, "everything came home");

    let store = keeper.store().await;
    let mut endings = Vec::new();
    for call in store.calls(10).await.unwrap() {
        endings.extend(store.attempts(Subject::Call(call.id)).await.unwrap().iter().map(|attempt| attempt.state));
    }
    assert_eq!(endings, [State::Final, State::Expired, State::Expired, State::Expired, State::Expired], "newest first");
    assert_eq!(stage.assert_consistent(&keeper).await, 1);
}

// SPEC Y2
#[tokio::test(flavor = "multi_thread")]
async fn one_store_has_one_keeper() {
    let stage = Stage::funded().await;
    let keeper = stage.keeper();
    let first = keeper.clone().set("execution.halt_after", "gated").spawn(&["run", "--once"]);
    let store = store_when_there(&keeper.store_path()).await;
    until("gated", async || newest_attempt(&store).await.filter(|attempt| attempt.state == State::Gated)).await;
    for arguments in [&["run", "--once"][..], &["run"], &["emergency-exit", "--yes"]] {
        keeper.run(arguments).await.assert_refused(1, &["another process is writing to", "stop that keeper"]);
    }
    assert_eq!(keeper.run(&["decisions"]).await.code, Some(0), "reading goes on");
    first.kill().await;
    assert_eq!(stage.cycle(&keeper).await.json()["outcome"]["state"], "final", "the lease goes with the process");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_stops_when_told_to_and_leaves_nothing_open() {
    let stage = Stage::funded().await;
    let keeper = stage.keeper();
    let service = keeper.spawn(&["run"]);
    let store = store_when_there(&keeper.store_path()).await;
    let landed = async || newest_attempt(&store).await.filter(|attempt| attempt.state == State::Final);
    stage.with_block_per_bundle(&keeper, until("a rebalance", landed)).await;
    let decisions = store.decisions(10).await.unwrap().len();
    let stopped = service.terminate("TERM").await;
    assert_eq!(stopped.code, Some(0), "{stopped:?}");
    assert!(stopped.stderr.contains("keeper stopped"), "{stopped:?}");

    let service = keeper.spawn(&["run"]);
    until("a hold", async || (store.decisions(10).await.unwrap().len() > decisions).then_some(())).await;
    let stopped = service.terminate("INT").await;
    assert_eq!(stopped.code, Some(0), "{stopped:?}");
    assert_eq!(stage.assert_consistent(&keeper).await, 1);
}
