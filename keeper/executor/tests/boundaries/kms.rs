//! The KMS signer against a KMS endpoint, through the AWS SDK itself.

use alloy::primitives::{Address, B256, Bytes, Signature, U256, keccak256, uint};
use ballast_devnet::{Devnet, DevnetConfig, KmsFault, KmsKey};
use ballast_executor::{KmsCause, KmsConfig, KmsSigner, Signer, SignerError, StaticCredentials};
use ballast_store::{Cleared, Store};
use serde_json::json;
use std::{
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

const HALF_ORDER: U256 = uint!(0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0_U256);
const KEY: &str = "alias/executor-test";

async fn devnet() -> Devnet {
    let kms_keys = vec![KmsKey { alias: KEY.to_owned(), seed: "executor test".to_owned() }];
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    Devnet::start(DevnetConfig { kms_keys, ..DevnetConfig::new(root) }).await.unwrap()
}

fn config(endpoint: String) -> KmsConfig {
    KmsConfig {
        key: KEY.to_owned(),
        region: Some("us-east-1".to_owned()),
        endpoint: Some(endpoint),
        credentials: Some(StaticCredentials {
            access_key_id: "AKIDEXAMPLE".to_owned(),
            secret_access_key: "not a secret".to_owned(),
        }),
        timeout: Duration::from_secs(10),
    }
}

async fn cleared(digest: B256) -> Cleared {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path().join("keeper.db")).await.unwrap();
    store.clear_off_chain("a test", (Address::ZERO, &Bytes::new()), digest, B256::ZERO, json!({})).await.unwrap()
}

async fn sign(signer: &KmsSigner, digest: B256) -> Result<Signature, SignerError> {
    signer.sign_hash(cleared(digest).await).await
}

fn cause(error: &SignerError) -> KmsCause {
    match error {
        SignerError::Kms { cause, .. } => *cause,
        other => panic!("{other}"),
    }
}

// SPEC X5
#[tokio::test]
async fn signatures_are_low_and_recover_to_the_key() {
    let devnet = devnet().await;
    let signer = KmsSigner::connect(&config(devnet.kms_url())).await.unwrap();
    assert_eq!(Some(signer.address()), devnet.kms().address(KEY));
    for number in 0..40_u64 {
        let hash = keccak256(number.to_be_bytes());
        let signature = sign(&signer, hash).await.unwrap();
        assert!(signature.s() <= HALF_ORDER);
        assert_eq!(signature.recover_address_from_prehash(&hash).unwrap(), signer.address());
    }
    devnet.shutdown().await.unwrap();
}

// SPEC X5
#[tokio::test]
async fn each_failure_says_what_to_check() {
    let devnet = devnet().await;
    let settings = config(devnet.kms_url());
    let signer = KmsSigner::connect(&settings).await.unwrap();
    let hash = keccak256("a transaction");

    let absent = KmsConfig { key: "alias/absent".to_owned(), ..settings.clone() };
    let error = KmsSigner::connect(&absent).await.unwrap_err();
    assert_eq!(cause(&error), KmsCause::NotFound);
    assert!(error.to_string().contains("alias/absent") && error.to_string().contains("region"), "{error}");

    devnet.kms().set_fault(KmsFault::Deny);
    let error = sign(&signer, hash).await.unwrap_err();
    assert_eq!(cause(&error), KmsCause::Denied);
    assert!(error.to_string().contains("kms:Sign") && error.to_string().contains("not authorized"), "{error}");
    assert_eq!(cause(&KmsSigner::connect(&settings).await.unwrap_err()), KmsCause::Denied);

    devnet.kms().set_fault(KmsFault::Throttle);
    let error = sign(&signer, hash).await.unwrap_err();
    assert_eq!(cause(&error), KmsCause::Throttled);
    assert!(error.to_string().contains("Rate exceeded"), "{error}");

    devnet.kms().clear_fault();
    let impatient = KmsConfig { timeout: Duration::from_millis(400), ..settings.clone() };
    let hurried = KmsSigner::connect(&impatient).await.unwrap();
    devnet.kms().set_fault(KmsFault::Slow(Duration::from_secs(5)));
    assert_eq!(cause(&sign(&hurried, hash).await.unwrap_err()), KmsCause::Unreachable);

    devnet.kms().clear_fault();
    disable(&devnet).await;
    let error = sign(&signer, hash).await.unwrap_err();
    assert_eq!(cause(&error), KmsCause::Disabled);

    let closed = config("http://127.0.0.1:9".to_owned());
    let error = KmsSigner::connect(&closed).await.unwrap_err();
    assert_eq!(cause(&error), KmsCause::Unreachable);
    devnet.shutdown().await.unwrap();
}

