//! The keeper's sign of life, which is also how the sizes of the venues are observed.
//!
//! Additions are limited by a venue's settled size: the lower of two observations in two different blocks, taken at most every six hours and
//! good for 48 (`SizeHistoryLib`). The hub's `heartbeat()` observes every venue on the way, so two heartbeats in two blocks, whenever a
//! checkpoint is due, keep the limits and the grace period alive together.

use crate::{Keeper, cycle::CycleError};
use alloy::{
    primitives::{Address, Bytes, Log},
    sol_types::{SolCall, SolEvent},
};
use ballast_chain::bindings::{KillSwitchManager, StrategyHub};
use ballast_executor::ExecuteError;
use ballast_types::{Snapshot, VenueReading};

/// Seconds between the checkpoints of a venue (`SizeHistoryLib.SPACING`).
const SPACING: u64 = 6 * 60 * 60;
/// A first observation and its confirmation.
const OBSERVATIONS: usize = 2;
/// Silence is broken when this part of the grace period has passed.
const GRACE_PARTS: u64 = 4;

impl Keeper {
    /// Sends what heartbeats are due and says whether there were any.
    ///
    /// The first of a pair begins an observation and the second, which cannot land in the same block, confirms it. Whether one would be
    /// recorded at all is seen in a simulation first: a call that changes nothing is not paid for. One that is refused or does not land
    /// is tried again with the next cycle.
    pub(crate) async fn attend(&self, snapshot: &Snapshot) -> Result<bool, CycleError> {
        if !snapshot.doubts.is_empty() {
            return Ok(false);
        }
        let mut sent = false;
        if is_observation_due(snapshot) {
            for _ in 0..OBSERVATIONS {
                if !self.beat(true).await? {
                    break;
                }
                sent = true;
            }
        }
        if !sent && is_silence_long(snapshot) {
            sent = self.beat(false).await?;
        }
        Ok(sent)
    }

    async fn beat(&self, must_observe: bool) -> Result<bool, CycleError> {
        let deployment = self.observer.deployment();
        let call: Bytes = StrategyHub::heartbeatCall {}.abi_encode().into();
        let simulation = match self.executor.simulate_call(deployment.hub, call.clone()).await {
            Ok(simulation) => simulation,
            // The decision is made and recorded all the same; it says what a venue lacks.
            Err(ExecuteError::Refused(why)) => {
                tracing::warn!(why, "no heartbeat");
                return Ok(false);
            }
            Err(error) => return Err(error.into()),
        };
        if !simulation.success {
            tracing::warn!(why = simulation.revert.unwrap_or_default(), "the hub refuses the heartbeat");
            return Ok(false);
        }
        if must_observe && !observes(&simulation.logs, deployment.kill_switch) {
            return Ok(false);
        }
        let outcome = self.executor.send_call(deployment.hub, call, "heartbeat").await?;
        tracing::info!(state = ?outcome.state, reason = outcome.reason.as_deref().unwrap_or(""), "heartbeat");
        Ok(outcome.succeeded())
    }
}

/// A venue that can be read has no checkpoint, or an old one.
fn is_observation_due(snapshot: &Snapshot) -> bool {
    let now = snapshot.block.timestamp;
    snapshot.venues.iter().any(|venue| match &venue.reading {
        VenueReading::Read { checkpoint, .. } => checkpoint.is_none_or(|c| now >= c.time.saturating_add(SPACING)),
        VenueReading::Unreadable { .. } => false,
    })
}

fn is_silence_long(snapshot: &Snapshot) -> bool {
    snapshot.block.timestamp.saturating_sub(snapshot.hub.last_seen) >= snapshot.hub.grace / GRACE_PARTS
}

/// The kill switch records the size of a venue.
fn observes(logs: &[Log], kill_switch: Address) -> bool {
    let recorded =
        [KillSwitchManager::SizeObserved::SIGNATURE_HASH, KillSwitchManager::CheckpointConfirmed::SIGNATURE_HASH];
    logs.iter()
        .filter(|log| log.address == kill_switch)
        .any(|log| log.topics().first().is_some_and(|topic| recorded.contains(topic)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use alloy::primitives::{B256, U256};

    #[test]
    fn an_observation_is_paid_for_only_if_the_switch_records_it() {
        let (switch, hub, adapter) = (Address::repeat_byte(1), Address::repeat_byte(2), Address::repeat_byte(3));
        let begun = KillSwitchManager::SizeObserved { adapter, size: U256::from(9) }.encode_log_data();
        let confirmed = KillSwitchManager::CheckpointConfirmed {
            adapter,
            size: U256::from(9),
            firstSize: U256::from(9),
            secondSize: U256::from(9),
        }
        .encode_log_data();
        let beat = StrategyHub::Heartbeat { keeper: hub }.encode_log_data();
        let log = |address, data: &alloy::primitives::LogData| Log { address, data: data.clone() };
        assert!(observes(&[log(hub, &beat), log(switch, &begun)], switch));
        assert!(observes(&[log(switch, &confirmed)], switch));
        assert!(!observes(&[log(hub, &beat)], switch), "nothing was due");
        assert!(!observes(&[log(hub, &begun)], switch), "another contract's look-alike");
        assert!(!observes(&[Log::new_unchecked(switch, vec![B256::ZERO], Bytes::new())], switch));
    }
}
