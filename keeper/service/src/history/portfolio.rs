//! The portfolio over time: a row for each snapshot, and the figures that follow from its daily closes.

use super::{
    books::{Books, Valued},
    readings::asset_price,
};
use ballast_risk::portfolio::{DAYS_PER_YEAR, historical, max_drawdown, moments};
use ballast_store::history::{PortfolioSnapshot, Sharpe, Usdc};
use ballast_store::{History, HistoryError};
use ballast_types::Snapshot;
use std::collections::BTreeMap;

const DAY: u64 = 86_400;
/// How far back closes are looked for.
const DAYS: u64 = 400;
/// Daily returns before a Sharpe ratio, a value at risk or a shortfall is named: fewer say nothing about a tail of one in twenty.
const ENOUGH: usize = 30;
/// Of the losses beyond value at risk.
const TAIL: f64 = 0.05;
const ASSET_UNIT: f64 = 1e6;

/// What a day ended with.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Close {
    time: u64,
    /// NAV.
    value: f64,
    /// Earned and lost since the books were opened.
    profit: f64,
}

/// The last snapshot of each UTC day.
#[derive(Clone, Debug, Default)]
pub(crate) struct Closes(BTreeMap<u64, Close>);

/// What follows from the closes; a figure that too few of them give is not there.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Performance {
    /// Gain since the first of January, a fraction.
    pub(crate) year_to_date: Option<f64>,
    /// A year's, of daily returns, over a rate of zero.
    pub(crate) sharpe: Option<f64>,
    pub(crate) max_drawdown: Option<f64>,
    pub(crate) value_at_risk: Option<f64>,
    pub(crate) expected_shortfall: Option<f64>,
}

impl Closes {
    /// Of the rows up to a time.
    pub(crate) async fn load(history: &History, until: u64) -> Result<Self, HistoryError> {
        let mut closes = Self::default();
        // Day by day, so that a year of rows is never held at once.
        let mut day = until / DAY * DAY;
        for _ in 0..DAYS {
            if let Some(row) = history.snapshots(day..day.saturating_add(DAY)).await?.last() {
                closes.note(row);
            }
            let Some(before) = day.checked_sub(DAY) else { break };
            day = before;
        }
        Ok(closes)
    }

    pub(crate) fn note(&mut self, row: &PortfolioSnapshot) {
        let profit = row.realized_pnl.to_f64() + row.unrealized_pnl.to_f64();
        let close = Close { time: row.timestamp, value: row.value.to_f64(), profit };
        let of_day = self.0.entry(row.timestamp / DAY).or_insert(close);
        if of_day.time <= close.time {
            *of_day = close;
        }
        while self.0.len() > usize::try_from(DAYS).unwrap_or(usize::MAX) {
            self.0.pop_first();
        }
    }

    /// What was earned from each close to the next, over the value at the first: deposits and withdrawals are no returns.
    fn returns(&self, from: u64) -> Vec<f64> {
        let closes: Vec<&Close> = self.0.range(from..).map(|(_, close)| close).collect();
        let earned = |pair: &[&Close]| match pair {
            [before, after] if before.value > 0.0 => (after.profit - before.profit) / before.value,
            _ => 0.0,
        };
        closes.windows(2).map(earned).collect()
    }

    /// `year_start` is the day, counted from the epoch, before the first of January.
    pub(crate) fn performance(&self, year_start: u64) -> Performance {
        let returns = self.returns(0);
        let enough = returns.len() >= ENOUGH;
        let mut index = vec![1.0];
        for earned in &returns {
            index.push(index.last().copied().unwrap_or(1.0) * (1.0 + earned));
        }
        let tail = enough.then(|| historical(&returns, TAIL)).flatten();
        let year = self.returns(year_start);
        let sharpe = enough.then(|| moments(&returns)).flatten().filter(|of| of.deviation > 0.0);
        Performance {
            year_to_date: (!year.is_empty()).then(|| year.iter().map(|earned| 1.0 + earned).product::<f64>() - 1.0),
            sharpe: sharpe.map(|of| of.mean / of.deviation * DAYS_PER_YEAR.sqrt()),
            max_drawdown: (!returns.is_empty()).then(|| max_drawdown(&index)).flatten(),
            value_at_risk: tail.map(|tail| tail.value_at_risk),
            expected_shortfall: tail.map(|tail| tail.expected_shortfall),
        }
    }
}

