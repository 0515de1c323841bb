//! What is worth remembering for seconds, and how often somebody else may be asked: a cache and a rate limiter.
//!
//! Both have two implementations that pass the same tests: within this process, for one keeper, and in **Redis**, which several
//! processes share. Nothing here is needed to be right: whoever finds the cache empty asks the source. A Redis that does not answer is
//! an error and never an empty cache or a leave to call; what to do without it is the caller's decision.

mod local;
mod redis;

pub use local::{LocalCache, LocalLimiter};
pub use redis::{Redis, RedisUrl};

use futures::future::BoxFuture;
use std::fmt;
use std::time::Duration;

/// How long the state of a protocol is good for: about a block (SPEC D7).
pub const PROTOCOL_STATE_TTL: Duration = Duration::from_secs(15);

/// The key of a protocol's state (SPEC D7).
#[must_use]
pub fn protocol_state_key(id: &str) -> String {
    format!("protocol:{id}:state")
}

#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CacheError {
    #[error("Redis at {url} does not serve: {why}; check that it runs and that the URL is right")]
    Unavailable { url: String, why: String },
    #[error("the Redis URL is not one, expected redis://user:password@host:port/database or redis+unix:///path")]
    NotARedisUrl,
    #[error("{what} is {value:?}, expected at least 1 ms")]
    TooShort { what: &'static str, value: Duration },
    #[error("a limit of no calls lets nobody through, expected at least 1")]
    NoCalls,
}

/// Values that are good for a while.
pub trait Cache: Send + Sync + fmt::Debug {
    /// The value of a key, unless there is none or its time is over.
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, CacheError>>;

    /// Sets a value and for how long it is good, at least 1 ms. What was there is replaced, its time too.
    fn set<'a>(&'a self, key: &'a str, value: &'a [u8], ttl: Duration) -> BoxFuture<'a, Result<(), CacheError>>;
}

/// So many calls in any span of so long: a sliding window, not one that begins anew at full minutes and lets twice as many through
/// around them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    calls: u32,
    per: Duration,
}

impl Limit {
    /// 100 calls in any 60 s (SPEC D7).
    pub const DEFAULT: Self = Self { calls: 100, per: Duration::from_secs(60) };

    /// # Errors
    /// [`CacheError::NoCalls`] and [`CacheError::TooShort`] for a limit that lets nobody or everybody through.
    pub const fn new(calls: u32, per: Duration) -> Result<Self, CacheError> {
        if calls == 0 {
            return Err(CacheError::NoCalls);
        }
        if per.as_millis() == 0 {
            return Err(CacheError::TooShort { what: "the span of a limit", value: per });
        }
        Ok(Self { calls, per })
    }
}

/// Whether a call may be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leave {
    /// Yes, and it is counted; so many more may follow at once.
    Granted { left: u32 },
    /// No, and it is not counted; ask again after this.
    Denied { retry_after: Duration },
}

/// Counts calls and says when there were enough.
pub trait RateLimiter: Send + Sync + fmt::Debug {
    /// Asks for leave to make one call of this name now. Asking and counting is one step, however many ask at once, and a process that
    /// dies after it blocks nobody for longer than the limit's span (ERR-27).
    fn take<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Leave, CacheError>>;
}

/// Whole milliseconds of a time for which a value is good.
fn ttl_ms(ttl: Duration) -> Result<u64, CacheError> {
    match u64::try_from(ttl.as_millis()).unwrap_or(u64::MAX) {
        0 => Err(CacheError::TooShort { what: "the time for which a value is good", value: ttl }),
        millis => Ok(millis),
    }
}
