//! What cannot be read, is not known, or is old.

use crate::{
    harness::{Answer, Proxy, TIMEOUT, World},
    unreadable, venue,
};
use alloy::primitives::{I256, U256, bytes};
use ballast_chain::{HeadAge, ReadError, Reader, RpcPool};
use ballast_devnet::accounts::Role;
use ballast_devnet::market::IScriptedFeed;
use ballast_types::{Doubt, FeedReading, VenueKind, VenueReading};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

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
