//! What goes wrong with a history stops no decision, and nothing is missing or there twice afterwards.

use crate::{
    assert_books_are_the_snapshots, assets, books, moves, nav, read, remembering,
    support::{BLOCK_TIME, DEPOSIT, HOUR, Stage, newest_attempt, store_when_there, until},
};
use ballast_devnet::keeper_config::SECRETS;
use ballast_store::{History, Location, State, Store, history::EVER};
use ballast_types::{Metric, SeriesId};
use sqlx::{Connection, SqliteConnection};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};
use tokio::process::Command;

/// Whoever holds it lets nobody else write.
async fn holding(location: &Location) -> SqliteConnection {
    let Location::Sqlite(path) = location else { unreachable!() };
    let mut connection = SqliteConnection::connect(&format!("sqlite:{}", path.display())).await.unwrap();
    sqlx::raw_sql("BEGIN IMMEDIATE").execute(&mut connection).await.unwrap();
    connection
}

// SPEC D6: what cannot be written now is written later, and stops nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_history_that_is_locked_stops_no_decision_and_lacks_nothing_afterwards() {
    let stage = Stage::empty().await;
    let (keeper, location) = remembering(&stage);
    assert_eq!(stage.cycle(&keeper).await.code, Some(0));
    let held = holding(&location).await;
    stage.deposit(DEPOSIT).await;
    let began = std::time::Instant::now();
    let moved = stage.cycle(&keeper).await;
    assert_eq!(moved.json()["outcome"]["state"], "final", "{moved:?}");
    assert!(began.elapsed() < Duration::from_secs(25), "it waited {:?}", began.elapsed());
    assert_eq!(read(&location).await.snapshots(0..EVER).await.unwrap().len(), 1);
    drop(held);
    assert_eq!(stage.cycle(&keeper).await.code, Some(0));
    let history = read(&location).await;
    assert_eq!(assert_books_are_the_snapshots(&history).await, 3);
    assert_eq!(moves(&history).await.len(), 1);
    let books = books(&history, EVER).await;
    assert!((assets(&books) - nav(&stage).await).abs() <= 2, "{books:?}");
    assert_eq!(-books["equity:deposited"], i128::from(DEPOSIT));
}

/// Runs a script as somebody who does not know the rules of the program.
async fn intrude(location: &Location, script: &str) {
    let Location::Sqlite(path) = location else { unreachable!() };
    let mut connection = SqliteConnection::connect(&format!("sqlite:{}", path.display())).await.unwrap();
    sqlx::raw_sql(sqlx::AssertSqlSafe(script.to_owned())).execute(&mut connection).await.unwrap();
    connection.close().await.unwrap();
}

// SPEC D6: whatever it was in the middle of, it is there once.
#[tokio::test(flavor = "multi_thread")]
async fn a_write_that_fails_half_way_is_made_up_for_without_doubles() {
    let stage = Stage::funded().await;
    let (keeper, location) = remembering(&stage);
    for table in ["protocol_metrics", "postings", "portfolio_snapshots", "decisions"] {
        assert_eq!(stage.cycle(&keeper).await.code, Some(0));
        let fault = format!(
            "CREATE TRIGGER fault BEFORE INSERT ON {table} BEGIN SELECT RAISE(ABORT, 'database or disk is full'); END"
        );
        intrude(&location, &fault).await;
        stage.market().pass_time(7 * HOUR).await.unwrap();
        stage.market().refresh_feeds().await.unwrap();
        let failed = stage.cycle(&keeper).await;
        assert_eq!(failed.code, Some(0), "{failed:?}");
        let words = ["the history was not written; it is tried again", "database or disk is full", "failures=1"];
        assert!(words.iter().all(|words| failed.stderr.contains(words)), "{table}: {failed:?}");
        intrude(&location, "DROP TRIGGER fault").await;
    }
    assert_eq!(stage.cycle(&keeper).await.code, Some(0));
    let history = read(&location).await;
    let store = keeper.store().await;
    let decisions = store.decisions(100).await.unwrap();
    // Two cycles at one block are one snapshot.
    let times: BTreeSet<u64> = decisions.iter().map(|decision| decision.record.snapshot.block.timestamp).collect();
    assert!(times.len() > 4, "{times:?}");
    assert_eq!(assert_books_are_the_snapshots(&history).await, times.len());
    let due = history.outcomes_due(EVER).await.unwrap();
    assert_eq!(due.len(), 2 * decisions.len(), "each is noted, for a week and for a month");
    let entries = history.entries(0..EVER).await.unwrap();
    let landed = decisions.iter().filter(|decision| !decision.record.decision.targets().is_empty()).count();
    assert_eq!(moves(&history).await.len(), landed, "{entries:?}");
    assert_eq!(history.metrics(0..EVER).await.unwrap().len(), times.len() * stage.book.venues.len());
    let usdc = SeriesId::new("usdc", Metric::PriceUsd).unwrap();
    assert_eq!(history.range(&usdc, None, 0..EVER, EVER).await.unwrap().len(), times.len());
}

