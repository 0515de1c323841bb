//! The task that writes, one cycle after the other in the order of their blocks.

mod postings;

use super::{
    Memory, Remembered, Seen, Sources, Told, alerts,
    books::{Books, SNAPSHOT, Valued},
    landed::{Silent, flows},
    names::Names,
    outcomes::{self, Verdict},
    portfolio::{self, Closes, eve_of_year},
    readings, variations,
};
use alloy::primitives::B256;
use ballast_risk::{FeedHealth, assess};
use ballast_store::history::{Horizon, JournalEntry, OnBadRow, Reading};
use ballast_store::{CallId, History, HistoryError, Location, StoreError, StoredDecision};
use ballast_types::{Action, Doubt, Observation, Policy, Snapshot, Wad};
use std::{
    collections::{BTreeSet, VecDeque},
    os::unix::fs::MetadataExt,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};

/// Cycles that wait for a history that cannot be written; then the oldest is given up.
const WAITING: usize = 256;
/// Between two tries while no cycle comes.
const AGAIN: Duration = Duration::from_secs(30);
/// Decisions in the store that are looked through after a start for what is not written yet.
const LOOKED_THROUGH: u32 = 512;
/// Calls (heartbeats, trips) that are looked through for their gas: in each cycle, and after a start.
const CALLS: u32 = 16;
const CALLS_AT_START: u32 = 512;
/// Decisions that are judged in one cycle.
const JUDGED: usize = 32;
/// Between two refreshes of the daily averages (SPEC D6), and of what the scores take from the past.
const REFRESH: u64 = 3_600;
/// How far back a snapshot's block is looked for on the chain when the newest is not there any more.
const REORGANISED: u64 = 3_600;
const DAY: u64 = 86_400;

#[derive(Debug, thiserror::Error)]
enum WriteError {
    #[error(transparent)]
    History(#[from] HistoryError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("{0} was moved or removed while it was open")]
    Gone(Location),
}

/// An open history, and what is known of it.
struct Open {
    history: Arc<History>,
    /// Of the file, so that one that was moved away is noticed.
    file: Option<(u64, u64)>,
    books: Books,
    closes: Closes,
    /// The block time up to which everything is written, Unix seconds.
    written: Option<u64>,
    /// Calls up to this one were looked at.
    calls: CallId,
    eth_usd: Option<Wad>,
    refreshed: u64,
    /// The year's beginning as a day, and the millionths of a dollar that gas had cost by then.
    year: Option<(u64, i128)>,
    /// What cannot be judged, until the next start.
    passed_over: BTreeSet<(B256, Horizon)>,
}

struct Writer {
    sources: Sources,
    memory: Arc<Memory>,
    open: Option<Open>,
    waiting: VecDeque<Told>,
}

pub(super) async fn run(sources: Sources, mut hears: mpsc::Receiver<Told>, memory: Arc<Memory>) {
    let mut writer = Writer { sources, memory, open: None, waiting: VecDeque::new() };
    // What an earlier run left is written before the first cycle comes.
    writer.write().await;
    loop {
        let again = Instant::now() + AGAIN;
        tokio::select! {
            told = hears.recv() => match told {
                None => return,
                Some(Told::Flush(done)) => {
                    writer.write().await;
                    // Whoever waited may be gone.
                    done.send(()).unwrap_or_default();
                    continue;
                }
                Some(told) => writer.waiting.push_back(told),
            },
            () = sleep_until(again), if !writer.waiting.is_empty() || writer.open.is_none() => {}
        }
        while writer.waiting.len() > WAITING {
            writer.waiting.pop_front();
            writer.failed();
        }
        writer.write().await;
    }
}

impl Writer {
    fn failed(&self) -> u64 {
        self.memory.failures.fetch_add(1, Ordering::Relaxed).saturating_add(1)
    }

    /// Everything that waits, up to the first that fails.
    async fn write(&mut self) {
        if let Err(error) = self.try_write().await {
            let (failures, waiting) = (self.failed(), self.waiting.len());
            tracing::error!(%error, failures, waiting, "the history was not written; it is tried again with the next cycle");
            // What is in memory may be ahead of what is on disk; it is read anew.
            self.open = None;
            self.memory.set_history(None);
        }
    }

