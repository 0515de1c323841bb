//! How many days of how many venues a second a backtest takes, beside vectorbt and a plain loop with pandas.
//!
//! Everything here runs on one thread over the history in ../shared/data. A pool-step is a day on which a venue has a rate: days without one are skipped and not
//! counted.

use crate::{commands::Commands, python, sample::Sample};
use ballast_backtest::{
    BEST_SINGLE, Bounds, HOLD, Market, Plan, Rules, USDC, baselines, decided, default_policy, simulate,
};
use ballast_history::time;
use ballast_types::Assets;
use eyre::{OptionExt, WrapErr, bail, ensure};
use serde::Deserialize;
use serde_json::json;
use std::{
    collections::BTreeMap,
    hint::black_box,
    ops::Range,
    path::Path,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

const START: &str = "2021-01-01";
const END: &str = "2026-02-28";
const CAPITAL: u64 = 1_000_000;
const ROUNDS: usize = 20;
/// Of a policy that solves something: a run of it takes long.
const FEW_ROUNDS: usize = 5;
/// Runs of a baseline that are timed together.
const AT_ONCE: usize = 20;
/// As large as this the venues are where our own money is to change no rate.
const MAGNIFIED: u128 = 1_000_000;
/// How many portfolios vectorbt gets at once, which is what it is made for.
const PORTFOLIOS: usize = 100;
/// The largest difference of two equity curves, relative: ours is rounded down to base units every day.
const TOLERANCE: f64 = 1e-8;

/// One plan on the history as it is.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) taken: Sample,
    /// Whether it decides by searching.
    pub(crate) solves: bool,
    pub(crate) moves: u32,
}

/// One baseline as all three programs compute it.
#[derive(Debug)]
pub(crate) struct Beside {
    pub(crate) name: &'static str,
    pub(crate) ours: Sample,
    pub(crate) vectorbt: Sample,
    /// [`PORTFOLIOS`] in one call.
    pub(crate) vectorbt_many: Sample,
    pub(crate) pandas: Sample,
}

#[derive(Debug)]
pub(crate) struct Figures {
    pub(crate) days: usize,
    pub(crate) venues: usize,
    pub(crate) pool_steps: usize,
    pub(crate) rows: Vec<Row>,
    pub(crate) beside: Vec<Beside>,
    /// Of vectorbt, pandas and numpy.
    pub(crate) versions: BTreeMap<String, String>,
    pub(crate) commands: Commands,
}

/// How many portfolios vectorbt gets at once.
pub(crate) const fn portfolios() -> usize {
    PORTFOLIOS
}

pub(crate) fn measure(root: &Path) -> eyre::Result<Figures> {
    let data = root.join("../shared/data");
    let (start, end) = time::day(START).zip(time::day(END)).ok_or_eyre("the period has no such days")?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let market = Market::read(&data, start..=end, now)
        .wrap_err_with(|| format!("expected the project's market history in {}", data.display()))?;
    let (Some(first), Some(last)) = (market.at(start), market.at(end)) else {
        bail!("{START} to {END} is not covered by {}", data.display());
    };
    let period = first..last + 1;
    let counted = market.venues.iter().filter_map(|venue| venue.steps.get(period.clone()));
    let pool_steps = counted.map(|steps| steps.iter().flatten().count()).sum();
    let (beside, versions) = beside(root, &market, &period)?;
    Ok(Figures {
        days: period.len(),
        venues: market.venues.len(),
        pool_steps,
        rows: rows(&market, &period),
        beside,
        versions,
        commands: crate::commands::measure(&data)?,
    })
}

const fn capital() -> Assets {
    Assets(CAPITAL as u128 * USDC)
}

fn rows(market: &Market, period: &Range<usize>) -> Vec<Row> {
    let rules = Rules::default();
    let mut entrants = baselines(market, period.clone(), capital(), &rules);
    entrants.extend(decided(&default_policy(market.venues.len())));
    let row = |entrant: &ballast_backtest::Entrant| {
        let run = || simulate(market, period.clone(), capital(), &entrant.name, &entrant.plan, &rules);
        let solves = matches!(entrant.plan, Plan::Decide(_));
        let (rounds, at_once) = if solves { (FEW_ROUNDS, 1) } else { (ROUNDS, AT_ONCE) };
        let moves = run().rebalances;
        Row { name: entrant.name.clone(), taken: timed(rounds, at_once, run), solves, moves }
    };
    entrants.iter().map(row).collect()
}

