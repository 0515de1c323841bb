//! The executor under a seeded scheduler with virtual time: crashes, reorganisations, endpoints that lie and relays that sulk.
//!
//! `make sim SEEDS=n FROM=s` runs the seeds s … s+n−1. A seed is one run; the same seed is the same run.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod boundaries;
mod census;
mod disk;
mod faults;
mod network;
mod promises;
mod rng;
mod scenario;
#[path = "../checks/support.rs"]
#[allow(dead_code)]
mod support;

use census::Census;
use std::{env, fs, path::Path, thread};

const SEEDS: u64 = 500;
const THREADS: u64 = 2;

fn number(variable: &str, default: u64) -> u64 {
    env::var(variable).map_or(default, |text| {
        text.parse().unwrap_or_else(|_| panic!("{variable} is {text:?}, expected a whole number"))
    })
}

fn run_seed(seed: u64) -> Result<Census, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(scenario::run(seed))
}

// SPEC X8
#[test]
fn every_seed_keeps_every_promise() {
    let (from, count) = (number("SIM_FROM", 0), number("SIM_SEEDS", SEEDS));
    let share = |part: u64| {
        move || -> Vec<(u64, Result<Census, String>)> {
            let mine = (from..from + count).filter(|seed| seed % THREADS == part);
            mine.map(|seed| (seed, run_seed(seed))).collect()
        }
    };
    let parts: Vec<_> = (0..THREADS).map(|part| thread::spawn(share(part))).collect();
    let mut verdicts: Vec<_> = parts.into_iter().flat_map(|part| part.join().unwrap()).collect();
    verdicts.sort_by_key(|(seed, _)| *seed);
    let (mut census, mut failed) = (Census::default(), 0);
    for (seed, verdict) in &verdicts {
        match verdict {
            Ok(one) => census.add(one),
            Err(why) => {
                failed += 1;
                println!("seed {seed}: {why}\n  replay: make sim SEEDS=1 FROM={seed}");
            }
        }
    }
    println!("{census}");
    let target = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target");
    fs::write(target.join("sim-summary.txt"), format!("{} passed, {failed} failed\n", count - failed)).unwrap();
    assert_eq!(failed, 0, "{failed} of {count} seeds broke a promise");
    if count >= SEEDS {
        assert!(census.missing().is_empty(), "never happened: {:?}", census.missing());
    }
}
