//! From a decision record to a settled transaction.
//!
//! presimulate with the attestor check overridden → attest → simulate the final calldata for the next block → sign → bundle
//! for that block only → wait for the block → receipt or expiry. Each arrow is a transition of the outbox.

use crate::{
    approval::{Order, approval_digest},
    attestor::{ApprovedClaim, Attestor, Claim, Rederive},
    chain::Chain,
    config::{ConfigError, ExecutorConfig},
    confirm::Simulated,
    control::Control,
    fees::{self, MAX_GAS_LIMIT, Worth},
    flight::Flight,
    outbox::Job,
    outcome::{ExecuteError, Outcome},
    prediction,
    proof::{self, Statement},
    relay::Relay,
    scope,
    signer::Signer,
};
use alloy::{
    consensus::SignableTransaction,
    eips::eip2718::Encodable2718,
    primitives::{Address, B256, Bytes},
    signers::{SignerSync as _, local::PrivateKeySigner},
};
use ballast_chain::{BlockContext, Overrides, Simulation};
use ballast_store::{Facts, State, Store, Subject};
use ballast_types::{Action, DecisionRecord};
use serde_json::json;
use std::sync::Arc;
use tokio::sync::Mutex;

/// What the executor works with.
#[derive(Debug)]
pub struct Parts {
    pub chain: Arc<dyn Chain>,
    /// Opened for writing: holding it is holding the lease.
    pub store: Arc<Store>,
    /// The keeper account.
    pub signer: Arc<dyn Signer>,
    pub attestor: Attestor,
    pub relay: Arc<dyn Relay>,
}

/// Lands decisions and calls, one at a time, each at most once.
#[derive(Debug)]
pub struct Executor {
    pub(crate) config: ExecutorConfig,
    pub(crate) chain: Arc<dyn Chain>,
    pub(crate) store: Arc<Store>,
    pub(crate) signer: Arc<dyn Signer>,
    pub(crate) attestor: Attestor,
    pub(crate) relay: Arc<dyn Relay>,
    /// One account, one nonce, one attempt.
    pub(crate) turn: Mutex<()>,
    pub(crate) control: Control,
}

/// Why an attempt ends before anything was sent.
pub(crate) enum Stop {
    /// It is refused, and its decision with it.
    Reject(String),
    /// It waits until the Safe has approved this digest.
    AwaitSafe { digest: B256, reason: String },
    /// Something it needs did not work; the decision itself may be fine.
    Fail(ExecuteError),
}

impl<E: Into<ExecuteError>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Fail(error.into())
    }
}

impl Executor {
    /// # Errors
    /// [`ConfigError`] if a number is out of range, if keeper and attestor are one key, or for a drill outside the
    /// development chain.
    pub fn new(config: ExecutorConfig, parts: Parts) -> Result<Self, ConfigError> {
        config.validate()?;
        let Parts { chain, store, signer, attestor, relay } = parts;
        if signer.address() == attestor.address() {
            return Err(ConfigError::SameKey(signer.address()));
        }
        let (turn, control) = (Mutex::new(()), Control::default());
        Ok(Self { config, chain, store, signer, attestor, relay, turn, control })
    }

    /// Stops it in order, and shows whether it makes progress.
    #[must_use]
    pub const fn control(&self) -> &Control {
        &self.control
    }

    /// The keeper's key.
    #[must_use]
    pub fn signer(&self) -> Arc<dyn Signer> {
        Arc::clone(&self.signer)
    }

    /// The keeper account.
    #[must_use]
    pub fn account(&self) -> Address {
        self.signer.address()
    }

    /// Executes a decision: attempts it block after block until it lands, is refused, or is no longer fresh. A decision that
    /// was concluded before is not executed again; its outcome is returned.
    ///
    /// # Errors
    /// [`ExecuteError`] if something that is needed does not work. What was done is recorded: call again, or
    /// [`Self::resume`] after a restart.
    pub async fn execute(&self, record: &DecisionRecord, rederive: &Rederive<'_>) -> Result<Outcome, ExecuteError> {
        let hash = self.store.put_decision(record).await?;
        self.carry_out(&Order { record, hash, approved: None }, rederive).await
    }

