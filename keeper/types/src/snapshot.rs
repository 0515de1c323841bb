//! Everything a decision may depend on, as it stood at one block.

use crate::{Assets, Bps, Market, RoundId, Wad};
use alloy_primitives::{Address, B256};
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};

/// The state of vault, hub, switch, venues and feeds, all read at `block`.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Snapshot {
    pub chain_id: u64,
    pub block: BlockRef,
    pub vault: VaultState,
    pub hub: HubState,
    pub kill_switch: KillSwitchState,
    /// In the order of the vault's exit queue.
    pub venues: Vec<VenueState>,
    /// Feeds of the asset and of what the venues depend on.
    pub feeds: Vec<FeedState>,
    /// ETH/USD, for the cost of gas.
    pub eth_usd: FeedState,
    /// `None` if no endpoint told.
    pub fees: Option<FeeHistory>,
    /// Why this observation should not be acted on. Any entry means HOLD.
    pub doubts: Vec<Doubt>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct BlockRef {
    pub number: u64,
    pub hash: B256,
    /// Unix seconds.
    pub timestamp: u64,
    /// Base fee of the *next* block in wei per gas.
    pub next_base_fee: u128,
}

#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct VaultState {
    pub address: Address,
    pub asset: Address,
    /// `Vault.nav()`: `idle` plus the values of all positions that are in NAV, gains not released to the share price yet included.
    /// The hub measures everything against it.
    pub nav: Assets,
    pub idle: Assets,
    /// The hard bound on the NAV a move may lose.
    pub max_loss: Bps,
    /// Deposits, and with them additions to any venue, are closed.
    pub deposits_paused: bool,
}

/// The hub's policy parameters (`StrategyHub.limits()`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct HubLimits {
    pub reserve: Bps,
    pub min_position: Bps,
    pub max_position: Bps,
    pub min_step: Bps,
    /// The largest part of a venue that the vault may own.
    pub max_venue_share: Bps,
    /// Above this utilisation nothing is added to a venue.
    pub max_utilisation: Bps,
    /// What may be added to one venue within a day, as a part of NAV: the size of its bucket, which drains evenly.
    pub flow: Bps,
    /// Additions above this part of NAV need the Safe's approval …
    pub approval: Bps,
    /// … unless they are not above this amount.
    pub approval_floor: Assets,
    /// Seconds between two rebalances.
    pub cooldown: u64,
}

#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct HubState {
    pub address: Address,
    pub attestor: Address,
    /// The nonce the next proof must carry.
    pub nonce: u64,
    /// Timestamps of the last four rebalances, newest first, zero where there was none.
    pub recent: [u64; 4],
    /// The keeper's last sign of life (`StrategyHub.lastSeen()`), Unix seconds.
    pub last_seen: u64,
    /// Seconds for which the keeper may be silent; afterwards anyone may call the exit.
    pub grace: u64,
    pub limits: HubLimits,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Mode {
    Normal = 0,
    ReduceOnly = 1,
    Exit = 2,
}

#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct KillSwitchState {
    pub address: Address,
    pub mode: Mode,
    /// `KillSwitchManager.isOperational()`.
    pub operational: bool,
    /// The manager's reason when it is not operational, else empty.
    pub reason: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VenueKind {
    AaveV3,
    #[serde(rename = "metamorpho")]
    MetaMorpho,
}

#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct VenueState {
    /// The operator's name for it.
    pub name: String,
    pub kind: VenueKind,
    /// The position: its adapter, or the venue itself where the vault holds its shares directly.
    pub adapter: Address,
    /// The contract the position sits in.
    pub venue: Address,
    /// Whether the vault holds the shares of an ERC-4626 venue itself.
    pub direct: bool,
    /// Whether the position is out of NAV until it is recovered.
    pub quarantined: bool,
    /// The vault's absolute cap on the position.
    pub cap: Assets,
    /// The target last stored by the hub.
    pub target: Bps,
    /// What is in the venue's flow bucket, as a part of NAV (`StrategyHub.positionState(adapter).flowUsedBps`).
    pub flow_used: Bps,
    /// `KillSwitchManager.canAdd(adapter)`: the feeds this venue depends on are healthy and no trigger of its own blocks it.
    pub can_add: bool,
    pub reading: VenueReading,
}

/// A venue that cannot be read is a fact about it, not a missing row.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VenueReading {
    Read {
        /// The position's value, as the vault counts it.
        value: Assets,
        /// What could be withdrawn now within the venue's slippage bound; of plain lending, without loss.
        liquidity: Assets,
        /// 1e18 = everything is lent out. Of a position held directly it is the part of it that could not be withdrawn now.
        utilisation: Wad,
        /// All that depositors hold in the venue.
        size: Assets,
        /// The kill switch's newest confirmed observation of `size`; `None` before the first.
        checkpoint: Option<Checkpoint>,
        /// Whether the venue takes deposits at all.
        depositable: bool,
        /// The part of the venue's earnings its manager keeps (MetaMorpho's performance fee).
        performance_fee: Wad,
        markets: Vec<Market>,
        /// Indexes into `markets`, in the order deposits fill them.
        supply_queue: Vec<u8>,
        /// Indexes into `markets`, in the order withdrawals drain them.
        withdraw_queue: Vec<u8>,
    },
    Unreadable {
        why: String,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Checkpoint {
    /// What the other depositors held, the lower of two observations.
    pub size: Assets,
    /// Unix time of its confirmation.
    pub time: u64,
    /// The block of its confirmation; it counts from the next one on.
    pub block: u64,
}

/// A Chainlink-interface feed and the health bounds the kill switch holds it to.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct FeedState {
    pub name: String,
    pub aggregator: Address,
    pub decimals: u8,
    /// Seconds in which the feed promises a new round.
    pub heartbeat: u64,
    /// Seconds of lateness tolerated beyond the heartbeat.
    pub grace: u64,
    /// Peg band; a price strictly outside kills. `None` for feeds that are not pegged.
    pub band: Option<(Wad, Wad)>,
    pub reading: FeedReading,
}

#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeedReading {
    Round {
        /// The answer as the feed gave it, in its own decimals.
        answer: i128,
        /// Unix seconds.
        updated_at: u64,
        round_id: RoundId,
        answered_in_round: RoundId,
    },
    Unreadable {
        why: String,
    },
}

/// The base fees of the blocks up to the observed one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct FeeHistory {
    /// How many blocks were looked at.
    pub blocks: u64,
    /// In a quarter of them, rounded up, it was at most this, in wei per gas.
    pub low: u128,
}

#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Doubt {
    /// Two providers do not tell the same story about the block.
    RpcDisagreement { detail: String },
    /// The newest block is older than the policy accepts.
    StaleHead { age: u64, limit: u64 },
    /// Sources of one quantity contradict each other, or the chain.
    SourceDisagreement { quantity: String, detail: String },
    /// Fewer fresh sources of one quantity than the operator wants, or none of one that the operator requires.
    SourceMissing { quantity: String, detail: String },
    /// Detectors off the chain agree that something is wrong with a venue.
    Alarm { venue: String, detail: String },
}
