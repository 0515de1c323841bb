//! One run: a keeper with something to do, a network with its faults, and at the end the question whether every promise was kept.

use crate::{
    boundaries::{Role, SimulatedChain, SimulatedKey, SimulatedRelay},
    disk::Disk,
    faults::Faults,
    network::{Network, SLOT},
    promises,
    rng::Rng,
    support::{self, HUB, SCOPE},
};
use alloy::signers::local::PrivateKeySigner;
use ballast_executor::{
    Attestor, AttestorBounds, Executor, ExecutorConfig, Outcome, Parts, Signer as _, fees::FeeCaps,
};
use ballast_store::Store;
use ballast_types::{BlockRef, Bps, DecisionRecord, record::ModelId};
use std::{sync::Arc, time::Duration};
use tokio::time::{Instant, sleep, timeout};

pub(crate) const FEES: FeeCaps = FeeCaps {
    max_fee_per_gas: 1_000,
    priority_fee_per_gas: 8,
    max_gain_share: Bps(5_000),
    max_turnover_share: Bps(200),
};
/// Slots in which things go wrong, and in which, afterwards, everything must come to its end.
const TROUBLE: u64 = 60;
const REPAIR: u64 = 100;
/// Slots in which what somebody held back may still come.
const AFTERMATH: u64 = 40;

const fn slots(count: u64) -> Duration {
    Duration::from_secs(count * SLOT)
}

/// What is to be carried out, with its record once that is made.
#[derive(Default)]
pub(crate) struct Goals {
    pub(crate) wanted: usize,
    pub(crate) records: Vec<DecisionRecord>,
}

pub(crate) struct Run {
    pub(crate) network: Arc<Network>,
    pub(crate) goals: Goals,
    disk: Disk,
    keeper: SimulatedKey,
    attestor: SimulatedKey,
}

/// Runs a seed.
///
/// # Errors
/// The promise that was broken.
pub(crate) async fn run(seed: u64) -> Result<(), String> {
    let mut rng = Rng::new(seed);
    let faults = Faults::draw(&mut rng);
    let key = |text: &str| -> PrivateKeySigner { text.parse().unwrap() };
    let keeper = key("1111111111111111111111111111111111111111111111111111111111111111");
    let attestor = key("2222222222222222222222222222222222222222222222222222222222222222");
    let network = Arc::new(Network::new(faults.clone(), rng.fork(), keeper.address(), attestor.address()));
    let key = |role, key| SimulatedKey { role, key, network: Arc::clone(&network) };
    let mut run = Run {
        keeper: key(Role::Keeper, keeper),
        attestor: key(Role::Attestor, attestor),
        network: Arc::clone(&network),
        disk: Disk::new(),
        goals: Goals { wanted: usize::try_from(1 + rng.below(3)).unwrap(), records: Vec::new() },
    };
    let builder = tokio::spawn(async move {
        loop {
            sleep(slots(1)).await;
            network.with(crate::network::World::tick);
        }
    });
    let verdict = run.through(&mut rng, &faults).await;
    builder.abort();
    verdict
}

impl Run {
    async fn through(&mut self, rng: &mut Rng, faults: &Faults) -> Result<(), String> {
        let end = Instant::now() + slots(TROUBLE);
        let mut done = false;
        while !done && Instant::now() < end {
            let life = if rng.chance(faults.crash) { Duration::from_millis(rng.below(90_000)) } else { slots(TROUBLE) };
            let death = (Instant::now() + life).min(end);
            tokio::select! {
                biased;
                () = tokio::time::sleep_until(death) => {}
                () = self.live() => done = true,
            }
        }
        self.network.with(crate::network::World::calm);
        let stuck = |what: &str| format!("{what} did not come to an end within {REPAIR} quiet slots");
        timeout(slots(REPAIR), self.live()).await.map_err(|_| stuck("the decisions"))?;
        sleep(slots(AFTERMATH)).await;
        let (store, outcomes) = timeout(slots(REPAIR), self.conclude()).await.map_err(|_| stuck("the record"))?;
        promises::check(self, &store, &outcomes).await
    }

    /// A process from its start until everything wanted has an outcome.
    async fn live(&mut self) {
        let executor = self.start().await;
        for index in 0..self.goals.wanted {
            if self.goals.records.len() == index {
                let record = self.record(index);
                self.network.with(|world| world.records.insert(record.hash().unwrap(), record.clone()));
                self.goals.records.push(record);
            }
            self.execute(&executor, index).await;
        }
    }

    /// The last process: what did come of everything.
    async fn conclude(&self) -> (Arc<Store>, Vec<Outcome>) {
        let (executor, store) = self.open().await;
        resume(&executor).await;
        let mut outcomes = Vec::new();
        for index in 0..self.goals.records.len() {
            outcomes.push(self.execute(&executor, index).await);
        }
        (store, outcomes)
    }

    async fn start(&self) -> Executor {
        let (executor, _) = self.open().await;
        resume(&executor).await;
        executor
    }

    async fn open(&self) -> (Executor, Arc<Store>) {
        loop {
            if let Ok(store) = self.disk.open().await {
                return (self.executor(Arc::clone(&store)), store);
            }
            sleep(Duration::from_secs(1)).await;
        }
    }

    async fn execute(&self, executor: &Executor, index: usize) -> Outcome {
        let as_given = |_: &DecisionRecord| Ok(());
        loop {
            if let Ok(outcome) = executor.execute(&self.goals.records[index], &as_given).await {
                return outcome;
            }
            sleep(Duration::from_secs(5)).await;
        }
    }

    fn executor(&self, store: Arc<Store>) -> Executor {
        let config = ExecutorConfig {
            scope: SCOPE,
            slot_seconds: SLOT,
            confirmations: 3,
            max_attempts: 4,
            max_decision_blocks: 25,
            proof_validity: 600,
            max_nav_loss: Bps(1),
            fees: FEES,
            poll_interval: Duration::from_secs(1),
            inclusion_timeout: Duration::from_secs(60),
            halt_after: None,
        };
        let bounds = AttestorBounds {
            scope: SCOPE,
            keeper: self.keeper.address(),
            max_nav_loss: Bps(1),
            max_validity: config.proof_validity,
        };
        let parts = Parts {
            chain: Arc::new(SimulatedChain(Arc::clone(&self.network))),
            store,
            signer: Arc::new(self.keeper.clone()),
            attestor: Attestor::new(Arc::new(self.attestor.clone()), bounds),
            relay: Arc::new(SimulatedRelay(Arc::clone(&self.network))),
        };
        Executor::new(config, parts).unwrap()
    }

    /// A decision on what one endpoint shows.
    fn record(&self, index: usize) -> DecisionRecord {
        let (block, nonce) = self.network.with(|world| {
            let seen = world.seen();
            let block = BlockRef {
                number: seen.number,
                hash: seen.hash,
                timestamp: seen.timestamp,
                next_base_fee: u128::from(seen.base_fee),
            };
            (block, seen.after.hub_nonce)
        });
        let mut record = support::record(self.attestor.address());
        assert_eq!(record.snapshot.hub.address, HUB);
        record.snapshot.block = block;
        record.snapshot.hub.nonce = nonce;
        // So that no two records are the same.
        record.models = vec![ModelId { name: "simulated".to_owned(), version: index.to_string() }];
        record
    }
}

async fn resume(executor: &Executor) {
    while executor.resume().await.is_err() {
        sleep(Duration::from_secs(5)).await;
    }
}
