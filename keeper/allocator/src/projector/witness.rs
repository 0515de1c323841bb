//! A few moves that are looked at without a search: if one of them raises the yield, [`super::project`] finds one that does as well.

use super::{Candidate, Frame, Step};
use crate::optimiser::Choice;
use crate::yields::{VenueModel, YearlyYield};
use ballast_risk::HubView;
use ballast_types::Policy;

/// Whether it is certain that the search without regard to the Safe's approval finds a move that raises the yield; false says nothing.
///
/// What is tried are targets that are among the search's own choices: nothing, a step up or down, and the most that is permitted, in one venue or in two.
#[must_use]
pub fn improves(view: &HubView, models: &[VenueModel<'_>], policy: &Policy) -> bool {
    super::frame(view, models, policy).is_some_and(|(frame, candidates)| frame.improved(&candidates).unwrap_or(false))
}

impl Frame<'_> {
    fn improved(&self, candidates: &[Candidate<'_>]) -> Option<bool> {
        let kept: Vec<u32> = candidates.iter().map(|candidate| self.cost_of_keeping(candidate)).collect();
        let all = kept.iter().try_fold(0u32, |sum, cost| sum.checked_add(*cost))?;
        let tried: Vec<Vec<Choice<Step>>> = candidates.iter().map(|candidate| self.few(candidate)).collect();
        let fits = |without: u32, with: u32| all.checked_sub(without).is_some_and(|rest| rest + with <= self.budget);
        for (first, (held, targets)) in candidates.iter().zip(&tried).enumerate() {
            for target in targets {
                if target.earns > held.yield_now && fits(kept[first], target.cost) {
                    return Some(true);
                }
                for (second, (other, others)) in candidates.iter().zip(&tried).enumerate().skip(first + 1) {
                    let now = held.yield_now.plus(other.yield_now);
                    let better = |more: &&Choice<Step>| {
                        target.earns.plus(more.earns) > now && fits(kept[first] + kept[second], target.cost + more.cost)
                    };
                    if others.iter().any(|more| better(&more)) {
                        return Some(true);
                    }
                }
            }
        }
        Some(false)
    }

    fn few(&self, candidate: &Candidate<'_>) -> Vec<Choice<Step>> {
        let limits = &self.view.limits;
        let (stored, step) = (candidate.venue.stored().0, limits.min_step.0);
        // As the search does: the largest target whose position, interest until inclusion included, stays within the venue's share.
        let share = candidate.figures.settled.share(limits.max_venue_share);
        let most = self.bps_of(share).map(|bps| bps.saturating_sub(1));
        let edges =
            [stored.checked_sub(step), stored.checked_add(step), most, candidate.max_position.map(|part| part.0)];
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
