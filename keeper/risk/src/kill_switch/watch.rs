//! A watcher who misses nothing, over steps of any length.

use super::{CONFIRM_BLOCKS, Event, KillSwitch, Moment, Price, Readings, Refusal, Subject, Trigger, apart::Apart};
use ballast_types::Mode;

impl KillSwitch {
    /// Everything that happens up to and in this block: first what becomes possible before it while the last readings still hold, then what these
    /// readings bring. The live watcher's transactions land one block after what it saw; the blocks given here are those in which a condition could
    /// first be acted on.
    ///
    /// # Errors
    /// [`Refusal::Readings`] if they are not of this switch's tokens and venues, [`Refusal::Backwards`] if block or time does not rise.
    pub fn step(&mut self, now: Moment, read: Readings) -> Result<Vec<Event>, Refusal> {
        self.step_telling(now, &read, |_| true)
    }

    /// As [`Self::step`]; what happens is the same, but only what concerns subjects that are to be `told` of is said.
    ///
    /// # Errors
    /// As [`Self::step`].
    pub fn step_telling(
        &mut self,
        now: Moment,
        read: &Readings,
        told: impl Fn(Subject) -> bool,
    ) -> Result<Vec<Event>, Refusal> {
        if read.prices.len() != self.tokens.len() || read.venues.len() != self.venues.len() {
            return Err(Refusal::Readings {
                prices: read.prices.len(),
                venues: read.venues.len(),
                tokens: self.tokens.len(),
                expected: self.venues.len(),
            });
        }
        // Where the last turn of a venue that is taken apart was does not matter: the next readings begin anew here.
        let mut events = self.turns(now, self.apart(), &told)?;
        self.act(now, read, Apart::default(), &told, &mut events);
        match &mut self.last {
            Some((moment, held)) => {
                *moment = now;
                held.prices.clone_from(&read.prices);
                held.venues.clone_from(&read.venues);
            }
            None => self.last = Some((now, read.clone())),
        }
        Ok(events)
    }

    /// What happens strictly before `until` if nothing changes after the last step.
    ///
    /// # Errors
    /// [`Refusal::Backwards`] if block or time is not after the last step's.
    pub fn advance(&mut self, until: Moment) -> Result<Vec<Event>, Refusal> {
        self.turns(until, Apart::default(), &|_| true)
    }

    /// As [`Self::advance`], with some venues taken through on their own.
    pub(super) fn turns(
        &mut self,
        until: Moment,
        apart: Apart,
        told: &impl Fn(Subject) -> bool,
    ) -> Result<Vec<Event>, Refusal> {
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
        self.observe_steady(&read, clock, apart.steady);
        let mut events = self.trip_dark(&read, clock, apart.dark, told);
        let dark = events.len();
        let mut now = start;
        while let Some(next) = self.next_turn(now, &read, clock, apart) {
            now = next;
            self.act(now, &read, apart, told, &mut events);
        }
        if dark > 0 {
            // As a turn brings them: tokens, then venues in their order, each with its triggers in theirs.
            events.sort_by_key(|event| (event.at.block, event.subject, event.trigger));
        }
        self.last = Some((now, read));
        Ok(events)
    }

    /// All that a watcher does in one block, but at the venues that are taken `apart`.
    pub(super) fn act(
        &mut self,
        now: Moment,
        read: &Readings,
        apart: Apart,
        told: &impl Fn(Subject) -> bool,
        events: &mut Vec<Event>,
    ) {
        let mut tell = |event: Result<Event, Refusal>| events.extend(event.ok().filter(|event| told(event.subject)));
        for token in 0..self.tokens.len() {
            if let Some(trigger) = self.token_due(token, now, read) {
                tell(self.trip(trigger, Subject::Token(token), now, read));
            }
        }
        for venue in (0..self.watches.len()).filter(|venue| !apart.has(*venue)) {
            for trigger in [Trigger::Tvl, Trigger::Utilisation] {
                if self.venue_due(trigger, venue, now, read) {
                    tell(self.trip(trigger, Subject::Venue(venue), now, read));
                }
            }
            // After the triggers: a checkpoint of this very block is no evidence in it.
            let others = read.venues.get(venue).and_then(|figures| figures.others);
            if let (Some(others), Some(watch)) = (others, self.watches.get_mut(venue)) {
                watch.history.observe(others, now);
            }
        }
    }

    /// What would be tripped of a token now. What is tripped already is left alone until its block ends.
    pub(super) fn token_due(&self, token: usize, now: Moment, read: &Readings) -> Option<Trigger> {
        let blocked = self.feed_blocks[token].is_some_and(|block| now.time < block.until);
        let done = if token == 0 { self.mode == Mode::Exit } else { blocked };
        match self.status(token, now, read) {
            Some(crate::PegStatus::Kill) if !done => Some(Trigger::Peg),
            None if !blocked => Some(Trigger::Oracle),
            _ => None,
        }
    }

    /// Whether a venue's condition would be armed or tripped now.
    pub(super) fn venue_due(&self, trigger: Trigger, venue: usize, now: Moment, read: &Readings) -> bool {
        let watch = &self.watches[venue];
        let record = if trigger == Trigger::Tvl { &watch.tvl } else { &watch.utilisation };
        if now.time < record.blocked_until {
            return false;
        }
        let early = record.armed(now).is_some_and(|armed| now.block < armed.block.saturating_add(CONFIRM_BLOCKS));
        !early && self.evaluate(trigger, venue, now, read).holds
    }

    /// The next block after `now` in which a watcher who sees the same as now may find something to do.
    fn next_turn(&self, now: Moment, read: &Readings, clock: BlockClock, apart: Apart) -> Option<Moment> {
        let mut block = Earliest::after(now.block);
        let mut time = Earliest::after(now.time);
        for (_, watch) in self.watches.iter().enumerate().filter(|(venue, _)| !apart.has(*venue)) {
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
pub(super) struct BlockClock {
    pub(super) start: Moment,
    pub(super) end: Moment,
}

impl BlockClock {
    pub(super) fn moment(&self, block: u64) -> Moment {
        let (blocks, seconds) = self.spans();
        let gone = block.saturating_sub(self.start.block);
        let passed = match gone.checked_mul(seconds) {
            Some(product) => product / blocks,
            None => u64::try_from(u128::from(gone) * u128::from(seconds) / u128::from(blocks)).unwrap_or(u64::MAX),
        };
        Moment { block, time: self.start.time.saturating_add(passed) }
    }

    /// The first block whose time is not before `time`.
    pub(super) fn block_at(&self, time: u64) -> u64 {
        let (blocks, seconds) = self.spans();
        let wanted = time.saturating_sub(self.start.time);
        let passed = match wanted.checked_mul(blocks).and_then(|product| product.checked_add(seconds.saturating_sub(1)))
        {
            Some(sum) => sum / seconds.max(1),
            None => {
                let product = u128::from(wanted) * u128::from(blocks);
                let Some(sum) = product.checked_add(u128::from(seconds.saturating_sub(1))) else { return u64::MAX };
                u64::try_from(sum / u128::from(seconds.max(1))).unwrap_or(u64::MAX)
            }
        };
        self.start.block.saturating_add(passed)
    }

    /// Blocks, at least one, and seconds.
    fn spans(&self) -> (u64, u64) {
        let blocks = self.end.block.saturating_sub(self.start.block).max(1);
        (blocks, self.end.time.saturating_sub(self.start.time))
    }
}
