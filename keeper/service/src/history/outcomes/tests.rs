#![allow(clippy::unwrap_used)]
use super::*;
use crate::history::{
    readings::{Measured, readings},
    world::{self, AAVE, NOW, USDC, value_of},
};
use ballast_allocator::record;
use ballast_store::{
    Location,
    history::{Horizon, OnBadRow, Usdc},
};
use ballast_types::VenueState;
use std::ops::Range;
use tempfile::TempDir;

const DAY: u64 = 86_400;
const WEEK: u64 = 7 * DAY;

struct Past {
    history: History,
    _folder: TempDir,
}

impl Past {
    /// A row every six hours of the days, with these rates and what a portfolio of 100 000 earns.
    async fn new(days: Range<u64>, aave: f64, morpho: f64, earned_a_day: u128) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let history = History::open(&Location::Sqlite(folder.path().join("history.db"))).await.unwrap();
        for step in days.start * 4..=days.end * 4 {
            let time = NOW + step * DAY / 4;
            let rate = |name: &str, value| Measured { series: format!("{name}#supply_apr"), value };
            let rates = [rate("aave", aave), rate("morpho", morpho)];
            history.ingest(&readings(&rates, time, time), OnBadRow::Refuse).await.unwrap();
            let usdc = |units: u128| Usdc::from_units(i128::try_from(units).unwrap()).unwrap();
            let earned = u128::from(step) * earned_a_day / 4;
            let row = PortfolioSnapshot {
                timestamp: time,
                value: usdc(100_000 * USDC + earned),
                allocations: BTreeMap::new(),
                realized_pnl: Usdc::default(),
                unrealized_pnl: usdc(earned),
                // A move in the first step cost two dollars.
                gas: usdc(if step == 0 { 5 * USDC } else { 7 * USDC }),
                sharpe: None,
            };
            history.put_snapshot(&row).await.unwrap();
        }
        Self { history, _folder: folder }
    }

    async fn judge(&self, snapshot: &Snapshot, horizon: Horizon) -> Verdict {
        let record = record(snapshot.clone(), world::policy());
        let decision = record.hash().unwrap();
        let due = Due { decision, horizon, decided_at: NOW };
        judge(&self.history, &record, &due, NOW + horizon.seconds()).await.unwrap()
    }
}

fn judged(verdict: Verdict) -> [f64; 4] {
    let Verdict::Judged(Outcome { realised, hold, best_single, convex, .. }) = verdict else {
        unreachable!("{verdict:?}")
    };
    [realised, hold, best_single, convex].map(Yield::to_f64)
}

/// With half of the money in aave.
fn invested() -> Snapshot {
    let mut snapshot = world::fresh();
    snapshot.vault.idle = Assets(50_000 * USDC);
    if let Some(VenueState { reading: VenueReading::Read { value, .. }, .. }) = snapshot.venues.first_mut() {
        *value = Assets(50_000 * USDC);
    }
    assert_eq!(snapshot.venues.iter().map(value_of).sum::<u128>(), 50_000 * USDC);
    snapshot
}

fn near(found: f64, expected: f64) {
    assert!((found - expected).abs() < 2e-8, "{found} instead of {expected}");
}

// SPEC P7
#[tokio::test]
async fn a_decision_is_judged_beside_hold_the_best_venue_and_the_default() {
    let past = Past::new(0..7, 0.02, 0.06, 20 * USDC).await;
    let [realised, hold, best, convex] = judged(past.judge(&invested(), Horizon::Week).await);
    // Twenty dollars a day, each step over the value then, and two for gas.
    let steps: f64 = (0..28).map(|step| 1.0 + 5.0 / (100_000.0 + 5.0 * f64::from(step))).product();
    near(realised, steps - 1.0 - 2.0 / 100_000.0);
    let week = |rate: f64| (1.0 + rate * 0.25 / 365.0).powi(28) - 1.0;
    near(hold, 0.5 * week(0.02));
    // At the decision aave paid more: what came after is what is judged. 600 000 gas at 11 gwei and 2 500 dollars are 16.5.
    near(best, 0.95 * week(0.02) - 16.5 / 100_000.0);
    let decided = decide(&invested(), &world::policy());
    let part = |adapter| {
        let target = decided.targets().iter().find(|target| target.adapter == adapter);
        target.map(|target| target.to.0 as f64 / (100_000 * USDC) as f64)
    };
    let (aave, morpho) = (part(AAVE).unwrap_or(0.5), part(world::MORPHO).unwrap_or(0.0));
    let cost = if decided.targets().is_empty() { 0.0 } else { 16.5 / 100_000.0 };
    near(convex, aave * week(0.02) + morpho * week(0.06) - cost);
}

#[tokio::test]
async fn who_is_in_the_best_venue_already_pays_nothing_for_it() {
    let past = Past::new(0..7, 0.06, 0.02, 0).await;
    let mut there = world::fresh();
    there.vault.idle = Assets(5_000 * USDC);
    if let VenueReading::Read { value, .. } = &mut there.venues[0].reading {
        *value = Assets(95_000 * USDC);
    }
    let [realised, hold, best, _] = judged(past.judge(&there, Horizon::Week).await);
    near(hold, best);
    assert!(realised < 0.0, "nothing was earned and gas was paid");
}

#[tokio::test]
async fn an_empty_vault_earned_nothing_whatever_it_did() {
    let past = Past::new(0..7, 0.06, 0.02, 0).await;
    let mut empty = world::fresh();
    (empty.vault.nav, empty.vault.idle) = (Assets::ZERO, Assets::ZERO);
    let [_, hold, best, convex] = judged(past.judge(&empty, Horizon::Week).await);
    assert_eq!([hold, best, convex], [0.0; 3]);
}

#[tokio::test]
async fn what_was_not_recorded_is_not_judged() {
    let past = Past::new(0..4, 0.06, 0.02, 0).await;
    let Verdict::Unknown(why) = past.judge(&invested(), Horizon::Week).await else { unreachable!() };
    assert!(why.contains("the portfolio was not recorded for"), "{why}");
    let none = Past::new(900..901, 0.06, 0.02, 0).await;
    assert!(matches!(none.judge(&invested(), Horizon::Week).await, Verdict::Unknown(_)));
    let whole = Past::new(0..30, 0.06, 0.02, 0).await;
    assert!(matches!(whole.judge(&invested(), Horizon::Month).await, Verdict::Judged(_)));
    let mut unnamed = invested();
    unnamed.venues[0].name = "spark".to_owned();
    let Verdict::Unknown(why) = whole.judge(&unnamed, Horizon::Week).await else { unreachable!() };
    assert!(why.contains("the rate of spark was not recorded"), "{why}");
}

#[test]
fn a_gap_is_found_wherever_it_is() {
    let found = |times: &[u64]| gap(times.iter().copied(), 0, WEEK);
    let daily: Vec<u64> = (0..=7).map(|day| day * DAY).collect();
    assert_eq!(found(&daily), None);
    assert_eq!(found(&daily[3..]), Some(3 * DAY), "at the beginning");
    assert_eq!(found(&daily[..4]), Some(4 * DAY), "at the end");
    assert_eq!(found(&[0, DAY, 4 * DAY, 6 * DAY]), Some(3 * DAY));
    assert_eq!(found(&[]), Some(WEEK));
    assert_eq!(found(&[0, 2 * DAY, 4 * DAY, 6 * DAY]), None);
}
