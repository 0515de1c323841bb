//! `ballast deploy`: the plan, the batches it writes executed on a real Safe and timelock, and what it refuses.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod safe;

use alloy::{
    network::EthereumWallet,
    primitives::{Address, U256, keccak256},
    providers::{DynProvider, Provider, ProviderBuilder},
};
use ballast_chain::bindings::{StrategyHub, Vault};
use ballast_devnet::{Devnet, DevnetConfig, accounts::Role, address_book::AddressBook, deploy::Terms, prepared};
use ballast_governance::Deployed;
use safe::{read_batch, send_by_safe};
use serde_json::{Value, json};
use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

const BLOCK_TIME: Duration = Duration::from_millis(50);
const DELAY: u64 = 172_800;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// A folder of its own that the forge scripts may read and write.
fn folder(name: &str) -> PathBuf {
    let path = root().join("target/test-deploy").join(name);
    drop(fs::remove_dir_all(&path));
    fs::create_dir_all(&path).unwrap();
    path
}

struct Finished {
    code: Option<i32>,
    out: String,
    err: String,
}

fn deploy(arguments: &[&str]) -> Finished {
    let output = Command::new(env!("CARGO_BIN_EXE_ballast"))
        .arg("deploy")
        .args(arguments)
        .current_dir(root())
        .env("BALLAST_DEV_DEPLOYER_KEY", Role::Deployer.key())
        .output()
        .unwrap();
    Finished {
        code: output.status.code(),
        out: String::from_utf8(output.stdout).unwrap(),
        err: String::from_utf8(output.stderr).unwrap(),
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

fn edited(from: &Path, to: &Path, edits: &[(&str, Value)]) {
    let mut value: Value = serde_json::from_str(&fs::read_to_string(from).unwrap()).unwrap();
    for (pointer, new) in edits {
        *value.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}")) = new.clone();
    }
    fs::write(to, value.to_string()).unwrap();
}

/// A mainnet file as an operator would fill it in.
fn mainnet(path: &Path) {
    let somebody = |number: u8| json!(Address::repeat_byte(number).to_string());
    let several = |numbers: std::ops::Range<u8>| numbers.map(somebody).collect::<Value>();
    edited(
        &root().join("deploy/parameters/mainnet.json"),
        path,
        &[
            ("/keeper", somebody(1)),
            ("/attestor", somebody(2)),
            ("/guardians", several(3..6)),
            ("/governance/owners", several(10..15)),
            ("/emergency/owners", several(20..23)),
        ],
    );
}

// SPEC Y1
#[test]
fn bad_usage_is_2_and_a_file_that_is_not_filled_in_is_1() {
    let file = "deploy/parameters/mainnet.json";
    for arguments in
        [&["--parameters", file][..], &["--plan"], &["--plan", "--execute", "--parameters", file, "--rpc", "x"]]
    {
        assert_eq!(deploy(arguments).code, Some(2), "{arguments:?}");
    }
    let refused = deploy(&["--plan", "--parameters", file]);
    assert_eq!(refused.code, Some(1));
    for key in ["keeper", "attestor", "governance.owners", "emergency.owners", "guardians"] {
        assert!(refused.err.contains(&format!("{key} is empty: fill it in")), "{key}: {}", refused.err);
    }
    let refused = deploy(&["--plan", "--parameters", file, "--json"]);
    assert_eq!(refused.code, Some(1));
    let listed: Value = serde_json::from_str(&refused.out).unwrap();
    assert_eq!(listed["problems"][0], json!({"kind": "missing", "key": "keeper"}));
    let missing = deploy(&["--plan", "--parameters", "nowhere.json"]);
    assert_eq!(missing.code, Some(1));
    assert!(missing.err.contains("cannot read nowhere.json"), "{}", missing.err);
}

// SPEC G1
#[test]
fn the_plan_says_what_is_deployed_what_is_set_and_who_holds_what() {
    let file = folder("plan").join("mainnet.json");
    mainnet(&file);
    let book = root().join("deploy/addresses/mainnet.json");
    let plan = deploy(&["--plan", "--parameters", text(&file), "--addresses", text(&book)]);
    assert_eq!(plan.code, Some(0), "{}", plan.err);
    for words in [
        "0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48 (usdc)",
        "adapter            Aave V3 USDC (aave-v3) for 0x87870Bca3F3fD6335C3F4ce8392D69350B4fA4E2 (aaveV3Pool)",
        "50 bps of NAV an instruction, 100 bps a day",
        "5000 bps of NAV into a venue a day; what adds more than 50000 units and 1250 bps of NAV in one call",
        "604800 s of the keeper's silence",
        "watchers: nobody",
        "259200 s, its own administrator",
        "a new Safe, 3 of 5",
        "a new Safe, 2 of 3",
        "the deployer holds nothing",
        "Nothing was compared with a chain",
    ] {
        assert!(plan.out.contains(words), "{words}:\n{}", plan.out);
    }
    let elsewhere = root().join("deploy/addresses/base.json");
    let refused = deploy(&["--plan", "--parameters", text(&file), "--addresses", text(&elsewhere)]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.err.contains("the address book is of 8453 (base)"), "{}", refused.err);
}

// SPEC G2, G6, X6: what the file says and the chain does not is drawn up, signed by three of five, waited for, and done.
#[tokio::test(flavor = "multi_thread")]
async fn the_batches_bring_the_chain_to_what_the_file_says() {
    let directory = folder("batches");
    let (devnet, book) = start(&directory).await;
    let rpc = devnet.rpc_url();
    let deployment = directory.join("deployment.json");
    let plan = |parameters: &Path| {
        deploy(&[
            "--plan",
            "--parameters",
            text(parameters),
            "--deployment",
            text(&deployment),
            "--rpc",
            &rpc,
            "--out",
            text(&directory),
        ])
    };
    let (schedule, execute) = (directory.join("schedule.json"), directory.join("execute.json"));

    let same = plan(&directory.join("parameters.json"));
    assert_eq!(same.code, Some(0), "{}", same.err);
    assert!(same.out.contains("nothing to sign"), "{}", same.out);
    assert!(!schedule.exists());

    let wanted = directory.join("wanted.json");
    let (new_keeper, watcher) = (Address::repeat_byte(0x77), Address::repeat_byte(0x88));
    edited(
        &directory.join("parameters.json"),
        &wanted,
        &[
            ("/keeper", json!(new_keeper.to_string())),
            ("/watchers", json!([watcher.to_string()])),
            ("/vault/depositCap", json!(500_000_000_000_u64)),
            ("/vault/dailyLossBps", json!(60)),
            ("/vault/maxGrowthBps", json!(4_000)),
            ("/venues/0/cap", json!(400_000_000_000_u64)),
            ("/venues/1/riskScore", json!(45)),
            ("/limits/cooldown", json!(43_200)),
            ("/limits/approvalFloor", json!(25_000)),
            ("/gracePeriod", json!(864_000)),
            ("/timelockDelay", json!(259_200)),
        ],
    );
    let planned = plan(&wanted);
    assert_eq!(planned.code, Some(0), "{}", planned.err);
    for words in [
        "11 changes",
        "deposit cap from 100000000000 to 500000000000",
        "loss budget of a day from 100 to 60 bps",
        "growth from 10000 to 4000 bps a year",
        "grace period from 604800 to 864000 s",
        "grant WATCHER_ROLE to 0x8888888888888888888888888888888888888888",
        "risk score of MetaMorpho USDC from 30 to 45",
        "grant KEEPER_ROLE to 0x7777777777777777777777777777777777777777",
        "revoke KEEPER_ROLE from",
        "delay from 172800 to 259200 s",
    ] {
        assert!(planned.out.contains(words), "{words}:\n{}", planned.out);
    }

    let chain = connect(&devnet);
    let (schedule, execute) = (read_batch(&schedule), read_batch(&execute));
    send_by_safe(&chain, &book, &schedule).await.unwrap();
    assert!(send_by_safe(&chain, &book, &execute).await.is_err(), "executed before the delay had passed");
    devnet.builder().advance_time(DELAY).await.unwrap();
    devnet.builder().build_block().await.unwrap();
    send_by_safe(&chain, &book, &execute).await.unwrap();

    let keeper_role = keccak256("KEEPER_ROLE");
    let hub = StrategyHub::new(book.contracts.hub, &chain);
    assert!(hub.hasRole(keeper_role, new_keeper).call().await.unwrap());
    assert!(!hub.hasRole(keeper_role, book.keeper).call().await.unwrap());
    let limits = hub.limits().call().await.unwrap();
    assert_eq!((limits.cooldown, limits.approvalFloor), (43_200, 25_000));
    assert_eq!(hub.lastSeen().call().await.unwrap().grace, U256::from(864_000));
    let vault = Vault::new(book.contracts.vault, &chain);
    assert_eq!(vault.depositCap().call().await.unwrap(), U256::from(500_000_000_000_u64));
    assert_eq!(vault.dailyLoss().call().await.unwrap().bps, U256::from(60));
    assert_eq!(vault.maxGrowthBps().call().await.unwrap(), U256::from(4_000));
    let done = plan(&wanted);
    assert!(done.out.contains("nothing to sign"), "{}\n{}", done.out, done.err);
    devnet.shutdown().await.unwrap();
}

// SPEC G6: a deployer who only deploys leaves all the setting to governance: one batch makes of bare contracts what the file says.
#[tokio::test(flavor = "multi_thread")]
async fn governance_sets_everything_that_the_deployer_left_unset() {
    let directory = folder("unset");
    let (devnet, book) = start(&directory).await;
    let (parameters, deployment) = (directory.join("parameters.json"), directory.join("bare.json"));
    for script in [&["script/Deploy.s.sol", "--sig", "deploy()"][..], &["script/Handover.s.sol"]] {
        forge_script(script, &devnet, &parameters, &deployment);
    }
    let rpc = devnet.rpc_url();
    let target = ["--plan", "--parameters", text(&parameters), "--deployment", text(&deployment)];
    let target = [&target[..], &["--rpc", &rpc, "--out", text(&directory)]].concat();
    let planned = deploy(&target);
    assert_eq!(planned.code, Some(0), "{}", planned.err);
    for words in [
        "hub from 0x0000000000000000000000000000000000000000",
        "list Aave V3 USDC at",
        "grant APPROVER_ROLE to governance Safe",
        "grant GUARDIAN_ROLE to KillSwitchManager",
    ] {
        assert!(planned.out.contains(words), "{words}:\n{}", planned.out);
    }

    let chain = connect(&devnet);
    let [schedule, execute] = ["schedule.json", "execute.json"].map(|name| read_batch(&directory.join(name)));
    send_by_safe(&chain, &book, &schedule).await.unwrap();
    devnet.builder().advance_time(DELAY).await.unwrap();
    devnet.builder().build_block().await.unwrap();
    send_by_safe(&chain, &book, &execute).await.unwrap();

    let done = deploy(&target);
    assert!(done.out.contains("nothing to sign"), "{}\n{}", done.out, done.err);
    let bare = Deployed::load(&deployment).unwrap();
    assert_ne!(bare.vault, book.contracts.vault);
    let vault = Vault::new(bare.vault, &chain);
    assert_eq!(vault.adapters().call().await.unwrap(), bare.adapters);
    for (adapter, direct) in bare.adapters.iter().zip([false, true]) {
        assert_eq!(vault.positionKind(*adapter).call().await.unwrap().direct, direct, "{adapter}");
    }
    devnet.shutdown().await.unwrap();
}

// SPEC Y3
#[tokio::test(flavor = "multi_thread")]
async fn it_deploys_on_the_development_chain_and_on_no_other() {
    let directory = folder("execute");
    let elsewhere = directory.join("mainnet.json");
    mainnet(&elsewhere);
    let (devnet, book) = start(&directory).await;
    let rpc = devnet.rpc_url();
    let deployment = directory.join("second.json");
    let addresses = root().join("deploy/addresses/mainnet.json");
    let refused = deploy(&[
        "--execute",
        "--parameters",
        text(&elsewhere),
        "--addresses",
        text(&addresses),
        "--rpc",
        &rpc,
        "--deployment",
        text(&deployment),
    ]);
    assert_eq!(refused.code, Some(1));
    assert!(refused.err.contains("on the development chain 31337 only, this is chain 1"), "{}", refused.err);
    assert!(!deployment.exists());

    let parameters = directory.join("parameters.json");
    let target =
        ["--parameters", text(&parameters), "--rpc", rpc.as_str(), "--deployment", text(&deployment), "--json"];
    let executed = deploy(&[&["--execute"][..], &target].concat());
    assert_eq!(executed.code, Some(0), "{}", executed.err);
    let second: Value = serde_json::from_str(&executed.out).unwrap();
    assert_ne!(second["vault"], json!(book.contracts.vault), "a vault of its own");
    assert_eq!(second["governance"], json!(book.contracts.governance), "under the Safe that was there");
    let plan = deploy(&[&["--plan"][..], &target].concat());
    assert_eq!(plan.code, Some(0), "{}", plan.err);
    assert_eq!(serde_json::from_str::<Value>(&plan.out).unwrap()["changes"], json!([]));
    devnet.shutdown().await.unwrap();
}

async fn start(directory: &Path) -> (Devnet, AddressBook) {
    let (devnet, book) = prepared::start(DevnetConfig::new(root()), &Terms::default(), directory).await.unwrap();
    devnet.builder().start_interval(BLOCK_TIME).await;
    (devnet, book)
}

/// One step of the deployment, as deploy/README.md has the operator run it.
fn forge_script(script: &[&str], devnet: &Devnet, parameters: &Path, deployment: &Path) {
    let architecture = if std::env::consts::ARCH == "aarch64" { "arm64" } else { "amd64" };
    let system = if std::env::consts::OS == "macos" { "darwin" } else { std::env::consts::OS };
    let output = Command::new(root().join(format!("node_modules/@foundry-rs/forge-{system}-{architecture}/bin/forge")))
        .arg("script")
        .args(script)
        .args(["--broadcast", "--non-interactive", "--rpc-url", &devnet.rpc_url()])
        .current_dir(root())
        .env("FOUNDRY_OUT", "target/script-build/out")
        .env("FOUNDRY_CACHE_PATH", "target/script-build/cache")
        .env("PARAMETERS", parameters)
        .env("DEPLOYMENT_OUT", deployment)
        .env("DEPLOYER_KEY", Role::Deployer.key())
        .output()
        .unwrap();
    assert!(output.status.success(), "{script:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Anyone may send what the owners have signed.
fn connect(devnet: &Devnet) -> DynProvider {
    let wallet = EthereumWallet::from(Role::Depositor(0).signer().unwrap());
    ProviderBuilder::new().wallet(wallet).connect_http(devnet.rpc_url().parse().unwrap()).erased()
}
