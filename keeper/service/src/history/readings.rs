//! What a snapshot says of venues, prices and fees, as rows of the history.

use super::names::{Names, plain};
use ballast_allocator::yields::VenueModel;
use ballast_risk::{FeedHealth, assess};
use ballast_store::HistoryError;
use ballast_store::history::{Apy, ProtocolMetrics, Reading, RiskScore, Usd, Utilisation};
use ballast_types::{FeedState, Metric, Policy, Snapshot, VenueReading, VenueState, WAD};

/// Who says so: the chain itself, by the block of a snapshot.
pub(crate) const SOURCE: &str = "onchain";
/// Times a year that interest is added for a yield with compounding; with continuous accrual it would be 0.01 % of the yield more.
const COMPOUNDINGS: i32 = 365;
const ASSET_UNIT: f64 = 1e6;
const GWEI: f64 = 1e9;
/// Of a series' subject.
const LONGEST: usize = 100;

/// One value of a snapshot.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Measured {
    pub(crate) series: String,
    pub(crate) value: f64,
}

/// What is known of a venue, as numbers for people and models.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct VenueFigures {
    /// A simple yearly rate, a fraction, for one more small deposit beside ours.
    pub(crate) apr: Option<f64>,
    pub(crate) utilisation: Option<f64>,
    /// USD; `None` also where the asset has no price.
    pub(crate) tvl: Option<f64>,
    /// What all depositors together could take out now, USD.
    pub(crate) depth: Option<f64>,
    /// Our position, USD.
    pub(crate) value: Option<f64>,
    /// What of it could be taken out now, USD.
    pub(crate) liquid: Option<f64>,
}

/// A fixed-point number of 18 decimals as a float.
pub(crate) fn float(wad: u128) -> f64 {
    wad as f64 / WAD as f64
}

/// With compounding, from a simple yearly rate.
pub(crate) fn compounded(apr: f64) -> f64 {
    (1.0 + apr / f64::from(COMPOUNDINGS)).powi(COMPOUNDINGS) - 1.0
}

/// What a feed's price is in USD, if it can be trusted; off its band too.
pub(crate) fn price(feed: &FeedState, now: u64) -> Option<f64> {
    match assess(feed, now) {
        FeedHealth::Healthy { price } | FeedHealth::Depegged { price, .. } => Some(float(price.0)),
        FeedHealth::Unhealthy { .. } => None,
    }
}

/// The asset's price in USD: its feed is the first.
pub(crate) fn asset_price(snapshot: &Snapshot) -> Option<f64> {
    price(snapshot.feeds.first()?, snapshot.block.timestamp)
}

pub(crate) fn figures(venue: &VenueState, asset_price: Option<f64>) -> VenueFigures {
    let VenueReading::Read { value, liquidity, utilisation, size, .. } = &venue.reading else {
        return VenueFigures::default();
    };
    let usd = |assets: u128| asset_price.map(|price| assets as f64 / ASSET_UNIT * price);
    let model = VenueModel::new(&venue.reading).ok();
    VenueFigures {
        apr: model.as_ref().and_then(|model| model.rate_at(model.value())).map(|rate| float(rate.0)),
        utilisation: Some(float(utilisation.0)),
        tvl: usd(size.0),
        depth: model.and_then(|model| usd(model.max_reduction().0)),
        value: usd(value.0),
        liquid: usd(liquidity.0.min(value.0)),
    }
}

/// `usdc` of `USDC / USD`; another name as it is, written plainly.
pub(crate) fn coin(feed: &FeedState) -> String {
    plain(feed.name.split('/').next().unwrap_or_default().trim(), LONGEST)
}

/// All values of a snapshot that are numbers.
pub(crate) fn measured(snapshot: &Snapshot, names: &Names) -> Vec<Measured> {
    let mut all = Vec::new();
    let mut push = |subject: &str, metric: Metric, value: Option<f64>| {
        if let Some(value) = value
            && !subject.is_empty()
        {
            all.push(Measured { series: format!("{subject}#{metric}"), value });
        }
    };
    let asset = asset_price(snapshot);
    for venue in &snapshot.venues {
        let (name, of) = (names.of(venue.adapter), figures(venue, asset));
        push(&name, Metric::SupplyApr, of.apr);
        push(&name, Metric::Utilisation, of.utilisation);
        push(&name, Metric::TvlUsd, of.tvl);
        push(&name, Metric::LiquidityUsd, of.depth);
    }
    for feed in snapshot.feeds.iter().chain([&snapshot.eth_usd]) {
        push(&coin(feed), Metric::PriceUsd, price(feed, snapshot.block.timestamp));
    }
    let chain = format!("chain:{}", snapshot.chain_id);
    push(&chain, Metric::BaseFeeGwei, Some(snapshot.block.next_base_fee as f64 / GWEI));
    all
}

/// As rows to be written, of the block's time and known from then on.
pub(crate) fn readings(measured: &[Measured], time: u64, known_at: u64) -> Vec<Reading<'_>> {
    let seconds = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    measured
        .iter()
        .map(|one| Reading {
            series: &one.series,
            source: SOURCE,
            time: seconds(time),
            known_at: seconds(known_at),
            value: one.value,
        })
        .collect()
}

/// Rows of `protocol_metrics`. A venue whose rate or size is not known has none: the schema asks for both.
pub(crate) fn metrics(
    snapshot: &Snapshot,
    policy: &Policy,
    names: &Names,
) -> Result<Vec<ProtocolMetrics>, HistoryError> {
    let asset = asset_price(snapshot);
    let mut rows = Vec::new();
    for venue in &snapshot.venues {
        let of = figures(venue, asset);
        let (Some(apr), Some(tvl)) = (of.apr, of.tvl) else { continue };
        rows.push(ProtocolMetrics {
            timestamp: snapshot.block.timestamp,
            protocol_id: names.of(venue.adapter),
            apy: Apy::nearest(compounded(apr))?,
            tvl: Usd::nearest(tvl)?,
            util: of.utilisation.map(Utilisation::nearest).transpose()?,
            risk: risk_score(policy, venue).map(RiskScore::nearest).transpose()?,
            depth: of.depth.map(Usd::nearest).transpose()?,
        });
    }
    Ok(rows)
}

/// A policy's score of a venue, 0–100.
pub(crate) fn risk_score(policy: &Policy, venue: &VenueState) -> Option<f64> {
    let of = policy.venues.iter().find(|of| of.adapter == venue.adapter)?;
    Some(f64::from(of.risk_score))
}

#[cfg(test)]
mod tests {
    use super::*;

    // ERR-23: 5 % a year is 5.13 % with compounding, and not 365 times as much.
    #[test]
    fn a_rate_becomes_a_yield_once() {
        assert!((compounded(0.05) - 0.051_267_5).abs() < 1e-6);
        assert!(compounded(0.0).abs() < 1e-12);
    }
}
