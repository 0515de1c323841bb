//! Where the hub stores its attestor, so that a simulation can put another in its place before the real one has signed.

use crate::{bindings::StrategyHub, endpoint::chain_text};
use alloy::{
    eips::BlockId,
    primitives::{Address, U256},
    providers::{DynProvider, Provider},
};

/// The storage slot of `StrategyHub.attestor` (`forge inspect StrategyHub storage-layout`), in whose low 160 bits it lies beside the limits
/// over time; [`AttestorSlot::read`] asks the chain.
pub const ATTESTOR_SLOT: U256 = U256::from_limbs([2, 0, 0, 0]);
const ADDRESS_BITS: usize = 160;

/// The slot cannot be relied on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AttestorSlotError {
    #[error("the attestor of the hub {hub} cannot be read: {why}")]
    Unreadable { hub: Address, why: String },
    #[error(
        "slot {ATTESTOR_SLOT} of the hub {hub} holds {stored:#x}, expected its attestor {attestor} in the low {ADDRESS_BITS} bits: this build does not know that hub's storage layout"
    )]
    Mismatch { hub: Address, stored: U256, attestor: Address },
}

/// What the slot holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttestorSlot {
    stored: U256,
}

impl AttestorSlot {
    /// A slot with this content, unchecked.
    #[must_use]
    pub const fn holding(stored: U256) -> Self {
        Self { stored }
    }

    /// Reads the slot of `hub` on the latest block, and checks that it holds what `attestor()` returns.
    ///
    /// # Errors
    /// See [`AttestorSlotError`].
    pub async fn read(provider: &DynProvider, hub: Address) -> Result<Self, AttestorSlotError> {
        let unreadable = |why: String| AttestorSlotError::Unreadable { hub, why };
        let head = provider
            .get_block(BlockId::latest())
            .await
            .map_err(|error| unreadable(chain_text(&error)))?
            .ok_or_else(|| unreadable("the node has no latest block".into()))?;
        let at = BlockId::hash(head.header.hash);
        let contract = StrategyHub::new(hub, provider);
        let (declared, stored) = futures::join!(async { contract.attestor().block(at).call().await }, async {
            provider.get_storage_at(hub, ATTESTOR_SLOT).block_id(at).await
        });
        let attestor = declared.map_err(|error| unreadable(chain_text(&error)))?;
        let slot = Self { stored: stored.map_err(|error| unreadable(chain_text(&error)))? };
        if slot.attestor() == attestor {
            Ok(slot)
        } else {
            Err(AttestorSlotError::Mismatch { hub, stored: slot.stored, attestor })
        }
    }

    /// The attestor in it.
    #[must_use]
    pub fn attestor(&self) -> Address {
        Address::from_word(self.stored.into())
    }

    /// The slot's content with another attestor; the limits beside it stay.
    #[must_use]
    pub fn with(&self, attestor: Address) -> U256 {
        (self.stored >> ADDRESS_BITS << ADDRESS_BITS) | U256::from_be_slice(attestor.as_slice())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_attestor_leaves_the_limits_beside_it_as_they_are() {
        let (own, other) = (Address::repeat_byte(0xaa), Address::repeat_byte(0xbb));
        let limits = U256::from(0x251c_0064_01f4_1388_u64) << ADDRESS_BITS;
        let slot = AttestorSlot { stored: limits | U256::from_be_slice(own.as_slice()) };
        assert_eq!(slot.attestor(), own);
        assert_eq!(slot.with(other), limits | U256::from_be_slice(other.as_slice()));
        assert_eq!(slot.with(own), slot.stored);
    }
}
