//! Plans through markets: nothing looks ahead, nothing is lost, and the vault's rules bind.

#![allow(clippy::unwrap_used)]

use ballast_backtest::*;
use ballast_history::{synthetic, time};
use ballast_types::{Apr, Assets, Bps, WAD, Wad};
use proptest::prelude::*;
use std::{ops::Range, path::Path};

const CAPITAL: Assets = Assets(1_000_000 * USDC);
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

fn plans(market: &Market) -> Vec<(&'static str, Plan)> {
    vec![
        ("hold", Plan::Hold(Bounds::Free)),
        ("hold-capped", Plan::Hold(Bounds::Capped(5_000))),
        ("single", Plan::Single(0, Bounds::Free)),
        ("best-rate", Plan::BestRate),
        ("convex", Plan::Decide(Box::new(default_policy(market.venues.len())))),
    ]
}

fn convex(market: &Market) -> Plan {
    Plan::Decide(Box::new(default_policy(market.venues.len())))
}

/// A market of `steps` equal days, with one venue that pays 5 % on 100 million.
fn plain(steps: usize) -> Market {
    let day = calibrated(0.05, None, Observed::Measured { supplied: 100e6, borrowed: 80e6 }).unwrap();
    let environment = Environment {
        gas_price: 10_000_000_000,
        eth_usd: Wad(2_500 * WAD),
        usdc: Wad(WAD),
        usdc_low: Wad(WAD),
        usdc_high: Wad(WAD),
        risk_free: Apr(0),
        oracle: None,
    };
    Market {
        origin: time::day("2024-01-01").unwrap(),
        step: time::DAY,
        venues: vec![Venue {
            id: "aave/ethereum/usdc".into(),
            steps: vec![Some(day); steps],
            sources: Vec::new(),
            sizes: SizeBasis::default(),
        }],
        environment: vec![environment; steps],
        notes: Vec::new(),
        refused: Vec::new(),
        risk: None,
        exchange: None,
    }
}

fn simulated(market: &Market, plan: &Plan) -> Run {
    simulate(market, 0..market.environment.len(), CAPITAL, "test", plan, &Rules::default())
}

/// Everything from `from` on in another order.
fn shuffled(market: &Market, from: usize) -> Market {
    let mut other = market.clone();
    for venue in &mut other.venues {
        venue.steps[from..].reverse();
        for step in venue.steps[from..].iter_mut().flatten() {
            step.haircut = Wad(WAD / 10);
        }
    }
    other.environment[from..].reverse();
    for day in &mut other.environment[from..] {
        day.gas_price *= 7;
        day.usdc_low = Wad(WAD / 2);
    }
    other
}

// SPEC B1, ERR-40
#[test]
fn what_comes_later_changes_nothing_before_it() {
    let (market, period) = made_up(300, 3);
    for cut in [period.start + 1, period.start + 40, period.start + 150, period.end - 1] {
        let other = shuffled(&market, cut);
        for (name, plan) in plans(&market) {
            let run = simulate(&market, period.clone(), CAPITAL, name, &plan, &Rules::default());
            let again = simulate(&other, period.clone(), CAPITAL, name, &plan, &Rules::default());
            let before = cut - period.start;
            assert_eq!(run.equity[..before], again.equity[..before], "{name} until step {cut}");
            assert_eq!(run.positions[..before], again.positions[..before], "{name} until step {cut}");
            assert_ne!(run.equity[before..], again.equity[before..], "{name}: the shuffle changed something");
        }
    }
}

#[test]
fn the_last_days_are_decided_on_without_having_been_seen() {
    // The rate of the last day is enormous: nobody can have moved for it.
    let mut market = plain(30);
    let mut other = market.venues[0].clone();
    other.id = "compound/ethereum/usdc".into();
    other.steps[29] = calibrated(2.0, None, Observed::Measured { supplied: 100e6, borrowed: 80e6 });
    market.venues.push(other);
    let run = simulated(&market, &Plan::BestRate);
    assert_eq!(run.positions[29][1], Assets::ZERO, "it was in the first venue and stayed there");
}

