//! A key management endpoint that speaks AWS KMS's wire protocol, for secp256k1 signing keys.
//!
//! `POST /` with `X-Amz-Target: TrentService.<Operation>` and JSON 1.1 bodies. A request must carry a SigV4
//! `Authorization` header; the signature in it is not checked, since there are no AWS accounts here. Signatures are DER and,
//! as from the real service, in about half of all cases high in s: whoever uses them on Ethereum must normalise.

mod keys;

use alloy::primitives::{Address, keccak256};
use axum::{
    Router,
    body::Bytes as Body,
    extract::State,
    http::{HeaderMap, StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use k256::{
    NonZeroScalar,
    ecdsa::{DerSignature, Signature, SigningKey, signature::hazmat::PrehashSigner},
    pkcs8::EncodePublicKey,
    sha2::{Digest, Sha256},
};
use keys::{KeyStore, arn};
use serde::Deserialize;
use serde_json::{Map, Value, json};
use std::{
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

const TARGET_PREFIX: &str = "TrentService.";
const KEY_SPEC: &str = "ECC_SECG_P256K1";
const ALGORITHM: &str = "ECDSA_SHA_256";
const DIGEST_BYTES: usize = 32;
/// AWS's limit for `MessageType=RAW`.
const MAX_RAW_BYTES: usize = 4_096;

/// A key that exists from the start, the same in every run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KmsKey {
    /// `alias/<name>`.
    pub alias: String,
    /// The private key is keccak256 of this text. For devnets only, as anyone can repeat it.
    pub seed: String,
}

/// A way for the endpoint to fail, chosen by a test.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KmsFault {
    /// `ThrottlingException` for every request.
    Throttle,
    /// The same for so many requests, then none.
    ThrottleNext(u32),
    /// `AccessDeniedException` for every request.
    Deny,
    /// Every answer takes this long.
    Slow(Duration),
}

/// The endpoint, and the switch of its faults. Clones share both.
#[derive(Clone, Debug)]
pub struct Kms(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    keys: Mutex<KeyStore>,
    fault: Mutex<Option<KmsFault>>,
}

/// A seed that gives no key.
#[derive(Debug, thiserror::Error)]
pub enum KmsError {
    /// Not `alias/<name>`.
    #[error("{0} is not a KMS alias; aliases are alias/<name> with letters, digits, /, _ and -")]
    BadAlias(String),
    /// keccak256 of the seed is zero or beyond the curve's order.
    #[error("the seed {0:?} gives no secp256k1 key; choose another")]
    BadSeed(String),
    /// Two keys under one alias.
    #[error("{0} is given to two keys")]
    DuplicateAlias(String),
}

/// An error answer in AWS's shape.
struct Refusal {
    kind: &'static str,
    message: String,
}

impl Refusal {
    fn new(kind: &'static str, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }

    fn validation(message: impl Into<String>) -> Self {
        Self::new("ValidationException", message)
    }
}

impl Kms {
    /// An endpoint that holds `keys`.
    ///
    /// # Errors
    /// [`KmsError`] for a bad alias or seed.
    pub fn new(keys: &[KmsKey]) -> Result<Self, KmsError> {
        let mut store = KeyStore::default();
        for KmsKey { alias, seed } in keys {
            if !is_alias(alias) {
                return Err(KmsError::BadAlias(alias.clone()));
            }
            let secret =
                SigningKey::from_slice(keccak256(seed).as_slice()).map_err(|_| KmsError::BadSeed(seed.clone()))?;
            let id = store.add(secret, format!("devnet key {alias}"));
            if store.aliases.insert(alias.clone(), id).is_some() {
                return Err(KmsError::DuplicateAlias(alias.clone()));
            }
        }
        Ok(Self(Arc::new(Shared { keys: Mutex::new(store), fault: Mutex::default() })))
    }

    /// Ethereum address of the key known as `reference`: an alias, a key id or an ARN of either.
    pub fn address(&self, reference: &str) -> Option<Address> {
        self.store().find(reference).ok().map(|key| Address::from_private_key(&key.secret))
    }

    /// Makes every request fail this way, and no other, from now on.
    pub fn set_fault(&self, fault: KmsFault) {
        *self.0.fault.lock().unwrap_or_else(PoisonError::into_inner) = Some(fault);
    }

    /// Makes the endpoint work again.
    pub fn clear_fault(&self) {
        *self.0.fault.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    pub(crate) fn router(&self) -> Router {
        Router::new().route("/", post(serve)).with_state(self.clone())
    }

    fn store(&self) -> MutexGuard<'_, KeyStore> {
        self.0.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What is to befall the request at hand.
    fn next_fault(&self) -> Option<KmsFault> {
        let mut fault = self.0.fault.lock().unwrap_or_else(PoisonError::into_inner);
        let now = *fault;
        if let Some(KmsFault::ThrottleNext(left)) = now {
            *fault = (left > 1).then(|| KmsFault::ThrottleNext(left - 1));
        }
        now.filter(|now| *now != KmsFault::ThrottleNext(0))
    }

    async fn handle(&self, headers: &HeaderMap, body: &[u8]) -> Result<Value, Refusal> {
        let fault = self.next_fault();
        match fault {
            Some(KmsFault::Throttle | KmsFault::ThrottleNext(_)) => {
                return Err(Refusal::new("ThrottlingException", "Rate exceeded"));
            }
            Some(KmsFault::Deny) => {
                return Err(Refusal::new(
                    "AccessDeniedException",
                    "The caller is not authorized to perform this operation",
                ));
            }
            Some(KmsFault::Slow(delay)) => tokio::time::sleep(delay).await,
            None => {}
        }
        let text =
            |name: header::HeaderName| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
        if !text(header::AUTHORIZATION).starts_with("AWS4-HMAC-SHA256 ") {
            return Err(Refusal::new(
                "MissingAuthenticationTokenException",
                "Missing Authentication Token: sign the request with AWS Signature Version 4",
            ));
        }
        let target = text(header::HeaderName::from_static("x-amz-target"));
        let operation = target.strip_prefix(TARGET_PREFIX).unwrap_or_default();
        let arguments = |body: &[u8]| -> Result<Arguments, Refusal> {
            serde_json::from_slice(body)
                .map_err(|e| Refusal::new("SerializationException", format!("the body cannot be read: {e}")))
        };
        match operation {
            "CreateKey" => self.create_key(arguments(body)?),
            "CreateAlias" => self.create_alias(&arguments(body)?),
            "UpdateAlias" => self.update_alias(&arguments(body)?),
            "DescribeKey" => Ok(json!({"KeyMetadata": self.store().find(arguments(body)?.key_id()?)?.metadata()})),
            "GetPublicKey" => self.public_key(&arguments(body)?),
            "Sign" => self.sign(&arguments(body)?),
            "EnableKey" => self.set_enabled(&arguments(body)?, true),
            "DisableKey" => self.set_enabled(&arguments(body)?, false),
            "ListAliases" => Ok(self.list_aliases()),
            _ => Err(Refusal::new("UnknownOperationException", format!("{target:?} is not served by this endpoint"))),
        }
    }

    fn create_key(&self, arguments: Arguments) -> Result<Value, Refusal> {
        let (spec, usage) = (
            arguments.key_spec.as_deref().unwrap_or("SYMMETRIC_DEFAULT"),
            arguments.key_usage.as_deref().unwrap_or("ENCRYPT_DECRYPT"),
        );
        if spec != KEY_SPEC || usage != "SIGN_VERIFY" {
            return Err(Refusal::validation(format!(
                "KeySpec {spec} with KeyUsage {usage} is not supported here; use {KEY_SPEC} with SIGN_VERIFY"
            )));
        }
        let secret = SigningKey::from(NonZeroScalar::random(&mut k256::elliptic_curve::rand_core::OsRng));
        let mut store = self.store();
        let id = store.add(secret, arguments.description.unwrap_or_default());
        Ok(json!({"KeyMetadata": store.find(&id)?.metadata()}))
    }

    fn create_alias(&self, arguments: &Arguments) -> Result<Value, Refusal> {
        let alias = arguments.alias_name.as_deref().unwrap_or_default();
        if !is_alias(alias) {
            return Err(Refusal::validation(format!("AliasName {alias:?} must be alias/<name>")));
        }
        let target =
            arguments.target_key_id.as_deref().ok_or_else(|| Refusal::validation("TargetKeyId is required"))?;
        let mut store = self.store();
        if store.aliases.contains_key(alias) {
            return Err(Refusal::new(
                "AlreadyExistsException",
                format!("An alias with the name {} already exists", arn(alias)),
            ));
        }
        let id = store.find(target)?.id.clone();
        store.aliases.insert(alias.to_owned(), id);
        Ok(Value::Null)
    }

    /// What a rotation of an asymmetric key is: KMS has no other.
    fn update_alias(&self, arguments: &Arguments) -> Result<Value, Refusal> {
        let alias = arguments.alias_name.as_deref().unwrap_or_default();
        let target =
            arguments.target_key_id.as_deref().ok_or_else(|| Refusal::validation("TargetKeyId is required"))?;
        let mut store = self.store();
        let id = store.find(target)?.id.clone();
        match store.aliases.get_mut(alias) {
            Some(known) => *known = id,
            None => return Err(Refusal::new("NotFoundException", format!("Alias {} is not found.", arn(alias)))),
        }
        Ok(Value::Null)
    }

    fn public_key(&self, arguments: &Arguments) -> Result<Value, Refusal> {
        let store = self.store();
        let key = store.usable(arguments.key_id()?)?;
        let der = k256::PublicKey::from(key.secret.verifying_key())
            .to_public_key_der()
            .map_err(|e| Refusal::new("KMSInternalException", e.to_string()))?;
        Ok(json!({
            "KeyId": key.arn(),
            "PublicKey": BASE64_STANDARD.encode(der.as_bytes()),
            "CustomerMasterKeySpec": KEY_SPEC,
            "KeySpec": KEY_SPEC,
            "KeyUsage": "SIGN_VERIFY",
            "SigningAlgorithms": [ALGORITHM],
        }))
    }

    fn sign(&self, arguments: &Arguments) -> Result<Value, Refusal> {
        let store = self.store();
        let key = store.usable(arguments.key_id()?)?;
        let algorithm = arguments.signing_algorithm.as_deref().unwrap_or_default();
        if algorithm != ALGORITHM {
            return Err(Refusal::validation(format!(
                "SigningAlgorithm {algorithm:?} cannot be used with {KEY_SPEC}; use {ALGORITHM}"
            )));
        }
        let message = BASE64_STANDARD
            .decode(arguments.message.as_deref().unwrap_or_default())
            .map_err(|e| Refusal::new("SerializationException", format!("Message is not base64: {e}")))?;
        let digest: [u8; DIGEST_BYTES] = match arguments.message_type.as_deref().unwrap_or("RAW") {
            "DIGEST" => message.as_slice().try_into().map_err(|_| {
                Refusal::validation(format!(
                    "Digest is invalid length for algorithm {ALGORITHM}: {} bytes, expected {DIGEST_BYTES}",
                    message.len()
                ))
            })?,
            "RAW" if (1..=MAX_RAW_BYTES).contains(&message.len()) => Sha256::digest(&message).into(),
            "RAW" => {
                return Err(Refusal::validation(format!(
                    "a RAW Message has 1 to {MAX_RAW_BYTES} bytes; this one has {}",
                    message.len()
                )));
            }
            other => return Err(Refusal::validation(format!("MessageType {other:?} must be RAW or DIGEST"))),
        };
        let low: Signature =
            key.secret.sign_prehash(&digest).map_err(|e| Refusal::new("KMSInternalException", e.to_string()))?;
        let signature = if is_odd(&digest) { with_high_s(&low)? } else { low };
        Ok(json!({
            "KeyId": key.arn(),
            "Signature": BASE64_STANDARD.encode(DerSignature::from(signature).as_bytes()),
            "SigningAlgorithm": ALGORITHM,
        }))
    }

    fn set_enabled(&self, arguments: &Arguments, enabled: bool) -> Result<Value, Refusal> {
        let mut store = self.store();
        let id = store.find(arguments.key_id()?)?.id.clone();
        if let Some(key) = store.keys.get_mut(&id) {
            key.enabled = enabled;
        }
        Ok(Value::Null)
    }

    fn list_aliases(&self) -> Value {
        let store = self.store();
        let aliases: Vec<Value> = store
            .aliases
            .iter()
            .map(|(alias, id)| json!({"AliasName": alias, "AliasArn": arn(alias), "TargetKeyId": id}))
            .collect();
        json!({"Aliases": aliases, "Truncated": false})
    }
}

/// Half of all digests, by a bit that no client can see a pattern in: these get the signature with high s.
fn is_odd(digest: &[u8]) -> bool {
    keccak256(digest)[0] & 1 == 1
}

/// The other signature that verifies: (r, n − s).
fn with_high_s(low: &Signature) -> Result<Signature, Refusal> {
    let (r, s) = low.split_scalars();
    Signature::from_scalars(r, -s).map_err(|e| Refusal::new("KMSInternalException", e.to_string()))
}

/// The fields of all served operations together.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Arguments {
    key_id: Option<String>,
    key_spec: Option<String>,
    key_usage: Option<String>,
    description: Option<String>,
    alias_name: Option<String>,
    target_key_id: Option<String>,
    message: Option<String>,
    message_type: Option<String>,
    signing_algorithm: Option<String>,
}

impl Arguments {
    fn key_id(&self) -> Result<&str, Refusal> {
        self.key_id.as_deref().ok_or_else(|| Refusal::validation("KeyId is required"))
    }
}

fn is_alias(text: &str) -> bool {
    text.strip_prefix("alias/")
        .is_some_and(|name| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "/_-".contains(c)))
}

async fn serve(State(kms): State<Kms>, headers: HeaderMap, body: Body) -> Response {
    let (status, value) = match kms.handle(&headers, &body).await {
        Ok(Value::Null) => (StatusCode::OK, Value::Object(Map::new())),
        Ok(value) => (StatusCode::OK, value),
        Err(Refusal { kind, message }) => (StatusCode::BAD_REQUEST, json!({"__type": kind, "message": message})),
    };
    (status, [(header::CONTENT_TYPE, "application/x-amz-json-1.1")], value.to_string()).into_response()
}
