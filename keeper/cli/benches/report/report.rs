//! The figures as a page of Markdown.

mod backtest;

use crate::{
    Figures as All,
    chain::Figures,
    decision::{self, Row as Decision},
    gas::Row as Gas,
    ingest::{self, Ingests},
    sample::Sample,
    signing::Row as Signing,
    takeover::Takeovers,
    trip::{self, Blocks},
};
use std::{fmt::Write, fs, process::Command, thread, time::Duration};

const HEADER: &str = "\
# Benchmarks

`make bench` measures everything here and writes this page anew; the command above each table measures that table alone and only
prints it. What matters are the ratios: numerator and denominator come from the same run, so they can be compared between
machines, and they are what the goals are about. Times in ms and µs are those of the machine named below. No test and no gate
depends on a time.
";

/// What is wanted of a takeover.
const TAKEOVER: Duration = Duration::from_secs(15);

/// The page, with the parts that were measured.
pub(crate) fn render(all: &All) -> String {
    let mut page = format!("{HEADER}\nMeasured on {}{}.\n", machine(), all.load.as_deref().unwrap_or_default());
    page.extend(all.chain.as_ref().map(simulation));
    page.extend(all.chain.as_ref().map(snapshot));
    page.extend(all.signing.as_deref().map(signing));
    page.extend(all.trip.as_ref().map(trip));
    page.extend(all.takeover.as_ref().map(takeover));
    page.extend(all.ingest.as_ref().map(ingest));
    for section in [backtest::throughput, backtest::beside, backtest::commands] {
        page.extend(all.backtest.as_ref().map(section));
    }
    page.extend(all.decision.as_deref().map(decide));
    page.extend(all.decision.as_deref().map(records));
    page.extend(all.gas.as_deref().map(moves));
    page
}

fn simulation(figures: &Figures) -> String {
    let Figures { gas, legs, venues, eth_call, cold, new_head, warm, .. } = figures;
    let mut text = format!(
        "
## Simulation

`cargo bench -p ballast --bench report -- chain`

A rebalance from idle into {legs} of {venues} venues, which are instances of the real Aave V3 and MetaMorphos on the real Morpho Blue, on
the devnet: what the executor presimulates for the decision that follows on three deposits, {gas} gas. The unit is one `eth_call` of the same calldata with the same
override on the same block. Both go through the devnet's public endpoint, a proxy in front of the node.

- *cold*: a simulator that knows nothing; it has the node trace the call for the state that it touches, then executes it in-process;
- *new block*: one that is in use, for the first time on a block, as every decision meets it;
- *warm*: its second simulation on that block, as every signature meets it.

| | n | median, ms | 90th percentile, ms | ratio of medians | goal |
|---|---:|---:|---:|---:|---|
"
    );
    timed(&mut text, "`eth_call`", eth_call, eth_call, "");
    timed(&mut text, "simulation, cold", cold, eth_call, &goal(cold, eth_call, 4.0));
    timed(&mut text, "simulation, new block", new_head, eth_call, "");
    timed(&mut text, "simulation, warm", warm, eth_call, &goal(warm, eth_call, 3.0));
    text
}

fn snapshot(figures: &Figures) -> String {
    let Figures { venues, eth_call, first_snapshot, next_snapshot, .. } = figures;
    let mut text = format!(
        "
## Snapshot

`cargo bench -p ballast --bench report -- chain`

Everything that a decision may depend on, read at one block: vault, hub, kill switch, {venues} venues with their rate curves, feeds. The
unit is the `eth_call` above. The first snapshot also reads what never changes.

| | n | median, ms | 90th percentile, ms | ratio of medians |
|---|---:|---:|---:|---:|
"
    );
    for (name, sample) in [("first snapshot", first_snapshot), ("each later one", next_snapshot)] {
        let _ = writeln!(
            text,
            "| {name} | {} | {} | {} | {:.2} |",
            sample.len(),
            millis(sample.median()),
            millis(sample.percentile(90)),
            sample.relative_to(eth_call)
        );
    }
    text
}

fn timed(text: &mut String, name: &str, sample: &Sample, unit: &Sample, goal: &str) {
    let _ = writeln!(
        text,
        "| {name} | {} | {} | {} | {:.2} | {goal} |",
        sample.len(),
        millis(sample.median()),
        millis(sample.percentile(90)),
        sample.relative_to(unit)
    );
}

