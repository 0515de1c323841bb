//! The RPC endpoints, how far each is to be believed, and the newest block on which they agree.
//!
//! No single endpoint is believed. A block counts when a quorum of the configured endpoints gives the same hash for it, and nothing is
//! signed until a quorum has also confirmed the state that the simulation read ([`Simulator::confirm`](crate::Simulator::confirm)). An
//! endpoint that lags or says something else than the quorum is dropped and named, until it has agreed again for some heads.

mod agreed;
mod health;
mod quorum;
mod rate;
mod standing;

pub use health::Vitals;
pub use quorum::{Difference, NoQuorum, Testimony, Vouched};
pub use rate::Rate;
pub(crate) use {health::Health, rate::TokenBucket};

use crate::endpoint::{Endpoint, chain_text, redact};
use alloy::{
    consensus::BlockHeader,
    eips::{BlockNumberOrTag, eip1559::BaseFeeParams},
    primitives::B256,
    providers::{DynProvider, Provider},
    rpc::types::Header,
};
use ballast_types::{BlockRef, Doubt};
use futures::future::join_all;
use standing::Standing;
use std::{
    cmp::Reverse,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant},
};

/// An endpoint further behind the newest block than this does not count as healthy: it would hold the others back.
const MAX_LAG: u64 = 3;
/// Heads on which a dropped endpoint must agree to be used again, unless configured.
pub const READMIT_AFTER: u32 = 5;

/// No endpoint can be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PoolError {
    #[error("no RPC endpoint is configured, expected at least one http or https URL")]
    NoEndpoint,
    #[error("the RPC endpoint {endpoint} cannot be used: {why}")]
    BadUrl { endpoint: String, why: String },
    #[error(
        "the quorum is {quorum} of {endpoints} endpoints, expected {} to {endpoints}: with fewer, two opposite stories could each reach it",
        majority(*.endpoints)
    )]
    BadQuorum { quorum: usize, endpoints: usize },
    #[error("no RPC endpoint answers: {}", list(.failures))]
    AllDown { failures: Vec<(String, String)> },
    #[error("no quorum of RPC endpoints says the same: {said}")]
    NoAgreement { said: String },
    #[error("block {number} has no base fee; expected a chain with EIP-1559 fees")]
    NoBaseFee { number: u64 },
}

fn list(failures: &[(String, String)]) -> String {
    failures.iter().map(|(endpoint, why)| format!("{endpoint} ({why})")).collect::<Vec<_>>().join("; ")
}

/// The fewest of `endpoints` that are more than half: 1 of 1, 2 of 2, 2 of 3, 3 of 5.
#[must_use]
pub const fn majority(endpoints: usize) -> usize {
    endpoints / 2 + 1
}

/// How the endpoints are used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PoolSettings {
    /// Bound on one request, its waiting for a rate limit included.
    pub timeout: Duration,
    /// Endpoints that must say the same, [`majority`] to all of them; `None`: the majority.
    pub quorum: Option<usize>,
    /// What each endpoint's plan allows; `None`: no limit of ours.
    pub rate: Option<Rate>,
    /// Heads on which a dropped endpoint must agree to be used again.
    pub readmit_after: u32,
}

impl PoolSettings {
    /// A majority is the quorum, requests are not limited.
    #[must_use]
    pub const fn new(timeout: Duration) -> Self {
        Self { timeout, quorum: None, rate: None, readmit_after: READMIT_AFTER }
    }
}

/// What is known of one endpoint, for the operator.
#[derive(Clone, Debug, PartialEq)]
pub struct EndpointReport {
    /// Redacted.
    pub endpoint: String,
    /// Its last request failed.
    pub down: bool,
    /// Why its word does not count at present.
    pub dropped: Option<String>,
    pub vitals: Vitals,
}

/// The block to observe, and why not to trust it, if so.
#[derive(Clone, Debug)]
pub struct Head {
    pub block: BlockRef,
    /// Endpoints tell different stories about it.
    pub doubts: Vec<Doubt>,
    /// Endpoints that serve this block, preferred first.
    nodes: Vec<usize>,
}

/// One or more RPC endpoints of the same chain. The first is preferred; the others check it and stand in for it.
#[derive(Debug)]
pub struct RpcPool {
    first: Node,
    rest: Vec<Node>,
    quorum: usize,
    readmit_after: u32,
}

#[derive(Debug)]
struct Node {
    endpoint: Endpoint,
    down: AtomicBool,
    standing: Standing,
}

