//! Owners of every kind, and what is refused.

use crate::{
    approve,
    stage::{ISetup, Owner, ballast, key, new_safe, send},
    support::Stage,
};
use alloy::{
    primitives::{Address, B256, Bytes},
    signers::SignerSync,
    sol_types::SolCall,
};
use ballast_devnet::{accounts::Role, deploy::KEEPER_ALIAS};
use serde_json::{Value, json};
use std::fs;

// SPEC X6: of four owners, one is a key in KMS, one a Safe with owners of its own, one approves on the chain, and one signs by hand.
#[tokio::test(flavor = "multi_thread")]
async fn a_kms_key_a_safe_an_approval_on_the_chain_and_a_key_sign_as_owners() {
    let stage = Stage::empty().await;
    let inner = [Role::GovernanceOwner(0), Role::GovernanceOwner(1), Role::GovernanceOwner(2)];
    let nested = new_safe(&stage, &inner.map(|role| key(role).address()), 2).await;
    let by_hand = key(Role::GovernanceOwner(3));
    let on_chain = key(Role::Depositor(2)).address();
    let owners = [stage.book.keeper, nested, on_chain, by_hand.address()];
    let safe = new_safe(&stage, &owners, 4).await;
    let owner = Owner::new(&stage, "proposal.json");
    let raise = {
        alloy::sol! { function addOwnerWithThreshold(address owner, uint256 _threshold) external; }
        addOwnerWithThresholdCall { owner: Address::repeat_byte(9), _threshold: alloy::primitives::U256::from(4) }
    };
    let (safe_text, add_owner) = (safe.to_string(), crate::call(safe, &raise));
    let proposed = owner.propose(&["--safe", &safe_text, "--call", &add_owner], &[]).await;
    assert_eq!(proposed.code, Some(0), "{proposed:?}");
    for words in ["(this Safe)", "addOwnerWithThreshold(address,uint256)", "was 4", "AddedOwner("] {
        assert!(proposed.stdout.contains(words), "{words}:\n{}", proposed.stdout);
    }

    let (kms, rpc) = (stage.devnet.kms_url(), stage.devnet.rpc_url());
    let by_kms = ["--kms", KEEPER_ALIAS, "--kms-region", "us-east-1", "--kms-endpoint", &kms];
    let signed = owner.run("sign", &by_kms, &[]).await;
    assert_eq!(signed.code, Some(0), "{signed:?}");
    let typed = by_hand.sign_hash_sync(&owner.hash()).unwrap().as_bytes();
    assert_eq!(owner.add(by_hand.address(), &typed, &["--rpc", &rpc]).await.code, Some(0));
    let approve = ISetup::approveHashCall { hashToApprove: owner.hash() };
    send(&stage, safe, approve.abi_encode().into()).await;

    // The nested Safe: its owners sign what `--contract-owner` shows, and the Safe itself is asked.
    let nested_text = nested.to_string();
    let shown = owner.run("sign", &["--contract-owner", &nested_text, "--json"], &[]).await;
    assert_eq!(shown.code, Some(0), "{shown:?}");
    let message: B256 = shown.json()["hash"].as_str().unwrap().parse().unwrap();
    let mut signers = [key(inner[0]), key(inner[2])];
    signers.sort_by_key(alloy::signers::local::PrivateKeySigner::address);
    let two: Vec<u8> = signers.iter().flat_map(|key| key.sign_hash_sync(&message).unwrap().as_bytes()).collect();
    owner
        .add(nested, &two[..65], &["--rpc", &rpc])
        .await
        .assert_refused(1, &["does not accept the signature (EIP-1271)"]);
    owner.add(nested, &two, &[]).await.assert_refused(1, &["if", "is a contract, --rpc lets it be asked"]);
    owner.print().await.assert_refused(1, &["3 of the 4 owners that are needed have signed, 1 missing"]);
    let added = owner.add(nested, &two, &["--rpc", &rpc]).await;
    assert_eq!(added.code, Some(0), "{added:?}");

    let status = owner.status().await;
    let mut kinds: Vec<&str> =
        status["owners"].as_array().unwrap().iter().map(|owner| owner["signed"].as_str().unwrap()).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["approved", "contract", "ecdsa", "ecdsa"]);
    // A contract's signature that was changed in the file is good for nobody who asks the contract.
    let good = owner.value();
    owner.edit(|value| {
        let list = value["signatures"].as_array_mut().unwrap();
        let contracts = list.iter_mut().find(|signature| signature["kind"] == "contract").unwrap();
        contracts["signature"] = json!(Bytes::copy_from_slice(&two[..65]));
    });
    owner.print().await.assert_refused(1, &["3 of the 4 owners", "does not count", "EIP-1271"]);
    owner.edit(|value| *value = good);
    let stale = Owner::new(&stage, "stale.json");
    assert_eq!(stale.propose(&["--safe", &safe_text, "--call", &add_owner, "--nonce", "1"], &[]).await.code, Some(0));
    owner.send_printed().await;
    assert!(owner.status().await["executed"].is_string());
    let signed = stale.run("sign", &[&by_kms[..], &["--rpc", &rpc]].concat(), &[]).await;
    signed.assert_refused(1, &["have changed since this was proposed"]);
    stage.devnet.shutdown().await.unwrap();
}

