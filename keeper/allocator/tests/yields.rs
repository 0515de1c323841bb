//! Rates and yields against the protocols' own contracts and against an independent floating-point implementation.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod world;

use ballast_allocator::{rates, yields::ModelError, yields::VenueModel};
use ballast_types::*;
use proptest::prelude::{Strategy, *};
use world::{USDC, aave_curve, fresh};

/// What the contract itself computed for each line below: `calculateInterestRates` of Aave V3.6's
/// `DefaultReserveInterestRateStrategyV2`. Parameters by index: optimal, base, slope 1, slope 2, reserve factor in bps.
const AAVE_PARAMETERS: [(u128, u128, u128, u128, u128); 3] =
    [(9_000, 0, 550, 4_000, 1_000), (9_200, 0, 600, 2_000, 2_500), (8_000, 100, 400, 7_500, 2_000)];

/// (parameters, supplied, borrowed, borrow rate in ray, supply rate in ray)
const AAVE_RATES: [(usize, u128, u128, u128, u128); 27] = [
    (
        0,
        100_000_000_000_000,
        80_000_000_000_000,
        48_888_888_888_888_888_888_888_889,
        35_200_000_000_000_000_000_000_000,
    ),
    (
        0,
        123_456_789_012_345,
        101_234_567_890_123,
        50_111_111_556_611_164_620_614_043,
        36_982_000_657_558_081_902_952_530,
    ),
    (
        0,
        100_000_000_000_000,
        90_000_000_000_000,
        55_000_000_000_000_000_000_000_000,
        44_550_000_000_000_000_000_000_000,
    ),
    (
        0,
        100_000_000_000_000,
        92_000_001_000_000,
        135_000_040_000_000_000_000_000_000,
        111_780_034_335_000_360_000_000_000,
    ),
    (
        0,
        100_000_000_000_000,
        100_000_000_000_000,
        455_000_000_000_000_000_000_000_000,
        409_500_000_000_000_000_000_000_000,
    ),
    (0, 100_000_000_000_000, 1, 611_111_111_111, 0),
    (0, 7, 3, 26_190_476_190_476_190_476_190_477, 10_102_040_816_326_530_612_244_898),
    (
        0,
        1_000_000_000_000_000_000,
        970_000_000_000_000_000,
        335_000_000_000_000_000_000_000_000,
        292_455_000_000_000_000_000_000_000,
    ),
    (0, 55_555_555_555_555, 0, 0, 0),
    (
        1,
        100_000_000_000_000,
        80_000_000_000_000,
        52_173_913_043_478_260_869_565_217,
        31_304_347_826_086_956_521_739_131,
    ),
    (
        1,
        123_456_789_012_345,
        101_234_567_890_123,
        53_478_261_345_000_057_105_003_129,
        32_889_131_019_567_464_142_941_973,
    ),
    (
        1,
        100_000_000_000_000,
        90_000_000_000_000,
        58_695_652_173_913_043_478_260_870,
        39_619_565_217_391_304_347_826_087,
    ),
    (
        1,
        100_000_000_000_000,
        92_000_001_000_000,
        60_000_025_000_000_000_000_000_000,
        41_400_017_700_000_187_500_000_000,
    ),
    (
        1,
        100_000_000_000_000,
        100_000_000_000_000,
        260_000_000_000_000_000_000_000_000,
        195_000_000_000_000_000_000_000_000,
    ),
    (1, 100_000_000_000_000, 1, 652_173_913_043, 0),
    (1, 7, 3, 27_950_310_559_006_211_180_124_224, 8_984_028_393_966_282_165_039_929),
    (
        1,
        1_000_000_000_000_000_000,
        970_000_000_000_000_000,
        185_000_000_000_000_000_000_000_000,
        134_587_500_000_000_000_000_000_000,
    ),
    (1, 55_555_555_555_555, 0, 0, 0),
    (
        2,
        100_000_000_000_000,
        80_000_000_000_000,
        50_000_000_000_000_000_000_000_000,
        32_000_000_000_000_000_000_000_000,
    ),
    (
        2,
        123_456_789_012_345,
        101_234_567_890_123,
        125_000_027_337_503_283_537_679_906,
        82_000_018_662_402_400_994_061_115,
    ),
    (
        2,
        100_000_000_000_000,
        90_000_000_000_000,
        425_000_000_000_000_000_000_000_000,
        306_000_000_000_000_000_000_000_000,
    ),
    (
        2,
        100_000_000_000_000,
        92_000_001_000_000,
        500_000_037_500_000_000_000_000_000,
        368_000_031_600_000_300_000_000_000,
    ),
    (
        2,
        100_000_000_000_000,
        100_000_000_000_000,
        800_000_000_000_000_000_000_000_000,
        640_000_000_000_000_000_000_000_000,
    ),
    (2, 100_000_000_000_000, 1, 10_000_000_000_000_500_000_000_000, 80_000_000_000),
    (2, 7, 3, 31_428_571_428_571_428_571_428_571, 10_775_510_204_081_632_653_061_224),
    (
        2,
        1_000_000_000_000_000_000,
        970_000_000_000_000_000,
        687_500_000_000_000_000_000_000_000,
        533_500_000_000_000_000_000_000_000,
    ),
    (2, 55_555_555_555_555, 0, 10_000_000_000_000_000_000_000_000, 0),
];

