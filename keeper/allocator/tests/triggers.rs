//! SPEC X11, X12, P1: each trigger fires alone on a scripted clock, at its edge and not before.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod world;

use ballast_allocator::triggers::{Measure, Mvrv, MvrvRule, Regime, Signals, State, Trigger, TriggerError, Triggers};
use ballast_risk::HubView;
use ballast_types::*;
use borsh::BorshDeserialize;
use proptest::prelude::{ProptestConfig, prop_assert_eq, proptest};
use world::*;

const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;

fn none() -> Triggers {
    Triggers { drift: None, review: None, low_gas: false, mvrv: None, pause: 0 }
}

fn all() -> Triggers {
    Triggers { drift: Some(Bps(500)), review: Some(7 * DAY), low_gas: true, mvrv: Some(rule()), pause: HOUR }
}

/// Three and a half, and re-entry below three (ERR-54: of the ratio, not of the Z-score).
fn rule() -> MvrvRule {
    MvrvRule { measure: Measure::Ratio, leave: tenths(35), reenter: tenths(30), max_age: 2 * DAY }
}

fn tenths(value: i128) -> SignedWad {
    SignedWad(value * 100_000_000_000_000_000)
}

/// A vault of 100 000 USDC whose Aave position was meant to be 40 % and is `aave` base units; the rest is idle.
fn view(aave: u128) -> HubView {
    let mut snapshot = fresh();
    snapshot.venues[0].target = Bps(4_000);
    let VenueReading::Read { value, .. } = &mut snapshot.venues[0].reading else { panic!() };
    *value = Assets(aave);
    snapshot.vault.idle = Assets(100_000 * USDC - aave);
    HubView::from_snapshot(&snapshot)
}

fn on_target() -> HubView {
    view(40_000 * USDC)
}

/// A look in which nothing is the matter: on target, fees above what a quarter of the blocks had, MVRV at two.
fn calm(view: &HubView, now: u64) -> Signals<'_> {
    Signals {
        now,
        view,
        base_fee: 101,
        fees: Some(FeeHistory { blocks: 1_024, low: 100 }),
        mvrv: Some(Mvrv { measure: Measure::Ratio, value: tenths(20), time: now }),
    }
}

/// As after a decision at `NOW` on the vault on its targets.
fn settled() -> State {
    State { decided: Some((NOW, Bps(6_000))), regime: Some(Regime::Below) }
}

fn fired(triggers: &Triggers, state: &mut State, signals: &Signals<'_>) -> Vec<Trigger> {
    triggers.fired(state, signals).unwrap()
}

#[test]
fn on_a_calm_clock_nothing_fires_until_the_review() {
    let (view, mut state) = (on_target(), settled());
    for minute in 1..7 * 24 * 60 {
        assert_eq!(fired(&all(), &mut state, &calm(&view, NOW + minute * 60)), [], "minute {minute}");
    }
    assert_eq!(fired(&all(), &mut state, &calm(&view, NOW + 7 * DAY - 1)), []);
    assert_eq!(fired(&all(), &mut state, &calm(&view, NOW + 7 * DAY)), [Trigger::Review]);
    assert_eq!(state, settled(), "a look alone moves no clock");
    state.remember(NOW + 7 * DAY, view.idle, view.nav().unwrap());
    assert_eq!(fired(&all(), &mut state, &calm(&view, NOW + 7 * DAY + 1)), []);
}

#[test]
fn before_the_first_decision_a_review_is_due() {
    assert_eq!(fired(&all(), &mut State::default(), &calm(&on_target(), NOW)), [Trigger::Review]);
    assert_eq!(fired(&none(), &mut State::default(), &calm(&on_target(), NOW)), []);
}

// SPEC P1: weekly, daily, four times a day.
#[test]
fn each_profile_reviews_as_often_as_it_says() {
    for (name, times) in [(ProfileName::Conservative, 4), (ProfileName::Balanced, 28), (ProfileName::Aggressive, 112)] {
        let profile = name.profile().unwrap();
        let triggers = Triggers { review: Some(profile.schedule.review_hours * HOUR), ..none() };
        triggers.validate().unwrap();
        let (view, mut state, mut reviews) = (on_target(), State::default(), 0);
        for minute in 0..4 * 7 * 24 * 60 {
            let now = NOW + minute * 60;
            if fired(&triggers, &mut state, &calm(&view, now)) == [Trigger::Review] {
                reviews += 1;
                state.remember(now, view.idle, view.nav().unwrap());
            }
        }
        assert_eq!(reviews, times, "{name} in four weeks");
    }
}

