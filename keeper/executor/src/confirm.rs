//! From a simulation to leave to sign: others confirm it, it is recorded under its id, and the store clears exactly that.

use crate::{
    Executor,
    approval::Order,
    attestor::{AttestError, Attestation, Claim, Rederive, policy},
    outbox::Job,
    outcome::ExecuteError,
    pipeline::Stop,
    proof::Statement,
    reconcile::Expected,
    signer::SignerError,
};
use alloy::{
    consensus::SignableTransaction,
    primitives::{B256, Signature},
};
use ballast_chain::{AccessChoice, BlockContext, Confirmation, Simulation, TxPlan, Unconfirmed};
use ballast_store::{Facts, State, StoreError, with_simulation_id};
use serde_json::{Value, json, to_value};

/// What is on record about an access list: gas used without and with it, and whether it is attached.
pub(crate) type AccessRecord = Value;

/// A transaction that ran for the block it is for.
pub(crate) struct Simulated {
    pub(crate) plan: TxPlan,
    pub(crate) block: BlockContext,
    pub(crate) simulation: Simulation,
}

impl Executor {
    /// The plan with an access list if that uses less gas, and its simulation.
    pub(crate) async fn simulate_cheapest(
        &self,
        plan: &TxPlan,
        block: &BlockContext,
    ) -> Result<(TxPlan, Simulation, AccessRecord), Stop> {
        let choice = self.chain.with_access_list(plan, block).await.map_err(ExecuteError::from)?;
        let AccessChoice { plan, simulation, without, with } = choice;
        let access = json!({
            "gas_without": without,
            "gas_with": with,
            "attached": !plan.access_list.is_empty(),
            "accounts": plan.access_list.len(),
            "slots": plan.access_list.storage_keys_count(),
        });
        Ok((plan, simulation, access))
    }

    /// Records the presimulation under the digest that the attestor is to sign because of it.
    pub(crate) async fn record_presimulation(&self, job: &mut Job, presimulated: &Simulated) -> Result<(), Stop> {
        let Simulated { plan, block, simulation } = presimulated;
        let digest = self.attestor.digest(&plan.input).map_err(|error| Stop::Reject(error.to_string()))?;
        let facts = Facts { simulation: Some(stored(simulation, digest, block)?), ..Facts::default() };
        let detail = json!({ "block": block.number, "gas_used": simulation.gas_used });
        Ok(self.step(job, State::Presimulated, facts, detail).await?)
    }

    /// The attestor's signature, or why there is none.
    pub(crate) async fn attested(
        &self,
        job: &Job,
        order: &Order<'_>,
        claim: &Claim<'_>,
        parent: B256,
        rederive: &Rederive<'_>,
    ) -> Result<(Statement, Signature), Stop> {
        let digest = self.attestor.digest(&claim.plan.input).map_err(|error| Stop::Reject(error.to_string()))?;
        let cleared = self.store.clear(job.id, digest, parent).await?;
        match self.attestor.attest(claim, rederive, cleared).await {
            Ok(Attestation::Signed(statement, signature)) => Ok((statement, signature)),
            Ok(Attestation::NeedsSafe(exceeded)) => {
                let bounds = policy::list(&exceeded);
                let askable = exceeded.iter().all(|exceeded| exceeded.bound.yields_to_the_safe());
                if self.config.asks_safe && order.approved.is_none() && askable {
                    let reason = format!("beyond the attestor's policy: {bounds}");
                    return Err(Stop::AwaitSafe { digest: order.approval_digest(), reason });
                }
                Err(Stop::Reject(format!("beyond the attestor's policy, it needs the Safe's approval: {bounds}")))
            }
            Err(AttestError::Signer(error)) => Err(error.into()),
            Err(error @ (AttestError::Ledger(_) | AttestError::Interrupted(_))) => {
                Err(ExecuteError::Attestor(error.to_string()).into())
            }
            Err(refusal) => Err(Stop::Reject(format!("the attestor refused: {refusal}"))),
        }
    }

    /// Has the final simulation confirmed by others, and records it with what they said.
    pub(crate) async fn record_simulation(
        &self,
        job: &mut Job,
        ready: &Simulated,
        access: AccessRecord,
    ) -> Result<(), Stop> {
        let Simulated { plan, block, simulation } = ready;
        let confirmation = match self.chain.confirm(plan, block, simulation).await {
            Ok(confirmation) => confirmation,
            // The move itself is in question: it is not tried again.
            Err(Unconfirmed::Disagreement(why)) => {
                return Err(Stop::Reject(format!("hold, for two EVMs do not agree about it: {why}")));
            }
            Err(Unconfirmed::Simulation(error)) => return Err(error.into()),
            Err(other) => return Err(ExecuteError::from(Box::new(other)).into()),
        };
        let facts = Facts {
            account: Some(plan.from),
            account_nonce: Some(plan.nonce),
            calldata: Some(plan.input.clone()),
            target_block: Some(self.config.offer.window(block).last_block()),
            target_timestamp: Some(block.timestamp),
            simulation: Some(stored(simulation, plan.unsigned().signature_hash(), block)?),
            ..Facts::default()
        };
        let detail = json!({
            "block": block.number,
            "parent": block.parent_hash,
            "timestamp": block.timestamp,
            "gas_used": simulation.gas_used,
            "gas_limit": plan.gas_limit,
            "max_fee_per_gas": plan.max_fee_per_gas.to_string(),
            "nonce": plan.nonce,
            "access_list": access,
            "confirmed": confirmed(&confirmation),
        });
        Ok(self.step(job, State::Simulated, facts, detail).await?)
    }

    /// The keeper's signature of what the attempt's simulation is on record for.
    pub(crate) async fn sign(&self, job: &Job, digest: B256, parent: B256) -> Result<Signature, ExecuteError> {
        let cleared = self.store.clear(job.id, digest, parent).await?;
        Ok(self.signer.sign_hash(cleared).await?)
    }

    /// Whether the keeper's and the attestor's key are still the ones they were and may be used.
    ///
    /// # Errors
    /// [`SignerError`] of the first that is not.
    pub async fn check_keys(&self) -> Result<(), SignerError> {
        self.signer.check().await?;
        self.attestor.check_key().await
    }
}

fn stored(simulation: &Simulation, digest: B256, block: &BlockContext) -> Result<Value, StoreError> {
    Ok(with_simulation_id(to_value(Expected::from(simulation))?, digest, block.parent_hash))
}

fn confirmed(confirmation: &Confirmation) -> Value {
    let quorum = confirmation.quorum.as_ref().map(|vouched| {
        let said = vouched.testimonies.iter().map(|(endpoint, testimony)| format!("{endpoint} {testimony}"));
        json!({ "agreed": vouched.agreed, "endpoints": vouched.endpoints, "said": said.collect::<Vec<_>>() })
    });
    json!({ "quorum": quorum, "second_opinion": confirmation.second_opinion })
}