impl RpcPool {
    /// As [`Self::with_settings`] with the default settings.
    ///
    /// # Errors
    /// [`PoolError::NoEndpoint`], [`PoolError::BadUrl`].
    pub fn new<U: AsRef<str>>(urls: &[U], timeout: Duration) -> Result<Self, PoolError> {
        Self::with_settings(urls, &PoolSettings::new(timeout))
    }

    /// Prepares connections to `urls` (http or https). Nothing is contacted yet.
    ///
    /// # Errors
    /// [`PoolError::NoEndpoint`], [`PoolError::BadUrl`], [`PoolError::BadQuorum`].
    pub fn with_settings<U: AsRef<str>>(urls: &[U], settings: &PoolSettings) -> Result<Self, PoolError> {
        let node = |url: &U| {
            let endpoint = Endpoint::new(url.as_ref(), settings)
                .map_err(|why| PoolError::BadUrl { endpoint: redact(url.as_ref()), why })?;
            Ok(Node { endpoint, down: AtomicBool::new(false), standing: Standing::default() })
        };
        let (first, rest) = urls.split_first().ok_or(PoolError::NoEndpoint)?;
        let quorum = settings.quorum.unwrap_or(majority(urls.len()));
        if !(majority(urls.len())..=urls.len()).contains(&quorum) {
            return Err(PoolError::BadQuorum { quorum, endpoints: urls.len() });
        }
        let rest = rest.iter().map(node).collect::<Result<_, _>>()?;
        Ok(Self { first: node(first)?, rest, quorum, readmit_after: settings.readmit_after })
    }

    /// The endpoint to read from: one that is up, whose word counts and that answers well; among such, the first.
    #[must_use]
    pub fn primary(&self) -> &DynProvider {
        &self.source().1.endpoint.provider
    }

    /// The endpoint to read from, with its place in the configuration.
    pub(crate) fn origin(&self) -> (usize, DynProvider) {
        let (index, node) = self.source();
        (index, node.endpoint.provider.clone())
    }

    /// As [`Self::origin`], of those that are not `excluded` and whose word counts; `None` if there is no other.
    pub(crate) fn origin_besides(&self, excluded: &[usize]) -> Option<(usize, DynProvider)> {
        let others = |(index, node): &(usize, &Node)| !excluded.contains(index) && node.standing.is_good();
        let (index, node) = self.best(others)?;
        Some((index, node.endpoint.provider.clone()))
    }

    /// Endpoints that must say the same before it is believed, and how many there are. `(1, 1)`: nobody checks the only one.
    #[must_use]
    pub fn quorum(&self) -> (usize, usize) {
        (self.quorum, self.nodes().count())
    }

    /// What is known of each endpoint, in the order of the configuration.
    #[must_use]
    pub fn endpoints(&self) -> Vec<EndpointReport> {
        let report = |node: &Node| EndpointReport {
            endpoint: node.endpoint.label.clone(),
            down: node.down.load(Ordering::Relaxed),
            dropped: node.standing.why(),
            vitals: node.endpoint.health.vitals(),
        };
        self.nodes().map(report).collect()
    }

    /// The newest block that every healthy endpoint serves. Endpoints that are down are marked, logged and left out; those that lag
    /// or tell another story than the quorum are dropped.
    ///
    /// Less than a quorum for its hash, or for being the newest, is a [`Doubt`], not an error.
    ///
    /// # Errors
    /// [`PoolError::AllDown`] with the failure of each, [`PoolError::NoBaseFee`].
    pub async fn head(&self) -> Result<Head, PoolError> {
        let all = self.nodes().enumerate().map(|(index, _)| (index, BlockNumberOrTag::Latest));
        let (mut serving, mut doubts) = self.abreast(self.headers(all).await?);
        let number = serving.iter().map(|(_, header)| header.number()).min().unwrap_or_default();
        let ahead: Vec<_> = serving.extract_if(.., |(_, header)| header.number() > number).collect();
        if !ahead.is_empty() {
            let again = ahead.iter().map(|(index, _)| (*index, BlockNumberOrTag::Number(number)));
            // One that has just served a newer block and not this one is left out like any that fails.
            match self.headers(again).await {
                Ok(older) => serving.extend(older),
                Err(error) => tracing::warn!(%error, number, "an RPC endpoint does not serve an older block"),
            }
        }
        serving.sort_by_key(|(index, _)| *index);
        let (header, doubt) = self.elect(number, &serving);
        if doubts.is_empty() {
            doubts.extend(doubt);
        }
        let Some(header) = header else { return Err(PoolError::AllDown { failures: Vec::new() }) };
        let good = |index: usize| self.nodes().nth(index).is_some_and(|node| node.standing.is_good());
        let hash = header.hash;
        let mut nodes: Vec<_> =
            serving.iter().filter(|(_, other)| other.hash == hash).map(|(index, _)| *index).collect();
        nodes.sort_by_key(|index| (!good(*index), *index));
        Ok(Head { block: block_ref(header)?, doubts, nodes })
    }

