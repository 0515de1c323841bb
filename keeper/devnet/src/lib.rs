//! A local Ethereum chain for developing and testing Ballast: one node, and everything around it that a keeper meets in
//! production — a public RPC, a block builder, a private relay, and a key management service.
//!
//! # Parts
//! - **Node**: anvil on a private loopback port ([`anvil`]). Its address is never handed out, and it dies with us.
//! - **Block builder** ([`builder`]): the only part that gives the node transactions and makes blocks.
//! - **Public RPC** ([`Devnet::rpc_url`], [`Devnet::ws_url`]): HTTP and WebSocket on one port, over a mempool of its own.
//! - **Private relay** ([`Devnet::relay_url`]): Flashbots' JSON-RPC; the official client library works against it.
//! - **KMS** ([`Devnet::kms_url`]): AWS KMS's wire protocol for secp256k1 signing keys; the AWS SDK works against it.
//!
//! # Blocks
//! A block holds the bundles for exactly its number, then private transactions, then the public pool, each by arrival. Its
//! time is its parent's plus one slot of [`SLOT_SECONDS`], whatever the real time, unless a bundle's `minTimestamp` and
//! `maxTimestamp` ask for another, or a time jump was requested, which goes before bundles. A bundle is included whole and
//! first, or not at all: so what was simulated for position 0, that timestamp and that parent is what is executed. A
//! transaction that reverts spoils its bundle unless `revertingTxHashes` names it; a private transaction that would revert
//! is left out and tried again until its `maxBlockNumber`.
//!
//! # Privacy
//! A private transaction is nowhere to be seen on the public endpoint until it is in a block: not in `txpool_*`, filters,
//! subscriptions, the `pending` block or nonce, nor by hash. While the builder tries plans, the public endpoint waits, so no
//! trial is observable either. This holds against users of the public endpoint, not against other processes of the same
//! machine, which could look for the node's loopback port.
//!
//! # What differs from the real relay
//! - One builder that always wins its block and takes bundles in order of arrival, not by what they pay.
//! - Only the head's state is simulated on (`stateBlockNumber` `latest`); `eth_callBundle` refuses overrides other than
//!   `timestamp` and `coinbase` instead of ignoring them.
//! - No `droppingTxHashes`, no refunds, no reputation, no rate limit, no bundle statistics (withdrawn by Flashbots too).
//! - `eth_cancelBundle` answers with the hashes of the cancelled bundles, as Flashbots' client library declares.
//!
//! # What differs from a real node's public endpoint
//! - No accounts: `eth_sendTransaction` is refused, impersonated or not.
//! - The node's test methods (`anvil_*`, `evm_*`) work if [`DevnetConfig::cheats`] is set, except those that would mine or
//!   change the pool behind the builder's back; `evm_mine` and the time methods go through the builder.
//! - Calls on `pending` run at the next block's time on the head's state: pooled transactions are not applied first.

pub mod accounts;
pub mod address_book;
pub mod anvil;
mod assembly;
pub mod builder;
mod building;
mod bundle_simulation;
pub mod deploy;
mod endpoint;
mod filters;
mod jsonrpc;
pub mod keeper_config;
pub mod kms;
mod listener;
pub mod market;
mod node;
mod pool_views;
pub mod prepared;
mod private_book;
mod public_pool;
mod public_rpc;
pub mod relay;
mod transaction;
mod websocket;

pub use anvil::CHAIN_ID;
pub use assembly::SLOT_SECONDS;
pub use builder::{BuildError, Builder, BuiltBlock, LeftOut};
pub use endpoint::Endpoint;
pub use jsonrpc::RpcError;
pub use kms::{Kms, KmsFault, KmsKey};
pub use node::NodeError;
pub use private_book::PrivateStatus;
pub use relay::{RelayFault, RelayFaults};

