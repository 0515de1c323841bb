//! `ballast store`

use crate::output;
use ballast_executor::ledger;
use ballast_service::Config;
use ballast_store::Store;
use clap::{Args, Subcommand};
use eyre::ensure;
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Copy the store into a new file, and the attestor's ledger beside it, while a keeper runs or not; then check the copy
    Backup(Backup),
}

#[derive(Debug, Args)]
pub(crate) struct Backup {
    /// The new file, readable by its owner alone; the ledger's copy has .attestor behind this name. Nothing is overwritten
    #[arg(long, value_name = "FILE")]
    to: PathBuf,
    /// The configuration file, for its store and ledger
    #[arg(long, default_value = "ballast.toml")]
    config: PathBuf,
    /// Print what was copied as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(command: Command) -> eyre::Result<ExitCode> {
    let Command::Backup(arguments) = command;
    let config = Config::load(&arguments.config)?;
    let (source, copy) = (config.attestor_policy().ledger, ledger_of(&arguments.to));
    // Before anything is written: half a backup is easily taken for one.
    ensure!(!copy.exists(), "{} exists; a backup overwrites nothing: name a file that is not there", copy.display());
    let store = Store::open_read_only_at(&config.store.location()?).await?;
    let audit = store.back_up(&arguments.to).await?;
    let of = store.location();
    store.close().await;
    // After the store, so that the ledger counts at least what the store knows of: too much is refused, and not too little.
    let ledger = if source.exists() { Some(ledger::back_up(&source, &copy)?) } else { None };

    if arguments.json {
        output::json(&serde_json::json!({
            "store": of.to_string(),
            "to": arguments.to,
            "intact": audit.fault.is_none(),
            "audit": audit,
            "ledger": ledger.map(|(lines, head)| serde_json::json!({ "to": copy, "lines": lines, "head": head })),
        }))?;
    } else {
        output::say(format_args!("{of} → {}: {} entries", arguments.to.display(), audit.head.seq))?;
        output::say(format_args!("head: {}; note it down elsewhere", audit.head.hash))?;
        output::say(match ledger {
            Some((lines, _)) => format!("{} → {}: {lines} lines", source.display(), copy.display()),
            None => format!("there is no attestor's ledger at {} yet", source.display()),
        })?;
        if let Some(fault) = &audit.fault {
            output::say(format_args!("NOT intact: {fault}; the copy is as the store is: restore an older backup"))?;
        }
    }
    Ok(if audit.fault.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn ledger_of(backup: &Path) -> PathBuf {
    let mut path = backup.as_os_str().to_owned();
    path.push(".attestor");
    path.into()
}
