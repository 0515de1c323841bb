//! What a run came to, in the numbers of the field. Returns are those of NAV from the end of one step to the end of the next.

use crate::{bootstrap, engine::Run};
use ballast_types::{Apr, Assets, SECONDS_PER_YEAR, WAD};
use serde::Serialize;

/// Figures of one run; rates are fractions.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Metrics {
    /// `(final / capital)^(year / length) − 1`.
    pub net_apy: f64,
    pub total_return: f64,
    /// Mean excess return over the risk-free rate by its sample deviation, times √(steps a year); `None` if the deviation is zero.
    pub sharpe: Option<f64>,
    /// Sample deviation of returns times √(steps a year).
    pub volatility: f64,
    /// The largest fall from a high, as a fraction of the high.
    pub max_drawdown: f64,
    /// The part of all steps with a positive return.
    pub win_rate: f64,
    /// What was moved in a year, in multiples of the mean NAV.
    pub turnover_per_year: f64,
    /// What gas cost in a year, as a part of the mean NAV.
    pub gas_per_year: f64,
    /// The part of NAV that was in venues, on average.
    pub invested: f64,
    pub net_apy_interval: Interval,
    pub sharpe_interval: Option<Interval>,
}

/// The middle 95 % of a bootstrapped figure.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Interval {
    pub low: f64,
    pub high: f64,
}

/// A year in steps.
fn steps_per_year(step: u64) -> f64 {
    SECONDS_PER_YEAR as f64 / step as f64
}

/// By step: `NAV / NAV before − 1`.
#[must_use]
pub fn returns(run: &Run) -> Vec<f64> {
    let mut before = run.capital.0;
    run.equity
        .iter()
        .map(|nav| {
            let change = if before == 0 { 0.0 } else { nav.0 as f64 / before as f64 - 1.0 };
            before = nav.0;
            change
        })
        .collect()
}

/// The figures of `run`, whose steps are `step` seconds long and had these risk-free rates.
#[must_use]
pub fn metrics(run: &Run, step: u64, risk_free: &[Apr]) -> Metrics {
    let yearly = steps_per_year(step);
    let returns = returns(run);
    let excess: Vec<f64> =
        returns.iter().zip(risk_free).map(|(change, rate)| change - rate.0 as f64 / WAD as f64 / yearly).collect();
    let last = run.equity.last().copied().unwrap_or(run.capital);
    let growth = ratio(last, run.capital);
    let mean_nav = mean(&run.equity.iter().map(|nav| nav.0 as f64).collect::<Vec<_>>());
    let years = returns.len() as f64 / yearly;
    let invested: Vec<f64> = run
        .positions
        .iter()
        .zip(&run.equity)
        .map(|(positions, nav)| {
            positions.iter().map(|position| position.0 as f64).sum::<f64>() / (nav.0 as f64).max(1.0)
        })
        .collect();
    let costs = (run.ledger.gas.0 + run.ledger.upkeep.0) as f64;
    Metrics {
        net_apy: if years > 0.0 { libm::pow(growth, 1.0 / years) - 1.0 } else { 0.0 },
        total_return: growth - 1.0,
        sharpe: sharpe(&excess, yearly),
        volatility: deviation(&returns) * yearly.sqrt(),
        max_drawdown: max_drawdown(run),
        win_rate: returns.iter().filter(|change| **change > 0.0).count() as f64 / (returns.len() as f64).max(1.0),
        turnover_per_year: run.turnover.0 as f64 / mean_nav.max(1.0) / years.max(f64::MIN_POSITIVE),
        gas_per_year: costs / mean_nav.max(1.0) / years.max(f64::MIN_POSITIVE),
        invested: mean(&invested),
        net_apy_interval: bootstrap::interval(returns.len(), |picked| apy(&returns, picked, yearly)),
        sharpe_interval: sharpe(&excess, yearly)
            .map(|_| bootstrap::interval(excess.len(), |picked| sharpe_of(&excess, picked, yearly))),
    }
}

/// The difference of two runs' net APY with its interval: the same steps are drawn for both.
#[must_use]
pub fn ahead(run: &Run, of: &Run, step: u64) -> (f64, Interval) {
    let yearly = steps_per_year(step);
    let (ours, theirs) = (returns(run), returns(of));
    let all: Vec<usize> = (0..ours.len().min(theirs.len())).collect();
    let difference = |picked: &[usize]| apy(&ours, picked, yearly) - apy(&theirs, picked, yearly);
    (difference(&all), bootstrap::interval(all.len(), difference))
}

fn ratio(a: Assets, b: Assets) -> f64 {
    if b == Assets::ZERO { 0.0 } else { a.0 as f64 / b.0 as f64 }
}

