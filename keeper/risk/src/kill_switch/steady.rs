//! Venues at which nothing can happen but observations of their size, as on most days.
//!
//! While its readings stand, a venue's utilisation does not change, and what it is measured against by the trigger on its size is one of its checkpoints,
//! of which none is made that is larger than what is seen. If the utilisation is within its bound and the size is within the bound of the largest
//! checkpoint, neither condition comes to hold, whatever ages meanwhile: then the turns of such a venue are its observations, and they concern no other.

use super::{KillSwitch, Moment, Readings, apart::Places, size_history::Times, watch::BlockClock};

impl KillSwitch {
    /// The observations of the steady venues in the blocks between the clock's ends.
    pub(super) fn observe_steady(&mut self, read: &Readings, clock: BlockClock, steady: Places) {
        // When a venue is observed follows from when it was before, mostly the same of all of them.
        let mut walked: Option<(Times, Vec<Moment>)> = None;
        let venues = self.watches.iter_mut().zip(&read.venues).enumerate();
        for (_, (watch, figures)) in venues.filter(|(venue, _)| steady.has(*venue)) {
            let (Some(others), history) = (figures.others, &mut watch.history) else { continue };
            let times = history.times();
            if let Some((_, moments)) = walked.as_ref().filter(|(known, _)| *known == times) {
                moments.iter().for_each(|now| history.observe(others, *now));
                continue;
            }
            let mut moments = Vec::with_capacity(8);
            let mut now = clock.start;
            loop {
                // A first observation is confirmed in the next block; otherwise the next is due when the newest checkpoint is old enough.
                let next = match history.confirmable_from(now) {
                    Some(block) => block.max(now.block.saturating_add(1)),
                    None => clock.block_at(history.spaced_from()),
                };
                if next <= now.block || next >= clock.end.block {
                    break;
                }
                now = clock.moment(next);
                history.observe(others, now);
                moments.push(now);
            }
            walked = Some((times, moments));
        }
    }
}
