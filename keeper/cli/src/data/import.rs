//! `ballast data import`

use crate::{data, db::Place, output};
use ballast_history::Dataset;
use ballast_store::History;
use ballast_store::history::{Ingested, OnBadRow, Quarantined, Reading};
use clap::Args;
use eyre::WrapErr;
use serde_json::json;
use std::{path::PathBuf, process::ExitCode};

/// Rows of one call; the store divides them into transactions.
const ROWS: usize = 100_000;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Directory of history
    data: PathBuf,
    #[command(flatten)]
    place: Place,
    /// Print what was done as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(arguments: Arguments) -> eyre::Result<ExitCode> {
    let directory = data::directory(Some(&arguments.data))?;
    let dataset = Dataset::read(&directory, data::now()?)?;
    let location = arguments.place.location()?;
    let history = History::open(&location).await.wrap_err("cannot open the history")?;
    let origin = directory.display().to_string();
    let mut total = Ingested::default();
    for series in &dataset.series {
        let (id, source) = (series.id.to_string(), series.full_source());
        let seconds = |time: u64| i64::try_from(time).unwrap_or(i64::MAX);
        let readings: Vec<Reading<'_>> = series
            .points
            .iter()
            .map(|point| Reading {
                series: &id,
                source: &source,
                time: seconds(point.time),
                known_at: seconds(point.known_at),
                value: point.value,
            })
            .collect();
        for rows in readings.chunks(ROWS) {
            let done = history.ingest(rows, OnBadRow::Quarantine { origin: &origin }).await?;
            total.written += done.written;
            total.repeated += done.repeated;
            total.quarantined += done.quarantined;
            total.past_retention += done.past_retention;
        }
    }
    let at = data::now()?;
    let refused: Vec<Quarantined> = dataset
        .refused
        .iter()
        .map(|refusal| Quarantined {
            origin: origin.clone(),
            content: format!("{} line {}", refusal.file, refusal.line),
            reason: refusal.reason.clone(),
            at,
        })
        .collect();
    history.quarantine(&refused).await?;
    history.close().await;
    if arguments.json {
        output::json(
            &json!({ "data": origin, "series": dataset.series.len(), "values": total, "refused": refused.len() }),
        )?;
    } else {
        output::say(format!(
            "{origin}: {} series, {} values written, {} already there, {} rows refused and put into the quarantine",
            dataset.series.len(),
            total.written,
            total.repeated,
            refused.len() as u64 + total.quarantined,
        ))?;
    }
    Ok(ExitCode::SUCCESS)
}
