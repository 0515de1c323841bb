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

use crate::economics;
use crate::optimiser::{self, Choice};
use crate::yields::{VenueModel, YearlyYield};
use alloy_primitives::{Address, U256};
use ballast_risk::{Allocation, Figures, HubView, VenueView, approval_threshold, limits};
use ballast_types::{Apr, Assets, BPS_ONE, Bps, LargeMoves, Policy, fixed::mul_div_floor};
use std::ops::RangeInclusive;

mod islands;
mod narrow;
mod nearest;
mod permitted;
mod seen;
mod witness;

use seen::Seen;
pub use witness::improves;

/// Distance of the grid of targets in basis points; between its points [`optimiser::climb`] finds the way.
const GRID: u16 = 100;

/// From how many of the grid's best combinations the search climbs. A combination leaves up to a step of the grid unplaced, so which of them is
/// the best shows only at the top. Of 400 random worlds with kinks, 35 ended away from the optimum with one start, 7 with four, one with eight as with 16
/// (`reference::convex` holds it against scipy).
const STARTS: usize = 8;

/// A leg below this part of NAV is not worth its place in the call, and interest accrued until inclusion could turn its direction.
const MIN_LEG: Bps = Bps(10);

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
    /// The positions that the hub lets an addition lead to, if any.
    additions: Option<RangeInclusive<Assets>>,
    yield_now: YearlyYield,
    /// What is added to every merit of it, so that one less the cost of a swap is not below zero. Zero of a venue that needs none.
    shift: YearlyYield,
}

/// What all venues share.
struct Frame<'a> {
    view: &'a HubView,
    nav: Assets,
    /// The part of NAV that positions may have together, in basis points.
    budget: u32,
    /// The smallest leg that leaves something in its position.
    min_leg: Assets,
    /// Seconds over which the cost of a swap is weighed against the yield.
    horizon: u64,
}

/// The best targets within the candidates' allowances.
struct Solution {
    /// By candidate; `None` keeps what there is.
    targets: Vec<Option<u16>>,
    /// What makes it the best: more is better.
    merit: U256,
}

/// What the search among the permitted targets is for.
enum Goal {
    /// The largest yearly yield.
    Yield,
    /// The least distance to these weights, by candidate, in basis points.
    Nearest(Vec<u16>),
}

/// How much of NAV a venue has, and the most it may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reach {
    pub adapter: Address,
    /// The present position, rounded down.
    pub weight: Bps,
    /// The largest permitted target, or the present position if that is more; never more than the reserve leaves to all.
    pub most: Bps,
    /// What the venue would pay a year at `most`.
    pub rate: Apr,
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
    let found = search(view, models, policy, |_| Some(Goal::Yield))?;
    (found.yield_after > found.yield_before).then_some(found)
}

/// The move to the permitted weights that are nearest to `ideal`, or `None` if the present ones are.
///
/// Nearest in the Euclidean norm over the venues, with weights in whole basis points of NAV (a position that is kept counts as its
/// weight rounded down); what is not in a venue is idle. The search is exact while no more is added than needs no approval of the Safe;
/// otherwise the nearest of the divisions that [`project`] tries. Venues that `ideal` does not name are meant to have nothing. Of equally near ones, what keeps positions as they are comes
/// first, then the smaller target. Projecting the result's weights again gives the same weights.
#[must_use]
pub fn nearest(view: &HubView, models: &[VenueModel<'_>], policy: &Policy, ideal: &[(Address, Bps)]) -> Option<Move> {
    search(view, models, policy, |candidates| {
        let weight = |candidate: &Candidate<'_>| {
            ideal.iter().find(|(adapter, _)| *adapter == candidate.venue.adapter).map_or(0, |(_, bps)| bps.0)
        };
        Some(Goal::Nearest(candidates.iter().map(weight).collect()))
    })
}

/// What each venue has and may have, sorted by adapter; `None` if a venue cannot be evaluated or the vault is empty.
#[must_use]
pub fn reach(view: &HubView, models: &[VenueModel<'_>], policy: &Policy) -> Option<Vec<Reach>> {
    let (frame, candidates) = frame(view, models, policy)?;
    let budget = Bps(u16::try_from(frame.budget).ok()?);
    candidates
        .iter()
        .map(|candidate| {
            let weight = Bps(frame.weight(candidate));
            let most = frame.islands(candidate).last().map_or(Bps(0), |(_, last)| Bps(*last)).max(weight).min(budget);
            // What may not be moved to in one step is not priced beyond what there is.
            let position = if most == weight { candidate.figures.value } else { frame.nav.share(most) };
            let rate =
                candidate.model.rate_at(position).or_else(|| candidate.model.rate_at(candidate.figures.value))?;
            Some(Reach { adapter: candidate.venue.adapter, weight, most, rate })
        })
        .collect()
}

/// What all venues share, and the venues, sorted by adapter.
fn frame<'a>(
    view: &'a HubView,
    models: &'a [VenueModel<'a>],
    policy: &Policy,
) -> Option<(Frame<'a>, Vec<Candidate<'a>>)> {
    let nav = view.nav()?;
    if nav == Assets::ZERO || models.len() != view.venues.len() {
        return None;
    }
    let reserve = policy.reserve.max(view.limits.reserve);
    let min_leg = nav.share(MIN_LEG).max(policy.min_transfer);
    let budget = u32::from(BPS_ONE.checked_sub(reserve.0)?);
    let frame = Frame { view, nav, budget, min_leg, horizon: policy.horizon };
    // No swap loses more than there is.
    let most_lost = economics::spread(nav, policy.horizon)?;
    let open = limits::check_open(view).is_ok();
    let mut candidates = view
        .venues
        .iter()
        .zip(models)
        .map(|(venue, model)| {
            let figures = venue.figures.as_ref()?;
            Some(Candidate {
                venue,
                figures,
                additions: limits::additions(venue, figures, nav, &view.limits).filter(|_| open && figures.depositable),
                model,
                max_position: addable(venue, policy),
                allowance: Assets(u128::MAX),
                yield_now: model.yield_at(model.value())?,
                shift: if model.is_swapped() { most_lost } else { YearlyYield::ZERO },
            })
        })
        .collect::<Option<Vec<_>>>()?;
    candidates.sort_by_key(|candidate| candidate.venue.adapter);
    Some((frame, candidates))
}