// SPEC X12: 0.05, and more than that.
#[test]
fn drift_fires_alone_one_unit_beyond_five_percent_of_nav() {
    let state = || State { decided: Some((NOW, Bps(6_000))), ..settled() };
    let at = |aave: u128| {
        let view = view(aave);
        fired(&all(), &mut state(), &calm(&view, NOW + HOUR))
    };
    assert_eq!(at(45_000 * USDC), []);
    assert_eq!(at(45_000 * USDC + 1), [Trigger::Drift]);
    assert_eq!(at(35_000 * USDC), []);
    assert_eq!(at(35_000 * USDC - 1), [Trigger::Drift]);
}

#[test]
fn money_that_came_since_the_last_decision_is_drift_even_where_nothing_is_placed() {
    let mut snapshot = fresh();
    let mut state = State::default();
    state.remember(NOW, Assets(0), Assets(0));
    assert_eq!(state.decided, Some((NOW, Bps(0))));
    let view = HubView::from_snapshot(&snapshot);
    assert_eq!(fired(&all(), &mut state, &calm(&view, NOW + HOUR)), [Trigger::Drift]);
    // An empty vault has nothing that could have drifted.
    snapshot.vault.idle = Assets(0);
    assert_eq!(fired(&all(), &mut state, &calm(&HubView::from_snapshot(&snapshot), NOW + HOUR)), []);
}

#[test]
fn drift_that_lasts_asks_again_after_the_pause_and_not_every_block() {
    let (view, mut state, mut asked) = (view(50_000 * USDC), settled(), Vec::new());
    for block in 0..3 * HOUR / 12 {
        let now = NOW + 12 * block;
        if fired(&all(), &mut state, &calm(&view, now)) == [Trigger::Drift] {
            asked.push(now - NOW);
            state.decided = Some((now, Bps(5_000)));
        }
    }
    assert_eq!(asked, [HOUR, 2 * HOUR]);
}

#[test]
fn low_fees_fire_alone_at_what_a_quarter_of_the_blocks_had() {
    let view = on_target();
    let at = |base_fee, fees| fired(&all(), &mut settled(), &Signals { base_fee, fees, ..calm(&view, NOW + HOUR) });
    let history = Some(FeeHistory { blocks: 1_024, low: 100 });
    assert_eq!(at(100, history), [Trigger::LowGas]);
    assert_eq!(at(101, history), []);
    assert_eq!(at(0, None), [], "without a history nothing is known to be low");
    let soon = Signals { base_fee: 1, ..calm(&view, NOW + HOUR - 1) };
    assert_eq!(fired(&all(), &mut settled(), &soon), []);
}

fn mvrv(view: &HubView, now: u64, value: SignedWad) -> Signals<'_> {
    Signals { mvrv: Some(Mvrv { measure: Measure::Ratio, value, time: now }), ..calm(view, now) }
}

// ERR-54: a sell rule, hysteresis, and a way back.
#[test]
fn a_crossing_of_mvrv_fires_once_and_the_way_back_once() {
    let (view, mut state) = (on_target(), settled());
    let script = [
        (34, None),
        (35, None),
        (36, Some(Trigger::MvrvAbove)),
        (40, None),
        (34, None),
        (36, None),
        (30, None),
        (29, Some(Trigger::MvrvBelow)),
        (20, None),
        (31, None),
        (35, None),
        (36, Some(Trigger::MvrvAbove)),
    ];
    for (at, (value, expected)) in script.into_iter().enumerate() {
        // A restart between any two looks changes nothing.
        let kept = borsh::to_vec(&state).unwrap();
        let mut restarted = State::try_from_slice(&kept).unwrap();
        let look = mvrv(&view, NOW + 60 + at as u64, tenths(value));
        let found = fired(&all(), &mut restarted, &look);
        assert_eq!(found, Vec::from_iter(expected), "step {at}");
        assert_eq!(fired(&all(), &mut restarted, &look), [], "step {at} again");
        state = restarted;
    }
}

