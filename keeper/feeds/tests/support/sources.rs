//! Every HTTP source on its recorded answer, so that each fault is tried on each of them.

use ballast_feeds::{
    Backoff, Bounds, Feed, Http, HttpSettings, KeyPlace, KeyRing, Span,
    sources::{
        coingecko::{self, CoinGecko},
        defillama::{self, DefiLlamaPrices, DefiLlamaYields, Pool, Quoted},
        dune::{self, Column, Dune, Unit},
        fear_greed::FearGreed,
        pyth::{PriceFeed, Pyth},
        subgraph::{AaveReserve, AaveSubgraph, CurvePool, CurveSubgraph, Subgraph, UniswapPool, UniswapSubgraph},
    },
};
use ballast_types::{Metric, SeriesId};
use std::time::Duration;

/// 2025-04-30T12:00:00Z, a little after what is recorded.
pub const NOW: u64 = 1_746_014_400;
pub const USDC: &str = "ethereum:0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48";
pub const POOL: &str = "aa70268e-4b52-42bf-a116-608b370f9501";
const ASSET: &str = "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48";
const PROVIDER: &str = "0x2f39d218133AFaB8F2B819B1066c7E434Ad94E9e";

pub const fn settings() -> HttpSettings {
    let mut settings = HttpSettings::new(1);
    settings.timeout = Duration::from_millis(1_200);
    settings.patience = Duration::from_secs(8);
    settings.attempts = 3;
    settings.backoff = Backoff { first: Duration::from_millis(5), longest: Duration::from_millis(20) };
    settings.max_body = 64 << 10;
    settings
}

pub fn http(url: &str) -> Http {
    Http::new(url, settings()).unwrap()
}

pub fn id(subject: &str, metric: Metric) -> SeriesId {
    SeriesId::new(subject, metric).unwrap()
}

/// Prices of what should be worth a dollar.
pub fn bounds() -> Bounds {
    Bounds::default().within(id("usdc", Metric::PriceUsd), 0.01, 2.0)
}

pub fn day(from: &str, to: &str) -> Span {
    let parse = |text| ballast_feeds::calendar::parse(text).unwrap();
    Span::new(parse(from), parse(to)).unwrap()
}

/// A source, its recorded answers, and where in them the value of `series` stands.
pub struct Case {
    pub name: &'static str,
    pub build: fn(&str) -> Box<dyn Feed>,
    pub latest: &'static str,
    /// Of the newest answer.
    pub value: &'static str,
    pub list: &'static str,
    pub series: SeriesId,
    /// The value of `series` that `latest` says.
    pub expected: f64,
    /// What a range is answered with, and where its list of rows is; none where there is no such thing.
    pub history: Option<(&'static str, &'static str)>,
}

pub fn all() -> Vec<Case> {
    [prices_and_rates(), super::indicators::all(), super::protocols::all()].into_iter().flatten().collect()
}