/// The move that serves the goal best; `None` if that is to move nothing.
fn search(
    view: &HubView,
    models: &[VenueModel<'_>],
    policy: &Policy,
    goal: impl FnOnce(&[Candidate<'_>]) -> Option<Goal>,
) -> Option<Move> {
    let (frame, mut candidates) = frame(view, models, policy)?;
    let goal = goal(&candidates)?;
    let mut best = frame.solve(&candidates, &goal)?;
    if policy.large_moves == LargeMoves::Divide {
        best = frame.within_approval(&mut candidates, &goal, best)?;
    }
    // What the swaps cost may eat up what the targets yield more.
    let swapped = candidates.iter().any(|candidate| candidate.model.is_swapped());
    if swapped
        && matches!(goal, Goal::Yield)
        && best.merit <= frame.merit_of(&candidates, &vec![None; candidates.len()])?.0
    {
        return None;
    }

    let yield_before = candidates.iter().fold(YearlyYield::ZERO, |sum, candidate| sum.plus(candidate.yield_now));
    let yield_after = frame.yield_of(&candidates, &best.targets)?;
    let kept_back = Bps(BPS_ONE.saturating_sub(policy.slippage.0));
    let targets: Vec<Allocation> = candidates
        .iter()
        .zip(&best.targets)
        .filter_map(|(candidate, target)| {
            let bps = Bps((*target)?);
            let leg = Assets(frame.nav.share(bps).0.abs_diff(candidate.figures.value.0));
            Some(Allocation { adapter: candidate.venue.adapter, bps, min_out: leg.share(kept_back) })
        })
        .collect();
    (!targets.is_empty()).then_some(Move { targets, yield_before, yield_after })
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

impl Candidate<'_> {
    /// The merit of keeping what there is.
    fn kept(&self) -> YearlyYield {
        self.yield_now.plus(self.shift)
    }
}

impl Frame<'_> {
    /// The best targets within the budget and each candidate's allowance.
    fn solve(&self, candidates: &[Candidate<'_>], goal: &Goal) -> Option<Solution> {
        match goal {
            Goal::Yield => self.solve_yield(candidates),
            Goal::Nearest(ideal) => self.solve_nearest(candidates, ideal),
        }
    }

    fn solve_yield(&self, candidates: &[Candidate<'_>]) -> Option<Solution> {
        let choices: Vec<Vec<Choice<Step>>> = candidates.iter().map(|candidate| self.choices(candidate)).collect();
        let mut best: Option<Solution> = None;
        let seen = Seen::of(candidates.len());
        for chosen in optimiser::leading(&choices, self.budget, STARTS)? {
            let found = self.climbed(candidates, &chosen, &seen)?;
            if best.as_ref().is_none_or(|best| found.merit > best.merit) {
                best = Some(found);
            }
        }
        best
    }

    /// The top that is reached from a combination.
    fn climbed(&self, candidates: &[Candidate<'_>], chosen: &[Choice<Step>], seen: &Seen) -> Option<Solution> {
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
            let index = listed.get(at)?.0;
            seen.or_ask(index, bps, || self.permitted(candidates.get(index)?, bps))
        });
        let mut targets = vec![None; candidates.len()];
        for ((index, _), bps) in listed.iter().zip(positions) {
            *targets.get_mut(*index)? = Some(bps);
        }
        let merit = self.merit_of(candidates, &targets)?.0;
        Some(Solution { targets, merit })
    }

    /// The yield less what the swaps cost, spread over the horizon; shifted by the same for all targets.
    fn merit_of(&self, candidates: &[Candidate<'_>], targets: &[Option<u16>]) -> Option<YearlyYield> {
        candidates.iter().zip(targets).try_fold(YearlyYield::ZERO, |sum, (candidate, target)| {
            Some(sum.plus(match target {
                None => candidate.kept(),
                Some(bps) => self.merit(candidate, self.nav.share(Bps(*bps)))?,
            }))
        })
    }

    fn merit(&self, candidate: &Candidate<'_>, goal: Assets) -> Option<YearlyYield> {
        let earned = candidate.model.yield_at(goal)?;
        if !candidate.model.is_swapped() {
            return Some(earned);
        }
        let cost = economics::spread(candidate.model.swap_cost(goal)?, self.horizon)?;
        Some(earned.plus(candidate.shift).excess_over(cost))
    }

    fn yield_of(&self, candidates: &[Candidate<'_>], targets: &[Option<u16>]) -> Option<YearlyYield> {
        candidates.iter().zip(targets).try_fold(YearlyYield::ZERO, |sum, (candidate, target)| {
            Some(sum.plus(match target {
                None => candidate.yield_now,
                Some(bps) => candidate.model.yield_at(self.nav.share(Bps(*bps)))?,
            }))
        })
    }

    /// The solution if it adds no more than needs no approval, else the best one that does not. Of equal ones the first counts.
    fn within_approval(&self, candidates: &mut [Candidate<'_>], goal: &Goal, free: Solution) -> Option<Solution> {
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
            if let Some(solution) = self.solve(candidates, goal)
                && best.as_ref().is_none_or(|best| solution.merit > best.merit)
            {
                best = Some(solution);
            }
        }
        best
    }
}
