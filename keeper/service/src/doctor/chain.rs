//! The endpoints, one by one and against each other, and this machine's clock against the blocks'.

use super::Finding;
use crate::config::Config;
use alloy::{
    eips::BlockNumberOrTag,
    primitives::B256,
    providers::{DynProvider, Provider},
};
use ballast_chain::{RpcPool, redact};
use ballast_executor::DEV_CHAIN_ID;
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Blocks behind the newest after which the keeper leaves an endpoint out.
const MAX_LAG: u64 = 3;
/// Seconds by which a block may be ahead of a clock that is right: proposers' clocks are not exact either.
const MAX_AHEAD: u64 = 2;

/// What one endpoint says.
struct Endpoint {
    label: String,
    provider: DynProvider,
    number: u64,
    timestamp: u64,
}

/// The endpoints to go on with, if all that answer are on the right chain.
pub(super) async fn examine(config: &Config) -> (Option<RpcPool>, Vec<Finding>) {
    let timeout = Duration::from_secs(config.chain.timeout);
    let mut findings = Vec::new();
    let mut endpoints = Vec::new();
    for url in &config.chain.rpc {
        // One by one: a pool says which of its endpoints to ask, and here each is asked.
        match RpcPool::new(&[url], timeout) {
            Ok(pool) => match endpoint(config, redact(url), pool.primary().clone()).await {
                Ok(endpoint) => {
                    findings.push(Finding::ok("endpoint", described(&endpoint)));
                    findings.push(tracing_of(&endpoint, config).await);
                    endpoints.push(endpoint);
                }
                Err(finding) => findings.push(finding),
            },
            Err(error) => findings.push(unusable(error.to_string())),
        }
    }
    if config.chain.rpc.len() == 1 {
        let found = "one RPC endpoint is configured";
        let advice = "add one of another provider to chain.rpc";
        findings.push(Finding::warning("agreement", found, "two or more, to check each other", advice));
    }
    let newest = endpoints.iter().max_by_key(|endpoint| endpoint.number);
    if let Some(newest) = newest {
        findings.append(&mut lags(&endpoints, newest));
        if endpoints.len() > 1 {
            findings.push(agreement(&endpoints).await);
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        findings.push(if config.chain.id == DEV_CHAIN_ID {
            Finding::ok("clock", "not compared: the development chain's time is its own")
        } else {
            clock(now, newest.timestamp, config.policy.max_head_age)
        });
    }
    let wrong = findings.iter().any(|finding| finding.check == "chain id");
    let pool = if wrong || endpoints.is_empty() {
        None
    } else {
        RpcPool::with_settings(&config.chain.rpc, &config.pool_settings()).ok()
    };
    (pool, findings)
}

fn described(endpoint: &Endpoint) -> String {
    format!("{} is on the right chain, at block {}", endpoint.label, endpoint.number)
}

async fn endpoint(config: &Config, label: String, provider: DynProvider) -> Result<Endpoint, Finding> {
    let id = provider.get_chain_id().await.map_err(|error| unusable(format!("{label}: {error}")))?;
    if id != config.chain.id {
        return Err(Finding::problem(
            "chain id",
            format!("{label} is on chain {id}"),
            format!("chain {}", config.chain.id),
            "correct chain.rpc or chain.id",
        ));
    }
    match provider.get_block_by_number(BlockNumberOrTag::Latest).await {
        Ok(Some(block)) => {
            Ok(Endpoint { label, provider, number: block.header.number, timestamp: block.header.timestamp })
        }
        Ok(None) => Err(unusable(format!("{label} has no newest block"))),
        Err(error) => Err(unusable(format!("{label}: {error}"))),
    }
}

fn unusable(found: String) -> Finding {
    Finding::problem("endpoint", found, "an endpoint that answers", "check the URL, the provider's key and the network")
}

/// Simulations fetch what they touch with one trace instead of slot by slot.
async fn tracing_of(endpoint: &Endpoint, config: &Config) -> Finding {
    let call = json!([{ "to": config.contracts.vault, "data": "0x" }, "latest", { "tracer": "prestateTracer" }]);
    match endpoint.provider.raw_request::<_, Value>("debug_traceCall".into(), call).await {
        Ok(_) => Finding::ok("debug API", format!("{} serves debug_traceCall", endpoint.label)),
        Err(error) => Finding::warning(
            "debug API",
            format!("{} does not serve debug_traceCall: {error}", endpoint.label),
            "debug_traceCall with the prestate tracer",
            "ask the provider for its debug API; without it each simulation takes many requests",
        ),
    }
}

fn lags(endpoints: &[Endpoint], newest: &Endpoint) -> Vec<Finding> {
    let behind = endpoints.iter().filter(|endpoint| endpoint.number.saturating_add(MAX_LAG) < newest.number);
    behind
        .map(|endpoint| {
            let lag = newest.number - endpoint.number;
            Finding::problem(
                "lag",
                format!("{} is {lag} blocks behind {}", endpoint.label, newest.label),
                format!("at most {MAX_LAG} blocks"),
                "wait until it has caught up, or replace it: the keeper leaves it out",
            )
        })
        .collect()
}

/// The hash of the newest block that all of them have.
async fn agreement(endpoints: &[Endpoint]) -> Finding {
    let number = endpoints.iter().map(|endpoint| endpoint.number).min().unwrap_or_default();
    let mut stories = Vec::new();
    for endpoint in endpoints {
        let block = endpoint.provider.get_block_by_number(BlockNumberOrTag::Number(number)).await;
        let hash: Result<Option<B256>, String> =
            block.map(|block| block.map(|block| block.header.hash)).map_err(|error| error.to_string());
        stories.push((&endpoint.label, hash));
    }
    let hashes: BTreeSet<_> = stories.iter().map(|(_, hash)| hash.clone()).collect();
    match hashes.first() {
        Some(Ok(Some(_))) if hashes.len() == 1 => {
            Finding::ok("agreement", format!("all endpoints have the same block {number}"))
        }
        _ => {
            let story = |(label, hash): &(&String, Result<Option<B256>, String>)| match hash {
                Ok(Some(hash)) => format!("{label} says {hash}"),
                Ok(None) => format!("{label} has none"),
                Err(error) => format!("{label} does not say: {error}"),
            };
            let found = format!("block {number}: {}", stories.iter().map(story).collect::<Vec<_>>().join(", "));
            let advice = "find out which of them is wrong; while they disagree the keeper holds";
            Finding::problem("agreement", found, "the same block from every endpoint", advice)
        }
    }
}

/// The newest block against this machine's clock, both in Unix seconds.
fn clock(now: u64, block: u64, max_head_age: u64) -> Finding {
    let advice = "set the clock (timedatectl set-ntp true); if it is right, the chain or every endpoint stands still";
    if block > now.saturating_add(MAX_AHEAD) {
        let found = format!("the newest block is {} s ahead of this machine's clock", block - now);
        return Finding::problem("clock", found, format!("at most {MAX_AHEAD} s: the clock is slow"), advice);
    }
    let age = now.saturating_sub(block);
    if age > max_head_age {
        let found = format!("the newest block is {age} s older than this machine's clock");
        return Finding::problem("clock", found, format!("at most policy.max_head_age = {max_head_age} s"), advice);
    }
    Finding::ok("clock", format!("the newest block is {age} s old by this machine's clock"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Severity;

    #[test]
    fn a_clock_is_off_when_blocks_come_from_the_future_or_are_too_old() {
        let of = |block| clock(10_000, block, 300).severity;
        assert_eq!([of(9_700), of(10_000), of(10_002)], [Severity::Ok; 3]);
        assert_eq!([of(9_699), of(10_003), of(10_600), of(9_400)], [Severity::Problem; 4]);
    }
}
