//! The part of the world that the hub's verdict on a rebalance depends on.

use alloy_primitives::Address;
use ballast_types::{Assets, BlockRef, Bps, HubLimits, Snapshot, VenueReading, WAD, Wad, fixed::mul_div_floor};

/// A size observation older than this many seconds counts for nothing (`SizeHistoryLib.MAX_AGE`).
pub const MAX_CHECKPOINT_AGE: u64 = 48 * 60 * 60;

/// Vault, hub and venues as `StrategyHub.rebalance` would find them. A plain value, so that it can be driven with any numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HubView {
    /// Time of the block in which the rebalance would run, Unix seconds.
    pub now: u64,
    /// `KillSwitchManager.isOperational()`.
    pub operational: bool,
    /// Deposits and additions are closed.
    pub paused: bool,
    pub limits: HubLimits,
    /// Times of the last four rebalances, newest first, zero where there was none.
    pub recent: [u64; 4],
    pub idle: Assets,
    /// The listed positions in the order of the exit queue.
    pub venues: Vec<VenueView>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VenueView {
    pub adapter: Address,
    /// The vault's absolute cap on the position.
    pub cap: Assets,
    /// The target last stored by the hub.
    pub target: Bps,
    /// An ERC-4626 venue whose shares the vault holds itself.
    pub direct: bool,
    /// Out of NAV until it is recovered.
    pub quarantined: bool,
    /// What is in its flow bucket, as a part of NAV.
    pub flow_used: Bps,
    /// `KillSwitchManager.canAdd(adapter)`.
    pub can_add: bool,
    /// `None` if the venue cannot be read or is quarantined.
    pub figures: Option<Figures>,
}

/// A readable venue before the rebalance.
///
/// What it looks like afterwards is computed for a venue without rounding: assets put in are cash there, so they add to value,
/// liquidity and size alike and leave what is lent unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figures {
    /// Our position.
    pub value: Assets,
    /// What of it could be withdrawn now.
    pub liquidity: Assets,
    /// All that depositors hold in the venue.
    pub size: Assets,
    /// The lent part of `size`, rounded up: 1e18 = all of it. Not asked of a position held directly, where liquidity says it.
    pub utilisation: Wad,
    /// `KillSwitchManager.settledSize(adapter)`; zero if there is none that counts.
    pub settled: Assets,
    pub depositable: bool,
}

impl Figures {
    /// What of the position can be taken out.
    #[must_use]
    pub fn withdrawable(&self) -> Assets {
        self.liquidity.min(self.value)
    }

    /// What of `size` is out on loan. Undoes the rounding of `utilisation` exactly while `size` is below 1e18 base units.
    #[must_use]
    pub fn lent(&self) -> Assets {
        Assets(mul_div_floor(self.utilisation.0, self.size.0, WAD).unwrap_or(u128::MAX))
    }
}

impl VenueView {
    /// The target that a step is measured from: of a position that holds nothing, what was stored is of no account.
    #[must_use]
    pub fn stored(&self) -> Bps {
        match self.figures {
            Some(figures) if figures.value != Assets::ZERO => self.target,
            _ => Bps(0),
        }
    }
}

impl HubView {
    /// The view of the block after the snapshot's, the first in which a rebalance decided on it could run.
    ///
    /// Its time is not known yet, so the snapshot's own stands in: whatever the schedule allows then, it allows later.
    #[must_use]
    pub fn from_snapshot(snapshot: &Snapshot) -> Self {
        Self {
            now: snapshot.block.timestamp,
            operational: snapshot.kill_switch.operational,
            paused: snapshot.vault.deposits_paused,
            limits: snapshot.hub.limits,
            recent: snapshot.hub.recent,
            idle: snapshot.vault.idle,
            venues: snapshot
                .venues
                .iter()
                .map(|venue| VenueView {
                    adapter: venue.adapter,
                    cap: venue.cap,
                    target: venue.target,
                    direct: venue.direct,
                    quarantined: venue.quarantined,
                    flow_used: venue.flow_used,
                    can_add: venue.can_add,
                    figures: figures(&venue.reading, snapshot.block).filter(|_| !venue.quarantined),
                })
                .collect(),
        }
    }

    /// The venue of an adapter, if it is listed.
    #[must_use]
    pub fn venue(&self, adapter: Address) -> Option<&VenueView> {
        self.venues.iter().find(|venue| venue.adapter == adapter)
    }

    /// Idle plus all positions, one that is unreadable or quarantined counted as zero; `None` if that does not fit.
    #[must_use]
    pub fn nav(&self) -> Option<Assets> {
        self.venues
            .iter()
            .filter_map(|venue| venue.figures.map(|figures| figures.value))
            .try_fold(self.idle, Assets::checked_add)
    }
}

fn figures(reading: &VenueReading, block: BlockRef) -> Option<Figures> {
    match reading {
        VenueReading::Unreadable { .. } => None,
        VenueReading::Read { value, liquidity, utilisation, size, checkpoint, depositable, .. } => Some(Figures {
            value: *value,
            liquidity: *liquidity,
            size: *size,
            utilisation: *utilisation,
            // A checkpoint of the snapshot's own block is an earlier one for the block that follows.
            settled: checkpoint
                .filter(|c| c.block <= block.number && block.timestamp <= c.time.saturating_add(MAX_CHECKPOINT_AGE))
                .map_or(Assets::ZERO, |c| c.size),
            depositable: *depositable,
        }),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use ballast_types::Checkpoint;

    const TIME: u64 = 1_700_000_000;

    fn block() -> BlockRef {
        BlockRef { number: 100, hash: Default::default(), timestamp: TIME, next_base_fee: 0 }
    }

    fn read(checkpoint: Option<Checkpoint>) -> Figures {
        let reading = VenueReading::Read {
            value: Assets(5),
            liquidity: Assets(7),
            utilisation: Wad((3 * WAD).div_ceil(7)),
            size: Assets(7),
            checkpoint,
            depositable: true,
            performance_fee: Wad(0),
            markets: vec![],
            supply_queue: vec![],
            withdraw_queue: vec![],
        };
        figures(&reading, block()).unwrap()
    }

    #[test]
    fn a_checkpoint_counts_from_the_block_after_it_was_taken() {
        let settled = |block| read(Some(Checkpoint { size: Assets(42), time: TIME, block })).settled;
        assert_eq!(settled(99), Assets(42));
        assert_eq!(settled(100), Assets(42), "the rebalance runs in block 101 at the earliest");
        assert_eq!(settled(101), Assets::ZERO);
        assert_eq!(read(None).settled, Assets::ZERO);
    }

    // SPEC C5
    #[test]
    fn a_checkpoint_counts_for_forty_eight_hours() {
        let settled = |time| read(Some(Checkpoint { size: Assets(42), time, block: 1 })).settled;
        assert_eq!(settled(TIME - 172_800), Assets(42));
        assert_eq!(settled(TIME - 172_801), Assets::ZERO);
    }

    #[test]
    fn what_is_lent_is_recovered_from_the_rounded_utilisation() {
        assert_eq!(read(None).lent(), Assets(3));
    }

    #[test]
    fn no_more_than_the_position_is_withdrawable() {
        assert_eq!(read(None).withdrawable(), Assets(5));
    }

    #[test]
    fn an_unreadable_venue_has_no_figures() {
        assert_eq!(figures(&VenueReading::Unreadable { why: String::new() }, block()), None);
    }
}
