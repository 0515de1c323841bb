//! `ballast audit`

use crate::output;
use alloy::primitives::B256;
use ballast_service::Config;
use ballast_store::{Audit, Store};
use clap::{Args, Subcommand};
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Hold every row of the store against the chain of hashes; exit code 1 names the first that is not what was written
    Verify(Verify),
    /// The end of the chain: note its hash down where nobody who can write to the store can change it
    Head(Head),
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// A head that was noted down: it must be in the chain, or its newest entries were removed
    #[arg(long)]
    head: Option<B256>,
    /// The configuration file, for its store
    #[arg(long, default_value = "ballast.toml")]
    config: PathBuf,
    /// Print the verdict as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Head {
    /// The configuration file, for its store
    #[arg(long, default_value = "ballast.toml")]
    config: PathBuf,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(command: Command) -> eyre::Result<ExitCode> {
    match command {
        Command::Verify(arguments) => verify(arguments).await,
        Command::Head(arguments) => head(arguments).await,
    }
}

async fn open(config: &Path) -> eyre::Result<Store> {
    Ok(Store::open_read_only_at(&Config::load(config)?.store.location()?).await?)
}

async fn verify(arguments: Verify) -> eyre::Result<ExitCode> {
    let store = open(&arguments.config).await?;
    let audit = store.verify_audit(arguments.head).await?;
    if arguments.json {
        output::json(&serde_json::json!({ "intact": audit.fault.is_none(), "audit": audit }))?;
    } else {
        output::say(verdict(&audit))?;
    }
    Ok(if audit.fault.is_none() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn head(arguments: Head) -> eyre::Result<ExitCode> {
    let head = open(&arguments.config).await?.audit_head().await?;
    if arguments.json {
        output::json(&head)?;
    } else {
        output::say(format_args!("{} after {} entries", head.hash, head.seq))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn verdict(audit: &Audit) -> String {
    if let Some(fault) = &audit.fault {
        return format!(
            "NOT intact: {fault}\nstop the keeper, keep a copy of the store as it is, and restore a backup; see docs/ARCHITECTURE.md, Store"
        );
    }
    let noted = match audit.expected_at {
        Some(seq) => format!("the head that was noted down is entry {seq}"),
        None => "no head was given (--head), so entries removed from the end would not be noticed".to_owned(),
    };
    format!("intact: {} entries, all rows are what was written\nhead: {}\n{noted}", audit.head.seq, audit.head.hash)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ballast_store::{Fault, Head};

    #[test]
    fn the_verdict_says_what_was_checked_and_what_was_not() {
        let head = Head { seq: 3, hash: B256::repeat_byte(7) };
        let mut audit = Audit { head, expected_at: None, fault: None };
        let told = verdict(&audit);
        assert!(told.starts_with("intact: 3 entries") && told.contains("would not be noticed"), "{told}");
        audit.expected_at = Some(2);
        assert!(verdict(&audit).contains("the head that was noted down is entry 2"));
        audit.fault = Some(Fault { table: "calls", row: "1".to_owned(), what: "it was changed".to_owned() });
        assert!(verdict(&audit).starts_with("NOT intact: calls 1: it was changed"));
    }
}
