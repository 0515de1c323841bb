//! Double entry: everything sums to zero, whoever writes.
// SPEC P4

use crate::bed::{Bed, on_both};
use ballast_store::HistoryError;
use ballast_store::history::{Account, AccountKind, EVER, History, JournalEntry, Posted, Posting};
use proptest::{
    prelude::{Strategy, any, prop},
    strategy::ValueTree,
    test_runner::TestRunner,
};
use std::collections::BTreeMap;

on_both! {
    the_trial_balance_is_zero_whatever_is_posted
    an_entry_posted_again_is_the_same_entry
    the_newest_entry_of_a_kind_is_the_last_of_its_latest_time
    an_unbalanced_entry_is_refused
    an_entry_that_is_none_is_refused
    units_do_not_make_up_for_each_other
    amounts_have_38_digits
    the_database_itself_refuses_what_does_not_balance
    the_books_are_append_only
    an_account_is_what_it_was_opened_as
}

fn account(code: &str, kind: AccountKind, unit: &str) -> Account {
    Account { code: code.to_owned(), kind, unit: unit.to_owned() }
}

fn accounts() -> [Account; 6] {
    [
        account("assets:aave-v3", AccountKind::Asset, "USDC"),
        account("assets:idle", AccountKind::Asset, "USDC"),
        account("assets:keeper", AccountKind::Asset, "ETH"),
        account("equity:keeper", AccountKind::Equity, "ETH"),
        account("equity:shares", AccountKind::Equity, "USDC"),
        account("income:interest", AccountKind::Income, "USDC"),
    ]
}

async fn books(bed: &Bed) -> History {
    let history = bed.open().await;
    for account in accounts() {
        history.open_account(&account).await.unwrap();
        history.open_account(&account).await.unwrap();
    }
    history
}

fn entry(reference: &str, timestamp: u64, postings: &[(&str, i128)]) -> JournalEntry {
    let posting = |(account, amount): &(&str, i128)| Posting { account: (*account).to_owned(), amount: *amount };
    JournalEntry {
        reference: reference.to_owned(),
        timestamp,
        memo: "deposit".to_owned(),
        postings: postings.iter().map(posting).collect(),
    }
}

async fn the_trial_balance_is_zero_whatever_is_posted(bed: Bed) {
    let history = books(&bed).await;
    let usdc = ["assets:aave-v3", "assets:idle", "equity:shares", "income:interest"];
    let mut runner = TestRunner::deterministic();
    // Amounts far beyond 64 bits, any number of legs; the last makes up for the others.
    let legs = prop::collection::vec((0..usdc.len(), any::<i128>().prop_map(|n| n / 1_000 % 10_i128.pow(34))), 1..6);
    let mut expected: BTreeMap<&str, i128> = usdc.into_iter().map(|code| (code, 0)).collect();
    for number in 0..40 {
        let mut postings: Vec<(&str, i128)> = legs
            .new_tree(&mut runner)
            .unwrap()
            .current()
            .into_iter()
            .map(|(leg, amount)| (usdc[leg], amount))
            .collect();
        let sum: i128 = postings.iter().map(|(_, amount)| amount).sum();
        postings.push(("income:interest", -sum));
        postings.retain(|(_, amount)| *amount != 0);
        for (code, amount) in &postings {
            *expected.get_mut(code).unwrap() += amount;
        }
        let posted = history.post(&entry(&format!("tx:{number}"), 1_000 + number, &postings)).await.unwrap();
        assert_eq!(posted, Posted::Now);
        if number % 10 == 9 {
            let balances = history.trial_balance(EVER).await.unwrap();
            assert_eq!(balances.iter().map(|(_, balance)| balance).sum::<i128>(), 0);
            for (account, balance) in balances.iter().filter(|(account, _)| account.unit == "USDC") {
                assert_eq!(*balance, expected[account.code.as_str()], "{}", account.code);
            }
        }
    }
    // Before any time at all, too.
    for until in [0, 1_000, 1_017, 1_039] {
        let balances = history.trial_balance(until).await.unwrap();
        assert_eq!(balances.iter().map(|(_, balance)| balance).sum::<i128>(), 0);
    }
    assert_eq!(history.entries(1_000..1_020).await.unwrap().len(), 20);
    assert_eq!(bed.number("SELECT count(*) FROM imbalances").await, 0);
}

