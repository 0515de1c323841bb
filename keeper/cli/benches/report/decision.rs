//! How long the decision core takes, and how long its record.

use crate::{
    sample::Sample,
    worlds::{Random, world},
};
use ballast_allocator::{decide, record};
use ballast_types::{Action, GateId};
use eyre::ensure;
use std::hint::black_box;

const VENUES: [usize; 4] = [2, 5, 10, 20];
const WORLDS: u64 = 250;
/// Runs per world; the first is not counted.
const RUNS: usize = 5;

/// Figures for vaults with one number of venues.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) venues: usize,
    pub(crate) decide: Sample,
    /// The fastest run of each vault: what the decision itself takes, without what else the machine was doing.
    pub(crate) undisturbed: Sample,
    /// Vaults for which the answer was to rebalance, of [`WORLDS`].
    pub(crate) moves: u64,
    /// Canonical encoding of the record and its hash.
    pub(crate) hash: Sample,
    /// Bytes of the longest record.
    pub(crate) bytes: usize,
}

/// Number of vaults behind each row.
pub(crate) const fn worlds() -> u64 {
    WORLDS
}

pub(crate) fn measure() -> eyre::Result<Vec<Row>> {
    VENUES.into_iter().map(row).collect()
}

fn row(venues: usize) -> eyre::Result<Row> {
    let mut row = Row {
        venues,
        decide: Sample::default(),
        undisturbed: Sample::default(),
        moves: 0,
        hash: Sample::default(),
        bytes: 0,
    };
    for seed in 0..WORLDS {
        let (snapshot, policy) = world(&mut Random(seed), venues);
        let first = decide(&snapshot, &policy);
        // A decision that ends at the first gates would be fast for the wrong reason.
        let stopped = first.refusals().find(|gate| !matches!(gate.id, GateId::Limits | GateId::Gain | GateId::Fees));
        ensure!(stopped.is_none(), "vault {seed} with {venues} venues is not decided about: {stopped:?}");
        row.moves += u64::from(first.action != Action::Hold);
        let mut runs = Sample::default();
        for _ in 1..RUNS {
            black_box(runs.time(|| decide(black_box(&snapshot), black_box(&policy))));
        }
        row.undisturbed.add(runs.percentile(0));
        row.decide.extend(runs);
        let record = record(snapshot, policy);
        row.bytes = row.bytes.max(record.to_canonical()?.len());
        for _ in 1..RUNS {
            black_box(row.hash.time(|| black_box(&record).hash())?);
        }
    }
    Ok(row)
}
