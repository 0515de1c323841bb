//! Snapshots to decide on: one plain world with two venues, and random ones that lie close to the limits.

#![allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use alloy_primitives::{Address, B256};
use ballast_types::*;

pub(crate) const USDC: u128 = 1_000_000;
pub(crate) const NOW: u64 = 1_700_000_000;
pub(crate) const BLOCK: u64 = 19_000_000;

pub(crate) const AAVE: Address = Address::repeat_byte(0x0a);
pub(crate) const MORPHO: Address = Address::repeat_byte(0x0b);

/// Aave's mainnet USDC curve: 90 % optimal, 5.5 % at it, 45.5 % at the top.
pub(crate) fn aave_curve() -> RateCurve {
    RateCurve::Kinked {
        base: Apr(0),
        slope1: Apr(WAD * 55 / 1_000),
        slope2: Apr(WAD * 4 / 10),
        optimal: Wad(WAD / 10 * 9),
    }
}

pub(crate) fn morpho_curve(rate_at_target: Apr) -> RateCurve {
    RateCurve::Adaptive { rate_at_target, target: Wad(WAD / 10 * 9), steepness: Wad(4 * WAD) }
}

pub(crate) fn limits() -> HubLimits {
    HubLimits {
        reserve: Bps(500),
        min_position: Bps(500),
        max_position: Bps(5_000),
        min_step: Bps(500),
        max_venue_share: Bps(100),
        max_utilisation: Bps(9_500),
        flow: Bps(10_000),
        approval: Bps(10_000),
        approval_floor: Assets(50_000 * USDC),
        cooldown: 6 * 3_600,
    }
}

pub(crate) fn feed(name: &str, answer: i128, band: Option<(Wad, Wad)>) -> FeedState {
    FeedState {
        name: name.into(),
        aggregator: Address::repeat_byte(0xfe),
        decimals: 8,
        heartbeat: 86_400,
        grace: 3_600,
        band,
        reading: FeedReading::Round {
            answer,
            updated_at: NOW - 600,
            round_id: RoundId(10),
            answered_in_round: RoundId(10),
        },
    }
}

pub(crate) fn peg() -> Option<(Wad, Wad)> {
    Some((Wad(WAD / 100 * 98), Wad(WAD / 100 * 102)))
}

pub(crate) struct Lending {
    pub(crate) supplied: u128,
    pub(crate) borrowed: u128,
    pub(crate) curve: RateCurve,
    pub(crate) value: u128,
}

/// A venue with one market that takes and pays everything.
pub(crate) fn venue(name: &str, adapter: Address, kind: VenueKind, lending: Lending) -> VenueState {
    let Lending { supplied, borrowed, curve, value } = lending;
    VenueState {
        name: name.into(),
        kind,
        adapter,
        venue: adapter,
        direct: false,
        quarantined: false,
        cap: Assets(u128::from(u64::MAX)),
        target: Bps(0),
        flow_used: Bps(0),
        can_add: true,
        reading: VenueReading::Read {
            value: Assets(value),
            liquidity: Assets(value.min(supplied - borrowed)),
            utilisation: Wad((borrowed * WAD).div_ceil(supplied)),
            size: Assets(supplied),
            checkpoint: Some(Checkpoint { size: Assets(supplied), time: NOW - 1_200, block: BLOCK - 100 }),
            depositable: true,
            performance_fee: Wad(0),
            markets: vec![Market {
                name: format!("{name} USDC"),
                supplied: Assets(supplied),
                borrowed: Assets(borrowed),
                held: Assets(supplied),
                room: Assets(u128::from(u64::MAX)),
                fee: Wad(WAD / 10),
                curve,
            }],
            supply_queue: vec![0],
            withdraw_queue: vec![0],
        },
    }
}

