//! A whole backtest as data: what was asked, what it stood on, what came out.

use crate::{
    book::Ledger,
    contest::Placed,
    engine::Run,
    market::{Market, SizeBasis, SourceSpan},
    metrics::{Interval, Metrics},
    scores::Scores,
    switch::venue_of,
};
use ballast_history::time;
use ballast_risk::kill_switch::Cause;
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

/// What `ballast backtest --json` prints. Amounts are in USDC, rates are fractions a year.
#[derive(Clone, Debug, Serialize)]
pub struct Outcome {
    pub start: String,
    pub end: String,
    pub capital: f64,
    /// Where the data is from.
    pub data: String,
    /// The venues' ids.
    pub series: Vec<String>,
    pub venues: Vec<VenueBasis>,
    pub policies: Vec<PolicyOutcome>,
    /// Whether some venues are reached by swaps.
    pub swaps: bool,
    /// What was assumed, for people.
    pub notes: Vec<String>,
    /// Rows of the data that were not used.
    pub refused_rows: usize,
}

/// What is known of a venue in the period.
#[derive(Clone, Debug, Serialize)]
pub struct VenueBasis {
    pub id: String,
    pub days: usize,
    pub sources: Vec<SourceSpan>,
    pub sizes: SizeBasis,
    /// Its score of risk at the beginning of the period and of each month, if the policies were given scores.
    pub scores: Vec<VenueScore>,
}

/// A score as of a day, 0–100, high is risky.
#[derive(Clone, Debug, Serialize)]
pub struct VenueScore {
    pub date: String,
    pub score: u8,
}

#[derive(Clone, Debug, Serialize)]
pub struct PolicyOutcome {
    pub name: String,
    pub about: String,
    pub final_value: f64,
    pub net_apy: f64,
    pub sharpe: Option<f64>,
    pub max_drawdown: f64,
    pub gas_usd: f64,
    /// What swaps cost, USDC: fee and price impact, also of leaving at the end.
    pub slippage: f64,
    pub rebalances: u32,
    /// `[date, NAV at its end]`.
    pub equity: Vec<(String, f64)>,
    pub metrics: Metrics,
    pub ahead_of_hold: Option<Ahead>,
    pub ahead_of_best_single: Option<Ahead>,
    /// The same two under the cap that binds the vault.
    pub ahead_of_hold_capped: Option<Ahead>,
    pub ahead_of_best_single_capped: Option<Ahead>,
    /// Every base unit between capital and final value.
    pub ledger: Ledger,
    /// Days on which nothing was moved, by the first gate that refused.
    pub holds: BTreeMap<String, u32>,
    /// Days on which the whole vault left its venues, and what it could not take out on that day.
    pub exits: Vec<Exit>,
    pub retreats: Vec<Retreat>,
    /// Days on which a trigger of a venue closed it for additions, once a trigger and venue.
    pub venue_trips: usize,
    /// Moves that were not made because a venue would not have paid out.
    pub illiquid: u32,
    /// By year, its return.
    pub years: Vec<(String, f64)>,
    /// By venue, the positions at each day's end, for the chart.
    #[serde(skip)]
    pub positions: Vec<Vec<f64>>,
}

/// A difference in net APY and its 95 % interval.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Ahead {
    pub net_apy: f64,
    pub interval: Interval,
}

#[derive(Clone, Debug, Serialize)]
pub struct Exit {
    pub date: String,
    pub out: f64,
    pub stuck: f64,
}

/// What was taken out of one venue that the switch had closed.
#[derive(Clone, Debug, Serialize)]
pub struct Retreat {
    pub date: String,
    pub venue: String,
    pub cause: Cause,
    pub out: f64,
    pub stuck: f64,
}

/// USDC as a number; exact to the base unit below nine billion.
fn usdc(assets: ballast_types::Assets) -> f64 {
    assets.0 as f64 / 1e6
}

