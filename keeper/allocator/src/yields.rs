//! What a venue pays on our position, our own effect on its rates included.
//!
//! A venue lends into markets `j`, holding `h_j` of the `s_j` supplied there, of which `b_j` is borrowed. It pays
//! `r = (1 − performance fee) · Σ h_j·ρ_j / Σ h_j`, where `ρ_j = R_j(u_j)·u_j·(1 − fee_j)` and `u_j = b_j / s_j`. Moving our position from
//! its value `v` to `p` changes `s_j` and `h_j` together: an addition fills markets in the order of the supply queue, each up to
//! its room; a reduction drains them in the order of the withdraw queue, each down to what is borrowed. Our yearly yield is
//! `p · r(p)`. Rates are as of now: what borrowers will do about the new rate is not foretold.

use crate::rates::{self, RateError};
use crate::swaps::{Leg, Swaps};
use alloy_primitives::{Address, U256};
use ballast_types::{Apr, Assets, Market, VenueReading, WAD, Wad, fixed::mul_div_floor, fixed::product};
use std::cmp::Ordering;

/// Amounts above this (2¹¹² base units) are taken for garbage; below it no sum or product here can overflow.
pub const MAX_AMOUNT: Assets = Assets(1 << 112);

/// Assets a year times 1e18: finer than a base unit, so that the effect of a small step does not drown in rounding.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct YearlyYield(pub U256);

impl YearlyYield {
    pub const ZERO: Self = Self(U256::ZERO);

    /// The sum; saturating, which amounts below [`MAX_AMOUNT`] cannot reach.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// How much more this is than `other`; zero if it is not more.
    #[must_use]
    pub fn excess_over(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// The same as a rate on `principal`, rounded down; zero on nothing.
    #[must_use]
    pub fn rate_on(self, principal: Assets) -> Apr {
        let rate = self.0.checked_div(U256::from(principal.0)).unwrap_or_default();
        Apr(u128::try_from(rate).unwrap_or(u128::MAX))
    }
}

/// Why a venue's reading cannot be turned into a yield.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    #[error("it cannot be read: {why}")]
    Unreadable { why: String },
    #[error("market {market}: {source}")]
    Curve { market: String, source: RateError },
    #[error("{what} is {value}, expected {expected}")]
    OutOfRange { what: &'static str, value: u128, expected: &'static str },
    #[error("the {queue} queue names market {index} of {markets}")]
    QueueIndex { queue: &'static str, index: u8, markets: usize },
}

/// A venue's markets as read, and our position in it.
#[derive(Clone, Debug)]
pub struct VenueModel<'a> {
    value: Assets,
    markets: &'a [Market],
    supply_queue: &'a [u8],
    withdraw_queue: &'a [u8],
    /// The part of earnings that depositors get: one minus the performance fee.
    passed_on: u128,
    /// Where the way there takes a swap.
    swaps: Option<(&'a dyn Swaps, Address)>,
}

impl<'a> VenueModel<'a> {
    /// Takes over a reading whose every number is inside the range in which the yield is defined.
    ///
    /// # Errors
    /// What is missing or out of range.
    pub fn new(reading: &'a VenueReading) -> Result<Self, ModelError> {
        let (value, liquidity, size, utilisation, performance_fee, markets, supply_queue, withdraw_queue) =
            match reading {
                VenueReading::Unreadable { why } => return Err(ModelError::Unreadable { why: why.clone() }),
                VenueReading::Read {
                    value,
                    liquidity,
                    size,
                    utilisation,
                    performance_fee,
                    markets,
                    supply_queue,
                    withdraw_queue,
                    ..
                } => (value, liquidity, size, utilisation, performance_fee, markets, supply_queue, withdraw_queue),
            };
        amount("the position", *value)?;
        amount("liquidity", *liquidity)?;
        amount("the venue's size", *size)?;
        part("utilisation", *utilisation)?;
        part("the performance fee", *performance_fee)?;
        for market in markets {
            amount("supplied", market.supplied)?;
            amount("borrowed", market.borrowed)?;
            amount("held", market.held)?;
            part("the market's fee", market.fee)?;
            rates::check(&market.curve).map_err(|source| ModelError::Curve { market: market.name.clone(), source })?;
        }
        for (queue, indexes) in [("supply", supply_queue), ("withdraw", withdraw_queue)] {
            if let Some(&index) = indexes.iter().find(|&&index| usize::from(index) >= markets.len()) {
                return Err(ModelError::QueueIndex { queue, index, markets: markets.len() });
            }
        }
        Ok(Self {
            value: *value,
            markets,
            supply_queue,
            withdraw_queue,
            passed_on: WAD - performance_fee.0,
            swaps: None,
        })
    }

    /// The same where the position of `adapter` is entered and left as `swaps` says.
    #[must_use]
    pub fn reached_by(mut self, swaps: &'a dyn Swaps, adapter: Address) -> Self {
        self.swaps = swaps.needed(adapter).then_some((swaps, adapter));
        self
    }

    /// Whether the way there takes a swap.
    #[must_use]
    pub const fn is_swapped(&self) -> bool {
        self.swaps.is_some()
    }

    /// What moving the position to `position` loses on the way, moved alone; `None` if it cannot be swapped.
    #[must_use]
    pub fn swap_cost(&self, position: Assets) -> Option<Assets> {
        let Some((swaps, adapter)) = self.swaps else { return Some(Assets::ZERO) };
        if position == self.value {
            Some(Assets::ZERO)
        } else {
            swaps.cost(&[Leg { adapter, from: self.value, to: position }])
        }
    }

    /// The position as read.
    #[must_use]
    pub const fn value(&self) -> Assets {
        self.value
    }

