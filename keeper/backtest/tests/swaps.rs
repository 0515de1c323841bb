//! Venues of other coins: what swaps cost is in the ledger to the unit, large money pays more, a coin off its peg is left, and nothing looks ahead.

#![allow(clippy::unwrap_used)]

use ballast_backtest::*;
use ballast_history::time;
use ballast_risk::{Stablecoin, kill_switch::Cause};
use ballast_types::{Apr, Assets, WAD, Wad};
use proptest::prelude::*;

/// 2026-11-01.
const NOW: u64 = 1_793_491_200;
const CAPITAL: Assets = Assets(1_000_000 * USDC);

/// A pool with so many million of USDC, DAI and USDT.
fn pool(millions: [u128; 3], fee: u128) -> StableSwap {
    StableSwap::new(millions.iter().map(|m| m * 1_000_000 * WAD).collect(), 2_000, fee).unwrap()
}

const FEE: u128 = 4 * FEE_ONE / 10_000;

/// A day of the pool as it is recorded, with what USDT costs in dollars.
fn recorded(millions: [u128; 3], fee: u128, usdt: u128) -> ExchangeDay {
    let price = Wad(WAD * usdt / 10_000);
    ExchangeDay::new(pool(millions, fee), None, &[(Stablecoin::Usdt, [price; 3])]).unwrap()
}

/// USDC lends at the first rate and USDT at the second, for so many days.
fn two_coins(steps: usize, rates: [f64; 2], day: &ExchangeDay) -> Market {
    let venue = |id: &str, rate: f64| Venue {
        id: id.into(),
        steps: vec![calibrated(rate, None, Observed::Measured { supplied: 900e6, borrowed: 720e6 }); steps],
        sources: Vec::new(),
        sizes: SizeBasis::default(),
    };
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
        venues: vec![venue("aave/ethereum/usdc", rates[0]), venue("aave/ethereum/usdt", rates[1])],
        environment: vec![environment; steps],
        notes: Vec::new(),
        refused: Vec::new(),
        risk: None,
        exchange: Some(Exchange {
            coins: vec![Stablecoin::Usdt],
            of: vec![None, Some(0)],
            days: vec![day.clone(); steps],
        }),
    }
}

fn exchange(market: &mut Market) -> &mut Exchange {
    market.exchange.as_mut().unwrap()
}

fn convex(market: &Market) -> Plan {
    Plan::Decide(Box::new(default_policy(market.venues.len())))
}

fn plans(market: &Market) -> Vec<(&'static str, Plan)> {
    vec![
        ("hold", Plan::Hold(Bounds::Free)),
        ("hold-capped", Plan::Hold(Bounds::Capped(5_000))),
        ("single", Plan::Single(1, Bounds::Free)),
        ("best-rate", Plan::BestRate),
        ("convex", convex(market)),
    ]
}

