//! Values from the real protocols on a local chain, against what the contracts themselves say.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use alloy::{
    consensus::BlockHeader,
    eips::BlockId,
    primitives::{Address, U256},
    providers::{DynProvider, Provider, ProviderBuilder},
    sol,
};
use ballast_chain::bindings::IAavePool;
use ballast_devnet::{Devnet, DevnetConfig, address_book::AddressBook, deploy::Terms, market::Market, prepared};
use ballast_feeds::{
    Bounds, Feed, Gathered, Kind, Lag, Span,
    sources::onchain::{AaveOnChain, BaseFees, ChainlinkRounds, Erc4626Shares},
    units,
};
use ballast_types::{Metric, Observation, SeriesId};
use std::{collections::BTreeMap, path::PathBuf};

sol! {
    #[sol(rpc)]
    interface IShares {
        function decimals() external view returns (uint8);
        function convertToAssets(uint256 shares) external view returns (uint256);
    }
}

const USDC: u64 = 1_000_000;

struct World {
    devnet: Devnet,
    book: AddressBook,
    rpc: DynProvider,
}

impl World {
    async fn start(test: &str) -> Self {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap();
        let directory = root.join("target/test-devnet").join(format!("feeds-{test}"));
        let (devnet, book) = prepared::start(DevnetConfig::new(&root), &Terms::default(), &directory).await.unwrap();
        let rpc = ProviderBuilder::new().connect_http(devnet.rpc_url().parse().unwrap()).erased();
        Self { devnet, book, rpc }
    }

    fn market(&self) -> Market<'_> {
        Market::new(&self.devnet, &self.book).unwrap()
    }

    /// Number and time of the newest block.
    async fn newest(&self) -> (u64, u64) {
        let header = self.rpc.get_block(BlockId::latest()).await.unwrap().unwrap().header;
        (header.number(), header.timestamp())
    }

    /// Numbers by time, of all blocks.
    async fn blocks(&self) -> BTreeMap<u64, u64> {
        let mut blocks = BTreeMap::new();
        for number in 0..=self.newest().await.0 {
            let header = self.rpc.get_block(BlockId::number(number)).await.unwrap().unwrap().header;
            blocks.insert(header.timestamp(), number);
        }
        blocks
    }
}

fn of<'a>(gathered: &'a Gathered, subject: &str, metric: Metric) -> Vec<&'a Observation> {
    let series = SeriesId::new(subject, metric).unwrap();
    gathered.observations.iter().filter(|one| one.series() == &series).collect()
}

// SPEC D1: what is indexed from the logs is the contract's own state, at every block at which it changed.
#[tokio::test(flavor = "multi_thread")]
async fn rates_indexed_from_logs_equal_the_pools_state_at_each_block() {
    let world = World::start("aave").await;
    let (market, aave) = (world.market(), &world.book.protocols.aave);
    let (_, start) = world.newest().await;
    for amount in [1_000, 50_000, 20_000] {
        market.pass_time(3_600).await.unwrap();
        market.borrow_aave(amount * USDC).await.unwrap();
    }
    market.repay_aave(30_000 * USDC).await.unwrap();
    let (_, end) = world.newest().await;

    let asset = world.book.protocols.usdc;
    let feed =
        AaveOnChain::new(world.rpc.clone(), "the devnet", aave.pool, asset, "aave/usdc", Bounds::default()).unwrap();
    let gathered = feed.range(Span::new(start + 1, end + 1).unwrap(), end).await.unwrap();
    assert!(gathered.refused.is_empty(), "{:?}", gathered.refused);
    let (supply, borrow) =
        (of(&gathered, "aave/usdc", Metric::SupplyApr), of(&gathered, "aave/usdc", Metric::BorrowApr));
    assert!(supply.len() >= 4 && supply.len() == borrow.len(), "{gathered:?}");
    let (blocks, pool) = (world.blocks().await, IAavePool::new(aave.pool, &world.rpc));
    for (supply, borrow) in supply.iter().zip(&borrow) {
        let state = pool.getReserveData(asset).block(BlockId::number(blocks[&supply.time()])).call().await.unwrap();
        assert_eq!(supply.value(), units::ray(&state.currentLiquidityRate.to_string()).unwrap());
        assert_eq!(borrow.value(), units::ray(&state.currentVariableBorrowRate.to_string()).unwrap());
        assert!(supply.known_at() == supply.time() && supply.value() < borrow.value());
    }
    // ERR-23: annual already.
    assert!(borrow.iter().all(|one| one.value() > 0.0 && one.value() < 1.0), "{borrow:?}");

    assert_eq!(feed.kind(), Kind::OnChain);
    let latest = feed.latest(end + 5).await.unwrap();
    let head = latest.head.unwrap();
    assert_eq!(Lag::at(end + 5, head.time.unwrap(), 12).blocks, 0);
    assert_eq!(of(&latest, "aave/usdc", Metric::SupplyApr)[0].value(), supply.last().unwrap().value());
    let utilisation = of(&latest, "aave/usdc", Metric::Utilisation)[0];
    assert!(utilisation.value() > 0.0 && utilisation.value() < 1.0 && utilisation.known_at() == end + 5);
}

