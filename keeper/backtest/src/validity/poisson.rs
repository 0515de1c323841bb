//! Between which means a count lies of which nothing is known but that its events are independent: Garwood (1936), which never covers less than it says.

use crate::metrics::Interval;

/// What is cut off on each side.
const TAIL: f64 = 0.025;
/// Halvings: more than a double has digits.
const STEPS: usize = 80;

/// The interval of 95 % of the mean of a count of which `seen` were seen.
#[must_use]
pub fn exact_count(seen: u64) -> Interval {
    // Far beyond the upper end, which is some two deviations above.
    let most = seen as f64 + 10.0 * (seen as f64).sqrt() + 20.0;
    // The lower end: so many or more would be seen in a fortieth of the cases. The upper: so few or fewer.
    let low = seen.checked_sub(1).map_or(0.0, |fewer| crossing(most, |mean| 1.0 - at_most(fewer, mean) >= TAIL));
    Interval { low, high: crossing(most, |mean| at_most(seen, mean) < TAIL) }
}

/// The mean from which on `holds`, which does not hold below it.
fn crossing(most: f64, holds: impl Fn(f64) -> bool) -> f64 {
    let (mut low, mut high) = (0.0, most);
    for _ in 0..STEPS {
        let middle = (low + high) / 2.0;
        *(if holds(middle) { &mut high } else { &mut low }) = middle;
    }
    (low + high) / 2.0
}

/// The probability that at most `seen` are seen at a mean above 0.
fn at_most(seen: u64, mean: f64) -> f64 {
    let term = |k: u64| libm::exp(k as f64 * libm::log(mean) - mean - libm::lgamma(k as f64 + 1.0));
    (0..=seen).map(term).sum::<f64>().min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    // R's poisson.test and the tables of Garwood (1936).
    #[test]
    fn it_is_that_of_the_tables() {
        for (seen, low, high) in [(0, 0.0, 3.6889), (1, 0.0253, 5.5716), (7, 2.8144, 14.4227), (50, 37.1110, 65.9188)] {
            let found = exact_count(seen);
            assert!((found.low - low).abs() < 1e-4 && (found.high - high).abs() < 1e-4, "{seen}: {found:?}");
        }
    }

    proptest! {
        #[test]
        fn it_holds_what_was_seen_and_grows_with_it(seen in 0u64..2_000) {
            let (one, next) = (exact_count(seen), exact_count(seen + 1));
            prop_assert!(one.low <= seen as f64 && seen as f64 <= one.high);
            prop_assert!(one.low < next.low && one.high < next.high);
        }
    }
}
