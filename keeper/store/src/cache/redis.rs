//! In Redis, shared by all who reach it.

use super::{Cache, CacheError, Leave, Limit, RateLimiter, ttl_ms};
use futures::future::BoxFuture;
use redis::aio::{ConnectionManager, ConnectionManagerConfig};
use redis::{Client, IntoConnectionInfo, RedisError, Script};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// How long an answer may take, a new connection included.
const ANSWER: Duration = Duration::from_secs(2);

const TAKE: &str = include_str!("take.lua");

/// `redis://user:password@host:port/database` or `redis+unix:///path`. Shown without its password.
#[derive(Clone, PartialEq, Eq)]
pub struct RedisUrl(String);

impl FromStr for RedisUrl {
    type Err = CacheError;

    /// Without TLS: over a network, reach it through something that has it.
    fn from_str(url: &str) -> Result<Self, CacheError> {
        let known = url.starts_with("redis://") || url.starts_with("redis+unix://");
        // The library's own error might repeat the password.
        if !known || url.into_connection_info().is_err() {
            return Err(CacheError::NotARedisUrl);
        }
        Ok(Self(url.to_owned()))
    }
}

impl fmt::Display for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, rest) = self.0.split_once("://").unwrap_or(("redis", &self.0));
        let rest = rest.split(['?', '#']).next().unwrap_or_default();
        let place = rest.rsplit_once('@').map_or(rest, |(_, place)| place);
        write!(f, "{scheme}://{place}")
    }
}

impl fmt::Debug for RedisUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RedisUrl({self})")
    }
}

/// A [`Cache`], and with a limit a [`RateLimiter`], in Redis. It connects when it is first used, and again when the connection was lost.
#[derive(Clone)]
pub struct Redis {
    connection: ConnectionManager,
    url: RedisUrl,
    take: Script,
    limit: Limit,
}

impl Redis {
    /// A handle with the limit that its calls are held to. Does not connect yet; needs a Tokio runtime.
    ///
    /// # Errors
    /// [`CacheError::NotARedisUrl`] if the library refuses the URL after all.
    pub fn new(url: &RedisUrl, limit: Limit) -> Result<Self, CacheError> {
        let client = Client::open(url.0.as_str()).map_err(|_| CacheError::NotARedisUrl)?;
        let patience = ConnectionManagerConfig::new()
            .set_number_of_retries(1)
            .set_connection_timeout(Some(ANSWER))
            .set_response_timeout(Some(ANSWER));
        let connection =
            ConnectionManager::new_lazy_with_config(client, patience).map_err(|error| unavailable(url, &error))?;
        Ok(Self { connection, url: url.clone(), take: Script::new(TAKE), limit })
    }
}

impl fmt::Debug for Redis {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Redis").field("url", &self.url).field("limit", &self.limit).finish_non_exhaustive()
    }
}

impl Cache for Redis {
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, CacheError>> {
        Box::pin(async move {
            let mut connection = self.connection.clone();
            let got = redis::cmd("GET").arg(key).query_async(&mut connection).await;
            got.map_err(|error| unavailable(&self.url, &error))
        })
    }

    fn set<'a>(&'a self, key: &'a str, value: &'a [u8], ttl: Duration) -> BoxFuture<'a, Result<(), CacheError>> {
        Box::pin(async move {
            let millis = ttl_ms(ttl)?;
            let mut connection = self.connection.clone();
            // Value and time in one command.
            let set = redis::cmd("SET").arg(key).arg(value).arg("PX").arg(millis).query_async(&mut connection).await;
            set.map_err(|error| unavailable(&self.url, &error))
        })
    }
}

impl RateLimiter for Redis {
    fn take<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Leave, CacheError>> {
        Box::pin(async move {
            let Limit { calls, per } = self.limit;
            let mut connection = self.connection.clone();
            let mut taking = self.take.key(format!("calls:{name}"));
            taking.arg(calls).arg(ttl_ms(per)?);
            let answer: Result<(u8, u64), RedisError> = taking.invoke_async(&mut connection).await;
            Ok(match answer.map_err(|error| unavailable(&self.url, &error))? {
                (1, left) => Leave::Granted { left: u32::try_from(left).unwrap_or(u32::MAX) },
                (_, millis) => Leave::Denied { retry_after: Duration::from_millis(millis) },
            })
        })
    }
}

fn unavailable(url: &RedisUrl, error: &RedisError) -> CacheError {
    CacheError::Unavailable { url: url.to_string(), why: error.to_string() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_redis_url_is_shown_without_its_secrets() {
        for (url, shown) in [
            ("redis://ballast:s3cr3t@cache:6379/2", "redis://cache:6379/2"),
            ("redis://:s3c@r3t@cache", "redis://cache"),
            ("redis+unix:///run/redis.sock?pass=s3cr3t", "redis+unix:///run/redis.sock"),
        ] {
            let url: RedisUrl = url.parse().unwrap();
            assert_eq!(url.to_string(), shown);
            assert!(!format!("{url:?}").contains("s3c"));
        }
    }

    #[test]
    fn what_is_no_redis_url_is_refused_without_being_repeated() {
        for url in ["http://u:s3cr3t@h", "cache:6379", "", "rediss://u:s3cr3t@h", "redis://u:s3cr3t@h/notanumber"] {
            let refused = url.parse::<RedisUrl>().unwrap_err().to_string();
            assert!(refused.contains("expected redis://") && !refused.contains("s3cr3t"), "{refused}");
        }
    }
}
