//! Values from the real protocols on a local chain, against what the contracts themselves say.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use alloy::{
    consensus::BlockHeader,
    eips::BlockId,
    primitives::{Address, U256},
    providers::{DynProvider, Provider, ProviderBuilder},
    rpc::types::TransactionRequest,
    sol,
    sol_types::SolCall,
};
use ballast_chain::bindings::IAavePool;
use ballast_devnet::{
    Devnet, DevnetConfig, accounts::Role, address_book::AddressBook, deploy::Terms, market::Market, prepared,
};
use ballast_feeds::{
    Bounds, Feed, Gathered, Kind, Lag, Span,
    sources::onchain::{AaveFlows, AaveOnChain, Act, BaseFees, ChainlinkRounds, Erc4626Shares},
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
    interface IErc20 {
        function approve(address spender, uint256 amount) external returns (bool);
        function balanceOf(address account) external view returns (uint256);
    }
    interface IPoolActs {
        function supply(address asset, uint256 amount, address onBehalfOf, uint16 referralCode) external;
        function withdraw(address asset, uint256 amount, address to) external returns (uint256);
        function liquidationCall(address collateral, address debt, address borrower, uint256 debtToCover, bool receiveAToken) external;
        function getUserAccountData(address user) external view returns (
            uint256 collateral, uint256 debt, uint256 available, uint256 threshold, uint256 ltv, uint256 health);
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

// SPEC D1: money that the pool holds changes at every block by what its events say, liquidations included.
#[tokio::test(flavor = "multi_thread")]
async fn deposits_loans_and_liquidations_from_logs_account_for_every_dollar_in_the_pool() {
    let world = World::start("aave-events").await;
    let (market, aave, usdc) = (world.market(), &world.book.protocols.aave, world.book.protocols.usdc);
    let (before, start) = world.newest().await;
    let (saver, borrower) = (Role::Depositor(0).address().unwrap(), Role::Borrower.address().unwrap());
    let dollars = |amount: u64| U256::from(amount * USDC);
    market.mint_usdc(saver, 2_000_000 * USDC).await.unwrap();
    market.send(Role::Depositor(0), usdc, IErc20::approveCall { spender: aave.pool, amount: U256::MAX }).await.unwrap();
    let supply = IPoolActs::supplyCall { asset: usdc, amount: dollars(700_000), onBehalfOf: saver, referralCode: 0 };
    market.send(Role::Depositor(0), aave.pool, supply).await.unwrap();
    market.borrow_aave(50_000 * USDC).await.unwrap();
    market.pass_time(3_600).await.unwrap();
    let withdraw = IPoolActs::withdrawCall { asset: usdc, amount: dollars(100_000), to: saver };
    market.send(Role::Depositor(0), aave.pool, withdraw).await.unwrap();
    market.repay_aave(20_000 * USDC).await.unwrap();
    // The price of the collateral falls until the loan is worth more than it may be.
    let mut price = 400_000_000_000_i64;
    loop {
        let health = IPoolActs::getUserAccountDataCall { user: borrower };
        if market.read(aave.pool, health).await.unwrap().health < U256::from(10).pow(U256::from(18)) {
            break;
        }
        price = price / 4 * 3;
        market.push_price(world.book.protocols.feeds.eth_usd, price).await.unwrap();
    }
    let liquidate = IPoolActs::liquidationCallCall {
        collateral: world.book.protocols.weth,
        debt: usdc,
        borrower,
        debtToCover: dollars(5_000),
        receiveAToken: false,
    };
    market.send(Role::Depositor(0), aave.pool, liquidate).await.unwrap();
    let (after, end) = world.newest().await;

    let feed = |asset, decimals| {
        AaveFlows::new(world.rpc.clone(), "the devnet", aave.pool, (asset, decimals), "aave/usdc", Bounds::default())
            .unwrap()
    };
    let found = feed(usdc, 6).events(before + 1, after).await.unwrap();
    assert!(found.refused.is_empty(), "{:?}", found.refused);
    let acts: Vec<_> = found.events.iter().map(|event| (event.act, event.user, event.amount)).collect();
    assert_eq!(
        acts,
        [
            (Act::Supplied, saver, dollars(700_000)),
            (Act::Borrowed, borrower, dollars(50_000)),
            (Act::Withdrawn, saver, dollars(100_000)),
            (Act::Repaid, borrower, dollars(20_000)),
            (Act::Liquidated, borrower, dollars(5_000)),
        ]
    );
    let held = IErc20::balanceOfCall { account: aave.a_usdc };
    let mut balance = balance_at(&world, usdc, &held, before).await;
    for number in before + 1..=after {
        for event in found.events.iter().filter(|event| event.block == number) {
            match event.act {
                Act::Supplied | Act::Repaid | Act::Liquidated => balance += event.amount,
                Act::Withdrawn | Act::Borrowed => balance -= event.amount,
                Act::RepaidFromDeposit | Act::Seized => {}
            }
        }
        assert_eq!(balance_at(&world, usdc, &held, number).await, balance, "block {number}");
    }
    // The collateral's side of the same liquidation.
    let seized = feed(world.book.protocols.weth, 18).events(before + 1, after).await.unwrap().events;
    assert_eq!(seized.iter().map(|event| (event.act, event.user)).collect::<Vec<_>>(), [(Act::Seized, borrower)]);

    let gathered = feed(usdc, 6).range(Span::new(start + 1, end + 1).unwrap(), end).await.unwrap();
    let told: Vec<_> = gathered.observations.iter().map(|one| format!("{} {}", one.series(), one.value())).collect();
    assert_eq!(
        told,
        [
            "aave/usdc#liquidated_usd 5000",
            "aave/usdc/deposits#inflow_usd 700000",
            "aave/usdc/deposits#outflow_usd 100000",
            "aave/usdc/loans#inflow_usd 20000",
            "aave/usdc/loans#outflow_usd 50000",
        ]
    );
    let latest = feed(usdc, 6).latest(end).await.unwrap();
    assert_eq!(of(&latest, "aave/usdc", Metric::LiquidatedUsd)[0].value(), 5_000.0);
}

async fn balance_at(world: &World, token: Address, call: &IErc20::balanceOfCall, block: u64) -> U256 {
    let request = TransactionRequest::default().to(token).input(call.abi_encode().into());
    let answer = world.rpc.call(request).block(BlockId::number(block)).await.unwrap();
    U256::from_be_slice(&answer)
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
