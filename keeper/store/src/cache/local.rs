//! Within this process.

use super::{Cache, CacheError, Leave, Limit, RateLimiter, ttl_ms};
use crate::Clock;
use crate::store::system_clock;
use futures::future::BoxFuture;
use std::collections::{BTreeMap, VecDeque};
use std::fmt;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// Keys that are kept at most; beyond them the one that ends first goes.
const ENTRIES: usize = 10_000;
/// Bytes of all values at most; beyond them it is the same, and what is larger by itself is not kept.
const BYTES: usize = 64 << 20;
/// Names whose calls are counted at most; beyond them those go that made none within the span, and where none is left there is no leave.
const NAMES: usize = 10_000;

/// A value and when its time is over, Unix milliseconds.
type Entry = (Vec<u8>, u64);

#[derive(Default)]
struct Entries {
    by_key: BTreeMap<String, Entry>,
    bytes: usize,
}

impl Entries {
    fn remove(&mut self, key: &str) {
        if let Some((value, _)) = self.by_key.remove(key) {
            self.bytes -= value.len();
        }
    }

    /// Makes room for one more value of so many bytes.
    fn make_room(&mut self, bytes: usize, now: u64) {
        let full = |held: &Self| held.by_key.len() >= ENTRIES || held.bytes + bytes > BYTES;
        if !full(self) {
            return;
        }
        self.by_key.retain(|_, (_, until)| *until > now);
        self.bytes = self.by_key.values().map(|(value, _)| value.len()).sum();
        while full(self) {
            let first = self.by_key.iter().min_by_key(|(_, (_, until))| *until).map(|(key, _)| key.clone());
            let Some(first) = first else { return };
            self.remove(&first);
        }
    }
}

/// A [`Cache`] in memory.
pub struct LocalCache {
    entries: Mutex<Entries>,
    clock: Clock,
}

impl LocalCache {
    #[must_use]
    pub fn new() -> Self {
        Self::with_clock(system_clock())
    }

    /// By another clock than the system's, Unix milliseconds.
    #[must_use]
    pub fn with_clock(clock: Clock) -> Self {
        Self { entries: Mutex::default(), clock }
    }

    fn put(&self, key: &str, value: &[u8], ttl: Duration) -> Result<(), CacheError> {
        let (now, millis) = ((self.clock)(), ttl_ms(ttl)?);
        let mut entries = locked(&self.entries);
        entries.remove(key);
        if value.len() > BYTES {
            return Ok(());
        }
        entries.make_room(value.len(), now);
        entries.bytes += value.len();
        entries.by_key.insert(key.to_owned(), (value.to_vec(), now.saturating_add(millis)));
        Ok(())
    }
}

impl Default for LocalCache {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for LocalCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalCache").finish_non_exhaustive()
    }
}

impl Cache for LocalCache {
    fn get<'a>(&'a self, key: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, CacheError>> {
        Box::pin(async move {
            let now = (self.clock)();
            let entries = locked(&self.entries);
            Ok(entries.by_key.get(key).filter(|(_, until)| *until > now).map(|(value, _)| value.clone()))
        })
    }

    fn set<'a>(&'a self, key: &'a str, value: &'a [u8], ttl: Duration) -> BoxFuture<'a, Result<(), CacheError>> {
        Box::pin(async move { self.put(key, value, ttl) })
    }
}

/// A [`RateLimiter`] in memory.
pub struct LocalLimiter {
    /// Times of the calls within the span, oldest first, Unix milliseconds.
    calls: Mutex<BTreeMap<String, VecDeque<u64>>>,
    limit: Limit,
    clock: Clock,
}

impl LocalLimiter {
    #[must_use]
    pub fn new(limit: Limit) -> Self {
        Self::with_clock(limit, system_clock())
    }

    /// By another clock than the system's, Unix milliseconds.
    #[must_use]
    pub fn with_clock(limit: Limit, clock: Clock) -> Self {
        Self { calls: Mutex::new(BTreeMap::new()), limit, clock }
    }

    fn take_now(&self, name: &str) -> Leave {
        let now = (self.clock)();
        let per = u64::try_from(self.limit.per.as_millis()).unwrap_or(u64::MAX);
        let mut all = locked(&self.calls);
        if all.len() >= NAMES && !all.contains_key(name) {
            let within =
                |calls: &VecDeque<u64>| calls.back().is_some_and(|at| *at <= now && at.saturating_add(per) > now);
            all.retain(|_, calls| within(calls));
            if all.len() >= NAMES {
                return Leave::Denied { retry_after: self.limit.per };
            }
        }
        let calls = all.entry(name.to_owned()).or_default();
        // What is in the future is from before the clock was set back, and would block for longer than the span.
        calls.retain(|at| *at <= now);
        while calls.front().is_some_and(|at| at.saturating_add(per) <= now) {
            calls.pop_front();
        }
        let made = u32::try_from(calls.len()).unwrap_or(u32::MAX);
        match calls.front() {
            Some(oldest) if made >= self.limit.calls => {
                let wait = oldest.saturating_add(per).saturating_sub(now);
                Leave::Denied { retry_after: Duration::from_millis(wait) }
            }
            _ => {
                calls.push_back(now);
                Leave::Granted { left: self.limit.calls - made - 1 }
            }
        }
    }
}

