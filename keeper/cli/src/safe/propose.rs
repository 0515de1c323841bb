//! `ballast safe propose`

use super::{
    BookArguments, connect,
    draw_up::{Draft, draw_up},
    key::KeyArguments,
    service,
};
use crate::output;
use alloy::{
    primitives::{Address, B256, Bytes, U256},
    providers::DynProvider,
};
use ballast_governance::{
    batch::Batch,
    safe::{Books, Call, DecisionContext, builder, chain, text},
};
use ballast_service::Config;
use ballast_store::{Location, Store};
use clap::{ArgGroup, Args};
use eyre::{WrapErr, bail};
use std::{fs, path::PathBuf, process::ExitCode};

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("what").required(true).args(["batch", "approve_decision", "call"])))]
pub(crate) struct Arguments {
    #[command(flatten)]
    books: BookArguments,
    /// HTTP endpoint of the chain
    #[arg(long)]
    rpc: String,
    /// The Safe; the deployment's governance Safe unless given
    #[arg(long)]
    safe: Option<Address>,
    /// A batch of Safe's Transaction Builder, such as `ballast deploy --plan` writes
    #[arg(long)]
    batch: Option<PathBuf>,
    /// Approve the large move of this recorded decision
    #[arg(long, value_name = "HASH", requires = "source")]
    approve_decision: Option<B256>,
    /// The keeper's store, which has the decision, if it is an SQLite file
    #[arg(long, value_name = "FILE", group = "source")]
    store: Option<PathBuf>,
    /// The keeper's configuration, for its store wherever that is
    #[arg(long, value_name = "FILE", group = "source")]
    config: Option<PathBuf>,
    /// A call, as ADDRESS:CALLDATA; several make one batch
    #[arg(long, value_name = "ADDRESS:CALLDATA", value_parser = call)]
    call: Vec<Call>,
    /// The nonce; the next that is neither used nor queued unless given
    #[arg(long)]
    nonce: Option<u64>,
    /// What a list of proposals shows
    #[arg(long, default_value = "Ballast")]
    title: String,
    /// Where to write the proposal
    #[arg(long)]
    out: PathBuf,
    /// Also propose to this Transaction Service (URL of its API, ending in /api; key in BALLAST_SAFE_API_KEY), signed by an owner or a
    /// delegate
    #[arg(long)]
    service: Option<String>,
    #[command(flatten)]
    key: KeyArguments,
    /// Write it although the simulation fails, as an operation of the timelock does before its time
    #[arg(long)]
    even_if_failing: bool,
    /// Accept calls that nothing is known about
    #[arg(long)]
    allow_unknown: bool,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(arguments: Arguments) -> eyre::Result<ExitCode> {
    let books = arguments.books.load()?;
    let deployed = books.deployed();
    let safe = arguments.safe.unwrap_or(deployed.governance);
    let provider = connect(&arguments.rpc)?;
    let (calls, decision) = what(&arguments, &provider, &books, safe).await?;
    let queue = arguments.service.as_deref().map(service).transpose()?;
    let signer = arguments.key.signer(deployed.chain_id).await?;
    let proposal = draw_up(Draft {
        books: &books,
        provider: &provider,
        safe,
        title: &arguments.title,
        calls,
        decision,
        nonce: arguments.nonce,
        even_if_failing: arguments.even_if_failing,
        allow_unknown: arguments.allow_unknown,
        signer,
        queue: queue.as_ref(),
        out: &arguments.out,
    })
    .await?;
    if arguments.json {
        output::json(&proposal)?;
    } else {
        output::say(text::describe(&proposal))?;
        output::say(format_args!("\nwritten to {}", arguments.out.display()))?;
        if queue.is_some() {
            output::say("proposed to the Transaction Service, which shows the same transaction")?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

async fn what(
    arguments: &Arguments,
    provider: &DynProvider,
    books: &Books,
    safe: Address,
) -> eyre::Result<(Vec<Call>, Option<DecisionContext>)> {
    if let Some(path) = &arguments.batch {
        let text = fs::read_to_string(path).wrap_err_with(|| format!("cannot read {}", path.display()))?;
        let batch: Batch = serde_json::from_str(&text)
            .wrap_err_with(|| format!("{} is not a batch of the Transaction Builder", path.display()))?;
        let calls =
            builder::calls(&batch, books.deployed().chain_id, safe).wrap_err_with(|| path.display().to_string())?;
        return Ok((calls, None));
    }
    if let Some(hash) = arguments.approve_decision {
        let (context, call) = chain::approval_of(provider, books, record(&location(arguments)?, hash).await?).await?;
        return Ok((vec![call], Some(context)));
    }
    Ok((arguments.call.clone(), None))
}

fn location(arguments: &Arguments) -> eyre::Result<Location> {
    match (&arguments.store, &arguments.config) {
        (Some(path), None) => Ok(Location::Sqlite(path.clone())),
        (None, Some(config)) => Ok(Config::load(config)?.store.location()?),
        _ => bail!("--approve-decision needs one of --store and --config"),
    }
}

async fn record(store: &Location, hash: B256) -> eyre::Result<Bytes> {
    let store = Store::open_read_only_at(store).await?;
    let decision = store.decision(hash).await?;
    let decision = decision
        .ok_or_else(|| eyre::eyre!("the store has no decision {hash}; `ballast decisions` lists those it has"))?;
    Ok(decision.bytes.into())
}

fn call(text: &str) -> Result<Call, String> {
    let (to, data) = text.split_once(':').ok_or("expected ADDRESS:CALLDATA")?;
    let checksummed = Address::parse_checksummed(to, None);
    let to = checksummed.map_err(|_| format!("{to} is not an address with its checksum (EIP-55)"))?;
    let data = data.parse().map_err(|_| format!("{data} is not hex"))?;
    Ok(Call { to, value: U256::ZERO, data })
}
