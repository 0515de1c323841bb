//! Which files a directory of history may hold, and what the columns of each mean.

mod pools;

pub(crate) use pools::POOL_FILES;

use crate::columns::{FileSpec, Part, Source, Time, Unit, Value, named, value};
use ballast_types::Metric;
use pools::{CURVE_BALANCES, CURVE_PRICES, LP_POOLS};

use Metric::{
    BaseFeeGwei, BorrowApr, BorrowedUsd, FundingRate, GasPriceGwei, Index, LiquidityUsd, PriceUsd, SharePrice,
    SuppliedUsd, SupplyApr, SupplyUsd, TvlUsd, Utilisation,
};
use Part::{Column, Text};
use Unit::{AprPercent, Plain, RatePercent};

/// The source ids of `lending_rates_daily` that give simple annual rates; all others give what their column is called, APY.
pub(crate) const SIMPLE_RATE_SOURCES: [&str; 6] =
    ["dobbo_aave_usdc", "ccw_aave", "viet_compound_v2", "viet_aave_v2", "theo_aavescan", "theo_morpho"];

pub(crate) const LENDING_RATES: FileSpec = FileSpec {
    name: "lending_rates_daily",
    time: Time::Day("date_utc"),
    subject: &[Column("protocol"), Text("/"), Column("chain"), Text("/"), Column("asset")],
    source: Source::Column("source_id"),
    variant: Some("pool"),
    values: &[
        value("supply_apy_pct", SupplyApr, RatePercent),
        value("borrow_apy_pct", BorrowApr, RatePercent),
        value("tvl_usd", TvlUsd, Plain),
        value("borrowed_usd", BorrowedUsd, Plain),
        value("utilization", Utilisation, Plain),
    ],
};

pub(crate) const AAVE_TVL: FileSpec = FileSpec {
    name: "aave_tvl_by_token_daily",
    time: Time::Day("date_utc"),
    subject: &[Text("aave:"), Column("asset")],
    source: Source::Named("defillama"),
    variant: None,
    values: &[value("tvl_usd", LiquidityUsd, Plain)],
};

pub(crate) const PROTOCOL_TVL: FileSpec = FileSpec {
    name: "protocol_tvl_daily",
    time: Time::Day("date_utc"),
    subject: &[Column("protocol_slug")],
    source: Source::Named("defillama"),
    variant: None,
    values: &[value("tvl_usd", TvlUsd, Plain)],
};

pub(crate) const STABLE_PRICES: FileSpec = FileSpec {
    name: "stablecoin_prices_daily",
    time: Time::Day("date_utc"),
    subject: &[Column("symbol")],
    source: Source::Column("source_id"),
    variant: None,
    values: &[
        value("close_usd", PriceUsd, Plain),
        named(":low", "low_usd", PriceUsd),
        named(":high", "high_usd", PriceUsd),
    ],
};

pub(crate) const STABLE_PRICES_HOURLY: FileSpec = FileSpec {
    name: "stablecoin_prices_hourly",
    time: Time::From("timestamp_utc", 3_600),
    subject: &[Column("pair")],
    source: Source::Column("venue"),
    variant: None,
    values: &[value("close", PriceUsd, Plain)],
};

pub(crate) const GAS: FileSpec = FileSpec {
    name: "eth_gas_daily",
    time: Time::Day("date_utc"),
    subject: &[Text("ethereum")],
    source: Source::Named("etherscan"),
    variant: None,
    values: &[value("avg_gas_price_gwei", GasPriceGwei, Plain), named(":eth", "eth_price_usd", PriceUsd)],
};

pub(crate) const TREASURY: FileSpec = FileSpec {
    name: "us_treasury_yields_daily",
    time: Time::Day("date_utc"),
    subject: &[Text("us-treasury")],
    source: Source::Named("fred"),
    variant: None,
    values: &[
        named(":6m", "us_treasury_6m_pct", Index),
        named(":2y", "us_treasury_2y_pct", Index),
        named(":5y", "us_treasury_5y_pct", Index),
        named(":10y", "us_treasury_10y_pct", Index),
    ],
};

pub(crate) const CHAINLINK: FileSpec = FileSpec {
    name: "chainlink_stablecoin_rounds",
    time: Time::At("timestamp_utc"),
    subject: &[Column("symbol"), Text(":chainlink")],
    source: Source::Named("chainlink"),
    variant: None,
    values: &[value("price_usd", PriceUsd, Plain)],
};

