//! `ballast run`

use crate::{approval_desk::Desk, output};
use ballast_allocator::record;
use ballast_executor::Outcome;
use ballast_governance::CHAINS;
use ballast_service::{Config, Cycle, Keeper, Observer, Scorer, Supervisor, market::Market};
use clap::Args;
use eyre::bail;
use std::{convert::Infallible, path::PathBuf, process::ExitCode, sync::Arc, time::Duration};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::Notify,
};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The configuration file
    #[arg(long, default_value = "ballast.toml")]
    config: PathBuf,
    /// Refuse a configuration of another chain: mainnet, sepolia, base, arbitrum or devnet
    #[arg(long, value_name = "NAME", value_parser = network)]
    network: Option<u64>,
    /// One cycle, then end: exit code 0 for a hold or a rebalance that landed, 1 otherwise
    #[arg(long)]
    once: bool,
    /// Observe and decide only: nothing is written, signed or sent, and no key is needed
    #[arg(long)]
    dry_run: bool,
    /// Wait while another instance holds the store's lease, and take over when it is gone
    #[arg(long, conflicts_with_all = ["once", "dry_run"])]
    standby: bool,
    /// Print the cycle as JSON (with --once or --dry-run)
    #[arg(long)]
    json: bool,
}

/// Well within the watchdog of the unit.
const STANDBY_SIGN_OF_LIFE: Duration = Duration::from_secs(5);

pub(crate) async fn run(arguments: Arguments) -> eyre::Result<ExitCode> {
    let config = Config::load(&arguments.config)?;
    if let Some(network) = arguments.network
        && network != config.chain.id
    {
        let (file, named) = (named(config.chain.id), named(network));
        bail!("{} is for {file}, --network says {named}; nothing was contacted", arguments.config.display());
    }
    if arguments.dry_run {
        return dry_run(&config, arguments.json).await;
    }
    let supervisor = Supervisor::from_environment()?;
    let desk = config.safe.as_ref().map(|safe| Desk::open(&config, safe)).transpose()?;
    // Before the first wait: a signal must not end the process in the middle of a cycle.
    let mut stop = Box::pin(stopped());
    let started = if arguments.standby {
        let waits = Notify::new();
        tokio::select! {
            started = Keeper::stand_by(&config, || waits.notify_one()) => started,
            () = &mut stop => {
                tracing::info!("stopped while standing by");
                return Ok(ExitCode::SUCCESS);
            }
            never = stand_by(&supervisor, &waits) => match never {},
        }
    } else {
        Keeper::start(&config).await
    };
    let (mut keeper, settled) = started?;
    if let Some(desk) = desk {
        let signer = keeper.signer();
        keeper = keeper.with_desk(Arc::new(desk(signer)));
    }
    for outcome in &settled {
        tracing::info!(subject = ?outcome.subject, state = ?outcome.state, "settled what an earlier run left");
    }
    if arguments.once {
        keeper.look_back().await;
        keeper.market().look().await;
        let cycle = keeper.cycle().await;
        keeper.finish().await;
        let cycle = cycle?;
        show(&cycle, arguments.json)?;
        return Ok(if cycle.is_clean() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    tracing::info!(account = %keeper.account(), vault = %keeper.observer().deployment().vault, "keeper runs");
    let ran = keeper.run(&supervisor, stop).await;
    keeper.finish().await;
    ran?;
    tracing::info!("keeper stopped");
    Ok(ExitCode::SUCCESS)
}

/// The id of a chain by its name.
fn network(name: &str) -> Result<u64, String> {
    let known = CHAINS.iter().find(|(_, known)| *known == name);
    let names = CHAINS.map(|(_, name)| name).join(", ");
    known.map(|(id, _)| *id).ok_or_else(|| format!("no network is called so, expected one of {names}"))
}

fn named(id: u64) -> String {
    let known = CHAINS.iter().find(|(known, _)| *known == id);
    known.map_or_else(|| format!("chain {id}"), |(_, name)| format!("{name} (chain {id})"))
}

/// For the service manager a standby is up once it waits for nothing but the lease: one that could not take over is not.
async fn stand_by(supervisor: &Supervisor, waits: &Notify) -> Infallible {
    waits.notified().await;
    supervisor.ready();
    supervisor.status("standing by for the lease");
    loop {
        supervisor.alive();
        tokio::time::sleep(STANDBY_SIGN_OF_LIFE).await;
    }
}

async fn dry_run(config: &Config, json: bool) -> eyre::Result<ExitCode> {
    let (market, scorer) = (Market::open(config)?, Scorer::new(config)?);
    let observer = Observer::connect(config).await?;
    market.look().await;
    let mut snapshot = observer.snapshot().await?;
    market.doubt(&mut snapshot);
    match config.history.location(&config.store) {
        Ok(location) if config.history.enabled => scorer.look_back(&location, &snapshot).await,
        Ok(_) => {}
        Err(error) => tracing::info!(%error, "what the history has is not known"),
    }
    let policy = scorer.policy(&snapshot, &market);
    let record = record(snapshot, policy);
    if json {
        output::json(&serde_json::json!({ "decision_hash": record.hash()?, "record": record, "outcome": null }))?;
    } else {
        output::say(format_args!("{}\n\n{}", output::venues(&record.snapshot), output::decision(&record)))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn show(cycle: &Cycle, json: bool) -> eyre::Result<()> {
    if json {
        return output::json(cycle);
    }
    output::say(output::decision(&cycle.record))?;
    if let Some(outcome) = &cycle.outcome {
        output::say(outcome_line(outcome))?;
    }
    Ok(())
}

fn outcome_line(outcome: &Outcome) -> String {
    match (&outcome.landing, &outcome.reason) {
        (Some(landing), None) => format!("  landed in block {} as {}", landing.block_number, landing.tx_hash),
        (None, reason) if outcome.waits() => {
            format!("  waits for the Safe: {}", reason.as_deref().unwrap_or("it needs its approval"))
        }
        (_, reason) => {
            format!("  not done: {:?}: {}", outcome.state, reason.as_deref().unwrap_or("no reason recorded"))
        }
    }
}

/// Ready at the first SIGTERM or SIGINT from now on.
fn stopped() -> impl Future<Output = ()> {
    let signals = (signal(SignalKind::terminate()), signal(SignalKind::interrupt()));
    async move {
        let (Ok(mut terminate), Ok(mut interrupt)) = signals else {
            // Without handlers the signals end the process at once, which the outbox is made for.
            return std::future::pending().await;
        };
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    }
}
