//! `ballast db`, as an operator meets it.
// SPEC D6
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../../store/tests/support/postgres.rs"]
mod postgres;

use ballast_store::history::{EVER, OnBadRow, Reading};
use ballast_store::{History, Location};
use serde_json::{Value, json};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use tempfile::TempDir;

const DAY: i64 = 86_400;
/// What any keeper has; nothing here is asked of a chain.
const CONFIGURATION: &str = r#"
[chain]
id = 31337
rpc = ["http://127.0.0.1:1"]

[contracts]
vault = "0x0000000000000000000000000000000000000001"
hub = "0x0000000000000000000000000000000000000002"
kill_switch = "0x0000000000000000000000000000000000000003"

[[venues]]
name = "aave"
kind = "aave-v3"
adapter = "0x0000000000000000000000000000000000000004"
risk_score = 20
max_position = 5000

[eth_usd]
aggregator = "0x0000000000000000000000000000000000000005"
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

struct Desk {
    folder: TempDir,
    url: Option<String>,
}

impl Desk {
    /// With a store and these lines of its own.
    fn new(store: &str, more: &str, url: Option<String>) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let text = format!("{CONFIGURATION}\n[store]\n{store}\n{more}");
        fs::write(folder.path().join("ballast.toml"), text).unwrap();
        Self { folder, url }
    }

    fn sqlite(more: &str) -> Self {
        Self::new("path = \"keeper.db\"", more, None)
    }

    async fn postgres(more: &str) -> Self {
        let server = postgres::server();
        let url = server.url(&server.database().await);
        Self::new("url_variable = \"BALLAST_DATABASE_URL\"", more, Some(url))
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn location(&self) -> Location {
        match &self.url {
            None => Location::Sqlite(self.path("keeper.db.history")),
            Some(url) => Location::Postgres(url.parse().unwrap()),
        }
    }

    fn run(&self, arguments: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ballast"));
        command.arg("db").args(arguments).current_dir(self.folder.path()).env_remove("BALLAST_DATABASE_URL");
        command.envs(self.url.iter().map(|url| ("BALLAST_DATABASE_URL", url))).output().unwrap()
    }

    fn says(&self, arguments: &[&str]) -> String {
        let done = self.run(arguments);
        assert_eq!(done.status.code(), Some(0), "{arguments:?}: {done:?}");
        String::from_utf8(done.stdout).unwrap()
    }

    fn json(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.says(arguments)).unwrap()
    }

    fn refused(&self, code: i32, arguments: &[&str], words: &[&str]) {
        let done = self.run(arguments);
        assert_eq!(done.status.code(), Some(code), "{arguments:?}: {done:?}");
        let said = String::from_utf8(done.stderr).unwrap();
        for word in words {
            assert!(said.contains(word), "{arguments:?}: expected {word:?} in {said}");
        }
    }

    /// Two days of each hour, from day 100 on.
    async fn fill(&self) {
        let history = History::open(&self.location()).await.unwrap();
        let rows: Vec<Reading<'_>> = (0..48)
            .map(|hour| 100 * DAY + hour * 3_600)
            .map(|time| Reading { series: "aave#supply_apr", source: "s", time, known_at: time, value: 0.05 })
            .collect();
        history.ingest(&rows, OnBadRow::Refuse).await.unwrap();
        history.close().await;
    }
}

