//! The contracts, what they think of the keys, and what the keeper has to spend.

use super::{Finding, keys::Keys};
use crate::config::Config;
use alloy::{primitives::U256, providers::Provider};
use ballast_chain::{RpcPool, bindings::StrategyHub};

/// Rebalances that the balance should pay, each at the highest fee.
const FUNDED_REBALANCES: u64 = 10;

pub(super) async fn examine(config: &Config, pool: &RpcPool, keys: &Keys) -> Vec<Finding> {
    let expected =
        "the contracts of this build, pointing at each other, and the configured venues those that the vault lists";
    if let Err(error) = config.deployment().verify(pool).await {
        let advice = "compare contracts and venues with the address book in deploy/addresses/";
        return vec![Finding::problem("contracts", error.to_string(), expected, advice)];
    }
    let venues: Vec<&str> = config.venues.iter().map(|venue| venue.name.as_str()).collect();
    let mut findings = vec![Finding::ok("contracts", format!("vault, hub, switch, feed and {}", venues.join(", ")))];
    findings.push(attestor(config, pool, keys).await);
    findings.push(role(config, pool, keys).await);
    findings.push(balance(config, pool, keys).await);
    findings
}

fn unasked(check: &'static str, why: impl std::fmt::Display) -> Finding {
    Finding::problem(check, why.to_string(), "an answer", "mend what is said above, then look again")
}

async fn role(config: &Config, pool: &RpcPool, keys: &Keys) -> Finding {
    const CHECK: &str = "keeper role";
    let Some(keeper) = keys.keeper else { return unasked(CHECK, "the keeper's account is not known") };
    let hub = StrategyHub::new(config.contracts.hub, pool.primary());
    let asked = async { hub.hasRole(hub.KEEPER_ROLE().call().await?, keeper).call().await };
    match asked.await {
        Ok(true) => Finding::ok(CHECK, format!("the hub knows {keeper} as its keeper")),
        Ok(false) => Finding::problem(
            CHECK,
            format!("the hub does not know {keeper} as a keeper"),
            "KEEPER_ROLE of the hub",
            "configure the right key, or have governance grant it the role (deploy/README.md)",
        ),
        Err(error) => unasked(CHECK, error),
    }
}

async fn attestor(config: &Config, pool: &RpcPool, keys: &Keys) -> Finding {
    const CHECK: &str = "attestor role";
    let Some(attestor) = keys.attestor else { return unasked(CHECK, "the attestor's account is not known") };
    match StrategyHub::new(config.contracts.hub, pool.primary()).attestor().call().await {
        Ok(known) if known == attestor => Finding::ok(CHECK, format!("the hub trusts {attestor} to attest")),
        Ok(known) => Finding::problem(
            CHECK,
            format!("the hub's attestor is {known}, the configured key's account is {attestor}"),
            "the same account",
            "configure the right key, or have governance set the attestor (deploy/README.md)",
        ),
        Err(error) => unasked(CHECK, error),
    }
}

async fn balance(config: &Config, pool: &RpcPool, keys: &Keys) -> Finding {
    const CHECK: &str = "keeper balance";
    let Some(keeper) = keys.keeper else { return unasked(CHECK, "the keeper's account is not known") };
    let balance = match pool.primary().get_balance(keeper).await {
        Ok(balance) => balance,
        Err(error) => return unasked(CHECK, error),
    };
    let one = U256::from(config.execution.max_fee_wei) * U256::from(config.policy.expected_gas);
    let pays = balance.checked_div(one).unwrap_or(U256::MAX);
    let found = format!("{keeper} holds {balance} wei, which pays {pays} rebalances at execution.max_fee_wei");
    let wanted = one.saturating_mul(U256::from(FUNDED_REBALANCES));
    let expected = format!("{FUNDED_REBALANCES} rebalances");
    let advice = format!("send {} wei to {keeper}", wanted.saturating_sub(balance));
    if pays.is_zero() {
        Finding::problem(CHECK, found, expected, advice)
    } else if balance < wanted {
        Finding::warning(CHECK, found, expected, advice)
    } else {
        Finding::ok(CHECK, found)
    }
}
