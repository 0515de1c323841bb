//! What the running service remembers: rows of the history after cycles on a local chain, whatever happens in between.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../../store/tests/support/postgres.rs"]
mod postgres;
mod support;

use alloy::primitives::B256;
use ballast_chain::bindings::Vault;
use ballast_devnet::{accounts::Role, market::USD};
use ballast_store::{
    History, Location, State,
    history::{Account, EVER, JournalEntry, Severity},
};
use ballast_types::{Metric, SeriesId};
use sqlx::{Connection, SqliteConnection};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::PathBuf,
    time::Duration,
};
use support::{DEPOSIT, HOUR, Keeper, Stage, newest_attempt, store_when_there, until};

const HISTORY: &str = "history.sqlite";
/// What a second depositor brings, below what the vault takes in all.
const SECOND: u64 = DEPOSIT / 2;

fn remembering(stage: &Stage) -> (Keeper, Location) {
    let path = stage.path(HISTORY);
    (stage.keeper().set("history.path", HISTORY), Location::Sqlite(path))
}

async fn read(location: &Location) -> History {
    History::open_read_only(location).await.unwrap()
}

/// The vault's own word.
async fn nav(stage: &Stage) -> i128 {
    let vault = Vault::new(stage.book.contracts.vault, stage.rpc());
    i128::try_from(vault.nav().call().await.unwrap()._0.to::<u128>()).unwrap()
}

/// Everything sums to zero in each unit; what the asset accounts say.
async fn books(history: &History, until: u64) -> BTreeMap<String, i128> {
    let mut sums: BTreeMap<String, i128> = BTreeMap::new();
    let balances = history.trial_balance(until).await.unwrap();
    for (Account { unit, .. }, amount) in &balances {
        *sums.entry(unit.clone()).or_default() += amount;
    }
    assert!(sums.values().all(|sum| *sum == 0), "{sums:?}");
    balances.into_iter().map(|(account, amount)| (account.code, amount)).collect()
}

fn assets(books: &BTreeMap<String, i128>) -> i128 {
    books.iter().filter(|(code, _)| code.starts_with("assets:")).map(|(_, amount)| amount).sum()
}

/// The books say, at each snapshot, what the row of that snapshot says, to the unit.
async fn assert_books_are_the_snapshots(history: &History) -> usize {
    let rows = history.snapshots(0..EVER).await.unwrap();
    for row in &rows {
        let books = books(history, row.timestamp + 1).await;
        assert_eq!(assets(&books), row.value.units(), "at {}", row.timestamp);
        assert_eq!(row.allocations.values().map(|amount| amount.units()).sum::<i128>(), row.value.units());
    }
    rows.len()
}

async fn moves(history: &History) -> Vec<JournalEntry> {
    let mut entries = history.entries(0..EVER).await.unwrap();
    entries.retain(|entry| entry.reference.starts_with("move:"));
    entries
}

