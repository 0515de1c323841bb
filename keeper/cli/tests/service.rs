//! The service under a service manager: what it says over a real notification socket, how it ends, and what it logs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use ballast_devnet::keeper_config::SECRETS;
use ballast_store::{State, Store, StoreError};
use serde_json::Value;
use std::{
    fs,
    os::{
        linux::net::SocketAddrExt,
        unix::{
            fs::{MetadataExt, PermissionsExt},
            net::{SocketAddr, UnixDatagram},
        },
    },
    path::Path,
    time::{Duration, Instant},
};
use support::{Keeper, Stage, newest_attempt, store_when_there, until};

/// How long the manager waits for a sign of life.
const WATCHDOG: Duration = Duration::from_secs(4);

/// A service manager's end of the socket.
struct Manager(UnixDatagram);

impl Manager {
    fn at(path: &Path) -> Self {
        Self::on(UnixDatagram::bind(path).unwrap())
    }

    fn abstract_at(name: &str) -> Self {
        Self::on(UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(name).unwrap()).unwrap())
    }

    fn on(socket: UnixDatagram) -> Self {
        socket.set_nonblocking(true).unwrap();
        Self(socket)
    }

    fn heard(&self) -> Option<String> {
        let mut buffer = [0; 4_096];
        let length = self.0.recv(&mut buffer).ok()?;
        Some(String::from_utf8(buffer[..length].to_vec()).unwrap())
    }

    /// The next message that begins so.
    async fn hears(&self, beginning: &str) -> String {
        until(beginning, async || self.heard().filter(|message| message.starts_with(beginning))).await
    }

    async fn hears_during(&self, time: Duration) -> Vec<String> {
        while self.heard().is_some() {}
        tokio::time::sleep(time).await;
        std::iter::from_fn(|| self.heard()).collect()
    }
}

fn supervised(keeper: &Keeper, socket: &str) -> Keeper {
    let watchdog = WATCHDOG.as_micros().to_string();
    keeper.clone().with_secret("NOTIFY_SOCKET", socket).with_secret("WATCHDOG_USEC", &watchdog)
}

// SPEC X18
#[tokio::test(flavor = "multi_thread")]
async fn the_service_says_when_it_is_ready_that_it_lives_what_it_does_and_that_it_stops() {
    let stage = Stage::empty().await;
    let path = stage.path("notify");
    let manager = Manager::at(&path);
    let keeper = stage.keeper();
    let service = supervised(&keeper, path.to_str().unwrap()).spawn(&["run"]);
    assert_eq!(manager.hears("READY").await, "READY=1");
    let taken = Store::open(keeper.store_path()).await;
    assert!(matches!(taken, Err(StoreError::Locked { .. })), "ready means that it holds the lease: {taken:?}");
    let status = manager.hears("STATUS").await;
    assert!(status.starts_with("STATUS=block ") && status.contains(": hold ("), "{status}");
    for _ in 0..3 {
        assert_eq!(manager.hears("WATCHDOG").await, "WATCHDOG=1");
    }
    let stopped = service.terminate("TERM").await;
    assert_eq!(stopped.code, Some(0), "{stopped:?}");
    assert!(manager.hears("STOPPING").await.starts_with("STOPPING=1"));
}

// SPEC X18
#[tokio::test(flavor = "multi_thread")]
async fn an_abstract_socket_is_a_socket_and_a_wrong_one_is_refused() {
    let stage = Stage::empty().await;
    let name = format!("ballast-test-{}", std::process::id());
    let manager = Manager::abstract_at(&name);
    let keeper = stage.keeper();
    let service = supervised(&keeper, &format!("@{name}")).spawn(&["run"]);
    manager.hears("READY=1").await;
    assert_eq!(service.terminate("INT").await.code, Some(0));
    manager.hears("STOPPING=1").await;

    for wrong in ["relative", "/nowhere/notify", "@nobody-is-here"] {
        let refused = supervised(&keeper, wrong).run(&["run"]).await;
        refused.assert_refused(1, &["NOTIFY_SOCKET", wrong, "expected an absolute path, or @"]);
    }
    let refused = supervised(&keeper, &format!("@{name}")).with_secret("WATCHDOG_USEC", "soon").run(&["run"]).await;
    refused.assert_refused(1, &["WATCHDOG_USEC", "soon", "microseconds"]);
}

