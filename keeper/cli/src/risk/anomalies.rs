//! `ballast risk anomalies`

use crate::{data, output};
use ballast_backtest::{
    Interval,
    anomalies::{
        Alarm, Chance, Counted, Crisis, Injected, MOST_FALSE, Measured, Measurement, Setting, Stated, Step, measure,
    },
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
    let Measurement { setting, per_test, normal_threshold, threshold, tail, tail_values, venues, all, .. } =
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
            "  tail of the first halves: {:.2} % of {tail_values} beyond {from:.2}, index {index:.2}; {:.1} of them are as rare as a stated false alarm",
            share * 100.0,
            per_test * *tail_values as f64
        ));
    }
    type Part = (&'static str, fn(&Measured) -> &Counted);
    let parts: [Part; 4] = [
        ("normal threshold, both halves", |one| &one.normal),
        ("live, first half", |one| &one.fitted),
        ("live, held out", |one| &one.held_out),
        ("live, with a crisis in the window", |one| &one.after_crisis),
    ];
    for (part, of) in parts {
        lines.push(format!(
            "  calm days with an alarm, and alarms, each with its exact 95 %, as if independent: {part}:"
        ));
        let rows = venues.iter().chain([all]).filter(|one| of(one).tests > 0);
        lines.extend(rows.map(|one| format!("    {:<18} {}", one.venue, counted(of(one)))));
    }
    let Rate { interval: Interval { low, high }, .. } = all.held_out.days;
    let verdict = if high < MOST_FALSE { "under 5 %" } else { "cannot exclude 5 %" };
    lines.push(format!(
        "    held out, days of venues: {:.2} % to {:.2} % with 95 %, {verdict}",
        low * 100.0,
        high * 100.0
    ));
    lines.push("  alarms of the held-out days:".to_owned());
    lines.extend(measurement.alarms.iter().map(|one| format!("    {}  {}", one.time, alarm(one))));
    lines.push(format!("  found if it happens at any {step} of the held-out days:"));
    for Measured { venue, injected, .. } in venues {
        let found: Vec<String> =
            injected.iter().map(|Injected { jump, found, of }| format!("{jump} {found} of {of}")).collect();
        lines.push(format!("    {venue:<18} {}", found.join(", ")));
    }
    lines.push("  crises:".to_owned());
    for Crisis { name, first, days, days_with, largest } in &measurement.crises {
        let first = first.as_deref().map_or("no outlier".to_owned(), |first| format!("outlier {first}"));
        lines.push(format!("    {name:<18} {first:<28} {days_with} of {days} days; largest {}", alarm(largest)));
    }
    for Chance { name, days, days_with, rate, probability, at_most, found } in &measurement.chances {
        let found = if *found { "found" } else { "not found" };
        lines.push(format!(
            "    {name:<18} {found}: {days_with} of {days} days of venues with an outlier; by chance as many or more with {:.2} % at the {:.1} % of calm days, {:.2} % at the upper end of that rate's interval",
            probability * 100.0,
            rate * 100.0,
            at_most * 100.0
        ));
    }
    lines.join("\n") + "\n"
}

fn alarm(Alarm { venue, figure, z, change, .. }: &Alarm) -> String {
    format!("{venue:<18} z {z:.1}: {figure} moved by {change:+.4}")
}

fn counted(of: &Counted) -> String {
    let Rate { seen, of: days, interval } = of.days;
    let says = match of.against_stated() {
        Stated::Below => "below what is stated",
        Stated::Possible => "not distinguishable from what is stated",
        Stated::Above => "above what is stated",
    };
    format!(
        "{seen} of {days} days ({:.1} % to {:.1} %); {} alarms where {:.2} are stated, {:.2} times as many ({:.2} to {:.2}), {says}",
        interval.low * 100.0,
        interval.high * 100.0,
        of.alarms,
        of.stated,
        of.times_stated(),
        of.times.low,
        of.times.high
    )
}
