//! `ballast risk`: what it says to people and to programs, and what it refuses.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use serde_json::Value;
use std::{fs, path::Path, process::Command};
use tempfile::TempDir;

struct Finished {
    code: Option<i32>,
    out: String,
    err: String,
}

fn risk(arguments: &[&str]) -> Finished {
    let output = Command::new(env!("CARGO_BIN_EXE_ballast")).arg("risk").args(arguments).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    Finished { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
}

fn file(directory: &TempDir, name: &str, text: &str) -> String {
    let path = directory.path().join(name);
    fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

const INPUTS: &str = r#"
[prices]
usdc = { value = 0.9999, source = "feed", as_of = "2026-02-28" }
usdt = { value = 1.0001, source = "feed", as_of = "2026-02-28" }
dai = { value = 0.993, source = "feed", as_of = "2026-02-28" }

[[venue]]
name = "aave-v3/ethereum/usdc"
protocol = "aave-v3"
weight = 0.5
tvl_variation = { value = 0.05, source = "history", as_of = "2026-02-28" }
utilisation = { value = 0.78, source = "pool", as_of = 1772236800 }
liquidation_buffer = { value = 0.3, source = "positions", as_of = "2026-02-28" }
collateral_hhi = { value = 0.3, source = "pool", as_of = "2026-02-28" }
slippage = { value = { tenth = 0.0, half = 0.0, whole = 0.0 }, source = "pool", as_of = "2026-02-28" }
share_of_venue = { value = 0.001, source = "pool", as_of = "2026-02-28" }

[[venue]]
name = "steakhouse"
protocol = "morpho-blue"
weight = 0.3
"#;

// SPEC R1
#[test]
fn without_inputs_every_protocol_is_scored_and_what_is_missing_is_said() {
    let said = risk(&["--as-of", "2026-02-28"]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    for part in ["aave-v3", "morpho-blue", "contract", "track record", "counted as the riskiest for want of a value"] {
        assert!(said.out.contains(part), "{part}: {}", said.out);
    }
}

// SPEC R1, R14, R16
#[test]
fn with_inputs_it_explains_every_part_with_source_and_age() {
    let directory = TempDir::new().unwrap();
    let inputs = file(&directory, "inputs.toml", INPUTS);
    let said = risk(&["--as-of", "2026-02-28", "--inputs", &inputs]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    for part in ["aave-v3/ethereum/usdc", "78.00 % lent out", "23 h old: pool", "strategy", "asset/usdc"] {
        assert!(said.out.contains(part), "{part}: {}", said.out);
    }

    let answer: Value =
        serde_json::from_str(&risk(&["--as-of", "2026-02-28", "--inputs", &inputs, "--json"]).out).unwrap();
    let score = &answer["scores"][0];
    let parts = score["parts"].as_array().unwrap();
    let sum: f64 =
        parts.iter().map(|part| part["weight"].as_f64().unwrap() * part["score"].as_f64().unwrap() / 100.0).sum();
    assert!((sum - score["total"].as_f64().unwrap()).abs() < 1e-9);
    // DAI at 0.993 is the worst of the coins that Aave stands on.
    assert_eq!(parts[2]["score"], 30.0);
    let assumed = answer["assumed"].as_array().unwrap();
    let of = |venue: &str| assumed.iter().filter(|one| one["venue"] == venue).count();
    assert_eq!(of("aave-v3/ethereum/usdc"), 0, "{assumed:?}");
    assert!(of("steakhouse") >= 6);
    let usdc = answer["exposures"].as_array().unwrap().iter().find(|one| one["node"] == "asset/usdc").unwrap();
    assert!((usdc["share"].as_f64().unwrap() - 0.8).abs() < 1e-12);
    let composite = answer["strategy"]["composite"].as_f64().unwrap();
    let total = |index: usize| answer["scores"][index]["total"].as_f64().unwrap();
    assert!((composite - (0.5 * total(0) + 0.3 * total(1))).abs() < 1e-9);
}

#[test]
fn json_inputs_and_other_facts_are_taken_and_give_the_same() {
    let directory = TempDir::new().unwrap();
    let table: toml::Value = toml::from_str(INPUTS).unwrap();
    let (one, other) = (
        file(&directory, "inputs.toml", INPUTS),
        file(&directory, "inputs.json", &serde_json::to_string(&table).unwrap()),
    );
    let facts = Path::new(env!("CARGO_MANIFEST_DIR")).join("../risk/facts");
    let with = |inputs: &str, more: &[&str]| {
        let said = risk(&[&["--as-of", "2026-02-28", "--json", "--inputs", inputs], more].concat());
        assert_eq!(said.code, Some(0), "{}", said.err);
        said.out
    };
    assert_eq!(with(&one, &[]), with(&other, &["--facts", facts.to_str().unwrap()]));
}

// SPEC R1: what docs/CONFIG.md says of `policy.live_scores`, on the day of the facts.
#[test]
fn the_scores_that_the_configurations_page_names_are_those_that_are_printed() {
    let directory = TempDir::new().unwrap();
    let day = "2026-11-22";
    let known = |value: &str| format!("{{ value = {value}, source = \"test\", as_of = \"{day}\" }}");
    let venue = |name: &str| {
        let (lent, share) = (known("0.8"), known("0.001"));
        let slippage = known("{ tenth = 0.0, half = 0.0, whole = 0.0 }");
        format!(
            "[[venue]]\nname = \"{name}\"\nprotocol = \"{name}\"\nutilisation = {lent}\nslippage = {slippage}\nshare_of_venue = {share}\n"
        )
    };
    let points = |coins: &[&str], name: &str| {
        let prices: String = coins.iter().map(|coin| format!("{coin} = {}\n", known("1.0"))).collect();
        let inputs = file(&directory, "inputs.toml", &format!("[prices]\n{prices}{}", venue(name)));
        let said = risk(&["--as-of", day, "--inputs", &inputs, "--json"]);
        assert_eq!(said.code, Some(0), "{}", said.err);
        let answer: Value = serde_json::from_str(&said.out).unwrap();
        // A decision rounds up.
        answer["scores"][0]["total"].as_f64().unwrap().ceil()
    };
    let all = ["usdc", "dai", "usdt"];
    let [aave, morpho, compound] = ["aave-v3", "morpho-blue", "compound-v3"].map(|name| points(&all, name));
    assert_eq!(aave, morpho);
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/CONFIG.md");
    let page = fs::read_to_string(page).unwrap();
    let unheard = points(&["usdc"], "aave-v3");
    for said in [
        format!("Aave v3 and Morpho Blue score {aave} and Compound v3 {compound} ("),
        format!("{unheard} as long as nobody says what those are worth"),
    ] {
        assert!(page.contains(&said), "docs/CONFIG.md does not say {said:?}");
    }
}

// SPEC R6: as of a day.
#[test]
fn an_earlier_day_knows_less() {
    let record = |day: &str| {
        let answer: Value =
            serde_json::from_str(&risk(&["--as-of", day, "--venue", "compound-v2", "--json"]).out).unwrap();
        answer["scores"][0]["parts"][4]["score"].as_f64().unwrap()
    };
    // An exploit, of more than ten million, not made good, and nobody counted the disputes: 30 + 40 + 20 + 10.
    assert_eq!((record("2021-09-28"), record("2021-09-30")), (0.0, 100.0));
}

#[test]
fn what_is_wrong_is_refused_with_what_was_expected() {
    let directory = TempDir::new().unwrap();
    let refused = |arguments: &[&str], code: i32, words: &[&str]| {
        let said = risk(arguments);
        assert_eq!(said.code, Some(code), "{arguments:?}: {}{}", said.out, said.err);
        for word in words {
            assert!(said.err.contains(word), "{arguments:?}, {word}: {}", said.err);
        }
    };
    refused(&["--as-of", "2026-02-30"], 2, &["is no day, expected one like"]);
    refused(&["--venue", "nobody"], 1, &["there is no venue \"nobody\"", "aave-v3"]);
    refused(&["--inputs", "/nowhere"], 1, &["cannot read /nowhere"]);
    refused(&["--facts", directory.path().to_str().unwrap()], 1, &["cannot read", "protocols.toml"]);
    let inputs = |name: &str, text: &str| file(&directory, name, text);
    let unknown_key = inputs("a.toml", "[[venue]]\nname = \"a\"\nprotocol = \"aave-v3\"\nutilization = 1\n");
    refused(&["--inputs", &unknown_key], 1, &["is refused", "utilization"]);
    let unknown_protocol = inputs("b.toml", "[[venue]]\nname = \"a\"\nprotocol = \"b\"\n");
    refused(&["--inputs", &unknown_protocol], 1, &["which the facts do not list"]);
    let heavy = inputs("c.toml", "[[venue]]\nname = \"a\"\nprotocol = \"aave-v3\"\nweight = 1.5\n");
    refused(&["--inputs", &heavy], 1, &["the weight", "expected 0 to 1"]);
    let twice = inputs("d.toml", &"[[venue]]\nname = \"a\"\nprotocol = \"aave-v3\"\n".repeat(2));
    refused(&["--inputs", &twice], 1, &["given twice"]);
}

// SPEC R12
#[test]
fn validity_prints_the_areas_and_the_whole_list() {
    let refused = risk(&["validity", "--data", "/nowhere/at/all"]);
    assert!(refused.code == Some(1) && refused.err.contains("/nowhere/at/all"), "{}", refused.err);
    assert_eq!(risk(&["validity", "--csv", "--json"]).code, Some(2));
    assert_eq!(risk(&["--json", "validity"]).code, Some(2));
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    if !shared.exists() {
        println!("SKIPPED: {} is not there", shared.display());
        return;
    }
    let data = shared.to_str().unwrap();
    let said = risk(&["validity", "--data", data, "--json"]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    let json: Value = serde_json::from_str(&said.out).unwrap();
    let venues = &json["populations"][0];
    assert_eq!((&venues["name"], &venues["measured"][1]["period"]), (&"venues".into(), &"after the split".into()));
    let area = venues["measured"][1]["area"].as_f64().unwrap();
    let interval = &venues["measured"][1]["interval"];
    assert!(interval["low"].as_f64().unwrap() <= area && area <= interval["high"].as_f64().unwrap());
    assert_eq!(json["false_alarms"]["peg_days"]["seen"], 0);
    let listed = risk(&["validity", "--data", data, "--csv"]);
    let lines: Vec<&str> = listed.out.lines().collect();
    assert_eq!(lines[0], "id,name,category,populations,as_of,after_split,score,exploited");
    assert_eq!(lines.len() - 1, json["scored"].as_array().unwrap().len());
    assert!(lines.iter().any(|line| line.starts_with("2142,Sonne Finance,") && line.contains("2024-05-14")));
}

// SPEC R7
#[test]
fn anomalies_prints_false_alarms_and_what_was_found() {
    let refused = risk(&["anomalies", "--data", "/nowhere/at/all"]);
    assert!(refused.code == Some(1) && refused.err.contains("/nowhere/at/all"), "{}", refused.err);
    let empty = TempDir::new().unwrap();
    let empty = empty.path().to_str().unwrap();
    let refused = risk(&["anomalies", "--data", empty, "--window", "9"]);
    assert!(refused.code == Some(1) && refused.err.contains("a window of 9 values"), "{}", refused.err);
    assert_eq!(risk(&["anomalies", "--window", "many"]).code, Some(2));
    let shared = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data");
    if !shared.exists() {
        println!("SKIPPED: {} is not there", shared.display());
        return;
    }
    let data = shared.to_str().unwrap();
    let said = risk(&["anomalies", "--data", data, "--json"]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    let json: Value = serde_json::from_str(&said.out).unwrap();
    let hourly = &json["by_the_hour"];
    assert_eq!((&hourly["step"], &hourly["window"]), (&"hour".into(), &336.into()));
    assert!(hourly["threshold"].as_f64().unwrap() > hourly["normal_threshold"].as_f64().unwrap());
    let said = risk(&["anomalies", "--data", data]);
    assert_eq!((said.code, said.err.as_str()), (Some(0), ""));
    for part in ["calm days with an alarm", "held out", "utilisation +10 points", "Celsius and 3AC", "by the day"] {
        assert!(said.out.contains(part), "{part}: {}", said.out);
    }
}
