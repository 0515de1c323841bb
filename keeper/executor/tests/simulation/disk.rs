//! What survives a crash, and how writing to it fails.

use crate::{faults::Faults, rng::Rng};
use ballast_store::{MemoryDisk, Store, StoreError, WriteFault};
use std::sync::{Arc, Mutex};

pub(crate) struct Disk(MemoryDisk);

impl Disk {
    pub(crate) fn new(faults: &Faults, rng: Rng) -> Self {
        // Nothing is decided by the stamps.
        let disk = MemoryDisk::with_clock(Arc::new(|| 0));
        let (full, rng) = (faults.disk_full, Mutex::new(rng));
        disk.on_write(move |_| {
            let mut rng = rng.lock().unwrap();
            if !rng.chance(full) {
                return Ok(());
            }
            Err(if rng.chance(500) { WriteFault::DiskFull } else { WriteFault::ReplyLost })
        });
        Self(disk)
    }

    pub(crate) fn open(&self) -> Result<Arc<Store>, StoreError> {
        self.0.open().map(Arc::new)
    }

    /// What a lost connection does to whoever writes.
    pub(crate) fn break_lease(&self) {
        self.0.break_lease();
    }

    pub(crate) fn calm(&self) {
        self.0.on_write(|_| Ok(()));
    }
}
