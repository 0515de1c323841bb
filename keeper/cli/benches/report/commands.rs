//! `ballast backtest` as a person runs it: how long, and how much memory at most.

use crate::sample::Sample;
use eyre::{WrapErr, ensure};
use std::{
    fs,
    path::Path,
    process::{Child, Command, Stdio},
    thread,
    time::Duration,
};

/// Between two looks at the memory.
const LOOK: Duration = Duration::from_millis(1);
const ROUNDS: usize = 5;
/// Five years of everything.
const PERIOD: [&str; 4] = ["--start", "2021-01-01", "--end", "2026-02-28"];
/// Ten values each of two parameters over a year.
const SWEEP: [&str; 8] = [
    "--start",
    "2025-03-01",
    "--end",
    "2026-02-28",
    "--sweep",
    "min_gain=10,20,30,40,50,60,70,80,90,100",
    "--sweep",
    "horizon_hours=168,336,504,720,1080,1440,2160,2880,3600,4320",
];

/// One command.
#[derive(Debug)]
pub(crate) struct Row {
    /// What follows `ballast backtest`.
    pub(crate) arguments: String,
    pub(crate) taken: Sample,
    /// Largest resident set in KiB, where the system says it.
    pub(crate) peak: Option<u64>,
}

#[derive(Debug)]
pub(crate) struct Commands {
    pub(crate) period: Row,
    pub(crate) sweep: Row,
}

pub(crate) fn measure(data: &Path) -> eyre::Result<Commands> {
    Ok(Commands { period: row(data, &PERIOD)?, sweep: row(data, &SWEEP)? })
}

fn row(data: &Path, arguments: &[&str]) -> eyre::Result<Row> {
    let mut row = Row { arguments: arguments.join(" "), taken: Sample::default(), peak: None };
    for _ in 0..ROUNDS {
        let mut child = Command::new(env!("CARGO_BIN_EXE_ballast"))
            .arg("backtest")
            .args(arguments)
            .arg("--json")
            .arg("--data")
            .arg(data)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .wrap_err("cannot run ballast")?;
        let peak = row.taken.time(|| watched(&mut child))?;
        row.peak = row.peak.max(peak);
    }
    Ok(row)
}

/// Until it ends: the largest resident set, which grows only, as last seen before.
fn watched(child: &mut Child) -> eyre::Result<Option<u64>> {
    let status = format!("/proc/{}/status", child.id());
    let mut peak = None;
    loop {
        if let Some(ended) = child.try_wait()? {
            ensure!(ended.success(), "ballast backtest: {ended}");
            return Ok(peak);
        }
        peak = peak.max(fs::read_to_string(&status).ok().as_deref().and_then(high_water));
        thread::sleep(LOOK);
    }
}

/// `VmHWM` of a process's status, KiB.
fn high_water(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.split_whitespace().next()?.parse().ok()
}
