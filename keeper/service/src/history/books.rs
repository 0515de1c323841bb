//! The portfolio's books: what each snapshot and each landed transaction comes to, in double entry, to the base unit.
//!
//! Assets stand at what the vault counts them for. A move shifts money between idle and venues by what its receipt says; a snapshot then brings
//! every account to what it reads, and what that takes is deposits and withdrawals, as the vault's events tell them, and else earned or lost.
//! What a venue earned is *accrued* until the position is reduced; then that part of it is *realised* (average cost).
//!
//! Where money went between idle and venues without a move of ours (a leaver's withdrawal drains a venue, an emergency exit), how much a venue
//! earned in that very interval cannot be told apart from what was taken out: the shift is given to the venues that changed in its direction.
//! The sum over all is exact whatever it is.

use alloy::primitives::B256;
use ballast_store::History;
use ballast_store::HistoryError;
use ballast_store::history::{Account, AccountKind, JournalEntry, Posting};
use ballast_types::{Snapshot, VenueReading, Wad, fixed::mul_div_floor};
use std::collections::{BTreeMap, BTreeSet};

use super::names::Names;

/// What every snapshot's reference begins with.
pub(crate) const SNAPSHOT: &str = "snapshot:";
const IDLE: &str = "assets:idle";
const VENUE: &str = "assets:venue:";
/// What the vault counts and no reading explains.
const UNREAD: &str = "assets:unread";
const OPENING: &str = "equity:opening";
const DEPOSITED: &str = "equity:deposited";
const WITHDRAWN: &str = "equity:withdrawn";
/// What is of no venue: what moves cost, and what came into idle from nowhere that is known.
const VAULT: &str = "vault";
const GAS_USD: &str = "expense:gas:usd";

/// The portfolio as a snapshot has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Valued {
    pub(crate) time: u64,
    pub(crate) block: u64,
    pub(crate) hash: B256,
    pub(crate) idle: i128,
    pub(crate) venues: BTreeMap<String, i128>,
    /// NAV less all of the above.
    pub(crate) unread: i128,
}

/// What came in and went out with depositors since the last snapshot. Negative where a block that was counted is no more.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Flows {
    pub(crate) deposited: i128,
    pub(crate) withdrawn: i128,
}

/// A position before and after a move.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct MovedLeg {
    pub(crate) venue: String,
    pub(crate) before: i128,
    pub(crate) after: i128,
}

/// A rebalance on the chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Moved {
    pub(crate) tx: B256,
    pub(crate) time: u64,
    pub(crate) legs: Vec<MovedLeg>,
    pub(crate) nav_before: i128,
    pub(crate) nav_after: i128,
}

/// What a transaction of the keeper cost its account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct GasPaid {
    pub(crate) tx: B256,
    pub(crate) time: u64,
    pub(crate) purpose: String,
    pub(crate) wei: i128,
    /// Millionths of a dollar; `None` where ether had no price.
    pub(crate) usd: Option<i128>,
}

/// A number that does not fit, or is not what the contracts could say.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} is {value}, more than an amount of the ledger can be")]
pub(crate) struct TooLarge {
    pub(crate) what: &'static str,
    pub(crate) value: String,
}

pub(crate) fn signed(what: &'static str, value: u128) -> Result<i128, TooLarge> {
    // Far above every supply, far below where sums could overflow.
    i128::try_from(value)
        .ok()
        .filter(|value| *value < 10_i128.pow(36))
        .ok_or_else(|| TooLarge { what, value: value.to_string() })
}

impl Valued {
    pub(crate) fn of(snapshot: &Snapshot, names: &Names) -> Result<Self, TooLarge> {
        let (nav, idle) = (signed("NAV", snapshot.vault.nav.0)?, signed("idle", snapshot.vault.idle.0)?);
        let mut venues = BTreeMap::new();
        for venue in &snapshot.venues {
            let value = match &venue.reading {
                // Out of NAV until it is recovered.
                VenueReading::Read { value, .. } if !venue.quarantined => signed("a position", value.0)?,
                VenueReading::Read { .. } | VenueReading::Unreadable { .. } => 0,
            };
            venues.insert(names.of(venue.adapter), value);
        }
        let unread = nav - idle - venues.values().sum::<i128>();
        let block = &snapshot.block;
        Ok(Self { time: block.timestamp, block: block.number, hash: block.hash, idle, venues, unread })
    }

    pub(crate) fn reference(&self) -> String {
        format!("{SNAPSHOT}{}:{}", self.block, self.hash)
    }
}

/// The block and its hash in a snapshot's reference.
pub(crate) fn block_of(reference: &str) -> Option<(u64, B256)> {
    let (block, hash) = reference.strip_prefix(SNAPSHOT)?.split_once(':')?;
    Some((block.parse().ok()?, hash.parse().ok()?))
}

