//! A devnet with money in the vault, and keepers beside it.

use super::timeline::{Incident, Incidents, Level, NOTIFY, Timeline, Who};
use crate::local::{
    MAX_POSITION,
    blocks::block_per_bundle,
    keeper_process::{KeeperProcess, Line, RunningKeeper},
};
use alloy::{
    primitives::{Address, B256},
    providers::{DynProvider, Provider},
    rpc::types::Filter,
    sol_types::SolEvent,
};
use ballast_chain::bindings::RebalanceExecuted;
use ballast_devnet::{
    Devnet, DevnetConfig, Endpoint,
    accounts::Role,
    address_book::{AddressBook, Venue},
    deploy::Terms,
    keeper_config::keeper_config,
    market::Market,
    prepared,
};
use ballast_service::{Config, Observer};
use ballast_store::{Attempt, Location, State, Store, Subject};
use ballast_types::{Snapshot, VenueReading};
use eyre::{OptionExt, WrapErr, bail, ensure};
use serde_json::Value;
use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// What the depositor brings, base units of USDC.
pub(super) const DEPOSIT: u64 = 50_000_000_000;
/// What the venues' rounding may leave of a position, base units (`DUST` of the contracts).
pub(super) const DUST: u128 = 2;
/// How long anything may take before the drill gives up on it. It is never what a step is held against.
const PATIENCE: Duration = Duration::from_secs(120);
const LOOK_EVERY: Duration = Duration::from_millis(20);
const ENDPOINTS: usize = 3;
/// Blocks from one decision of the service to the next (`execution.decide_every` of the devnet's configuration).
pub(super) const DECIDE_EVERY: u64 = 5;
/// Enough for any exit of the devnet's four venues.
pub(super) const EXIT_GAS: u64 = 15_000_000;

pub(super) struct Scene {
    pub(super) devnet: Devnet,
    pub(super) book: AddressBook,
    pub(super) observer: Observer,
    pub(super) keeper: KeeperProcess,
    /// Of three operators; a quorum is two.
    pub(super) endpoints: Vec<Endpoint>,
    store: Location,
    directory: PathBuf,
    aloud: bool,
    /// What has been told.
    pub(super) incidents: Incidents,
}

impl Scene {
    /// An empty vault; every feed has just answered. Files go to `directory`.
    pub(super) async fn start(root: &Path, directory: &Path, aloud: bool) -> eyre::Result<Self> {
        let (devnet, book) = prepared::start(DevnetConfig::new(root), &Terms::default(), directory).await?;
        let mut endpoints = Vec::new();
        for _ in 0..ENDPOINTS {
            endpoints.push(devnet.another_endpoint().await?);
        }
        let urls: Vec<String> = endpoints.iter().map(|endpoint| format!("\"{}\"", endpoint.url())).collect();
        let one = format!("rpc = [\"{}\"]", book.endpoints.rpc);
        let text = keeper_config(&book, MAX_POSITION).replace(&one, &format!("rpc = [{}]", urls.join(", ")));
        let path = directory.join("keeper.toml");
        fs::write(&path, text)?;
        let config = Config::load(&path)?;
        ensure!(config.chain.rpc.len() == ENDPOINTS, "the keeper's endpoints are {:?}", config.chain.rpc);
        Market::new(&devnet, &book)?.refresh_feeds().await?;
        let observer = Observer::connect(&config).await?;
        let (keeper, store) = (KeeperProcess { config: path }, config.store.location()?);
        let (directory, incidents) = (directory.to_owned(), Incidents::default());
        Ok(Self { devnet, book, observer, keeper, endpoints, store, directory, aloud, incidents })
    }

    /// [`DEPOSIT`] comes into the vault. Returns its block.
    pub(super) async fn deposit(&self) -> eyre::Result<u64> {
        let market = self.market()?;
        market.mint_usdc(Role::Depositor(0).address()?, DEPOSIT).await?;
        market.deposit(Role::Depositor(0), DEPOSIT).await?.block_number.ok_or_eyre("no block")
    }

