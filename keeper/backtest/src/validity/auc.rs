//! How well a score tells those that something happened to from the others: the area under the receiver's curve.
//!
//! It is the probability that of one that it happened to and one that it did not, the first has the higher score, a tie counting half; that is U / (m n) of
//! Mann and Whitney (1947). ½ is what a coin does, less is worse than a coin.

use crate::{bootstrap::SplitMix, metrics::Interval};

/// Drawn samples of an interval.
const DRAWS: usize = 1_000;
/// What is cut off on each side.
const TAIL: f64 = 0.025;
/// Any number; it only has to stay.
const SEED: u64 = 0x7661_6c69_6469_7479;

/// One that was scored.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Judged {
    /// Who it is: what was scored at several times is drawn as one.
    pub subject: usize,
    pub score: f64,
    /// Whether it happened.
    pub happened: bool,
}

/// The area, 0–1; `None` unless there are both of whom it happened to and of whom it did not. A score that is no number counts as the highest.
#[must_use]
pub fn area(judged: &[Judged]) -> Option<f64> {
    weighted(&sorted(judged), |_| 1)
}

/// The interval of 95 % of [`area`] over samples of subjects drawn with replacement (Efron, 1979, by percentiles); samples with nobody of either sort say nothing and
/// are left out. `None` where the area is.
#[must_use]
pub fn interval(judged: &[Judged]) -> Option<Interval> {
    let sorted = sorted(judged);
    weighted(&sorted, |_| 1)?;
    let mut subjects: Vec<usize> = sorted.iter().map(|one| one.subject).collect();
    subjects.sort_unstable();
    subjects.dedup();
    let place = |subject: usize| subjects.binary_search(&subject).unwrap_or_default();
    let places: Vec<usize> = sorted.iter().map(|one| place(one.subject)).collect();
    let mut random = SplitMix::new(SEED);
    let mut drawn = vec![0u32; subjects.len()];
    let mut areas: Vec<f64> = (0..DRAWS)
        .filter_map(|_| {
            drawn.fill(0);
            for _ in 0..subjects.len() {
                if let Some(times) = drawn.get_mut(random.below(subjects.len() as u64) as usize) {
                    *times += 1;
                }
            }
            weighted(&sorted, |index| {
                places.get(index).and_then(|place| drawn.get(*place)).copied().unwrap_or_default()
            })
        })
        .collect();
    areas.sort_by(f64::total_cmp);
    let last = areas.len().checked_sub(1)?;
    let at = |part: f64| areas.get((part * last as f64) as usize).copied();
    Some(Interval { low: at(TAIL)?, high: at(1.0 - TAIL)? })
}

fn sorted(judged: &[Judged]) -> Vec<Judged> {
    let mut sorted = judged.to_vec();
    for one in &mut sorted {
        // Zero has two signs, and no number has many shapes.
        one.score = if one.score.is_nan() { f64::INFINITY } else { one.score + 0.0 };
    }
    sorted.sort_by(|a, b| a.score.total_cmp(&b.score).then(a.subject.cmp(&b.subject)));
    sorted
}

/// The area if the one at each place of `sorted` were there so many times.
fn weighted(sorted: &[Judged], times: impl Fn(usize) -> u32) -> Option<f64> {
    let (mut below, mut happened, mut wins) = (0.0, 0.0, 0.0);
    let mut index = 0;
    while let Some(first) = sorted.get(index) {
        let (mut tied_happened, mut tied_not) = (0.0, 0.0);
        while let Some(one) = sorted.get(index).filter(|one| one.score == first.score) {
            let count = f64::from(times(index));
            *(if one.happened { &mut tied_happened } else { &mut tied_not }) += count;
            index += 1;
        }
        wins += tied_happened * (below + tied_not / 2.0);
        happened += tied_happened;
        below += tied_not;
    }
    (happened > 0.0 && below > 0.0).then(|| wins / (happened * below))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    fn judged(rows: &[(u8, bool)]) -> Vec<Judged> {
        let one = |(subject, (score, happened)): (usize, &(u8, bool))| Judged {
            subject,
            score: f64::from(*score),
            happened: *happened,
        };
        rows.iter().enumerate().map(one).collect()
    }

    #[test]
    fn the_ends_the_middle_and_nothing_to_say() {
        assert_eq!(area(&judged(&[(1, false), (2, true)])), Some(1.0));
        assert_eq!(area(&judged(&[(2, false), (1, true)])), Some(0.0));
        assert_eq!(area(&judged(&[(1, false), (1, true)])), Some(0.5));
        assert_eq!(area(&judged(&[(1, true), (2, true)])), None);
        assert_eq!((area(&[]), interval(&[])), (None, None));
    }

    #[test]
    fn what_was_scored_twice_is_drawn_as_one() {
        let once: Vec<Judged> =
            (0..40).map(|n| Judged { subject: n, score: (n * 7 % 13) as f64, happened: n % 5 == 0 }).collect();
        let twice: Vec<Judged> = once.iter().chain(&once).copied().collect();
        assert_eq!((area(&once), interval(&once)), (area(&twice), interval(&twice)));
        let apart: Vec<Judged> = twice.iter().enumerate().map(|(subject, one)| Judged { subject, ..*one }).collect();
        let width = |rows: &[Judged]| interval(rows).map(|found| found.high - found.low).unwrap();
        assert!(width(&apart) < width(&once));
    }

    proptest! {
        // SPEC R12: by its definition, pair by pair.
        #[test]
        fn the_area_is_the_share_of_pairs_in_the_right_order(
            rows in proptest::collection::vec((0u8..20, any::<bool>()), 1..60),
        ) {
            let pairs: Vec<f64> = rows.iter().filter(|row| row.1)
                .flat_map(|(high, _)| rows.iter().filter(|row| !row.1).map(move |(low, _)| match high.cmp(low) {
                    std::cmp::Ordering::Greater => 1.0,
                    std::cmp::Ordering::Equal => 0.5,
                    std::cmp::Ordering::Less => 0.0,
                }))
                .collect();
            let mean = (!pairs.is_empty()).then(|| pairs.iter().sum::<f64>() / pairs.len() as f64);
            match (area(&judged(&rows)), mean) {
                (Some(found), Some(mean)) => prop_assert!((found - mean).abs() < 1e-12),
                (found, mean) => prop_assert_eq!(found, mean),
            }
        }

        #[test]
        fn only_the_order_of_scores_counts_and_the_opposite_score_has_the_rest(
            rows in proptest::collection::vec((0u8..20, any::<bool>()), 2..60),
        ) {
            let plain = judged(&rows);
            let bent: Vec<Judged> =
                plain.iter().map(|one| Judged { score: one.score * one.score * 3.0 + 1.0, ..*one }).collect();
            prop_assert_eq!(area(&plain), area(&bent));
            let opposite: Vec<Judged> = plain.iter().map(|one| Judged { score: -one.score, ..*one }).collect();
            if let (Some(one), Some(other)) = (area(&plain), area(&opposite)) {
                prop_assert!((one + other - 1.0).abs() < 1e-12);
            }
        }

        #[test]
        fn the_interval_is_ordered_and_the_same_again(
            rows in proptest::collection::vec((0u8..20, any::<bool>()), 2..30),
        ) {
            let rows = judged(&rows);
            let found = interval(&rows);
            prop_assert_eq!(found, interval(&rows));
            prop_assert_eq!(found.is_some(), area(&rows).is_some());
            if let Some(Interval { low, high }) = found {
                prop_assert!(0.0 <= low && low <= high && high <= 1.0);
            }
        }
    }
}
