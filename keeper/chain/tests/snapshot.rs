//! A snapshot is what the contracts say at one block; what they cannot say is marked.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod harness;

use alloy::{
    eips::BlockId,
    primitives::{Address, B256, I256, U256, bytes, keccak256},
    providers::{Provider, ext::AnvilApi},
    sol_types::SolValue,
};
use ballast_chain::{
    HeadAge, ReadError, Reader, RpcPool,
    bindings::{IAavePool, IAdaptiveCurveIrm, IMorpho, KillSwitchManager, Vault},
};
use ballast_devnet::{accounts::Role, market::IScriptedFeed};
use ballast_types::{
    Apr, Assets, Bps, Doubt, FeedReading, Mode, RateCurve, SECONDS_PER_YEAR, Snapshot, VenueKind, VenueReading,
    VenueState, WAD, Wad, fixed,
};
use harness::{Answer, Proxy, TIMEOUT, USDC, World};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

impl World {
    /// Both venues hold something.
    async fn invested(test: &str) -> Self {
        let world = Self::start(test).await;
        world.depositor(0, 50_000).await;
        let input = world.rebalance(&[(world.aave(), 4_500), (world.metamorpho(), 4_000)], &world.attestor).await;
        let plan = world.plan(&world.keeper, world.book.contracts.hub, input).await;
        assert!(world.land(&world.keeper, &plan).await.status());
        world
    }

    async fn snapshot(&self) -> Snapshot {
        Reader::new(self.pool()).snapshot(&self.deployment(), None).await.unwrap()
    }

    async fn set_code(&self, at: Address, code: alloy::primitives::Bytes) {
        self.rpc.anvil_set_code(at, code).await.unwrap();
        self.devnet.builder().build_block().await.unwrap();
    }
}

fn venue(snapshot: &Snapshot, adapter: Address) -> &VenueState {
    snapshot.venues.iter().find(|venue| venue.adapter == adapter).unwrap()
}

fn unreadable(venue: &VenueState) -> &str {
    match &venue.reading {
        VenueReading::Unreadable { why } => why,
        VenueReading::Read { .. } => panic!("{} was read", venue.name),
    }
}

/// Relative difference below one in a billion.
fn close(a: u128, b: u128) -> bool {
    a.abs_diff(b) <= a.max(b) / 1_000_000_000
}