/// `borrowRateView` of morpho-blue-irm's `AdaptiveCurveIrm` with no time passed: (rate at target per second, supplied,
/// borrowed, borrow rate per second). The curve is linear in the rate, so its unit does not matter.
const MORPHO_RATES: [(u128, u128, u128, u128); 27] = [
    (1_268_391_679, 60_000_000_000_000, 54_000_000_000_000, 1_268_391_679),
    (1_268_391_679, 60_000_000_000_000, 53_123_456_789_012, 1_252_950_010),
    (1_268_391_679, 60_000_000_000_000, 54_000_000_000_001, 1_268_391_679),
    (1_268_391_679, 60_000_000_000_000, 58_765_432_109_876, 4_290_608_896),
    (1_268_391_679, 60_000_000_000_000, 60_000_000_000_000, 5_073_566_716),
    (1_268_391_679, 60_000_000_000_000, 0, 317_097_919),
    (1_268_391_679, 7, 3, 770_094_947),
    (1_268_391_679, 1_000_000_000_000_000_000, 970_000_000_000_000_000, 3_932_014_204),
    (1_268_391_679, 55_555_555_555_555, 1_234_567, 317_097_943),
    (634_195_839, 60_000_000_000_000, 54_000_000_000_000, 634_195_839),
    (634_195_839, 60_000_000_000_000, 53_123_456_789_012, 626_475_004),
    (634_195_839, 60_000_000_000_000, 54_000_000_000_001, 634_195_839),
    (634_195_839, 60_000_000_000_000, 58_765_432_109_876, 2_145_304_446),
    (634_195_839, 60_000_000_000_000, 60_000_000_000_000, 2_536_783_356),
    (634_195_839, 60_000_000_000_000, 0, 158_548_959),
    (634_195_839, 7, 3, 385_047_473),
    (634_195_839, 1_000_000_000_000_000_000, 970_000_000_000_000_000, 1_966_007_100),
    (634_195_839, 55_555_555_555_555, 1_234_567, 158_548_971),
    (9_000_000_001, 60_000_000_000_000, 54_000_000_000_000, 9_000_000_001),
    (9_000_000_001, 60_000_000_000_000, 53_123_456_789_012, 8_890_432_099),
    (9_000_000_001, 60_000_000_000_000, 54_000_000_000_001, 9_000_000_001),
    (9_000_000_001, 60_000_000_000_000, 58_765_432_109_876, 30_444_444_497),
    (9_000_000_001, 60_000_000_000_000, 60_000_000_000_000, 36_000_000_004),
    (9_000_000_001, 60_000_000_000_000, 0, 2_250_000_000),
    (9_000_000_001, 7, 3, 5_464_285_714),
    (9_000_000_001, 1_000_000_000_000_000_000, 970_000_000_000_000_000, 27_900_000_003),
    (9_000_000_001, 55_555_555_555_555, 1_234_567, 2_250_000_166),
];

