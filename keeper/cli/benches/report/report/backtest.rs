//! The sections about backtests.

use super::{micros, millis};
use crate::{
    backtest::{self, Figures},
    commands::Row as Command,
    sample::Sample,
};
use std::{fmt::Write, time::Duration};

/// Wanted of a sweep of a hundred points.
const SWEEP: Duration = Duration::from_secs(10);
/// Wanted, in millions of pool-steps a second.
const BASELINE: f64 = 5.0;
const CONVEX: f64 = 1.0;

pub(super) fn throughput(figures: &Figures) -> String {
    let Figures { days, venues, pool_steps, rows, .. } = figures;
    let mut text = format!(
        "
## Backtest

`cargo bench -p ballast --bench report -- backtest`

{days} days from 2021-01-01 to 2026-02-28 with the {venues} venues of `../shared/data`, on one thread, read before. A *pool-step* is a day on which a venue has a
rate: {pool_steps} of {} are, the others are skipped and not counted. Every run takes gas, dilution, limits on what can be withdrawn and the ledger along in
exact integers; those below the line also the kill switch, block by block, the heartbeats, and a decision every day. Goals: ≥ {BASELINE:.0} M
pool-steps/s for the baselines above it, ≥ {CONVEX:.0} M for `convex`.

| plan | n | moves | median, ms | M pool-steps/s | goal |
|---|---:|---:|---:|---:|---|
",
        days * venues
    );
    let mut line = false;
    for row in rows {
        if row.solves && !line {
            text.push_str("| | | | | | |\n");
            line = true;
        }
        let rate = millions(*pool_steps, &row.taken);
        let wanted = match row.name.as_str() {
            "convex" => Some(CONVEX),
            _ if row.solves => None,
            _ => Some(BASELINE),
        };
        let verdict = wanted.map_or("", |least| if rate >= least { "met" } else { "missed" });
        let _ = writeln!(
            text,
            "| `{}` | {} | {} | {} | {rate:.3} | {verdict} |",
            row.name,
            row.taken.len(),
            row.moves,
            millis(row.taken.median()),
        );
    }
    text.push_str(
        "
`convex` searches on the days on which something is moved or nearly so; on the others it is known without a search that nothing is (`allocator::bound`,
`projector::improves`). The kill switch is taken through each block of every day in which it could act. The two strategies that weigh risk solve their
problem every day.
",
    );
    text
}

pub(super) fn beside(figures: &Figures) -> String {
    let version = |name: &str| figures.versions.get(name).map_or("?", String::as_str);
    let many = backtest::portfolios();
    let mut text = format!(
        "
### Beside vectorbt and pandas

The same rates, the same rules, the same period, one thread, in one run: `tools/python/bench_backtest.py` with vectorbt {}, pandas {} and numpy {}. What vectorbt's
portfolio has no word for is turned off for all three: moves cost nothing, and the venues are so large that our money changes no rate (the keeper's code computes
both all the same). The equity curves were compared first, day by day, and agree to 1e-8. *vectorbt* is one portfolio made of vectorised signals and
`Portfolio.from_orders`, *vectorbt, {many}* are {many} with different capitals in one call, here per portfolio; compilation by numba is not counted. *pandas* is a
loop over the rows of a frame. Ratios are of medians: how many times longer it takes than the keeper.

| plan | keeper, µs | vectorbt, µs | vectorbt, {many}, µs | pandas, µs | vectorbt, ratio | vectorbt, {many}, ratio | pandas, ratio |
|---|---:|---:|---:|---:|---:|---:|---:|
",
        version("vectorbt"),
        version("pandas"),
        version("numpy"),
    );
    for row in &figures.beside {
        let each = row.vectorbt_many.median() / u32::try_from(many).unwrap_or(u32::MAX);
        let ratio = |taken: Duration| taken.as_secs_f64() / row.ours.median().as_secs_f64();
        let _ = writeln!(
            text,
            "| `{}` | {} | {} | {} | {} | {:.0} | {:.1} | {:.0} |",
            row.name,
            micros(row.ours.median()),
            micros(row.vectorbt.median()),
            micros(each),
            micros(row.pandas.median()),
            ratio(row.vectorbt.median()),
            ratio(each),
            ratio(row.pandas.median())
        );
    }
    text
}

pub(super) fn commands(figures: &Figures) -> String {
    let commands = &figures.commands;
    let mut text = "
### Whole runs, and their memory

Processes of `ballast backtest --json` from start to end, reading the history included: five years of every plan with all its confidence intervals, and a sweep of
100 configurations of `convex` over one year. Both use every core. *Peak* is the largest resident set of any run (`VmHWM`, looked at every
millisecond). Goal of the sweep: below 10 s on two cores.

| `ballast backtest` | n | median, s | longest, s | peak, MiB | goal |
|---|---:|---:|---:|---:|---|
"
    .to_owned();
    let mut line = |name: &str, row: &Command, goal: &str| {
        let peak =
            row.peak.map_or_else(|| "not told by this system".into(), |kib| format!("{:.0}", kib as f64 / 1_024.0));
        let _ = writeln!(
            text,
            "| {name}: `{}` | {} | {:.2} | {:.2} | {peak} | {goal} |",
            row.arguments,
            row.taken.len(),
            row.taken.median().as_secs_f64(),
            row.taken.percentile(100).as_secs_f64()
        );
    };
    line("five years", &commands.period, "");
    let met = commands.sweep.taken.median() < SWEEP;
    line("sweep", &commands.sweep, if met { "met" } else { "missed" });
    text
}

fn millions(pool_steps: usize, taken: &Sample) -> f64 {
    pool_steps as f64 / taken.median().as_secs_f64() / 1e6
}
