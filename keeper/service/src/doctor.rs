//! The doctor: everything that a keeper needs, looked at one by one, with what to do about it. Nothing is sent and nothing is changed.
//!
//! A [`Severity::Problem`] keeps the keeper from working or lets it work on something wrong; a [`Severity::Warning`] will, or takes away
//! a margin.

mod chain;
mod contracts;
mod keys;
mod machine;
mod opinion;

use crate::config::{Config, ConfigError};
use serde::Serialize;
use std::path::Path;

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    Ok,
    Warning,
    Problem,
}

/// One thing that was looked at.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// What was looked at: the same name in every run.
    pub check: &'static str,
    pub severity: Severity,
    /// What was found, for a person.
    pub found: String,
    /// What should have been; absent where all is well.
    pub expected: Option<String>,
    /// What to do about it; absent where all is well.
    pub advice: Option<String>,
}

impl Finding {
    fn ok(check: &'static str, found: impl Into<String>) -> Self {
        Self { check, severity: Severity::Ok, found: found.into(), expected: None, advice: None }
    }

    fn warning(
        check: &'static str,
        found: impl Into<String>,
        expected: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self {
            check,
            severity: Severity::Warning,
            found: found.into(),
            expected: Some(expected.into()),
            advice: Some(advice.into()),
        }
    }

    fn problem(
        check: &'static str,
        found: impl Into<String>,
        expected: impl Into<String>,
        advice: impl Into<String>,
    ) -> Self {
        Self { severity: Severity::Problem, ..Self::warning(check, found, expected, advice) }
    }
}

/// Looks at everything that the configuration in this file names. Where the file cannot be used, that is all it says.
pub async fn examine(path: &Path) -> Vec<Finding> {
    let config = match Config::load(path) {
        Ok(config) => config,
        Err(error) => return vec![unusable(&error)],
    };
    let mut findings = vec![Finding::ok("configuration", format!("{} is valid", path.display()))];
    findings.push(machine::file_mode("configuration file mode", path, &config.chain.rpc));
    let (chain, mut of_chain) = chain::examine(&config).await;
    findings.append(&mut of_chain);
    findings.push(opinion::examine(&config).await);
    findings.append(&mut keys::relays(&config).await);
    let (keys, mut of_keys) = keys::examine(&config).await;
    findings.append(&mut of_keys);
    if let Some(pool) = chain {
        findings.append(&mut contracts::examine(&config, &pool, &keys).await);
    }
    findings.append(&mut machine::examine(&config).await);
    findings
}

fn unusable(error: &ConfigError) -> Finding {
    let advice = "correct the file; docs/CONFIG.md describes every key";
    Finding::problem("configuration", error.to_string(), "a file that can be used", advice)
}
