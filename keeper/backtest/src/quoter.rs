//! What the swaps of a move would cost, by what was known when it is decided.

use crate::{
    book::Position,
    market::{Exchange, ExchangeDay},
    observe,
};
use ballast_allocator::swaps::{Leg, Swaps};
use ballast_types::{Address, Assets, Bps, fixed::mul_div_ceil};
use std::{cell::RefCell, collections::BTreeMap};

/// The pool of the step before, and what is held.
#[derive(Debug)]
pub(crate) struct Quoter<'a> {
    exchange: &'a Exchange,
    day: &'a ExchangeDay,
    positions: &'a [Position],
    /// What a swap may lose of what goes in.
    tolerance: Bps,
    /// The search asks about the same single leg many times.
    alone: RefCell<BTreeMap<(Address, Assets), Option<Assets>>>,
}

impl<'a> Quoter<'a> {
    pub(crate) const fn new(
        exchange: &'a Exchange,
        day: &'a ExchangeDay,
        positions: &'a [Position],
        tolerance: Bps,
    ) -> Self {
        Self { exchange, day, positions, tolerance, alone: RefCell::new(BTreeMap::new()) }
    }

    fn coin(&self, venue: usize) -> Option<usize> {
        self.exchange.of.get(venue).copied().flatten()
    }

    /// What all coins would bring if they left.
    fn leaving(&self, coins: &[u128]) -> u128 {
        let mut amounts = vec![0u128; self.exchange.coins.len()];
        for (venue, held) in coins.iter().enumerate() {
            if let Some(amount) = self.coin(venue).and_then(|coin| amounts.get_mut(coin)) {
                *amount = amount.saturating_add(*held);
            }
        }
        self.day.leaving(&amounts).iter().map(|brings| brings.0).sum()
    }

    /// Leaves first, as the hub does, and each leg through what the ones before have left of the pool.
    fn loss(&self, legs: &[Leg]) -> Option<Assets> {
        let held: Vec<u128> = self.positions.iter().map(|position| position.coins).collect();
        let (mut after, mut pool) = (held.clone(), self.day.pool.clone());
        let (mut paid, mut got) = (0u128, 0u128);
        let mut legs: Vec<(usize, &Leg)> =
            legs.iter().filter_map(|leg| Some((observe::venue(leg.adapter)?, leg))).collect();
        legs.sort_by_key(|(venue, leg)| (leg.to > leg.from, *venue));
        for (venue, leg) in legs {
            let Some(coin) = self.coin(venue) else { continue };
            let amount = after.get_mut(venue)?;
            if leg.to < leg.from {
                let out = portion(*amount, leg.from, leg.to)?;
                let brings = self.day.sell(&mut pool, coin, out)?;
                accepted(self.day.coins.get(coin)?.value(out), brings, self.tolerance).then_some(())?;
                *amount -= out;
                got += brings.0;
            } else {
                let spent = Assets(leg.to.0 - leg.from.0);
                let bought = self.day.buy(&mut pool, coin, spent)?;
                accepted(spent, self.day.coins.get(coin)?.value(bought), self.tolerance).then_some(())?;
                *amount = amount.checked_add(bought)?;
                paid += spent.0;
            }
        }
        let (before, after) = (self.leaving(&held), self.leaving(&after));
        Some(Assets((before + paid).saturating_sub(after + got)))
    }
}

impl Swaps for Quoter<'_> {
    fn needed(&self, adapter: Address) -> bool {
        observe::venue(adapter).and_then(|venue| self.coin(venue)).is_some()
    }

    fn cost(&self, legs: &[Leg]) -> Option<Assets> {
        let [leg] = legs else { return self.loss(legs) };
        let key = (leg.adapter, leg.to);
        if let Some(known) = self.alone.borrow().get(&key) {
            return *known;
        }
        let cost = self.loss(legs);
        self.alone.borrow_mut().insert(key, cost);
        cost
    }
}

/// How many of a position's coins leave when its value goes from `from` to `to`, rounded up; all if nothing is to stay.
pub(crate) fn portion(coins: u128, from: Assets, to: Assets) -> Option<u128> {
    if to == Assets::ZERO {
        return Some(coins);
    }
    mul_div_ceil(coins, from.0.checked_sub(to.0)?, from.0).map(|out| out.min(coins))
}

/// Whether what comes out of a swap is no more than the tolerance below what goes in (`min_out` of the move).
pub(crate) fn accepted(given: Assets, got: Assets, tolerance: Bps) -> bool {
    got >= given.saturating_sub(given.share(tolerance))
}
