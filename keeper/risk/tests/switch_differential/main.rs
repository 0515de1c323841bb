//! The switch as a value against the compiled `KillSwitchManager`: the same calls in the same blocks are taken or refused alike, with the same
//! error, and every view says the same afterwards (SPEC C7, C7a–C7d, C8).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod contracts;

use alloy::primitives::{B256, U256, aliases::U40};
use ballast_chain::bindings::KillSwitchManager;
use ballast_risk::{
    Stablecoin,
    kill_switch::{
        Cause, Figures, KillSwitch, Moment, Price, Readings, Refusal, Settings, Subject, Token, Trigger, Venue,
    },
};
use ballast_types::{Assets, WAD, Wad, fixed::mul_div_ceil};
use contracts::{HEARTBEAT, VENUES, World};
use proptest::{prelude::*, test_runner::Config};

const START: Moment = Moment { block: 22_000_000, time: 1_750_000_000 };
const DOLLAR: i64 = 100_000_000;

/// One thing that somebody does, or that changes.
#[derive(Clone, Debug)]
enum Act {
    Pass { blocks: u64, seconds: u64 },
    Price { token: usize, answer: i64, age: u64 },
    FeedFails { token: usize },
    Venue { venue: usize, own: u128, cash: u128, lent: u128, readable: bool },
    Trip { trigger: Trigger, subject: Subject },
    Clear { trigger: Trigger, venue: usize },
    Observe,
    Reset,
    ReduceOnly,
    EnterExit,
    Alert { venue: usize, ahead: u64 },
}

fn act() -> impl Strategy<Value = Act> {
    let trigger = prop_oneof![Just(Trigger::Tvl), Just(Trigger::Utilisation)];
    let price = prop_oneof![Just(Trigger::Peg), Just(Trigger::Oracle)];
    let answer = prop_oneof![
        Just(DOLLAR),
        Just(98_000_000),
        Just(97_999_999),
        Just(102_000_000),
        Just(102_000_001),
        Just(0),
        Just(-1),
        90_000_000..110_000_000i64,
    ];
    let age = prop_oneof![Just(0), Just(HEARTBEAT + 3_600), Just(HEARTBEAT + 3_601), 0..2 * HEARTBEAT];
    prop_oneof![
        // A block, a confirmation, the spacing of checkpoints, a day.
        6 => prop_oneof![Just(1u64), Just(24), Just(25), Just(600), Just(1_800), Just(7_200), 1..3_000u64]
            .prop_map(|blocks| Act::Pass { blocks, seconds: 12 * blocks }),
        1 => (1..50u64, 0..90_000u64).prop_map(|(blocks, seconds)| Act::Pass { blocks, seconds }),
        2 => (0..2usize, answer, age).prop_map(|(token, answer, age)| Act::Price { token, answer, age }),
        1 => (0..2usize).prop_map(|token| Act::FeedFails { token }),
        3 => (0..VENUES, 0..300u128, 0..1_000u128, prop_oneof![Just(950u128), 0..1_000u128], prop::bool::weighted(0.9))
            .prop_map(|(venue, own, cash, lent, readable)| Act::Venue { venue, own, cash, lent, readable }),
        4 => (trigger.clone(), 0..VENUES)
            .prop_map(|(trigger, venue)| Act::Trip { trigger, subject: Subject::Venue(venue) }),
        2 => (price, 0..2usize).prop_map(|(trigger, token)| Act::Trip { trigger, subject: Subject::Token(token) }),
        2 => (trigger, 0..VENUES).prop_map(|(trigger, venue)| Act::Clear { trigger, venue }),
        6 => Just(Act::Observe),
        1 => Just(Act::Reset),
        1 => prop_oneof![4 => Just(Act::ReduceOnly), 1 => Just(Act::EnterExit)],
        1 => (0..VENUES, 0..800_000u64).prop_map(|(venue, ahead)| Act::Alert { venue, ahead }),
    ]
}

/// Both, and what they read.
struct Pair {
    world: World,
    model: KillSwitch,
    now: Moment,
    read: Readings,
}

