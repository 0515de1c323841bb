//! The watcher of the kill switch: looks at every block, trips what holds and takes home what is to be left, beside the decisions and whatever they are at.
//!
//! The switch itself says what holds (`pegStatus`, `evaluate`, `presentFingerprint`), in one request at the head. What can be tripped or
//! armed in the next block is simulated there, and sent in a bundle for it if the simulation agrees.
//!
//! **Bound.** A condition that is visible at block N is tripped (or armed) in block N + 1 if nothing is under way, or nothing that was
//! handed over yet: a decision in the making gives way. A bundle that is already out has its block first, so that the trip comes in
//! N + 2 if it did not land, and `confirmations` blocks later if it did: one account has one nonce.

use crate::{Keeper, Supervisor, retreat::Standings};
use alloy::{
    primitives::{Address, Bytes, utils::format_ether},
    sol_types::SolCall,
};
use ballast_chain::{
    ConditionReader, Conditions, Trigger, TwoStep,
    bindings::{IMulticall3, KillSwitchManager},
};
use ballast_executor::ExecuteError;
use std::{
    sync::atomic::{AtomicBool, AtomicU64, Ordering},
    time::Duration,
};
use tokio::{sync::watch, time::sleep};

/// Between two looks at the head.
const LOOK_INTERVAL: Duration = Duration::from_millis(500);
/// `VenueTriggers.CONFIRM_BLOCKS`: from arming to the earliest trip.
const CONFIRM_BLOCKS: u64 = 25;
/// `VenueTriggers.ARM_LIFETIME` in seconds.
const ARM_LIFETIME: u64 = 2 * 60 * 60;
/// Gas with which the switch does not have to fear that something looks unreadable only for want of it (`VENUE_GAS`, with its 64th part
/// and the reads before it), for each trip.
const TRIP_GAS: u64 = 4_000_000;
/// Trips in one transaction; the rest comes with the next block.
const MOST_TRIPS: usize = 3;

/// What the watcher remembers, and what shows that it lives.
#[derive(Debug, Default)]
pub(crate) struct Watcher {
    reader: ConditionReader,
    beats: AtomicU64,
    /// The positions that are to be taken home.
    pub(crate) standings: tokio::sync::Mutex<Standings>,
    /// It waits for the executor, whose own progress counts then.
    acts: AtomicBool,
}

impl Watcher {
    /// Signs of progress; `None` while the executor's are the ones to count.
    pub(crate) fn beats(&self) -> Option<u64> {
        (!self.acts.load(Ordering::Relaxed)).then(|| self.beats.load(Ordering::Relaxed))
    }
}

/// A call of `trip` that the switch would take in the next block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Due {
    trigger: Trigger,
    subject: Address,
    /// What was seen, for the record.
    evidence: String,
}

impl Due {
    fn call(&self) -> Bytes {
        KillSwitchManager::tripCall { trigger: self.trigger as u8, subject: self.subject }.abi_encode().into()
    }
}

/// What to trip in the block after the one that was read. What is tripped already is left alone until its block ends.
pub(crate) fn due(seen: &Conditions) -> Vec<Due> {
    let mut found = Vec::new();
    let mut push = |trigger, subject, evidence| {
        if seen.active.contains(&trigger) {
            found.push(Due { trigger, subject, evidence });
        }
    };
    for token in &seen.tokens {
        let blocked = seen.timestamp < token.blocked_until;
        let peg_done = if token.is_asset { seen.exit } else { blocked };
        if token.lost_peg && !peg_done {
            let price = format_ether(token.price);
            push(Trigger::Peg, token.token, format!("{} is at {price} dollars", token.token));
        }
        if token.unhealthy && !blocked {
            push(Trigger::Oracle, token.token, format!("the feed of {} cannot be trusted", token.token));
        }
    }
    for venue in &seen.venues {
        for (trigger, condition) in [(Trigger::Tvl, venue.tvl), (Trigger::Utilisation, venue.utilisation)] {
            if let Some(condition) = condition
                && let Some(step) = step(seen, &condition)
            {
                let TwoStep { readable, measured, bound, .. } = condition;
                let what = if readable { format!("{measured} against {bound}") } else { "it cannot be read".into() };
                push(trigger, venue.adapter, format!("{step} for {}: {what}", venue.name));
            }
        }
        if let Some(governance) = venue.governance
            && !governance.tripped
            && (!governance.readable || governance.present != governance.recorded)
        {
            let evidence = format!(
                "the configuration of {} is {}, recorded {}",
                venue.name, governance.present, governance.recorded
            );
            push(Trigger::Governance, venue.adapter, evidence);
        }
    }
    found
}

