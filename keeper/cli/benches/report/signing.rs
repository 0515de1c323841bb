//! How long the keeper takes from a decision to the signed transaction.
//!
//! The executor of the service with SQLite and the attestor's policy, and with both keys in memory instead of KMS.
//! Nothing lands: the relay of this bench takes the time and refuses, so that each round starts from the same vault.

use crate::{chain, sample::Sample};
use alloy::primitives::{B256, keccak256};
use ballast_allocator::{record, replay};
use ballast_chain::{Reader, RpcPool, Simulator, SpecId};
use ballast_devnet::{
    Devnet, DevnetConfig,
    address_book::AddressBook,
    deploy::{ATTESTOR_ALIAS, KEEPER_ALIAS, Terms},
    keeper_config::{HUB_MAX_POSITION, keeper_config},
    market::Market,
    prepared,
};
use ballast_executor::{
    Attestor, AttestorBounds, DEV_CHAIN_ID, DevKeySigner, Executor, ExecutorConfig, MAX_PROOF_VALIDITY, Offer, Parts,
    Relay, RelayError, RpcChain, Scope, Signer, Submission, fees::FeeCaps,
};
use ballast_service::Config;
use ballast_store::Store;
use ballast_types::{Action, Bps, DecisionRecord};
use eyre::{OptionExt, ensure};
use std::{
    fs,
    path::Path,
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::Notify;

const ROUNDS: usize = 100;
const WARM_UP: usize = 5;
const MAX_NAV_LOSS: Bps = Bps(1);

/// With so many endpoints.
#[derive(Debug)]
pub(crate) struct Row {
    pub(crate) endpoints: usize,
    pub(crate) signed: Sample,
    /// A snapshot of everything that the decision depends on, before each: the unit.
    pub(crate) snapshot: Sample,
}

pub(crate) async fn measure(root: &Path) -> eyre::Result<Vec<Row>> {
    let mut rows = Vec::new();
    for endpoints in [1, 3] {
        let directory = root.join("target/bench/signing");
        drop(fs::remove_dir_all(&directory));
        let (devnet, book) = prepared::start(DevnetConfig::new(root), &Terms::default(), &directory).await?;
        let row = measure_on(&devnet, &book, &directory, endpoints).await;
        devnet.shutdown().await?;
        rows.push(row?);
    }
    Ok(rows)
}

async fn measure_on(devnet: &Devnet, book: &AddressBook, directory: &Path, endpoints: usize) -> eyre::Result<Row> {
    let path = directory.join("keeper.toml");
    let url = &book.endpoints.rpc;
    // The same node under several names.
    let names: Vec<String> = (0..endpoints).map(|number| format!("\"{url}/?{number}\"")).collect();
    let named = format!("rpc = [{}]", names.join(", "));
    fs::write(&path, keeper_config(book, HUB_MAX_POSITION).replace(&format!("rpc = [\"{url}\"]"), &named))?;
    let config = Config::load(&path)?;
    let found = config.chain.rpc.len();
    ensure!(found == endpoints, "the configuration has {found} endpoints, expected {endpoints}");
    chain::fund(devnet, &Market::new(devnet, book)?).await?;

    let pool = Arc::new(RpcPool::with_settings(&config.chain.rpc, &config.pool_settings())?);
    let (reader, deployment) = (Reader::new(Arc::clone(&pool)), config.deployment());
    let simulator = Arc::new(Simulator::with_pool(Arc::clone(&pool), SpecId::PRAGUE));
    let bench = Bench {
        config: &config,
        chain: Arc::new(RpcChain::new(pool, simulator)),
        store: Arc::new(Store::open(directory.join("bench.sqlite")).await?),
        keeper: key(KEEPER_ALIAS)?,
        attestor: key(ATTESTOR_ALIAS)?,
        relay: Arc::default(),
    };
    let (mut signed, mut snapshots) = (Sample::default(), Sample::default());
    for round in 0..WARM_UP + ROUNDS {
        if round == WARM_UP {
            (signed, snapshots) = (Sample::default(), Sample::default());
        }
        devnet.builder().build_block().await?;
        let snapshot = snapshots.time_async(async { Ok(reader.snapshot(&deployment, None).await?) }).await?;
        let record = record(snapshot, config.policy());
        ensure!(record.decision.action != Action::Hold, "the decision is to hold: {:?}", record.decision.gates);
        // Counts of its own: four moves a day are what the attestor lets pass.
        let executor = bench.executor(&directory.join(format!("ledger-{round}")))?;
        let started = Instant::now();
        let build = async {
            bench.relay.asked.notified().await;
            devnet.builder().build_block().await
        };
        let (outcome, built) = tokio::join!(executor.execute(&record, &rederive), build);
        built?;
        let reason = outcome?.reason.unwrap_or_default();
        let asked = bench.relay.at.lock().unwrap_or_else(PoisonError::into_inner).take();
        let asked = asked.ok_or_eyre(format!("nothing was signed: {reason}"))?;
        signed.add(asked.duration_since(started));
    }
    Ok(Row { endpoints, signed, snapshot: snapshots })
}

struct Bench<'a> {
    config: &'a Config,
    chain: Arc<RpcChain>,
    store: Arc<Store>,
    keeper: Arc<dyn Signer>,
    attestor: Arc<dyn Signer>,
    relay: Arc<Stopwatch>,
}

