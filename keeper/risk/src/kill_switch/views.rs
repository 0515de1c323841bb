//! What the switch says: whether anything may be added, to which venue, and why not. Nothing is changed by asking.

use super::{Cause, Finding, KillSwitch, MAX_SIZE, Moment, Price, Readings, Trigger};
use crate::peg::PegStatus;
use ballast_types::{Assets, Mode, WAD, Wad, fixed::product_below};

impl KillSwitch {
    /// `operationalStatus`: why nothing may be added anywhere, if so.
    #[must_use]
    pub fn stopped(&self, now: Moment, read: &Readings) -> Option<Cause> {
        if self.mode == Mode::Normal { self.token_cause(0, now, read) } else { self.mode_cause }
    }

    /// `canAdd`: why nothing may be added to this venue, if so. The vault's own state is [`Self::stopped`].
    #[must_use]
    pub fn blocked(&self, venue: usize, now: Moment, read: &Readings) -> Option<Cause> {
        let (Some(watch), Some(listed)) = (self.watches.get(venue), self.venues.get(venue)) else {
            return Some(Cause::Guardian);
        };
        if watch.governance_tripped {
            return Some(Cause::Governance);
        }
        if watch.guardian_blocked {
            return Some(Cause::Guardian);
        }
        if let Some((_, cause)) = watch.longest_block().filter(|(until, _)| now.time < *until) {
            return Some(cause);
        }
        listed.tokens.iter().find_map(|token| self.token_cause(*token, now, read))
    }

    /// `settledSize`: what limits are measured by; zero when there is none.
    #[must_use]
    pub fn settled_size(&self, venue: usize, now: Moment) -> Assets {
        self.watches.get(venue).map_or(Assets::ZERO, |watch| watch.history.settled(now))
    }

    /// `shouldEmergencyWithdraw`: whether everything should come home, and why.
    #[must_use]
    pub fn should_exit(&self, now: Moment, read: &Readings) -> Option<Cause> {
        if self.mode == Mode::Exit {
            return self.mode_cause;
        }
        let killed = self.settings.peg.active && self.status(0, now, read) == Some(PegStatus::Kill);
        killed.then_some(Cause::Peg)
    }

    /// `evaluate`: what Tvl or Utilisation finds at a venue. A venue that cannot be read is not healthy: the condition holds.
    #[must_use]
    pub fn evaluate(&self, trigger: Trigger, venue: usize, now: Moment, read: &Readings) -> Finding {
        let figures = read.venues.get(venue).copied().unwrap_or_default();
        let (measured, bound, holds) = if trigger == Trigger::Tvl {
            let baseline = self.watches.get(venue).and_then(|watch| watch.history.baseline(now));
            let bound = baseline.map_or(0, |checkpoint| checkpoint.size.0);
            let left = WAD.saturating_sub(self.settings.tvl.threshold);
            let size = figures.others.map(|others| others.0.min(MAX_SIZE));
            (size, bound, size.is_none_or(|size| product_below((size, WAD), (bound, left))))
        } else {
            let bound = self.settings.utilisation.threshold;
            let lent = figures.utilisation.map(|utilisation| utilisation.0);
            (lent, bound, lent.is_none_or(|lent| lent > bound))
        };
        Finding { holds, readable: measured.is_some(), measured: measured.unwrap_or(0), bound }
    }

    /// `pegStatus` of a token; `None` if its feed cannot be trusted. A token without a band is safe at any price.
    #[must_use]
    pub fn status(&self, token: usize, now: Moment, read: &Readings) -> Option<PegStatus> {
        let price = self.price(token, now, read)?;
        Some(self.tokens[token].band.map_or(PegStatus::Safe, |band| band.classify(price)))
    }

    pub(super) fn price(&self, token: usize, now: Moment, read: &Readings) -> Option<Wad> {
        let feed = self.tokens.get(token)?;
        match read.prices.get(token).copied()? {
            Price::Unreadable => None,
            Price::Fresh(price) => (price != Wad::ZERO).then_some(price),
            Price::Answer { price, updated_at } => {
                let limit = u128::from(feed.heartbeat) + self.settings.oracle.threshold;
                let age = now.time.checked_sub(updated_at)?;
                (price != Wad::ZERO && updated_at != 0 && u128::from(age) <= limit).then_some(price)
            }
        }
    }

    pub(super) fn token_cause(&self, token: usize, now: Moment, read: &Readings) -> Option<Cause> {
        match self.status(token, now, read) {
            None if self.settings.oracle.active => return Some(Cause::Oracle),
            Some(PegStatus::Kill) if self.settings.peg.active => return Some(Cause::Peg),
            _ => {}
        }
        self.feed_blocks[token].filter(|block| now.time < block.until).map(|block| block.by)
    }
}
