//! The second key: it signs a rebalance only after its own check (`StrategyHub.attestor`).
//!
//! The attestor does not take the keeper's word. It decodes the record from its bytes, derives the decision again, takes
//! the presimulated calldata apart and holds it against the record, and reads the outcome from the logs. It has its own
//! configuration; a keeper that is configured for another vault gets no signature. Beyond that it has a policy with counts of its own
//! ([`AttestorPolicy`]): what does not keep to it is for the Safe.

mod guard;
pub mod ledger;
pub mod policy;

pub use guard::GasReceipt;
pub use ledger::LedgerError;
pub use policy::{AttestorPolicy, Exceeded, PolicyConfig};

use crate::{
    approval::{APPROVAL_VALIDITY, in_force},
    fees,
    prediction::{self, Mismatch},
    proof::{self, RebalanceCall, Statement},
    scope::{self, Scope, Unfit},
    signer::{Signer, SignerError},
};
use alloy::primitives::{Address, B256, Signature, keccak256};
use ballast_chain::{Executed, Simulation, TxPlan};
use ballast_store::Cleared;
use ballast_types::{Assets, Bps, DecisionRecord, FeedState};
use guard::Guard;
use policy::Request;
use std::sync::Arc;

/// Derives the decision again from the snapshot, policy and models of a record, and if it was reconsidered, that from both; an error says
/// what differs.
pub type Rederive<'a> = dyn Fn(&DecisionRecord, Option<&DecisionRecord>) -> Result<(), String> + Send + Sync + 'a;

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
    /// For a decision that waited for the Safe: what has become of it since.
    pub approved: Option<ApprovedClaim<'a>>,
    /// The presimulated transaction; its proof is signed by a throwaway key that the simulation put in the attestor's place.
    pub plan: &'a TxPlan,
    /// Timestamp of the block it was simulated in, Unix seconds.
    pub block_timestamp: u64,
    pub presimulation: &'a Simulation,
}

/// A decision that the Safe approved, as things are now.
#[derive(Clone, Copy, Debug)]
pub struct ApprovedClaim<'a> {
    /// The canonical bytes of the decision, reconsidered.
    pub reconsidered: &'a [u8],
    /// When the Safe approved its digest by the hub's account, Unix seconds.
    pub approved_at: u64,
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
    #[error("the Safe's approval is of {approved_at}, expected one in the {APPROVAL_VALIDITY} s before {now}")]
    NotApproved { approved_at: u64, now: u64 },
    #[error("the reconsidered decision is not the one that was approved: {0} differs")]
    Reconsidered(&'static str),
    #[error("the presimulation failed: {0}")]
    Presimulation(String),
    #[error("the presimulation is not what the decision said: {}", prediction::list(.0))]
    Prediction(Vec<Mismatch>),
    #[error("leave to sign was given for {cleared}, the proof's digest is {digest}")]
    OtherDigest { cleared: B256, digest: B256 },
    #[error(
        "the price of ether is not readable in the snapshot, so what its gas costs cannot be held against the policy"
    )]
    NoPrice,
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error("the attestor's ledger was not written: {0}")]
    Interrupted(String),
    #[error(transparent)]
    Signer(#[from] SignerError),
}

/// What the attestor has to say to a claim in which nothing is wrong.
#[derive(Clone, Debug, PartialEq)]
#[must_use]
pub enum Attestation {
    Signed(Statement, Signature),
    /// More than the attestor may let pass: the same move may be approved by the Safe. Never empty.
    NeedsSafe(Vec<Exceeded>),
}

/// Holds the second key.
#[derive(Clone, Debug)]
pub struct Attestor {
    signer: Arc<dyn Signer>,
    bounds: AttestorBounds,
    guard: Option<Arc<Guard>>,
}

impl Attestor {
    /// Without a policy: it makes all its checks and counts nothing.
    #[must_use]
    pub fn new(signer: Arc<dyn Signer>, bounds: AttestorBounds) -> Self {
        Self { signer, bounds, guard: None }
    }

    /// With a policy, as the service has it.
    ///
    /// # Errors
    /// [`LedgerError`] if the ledger is not to be had or not what was written.
    pub fn with_policy(self, config: &PolicyConfig) -> Result<Self, LedgerError> {
        Ok(Self { guard: Some(Arc::new(Guard::open(config)?)), ..self })
    }

    #[must_use]
    pub fn address(&self) -> Address {
        self.signer.address()
    }

    /// The digest that the attestor would sign for this calldata, to be recorded with the presimulation and cleared by the store.
    ///
    /// # Errors
    /// [`AttestError::NotARebalance`].
    pub fn digest(&self, calldata: &[u8]) -> Result<B256, AttestError> {
        Ok(self.digest_of(&proof::decode(calldata).ok_or(AttestError::NotARebalance)?))
    }

    /// Checks the claim, holds it against the policy and signs the proof's digest, for which leave must have been given.
    ///
    /// # Errors
    /// The first thing that is not as it should be; then nothing is signed.
    pub async fn attest(
        &self,
        claim: &Claim<'_>,
        rederive: &Rederive<'_>,
        cleared: Cleared,
    ) -> Result<Attestation, AttestError> {
        let (call, expected, event) = self.check(claim, rederive)?;
        let digest = self.digest_of(&call);
        if cleared.digest() != digest {
            return Err(AttestError::OtherDigest { cleared: cleared.digest(), digest });
        }
        if let Some(guard) = &self.guard {
            let (guard, request) = (Arc::clone(guard), request(claim, &expected, &event)?);
            let admitted = tokio::task::spawn_blocking(move || guard.admit(&request)).await;
            let exceeded = admitted.map_err(|error| AttestError::Interrupted(error.to_string()))??;
            if !exceeded.is_empty() {
                return Ok(Attestation::NeedsSafe(exceeded));
            }
        }
        Ok(Attestation::Signed(call.statement, self.signer.sign_hash(cleared).await?))
    }

