//! Whether the risk score is worth anything (SPEC R12): our statistics against scipy's, and that no score knows what came after it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../../../tools/python/reference.rs"]
mod reference;
mod support;

use ballast_backtest::{
    Interval,
    validity::{Judged, Scored, ValidityError, area, exact, measure},
};
use ballast_history::read_table;
use ballast_risk::facts::Facts;
use serde_json::{Value, json};
use std::{fs, path::Path};
use support::history;

/// What is measured from.
const FILES: [&str; 8] = [
    "protocol_facts_2023_10",
    "immunefi_bounties",
    "defi_exploits",
    "defihacklabs_incidents",
    "protocol_borrowed_daily",
    "protocol_tvl_daily",
    "lending_protocol_daily",
    "stablecoin_prices_daily",
];

// SPEC R12
#[test]
fn areas_and_exact_intervals_are_scipys() {
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut below = |bound: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % bound
    };
    // Few different scores make many ties.
    let samples: Vec<Vec<Judged>> = [(10, 5), (30, 3), (100, 1_000), (500, 40)]
        .iter()
        .map(|(count, scores)| {
            let one = |subject| Judged { subject, score: below(*scores) as f64, happened: subject % 4 == 0 };
            (0..*count).map(one).collect()
        })
        .collect();
    let rates = [(0, 1), (0, 61), (0, 1_853), (3, 61), (15, 15), (7, 2_542), (500, 1_000)];
    let of = |judged: &[Judged], happened: bool| -> Vec<f64> {
        judged.iter().filter(|one| one.happened == happened).map(|one| one.score).collect()
    };
    let areas: Vec<Value> =
        samples.iter().map(|all| json!({ "happened": of(all, true), "others": of(all, false) })).collect();
    let asked = json!({ "area": areas, "rate": rates });
    let told: Value = serde_json::from_str(&reference::ask("reference_validity.py", &asked.to_string())).unwrap();
    for (sample, theirs) in samples.iter().zip(told["area"].as_array().unwrap()) {
        assert!((area(sample).unwrap() - theirs.as_f64().unwrap()).abs() < 1e-12, "{theirs}");
    }
    for ((seen, of), theirs) in rates.iter().zip(told["rate"].as_array().unwrap()) {
        let Interval { low, high } = exact(*seen, *of);
        for (ours, theirs) in [(low, &theirs[0]), (high, &theirs[1])] {
            assert!((ours - theirs.as_f64().unwrap()).abs() < 1e-9, "{seen} of {of}: {ours}, {theirs}");
        }
    }
}

/// Copies what is measured from, without incidents of `day` and later and what Immunefi showed from then on.
fn until(directory: &Path, day: &str) -> tempfile::TempDir {
    let copy = tempfile::tempdir().unwrap();
    for name in FILES {
        let dated: &[&'static str] = match name {
            "defi_exploits" => &["date_utc", "protocol", "loss_usd", "kind"],
            "defihacklabs_incidents" => &["date_utc", "protocol", "loss_amount", "loss_unit"],
            "immunefi_bounties" => &["date_utc", "project", "max_bounty_usd", "last_seen"],
            _ => {
                let file = format!("{name}.csv.gz");
                fs::copy(directory.join(&file), copy.path().join(&file)).unwrap();
                continue;
            }
        };
        let mut lines = vec![dated.join(",")];
        read_table(directory, name, dated, |row| {
            if row.text("date_utc") < day {
                let field = |column: &&str| format!("\"{}\"", row.text(column).replace('"', "\"\""));
                lines.push(dated.iter().map(field).collect::<Vec<_>>().join(","));
            }
            Ok(())
        })
        .unwrap();
        fs::write(copy.path().join(format!("{name}.csv")), lines.join("\n")).unwrap();
    }
    copy
}

// SPEC R12: as of the date, without anything that came later.
#[test]
fn a_score_knows_nothing_that_came_after_it() {
    let Some(directory) = history() else { return };
    let facts = Facts::built_in().unwrap();
    let whole = measure(&directory, &facts).unwrap();
    let day = "2023-10-17";
    let cut = measure(until(&directory, day).path(), &facts).unwrap();
    let of_day = |rows: &[Scored]| -> Vec<(String, f64)> {
        let rows = rows.iter().filter(|row| row.as_of == day);
        rows.map(|row| (row.id.clone(), row.score)).collect()
    };
    assert!(of_day(&whole.scored).len() > 3_000);
    assert_eq!(of_day(&whole.scored), of_day(&cut.scored));
    // What happens is what the cut took away.
    let listed = |rows: &[Scored]| {
        rows.iter()
            .filter(|row| row.as_of == day && !row.populations.contains(&"facts table") && row.exploited.is_some())
            .count()
    };
    assert!(listed(&whole.scored) > 30);
    assert_eq!(listed(&cut.scored), 0);
}

// SPEC R12: what docs/SCORE_VALIDITY.md says is what is measured.
#[test]
fn the_published_areas_are_those_that_are_measured() {
    let Some(directory) = history() else { return };
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/SCORE_VALIDITY.md");
    let page = fs::read_to_string(page).unwrap();
    let found = measure(&directory, &Facts::built_in().unwrap()).unwrap();
    for population in &found.populations {
        for measured in &population.measured {
            let figures = match (measured.area, measured.interval) {
                (Some(area), Some(Interval { low, high })) => format!("{area:.3} | {low:.3} – {high:.3}"),
                _ => "– | –".to_owned(),
            };
            let row = format!(
                "| {} | {} | {} | {} | {figures} |",
                population.name, measured.period, measured.scores, measured.exploited
            );
            assert!(page.contains(&row), "docs/SCORE_VALIDITY.md does not have {row}");
        }
    }
    let counts = found.incidents;
    assert_eq!(counts.rows, counts.matched + counts.left_out + counts.ambiguous + counts.not_listed);
    assert!(page.contains(&format!("{} rows", counts.rows)), "{counts:?}");
}

#[test]
fn a_list_that_is_absent_or_has_a_hole_is_refused() {
    let Some(directory) = history() else { return };
    let facts = Facts::built_in().unwrap();
    let copy = until(&directory, "2024-01-01");
    let path = copy.path().join("defi_exploits.csv");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, format!("{text}\n\"soon\",\"x\",\"1\",\"exploit\"\n")).unwrap();
    let error = measure(copy.path(), &facts).unwrap_err();
    assert!(matches!(&error, ValidityError::Refused { file: "defi_exploits", .. }), "{error}");
    fs::remove_file(path).unwrap();
    let error = measure(copy.path(), &facts).unwrap_err();
    assert!(matches!(error, ValidityError::Absent("defi_exploits")), "{error}");
}