// SPEC D2
#[tokio::test(flavor = "multi_thread")]
async fn vault_hub_and_switch_are_read_as_they_are() {
    let world = World::invested("as-it-is").await;
    let contracts = &world.book.contracts;
    let snapshot = world.snapshot().await;
    let head = world.latest().await.header;
    assert_eq!(
        (snapshot.block.number, snapshot.block.hash, snapshot.block.timestamp),
        (head.number, head.hash, head.timestamp)
    );

    let vault = Vault::new(contracts.vault, &world.rpc);
    let switch = KillSwitchManager::new(contracts.kill_switch, &world.rpc);
    assert_eq!(U256::from(snapshot.vault.nav.0), vault.nav().call().await.unwrap()._0);
    assert_eq!(U256::from(snapshot.vault.idle.0), vault.idle().call().await.unwrap());
    assert_eq!(
        (snapshot.vault.asset, snapshot.vault.max_loss, snapshot.vault.deposits_paused),
        (world.book.protocols.usdc, Bps(50), false)
    );
    assert_eq!((snapshot.hub.nonce, snapshot.hub.attestor), (1, world.attestor.address()));
    assert_eq!(snapshot.hub.recent, [head.timestamp, 0, 0, 0]);
    assert_eq!((snapshot.hub.last_seen, snapshot.hub.grace), (head.timestamp, 7 * 86_400));
    let limits = snapshot.hub.limits;
    assert_eq!(
        (limits.reserve, limits.min_position, limits.max_position, limits.min_step),
        (Bps(500), Bps(500), Bps(5_000), Bps(500))
    );
    assert_eq!((limits.max_venue_share, limits.max_utilisation, limits.cooldown), (Bps(100), Bps(9_500), 6 * 3_600));
    assert_eq!(
        (limits.flow, limits.approval, limits.approval_floor),
        (Bps(10_000), Bps(10_000), Assets(u128::from(50_000 * USDC)))
    );
    assert_eq!(
        (snapshot.kill_switch.mode, snapshot.kill_switch.operational, snapshot.kill_switch.reason.as_str()),
        (Mode::Normal, true, "")
    );
    assert_eq!((snapshot.chain_id, snapshot.doubts.len()), (31_337, 0));

    let order = vault.adapters().call().await.unwrap();
    assert_eq!(snapshot.venues.iter().map(|venue| venue.adapter).collect::<Vec<_>>(), order);
    for (adapter, target) in [(world.aave(), 4_500), (world.metamorpho(), 4_000)] {
        let venue = venue(&snapshot, adapter);
        assert_eq!((venue.target, venue.cap, venue.can_add), (Bps(target), Assets(100_000_000_000), true));
        // MetaMorpho's shares are the vault's own.
        assert_eq!((venue.direct, venue.quarantined), (adapter == world.metamorpho(), false));
        assert_eq!(venue.direct, venue.venue == adapter);
        assert_eq!(venue.flow_used, Bps(target), "the bucket holds what was added in this very block");
        let VenueReading::Read { value, liquidity, size, checkpoint, depositable, .. } = &venue.reading else {
            panic!("{}", unreadable(venue))
        };
        assert!(
            value.0.abs_diff(u128::from(50_000 * USDC) * u128::from(target) / 10_000) <= 2
                && liquidity == value
                && *depositable
        );
        // SPEC C5: the next block will judge the share by this observation.
        let checkpoint = checkpoint.unwrap();
        assert!(checkpoint.block <= head.number && checkpoint.size.0 <= size.0 && checkpoint.time <= head.timestamp);
        world.devnet.builder().build_block().await.unwrap();
        let settled = switch.settledSize(adapter).call().await.unwrap();
        assert_eq!(U256::from(checkpoint.size.0), settled);
    }
    let next = world.rpc.get_block(BlockId::number(head.number + 1)).await.unwrap().unwrap();
    assert_eq!(next.header.base_fee_per_gas.map(u128::from), Some(snapshot.block.next_base_fee));

    // SPEC X4: a quarter of the last blocks had at most the low fee; this node remembers those since it was started.
    let history = snapshot.fees.unwrap();
    let mut fees = Vec::new();
    for number in (0..=snapshot.block.number).rev().take(usize::try_from(history.blocks).unwrap()) {
        let block = world.rpc.get_block(BlockId::number(number)).await.unwrap().unwrap();
        fees.push(u128::from(block.header.base_fee_per_gas.unwrap()));
    }
    fees.sort_unstable();
    assert_eq!(history.low, fees[fees.len().div_ceil(4) - 1]);

    let [feed] = snapshot.feeds.as_slice() else { panic!("{:?}", snapshot.feeds) };
    assert_eq!(
        (feed.name.as_str(), feed.aggregator, feed.decimals, feed.heartbeat),
        ("USDC / USD", world.book.protocols.feeds.usdc_usd, 8, 86_400)
    );
    assert_eq!((feed.grace, feed.band), (3_600, Some((Wad(WAD / 100 * 98), Wad(WAD / 100 * 102)))));
    assert!(matches!(feed.reading, FeedReading::Round { answer: 100_000_000, .. }), "{feed:?}");
    assert_eq!((snapshot.eth_usd.decimals, snapshot.eth_usd.heartbeat, snapshot.eth_usd.band), (8, 3_600, None));
    assert!(matches!(snapshot.eth_usd.reading, FeedReading::Round { answer: 300_000_000_000, .. }));
    world.devnet.shutdown().await.unwrap();
}

