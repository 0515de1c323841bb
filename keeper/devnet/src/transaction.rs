//! A signed transaction as it arrives, decoded and with its sender recovered.

use alloy::{
    consensus::{
        Transaction as _, TxEnvelope,
        transaction::{Recovered, SignerRecoverable},
    },
    eips::eip2718::Decodable2718,
    primitives::{Address, B256, Bytes, U256},
    rpc::types::Transaction as RpcTransaction,
};

/// Gas that any transaction costs (yellow paper, G_transaction).
const MIN_GAS: u64 = 21_000;

/// The bytes are not a transaction that this chain can include.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TransactionError {
    /// Not an EIP-2718 envelope.
    #[error("not a signed transaction: {0}; expected the raw bytes of an EIP-2718 envelope")]
    Undecodable(String),
    /// Signed for another chain.
    #[error("invalid chain id for signer: the transaction is signed for chain {got}, this is chain {expected}")]
    WrongChain {
        /// Chain id in the transaction.
        got: u64,
        /// This chain's id.
        expected: u64,
    },
    /// No public key fits the signature.
    #[error("invalid sender: no key matches the transaction's signature")]
    BadSignature,
    /// EIP-4844 needs a consensus layer for its blobs.
    #[error("blob transactions (EIP-4844) are not supported by this devnet")]
    Blob,
    /// Less gas than any transaction costs.
    #[error("intrinsic gas too low: gas limit {0} is below {MIN_GAS}")]
    GasTooLow(u64),
}

/// A transaction that decodes, is meant for this chain and has a sender.
#[derive(Clone, Debug)]
pub(crate) struct SignedTransaction {
    pub(crate) raw: Bytes,
    pub(crate) envelope: TxEnvelope,
    pub(crate) sender: Address,
}

impl SignedTransaction {
    pub(crate) fn decode(raw: Bytes, chain_id: u64) -> Result<Self, TransactionError> {
        let mut rest: &[u8] = &raw;
        let envelope = TxEnvelope::decode_2718(&mut rest).map_err(|e| TransactionError::Undecodable(e.to_string()))?;
        if !rest.is_empty() {
            return Err(TransactionError::Undecodable(format!("{} bytes follow the envelope", rest.len())));
        }
        if envelope.is_eip4844() {
            return Err(TransactionError::Blob);
        }
        // Legacy transactions before EIP-155 carry no chain id; well-known deployers depend on them.
        if let Some(got) = envelope.chain_id().filter(|id| *id != chain_id) {
            return Err(TransactionError::WrongChain { got, expected: chain_id });
        }
        if envelope.gas_limit() < MIN_GAS {
            return Err(TransactionError::GasTooLow(envelope.gas_limit()));
        }
        let sender = envelope.recover_signer().map_err(|_| TransactionError::BadSignature)?;
        Ok(Self { raw, envelope, sender })
    }

    pub(crate) fn hash(&self) -> B256 {
        *self.envelope.tx_hash()
    }

    pub(crate) fn nonce(&self) -> u64 {
        self.envelope.nonce()
    }

    pub(crate) fn gas_limit(&self) -> u64 {
        self.envelope.gas_limit()
    }

    /// Wei per gas that the sender pays at most.
    pub(crate) fn max_fee(&self) -> u128 {
        self.envelope.max_fee_per_gas()
    }

    /// Wei per gas offered to the builder at most; all of the gas price for legacy transactions.
    pub(crate) fn max_tip(&self) -> u128 {
        self.envelope.max_priority_fee_per_gas().unwrap_or_else(|| self.max_fee())
    }

    /// Wei that the sender must own before it runs: value plus the dearest gas.
    pub(crate) fn upfront_cost(&self) -> U256 {
        self.envelope.value().saturating_add(U256::from(self.max_fee()).saturating_mul(U256::from(self.gas_limit())))
    }

    /// As a node shows a transaction that is in no block yet.
    pub(crate) fn as_pending(&self) -> RpcTransaction {
        RpcTransaction {
            inner: Recovered::new_unchecked(self.envelope.clone(), self.sender),
            block_hash: None,
            block_number: None,
            transaction_index: None,
            effective_gas_price: Some(self.max_fee()),
            block_timestamp: None,
        }
    }
}