// SPEC D6, P4, P7
#[tokio::test(flavor = "multi_thread")]
async fn every_cycle_is_remembered_and_the_books_say_what_the_vault_says() {
    let stage = Stage::funded().await;
    let (keeper, location) = remembering(&stage);
    let first = stage.cycle(&keeper).await;
    assert_eq!(first.json()["outcome"]["state"], "final", "{first:?}");
    stage.market().pass_time(HOUR).await.unwrap();
    stage.market().refresh_feeds().await.unwrap();
    // Another depositor comes, and the first takes something out.
    stage.market().mint_usdc(Role::Depositor(1).address().unwrap(), SECOND).await.unwrap();
    stage.market().deposit(Role::Depositor(1), SECOND).await.unwrap();
    let second = stage.cycle(&keeper).await;
    assert_eq!(second.code, Some(0), "{second:?}");
    let left = stage.market().redeem_all(Role::Depositor(1)).await.unwrap();
    assert!(left.status());
    let third = stage.cycle(&keeper).await;
    assert_eq!(third.code, Some(0), "{third:?}");

    let history = read(&location).await;
    assert_eq!(assert_books_are_the_snapshots(&history).await, 3);
    let cycles: Vec<_> = [&first, &second, &third].iter().map(|cycle| cycle.json()).collect();
    for (cycle, row) in cycles.iter().zip(history.snapshots(0..EVER).await.unwrap()) {
        let snapshot = &cycle["record"]["snapshot"];
        assert_eq!(row.timestamp, snapshot["block"]["timestamp"].as_u64().unwrap());
        assert_eq!(row.value.units().to_string(), snapshot["vault"]["nav"].as_str().unwrap());
        // Each has its rates, at the block's time and not known before it.
        for venue in snapshot["venues"].as_array().unwrap() {
            let name = venue["name"].as_str().unwrap().to_lowercase().replace(' ', "-");
            let series = SeriesId::new(name, Metric::SupplyApr).unwrap();
            let times = row.timestamp..row.timestamp + 1;
            let rates = history.range(&series, None, times, EVER).await.unwrap();
            assert_eq!(rates.len(), 1, "{series} at {}", row.timestamp);
            assert!(rates[0].source() == "onchain" && rates[0].known_at() >= rates[0].time() && rates[0].value() > 0.0);
        }
        let decision: B256 = cycle["decision_hash"].as_str().unwrap().parse().unwrap();
        let due = history.outcomes_due(row.timestamp + 7 * 86_400).await.unwrap();
        assert!(due.iter().any(|due| due.decision == decision && due.decided_at == row.timestamp), "{due:?}");
    }
    let metrics = history.metrics(0..EVER).await.unwrap();
    assert_eq!(metrics.len(), 3 * stage.book.venues.len());
    assert!(metrics.iter().all(|row| row.apy.units() > 0 && row.tvl.units() > 0 && row.risk.is_some()), "{metrics:?}");

    // Depositors' money is not earned, and what is earned is the rest.
    let end = books(&history, EVER).await;
    let (put_in, taken) = (-end["equity:deposited"], end["equity:withdrawn"]);
    assert_eq!(put_in, i128::from(SECOND), "the first was there when the books were opened");
    assert!(taken > 0 && (taken - put_in).abs() < put_in / 100, "{taken}");
    let earned = assets(&end) - (-end["equity:opening"]) - put_in + taken;
    let row = history.snapshots(0..EVER).await.unwrap().pop().unwrap();
    let landed = moves(&history).await;
    let landings = cycles.iter().filter(|cycle| cycle["outcome"]["state"] == "final").count();
    assert_eq!(landed.len(), landings);
    assert!(earned > 0, "an hour at a positive rate: {end:?}");
    assert!(row.gas.units() > 0 && end["expense:gas:eth"] > 0, "{end:?}");
    // What landed after the last snapshot is in the books too.
    assert!((assets(&end) - nav(&stage).await).abs() <= 2, "{end:?}");
    assert!(history.unresolved_alerts().await.unwrap().is_empty());
}

// SPEC D6, P4: beside the store in its database, by the same rules.
#[tokio::test(flavor = "multi_thread")]
async fn on_postgresql_the_same_is_remembered() {
    let stage = Stage::funded().await;
    let server = postgres::server();
    let url = server.url(&server.database().await);
    let keeper = stage.keeper().with_database(&url).set("history.enabled", true);
    for _ in 0..2 {
        stage.market().pass_time(60).await.unwrap();
        assert_eq!(stage.cycle(&keeper).await.code, Some(0));
    }
    let history = read(&keeper.location()).await;
    assert_eq!(assert_books_are_the_snapshots(&history).await, 2);
    assert_eq!(moves(&history).await.len(), 1);
    assert_eq!(history.outcomes_due(EVER).await.unwrap().len(), 4);
    assert_eq!(history.metrics(0..EVER).await.unwrap().len(), 2 * stage.book.venues.len());
    let row = history.snapshots(0..EVER).await.unwrap().pop().unwrap();
    assert!((row.value.units() - nav(&stage).await).abs() <= 2, "{row:?}");
}

