//! What can be part of the leading combinations, before all of them are made.
//!
//! At a price `p` on every basis point a choice is worth `w(c) = y(c) + p·(K − k(c))`, and `n` choices that fit into the budget yield
//! `Σ y ≤ Σ w − p·(n − 1)·K`, at most `D = Σ max w − p·(n − 1)·K`, the bound of Lagrange's dual (H. Everett, "Generalized Lagrange multiplier method for
//! solving problems of optimum allocation of resources", 1963). What a choice loses against its venue's best, `max w − w(c)`, a combination with it lacks to
//! `D` as well. So whatever yields at least `D − g` is made of choices, and of sums of them, that lose no more than `g`: if as many combinations as are
//! asked for are found among those and yield that much, they are the same that would have been found among all. That holds at any price; at a good one
//! little is left to combine.

use super::{Terms, leading_of};

/// The part of the bound that may be lost at first. Where that was too little, what was found says how much it takes, or else it is four times as much.
const FIRST_GAP: u128 = 32;

/// As [`leading_of`] without leaving anything out; `None` where the numbers are too large for it.
pub(super) fn leading(venues: &[Vec<Terms<u128>>], budget: u32, count: usize) -> Option<Vec<Vec<usize>>> {
    let dual = Dual::of(venues, budget)?;
    let mut gap = (dual.bound / FIRST_GAP).max(1);
    loop {
        let (places, terms) = dual.promising(venues, gap);
        let found = leading_of(&terms, budget, count, |taken, sum| dual.lost(taken, sum) <= gap);
        let lacks = |picked: &Vec<usize>| -> u128 {
            let earns = picked.iter().zip(&terms).filter_map(|(at, terms)| terms.get(*at)).map(|(_, earns)| earns);
            dual.bound.saturating_sub(earns.sum())
        };
        // The last is the one that yields least.
        let lacking = found.last().filter(|_| found.len() == count).map(lacks);
        if gap >= dual.most_lost() || lacking.is_some_and(|lacking| lacking <= gap) {
            let named = |picked: Vec<usize>| picked.iter().zip(&places).map(|(at, places)| places[*at]).collect();
            return Some(found.into_iter().map(named).collect());
        }
        gap = lacking.unwrap_or_else(|| gap.saturating_mul(4));
    }
}

struct Dual {
    /// Of a basis point.
    price: u128,
    budget: u32,
    /// What the best choices of the first so many venues are worth together.
    best: Vec<u128>,
    /// More no combination yields.
    bound: u128,
}

impl Dual {
    fn of(venues: &[Vec<Terms<u128>>], budget: u32) -> Option<Self> {
        let price = price(venues, budget);
        let mut dual = Self { price, budget, best: vec![0], bound: 0 };
        let mut all = 0u128;
        for choices in venues {
            let worth = choices.iter().filter(|(cost, _)| *cost <= budget).map(|choice| dual.worth(1, *choice));
            all = all.checked_add(worth.collect::<Option<Vec<_>>>()?.into_iter().max()?)?;
            dual.best.push(all);
        }
        let unspent = price.checked_mul(u128::from(budget))?.checked_mul(venues.len().checked_sub(1)? as u128)?;
        dual.bound = all.checked_sub(unspent)?;
        Some(dual)
    }

    /// What a sum of choices of so many venues is worth; none of them costs more than the budget.
    fn worth(&self, taken: usize, (cost, earns): Terms<u128>) -> Option<u128> {
        let left = (taken as u128).checked_mul(u128::from(self.budget))?.checked_sub(u128::from(cost))?;
        earns.checked_add(self.price.checked_mul(left)?)
    }

    /// What a sum of choices of the first so many venues loses against the best of each.
    fn lost(&self, taken: usize, sum: Terms<u128>) -> u128 {
        let best = self.best.get(taken).copied().unwrap_or(u128::MAX);
        self.worth(taken, sum).map_or(0, |worth| best.saturating_sub(worth))
    }

    /// No combination loses more.
    fn most_lost(&self) -> u128 {
        self.best.last().copied().unwrap_or_default()
    }

    /// The choices that lose no more than `gap`, and where they stand.
    fn promising(&self, venues: &[Vec<Terms<u128>>], gap: u128) -> (Vec<Vec<usize>>, Vec<Vec<Terms<u128>>>) {
        let ranked = venues.iter().zip(self.best.windows(2)).map(|(choices, best)| {
            let least = (best[1] - best[0]).saturating_sub(gap);
            let good = |choice: Terms<u128>| self.worth(1, choice).is_some_and(|worth| worth >= least);
            choices.iter().enumerate().filter(|(_, choice)| good(**choice)).map(|(at, choice)| (at, *choice)).unzip()
        });
        ranked.unzip()
    }
}

/// Of the venues' best choices by yield, the dearest first, that at which the budget ends: what a basis point yields there. Zero if all fit.
fn price(venues: &[Vec<Terms<u128>>], budget: u32) -> u128 {
    let best = venues.iter().filter_map(|choices| choices.iter().max_by_key(|(_, earns)| *earns));
    let mut rates: Vec<(u128, u32)> = best.map(|(cost, earns)| (earns / u128::from((*cost).max(1)), *cost)).collect();
    rates.sort_unstable_by(|one, other| other.cmp(one));
    let mut left = budget;
    for (rate, cost) in rates {
        let Some(after) = left.checked_sub(cost) else { return rate };
        left = after;
    }
    0
}
