//! What would become of a vault: crises that were, and crises of every kind and size, through the same engine, the same decision and the same switch
//! as a backtest.
//!
//! A scenario is a [`Market`] of short steps with two calm days before the event. Losses are given in USDC, which is what a share is worth, and in
//! USD, which is what the USDC is worth: a vault that only holds USDC loses nothing in the one and everything the peg loses in the other (ERR-58).

mod calm;
mod episodes;
mod library;
mod runs;

pub use calm::{Alarm, CalmMonth, Watched, calm_months};
pub(crate) use calm::{is_calm, is_crisis};
pub use episodes::episodes;
pub use library::library;
pub use runs::{RunVerdict, VenueRun, play_run, runs};

use library::venues;

use crate::{
    contest::default_policy,
    engine::{Run, simulate},
    market::{Market, USDC},
    policy::Plan,
    rules::Rules,
};
use ballast_risk::kill_switch::{CONFIRM_BLOCKS, Event, Stage, Subject, Trigger};
use ballast_types::{Assets, LargeMoves, Mode, Policy};
use serde::Serialize;

/// What the vault is worth when a scenario begins.
pub const CAPITAL: Assets = Assets(1_000_000 * USDC);
/// Blocks from what a watcher sees to its transaction.
pub const WATCHER_BLOCKS: u64 = 1;

/// One course of events.
#[derive(Clone, Debug)]
pub struct Scenario {
    pub name: String,
    pub class: Class,
    pub market: Market,
    /// The step in which the event begins.
    pub event: usize,
    /// What must trip, if anything.
    pub expects: Option<Trigger>,
    pub way_out: WayOut,
}

/// Whether the money could be taken out before it was lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum WayOut {
    /// Nothing need be taken out, or switch and keeper do it.
    Automatic,
    /// It is gone between two blocks.
    None,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Class {
    Episode,
    FlashCrash,
    Depeg,
    Exploit,
    Drain,
    LiquidityFreeze,
    SizeFall,
    OracleFreeze,
    GasSpike,
    RateSpike,
    Combined,
}

/// What became of the vault in it.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Verdict {
    pub name: String,
    pub class: Class,
    /// The first trigger that tripped after the event began.
    pub tripped: Option<Trigger>,
    pub expected: Option<Trigger>,
    /// Seconds from the event to the first block in which the trip was possible.
    pub seconds_to_condition: Option<u64>,
    /// Blocks from the one in which the condition could be confirmed to the trip's own, the watcher's one included.
    pub blocks: Option<u64>,
    /// The vault's mode at the end.
    pub mode: Mode,
    /// Of the NAV before the event, what was less at the end and at the worst moment, in USDC; a fraction.
    pub loss_usdc: f64,
    pub worst_usdc: f64,
    /// The same in USD.
    pub loss_usd: f64,
    pub worst_usd: f64,
    /// If the vault exited: the part of its positions that came home.
    pub exit_completeness: Option<f64>,
    pub way_out: WayOut,
    /// Trips before the event, or of another kind than expected where none was.
    pub false_trips: usize,
}

impl Verdict {
    /// Whether what must trip tripped, in time, and nothing else did where nothing must.
    #[must_use]
    pub fn is_right(&self) -> bool {
        let tripped = match self.expected {
            Some(_) => self.tripped == self.expected && self.blocks.is_some_and(|blocks| blocks <= WATCHER_BLOCKS),
            None => self.tripped.is_none(),
        };
        tripped && self.false_trips == 0
    }
}

/// The policy of the vault in every scenario: that of a backtest.
#[must_use]
pub fn policy(venues: usize) -> Policy {
    Policy { large_moves: LargeMoves::Ask, ..default_policy(venues) }
}

/// Plays a scenario.
#[must_use]
pub fn play(scenario: &Scenario) -> Verdict {
    let market = &scenario.market;
    let plan = Plan::Decide(Box::new(policy(market.venues.len())));
    let rules = Rules { decide_every: (3_600 / market.step).max(1), ..Rules::default() };
    let run = simulate(market, 0..market.environment.len(), CAPITAL, &scenario.name, &plan, &rules);
    judged(scenario, &run)
}

fn judged(scenario: &Scenario, run: &Run) -> Verdict {
    let market = &scenario.market;
    let before = scenario.event.saturating_sub(1);
    let trips: Vec<&(usize, Event)> = run.events.iter().filter(|(_, event)| event.is_trip()).collect();
    let after = trips.iter().find(|(step, _)| *step >= scenario.event);
    let unexpected = |trigger: Trigger| scenario.expects != Some(trigger);
    let early = trips.iter().filter(|(step, _)| *step < scenario.event).count();
    let confirmable = after.map(|(_, trip)| confirmable(run, trip));
    let usdc = |step: usize| run.equity.get(step).map_or(0.0, |nav| nav.0 as f64);
    let usd = |step: usize| usdc(step) * market.environment.get(step).map_or(1.0, |at| at.usdc.0 as f64 / 1e18);
    let last = run.equity.len().saturating_sub(1);
    let lost = |value: &dyn Fn(usize) -> f64, step: usize| (1.0 - value(step) / value(before).max(1.0)).max(0.0);
    let worst = |value: &dyn Fn(usize) -> f64| {
        (scenario.event..run.equity.len()).map(|step| lost(value, step)).fold(0.0, f64::max)
    };
    let held_at_exit: u128 = run.exits.iter().map(|exit| exit.out.0).sum();
    let stuck = run.exits.last().map_or(0, |exit| exit.stuck.0);
    Verdict {
        name: scenario.name.clone(),
        class: scenario.class,
        tripped: after.map(|(_, event)| event.trigger),
        expected: scenario.expects,
        seconds_to_condition: after.map(|(_, event)| event.at.time.saturating_sub(market.time(scenario.event))),
        blocks: after
            .zip(confirmable)
            .map(|((_, trip), confirmable)| trip.at.block.saturating_sub(confirmable) + WATCHER_BLOCKS),
        mode: run.mode,
        loss_usdc: lost(&usdc, last),
        worst_usdc: worst(&usdc),
        loss_usd: lost(&usd, last),
        worst_usd: worst(&usd),
        exit_completeness: (!run.exits.is_empty())
            .then(|| held_at_exit as f64 / ((held_at_exit + stuck) as f64).max(1.0)),
        way_out: scenario.way_out,
        false_trips: early
            + if scenario.expects.is_none() {
                trips.iter().filter(|(step, trip)| *step >= scenario.event && unexpected(trip.trigger)).count()
            } else {
                0
            },
    }
}

/// The first block in which the trip could be sent: of triggers in two steps, so many blocks after the arming.
fn confirmable(run: &Run, trip: &Event) -> u64 {
    let same = |event: &Event| event.trigger == trip.trigger && event.subject == trip.subject && event.at <= trip.at;
    let armed =
        run.events.iter().rev().map(|(_, event)| event).find(|event| event.stage == Stage::Armed && same(event));
    match (trip.subject, armed) {
        (Subject::Venue(_), Some(armed)) => armed.at.block + CONFIRM_BLOCKS,
        _ => trip.at.block,
    }
}
