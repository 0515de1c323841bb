//! The block that a transaction is meant for.

use crate::endpoint::chain_text;
use alloy::{
    consensus::BlockHeader,
    eips::{BlockId, eip1559::BaseFeeParams, eip7840::BlobParams},
    primitives::{Address, B256},
    providers::{DynProvider, Provider},
    rpc::types::Header,
};

/// The parent block could not be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeadError {
    #[error("the head of the chain cannot be read: {0}")]
    Unreachable(String),
    #[error("the node has no block {0}")]
    Missing(BlockId),
    #[error("block {0} has no base fee; expected a chain with EIP-1559 fees")]
    NoBaseFee(u64),
}

/// A block to come, and its parent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BlockContext {
    pub parent_number: u64,
    pub parent_hash: B256,
    pub number: u64,
    /// Unix seconds.
    pub timestamp: u64,
    /// Wei per gas.
    pub base_fee: u64,
    pub gas_limit: u64,
    /// Fee recipient; the parent's, as the next is not known.
    pub coinbase: Address,
    /// The parent's, as the next is not known.
    pub prevrandao: B256,
    pub excess_blob_gas: u64,
}

impl BlockContext {
    /// The block after the newest one, `slot_seconds` later.
    ///
    /// # Errors
    /// See [`HeadError`].
    pub async fn next(provider: &DynProvider, slot_seconds: u64) -> Result<Self, HeadError> {
        Self::after(provider, BlockId::latest(), slot_seconds).await
    }

    /// The block after `parent`, `slot_seconds` later.
    ///
    /// # Errors
    /// See [`HeadError`].
    pub async fn after(provider: &DynProvider, parent: BlockId, slot_seconds: u64) -> Result<Self, HeadError> {
        let block = provider.get_block(parent).await.map_err(|error| HeadError::Unreachable(chain_text(&error)))?;
        Self::following(&block.ok_or(HeadError::Missing(parent))?.header, slot_seconds)
    }

    /// The block after the one with this header, `slot_seconds` later.
    ///
    /// # Errors
    /// [`HeadError::NoBaseFee`].
    pub fn following(parent: &Header, slot_seconds: u64) -> Result<Self, HeadError> {
        let number = parent.number();
        let base_fee = parent.next_block_base_fee(BaseFeeParams::ethereum()).ok_or(HeadError::NoBaseFee(number))?;
        Ok(Self {
            parent_number: number,
            parent_hash: parent.hash,
            number: number.saturating_add(1),
            timestamp: parent.timestamp().saturating_add(slot_seconds),
            base_fee,
            gas_limit: parent.gas_limit(),
            coinbase: parent.beneficiary(),
            prevrandao: parent.mix_hash().unwrap_or_default(),
            excess_blob_gas: parent.next_block_excess_blob_gas(BlobParams::prague()).unwrap_or_default(),
        })
    }
}
