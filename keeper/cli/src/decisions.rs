//! `ballast decisions`

mod quality;

use crate::{output, status::attempt_line};
use ballast_service::Config;
use ballast_store::{Store, Subject};
use clap::{Args, Subcommand};
use std::{path::PathBuf, process::ExitCode};

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// The configuration file
    #[arg(long, default_value = "ballast.toml")]
    config: PathBuf,
    /// How many, newest first
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    limit: u32,
    /// Print them as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// How good the decisions of each month were: gains over the alternatives, score, moves that won, gas against gains
    Quality(quality::Arguments),
}

pub(crate) async fn run(arguments: Arguments) -> eyre::Result<ExitCode> {
    if let Some(Command::Quality(arguments)) = &arguments.command {
        return quality::run(arguments).await;
    }
    let config = Config::load(&arguments.config)?;
    let store = Store::open_read_only_at(&config.store.location()?).await?;
    let decisions = store.decisions(arguments.limit).await?;
    let mut listed = Vec::new();
    for decision in &decisions {
        let attempts = store.attempts(Subject::Decision(decision.hash)).await?;
        if arguments.json {
            listed.push(serde_json::json!({
                "hash": decision.hash,
                "block": decision.record.snapshot.block.number,
                "decision": decision.record.decision,
                "attempts": attempts,
            }));
            continue;
        }
        output::say(decision.hash)?;
        output::say(output::decision(&decision.record))?;
        for attempt in &attempts {
            output::say(attempt_line(attempt))?;
        }
        output::say("")?;
    }
    if arguments.json {
        output::json(&listed)?;
    } else if decisions.is_empty() {
        output::say("no decision is recorded yet")?;
    }
    Ok(ExitCode::SUCCESS)
}
