//! `[market]`: who else is asked about the venues and the coins, how often, and when what they say is a reason to hold.

mod validation;

use ballast_feeds::sources::{coingecko, defillama::Quoted, dune, dune::Unit, glassnode, pyth, subgraph};
use ballast_types::{Metric, SeriesId};
use serde::{Deserialize, Serialize};
use std::fmt;

/// Without sources nobody is asked.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MarketConfig {
    pub sources: Vec<SourceConfig>,
    pub quantities: Vec<QuantityConfig>,
    /// Requests to one endpoint a minute.
    pub requests_per_minute: u32,
    /// Minutes between two lines in the log about each source's lag.
    pub lag_minutes: u64,
}

/// A hundred a minute (SPEC D7).
impl Default for MarketConfig {
    fn default() -> Self {
        Self { sources: Vec::new(), quantities: Vec::new(), requests_per_minute: 100, lag_minutes: 10 }
    }
}

/// A publisher, and the shape of what it publishes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SourceKind {
    #[serde(rename = "defillama_yields")]
    DefiLlamaYields,
    #[serde(rename = "defillama_prices")]
    DefiLlamaPrices,
    Coingecko,
    Pyth,
    AaveSubgraph,
    Dune,
    FearGreed,
    Glassnode,
    #[serde(rename = "defillama_hacks")]
    DefiLlamaHacks,
}

impl SourceKind {
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::DefiLlamaYields => "defillama_yields",
            Self::DefiLlamaPrices => "defillama_prices",
            Self::Coingecko => "coingecko",
            Self::Pyth => "pyth",
            Self::AaveSubgraph => "aave_subgraph",
            Self::Dune => "dune",
            Self::FearGreed => "fear_greed",
            Self::Glassnode => "glassnode",
            Self::DefiLlamaHacks => "defillama_hacks",
        }
    }

    /// The variable that holds its key, or several separated by commas; `None` for a publisher that has none.
    #[must_use]
    pub const fn key_variable(self) -> Option<&'static str> {
        match self {
            Self::Coingecko => Some(coingecko::KEY_VARIABLE),
            Self::Pyth => Some(pyth::KEY_VARIABLE),
            Self::AaveSubgraph => Some(subgraph::KEY_VARIABLE),
            Self::Dune => Some(dune::KEY_VARIABLE),
            Self::Glassnode => Some(glassnode::KEY_VARIABLE),
            Self::DefiLlamaYields | Self::DefiLlamaPrices | Self::DefiLlamaHacks | Self::FearGreed => None,
        }
    }
}

impl fmt::Display for SourceKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One source, asked by a task of its own.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceConfig {
    pub kind: SourceKind,
    /// Another endpoint than the publisher's.
    pub url: Option<String>,
    /// Of a subgraph, relative to the URL.
    pub path: Option<String>,
    /// Of Dune: the saved query, and its column with the time.
    pub query: Option<u64>,
    pub time_column: Option<String>,
    /// Whether its key is sent, from the secret of the publisher's name.
    #[serde(default)]
    pub keyed: bool,
    /// Seconds from one request to the next.
    #[serde(default = "defaults::period")]
    pub period: u64,
    /// Seconds an attempt may take.
    #[serde(default = "defaults::timeout")]
    pub timeout: u64,
    /// Whether to hold while it has no fresh value of a quantity that it takes part in.
    #[serde(default)]
    pub required: bool,
    pub gives: Vec<GivesConfig>,
}

/// One thing that a source is asked for.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GivesConfig {
    /// The publisher's name for it: pool, coin, feed, column, protocol; of an Aave reserve `asset:addresses-provider`.
    #[serde(default)]
    pub id: String,
    /// Ours, the part of a series before `#`.
    pub subject: String,
    /// Of DefiLlama's yields: how its adapter states the rate.
    pub quoted: Option<QuotedConfig>,
    /// Of Dune: what the column is; of Glassnode: `mvrv_ratio` or `mvrv_z_score`.
    pub metric: Option<Metric>,
    pub unit: Option<UnitConfig>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuotedConfig {
    Apy,
    Apr,
}

impl From<QuotedConfig> for Quoted {
    fn from(quoted: QuotedConfig) -> Self {
        match quoted {
            QuotedConfig::Apy => Self::Apy,
            QuotedConfig::Apr => Self::Apr,
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum UnitConfig {
    Plain,
    Percent,
    Ray,
    Apy,
}

impl From<UnitConfig> for Unit {
    fn from(unit: UnitConfig) -> Self {
        match unit {
            UnitConfig::Plain => Self::Plain,
            UnitConfig::Percent => Self::Percent,
            UnitConfig::Ray => Self::Ray,
            UnitConfig::Apy => Self::Apy,
        }
    }
}

/// What several sources say about one thing, and which of the chain's own readings it must agree with.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct QuantityConfig {
    pub series: SeriesId,
    /// The venue whose rate or size it is; or
    pub venue: Option<String>,
    /// the feed, by the name that its contract gives it.
    pub feed: Option<String>,
    /// Fresh sources without which to hold; 0 to compare what there is and never miss what there is not.
    #[serde(default = "defaults::quorum")]
    pub quorum: usize,
    /// Seconds; an older value does not count.
    #[serde(default = "defaults::max_age")]
    pub max_age: u64,
    /// Fraction of the middle of the sources, and then of the chain's own value, …
    pub tolerance: f64,
    /// … or in the metric's unit; the wider of the two.
    #[serde(default)]
    pub tolerance_absolute: f64,
}

mod defaults {
    pub(super) const fn period() -> u64 {
        60
    }
    pub(super) const fn timeout() -> u64 {
        10
    }
    pub(super) const fn quorum() -> usize {
        1
    }
    pub(super) const fn max_age() -> u64 {
        900
    }
}

impl SourceConfig {
    /// The series that it will give, in the order of `gives`.
    ///
    /// # Errors
    /// If a subject is none, or a column of Dune has no metric.
    pub fn series(&self) -> Result<Vec<SeriesId>, String> {
        let mut series = Vec::new();
        for gives in &self.gives {
            let metrics: &[Metric] = match self.kind {
                SourceKind::DefiLlamaYields => &[Metric::SupplyApr, Metric::TvlUsd],
                SourceKind::DefiLlamaPrices | SourceKind::Coingecko | SourceKind::Pyth => &[Metric::PriceUsd],
                SourceKind::AaveSubgraph => &[
                    Metric::SupplyApr,
                    Metric::BorrowApr,
                    Metric::Utilisation,
                    Metric::SuppliedUsd,
                    Metric::BorrowedUsd,
                    Metric::LiquidityUsd,
                ],
                SourceKind::FearGreed => &[Metric::Index],
                SourceKind::DefiLlamaHacks => &[Metric::LostUsd, Metric::Incidents],
                SourceKind::Dune | SourceKind::Glassnode if gives.metric.is_none() => {
                    return Err("an entry of gives without a metric".into());
                }
                SourceKind::Dune | SourceKind::Glassnode => gives.metric.as_slice(),
            };
            for metric in metrics {
                series.push(SeriesId::new(gives.subject.clone(), *metric).map_err(|error| error.to_string())?);
            }
        }
        Ok(series)
    }
}
