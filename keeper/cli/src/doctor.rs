//! `ballast doctor`

use crate::output;
use ballast_service::doctor::{self, Finding, Severity};
use clap::Args;
use std::{path::PathBuf, process::ExitCode};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The configuration file
    #[arg(long, default_value = "ballast.toml")]
    config: PathBuf,
    /// Print what was found as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(arguments: Arguments) -> eyre::Result<ExitCode> {
    let findings = doctor::examine(&arguments.config).await;
    let worst = findings.iter().map(|finding| finding.severity).max().unwrap_or(Severity::Ok);
    if arguments.json {
        output::json(&serde_json::json!({ "worst": worst, "findings": findings }))?;
    } else {
        for finding in &findings {
            output::say(line(finding))?;
        }
        let count = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
        output::say(format_args!("{} problems, {} warnings", count(Severity::Problem), count(Severity::Warning)))?;
    }
    Ok(if worst == Severity::Problem { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn line(finding: &Finding) -> String {
    let severity = match finding.severity {
        Severity::Ok => "ok",
        Severity::Warning => "warning",
        Severity::Problem => "PROBLEM",
    };
    let mut line = format!("{severity:<8} {:<24} {}", finding.check, finding.found);
    for (what, text) in [("expected", &finding.expected), ("do", &finding.advice)] {
        if let Some(text) = text {
            line.push_str(&format!("\n{:<34}{what}: {text}", ""));
        }
    }
    line
}
