//! What the relay was given in confidence: bundles, private transactions, and what became of them.

use crate::transaction::SignedTransaction;
use alloy::primitives::{Address, B256, Keccak256};
use serde::Serialize;
use std::collections::HashMap;

/// Transactions that are included together, in order, first in one block, or not at all.
#[derive(Clone, Debug)]
pub(crate) struct Bundle {
    /// Address that signed the request; only it may replace or cancel.
    pub(crate) owner: Address,
    pub(crate) transactions: Vec<SignedTransaction>,
    /// The only block that it may be in.
    pub(crate) block: u64,
    /// Seconds since the epoch, both inclusive.
    pub(crate) min_timestamp: Option<u64>,
    pub(crate) max_timestamp: Option<u64>,
    /// Transactions whose revert does not spoil the bundle.
    pub(crate) may_revert: Vec<B256>,
    pub(crate) replacement_uuid: Option<String>,
    /// First block that the builder may use it in (later than its target when the relay is told to delay).
    pub(crate) not_before: u64,
}

impl Bundle {
    /// keccak256 of the concatenated transaction hashes.
    pub(crate) fn hash(&self) -> B256 {
        bundle_hash(&self.transactions)
    }
}

/// keccak256 of the concatenated transaction hashes, as Flashbots identifies a bundle.
pub(crate) fn bundle_hash(transactions: &[SignedTransaction]) -> B256 {
    let mut hasher = Keccak256::new();
    for transaction in transactions {
        hasher.update(transaction.hash());
    }
    hasher.finalize()
}

/// One transaction to include without the public pool seeing it.
#[derive(Clone, Debug)]
pub(crate) struct PrivateTransaction {
    pub(crate) owner: Address,
    pub(crate) transaction: SignedTransaction,
    /// Last block that it may be in.
    pub(crate) max_block: u64,
    pub(crate) not_before: u64,
}

/// What became of a transaction given to the relay, in Flashbots Protect's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum PrivateStatus {
    /// Held for a coming block.
    Pending,
    /// In a block.
    Included,
    /// Its last block passed without it.
    Failed,
    /// Withdrawn or replaced by its owner.
    Cancelled,
    /// Never seen by this relay.
    Unknown,
}

#[derive(Debug, Default)]
pub(crate) struct PrivateBook {
    bundles: Vec<Bundle>,
    transactions: Vec<PrivateTransaction>,
    outcomes: HashMap<B256, (PrivateStatus, u64)>,
}

impl PrivateBook {
    /// Keeps `bundle`, in place of all that its owner sent under the same replacement id.
    pub(crate) fn add_bundle(&mut self, bundle: Bundle) {
        if let Some(uuid) = &bundle.replacement_uuid {
            self.cancel_bundles(uuid, bundle.owner);
        }
        for transaction in &bundle.transactions {
            self.open(transaction.hash(), bundle.block);
        }
        self.bundles.push(bundle);
    }

    /// Withdraws all bundles that `owner` sent under `uuid`; their hashes.
    pub(crate) fn cancel_bundles(&mut self, uuid: &str, owner: Address) -> Vec<B256> {
        let (cancelled, kept) = std::mem::take(&mut self.bundles)
            .into_iter()
            .partition::<Vec<_>, _>(|b| b.owner == owner && b.replacement_uuid.as_deref() == Some(uuid));
        self.bundles = kept;
        for bundle in &cancelled {
            self.close(&bundle.transactions, PrivateStatus::Cancelled);
        }
        cancelled.iter().map(Bundle::hash).collect()
    }

    /// Keeps `private`; sending the same transaction again restates its last block.
    pub(crate) fn add_transaction(&mut self, private: PrivateTransaction) {
        let hash = private.transaction.hash();
        self.transactions.retain(|t| t.transaction.hash() != hash);
        self.open(hash, private.max_block);
        self.transactions.push(private);
    }

    /// Whether `hash` was pending under `owner` and is now withdrawn.
    pub(crate) fn cancel_transaction(&mut self, hash: B256, owner: Address) -> bool {
        let Some(position) = self.transactions.iter().position(|t| t.transaction.hash() == hash && t.owner == owner)
        else {
            return false;
        };
        let removed = self.transactions.remove(position);
        self.close(&[removed.transaction], PrivateStatus::Cancelled);
        true
    }

    /// Bundles that may be in block `number`, in order of arrival.
    pub(crate) fn bundles_for(&self, number: u64) -> Vec<Bundle> {
        self.bundles.iter().filter(|b| b.block == number && b.not_before <= number).cloned().collect()
    }

    /// Private transactions that may be in block `number`, in order of arrival.
    pub(crate) fn transactions_for(&self, number: u64) -> Vec<PrivateTransaction> {
        self.transactions.iter().filter(|t| t.not_before <= number && number <= t.max_block).cloned().collect()
    }

    /// Whether `hash` is held here and in no block.
    pub(crate) fn holds(&self, hash: &B256) -> bool {
        matches!(self.outcomes.get(hash), Some((status, _)) if *status != PrivateStatus::Included)
    }

    /// Status of `hash` and the last block that it may be, or might have been, in.
    pub(crate) fn status(&self, hash: &B256) -> (PrivateStatus, Option<u64>) {
        self.outcomes.get(hash).map_or((PrivateStatus::Unknown, None), |(status, block)| (*status, Some(*block)))
    }

    /// Records that block `number` was built with the transactions `included`, and drops what can no longer be included.
    pub(crate) fn block_built(&mut self, number: u64, included: &[B256]) {
        for hash in included {
            if let Some(outcome) = self.outcomes.get_mut(hash) {
                *outcome = (PrivateStatus::Included, outcome.1);
            }
        }
        self.transactions.retain(|t| !included.contains(&t.transaction.hash()));
        let (expired, kept) =
            std::mem::take(&mut self.bundles).into_iter().partition::<Vec<_>, _>(|b| b.block <= number);
        self.bundles = kept;
        let (late, kept) =
            std::mem::take(&mut self.transactions).into_iter().partition::<Vec<_>, _>(|t| t.max_block <= number);
        self.transactions = kept;
        for bundle in &expired {
            self.close(&bundle.transactions, PrivateStatus::Failed);
        }
        for private in late {
            self.close(&[private.transaction], PrivateStatus::Failed);
        }
    }

    /// Notes that `hash` may be included up to block `last`. Senders repeat a bundle for several blocks, also after it is in one.
    fn open(&mut self, hash: B256, last: u64) {
        let outcome = self.outcomes.entry(hash).or_insert((PrivateStatus::Pending, last));
        if outcome.0 != PrivateStatus::Included {
            *outcome = (PrivateStatus::Pending, last);
        }
    }

    /// Ends what is pending and is in no other bundle or private submission.
    fn close(&mut self, transactions: &[SignedTransaction], status: PrivateStatus) {
        for hash in transactions.iter().map(SignedTransaction::hash) {
            let elsewhere = self
                .bundles
                .iter()
                .flat_map(|b| &b.transactions)
                .chain(self.transactions.iter().map(|t| &t.transaction))
                .any(|t| t.hash() == hash);
            if let Some(outcome) = self.outcomes.get_mut(&hash)
                && outcome.0 == PrivateStatus::Pending
                && !elsewhere
            {
                outcome.0 = status;
            }
        }
    }
}
