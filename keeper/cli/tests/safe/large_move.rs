//! A keeper that asks the Safe: it proposes the approval, waits for it through restarts, and then carries the move out.

use crate::{
    service::{API_KEY, Fault, Service},
    stage::Owner,
    support::{Finished, Keeper, Stage},
};
use alloy::primitives::B256;
use ballast_devnet::{accounts::Role, deploy::Terms};
use ballast_store::{Attempt, State, Subject};
use serde_json::json;

/// More than the $50,000 that need no approval.
const DEPOSIT: u64 = 100_000_000_000;

async fn stage() -> Stage {
    let stage = Stage::under(&Terms { approval: 1_250, ..Terms::default() }).await;
    stage.deposit(DEPOSIT).await;
    stage
}

fn asking(stage: &Stage, service: &Service) -> Keeper {
    stage
        .keeper()
        .set("policy.large_moves", "ask")
        .set("safe.deployment", "deployment.json")
        .set("safe.parameters", "parameters.json")
        .set("safe.proposals", "proposals")
        .set("safe.service", service.url())
        .with_secret("BALLAST_SAFE_API_KEY", API_KEY)
}

/// The decision that a cycle ended with, which waits.
fn waits(cycle: &Finished) -> B256 {
    assert_eq!(cycle.code, Some(0), "{cycle:?}");
    assert_eq!(cycle.json()["outcome"]["state"], "awaiting_safe", "{cycle:?}");
    cycle.json()["decision_hash"].as_str().unwrap().parse().unwrap()
}

async fn attempts(keeper: &Keeper, decision: B256) -> Vec<Attempt> {
    let store = keeper.store().await;
    let attempts = store.attempts(Subject::Decision(decision)).await.unwrap();
    store.close().await;
    attempts
}

// SPEC X15, X8
#[tokio::test(flavor = "multi_thread")]
async fn a_large_move_is_proposed_waits_through_restarts_and_is_made_once_the_safe_has_approved_it() {
    let stage = stage().await;
    let service = Service::start(&stage).await;
    service.add_delegate(stage.book.keeper);
    let keeper = asking(&stage, &service);

    // The service is down: the file is there all the same, and the keeper waits.
    service.fail(Fault::Down);
    let first = keeper.run(&["run", "--once", "--json"]).await;
    let decision = waits(&first);
    assert!(first.stderr.contains("the Safe could not be asked"), "{first:?}");
    service.fail(Fault::None);

    // Asked again, it proposes; and once it has, nothing more.
    let file = format!("proposals/approve-{decision}.json");
    let owner = Owner::new(&stage, &file);
    for _ in 0..2 {
        let again = keeper.run(&["run", "--once", "--json"]).await;
        assert_eq!(waits(&again), decision, "the same decision");
        assert_eq!(service.transactions().len(), 1);
        assert_eq!(service.transactions()[0]["safeTxHash"], json!(owner.hash().to_string()));
    }
    let shown = keeper.run(&["run", "--once"]).await;
    assert!(shown.stdout.contains("waits for the Safe") && shown.stdout.contains("is added"), "{shown:?}");
    assert!(stage.rebalances().await.is_empty());
    let [waiting] = &attempts(&keeper, decision).await[..] else { panic!("one attempt") };
    assert_eq!((waiting.state, waiting.facts.raw_tx.is_none()), (State::AwaitingSafe, true));

    // Hours later three owners have read and signed it, and anybody sends it.
    let parameters = ["--parameters".to_owned(), stage.path("parameters.json").display().to_string()];
    let names: Vec<&str> = parameters.iter().map(String::as_str).collect();
    let verified = owner.run("verify", &names, &[]).await;
    assert_eq!(verified.code, Some(0), "{verified:?}");
    stage.market().pass_time(3 * 3_600).await.unwrap();
    stage.market().refresh_feeds().await.unwrap();
    for number in [0, 2, 4] {
        let key = Role::GovernanceOwner(number).key();
        let signed = owner.run("sign", &[&names[..], &["--dev-key"]].concat(), &[("BALLAST_DEV_SAFE_KEY", &key)]).await;
        assert_eq!(signed.code, Some(0), "{signed:?}");
    }
    let rpc = stage.devnet.rpc_url();
    let printed = owner.run("execute", &[&names[..], &["--print", "--json", "--rpc", &rpc]].concat(), &[]).await;
    let data = printed.json()["data"].as_str().unwrap().parse().unwrap();
    crate::stage::send(&stage, stage.book.contracts.governance, data).await;

    // Interrupted when everything but the last step is done: nothing was sent, and the approval still stands.
    let halting = keeper.clone().set("execution.halt_after", "simulated");
    let process = halting.spawn(&["run", "--once", "--json"]);
    crate::support::until("the final simulation", async || {
        attempts(&keeper, decision).await.pop().filter(|attempt| attempt.state == State::Simulated)
    })
    .await;
    process.kill().await;
    // What is thought of a venue's risk may have changed meanwhile, as long as it is below the limit.
    let keeper = keeper.set("venues.0.risk_score", i64::from(stage.book.venues[0].risk_score) + 1);
    let landed = stage.cycle(&keeper).await;
    assert_eq!((landed.code, &landed.json()["outcome"]["state"]), (Some(0), &json!("final")), "{landed:?}");
    assert_eq!(landed.json()["decision_hash"], json!(decision.to_string()));
    assert_eq!(stage.rebalances().await[0].0, decision);
    assert_eq!(stage.assert_consistent(&keeper).await, 1);
    let states: Vec<State> = attempts(&keeper, decision).await.iter().map(|attempt| attempt.state).collect();
    assert_eq!(states, [State::Expired, State::Final]);
    // What was approved is used up: the next cycle decides anew.
    let next = keeper.run(&["run", "--once", "--json"]).await;
    assert_ne!(next.json()["decision_hash"], json!(decision.to_string()), "{next:?}");
    stage.devnet.shutdown().await.unwrap();
}

