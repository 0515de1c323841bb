//! Vaults to decide about: random, reproducible, around the numbers of USDC lending on the main network.

use ballast_types::{
    Address, Apr, Assets, B256, BlockRef, Bps, Checkpoint, FeedReading, FeedState, HubLimits, HubState,
    KillSwitchState, LargeMoves, Market, Mode, Policy, RateCurve, RoundId, Snapshot, Strategy, VaultState, VenueKind,
    VenuePolicy, VenueReading, VenueState, WAD, Wad,
};

const USDC: u128 = 1_000_000;
const MILLION: u128 = 1_000_000 * USDC;
const NOW: u64 = 1_700_000_000;
const BLOCK: u64 = 19_000_000;
const UNLIMITED: Assets = Assets(u64::MAX as u128);

/// SplitMix64 (Steele, Lea, Flood 2014): small, seedable and the same everywhere.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Any of `low..=high`; the bias towards the low end is far below what a benchmark could notice.
    fn between(&mut self, low: u128, high: u128) -> u128 {
        let wide = (u128::from(self.next()) << 64) | u128::from(self.next());
        low + wide % (high - low + 1)
    }
}

/// A vault of 1 to 10 million before `count` venues of 40 to 800 million, 60 to 93 % lent out. It is in about half of them, as
/// its limits allow.
pub(crate) fn world(r: &mut Random, count: usize) -> (Snapshot, Policy) {
    let nav = r.between(MILLION, 10 * MILLION);
    let mut idle = nav;
    let mut venues = Vec::new();
    for index in 0..count {
        let size = r.between(40 * MILLION, 800 * MILLION);
        let most = (size / 100).min(nav / 2).min(idle.saturating_sub(nav / 20));
        let least = nav / 20;
        let value = if most > least && r.between(0, 1) == 1 { r.between(least, most) } else { 0 };
        idle -= value;
        venues.push(venue(r, index, size, value, nav));
    }
    let policy = policy(r, &venues);
    (snapshot(idle, nav, venues), policy)
}

fn venue(r: &mut Random, index: usize, size: u128, value: u128, nav: u128) -> VenueState {
    let (kind, parts) =
        if index.is_multiple_of(2) { (VenueKind::AaveV3, 1) } else { (VenueKind::MetaMorpho, r.between(1, 4)) };
    let borrowed = size / 1_000 * r.between(600, 930);
    let markets: Vec<Market> = (0..parts).map(|part| market(r, kind, part, size / parts, borrowed / parts)).collect();
    let queue: Vec<u8> = (0..=u8::MAX).take(markets.len()).collect();
    let weight = u16::try_from(value * 10_000 / nav).unwrap_or_default();
    VenueState {
        name: format!("venue {index}"),
        kind,
        adapter: Address::from_word(B256::with_last_byte(u8::try_from(index + 1).unwrap_or_default())),
        venue: Address::repeat_byte(0xee),
        direct: false,
        quarantined: false,
        cap: UNLIMITED,
        target: Bps(weight),
        flow_used: Bps(0),
        can_add: true,
        reading: VenueReading::Read {
            value: Assets(value),
            liquidity: Assets(value.min(size - borrowed)),
            utilisation: Wad(borrowed * WAD / size),
            size: Assets(size),
            checkpoint: Some(Checkpoint { size: Assets(size - size / 100), time: NOW - 1_200, block: BLOCK - 100 }),
            depositable: true,
            performance_fee: Wad(if kind == VenueKind::MetaMorpho { WAD / 100 * r.between(0, 15) } else { 0 }),
            markets,
            supply_queue: queue.clone(),
            withdraw_queue: queue,
        },
    }
}

fn market(r: &mut Random, kind: VenueKind, part: u128, supplied: u128, borrowed: u128) -> Market {
    let (fee, curve) = match kind {
        VenueKind::AaveV3 => (
            WAD / 10,
            RateCurve::Kinked {
                base: Apr(0),
                slope1: Apr(WAD / 1_000 * r.between(40, 70)),
                slope2: Apr(WAD / 10 * 4),
                optimal: Wad(WAD / 100 * 92),
            },
        ),
        VenueKind::MetaMorpho => (
            0,
            RateCurve::Adaptive {
                rate_at_target: Apr(WAD / 1_000 * r.between(20, 80)),
                target: Wad(WAD / 10 * 9),
                steepness: Wad(4 * WAD),
            },
        ),
    };
    Market {
        name: format!("market {part}"),
        supplied: Assets(supplied),
        borrowed: Assets(borrowed),
        held: Assets(supplied),
        room: UNLIMITED,
        fee: Wad(fee),
        curve,
    }
}

fn policy(r: &mut Random, venues: &[VenueState]) -> Policy {
    let judged = |venue: &VenueState| VenuePolicy {
        adapter: venue.adapter,
        risk_score: u8::try_from(r.between(10, 69)).unwrap_or_default(),
        max_position: Bps(5_000),
    };
    Policy {
        reserve: Bps(500),
        max_position: Bps(5_000),
        min_transfer: Assets(10_000_000),
        horizon: 30 * 86_400,
        min_gain: Apr(WAD / 1_000),
        expected_gas: 900_000,
        gas_patience: 0,
        priority_fee: 100_000_000,
        slippage: Bps(1),
        max_risk_score: 70,
        max_head_age: 300,
        large_moves: LargeMoves::Divide,
        strategy: Strategy::Convex,
        venues: venues.iter().map(judged).collect(),
    }
}

fn snapshot(idle: u128, nav: u128, venues: Vec<VenueState>) -> Snapshot {
    Snapshot {
        chain_id: 1,
        block: BlockRef { number: BLOCK, hash: B256::repeat_byte(0xbb), timestamp: NOW, next_base_fee: 10_000_000_000 },
        vault: VaultState {
            address: Address::repeat_byte(0xa1),
            asset: Address::repeat_byte(0xa2),
            nav: Assets(nav),
            idle: Assets(idle),
            max_loss: Bps(50),
            deposits_paused: false,
        },
        hub: HubState {
            address: Address::repeat_byte(0xa3),
            attestor: Address::repeat_byte(0xa4),
            nonce: 7,
            recent: [NOW - 86_400 * 2, 0, 0, 0],
            last_seen: NOW - 3_600,
            grace: 604_800,
            limits: HubLimits {
                reserve: Bps(500),
                min_position: Bps(500),
                max_position: Bps(5_000),
                min_step: Bps(500),
                max_venue_share: Bps(100),
                max_utilisation: Bps(9_500),
                flow: Bps(10_000),
                approval: Bps(10_000),
                approval_floor: Assets::ZERO,
                cooldown: 6 * 3_600,
            },
        },
        kill_switch: KillSwitchState {
            address: Address::repeat_byte(0xa5),
            mode: Mode::Normal,
            operational: true,
            reason: String::new(),
        },
        venues,
        feeds: vec![feed("USDC/USD", 100_000_000, Some((Wad(WAD / 100 * 98), Wad(WAD / 100 * 102))))],
        eth_usd: feed("ETH/USD", 250_000_000_000, None),
        fees: None,
        doubts: Vec::new(),
    }
}

fn feed(name: &str, answer: i128, band: Option<(Wad, Wad)>) -> FeedState {
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
