//! `ballast safe verify`

use super::BookArguments;
use crate::output;
use ballast_governance::safe::{SafeProposal, text, verify};
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
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: Arguments) -> eyre::Result<ExitCode> {
    let books = arguments.books.load()?;
    let proposal = SafeProposal::load(&arguments.file)?;
    let verified = verify(&proposal, &books, arguments.allow_unknown)?;
    if arguments.json {
        output::json(&verified)?;
        return Ok(ExitCode::SUCCESS);
    }
    output::say(text::describe(&proposal))?;
    output::say(format_args!(
        "\nverified: hash, batch and effects follow from the calls. What stands under Before and Simulated is the proposer's word as \
         of block {}; compare the digest with the proposer's",
        proposal.observed.block
    ))?;
    for owner in &verified.unchecked {
        output::say(format_args!("{owner} is a contract: `ballast safe status` asks it whether it agrees"))?;
    }
    for unknown in &verified.unknown {
        output::say(format_args!("allowed although nothing is known about it: {unknown}"))?;
    }
    Ok(ExitCode::SUCCESS)
}
