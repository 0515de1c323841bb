//! What goes wrong, and how often. Each seed switches on some of them: runs with few faults reach states that runs with all of
//! them never do.

use crate::rng::Rng;

/// Each in a thousand of the occasions it has.
#[derive(Clone, Debug, Default)]
pub(crate) struct Faults {
    /// A question to the chain is not answered.
    pub(crate) rpc_timeout: u64,
    /// An endpoint shows the chain as it was one to three blocks ago.
    pub(crate) stale_head: u64,
    /// The simulation runs on a state that is not the block's.
    pub(crate) wrong_state: u64,
    /// The relay says no.
    pub(crate) relay_refuses: u64,
    /// The relay does not take the bundle and does not say so.
    pub(crate) relay_down: u64,
    /// The relay takes the bundle, and the answer is lost.
    pub(crate) answer_lost: u64,
    /// The relay takes the bundle and never includes it.
    pub(crate) relay_silent: u64,
    /// The relay keeps the transaction and has it included in some later block.
    pub(crate) relay_late: u64,
    /// KMS throttles, denies, or answers after many seconds.
    pub(crate) kms: u64,
    /// A slot without a block.
    pub(crate) missed_slot: u64,
    /// The newest one to four blocks are replaced.
    pub(crate) reorg: u64,
    /// The base fee goes above what may be paid for a few blocks.
    pub(crate) fee_spike: u64,
    /// A write fails for want of space.
    pub(crate) disk_full: u64,
    /// The process ends, at any moment.
    pub(crate) crash: u64,
    /// Another instance starts while this one runs.
    pub(crate) rival: u64,
}

impl Faults {
    pub(crate) fn draw(rng: &mut Rng) -> Self {
        let mut rate = |most: u64| if rng.chance(400) { 1 + rng.below(most) } else { 0 };
        Self {
            rpc_timeout: rate(150),
            stale_head: rate(200),
            wrong_state: rate(100),
            relay_refuses: rate(300),
            relay_down: rate(300),
            answer_lost: rate(300),
            relay_silent: rate(300),
            relay_late: rate(300),
            kms: rate(300),
            missed_slot: rate(200),
            reorg: rate(200),
            fee_spike: rate(100),
            disk_full: rate(60),
            crash: rate(600),
            rival: rate(300),
        }
    }
}
