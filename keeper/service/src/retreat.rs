//! What the watcher takes home: everything, once the vault is in Exit mode; one position, once its venue is closed for a reason to leave.
//!
//! The contracts allow both without cooldown and attestor, since neither adds risk: `StrategyHub.emergencyExit` to anyone in Exit mode,
//! `StrategyHub.reduce` to the keeper at any time, within the vault's bound on losses. What is closed and why is the switch's own word
//! ([`Conditions`]); what is there and what of it is liquid is read in a snapshot at the head, block by block while something remains. What does not
//! come home in one block is asked for again in the next, as long as it pays for its gas ([`Retreat`]).

use crate::{Keeper, Supervisor, alarms::Detectors, exit::ExitPlan};
use alloy::{
    primitives::{Address, Bytes, Log, U256},
    sol_types::{SolCall, SolEvent},
};
use ballast_allocator::economics;
use ballast_chain::{Conditions, ReadError, bindings::StrategyHub};
use ballast_executor::ExecuteError;
use ballast_risk::{FeedHealth, Retreat, alarms::Alarm, assess, kill_switch::Cause};
use ballast_types::{Assets, BPS_ONE, Bps, Snapshot, VenueReading, WAD, Wad};
use std::{collections::BTreeMap, fmt};

/// Gas limit of an exit: each venue's part may use 5,000,000 (`StrategyHub.EXIT_GAS`), and one that is given less fails alone and unseen.
const EXIT_GAS: u64 = 15_000_000;

#[derive(Debug, thiserror::Error)]
pub(crate) enum RetreatError {
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Execute(#[from] ExecuteError),
}

/// How a position stands that is to be taken home.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Standing {
    /// Nothing worth a transaction is left in the venue, and nothing can be added to it.
    Home,
    /// Something remains; why it does not come, as it was last said.
    Remains(String),
    /// It is left where it is, since the configuration calls nothing home for this cause.
    Left(Cause),
}

/// What is known of the positions in venues that are closed, by adapter.
pub(crate) type Standings = BTreeMap<Address, Standing>;

/// Why a position is taken home.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Why {
    /// The switch has closed its venue.
    Closed(Cause),
    /// Detectors off the chain agree about it, in these words.
    Alarm(String),
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Closed(cause) => f.write_str(cause.text()),
            Self::Alarm(detail) => write!(f, "alarm: {detail}"),
        }
    }
}

/// The venues that are to be left, and why: all in Exit mode, else those that are closed for one of the causes, and those with an alarm.
fn leaving(seen: &Conditions, retreat: &Retreat, alarms: &[Alarm]) -> BTreeMap<Address, Why> {
    let listed = seen.venues.iter();
    if seen.exit {
        // Whoever ordered it: the switch's asset, or a Safe.
        return listed.map(|venue| (venue.adapter, Why::Closed(Cause::Emergency))).collect();
    }
    let closed = listed.filter_map(|venue| {
        let cause = Cause::from_text(venue.closed.as_deref()?)?;
        retreat.causes.contains(&cause).then_some((venue.adapter, Why::Closed(cause)))
    });
    // What the chain says comes last, and counts.
    let alarmed = alarms.iter().map(|alarm| (alarm.venue, Why::Alarm(alarm.to_string())));
    alarmed.chain(closed).collect()
}

/// The venues that are closed for a cause for which the configuration calls nothing home.
fn staying(seen: &Conditions, retreat: &Retreat) -> BTreeMap<Address, Cause> {
    if seen.exit {
        return BTreeMap::new();
    }
    let closed = seen.venues.iter().filter_map(|venue| {
        let cause = Cause::from_text(venue.closed.as_deref()?)?;
        (!retreat.causes.contains(&cause)).then_some((venue.adapter, cause))
    });
    closed.collect()
}

/// Position and what of it is liquid; `None` where the venue cannot be read.
fn position(snapshot: &Snapshot, adapter: Address) -> Option<(Assets, Assets)> {
    let venue = snapshot.venues.iter().find(|venue| venue.adapter == adapter)?;
    match venue.reading {
        VenueReading::Read { value, liquidity, .. } => Some((value, liquidity)),
        VenueReading::Unreadable { .. } => None,
    }
}

