//! `ballast backtest` and `ballast data` as their users call them.

#![allow(clippy::unwrap_used)]

mod reference;

use serde_json::Value;
use std::{
    fs,
    path::Path,
    process::{Command, Output},
};
use tempfile::TempDir;

fn ballast(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_ballast")).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Made-up history of two years from 2024 on.
fn history() -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let made = ballast(&["data", "generate", "--out", directory.path().to_str().unwrap()]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    directory
}

fn backtest(directory: &Path, more: &[&str]) -> Output {
    let mut arguments = vec!["backtest", "--data", directory.to_str().unwrap()];
    arguments.extend(more);
    ballast(&arguments)
}

const YEARS: [&str; 4] = ["--start", "2024-02-01", "--end", "2025-11-30"];

fn results(directory: &Path, more: &[&str]) -> Value {
    let mut arguments = YEARS.to_vec();
    arguments.extend(["--capital", "1000000", "--json"]);
    arguments.extend(more);
    let output = backtest(directory, &arguments);
    assert!(output.status.success(), "{}", text(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
}

// SPEC B5
#[test]
fn the_results_have_the_promised_shape_and_a_rerun_is_the_same_to_the_byte() {
    let directory = history();
    let found = results(directory.path(), &[]);
    assert_eq!((&found["start"], &found["end"]), (&"2024-02-01".into(), &"2025-11-30".into()));
    assert_eq!(found["capital"], 1_000_000.0);
    assert_eq!(found["series"].as_array().unwrap().len(), 4);
    let policies = found["policies"].as_array().unwrap();
    for policy in policies {
        for key in ["name", "final_value", "net_apy", "sharpe", "max_drawdown", "gas_usd", "rebalances"] {
            assert!(!policy[key].is_null(), "{key} of {}", policy["name"]);
        }
        let equity = policy["equity"].as_array().unwrap();
        assert_eq!(equity.len(), 669);
        assert_eq!(equity[0][0], "2024-02-01");
        assert_eq!(equity.last().unwrap()[1], policy["final_value"]);
    }
    let names: Vec<&str> = policies.iter().filter_map(|policy| policy["name"].as_str()).collect();
    for name in ["hold", "best-single", "best-rate", "convex"] {
        assert!(names.contains(&name), "{names:?}");
    }
    let mut arguments = YEARS.to_vec();
    arguments.extend(["--capital", "1000000", "--json"]);
    let again: Value = serde_json::from_slice(&backtest(directory.path(), &arguments).stdout).unwrap();
    assert_eq!(found.to_string(), again.to_string());
}

#[test]
fn fewer_files_mean_fewer_series_and_it_says_so() {
    let directory = history();
    fs::remove_file(directory.path().join("eth_gas_daily.csv.gz")).unwrap();
    fs::remove_file(directory.path().join("us_treasury_yields_daily.csv.gz")).unwrap();
    let notes = results(directory.path(), &["--policy", "convex"])["notes"].to_string();
    for said in ["eth_gas_daily is not there", "gas is assumed to cost 30 gwei", "risk-free rate is taken to be zero"] {
        assert!(notes.contains(said), "{said} in {notes}");
    }
    let mut arguments = YEARS.to_vec();
    arguments.extend(["--policy", "hold"]);
    let output = backtest(directory.path(), &arguments);
    assert!(text(&output.stdout).contains("eth_gas_daily is not there"));
}

#[test]
fn plain_files_are_read_as_well_as_gzipped_ones() {
    let directory = history();
    let expected = results(directory.path(), &["--policy", "hold"]);
    let zipped = directory.path().join("lending_rates_daily.csv.gz");
    assert!(Command::new("gunzip").arg(&zipped).status().unwrap().success());
    assert_eq!(results(directory.path(), &["--policy", "hold"])["policies"], expected["policies"]);
}

#[test]
fn a_damaged_file_is_refused_and_a_wrong_row_is_left_out_and_counted() {
    let directory = history();
    let zipped = directory.path().join("lending_rates_daily.csv.gz");
    let whole = fs::read(&zipped).unwrap();
    fs::write(&zipped, &whole[..whole.len() / 2]).unwrap();
    let output = backtest(directory.path(), &YEARS);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("lending_rates_daily.csv.gz cannot be read"), "{}", text(&output.stderr));

    fs::write(&zipped, &whole).unwrap();
    assert!(Command::new("gunzip").arg(&zipped).status().unwrap().success());
    let plain = directory.path().join("lending_rates_daily.csv");
    let content = fs::read_to_string(&plain).unwrap();
    let clean = results(directory.path(), &["--policy", "convex"]);
    // The last row of 2025 is outside of the period, so the results must not change by its being wrong.
    let mut lines: Vec<&str> = content.lines().collect();
    let last = lines.pop().unwrap();
    let wrong = last.replacen(',', ",,", 1);
    lines.push(&wrong);
    fs::write(&plain, lines.join("\n")).unwrap();
    let found = results(directory.path(), &["--policy", "convex"]);
    assert_eq!((&found["refused_rows"], &found["policies"]), (&1.into(), &clean["policies"]));
    let check = ballast(&["data", "check", "--data", directory.path().to_str().unwrap()]);
    assert_eq!(check.status.code(), Some(1));
    assert!(
        text(&check.stdout).contains("lending_rates_daily line 2921: it has 13 fields, expected 12"),
        "{}",
        text(&check.stdout)
    );
}

// SPEC B2, P9
#[test]
fn venues_of_other_coins_are_in_only_when_asked_for_and_what_their_swaps_cost_is_shown() {
    let directory = history();
    let zipped = directory.path().join("lending_rates_daily.csv.gz");
    assert!(Command::new("gunzip").arg(&zipped).status().unwrap().success());
    let plain = directory.path().join("lending_rates_daily.csv");
    let content = fs::read_to_string(&plain).unwrap();
    let usdt: Vec<String> = content
        .lines()
        .filter(|line| line.contains(",compound,") && line.contains(",USDC,"))
        .map(|line| line.replace(",USDC,", ",USDT,"))
        .collect();
    assert!(!usdt.is_empty());
    let alone = results(directory.path(), &[]);
    fs::write(&plain, format!("{}\n{}\n", content.trim_end(), usdt.join("\n"))).unwrap();
    assert_eq!(results(directory.path(), &[])["policies"], alone["policies"], "USDC alone is what it was");
    assert_eq!(alone["policies"][0]["slippage"], 0.0);

    let report = directory.path().join("report.html");
    let more = ["--assets", "usdc,usdt", "--policy", "hold", "--report", report.to_str().unwrap()];
    let found = results(directory.path(), &more);
    assert!(found["series"].as_array().unwrap().contains(&"compound/ethereum/usdt".into()));
    assert!(found["policies"][0]["slippage"].as_f64().unwrap() > 0.0);
    assert!(found["notes"].to_string().contains("3pool"), "{}", found["notes"]);
    let dearer = results(directory.path(), &["--assets", "usdc,usdt", "--policy", "hold", "--pool", "fee_ppm=4000"]);
    assert!(dearer["policies"][0]["slippage"].as_f64() > found["policies"][0]["slippage"].as_f64());

    let mut arguments = YEARS.to_vec();
    arguments.extend(["--assets", "usdc,usdt", "--policy", "convex", "--report", report.to_str().unwrap()]);
    let output = backtest(directory.path(), &arguments);
    assert!(text(&output.stdout).contains("slippage"), "{}", text(&output.stderr));
    assert!(fs::read_to_string(&report).unwrap().contains("slippage"));
}

#[test]
fn bad_usage_ends_with_two_and_says_what_was_expected() {
    let directory = history();
    for (arguments, said) in [
        (vec!["--start", "2025-01-01", "--end", "2024-01-01"], "--end 2024-01-01 is before --start"),
        (vec!["--start", "yesterday", "--end", "2024-01-01"], "expected one like 2024-01-01"),
        (vec!["--start", "2024-01-01", "--end", "2024-02-01", "--policy", "magic"], "expected one of hold"),
        (vec!["--start", "2024-01-01", "--end", "2024-02-01", "--assets", "usdc,eth"], "expected usdc and any of usdt"),
        (vec!["--start", "2024-01-01", "--end", "2024-02-01", "--pool", "depth=5000000"], "--assets"),
        (vec!["--start", "2024-01-01", "--end", "2024-02-01", "--set", "min_gain=ten"], "expected 0 to 10000"),
        (vec!["--start", "2024-01-01", "--end", "2024-02-01", "--set", "luck=7"], "expected one of reserve"),
        (vec!["--start", "2024-01-01", "--end", "2024-02-01", "--capital", "0"], "1..="),
    ] {
        let output = backtest(directory.path(), &arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(text(&output.stderr).contains(said), "{said} in {}", text(&output.stderr));
    }
    let output = backtest(directory.path(), &["--start", "1999-01-01", "--end", "1999-02-01"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains("no venue in"), "{}", text(&output.stderr));
}

#[test]
fn a_sweep_runs_every_combination() {
    let directory = history();
    let rows = results(directory.path(), &["--sweep", "min_gain=0,50,10000", "--sweep", "horizon_hours=168,720"]);
    let rows = rows.as_array().unwrap();
    assert_eq!(rows.len(), 6);
    let moves = |row: &Value| row["rebalances"].as_u64().unwrap();
    let of = |gain: &str| rows.iter().filter(|row| row["parameters"]["min_gain"] == gain).map(moves).sum::<u64>();
    assert!(of("0") > of("50"), "a move must pay for more, so there are fewer");
    assert_eq!(of("10000"), 0, "nothing gains a hundred percent a year");
}

// SPEC P1
#[test]
fn a_profile_binds_the_vaults_policies_and_not_the_baselines() {
    let directory = history();
    let of = |arguments: &[&str]| results(directory.path(), arguments)["policies"].clone();
    let policies = ["--policy", "hold", "--policy", "convex"];
    let plain = of(&policies);
    let conservative = of(&[&policies[..], &["--profile", "conservative"]].concat());
    let aggressive = of(&[&policies[..], &["--profile", "aggressive"]].concat());
    assert_eq!(plain[0]["final_value"], conservative[0]["final_value"]);
    let invested = |policies: &Value| policies[1]["metrics"]["invested"].as_f64().unwrap();
    // A tenth is kept idle, where others keep a twentieth.
    assert!(
        invested(&conservative) < 0.91 && invested(&aggressive) > 0.91,
        "{} {}",
        invested(&conservative),
        invested(&aggressive)
    );
    let moves = |policies: &Value| policies[1]["rebalances"].as_u64().unwrap();
    assert!(moves(&conservative) < moves(&aggressive));
    let mut arguments = YEARS.to_vec();
    arguments.extend(["--profile", "reckless"]);
    let output = backtest(directory.path(), &arguments);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("expected one of conservative, balanced, aggressive"));
}

#[test]
fn the_report_is_one_file_that_needs_nothing_else() {
    let directory = history();
    let report = directory.path().join("report.html");
    let mut arguments = YEARS.to_vec();
    arguments.extend(["--policy", "hold", "--policy", "convex", "--report", report.to_str().unwrap()]);
    assert!(backtest(directory.path(), &arguments).status.success());
    let page = fs::read_to_string(&report).unwrap();
    for part in [
        "Equity",
        "Drawdown",
        "convex: allocation",
        "from capital to final value",
        "By year",
        "Scores of risk",
        "above hold capped",
    ] {
        assert!(page.contains(part), "{part}");
    }
    assert!(page.matches("<svg").count() == 4 && !page.contains("http") && !page.contains("NaN"));
}

// SPEC D13
#[test]
fn a_manifest_is_written_and_held_against_the_files() {
    let directory = history();
    let path = directory.path().to_str().unwrap();
    assert_eq!(ballast(&["data", "manifest", "--data", path, "--verify"]).status.code(), Some(1), "there is none yet");
    assert!(ballast(&["data", "manifest", "--data", path, "--write"]).status.success());
    assert!(ballast(&["data", "manifest", "--data", path, "--verify"]).status.success());
    fs::remove_file(directory.path().join("eth_gas_daily.csv.gz")).unwrap();
    let output = ballast(&["data", "manifest", "--data", path, "--verify"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).contains("missing: eth_gas_daily.csv.gz"));
}

// SPEC D9
#[test]
fn history_is_loaded_into_the_store_once_and_what_is_refused_is_kept_apart() {
    let directory = history();
    let store = tempfile::tempdir().unwrap();
    let file = store.path().join("history.sqlite");
    let import = || {
        let output = ballast(&[
            "data",
            "import",
            directory.path().to_str().unwrap(),
            "--path",
            file.to_str().unwrap(),
            "--json",
        ]);
        assert!(output.status.success(), "{}", text(&output.stderr));
        serde_json::from_slice::<Value>(&output.stdout).unwrap()
    };
    let first = import();
    // Four venues with five numbers a day, gas and ether, three prices of USDC, four Treasury yields.
    let values = 730 * (4 * 5 + 2 + 3 + 4);
    assert_eq!((&first["values"]["written"], &first["refused"]), (&values.into(), &0.into()));
    let again = import();
    assert_eq!((&again["values"]["written"], &again["values"]["repeated"]), (&0.into(), &values.into()));

    let zipped = directory.path().join("eth_gas_daily.csv.gz");
    assert!(Command::new("gunzip").arg(&zipped).status().unwrap().success());
    let plain = directory.path().join("eth_gas_daily.csv");
    fs::write(&plain, fs::read_to_string(&plain).unwrap() + "2025-12-31,NaN,3000\n2026-01-01,-4,3000\n").unwrap();
    let third = import();
    assert!(third["refused"].as_u64().unwrap() >= 2, "{third}");
    let kept_apart = async {
        let url = format!("sqlite:{}?mode=ro", file.display());
        let mut store = <sqlx::SqliteConnection as sqlx::Connection>::connect(&url).await.unwrap();
        sqlx::query_scalar::<_, i64>("SELECT count(*) FROM quarantine").fetch_one(&mut store).await.unwrap()
    };
    assert_eq!(tokio::runtime::Runtime::new().unwrap().block_on(kept_apart), third["refused"].as_i64().unwrap());
}