    async fn try_write(&mut self) -> Result<(), WriteError> {
        if let Some(open) = &self.open
            && open.file != inode(&self.sources.location)
        {
            return Err(WriteError::Gone(self.sources.location.clone()));
        }
        if self.open.is_none() {
            let mut open = Open::new(&self.sources).await?;
            open.catch_up(&self.sources).await?;
            self.memory.set_history(Some(open.history.clone()));
            self.open = Some(open);
        }
        let Some(open) = &mut self.open else { return Ok(()) };
        while let Some(next) = self.waiting.front() {
            match next {
                Told::Seen(seen) => {
                    open.seen(&self.sources, seen).await?;
                    self.memory.set_remembered(open.remembered().await?);
                }
                Told::Executed(decision) => open.executed(&self.sources, *decision).await?,
                Told::Flush(_) => {}
            }
            self.waiting.pop_front();
        }
        Ok(())
    }
}

/// Device and number of a SQLite file.
fn inode(location: &Location) -> Option<(u64, u64)> {
    let Location::Sqlite(path) = location else { return None };
    std::fs::metadata(path).ok().map(|file| (file.dev(), file.ino()))
}

impl Open {
    async fn new(sources: &Sources) -> Result<Self, WriteError> {
        let history = History::open(&sources.location).await?;
        let (books, written) = (Books::load(&history).await?, history.newest_decision().await?);
        let newest = books.newest.as_ref().map_or(0, |entry| entry.timestamp).max(written.unwrap_or_default());
        let closes = Closes::load(&history, newest).await?;
        let file = inode(&sources.location);
        let history = Arc::new(history);
        let (calls, eth_usd, refreshed, year, passed_over) = (CallId(0), None, 0, None, BTreeSet::new());
        Ok(Self { history, file, books, closes, written, calls, eth_usd, refreshed, year, passed_over })
    }

    /// What the store has and the history has not: decisions of the last run, and what landed of them.
    async fn catch_up(&mut self, sources: &Sources) -> Result<(), WriteError> {
        let stored = match sources.store.decisions(LOOKED_THROUGH).await {
            Ok(stored) => stored,
            Err(StoreError::Record(error)) => {
                tracing::info!(%error, "decisions of an earlier version are not written to the history");
                Vec::new()
            }
            Err(error) => return Err(error.into()),
        };
        for decision in stored.iter().rev() {
            let time = decision.record.snapshot.block.timestamp;
            if self.written.is_none_or(|written| time > written) {
                let (snapshot, decision) = (decision.record.snapshot.clone(), Some(decision.hash));
                let seen = Seen { snapshot, decision, heard: Vec::new(), known_at: 0 };
                self.seen(sources, &seen).await?;
            }
            if matches!(decision.record.decision.action, Action::Rebalance { .. }) {
                self.executed_of(sources, decision).await?;
            }
        }
        self.pay_calls(sources, CALLS_AT_START).await
    }

    /// Everything that follows from a snapshot. The note of the decision comes last: it says that the rest is there.
    async fn seen(&mut self, sources: &Sources, seen: &Seen) -> Result<(), WriteError> {
        let Seen { snapshot, decision, heard, known_at } = seen;
        self.hear(heard).await?;
        let stored = match decision {
            Some(hash) => sources.store.decision(*hash).await?,
            None => None,
        };
        let time = snapshot.block.timestamp;
        if self.written.is_none_or(|written| time > written) {
            // Of a decision the store knows when it was made, and says the same after a crash.
            let known_at = stored.as_ref().map_or(*known_at, |stored| stored.created_ms / 1_000).max(time);
            // What a decision went by is in its record, also after a crash.
            let policy = stored.as_ref().map(|stored| stored.record.policy.clone());
            let policy = policy.unwrap_or_else(|| sources.scorer.judged(snapshot, heard));
            self.observe(sources, snapshot, &policy, known_at).await?;
        }
        if let Some(StoredDecision { hash, record, .. }) = &stored {
            let action = if record.decision.targets().is_empty() { "hold" } else { "rebalance" };
            self.history.index_decision(*hash, time, snapshot.block.number, action).await?;
        }
        self.written = self.written.max(Some(time));
        self.pay_calls(sources, CALLS).await?;
        self.judge(sources, time).await?;
        if time.saturating_sub(self.refreshed) >= REFRESH {
            self.history.refresh_daily_apy().await?;
            sources.scorer.remember(variations(&self.history, snapshot).await?);
            self.refreshed = time;
        }
        Ok(())
    }

    /// What publishers said. One that takes back its word is put aside, and stops no other; what is there already changes nothing.
    async fn hear(&self, heard: &[Observation]) -> Result<(), WriteError> {
        let names: Vec<String> = heard.iter().map(|said| said.series().to_string()).collect();
        let seconds = |time| i64::try_from(time).unwrap_or(i64::MAX);
        let rows = heard.iter().zip(&names).map(|(said, series)| Reading {
            series,
            source: said.source(),
            time: seconds(said.time()),
            known_at: seconds(said.known_at()),
            value: said.value(),
        });
        self.history.ingest(&rows.collect::<Vec<_>>(), OnBadRow::Quarantine { origin: "market" }).await?;
        Ok(())
    }