use alloy::primitives::{Address, U256};
use anvil::{Anvil, AnvilError, AnvilOptions};
use listener::Server;
use node::NodeClient;
use relay::Relay;
use std::{path::PathBuf, time::Duration};

/// Wei given to each of [`DevnetConfig::funded`]: 10,000 ether, what the node's own accounts have.
pub const FUNDING: U256 = U256::from_limbs([1_864_712_049_423_024_128, 542, 0, 0]);

/// What to start.
#[derive(Clone, Debug)]
pub struct DevnetConfig {
    /// Folder that holds `node_modules` with anvil in it.
    pub project_root: PathBuf,
    /// Loopback port of the public RPC, HTTP and WebSocket; 0 for any free one.
    pub rpc_port: u16,
    /// Loopback port of the private relay; 0 for any free one.
    pub relay_port: u16,
    /// Loopback port of the KMS endpoint; 0 for any free one.
    pub kms_port: u16,
    /// Real time between blocks; blocks are built on demand only when absent.
    pub block_time: Option<Duration>,
    /// JSON-RPC endpoint of a network to fork instead of starting empty. The chain id is [`CHAIN_ID`] all the same.
    pub fork_url: Option<String>,
    /// Block to fork from; the network's head when absent.
    pub fork_block: Option<u64>,
    /// State file to start from.
    pub load_state: Option<PathBuf>,
    /// State file to write at shutdown.
    pub dump_state: Option<PathBuf>,
    /// Genesis timestamp in seconds since the epoch; now when absent. Without effect on a fork.
    pub genesis_timestamp: Option<u64>,
    /// Blocks whose state the node keeps, as a full node does (Ethereum's: 128); thousands when absent.
    pub kept_states: Option<u32>,
    /// Accounts that receive [`FUNDING`] beside the node's ten development accounts.
    pub funded: Vec<Address>,
    /// Keys that the KMS endpoint holds from the start. Their addresses are not funded by themselves.
    pub kms_keys: Vec<KmsKey>,
    /// Whether the public endpoint serves the node's test methods.
    pub cheats: bool,
}

impl DevnetConfig {
    /// An empty chain on free ports that builds blocks on demand, with test methods and no KMS keys.
    pub fn new(project_root: impl Into<PathBuf>) -> Self {
        Self {
            project_root: project_root.into(),
            rpc_port: 0,
            relay_port: 0,
            kms_port: 0,
            block_time: None,
            fork_url: None,
            fork_block: None,
            load_state: None,
            dump_state: None,
            genesis_timestamp: None,
            kept_states: None,
            funded: Vec::new(),
            kms_keys: Vec::new(),
            cheats: true,
        }
    }
}

