//! How well an endpoint answers, from the requests that were made anyway.

use std::{
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Weight of the newest sample in a mean: about the last ten requests count.
const ALPHA: f64 = 0.2;
/// From this share of failed requests on, an endpoint is asked after the others.
const UNRELIABLE: f64 = 0.5;
/// An endpoint whose mean is above this, and above [`SLOW_FACTOR`] times the quickest one's, is asked after the others.
const SLOW: Duration = Duration::from_millis(1_000);
const SLOW_FACTOR: u32 = 4;

/// Exponentially weighted means of latency and failure (Roberts 1959), and what the endpoint said about its limits.
#[derive(Debug, Default)]
pub(crate) struct Health(Mutex<Means>);

#[derive(Clone, Copy, Debug, Default)]
struct Means {
    requests: u64,
    /// Seconds; only answered requests count.
    latency: Option<f64>,
    /// 0 to 1.
    failures: f64,
    limited: u64,
    limited_until: Option<Instant>,
}

/// An endpoint's health at one moment.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Vitals {
    pub requests: u64,
    /// Mean time to an answer; `None` before the first.
    pub latency: Option<Duration>,
    /// Share of requests that failed, 0 to 1, the recent ones weighing more.
    pub failure_rate: f64,
    /// Times the endpoint said that it is asked too much.
    pub limited: u64,
}

impl Health {
    pub(crate) fn answered(&self, took: Duration) {
        let mut means = self.means();
        let sample = took.as_secs_f64();
        means.latency = Some(means.latency.map_or(sample, |mean| mean + ALPHA * (sample - mean)));
        means.count(false);
    }

    pub(crate) fn failed(&self) {
        self.means().count(true);
    }

    /// It wants to be left alone until then.
    pub(crate) fn limited(&self, until: Instant) {
        let mut means = self.means();
        means.limited += 1;
        means.limited_until = Some(means.limited_until.map_or(until, |before| before.max(until)));
    }

    /// How long it still wants to be left alone.
    pub(crate) fn pause(&self, now: Instant) -> Duration {
        self.means().limited_until.map_or(Duration::ZERO, |until| until.saturating_duration_since(now))
    }

    pub(crate) fn vitals(&self) -> Vitals {
        let means = *self.means();
        Vitals {
            requests: means.requests,
            latency: means.latency.map(Duration::from_secs_f64),
            failure_rate: means.failures,
            limited: means.limited,
        }
    }

    fn means(&self) -> MutexGuard<'_, Means> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Means {
    fn count(&mut self, failed: bool) {
        self.requests += 1;
        self.failures += ALPHA * (f64::from(u8::from(failed)) - self.failures);
    }
}

impl Vitals {
    /// Whether another endpoint should be asked first, where the quickest takes `quickest`.
    pub(crate) fn is_poor(&self, quickest: Option<Duration>) -> bool {
        let slow = match (self.latency, quickest) {
            (Some(own), Some(best)) => own > SLOW && own > best.saturating_mul(SLOW_FACTOR),
            _ => false,
        };
        slow || self.failure_rate >= UNRELIABLE
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUICK: Option<Duration> = Some(Duration::from_millis(10));

    // SPEC D2
    #[test]
    fn a_few_failures_in_a_row_are_needed_to_be_passed_over_and_as_many_answers_to_be_back() {
        let health = Health::default();
        health.failed();
        assert!(!health.vitals().is_poor(QUICK), "one failure is nothing");
        for _ in 0..5 {
            health.failed();
        }
        assert!(health.vitals().is_poor(QUICK));
        for _ in 0..5 {
            health.answered(Duration::from_millis(10));
        }
        assert!(!health.vitals().is_poor(QUICK));
    }

    #[test]
    fn slow_is_slow_only_beside_a_quicker_one() {
        let health = Health::default();
        for _ in 0..20 {
            health.answered(Duration::from_secs(3));
        }
        let vitals = health.vitals();
        assert!(vitals.is_poor(QUICK));
        assert!(!vitals.is_poor(Some(Duration::from_secs(2))) && !vitals.is_poor(None));
        assert_eq!((vitals.requests, vitals.failure_rate), (20, 0.0));
    }

    #[test]
    fn the_longest_pause_asked_for_is_kept() {
        let (health, now) = (Health::default(), Instant::now());
        health.limited(now + Duration::from_secs(5));
        health.limited(now + Duration::from_secs(1));
        assert_eq!(health.pause(now), Duration::from_secs(5));
        assert_eq!(health.pause(now + Duration::from_secs(6)), Duration::ZERO);
        assert_eq!(health.vitals().limited, 2);
    }
}
