//! A devnet with a governance Safe of three in five, and the binary as its owners run it.

use crate::support::{Finished, Stage};
use alloy::{
    primitives::{Address, B256, Bytes, U256},
    providers::{DynProvider, Provider, ProviderBuilder},
    signers::local::PrivateKeySigner,
    sol,
    sol_types::SolCall,
};
use ballast_devnet::{accounts::Role, keeper_config::SECRETS};
use serde_json::Value;
use std::{fs, path::Path, process::Stdio};
use tokio::process::Command;

sol! {
    #[sol(rpc)]
    #[allow(clippy::too_many_arguments)]
    interface ISetup {
        function setup(address[] owners, uint256 threshold, address to, bytes data, address fallbackHandler, address paymentToken, uint256 payment, address paymentReceiver) external;
        function createProxyWithNonce(address singleton, bytes initializer, uint256 saltNonce) external returns (address proxy);
        function nonce() external view returns (uint256);
        function approveHash(bytes32 hashToApprove) external;
        event ProxyCreation(address indexed proxy, address singleton);
    }
}

/// The binary with these arguments and nothing in its environment but `secrets`.
pub(crate) async fn ballast(stage: &Stage, arguments: &[&str], secrets: &[(&str, &str)]) -> Finished {
    let output = Command::new(env!("CARGO_BIN_EXE_ballast"))
        .args(arguments)
        .env_clear()
        .env("PATH", std::env::var("PATH").unwrap_or_default())
        .env("HOME", stage.path("."))
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .envs(SECRETS)
        .envs(secrets.iter().copied())
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Finished { code: output.status.code(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

/// `ballast safe …` with the deployment file, and the file of a proposal.
#[derive(Debug)]
pub(crate) struct Owner<'a> {
    pub(crate) stage: &'a Stage,
    pub(crate) file: String,
}

impl<'a> Owner<'a> {
    pub(crate) fn new(stage: &'a Stage, name: &str) -> Self {
        Self { stage, file: stage.path(name).display().to_string() }
    }

    pub(crate) fn deployment(&self) -> String {
        self.stage.path("deployment.json").display().to_string()
    }

    pub(crate) async fn propose(&self, arguments: &[&str], secrets: &[(&str, &str)]) -> Finished {
        let (rpc, deployment) = (self.stage.devnet.rpc_url(), self.deployment());
        let fixed = ["safe", "propose", "--rpc", &rpc, "--deployment", &deployment, "--out", &self.file];
        ballast(self.stage, &[&fixed, arguments].concat(), secrets).await
    }

    /// Verify, sign, status or execute.
    pub(crate) async fn run(&self, what: &str, arguments: &[&str], secrets: &[(&str, &str)]) -> Finished {
        let deployment = self.deployment();
        let fixed = ["safe", what, &self.file, "--deployment", &deployment];
        ballast(self.stage, &[&fixed, arguments].concat(), secrets).await
    }

    pub(crate) async fn sign(&self, role: Role) -> Finished {
        self.run("sign", &["--dev-key"], &[("BALLAST_DEV_SAFE_KEY", &role.key())]).await
    }

    /// `OWNER:SIGNATURE` of the proposal's owner.
    pub(crate) async fn add(&self, owner: Address, signature: &[u8], arguments: &[&str]) -> Finished {
        let signature = format!("{owner}:{}", Bytes::copy_from_slice(signature));
        self.run("sign", &[&["--add-signature", &signature], arguments].concat(), &[]).await
    }

    pub(crate) async fn status(&self) -> Value {
        let rpc = self.stage.devnet.rpc_url();
        let status = self.run("status", &["--rpc", &rpc, "--json"], &[]).await;
        assert_eq!(status.code, Some(0), "{status:?}");
        status.json()
    }

    /// Printed calldata of `execTransaction`.
    pub(crate) async fn print(&self) -> Finished {
        let rpc = self.stage.devnet.rpc_url();
        self.run("execute", &["--print", "--json", "--rpc", &rpc], &[]).await
    }

    /// Anybody sends what `execute --print` says.
    pub(crate) async fn send_printed(&self) {
        let printed = self.print().await;
        assert_eq!(printed.code, Some(0), "{printed:?}");
        let field = |name: &str| printed.json()[name].as_str().unwrap().to_owned();
        send(self.stage, field("to").parse().unwrap(), field("data").parse().unwrap()).await;
    }

    pub(crate) fn value(&self) -> Value {
        serde_json::from_str(&fs::read_to_string(&self.file).unwrap()).unwrap()
    }

    pub(crate) fn hash(&self) -> B256 {
        self.value()["safeTxHash"].as_str().unwrap().parse().unwrap()
    }

    pub(crate) fn edit(&self, edit: impl FnOnce(&mut Value)) {
        let mut value = self.value();
        edit(&mut value);
        fs::write(Path::new(&self.file), value.to_string()).unwrap();
    }
}

pub(crate) fn key(role: Role) -> PrivateKeySigner {
    role.signer().unwrap()
}

/// Anyone may send what the owners have signed.
pub(crate) fn anyone(stage: &Stage) -> DynProvider {
    ProviderBuilder::new()
        .wallet(key(Role::Depositor(2)))
        .connect_http(stage.devnet.rpc_url().parse().unwrap())
        .erased()
}

pub(crate) async fn send(stage: &Stage, to: Address, data: Bytes) {
    let request = alloy::rpc::types::TransactionRequest::default().to(to).input(data.into());
    let pending = anyone(stage).send_transaction(request).await.unwrap();
    stage.build_block().await;
    assert!(pending.get_receipt().await.unwrap().status());
}

/// A new Safe 1.4.1 of these owners.
pub(crate) async fn new_safe(stage: &Stage, owners: &[Address], threshold: u64) -> Address {
    let safe = &stage.book.protocols.safe;
    let setup = ISetup::setupCall {
        owners: owners.to_vec(),
        threshold: U256::from(threshold),
        to: Address::ZERO,
        data: Bytes::new(),
        fallbackHandler: safe.fallback_handler,
        paymentToken: Address::ZERO,
        payment: U256::ZERO,
        paymentReceiver: Address::ZERO,
    };
    let provider = anyone(stage);
    let factory = ISetup::new(safe.factory, &provider);
    let create = factory.createProxyWithNonce(safe.singleton, setup.abi_encode().into(), U256::from(owners.len()));
    let address = create.call().await.unwrap();
    let pending = create.send().await.unwrap();
    stage.build_block().await;
    assert!(pending.get_receipt().await.unwrap().status());
    address
}
