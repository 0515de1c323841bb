//! `ballast scenarios --runs`: a run on a venue at every speed, with the keeper's way home and without, as the table of docs/SCENARIOS.md.

use crate::output;
use ballast_backtest::{
    in_parallel,
    scenario::{RunVerdict, play_run, runs},
};
use serde_json::json;
use std::process::ExitCode;

/// More than this of NAV is no gas.
const GAS: f64 = 0.000_1;

pub(super) fn run(as_json: bool) -> eyre::Result<ExitCode> {
    let pairs = in_parallel(&runs(), &|_| {}, |run| [play_run(*run, true), play_run(*run, false)]);
    // Going home must never cost more than gas.
    let held = pairs.iter().all(|[leaves, stays]| leaves.loss <= stays.loss + GAS);
    if as_json {
        output::json(&json!({ "runs": pairs.as_flattened(), "held": held }))?;
    } else {
        output::say(
            "| all drawn within | lost of what is still in | tripped after | taken home | NAV lost | NAV lost without the retreat |",
        )?;
        output::say("| --- | --- | --- | --- | --- | --- |")?;
        for [leaves, stays] in &pairs {
            output::say(row(leaves, stays))?;
        }
    }
    Ok(if held { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn row(leaves: &RunVerdict, stays: &RunVerdict) -> String {
    format!(
        "| {} | {} % | {} | {:.1} % | {:.2} % | {:.2} % |",
        span(leaves.run.seconds),
        leaves.run.lost,
        leaves.seconds_to_trip.map_or_else(|| "–".into(), span),
        leaves.home * 100.0,
        leaves.loss * 100.0,
        stays.loss * 100.0
    )
}

/// Seconds as a person says them.
fn span(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 if seconds.is_multiple_of(60) => format!("{} min", seconds / 60),
        60..3_600 => format!("{} min {} s", seconds / 60, seconds % 60),
        _ if seconds.is_multiple_of(3_600) => format!("{} h", seconds / 3_600),
        _ => format!("{} h {} min", seconds / 3_600, seconds % 3_600 / 60),
    }
}
