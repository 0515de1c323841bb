//! The keys of the KMS endpoint, and the names by which AWS lets one refer to a key.

use super::{ALGORITHM, KEY_SPEC, Refusal};
use alloy::primitives::{Address, keccak256};
use k256::ecdsa::SigningKey;
use serde_json::{Value, json};
use std::{
    collections::BTreeMap,
    time::{SystemTime, UNIX_EPOCH},
};

const ACCOUNT: &str = "111122223333";
const REGION: &str = "us-east-1";

#[derive(Debug, Default)]
pub(super) struct KeyStore {
    /// By key id.
    pub(super) keys: BTreeMap<String, StoredKey>,
    /// Alias to key id.
    pub(super) aliases: BTreeMap<String, String>,
}

#[derive(Clone, Debug)]
pub(super) struct StoredKey {
    pub(super) id: String,
    pub(super) secret: SigningKey,
    pub(super) enabled: bool,
    description: String,
    /// Seconds since the epoch.
    created: u64,
}

impl KeyStore {
    /// Keeps `secret` under an id made from its address, so that seeded keys have the same id in every run.
    pub(super) fn add(&mut self, secret: SigningKey, description: String) -> String {
        let hash = keccak256(Address::from_private_key(&secret));
        let hex = alloy::hex::encode(hash);
        let part = |from: usize, to: usize| hex.get(from..to).unwrap_or_default();
        let id = format!("{}-{}-{}-{}-{}", part(0, 8), part(8, 12), part(12, 16), part(16, 20), part(20, 32));
        let created = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
        self.keys.insert(id.clone(), StoredKey { id: id.clone(), secret, enabled: true, description, created });
        id
    }

    /// By key id, alias, or an ARN of either.
    pub(super) fn find(&self, reference: &str) -> Result<&StoredKey, Refusal> {
        let prefix = arn("");
        let name = reference.strip_prefix(&prefix).unwrap_or(reference);
        let id = match name.strip_prefix("key/") {
            Some(id) => id,
            None => self.aliases.get(name).map_or(name, String::as_str),
        };
        self.keys.get(id).ok_or_else(|| {
            let kind = if name.starts_with("alias/") { "Alias" } else { "Key" };
            let shown = if name.contains('/') { arn(name) } else { arn(&format!("key/{name}")) };
            Refusal::new("NotFoundException", format!("{kind} '{shown}' does not exist"))
        })
    }

    pub(super) fn usable(&self, reference: &str) -> Result<&StoredKey, Refusal> {
        let key = self.find(reference)?;
        if key.enabled {
            Ok(key)
        } else {
            Err(Refusal::new("DisabledException", format!("{} is disabled.", key.arn())))
        }
    }
}

impl StoredKey {
    pub(super) fn arn(&self) -> String {
        arn(&format!("key/{}", self.id))
    }

    pub(super) fn metadata(&self) -> Value {
        json!({
            "AWSAccountId": ACCOUNT,
            "Arn": self.arn(),
            "CreationDate": self.created,
            "CustomerMasterKeySpec": KEY_SPEC,
            "Description": self.description,
            "Enabled": self.enabled,
            "KeyId": self.id,
            "KeyManager": "CUSTOMER",
            "KeySpec": KEY_SPEC,
            "KeyState": if self.enabled { "Enabled" } else { "Disabled" },
            "KeyUsage": "SIGN_VERIFY",
            "MultiRegion": false,
            "Origin": "AWS_KMS",
            "SigningAlgorithms": [ALGORITHM],
        })
    }
}

pub(super) fn arn(resource: &str) -> String {
    format!("arn:aws:kms:{REGION}:{ACCOUNT}:{resource}")
}
