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

mod promising;

/// One thing that can be done with a venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Choice<T> {
    pub what: T,
    /// The part of NAV it uses, in basis points.
    pub cost: u32,
    pub earns: YearlyYield,
}

/// What yields are summed in: 256 bits, or 128 where all of them together fit, which takes a third of the time.
trait Total: Copy + Ord {
    const ZERO: Self;
    fn plus(self, other: Self) -> Self;
}

impl Total for YearlyYield {
    const ZERO: Self = Self::ZERO;

    fn plus(self, other: Self) -> Self {
        Self::plus(self, other)
    }
}

impl Total for u128 {
    const ZERO: Self = 0;

    fn plus(self, other: Self) -> Self {
        self.saturating_add(other)
    }
}

#[derive(Clone, Copy)]
struct Sum<E> {
    cost: u32,
    earns: E,
    /// Index of the sum this extends, in the layer before.
    parent: u32,
    /// Index of the choice that extends it.
    choice: u32,
}

/// What a choice costs and yields.
type Terms<E> = (u32, E);

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
    let most = |choices: &Vec<Choice<T>>| choices.iter().map(|choice| choice.earns).max().unwrap_or(YearlyYield::ZERO);
    let all = venues.iter().map(most).fold(YearlyYield::ZERO, YearlyYield::plus);
    let terms = |choices: &Vec<Choice<T>>| -> Vec<Terms<YearlyYield>> {
        choices.iter().map(|choice| (choice.cost, choice.earns)).collect()
    };
    let wide: Vec<Vec<Terms<YearlyYield>>> = venues.iter().map(terms).collect();
    let picked = if u128::try_from(all.0).is_ok() {
        // Each is no more than all together.
        let narrow = |(cost, earns): &Terms<YearlyYield>| (*cost, u128::try_from(earns.0).unwrap_or(u128::MAX));
        let narrow: Vec<Vec<Terms<u128>>> = wide.iter().map(|terms| terms.iter().map(narrow).collect()).collect();
        promising::leading(&narrow, budget, count).unwrap_or_else(|| leading_of(&narrow, budget, count, |_, _| true))
    } else {
        leading_of(&wide, budget, count, |_, _| true)
    };
    let named = |picked: Vec<usize>| -> Option<Vec<Choice<T>>> {
        picked.iter().zip(venues).map(|(choice, choices)| choices.get(*choice).copied()).collect()
    };
    let found: Vec<Vec<Choice<T>>> = picked.into_iter().filter_map(named).collect();
    (!found.is_empty()).then_some(found)
}

/// The indices of the choices of each combination, made of sums of choices of the first so many venues that are `good` enough to go on with.
fn leading_of<E: Total>(
    venues: &[Vec<Terms<E>>],
    budget: u32,
    count: usize,
    good: impl Fn(usize, Terms<E>) -> bool,
) -> Vec<Vec<usize>> {
    let none = Sum { cost: 0, earns: E::ZERO, parent: 0, choice: 0 };
    let Some((last, others)) = venues.split_last() else {
        return if count == 0 { Vec::new() } else { vec![Vec::new()] };
    };
    let mut layers = vec![vec![none]];
    let mut slots = Slots::up_to(budget);
    for (taken, choices) in (1usize..).zip(others) {
        let next = slots.extend(layers.last().map_or(&[], Vec::as_slice), choices, |sum| good(taken, sum));
        layers.push(next);
    }
    let sums = layers.last().map_or(&[][..], Vec::as_slice);
    top(sums, last, budget, count).into_iter().filter_map(|sum| trace(&layers, sum)).collect()
}

/// The last `count` of what [`extend`] gives, the last first, without the others.
///
/// The last of an undominated list costs most and so yields most. Within a bound on the cost a choice goes best with the dearest sum that leaves room for it.
fn top<E: Total>(sums: &[Sum<E>], choices: &[Terms<E>], budget: u32, count: usize) -> Vec<Sum<E>> {
    let mut found: Vec<Sum<E>> = Vec::with_capacity(count);
    let mut bound = Some(budget);
    while let Some(most) = bound.filter(|_| found.len() < count) {
        let mut best: Option<Sum<E>> = None;
        for (choice, (cost, earns)) in (0u32..).zip(choices) {
            let Some(left) = most.checked_sub(*cost) else { continue };
            let Some(before) = sums.partition_point(|sum| sum.cost <= left).checked_sub(1) else { continue };
            // There are no more sums than costs.
            let parent = u32::try_from(before).unwrap_or(u32::MAX);
            let sum = Sum { cost: sums[before].cost + cost, earns: sums[before].earns.plus(*earns), parent, choice };
            // Of equal yields the cheapest, of those the one whose sum comes first, then whose choice does.
            let order = |sum: &Sum<E>| (sum.cost, sum.parent, sum.choice);
            let better =
                |held: &Sum<E>| sum.earns > held.earns || (sum.earns == held.earns && order(&sum) < order(held));
            if best.as_ref().is_none_or(better) {
                best = Some(sum);
            }
        }
        let Some(best) = best else { break };
        bound = best.cost.checked_sub(1);
        found.push(best);
    }
    found
}

