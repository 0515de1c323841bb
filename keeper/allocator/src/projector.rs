//! From what would earn most to targets that the hub takes exactly as they are.
//!
//! For every venue the hub's limits leave a few islands of targets: nothing, or 5–50 %, at least one step away from the stored
//! target, and additions only as far as cap, venue share, liquidity and utilisation let them; a venue that is not listed keeps what
//! it has. All of these bind one venue at a time. What binds them together is the reserve, and since a venue's cost is what it
//! holds afterwards, the reserve is a budget: `Σ positions ≤ NAV − reserve` (which also says that idle suffices for the additions).
//! So the projection is not a repair of an ideal solution but part of the search: [`crate::optimiser`] picks among permitted
//! choices only, and the result is checked once more against [`ballast_risk::judge`]'s rules by the caller.
//!
//! The second thing that binds venues together is the amount that the hub lets be added without the Safe's approval. It seldom binds, so
//! the search runs without it first. If the move found adds more, the amount is divided up beforehand, in proportion to the additions found
//! or all to one venue, the search runs within each of these divisions, and the best result counts: never more is added than needs no
//! approval, and a large move is made in several. A policy that asks the Safe instead ([`LargeMoves::Ask`]) gets the move found.

use crate::optimiser::{self, Choice};
use crate::yields::{VenueModel, YearlyYield};
use ballast_risk::{Allocation, Figures, HubView, VenueView, approval_threshold, limits};
use ballast_types::{Assets, BPS_ONE, Bps, LargeMoves, Policy, fixed::mul_div_ceil, fixed::mul_div_floor};

/// Distance of the grid of targets in basis points; between its points [`optimiser::climb`] finds the way.
const GRID: u16 = 100;

/// A leg below this part of NAV is not worth its place in the call, and interest accrued until inclusion could turn its direction.
const MIN_LEG: Bps = Bps(10);

/// Positions and NAV are taken to be larger by this part when they are held against a limit: interest accrues between the
/// snapshot and the block of inclusion. One millionth is what 5 % a year earn in ten minutes.
const DRIFT: u128 = 1_000_000;

/// The best move found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Move {
    /// Sorted by adapter; never empty.
    pub targets: Vec<Allocation>,
    pub yield_before: YearlyYield,
    /// After the move, our own dilution included.
    pub yield_after: YearlyYield,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Keep,
    To(u16),
}

/// A venue with everything that decides which targets it may get.
struct Candidate<'a> {
    venue: &'a VenueView,
    figures: &'a Figures,
    model: &'a VenueModel<'a>,
    /// The policy's limit for additions; `None` if it gets nothing new.
    max_position: Option<Bps>,
    /// The most that may be added to it, interest until inclusion included.
    allowance: Assets,
    yield_now: YearlyYield,
}

/// What all venues share.
struct Frame<'a> {
    view: &'a HubView,
    nav: Assets,
    /// The part of NAV that positions may have together, in basis points.
    budget: u32,
    /// The smallest leg that leaves something in its position.
    min_leg: Assets,
}

/// The best targets within the candidates' allowances.
struct Solution {
    /// By candidate; `None` keeps what there is.
    targets: Vec<Option<u16>>,
    yield_after: YearlyYield,
}

