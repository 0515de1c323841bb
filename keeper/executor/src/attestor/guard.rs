//! The policy with its ledger: judged and written down in one go.

use super::{
    ledger::{Entry, Ledger, LedgerError},
    policy::{AttestorPolicy, Exceeded, PolicyConfig, Request},
};
use alloy::primitives::{B256, U256};
use ballast_types::{Assets, FeedReading, FeedState};
use std::{
    sync::{Mutex, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

/// One whole unit of the asset.
const ASSET_UNIT: u64 = 1_000_000;
/// Wei of one ether.
const ETHER: u64 = 1_000_000_000_000_000_000;

/// Lets moves pass and counts them.
#[derive(Debug)]
pub(crate) struct Guard {
    policy: AttestorPolicy,
    ledger: Mutex<Ledger>,
}

impl Guard {
    pub(crate) fn open(config: &PolicyConfig) -> Result<Self, LedgerError> {
        Ok(Self { policy: config.policy, ledger: Mutex::new(Ledger::open(&config.ledger)?) })
    }

    /// Writes the move down if it keeps every bound, and says which it does not keep if it does not. Blocks on the disk.
    pub(crate) fn admit(&self, request: &Request) -> Result<Vec<Exceeded>, LedgerError> {
        let clock = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        let mut ledger = self.ledger.lock().unwrap_or_else(PoisonError::into_inner);
        let exceeded = self.policy.judge(request, ledger.books(), clock);
        if exceeded.is_empty() {
            ledger.append(Entry::Attested {
                time: request.block_time,
                nonce: request.nonce,
                decision: request.decision,
                turnover: units(request.turnover),
                gas_cost: units(request.gas_cost),
            })?;
        }
        Ok(exceeded)
    }

    /// Writes down what a receipt says. Blocks on the disk.
    pub(crate) fn spent(&self, entry: Entry) -> Result<(), LedgerError> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner).append(entry)
    }
}

/// What does not fit counts as all there can be, which no bound lets pass.
pub(crate) fn units(assets: Assets) -> u64 {
    u64::try_from(assets.0).unwrap_or(u64::MAX)
}

/// What `gas` costs at `wei_per_gas`, in assets, rounded up; `None` without a price of ether. The asset counts at par: within its peg
/// band that is less than the fee moves from block to block.
pub(crate) fn cost(gas: u64, wei_per_gas: u128, eth_usd: &FeedState) -> Option<Assets> {
    let FeedReading::Round { answer, .. } = &eth_usd.reading else { return None };
    let price = u128::try_from(*answer).ok().filter(|price| *price > 0)?;
    let wei = U256::from(gas).checked_mul(U256::from(wei_per_gas))?;
    let scaled = wei.checked_mul(U256::from(price))?.checked_mul(U256::from(ASSET_UNIT))?;
    let divisor = U256::from(ETHER).checked_mul(U256::from(10).checked_pow(U256::from(eth_usd.decimals))?)?;
    u128::try_from(scaled.div_ceil(divisor)).ok().map(Assets)
}

/// A receipt's gas, to be counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GasReceipt {
    pub tx: B256,
    /// The decision that it carried, if any.
    pub decision: Option<B256>,
    pub gas_used: u64,
    /// Wei per gas that was paid.
    pub effective_gas_price: u128,
    /// Of its block, Unix seconds.
    pub block_time: u64,
}
