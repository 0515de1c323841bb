//! `ballast db`

use crate::{data, output};
use ballast_history::time::{date, day};
use ballast_service::Config;
use ballast_store::history::{ALL_TABLES, HISTORY_VERSION, Partitioning, Retention, Step, Table};
use ballast_store::{History, Location};
use clap::{Args, Subcommand};
use eyre::{bail, ensure};
use serde_json::json;
use std::{path::PathBuf, process::ExitCode};

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Make the history or bring it to this build's schema, and say how the database keeps it
    Migrate(Migrate),
    /// Which migrations it has and what is in it; changes nothing
    Status(Status),
    /// Write its tables as Parquet files, beside whoever writes to it
    Export(Export),
    /// Remove what is older than [history] of the configuration keeps at all
    Prune(Keep),
    /// Fold observations that are older than [history] keeps one by one into hours, and hours into days
    Downsample(Keep),
}

#[derive(Debug, Args)]
pub(crate) struct Place {
    /// The configuration file, for where the history is
    #[arg(long, default_value = "ballast.toml")]
    config: PathBuf,
    /// A SQLite file, instead of the configuration's history
    #[arg(long, value_name = "FILE", conflicts_with = "config")]
    path: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct Migrate {
    #[command(flatten)]
    place: Place,
    /// Undo the newest N migrations; everything in their tables is gone
    #[arg(long, value_name = "N", requires = "yes")]
    down: Option<usize>,
    /// Do it without being asked again
    #[arg(long)]
    yes: bool,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Status {
    #[command(flatten)]
    place: Place,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Export {
    #[command(flatten)]
    place: Place,
    /// The folder, made if it is not there; files of the tables' names in it are replaced
    #[arg(long, value_name = "DIR")]
    parquet: PathBuf,
    /// A table, and again for more of them; all if none is named
    #[arg(long = "table", value_name = "TABLE")]
    tables: Vec<Table>,
    /// Only rows from this time on: YYYY-MM-DD (UTC) or Unix seconds
    #[arg(long, value_name = "TIME", value_parser = time)]
    since: Option<u64>,
    /// Print what was written as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Keep {
    /// The configuration file, for the history and how long what of it is kept
    #[arg(long, default_value = "ballast.toml")]
    config: PathBuf,
    /// Print what was done as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(command: Command) -> eyre::Result<ExitCode> {
    match command {
        Command::Migrate(arguments) => migrate(arguments).await?,
        Command::Status(arguments) => status(arguments).await?,
        Command::Export(arguments) => export(arguments).await?,
        Command::Prune(arguments) => prune(arguments).await?,
        Command::Downsample(arguments) => downsample(arguments).await?,
    }
    Ok(ExitCode::SUCCESS)
}

impl Place {
    pub(crate) fn location(&self) -> eyre::Result<Location> {
        match &self.path {
            Some(path) => Ok(Location::Sqlite(path.clone())),
            None => {
                let config = Config::load(&self.config)?;
                Ok(config.history.location(&config.store)?)
            }
        }
    }
}

async fn migrate(arguments: Migrate) -> eyre::Result<()> {
    let location = arguments.place.location()?;
    let (steps, kept) = match arguments.down {
        Some(steps) => (History::migrate_down(&location, steps).await?, None),
        None => {
            let history = History::open(&location).await?;
            let kept = history.partitioning();
            history.close().await;
            (History::migrations(&location).await?, Some(kept))
        }
    };
    show(&location, &steps, kept, arguments.json, &json!({}))
}

async fn status(arguments: Status) -> eyre::Result<()> {
    let location = arguments.place.location()?;
    let steps = History::migrations(&location).await?;
    if steps.iter().any(|step| !step.applied) {
        show(&location, &steps, None, arguments.json, &json!({}))?;
        let at = version(&steps);
        bail!("{location} has schema {at}, this build reads {HISTORY_VERSION}; run `ballast db migrate`");
    }
    let history = History::open_read_only(&location).await?;
    let series = history.series().await?;
    let (alerts, kept) = (history.unresolved_alerts().await?.len(), history.partitioning());
    history.close().await;
    if arguments.json {
        let more = json!({ "series": series, "unresolved_alerts": alerts });
        return show(&location, &steps, Some(kept), true, &more);
    }
    show(&location, &steps, Some(kept), false, &json!({}))?;
    let observations: u64 = series.iter().map(|series| series.observations).sum();
    output::say(format_args!("{} series, {observations} observations, {alerts} alerts unresolved", series.len()))?;
    for one in series {
        let (first, last) = (date(one.first), date(one.last));
        output::say(format_args!(
            "  {:<50} {:<24} {first} – {last} {:>9}",
            one.series.to_string(),
            one.source,
            one.observations
        ))?;
    }
    Ok(())
}

fn version(steps: &[Step]) -> i64 {
    steps.iter().filter(|step| step.applied).map(|step| step.version).max().unwrap_or(0)
}

/// Where, which migrations, and how it is laid out.
fn show(
    location: &Location,
    steps: &[Step],
    kept: Option<Partitioning>,
    as_json: bool,
    more: &serde_json::Value,
) -> eyre::Result<()> {
    if as_json {
        let mut answer = json!({
            "history": location.to_string(),
            "schema": version(steps),
            "migrations": steps,
            "partitioning": kept,
        });
        if let (Some(answer), Some(more)) = (answer.as_object_mut(), more.as_object()) {
            answer.extend(more.clone());
        }
        return output::json(&answer);
    }
    output::say(format_args!("{location}: schema {} of {HISTORY_VERSION}", version(steps)))?;
    for Step { version, name, applied } in steps {
        output::say(format_args!("  [{}] {version} {name}", if *applied { "x" } else { " " }))?;
    }
    if let Some(kept) = kept {
        output::say(format_args!("protocol_metrics: {}", kept.describe()))?;
    }
    Ok(())
}

async fn export(arguments: Export) -> eyre::Result<()> {
    let history = History::open_read_only(&arguments.place.location()?).await?;
    let tables = if arguments.tables.is_empty() { ALL_TABLES.to_vec() } else { arguments.tables };
    let mut written = Vec::new();
    for table in tables {
        let (path, rows) = history.export_parquet(table, arguments.since, &arguments.parquet).await?;
        if !arguments.json {
            output::say(format_args!("{} → {}: {rows} rows", table.name(), path.display()))?;
        }
        written.push(json!({ "table": table, "file": path, "rows": rows }));
    }
    history.close().await;
    if arguments.json { output::json(&written) } else { Ok(()) }
}

async fn kept(arguments: &Keep) -> eyre::Result<(History, Retention)> {
    let config = Config::load(&arguments.config)?;
    let retention = config.history.retention();
    // An old schema is not migrated by the way.
    let location = config.history.location(&config.store)?;
    History::open_read_only(&location).await?.close().await;
    Ok((History::open(&location).await?, retention))
}

async fn prune(arguments: Keep) -> eyre::Result<()> {
    let (history, retention) = kept(&arguments).await?;
    let done = history.prune(data::now()?, &retention).await?;
    history.close().await;
    if arguments.json {
        return output::json(&done);
    }
    output::say(format_args!(
        "removed: {} days of series, {} rows and {} months of protocol_metrics, {} resolved alerts, {} quarantined rows",
        done.days, done.metrics, done.metrics_partitions, done.alerts, done.quarantined
    ))
}

async fn downsample(arguments: Keep) -> eyre::Result<()> {
    let (history, retention) = kept(&arguments).await?;
    ensure!(
        retention.raw_days.is_some(),
        "{} sets no history.raw_days, so observations are kept one by one for ever; set it to fold older ones",
        arguments.config.display()
    );
    let done = history.downsample(data::now()?, &retention).await?;
    history.close().await;
    if arguments.json {
        return output::json(&done);
    }
    output::say(format_args!(
        "folded: {} observations into {} hours, {} hours into {} days",
        done.observations, done.hours, done.hours_into_days, done.days
    ))
}

/// Of `YYYY-MM-DD` (UTC), or Unix seconds as they are.
fn time(text: &str) -> Result<u64, String> {
    let wrong = || format!("{text:?} is no time, expected YYYY-MM-DD from 1970 on or Unix seconds");
    text.parse().ok().or_else(|| day(text)).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn what_is_no_time_says_what_is() {
        for bad in ["2023-02-29", "2024-13-01", "1969-12-31", "24-01-01", "yesterday", "2024-01", ""] {
            let refused = time(bad).unwrap_err();
            assert!(refused.contains("expected YYYY-MM-DD"), "{refused}");
        }
        assert_eq!((time("1709164800"), time("2024-02-29")), (Ok(1_709_164_800), Ok(1_709_164_800)));
    }
}
