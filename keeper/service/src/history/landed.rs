//! What the chain says of money that moved: what depositors brought and took, and what the keeper's own transactions did and cost.

use super::{
    books::{Flows, GasPaid, Moved, MovedLeg, TooLarge, block_of, flows_of, signed, wei_in_usd},
    names::Names,
};
use alloy::{
    eips::BlockNumberOrTag,
    primitives::{Address, B256, U256},
    providers::{DynProvider, Provider},
    rpc::types::{Filter, Log},
    sol_types::SolEvent,
};
use ballast_chain::bindings::Vault;
use ballast_executor::Reconciliation;
use ballast_store::history::JournalEntry;
use ballast_store::{Attempt, State};
use ballast_types::Wad;

/// Blocks of one request, to begin with: what public endpoints let through without a plan.
const CHUNK: u64 = 10_000;

/// The ledger has to wait: the chain does not say now what it needs.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Silent {
    #[error("the endpoint does not answer {asked}: {why}")]
    Rpc { asked: String, why: String },
    #[error("the endpoint has no {0} any more, or not yet")]
    Missing(String),
    #[error("{0} cannot be decoded")]
    Malformed(String),
    #[error(transparent)]
    TooLarge(#[from] TooLarge),
}

fn rpc(asked: impl Into<String>) -> impl FnOnce(alloy::transports::TransportError) -> Silent {
    let asked = asked.into();
    // Endpoints put their URLs, and with them keys, into their errors.
    move |error| Silent::Rpc {
        asked,
        why: error.as_error_resp().map_or("no answer".to_owned(), |said| said.message.to_string()),
    }
}

/// Deposits and withdrawals after the newest of `posted` (newest first) whose block is still on the chain, up to the block `last` of this hash, less what
/// the later ones posted: with blocks that were reorganised away goes what was counted in them. If none is on the chain any more, the oldest stands for it.
pub(crate) async fn flows(
    provider: &DynProvider,
    vault: Address,
    posted: &[JournalEntry],
    (last, hash): (u64, B256),
) -> Result<Flows, Silent> {
    // An endpoint that is behind has fewer events, and does not say so.
    if !posted.is_empty() && !is_on_chain(provider, last, hash).await? {
        return Err(Silent::Missing(format!("block {last} {hash}")));
    }
    let (mut since, mut counted) = (None, Flows::default());
    for (place, entry) in posted.iter().enumerate() {
        let Some((block, hash)) = block_of(&entry.reference) else { continue };
        if place + 1 == posted.len() || is_on_chain(provider, block, hash).await? {
            since = Some(block);
            break;
        }
        let of = flows_of(entry);
        counted.deposited += of.deposited;
        counted.withdrawn += of.withdrawn;
    }
    let Some(since) = since else { return Ok(Flows::default()) };
    let (mut deposited, mut withdrawn) = (0_i128, 0_i128);
    let events = vec![Vault::Deposit::SIGNATURE_HASH, Vault::Withdraw::SIGNATURE_HASH];
    let filter = Filter::new().address(vault).event_signature(events);
    for log in logs(provider, &filter, since.saturating_add(1), last).await? {
        let unreadable = |_| Silent::Malformed(format!("an event of the vault in block {:?}", log.block_number));
        if log.topic0() == Some(&Vault::Deposit::SIGNATURE_HASH) {
            let event = Vault::Deposit::decode_log_data(&log.inner.data).map_err(unreadable)?;
            deposited += amount("a deposit", event.assets)?;
        } else {
            let event = Vault::Withdraw::decode_log_data(&log.inner.data).map_err(unreadable)?;
            withdrawn += amount("a withdrawal", event.assets)?;
        }
    }
    Ok(Flows { deposited: deposited - counted.deposited, withdrawn: withdrawn - counted.withdrawn })
}