impl Outcome {
    #[must_use]
    pub fn new(market: &Market, period: &Range<usize>, capital: f64, data: String, placed: &[Placed]) -> Self {
        let date = |step: usize| time::date(market.time(step));
        let within = |step: &usize| period.contains(step);
        let venues: Vec<VenueBasis> = market
            .venues
            .iter()
            .map(|venue| VenueBasis {
                id: venue.id.clone(),
                days: (0..venue.steps.len()).filter(within).filter(|step| venue.steps[*step].is_some()).count(),
                sources: venue.sources.clone(),
                sizes: venue.sizes,
                scores: Vec::new(),
            })
            .collect();
        Self {
            start: date(period.start),
            end: date(period.end.saturating_sub(1)),
            capital,
            data,
            series: venues.iter().filter(|venue| venue.days > 0).map(|venue| venue.id.clone()).collect(),
            venues,
            policies: placed.iter().map(|placed| policy(market, period, placed)).collect(),
            swaps: market.exchange.is_some(),
            notes: market.notes.clone(),
            refused_rows: market.refused.len(),
        }
    }

    /// The same with what the venues' scores were.
    #[must_use]
    pub fn with_scores(mut self, market: &Market, period: &Range<usize>, scores: &Scores) -> Self {
        for (index, venue) in self.venues.iter_mut().enumerate() {
            for step in period.clone() {
                let date = time::date(market.time(step));
                if let Some(score) = scores.at(index, step).filter(|_| step == period.start || date.ends_with("-01")) {
                    venue.scores.push(VenueScore { date, score });
                }
            }
        }
        self
    }
}

fn policy(market: &Market, period: &Range<usize>, placed: &Placed) -> PolicyOutcome {
    let run = &placed.run;
    let date = |step: usize| time::date(market.time(period.start + step));
    let ahead = |pair: Option<(f64, Interval)>| pair.map(|(net_apy, interval)| Ahead { net_apy, interval });
    PolicyOutcome {
        name: run.name.clone(),
        about: placed.about.clone(),
        final_value: usdc(run.equity.last().copied().unwrap_or(run.capital)),
        net_apy: placed.metrics.net_apy,
        sharpe: placed.metrics.sharpe,
        max_drawdown: placed.metrics.max_drawdown,
        gas_usd: run.gas_usd as f64 / 1e6,
        slippage: usdc(run.ledger.slippage),
        rebalances: run.rebalances,
        equity: run.equity.iter().enumerate().map(|(step, nav)| (date(step), usdc(*nav))).collect(),
        metrics: placed.metrics.clone(),
        ahead_of_hold: ahead(placed.ahead_of_hold),
        ahead_of_best_single: ahead(placed.ahead_of_best_single),
        ahead_of_hold_capped: ahead(placed.ahead_of_hold_capped),
        ahead_of_best_single_capped: ahead(placed.ahead_of_best_single_capped),
        ledger: run.ledger,
        holds: run.holds.clone(),
        exits: run
            .exits
            .iter()
            .map(|exit| Exit { date: time::date(market.time(exit.step)), out: usdc(exit.out), stuck: usdc(exit.stuck) })
            .collect(),
        retreats: run
            .retreats
            .iter()
            .map(|retreat| Retreat {
                date: time::date(market.time(retreat.step)),
                venue: market.venues[retreat.venue].id.clone(),
                cause: retreat.cause,
                out: usdc(retreat.out),
                stuck: usdc(retreat.stuck),
            })
            .collect(),
        venue_trips: venue_trips(run),
        illiquid: run.illiquid,
        years: years(run.capital, &run.equity, date),
        positions: (0..market.venues.len())
            .map(|venue| run.positions.iter().map(|positions| usdc(positions[venue])).collect())
            .collect(),
    }
}

/// Each trigger of a venue once a day: what trips again after hours sees the same day's figure then.
fn venue_trips(run: &Run) -> usize {
    let trips = run.events.iter().filter(|(_, event)| event.is_trip());
    let days: BTreeSet<_> =
        trips.filter_map(|(step, event)| venue_of(event).map(|venue| (*step, venue, event.trigger))).collect();
    days.len()
}

/// The return of each calendar year, of a part of one as it was.
fn years(
    capital: ballast_types::Assets,
    equity: &[ballast_types::Assets],
    date: impl Fn(usize) -> String,
) -> Vec<(String, f64)> {
    let mut years: Vec<(String, f64)> = Vec::new();
    let mut before = capital;
    let mut last = capital;
    for (step, nav) in equity.iter().enumerate() {
        let year: String = date(step).chars().take(4).collect();
        if years.last().is_none_or(|(known, _)| *known != year) {
            before = last;
            years.push((year, 0.0));
        }
        last = *nav;
        if let Some((_, change)) = years.last_mut() {
            *change = nav.0 as f64 / (before.0 as f64).max(1.0) - 1.0;
        }
    }
    years
}
