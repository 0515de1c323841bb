//! What the running service remembers: rows of the history after cycles on a local chain, whatever happens in between.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../../../store/tests/support/postgres.rs"]
mod postgres;
#[path = "../support/mod.rs"]
mod support;

mod faults;

use alloy::primitives::B256;
use ballast_chain::bindings::Vault;
use ballast_devnet::{accounts::Role, market::USD};
use ballast_store::{
    History, Location,
    history::{Account, EVER, JournalEntry, Severity},
};
use ballast_types::{Metric, SeriesId};
use std::collections::BTreeMap;
use support::{DEPOSIT, HOUR, Keeper, Stage};

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
    // And is a part of its month's quality, which may end between two decisions.
    let told = keeper.run(&["decisions", "quality", "--json"]).await;
    assert_eq!(told.code, Some(0), "{told:?}");
    let months = told.json();
    let weeks: Vec<_> = months.as_array().unwrap().iter().map(|month| &month["horizons"][0]).collect();
    let sum = |name: &str| weeks.iter().map(|week| week[name].as_u64().unwrap()).sum::<u64>();
    assert!(sum("judged") >= 1 && sum("moves") >= 1 && sum("not_judged") == 0, "{months:#}");
    for week in weeks.iter().filter(|week| week["score"].is_number()) {
        assert!((0.0..=100.0).contains(&week["score"].as_f64().unwrap()), "{months:#}");
    }
    assert!(months.as_array().unwrap().iter().any(|month| month["gas"]["gas"].as_f64().unwrap() > 0.0), "{months:#}");
    let said = keeper.run(&["decisions", "quality"]).await;
    assert!(said.code == Some(0) && said.stdout.contains(" 7 days: ") && said.stdout.contains("moves won"), "{said:?}");
    assert_eq!(keeper.run(&["decisions", "quality", "--months", "0"]).await.code, Some(2));
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
