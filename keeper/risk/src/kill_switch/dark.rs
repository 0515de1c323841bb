//! Venues of which nothing is read, as of all that are not there yet, or not any more.
//!
//! Both conditions hold there for as long as that lasts, whatever happens elsewhere: each is armed, confirmed, and armed again when its block ends, so
//! when its next turn is follows from its own record.

use super::{
    ARM_LIFETIME, CONFIRM_BLOCKS, Event, KillSwitch, Moment, Readings, Subject, Trigger, TripRecord, apart::Places,
    watch::BlockClock,
};

impl KillSwitch {
    /// What happens at the `dark` venues in the blocks between the clock's ends, as far as it is to be `told`; not in order.
    pub(super) fn trip_dark(
        &mut self,
        read: &Readings,
        clock: BlockClock,
        dark: Places,
        told: &impl Fn(Subject) -> bool,
    ) -> Vec<Event> {
        let mut events = Vec::new();
        for trigger in [Trigger::Tvl, Trigger::Utilisation] {
            let condition = *self.settings.of(trigger);
            // Records that are the same stay the same: of many venues that never were there, one is taken through.
            let mut gone: Option<(TripRecord, TripRecord)> = None;
            for venue in (0..self.watches.len()).filter(|venue| condition.active && dark.has(*venue)) {
                let before = *self.watches[venue].record(trigger);
                if told(Subject::Venue(venue)) {
                    let mut now = clock.start;
                    while let Some(next) = self.watches[venue].record(trigger).next_turn(now, clock) {
                        now = next;
                        events.extend(self.trip(trigger, Subject::Venue(venue), now, read).ok());
                    }
                    continue;
                }
                let after = match gone.filter(|(known, _)| *known == before) {
                    Some((_, after)) => after,
                    None => before.through(clock, condition.cooldown),
                };
                gone = Some((before, after));
                *self.watches[venue].record(trigger) = after;
            }
        }
        events
    }
}

impl TripRecord {
    /// What becomes of it between the clock's ends.
    fn through(mut self, clock: BlockClock, cooldown: u64) -> Self {
        let mut now = clock.start;
        while let Some(next) = self.next_turn(now, clock) {
            now = next;
            // Its turn is never too early.
            let _ = self.turn(now, now.time.saturating_add(cooldown));
        }
        self
    }

    /// The first block after `now` in which a condition that holds all along is armed or tripped, if that is before the clock's end.
    fn next_turn(&self, now: Moment, clock: BlockClock) -> Option<Moment> {
        let block = match self.armed(now) {
            Some(armed) => {
                let lapsed = clock.block_at(armed.time.saturating_add(ARM_LIFETIME + 1));
                armed.block.saturating_add(CONFIRM_BLOCKS).min(lapsed)
            }
            None => 0,
        };
        // Anyone may arm it while its block lasts; a watcher does nothing then.
        let block = block.max(clock.block_at(self.blocked_until));
        (block > now.block && block < clock.end.block).then(|| clock.moment(block))
    }
}
