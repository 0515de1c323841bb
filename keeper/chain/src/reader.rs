//! Everything a decision may depend on, read at one block.
//!
//! All reads are executed on the state of the same block, pinned by its hash. What the vault, the hub and the switch say must be
//! readable; a venue or a feed that is not becomes `Unreadable`, with the reason, because that is a fact about it.
//!
//! After the head, a snapshot takes two round trips: one for all that has a known address, one for what hangs on its answers
//! (feeds, rate curves, markets). What a position is worth and what limits it comes from the hub (`positionState`), which judges by it. What cannot change (the asset, an adapter's protocol, a market's parameters) is read once
//! and remembered, so the first snapshot takes up to two more. Venues are read beside each other, each in calls of its own, so
//! that one which burns its gas takes nothing from the others.

mod core;
mod feeds;
mod fees;
mod position;
mod venues;

use crate::{
    deployment::Deployment,
    metamorpho::MarketFacts,
    multicall::{At, BatchError, Unanswered},
    pool::{Head, PoolError, RpcPool},
};
use alloy::{
    primitives::{Address, B256},
    providers::DynProvider,
};
use ballast_types::{Assets, Doubt, Snapshot, VenueReading, VenueState};
use futures::future::join_all;
use position::Position;
use std::{
    collections::{BTreeSet, HashMap},
    sync::{Arc, Mutex, PoisonError},
};

/// The snapshot could not be taken.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    #[error(transparent)]
    Pool(#[from] PoolError),
    #[error("the endpoint {endpoint} failed while block {block} was read: {why}")]
    Node { endpoint: String, block: u64, why: String },
    #[error("the vault cannot be observed: {0}")]
    Unanswered(#[from] Unanswered),
    #[error("{what} is {value}, expected {expected}")]
    OutOfRange { what: &'static str, value: String, expected: &'static str },
    #[error("the vault lists the adapter {adapter}, which is not in the configuration: add it")]
    NotConfigured { adapter: Address },
    #[error("the adapter {adapter} of {venue} is in the configuration, but the vault does not list it: remove it")]
    NotListed { adapter: Address, venue: String },
}

/// The wall clock, where the chain's time is meant to follow it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HeadAge {
    /// Unix seconds.
    pub now: u64,
    /// Seconds after which the newest block is too old to act on.
    pub limit: u64,
}

/// Takes snapshots.
#[derive(Debug)]
pub struct Reader {
    pool: Arc<RpcPool>,
    facts: Mutex<Facts>,
}

/// What does not change, and which tokens' feeds to ask for first.
#[derive(Clone, Debug, Default)]
struct Facts {
    /// By vault.
    assets: HashMap<Address, Address>,
    /// By adapter.
    protocols: HashMap<Address, Address>,
    /// By Morpho and market id.
    markets: HashMap<(Address, B256), MarketFacts>,
    /// Tokens that the venues depended on last time.
    tokens: BTreeSet<Address>,
}

/// Why a reading at one endpoint ended.
enum Failure {
    /// Another endpoint may do better.
    Node(String),
    /// No endpoint will.
    Read(ReadError),
}

impl From<BatchError> for Failure {
    fn from(error: BatchError) -> Self {
        Self::Node(error.to_string())
    }
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        Self::Read(error)
    }
}

impl From<Unanswered> for Failure {
    fn from(error: Unanswered) -> Self {
        Self::Read(error.into())
    }
}

impl Reader {
    #[must_use]
    pub fn new(pool: Arc<RpcPool>) -> Self {
        Self { pool, facts: Mutex::default() }
    }

