//! Holds docs/CONFORMANCE.md against the specification's IDs and the last test run.
//!
//! A row is `| ID | what | tests | status |`. Status is `done`, `part` or `absent`. Every ID has exactly one row; a row that is
//! done or part names at least one test in back quotes, and every test it names ran and passed.

use crate::results;
use eyre::{Context, ensure};
use std::{collections::BTreeMap, fs, path::Path};

/// Prefix and highest number of each family of IDs in the specification.
const FAMILIES: [(&str, u32); 18] = [
    ("C", 15),
    ("X", 18),
    ("D", 14),
    ("R", 16),
    ("M", 12),
    ("L", 8),
    ("B", 7),
    ("P", 10),
    ("I", 3),
    ("A", 5),
    ("K", 3),
    ("E", 6),
    ("U", 2),
    ("N", 8),
    ("G", 6),
    ("Y", 4),
    ("Z", 1),
    ("Q", 3),
];
/// IDs that the specification splits further.
const SUB_IDS: [&str; 5] = ["C7a", "C7b", "C7c", "C7d", "C7e"];

struct Row {
    tests: Vec<String>,
    status: String,
}

/// Fails with every row that is not true.
pub(crate) fn check(root: &Path) -> eyre::Result<()> {
    let path = root.join("docs/CONFORMANCE.md");
    let text = fs::read_to_string(&path).wrap_err_with(|| format!("cannot read {}", path.display()))?;
    let (rows, mut problems) = parse(&text);
    let results = results::load(root)?;

    for id in identifiers() {
        if !rows.contains_key(&id) {
            problems.push(format!("{id}: no row"));
        }
    }
    for (id, row) in &rows {
        if !identifiers().contains(id) {
            problems.push(format!("{id}: not an ID of the specification"));
        }
        if row.status != "absent" && row.tests.is_empty() {
            problems.push(format!("{id}: {} but names no test", row.status));
        }
        for test in &row.tests {
            match results.get(test) {
                Some(true) => {}
                Some(false) => problems.push(format!("{id}: {test} failed")),
                None => problems.push(format!("{id}: {test} did not run")),
            }
        }
    }
    for problem in &problems {
        println!("{problem}");
    }
    ensure!(problems.is_empty(), "docs/CONFORMANCE.md is not true in {} places", problems.len());
    let count = |status: &str| rows.values().filter(|row| row.status == status).count();
    println!("conformance: {} done, {} in part, {} absent", count("done"), count("part"), count("absent"));
    Ok(())
}

fn identifiers() -> Vec<String> {
    let mut all: Vec<String> =
        FAMILIES.iter().flat_map(|(prefix, last)| (1..=*last).map(move |number| format!("{prefix}{number}"))).collect();
    all.extend(SUB_IDS.iter().map(ToString::to_string));
    all
}

fn parse(text: &str) -> (BTreeMap<String, Row>, Vec<String>) {
    let mut rows = BTreeMap::new();
    let mut problems = Vec::new();
    for line in text.lines().filter(|line| line.starts_with("| ")) {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [id, _, tests, status] = cells.as_slice() else {
            problems.push(format!("not four cells: {line}"));
            continue;
        };
        if *id == "ID" || id.starts_with("--") {
            continue;
        }
        if !["done", "part", "absent"].contains(status) {
            problems.push(format!("{id}: status is {status:?}, expected done, part or absent"));
        }
        let tests = tests.split('`').skip(1).step_by(2).map(str::to_owned).collect();
        if rows.insert((*id).to_owned(), Row { tests, status: (*status).to_owned() }).is_some() {
            problems.push(format!("{id}: two rows"));
        }
    }
    (rows, problems)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_names_its_tests_in_back_quotes() {
        let (rows, problems) = parse(
            "| ID | Feature | Tests | Status |\n| --- | --- | --- | --- |\n| C1 | vault | `A.b`, `c::d` | done |\n",
        );
        assert!(problems.is_empty());
        assert_eq!(rows["C1"].tests, ["A.b", "c::d"]);
        assert_eq!(rows["C1"].status, "done");
    }

    #[test]
    fn a_second_row_and_an_unknown_status_are_problems() {
        let (_, problems) = parse("| C1 | vault | | done |\n| C1 | vault | | perhaps |\n");
        assert_eq!(problems.len(), 2);
    }

    #[test]
    fn every_id_of_the_specification_is_known_once() {
        let mut all = identifiers();
        let count = all.len();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), count);
        assert_eq!(count, 146);
    }
}