/// The devnet could not be started or stopped.
#[derive(Debug, thiserror::Error)]
pub enum DevnetError {
    /// The node.
    #[error(transparent)]
    Anvil(#[from] AnvilError),
    /// The block builder.
    #[error(transparent)]
    Build(#[from] BuildError),
    /// The KMS keys.
    #[error(transparent)]
    Kms(#[from] kms::KmsError),
    /// A port is taken, most likely.
    #[error("the {name} cannot listen on 127.0.0.1:{port}: {source}; choose another port, or 0 for any free one")]
    Listen {
        /// Which endpoint.
        name: &'static str,
        /// The port asked for.
        port: u16,
        /// The system's reason.
        source: std::io::Error,
    },
}

/// A running devnet. Dropping it ends it too, without waiting for the node's state dump.
#[derive(Debug)]
pub struct Devnet {
    node: Anvil,
    builder: Builder,
    _interval: IntervalGuard,
    kms: Kms,
    relay_faults: RelayFaults,
    rpc_server: Server,
    relay_server: Server,
    kms_server: Server,
}

impl Devnet {
    /// Starts everything. Blocks are built every [`DevnetConfig::block_time`] from then on, or on demand: a caller that wants
    /// to set the chain up first leaves it absent and calls [`Builder::start_interval`] when done.
    ///
    /// # Errors
    /// [`DevnetError`]; nothing is left running then.
    pub async fn start(config: DevnetConfig) -> Result<Self, DevnetError> {
        let kms = Kms::new(&config.kms_keys)?;
        let node = Anvil::start(&AnvilOptions {
            project_root: config.project_root,
            port: 0,
            fork_url: config.fork_url,
            fork_block: config.fork_block,
            load_state: config.load_state,
            dump_state: config.dump_state,
            genesis_timestamp: config.genesis_timestamp,
            kept_states: config.kept_states,
        })
        .await?;
        let client = NodeClient::new(node.url()).map_err(BuildError::Node)?;
        client.call("anvil_setLoggingEnabled", serde_json::json!([false])).await.map_err(BuildError::Node)?;
        for account in &config.funded {
            client.call("anvil_setBalance", serde_json::json!([account, FUNDING])).await.map_err(BuildError::Node)?;
        }
        let builder = Builder::start(client).await?;
        let interval = IntervalGuard(builder.clone());
        let relay = Relay::new(builder.clone(), CHAIN_ID);
        let rpc_server =
            listen("public RPC", config.rpc_port, public_rpc::router(builder.clone(), CHAIN_ID, config.cheats)).await?;
        let relay_server = listen("private relay", config.relay_port, relay.router()).await?;
        let kms_server = listen("KMS endpoint", config.kms_port, kms.router()).await?;
        let relay_faults = relay.faults(relay_server.cutter());
        if let Some(period) = config.block_time {
            builder.start_interval(period).await;
        }
        Ok(Self { node, builder, _interval: interval, kms, relay_faults, rpc_server, relay_server, kms_server })
    }

    /// The public endpoint, `http://127.0.0.1:<port>`.
    pub fn rpc_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.rpc_server.port())
    }

    /// The public endpoint over WebSocket, `ws://127.0.0.1:<port>`.
    pub fn ws_url(&self) -> String {
        format!("ws://127.0.0.1:{}", self.rpc_server.port())
    }

    /// The private relay, `http://127.0.0.1:<port>`.
    pub fn relay_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.relay_server.port())
    }

    /// The KMS endpoint, `http://127.0.0.1:<port>`.
    pub fn kms_url(&self) -> String {
        format!("http://127.0.0.1:{}", self.kms_server.port())
    }

    /// Opens another public endpoint of the same chain, on a free port, for as long as it is held.
    ///
    /// # Errors
    /// [`DevnetError::Listen`].
    pub async fn another_endpoint(&self) -> Result<Endpoint, DevnetError> {
        Endpoint::start(self.builder.clone()).await
    }

    /// Builds blocks, and decides when.
    pub fn builder(&self) -> &Builder {
        &self.builder
    }

    /// Makes the relay fail.
    pub fn relay_faults(&self) -> &RelayFaults {
        &self.relay_faults
    }

    /// Addresses of the KMS keys, and the switch that makes the endpoint fail.
    pub fn kms(&self) -> &Kms {
        &self.kms
    }

    /// Ends everything and waits until it has ended: block under way, endpoints, node.
    ///
    /// # Errors
    /// [`DevnetError::Anvil`] if the node's process cannot be waited for.
    pub async fn shutdown(self) -> Result<(), DevnetError> {
        self.builder.stop_interval().await;
        for server in [self.rpc_server, self.relay_server, self.kms_server] {
            server.stop().await;
        }
        Ok(self.node.stop().await?)
    }
}

/// Ends interval building with the devnet: the task holds a builder of its own.
#[derive(Debug)]
struct IntervalGuard(Builder);

impl Drop for IntervalGuard {
    fn drop(&mut self) {
        self.0.abandon_interval();
    }
}

async fn listen(name: &'static str, port: u16, router: axum::Router) -> Result<Server, DevnetError> {
    Server::start(port, router).await.map_err(|source| DevnetError::Listen { name, port, source })
}
