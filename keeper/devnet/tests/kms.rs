//! The KMS endpoint, driven by the AWS SDK itself.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod harness;
use alloy::{
    primitives::{B256, U256, keccak256},
    signers::{Signer, aws::AwsSigner},
};
use aws_sdk_kms::{
    Client, Config,
    config::{BehaviorVersion, Credentials, Region, retry::RetryConfig},
    error::{DisplayErrorContext, ProvideErrorMetadata},
    primitives::Blob,
    types::{KeySpec, KeyUsageType, MessageType, SigningAlgorithmSpec},
};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use ballast_devnet::{Devnet, DevnetConfig, KmsFault, KmsKey};
use harness::*;
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const KEEPER: &str = "alias/keeper";

async fn start_with_key() -> Devnet {
    let kms_keys = vec![KmsKey { alias: KEEPER.into(), seed: "ballast devnet keeper".into() }];
    Devnet::start(DevnetConfig { kms_keys, ..DevnetConfig::new(project_root()) }).await.unwrap()
}

fn client(devnet: &Devnet) -> Client {
    let http = aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
    let config = Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("us-east-1"))
        .credentials_provider(Credentials::new("AKIDEXAMPLE", "not a secret", None, None, "test"))
        .retry_config(RetryConfig::disabled())
        .endpoint_url(devnet.kms_url())
        .http_client(http)
        .build();
    Client::from_conf(config)
}

async fn sign(client: &Client, key: &str, message: &[u8], kind: MessageType) -> Result<Vec<u8>, aws_sdk_kms::Error> {
    let request = client
        .sign()
        .key_id(key)
        .message(Blob::new(message))
        .message_type(kind)
        .signing_algorithm(SigningAlgorithmSpec::EcdsaSha256);
    Ok(request.send().await?.signature().unwrap().as_ref().to_vec())
}

fn is_high(der: &[u8]) -> bool {
    let signature = k256::ecdsa::Signature::from_der(der).unwrap();
    signature.normalize_s().is_some()
}

// SPEC X5
#[tokio::test]
async fn two_hundred_signatures_recover_to_the_key_although_half_have_high_s() {
    let devnet = start_with_key().await;
    let client = client(&devnet);
    let signer = AwsSigner::new(client.clone(), KEEPER.into(), Some(31_337)).await.unwrap();
    let address = devnet.kms().address(KEEPER).unwrap();
    assert_eq!(signer.address(), address);
    let half = U256::from_be_bytes(alloy::primitives::hex!(
        "7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0"
    ));
    let mut high = 0;
    for index in 0..200u64 {
        let digest = keccak256(index.to_be_bytes());
        let signature = signer.sign_hash(&digest).await.unwrap();
        assert_eq!(signature.recover_address_from_prehash(&digest).unwrap(), address);
        assert!(signature.s() <= half);
        high += usize::from(is_high(&sign(&client, KEEPER, digest.as_slice(), MessageType::Digest).await.unwrap()));
    }
    assert!((60..=140).contains(&high), "{high} of 200 raw signatures have high s");
    devnet.shutdown().await.unwrap();
}

#[tokio::test]
async fn seeded_keys_are_the_same_in_every_run_and_known_by_alias_id_and_arn() {
    let (first, second) = (start_with_key().await, start_with_key().await);
    let address = first.kms().address(KEEPER).unwrap();
    assert_eq!(second.kms().address(KEEPER), Some(address));
    let client = client(&first);
    let metadata = client.describe_key().key_id(KEEPER).send().await.unwrap().key_metadata.unwrap();
    assert_eq!((metadata.key_spec(), metadata.enabled()), (Some(&KeySpec::EccSecgP256K1), true));
    for reference in [metadata.key_id(), metadata.arn().unwrap(), "arn:aws:kms:us-east-1:111122223333:alias/keeper"] {
        let signer = AwsSigner::new(client.clone(), reference.to_owned(), None).await.unwrap();
        assert_eq!((signer.address(), first.kms().address(reference)), (address, Some(address)));
    }
    let aliases = client.list_aliases().send().await.unwrap();
    assert_eq!(
        (aliases.aliases()[0].alias_name(), aliases.aliases()[0].target_key_id()),
        (Some(KEEPER), Some(metadata.key_id()))
    );
    first.shutdown().await.unwrap();
    second.shutdown().await.unwrap();
}

