//! `ballast safe execute`

use super::{ProposalArguments, connect, service};
use crate::output;
use ballast_governance::safe::status::Standing;
use ballast_service::{Config, Keeper};
use clap::{ArgGroup, Args};
use eyre::{OptionExt, bail};
use std::{path::PathBuf, process::ExitCode};

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("how").required(true).args(["config", "print"])))]
pub(crate) struct Arguments {
    #[command(flatten)]
    proposal: ProposalArguments,
    /// Send it as the keeper of this configuration file: simulated, signed, in a private bundle. It needs the store to itself, so stop
    /// the service first
    #[arg(long)]
    config: Option<PathBuf>,
    /// Print the calldata instead, for anybody to send to the Safe
    #[arg(long, requires = "rpc")]
    print: bool,
    /// HTTP endpoint of the chain, for --print
    #[arg(long, conflicts_with = "config")]
    rpc: Option<String>,
    /// Use what owners signed at this Transaction Service too (URL of its API; key in BALLAST_SAFE_API_KEY)
    #[arg(long)]
    service: Option<String>,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(arguments: Arguments) -> eyre::Result<ExitCode> {
    let proposal = arguments.proposal.verified()?;
    let config = arguments.config.as_deref().map(Config::load).transpose()?;
    let rpc = match (&config, &arguments.rpc) {
        (Some(config), _) => config.chain.rpc.first(),
        (None, rpc) => rpc.as_ref(),
    };
    let queued = match &arguments.service {
        Some(url) => service(url)?.transaction(proposal.safe_tx_hash).await?,
        None => None,
    };
    let provider = connect(rpc.ok_or_eyre("an RPC endpoint is needed: --rpc, or chain.rpc of the configuration")?)?;
    let standing = Standing::read(&provider, &proposal, queued.as_ref()).await?;
    let Some(calldata) = standing.execution(&proposal) else {
        let refused: Vec<String> = standing.refused.iter().map(|why| format!("; does not count: {why}")).collect();
        bail!("{}{}", standing.obstacle.as_deref().unwrap_or("not executable"), refused.concat());
    };
    let Some(config) = config else {
        if arguments.json {
            output::json(
                &serde_json::json!({ "to": proposal.safe.to_checksum(None), "value": "0", "data": calldata }),
            )?;
        } else {
            output::say(format_args!("to   {}\ndata {calldata}", proposal.safe))?;
        }
        return Ok(ExitCode::SUCCESS);
    };
    let (keeper, _) = Keeper::start(&config).await?;
    let simulation = keeper.simulate_call(proposal.safe, calldata.clone()).await?;
    if !simulation.success {
        bail!("it would fail now, nothing was sent: {}", simulation.revert.as_deref().unwrap_or("no reason given"));
    }
    let purpose = format!("Safe transaction {}", proposal.safe_tx_hash);
    let outcome = keeper.send_call(proposal.safe, calldata, &purpose).await?;
    if arguments.json {
        output::json(&outcome)?;
    } else {
        match &outcome.landing {
            Some(landing) => output::say(format_args!(
                "{:?} in block {} as {}",
                outcome.state, landing.block_number, landing.tx_hash
            ))?,
            None => {
                output::say(format_args!("not done: {}", outcome.reason.as_deref().unwrap_or("no reason recorded")))?
            }
        }
    }
    Ok(if outcome.succeeded() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
