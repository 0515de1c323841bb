//! The keeper's sign of life, which is also how the sizes of the venues are observed.
//!
//! Additions are limited by a venue's settled size: the lower of two observations in two different blocks, taken at most every six hours and
//! good for 48 (`SizeHistoryLib`). The hub's `heartbeat()` observes every venue on the way, so two heartbeats in two blocks keep the limits and the
//! grace period alive together.
//!
//! They are not cheap: some 700,000 gas for five venues, four times a day. In the gas prices of 2021 that was several percent a year of a vault of a million. So they
//! are made by the clock only as often as a budget allows, and otherwise when a move that would pay for itself lacks nothing but them. While nothing is
//! in a venue and nothing may be added to one by the operator's own scores, they are not made at all ([`upkeep`]).

use crate::{Keeper, cycle::CycleError};
use alloy::{
    primitives::{Address, Bytes, Log},
    sol_types::{SolCall, SolEvent},
};
use ballast_allocator::{decide, economics, upkeep};
use ballast_chain::bindings::{KillSwitchManager, StrategyHub};
use ballast_executor::ExecuteError;
use ballast_risk::{FeedHealth, MAX_CHECKPOINT_AGE, assess};
use ballast_types::{BlockRef, Bps, Checkpoint, Policy, Snapshot, VenueReading, WAD, Wad};

/// A first observation and its confirmation.
const OBSERVATIONS: usize = 2;
/// Gas of a pair: 310,933 and 405,784 on a local chain with five venues (`ballast story`).
const PAIR_GAS: u64 = 720_000;

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
        if self.is_observation_due(snapshot) {
            for _ in 0..OBSERVATIONS {
                if !self.beat(true).await? {
                    break;
                }
                sent = true;
            }
        }
        if !sent && is_silence_long(snapshot, self.scorer.configured()) {
            sent = self.beat(false).await?;
        }
        Ok(sent)
    }

    /// A checkpoint could be taken, and either the budget allows one by now or a move waits for it.
    fn is_observation_due(&self, snapshot: &Snapshot) -> bool {
        let policy = self.scorer.configured();
        let oldest = oldest_observation(snapshot, policy);
        let Some(age) = oldest.filter(|age| *age >= upkeep::SPACING) else { return false };
        let spacing = affordable_spacing(snapshot, policy.priority_fee, Bps(self.upkeep.budget));
        let lacks = || move_lacks_sizes(snapshot, &self.scorer.policy(snapshot, &self.market));
        spacing.is_some_and(|spacing| age >= spacing) || lacks()
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

/// How old the oldest checkpoint is of the venues whose size is to be observed, in seconds; where one has none, as old as one that counts no more.
/// `None` if there is no such venue.
fn oldest_observation(snapshot: &Snapshot, policy: &Policy) -> Option<u64> {
    let venues = snapshot.venues.iter().zip(upkeep::stakes(snapshot, policy));
    let ages = venues.filter(|(_, stake)| stake.needs_size()).filter_map(|(venue, _)| match &venue.reading {
        VenueReading::Read { checkpoint, .. } => {
            let now = snapshot.block.timestamp;
            Some(checkpoint.map_or(MAX_CHECKPOINT_AGE, |checkpoint| now.saturating_sub(checkpoint.time)))
        }
        VenueReading::Unreadable { .. } => None,
    });
    ages.max()
}

/// Seconds from one pair of heartbeats to the next that `budget` of NAV a year pays for at the present base fee. `None` if that is too rare to be of use,
/// or if what gas costs is not known.
fn affordable_spacing(snapshot: &Snapshot, priority_fee: u128, budget: Bps) -> Option<u64> {
    let FeedHealth::Healthy { price } = assess(&snapshot.eth_usd, snapshot.block.timestamp) else { return None };
    let fee = snapshot.block.next_base_fee.checked_add(priority_fee)?;
    // The asset at a dollar: within its band that is near enough.
    let cost = economics::gas_cost(PAIR_GAS, fee, price, Wad(WAD))?;
    upkeep::affordable_spacing(cost, snapshot.vault.nav, budget)
}

/// Whether a move that passes every gate, the cost of observing included, lacks only a settled size.
fn move_lacks_sizes(snapshot: &Snapshot, policy: &Policy) -> bool {
    let mut settled = snapshot.clone();
    let BlockRef { number, timestamp, .. } = snapshot.block;
    let mut lacking = Vec::new();
    for venue in &mut settled.venues {
        if let VenueReading::Read { value, size, checkpoint, .. } = &mut venue.reading
            && checkpoint.is_none_or(|taken| timestamp > taken.time.saturating_add(MAX_CHECKPOINT_AGE))
        {
            let others = size.saturating_sub(*value);
            *checkpoint = Some(Checkpoint { size: others, time: timestamp, block: number.saturating_sub(1) });
            lacking.push(venue.adapter);
        }
    }
    if lacking.is_empty() {
        return false;
    }
    let policy = Policy { expected_gas: policy.expected_gas.saturating_add(PAIR_GAS), ..policy.clone() };
    let decision = decide(&settled, &policy);
    decision.targets().iter().any(|target| target.to > target.from && lacking.contains(&target.adapter))
}

fn is_silence_long(snapshot: &Snapshot, policy: &Policy) -> bool {
    let silence = snapshot.block.timestamp.saturating_sub(snapshot.hub.last_seen);
    silence >= upkeep::longest_silence(snapshot.hub.grace, upkeep::stakes(snapshot, policy))
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
