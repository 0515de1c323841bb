//! The cache and the limiter behind what is served and what publishers are asked: those of this process, and before them Redis', where there is one,
//! which several keepers share.
//!
//! ▪ Redis may go at any time. Then the process's own are used, which is said once, and once when Redis is back. Whatever is set is set in both, so
//! that nothing is forgotten when it goes; calls are counted where they are made, so that a client may have its limit once more then.

use ballast_store::cache::{Cache, CacheError, Leave, Limit, LocalCache, LocalLimiter, RateLimiter, Redis, RedisUrl};
use futures::future::BoxFuture;
use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// Between two tries of a Redis that does not serve: each costs whoever asks up to the time that it has to answer.
const AGAIN: Duration = Duration::from_secs(5);

/// A [`Cache`] and a [`RateLimiter`] that never fail.
#[derive(Debug)]
pub(crate) struct Shared {
    cache: LocalCache,
    limiter: LocalLimiter,
    redis: Option<Remote>,
}

#[derive(Debug)]
struct Remote {
    redis: Redis,
    /// When it was found not to serve, last.
    lost: Mutex<Option<Instant>>,
}

impl Shared {
    /// Of this process alone if there is no `url`. Does not connect yet.
    ///
    /// # Errors
    /// [`CacheError::NotARedisUrl`].
    pub(crate) fn new(url: Option<&RedisUrl>, limit: Limit) -> Result<Self, CacheError> {
        let remote = |url| Ok(Remote { redis: Redis::new(url, limit)?, lost: Mutex::new(None) });
        let redis = url.map(remote).transpose()?;
        Ok(Self { cache: LocalCache::new(), limiter: LocalLimiter::new(limit), redis })
    }

    /// Whether Redis did not serve when it was asked last.
    #[cfg(test)]
    pub(crate) fn is_without_redis(&self) -> bool {
        let lost = |remote: &Remote| remote.lost.lock().unwrap_or_else(PoisonError::into_inner).is_some();
        self.redis.as_ref().is_none_or(lost)
    }

    /// Redis, if there is one and it is worth asking.
    fn remote(&self) -> Option<&Remote> {
        self.redis.as_ref().filter(|remote| remote.is_worth_asking())
    }
}

impl Remote {
    /// Of many who ask one tries again, the others go on without.
    fn is_worth_asking(&self) -> bool {
        let mut lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        match *lost {
            Some(since) if since.elapsed() < AGAIN => false,
            Some(_) => {
                *lost = Some(Instant::now());
                true
            }
            None => true,
        }
    }

    fn noted<T>(&self, answer: Result<T, CacheError>) -> Option<T> {
        let mut lost = self.lost.lock().unwrap_or_else(PoisonError::into_inner);
        match answer {
            Ok(answer) => {
                if lost.take().is_some() {
                    tracing::info!("Redis serves again");
                }
                Some(answer)
            }
            Err(error) => {
                if lost.replace(Instant::now()).is_none() {
                    tracing::warn!(%error, "Redis does not serve: this process goes on with a cache and limits of its own");
                }
                None
            }
        }
    }
}

impl Cache for Shared {
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, CacheError>> {
        Box::pin(async move {
            if let Some(remote) = self.remote()
                && let Some(Some(value)) = remote.noted(remote.redis.get(key).await)
            {
                return Ok(Some(value));
            }
            // One that has just begun again knows less than we do.
            self.cache.get(key).await
        })
    }

    fn set<'a>(&'a self, key: &'a str, value: &'a [u8], ttl: Duration) -> BoxFuture<'a, Result<(), CacheError>> {
        Box::pin(async move {
            self.cache.set(key, value, ttl).await?;
            if let Some(remote) = self.remote() {
                remote.noted(remote.redis.set(key, value, ttl).await);
            }
            Ok(())
        })
    }
}

impl RateLimiter for Shared {
    fn take<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Leave, CacheError>> {
        Box::pin(async move {
            if let Some(remote) = self.remote()
                && let Some(leave) = remote.noted(remote.redis.take(name).await)
            {
                return Ok(leave);
            }
            self.limiter.take(name).await
        })
    }
}
