//! What several sources say together.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use ballast_feeds::{Combined, Rule, RuleError, combine};
use ballast_types::{Metric, Observation, SeriesId};
use proptest::prelude::*;

const NOW: u64 = 10_000;

fn series() -> SeriesId {
    SeriesId::new("usdc", Metric::PriceUsd).unwrap()
}

fn said(source: &str, age: u64, value: f64) -> Observation {
    Observation::new(series(), source, NOW - age, NOW - age, value).unwrap()
}

/// Two sources within 0.5 % of each other, at most ten minutes old.
fn rule() -> Rule {
    Rule::new(2, 0.005, 0.0, 600).unwrap()
}

fn combined(observations: &[Observation]) -> Combined {
    combine(&series(), observations, &rule(), NOW)
}

// SPEC D12
#[test]
fn two_that_are_near_agree_on_their_middle_and_an_outlier_is_named() {
    assert_eq!(combined(&[said("a", 0, 1.0), said("b", 0, 1.002)]).value(), Some(1.001));
    let with_outlier = combined(&[said("a", 0, 1.0), said("b", 0, 1.002), said("c", 0, 100.0)]);
    assert_eq!(with_outlier.value(), Some(1.002));
    let outliers: Vec<_> = with_outlier.members().iter().filter(|member| !member.agrees).collect();
    assert_eq!((outliers.len(), outliers[0].source.as_str()), (1, "c"));
}

#[test]
fn two_that_differ_disagree_and_say_who_said_what() {
    let apart = combined(&[said("a", 5, 1.0), said("b", 0, 0.97)]);
    assert!(matches!(apart, Combined::Disagreement { .. }), "{apart:?}");
    let doubt = apart.doubt(&series()).unwrap();
    assert!(doubt.contains("a says 1 (5 s old)") && doubt.contains("b says 0.97"), "{doubt}");
    let all_apart = combined(&[said("a", 0, 1.0), said("b", 0, 0.97), said("c", 0, 1.05)]);
    assert!(matches!(all_apart, Combined::Disagreement { .. }), "{all_apart:?}");
    // Two camps: neither is more than half.
    let camps = [said("a", 0, 1.0), said("b", 0, 1.0), said("c", 0, 0.9), said("d", 0, 0.9)];
    assert!(matches!(combined(&camps), Combined::Disagreement { .. }));
}

#[test]
fn too_few_and_stale_are_told_apart() {
    let one = combined(&[said("a", 0, 1.0), said("a", 5, 1.0)]);
    assert!(
        matches!(&one, Combined::TooFew { needed: 2, members } if members.len() == 1),
        "one source twice is one: {one:?}"
    );
    assert!(matches!(combined(&[]), Combined::TooFew { .. }));
    let stale = combined(&[said("a", 0, 1.0), said("b", 601, 1.0)]);
    assert!(matches!(stale, Combined::Stale { needed: 2, max_age: 600, .. }), "{stale:?}");
    assert_eq!(combined(&[said("a", 0, 1.0), said("b", 600, 1.0)]).value(), Some(1.0), "the limit itself is fresh");
}

#[test]
fn the_newest_of_a_source_counts_and_what_is_not_known_yet_or_of_another_series_does_not() {
    let corrected = combined(&[said("a", 50, 0.5), said("a", 10, 1.0), said("b", 0, 1.0)]);
    assert_eq!(corrected.value(), Some(1.0));
    let later = Observation::new(series(), "b", NOW, NOW + 1, 1.0).unwrap();
    let other = Observation::new(SeriesId::new("dai", Metric::PriceUsd).unwrap(), "c", NOW, NOW, 1.0).unwrap();
    assert!(matches!(combined(&[said("a", 0, 1.0), later, other]), Combined::TooFew { .. }));
}

#[test]
fn an_absolute_tolerance_serves_rates_near_zero() {
    let rates = [said("a", 0, 0.000_1), said("b", 0, 0.000_3)];
    assert!(matches!(combined(&rates), Combined::Disagreement { .. }));
    let rule = Rule::new(2, 0.05, 0.001, 600).unwrap();
    let value = combine(&series(), &rates, &rule, NOW).value().unwrap();
    assert!((value - 0.000_2).abs() < 1e-15, "{value}");
}

#[test]
fn a_rule_that_could_not_hold_is_refused() {
    assert_eq!(Rule::new(0, 0.1, 0.0, 1), Err(RuleError::NoQuorum));
    for bad in [-0.1, f64::NAN, f64::INFINITY] {
        assert!(Rule::new(1, bad, 0.0, 1).is_err() && Rule::new(1, 0.0, bad, 1).is_err(), "{bad}");
    }
}

fn observations() -> impl Strategy<Value = Vec<Observation>> {
    proptest::collection::vec((0_u8..5, 0_u64..1_200, 0.9_f64..1.1), 0..20)
        .prop_map(|all| all.into_iter().map(|(source, age, value)| said(&format!("s{source}"), age, value)).collect())
}

proptest! {
    #[test]
    fn the_order_does_not_matter(all in observations(), seed: u64) {
        let mut shuffled = all.clone();
        let mut state = seed | 1;
        for index in (1..shuffled.len()).rev() {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            shuffled.swap(index, usize::try_from(state >> 33).unwrap() % (index + 1));
        }
        prop_assert_eq!(combined(&all), combined(&shuffled));
    }

    #[test]
    fn one_of_three_never_moves_the_value_beyond_the_other_two(
        one in 0.999_f64..1.001, other in 0.999_f64..1.001, liar in 1e-6_f64..1e6, age in 0_u64..1_200
    ) {
        let value = combined(&[said("a", 0, one), said("b", 0, other), said("liar", age, liar)]).value();
        let value = value.expect("two agree, whatever the third says");
        prop_assert!(one.min(other) <= value && value <= one.max(other), "{value}");
    }

    #[test]
    fn what_is_stale_does_not_count(all in observations(), stale in proptest::collection::vec((5_u8..9, 0.5_f64..2.0), 0..5)) {
        let fresh = combined(&all);
        let stale = stale.into_iter().map(|(source, value)| said(&format!("s{source}"), 601, value));
        let with_stale = combined(&all.iter().cloned().chain(stale).collect::<Vec<_>>());
        prop_assert_eq!(fresh.value(), with_stale.value());
    }

    #[test]
    fn an_agreed_value_is_within_tolerance_of_more_than_half_and_of_the_quorum(all in observations()) {
        let combined = combined(&all);
        if let Some(value) = combined.value() {
            let fresh = combined.members();
            let near = fresh.iter().filter(|member| (member.value - value).abs() <= 0.005 * value).count();
            prop_assert!(near >= 2 && near * 2 > fresh.len());
            prop_assert!(fresh.iter().all(|member| member.age <= 600));
        }
    }
}
