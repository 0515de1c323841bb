//! Safe's own kits (Node) as judges: the protocol kit of our hashes and signatures, the API kit of the service that the tests talk to.

use crate::{
    approve,
    service::{API_KEY, Service},
    stage::{Owner, key},
    support::{Stage, project_root},
};
use alloy::primitives::{Address, B256, Bytes, U256, hex, keccak256};
use ballast_devnet::{CHAIN_ID, accounts::Role};
use ballast_governance::safe::{Call, MULTI_SEND_CALL_ONLY, SafeTransaction};
use serde_json::{Value, json};
use std::fs;
use tokio::process::Command;

async fn node(stage: &Stage, file: &str, variables: &[(&str, &str)]) {
    let safe = &stage.book.protocols.safe;
    // The kit wants all of Safe's contracts named. Those that are not here and not used stand for themselves as MultiSendCallOnly.
    let multi_send = MULTI_SEND_CALL_ONLY.to_string();
    let contracts = json!({
        "safeSingletonAddress": safe.singleton.to_string(),
        "safeProxyFactoryAddress": safe.factory.to_string(),
        "fallbackHandlerAddress": safe.fallback_handler.to_string(),
        "multiSendAddress": multi_send,
        "multiSendCallOnlyAddress": multi_send,
        "signMessageLibAddress": multi_send,
        "createCallAddress": multi_send,
        "simulateTxAccessorAddress": multi_send,
    });
    let run = Command::new("node")
        .args(["--test", file])
        .current_dir(project_root())
        .env("RPC_URL", stage.devnet.rpc_url())
        .env("SAFE", stage.book.contracts.governance.to_string())
        .env("CONTRACTS", contracts.to_string())
        .envs(variables.iter().copied())
        .kill_on_drop(true)
        .output();
    let run = stage.with_blocks(run).await.expect("node runs the kit's test: install Node 20 or later");
    let report = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{report}\n{}", String::from_utf8_lossy(&run.stderr));
    assert!(report.contains("# fail 0") && !report.contains("# pass 0"), "no test ran:\n{report}");
}

/// Numbers that look random and are the same in every run.
fn random(seed: u64, part: u64) -> B256 {
    keccak256([seed.to_be_bytes(), part.to_be_bytes()].concat())
}

fn random_call(seed: u64) -> Call {
    let size = usize::from(random(seed, 0)[0]);
    let data: Vec<u8> = (0..).flat_map(|i| random(seed, 10 + i).0).take(size).collect();
    let value = U256::from_be_bytes(random(seed, 1).0) >> (seed % 256);
    Call { to: Address::from_word(random(seed, 2)), value, data: data.into() }
}

fn vector(seed: u64, safe: Address) -> Value {
    let calls: Vec<Call> = (0..=seed % 4).map(|number| random_call(seed * 8 + number)).collect();
    let nonce = seed * seed;
    let hash = SafeTransaction::of(&calls, nonce).unwrap().hash(CHAIN_ID, safe);
    json!({ "calls": calls, "nonce": nonce, "safeTxHash": hash })
}

// SPEC X6
#[tokio::test(flavor = "multi_thread")]
async fn the_official_protocol_kit_computes_the_same_hashes_and_executes_our_signatures() {
    let stage = Stage::empty().await;
    let vectors: Vec<Value> = (1..=100).map(|seed| vector(seed, stage.book.contracts.governance)).collect();
    let vectors_file = stage.path("vectors.json").display().to_string();
    fs::write(&vectors_file, json!(vectors).to_string()).unwrap();

    // A batch, signed by two owners here and by two with the kit, as typed data and as a message.
    let owner = Owner::new(&stage, "proposal.json");
    let calls = [approve(&stage, 1), approve(&stage, 2)];
    let proposed = owner.propose(&["--call", &calls[0], "--call", &calls[1]], &[]).await;
    assert_eq!(proposed.code, Some(0), "{proposed:?}");
    for number in [0, 3] {
        assert_eq!(owner.sign(Role::GovernanceOwner(number)).await.code, Some(0));
    }
    for (number, kind) in [(1, "typed"), (2, "message")] {
        let (role, signatures) = (Role::GovernanceOwner(number), stage.path("signatures.json").display().to_string());
        let mut variables = vec![("PROPOSAL", owner.file.as_str()), ("SIGNATURES", &signatures)];
        let owner_key = role.key();
        variables.push(("OWNER_KEY", &owner_key));
        if number == 1 {
            variables.push(("VECTORS", &vectors_file));
        }
        node(&stage, "test/safe/protocol-kit.test.mjs", &variables).await;
        let made: Value = serde_json::from_str(&fs::read_to_string(&signatures).unwrap()).unwrap();
        let bytes: Bytes = made[kind].as_str().unwrap().parse().unwrap();
        let added = owner.add(key(role).address(), &bytes, &[]).await;
        assert_eq!(added.code, Some(0), "{}: {added:?}", hex::encode(&bytes));
    }
    let sender = Role::Depositor(2).key();
    let variables = [("PROPOSAL", owner.file.as_str()), ("EXECUTE", "1"), ("SENDER_KEY", &sender)];
    node(&stage, "test/safe/protocol-kit.test.mjs", &variables).await;
    assert!(owner.status().await["executed"].is_string());
    stage.devnet.shutdown().await.unwrap();
}

// SPEC X6: so that the service which the tests talk to is judged too.
#[tokio::test(flavor = "multi_thread")]
async fn the_official_api_kit_posts_to_and_reads_from_the_service_of_these_tests() {
    let stage = Stage::empty().await;
    let service = Service::start(&stage).await;
    let url = service.url();
    let (owner_key, second_key) = (Role::GovernanceOwner(0).key(), Role::GovernanceOwner(1).key());
    let owner = Owner::new(&stage, "proposal.json");
    let call = approve(&stage, 1);
    let secrets = [("BALLAST_DEV_SAFE_KEY", owner_key.as_str()), ("BALLAST_SAFE_API_KEY", API_KEY)];
    let proposed = owner.propose(&["--call", &call, "--service", &url, "--dev-key"], &secrets).await;
    assert_eq!(proposed.code, Some(0), "{proposed:?}");
    let (hash, delegate) = (owner.hash().to_string(), stage.book.keeper.to_string());
    let variables = [
        ("SERVICE_URL", url.as_str()),
        ("API_KEY", API_KEY),
        ("PROPOSED", &hash),
        ("OWNER_KEY", &owner_key),
        ("SECOND_KEY", &second_key),
        ("DELEGATE", &delegate),
    ];
    node(&stage, "test/safe/api-kit.test.mjs", &variables).await;
    assert_eq!(service.transactions().len(), 2);
    assert_eq!(service.delegates(), [stage.book.keeper]);
    stage.devnet.shutdown().await.unwrap();
}