fn prices_and_rates() -> Vec<Case> {
    vec![
        Case {
            name: "defillama yields",
            build: |url| {
                let pool = Pool::new(POOL, "aave/usdc", Quoted::Apr).unwrap();
                Box::new(DefiLlamaYields::new(http(url), vec![pool], bounds()))
            },
            latest: include_str!("../recorded/defillama_pools.json"),
            value: "/data/1/apyBase",
            list: "/data",
            series: id("aave/usdc", Metric::SupplyApr),
            expected: 0.042,
            history: Some((include_str!("../recorded/defillama_chart.json"), "/data")),
        },
        Case {
            name: "defillama prices",
            build: |url| {
                let coin = defillama::Coin::new(USDC, "usdc").unwrap();
                Box::new(DefiLlamaPrices::new(http(url), vec![coin], 3_600, bounds()).unwrap())
            },
            latest: include_str!("../recorded/defillama_prices.json"),
            value: "/coins/ethereum:0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48/price",
            list: "/coins",
            series: id("usdc", Metric::PriceUsd),
            expected: 0.99984,
            history: Some((
                include_str!("../recorded/defillama_price_chart.json"),
                "/coins/ethereum:0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48/prices",
            )),
        },
        Case {
            name: "coingecko",
            build: |url| {
                let coin = coingecko::Coin::new("usd-coin", "usdc").unwrap();
                Box::new(CoinGecko::new(http(url), vec![coin], bounds()))
            },
            latest: include_str!("../recorded/coingecko_simple.json"),
            value: "/usd-coin/usd",
            list: "",
            series: id("usdc", Metric::PriceUsd),
            expected: 0.999_841_2,
            history: Some((include_str!("../recorded/coingecko_range.json"), "/prices")),
        },
        Case {
            name: "pyth",
            build: |url| {
                let feed = PriceFeed::new("0xEAA020c61cc479712813461ce153894a96a6c00b21ed0cfc2798d1f9a9e9c94a", "usdc")
                    .unwrap();
                Box::new(Pyth::new(http(url), vec![feed], 3_600, bounds()))
            },
            latest: include_str!("../recorded/pyth_latest.json"),
            value: "/parsed/0/price/price",
            list: "/parsed",
            series: id("usdc", Metric::PriceUsd),
            expected: 0.999_845_12,
            history: None,
        },
        Case {
            name: "dune",
            build: |url| {
                let keys = KeyRing::parse("dune", dune::KEY_VARIABLE, "key-one,key-two").unwrap();
                let http = http(url).with_keys(KeyPlace::Header(dune::KEY_HEADER), keys);
                let column = |name: &str, series, unit| Column { name: name.to_owned(), series, unit };
                let columns = vec![
                    column("liquidity_rate", id("aave/usdc", Metric::SupplyApr), Unit::Ray),
                    column("volatility_30d_pct", id("aave/usdc/volatility-30d", Metric::Index), Unit::Percent),
                ];
                Box::new(Dune::new(http, 1_215_383, "day", columns, bounds()))
            },
            latest: include_str!("../recorded/dune_results.json"),
            value: "/result/rows/1/liquidity_rate",
            list: "/result/rows",
            series: id("aave/usdc", Metric::SupplyApr),
            expected: 0.042,
            history: Some((include_str!("../recorded/dune_results.json"), "/result/rows")),
        },
        Case {
            name: "fear and greed",
            build: |url| Box::new(FearGreed::new(http(url), "crypto/fear-greed").unwrap()),
            latest: include_str!("../recorded/fear_greed.json"),
            value: "/data/0/value",
            list: "/data",
            series: id("crypto/fear-greed", Metric::Index),
            expected: 54.0,
            history: Some((include_str!("../recorded/fear_greed.json"), "/data")),
        },
        Case {
            name: "aave subgraph",
            build: |url| {
                let reserve = AaveReserve::new(ASSET, PROVIDER, "aave/usdc").unwrap();
                Box::new(AaveSubgraph::new(Subgraph::new(http(url), "subgraphs/id/aave"), vec![reserve], bounds()))
            },
            latest: include_str!("../recorded/aave_reserves.json"),
            value: "/data/reserves/0/liquidityRate",
            list: "/data/reserves",
            series: id("aave/usdc", Metric::SupplyApr),
            expected: 0.042,
            history: Some((include_str!("../recorded/aave_history.json"), "/data/reserveParamsHistoryItems")),
        },
        Case {
            name: "uniswap subgraph",
            build: |url| {
                let pool = UniswapPool::new("0x3416cF6C708Da44DB2624D63ea0AAef7113527C6", "uniswap/usdc-usdt").unwrap();
                Box::new(UniswapSubgraph::new(Subgraph::new(http(url), "subgraphs/id/uniswap"), vec![pool], bounds()))
            },
            latest: include_str!("../recorded/uniswap_days.json"),
            value: "/data/poolDayDatas/1/feesUSD",
            list: "/data/poolDayDatas",
            series: id("uniswap/usdc-usdt", Metric::SupplyApr),
            expected: 0.073,
            history: Some((include_str!("../recorded/uniswap_days.json"), "/data/poolDayDatas")),
        },
        Case {
            name: "curve subgraph",
            build: |url| {
                let pool = CurvePool::new("0xbEbc44782C7dB0a1A60Cb6fe97d0b483032FF1C7", 3, "curve/3pool").unwrap();
                let bounds = bounds().within(id("curve/3pool", Metric::SharePrice), 0.9, 2.0);
                Box::new(CurveSubgraph::new(Subgraph::new(http(url), "subgraphs/id/curve"), vec![pool], bounds))
            },
            latest: include_str!("../recorded/curve_days.json"),
            value: "/data/dailyPoolSnapshots/1/virtualPrice",
            list: "/data/dailyPoolSnapshots",
            series: id("curve/3pool", Metric::SharePrice),
            expected: 1.039_421,
            history: Some((include_str!("../recorded/curve_days.json"), "/data/dailyPoolSnapshots")),
        },
    ]
}
