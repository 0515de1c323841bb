//! What it costs to bring money into a venue and out of it where that takes a swap.
//!
//! A venue of another coin than the vault's asset is entered and left through a pool, and the pool keeps something: its fee, and what our own size moves
//! its price. A decision that does not see that would move for gains that the way there eats up. Whoever asks for the decision knows the pools and
//! answers through [`Swaps`]; no venue of the contracts needs one today, so the live keeper asks with [`NoSwaps`] and nothing of it is in the
//! decision record. A venue that does would have to put its pools into the snapshot, so that a replay finds them.

use alloy_primitives::Address;
use ballast_types::Assets;
use std::fmt::Debug;

/// A position that is moved from one value to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leg {
    pub adapter: Address,
    pub from: Assets,
    pub to: Assets,
}

/// The pools between the asset and the venues' coins.
pub trait Swaps: Debug {
    /// Whether the venue is entered and left by a swap.
    fn needed(&self, adapter: Address) -> bool;

    /// By how much all these legs together lower NAV as it is marked, in assets; those that need no swap cost nothing. `None` if one of them cannot be
    /// made, or only at a price that would not be accepted.
    fn cost(&self, legs: &[Leg]) -> Option<Assets>;
}

/// Every venue takes and gives the asset itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoSwaps;

impl Swaps for NoSwaps {
    fn needed(&self, _: Address) -> bool {
        false
    }

    fn cost(&self, _: &[Leg]) -> Option<Assets> {
        Some(Assets::ZERO)
    }
}
