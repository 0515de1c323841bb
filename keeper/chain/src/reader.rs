//! Everything a decision may depend on, read at one block.
//!
//! All reads are executed on the state of the same block, pinned by its hash. What the vault, the hub and the switch say must be
//! readable; a venue or a feed that is not becomes `Unreadable`, with the reason, because that is a fact about it.
//!
//! After the head, a snapshot takes two round trips: one for all that has a known address, one for what hangs on its answers
//! (feeds, rate curves, markets). What cannot change (the asset, an adapter's protocol, a market's parameters) is read once
//! and remembered, so the first snapshot takes up to two more. Venues are read beside each other, each in calls of its own, so
//! that one which burns its gas takes nothing from the others.

mod core;
mod feeds;
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
use ballast_types::{Assets, Doubt, Snapshot, VenueReading};
use futures::future::join_all;
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
    let (core, venues) = futures::join!(
        core::read(deployment, asset, &known.tokens, provider, at),
        join_all(deployment.venues.iter().map(|venue| venues::read(
            venue,
            asset,
            head.block.timestamp,
            known,
            provider,
            at
        )))
    );
    let core = core?;
    let mut readings = HashMap::new();
    let mut learned = Vec::new();
    for (venue, outcome) in deployment.venues.iter().zip(venues) {
        let reading = match outcome {
            Ok((reading, markets)) => {
                learned.extend(markets);
                reading
            }
            Err(venues::Trouble::Node(why)) => return Err(Failure::Node(why)),
            Err(venues::Trouble::Unreadable(why)) => VenueReading::Unreadable { why },
        };
        readings.insert(venue.adapter, reading);
    }
    facts.markets.extend(learned);
    facts.tokens = core.tokens;
    reconcile(core.vault.nav, core.vault.idle, core.nav_complete, &mut readings);
    let with_reading = |venue: core::ListedVenue| {
        let reading = readings.remove(&venue.adapter())?;
        Some(venue.state(reading))
    };
    let venues = core.venues.into_iter().filter_map(with_reading).collect();
    Ok(Snapshot {
        chain_id: deployment.chain_id,
        block: head.block,
        vault: core.vault,
        hub: core.hub,
        kill_switch: core.kill_switch,
        venues,
        feeds: core.feeds,
        eth_usd: core.eth_usd,
        doubts: head.doubts.clone(),
    })
}

/// The vault reads its venues with capped gas; where its sum is not ours, which of them it cannot read is not known, and none counts as read.
fn reconcile(nav: Assets, idle: Assets, nav_complete: bool, readings: &mut HashMap<Address, VenueReading>) {
    let mut sum = Some(idle);
    for reading in readings.values() {
        match reading {
            VenueReading::Read { value, .. } => sum = sum.and_then(|sum| sum.checked_add(*value)),
            // NAV is not expected to match what was not read.
            VenueReading::Unreadable { .. } => return,
        }
    }
    if nav_complete && sum == Some(nav) {
        return;
    }
    let why = if nav_complete {
        format!("the venues' values and idle do not add up to the vault's NAV of {nav}")
    } else {
        "the vault cannot read one of its venues within its own gas limit".to_owned()
    };
    for reading in readings.values_mut() {
        *reading = VenueReading::Unreadable { why: why.clone() };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ballast_types::Wad;

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

    fn reconciled(nav: u128, complete: bool, values: [VenueReading; 2]) -> Vec<bool> {
        let [a, b] = values;
        let mut readings = HashMap::from([(Address::repeat_byte(1), a), (Address::repeat_byte(2), b)]);
        reconcile(Assets(nav), Assets(10), complete, &mut readings);
        let readable = |byte: u8| matches!(readings.get(&Address::repeat_byte(byte)), Some(VenueReading::Read { .. }));
        vec![readable(1), readable(2)]
    }

    #[test]
    fn venues_count_as_read_only_when_they_add_up_to_what_the_vault_says() {
        let unreadable = || VenueReading::Unreadable { why: "it reverts".into() };
        assert_eq!(reconciled(60, true, [read(20), read(30)]), [true, true]);
        assert_eq!(reconciled(61, true, [read(20), read(30)]), [false, false]);
        assert_eq!(reconciled(60, false, [read(20), read(30)]), [false, false]);
        assert_eq!(reconciled(30, false, [read(20), unreadable()]), [true, false]);
    }
}
