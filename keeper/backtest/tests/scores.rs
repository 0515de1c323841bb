//! Scores of risk as of each day: nothing looks ahead, and the limits of policies and profiles bind.

#![allow(clippy::unwrap_used)]

use ballast_backtest::*;
use ballast_history::{synthetic, time};
use ballast_risk::{PartId, facts::Facts};
use ballast_types::{Assets, Policy};
use std::{ops::Range, path::Path, sync::Arc};

const CAPITAL: Assets = Assets(1_000_000 * USDC);
const POSITION: Assets = Assets(500_000 * USDC);
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

/// Everything from `from` on in another order, sizes and prices changed.
fn turned(market: &Market, from: usize) -> Market {
    let mut other = market.clone();
    for venue in &mut other.venues {
        venue.steps[from..].reverse();
        for step in venue.steps[from..].iter_mut().flatten() {
            step.borrowed = step.supplied;
        }
    }
    other.environment[from..].reverse();
    let risk = other.risk.as_mut().unwrap();
    for venue in &mut risk.venues {
        venue.tvl[from..].reverse();
        for value in venue.tvl[from..].iter_mut().step_by(2).flatten() {
            value.1 *= 3.0;
        }
    }
    for (_, prices) in &mut risk.coins {
        for price in &mut prices[from..] {
            *price = Some(0.9);
        }
    }
    other
}

fn all(market: &Market, steps: Range<usize>) -> Vec<Vec<Option<u8>>> {
    let scores = Scores::of(market, &Facts::built_in().unwrap(), POSITION).unwrap();
    steps.map(|step| (0..market.venues.len()).map(|venue| scores.at(venue, step)).collect()).collect()
}

// SPEC B1, R6
#[test]
fn turning_the_future_around_changes_no_score_before_it() {
    let (market, period) = made_up(120, 4);
    let before = all(&market, period.clone());
    for cut in [period.start + 5, period.start + 45, period.end - 2] {
        let after = all(&turned(&market, cut), period.clone());
        // At the beginning of the step `cut` only what came before it is known.
        let known = cut - period.start + 1;
        assert_eq!(before[..known], after[..known], "until step {cut}");
        assert_ne!(before[known..], after[known..], "what was turned around is seen afterwards");
    }
}

// SPEC R6
#[test]
fn an_exploit_is_in_no_score_before_the_day_after_it() {
    let shared = Path::new("../../../shared/data");
    if !shared.is_dir() {
        eprintln!("skipped: there is no shared history");
        return;
    }
    let day = |text| time::day(text).unwrap();
    let market = Market::read(shared, day("2021-09-01")..=day("2021-10-31"), NOW).unwrap();
    let facts = Facts::built_in().unwrap();
    let venue = market.venues.iter().position(|venue| venue.id == "compound/ethereum/usdc").unwrap();
    let record = |date| {
        let score = explained(&market, &facts, POSITION, venue, market.at(day(date)).unwrap()).unwrap();
        score.part(PartId::TrackRecord)
    };
    // Proposal 062 was executed on 2021-09-29.
    assert_eq!(record("2021-09-29"), 0.0);
    assert!(record("2021-09-30") >= 30.0);
}

fn moves(market: &Market, period: &Range<usize>, max_risk_score: u8, scores: Option<Scores>) -> Run {
    let policy = Policy { max_risk_score, ..default_policy(market.venues.len()) };
    let rules = Rules { scores: scores.map(Arc::new), ..Rules::default() };
    simulate(market, period.clone(), CAPITAL, "convex", &Plan::Decide(Box::new(policy)), &rules)
}

// SPEC X2, P1
#[test]
fn what_scores_at_or_above_the_limit_gets_nothing() {
    let (market, period) = made_up(60, 4);
    let scores = Scores::of(&market, &Facts::built_in().unwrap(), POSITION).unwrap();
    let seen: Vec<u8> = (0..market.venues.len()).filter_map(|venue| scores.at(venue, period.start + 20)).collect();
    assert_eq!(seen.len(), market.venues.len());
    let (least, most) = (*seen.iter().min().unwrap(), *seen.iter().max().unwrap());
    assert!(least > 0 && most < 100, "{seen:?}");
    let run = |limit| moves(&market, &period, limit, Some(scores.clone()));
    assert_eq!(run(1).rebalances, 0, "nothing scores nothing");
    assert!(run(100).rebalances > 0);
    assert_ne!(moves(&market, &period, 1, None).rebalances, 0, "without scores no limit binds");
    let invested = run(100).positions.last().unwrap().iter().any(|position| *position != Assets::ZERO);
    assert!(invested);
}

#[test]
fn what_nobody_says_counts_as_the_riskiest_and_is_named() {
    let (market, period) = made_up(60, 4);
    let score = explained(&market, &Facts::built_in().unwrap(), POSITION, 0, period.start + 40).unwrap();
    let missing: Vec<&str> = score.assumed().map(|(_, factor)| factor.name).collect();
    assert!(missing.contains(&"liquidation") && missing.contains(&"collateral"), "{missing:?}");
    assert!(!missing.contains(&"TVL") && !missing.contains(&"utilisation"), "{missing:?}");
    assert_eq!(score.as_of, market.time(period.start + 40));
}

#[test]
fn a_market_without_data_of_risk_leaves_the_policy_its_scores() {
    let (mut market, _) = made_up(30, 1);
    market.risk = None;
    assert!(Scores::of(&market, &Facts::built_in().unwrap(), POSITION).is_none());
}

#[test]
fn an_interval_against_the_capped_baselines_comes_with_every_run() {
    let (market, period) = made_up(90, 8);
    let rules = Rules::default();
    let mut entrants = baselines(&market, period.clone(), CAPITAL, &rules);
    entrants.extend(decided(&default_policy(market.venues.len())));
    let placed = contest(&market, period, CAPITAL, &entrants, &rules, &|_| {});
    let of = |name: &str| placed.iter().find(|placed| placed.run.name == name).unwrap();
    let (convex, hold) = (of("convex"), of(HOLD_CAPPED));
    let (difference, interval) = convex.ahead_of_hold_capped.unwrap();
    assert!((difference - (convex.metrics.net_apy - hold.metrics.net_apy)).abs() < 1e-9);
    assert!(interval.low <= difference && difference <= interval.high, "{difference} {interval:?}");
    assert!(convex.ahead_of_best_single_capped.is_some() && hold.ahead_of_hold_capped.is_none());
}
