//! `ballast emergency-exit`

use crate::output;
use alloy::primitives::U256;
use ballast_chain::revert::describe;
use ballast_service::{
    Config, Keeper,
    exit::{ExitPlan, VenueExit},
};
use clap::Args;
use std::{
    io::{BufRead, IsTerminal, Write},
    path::PathBuf,
    process::ExitCode,
};

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
    lines.extend(plan.venues.iter().map(|venue| format!("  {:<22} {}", venue.name, told(venue))));
    lines.join("\n")
}

/// For all but `ok` the exit has to be repeated.
fn told(venue: &VenueExit) -> String {
    let verdict = match (venue.ok, venue.received.is_zero()) {
        (true, _) => "ok",
        // Paused, or it reverts.
        (false, true) => "FAILS",
        (false, false) => "PART",
    };
    let stays = match venue.remaining {
        // The hub's word for what cannot be read.
        U256::MAX => "what stays cannot be read".to_owned(),
        remaining => format!("{remaining} stay"),
    };
    let why = if venue.reason.is_empty() { String::new() } else { format!(": {}", describe(&venue.reason)) };
    format!("{verdict:<6} {} units come home, {stays}{why}", venue.received)
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

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::{
        primitives::{Address, Bytes},
        sol_types::SolError,
    };
    use ballast_chain::bindings::Vault;

    fn said(ok: bool, received: u64, remaining: U256, reason: Vec<u8>) -> String {
        told(&VenueExit {
            adapter: Address::ZERO,
            name: "a venue".to_owned(),
            ok,
            received: U256::from(received),
            remaining,
            reason: Bytes::from(reason),
        })
    }

    #[test]
    fn each_venue_is_told_by_what_it_pays_and_what_stays() {
        assert_eq!(said(true, 7, U256::from(2), vec![]), "ok     7 units come home, 2 stay");
        assert_eq!(said(true, 0, U256::ZERO, vec![]), "ok     0 units come home, 0 stay");
        assert_eq!(said(false, 7, U256::from(3), vec![]), "PART   7 units come home, 3 stay");
        assert_eq!(said(false, 0, U256::from(3), vec![]), "FAILS  0 units come home, 3 stay");
        let paused = Vault::EnforcedPause {}.abi_encode();
        let unreadable = "FAILS  0 units come home, what stays cannot be read: EnforcedPause()";
        assert_eq!(said(false, 0, U256::MAX, paused), unreadable);
    }
}
