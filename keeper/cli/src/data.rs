//! `ballast data …`: market history in files.

mod check;
mod import;
mod manifest;
mod published;
mod pull;

use crate::output;
use ballast_history::{synthetic, time};
use clap::{Args, Subcommand};
use eyre::{WrapErr, bail};
use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::{SystemTime, UNIX_EPOCH},
};

/// Where history is looked for when nobody says where.
const PLACES: [&str; 2] = ["data", "../shared/data"];

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// What is there, and what is wrong with it: gaps, duplicates, outliers, staleness, refused rows
    Check(check::Arguments),
    /// Load a directory of history into the history store; the same again changes nothing
    Import(import::Arguments),
    /// Write or verify the content hashes of a directory of history
    Manifest(manifest::Arguments),
    /// Get history from the public APIs, for those who have none; goes on where it was interrupted
    Pull(pull::Arguments),
    /// Make history up: synthetic files of the same names and columns
    Generate(Generate),
}

#[derive(Debug, Args)]
pub(crate) struct Generate {
    /// Where to write it
    #[arg(long)]
    out: PathBuf,
    /// First day
    #[arg(long, default_value = "2024-01-01", value_parser = crate::backtest::day)]
    start: u64,
    /// How many days
    #[arg(long, default_value_t = 730, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    days: u64,
    /// Another seed, another history
    #[arg(long, default_value_t = 1)]
    seed: u64,
}

pub(crate) async fn run(command: Command) -> eyre::Result<ExitCode> {
    match command {
        Command::Check(arguments) => check::run(&arguments),
        Command::Import(arguments) => import::run(arguments).await,
        Command::Manifest(arguments) => manifest::run(&arguments),
        Command::Pull(arguments) => pull::run(arguments).await,
        Command::Generate(arguments) => generate(&arguments),
    }
}

/// The directory that was named, or the first of the usual ones that is there.
pub(crate) fn directory(named: Option<&Path>) -> eyre::Result<PathBuf> {
    if let Some(named) = named {
        if !named.is_dir() {
            bail!("{} is no directory", named.display());
        }
        return Ok(named.to_owned());
    }
    usual().ok_or_else(|| {
        eyre::eyre!(
            "no history in {}: name a directory with --data, get one with `ballast data pull`, or make one up with `ballast data generate`",
            PLACES.join(" or ")
        )
    })
}

/// The first of the usual directories that is there.
pub(crate) fn usual() -> Option<PathBuf> {
    PLACES.iter().map(PathBuf::from).find(|place| ballast_history::file_path(place, "lending_rates_daily").is_some())
}

/// The clock, Unix seconds.
///
/// # Errors
/// If it stands before 1970.
pub(crate) fn now() -> eyre::Result<u64> {
    seconds(SystemTime::now())
}

fn seconds(time: SystemTime) -> eyre::Result<u64> {
    Ok(time.duration_since(UNIX_EPOCH).wrap_err("the clock is before 1970; set it")?.as_secs())
}

fn generate(arguments: &Generate) -> eyre::Result<ExitCode> {
    synthetic::write(&arguments.out, arguments.start, arguments.days, arguments.seed)
        .wrap_err_with(|| format!("cannot write to {}", arguments.out.display()))?;
    output::say(format!(
        "{} days from {} on, made up, in {}",
        arguments.days,
        time::date(arguments.start),
        arguments.out.display()
    ))?;
    Ok(ExitCode::SUCCESS)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_clock_before_1970_is_an_error_and_not_the_year_1970() {
        assert_eq!(seconds(UNIX_EPOCH + Duration::from_secs(7)).unwrap(), 7);
        let refused = seconds(UNIX_EPOCH - Duration::from_secs(7)).unwrap_err().to_string();
        assert!(refused.contains("before 1970; set it"), "{refused}");
    }
}