// SPEC P4, X8
#[tokio::test(flavor = "multi_thread")]
async fn a_move_that_landed_before_a_crash_is_posted_once_after_it() {
    let stage = Stage::funded().await;
    let (keeper, location) = remembering(&stage);
    let halting = keeper.clone().set("execution.halt_after", State::Final.name());
    let service = halting.spawn(&["run"]);
    let store = store_when_there(&keeper.store_path()).await;
    let landed = async || newest_attempt(&store).await.filter(|attempt| attempt.state == State::Final);
    stage.with_blocks(until("a landing", landed)).await;
    until("its snapshot", async || {
        let history = History::open_read_only(&location).await.ok()?;
        (history.snapshots(0..EVER).await.ok()?.len() == 1).then_some(())
    })
    .await;
    service.kill().await;
    assert_eq!(moves(&read(&location).await).await, []);
    for _ in 0..3 {
        assert_eq!(stage.cycle(&keeper).await.code, Some(0));
        stage.market().pass_time(60).await.unwrap();
        let history = read(&location).await;
        assert_eq!(moves(&history).await.len(), 1);
        assert_books_are_the_snapshots(&history).await;
    }
    assert_eq!(stage.assert_consistent(&keeper).await, 1);
}

// SPEC P4, D6
#[tokio::test(flavor = "multi_thread")]
async fn killed_again_and_again_the_books_have_everything_once() {
    let stage = Stage::funded().await;
    let (keeper, location) = remembering(&stage);
    let keeper = keeper.set("execution.decide_every", 1);
    stage.devnet.builder().start_interval(BLOCK_TIME).await;
    for number in 0..8_u64 {
        let service = keeper.spawn(&["run"]);
        // Spread over what a start, a cycle and a landing take.
        tokio::time::sleep(Duration::from_millis(400 + number * 731 % 2_300)).await;
        service.kill().await;
    }
    stage.devnet.builder().stop_interval().await;
    for _ in 0..2 {
        stage.market().pass_time(60).await.unwrap();
        assert_eq!(stage.cycle(&keeper).await.code, Some(0));
    }
    let history = read(&location).await;
    assert!(assert_books_are_the_snapshots(&history).await > 2);
    let landed: BTreeSet<String> = stage.rebalances().await.iter().map(|(_, tx)| format!("move:{tx}")).collect();
    let posted: BTreeSet<String> = moves(&history).await.into_iter().map(|entry| entry.reference).collect();
    assert!(!landed.is_empty() && posted == landed, "{posted:?} instead of {landed:?}");
    let decisions = keeper.store().await.decisions(100).await.unwrap();
    assert_eq!(history.outcomes_due(EVER).await.unwrap().len(), 2 * decisions.len());
    let books = books(&history, EVER).await;
    assert!((assets(&books) - nav(&stage).await).abs() <= 20, "{books:?}");
    assert_eq!(books.get("equity:deposited").copied().unwrap_or(0), 0, "nobody came after the books were opened");
}

