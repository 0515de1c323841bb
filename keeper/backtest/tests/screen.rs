//! A decision that is not asked for, since it is known, is the one that would have been made.

#![allow(clippy::unwrap_used)]

use ballast_backtest::*;
use ballast_history::{synthetic, time};
use ballast_types::{Apr, Assets, Bps, LargeMoves, WAD, Wad};
use std::ops::Range;

/// 2026-11-01.
const NOW: u64 = 1_793_491_200;

fn made_up(days: u64, seed: u64) -> (Market, Range<usize>) {
    let directory = tempfile::tempdir().unwrap();
    let start = time::day("2024-01-01").unwrap();
    synthetic::write(directory.path(), start, days, seed).unwrap();
    let end = start + (days - 1) * time::DAY;
    let market = Market::read(directory.path(), start..=end, NOW).unwrap();
    let period = market.at(start).unwrap()..market.at(end).unwrap() + 1;
    (market, period)
}

/// As given, and with what is known beforehand decided all the same.
fn both_ways(market: &Market, period: &Range<usize>, capital: Assets, plan: &Plan, rules: &Rules) -> Run {
    let run = simulate(market, period.clone(), capital, "test", plan, rules);
    assert_eq!(run, simulate_unscreened(market, period.clone(), capital, "test", plan, rules));
    run
}

// SPEC B1: what is not asked for would have been the same.
#[test]
fn a_decision_that_is_known_beforehand_is_the_one_that_would_be_made() {
    let mut holds = std::collections::BTreeMap::new();
    let mut moves = 0;
    for seed in 0..24 {
        let (mut market, period) = made_up(200, 100 + seed);
        // Two that pay the same, and some so small that our own money counts: where a bound could say too much.
        if seed % 3 == 0 {
            market.venues[1].steps = market.venues[0].steps.clone();
        }
        for step in market.venues.iter_mut().flat_map(|venue| venue.steps.iter_mut().flatten()) {
            if seed % 4 == 1 {
                (step.supplied.0, step.borrowed.0) = (step.supplied.0 / 40, step.borrowed.0 / 40);
            }
        }
        match seed % 5 {
            // Days without a value, a venue that is lent nearly whole, and an asset that loses its peg for a day.
            0 => market.venues[1].steps.iter_mut().enumerate().for_each(|(day, step)| {
                if day % 37 < 5 {
                    *step = None;
                }
            }),
            1 => market.venues[0].steps.iter_mut().enumerate().for_each(|(day, step)| {
                if let Some(step) = step.as_mut().filter(|_| day % 11 < 4) {
                    step.borrowed = Assets(step.supplied.0 / 100 * (94 + (day as u128) % 5));
                }
            }),
            2 => market.environment[period.start + 90].usdc_low = Wad(WAD / 100 * 97),
            _ => {}
        }
        let mut policy = default_policy(market.venues.len());
        policy.min_gain = Apr([WAD / 200, WAD / 2_000, 0, WAD / 50][seed as usize % 4]);
        policy.reserve = Bps([500, 700, 2_000][seed as usize % 3]);
        policy.horizon = [30, 90, 365][seed as usize % 3] * 86_400;
        policy.large_moves = [LargeMoves::Ask, LargeMoves::Ask, LargeMoves::Divide][seed as usize % 3];
        let mut rules = Rules::default();
        rules.limits.max_venue_share = Bps([100, 100, 10_000][seed as usize % 3]);
        rules.decide_every = 1 + seed % 2;
        let capital = [Assets(1_000_000 * USDC), Assets(20_000 * USDC), Assets(50_000_000 * USDC)][seed as usize % 3];
        let run = both_ways(&market, &period, capital, &Plan::Decide(Box::new(policy)), &rules);
        moves += run.rebalances;
        for (gate, count) in run.holds {
            *holds.entry(gate).or_insert(0) += count;
        }
    }
    assert!(moves > 20, "{moves} moves");
    assert!(holds["limits"] > 300 && holds["gain"] > 300, "{holds:?}");
    assert!(holds["kill switch"] > 50 && holds["venues"] > 50, "{holds:?}");
}
