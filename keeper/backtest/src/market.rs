//! The markets on every step of a period: what each venue paid, how large it was, what gas cost and where the peg stood.
//!
//! A step is an interval of time, a day for daily series. What is *known* at the beginning of a step is what the step before was; what a step *is*
//! nobody sees before it is over. The engine gives policies nothing else.

use crate::calibrate::{self, Observed};
use ballast_allocator::rates;
use ballast_history::{Dataset, HistoryError, Refusal, time};
use ballast_types::{Apr, Assets, Market as LendingMarket, Metric, RateCurve, Wad};
use serde::Serialize;
use std::{ops::RangeInclusive, path::Path};

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

/// Seconds before a period that are read as well, for what looks back from its beginning.
pub const LOOKBACK: u64 = 90 * time::DAY;
/// The chain the vault is on, as the data names it.
const CHAIN: &str = "ethereum";
/// Assets that a USDC vault holds without a price of their own: USDC, and sUSDS through Sky's peg stability module at one to one.
const ASSETS: [&str; 2] = ["usdc", "susds"];
/// DefiLlama's protocol slugs by protocol, for a venue's size where nothing nearer is known.
const SLUGS: [(&str, &str); 4] =
    [("aave", "aave-v3"), ("compound", "compound-v3"), ("morpho", "morpho-blue"), ("sky", "sky-lending")];
/// The part of a protocol's whole TVL that is taken for one venue's withdrawable liquidity. Aave's USDC on Ethereum had 3.7 % of aave-v3's on
/// 2025-05-01, the first day on which both are in the data.
const PROTOCOL_SHARE: f64 = 0.037;
/// Withdrawable USD of a venue of which nothing else is known: small, so that the limits bind early rather than late.
const ASSUMED_LIQUIDITY: f64 = 50e6;
/// Where no price of gas or ether is in the data.
const ASSUMED_GAS_GWEI: f64 = 30.0;
const ASSUMED_ETH_USD: f64 = 3_000.0;

impl Market {
    /// The daily markets of a period (Unix seconds of its first and its last day) in a directory of history, and of the [`LOOKBACK`] before it.
    /// Nothing in it can be dated after `now`.
    ///
    /// # Errors
    /// If a file in it is damaged, or the one with lending rates is not there.
    pub fn read(directory: &Path, period: RangeInclusive<u64>, now: u64) -> Result<Self, HistoryError> {
        if ballast_history::file_path(directory, "lending_rates_daily").is_none() {
            return Err(HistoryError::NoRates(directory.to_owned()));
        }
        let dataset = Dataset::read_for_backtest(directory, now)?;
        let origin = period.start().saturating_sub(LOOKBACK);
        let length = usize::try_from((period.end() + time::DAY - origin) / time::DAY).unwrap_or_default();
        let mut market = Self::from_dataset(&dataset, Grid { origin, length });
        market.refused = dataset.refused;
        Ok(market)
    }

