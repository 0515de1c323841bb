//! A keeper that starts on an older store: a backup from before the chain went on. Nothing is done a second time.
// SPEC G5, X8
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../../store/tests/support/postgres.rs"]
mod postgres;
mod support;

use alloy::providers::Provider;
use ballast_store::{Attempt, State, Store, Subject};
use sqlx::Connection;
use std::{fs, os::unix::fs::PermissionsExt, path::Path, time::Duration};
use support::{HOUR, Keeper, Running, Stage, newest_attempt, store_at, until};

/// A keeper whose first move is at the relay, and for which no block was built yet.
async fn handed_over(keeper: &Keeper) -> (Running, Attempt) {
    let service = keeper.spawn(&["run"]);
    let store = store_at(&keeper.location()).await;
    let attempt =
        until("a bundle", async || newest_attempt(&store).await.filter(|attempt| attempt.facts.bundle_hash.is_some()));
    let attempt = attempt.await;
    store.close().await;
    (service, attempt)
}

async fn backup(keeper: &Keeper, to: &Path) {
    let copied = keeper.run(&["store", "backup", "--to", to.to_str().unwrap()]).await;
    assert_eq!(copied.code, Some(0), "{copied:?}");
}

/// As the runbook says: the files of the store away, the copies in their place.
fn restore(keeper: &Keeper, from: &Path) {
    let path = keeper.store_path().display().to_string();
    for suffix in ["", "-wal", "-shm", ".attestor"] {
        let _ = fs::remove_file(format!("{path}{suffix}"));
    }
    for suffix in ["", ".attestor"] {
        let copy = format!("{}{suffix}", from.display());
        if Path::new(&copy).exists() {
            fs::copy(copy, format!("{path}{suffix}")).unwrap();
        }
    }
}

