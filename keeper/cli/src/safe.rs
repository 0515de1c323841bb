//! `ballast safe`

mod draw_up;
mod execute;
mod key;
mod propose;
mod sign;
mod status;
mod verify;

use ballast_governance::safe::{Books, SafeProposal, TransactionService};
use clap::{Args, Subcommand};
pub(crate) use draw_up::{Draft, draw_up};
use eyre::WrapErr;
pub(crate) use key::hash_of;
use std::{path::PathBuf, process::ExitCode};

use alloy::providers::{DynProvider, Provider, ProviderBuilder};

/// The Transaction Service's key: never an argument, which every process of the machine can read.
pub(crate) const SERVICE_KEY: &str = "BALLAST_SAFE_API_KEY";

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Draw up a transaction of a Safe: decoded, simulated, written to a file, and shown to the Transaction Service if wanted
    Propose(propose::Arguments),
    /// Derive hash and effects again from the calls alone, offline, and name the first thing that is not as the file says
    Verify(verify::Arguments),
    /// Verify and sign; without a key show what an offline signer needs, or add the signature that it made
    Sign(sign::Arguments),
    /// Who has signed, and whether it can be executed
    Status(status::Arguments),
    /// Send what enough owners have signed, from the keeper's account
    Execute(execute::Arguments),
}

pub(crate) async fn run(command: Command) -> eyre::Result<ExitCode> {
    match command {
        Command::Propose(arguments) => propose::run(arguments).await,
        Command::Verify(arguments) => verify::run(arguments).await,
        Command::Sign(arguments) => sign::run(arguments).await,
        Command::Status(arguments) => status::run(arguments).await,
        Command::Execute(arguments) => execute::run(arguments).await,
    }
}

/// The files that say what an address is. They are the reader's own, not the proposer's.
#[derive(Debug, Args)]
pub(crate) struct BookArguments {
    /// The deployment file
    #[arg(long)]
    deployment: PathBuf,
    /// The address book of the chain, such as deploy/addresses/mainnet.json
    #[arg(long)]
    addresses: Option<PathBuf>,
    /// The parameter file, which names the venues
    #[arg(long)]
    parameters: Option<PathBuf>,
}

impl BookArguments {
    fn load(&self) -> eyre::Result<Books> {
        Ok(Books::load(&self.deployment, self.addresses.as_deref(), self.parameters.as_deref())?)
    }
}

/// A proposal, and the files to verify it by.
#[derive(Debug, Args)]
pub(crate) struct ProposalArguments {
    /// The proposal
    file: PathBuf,
    #[command(flatten)]
    books: BookArguments,
    /// Accept calls that nothing is known about
    #[arg(long)]
    allow_unknown: bool,
}

impl ProposalArguments {
    /// Nothing is done with a proposal that is not what it says.
    fn verified(&self) -> eyre::Result<SafeProposal> {
        let proposal = SafeProposal::load(&self.file)?;
        ballast_governance::safe::verify(&proposal, &self.books.load()?, self.allow_unknown)
            .wrap_err_with(|| format!("{} is not what it says", self.file.display()))?;
        Ok(proposal)
    }
}

pub(crate) fn connect(rpc: &str) -> eyre::Result<DynProvider> {
    let shown = ballast_chain::redact(rpc);
    let url = rpc.parse().wrap_err_with(|| format!("{shown} is not a URL of an RPC endpoint"))?;
    Ok(ProviderBuilder::new().connect_http(url).erased())
}

fn service(url: &str) -> eyre::Result<TransactionService> {
    Ok(TransactionService::new(url, std::env::var(SERVICE_KEY).ok().filter(|key| !key.is_empty()))?)
}
