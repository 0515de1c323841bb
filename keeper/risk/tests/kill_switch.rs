//! The switch as a value: every trigger at its edge, in the blocks that the contracts allow.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use ballast_risk::{
    Stablecoin,
    kill_switch::{
        ARM_LIFETIME, CONFIRM_BLOCKS, Cause, Event, Figures, KillSwitch, Moment, Price, Readings, Refusal, Settings,
        Stage, Subject, Token, Trigger, Venue,
    },
};
use ballast_types::{Assets, Mode, Wad};
use proptest::prelude::*;

const HOUR: u64 = 3_600;
const DAY: u64 = 24 * HOUR;
const START: u64 = 1_700_000_000;
const CENT: u128 = 10_000_000_000_000_000;
const WAD: u128 = 100 * CENT;
const A: Subject = Subject::Venue(0);
const USDC: Subject = Subject::Token(0);
const DAI: Subject = Subject::Token(1);

/// USDC is the asset; venue 0 depends on DAI besides, venue 1 on nothing.
fn switch() -> KillSwitch {
    let tokens = vec![Token::stablecoin(Stablecoin::Usdc, DAY), Token::stablecoin(Stablecoin::Dai, HOUR)];
    let venues = vec![Venue { name: "a".into(), tokens: vec![1] }, Venue { name: "b".into(), tokens: Vec::new() }];
    KillSwitch::new(Settings::default(), tokens, venues).unwrap()
}

/// A block every twelve seconds.
fn at(seconds: u64) -> Moment {
    Moment { block: 1_000_000 + seconds / 12, time: START + seconds }
}

fn blocks_after(moment: Moment, blocks: u64) -> Moment {
    Moment { block: moment.block + blocks, time: moment.time + 12 * blocks }
}

fn calm() -> Readings {
    let figures = Figures::new(Assets(1_000), Wad(80 * CENT));
    Readings { prices: vec![Price::Fresh(Wad(WAD)); 2], venues: vec![figures; 2] }
}

fn with(change: impl FnOnce(&mut Readings)) -> Readings {
    let mut read = calm();
    change(&mut read);
    read
}

fn priced(token: usize, price: u128) -> Readings {
    with(|read| read.prices[token] = Price::Fresh(Wad(price)))
}

fn sized(others: u128) -> Readings {
    with(|read| read.venues[0] = Figures::new(Assets(others), Wad(80 * CENT)))
}

fn lent(utilisation: u128) -> Readings {
    with(|read| read.venues[0] = Figures::new(Assets(1_000), Wad(utilisation)))
}

/// Calm hours from the start up to and with `until`.
fn calm_until(until: u64) -> KillSwitch {
    let mut switch = switch();
    for hour in 0..=until / HOUR {
        let now = at(hour * HOUR);
        assert_eq!(switch.step(now, calm()).unwrap(), []);
    }
    switch
}

// SPEC C7a: 0.9799 kills, 0.9800 does not, 1.0201 kills.
#[test]
fn the_assets_peg_means_exit_at_the_first_price_past_its_band() {
    for (price, kills) in [(9_799, true), (9_800, false), (10_200, false), (10_201, true)] {
        let mut switch = switch();
        let now = at(0);
        let read = priced(0, price * CENT / 100);
        assert_eq!(switch.stopped(now, &read), kills.then_some(Cause::Peg), "{price}");
        let events = switch.step(now, read).unwrap();
        assert_eq!(events.len(), usize::from(kills), "{price}");
        assert_eq!(switch.mode(), if kills { Mode::Exit } else { Mode::Normal }, "{price}");
        if kills {
            assert_eq!((events[0].reason(), events[0].at), ("Stablecoin depeg detected", now));
        }
    }
}

// SPEC C7
#[test]
fn only_governance_leaves_exit_and_not_while_the_condition_holds_or_blocks() {
    let mut switch = switch();
    let now = at(0);
    switch.step(now, priced(0, 97 * CENT)).unwrap();
    let later = at(2 * DAY);
    assert_eq!(switch.step(later, calm()).unwrap(), [], "an Exit is tripped once");
    assert_eq!((switch.mode(), switch.should_exit(later, &calm())), (Mode::Exit, Some(Cause::Peg)));
    assert!(matches!(switch.reset(at(HOUR), &calm()), Err(Refusal::ConditionStillHolds(Cause::Peg))));
    switch.reset(later, &calm()).unwrap();
    assert_eq!((switch.mode(), switch.stopped(later, &calm())), (Mode::Normal, None));
}