/// What gas costs in assets at the next block's fee, where ETH has a price; the asset at a dollar, its own price may be what is wrong.
fn gas_cost(snapshot: &Snapshot, priority_fee: u128, gas: u64) -> Option<Assets> {
    let FeedHealth::Healthy { price } = assess(&snapshot.eth_usd, snapshot.block.timestamp) else { return None };
    economics::gas_cost(gas, snapshot.block.next_base_fee.checked_add(priority_fee)?, price, Wad(WAD))
}

/// What the hub says a reduction brought.
fn received(logs: &[Log], hub: Address) -> Assets {
    let events = logs.iter().filter(|log| log.address == hub);
    let reduced = events.filter_map(|log| StrategyHub::RiskReduced::decode_log(log).ok());
    Assets(reduced.map(|event| event.received).fold(U256::ZERO, U256::saturating_add).saturating_to())
}

fn reduce_call(adapter: Address, min_out: Assets) -> Bytes {
    let data = Bytes::new();
    StrategyHub::reduceCall { adapter, assets: U256::MAX, minOut: U256::from(min_out.0), data }.abi_encode().into()
}

impl Keeper {
    /// Takes home what is to be taken home at this block, if it is worth it, and says once of what stays that it does.
    pub(crate) async fn take_home(&self, seen: &Conditions, supervisor: &Supervisor) -> Result<(), RetreatError> {
        let alarms = self.detectors.as_ref().map(Detectors::leaving).unwrap_or_default();
        let leaving = leaving(seen, &self.retreat, &alarms);
        let mut staying = staying(seen, &self.retreat);
        // Closed for a cause that calls nothing home, and alarmed about: it goes.
        staying.retain(|adapter, _| !leaving.contains_key(adapter));
        let mut standings = self.watcher.standings.lock().await;
        standings.retain(|adapter, stands| match stands {
            Standing::Left(cause) => staying.get(adapter) == Some(cause),
            Standing::Home | Standing::Remains(_) => leaving.contains_key(adapter),
        });
        staying.retain(|adapter, _| !standings.contains_key(adapter));
        let home = leaving.keys().all(|adapter| standings.get(adapter) == Some(&Standing::Home));
        if home && staying.is_empty() {
            return Ok(());
        }
        let snapshot = self.observer.snapshot().await?;
        for (adapter, cause) in staying {
            self.say_that_it_stays(adapter, cause, &snapshot, supervisor);
            standings.insert(adapter, Standing::Left(cause));
        }
        if seen.exit {
            return self.exit_everything(&leaving, &mut standings, &snapshot, supervisor).await;
        }
        for (adapter, why) in leaving {
            let stands = match self.leave(adapter, &why, &snapshot, supervisor).await {
                Err(RetreatError::Execute(error)) => {
                    // What cannot be read of one venue keeps no money in the others.
                    let Some(trouble) = error.trouble_of_one_call() else { return Err(error.into()) };
                    tracing::info!(venue = self.name_of(adapter), %error, "a position cannot be taken home at this block");
                    Standing::Remains(trouble.to_owned())
                }
                stands => stands?,
            };
            self.note(&mut standings, adapter, stands, &snapshot);
        }
        Ok(())
    }