    /// The state of everything at the newest block that all healthy endpoints serve.
    ///
    /// `head_age` is `None` on development chains, whose time runs ahead of the wall clock.
    ///
    /// # Errors
    /// [`ReadError`] if no endpoint answers, or vault, hub or switch cannot be read.
    pub async fn snapshot(&self, deployment: &Deployment, head_age: Option<HeadAge>) -> Result<Snapshot, ReadError> {
        let head = self.pool.head().await?;
        let mut snapshot = self.read_at(deployment, &head).await?;
        if let Some(HeadAge { now, limit }) = head_age {
            let age = now.saturating_sub(head.block.timestamp);
            if age > limit {
                snapshot.doubts.push(Doubt::StaleHead { age, limit });
            }
        }
        Ok(snapshot)
    }

    /// Reads from the preferred endpoint, and from the next one if that fails.
    async fn read_at(&self, deployment: &Deployment, head: &Head) -> Result<Snapshot, ReadError> {
        let block = head.block.number;
        let mut last =
            ReadError::Node { endpoint: "(all)".into(), block, why: "none serves the block any more".into() };
        for (endpoint, provider) in self.pool.serving(head) {
            let mut facts = self.facts.lock().unwrap_or_else(PoisonError::into_inner).clone();
            match read(deployment, head, provider, &mut facts).await {
                Ok(snapshot) => {
                    *self.facts.lock().unwrap_or_else(PoisonError::into_inner) = facts;
                    return Ok(snapshot);
                }
                Err(Failure::Read(error)) => return Err(error),
                Err(Failure::Node(why)) => {
                    tracing::warn!(endpoint, block, why, "an RPC endpoint failed during a snapshot");
                    last = ReadError::Node { endpoint: endpoint.to_owned(), block, why };
                }
            }
        }
        Err(last)
    }
}

async fn read(
    deployment: &Deployment,
    head: &Head,
    provider: &DynProvider,
    facts: &mut Facts,
) -> Result<Snapshot, Failure> {
    let at = At { multicall: deployment.multicall, number: head.block.number, hash: head.block.hash };
    let asset = core::learn(deployment, provider, at, facts).await?;
    let known: &Facts = facts;
    let (core, positions, venues, fees) = futures::join!(
        core::read(deployment, asset, &known.tokens, provider, at),
        join_all(deployment.venues.iter().map(|venue| position::read(deployment, venue.adapter, provider, at))),
        join_all(deployment.venues.iter().map(|venue| venues::read(
            venue,
            deployment.vault,
            asset,
            head.block.timestamp,
            known,
            provider,
            at
        ))),
        fees::read(provider, head.block.number)
    );
    let core = core?;
    let mut found = HashMap::new();
    let mut learned = Vec::new();
    for ((venue, position), outcome) in deployment.venues.iter().zip(positions).zip(venues) {
        let position = position?;
        let reading = match outcome {
            Ok((markets, news)) => {
                learned.extend(news);
                reading(&position, markets)
            }
            Err(venues::Trouble::Node(why)) => return Err(Failure::Node(why)),
            Err(venues::Trouble::Unreadable(why)) => VenueReading::Unreadable { why },
        };
        found.insert(venue.adapter, (position, reading));
    }
    facts.markets.extend(learned);
    facts.tokens = core.tokens;
    let mut venues: Vec<VenueState> = core
        .venues
        .into_iter()
        .filter_map(|listed| {
            let (position, reading) = found.remove(&listed.known.adapter)?;
            let protocol = *facts.protocols.get(&listed.known.adapter)?;
            Some(state(listed, protocol, &position, reading))
        })
        .collect();
    reconcile(core.vault.nav, core.vault.idle, core.nav_complete, &mut venues);
    Ok(Snapshot {
        chain_id: deployment.chain_id,
        block: head.block,
        vault: core.vault,
        hub: core.hub,
        kill_switch: core.kill_switch,
        venues,
        feeds: core.feeds,
        eth_usd: core.eth_usd,
        fees,
        doubts: head.doubts.clone(),
    })
}