// SPEC X18
#[tokio::test(flavor = "multi_thread")]
async fn a_loop_that_is_stuck_gives_no_sign_of_life() {
    let stage = Stage::funded().await;
    let path = stage.path("notify");
    let manager = Manager::at(&path);
    let keeper = stage.keeper();
    let stuck = supervised(&keeper, path.to_str().unwrap()).set("execution.halt_after", State::Gated.name());
    let service = stuck.spawn(&["run"]);
    manager.hears("READY=1").await;
    let store = store_when_there(&keeper.store_path()).await;
    let halted = async || newest_attempt(&store).await.filter(|attempt| attempt.state == State::Gated);
    until("the halt", halted).await;
    // The step that was the last counts once more.
    tokio::time::sleep(WATCHDOG / 2).await;
    let heard = manager.hears_during(WATCHDOG).await;
    assert_eq!(heard, [""; 0], "the manager would have restarted it by now");
    service.kill().await;
    let restarted = stage.cycle(&keeper).await;
    assert_eq!(restarted.json()["outcome"]["state"], "final", "{restarted:?}");
}

// SPEC X11: the first decision is a review; after it nothing asks, not even a start, since the last one is in the store.
#[tokio::test(flavor = "multi_thread")]
async fn with_triggers_it_decides_when_one_asks_and_not_with_every_block() {
    let stage = Stage::empty().await;
    let path = stage.path("notify");
    let manager = Manager::at(&path);
    let keeper = supervised(&stage.keeper(), path.to_str().unwrap());
    let keeper = keeper.set("triggers.every_block", false).set("triggers.low_gas", false);
    let service = keeper.spawn(&["run"]);
    let first = manager.hears("STATUS").await;
    assert!(first.contains(": hold (nothing to move: the vault is empty"), "{first}");
    assert_eq!(service.terminate("TERM").await.code, Some(0));
    while manager.heard().is_some() {}
    let service = keeper.spawn(&["run"]);
    let status = manager.hears("STATUS").await;
    assert!(status.ends_with(": no trigger asks for a decision"), "{status}");
    assert_eq!(service.terminate("TERM").await.code, Some(0));
    assert_eq!(keeper.store().await.decisions(10).await.unwrap().len(), 1);
}

// SPEC X8, X18
#[tokio::test(flavor = "multi_thread")]
async fn a_keeper_that_waits_for_a_block_lives_and_stops_at_once_between_two_states() {
    let stage = Stage::funded().await;
    let path = stage.path("notify");
    let manager = Manager::at(&path);
    let keeper = stage.keeper();
    let service = supervised(&keeper, path.to_str().unwrap()).spawn(&["run"]);
    let store = store_when_there(&keeper.store_path()).await;
    let handed_over = async || newest_attempt(&store).await.filter(|attempt| attempt.facts.bundle_hash.is_some());
    let attempt = until("a bundle", handed_over).await;
    let heard = manager.hears_during(WATCHDOG).await;
    assert!(heard.iter().any(|message| message == "WATCHDOG=1"), "waiting is no standstill: {heard:?}");

    let asked = Instant::now();
    let stopped = service.terminate("TERM").await;
    assert_eq!(stopped.code, Some(0), "{stopped:?}");
    assert!(asked.elapsed() < Duration::from_secs(5), "it did not wait for the block: {:?}", asked.elapsed());
    assert_eq!(store.attempt(attempt.id).await.unwrap().state, State::Submitted);
    assert!(stopped.stderr.contains("keeper stopped"), "{stopped:?}");

    stage.build_block().await;
    let restarted = stage.cycle(&keeper).await;
    assert_eq!(restarted.code, Some(0), "{restarted:?}");
    assert_eq!(store.attempt(attempt.id).await.unwrap().state, State::Final);
    assert_eq!(stage.assert_consistent(&keeper).await, 1);
}

