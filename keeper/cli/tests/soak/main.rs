//! The service on the real parts for hours of chain time, with nobody there to help: anvil, block builder, private relay, KMS endpoint,
//! SQLite, and `ballast run` as a process of its own.
//!
//! `make soak HOURS=h SEED=s` runs it. A slot is twelve seconds of chain time and as short as the keeper lets it be in real time, but
//! never longer than twelve seconds. A seed gives the same events at the same chain times; how processes interleave with them is the
//! machine's.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod census;
mod promises;
#[path = "../../../executor/tests/simulation/rng.rs"]
mod rng;
mod run;
mod schedule;
mod service;
#[path = "../support/mod.rs"]
mod support;
mod world;

use run::Soak;
use std::{env, fs, thread};
use support::project_root;

/// What runs with the other tests.
const HOURS: u64 = 1;

fn number(variable: &str, default: u64) -> u64 {
    env::var(variable).map_or(default, |text| {
        text.parse().unwrap_or_else(|_| panic!("{variable} is {text:?}, expected a whole number"))
    })
}

// SPEC X8, X18
#[test]
fn hours_of_faults_break_no_promise_and_nobody_has_to_help() {
    let (hours, seed) = (number("SOAK_HOURS", HOURS), number("SOAK_SEED", 0));
    assert!((1..=1_000).contains(&hours), "SOAK_HOURS is {hours}, expected 1 to 1000");
    let folder = project_root().join("target/soak").join(format!("{hours}h-{seed}"));
    drop(fs::remove_dir_all(&folder));
    fs::create_dir_all(&folder).unwrap();
    // In a thread of its own, so that a panic is a verdict like any other.
    let soak = thread::spawn({
        let folder = folder.clone();
        move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
            runtime.block_on(async { Soak::start(hours, seed, folder).await.through().await })
        }
    });
    let verdict = soak.join().unwrap_or_else(|_| Err("it panicked, see above".to_owned()));
    let summary = match &verdict {
        Ok(census) => format!("soak: {hours} hours, {census}; every promise was kept\n"),
        Err(why) => format!("{why}\n  replay: make soak HOURS={hours} SEED={seed}\nsoak: {hours} hours, failed\n"),
    };
    fs::write(folder.join("summary.txt"), &summary).unwrap();
    fs::write(folder.with_file_name("summary.txt"), &summary).unwrap();
    println!("{summary}  (the keeper's log and its samples are in {})", folder.display());
    assert!(verdict.is_ok(), "{summary}");
}
