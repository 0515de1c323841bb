//! Brings the real protocols and Ballast onto a running devnet, with the same forge scripts that a real network gets.

use crate::{
    Devnet,
    accounts::Role,
    address_book::{AddressBook, Contracts, Endpoints, Protocols, Venue},
    anvil::CHAIN_ID,
    builder::BuildError,
    market::{Market, MarketError},
};
use alloy::{
    primitives::{Address, Bytes, U256, address, utils::parse_ether},
    providers::{MULTICALL3_ADDRESS, Provider, ProviderBuilder, bindings::IMulticall3, ext::AnvilApi},
    transports::{RpcError, TransportErrorKind},
};
use serde::de::DeserializeOwned;
use serde_json::json;
use std::{
    fs,
    path::{Path, PathBuf},
    process::Stdio,
    time::Duration,
};
use tokio::process::Command;

/// KMS alias of the key that sends rebalances.
pub const KEEPER_ALIAS: &str = "alias/ballast-keeper";
/// KMS alias of the key that vouches for them.
pub const ATTESTOR_ALIAS: &str = "alias/ballast-attestor";

/// What deploying leaves in its directory: what it deployed from, and where everything is.
pub(crate) const PARAMETERS_FILE: &str = "parameters.json";
pub(crate) const DEPLOYMENT_FILE: &str = "deployment.json";
/// What of the deployment does not depend on the chain.
pub(crate) const PARAMETERS: &str = "deploy/parameters/devnet.json";
/// Where Safe's MultiSendCallOnly 1.4.1 is on nearly every chain, and its published code.
const MULTI_SEND_CALL_ONLY: Address = address!("9641d764fc13c8B624c04430C7356C1C7C8102e2");
const MULTI_SEND_ARTIFACT: &str = "node_modules/@safe-global/safe-contracts/build/artifacts/contracts/libraries/MultiSendCallOnly.sol/MultiSendCallOnly.json";
/// Seconds that leaving a venue may take: until its borrowers have answered the rate of a venue that is lent out.
const EXIT_TIME: u64 = 86_400;
/// MetaMorpho's shortest timelock, and a little.
const CAP_TIMELOCK: u64 = 86_400 + 60;
/// While deploying, blocks come as fast as transactions do.
const DEPLOY_BLOCK_TIME: Duration = Duration::from_millis(50);
const FEED_HEARTBEAT_USDC: u64 = 86_400;
/// Heartbeat of ETH/USD, seconds.
pub const FEED_HEARTBEAT_ETH: u64 = 3_600;

