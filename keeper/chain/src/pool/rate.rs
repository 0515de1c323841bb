//! How many requests an endpoint is sent: a token bucket of the operator's, and the pauses the endpoint asks for.

use std::time::{Duration, Instant};

/// What an endpoint's plan allows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rate {
    /// Requests a second over a long time; at least 1.
    pub per_second: u32,
    /// Requests that may come at once; at least 1.
    pub burst: u32,
}

/// Counts requests against a [`Rate`]. Takes the time as a value.
///
/// A request takes a token that may not be there yet: the balance goes below zero and the request waits until it would be zero
/// again, so requests that come together are spread out in the order they came.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TokenBucket {
    rate: Rate,
    /// Millionths of a token.
    balance: i128,
    filled: Instant,
}

const TOKEN: i128 = 1_000_000;

impl TokenBucket {
    /// Full.
    pub(crate) fn new(rate: Rate, now: Instant) -> Self {
        Self { rate, balance: i128::from(rate.burst.max(1)) * TOKEN, filled: now }
    }

    /// Takes `requests` tokens and says how long to wait before sending; takes none, and says by how much, if that is longer than
    /// `patience`.
    pub(crate) fn take(&mut self, requests: u32, now: Instant, patience: Duration) -> Result<Duration, Duration> {
        let per_second = i128::from(self.rate.per_second.max(1));
        let elapsed = i128::try_from(now.saturating_duration_since(self.filled).as_micros()).unwrap_or(i128::MAX);
        let full = i128::from(self.rate.burst.max(1)) * TOKEN;
        self.balance = elapsed.saturating_mul(per_second).saturating_add(self.balance).min(full);
        self.filled = now.max(self.filled);
        let after = self.balance - i128::from(requests) * TOKEN;
        let missing = u64::try_from((-after).max(0) / per_second).unwrap_or(u64::MAX);
        let wait = Duration::from_micros(missing);
        if wait > patience {
            return Err(wait);
        }
        self.balance = after;
        Ok(wait)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    const HOUR: Duration = Duration::from_secs(3_600);

    #[test]
    fn a_burst_goes_at_once_and_the_rest_at_the_rate() {
        let start = Instant::now();
        let mut bucket = TokenBucket::new(Rate { per_second: 10, burst: 3 }, start);
        let waits: Vec<_> = (0..5).map(|_| bucket.take(1, start, HOUR).unwrap().as_millis()).collect();
        assert_eq!(waits, [0, 0, 0, 100, 200]);
        assert_eq!(bucket.take(1, start + HOUR, HOUR), Ok(Duration::ZERO), "it fills up again");
    }

    #[test]
    fn a_request_that_would_wait_too_long_takes_nothing() {
        let start = Instant::now();
        let mut bucket = TokenBucket::new(Rate { per_second: 1, burst: 1 }, start);
        assert_eq!(bucket.take(5, start, Duration::from_secs(2)), Err(Duration::from_secs(4)));
        assert_eq!(bucket.take(1, start, Duration::ZERO), Ok(Duration::ZERO));
    }

    proptest! {
        // SPEC D12
        #[test]
        fn no_second_sees_more_than_the_burst_and_the_rate(
            per_second in 1_u32..50, burst in 1_u32..20, gaps in proptest::collection::vec(0_u64..400, 1..200)
        ) {
            let start = Instant::now();
            let mut bucket = TokenBucket::new(Rate { per_second, burst }, start);
            let mut now = start;
            let mut sent = Vec::new();
            for gap in gaps {
                now += Duration::from_millis(gap);
                sent.push(now + bucket.take(1, now, HOUR).unwrap());
            }
            sent.sort();
            for (index, first) in sent.iter().enumerate() {
                let within = sent[index..].iter().take_while(|at| **at < *first + Duration::from_secs(1)).count();
                prop_assert!(within <= (per_second + burst) as usize, "{within} in a second");
            }
        }
    }
}
