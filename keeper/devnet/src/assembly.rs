//! Which candidates go into a block, in which order and at which time: pure, the trial on the node comes after.

use crate::transaction::SignedTransaction;
use alloy::primitives::{Address, B256};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// Seconds between blocks of chain time, as on Ethereum since the merge.
pub const SLOT_SECONDS: u64 = 12;

/// Why a candidate is included first, second or last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Origin {
    Bundle,
    Private,
    Public,
}

/// Transactions that are included together and in order, or not at all.
#[derive(Clone, Debug)]
pub(crate) struct Candidate {
    pub(crate) origin: Origin,
    pub(crate) transactions: Vec<SignedTransaction>,
    /// Transactions that may revert without spoiling the candidate.
    pub(crate) may_revert: Vec<B256>,
    /// Block timestamps (seconds, inclusive) that the candidate accepts.
    pub(crate) min_timestamp: Option<u64>,
    pub(crate) max_timestamp: Option<u64>,
}

impl Candidate {
    /// A transaction by itself, at any time.
    fn single(origin: Origin, transaction: SignedTransaction) -> Self {
        Self {
            origin,
            transactions: vec![transaction],
            may_revert: Vec::new(),
            min_timestamp: None,
            max_timestamp: None,
        }
    }

    pub(crate) fn public(transaction: SignedTransaction) -> Self {
        Self::single(Origin::Public, transaction)
    }

    pub(crate) fn private(transaction: SignedTransaction) -> Self {
        Self::single(Origin::Private, transaction)
    }

    pub(crate) fn is_private(&self) -> bool {
        self.origin != Origin::Public
    }

    /// Whether the candidate stands although `hash` reverted. Public transactions may always revert.
    pub(crate) fn tolerates_revert(&self, hash: &B256) -> bool {
        self.origin == Origin::Public || self.may_revert.contains(hash)
    }
}

pub(crate) fn senders_of(candidates: &[Candidate]) -> Vec<Address> {
    candidates.iter().flat_map(|candidate| &candidate.transactions).map(|transaction| transaction.sender).collect()
}

/// What the block to come inherits from its parent.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Parent {
    /// Seconds since the epoch.
    pub(crate) timestamp: u64,
    /// Base fee of the block to come, wei per gas.
    pub(crate) next_base_fee: u128,
    pub(crate) gas_limit: u64,
}

/// A wish about the next block's time. Either field set makes it binding: bundles that do not fit are left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct TimeRequest {
    /// Seconds on top of the slot.
    pub(crate) jump: u64,
    /// Exact timestamp, which includes any jump.
    pub(crate) exact: Option<u64>,
}

impl TimeRequest {
    fn is_binding(&self) -> bool {
        self.jump > 0 || self.exact.is_some()
    }

    /// Timestamp of the next block if no bundle asks for another.
    pub(crate) fn timestamp_after(&self, parent: u64) -> u64 {
        self.exact.unwrap_or_else(|| parent.saturating_add(SLOT_SECONDS).saturating_add(self.jump)).max(parent + 1)
    }
}

/// The block to try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Plan {
    /// Indexes of candidates, in block order.
    pub(crate) chosen: Vec<usize>,
    pub(crate) timestamp: u64,
    /// Why the other private candidates are left out.
    pub(crate) left_out: BTreeMap<usize, String>,
}

