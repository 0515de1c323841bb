//! What the same decision would have done in two years of history, line by line against its baselines.

use super::heading;
use crate::{
    backtest::{self, settings::Settings},
    data,
};
use ballast_backtest::{Market, Outcome, USDC, contest};
use ballast_history::{synthetic, time};
use ballast_types::Assets;
use eyre::OptionExt;
use serde::Serialize;
use std::path::Path;

/// What is invested, whole USDC.
const CAPITAL: u64 = 1_000_000;
/// Two years.
const PERIOD: u64 = 730 * time::DAY;
/// Where made-up history begins: 2024-01-01, with what is looked back on before it.
const MADE_UP_FROM: u64 = 1_704_067_200 - 90 * time::DAY;

/// Of a run, for `summary.json`.
#[derive(Debug, Serialize)]
pub(crate) struct Backtest {
    /// The directory, or that it was made up.
    pub(crate) data: String,
    pub(crate) made_up: bool,
    pub(crate) start: String,
    pub(crate) end: String,
    pub(crate) capital: f64,
    pub(crate) series: Vec<String>,
    pub(crate) policies: Vec<Line>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) final_value: f64,
    pub(crate) net_apy: f64,
    pub(crate) sharpe: Option<f64>,
    pub(crate) max_drawdown: f64,
    pub(crate) gas_usd: f64,
    pub(crate) rebalances: u32,
}

/// Runs and prints it, from the history that is there, or from made-up history in `out`.
pub(super) fn backtest(out: &Path) -> eyre::Result<Backtest> {
    let found = data::usual();
    let made_up = found.is_none();
    let directory = match found {
        Some(directory) => directory,
        None => {
            let directory = out.join("history");
            synthetic::write(&directory, MADE_UP_FROM, PERIOD / time::DAY + 90, 1)?;
            directory
        }
    };
    let end = Market::last_day(&directory, data::now()?)?.ok_or_eyre("the history has no rates")?;
    let start = end + time::DAY - PERIOD;
    let (market, period) = backtest::load(&directory, start, end)?;
    let capital = Assets(u128::from(CAPITAL) * USDC);
    let settings = Settings::default().scored(&market, capital)?;
    let entrants = backtest::entrants(&market, period.clone(), capital, &settings);
    let placed = contest(&market, period.clone(), capital, &entrants, &settings.rules, &|_| {});
    let outcome = backtest::outcome(&market, &period, CAPITAL, &directory, &placed);

    let whence = if made_up { "made-up history, for want of any".to_owned() } else { directory.display().to_string() };
    heading("The same decision in two years of history");
    println!("  {} to {}, {CAPITAL} USDC, from {whence}", outcome.start, outcome.end);
    println!("  venues: {}", outcome.series.join(", "));
    for line in backtest::table(&outcome).lines() {
        println!("  {line}");
    }
    println!(
        "  (`ballast backtest --help` for other periods, parameters and a report; docs/BACKTEST.md says what it stands on)"
    );
    Ok(Backtest::of(&outcome, made_up))
}

impl Backtest {
    fn of(outcome: &Outcome, made_up: bool) -> Self {
        let line = |policy: &ballast_backtest::PolicyOutcome| Line {
            name: policy.name.clone(),
            final_value: policy.final_value,
            net_apy: policy.net_apy,
            sharpe: policy.sharpe,
            max_drawdown: policy.max_drawdown,
            gas_usd: policy.gas_usd,
            rebalances: policy.rebalances,
        };
        Self {
            data: outcome.data.clone(),
            made_up,
            start: outcome.start.clone(),
            end: outcome.end.clone(),
            capital: outcome.capital,
            series: outcome.series.clone(),
            policies: outcome.policies.iter().map(line).collect(),
        }
    }
}
