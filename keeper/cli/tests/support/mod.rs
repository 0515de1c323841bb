//! A devnet with money in the vault, and the `ballast` binary run against it as its operator would.
#![allow(dead_code, unused_imports, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../../src/local/blocks.rs"]
mod blocks;
mod endpoint;
mod family;
mod keeper;
mod kms;

pub use endpoint::{Endpoint, Illness};
pub use family::Family;
pub use keeper::{Finished, Keeper, Running};
pub use kms::enable;

use alloy::{
    primitives::{Address, B256},
    providers::{DynProvider, Provider},
    rpc::types::Filter,
    sol_types::SolEvent,
};
use ballast_chain::{
    bindings::{RebalanceExecuted, StrategyHub},
    rebalances,
};
use ballast_devnet::{
    Devnet, DevnetConfig, accounts::Role, address_book::AddressBook, deploy::Terms, market::Market, prepared,
};
use ballast_store::{Attempt, Location, State, Store, Subject};
use serde_json::json;
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// What the depositor brings, base units of USDC.
pub const DEPOSIT: u64 = 50_000_000_000;
pub const HOUR: u64 = 3_600;
/// Real time between blocks where they come by themselves: long enough for a bundle to be simulated, signed and sent.
pub const BLOCK_TIME: Duration = Duration::from_millis(1_500);
/// How long anything that is waited for may take.
pub const PATIENCE: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(20);

pub fn project_root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// A devnet of its own for each test. Blocks are built on demand until an interval is started.
#[derive(Debug)]
pub struct Stage {
    pub devnet: Devnet,
    pub book: AddressBook,
    directory: TempDir,
}

impl Stage {
    /// The protocols and an empty vault; every feed has just answered.
    pub async fn empty() -> Self {
        Self::under(&Terms::default()).await
    }

    /// As [`Self::empty`], configured otherwise.
    pub async fn under(terms: &Terms) -> Self {
        Self::on(DevnetConfig::new(project_root()), terms).await
    }

