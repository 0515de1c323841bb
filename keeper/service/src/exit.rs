//! The emergency exit: everything that can be had comes home, riskiest venue first.

use crate::Keeper;
use alloy::{
    primitives::{Address, Bytes, U256},
    sol_types::{SolCall, SolEvent},
};
use ballast_chain::bindings::StrategyHub;
use ballast_executor::{ExecuteError, Outcome};
use serde::Serialize;
use std::cmp::Reverse;

/// How one venue would fare, or fared.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct VenueExit {
    pub adapter: Address,
    /// The operator's name of the venue.
    pub name: String,
    /// It is out of the venue: nothing, or what rounding leaves, remains.
    pub ok: bool,
    /// Assets paid to the vault, base units.
    pub received: U256,
    /// What stays in the venue, base units; the largest number where it cannot be read.
    pub remaining: U256,
    /// What it reverted with; empty if it did not revert, and paid in part or nothing.
    pub reason: Bytes,
}

/// What the exit would do in the next block.
#[derive(Clone, Debug, Serialize)]
pub struct ExitPlan {
    pub venues: Vec<VenueExit>,
    pub gas: u64,
}

impl Keeper {
    /// Simulates the exit from the keeper's account. Nothing is sent.
    ///
    /// # Errors
    /// [`ExecuteError::Refused`] with the hub's reason if it would not let us.
    pub async fn plan_exit(&self) -> Result<ExitPlan, ExecuteError> {
        self.plan(exit_call()).await
    }

    /// What can be had, and the call that brings it: everything at once; and where the state that this needs cannot be read, the venues of which it can.
    pub(crate) async fn plan_what_can_exit(&self) -> Result<(ExitPlan, Bytes), ExecuteError> {
        let error = match self.plan_exit().await {
            Ok(plan) => return Ok((plan, exit_call())),
            Err(error) => error,
        };
        let mut adapters: Vec<Address> = self.observer.deployment().venues.iter().map(|venue| venue.adapter).collect();
        // As the hub orders an exit of everything.
        let score = |adapter: &Address| self.scorer.configured().venue(*adapter).map(|venue| venue.risk_score);
        adapters.sort_by_key(|adapter| Reverse(score(adapter)));
        let (mut found, mut some) = (ExitPlan { venues: Vec::new(), gas: 0 }, Vec::new());
        if error.trouble_of_one_call().is_some() {
            for adapter in adapters {
                match self.plan(exit_venues_call(vec![adapter])).await {
                    Ok(plan) => {
                        found.venues.extend(plan.venues);
                        found.gas = found.gas.saturating_add(plan.gas);
                        some.push(adapter);
                    }
                    Err(error) if error.trouble_of_one_call().is_some() => {
                        tracing::info!(%adapter, %error, "a position cannot be taken home at this block");
                    }
                    Err(error) => return Err(error),
                }
            }
        }
        if some.is_empty() { Err(error) } else { Ok((found, exit_venues_call(some))) }
    }

    async fn plan(&self, call: Bytes) -> Result<ExitPlan, ExecuteError> {
        let simulation = self.executor.simulate_call(self.observer.deployment().hub, call).await?;
        if !simulation.success {
            let why = simulation.revert.unwrap_or_else(|| "no reason given".into());
            return Err(ExecuteError::Refused(format!(
                "the hub refuses the exit: {why}. While the kill switch is not in Exit mode only a guardian or the emergency \
                 Safe may call it; once a depeg is tripped, anyone may"
            )));
        }
        Ok(ExitPlan { venues: self.exits(&simulation.logs), gas: simulation.gas_used })
    }

    /// Sends the exit through the private relay.
    ///
    /// # Errors
    /// As any call of the executor.
    pub async fn send_exit(&self) -> Result<Outcome, ExecuteError> {
        self.executor.send_call(self.observer.deployment().hub, exit_call(), "emergency exit").await
    }

    fn exits(&self, logs: &[alloy::primitives::Log]) -> Vec<VenueExit> {
        let deployment = self.observer.deployment();
        logs.iter()
            .filter(|log| log.address == deployment.hub)
            .filter_map(|log| StrategyHub::EmergencyExit::decode_log(log).ok())
            .map(|event| VenueExit {
                adapter: event.adapter,
                name: deployment
                    .venues
                    .iter()
                    .find(|venue| venue.adapter == event.adapter)
                    .map_or_else(|| event.adapter.to_string(), |venue| venue.name.clone()),
                ok: event.ok,
                received: event.received,
                remaining: event.remaining,
                reason: event.reason.clone(),
            })
            .collect()
    }
}

fn exit_venues_call(adapters: Vec<Address>) -> Bytes {
    StrategyHub::exitVenuesCall { adapters }.abi_encode().into()
}

fn exit_call() -> Bytes {
    StrategyHub::emergencyExitCall {}.abi_encode().into()
}