pub(crate) const CRISIS_DEVIATIONS: FileSpec = FileSpec {
    name: "stablecoin_crisis_usd_deviation_minutes",
    time: Time::From("timestamp_utc", 60),
    subject: &[Column("coin"), Text(":"), Column("episode")],
    source: Source::Column("venue"),
    variant: None,
    values: &[value("price_usd", PriceUsd, Plain)],
};

/// What a backtest of lending venues reads.
pub(crate) const BACKTEST_FILES: [FileSpec; 8] =
    [LENDING_RATES, AAVE_TVL, PROTOCOL_TVL, STABLE_PRICES, STABLE_PRICES_HOURLY, CHAINLINK, GAS, TREASURY];

/// All kinds of file whose rows are series. The others (exploits, bounties, facts) are tables of their own.
pub(crate) const FILES: [FileSpec; 27] = [
    LENDING_RATES,
    AAVE_TVL,
    PROTOCOL_TVL,
    STABLE_PRICES,
    STABLE_PRICES_HOURLY,
    GAS,
    TREASURY,
    CRISIS_DEVIATIONS,
    CHAINLINK,
    FileSpec {
        name: "aave_v3_reserves_daily",
        time: Time::At("timestamp_utc"),
        subject: &[Text("aave-v3/"), Column("chain"), Text("/"), Column("asset"), Text(":"), Column("asset_address")],
        source: Source::Named("th3nolo"),
        variant: None,
        values: &[
            value("supply_apr_pct", SupplyApr, AprPercent),
            value("borrow_apr_pct", BorrowApr, AprPercent),
            value("utilization_implied", Utilisation, Plain),
            value("liquidity_index", SharePrice, Plain),
        ],
    },
    FileSpec {
        name: "aave_v2_stable_reserves_hourly_2022",
        // The last state of the hour that begins then.
        time: Time::From("timestamp_utc", 3_600),
        subject: &[Text("aave-v2/ethereum/"), Column("asset")],
        source: Source::Named("viet_events"),
        variant: None,
        values: &[
            value("supply_apr_pct", SupplyApr, AprPercent),
            value("variable_borrow_apr_pct", BorrowApr, AprPercent),
            value("utilization", Utilisation, Plain),
            value("total_deposits_tokens", SuppliedUsd, Plain),
        ],
    },
    FileSpec {
        name: "morpho_blue_rates_hourly_2024",
        time: Time::From("timestamp_utc", 3_600),
        subject: &[Text("morpho-blue/ethereum")],
        source: Source::Named("theo_morpho"),
        variant: None,
        values: &[
            Value { suffix: "/weth", ..value("weth_supply_apr_pct", SupplyApr, AprPercent) },
            Value { suffix: "/usdc", ..value("usdc_borrow_apr_pct", BorrowApr, AprPercent) },
        ],
    },
    FileSpec {
        name: "defipulse_rates_daily_2019_2021",
        time: Time::Day("date_utc"),
        subject: &[Text("defipulse/"), Column("protocol")],
        source: Source::Named("defipulse"),
        variant: None,
        values: &[value("lend_rate_pct", SupplyApr, AprPercent), value("borrow_rate_pct", BorrowApr, AprPercent)],
    },
    FileSpec {
        name: "lending_protocol_daily",
        time: Time::Day("date_utc"),
        subject: &[Column("protocol_instance"), Text("/"), Column("chain")],
        source: Source::Column("source_id"),
        variant: None,
        values: &[
            value("tvl_usd", TvlUsd, Plain),
            value("deposits_usd", SuppliedUsd, Plain),
            value("borrows_usd", BorrowedUsd, Plain),
        ],
    },
    FileSpec {
        name: "protocol_borrowed_daily",
        time: Time::Day("date_utc"),
        subject: &[Column("protocol_slug")],
        source: Source::Named("defillama"),
        variant: None,
        values: &[value("borrowed_usd", BorrowedUsd, Plain)],
    },
    LP_POOLS,
    CURVE_BALANCES,
    FileSpec {
        name: "uniswap_v3_usdc_usdt_hourly",
        time: Time::At("timestamp_utc"),
        subject: &[Text("uniswap-v3/ethereum/usdc-usdt")],
        source: Source::Named("quantlet"),
        variant: None,
        values: &[value("usdc_in_usdt", PriceUsd, Plain)],
    },
    CURVE_PRICES,
    FileSpec {
        name: "yearn_share_price_2h_2022",
        time: Time::At("timestamp_utc"),
        subject: &[Text("yearn/ethereum/"), Column("vault")],
        source: Source::Named("ydata"),
        variant: None,
        values: &[value("share_price", SharePrice, Plain)],
    },
    FileSpec {
        name: "stablecoin_crisis_minutes",
        time: Time::From("timestamp_utc", 60),
        subject: &[Column("pair"), Text(":"), Column("episode")],
        source: Source::Named("binance_spot"),
        variant: None,
        values: &[value("close", PriceUsd, Plain), named(":low", "low", PriceUsd)],
    },
    FileSpec {
        name: "usdc_dex_15min_2023_03",
        time: Time::From("timestamp_utc", 900),
        subject: &[Text("usdc:dex")],
        source: Source::Named("stablesafe"),
        variant: None,
        values: &[value("close", PriceUsd, Plain)],
    },
    FileSpec {
        name: "stablecoin_supply_daily",
        time: Time::Day("date_utc"),
        subject: &[Column("symbol"), Text(":supply")],
        source: Source::Named("defillama"),
        variant: None,
        values: &[value("circulating_usd", SupplyUsd, Plain)],
    },
    FileSpec {
        name: "eth_base_fee_samples_2023_2024",
        time: Time::At("timestamp_utc"),
        subject: &[Text("ethereum")],
        source: Source::Named("blockcypher"),
        variant: None,
        values: &[value("base_fee_gwei", BaseFeeGwei, Plain)],
    },
    FileSpec {
        name: "eth_btc_daily",
        time: Time::Day("date_utc"),
        subject: &[Column("asset")],
        source: Source::Column("source_id"),
        variant: None,
        values: &[value("close_usd", PriceUsd, Plain)],
    },
    FileSpec {
        name: "market_indicators_daily",
        time: Time::Day("date_utc"),
        subject: &[Text("market")],
        source: Source::Named("indicators"),
        variant: None,
        values: &[
            named(":fear-greed", "fear_greed_index", Index),
            named(":btc-mvrv", "btc_mvrv", Index),
            named(":btc-nupl", "btc_nupl", Index),
            named(":vix", "vix_close", Index),
            named(":dxy", "dxy_close", Index),
        ],
    },
    FileSpec {
        name: "perp_funding_rates",
        time: Time::At("timestamp_utc"),
        subject: &[Column("asset"), Text(":perp:"), Column("venue")],
        source: Source::Column("source_id"),
        variant: None,
        values: &[value("funding_rate", FundingRate, Plain)],
    },
];

