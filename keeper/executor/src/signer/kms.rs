//! A key in AWS KMS that never leaves it.

use super::{SafeTxHash, Signer, SignerError, check_digest, checked};
use alloy::{
    primitives::{Address, B256, Signature},
    signers::{
        Error as AlloyError, Signer as _,
        aws::{AwsSigner, AwsSignerError},
    },
};
use aws_config::{BehaviorVersion, Region, retry::RetryConfig, timeout::TimeoutConfig};
use aws_sdk_kms::{
    config::Credentials,
    error::{ProvideErrorMetadata, SdkError},
};
use aws_smithy_http_client::tls::{Provider, rustls_provider::CryptoMode};
use ballast_store::Cleared;
use futures::future::BoxFuture;
use std::{error::Error, fmt, time::Duration};

/// Tries of one request that is throttled or fails in passing, the first included; all within the configured timeout.
const ATTEMPTS: u32 = 5;
/// Before the second try; doubled, with jitter, before each that follows.
const BACKOFF: Duration = Duration::from_millis(200);

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
    /// Key id, key ARN, alias or alias ARN. The address is read once; an alias that is moved is noticed and needs a restart.
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
        let mut loader = aws_config::defaults(BehaviorVersion::latest())
            .http_client(client)
            .timeout_config(timeouts)
            .retry_config(RetryConfig::standard().with_max_attempts(ATTEMPTS).with_initial_backoff(BACKOFF));
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

    async fn sign(&self, hash: B256) -> Result<Signature, SignerError> {
        let signed = self.inner.sign_hash(&hash).await.map_err(|error| match &error {
            AlloyError::Other(inner) => match inner.downcast_ref::<AwsSignerError>() {
                Some(aws) => kms_error(&self.key, aws),
                None => other(&self.key, &error),
            },
            _ => other(&self.key, &error),
        });
        match signed.and_then(|signature| checked(signature, hash, self.address())) {
            // An alias that was moved signs with its new key and does not say so; all there is to see is a signature that is not ours.
            Err(bad @ (SignerError::BadSignature { .. } | SignerError::Kms { cause: KmsCause::Other, .. })) => {
                self.same_key().await?;
                Err(bad)
            }
            result => result,
        }
    }

    /// The key behind the name is the one that was there at the start.
    async fn same_key(&self) -> Result<(), SignerError> {
        let public = self.inner.get_pubkey().await.map_err(|error| kms_error(&self.key, &error))?;
        let (was, now) = (self.address(), Address::from_public_key(&public));
        if was == now { Ok(()) } else { Err(SignerError::Rotated { key: self.key.clone(), was, now }) }
    }
}

impl Signer for KmsSigner {
    fn address(&self) -> Address {
        self.inner.address()
    }

    fn sign_hash(&self, cleared: Cleared) -> BoxFuture<'_, Result<Signature, SignerError>> {
        Box::pin(async move { self.sign(cleared.digest()).await })
    }

    fn sign_safe_tx(&self, hash: SafeTxHash) -> BoxFuture<'_, Result<Signature, SignerError>> {
        Box::pin(async move { self.sign(hash.hash()).await })
    }

    fn check(&self) -> BoxFuture<'_, Result<(), SignerError>> {
        Box::pin(async move {
            self.same_key().await?;
            self.sign(check_digest()).await.map(drop)
        })
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
