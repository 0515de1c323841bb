//! What became of a plan: the record that the engine keeps of it.

use crate::book::Ledger;
use ballast_risk::kill_switch::{Cause, Event};
use ballast_types::{Assets, Mode};
use std::collections::BTreeMap;

/// What became of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    pub name: String,
    pub capital: Assets,
    /// NAV at the end of each step.
    pub equity: Vec<Assets>,
    /// By step, the position in each venue at its end.
    pub positions: Vec<Vec<Assets>>,
    pub ledger: Ledger,
    /// Moves that were made.
    pub rebalances: u32,
    /// Moves that would have been made, had the venue paid out.
    pub illiquid: u32,
    /// Sum of all legs.
    pub turnover: Assets,
    /// All gas, in millionths of a USD.
    pub gas_usd: u128,
    /// Steps on which the decision was HOLD, by the first gate that refused.
    pub holds: BTreeMap<String, u32>,
    /// Exits of the whole vault, and what of it could not be withdrawn in the same step.
    pub exits: Vec<ExitReport>,
    /// Positions taken out of venues that the switch had closed.
    pub retreats: Vec<RetreatReport>,
    /// What the switch armed and tripped, with the step.
    pub events: Vec<(usize, Event)>,
    /// The vault's mode at the end.
    pub mode: Mode,
    /// Positions paid out because their venue's series ended.
    pub ended: u32,
}

/// What an exit brought home.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExitReport {
    pub step: usize,
    pub out: Assets,
    /// Left in venues at the end of the step.
    pub stuck: Assets,
}

/// What a retreat from one venue brought home.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetreatReport {
    pub step: usize,
    /// By its place in the market.
    pub venue: usize,
    pub cause: Cause,
    pub out: Assets,
    /// Left in the venue.
    pub stuck: Assets,
}
