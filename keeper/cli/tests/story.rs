//! `ballast story`, held against what it must show, and what it must not leave behind.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use alloy::primitives::{B256, KECCAK256_EMPTY};
use serde_json::Value;
use std::{collections::BTreeSet, fs, process::Stdio};
use support::{Family, project_root, until};
use tokio::process::Command;

// SPEC C1, C3, C7a, C10, X3, X7
#[tokio::test(flavor = "multi_thread")]
async fn the_story_ends_well_and_leaves_nothing_running() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("run");
    let story = Command::new(env!("CARGO_BIN_EXE_ballast"))
        .arg("story")
        .arg("--project-root")
        .arg(project_root())
        .arg("--out")
        .arg(&out)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let family = Family::of(story.id().unwrap());
    let finished = story.wait_with_output().await.unwrap();
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    assert!(finished.status.success(), "{}\n{}", text(&finished.stdout), text(&finished.stderr));
    family.ends().await;

    let summary: Value = serde_json::from_slice(&fs::read(out.join("summary.json")).unwrap()).unwrap();
    assert_eq!(summary["chain_id"], 31_337);
    let [first, last] = [0, 1].map(|end| summary["block_range"][end].as_u64().unwrap());
    assert!(first < last, "{first} to {last}");

    let protocols = list(&summary["protocols"]);
    assert!(protocols.len() >= 4, "{protocols:#?}");
    for protocol in protocols {
        let code: B256 = protocol["code_hash"].as_str().unwrap().parse().unwrap();
        assert!(code != B256::ZERO && code != KECCAK256_EMPTY, "{protocol:#}");
    }

    let venues: BTreeSet<&str> = list(&summary["venues"]).iter().map(|venue| text_of(&venue["name"])).collect();
    let contracts: BTreeSet<&str> = list(&summary["venues"]).iter().map(|venue| text_of(&venue["venue"])).collect();
    assert!(venues.len() >= 4 && contracts.len() == venues.len(), "{:#}", summary["venues"]);
    for venue in list(&summary["venues"]) {
        assert!(venue["size"].as_u64().unwrap() >= 50_000_000_000_000, "others have money there: {venue:#}");
    }

    let policies = list(&summary["backtest"]["policies"]);
    let names: Vec<&str> = policies.iter().map(|policy| text_of(&policy["name"])).collect();
    assert!(names.contains(&"hold") && names.contains(&"convex"), "{names:?}");
    for policy in policies {
        assert!(policy["final_value"].as_f64().unwrap() > 1_000_000.0, "{policy:#}");
    }

    let rebalances = list(&summary["rebalances"]);
    assert!(rebalances.len() >= 2, "{rebalances:#?}");
    for rebalance in rebalances {
        assert!(rebalance["gas_used"].as_u64().unwrap() > 0, "{rebalance:#}");
        assert_eq!(rebalance["gas_simulated"], rebalance["gas_used"], "{rebalance:#}");
        assert_eq!(rebalance["balances_equal"], true, "{rebalance:#}");
        assert_eq!(rebalance["private"], true, "{rebalance:#}");
        assert!(rebalance["bundle_hash"].is_string(), "{rebalance:#}");
        assert!((first..=last).contains(&rebalance["block"].as_u64().unwrap()), "{rebalance:#}");
        let shares: u64 = list(&rebalance["targets"]).iter().map(|target| target["bps"].as_u64().unwrap()).sum();
        assert!((1..=9_500).contains(&shares), "a reserve of 5 % stays idle: {rebalance:#}");
    }
    for field in ["tx", "proof"] {
        let different: BTreeSet<&str> = rebalances.iter().map(|rebalance| rebalance[field].as_str().unwrap()).collect();
        assert_eq!(different.len(), rebalances.len(), "{field}");
    }
    for refused in list(&summary["refused"]) {
        assert!(!refused["reason"].as_str().unwrap().is_empty());
    }
    assert!(!list(&summary["refused"]).is_empty());
    assert_eq!(summary["replay"]["equal"], true);

    let switch = &summary["kill_switch"];
    let block = |name: &str| switch[name].as_u64().unwrap();
    assert!(block("condition_block") <= block("tripped_block"), "{switch:#}");
    assert!(block("tripped_block") - block("condition_block") <= 1, "{switch:#}");
    assert!(block("tripped_block") < block("exit_block"), "{switch:#}");
    exit_is_whole_but_for_one(&summary["exit"], &venues);
    for (adapter, leg) in list(&switch["adapters"]).iter().zip(list(&summary["exit"]["attempts"][0]["legs"])) {
        let of_adapter = ["venue", "recovered", "ok", "reason"].map(|field| &adapter[field]);
        assert_eq!(of_adapter, ["venue", "received", "ok", "reason"].map(|field| &leg[field]));
    }

    let (deposits, redemptions) = (list(&summary["deposits"]), list(&summary["redemptions"]));
    assert_eq!((deposits.len(), redemptions.len()), (3, 3));
    for (deposit, redemption) in deposits.iter().zip(redemptions) {
        assert_eq!(deposit["account"], redemption["account"]);
        assert!(redemption["assets"].as_u64() > deposit["assets"].as_u64(), "they earned: {redemption:#}");
    }
    assert!(summary["unredeemed_assets"].as_u64().unwrap() <= 3, "{}", summary["unredeemed_assets"]);
    let meanwhile = list(&summary["exit"]["left_meanwhile"]);
    let taken = |at: usize| (meanwhile[at]["account"].as_str(), meanwhile[at]["assets"].as_u64().unwrap());
    let total = |at: usize| (redemptions[at]["account"].as_str(), redemptions[at]["assets"].as_u64().unwrap());
    assert_eq!(taken(0), total(0), "one had left in full before the venue worked again");
    assert!(taken(1).0 == total(1).0 && (1..total(1).1).contains(&taken(1).1), "another with a part: {meanwhile:#?}");
}

