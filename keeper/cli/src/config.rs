//! `ballast config check`

use crate::output;
use ballast_service::{Config, Observer};
use clap::{Args, Subcommand};
use std::{path::PathBuf, process::ExitCode};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Check the file, then the chain against it; nothing is written or sent
    Check(Check),
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The configuration file
    #[arg(long, default_value = "ballast.toml")]
    config: PathBuf,
    /// Check the file only, without contacting anything
    #[arg(long)]
    offline: bool,
    /// Print what was found as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(command: Command) -> eyre::Result<ExitCode> {
    let Command::Check(arguments) = command;
    let config = Config::load(&arguments.config)?;
    let mut checked = serde_json::json!({ "file": arguments.config, "file_valid": true });
    let profile = config.policy.profile();
    if let Some(profile) = profile {
        checked["profile"] = serde_json::json!({ "name": profile.name, "claimed_return_bps": profile.claim });
    }
    if !arguments.offline {
        let observer = Observer::connect(&config).await?;
        let snapshot = observer.snapshot().await?;
        checked["chain_id"] = snapshot.chain_id.into();
        checked["block"] = snapshot.block.number.into();
        checked["venues"] = snapshot.venues.iter().map(|venue| venue.name.clone()).collect::<Vec<_>>().into();
    }
    if arguments.json {
        output::json(&checked)?;
    } else {
        output::say(format_args!("{} is valid", arguments.config.display()))?;
        if let Some(profile) = profile {
            output::say(format_args!("profile {}: {}; nothing promises it", profile.name, profile.claim))?;
        }
        if let Some(block) = checked["block"].as_u64() {
            output::say(format_args!(
                "the contracts on chain {} are what it says, as of block {block}",
                config.chain.id
            ))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
