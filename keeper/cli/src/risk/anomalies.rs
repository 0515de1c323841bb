//! `ballast risk anomalies`

use crate::{data, output};
use ballast_backtest::{
    Interval,
    anomalies::{Counted, Crisis, Injected, MOST_FALSE, Measured, Measurement, Setting, Step, measure},
    validity::Rate,
};
use ballast_risk::anomaly::HeavyTail;
use clap::Args;
use serde::Serialize;
use std::{path::PathBuf, process::ExitCode};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Directory of history; without it ./data or ../shared/data, whichever is there
    #[arg(long)]
    data: Option<PathBuf>,
    /// Changes that a new one is judged by, of the detector by the hour
    #[arg(long, value_name = "NUMBER", default_value_t = Setting::HOURLY.window)]
    window: usize,
    /// False alarms a day that are stated for the three figures of one venue, of the detector by the hour
    #[arg(long, value_name = "NUMBER", default_value_t = Setting::HOURLY.false_alarms)]
    false_alarms: f64,
    /// Print everything as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Answer<'a> {
    by_the_hour: &'a Measurement,
    by_the_day: &'a Measurement,
    live_tail: HeavyTail,
    most_false: f64,
}

/// Ends with success whatever was measured: it measures, it does not judge.
pub(crate) fn run(arguments: &Arguments) -> eyre::Result<ExitCode> {
    let directory = data::directory(arguments.data.as_deref())?;
    let Arguments { window, false_alarms, .. } = *arguments;
    let now = data::now()?;
    let by_the_hour = measure(&directory, Setting { window, false_alarms, ..Setting::HOURLY }, now)?;
    let by_the_day = measure(&directory, Setting::DAILY, now)?;
    if arguments.json {
        output::json(&Answer {
            by_the_hour: &by_the_hour,
            by_the_day: &by_the_day,
            live_tail: HeavyTail::MEASURED,
            most_false: MOST_FALSE,
        })?;
        return Ok(ExitCode::SUCCESS);
    }
    output::say(table(&by_the_hour))?;
    output::say(table(&by_the_day))?;
    Ok(ExitCode::SUCCESS)
}

fn table(measurement: &Measurement) -> String {
    let Measurement { setting, per_test, normal_threshold, threshold, tail, tail_values, venues, all, crises } =
        measurement;
    let step = match setting.step {
        Step::Hour => "hour",
        Step::Day => "day",
    };
    let mut lines = vec![
        format!(
            "by the {step}, each change judged by the {} before; {:.3} false alarms a day stated for the figures of one venue, {per_test:.2e} a test",
            setting.window, setting.false_alarms
        ),
        format!("  threshold of normal values {normal_threshold:.2}, live threshold {threshold:.2}"),
    ];
    if let Some(HeavyTail { from, share, index }) = tail {
        lines.push(format!(
            "  tail of the first halves: {:.2} % of {tail_values} beyond {from:.2}, index {index:.2}",
            share * 100.0
        ));
    }
    lines.push("  calm days with an alarm, and alarms a test:".to_owned());
    for Measured { venue, normal, fitted, held_out, .. } in venues.iter().chain([all]) {
        lines.push(format!(
            "    {venue:<18} normal threshold {}; live, first half {}; live, held out {}",
            counted(normal),
            counted(fitted),
            counted(held_out)
        ));
    }
    let Rate { interval: Interval { low, high }, .. } = all.held_out.days;
    let verdict = if high < MOST_FALSE { "under 5 %" } else { "cannot exclude 5 %" };
    lines.push(format!(
        "    held out, days of venues: {:.2} % to {:.2} % with 95 %, {verdict}",
        low * 100.0,
        high * 100.0
    ));
    lines.push(format!("  found if it happens at any {step} of the second half:"));
    for Measured { venue, injected, .. } in venues {
        let found: Vec<String> =
            injected.iter().map(|Injected { jump, found, of }| format!("{jump} {found} of {of}")).collect();
        lines.push(format!("    {venue:<18} {}", found.join(", ")));
    }
    lines.push("  crises:".to_owned());
    for Crisis { name, venue, first, z, figure, change } in crises {
        let found = first.as_deref().map_or("not found".to_owned(), |first| format!("found {first}"));
        lines.push(format!("    {name:<18} {venue:<18} {found}; largest z {z:.1}: {figure} moved by {change:+.4}"));
    }
    lines.join("\n") + "\n"
}

fn counted(of: &Counted) -> String {
    format!("{} of {} days, {:.2e}", of.days.seen, of.days.of, of.per_test())
}
