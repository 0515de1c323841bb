//! The best combination of one choice per venue under one budget.
//!
//! With a yield `y_i(c)` and a cost `k_i(c)` in basis points of NAV for every choice `c` of venue `i`, maximise `Σ y_i(c_i)` subject to
//! `Σ k_i(c_i) ≤ K`: a multiple-choice knapsack. Nothing is assumed of the shape of `y`. That matters: the yield of a position is
//! concave only between the kinks of the venue's curve (adding to a market above its optimal utilisation first costs more than it
//! earns, until the kink is passed), and "keep", "leave" and "at least 5 %" are separate islands of choices. Greedy marginal
//! steps would stop at the first of those gaps.
//!
//! [`best`] is exact: Bellman's recursion `F_i(k) = max_c F_{i−1}(k − k_i(c)) + y_i(c)` over the at most `K + 1` sums that can occur,
//! keeping of equal sums only the best and dropping every sum that costs more than another and yields no more.
//! [`leading`] gives the runners-up as well.
//! [`climb`] then moves from the grid to single basis points: it exchanges steps between two venues, or a venue and idle, taking
//! the best exchange each time until none of one basis point is left that improves the sum.

use crate::yields::YearlyYield;
use ballast_types::BPS_ONE;

/// One thing that can be done with a venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice<T> {
    pub what: T,
    /// The part of NAV it uses, in basis points.
    pub cost: u32,
    pub earns: YearlyYield,
}

#[derive(Clone, Copy)]
struct Sum {
    cost: u32,
    earns: YearlyYield,
    /// Index of the sum this extends, in the layer before.
    parent: usize,
    /// Index of the choice that extends it.
    choice: usize,
}

/// One choice per venue with the largest total yield at a total cost of at most `budget`, or `None` if none fits.
///
/// Of equal totals the cheapest wins, then the one whose choices come first.
#[must_use]
pub fn best<T: Copy>(venues: &[Vec<Choice<T>>], budget: u32) -> Option<Vec<Choice<T>>> {
    leading(venues, budget, 1)?.pop()
}

/// The `count` undominated combinations with the largest total yields, the largest first; fewer if there are fewer, `None` if none fits.
///
/// Each costs less than the one before it, so they are the best for slightly smaller budgets: near a grid's best they are its rivals.
#[must_use]
pub fn leading<T: Copy>(venues: &[Vec<Choice<T>>], budget: u32, count: usize) -> Option<Vec<Vec<Choice<T>>>> {
    let budget = budget.min(u32::from(BPS_ONE));
    let mut layers = vec![vec![Sum { cost: 0, earns: YearlyYield::ZERO, parent: 0, choice: 0 }]];
    for choices in venues {
        let next = extend(layers.last()?, choices, budget);
        layers.push(next);
    }

    let last = layers.last()?;
    // The last of an undominated list costs most and so yields most.
    let found: Vec<Vec<Choice<T>>> =
        (0..last.len()).rev().take(count).filter_map(|index| trace(&layers, venues, index)).collect();
    (!found.is_empty()).then_some(found)
}

/// The choices that lead to a sum of the last layer.
fn trace<T: Copy>(layers: &[Vec<Sum>], venues: &[Vec<Choice<T>>], mut index: usize) -> Option<Vec<Choice<T>>> {
    let mut chosen = Vec::with_capacity(venues.len());
    for (layer, choices) in layers.iter().skip(1).zip(venues).rev() {
        let sum = layer.get(index)?;
        chosen.push(*choices.get(sum.choice)?);
        index = sum.parent;
    }
    chosen.reverse();
    Some(chosen)
}

/// All undominated sums of one of `sums` and one of `choices`, ascending in cost and in yield.
fn extend<T>(sums: &[Sum], choices: &[Choice<T>], budget: u32) -> Vec<Sum> {
    let mut at_cost: Vec<Option<Sum>> = vec![None; budget as usize + 1];
    for (parent, sum) in sums.iter().enumerate() {
        for (choice, option) in choices.iter().enumerate() {
            let cost = sum.cost.saturating_add(option.cost);
            let Some(slot) = at_cost.get_mut(cost as usize) else { continue };
            let earns = sum.earns.plus(option.earns);
            if slot.is_none_or(|held| earns > held.earns) {
                *slot = Some(Sum { cost, earns, parent, choice });
            }
        }
    }
    let mut kept: Vec<Sum> = Vec::new();
    for sum in at_cost.into_iter().flatten() {
        if kept.last().is_none_or(|last| sum.earns > last.earns) {
            kept.push(sum);
        }
    }
    kept
}

/// Step sizes in basis points, from the grid's own scale down to the finest.
const STEPS: [u16; 7] = [100, 50, 20, 10, 5, 2, 1];

/// Improves positions (basis points per venue) by exchanges until no exchange of one basis point helps.
///
/// `earns(i, bps)` is venue `i`'s yield at a position, `None` where it may not be. `spare` is what the budget has left.
#[must_use]
pub fn climb(mut positions: Vec<u16>, mut spare: u32, earns: impl Fn(usize, u16) -> Option<YearlyYield>) -> Vec<u16> {
    for step in STEPS {
        while let Some(exchange) = best_exchange(&positions, spare, step, &earns) {
            match exchange.from {
                Some(from) => positions[from] -= step,
                None => spare -= u32::from(step),
            }
            match exchange.to {
                Some(to) => positions[to] += step,
                None => spare += u32::from(step),
            }
        }
    }
    positions
}

/// `None` stands for idle.
struct Exchange {
    from: Option<usize>,
    to: Option<usize>,
}

/// A venue's yield one step down, now, and one step up.
struct Neighbours {
    less: Option<YearlyYield>,
    now: YearlyYield,
    more: Option<YearlyYield>,
}

fn best_exchange(
    positions: &[u16],
    spare: u32,
    step: u16,
    earns: &impl Fn(usize, u16) -> Option<YearlyYield>,
) -> Option<Exchange> {
    let venues: Vec<Neighbours> = positions
        .iter()
        .enumerate()
        .map(|(venue, &at)| {
            Some(Neighbours {
                less: at.checked_sub(step).and_then(|below| earns(venue, below)),
                now: earns(venue, at)?,
                more: at.checked_add(step).and_then(|above| earns(venue, above)),
            })
        })
        .collect::<Option<_>>()?;

    let mut found: Option<(YearlyYield, Exchange)> = None;
    let mut consider = |after: YearlyYield, before: YearlyYield, exchange: Exchange| {
        let gain = after.excess_over(before);
        if gain > found.as_ref().map_or(YearlyYield::ZERO, |(best, _)| *best) {
            found = Some((gain, exchange));
        }
    };
    for (from, giver) in venues.iter().enumerate() {
        if let Some(less) = giver.less {
            consider(less, giver.now, Exchange { from: Some(from), to: None });
            for (to, taker) in venues.iter().enumerate().filter(|(to, _)| *to != from) {
                if let Some(more) = taker.more {
                    consider(less.plus(more), giver.now.plus(taker.now), Exchange { from: Some(from), to: Some(to) });
                }
            }
        }
        if let (Some(more), true) = (giver.more, spare >= u32::from(step)) {
            consider(more, giver.now, Exchange { from: None, to: Some(from) });
        }
    }
    found.map(|(_, exchange)| exchange)
}
