//! The public mempool. It is ours and not the node's, so that what the node holds while a block is built is never seen.

use crate::{jsonrpc::RpcError, transaction::SignedTransaction};
use alloy::primitives::{Address, B256};
use std::collections::{BTreeMap, HashMap};

/// A replacement must raise both fee caps by this much (geth's `--txpool.pricebump`).
const REPLACEMENT_BUMP_PERCENT: u128 = 10;

/// Public transactions by sender and nonce, with their order of arrival.
#[derive(Debug, Default)]
pub(crate) struct PublicPool {
    by_sender: BTreeMap<Address, BTreeMap<u64, Entry>>,
    hashes: HashMap<B256, (Address, u64)>,
    /// Every hash ever accepted, in order: pending-transaction filters are positions in it.
    journal: Vec<B256>,
    arrivals: u64,
}

#[derive(Clone, Debug)]
struct Entry {
    arrival: u64,
    transaction: SignedTransaction,
}

impl PublicPool {
    /// Accepts `transaction` or says why not, in geth's words. The caller has checked nonce and balance against the head.
    pub(crate) fn insert(&mut self, transaction: SignedTransaction) -> Result<B256, RpcError> {
        let (hash, sender, nonce) = (transaction.hash(), transaction.sender, transaction.nonce());
        if self.hashes.contains_key(&hash) {
            return Err(RpcError::refused("already known"));
        }
        if let Some(old) = self.by_sender.get(&sender).and_then(|queue| queue.get(&nonce)) {
            let bumped = |fee: u128| fee.saturating_add(fee.saturating_mul(REPLACEMENT_BUMP_PERCENT).div_ceil(100));
            let (fee, tip) = (old.transaction.max_fee(), old.transaction.max_tip());
            if transaction.max_fee() < bumped(fee) || transaction.max_tip() < bumped(tip) {
                return Err(RpcError::refused(format!(
                    "replacement transaction underpriced: nonce {nonce} of {sender} is taken; raise max fee to {} and max priority fee to {} wei or more",
                    bumped(fee),
                    bumped(tip)
                )));
            }
            self.hashes.remove(&old.transaction.hash());
        }
        self.arrivals += 1;
        self.hashes.insert(hash, (sender, nonce));
        self.journal.push(hash);
        self.by_sender.entry(sender).or_default().insert(nonce, Entry { arrival: self.arrivals, transaction });
        Ok(hash)
    }

    pub(crate) fn get(&self, hash: &B256) -> Option<&SignedTransaction> {
        let (sender, nonce) = self.hashes.get(hash)?;
        self.by_sender.get(sender)?.get(nonce).map(|entry| &entry.transaction)
    }

    pub(crate) fn remove(&mut self, hash: &B256) {
        if let Some((sender, nonce)) = self.hashes.remove(hash)
            && let Some(queue) = self.by_sender.get_mut(&sender)
        {
            queue.remove(&nonce);
            if queue.is_empty() {
                self.by_sender.remove(&sender);
            }
        }
    }

    /// Forgets everything of `sender` below `nonce`: included, or overtaken by another transaction.
    pub(crate) fn forget_below(&mut self, sender: Address, nonce: u64) {
        let stale: Vec<B256> = self
            .by_sender
            .get(&sender)
            .into_iter()
            .flat_map(|queue| queue.range(..nonce))
            .map(|(_, e)| e.transaction.hash())
            .collect();
        for hash in stale {
            self.remove(&hash);
        }
    }

    pub(crate) fn senders(&self) -> Vec<Address> {
        self.by_sender.keys().copied().collect()
    }

    /// All transactions, the first to arrive first.
    pub(crate) fn by_arrival(&self) -> Vec<SignedTransaction> {
        let mut all: Vec<&Entry> = self.by_sender.values().flat_map(BTreeMap::values).collect();
        all.sort_unstable_by_key(|entry| entry.arrival);
        all.into_iter().map(|entry| entry.transaction.clone()).collect()
    }

    /// Nonce after the unbroken run of pooled transactions that starts at `account_nonce`.
    pub(crate) fn pending_nonce(&self, sender: Address, account_nonce: u64) -> u64 {
        let queue = self.by_sender.get(&sender);
        let mut nonce = account_nonce;
        while queue.is_some_and(|q| q.contains_key(&nonce)) {
            nonce += 1;
        }
        nonce
    }

    /// (executable, waiting for an earlier nonce), each by sender and nonce, given the senders' account nonces.
    pub(crate) fn split(&self, account_nonces: &HashMap<Address, u64>) -> (PoolView<'_>, PoolView<'_>) {
        let (mut executable, mut queued) = (PoolView::new(), PoolView::new());
        for (sender, queue) in &self.by_sender {
            let ready_until = self.pending_nonce(*sender, account_nonces.get(sender).copied().unwrap_or_default());
            for (nonce, entry) in queue {
                let side = if *nonce < ready_until { &mut executable } else { &mut queued };
                side.entry(*sender).or_default().insert(*nonce, &entry.transaction);
            }
        }
        (executable, queued)
    }

    /// Hashes accepted since `position`, and the position after them.
    pub(crate) fn arrivals_since(&self, position: usize) -> (Vec<B256>, usize) {
        (self.journal.get(position..).unwrap_or_default().to_vec(), self.journal.len())
    }
}

/// Pooled transactions by sender and nonce.
pub(crate) type PoolView<'a> = BTreeMap<Address, BTreeMap<u64, &'a SignedTransaction>>;
