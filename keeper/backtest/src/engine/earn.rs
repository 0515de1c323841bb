//! What a step brings, and what the heartbeats of it cost.

use super::Engine;
use crate::{
    market::{Environment, VenueStep},
    observe::adapter,
    policy::Plan,
    rules::{Rules, Upkeep},
};
use ballast_allocator::upkeep::{self, Stake};
use ballast_types::{Apr, Assets, Policy, SECONDS_PER_YEAR, WAD, fixed::mul_div_floor};

impl Engine<'_> {
    /// Interest of the step, rounded down, at the rate with our money in it; on a step without a value, at the last one.
    pub(super) fn earn(&mut self, step: usize, real: &[Option<&VenueStep>], now: &Environment) {
        let seconds = self.market.step;
        self.earn_coins(real, seconds);
        for (venue, position) in self.book.positions.iter_mut().enumerate() {
            let Some(there) = real.get(venue).copied().flatten().or(self.last[venue]) else { continue };
            if position.value == Assets::ZERO || position.coins != 0 {
                continue;
            }
            let gross = interest(position.value, there.rate, seconds);
            let net = interest(position.value, there.rate_with(position.value), seconds).min(gross);
            position.value.0 += net.0;
            self.book.ledger.interest.0 += gross.0;
            self.book.ledger.dilution.0 += gross.0 - net.0;
        }
        if let Plan::Decide(policy) = self.plan
            && self.silence.iter().any(Option::is_some)
        {
            self.beat(policy, step, real, now);
        }
    }

    /// The same in the coins of venues that are in others: what it is worth is what the coins are worth.
    fn earn_coins(&mut self, real: &[Option<&VenueStep>], seconds: u64) {
        for venue in 0..self.book.positions.len() {
            let Some(coin) = self.market.coin(venue) else { continue };
            let held = self.book.positions[venue].coins;
            let Some(step) = real.get(venue).copied().flatten().or(self.last[venue]).filter(|_| held > 0) else {
                continue;
            };
            let gross = interest(Assets(held), step.rate, seconds);
            let net = interest(Assets(held), step.rate_with(Assets(held)), seconds).min(gross);
            let (before, whole) = self.set_coins(venue, coin, held + gross.0);
            let (_, after) = self.set_coins(venue, coin, held + net.0);
            self.book.ledger.interest.0 += whole.saturating_sub(before).0;
            self.book.ledger.dilution.0 += whole.saturating_sub(after).0;
        }
        self.mark();
    }

    /// Heartbeats of a step: pairs if a size is to be observed and the budget allows, else single ones.
    fn beat(&mut self, policy: &Policy, step: usize, real: &[Option<&VenueStep>], now: &Environment) {
        let judged = self.rules.scores.as_ref().map(|scores| scores.judged(policy, step));
        let policy = judged.as_ref().unwrap_or(policy);
        let stakes: Vec<Stake> = (0..self.book.positions.len())
            .filter(|venue| self.silence[*venue].is_some())
            .map(|venue| Stake {
                held: real[venue].map(|_| self.book.positions[venue].value),
                addable: upkeep::may_be_added_to(policy, adapter(venue)),
            })
            .collect();
        let Upkeep { pair_gas, beat_gas, .. } = self.rules.upkeep;
        let observes = stakes.iter().any(Stake::needs_size);
        if observes {
            self.observed_until = self.market.time(step) + self.market.step;
        }
        let clock = self.rules.upkeep.by_clock(Rules::cost(pair_gas, now), self.book.nav());
        let (gas, every) = match clock.filter(|_| observes) {
            Some(spacing) => (pair_gas, spacing),
            None => (beat_gas, upkeep::longest_silence(self.rules.grace, stakes)),
        };
        let part = u128::from(gas) * u128::from(self.market.step) / u128::from(every.max(1));
        self.book.ledger.upkeep.0 += self.pay_gas(u64::try_from(part).unwrap_or(u64::MAX), now).0;
    }
}

/// `floor(value · rate · seconds / year)`.
fn interest(value: Assets, rate: Apr, seconds: u64) -> Assets {
    let yearly = u128::from(SECONDS_PER_YEAR);
    // Below 2^128 for every amount under 10^15 USDC at rates that are plausible.
    let scaled = rate.0.saturating_mul(u128::from(seconds));
    Assets(mul_div_floor(value.0, scaled, WAD * yearly).unwrap_or_default())
}