    /// Leaves one venue, with what it pays now.
    async fn leave(
        &self,
        adapter: Address,
        why: &Why,
        snapshot: &Snapshot,
        supervisor: &Supervisor,
    ) -> Result<Standing, RetreatError> {
        let Some((value, liquidity)) = position(snapshot, adapter) else {
            return Ok(Standing::Remains("the venue cannot be read".into()));
        };
        if value < self.retreat.least {
            return Ok(Standing::Home);
        }
        if self.retreat.take(value, liquidity, None).is_none() {
            return Ok(Standing::Remains("the venue does not pay".into()));
        }
        let hub = self.observer.deployment().hub;
        let simulation = self.executor.simulate_call(hub, reduce_call(adapter, Assets::ZERO)).await?;
        if !simulation.success {
            return Ok(Standing::Remains(simulation.revert.unwrap_or_else(|| "it reverts without a reason".into())));
        }
        let out = received(&simulation.logs, hub);
        let cost = gas_cost(snapshot, self.scorer.configured().priority_fee, simulation.gas_used);
        if self.retreat.take(value, out, cost).is_none() {
            return Ok(Standing::Remains("what the venue pays is not worth its gas".into()));
        }
        let kept_back = Bps(BPS_ONE.saturating_sub(self.scorer.configured().slippage.0));
        let (name, block) = (self.name_of(adapter), snapshot.block.number);
        let purpose = format!("take home {out} of {value} from {name}: {why} (block {block})");
        let outcome =
            self.executor.send_urgent_call(hub, reduce_call(adapter, out.share(kept_back)), &purpose, 0).await?;
        tracing::warn!(purpose, state = %outcome.state, reason = outcome.reason.as_deref().unwrap_or(""), "a position is taken home");
        supervisor.status(&format!("leaving a venue, {purpose}: {}", outcome.state));
        // The next block says what is left.
        Ok(Standing::Remains(String::new()))
    }

    /// Calls the emergency exit, which anyone may in Exit mode.
    async fn exit_everything(
        &self,
        leaving: &BTreeMap<Address, Why>,
        standings: &mut Standings,
        snapshot: &Snapshot,
        supervisor: &Supervisor,
    ) -> Result<(), RetreatError> {
        let mut total = Assets::ZERO;
        for adapter in leaving.keys() {
            let stands = match position(snapshot, *adapter) {
                Some((value, _)) if value < self.retreat.least => Standing::Home,
                Some((value, _)) => {
                    total = Assets(total.0.saturating_add(value.0));
                    Standing::Remains("the exit has not brought it home yet".into())
                }
                None => Standing::Remains("the venue cannot be read".into()),
            };
            self.note(standings, *adapter, stands, snapshot);
        }
        let (ExitPlan { venues, gas }, call) = self.plan_what_can_exit().await?;
        let out = venues.iter().map(|venue| venue.received).fold(U256::ZERO, U256::saturating_add);
        let out = Assets(out.saturating_to());
        let cost = gas_cost(snapshot, self.scorer.configured().priority_fee, gas);
        // A venue that cannot be read may pay all the same.
        if self.retreat.take(total.max(out), out, cost).is_none() {
            return Ok(());
        }
        let purpose = format!("emergency exit: take home {out} of {total} (block {})", snapshot.block.number);
        let hub = self.observer.deployment().hub;
        let outcome = self.executor.send_urgent_call(hub, call, &purpose, EXIT_GAS).await?;
        tracing::warn!(purpose, state = %outcome.state, reason = outcome.reason.as_deref().unwrap_or(""), "the vault exits");
        supervisor.status(&format!("leaving every venue, {purpose}: {}", outcome.state));
        Ok(())
    }

    /// Tells the operator of money in a venue that is closed, where the configuration leaves it to them.
    fn say_that_it_stays(&self, adapter: Address, cause: Cause, snapshot: &Snapshot, supervisor: &Supervisor) {
        let held = match position(snapshot, adapter) {
            Some((value, _)) if value < self.retreat.least => return,
            Some((value, _)) => value.to_string(),
            None => "an amount that cannot be read".to_owned(),
        };
        let (venue, cause, block) = (self.name_of(adapter), cause.text(), snapshot.block.number);
        tracing::warn!(venue, held, cause, block, "a position stays in a venue that is closed");
        supervisor.status(&format!("a position stays in a closed venue, {held} in {venue}: {cause} (block {block})"));
    }

    /// Remembers how a position stands, and says why it remains whenever that is another reason than before.
    fn note(&self, standings: &mut Standings, adapter: Address, stands: Standing, snapshot: &Snapshot) {
        if let Standing::Remains(why) = &stands
            && !why.is_empty()
            && standings.get(&adapter) != Some(&stands)
        {
            let (venue, block) = (self.name_of(adapter), snapshot.block.number);
            tracing::warn!(venue, why, block, "a position that is to come home remains");
        }
        standings.insert(adapter, stands);
    }

