//! From what would earn most to targets that the hub takes exactly as they are.
//!
//! For every venue the hub's limits leave a few islands of targets: nothing, or 5–50 %, at least one step away from the stored
//! target, and additions only as far as cap, venue share, liquidity and utilisation let them; a venue that is not listed keeps what
//! it has. All of these bind one venue at a time. What binds them together is the reserve alone, and since a venue's cost is what it
//! holds afterwards, the reserve is a budget: `Σ positions ≤ NAV − reserve` (which also says that idle suffices for the additions).
//! So the projection is not a repair of an ideal solution but part of the search: [`crate::optimiser`] picks among permitted
//! choices only, and the result is checked once more against [`ballast_risk::judge`]'s rules by the caller.

use crate::optimiser::{self, Choice};
use crate::yields::{VenueModel, YearlyYield};
use ballast_risk::{Allocation, Figures, HubView, VenueView, limits};
use ballast_types::{Assets, BPS_ONE, Bps, Policy, fixed::mul_div_ceil, fixed::mul_div_floor};

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
    yield_now: YearlyYield,
}

/// What all venues share.
struct Frame<'a> {
    view: &'a HubView,
    nav: Assets,
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
    let frame = Frame { view, nav };
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
                yield_now: model.yield_at(model.value())?,
            })
        })
        .collect::<Option<Vec<_>>>()?;
    candidates.sort_by_key(|candidate| candidate.venue.adapter);

    let reserve = policy.reserve.max(view.limits.reserve);
    let budget = u32::from(BPS_ONE.checked_sub(reserve.0)?);
    let choices: Vec<Vec<Choice<Step>>> = candidates.iter().map(|candidate| frame.choices(candidate)).collect();
    let chosen = optimiser::best(&choices, budget)?;

    let listed: Vec<(&Candidate<'_>, u16)> = candidates
        .iter()
        .zip(&chosen)
        .filter_map(|(candidate, choice)| match choice.what {
            Step::Keep => None,
            Step::To(bps) => Some((candidate, bps)),
        })
        .collect();
    let spare = budget.checked_sub(chosen.iter().map(|choice| choice.cost).sum())?;
    let positions = optimiser::climb(listed.iter().map(|(_, bps)| *bps).collect(), spare, |index, bps| {
        frame.permitted(listed.get(index)?.0, bps)
    });

    let yield_before = candidates.iter().fold(YearlyYield::ZERO, |sum, candidate| sum.plus(candidate.yield_now));
    let kept = candidates
        .iter()
        .zip(&chosen)
        .filter(|(_, choice)| choice.what == Step::Keep)
        .fold(YearlyYield::ZERO, |sum, (candidate, _)| sum.plus(candidate.yield_now));
    let mut yield_after = kept;
    let mut targets = Vec::with_capacity(listed.len());
    for ((candidate, _), bps) in listed.iter().zip(positions) {
        yield_after = yield_after.plus(frame.permitted(candidate, bps)?);
        let goal = nav.share(Bps(bps)).0;
        let leg = Assets(goal.abs_diff(candidate.figures.value.0));
        let kept_back = Bps(BPS_ONE.saturating_sub(policy.slippage.0));
        targets.push(Allocation { adapter: candidate.venue.adapter, bps: Bps(bps), min_out: leg.share(kept_back) });
    }
    (yield_after > yield_before).then_some(Move { targets, yield_before, yield_after })
}

/// How much of NAV a venue may get under the policy, if it may get anything new.
fn addable(venue: &VenueView, policy: &Policy) -> Option<Bps> {
    let judgement = policy.venue(venue.adapter)?;
    (judgement.risk_score < policy.max_risk_score).then(|| judgement.max_position.min(policy.max_position))
}

impl Frame<'_> {
    /// What the venue yields at a target of `bps`, or `None` if the limits or the policy do not permit that target.
    fn permitted(&self, candidate: &Candidate<'_>, bps: u16) -> Option<YearlyYield> {
        let limits = &self.view.limits;
        let target = Bps(bps);
        if bps != 0 && (target < limits.min_position || target > limits.max_position) {
            return None;
        }
        if target.abs_diff(candidate.venue.target) < limits.min_step.0 {
            return None;
        }
        let (goal, value) = (self.nav.share(target), candidate.figures.value);
        // A dust position of a tiny NAV may be left whatever its size: there is no smaller leg to take.
        let leg = goal.0.abs_diff(value.0);
        if leg == 0 || (bps != 0 && leg < self.nav.share(MIN_LEG).0) {
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
        if later > candidate.venue.cap {
            return None;
        }
        for after in [goal, later] {
            limits::check_addition(candidate.venue, candidate.figures, after, &self.view.limits).ok()?;
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
        let (stored, step) = (candidate.venue.target.0, limits.min_step.0);
        targets.extend(stored.checked_sub(step));
        targets.extend(stored.checked_add(step));
        let room = candidate.figures.value.checked_add(candidate.model.max_addition());
        let share =
            mul_div_floor(candidate.figures.settled.0, u128::from(limits.max_venue_share.0), u128::from(BPS_ONE));
        for most in [Some(candidate.venue.cap), room, share.map(Assets)].into_iter().flatten() {
            // The largest target whose position, drift included, stays within `most`.
            targets.extend(self.bps_of(most).map(|bps| bps.saturating_sub(1)));
            targets.extend(self.bps_of(most));
        }
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
