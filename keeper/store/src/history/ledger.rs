//! The books: double entry in whole base units.
//!
//! An amount is a signed integer, debits positive, so that the postings of an entry sum to zero in each unit and so does everything
//! that was ever posted. That is asked here before anything is written and by the database itself when it is. Nothing is changed or
//! removed: a mistake is undone by the reverse entry.

use super::metrics::between;
use super::{History, HistoryError, seconds};
use crate::StoreError;
use crate::sql::{Connection, Row};
use std::collections::BTreeMap;
use std::ops::Range;

/// More digits than this no amount has.
const BOUND: i128 = 10_i128.pow(38);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum AccountKind {
    Asset,
    Liability,
    Equity,
    Income,
    Expense,
}

impl AccountKind {
    const ALL: [Self; 5] = [Self::Asset, Self::Liability, Self::Equity, Self::Income, Self::Expense];

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Asset => "asset",
            Self::Liability => "liability",
            Self::Equity => "equity",
            Self::Income => "income",
            Self::Expense => "expense",
        }
    }
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub struct Account {
    /// `assets:aave-v3`, `income:interest` …
    pub code: String,
    pub kind: AccountKind,
    /// What its amounts are base units of: `USDC`, `ETH`. Units never mix in a sum.
    pub unit: String,
}

#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct Posting {
    /// Code of its account.
    pub account: String,
    /// Base units, a debit positive and a credit negative; never zero, and of at most 38 digits.
    pub amount: i128,
}

#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize)]
pub struct JournalEntry {
    /// What it records, once: a transaction's hash and what of it.
    pub reference: String,
    /// Unix seconds.
    pub timestamp: u64,
    pub memo: String,
    /// Two at least.
    pub postings: Vec<Posting>,
}

/// Whether an entry is new.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Posted {
    Now,
    Before,
}

impl History {
    /// Opens an account. The same again changes nothing.
    ///
    /// # Errors
    /// [`HistoryError::Conflict`] if there is one of this code of another kind or unit.
    pub async fn open_account(&self, account: &Account) -> Result<(), HistoryError> {
        let mut connection = self.engine.write().await?;
        let statement = "INSERT INTO accounts (code, kind, unit) VALUES ($1, $2, $3) ON CONFLICT (code) DO NOTHING";
        let parameters = vec![account.code.as_str().into(), account.kind.name().into(), account.unit.as_str().into()];
        connection.execute(statement, parameters).await?;
        let recorded = accounts(&mut connection).await?.remove(&account.code).map(|(_, account)| account);
        if recorded.as_ref() != Some(account) {
            let (key, recorded) = (account.code.clone(), format!("{recorded:?}"));
            return Err(HistoryError::Conflict { what: "the account", key, recorded });
        }
        Ok(connection.commit().await?)
    }

    /// Posts an entry, all of it or nothing. The same reference with the same contents again changes nothing.
    ///
    /// # Errors
    /// [`HistoryError::Unbalanced`], [`HistoryError::BadEntry`] for one without two postings or with a zero or too large amount,
    /// [`HistoryError::Unknown`] for an account that was not opened, [`HistoryError::Conflict`] if another entry has this reference.
    pub async fn post(&self, entry: &JournalEntry) -> Result<Posted, HistoryError> {
        let mut connection = self.engine.write().await?;
        let accounts = accounts(&mut connection).await?;
        check(entry, &accounts)?;
        let insert = self.engine.dialect(
            "INSERT INTO entries (reference, timestamp, memo) VALUES ($1, $2, $3) ON CONFLICT (reference) DO NOTHING RETURNING id",
            "INSERT INTO entries (reference, timestamp, memo) VALUES ($1, to_timestamp($2::bigint), $3)
             ON CONFLICT (reference) DO NOTHING RETURNING id",
        );
        let parameters = vec![
            entry.reference.as_str().into(),
            seconds("timestamp", entry.timestamp)?.into(),
            entry.memo.as_str().into(),
        ];
        let Some(mut row) = connection.fetch_first(insert, parameters).await? else {
            connection.rollback().await?;
            return self.recorded_already(entry).await;
        };
        let id = row.integer("id")?;
        let insert = self.engine.dialect(
            "INSERT INTO postings (entry, position, account, amount) VALUES ($1, $2, $3, $4)",
            "INSERT INTO postings (entry, position, account, amount) VALUES ($1, $2, $3, $4::text::numeric)",
        );
        for (position, posting) in (0_i64..).zip(&entry.postings) {
            let account = accounts.get(&posting.account).map_or(0, |(id, _)| *id);
            let parameters = vec![id.into(), position.into(), account.into(), posting.amount.to_string().into()];
            connection.execute(insert, parameters).await?;
        }
        if let Connection::Sqlite(_) = connection {
            // PostgreSQL asks by itself when the transaction is committed.
            connection.execute("UPDATE entries SET sealed = 1 WHERE id = $1", vec![id.into()]).await?;
        }
        connection.commit().await?;
        Ok(Posted::Now)
    }