    /// As [`Self::under`], on a devnet of this kind.
    pub async fn on(config: DevnetConfig, terms: &Terms) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (devnet, book) = prepared::start(config, terms, directory.path()).await.unwrap();
        let stage = Self { devnet, book, directory };
        stage.market().refresh_feeds().await.unwrap();
        stage
    }

    /// With [`DEPOSIT`] in the vault, which the keeper would put to work.
    pub async fn funded() -> Self {
        let stage = Self::empty().await;
        stage.deposit(DEPOSIT).await;
        stage
    }

    /// A depositor brings this, in base units of USDC.
    pub async fn deposit(&self, amount: u64) {
        let depositor = Role::Depositor(0);
        self.market().mint_usdc(depositor.address().unwrap(), amount).await.unwrap();
        self.market().deposit(depositor, amount).await.unwrap();
    }

    pub fn market(&self) -> Market<'_> {
        Market::new(&self.devnet, &self.book).unwrap()
    }

    pub fn rpc(&self) -> DynProvider {
        self.market().rpc().clone()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// The binary with the devnet's configuration and secrets.
    pub fn keeper(&self) -> Keeper {
        Keeper::new(&self.book, self.directory.path())
    }

    pub async fn build_block(&self) {
        self.devnet.builder().build_block().await.unwrap();
    }

    /// Replaces the block of a transaction and all that came after by as many blocks without it.
    pub async fn reorganise_away(&self, tx_hash: B256) {
        let rpc = self.rpc();
        let block = rpc.get_transaction_receipt(tx_hash).await.unwrap().unwrap().block_number.unwrap();
        let depth = rpc.get_block_number().await.unwrap() - block + 1;
        let options = serde_json::json!([depth, []]);
        rpc.raw_request::<_, serde_json::Value>("anvil_reorg".into(), options).await.unwrap();
        assert!(rpc.get_transaction_receipt(tx_hash).await.unwrap().is_none());
    }

    /// Runs while blocks come by themselves.
    pub async fn with_blocks<T>(&self, work: impl Future<Output = T>) -> T {
        self.devnet.builder().start_interval(BLOCK_TIME).await;
        let done = work.await;
        self.devnet.builder().stop_interval().await;
        done
    }

    /// One cycle, with a block for each bundle as soon as the relay has it: no race with a clock.
    pub async fn cycle(&self, keeper: &Keeper) -> Finished {
        self.with_block_per_bundle(keeper, keeper.run(&["run", "--once", "--json"])).await
    }

    /// Runs while each attempt that was handed over gets its block.
    pub async fn with_block_per_bundle<T>(&self, keeper: &Keeper, work: impl Future<Output = T>) -> T {
        let (rpc, store) = (self.rpc(), keeper.location());
        tokio::select! {
            biased;
            done = work => done,
            failed = blocks::block_per_bundle(&self.devnet, &rpc, &store) => match failed.unwrap() {},
        }
    }

    /// Decision hash and transaction of every rebalance that the chain has seen.
    pub async fn rebalances(&self) -> Vec<(B256, B256)> {
        let filter = Filter::new()
            .address(self.book.contracts.hub)
            .event_signature(RebalanceExecuted::SIGNATURE_HASH)
            .from_block(0);
        let logs = self.rpc().get_logs(&filter).await.unwrap();
        let decision = |log: &alloy::rpc::types::Log| {
            let log = std::slice::from_ref(&log.inner);
            rebalances(self.book.contracts.hub, log).next().unwrap().unwrap().decision_hash
        };
        logs.iter().map(|log| (decision(log), log.transaction_hash.unwrap())).collect()
    }

    /// The chain and the store tell the same story: every rebalance on the chain is of a recorded decision, none landed
    /// twice, everything recorded as landed did, nothing is left open, and each can be replayed. Returns how many there are.
    pub async fn assert_consistent(&self, keeper: &Keeper) -> usize {
        let events = self.rebalances().await;
        let landed: BTreeMap<B256, B256> = events.iter().copied().collect();
        assert_eq!(landed.len(), events.len(), "a decision landed twice: {events:?}");
        let nonce = StrategyHub::new(self.book.contracts.hub, self.rpc()).nonce().call().await.unwrap();
        assert_eq!(nonce, events.len() as u64, "the hub's nonce counts its rebalances");

        let store = keeper.store().await;
        assert_eq!(store.open_attempts().await.unwrap(), []);
        assert_eq!(store.verify_audit(None).await.unwrap().fault, None);
        let mut recorded = BTreeMap::new();
        for decision in store.decisions(1_000).await.unwrap() {
            let attempts = store.attempts(Subject::Decision(decision.hash)).await.unwrap();
            for attempt in attempts.iter().filter(|attempt| attempt.state.is_on_chain()) {
                assert_eq!(attempt.state, State::Final, "{attempt:?}");
                let earlier = recorded.insert(decision.hash, attempt.facts.tx_hash.unwrap());
                assert_eq!(earlier, None, "{} is recorded as landed twice", decision.hash);
            }
        }
        assert_eq!(recorded, landed, "recorded (left) and on the chain (right)");
        store.close().await;
        for tx in landed.values() {
            let replay = keeper.run(&["replay", &tx.to_string(), "--json"]).await;
            assert_eq!((replay.code, &replay.json()["equal"]), (Some(0), &json!(true)), "{replay:?}");
        }
        landed.len()
    }

    pub async fn set_code(&self, address: Address, code: &str) {
        let _: () = self.rpc().raw_request("anvil_setCode".into(), json!([address, code])).await.unwrap();
    }

    pub async fn code(&self, address: Address) -> String {
        self.rpc().get_code_at(address).await.unwrap().to_string()
    }
}

/// The store, as soon as the keeper has made it.
pub async fn store_when_there(path: &Path) -> Store {
    store_at(&Location::Sqlite(path.to_owned())).await
}

/// The same wherever it is.
pub async fn store_at(location: &Location) -> Store {
    until("a store", async || Store::open_read_only_at(location).await.ok()).await
}

/// The newest attempt to land a decision, in whatever state.
pub async fn newest_attempt(store: &Store) -> Option<Attempt> {
    for decision in store.decisions(100).await.unwrap() {
        if let Some(attempt) = store.attempts(Subject::Decision(decision.hash)).await.unwrap().pop() {
            return Some(attempt);
        }
    }
    None
}

/// Asks until there is an answer.
pub async fn until<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let started = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(started.elapsed() < PATIENCE, "waited {PATIENCE:?} for {what}");
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
