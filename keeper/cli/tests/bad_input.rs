//! Whatever is wrong is said in words on standard error, with exit code 1 (2 for usage), and nothing is sent.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use alloy::{
    primitives::{Address, B256, U256},
    providers::{Provider, ext::AnvilApi},
};
use ballast_devnet::{
    KmsFault,
    accounts::Role,
    deploy::{ATTESTOR_ALIAS, KEEPER_ALIAS},
    market::{IKillSwitch, USD},
};
use ballast_store::State;
use serde_json::json;
use sqlx::{ConnectOptions, Connection, sqlite::SqliteConnectOptions};
use std::fs;
use support::{DEPOSIT, Finished, Keeper, Stage, enable, newest_attempt, store_when_there, until};

const ONCE: &[&str] = &["run", "--once"];
const CHECK: &[&str] = &["config", "check"];
const OFFLINE: &[&str] = &["config", "check", "--offline"];

// SPEC Y1
#[tokio::test(flavor = "multi_thread")]
async fn the_file_must_be_readable_toml_with_known_keys_and_values_in_range() {
    let stage = Stage::empty().await;
    let keeper = stage.keeper();
    assert_eq!(keeper.run(OFFLINE).await.code, Some(0), "the configuration that is broken below is whole");

    for arguments in [OFFLINE, ONCE, &["status"], &["decisions"], &["emergency-exit", "--yes"]] {
        let missing = keeper.run_with(&stage.path("nowhere.toml"), arguments).await;
        missing.assert_refused(1, &["cannot read", "nowhere.toml", "No such file"]);
    }
    keeper.run_with(&stage.path("."), OFFLINE).await.assert_refused(1, &["cannot read", "directory"]);
    fs::write(stage.path("latin1.toml"), b"[chain]\nid = \"\xe9\"").unwrap();
    keeper.run_with(&stage.path("latin1.toml"), OFFLINE).await.assert_refused(1, &["cannot read", "UTF-8"]);
    keeper.run_on("[chain\nid = 1", OFFLINE).await.assert_refused(1, &["is not valid", "line 1"]);
    keeper.run_on("", OFFLINE).await.assert_refused(1, &["is not valid", "missing field `chain`"]);
    keeper.clone().without("relay").run(OFFLINE).await.assert_refused(1, &["missing field `relay`"]);

    for key in
        ["chain.speed", "contracts.owner", "venues.0.apy", "policy.leverage", "keeper.pin", "kms.secret", "nonsense"]
    {
        let (_, last) = key.rsplit_once('.').unwrap_or(("", key));
        let refused = keeper.clone().set(key, 1).run(OFFLINE).await;
        refused.assert_refused(1, &["is not valid", &format!("unknown field `{last}`")]);
    }
    for (key, value, words) in [
        ("chain.id", toml::Value::from("mainnet"), ["invalid type", "mainnet"]),
        ("contracts.vault", "0x12".into(), ["is not valid", "vault"]),
        ("contracts.hub", "0xG000000000000000000000000000000000000000".into(), ["is not valid", "hub"]),
        ("venues.0.kind", "casino".into(), ["unknown variant `casino`", "aave-v3"]),
        ("keeper.type", "plain".into(), ["unknown variant `plain`", "kms"]),
        ("policy.reserve", (-1).into(), ["is not valid", "reserve"]),
        ("policy.reserve", 70_000.into(), ["is not valid", "reserve"]),
        ("execution.halt_after", "sent".into(), ["unknown variant `sent`", "submitted"]),
    ] {
        keeper.clone().set(key, value).run(OFFLINE).await.assert_refused(1, &words);
    }
    for (key, value, words) in [
        ("chain.rpc", toml::Value::Array(Vec::new()), ["chain.rpc is empty", "at least one"]),
        ("chain.rpc", vec!["ws://127.0.0.1:8545"].into(), ["chain.rpc is ws://127.0.0.1:8545", "http"]),
        ("chain.timeout", 0.into(), ["chain.timeout is 0", "1 to 120 seconds"]),
        ("chain.slot", 61.into(), ["chain.slot is 61", "1 to 60 seconds"]),
        ("relay.url", "ftp://relay".into(), ["relay.url is", "http"]),
        ("relay.timeout", 61.into(), ["relay.timeout is 61", "1 to 60 seconds"]),
        ("venues", toml::Value::Array(Vec::new()), ["venues is empty", "at least one"]),
        ("venues.1.name", "Aave V3 USDC".into(), ["venues.name is repeated", "different name"]),
        ("venues.0.risk_score", 101.into(), ["venues.risk_score is 101", "0 to 100"]),
        ("venues.0.protocol", "aave".into(), ["venues.protocol is \"aave\"", "aave-v3, morpho-blue"]),
        ("venues.0.max_position", 5_001.into(), ["venues.max_position is 5001", "policy.max_position"]),
        ("eth_usd.heartbeat", 59.into(), ["eth_usd.heartbeat is 59", "60 to 2592000"]),
        ("policy.reserve", 499.into(), ["reserve is 499", "500 to 10000"]),
        ("policy.max_position", 5_001.into(), ["max_position is 5001", "500 to 5000"]),
        ("policy.horizon_hours", 0.into(), ["horizon is 0", "3600"]),
        ("policy.expected_gas", 20_999.into(), ["expected_gas is 20999", "21000"]),
        ("policy.slippage", 201.into(), ["slippage is 201", "at most 200"]),
        ("policy.max_risk_score", 101.into(), ["max_risk_score is 101", "0 to 100"]),
        ("policy.max_head_age", 11.into(), ["max_head_age is 11", "12 to 3600"]),
        ("execution.max_attempts", 0.into(), ["execution.max_attempts is 0", "1 to 20"]),
        ("execution.confirmations", 65.into(), ["execution.confirmations is 65", "1 to 64"]),
        ("execution.max_fee_wei", 0.into(), ["execution.max_fee_wei is 0", "1 wei"]),
        ("execution.max_decision_blocks", 251.into(), ["execution.max_decision_blocks is 251", "1 to 250"]),
        ("execution.decide_every", 0.into(), ["execution.decide_every is 0", "1 to 50000"]),
        ("execution.inclusion_timeout", 3_601.into(), ["execution.inclusion_timeout is 3601", "1 to 3600"]),
        ("execution.priority_fee_wei", 300_000_000_000_i64.into(), ["priority_fee_wei is 300000000000", "max_fee_wei"]),
    ] {
        keeper.clone().set(key, value).run(OFFLINE).await.assert_refused(1, &words);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_chain_must_be_what_the_file_says() {
    let stage = Stage::funded().await;
    let keeper = stage.keeper();
    assert_eq!(keeper.run(CHECK).await.code, Some(0), "the configuration that is broken below is whole");

    let nobody = keeper.clone().set("chain.rpc", vec!["http://127.0.0.1:9"]);
    for arguments in [CHECK, ONCE, &["run"], &["run", "--dry-run"], &["status"], &["emergency-exit", "--yes"]] {
        nobody.run(arguments).await.assert_refused(1, &["no RPC endpoint answers", "http://127.0.0.1:9"]);
    }
    let relay_for_rpc = keeper.clone().set("chain.rpc", vec![stage.devnet.relay_url()]);
    relay_for_rpc.run(CHECK).await.assert_refused(1, &["no RPC endpoint answers"]);
    for arguments in [CHECK, ONCE] {
        let elsewhere = keeper.clone().set("chain.id", 1).run(arguments).await;
        elsewhere.assert_refused(1, &["is on chain 31337, expected chain 1", "check the RPC URL"]);
    }

    let book = &stage.book;
    let text = |address: Address| address.to_string();
    let vault = text(book.contracts.vault);
    let usdc = text(book.protocols.usdc);
    let adapter = text(book.venues[0].adapter);
    let usdc_feed = text(book.protocols.feeds.usdc_usd);
    let nothing = text(Address::repeat_byte(0xee));
    for (key, value, words) in [
        ("contracts.vault", &nothing, ["there is no contract at 0xEeee", "the Vault"]),
        ("contracts.hub", &nothing, ["there is no contract at 0xEeee", "the StrategyHub"]),
        ("contracts.kill_switch", &nothing, ["there is no contract at 0xEeee", "the KillSwitchManager"]),
        ("venues.0.adapter", &nothing, ["there is no contract at 0xEeee", "the adapter of"]),
        ("eth_usd.aggregator", &nothing, ["there is no contract at 0xEeee", "the ETH/USD feed"]),
        ("contracts.vault", &usdc, ["is not the Vault as this build knows it", &usdc]),
        ("contracts.hub", &vault, ["is not the StrategyHub as this build knows it", &vault]),
        ("contracts.kill_switch", &usdc, ["is not the KillSwitchManager as this build knows it", &usdc]),
        ("eth_usd.aggregator", &adapter, ["is not the ETH/USD feed as this build knows it", &adapter]),
        ("eth_usd.aggregator", &vault, ["is not the ETH/USD feed as this build knows it", &vault]),
        ("eth_usd.aggregator", &usdc_feed, ["is not the ETH/USD feed as this build knows it", "USDC / USD"]),
        ("venues.0.adapter", &vault, ["does not list the adapter", &vault]),
    ] {
        keeper.clone().set(key, value.as_str()).run(CHECK).await.assert_refused(1, &words);
    }
    let twice = keeper.clone().set("venues.1.adapter", adapter.as_str()).run(CHECK).await;
    twice.assert_refused(1, &["twice, expected once", &adapter]);
    let venues: toml::Value = toml::from_str::<toml::Table>(&keeper.text()).unwrap()["venues"][0].clone();
    let one = keeper.clone().set("venues", vec![venues]).run(CHECK).await;
    one.assert_refused(1, &["which is not in the configuration: add it", &text(book.venues[1].adapter)]);
    let other_kind = if book.venues[0].kind == "aave-v3" { "metamorpho" } else { "aave-v3" };
    let wrong_kind = keeper.clone().set("venues.0.kind", other_kind).run(CHECK).await;
    wrong_kind.assert_refused(1, &["as this build knows it"]);

    // Other bytecode at the right address.
    let hub = book.contracts.hub;
    let code = stage.code(hub).await;
    stage.set_code(hub, "0x60006000fd").await;
    keeper.run(ONCE).await.assert_refused(1, &["is not the StrategyHub as this build knows it", &text(hub)]);
    stage.set_code(hub, &code).await;
    assert_eq!(keeper.run(CHECK).await.code, Some(0));
    assert_eq!(stage.rebalances().await, []);
}

// SPEC X5, Y1
#[tokio::test(flavor = "multi_thread")]
async fn secrets_and_keys_must_be_there_and_be_the_right_ones() {
    let stage = Stage::funded().await;
    let keeper = stage.keeper();
    let refused = async |keeper: Keeper, words: &[&str]| keeper.run(ONCE).await.assert_refused(1, words);

    let relay_key = "BALLAST_RELAY_KEY";
    refused(keeper.clone().without_secret(relay_key), &["environment variable BALLAST_RELAY_KEY is not set"]).await;
    refused(keeper.clone().with_secret(relay_key, " "), &["environment variable BALLAST_RELAY_KEY is not set"]).await;
    refused(keeper.clone().with_secret(relay_key, "0x12"), &["authentication key is not 32 bytes of hex"]).await;
    for name in ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"] {
        refused(keeper.clone().without_secret(name), &["the keeper key", "no AWS credentials were found", name]).await;
    }

    let plain = |role: &str, variable: &str| {
        let section = toml::toml! { type = "development" };
        keeper.clone().set(role, section).set(&format!("{role}.variable"), variable)
    };
    let roles = [("keeper", "BALLAST_DEV_KEEPER_KEY"), ("attestor", "BALLAST_DEV_ATTESTOR_KEY")];
    for (role, variable) in roles {
        let plain = plain(role, variable);
        let not_set = format!("environment variable {variable} is not set");
        refused(plain.clone(), &[&not_set]).await;
        let malformed = plain.clone().with_secret(variable, "hunter22");
        refused(malformed.clone(), &[&format!("the {role} key"), "not 32 bytes of hex"]).await;
        assert!(!malformed.run(ONCE).await.stderr.contains("hunter22"), "a secret is not repeated");
        let elsewhere = plain.with_secret(variable, &Role::Guardian.key()).set("chain.id", 1);
        refused(elsewhere, &[&format!("{role}.type is development"), "kms on every chain but"]).await;
    }
    plain("keeper", "PRIVATE_KEY").run(OFFLINE).await.assert_refused(1, &["unknown variant `PRIVATE_KEY`"]);
    let halting = keeper.clone().set("execution.halt_after", "signed").set("chain.id", 1);
    refused(halting, &["execution.halt_after is signed", "development chain 31337"]).await;

    let same = keeper.clone().set("attestor.key", KEEPER_ALIAS);
    refused(same, &["keeper and attestor have the same address", "another one"]).await;
    let stranger = plain("attestor", roles[1].1).with_secret(roles[1].1, &Role::Guardian.key());
    let guardian = Role::Guardian.address().unwrap().to_string();
    refused(stranger.with_store("stranger.sqlite"), &["the hub's attestor is", &guardian, "configure the right key"])
        .await;
    let stranger = plain("keeper", roles[0].1).with_secret(roles[0].1, &Role::Guardian.key());
    refused(stranger.with_store("no-role.sqlite"), &["presimulation failed", "AccessControl"]).await;

    let unfunded = keeper.clone().with_store("unfunded.sqlite");
    let rpc = stage.rpc();
    let balance = rpc.get_balance(stage.book.keeper).await.unwrap();
    rpc.anvil_set_balance(stage.book.keeper, U256::ZERO).await.unwrap();
    let keeper_account = stage.book.keeper.to_string();
    refused(unfunded.clone(), &["holds 0 wei", "send it ether", &keeper_account]).await;
    let shown = unfunded.run(&["decisions", "--json"]).await.json();
    assert_eq!(shown[0]["attempts"][0]["state"], "rejected", "{shown:#}");
    rpc.anvil_set_balance(stage.book.keeper, balance).await.unwrap();

    assert_eq!(stage.rebalances().await, []);
    let landed = stage.cycle(&keeper).await;
    assert_eq!(landed.json()["outcome"]["state"], "final", "and with everything in its place it works: {landed:?}");
}

// SPEC X5
#[tokio::test(flavor = "multi_thread")]
async fn a_kms_that_does_not_sign_is_explained() {
    let stage = Stage::funded().await;
    let keeper = stage.keeper();
    let missing = keeper.clone().set("keeper.key", "alias/nobody").run(ONCE).await;
    missing.assert_refused(1, &["the keeper key", "alias/nobody does not exist", "check the key id"]);
    let unreachable = keeper.clone().set("kms.endpoint", "http://127.0.0.1:9").run(ONCE).await;
    unreachable.assert_refused(1, &["the keeper key", "cannot be reached", "check the endpoint"]);

    let kms = stage.devnet.kms();
    kms.set_fault(KmsFault::Deny);
    keeper.run(ONCE).await.assert_refused(1, &["the keeper key", "may not be used", "kms:Sign"]);
    kms.set_fault(KmsFault::Throttle);
    keeper.run(ONCE).await.assert_refused(1, &["the keeper key", "is throttled"]);
    kms.clear_fault();

    for (role, alias) in [("keeper", KEEPER_ALIAS), ("attestor", ATTESTOR_ALIAS)] {
        enable(&stage, alias, false).await;
        let disabled = keeper.run(ONCE).await;
        disabled.assert_refused(1, &[&format!("the {role} key"), alias, "is disabled", "enable it"]);
        enable(&stage, alias, true).await;
    }
    assert_eq!(stage.rebalances().await, []);
    assert_eq!(stage.cycle(&keeper).await.json()["outcome"]["state"], "final", "enabled, they sign");
}

// SPEC X5
#[tokio::test(flavor = "multi_thread")]
async fn a_key_that_is_disabled_while_the_service_runs_stops_nothing_but_the_move() {
    let stage = Stage::empty().await;
    let market = stage.market();
    let depositor = Role::Depositor(0);
    market.mint_usdc(depositor.address().unwrap(), DEPOSIT).await.unwrap();
    for alias in [ATTESTOR_ALIAS, KEEPER_ALIAS] {
        let keeper = stage.keeper().with_store(&format!("{}.sqlite", alias.replace('/', "-")));
        let service = keeper.clone().set("execution.decide_every", 1).spawn(&["run"]);
        let store = store_when_there(&keeper.store_path()).await;
        // It has nothing to do as yet, and has read both public keys.
        until("a hold", async || store.decisions(1).await.unwrap().pop()).await;
        enable(&stage, alias, false).await;
        market.deposit(depositor, DEPOSIT).await.unwrap();
        let refused = async || {
            let attempt = newest_attempt(&store).await?;
            attempt.facts.reason.as_ref().is_some_and(|why| why.contains("is disabled")).then_some(attempt)
        };
        let attempt = until("a refusal", refused).await;
        assert_eq!((attempt.state, attempt.facts.raw_tx), (State::Expired, None), "nothing was signed");
        let stopped = service.terminate("TERM").await;
        assert_eq!(stopped.code, Some(0), "{stopped:?}");
        assert!(stopped.stderr.contains("the cycle failed") && stopped.stderr.contains("enable it"), "{stopped:?}");
        enable(&stage, alias, true).await;
        market.redeem_all(depositor).await.unwrap();
    }
    assert_eq!(stage.rebalances().await, []);
}

#[tokio::test(flavor = "multi_thread")]
async fn usage_is_checked() {
    let stage = Stage::empty().await;
    let keeper = stage.keeper();
    for (arguments, words) in [
        (&["fly"][..], "unrecognized subcommand 'fly'"),
        (&["run", "--twice"], "unexpected argument '--twice'"),
        (&["replay"], "required arguments were not provided"),
        (&["replay", "0x12"], "invalid value '0x12'"),
        (&["decisions", "--limit", "0"], "0 is not in 1..=10000"),
        (&["emergency-exit", "--yes", "--dry-run"], "cannot be used with"),
        (&["decisions", "--limit", "ten"], "invalid value 'ten'"),
        (&["run", "--network", "holesky"], "expected one of mainnet, sepolia, base, arbitrum, devnet"),
    ] {
        keeper.run(arguments).await.assert_refused(2, &[words]);
    }
}

// SPEC X18
#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_of_another_network_than_the_one_that_is_meant_is_refused() {
    let stage = Stage::empty().await;
    let keeper = stage.keeper();
    for (name, meant) in [("mainnet", "mainnet (chain 1)"), ("sepolia", "sepolia (chain 11155111)")] {
        let refused = keeper.run(&["run", "--once", "--network", name]).await;
        refused.assert_refused(1, &["is for devnet (chain 31337)", &format!("--network says {meant}")]);
    }
    let right = keeper.run(&["run", "--dry-run", "--network", "devnet"]).await;
    assert_eq!(right.code, Some(0), "{right:?}");
    stage.devnet.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_store_is_read_only_if_it_is_ours_and_untouched() {
    let stage = Stage::funded().await;
    let keeper = stage.keeper();
    let unknown = B256::repeat_byte(7).to_string();
    keeper.run(&["decisions"]).await.assert_refused(1, &["there is no store at", "start the keeper once"]);
    keeper.run(&["replay", &unknown]).await.assert_refused(1, &["there is no store at"]);

    let landed = stage.cycle(&keeper).await.json();
    let (decision, tx) = (landed["decision_hash"].clone(), landed["outcome"]["landing"]["tx_hash"].clone());
    let (decision, tx) = (decision.as_str().unwrap(), tx.as_str().unwrap());
    for id in [decision, tx] {
        assert_eq!(keeper.run(&["replay", id]).await.code, Some(0), "{id}");
    }
    keeper.run(&["replay", &unknown]).await.assert_refused(1, &["is neither a decision nor a transaction", &unknown]);

    let mut intruder = SqliteConnectOptions::new().filename(keeper.store_path()).connect().await.unwrap();
    sqlx::raw_sql("DROP TRIGGER records_are_not_changed").execute(&mut intruder).await.unwrap();
    let mut bytes = keeper.store().await.decision(decision.parse().unwrap()).await.unwrap().unwrap().bytes;
    *bytes.last_mut().unwrap() ^= 1;
    sqlx::query("UPDATE decisions SET record = ?").bind(bytes).execute(&mut intruder).await.unwrap();
    intruder.close().await.unwrap();
    for arguments in [&["replay", decision][..], &["replay", tx], &["decisions"], &["decisions", "--json"], &["status"]]
    {
        let tampered = keeper.run(arguments).await;
        tampered.assert_refused(1, &[decision, "is not what was recorded", "changed after it was written"]);
    }

    let text = "not a database, but dear to somebody";
    fs::write(stage.path("letter.txt"), text).unwrap();
    let letter = keeper.clone().with_store("letter.txt");
    for arguments in [ONCE, &["decisions"], &["status"]] {
        letter.run(arguments).await.assert_refused(1, &["letter.txt is not a SQLite database", "it was not changed"]);
    }
    assert_eq!(fs::read_to_string(stage.path("letter.txt")).unwrap(), text);
    keeper.clone().with_store("no/such/folder/keeper.sqlite").run(ONCE).await.assert_refused(1, &["cannot be opened"]);
    fs::create_dir(stage.path("folder")).unwrap();
    keeper.clone().with_store("folder").run(ONCE).await.assert_refused(1, &["cannot be opened"]);
    assert_eq!(stage.rebalances().await.len(), 1);
}

// SPEC C10
#[tokio::test(flavor = "multi_thread")]
async fn the_emergency_exit_asks_first_and_needs_the_right_to() {
    let stage = Stage::funded().await;
    let keeper = stage.keeper();
    stage.cycle(&keeper).await;
    let market = stage.market();
    let sent = async || stage.rpc().get_transaction_count(stage.book.keeper).await.unwrap();
    let before = sent().await;
    let ways = [&["emergency-exit"][..], &["emergency-exit", "--yes"], &["emergency-exit", "--dry-run"]];
    for arguments in ways {
        keeper.run(arguments).await.assert_refused(1, &["the hub refuses the exit", "only a guardian", "anyone may"]);
    }

    let protocols = &stage.book.protocols;
    market.push_price(protocols.feeds.usdc_usd, USD * 97 / 100).await.unwrap();
    let trip = IKillSwitch::tripCall { trigger: 0, token: protocols.usdc };
    market.send(Role::Borrower, stage.book.contracts.kill_switch, trip).await.unwrap();
    let shown = keeper.run(&["emergency-exit", "--dry-run"]).await;
    assert_eq!(shown.code, Some(0), "{shown:?}");
    assert!(shown.stdout.contains("units come home") && shown.stdout.contains("nothing was sent"), "{shown:?}");
    let unasked = keeper.run(&["emergency-exit"]).await;
    unasked.assert_refused(1, &["no terminal to confirm on", "--yes"]);
    assert!(unasked.stdout.contains("nothing was sent"), "{unasked:?}");
    let machine = keeper.run(&["emergency-exit", "--json"]).await;
    assert_eq!((machine.code, &machine.json()["outcome"]), (Some(1), &json!(null)), "{machine:?}");
    stage.build_block().await;
    assert_eq!(sent().await, before, "nothing was sent");
    assert!(keeper.store().await.calls(1).await.unwrap().is_empty());

    let exit: Finished = stage.with_block_per_bundle(&keeper, keeper.run(&["emergency-exit", "--yes", "--json"])).await;
    assert_eq!((exit.code, &exit.json()["outcome"]["state"]), (Some(0), &json!("final")), "{exit:?}");
    assert_eq!(sent().await, before + 1);
}
