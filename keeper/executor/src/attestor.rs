//! The second key: it signs a rebalance only after its own check (`StrategyHub.attestor`).
//!
//! The attestor does not take the keeper's word. It decodes the record from its bytes, derives the decision again, takes
//! the presimulated calldata apart and holds it against the record, and reads the outcome from the logs. It has its own
//! configuration; a keeper that is configured for another vault gets no signature.

use crate::{
    prediction::{self, Mismatch},
    proof::{self, RebalanceCall, Statement},
    scope::{self, Scope, Unfit},
    signer::{Signer, SignerError},
};
use alloy::primitives::{Address, B256, Signature, keccak256};
use ballast_chain::{Simulation, TxPlan};
use ballast_types::{Bps, DecisionRecord};
use std::sync::Arc;

/// Derives the decision again from the snapshot, policy and models of a record; an error says what differs.
pub type Rederive<'a> = dyn Fn(&DecisionRecord) -> Result<(), String> + Send + Sync + 'a;

/// The attestor's own configuration.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AttestorBounds {
    pub scope: Scope,
    /// The only account whose transactions are attested.
    pub keeper: Address,
    /// The most of NAV that a move may lose.
    pub max_nav_loss: Bps,
    /// Seconds from the presimulated block for which a proof may be valid.
    pub max_validity: u64,
}

/// What is to be attested.
#[derive(Clone, Copy, Debug)]
pub struct Claim<'a> {
    /// The canonical bytes of the decision record.
    pub record: &'a [u8],
    pub decision_hash: B256,
    /// The presimulated transaction; its proof is signed by a throwaway key that the simulation put in the attestor's place.
    pub plan: &'a TxPlan,
    /// Timestamp of the block it was simulated in, Unix seconds.
    pub block_timestamp: u64,
    pub presimulation: &'a Simulation,
}

/// Why the attestor does not sign.
#[derive(Debug, thiserror::Error)]
pub enum AttestError {
    #[error("the record's bytes are not canonical: {0}")]
    Malformed(String),
    #[error("the record's bytes hash to {found}, the claim is about {expected}")]
    Hash { found: B256, expected: B256 },
    #[error(transparent)]
    Unfit(#[from] Unfit),
    #[error("deriving the decision again gives something else: {0}")]
    NotReproduced(String),
    #[error("the hub's attestor is {hub}, this key is {own}; configure the right key or have governance set it")]
    NotTheAttestor { hub: Address, own: Address },
    #[error("the transaction's {what} is {found}, expected {expected}")]
    Transaction { what: &'static str, found: String, expected: String },
    #[error("the calldata is not a call of rebalance in canonical encoding")]
    NotARebalance,
    #[error("the targets in the calldata are not the decision's")]
    Targets,
    #[error("the proof carries nonce {found}, the hub stood at {expected} in the snapshot")]
    Nonce { found: u64, expected: u64 },
    #[error("the proof is valid until {valid_until}, expected between {from} and {until}")]
    Validity { valid_until: u64, from: u64, until: u64 },
    #[error("the presimulation failed: {0}")]
    Presimulation(String),
    #[error("the presimulation is not what the decision said: {}", prediction::list(.0))]
    Prediction(Vec<Mismatch>),
    #[error(transparent)]
    Signer(#[from] SignerError),
}

/// Holds the second key.
#[derive(Clone, Debug)]
pub struct Attestor {
    signer: Arc<dyn Signer>,
    bounds: AttestorBounds,
}

impl Attestor {
    #[must_use]
    pub fn new(signer: Arc<dyn Signer>, bounds: AttestorBounds) -> Self {
        Self { signer, bounds }
    }

    #[must_use]
    pub fn address(&self) -> Address {
        self.signer.address()
    }

    /// Checks the claim and signs the proof's digest.
    ///
    /// # Errors
    /// The first thing that is not as it should be; then nothing is signed.
    pub async fn attest(
        &self,
        claim: &Claim<'_>,
        rederive: &Rederive<'_>,
    ) -> Result<(Statement, Signature), AttestError> {
        let call = self.check(claim, rederive)?;
        let Scope { chain_id, vault, hub } = self.bounds.scope;
        let digest = proof::digest(chain_id, hub, vault, &call.targets, &call.statement);
        Ok((call.statement, self.signer.sign_hash(digest).await?))
    }

    fn check(&self, claim: &Claim<'_>, rederive: &Rederive<'_>) -> Result<RebalanceCall, AttestError> {
        let found = keccak256(claim.record);
        if found != claim.decision_hash {
            return Err(AttestError::Hash { found, expected: claim.decision_hash });
        }
        let record =
            DecisionRecord::from_canonical(claim.record).map_err(|error| AttestError::Malformed(error.to_string()))?;
        let targets = scope::admit(&record, claim.decision_hash, &self.bounds.scope)?;
        rederive(&record).map_err(AttestError::NotReproduced)?;
        let hub = record.snapshot.hub.attestor;
        if hub != self.address() {
            return Err(AttestError::NotTheAttestor { hub, own: self.address() });
        }

        let call = self.check_transaction(claim.plan)?;
        if call.targets != proof::allocations(targets) {
            return Err(AttestError::Targets);
        }
        self.check_statement(&call.statement, claim, &record)?;

        if !claim.presimulation.success {
            let why = claim.presimulation.revert.clone().unwrap_or_else(|| "it reverted without a reason".to_owned());
            return Err(AttestError::Presimulation(why));
        }
        let event = prediction::executed(&claim.presimulation.logs, self.bounds.scope.hub)
            .map_err(|mismatch| AttestError::Prediction(vec![mismatch]))?;
        prediction::check(&record, claim.decision_hash, &event, self.bounds.max_nav_loss)
            .map_err(AttestError::Prediction)?;
        Ok(call)
    }

    fn check_transaction(&self, plan: &TxPlan) -> Result<RebalanceCall, AttestError> {
        let differs = |what, found: String, expected: String| Err(AttestError::Transaction { what, found, expected });
        let scope = &self.bounds.scope;
        if plan.chain_id != scope.chain_id {
            return differs("chain id", plan.chain_id.to_string(), scope.chain_id.to_string());
        }
        if plan.to != scope.hub {
            return differs("destination", plan.to.to_string(), format!("the hub {}", scope.hub));
        }
        if plan.from != self.bounds.keeper {
            return differs("sender", plan.from.to_string(), format!("the keeper {}", self.bounds.keeper));
        }
        proof::decode(&plan.input).ok_or(AttestError::NotARebalance)
    }

    fn check_statement(
        &self,
        statement: &Statement,
        claim: &Claim<'_>,
        record: &DecisionRecord,
    ) -> Result<(), AttestError> {
        if statement.decision_hash != claim.decision_hash {
            return Err(AttestError::Hash { found: statement.decision_hash, expected: claim.decision_hash });
        }
        let expected = record.snapshot.hub.nonce;
        if statement.nonce != expected {
            return Err(AttestError::Nonce { found: statement.nonce, expected });
        }
        let from = claim.block_timestamp;
        let until = from.saturating_add(self.bounds.max_validity);
        let valid_until = statement.valid_until;
        if !(from..=until).contains(&valid_until) {
            return Err(AttestError::Validity { valid_until, from, until });
        }
        Ok(())
    }
}
