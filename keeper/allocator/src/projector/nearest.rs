//! The permitted weights nearest to given ones.
//!
//! Minimise `Σ (x_i − w_i)²` over permitted `x` with `Σ cost_i(x_i) ≤ K`, all in whole basis points. A venue's permitted targets are a few
//! ranges ([`Frame::islands`]), on each of which the square is convex. If every venue's own nearest target fits into the budget, that
//! is the answer. Otherwise what cannot be part of it is left out ([`super::narrow`]), and of the rest Bellman's recursion
//! `F_i(k) = min_x F_{i−1}(k − cost_i(x)) + (x − w_i)²` is exact over all sums `k ≤ K` that occur; the step for one range is a (min, +)
//! convolution with a convex function, whose best `x` grows with `k`, so that divide and conquer finds all of them in `O(k log k)`
//! (Aggarwal et al., "Geometric applications of a matrix-searching algorithm", 1987).

use super::{Candidate, Frame, Solution, Step, narrow::narrow};
use alloy_primitives::U256;
use ballast_types::{BPS_ONE, fixed::mul_div_floor};

/// No sum reaches this: at most 64 venues, each at most 10⁸ away.
const UNREACHED: u64 = 1_000_000_000_000;
/// By how much a target outside its range is worse for every basis point: more than any sum that can be reached.
const OUTSIDE: u64 = UNREACHED;

/// One way in which a venue can be left: as it is, or at a target of a range.
#[derive(Clone, Copy, Debug)]
pub(super) struct Leave {
    /// `None` keeps what there is.
    pub(super) range: Option<(u16, u16)>,
    /// Cost of keeping; targets cost what they are.
    pub(super) cost: u32,
    /// Distance of keeping.
    pub(super) distance: u64,
}

impl Leave {
    /// The least and the most that it costs.
    fn costs(&self) -> (usize, usize) {
        let (least, most) = self.range.map_or((self.cost, self.cost), |(a, b)| (u32::from(a), u32::from(b)));
        (least as usize, most as usize)
    }
}

impl Frame<'_> {
    /// The position as a part of NAV, rounded down.
    pub(super) fn weight(&self, candidate: &Candidate<'_>) -> u16 {
        let bps = mul_div_floor(candidate.figures.value.0, u128::from(BPS_ONE), self.nav.0);
        bps.and_then(|bps| u16::try_from(bps).ok()).unwrap_or(BPS_ONE)
    }

    /// The permitted targets nearest to `ideal`; `None` if not even keeping everything fits into the budget and nothing else does.
    pub(super) fn solve_nearest(&self, candidates: &[Candidate<'_>], ideal: &[u16]) -> Option<Solution> {
        let options: Vec<Vec<Leave>> = candidates
            .iter()
            .zip(ideal)
            .map(|(candidate, wanted)| {
                let cost = self.cost_of_keeping(candidate);
                let keep = Leave { range: None, cost, distance: square(self.weight(candidate), *wanted) };
                let moves =
                    self.islands(candidate).into_iter().map(|range| Leave { range: Some(range), cost: 0, distance: 0 });
                std::iter::once(keep).chain(moves).collect()
            })
            .collect();
        let chosen = separately(&options, ideal, self.budget).or_else(|| together(&options, ideal, self.budget))?;
        let mut distance = 0u64;
        let mut targets = Vec::with_capacity(candidates.len());
        for ((step, candidate), wanted) in chosen.iter().zip(candidates).zip(ideal) {
            let (weight, target) = match step {
                Step::Keep => (self.weight(candidate), None),
                Step::To(bps) => (*bps, Some(*bps)),
            };
            distance = distance.saturating_add(square(weight, *wanted));
            targets.push(target);
        }
        Some(Solution { targets, merit: U256::MAX - U256::from(distance) })
    }
}

/// Each venue's own nearest, if they fit together.
fn separately(options: &[Vec<Leave>], ideal: &[u16], budget: u32) -> Option<Vec<Step>> {
    let mut cost = 0u32;
    let mut chosen = Vec::with_capacity(options.len());
    for (options, wanted) in options.iter().zip(ideal) {
        let mut best: Option<(u64, u32, Step)> = None;
        for option in options {
            let (distance, cost, step) = match option.range {
                None => (option.distance, option.cost, Step::Keep),
                Some((first, last)) => {
                    let bps = (*wanted).clamp(first, last);
                    (square(bps, *wanted), u32::from(bps), Step::To(bps))
                }
            };
            if best.is_none_or(|(held, ..)| distance < held) {
                best = Some((distance, cost, step));
            }
        }
        let (_, least, step) = best?;
        cost = cost.checked_add(least)?;
        chosen.push(step);
    }
    (cost <= budget).then_some(chosen)
}

