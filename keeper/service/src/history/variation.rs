//! How much the venues' sizes varied in the last month, by what was recorded of them, for their scores (SPEC R3).

use super::{names::Names, readings::SOURCE};
use alloy::primitives::Address;
use ballast_risk::{Sourced, score};
use ballast_store::{History, HistoryError};
use ballast_types::{Metric, SeriesId, Snapshot};
use std::collections::BTreeMap;

const DAY: u64 = 86_400;
/// Days that are looked back on, and how many of them need a value: those of a backtest's scores.
const WINDOW: u64 = 30;
const LEAST: usize = 10;

/// Standard deviation over mean of the last size of each whole day (UTC) before the snapshot, by adapter, and when the newest of them could be known.
/// A venue of which too little is recorded is not in it.
pub(crate) async fn variations(
    history: &History,
    snapshot: &Snapshot,
) -> Result<BTreeMap<Address, Sourced<f64>>, HistoryError> {
    let (names, now) = (Names::of_snapshot(snapshot), snapshot.block.timestamp);
    let today = now - now % DAY;
    let mut found = BTreeMap::new();
    for venue in &snapshot.venues {
        // A name that is no subject has no series.
        let Ok(series) = SeriesId::new(names.of(venue.adapter), Metric::TvlUsd) else { continue };
        let days = today.saturating_sub(WINDOW * DAY)..today;
        let recorded = history.range(&series, Some(SOURCE), days, now).await?;
        // By time: what comes last of a day stays.
        let closes: BTreeMap<u64, f64> = recorded.iter().map(|one| (one.time() / DAY, one.value())).collect();
        let sizes: Vec<f64> = closes.values().copied().collect();
        let Some((last, _)) = closes.last_key_value().filter(|_| sizes.len() >= LEAST) else { continue };
        if let Some(variation) = score::variation(&sizes) {
            let source = format!("the history, {} days", sizes.len());
            found.insert(venue.adapter, Sourced::new(variation, source, (last + 1) * DAY));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::history::world;
    use ballast_store::{
        Location,
        history::{OnBadRow, Reading},
    };

    async fn with(days: std::ops::Range<u64>) -> BTreeMap<Address, Sourced<f64>> {
        let folder = tempfile::tempdir().unwrap();
        let history = History::open(&Location::Sqlite(folder.path().join("history.db"))).await.unwrap();
        let today = world::NOW - world::NOW % DAY;
        let row = |day: u64, hour: u64, source, value| {
            let time = i64::try_from(today - day * DAY + hour * 3_600).unwrap();
            Reading { series: "aave#tvl_usd", source, time, known_at: time, value }
        };
        // Today counts not yet, an earlier hour of a day not any more, and others' words never.
        let mut rows = vec![row(0, 1, SOURCE, 9e9)];
        for day in days {
            rows.extend([row(day, 1, SOURCE, 5e8), row(day, 22, SOURCE, 1e8 + day as f64), row(day, 23, "other", 7e8)]);
        }
        history.ingest(&rows, OnBadRow::Refuse).await.unwrap();
        variations(&history, &world::fresh()).await.unwrap()
    }

    // SPEC R3
    #[tokio::test]
    async fn a_months_daily_closes_make_the_variation() {
        let found = with(1..40).await;
        let closes: Vec<f64> = (1..=30).map(|day| 1e8 + f64::from(day)).collect();
        let (of, today) = (&found[&world::AAVE], world::NOW - world::NOW % DAY);
        assert!((of.value / score::variation(&closes).unwrap() - 1.0).abs() < 1e-9, "{of:?}");
        assert_eq!((of.as_of, found.len()), (today, 1), "of the other venue nothing is recorded");
        assert_eq!(with(3..20).await[&world::AAVE].as_of, today - 2 * DAY, "the newest counts for its age");
    }

    #[tokio::test]
    async fn of_fewer_than_ten_days_nothing_is_said() {
        assert_eq!(with(1..10).await, BTreeMap::new());
        assert_eq!(with(1..11).await.len(), 1);
        assert_eq!(with(31..60).await, BTreeMap::new(), "too old");
    }
}
