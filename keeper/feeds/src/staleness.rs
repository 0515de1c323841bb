//! How old the newest value of a series is.

use ballast_types::Observation;
use serde::Serialize;

/// Ages in seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", tag = "state")]
pub enum Staleness {
    Fresh { age: u64 },
    Stale { age: u64, limit: u64 },
    Absent,
}

impl Staleness {
    #[must_use]
    pub const fn is_fresh(self) -> bool {
        matches!(self, Self::Fresh { .. })
    }
}

/// Of the newest of `observations` that was known at `now`: fresh while its age is at most `limit`. The age is that of the value, not of
/// the request that brought it: a source that repeats an old value is stale however often it answers. A value of the future has age 0.
#[must_use]
pub fn staleness<'a>(observations: impl IntoIterator<Item = &'a Observation>, now: u64, limit: u64) -> Staleness {
    let known = observations.into_iter().filter(|observation| observation.known_at() <= now);
    known.map(Observation::time).max().map_or(Staleness::Absent, |newest| {
        let age = now.saturating_sub(newest);
        if age <= limit { Staleness::Fresh { age } } else { Staleness::Stale { age, limit } }
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use ballast_types::{Metric, SeriesId};

    fn at(time: u64, known_at: u64) -> Observation {
        let series = SeriesId::new("usdc", Metric::PriceUsd).unwrap();
        Observation::new(series, "test", time, known_at, 1.0).unwrap()
    }

    // SPEC D12
    #[test]
    fn fresh_up_to_the_limit_stale_one_second_later_and_absent_without_a_value() {
        let values = [at(100, 100), at(50, 60)];
        assert_eq!(staleness(&values, 160, 60), Staleness::Fresh { age: 60 });
        assert_eq!(staleness(&values, 161, 60), Staleness::Stale { age: 61, limit: 60 });
        assert_eq!(staleness(&[], 161, 60), Staleness::Absent);
    }

    #[test]
    fn what_was_not_known_yet_does_not_count() {
        assert_eq!(staleness(&[at(100, 200)], 150, 60), Staleness::Absent);
        assert_eq!(staleness(&[at(100, 200), at(10, 10)], 150, 60), Staleness::Stale { age: 140, limit: 60 });
    }
}