/// What deposits and withdrawals an entry posted.
pub(crate) fn flows_of(entry: &JournalEntry) -> Flows {
    let of = |code: &str| entry.postings.iter().filter(|one| one.account == code).map(|one| one.amount).sum::<i128>();
    Flows { deposited: -of(DEPOSITED), withdrawn: of(WITHDRAWN) }
}

/// Postings by account; what cancels out is none.
#[derive(Default)]
struct Sheet(BTreeMap<String, i128>);

impl Sheet {
    fn add(&mut self, code: impl Into<String>, amount: i128) {
        *self.0.entry(code.into()).or_default() += amount;
    }

    /// A gain as income, a loss as an expense: realised at once, or accrued.
    fn earned(&mut self, stage: &str, subject: &str, amount: i128) {
        let kind = if amount < 0 { "expense" } else { "income" };
        self.add(format!("{kind}:{stage}:{subject}"), -amount);
    }

    fn entry(self, reference: String, timestamp: u64, memo: String) -> Option<JournalEntry> {
        let postings: Vec<_> = self
            .0
            .into_iter()
            .filter(|(_, amount)| *amount != 0)
            .map(|(account, amount)| Posting { account, amount })
            .collect();
        (postings.len() > 1).then_some(JournalEntry { reference, timestamp, memo, postings })
    }
}

/// What the books stand at.
#[derive(Clone, Debug, Default)]
pub(crate) struct Books {
    balances: BTreeMap<String, i128>,
    open: BTreeSet<String>,
    /// Of the newest snapshot that was posted.
    pub(crate) newest: Option<JournalEntry>,
}

impl Books {
    /// As they are recorded.
    pub(crate) async fn load(history: &History) -> Result<Self, HistoryError> {
        let balances = history.trial_balance(ballast_store::history::EVER).await?;
        let open = balances.iter().map(|(account, _)| account.code.clone()).collect();
        let balances = balances.into_iter().map(|(account, amount)| (account.code, amount)).collect();
        Ok(Self { balances, open, newest: history.newest_entry(SNAPSHOT).await? })
    }

    fn balance(&self, code: &str) -> i128 {
        self.balances.get(code).copied().unwrap_or_default()
    }

    /// Earned and lost so far, base units: what was realised, and what is accrued in positions.
    pub(crate) fn profit(&self) -> (i128, i128) {
        let stage = |stage: &str| {
            let of = |(code, amount): (&String, &i128)| {
                let ours = ["income", "expense"].iter().any(|kind| code.starts_with(&format!("{kind}:{stage}:")));
                if ours { -amount } else { 0 }
            };
            self.balances.iter().map(of).sum()
        };
        (stage("realised"), stage("accrued"))
    }

    /// Millionths of a dollar.
    pub(crate) fn gas_usd(&self) -> i128 {
        self.balance(GAS_USD)
    }

    /// What of NAV the asset accounts say, base units.
    #[cfg(test)]
    pub(crate) fn assets(&self) -> i128 {
        self.balances.iter().filter(|(code, _)| code.starts_with("assets:")).map(|(_, amount)| amount).sum()
    }

    /// Brings the books to what a snapshot reads; `None` if they say so already. The first one opens them.
    pub(crate) fn revaluation(&self, now: &Valued, flows: Flows) -> Option<JournalEntry> {
        let mut sheet = Sheet::default();
        let idle = now.idle - self.balance(IDLE);
        let unread = now.unread - self.balance(UNREAD);
        // A venue that is listed no more has nothing.
        let left = self.balances.keys().filter_map(|code| code.strip_prefix(VENUE)).map(|name| (name.to_owned(), 0));
        let mut values: BTreeMap<String, i128> = left.collect();
        values.extend(now.venues.clone());
        let mut changes: Vec<(String, i128)> = values
            .into_iter()
            .map(|(name, value)| {
                let was = self.balance(&venue(&name));
                (name, value - was)
            })
            .collect();
        sheet.add(IDLE, idle);
        sheet.add(UNREAD, unread);
        for (name, change) in &changes {
            sheet.add(venue(name), *change);
        }
        if self.newest.is_none() {
            let all = idle + unread + changes.iter().map(|(_, change)| change).sum::<i128>();
            sheet.add(OPENING, -all);
            let (reference, memo) = (now.reference(), format!("opening at block {}", now.block));
            return sheet.entry(reference.clone(), now.time, memo.clone()).or_else(|| {
                // With nothing in it, too: what comes next was deposited.
                let nothing = |amount| Posting { account: OPENING.to_owned(), amount };
                let postings = vec![nothing(1), nothing(-1)];
                Some(JournalEntry { reference, timestamp: now.time, memo, postings })
            });
        }
        sheet.add(DEPOSITED, -flows.deposited);
        sheet.add(WITHDRAWN, flows.withdrawn);
        // What idle has more than depositors brought came out of venues, what it has less went in.
        let mut shift = idle - (flows.deposited - flows.withdrawn);
        changes.sort_by_key(|(_, change)| if shift > 0 { *change } else { -*change });
        for (name, change) in &mut changes {
            let taken = if shift > 0 { shift.min((-*change).max(0)) } else { shift.max((-*change).min(0)) };
            if taken > 0 {
                self.realise(&mut sheet, name, taken, self.balance(&venue(name)));
            }
            shift -= taken;
            *change += taken;
            sheet.earned("accrued", name, *change);
        }
        sheet.earned("realised", VAULT, shift + unread);
        sheet.entry(now.reference(), now.time, format!("block {}", now.block))
    }