    /// As [`Self::execute`], for a decision that waited for the Safe. `reconsidered` is what the decision is expected to do now. Whether the
    /// Safe has approved it is asked here, and not taken from the caller: the attestor's bounds yield to it.
    ///
    /// # Errors
    /// As [`Self::execute`].
    pub async fn execute_approved(
        &self,
        record: &DecisionRecord,
        reconsidered: &DecisionRecord,
        rederive: &Rederive<'_>,
    ) -> Result<Outcome, ExecuteError> {
        let hash = self.store.put_decision(record).await?;
        let approved_at = self.approved_at(approval_digest(record, hash)).await?;
        self.carry_out(&Order { record, hash, approved: Some((reconsidered, approved_at)) }, rederive).await
    }

    async fn carry_out(&self, order: &Order<'_>, rederive: &Rederive<'_>) -> Result<Outcome, ExecuteError> {
        let _turn = self.turn.lock().await;
        let Order { record, hash, .. } = *order;
        if record.decision.action == Action::Hold {
            return Err(ExecuteError::Hold);
        }
        self.settle_open().await?;
        self.find_late(None).await?;
        let subject = Subject::Decision(hash);
        loop {
            self.find_late(Some(subject)).await?;
            let attempts = self.store.attempts(subject).await?;
            let mut waited = None;
            if let Some(outcome) = Outcome::of(&attempts)? {
                waited = attempts.last().filter(|last| order.approved.is_some() && last.state == State::AwaitingSafe);
                let spent = outcome.attempts >= self.config.max_attempts;
                if outcome.state != State::Expired && waited.is_none() {
                    return Ok(outcome);
                }
                if spent && waited.is_none() {
                    return self.give_up(subject, &outcome).await;
                }
                // The decision stays expired; the next cycle makes another.
                if self.control.must_give_way() {
                    return Ok(outcome);
                }
            }
            let mut job = match waited {
                Some(attempt) => Job::from(attempt),
                None => {
                    let (block, nonce) = (record.snapshot.block.number, record.snapshot.hub.nonce);
                    self.begin(subject, json!({ "snapshot_block": block, "nonce": nonce })).await?
                }
            };
            match self.prepare(&mut job, order, rederive).await {
                Ok(ready) => self.land(&mut job, ready, Some((order.expected(), hash))).await?,
                // The Safe's word holds for a day: what stands in the way now need not later.
                Err(Stop::Reject(reason)) if order.approved.is_some() => {
                    self.end(&mut job, State::Expired, format!("not now: {reason}")).await?;
                    return self.outcome(subject).await;
                }
                Err(stop) => self.stop(&mut job, stop).await?,
            }
        }
    }

    /// Ends an attempt that stopped; an error is returned after it is recorded.
    pub(crate) async fn stop(&self, job: &mut Job, stop: Stop) -> Result<(), ExecuteError> {
        match stop {
            Stop::Reject(reason) => self.end(job, State::Rejected, reason).await,
            Stop::AwaitSafe { digest, reason } => self.await_safe(job, digest, reason).await,
            // The store is what failed: there is nowhere to write that down.
            Stop::Fail(ExecuteError::Store(error)) => Err(error.into()),
            Stop::Fail(error) => {
                self.end(job, State::Expired, format!("nothing was sent: {error}")).await?;
                Err(error)
            }
        }
    }

    pub(crate) async fn give_up(&self, subject: Subject, outcome: &Outcome) -> Result<Outcome, ExecuteError> {
        let last = outcome.reason.as_deref().unwrap_or("it expired");
        let reason = format!("given up after {} attempts; the last: {last}", outcome.attempts);
        let attempts = self.store.attempts(subject).await?;
        if let Some(attempt) = attempts.last() {
            self.end(&mut Job::from(attempt), State::Rejected, reason).await?;
        }
        self.outcome(subject).await
    }