async fn works_from_making_to_undoing(desk: &Desk, layout: &str, partitioning: &str) {
    desk.refused(1, &["status"], &["there is no history at", "ballast db migrate"]);
    desk.refused(1, &["export", "--parquet", "out"], &["there is no history at"]);
    desk.refused(1, &["prune"], &["there is no history at"]);
    for _ in 0..2 {
        let made = desk.says(&["migrate"]);
        assert!(made.contains("schema 5 of 5") && made.contains("[x] 5 ledger") && made.contains(layout), "{made}");
    }
    desk.fill().await;
    let status = desk.json(&["status", "--json"]);
    assert_eq!((&status["schema"], &status["partitioning"]), (&json!(5), &json!(partitioning)));
    assert_eq!(status["series"][0]["observations"], 48);
    assert!(desk.says(&["status"]).contains("1970-04-11 – 1970-04-12"));

    let exported =
        desk.json(&["export", "--parquet", "out", "--table", "observations", "--since", "1970-04-12", "--json"]);
    assert_eq!((&exported[0]["table"], &exported[0]["rows"]), (&json!("observations"), &json!(24)));
    assert!(fs::read(desk.path("out/observations.parquet")).unwrap().starts_with(b"PAR1"));
    desk.says(&["export", "--parquet", "all"]);
    assert_eq!(fs::read_dir(desk.path("all")).unwrap().count(), 10);

    assert_eq!(desk.json(&["downsample", "--json"])["observations"], 48);
    assert_eq!(desk.json(&["prune", "--json"])["days"], 2);
    assert!(desk.says(&["downsample"]).contains("folded: 0 observations"));

    desk.refused(2, &["migrate", "--down", "1"], &["--yes"]);
    desk.refused(1, &["migrate", "--down", "6", "--yes"], &["expected 1 to 5"]);
    let undone = desk.says(&["migrate", "--down", "2", "--yes"]);
    assert!(undone.contains("schema 3 of 5") && undone.contains("[ ] 4 outcomes"), "{undone}");
    desk.refused(1, &["status"], &["has schema 3, this build reads 5", "ballast db migrate"]);
    desk.refused(1, &["downsample"], &["has schema 3, this build reads 5"]);
    desk.says(&["migrate"]);
    let history = History::open_read_only(&desk.location()).await.unwrap();
    assert_eq!(history.entries(0..EVER).await.unwrap(), []);
}

const POLICY: &str = "[history]\nraw_days = 30\nhourly_days = 60\ndaily_days = 90";

#[tokio::test]
async fn a_file_is_made_looked_at_exported_thinned_out_and_undone() {
    let desk = Desk::sqlite(POLICY);
    works_from_making_to_undoing(&desk, "one table; daily_apy_avg is refreshed by the keeper", "one_table").await;
}

#[tokio::test]
async fn a_database_is_made_looked_at_exported_thinned_out_and_undone() {
    let desk = Desk::postgres(POLICY).await;
    works_from_making_to_undoing(&desk, "partitions by month; daily_apy_avg is a materialised view", "monthly").await;
}

#[tokio::test]
async fn a_file_can_be_named_without_a_configuration() {
    let desk = Desk::sqlite("");
    fs::remove_file(desk.path("ballast.toml")).unwrap();
    desk.refused(1, &["migrate"], &["cannot read ballast.toml"]);
    assert!(desk.says(&["migrate", "--path", "research.db"]).contains("research.db: schema 5 of 5"));
    assert!(desk.says(&["status", "--path", "research.db"]).contains("0 series, 0 observations"));
    desk.says(&["export", "--path", "research.db", "--parquet", "out", "--table", "postings"]);
    desk.refused(2, &["migrate", "--path", "a.db", "--config", "b.toml"], &["cannot be used with"]);
    assert!(!Path::new(&desk.path("a.db")).exists());
}

#[tokio::test]
async fn what_is_wrong_is_said_in_words() {
    let desk = Desk::sqlite("");
    desk.says(&["migrate"]);
    desk.refused(2, &["export", "--parquet", "out", "--table", "songs"], &["expected one of observations, buckets"]);
    desk.refused(2, &["export", "--parquet", "out", "--since", "yesterday"], &["expected YYYY-MM-DD"]);
    desk.refused(1, &["downsample"], &["sets no history.raw_days"]);
    desk.refused(1, &["status", "--path", "ballast.toml"], &["is not a SQLite database"]);
    let bad = Desk::sqlite("[history]\nhourly_days = 3");
    bad.refused(1, &["migrate"], &["history.hourly_days is 3", "more than history.raw_days"]);
    assert!(!bad.path("keeper.db.history").exists());
}