// SPEC C7, C8
#[test]
fn another_coins_peg_blocks_what_depends_on_it_for_a_day_and_nothing_else() {
    let mut switch = switch();
    let now = at(0);
    let events = switch.step(now, priced(1, 97 * CENT)).unwrap();
    assert_eq!((events[0].subject, switch.mode()), (DAI, Mode::Normal));
    for (when, cause) in [(DAY - 12, Some(Cause::Peg)), (DAY, None)] {
        let then = at(when);
        assert_eq!(switch.blocked(0, then, &calm()), cause, "{when}");
        assert_eq!(switch.blocked(1, then, &calm()), None);
        assert_eq!(switch.stopped(then, &calm()), None);
    }
}

// SPEC C7d: heartbeat and grace of each feed, ERR-7.
#[test]
fn a_feed_is_stale_a_second_after_its_heartbeat_and_grace() {
    for (token, limit) in [(0, DAY + HOUR), (1, 2 * HOUR)] {
        for (age, stale) in [(limit, false), (limit + 1, true)] {
            let mut switch = switch();
            let now = at(10 * DAY);
            let read = with(|read| {
                read.prices[token] = Price::Answer { price: Wad(WAD), updated_at: now.time - age };
            });
            let events = switch.step(now, read).unwrap();
            assert_eq!(events.len(), usize::from(stale), "{token} {age}");
            assert_eq!(switch.mode(), Mode::Normal, "staleness is no exit");
        }
    }
}

#[test]
fn an_answer_that_means_nothing_stops_additions_and_is_tripped_once_an_hour() {
    let bad = [
        Price::Unreadable,
        Price::Answer { price: Wad::ZERO, updated_at: START },
        Price::Answer { price: Wad(WAD), updated_at: 0 },
        Price::Answer { price: Wad(WAD), updated_at: START + 10 * DAY },
    ];
    for price in bad {
        let mut switch = switch();
        let broken = || with(|read| read.prices[0] = price);
        let first = switch.step(at(0), broken()).unwrap();
        assert_eq!((first[0].trigger, first[0].subject), (Trigger::Oracle, USDC));
        assert_eq!(switch.stopped(at(12), &broken()), Some(Cause::Oracle));
        assert_eq!(switch.step(at(HOUR - 12), broken()).unwrap(), []);
        assert_eq!(switch.step(at(HOUR), broken()).unwrap().len(), 1);
        assert_eq!(switch.stopped(at(HOUR + 12), &calm()), Some(Cause::Oracle), "for its cooldown");
        assert_eq!(switch.stopped(at(2 * HOUR), &calm()), None);
    }
}

fn stages(events: &[Event]) -> Vec<(Trigger, Subject, Stage)> {
    events.iter().map(|event| (event.trigger, event.subject, event.stage)).collect()
}

// SPEC C7c: 0.9501 fires, 0.95 does not.
#[test]
fn utilisation_is_armed_past_its_threshold_and_tripped_25_blocks_later() {
    let mut switch = switch();
    assert_eq!(switch.step(at(0), lent(95 * CENT)).unwrap(), []);
    let armed = at(12);
    let hot = || lent(9_501 * CENT / 100);
    assert_eq!(stages(&switch.step(armed, hot()).unwrap()), [(Trigger::Utilisation, A, Stage::Armed)]);
    let early = blocks_after(armed, CONFIRM_BLOCKS - 1);
    assert_eq!(switch.step(early, hot()).unwrap(), []);
    assert_eq!(
        switch.trip(Trigger::Utilisation, A, early, &hot()),
        Err(Refusal::TooEarly { from_block: armed.block + CONFIRM_BLOCKS })
    );
    let confirmed = blocks_after(armed, CONFIRM_BLOCKS);
    let events = switch.step(confirmed, hot()).unwrap();
    assert_eq!(stages(&events), [(Trigger::Utilisation, A, Stage::Tripped)]);
    assert_eq!((events[0].reason(), events[0].mode), ("Utilization spike detected", Mode::Normal));
    assert_eq!(events[0].blocked_until, confirmed.time + 6 * HOUR);
    let then = |time| Moment { block: confirmed.block + 9_999, time };
    let until = then(confirmed.time + 6 * HOUR - 1);
    assert_eq!(switch.blocked(0, until, &calm()), Some(Cause::Utilisation));
    let after = then(confirmed.time + 6 * HOUR);
    assert_eq!(switch.blocked(0, after, &calm()), None);
}