    /// The outcome as the store has it.
    pub(crate) async fn outcome(&self, subject: Subject) -> Result<Outcome, ExecuteError> {
        let outcome = Outcome::of(&self.store.attempts(subject).await?)?;
        // Asked only about subjects that have an attempt.
        Ok(outcome.unwrap_or(Outcome { subject, state: State::Expired, attempts: 0, reason: None, landing: None }))
    }

    /// Everything up to a final simulation that did what the decision said.
    async fn prepare(&self, job: &mut Job, order: &Order<'_>, rederive: &Rederive<'_>) -> Result<Simulated, Stop> {
        let (Order { record, hash, .. }, expected) = (*order, order.expected());
        let targets =
            scope::admit(record, hash, &self.config.scope).map_err(|unfit| Stop::Reject(unfit.to_string()))?;
        let block = self.next_block().await?;
        self.check_fresh(expected, &block).await?;
        let canonical = |record: &DecisionRecord| match record.to_canonical() {
            Ok(bytes) => Ok(Bytes::from(bytes)),
            Err(error) => Err(Stop::Reject(error.to_string())),
        };
        let bytes = canonical(record)?;
        let approved = match order.approved {
            None => None,
            Some((reconsidered, approved_at)) => Some((canonical(reconsidered)?, approved_at)),
        };
        let reconsidered =
            approved.as_ref().map(|(bytes, approved_at)| json!({ "record": bytes, "approved_at": approved_at }));
        let detail = json!({ "target_block": block.number, "reconsidered": reconsidered });
        self.step(job, State::Gated, Facts::default(), detail).await?;

        let presimulated = self.presimulate(order, targets, block).await?;
        self.record_presimulation(job, &presimulated).await?;

        let claim = Claim {
            record: &bytes,
            decision_hash: hash,
            approved: approved
                .as_ref()
                .map(|(reconsidered, approved_at)| ApprovedClaim { reconsidered, approved_at: *approved_at }),
            plan: &presimulated.plan,
            block_timestamp: presimulated.block.timestamp,
            presimulation: &presimulated.simulation,
        };
        let (statement, signature) =
            self.attested(job, order, &claim, presimulated.block.parent_hash, rederive).await?;
        let calldata = proof::calldata(proof::allocations(targets), &statement, &signature);
        let facts =
            Facts { calldata: Some(calldata.clone()), valid_until: Some(statement.valid_until), ..Facts::default() };
        let detail = json!({ "attestor": self.attestor.address(), "valid_until": statement.valid_until });
        self.step(job, State::Attested, facts, detail).await?;

        let gas = presimulated.simulation.gas_used;
        let gas_limit = fees::gas_limit(gas).map_err(|error| Stop::Reject(error.to_string()))?;
        let worth =
            Worth::of(expected).ok_or_else(|| Stop::Reject("the decision does not say what it expects".to_owned()))?;
        let caps = self.config.fees.for_move(&worth, gas).map_err(|error| Stop::Reject(error.to_string()))?;
        let block = self.next_block().await?;
        self.check_fresh(expected, &block).await?;
        let plan = self.plan(self.config.scope.hub, calldata, &block, gas_limit, caps).await?;
        let (plan, simulation, access) = self.simulate_cheapest(&plan, &block).await?;
        self.check_prediction(expected, hash, &simulation, "final simulation")?;
        let ready = Simulated { plan, block, simulation };
        self.record_simulation(job, &ready, access).await?;
        Ok(ready)
    }