fn simulated(market: &Market, capital: Assets, plan: &Plan) -> Run {
    simulate(market, 0..market.environment.len(), capital, "test", plan, &Rules::default())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]

    // SPEC B2: with swaps as without, every unit between capital and final value is in the ledger.
    #[test]
    fn the_ledger_explains_every_unit_of_swaps_and_prices_as_well(
        millions in proptest::array::uniform3(20u128..600),
        fee in 0u128..20_000_000,
        rates in proptest::collection::vec((0.0f64..0.3, 0.0f64..0.3), 30),
        prices in proptest::collection::vec(9_700u128..10_300, 30),
        known in any::<bool>(),
        haircut in 0u128..=WAD,
        capital in 1_000u128..20_000_000,
    ) {
        let mut market = two_coins(30, [0.05, 0.05], &recorded(millions, fee, 10_000));
        for (step, (usdc, usdt)) in rates.into_iter().enumerate() {
            let rate = |rate| calibrated(rate, None, Observed::Measured { supplied: 900e6, borrowed: 720e6 });
            market.venues[0].steps[step] = rate(usdc);
            market.venues[1].steps[step] = rate(usdt);
            let price = [Wad(WAD * prices[step] / 10_000); 3];
            // The pool moves as well.
            let balances = [millions[0], millions[1], millions[2] + prices[step] % 100];
            let usdc = (!known).then_some(Wad(WAD));
            exchange(&mut market).days[step] =
                ExchangeDay::new(pool(balances, fee), usdc, &[(Stablecoin::Usdt, price)]).unwrap();
        }
        market.venues[1].steps[20].as_mut().unwrap().haircut = Wad(haircut);
        market.venues[1].steps[25..].fill(None);
        let capital = Assets(capital * USDC);
        for (name, plan) in plans(&market) {
            let run = simulated(&market, capital, &plan);
            prop_assert_eq!(run.ledger.applied_to(capital), run.equity.last().copied(), "{}", name);
        }
    }

    // What is in NAV is what would come home if everything left.
    #[test]
    fn no_position_is_worth_more_than_what_leaving_would_bring(
        millions in proptest::array::uniform3(5u128..600), amount in 1u128..100_000_000, level in 9_000u128..11_000,
    ) {
        let price = [Wad(WAD * level / 10_000); 3];
        for usdc in [None, Some(Wad(WAD))] {
            let day = ExchangeDay::new(pool(millions, FEE), usdc, &[(Stablecoin::Usdt, price)]).unwrap();
            let amount = amount * USDC;
            let brings = day.leaving(&[amount])[0];
            prop_assert!(brings <= day.coins[0].value(amount));
            prop_assert!(brings > Assets(0));
            // Leaving in two halves, as a hundredth alone, brings no less in all: only larger swaps are worse.
            prop_assert!(day.leaving(&[amount / 2])[0].0 * 2 + 2 >= brings.0);
        }
    }
}

// SPEC B2: the same run in a pool that costs nothing has more by exactly the slippage.
#[test]
fn without_the_costs_of_swaps_there_is_more_by_exactly_the_slippage() {
    // So deep that a million moves no price by a unit, and without a fee.
    let free = recorded([400_000_000, 400_000_000, 400_000_000], 0, 10_000);
    for pool in [recorded([100, 100, 100], FEE, 10_000), recorded([40, 30, 20], FEE, 10_000)] {
        let (dear, cheap) = (two_coins(2, [0.0, 0.0], &pool), two_coins(2, [0.0, 0.0], &free));
        let run = |market: &Market| simulated(market, CAPITAL, &Plan::Single(1, Bounds::Free));
        let (with, without) = (run(&dear), run(&cheap));
        assert!(without.ledger.slippage <= Assets(5), "{:?}", without.ledger);
        assert!(with.ledger.slippage > Assets(700 * USDC), "the fee of both ways: {:?}", with.ledger);
        let (more, cost) = (without.equity[1].0 - with.equity[1].0, with.ledger.slippage.0 - without.ledger.slippage.0);
        // Where the pool is not balanced its middle price is not one: that is a price, and in the ledger as such.
        assert_eq!(more, cost + with.ledger.depreciation.0 - with.ledger.gains.0);
    }
}

// SPEC B2
#[test]
fn a_larger_capital_gets_a_worse_price() {
    let market = two_coins(3, [0.0, 0.1], &recorded([100, 100, 100], FEE, 10_000));
    let part = |capital: u128| {
        let run = simulated(&market, Assets(capital * USDC), &Plan::Single(1, Bounds::Free));
        run.ledger.slippage.0 as f64 / (capital * USDC) as f64
    };
    let parts = [100_000, 1_000_000, 10_000_000, 50_000_000, 90_000_000].map(part);
    assert!(parts.windows(2).all(|pair| pair[0] < pair[1]), "{parts:?}");
    assert!(parts[0] > 0.000_7 && parts[0] < 0.000_8, "little money pays the fee of both ways: {parts:?}");
    assert!(parts[4] > 0.002, "{parts:?}");
}