#[test]
fn the_first_reading_of_mvrv_is_no_crossing_and_neither_is_an_old_one() {
    let view = on_target();
    let mut state = State { regime: None, ..settled() };
    assert_eq!(fired(&all(), &mut state, &mvrv(&view, NOW + 60, tenths(40))), []);
    assert_eq!(state.regime, Some(Regime::Above));

    let mut state = settled();
    let late = |age: u64| {
        let now = NOW + 3 * DAY;
        Signals { mvrv: Some(Mvrv { measure: Measure::Ratio, value: tenths(40), time: now - age }), ..calm(&view, now) }
    };
    assert_eq!(fired(&all(), &mut state, &late(2 * DAY + 1)), []);
    let future = Signals {
        mvrv: Some(Mvrv { measure: Measure::Ratio, value: tenths(40), time: NOW + 61 }),
        ..calm(&view, NOW + 60)
    };
    assert_eq!(fired(&all(), &mut state, &future), []);
    assert_eq!(fired(&all(), &mut state, &late(2 * DAY)), [Trigger::MvrvAbove]);
}

#[test]
fn a_z_score_is_not_held_against_the_threshold_of_the_ratio() {
    let view = on_target();
    let score = Mvrv { measure: Measure::ZScore, value: tenths(70), time: NOW + 60 };
    let signals = Signals { mvrv: Some(score), ..calm(&view, NOW + 60) };
    let mut state = settled();
    let fault = all().fired(&mut state, &signals).unwrap_err();
    assert_eq!(fault, TriggerError::Measure { found: Measure::ZScore, expected: Measure::Ratio });
    assert_eq!(state, settled());
}

// SPEC X11, ERR-54
#[test]
fn an_observation_is_the_measure_that_its_metric_says_and_other_indices_are_none() {
    let observed = |metric, value| {
        let series = SeriesId::new("btc", metric).unwrap();
        Observation::new(series, "test", NOW, NOW + 60, value).unwrap()
    };
    let reading = |measure, value| Some(Mvrv { measure, value, time: NOW });
    assert_eq!(Mvrv::of(&observed(Metric::MvrvRatio, 3.5)), reading(Measure::Ratio, tenths(35)));
    assert_eq!(Mvrv::of(&observed(Metric::MvrvZScore, -0.5)), reading(Measure::ZScore, tenths(-5)));
    for metric in Metric::ALL.into_iter().filter(|metric| !matches!(metric, Metric::MvrvRatio | Metric::MvrvZScore)) {
        let (least, most) = metric.plausible();
        assert_eq!(Mvrv::of(&observed(metric, most.min(least.max(1.0)))), None, "{metric}");
    }
}

#[test]
fn a_clock_that_goes_back_fires_nothing() {
    let view = view(50_000 * USDC);
    assert_eq!(fired(&all(), &mut settled(), &calm(&view, NOW - DAY)), []);
}

#[test]
fn triggers_out_of_range_are_refused_by_name() {
    all().validate().unwrap();
    none().validate().unwrap();
    let fault = |triggers: Triggers| triggers.validate().unwrap_err().to_string();
    assert!(fault(Triggers { drift: Some(Bps(0)), ..all() }).contains("drift is 0, expected 1 to 9999"));
    assert!(fault(Triggers { review: Some(3_599), ..all() }).contains("review is 3599"));
    assert!(fault(Triggers { pause: 604_801, ..all() }).contains("pause"));
    let upside_down = MvrvRule { reenter: tenths(35), ..rule() };
    assert!(fault(Triggers { mvrv: Some(upside_down), ..all() }).contains("less than mvrv.leave"));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(500) })]

    /// Crossings alternate: as many up as down, give or take the last.
    #[test]
    fn crossings_alternate(values in proptest::collection::vec(20i128..45, 1..60)) {
        let (view, mut state) = (on_target(), State { regime: None, ..settled() });
        let mut last = None;
        for (at, value) in values.into_iter().enumerate() {
            let look = mvrv(&view, NOW + 60 + at as u64, tenths(value));
            for trigger in fired(&all(), &mut state, &look) {
                prop_assert_eq!(last == Some(trigger), false);
                last = Some(trigger);
            }
        }
    }

    #[test]
    fn drift_is_the_exact_comparison(aave in 0u128..=100_000_000_000, limit in 1u16..9_999) {
        let view = view(aave);
        // Idle was what it is, so that it is the position alone that may have drifted.
        let idle = Bps(((100_000_000_000 - aave) / 10_000_000) as u16);
        let mut state = State { decided: Some((NOW, idle)), ..settled() };
        let triggers = Triggers { drift: Some(Bps(limit)), ..none() };
        let stored = if aave == 0 { 0 } else { 40_000_000_000u128 };
        let expected = aave.abs_diff(stored) * 10_000 > 100_000_000_000 * u128::from(limit);
        prop_assert_eq!(!fired(&triggers, &mut state, &calm(&view, NOW + DAY)).is_empty(), expected);
    }
}
