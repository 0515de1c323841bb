//! Calls that somebody else decided on and the keeper's account sends: executions of Safe transactions.

use crate::Keeper;
use alloy::primitives::{Address, Bytes};
use ballast_chain::Simulation;
use ballast_executor::{ExecuteError, Outcome};

impl Keeper {
    /// Simulates a call from the keeper's account in the next block. Nothing is sent.
    ///
    /// # Errors
    /// As [`ballast_executor::Executor::simulate_call`].
    pub async fn simulate_call(&self, to: Address, calldata: Bytes) -> Result<Simulation, ExecuteError> {
        self.executor.simulate_call(to, calldata).await
    }

    /// Sends a call on the road of all calls: recorded, simulated, signed, in a private bundle. `purpose` is for the record.
    ///
    /// # Errors
    /// As [`ballast_executor::Executor::send_call`].
    pub async fn send_call(&self, to: Address, calldata: Bytes, purpose: &str) -> Result<Outcome, ExecuteError> {
        self.executor.send_call(to, calldata, purpose).await
    }
}