#[test]
fn aave_rates_are_those_of_its_strategy_contract() {
    let bps = WAD / 10_000;
    for (index, supplied, borrowed, borrow_ray, supply_ray) in AAVE_RATES {
        let (optimal, base, slope1, slope2, reserve_factor) = AAVE_PARAMETERS[index];
        let curve = RateCurve::Kinked {
            base: Apr(base * bps),
            slope1: Apr(slope1 * bps),
            slope2: Apr(slope2 * bps),
            optimal: Wad(optimal * bps),
        };
        rates::check(&curve).unwrap();
        let u = rates::utilisation(Assets(borrowed), Assets(supplied));
        let borrow = rates::borrow_rate(&curve, u).unwrap();
        let supply = rates::supply_rate(&curve, u, Wad(reserve_factor * bps)).unwrap();
        // 1e-18 of utilisation is up to 3.75e-17 of rate on the steepest of these slopes.
        let close = |ours: Apr, ray: u128| ours.0.abs_diff(ray / 1_000_000_000) <= 40;
        assert!(close(borrow, borrow_ray), "{supplied} {borrowed}: borrow {borrow:?}, contract {borrow_ray}");
        assert!(close(supply, supply_ray), "{supplied} {borrowed}: supply {supply:?}, contract {supply_ray}");
    }
}

#[test]
fn morpho_rates_are_exactly_those_of_its_irm_contract() {
    for (at_target, supplied, borrowed, expected) in MORPHO_RATES {
        let curve = world::morpho_curve(Apr(at_target));
        let u = rates::utilisation(Assets(borrowed), Assets(supplied));
        assert_eq!(rates::borrow_rate(&curve, u), Some(Apr(expected)), "{supplied} {borrowed}");
    }
}

#[test]
fn an_empty_market_is_unused_and_an_overdrawn_one_fully_used() {
    assert_eq!(rates::utilisation(Assets(0), Assets(0)), Wad(0));
    assert_eq!(rates::utilisation(Assets(1), Assets(0)), Wad(WAD));
    assert_eq!(rates::utilisation(Assets(8), Assets(7)), Wad(WAD));
    assert_eq!(rates::utilisation(Assets(7), Assets(7)), Wad(WAD));
}

/// The same formulas written again, in doubles.
mod reference {
    use super::*;

    fn borrow_rate(curve: &RateCurve, u: f64) -> f64 {
        let wad = |value: u128| value as f64 / 1e18;
        match *curve {
            RateCurve::Kinked { base, slope1, slope2, optimal } => {
                let (base, slope1, slope2, optimal) = (wad(base.0), wad(slope1.0), wad(slope2.0), wad(optimal.0));
                if u <= optimal {
                    base + slope1 * u / optimal
                } else {
                    base + slope1 + slope2 * (u - optimal) / (1.0 - optimal)
                }
            }
            RateCurve::Adaptive { rate_at_target, target, steepness } => {
                let (at_target, target, steepness) = (wad(rate_at_target.0), wad(target.0), wad(steepness.0));
                let factor = if u > target {
                    (steepness - 1.0) * (u - target) / (1.0 - target) + 1.0
                } else {
                    (1.0 - 1.0 / steepness) * (u - target) / target + 1.0
                };
                factor * at_target
            }
        }
    }

    /// The venue's rate after a change of our position by `change`.
    pub(crate) fn rate(reading: &VenueReading, change: f64) -> f64 {
        let VenueReading::Read { markets, supply_queue, withdraw_queue, performance_fee, .. } = reading else {
            panic!("readable by construction")
        };
        let mut supplied: Vec<f64> = markets.iter().map(|market| market.supplied.0 as f64).collect();
        let mut held: Vec<f64> = markets.iter().map(|market| market.held.0 as f64).collect();
        let mut rest = change.abs();
        let queue = if change > 0.0 { supply_queue } else { withdraw_queue };
        for &index in queue {
            let index = usize::from(index);
            let market = &markets[index];
            let limit = if change > 0.0 {
                market.room.0 as f64
            } else {
                held[index].min((supplied[index] - market.borrowed.0 as f64).max(0.0))
            };
            let part = rest.min(limit);
            rest -= part;
            let signed = part * change.signum();
            supplied[index] += signed;
            held[index] += signed;
        }
        let mut earned = 0.0;
        for (index, market) in markets.iter().enumerate() {
            if supplied[index] > 0.0 && held[index] > 0.0 {
                let u = (market.borrowed.0 as f64 / supplied[index]).min(1.0);
                earned += held[index] * borrow_rate(&market.curve, u) * u * (1.0 - market.fee.0 as f64 / 1e18);
            }
        }
        let total: f64 = held.iter().sum();
        if total == 0.0 { 0.0 } else { earned / total * (1.0 - performance_fee.0 as f64 / 1e18) }
    }
}

