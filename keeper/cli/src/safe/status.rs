//! `ballast safe status`

use super::{ProposalArguments, connect, service};
use crate::output;
use ballast_governance::safe::status::Standing;
use clap::Args;
use std::process::ExitCode;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    proposal: ProposalArguments,
    /// HTTP endpoint of the chain
    #[arg(long)]
    rpc: String,
    /// Count what owners signed at this Transaction Service too (URL of its API; key in BALLAST_SAFE_API_KEY)
    #[arg(long)]
    service: Option<String>,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(arguments: Arguments) -> eyre::Result<ExitCode> {
    let proposal = arguments.proposal.verified()?;
    let queued = match &arguments.service {
        Some(url) => service(url)?.transaction(proposal.safe_tx_hash).await?,
        None => None,
    };
    let standing = Standing::read(&connect(&arguments.rpc)?, &proposal, queued.as_ref()).await?;
    if arguments.json {
        output::json(&standing)?;
        return Ok(ExitCode::SUCCESS);
    }
    output::say(format_args!("{} of Safe {}", proposal.safe_tx_hash, proposal.safe))?;
    output::say(format_args!("  nonce {}, the Safe's next is {}", proposal.nonce(), standing.nonce))?;
    if arguments.service.is_some() {
        let known = if queued.is_some() { "knows it" } else { "does not know it" };
        output::say(format_args!("  the Transaction Service {known}"))?;
    }
    for owner in &standing.owners {
        let how = match owner.signed {
            Some(kind) => format!("signed ({kind:?})"),
            None => "has not signed".into(),
        };
        output::say(format_args!("  {} {how}", owner.owner))?;
    }
    for refused in &standing.refused {
        output::say(format_args!("  does not count: {refused}"))?;
    }
    match &standing.obstacle {
        None => output::say(format_args!("can be executed: {} signatures are needed", standing.threshold))?,
        Some(why) => output::say(format_args!("cannot be executed: {why}"))?,
    }
    Ok(ExitCode::SUCCESS)
}
