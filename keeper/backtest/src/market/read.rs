//! The daily markets that a directory of history makes.

use super::{
    Market, SizeBasis, SourceSpan, Venue,
    environment::environment,
    exchange::{CoinSettings, exchange},
    grid::Grid,
    risk_data::{RiskData, VenueRiskData, version},
};
use crate::calibrate::{self, Observed};
use ballast_history::{Dataset, HistoryError, time};
use ballast_types::Metric;
use std::{ops::RangeInclusive, path::Path};

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

impl Market {
    /// The daily markets of a period (Unix seconds of its first and its last day) in a directory of history, and of the [`LOOKBACK`] before it.
    /// Nothing in it can be dated after `now`.
    ///
    /// # Errors
    /// If a file in it is damaged, or the one with lending rates is not there.
    pub fn read(directory: &Path, period: RangeInclusive<u64>, now: u64) -> Result<Self, HistoryError> {
        Self::read_with(directory, period, now, &CoinSettings::default())
    }

    /// As [`Self::read`], with the venues of other coins as well.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn read_with(
        directory: &Path,
        period: RangeInclusive<u64>,
        now: u64,
        settings: &CoinSettings,
    ) -> Result<Self, HistoryError> {
        if ballast_history::file_path(directory, "lending_rates_daily").is_none() {
            return Err(HistoryError::NoRates(directory.to_owned()));
        }
        let dataset = if settings.coins.is_empty() {
            Dataset::read_for_backtest(directory, now)?
        } else {
            Dataset::read_with_pools(directory, now)?
        };
        let origin = period.start().saturating_sub(LOOKBACK);
        let length = usize::try_from((period.end() + time::DAY - origin) / time::DAY).unwrap_or_default();
        let mut market = Self::from_dataset(&dataset, Grid { origin, length }, settings);
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
        let venues = rates.filter(|series| asset_of(series.id.subject()).is_some_and(|asset| ASSETS.contains(&asset)));
        Ok(venues.filter_map(|series| series.points.last()).map(|point| point.time).max())
    }

    fn from_dataset(dataset: &Dataset, grid: Grid, settings: &CoinSettings) -> Self {
        let mut notes: Vec<String> =
            dataset.absent.iter().map(|file| format!("{file} is not there, so there are no series of it")).collect();
        let rates = dataset.series.iter().filter(|series| series.id.metric() == Metric::SupplyApr);
        let there =
            |id: &&str| asset_of(id).is_some_and(|asset| ASSETS.contains(&asset) || settings.asset(asset).is_some());
        let mut subjects: Vec<&str> = rates.map(|series| series.id.subject()).filter(there).collect();
        subjects.sort_unstable();
        subjects.dedup();

        let (venues, judged): (Vec<Venue>, Vec<VenueRiskData>) =
            subjects.iter().filter_map(|id| venue(dataset, id, grid)).unzip();
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
        let risk = Some(RiskData::of(dataset, grid, judged));
        let coins = venues.iter().map(|venue| settings.asset(asset_of(&venue.id)?));
        let exchange = exchange(dataset, grid, settings, &environment, coins, &mut notes);
        Self { origin: grid.origin, step: time::DAY, venues, environment, notes, refused: Vec::new(), risk, exchange }
    }
}

/// The asset of `protocol/chain/asset` on the vault's chain.
fn asset_of(subject: &str) -> Option<&str> {
    let mut parts = subject.split('/').skip(1);
    let asset = parts.next().filter(|chain| *chain == CHAIN).and_then(|_| parts.next())?;
    parts.next().is_none().then_some(asset)
}

fn venue(dataset: &Dataset, id: &str, grid: Grid) -> Option<(Venue, VenueRiskData)> {
    let rates = grid.merge(dataset, id, Metric::SupplyApr);
    let borrow = grid.values(dataset, id, Metric::BorrowApr);
    let locked = grid.values(dataset, id, Metric::TvlUsd);
    let borrowed = grid.values(dataset, id, Metric::BorrowedUsd);
    let (protocol, asset) = (id.split('/').next()?, asset_of(id)?);
    let coin = matches!(asset, "dai" | "usdt");
    let by_token = if protocol == "aave" {
        grid.values(dataset, &format!("aave:{asset}"), Metric::LiquidityUsd)
    } else {
        vec![None; grid.length]
    };
    // What there is of other coins in Aave is of v2, also where USDC's series has gone over to v3, and so is not a part of v3's TVL.
    let facts = if coin && protocol == "aave" { "aave-v2" } else { protocol };
    let strategy = if asset == "dai" { &calibrate::AAVE_V2_DAI } else { &calibrate::AAVE_V2 };
    let slug = SLUGS.iter().find(|(name, _)| *name == facts).map(|(_, slug)| *slug);
    let of_protocol = slug.map_or_else(|| vec![None; grid.length], |slug| grid.values(dataset, slug, Metric::TvlUsd));

    let mut steps = vec![None; grid.length];
    let mut sizes = SizeBasis::default();
    let mut sources: Vec<SourceSpan> = Vec::new();
    for (index, slot) in steps.iter_mut().enumerate() {
        let Some((rate, source)) = rates.get(index).cloned().flatten() else { continue };
        let at = |values: &[Option<f64>]| values.get(index).copied().flatten();
        // DefiLlama counts what is in a lending market and not what is lent out of it.
        let liquidity = at(&locked).or_else(|| at(&by_token));
        let time = grid.origin + index as u64 * time::DAY;
        let u = calibrate::lent_out(rate, at(&borrow), (version(facts, time) == Some("aave-v2")).then_some(strategy));
        let left = |liquidity: f64| {
            u.map_or(Observed::Liquidity(liquidity), |utilisation| Observed::Derived { liquidity, utilisation })
        };
        let (observed, count) = match (at(&locked), at(&borrowed)) {
            (Some(supplied), Some(borrowed)) => (Observed::Measured { supplied, borrowed }, &mut sizes.measured),
            _ => match liquidity {
                Some(liquidity) => (left(liquidity), &mut sizes.derived),
                None => {
                    let whole = at(&of_protocol).map(|whole| whole * PROTOCOL_SHARE);
                    (left(whole.unwrap_or(ASSUMED_LIQUIDITY)), &mut sizes.assumed)
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
    let judged = VenueRiskData::of(facts, &[&locked, &by_token, &of_protocol]);
    steps.iter().any(Option::is_some).then(|| (Venue { id: id.to_owned(), steps, sources, sizes }, judged))
}
