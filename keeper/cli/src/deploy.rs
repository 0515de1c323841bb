//! `ballast deploy`

use crate::output;
use alloy::{
    eips::BlockNumberOrTag,
    primitives::keccak256,
    providers::{Provider, ProviderBuilder},
};
use ballast_governance::{
    AddressBook, DEV_CHAIN_ID, Deployed, Parameters, Proposal, Quorum, Written, changes, problems,
};
use clap::{ArgGroup, Args};
use eyre::{OptionExt, WrapErr, bail};
use serde_json::json;
use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// The key that deploys on the development chain.
const KEY: &str = "BALLAST_DEV_DEPLOYER_KEY";
/// The kind of venue whose shares the vault holds itself (script/ballast/Ballast.sol).
const HELD_DIRECTLY: &str = "metamorpho";

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("what").required(true).args(["plan", "execute"])))]
pub(crate) struct Arguments {
    /// Print what the parameter file means; with --deployment and --rpc, also what separates the chain from it, and write that as
    /// two batches for the governance Safe
    #[arg(long)]
    plan: bool,
    /// Deploy, configure and hand over, on the development chain only
    #[arg(long, requires = "rpc")]
    execute: bool,
    /// The parameter file, such as deploy/parameters/mainnet.json
    #[arg(long)]
    parameters: PathBuf,
    /// The address book of its chain; the one of the same name beside it in ../addresses unless given
    #[arg(long)]
    addresses: Option<PathBuf>,
    /// The deployment file: read by --plan, written by --execute
    #[arg(long, requires = "rpc")]
    deployment: Option<PathBuf>,
    /// HTTP endpoint of the chain
    #[arg(long)]
    rpc: Option<String>,
    /// Where --plan writes the batches
    #[arg(long, default_value = "target/deploy")]
    out: PathBuf,
    /// Where node_modules and the contracts are, for --execute
    #[arg(long, default_value = ".")]
    project_root: PathBuf,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(arguments: Arguments) -> eyre::Result<ExitCode> {
    let parameters = Parameters::load(&arguments.parameters)?;
    let book = address_book(&arguments, &parameters)?;
    let found = problems(&parameters, book.as_ref());
    if !found.is_empty() {
        if arguments.json {
            output::json(&json!({ "problems": found }))?;
        }
        let list: Vec<String> = found.iter().map(|problem| format!("\n  {problem}")).collect();
        bail!("{} cannot be deployed from:{}", arguments.parameters.display(), list.concat());
    }
    if arguments.execute { execute(&arguments, &parameters).await } else { plan(&arguments, &parameters, book).await }
}

fn address_book(arguments: &Arguments, parameters: &Parameters) -> eyre::Result<Option<AddressBook>> {
    let path = match (&arguments.addresses, parameters.chain_id) {
        (Some(path), _) => path.clone(),
        (None, DEV_CHAIN_ID) => return Ok(None),
        (None, _) => {
            let name = arguments.parameters.file_name().ok_or_eyre("--parameters names no file")?;
            arguments.parameters.parent().unwrap_or(Path::new(".")).join("../addresses").join(name)
        }
    };
    Ok(Some(AddressBook::load(&path).wrap_err("the address book of the chain is needed (--addresses)")?))
}

async fn plan(arguments: &Arguments, parameters: &Parameters, book: Option<AddressBook>) -> eyre::Result<ExitCode> {
    let proposal = match (&arguments.deployment, &arguments.rpc) {
        (Some(path), Some(rpc)) => {
            let deployed = Deployed::load(path)?;
            Some((propose(rpc, parameters, &deployed).await?, deployed))
        }
        _ => None,
    };
    let written = match &proposal {
        Some((Some((proposal, created)), deployed)) => write_batches(&arguments.out, proposal, deployed, *created)?,
        _ => Vec::new(),
    };
    let changes = proposal
        .as_ref()
        .map(|(proposal, _)| proposal.as_ref().map_or_else(Vec::new, |(proposal, _)| proposal.changes.clone()));
    if arguments.json {
        let operation = proposal.as_ref().and_then(|(proposal, _)| proposal.as_ref()).map(|(p, _)| p.id());
        output::json(&json!({
            "parameters": parameters, "changes": changes, "operation": operation, "batches": written,
        }))?;
        return Ok(ExitCode::SUCCESS);
    }
    output::say(meaning(parameters, book.as_ref()))?;
    match changes {
        None => output::say(
            "\nNothing was compared with a chain. Once the contracts are deployed, --deployment and --rpc show what governance \
             has to change.",
        )?,
        Some(changes) if changes.is_empty() => output::say("\nThe chain is as the file says: nothing to sign.")?,
        Some(changes) => {
            output::say(format_args!("\n{} changes, all in one operation of the timelock:", changes.len()))?;
            for (i, change) in changes.iter().enumerate() {
                output::say(format_args!("  {:>2}. {}\n      {} {}", i + 1, change.what, change.target, change.data))?;
            }
            if let Some((Some((proposal, _)), _)) = &proposal {
                output::say(format_args!(
                    "operation {}\nschedule now, execute {} s later; load each file in the governance Safe's Transaction Builder:",
                    proposal.id(),
                    proposal.delay
                ))?;
            }
            for path in &written {
                output::say(format_args!("  {}", path.display()))?;
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The operation and when it was drawn up (chain time), or nothing if the chain is as it should be.
async fn propose(rpc: &str, parameters: &Parameters, deployed: &Deployed) -> eyre::Result<Option<(Proposal, u64)>> {
    let provider = connect(rpc)?;
    let changes = changes(&provider, parameters, deployed).await?;
    if changes.is_empty() {
        return Ok(None);
    }
    let head = provider.get_block_by_number(BlockNumberOrTag::Latest).await?.ok_or_eyre("the chain has no head")?;
    // By the present delay: a new one counts only for what comes after.
    let delay = ballast_governance::current_delay(&provider, deployed).await?;
    let salt = keccak256(head.header.hash);
    Ok(Some((Proposal { changes, salt, delay }, head.header.timestamp)))
}

fn write_batches(out: &Path, proposal: &Proposal, deployed: &Deployed, created: u64) -> eyre::Result<Vec<PathBuf>> {
    fs::create_dir_all(out).wrap_err_with(|| format!("cannot create {}", out.display()))?;
    let mut written = Vec::new();
    for (name, batch) in ["schedule.json", "execute.json"].iter().zip(proposal.batches(deployed, created)) {
        let path = out.join(name);
        fs::write(&path, serde_json::to_string_pretty(&batch)? + "\n")
            .wrap_err_with(|| format!("cannot write {}", path.display()))?;
        written.push(path);
    }
    Ok(written)
}

async fn execute(arguments: &Arguments, parameters: &Parameters) -> eyre::Result<ExitCode> {
    let rpc = arguments.rpc.as_deref().ok_or_eyre("--execute needs --rpc")?;
    let deployment = arguments.deployment.as_deref().ok_or_eyre("--execute needs --deployment, the file to write")?;
    let endpoint = connect(rpc)?.get_chain_id().await.wrap_err("the endpoint does not answer")?;
    for chain in [parameters.chain_id, endpoint] {
        if chain != DEV_CHAIN_ID {
            bail!(
                "ballast deploys with a plain key on the development chain {DEV_CHAIN_ID} only, this is chain {chain}; use `forge script \
                 script/Deploy.s.sol` with --ledger, --trezor or --aws and --sender"
            );
        }
    }
    let key = std::env::var(KEY).map_err(|_| eyre::eyre!("{KEY} is not set: the key that deploys"))?;
    let root = arguments.project_root.canonicalize().wrap_err("--project-root is not a folder")?;
    let parameters_file = arguments.parameters.canonicalize()?;
    let deployment_file = std::path::absolute(deployment)?;
    ballast_devnet::deploy::deploy_ballast(&root, rpc, &key, &parameters_file, &deployment_file).await?;
    let deployed = Deployed::load(&deployment_file)?;
    if arguments.json {
        output::json(&deployed)?;
    } else {
        output::say(format_args!(
            "deployed and handed over\n  vault        {}\n  hub          {}\n  kill switch  {}\n  timelock     {}\n  governance   {}\n  emergency    {}",
            deployed.vault,
            deployed.hub,
            deployed.kill_switch,
            deployed.timelock,
            deployed.governance,
            deployed.emergency
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn connect(rpc: &str) -> eyre::Result<impl Provider> {
    let url = rpc.parse().wrap_err_with(|| format!("--rpc {rpc} is not a URL"))?;
    Ok(ProviderBuilder::new().connect_http(url))
}

/// The parameter file in words: what is deployed, how it is set, and who holds what in the end.
fn meaning(parameters: &Parameters, book: Option<&AddressBook>) -> String {
    let named = |address: Written| match address.0 {
        None => "(empty)".to_owned(),
        Some(address) => match book.and_then(|book| book.name_of(address)) {
            Some(name) => format!("{address} ({name})"),
            None => address.to_string(),
        },
    };
    let safe = |quorum: &Quorum| match quorum.safe.0 {
        Some(address) => format!("Safe {address}, {} of {}", quorum.threshold, quorum.owners.len()),
        None => format!("a new Safe, {} of {}", quorum.threshold, quorum.owners.len()),
    };
    let list =
        |owners: &[Written]| -> String { owners.iter().map(|owner| format!("\n      {}", named(*owner))).collect() };
    let limits = &parameters.limits;
    let mut lines = vec![
        format!("Chain {}", parameters.chain_id),
        "Deployed".into(),
        format!("  Vault              {} ({}) over {}", parameters.name, parameters.symbol, named(parameters.asset)),
        "  SidePocket         of that vault, by it".into(),
        "  KillSwitchManager  of that vault".into(),
        format!("  StrategyHub        of both, attested by {}", named(parameters.attestor)),
        format!("  TimelockController {} s, its own administrator", parameters.timelock_delay),
    ];
    for venue in &parameters.venues {
        let how = if venue.kind == HELD_DIRECTLY { "held directly" } else { "adapter" };
        lines.push(format!("  {how:<18} {} ({}) for {}", venue.name, venue.kind, named(venue.venue)));
    }
    lines.push("Set".into());
    lines.push(format!("  deposit cap        {} base units", parameters.vault.deposit_cap));
    lines.push(format!(
        "  loss bounds        {} bps of NAV an instruction, {} bps a day",
        parameters.vault.max_loss_bps, parameters.vault.daily_loss_bps
    ));
    lines.push(format!("  growth rate        {} bps a year", parameters.vault.max_growth_bps));
    lines.push(format!(
        "  limits             reserve {} bps, positions {}–{} bps, step {} bps, venue share {} bps, utilisation {} bps, cooldown {} s",
        limits.reserve_bps,
        limits.min_position_bps,
        limits.max_position_bps,
        limits.min_step_bps,
        limits.max_venue_share_bps,
        limits.max_utilisation_bps,
        limits.cooldown
    ));
    lines.push(format!(
        "  flow, approval     {} bps of NAV into a venue a day; what adds more than {} units and {} bps of NAV in one call, the governance Safe approves",
        limits.flow_bps, limits.approval_floor, limits.approval_bps
    ));
    lines.push(format!(
        "  grace period       {} s of the keeper's silence, then anyone may call the exit",
        parameters.grace_period
    ));
    for feed in &parameters.feeds {
        lines.push(format!(
            "  feed               {} by {}, heartbeat {} s",
            named(feed.token),
            named(feed.aggregator),
            feed.heartbeat
        ));
    }
    for venue in &parameters.venues {
        lines.push(format!("  {:<18} cap {} base units, risk score {}", venue.name, venue.cap, venue.risk_score));
    }
    lines.push("Held in the end".into());
    lines.push("  administrator of vault, hub and switch: the timelock alone; the deployer holds nothing".into());
    lines.push(format!(
        "  timelock (propose, cancel, execute), and approval on the hub: {}{}",
        safe(&parameters.governance),
        list(&parameters.governance.owners)
    ));
    lines.push(format!("  emergency: {}{}", safe(&parameters.emergency), list(&parameters.emergency.owners)));
    lines.push(format!("  guardians, any one:{}", list(&parameters.guardians)));
    match parameters.watchers.as_slice() {
        [] => lines.push("  watchers: nobody".into()),
        watchers => lines.push(format!("  watchers, any one:{}", list(watchers))),
    }
    lines.push(format!("  keeper: {}", named(parameters.keeper)));
    lines.push(format!("  attestor: {}", named(parameters.attestor)));
    lines.join("\n")
}