fn curve() -> impl Strategy<Value = RateCurve> {
    prop_oneof![
        (0..WAD / 50, 0..WAD / 5, 0..2 * WAD, WAD / 100..=WAD * 99 / 100).prop_map(
            |(base, slope1, slope2, optimal)| {
                RateCurve::Kinked { base: Apr(base), slope1: Apr(slope1), slope2: Apr(slope2), optimal: Wad(optimal) }
            }
        ),
        (WAD / 1_000..WAD, WAD / 2..WAD * 99 / 100, WAD..10 * WAD).prop_map(|(rate, target, steepness)| {
            RateCurve::Adaptive { rate_at_target: Apr(rate), target: Wad(target), steepness: Wad(steepness) }
        }),
    ]
}

fn market() -> impl Strategy<Value = Market> {
    (1u128..1_000_000_000, 0..=1_000u128, 0..=1_000u128, 0u128..1_000_000_000, 0..WAD / 2, curve()).prop_map(
        |(supplied, lent, ours, room, fee, curve)| Market {
            name: "market".into(),
            supplied: Assets(supplied * USDC),
            borrowed: Assets(supplied * USDC * lent / 1_000),
            held: Assets(supplied * USDC * ours / 1_000),
            room: Assets(room * USDC),
            fee: Wad(fee),
            curve,
        },
    )
}

fn reading() -> impl Strategy<Value = VenueReading> {
    (prop::collection::vec(market(), 1..4), 0..WAD / 2, any::<bool>(), 0..=1_000u128).prop_map(
        |(markets, performance_fee, reversed, ours)| {
            let mut queue: Vec<u8> = (0..markets.len() as u8).collect();
            if reversed {
                queue.reverse();
            }
            let held: u128 = markets.iter().map(|market| market.held.0).sum();
            VenueReading::Read {
                value: Assets(held * ours / 1_000),
                liquidity: Assets(0),
                utilisation: Wad(0),
                size: Assets(held),
                checkpoint: None,
                depositable: true,
                performance_fee: Wad(performance_fee),
                markets,
                supply_queue: queue.clone(),
                withdraw_queue: queue,
            }
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4_000))]

    #[test]
    fn rates_agree_with_a_floating_point_implementation(reading in reading(), up: bool, part in 0..=1_000u128) {
        let model = VenueModel::new(&reading).unwrap();
        let (position, change) = if up {
            let more = model.max_addition().0 * part / 1_000;
            (model.value().0 + more, more as f64)
        } else {
            let less = model.max_reduction().0.min(model.value().0) * part / 1_000;
            (model.value().0 - less, -(less as f64))
        };
        let ours = model.rate_at(Assets(position)).expect("within the venue's means").0 as f64 / 1e18;
        let theirs = reference::rate(&reading, change);
        // Amounts up to 1e15 are exact in doubles, so both sides see the same markets.
        prop_assert!((ours - theirs).abs() <= 1e-9 * theirs + 1e-15, "fixed {ours}, floating {theirs}");
    }

    /// What the bound on moves stands on, and the shorter way that such a venue takes.
    #[test]
    fn a_venue_with_one_market_pays_the_less_the_more_is_in_it(reading in reading(), twice: bool, parts in (0..=1_100u128, 0..=1_100u128)) {
        let queue = if twice { vec![0, 0] } else { vec![0] };
        let with = |empty: bool| {
            let mut reading = reading.clone();
            if let VenueReading::Read { value, size, markets, supply_queue, withdraw_queue, .. } = &mut reading {
                markets.truncate(1);
                *size = markets[0].held;
                *value = (*value).min(*size);
                if empty {
                    let nothing = Assets(0);
                    markets.push(Market { supplied: nothing, borrowed: nothing, held: nothing, ..markets[0].clone() });
                }
                (*supply_queue, *withdraw_queue) = (queue.clone(), queue.clone());
            }
            reading
        };
        let (alone, beside) = (with(false), with(true));
        let (alone, beside) = (VenueModel::new(&alone).unwrap(), VenueModel::new(&beside).unwrap());
        let at = |part: u128| Assets((alone.value().0 + alone.max_addition().0) * part / 1_000);
        let (some, other) = (at(parts.0), at(parts.1));
        prop_assert_eq!(alone.rate_at(some), beside.rate_at(some));
        if let (Some(less), Some(more)) = (alone.rate_at(some.min(other)), alone.rate_at(some.max(other))) {
            // A venue that nobody is in pays nothing.
            prop_assert!(less >= more || less == Apr::ZERO);
        }
    }

    #[test]
    fn nothing_moves_beyond_what_the_venue_can_take_or_pay(reading in reading()) {
        let model = VenueModel::new(&reading).unwrap();
        let most = Assets(model.value().0 + model.max_addition().0);
        prop_assert!(model.rate_at(most).is_some());
        prop_assert!(model.rate_at(Assets(most.0 + 1)).is_none());
        if let Some(least) = model.value().0.checked_sub(model.max_reduction().0) {
            prop_assert!(model.rate_at(Assets(least)).is_some());
            if least > 0 {
                prop_assert!(model.rate_at(Assets(least - 1)).is_none());
            }
        }
    }
}

