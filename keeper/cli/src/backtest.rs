//! `ballast backtest`

mod coins;
mod parquet_file;
pub(crate) mod settings;

use crate::{data, output};
use ballast_backtest::{
    Ahead, CoinSettings, Entrant, Market, Outcome, Placed, Plan, PolicyOutcome, USDC, baselines, contest, decided,
    html, in_parallel,
};
use ballast_history::time;
use ballast_types::{Assets, ProfileName};
use clap::Args;
use eyre::{WrapErr, bail, eyre};
use serde_json::json;
use settings::{Settings, Sweep};
use std::{
    fs,
    io::{IsTerminal, Write},
    ops::Range,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// The largest capital: a hundred billion USDC.
const MAX_CAPITAL: u64 = 100_000_000_000;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// First day, like 2024-01-01
    #[arg(long, value_parser = day)]
    start: u64,
    /// Last day
    #[arg(long, value_parser = day)]
    end: u64,
    /// What is invested, whole USDC
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u64).range(1..=MAX_CAPITAL))]
    capital: u64,
    /// Directory of history; without it ./data or ../shared/data, whichever is there
    #[arg(long)]
    data: Option<PathBuf>,
    /// Coins whose venues the vault may be in: usdc, which is all that its contracts can do today, and with it any of usdt and dai, which are reached
    /// by a swap
    #[arg(long, default_value = "usdc", value_name = "COIN,COIN")]
    assets: String,
    /// What is taken of the pool of those swaps: amplification=, fee_ppm=, depth= (USD where the data has none; may be given several times)
    #[arg(long = "pool", value_name = "KEY=VALUE")]
    pool: Vec<String>,
    /// Only these policies (may be given several times); without it all
    #[arg(long = "policy", value_name = "NAME")]
    policies: Vec<String>,
    /// The vault's own policies under this profile: its limits, and its reviews as the times of decisions
    #[arg(long, value_parser = profile, value_name = "NAME")]
    profile: Option<ProfileName>,
    /// A parameter of the vault's own policies, like horizon_hours=168 (may be given several times)
    #[arg(long = "set", value_name = "KEY=VALUE")]
    set: Vec<String>,
    /// Every combination of these values of parameters, like min_gain=10,50,100 (may be given several times), with the policy `convex`
    #[arg(long = "sweep", value_name = "KEY=VALUE,VALUE")]
    sweep: Vec<String>,
    /// Write the combinations of a sweep and what came of each to this Parquet file
    #[arg(long, value_name = "FILE", requires = "sweep")]
    parquet: Option<PathBuf>,
    /// Write a report with charts to this file
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Print the results as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn day(text: &str) -> Result<u64, String> {
    time::day(text).ok_or_else(|| format!("{text:?} is no day, expected one like 2024-01-01"))
}

fn profile(text: &str) -> Result<ProfileName, String> {
    let expected = || ProfileName::ALL.map(|name| name.to_string()).join(", ");
    text.parse().map_err(|_| format!("{text:?} is no profile, expected one of {}", expected()))
}

