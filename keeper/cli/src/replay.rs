//! `ballast replay`

use crate::output;
use alloy::primitives::B256;
use ballast_allocator::replay;
use ballast_service::Config;
use ballast_store::Store;
use clap::Args;
use eyre::bail;
use std::{path::PathBuf, process::ExitCode};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// A transaction hash or a decision hash
    id: B256,
    /// The configuration file, for its store
    #[arg(long, default_value = "ballast.toml")]
    config: PathBuf,
    /// Print the comparison as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(arguments: Arguments) -> eyre::Result<ExitCode> {
    let config = Config::load(&arguments.config)?;
    let store = Store::open_read_only(&config.store.path).await?;
    let stored = match store.decision(arguments.id).await? {
        Some(stored) => Some(stored),
        None => store.decision_by_tx(arguments.id).await?,
    };
    let Some(stored) = stored else {
        bail!("{} is neither a decision nor a transaction in {}", arguments.id, config.store.path.display());
    };
    let report = replay(&stored.record);
    if arguments.json {
        output::json(&serde_json::json!({
            "decision_hash": stored.hash,
            "equal": report.equal,
            "differences": report.differences.iter().map(|difference| serde_json::json!({
                "field": difference.field,
                "recorded": difference.recorded,
                "derived": difference.derived,
            })).collect::<Vec<_>>(),
        }))?;
    } else if report.equal {
        println!("equal: {} follows from block {}", stored.hash, stored.record.snapshot.block.number);
        println!("{}", output::decision(&stored.record));
    } else {
        println!("NOT equal: {}", stored.hash);
        for difference in &report.differences {
            println!("  {difference}");
        }
    }
    Ok(if report.equal { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
