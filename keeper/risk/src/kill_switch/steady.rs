//! Venues at which nothing can happen but observations of their size, as on most days.
//!
//! While its readings stand, a venue's utilisation does not change, and what it is measured against by the trigger on its size is one of its checkpoints,
//! of which none is made that is larger than what is seen. If the utilisation is within its bound and the size is within the bound of the largest
//! checkpoint, neither condition comes to hold, whatever ages meanwhile: then the turns of such a venue are its observations, and they concern no other.

use super::{KillSwitch, Readings, VenueWatch, size_history::MAX_SIZE, watch::BlockClock};
use ballast_types::{WAD, fixed::product_below};

impl KillSwitch {
    /// By venue, whether nothing but observations can happen there while the last readings stand.
    pub(super) fn steady(&self) -> Vec<bool> {
        let Some((_, read)) = &self.last else { return Vec::new() };
        // Without a cooldown a venue that is tripped is armed again in whatever turn comes next, also in that of a steady one.
        if self.settings.tvl.cooldown == 0 || self.settings.utilisation.cooldown == 0 {
            return Vec::new();
        }
        let left = WAD.saturating_sub(self.settings.tvl.threshold);
        let steady = |(watch, figures): (&VenueWatch, &super::Figures)| {
            let (Some(others), Some(lent)) = (figures.others, figures.utilisation) else { return false };
            lent.0 <= self.settings.utilisation.threshold
                && !product_below((others.0.min(MAX_SIZE), WAD), (watch.history.largest().0, left))
        };
        self.watches.iter().zip(&read.venues).map(steady).collect()
    }

    /// The observations of the steady venues in the blocks between the clock's ends.
    pub(super) fn observe_steady(&mut self, read: &Readings, clock: BlockClock, steady: &[bool]) {
        for ((watch, figures), _) in
            self.watches.iter_mut().zip(&read.venues).zip(steady).filter(|(_, steady)| **steady)
        {
            let Some(others) = figures.others else { continue };
            let mut now = clock.start;
            loop {
                // A first observation is confirmed in the next block; otherwise the next is due when the newest checkpoint is old enough.
                let next = match watch.history.confirmable_from(now) {
                    Some(block) => block.max(now.block.saturating_add(1)),
                    None => clock.block_at(watch.history.spaced_from()),
                };
                if next <= now.block || next >= clock.end.block {
                    break;
                }
                now = clock.moment(next);
                watch.history.observe(others, now);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use crate::{
        Stablecoin,
        kill_switch::{Event, Figures, KillSwitch, Moment, Price, Readings, Refusal, Settings, Token, Venue},
    };
    use ballast_types::{Assets, WAD, Wad};
    use proptest::prelude::*;

    /// [`KillSwitch::step`] without taking any venue apart.
    fn step_by_turns(switch: &mut KillSwitch, now: Moment, read: Readings) -> Result<Vec<Event>, Refusal> {
        let mut events = switch.turns(now, &[])?;
        switch.act(now, &read, &[], &mut events);
        switch.last = Some((now, read));
        Ok(events)
    }

    fn figures() -> impl Strategy<Value = Figures> {
        // Around 70 % of what was, and around 95 % lent; now and then unreadable.
        let size = prop_oneof![Just(1_000u128), 690..=710u128, 480..=500u128, 1..2_000u128, Just(0)];
        let lent = prop_oneof![6 => Just(90u128), 1 => Just(95), 1 => Just(96)];
        (size, lent, 0..20u8).prop_map(|(size, lent, dark)| match dark {
            0 => Figures::UNREADABLE,
            1 => Figures { others: None, utilisation: Some(Wad(WAD / 100 * lent)) },
            2 => Figures { others: Some(Assets(size)), utilisation: None },
            _ => Figures::new(Assets(size), Wad(WAD / 100 * lent)),
        })
    }

    fn price() -> impl Strategy<Value = (u128, bool)> {
        (prop_oneof![8 => Just(100u128), 1 => Just(97)], any::<bool>())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(600))]
        // SPEC C7, C8
        #[test]
        fn steady_venues_end_as_they_would_turn_by_turn(
            days in prop::collection::vec((prop::collection::vec(figures(), 3), price(), 1..200_000u64, 1..20u64), 1..25),
            cooldown in prop_oneof![Just(0u64), Just(3_600), Just(86_400)],
        ) {
            let mut settings = Settings::default();
            settings.utilisation.cooldown = cooldown;
            let venue = |name: &str| Venue { name: name.into(), tokens: Vec::new() };
            let asset = Token::stablecoin(Stablecoin::Usdc, 86_400);
            let mut quick =
                KillSwitch::new(settings, vec![asset], ["a", "b", "c"].map(venue).to_vec()).unwrap();
            let mut slow = quick.clone();
            let mut now = Moment { block: 1_000, time: 1_700_000_000 };
            for (venues, (cents, dated), seconds, slot) in days {
                // Also clocks that do not divide evenly, and more than one block in a second.
                now = Moment { block: now.block + 1 + seconds / slot, time: now.time + seconds };
                let price = Wad(WAD / 100 * cents);
                let price = if dated { Price::Answer { price, updated_at: now.time } } else { Price::Fresh(price) };
                let read = Readings { prices: vec![price], venues };
                let events = step_by_turns(&mut slow, now, read.clone()).unwrap();
                prop_assert_eq!(quick.step(now, read).unwrap(), events);
                prop_assert_eq!(&quick, &slow);
            }
        }
    }
}
