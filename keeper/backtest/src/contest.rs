//! All plans over one period, side by side.

use crate::{
    engine::{Run, simulate},
    market::Market,
    metrics::{Interval, Metrics, ahead, metrics},
    observe::adapter,
    policy::{Bounds, Plan},
    rules::Rules,
};
use ballast_types::{Apr, Assets, Bps, LargeMoves, Policy, Strategy, VenuePolicy, WAD};
use std::{
    ops::Range,
    panic::resume_unwind,
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

/// A plan with its name and what it is.
#[derive(Clone, Debug)]
pub struct Entrant {
    pub name: String,
    pub about: String,
    pub plan: Plan,
}

/// A run with its figures.
#[derive(Clone, Debug)]
pub struct Placed {
    pub about: String,
    pub run: Run,
    pub metrics: Metrics,
    /// Net APY above `hold`, above `best-single`, and above the two under the cap that binds the vault.
    pub ahead_of_hold: Option<(f64, Interval)>,
    pub ahead_of_best_single: Option<(f64, Interval)>,
    pub ahead_of_hold_capped: Option<(f64, Interval)>,
    pub ahead_of_best_single_capped: Option<(f64, Interval)>,
}

/// Name of the baseline that is never moved.
pub const HOLD: &str = "hold";
/// Name of the baseline in the one venue that turned out best.
pub const BEST_SINGLE: &str = "best-single";
/// Names of the two with no more in a venue than the hub permits.
pub const HOLD_CAPPED: &str = "hold-capped";
pub const BEST_SINGLE_CAPPED: &str = "best-single-capped";

/// The vault's own parameters in a backtest of `venues` venues: half a percent a year over 30 days (docs/adr/0001).
#[must_use]
pub fn default_policy(venues: usize) -> Policy {
    Policy {
        reserve: Bps(500),
        max_position: Bps(5_000),
        min_transfer: Assets(10_000_000),
        horizon: 30 * 86_400,
        min_gain: Apr(WAD / 200),
        expected_gas: 537_582,
        gas_patience: 0,
        priority_fee: 0,
        slippage: Bps(10),
        max_risk_score: 70,
        max_head_age: 3_600,
        large_moves: LargeMoves::Ask,
        strategy: Strategy::Convex,
        venues: (0..venues)
            .map(|venue| VenuePolicy { adapter: adapter(venue), risk_score: 0, max_position: Bps(5_000) })
            .collect(),
    }
}

/// The baselines: what is held, the venue that turned out best, the rate that was best; and the first two within the hub's cap on a position.
#[must_use]
pub fn baselines(market: &Market, period: Range<usize>, capital: Assets, rules: &Rules) -> Vec<Entrant> {
    let capped = Bounds::Capped(rules.limits.max_position.0);
    let percent = f64::from(rules.limits.max_position.0) / 100.0;
    let best = |bounds: Bounds| -> Option<(usize, &str)> {
        let finals = market.venues.iter().enumerate().map(|(venue, series)| {
            let run = simulate(market, period.clone(), capital, "", &Plan::Single(venue, bounds), rules);
            (run.equity.last().copied().unwrap_or(capital), venue, series.id.as_str())
        });
        let (_, venue, id) = finals.reduce(|best, next| if next.0 > best.0 { next } else { best })?;
        Some((venue, id))
    };
    let mut entrants = vec![
        Entrant {
            name: HOLD.into(),
            about: "equal parts of what there is at the beginning, never moved, no cap".into(),
            plan: Plan::Hold(Bounds::Free),
        },
        Entrant {
            name: HOLD_CAPPED.into(),
            about: format!("the same with at most {percent} % in a venue"),
            plan: Plan::Hold(capped),
        },
    ];
    if let Some((venue, id)) = best(Bounds::Free) {
        entrants.push(Entrant {
            name: BEST_SINGLE.into(),
            about: format!("all in {id}, which only hindsight knows to be the best; no cap"),
            plan: Plan::Single(venue, Bounds::Free),
        });
    }
    if let Some((venue, id)) = best(capped) {
        entrants.push(Entrant {
            name: BEST_SINGLE_CAPPED.into(),
            about: format!("{percent} % in {id}, which only hindsight knows to be the best"),
            plan: Plan::Single(venue, capped),
        });
    }
    entrants.push(Entrant {
        name: "best-rate".into(),
        about: "all in whatever paid most the day before, no cap".into(),
        plan: Plan::BestRate,
    });
    entrants
}

/// The vault's own policies: one per strategy, with everything else as in `policy`.
#[must_use]
pub fn decided(policy: &Policy) -> Vec<Entrant> {
    let with = |strategy: Strategy, about: &str| Entrant {
        name: strategy.to_string().to_lowercase().replace(' ', "-"),
        about: about.to_owned(),
        plan: Plan::Decide(Box::new(Policy { strategy, ..policy.clone() })),
    };
    vec![
        with(
            Strategy::Convex,
            "the keeper's own decision: the best permitted move by the venues' rate curves, if it pays for itself",
        ),
        with(
            Strategy::MeanVariance { risk_aversion: 1_000 },
            "the same limits and gates, aimed at mean less five times the variance of the rates of 60 days (λ = 10)",
        ),
        with(
            Strategy::Cvar { confidence: Bps(9_500), risk_aversion: 100 },
            "the same limits and gates, aimed at mean less the mean loss of the worst 5 % of 60 days (λ = 1)",
        ),
    ]
}

/// Runs all entrants, several at a time, and measures them. `progress` is told how many are done.
#[must_use]
pub fn contest(
    market: &Market,
    period: Range<usize>,
    capital: Assets,
    entrants: &[Entrant],
    rules: &Rules,
    progress: &(dyn Fn(usize) + Sync),
) -> Vec<Placed> {
    let risk_free: Vec<Apr> =
        market.environment.get(period.clone()).unwrap_or_default().iter().map(|day| day.risk_free).collect();
    let runs = in_parallel(entrants, progress, |entrant| {
        let run = simulate(market, period.clone(), capital, &entrant.name, &entrant.plan, rules);
        let figures = metrics(&run, market.step, &risk_free);
        (run, figures)
    });
    let named = |name: &str| runs.iter().map(|(run, _)| run).find(|run| run.name == name);
    let against = |run: &Run, name: &str| {
        named(name).filter(|other| other.name != run.name).map(|other| ahead(run, other, market.step))
    };
    entrants
        .iter()
        .zip(&runs)
        .map(|(entrant, (run, figures))| Placed {
            about: entrant.about.clone(),
            ahead_of_hold: against(run, HOLD),
            ahead_of_best_single: against(run, BEST_SINGLE),
            ahead_of_hold_capped: against(run, HOLD_CAPPED),
            ahead_of_best_single_capped: against(run, BEST_SINGLE_CAPPED),
            run: run.clone(),
            metrics: figures.clone(),
        })
        .collect()
}

/// `work` on every item, on as many threads as the machine runs at once; the answers in the order of the items.
pub fn in_parallel<T: Sync, R: Send>(
    items: &[T],
    progress: &(dyn Fn(usize) + Sync),
    work: impl Fn(&T) -> R + Sync,
) -> Vec<R> {
    let threads = thread::available_parallelism().map_or(1, usize::from).min(items.len());
    let (next, done) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let mut answers: Vec<(usize, R)> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|_| {
                scope.spawn(|| {
                    let mut mine = Vec::new();
                    while let Some((index, item)) = Some(next.fetch_add(1, Ordering::Relaxed))
                        .and_then(|index| items.get(index).map(|item| (index, item)))
                    {
                        mine.push((index, work(item)));
                        progress(done.fetch_add(1, Ordering::Relaxed) + 1);
                    }
                    mine
                })
            })
            .collect();
        workers.into_iter().flat_map(|worker| worker.join().unwrap_or_else(|panic| resume_unwind(panic))).collect()
    });
    answers.sort_by_key(|(index, _)| *index);
    answers.into_iter().map(|(_, answer)| answer).collect()
}