/// Single runs are too short for the clock where several are timed together.
fn timed<T>(rounds: usize, at_once: usize, run: impl Fn() -> T) -> Sample {
    let mut all = Sample::default();
    for _ in 0..rounds {
        let mut together = Sample::default();
        together.time(|| {
            for _ in 0..at_once {
                black_box(run());
            }
        });
        all.add(together.median() / u32::try_from(at_once).unwrap_or(u32::MAX));
    }
    all
}

/// What the script says.
#[derive(Debug, Deserialize)]
struct Theirs {
    versions: BTreeMap<String, String>,
    curves: BTreeMap<String, BTreeMap<String, Vec<f64>>>,
    seconds: BTreeMap<String, BTreeMap<String, Vec<f64>>>,
}

impl Theirs {
    fn sample(&self, program: &str, plan: &str) -> eyre::Result<Sample> {
        let seconds = self.seconds.get(program).and_then(|plans| plans.get(plan));
        let mut sample = Sample::default();
        for seconds in seconds.ok_or_else(|| eyre::eyre!("the script has not timed {plan} with {program}"))? {
            sample.add(Duration::try_from_secs_f64(*seconds)?);
        }
        Ok(sample)
    }
}

/// The same work for all: rates as they were read, moves that cost nothing and change no rate. Our own code is the same as ever: it finds that its money
/// changes nothing in venues a million times as large, and that gas is free.
fn beside(
    root: &Path,
    market: &Market,
    period: &Range<usize>,
) -> eyre::Result<(Vec<Beside>, BTreeMap<String, String>)> {
    let mut market = market.clone();
    for day in &mut market.environment {
        day.gas_price = 0;
    }
    for step in market.venues.iter_mut().flat_map(|venue| venue.steps.iter_mut().flatten()) {
        step.supplied.0 = step.supplied.0.saturating_mul(MAGNIFIED);
        step.borrowed.0 = step.borrowed.0.saturating_mul(MAGNIFIED);
    }
    let rates: Vec<Vec<Option<f64>>> = (0..period.end)
        .map(|day| {
            let rate = |venue: &ballast_backtest::Venue| {
                venue.steps.get(day).and_then(Option::as_ref).map(|step| step.rate.0 as f64 / 1e18)
            };
            market.venues.iter().map(rate).collect()
        })
        .collect();
    let rules = Rules::default();
    let chosen =
        baselines(&market, period.clone(), capital(), &rules).into_iter().find(|plan| plan.name == BEST_SINGLE);
    let Some(Plan::Single(single, _)) = chosen.map(|entrant| entrant.plan) else {
        bail!("the history has no venue");
    };
    let request = json!({
        "rates": rates,
        "first": period.start,
        "single": single,
        "capital": CAPITAL,
        "max_gap": rules.max_gap,
        "portfolios": PORTFOLIOS,
        "runs": ROUNDS,
    });
    let theirs: Theirs = serde_json::from_str(&python::ask(root, "bench_backtest.py", request.to_string())?)?;
    let plans = [
        (HOLD, Plan::Hold(Bounds::Free)),
        (BEST_SINGLE, Plan::Single(single, Bounds::Free)),
        ("best-rate", Plan::BestRate),
    ];
    let mut beside = Vec::new();
    for (name, plan) in plans {
        let run = || simulate(&market, period.clone(), capital(), name, &plan, &rules);
        let equity: Vec<f64> = run().equity.iter().map(|nav| nav.0 as f64 / USDC as f64).collect();
        for (program, curves) in &theirs.curves {
            let other = curves.get(name).ok_or_else(|| eyre::eyre!("{program} has no curve of {name}"))?;
            same(&equity, other).wrap_err_with(|| format!("{name}: ours against {program}"))?;
        }
        beside.push(Beside {
            name,
            ours: timed(ROUNDS, AT_ONCE, run),
            vectorbt: theirs.sample("vectorbt", name)?,
            vectorbt_many: theirs.sample("vectorbt, many", name)?,
            pandas: theirs.sample("pandas", name)?,
        });
    }
    Ok((beside, theirs.versions))
}

/// What computes something else is not faster or slower at it.
fn same(ours: &[f64], theirs: &[f64]) -> eyre::Result<()> {
    ensure!(ours.len() == theirs.len(), "{} days and {}", ours.len(), theirs.len());
    for (day, (ours, theirs)) in ours.iter().zip(theirs).enumerate() {
        let away = (ours - theirs).abs() / theirs.abs();
        ensure!(away <= TOLERANCE, "day {day}: {ours} and {theirs}, expected at most {TOLERANCE:e} apart");
    }
    Ok(())
}