async fn is_on_chain(provider: &DynProvider, block: u64, hash: B256) -> Result<bool, Silent> {
    let found = provider.get_block_by_number(BlockNumberOrTag::Number(block)).await;
    let found = found.map_err(rpc(format!("for block {block}")))?;
    Ok(found.is_some_and(|found| found.header.hash == hash))
}

/// An endpoint that refuses a stretch is asked for half of it, down to single blocks.
async fn logs(provider: &DynProvider, filter: &Filter, first: u64, last: u64) -> Result<Vec<Log>, Silent> {
    let (mut logs, mut from, mut chunk) = (Vec::new(), first, CHUNK);
    while from <= last {
        let to = last.min(from.saturating_add(chunk - 1));
        match provider.get_logs(&filter.clone().from_block(from).to_block(to)).await {
            Ok(part) => {
                logs.extend(part.into_iter().filter(|log| !log.removed));
                from = to.saturating_add(1);
            }
            Err(error) if error.is_error_resp() && to > from => chunk = (to - from).div_ceil(2),
            Err(error) => return Err(rpc(format!("for the vault's events of blocks {from} to {to}"))(error)),
        }
    }
    Ok(logs)
}

fn amount(what: &'static str, value: U256) -> Result<i128, TooLarge> {
    let fits = u128::try_from(value).map_err(|_| TooLarge { what, value: value.to_string() })?;
    signed(what, fits)
}

/// What an attempt of ours did on the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Landed {
    pub(crate) moved: Option<Moved>,
    pub(crate) gas: GasPaid,
}

/// `None` for one that is not on the chain for good.
pub(crate) async fn landed(
    provider: &DynProvider,
    attempt: &Attempt,
    purpose: &str,
    eth_usd: Option<Wad>,
    names: &Names,
) -> Result<Option<Landed>, Silent> {
    let (State::Final | State::Reverted, Some(tx)) = (attempt.state, attempt.facts.tx_hash) else { return Ok(None) };
    let receipt = provider.get_transaction_receipt(tx).await.map_err(rpc(format!("for the receipt of {tx}")))?;
    let receipt = receipt.ok_or_else(|| Silent::Missing(format!("receipt of {tx}")))?;
    let block = receipt.block_hash.ok_or_else(|| Silent::Missing(format!("block of {tx}")))?;
    let header = provider.get_block_by_hash(block).await.map_err(rpc(format!("for block {block}")))?;
    let time = header.ok_or_else(|| Silent::Missing(format!("block {block}")))?.header.timestamp;
    let wei = u128::from(receipt.gas_used).saturating_mul(receipt.effective_gas_price);
    let usd = eth_usd.and_then(|price| wei_in_usd(wei, price));
    let usd = usd.map(|usd| signed("the cost of gas", usd)).transpose()?;
    let gas = GasPaid { tx, time, purpose: purpose.to_owned(), wei: signed("the cost of gas", wei)?, usd };
    let reconciled: Option<Reconciliation> = match &attempt.facts.reconciliation {
        Some(value) => Some(
            serde_json::from_value(value.clone())
                .map_err(|error| Silent::Malformed(format!("the reconciliation of {tx} ({error})")))?,
        ),
        None => None,
    };
    let moved = match reconciled.and_then(|reconciled| reconciled.rebalance) {
        Some(rebalance) => {
            let leg = |leg: &ballast_chain::Leg| {
                Ok(MovedLeg {
                    venue: names.of(leg.adapter),
                    before: signed("a position", leg.before.0)?,
                    after: signed("a position", leg.after.0)?,
                })
            };
            let legs = rebalance.legs.iter().map(leg).collect::<Result<_, TooLarge>>()?;
            let (before, after) = (signed("NAV", rebalance.nav_before.0)?, signed("NAV", rebalance.nav_after.0)?);
            Some(Moved { tx, time, legs, nav_before: before, nav_after: after })
        }
        None => None,
    };
    Ok(Some(Landed { moved, gas }))
}
