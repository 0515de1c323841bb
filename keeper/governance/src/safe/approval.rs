//! What the approval of a large move's digest means, from the decision record that it is of.

use super::books::Books;
use alloy::{
    primitives::{B256, Bytes, keccak256},
    sol_types::SolCall,
};
use ballast_chain::bindings::StrategyHub;
use ballast_executor::proof::{allocations, approval_digest};
use ballast_types::{Assets, DecisionRecord, RecordError};
use serde::{Deserialize, Serialize};

/// How long an approval is good for: `StrategyHub.APPROVAL_VALIDITY`.
const VALIDITY_HOURS: u64 = 24;

/// A decision record as a proposal carries it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DecisionContext {
    /// The record's canonical bytes; their hash is the decision's.
    pub record: Bytes,
    /// The hub's nonce that the rebalance will have.
    pub hub_nonce: u64,
}

/// A decision and the digest that the Safe approves for it.
#[derive(Clone, Debug)]
pub struct Approved {
    hash: B256,
    hub_nonce: u64,
    record: DecisionRecord,
}

impl Approved {
    /// Reads the record.
    ///
    /// # Errors
    /// If the bytes are not a canonical record.
    pub fn read(context: &DecisionContext) -> Result<Self, RecordError> {
        let record = DecisionRecord::from_canonical(&context.record)?;
        Ok(Self { hash: keccak256(&context.record), hub_nonce: context.hub_nonce, record })
    }

    /// `StrategyHub.approvalDigest` of this decision, its targets and the hub's nonce.
    #[must_use]
    pub fn digest(&self) -> B256 {
        approval_digest(self.hash, &allocations(self.record.decision.targets()), self.hub_nonce)
    }

    /// The call of the hub that approves it.
    #[must_use]
    pub fn call(&self) -> Bytes {
        StrategyHub::approveCall { digest: self.digest() }.abi_encode().into()
    }

    pub(super) const fn chain_id(&self) -> u64 {
        self.record.snapshot.chain_id
    }

    /// Which move is approved, for the people who sign.
    pub(super) fn meaning(&self, books: &Books) -> Vec<String> {
        let snapshot = &self.record.snapshot;
        let mut lines = vec![format!(
            "approves one rebalance: decision {} of block {}, hub nonce {}, for {VALIDITY_HOURS} h from the approval",
            self.hash, snapshot.block.number, self.hub_nonce
        )];
        let mut added = 0_u128;
        for target in self.record.decision.targets() {
            added = added.saturating_add(target.to.0.saturating_sub(target.from.0));
            let called = books.called(target.adapter);
            let venue = snapshot.venues.iter().find(|venue| venue.adapter == target.adapter);
            // The record's own name, where the reader's files have another.
            let also = venue.filter(|venue| !called.contains(&venue.name));
            lines.push(format!(
                "{called}{}: {} → {} USDC ({} bps of NAV)",
                also.map_or_else(String::new, |venue| format!(" {}", venue.name)),
                target.from,
                target.to,
                target.bps.0
            ));
        }
        lines.push(format!("adds {} USDC to venues, of a NAV of {} USDC", Assets(added), snapshot.vault.nav));
        if let Some(prediction) = &self.record.decision.prediction {
            lines.push(format!(
                "expected: {} USDC change place, idle {} USDC afterwards, gain {} USDC over the horizon for {} USDC of gas",
                prediction.turnover, prediction.idle_after, prediction.gain, prediction.gas_cost
            ));
        }
        lines
    }
}