#[tokio::test]
async fn keys_are_created_named_disabled_and_enabled() {
    let devnet = start_with_key().await;
    let client = client(&devnet);
    let created = client
        .create_key()
        .key_spec(KeySpec::EccSecgP256K1)
        .key_usage(KeyUsageType::SignVerify)
        .description("new")
        .send()
        .await
        .unwrap();
    let id = created.key_metadata.unwrap().key_id;
    client.create_alias().alias_name("alias/new").target_key_id(&id).send().await.unwrap();
    let address = AwsSigner::new(client.clone(), "alias/new".into(), None).await.unwrap().address();
    assert_ne!(Some(address), devnet.kms().address(KEEPER));
    let again = client.create_alias().alias_name("alias/new").target_key_id(&id).send().await.unwrap_err();
    assert_eq!(again.code(), Some("AlreadyExistsException"));
    let symmetric = client.create_key().send().await.unwrap_err();
    assert_eq!(symmetric.code(), Some("ValidationException"));

    client.disable_key().key_id("alias/new").send().await.unwrap();
    let disabled = sign(&client, "alias/new", &[1; 32], MessageType::Digest).await.unwrap_err();
    assert!(matches!(disabled, aws_sdk_kms::Error::DisabledException(_)), "{disabled}");
    let hidden = client.get_public_key().key_id("alias/new").send().await.unwrap_err();
    assert!(hidden.into_service_error().is_disabled_exception());
    client.enable_key().key_id(&id).send().await.unwrap();
    sign(&client, "alias/new", &[1; 32], MessageType::Digest).await.unwrap();
    devnet.shutdown().await.unwrap();
}

#[tokio::test]
async fn a_digest_is_32_bytes_signed_as_it_is_and_a_raw_message_is_hashed() {
    let devnet = start_with_key().await;
    let client = client(&devnet);
    for length in [0, 31, 33] {
        let error = sign(&client, KEEPER, &vec![7; length], MessageType::Digest).await.unwrap_err();
        assert_eq!(error.code(), Some("ValidationException"), "{length} bytes: {error}");
    }
    assert_eq!(
        sign(&client, KEEPER, &[7; 4_097], MessageType::Raw).await.unwrap_err().code(),
        Some("ValidationException")
    );
    use k256::sha2::{Digest, Sha256};
    let digest = B256::from_slice(&Sha256::digest(b"a message"));
    let raw = sign(&client, KEEPER, b"a message", MessageType::Raw).await.unwrap();
    assert_eq!(raw, sign(&client, KEEPER, digest.as_slice(), MessageType::Digest).await.unwrap());
    let unknown = sign(&client, "alias/nobody", digest.as_slice(), MessageType::Digest).await.unwrap_err();
    assert!(matches!(unknown, aws_sdk_kms::Error::NotFoundException(_)), "{unknown}");
    assert!(unknown.message().unwrap().contains("alias/nobody"));
    let wrong = client
        .sign()
        .key_id(KEEPER)
        .message(Blob::new([7; 32]))
        .signing_algorithm(SigningAlgorithmSpec::EcdsaSha384)
        .send()
        .await
        .unwrap_err();
    assert_eq!(wrong.code(), Some("ValidationException"));
    devnet.shutdown().await.unwrap();
}

#[tokio::test]
async fn unsigned_requests_and_unknown_operations_are_refused_in_awss_shape() {
    let devnet = start_with_key().await;
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    let call = async |target: &str, authorization: Option<&str>| -> (u16, Value) {
        let mut request = http
            .post(devnet.kms_url())
            .header("x-amz-target", target)
            .header("content-type", "application/x-amz-json-1.1");
        if let Some(value) = authorization {
            request = request.header("authorization", value);
        }
        let answer = request.body(json!({"KeyId": KEEPER}).to_string()).send().await.unwrap();
        assert_eq!(answer.headers()["content-type"], "application/x-amz-json-1.1");
        (answer.status().as_u16(), answer.json().await.unwrap())
    };
    let (status, body) = call("TrentService.DescribeKey", None).await;
    assert_eq!((status, &body["__type"]), (400, &json!("MissingAuthenticationTokenException")));
    assert_eq!(call("TrentService.DescribeKey", Some("Bearer x")).await.0, 400);
    let signed = Some("AWS4-HMAC-SHA256 Credential=x");
    assert_eq!(call("TrentService.DescribeKey", signed).await.0, 200);
    assert_eq!(call("TrentService.ScheduleKeyDeletion", signed).await.1["__type"], json!("UnknownOperationException"));
    devnet.shutdown().await.unwrap();
}

#[tokio::test]
async fn faults_throttle_deny_and_slow_until_cleared() {
    let devnet = start_with_key().await;
    let (client, kms) = (client(&devnet), devnet.kms().clone());
    let code = async || {
        sign(&client, KEEPER, &[1; 32], MessageType::Digest)
            .await
            .map_err(|e| (e.code().map(str::to_owned), DisplayErrorContext(&e).to_string()))
    };
    kms.set_fault(KmsFault::Throttle);
    assert_eq!(code().await.unwrap_err().0.as_deref(), Some("ThrottlingException"));
    kms.set_fault(KmsFault::Deny);
    assert_eq!(code().await.unwrap_err().0.as_deref(), Some("AccessDeniedException"));
    let delay = Duration::from_millis(300);
    kms.set_fault(KmsFault::Slow(delay));
    let asked = Instant::now();
    code().await.unwrap();
    assert!(asked.elapsed() >= delay);
    kms.clear_fault();
    code().await.unwrap();
    assert_eq!(devnet.kms().address("alias/nobody"), None);
    devnet.shutdown().await.unwrap();
}