// SPEC Y1
#[tokio::test(flavor = "multi_thread")]
async fn secrets_are_read_from_the_credentials_directory_before_the_environment() {
    let stage = Stage::funded().await;
    let directory = stage.path("credentials");
    fs::create_dir(&directory).unwrap();
    let write = |name: &str, value: &str, mode: u32| {
        let path = directory.join(name);
        fs::write(&path, format!("{value}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    };
    for (name, value) in SECRETS {
        write(name, value, 0o400);
    }
    let keeper = stage.keeper();
    let handed = keeper.clone().without_secrets().with_secret("CREDENTIALS_DIRECTORY", directory.to_str().unwrap());
    let cycle = stage.cycle(&handed).await;
    assert_eq!(cycle.json()["outcome"]["state"], "final", "{cycle:?}");

    let relay_key = SECRETS[2].0;
    fs::remove_file(directory.join(relay_key)).unwrap();
    handed.run(&["run", "--once"]).await.assert_refused(1, &[relay_key, "is not set", "no credential of that name"]);
    write(relay_key, SECRETS[2].1, 0o644);
    let refused = handed.with_secret(relay_key, SECRETS[2].1).run(&["run", "--once"]).await;
    refused.assert_refused(1, &[relay_key, "mode 644", "chmod 400"]);
}

/// Every line is an object with these four, as the journal's readers expect.
fn parsed(log: &str, prefix: bool) -> Vec<Value> {
    let line = |line: &str| {
        let line = if prefix {
            let (priority, line) = line.split_at(3);
            assert!(["<3>", "<4>", "<6>", "<7>"].contains(&priority), "{priority}{line}");
            line
        } else {
            line
        };
        let value: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        for field in ["timestamp", "level", "target", "fields"] {
            assert!(!value[field].is_null(), "{field} in {value}");
        }
        value
    };
    log.lines().map(line).collect()
}

// SPEC N6
#[tokio::test(flavor = "multi_thread")]
async fn log_lines_are_json_when_asked_for_and_for_the_journal() {
    let stage = Stage::empty().await;
    let keeper = stage.keeper();
    let asked = keeper.run(&["--log-format", "json", "run", "--once", "--json"]).await;
    assert_eq!(asked.code, Some(0), "{asked:?}");
    assert!(parsed(&asked.stderr, false).iter().any(|line| line["fields"]["message"] == "hold"), "{asked:?}");
    assert!(asked.json()["outcome"].is_null(), "the answer is on standard output: {asked:?}");

    let path = stage.path("journal");
    let file = fs::File::create(&path).unwrap();
    let metadata = file.metadata().unwrap();
    let stream = format!("{}:{}", metadata.dev(), metadata.ino());
    let journaled = keeper.clone().with_secret("JOURNAL_STREAM", &stream);
    assert_eq!(journaled.run_logging_to(file, &["run", "--once"]).await.code, Some(0));
    let lines = parsed(&fs::read_to_string(&path).unwrap(), true);
    assert!(lines.iter().any(|line| line["level"] == "INFO" && line["fields"]["message"] == "hold"), "{lines:#?}");

    let elsewhere = journaled.run(&["run", "--once"]).await;
    assert!(!elsewhere.stderr.starts_with(['<', '{']), "standard error is not the journal's: {elsewhere:?}");
    let overruled = keeper.run(&["run", "--once", "--log-format", "xml"]).await;
    assert_eq!(overruled.code, Some(2), "{overruled:?}");
}

// SPEC N6
#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_logged_however_much_is() {
    const SECRET: &str = "SECRETSECRETSECRET";
    let stage = Stage::funded().await;
    let relay_key = "0x3acee2d7f3d3a6ae4b9a1b8a9b1a6c2f0e4d5c6b7a8990817263544536271809";
    let keeper = stage
        .keeper()
        .with_secret("AWS_SECRET_ACCESS_KEY", SECRET)
        .with_secret("BALLAST_RELAY_KEY", relay_key)
        .with_secret("RUST_LOG", "trace")
        .set("chain.rpc", vec![format!("{}/?key={SECRET}", stage.devnet.rpc_url())]);
    let arguments = ["--log-format", "json", "run", "--json"];
    let look = keeper.run(&[&arguments[..], &["--dry-run"]].concat()).await;
    let cycle = stage.with_block_per_bundle(&keeper, keeper.run(&[&arguments[..], &["--once"]].concat())).await;
    assert_eq!(cycle.json()["outcome"]["state"], "final", "{cycle:?}");
    let denied = keeper.clone().with_store("denied.sqlite");
    stage.devnet.kms().set_fault(ballast_devnet::KmsFault::Deny);
    let denied = denied.run(&arguments).await;
    assert_eq!(denied.code, Some(1), "{denied:?}");
    assert!(parsed(&cycle.stderr, false).iter().any(|line| line["level"] == "TRACE" || line["level"] == "DEBUG"));
    for finished in [look, cycle, denied] {
        for secret in [SECRET, relay_key, &relay_key[2..]] {
            for (what, text) in [("standard output", &finished.stdout), ("standard error", &finished.stderr)] {
                let line = text.lines().find(|line| line.contains(secret));
                assert_eq!(line, None, "{secret} on {what}");
            }
        }
    }
}
