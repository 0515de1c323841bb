//! A few moves that are looked at without a search: if one of them raises the yield, [`super::project`] finds one that does as well.

use super::{Candidate, Frame, GRID, Step};
use crate::optimiser::Choice;
use crate::yields::{VenueModel, YearlyYield};
use ballast_risk::HubView;
use ballast_types::{Assets, Policy};

/// Whether it is certain that the search without regard to the Safe's approval finds a move that raises the yield; false says nothing.
///
/// What is tried are targets that are among the search's own choices: one venue left and what becomes free put into another; then nothing, a step up or
/// down, and the most that is permitted, in one venue, two, or three.
#[must_use]
pub fn improves(view: &HubView, models: &[VenueModel<'_>], policy: &Policy) -> bool {
    super::frame(view, models, policy).is_some_and(|(frame, candidates)| frame.improved(&candidates).unwrap_or(false))
}

/// In how many venues at most.
const TOGETHER: usize = 3;

/// A venue as it is, and a few targets of it.
struct Tried {
    kept: u32,
    now: YearlyYield,
    targets: Vec<Choice<Step>>,
}

/// What some venues would cost and yield instead of what they do.
#[derive(Clone, Copy)]
struct Instead {
    cost: u32,
    after: YearlyYield,
    before: YearlyYield,
}

impl Frame<'_> {
    fn improved(&self, candidates: &[Candidate<'_>]) -> Option<bool> {
        Some(self.changed_over(candidates)? || self.stepped(candidates)?)
    }

    /// Leaving one venue for another.
    fn changed_over(&self, candidates: &[Candidate<'_>]) -> Option<bool> {
        let kept: Vec<u32> = candidates.iter().map(|candidate| self.cost_of_keeping(candidate)).collect();
        let cost = kept.iter().try_fold(0u32, |sum, kept| sum.checked_add(*kept))?;
        let limits = &self.view.limits;
        let left = |index: usize| {
            let candidate = &candidates[index];
            if candidate.figures.value == Assets::ZERO { None } else { self.permitted(candidate, 0) }
        };
        Some((0..candidates.len()).filter_map(|from| Some((from, left(from)?))).any(|(from, left)| {
            candidates.iter().enumerate().filter(|(to, _)| *to != from).any(|(to, taker)| {
                let free =
                    self.budget.checked_sub(cost - kept[from] - kept[to]).and_then(|free| u16::try_from(free).ok());
                let most = taker.max_position.zip(free).map(|(most, free)| most.min(limits.max_position).0.min(free));
                // The point of the grid below.
                let filled = most.and_then(|most| Some(most - most.checked_sub(limits.min_position.0)? % GRID));
                let earns = filled.and_then(|bps| self.permitted(taker, bps));
                earns.is_some_and(|earns| left.plus(earns) > candidates[from].kept().plus(taker.kept()))
            })
        }))
    }

    fn stepped(&self, candidates: &[Candidate<'_>]) -> Option<bool> {
        let tried = |candidate: &Candidate<'_>| Tried {
            kept: self.cost_of_keeping(candidate),
            now: candidate.kept(),
            targets: self.few(candidate),
        };
        let tried: Vec<Tried> = candidates.iter().map(tried).collect();
        let cost = tried.iter().try_fold(0u32, |sum, venue| sum.checked_add(venue.kept))?;
        let nothing = Instead { cost, after: YearlyYield::ZERO, before: YearlyYield::ZERO };
        Some(self.better(&tried, TOGETHER, nothing))
    }

    fn better(&self, venues: &[Tried], more: usize, instead: Instead) -> bool {
        venues.iter().enumerate().any(|(index, venue)| {
            venue.targets.iter().any(|target| {
                let instead = Instead {
                    cost: instead.cost - venue.kept + target.cost,
                    after: instead.after.plus(target.earns),
                    before: instead.before.plus(venue.now),
                };
                (instead.cost <= self.budget && instead.after > instead.before)
                    || (more > 1 && self.better(&venues[index + 1..], more - 1, instead))
            })
        })
    }

    fn few(&self, candidate: &Candidate<'_>) -> Vec<Choice<Step>> {
        let limits = &self.view.limits;
        let (stored, step) = (candidate.venue.stored().0, limits.min_step.0);
        // As the search does: the largest target whose position, interest until inclusion included, stays within the venue's share.
        let share = candidate.figures.settled.share(limits.max_venue_share);
        let most = self.bps_of(share).map(|bps| bps.saturating_sub(1));
        // Positions grow, and what one step down frees may be a little less than a step up takes: the next point of the grid.
        let further = stored
            .checked_sub(step.saturating_add(1))
            .and_then(|below| below.checked_sub(limits.min_position.0))
            .map(|above| limits.min_position.0 + above / GRID * GRID);
        let policy = candidate.max_position.map(|part| part.0);
        let edges = [further, stored.checked_sub(step), stored.checked_add(step), most, policy];
        let mut targets: Vec<u16> = [Some(0)].into_iter().chain(edges).flatten().collect();
        targets.sort_unstable();
        targets.dedup();
        let choice = |bps: u16| -> Option<Choice<Step>> {
            let earns: YearlyYield = self.permitted(candidate, bps)?;
            Some(Choice { what: Step::To(bps), cost: u32::from(bps), earns })
        };
        targets.into_iter().filter_map(choice).collect()
    }
}
