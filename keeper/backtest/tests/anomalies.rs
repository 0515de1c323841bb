//! Whether the stated rate of false alarms is that of real figures, and whether anything is found (SPEC R7, ERR-45).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use ballast_backtest::anomalies::{AnomalyError, Counted, Injected, Measured, Measurement, Setting, measure};
use ballast_risk::anomaly::HeavyTail;
use std::{fs, path::Path};
use support::history;

/// 2026-03-01, after everything in the data.
const NOW: u64 = 1_772_323_200;

fn hourly(directory: &Path, false_alarms: f64, window: usize) -> Measurement {
    measure(directory, Setting { false_alarms, window, ..Setting::HOURLY }, NOW).unwrap()
}

fn days(of: &Counted) -> String {
    format!("{} of {}", of.days.seen, of.days.of)
}

// SPEC R7: what the live threshold is taken from is what the first halves of the calm days say.
#[test]
fn the_live_tail_is_the_one_that_is_fitted() {
    let Some(directory) = history() else { return };
    let fitted = measure(&directory, Setting::HOURLY, NOW).unwrap().tail.unwrap();
    let rounded = |number: f64| (number * 100.0).round() / 100.0;
    let HeavyTail { from, share, index } = HeavyTail::MEASURED;
    assert_eq!((rounded(fitted.from), rounded(fitted.share), rounded(fitted.index)), (from, share, index));
}

// SPEC R7, ERR-45
#[test]
fn on_days_it_was_not_fitted_to_the_stated_rate_holds_which_the_normal_one_passes_tenfold() {
    let Some(directory) = history() else { return };
    for false_alarms in [0.05, 0.1] {
        let found = hourly(&directory, false_alarms, Setting::HOURLY.window);
        let held_out = found.all.held_out;
        assert!(held_out.per_test() <= found.per_test, "{held_out:?}");
        assert!(held_out.days.seen as f64 / (held_out.days.of as f64) < 0.05, "{held_out:?}");
        assert!(found.all.normal.per_test() > 10.0 * found.per_test, "{:?}", found.all.normal);
    }
}

// SPEC R7: what docs/ANOMALIES.md says is what is measured.
#[test]
fn the_published_rates_are_those_that_are_measured() {
    let Some(directory) = history() else { return };
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/ANOMALIES.md");
    let page = fs::read_to_string(page).unwrap();
    let has = |row: String| assert!(page.contains(&row), "docs/ANOMALIES.md does not have\n{row}");
    let before = hourly(&directory, 0.1, 100);
    let live = measure(&directory, Setting::HOURLY, NOW).unwrap();
    for (normal, live) in before.venues.iter().chain([&before.all]).zip(live.venues.iter().chain([&live.all])) {
        let Measured { venue, fitted, held_out, .. } = live;
        let normal = &normal.normal;
        has(format!(
            "| {venue} | {} | {:.2} | {} | {} | {:.2} |",
            days(normal),
            normal.per_day(),
            days(fitted),
            days(held_out),
            held_out.per_day()
        ));
    }
    for (false_alarms, window) in [(0.033, 336), (0.1, 336), (0.3, 336), (0.1, 168), (0.1, 100)] {
        let found = hourly(&directory, false_alarms, window);
        let share = |jump: &str| {
            let of = |one: &&Injected| one.jump.starts_with(jump);
            let (seen, all) = found
                .venues
                .iter()
                .flat_map(|venue| &venue.injected)
                .filter(of)
                .fold((0, 0), |(seen, all), one| (seen + one.found, all + one.of));
            100.0 * seen as f64 / f64::from(u32::try_from(all).unwrap())
        };
        has(format!(
            "| {false_alarms} | {window} | {:.1} | {} | {:.2} | {:.0} % | {:.0} % | {:.0} % |",
            found.threshold,
            days(&found.all.held_out),
            found.all.held_out.per_test() / found.per_test,
            share("rate"),
            share("utilisation"),
            share("size"),
        ));
    }
    for measurement in [live, measure(&directory, Setting::DAILY, NOW).unwrap()] {
        for one in &measurement.crises {
            let first = one.first.as_deref().unwrap_or("–");
            has(format!(
                "| {} | {} | {first} | {:.1} | {} {:+.4} |",
                one.name, one.venue, one.z, one.figure, one.change
            ));
        }
    }
}

// SPEC R7: it is there to find something.
#[test]
fn each_crisis_in_the_data_is_found_somewhere() {
    let Some(directory) = history() else { return };
    let by_the_hour = measure(&directory, Setting::HOURLY, NOW).unwrap();
    let by_the_day = measure(&directory, Setting::DAILY, NOW).unwrap();
    let found = |measurement: &Measurement, name: &str| {
        measurement.crises.iter().filter(|one| one.name == name && one.first.is_some()).count()
    };
    assert!(found(&by_the_hour, "Celsius and 3AC") >= 2, "{:?}", by_the_hour.crises);
    for name in ["UST", "Celsius and 3AC", "FTX", "USDC off its peg"] {
        assert!(found(&by_the_day, name) >= 1, "{name}: {:?}", by_the_day.crises);
    }
}

#[test]
fn what_is_not_there_or_cannot_be_had_is_refused() {
    let empty = tempfile::tempdir().unwrap();
    let error = measure(empty.path(), Setting::HOURLY, NOW).unwrap_err();
    assert!(matches!(error, AnomalyError::Absent("aave_v2_stable_reserves_hourly_2022")), "{error}");
    for setting in [Setting { window: 9, ..Setting::HOURLY }, Setting { false_alarms: 0.0, ..Setting::HOURLY }] {
        assert!(matches!(measure(empty.path(), setting, NOW), Err(AnomalyError::Rate(_))));
    }
}
