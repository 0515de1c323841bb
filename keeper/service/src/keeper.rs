//! The keeper with everything it needs.

use crate::{
    alarms::Detectors,
    approval::ApprovalDesk,
    config::{Config, ConfigError, HeartbeatConfig, KeyConfig, RelayConfig, aws_credentials, secret},
    history::{Historian, Sources},
    market::{Market, MarketError},
    observer::{Observer, ObserverError},
    scorer::Scorer,
    server::Server,
    watcher::Watcher,
};
use alloy::primitives::Address;
use ballast_allocator::triggers::Triggers;
use ballast_chain::{SecondOpinion, SecondOpinionError, Simulator, SpecId};
use ballast_executor::{
    Attestor, AttestorBounds, Builders, DevKeySigner, ExecuteError, Executor, ExecutorConfig, FlashbotsRelay,
    KeystoreSigner, KmsConfig, KmsSigner, LedgerError, MAX_PROOF_VALIDITY, Offer, Outcome, Parts, Relay, RelayError,
    RpcChain, Scope, Signer, SignerError, fees::FeeCaps,
};
use ballast_risk::{Retreat, anomaly::RateError};
use ballast_store::{Location, Store, StoreError};
use ballast_types::{Bps, LargeMoves, SeriesId};
use std::{sync::Arc, time::Duration};

/// Seconds for which an attested proof may be used.
const PROOF_VALIDITY: u64 = 600;
/// The hard fork that simulations follow: the one mainnet's contracts are executed under.
const SPEC: SpecId = SpecId::PRAGUE;
/// Between two looks at what became of a bundle.
const POLL_INTERVAL: Duration = Duration::from_millis(200);
/// Between two attempts of a standby to take the lease.
const LEASE_INTERVAL: Duration = Duration::from_secs(1);
const KMS_TIMEOUT: Duration = Duration::from_secs(10);
/// Basis points of NAV that a simulated move may lose; the vault's own bound is ten times this.
const MAX_NAV_LOSS: Bps = Bps(1);
const RELAY_KEY: &str = "BALLAST_RELAY_KEY";