/// One venue pays nothing, and the others come home in the same transaction; once it works again, so does its part.
fn exit_is_whole_but_for_one(exit: &Value, venues: &BTreeSet<&str>) {
    let invested = list(&exit["held_before"]).iter().filter(|venue| venue["assets"].as_u64().unwrap() > 1_000_000_000);
    assert!(invested.count() >= 3, "{exit:#}");
    let failing = exit["failing"].as_str().unwrap();
    let [first, second] = list(&exit["attempts"]) else { panic!("{exit:#}") };
    assert!(first["block"].as_u64() < second["block"].as_u64() && first["tx"] != second["tx"], "{exit:#}");
    for attempt in [first, second] {
        let legs = list(&attempt["legs"]);
        let named: BTreeSet<&str> = legs.iter().map(|leg| text_of(&leg["venue"])).collect();
        assert_eq!((&named, legs.len()), (venues, venues.len()), "every venue is reported once: {attempt:#}");
        // SPEC C10: within the hour; here there is nobody to wait for.
        assert!(attempt["wall_ms"].as_u64().unwrap() < 60_000, "{attempt:#}");
    }
    let mut came_home = 0;
    for (leg, again) in list(&first["legs"]).iter().zip(list(&second["legs"])) {
        let amount = |leg: &Value, name: &str| leg[name].as_u64().unwrap();
        assert_eq!((&leg["venue"], &again["ok"]), (&again["venue"], &true.into()), "riskiest first, both times");
        if leg["venue"] == failing {
            assert_eq!((&leg["ok"], amount(leg, "received")), (&false.into(), 0), "{leg:#}");
            assert!(amount(leg, "remaining") > 1_000_000_000, "{leg:#}");
            assert!(amount(again, "received") >= amount(leg, "remaining"), "with interest: {again:#}");
        } else {
            assert!(leg["ok"] == true && amount(leg, "remaining") <= 2, "{leg:#}");
            assert!(amount(again, "received") <= 2, "{again:#}");
            came_home += usize::from(amount(leg, "received") > 1_000_000_000);
        }
    }
    assert!(came_home >= 2, "{first:#}");
}

fn text_of(value: &Value) -> &str {
    value.as_str().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_devnet_that_is_killed_takes_its_node_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let mut devnet = Command::new(env!("CARGO_BIN_EXE_ballast"))
        .args(["devnet", "--rpc-port", "0", "--relay-port", "0", "--kms-port", "0", "--project-root"])
        .arg(project_root())
        .arg("--out")
        .arg(folder.path())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let family = Family::of(devnet.id().unwrap());
    until("the devnet's files", async || fs::read(folder.path().join("keeper.toml")).ok()).await;
    until("its node", async || family.has_anvil().then_some(())).await;
    devnet.kill().await.unwrap();
    family.ends().await;
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}
