//! Who signs: a key in AWS KMS that never leaves it, or on the development chain a plain key.

use alloy::{
    primitives::{Address, B256, Signature},
    signers::{
        Error as AlloyError, Signer as _, SignerSync as _,
        aws::{AwsSigner, AwsSignerError},
        local::PrivateKeySigner,
    },
};
use aws_config::{BehaviorVersion, Region, timeout::TimeoutConfig};
use aws_sdk_kms::{
    config::Credentials,
    error::{ProvideErrorMetadata, SdkError},
};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use futures::future::BoxFuture;
use std::{error::Error, fmt, time::Duration};

/// The development chain, the only one on which a plain key or a halting drill is accepted.
pub const DEV_CHAIN_ID: u64 = 31_337;

/// Signs 32-byte digests for one address.
pub trait Signer: Send + Sync + fmt::Debug {
    /// The address that signatures recover to.
    fn address(&self) -> Address;

    /// Signs a digest as it is. The signature has a low s (EIP-2) and recovers to [`Self::address`].
    fn sign_hash(&self, hash: B256) -> BoxFuture<'_, Result<Signature, SignerError>>;
}

/// Why KMS did not sign.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KmsCause {
    NotFound,
    Disabled,
    Denied,
    Throttled,
    NoCredentials,
    WrongKeyType,
    Unreachable,
    Other,
}

impl fmt::Display for KmsCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::NotFound => "does not exist; check the key id or alias, the region and the account",
            Self::Disabled => "is disabled or pending deletion; enable it",
            Self::Denied => "may not be used; allow kms:GetPublicKey and kms:Sign for this role in the key policy",
            Self::Throttled => "is throttled; try again later or raise the request quota",
            Self::NoCredentials => {
                "cannot be asked for: no AWS credentials were found; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, \
                 a profile, or run under an instance role"
            }
            Self::WrongKeyType => "is not an ECC_SECG_P256K1 key for SIGN_VERIFY; create one of that type",
            Self::Unreachable => "cannot be reached; check the endpoint, the region and the network",
            Self::Other => "could not be used",
        })
    }
}

#[derive(Debug, thiserror::Error)]
pub enum SignerError {
    #[error("KMS key {key} {cause} ({detail})")]
    Kms { key: String, cause: KmsCause, detail: String },
    #[error("the signer of {expected} returned a signature that {problem}; nothing was sent")]
    BadSignature { expected: Address, problem: &'static str },
    #[error(
        "a plain key was configured for chain {chain_id}; it is accepted only on the development chain {DEV_CHAIN_ID}, use KMS"
    )]
    DevKeyElsewhere { chain_id: u64 },
    #[error("the development key is not 32 bytes of hex")]
    MalformedDevKey,
}

/// Credentials given outright instead of found in the environment.
#[derive(Clone, PartialEq, Eq)]
pub struct StaticCredentials {
    pub access_key_id: String,
    pub secret_access_key: String,
}

impl fmt::Debug for StaticCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StaticCredentials").field("access_key_id", &self.access_key_id).finish_non_exhaustive()
    }
}

/// Where the KMS key is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KmsConfig {
    /// Key id, key ARN, alias or alias ARN. The address is read once, so an alias that is moved needs a restart.
    pub key: String,
    /// `None`: from the environment.
    pub region: Option<String>,
    /// Another endpoint than AWS's own, for the development chain.
    pub endpoint: Option<String>,
    /// `None`: from the environment, a profile or the instance role.
    pub credentials: Option<StaticCredentials>,
    /// Bound on one request including its retries.
    pub timeout: Duration,
}

/// A key in AWS KMS.
#[derive(Clone, Debug)]
pub struct KmsSigner {
    inner: AwsSigner,
    key: String,
}