#[derive(Debug, thiserror::Error)]
pub enum StartError {
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Observer(#[from] ObserverError),
    #[error(transparent)]
    Store(#[from] StoreError),
    #[error("the {role} key: {source}")]
    Signer { role: &'static str, source: SignerError },
    #[error("the keystore could not be opened: {0}")]
    KeyTask(String),
    #[error(transparent)]
    Relay(#[from] RelayError),
    #[error(transparent)]
    Executor(#[from] ballast_executor::ConfigError),
    #[error(transparent)]
    SecondOpinion(#[from] SecondOpinionError),
    #[error(transparent)]
    Market(#[from] MarketError),
    #[error("alarms: {0}")]
    Alarms(#[from] RateError),
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    #[error("an earlier run cannot be settled: {0}")]
    Resume(#[from] ExecuteError),
}

/// Holds the writer's lease from start to end.
#[derive(Debug)]
pub struct Keeper {
    pub(crate) observer: Observer,
    /// What a decision goes by.
    pub(crate) scorer: Arc<Scorer>,
    pub(crate) store: Arc<Store>,
    pub(crate) executor: Executor,
    pub(crate) upkeep: HeartbeatConfig,
    pub(crate) decide_every: u64,
    /// What asks for a decision; `None` if every cycle decides.
    pub(crate) triggers: Option<Triggers>,
    /// The reading of MVRV that they look at.
    pub(crate) mvrv: Option<SeriesId>,
    /// Where a decision that needs the Safe is proposed.
    pub(crate) desk: Option<Arc<dyn ApprovalDesk>>,
    /// Seconds after which a decision that the Safe has not approved is given up.
    pub(crate) approval_wait: u64,
    /// Else the kill switch is left to others.
    pub(crate) watches: bool,
    pub(crate) watcher: Watcher,
    /// When the watcher takes a position home.
    pub(crate) retreat: Retreat,
    /// Where the history of earlier runs is; `None` if the configuration does not ask for one.
    past: Option<Location>,
    /// What remembers; `None` if the configuration does not ask for it.
    pub(crate) historian: Option<Historian>,
    /// What shows what is known; `None` if nothing is to be served.
    pub(crate) server: Option<Server>,
    /// What others say about venues and coins.
    pub(crate) market: Arc<Market>,
    /// What is asked off the chain; `None` if nothing is.
    pub(crate) detectors: Option<Detectors>,
}

impl Keeper {
    /// Checks configuration, secrets, chain and keys, takes the lease, and settles what an earlier run left.
    ///
    /// # Errors
    /// The first thing that is wrong; nothing was sent.
    pub async fn start(config: &Config) -> Result<(Self, Vec<Outcome>), StartError> {
        Self::start_with(config, async |location| Store::open_at(location).await).await
    }

    /// As [`Self::start`], but while another instance holds the lease, waits until it is free: what a standby does. All that can be
    /// checked without the lease is checked before it waits, and before `waiting` is called: from then on it is ready to take over.
    ///
    /// # Errors
    /// As [`Self::start`].
    pub async fn stand_by(config: &Config, waiting: impl FnOnce()) -> Result<(Self, Vec<Outcome>), StartError> {
        let open = async |location: &Location| match Store::open_at(location).await {
            Err(StoreError::Locked { location }) => {
                tracing::info!(store = %location, "standing by: another instance holds the lease");
                waiting();
                let store = Store::open_when_free(&location, LEASE_INTERVAL, None).await?;
                tracing::warn!(store = %location, "took over: the lease was free");
                Ok(store)
            }
            opened => opened,
        };
        Self::start_with(config, open).await
    }

    async fn start_with(
        config: &Config,
        open: impl AsyncFnOnce(&Location) -> Result<Store, StoreError>,
    ) -> Result<(Self, Vec<Outcome>), StartError> {
        let relay =
            Builders::new(relays(config)?.into_iter().map(|relay| Arc::new(relay) as Arc<dyn Relay>).collect())?;
        let market = Arc::new(Market::open(config)?);
        let detectors = Detectors::new(config)?;
        let scorer = Arc::new(Scorer::new(config)?);
        let observer = Observer::connect(config).await?;
        let signer = open_key(config, &config.keeper, "keeper").await?;
        let attesting = open_key(config, &config.attestor.key, "attestor").await?;

        let scope = Scope { chain_id: config.chain.id, vault: config.contracts.vault, hub: config.contracts.hub };
        let attestor = Attestor::new(
            attesting,
            AttestorBounds {
                scope,
                keeper: signer.address(),
                max_nav_loss: MAX_NAV_LOSS,
                max_validity: MAX_PROOF_VALIDITY,
            },
        );
        let second_opinion = second_opinion(config).await?;
        let execution = &config.execution;
        let executor_config = ExecutorConfig {
            scope,
            slot_seconds: config.chain.slot,
            confirmations: execution.confirmations,
            max_attempts: execution.max_attempts,
            max_decision_blocks: execution.max_decision_blocks,
            proof_validity: PROOF_VALIDITY,
            max_nav_loss: MAX_NAV_LOSS,
            fees: FeeCaps {
                max_fee_per_gas: execution.max_fee_wei.into(),
                priority_fee_per_gas: execution.priority_fee_wei.into(),
                max_gain_share: Bps(execution.max_gain_share),
                max_turnover_share: Bps(execution.max_turnover_share),
            },
            asks_safe: config.policy.large_moves == LargeMoves::Ask,
            offer: config.relay.blocks.map_or(Offer::NextBlock, Offer::Blocks),
            poll_interval: POLL_INTERVAL,
            inclusion_timeout: Duration::from_secs(execution.inclusion_timeout),
            halt_after: execution.halt_after,
        };
        executor_config.validate()?;

        let store = Arc::new(open(&config.store.location()?).await?);
        // After the lease: the ledger is this keeper's alone.
        let attestor = attestor.with_policy(&config.attestor_policy())?;
        let pool = observer.pool.clone();
        let mut simulator = Simulator::with_pool(pool.clone(), SPEC);
        if let Some(opinion) = second_opinion {
            simulator = simulator.with_second_opinion(opinion);
        }
        let chain = Arc::new(RpcChain::new(pool, Arc::new(simulator)));
        let parts = Parts { chain, store: store.clone(), signer, attestor, relay: Arc::new(relay) };
        let executor = Executor::new(executor_config, parts)?;
        let settled = executor.resume().await?;
        let location = config.history.location(&config.store)?;
        let past = config.history.enabled.then(|| location.clone());
        let sources = Sources { location, store: store.clone(), pool: observer.pool.clone(), scorer: scorer.clone() };
        let historian = Historian::start(config, sources);
        let server = Server::new(config, &observer, historian.as_ref(), scorer.clone(), market.clone())?;
        let keeper = Self {
            past,
            historian,
            server,
            observer,
            scorer,
            store,
            executor,
            desk: None,
            approval_wait: config.safe.as_ref().map_or(0, |safe| safe.wait_hours.saturating_mul(3_600)),
            decide_every: execution.decide_every,
            upkeep: config.heartbeat,
            triggers: config.triggers(),
            mvrv: config.triggers.mvrv.as_ref().map(|mvrv| mvrv.series.clone()),
            watches: config.watcher.enabled,
            watcher: Watcher::default(),
            retreat: config.retreat(),
            market,
            detectors,
        };
        Ok((keeper, settled))
    }

    /// Reads what the history of earlier runs has, so that detectors and scores do not begin anew. What cannot be had within seconds is said in the log
    /// and not known.
    pub async fn look_back(&self) {
        let Some(location) = &self.past else { return };
        if let Some(detectors) = &self.detectors {
            detectors.remember(&self.store, location).await;
        }
        // Its snapshot says what the venues are called there.
        if let Ok(Some(newest)) = self.store.decisions(1).await.map(|mut newest| newest.pop()) {
            self.scorer.look_back(location, &newest.record.snapshot).await;
        }
    }

    /// Proposes decisions that need the Safe at `desk`.
    #[must_use]
    pub fn with_desk(self, desk: Arc<dyn ApprovalDesk>) -> Self {
        Self { desk: Some(desk), ..self }
    }

    /// The key that sends, and that proposes as a delegate of the Safe.
    #[must_use]
    pub fn signer(&self) -> Arc<dyn Signer> {
        self.executor.signer()
    }

    /// The account that sends.
    #[must_use]
    pub fn account(&self) -> Address {
        self.executor.account()
    }

    /// What others say about venues and coins: whoever runs single cycles asks them with [`Market::look`] first.
    #[must_use]
    pub fn market(&self) -> &Market {
        &self.market
    }

    /// What the keeper observes with.
    #[must_use]
    pub fn observer(&self) -> &Observer {
        &self.observer
    }
}

/// The relay and the other builders, in this order; only the first tells what became of a transaction.
pub(crate) fn relays(config: &Config) -> Result<Vec<FlashbotsRelay>, StartError> {
    let key = secret(RELAY_KEY, "the key that the relay knows us by, 32 bytes of hex; it holds no funds")?;
    let RelayConfig { url, timeout, builders, status, .. } = &config.relay;
    let relay = |url: &str| FlashbotsRelay::new(url, &key, Duration::from_secs(*timeout));
    let first = match status {
        Some(status) => relay(url)?.with_status(status)?,
        None => relay(url)?,
    };
    let mut relays = vec![first];
    for url in builders {
        relays.push(relay(url)?);
    }
    Ok(relays)
}

pub(crate) async fn second_opinion(config: &Config) -> Result<Option<SecondOpinion>, SecondOpinionError> {
    let Some(url) = &config.simulation.second_opinion else { return Ok(None) };
    let timeout = Duration::from_secs(config.chain.timeout);
    SecondOpinion::connect(url, config.chain.id, timeout).await.map(Some)
}

pub(crate) async fn open_key(
    config: &Config,
    key: &KeyConfig,
    role: &'static str,
) -> Result<Arc<dyn Signer>, StartError> {
    let fault = |source| StartError::Signer { role, source };
    Ok(match key {
        KeyConfig::Kms { key } => Arc::new(
            KmsSigner::connect(&KmsConfig {
                key: key.clone(),
                region: config.kms.region.clone(),
                endpoint: config.kms.endpoint.clone(),
                credentials: aws_credentials()?,
                timeout: KMS_TIMEOUT,
            })
            .await
            .map_err(fault)?,
        ),
        KeyConfig::Keystore { path, passphrase_file } => {
            let passphrase = KeyConfig::passphrase(passphrase_file.as_ref())?;
            let (chain, testnets, path) = (config.chain.id, config.keys.testnets.clone(), path.clone());
            let opened = move || KeystoreSigner::open(chain, &testnets, &path, &passphrase);
            // scrypt takes a second of a processor by design.
            let opened =
                tokio::task::spawn_blocking(opened).await.map_err(|error| StartError::KeyTask(error.to_string()))?;
            Arc::new(opened.map_err(fault)?)
        }
        KeyConfig::Development { variable } => {
            let text = secret(variable.variable(), "a development key, 32 bytes of hex")?;
            Arc::new(DevKeySigner::new(config.chain.id, &text).map_err(fault)?)
        }
    })
}