async fn attempts_of(keeper: &Keeper, subject: Subject) -> Vec<State> {
    let store = keeper.store().await;
    let states = store.attempts(subject).await.unwrap().into_iter().map(|attempt| attempt.state).collect();
    store.close().await;
    states
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_from_between_sending_and_inclusion_finds_it_on_the_chain() {
    let stage = Stage::funded().await;
    let keeper = stage.keeper();
    let (service, attempt) = handed_over(&keeper).await;
    let copy = stage.path("backup.sqlite");
    backup(&keeper, &copy).await;
    assert_eq!(fs::metadata(&copy).unwrap().permissions().mode() & 0o777, 0o600);
    let again = keeper.run(&["store", "backup", "--to", copy.to_str().unwrap()]).await;
    again.assert_refused(1, &["exists; a backup overwrites nothing"]);

    let store = keeper.store().await;
    let landed = until("an inclusion", async || {
        Some(store.attempt(attempt.id).await.unwrap()).filter(|attempt| attempt.state == State::Final)
    });
    stage.with_block_per_bundle(&keeper, landed).await;
    store.close().await;
    assert_eq!(service.terminate("TERM").await.code, Some(0));
    let noted = keeper.run(&["audit", "head", "--json"]).await.json()["hash"].as_str().unwrap().to_owned();

    restore(&keeper, &copy);
    let older = keeper.run(&["audit", "verify", "--head", &noted]).await;
    assert_eq!(older.code, Some(1), "{older:?}");
    assert!(older.stdout.contains("newest entries were removed"), "an older store is told as one: {older:?}");
    assert_eq!(keeper.run(&["audit", "verify"]).await.code, Some(0), "but it is intact in itself");
    let cycle = stage.cycle(&keeper).await;
    assert_eq!(cycle.code, Some(0), "{cycle:?}");
    assert!(cycle.json()["outcome"].is_null(), "{cycle:?}");
    assert!(cycle.stderr.contains("settled what an earlier run left"), "{cycle:?}");
    assert_eq!(attempts_of(&keeper, attempt.subject).await, [State::Final]);
    assert_eq!(stage.assert_consistent(&keeper).await, 1);

    // And it goes on: the next move when the next is due.
    stage.market().pass_time(7 * HOUR).await.unwrap();
    stage.market().repay_aave(25_000_000_000_000).await.unwrap();
    stage.market().borrow_morpho(3_000_000_000_000).await.unwrap();
    let next = stage.cycle(&keeper).await;
    assert_eq!(next.json()["outcome"]["state"], "final", "{next:?}");
    assert_eq!(stage.assert_consistent(&keeper).await, 2);
    assert_eq!(keeper.run(&["audit", "verify"]).await.code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_from_before_the_signature_does_not_do_what_was_done_after_it() {
    let stage = Stage::funded().await;
    let keeper = stage.keeper();
    // The decision is recorded, and nothing is signed yet.
    let halted = keeper.clone().set("execution.halt_after", "gated").spawn(&["run"]);
    let store = store_at(&keeper.location()).await;
    let gated = async || newest_attempt(&store).await.filter(|attempt| attempt.state == State::Gated);
    let attempt = until("gated", gated).await;
    let copy = stage.path("backup.sqlite");
    backup(&keeper, &copy).await;
    halted.kill().await;
    store.close().await;
    assert_eq!(stage.cycle(&keeper).await.json()["outcome"]["state"], "final");
    let sent = stage.rpc().get_transaction_count(stage.book.keeper).await.unwrap();

    restore(&keeper, &copy);
    let cycle = stage.cycle(&keeper).await;
    assert_eq!((cycle.code, cycle.json()["outcome"].is_null()), (Some(0), true), "{cycle:?}");
    let gates = cycle.json()["record"]["decision"]["gates"].clone();
    let held = gates.as_array().unwrap().iter().find(|gate| gate["passed"] == false).unwrap().clone();
    assert!(held["detail"].as_str().unwrap().contains("the next rebalance is allowed at"), "the chain says: {held:#}");
    assert_eq!(attempts_of(&keeper, attempt.subject).await, [State::Expired]);
    assert_eq!(stage.rpc().get_transaction_count(stage.book.keeper).await.unwrap(), sent);
    assert_eq!(stage.rebalances().await.len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_store_and_a_bundle_that_is_still_out_share_a_nonce_and_one_lands() {
    let stage = Stage::funded().await;
    let keeper = stage.keeper();
    let copy = stage.path("backup.sqlite");
    // A backup from before there was anything.
    Store::open(keeper.store_path()).await.unwrap().close().await;
    backup(&keeper, &copy).await;
    let (service, attempt) = handed_over(&keeper).await;
    service.kill().await;

    restore(&keeper, &copy);
    // On the same block and policy it would come to the very same transaction, which lands once whoever sends it. With another policy
    // it is another one, and with another key the relay does not take it for the first one's replacement.
    let other_key = "0x2000000000000000000000000000000000000000000000000000000000000002";
    let keeper = keeper.set("policy.min_gain", 11).with_secret("BALLAST_RELAY_KEY", other_key);
    let cycle = stage.cycle(&keeper).await;
    let outcome = cycle.json()["outcome"].clone();
    let landed = stage.rebalances().await;
    let [(decision, _)] = landed.as_slice() else { panic!("one lands: {landed:?}") };
    let Subject::Decision(sent) = attempt.subject else { panic!("{attempt:?}") };
    // The relay had the other first. Where builders choose otherwise it is the new one; never both.
    assert_eq!(*decision, sent);
    assert_eq!(outcome["state"], "replaced", "{}", cycle.stderr);
    let tried = newest_attempt(&keeper.store().await).await.unwrap();
    assert_eq!((tried.facts.account_nonce, tried.state), (attempt.facts.account_nonce, State::Replaced), "{tried:?}");
    let next = stage.cycle(&keeper).await;
    assert!(next.json()["outcome"].is_null(), "{next:?}");
    assert_eq!(stage.rebalances().await.len(), 1);
    assert_eq!(keeper.run(&["audit", "verify"]).await.code, Some(0));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_database_finds_it_on_the_chain_as_well() {
    let stage = Stage::funded().await;
    let (server, database) = (postgres::server(), postgres::server().database().await);
    let keeper = stage.keeper().with_database(&server.url(&database));
    let (service, attempt) = handed_over(&keeper).await;
    let refused = keeper.run(&["store", "backup", "--to", stage.path("b").to_str().unwrap()]).await;
    refused.assert_refused(1, &["backed up by the database's own means", "pg_dump"]);
    service.kill().await;
    let mut other = server.connect("postgres").await;
    // The copy is made by the server, row by row as a dump is; a killed client's session ends a moment later.
    until("a copy", async || {
        let copy = sqlx::AssertSqlSafe(format!("CREATE DATABASE {database}_older TEMPLATE {database}"));
        sqlx::raw_sql(copy).execute(&mut other).await.ok()
    })
    .await;
    other.close().await.unwrap();
    let landed = stage.cycle(&keeper).await;
    assert!(landed.stderr.contains("settled what an earlier run left"), "{landed:?}");

    let older = stage.keeper().with_database(&server.url(&format!("{database}_older")));
    tokio::time::sleep(Duration::from_millis(100)).await;
    let cycle = stage.cycle(&older).await;
    assert!(cycle.json()["outcome"].is_null(), "{cycle:?}");
    assert_eq!(attempts_of(&older, attempt.subject).await, [State::Final]);
    assert_eq!(stage.assert_consistent(&older).await, 1);
}
