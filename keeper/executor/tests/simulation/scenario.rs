//! One run: a keeper with something to do, a network with its faults, and at the end the question whether every promise was kept.

use crate::{
    boundaries::{Role, SimulatedChain, SimulatedKey, SimulatedRelay},
    census::Census,
    disk::Disk,
    faults::Faults,
    network::{Network, SLOT},
    promises,
    rng::Rng,
    support::{self, HUB, SCOPE},
};
use alloy::{signers::local::PrivateKeySigner, sol_types::SolCall as _};
use ballast_chain::bindings::StrategyHub::heartbeatCall;
use ballast_executor::{
    Attestor, AttestorBounds, ExecuteError, Executor, ExecutorConfig, Offer, Outcome, Parts, Signer as _, State,
    Waiting, fees::FeeCaps, in_force,
};
use ballast_store::{Store, StoreError};
use ballast_types::{BlockRef, Bps, DecisionRecord, record::ModelId};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
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

pub(crate) struct Run {
    pub(crate) network: Arc<Network>,
    /// Decisions to be carried out.
    wanted: usize,
    offer: Offer,
    /// Their records, once they are made.
    records: Mutex<Vec<DecisionRecord>>,
    pub(crate) disk: Disk,
    keeper: SimulatedKey,
    attestor: SimulatedKey,
}

