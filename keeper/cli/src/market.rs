//! `ballast market`

use crate::output;
use ballast_service::{
    Config, Observer,
    market::{Judgement, Market, MarketReport, SourceReport, Verdict},
};
use clap::Args;
use std::{path::PathBuf, process::ExitCode};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// The configuration file
    #[arg(long, default_value = "ballast.toml")]
    config: PathBuf,
    /// Print what was found as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(arguments: Arguments) -> eyre::Result<ExitCode> {
    let config = Config::load(&arguments.config)?;
    let market = Market::open(&config)?;
    let observer = Observer::connect(&config).await?;
    market.look().await;
    let report = market.report(&observer.snapshot().await?);
    if arguments.json {
        output::json(&serde_json::json!({ "well": report.is_well(), "report": report }))?;
    } else {
        output::say(shown(&report))?;
    }
    Ok(if report.is_well() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn shown(report: &MarketReport) -> String {
    if report.sources.is_empty() {
        return "no source is configured: nobody is asked (see [market] in docs/CONFIG.md)".into();
    }
    let mut lines = Vec::new();
    for source in &report.sources {
        lines.push(heading(source));
        for value in &source.values {
            lines.push(format!("  {:<44} {:>20} {:>8} s old", value.series.to_string(), value.value, value.age));
        }
        lines.extend(source.refused.iter().map(|why| format!("  refused: {why}")));
    }
    lines.push(String::new());
    lines.extend(report.quantities.iter().map(judged));
    lines.join("\n")
}

fn heading(source: &SourceReport) -> String {
    let required = if source.required { ", required" } else { "" };
    let state = match (&source.fault, source.lag) {
        (Some(fault), _) => format!("FAILED: {fault}"),
        (None, Some(lag)) => format!("{} s behind ({} blocks)", lag.seconds, lag.blocks),
        (None, None) => "no value".into(),
    };
    format!("{} ({}{required}): {state}", source.source, source.endpoint)
}

fn judged(judged: &Judgement) -> String {
    let verdict = match judged.verdict {
        Verdict::Agreed => "ok",
        Verdict::Disagreement => "HOLD",
        Verdict::Missing => "HOLD",
        Verdict::Nothing | Verdict::NoReading => "none",
    };
    format!("{verdict:<5} {:<44} {}", judged.series.to_string(), judged.detail)
}