impl Pair {
    fn new(world: &World) -> Self {
        let token = |coin| Token::stablecoin(coin, HEARTBEAT);
        let venues =
            vec![Venue { name: "first".into(), tokens: vec![1] }, Venue { name: "second".into(), tokens: Vec::new() }];
        let tokens = vec![token(Stablecoin::Usdc), token(Stablecoin::Dai)];
        let mut pair = Self {
            world: world.clone(),
            model: KillSwitch::new(Settings::default(), tokens, venues).unwrap(),
            now: START,
            read: Readings { prices: vec![Price::Unreadable; 2], venues: vec![Figures::UNREADABLE; VENUES] },
        };
        for token in 0..2 {
            pair.apply(&Act::Price { token, answer: DOLLAR, age: 0 });
        }
        for venue in 0..VENUES {
            pair.apply(&Act::Venue { venue, own: 100, cash: 300, lent: 800, readable: true });
        }
        pair
    }

    fn apply(&mut self, act: &Act) {
        let (now, read) = (self.now, &self.read);
        match *act {
            Act::Pass { blocks, seconds } => {
                self.now = Moment { block: now.block + blocks, time: now.time + seconds };
            }
            Act::Price { token, answer, age } => {
                let updated_at = now.time - age;
                self.world.price(token, Some((answer, updated_at)), now);
                self.read.prices[token] = match u128::try_from(answer) {
                    Ok(answer) => Price::Answer { price: Wad(answer * 10_000_000_000), updated_at },
                    Err(_) => Price::Unreadable,
                };
            }
            Act::FeedFails { token } => {
                self.world.price(token, None, now);
                self.read.prices[token] = Price::Unreadable;
            }
            Act::Venue { venue, own, cash, lent, readable } => {
                self.world.venue(venue, own, cash, lent, readable, now);
                let size = cash + lent;
                let utilisation = mul_div_ceil(lent, WAD, size).unwrap_or(0);
                let others = Assets(size.saturating_sub(own));
                // This venue still says how much is lent when it does not say what our position is worth.
                self.read.venues[venue] =
                    Figures { others: readable.then_some(others), utilisation: Some(Wad(utilisation)) };
            }
            Act::Trip { trigger, subject } => {
                let subject_ = match subject {
                    Subject::Token(token) => self.world.tokens[token],
                    Subject::Venue(venue) => self.world.adapters[venue],
                };
                let call = KillSwitchManager::tripCall { trigger: trigger as u8, subject: subject_ };
                let theirs = self.world.send(call, now);
                alike(act, self.model.trip(trigger, subject, now, read).map(|_| ()), theirs);
            }
            Act::Clear { trigger, venue } => {
                let adapter = self.world.adapters[venue];
                let theirs = self.world.send(KillSwitchManager::clearCall { trigger: trigger as u8, adapter }, now);
                alike(act, self.model.clear(trigger, venue, now, read), theirs);
            }
            Act::Observe => {
                let adapters = self.world.adapters.to_vec();
                self.world.send(KillSwitchManager::observeCall { adapters }, now).unwrap();
                self.model.observe(now, read);
            }
            Act::Reset => {
                let theirs = self.world.send(KillSwitchManager::resetCall {}, now);
                alike(act, self.model.reset(now, read), theirs);
            }
            Act::ReduceOnly => {
                let theirs = self.world.send(KillSwitchManager::reduceOnlyCall {}, now);
                alike(act, self.model.reduce_only(), theirs);
            }
            Act::EnterExit => {
                let theirs = self.world.send(KillSwitchManager::enterExitCall {}, now);
                alike(act, self.model.enter_exit(), theirs);
            }
            Act::Alert { venue, ahead } => {
                let adapter = self.world.adapters[venue];
                let expiry = now.time + ahead;
                let call = KillSwitchManager::attestGovernanceAlertCall {
                    adapter,
                    evidence: B256::repeat_byte(1),
                    expiry: U40::from(expiry),
                };
                // The contract has two errors here and the model one.
                let theirs = self.world.send(call, now);
                assert_eq!(self.model.alert(venue, expiry, now).is_ok(), theirs.is_ok(), "{act:?}: {theirs:?}");
            }
        }
    }