/// The yearly yield of all positions as they are; `None` if a venue cannot be evaluated.
#[must_use]
pub fn present_yield(models: &[VenueModel<'_>]) -> Option<YearlyYield> {
    models.iter().try_fold(YearlyYield::ZERO, |sum, model| Some(sum.plus(model.yield_at(model.value())?)))
}

/// The move that raises the yearly yield most among all that the limits and the policy permit, or `None` if none raises it.
///
/// `models` are those of `view.venues`, in the same order. The cooldown and the kill switch's mode are not asked here: they say when,
/// not where to. Ties are broken by adapter, so the order of the venues does not matter.
#[must_use]
pub fn project(view: &HubView, models: &[VenueModel<'_>], policy: &Policy) -> Option<Move> {
    let nav = view.nav()?;
    if nav == Assets::ZERO || models.len() != view.venues.len() {
        return None;
    }
    let reserve = policy.reserve.max(view.limits.reserve);
    let min_leg = nav.share(MIN_LEG).max(policy.min_transfer);
    let frame = Frame { view, nav, budget: u32::from(BPS_ONE.checked_sub(reserve.0)?), min_leg };
    let mut candidates = view
        .venues
        .iter()
        .zip(models)
        .map(|(venue, model)| {
            Some(Candidate {
                venue,
                figures: venue.figures.as_ref()?,
                model,
                max_position: addable(venue, policy),
                allowance: Assets(u128::MAX),
                yield_now: model.yield_at(model.value())?,
            })
        })
        .collect::<Option<Vec<_>>>()?;
    candidates.sort_by_key(|candidate| candidate.venue.adapter);

    let mut best = frame.solve(&candidates)?;
    if policy.large_moves == LargeMoves::Divide {
        best = frame.within_approval(&mut candidates, best)?;
    }

    let yield_before = candidates.iter().fold(YearlyYield::ZERO, |sum, candidate| sum.plus(candidate.yield_now));
    let kept_back = Bps(BPS_ONE.saturating_sub(policy.slippage.0));
    let targets = candidates
        .iter()
        .zip(&best.targets)
        .filter_map(|(candidate, target)| {
            let bps = Bps((*target)?);
            let leg = Assets(nav.share(bps).0.abs_diff(candidate.figures.value.0));
            Some(Allocation { adapter: candidate.venue.adapter, bps, min_out: leg.share(kept_back) })
        })
        .collect();
    let yield_after = best.yield_after;
    (yield_after > yield_before).then_some(Move { targets, yield_before, yield_after })
}

/// What these targets would earn instead of what the positions earn now; whether they are permitted is not asked. `None` if a venue
/// cannot be evaluated.
#[must_use]
pub fn evaluate(view: &HubView, models: &[VenueModel<'_>], targets: Vec<Allocation>) -> Option<Move> {
    let nav = view.nav().filter(|nav| *nav != Assets::ZERO && models.len() == view.venues.len())?;
    let yield_before = present_yield(models)?;
    let yield_after = view.venues.iter().zip(models).try_fold(YearlyYield::ZERO, |sum, (venue, model)| {
        let target = targets.iter().find(|target| target.adapter == venue.adapter);
        let goal = target.map_or(model.value(), |target| nav.share(target.bps));
        Some(sum.plus(model.yield_at(goal)?))
    })?;
    (!targets.is_empty()).then_some(Move { targets, yield_before, yield_after })
}

/// How much of NAV a venue may get under the policy, if it may get anything new.
fn addable(venue: &VenueView, policy: &Policy) -> Option<Bps> {
    let judgement = policy.venue(venue.adapter)?;
    (judgement.risk_score < policy.max_risk_score).then(|| judgement.max_position.min(policy.max_position))
}

impl Frame<'_> {
    /// The best targets within the budget and each candidate's allowance.
    fn solve(&self, candidates: &[Candidate<'_>]) -> Option<Solution> {
        let choices: Vec<Vec<Choice<Step>>> = candidates.iter().map(|candidate| self.choices(candidate)).collect();
        let chosen = optimiser::best(&choices, self.budget)?;
        let listed: Vec<(usize, u16)> = chosen
            .iter()
            .enumerate()
            .filter_map(|(index, choice)| match choice.what {
                Step::Keep => None,
                Step::To(bps) => Some((index, bps)),
            })
            .collect();
        let spare = self.budget.checked_sub(chosen.iter().map(|choice| choice.cost).sum())?;
        let positions = optimiser::climb(listed.iter().map(|(_, bps)| *bps).collect(), spare, |at, bps| {
            self.permitted(candidates.get(listed.get(at)?.0)?, bps)
        });
        let mut targets = vec![None; candidates.len()];
        for ((index, _), bps) in listed.iter().zip(positions) {
            *targets.get_mut(*index)? = Some(bps);
        }
        let yield_after = candidates.iter().zip(&targets).try_fold(YearlyYield::ZERO, |sum, (candidate, target)| {
            Some(sum.plus(match target {
                None => candidate.yield_now,
                Some(bps) => self.permitted(candidate, *bps)?,
            }))
        })?;
        Some(Solution { targets, yield_after })
    }

    /// The solution if it adds no more than needs no approval, else the best one that does not. Of equal ones the first counts.
    fn within_approval(&self, candidates: &mut [Candidate<'_>], free: Solution) -> Option<Solution> {
        let threshold = approval_threshold(&self.view.limits, self.nav);
        let additions: Vec<Assets> = candidates
            .iter()
            .zip(&free.targets)
            .map(|(candidate, target)| target.map_or(Some(Assets::ZERO), |bps| self.addition(candidate, Bps(bps))))
            .collect::<Option<_>>()?;
        let total = additions.iter().try_fold(Assets::ZERO, |sum, addition| sum.checked_add(*addition))?;
        if total <= threshold {
            return Some(free);
        }
        let proportional = additions
            .iter()
            .map(|addition| mul_div_floor(threshold.0, addition.0, total.0).map(Assets))
            .collect::<Option<Vec<_>>>()?;
        let single = |chosen: usize| -> Vec<Assets> {
            (0..additions.len()).map(|index| if index == chosen { threshold } else { Assets::ZERO }).collect()
        };
        let singles = (0..additions.len()).filter(|index| additions[*index] != Assets::ZERO).map(single);
        let mut best: Option<Solution> = None;
        for allowances in std::iter::once(proportional).chain(singles) {
            for (candidate, allowance) in candidates.iter_mut().zip(allowances) {
                candidate.allowance = allowance;
            }
            if let Some(solution) = self.solve(candidates)
                && best.as_ref().is_none_or(|best| solution.yield_after > best.yield_after)
            {
                best = Some(solution);
            }
        }
        best
    }

    /// What a target adds to the venue at most, interest until inclusion included.
    fn addition(&self, candidate: &Candidate<'_>, target: Bps) -> Option<Assets> {
        let (goal, value) = (self.nav.share(target), candidate.figures.value);
        if goal > value { Some(with_drift(goal)?.saturating_sub(value)) } else { Some(Assets::ZERO) }
    }

    /// What the venue yields at a target of `bps`, or `None` if the limits or the policy do not permit that target.
    fn permitted(&self, candidate: &Candidate<'_>, bps: u16) -> Option<YearlyYield> {
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
        candidate.model.yield_at(goal)
    }

    fn addition_permitted(&self, candidate: &Candidate<'_>, target: Bps, goal: Assets) -> Option<()> {
        if target > candidate.max_position? {
            return None;
        }
        let later = with_drift(goal)?;
        if later > candidate.venue.cap || later.saturating_sub(candidate.figures.value) > candidate.allowance {
            return None;
        }
        limits::check_open(self.view).ok()?;
        if !candidate.figures.depositable {
            return None;
        }
        for after in [goal, later] {
            limits::check_addition(candidate.venue, candidate.figures, after, self.nav, &self.view.limits).ok()?;
        }
        Some(())
    }

    /// Keeping what there is, then every permitted target on the grid and at the edges of the limits, ascending.
    fn choices(&self, candidate: &Candidate<'_>) -> Vec<Choice<Step>> {
        let limits = &self.view.limits;
        let mut targets: Vec<u16> =
            (limits.min_position.0..=limits.max_position.0).step_by(usize::from(GRID)).collect();
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

        let keep = Choice { what: Step::Keep, cost: self.cost_of_keeping(candidate), earns: candidate.yield_now };
        let moves = targets.into_iter().filter_map(|bps| {
            let earns = self.permitted(candidate, bps)?;
            Some(Choice { what: Step::To(bps), cost: u32::from(bps), earns })
        });
        std::iter::once(keep).chain(moves).collect()
    }

    /// The part of NAV in a position, rounded up, with what it earns until inclusion.
    fn cost_of_keeping(&self, candidate: &Candidate<'_>) -> u32 {
        if candidate.figures.value == Assets::ZERO {
            return 0;
        }
        with_drift(candidate.figures.value)
            .and_then(|value| mul_div_ceil(value.0, u128::from(BPS_ONE), self.nav.0))
            .and_then(|bps| u32::try_from(bps).ok())
            .unwrap_or(u32::MAX)
    }

    /// The part of NAV that `amount` is, rounded down; `None` above 100 %.
    fn bps_of(&self, amount: Assets) -> Option<u16> {
        let bps = mul_div_floor(amount.0, u128::from(BPS_ONE), self.nav.0)?;
        u16::try_from(bps).ok().filter(|bps| *bps <= BPS_ONE)
    }
}

fn with_drift(amount: Assets) -> Option<Assets> {
    amount.checked_add(Assets(amount.0 / DRIFT))?.checked_add(Assets(1))
}
