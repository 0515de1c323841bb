//! The markets on every step of a period: what each venue paid, how large it was, what gas cost and where the peg stood.
//!
//! A step is an interval of time, a day for daily series. What is *known* at the beginning of a step is what the step before was; what a step *is*
//! nobody sees before it is over. The engine gives policies nothing else.

mod environment;
mod exchange;
mod grid;
mod read;
mod risk_data;

pub(crate) use exchange::at;
pub use exchange::{CoinDay, CoinSettings, Exchange, ExchangeDay};
pub use read::LOOKBACK;
pub use risk_data::{RiskData, VenueRiskData};

use ballast_allocator::rates;
use ballast_history::Refusal;
use ballast_types::{Apr, Assets, Market as LendingMarket, RateCurve, Wad};
use serde::Serialize;

/// One USDC in base units.
pub const USDC: u128 = 1_000_000;

/// Everything a backtest knows of the world.
#[derive(Clone, Debug)]
pub struct Market {
    /// Beginning of the first step, Unix seconds.
    pub origin: u64,
    /// Length of a step in seconds.
    pub step: u64,
    pub venues: Vec<Venue>,
    /// One per step.
    pub environment: Vec<Environment>,
    /// What was assumed for want of data, for people.
    pub notes: Vec<String>,
    /// Rows of the data that were refused.
    pub refused: Vec<Refusal>,
    /// What scores of risk are made of beside the markets; `None` of made-up ones.
    pub risk: Option<RiskData>,
    /// The way to venues that are not in USDC; `None` where all are.
    pub exchange: Option<Exchange>,
}

/// A venue over time.
#[derive(Clone, Debug)]
pub struct Venue {
    /// `protocol/chain/asset`.
    pub id: String,
    /// By step; `None` where there is no value.
    pub steps: Vec<Option<VenueStep>>,
    /// Which source its rate is from, and since when.
    pub sources: Vec<SourceSpan>,
    /// On how many steps its size was measured, derived or assumed.
    pub sizes: SizeBasis,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SourceSpan {
    pub source: String,
    pub from: String,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct SizeBasis {
    /// Both supplied and borrowed are in the data.
    pub measured: usize,
    /// One of them follows from liquidity and the ratio of the rates.
    pub derived: usize,
    /// Nothing about its size is in the data.
    pub assumed: usize,
}

/// Where a figure is from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// It is in the data.
    Recorded,
    /// It follows from what is.
    Derived,
    /// Nothing says it.
    Assumed,
}

/// A venue during one step, without our own money in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VenueStep {
    /// What it paid, as the curve gives it.
    pub rate: Apr,
    pub supplied: Assets,
    pub borrowed: Assets,
    pub curve: RateCurve,
    /// What suppliers do not get of the borrowers' interest.
    pub fee: Wad,
    /// Whether its size is in the data, so that a fall of it means something.
    pub size_measured: bool,
    /// Where its utilisation is from.
    pub utilisation: Basis,
    /// The part of all positions that is lost at the end of the step (an exploit), 1e18 = all.
    pub haircut: Wad,
}

impl VenueStep {
    /// The market with `ours` supplied to it.
    #[must_use]
    pub fn with(&self, ours: Assets) -> LendingMarket {
        let supplied = Assets(self.supplied.0.saturating_add(ours.0));
        LendingMarket {
            name: "USDC".into(),
            supplied,
            borrowed: self.borrowed,
            held: supplied,
            room: Assets(u128::from(u64::MAX)),
            fee: self.fee,
            curve: self.curve.clone(),
        }
    }

    /// What it pays with `ours` in it.
    #[must_use]
    pub fn rate_with(&self, ours: Assets) -> Apr {
        let supplied = Assets(self.supplied.0.saturating_add(ours.0));
        let u = rates::utilisation(self.borrowed, supplied);
        // The curve was checked when it was made.
        rates::supply_rate(&self.curve, u, self.fee).unwrap_or(Apr::ZERO)
    }

    /// What `ours` of it could be withdrawn.
    #[must_use]
    pub fn withdrawable(&self, ours: Assets) -> Assets {
        let cash = self.supplied.0.saturating_add(ours.0).saturating_sub(self.borrowed.0);
        Assets(cash.min(ours.0))
    }
}

/// What is not of one venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Environment {
    /// Wei per gas, base fee and tip.
    pub gas_price: u128,
    pub eth_usd: Wad,
    /// USDC/USD at the end of the step, and its extremes within it.
    pub usdc: Wad,
    pub usdc_low: Wad,
    pub usdc_high: Wad,
    /// A year's rate without risk.
    pub risk_free: Apr,
    /// When the asset's feed was last written, Unix seconds; `None` while it keeps its promise.
    pub oracle: Option<u64>,
}

impl Market {
    /// Which coin a venue is in, by its place in [`Exchange::coins`]; `None` of a USDC venue.
    #[must_use]
    pub fn coin(&self, venue: usize) -> Option<usize> {
        self.exchange.as_ref()?.of.get(venue).copied().flatten()
    }

    /// Beginning of a step, Unix seconds.
    #[must_use]
    pub const fn time(&self, step: usize) -> u64 {
        self.origin + step as u64 * self.step
    }

    /// The step that a time is in, if it is covered.
    #[must_use]
    pub fn at(&self, time: u64) -> Option<usize> {
        let step = usize::try_from(time.checked_sub(self.origin)? / self.step).ok()?;
        (step < self.environment.len()).then_some(step)
    }
}

/// `value · scale` as an integer, rounded down; inputs are within [`Metric::plausible`], so it fits.
pub(crate) fn quantised(value: f64, scale: f64) -> u128 {
    (value * scale) as u128
}
