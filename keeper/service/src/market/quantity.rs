//! One quantity: what its sources say together, held against what the chain says of it.

use super::source::Source;
use crate::config::QuantityConfig;
use ballast_allocator::yields::VenueModel;
use ballast_feeds::{Combined, Rule, RuleError, combine};
use ballast_risk::{FeedHealth, assess};
use ballast_types::{Doubt, FeedState, Market, Metric, Observation, SeriesId, Snapshot, VenueKind, VenueReading, WAD};
use serde::Serialize;

/// A base unit of the asset in whole ones: USDC has six decimals.
const UNIT: f64 = 1e-6;

/// What the chain's own reading is of.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Against {
    Venue(String),
    Feed(String),
}

/// What is compared, and how closely.
#[derive(Clone, Debug)]
pub(super) struct Quantity {
    pub(super) series: SeriesId,
    against: Against,
    /// Whether too few fresh sources are a reason to hold.
    wanted: bool,
    rule: Rule,
    max_age: u64,
    relative: f64,
    absolute: f64,
}

/// What came of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The sources agree with each other and with the chain.
    Agreed,
    /// They do not: a reason to hold.
    Disagreement,
    /// A source, a quorum or the chain's own reading is wanted and not there: a reason to hold.
    Missing,
    /// There is nothing to compare, and nobody wanted it.
    Nothing,
    /// The chain's own reading cannot be used, and nobody wanted the comparison.
    NoReading,
}

/// A quantity at one time.
#[derive(Clone, Debug, Serialize)]
pub struct Judgement {
    pub series: SeriesId,
    /// What the sources say together.
    pub sources: Combined,
    /// What the chain says, in the metric's unit.
    pub chain: Option<f64>,
    pub verdict: Verdict,
    /// For a person.
    pub detail: String,
}

impl Judgement {
    /// Why it is a reason to hold, if it is one.
    #[must_use]
    pub fn doubt(&self) -> Option<Doubt> {
        let (quantity, detail) = (self.series.to_string(), self.detail.clone());
        match self.verdict {
            Verdict::Disagreement => Some(Doubt::SourceDisagreement { quantity, detail }),
            Verdict::Missing => Some(Doubt::SourceMissing { quantity, detail }),
            Verdict::Agreed | Verdict::Nothing | Verdict::NoReading => None,
        }
    }
}

impl Quantity {
    pub(super) fn new(config: &QuantityConfig) -> Result<Self, RuleError> {
        let against = match (&config.venue, &config.feed) {
            (Some(venue), _) => Against::Venue(venue.clone()),
            (None, feed) => Against::Feed(feed.clone().unwrap_or_default()),
        };
        let (relative, absolute) = (config.tolerance, config.tolerance_absolute);
        Ok(Self {
            series: config.series.clone(),
            against,
            wanted: config.quorum > 0,
            rule: Rule::new(config.quorum.max(1), relative, absolute, config.max_age)?,
            max_age: config.max_age,
            relative,
            absolute,
        })
    }

    /// `now` is the time by which values are fresh or not, Unix seconds.
    pub(super) fn judge(&self, sources: &[Source], snapshot: &Snapshot, now: u64) -> Judgement {
        let giving: Vec<&Source> = sources.iter().filter(|source| source.gives(&self.series)).collect();
        let newest: Vec<(&Source, Option<Observation>)> =
            giving.into_iter().map(|source| (source, source.held().newest.get(&self.series).cloned())).collect();
        let combined = combine(&self.series, newest.iter().filter_map(|(_, value)| value.as_ref()), &self.rule, now);
        let chain = self.reading(snapshot);
        let absent: Vec<String> =
            newest.iter().filter_map(|(source, value)| self.absence(source, value, now)).collect();
        let (verdict, detail) = self.verdict(&combined, &chain, &absent);
        Judgement { series: self.series.clone(), sources: combined, chain: chain.ok(), verdict, detail }
    }

    fn verdict(&self, combined: &Combined, chain: &Result<f64, String>, absent: &[String]) -> (Verdict, String) {
        let agreed = match combined {
            Combined::Disagreement { .. } => {
                return (Verdict::Disagreement, combined.doubt(&self.series).unwrap_or_default());
            }
            Combined::Agreed { value, .. } => Some(*value),
            Combined::TooFew { .. } | Combined::Stale { .. } => None,
        };
        if let (Some(value), Ok(chain)) = (agreed, chain)
            && !self.is_near(value, *chain)
        {
            let detail = format!(
                "the chain says {chain} and the sources {value}, expected within {} % or {}: {}",
                self.relative * 100.0,
                self.absolute,
                said(combined)
            );
            return (Verdict::Disagreement, detail);
        }
        if !absent.is_empty() {
            return (Verdict::Missing, absent.join("; "));
        }
        match (agreed, chain) {
            (None, _) if self.wanted => (Verdict::Missing, combined.doubt(&self.series).unwrap_or_default()),
            (None, _) => (Verdict::Nothing, "no source has a fresh value, and none is wanted".into()),
            // A feed or a venue that cannot be read holds by itself; one that is not there is a wrong name.
            (Some(value), Err(why)) => {
                let verdict = if self.wanted { Verdict::Missing } else { Verdict::NoReading };
                (verdict, format!("the sources say {value}, but {why}"))
            }
            (Some(value), Ok(chain)) => (Verdict::Agreed, format!("the chain says {chain} and the sources {value}")),
        }
    }

