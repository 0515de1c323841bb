//! `ballast safe` with a Transaction Service: proposing, nonces of what is queued, confirmations, and a service that fails or lies.

use crate::{
    approve,
    service::{API_KEY, Fault, Service},
    stage::{Owner, key},
    support::Stage,
};
use ballast_devnet::{accounts::Role, deploy::KEEPER_ALIAS};
use serde_json::json;

// SPEC X6
#[tokio::test(flavor = "multi_thread")]
async fn proposals_queue_at_the_service_and_what_owners_sign_there_counts() {
    let stage = Stage::empty().await;
    let service = Service::start(&stage).await;
    let (url, kms) = (service.url(), stage.devnet.kms_url());
    let owner_key = Role::GovernanceOwner(0).key();
    let by_owner = [("BALLAST_DEV_SAFE_KEY", owner_key.as_str()), ("BALLAST_SAFE_API_KEY", API_KEY)];
    let at_service = ["--service", &url, "--dev-key"];
    let call = |digest| ["--call".to_owned(), approve(&stage, digest)];
    let propose = async |name: &str, digest: u8, more: &[&str], secrets: &[(&str, &str)]| {
        let (owner, call) = (Owner::new(&stage, name), call(digest));
        let result = owner.propose(&[&[call[0].as_str(), &call[1]], more].concat(), secrets).await;
        (owner, result)
    };

    // A service that refuses, is down, is no service, or shows another transaction than was proposed.
    let without_key = [by_owner[0]];
    let (_, refused) = propose("none.json", 1, &at_service, &without_key).await;
    refused.assert_refused(1, &["refused (401)", "credentials were not provided", "BALLAST_SAFE_API_KEY"]);
    assert!(!refused.stderr.contains(API_KEY));
    let (_, refused) = propose("none.json", 1, &["--service", &url], &[by_owner[1]]).await;
    refused.assert_refused(1, &["only with the signature of an owner or a delegate"]);
    let closed = ["--service", "http://127.0.0.1:1/api", "--dev-key"];
    let (_, refused) = propose("none.json", 1, &closed, &by_owner).await;
    refused.assert_refused(1, &["cannot be reached"]);
    let (_, refused) = propose("none.json", 1, &["--service", "ftp://x", "--dev-key"], &by_owner).await;
    refused.assert_refused(1, &["is not an http(s) URL"]);
    service.fail(Fault::Down);
    let (_, refused) = propose("none.json", 1, &at_service, &by_owner).await;
    refused.assert_refused(1, &["cannot be reached", "503", "try again"]);
    service.fail(Fault::None);
    // Neither owner nor delegate.
    let stranger = Role::Depositor(1).key();
    let by_stranger = [("BALLAST_DEV_SAFE_KEY", stranger.as_str()), by_owner[1]];
    let (_, refused) = propose("none.json", 1, &at_service, &by_stranger).await;
    refused.assert_refused(1, &["is written, but not proposed", "refused (400)", "is not an owner or delegate"]);
    for (digest, nonce, fault) in [(41, "8", Fault::OtherReceiver), (42, "9", Fault::OtherHash)] {
        service.fail(fault);
        let (_, refused) =
            propose("lied.json", digest, &[&at_service[..], &["--nonce", nonce]].concat(), &by_owner).await;
        refused.assert_refused(1, &["where", "was proposed", "nobody should sign what it shows"]);
        service.fail(Fault::None);
    }

    // Each takes the nonce after all that are queued; one that is taken is refused.
    let (first, proposed) = propose("first.json", 1, &[&at_service[..], &["--nonce", "0"]].concat(), &by_owner).await;
    assert_eq!(proposed.code, Some(0), "{proposed:?}");
    assert_eq!(first.value()["signatures"].as_array().unwrap().len(), 1, "the owner's own signature");
    let (_, refused) = propose("none.json", 2, &[&at_service[..], &["--nonce", "0"]].concat(), &by_owner).await;
    refused.assert_refused(1, &["nonce 0 is taken at the Transaction Service by", &first.hash().to_string()]);
    for nonce in [10, 11, 12] {
        let (next, proposed) = propose("next.json", nonce, &at_service, &by_owner).await;
        assert_eq!(proposed.code, Some(0), "{proposed:?}");
        assert_eq!(next.value()["transaction"]["nonce"], json!(nonce.to_string()));
    }

    // The keeper's KMS key as a delegate: it proposes, and does not count as an owner.
    service.add_delegate(stage.book.keeper);
    let by_kms = ["--service", &url, "--kms", KEEPER_ALIAS, "--kms-region", "us-east-1", "--kms-endpoint", &kms];
    let (delegated, proposed) = propose("delegated.json", 13, &by_kms, &[by_owner[1]]).await;
    assert_eq!(proposed.code, Some(0), "{proposed:?}");
    assert_eq!(delegated.value()["signatures"], json!([]));
    assert_eq!(service.transactions().last().unwrap()["proposedByDelegate"], json!(stage.book.keeper.to_string()));

    // Owners who sign there and owners who sign here make three together.
    for (number, file) in [(1, "first.json"), (2, "elsewhere.json")] {
        let elsewhere = Owner::new(&stage, file);
        std::fs::write(&elsewhere.file, first.value().to_string()).unwrap();
        let key = Role::GovernanceOwner(number).key();
        let secrets = [("BALLAST_DEV_SAFE_KEY", key.as_str()), by_owner[1]];
        let service = if file == "first.json" { &[][..] } else { &["--service", &url][..] };
        let signed = elsewhere.run("sign", &[&["--dev-key"], service].concat(), &secrets).await;
        assert_eq!(signed.code, Some(0), "{signed:?}");
    }
    first.print().await.assert_refused(1, &["2 of the 3 owners"]);
    let rpc = stage.devnet.rpc_url();
    let with_service = ["--print", "--rpc", &rpc, "--service", &url];
    let printed = first.run("execute", &with_service, &[by_owner[1]]).await;
    assert_eq!(printed.code, Some(0), "{printed:?}");
    let status = first.run("status", &["--rpc", &rpc, "--service", &url], &[by_owner[1]]).await;
    assert!(status.stdout.contains("the Transaction Service knows it") && status.stdout.contains("can be executed"));
    let third = key(Role::GovernanceOwner(2)).address().to_string();
    assert!(status.stdout.contains(&format!("{third} signed")), "{status:?}");
    stage.devnet.shutdown().await.unwrap();
}
