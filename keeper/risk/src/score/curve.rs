//! From a figure to points, without cliffs.
//!
//! The specification's tables are steps, and a step invites whoever stands just before it. Every table here is drawn as straight lines
//! between knots: on most of a band they give the table's value, and over the last fifth of a band they rise to the value of the riskier
//! one next to it. So they are never below the table, equal to it at every edge from the risky side, and continuous.

/// Points on straight lines between `knots` (ascending in their first number), level beyond both ends.
pub(super) fn lines(knots: &[(f64, f64)], x: f64) -> f64 {
    let mut left: Option<(f64, f64)> = None;
    for &(at, points) in knots {
        if x <= at {
            return match left {
                Some((from, base)) if x < at => base + (points - base) * ((x - from) / (at - from)),
                _ => points,
            };
        }
        left = Some((at, points));
    }
    left.map_or(0.0, |(_, points)| points)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const KNOTS: [(f64, f64); 4] = [(1.0, 0.0), (2.0, 30.0), (4.0, 30.0), (5.0, 100.0)];

    #[test]
    fn a_knot_has_its_own_value_and_both_ends_are_level() {
        for (x, points) in KNOTS {
            assert_eq!(lines(&KNOTS, x), points);
        }
        assert_eq!((lines(&KNOTS, -9.0), lines(&KNOTS, 9.0)), (0.0, 100.0));
        assert_eq!(lines(&KNOTS, 1.5), 15.0);
        assert_eq!(lines(&[], 1.0), 0.0);
    }

    proptest! {
        #[test]
        fn between_rising_knots_nothing_falls(a in 0.0..6.0f64, b in 0.0..6.0f64) {
            prop_assert!(lines(&KNOTS, a.min(b)) <= lines(&KNOTS, a.max(b)));
        }
    }
}
