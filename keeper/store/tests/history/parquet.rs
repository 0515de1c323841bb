//! Tables as Parquet files, read by another implementation.

use crate::bed::{Bed, TO_QUARANTINE, observed, on_both, reading};
use crate::reference;
use alloy_primitives::B256;
use ballast_store::History;
use ballast_store::history::{
    ALL_TABLES, Account, AccountKind, Horizon, JournalEntry, OnBadRow, Outcome, PortfolioSnapshot, Posting,
    ProtocolMetrics, Reading, Retention, Severity, Table,
};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

const DAY: u64 = 86_400;

on_both! {
    every_table_is_read_back_value_for_value
    a_table_of_several_groups_is_whole
    rows_before_since_are_left_out
    an_export_replaces_the_one_before
}

/// Types of the columns, and rows.
type Contents = (BTreeMap<String, String>, Vec<Value>);

/// As pyarrow reads them.
fn read_all(paths: &[PathBuf]) -> Vec<Contents> {
    let names: Vec<&str> = paths.iter().map(|path| path.to_str().unwrap()).collect();
    let text = reference::ask("read_parquet.py", &names.join("\n"));
    let files: Vec<Value> = serde_json::from_str(&text).unwrap();
    let contents = |file: Value| {
        let types = serde_json::from_value(file["columns"].clone()).unwrap();
        (types, file["rows"].as_array().unwrap().clone())
    };
    files.into_iter().map(contents).collect()
}

fn read(path: &Path) -> Contents {
    read_all(&[path.to_owned()]).pop().unwrap()
}

/// C99's hexadecimal form, as Python prints floats: exact.
fn hex(value: f64) -> String {
    assert!(value.is_normal() && value > 0.0, "only what the test uses");
    let bits = value.to_bits();
    format!("0x1.{:013x}p{:+}", bits & ((1 << 52) - 1), (bits >> 52) as i64 - 1_023)
}

async fn fill(history: &History) {
    let old = [observed("a", 3_600, 3_700, 0.1), observed("a", 3_700, 3_700, 0.3)];
    history.record(&old).await.unwrap();
    let raw_days = Some(10);
    history.downsample(30 * DAY, &Retention { raw_days, ..Retention::default() }).await.unwrap();
    history.record(&[observed("a", 40 * DAY, 40 * DAY + 5, 0.05)]).await.unwrap();
    history.ingest(&[Reading { value: f64::NAN, ..reading(60, 0.1) }], TO_QUARANTINE).await.unwrap();
    let metrics = |risk: Option<&str>, timestamp| ProtocolMetrics {
        timestamp,
        protocol_id: "aave-v3".to_owned(),
        apy: "-0.000001".parse().unwrap(),
        tvl: "123456789012345678.91".parse().unwrap(),
        util: Some("0.8312".parse().unwrap()),
        risk: risk.map(|risk| risk.parse().unwrap()),
        depth: None,
    };
    history.put_metrics(&[metrics(Some("8.2"), 40 * DAY), metrics(None, 41 * DAY)]).await.unwrap();
    history.refresh_daily_apy().await.unwrap();
    let snapshot = PortfolioSnapshot {
        timestamp: 40 * DAY,
        value: "10000000.000001".parse().unwrap(),
        allocations: BTreeMap::from([("idle".to_owned(), "1".parse().unwrap())]),
        realized_pnl: "-12.345678".parse().unwrap(),
        unrealized_pnl: "0".parse().unwrap(),
        gas: "40.5".parse().unwrap(),
        sharpe: None,
    };
    history.put_snapshot(&snapshot).await.unwrap();
    let alert = history.raise_alert(40 * DAY, Severity::Critical, "peg", "usdc", "0,97 – \"off\"").await.unwrap();
    history.resolve_alert(alert, 41 * DAY).await.unwrap();
    history.raise_alert(42 * DAY, Severity::Info, "peg", "usdc", "again").await.unwrap();
    let decision = B256::repeat_byte(0xab);
    history.index_decision(decision, 33 * DAY, 19_000_000, "hold").await.unwrap();
    let outcome = Outcome {
        decision,
        horizon: Horizon::Week,
        measured_at: 40 * DAY,
        realised: "0.0011234567".parse().unwrap(),
        hold: "0.001".parse().unwrap(),
        best_single: "-0.5".parse().unwrap(),
        convex: "0".parse().unwrap(),
    };
    history.put_outcome(&outcome).await.unwrap();
    for code in ["in", "out"] {
        let account = Account { code: code.to_owned(), kind: AccountKind::Asset, unit: "USDC".to_owned() };
        history.open_account(&account).await.unwrap();
    }
    let most = 10_i128.pow(38) - 1;
    let posting = |account: &str, amount| Posting { account: account.to_owned(), amount };
    let entry = JournalEntry {
        reference: "tx:1".to_owned(),
        timestamp: 40 * DAY,
        memo: "größte".to_owned(),
        postings: vec![posting("in", most), posting("out", -most)],
    };
    history.post(&entry).await.unwrap();
}

