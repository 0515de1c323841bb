//! `ballast scenarios`

mod devnet;
mod runs;

use crate::{data, output};
use ballast_backtest::{
    Basis, Market, in_parallel,
    scenario::{Alarm, CalmMonth, Scenario, Verdict, Watched, WayOut, calm_months, episodes, library, play},
};
use ballast_risk::kill_switch::Trigger;
use clap::Args;
use serde_json::json;
use std::{path::PathBuf, process::ExitCode};

/// What may be lost, in USDC, where the money could have been taken out (SPEC R11).
const WORST_LOSS: f64 = 0.05;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Directory of history for the crises that were and the calm months; without it ./data or ../shared/data, whichever is there
    #[arg(long)]
    data: Option<PathBuf>,
    /// Print every verdict as JSON
    #[arg(long)]
    json: bool,
    /// Play runs on a venue at every speed instead, with the keeper's way home and without
    #[arg(long, conflicts_with = "devnet")]
    runs: bool,
    /// Play on a local chain instead, against the real contracts
    #[arg(long)]
    devnet: bool,
    #[command(flatten)]
    on_devnet: devnet::OnDevnet,
}

pub(crate) async fn run(arguments: &Arguments) -> eyre::Result<ExitCode> {
    if arguments.runs {
        return runs::run(arguments.json);
    }
    let directory = match &arguments.data {
        Some(named) => Some(data::directory(Some(named))?),
        None => data::usual(),
    };
    if arguments.devnet {
        return devnet::run(&arguments.on_devnet, directory.as_deref(), arguments.json).await;
    }
    in_backtest(arguments, directory)
}

fn in_backtest(arguments: &Arguments, directory: Option<PathBuf>) -> eyre::Result<ExitCode> {
    let mut scenarios: Vec<Scenario> = library();
    let mut calm: Vec<CalmMonth> = Vec::new();
    if let Some(directory) = &directory {
        scenarios.splice(0..0, episodes(directory, data::now()?)?);
        calm = calm_months(&Market::read(directory, CALM_FROM..=CALM_TO, data::now()?)?);
    }
    let verdicts = in_parallel(&scenarios, &|_| {}, play);
    let alarms: Vec<&Alarm> = calm.iter().flat_map(|month| &month.alarms).collect();
    let held = verdicts.iter().all(holds) && alarms.iter().all(|alarm| alarm.happened);
    if arguments.json {
        output::json(&json!({ "scenarios": verdicts, "calm_months": calm, "held": held }))?;
    } else {
        show(&verdicts)?;
        output::say("")?;
        match &directory {
            None => output::say("no history: the crises that were and the calm months are left out")?,
            Some(directory) => {
                let days: usize = calm.iter().map(|month| month.days).sum();
                let happened = alarms.iter().filter(|alarm| alarm.happened).count();
                output::say(format!(
                    "{} calm months in {} ({days} days): {} false trips, and {happened} at what really was so",
                    calm.len(),
                    directory.display(),
                    alarms.len() - happened,
                ))?;
                for line in by_month(&calm) {
                    output::say(line)?;
                }
                for alarm in &alarms {
                    let what = alarm.venue.as_deref().unwrap_or("USDC");
                    let whence = if alarm.basis == Some(Basis::Derived) { " by its rates" } else { "" };
                    let Alarm { date, trigger, measured, bound, .. } = alarm;
                    output::say(format!("  {date} {trigger:?} of {what}{whence}: {measured} against {bound}"))?;
                }
            }
        }
    }
    Ok(if held { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Trips by trigger, and the days of venues on which it had something to look at.
fn by_month(calm: &[CalmMonth]) -> Vec<String> {
    let mut lines = vec![format!(
        "  {:<8} {:>5} {:>5} {:>7} {:>5} {:>12} {:>8}  {}",
        "month",
        "days",
        "peg",
        "oracle",
        "TVL",
        "utilisation",
        "by rates",
        "days of venues with TVL / utilisation / neither"
    )];
    lines.extend(calm.iter().map(|month| {
        let Watched { tvl, utilisation_recorded, utilisation_derived, utilisation_unknown } = month.watched;
        let derived = month.alarms.iter().filter(|alarm| alarm.basis == Some(Basis::Derived)).count();
        format!(
            "  {:<8} {:>5} {:>5} {:>7} {:>5} {:>12} {derived:>8}  {tvl} / {} / {utilisation_unknown}",
            month.month,
            month.days,
            month.trips(Trigger::Peg),
            month.trips(Trigger::Oracle),
            month.trips(Trigger::Tvl),
            month.trips(Trigger::Utilisation),
            utilisation_recorded + utilisation_derived,
        )
    }));
    lines
}

/// 2021-01-01 and 2026-02-28.
pub(crate) const CALM_FROM: u64 = 1_609_459_200;
pub(crate) const CALM_TO: u64 = 1_772_236_800;

/// Tripped as it must, and no more lost than may be where there was a way out.
fn holds(verdict: &Verdict) -> bool {
    verdict.is_right() && (verdict.way_out != WayOut::Automatic || verdict.worst_usdc < WORST_LOSS)
}

fn show(verdicts: &[Verdict]) -> eyre::Result<()> {
    output::say(format!(
        "{:<64} {:<12} {:>6} {:>9} {:>9} {:>9} {:>9} {:>6}  {}",
        "scenario", "trip", "blocks", "USDC end", "worst", "USD end", "worst", "exit", ""
    ))?;
    for verdict in verdicts {
        let percent = |part: f64| format!("{:.2} %", part * 100.0);
        output::say(format!(
            "{:<64} {:<12} {:>6} {:>9} {:>9} {:>9} {:>9} {:>6}  {}",
            verdict.name,
            verdict.tripped.map_or_else(|| "–".into(), |trigger| format!("{trigger:?}").to_lowercase()),
            verdict.blocks.map_or_else(|| "–".into(), |blocks| blocks.to_string()),
            percent(verdict.loss_usdc),
            percent(verdict.worst_usdc),
            percent(verdict.loss_usd),
            percent(verdict.worst_usd),
            verdict.exit_completeness.map_or_else(|| "–".into(), |part| format!("{:.0} %", part * 100.0)),
            match (holds(verdict), verdict.way_out) {
                (false, _) => "NOT AS EXPECTED",
                (true, WayOut::Automatic) => "",
                (true, WayOut::None) => "no way out",
            }
        ))?;
    }
    let right = verdicts.iter().filter(|verdict| holds(verdict)).count();
    output::say(format!("{right} of {} as expected", verdicts.len()))
}
