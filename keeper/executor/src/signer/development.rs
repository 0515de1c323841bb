//! A plain key, for the development chain alone.

use super::{SafeTxHash, Signer, SignerError, check_digest, checked};
use alloy::{
    primitives::{Address, B256, Signature},
    signers::{SignerSync as _, local::PrivateKeySigner},
};
use ballast_store::Cleared;
use futures::future::BoxFuture;

/// The development chain, the only one on which a plain key or a halting drill is accepted.
pub const DEV_CHAIN_ID: u64 = 31_337;

/// A key held in memory, for the development chain.
#[derive(Clone, Debug)]
pub struct DevKeySigner(PrivateKeySigner);

impl DevKeySigner {
    /// # Errors
    /// On any chain but [`DEV_CHAIN_ID`], and if `key` is not a secp256k1 key in hex.
    pub fn new(chain_id: u64, key: &str) -> Result<Self, SignerError> {
        if chain_id != DEV_CHAIN_ID {
            return Err(SignerError::DevKeyElsewhere { chain_id });
        }
        key.trim().parse().map(Self).map_err(|_| SignerError::MalformedDevKey)
    }
}

impl Signer for DevKeySigner {
    fn address(&self) -> Address {
        self.0.address()
    }

    fn sign_hash(&self, cleared: Cleared) -> BoxFuture<'_, Result<Signature, SignerError>> {
        Box::pin(async move { in_memory(&self.0, cleared.digest()) })
    }

    fn sign_safe_tx(&self, hash: SafeTxHash) -> BoxFuture<'_, Result<Signature, SignerError>> {
        Box::pin(async move { in_memory(&self.0, hash.hash()) })
    }

    fn check(&self) -> BoxFuture<'_, Result<(), SignerError>> {
        Box::pin(async move { in_memory(&self.0, check_digest()).map(drop) })
    }
}

/// Signs with a key that this process holds.
pub(super) fn in_memory(key: &PrivateKeySigner, hash: B256) -> Result<Signature, SignerError> {
    let problem = SignerError::BadSignature { expected: key.address(), problem: "could not be made" };
    checked(key.sign_hash_sync(&hash).map_err(|_| problem)?, hash, key.address())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    const KEY: &str = "0x2000000000000000000000000000000000000000000000000000000000000001";

    // SPEC X5
    #[test]
    fn a_plain_key_is_refused_everywhere_but_on_the_development_chain() {
        for chain_id in [1, 10, 11_155_111, 31_336, 31_338] {
            let refused = DevKeySigner::new(chain_id, KEY).unwrap_err();
            assert!(matches!(refused, SignerError::DevKeyElsewhere { chain_id: refused } if refused == chain_id));
        }
        assert!(DevKeySigner::new(DEV_CHAIN_ID, KEY).is_ok());
        assert!(matches!(DevKeySigner::new(DEV_CHAIN_ID, "0x12"), Err(SignerError::MalformedDevKey)));
    }

    #[test]
    fn a_key_is_not_shown() {
        let shown = format!("{:?}", DevKeySigner::new(DEV_CHAIN_ID, KEY).unwrap());
        assert!(!shown.contains("2000000000000000000000000000000000000000000000000000000000000001"), "{shown}");
    }

    #[tokio::test]
    async fn a_key_in_memory_is_there_and_may_be_used() {
        DevKeySigner::new(DEV_CHAIN_ID, KEY).unwrap().check().await.unwrap();
    }
}