fn apy(returns: &[f64], picked: &[usize], yearly: f64) -> f64 {
    if picked.is_empty() {
        return 0.0;
    }
    let log: f64 =
        picked.iter().filter_map(|step| returns.get(*step)).map(|change| libm::log1p(change.max(-0.999_999))).sum();
    libm::expm1(log * yearly / picked.len() as f64)
}

fn sharpe_of(excess: &[f64], picked: &[usize], yearly: f64) -> f64 {
    let drawn: Vec<f64> = picked.iter().filter_map(|step| excess.get(*step).copied()).collect();
    sharpe(&drawn, yearly).unwrap_or(0.0)
}

fn sharpe(excess: &[f64], yearly: f64) -> Option<f64> {
    let deviation = deviation(excess);
    (deviation > 0.0).then(|| mean(excess) / deviation * yearly.sqrt())
}

fn mean(values: &[f64]) -> f64 {
    if values.is_empty() { 0.0 } else { values.iter().sum::<f64>() / values.len() as f64 }
}

/// Sample deviation (n − 1).
fn deviation(values: &[f64]) -> f64 {
    if values.len() < 2 {
        return 0.0;
    }
    let mean = mean(values);
    let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
    (squares / (values.len() - 1) as f64).sqrt()
}

fn max_drawdown(run: &Run) -> f64 {
    let mut high = run.capital;
    let mut worst = 0.0f64;
    for nav in &run.equity {
        high = high.max(*nav);
        worst = worst.max(1.0 - ratio(*nav, high));
    }
    worst
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::book::Ledger;
    use std::collections::BTreeMap;

    fn run(capital: u128, equity: &[u128]) -> Run {
        Run {
            name: "test".into(),
            capital: Assets(capital),
            equity: equity.iter().map(|nav| Assets(*nav)).collect(),
            positions: vec![vec![Assets(capital / 2)]; equity.len()],
            ledger: Ledger { gas: Assets(10), ..Ledger::default() },
            rebalances: 0,
            illiquid: 0,
            turnover: Assets(1_000),
            gas_usd: 10,
            holds: BTreeMap::new(),
            exits: Vec::new(),
            retreats: Vec::new(),
            events: Vec::new(),
            mode: ballast_types::Mode::Normal,
            ended: 0,
        }
    }

    // SPEC B3: by hand.
    #[test]
    fn figures_are_those_computed_by_hand() {
        let run = run(1_000, &[1_010, 999, 1_020, 1_020]);
        let figures = metrics(&run, 86_400, &[Apr(0); 4]);
        let changes = [0.01, 999.0 / 1_010.0 - 1.0, 1_020.0 / 999.0 - 1.0, 0.0];
        let mean = changes.iter().sum::<f64>() / 4.0;
        let deviation = (changes.iter().map(|c| (c - mean) * (c - mean)).sum::<f64>() / 3.0).sqrt();
        assert!((figures.total_return - 0.02).abs() < 1e-12);
        assert!((figures.net_apy - (1.02f64.powf(365.0 / 4.0) - 1.0)).abs() < 1e-9);
        assert!((figures.max_drawdown - (1.0 - 999.0 / 1_010.0)).abs() < 1e-12);
        assert!((figures.win_rate - 0.5).abs() < 1e-12);
        assert!((figures.volatility - deviation * 365f64.sqrt()).abs() < 1e-12);
        assert!((figures.sharpe.unwrap_or_default() - mean / deviation * 365f64.sqrt()).abs() < 1e-9);
    }

    // ERR-41
    #[test]
    fn what_only_earns_the_risk_free_rate_has_no_excess() {
        let free = Apr(36_500_000_000_000_000);
        let mut nav = 1e15;
        let equity: Vec<u128> = (0..50)
            .map(|day| {
                nav *= 1.0001 + if day % 2 == 0 { 0.001 } else { -0.001 };
                nav as u128
            })
            .collect();
        let run = run(1_000_000_000_000_000, &equity);
        let sharpe = |rate| metrics(&run, 86_400, &[rate; 50]).sharpe.unwrap_or_default();
        assert!(sharpe(free).abs() < 0.1, "{}", sharpe(free));
        assert!(sharpe(Apr(0)) > 1.0, "without a risk-free rate it looks like skill");
    }

    #[test]
    fn a_run_that_never_moves_has_no_sharpe_and_no_drawdown() {
        let figures = metrics(&run(1_000, &[1_000; 10]), 86_400, &[Apr(0); 10]);
        assert_eq!((figures.sharpe, figures.max_drawdown, figures.net_apy), (None, 0.0, 0.0));
    }
}
