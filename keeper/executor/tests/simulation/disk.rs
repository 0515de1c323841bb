//! What survives a crash, and how writing to it fails.

use crate::{faults::Faults, rng::Rng};
use ballast_store::{MemoryDisk, Store, StoreError, WriteFault};
use std::sync::{
    Arc, Mutex,
    atomic::{AtomicU64, Ordering},
};

pub(crate) struct Disk {
    disk: MemoryDisk,
    failed: Arc<AtomicU64>,
}

impl Disk {
    pub(crate) fn new(faults: &Faults, rng: Rng) -> Self {
        // Nothing is decided by the stamps.
        let disk = MemoryDisk::with_clock(Arc::new(|| 0));
        let (full, rng) = (faults.disk_full, Mutex::new(rng));
        let failed = Arc::new(AtomicU64::new(0));
        let counted = Arc::clone(&failed);
        disk.on_write(move |_| {
            let mut rng = rng.lock().unwrap();
            if !rng.chance(full) {
                return Ok(());
            }
            counted.fetch_add(1, Ordering::Relaxed);
            Err(if rng.chance(500) { WriteFault::DiskFull } else { WriteFault::ReplyLost })
        });
        Self { disk, failed }
    }

    pub(crate) fn failed_writes(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }

    pub(crate) fn open(&self) -> Result<Arc<Store>, StoreError> {
        self.disk.open().map(Arc::new)
    }

    /// What a lost connection does to whoever writes.
    pub(crate) fn break_lease(&self) {
        self.disk.break_lease();
    }

    pub(crate) fn calm(&self) {
        self.disk.on_write(|_| Ok(()));
    }
}
