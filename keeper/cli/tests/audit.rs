//! `ballast audit`: a verdict a person understands, on SQLite and PostgreSQL.
// SPEC X8
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../../store/tests/support/postgres.rs"]
mod postgres;

use alloy::primitives::{Address, Bytes};
use ballast_store::{Location, Store};
use serde_json::Value;
use sqlx::{ConnectOptions, sqlite::SqliteConnectOptions};
use std::{fs, path::Path, process::Command};

/// A complete file; `audit` contacts nothing that it names but the store.
const CONFIG: &str = r#"
[chain]
id = 1
rpc = ["http://127.0.0.1:1"]
[contracts]
vault = "0x1111111111111111111111111111111111111111"
hub = "0x2222222222222222222222222222222222222222"
kill_switch = "0x3333333333333333333333333333333333333333"
[[venues]]
name = "a venue"
kind = "aave-v3"
adapter = "0x4444444444444444444444444444444444444444"
risk_score = 20
max_position = 5000
[eth_usd]
aggregator = "0x5555555555555555555555555555555555555555"
heartbeat = 3600
[policy]
reserve = 500
max_position = 5000
horizon_hours = 720
min_gain = 10
expected_gas = 1100000
slippage = 1
max_risk_score = 70
max_head_age = 300
[keeper]
type = "kms"
key = "alias/keeper"
[attestor]
type = "kms"
key = "alias/attestor"
[relay]
url = "http://127.0.0.1:1"
"#;

struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

fn ballast(folder: &Path, store: &str, url: Option<&str>, arguments: &[&str]) -> Said {
    let config = folder.join("ballast.toml");
    fs::write(&config, format!("{CONFIG}[store]\n{store}\n")).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_ballast"));
    command.args(arguments).arg("--config").arg(&config).env_clear();
    if let Some(url) = url {
        command.env("BALLAST_DATABASE_URL", url);
    }
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Said { code: output.status.code(), out: text(output.stdout), err: text(output.stderr) }
}

/// Two calls.
async fn written(location: &Location) -> Store {
    let store = Store::open_at(location).await.unwrap();
    for purpose in ["checkpoint", "heartbeat"] {
        store.put_call(purpose, Address::repeat_byte(4), &Bytes::from(vec![1, 2])).await.unwrap();
    }
    store
}

fn intact(run: impl Fn(&[&str]) -> Said, store_head: &str) {
    let verified = run(&["audit", "verify"]);
    assert_eq!(verified.code, Some(0), "{}{}", verified.out, verified.err);
    assert!(verified.out.contains("intact: 2 entries") && verified.out.contains(store_head), "{}", verified.out);
    assert!(verified.out.contains("would not be noticed"), "{}", verified.out);
    let head = run(&["audit", "head"]);
    assert_eq!((head.code, head.out), (Some(0), format!("{store_head} after 2 entries\n")));
    let json: Value = serde_json::from_str(&run(&["audit", "head", "--json"]).out).unwrap();
    assert_eq!((&json["hash"], &json["seq"]), (&store_head.into(), &2.into()));
    let known = run(&["audit", "verify", "--head", store_head, "--json"]);
    let json: Value = serde_json::from_str(&known.out).unwrap();
    assert_eq!((&json["intact"], &json["audit"]["expected_at"]), (&true.into(), &2.into()));
    let unknown = run(&["audit", "verify", "--head", &store_head.replace(['1', '2', '3'], "9")]);
    assert_eq!(unknown.code, Some(1));
    assert!(unknown.out.contains("NOT intact: audit 2:") && unknown.out.contains("newest entries were removed"));
    assert_eq!(run(&["audit", "verify", "--head", "0x12"]).code, Some(2));
}

#[tokio::test]
async fn a_sqlite_store_is_verified_and_a_changed_row_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keeper.sqlite");
    let store = written(&Location::Sqlite(path.clone())).await;
    let head = store.audit_head().await.unwrap().hash.to_string();
    let run = |arguments: &[&str]| ballast(folder.path(), "path = \"keeper.sqlite\"", None, arguments);
    intact(run, &head);

    let mut intruder = SqliteConnectOptions::new().filename(&path).connect().await.unwrap();
    sqlx::raw_sql("UPDATE calls SET purpose = 'gift' WHERE id = 2").execute(&mut intruder).await.unwrap();
    let tampered = run(&["audit", "verify"]);
    assert_eq!(tampered.code, Some(1));
    let told = "NOT intact: calls 2: it was changed: purpose is \"gift\", but \"heartbeat\" was written";
    assert!(tampered.out.starts_with(told), "{}", tampered.out);
    let json: Value = serde_json::from_str(&run(&["audit", "verify", "--json"]).out).unwrap();
    assert_eq!((&json["intact"], &json["audit"]["fault"]["row"]), (&false.into(), &"2".into()));
}

#[tokio::test]
async fn a_postgresql_store_is_verified_and_its_url_is_not_told() {
    let folder = tempfile::tempdir().unwrap();
    let database = postgres::server().database().await;
    let url = postgres::server().url(&database);
    let store = written(&Location::Postgres(url.parse().unwrap())).await;
    let head = store.audit_head().await.unwrap().hash.to_string();
    let variable = "url_variable = \"BALLAST_DATABASE_URL\"";
    intact(|arguments| ballast(folder.path(), variable, Some(&url), arguments), &head);

    for (url, words) in [
        (None, "BALLAST_DATABASE_URL is not set"),
        (
            Some("mysql://keeper:s3cr3t@h/d"),
            "BALLAST_DATABASE_URL is not postgresql://user:password@host:port/database",
        ),
        (Some("postgresql://keeper:s3cr3t@127.0.0.1:1/d"), "postgresql://keeper@127.0.0.1:1/d cannot be opened"),
    ] {
        let refused = ballast(folder.path(), variable, url, &["audit", "verify"]);
        assert_eq!(refused.code, Some(1));
        assert!(refused.err.contains(words) && !refused.err.contains("s3cr3t"), "{}", refused.err);
    }
}

#[test]
fn a_store_that_is_not_there_is_not_intact() {
    let folder = tempfile::tempdir().unwrap();
    let missing = ballast(folder.path(), "path = \"keeper.sqlite\"", None, &["audit", "verify"]);
    assert_eq!(missing.code, Some(1));
    assert!(missing.err.contains("there is no store at"), "{}", missing.err);
    let both = "path = \"keeper.sqlite\"\nurl_variable = \"BALLAST_DATABASE_URL\"";
    let refused = ballast(folder.path(), both, None, &["audit", "head"]);
    let inline = ballast(folder.path(), "url = \"postgresql://keeper:s3cr3t@h/d\"", None, &["audit", "head"]);
    assert_eq!(inline.code, Some(1));
    assert!(inline.err.contains("unknown field `url`") && !inline.err.contains("s3cr3t"), "{}", inline.err);
    assert!(refused.err.contains("store is both path and url_variable, expected either"), "{}", refused.err);
}