    async fn observe(
        &mut self,
        sources: &Sources,
        snapshot: &Snapshot,
        policy: &Policy,
        known_at: u64,
    ) -> Result<(), WriteError> {
        alerts::keep(&self.history, snapshot).await?;
        // What endpoints do not agree on is nobody's history.
        if snapshot.doubts.iter().any(|doubt| matches!(doubt, Doubt::RpcDisagreement { .. })) {
            return Ok(());
        }
        let names = Names::of_snapshot(snapshot);
        let measured = readings::measured(snapshot, &names);
        let rows = readings::readings(&measured, snapshot.block.timestamp, known_at);
        // A block of the same second on another branch may say otherwise: that row is put aside, and stops no other.
        self.history.ingest(&rows, OnBadRow::Quarantine { origin: "keeper" }).await?;
        self.history.put_metrics(&readings::metrics(snapshot, policy, &names)?).await?;
        self.eth_usd = eth_price(snapshot).or(self.eth_usd);
        self.value(sources, snapshot, &names).await
    }

    /// Brings the books to the snapshot, and writes the portfolio's row.
    async fn value(&mut self, sources: &Sources, snapshot: &Snapshot, names: &Names) -> Result<(), WriteError> {
        let now = match Valued::of(snapshot, names) {
            Ok(now) => now,
            Err(error) => {
                tracing::error!(%error, "a snapshot cannot be booked");
                return Ok(());
            }
        };
        let newest = self.books.newest.as_ref().map(|entry| entry.timestamp);
        if newest.is_some_and(|newest| newest > now.time) {
            return Ok(());
        }
        if newest != Some(now.time) {
            let posted = self.posted().await?;
            let provider = sources.pool.primary();
            let flows = match flows(provider, snapshot.vault.address, &posted, (now.block, now.hash)).await {
                Ok(flows) => flows,
                Err(error) => {
                    wait_for_chain(&error);
                    return Ok(());
                }
            };
            if let Some(entry) = self.books.revaluation(&now, flows) {
                self.books.post(&self.history, entry).await?;
            }
        }
        let times = now.time..now.time.saturating_add(1);
        if self.history.snapshots(times).await?.is_empty() {
            let row = portfolio::row(&now, &self.books, &self.closes)?;
            self.history.put_snapshot(&row).await?;
            self.closes.note(&row);
        }
        Ok(())
    }

    /// Snapshots in the books, newest first, as far back as a reorganisation may reach.
    async fn posted(&self) -> Result<Vec<JournalEntry>, HistoryError> {
        let Some(newest) = &self.books.newest else { return Ok(Vec::new()) };
        let from = newest.timestamp.saturating_sub(REORGANISED);
        let mut entries = self.history.entries(from..newest.timestamp.saturating_add(1)).await?;
        entries.retain(|entry| entry.reference.starts_with(SNAPSHOT));
        entries.reverse();
        Ok(entries)
    }

    /// Judges what is due, oldest first, as far as the history reaches.
    async fn judge(&mut self, sources: &Sources, now: u64) -> Result<(), WriteError> {
        let mut due = self.history.outcomes_due(now).await?;
        due.retain(|due| !self.passed_over.contains(&(due.decision, due.horizon)));
        for due in due.into_iter().take(JUDGED) {
            let stored = match sources.store.decision(due.decision).await {
                Ok(Some(stored)) => stored,
                // Of another store, or an earlier version: nobody can tell what its alternatives were.
                Ok(None) | Err(StoreError::Record(_)) => {
                    self.passed_over.insert((due.decision, due.horizon));
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            match outcomes::judge(&self.history, &stored.record, &due, now).await? {
                Verdict::Judged(outcome) => self.history.put_outcome(&outcome).await?,
                Verdict::NotYet => {}
                Verdict::Unknown(why) => {
                    let days = due.horizon.days();
                    tracing::info!(decision = %due.decision, days, why, "a decision cannot be judged");
                    self.passed_over.insert((due.decision, due.horizon));
                }
            }
        }
        Ok(())
    }

    async fn remembered(&mut self) -> Result<Remembered, HistoryError> {
        let now = self.written.unwrap_or_default();
        let eve = eve_of_year(now);
        let paid = match self.year {
            Some((of, paid)) if of == eve => paid,
            _ => {
                let began = self.history.trial_balance((eve + 1).saturating_mul(DAY)).await?;
                let paid = began.iter().find(|(account, _)| account.code == "expense:gas:usd");
                paid.map_or(0, |(_, amount)| *amount)
            }
        };
        self.year = Some((eve, paid));
        Ok(Remembered {
            performance: self.closes.performance(eve),
            gas_this_year: (self.books.gas_usd() - paid) as f64 / 1e6,
            alerts: self.history.unresolved_alerts().await?,
        })
    }
}

fn eth_price(snapshot: &Snapshot) -> Option<Wad> {
    match assess(&snapshot.eth_usd, snapshot.block.timestamp) {
        FeedHealth::Healthy { price } => Some(price),
        FeedHealth::Depegged { .. } | FeedHealth::Unhealthy { .. } => None,
    }
}

fn wait_for_chain(error: &Silent) {
    tracing::warn!(%error, "the ledger waits for the chain; the next snapshot makes up for it");
}