async fn every_table_is_read_back_value_for_value(bed: Bed) {
    let history = bed.open().await;
    fill(&history).await;
    let folder = tempfile::tempdir().unwrap();
    let mut paths = Vec::new();
    let mut counts = Vec::new();
    for table in ALL_TABLES {
        let (path, rows) = history.export_parquet(table, None, folder.path()).await.unwrap();
        assert_eq!(path, folder.path().join(format!("{table}.parquet")));
        paths.push(path);
        counts.push(rows);
    }
    let read_back: BTreeMap<Table, Contents> = ALL_TABLES.into_iter().zip(read_all(&paths)).collect();
    assert_eq!(ALL_TABLES.map(|table| read_back[&table].1.len() as u64), counts[..]);
    let rate = crate::bed::RATE;
    let most = "99999999999999999999999999999999999999";
    let expected: BTreeMap<Table, Vec<Value>> = BTreeMap::from([
        (Table::Observations, vec![json!([rate, "a", 40 * DAY, 40 * DAY + 5, hex(0.05)])]),
        (Table::Buckets, vec![json!([rate, "a", 3_600, 3_600, 2, hex(0.1 + 0.3), hex(0.1), hex(0.3), 3_700])]),
        (
            Table::ProtocolMetrics,
            vec![
                json!([40 * DAY, "aave-v3", "-0.000001", "123456789012345678.91", "0.8312", "8.20", null]),
                json!([41 * DAY, "aave-v3", "-0.000001", "123456789012345678.91", "0.8312", null, null]),
            ],
        ),
        (
            Table::PortfolioSnapshots,
            vec![json!([
                40 * DAY,
                "10000000.000001",
                "{\"idle\": \"1.000000\"}",
                "-12.345678",
                "0.000000",
                "40.500000",
                null
            ])],
        ),
        (
            Table::RiskAlerts,
            vec![
                json!([1, 40 * DAY, "critical", "peg", "usdc", "0,97 – \"off\"", true, 41 * DAY]),
                json!([2, 42 * DAY, "info", "peg", "usdc", "again", false, null]),
            ],
        ),
        (Table::Decisions, vec![json!(["ab".repeat(32), 33 * DAY, 19_000_000, "hold"])]),
        (
            Table::Outcomes,
            vec![json!(["ab".repeat(32), 7, 40 * DAY, "0.0011234567", "0.0010000000", "-0.5000000000", "0E-10"])],
        ),
        (
            Table::Postings,
            vec![
                json!(["tx:1", 40 * DAY, "größte", 0, "in", "asset", "USDC", most]),
                json!(["tx:1", 40 * DAY, "größte", 1, "out", "asset", "USDC", format!("-{most}")]),
            ],
        ),
    ]);
    for (table, rows) in expected {
        let found: Vec<Value> = read_back[&table].1.iter().cloned().map(without_spaces_in_json).collect();
        let rows: Vec<Value> = rows.into_iter().map(without_spaces_in_json).collect();
        assert_eq!(found, rows, "{table}");
    }
    let (types, days) = &read_back[&Table::DailyApyAvg];
    assert_eq!(types["stddev"], "double");
    assert_eq!(days.iter().map(|day| (&day[0], &day[1], &day[2], &day[4])).collect::<Vec<_>>().len(), 2);
    assert!(days.iter().all(|day| day[4] == Value::Null));
    let quarantined = &read_back[&Table::Quarantine].1;
    assert_eq!((quarantined.len(), &quarantined[0][0]), (1, &json!("rates.csv")));
    assert_eq!(read_back[&Table::Postings].0["amount"], "decimal128(38, 0)");
    assert_eq!(read_back[&Table::Observations].0["known_at"], "timestamp[ms, tz=UTC]");
    assert_eq!(read_back[&Table::Decisions].0["hash"], "binary");
}

/// The databases print a JSON object with other spaces, and Python a decimal zero with its exponent.
fn without_spaces_in_json(row: Value) -> Value {
    let text = |value: Value| match value {
        Value::String(text) if text.starts_with('{') => json!(text.replace(' ', "")),
        Value::String(text) if text == "0E-6" => json!("0.000000"),
        other => other,
    };
    Value::Array(row.as_array().unwrap().iter().cloned().map(text).collect())
}

async fn a_table_of_several_groups_is_whole(bed: Bed) {
    let history = bed.open().await;
    let count = 20_000 + 17;
    let rows: Vec<Reading<'_>> = (0..count).map(|n| reading(n, 0.01 + n as f64 / 1e7)).collect();
    history.ingest(&rows, OnBadRow::Refuse).await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let (path, written) = history.export_parquet(Table::Observations, None, folder.path()).await.unwrap();
    assert_eq!(written, count as u64);
    let (_, found) = read(&path);
    assert_eq!(found.len(), rows.len());
    for (row, found) in rows.iter().zip(&found).step_by(997) {
        assert_eq!(*found, json!([row.series, row.source, row.time, row.known_at, hex(row.value)]));
    }
}

async fn rows_before_since_are_left_out(bed: Bed) {
    let history = bed.open().await;
    fill(&history).await;
    let folder = tempfile::tempdir().unwrap();
    let mut counts = Vec::new();
    for table in [Table::ProtocolMetrics, Table::RiskAlerts, Table::Postings, Table::Buckets] {
        counts.push(history.export_parquet(table, Some(41 * DAY), folder.path()).await.unwrap().1);
    }
    assert_eq!(counts, [1, 1, 0, 0]);
    let (_, none) = read(&folder.path().join("postings.parquet"));
    assert_eq!(none, Vec::<Value>::new(), "a file without rows can be read");
}

async fn an_export_replaces_the_one_before(bed: Bed) {
    let history = bed.open().await;
    let folder = tempfile::tempdir().unwrap();
    for rows in 0..2 {
        let (_, written) = history.export_parquet(Table::Decisions, None, folder.path()).await.unwrap();
        assert_eq!(written, rows);
        history.index_decision(B256::repeat_byte(1), DAY, 1, "hold").await.unwrap();
    }
    assert_eq!(read(&folder.path().join("decisions.parquet")).1.len(), 1);
    let refused = history.export_parquet(Table::Decisions, None, Path::new("/proc/nowhere")).await.unwrap_err();
    assert!(refused.to_string().contains("/proc/nowhere/decisions.parquet cannot be written"), "{refused}");
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["decisions.parquet"], "nothing half-written stays");
}
