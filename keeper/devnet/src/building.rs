//! How a block is made of what is pending.
//!
//! A plan is tried by building it. If a bundle or a private transaction turns out not to belong in the block, the node is
//! rolled back and the next plan is tried without it, so the block that stays is one whose every private part has been seen
//! to succeed *in its place and at its time*. All of this happens behind the write side of the builder's lock.

use crate::{
    assembly::{Candidate, Origin, Parent, Plan, TimeRequest, assemble, senders_of},
    builder::{BuildError, Builder, BuiltBlock, LeftOut},
    node::{Header, NodeError},
    private_book::{Bundle, PrivateTransaction},
    transaction::SignedTransaction,
};
use alloy::primitives::{B256, U64};
use serde_json::json;
use std::collections::{BTreeSet, HashMap, HashSet};

impl Builder {
    /// Builds the next block; the caller holds the builder's lock for writing.
    pub(crate) async fn build_locked(&self) -> Result<BuiltBlock, BuildError> {
        let parent = self.node().header("latest").await?;
        let inherited = Parent {
            timestamp: parent.timestamp(),
            next_base_fee: self.node().header("pending").await?.base_fee(),
            gas_limit: parent.gas_limit.to(),
        };
        let number = parent.number() + 1;
        let (bundles, private) = self.eligible(number);
        let candidates = self.candidates(&bundles, private);
        let nonces = self.nonces(senders_of(&candidates)).await?;
        let time = self.time_request();
        let mut excluded = BTreeSet::new();
        let mut left_out = Vec::new();
        let (plan, block) = loop {
            let plan = assemble(&candidates, &excluded, &nonces, inherited, time);
            let snapshot = match plan.chosen.iter().any(|i| candidates.get(*i).is_some_and(Candidate::is_private)) {
                true => Some(self.snapshot().await?),
                // Public transactions are included whatever comes of them: there is nothing to undo.
                false => None,
            };
            let attempt = self.attempt(&candidates, &plan, number).await;
            let spoiler = match attempt {
                Ok(Attempt::Built(block)) => break (plan, block),
                Ok(Attempt::Spoilt(spoiler)) => Ok(spoiler),
                Err(error) => Err(error),
            };
            match snapshot {
                Some(snapshot) => self.rollback(snapshot).await?,
                None => drop(self.node().call("anvil_dropAllTransactions", json!([])).await?),
            }
            let (index, reason) = spoiler?;
            excluded.insert(index);
            if let Some(candidate) = candidates.get(index) {
                left_out.push(self.leave_out(candidate, reason));
            }
        };
        left_out.extend(
            plan.left_out
                .iter()
                .filter_map(|(index, reason)| Some(self.leave_out(candidates.get(*index)?, reason.clone()))),
        );
        let included: HashSet<&B256> = block.transactions.iter().collect();
        let built = BuiltBlock {
            number,
            hash: block.hash,
            timestamp: block.header.timestamp(),
            bundles: bundles
                .iter()
                .map(Bundle::hash)
                .zip(0..)
                .filter(|(_, index)| plan.chosen.contains(index))
                .map(|(hash, _)| hash)
                .collect(),
            left_out,
            transactions: block.transactions.clone(),
        };
        self.settle_public(&candidates, &plan, &block.header, &included).await?;
        self.private().block_built(number, &block.transactions);
        self.set_time_request(TimeRequest::default());
        self.announce_time().await?;
        self.announce_head().await?;
        Ok(built)
    }

    /// Bundles and private transactions for block `number`, each by arrival; none while the relay withholds them.
    fn eligible(&self, number: u64) -> (Vec<Bundle>, Vec<PrivateTransaction>) {
        if self.withholds_private() {
            return (Vec::new(), Vec::new());
        }
        let book = self.private();
        (book.bundles_for(number), book.transactions_for(number))
    }

    /// Everything that could be in the block: bundles, private and public transactions, each by arrival.
    fn candidates(&self, bundles: &[Bundle], private: Vec<PrivateTransaction>) -> Vec<Candidate> {
        let bundles = bundles.iter().map(|bundle| Candidate {
            origin: Origin::Bundle,
            transactions: bundle.transactions.clone(),
            may_revert: bundle.may_revert.clone(),
            min_timestamp: bundle.min_timestamp,
            max_timestamp: bundle.max_timestamp,
        });
        bundles
            .chain(private.into_iter().map(|p| Candidate::private(p.transaction)))
            .chain(self.public().by_arrival().into_iter().map(Candidate::public))
            .collect()
    }