pub(crate) fn snapshot(idle: u128, venues: Vec<VenueState>) -> Snapshot {
    let positions: u128 = venues.iter().map(value_of).sum();
    Snapshot {
        chain_id: 31_337,
        block: BlockRef { number: BLOCK, hash: B256::repeat_byte(0xbb), timestamp: NOW, next_base_fee: 10_000_000_000 },
        vault: VaultState {
            address: Address::repeat_byte(0x01),
            asset: Address::repeat_byte(0x02),
            nav: Assets(idle + positions),
            idle: Assets(idle),
            max_loss: Bps(50),
            deposits_paused: false,
        },
        hub: HubState {
            address: Address::repeat_byte(0x03),
            attestor: Address::repeat_byte(0x04),
            nonce: 0,
            recent: [0; 4],
            last_seen: NOW - 3_600,
            grace: 7 * 86_400,
            limits: limits(),
        },
        kill_switch: KillSwitchState {
            address: Address::repeat_byte(0x05),
            mode: Mode::Normal,
            operational: true,
            reason: String::new(),
        },
        venues,
        feeds: vec![feed("USDC/USD", 100_000_000, peg())],
        eth_usd: feed("ETH/USD", 250_000_000_000, None),
        fees: None,
        doubts: vec![],
    }
}

/// 100 000 USDC idle before an Aave reserve of 100 M at 80 % and a MetaMorpho of 60 M at 90 %.
pub(crate) fn fresh() -> Snapshot {
    let aave = Lending { supplied: 100_000_000 * USDC, borrowed: 80_000_000 * USDC, curve: aave_curve(), value: 0 };
    let morpho = Lending {
        supplied: 60_000_000 * USDC,
        borrowed: 54_000_000 * USDC,
        curve: morpho_curve(Apr(WAD * 4 / 100)),
        value: 0,
    };
    snapshot(
        100_000 * USDC,
        vec![venue("aave", AAVE, VenueKind::AaveV3, aave), venue("morpho", MORPHO, VenueKind::MetaMorpho, morpho)],
    )
}

pub(crate) fn policy() -> Policy {
    let venue = |adapter| VenuePolicy { adapter, risk_score: 25, max_position: Bps(5_000) };
    Policy {
        reserve: Bps(500),
        max_position: Bps(5_000),
        min_transfer: Assets(10_000_000),
        horizon: 7 * 86_400,
        min_gain: Apr(WAD / 200),
        expected_gas: 600_000,
        gas_patience: 0,
        priority_fee: 1_000_000_000,
        slippage: Bps(50),
        max_risk_score: 70,
        max_head_age: 60,
        large_moves: LargeMoves::Divide,
        strategy: Strategy::Convex,
        venues: vec![venue(AAVE), venue(MORPHO)],
    }
}

pub(crate) fn value_of(venue: &VenueState) -> u128 {
    match &venue.reading {
        VenueReading::Read { value, .. } => value.0,
        VenueReading::Unreadable { .. } => 0,
    }
}

/// SplitMix64 (Steele, Lea, Flood 2014): small, seedable and the same everywhere.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Uniform enough in `0..n`.
    pub(crate) fn below(&mut self, n: u128) -> u128 {
        let wide = (u128::from(self.next()) << 64) | u128::from(self.next());
        wide % n.max(1)
    }

    pub(crate) fn between(&mut self, low: u128, high: u128) -> u128 {
        low + self.below(high - low + 1)
    }

    pub(crate) fn chance(&mut self, percent: u128) -> bool {
        self.below(100) < percent
    }

    pub(crate) fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u128) as usize]
    }

    /// A value at, just below or just above `edge`, or anywhere up to twice it.
    pub(crate) fn near(&mut self, edge: u128) -> u128 {
        match self.below(5) {
            0 => edge,
            1 => edge.saturating_sub(1 + self.below(3)),
            2 => edge + 1 + self.below(3),
            3 => edge + edge / 1_000_000,
            _ => self.below(2 * edge + 1),
        }
    }
}

