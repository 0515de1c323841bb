//! What the history remembers of the figures, so that detectors which begin anew are not blind until their windows are full.

use super::Detectors;
use crate::history::{Names, SOURCE, coin};
use ballast_store::{History, HistoryError, Location, Store, StoreError, history::EVER};
use ballast_types::{Metric, SeriesError, SeriesId, Snapshot};
use std::{collections::BTreeMap, ops::Range, time::Duration};
use tokio::time::timeout;

/// How long a start waits for it; then the detectors warm up.
const LONGEST: Duration = Duration::from_secs(10);
/// Of the asset.
const UNIT: f64 = 1e6;

/// Why nothing of the past is used.
#[derive(Debug, thiserror::Error)]
pub(super) enum PastError {
    #[error("the store: {0}")]
    Store(#[from] StoreError),
    #[error("the history: {0}")]
    History(#[from] HistoryError),
    #[error("the name of a series: {0}")]
    Series(#[from] SeriesError),
    #[error(
        "the store has no decision, whose snapshot would say what the venues and the asset are called in the history"
    )]
    NoDecision,
    #[error("the last snapshot has no feed of the asset, without whose price no size in dollars is one in the asset")]
    NoFeed,
    #[error("it was not read within {} s", LONGEST.as_secs())]
    Slow,
}

impl Detectors {
    /// Fills the windows with what the history of earlier runs has. What cannot be had is said once in the log, and the detectors warm up.
    pub(crate) async fn remember(&self, store: &Store, location: &Location) {
        let read = timeout(LONGEST, self.read(store, location)).await;
        match read.unwrap_or(Err(PastError::Slow)) {
            Ok(changes) => {
                let (venues, fewest) = (changes.len(), changes.into_iter().min().unwrap_or(0));
                let needed = self.detector.window();
                tracing::info!(
                    venues,
                    fewest,
                    needed,
                    "detectors off the chain begin with the changes that the history remembers"
                );
            }
            Err(error) => tracing::info!(%error, "detectors off the chain know no past and warm up"),
        }
    }

    async fn read(&self, store: &Store, location: &Location) -> Result<Vec<usize>, PastError> {
        let newest = store.decisions(1).await?.pop().ok_or(PastError::NoDecision)?.record.snapshot;
        let history = History::open_read_only(location).await?;
        let changes = self.fill(&newest, &history).await;
        history.close().await;
        changes
    }

    /// Takes the samples that would have been taken of what the history has since long enough before `newest`, a snapshot that says what the
    /// venues are called there. How many changes each venue is judged by then.
    pub(super) async fn fill(&self, newest: &Snapshot, history: &History) -> Result<Vec<usize>, PastError> {
        let names = Names::of_snapshot(newest);
        let price = SeriesId::new(coin(newest.feeds.first().ok_or(PastError::NoFeed)?), Metric::PriceUsd)?;
        // Twice the window, because of gaps. Readings that were folded into hours are no readings any more.
        let reach = self.period().saturating_mul(2 * self.detector.window() as u64 + 2);
        let end = newest.block.timestamp.saturating_add(reach);
        let times = newest.block.timestamp.saturating_sub(reach)..end;
        let prices = values(history, &price, times.clone()).await?;
        let mut changes = Vec::new();
        for venue in &newest.venues {
            let name = names.of(venue.adapter);
            let of = async |metric| values(history, &SeriesId::new(name.as_str(), metric)?, times.clone()).await;
            let (rates, used, sizes) =
                (of(Metric::SupplyApr).await?, of(Metric::Utilisation).await?, of(Metric::TvlUsd).await?);
            let mut watch = self.watch();
            for (time, rate) in rates {
                if !watch.due(time) {
                    continue;
                }
                let found = (used.get(&time), sizes.get(&time), prices.get(&time));
                let (Some(used), Some(usd), Some(price)) = found else { continue };
                watch.sample(time, Some([rate, *used, logarithm(*usd, *price)]));
            }
            let mut state = self.state();
            state.sampled = state.sampled.max(watch.sampled().unwrap_or(0));
            changes.push(watch.judges_by().0);
            state.watched.insert(venue.adapter, watch);
        }
        Ok(changes)
    }
}

/// Of the size in base units of the asset, as of a snapshot; the history has it in dollars, at the price of the same block.
fn logarithm(usd: f64, price: f64) -> f64 {
    libm::log((usd / price * UNIT).round().max(1.0))
}

async fn values(history: &History, series: &SeriesId, times: Range<u64>) -> Result<BTreeMap<u64, f64>, PastError> {
    let observed = history.range(series, Some(SOURCE), times, EVER).await?;
    Ok(observed.iter().map(|one| (one.time(), one.value())).collect())
}
