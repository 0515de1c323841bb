//! `ballast drill`, held against what it must show, and what it must not leave behind.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use serde_json::Value;
use std::{path::Path, process::Stdio};
use support::{Family, project_root, until};
use tokio::process::{Child, Command};

fn drill(out: &Path, arguments: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_ballast"))
        .arg("drill")
        .args(arguments)
        .arg("--project-root")
        .arg(project_root())
        .arg("--out")
        .arg(out)
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

// SPEC G3
#[tokio::test(flavor = "multi_thread")]
async fn every_level_is_detected_answered_and_over_in_its_time() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("drill");
    let drill = drill(&out, &["--json"]);
    let family = Family::of(drill.id().unwrap());
    let finished = drill.wait_with_output().await.unwrap();
    let printed = String::from_utf8_lossy(&finished.stdout).into_owned();
    assert!(finished.status.success(), "{printed}\n{}", String::from_utf8_lossy(&finished.stderr));
    family.ends().await;

    let report: Value = serde_json::from_str(&printed).unwrap();
    let written: Value = serde_json::from_slice(&std::fs::read(out.join("drill.json")).unwrap()).unwrap();
    assert_eq!((&report, &report["passed"]), (&written, &true.into()));
    let targets: Vec<_> = list(&report["levels"])
        .iter()
        .flat_map(|level| list(&level["incidents"]))
        .map(|incident| (incident["level"].as_str().unwrap(), incident["target"].as_u64().unwrap()))
        .collect();
    let grace = targets[2].1;
    let promised = [("P0", 900), ("P1", 3_600), ("P1", grace), ("P2", 14_400), ("P2", 14_400), ("P3", 86_400)];
    assert_eq!(targets, promised);
    for level in list(&report["levels"]) {
        assert!(level["failure"].is_null());
        for incident in list(&level["incidents"]) {
            let steps = list(&incident["steps"]);
            assert!(steps[0]["within"].is_null() && steps.len() >= 2, "{incident:#}");
            let mut last = 0;
            for step in &steps[1..] {
                let (blocks, seconds) = (step["blocks"].as_u64().unwrap(), step["seconds"].as_u64().unwrap());
                let within = &step["within"];
                let (taken, bound) = within["blocks"]
                    .as_u64()
                    .map_or_else(|| (seconds, within["seconds"].as_u64().unwrap()), |bound| (blocks, bound));
                assert!(taken <= bound, "{step:#}");
                assert!(step["block"].as_u64() >= steps[0]["block"].as_u64() && seconds >= last, "in order: {step:#}");
                last = seconds;
            }
            let over = steps.last().unwrap();
            assert!(over["what"].as_str().unwrap().contains("over"), "{over:#}");
            assert_eq!(over["within"]["seconds"], incident["target"]);
        }
    }
    // The machine's part of P0: seen in its block, tripped in the next.
    let p0 = list(&report["levels"][0]["incidents"][0]["steps"]);
    let trip = p0.iter().find(|step| step["what"].as_str().unwrap().contains("trips the switch")).unwrap();
    assert_eq!((&trip["who"], &trip["blocks"]), (&"keeper".into(), &1.into()));
}

// SPEC G3
#[tokio::test(flavor = "multi_thread")]
async fn a_drill_that_is_killed_takes_its_keepers_and_its_node_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("drill");
    let mut drill = drill(&out, &["--level", "P1"]);
    let family = Family::of(drill.id().unwrap());
    let standby = out.join("P1/standby.log");
    until("its standby", async || std::fs::metadata(&standby).ok().filter(|log| log.len() > 0)).await;
    until("its processes", async || (family.has_anvil() && family.has("ballast")).then_some(())).await;
    drill.kill().await.unwrap();
    family.ends().await;
}

#[tokio::test]
async fn a_level_that_there_is_not_is_bad_usage() {
    let folder = tempfile::tempdir().unwrap();
    let refused = drill(folder.path(), &["--level", "P4"]).wait_with_output().await.unwrap();
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("P0, P1, P2, P3"), "{refused:?}");
}
