//! `ballast risk validity`

use crate::{
    data, output,
    scenarios::{CALM_FROM, CALM_TO},
};
use ballast_backtest::{
    Interval, Market,
    scenario::calm_months,
    validity::{FalseAlarms, MOST_FALSE, Measured, Rate, Scored, Validity, WANTED, false_alarms, measure},
};
use ballast_risk::facts::Facts;
use clap::Args;
use serde::Serialize;
use std::{path::PathBuf, process::ExitCode};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Directory of history; without it ./data or ../shared/data, whichever is there
    #[arg(long)]
    data: Option<PathBuf>,
    /// Print everything as JSON
    #[arg(long)]
    json: bool,
    /// Print the list of protocols with every score and what came of it, as comma-separated values
    #[arg(long, conflicts_with = "json")]
    csv: bool,
}

#[derive(Serialize)]
struct Answer<'a> {
    #[serde(flatten)]
    validity: &'a Validity,
    wanted_area: f64,
    false_alarms: FalseAlarms,
    most_false: f64,
}

/// Ends with success whatever was measured: it measures, it does not judge.
pub(crate) fn run(arguments: &Arguments) -> eyre::Result<ExitCode> {
    let directory = data::directory(arguments.data.as_deref())?;
    let validity = measure(&directory, &Facts::built_in()?)?;
    if arguments.csv {
        output::say(list(&validity.scored))?;
        return Ok(ExitCode::SUCCESS);
    }
    let market = Market::read(&directory, CALM_FROM..=CALM_TO, data::now()?)?;
    let alarms = false_alarms(&calm_months(&market));
    if arguments.json {
        let answer = Answer { validity: &validity, wanted_area: WANTED, false_alarms: alarms, most_false: MOST_FALSE };
        output::json(&answer)?;
        return Ok(ExitCode::SUCCESS);
    }
    for population in &validity.populations {
        output::say(format!("{}: {}", population.name, population.what))?;
        for measured in &population.measured {
            output::say(line(measured))?;
        }
        for measured in population.measured.iter().filter(|measured| measured.period == "both") {
            let alone: Vec<String> = measured.alone.iter().map(|(name, area)| format!("{name} {area:.2}")).collect();
            output::say(format!("  each by itself: {}\n", alone.join(", ")))?;
        }
    }
    let counts = validity.incidents;
    output::say(format!(
        "incidents of both periods: {} rows, {} about listed protocols, {} left out by name, {} ambiguous, {} about nobody who is listed",
        counts.rows, counts.matched, counts.left_out, counts.ambiguous, counts.not_listed,
    ))?;
    let FalseAlarms { months, peg_days, tvl_days, utilisation_days, trips } = alarms;
    output::say("\nfalse trips of the switch where nothing happened, and the exact interval of 95 % of their rate:")?;
    for (what, rate) in [
        ("calm months", months),
        ("days, peg", peg_days),
        ("days of venues, TVL", tvl_days),
        ("days of venues, utilisation", utilisation_days),
        ("trips in calm months", trips),
    ] {
        let Rate { seen, of, interval: Interval { low, high } } = rate;
        let verdict = if high < MOST_FALSE { "under 5 %" } else { "cannot exclude 5 %" };
        output::say(format!("  {seen} of {of} {what}: {:.2} % to {:.2} %, {verdict}", low * 100.0, high * 100.0))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn line(measured: &Measured) -> String {
    let Measured { period, scores, exploited, area, interval, .. } = measured;
    let found = match (area, interval) {
        (Some(area), Some(Interval { low, high })) => {
            let verdict = if *area > WANTED { "reached" } else { "not reached" };
            format!("AUC {area:.3} ({low:.3} to {high:.3}), over {WANTED} {verdict}")
        }
        _ => "no AUC: there are not both".to_owned(),
    };
    format!("  {period:<16} {scores:>5} scores, {exploited:>3} exploited: {found}")
}

/// Fields are quoted as RFC 4180 has it where they need it.
fn list(scored: &[Scored]) -> String {
    let field = |text: &str| {
        if text.contains([',', '"', '\n']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text.to_owned() }
    };
    let mut lines = vec!["id,name,category,populations,as_of,after_split,score,exploited".to_owned()];
    lines.extend(scored.iter().map(|row| {
        let Scored { id, name, category, populations, as_of, after_split, score, exploited, .. } = row;
        let exploited = exploited.as_deref().unwrap_or_default();
        format!(
            "{},{},{},{},{as_of},{after_split},{score:.4},{}",
            field(id),
            field(name),
            field(category),
            populations.join("|"),
            field(exploited),
        )
    }));
    lines.join("\n")
}