// SPEC X15
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_approved_in_time_is_given_up_and_a_configuration_that_cannot_ask_is_refused() {
    let stage = stage().await;
    let service = Service::start(&stage).await;
    service.add_delegate(stage.book.keeper);
    let nowhere = stage.keeper().set("policy.large_moves", "ask");
    nowhere.run(&["run", "--once"]).await.assert_refused(1, &["policy.large_moves is \"ask\"", "[safe]"]);
    let keeper = asking(&stage, &service).set("safe.wait_hours", 1);
    let zero = keeper.clone().set("safe.wait_hours", 0);
    zero.run(&["run", "--once"]).await.assert_refused(1, &["safe.wait_hours is 0", "1 to 168"]);
    let elsewhere = keeper.clone().set("safe.deployment", "none.json");
    elsewhere.run(&["run", "--once"]).await.assert_refused(1, &["none.json"]);

    let first = waits(&keeper.run(&["run", "--once", "--json"]).await);
    stage.market().pass_time(3_700).await.unwrap();
    stage.market().refresh_feeds().await.unwrap();
    let late = keeper.run(&["run", "--once", "--json"]).await;
    let second = waits(&late);
    assert_ne!(first, second, "another decision is put before the Safe");
    let given_up = attempts(&keeper, first).await.pop().unwrap();
    assert_eq!(given_up.state, State::Rejected);
    assert!(given_up.facts.reason.unwrap().contains("did not approve it within 3600 s"));
    assert_eq!(service.transactions().len(), 2);

    // A keeper that divides takes over: it makes what needs nobody.
    let divides = keeper.set("policy.large_moves", "divide");
    let moved = stage.cycle(&divides).await;
    assert_eq!((moved.code, &moved.json()["outcome"]["state"]), (Some(0), &json!("final")), "{moved:?}");
    assert_eq!(attempts(&divides, second).await.pop().unwrap().state, State::Rejected);
    stage.devnet.shutdown().await.unwrap();
}
