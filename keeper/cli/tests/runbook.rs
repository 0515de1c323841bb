//! docs/RUNBOOK.md says what every warning, error and status line of the service means. What there is follows from the code.
// SPEC N5, N6
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// What the service is made of. The devnet's own lines are nobody's alert.
const CRATES: [&str; 13] = [
    "types",
    "risk",
    "store",
    "history",
    "chain",
    "allocator",
    "feeds",
    "backtest",
    "executor",
    "governance",
    "server",
    "service",
    "cli",
];

fn keeper() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn code() -> String {
    let mut files = Vec::new();
    for name in CRATES {
        sources(&keeper().join(name).join("src"), &mut files);
    }
    files.sort();
    assert!(files.len() > 100, "{} files", files.len());
    files.iter().map(|file| fs::read_to_string(file).unwrap() + "\n").collect()
}

/// The string literals at the top level of what follows an opening parenthesis, up to the one that closes it.
fn literals(text: &str) -> Vec<String> {
    let (mut found, mut depth, mut rest) = (Vec::new(), 0_u32, text.chars().peekable());
    while let Some(character) = rest.next() {
        match character {
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' if depth == 0 => return found,
            ')' | ']' | '}' => depth -= 1,
            '"' => {
                let mut literal = String::new();
                while let Some(next) = rest.next() {
                    match next {
                        '"' => break,
                        '\\' if rest.peek() == Some(&'\n') => {
                            while rest.next_if(|blank| blank.is_whitespace()).is_some() {}
                        }
                        '\\' => literal.push(rest.next().unwrap()),
                        other => literal.push(other),
                    }
                }
                if depth == 0 {
                    found.push(literal);
                }
            }
            _ => {}
        }
    }
    panic!("a parenthesis is not closed: {}", &text[..60.min(text.len())]);
}

/// Level and message of every event at `warn` or `error`.
fn events(code: &str) -> BTreeSet<(String, String)> {
    let mut found = BTreeSet::new();
    for level in ["warn", "error"] {
        for (at, start) in code.match_indices(&format!("{level}!(")) {
            assert!(
                code[..at].ends_with("tracing::"),
                "written otherwise than tracing::{level}!(: {}",
                &code[at..][..40]
            );
            let message = literals(&code[at + start.len()..]).pop();
            found.insert((level.to_owned(), message.expect("an event without a message")));
        }
    }
    assert!(!code.contains("tracing::event!("), "its level cannot be seen here");
    found
}

/// A format string with an ellipsis for each value.
fn template(format: &str) -> String {
    let mut text = String::new();
    for part in format.split('{') {
        match part.split_once('}') {
            Some((_, after)) => text = format!("{text}…{after}"),
            None => text.push_str(part),
        }
    }
    text
}

/// Every status line, from where it is made: the arguments of `status(…)`, what the function of that name puts together, and what is
/// told with `STATUS=`.
fn status_lines(code: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (at, start) in code.match_indices("supervisor.status(") {
        let argument = &code[at + start.len()..];
        let argument = argument.strip_prefix("&format!(").unwrap_or(argument);
        match literals(argument).first() {
            Some(format) => drop(found.insert(template(format))),
            None => assert!(argument.starts_with("&status(&cycle))"), "made elsewhere: {}", &argument[..40]),
        }
    }
    let body = code.split("\nfn status(cycle: &Cycle) -> String {").nth(1).expect("the status of a cycle");
    let body = body.split("\n}\n").next().unwrap();
    for (at, start) in body.match_indices("format!(") {
        found.insert(template(&literals(&body[at + start.len()..])[0]));
    }
    let stopping = code.split("nSTATUS=").nth(1).expect("the status of a stop");
    found.insert(stopping.split('"').next().unwrap().to_owned());
    found
}

/// The cells of a table's rows below a heading.
fn rows(heading: &str) -> Vec<Vec<String>> {
    let text = fs::read_to_string(keeper().join("../docs/RUNBOOK.md")).unwrap();
    let section = text.split(&format!("\n{heading}\n")).nth(1).unwrap_or_else(|| panic!("{heading} is not there"));
    let table = section.lines().skip_while(|line| !line.starts_with('|')).take_while(|line| line.starts_with('|'));
    let cells = |line: &str| line.trim_matches('|').split(" | ").map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    table.skip(2).map(cells).collect()
}

fn unquoted(cell: &str) -> String {
    cell.strip_prefix('`').and_then(|cell| cell.strip_suffix('`')).unwrap_or_else(|| panic!("{cell}")).to_owned()
}

#[test]
fn every_warning_and_error_of_the_service_is_in_the_runbook_with_its_meaning_and_what_to_do() {
    let rows = rows("## What the journal says");
    let listed: BTreeSet<_> = rows.iter().map(|row| (row[0].clone(), unquoted(&row[1]))).collect();
    let logged = events(&code());
    assert!(logged.len() > 25, "{logged:?}");
    let missing: Vec<_> = logged.difference(&listed).collect();
    assert!(missing.is_empty(), "docs/RUNBOOK.md does not say what these mean: {missing:#?}");
    let gone: Vec<_> = listed.difference(&logged).collect();
    assert!(gone.is_empty(), "docs/RUNBOOK.md has lines that the service does not say: {gone:#?}");
    for row in &rows {
        assert!(row.len() == 4 && row[2..].iter().all(|cell| !cell.is_empty()), "{row:?}");
    }
}

#[test]
fn every_status_line_is_in_the_runbook() {
    let listed: BTreeSet<_> = rows("### The status line").iter().map(|row| unquoted(&row[0])).collect();
    assert_eq!(status_lines(&code()), listed, "the code (left) and docs/RUNBOOK.md (right)");
}

#[test]
fn an_event_is_found_however_it_is_written() {
    let code = "tracing::warn!(%a, b = f(\"x\"), \"it \\\n   holds\");\ntracing::error!(\n    c = \"(\",\n    \"it \\\"fails\\\"\"\n);";
    let found: Vec<_> = events(code).into_iter().collect();
    let pair = |level: &str, message: &str| (level.to_owned(), message.to_owned());
    assert_eq!(found, [pair("error", "it \"fails\""), pair("warn", "it holds")]);
    assert_eq!(template("block {block}: {} in {block}"), "block …: … in …");
}
