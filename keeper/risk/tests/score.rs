//! The whole score: its weights, its tiers, what is missing, and that it is monotone in every input.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use ballast_risk::{
    Freshness, Input, PartId, ScoreInputs, Stablecoin, Tier, score,
    score::{
        Audits, ContractInputs, EconomicInputs, Exploit, LiquidityInputs, OracleUse, PegInputs, Slippage, Standing,
        TrackRecord, Upgradeability, total,
    },
};
use proptest::prelude::*;

const NOW: u64 = 1_700_000_000;
const DAY: u64 = 86_400;

fn given<T>(value: T) -> Input<T> {
    Input::given(value, "test", NOW - 60)
}

/// The best that each input can be.
fn best() -> ScoreInputs {
    ScoreInputs {
        contract: ContractInputs {
            audits: given(Audits { tier_one: 9, other: 9 }),
            live_since: given(NOW - 4_000 * DAY),
            bounty_usd: given(20_000_000),
            exploits: given(TrackRecord::default()),
            source_lines: given(0),
            upgradeability: given(Upgradeability::Immutable),
        },
        economic: EconomicInputs {
            tvl_variation: given(0.0),
            utilisation: given(0.78),
            liquidation_buffer: given(0.5),
            collateral_hhi: given(0.0),
            oracle: given(OracleUse::None),
        },
        peg: PegInputs { prices: vec![(Stablecoin::Usdc, given(1.0))] },
        liquidity: LiquidityInputs {
            slippage: given(Slippage::default()),
            share_of_venue: given(0.0),
            delay: given(0),
        },
        track_record: given(TrackRecord::default()),
    }
}

fn total_of(inputs: &ScoreInputs) -> f64 {
    score("test", inputs, NOW, Freshness::default()).total
}

// SPEC R1, ERR-46: weighted once.
#[test]
fn all_hundred_is_exactly_hundred_and_all_zero_exactly_zero() {
    assert_eq!(total(&[100.0; 5]), 100.0);
    assert_eq!(total(&[0.0; 5]), 0.0);
    assert_eq!(PartId::ALL.iter().map(|id| id.weight()).sum::<u32>(), 100);
    for (index, expected) in [35.0, 25.0, 20.0, 15.0, 5.0].into_iter().enumerate() {
        let mut scores = [0.0; 5];
        scores[index] = 100.0;
        assert_eq!(total(&scores), expected);
    }
}

// SPEC R1, ERR-46: the high tier can be reached.
#[test]
fn nothing_known_is_the_riskiest_of_all_and_says_so() {
    let score = score("test", &ScoreInputs::default(), NOW, Freshness::default());
    assert_eq!((score.total, score.tier, score.points()), (100.0, Tier::High, 100));
    // Six, five, one for the stablecoins, three, one.
    assert_eq!(score.assumed().count(), 16);
    assert!(score.assumed().all(|(_, factor)| factor.standing == Standing::Missing));
}

// SPEC R3 gives five points of 40 and five of 30 to the calmest venue.
#[test]
fn the_best_there_is_is_low() {
    let score = score("test", &best(), NOW, Freshness::default());
    assert_eq!(score.assumed().count(), 0);
    assert_eq!(score.part(PartId::Contract), 0.0);
    assert!((score.part(PartId::Economic) - 1_000.0 / 140.0).abs() < 1e-12);
    assert_eq!(score.tier, Tier::Low);
    assert_eq!(score.points(), 2);
}

// SPEC section 3, ruling 14; ERR-52: 32 is not low.
#[test]
fn tiers_are_half_open() {
    for (value, tier) in [
        (0.0, Tier::Low),
        (29.999, Tier::Low),
        (30.0, Tier::Medium),
        (32.0, Tier::Medium),
        (69.999, Tier::Medium),
        (70.0, Tier::High),
        (100.0, Tier::High),
    ] {
        assert_eq!(Tier::of(value), tier, "{value}");
    }
}

#[test]
fn what_is_too_old_or_from_the_future_counts_as_the_riskiest_and_says_so() {
    let with = |as_of| {
        let mut inputs = best();
        inputs.economic.utilisation = Input::given(0.78, "test", as_of);
        let score = score("test", &inputs, NOW, Freshness::default());
        let factor = score.parts[1].factors.iter().find(|factor| factor.name == "utilisation").unwrap().clone();
        (factor.standing, factor.score)
    };
    assert_eq!(with(NOW - 90_000).0, Standing::Measured);
    assert_eq!(with(NOW - 90_001), (Standing::Stale, 100.0));
    assert_eq!(with(NOW + 1), (Standing::NotYetKnown, 100.0));
}