    async fn recorded_already(&self, entry: &JournalEntry) -> Result<Posted, HistoryError> {
        let recorded = self.entry(&entry.reference).await?;
        if recorded.as_ref() == Some(entry) {
            return Ok(Posted::Before);
        }
        let (key, recorded) = (entry.reference.clone(), format!("{recorded:?}"));
        Err(HistoryError::Conflict { what: "the entry", key, recorded })
    }

    /// An entry by its reference.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn entry(&self, reference: &str) -> Result<Option<JournalEntry>, HistoryError> {
        let statement = self.engine.dialect(
            "SELECT e.reference, e.timestamp, e.memo, a.code, p.amount FROM entries e JOIN postings p ON p.entry = e.id
             JOIN accounts a ON a.id = p.account WHERE e.reference = $1 AND e.sealed = 1 ORDER BY p.position",
            "SELECT e.reference, extract(epoch FROM e.timestamp)::bigint, e.memo, a.code, p.amount::text FROM entries e
             JOIN postings p ON p.entry = e.id JOIN accounts a ON a.id = p.account WHERE e.reference = $1 ORDER BY p.position",
        );
        let rows = self.engine.read().await?.fetch(statement, vec![reference.into()]).await?;
        Ok(grouped(rows)?.pop())
    }

    /// The entry of the latest time whose reference begins so; of those of one time, the one that was posted last.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn newest_entry(&self, beginning: &str) -> Result<Option<JournalEntry>, HistoryError> {
        let statement = self.engine.dialect(
            "SELECT reference FROM entries WHERE substr(reference, 1, length($1)) = $1 AND sealed = 1
             ORDER BY timestamp DESC, id DESC LIMIT 1",
            "SELECT reference FROM entries WHERE starts_with(reference, $1) ORDER BY timestamp DESC, id DESC LIMIT 1",
        );
        let found = self.engine.read().await?.fetch_first(statement, vec![beginning.into()]).await?;
        match found {
            Some(mut row) => self.entry(&row.text("reference")?).await,
            None => Ok(None),
        }
    }

    /// The entries of a range of times (half-open, Unix seconds), in the order in which they were posted within each time.
    ///
    /// # Errors
    /// If the database fails.
    pub async fn entries(&self, times: Range<u64>) -> Result<Vec<JournalEntry>, HistoryError> {
        let statement = self.engine.dialect(
            "SELECT e.reference, e.timestamp, e.memo, a.code, p.amount FROM entries e JOIN postings p ON p.entry = e.id
             JOIN accounts a ON a.id = p.account WHERE e.timestamp >= $1 AND e.timestamp < $2 AND e.sealed = 1
             ORDER BY e.timestamp, e.id, p.position",
            "SELECT e.reference, extract(epoch FROM e.timestamp)::bigint, e.memo, a.code, p.amount::text FROM entries e
             JOIN postings p ON p.entry = e.id JOIN accounts a ON a.id = p.account
             WHERE e.timestamp >= to_timestamp($1::bigint) AND e.timestamp < to_timestamp($2::bigint)
             ORDER BY e.timestamp, e.id, p.position",
        );
        grouped(self.engine.read().await?.fetch(statement, between(times)?).await?)
    }

    /// What each account stands at after everything before `until` (Unix seconds), by code. In each unit this sums to zero.
    ///
    /// # Errors
    /// [`HistoryError::Overflow`] if a sum has more than 38 digits.
    pub async fn trial_balance(&self, until: u64) -> Result<Vec<(Account, i128)>, HistoryError> {
        let statement = self.engine.dialect(
            "SELECT a.code, p.amount FROM entries e JOIN postings p ON p.entry = e.id JOIN accounts a ON a.id = p.account
             WHERE e.timestamp >= $1 AND e.timestamp < $2 AND e.sealed = 1",
            "SELECT a.code, sum(p.amount)::text FROM entries e JOIN postings p ON p.entry = e.id
             JOIN accounts a ON a.id = p.account WHERE e.timestamp >= to_timestamp($1::bigint)
             AND e.timestamp < to_timestamp($2::bigint) GROUP BY a.code",
        );
        let mut connection = self.engine.read().await?;
        let mut balances: BTreeMap<String, (Account, i128)> =
            accounts(&mut connection).await?.into_iter().map(|(code, (_, account))| (code, (account, 0))).collect();
        for mut row in connection.fetch(statement, between(0..until)?).await? {
            let (code, amount) = (row.text("code")?, row.text("amount")?);
            if let Some((_, balance)) = balances.get_mut(&code) {
                let sum = amount.parse::<i128>().ok().and_then(|amount| balance.checked_add(amount));
                let sum = sum.filter(|sum| sum.abs() < BOUND);
                *balance = sum.ok_or(HistoryError::Overflow { account: code })?;
            }
        }
        Ok(balances.into_values().collect())
    }
}

