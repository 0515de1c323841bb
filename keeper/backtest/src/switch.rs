//! The kill switch over a backtest's steps: the asset's peg, and the utilisation and size of each venue (SPEC C7).

use crate::market::{Environment, VenueStep};
use ballast_types::{WAD, Wad, fixed::mul_div_floor};

/// Outside of these bounds USDC is off its peg; the bounds themselves are inside (SPEC C7a).
const LOWEST: Wad = Wad(WAD / 100 * 98);
const HIGHEST: Wad = Wad(WAD / 100 * 102);
/// Above this a venue is too fully lent out (SPEC C7c).
const MAX_UTILISATION: Wad = Wad(WAD / 100 * 95);
/// A venue of which less than this is left has lost its depositors' trust (SPEC C7b: −30 %).
const LEAST_LEFT: u128 = WAD / 10 * 7;
/// Seconds between the sizes that are compared.
const DAY: u64 = 86_400;
/// Seconds for which a tripped venue takes nothing (`KillSwitchManager`'s cooldown of a venue's trigger).
const VENUE_COOLDOWN: u64 = 6 * 3_600;

/// The switch of one vault.
#[derive(Clone, Debug)]
pub(crate) struct Switch {
    exit: Option<Exit>,
    /// By venue: until when it takes nothing new.
    blocked: Vec<u64>,
    /// By venue: its sizes within the last day, oldest first.
    sizes: Vec<Vec<(u64, u128)>>,
}

#[derive(Clone, Copy, Debug)]
struct Exit {
    since: u64,
}

/// A condition that tripped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trip {
    /// The whole vault exits.
    Peg,
    Utilisation(usize),
    Size(usize),
}

impl Switch {
    pub(crate) fn new(venues: usize) -> Self {
        Self { exit: None, blocked: vec![0; venues], sizes: vec![Vec::new(); venues] }
    }

    pub(crate) const fn is_operational(&self) -> bool {
        self.exit.is_none()
    }

    pub(crate) const fn reason(&self) -> &'static str {
        if self.exit.is_some() { "Stablecoin depeg detected" } else { "" }
    }

    pub(crate) fn can_add(&self, venue: usize, time: u64) -> bool {
        self.blocked.get(venue).is_none_or(|until| time >= *until)
    }

    /// Takes in what a step was; `end` is when it is over.
    pub(crate) fn observe(&mut self, end: u64, venues: &[Option<&VenueStep>], environment: &Environment) -> Vec<Trip> {
        let mut trips = Vec::new();
        if self.exit.is_none() && (environment.usdc_low < LOWEST || environment.usdc_high > HIGHEST) {
            self.exit = Some(Exit { since: end });
            trips.push(Trip::Peg);
        }
        for (index, step) in venues.iter().enumerate() {
            let (Some(step), Some(blocked), Some(sizes)) =
                (step, self.blocked.get_mut(index), self.sizes.get_mut(index))
            else {
                continue;
            };
            let used = mul_div_floor(step.borrowed.0, WAD, step.supplied.0).unwrap_or(WAD);
            if used > MAX_UTILISATION.0 {
                *blocked = end + VENUE_COOLDOWN;
                trips.push(Trip::Utilisation(index));
            }
            if !step.size_measured {
                sizes.clear();
                continue;
            }
            let before = sizes.iter().rev().find(|(time, _)| time + DAY <= end).map(|(_, size)| *size);
            let least = before.and_then(|before| mul_div_floor(before, LEAST_LEFT, WAD));
            if least.is_some_and(|least| step.supplied.0 < least) {
                *blocked = end + VENUE_COOLDOWN;
                trips.push(Trip::Size(index));
            }
            sizes.push((end, step.supplied.0));
            sizes.retain(|(time, _)| time + 2 * DAY >= end);
        }
        trips
    }

    /// Governance lets the vault work again: so long after the exit, with the asset on its peg.
    pub(crate) fn resume(&mut self, time: u64, after: u64, environment: &Environment) {
        let on_peg = (LOWEST..=HIGHEST).contains(&environment.usdc);
        if self.exit.is_some_and(|exit| time >= exit.since + after) && on_peg {
            self.exit = None;
        }
    }
}
