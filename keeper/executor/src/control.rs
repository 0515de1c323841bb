//! What the executor and whoever runs it tell each other while something is under way.
//!
//! Nothing here is needed for safety: a process that is killed anywhere loses nothing. It makes an end orderly, a stuck executor
//! visible, and a trip of the kill switch the next thing that is done.

use crate::outcome::ExecuteError;
use ballast_store::State;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

/// Shared between the executor and its runner.
#[derive(Debug, Default)]
pub struct Control {
    beats: AtomicU64,
    stopping: AtomicBool,
    urgent: AtomicUsize,
}

/// Somebody urgent waits for the turn; until this is dropped.
pub(crate) struct Waiting<'a>(&'a Control);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.urgent.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Control {
    /// Counts a sign of progress: a step that was taken, or a look at the chain while one is waited for.
    pub fn beat(&self) {
        self.beats.fetch_add(1, Ordering::Relaxed);
    }

    /// Signs of progress so far. One that stands still for longer than any single request may take is stuck.
    #[must_use]
    pub fn beats(&self) -> u64 {
        self.beats.load(Ordering::Relaxed)
    }

    /// Ends what is under way between two states of the outbox: no new step towards sending is taken, and no block is waited for.
    /// The next start settles what is left.
    pub fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
    }

    /// Whether [`Self::stop`] was called.
    #[must_use]
    pub fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }

    /// Asks whoever holds the turn to give way at the next state.
    pub(crate) fn wait_urgently(&self) -> Waiting<'_> {
        self.urgent.fetch_add(1, Ordering::AcqRel);
        Waiting(self)
    }

    pub(crate) fn must_give_way(&self) -> bool {
        self.urgent.load(Ordering::Acquire) > 0
    }

    /// Whether a step to `next` may be taken now. What records an ending or the chain's facts always may.
    pub(crate) fn admit(&self, next: State) -> Result<(), ExecuteError> {
        use State::{Attested, Gated, Presimulated, Proposed, Signed, Simulated, Submitted};
        if !matches!(next, Proposed | Gated | Presimulated | Attested | Simulated | Signed | Submitted) {
            return Ok(());
        }
        if self.is_stopping() {
            return Err(ExecuteError::Stopping);
        }
        if self.must_give_way() { Err(ExecuteError::GaveWay) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // SPEC X18
    #[test]
    fn a_stop_ends_what_leads_to_sending_and_lets_facts_be_written() {
        let control = Control::default();
        assert!(State::ALL.iter().all(|state| control.admit(*state).is_ok()));
        control.stop();
        for state in State::ALL {
            let leads_to_sending = state.is_under_way() && state != State::Included;
            assert_eq!(control.admit(state).is_err(), leads_to_sending, "{state}");
        }
    }

    // SPEC C7
    #[test]
    fn the_turn_is_given_up_only_while_somebody_urgent_waits() {
        let control = Control::default();
        let waiting = control.wait_urgently();
        assert!(matches!(control.admit(State::Signed), Err(ExecuteError::GaveWay)));
        assert!(control.admit(State::Included).is_ok());
        drop(waiting);
        assert!(control.admit(State::Signed).is_ok());
    }
}
