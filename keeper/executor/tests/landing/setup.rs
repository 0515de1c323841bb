//! A devnet with a funded vault, and executors on it.

use alloy::{
    primitives::{Address, B256},
    providers::{DynProvider, Provider},
};
use ballast_chain::{Deployment, FeedRef, Reader, RpcPool, SecondOpinion, Simulator, VenueRef, bindings::MULTICALL3};
use ballast_devnet::{
    Devnet, DevnetConfig, SLOT_SECONDS,
    accounts::Role,
    address_book::AddressBook,
    deploy::{ATTESTOR_ALIAS, FEED_HEARTBEAT_ETH, KEEPER_ALIAS, Terms},
    market::Market,
    prepared,
};
use ballast_executor::{
    Attestor, AttestorBounds, AttestorPolicy, Executor, ExecutorConfig, FlashbotsRelay, KmsConfig, KmsSigner, Offer,
    Parts, PolicyConfig, RpcChain, Scope, Signer, State, StaticCredentials, fees::FeeCaps,
};
use ballast_store::Store;
use ballast_types::{
    Action, Apr, Assets, Bps, Decision, DecisionRecord, Gate, GateId, LargeMoves, Outlook, Policy, Prediction,
    Strategy, Target, VenueKind, VenueReading, record,
};
use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tempfile::TempDir;

pub(crate) const BLOCK_TIME: Duration = Duration::from_millis(500);
const DEPOSIT: u64 = 50_000_000_000;
const GWEI: u128 = 1_000_000_000;
const RELAY_KEY: &str = "0x2000000000000000000000000000000000000000000000000000000000000001";

pub(crate) struct World {
    pub(crate) devnet: Devnet,
    pub(crate) book: AddressBook,
    pool: Arc<RpcPool>,
    folder: TempDir,
}

