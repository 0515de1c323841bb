//! `summary.json`: what happened, for machines.

use super::history::Backtest;
use alloy::primitives::{Address, B256, Bytes};
use serde::Serialize;

#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    pub(crate) chain_id: u64,
    /// First and last block of the story.
    pub(crate) block_range: [u64; 2],
    pub(crate) protocols: Vec<Protocol>,
    /// In the order of the exit queue.
    pub(crate) venues: Vec<ListedVenue>,
    pub(crate) deposits: Vec<Deposit>,
    pub(crate) rebalances: Vec<Rebalance>,
    pub(crate) refused: Vec<Refused>,
    pub(crate) replay: Replay,
    pub(crate) kill_switch: KillSwitch,
    pub(crate) exit: Exit,
    /// One per depositor.
    pub(crate) redemptions: Vec<Redemption>,
    /// NAV left in the vault when everyone has left, base units.
    pub(crate) unredeemed_assets: u128,
    /// Two years of history with the same decision.
    pub(crate) backtest: Option<Backtest>,
}

#[derive(Debug, Serialize)]
pub(crate) struct Protocol {
    pub(crate) name: &'static str,
    pub(crate) address: Address,
    /// keccak256 of the code at that address.
    pub(crate) code_hash: B256,
}

#[derive(Debug, Serialize)]
pub(crate) struct ListedVenue {
    pub(crate) name: String,
    pub(crate) kind: String,
    /// The vault's adapter, or the venue itself where its shares are held directly.
    pub(crate) adapter: Address,
    pub(crate) venue: Address,
    /// 0–100, high is risky.
    pub(crate) risk_score: u8,
    /// What everybody has in it, base units.
    pub(crate) size: u128,
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

/// A venue in the first exit.
#[derive(Debug, Serialize)]
pub(crate) struct ExitedAdapter {
    pub(crate) venue: String,
    pub(crate) recovered: u128,
    /// As [`ExitLeg::ok`].
    pub(crate) ok: bool,
    pub(crate) reason: Bytes,
}

impl From<&ExitLeg> for ExitedAdapter {
    fn from(leg: &ExitLeg) -> Self {
        Self { venue: leg.venue.clone(), recovered: leg.received, ok: leg.ok, reason: leg.reason.clone() }
    }
}

/// The blocks of the trigger.
#[derive(Debug)]
pub(crate) struct Depeg {
    pub(crate) condition_block: u64,
    pub(crate) tripped_block: u64,
}

/// The exit with a venue that fails, and its repetition once that venue works again.
#[derive(Debug, Serialize)]
pub(crate) struct Exit {
    /// The venue that was paused.
    pub(crate) failing: String,
    pub(crate) held_before: Vec<VenueAssets>,
    /// First with the venue paused, then without.
    pub(crate) attempts: Vec<ExitAttempt>,
    /// Who redeemed between the two.
    pub(crate) left_meanwhile: Vec<Redemption>,
}

/// Amounts are base units.
#[derive(Debug, Serialize)]
pub(crate) struct VenueAssets {
    pub(crate) venue: String,
    pub(crate) assets: u128,
}

/// One transaction.
#[derive(Debug, Serialize)]
pub(crate) struct ExitAttempt {
    pub(crate) tx: B256,
    pub(crate) block: u64,
    /// Real time from the operator's command to its end, with 1.5 s between blocks.
    pub(crate) wall_ms: u64,
    /// In the order of the exit: riskiest first.
    pub(crate) legs: Vec<ExitLeg>,
}

/// What the hub reported of one venue; amounts are base units.
#[derive(Debug, Serialize)]
pub(crate) struct ExitLeg {
    pub(crate) venue: String,
    /// It is out of the venue: nothing, or what rounding leaves, stays behind.
    pub(crate) ok: bool,
    pub(crate) received: u128,
    pub(crate) remaining: u128,
    /// What it reverted with; empty if it did not revert.
    pub(crate) reason: Bytes,
}

#[derive(Clone, Debug, Serialize)]
pub(crate) struct Redemption {
    pub(crate) account: Address,
    /// Base units; where somebody left in two parts, both together.
    pub(crate) assets: u128,
    /// The transaction that redeemed the last of the shares it speaks of.
    pub(crate) tx: B256,
}