// SPEC D4
#[tokio::test(flavor = "multi_thread")]
async fn every_round_of_a_feed_is_found_and_a_price_of_zero_is_refused() {
    let world = World::start("chainlink").await;
    let market = world.market();
    let feed_address = world.book.protocols.feeds.usdc_usd;
    let (_, start) = world.newest().await;
    for price in [99_990_000, 98_500_000, 0, 100_010_000] {
        market.push_price(feed_address, price).await.unwrap();
    }
    let (_, end) = world.newest().await;
    let feed = ChainlinkRounds::new(world.rpc.clone(), "the devnet", feed_address, "usdc", Bounds::default()).unwrap();
    let gathered = feed.range(Span::new(start + 1, end + 1).unwrap(), end).await.unwrap();
    let prices: Vec<_> = gathered.observations.iter().map(Observation::value).collect();
    assert_eq!(prices, [0.9999, 0.985, 1.0001]);
    assert_eq!(gathered.refused.len(), 1);
    assert!(gathered.refused[0].why.contains("usdc#price_usd is 0"), "{:?}", gathered.refused);
    let latest = feed.latest(end).await.unwrap();
    assert_eq!(of(&latest, "usdc", Metric::PriceUsd)[0].value(), 1.0001);
}

// SPEC D4
#[tokio::test(flavor = "multi_thread")]
async fn a_share_price_is_what_the_vault_said_at_each_past_block() {
    let world = World::start("erc4626").await;
    let market = world.market();
    let vault: Address = world.book.protocols.morpho.meta_morpho;
    market.borrow_morpho(10_000 * USDC).await.unwrap();
    let (_, start) = world.newest().await;
    for _ in 0..4 {
        market.pass_time(7 * 86_400).await.unwrap();
    }
    let (_, end) = world.newest().await;
    let feed = Erc4626Shares::new(world.rpc.clone(), "the devnet", vault, 86_400, "metamorpho/usdc", Bounds::default())
        .unwrap();
    let gathered = feed.range(Span::new(start, end + 1).unwrap(), end).await.unwrap();
    assert!(gathered.refused.is_empty() && gathered.observations.len() >= 4, "{gathered:?}");
    let (blocks, shares) = (world.blocks().await, IShares::new(vault, &world.rpc));
    let one = U256::from(10).pow(U256::from(shares.decimals().call().await.unwrap()));
    for observation in &gathered.observations {
        let at = BlockId::number(blocks[&observation.time()]);
        let assets = shares.convertToAssets(one).block(at).call().await.unwrap();
        assert_eq!(observation.value(), units::scaled(&assets.to_string(), -6).unwrap());
    }
    let prices: Vec<_> = gathered.observations.iter().map(Observation::value).collect();
    assert!(prices.is_sorted() && prices[0] < prices[prices.len() - 1], "interest accrues: {prices:?}");
    let now = shares.convertToAssets(one).call().await.unwrap();
    let latest = feed.latest(end).await.unwrap().observations[0].value();
    assert_eq!(latest, units::scaled(&now.to_string(), -6).unwrap());
}

// SPEC D4
#[tokio::test(flavor = "multi_thread")]
async fn a_base_fee_is_the_mean_of_its_blocks_and_every_block_is_in_one_mean() {
    let world = World::start("fees").await;
    let (first, start) = world.newest().await;
    for _ in 0..25 {
        world.devnet.builder().build_block().await.unwrap();
    }
    let (last, end) = world.newest().await;
    let feed = BaseFees::new(world.rpc.clone(), "the devnet", 10, "ethereum", Bounds::default()).unwrap();
    let gathered = feed.range(Span::new(start + 1, end + 1).unwrap(), end).await.unwrap();
    let base_fees = of(&gathered, "ethereum", Metric::BaseFeeGwei);
    assert_eq!(base_fees.len(), 3, "25 blocks: {gathered:?}");
    let mut from = first + 1;
    for observation in base_fees {
        let to = last.min(from + 9);
        let mut sum = 0.0;
        for number in from..=to {
            let header = world.rpc.get_block(BlockId::number(number)).await.unwrap().unwrap().header;
            sum += header.base_fee_per_gas().unwrap() as f64;
        }
        let mean = sum / (to - from + 1) as f64 / 1e9;
        assert!((observation.value() - mean).abs() < 1e-12 * mean, "{} {mean}", observation.value());
        from = to + 1;
    }
}