    /// What a required source lacks.
    fn absence(&self, source: &Source, value: &Option<Observation>, now: u64) -> Option<String> {
        if !source.required {
            return None;
        }
        match value {
            None => Some(format!("{}, which is required, has said nothing of it", source.kind)),
            Some(value) if now.saturating_sub(value.time()) > self.max_age => {
                let age = now.saturating_sub(value.time());
                Some(format!("{}, which is required, is {age} s old, expected at most {} s", source.kind, self.max_age))
            }
            Some(_) => None,
        }
    }

    fn is_near(&self, value: f64, chain: f64) -> bool {
        let distance = (value - chain).abs();
        distance <= self.absolute || distance <= self.relative * chain.abs()
    }

    /// The chain's own value in the metric's unit, or why there is none.
    fn reading(&self, snapshot: &Snapshot) -> Result<f64, String> {
        match &self.against {
            Against::Feed(name) => {
                let mut feeds = snapshot.feeds.iter().chain([&snapshot.eth_usd]);
                let known = feeds.find(|feed| feed.name == *name);
                price(known.ok_or_else(|| format!("the chain has no feed {name:?}"))?, snapshot.block.timestamp)
            }
            Against::Venue(name) => {
                let venue = snapshot.venues.iter().find(|venue| venue.name == *name);
                let venue = venue.ok_or_else(|| format!("the chain has no venue {name:?}"))?;
                let VenueReading::Read { size, utilisation, markets, .. } = &venue.reading else {
                    return Err(format!("the chain could not read {name}"));
                };
                let usd = || dollar(snapshot).map(|price| price * UNIT);
                let lent: f64 = markets.iter().map(lent).sum();
                let (size, unlent) = (size.0 as f64, size.0 as f64 - lent);
                match (self.series.metric(), venue.kind) {
                    (Metric::SupplyApr, _) => {
                        let model = VenueModel::new(&venue.reading).map_err(|error| error.to_string())?;
                        let rate = model.rate_at(model.value()).ok_or_else(|| format!("{name} has no rate"))?;
                        Ok(rate.0 as f64 / WAD as f64)
                    }
                    (Metric::Utilisation, _) => Ok(utilisation.0 as f64 / WAD as f64),
                    (Metric::SuppliedUsd, _) | (Metric::TvlUsd, VenueKind::MetaMorpho) => Ok(size * usd()?),
                    // DefiLlama leaves out of a lending market's TVL what is borrowed, and counts a vault's deposits.
                    (Metric::LiquidityUsd, _) | (Metric::TvlUsd, VenueKind::AaveV3) => Ok(unlent.max(0.0) * usd()?),
                    (metric, _) => Err(format!("the chain has no {metric} of {name}")),
                }
            }
        }
    }
}

/// What of a market's loans is out of this venue's deposits, base units.
fn lent(market: &Market) -> f64 {
    let (held, borrowed, supplied) = (market.held.0 as f64, market.borrowed.0 as f64, market.supplied.0 as f64);
    if supplied > 0.0 { held * borrowed / supplied } else { 0.0 }
}

fn price(feed: &FeedState, now: u64) -> Result<f64, String> {
    match assess(feed, now) {
        FeedHealth::Healthy { price } | FeedHealth::Depegged { price, .. } => Ok(price.0 as f64 / WAD as f64),
        FeedHealth::Unhealthy { reason } => Err(format!("{} cannot be trusted: {reason}", feed.name)),
    }
}

/// Dollars for one of the asset: by its own feed, the first with a band.
fn dollar(snapshot: &Snapshot) -> Result<f64, String> {
    let pegged = snapshot.feeds.iter().find(|feed| feed.band.is_some());
    price(pegged.ok_or("the chain has no feed of the asset")?, snapshot.block.timestamp)
}

fn said(combined: &Combined) -> String {
    let each = combined.members().iter();
    each.map(|member| format!("{} {} ({} s old)", member.source, member.value, member.age))
        .collect::<Vec<_>>()
        .join(", ")
}
