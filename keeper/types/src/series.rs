//! What is remembered of the world: one number of one subject at one time, from one source.
//!
//! These are inputs of models and of judgement, so they are floating point; what decides an amount is quantised to integers first and
//! stands in the [`crate::Snapshot`]. Two times are kept apart: the one a value is *of*, and the one from which it could be *known*. Whatever is decided
//! at a time may use only what was known by then.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// What is measured. Unit and plausible range are fixed per metric, so that a value in the wrong unit is refused where it enters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Metric {
    /// Simple annual rate paid to suppliers, a fraction (0.05 = 5 %).
    SupplyApr,
    /// Simple annual rate paid by borrowers, a fraction.
    BorrowApr,
    /// Everything supplied, USD.
    SuppliedUsd,
    /// Everything borrowed, USD.
    BorrowedUsd,
    /// What could be withdrawn, USD.
    LiquidityUsd,
    /// Total value locked as its source counts it, USD.
    TvlUsd,
    /// Borrowed over supplied, a fraction.
    Utilisation,
    /// Assets per share of a tokenised vault.
    SharePrice,
    /// Price in USD of one unit.
    PriceUsd,
    /// Gas price (base fee and tip) of the chain, gwei.
    GasPriceGwei,
    /// Base fee of the chain, gwei.
    BaseFeeGwei,
    /// Traded within the day, USD.
    VolumeUsd,
    /// Tokens in circulation, USD.
    SupplyUsd,
    /// Funding of a perpetual for one interval, a fraction; shorts receive what is positive.
    FundingRate,
    /// An index or ratio without a unit.
    Index,
    /// Market value over realised value. Not the z-score of their difference, which has another scale (ERR-54).
    MvrvRatio,
    /// Market value less realised value, in standard deviations of the market value.
    MvrvZScore,
    /// Open contracts of all perpetuals and futures, USD.
    OpenInterestUsd,
    /// Volatility that options are priced at, a fraction a year (0.5 = 50 %).
    ImpliedVolatility,
    /// Moved in within the interval, USD: to exchanges, or deposited.
    InflowUsd,
    /// Moved out within the interval, USD.
    OutflowUsd,
    /// Debt that liquidators repaid within the interval, USD.
    LiquidatedUsd,
    /// Lost in one incident, USD.
    LostUsd,
    /// Thefts and failures of a protocol that are listed up to then, a count of days.
    Incidents,
    /// Most that a bug bounty pays, USD.
    BountyUsd,
    /// Cover against a protocol's failure that can still be bought, USD.
    CoverCapacityUsd,
    /// What such cover costs, a fraction of the cover a year.
    CoverPrice,
    /// Published audit reports, a count.
    AuditReports,
}