impl fmt::Debug for LocalLimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalLimiter").field("limit", &self.limit).finish_non_exhaustive()
    }
}

impl RateLimiter for LocalLimiter {
    fn take<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Leave, CacheError>> {
        Box::pin(async move { Ok(self.take_now(name)) })
    }
}

/// Nothing that holds it can panic half-way through a change.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    proptest! {
        #[test]
        fn no_span_has_more_calls_than_the_limit(
            calls in 1_u32..6, steps in prop::collection::vec(0_u64..40, 1..200)
        ) {
            let now = Arc::new(AtomicU64::new(1_000));
            let limit = Limit::new(calls, Duration::from_millis(100)).unwrap();
            let clock = now.clone();
            let limiter = LocalLimiter::with_clock(limit, Arc::new(move || clock.load(Ordering::Relaxed)));
            let mut granted: Vec<u64> = Vec::new();
            for step in steps {
                let at = now.fetch_add(step, Ordering::Relaxed) + step;
                let within = granted.iter().filter(|then| **then + 100 > at).count();
                match limiter.take_now("x") {
                    Leave::Granted { left } => {
                        prop_assert!(within < calls as usize);
                        prop_assert_eq!(left as usize, calls as usize - within - 1);
                        granted.push(at);
                    }
                    Leave::Denied { retry_after } => {
                        prop_assert_eq!(within, calls as usize);
                        let wait = u64::try_from(retry_after.as_millis()).unwrap();
                        let then = at + wait;
                        // Not a millisecond before, and then yes.
                        prop_assert_eq!(granted.iter().filter(|g| **g + 100 > then - 1).count(), calls as usize);
                        prop_assert!(granted.iter().filter(|g| **g + 100 > then).count() < calls as usize);
                    }
                }
            }
        }
    }

    // ERR-27
    #[test]
    fn a_clock_that_is_set_back_blocks_nobody_for_longer_than_the_span() {
        let now = Arc::new(AtomicU64::new(10_000_000));
        let clock = now.clone();
        let limit = Limit::new(1, Duration::from_millis(100)).unwrap();
        let limiter = LocalLimiter::with_clock(limit, Arc::new(move || clock.load(Ordering::Relaxed)));
        assert!(matches!(limiter.take_now("x"), Leave::Granted { .. }));
        // By more than two hours.
        now.store(1_000, Ordering::Relaxed);
        let _ = limiter.take_now("x");
        now.store(1_101, Ordering::Relaxed);
        assert!(matches!(limiter.take_now("x"), Leave::Granted { .. }));
    }

    #[test]
    fn the_cache_is_bounded_and_lets_go_of_what_ends_first() {
        let cache = LocalCache::with_clock(Arc::new(|| 0));
        for number in 0..ENTRIES + 5 {
            cache.put(&format!("{number}"), b"x", Duration::from_millis(number as u64 + 1)).unwrap();
        }
        let entries = &locked(&cache.entries).by_key;
        assert_eq!(entries.len(), ENTRIES);
        assert!(!entries.contains_key("0") && !entries.contains_key("4") && entries.contains_key("5"));
    }

    #[test]
    fn the_cache_is_bounded_in_bytes_too() {
        let cache = LocalCache::with_clock(Arc::new(|| 0));
        let large = vec![0; BYTES / 4];
        for number in 0_u64..6 {
            cache.put(&format!("{number}"), &large, Duration::from_millis(number + 1)).unwrap();
        }
        cache.put("5", &large, Duration::from_millis(9)).unwrap();
        cache.put("larger", &vec![0; BYTES + 1], Duration::from_secs(1)).unwrap();
        let entries = locked(&cache.entries);
        let keys: Vec<_> = entries.by_key.keys().map(String::as_str).collect();
        assert_eq!((keys, entries.bytes), (vec!["2", "3", "4", "5"], BYTES));
    }

    #[test]
    fn names_are_bounded_and_forgotten_when_their_span_is_over() {
        let now = Arc::new(AtomicU64::new(1_000));
        let clock = now.clone();
        let limit = Limit::new(5, Duration::from_millis(100)).unwrap();
        let limiter = LocalLimiter::with_clock(limit, Arc::new(move || clock.load(Ordering::Relaxed)));
        for number in 0..NAMES {
            assert!(matches!(limiter.take_now(&format!("{number}")), Leave::Granted { .. }));
        }
        assert!(matches!(limiter.take_now("another"), Leave::Denied { .. }), "there is no room to count it");
        assert!(matches!(limiter.take_now("7"), Leave::Granted { left: 3 }));
        now.store(1_100, Ordering::Relaxed);
        assert!(matches!(limiter.take_now("another"), Leave::Granted { left: 4 }));
        assert_eq!(locked(&limiter.calls).len(), 1);
    }
}