    fn name_of(&self, adapter: Address) -> String {
        let listed = self.observer.deployment().venues.iter().find(|venue| venue.adapter == adapter);
        listed.map_or_else(|| adapter.to_string(), |venue| venue.name.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::primitives::B256;
    use ballast_chain::VenueCondition;

    const A: Address = Address::repeat_byte(1);
    const B: Address = Address::repeat_byte(2);

    fn seen(exit: bool, closed: [Option<&str>; 2]) -> Conditions {
        let venue = |adapter, closed: Option<&str>| VenueCondition {
            adapter,
            name: String::new(),
            closed: closed.map(str::to_owned),
            tvl: None,
            utilisation: None,
            governance: None,
        };
        Conditions {
            block: 1,
            hash: B256::ZERO,
            timestamp: 1,
            exit,
            active: Default::default(),
            tokens: Vec::new(),
            venues: vec![venue(A, closed[0]), venue(B, closed[1])],
            unanswered: Vec::new(),
        }
    }

    // SPEC C7, R11
    #[test]
    fn a_venue_is_left_for_the_causes_that_are_configured_and_all_of_them_in_exit_mode() {
        let retreat = Retreat::default();
        let who = |exit, closed| leaving(&seen(exit, closed), &retreat, &[]).into_keys().collect::<Vec<_>>();
        assert_eq!(who(false, [None, None]), Vec::<Address>::new());
        assert_eq!(who(false, [Some("TVL crash detected"), None]), [A]);
        assert_eq!(who(false, [Some("Guardian"), Some("Governance attack detected")]), [B]);
        assert_eq!(who(false, [Some("Oracle failure detected"), None]), Vec::<Address>::new(), "a silent feed");
        assert_eq!(who(true, [None, None]), [A, B]);
        let none = Retreat { causes: Default::default(), ..retreat };
        assert_eq!(leaving(&seen(false, [Some("TVL crash detected"), None]), &none, &[]), BTreeMap::new());
        // SPEC R8
        let alarm = [Alarm { venue: B, findings: Vec::new() }];
        let left = leaving(&seen(false, [None, None]), &none, &alarm);
        assert_eq!(
            left.into_keys().collect::<Vec<_>>(),
            [B],
            "what detectors agree on is left whatever the switch says"
        );
        let left = leaving(&seen(false, [None, Some("TVL crash detected")]), &retreat, &alarm);
        assert_eq!(left.get(&B), Some(&Why::Closed(Cause::Tvl)), "the chain's own word comes first");
    }

    // SPEC R11
    #[test]
    fn of_every_closed_venue_it_is_known_whether_its_position_leaves_or_stays() {
        let retreat = Retreat::default();
        let none = Retreat { causes: Default::default(), ..retreat.clone() };
        let causes = [Cause::Peg, Cause::Tvl, Cause::Utilisation, Cause::Oracle, Cause::Governance, Cause::Guardian];
        for cause in causes {
            let now = seen(false, [Some(cause.text()), None]);
            for rule in [&retreat, &none] {
                let (leaves, stays) = (leaving(&now, rule, &[]), staying(&now, rule));
                let stays = stays.into_iter().map(|(adapter, cause)| (adapter, Why::Closed(cause)));
                let both: Vec<_> = leaves.into_iter().chain(stays).collect();
                assert_eq!(both, [(A, Why::Closed(cause))], "one of the two");
            }
            assert_eq!(staying(&now, &none), BTreeMap::from([(A, cause)]));
            assert!(staying(&seen(true, [Some(cause.text()), None]), &none).is_empty(), "in Exit mode nothing stays");
        }
        assert!(staying(&seen(false, [None, None]), &none).is_empty());
    }

    #[test]
    fn what_came_home_is_what_the_hub_itself_says() {
        let hub = Address::repeat_byte(9);
        let event = StrategyHub::RiskReduced { caller: A, adapter: B, received: U256::from(7), targetBps: U256::ZERO };
        let log = |address| Log { address, data: event.encode_log_data() };
        assert_eq!(received(&[log(hub), log(A)], hub), Assets(7), "not another contract's look-alike");
        assert_eq!(received(&[], hub), Assets::ZERO);
    }
}
