//! `ballast scenarios --devnet`, held against what it must show, and what it must not leave behind.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use serde_json::Value;
use std::{collections::BTreeMap, path::Path, process::Stdio};
use support::{Family, project_root};
use tokio::process::{Child, Command};

/// What the crises that were are read from.
const MINUTES: &str = "../shared/data/stablecoin_crisis_usd_deviation_minutes.csv.gz";

fn scenarios(out: &Path, arguments: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_ballast"))
        .args(["scenarios", "--devnet"])
        .args(arguments)
        .arg("--project-root")
        .arg(project_root())
        .arg("--out")
        .arg(out)
        .current_dir(project_root())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().unwrap()
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap()
}

fn part(value: &Value) -> f64 {
    value.as_f64().unwrap()
}

// SPEC R11, C7
#[tokio::test(flavor = "multi_thread")]
async fn the_contracts_trip_what_holds_in_the_next_block_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let run = scenarios(&folder.path().join("scenarios"), &["--json"]);
    let family = Family::of(run.id().unwrap());
    let finished = run.wait_with_output().await.unwrap();
    let printed = String::from_utf8_lossy(&finished.stdout).into_owned();
    assert!(finished.status.success(), "{printed}\n{}", String::from_utf8_lossy(&finished.stderr));
    family.ends().await;

    let report: Value = serde_json::from_str(&printed).unwrap();
    assert_eq!(report["held"], true);
    let played: BTreeMap<&str, &Value> =
        list(&report["scenarios"]).iter().map(|one| (one["id"].as_str().unwrap(), one)).collect();
    let episodes = 9;
    if project_root().join(MINUTES).exists() {
        assert_eq!(list(&report["absent"]).len(), 0);
    } else {
        eprintln!("skipped: the crises that were, because {MINUTES} is not there");
        assert_eq!(list(&report["absent"]).len(), episodes);
    }
    assert!(played.len() - (episodes - list(&report["absent"]).len()) >= 20, "{} made-up ones", played.len());
    for (id, one) in &played {
        assert!(list(&one["different"]).is_empty() && list(&one["failures"]).is_empty(), "{id}: {one:#}");
        assert_eq!((number(&one["false_trips"]), number(&one["missing_trips"])), (0, 0), "{id}");
        for trip in list(&one["trips"]) {
            let (confirmable, tripped) = (number(&trip["confirmable"]), number(&trip["tripped"]));
            assert!(tripped >= confirmable && tripped - confirmable <= 1, "{id}: {trip}");
        }
        if one["stuck"] == false {
            assert!(part(&one["worst_usdc"]) < 0.05, "{id}: {one:#}");
            assert!(one["mode"] != "exit" || part(&one["exit_completeness"]) > 0.999_999, "{id}: {one:#}");
        }
    }
    let triggers = |id: &str| -> Vec<&str> {
        list(&played[id]["trips"]).iter().map(|trip| trip["trigger"].as_str().unwrap()).collect()
    };
    for (at, past, trigger) in [
        ("peg-low-at", "peg-low-past", "peg"),
        ("peg-high-at", "peg-high-past", "peg"),
        ("feed-old", "feed-stale", "oracle"),
        ("lent-out-below", "lent-out", "utilisation"),
        ("leave-29", "leave-31", "tvl"),
    ] {
        assert_eq!((triggers(at), triggers(past)), (vec![], vec![trigger]), "{at}, {past}");
    }
    // Runs with the keeper beside them: whether it gets out is a matter of their speed, and of its being told to.
    let runs: BTreeMap<&str, &Value> =
        list(&report["runs"]).iter().map(|one| (one["id"].as_str().unwrap(), one)).collect();
    assert!(runs.len() >= 3 && runs.values().all(|run| list(&run["failures"]).is_empty()), "{runs:#?}");
    for (id, home) in
        [("run-block", 0.0), ("run-20-minutes", 0.0), ("run-30-minutes", 1.0), ("run-30-minutes-left", 0.0)]
    {
        let run = runs[id];
        let lost = part(&run["held"]) / 2.0 * (1.0 - home);
        assert!((part(&run["home"]) - home).abs() < 0.001 && (part(&run["loss"]) - lost).abs() < 0.001, "{run:#}");
    }
    // One venue pays nothing: the others come home all the same, and what stays is told.
    let paused = part(&played["exit-paused"]["exit_completeness"]);
    assert!((0.5..0.9).contains(&paused), "{paused}");
    // The exit protects against venues. Against the asset's own fall, nothing does (SPEC ERR-58).
    assert!(part(&played["collapse"]["worst_usd"]) > 0.49 && part(&played["collapse"]["worst_usdc"]) < 0.000_1);
}

// SPEC R11
#[tokio::test]
async fn the_table_of_runs_in_the_documents_is_what_the_command_prints() {
    let printed = Command::new(env!("CARGO_BIN_EXE_ballast")).args(["scenarios", "--runs"]).output().await.unwrap();
    assert!(printed.status.success(), "{printed:?}");
    let table = String::from_utf8(printed.stdout).unwrap();
    assert!(table.lines().count() >= 2 + 12, "{table}");
    let document = std::fs::read_to_string(project_root().join("docs/SCENARIOS.md")).unwrap();
    assert!(document.contains(&table), "docs/SCENARIOS.md has another table than:\n{table}");
}

#[tokio::test]
async fn a_scenario_that_there_is_not_is_bad_usage() {
    let folder = tempfile::tempdir().unwrap();
    let refused = scenarios(folder.path(), &["--only", "alien"]).wait_with_output().await.unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("no scenario begins with \"alien\""), "{refused:?}");
}
