//! More than a hundred crises: what trips, when, and what is lost (SPEC R11).

#![allow(clippy::unwrap_used)]

use ballast_backtest::{
    Basis, Market, in_parallel,
    scenario::{Class, RunVerdict, Scenario, Verdict, WayOut, calm_months, episodes, library, play, play_run, runs},
};
use ballast_history::time;
use ballast_risk::kill_switch::Trigger;
use ballast_types::Mode;
use std::path::Path;

/// 2026-11-01.
const NOW: u64 = 1_793_491_200;

fn played(scenarios: &[Scenario]) -> Vec<Verdict> {
    in_parallel(scenarios, &|_| {}, play)
}

// SPEC R11
#[test]
fn everything_trips_when_it_must_and_where_there_is_a_way_out_less_than_a_twentieth_is_lost() {
    let scenarios = library();
    assert!(scenarios.len() >= 100, "{}", scenarios.len());
    let verdicts = played(&scenarios);
    for verdict in &verdicts {
        assert!(verdict.is_right(), "{verdict:?}");
        match verdict.way_out {
            WayOut::Automatic => assert!(verdict.worst_usdc < 0.05, "{verdict:?}"),
            // The cap on a position is what is left to help.
            WayOut::None => assert!(verdict.worst_usdc < 0.51, "{verdict:?}"),
        }
    }
    let lost = |class: Class| {
        verdicts.iter().filter(|verdict| verdict.class == class).map(|verdict| verdict.worst_usdc).fold(0.0, f64::max)
    };
    assert!(lost(Class::Exploit) > 0.4, "an exploit of a venue that is held does cost its position");
}

// SPEC R11: a run on a venue by speed and loss, with the way home and without.
#[test]
fn a_run_slower_than_the_trigger_costs_gas_and_a_faster_one_its_part_of_the_position() {
    let verdicts: Vec<[RunVerdict; 2]> =
        in_parallel(&runs(), &|_| {}, |run| [play_run(*run, true), play_run(*run, false)]);
    assert!(verdicts.len() >= 12);
    for [leaves, stays] in &verdicts {
        let run = leaves.run;
        let part = f64::from(run.lost) / 100.0;
        assert!(leaves.held > 0.4, "there is something to lose: {leaves:?}");
        assert_eq!((leaves.seconds_to_trip, leaves.held.to_bits()), (stays.seconds_to_trip, stays.held.to_bits()));
        assert!(stays.home == 0.0 && (stays.loss - stays.held * part).abs() < 0.001, "{stays:?}");
        assert!(leaves.loss <= stays.loss + 0.000_1, "it costs gas at most: {leaves:?} {stays:?}");
        // 58 % of the time until 95 % are on loan, then five minutes, then some is left.
        match run.seconds {
            0..=600 => assert!(leaves.home == 0.0 && leaves.loss == stays.loss, "too late: {leaves:?}"),
            900.. => assert!(leaves.home > 0.999 && leaves.loss < 0.000_1, "home: {leaves:?}"),
            _ => {}
        }
    }
}

// ERR-58
#[test]
fn off_the_peg_nothing_is_lost_in_usdc_and_in_usd_what_the_peg_lost() {
    let scenarios: Vec<Scenario> = library()
        .into_iter()
        .filter(|scenario| scenario.class == Class::Depeg || scenario.class == Class::Combined)
        .collect();
    for verdict in played(&scenarios) {
        assert!(verdict.loss_usdc < 0.001, "{verdict:?}");
        if verdict.name.contains("0.88") {
            assert!((verdict.loss_usd - 0.12).abs() < 0.002, "{verdict:?}");
        }
        if verdict.expected.is_some() {
            assert_eq!(verdict.mode, Mode::Exit, "{verdict:?}");
            assert!(verdict.exit_completeness.unwrap() > 0.999, "{verdict:?}");
        }
    }
}

#[test]
fn names_are_unique_and_a_rerun_is_the_same() {
    let scenarios = library();
    let mut names: Vec<&str> = scenarios.iter().map(|scenario| scenario.name.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), scenarios.len());
    let some = &scenarios[..8];
    assert_eq!(played(some), played(some));
}

#[test]
fn the_crises_that_were_go_as_they_went_and_calm_months_are_calm() {
    let shared = Path::new("../../../shared/data");
    if !shared.is_dir() {
        eprintln!("skipped: there is no shared history");
        return;
    }
    let verdicts = played(&episodes(shared, NOW).unwrap());
    assert_eq!(verdicts.len(), 6);
    for verdict in &verdicts {
        assert!(verdict.is_right() && verdict.worst_usdc < 0.05, "{verdict:?}");
    }
    let svb = verdicts.iter().find(|verdict| verdict.name.contains("SVB")).unwrap();
    assert!(svb.worst_usd > 0.02 && svb.exit_completeness.unwrap() > 0.999, "{svb:?}");

    let period = time::day("2021-01-01").unwrap()..=time::day("2026-02-28").unwrap();
    let months = calm_months(&Market::read(shared, period, NOW).unwrap());
    assert!(months.len() >= 50, "{}", months.len());
    let alarms: Vec<_> = months.iter().flat_map(|month| &month.alarms).collect();
    assert!(alarms.iter().all(|alarm| alarm.happened), "{alarms:?}");
    // What follows from a day's rates: a borrow rate above 34 % in Aave v2 (38.6, 39.0, 34.8, 35.5, 48.1, 49.1 %), and of what borrowers paid on two
    // days of v3 more than 95 % of nine tenths came to suppliers. The switch sees a day when it is over.
    let by_rates: Vec<&str> =
        alarms.iter().filter(|alarm| alarm.basis == Some(Basis::Derived)).map(|alarm| alarm.date.as_str()).collect();
    let expected = [
        "2021-01-07",
        "2021-02-10",
        "2021-02-11",
        "2021-02-12",
        "2021-03-11",
        "2021-03-12",
        "2023-07-31",
        "2024-12-03",
    ];
    assert_eq!(by_rates, expected);
    assert!(months.iter().all(|month| month.trips(Trigger::Peg) + month.trips(Trigger::Oracle) == 0));
}
