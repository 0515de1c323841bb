//! Between which rates a rate lies, of which so many of so many were seen: Clopper and Pearson (1934), which never covers less than it says.

use crate::metrics::Interval;

/// What is cut off on each side.
const TAIL: f64 = 0.025;
/// Halvings: more than a double has digits.
const STEPS: usize = 60;

/// The interval of 95 % of a rate of which `seen` of `of` were seen; of nothing, everything is possible. `seen` beyond `of` counts as all.
#[must_use]
pub fn exact(seen: u64, of: u64) -> Interval {
    let seen = seen.min(of);
    if of == 0 {
        return Interval { low: 0.0, high: 1.0 };
    }
    // The lower end: so many or more would be seen in a fortieth of the cases. The upper: so few or fewer.
    let low = if seen == 0 { 0.0 } else { crossing(|rate| 1.0 - at_most(seen - 1, of, rate) >= TAIL) };
    let high = if seen == of { 1.0 } else { crossing(|rate| at_most(seen, of, rate) < TAIL) };
    Interval { low, high }
}

/// The rate from which on `holds`, which does not hold below it.
fn crossing(holds: impl Fn(f64) -> bool) -> f64 {
    let (mut low, mut high) = (0.0, 1.0);
    for _ in 0..STEPS {
        let middle = (low + high) / 2.0;
        *(if holds(middle) { &mut high } else { &mut low }) = middle;
    }
    (low + high) / 2.0
}

/// The probability that `seen` or more of `of` are seen at a rate of 0 to 1.
#[must_use]
pub fn at_least(seen: u64, of: u64, rate: f64) -> f64 {
    if seen == 0 {
        return 1.0;
    }
    if rate <= 0.0 || seen > of {
        return 0.0;
    }
    if rate >= 1.0 {
        return 1.0;
    }
    (seen..=of).map(|k| exactly(k, of, rate)).sum::<f64>().min(1.0)
}

/// The probability that at most `seen` of `of` are seen at a rate between 0 and 1.
fn at_most(seen: u64, of: u64, rate: f64) -> f64 {
    if rate <= 0.0 {
        return 1.0;
    }
    if rate >= 1.0 {
        return if seen >= of { 1.0 } else { 0.0 };
    }
    (0..=seen.min(of)).map(|k| exactly(k, of, rate)).sum::<f64>().min(1.0)
}

/// The probability that `k`, at most `of`, are seen of `of` at a rate above 0 and below 1.
fn exactly(k: u64, of: u64, rate: f64) -> f64 {
    let gamma = |n: u64| libm::lgamma(n as f64 + 1.0);
    let ways = gamma(of) - gamma(k) - gamma(of - k);
    libm::exp(ways + k as f64 * libm::log(rate) + (of - k) as f64 * libm::log1p(-rate))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn of_none_the_upper_end_has_a_closed_form() {
        for of in [1u64, 61, 1_853] {
            let Interval { low, high } = exact(0, of);
            assert_eq!(low, 0.0);
            assert!((high - (1.0 - libm::pow(TAIL, 1.0 / of as f64))).abs() < 1e-9, "{of}: {high}");
        }
        assert_eq!(exact(0, 0), Interval { low: 0.0, high: 1.0 });
        assert_eq!(exact(9, 5), exact(5, 5));
    }

    #[test]
    fn of_none_and_of_all_the_tail_is_known() {
        assert_eq!((at_least(0, 5, 0.3), at_least(6, 5, 0.3), at_least(1, 5, 0.0)), (1.0, 0.0, 0.0));
        assert!((at_least(5, 5, 0.3) - libm::pow(0.3, 5.0)).abs() < 1e-12);
        assert!((at_least(1, 40, 0.0156) - (1.0 - libm::pow(1.0 - 0.0156, 40.0))).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn so_many_or_more_and_fewer_are_everything(seen in 1u64..40, more in 0u64..40, rate in 0.001..0.999f64) {
            prop_assert!((at_least(seen, seen + more, rate) + at_most(seen - 1, seen + more, rate) - 1.0).abs() < 1e-9);
        }

        #[test]
        fn it_holds_the_rate_that_was_seen_and_narrows_with_more(seen in 0u64..40, more in 0u64..60) {
            let of = seen + more + 1;
            let Interval { low, high } = exact(seen, of);
            let rate = seen as f64 / of as f64;
            prop_assert!(low <= rate && rate <= high);
            let Interval { low: l, high: h } = exact(3 * seen, 3 * of);
            prop_assert!(h - l < high - low);
        }

        #[test]
        fn failures_are_successes_from_the_other_side(seen in 0u64..40, more in 0u64..40) {
            let (of, one) = (seen + more, exact(seen, seen + more));
            let other = exact(more, of);
            prop_assert!((one.low + other.high - 1.0).abs() < 1e-9);
        }
    }
}
