//! `ballast emergency-exit`

use crate::output;
use alloy::primitives::U256;
use ballast_service::{Config, Keeper, exit::ExitPlan};
use clap::Args;
use std::{
    io::{BufRead, IsTerminal, Write},
    path::PathBuf,
    process::ExitCode,
};

/// What the venues' rounding may leave of a position, base units (`Vault.DUST`).
pub(crate) const DUST: U256 = U256::from_limbs([2, 0, 0, 0]);

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The configuration file
    #[arg(long, default_value = "ballast.toml")]
    config: PathBuf,
    /// Send without asking
    #[arg(long)]
    yes: bool,
    /// Simulate and show only; like the exit itself it needs the store to itself, so stop the service first
    #[arg(long, conflicts_with = "yes")]
    dry_run: bool,
    /// Print it as JSON; without --yes or --dry-run nothing is sent
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(arguments: Arguments) -> eyre::Result<ExitCode> {
    let config = Config::load(&arguments.config)?;
    let (keeper, _) = Keeper::start(&config).await?;
    let plan = keeper.plan_exit().await?;
    if !arguments.json {
        output::say(table(&plan))?;
    }
    let send = !arguments.dry_run && (arguments.yes || (!arguments.json && confirmed()?));
    if !send {
        if arguments.json {
            output::json(&serde_json::json!({ "plan": plan, "outcome": null }))?;
        } else {
            output::say("nothing was sent")?;
        }
        return Ok(if arguments.dry_run { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    let outcome = keeper.send_exit().await?;
    if arguments.json {
        output::json(&serde_json::json!({ "plan": plan, "outcome": outcome }))?;
    } else {
        match &outcome.landing {
            Some(landing) => output::say(format_args!(
                "exit {:?} in block {} as {}",
                outcome.state, landing.block_number, landing.tx_hash
            ))?,
            None => {
                output::say(format_args!("not done: {}", outcome.reason.as_deref().unwrap_or("no reason recorded")))?
            }
        }
    }
    Ok(if outcome.succeeded() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn table(plan: &ExitPlan) -> String {
    let mut lines = vec![format!("the exit would cost {} gas:", plan.gas)];
    for venue in &plan.venues {
        let verdict = match (venue.ok, venue.remaining > DUST) {
            (false, _) => "FAILS",
            // It pays what it has, or nothing: the exit has to be repeated.
            (true, true) => "STAYS",
            (true, false) => "ok",
        };
        lines.push(format!(
            "  {:<22} {verdict:<6} {} units come home, {} stay",
            venue.name, venue.received, venue.remaining
        ));
    }
    lines.join("\n")
}

fn confirmed() -> eyre::Result<bool> {
    if !std::io::stdin().is_terminal() {
        eprintln!("ballast: no terminal to confirm on; use --yes to send");
        return Ok(false);
    }
    print!("type exit to send it: ");
    std::io::stdout().flush()?;
    let mut line = String::new();
    std::io::stdin().lock().read_line(&mut line)?;
    Ok(line.trim() == "exit")
}