async fn an_entry_posted_again_is_the_same_entry(bed: Bed) {
    let history = books(&bed).await;
    let deposit = entry("tx:1", 100, &[("assets:idle", 5_000_000), ("equity:shares", -5_000_000)]);
    assert_eq!(history.post(&deposit).await.unwrap(), Posted::Now);
    assert_eq!(history.post(&deposit).await.unwrap(), Posted::Before);
    assert_eq!(history.entry("tx:1").await.unwrap(), Some(deposit.clone()));
    let other = JournalEntry { timestamp: 101, ..deposit.clone() };
    let refused = history.post(&other).await.unwrap_err();
    assert!(matches!(refused, HistoryError::Conflict { .. }), "{refused}");
    assert_eq!(history.entries(0..EVER).await.unwrap(), [deposit]);
}

async fn the_newest_entry_of_a_kind_is_the_last_of_its_latest_time(bed: Bed) {
    let history = books(&bed).await;
    assert_eq!(history.newest_entry("tx:").await.unwrap(), None);
    let put = async |reference, time| {
        let one = entry(reference, time, &[("assets:idle", 5), ("equity:shares", -5)]);
        history.post(&one).await.unwrap();
        one
    };
    put("tx:3", 300).await;
    let newest = put("tx:1", 300).await;
    put("tx:2", 200).await;
    put("t", 400).await;
    let wild = put("%x:1", 100).await;
    assert_eq!(history.newest_entry("tx:").await.unwrap(), Some(newest));
    assert_eq!(history.newest_entry("%").await.unwrap(), Some(wild), "no pattern");
}

async fn an_unbalanced_entry_is_refused(bed: Bed) {
    let history = books(&bed).await;
    let off = entry("tx:1", 100, &[("assets:idle", 5), ("equity:shares", -4)]);
    let refused = history.post(&off).await.unwrap_err();
    assert!(matches!(&refused, HistoryError::Unbalanced { unit, off: 1, .. } if unit == "USDC"), "{refused}");
    assert_eq!(history.entries(0..EVER).await.unwrap(), []);
}

async fn an_entry_that_is_none_is_refused(bed: Bed) {
    let history = books(&bed).await;
    for (bad, said) in [
        (entry("tx:1", 100, &[]), "has 0 postings, expected two at least"),
        (entry("tx:1", 100, &[("assets:idle", 0), ("equity:shares", 0)]), "non-zero amount"),
        (entry("", 100, &[("assets:idle", 1), ("equity:shares", -1)]), "has no reference"),
        (entry("tx:1", 100, &[("assets:idle", 1), ("equity:nobody", -1)]), "equity:nobody is not in the history"),
        (entry("tx:1", 100, &[("assets:idle", i128::MAX), ("equity:shares", -i128::MAX)]), "at most 38 digits"),
    ] {
        let refused = history.post(&bad).await.unwrap_err().to_string();
        assert!(refused.contains(said), "{said}: {refused}");
    }
    assert_eq!(history.entries(0..EVER).await.unwrap(), []);
}

async fn units_do_not_make_up_for_each_other(bed: Bed) {
    let history = books(&bed).await;
    let mixed = entry("tx:1", 100, &[("assets:idle", 5), ("assets:keeper", -5)]);
    assert!(matches!(history.post(&mixed).await.unwrap_err(), HistoryError::Unbalanced { .. }));
    let both =
        entry("tx:2", 100, &[("assets:idle", 5), ("assets:keeper", -7), ("equity:keeper", 7), ("equity:shares", -5)]);
    history.post(&both).await.unwrap();
}

