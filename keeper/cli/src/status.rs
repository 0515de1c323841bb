//! `ballast status`

use crate::output;
use ballast_service::{Config, Observer};
use ballast_store::{Attempt, Store, StoreError, Subject};
use clap::Args;
use std::{path::PathBuf, process::ExitCode};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The configuration file
    #[arg(long, default_value = "ballast.toml")]
    config: PathBuf,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(arguments: Arguments) -> eyre::Result<ExitCode> {
    let config = Config::load(&arguments.config)?;
    let snapshot = Observer::connect(&config).await?.snapshot().await?;
    // A keeper that never ran has no store, which is no error here.
    let last = match Store::open_read_only_at(&config.store.location()?).await {
        Ok(store) => match store.decisions(1).await?.into_iter().next() {
            Some(decision) => {
                let attempts = store.attempts(Subject::Decision(decision.hash)).await?;
                Some((decision, attempts))
            }
            None => None,
        },
        Err(StoreError::Missing { .. }) => None,
        Err(error) => return Err(error.into()),
    };

    if arguments.json {
        output::json(&serde_json::json!({
            "snapshot": snapshot,
            "last_decision": last.as_ref().map(|(decision, attempts)| serde_json::json!({
                "hash": decision.hash,
                "decision": decision.record.decision,
                "block": decision.record.snapshot.block.number,
                "attempts": attempts,
            })),
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    output::say(format_args!("block {} of chain {}", snapshot.block.number, snapshot.chain_id))?;
    let switch = &snapshot.kill_switch;
    let reason = if switch.reason.is_empty() { String::new() } else { format!(": {}", switch.reason) };
    output::say(format_args!(
        "kill switch {}, {}{reason}",
        output::mode(switch.mode),
        if switch.operational { "operational" } else { "not operational" }
    ))?;
    output::say(output::venues(&snapshot))?;
    match last {
        None => output::say("no decision is recorded yet")?,
        Some((decision, attempts)) => {
            output::say(format_args!("last decision {}", decision.hash))?;
            output::say(output::decision(&decision.record))?;
            for attempt in &attempts {
                output::say(attempt_line(attempt))?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// One attempt on one line.
pub(crate) fn attempt_line(attempt: &Attempt) -> String {
    let tx = attempt.facts.tx_hash.map_or_else(|| "not signed".to_owned(), |hash| format!("tx {hash}"));
    let reason = attempt.facts.reason.as_deref().map_or_else(String::new, |reason| format!(": {reason}"));
    format!("  attempt {}: {}, {tx}{reason}", attempt.number, attempt.state)
}