    fn compare(&mut self) {
        let (now, read, model) = (self.now, &self.read, &self.model);
        let text = |cause: Option<Cause>| cause.map_or("", Cause::text).to_owned();
        assert_eq!(self.world.view(KillSwitchManager::modeCall {}, now), model.mode() as u8);
        let status = self.world.view(KillSwitchManager::operationalStatusCall {}, now);
        let stopped = model.stopped(now, read);
        assert_eq!((status.operational, status.reason), (stopped.is_none(), text(stopped)));
        let exit = self.world.view(KillSwitchManager::shouldEmergencyWithdrawCall {}, now);
        let ours = model.should_exit(now, read);
        assert_eq!((exit._0, exit._1), (ours.is_some(), text(ours)));
        for (venue, adapter) in self.world.adapters.into_iter().enumerate() {
            let status = self.world.view(KillSwitchManager::venueStatusCall { adapter }, now);
            let blocked = model.blocked(venue, now, read);
            assert_eq!((status.allowed, status.reason), (blocked.is_none(), text(blocked)), "venue {venue}");
            assert_eq!(status.settledSize, U256::from(model.settled_size(venue, now).0), "venue {venue}");
            for trigger in [Trigger::Tvl, Trigger::Utilisation] {
                let call = KillSwitchManager::evaluateCall { trigger: trigger as u8, adapter };
                let theirs = self.world.view(call, now);
                let ours = model.evaluate(trigger, venue, now, read);
                assert_eq!((theirs.holds, theirs.readable), (ours.holds, ours.readable), "{trigger:?} of {venue}");
                assert_eq!(theirs.measured, U256::from(ours.measured), "{trigger:?} of {venue}");
                assert_eq!(theirs.bound, U256::from(ours.bound), "{trigger:?} of {venue}");
            }
        }
    }
}

/// Taken by both, or refused by both with the same error.
fn alike(act: &Act, ours: Result<(), Refusal>, theirs: Result<(), String>) {
    let ours = ours.map_err(|refusal| refusal.to_string().split(':').next().unwrap_or_default().to_owned());
    assert_eq!(ours, theirs, "{act:?}");
}

#[test]
fn model_and_contract_do_the_same_through_random_lives() {
    let world = World::deploy(START);
    let config = Config { cases: 150, failure_persistence: None, ..Config::default() };
    proptest!(config, |(acts in proptest::collection::vec(act(), 1..80))| {
        let mut pair = Pair::new(&world);
        for act in &acts {
            pair.apply(act);
            pair.compare();
        }
    });
}

// The random lives reach the rarest trip seldom; this one lives it in full.
#[test]
fn model_and_contract_agree_through_a_crash_of_a_venue() {
    let mut pair = Pair::new(&World::deploy(START));
    let mut both = |act: Act| {
        pair.apply(&act);
        pair.compare();
    };
    for _ in 0..5 {
        both(Act::Observe);
        both(Act::Pass { blocks: 1, seconds: 12 });
        both(Act::Observe);
        both(Act::Pass { blocks: 1_800, seconds: 21_600 });
    }
    let trip = || Act::Trip { trigger: Trigger::Tvl, subject: Subject::Venue(0) };
    // 1 000 of the others' are 700, which is not below 70 %, and then 699.
    for (cash, blocks) in [(0, 1), (0, 24), (0, 1)] {
        both(Act::Venue { venue: 0, own: 100, cash, lent: 800, readable: true });
        both(trip());
        both(Act::Pass { blocks, seconds: 12 * blocks });
    }
    both(Act::Venue { venue: 0, own: 101, cash: 0, lent: 800, readable: true });
    for blocks in [24, 1, 7_199, 1] {
        both(trip());
        both(Act::Clear { trigger: Trigger::Tvl, venue: 0 });
        both(Act::Pass { blocks, seconds: 12 * blocks });
    }
    assert!(pair.model.blocked(0, Moment { time: pair.now.time - 60, ..pair.now }, &pair.read).is_some());
}