// SPEC X2: the decision counts the way there and back.
#[test]
fn a_rate_that_does_not_pay_for_the_swap_is_not_moved_for() {
    let day = recorded([100, 100, 100], FEE, 10_000);
    let moved = |rate: f64| {
        let market = two_coins(20, [0.03, rate], &day);
        simulated(&market, CAPITAL, &convex(&market)).positions.iter().any(|positions| positions[1] > Assets::ZERO)
    };
    assert!(moved(0.09));
    // Eight basis points there and back are more than 0.9 % a year earn in thirty days.
    assert!(!moved(0.009));
    let mut market = two_coins(20, [0.03, 0.009], &day);
    market.exchange = None;
    let run = simulated(&market, CAPITAL, &convex(&market));
    assert!(run.positions[19][1] > Assets::ZERO, "as a venue of USDC it is of use beside the other's cap");
}

// SPEC X4
#[test]
fn a_swap_beyond_the_accepted_price_is_not_made() {
    // Two million in each: half a million moves the price by far more than ten basis points.
    let market = two_coins(10, [0.0, 0.5], &recorded([2, 2, 2], FEE, 10_000));
    let large = simulated(&market, Assets(4_000_000 * USDC), &convex(&market));
    let most = large.positions.iter().map(|positions| positions[1]).max().unwrap();
    assert!(most < Assets(1_900_000 * USDC), "{most}");
    let small = simulated(&market, Assets(100_000 * USDC), &convex(&market));
    assert!(small.positions[9][1] > Assets(45_000 * USDC), "{:?}", small.positions[9]);
}

// SPEC C7a, C8: a coin off its peg is marked down, its venues are closed, and what is in them comes home at the day's price.
#[test]
fn a_coin_off_its_peg_is_marked_down_and_left_and_the_other_venue_stays() {
    let mut market = two_coins(40, [0.05, 0.09], &recorded([100, 100, 100], FEE, 10_000));
    // 200 times as much USDT as USDC: nobody wants it.
    for day in &mut exchange(&mut market).days[20..24] {
        *day = recorded([5, 5, 1_000], FEE, 9_700);
    }
    let run = simulated(&market, CAPITAL, &convex(&market));
    assert!(run.positions[19][1] > Assets::ZERO);
    assert_eq!(run.positions[20][1], Assets::ZERO, "gone on the day itself");
    assert!(run.positions[20][0] > Assets::ZERO, "USDC's own venue is not left");
    let retreat = &run.retreats[0];
    assert_eq!((retreat.step, retreat.venue, retreat.cause, retreat.stuck), (20, 1, Cause::Peg, Assets::ZERO));
    assert!(retreat.out < run.positions[19][1], "for less than it was worth the day before");
    assert!(run.ledger.depreciation > Assets(USDC) && run.exits.is_empty());
    assert!((20..24).all(|step| run.positions[step][1] == Assets::ZERO));

    // At the bound of USDT's band it stays.
    for day in &mut exchange(&mut market).days[20..24] {
        *day = recorded([100, 100, 100], FEE, 9_750);
    }
    assert!(simulated(&market, CAPITAL, &convex(&market)).retreats.is_empty());
}

#[test]
fn off_usdcs_own_peg_the_coins_come_home_at_the_days_price() {
    let mut market = two_coins(30, [0.05, 0.09], &recorded([100, 100, 100], FEE, 10_000));
    market.environment[20].usdc_low = Wad(WAD / 100 * 97);
    let run = simulated(&market, CAPITAL, &convex(&market));
    assert!(run.positions[19][1] > Assets::ZERO);
    assert_eq!(run.positions[20], [Assets::ZERO; 2]);
    assert_eq!(run.exits.len(), 1);
    let held = run.positions[19].iter().map(|position| position.0).sum::<u128>();
    assert!(run.exits[0].out.0.abs_diff(held) < 300 * USDC, "{:?} of {held}", run.exits[0]);
    assert_eq!(run.ledger.applied_to(CAPITAL), run.equity.last().copied());
}

