//! Runs the official Flashbots client library (Node) against a devnet.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod harness;
use ballast_devnet::{Devnet, DevnetConfig};
use harness::project_root;
use std::time::Duration;
use tokio::process::Command;

/// Long enough for the client to get several requests in between two blocks on a busy machine.
const BLOCK_TIME: Duration = Duration::from_millis(700);

// SPEC X7
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_official_client_works_against_the_relay() {
    let devnet = Devnet::start(DevnetConfig { block_time: Some(BLOCK_TIME), ..DevnetConfig::new(project_root()) })
        .await
        .unwrap();
    let run = Command::new("node")
        .args(["--test", "test/flashbots/"])
        .current_dir(project_root())
        .env("RPC_URL", devnet.rpc_url())
        .env("RELAY_URL", devnet.relay_url())
        .output()
        .await
        .expect("node runs the client's test: install Node 20 or later");
    let report = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{report}\n{}", String::from_utf8_lossy(&run.stderr));
    assert!(report.contains("# fail 0") && !report.contains("# pass 0"), "no test ran:\n{report}");
    devnet.shutdown().await.unwrap();
}
