//! The node's process: it ends with us, however we end, and keeps its state when asked to.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod harness;
use ballast_devnet::{Devnet, DevnetConfig, DevnetError, anvil::AnvilError};
use harness::*;
use serde_json::json;
use std::{
    collections::HashMap,
    io::{BufRead, BufReader},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

const READY: &str = "devnet is up";

/// Process ids of all descendants of `root` whose command line contains `anvil`.
fn anvils_below(root: u32) -> Vec<u32> {
    let listing = Command::new("ps").args(["-A", "-o", "pid=,ppid=,args="]).output().unwrap();
    let mut children: HashMap<u32, Vec<(u32, String)>> = HashMap::new();
    for line in String::from_utf8_lossy(&listing.stdout).lines() {
        let mut fields = line.split_whitespace();
        let (pid, parent) = (fields.next().unwrap().parse().unwrap(), fields.next().unwrap().parse().unwrap());
        children.entry(parent).or_default().push((pid, fields.collect::<Vec<_>>().join(" ")));
    }
    let (mut found, mut open) = (Vec::new(), vec![root]);
    while let Some(parent) = open.pop() {
        for (pid, command) in children.get(&parent).into_iter().flatten() {
            open.push(*pid);
            if command.contains("anvil") {
                found.push(*pid);
            }
        }
    }
    found
}

fn is_running(pid: u32) -> bool {
    let state = Command::new("ps").args(["-o", "stat=", "-p", &pid.to_string()]).output().unwrap();
    let state = String::from_utf8_lossy(&state.stdout).trim().to_owned();
    !state.is_empty() && !state.starts_with('Z')
}

/// Not a test by itself: the parent that is killed in the next one.
#[tokio::test]
#[ignore = "runs until it is killed"]
async fn hold_a_devnet() {
    let _devnet = start().await;
    println!("\n{READY}");
    std::future::pending::<()>().await;
}

#[test]
fn the_node_dies_with_a_killed_parent() {
    let mut parent = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "hold_a_devnet", "--nocapture"])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(parent.stdout.take().unwrap()).lines();
    assert!(lines.map_while(Result::ok).any(|line| line == READY), "the devnet did not start");
    let nodes = anvils_below(parent.id());
    assert!(nodes.iter().any(|pid| is_running(*pid)), "no anvil below the parent: the test looks for the wrong thing");
    // SIGKILL: no destructor runs.
    parent.kill().unwrap();
    parent.wait().unwrap();
    let deadline = Instant::now() + Duration::from_secs(15);
    while nodes.iter().any(|pid| is_running(*pid)) {
        assert!(Instant::now() < deadline, "anvil outlived its parent: {nodes:?}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[tokio::test]
async fn shutdown_leaves_nothing_running_and_the_state_can_be_loaded_again() {
    let state = std::env::temp_dir().join(format!("ballast-devnet-state-{}.json", std::process::id()));
    let devnet = Devnet::start(DevnetConfig {
        dump_state: Some(state.clone()),
        block_time: Some(Duration::from_millis(50)),
        ..DevnetConfig::new(project_root())
    })
    .await
    .unwrap();
    rpc(&devnet, "anvil_setBalance", json!([RECEIVER, "0x7b"])).await.unwrap();
    while height(&devnet).await < 3 {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    let (relay, last) = (devnet.relay_url(), height(&devnet).await);
    devnet.shutdown().await.unwrap();
    assert!(
        reqwest::Client::builder().no_proxy().build().unwrap().get(format!("{relay}/tx/0x0")).send().await.is_err(),
        "the relay still answers"
    );

    let again = Devnet::start(DevnetConfig { load_state: Some(state.clone()), ..DevnetConfig::new(project_root()) })
        .await
        .unwrap();
    assert_eq!(rpc(&again, "eth_getBalance", json!([RECEIVER, "latest"])).await.unwrap(), json!("0x7b"));
    assert!(height(&again).await >= last);
    assert_eq!(again.builder().build_block().await.unwrap().number, height(&again).await);
    again.shutdown().await.unwrap();
    std::fs::remove_file(state).unwrap();
}

#[tokio::test]
async fn a_failed_start_says_why() {
    let missing = Devnet::start(DevnetConfig::new("/nonexistent")).await.unwrap_err();
    assert!(
        matches!(&missing, DevnetError::Anvil(AnvilError::Missing(_))) && missing.to_string().contains("make setup"),
        "{missing}"
    );
    let state = Some("/nonexistent/state.json".into());
    let ended =
        Devnet::start(DevnetConfig { load_state: state, ..DevnetConfig::new(project_root()) }).await.unwrap_err();
    assert!(matches!(&ended, DevnetError::Anvil(AnvilError::Ended(words)) if words.contains("state")), "{ended}");
    let running = start().await;
    let port = running.relay_url().rsplit(':').next().unwrap().parse().unwrap();
    let taken = Devnet::start(DevnetConfig { kms_port: port, ..DevnetConfig::new(project_root()) }).await.unwrap_err();
    assert!(taken.to_string().contains(&format!("127.0.0.1:{port}")), "{taken}");
    running.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_fork_continues_another_chain_under_our_chain_id() {
    let origin = start().await;
    let sent = transfer(&account(1), 0);
    rpc(&origin, "eth_sendRawTransaction", json!([sent.raw])).await.unwrap();
    origin.builder().build_block().await.unwrap();
    let fork = Devnet::start(DevnetConfig { fork_url: Some(origin.rpc_url()), ..DevnetConfig::new(project_root()) })
        .await
        .unwrap();
    assert_eq!(rpc(&fork, "eth_chainId", json!([])).await.unwrap(), json!("0x7a69"));
    assert_eq!(rpc(&fork, "eth_getBalance", json!([RECEIVER, "latest"])).await.unwrap(), json!("0x1"));
    assert_eq!(fork.builder().build_block().await.unwrap().number, 2);
    assert_eq!(height(&origin).await, 1);
    fork.shutdown().await.unwrap();
    origin.shutdown().await.unwrap();
}