// SPEC B1, ERR-40: pools and prices of later days are not seen.
#[test]
fn pools_and_prices_that_come_later_change_nothing_before_them() {
    let mut market = two_coins(60, [0.05, 0.05], &recorded([100, 100, 100], FEE, 10_000));
    for (step, slot) in market.venues[1].steps.iter_mut().enumerate() {
        let rate = 0.02 + 0.12 * f64::from(u32::try_from(step / 9 % 2).unwrap());
        *slot = calibrated(rate, None, Observed::Measured { supplied: 900e6, borrowed: 720e6 });
    }
    for (step, day) in exchange(&mut market).days.iter_mut().enumerate() {
        *day = recorded([100, 90 + step as u128, 120], FEE, 10_000);
    }
    for cut in [1, 12, 30, 59] {
        let mut other = market.clone();
        for day in &mut exchange(&mut other).days[cut..] {
            *day = recorded([30, 90, 400], FEE * 2, 9_900);
        }
        for (name, plan) in plans(&market) {
            let (run, again) = (simulated(&market, CAPITAL, &plan), simulated(&other, CAPITAL, &plan));
            assert_eq!(run.equity[..cut], again.equity[..cut], "{name} until {cut}");
            assert_eq!(run.positions[..cut], again.positions[..cut], "{name} until {cut}");
        }
        let run = |market: &Market| simulated(market, CAPITAL, &Plan::Single(1, Bounds::Free)).equity;
        assert_ne!(run(&market)[cut..], run(&other)[cut..], "it changes what comes then");
    }
}

#[test]
fn a_series_of_coins_that_ends_is_paid_out_through_the_pool() {
    let mut market = two_coins(20, [0.0, 0.05], &recorded([100, 100, 100], FEE, 10_000));
    market.venues[1].steps[10..].fill(None);
    let run = simulated(&market, CAPITAL, &Plan::Single(1, Bounds::Free));
    assert_eq!(run.ended, 1);
    assert_eq!(run.positions[19][1], Assets::ZERO);
    assert_eq!(run.ledger.applied_to(CAPITAL), run.equity.last().copied());
    // Nothing is lost in going that was not counted as lost before.
    assert!(run.equity[19] >= run.equity[8]);
}

// The gas of years is paid from coins where there is nothing else.
#[test]
fn what_idle_cannot_pay_is_sold_for() {
    let mut market = two_coins(40, [0.0, 0.0], &recorded([100, 100, 100], FEE, 10_000));
    for day in &mut market.environment {
        day.gas_price = 2_000_000_000_000;
    }
    market.venues.remove(0);
    exchange(&mut market).of = vec![Some(0)];
    let rules = Rules { resume_after: 0, ..Rules::default() };
    let mut policy = default_policy(1);
    policy.min_gain = Apr(0);
    for step in market.venues[0].steps.iter_mut() {
        *step = calibrated(5.0, None, Observed::Measured { supplied: 900e6, borrowed: 720e6 });
    }
    let capital = Assets(100_000 * USDC);
    let run = simulate(&market, 0..40, capital, "", &Plan::Decide(Box::new(policy)), &rules);
    assert_eq!(run.ledger.applied_to(capital), run.equity.last().copied());
    assert!(run.ledger.upkeep > Assets(20_000 * USDC), "{:?}", run.ledger);
}