// SPEC P7
#[tokio::test(flavor = "multi_thread")]
async fn a_week_later_a_decision_is_judged_once() {
    let stage = Stage::funded().await;
    let (keeper, location) = remembering(&stage);
    let mut decisions: Vec<B256> = Vec::new();
    for number in 0..6 {
        if number > 0 {
            stage.market().pass_time(42 * HOUR).await.unwrap();
            stage.market().refresh_feeds().await.unwrap();
        }
        let cycle = stage.cycle(&keeper).await;
        assert_eq!(cycle.code, Some(0), "{cycle:?}");
        decisions.push(cycle.json()["decision_hash"].as_str().unwrap().parse().unwrap());
    }
    let history = read(&location).await;
    let [outcome] = history.outcomes(decisions[0]).await.unwrap().try_into().unwrap();
    let rates = [outcome.realised, outcome.hold, outcome.best_single, outcome.convex].map(|yields| yields.to_f64());
    // A week at a few percent a year, less gas that a vault of this size hardly bears.
    assert!(rates.iter().all(|rate| (-0.05..0.01).contains(rate)), "{rates:?}");
    assert!(outcome.hold.units() == 0, "nothing was invested when it was made: {rates:?}");
    assert!(history.outcomes(decisions[5]).await.unwrap().is_empty(), "its week is not over");
    assert_eq!(assert_books_are_the_snapshots(&history).await, 6);
}

// SPEC P4: what was counted in a block goes with it.
#[tokio::test(flavor = "multi_thread")]
async fn a_deposit_that_is_reorganised_away_is_taken_out_of_the_books() {
    let stage = Stage::empty().await;
    let (keeper, location) = remembering(&stage);
    let keeper = keeper.set("strategy.kind", "hold");
    assert_eq!(stage.cycle(&keeper).await.code, Some(0));
    let depositor = Role::Depositor(0);
    stage.market().mint_usdc(depositor.address().unwrap(), DEPOSIT).await.unwrap();
    let deposit = stage.market().deposit(depositor, DEPOSIT).await.unwrap();
    assert_eq!(stage.cycle(&keeper).await.code, Some(0));
    let posted = async || {
        let history = read(&location).await;
        let books = books(&history, EVER).await;
        let earned = books.iter().filter(|(code, _)| code.starts_with("income:") || code.starts_with("expense:real"));
        (assets(&books), -books.get("equity:deposited").copied().unwrap_or(0), earned.map(|(_, amount)| amount).sum())
    };
    assert_eq!(posted().await, (i128::from(DEPOSIT), i128::from(DEPOSIT), 0_i128));
    stage.reorganise_away(deposit.transaction_hash).await;
    stage.market().pass_time(60).await.unwrap();
    assert_eq!(nav(&stage).await, 0);
    assert_eq!(stage.cycle(&keeper).await.code, Some(0));
    assert_eq!(posted().await, (0, 0, 0));
}

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
    stage.devnet.builder().start_interval(support::BLOCK_TIME).await;
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
    stage.devnet.builder().start_interval(support::BLOCK_TIME).await;
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

// SPEC D6
#[tokio::test(flavor = "multi_thread")]
async fn alerts_come_and_go_with_what_they_are_about() {
    let stage = Stage::funded().await;
    let (keeper, location) = remembering(&stage);
    stage.market().push_price(stage.book.protocols.feeds.usdc_usd, USD * 97 / 100).await.unwrap();
    let held = stage.cycle(&keeper).await;
    assert!(held.json()["outcome"].is_null(), "{held:?}");
    let history = read(&location).await;
    let open = history.unresolved_alerts().await.unwrap();
    let feed = open.iter().find(|alert| alert.kind == "feeds").unwrap_or_else(|| panic!("{open:?}"));
    assert_eq!((feed.severity, feed.subject.as_str()), (Severity::Critical, "USDC / USD"), "{open:?}");
    assert!(open.iter().any(|alert| alert.kind == "kill_switch"), "{open:?}");
    stage.market().push_price(stage.book.protocols.feeds.usdc_usd, USD).await.unwrap();
    assert_eq!(stage.cycle(&keeper).await.code, Some(0));
    assert!(history.unresolved_alerts().await.unwrap().is_empty());
    let all = history.alerts(10).await.unwrap();
    assert!(all.len() == open.len() && all.iter().all(|alert| alert.resolved_at >= Some(alert.timestamp)), "{all:?}");
}

/// Without the section nothing is kept.
#[tokio::test(flavor = "multi_thread")]
async fn without_the_section_there_is_no_history() {
    let stage = Stage::empty().await;
    let keeper = stage.keeper();
    assert_eq!(stage.cycle(&keeper).await.code, Some(0));
    let beside = History::beside(&keeper.location());
    assert!(History::open_read_only(&beside).await.is_err());
    let refused = keeper.set("history.kept", true).run(&["config", "check", "--offline"]).await;
    refused.assert_refused(1, &["unknown field `kept`"]);
}