    /// Runs the move as it would be, with a throwaway key in the attestor's place so that no real signature exists yet.
    async fn presimulate(
        &self,
        order: &Order<'_>,
        targets: &[ballast_types::Target],
        block: BlockContext,
    ) -> Result<Simulated, Stop> {
        let (Order { record, hash, .. }, scope) = (*order, &self.config.scope);
        let slot = self.chain.attestor_slot(scope.hub).await?;
        let attestor = slot.attestor();
        if attestor != self.attestor.address() {
            let own = self.attestor.address();
            return Err(Stop::Reject(format!(
                "the hub's attestor is {attestor}, ours is {own}; configure the right key"
            )));
        }
        let statement = Statement {
            decision_hash: hash,
            nonce: record.snapshot.hub.nonce,
            valid_until: block.timestamp.saturating_add(self.config.proof_validity),
        };
        let allocations = proof::allocations(targets);
        let digest = proof::digest(scope.chain_id, scope.hub, scope.vault, &allocations, &statement);
        let throwaway = PrivateKeySigner::random();
        let signature = throwaway.sign_hash_sync(&digest).map_err(|error| Stop::Reject(error.to_string()))?;
        let calldata = proof::calldata(allocations, &statement, &signature);
        let plan = self.plan(scope.hub, calldata, &block, MAX_GAS_LIMIT, self.config.fees).await?;
        let overrides = Overrides::attestor(scope.hub, &slot, throwaway.address());
        let simulation = self.simulate(&plan, &block, &overrides).await?;
        if let Some(stop) = self.wants_approval(order, &simulation) {
            return Err(stop);
        }
        self.check_prediction(order.expected(), hash, &simulation, "presimulation")?;
        Ok(Simulated { plan, block, simulation })
    }

    pub(crate) fn check_prediction(
        &self,
        record: &DecisionRecord,
        hash: B256,
        simulation: &Simulation,
        which: &str,
    ) -> Result<(), Stop> {
        let differs = |list: &[prediction::Mismatch]| {
            Stop::Reject(format!("the {which} is not what the decision said: {}", prediction::list(list)))
        };
        if !simulation.success {
            let why = simulation.revert.as_deref().unwrap_or("it reverted without a reason");
            return Err(Stop::Reject(format!("the {which} failed: {why}")));
        }
        let event = prediction::executed(&simulation.logs, self.config.scope.hub).map_err(|one| differs(&[one]))?;
        prediction::check(record, hash, &event, self.config.max_nav_loss).map_err(|list| differs(&list))
    }

    /// The snapshot's block is still canonical and not too far back.
    async fn check_fresh(&self, record: &DecisionRecord, target: &BlockContext) -> Result<(), Stop> {
        let observed = &record.snapshot.block;
        let age = target.number.saturating_sub(observed.number);
        if age > self.config.max_decision_blocks {
            let limit = self.config.max_decision_blocks;
            return Err(Stop::Reject(format!("the decision is {age} blocks old, at most {limit} are allowed")));
        }
        match self.chain.block_hash(observed.number).await? {
            Some(hash) if hash == observed.hash => Ok(()),
            _ => Err(Stop::Reject(format!(
                "block {} {} of the snapshot was reorganised away",
                observed.number, observed.hash
            ))),
        }
    }

    /// Signs what was simulated, hands it to the relay, and settles it. `purpose` is the decision it carries out.
    pub(crate) async fn land(
        &self,
        job: &mut Job,
        ready: Simulated,
        purpose: Option<(&DecisionRecord, B256)>,
    ) -> Result<(), ExecuteError> {
        let Simulated { plan, block, simulation } = ready;
        let transaction = plan.unsigned();
        let signature = match self.sign(job, transaction.signature_hash(), block.parent_hash).await {
            Ok(signature) => signature,
            Err(error) => return self.stop(job, error.into()).await,
        };
        let signed = transaction.into_signed(signature);
        let (raw_tx, tx_hash) = (Bytes::from(signed.encoded_2718()), *signed.hash());
        let facts = Facts { raw_tx: Some(raw_tx.clone()), tx_hash: Some(tx_hash), ..Facts::default() };
        self.step(job, State::Signed, facts, json!({ "tx_hash": tx_hash })).await?;

        let window = self.config.offer.window(&block);
        let mut flight = Flight::new((raw_tx, tx_hash), (plan, simulation), &block, window, purpose);
        self.step(job, State::Submitted, Facts::default(), json!({ "target_block": window.last_block() })).await?;
        let refused = match self.relay.submit(&flight.submission).await {
            Ok(bundle_hash) => {
                self.store.note_bundle(job.id, bundle_hash).await?;
                None
            }
            // Whatever the relay says, the chain has the last word: its block is waited for all the same.
            Err(error) => {
                tracing::warn!(attempt = job.id.0, %error, "relay");
                Some(error.to_string())
            }
        };
        self.settle(job, refused, Some(&mut flight)).await
    }
}
