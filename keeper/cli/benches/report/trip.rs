//! In how many blocks the watcher of a running service trips what holds.

use crate::process::Keeper;
use alloy::{providers::Provider, rpc::types::Filter, sol_types::SolEvent};
use ballast_chain::bindings::KillSwitchManager;
use ballast_devnet::{
    Devnet, DevnetConfig,
    accounts::Role,
    address_book::AddressBook,
    deploy::Terms,
    keeper_config::{HUB_MAX_POSITION, keeper_config},
    market::{IScriptedFeed, Market},
    prepared,
};
use eyre::{OptionExt, ensure};
use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    time::{Duration, Instant},
};
use tokio::time::sleep;

const ROUNDS: usize = 10;
/// Real time between blocks: a sixth of Ethereum's slot, and four of the watcher's looks.
pub(crate) const BLOCK_TIME: Duration = Duration::from_secs(2);
const PATIENCE: Duration = Duration::from_secs(60);
/// A trip blocks for an hour; this is past it.
const TWO_HOURS: u64 = 7_200;

/// How often it took so many blocks from the first that shows the condition to the one with the trip.
pub(crate) type Blocks = BTreeMap<u64, usize>;

pub(crate) async fn measure(root: &Path) -> eyre::Result<Blocks> {
    let directory = root.join("target/bench/trip");
    drop(fs::remove_dir_all(&directory));
    let (devnet, book) = prepared::start(DevnetConfig::new(root), &Terms::default(), &directory).await?;
    let blocks = measure_on(&devnet, &book, &directory).await;
    devnet.shutdown().await?;
    blocks
}

async fn measure_on(devnet: &Devnet, book: &AddressBook, directory: &Path) -> eyre::Result<Blocks> {
    let path = directory.join("keeper.toml");
    fs::write(&path, keeper_config(book, HUB_MAX_POSITION))?;
    let market = Market::new(devnet, book)?;
    market.refresh_feeds().await?;
    let mut service = Keeper::new(&path).start(&["run"])?;
    service.says("keeper runs").await?;
    let feed = book.protocols.feeds.usdc_usd;
    let mut blocks = Blocks::new();
    for _ in 0..ROUNDS {
        // So that the service has seen the last block and does nothing about it any more.
        sleep(BLOCK_TIME).await;
        let reverts = market.send(Role::Deployer, feed, IScriptedFeed::setRevertingCall { reverting: true }).await?;
        let visible = reverts.block_number.ok_or_eyre("a receipt without a block")?;
        devnet.builder().start_interval(BLOCK_TIME).await;
        let tripped = tripped_after(&market, book, visible).await;
        devnet.builder().stop_interval().await;
        *blocks.entry(tripped? - visible).or_default() += 1;
        market.send(Role::Deployer, feed, IScriptedFeed::setRevertingCall { reverting: false }).await?;
        market.pass_time(TWO_HOURS).await?;
        // What else is due after two hours, such as a heartbeat, gets its blocks before the next round.
        devnet.builder().start_interval(BLOCK_TIME).await;
        sleep(BLOCK_TIME * 4).await;
        devnet.builder().stop_interval().await;
    }
    service.kill().await?;
    Ok(blocks)
}

/// The first block after `visible` in which the switch was tripped.
async fn tripped_after(market: &Market<'_>, book: &AddressBook, visible: u64) -> eyre::Result<u64> {
    let filter = Filter::new()
        .address(book.contracts.kill_switch)
        .event_signature(KillSwitchManager::Tripped::SIGNATURE_HASH)
        .from_block(visible);
    let started = Instant::now();
    loop {
        if let Some(block) = market.rpc().get_logs(&filter).await?.first().and_then(|log| log.block_number) {
            return Ok(block);
        }
        ensure!(started.elapsed() < PATIENCE, "nothing was tripped within {PATIENCE:?}");
        sleep(Duration::from_millis(50)).await;
    }
}
