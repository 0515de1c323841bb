//! Which targets one venue may get, and what each of them costs and yields.

use super::{Candidate, Frame, GRID, Step};
use crate::optimiser::Choice;
use crate::yields::YearlyYield;
use ballast_risk::limits;
use ballast_types::{Assets, BPS_ONE, Bps, fixed::mul_div_ceil, fixed::mul_div_floor};

/// Positions and NAV are taken to be larger by this part when they are held against a limit: interest accrues between the
/// snapshot and the block of inclusion. One millionth is what 5 % a year earn in ten minutes.
const DRIFT: u128 = 1_000_000;

/// Targets of a venue at the edges of its limits, at most: what is made room for.
const MOST_EDGES: usize = 20;

impl Frame<'_> {
    /// What a target adds to the venue at most, interest until inclusion included.
    pub(super) fn addition(&self, candidate: &Candidate<'_>, target: Bps) -> Option<Assets> {
        let (goal, value) = (self.nav.share(target), candidate.figures.value);
        if goal > value { Some(with_drift(goal)?.saturating_sub(value)) } else { Some(Assets::ZERO) }
    }

    /// The merit of the venue at a target of `bps` (what it yields there, unless a swap leads to it), or `None` if the limits or the policy do not permit
    /// that target or no swap leads there.
    pub(super) fn permitted(&self, candidate: &Candidate<'_>, bps: u16) -> Option<YearlyYield> {
        let limits = &self.view.limits;
        let target = Bps(bps);
        if bps != 0 && (target < limits.min_position || target > limits.max_position) {
            return None;
        }
        if target.abs_diff(candidate.venue.stored()) < limits.min_step.0 {
            return None;
        }
        let (goal, value) = (self.nav.share(target), candidate.figures.value);
        // A dust position of a tiny NAV may be left whatever its size: there is no smaller leg to take.
        let leg = goal.0.abs_diff(value.0);
        if leg == 0 || (bps != 0 && leg < self.min_leg.0) {
            return None;
        }
        if goal > value {
            self.addition_permitted(candidate, target, goal)?;
        } else {
            // Also for a target of zero, for which the hub takes what it gets: what stays behind would have a stored target of
            // zero and be out of reach of the next step.
            let liquid = candidate.figures.withdrawable();
            if liquid < value && with_drift(Assets(leg))? > liquid {
                return None;
            }
        }
        self.merit(candidate, goal)
    }

    /// Whether the venue would still be above its limit on utilisation after an addition up to `bps`. If it is not after one, it is not
    /// after any larger one, interest until inclusion included.
    pub(super) fn too_utilised(&self, candidate: &Candidate<'_>, bps: u16) -> bool {
        candidate.additions.as_ref().is_some_and(|additions| self.nav.share(Bps(bps)) < *additions.start())
    }

    fn addition_permitted(&self, candidate: &Candidate<'_>, target: Bps, goal: Assets) -> Option<()> {
        let additions = candidate.additions.as_ref()?;
        let later = with_drift(goal)?;
        let permitted = target <= candidate.max_position?
            && goal >= *additions.start()
            && later <= *additions.end()
            && later.saturating_sub(candidate.figures.value) <= candidate.allowance;
        permitted.then_some(())
    }

    /// Keeping what there is, then every permitted target on the grid and at the edges of the limits, ascending.
    pub(super) fn choices(&self, candidate: &Candidate<'_>) -> Vec<Choice<Step>> {
        let limits = &self.view.limits;
        let grid = (limits.min_position.0..=limits.max_position.0).step_by(usize::from(GRID));
        let mut targets: Vec<u16> = Vec::with_capacity(grid.len() + MOST_EDGES);
        targets.extend(grid);
        targets.extend([0, limits.max_position.0]);
        targets.extend(candidate.max_position.map(|max| max.0));
        let (stored, step) = (candidate.venue.stored().0, limits.min_step.0);
        targets.extend(stored.checked_sub(step));
        targets.extend(stored.checked_add(step));
        let room = candidate.figures.value.checked_add(candidate.model.max_addition());
        let share =
            mul_div_floor(candidate.figures.settled.0, u128::from(limits.max_venue_share.0), u128::from(BPS_ONE));
        let flow = limits::flow_room(candidate.venue, self.nav, limits);
        let at_most = |addition: Assets| candidate.figures.value.checked_add(addition);
        let flow_and_allowance = [at_most(flow), at_most(candidate.allowance)];
        let edges = [Some(candidate.venue.cap), room, share.map(Assets)].into_iter().chain(flow_and_allowance);
        for most in edges.flatten() {
            // The largest target whose position, drift included, stays within `most`.
            targets.extend(self.bps_of(most).map(|bps| bps.saturating_sub(1)));
            targets.extend(self.bps_of(most));
        }
        // The smallest legs in either direction, rounded away from the position.
        targets.extend(at_most(self.min_leg).and_then(|goal| self.bps_of(goal)).map(|bps| bps.saturating_add(1)));
        targets.extend(at_most(self.min_leg).and_then(|goal| self.bps_of(goal)));
        targets.extend(self.bps_of(candidate.figures.value.saturating_sub(self.min_leg)));
        targets.sort_unstable();
        targets.dedup();

        let keep = Choice { what: Step::Keep, cost: self.cost_of_keeping(candidate), earns: candidate.kept() };
        let mut choices = Vec::with_capacity(targets.len() + 1);
        choices.push(keep);
        choices.extend(targets.into_iter().filter_map(|bps| {
            let earns = self.permitted(candidate, bps)?;
            Some(Choice { what: Step::To(bps), cost: u32::from(bps), earns })
        }));
        choices
    }

    /// The part of NAV in a position, rounded up, with what it earns until inclusion.
    pub(super) fn cost_of_keeping(&self, candidate: &Candidate<'_>) -> u32 {
        if candidate.figures.value == Assets::ZERO {
            return 0;
        }
        with_drift(candidate.figures.value)
            .and_then(|value| mul_div_ceil(value.0, u128::from(BPS_ONE), self.nav.0))
            .and_then(|bps| u32::try_from(bps).ok())
            .unwrap_or(u32::MAX)
    }

    /// The part of NAV that `amount` is, rounded down; `None` above 100 %.
    pub(super) fn bps_of(&self, amount: Assets) -> Option<u16> {
        let bps = mul_div_floor(amount.0, u128::from(BPS_ONE), self.nav.0)?;
        u16::try_from(bps).ok().filter(|bps| *bps <= BPS_ONE)
    }
}

fn with_drift(amount: Assets) -> Option<Assets> {
    amount.checked_add(Assets(amount.0 / DRIFT))?.checked_add(Assets(1))
}