impl Metric {
    pub const ALL: [Self; 28] = [
        Self::SupplyApr,
        Self::BorrowApr,
        Self::SuppliedUsd,
        Self::BorrowedUsd,
        Self::LiquidityUsd,
        Self::TvlUsd,
        Self::Utilisation,
        Self::SharePrice,
        Self::PriceUsd,
        Self::GasPriceGwei,
        Self::BaseFeeGwei,
        Self::VolumeUsd,
        Self::SupplyUsd,
        Self::FundingRate,
        Self::Index,
        Self::MvrvRatio,
        Self::MvrvZScore,
        Self::OpenInterestUsd,
        Self::ImpliedVolatility,
        Self::InflowUsd,
        Self::OutflowUsd,
        Self::LiquidatedUsd,
        Self::LostUsd,
        Self::Incidents,
        Self::BountyUsd,
        Self::CoverCapacityUsd,
        Self::CoverPrice,
        Self::AuditReports,
    ];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SupplyApr => "supply_apr",
            Self::BorrowApr => "borrow_apr",
            Self::SuppliedUsd => "supplied_usd",
            Self::BorrowedUsd => "borrowed_usd",
            Self::LiquidityUsd => "liquidity_usd",
            Self::TvlUsd => "tvl_usd",
            Self::Utilisation => "utilisation",
            Self::SharePrice => "share_price",
            Self::PriceUsd => "price_usd",
            Self::GasPriceGwei => "gas_price_gwei",
            Self::BaseFeeGwei => "base_fee_gwei",
            Self::VolumeUsd => "volume_usd",
            Self::SupplyUsd => "supply_usd",
            Self::FundingRate => "funding_rate",
            Self::Index => "index",
            Self::MvrvRatio => "mvrv_ratio",
            Self::MvrvZScore => "mvrv_z_score",
            Self::OpenInterestUsd => "open_interest_usd",
            Self::ImpliedVolatility => "implied_volatility",
            Self::InflowUsd => "inflow_usd",
            Self::OutflowUsd => "outflow_usd",
            Self::LiquidatedUsd => "liquidated_usd",
            Self::LostUsd => "lost_usd",
            Self::Incidents => "incidents",
            Self::BountyUsd => "bounty_usd",
            Self::CoverCapacityUsd => "cover_capacity_usd",
            Self::CoverPrice => "cover_price",
            Self::AuditReports => "audit_reports",
        }
    }

    /// The least and the largest value that is taken for real. A rate of 300 % a year has been seen in a squeeze; one above 1 000 % is a
    /// percentage, or a rate multiplied by 365, where a fraction is expected (ERR-23).
    #[must_use]
    pub const fn plausible(self) -> (f64, f64) {
        match self {
            Self::SupplyApr | Self::BorrowApr => (0.0, 10.0),
            // Interest that rounds apart, and bad debt, take borrowed slightly above supplied.
            Self::Utilisation => (0.0, 1.05),
            Self::SharePrice => (1e-6, 1e6),
            Self::PriceUsd => (1e-9, 1e7),
            Self::GasPriceGwei | Self::BaseFeeGwei => (0.0, 100_000.0),
            Self::FundingRate => (-1.0, 1.0),
            Self::Index => (-1e12, 1e12),
            // Bitcoin's was 0.39 in 2011 and 8 at most, its z-score between -0.6 and 12.
            Self::MvrvRatio => (0.05, 20.0),
            Self::MvrvZScore => (-5.0, 30.0),
            Self::ImpliedVolatility => (0.0, 5.0),
            // Larger than any day or theft that was.
            Self::InflowUsd | Self::OutflowUsd | Self::LiquidatedUsd => (0.0, 1e11),
            Self::LostUsd => (0.0, 1e10),
            Self::BountyUsd => (0.0, 5e7),
            Self::CoverPrice => (0.0, 1.0),
            Self::AuditReports | Self::Incidents => (0.0, 1_000.0),
            Self::SuppliedUsd
            | Self::BorrowedUsd
            | Self::LiquidityUsd
            | Self::TvlUsd
            | Self::VolumeUsd
            | Self::SupplyUsd
            | Self::OpenInterestUsd
            | Self::CoverCapacityUsd => (0.0, 1e13),
        }
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Whose value, and which: `aave/ethereum/usdc#supply_apr`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct SeriesId {
    subject: String,
    metric: Metric,
}

/// Why a series id or an observation is refused.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum SeriesError {
    #[error(
        "{0:?} is no series: expected subject#metric, a subject of lower-case letters, digits and - _ . : / of at most 100 characters"
    )]
    Id(String),
    #[error("{name:?} is no metric, expected one of {}", Metric::ALL.map(Metric::name).join(", "))]
    Metric { name: String },
    #[error("{series} is {value}, expected a finite number")]
    NotFinite { series: SeriesId, value: f64 },
    #[error("{series} is {value}, expected {least} to {most}")]
    Implausible { series: SeriesId, value: f64, least: f64, most: f64 },
    #[error("{series}: known at {known_at}, before its own time {time}")]
    KnownTooEarly { series: SeriesId, time: u64, known_at: u64 },
}

impl SeriesId {
    /// # Errors
    /// If the subject is empty, longer than 100 characters or has other characters than lower-case letters, digits and `-_.:/`.
    pub fn new(subject: impl Into<String>, metric: Metric) -> Result<Self, SeriesError> {
        let subject = subject.into();
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.:/".contains(c);
        if subject.is_empty() || subject.len() > 100 || !subject.chars().all(allowed) {
            return Err(SeriesError::Id(subject));
        }
        Ok(Self { subject, metric })
    }