impl KmsSigner {
    /// Connects and reads the key's address.
    ///
    /// # Errors
    /// [`SignerError::Kms`] with what to check.
    pub async fn connect(config: &KmsConfig) -> Result<Self, SignerError> {
        let client =
            aws_smithy_http_client::Builder::new().tls_provider(Provider::Rustls(CryptoMode::Ring)).build_https();
        let timeouts = TimeoutConfig::builder()
            .operation_timeout(config.timeout)
            .operation_attempt_timeout(config.timeout / 2)
            .build();
        let mut loader = aws_config::defaults(BehaviorVersion::latest()).http_client(client).timeout_config(timeouts);
        if let Some(region) = &config.region {
            loader = loader.region(Region::new(region.clone()));
        }
        if let Some(StaticCredentials { access_key_id, secret_access_key }) = &config.credentials {
            loader = loader.credentials_provider(Credentials::new(
                access_key_id,
                secret_access_key,
                None,
                None,
                "configuration",
            ));
        }
        let mut settings = aws_sdk_kms::config::Builder::from(&loader.load().await);
        if let Some(endpoint) = &config.endpoint {
            settings = settings.endpoint_url(endpoint);
        }
        let client = aws_sdk_kms::Client::from_conf(settings.build());
        let inner =
            AwsSigner::new(client, config.key.clone(), None).await.map_err(|error| kms_error(&config.key, &error))?;
        Ok(Self { inner, key: config.key.clone() })
    }
}

impl Signer for KmsSigner {
    fn address(&self) -> Address {
        self.inner.address()
    }

    fn sign_hash(&self, hash: B256) -> BoxFuture<'_, Result<Signature, SignerError>> {
        Box::pin(async move {
            let signature = self.inner.sign_hash(&hash).await.map_err(|error| match &error {
                AlloyError::Other(inner) => match inner.downcast_ref::<AwsSignerError>() {
                    Some(aws) => kms_error(&self.key, aws),
                    None => other(&self.key, &error),
                },
                _ => other(&self.key, &error),
            })?;
            checked(signature, hash, self.address())
        })
    }
}

/// A key held in memory, for the development chain.
#[derive(Clone, Debug)]
pub struct DevKeySigner(PrivateKeySigner);

impl DevKeySigner {
    /// # Errors
    /// On any chain but [`DEV_CHAIN_ID`], and if `key` is not a secp256k1 key in hex.
    pub fn new(chain_id: u64, key: &str) -> Result<Self, SignerError> {
        if chain_id != DEV_CHAIN_ID {
            return Err(SignerError::DevKeyElsewhere { chain_id });
        }
        key.trim().parse().map(Self).map_err(|_| SignerError::MalformedDevKey)
    }
}

impl Signer for DevKeySigner {
    fn address(&self) -> Address {
        self.0.address()
    }

    fn sign_hash(&self, hash: B256) -> BoxFuture<'_, Result<Signature, SignerError>> {
        Box::pin(async move {
            let problem = SignerError::BadSignature { expected: self.address(), problem: "could not be made" };
            let signature = self.0.sign_hash_sync(&hash).map_err(|_| problem)?;
            checked(signature, hash, self.address())
        })
    }
}

/// The chain refuses what this refuses, only later and after it was sent.
fn checked(signature: Signature, hash: B256, expected: Address) -> Result<Signature, SignerError> {
    if signature.normalize_s().is_some() {
        return Err(SignerError::BadSignature { expected, problem: "has a high s" });
    }
    match signature.recover_address_from_prehash(&hash) {
        Ok(recovered) if recovered == expected => Ok(signature),
        _ => Err(SignerError::BadSignature { expected, problem: "recovers to another address" }),
    }
}

fn kms_error(key: &str, error: &AwsSignerError) -> SignerError {
    let cause = match error {
        AwsSignerError::Sign(sdk) => cause_of(sdk),
        AwsSignerError::GetPublicKey(sdk) => cause_of(sdk),
        AwsSignerError::Spki(_) | AwsSignerError::K256(_) => KmsCause::WrongKeyType,
        _ => KmsCause::Other,
    };
    SignerError::Kms { key: key.to_owned(), cause, detail: causes(error) }
}