fn random_curve(r: &mut Random) -> RateCurve {
    if r.chance(50) {
        RateCurve::Kinked {
            base: Apr(r.below(WAD / 50)),
            slope1: Apr(r.below(WAD / 10)),
            slope2: Apr(r.below(WAD)),
            optimal: Wad(r.between(WAD / 100, WAD * 99 / 100)),
        }
    } else {
        RateCurve::Adaptive {
            rate_at_target: Apr(r.between(WAD / 1_000, WAD / 4)),
            target: Wad(WAD / 10 * 9),
            steepness: Wad(4 * WAD),
        }
    }
}

/// A venue around a position of `value`, its limits near what binds it.
fn random_venue(r: &mut Random, index: u8, nav: u128, value: u128) -> VenueState {
    let size = match r.below(8) {
        0 => r.near(value * 100).max(value),
        1 => value + r.below(nav + 1),
        _ => value + nav * r.between(5, 400),
    };
    let borrowed = match r.below(12) {
        0 => 0,
        1 => size,
        2 => size * 95 / 100 + r.below(3),
        _ => size * r.between(300, 960) / 1_000,
    }
    .min(size);
    let cash = size - borrowed;
    let parts = if r.chance(60) { 1 } else { r.between(2, 3) };
    let markets: Vec<Market> = (0..parts)
        .map(|part| {
            let share = |whole: u128| whole / parts + if part == 0 { whole % parts } else { 0 };
            let others = if parts == 1 || r.chance(50) { 0 } else { r.below(size + 1) };
            Market {
                name: format!("market {part}"),
                supplied: Assets(share(size) + others),
                borrowed: Assets((share(borrowed) + others / 2).min(share(size) + others)),
                held: Assets(share(size)),
                room: Assets(if r.chance(80) { u128::from(u64::MAX) } else { r.below(nav + 1) }),
                fee: Wad(r.below(WAD / 4)),
                curve: random_curve(r),
            }
        })
        .collect();
    let direct = r.chance(25);
    let liquidity = match r.below(16) {
        0 => r.below(value + 1),
        1 => 0,
        _ => value.min(cash),
    };
    let utilisation = match (direct, size) {
        (true, _) if value != 0 => ((value - liquidity) * WAD).div_ceil(value),
        (true, _) | (_, 0) => 0,
        (false, _) => (borrowed * WAD).div_ceil(size),
    };
    let weight = u16::try_from(value * 10_000 / nav.max(1)).unwrap_or(0).min(10_000);
    let queue: Vec<u8> = (0..parts as u8).collect();
    VenueState {
        name: format!("venue {index}"),
        kind: r.pick(&[VenueKind::AaveV3, VenueKind::MetaMorpho]),
        adapter: Address::from_slice(&alloy_primitives::keccak256(r.next().to_be_bytes())[12..]),
        venue: Address::repeat_byte(index),
        direct,
        quarantined: r.chance(1),
        cap: Assets(match r.below(8) {
            0 => r.near(value),
            1 => r.near(nav / 2),
            _ => u128::from(u64::MAX),
        }),
        target: Bps(match r.below(4) {
            0 => 0,
            1 => r.between(0, 50) as u16 * 100,
            2 => (weight + r.below(5) as u16).saturating_sub(2),
            _ => weight / 100 * 100,
        }),
        flow_used: Bps(match r.below(4) {
            0 => r.between(0, 10_000) as u16,
            1 => 5_000,
            _ => 0,
        }),
        can_add: r.chance(97),
        reading: VenueReading::Read {
            value: Assets(value),
            liquidity: Assets(liquidity),
            utilisation: Wad(utilisation),
            size: Assets(size),
            checkpoint: match r.below(20) {
                0 => None,
                1 => Some(Checkpoint { size: Assets(size), time: NOW, block: BLOCK + 1 }),
                2 => Some(Checkpoint { size: Assets(r.near(size)), time: NOW, block: BLOCK }),
                3 => Some(Checkpoint { size: Assets(size), time: NOW - r.near(172_800) as u64, block: 1 }),
                _ => Some(Checkpoint { size: Assets(size - size / 50), time: NOW - 12, block: BLOCK - 1 }),
            },
            depositable: r.chance(95),
            performance_fee: Wad(if r.chance(50) { 0 } else { r.below(WAD / 4) }),
            markets,
            supply_queue: queue.clone(),
            withdraw_queue: queue,
        },
    }
}

