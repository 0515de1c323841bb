//! Who signs: a key in AWS KMS that never leaves it; on test networks an encrypted keystore; on the development chain a plain key.
//!
//! A signer takes a [`Cleared`], and only the store makes one, from the record of a simulation: there is no way to have a transaction or
//! a proof signed that was not simulated and recorded first. Beside it a signer takes only what can be neither: a [`SafeTxHash`].

mod development;
mod keystore;
mod kms;
mod safe;

pub use development::{DEV_CHAIN_ID, DevKeySigner};
pub use keystore::{KNOWN_TESTNETS, KeystoreError, KeystoreSigner, PASSPHRASE_VARIABLE, Passphrase};
pub use kms::{KmsCause, KmsConfig, KmsSigner, StaticCredentials};
pub use safe::{SafeTx, SafeTxHash};

use alloy::primitives::{Address, B256, Signature, eip191_hash_message};
use ballast_store::Cleared;
use futures::future::BoxFuture;
use std::fmt;

/// What [`Signer::check`] signs. Its prefix (EIP-191, version 0x45) makes its hash that of no transaction and of no EIP-712 message.
pub const CHECK_MESSAGE: &str = "Ballast key check: whoever reads this signature may do nothing with it.";

/// Signs for one address.
pub trait Signer: Send + Sync + fmt::Debug {
    /// The address that signatures recover to.
    fn address(&self) -> Address;

    /// Signs a digest that is cleared, as it is. The signature has a low s (EIP-2) and recovers to [`Self::address`].
    fn sign_hash(&self, cleared: Cleared) -> BoxFuture<'_, Result<Signature, SignerError>>;

    /// Signs a Safe transaction as an owner or a delegate.
    fn sign_safe_tx(&self, hash: SafeTxHash) -> BoxFuture<'_, Result<Signature, SignerError>>;

    /// Whether the key is still the one that [`Self::address`] was read from, and may be used: it signs [`CHECK_MESSAGE`].
    fn check(&self) -> BoxFuture<'_, Result<(), SignerError>>;
}

#[derive(Debug, thiserror::Error)]
pub enum SignerError {
    #[error("KMS key {key} {cause} ({detail})")]
    Kms { key: String, cause: KmsCause, detail: String },
    #[error(
        "KMS key {key} is another key now: it had the address {was}, now it has {now}; nothing was signed. If it was rotated, give the new \
         address its role on the hub and ether, then restart the keeper (docs/RUNBOOK.md, \"Rotate keys\"); if not, point it back"
    )]
    Rotated { key: String, was: Address, now: Address },
    #[error("the signer of {expected} returned a signature that {problem}; nothing was sent")]
    BadSignature { expected: Address, problem: &'static str },
    #[error(
        "a plain key was configured for chain {chain_id}; it is accepted only on the development chain {DEV_CHAIN_ID}, use KMS"
    )]
    DevKeyElsewhere { chain_id: u64 },
    #[error(transparent)]
    Keystore(#[from] KeystoreError),
    #[error("the development key is not 32 bytes of hex")]
    MalformedDevKey,
}

fn check_digest() -> B256 {
    eip191_hash_message(CHECK_MESSAGE)
}

/// The chain refuses what this refuses, only later and after it was sent.
fn checked(signature: Signature, hash: B256, expected: Address) -> Result<Signature, SignerError> {
    if signature.normalize_s().is_some() {
        return Err(SignerError::BadSignature { expected, problem: "has a high s" });
    }
    match signature.recover_address_from_prehash(&hash) {
        Ok(recovered) if recovered == expected => Ok(signature),
        _ => Err(SignerError::BadSignature { expected, problem: "recovers to another address" }),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use alloy::{
        primitives::{U256, keccak256, uint},
        signers::{SignerSync as _, local::PrivateKeySigner},
    };

    const KEY: &str = "0x2000000000000000000000000000000000000000000000000000000000000001";

    // SPEC X5
    #[test]
    fn a_signature_is_used_only_if_it_is_low_and_ours() {
        const ORDER: U256 = uint!(0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141_U256);
        let signer: PrivateKeySigner = KEY.parse().unwrap();
        let hash = keccak256("a transaction");
        let good = signer.sign_hash_sync(&hash).unwrap();
        assert_eq!(checked(good, hash, signer.address()).unwrap(), good);
        let high = Signature::new(good.r(), ORDER - good.s(), !good.v());
        assert_eq!(high.recover_address_from_prehash(&hash).unwrap(), signer.address());
        assert!(matches!(checked(high, hash, signer.address()), Err(SignerError::BadSignature { .. })));
        let flipped = Signature::new(good.r(), good.s(), !good.v());
        assert!(matches!(checked(flipped, hash, signer.address()), Err(SignerError::BadSignature { .. })));
        assert!(matches!(checked(good, keccak256("another"), signer.address()), Err(SignerError::BadSignature { .. })));
    }
}
