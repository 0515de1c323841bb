//! The knapsack is solved exactly.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use ballast_allocator::optimiser::{Choice, best, climb, leading};
use ballast_allocator::yields::YearlyYield;
use proptest::prelude::*;

type Choices = Vec<Choice<usize>>;

fn choice(what: usize, cost: u32, earns: u64) -> Choice<usize> {
    Choice { what, cost, earns: YearlyYield(alloy_primitives::U256::from(earns)) }
}

fn total(chosen: &[Choice<usize>]) -> (u32, YearlyYield) {
    chosen.iter().fold((0, YearlyYield::ZERO), |(cost, earns), choice| (cost + choice.cost, earns.plus(choice.earns)))
}

/// Every combination, by recursion.
fn brute_force(venues: &[Choices], budget: u32) -> Option<YearlyYield> {
    let Some((first, rest)) = venues.split_first() else { return Some(YearlyYield::ZERO) };
    first
        .iter()
        .filter(|choice| choice.cost <= budget)
        .filter_map(|choice| Some(choice.earns.plus(brute_force(rest, budget - choice.cost)?)))
        .max()
}

/// Cost and yield of every combination that no other one dominates, ascending.
fn undominated(venues: &[Choices], budget: u32) -> Vec<(u32, YearlyYield)> {
    let mut sums = vec![(0, YearlyYield::ZERO)];
    for choices in venues {
        let extended = |(cost, earns): &(u32, YearlyYield)| {
            let (cost, earns) = (*cost, *earns);
            choices.iter().map(move |choice| (cost + choice.cost, earns.plus(choice.earns))).collect::<Vec<_>>()
        };
        sums = sums.iter().flat_map(extended).filter(|(cost, _)| *cost <= budget).collect();
    }
    // The dearer yield comes first among equal costs, so that the other does not count.
    sums.sort_by(|a, b| a.0.cmp(&b.0).then(b.1.cmp(&a.1)));
    let mut kept: Vec<(u32, YearlyYield)> = Vec::new();
    for sum in sums {
        if kept.last().is_none_or(|last| sum.1 > last.1) {
            kept.push(sum);
        }
    }
    kept
}

fn venues() -> impl Strategy<Value = Vec<Choices>> {
    let choices = prop::collection::vec((0u32..6_000, 0u64..1_000), 1..9).prop_map(|drawn| {
        drawn.into_iter().enumerate().map(|(what, (cost, earns))| choice(what, cost, earns)).collect()
    });
    prop::collection::vec(choices, 0..5)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn the_best_combination_equals_brute_force(venues in venues(), budget in 0u32..=10_000) {
        let found = best(&venues, budget);
        let expected = brute_force(&venues, budget);
        prop_assert_eq!(found.as_ref().map(|chosen| total(chosen).1), expected);
        if let Some(chosen) = found {
            prop_assert!(total(&chosen).0 <= budget);
            for (choice, choices) in chosen.iter().zip(&venues) {
                prop_assert_eq!(choice, &choices[choice.what]);
            }
        }
    }

    #[test]
    fn the_leading_combinations_are_the_last_undominated_sums(
        venues in venues(), budget in 0u32..=10_000, count in 1usize..12,
    ) {
        let found = leading(&venues, budget, count).unwrap_or_default();
        let sums: Vec<_> = found.iter().map(|chosen| total(chosen)).collect();
        prop_assert_eq!(&sums, &undominated(&venues, budget).into_iter().rev().take(count).collect::<Vec<_>>());
        // The same in numbers that 128 bits do not hold.
        let wide = |choice: &Choice<usize>| Choice { earns: YearlyYield(choice.earns.0 << 140), ..*choice };
        let widened: Vec<Choices> = venues.iter().map(|choices| choices.iter().map(wide).collect()).collect();
        let expected: Vec<Choices> = found.iter().map(|chosen| chosen.iter().map(wide).collect()).collect();
        prop_assert_eq!(leading(&widened, budget, count).unwrap_or_default(), expected);
    }

    /// As venues are: yields nearly in proportion to the cost, at rates of which some are the same. What 128 bits do not hold is combined without
    /// leaving anything out.
    #[test]
    fn what_cannot_lead_is_left_out_and_nothing_else(
        venues in prop::collection::vec((0usize..5, 0u64..40, prop::option::of((0u32..5_100, 0u64..60))), 1..6),
        budget in prop_oneof![4 => Just(9_500u32), 1 => 0..=10_000u32],
        count in 1usize..12,
    ) {
        let listed: Vec<Choices> = venues
            .iter()
            .map(|(rate, depth, kept)| {
                let rate = [0, 300, 400, 401, 900][*rate];
                let earns = |cost: u32| u64::from(cost) * rate * 100 - u64::from(cost) * u64::from(cost) / 100 * depth.min(&rate);
                let keep = kept.map_or(choice(0, 0, 0), |(cost, rate)| choice(0, cost, u64::from(cost) * rate * 1_000));
                let targets = (0..=45u32).map(|step| choice(step as usize + 1, 500 + 100 * step, earns(500 + 100 * step)));
                std::iter::once(keep).chain(targets).collect()
            })
            .collect();
        let wide = |choice: &Choice<usize>| Choice { earns: YearlyYield(choice.earns.0 << 140), ..*choice };
        let widened: Vec<Choices> = listed.iter().map(|choices| choices.iter().map(wide).collect()).collect();
        let named = |found: Option<Vec<Choices>>| -> Option<Vec<Vec<usize>>> {
            Some(found?.iter().map(|chosen| chosen.iter().map(|choice| choice.what).collect()).collect())
        };
        prop_assert_eq!(named(leading(&listed, budget, count)), named(leading(&widened, budget, count)));
    }

    /// With concave yields, ending where no exchange helps is ending at the best.
    #[test]
    fn exchanges_reach_the_best_of_concave_yields(
        a in 1u64..1_000, b in 1u64..1_000, depth in 1u64..1_000, budget in 0u32..400,
    ) {
        let earns = |venue: usize, bps: u16| {
            let (rate, x) = ([a, b][venue], u64::from(bps));
            // rate · depth · x / (depth + x) in fine units: increasing and concave.
            (x <= 200).then(|| choice(0, 0, rate * depth * x * 1_000_000 / (depth + x)).earns)
        };
        let found = climb(vec![0, 0], budget, earns);
        let value = |x: u16, y: u16| earns(0, x).unwrap().plus(earns(1, y).unwrap());
        let most = u16::try_from(budget).unwrap();
        let best = (0..=most.min(200)).map(|x| value(x, (most - x).min(200))).max().unwrap();
        prop_assert!(u32::from(found[0]) + u32::from(found[1]) <= budget);
        prop_assert_eq!(value(found[0], found[1]), best);
    }
}

#[test]
fn of_equal_totals_the_cheapest_wins_and_then_the_first() {
    let venues = [vec![choice(0, 10, 5), choice(1, 5, 5), choice(2, 5, 5)]];
    assert_eq!(best(&venues, 100).unwrap()[0].what, 1);
}

#[test]
fn a_budget_that_nothing_fits_has_no_answer() {
    assert_eq!(best(&[vec![choice(0, 11, 5)]], 10), None);
    assert_eq!(best(&[Vec::<Choice<usize>>::new()], 10), None);
    assert_eq!(best::<usize>(&[], 10), Some(vec![]));
}