fn goal(sample: &Sample, unit: &Sample, most: f64) -> String {
    let verdict = if sample.relative_to(unit) <= most { "met" } else { "missed" };
    format!("≤ {most:.0}: {verdict}")
}

fn signing(rows: &[Signing]) -> String {
    let mut text = "
## Decision to signature

`cargo bench -p ballast --bench report -- signing`

From a decision that is made to the moment at which the relay is asked to take its signed transaction: gates, presimulation, the
attestor's own derivation and policy, the final simulation, both signatures, and seven states of the outbox written to SQLite, each
durable before the next step. With three endpoints (here the same node under three names) the others are asked for all that the
simulation read (`eth_getProof`), which is the difference to one. Both keys are in memory, so that KMS has no part in it: it adds two
requests. The unit is a snapshot of the vault from the same endpoints.

| endpoints | n | median, ms | 99th percentile, ms | ratio of medians to a snapshot |
|---:|---:|---:|---:|---:|
"
    .to_owned();
    for Signing { endpoints, signed, snapshot } in rows {
        let _ = writeln!(
            text,
            "| {endpoints} | {} | {} | {} | {:.1} |",
            signed.len(),
            millis(signed.median()),
            millis(signed.percentile(99)),
            signed.relative_to(snapshot)
        );
    }
    text
}

