//! Venues that need not be taken through turn by turn, since what happens there until the next step follows from themselves alone.

use super::{KillSwitch, Trigger, size_history::MAX_SIZE};
use ballast_types::{WAD, fixed::product_below};

/// Some of the first 64 venues, by their places.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Places(u64);

impl Places {
    fn put(&mut self, venue: usize) {
        self.0 |= Self::bit(venue);
    }

    pub(super) const fn has(self, venue: usize) -> bool {
        self.0 & Self::bit(venue) != 0
    }

    /// None of later places.
    const fn bit(venue: usize) -> u64 {
        if venue < 64 { 1 << venue } else { 0 }
    }
}

/// The venues that are taken through on their own while the last readings stand. All others go from turn to turn together.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Apart {
    /// Nothing can happen there but observations ([`super::steady`]).
    pub(super) steady: Places,
    /// Nothing is read of them ([`super::dark`]).
    pub(super) dark: Places,
}

impl Apart {
    pub(super) const fn has(self, venue: usize) -> bool {
        self.steady.has(venue) || self.dark.has(venue)
    }
}

impl KillSwitch {
    /// Which venues can be taken apart until the next step.
    pub(super) fn apart(&self) -> Apart {
        let mut apart = Apart::default();
        let Some((now, read)) = &self.last else { return apart };
        // What is due is done in whatever turn comes next, also in that of a venue that would be taken apart. Without a cooldown that is so again and again.
        let settings = &self.settings;
        let lasting =
            [settings.peg, settings.tvl, settings.utilisation, settings.oracle].iter().all(|one| one.cooldown > 0);
        if !lasting || (0..self.tokens.len()).any(|token| self.token_due(token, *now, read).is_some()) {
            return apart;
        }
        let left = WAD.saturating_sub(settings.tvl.threshold);
        for (venue, (watch, figures)) in self.watches.iter().zip(&read.venues).enumerate() {
            if let (Some(others), Some(lent)) = (figures.others, figures.utilisation)
                && lent.0 <= settings.utilisation.threshold
                && !product_below((others.0.min(MAX_SIZE), WAD), (watch.history.largest().0, left))
            {
                apart.steady.put(venue);
                continue;
            }
            if [Trigger::Tvl, Trigger::Utilisation].iter().any(|trigger| self.venue_due(*trigger, venue, *now, read)) {
                return Apart::default();
            }
            if figures.others.is_none() && figures.utilisation.is_none() {
                apart.dark.put(venue);
            }
        }
        apart
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use crate::{
        Stablecoin,
        kill_switch::{
            Event, Figures, KillSwitch, Moment, Price, Readings, Refusal, Settings, Subject, Token, Trigger, Venue,
            apart::Apart,
        },
    };
    use ballast_types::{Assets, WAD, Wad};
    use proptest::prelude::*;

    /// [`KillSwitch::step`] without taking any venue apart.
    fn step_by_turns(switch: &mut KillSwitch, now: Moment, read: Readings) -> Result<Vec<Event>, Refusal> {
        let mut events = switch.turns(now, Apart::default(), &|_| true)?;
        switch.act(now, &read, Apart::default(), &|_| true, &mut events);
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
        (prop_oneof![12 => Just(100u128), 1 => Just(97), 1 => Just(0)], any::<bool>())
    }

    /// What is read of four venues, of a price in cents that may be dated, and how many seconds, of so many a block, it took.
    type Day = ([Figures; 4], (u128, bool), u64, u64);

    /// Steps of four venues; the last two are there only from the day on, and until the day, that is drawn.
    fn days() -> impl Strategy<Value = Vec<Day>> {
        let day = ([figures(), figures(), figures(), figures()], price(), 1..200_000u64, 1..20u64);
        (prop::collection::vec(day, 1..25), 0..25usize, 0..25usize).prop_map(|(mut days, from, until)| {
            for (at, (venues, ..)) in days.iter_mut().enumerate() {
                venues[2] = if at < from { Figures::UNREADABLE } else { venues[2] };
                venues[3] = if at < until { venues[3] } else { Figures::UNREADABLE };
            }
            days
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(800))]
        // SPEC C7, C8
        #[test]
        fn venues_taken_apart_end_as_they_would_turn_by_turn(
            days in days(),
            cooldown in prop_oneof![Just(0u64), Just(3_600), Just(86_400)],
            of_oracles in prop_oneof![1 => Just(0u64), 4 => Just(3_600)],
            told in any::<[bool; 4]>(),
            others in prop::collection::vec(prop::option::weighted(0.3, (0..4usize, any::<bool>())), 24),
        ) {
            let mut settings = Settings::default();
            settings.utilisation.cooldown = cooldown;
            settings.oracle.cooldown = of_oracles;
            let venue = |name: &str| Venue { name: name.into(), tokens: Vec::new() };
            let tokens = [Stablecoin::Usdc, Stablecoin::Dai].map(|coin| Token::stablecoin(coin, 86_400));
            let mut quick =
                KillSwitch::new(settings, tokens.to_vec(), ["a", "b", "c", "d"].map(venue).to_vec()).unwrap();
            let (mut slow, mut quiet) = (quick.clone(), quick.clone());
            let heard = |subject: Subject| match subject {
                Subject::Token(_) => true,
                Subject::Venue(venue) => told[venue],
            };
            let mut now = Moment { block: 1_000, time: 1_700_000_000 };
            for ((venues, (cents, dated), seconds, slot), other) in days.into_iter().zip(others) {
                // Also clocks that do not divide evenly, and more than one block in a second.
                now = Moment { block: now.block + 1 + seconds / slot, time: now.time + seconds };
                let price = Wad(WAD / 100 * cents);
                let price = if dated { Price::Answer { price, updated_at: now.time } } else { Price::Fresh(price) };
                let read = Readings { prices: vec![Price::Fresh(Wad(WAD)), price], venues: venues.to_vec() };
                let read = if seconds % 2 == 0 { read } else { Readings { prices: vec![price; 2], ..read } };
                let events = step_by_turns(&mut slow, now, read.clone()).unwrap();
                let few: Vec<Event> = events.iter().filter(|event| heard(event.subject)).cloned().collect();
                prop_assert_eq!(quiet.step_telling(now, &read, heard).unwrap(), few);
                prop_assert_eq!(quick.step(now, read.clone()).unwrap(), events);
                if let Some((venue, size)) = other {
                    // Anyone may, also while a block lasts.
                    let (trigger, of) = (if size { Trigger::Tvl } else { Trigger::Utilisation }, Subject::Venue(venue));
                    let tripped = slow.trip(trigger, of, now, &read);
                    prop_assert_eq!(quick.trip(trigger, of, now, &read), tripped.clone());
                    prop_assert_eq!(quiet.trip(trigger, of, now, &read), tripped);
                }
                prop_assert_eq!(&quick, &slow);
                prop_assert_eq!(&quiet, &slow);
            }
        }
    }
}