/// Which step of a two-step trigger the next block is for, if any.
fn step(seen: &Conditions, condition: &TwoStep) -> Option<&'static str> {
    if !condition.holds || seen.timestamp < condition.blocked_until {
        return None;
    }
    let armed = condition.armed_at != 0 && seen.timestamp <= condition.armed_at.saturating_add(ARM_LIFETIME);
    if !armed {
        return Some("arming");
    }
    let confirmable = seen.block.saturating_add(1) >= condition.armed_block.saturating_add(CONFIRM_BLOCKS);
    confirmable.then_some("confirmation")
}

impl Keeper {
    /// Looks at every new head until it is told to stop.
    pub(crate) async fn watch_until(&self, mut stopped: watch::Receiver<bool>, supervisor: &Supervisor) {
        let mut last = None;
        loop {
            match self.observer.pool.head().await {
                Ok(head) if last != Some(head.block.hash) => {
                    match self.watcher.reader.read(self.observer.deployment(), &self.observer.pool, &head).await {
                        Ok(seen) => {
                            last = Some(head.block.hash);
                            self.show_conditions(&seen);
                            self.act_on(&seen, supervisor).await;
                        }
                        Err(error) => {
                            tracing::error!(%error, block = head.block.number, "the kill switch cannot be watched");
                        }
                    }
                }
                Ok(_) => {}
                Err(error) => tracing::error!(%error, "the kill switch cannot be watched: no provider answers"),
            }
            self.watcher.beats.fetch_add(1, Ordering::Relaxed);
            tokio::select! {
                // An error would mean that nobody is left to say stop.
                _ = stopped.wait_for(|stopped| *stopped) => return,
                () = sleep(LOOK_INTERVAL) => {}
            }
        }
    }

    async fn act_on(&self, seen: &Conditions, supervisor: &Supervisor) {
        for silence in &seen.unanswered {
            tracing::warn!(%silence, block = seen.block, "a condition of the kill switch is not known");
        }
        let due = due(seen);
        self.watcher.acts.store(true, Ordering::Relaxed);
        if !due.is_empty()
            && let Err(error) = self.trip(seen.block, due, supervisor).await
        {
            tracing::error!(%error, block = seen.block, "nothing was tripped; the next block is another chance");
        }
        if let Err(error) = self.take_home(seen, supervisor).await {
            tracing::error!(%error, block = seen.block, "nothing was taken home; the next block is another chance");
        }
        self.watcher.acts.store(false, Ordering::Relaxed);
    }

    async fn trip(&self, block: u64, due: Vec<Due>, supervisor: &Supervisor) -> Result<(), ExecuteError> {
        let deployment = self.observer.deployment();
        let mut agreed = Vec::new();
        for one in due {
            let simulation = self.executor.simulate_call(deployment.kill_switch, one.call()).await;
            self.executor.control().beat();
            let Due { trigger, subject, evidence } = &one;
            let simulation = match simulation {
                Ok(simulation) => simulation,
                Err(error) => {
                    // What cannot be read for one of them keeps none of the others back.
                    if error.trouble_of_one_call().is_none() {
                        return Err(error);
                    }
                    tracing::error!(%trigger, %subject, evidence, block, %error, "a condition holds and its trip cannot be simulated");
                    continue;
                }
            };
            if simulation.success {
                tracing::warn!(%trigger, %subject, evidence, block, "a condition of the kill switch holds");
                agreed.push(one);
            } else {
                let why = simulation.revert.unwrap_or_default();
                tracing::warn!(%trigger, %subject, evidence, block, why, "seen, but the switch would not take it");
            }
            if agreed.len() == MOST_TRIPS {
                break;
            }
        }
        let (to, call) = match agreed.as_slice() {
            [] => return Ok(()),
            [one] => (deployment.kill_switch, one.call()),
            several => (deployment.multicall, together(deployment.kill_switch, several)),
        };
        let said: Vec<_> = agreed.iter().map(|due| format!("trip {}: {}", due.trigger, due.evidence)).collect();
        let purpose = format!("{} (block {block})", said.join("; "));
        let gas = TRIP_GAS.saturating_mul(u64::try_from(agreed.len()).unwrap_or(u64::MAX));
        let outcome = self.executor.send_urgent_call(to, call, &purpose, gas).await?;
        let landed = outcome.landing.as_ref().map(|landing| landing.block_number);
        tracing::warn!(purpose, state = %outcome.state, landed, reason = outcome.reason.as_deref().unwrap_or(""), "kill switch");
        supervisor.status(&format!("kill switch, {purpose}: {}", outcome.state));
        Ok(())
    }
}