#[test]
fn an_arming_lapses_after_two_hours_and_is_cleared_only_once_it_could_have_tripped() {
    let hot = || lent(96 * CENT);
    let mut switch = switch();
    switch.step(at(0), hot()).unwrap();
    let clear = |switch: &mut KillSwitch, now| switch.clear(Trigger::Utilisation, 0, now, &calm());
    let soon = blocks_after(at(0), CONFIRM_BLOCKS - 1);
    assert!(matches!(clear(&mut switch.clone(), soon), Err(Refusal::TooEarly { .. })));
    let then = blocks_after(at(0), CONFIRM_BLOCKS);
    assert!(matches!(switch.clone().clear(Trigger::Utilisation, 0, then, &hot()), Err(Refusal::ConditionMet(..))));
    clear(&mut switch.clone(), then).unwrap();
    let last = at(ARM_LIFETIME);
    assert_eq!(switch.clone().trip(Trigger::Utilisation, A, last, &hot()).unwrap().stage, Stage::Tripped);
    let lapsed = Moment { time: last.time + 1, ..last };
    assert!(matches!(clear(&mut switch, lapsed), Err(Refusal::NotArmed(..))));
    assert_eq!(switch.trip(Trigger::Utilisation, A, lapsed, &hot()).unwrap().stage, Stage::Armed);
}

// SPEC C7b: 69.9 % fires, 70 % does not; during warm-up nothing does.
#[test]
fn a_fall_of_more_than_thirty_percent_in_a_day_is_armed_and_tripped() {
    let mut young = calm_until(23 * HOUR);
    let now = at(23 * HOUR + 600);
    assert_eq!(young.step(now, sized(1)).unwrap(), [], "no checkpoint is a day old");

    let mut switch = calm_until(2 * DAY);
    let now = at(2 * DAY + 12);
    assert_eq!(switch.step(now, sized(700)).unwrap(), []);
    let armed = at(2 * DAY + 24);
    let events = switch.step(armed, sized(699)).unwrap();
    assert_eq!(stages(&events), [(Trigger::Tvl, A, Stage::Armed)]);
    assert_eq!((events[0].measured, events[0].bound), (699, 1_000));
    let confirmed = blocks_after(armed, CONFIRM_BLOCKS);
    let events = switch.step(confirmed, sized(699)).unwrap();
    assert_eq!(stages(&events), [(Trigger::Tvl, A, Stage::Tripped)]);
    assert_eq!((events[0].reason(), events[0].blocked_until), ("TVL crash detected", confirmed.time + DAY));
}

#[test]
fn what_begins_and_ends_within_the_confirmation_trips_nothing() {
    let mut switch = calm_until(2 * DAY);
    let now = at(2 * DAY + 12);
    assert_eq!(stages(&switch.step(now, sized(1)).unwrap()), [(Trigger::Tvl, A, Stage::Armed)]);
    for block in 1..=CONFIRM_BLOCKS + 5 {
        let then = blocks_after(now, block);
        assert_eq!(switch.step(then, calm()).unwrap(), []);
    }
}

#[test]
fn a_venue_that_cannot_be_read_is_not_healthy_and_the_others_are() {
    let mut switch = switch();
    let dark = || with(|read| read.venues[0] = Figures::UNREADABLE);
    let events = switch.step(at(0), dark()).unwrap();
    assert_eq!(stages(&events), [(Trigger::Tvl, A, Stage::Armed), (Trigger::Utilisation, A, Stage::Armed)]);
    let then = blocks_after(at(0), CONFIRM_BLOCKS);
    assert!(switch.step(then, dark()).unwrap().iter().all(Event::is_trip));
    let after = blocks_after(then, 1);
    assert_eq!(switch.blocked(0, after, &calm()), Some(Cause::Tvl));
    assert_eq!((switch.blocked(1, after, &calm()), switch.stopped(after, &calm())), (None, None));
}

// A daily series: arming, confirmation and checkpoints happen in the blocks between, with what was read last.
#[test]
fn steps_of_a_day_miss_nothing_that_lasts() {
    let mut switch = switch();
    for day in 0..4 {
        assert_eq!(switch.step(at(day * DAY), calm()).unwrap(), []);
    }
    assert_eq!(switch.settled_size(0, at(3 * DAY)), Assets(1_000));
    let crash = at(4 * DAY);
    let events = switch.step(crash, sized(600)).unwrap();
    assert_eq!(stages(&events), [(Trigger::Tvl, A, Stage::Armed)]);
    let next = at(5 * DAY);
    let events = switch.step(next, sized(600)).unwrap();
    assert_eq!(events[0].at.block, crash.block + CONFIRM_BLOCKS);
    assert_eq!(stages(&events[..1]), [(Trigger::Tvl, A, Stage::Tripped)]);
}