    /// Whether it has a policy, and so counts.
    #[must_use]
    pub const fn counts(&self) -> bool {
        self.guard.is_some()
    }

    /// Counts what a transaction of the keeper cost in fact, against the yearly budget, in place of what was set aside for it.
    ///
    /// # Errors
    /// [`AttestError::NoPrice`], [`AttestError::Ledger`].
    pub async fn note_gas(&self, receipt: GasReceipt, eth_usd: &FeedState) -> Result<(), AttestError> {
        let Some(guard) = self.guard.clone() else { return Ok(()) };
        let GasReceipt { tx, decision, gas_used, effective_gas_price, block_time: time } = receipt;
        let cost = guard::cost(gas_used, effective_gas_price, eth_usd).ok_or(AttestError::NoPrice)?;
        let entry = ledger::Entry::Spent { time, tx, decision, gas_cost: guard::units(cost) };
        let written = tokio::task::spawn_blocking(move || guard.spent(entry)).await;
        Ok(written.map_err(|error| AttestError::Interrupted(error.to_string()))??)
    }

    /// Whether the key is still the one it was and may be used.
    ///
    /// # Errors
    /// As [`Signer::check`].
    pub async fn check_key(&self) -> Result<(), SignerError> {
        self.signer.check().await
    }

    fn digest_of(&self, call: &RebalanceCall) -> B256 {
        let Scope { chain_id, vault, hub } = self.bounds.scope;
        proof::digest(chain_id, hub, vault, &call.targets, &call.statement)
    }

    fn check(
        &self,
        claim: &Claim<'_>,
        rederive: &Rederive<'_>,
    ) -> Result<(RebalanceCall, DecisionRecord, Executed), AttestError> {
        let found = keccak256(claim.record);
        if found != claim.decision_hash {
            return Err(AttestError::Hash { found, expected: claim.decision_hash });
        }
        let record =
            DecisionRecord::from_canonical(claim.record).map_err(|error| AttestError::Malformed(error.to_string()))?;
        let targets = scope::admit(&record, claim.decision_hash, &self.bounds.scope)?;
        let expected = Self::check_approved(claim, &record, &self.bounds.scope)?;
        rederive(&record, expected.as_ref()).map_err(AttestError::NotReproduced)?;
        let hub = expected.as_ref().unwrap_or(&record).snapshot.hub.attestor;
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
        // What a decision said before it waited is not what it does now.
        let expected = expected.unwrap_or(record);
        prediction::check(&expected, claim.decision_hash, &event, self.bounds.max_nav_loss)
            .map_err(AttestError::Prediction)?;
        Ok((call, expected, event))
    }

    /// The decision as it was reconsidered: the same move, passed by every gate, approved in time.
    fn check_approved(
        claim: &Claim<'_>,
        record: &DecisionRecord,
        scope: &Scope,
    ) -> Result<Option<DecisionRecord>, AttestError> {
        let Some(ApprovedClaim { reconsidered, approved_at }) = claim.approved else { return Ok(None) };
        let now = claim.block_timestamp;
        if !in_force(approved_at, now) {
            return Err(AttestError::NotApproved { approved_at, now });
        }
        let expected = DecisionRecord::from_canonical(reconsidered)
            .map_err(|error| AttestError::Malformed(format!("reconsidered: {error}")))?;
        let targets = scope::admit(&expected, keccak256(reconsidered), scope)?;
        let differs = |what| Err(AttestError::Reconsidered(what));
        match () {
            () if !expected.policy.equals_but_for_scores(&record.policy) => differs("the policy"),
            () if expected.snapshot.hub.nonce != record.snapshot.hub.nonce => differs("the hub's nonce"),
            () if proof::allocations(targets) != proof::allocations(record.decision.targets()) => differs("a target"),
            () => Ok(Some(expected)),
        }
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

/// What the policy is to judge, from what was executed and not from what was said about it.
fn request(claim: &Claim<'_>, expected: &DecisionRecord, event: &Executed) -> Result<Request, AttestError> {
    let simulation = claim.presimulation;
    // More than a transaction may have does not get that far; the bound on the fee refuses it here.
    let gas_limit = fees::gas_limit(simulation.gas_used).unwrap_or(u64::MAX);
    let max_fee_per_gas = claim.plan.max_fee_per_gas;
    let gas_cost = guard::cost(gas_limit, max_fee_per_gas, &expected.snapshot.eth_usd).ok_or(AttestError::NoPrice)?;
    let turnover = event.legs.iter().map(|leg| leg.before.0.abs_diff(leg.after.0)).fold(0, u128::saturating_add);
    Ok(Request {
        decision: claim.decision_hash,
        nonce: event.nonce,
        block_time: claim.block_timestamp,
        nav: event.nav_before,
        turnover: Assets(turnover),
        max_fee_per_gas,
        gas_limit,
        gas_cost,
        approved: claim.approved.is_some(),
    })
}
