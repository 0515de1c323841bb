//! The RPC endpoints, and the newest block on which they agree.

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
use std::{
    sync::atomic::{AtomicBool, Ordering},
    time::Duration,
};

/// An endpoint further behind the newest block than this does not count as healthy: it would hold the others back.
const MAX_LAG: u64 = 3;

/// No endpoint can be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PoolError {
    #[error("no RPC endpoint is configured, expected at least one http or https URL")]
    NoEndpoint,
    #[error("the RPC endpoint {endpoint} cannot be used: {why}")]
    BadUrl { endpoint: String, why: String },
    #[error("no RPC endpoint answers: {}", list(.failures))]
    AllDown { failures: Vec<(String, String)> },
    #[error("block {number} has no base fee; expected a chain with EIP-1559 fees")]
    NoBaseFee { number: u64 },
}

fn list(failures: &[(String, String)]) -> String {
    failures.iter().map(|(endpoint, why)| format!("{endpoint} ({why})")).collect::<Vec<_>>().join("; ")
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
}

#[derive(Debug)]
struct Node {
    endpoint: Endpoint,
    down: AtomicBool,
    /// Far behind while most are not.
    lags: AtomicBool,
}

impl RpcPool {
    /// Prepares connections to `urls` (http or https); each request may take `timeout`. Nothing is contacted yet.
    ///
    /// # Errors
    /// [`PoolError::NoEndpoint`], [`PoolError::BadUrl`].
    pub fn new<U: AsRef<str>>(urls: &[U], timeout: Duration) -> Result<Self, PoolError> {
        let node = |url: &U| {
            let endpoint = Endpoint::new(url.as_ref(), timeout)
                .map_err(|why| PoolError::BadUrl { endpoint: redact(url.as_ref()), why })?;
            Ok(Node { endpoint, down: AtomicBool::new(false), lags: AtomicBool::new(false) })
        };
        let (first, rest) = urls.split_first().ok_or(PoolError::NoEndpoint)?;
        Ok(Self { first: node(first)?, rest: rest.iter().map(node).collect::<Result<_, _>>()? })
    }

    /// The first endpoint that was up, and not far behind most others, when last asked.
    #[must_use]
    pub fn primary(&self) -> &DynProvider {
        let up = |node: &&Node| !node.down.load(Ordering::Relaxed);
        let current = self.nodes().find(|node| up(node) && !node.lags.load(Ordering::Relaxed));
        &current.or_else(|| self.nodes().find(up)).unwrap_or(&self.first).endpoint.provider
    }

    /// The newest block that every healthy endpoint serves. Endpoints that are down are marked, logged and left out.
    ///
    /// Different hashes for it, or most endpoints far behind the newest, are a [`Doubt`], not an error.
    ///
    /// # Errors
    /// [`PoolError::AllDown`] with the failure of each, [`PoolError::NoBaseFee`].
    pub async fn head(&self) -> Result<Head, PoolError> {
        let mut serving =
            self.headers(self.nodes().enumerate().map(|(index, _)| (index, BlockNumberOrTag::Latest))).await?;
        let newest = serving.iter().map(|(_, header)| header.number()).max().unwrap_or_default();
        let mut doubts = Vec::new();
        let (keeping_up, behind): (Vec<_>, Vec<_>) =
            serving.into_iter().partition(|(_, header)| header.number().saturating_add(MAX_LAG) >= newest);
        serving = keeping_up;
        if !behind.is_empty() {
            let detail =
                behind.iter().map(|(index, header)| format!("{} is at block {}", self.label(*index), header.number()));
            let detail = format!("the newest block is {newest}, but {}", detail.collect::<Vec<_>>().join(" and "));
            tracing::warn!(detail, "RPC endpoints are behind");
            // When most are behind, the one ahead is as likely to be wrong.
            if behind.len() >= serving.len() {
                doubts.push(Doubt::RpcDisagreement { detail });
            }
        }
        for (index, node) in self.nodes().enumerate() {
            let lags = doubts.is_empty() && behind.iter().any(|(slow, _)| *slow == index);
            node.lags.store(lags, Ordering::Relaxed);
        }
        let number = serving.iter().map(|(_, header)| header.number()).min().unwrap_or_default();
        let (at, ahead): (Vec<_>, Vec<_>) = serving.into_iter().partition(|(_, header)| header.number() == number);
        let mut at = at;
        if !ahead.is_empty() {
            let again = ahead.iter().map(|(index, _)| (*index, BlockNumberOrTag::Number(number)));
            // One that has just served a newer block and not this one is left out like any that fails.
            match self.headers(again).await {
                Ok(older) => at.extend(older),
                Err(error) => tracing::warn!(%error, number, "an RPC endpoint does not serve an older block"),
            }
        }
        at.sort_by_key(|(index, _)| *index);
        let Some((_, header)) = at.first() else { return Err(PoolError::AllDown { failures: Vec::new() }) };
        if at.iter().any(|(_, other)| other.hash != header.hash) {
            let stories = at.iter().map(|(index, header)| format!("{} says {}", self.label(*index), header.hash));
            let detail = format!("block {number}: {}", stories.collect::<Vec<_>>().join(", "));
            tracing::warn!(detail, "RPC endpoints disagree");
            doubts.push(Doubt::RpcDisagreement { detail });
        }
        let hash = header.hash;
        let nodes = at.iter().filter(|(_, other)| other.hash == hash).map(|(index, _)| *index).collect();
        Ok(Head { block: block_ref(header)?, doubts, nodes })
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
