//! The relay and the two keys.

use super::Finding;
use crate::{
    config::{Config, KeyConfig},
    keeper::{StartError, open_key, relays as connect},
};
use alloy::primitives::Address;
use ballast_executor::RelayError;
use futures::future::join_all;

/// The accounts behind the keys that work.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Keys {
    pub(super) keeper: Option<Address>,
    pub(super) attestor: Option<Address>,
}

/// A relay refuses an empty bundle in a simulation; whoever answers otherwise is none.
pub(super) async fn relays(config: &Config) -> Vec<Finding> {
    const CHECK: &str = "relay";
    let relays = match connect(config) {
        Ok(relays) => relays,
        Err(error) => {
            let advice = "set the secret and relay.url; the key holds no funds, any fresh one will do";
            return vec![Finding::problem(CHECK, error.to_string(), "a relay and the key it knows us by", advice)];
        }
    };
    let answers = relays.iter().map(async |relay| match relay.probe().await {
        Ok(answer) => Finding::ok(CHECK, format!("it answers as a relay does: {answer}")),
        Err(error @ RelayError::Refused { .. }) => {
            let advice = "correct relay.url or relay.builders; a node's RPC endpoint is not a relay";
            Finding::problem(CHECK, error.to_string(), "a relay that knows eth_callBundle", advice)
        }
        Err(error) => {
            let advice = "check relay.url or relay.builders, the network and the relay's status page";
            Finding::problem(CHECK, error.to_string(), "a relay that answers", advice)
        }
    });
    join_all(answers).await
}

pub(super) async fn examine(config: &Config) -> (Keys, Vec<Finding>) {
    let (keeper, first) = key(config, &config.keeper, "keeper", "keeper key").await;
    let (attestor, second) = key(config, &config.attestor.key, "attestor", "attestor key").await;
    let mut findings = vec![first, second];
    if let (Some(keeper), Some(attestor)) = (keeper, attestor) {
        findings.push(if keeper == attestor {
            let advice = "make a second KMS key for the attestor, best in another account";
            Finding::problem("two keys", format!("keeper and attestor are both {keeper}"), "two different keys", advice)
        } else {
            Finding::ok("two keys", "keeper and attestor are different keys")
        });
    }
    (Keys { keeper, attestor }, findings)
}

async fn key(config: &Config, key: &KeyConfig, role: &'static str, check: &'static str) -> (Option<Address>, Finding) {
    let expected = "an enabled KMS key of type ECC_SECG_P256K1 for SIGN_VERIFY, with kms:GetPublicKey and kms:Sign";
    let advice = "see what it says of the key; then its policy, its state and the credentials";
    let unusable = |error: StartError| Finding::problem(check, error.to_string(), expected, advice);
    let signer = match open_key(config, key, role).await {
        Ok(signer) => signer,
        Err(error) => return (None, unusable(error)),
    };
    let address = signer.address();
    match signer.check().await {
        Ok(()) => (Some(address), Finding::ok(check, format!("{address} signs"))),
        Err(source) => (None, unusable(StartError::Signer { role, source })),
    }
}
