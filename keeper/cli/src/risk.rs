//! `ballast risk`

mod anomalies;
mod validity;

use crate::{data, output};
use ballast_risk::{
    Freshness, Score,
    facts::{Day, Facts},
    market_inputs::MarketInputs,
    score::{Factor, Part, Standing},
    strategy::{StrategyRisk, strategy_risk},
    systemic::Exposure,
};
use clap::{Args, Subcommand};
use eyre::{WrapErr, bail};
use serde::Serialize;
use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// How many nodes of the graph of dependences are shown to a person.
const EXPOSURES_SHOWN: usize = 8;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: Option<Command>,
    /// A directory with protocols.toml, exploits.toml and dependencies.toml; without this, the table that was built in
    #[arg(long, value_name = "DIRECTORY")]
    facts: Option<PathBuf>,
    /// What the market says of the venues, TOML or JSON; without this, every protocol of the facts with nothing known of its market
    #[arg(long, value_name = "FILE")]
    inputs: Option<PathBuf>,
    /// Score with what was known at the end of this day (UTC), without this with what is known now
    #[arg(long, value_name = "DATE")]
    as_of: Option<Day>,
    /// Only these venues or protocols
    #[arg(long = "venue", value_name = "NAME")]
    only: Vec<String>,
    /// Print everything as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Measure how well the score tells protocols that were exploited within a year from the others, and how often the switch trips for nothing
    Validity(validity::Arguments),
    /// Measure how often the detectors of outliers say something on calm days, and what they find when something happens
    Anomalies(anomalies::Arguments),
}

/// Everything that is said, for programs.
#[derive(Serialize)]
struct Answer<'a> {
    as_of: u64,
    facts_version: &'a str,
    exploits_until: u64,
    scores: &'a [Score],
    /// Only of venues with a weight.
    #[serde(skip_serializing_if = "Option::is_none")]
    strategy: Option<&'a StrategyRisk>,
    exposures: &'a [Exposure],
    /// What was not to be had and counted as the riskiest.
    assumed: Vec<Assumed<'a>>,
}

#[derive(Serialize)]
struct Assumed<'a> {
    venue: &'a str,
    part: &'static str,
    factor: &'static str,
    why: &'a str,
}

