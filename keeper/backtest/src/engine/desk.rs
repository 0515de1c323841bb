//! Positions in other coins than USDC: bought, sold, priced anew and marked.
//!
//! A position of coins is carried in the ledger at the middle price of the step, what a swap of next to nothing without a fee would give, and counted in
//! NAV at what it would bring if every coin held left now, fee and price impact included. The difference is part of the slippage from the moment of
//! the purchase on, so NAV is never better than what leaving would bring, and leaving costs nothing more than what the pool has become worse.
//!
//! Swaps of one step follow each other through the same pool; by the next step it is what the data says.

use super::Engine;
use crate::{
    book::Ledger,
    market::{Exchange, ExchangeDay, at},
    quoter::portion,
    stableswap::StableSwap,
};
use ballast_types::{Assets, WAD, Wad};

/// The pool of the step at hand.
#[derive(Clone, Debug)]
pub(super) struct Desk<'a> {
    exchange: &'a Exchange,
    /// Which step positions are priced by.
    step: Option<usize>,
    /// As the step's own swaps have left it.
    pool: Option<StableSwap>,
    /// By coin: the price at which it is carried.
    mids: Vec<Wad>,
    /// What swaps have cost so far.
    paid: Assets,
}

impl<'a> Desk<'a> {
    pub(super) fn new(exchange: &'a Exchange) -> Self {
        Self { exchange, step: None, pool: None, mids: vec![Wad(WAD); exchange.coins.len()], paid: Assets::ZERO }
    }

    fn day(&self) -> Option<&'a ExchangeDay> {
        self.exchange.days.get(self.step?)
    }

    fn mid(&self, coin: usize) -> Wad {
        self.mids.get(coin).copied().unwrap_or(Wad(WAD))
    }

    /// What goes into a swap is worth `given` and what comes out `got`, both at the middle price.
    fn swapped(&mut self, given: Assets, got: Assets, ledger: &mut Ledger) {
        // An earlier swap of the same step can have made the pool better for this one than its middle price was.
        ledger.gains.0 += got.saturating_sub(given).0;
        self.paid.0 += given.saturating_sub(got).0;
    }
}

/// What the legs of a move bring and buy, before any of it is done.
pub(super) struct Rehearsal {
    /// What leaves brings, in all.
    pub(super) proceeds: u128,
    /// Whether each leg's price is within the tolerance that was asked about.
    pub(super) accepted: bool,
}

/// A venue with its position's value before and its goal.
pub(super) type Change = (usize, Assets, Assets);

