//! The permitted targets of one venue, as a few ranges.

use super::{Candidate, Frame};
use ballast_types::Bps;

#[cfg(test)]
mod tests;

impl Frame<'_> {
    /// Every permitted target, as ascending ranges of basis points that do not overlap.
    ///
    /// On either side of the position, and of the band around the stored target, a limit that forbids one target forbids all that
    /// lie beyond it, so the ends are found by bisection. The one limit that works the other way is that on utilisation: an addition
    /// lowers it, so of a venue above the limit a small one is refused and a larger one is not.
    pub(super) fn islands(&self, candidate: &Candidate<'_>) -> Vec<(u16, u16)> {
        let limits = &self.view.limits;
        let permitted = |bps: u16| self.permitted(candidate, bps).is_some();
        let value = candidate.figures.value;
        let goal = |bps: u16| self.nav.share(Bps(bps));
        let (low, high) = (limits.min_position.0.max(1), limits.max_position.0);
        let (stored, step) = (candidate.venue.stored().0, limits.min_step.0);
        let mut islands = Vec::new();
        if permitted(0) {
            islands.push((0, 0));
        }
        let below = stored.checked_sub(step).map(|most| (low, most.min(high)));
        let above = (low.max(stored.saturating_add(step.max(1))), high);
        for (first, last) in below.into_iter().chain([above]).filter(|(first, last)| first <= last) {
            // Reductions: a leg that is long enough, then one that the venue can pay.
            let end = partition(first, last, |bps| {
                let goal = goal(bps);
                goal < value && value.saturating_sub(goal) >= self.min_leg
            });
            if let Some(most) = end.checked_sub(1).filter(|most| *most >= first) {
                let least = partition(first, most, |bps| !permitted(bps));
                if least <= most {
                    islands.push((least, most));
                }
            }
            // Additions: a leg that is long enough, up to what the limits take.
            let start = partition(first, last, |bps| {
                let goal = goal(bps);
                goal <= value || goal.saturating_sub(value) < self.min_leg
            });
            if start <= last {
                let start = partition(start, last, |bps| self.too_utilised(candidate, bps));
                let end = partition(start, last, permitted);
                if end > start {
                    islands.push((start, end - 1));
                }
            }
        }
        islands
    }
}

/// The first of `first..=last` that does not hold, where all that hold come first; one more than the last if all do.
fn partition(first: u16, last: u16, holds: impl Fn(u16) -> bool) -> u16 {
    let (mut low, mut high) = (u32::from(first), u32::from(last) + 1);
    while low < high {
        let middle = low.midpoint(high);
        if u16::try_from(middle).is_ok_and(&holds) { low = middle + 1 } else { high = middle }
    }
    u16::try_from(low).unwrap_or(u16::MAX)
}