impl World {
    /// A vault with $50,000 idle, and a block every [`BLOCK_TIME`].
    pub(crate) async fn start(name: &str) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap();
        let directory = root.join("target/test-devnet").join(format!("executor-{name}"));
        let (devnet, book) = prepared::start(DevnetConfig::new(&root), &Terms::default(), &directory).await.unwrap();
        let market = Market::new(&devnet, &book).unwrap();
        market.mint_usdc(Role::Depositor(0).address().unwrap(), DEPOSIT).await.unwrap();
        market.deposit(Role::Depositor(0), DEPOSIT).await.unwrap();
        market.refresh_feeds().await.unwrap();
        devnet.builder().start_interval(BLOCK_TIME).await;
        let pool = Arc::new(RpcPool::new(&[devnet.rpc_url()], Duration::from_secs(10)).unwrap());
        Self { devnet, book, pool, folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn provider(&self) -> &DynProvider {
        self.pool.primary()
    }

    pub(crate) fn store_path(&self) -> PathBuf {
        self.folder.path().join("keeper.db")
    }

    pub(crate) async fn keeper_nonce(&self) -> u64 {
        self.provider().get_transaction_count(self.book.keeper).await.unwrap()
    }

    async fn signer(&self, alias: &str) -> Arc<dyn Signer> {
        let config = KmsConfig {
            key: alias.to_owned(),
            region: Some("us-east-1".to_owned()),
            endpoint: Some(self.devnet.kms_url()),
            credentials: Some(StaticCredentials {
                access_key_id: "devnet".to_owned(),
                secret_access_key: "devnet".to_owned(),
            }),
            timeout: Duration::from_secs(10),
        };
        Arc::new(KmsSigner::connect(&config).await.unwrap())
    }

    pub(crate) fn config(&self) -> ExecutorConfig {
        ExecutorConfig {
            scope: Scope {
                chain_id: self.book.chain_id,
                vault: self.book.contracts.vault,
                hub: self.book.contracts.hub,
            },
            slot_seconds: SLOT_SECONDS,
            confirmations: 1,
            max_attempts: 3,
            max_decision_blocks: 50,
            proof_validity: 600,
            max_nav_loss: Bps(1),
            fees: FeeCaps {
                max_fee_per_gas: 100 * GWEI,
                priority_fee_per_gas: GWEI,
                max_gain_share: Bps(5_000),
                max_turnover_share: Bps(200),
            },
            asks_safe: false,
            offer: Offer::NextBlock,
            poll_interval: Duration::from_millis(50),
            inclusion_timeout: Duration::from_secs(20),
            halt_after: None,
        }
    }

    /// What is to be signed is executed by the node as well.
    pub(crate) async fn second_opinion(&self) -> Simulator {
        let opinion = SecondOpinion::connect(&self.devnet.rpc_url(), self.book.chain_id, Duration::from_secs(10)).await;
        let simulator = Simulator::with_pool(Arc::clone(&self.pool), Default::default());
        simulator.with_second_opinion(opinion.unwrap())
    }

    /// The attestor's own count of what it attested.
    pub(crate) fn ledger_path(&self) -> PathBuf {
        self.folder.path().join("attestor.ledger")
    }

    /// As the service puts it together, but for a second opinion: a pool with its quorum, an attestor with its policy.
    pub(crate) async fn executor(&self, config: ExecutorConfig) -> (Executor, Arc<Store>) {
        let policy = AttestorPolicy {
            max_fee_per_gas: config.fees.max_fee_per_gas,
            max_fee: u128::MAX,
            daily_moves: 4,
            move_turnover: Bps(20_000),
            move_notional: None,
            daily_turnover: Bps(40_000),
            daily_notional: None,
            gas_budget: Bps(50),
            max_skew: None,
        };
        let simulator = Simulator::with_pool(Arc::clone(&self.pool), Default::default());
        self.executor_with(config, policy, simulator).await
    }

    pub(crate) async fn executor_with(
        &self,
        config: ExecutorConfig,
        policy: AttestorPolicy,
        simulator: Simulator,
    ) -> (Executor, Arc<Store>) {
        let store = Arc::new(Store::open(self.store_path()).await.unwrap());
        let bounds = AttestorBounds {
            scope: config.scope,
            keeper: self.book.keeper,
            max_nav_loss: config.max_nav_loss,
            max_validity: config.proof_validity,
        };
        let attestor = Attestor::new(self.signer(ATTESTOR_ALIAS).await, bounds);
        let attestor = attestor.with_policy(&PolicyConfig { policy, ledger: self.ledger_path() }).unwrap();
        let parts = Parts {
            chain: Arc::new(RpcChain::new(Arc::clone(&self.pool), Arc::new(simulator))),
            store: Arc::clone(&store),
            signer: self.signer(KEEPER_ALIAS).await,
            attestor,
            relay: Arc::new(FlashbotsRelay::new(&self.devnet.relay_url(), RELAY_KEY, Duration::from_secs(2)).unwrap()),
        };
        (Executor::new(config, parts).unwrap(), store)
    }

    /// A decision on the newest block: these shares of NAV, in the order of the adapters' addresses.
    pub(crate) async fn record(&self, shares: [u16; 2]) -> DecisionRecord {
        let contracts = &self.book.contracts;
        let deployment = Deployment {
            chain_id: self.book.chain_id,
            vault: contracts.vault,
            hub: contracts.hub,
            kill_switch: contracts.kill_switch,
            venues: self
                .book
                .venues
                .iter()
                .map(|venue| VenueRef {
                    name: venue.name.clone(),
                    kind: if venue.kind == "aave-v3" { VenueKind::AaveV3 } else { VenueKind::MetaMorpho },
                    adapter: venue.adapter,
                })
                .collect(),
            eth_usd: FeedRef {
                name: "ETH / USD".to_owned(),
                aggregator: self.book.protocols.feeds.eth_usd,
                heartbeat: FEED_HEARTBEAT_ETH,
            },
            multicall: MULTICALL3,
        };
        let snapshot = Reader::new(Arc::clone(&self.pool)).snapshot(&deployment, None).await.unwrap();
        let nav = snapshot.vault.nav;
        let mut adapters: Vec<(Address, Assets)> = snapshot
            .venues
            .iter()
            .map(|venue| match &venue.reading {
                VenueReading::Read { value, .. } => (venue.adapter, *value),
                VenueReading::Unreadable { why } => panic!("{}: {why}", venue.name),
            })
            .collect();
        adapters.sort();
        let targets: Vec<Target> = adapters
            .into_iter()
            .zip(shares)
            .map(|((adapter, from), bps)| {
                let to = nav.share(Bps(bps));
                let min_out = Assets(to.0.abs_diff(from.0)).share(Bps(9_990));
                Target { adapter, bps: Bps(bps), from, to, min_out }
            })
            .collect();
        let placed: u128 = targets.iter().map(|target| target.to.0).sum();
        let prediction = Prediction {
            nav,
            idle_after: nav.saturating_sub(Assets(placed)),
            apr_before: Apr(0),
            apr_after: Apr(1),
            gain: Assets(100_000_000),
            gas_cost: Assets(1_000_000),
            turnover: Assets(placed),
        };
        DecisionRecord {
            format: record::FORMAT,
            snapshot,
            policy: Policy {
                reserve: Bps(500),
                max_position: Bps(5_000),
                min_transfer: Assets(10_000_000),
                horizon: 604_800,
                min_gain: Apr(0),
                expected_gas: 900_000,
                gas_patience: 0,
                priority_fee: GWEI,
                slippage: Bps(1),
                max_risk_score: 70,
                max_head_age: 60,
                large_moves: LargeMoves::Divide,
                strategy: Strategy::Convex,
                venues: Vec::new(),
            },
            outlook: Outlook::default(),
            models: Vec::new(),
            decision: Decision {
                action: Action::Rebalance { targets },
                gates: vec![Gate { id: GateId::Limits, passed: true, detail: "chosen by the test".to_owned() }],
                prediction: Some(prediction),
            },
        }
    }
}

/// The attestor's re-derivation, for records that a test made.
pub(crate) fn as_given(_: &DecisionRecord, _: Option<&DecisionRecord>) -> Result<(), String> {
    Ok(())
}

/// The states an attempt went through.
pub(crate) async fn route(store: &Store, tx_hash: B256, record: &DecisionRecord) -> Vec<State> {
    let attempts = store.attempts(ballast_store::Subject::Decision(record.hash().unwrap())).await.unwrap();
    let attempt = attempts.iter().find(|attempt| attempt.facts.tx_hash == Some(tx_hash)).unwrap();
    store.transitions(attempt.id).await.unwrap().iter().map(|step| step.to).collect()
}