/// The indices of the choices that lead to a sum that extends the last layer.
fn trace<E: Total>(layers: &[Vec<Sum<E>>], last: Sum<E>) -> Option<Vec<usize>> {
    let mut chosen = Vec::with_capacity(layers.len());
    let mut sum = last;
    for layer in layers.iter().rev() {
        chosen.push(sum.choice as usize);
        sum = *layer.get(sum.parent as usize)?;
    }
    chosen.reverse();
    Some(chosen)
}

/// The best sum of every cost, while a layer is made. Kept from one layer to the next: they are too large to be asked of the allocator each time.
struct Slots {
    /// A bit for every cost that a sum has; only there the others say something.
    taken: Vec<u64>,
    /// The sum and the choice.
    of: Vec<(u32, u32)>,
}

impl Slots {
    fn up_to(budget: u32) -> Self {
        let width = budget as usize + 1;
        Self { taken: vec![0; width.div_ceil(64)], of: vec![(0, 0); width] }
    }

    /// All undominated sums of one of `sums` and one of `choices` that are `good`, ascending in cost and in yield.
    fn extend<E: Total>(
        &mut self,
        sums: &[Sum<E>],
        choices: &[Terms<E>],
        good: impl Fn(Terms<E>) -> bool,
    ) -> Vec<Sum<E>> {
        let Self { taken, of } = self;
        taken.fill(0);
        let earns = |(parent, choice): (u32, u32)| sums[parent as usize].earns.plus(choices[choice as usize].1);
        for (parent, sum) in (0u32..).zip(sums) {
            for (choice, (cost, more)) in (0u32..).zip(choices) {
                let cost = sum.cost.saturating_add(*cost) as usize;
                let (Some(from), Some(word)) = (of.get_mut(cost), taken.get_mut(cost / 64)) else { continue };
                let bit = 1u64 << (cost % 64);
                if *word & bit == 0 || sum.earns.plus(*more) > earns(*from) {
                    *word |= bit;
                    *from = (parent, choice);
                }
            }
        }
        let count: u32 = taken.iter().map(|word| word.count_ones()).sum();
        let mut kept: Vec<Sum<E>> = Vec::with_capacity(count as usize);
        for (place, word) in (0u32..).step_by(64).zip(taken.iter()) {
            let mut left = *word;
            while left != 0 {
                let cost = place + left.trailing_zeros();
                left &= left - 1;
                let Some(from) = of.get(cost as usize) else { continue };
                let earns = earns(*from);
                if kept.last().is_none_or(|last| earns > last.earns) && good((cost, earns)) {
                    kept.push(Sum { cost, earns, parent: from.0, choice: from.1 });
                }
            }
        }
        kept
    }
}

/// Step sizes in basis points, from the grid's own scale down to the finest.
const STEPS: [u16; 7] = [100, 50, 20, 10, 5, 2, 1];

/// Improves positions (basis points per venue) by exchanges until no exchange of one basis point helps.
///
/// `earns(i, bps)` is venue `i`'s yield at a position, `None` where it may not be; the same is answered each time. `spare` is what the
/// budget has left.
#[must_use]
pub fn climb(mut positions: Vec<u16>, mut spare: u32, earns: impl Fn(usize, u16) -> Option<YearlyYield>) -> Vec<u16> {
    let lower = |venue: usize, at: u16, step: u16| at.checked_sub(step).and_then(|below| earns(venue, below));
    let upper = |venue: usize, at: u16, step: u16| at.checked_add(step).and_then(|above| earns(venue, above));
    let unmoved = |(venue, at): (usize, &u16)| Some(Neighbours { less: None, now: earns(venue, *at)?, more: None });
    let Some(mut venues) = positions.iter().enumerate().map(unmoved).collect::<Option<Vec<_>>>() else {
        return positions;
    };
    for step in STEPS {
        for (venue, (around, at)) in venues.iter_mut().zip(&positions).enumerate() {
            (around.less, around.more) = (lower(venue, *at, step), upper(venue, *at, step));
        }
        while let Some(exchange) = best_exchange(&venues, spare >= u32::from(step)) {
            // What was a step away is here, what was here is a step away: only what lies beyond is new.
            match exchange.from {
                Some(from) => {
                    positions[from] -= step;
                    let around = &mut venues[from];
                    (around.now, around.more) = (around.less.unwrap_or_default(), Some(around.now));
                    around.less = lower(from, positions[from], step);
                }
                None => spare -= u32::from(step),
            }
            match exchange.to {
                Some(to) => {
                    positions[to] += step;
                    let around = &mut venues[to];
                    (around.now, around.less) = (around.more.unwrap_or_default(), Some(around.now));
                    around.more = upper(to, positions[to], step);
                }
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

/// The exchange of one step that gains most; `spare` says whether idle can give one.
fn best_exchange(venues: &[Neighbours], spare: bool) -> Option<Exchange> {
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
        if let (Some(more), true) = (giver.more, spare) {
            consider(more, giver.now, Exchange { from: None, to: Some(from) });
        }
    }
    found.map(|(_, exchange)| exchange)
}