/// Anyone may trip, so Multicall3 may; one that fails takes nothing from the others.
fn together(switch: Address, due: &[Due]) -> Bytes {
    let call = |due: &Due| IMulticall3::Call3 { target: switch, allowFailure: true, callData: due.call() };
    IMulticall3::aggregate3Call { calls: due.iter().map(call).collect() }.abi_encode().into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::primitives::{B256, U256};
    use ballast_chain::{GovernanceCondition, TokenCondition, VenueCondition};

    const ASSET: Address = Address::repeat_byte(1);
    const ADAPTER: Address = Address::repeat_byte(2);

    fn calm() -> Conditions {
        let token = TokenCondition {
            token: ASSET,
            is_asset: true,
            lost_peg: false,
            unhealthy: false,
            price: U256::from(10).pow(U256::from(18)),
            blocked_until: 0,
        };
        let two_step = TwoStep {
            holds: false,
            readable: true,
            measured: U256::ZERO,
            bound: U256::ZERO,
            armed_at: 0,
            armed_block: 0,
            blocked_until: 0,
        };
        let venue = VenueCondition {
            adapter: ADAPTER,
            name: "a venue".into(),
            closed: None,
            tvl: Some(two_step),
            utilisation: Some(two_step),
            governance: Some(GovernanceCondition {
                readable: true,
                present: B256::ZERO,
                recorded: B256::ZERO,
                tripped: false,
            }),
        };
        Conditions {
            block: 1_000,
            hash: B256::ZERO,
            timestamp: 100_000,
            exit: false,
            active: [Trigger::Peg, Trigger::Tvl, Trigger::Utilisation, Trigger::Oracle, Trigger::Governance].into(),
            tokens: vec![token],
            venues: vec![venue],
            unanswered: Vec::new(),
        }
    }

    fn triggers(change: impl FnOnce(&mut Conditions)) -> Vec<(Trigger, Address)> {
        let mut seen = calm();
        change(&mut seen);
        due(&seen).into_iter().map(|due| (due.trigger, due.subject)).collect()
    }

    // SPEC C7
    #[test]
    fn nothing_is_due_when_nothing_holds_or_the_trigger_does_not_act() {
        assert_eq!(triggers(|_| ()), []);
        let inactive = |seen: &mut Conditions| {
            seen.active.clear();
            seen.tokens[0].lost_peg = true;
        };
        assert_eq!(triggers(inactive), []);
    }

    // SPEC C7
    #[test]
    fn a_price_is_tripped_once_until_its_block_ends() {
        assert_eq!(triggers(|seen| seen.tokens[0].lost_peg = true), [(Trigger::Peg, ASSET)]);
        let in_exit = |seen: &mut Conditions| (seen.tokens[0].lost_peg, seen.exit) = (true, true);
        assert_eq!(triggers(in_exit), []);
        let unhealthy =
            |until| triggers(|seen| (seen.tokens[0].unhealthy, seen.tokens[0].blocked_until) = (true, until));
        assert_eq!(unhealthy(0), [(Trigger::Oracle, ASSET)]);
        assert_eq!(unhealthy(100_000), [(Trigger::Oracle, ASSET)]);
        assert_eq!(unhealthy(100_001), []);
    }

    // SPEC C7
    #[test]
    fn a_two_step_condition_is_armed_then_confirmed_for_the_first_block_that_may_and_then_left_alone() {
        let with = |change: fn(&mut TwoStep)| {
            triggers(|seen| {
                if let Some(tvl) = &mut seen.venues[0].tvl {
                    tvl.holds = true;
                    change(tvl);
                }
            })
        };
        let tvl = [(Trigger::Tvl, ADAPTER)];
        assert_eq!(with(|_| ()), tvl, "not armed");
        assert_eq!(with(|one| (one.armed_at, one.armed_block) = (99_700, 977)), [], "block 1001 is the 24th after it");
        assert_eq!(with(|one| (one.armed_at, one.armed_block) = (99_700, 976)), tvl, "block 1001 is the 25th");
        assert_eq!(with(|one| (one.armed_at, one.armed_block) = (92_799, 990)), tvl, "that arming has lapsed");
        assert_eq!(with(|one| one.blocked_until = 100_001), [], "tripped");
    }

    // SPEC C7
    #[test]
    fn governance_is_due_when_its_configuration_is_another_or_cannot_be_read() {
        let with = |change: fn(&mut GovernanceCondition)| {
            triggers(|seen| seen.venues[0].governance.iter_mut().for_each(change))
        };
        let tripped = [(Trigger::Governance, ADAPTER)];
        assert_eq!(with(|one| one.present = B256::repeat_byte(9)), tripped);
        assert_eq!(with(|one| one.readable = false), tripped);
        assert_eq!(with(|one| (one.readable, one.tripped) = (false, true)), []);
    }
}
