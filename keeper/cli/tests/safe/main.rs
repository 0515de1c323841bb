//! `ballast safe` on real Safes 1.4.1: proposals, signatures of every kind, execution, and what is refused.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../../../store/tests/support/postgres.rs"]
mod postgres;
#[path = "../support/mod.rs"]
mod support;

mod approval;
mod kits;
mod large_move;
mod owners;
mod queue;
mod service;
mod stage;

use alloy::{
    primitives::{Address, Bytes, U256},
    signers::SignerSync,
    sol_types::SolCall,
};
use ballast_chain::bindings::{StrategyHub, Vault};
use ballast_devnet::accounts::Role;
use ballast_governance::safe::SafeProposal;
use serde_json::json;
use stage::{Owner, ballast, key};
use support::Stage;

fn call(to: Address, call: &impl SolCall) -> String {
    format!("{to}:{}", Bytes::from(call.abi_encode()))
}

/// A call that the governance Safe may make without the timelock.
fn approve(stage: &Stage, digest: u8) -> String {
    call(stage.book.contracts.hub, &StrategyHub::approveCall { digest: [digest; 32].into() })
}

// SPEC X6, X15, G2: the plan of a deployment becomes a proposal, is signed by three of five and executed by the keeper.
#[tokio::test(flavor = "multi_thread")]
async fn what_governance_plans_is_proposed_signed_by_three_and_sent_by_the_keeper() {
    let stage = Stage::empty().await;
    let owner = Owner::new(&stage, "proposal.json");
    let (parameters, wanted) = (stage.path("parameters.json"), stage.path("wanted.json"));
    let mut file: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(parameters).unwrap()).unwrap();
    file["vault"]["depositCap"] = json!(500_000_000_000_u64);
    std::fs::write(&wanted, file.to_string()).unwrap();
    let (rpc, out) = (stage.devnet.rpc_url(), stage.path("batches").display().to_string());
    let (deployment, wanted) = (owner.deployment(), wanted.display().to_string());
    let plan = ["--plan", "--parameters", &wanted, "--deployment", &deployment, "--rpc", &rpc, "--out", &out];
    let planned = ballast(&stage, &[&["deploy"][..], &plan].concat(), &[]).await;
    assert_eq!(planned.code, Some(0), "{planned:?}");

    let schedule = format!("{out}/schedule.json");
    let proposed = owner.propose(&["--batch", &schedule], &[]).await;
    assert_eq!(proposed.code, Some(0), "{proposed:?}");
    for words in [
        "(timelock)",
        "scheduleBatch(address[],uint256[],bytes[],bytes32,bytes32,uint256)",
        "delay = 172800 s (2 days)",
        "schedules operation",
        "(Vault)",
        "setDepositCap(uint256)",
        "cap = 500000000000 base units (500000.000000 USDC)",
        "(Vault) depositCap()",
        "was 100000000000 base units (100000.000000 USDC)",
        "if 3 of the owners approved it",
        "succeeds with",
        "CallScheduled(",
    ] {
        assert!(proposed.stdout.contains(words), "{words}:\n{}", proposed.stdout);
    }
    assert!(!proposed.stdout.contains("UNKNOWN"), "{}", proposed.stdout);
    let verified = owner.run("verify", &["--json"], &[]).await;
    assert_eq!(
        (verified.code, verified.json()["safeTxHash"].as_str()),
        (Some(0), Some(owner.hash().to_string().as_str()))
    );

    // What cannot be derived is asked again, in the block of the proposal; who rewrites it and its digest is found out then.
    stage.build_block().await;
    let confirmed = owner.run("verify", &["--rpc", &rpc], &[]).await;
    assert!(confirmed.stdout.contains("is what your endpoint says of block"), "{confirmed:?}");
    let good = owner.value();
    let mut rewritten: SafeProposal = serde_json::from_value(good.clone()).unwrap();
    rewritten.observed.before[0].value = "something else".into();
    rewritten.digest = rewritten.content_digest();
    owner.edit(|value| *value = json!(rewritten));
    assert_eq!(owner.run("verify", &[], &[]).await.code, Some(0), "nobody was asked");
    let refused = owner.run("verify", &["--rpc", &rpc], &[]).await;
    refused.assert_refused(1, &["observed.before[0].value", "your endpoint says", "do not sign"]);
    owner.edit(|value| *value = good);

    let shown = owner.run("sign", &[], &[]).await;
    assert!(shown.stdout.contains("\"primaryType\": \"SafeTx\"") && shown.stdout.contains('█'), "{shown:?}");
    assert_eq!(owner.value()["signatures"], json!([]));
    owner.print().await.assert_refused(1, &["0 of the 3 owners that are needed have signed, 3 missing"]);

    // A key; a key elsewhere; a wallet that only signs messages.
    assert_eq!(owner.sign(Role::GovernanceOwner(0)).await.code, Some(0));
    let second = key(Role::GovernanceOwner(2));
    let typed = second.sign_hash_sync(&owner.hash()).unwrap().as_bytes();
    assert_eq!(owner.add(second.address(), &typed, &[]).await.code, Some(0));
    owner.print().await.assert_refused(1, &["2 of the 3 owners that are needed have signed, 1 missing"]);
    let third = key(Role::GovernanceOwner(4));
    let mut message = third.sign_message_sync(owner.hash().as_slice()).unwrap().as_bytes();
    message[64] += 4;
    assert_eq!(owner.add(third.address(), &message, &[]).await.code, Some(0));

    let status = owner.status().await;
    assert_eq!(status["obstacle"], json!(null), "{status}");
    assert_eq!(status["owners"].as_array().unwrap().iter().filter(|owner| !owner["signed"].is_null()).count(), 3);

    let keeper = stage.keeper();
    let arguments = ["safe", "execute", &owner.file, "--deployment", &deployment, "--json"];
    let executed = stage.with_blocks(keeper.run(&arguments)).await;
    assert_eq!(executed.code, Some(0), "{executed:?}");
    assert_eq!(executed.json()["state"], "final");
    let status = owner.status().await;
    assert_eq!(status["executed"], executed.json()["landing"]["tx_hash"], "{status}");
    owner.print().await.assert_refused(1, &["it was executed already"]);

    // The other half: before its time it would fail, which is said and not written.
    let later = Owner::new(&stage, "later.json");
    let execute = format!("{out}/execute.json");
    later.propose(&["--batch", &execute], &[]).await.assert_refused(1, &["it would fail: call 1 fails"]);
    stage.devnet.builder().advance_time(172_800).await.unwrap();
    stage.build_block().await;
    let proposed = later.propose(&["--batch", &execute], &[]).await;
    assert!(proposed.stdout.contains("DepositCapSet(") || proposed.stdout.contains("CallExecuted("), "{proposed:?}");
    for number in [1, 2, 3] {
        assert_eq!(later.sign(Role::GovernanceOwner(number)).await.code, Some(0));
    }
    later.send_printed().await;
    let vault = Vault::new(stage.book.contracts.vault, stage.rpc());
    assert_eq!(vault.depositCap().call().await.unwrap(), U256::from(500_000_000_000_u64));
    stage.devnet.shutdown().await.unwrap();
}
