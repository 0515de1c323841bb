//! Calls that carry no decision: heartbeats, trips of the kill switch, the emergency exit.
//!
//! They take the same road as a decision from the simulation on, through the same outbox, so that the account has one nonce
//! and a crash loses none of them.

use crate::{
    Executor,
    confirm::Simulated,
    fees::{self, MAX_GAS_LIMIT},
    outbox::Job,
    outcome::{ExecuteError, Outcome},
    pipeline::Stop,
};
use alloy::primitives::{Address, Bytes};
use ballast_chain::{Overrides, Simulation};
use ballast_store::{State, Subject};
use serde_json::json;

impl Executor {
    /// Simulates a call from the keeper account in the next block. Nothing is recorded and nothing is sent.
    ///
    /// # Errors
    /// If the chain cannot be asked, and with the reason if the account cannot pay.
    pub async fn simulate_call(&self, to: Address, calldata: Bytes) -> Result<Simulation, ExecuteError> {
        let block = self.next_block().await?;
        match self.plan(to, calldata, &block, MAX_GAS_LIMIT, self.config.fees).await {
            Ok(plan) => self.simulate(&plan, &block, &Overrides::default()).await,
            Err(Stop::Reject(why) | Stop::AwaitSafe { reason: why, .. }) => Err(ExecuteError::Refused(why)),
            Err(Stop::Fail(error)) => Err(error),
        }
    }

    /// Sends a call from the keeper account: simulated, signed, in a private bundle, settled by its receipt. Each call of
    /// this function is a new call on the chain; `purpose` is for the record.
    ///
    /// # Errors
    /// As [`Self::execute`].
    pub async fn send_call(&self, to: Address, calldata: Bytes, purpose: &str) -> Result<Outcome, ExecuteError> {
        let _turn = self.turn.lock().await;
        self.land_call(to, calldata, purpose, 0).await
    }

    /// As [`Self::send_call`], and next: whoever is at it gives way between two states. What was handed to the relay is waited for
    /// until its block has passed (one block), and if it landed until it is final (`confirmations` blocks, its own counted).
    /// `least_gas` is a gas limit that it gets even if it used less in the simulation: for what refuses to judge with little.
    ///
    /// # Errors
    /// As [`Self::execute`].
    pub async fn send_urgent_call(
        &self,
        to: Address,
        calldata: Bytes,
        purpose: &str,
        least_gas: u64,
    ) -> Result<Outcome, ExecuteError> {
        let waiting = self.control.wait_urgently();
        let _turn = self.turn.lock().await;
        drop(waiting);
        self.land_call(to, calldata, purpose, least_gas).await
    }

    async fn land_call(
        &self,
        to: Address,
        calldata: Bytes,
        purpose: &str,
        least_gas: u64,
    ) -> Result<Outcome, ExecuteError> {
        self.settle_open().await?;
        self.find_late(None).await?;
        let subject = Subject::Call(self.store.put_call(purpose, to, &calldata).await?);
        loop {
            self.find_late(Some(subject)).await?;
            if let Some(outcome) = Outcome::of(&self.store.attempts(subject).await?)? {
                if outcome.state != State::Expired {
                    return Ok(outcome);
                }
                if outcome.attempts >= self.config.max_attempts {
                    return self.give_up(subject, &outcome).await;
                }
            }
            let mut job = self.begin(subject, json!({ "purpose": purpose })).await?;
            match self.prepare_call(&mut job, to, calldata.clone(), least_gas).await {
                Ok(ready) => self.land(&mut job, ready, None).await?,
                Err(stop) => self.stop(&mut job, stop).await?,
            }
        }
    }

    async fn prepare_call(
        &self,
        job: &mut Job,
        to: Address,
        calldata: Bytes,
        least_gas: u64,
    ) -> Result<Simulated, Stop> {
        let block = self.next_block().await?;
        let generous = self.plan(to, calldata, &block, MAX_GAS_LIMIT, self.config.fees).await?;
        self.check_not_landed(job, generous.nonce).await?;
        let first = succeeded(self.simulate(&generous, &block, &Overrides::default()).await?)?;
        let gas_limit = fees::gas_limit(first.gas_used).map_err(|error| Stop::Reject(error.to_string()))?;
        let mut plan = generous;
        plan.gas_limit = plan.gas_limit.min(gas_limit.max(least_gas));
        let (plan, simulation, access) = self.simulate_cheapest(&plan, &block).await?;
        let ready = Simulated { plan, block, simulation: succeeded(simulation)? };
        self.record_simulation(job, &ready, access).await?;
        Ok(ready)
    }
}

fn succeeded(simulation: Simulation) -> Result<Simulation, Stop> {
    if simulation.success {
        return Ok(simulation);
    }
    let why = simulation.revert.as_deref().unwrap_or("it reverted without a reason");
    Err(Stop::Reject(format!("the simulation failed: {why}")))
}