    /// Those that are about as far as a quorum is, and a doubt if no quorum is together. An endpoint that is far from where a quorum
    /// is, behind or ahead, is dropped.
    fn abreast(&self, all: Vec<(usize, Header)>) -> (Vec<(usize, Header)>, Vec<Doubt>) {
        let mut heights: Vec<u64> =
            all.iter().filter(|(index, _)| self.votes([*index].into_iter()) == 1).map(|(_, h)| h.number()).collect();
        heights.sort_unstable_by_key(|height| Reverse(*height));
        let newest = all.iter().map(|(_, header)| header.number()).max().unwrap_or_default();
        // A quorum has reached at least this block; one endpoint alone cannot move it.
        let reached = heights.get(self.quorum - 1).copied().unwrap_or(newest);
        let near = |of: u64| move |(_, header): &(usize, Header)| header.number().abs_diff(of) <= MAX_LAG;
        let places =
            all.iter().map(|(index, header)| format!("{} is at block {}", self.label(*index), header.number()));
        let places = places.collect::<Vec<_>>().join(" and ");
        let (together, apart): (Vec<_>, Vec<_>) = all.into_iter().partition(near(reached));
        if apart.is_empty() {
            return (together, Vec::new());
        }
        tracing::warn!(places, "RPC endpoints are apart");
        if self.votes(together.iter().map(|(index, _)| *index)) >= self.quorum {
            for (index, header) in &apart {
                self.expel(*index, format!("it is at block {}, the others at {reached}", header.number()));
            }
            return (together, Vec::new());
        }
        // Which of them is wrong cannot be known.
        let detail = format!(
            "the newest block is {newest}, and no {} of {} endpoints are together: {places}",
            self.quorum,
            self.quorum().1
        );
        let newer = together.into_iter().chain(apart).filter(near(newest)).collect();
        (newer, vec![Doubt::RpcDisagreement { detail }])
    }

