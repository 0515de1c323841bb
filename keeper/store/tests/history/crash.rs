//! The process is killed while it writes: what it was told is written is there, and nothing is there by half.
// SPEC D6

use crate::bed::{Bed, TO_QUARANTINE, on_both};
use ballast_store::history::{Account, AccountKind, EVER, JournalEntry, OnBadRow, Posting, Reading};
use ballast_store::{History, Location};
use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Set for the process that is killed, to where its history is.
const VICTIM: &str = "BALLAST_TEST_HISTORY_VICTIM";
const ROWS: usize = 2_000;
const LIVES: u32 = 6;

on_both! {
    killed_at_any_moment_it_has_what_it_acknowledged_and_nothing_by_half
}

fn rows(batch: i64) -> Vec<Reading<'static>> {
    let series = ["a#index", "b#index"];
    (0..ROWS as i64)
        .map(|row| {
            let time = batch * ROWS as i64 + row;
            Reading {
                series: series[usize::try_from(row % 2).unwrap()],
                source: "s",
                time,
                known_at: time,
                value: row as f64,
            }
        })
        .collect()
}

fn entry(batch: i64) -> JournalEntry {
    let posting = |account: &str, amount| Posting { account: account.to_owned(), amount };
    JournalEntry {
        reference: format!("batch:{batch}"),
        timestamp: u64::try_from(batch).unwrap(),
        memo: String::new(),
        postings: vec![posting("in", 1 + i128::from(batch)), posting("out", -1 - i128::from(batch))],
    }
}

fn location(text: &str) -> Location {
    match text.strip_prefix("sqlite:") {
        Some(path) => Location::Sqlite(path.into()),
        None => Location::Postgres(text.parse().unwrap()),
    }
}

/// The process that is killed: it writes for ever, and says what was acknowledged.
#[tokio::test]
async fn victim() {
    let Ok(place) = std::env::var(VICTIM) else { return };
    let history = History::open(&location(&place)).await.unwrap();
    for code in ["in", "out"] {
        let account = Account { code: code.to_owned(), kind: AccountKind::Asset, unit: "USDC".to_owned() };
        history.open_account(&account).await.unwrap();
    }
    let mut batch = i64::try_from(history.entries(0..EVER).await.unwrap().len()).unwrap();
    loop {
        history.ingest(&rows(batch), OnBadRow::Refuse).await.unwrap();
        println!("rows {batch}");
        history.post(&entry(batch)).await.unwrap();
        println!("entry {batch}");
        batch += 1;
    }
}

fn spawn(place: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["crash::victim", "--exact", "--nocapture", "--test-threads=1"])
        .env(VICTIM, place)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

async fn killed_at_any_moment_it_has_what_it_acknowledged_and_nothing_by_half(bed: Bed) {
    let place = match (&bed, bed.location()) {
        (Bed::Postgres(url), _) => crate::postgres::server().url(url.to_string().rsplit('/').next().unwrap()),
        (_, Location::Sqlite(path)) => format!("sqlite:{}", path.display()),
        _ => panic!("no database"),
    };
    let history = bed.open().await;
    let (mut batches, mut posted) = (0, 0);
    for life in 0..LIVES {
        let mut victim = spawn(&place);
        let output = BufReader::new(victim.stdout.take().unwrap());
        let reading = std::thread::spawn(move || output.lines().map_while(Result::ok).collect::<Vec<String>>());
        // Past the start of the process, then at another moment of its work in each life.
        let before = bed.number("SELECT count(*) FROM entries").await;
        while bed.number("SELECT count(*) FROM entries").await < before + 2 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        tokio::time::sleep(Duration::from_millis(u64::from(life) * 7)).await;
        victim.kill().unwrap();
        victim.wait().unwrap();
        let said = reading.join().unwrap();
        let last = |what: &str| {
            said.iter()
                .filter_map(|line| line.strip_prefix(what)?.trim().parse::<i64>().ok())
                .max()
                .map_or(0, |n| n + 1)
        };
        batches = batches.max(last("rows "));
        posted = posted.max(last("entry "));

        let there = history.series().await.unwrap().iter().map(|series| series.observations).sum::<u64>();
        assert_eq!(there % ROWS as u64, 0, "a batch by half");
        assert!(there >= batches as u64 * ROWS as u64, "acknowledged and gone: {there} rows, {batches} batches");
        let entries = history.entries(0..EVER).await.unwrap();
        assert!(entries.len() as i64 >= posted, "acknowledged and gone: {} entries of {posted}", entries.len());
        assert!(entries.iter().zip(0..).all(|(found, batch)| *found == entry(batch)));
        assert_eq!(history.trial_balance(EVER).await.unwrap().iter().map(|(_, balance)| balance).sum::<i128>(), 0);
    }
    assert!(batches >= i64::from(LIVES), "the lives were too short: {batches} batches");
    // What was cut off is simply written again.
    let again = history.ingest(&rows(0), TO_QUARANTINE).await.unwrap();
    assert_eq!((again.written, again.repeated), (0, ROWS as u64));
}
