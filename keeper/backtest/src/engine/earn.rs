//! What a step brings, and what the heartbeats of it cost.

use super::Engine;
use crate::{
    market::{Environment, VenueStep},
    policy::Plan,
    rules::Rules,
};
use ballast_types::{Apr, Assets, SECONDS_PER_YEAR, WAD, fixed::mul_div_floor};

impl Engine<'_> {
    /// Interest of the step, rounded down, at the rate with our money in it; on a step without a value, at the last one.
    pub(super) fn earn(&mut self, real: &[Option<&VenueStep>], now: &Environment) {
        let seconds = self.market.step;
        for (venue, position) in self.book.positions.iter_mut().enumerate() {
            let Some(step) = real.get(venue).copied().flatten().or(self.last[venue]) else { continue };
            if position.value == Assets::ZERO {
                continue;
            }
            let gross = interest(position.value, step.rate, seconds);
            let net = interest(position.value, step.rate_with(position.value), seconds).min(gross);
            position.value.0 += net.0;
            self.book.ledger.interest.0 += gross.0;
            self.book.ledger.dilution.0 += gross.0 - net.0;
        }
        if matches!(self.plan, Plan::Decide(_)) && self.silence.iter().any(Option::is_some) {
            self.beat(now);
        }
    }

    /// Heartbeats of a step: pairs if the budget allows, else single ones.
    fn beat(&mut self, now: &Environment) {
        let upkeep = self.rules.upkeep;
        let (gas, every) = match upkeep.by_clock(Rules::cost(upkeep.pair_gas, now), self.book.nav()) {
            Some(spacing) => (upkeep.pair_gas, spacing),
            None => (upkeep.beat_gas, upkeep.silence),
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
