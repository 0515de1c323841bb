//! `ballast devnet`

use ballast_devnet::{
    Devnet, DevnetConfig,
    accounts::Role,
    address_book::AddressBook,
    deploy::Terms,
    keeper_config::{HUB_MAX_POSITION, SECRETS, keeper_config},
    market::Market,
    prepared,
};
use clap::Args;
use eyre::WrapErr;
use std::{path::PathBuf, process::ExitCode, time::Duration};

/// Chain seconds between two answers of the feeds, well inside the shortest heartbeat.
const FEED_INTERVAL: u64 = 1_800;

#[derive(Debug, Args)]
pub(crate) struct Arguments {
    /// Where node_modules and the contracts are
    #[arg(long, default_value = ".")]
    project_root: PathBuf,
    /// Where the address book and the keeper's configuration are written
    #[arg(long, default_value = "target/devnet")]
    out: PathBuf,
    /// Port of the public RPC
    #[arg(long, default_value_t = 8545)]
    rpc_port: u16,
    /// Port of the private relay
    #[arg(long, default_value_t = 8546)]
    relay_port: u16,
    /// Port of the KMS endpoint
    #[arg(long, default_value_t = 8547)]
    kms_port: u16,
    /// Milliseconds of real time between blocks; each is 12 seconds of chain time
    #[arg(long, default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(50..=60_000))]
    block_time: u64,
    /// Fork this network instead of deploying the protocols; nothing of Ballast is deployed then
    #[arg(long)]
    fork_url: Option<String>,
    /// Print the endpoints and addresses as JSON
    #[arg(long)]
    json: bool,
}

pub(crate) async fn run(arguments: Arguments) -> eyre::Result<ExitCode> {
    let root = crate::local::project_root(&arguments.project_root)?;
    let block_time = Duration::from_millis(arguments.block_time);
    let mut config = DevnetConfig::new(&root);
    config.rpc_port = arguments.rpc_port;
    config.relay_port = arguments.relay_port;
    config.kms_port = arguments.kms_port;

    if arguments.fork_url.is_some() {
        config.fork_url = arguments.fork_url;
        config.kms_keys = prepared::kms_keys();
        let devnet = Devnet::start(config).await?;
        devnet.builder().start_interval(block_time).await;
        let endpoints = ballast_devnet::deploy::endpoints(&devnet);
        if arguments.json {
            crate::output::json(&endpoints)?;
        } else {
            println!("rpc   {}\nrelay {}\nkms   {}\nCtrl-C stops it", endpoints.rpc, endpoints.relay, endpoints.kms);
        }
        tokio::signal::ctrl_c().await?;
        devnet.shutdown().await?;
        return Ok(ExitCode::SUCCESS);
    }

    let (devnet, book) = prepared::start(config, &Terms::default(), &arguments.out).await?;
    let keeper_toml = arguments.out.join("keeper.toml");
    std::fs::write(&keeper_toml, keeper_config(&book, HUB_MAX_POSITION))
        .wrap_err_with(|| format!("cannot write {}", keeper_toml.display()))?;
    if arguments.json {
        crate::output::json(&book)?;
    } else {
        println!("{}", instructions(&book, &arguments.out));
    }
    devnet.builder().start_interval(block_time).await;
    let feeds = keep_feeds_fresh(&devnet, &book, block_time);
    tokio::select! {
        result = feeds => result?,
        result = tokio::signal::ctrl_c() => result?,
    }
    devnet.shutdown().await?;
    Ok(ExitCode::SUCCESS)
}

/// Answers every feed anew before it would be late, until cancelled.
async fn keep_feeds_fresh(devnet: &Devnet, book: &AddressBook, block_time: Duration) -> eyre::Result<()> {
    let market = Market::new(devnet, book)?;
    let blocks = u32::try_from(FEED_INTERVAL / ballast_devnet::SLOT_SECONDS)?;
    loop {
        market.refresh_feeds().await?;
        tokio::time::sleep(block_time * blocks).await;
    }
}

fn instructions(book: &AddressBook, out: &std::path::Path) -> String {
    let venues: String = book
        .venues
        .iter()
        .map(|venue| format!("  {:<16} {}  (venue {})\n", venue.name, venue.adapter, venue.venue))
        .collect();
    let secrets: String = SECRETS.iter().map(|(name, value)| format!("  export {name}={value}\n")).collect();
    format!(
        "\
rpc    {rpc}   (public: pool, filters and subscriptions never show a private transaction)
relay  {relay}   (Flashbots JSON-RPC)
kms    {kms}   (AWS KMS protocol)

vault        {vault}
hub          {hub}
kill switch  {kill_switch}
timelock     {timelock}
governance   {governance}   (Safe, 3 of 5)
emergency    {emergency}   (Safe, 2 of 3)
USDC         {usdc}
USDC/USD     {feed}
{venues}
All addresses: {out}/address-book.json

Mint yourself money, deposit it, look at it:
  cast send {usdc} 'mint(address,uint256)' {depositor} 50000000000 --rpc-url {rpc} --private-key {deployer_key}
  cast send {usdc} 'approve(address,uint256)' {vault} 50000000000 --rpc-url {rpc} --private-key {depositor_key}
  cast send {vault} 'deposit(uint256,address)' 50000000000 {depositor} --rpc-url {rpc} --private-key {depositor_key}
  cast call {vault} 'totalAssets()(uint256)' --rpc-url {rpc}

Run the keeper:
{secrets}  ballast run --once --config {out}/keeper.toml

Take USDC off its peg:
  cast send {feed} 'push(int256)' 97000000 --rpc-url {rpc} --private-key {deployer_key}

Ctrl-C stops it",
        rpc = book.endpoints.rpc,
        relay = book.endpoints.relay,
        kms = book.endpoints.kms,
        vault = book.contracts.vault,
        hub = book.contracts.hub,
        kill_switch = book.contracts.kill_switch,
        timelock = book.contracts.timelock,
        governance = book.contracts.governance,
        emergency = book.contracts.emergency,
        usdc = book.protocols.usdc,
        feed = book.protocols.feeds.usdc_usd,
        out = out.display(),
        depositor = Role::Depositor(0).address().map(|address| address.to_string()).unwrap_or_default(),
        depositor_key = Role::Depositor(0).key(),
        deployer_key = Role::Deployer.key(),
    )
}