pub(crate) fn run(arguments: Arguments) -> eyre::Result<ExitCode> {
    if arguments.end < arguments.start {
        return output::misuse(format!(
            "--end {} is before --start {}",
            time::date(arguments.end),
            time::date(arguments.start)
        ));
    }
    let profile = arguments.profile.map(ProfileName::profile).transpose()?;
    let settings = match Settings::parse(profile, &arguments.set) {
        Ok(settings) => settings,
        Err(why) => return output::misuse(why),
    };
    let sweep = match Sweep::parse(&arguments.sweep, &settings) {
        Ok(sweep) => sweep,
        Err(why) => return output::misuse(why),
    };
    let coins = match coins::parse(&arguments.assets, &arguments.pool) {
        Ok(coins) => coins,
        Err(why) => return output::misuse(why),
    };
    let directory = data::directory(arguments.data.as_deref())?;
    let (market, period) = load_with(&directory, arguments.start, arguments.end, &coins)?;
    let capital = Assets(u128::from(arguments.capital) * USDC);
    let settings = settings.scored(&market, capital)?;
    if let Some(sweep) = sweep {
        return swept(&arguments, (&market, &period), capital, &sweep.points(&settings));
    }
    let entrants = entrants(&market, period.clone(), capital, &settings);
    let entrants = match chosen(entrants, &arguments.policies) {
        Ok(entrants) => entrants,
        Err(why) => return output::misuse(why),
    };
    let placed = contest(&market, period.clone(), capital, &entrants, &settings.rules, &progress(entrants.len()));
    let mut outcome = outcome(&market, &period, arguments.capital, &directory, &placed);
    if let Some(scores) = &settings.rules.scores {
        outcome = outcome.with_scores(&market, &period, scores);
    }
    if let Some(report) = &arguments.report {
        fs::write(report, html(&outcome)).wrap_err_with(|| format!("cannot write {}", report.display()))?;
    }
    if arguments.json {
        output::json(&outcome)?;
    } else {
        show(&outcome)?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The markets of a period, and which steps of them it is.
pub(crate) fn load(directory: &Path, start: u64, end: u64) -> eyre::Result<(Market, Range<usize>)> {
    load_with(directory, start, end, &CoinSettings::default())
}

fn load_with(directory: &Path, start: u64, end: u64, coins: &CoinSettings) -> eyre::Result<(Market, Range<usize>)> {
    let market = Market::read_with(directory, start..=end, data::now()?, coins)?;
    let (Some(first), Some(last)) = (market.at(start), market.at(end)) else {
        bail!("{} to {} is not covered", time::date(start), time::date(end));
    };
    let period = first..last + 1;
    if !market
        .venues
        .iter()
        .any(|venue| venue.steps.get(period.clone()).is_some_and(|steps| steps.iter().any(Option::is_some)))
    {
        bail!(
            "no venue in {} has a rate between {} and {}; `ballast data check` says what is there",
            directory.display(),
            time::date(start),
            time::date(end)
        );
    }
    Ok((market, period))
}

/// The baselines and the vault's own policies.
pub(crate) fn entrants(market: &Market, period: Range<usize>, capital: Assets, settings: &Settings) -> Vec<Entrant> {
    let mut entrants = baselines(market, period, capital, &settings.rules);
    entrants.extend(decided(&settings.policy(market.venues.len())));
    entrants
}

fn chosen(entrants: Vec<Entrant>, names: &[String]) -> Result<Vec<Entrant>, String> {
    let known: Vec<String> = entrants.iter().map(|entrant| entrant.name.clone()).collect();
    if let Some(unknown) = names.iter().find(|name| !known.contains(name)) {
        return Err(format!("there is no policy {unknown:?}, expected one of {}", known.join(", ")));
    }
    Ok(entrants.into_iter().filter(|entrant| names.is_empty() || names.contains(&entrant.name)).collect())
}

pub(crate) fn outcome(
    market: &Market,
    period: &Range<usize>,
    capital: u64,
    directory: &Path,
    placed: &[Placed],
) -> Outcome {
    Outcome::new(market, period, capital as f64, directory.display().to_string(), placed)
}

/// How many runs are done, on a terminal's standard error.
fn progress(all: usize) -> impl Fn(usize) + Sync {
    let shown = std::io::stderr().is_terminal();
    move |done| {
        if shown {
            let end = if done == all { "\n" } else { "" };
            let _ = write!(std::io::stderr(), "\r{done} of {all} runs{end}");
        }
    }
}

fn show(outcome: &Outcome) -> eyre::Result<()> {
    output::say(format!(
        "{} to {}, {} USDC, history from {}",
        outcome.start, outcome.end, outcome.capital, outcome.data
    ))?;
    output::say(format!("venues: {}", outcome.series.join(", ")))?;
    output::say("")?;
    output::say(table(outcome))?;
    output::say("")?;
    for note in &outcome.notes {
        output::say(format!("note: {note}"))?;
    }
    if outcome.refused_rows > 0 {
        output::say(format!("note: {} rows were refused, `ballast data check` names them", outcome.refused_rows))?;
    }
    Ok(())
}

/// A line per policy.
pub(crate) fn table(outcome: &Outcome) -> String {
    // A column of zeros says nothing.
    let swaps = if outcome.swaps { format!(" {:>10}", "slippage") } else { String::new() };
    let mut lines = vec![format!(
        "{:<20} {:>16} {:>9} {:>8} {:>9} {:>9} {:>10}{swaps} {:>6}  {:<22}  {}",
        "policy",
        "final USDC",
        "net APY",
        "Sharpe",
        "drawdown",
        "invested",
        "gas USD",
        "moves",
        "APY above hold [95 %]",
        "above hold-capped"
    )];
    lines.extend(outcome.policies.iter().map(|policy| line(policy, outcome.swaps)));
    lines.join("\n")
}

fn line(policy: &PolicyOutcome, swaps: bool) -> String {
    let slippage = if swaps { format!(" {:>10.0}", policy.slippage) } else { String::new() };
    let ahead = |ahead: Option<Ahead>| {
        ahead.map_or_else(String::new, |Ahead { net_apy, interval }| {
            format!("{:+.2} [{:+.2}, {:+.2}]", net_apy * 100.0, interval.low * 100.0, interval.high * 100.0)
        })
    };
    format!(
        "{:<20} {:>16.2} {:>7.2} % {:>8} {:>7.2} % {:>7.1} % {:>10.0}{slippage} {:>6}  {:<22}  {}",
        policy.name,
        policy.final_value,
        policy.net_apy * 100.0,
        policy.sharpe.map_or_else(|| "–".into(), |sharpe| format!("{sharpe:.2}")),
        policy.max_drawdown * 100.0,
        policy.metrics.invested * 100.0,
        policy.gas_usd,
        policy.rebalances,
        ahead(policy.ahead_of_hold),
        ahead(policy.ahead_of_hold_capped),
    )
}

/// Every combination of the swept parameters, several at a time.
fn swept(
    arguments: &Arguments,
    (market, period): (&Market, &Range<usize>),
    capital: Assets,
    points: &[Settings],
) -> eyre::Result<ExitCode> {
    if arguments.report.is_some() || !arguments.policies.is_empty() {
        return output::misuse("--sweep goes with neither --report nor --policy");
    }
    let show = progress(points.len());
    let risk_free: Vec<_> =
        market.environment.get(period.clone()).unwrap_or_default().iter().map(|day| day.risk_free).collect();
    let results = in_parallel(points, &show, |settings| {
        let plan = Plan::Decide(Box::new(settings.policy(market.venues.len())));
        let run = ballast_backtest::simulate(market, period.clone(), capital, "convex", &plan, &settings.rules);
        let figures = ballast_backtest::metrics(&run, market.step, &risk_free);
        (run, figures)
    });
    let found: Vec<parquet_file::Point<'_>> = points
        .iter()
        .zip(&results)
        .map(|(settings, (run, figures))| parquet_file::Point {
            parameters: &settings.chosen,
            final_value: run.equity.last().map_or(0.0, |nav| nav.0 as f64 / 1e6),
            net_apy: figures.net_apy,
            sharpe: figures.sharpe,
            max_drawdown: figures.max_drawdown,
            gas_usd: run.gas_usd as f64 / 1e6,
            rebalances: run.rebalances,
        })
        .collect();
    if let Some(path) = &arguments.parquet {
        parquet_file::write(path, &found)?;
    }
    let rows: Vec<_> = found
        .iter()
        .map(|point| {
            json!({
                "parameters": point.parameters,
                "final_value": point.final_value,
                "net_apy": point.net_apy,
                "sharpe": point.sharpe,
                "max_drawdown": point.max_drawdown,
                "gas_usd": point.gas_usd,
                "rebalances": point.rebalances,
            })
        })
        .collect();
    if arguments.json {
        output::json(&rows)?;
        return Ok(ExitCode::SUCCESS);
    }
    for (settings, (run, figures)) in points.iter().zip(&results) {
        let parameters: Vec<String> = settings.chosen.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let last = run.equity.last().ok_or_else(|| eyre!("the period has no days"))?;
        output::say(format!(
            "{:<60} {last:>20} {:>7.2} % {:>6} moves",
            parameters.join(" "),
            figures.net_apy * 100.0,
            run.rebalances
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}
