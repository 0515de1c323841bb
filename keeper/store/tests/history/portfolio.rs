//! Snapshots of the portfolio.
// SPEC D6

use crate::bed::{Bed, on_both};
use ballast_store::HistoryError;
use ballast_store::history::{EVER, PortfolioSnapshot};
use std::collections::BTreeMap;

on_both! {
    a_snapshot_is_what_was_written
    another_snapshot_of_the_same_time_is_refused
}

fn snapshot(timestamp: u64) -> PortfolioSnapshot {
    PortfolioSnapshot {
        timestamp,
        value: "10000000.000001".parse().unwrap(),
        allocations: BTreeMap::from([
            ("idle".to_owned(), "500000.000001".parse().unwrap()),
            ("aave-v3".to_owned(), "9500000".parse().unwrap()),
        ]),
        realized_pnl: "-12.345678".parse().unwrap(),
        unrealized_pnl: "0".parse().unwrap(),
        gas: "123456789.01".parse().unwrap(),
        sharpe: Some("148.3312".parse().unwrap()),
    }
}

async fn a_snapshot_is_what_was_written(bed: Bed) {
    let history = bed.open().await;
    let without = PortfolioSnapshot { sharpe: None, allocations: BTreeMap::new(), ..snapshot(2_000) };
    for snapshot in [&snapshot(1_000), &without, &snapshot(1_000)] {
        history.put_snapshot(snapshot).await.unwrap();
    }
    assert_eq!(history.snapshots(0..EVER).await.unwrap(), [snapshot(1_000), without]);
    assert_eq!(history.snapshots(1_001..2_000).await.unwrap(), []);
}

async fn another_snapshot_of_the_same_time_is_refused(bed: Bed) {
    let history = bed.open().await;
    history.put_snapshot(&snapshot(1_000)).await.unwrap();
    let other = PortfolioSnapshot { gas: "0".parse().unwrap(), ..snapshot(1_000) };
    let refused = history.put_snapshot(&other).await.unwrap_err();
    assert!(matches!(refused, HistoryError::Conflict { .. }), "{refused}");
    assert_eq!(history.snapshots(0..EVER).await.unwrap(), [snapshot(1_000)]);
}