fn other(key: &str, error: &AlloyError) -> SignerError {
    SignerError::Kms { key: key.to_owned(), cause: KmsCause::Other, detail: causes(error) }
}

fn cause_of<E>(error: &SdkError<E>) -> KmsCause
where
    E: ProvideErrorMetadata + Error + 'static,
{
    let code = error.as_service_error().and_then(ProvideErrorMetadata::code);
    match (code, error) {
        (Some("NotFoundException"), _) => KmsCause::NotFound,
        (Some("DisabledException" | "KMSInvalidStateException" | "KeyUnavailableException"), _) => KmsCause::Disabled,
        (Some("AccessDeniedException" | "UnrecognizedClientException" | "InvalidSignatureException"), _) => {
            KmsCause::Denied
        }
        (Some("ThrottlingException" | "LimitExceededException"), _) => KmsCause::Throttled,
        (Some("InvalidKeyUsageException" | "UnsupportedOperationException"), _) => KmsCause::WrongKeyType,
        (None, SdkError::DispatchFailure(_) | SdkError::ConstructionFailure(_)) => {
            // The SDK has no kind for this one; the text is the only sign of it.
            if causes(error).contains("credentials") { KmsCause::NoCredentials } else { KmsCause::Unreachable }
        }
        (None, SdkError::TimeoutError(_) | SdkError::ResponseError(_)) => KmsCause::Unreachable,
        _ => KmsCause::Other,
    }
}

/// The SDK shows only "service error"; what happened is further down the chain of sources.
fn causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        let part = source.to_string();
        if !text.contains(&part) {
            text.push_str(": ");
            text.push_str(&part);
        }
        next = source.source();
    }
    text
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use alloy::primitives::{U256, keccak256, uint};

    const KEY: &str = "0x2000000000000000000000000000000000000000000000000000000000000001";

    // SPEC X5
    #[test]
    fn a_plain_key_is_refused_everywhere_but_on_the_development_chain() {
        for chain_id in [1, 10, 11_155_111, 31_336, 31_338] {
            let refused = DevKeySigner::new(chain_id, KEY).unwrap_err();
            assert!(matches!(refused, SignerError::DevKeyElsewhere { chain_id: refused } if refused == chain_id));
        }
        assert!(DevKeySigner::new(DEV_CHAIN_ID, KEY).is_ok());
        assert!(matches!(DevKeySigner::new(DEV_CHAIN_ID, "0x12"), Err(SignerError::MalformedDevKey)));
    }

    #[test]
    fn a_key_is_not_shown() {
        let shown = format!("{:?}", DevKeySigner::new(DEV_CHAIN_ID, KEY).unwrap());
        assert!(!shown.contains("2000000000000000000000000000000000000000000000000000000000000001"), "{shown}");
    }

    // SPEC X5
    #[tokio::test]
    async fn a_signature_is_used_only_if_it_is_low_and_ours() {
        const ORDER: U256 = uint!(0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141_U256);
        let signer = DevKeySigner::new(DEV_CHAIN_ID, KEY).unwrap();
        let hash = keccak256("a transaction");
        let good = signer.sign_hash(hash).await.unwrap();
        assert_eq!(checked(good, hash, signer.address()).unwrap(), good);
        let high = Signature::new(good.r(), ORDER - good.s(), !good.v());
        assert_eq!(high.recover_address_from_prehash(&hash).unwrap(), signer.address());
        assert!(matches!(checked(high, hash, signer.address()), Err(SignerError::BadSignature { .. })));
        let flipped = Signature::new(good.r(), good.s(), !good.v());
        assert!(matches!(checked(flipped, hash, signer.address()), Err(SignerError::BadSignature { .. })));
        assert!(matches!(checked(good, keccak256("another"), signer.address()), Err(SignerError::BadSignature { .. })));
    }
}