/// Chooses from `candidates` (bundles, then private, then public, each by arrival), never one that is `excluded`.
/// `nonces` are the account nonces of all senders in the parent's state.
pub(crate) fn assemble(
    candidates: &[Candidate],
    excluded: &BTreeSet<usize>,
    nonces: &HashMap<Address, u64>,
    parent: Parent,
    time: TimeRequest,
) -> Plan {
    let default_timestamp = time.timestamp_after(parent.timestamp);
    let mut draft = Draft {
        nonces: nonces.clone(),
        gas: 0,
        window: if time.is_binding() {
            (default_timestamp, default_timestamp)
        } else {
            (parent.timestamp + 1, u64::MAX)
        },
        chosen: Vec::new(),
    };
    let mut left_out = BTreeMap::new();
    for origin in [Origin::Bundle, Origin::Private, Origin::Public] {
        let mut waiting: Vec<usize> = (0..candidates.len())
            .filter(|i| candidates.get(*i).is_some_and(|c| c.origin == origin) && !excluded.contains(i))
            .collect();
        // A transaction may arrive before the one with the nonce below it: go round until nothing more fits.
        loop {
            let before = waiting.len();
            waiting.retain(|index| {
                let Some(candidate) = candidates.get(*index) else { return false };
                match draft.add(*index, candidate, parent) {
                    Ok(()) => {
                        left_out.remove(index);
                        false
                    }
                    Err(reason) => {
                        if candidate.is_private() {
                            left_out.insert(*index, reason);
                        }
                        true
                    }
                }
            });
            if waiting.len() == before {
                break;
            }
        }
    }
    Plan { timestamp: default_timestamp.clamp(draft.window.0, draft.window.1), chosen: draft.chosen, left_out }
}

struct Draft {
    nonces: HashMap<Address, u64>,
    /// Sum of the gas limits of private candidates: these must all fit whatever they use.
    gas: u64,
    window: (u64, u64),
    chosen: Vec<usize>,
}