// The files as they are, through the reader.
#[test]
fn pool_and_prices_are_read_as_of_their_days_and_usdc_alone_reads_nothing_of_them() {
    let directory = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| std::fs::write(directory.path().join(name), text).unwrap();
    let day = |day: u64| time::date(time::day("2024-01-01").unwrap() + day * time::DAY);
    let rates = "date_utc,source_id,protocol,version,chain,asset,pool,supply_apy_pct,borrow_apy_pct,tvl_usd,borrowed_usd,utilization";
    let row = |at: u64, asset: &str| format!("{},s,compound,v2,ethereum,{asset},,3.0,,900000000,700000000,", day(at));
    let rows = |asset: &'static str| (0..40).map(move |at| row(at, asset));
    let all: Vec<String> = rows("USDC").chain(rows("USDT")).chain(rows("DAI")).chain(rows("WETH")).collect();
    write("lending_rates_daily.csv", format!("{rates}\n{}\n", all.join("\n")));
    write(
        "curve_pool_balances_daily.csv",
        format!(
            "date_utc,pool,token_1,balance_1,token_2,balance_2,token_3,balance_3,tvl_tokens\n{},dai:usdc:usdt,dai,100000000,usdc,200000000,usdt,300000000,600000000\n",
            day(10)
        ),
    );
    write(
        "lp_pools_daily.csv",
        format!(
            "date_utc,protocol_slug,chain,symbol,pool_uuid,tvl_usd,apy_pct,apy_base_pct,apy_reward_pct,stable_only,has_stable\n\
             {},curve-dex,Ethereum,DAI-USDC-USDT,25171c4c-1877-449a-9f88-45a9f153ee31,90000000,1,1,0,1,1\n",
            day(20)
        ),
    );
    let prices = "date_utc,symbol,open_usd,high_usd,low_usd,close_usd,volume_usd,market_cap_usd,circulating_supply,high_time_utc,low_time_utc,source_id";
    let price = |symbol: &str, close: &str| format!("{}T00:00:00Z,{symbol},,,,{close},,,,,,m", day(5));
    write("stablecoin_prices_daily.csv", format!("{prices}\n{}\n{}\n", price("USDC", "1.0"), price("USDT", "0.99")));
    let (start, end) = (time::day("2024-01-01").unwrap(), time::day("2024-02-09").unwrap());
    let settings = CoinSettings { coins: vec![Stablecoin::Dai, Stablecoin::Usdt], ..CoinSettings::default() };
    let market = Market::read_with(directory.path(), start..=end, NOW, &settings).unwrap();
    let ids: Vec<&str> = market.venues.iter().map(|venue| venue.id.as_str()).collect();
    assert_eq!(ids, ["compound/ethereum/dai", "compound/ethereum/usdc", "compound/ethereum/usdt"]);
    let found = market.exchange.as_ref().unwrap();
    assert_eq!(found.of, [Some(0), None, Some(1)]);
    let at = |at: u64| &found.days[market.at(start + at * time::DAY).unwrap()];
    let millions = |at_day: u64| -> Vec<u128> {
        at(at_day).pool.balances().iter().map(|x| (x / WAD + 500_000) / 1_000_000).collect()
    };
    assert_eq!(millions(9), [17, 17, 17], "50 million are assumed");
    assert_eq!((millions(10), at(10).recorded), (vec![200, 100, 300], true));
    assert_eq!((millions(16), at(16).recorded), (vec![200, 100, 300], true), "for a week");
    assert_eq!((millions(17), at(17).recorded), (vec![17, 17, 17], false));
    assert_eq!(millions(20), [30, 30, 30], "its size from then on");
    assert_eq!(millions(39), [30, 30, 30]);
    let usdt = |at_day: u64| (at(at_day).coins[1].level.0, at(at_day).coins[1].close.0);
    assert_eq!(usdt(4), (WAD, WAD), "nothing is known of it before");
    assert_eq!(usdt(5).1 / (WAD / 100), 99);
    assert_eq!(at(10).coins[1].level, Wad(WAD), "the pool itself says what it is worth");
    assert!(at(10).coins[1].mid < Wad(WAD) && at(10).coins[0].mid > Wad(WAD), "there is most of USDT and least of DAI");
    assert!(market.notes.iter().any(|note| note.contains("3pool")), "{:?}", market.notes);

    let alone = Market::read(directory.path(), start..=end, NOW).unwrap();
    assert_eq!(alone.venues.len(), 1);
    assert!(alone.exchange.is_none() && alone.notes.iter().all(|note| !note.contains("pool")), "{:?}", alone.notes);
}
