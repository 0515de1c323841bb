//! The utilisation that follows from Aave v3's rates, held against the strategies that governance had set: below the kink `borrow = slope · u / optimal`.

#![allow(clippy::unwrap_used)]

use ballast_backtest::{Basis, Market};
use ballast_history::time;
use std::path::Path;

/// 2026-11-01.
const NOW: u64 = 1_793_491_200;

#[test]
fn by_the_utilisation_of_aave_v3_every_day_below_the_kink_asks_its_strategys_rate() {
    let shared = Path::new("../../../shared/data");
    if !shared.is_dir() {
        eprintln!("skipped: there is no shared history");
        return;
    }
    for (start, end, slope, optimal) in [
        ("2023-08-01", "2023-08-31", 0.035, 0.90),
        ("2024-01-01", "2024-01-31", 0.06, 0.90),
        ("2025-06-01", "2025-06-30", 0.055, 0.92),
    ] {
        let day = |text| time::day(text).unwrap();
        let market = Market::read(shared, day(start)..=day(end), NOW).unwrap();
        let venue = market.venues.iter().find(|venue| venue.id == "aave/ethereum/usdc").unwrap();
        let period = market.at(day(start)).unwrap()..=market.at(day(end)).unwrap();
        let mut days = 0;
        for step in venue.steps[period].iter().flatten() {
            assert_eq!(step.utilisation, Basis::Derived);
            let u = step.borrowed.0 as f64 / step.supplied.0 as f64;
            // Near the kink a day may have been on both sides of it.
            if u < 0.88 {
                let borrow = step.rate.0 as f64 / 1e18 / (0.9 * u);
                let asked = slope * u / optimal;
                assert!((borrow / asked - 1.0).abs() < 0.002, "{start}: {borrow} and {asked} at {u}");
                days += 1;
            }
        }
        assert!(days >= 4, "{start}: {days}");
    }
}