impl Bench<'_> {
    /// As the service builds it (`keeper/service/src/keeper.rs`), but for keys and relay, and one attempt for each decision.
    fn executor(&self, ledger: &Path) -> eyre::Result<Executor> {
        let Config { chain, contracts, execution, .. } = self.config;
        let scope = Scope { chain_id: chain.id, vault: contracts.vault, hub: contracts.hub };
        let bounds = AttestorBounds {
            scope,
            keeper: self.keeper.address(),
            max_nav_loss: MAX_NAV_LOSS,
            max_validity: MAX_PROOF_VALIDITY,
        };
        let mut policy = self.config.attestor_policy();
        policy.ledger = ledger.to_owned();
        let config = ExecutorConfig {
            scope,
            slot_seconds: chain.slot,
            confirmations: execution.confirmations,
            max_attempts: 1,
            max_decision_blocks: execution.max_decision_blocks,
            proof_validity: 600,
            max_nav_loss: MAX_NAV_LOSS,
            fees: FeeCaps {
                max_fee_per_gas: execution.max_fee_wei.into(),
                priority_fee_per_gas: execution.priority_fee_wei.into(),
                max_gain_share: Bps(execution.max_gain_share),
                max_turnover_share: Bps(execution.max_turnover_share),
            },
            asks_safe: false,
            offer: Offer::NextBlock,
            poll_interval: Duration::from_millis(20),
            inclusion_timeout: Duration::from_secs(execution.inclusion_timeout),
            halt_after: None,
        };
        let parts = Parts {
            chain: self.chain.clone(),
            store: Arc::clone(&self.store),
            signer: Arc::clone(&self.keeper),
            attestor: Attestor::new(Arc::clone(&self.attestor), bounds).with_policy(&policy)?,
            relay: self.relay.clone(),
        };
        Ok(Executor::new(config, parts)?)
    }
}

/// None of these decisions waits for the Safe, so none is reconsidered.
fn rederive(record: &DecisionRecord, _reconsidered: Option<&DecisionRecord>) -> Result<(), String> {
    if replay(record).equal { Ok(()) } else { Err("another decision follows".to_owned()) }
}

/// The key that the devnet's KMS has under this alias, in memory.
fn key(alias: &str) -> eyre::Result<Arc<dyn Signer>> {
    let keys = prepared::kms_keys();
    let known = keys.iter().find(|key| key.alias == alias).ok_or_eyre("the devnet has no such key")?;
    Ok(Arc::new(DevKeySigner::new(DEV_CHAIN_ID, &keccak256(&known.seed).to_string())?))
}

/// A relay that notes when it is asked, and refuses.
#[derive(Debug, Default)]
struct Stopwatch {
    at: Mutex<Option<Instant>>,
    asked: Notify,
}

type Answer<'a, T> = Pin<Box<dyn Future<Output = Result<T, RelayError>> + Send + 'a>>;

impl Relay for Stopwatch {
    fn submit<'a>(&'a self, _: &'a Submission) -> Answer<'a, B256> {
        *self.at.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        self.asked.notify_one();
        Box::pin(async { Err(RelayError::Refused { relay: "stopwatch".to_owned(), message: "a bench".to_owned() }) })
    }

    fn cancel<'a>(&'a self, _: &'a Submission) -> Answer<'a, ()> {
        Box::pin(async { Ok(()) })
    }

    fn status(&self, _: B256) -> Answer<'_, Option<String>> {
        Box::pin(async { Ok(None) })
    }
}
