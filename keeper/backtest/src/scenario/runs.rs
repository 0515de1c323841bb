//! Runs on a venue, block by block: whoever can takes out what there is, within a block or within hours, and then a part of what is still in is lost.
//!
//! The switch closes the venue five minutes after more than 95 % of it is on loan, and the keeper leaves it with what it then pays. Whether anything is
//! left by then is a matter of the run's speed alone, so every run is played with and without the way home.

use super::{CAPITAL, policy, venues};
use crate::{
    engine::{Run, simulate},
    policy::Plan,
    rules::Rules,
    switch::SLOT,
};
use ballast_risk::{
    Retreat,
    kill_switch::{Subject, Trigger},
};
use ballast_types::{Assets, WAD, Wad};
use serde::Serialize;
use std::collections::BTreeSet;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const BLOCKS_PER_HOUR: usize = (HOUR / SLOT) as usize;
/// Two calm hours, in which the vault's money is put to work.
const EVENT: usize = 2 * BLOCKS_PER_HOUR;
/// From the venue's last unit to the loss, in blocks: half an hour.
const UNTIL_LOSS: usize = BLOCKS_PER_HOUR / 2;
/// The venue that pays most, so that the vault has as much in it as may be, and the one that has the least to pay out.
const VENUE: usize = 3;
/// Seconds within which everything is drawn: from one block on.
const SPEEDS: [u64; 8] = [SLOT, 5 * MINUTE, 10 * MINUTE, 12 * MINUTE + 30, 15 * MINUTE, 30 * MINUTE, HOUR, 6 * HOUR];
/// Percent of what is still in that is lost.
const LOSSES: [u32; 3] = [10, 50, 100];

/// A run on a venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct VenueRun {
    /// Seconds in which all that is not on loan is drawn, evenly.
    pub seconds: u64,
    /// Percent of each position that is lost half an hour later.
    pub lost: u32,
}

/// What became of the vault in it.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct RunVerdict {
    pub run: VenueRun,
    /// Whether the keeper takes home what a closed venue pays.
    pub retreats: bool,
    /// What of NAV was in the venue when it began, a fraction.
    pub held: f64,
    /// Seconds from its beginning to the trip.
    pub seconds_to_trip: Option<u64>,
    /// What of the position was taken home before the loss, a fraction.
    pub home: f64,
    /// What of NAV was less afterwards, a fraction.
    pub loss: f64,
}

/// All of them: every speed with every loss.
#[must_use]
pub fn runs() -> Vec<VenueRun> {
    SPEEDS.iter().flat_map(|seconds| LOSSES.map(|lost| VenueRun { seconds: *seconds, lost })).collect()
}

/// Plays a run.
#[must_use]
pub fn play_run(run: VenueRun, retreats: bool) -> RunVerdict {
    let blocks = usize::try_from(run.seconds.div_ceil(SLOT)).unwrap_or(usize::MAX).max(1);
    let loss = EVENT + blocks + UNTIL_LOSS;
    let mut market = venues(SLOT, loss + 2);
    for (step, at) in market.venues[VENUE].steps.iter_mut().enumerate().skip(EVENT) {
        let Some(at) = at else { continue };
        // What the vault itself has in it is drawn as well.
        let all = at.supplied.0.saturating_add(CAPITAL.0);
        let part = (step + 1 - EVENT).min(blocks) as u128;
        at.borrowed = Assets(at.borrowed.0 + (all - at.borrowed.0) * part / blocks as u128);
        if step == loss {
            at.haircut = Wad(WAD / 100 * u128::from(run.lost));
        }
    }
    let causes = if retreats { Retreat::default().causes } else { BTreeSet::new() };
    let rules =
        Rules { decide_every: HOUR / SLOT, retreat: Retreat { causes, ..Retreat::default() }, ..Rules::default() };
    let plan = Plan::Decide(Box::new(policy(market.venues.len())));
    let played = simulate(&market, 0..market.environment.len(), CAPITAL, "", &plan, &rules);
    judged(run, retreats, &played)
}

fn judged(run: VenueRun, retreats: bool, played: &Run) -> RunVerdict {
    let before = EVENT - 1;
    let units = |amount: Option<&Assets>| amount.map_or(0.0, |amount| amount.0 as f64);
    let nav = units(played.equity.get(before)).max(1.0);
    let held = units(played.positions.get(before).and_then(|positions| positions.get(VENUE)));
    let trip = played.events.iter().map(|(_, event)| event).find(|event| {
        event.is_trip() && event.trigger == Trigger::Utilisation && event.subject == Subject::Venue(VENUE)
    });
    let home: u128 = played.retreats.iter().filter(|retreat| retreat.venue == VENUE).map(|retreat| retreat.out.0).sum();
    let began = super::library::ORIGIN + EVENT as u64 * SLOT;
    RunVerdict {
        run,
        retreats,
        held: held / nav,
        seconds_to_trip: trip.map(|event| event.at.time.saturating_sub(began)),
        home: (home as f64 / held.max(1.0)).min(1.0),
        loss: (1.0 - units(played.equity.last()) / nav).max(0.0),
    }
}