/// A number of the file in the metric's unit.
pub(crate) fn converted(number: f64, unit: Unit, source: &str) -> f64 {
    match unit {
        Plain => number,
        AprPercent => number / 100.0,
        RatePercent if SIMPLE_RATE_SOURCES.contains(&source) => number / 100.0,
        RatePercent => simple_daily_rate(number / 100.0),
    }
}

/// The simple annual rate whose daily share compounds to `apy` in 365 days: `365·((1 + apy)^(1/365) − 1)`.
#[must_use]
pub fn simple_daily_rate(apy: f64) -> f64 {
    365.0 * libm::expm1(libm::log1p(apy) / 365.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_year_of_the_simple_daily_rate_is_the_compounded_one(apy in 0.0f64..5.0) {
            let daily = simple_daily_rate(apy) / 365.0;
            let year = (0..365).fold(1.0, |sum, _| sum * (1.0 + daily));
            prop_assert!((year - 1.0 - apy).abs() < 1e-9 * (1.0 + apy));
        }
    }

    // ERR-23
    #[test]
    fn rates_of_simple_sources_are_only_divided_by_a_hundred() {
        assert_eq!(converted(5.0, RatePercent, "dobbo_aave_usdc"), 0.05);
        assert!(converted(5.0, RatePercent, "spa_defillama") < 0.05);
        assert_eq!(converted(5.0, AprPercent, "whoever"), 0.05);
    }

    #[test]
    fn no_file_is_named_twice() {
        for (index, file) in FILES.iter().enumerate() {
            assert!(FILES[..index].iter().all(|earlier| earlier.name != file.name), "{}", file.name);
        }
    }
}
