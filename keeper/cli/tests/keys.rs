//! The keeper's signatures, made by the KMS endpoint over its real wire protocol.
// SPEC X5
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use alloy::primitives::{Address, B256, Bytes, U256, keccak256, uint};
use ballast_devnet::{Devnet, DevnetConfig, deploy::KEEPER_ALIAS, prepared::kms_keys};
use ballast_executor::{KmsConfig, KmsSigner, Signer, StaticCredentials};
use ballast_store::Store;
use serde_json::json;
use std::{path::Path, time::Duration};

const SIGNATURES: u32 = 100;
/// Half of the order of secp256k1, rounded down: the highest s that Ethereum accepts (EIP-2).
const HALF_ORDER: U256 = uint!(0x7fffffffffffffffffffffffffffffff5d576e7357a4501ddfe92f46681b20a0_U256);

#[tokio::test(flavor = "multi_thread")]
async fn every_signature_is_low_and_its_parity_recovers_the_keys_address() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap();
    let devnet = Devnet::start(DevnetConfig { kms_keys: kms_keys(), ..DevnetConfig::new(root) }).await.unwrap();
    let signer = KmsSigner::connect(&KmsConfig {
        key: KEEPER_ALIAS.into(),
        region: Some("us-east-1".into()),
        endpoint: Some(devnet.kms_url()),
        credentials: Some(StaticCredentials { access_key_id: "devnet".into(), secret_access_key: "devnet".into() }),
        timeout: Duration::from_secs(10),
    })
    .await
    .unwrap();
    assert_eq!(Some(signer.address()), devnet.kms().address(KEEPER_ALIAS));

    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path().join("keeper.db")).await.unwrap();
    let mut odd = 0;
    for number in 0..SIGNATURES {
        let digest = keccak256(number.to_be_bytes());
        let call = (Address::ZERO, &Bytes::new());
        let cleared = store.clear_off_chain("a test", call, digest, B256::ZERO, json!({})).await.unwrap();
        let signature = signer.sign_hash(cleared).await.unwrap();
        assert!(signature.s() <= HALF_ORDER, "{number}: s is {}", signature.s());
        assert_eq!(signature.recover_address_from_prehash(&digest).unwrap(), signer.address(), "{number}");
        odd += u32::from(signature.v());
    }
    // A parity that is always the same would be a guess; 100 fair ones are all within these bounds but for one run in 10⁹.
    assert!((20..=80).contains(&odd), "{odd} of {SIGNATURES} are odd");
    devnet.shutdown().await.unwrap();
}