/// Runs a seed; what happened in it.
///
/// # Errors
/// The promise that was broken.
pub(crate) async fn run(seed: u64) -> Result<Census, String> {
    let mut rng = Rng::new(seed);
    let faults = Faults::draw(&mut rng);
    let key = |text: &str| -> PrivateKeySigner { text.parse().unwrap() };
    let keeper = key("1111111111111111111111111111111111111111111111111111111111111111");
    let attestor = key("2222222222222222222222222222222222222222222222222222222222222222");
    let network = Arc::new(Network::new(faults.clone(), rng.fork(), keeper.address(), attestor.address()));
    let key = |role, key| SimulatedKey { role, key, network: Arc::clone(&network) };
    let run = Run {
        keeper: key(Role::Keeper, keeper),
        attestor: key(Role::Attestor, attestor),
        network: Arc::clone(&network),
        disk: Disk::new(&faults, rng.fork()),
        wanted: usize::try_from(1 + rng.below(3)).unwrap(),
        offer: if rng.chance(500) { Offer::NextBlock } else { Offer::Blocks(1 + rng.below(6)) },
        records: Mutex::default(),
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
    async fn through(&self, rng: &mut Rng, faults: &Faults) -> Result<Census, String> {
        let end = Instant::now() + slots(TROUBLE);
        let mut done = false;
        let mut census = Census::default();
        while !done && Instant::now() < end {
            let life = if rng.chance(faults.crash) { Duration::from_millis(rng.below(90_000)) } else { slots(TROUBLE) };
            let death = (Instant::now() + life).min(end);
            let rival = rng.chance(faults.rival).then(|| Duration::from_millis(rng.below(60_000)));
            tokio::select! {
                biased;
                () = tokio::time::sleep_until(death) => census.crashes += u64::from(death < end),
                all = self.live() => done = all,
                all = self.rival(rival) => done = all,
            }
        }
        self.network.with(crate::network::World::calm);
        self.disk.calm();
        let stuck = |what: &str| format!("{what} did not come to an end within {REPAIR} quiet slots");
        let quiet = timeout(slots(REPAIR), self.live()).await.map_err(|_| stuck("the decisions"))?;
        if !quiet {
            return Err("the store failed although nothing was wrong with it".to_owned());
        }
        sleep(slots(AFTERMATH)).await;
        let (store, outcomes) = timeout(slots(REPAIR), self.conclude()).await.map_err(|_| stuck("the record"))?;
        promises::check(self, &store, &outcomes?).await?;
        census.count(self, &store).await;
        Ok(census)
    }

    /// A process from its start until everything wanted has an outcome; false if it ended because its store failed.
    async fn live(&self) -> bool {
        let (executor, _store) = self.open().await;
        if resume(&executor).await.is_err() {
            return false;
        }
        for index in 0..self.wanted {
            if self.network.with(|world| world.rng.chance(300)) && heartbeat(&executor).await.is_err() {
                return false;
            }
            let record = self.record(index);
            if self.carry_out(&executor, &record).await.is_err() {
                return false;
            }
        }
        true
    }

    /// Another process, which gets the lease because the first one lost its connection without noticing.
    async fn rival(&self, after: Option<Duration>) -> bool {
        match after {
            None => std::future::pending().await,
            Some(after) => sleep(after).await,
        }
        self.disk.break_lease();
        self.live().await
    }

    /// The last process: what did come of everything.
    async fn conclude(&self) -> (Arc<Store>, Result<Vec<Outcome>, String>) {
        let (executor, store) = self.open().await;
        let conclude = async {
            resume(&executor).await?;
            let mut outcomes = Vec::new();
            for record in self.records() {
                outcomes.push(self.carry_out(&executor, &record).await?);
            }
            Ok(outcomes)
        };
        let outcomes = conclude.await.map_err(|error: StoreError| error.to_string());
        (store, outcomes)
    }

    async fn open(&self) -> (Executor, Arc<Store>) {
        loop {
            if let Ok(store) = self.disk.open() {
                return (self.executor(Arc::clone(&store)), store);
            }
            sleep(Duration::from_secs(1)).await;
        }
    }

    pub(crate) fn records(&self) -> Vec<DecisionRecord> {
        self.records.lock().unwrap().clone()
    }

    fn executor(&self, store: Arc<Store>) -> Executor {
        let config = ExecutorConfig {
            scope: SCOPE,
            slot_seconds: SLOT,
            // The deepest reorganisation of the simulation leaves this standing.
            confirmations: 5,
            max_attempts: 4,
            max_decision_blocks: 25,
            // Short enough that what is held back may come too late.
            proof_validity: 120,
            max_nav_loss: Bps(1),
            fees: FEES,
            offer: self.offer,
            asks_safe: true,
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

    /// The newest block as one endpoint shows it, and the hub's nonce after it.
    fn observed(&self) -> (BlockRef, u64) {
        self.network.with(|world| {
            let seen = world.seen();
            let block = BlockRef {
                number: seen.number,
                hash: seen.hash,
                timestamp: seen.timestamp,
                next_base_fee: u128::from(seen.base_fee),
            };
            (block, seen.after.hub_nonce)
        })
    }

    /// Until it has an outcome or the store fails: a service that cannot write ends, and is started again.
    async fn carry_out(&self, executor: &Executor, record: &DecisionRecord) -> Result<Outcome, StoreError> {
        loop {
            let done = match executor.waiting().await {
                Ok(Some(waiting)) if Ok(waiting.decision) == record.hash().map_err(drop) => {
                    self.follow_up(executor, record, waiting).await
                }
                Ok(_) => executor.execute(record, &as_given).await,
                Err(error) => Err(error),
            };
            match done {
                Ok(outcome) if outcome.state.is_settled() && outcome.state != State::Expired => return Ok(outcome),
                Ok(_) => {}
                Err(ExecuteError::Store(error)) => return Err(error),
                Err(_) => sleep(Duration::from_secs(5)).await,
            }
        }
    }

    /// What is done for a decision that was put before the Safe: its owners make up their minds in their own time.
    async fn follow_up(
        &self,
        executor: &Executor,
        record: &DecisionRecord,
        waiting: Waiting,
    ) -> Result<Outcome, ExecuteError> {
        let (block, nonce) = self.observed();
        if nonce > record.snapshot.hub.nonce {
            return executor.abandon(&waiting, "another rebalance took its nonce").await;
        }
        let approved_at = executor.approved_at(waiting.digest).await?;
        if in_force(approved_at, block.timestamp) {
            let mut now = record.clone();
            now.snapshot.block = block;
            return executor.execute_approved(record, &now, &as_given).await;
        }
        let (pause, approves) = self.network.with(|world| (world.rng.below(300), world.rng.chance(700)));
        sleep(Duration::from_secs(pause)).await;
        if !approves {
            return executor.abandon(&waiting, "the owners did not approve it").await;
        }
        self.network.with(|world| {
            let now = world.head().timestamp;
            world.approved.insert(waiting.digest, now);
        });
        executor.execute(record, &as_given).await
    }

    /// The decision with this number, made on what one endpoint shows when it is first asked for.
    fn record(&self, index: usize) -> DecisionRecord {
        let mut records = self.records.lock().unwrap();
        if let Some(record) = records.get(index) {
            return record.clone();
        }
        let (block, nonce) = self.observed();
        let mut record = support::record(self.attestor.address());
        record.snapshot.block = block;
        record.snapshot.hub.nonce = nonce;
        // So that no two records are the same.
        record.models = vec![ModelId { name: "simulated".to_owned(), version: index.to_string() }];
        self.network.with(|world| {
            let hash = record.hash().unwrap();
            if world.rng.chance(250) {
                world.large.insert(hash);
            }
            world.records.insert(hash, record.clone())
        });
        records.push(record.clone());
        record
    }
}

/// One call without a decision, whatever becomes of it.
async fn heartbeat(executor: &Executor) -> Result<(), StoreError> {
    match executor.send_call(HUB, heartbeatCall {}.abi_encode().into(), "heartbeat").await {
        Err(ExecuteError::Store(error)) => Err(error),
        Ok(_) | Err(_) => Ok(()),
    }
}

#[allow(clippy::unnecessary_wraps)]
fn as_given(_: &DecisionRecord, _: Option<&DecisionRecord>) -> Result<(), String> {
    Ok(())
}

async fn resume(executor: &Executor) -> Result<(), StoreError> {
    loop {
        match executor.resume().await {
            Ok(_) => return Ok(()),
            Err(ExecuteError::Store(error)) => return Err(error),
            Err(_) => sleep(Duration::from_secs(5)).await,
        }
    }
}
