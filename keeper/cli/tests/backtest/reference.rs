//! The same equity curves from a script of another language (`tools/python/reference_backtest.py`).

use crate::{backtest, history, text};
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