// SPEC X6, Y1
#[tokio::test(flavor = "multi_thread")]
async fn what_is_wrong_is_refused_with_what_was_expected() {
    let stage = Stage::empty().await;
    let owner = Owner::new(&stage, "proposal.json");
    let (rpc, hub_call) = (stage.devnet.rpc_url(), approve(&stage, 1));

    for usage in [
        &["safe", "propose"][..],
        &["safe", "verify"],
        &["safe", "execute", "x", "--deployment", "y"],
        &["safe", "sign", "x", "--deployment", "y", "--kms", "k", "--dev-key"],
        &["safe", "propose", "--deployment", "y", "--rpc", "z", "--out", "x", "--call", "0x12:0x"],
    ] {
        assert_eq!(ballast(&stage, usage, &[]).await.code, Some(2), "{usage:?}");
    }

    // An unknown contract, a function that a known one does not have.
    let stranger = format!("{}:0xdeadbeef", Address::repeat_byte(0x55));
    owner.propose(&["--call", &stranger], &[]).await.assert_refused(1, &["UNKNOWN", "0xdeadbeef", "--allow-unknown"]);
    let no_function = format!("{}:0xdeadbeef", stage.book.contracts.vault);
    owner
        .propose(&["--call", &no_function, "--even-if-failing"], &[])
        .await
        .assert_refused(1, &["UNKNOWN 0xdeadbeef", "(Vault)"]);
    let allowed = owner.propose(&["--call", &stranger, "--allow-unknown"], &[]).await;
    assert_eq!(allowed.code, Some(0), "{allowed:?}");
    owner.run("verify", &[], &[]).await.assert_refused(1, &["nobody can say what this does", "UNKNOWN"]);
    assert_eq!(owner.run("verify", &["--allow-unknown"], &[]).await.code, Some(0));
    owner.sign(Role::GovernanceOwner(0)).await.assert_refused(1, &["UNKNOWN"]);

    // What would fail is not written.
    let cap = ballast_chain::bindings::Vault::setDepositCapCall { cap: alloy::primitives::U256::ONE };
    let past_the_timelock = crate::call(stage.book.contracts.vault, &cap);
    owner
        .propose(&["--call", &past_the_timelock], &[])
        .await
        .assert_refused(1, &["it would fail: call 1 fails: NotAuthorised(caller: "]);

    // Two calls in one batch.
    let second_call = approve(&stage, 2);
    let proposed = owner.propose(&["--call", &hub_call, "--call", &second_call], &[]).await;
    assert_eq!(proposed.code, Some(0), "{proposed:?}");
    assert_eq!(owner.value()["transaction"]["operation"], 1);

    // Files of another chain; an endpoint of another chain; no Safe.
    let elsewhere = stage.path("elsewhere.json");
    let mut deployment: Value = serde_json::from_str(&fs::read_to_string(owner.deployment()).unwrap()).unwrap();
    deployment["chainId"] = json!(1);
    fs::write(&elsewhere, deployment.to_string()).unwrap();
    let (elsewhere, out) = (elsewhere.display().to_string(), stage.path("nothing.json").display().to_string());
    let verify = ["safe", "verify", &owner.file, "--deployment", &elsewhere];
    ballast(&stage, &verify, &[]).await.assert_refused(1, &["of chain 31337, your deployment file of chain 1"]);
    let propose = ["safe", "propose", "--deployment", &elsewhere, "--rpc", &rpc, "--out", &out, "--call", &hub_call];
    ballast(&stage, &propose, &[]).await.assert_refused(1, &["the endpoint is on chain 31337, expected chain 1"]);
    let nobody = Address::repeat_byte(3).to_string();
    owner.propose(&["--safe", &nobody, "--call", &hub_call], &[]).await.assert_refused(1, &["is not a Safe"]);

    // Not an owner; another hash; twice; not a key.
    owner.sign(Role::Depositor(0)).await.assert_refused(1, &["is not an owner of the Safe"]);
    let first = key(Role::GovernanceOwner(0));
    let other_hash = first.sign_hash_sync(&B256::repeat_byte(1)).unwrap().as_bytes();
    owner
        .add(first.address(), &other_hash, &["--rpc", &rpc])
        .await
        .assert_refused(1, &["another key signed, or another hash"]);
    owner.add(first.address(), &other_hash[..64], &["--rpc", &rpc]).await.assert_refused(1, &["65 bytes"]);
    assert_eq!(owner.sign(Role::GovernanceOwner(0)).await.code, Some(0));
    owner.sign(Role::GovernanceOwner(0)).await.assert_refused(1, &["has signed already"]);
    owner.run("sign", &["--dev-key"], &[]).await.assert_refused(1, &["BALLAST_DEV_SAFE_KEY is not set"]);

    // Tampered: nothing goes on with it.
    let good = owner.value();
    for (pointer, new) in [
        ("/calls/1/data", json!("0xdeadbeef")),
        ("/transaction/nonce", json!("5")),
        ("/transaction/to", json!(Address::repeat_byte(1).to_checksum(None))),
        ("/safeTxHash", json!(B256::repeat_byte(1))),
        ("/effects/0/target", json!("the StrategyHub")),
        ("/observed/simulation/success", json!(false)),
        ("/safe", json!(Address::repeat_byte(1).to_checksum(None))),
        ("/chainId", json!(1)),
    ] {
        owner.edit(|value| *value.pointer_mut(pointer).unwrap() = new);
        for what in ["verify", "sign"] {
            let refused = owner.run(what, &[], &[]).await;
            refused.assert_refused(1, &["do not sign"]);
        }
        owner.edit(|value| *value = good.clone());
    }

    // Two proposals of one nonce: the second can never be executed.
    for number in [1, 2] {
        assert_eq!(owner.sign(Role::GovernanceOwner(number)).await.code, Some(0));
    }
    let rival = Owner::new(&stage, "rival.json");
    let third_call = approve(&stage, 3);
    assert_eq!(rival.propose(&["--call", &third_call, "--nonce", "0"], &[]).await.code, Some(0));
    let ahead = Owner::new(&stage, "ahead.json");
    let proposed = ahead.propose(&["--call", &third_call, "--nonce", "1"], &[]).await;
    assert!(proposed.stdout.contains("nonces 0 to 0 before it changed nothing"), "{proposed:?}");
    ahead.print().await.assert_refused(1, &["the transactions before nonce 1 come first"]);
    owner.send_printed().await;
    rival.print().await.assert_refused(1, &["another transaction took nonce 0", "propose it anew"]);
    rival
        .propose(&["--call", &third_call, "--nonce", "0"], &[])
        .await
        .assert_refused(1, &["nonce 0 is used: the Safe's next is 1"]);
    stage.devnet.shutdown().await.unwrap();
}
