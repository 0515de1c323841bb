//! Where the hub stores its attestor, so that a simulation can put another in its place before the real one has signed.

use crate::{bindings::StrategyHub, endpoint::chain_text};
use alloy::{
    eips::BlockId,
    primitives::{Address, U256},
    providers::{DynProvider, Provider},
};

/// The storage slot of `StrategyHub.attestor` (`forge inspect StrategyHub storage-layout`); [`verify_attestor_slot`] asks the chain.
pub const ATTESTOR_SLOT: U256 = U256::from_limbs([2, 0, 0, 0]);

/// The slot cannot be relied on.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AttestorSlotError {
    #[error("the attestor of the hub {hub} cannot be read: {why}")]
    Unreadable { hub: Address, why: String },
    #[error(
        "slot {ATTESTOR_SLOT} of the hub {hub} holds {stored:#x}, expected its attestor {attestor}: this build does not know that hub's storage layout"
    )]
    Mismatch { hub: Address, stored: U256, attestor: Address },
}

/// Checks on the latest block that [`ATTESTOR_SLOT`] of `hub` holds what `attestor()` returns, which it gives back.
///
/// # Errors
/// See [`AttestorSlotError`].
pub async fn verify_attestor_slot(provider: &DynProvider, hub: Address) -> Result<Address, AttestorSlotError> {
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
    let stored = stored.map_err(|error| unreadable(chain_text(&error)))?;
    if stored == U256::from_be_slice(attestor.as_slice()) {
        Ok(attestor)
    } else {
        Err(AttestorSlotError::Mismatch { hub, stored, attestor })
    }
}