#[test]
fn every_factor_names_its_source_and_age() {
    let score = score("test", &best(), NOW, Freshness::default());
    for factor in score.parts.iter().flat_map(|part| &part.factors) {
        assert_eq!((factor.source.as_deref(), factor.age), (Some("test"), Some(60)), "{}", factor.name);
        assert!(!factor.detail.is_empty());
    }
    let json = serde_json::to_value(&score).unwrap();
    assert_eq!(json["tier"], "LOW");
    assert_eq!(json["parts"][4]["id"], "track_record");
}

/// One change for the worse of each input, by its number.
fn worsen(inputs: &mut ScoreInputs, which: usize, by: f64) {
    let contract = &mut inputs.contract;
    let economic = &mut inputs.economic;
    let liquidity = &mut inputs.liquidity;
    let exploited = |lost: f64| TrackRecord {
        exploits: vec![Exploit { time: NOW - DAY, lost_usd: Some(lost), recovered_usd: None }],
        disputes: Some(0),
    };
    match which {
        0 => contract.audits = given(Audits { tier_one: (9.0 * (1.0 - by)) as u32, other: 9 }),
        1 => contract.live_since = given(NOW - (4_000.0 * (1.0 - by)) as u64 * DAY),
        2 => contract.bounty_usd = given((20e6 * (1.0 - by)) as u64),
        3 => contract.exploits = given(exploited(200e6 * by)),
        4 => contract.source_lines = given((80e3 * by) as u64),
        5 => contract.upgradeability = given(Upgradeability::Timelock((40.0 * (1.0 - by)) as u64 * DAY)),
        6 => economic.tvl_variation = given(by),
        7 => economic.utilisation = given(0.78 + 0.22 * by),
        8 => economic.liquidation_buffer = given(0.5 * (1.0 - by)),
        9 => economic.collateral_hhi = given(by),
        10 => economic.oracle = given(OracleUse::Sources((9.0 * (1.0 - by)) as u32)),
        11 => inputs.peg.prices[0].1 = given(1.0 - 0.1 * by),
        12 => inputs.peg.prices[0].1 = given(1.0 + 0.1 * by),
        13 => liquidity.slippage = given(Slippage { tenth: 0.0, half: 0.0, whole: 0.1 * by }),
        14 => liquidity.share_of_venue = given(0.2 * by),
        15 => liquidity.delay = given((1e6 * by) as u64),
        _ => inputs.track_record = given(exploited(200e6 * by)),
    }
}

proptest! {
    // SPEC R1, R2: monotone in each factor, whatever the others are.
    #[test]
    fn a_change_for_the_worse_never_lowers_the_score(
        which in 0usize..17,
        by in 0.0..1.0f64,
        more in 0.0..1.0f64,
        others in proptest::collection::vec((0usize..17, 0.0..1.0f64), 0..6),
    ) {
        let mut inputs = best();
        for (other, amount) in others.iter().filter(|(other, _)| *other != which) {
            worsen(&mut inputs, *other, *amount);
        }
        // Both prices are one input.
        prop_assume!(!((which == 11 || which == 12) && others.iter().any(|(other, _)| *other == 11 || *other == 12)));
        let untouched = total_of(&inputs);
        let (low, high) = (by.min(more), by.max(more));
        worsen(&mut inputs, which, low);
        let bad = total_of(&inputs);
        worsen(&mut inputs, which, high);
        let worse = total_of(&inputs);
        prop_assert!(untouched <= bad && bad <= worse, "{which}: {untouched} {bad} {worse}");
        prop_assert!((0.0..=100.0).contains(&worse));
    }

    #[test]
    fn what_is_unknown_is_never_better_than_what_is_known(which in 0usize..17, by in 0.0..1.0f64) {
        let mut known = best();
        worsen(&mut known, which, by);
        let mut unknown = known.clone();
        match which {
            0 => unknown.contract.audits = Input::Missing,
            1 => unknown.contract.live_since = Input::Missing,
            2 => unknown.contract.bounty_usd = Input::Missing,
            3 => unknown.contract.exploits = Input::Missing,
            4 => unknown.contract.source_lines = Input::Missing,
            5 => unknown.contract.upgradeability = Input::Missing,
            6 => unknown.economic.tvl_variation = Input::Missing,
            7 => unknown.economic.utilisation = Input::Missing,
            8 => unknown.economic.liquidation_buffer = Input::Missing,
            9 => unknown.economic.collateral_hhi = Input::Missing,
            10 => unknown.economic.oracle = Input::Missing,
            11 | 12 => unknown.peg.prices.clear(),
            13 => unknown.liquidity.slippage = Input::Missing,
            14 => unknown.liquidity.share_of_venue = Input::Missing,
            15 => unknown.liquidity.delay = Input::Missing,
            _ => unknown.track_record = Input::Missing,
        }
        prop_assert!(total_of(&known) <= total_of(&unknown));
    }
}
