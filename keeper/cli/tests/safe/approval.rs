//! Approving a large move: the digest is of a recorded decision, and the proposal says what that is.

use crate::{
    postgres,
    stage::{Owner, send},
    support::{Stage, newest_attempt},
};
use alloy::primitives::B256;
use ballast_chain::bindings::StrategyHub;
use ballast_devnet::accounts::Role;
use ballast_store::Subject;
use serde_json::json;

// SPEC X15
#[tokio::test(flavor = "multi_thread")]
async fn the_approval_of_a_large_move_says_which_and_reaches_the_hub() {
    let stage = Stage::funded().await;
    let keeper = stage.keeper();
    let cycle = stage.cycle(&keeper).await;
    assert_eq!(cycle.code, Some(0), "{cycle:?}");
    let store = keeper.store().await;
    let Subject::Decision(decision) = newest_attempt(&store).await.unwrap().subject else { panic!("no decision") };
    store.close().await;

    let owner = Owner::new(&stage, "approval.json");
    let (hash, path) = (decision.to_string(), keeper.store_path().display().to_string());
    let unknown = B256::repeat_byte(7).to_string();
    let refused = owner.propose(&["--approve-decision", &unknown, "--store", &path], &[]).await;
    refused.assert_refused(1, &["the store has no decision", "ballast decisions"]);
    let names = ["--parameters".to_owned(), stage.path("parameters.json").display().to_string()];
    let names = [names[0].as_str(), &names[1]];
    let proposed = owner.propose(&[&["--approve-decision", &hash, "--store", &path], &names[..]].concat(), &[]).await;
    assert_eq!(proposed.code, Some(0), "{proposed:?}");
    for words in [
        "approve(bytes32)",
        &format!("approves one rebalance: decision {hash}"),
        "(Aave V3 USDC)",
        "bps of NAV",
        "USDC to venues, of a NAV of 50000.000000 USDC",
        "change place",
        "for 24 h from the approval",
        "was 0",
    ] {
        assert!(proposed.stdout.contains(words), "{words}:\n{}", proposed.stdout);
    }
    assert_eq!(owner.run("verify", &names, &[]).await.code, Some(0));
    // Fewer files know fewer names, which is a difference like any other.
    owner.run("verify", &[], &[]).await.assert_refused(1, &["effects[0].notes", "(Aave V3 USDC)", "(position 1)"]);

    // Another decision under the same digest, or none: what the owners read must be what they approve.
    let good = owner.value();
    owner.edit(|value| value["decision"]["hubNonce"] = json!(77));
    owner.run("verify", &names, &[]).await.assert_refused(1, &["no call approves the digest"]);
    owner.edit(|value| {
        *value = good.clone();
        value.as_object_mut().unwrap().remove("decision");
    });
    owner.run("verify", &names, &[]).await.assert_refused(1, &["effects[0].notes", "do not sign"]);
    owner.edit(|value| *value = good);

    for number in [0, 1, 4] {
        let key = Role::GovernanceOwner(number).key();
        let sign = [&names[..], &["--dev-key"]].concat();
        assert_eq!(owner.run("sign", &sign, &[("BALLAST_DEV_SAFE_KEY", &key)]).await.code, Some(0));
    }
    let rpc = stage.devnet.rpc_url();
    let print = [&names[..], &["--print", "--json", "--rpc", &rpc]].concat();
    let printed = owner.run("execute", &print, &[]).await;
    assert_eq!(printed.code, Some(0), "{printed:?}");
    let data = printed.json()["data"].as_str().unwrap().parse().unwrap();
    send(&stage, stage.book.contracts.governance, data).await;
    let digest = owner.value()["effects"][0]["arguments"][0]["value"].as_str().unwrap().parse().unwrap();
    let hub = StrategyHub::new(stage.book.contracts.hub, stage.rpc());
    assert!(!hub.approvedAt(digest).call().await.unwrap().is_zero());
    stage.devnet.shutdown().await.unwrap();
}

// SPEC X15
#[tokio::test(flavor = "multi_thread")]
async fn the_decision_is_read_from_a_database_as_well() {
    let stage = Stage::funded().await;
    let database = postgres::server().database().await;
    let url = postgres::server().url(&database);
    let keeper = stage.keeper().with_database(&url);
    let cycle = stage.cycle(&keeper).await;
    assert_eq!(cycle.code, Some(0), "{cycle:?}");
    let hash = cycle.json()["decision_hash"].as_str().unwrap().to_owned();
    let config = stage.path("database.toml").display().to_string();
    std::fs::write(&config, keeper.text()).unwrap();

    let owner = Owner::new(&stage, "approval.json");
    let secret = [("BALLAST_DATABASE_URL", url.as_str())];
    let both = ["--approve-decision", &hash, "--config", &config, "--store", "keeper.sqlite"];
    assert_eq!(owner.propose(&both, &secret).await.code, Some(2), "one place or the other");
    let nowhere = owner.propose(&["--approve-decision", &hash], &secret).await;
    assert_eq!(nowhere.code, Some(2), "{nowhere:?}");
    let proposed = owner.propose(&["--approve-decision", &hash, "--config", &config], &secret).await;
    assert_eq!(proposed.code, Some(0), "{proposed:?}");
    assert!(proposed.stdout.contains(&format!("approves one rebalance: decision {hash}")), "{}", proposed.stdout);
    let missing = owner.propose(&["--approve-decision", &hash, "--config", &config], &[]).await;
    missing.assert_refused(1, &["BALLAST_DATABASE_URL is not set"]);
    stage.devnet.shutdown().await.unwrap();
}
