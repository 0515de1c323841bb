//! `ballast data check`

use crate::{data, output};
use ballast_history::{Dataset, Quality, assess, time};
use clap::Args;
use serde_json::json;
use std::{path::PathBuf, process::ExitCode};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Directory of history; without it ./data or ../shared/data, whichever is there
    #[arg(long)]
    data: Option<PathBuf>,
    /// The day at whose beginning the age of each series is taken; without it now
    #[arg(long, value_parser = crate::backtest::day)]
    as_of: Option<u64>,
    /// Fail if there is a gap, an outlier or a stale series too, and not only if a row is refused
    #[arg(long)]
    strict: bool,
    /// How many refused rows to name
    #[arg(long, default_value_t = 20)]
    limit: usize,
    /// Print everything as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) fn run(arguments: &Arguments) -> eyre::Result<ExitCode> {
    let directory = data::directory(arguments.data.as_deref())?;
    let now = data::now()?;
    let as_of = arguments.as_of.unwrap_or(now);
    let dataset = Dataset::read(&directory, now)?;
    let qualities: Vec<Quality> = dataset.series.iter().filter_map(|series| assess(series, as_of)).collect();
    let flawed = |quality: &Quality| quality.gaps > 0 || quality.outliers > 0 || quality.stale;
    if arguments.json {
        output::json(&json!({
            "data": directory.display().to_string(),
            "absent": dataset.absent,
            "series": qualities,
            "refused": dataset.refused,
        }))?;
    } else {
        let values: usize = qualities.iter().map(|quality| quality.values).sum();
        output::say(format!("{}: {} series, {values} values", directory.display(), qualities.len()))?;
        output::say(format!(
            "{:<64} {:>18} {:>7} {:<23} {:>5} {:>8} {:>8}  ",
            "series", "source", "values", "from, to", "gaps", "longest", "outliers"
        ))?;
        for quality in qualities.iter().filter(|quality| flawed(quality)) {
            output::say(line(quality))?;
        }
        let sound = qualities.iter().filter(|quality| !flawed(quality)).count();
        output::say(format!("{sound} series have no gap, no outlier and are not stale"))?;
        for file in &dataset.absent {
            output::say(format!("absent: {file}"))?;
        }
        output::say(format!("{} rows refused", dataset.refused.len()))?;
        for refusal in dataset.refused.iter().take(arguments.limit) {
            output::say(format!("  {refusal}"))?;
        }
        if dataset.refused.len() > arguments.limit {
            output::say(format!("  and {} more (--limit)", dataset.refused.len() - arguments.limit))?;
        }
    }
    let refused = !dataset.refused.is_empty() || (arguments.strict && qualities.iter().any(flawed));
    Ok(if refused { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

fn line(quality: &Quality) -> String {
    let days = |seconds: u64| format!("{:.1} d", seconds as f64 / time::DAY as f64);
    let stale = if quality.stale { format!("stale, {} old", days(quality.age)) } else { String::new() };
    format!(
        "{:<64} {:>18} {:>7} {}, {} {:>5} {:>8} {:>8}  {stale}",
        quality.series,
        quality.source,
        quality.values,
        time::date(quality.first),
        time::date(quality.last),
        quality.gaps,
        days(quality.longest_gap),
        quality.outliers,
    )
}