// SPEC D2: the protocols' own rates, from their own state.
#[tokio::test(flavor = "multi_thread")]
async fn rates_are_the_protocols_own() {
    let world = World::invested("rates").await;
    let protocols = &world.book.protocols;
    // The rebalance has just touched both, so what they have stored is what holds now.
    let snapshot = world.snapshot().await;
    let VenueReading::Read { markets, utilisation, size, performance_fee, .. } =
        &venue(&snapshot, world.aave()).reading
    else {
        panic!()
    };
    let [market] = markets.as_slice() else { panic!("{markets:?}") };
    assert_eq!(
        (market.name.as_str(), market.held, market.room, *performance_fee),
        ("USDC", market.supplied, Assets(u128::MAX), Wad(0))
    );
    let used = fixed::mul_div_ceil(market.borrowed.0, WAD, market.supplied.0).unwrap();
    assert_eq!(used, utilisation.0);
    let RateCurve::Kinked { base, slope1, slope2, optimal } = market.curve else { panic!() };
    assert_eq!((base, slope1, slope2, optimal), (Apr(0), Apr(WAD / 1_000 * 55), Apr(WAD / 10 * 4), Wad(WAD / 10 * 9)));
    let borrow_rate = base.0 + fixed::mul_div_floor(slope1.0, used, optimal.0).unwrap();
    let pool = IAavePool::new(protocols.aave.pool, &world.rpc);
    let stored = pool.getReserveData(protocols.usdc).call().await.unwrap();
    assert!(
        close(borrow_rate, stored.currentVariableBorrowRate / 1_000_000_000),
        "{borrow_rate} {}",
        stored.currentVariableBorrowRate
    );
    let supply_rate =
        fixed::mul_div_floor(fixed::mul_div_floor(borrow_rate, used, WAD).unwrap(), WAD - market.fee.0, WAD).unwrap();
    assert!(
        close(supply_rate, stored.currentLiquidityRate / 1_000_000_000),
        "{supply_rate} {}",
        stored.currentLiquidityRate
    );
    assert!(size.0 <= market.supplied.0 && size.0 > market.supplied.0 / 100 * 99);

    // Let interest accrue that nobody has booked yet; Morpho's totals are of the last touch.
    world.devnet.builder().advance_time(40 * 86_400).await.unwrap();
    world.devnet.builder().build_block().await.unwrap();
    let snapshot = world.snapshot().await;
    let VenueReading::Read { markets, size, supply_queue, withdraw_queue, .. } =
        &venue(&snapshot, world.metamorpho()).reading
    else {
        panic!()
    };
    let [market] = markets.as_slice() else { panic!("{markets:?}") };
    assert_eq!(
        (market.name.as_str(), supply_queue.as_slice(), withdraw_queue.as_slice()),
        ("WETH 86 %", [0].as_slice(), [0].as_slice())
    );
    assert_eq!(market.held, *size, "a MetaMorpho's assets are its markets' with interest to this block");
    assert_eq!(market.room.0, 1_000_000_000 * u128::from(USDC) - market.held.0);
    let RateCurve::Adaptive { rate_at_target, target, steepness } = market.curve else { panic!() };
    assert_eq!((target, steepness), (Wad(WAD / 10 * 9), Wad(4 * WAD)));

    let blue = IMorpho::new(protocols.morpho.blue, &world.rpc);
    let parameters = blue.idToMarketParams(protocols.morpho.market_id).call().await.unwrap();
    world
        .market()
        .send(Role::Guardian, protocols.morpho.blue, IMorpho::accrueInterestCall { marketParams: parameters })
        .await
        .unwrap();
    let rate = IAdaptiveCurveIrm::new(protocols.morpho.irm, &world.rpc)
        .rateAtTarget(protocols.morpho.market_id)
        .call()
        .await
        .unwrap();
    let yearly = u128::try_from(rate).unwrap() * u128::from(SECONDS_PER_YEAR);
    // One slot later: the drift of a slot, no more.
    assert!(yearly.abs_diff(rate_at_target.0) < yearly / 100_000, "{yearly} {rate_at_target:?}");
    world.devnet.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_is_of_one_block_while_others_are_made() {
    let world = World::invested("concurrent").await;
    let depositor = Role::Depositor(1);
    world.market().mint_usdc(depositor.address().unwrap(), 1_000 * USDC).await.unwrap();
    let (reader, deployment) = (Reader::new(world.pool()), world.deployment());
    let acting = std::cell::Cell::new(true);
    let act = async {
        for _ in 0..20 {
            world.market().deposit(depositor, 7 * USDC).await.unwrap();
        }
        acting.set(false);
    };
    let observe = async {
        let mut seen = Vec::new();
        while acting.get() {
            seen.push(reader.snapshot(&deployment, None).await.unwrap());
        }
        seen
    };
    let ((), seen) = futures::join!(act, observe);
    let vault = Vault::new(world.book.contracts.vault, &world.rpc);
    let mut idles = std::collections::BTreeSet::new();
    for snapshot in &seen {
        let at = BlockId::hash(snapshot.block.hash);
        assert_eq!(U256::from(snapshot.vault.idle.0), vault.idle().block(at).call().await.unwrap());
        assert_eq!(U256::from(snapshot.vault.nav.0), vault.nav().block(at).call().await.unwrap()._0);
        // Values of the venues at another block would not add up to this NAV.
        let values = snapshot.venues.iter().map(|venue| match &venue.reading {
            VenueReading::Read { value, .. } => value.0,
            VenueReading::Unreadable { why } => panic!("{why}"),
        });
        assert_eq!(values.sum::<u128>() + snapshot.vault.idle.0, snapshot.vault.nav.0);
        idles.insert(snapshot.vault.idle);
    }
    assert!(idles.len() >= 5, "only {} different states in {} snapshots", idles.len(), seen.len());
    world.devnet.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_venue_that_fails_is_unreadable_and_the_others_are_read() {
    let world = World::invested("venue").await;
    let broken = world.book.protocols.morpho.meta_morpho;
    let expectations = [
        ("reverts", bytes!("60006000fd"), "reverted without a reason"),
        ("burns all gas", bytes!("fe"), "OutOfGas"),
        ("answers too little", bytes!("00"), ""),
        ("answers the largest number to everything", bytes!("60001960005260206000f3"), ""),
    ];
    for (what, code, why) in expectations {
        world.set_code(broken, code).await;
        let snapshot = world.snapshot().await;
        assert!(
            unreadable(venue(&snapshot, world.metamorpho())).contains(why),
            "{what}: {}",
            unreadable(venue(&snapshot, world.metamorpho()))
        );
        assert!(
            matches!(venue(&snapshot, world.aave()).reading, VenueReading::Read { .. }),
            "{what}: {}",
            unreadable(venue(&snapshot, world.aave()))
        );
        assert_eq!(snapshot.hub.nonce, 1);
    }
    world.devnet.shutdown().await.unwrap();
}

// SPEC C7d, C8
#[tokio::test(flavor = "multi_thread")]
async fn a_feed_is_reported_as_it_answers_or_as_unreadable() {
    let world = World::start("feed").await;
    let feeds = world.book.protocols.feeds;
    let market = world.market();
    market.send(Role::Deployer, feeds.usdc_usd, IScriptedFeed::setRevertingCall { reverting: true }).await.unwrap();
    market.send(Role::Deployer, feeds.eth_usd, IScriptedFeed::setRevertingCall { reverting: true }).await.unwrap();
    let snapshot = world.snapshot().await;
    for feed in [&snapshot.feeds[0], &snapshot.eth_usd] {
        let FeedReading::Unreadable { why } = &feed.reading else { panic!("{feed:?}") };
        assert!(why.contains("latestRoundData()") && why.contains("FeedReverting()"), "{why}");
    }
    assert_eq!(
        (snapshot.kill_switch.operational, snapshot.kill_switch.reason.as_str()),
        (false, "Oracle failure detected")
    );

    market.send(Role::Deployer, feeds.usdc_usd, IScriptedFeed::setRevertingCall { reverting: false }).await.unwrap();
    for price in [0, -1, 97_000_000] {
        market.push_price(feeds.usdc_usd, price).await.unwrap();
        let snapshot = world.snapshot().await;
        assert!(
            matches!(snapshot.feeds[0].reading, FeedReading::Round { answer, .. } if answer == i128::from(price)),
            "{price}"
        );
        assert!(!snapshot.kill_switch.operational);
    }
    let future = world.latest().await.header.timestamp + 9_999;
    let round = IScriptedFeed::pushRoundCall {
        roundId: alloy::primitives::aliases::U80::from(77),
        answer: I256::ONE,
        startedAt: U256::from(future),
        updatedAt: U256::from(future),
        answeredInRound: alloy::primitives::aliases::U80::from(76),
    };
    market.send(Role::Deployer, feeds.usdc_usd, round).await.unwrap();
    let FeedReading::Round { updated_at, round_id, answered_in_round, .. } = world.snapshot().await.feeds[0].reading
    else {
        panic!()
    };
    assert_eq!((updated_at, round_id.0, answered_in_round.0), (future, 77, 76));

    market.send(Role::Deployer, feeds.usdc_usd, IScriptedFeed::pushCall { answer: I256::MAX }).await.unwrap();
    let snapshot = world.snapshot().await;
    assert!(matches!(&snapshot.feeds[0].reading, FeedReading::Unreadable { why } if why.contains("is not a price")));
    world.set_code(feeds.usdc_usd, bytes!("60006000f3")).await;
    let snapshot = world.snapshot().await;
    assert!(
        matches!(&snapshot.feeds[0].reading, FeedReading::Unreadable { why } if why.contains("answered nothing")),
        "{:?}",
        snapshot.feeds[0]
    );
    world.devnet.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_tokens_that_venues_depend_on_have_their_feeds_in_the_snapshot() {
    let world = World::start("tokens").await;
    let (switch, usdt) = (world.book.contracts.kill_switch, world.book.protocols.usdt);
    let reader = Reader::new(world.pool());
    assert_eq!(reader.snapshot(&world.deployment(), None).await.unwrap().feeds.len(), 1);

    // _feeds[usdt], _venueTokens[metamorpho] = [usdt] and their number in _watches[metamorpho], as governance would set them.
    let entry = |key: Address, slot: u64| keccak256((key, U256::from(slot)).abi_encode());
    let aggregator = U256::from_be_slice(world.book.protocols.feeds.usdt_usd.as_slice());
    // aggregator 160 | decimals 8 | heartbeat 24 | killLow 24 | killHigh 24
    let bounds = (U256::from(975_000) << 192_usize) | (U256::from(1_025_000) << 216_usize);
    let feed: U256 = aggregator | (U256::from(8) << 160_usize) | (U256::from(86_400) << 168_usize) | bounds;
    // killLow, warnLow, safeLow, safeHigh, warnHigh, killHigh: 32 bits each, millionths.
    let band = [975_000_u64, 985_000, 993_000, 1_007_000, 1_015_000, 1_025_000];
    let band = band.iter().rev().fold(U256::ZERO, |word, bound| (word << 32_usize) | U256::from(*bound));
    world.rpc.anvil_set_storage_at(switch, entry(usdt, BANDS_SLOT).into(), band.into()).await.unwrap();
    world.rpc.anvil_set_storage_at(switch, entry(usdt, FEEDS_SLOT).into(), feed.into()).await.unwrap();
    let watch = entry(world.metamorpho(), WATCHES_SLOT);
    let watched = world.rpc.get_storage_at(switch, watch.into()).await.unwrap();
    let with_token = watched | (U256::ONE << WATCH_TOKENS_BIT);
    world.rpc.anvil_set_storage_at(switch, watch.into(), with_token.into()).await.unwrap();
    let list = entry(world.metamorpho(), VENUE_TOKENS_SLOT);
    world.rpc.anvil_set_storage_at(switch, list.into(), U256::ONE.into()).await.unwrap();
    world
        .rpc
        .anvil_set_storage_at(switch, keccak256(list).into(), B256::left_padding_from(usdt.as_slice()))
        .await
        .unwrap();
    world.devnet.builder().build_block().await.unwrap();
    assert_eq!(
        KillSwitchManager::new(switch, &world.rpc).venueTokens(world.metamorpho()).call().await.unwrap(),
        [usdt]
    );

    // Once as news to the reader, once as known.
    for _ in 0..2 {
        let snapshot = reader.snapshot(&world.deployment(), None).await.unwrap();
        let [_, feed] = snapshot.feeds.as_slice() else { panic!("{:?}", snapshot.feeds) };
        assert_eq!((feed.name.as_str(), feed.decimals, feed.heartbeat), ("USDT / USD", 8, 86_400));
        // USDT's own band, not USDC's.
        assert_eq!(feed.band, Some((Wad(WAD / 1_000 * 975), Wad(WAD / 1_000 * 1_025))));
        assert!(venue(&snapshot, world.metamorpho()).can_add);
    }
    world.market().push_price(world.book.protocols.feeds.usdt_usd, 90_000_000).await.unwrap();
    let snapshot = reader.snapshot(&world.deployment(), None).await.unwrap();
    assert!(
        snapshot.kill_switch.operational
            && !venue(&snapshot, world.metamorpho()).can_add
            && venue(&snapshot, world.aave()).can_add
    );
    world.devnet.shutdown().await.unwrap();
}

/// `forge inspect KillSwitchManager storage-layout`.
const WATCHES_SLOT: u64 = 2;
const FEEDS_SLOT: u64 = 7;
const BANDS_SLOT: u64 = 8;
const VENUE_TOKENS_SLOT: u64 = 11;
/// Where `VenueWatch.tokens` lies in its slot.
const WATCH_TOKENS_BIT: usize = 216;

#[tokio::test(flavor = "multi_thread")]
async fn an_adapter_that_only_one_side_knows_is_an_error() {
    let world = World::start("unknown-adapter").await;
    let reader = Reader::new(world.pool());
    let mut deployment = world.deployment();
    let removed = deployment.venues.pop().unwrap();
    let error = reader.snapshot(&deployment, None).await.unwrap_err();
    assert_eq!(error, ReadError::NotConfigured { adapter: removed.adapter });
    world.devnet.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_head_is_a_doubt_where_the_clock_counts() {
    let world = World::start("stale").await;
    let reader = Reader::new(world.pool());
    let now = world.latest().await.header.timestamp + 61;
    let doubts = async |limit| reader.snapshot(&world.deployment(), Some(HeadAge { now, limit })).await.unwrap().doubts;
    assert_eq!(doubts(60).await, [Doubt::StaleHead { age: 61, limit: 60 }]);
    assert_eq!(doubts(61).await, []);
    world.devnet.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_snapshot_costs_few_requests_and_goes_on_at_another_endpoint() {
    let world = World::invested("requests").await;
    let proxy = Proxy::start(world.devnet.rpc_url()).await;
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&calls);
    proxy.on(move |method, _| {
        counted.fetch_add(usize::from(method == "eth_call"), Ordering::Relaxed);
        Answer::Pass
    });
    let pool = Arc::new(RpcPool::new(&[proxy.url.clone(), world.devnet.rpc_url()], TIMEOUT).unwrap());
    let (reader, deployment) = (Reader::new(pool), world.deployment());
    let first = reader.snapshot(&deployment, None).await.unwrap();
    let before = calls.swap(0, Ordering::Relaxed);
    let second = reader.snapshot(&deployment, None).await.unwrap();
    assert_eq!(first, second);
    // Core, feeds, and three for each venue: its position, and two for its markets.
    let again = 2 + 3 * deployment.venues.len();
    // Once only: the asset and the protocols, and what never changes about the markets of each MetaMorpho.
    let metamorphos = deployment.venues.iter().filter(|venue| venue.kind == VenueKind::MetaMorpho).count();
    assert_eq!((before, calls.load(Ordering::Relaxed)), (again + 1 + metamorphos, again));

    proxy.on(|method, _| if method == "eth_call" { Answer::Refuse("header not found") } else { Answer::Pass });
    assert_eq!(reader.snapshot(&deployment, None).await.unwrap(), second);
    let alone = Reader::new(Arc::new(RpcPool::new(std::slice::from_ref(&proxy.url), TIMEOUT).unwrap()));
    let error = alone.snapshot(&deployment, None).await.unwrap_err();
    assert!(matches!(&error, ReadError::Node { why, .. } if why.contains("header not found")), "{error}");
    world.devnet.shutdown().await.unwrap();
}
