//! Signatures of a Safe's owners: collected one by one, each checked before it is kept, packed as Safe 1.4.1 reads them
//! (<https://docs.safe.global/advanced/smart-account-signatures>).

use super::spelling::checksummed;
use alloy::primitives::{Address, B256, Bytes, Signature, U256, eip191_hash_message};
use serde::{Deserialize, Serialize};

/// Of one signature's fixed part: r, s, v.
const WORD: usize = 32;
const FIXED: usize = 65;

/// How an owner signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SignatureKind {
    /// ECDSA over the safeTxHash; v is 27 or 28.
    Ecdsa,
    /// ECDSA over the safeTxHash as a message (`eth_sign`); v is 31 or 32.
    EthSign,
    /// Whatever the owner, a contract, accepts (EIP-1271).
    Contract,
    /// The owner called `approveHash` on the Safe. Never stored: the chain says so.
    Approved,
}

/// An owner's signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnerSignature {
    #[serde(with = "checksummed")]
    pub owner: Address,
    pub kind: SignatureKind,
    pub signature: Bytes,
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SignatureError {
    #[error("{0} is not an owner of the Safe; its signature counts for nothing")]
    NotAnOwner(Address),
    #[error("{0} has signed already")]
    Duplicate(Address),
    #[error(
        "the signature given for {owner} is of {recovered}: another key signed, or another hash than {hash}; expected a \
         signature of exactly this hash (EIP-712) or of it as a message (eth_sign)"
    )]
    NotTheOwners { owner: Address, recovered: String, hash: B256 },
    #[error("a signature is 65 bytes r, s, v with v 27, 28 (EIP-712) or 31, 32 (eth_sign), these are {0} bytes")]
    Malformed(usize),
    #[error("{owner} is a contract and does not accept the signature (EIP-1271): {why}")]
    Refused { owner: Address, why: String },
}

impl OwnerSignature {
    /// A signature of 65 bytes by a key, `v` as any signer writes it; `eth_sign` by Safe's convention (v + 4).
    ///
    /// # Errors
    /// [`SignatureError`] unless it recovers to `owner`.
    pub fn by_key(owner: Address, signature: &[u8], hash: B256) -> Result<Self, SignatureError> {
        let (rs, v) = parts(signature)?;
        let (kind, v) = match v {
            0 | 1 => (SignatureKind::Ecdsa, v + 27),
            27 | 28 => (SignatureKind::Ecdsa, v),
            31 | 32 => (SignatureKind::EthSign, v),
            _ => return Err(SignatureError::Malformed(signature.len())),
        };
        let this = Self { owner, kind, signature: [rs, &[v]].concat().into() };
        this.check(hash).map(|()| this)
    }

    /// A contract's signature, which its caller has had checked by the contract.
    #[must_use]
    pub const fn by_contract(owner: Address, signature: Bytes) -> Self {
        Self { owner, kind: SignatureKind::Contract, signature }
    }

    /// The owner's approval on the chain.
    #[must_use]
    pub const fn on_chain(owner: Address) -> Self {
        Self { owner, kind: SignatureKind::Approved, signature: Bytes::new() }
    }

    /// Whether the signature is the owner's, as far as that can be told without the chain: a contract's is not looked at.
    ///
    /// # Errors
    /// [`SignatureError`].
    pub fn check(&self, hash: B256) -> Result<(), SignatureError> {
        let digest = match self.kind {
            SignatureKind::Ecdsa => hash,
            SignatureKind::EthSign => eip191_hash_message(hash),
            SignatureKind::Contract | SignatureKind::Approved => return Ok(()),
        };
        let (rs, v) = parts(&self.signature)?;
        let odd = match (self.kind, v) {
            (SignatureKind::Ecdsa, 27 | 28) => v == 28,
            (SignatureKind::EthSign, 31 | 32) => v == 32,
            _ => return Err(SignatureError::Malformed(self.signature.len())),
        };
        let (r, s) = rs.split_at(WORD);
        let signature = Signature::new(U256::from_be_slice(r), U256::from_be_slice(s), odd);
        match signature.recover_address_from_prehash(&digest) {
            Ok(recovered) if recovered == self.owner => Ok(()),
            recovered => Err(SignatureError::NotTheOwners {
                owner: self.owner,
                recovered: recovered.map_or_else(|_| "nobody".into(), |address| address.to_string()),
                hash,
            }),
        }
    }

    /// The 65 bytes of the fixed part; a contract's signature itself is at `offset`.
    fn fixed(&self, offset: usize) -> Vec<u8> {
        match self.kind {
            SignatureKind::Ecdsa | SignatureKind::EthSign => self.signature.to_vec(),
            SignatureKind::Contract => {
                [self.owner.into_word().as_slice(), &U256::from(offset).to_be_bytes::<WORD>(), &[0]].concat()
            }
            SignatureKind::Approved => [self.owner.into_word().as_slice(), &[0; WORD], &[1]].concat(),
        }
    }
}

/// r and s, and v, of 65 bytes.
fn parts(signature: &[u8]) -> Result<(&[u8], u8), SignatureError> {
    match signature.split_last() {
        Some((v, rs)) if signature.len() == FIXED => Ok((rs, *v)),
        _ => Err(SignatureError::Malformed(signature.len())),
    }
}

