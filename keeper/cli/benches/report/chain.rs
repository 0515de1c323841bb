//! A simulation of a real rebalance and a snapshot, each beside one `eth_call` of the same transaction.
//!
//! The devnet holds the real Aave V3 and Morpho; what is simulated is what the executor presimulates for the decision on three
//! deposits. Every round has a block of its own, and each measurement alternates with the others, so that all of them see the
//! same machine.

use crate::sample::Sample;
use alloy::{
    eips::BlockId,
    primitives::{Address, B256, Bytes, U256},
    providers::{DynProvider, Provider},
    rpc::types::{
        BlockOverrides, TransactionRequest,
        state::{AccountOverride, StateOverride},
    },
    signers::{SignerSync, local::PrivateKeySigner},
};
use ballast_allocator::record;
use ballast_chain::{
    AttestorSlot, BlockContext, Deployment, Overrides, Reader, RpcPool, Simulator, SpecId, TxPlan, rebalances,
};
use ballast_devnet::{
    Devnet, DevnetConfig, SLOT_SECONDS,
    accounts::Role,
    address_book::AddressBook,
    deploy::Terms,
    keeper_config::{HUB_MAX_POSITION, keeper_config},
    market::Market,
    prepared,
};
use ballast_executor::{
    MAX_PROOF_VALIDITY,
    fees::{FeeCaps, Fees, MAX_GAS_LIMIT},
    proof::{self, Statement},
};
use ballast_service::Config;
use ballast_types::{Action, Bps, DecisionRecord};
use eyre::{OptionExt, ensure};
use std::{fs, path::Path, sync::Arc, time::Duration};

/// With the warm-up, fewer blocks than a proof is valid for.
const ROUNDS: usize = 200;
/// The first rounds are not counted: connections are opened and code is loaded.
const WARM_UP: usize = 5;
/// Base units of USDC.
const DEPOSITS: [u64; 3] = [30_000_000_000, 20_000_000_000, 10_000_000_000];
const TIMEOUT: Duration = Duration::from_secs(30);

/// Timings of one round trip and of what stands beside it.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    /// Gas of the simulated rebalance.
    pub(crate) gas: u64,
    /// Venues the rebalance changes.
    pub(crate) legs: usize,
    /// Venues that the vault lists.
    pub(crate) venues: usize,
    pub(crate) eth_call: Sample,
    /// A simulator that knows nothing yet.
    pub(crate) cold: Sample,
    /// A simulator's first simulation on a new block.
    pub(crate) new_head: Sample,
    /// Its second.
    pub(crate) warm: Sample,
    /// A reader's first snapshot.
    pub(crate) first_snapshot: Sample,
    /// A reader's later snapshots, each of a new block.
    pub(crate) next_snapshot: Sample,
}

pub(crate) async fn measure(root: &Path) -> eyre::Result<Figures> {
    let directory = root.join("target/bench");
    let (devnet, book) = prepared::start(DevnetConfig::new(root), &Terms::default(), &directory).await?;
    let figures = measure_on(&devnet, &book, &directory).await;
    devnet.shutdown().await?;
    figures
}

async fn measure_on(devnet: &Devnet, book: &AddressBook, directory: &Path) -> eyre::Result<Figures> {
    let path = directory.join("keeper.toml");
    fs::write(&path, keeper_config(book, HUB_MAX_POSITION))?;
    let config = Config::load(&path)?;
    let pool = Arc::new(RpcPool::new(&config.chain.rpc, TIMEOUT)?);
    let reader = Reader::new(Arc::clone(&pool));
    let deployment = config.deployment();
    let record = decision(devnet, book, &config, &reader, &deployment).await?;
    let rebalance = Rebalance::of(&record, book, &config, pool.primary()).await?;

    let mut figures =
        Figures { legs: record.decision.targets().len(), venues: book.venues.len(), ..Figures::default() };
    let simulator = Simulator::with_pool(Arc::clone(&pool), SpecId::PRAGUE);
    for round in 0..WARM_UP + ROUNDS {
        if round == WARM_UP {
            let Figures { gas, legs, venues, .. } = figures;
            figures = Figures { gas, legs, venues, ..Figures::default() };
        }
        devnet.builder().build_block().await?;
        let block = BlockContext::next(pool.primary(), SLOT_SECONDS).await?;
        let plan = rebalance.plan(&block)?;

        figures.eth_call.time_async(rebalance.eth_call(pool.primary(), &block)).await?;
        let fresh = Simulator::with_pool(Arc::clone(&pool), SpecId::PRAGUE);
        figures.cold.time_async(rebalance.simulate(&fresh, &plan, &block)).await?;
        figures.eth_call.time_async(rebalance.eth_call(pool.primary(), &block)).await?;
        figures.new_head.time_async(rebalance.simulate(&simulator, &plan, &block)).await?;
        figures.eth_call.time_async(rebalance.eth_call(pool.primary(), &block)).await?;
        figures.gas = figures.warm.time_async(rebalance.simulate(&simulator, &plan, &block)).await?;

        let fresh = Reader::new(Arc::clone(&pool));
        figures.first_snapshot.time_async(async { Ok(fresh.snapshot(&deployment, None).await?) }).await?;
        figures.eth_call.time_async(rebalance.eth_call(pool.primary(), &block)).await?;
        figures.next_snapshot.time_async(async { Ok(reader.snapshot(&deployment, None).await?) }).await?;
    }
    Ok(figures)
}