fn reading(position: &Position, markets: venues::Markets) -> VenueReading {
    if !position.readable {
        return VenueReading::Unreadable { why: "the hub cannot read its value or size within its gas limit".into() };
    }
    VenueReading::Read {
        value: position.value,
        liquidity: position.liquidity,
        utilisation: position.utilisation,
        size: position.size,
        checkpoint: position.checkpoint,
        depositable: markets.depositable,
        performance_fee: markets.performance_fee,
        markets: markets.markets,
        supply_queue: markets.supply_queue,
        withdraw_queue: markets.withdraw_queue,
    }
}

fn state(listed: core::ListedVenue, protocol: Address, position: &Position, reading: VenueReading) -> VenueState {
    VenueState {
        name: listed.known.name,
        kind: listed.known.kind,
        adapter: listed.known.adapter,
        venue: protocol,
        direct: position.direct,
        quarantined: listed.quarantined,
        cap: position.cap,
        target: position.target,
        flow_used: position.flow_used,
        can_add: position.can_add,
        reading,
    }
}

/// The vault reads its venues with capped gas; where its sum is not ours, which of them it cannot read is not known, and none counts as
/// read. A quarantined position is not part of its sum.
fn reconcile(nav: Assets, idle: Assets, nav_complete: bool, venues: &mut [VenueState]) {
    let mut sum = Some(idle);
    for venue in venues.iter().filter(|venue| !venue.quarantined) {
        match &venue.reading {
            VenueReading::Read { value, .. } => sum = sum.and_then(|sum| sum.checked_add(*value)),
            // NAV is not expected to match what was not read.
            VenueReading::Unreadable { .. } => return,
        }
    }
    let complete = nav_complete || venues.iter().any(|venue| venue.quarantined);
    if complete && sum == Some(nav) {
        return;
    }
    let why = if complete {
        format!("the venues' values and idle do not add up to the vault's NAV of {nav}")
    } else {
        "the vault cannot read one of its venues within its own gas limit".to_owned()
    };
    for venue in venues {
        venue.reading = VenueReading::Unreadable { why: why.clone() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ballast_types::{Bps, VenueKind, Wad};

    fn read(value: u128) -> VenueReading {
        VenueReading::Read {
            value: Assets(value),
            liquidity: Assets(value),
            utilisation: Wad(0),
            size: Assets(value),
            checkpoint: None,
            depositable: true,
            performance_fee: Wad(0),
            markets: Vec::new(),
            supply_queue: Vec::new(),
            withdraw_queue: Vec::new(),
        }
    }

    fn venue(byte: u8, quarantined: bool, reading: VenueReading) -> VenueState {
        VenueState {
            name: String::new(),
            kind: VenueKind::MetaMorpho,
            adapter: Address::repeat_byte(byte),
            venue: Address::repeat_byte(byte),
            direct: true,
            quarantined,
            cap: Assets(0),
            target: Bps(0),
            flow_used: Bps(0),
            can_add: true,
            reading,
        }
    }

    fn reconciled(nav: u128, complete: bool, quarantined: bool, values: [VenueReading; 2]) -> [bool; 2] {
        let [a, b] = values;
        let mut venues = [venue(1, false, a), venue(2, quarantined, b)];
        reconcile(Assets(nav), Assets(10), complete, &mut venues);
        venues.map(|venue| matches!(venue.reading, VenueReading::Read { .. }))
    }

    #[test]
    fn venues_count_as_read_only_when_they_add_up_to_what_the_vault_says() {
        let unreadable = || VenueReading::Unreadable { why: "it reverts".into() };
        assert_eq!(reconciled(60, true, false, [read(20), read(30)]), [true, true]);
        assert_eq!(reconciled(61, true, false, [read(20), read(30)]), [false, false]);
        assert_eq!(reconciled(60, false, false, [read(20), read(30)]), [false, false]);
        assert_eq!(reconciled(30, false, false, [read(20), unreadable()]), [true, false]);
    }

    #[test]
    fn a_quarantined_position_is_not_part_of_the_sum() {
        assert_eq!(reconciled(30, false, true, [read(20), read(30)]), [true, true]);
        assert_eq!(reconciled(60, false, true, [read(20), read(30)]), [false, false]);
    }
}