async fn amounts_have_38_digits(bed: Bed) {
    let history = books(&bed).await;
    let most = 10_i128.pow(38) - 1;
    let largest = entry("tx:1", 100, &[("assets:idle", most), ("equity:shares", -most)]);
    history.post(&largest).await.unwrap();
    assert_eq!(history.entry("tx:1").await.unwrap(), Some(largest));
    let one_more = entry("tx:2", 100, &[("assets:idle", 1), ("equity:shares", -1)]);
    history.post(&one_more).await.unwrap();
    let refused = history.trial_balance(EVER).await.unwrap_err();
    assert!(matches!(refused, HistoryError::Overflow { .. }), "{refused}");
    assert_eq!(bed.number("SELECT count(*) FROM imbalances").await, 0);
}

/// Entries as an intruder writes them: reference, postings.
fn by_hand(bed: &Bed, postings: &[(&str, &str)]) -> String {
    let timestamp = if matches!(bed, Bed::Sqlite(_)) { "5" } else { "to_timestamp(5)" };
    let mut script = format!("BEGIN; INSERT INTO entries (reference, timestamp, memo) VALUES ('x', {timestamp}, '');");
    for (position, (account, amount)) in postings.iter().enumerate() {
        script += &format!(
            "INSERT INTO postings (entry, position, account, amount) VALUES ((SELECT id FROM entries WHERE reference = 'x'),
             {position}, (SELECT id FROM accounts WHERE code = '{account}'), '{amount}');"
        );
    }
    if matches!(bed, Bed::Sqlite(_)) {
        script += "UPDATE entries SET sealed = 1 WHERE reference = 'x';";
    }
    script + "COMMIT"
}

async fn the_database_itself_refuses_what_does_not_balance(bed: Bed) {
    let history = books(&bed).await;
    let wrong: [&[(&str, &str)]; 6] = [
        &[("assets:idle", "5"), ("equity:shares", "-4")],
        &[("assets:idle", "5"), ("assets:keeper", "-5")],
        &[("assets:idle", "5")],
        &[],
        // Carries between the limbs that SQLite sums.
        &[("assets:idle", "10000000000000"), ("equity:shares", "-1")],
        &[("assets:idle", "100000000000000000000000000"), ("equity:shares", "-10000000000000")],
    ];
    for postings in wrong {
        let refused = bed.intrude(&by_hand(&bed, postings)).await.unwrap_err().to_string();
        assert!(refused.contains("sum to zero") || refused.contains("two postings"), "{postings:?}: {refused}");
    }
    assert_eq!(history.entries(0..EVER).await.unwrap(), []);
    // Nines that carry all the way are balanced by a power of ten.
    let carried = [
        ("assets:idle", "99999999999999999999999999999999999999"),
        ("assets:aave-v3", "-99999999999999999999999999999999999998"),
        ("equity:shares", "-1"),
    ];
    bed.intrude(&by_hand(&bed, &carried)).await.unwrap();
    assert_eq!(history.entries(0..EVER).await.unwrap().len(), 1);
}

async fn the_books_are_append_only(bed: Bed) {
    let history = books(&bed).await;
    let deposit = entry("tx:1", 100, &[("assets:idle", 5), ("equity:shares", -5)]);
    history.post(&deposit).await.unwrap();
    for script in [
        "UPDATE postings SET amount = '6'",
        "DELETE FROM postings",
        "UPDATE entries SET memo = 'other'",
        "DELETE FROM entries",
        "UPDATE accounts SET unit = 'ETH'",
        "INSERT INTO postings (entry, position, account, amount) SELECT entry, 9, account, '1' FROM postings",
    ] {
        assert!(bed.intrude(script).await.is_err(), "{script}");
    }
    assert_eq!(history.entries(0..EVER).await.unwrap(), [deposit]);
}

async fn an_account_is_what_it_was_opened_as(bed: Bed) {
    let history = books(&bed).await;
    let refused = history.open_account(&account("assets:idle", AccountKind::Expense, "USDC")).await.unwrap_err();
    assert!(matches!(refused, HistoryError::Conflict { .. }), "{refused}");
    let codes: Vec<String> =
        history.trial_balance(0).await.unwrap().into_iter().map(|(account, _)| account.code).collect();
    assert_eq!(codes, accounts().map(|account| account.code));
}
