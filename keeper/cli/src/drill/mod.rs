//! `ballast drill`: an incident of each level on a local chain with the real parts, from the first sign until it is over. Every step is
//! checked, and held against the time it may take; the first one that did not truly happen ends its level with an error.

mod p0;
mod p1;
mod p2;
mod p3;
mod scene;
mod timeline;

use crate::{local, output};
use clap::Args;
use eyre::WrapErr;
use scene::Scene;
use serde::Serialize;
use std::{
    fs, mem,
    path::{Path, PathBuf},
    process::ExitCode,
    sync::PoisonError,
};
use timeline::{Incident, Level, duration};
use tokio::signal::unix::{SignalKind, signal};

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Only this level; all of them, one after the other, unless given
    #[arg(long, value_enum)]
    level: Option<Level>,
    /// Where node_modules and the contracts are
    #[arg(long, default_value = ".")]
    project_root: PathBuf,
    /// Where drill.json and, for each level, the keeper's files and log lines are written; emptied first
    #[arg(long, default_value = "target/drill")]
    out: PathBuf,
    /// Print the report as JSON instead of the steps as they happen
    #[arg(long)]
    json: bool,
}

/// A level and how it went.
#[derive(Debug, Serialize)]
struct Report {
    level: Level,
    /// With the steps that happened.
    incidents: Vec<Incident>,
    /// The first thing that did not happen as it should.
    failure: Option<String>,
}

pub(crate) async fn run(arguments: Arguments) -> eyre::Result<ExitCode> {
    let root = local::project_root(&arguments.project_root)?;
    local::emptied(&arguments.out)?;
    let mut interrupted = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    let levels = arguments.level.map_or_else(|| vec![Level::P0, Level::P1, Level::P2, Level::P3], |level| vec![level]);
    let mut reports = Vec::new();
    for level in levels {
        let directory = arguments.out.join(format!("{level:?}"));
        let drilled = tokio::select! {
            drilled = drill(level, &root, &directory, !arguments.json) => drilled,
            // What it started ends as it is dropped.
            _ = interrupted.0.recv() => eyre::bail!("interrupted in {level:?}"),
            _ = interrupted.1.recv() => eyre::bail!("interrupted in {level:?}"),
        };
        let (incidents, failure) = match drilled {
            Ok((incidents, failure)) => (incidents, failure),
            Err(error) => (Vec::new(), Some(error)),
        };
        let failure = failure.map(|error| output::chain(&error));
        if let (Some(failure), false) = (&failure, arguments.json) {
            output::say(format_args!("  FAILED: {failure}"))?;
        }
        reports.push(Report { level, incidents, failure });
    }
    let path = arguments.out.join("drill.json");
    let passed = reports.iter().all(|report| report.failure.is_none());
    let report = serde_json::json!({ "passed": passed, "levels": reports });
    let text = serde_json::to_string_pretty(&report)? + "\n";
    fs::write(&path, text).wrap_err_with(|| format!("cannot write {}", path.display()))?;
    if arguments.json {
        output::json(&report)?;
    } else {
        output::say(summary(&reports, &path))?;
    }
    Ok(if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// What happened, and what did not.
async fn drill(
    level: Level,
    root: &Path,
    directory: &Path,
    aloud: bool,
) -> eyre::Result<(Vec<Incident>, Option<eyre::Report>)> {
    let scene = Scene::start(root, directory, aloud).await?;
    let drilled = match level {
        Level::P0 => p0::depeg(&scene).await,
        Level::P1 => p1::keeper_dies(&scene).await,
        Level::P2 => p2::venue_fails(&scene).await,
        Level::P3 => p3::infrastructure_fails(&scene).await,
    };
    let incidents = mem::take(&mut *scene.incidents.lock().unwrap_or_else(PoisonError::into_inner));
    scene.shutdown().await?;
    Ok((incidents, drilled.err()))
}

fn summary(reports: &[Report], path: &Path) -> String {
    let mut lines = vec![String::new()];
    for Report { level, incidents, failure } in reports {
        for incident in incidents {
            let last = incident.steps.last();
            lines.push(format!(
                "{level:?}  {:<48} over after {} of {}",
                incident.title,
                duration(last.map_or(0, |step| step.seconds)),
                duration(incident.target)
            ));
        }
        if let Some(failure) = failure {
            lines.push(format!("{level:?}  FAILED: {failure}"));
        }
    }
    lines.push(path.display().to_string());
    lines.join("\n")
}
