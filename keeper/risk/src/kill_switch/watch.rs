//! A watcher who misses nothing, over steps of any length.

use super::{CONFIRM_BLOCKS, Event, KillSwitch, Moment, Price, Readings, Refusal, Subject, Trigger};
use ballast_types::Mode;

impl KillSwitch {
    /// Everything that happens up to and in this block: first what becomes possible before it while the last readings still hold, then what these
    /// readings bring. The live watcher's transactions land one block after what it saw; the blocks given here are those in which a condition could
    /// first be acted on.
    ///
    /// # Errors
    /// [`Refusal::Readings`] if they are not of this switch's tokens and venues, [`Refusal::Backwards`] if block or time does not rise.
    pub fn step(&mut self, now: Moment, read: Readings) -> Result<Vec<Event>, Refusal> {
        if read.prices.len() != self.tokens.len() || read.venues.len() != self.venues.len() {
            return Err(Refusal::Readings {
                prices: read.prices.len(),
                venues: read.venues.len(),
                tokens: self.tokens.len(),
                expected: self.venues.len(),
            });
        }
        let mut events = self.advance(now)?;
        events.extend(self.act(now, &read));
        self.last = Some((now, read));
        Ok(events)
    }

    /// What happens strictly before `until` if nothing changes after the last step.
    ///
    /// # Errors
    /// [`Refusal::Backwards`] if block or time is not after the last step's.
    pub fn advance(&mut self, until: Moment) -> Result<Vec<Event>, Refusal> {
        let Some((start, read)) = self.last.take() else { return Ok(Vec::new()) };
        if until.block <= start.block || until.time < start.time {
            self.last = Some((start, read));
            return Err(Refusal::Backwards {
                block: until.block,
                time: until.time,
                last_block: start.block,
                last_time: start.time,
            });
        }
        let clock = BlockClock { start, end: until };
        let mut events = Vec::new();
        let mut now = start;
        while let Some(next) = self.next_turn(now, &read, clock) {
            now = next;
            events.extend(self.act(now, &read));
        }
        self.last = Some((now, read));
        Ok(events)
    }

    /// All that a watcher does in one block.
    fn act(&mut self, now: Moment, read: &Readings) -> Vec<Event> {
        // Before the observation: a checkpoint of this very block is no evidence in it.
        let due = self.due(now, read);
        let events = due.into_iter().filter_map(|(trigger, subject)| self.trip(trigger, subject, now, read).ok());
        let events = events.collect();
        self.observe(now, read);
        events
    }

    /// What would be tripped or armed now. What is tripped already is left alone until its block ends.
    fn due(&self, now: Moment, read: &Readings) -> Vec<(Trigger, Subject)> {
        let mut due = Vec::new();
        for token in 0..self.tokens.len() {
            let blocked = self.feed_blocks[token].is_some_and(|block| now.time < block.until);
            let done = if token == 0 { self.mode == Mode::Exit } else { blocked };
            match self.status(token, now, read) {
                Some(crate::PegStatus::Kill) if !done => due.push((Trigger::Peg, Subject::Token(token))),
                None if !blocked => due.push((Trigger::Oracle, Subject::Token(token))),
                _ => {}
            }
        }
        for (venue, watch) in self.watches.iter().enumerate() {
            for (trigger, record) in [(Trigger::Tvl, watch.tvl), (Trigger::Utilisation, watch.utilisation)] {
                let early =
                    record.armed(now).is_some_and(|armed| now.block < armed.block.saturating_add(CONFIRM_BLOCKS));
                if now.time >= record.blocked_until && !early && self.evaluate(trigger, venue, now, read).holds {
                    due.push((trigger, Subject::Venue(venue)));
                }
            }
        }
        due
    }

    /// The next block after `now` in which a watcher who sees the same as now may find something to do.
    fn next_turn(&self, now: Moment, read: &Readings, clock: BlockClock) -> Option<Moment> {
        let mut block = Earliest::after(now.block);
        let mut time = Earliest::after(now.time);
        for watch in &self.watches {
            for record in [watch.tvl, watch.utilisation] {
                if let Some(armed) = record.armed(now) {
                    block.put(armed.block.saturating_add(CONFIRM_BLOCKS));
                }
                if let Some(armed) = record.armed {
                    time.put(armed.time.saturating_add(super::ARM_LIFETIME + 1));
                }
                time.put(record.blocked_until);
            }
            if let Some(from) = watch.history.confirmable_from(now) {
                block.put(from);
            }
            if let Some(turn) = watch.history.next_turn(now.time) {
                time.put(turn);
            }
        }
        for (token, feed) in self.feed_blocks.iter().enumerate() {
            if let Some(feed) = feed {
                time.put(feed.until);
            }
            if let Some(Price::Answer { updated_at, .. }) = read.prices.get(token) {
                let grace = u64::try_from(self.settings.oracle.threshold).unwrap_or(u64::MAX);
                let heartbeat = self.tokens[token].heartbeat;
                time.put(updated_at.saturating_add(heartbeat).saturating_add(grace).saturating_add(1));
            }
        }
        // Of later times none is in an earlier block, and none after now is in a block that is not.
        if let Some(time) = time.found() {
            block.put(clock.block_at(time));
        }
        block.found().filter(|next| *next < clock.end.block).map(|next| clock.moment(next))
    }
}

/// The least of what comes after a number.
struct Earliest {
    after: u64,
    least: Option<u64>,
}

impl Earliest {
    const fn after(after: u64) -> Self {
        Self { after, least: None }
    }

    fn put(&mut self, number: u64) {
        if number > self.after && self.least.is_none_or(|least| number < least) {
            self.least = Some(number);
        }
    }

    const fn found(&self) -> Option<u64> {
        self.least
    }
}

/// Blocks evenly spread between two known ones.
#[derive(Clone, Copy)]
struct BlockClock {
    start: Moment,
    end: Moment,
}

impl BlockClock {
    fn moment(&self, block: u64) -> Moment {
        let (blocks, seconds) = self.spans();
        let passed = u128::from(block.saturating_sub(self.start.block)) * seconds / blocks;
        Moment { block, time: self.start.time.saturating_add(u64::try_from(passed).unwrap_or(u64::MAX)) }
    }

    /// The first block whose time is not before `time`.
    fn block_at(&self, time: u64) -> u64 {
        let (blocks, seconds) = self.spans();
        let wanted = u128::from(time.saturating_sub(self.start.time));
        let Some(passed) = (wanted * blocks).checked_add(seconds.saturating_sub(1)).map(|sum| sum / seconds.max(1))
        else {
            return u64::MAX;
        };
        self.start.block.saturating_add(u64::try_from(passed).unwrap_or(u64::MAX))
    }

    fn spans(&self) -> (u128, u128) {
        let blocks = self.end.block.saturating_sub(self.start.block).max(1);
        (u128::from(blocks), u128::from(self.end.time.saturating_sub(self.start.time)))
    }
}