// SPEC X5
#[tokio::test]
async fn a_key_that_was_rotated_behind_its_alias_is_noticed_and_signs_nothing() {
    let devnet = devnet().await;
    let signer = KmsSigner::connect(&config(devnet.kms_url())).await.unwrap();
    signer.check().await.unwrap();
    let before = signer.address();
    let created = call(&devnet, "CreateKey", json!({ "KeySpec": "ECC_SECG_P256K1", "KeyUsage": "SIGN_VERIFY" })).await;
    let moved = json!({ "AliasName": KEY, "TargetKeyId": created["KeyMetadata"]["KeyId"] });
    call(&devnet, "UpdateAlias", moved).await;
    let after = devnet.kms().address(KEY).unwrap();
    assert_ne!(before, after);
    for error in [sign(&signer, keccak256("a transaction")).await.unwrap_err(), signer.check().await.unwrap_err()] {
        assert!(matches!(&error, SignerError::Rotated { was, now, .. } if (*was, *now) == (before, after)), "{error}");
        assert!(error.to_string().contains("restart the keeper") && error.to_string().contains(KEY), "{error}");
    }
    let restarted = KmsSigner::connect(&config(devnet.kms_url())).await.unwrap();
    assert_eq!(restarted.address(), after);
    restarted.check().await.unwrap();
    devnet.shutdown().await.unwrap();
}

// SPEC X5 D12
#[tokio::test(flavor = "multi_thread")]
async fn a_throttled_request_is_tried_again_within_its_bound() {
    let devnet = devnet().await;
    let signer = KmsSigner::connect(&config(devnet.kms_url())).await.unwrap();
    devnet.kms().set_fault(KmsFault::ThrottleNext(2));
    sign(&signer, keccak256("a transaction")).await.unwrap();
    devnet.kms().set_fault(KmsFault::Throttle);
    let started = Instant::now();
    assert_eq!(cause(&signer.check().await.unwrap_err()), KmsCause::Throttled);
    assert!(started.elapsed() < config(String::new()).timeout, "{:?}", started.elapsed());
    devnet.shutdown().await.unwrap();
}

async fn disable(devnet: &Devnet) {
    let described = call(devnet, "DescribeKey", json!({ "KeyId": KEY })).await;
    call(devnet, "DisableKey", json!({ "KeyId": described["KeyMetadata"]["KeyId"] })).await;
}

async fn call(devnet: &Devnet, operation: &str, body: serde_json::Value) -> serde_json::Value {
    let request = reqwest::Client::new()
        .post(devnet.kms_url())
        .header("X-Amz-Target", format!("TrentService.{operation}"))
        .header("Content-Type", "application/x-amz-json-1.1")
        .header("Authorization", "AWS4-HMAC-SHA256 test")
        .body(body.to_string());
    let answer = request.send().await.unwrap().error_for_status().unwrap().text().await.unwrap();
    serde_json::from_str::<serde_json::Value>(&answer).unwrap_or_default()
}

/// Run by the next test in a process of its own, whose environment has no credentials.
#[tokio::test]
#[ignore = "run by credentials_that_are_nowhere_are_named"]
async fn without_credentials() {
    let nothing = KmsConfig { credentials: None, ..config("http://127.0.0.1:9".to_owned()) };
    let error = KmsSigner::connect(&nothing).await.unwrap_err();
    assert_eq!(cause(&error), KmsCause::NoCredentials, "{error}");
    assert!(error.to_string().contains("AWS_ACCESS_KEY_ID"), "{error}");
}

#[test]
fn credentials_that_are_nowhere_are_named() {
    let status = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "kms::without_credentials"])
        .env_clear()
        .env("HOME", "/nonexistent")
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .status()
        .unwrap();
    assert!(status.success());
}

#[test]
fn a_secret_is_not_shown() {
    let shown = format!("{:?}", config(String::new()));
    assert!(shown.contains("AKIDEXAMPLE") && !shown.contains("not a secret"), "{shown}");
}
