//! What survives a crash.

use ballast_store::{Store, StoreError};
use std::sync::Arc;

pub(crate) struct Disk(tempfile::TempDir);

impl Disk {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) async fn open(&self) -> Result<Arc<Store>, StoreError> {
        Ok(Arc::new(Store::open(self.0.path().join("store.db")).await?))
    }
}