/// Three deposits.
pub(crate) async fn fund(devnet: &Devnet, market: &Market<'_>) -> eyre::Result<()> {
    market.refresh_feeds().await?;
    for (index, assets) in DEPOSITS.into_iter().enumerate() {
        let role = Role::Depositor(index);
        market.mint_usdc(role.address()?, assets).await?;
        market.deposit(role, assets).await?;
    }
    devnet.builder().build_block().await?;
    Ok(())
}

/// What the keeper decides after three deposits.
async fn decision(
    devnet: &Devnet,
    book: &AddressBook,
    config: &Config,
    reader: &Reader,
    deployment: &Deployment,
) -> eyre::Result<DecisionRecord> {
    fund(devnet, &Market::new(devnet, book)?).await?;
    let record = record(reader.snapshot(deployment, None).await?, config.policy());
    let refusals: Vec<_> = record.decision.refusals().collect();
    ensure!(record.decision.action != Action::Hold, "the decision is to hold: {refusals:?}");
    let (changed, venues) = (record.decision.targets().len(), book.venues.len());
    ensure!(changed >= 2, "the decision changes {changed} of {venues} venues, expected two or more");
    Ok(record)
}

/// The transaction that the executor presimulates: its proof is signed by a key that is put in the attestor's place.
struct Rebalance {
    hub: Address,
    keeper: Address,
    chain_id: u64,
    nonce: u64,
    input: Bytes,
    overrides: Overrides,
    fees: FeeCaps,
}

impl Rebalance {
    async fn of(
        record: &DecisionRecord,
        book: &AddressBook,
        config: &Config,
        provider: &DynProvider,
    ) -> eyre::Result<Self> {
        let (hub, vault, chain_id) = (book.contracts.hub, book.contracts.vault, book.chain_id);
        let statement = Statement {
            decision_hash: record.hash()?,
            nonce: record.snapshot.hub.nonce,
            // Long enough for every round.
            valid_until: record.snapshot.block.timestamp + MAX_PROOF_VALIDITY,
        };
        let targets = proof::allocations(record.decision.targets());
        let digest = proof::digest(chain_id, hub, vault, &targets, &statement);
        let throwaway = PrivateKeySigner::random();
        let signature = throwaway.sign_hash_sync(&digest)?;
        Ok(Self {
            hub,
            keeper: book.keeper,
            chain_id,
            nonce: provider.get_transaction_count(book.keeper).await?,
            input: proof::calldata(targets, &statement, &signature),
            overrides: Overrides::attestor(hub, &AttestorSlot::read(provider, hub).await?, throwaway.address()),
            fees: FeeCaps {
                max_fee_per_gas: config.execution.max_fee_wei.into(),
                priority_fee_per_gas: config.execution.priority_fee_wei.into(),
                max_gain_share: Bps(config.execution.max_gain_share),
                max_turnover_share: Bps(config.execution.max_turnover_share),
            },
        })
    }

    fn plan(&self, block: &BlockContext) -> eyre::Result<TxPlan> {
        let Fees { max_fee_per_gas, max_priority_fee_per_gas } = self.fees.offer(block.base_fee.into(), &[])?;
        Ok(TxPlan {
            from: self.keeper,
            to: self.hub,
            nonce: self.nonce,
            gas_limit: MAX_GAS_LIMIT,
            max_fee_per_gas,
            max_priority_fee_per_gas,
            input: self.input.clone(),
            chain_id: self.chain_id,
            access_list: Default::default(),
        })
    }

    /// Gas used. It has to do what was decided, or its duration says nothing.
    async fn simulate(&self, simulator: &Simulator, plan: &TxPlan, block: &BlockContext) -> eyre::Result<u64> {
        let simulation = simulator.simulate(plan, block, &self.overrides).await?;
        ensure!(simulation.success, "the simulation reverts: {:?}", simulation.revert);
        rebalances(self.hub, &simulation.logs).next().ok_or_eyre("the simulation does not rebalance")??;
        Ok(simulation.gas_used)
    }

    /// The same call at the same block with the same override, executed by the node.
    async fn eth_call(&self, provider: &DynProvider, block: &BlockContext) -> eyre::Result<Bytes> {
        let request = TransactionRequest::default().from(self.keeper).to(self.hub).input(self.input.clone().into());
        let mut replaced = StateOverride::default();
        for (account, slot, value) in &self.overrides.storage {
            let account: &mut AccountOverride = replaced.entry(*account).or_default();
            account.state_diff.get_or_insert_default().insert(B256::from(*slot), B256::from(*value));
        }
        let environment = BlockOverrides {
            number: Some(U256::from(block.number)),
            time: Some(block.timestamp),
            ..BlockOverrides::default()
        };
        let call = provider.call(request).block(BlockId::hash(block.parent_hash)).overrides(replaced);
        Ok(call.with_block_overrides(environment).await?)
    }
}
