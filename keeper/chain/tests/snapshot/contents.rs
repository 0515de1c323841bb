//! What is read: the vault, the hub, the switch, and the protocols' own rates, all of one block.

use crate::{
    close,
    harness::{USDC, World},
    unreadable, venue,
};
use alloy::eips::BlockId;
use alloy::primitives::U256;
use alloy::providers::Provider;
use ballast_chain::Reader;
use ballast_chain::bindings::{IAavePool, IAdaptiveCurveIrm, IMorpho, KillSwitchManager, Vault};
use ballast_devnet::accounts::Role;
use ballast_types::{Apr, Assets, Bps, FeedReading, Mode, RateCurve, SECONDS_PER_YEAR, VenueReading, WAD, Wad, fixed};

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
