//! Repeated timings of one thing.

use std::time::{Duration, Instant};

/// Timings in the order they were taken.
#[derive(Debug, Default)]
pub(crate) struct Sample(Vec<Duration>);

impl Sample {
    /// Times one run.
    pub(crate) fn time<T>(&mut self, run: impl FnOnce() -> T) -> T {
        let started = Instant::now();
        let result = run();
        self.0.push(started.elapsed());
        result
    }

    /// Times one run that has to succeed to count.
    pub(crate) async fn time_async<T>(&mut self, run: impl Future<Output = eyre::Result<T>>) -> eyre::Result<T> {
        let started = Instant::now();
        let result = run.await?;
        self.0.push(started.elapsed());
        Ok(result)
    }

    /// What was timed elsewhere.
    pub(crate) fn add(&mut self, taken: Duration) {
        self.0.push(taken);
    }

    /// All timings of another sample.
    pub(crate) fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    pub(crate) const fn len(&self) -> usize {
        self.0.len()
    }

    /// The smallest timing that at least `percent` (0 to 100) of all do not exceed, for 0 the smallest; zero for an empty sample.
    pub(crate) fn percentile(&self, percent: usize) -> Duration {
        let mut sorted = self.0.clone();
        sorted.sort_unstable();
        let rank = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
        sorted.get(rank).copied().unwrap_or_default()
    }

    pub(crate) fn median(&self) -> Duration {
        self.percentile(50)
    }

    /// How many times longer than `unit`, median to median.
    pub(crate) fn relative_to(&self, unit: &Self) -> f64 {
        self.median().as_secs_f64() / unit.median().as_secs_f64()
    }
}
