//! The same thing in this process, by a clock of the test's, and in Redis, by its own.

use crate::server::server;
use ballast_store::cache::{Cache, Limit, LocalCache, LocalLimiter, RateLimiter, Redis};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::Duration;

pub(crate) enum Bed {
    Local(Arc<AtomicU64>),
    Redis,
}

impl Bed {
    pub(crate) fn local() -> Self {
        Self::Local(Arc::new(AtomicU64::new(1_700_000_000_000)))
    }

    pub(crate) fn redis() -> Self {
        Self::Redis
    }

    pub(crate) fn cache(&self) -> Arc<dyn Cache> {
        match self {
            Self::Local(now) => {
                let now = now.clone();
                Arc::new(LocalCache::with_clock(Arc::new(move || now.load(Ordering::Relaxed))))
            }
            Self::Redis => Arc::new(Redis::new(&server().url(), Limit::DEFAULT).unwrap()),
        }
    }

    pub(crate) fn limiter(&self, limit: Limit) -> Arc<dyn RateLimiter> {
        match self {
            Self::Local(now) => {
                let now = now.clone();
                Arc::new(LocalLimiter::with_clock(limit, Arc::new(move || now.load(Ordering::Relaxed))))
            }
            Self::Redis => Arc::new(Redis::new(&server().url(), limit).unwrap()),
        }
    }

    /// Lets time pass: at once by the test's clock, really by Redis'.
    pub(crate) async fn pass(&self, time: Duration) {
        match self {
            Self::Local(now) => {
                now.fetch_add(u64::try_from(time.as_millis()).unwrap(), Ordering::Relaxed);
            }
            Self::Redis => tokio::time::sleep(time).await,
        }
    }
}

/// A name that no other test has.
pub(crate) fn name() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("test-{}", NEXT.fetch_add(1, Ordering::Relaxed))
}

/// Makes each function that takes a bed a test in both.
macro_rules! in_both {
    ($($name:ident)+) => {
        crate::bed::in_both!(@ local $($name)+);
        crate::bed::in_both!(@ redis $($name)+);
    };
    (@ $place:ident $($name:ident)+) => {
        mod $place {
            $(
                #[tokio::test(flavor = "multi_thread")]
                async fn $name() {
                    super::$name(crate::bed::Bed::$place()).await;
                }
            )+
        }
    };
}

pub(crate) use in_both;
