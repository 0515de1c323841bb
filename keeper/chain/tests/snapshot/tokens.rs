//! The feeds of the tokens that venues depend on.

use crate::{harness::World, venue};
use alloy::primitives::{Address, B256, U256, keccak256};
use alloy::providers::Provider;
use alloy::providers::ext::AnvilApi;
use alloy::sol_types::SolValue;
use ballast_chain::Reader;
use ballast_chain::bindings::KillSwitchManager;
use ballast_types::{WAD, Wad};

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
