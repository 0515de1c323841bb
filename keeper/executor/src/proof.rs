//! The proof of a rebalance: what the attestor signs and the hub checks (`StrategyHub.proofDigest`).

use alloy::{
    primitives::{Address, B256, Bytes, Signature, U256, keccak256},
    sol,
    sol_types::{Eip712Domain, SolCall, SolStruct, SolValue},
};
use ballast_chain::bindings::{Allocation, StrategyHub::rebalanceCall};
use ballast_types::Target;

sol! {
    /// The EIP-712 message.
    struct Rebalance {
        bytes32 decisionHash;
        bytes32 targetsHash;
        address vault;
        uint64 nonce;
        uint64 validUntil;
    }
}

/// What a proof says, apart from who signed it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Statement {
    /// `keccak256` of the decision record's canonical bytes.
    pub decision_hash: B256,
    /// The hub's sequential nonce.
    pub nonce: u64,
    /// Unix seconds of chain time.
    pub valid_until: u64,
}

/// A call of `rebalance`, taken apart.
#[derive(Clone, Debug, PartialEq)]
pub struct RebalanceCall {
    pub targets: Vec<Allocation>,
    pub statement: Statement,
    /// 65 bytes r, s, v.
    pub signature: Bytes,
}

/// The targets as the hub takes them: of a decision, in its order, with no venue data.
#[must_use]
pub fn allocations(targets: &[Target]) -> Vec<Allocation> {
    targets
        .iter()
        .map(|target| Allocation {
            adapter: target.adapter,
            bps: target.bps.0,
            minOut: target.min_out.0,
            data: Bytes::new(),
        })
        .collect()
}

/// The digest that the attestor signs.
#[must_use]
pub fn digest(chain_id: u64, hub: Address, vault: Address, targets: &[Allocation], statement: &Statement) -> B256 {
    let domain =
        Eip712Domain { chain_id: Some(U256::from(chain_id)), verifying_contract: Some(hub), ..Eip712Domain::default() };
    Rebalance {
        decisionHash: statement.decision_hash,
        targetsHash: keccak256(targets.abi_encode()),
        vault,
        nonce: statement.nonce,
        validUntil: statement.valid_until,
    }
    .eip712_signing_hash(&domain)
}

/// What the Safe approves of a large move: `StrategyHub.approvalDigest`.
#[must_use]
pub fn approval_digest(decision_hash: B256, targets: &[Allocation], nonce: u64) -> B256 {
    keccak256((decision_hash, keccak256(targets.abi_encode()), U256::from(nonce)).abi_encode_params())
}

/// The calldata of `rebalance(targets, proof)`.
#[must_use]
pub fn calldata(targets: Vec<Allocation>, statement: &Statement, signature: &Signature) -> Bytes {
    let signature = Bytes::copy_from_slice(&signature.as_bytes());
    let proof = (statement.decision_hash, statement.nonce, statement.valid_until, signature).abi_encode_params();
    rebalanceCall { targets, proof: proof.into() }.abi_encode().into()
}

/// Takes calldata apart; `None` unless it is a call of `rebalance` with a proof, encoded the one way there is: no
/// trailing bytes, no overlapping offsets.
#[must_use]
pub fn decode(calldata: &[u8]) -> Option<RebalanceCall> {
    let call = rebalanceCall::abi_decode_validate(calldata).ok()?;
    let proof = <(B256, u64, u64, Bytes)>::abi_decode_params_validate(&call.proof).ok()?;
    if call.abi_encode() != calldata || call.proof != proof.abi_encode_params() {
        return None;
    }
    let (decision_hash, nonce, valid_until, signature) = proof;
    let statement = Statement { decision_hash, nonce, valid_until };
    Some(RebalanceCall { targets: call.targets, statement, signature })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use ballast_types::{Assets, Bps};

    const HUB: Address = Address::repeat_byte(0x11);
    const VAULT: Address = Address::repeat_byte(0x22);

    fn targets() -> Vec<Allocation> {
        let target = |byte, bps| Target {
            adapter: Address::repeat_byte(byte),
            bps: Bps(bps),
            from: Assets(0),
            to: Assets(5),
            min_out: Assets(4),
        };
        allocations(&[target(1, 4_000), target(2, 5_000)])
    }

    fn statement() -> Statement {
        Statement { decision_hash: B256::repeat_byte(0xdd), nonce: 7, valid_until: 1_700_000_300 }
    }

    // SPEC C3
    #[test]
    fn the_digest_is_the_one_written_out_in_the_hub() {
        let domain_type = keccak256("EIP712Domain(uint256 chainId,address verifyingContract)");
        let proof_type = keccak256(
            "Rebalance(bytes32 decisionHash,bytes32 targetsHash,address vault,uint64 nonce,uint64 validUntil)",
        );
        let word = |value: u64| B256::from(U256::from(value));
        let domain = keccak256([domain_type, word(31_337), HUB.into_word()].concat());
        let list = targets();
        let targets_hash = keccak256(list.abi_encode());
        let proof = statement();
        let message = keccak256(
            [proof_type, proof.decision_hash, targets_hash, VAULT.into_word(), word(7), word(1_700_000_300)].concat(),
        );
        let expected = keccak256([&[0x19, 0x01][..], domain.as_slice(), message.as_slice()].concat());
        assert_eq!(digest(31_337, HUB, VAULT, &list, &proof), expected);
    }

    #[test]
    fn the_digest_binds_every_field() {
        let of = |chain, hub, vault, list: &[Allocation], proof| digest(chain, hub, vault, list, &proof);
        let (list, proof) = (targets(), statement());
        let base = of(1, HUB, VAULT, &list, proof);
        let mut fewer = list.clone();
        fewer.pop();
        let mut lower = list.clone();
        lower[0].minOut = 3;
        let others = [
            of(2, HUB, VAULT, &list, proof),
            of(1, VAULT, VAULT, &list, proof),
            of(1, HUB, HUB, &list, proof),
            of(1, HUB, VAULT, &fewer, proof),
            of(1, HUB, VAULT, &lower, proof),
            of(1, HUB, VAULT, &list, Statement { decision_hash: B256::ZERO, ..proof }),
            of(1, HUB, VAULT, &list, Statement { nonce: 8, ..proof }),
            of(1, HUB, VAULT, &list, Statement { valid_until: 1, ..proof }),
        ];
        assert!(others.iter().all(|other| *other != base));
    }

    #[test]
    fn calldata_is_taken_apart_as_it_was_put_together() {
        let signature = Signature::new(U256::from(5), U256::from(6), true);
        let bytes = calldata(targets(), &statement(), &signature);
        let decoded = decode(&bytes).unwrap();
        assert_eq!((&decoded.targets, decoded.statement), (&targets(), statement()));
        assert_eq!(decoded.signature, Bytes::copy_from_slice(&signature.as_bytes()));
        assert_eq!(decoded.signature.len(), 65);
        assert_eq!(decoded.signature[64], 28);

        let mut other_function = bytes.to_vec();
        other_function[0] ^= 1;
        assert_eq!(decode(&other_function), None);
        assert_eq!(decode(&bytes[..bytes.len() - 40]), None);
        assert_eq!(decode(&[bytes.as_ref(), &[0; 32]].concat()), None);
        assert_eq!(decode(&[]), None);
    }
}
