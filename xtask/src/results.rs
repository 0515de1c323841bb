//! What the test runners said: the name of every test that ran, and whether it passed.

use eyre::{Context, ensure};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

/// Test name → passed. Forge tests are `Contract.test_name`, Rust tests `binary::module::test_name`.
pub(crate) type Results = BTreeMap<String, bool>;

pub(crate) fn directory(root: &Path) -> PathBuf {
    root.join("target/test-results")
}

pub(crate) fn forge_file(root: &Path) -> PathBuf {
    directory(root).join("forge.json")
}

pub(crate) fn rust_file(root: &Path) -> PathBuf {
    directory(root).join("rust.txt")
}

/// Reads what the last `cargo xtask test` left behind.
pub(crate) fn load(root: &Path) -> eyre::Result<Results> {
    let read = |path: PathBuf| {
        fs::read_to_string(&path).wrap_err_with(|| format!("{} is missing: run `make test` first", path.display()))
    };
    let mut results = forge(&read(forge_file(root))?)?;
    results.extend(rust(&read(rust_file(root))?));
    Ok(results)
}

/// Parses `forge test --json`.
pub(crate) fn forge(text: &str) -> eyre::Result<Results> {
    let report: BTreeMap<String, Value> =
        serde_json::from_str(text).wrap_err("forge test --json printed something else")?;
    let mut results = Results::new();
    for (suite, body) in &report {
        let contract = suite.rsplit(':').next().unwrap_or(suite);
        for (signature, test) in body["test_results"].as_object().into_iter().flatten() {
            // A conformance test skips where the protocol has no such state: it neither passed nor failed.
            if test["status"] == "Skipped" {
                continue;
            }
            let name = signature.split('(').next().unwrap_or(signature);
            results.insert(format!("{contract}.{name}"), test["status"] == "Success");
        }
    }
    ensure!(!results.is_empty(), "forge ran no test");
    Ok(results)
}

/// Parses the output of `cargo test`, both streams in one.
pub(crate) fn rust(text: &str) -> Results {
    let mut results = Results::new();
    let mut binary = String::new();
    for line in text.lines() {
        let line = line.trim();
        if let Some(rest) = line.strip_prefix("Running ") {
            // Running tests/relay.rs (target/debug/deps/relay-0123456789abcdef)
            let file = rest.rsplit('/').next().unwrap_or(rest);
            binary = file.rsplit_once('-').map_or(file, |(name, _)| name).to_owned();
        } else if let Some(rest) = line.strip_prefix("Doc-tests ") {
            binary = format!("doc::{rest}");
        } else if let Some((name, verdict)) = line.strip_prefix("test ").and_then(|rest| rest.rsplit_once(" ... ")) {
            match verdict {
                "ok" => results.insert(format!("{binary}::{name}"), true),
                "FAILED" => results.insert(format!("{binary}::{name}"), false),
                _ => None,
            };
        }
    }
    results
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn forge_tests_are_named_by_contract() {
        let text = r#"{"test/A.t.sol:ATest":{"test_results":{"test_x()":{"status":"Success"},"testFuzz_y(uint256)":{"status":"Failure"},"test_z()":{"status":"Skipped"}}}}"#;
        let results = forge(text).unwrap();
        assert_eq!(results.len(), 2);
        assert!(results["ATest.test_x"]);
        assert!(!results["ATest.testFuzz_y"]);
    }

    #[test]
    fn a_forge_run_without_tests_is_an_error() {
        assert!(forge("{}").is_err());
    }

    #[test]
    fn rust_tests_are_named_by_binary() {
        let text = "     Running unittests src/lib.rs (target/debug/deps/ballast_risk-0f3a)\ntest limits::tests::edge ... ok\n\
                    test limits::tests::other ... FAILED\n     Running tests/relay.rs (target/debug/deps/relay-77aa)\ntest bundles ... ok\n\
                    test slow ... ignored\n";
        let results = rust(text);
        assert!(results["ballast_risk::limits::tests::edge"]);
        assert!(!results["ballast_risk::limits::tests::other"]);
        assert!(results["relay::bundles"]);
        assert_eq!(results.len(), 3);
    }
}
