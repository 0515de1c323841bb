//! `make bench`: measures what docs/BENCHMARKS.md states, and writes it.
//!
//! A figure is never a reason to fail: machines differ. What fails is a measurement of something that did not happen, such as a
//! simulation that reverts.

mod backtest;
mod chain;
mod commands;
mod decision;
mod gas;
mod ingest;
#[path = "../../../store/tests/support/postgres.rs"]
#[allow(dead_code, clippy::unwrap_used, clippy::expect_used, clippy::panic)]
mod postgres;
mod process;
mod python;
mod report;
mod sample;
mod signing;
mod takeover;
mod trip;
mod worlds;

use clap::{Parser, ValueEnum};
use eyre::WrapErr;
use std::{
    fs,
    path::{Path, PathBuf},
    process::ExitCode,
};

/// Benchmarks of Ballast
#[derive(Debug, Parser)]
struct Arguments {
    /// What to measure; everything if none is named
    #[arg(conflicts_with = "out")]
    sections: Vec<Section>,
    /// Write the whole report here, a path from the project's root
    #[arg(long)]
    out: Option<PathBuf>,
    /// What `cargo bench` adds by itself
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Section {
    /// Simulation and snapshot, relative to one eth_call
    Chain,
    /// From a decision to the signed transaction
    Signing,
    /// From a condition of the kill switch to its trip
    Trip,
    /// From a leader's death to the standby that runs
    Takeover,
    /// Observations a second into the history
    Ingest,
    /// Days of venues a second, beside vectorbt and pandas; a sweep; memory
    Backtest,
    /// decide(), and the bytes and hash of its record
    Decision,
    /// Gas, from the snapshots of the contract tests
    Gas,
}

/// What was measured.
#[derive(Debug)]
struct Figures {
    /// Of the machine, before.
    load: Option<String>,
    chain: Option<chain::Figures>,
    signing: Option<Vec<signing::Row>>,
    trip: Option<trip::Blocks>,
    takeover: Option<takeover::Takeovers>,
    ingest: Option<ingest::Ingests>,
    backtest: Option<backtest::Figures>,
    decision: Option<Vec<decision::Row>>,
    gas: Option<Vec<gas::Row>>,
}

fn main() -> ExitCode {
    match run(Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: Arguments) -> eyre::Result<()> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let root = root.canonicalize().wrap_err_with(|| format!("{} is not the project's root", root.display()))?;
    let wanted = |section| arguments.sections.is_empty() || arguments.sections.contains(&section);

    let load = report::load();
    // The quick one first: it fails at once where the snapshots are missing.
    let gas = wanted(Section::Gas).then(|| gas::read(&root.join("snapshots"))).transpose()?;
    let backtest = wanted(Section::Backtest).then(|| backtest::measure(&root)).transpose()?;
    let decision = wanted(Section::Decision).then(decision::measure).transpose()?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let figures = Figures {
        chain: wanted(Section::Chain).then(|| runtime.block_on(chain::measure(&root))).transpose()?,
        signing: wanted(Section::Signing).then(|| runtime.block_on(signing::measure(&root))).transpose()?,
        trip: wanted(Section::Trip).then(|| runtime.block_on(trip::measure(&root))).transpose()?,
        takeover: wanted(Section::Takeover).then(|| runtime.block_on(takeover::measure(&root))).transpose()?,
        ingest: wanted(Section::Ingest).then(|| runtime.block_on(ingest::measure(&root))).transpose()?,
        load,
        backtest,
        decision,
        gas,
    };
    let text = report::render(&figures);
    println!("{text}");
    if let Some(out) = arguments.out {
        let path = root.join(out);
        fs::write(&path, text).wrap_err_with(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}