#[test]
fn a_feed_that_stops_goes_stale_between_two_steps() {
    let mut switch = switch();
    let round = Price::Answer { price: Wad(WAD), updated_at: START };
    switch.step(at(0), with(|read| read.prices = vec![round; 2])).unwrap();
    let events = switch.advance(at(3 * HOUR)).unwrap();
    assert_eq!(stages(&events), [(Trigger::Oracle, DAI, Stage::Tripped)]);
    // Heartbeat and grace are two hours: the first block after them.
    assert_eq!(events[0].at, at(2 * HOUR + 12));
}

#[test]
fn guardians_and_watchers_only_reduce() {
    let mut switch = switch();
    let now = at(0);
    switch.set_guardian_block(1, true);
    assert_eq!(switch.blocked(1, now, &calm()), Some(Cause::Guardian));
    assert!(matches!(switch.alert(0, now.time, now), Err(Refusal::ExpiryOutOfBounds { .. })));
    assert!(switch.alert(0, now.time + 7 * DAY + 1, now).is_err());
    switch.alert(0, now.time + DAY, now).unwrap();
    assert!(switch.alert(0, now.time + DAY, now).is_err(), "only extended");
    assert_eq!(switch.blocked(0, now, &calm()), Some(Cause::Governance));
    switch.reduce_only().unwrap();
    assert!(switch.reduce_only().is_err());
    assert_eq!(switch.stopped(now, &calm()), Some(Cause::Guardian));
    switch.enter_exit().unwrap();
    assert_eq!(switch.reduce_only(), Err(Refusal::ModeNotStricter(Mode::Exit)));
    assert_eq!(switch.should_exit(now, &calm()), Some(Cause::Emergency));
}

#[test]
fn what_does_not_fit_is_refused_with_what_was_expected() {
    let mut switch = switch();
    let short = Readings { prices: Vec::new(), venues: Vec::new() };
    assert!(switch.step(at(0), short).unwrap_err().to_string().contains("expected 2 and 2"));
    switch.step(at(24), calm()).unwrap();
    assert!(matches!(switch.step(at(24), calm()), Err(Refusal::Backwards { .. })));
    assert!(matches!(switch.trip(Trigger::Peg, A, at(36), &calm()), Err(Refusal::NoSuchSubject { .. })));
    assert_eq!(KillSwitch::new(Settings::default(), Vec::new(), Vec::new()), Err(Refusal::NoAsset));
}

proptest! {
    // SPEC C7: it trips only on truth, and nothing but governance relaxes the mode.
    #[test]
    fn every_event_has_its_evidence_and_the_mode_only_rises(
        steps in proptest::collection::vec(
            (1u64..3 * DAY / 12, 960u128..1_040, 960u128..1_040, 0u128..2_000, 900u128..1_000, 0u8..10), 1..40),
    ) {
        let mut switch = switch();
        let mut seconds = 0;
        let mut mode = Mode::Normal;
        for (blocks, usdc, dai, size, utilisation, unread) in steps {
            seconds += 12 * blocks;
            let now = at(seconds);
            let read = with(|read| {
                let price = |millis: u128| Price::Answer { price: Wad(millis * CENT / 10), updated_at: now.time };
                read.prices = vec![price(usdc), price(dai)];
                let figures = Figures::new(Assets(size), Wad(utilisation * CENT / 10));
                read.venues[0] = if unread == 0 { Figures::UNREADABLE } else { figures };
            });
            for event in switch.step(now, read).unwrap() {
                match event.trigger {
                    Trigger::Peg => prop_assert!(event.measured < 98 * CENT || event.measured > 102 * CENT),
                    Trigger::Utilisation => prop_assert!(event.measured == 0 || event.measured > 95 * CENT),
                    Trigger::Tvl => prop_assert!(event.measured == 0 || event.measured * 10 < event.bound * 7),
                    // Between two steps a feed may go stale.
                    Trigger::Oracle => prop_assert!(event.at.block < now.block),
                    Trigger::Governance => prop_assert!(false, "nobody attested"),
                }
                prop_assert!(event.at.block <= now.block && event.at.time <= now.time);
            }
            prop_assert!(switch.mode() as u8 >= mode as u8);
            mode = switch.mode();
        }
    }
}
