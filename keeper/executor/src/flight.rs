//! A transaction that was handed over and is watched until its block comes.

use crate::{
    Executor,
    envelope::{self, Envelope, Purpose, Verdict, still_fits},
    outbox::Job,
    relay::{ReplacementId, Submission, Window},
};
use alloy::primitives::{B256, Bytes};
use ballast_chain::{BlockContext, Overrides, Simulation, SimulationError, TxPlan};
use ballast_types::DecisionRecord;

/// How transactions are offered to the builders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Offer {
    /// In a bundle for the next block alone: what was simulated is what may happen.
    NextBlock,
    /// As a private transaction for this many blocks. It is simulated again on each new head, and withdrawn if it would not do any
    /// more what it is sent for.
    Blocks(u64),
}

impl Offer {
    /// Where a transaction simulated for `block` may be included.
    #[must_use]
    pub(crate) const fn window(self, block: &BlockContext) -> Window {
        match self {
            Self::NextBlock => Window::Exact { block: block.number, timestamp: block.timestamp },
            Self::Blocks(blocks) => Window::Until { block: block.parent_number.saturating_add(blocks) },
        }
    }
}

/// See the module.
pub(crate) struct Flight<'a> {
    pub(crate) submission: Submission,
    plan: TxPlan,
    /// What it did when it was signed for.
    signed: Simulation,
    /// The head that it was last simulated on.
    simulated_on: B256,
    /// What it is to do: a decision's move, or just to succeed.
    purpose: Option<(&'a DecisionRecord, B256)>,
    /// Why it was withdrawn.
    withdrawn: Option<String>,
}

impl<'a> Flight<'a> {
    pub(crate) fn new(
        (raw, tx_hash): (Bytes, B256),
        (plan, signed): (TxPlan, Simulation),
        block: &BlockContext,
        window: Window,
        purpose: Option<(&'a DecisionRecord, B256)>,
    ) -> Self {
        let replacement = ReplacementId::new(plan.chain_id, plan.from, plan.nonce);
        let submission = Submission { raw, tx_hash, window, replacement };
        Self { submission, plan, signed, simulated_on: block.parent_hash, purpose, withdrawn: None }
    }

    pub(crate) fn withdrawn(&self) -> Option<&str> {
        self.withdrawn.as_deref()
    }
}

impl Executor {
    /// Simulates it again if the head is another than before, and asks the relay to drop it if it does not do what it should. The
    /// chain keeps the last word: whoever saw it may include it all the same.
    pub(crate) async fn watch(&self, job: &Job, flight: &mut Flight<'_>) {
        if flight.withdrawn.is_some() {
            return;
        }
        let Ok(next) = self.next_block().await else { return };
        if next.parent_hash == flight.simulated_on || next.number > flight.submission.window.last_block() {
            return;
        }
        let Some(why) = self.unfit(flight, &next).await else {
            flight.simulated_on = next.parent_hash;
            return;
        };
        tracing::warn!(attempt = job.id.0, why, block = next.number, "withdrawn");
        match self.relay.cancel(&flight.submission).await {
            Ok(()) => flight.withdrawn = Some(why),
            // Asked again at the next look.
            Err(error) => tracing::warn!(attempt = job.id.0, %error, "the relay did not withdraw it"),
        }
    }

    /// Why it should not be included in that block; `None` if it may, or if that is not known.
    async fn unfit(&self, flight: &Flight<'_>, next: &BlockContext) -> Option<String> {
        let simulation = match self.chain.simulate(&flight.plan, next, &Overrides::default()).await {
            Ok(simulation) => simulation,
            Err(SimulationError::Invalid(why)) => return Some(format!("the chain does not accept it any more: {why}")),
            Err(error) => {
                tracing::warn!(%error, "it could not be simulated again");
                return None;
            }
        };
        let purpose = match flight.purpose {
            Some((record, hash)) => {
                let (hub, max_nav_loss) = (self.config.scope.hub, self.config.max_nav_loss);
                Purpose::Decision { record, hash, hub, max_nav_loss }
            }
            None => Purpose::Call,
        };
        let fee_cap = self.config.fees.max_fee_per_gas;
        let envelope = Envelope { plan: &flight.plan, signed: &flight.signed, purpose, fee_cap };
        match still_fits(&envelope, next, &simulation) {
            Verdict::Fits => None,
            Verdict::Cancel(misfits) => Some(envelope::list(&misfits)),
        }
    }
}