/// A vault close to its limits: tiny and empty NAV, positions just above and below 5 %, over cap by drift, reserve breached by
/// withdrawals, closed venues, missing checkpoints.
pub(crate) fn random_snapshot(r: &mut Random) -> Snapshot {
    random_snapshot_of(r, &[0, 1, 2, 2, 2, 3, 3, 4])
}

/// The same with one of these numbers of venues.
pub(crate) fn random_snapshot_of(r: &mut Random, counts: &[u8]) -> Snapshot {
    let nav = match r.below(12) {
        0 => 0,
        1 => r.between(1, 30_000),
        2..=4 => r.between(1, 1_000) * USDC,
        5..=9 => r.between(1_000, 10_000_000) * USDC,
        _ => r.between(1, 10_000_000_000) * USDC,
    };
    let count = r.pick(counts);
    let mut left = nav;
    let mut venues = Vec::new();
    for index in 0..count {
        let weight = match r.below(6) {
            0 => 0,
            1 => r.between(498, 502),
            2 => r.between(4_998, 5_002),
            3 => r.between(0, 20),
            _ => r.between(0, 5_500),
        };
        let value = (nav * weight / 10_000 + r.below(3)).min(left);
        left -= value;
        venues.push(random_venue(r, index, nav, value));
    }
    let mut snapshot = snapshot(left, venues);
    if r.chance(50) {
        snapshot.hub.limits = HubLimits {
            reserve: Bps(r.between(500, 2_000) as u16),
            min_position: Bps(r.between(500, 1_000) as u16),
            max_position: Bps(r.between(1_000, 5_000) as u16),
            min_step: Bps(r.between(500, 1_000) as u16),
            // Beyond the hub's hard bound too, where our own effect on rates is large.
            max_venue_share: Bps(r.pick(&[20, 100, 100, 1_000, 10_000])),
            max_utilisation: Bps(r.between(5_000, 9_500) as u16),
            flow: Bps(r.pick(&[10_000, 10_000, 5_000, 2_000, 700])),
            approval: Bps(r.pick(&[10_000, 10_000, 5_000, 1_250, 0])),
            approval_floor: Assets(r.pick(&[0, 1, 50_000]) * USDC),
            cooldown: 3_600,
        };
    }
    snapshot.vault.deposits_paused = r.chance(4);
    if r.chance(30) {
        let newest = NOW - r.below(12 * 3_600) as u64;
        snapshot.hub.recent = [newest, newest - 7_200, newest - 14_400, NOW - r.near(86_400) as u64];
    }
    snapshot
}

pub(crate) fn random_policy(r: &mut Random, snapshot: &Snapshot) -> Policy {
    let max_position = Bps(r.pick(&[2_000, 4_000, 5_000]));
    let mut venues = Vec::new();
    for venue in &snapshot.venues {
        if r.chance(92) {
            let max = Bps(r.between(500, 5_000) as u16).min(max_position);
            venues.push(VenuePolicy { adapter: venue.adapter, risk_score: r.below(80) as u8, max_position: max });
        }
    }
    Policy {
        reserve: Bps(r.pick(&[500, 501, 1_000])),
        max_position,
        min_gain: Apr(r.pick(&[0, WAD / 1_000, WAD / 200])),
        expected_gas: 600_000,
        slippage: Bps(r.pick(&[0, 10, 50])),
        venues,
        ..policy()
    }
}