fn trip(blocks: &Blocks) -> String {
    let mut text = format!(
        "
## Condition to trip

`cargo bench -p ballast --bench report -- trip`

Blocks from the first that shows a condition (the asset's feed reverts) to the one in which the kill switch is tripped, by the watcher
of a running service with nothing else under way, through relay and KMS endpoint. A block every {} s of real time, a sixth of Ethereum's
slot. Goal: ≤ 1.

| blocks | trips |
|---:|---:|
",
        trip::BLOCK_TIME.as_secs()
    );
    for (count, trips) in blocks {
        let _ = writeln!(text, "| {count} | {trips} |");
    }
    text
}

fn takeover(takeovers: &Takeovers) -> String {
    let mut text = "
## Takeover

`cargo bench -p ballast --bench report -- takeover`

From the SIGKILL of a leader to its standby running: it has the lease and has settled what was left, here nothing. The standby asks for
the lease once a second. Both on one machine: what a machine's own death adds is in CONFIG.md, \"The store\".

| store | n | median, ms | longest, ms | goal |
|---|---:|---:|---:|---|
"
    .to_owned();
    for (store, sample) in [("SQLite", &takeovers.sqlite), ("PostgreSQL", &takeovers.postgresql)] {
        let longest = sample.percentile(100);
        let verdict = if longest <= TAKEOVER { "met" } else { "missed" };
        let (median, longest) = (millis(sample.median()), millis(longest));
        let _ = writeln!(
            text,
            "| {store} | {} | {median} | {longest} | ≤ {} s: {verdict} |",
            sample.len(),
            TAKEOVER.as_secs()
        );
    }
    text
}

fn ingest(ingests: &Ingests) -> String {
    let mut text = format!(
        "
## Ingest

`cargo bench -p ballast --bench report -- ingest`

{} observations of five series into an empty history, through every check that rows from outside go through, in transactions of 20,000;
then the same rows again, which changes nothing. The floor is the database by itself: one statement that makes the same rows and writes
them into a table with the same key and no checks. SQLite waits for the disk at each commit (`synchronous = FULL`); the PostgreSQL of
the tests runs without `fsync`, and so do both figures of it. Goal: ≥ 100,000 rows/s.

| store | n | new rows/s | the same again, rows/s | floor, rows/s | ratio of medians to the floor | goal |
|---|---:|---:|---:|---:|---:|---|
",
        ingest::rows()
    );
    for (store, row) in [("SQLite", &ingests.sqlite), ("PostgreSQL", &ingests.postgresql)] {
        let rate = |sample: &Sample| ingest::rows() as f64 / sample.median().as_secs_f64();
        let verdict = if rate(&row.new) >= 1e5 { "met" } else { "missed" };
        let _ = writeln!(
            text,
            "| {store} | {} | {:.0} | {:.0} | {:.0} | {:.2} | {verdict} |",
            row.new.len(),
            rate(&row.new),
            rate(&row.again),
            rate(&row.floor),
            row.new.relative_to(&row.floor)
        );
    }
    text
}

fn decide(rows: &[Decision]) -> String {
    let mut text = format!(
        "
## decide()

`cargo bench -p ballast --bench report -- decision`

{} random vaults for each number of venues, of 1 to 10 million USDC before venues of 40 to 800 million; every second venue a MetaMorpho
of one to four markets. *moves* is the number of them for which the answer was to rebalance; none was stopped by a gate before the
allocation was computed. *undisturbed* is the fastest run of each vault: the rest is what else the machine was doing. The goal is that the 99th percentile of
that stays below 5 ms with 20 venues.

| venues | n | moves | median, µs | 99th percentile, µs | 99th percentile undisturbed, µs |
|---:|---:|---:|---:|---:|---:|
",
        decision::worlds()
    );
    for Decision { venues, decide, undisturbed, moves, .. } in rows {
        let _ = writeln!(
            text,
            "| {venues} | {} | {moves} | {} | {} | {} |",
            decide.len(),
            micros(decide.median()),
            micros(decide.percentile(99)),
            micros(undisturbed.percentile(99))
        );
    }
    text
}

fn records(rows: &[Decision]) -> String {
    let mut text = "
## Decision record

`cargo bench -p ballast --bench report -- decision`

The canonical bytes of the records of these decisions and their `keccak256`: what the proof of a rebalance is about.

| venues | n | bytes, at most | median, µs | 99th percentile, µs |
|---:|---:|---:|---:|---:|
"
    .to_owned();
    for Decision { venues, hash, bytes, .. } in rows {
        let _ = writeln!(
            text,
            "| {venues} | {} | {bytes} | {} | {} |",
            hash.len(),
            micros(hash.median()),
            micros(hash.percentile(99))
        );
    }
    text
}

fn moves(rows: &[Gas]) -> String {
    let mut text = "
## Gas

`make snapshots` takes these figures anew, `cargo bench -p ballast --bench report -- gas` prints them.

Of whole transactions on the real Aave V3 and a MetaMorpho on the real Morpho Blue, intrinsic gas included (test/gas). The floor is
the same move by a contract that checks nothing: no share price, roles, limits, proof, adapters or events, and standing allowances.
*two* are both venues; deposits and withdrawals are with positions in both unless the row says otherwise.

| move | Ballast | floor | ratio |
|---|---:|---:|---:|
"
    .to_owned();
    for Gas { name, ballast, floor } in rows {
        let _ = writeln!(text, "| {name} | {ballast} | {floor} | {:.2} |", *ballast as f64 / *floor as f64);
    }
    text
}

fn millis(duration: Duration) -> String {
    format!("{:.2}", duration.as_secs_f64() * 1e3)
}

fn micros(duration: Duration) -> String {
    format!("{:.1}", duration.as_secs_f64() * 1e6)
}

fn machine() -> String {
    let cores = thread::available_parallelism().map_or_else(|_| "an unknown number of".into(), |n| n.to_string());
    let model = cpu_model().unwrap_or_else(|| "CPU of unknown model".into());
    format!("{cores} cores, {model}, {}", std::env::consts::OS)
}

/// What else the machine had to do before it began to measure, where the system says it.
pub(crate) fn load() -> Option<String> {
    let text = fs::read_to_string("/proc/loadavg").ok()?;
    let load: f64 = text.split(' ').next()?.parse().ok()?;
    let said = format!(", with a load of {load:.1} in the minute before");
    Some(if load < 1.0 { said } else { said + ": other work ran beside it, and the times are longer for it" })
}

/// As Linux or macOS says it.
fn cpu_model() -> Option<String> {
    if let Ok(text) = fs::read_to_string("/proc/cpuinfo") {
        let line = text.lines().find(|line| line.starts_with("model name"))?;
        return Some(line.split_once(':')?.1.trim().to_owned());
    }
    let output = Command::new("sysctl").args(["-n", "machdep.cpu.brand_string"]).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(text.trim().to_owned()).filter(|model| !model.is_empty())
}