    /// The last day on which a venue has a rate, Unix seconds of its beginning.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn last_day(directory: &Path, now: u64) -> Result<Option<u64>, HistoryError> {
        let dataset = Dataset::read_for_backtest(directory, now)?;
        let rates = dataset.series.iter().filter(|series| series.id.metric() == Metric::SupplyApr);
        let venues = rates.filter(|series| is_venue(series.id.subject()));
        Ok(venues.filter_map(|series| series.points.last()).map(|point| point.time).max())
    }

    fn from_dataset(dataset: &Dataset, grid: Grid) -> Self {
        let mut notes: Vec<String> =
            dataset.absent.iter().map(|file| format!("{file} is not there, so there are no series of it")).collect();
        let rates = dataset.series.iter().filter(|series| series.id.metric() == Metric::SupplyApr);
        let mut subjects: Vec<&str> = rates.map(|series| series.id.subject()).filter(|id| is_venue(id)).collect();
        subjects.sort_unstable();
        subjects.dedup();

        let venues: Vec<Venue> = subjects.iter().filter_map(|id| venue(dataset, id, grid)).collect();
        for venue in &venues {
            let SizeBasis { measured, derived, assumed } = venue.sizes;
            if derived + assumed > 0 {
                notes.push(format!(
                    "{}: size measured on {measured} days, derived from rates and liquidity on {derived}, assumed to be small on {assumed}",
                    venue.id
                ));
            }
            if venue.sources.len() > 1 {
                let spans: Vec<String> =
                    venue.sources.iter().map(|span| format!("{} from {}", span.source, span.from)).collect();
                notes.push(format!("{}: its rate is spliced of {}", venue.id, spans.join(", ")));
            }
        }
        let environment = environment(dataset, grid, &mut notes);
        Self { origin: grid.origin, step: time::DAY, venues, environment, notes, refused: Vec::new() }
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

fn is_venue(subject: &str) -> bool {
    let mut parts = subject.split('/').skip(1);
    parts.next() == Some(CHAIN) && parts.next().is_some_and(|asset| ASSETS.contains(&asset)) && parts.next().is_none()
}

/// The days that are covered.
#[derive(Clone, Copy)]
struct Grid {
    origin: u64,
    length: usize,
}

impl Grid {
    /// The step that a time is in.
    fn slot(self, time: u64) -> Option<usize> {
        usize::try_from(time.checked_sub(self.origin)? / time::DAY).ok()
    }

    /// By day, the value of the series that had the most values by then; among equals of one whose source also says what borrowers pay on that
    /// day, then of the first by name. Which one that is depends on nothing later.
    fn merge(self, dataset: &Dataset, subject: &str, metric: Metric) -> Vec<Option<(f64, String)>> {
        // Values before, and whether borrowers are told of.
        type Rank = (usize, bool);
        let mut merged: Vec<Option<(Rank, f64, &str)>> = vec![None; self.length];
        let mut sources: Vec<_> = dataset.of(subject, metric).collect();
        sources.sort_by(|a, b| (&a.source, &a.variant).cmp(&(&b.source, &b.variant)));
        for series in sources {
            let borrowers = dataset
                .of(subject, Metric::BorrowApr)
                .find(|other| other.source == series.source && other.variant == series.variant);
            for (before, point) in series.points.iter().enumerate() {
                let Some(slot) = self.slot(point.time).and_then(|step| merged.get_mut(step)) else { continue };
                let at = |other: &ballast_history::Series| other.points.binary_search_by_key(&point.time, |of| of.time);
                let rank = (before, borrowers.is_some_and(|other| at(other).is_ok()));
                if slot.is_none_or(|(best, ..)| rank > best) {
                    *slot = Some((rank, point.value, &series.source));
                }
            }
        }
        merged.into_iter().map(|slot| slot.map(|(_, value, source)| (value, source.to_owned()))).collect()
    }

    /// Close, low and high by day of all prices of a subject within it.
    fn range(self, dataset: &Dataset, subject: &str) -> Vec<Option<Peg>> {
        let mut days: Vec<Option<Peg>> = vec![None; self.length];
        for point in dataset.of(subject, Metric::PriceUsd).flat_map(|series| &series.points) {
            if let Some(slot) = self.slot(point.time).and_then(|day| days.get_mut(day)) {
                let close = point.value;
                let Peg { low, high, .. } = slot.unwrap_or(Peg { close, low: close, high: close });
                *slot = Some(Peg { close, low: low.min(close), high: high.max(close) });
            }
        }
        days
    }

    fn values(self, dataset: &Dataset, subject: &str, metric: Metric) -> Vec<Option<f64>> {
        self.merge(dataset, subject, metric).into_iter().map(|slot| slot.map(|(value, _)| value)).collect()
    }
}

fn venue(dataset: &Dataset, id: &str, grid: Grid) -> Option<Venue> {
    let rates = grid.merge(dataset, id, Metric::SupplyApr);
    let borrow = grid.values(dataset, id, Metric::BorrowApr);
    let locked = grid.values(dataset, id, Metric::TvlUsd);
    let borrowed = grid.values(dataset, id, Metric::BorrowedUsd);
    let protocol = id.split('/').next()?;
    let by_token = if protocol == "aave" {
        grid.values(dataset, "aave:usdc", Metric::LiquidityUsd)
    } else {
        vec![None; grid.length]
    };
    let slug = SLUGS.iter().find(|(name, _)| *name == protocol).map(|(_, slug)| *slug);
    let of_protocol = slug.map_or_else(|| vec![None; grid.length], |slug| grid.values(dataset, slug, Metric::TvlUsd));

    let mut steps = vec![None; grid.length];
    let mut sizes = SizeBasis::default();
    let mut sources: Vec<SourceSpan> = Vec::new();
    for (index, slot) in steps.iter_mut().enumerate() {
        let Some((rate, source)) = rates.get(index).cloned().flatten() else { continue };
        let at = |values: &[Option<f64>]| values.get(index).copied().flatten();
        // DefiLlama counts what is in a lending market and not what is lent out of it.
        let liquidity = at(&locked).or_else(|| at(&by_token));
        let (observed, count) = match (at(&locked), at(&borrowed)) {
            (Some(supplied), Some(borrowed)) => (Observed::Measured { supplied, borrowed }, &mut sizes.measured),
            _ => match liquidity {
                Some(liquidity) => (Observed::Liquidity(liquidity), &mut sizes.derived),
                None => {
                    let whole = at(&of_protocol).map(|whole| whole * PROTOCOL_SHARE);
                    (Observed::Liquidity(whole.unwrap_or(ASSUMED_LIQUIDITY)), &mut sizes.assumed)
                }
            },
        };
        *slot = calibrate::step(rate, at(&borrow), observed);
        if slot.is_some() {
            *count += 1;
            if sources.last().is_none_or(|span| span.source != source) {
                sources.push(SourceSpan { source, from: time::date(grid.origin + index as u64 * time::DAY) });
            }
        }
    }
    steps.iter().any(Option::is_some).then(|| Venue { id: id.to_owned(), steps, sources, sizes })
}

fn environment(dataset: &Dataset, grid: Grid, notes: &mut Vec<String>) -> Vec<Environment> {
    let gas = grid.values(dataset, "ethereum", Metric::GasPriceGwei);
    let ether = grid.values(dataset, "ethereum:eth", Metric::PriceUsd);
    let close = grid.values(dataset, "usdc", Metric::PriceUsd);
    // What the contracts see is Chainlink's. Extremes within a day of other sources are not used: they have outliers that no feed followed.
    let rounds = grid.range(dataset, "usdc:chainlink");
    let in_tether = grid.range(dataset, "usdcusdt");
    let treasury = grid.values(dataset, "us-treasury:6m", Metric::Index);

    let mut lacking = Lacking::default();
    let mut carried = Carried::default();
    let mut environment = Vec::with_capacity(grid.length);
    for index in 0..grid.length {
        let at = |values: &[Option<f64>]| values.get(index).copied().flatten();
        let gwei = carried.gas.or_last(at(&gas)).unwrap_or_else(|| lacking.gas.count(ASSUMED_GAS_GWEI));
        let eth = carried.ether.or_last(at(&ether)).unwrap_or_else(|| lacking.ether.count(ASSUMED_ETH_USD));
        let range = rounds.get(index).copied().flatten();
        let peg = at(&close).map(|close| Peg { close, low: close, high: close });
        let peg = match (peg, range) {
            (Some(peg), Some(range)) => Some(Peg { close: peg.close, ..range }),
            (peg, range) => peg.or(range).or_else(|| in_tether.get(index).copied().flatten()),
        };
        let Peg { close, low, high } = peg.unwrap_or_else(|| {
            let one = lacking.peg.count(1.0);
            Peg { close: one, low: one, high: one }
        });
        let rate = carried.treasury.or_last(at(&treasury)).unwrap_or_else(|| lacking.treasury.count(0.0));
        environment.push(Environment {
            gas_price: quantised(gwei, 1e9),
            eth_usd: Wad(quantised(eth, 1e18)),
            usdc: Wad(quantised(close, 1e18)),
            usdc_low: Wad(quantised(low, 1e18)),
            usdc_high: Wad(quantised(high, 1e18)),
            risk_free: Apr(quantised(rate.max(0.0), 1e16)),
            oracle: None,
        });
    }
    lacking.tell(notes);
    environment
}

/// A day of a price.
#[derive(Clone, Copy)]
struct Peg {
    close: f64,
    low: f64,
    high: f64,
}

/// `value · scale` as an integer, rounded down; inputs are within [`Metric::plausible`], so it fits.
pub(crate) fn quantised(value: f64, scale: f64) -> u128 {
    (value * scale) as u128
}

/// The last value there was: rates and prices of days without one.
#[derive(Default)]
struct Last(Option<f64>);

impl Last {
    fn or_last(&mut self, value: Option<f64>) -> Option<f64> {
        self.0 = value.or(self.0);
        self.0
    }
}

#[derive(Default)]
struct Carried {
    gas: Last,
    ether: Last,
    treasury: Last,
}

/// On how many days something was assumed.
#[derive(Default)]
struct Count(usize);

impl Count {
    fn count(&mut self, assumed: f64) -> f64 {
        self.0 += 1;
        assumed
    }
}

#[derive(Default)]
struct Lacking {
    gas: Count,
    ether: Count,
    peg: Count,
    treasury: Count,
}

impl Lacking {
    fn tell(&self, notes: &mut Vec<String>) {
        let mut note = |count: &Count, what: String| {
            if count.0 > 0 {
                notes.push(format!("{what} on {} days without data", count.0));
            }
        };
        note(&self.gas, format!("gas is assumed to cost {ASSUMED_GAS_GWEI} gwei"));
        note(&self.ether, format!("ether is assumed to be at {ASSUMED_ETH_USD} USD"));
        note(&self.peg, "USDC is assumed to be at 1 USD".into());
        note(&self.treasury, "the risk-free rate is taken to be zero".into());
    }
}