impl Engine<'_> {
    fn coin(&self, venue: usize) -> Option<usize> {
        self.market.coin(venue)
    }

    /// How many coins of one kind are held in all venues.
    fn held(&self, coin: usize) -> u128 {
        let of = |(venue, position): (usize, &crate::book::Position)| {
            if self.coin(venue) == Some(coin) { position.coins } else { 0 }
        };
        self.book.positions.iter().enumerate().map(of).sum()
    }

    /// Prices everything by a step, once; what is worth more or less than before for that is in the ledger.
    pub(super) fn reprice(&mut self, step: usize) {
        let Some(mut desk) = self.desk.take() else { return };
        if desk.step != Some(step) {
            desk.step = Some(step);
            desk.pool = desk.day().map(|day| day.pool.clone());
            for (coin, today) in desk.day().map(|day| day.coins.as_slice()).unwrap_or_default().iter().enumerate() {
                let held = self.held(coin);
                let (before, now) = (at(desk.mid(coin), held), today.value(held));
                self.book.ledger.gains.0 += now.saturating_sub(before).0;
                self.book.ledger.depreciation.0 += before.saturating_sub(now).0;
                if let Some(mid) = desk.mids.get_mut(coin) {
                    *mid = today.mid;
                }
            }
        }
        self.desk = Some(desk);
        self.mark();
    }

    /// Sets the value of every position of coins to what it would bring.
    pub(super) fn mark(&mut self) {
        let Some(desk) = self.desk.as_ref() else { return };
        let Some(day) = desk.day() else { return };
        let held: Vec<u128> = (0..desk.mids.len()).map(|coin| self.held(coin)).collect();
        let brings = day.leaving(&held);
        let carried: u128 = held.iter().enumerate().map(|(coin, held)| at(desk.mid(coin), *held).0).sum();
        let paid = desk.paid.0;
        let mut marked = 0u128;
        for venue in 0..self.book.positions.len() {
            let Some(coin) = self.coin(venue) else { continue };
            let (all, whole) = (held.get(coin).copied().unwrap_or(0), brings.get(coin).copied().unwrap_or_default());
            let position = &mut self.book.positions[venue];
            let part = ballast_types::fixed::mul_div_floor(whole.0, position.coins, all).unwrap_or(0);
            position.value = Assets(part);
            marked += part;
        }
        // What is marked is never more than what is carried (`ExchangeDay::leaving`).
        self.book.ledger.slippage = Assets(paid + carried.saturating_sub(marked));
    }

    /// What the changes' swaps would bring and whether none loses more than `tolerance` of what goes in; `None` if one cannot be made.
    pub(super) fn rehearse(&self, changes: &[Change], tolerance: ballast_types::Bps) -> Option<Rehearsal> {
        let mut rehearsal = Rehearsal { proceeds: 0, accepted: true };
        let mut pool = self.desk.as_ref().and_then(|desk| desk.pool.clone());
        let leaving = changes.iter().filter(|(_, from, to)| to < from);
        for (venue, from, to) in leaving.chain(changes.iter().filter(|(_, from, to)| to > from)) {
            let Some(coin) = self.coin(*venue) else {
                rehearsal.proceeds += from.saturating_sub(*to).0;
                continue;
            };
            let (day, pool) = (self.desk.as_ref()?.day()?, pool.as_mut()?);
            let today = day.coins.get(coin)?;
            let (given, got) = if to < from {
                let out = portion(self.book.positions[*venue].coins, *from, *to)?;
                let got = day.sell(pool, coin, out)?;
                rehearsal.proceeds += got.0;
                (today.value(out), got)
            } else {
                let paid = to.saturating_sub(*from);
                (paid, today.value(day.buy(pool, coin, paid)?))
            };
            rehearsal.accepted &= crate::quoter::accepted(given, got, tolerance);
        }
        Some(rehearsal)
    }

    /// Moves a position from `from` to `to`, as they were when that was decided: in USDC, or by a swap of the coins that are that part of it, or of
    /// the USDC that is to be added. Says what comes home; zero of an addition. `None`, and nothing has changed, if the swap cannot be made.
    pub(super) fn shift(&mut self, (venue, from, to): Change) -> Option<Assets> {
        let Some(coin) = self.coin(venue) else {
            self.book.shift(venue, to);
            return Some(from.saturating_sub(to));
        };
        if to < from {
            let out = portion(self.book.positions[venue].coins, from, to)?;
            return self.sell(venue, out);
        }
        let mut desk = self.desk.take()?;
        let bought = match (desk.day(), desk.pool.as_mut()) {
            (Some(day), Some(pool)) => day.buy(pool, coin, to.saturating_sub(from)),
            _ => None,
        };
        if let Some(bought) = bought {
            let before = self.held(coin);
            let mid = desk.mid(coin);
            let got = at(mid, before + bought).saturating_sub(at(mid, before));
            self.book.positions[venue].coins += bought;
            self.book.idle = self.book.idle.saturating_sub(to.saturating_sub(from));
            desk.swapped(to.saturating_sub(from), got, &mut self.book.ledger);
        }
        self.desk = Some(desk);
        self.mark();
        bought.map(|_| Assets::ZERO)
    }

    /// Sells coins of a position.
    pub(super) fn sell(&mut self, venue: usize, out: u128) -> Option<Assets> {
        let coin = self.coin(venue)?;
        let mut desk = self.desk.take()?;
        let got = match (desk.day(), desk.pool.as_mut()) {
            (Some(day), Some(pool)) => day.sell(pool, coin, out),
            _ => None,
        };
        if let Some(got) = got {
            let (before, mid) = (self.held(coin), desk.mid(coin));
            let given = at(mid, before).saturating_sub(at(mid, before - out));
            self.book.positions[venue].coins -= out;
            self.book.idle.0 += got.0;
            desk.swapped(given, got, &mut self.book.ledger);
        }
        self.desk = Some(desk);
        self.mark();
        got
    }

    /// Changes how many coins a position has without a swap; says what the coins of its kind are carried at before and after.
    pub(super) fn set_coins(&mut self, venue: usize, coin: usize, coins: u128) -> (Assets, Assets) {
        let mid = self.desk.as_ref().map_or(Wad(WAD), |desk| desk.mid(coin));
        let before = at(mid, self.held(coin));
        self.book.positions[venue].coins = coins;
        (before, at(mid, self.held(coin)))
    }

    /// Sells coins of the largest position of any if idle and the positions in USDC cannot pay `cost`.
    pub(super) fn raise(&mut self, cost: Assets) {
        if self.desk.is_none() {
            return;
        }
        let usdc = self.book.positions.iter().filter(|position| position.coins == 0).map(|position| position.value.0);
        let there = usdc.fold(self.book.idle.0, u128::saturating_add);
        let Some(short) = cost.0.checked_sub(there).filter(|short| *short > 0) else { return };
        let largest = (0..self.book.positions.len()).filter(|venue| self.book.positions[*venue].coins > 0);
        let Some(venue) = largest.max_by_key(|venue| self.book.positions[*venue].value) else { return };
        let position = self.book.positions[venue];
        // A little more, so that what rounding takes does not leave a unit unpaid.
        let kept = position.value.saturating_sub(Assets(short + short / 50 + 1));
        if let Some(out) = portion(position.coins, position.value, kept) {
            self.sell(venue, out);
        }
    }
}