    #[must_use]
    pub fn subject(&self) -> &str {
        &self.subject
    }

    #[must_use]
    pub const fn metric(&self) -> Metric {
        self.metric
    }
}

impl fmt::Display for SeriesId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}#{}", self.subject, self.metric)
    }
}

impl FromStr for SeriesId {
    type Err = SeriesError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (subject, name) = text.rsplit_once('#').ok_or_else(|| SeriesError::Id(text.to_owned()))?;
        let metric = Metric::ALL
            .into_iter()
            .find(|metric| metric.name() == name)
            .ok_or_else(|| SeriesError::Metric { name: name.to_owned() })?;
        Self::new(subject, metric)
    }
}

impl From<SeriesId> for String {
    fn from(id: SeriesId) -> Self {
        id.to_string()
    }
}

impl TryFrom<String> for SeriesId {
    type Error = SeriesError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

/// One value. Only [`Observation::new`] makes one, so whoever holds one holds a finite number inside its metric's range.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Observation {
    series: SeriesId,
    source: String,
    time: u64,
    known_at: u64,
    value: f64,
}

impl Observation {
    /// A value of `time`, from `source`, that nobody could know before `known_at` (both Unix seconds).
    ///
    /// # Errors
    /// If the value is not finite or outside of [`Metric::plausible`], or known before its time.
    pub fn new(
        series: SeriesId,
        source: impl Into<String>,
        time: u64,
        known_at: u64,
        value: f64,
    ) -> Result<Self, SeriesError> {
        if !value.is_finite() {
            return Err(SeriesError::NotFinite { series, value });
        }
        let (least, most) = series.metric.plausible();
        if value < least || value > most {
            return Err(SeriesError::Implausible { series, value, least, most });
        }
        if known_at < time {
            return Err(SeriesError::KnownTooEarly { series, time, known_at });
        }
        Ok(Self { series, source: source.into(), time, known_at, value })
    }

    #[must_use]
    pub const fn series(&self) -> &SeriesId {
        &self.series
    }

    /// Who says so: `aave-subgraph`, `defillama`, a dataset's `source_id`.
    #[must_use]
    pub fn source(&self) -> &str {
        &self.source
    }

    /// What time it is of.
    #[must_use]
    pub const fn time(&self) -> u64 {
        self.time
    }

    /// From when on it could be known.
    #[must_use]
    pub const fn known_at(&self) -> u64 {
        self.known_at
    }

    #[must_use]
    pub const fn value(&self) -> f64 {
        self.value
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn rate() -> SeriesId {
        SeriesId::new("aave/ethereum/usdc", Metric::SupplyApr).unwrap()
    }

    #[test]
    fn a_series_id_survives_its_text() {
        for metric in Metric::ALL {
            let id = SeriesId::new("aave-v3/ethereum/usdc", metric).unwrap();
            assert_eq!(id.to_string().parse::<SeriesId>().unwrap(), id);
        }
    }

    #[test]
    fn a_bad_id_says_what_was_expected() {
        assert!("aave".parse::<SeriesId>().unwrap_err().to_string().contains("subject#metric"));
        assert!("aave#apy".parse::<SeriesId>().unwrap_err().to_string().contains("supply_apr"));
        for bad in ["", "Aave", "a b", "a#b"] {
            assert!(SeriesId::new(bad, Metric::Index).is_err(), "{bad}");
        }
    }

    // ERR-23
    #[test]
    fn a_rate_in_percent_or_times_365_is_refused() {
        assert!(Observation::new(rate(), "test", 1, 2, 0.05).is_ok());
        for bad in [f64::NAN, f64::INFINITY, -0.01, 0.05 * 365.0, 500.0] {
            assert!(Observation::new(rate(), "test", 1, 2, bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn nothing_is_known_before_its_time() {
        assert!(Observation::new(rate(), "test", 10, 9, 0.05).is_err());
        assert!(Observation::new(rate(), "test", 10, 10, 0.05).is_ok());
    }
}