    pub(super) fn market(&self) -> eyre::Result<Market<'_>> {
        Ok(Market::new(&self.devnet, &self.book)?)
    }

    pub(super) fn rpc(&self) -> eyre::Result<DynProvider> {
        Ok(self.market()?.rpc().clone())
    }

    pub(super) async fn head(&self) -> eyre::Result<u64> {
        Ok(self.rpc()?.get_block_number().await?)
    }

    /// Builds so many blocks at once, and returns the number of the last.
    pub(super) async fn build(&self, blocks: u64) -> eyre::Result<u64> {
        for _ in 0..blocks {
            self.devnet.builder().build_block().await?;
        }
        self.head().await
    }

    /// An incident that happened in `block`, just now, and is to be over within what its level promises.
    pub(super) async fn incident(
        &self,
        level: Level,
        title: &'static str,
        what: impl Into<String>,
        block: u64,
    ) -> eyre::Result<Timeline> {
        self.incident_within(level, level.target(), title, what, block).await
    }

    /// The same with a time of its own, seconds.
    pub(super) async fn incident_within(
        &self,
        level: Level,
        target: u64,
        title: &'static str,
        what: impl Into<String>,
        block: u64,
    ) -> eyre::Result<Timeline> {
        let incident = Incident { level, title, target, steps: Vec::new() };
        Timeline::begin(self.rpc()?, &self.incidents, incident, (what.into(), block), self.aloud).await
    }

    /// A keeper as a service; its log lines go to `<name>.log`.
    pub(super) fn spawn(&self, arguments: &[&str], name: &str) -> eyre::Result<RunningKeeper> {
        self.keeper.spawn(arguments, &self.directory.join(format!("{name}.log")))
    }

    /// [`DEPOSIT`] comes, and a service has put it to work.
    pub(super) async fn invested(&self) -> eyre::Result<RunningKeeper> {
        self.deposit().await?;
        let mut service = self.spawn(&["run"], "keeper")?;
        let done = self
            .serving("the first rebalance", async || service.said("rebalance", |fields| fields["state"] == "Final"));
        done.await?;
        Ok(service)
    }

    /// Looks until there is an answer. No block is built meanwhile.
    pub(super) async fn until<T>(
        &self,
        what: &str,
        mut look: impl AsyncFnMut() -> eyre::Result<Option<T>>,
    ) -> eyre::Result<T> {
        let started = Instant::now();
        loop {
            if let Some(found) = look().await.wrap_err_with(|| format!("while waiting for {what}"))? {
                return Ok(found);
            }
            ensure!(started.elapsed() < PATIENCE, "waited {PATIENCE:?} for {what}");
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// As [`Self::until`], with a block for each bundle as soon as the relay has it.
    pub(super) async fn serving<T>(
        &self,
        what: &str,
        look: impl AsyncFnMut() -> eyre::Result<Option<T>>,
    ) -> eyre::Result<T> {
        let rpc = self.rpc()?;
        tokio::select! {
            biased;
            found = self.until(what, look) => found,
            failed = block_per_bundle(&self.devnet, &rpc, &self.store) => match failed? {},
        }
    }

    /// Waits for a log line of the keeper while bundles get their blocks.
    pub(super) async fn said(
        &self,
        keeper: &mut RunningKeeper,
        message: &str,
        wanted: impl Fn(&Value) -> bool,
    ) -> eyre::Result<Line> {
        self.serving(&format!("{message:?} in the log"), async || keeper.said(message, &wanted)).await
    }

    /// A subcommand of the operator, with a block for each bundle.
    pub(super) async fn operator(&self, arguments: &[&str]) -> eyre::Result<Value> {
        let rpc = self.rpc()?;
        tokio::select! {
            biased;
            done = self.keeper.call(arguments) => done,
            failed = block_per_bundle(&self.devnet, &rpc, &self.store) => match failed? {},
        }
    }

    /// Every event of a kind that a contract logged from `block` on, with its block.
    pub(super) async fn events<E: SolEvent>(&self, contract: Address, block: u64) -> eyre::Result<Vec<(u64, E)>> {
        let filter = Filter::new().address(contract).event_signature(E::SIGNATURE_HASH).from_block(block);
        let logs = self.rpc()?.get_logs(&filter).await?;
        let event = |log: &alloy::rpc::types::Log| {
            let block = log.block_number.ok_or_eyre("an event without a block")?;
            Ok((block, E::decode_log(&log.inner)?.data))
        };
        logs.iter().map(event).collect()
    }

    /// Waits for one while bundles get their blocks.
    pub(super) async fn first_event<E: SolEvent>(&self, contract: Address, block: u64) -> eyre::Result<(u64, E)> {
        self.serving(E::SIGNATURE, async || Ok(self.events::<E>(contract, block).await?.into_iter().next())).await
    }

    pub(super) async fn store(&self) -> eyre::Result<Store> {
        self.until("a store", async || Ok(Store::open_read_only_at(&self.store).await.ok())).await
    }

    /// Chain and store tell the same: each rebalance on the chain is of a recorded decision, each decision landed at most once, and
    /// nothing is under way. Returns how many there were.
    pub(super) async fn exactly_once(&self) -> eyre::Result<usize> {
        let landed: Vec<B256> = self
            .events::<RebalanceExecuted>(self.book.contracts.hub, 0)
            .await?
            .into_iter()
            .map(|(_, event)| event.decisionHash)
            .collect();
        let store = self.store().await?;
        let open = store.open_attempts().await?;
        ensure!(open.is_empty(), "attempts are still under way: {open:?}");
        for hash in &landed {
            let attempts = store.attempts(Subject::Decision(*hash)).await?;
            let on_chain = attempts.iter().filter(|attempt| attempt.state == State::Final).count();
            ensure!(
                on_chain == 1,
                "decision {hash} is on the chain, and {on_chain} attempts of it in the store are final"
            );
            let times = landed.iter().filter(|other| *other == hash).count();
            ensure!(times == 1, "decision {hash} landed {times} times");
        }
        store.close().await;
        Ok(landed.len())
    }

    /// The newest attempt of the newest decision that has any.
    pub(super) async fn newest_attempt(&self, store: &Store) -> eyre::Result<Option<Attempt>> {
        for decision in store.decisions(100).await? {
            if let Some(attempt) = store.attempts(Subject::Decision(decision.hash)).await?.pop() {
                return Ok(Some(attempt));
            }
        }
        Ok(None)
    }

    pub(super) async fn snapshot(&self) -> eyre::Result<Snapshot> {
        Ok(self.observer.snapshot().await?)
    }

    /// A listed venue, and that the vault has money in it.
    pub(super) async fn invested_in(&self, venue: Address) -> eyre::Result<&Venue> {
        let venue = self.book.venues.iter().find(|listed| listed.venue == venue).ok_or_eyre("it is not listed")?;
        let held = value_of(&self.snapshot().await?, venue.adapter)?;
        ensure!(held > DUST, "the vault holds {held} units in {}, so its incident would show little", venue.name);
        Ok(venue)
    }

    pub(super) async fn shutdown(self) -> eyre::Result<()> {
        Ok(self.devnet.shutdown().await?)
    }
}

/// What a position is worth, base units.
pub(super) fn value_of(snapshot: &Snapshot, adapter: Address) -> eyre::Result<u128> {
    let venue =
        snapshot.venues.iter().find(|venue| venue.adapter == adapter).ok_or_eyre("a venue that is not observed")?;
    match &venue.reading {
        VenueReading::Read { value, .. } => Ok(value.0),
        VenueReading::Unreadable { why } => bail!("{} cannot be read: {why}", venue.name),
    }
}

/// The keeper says what the kill switch was made to do, so that whoever watches its journal is told.
pub(super) async fn notified(scene: &Scene, service: &mut RunningKeeper, time: &Timeline) -> eyre::Result<()> {
    let line = scene.said(service, "kill switch", |fields| fields["state"] == "final").await?;
    ensure!(line.level == "WARN", "it is said at level {}, which wakes nobody", line.level);
    time.step(Who::Keeper, "says what it did, as a warning in the journal", scene.head().await?, NOTIFY).await
}