pub(crate) fn run(arguments: &Arguments) -> eyre::Result<ExitCode> {
    match &arguments.command {
        Some(Command::Validity(arguments)) => return validity::run(arguments),
        Some(Command::Anomalies(arguments)) => return anomalies::run(arguments),
        None => {}
    }
    let facts = facts(arguments.facts.as_deref())?;
    let market = match &arguments.inputs {
        None => MarketInputs::default(),
        Some(path) => {
            let text = read(path)?;
            MarketInputs::parse(&text, &facts).wrap_err_with(|| format!("{} is refused", path.display()))?
        }
    };
    let now = match arguments.as_of {
        Some(day) => day.start() + 86_399,
        None => data::now()?,
    };
    let mut venues = market.venues(&facts);
    for name in &arguments.only {
        if !venues.iter().any(|venue| venue.name == *name || venue.protocol == *name) {
            let known: Vec<&str> = venues.iter().map(|venue| venue.name.as_str()).collect();
            bail!("there is no venue {name:?}, expected one of {}", known.join(", "));
        }
    }
    let wanted = |name: &str| arguments.only.iter().any(|only| only == name);
    venues.retain(|venue| arguments.only.is_empty() || wanted(&venue.name) || wanted(&venue.protocol));

    let freshness = Freshness::default();
    let scores: Vec<Score> = venues.iter().map(|venue| market.score(venue, &facts, now, freshness)).collect();
    let weighted = || scores.iter().zip(&venues).filter_map(|(score, venue)| venue.weight.map(|part| (score, part)));
    let strategy = weighted().next().is_some().then(|| strategy_risk(&weighted().collect::<Vec<_>>()));
    let held: Vec<(String, f64)> =
        venues.iter().filter_map(|venue| venue.weight.map(|part| (venue.protocol.clone(), part))).collect();
    let exposures = facts.dependencies().as_of(now).exposures(&held)?;

    if arguments.json {
        let assumed = scores.iter().flat_map(|score| {
            score.assumed().map(|(part, factor)| Assumed {
                venue: &score.subject,
                part: part.name(),
                factor: factor.name,
                why: &factor.detail,
            })
        });
        output::json(&Answer {
            as_of: now,
            facts_version: &facts.version,
            exploits_until: facts.exploits_until,
            scores: &scores,
            strategy: strategy.as_ref(),
            exposures: &exposures,
            assumed: assumed.collect(),
        })?;
        return Ok(ExitCode::SUCCESS);
    }
    output::say(format!(
        "as of {}; facts of {}, exploits known up to {}; 0 is safe, 100 is risky",
        Day::of(now),
        facts.version,
        Day::of(facts.exploits_until),
    ))?;
    for score in &scores {
        output::say(explained(score))?;
    }
    if let Some(strategy) = &strategy {
        output::say(composite(strategy, &exposures))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn facts(directory: Option<&Path>) -> eyre::Result<Facts> {
    let Some(directory) = directory else { return Ok(Facts::built_in()?) };
    let [protocols, exploits, dependencies] =
        ["protocols.toml", "exploits.toml", "dependencies.toml"].map(|name| read(&directory.join(name)));
    Facts::parse(&protocols?, &exploits?, &dependencies?)
        .wrap_err_with(|| format!("the facts in {} are refused", directory.display()))
}

fn read(path: &Path) -> eyre::Result<String> {
    fs::read_to_string(path).wrap_err_with(|| format!("cannot read {}", path.display()))
}

/// One score, part by part and factor by factor.
fn explained(score: &Score) -> String {
    let mut lines = vec![format!("\n{}  {:.1}  {}", score.subject, score.total, score.tier.name())];
    for Part { id, weight, score, rule, factors } in &score.parts {
        let points = score * f64::from(*weight) / 100.0;
        lines.push(format!("  {:<13} {weight:>3} % × {score:>5.1} = {points:>5.2}   ({rule})", id.name()));
        lines.extend(factors.iter().map(factor_line));
    }
    let assumed: Vec<String> =
        score.assumed().map(|(part, factor)| format!("{} ({})", factor.name, part.name())).collect();
    if !assumed.is_empty() {
        lines.push(format!("  counted as the riskiest for want of a value: {}", assumed.join(", ")));
    }
    lines.join("\n")
}

fn factor_line(factor: &Factor) -> String {
    let Factor { name, score, standing, detail, source, as_of, age, .. } = factor;
    let points = if *standing == Standing::NotApplicable { "–".to_owned() } else { format!("{score:.1}") };
    let mut line = format!("      {name:<15} {points:>5}  {detail}");
    if let (Some(source), Some(as_of)) = (source, as_of) {
        let age = age.map(|seconds| format!(", {}", ago(seconds))).unwrap_or_default();
        line = format!("{line}  [{}{age}: {source}]", Day::of(*as_of));
    }
    line
}

/// An age in the largest unit of which there is at least one.
fn ago(seconds: u64) -> String {
    match seconds {
        0..3_600 => format!("{} min old", seconds / 60),
        3_600..172_800 => format!("{} h old", seconds / 3_600),
        _ => format!("{} d old", seconds / 86_400),
    }
}

fn composite(strategy: &StrategyRisk, exposures: &[Exposure]) -> String {
    let StrategyRisk { composite, tier, contract, market, liquidity, protocol, worst } = strategy;
    let mut lines = vec![
        format!("\nstrategy  {composite:.1}  {}", tier.name()),
        format!("  contract {contract:.1}, market {market:.1}, liquidity {liquidity:.1}, protocol {protocol:.1}"),
    ];
    lines.extend(worst.as_ref().map(|worst| format!("  its riskiest venue is {worst}")));
    lines.push("  what of the portfolio is hit if one thing fails:".to_owned());
    for Exposure { node, share, through } in exposures.iter().take(EXPOSURES_SHOWN) {
        lines.push(format!("      {node:<18} {:>5.1} %  through {}", share * 100.0, through.join(", ")));
    }
    if exposures.len() > EXPOSURES_SHOWN {
        lines.push(format!("      and {} more; --json lists all", exposures.len() - EXPOSURES_SHOWN));
    }
    lines.join("\n")
}
