//! The same equity curves from a script of another language (`tools/python/reference_backtest.py`).

use crate::{YEARS, backtest, history, results, text};
use serde_json::{Value, json};
use std::path::{Path, absolute};

#[path = "../../../../tools/python/reference.rs"]
mod interpreter;

fn agrees(directory: &Path, start: &str, end: &str) {
    let output = backtest(
        directory,
        &[
            "--start",
            start,
            "--end",
            end,
            "--capital",
            "1000000",
            "--json",
            "--policy",
            "hold",
            "--policy",
            "best-single",
        ],
    );
    assert!(output.status.success(), "{}", text(&output.stderr));
    let ours: Value = serde_json::from_slice(&output.stdout).unwrap();
    let request = json!({ "data": absolute(directory).unwrap(), "start": start, "end": end, "capital": 1_000_000 });
    let theirs: Value = serde_json::from_str(&interpreter::ask("reference_backtest.py", &request.to_string())).unwrap();
    for name in ["hold", "best-single"] {
        let policy = ours["policies"].as_array().unwrap().iter().find(|policy| policy["name"] == name).unwrap();
        let (ours, theirs) = (policy["equity"].as_array().unwrap(), theirs[name].as_array().unwrap());
        assert_eq!(ours.len(), theirs.len());
        for (ours, theirs) in ours.iter().zip(theirs) {
            let (value, other) = (ours[1].as_f64().unwrap(), theirs.as_f64().unwrap());
            assert!((value / other - 1.0).abs() < 1e-9, "{name} on {}: {value} and {other}", ours[0]);
        }
    }
}

#[test]
fn hold_and_best_single_are_the_same_when_computed_a_second_time_from_made_up_history() {
    agrees(history().path(), "2024-02-01", "2025-11-30");
}

#[test]
fn hold_and_best_single_are_the_same_when_computed_a_second_time_from_five_real_years() {
    let shared = Path::new("../../../shared/data");
    if !shared.is_dir() {
        eprintln!("skipped: there is no shared history");
        return;
    }
    agrees(shared, "2021-01-01", "2026-02-28");
}

// SPEC B5
#[test]
fn pandas_reads_from_a_sweeps_parquet_what_the_sweep_printed() {
    let directory = history();
    let file = directory.path().join("sweep.parquet");
    let path = file.to_str().unwrap();
    let arguments = ["--sweep", "min_gain=0,10000", "--sweep", "large_moves=ask,divide", "--parquet", path];
    let printed = results(directory.path(), &arguments);
    let read: Value = serde_json::from_str(&interpreter::ask("read_sweep.py", path)).unwrap();
    for (column, kind) in
        [("min_gain", "int64"), ("large_moves", "object"), ("net_apy", "float64"), ("rebalances", "int64")]
    {
        assert_eq!(read["types"][column], kind, "{column}");
    }
    let (rows, printed) = (read["rows"].as_array().unwrap(), printed.as_array().unwrap());
    assert_eq!((rows.len(), printed.len()), (4, 4));
    for (row, point) in rows.iter().zip(printed) {
        assert_eq!(row["min_gain"].to_string(), point["parameters"]["min_gain"].as_str().unwrap());
        assert_eq!(row["large_moves"], point["parameters"]["large_moves"]);
        for figure in ["final_value", "net_apy", "sharpe", "max_drawdown", "gas_usd", "rebalances"] {
            assert_eq!(row[figure], point[figure], "{figure}");
        }
    }
    assert!(!directory.path().join("sweep.parquet.part").exists());

    let mut without = YEARS.to_vec();
    without.extend(["--parquet", path]);
    assert_eq!(backtest(directory.path(), &without).status.code(), Some(2), "only a sweep has points");
    let mut nowhere = YEARS.to_vec();
    nowhere.extend(["--sweep", "min_gain=10000", "--parquet", "/proc/nowhere/sweep.parquet"]);
    let output = backtest(directory.path(), &nowhere);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("cannot write /proc/nowhere/sweep.parquet"), "{}", text(&output.stderr));
}
