//! Two keepers on one store: the second takes over when the first is killed, and the rebalance happens once.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../../store/tests/support/postgres.rs"]
mod postgres;
mod support;

use ballast_store::{State, Store};
use std::time::{Duration, Instant};
use support::{Keeper, PATIENCE, Stage, newest_attempt, store_at, until};
use tokio::{net::UnixDatagram, time::timeout};

/// How soon after its leader's death a standby has taken over.
const TAKEOVER: Duration = Duration::from_secs(15);

// SPEC Y2
#[tokio::test(flavor = "multi_thread")]
async fn a_standby_takes_over_from_a_killed_leader_on_sqlite() {
    let stage = Stage::funded().await;
    let keeper = stage.keeper();
    takes_over(&stage, &keeper).await;
}

// SPEC X8, Y2
#[tokio::test(flavor = "multi_thread")]
async fn a_standby_takes_over_from_a_killed_leader_on_postgresql() {
    let stage = Stage::funded().await;
    let database = postgres::server().database().await;
    let keeper = stage.keeper().with_database(&postgres::server().url(&database));
    takes_over(&stage, &keeper).await;
}

async fn takes_over(stage: &Stage, keeper: &Keeper) {
    // The leader stops with signed bytes on disk that it has not sent; it holds the lease all the while.
    let leader = keeper.clone().set("execution.halt_after", "submitted").spawn(&["run"]);
    let store = store_at(&keeper.location()).await;
    let reached = async || newest_attempt(&store).await.filter(|attempt| attempt.state == State::Submitted);
    let left = until("submitted", reached).await;

    keeper.run(&["run", "--once"]).await.assert_refused(1, &["another process is writing to", "holds the lease"]);
    let standby = keeper.spawn(&["run", "--standby"]);
    tokio::time::sleep(Duration::from_secs(3)).await;
    let steps = store.transitions(left.id).await.unwrap();
    assert_eq!(steps.last().unwrap().to, State::Submitted, "a standby writes nothing");

    let killed = Instant::now();
    leader.kill().await;
    stage.build_block().await;
    stage.build_block().await;
    let settled = async || Some(store.attempt(left.id).await.unwrap()).filter(|attempt| attempt.state.is_settled());
    let settled = until("a takeover", settled).await;
    assert!(killed.elapsed() < TAKEOVER, "it took {:?}", killed.elapsed());
    assert_eq!(settled.state, State::Expired, "the chain knows nothing of it");

    let landed =
        async || newest_attempt(&store).await.filter(|attempt| attempt.id > left.id && attempt.state == State::Final);
    let blocks = async {
        loop {
            stage.build_block().await;
            tokio::time::sleep(Duration::from_millis(1_500)).await;
        }
    };
    tokio::select! {
        _ = until("a rebalance by the standby", landed) => {}
        () = blocks => {}
    }
    assert!(matches!(Store::open_at(&keeper.location()).await, Err(ballast_store::StoreError::Locked { .. })));
    let stopped = standby.terminate("TERM").await;
    assert_eq!(stopped.code, Some(0), "{stopped:?}");
    for said in ["standing by: another instance holds the lease", "took over: the lease was free"] {
        assert!(stopped.stderr.contains(said), "{stopped:?}");
    }
    assert_eq!(stage.assert_consistent(keeper).await, 1);
    assert_eq!(keeper.run(&["audit", "verify"]).await.code, Some(0));
}

// SPEC Y2
#[tokio::test(flavor = "multi_thread")]
async fn a_leader_whose_connection_is_cut_writes_nothing_more_and_ends() {
    let stage = Stage::funded().await;
    let database = postgres::server().database().await;
    let keeper = stage.keeper().with_database(&postgres::server().url(&database));
    let leader = keeper.spawn(&["run"]);
    let store = store_at(&keeper.location()).await;
    let landed = async || newest_attempt(&store).await.filter(|attempt| attempt.state == State::Final);
    stage.with_block_per_bundle(&keeper, until("a rebalance", landed)).await;
    let mut other = postgres::server().connect(&database).await;
    let cut = "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND database =
        (SELECT oid FROM pg_database WHERE datname = current_database())";
    sqlx::raw_sql(cut).execute(&mut other).await.unwrap();
    let before = store.audit_head().await.unwrap();
    let blocks = async {
        loop {
            stage.build_block().await;
            tokio::time::sleep(Duration::from_millis(300)).await;
        }
    };
    let ended = tokio::select! {
        ended = timeout(PATIENCE, leader.finished()) => ended.expect("it ends"),
        () = blocks => unreachable!(),
    };
    ended.assert_refused(1, &["the lease on postgresql:///", "was lost", "start again"]);
    assert_eq!(store.audit_head().await.unwrap(), before);
    assert_eq!(stage.assert_consistent(&keeper).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_standby_tells_the_service_manager_and_stops_when_told_to() {
    let stage = Stage::empty().await;
    let socket = stage.path("notify");
    let manager = UnixDatagram::bind(&socket).unwrap();
    let keeper = stage.keeper();
    let keeper = keeper.with_secret("NOTIFY_SOCKET", socket.to_str().unwrap());
    let _leader = Store::open_at(&keeper.location()).await.unwrap();
    let standby = keeper.spawn(&["run", "--standby"]);
    let mut told = String::new();
    while !(told.contains("READY=1")
        && told.contains("STATUS=standing by for the lease")
        && told.contains("WATCHDOG=1"))
    {
        let mut message = [0; 1_024];
        let length = timeout(PATIENCE, manager.recv(&mut message)).await.expect(&told).unwrap();
        told += std::str::from_utf8(&message[..length]).unwrap();
    }
    let stopped = standby.terminate("TERM").await;
    assert_eq!(stopped.code, Some(0), "{stopped:?}");
    assert!(stopped.stderr.contains("stopped while standing by"), "{stopped:?}");
}

// SPEC Y2
#[tokio::test(flavor = "multi_thread")]
async fn a_standby_that_could_not_take_over_ends_with_the_reason_and_is_never_ready() {
    let stage = Stage::empty().await;
    let socket = stage.path("notify");
    let manager = UnixDatagram::bind(&socket).unwrap();
    let keeper = stage.keeper().with_secret("NOTIFY_SOCKET", socket.to_str().unwrap());
    let _leader = Store::open_at(&keeper.location()).await.unwrap();
    for (unfit, words) in [
        (keeper.clone().set("keeper.key", "alias/nobody"), ["the keeper key", "alias/nobody"]),
        (keeper.clone().set("contracts.hub", stage.book.contracts.vault.to_string()), ["is not the", "StrategyHub"]),
        (keeper.clone().without_secret("BALLAST_RELAY_KEY"), ["BALLAST_RELAY_KEY", "is not set"]),
        (
            keeper.clone().set("safe.deployment", "nowhere.json").set("safe.proposals", "proposals"),
            ["nowhere.json", "No such file"],
        ),
    ] {
        let ended = timeout(PATIENCE, unfit.spawn(&["run", "--standby"]).finished()).await.expect("it does not wait");
        ended.assert_refused(1, &words);
        let mut message = [0; 1_024];
        let told =
            manager.try_recv(&mut message).map(|length| String::from_utf8_lossy(&message[..length]).into_owned());
        assert!(told.is_err(), "{told:?}");
    }
}
