//! The key that signs: in AWS KMS, or on the development chain a plain one.

use ballast_executor::{DevKeySigner, KmsConfig, KmsSigner, SafeTxHash, Signer};
use ballast_governance::safe::SafeProposal;
use clap::Args;
use std::{sync::Arc, time::Duration};

/// A plain key, on chain 31337 only.
const DEV_KEY: &str = "BALLAST_DEV_SAFE_KEY";
const KMS_TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Debug, Args)]
pub(super) struct KeyArguments {
    /// Sign with this AWS KMS key: id, ARN or alias
    #[arg(long, conflicts_with = "dev_key")]
    kms: Option<String>,
    /// Region of the KMS key, if the environment does not say it
    #[arg(long, requires = "kms")]
    kms_region: Option<String>,
    /// Another endpoint than AWS's own
    #[arg(long, requires = "kms")]
    kms_endpoint: Option<String>,
    /// Sign with the key in BALLAST_DEV_SAFE_KEY, on the development chain only
    #[arg(long)]
    dev_key: bool,
}

impl KeyArguments {
    /// The signer, if one was chosen.
    pub(super) async fn signer(&self, chain_id: u64) -> eyre::Result<Option<Arc<dyn Signer>>> {
        if self.dev_key {
            let key = std::env::var(DEV_KEY)
                .map_err(|_| eyre::eyre!("{DEV_KEY} is not set: a development key, 32 bytes of hex"))?;
            return Ok(Some(Arc::new(DevKeySigner::new(chain_id, &key)?)));
        }
        let Some(key) = &self.kms else { return Ok(None) };
        let config = KmsConfig {
            key: key.clone(),
            region: self.kms_region.clone(),
            endpoint: self.kms_endpoint.clone(),
            credentials: None,
            timeout: KMS_TIMEOUT,
        };
        Ok(Some(Arc::new(KmsSigner::connect(&config).await?)))
    }
}

/// What a key signs for a proposal. Computed anew from the transaction: a key signs no hash that it is handed.
pub(crate) fn hash_of(proposal: &SafeProposal) -> SafeTxHash {
    SafeTxHash::of(proposal.chain_id, proposal.safe, &proposal.transaction.typed())
}
