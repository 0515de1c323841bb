//! `ballast safe verify`

use super::{BookArguments, connect};
use crate::output;
use ballast_governance::safe::{SafeProposal, chain, text, verify};
use clap::Args;
use std::{path::PathBuf, process::ExitCode};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The proposal
    file: PathBuf,
    #[command(flatten)]
    books: BookArguments,
    /// Accept calls that nothing is known about
    #[arg(long)]
    allow_unknown: bool,
    /// Also ask this endpoint, the reader's own, whether the chain was as the proposal says; without it nothing is asked of anybody
    #[arg(long)]
    rpc: Option<String>,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(arguments: Arguments) -> eyre::Result<ExitCode> {
    let books = arguments.books.load()?;
    let proposal = SafeProposal::load(&arguments.file)?;
    let verified = verify(&proposal, &books, arguments.allow_unknown)?;
    if let Some(rpc) = &arguments.rpc {
        chain::confirm(&connect(rpc)?, &books, &proposal).await?;
    }
    if arguments.json {
        output::json(&verified)?;
        return Ok(ExitCode::SUCCESS);
    }
    output::say(text::describe(&proposal))?;
    output::say("\nverified: hash, batch and effects follow from the calls")?;
    let block = proposal.observed.block;
    match arguments.rpc {
        Some(_) => output::say(format_args!(
            "what stands under Before and Simulated is what your endpoint says of block {block}"
        ))?,
        None => output::say(format_args!(
            "what stands under Before and Simulated is the proposer's word as of block {block}: compare the digest with the proposer's, \
             or ask your own endpoint with --rpc"
        ))?,
    }
    for owner in &verified.unchecked {
        output::say(format_args!("{owner} is a contract: `ballast safe status` asks it whether it agrees"))?;
    }
    for unknown in &verified.unknown {
        output::say(format_args!("allowed although nothing is known about it: {unknown}"))?;
    }
    Ok(ExitCode::SUCCESS)
}