    /// Builds `plan` on the node and looks whether every private candidate came out as it must.
    async fn attempt(&self, candidates: &[Candidate], plan: &Plan, number: u64) -> Result<Attempt, BuildError> {
        let chosen: Vec<(usize, &Candidate)> =
            plan.chosen.iter().filter_map(|i| Some((*i, candidates.get(*i)?))).collect();
        for (index, candidate) in &chosen {
            for transaction in &candidate.transactions {
                match self.node().call("eth_sendRawTransaction", json!([transaction.raw])).await {
                    Ok(_) => {}
                    Err(NodeError::Refused { source, .. }) => return Ok(Attempt::Spoilt((*index, source.message))),
                    Err(error) => return Err(error.into()),
                }
            }
        }
        self.node().call("evm_setNextBlockTimestamp", json!([plan.timestamp])).await?;
        self.node().call("evm_mine", json!([])).await?;
        let block = self.node().call("eth_getBlockByNumber", json!([U64::from(number), false])).await?;
        let unreadable = |e: serde_json::Error| NodeError::Unreadable {
            method: "eth_getBlockByNumber".into(),
            detail: e.to_string(),
        };
        let block = TrialBlock {
            hash: serde_json::from_value(block["hash"].clone()).map_err(unreadable)?,
            transactions: serde_json::from_value(block["transactions"].clone()).map_err(unreadable)?,
            header: serde_json::from_value(block).map_err(unreadable)?,
        };
        if !chosen.iter().any(|(_, candidate)| candidate.is_private()) {
            return Ok(Attempt::Built(block));
        }
        let outcomes: HashMap<B256, bool> =
            self.node().receipts(number).await?.iter().map(|r| (r.transaction_hash, r.succeeded())).collect();
        let mut position = 0;
        for (index, candidate) in chosen.iter().filter(|(_, candidate)| candidate.is_private()) {
            for hash in candidate.transactions.iter().map(SignedTransaction::hash) {
                if block.transactions.get(position) != Some(&hash) {
                    return Ok(Attempt::Spoilt((
                        *index,
                        format!("{hash} is not valid at position {position} of the block"),
                    )));
                }
                if outcomes.get(&hash) != Some(&true) && !candidate.tolerates_revert(&hash) {
                    return Ok(Attempt::Spoilt((*index, format!("{hash} reverts"))));
                }
                position += 1;
            }
        }
        Ok(Attempt::Built(block))
    }

    /// Notes why a candidate is not in the block. A public transaction that the node refuses will never be in one.
    fn leave_out(&self, candidate: &Candidate, reason: String) -> LeftOut {
        let transactions: Vec<B256> = candidate.transactions.iter().map(SignedTransaction::hash).collect();
        if candidate.origin == Origin::Public {
            transactions.iter().for_each(|hash| self.public().remove(hash));
        }
        tracing::info!(origin = ?candidate.origin, ?transactions, reason, "left out of the block");
        LeftOut { transactions, reason }
    }

    /// Takes out of the public pool what is now in a block, was overtaken, or proved invalid.
    async fn settle_public(
        &self,
        candidates: &[Candidate],
        plan: &Plan,
        header: &Header,
        included: &HashSet<&B256>,
    ) -> Result<(), BuildError> {
        // The node still holds what did not fit; it will be given again.
        self.node().call("anvil_dropAllTransactions", json!([])).await?;
        included.iter().for_each(|hash| self.public().remove(hash));
        let senders = self.public().senders();
        let nonces = self.nonces(senders).await?;
        for (sender, nonce) in &nonces {
            self.public().forget_below(*sender, *nonce);
        }
        let tried = plan
            .chosen
            .iter()
            .filter_map(|i| candidates.get(*i))
            .filter(|c| c.origin == Origin::Public)
            .flat_map(|c| &c.transactions);
        for transaction in tried.filter(|t| !included.contains(&t.hash())) {
            let had_room = header.gas_used.to::<u64>().saturating_add(transaction.gas_limit()) <= header.gas_limit.to();
            if had_room && nonces.get(&transaction.sender) == Some(&transaction.nonce()) {
                tracing::warn!(hash = %transaction.hash(), "dropped from the public pool: the node found it invalid when executing it");
                self.public().remove(&transaction.hash());
            }
        }
        Ok(())
    }
}

enum Attempt {
    Built(TrialBlock),
    /// The first candidate that does not belong in the block, and why.
    Spoilt((usize, String)),
}

struct TrialBlock {
    hash: B256,
    transactions: Vec<B256>,
    header: Header,
}