    /// The header of block `number` that most endpoints give whose word counts, and why to doubt it if they are no quorum. Endpoints
    /// that say otherwise than a quorum are dropped; dropped ones that say the same are on their way back.
    fn elect<'a>(&self, number: u64, serving: &'a [(usize, Header)]) -> (Option<&'a Header>, Option<Doubt>) {
        let backers = |hash: B256| serving.iter().filter(move |(_, other)| other.hash == hash).map(|(index, _)| *index);
        let preferred =
            serving.iter().min_by_key(|(index, header)| (Reverse(self.votes(backers(header.hash))), *index));
        let Some((_, header)) = preferred else { return (None, None) };
        let votes = self.votes(backers(header.hash));
        let stories = serving.iter().map(|(index, header)| format!("{} says {}", self.label(*index), header.hash));
        let stories = stories.collect::<Vec<_>>().join(", ");
        if votes < self.quorum {
            let total = self.nodes().count();
            let detail = format!(
                "block {number}: {votes} of {total} endpoints give the same hash, {} are needed: {stories}",
                self.quorum
            );
            tracing::warn!(detail, "no quorum of RPC endpoints");
            // Without a quorum the preferred endpoint's story is the one that is read, and it is in doubt.
            return (serving.first().map(|(_, first)| first), Some(Doubt::RpcDisagreement { detail }));
        }
        for (index, other) in serving {
            if other.hash == header.hash {
                self.readmit(*index, header.hash);
            } else {
                self.expel(*index, format!("block {number}: it says {}, {votes} others {}", other.hash, header.hash));
            }
        }
        (Some(header), None)
    }

    /// How many of these endpoints have a word that counts.
    fn votes(&self, indices: impl Iterator<Item = usize>) -> usize {
        indices.filter(|index| self.nodes().nth(*index).is_some_and(|node| node.standing.is_good())).count()
    }

    fn expel(&self, index: usize, why: String) {
        let Some(node) = self.nodes().nth(index) else { return };
        if node.standing.drop_for(why.clone()) {
            let readmit_after = self.readmit_after;
            tracing::error!(endpoint = node.endpoint.label, why, readmit_after, "RPC endpoint is dropped");
        }
    }

    fn readmit(&self, index: usize, head: B256) {
        let Some(node) = self.nodes().nth(index) else { return };
        if node.standing.agreed(head, self.readmit_after) {
            tracing::info!(endpoint = node.endpoint.label, "RPC endpoint agrees again and is used again");
        }
    }

    /// Where to read from, and its place in the configuration.
    fn source(&self) -> (usize, &Node) {
        self.best(|_| true).unwrap_or((0, &self.first))
    }

    /// The best of some: up, its word counts, answers well; among such, the first.
    fn best(&self, of: impl Fn(&(usize, &Node)) -> bool) -> Option<(usize, &Node)> {
        let now = Instant::now();
        let quickest = self.nodes().filter_map(|node| node.endpoint.health.vitals().latency).min();
        let rank = |node: &Node| {
            let health = &node.endpoint.health;
            let poor = !health.pause(now).is_zero() || health.vitals().is_poor(quickest);
            (node.down.load(Ordering::Relaxed), !node.standing.is_good(), poor)
        };
        self.nodes().enumerate().filter(of).min_by_key(|(index, node)| (rank(node), *index))
    }

    /// The chain id that each endpoint reports, or its failure; by redacted name.
    pub async fn chain_ids(&self) -> Vec<(String, Result<u64, String>)> {
        join_all(self.nodes().map(|node| async {
            let answer = node.endpoint.provider.get_chain_id().await.map_err(|error| chain_text(&error));
            self.mark(node, answer.as_ref().err());
            (node.endpoint.label.clone(), answer)
        }))
        .await
    }

    /// The endpoints that serve `head`, preferred first.
    pub(crate) fn serving<'a>(&'a self, head: &'a Head) -> impl Iterator<Item = (&'a str, &'a DynProvider)> {
        head.nodes
            .iter()
            .filter_map(|index| self.nodes().nth(*index))
            .map(|node| (node.endpoint.label.as_str(), &node.endpoint.provider))
    }

    fn nodes(&self) -> impl Iterator<Item = &Node> {
        std::iter::once(&self.first).chain(&self.rest)
    }

    fn label(&self, index: usize) -> &str {
        self.nodes().nth(index).map_or("", |node| &node.endpoint.label)
    }

    /// The header of one block from each of some endpoints; those that fail are marked. An error only if all fail.
    async fn headers(
        &self,
        wanted: impl Iterator<Item = (usize, BlockNumberOrTag)>,
    ) -> Result<Vec<(usize, Header)>, PoolError> {
        let asked = join_all(wanted.filter_map(|(index, block)| Some((index, block, self.nodes().nth(index)?))).map(
            async |(index, block, node)| {
                let answer = match node.endpoint.provider.get_block_by_number(block).await {
                    Ok(Some(found)) => Ok((index, found.header)),
                    Ok(None) => Err(format!("it has no block {block}")),
                    Err(error) => Err(chain_text(&error)),
                };
                self.mark(node, answer.as_ref().err());
                answer.map_err(|why| (node.endpoint.label.clone(), why))
            },
        ))
        .await;
        let (found, failures): (Vec<_>, Vec<_>) = asked.into_iter().partition(Result::is_ok);
        if found.is_empty() {
            return Err(PoolError::AllDown { failures: failures.into_iter().filter_map(Result::err).collect() });
        }
        Ok(found.into_iter().filter_map(Result::ok).collect())
    }

    fn mark(&self, node: &Node, failure: Option<&String>) {
        let was_down = node.down.swap(failure.is_some(), Ordering::Relaxed);
        match failure {
            Some(why) if !was_down => tracing::warn!(endpoint = node.endpoint.label, why, "RPC endpoint is down"),
            None if was_down => tracing::info!(endpoint = node.endpoint.label, "RPC endpoint is back"),
            _ => {}
        }
    }
}

fn block_ref(header: &Header) -> Result<BlockRef, PoolError> {
    let next = header
        .next_block_base_fee(BaseFeeParams::ethereum())
        .ok_or(PoolError::NoBaseFee { number: header.number() })?;
    Ok(BlockRef {
        number: header.number(),
        hash: hash_of(header),
        timestamp: header.timestamp(),
        next_base_fee: u128::from(next),
    })
}

const fn hash_of(header: &Header) -> B256 {
    header.hash
}