/// The days from the epoch to the last of December before a time (the proleptic Gregorian calendar; years as of 1970).
pub(crate) fn eve_of_year(time: u64) -> u64 {
    let (mut year, mut start) = (1970_u64, 0_u64);
    let today = time / DAY;
    loop {
        let leap = year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
        let next = start + if leap { 366 } else { 365 };
        if next > today {
            return start.saturating_sub(1);
        }
        (year, start) = (year + 1, next);
    }
}

/// The row of a snapshot, the books being at it.
pub(crate) fn row(now: &Valued, books: &Books, closes: &Closes) -> Result<PortfolioSnapshot, HistoryError> {
    let nav = now.idle + now.unread + now.venues.values().sum::<i128>();
    let mut allocations = BTreeMap::from([("idle".to_owned(), Usdc::from_units(now.idle)?)]);
    for (name, value) in &now.venues {
        // A venue of that name would hide idle.
        let name = if name == "idle" { "venue:idle".to_owned() } else { name.clone() };
        allocations.insert(name, Usdc::from_units(*value)?);
    }
    if now.unread != 0 {
        allocations.insert("unread".to_owned(), Usdc::from_units(now.unread)?);
    }
    let (realised, accrued) = books.profit();
    let sharpe = closes.performance(0).sharpe;
    Ok(PortfolioSnapshot {
        timestamp: now.time,
        value: Usdc::from_units(nav)?,
        allocations,
        realized_pnl: Usdc::from_units(realised)?,
        unrealized_pnl: Usdc::from_units(accrued)?,
        gas: Usdc::from_units(books.gas_usd())?,
        // One that does not fit is of a sample that does not vary, and says nothing.
        sharpe: sharpe.and_then(|sharpe| Sharpe::nearest(sharpe).ok()),
    })
}

/// NAV in USD; at a dollar where the asset has no price.
pub(crate) fn value_usd(snapshot: &Snapshot) -> f64 {
    snapshot.vault.nav.0 as f64 / ASSET_UNIT * asset_price(snapshot).unwrap_or(1.0)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn snapshot(day: u64, value: &str, profit: &str) -> PortfolioSnapshot {
        PortfolioSnapshot {
            timestamp: day * DAY + 5,
            value: value.parse().unwrap(),
            allocations: BTreeMap::new(),
            realized_pnl: profit.parse().unwrap(),
            unrealized_pnl: Usdc::default(),
            gas: Usdc::default(),
            sharpe: None,
        }
    }

    fn closes(rows: &[(u64, &str, &str)]) -> Closes {
        let mut closes = Closes::default();
        rows.iter().for_each(|(day, value, profit)| closes.note(&snapshot(*day, value, profit)));
        closes
    }

    #[test]
    fn a_deposit_is_no_return_and_a_loss_is_a_drawdown() {
        let closes = closes(&[(1, "100", "0"), (2, "1000", "0"), (3, "900", "-100"), (4, "990", "-10")]);
        let found = closes.performance(1);
        assert!((found.max_drawdown.unwrap() - 0.1).abs() < 1e-12);
        assert!((found.year_to_date.unwrap() - (0.9 * 1.1 - 1.0)).abs() < 1e-12);
        assert_eq!((found.sharpe, found.value_at_risk), (None, None), "three days say nothing");
    }

    #[test]
    fn a_day_closes_with_its_last_snapshot() {
        let mut closes = closes(&[(1, "100", "0"), (2, "100", "5")]);
        closes.note(&PortfolioSnapshot { timestamp: DAY * 2 + 9, ..snapshot(2, "101", "7") });
        closes.note(&snapshot(2, "100", "5"));
        assert!((closes.performance(1).year_to_date.unwrap() - 0.07).abs() < 1e-12);
    }

    #[test]
    fn a_year_begins_in_utc() {
        // 2024-12-31, 2025-01-01 00:00 and 2024-02-29.
        for (time, eve) in [(1_735_603_200, 19_722), (1_735_689_600, 20_088), (1_709_164_800, 19_722)] {
            assert_eq!(eve_of_year(time), eve, "{time}");
        }
    }

    proptest! {
        #[test]
        fn figures_are_within_their_bounds(profits in prop::collection::vec(-50_i64..50, 32..60)) {
            let mut closes = Closes::default();
            let mut profit = 0;
            for (day, step) in (1..).zip(&profits) {
                profit += step;
                closes.note(&snapshot(day, "1000", &profit.to_string()));
            }
            let found = closes.performance(0);
            prop_assert!((0.0..=1.0).contains(&found.max_drawdown.unwrap()));
            prop_assert!(found.expected_shortfall.unwrap() >= found.value_at_risk.unwrap() - 1e-12);
        }
    }
}