/// The nearest within the budget, of all that the gap does not rule out ([`narrow`]).
pub(super) fn together(options: &[Vec<Leave>], ideal: &[u16], budget: u32) -> Option<Vec<Step>> {
    let budget = budget.min(u32::from(BPS_ONE));
    together_of(&narrow(options, ideal, budget)?, ideal, budget)
}

/// The nearest within the budget, by recursion over the sums of basis points that the options can have.
pub(super) fn together_of(options: &[Vec<Leave>], ideal: &[u16], budget: u32) -> Option<Vec<Step>> {
    let budget = budget.min(u32::from(BPS_ONE)) as usize;
    // The sum of the first place, and by place the distance.
    let (mut first, mut sums) = (0, vec![0u64]);
    let mut layers: Vec<(usize, Vec<(Step, usize)>)> = Vec::with_capacity(options.len());
    for (options, wanted) in options.iter().zip(ideal) {
        let costs = || options.iter().map(Leave::costs);
        let least = first + costs().map(|(least, _)| least).min()?;
        let most = (first + sums.len() - 1 + costs().map(|(_, most)| most).max()?).min(budget);
        let width = (most + 1).checked_sub(least).filter(|width| *width > 0)?;
        let mut next = vec![UNREACHED; width];
        let mut chosen = vec![(Step::Keep, 0); width];
        for option in options {
            match option.range {
                None => {
                    let cost = option.cost as usize;
                    for (from, sum) in sums.iter().enumerate() {
                        let place = first + from + cost - least;
                        let Some(slot) = next.get_mut(place) else { break };
                        let sum = sum.saturating_add(option.distance);
                        if sum < *slot {
                            *slot = sum;
                            chosen[place] = (Step::Keep, cost);
                        }
                    }
                }
                Some(range) => {
                    let convolution = Convolution { sums: &sums, ahead: least - first, range, wanted: *wanted };
                    convolution.rows((0, width - 1), (0, sums.len() - 1), &mut |row, column, sum| {
                        if sum < next[row] {
                            next[row] = sum;
                            let cost = (least + row).saturating_sub(first + column);
                            chosen[row] = (Step::To(u16::try_from(cost).unwrap_or(u16::MAX)), cost);
                        }
                    });
                }
            }
        }
        (first, sums) = (least, next);
        layers.push((least, chosen));
    }
    let (at, distance) = sums.iter().enumerate().min_by_key(|(_, sum)| **sum)?;
    if *distance >= UNREACHED {
        return None;
    }
    let mut at = first + at;
    let mut steps = Vec::with_capacity(layers.len());
    for (least, chosen) in layers.iter().rev() {
        let (step, cost) = *chosen.get(at.checked_sub(*least)?)?;
        steps.push(step);
        at = at.checked_sub(cost)?;
    }
    steps.reverse();
    Some(steps)
}

/// `min_j sums[j] + (k − j − wanted)²` over `k − j` in the range, for every `k`.
struct Convolution<'a> {
    /// By column.
    sums: &'a [u64],
    /// By how much the first row's sum is more than the first column's.
    ahead: usize,
    range: (u16, u16),
    wanted: u16,
}

impl Convolution<'_> {
    /// The distance at a target; beyond the range so large that it is never chosen, and convex all the same.
    fn at(&self, row: usize, column: usize) -> u64 {
        let target = i64::try_from(row + self.ahead).unwrap_or(i64::MAX) - i64::try_from(column).unwrap_or(0);
        let (first, last) = (i64::from(self.range.0), i64::from(self.range.1));
        let inside = target.clamp(first, last);
        let away = square(u16::try_from(inside).unwrap_or(0), self.wanted);
        let sum = self.sums.get(column).copied().unwrap_or(UNREACHED);
        // Sums that are not reached must stay dearer than any way outside of the range, or the best column would not grow with the row.
        let sum = if sum >= UNREACHED { OUTSIDE * 100_000 } else { sum };
        sum.saturating_add(away).saturating_add(OUTSIDE.saturating_mul(target.abs_diff(inside)))
    }

    fn rows(&self, rows: (usize, usize), columns: (usize, usize), found: &mut impl FnMut(usize, usize, u64)) {
        let row = rows.0.midpoint(rows.1);
        let mut best = (u64::MAX, columns.0);
        for column in columns.0..=columns.1 {
            let sum = self.at(row, column);
            if sum < best.0 {
                best = (sum, column);
            }
        }
        if best.0 < UNREACHED {
            found(row, best.1, best.0);
        }
        if row > rows.0 {
            self.rows((rows.0, row - 1), (columns.0, best.1), found);
        }
        if row < rows.1 {
            self.rows((row + 1, rows.1), (best.1, columns.1), found);
        }
    }
}

pub(super) fn square(a: u16, b: u16) -> u64 {
    u64::from(a.abs_diff(b)).pow(2)
}
