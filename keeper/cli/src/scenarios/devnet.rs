//! `ballast scenarios --devnet`: what the real contracts make of it when a market turns, minute by minute.
//!
//! The chain is started once, with the real protocols and a vault whose money the keeper has put to work; every scenario goes back to
//! that state. Somebody without any role trips what the contracts let him, and calls the exit where they ask for it. The pure model of the
//! switch (`ballast_risk::kill_switch`) is shown the same readings beside it: where the two differ in anything, the scenario fails.

mod episodes;
mod library;
mod player;
mod runs;
mod sight;
mod stage;
mod timeline;
mod twin;
mod verdict;

use crate::{local, output};
use clap::Args;
use eyre::{WrapErr, bail};
use player::Player;
use runs::{RunVerdict, VenueRun};
use serde_json::json;
use stage::{People, Stage};
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Instant,
};
use timeline::Scenario;
use tokio::signal::unix::{SignalKind, signal};
use verdict::Verdict;

#[derive(Debug, Args)]
pub(super) struct OnDevnet {
    /// With --devnet: only the scenarios whose name begins so
    #[arg(long, value_name = "NAME", requires = "devnet")]
    only: Option<String>,
    /// With --devnet: where node_modules and the contracts are
    #[arg(long, default_value = ".")]
    project_root: PathBuf,
    /// With --devnet: where the keeper's files are written; emptied first
    #[arg(long, default_value = "target/scenarios")]
    out: PathBuf,
}

/// Plays them. `data` has the minutes of the crises that were; without it, these are left out and named.
pub(super) async fn run(arguments: &OnDevnet, data: Option<&Path>, as_json: bool) -> eyre::Result<ExitCode> {
    let began = Instant::now();
    let (mut scenarios, absent) = match data {
        Some(directory) => episodes::read(directory)?,
        None => (Vec::new(), episodes::names()),
    };
    scenarios.extend(library::made_up());
    let mut runs = runs::all().to_vec();
    if let Some(only) = &arguments.only {
        scenarios.retain(|scenario| scenario.id.starts_with(only.as_str()));
        runs.retain(|run| run.id.starts_with(only.as_str()));
        if scenarios.is_empty() && runs.is_empty() {
            return output::misuse(format!("no scenario begins with {only:?}; run without --only to see their names"));
        }
    }
    let root = local::project_root(&arguments.project_root)?;
    local::emptied(&arguments.out)?;
    let mut interrupted = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let (verdicts, ran) = tokio::select! {
        played = played(&root, &arguments.out, (&scenarios, &runs), !as_json) => played?,
        // What it started ends as it is dropped.
        _ = interrupted.0.recv() => bail!("interrupted"),
        _ = interrupted.1.recv() => bail!("interrupted"),
    };
    let ended = verdicts.iter().map(|verdict| (verdict.id.as_str(), &verdict.failures));
    let ended: Vec<_> = ended.chain(ran.iter().map(|verdict| (verdict.id, &verdict.failures))).collect();
    let failed: Vec<_> = ended.iter().filter(|(_, failures)| !failures.is_empty()).collect();
    let seconds = began.elapsed().as_secs_f64();
    if as_json {
        output::json(
            &json!({ "scenarios": verdicts, "runs": ran, "absent": absent, "seconds": seconds, "held": failed.is_empty() }),
        )?;
    } else {
        for (id, failures) in &failed {
            for failure in *failures {
                output::say(format!("{id}: {failure}"))?;
            }
        }
        if !absent.is_empty() {
            output::say(format!("without minute prices, hence left out: {}", absent.join(", ")))?;
        }
        output::say(format!("{} of {} as expected, in {seconds:.0} s", ended.len() - failed.len(), ended.len()))?;
    }
    Ok(if failed.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn played(
    root: &Path,
    out: &Path,
    (scenarios, runs): (&[Scenario], &[VenueRun]),
    aloud: bool,
) -> eyre::Result<(Vec<Verdict>, Vec<RunVerdict>)> {
    let stage = Stage::start(root, out).await?;
    let people = stage.people()?;
    let played = async {
        let verdicts = on_stage(&people, scenarios, aloud).await?;
        Ok((verdicts, run_on(&people, runs, out, aloud).await?))
    };
    let verdicts = played.await;
    stage.devnet.shutdown().await?;
    verdicts
}

async fn on_stage(people: &People<'_>, scenarios: &[Scenario], aloud: bool) -> eyre::Result<Vec<Verdict>> {
    let mut verdicts = Vec::new();
    if aloud && !scenarios.is_empty() {
        output::say(Verdict::header())?;
    }
    for scenario in scenarios {
        let before = people.snapshot().await?;
        let verdict = Player::play(people, scenario).await.wrap_err_with(|| format!("in {}", scenario.id))?;
        people.restore(before).await?;
        if aloud {
            output::say(verdict.row())?;
        }
        verdicts.push(verdict);
    }
    Ok(verdicts)
}

/// The runs on a venue, each with a keeper of its own.
async fn run_on(people: &People<'_>, runs: &[VenueRun], out: &Path, aloud: bool) -> eyre::Result<Vec<RunVerdict>> {
    let mut verdicts = Vec::new();
    if aloud && !runs.is_empty() {
        output::say(RunVerdict::header())?;
    }
    for run in runs {
        let before = people.snapshot().await?;
        let verdict = runs::play(people, *run, out).await.wrap_err_with(|| format!("in {}", run.id))?;
        people.restore(before).await?;
        if aloud {
            output::say(verdict.row())?;
        }
        verdicts.push(verdict);
    }
    Ok(verdicts)
}