    /// The most that can be added: all rooms in the supply queue.
    #[must_use]
    pub fn max_addition(&self) -> Assets {
        let mut seen = Vec::with_capacity(self.supply_queue.len());
        let mut total = 0u128;
        for &index in self.supply_queue {
            if !seen.contains(&index) {
                seen.push(index);
                total = total.saturating_add(self.markets.get(usize::from(index)).map_or(0, |market| market.room.0));
            }
        }
        Assets(total.min(MAX_AMOUNT.0))
    }

    /// The most that the markets in the withdraw queue would pay to the venue as a whole.
    #[must_use]
    pub fn max_reduction(&self) -> Assets {
        let mut seen = Vec::with_capacity(self.withdraw_queue.len());
        let mut total = 0u128;
        for &index in self.withdraw_queue {
            if !seen.contains(&index) {
                seen.push(index);
                total = total.saturating_add(self.markets.get(usize::from(index)).map_or(0, withdrawable));
            }
        }
        Assets(total)
    }

    /// What depositors of the venue earn a year once our position has moved to `position`, rounded down; `None` if it cannot
    /// move there.
    #[must_use]
    pub fn rate_at(&self, position: Assets) -> Option<Apr> {
        if let [market] = self.markets {
            return self.rate_of(market, position);
        }
        match position.cmp(&self.value) {
            Ordering::Equal => self.rate(|_| Some(Change::None)),
            Ordering::Greater => {
                let added = self.spread(position.0 - self.value.0, self.supply_queue, |market| market.room.0)?;
                self.rate(|index| Some(Change::Added(*added.get(index)?)))
            }
            Ordering::Less => {
                let taken = self.spread(self.value.0 - position.0, self.withdraw_queue, withdrawable)?;
                self.rate(|index| Some(Change::Taken(*taken.get(index)?)))
            }
        }
    }

    /// What our position earns a year once it has moved to `position`; `None` if it cannot move there.
    #[must_use]
    pub fn yield_at(&self, position: Assets) -> Option<YearlyYield> {
        Some(YearlyYield(product(position.0, self.rate_at(position)?.0)))
    }

    /// As [`Self::rate_at`] of a venue with one market, into or out of which everything goes: what it pays is what the venue earns.
    fn rate_of(&self, market: &Market, position: Assets) -> Option<Apr> {
        let change = match position.cmp(&self.value) {
            Ordering::Equal => Change::None,
            Ordering::Greater => {
                let amount = position.0 - self.value.0;
                let fits = !self.supply_queue.is_empty() && amount <= market.room.0;
                Change::Added(fits.then_some(amount)?)
            }
            Ordering::Less => {
                let amount = self.value.0 - position.0;
                let fits = !self.withdraw_queue.is_empty() && amount <= withdrawable(market);
                Change::Taken(fits.then_some(amount)?)
            }
        };
        if change.apply(market.held.0)? == 0 {
            return Some(Apr::ZERO);
        }
        let u = rates::utilisation(market.borrowed, Assets(change.apply(market.supplied.0)?));
        let gross = rates::supply_rate(&market.curve, u, market.fee)?;
        mul_div_floor(gross.0, self.passed_on, WAD).map(Apr)
    }

    /// `amount` over the markets of a queue, each up to its limit; `None` if it does not fit.
    fn spread(&self, amount: u128, queue: &[u8], limit: impl Fn(&Market) -> u128) -> Option<Vec<u128>> {
        let mut parts = vec![0u128; self.markets.len()];
        let mut rest = amount;
        for &index in queue {
            let index = usize::from(index);
            let part = parts.get_mut(index)?;
            // A market named twice is not filled twice.
            let take = rest.min(limit(self.markets.get(index)?).saturating_sub(*part));
            *part = part.checked_add(take)?;
            rest -= take;
        }
        (rest == 0).then_some(parts)
    }

    fn rate(&self, change: impl Fn(usize) -> Option<Change>) -> Option<Apr> {
        let mut earned = U256::ZERO;
        let mut held_in_all = 0u128;
        for (index, market) in self.markets.iter().enumerate() {
            let change = change(index)?;
            let held = change.apply(market.held.0)?;
            if held == 0 {
                continue;
            }
            let supplied = Assets(change.apply(market.supplied.0)?);
            let u = rates::utilisation(market.borrowed, supplied);
            let rate = rates::supply_rate(&market.curve, u, market.fee)?;
            earned = earned.checked_add(product(held, rate.0))?;
            held_in_all = held_in_all.checked_add(held)?;
        }
        if held_in_all == 0 {
            return Some(Apr::ZERO);
        }
        let gross = u128::try_from(earned / U256::from(held_in_all)).ok()?;
        mul_div_floor(gross, self.passed_on, WAD).map(Apr)
    }
}

/// What happens to one market.
enum Change {
    None,
    Added(u128),
    Taken(u128),
}

impl Change {
    fn apply(&self, amount: u128) -> Option<u128> {
        match self {
            Self::None => Some(amount),
            Self::Added(more) => amount.checked_add(*more),
            Self::Taken(less) => amount.checked_sub(*less),
        }
    }
}

/// What the venue itself could take out of a market now.
fn withdrawable(market: &Market) -> u128 {
    market.held.0.min(market.supplied.saturating_sub(market.borrowed).0)
}

fn amount(what: &'static str, value: Assets) -> Result<(), ModelError> {
    if value <= MAX_AMOUNT {
        Ok(())
    } else {
        Err(ModelError::OutOfRange { what, value: value.0, expected: "at most 2^112 base units" })
    }
}

fn part(what: &'static str, value: Wad) -> Result<(), ModelError> {
    if value.0 <= WAD { Ok(()) } else { Err(ModelError::OutOfRange { what, value: value.0, expected: "at most 1e18" }) }
}
