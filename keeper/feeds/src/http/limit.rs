//! How often a source is asked.

use std::time::{Duration, Instant};

/// What a source allows: at most `requests` in any window of length `per`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// At least 2.
    pub requests: u32,
    pub per: Duration,
}

/// A token bucket that takes the time as a value.
///
/// A bucket of `b` tokens that fills at rate `r` lets up to `b + r·per` requests into a window; with `b` a tenth of what is allowed and
/// the rest as the rate, no window of length `per` sees more than [`Limit::requests`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct TokenBucket {
    /// Nanoseconds that one token takes to come.
    gap: u64,
    /// How far ahead of the even pace requests may be, in nanoseconds: the burst.
    slack: u64,
    /// When the bucket would be full again if nothing more were taken (the "theoretical arrival time" of GCRA, ITU-T I.371).
    full_at: Instant,
}

impl TokenBucket {
    /// Full.
    pub(crate) fn new(limit: Limit, now: Instant) -> Self {
        let requests = u64::from(limit.requests.max(2));
        let burst = (requests / 10).max(1);
        let per = u64::try_from(limit.per.as_nanos()).unwrap_or(u64::MAX);
        let gap = per.div_ceil(requests - burst);
        Self { gap, slack: gap.saturating_mul(burst), full_at: now }
    }

    /// Takes a token that may not be there yet and says how long to wait before sending. Takes none, and says how long it would be, if
    /// that is more than `patience`.
    pub(crate) fn take(&mut self, now: Instant, patience: Duration) -> Result<Duration, Duration> {
        let after = self.full_at.max(now) + Duration::from_nanos(self.gap);
        let wait = after.saturating_duration_since(now + Duration::from_nanos(self.slack));
        if wait > patience {
            return Err(wait);
        }
        self.full_at = after;
        Ok(wait)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    const LONG: Duration = Duration::from_secs(1_000_000);

    #[test]
    fn a_tenth_goes_at_once_and_the_rest_at_an_even_pace() {
        let start = Instant::now();
        let mut bucket = TokenBucket::new(Limit { requests: 50, per: Duration::from_secs(60) }, start);
        let waits: Vec<_> = (0..7).map(|_| bucket.take(start, LONG).unwrap().as_millis()).collect();
        assert_eq!(waits, [0, 0, 0, 0, 0, 1_333, 2_666]);
    }

    #[test]
    fn who_would_wait_too_long_takes_nothing() {
        let start = Instant::now();
        let mut bucket = TokenBucket::new(Limit { requests: 2, per: Duration::from_secs(1) }, start);
        assert_eq!(bucket.take(start, LONG), Ok(Duration::ZERO));
        assert_eq!(bucket.take(start, Duration::ZERO), Err(Duration::from_secs(1)));
        assert_eq!(bucket.take(start + Duration::from_secs(1), Duration::ZERO), Ok(Duration::ZERO));
    }

    proptest! {
        // SPEC D12
        #[test]
        fn no_window_sees_more_than_is_allowed(
            requests in 2_u32..80, per in 1_u64..120, gaps in proptest::collection::vec(0_u64..4_000, 1..300)
        ) {
            let (start, per) = (Instant::now(), Duration::from_secs(per));
            let mut bucket = TokenBucket::new(Limit { requests, per }, start);
            let mut now = start;
            let mut sent = Vec::new();
            for gap in gaps {
                now += Duration::from_millis(gap);
                sent.push(now + bucket.take(now, LONG).unwrap());
            }
            sent.sort();
            for (index, first) in sent.iter().enumerate() {
                let within = sent[index..].iter().take_while(|at| **at < *first + per).count();
                prop_assert!(within <= requests as usize, "{within} of {requests}");
            }
        }
    }
}