// SPEC B1
#[test]
fn a_rerun_is_the_same_to_the_bit() {
    let (market, period) = made_up(400, 5);
    for (name, plan) in plans(&market) {
        let run = || simulate(&market, period.clone(), CAPITAL, name, &plan, &Rules::default());
        assert_eq!(run(), run(), "{name}");
    }
}

#[test]
fn threads_change_nothing() {
    let (market, period) = made_up(200, 6);
    let entrants = baselines(&market, period.clone(), CAPITAL, &Rules::default());
    let once = contest(&market, period.clone(), CAPITAL, &entrants, &Rules::default(), &|_| {});
    for (entrant, placed) in entrants.iter().zip(once) {
        let alone = simulate(&market, period.clone(), CAPITAL, &entrant.name, &entrant.plan, &Rules::default());
        assert_eq!(alone, placed.run);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    // SPEC B2: interest less dilution, gas, upkeep and losses is all that lies between capital and final value.
    #[test]
    fn the_ledger_explains_every_unit(
        seed in 0u64..1_000,
        capital in 1_000u128..50_000_000,
        haircut in 0u128..=WAD,
        upkeep in 0u16..=1_000,
    ) {
        let (mut market, period) = made_up(120, seed);
        if let Some(step) = market.venues[1].steps[period.start + 60].as_mut() {
            step.haircut = Wad(haircut);
        }
        market.environment[period.start + 80].usdc_low = Wad(WAD / 100 * 97);
        let capital = Assets(capital * USDC);
        let rules = Rules { upkeep: Upkeep { budget: Bps(upkeep), ..Upkeep::default() }, ..Rules::default() };
        for (name, plan) in plans(&market) {
            let run = simulate(&market, period.clone(), capital, name, &plan, &rules);
            prop_assert_eq!(run.ledger.applied_to(capital), run.equity.last().copied(), "{}", name);
        }
    }
}

// SPEC B2: what gas costs is what the run without gas has more, but for the interest on it.
#[test]
fn without_costs_there_is_more_by_the_costs() {
    let mut market = plain(2);
    let rules = Rules::default();
    let with = simulated(&market, &Plan::Single(0, Bounds::Free));
    for day in &mut market.environment {
        day.gas_price = 0;
    }
    let without = simulate(&market, 0..2, CAPITAL, "free", &Plan::Single(0, Bounds::Free), &rules);
    let difference = without.equity[1].0 - with.equity[1].0;
    assert_eq!(difference, with.ledger.gas.0);
    // 362 181 gas at 10 gwei and 2 500 USD.
    assert_eq!(with.ledger.gas, Assets(9_054_525));
}

#[test]
fn interest_of_one_day_is_the_rate_of_that_day_on_the_position() {
    let market = plain(2);
    let run = simulated(&market, &Plan::Single(0, Bounds::Free));
    // 950 000 at 5 % for a day, less what 950 000 more in a market of 100 million takes off the rate.
    let day = market.venues[0].steps[1].as_ref().unwrap();
    let rate = day.rate_with(Assets(950_000 * USDC)).0 as f64 / 1e18;
    let expected = 950_000.0 * rate / 365.0;
    let earned = (run.ledger.interest.0 - run.ledger.dilution.0) as f64 / 1e6;
    assert!((earned - expected).abs() < 1e-5, "{earned} {expected}");
    assert!(run.ledger.dilution.0 > 0);
}

// The keeper's own rule: observations by the clock within a budget, else before moves.
#[test]
fn upkeep_keeps_to_its_budget() {
    let upkeep = Upkeep::default();
    let nav = Assets(1_000_000 * USDC);
    // 1 000 USDC a year and 2 USDC a pair: every 17.52 hours.
    assert_eq!(upkeep.by_clock(Assets(2 * USDC), nav), Some(63_072));
    assert_eq!(upkeep.by_clock(Assets(USDC / 10), nav), Some(6 * 3_600), "no more often than the contracts take them");
    assert_eq!(upkeep.by_clock(Assets(6 * USDC), nav), None, "rarer than they last they are of no use");
    assert_eq!(Upkeep { budget: Bps(0), ..upkeep }.by_clock(Assets(1), nav), None);
    let market = plain(365);
    let run = simulated(&market, &convex(&market));
    // A pair is 18 USDC here, so a single one every three and a half days is all: 310 933 gas at 10 gwei and 2 500 USD.
    let expected = 365.0 / 3.5 * 310_933.0 * 1e-8 * 2_500.0;
    let paid = run.ledger.upkeep.0 as f64 / 1e6;
    assert!((paid / expected - 1.0).abs() < 0.05, "{paid} {expected}");
}

/// A policy by which nothing may be added to anything.
fn waiting(market: &Market) -> Plan {
    let Plan::Decide(mut policy) = convex(market) else { unreachable!("convex decides") };
    for venue in &mut policy.venues {
        venue.risk_score = policy.max_risk_score;
    }
    Plan::Decide(policy)
}

// SPEC C5: the running keeper's rule (`ballast_allocator::upkeep`).
#[test]
fn while_nothing_is_invested_and_nothing_may_be_only_the_sign_of_life_is_paid_for() {
    let mut market = plain(365);
    for day in &mut market.environment {
        // So cheap that the budget would pay for a pair every six hours.
        day.gas_price = 10_000_000;
    }
    let idle = simulated(&market, &waiting(&market));
    assert!(idle.positions.iter().flatten().all(|position| *position == Assets::ZERO));
    let sign = 310_933.0 * 1e-11 * 2_500.0;
    let expected = 365.0 / (7.0 * 0.75) * sign;
    let paid = idle.ledger.upkeep.0 as f64 / 1e6;
    assert!((paid / expected - 1.0).abs() < 0.01, "{paid} {expected}");

    let ready = simulated(&market, &convex(&market));
    let pairs = 365.0 * 4.0 * 716_717.0 * 1e-11 * 2_500.0;
    let paid = ready.ledger.upkeep.0 as f64 / 1e6;
    assert!((paid / pairs - 1.0).abs() < 0.01, "{paid} {pairs}: what is invested is observed as ever");
}

#[test]
fn a_larger_vault_earns_a_lower_rate() {
    let market = plain(60);
    let apy = |capital: u128| {
        let run =
            simulate(&market, 0..60, Assets(capital * USDC), "", &Plan::Single(0, Bounds::Free), &Rules::default());
        run.equity[59].0 as f64 / (capital * USDC) as f64
    };
    assert!(apy(1_000_000) > apy(20_000_000) && apy(20_000_000) > apy(80_000_000));
}

#[test]
fn the_vaults_own_policy_keeps_within_the_limits_of_the_contracts() {
    let (market, period) = made_up(300, 8);
    let run = simulate(&market, period, CAPITAL, "convex", &convex(&market), &Rules::default());
    assert!(run.rebalances > 1);
    for (positions, nav) in run.positions.iter().zip(&run.equity) {
        let held: u128 = positions.iter().map(|position| position.0).sum();
        // Interest of months without a move takes a position a little above its target.
        assert!(positions.iter().all(|position| position.0 * 100 <= nav.0 * 53), "{positions:?} of {nav}");
        assert!(held * 1_000 <= nav.0 * 953, "{held} of {nav}");
    }
}

// SPEC C7a: the peg, and what the contracts make of it.
#[test]
fn off_the_peg_everything_comes_home_and_stays_until_governance_says_so() {
    let mut market = plain(60);
    market.environment[20].usdc_low = Wad(WAD * 9_799 / 10_000);
    let run = simulated(&market, &convex(&market));
    assert!(run.positions[19][0] > Assets::ZERO);
    for (day, positions) in run.positions.iter().enumerate().take(34).skip(20) {
        assert_eq!(positions[0], Assets::ZERO, "day {day}");
    }
    assert!(run.positions[40][0] > Assets::ZERO, "fourteen days later it works again");
    assert_eq!(run.exits, [ExitReport { step: 20, out: run.exits[0].out, stuck: Assets::ZERO }]);

    market.environment[20].usdc_low = Wad(WAD * 98 / 100);
    assert_eq!(simulated(&market, &convex(&market)).exits, [], "0.98 is still on the peg");
}

#[test]
fn an_exit_takes_out_what_can_be_withdrawn_and_tells_the_rest() {
    let mut market = plain(30);
    // Only 100 000 of it is not lent out.
    for step in market.venues[0].steps[20..].iter_mut().flatten() {
        step.borrowed = Assets(step.supplied.0 + 375_000 * USDC);
    }
    market.environment[20].usdc_low = Wad(WAD / 2);
    let run = simulated(&market, &convex(&market));
    assert_eq!(run.exits.len(), 1, "{:?}", run.exits);
    let exit = run.exits[0];
    assert!(exit.stuck.0 > 0 && exit.out.0 > 0 && exit.out.0 < 130_000 * USDC, "{exit:?}");
    assert_eq!(run.ledger.losses, Assets::ZERO, "stuck is not lost");
}

#[test]
fn a_move_that_a_venue_would_not_pay_out_is_not_made() {
    let mut market = plain(30);
    let mut other = market.venues[0].clone();
    other.id = "compound/ethereum/usdc".into();
    for step in other.steps[10..].iter_mut() {
        *step = calibrated(0.09, None, Observed::Measured { supplied: 100e6, borrowed: 80e6 });
    }
    for step in market.venues[0].steps[11..].iter_mut().flatten() {
        step.borrowed = Assets(step.supplied.0 + USDC);
    }
    market.venues.push(other);
    let run = simulated(&market, &Plan::BestRate);
    assert!(run.illiquid > 0);
    assert!(run.positions[29][0] > Assets::ZERO && run.positions[29][1] == Assets::ZERO);
}

#[test]
fn a_failure_takes_its_part_of_the_position() {
    let mut market = plain(10);
    market.venues[0].steps[5].as_mut().unwrap().haircut = Wad(WAD / 4);
    let run = simulated(&market, &Plan::Single(0, Bounds::Free));
    let (before, after) = (run.positions[4][0].0 as f64, run.positions[5][0].0 as f64);
    assert!((after / before - 0.75).abs() < 1e-3);
    assert!(run.ledger.losses.0 > 237_000 * USDC);
}

#[test]
fn a_day_without_a_value_is_a_hold_and_a_series_that_ends_pays_out() {
    let mut market = plain(40);
    market.venues[0].steps[20] = None;
    let run = simulated(&market, &convex(&market));
    assert_eq!(run.holds.get("venues"), Some(&1), "{:?}", run.holds);
    assert_eq!(run.ended, 0);

    for step in &mut market.venues[0].steps[25..] {
        *step = None;
    }
    let run = simulated(&market, &convex(&market));
    assert_eq!(run.ended, 1);
    assert!(run.positions[28][0] > Assets::ZERO, "three days it waits");
    assert_eq!(run.positions[29][0], Assets::ZERO);
    assert_eq!(run.equity.last(), run.ledger.applied_to(CAPITAL).as_ref());
}

#[test]
fn the_rules_are_those_of_the_parameter_file_and_the_gas_that_was_measured() {
    let text = std::fs::read_to_string("../../deploy/parameters/mainnet.json").unwrap();
    let file: serde_json::Value = serde_json::from_str(&text).unwrap();
    let (limits, rules) = (&file["limits"], Rules::default());
    for (key, value) in [
        ("reserveBps", u64::from(rules.limits.reserve.0)),
        ("minPositionBps", u64::from(rules.limits.min_position.0)),
        ("maxPositionBps", u64::from(rules.limits.max_position.0)),
        ("minStepBps", u64::from(rules.limits.min_step.0)),
        ("maxVenueShareBps", u64::from(rules.limits.max_venue_share.0)),
        ("maxUtilisationBps", u64::from(rules.limits.max_utilisation.0)),
        ("flowBps", u64::from(rules.limits.flow.0)),
        ("approvalBps", u64::from(rules.limits.approval.0)),
        ("cooldown", rules.limits.cooldown),
    ] {
        assert_eq!(limits[key].as_u64(), Some(value), "{key}");
    }
    // The file is in whole USDC.
    assert_eq!(limits["approvalFloor"].as_u64().map(u128::from), Some(rules.limits.approval_floor.0 / USDC));
    assert_eq!(file["gracePeriod"].as_u64(), Some(rules.grace));
    assert_eq!(file["vault"]["maxLossBps"].as_u64(), Some(u64::from(rules.max_loss.0)));
    let measured = std::fs::read_to_string("../../docs/GAS.md").unwrap();
    for gas in rules.gas_of_legs {
        let shown = format!("{},{:03}", gas / 1_000, gas % 1_000);
        assert!(measured.contains(&shown), "{shown} is not in docs/GAS.md");
    }
}

#[test]
fn an_empty_period_and_no_venue_are_no_problem() {
    let market = plain(3);
    assert!(simulate(&market, 0..0, CAPITAL, "", &Plan::BestRate, &Rules::default()).equity.is_empty());
    let none = Market { venues: Vec::new(), ..market };
    for plan in [Plan::Hold(Bounds::Free), Plan::BestRate, convex(&none)] {
        assert_eq!(simulated(&none, &plan).equity, [CAPITAL; 3]);
    }
}

// ERR-40: also which of two sources a day's rate is from.
#[test]
fn a_source_that_will_be_the_longer_one_is_not_preferred_before_it_is() {
    let directory = tempfile::tempdir().unwrap();
    let header = "date_utc,source_id,protocol,version,chain,asset,pool,supply_apy_pct,borrow_apy_pct,tvl_usd,borrowed_usd,utilization";
    let row = |day: u64, source: &str, rate: &str| {
        let date = time::date(time::day("2024-01-01").unwrap() + day * time::DAY);
        format!("{date},{source},aave,v3,ethereum,USDC,,{rate},,,,")
    };
    let mut rows: Vec<String> = (0..20).map(|day| row(day, "old", "3.0")).collect();
    rows.extend((10..20).map(|day| row(day, "new", "9.0")));
    let read = |rows: &[String]| {
        let content = format!("{header}\n{}\n", rows.join("\n"));
        std::fs::write(directory.path().join("lending_rates_daily.csv"), content).unwrap();
        let (start, end) = (time::day("2024-01-01").unwrap(), time::day("2024-01-20").unwrap());
        Market::read(directory.path(), start..=end, NOW).unwrap().venues.remove(0).steps
    };
    let before = read(&rows);
    assert!(before.iter().flatten().all(|step| step.rate < Apr(WAD / 20)), "the old one has more all along");
    rows.extend((20..60).map(|day| row(day, "new", "9.0")));
    assert_eq!(read(&rows), before);
}

#[test]
fn a_directory_without_rates_is_refused() {
    let empty = tempfile::tempdir().unwrap();
    let error = Market::read(empty.path(), 0..=86_400, NOW).unwrap_err();
    assert!(error.to_string().contains("lending_rates_daily"), "{error}");
    assert!(Market::read(Path::new("/nowhere"), 0..=86_400, NOW).is_err());
    assert_eq!(Rules::default().gas(0), 0);
    assert_eq!(Rules::default().gas(6), 845_208 + 2 * (845_208 - 739_862));
    assert_eq!(Bps(5_000), Rules::default().limits.max_position);
}
