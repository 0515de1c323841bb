//! How long to wait before a request is made again.

use std::time::Duration;

/// Exponential backoff with full jitter (Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog 2015): uniform in
/// `0 ..= min(longest, first · 2ⁿ)` before the repetition with number `n`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Backoff {
    /// Upper bound of the first wait.
    pub first: Duration,
    /// Upper bound of any wait.
    pub longest: Duration,
}

impl Backoff {
    /// The bound before the repetition with number `repetition`, counted from 0.
    #[must_use]
    pub fn bound(&self, repetition: u32) -> Duration {
        let factor = 2_u32.checked_pow(repetition).unwrap_or(u32::MAX);
        self.first.saturating_mul(factor).min(self.longest)
    }

    /// The wait, drawn from `rng`: the same seed gives the same waits.
    pub fn wait(&self, repetition: u32, rng: &mut fastrand::Rng) -> Duration {
        let bound = u64::try_from(self.bound(repetition).as_micros()).unwrap_or(u64::MAX);
        Duration::from_micros(rng.u64(0..=bound))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_bound_doubles_up_to_the_longest() {
        let backoff = Backoff { first: Duration::from_millis(500), longest: Duration::from_secs(30) };
        let bounds: Vec<_> = (0..8).map(|n| backoff.bound(n).as_millis()).collect();
        assert_eq!(bounds, [500, 1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
        assert_eq!(backoff.bound(u32::MAX), Duration::from_secs(30));
    }

    #[test]
    fn waits_are_spread_over_the_whole_range() {
        let backoff = Backoff { first: Duration::from_secs(1), longest: Duration::from_secs(1) };
        let mut rng = fastrand::Rng::with_seed(7);
        let waits: Vec<_> = (0..10_000).map(|_| backoff.wait(0, &mut rng).as_secs_f64()).collect();
        let mean = waits.iter().sum::<f64>() / 10_000.0;
        // Uniform in 0 ..= 1: the mean's standard error is 0.0029.
        assert!((mean - 0.5).abs() < 0.012, "{mean}");
        assert!(waits.iter().any(|wait| *wait < 0.01) && waits.iter().any(|wait| *wait > 0.99));
    }

    proptest! {
        // SPEC D12
        #[test]
        fn a_wait_is_within_its_bound_and_follows_from_the_seed(seed: u64, first in 1_u64..5_000, n in 0_u32..40) {
            let backoff = Backoff { first: Duration::from_millis(first), longest: Duration::from_secs(60) };
            let wait = backoff.wait(n, &mut fastrand::Rng::with_seed(seed));
            prop_assert!(wait <= backoff.bound(n));
            prop_assert_eq!(wait, backoff.wait(n, &mut fastrand::Rng::with_seed(seed)));
        }
    }
}