// SPEC D6
#[tokio::test(flavor = "multi_thread")]
async fn a_history_that_is_removed_is_made_again_out_of_the_store_while_the_service_runs() {
    let stage = Stage::funded().await;
    let (keeper, location) = remembering(&stage);
    let log = stage.path("log");
    let service = keeper.spawn_logging_to(fs::File::create(&log).unwrap(), &["run"]);
    let rows = async || {
        let history = History::open_read_only(&location).await.ok()?;
        let rows = history.snapshots(0..EVER).await.ok()?.len();
        Some((rows, moves(&history).await.len()))
    };
    stage.devnet.builder().start_interval(BLOCK_TIME).await;
    let before = until("a move and a snapshot", async || rows().await.filter(|(rows, moves)| *rows > 1 && *moves == 1));
    let (before, _) = before.await;
    let Location::Sqlite(path) = &location else { unreachable!() };
    for ending in ["", "-wal", "-shm"] {
        let file = PathBuf::from(format!("{}{ending}", path.display()));
        assert!(fs::remove_file(file).is_ok() || !ending.is_empty());
    }
    until("everything again", async || rows().await.filter(|(rows, moves)| *rows > before && *moves == 1)).await;
    stage.devnet.builder().stop_interval().await;
    let stopped = service.terminate("TERM").await;
    assert_eq!(stopped.code, Some(0), "{stopped:?}");
    let said = fs::read_to_string(log).unwrap();
    assert!(said.contains("was moved or removed while it was open"), "{said}");
    assert_books_are_the_snapshots(&read(&location).await).await;
}

/// A mount of its own for what is started, which goes with it.
async fn may_mount(folder: &Path) -> bool {
    let tried = Command::new("unshare").args(["-m", "mount", "-t", "tmpfs", "tmpfs"]).arg(folder).status().await;
    tried.is_ok_and(|status| status.success())
}

// SPEC D6
#[tokio::test(flavor = "multi_thread")]
async fn on_a_full_disk_decisions_go_on_and_what_waited_is_written_when_there_is_room() {
    let stage = Stage::funded().await;
    let folder = stage.path("small");
    fs::create_dir(&folder).unwrap();
    if !may_mount(&folder).await {
        eprintln!("SKIPPED: this user may not mount a small disk");
        return;
    }
    let keeper = stage.keeper().set("history.path", "small/history.sqlite").set("execution.decide_every", 1);
    let (config, log) = (stage.path("small.toml"), stage.path("log"));
    fs::write(&config, keeper.text()).unwrap();
    let script = "mount -t tmpfs -o size=800k tmpfs \"$0\" && exec \"$@\"";
    let service = Command::new("unshare")
        .args(["-m", "sh", "-c", script])
        .arg(&folder)
        .args([env!("CARGO_BIN_EXE_ballast"), "run", "--config"])
        .arg(&config)
        .env("HOME", &folder)
        .envs(SECRETS)
        .stdin(Stdio::null())
        .stderr(fs::File::create(&log).unwrap())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let id = service.id().unwrap().to_string();
    stage.devnet.builder().start_interval(BLOCK_TIME).await;
    let said = || fs::read_to_string(&log).unwrap();
    until("a full disk", async || {
        said().lines().any(|line| line.contains("the history was not written") && line.contains("full")).then_some(())
    })
    .await;
    let store = store_when_there(&keeper.store_path()).await;
    let decided = async |store: &Store| {
        let decisions = store.decisions(100).await.unwrap();
        decisions.iter().map(|decision| decision.record.snapshot.block.timestamp).collect::<BTreeSet<u64>>()
    };
    let before = decided(&store).await.len();
    until("two decisions more", async || (decided(&store).await.len() >= before + 2).then_some(())).await;
    let room = ["-t", &id, "-m", "mount", "-o", "remount,size=64m"];
    assert!(Command::new("nsenter").args(room).arg(&folder).status().await.unwrap().success());
    // As that process sees it; SQLite itself does not find the way there.
    let there = PathBuf::from(format!("/proc/{id}/root{}", folder.display()));
    let copied = async |number: u32| {
        let copy = stage.path(&format!("copy-{number}.sqlite"));
        for ending in ["", "-wal"] {
            let to = format!("{}{ending}", copy.display());
            // Without a log of writes there is nothing in it.
            drop(fs::copy(there.join(format!("history.sqlite{ending}")), to));
        }
        History::open_read_only(&Location::Sqlite(copy)).await.ok()
    };
    let mut number = 0;
    let mut written = async |enough: BTreeSet<u64>| {
        until("what waited", async || {
            number += 1;
            tokio::time::sleep(Duration::from_millis(300)).await;
            let history = copied(number).await?;
            let rows = history.snapshots(0..EVER).await.ok()?;
            enough.iter().all(|time| rows.iter().any(|row| row.timestamp == *time)).then_some(history)
        })
        .await
    };
    written(decided(&store).await).await;
    stage.devnet.builder().stop_interval().await;
    let history = written(decided(&store).await).await;
    assert_books_are_the_snapshots(&history).await;
    assert_eq!(moves(&history).await.len(), stage.rebalances().await.len());
    drop(service);
}
