//! `make bench`: measures what docs/BENCHMARKS.md states, and writes it.
//!
//! A figure is never a reason to fail: machines differ. What fails is a measurement of something that did not happen, such as a
//! simulation that reverts.

mod chain;
mod decision;
mod gas;
mod report;
mod sample;
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
    /// decide(), and the bytes and hash of its record
    Decision,
    /// Gas, from the snapshots of the contract tests
    Gas,
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

    // The quick one first: it fails at once where the snapshots are missing.
    let gas = wanted(Section::Gas).then(|| gas::read(&root.join("snapshots"))).transpose()?;
    let decision = if wanted(Section::Decision) { Some(decision::measure()?) } else { None };
    let chain = if wanted(Section::Chain) {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
        Some(runtime.block_on(chain::measure(&root))?)
    } else {
        None
    };
    let text = report::render(chain.as_ref(), decision.as_deref(), gas.as_deref());
    println!("{text}");
    if let Some(out) = arguments.out {
        let path = root.join(out);
        fs::write(&path, text).wrap_err_with(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}