#[test]
fn adding_to_a_venue_dilutes_its_rate_and_leaving_it_raises_it() {
    let mut snapshot = fresh();
    let VenueReading::Read { value, .. } = &mut snapshot.venues[0].reading else { unreachable!() };
    *value = Assets(10_000_000 * USDC);
    let model = VenueModel::new(&snapshot.venues[0].reading).unwrap();
    let rate = |position: u128| model.rate_at(Assets(position * USDC)).unwrap();
    assert!(rate(9_000_000) > rate(10_000_000) && rate(10_000_000) > rate(11_000_000));
    // 80 M of 110 M at 5.5 % · u / 0.9, less the reserve factor of 10 %.
    let u = 80.0 / 110.0;
    assert!((rate(20_000_000).0 as f64 / 1e18 - 0.055 * u / 0.9 * u * 0.9).abs() < 1e-12);
}

#[test]
fn an_unborrowed_market_in_a_venue_earns_nothing_and_dilutes_the_rest() {
    let lent = Market {
        name: "lent".into(),
        supplied: Assets(1_000 * USDC),
        borrowed: Assets(900 * USDC),
        held: Assets(1_000 * USDC),
        room: Assets(0),
        fee: Wad(0),
        curve: aave_curve(),
    };
    let idle = Market { name: "idle".into(), borrowed: Assets(0), room: Assets(5_000 * USDC), ..lent.clone() };
    let reading = VenueReading::Read {
        value: Assets(0),
        liquidity: Assets(0),
        utilisation: Wad(0),
        size: Assets(2_000 * USDC),
        checkpoint: None,
        depositable: true,
        performance_fee: Wad(WAD / 10),
        markets: vec![lent, idle],
        supply_queue: vec![0, 1],
        withdraw_queue: vec![1, 0],
    };
    let model = VenueModel::new(&reading).unwrap();
    // 5.5 % · 0.9 on half of what is held, less 10 % performance fee.
    assert_eq!(model.rate_at(Assets(0)), Some(Apr(WAD * 55 / 1_000 * 9 / 10 / 2 * 9 / 10)));
    // Twice as much held, all of the new in the idle market.
    assert_eq!(model.rate_at(Assets(2_000 * USDC)), Some(Apr(WAD * 55 / 1_000 * 9 / 10 / 4 * 9 / 10)));
}

fn changed(change: impl FnOnce(&mut Market, &mut Wad, &mut Vec<u8>)) -> Result<(), ModelError> {
    let mut snapshot = fresh();
    let VenueReading::Read { markets, performance_fee, supply_queue, .. } = &mut snapshot.venues[1].reading else {
        unreachable!()
    };
    change(&mut markets[0], performance_fee, supply_queue);
    VenueModel::new(&snapshot.venues[1].reading).map(|_| ())
}

#[test]
fn a_reading_out_of_range_is_refused_with_what_is_wrong() {
    assert_eq!(changed(|_, _, _| ()), Ok(()));
    let message = |outcome: Result<(), ModelError>| outcome.unwrap_err().to_string();
    assert_eq!(
        message(changed(|_, fee, _| *fee = Wad(WAD + 1))),
        "the performance fee is 1000000000000000001, expected at most 1e18"
    );
    assert_eq!(message(changed(|_, _, queue| queue.push(1))), "the supply queue names market 1 of 1");
    assert!(changed(|market, _, _| market.supplied = Assets(u128::MAX)).is_err());
    assert!(changed(|market, _, _| market.fee = Wad(WAD + 1)).is_err());
    assert!(
        message(changed(|market, _, _| market.curve = world::morpho_curve(Apr(u128::MAX)))).contains("rate at target")
    );
    let flat = |optimal| RateCurve::Kinked { base: Apr(0), slope1: Apr(0), slope2: Apr(0), optimal: Wad(optimal) };
    assert!(changed(|market, _, _| market.curve = flat(0)).is_err());
    assert_eq!(changed(|market, _, _| market.curve = flat(WAD)), Ok(()));
}