/// That an entry may be posted.
fn check(entry: &JournalEntry, accounts: &BTreeMap<String, (i64, Account)>) -> Result<(), HistoryError> {
    let bad = |why: String| HistoryError::BadEntry { reference: entry.reference.clone(), why };
    if entry.reference.is_empty() {
        return Err(bad("has no reference, expected what it records".to_owned()));
    }
    if entry.postings.len() < 2 {
        return Err(bad(format!("has {} postings, expected two at least", entry.postings.len())));
    }
    let mut sums: BTreeMap<&str, i128> = BTreeMap::new();
    for posting in &entry.postings {
        let Some((_, account)) = accounts.get(&posting.account) else {
            return Err(HistoryError::Unknown { what: "the account", key: posting.account.clone() });
        };
        if posting.amount == 0 || posting.amount <= -BOUND || posting.amount >= BOUND {
            let (amount, code) = (posting.amount, &posting.account);
            return Err(bad(format!("posts {amount} to {code}, expected a non-zero amount of at most 38 digits")));
        }
        let sum = sums.entry(&account.unit).or_default();
        *sum = sum
            .checked_add(posting.amount)
            .ok_or_else(|| HistoryError::Overflow { account: posting.account.clone() })?;
    }
    match sums.into_iter().find(|(_, sum)| *sum != 0) {
        Some((unit, off)) => {
            Err(HistoryError::Unbalanced { reference: entry.reference.clone(), unit: unit.to_owned(), off })
        }
        None => Ok(()),
    }
}

async fn accounts(connection: &mut Connection) -> Result<BTreeMap<String, (i64, Account)>, HistoryError> {
    let rows = connection.fetch("SELECT id, code, kind, unit FROM accounts", vec![]).await?;
    rows.into_iter()
        .map(|mut row| {
            let (id, code, kind) = (row.integer("id")?, row.text("code")?, row.text("kind")?);
            let known = AccountKind::ALL.into_iter().find(|one| one.name() == kind);
            let kind = known.ok_or_else(|| StoreError::Row(format!("the kind of account {code} is {kind}")))?;
            Ok((code.clone(), (id, Account { code, kind, unit: row.text("unit")? })))
        })
        .collect()
}

/// Entries of their rows, one row a posting.
fn grouped(rows: Vec<Row>) -> Result<Vec<JournalEntry>, HistoryError> {
    let mut entries: Vec<JournalEntry> = Vec::new();
    for mut row in rows {
        let (reference, timestamp, memo) = (row.text("reference")?, row.unsigned("timestamp")?, row.text("memo")?);
        let (account, amount) = (row.text("code")?, row.text("amount")?);
        let amount = amount.parse().map_err(|_| StoreError::Row(format!("an amount of {reference} is {amount}")))?;
        let posting = Posting { account, amount };
        match entries.last_mut() {
            Some(entry) if entry.reference == reference => entry.postings.push(posting),
            _ => entries.push(JournalEntry { reference, timestamp, memo, postings: vec![posting] }),
        }
    }
    Ok(entries)
}
