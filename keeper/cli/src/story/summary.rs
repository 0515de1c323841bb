//! `summary.json`: what happened, for machines.

use alloy::primitives::{Address, B256, Bytes};
use serde::Serialize;

#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    pub(crate) chain_id: u64,
    /// First and last block of the story.
    pub(crate) block_range: [u64; 2],
    pub(crate) protocols: Vec<Protocol>,
    pub(crate) deposits: Vec<Deposit>,
    pub(crate) rebalances: Vec<Rebalance>,
    pub(crate) refused: Vec<Refused>,
    pub(crate) replay: Replay,
    pub(crate) kill_switch: KillSwitch,
    pub(crate) redemptions: Vec<Redemption>,
    /// NAV left in the vault when everyone has left, base units.
    pub(crate) unredeemed_assets: u128,
}

#[derive(Debug, Serialize)]
pub(crate) struct Protocol {
    pub(crate) name: &'static str,
    pub(crate) address: Address,
    /// keccak256 of the code at that address.
    pub(crate) code_hash: B256,
}

/// Amounts are base units.
#[derive(Debug, Serialize)]
pub(crate) struct Deposit {
    pub(crate) account: Address,
    pub(crate) assets: u128,
    pub(crate) shares: u128,
    pub(crate) tx: B256,
}

#[derive(Debug, Serialize)]
pub(crate) struct Target {
    pub(crate) venue: String,
    pub(crate) bps: u16,
}

#[derive(Debug, Serialize)]
pub(crate) struct Rebalance {
    pub(crate) tx: B256,
    pub(crate) block: u64,
    /// The proof's decision hash.
    pub(crate) proof: B256,
    pub(crate) targets: Vec<Target>,
    pub(crate) nav_before: u128,
    pub(crate) nav_after: u128,
    pub(crate) gas_used: u64,
    pub(crate) gas_simulated: u64,
    /// Receipt, events and the positions read from the contracts are what the simulation said.
    pub(crate) balances_equal: bool,
    /// No watcher of the public endpoint saw it before its block.
    pub(crate) private: bool,
    pub(crate) bundle_hash: Option<B256>,
    /// From the first read to the stored decision.
    pub(crate) decision_ms: u64,
}

#[derive(Debug, Serialize)]
pub(crate) struct Refused {
    pub(crate) reason: String,
}

#[derive(Debug, Serialize)]
pub(crate) struct Replay {
    pub(crate) equal: bool,
}

#[derive(Debug, Serialize)]
pub(crate) struct KillSwitch {
    pub(crate) trigger: &'static str,
    /// The block in which the condition came to hold.
    pub(crate) condition_block: u64,
    pub(crate) tripped_block: u64,
    pub(crate) exit_block: u64,
    /// NAV lost by the exit, rounded up.
    pub(crate) nav_loss_bps: u64,
    pub(crate) adapters: Vec<ExitedAdapter>,
}

#[derive(Debug, Serialize)]
pub(crate) struct ExitedAdapter {
    pub(crate) venue: String,
    pub(crate) recovered: u128,
    pub(crate) ok: bool,
    pub(crate) reason: Bytes,
}

#[derive(Debug, Serialize)]
pub(crate) struct Redemption {
    pub(crate) account: Address,
    pub(crate) assets: u128,
    pub(crate) tx: B256,
}