#[derive(Debug, thiserror::Error)]
pub enum DeployError {
    #[error("cannot {action} {}: {source}", path.display())]
    File { action: &'static str, path: PathBuf, source: std::io::Error },
    #[error("{} is not what the deployment writes: {source}", path.display())]
    Malformed { path: PathBuf, source: serde_json::Error },
    #[error("forge script {script} failed:\n{output}")]
    Script { script: &'static str, output: String },
    #[error("{PARAMETERS} has nothing at {0}")]
    ParameterMissing(&'static str),
    #[error("the devnet's KMS has no key {0}")]
    MissingKey(&'static str),
    #[error("the devnet refused a request: {0}")]
    Rpc(#[from] RpcError<TransportErrorKind>),
    #[error(transparent)]
    Build(#[from] BuildError),
    #[error("a development key does not parse: {0}")]
    Key(#[from] alloy::signers::local::LocalSignerError),
    #[error("the sizes of the venues cannot be observed: {0}")]
    Observe(#[from] MarketError),
    #[error("the endpoint {0} is not a URL")]
    Url(String),
    #[error("{0} is missing: run `make setup`")]
    ForgeMissing(PathBuf),
}

/// What the devnet's Ballast is configured with.
#[derive(Clone, Debug)]
pub struct Terms {
    /// In base units of USDC (SPEC C2: the first stage is $100K).
    pub deposit_cap: u64,
    /// Seconds between proposal and execution in the timelock.
    pub timelock_delay: u64,
    /// Seconds between rebalances.
    pub cooldown: u64,
    /// Additions above this part of NAV, in basis points, and above $50,000 need the Safe's approval.
    pub approval: u16,
}

impl Default for Terms {
    fn default() -> Self {
        Self { deposit_cap: 100_000_000_000, timelock_delay: 2 * 86_400, cooldown: 6 * 3_600, approval: 10_000 }
    }
}

/// Deploys protocols and Ballast, hands Ballast over to Safe and timelock, funds the keeper, and writes `address-book.json`
/// into `directory` (which must lie under the project's `target/`).
///
/// # Errors
/// [`DeployError`], with the script's own output.
pub async fn deploy(
    devnet: &Devnet,
    project_root: &Path,
    directory: &Path,
    terms: &Terms,
) -> Result<AddressBook, DeployError> {
    fs::create_dir_all(directory).map_err(file("create", directory))?;
    let keeper = devnet.kms().address(KEEPER_ALIAS).ok_or(DeployError::MissingKey(KEEPER_ALIAS))?;
    let attestor = devnet.kms().address(ATTESTOR_ALIAS).ok_or(DeployError::MissingKey(ATTESTOR_ALIAS))?;
    let url = devnet.rpc_url().parse().map_err(|_| DeployError::Url(devnet.rpc_url()))?;
    let rpc = ProviderBuilder::new().connect_http(url);
    rpc.anvil_set_code(MULTICALL3_ADDRESS, multicall3_runtime(&rpc).await?).await?;
    rpc.anvil_set_code(MULTI_SEND_CALL_ONLY, multi_send_runtime(project_root)?).await?;
    rpc.anvil_set_balance(Role::Deployer.address()?, ether("1000000")).await?;
    rpc.anvil_set_balance(keeper, ether("10")).await?;

    let protocols_file = directory.join("protocols.json");
    let parameters_file = directory.join(PARAMETERS_FILE);
    let deployment_file = directory.join(DEPLOYMENT_FILE);
    let script = Script { root: project_root, rpc_url: devnet.rpc_url(), deployer_key: Role::Deployer.key() };

    devnet.builder().start_interval(DEPLOY_BLOCK_TIME).await;
    let protocols_out = [("PROTOCOLS_OUT", protocols_file.as_path())];
    script.run("script/DeployProtocols.s.sol", Some("phase1()"), &protocols_out).await?;
    devnet.builder().advance_time(CAP_TIMELOCK).await?;
    script.run("script/DeployProtocols.s.sol", Some("phase2()"), &protocols_out).await?;
    let protocols: Protocols = read(&protocols_file)?;

    let parameters = parameters(project_root, &protocols, keeper, attestor, terms)?;
    fs::write(&parameters_file, format!("{parameters:#}")).map_err(file("write", &parameters_file))?;
    deploy_ballast(project_root, &devnet.rpc_url(), &Role::Deployer.key(), &parameters_file, &deployment_file).await?;
    devnet.builder().stop_interval().await;

    let contracts: Contracts = read(&deployment_file)?;
    let book = AddressBook {
        chain_id: CHAIN_ID,
        endpoints: endpoints(devnet),
        venues: venues(&protocols, &contracts),
        contracts,
        protocols,
        keeper,
        attestor,
    };
    // Two observations in two blocks, as the keeper's first heartbeats would make them: a chain that is ready to be used.
    for _ in 0..2 {
        Market::new(devnet, &book)?.observe_venues().await?;
    }
    devnet.builder().build_block().await?;
    write_book(&book, directory)?;
    Ok(book)
}

/// The devnet's endpoints as they are now.
#[must_use]
pub fn endpoints(devnet: &Devnet) -> Endpoints {
    Endpoints { rpc: devnet.rpc_url(), websocket: devnet.ws_url(), relay: devnet.relay_url(), kms: devnet.kms_url() }
}

/// Writes `address-book.json`.
///
/// # Errors
/// [`DeployError::File`].
pub fn write_book(book: &AddressBook, directory: &Path) -> Result<PathBuf, DeployError> {
    let path = directory.join("address-book.json");
    let text =
        serde_json::to_string_pretty(book).map_err(|source| DeployError::Malformed { path: path.clone(), source })?;
    fs::write(&path, text + "\n").map_err(file("write", &path))?;
    Ok(path)
}

struct VenueTerms {
    name: &'static str,
    kind: &'static str,
    risk_score: u8,
    /// The pool or the MetaMorpho.
    contract: fn(&Protocols) -> Address,
}

/// The order of the exit queue.
const VENUES: [VenueTerms; 4] = [
    VenueTerms { name: "Aave V3 USDC", kind: "aave-v3", risk_score: 15, contract: |all| all.aave.pool },
    VenueTerms { name: "MetaMorpho USDC", kind: "metamorpho", risk_score: 30, contract: |all| all.morpho.meta_morpho },
    VenueTerms { name: "Aave V3 Prime USDC", kind: "aave-v3", risk_score: 20, contract: |all| all.aave_prime.pool },
    VenueTerms {
        name: "MetaMorpho Prime USDC",
        kind: "metamorpho",
        risk_score: 35,
        contract: |all| all.morpho_prime.meta_morpho,
    },
];

fn venues(protocols: &Protocols, contracts: &Contracts) -> Vec<Venue> {
    VENUES
        .iter()
        .zip(&contracts.adapters)
        .map(|(terms, adapter)| Venue {
            name: terms.name.into(),
            kind: terms.kind.into(),
            adapter: *adapter,
            venue: (terms.contract)(protocols),
            risk_score: terms.risk_score,
        })
        .collect()
}

/// The parameter file of script/Deploy.s.sol: deploy/parameters/devnet.json with what this chain has put in.
fn parameters(
    root: &Path,
    protocols: &Protocols,
    keeper: Address,
    attestor: Address,
    terms: &Terms,
) -> Result<serde_json::Value, DeployError> {
    // Flow, and unless the terms say otherwise approval, are as wide as the hub allows (deploy/parameters/devnet.json): what people do here
    // moves all of a small vault within hours, and nobody is there to approve it.
    let mut parameters: serde_json::Value = read(&root.join(PARAMETERS))?;
    for (pointer, value) in [
        ("/asset", json!(protocols.usdc)),
        ("/keeper", json!(keeper)),
        ("/attestor", json!(attestor)),
        ("/vault/depositCap", json!(terms.deposit_cap)),
        ("/timelockDelay", json!(terms.timelock_delay)),
        ("/limits/cooldown", json!(terms.cooldown)),
        ("/limits/approvalBps", json!(terms.approval)),
        ("/safe/singleton", json!(protocols.safe.singleton)),
        ("/safe/factory", json!(protocols.safe.factory)),
        ("/safe/fallbackHandler", json!(protocols.safe.fallback_handler)),
        (
            "/feeds",
            json!([{"token": protocols.usdc, "aggregator": protocols.feeds.usdc_usd, "heartbeat": FEED_HEARTBEAT_USDC}]),
        ),
        (
            "/venues",
            VENUES
                .iter()
                .map(|venue| {
                    json!({
                        "name": venue.name,
                        "kind": venue.kind,
                        "venue": (venue.contract)(protocols),
                        "cap": terms.deposit_cap,
                        "riskScore": venue.risk_score,
                        "exitTime": EXIT_TIME,
                    })
                })
                .collect(),
        ),
    ] {
        *parameters.pointer_mut(pointer).ok_or(DeployError::ParameterMissing(pointer))? = value;
    }
    checksummed(&mut parameters);
    Ok(parameters)
}

/// Addresses as the parameter file has to have them (EIP-55).
fn checksummed(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::String(text) => {
            if let Ok(address) = text.parse::<Address>() {
                *text = address.to_checksum(None);
            }
        }
        serde_json::Value::Array(items) => items.iter_mut().for_each(checksummed),
        serde_json::Value::Object(entries) => entries.values_mut().for_each(checksummed),
        _ => {}
    }
}

/// Runs script/Deploy.s.sol: deploys Ballast from `parameters`, configures it and hands it over, and writes `deployment`. Both
/// files must lie under the project's `target/`.
///
/// # Errors
/// [`DeployError::Script`] with the script's own output.
pub async fn deploy_ballast(
    root: &Path,
    rpc_url: &str,
    deployer_key: &str,
    parameters: &Path,
    deployment: &Path,
) -> Result<(), DeployError> {
    let script = Script { root, rpc_url: rpc_url.to_owned(), deployer_key: deployer_key.to_owned() };
    script.run("script/Deploy.s.sol", None, &[("PARAMETERS", parameters), ("DEPLOYMENT_OUT", deployment)]).await
}

struct Script<'a> {
    root: &'a Path,
    rpc_url: String,
    deployer_key: String,
}

impl Script<'_> {
    async fn run(
        &self,
        script: &'static str,
        signature: Option<&str>,
        files: &[(&str, &Path)],
    ) -> Result<(), DeployError> {
        let mut command = Command::new(forge_binary(self.root)?);
        command.args(["script", script, "--broadcast", "--rpc-url", &self.rpc_url, "--non-interactive"]);
        if let Some(signature) = signature {
            command.args(["--sig", signature]);
        }
        // A build folder of its own: a test run that compiles at the same time must not pull ours from under us.
        command
            .current_dir(self.root)
            .env("FOUNDRY_OUT", "target/script-build/out")
            .env("FOUNDRY_CACHE_PATH", "target/script-build/cache")
            .env("DEPLOYER_KEY", &self.deployer_key);
        for (variable, path) in files {
            command.env(variable, path);
        }
        let output = command
            .stdin(Stdio::null())
            .kill_on_drop(true)
            .output()
            .await
            .map_err(file("run", &forge_binary(self.root)?))?;
        if output.status.success() {
            return Ok(());
        }
        let output = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        Err(DeployError::Script { script, output })
    }
}

/// The native binary: npm's shim exits 0 whatever happens.
fn forge_binary(root: &Path) -> Result<PathBuf, DeployError> {
    let os = if std::env::consts::OS == "macos" { "darwin" } else { std::env::consts::OS };
    let arch = if std::env::consts::ARCH == "aarch64" { "arm64" } else { "amd64" };
    let path = root.join(format!("node_modules/@foundry-rs/forge-{os}-{arch}/bin/forge"));
    if path.exists() { Ok(path) } else { Err(DeployError::ForgeMissing(path)) }
}

/// What Multicall3's constructor leaves behind, by running it.
async fn multicall3_runtime(rpc: &impl Provider) -> Result<alloy::primitives::Bytes, DeployError> {
    let create =
        alloy::rpc::types::TransactionRequest { input: IMulticall3::BYTECODE.clone().into(), ..Default::default() };
    Ok(rpc.call(create).await?)
}

/// The runtime code of Safe's MultiSendCallOnly, which has neither constructor arguments nor immutables.
fn multi_send_runtime(root: &Path) -> Result<Bytes, DeployError> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Artifact {
        deployed_bytecode: Bytes,
    }
    Ok(read::<Artifact>(&root.join(MULTI_SEND_ARTIFACT))?.deployed_bytecode)
}

fn ether(amount: &str) -> U256 {
    parse_ether(amount).unwrap_or_default()
}

fn read<T: DeserializeOwned>(path: &Path) -> Result<T, DeployError> {
    let text = fs::read_to_string(path).map_err(file("read", path))?;
    serde_json::from_str(&text).map_err(|source| DeployError::Malformed { path: path.to_owned(), source })
}

fn file(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> DeployError {
    let path = path.to_owned();
    move |source| DeployError::File { action, path, source }
}
