//! What is judged: the vault's own decision, and what it is held against.

use crate::market::VenueStep;
use ballast_types::{Assets, Policy};

/// A way to place the money.
#[derive(Clone, Debug)]
pub enum Plan {
    /// An equal part into every venue that can be seen at the beginning, and never a move again; what a venue pays out because its series
    /// ends goes in equal parts to the others that are held.
    Hold(Bounds),
    /// Everything into one venue, from its first value on.
    Single(usize, Bounds),
    /// Everything into the venue that paid most in the step before, whatever the move costs.
    BestRate,
    /// What [`ballast_allocator::decide`] says, within all limits of the contracts.
    Decide(Box<Policy>),
}

/// What binds a baseline beside the reserve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bounds {
    /// Nothing: more than the contracts let a vault do.
    Free,
    /// No more in one venue than the hub permits of NAV, in ten thousandths; the rest is idle.
    Capped(u16),
}

impl Bounds {
    fn most(self, nav: Assets) -> u128 {
        match self {
            Self::Free => u128::MAX,
            Self::Capped(bps) => nav.0 * u128::from(bps) / 10_000,
        }
    }
}

/// The part of NAV that the baselines keep idle, in ten thousandths: what the hub asks of the vault.
const RESERVE: u128 = 500;

/// What a baseline sees.
pub(crate) struct Baseline<'a> {
    /// By venue: what it was in the step before, `None` if it cannot be had.
    pub(crate) known: &'a [Option<&'a VenueStep>],
    pub(crate) positions: &'a [Assets],
    pub(crate) nav: Assets,
    pub(crate) idle: Assets,
    /// A venue has just paid out because its series ended.
    pub(crate) paid_out: bool,
}

impl Plan {
    /// Where a baseline wants each position to be; `None` if all stay where they are.
    pub(crate) fn baseline(&self, view: &Baseline<'_>) -> Option<Vec<Assets>> {
        let invested = view.positions.iter().any(|position| *position != Assets::ZERO);
        let reserve = view.nav.0 * RESERVE / 10_000;
        let budget = view.nav.0 - reserve;
        let available = || view.known.iter().enumerate().filter_map(|(venue, step)| step.map(|step| (venue, step)));
        let all_in = |chosen: usize, bounds: Bounds| -> Vec<Assets> {
            let part = budget.min(bounds.most(view.nav));
            (0..view.known.len()).map(|venue| Assets(if venue == chosen { part } else { 0 })).collect()
        };
        match self {
            Self::Decide(_) => None,
            Self::Hold(bounds) if invested => self.replace_ended(view, *bounds, reserve),
            Self::Hold(bounds) => {
                let part = budget.checked_div(available().count() as u128)?.min(bounds.most(view.nav));
                Some(view.known.iter().map(|step| Assets(if step.is_some() { part } else { 0 })).collect())
            }
            Self::Single(venue, bounds) => {
                let there = available().any(|(index, _)| index == *venue);
                (there && !invested).then(|| all_in(*venue, *bounds))
            }
            Self::BestRate => {
                let (best, rate) = available()
                    .map(|(venue, step)| (venue, step.rate))
                    .reduce(|best, next| if next.1 > best.1 { next } else { best })?;
                let held = view.positions.iter().position(|position| *position != Assets::ZERO);
                let present = held.and_then(|venue| view.known.get(venue).copied().flatten()).map(|step| step.rate);
                (held != Some(best) && present.is_none_or(|present| rate > present)).then(|| all_in(best, Bounds::Free))
            }
        }
    }

    /// What an ended venue paid out, in equal parts to what is still held.
    fn replace_ended(&self, view: &Baseline<'_>, bounds: Bounds, reserve: u128) -> Option<Vec<Assets>> {
        if !view.paid_out {
            return None;
        }
        let spare = view.idle.0.checked_sub(reserve)?;
        let open: Vec<bool> = view
            .positions
            .iter()
            .zip(view.known)
            .map(|(position, step)| *position != Assets::ZERO && step.is_some())
            .collect();
        let part = spare.checked_div(open.iter().filter(|open| **open).count() as u128)?;
        let goal = |(position, open): (&Assets, &bool)| {
            let more = if *open { part } else { 0 };
            Assets((position.0 + more).min(bounds.most(view.nav)).max(position.0))
        };
        Some(view.positions.iter().zip(&open).map(goal).collect())
    }
}
