//! Files about pools of several coins.

use super::{
    FileSpec,
    Metric::{SharePrice, SuppliedUsd, SupplyApr, TvlUsd},
    Part::{Column, Text},
    Source, Time,
    Unit::{Plain, RatePercent},
    named, value,
};

pub(super) const CURVE_BALANCES: FileSpec = FileSpec {
    name: "curve_pool_balances_daily",
    time: Time::Day("date_utc"),
    subject: &[Text("curve/ethereum/"), Column("pool")],
    source: Source::Named("keroshan"),
    variant: None,
    values: &[
        named(":1", "balance_1", SuppliedUsd),
        named(":2", "balance_2", SuppliedUsd),
        named(":3", "balance_3", SuppliedUsd),
    ],
};

pub(super) const LP_POOLS: FileSpec = FileSpec {
    name: "lp_pools_daily",
    time: Time::Day("date_utc"),
    subject: &[Column("protocol_slug"), Text("/"), Column("chain"), Text("/"), Column("pool_uuid")],
    source: Source::Named("defillama"),
    variant: None,
    values: &[value("apy_base_pct", SupplyApr, RatePercent), value("tvl_usd", TvlUsd, Plain)],
};

pub(super) const CURVE_PRICES: FileSpec = FileSpec {
    name: "curve_virtual_price_daily",
    time: Time::At("timestamp_utc"),
    subject: &[Text("curve/ethereum/"), Column("pool")],
    source: Source::Named("miguelbits"),
    variant: None,
    values: &[value("virtual_price", SharePrice, Plain)],
};

/// What a backtest of venues that are reached through a pool reads beside that.
pub(crate) const POOL_FILES: [FileSpec; 2] = [CURVE_BALANCES, LP_POOLS];