impl Draft {
    /// Adds all of the candidate, or says why not and changes nothing.
    fn add(&mut self, index: usize, candidate: &Candidate, parent: Parent) -> Result<(), String> {
        let window = (
            self.window.0.max(candidate.min_timestamp.unwrap_or(0)),
            self.window.1.min(candidate.max_timestamp.unwrap_or(u64::MAX)),
        );
        if window.0 > window.1 {
            return Err(format!(
                "timestamps {}..={} do not meet the block's {}..={}",
                candidate.min_timestamp.unwrap_or(0),
                candidate.max_timestamp.unwrap_or(u64::MAX),
                self.window.0,
                self.window.1
            ));
        }
        let mut next_nonces = HashMap::new();
        let mut gas = self.gas;
        for transaction in &candidate.transactions {
            let sender = transaction.sender;
            let expected = next_nonces.get(&sender).or_else(|| self.nonces.get(&sender)).copied().unwrap_or_default();
            if transaction.nonce() != expected {
                return Err(format!("nonce {} of {sender} where {expected} is next", transaction.nonce()));
            }
            if transaction.max_fee() < parent.next_base_fee {
                return Err(format!("max fee {} below the base fee {}", transaction.max_fee(), parent.next_base_fee));
            }
            next_nonces.insert(sender, expected + 1);
            gas = gas.saturating_add(transaction.gas_limit());
        }
        if candidate.is_private() && gas > parent.gas_limit {
            return Err(format!("gas limits of {gas} exceed the block's {}", parent.gas_limit));
        }
        if candidate.is_private() {
            self.gas = gas;
        }
        self.window = window;
        self.nonces.extend(next_nonces);
        self.chosen.push(index);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use super::*;
    use alloy::{
        consensus::{SignableTransaction, TxEip1559, TxEnvelope},
        eips::eip2718::Encodable2718,
        primitives::U256,
        signers::{SignerSync, local::PrivateKeySigner},
    };

    const PARENT: Parent = Parent { timestamp: 1_000, next_base_fee: 10, gas_limit: 100_000 };

    fn signer(n: u64) -> PrivateKeySigner {
        PrivateKeySigner::from_bytes(&B256::from(U256::from(n))).unwrap()
    }

    fn transaction(key: u64, nonce: u64, max_fee: u128) -> SignedTransaction {
        let body =
            TxEip1559 { chain_id: 31_337, nonce, gas_limit: 21_000, max_fee_per_gas: max_fee, ..Default::default() };
        let signature = signer(key).sign_hash_sync(&body.signature_hash()).unwrap();
        let envelope = TxEnvelope::from(body.into_signed(signature));
        SignedTransaction::decode(envelope.encoded_2718().into(), 31_337).unwrap()
    }

    fn candidate(origin: Origin, transactions: Vec<SignedTransaction>) -> Candidate {
        Candidate { origin, transactions, may_revert: vec![], min_timestamp: None, max_timestamp: None }
    }

    fn plan(candidates: &[Candidate]) -> Plan {
        assemble(candidates, &BTreeSet::new(), &HashMap::new(), PARENT, TimeRequest::default())
    }

    #[test]
    fn bundles_come_first_then_private_then_public() {
        let candidates = [
            candidate(Origin::Public, vec![transaction(1, 0, 10)]),
            candidate(Origin::Private, vec![transaction(2, 0, 10)]),
            candidate(Origin::Bundle, vec![transaction(3, 0, 10)]),
        ];
        assert_eq!(plan(&candidates).chosen, [2, 1, 0]);
    }

    #[test]
    fn a_block_is_one_slot_after_its_parent_unless_told_otherwise() {
        assert_eq!(plan(&[]).timestamp, 1_012);
        let at = |time| assemble(&[], &BTreeSet::new(), &HashMap::new(), PARENT, time).timestamp;
        assert_eq!(at(TimeRequest { jump: 3_600, exact: None }), 4_612);
        assert_eq!(at(TimeRequest { jump: 0, exact: Some(1_001) }), 1_001);
    }

    #[test]
    fn bundles_pin_the_time_and_the_first_one_wins() {
        let pinned = |key, min, max| Candidate {
            min_timestamp: Some(min),
            max_timestamp: Some(max),
            ..candidate(Origin::Bundle, vec![transaction(key, 0, 10)])
        };
        let early = plan(&[pinned(1, 1_005, 1_005), pinned(2, 1_006, 1_006)]);
        assert_eq!((early.timestamp, early.chosen), (1_005, vec![0]));
        assert!(early.left_out[&1].contains("1006"));
        let late = plan(&[pinned(1, 1_500, u64::MAX)]);
        assert_eq!((late.timestamp, late.chosen), (1_500, vec![0]));
        // Not after its parent: impossible, whatever the bundle says.
        assert_eq!(plan(&[pinned(1, 1_000, 1_000)]).chosen, [0usize; 0]);
        // A time jump is binding.
        let jump = TimeRequest { jump: 100, exact: None };
        let jumped = assemble(&[pinned(1, 1_012, 1_012)], &BTreeSet::new(), &HashMap::new(), PARENT, jump);
        assert_eq!((jumped.timestamp, jumped.chosen.len()), (1_112, 0));
    }

    #[test]
    fn a_bundle_with_one_impossible_transaction_is_left_out_whole() {
        let gap = [
            candidate(Origin::Bundle, vec![transaction(1, 0, 10), transaction(1, 2, 10)]),
            candidate(Origin::Public, vec![transaction(1, 0, 11)]),
        ];
        assert_eq!(plan(&gap).chosen, [1], "the failed bundle must not have used up nonce 0");
        let cheap = [candidate(Origin::Bundle, vec![transaction(1, 0, 10), transaction(1, 1, 9)])];
        assert!(plan(&cheap).left_out[&0].contains("base fee"));
        let heavy = [candidate(Origin::Bundle, (0..5).map(|nonce| transaction(1, nonce, 10)).collect())];
        assert!(plan(&heavy).left_out[&0].contains("gas limits"));
    }

    #[test]
    fn public_transactions_wait_for_their_nonce_but_not_for_a_block() {
        let candidates = [
            candidate(Origin::Public, vec![transaction(1, 1, 10)]),
            candidate(Origin::Public, vec![transaction(1, 0, 10)]),
            candidate(Origin::Public, vec![transaction(1, 3, 10)]),
        ];
        assert_eq!(plan(&candidates).chosen, [1, 0]);
    }

    #[test]
    fn of_two_candidates_for_one_nonce_the_private_one_is_chosen() {
        let candidates = [
            candidate(Origin::Bundle, vec![transaction(1, 0, 10)]),
            candidate(Origin::Public, vec![transaction(1, 0, 900)]),
        ];
        assert_eq!(plan(&candidates).chosen, [0]);
    }
}
