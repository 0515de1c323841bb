//! Snapshots of the configured deployment.

use crate::config::Config;
use ballast_chain::{Deployment, DeploymentError, HeadAge, PoolError, ReadError, Reader, RpcPool};
use ballast_executor::DEV_CHAIN_ID;
use ballast_types::Snapshot;
use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

#[derive(Debug, thiserror::Error)]
pub enum ObserverError {
    #[error(transparent)]
    Pool(#[from] PoolError),
    #[error(transparent)]
    Deployment(#[from] DeploymentError),
}

/// Reads what a decision may depend on.
#[derive(Debug)]
pub struct Observer {
    pub(crate) pool: Arc<RpcPool>,
    reader: Reader,
    deployment: Deployment,
    max_head_age: u64,
}

impl Observer {
    /// Connects, and holds the chain against the configuration: chain id, code, interfaces, links between the contracts.
    ///
    /// # Errors
    /// The first disagreement, with what was expected.
    pub async fn connect(config: &Config) -> Result<Self, ObserverError> {
        let pool = Arc::new(RpcPool::with_settings(&config.chain.rpc, &config.pool_settings())?);
        if pool.quorum().1 == 1 {
            tracing::warn!(
                "chain.rpc has one endpoint: nobody checks what it says; configure three of different operators"
            );
        }
        let deployment = config.deployment();
        deployment.verify(&pool).await?;
        let reader = Reader::new(pool.clone());
        Ok(Self { pool, reader, deployment, max_head_age: config.policy.max_head_age })
    }

    /// Another one of the same deployment over the same endpoints.
    pub(crate) fn beside(&self) -> Self {
        let (pool, deployment) = (self.pool.clone(), self.deployment.clone());
        Self { reader: Reader::new(pool.clone()), pool, deployment, max_head_age: self.max_head_age }
    }

    /// Everything at the newest block.
    ///
    /// # Errors
    /// If vault, hub or switch cannot be read.
    pub async fn snapshot(&self) -> Result<Snapshot, ReadError> {
        // A development chain's time runs ahead of the clock on the wall.
        let head_age = (self.deployment.chain_id != DEV_CHAIN_ID).then(|| HeadAge {
            now: SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs()),
            limit: self.max_head_age,
        });
        self.reader.snapshot(&self.deployment, head_age).await
    }

    /// The endpoints, and what is known of each.
    #[must_use]
    pub fn pool(&self) -> &Arc<RpcPool> {
        &self.pool
    }

    /// The contracts that are observed.
    #[must_use]
    pub fn deployment(&self) -> &Deployment {
        &self.deployment
    }
}