/// Adds a signature of an owner, in the order of the owners' addresses, as the Safe wants them.
///
/// # Errors
/// [`SignatureError`] if it is not an owner's or the owner has signed already.
pub fn add(
    signatures: &mut Vec<OwnerSignature>,
    signature: OwnerSignature,
    owners: &[Address],
    hash: B256,
) -> Result<(), SignatureError> {
    if !owners.contains(&signature.owner) {
        return Err(SignatureError::NotAnOwner(signature.owner));
    }
    signature.check(hash)?;
    match signatures.binary_search_by_key(&signature.owner, |known| known.owner) {
        Ok(_) => Err(SignatureError::Duplicate(signature.owner)),
        Err(place) => {
            signatures.insert(place, signature);
            Ok(())
        }
    }
}

/// The bytes that `execTransaction` takes: the fixed parts in the owners' order, then the contracts' signatures.
#[must_use]
pub fn packed(signatures: &[OwnerSignature]) -> Bytes {
    let (mut fixed, mut tail) = (Vec::new(), Vec::new());
    for signature in signatures {
        fixed.extend(signature.fixed(signatures.len() * FIXED + tail.len()));
        if signature.kind == SignatureKind::Contract {
            tail.extend_from_slice(&U256::from(signature.signature.len()).to_be_bytes::<WORD>());
            tail.extend_from_slice(&signature.signature);
        }
    }
    fixed.extend(tail);
    fixed.into()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use alloy::{
        primitives::keccak256,
        signers::{SignerSync, local::PrivateKeySigner},
    };

    fn key(number: u8) -> PrivateKeySigner {
        PrivateKeySigner::from_bytes(&B256::repeat_byte(number)).unwrap()
    }

    fn signed(number: u8, hash: B256) -> OwnerSignature {
        let key = key(number);
        OwnerSignature::by_key(key.address(), &key.sign_hash_sync(&hash).unwrap().as_bytes(), hash).unwrap()
    }

    // SPEC X6
    #[test]
    fn signatures_are_kept_by_owner_whatever_the_order_they_come_in() {
        let hash = keccak256("a transaction");
        let owners: Vec<Address> = (1..=5).map(|number| key(number).address()).collect();
        let mut kept = Vec::new();
        for number in [3, 1, 5, 2, 4] {
            add(&mut kept, signed(number, hash), &owners, hash).unwrap();
        }
        assert!(kept.is_sorted_by_key(|signature| signature.owner));
        assert_eq!(packed(&kept).len(), 5 * FIXED);
    }

    // SPEC X6
    #[test]
    fn only_owners_count_and_each_once() {
        let hash = keccak256("a transaction");
        let owners = [key(1).address(), key(2).address()];
        let mut kept = Vec::new();
        add(&mut kept, signed(1, hash), &owners, hash).unwrap();
        assert_eq!(add(&mut kept, signed(1, hash), &owners, hash), Err(SignatureError::Duplicate(owners[0])));
        assert_eq!(add(&mut kept, signed(3, hash), &owners, hash), Err(SignatureError::NotAnOwner(key(3).address())));
        let elsewhere = signed(2, keccak256("another"));
        assert!(matches!(add(&mut kept, elsewhere, &owners, hash), Err(SignatureError::NotTheOwners { .. })));
        assert_eq!(kept.len(), 1);
    }

    // SPEC X6
    #[test]
    fn every_spelling_of_v_is_read_and_a_signature_for_somebody_else_is_not() {
        let (hash, signer) = (keccak256("a transaction"), key(1));
        let plain = signer.sign_hash_sync(&hash).unwrap().as_bytes();
        let mut raw = plain;
        raw[64] -= 27;
        assert_eq!(
            OwnerSignature::by_key(signer.address(), &raw, hash).unwrap(),
            OwnerSignature::by_key(signer.address(), &plain, hash).unwrap()
        );
        let mut message = signer.sign_message_sync(hash.as_slice()).unwrap().as_bytes();
        assert!(OwnerSignature::by_key(signer.address(), &message, hash).is_err(), "not marked as a message");
        message[64] += 4;
        let by_message = OwnerSignature::by_key(signer.address(), &message, hash).unwrap();
        assert_eq!(by_message.kind, SignatureKind::EthSign);
        assert!(matches!(
            OwnerSignature::by_key(key(2).address(), &plain, hash),
            Err(SignatureError::NotTheOwners { .. })
        ));
        for wrong in [&plain[..64], &[&plain[..], &[0]].concat(), &[&plain[..64], &[29]].concat(), &[]] {
            assert_eq!(
                OwnerSignature::by_key(signer.address(), wrong, hash),
                Err(SignatureError::Malformed(wrong.len()))
            );
        }
    }

    #[test]
    fn a_contracts_signature_is_behind_the_fixed_parts() {
        let hash = keccak256("a transaction");
        let contract = OwnerSignature::by_contract(Address::repeat_byte(0xff), Bytes::from_static(&[1, 2, 3]));
        let bytes = packed(&[signed(1, hash), contract]);
        assert_eq!(bytes.len(), 2 * FIXED + WORD + 3);
        assert_eq!(U256::from_be_slice(&bytes[FIXED + WORD..FIXED + 2 * WORD]), U256::from(2 * FIXED));
        assert_eq!(bytes[2 * FIXED - 1], 0);
        assert_eq!(&bytes[2 * FIXED + WORD..], &[1, 2, 3]);
    }
}