    /// What a rebalance shifted, and what it cost.
    pub(crate) fn shifted(&self, moved: &Moved) -> Option<JournalEntry> {
        let mut sheet = Sheet::default();
        let result = moved.nav_after - moved.nav_before;
        let into = moved.legs.iter().map(|leg| leg.after - leg.before).sum::<i128>();
        for MovedLeg { venue: name, before, after } in &moved.legs {
            sheet.add(venue(name), after - before);
            if after < before {
                self.realise(&mut sheet, name, before - after, *before);
            }
        }
        sheet.add(IDLE, result - into);
        sheet.earned("realised", VAULT, result);
        sheet.entry(format!("move:{}", moved.tx), moved.time, "rebalance".to_owned())
    }

    /// What a transaction cost whoever keeps the vault: it is not the vault's money.
    pub(crate) fn gas(&self, paid: &GasPaid) -> Option<JournalEntry> {
        let mut sheet = Sheet::default();
        sheet.add("expense:gas:eth", paid.wei);
        sheet.add("equity:keeper:eth", -paid.wei);
        if let Some(usd) = paid.usd {
            sheet.add(GAS_USD, usd);
            sheet.add("equity:keeper:usd", -usd);
        }
        sheet.entry(format!("gas:{}", paid.tx), paid.time, paid.purpose.clone())
    }

    /// `part` of `whole` leaves a venue, and with it that part of what it had earned and lost.
    fn realise(&self, sheet: &mut Sheet, name: &str, part: i128, whole: i128) {
        for kind in ["income", "expense"] {
            let accrued = self.balance(&format!("{kind}:accrued:{name}"));
            let (part, whole) = (part.unsigned_abs(), whole.unsigned_abs());
            let share = mul_div_floor(accrued.unsigned_abs(), part.min(whole), whole).unwrap_or_default();
            let share = i128::try_from(share).unwrap_or_default() * accrued.signum();
            sheet.add(format!("{kind}:accrued:{name}"), -share);
            sheet.add(format!("{kind}:realised:{name}"), share);
        }
    }

    /// Posts an entry, with the accounts that it needs. One that is posted already changes nothing.
    pub(crate) async fn post(&mut self, history: &History, entry: JournalEntry) -> Result<(), HistoryError> {
        for posting in &entry.postings {
            if !self.open.contains(&posting.account) {
                history.open_account(&account(&posting.account)).await?;
                self.open.insert(posting.account.clone());
            }
        }
        history.post(&entry).await?;
        self.take(entry);
        Ok(())
    }

    fn take(&mut self, entry: JournalEntry) {
        for posting in &entry.postings {
            *self.balances.entry(posting.account.clone()).or_default() += posting.amount;
        }
        if entry.reference.starts_with(SNAPSHOT) {
            self.newest = Some(entry);
        }
    }
}

fn venue(name: &str) -> String {
    format!("{VENUE}{name}")
}

/// What an account of a code is.
fn account(code: &str) -> Account {
    let kind = match code.split(':').next() {
        Some("assets") => AccountKind::Asset,
        Some("income") => AccountKind::Income,
        Some("expense") => AccountKind::Expense,
        _ => AccountKind::Equity,
    };
    let unit = match code.rsplit(':').next() {
        Some("eth") if code.contains(":gas:") || code.contains(":keeper:") => "ETH",
        Some("usd") if code.contains(":gas:") || code.contains(":keeper:") => "USD",
        _ => "USDC",
    };
    Account { code: code.to_owned(), kind, unit: unit.to_owned() }
}

/// What `wei` are in millionths of a dollar, rounded down.
pub(crate) fn wei_in_usd(wei: u128, eth_usd: Wad) -> Option<u128> {
    // wei · 1e-18 · (price · 1e-18) · 1e6 = wei · price / 1e30
    mul_div_floor(wei, eth_usd.0, 10_u128.pow(30))
}

#[cfg(test)]
mod tests;
