//! Decisions: what is proposed, what holds them back, and that they repeat.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod world;

use ballast_allocator::{decide, economics::required, record, replay};
use ballast_risk::{Allocation, HubView, judge};
use ballast_types::*;
use world::*;

const ALL: [GateId; 9] = [
    GateId::Observation,
    GateId::KillSwitch,
    GateId::Feeds,
    GateId::Venues,
    GateId::Schedule,
    GateId::Risk,
    GateId::Limits,
    GateId::Gain,
    GateId::Fees,
];

fn gate(decision: &Decision, id: GateId) -> &Gate {
    decision.gates.iter().find(|gate| gate.id == id).unwrap()
}

/// A snapshot with 2 M to place, on which the plain policy decides to move.
fn ready() -> Snapshot {
    let mut snapshot = fresh();
    snapshot.vault.idle = Assets(1_000_000 * USDC);
    snapshot.vault.nav = snapshot.vault.idle;
    snapshot
}

fn first_market(snapshot: &mut Snapshot, venue: usize) -> &mut Market {
    let VenueReading::Read { markets, .. } = &mut snapshot.venues[venue].reading else { unreachable!() };
    &mut markets[0]
}

fn round(feed: &mut FeedState) -> (&mut i128, &mut u64) {
    let FeedReading::Round { answer, updated_at, .. } = &mut feed.reading else { unreachable!() };
    (answer, updated_at)
}

// SPEC X1: every gate with its answer.
#[test]
fn idle_money_goes_into_the_venues_through_every_gate() {
    let snapshot = ready();
    let decision = decide(&snapshot, &policy());
    let ids: Vec<GateId> = decision.gates.iter().map(|gate| gate.id).collect();
    assert_eq!(ids, ALL);
    assert_eq!(decision.refusals().count(), 0, "{:#?}", decision.gates);

    let targets = decision.targets();
    let seen: Vec<_> =
        targets.iter().map(|target| (target.adapter, target.bps.0, target.from.0, target.to.0)).collect();
    // 1 % of Morpho's 58.8 M settled size is more than half of NAV, 1 % of Aave's 100 M as well: only the reserve binds.
    assert_eq!(seen, [(AAVE, 5_000, 0, 500_000 * USDC), (MORPHO, 4_500, 0, 450_000 * USDC)]);
    for target in targets {
        assert_eq!(target.min_out.0, target.to.0 * 9_950 / 10_000, "SPEC X4");
    }
    let prediction = decision.prediction.unwrap();
    assert_eq!(prediction.nav, snapshot.vault.nav);
    assert_eq!(prediction.idle_after.0, 50_000 * USDC);
    assert_eq!(prediction.turnover.0, 950_000 * USDC);
    assert_eq!(prediction.apr_before, Apr(0));
    // 600 000 gas at 11 gwei with ETH at 2 500 is 16.50 USD.
    assert_eq!(prediction.gas_cost.0, 16_500_000);
    let yearly = prediction.gain.0 * u128::from(SECONDS_PER_YEAR) / u128::from(policy().horizon);
    let stated = prediction.nav.0 / 1_000 * (prediction.apr_after.0 / 1_000) / (WAD / 1_000_000);
    assert!(yearly.abs_diff(stated) * 1_000 < stated, "gain {yearly} a year, rate says {stated}");
}

/// Breaks one thing and says which gate must answer no.
type Fault = (&'static str, GateId, fn(&mut Snapshot));

const FAULTS: [Fault; 21] = [
    ("providers disagree", GateId::Observation, |s| {
        s.doubts.push(Doubt::RpcDisagreement { detail: "block hash".into() });
    }),
    // SPEC D12
    ("sources disagree", GateId::Observation, |s| {
        s.doubts.push(Doubt::SourceDisagreement { quantity: "aave#supply_apr".into(), detail: "3 % and 9 %".into() });
    }),
    ("a source is missing", GateId::Observation, |s| {
        s.doubts.push(Doubt::SourceMissing { quantity: "usdc#price_usd".into(), detail: "no pyth".into() });
    }),
    ("an alarm stands", GateId::Observation, |s| {
        s.doubts.push(Doubt::Alarm { venue: "aave".into(), detail: "exploit and anomaly".into() });
    }),
    ("stale head", GateId::Observation, |s| s.doubts.push(Doubt::StaleHead { age: 61, limit: 60 })),
    ("NAV does not add up", GateId::Observation, |s| s.vault.nav.0 += 1),
    ("exit mode", GateId::KillSwitch, |s| s.kill_switch.mode = Mode::Exit),
    ("reduce only", GateId::KillSwitch, |s| s.kill_switch.mode = Mode::ReduceOnly),
    ("not operational", GateId::KillSwitch, |s| s.kill_switch.operational = false),
    ("off the peg below", GateId::Feeds, |s| *round(&mut s.feeds[0]).0 = 97_990_000),
    ("off the peg above", GateId::Feeds, |s| *round(&mut s.feeds[0]).0 = 102_010_000),
    ("zero answer", GateId::Feeds, |s| *round(&mut s.feeds[0]).0 = 0),
    ("negative answer", GateId::Feeds, |s| *round(&mut s.feeds[0]).0 = -1),
    ("stale feed", GateId::Feeds, |s| *round(&mut s.feeds[0]).1 = NOW - 90_001),
    ("feed from the future", GateId::Feeds, |s| *round(&mut s.feeds[0]).1 = NOW + 1),
    ("no price of gas", GateId::Feeds, |s| s.eth_usd.reading = FeedReading::Unreadable { why: "revert".into() }),
    ("no pegged feed", GateId::Feeds, |s| s.feeds.clear()),
    ("unreadable venue", GateId::Venues, |s| {
        s.vault.nav.0 -= value_of(&s.venues[0]);
        s.venues[0].reading = VenueReading::Unreadable { why: "revert".into() };
    }),
    ("quarantined venue", GateId::Venues, |s| {
        s.vault.nav.0 -= value_of(&s.venues[0]);
        s.venues[0].quarantined = true;
    }),
    ("curve out of range", GateId::Venues, |s| first_market(s, 0).curve = morpho_curve(Apr(u128::MAX))),
    ("cooldown", GateId::Schedule, |s| s.hub.recent[0] = NOW - s.hub.limits.cooldown + 1),
];

#[test]
fn each_fault_is_a_hold_with_its_gate() {
    for (what, id, fault) in FAULTS {
        let mut snapshot = ready();
        fault(&mut snapshot);
        let decision = decide(&snapshot, &policy());
        assert_eq!(decision.action, Action::Hold, "{what}");
        assert_eq!(decision.gates.iter().map(|gate| gate.id).collect::<Vec<_>>(), ALL, "{what}");
        let first = decision.refusals().next().unwrap();
        assert_eq!(first.id, id, "{what}: {:#?}", decision.gates);
        for gate in &decision.gates {
            assert!(!gate.detail.is_empty(), "{what}: the {} gate says nothing", gate.id);
        }
        if id != GateId::Schedule {
            assert_eq!(decision.prediction, None, "{what}");
            assert!(gate(&decision, GateId::Gain).detail.starts_with("not evaluated"), "{what}");
        }
    }
}

#[test]
fn an_earlier_refusal_does_not_silence_the_later_gates() {
    let mut snapshot = ready();
    snapshot.kill_switch.operational = false;
    snapshot.kill_switch.reason = "Stablecoin depeg detected".into();
    *round(&mut snapshot.feeds[0]).0 = 97_000_000;
    let decision = decide(&snapshot, &policy());
    assert!(gate(&decision, GateId::KillSwitch).detail.contains("Stablecoin depeg detected"));
    assert_eq!(gate(&decision, GateId::Feeds).detail, "USDC/USD is at 0.970000, expected 0.980000 to 1.020000");
    assert!(gate(&decision, GateId::Venues).passed);
    assert!(gate(&decision, GateId::Schedule).passed);
    assert_eq!(gate(&decision, GateId::Limits).detail, "not evaluated: kill switch must pass first");
}

// SPEC C4
#[test]
fn a_cooldown_still_shows_what_would_be_done() {
    let mut snapshot = ready();
    snapshot.hub.recent = [NOW - 21_599, 0, 0, 0];
    let decision = decide(&snapshot, &policy());
    assert_eq!(decision.action, Action::Hold);
    assert!(decision.prediction.is_some_and(|prediction| prediction.gain.0 > 0));
    assert!(gate(&decision, GateId::Limits).passed && gate(&decision, GateId::Gain).passed);

    snapshot.hub.recent = [NOW - 21_600, 0, 0, 0];
    assert_ne!(decide(&snapshot, &policy()).action, Action::Hold);
    snapshot.hub.recent = [NOW - 21_600, NOW - 43_200, NOW - 64_800, NOW - 86_399];
    assert_eq!(decide(&snapshot, &policy()).action, Action::Hold, "the fifth in 24 hours");
    snapshot.hub.recent[3] = NOW - 86_400;
    assert_ne!(decide(&snapshot, &policy()).action, Action::Hold);
}

// SPEC X2
#[test]
fn a_gain_that_does_not_pay_for_gas_is_a_hold() {
    let mut snapshot = ready();
    // 1 000 USDC earn under a dollar in a week; gas is 16.50.
    snapshot.vault.idle = Assets(1_000 * USDC);
    snapshot.vault.nav = snapshot.vault.idle;
    let decision = decide(&snapshot, &policy());
    assert_eq!(decision.action, Action::Hold);
    let refused: Vec<GateId> = decision.refusals().map(|gate| gate.id).collect();
    assert_eq!(refused, [GateId::Gain]);
    let prediction = decision.prediction.unwrap();
    assert!(prediction.gain < prediction.gas_cost);
}

// SPEC X2
#[test]
fn the_gain_must_exceed_gas_and_the_required_improvement_and_not_just_reach_them() {
    let snapshot = ready();
    let demanding = |min_gain: u128| Policy { min_gain: Apr(min_gain), ..policy() };
    let acts = |min_gain: u128| decide(&snapshot, &demanding(min_gain)).action != Action::Hold;
    let (mut passes, mut refuses) = (0, WAD);
    assert!(acts(passes) && !acts(refuses));
    while refuses - passes > 1 {
        let middle = passes.midpoint(refuses);
        if acts(middle) { passes = middle } else { refuses = middle }
    }
    let decision = decide(&snapshot, &demanding(refuses));
    let prediction = decision.prediction.unwrap();
    let threshold = |min_gain: u128| {
        let required = required(prediction.nav, Apr(min_gain), policy().horizon).unwrap();
        prediction.gas_cost.0 + required.0
    };
    assert_eq!(threshold(refuses), prediction.gain.0, "reached, not exceeded");
    assert_eq!(threshold(passes), prediction.gain.0 - 1);
    assert_eq!(decision.refusals().map(|gate| gate.id).collect::<Vec<_>>(), [GateId::Gain]);
}

// SPEC X2: all risk below 70.
#[test]
fn venues_at_the_risk_limit_or_without_a_score_get_nothing_new() {
    let snapshot = ready();
    let mut policy = policy();
    policy.venues[0].risk_score = 70;
    let adapters = |policy: &Policy| -> Vec<Address> {
        decide(&snapshot, policy).targets().iter().map(|target| target.adapter).collect()
    };
    assert_eq!(adapters(&policy), [MORPHO]);
    policy.venues[0].risk_score = 69;
    assert_eq!(adapters(&policy), [AAVE, MORPHO]);
    policy.venues.remove(0);
    assert_eq!(adapters(&policy), [MORPHO]);
}

#[test]
fn a_policy_out_of_range_is_a_hold_that_names_the_field() {
    let decision = decide(&ready(), &Policy { slippage: Bps(10_001), ..policy() });
    assert_eq!(decision.action, Action::Hold);
    assert!(gate(&decision, GateId::Risk).detail.contains("policy.slippage is 10001"));
}

#[test]
fn with_nothing_to_improve_the_limits_gate_says_so() {
    let mut snapshot = ready();
    for venue in &mut snapshot.venues {
        venue.cap = Assets(0);
    }
    let decision = decide(&snapshot, &policy());
    assert_eq!(decision.action, Action::Hold);
    assert_eq!(
        gate(&decision, GateId::Limits).detail,
        "nothing to move: no permitted move raises the yield on NAV above 0.00 %"
    );
    snapshot.vault.idle = Assets(0);
    snapshot.vault.nav = Assets(0);
    assert_eq!(gate(&decide(&snapshot, &policy()), GateId::Limits).detail, "nothing to move: the vault is empty");
}

#[test]
fn decisions_on_random_worlds_repeat_are_permitted_and_do_not_depend_on_order() {
    let mut moves = 0;
    for case in 0..20_000 {
        let r = &mut Random(case);
        let mut snapshot = random_snapshot(r);
        let policy = random_policy(r, &snapshot);
        let decision = decide(&snapshot, &policy);
        assert_eq!(decision, decide(&snapshot, &policy), "case {case}");
        assert_eq!(decision.gates.len(), ALL.len(), "case {case}");
        let acts = !decision.targets().is_empty();
        assert_eq!(acts, decision.refusals().next().is_none(), "case {case}: acts exactly when no gate refuses");
        if acts {
            let targets: Vec<Allocation> = decision.targets().iter().map(Allocation::from).collect();
            if let Err(violation) = judge(&HubView::from_snapshot(&snapshot), &targets) {
                panic!("case {case}: {violation}");
            }
            moves += 1;
        }
        snapshot.venues.reverse();
        assert_eq!(decide(&snapshot, &policy), decision, "case {case}: reversed");
    }
    assert!(moves > 1_000, "only {moves} decisions to act");
}

#[test]
fn no_fault_in_a_random_world_lets_a_move_through() {
    for case in 0..3_000 {
        let r = &mut Random(case);
        let clean = random_snapshot(r);
        let policy = random_policy(r, &clean);
        for (what, id, fault) in FAULTS {
            if id == GateId::Venues && clean.venues.is_empty() {
                continue;
            }
            let mut snapshot = clean.clone();
            fault(&mut snapshot);
            let decision = decide(&snapshot, &policy);
            assert_eq!(decision.action, Action::Hold, "case {case}: {what}");
            assert!(!gate(&decision, id).passed, "case {case}: {what}");
        }
    }
}

#[test]
fn a_record_survives_its_canonical_bytes_and_replays_equal() {
    for case in 0..2_000 {
        let r = &mut Random(case);
        let snapshot = random_snapshot(r);
        let policy = random_policy(r, &snapshot);
        let record = record(snapshot, policy);
        let bytes = record.to_canonical().unwrap();
        let read = DecisionRecord::from_canonical(&bytes).unwrap();
        assert_eq!(read, record, "case {case}");
        assert_eq!(read.to_canonical().unwrap(), bytes, "case {case}");
        let report = replay(&read);
        assert!(report.equal && report.differences.is_empty(), "case {case}: {:?}", report.differences);
    }
}

fn differences(change: impl FnOnce(&mut DecisionRecord)) -> Vec<String> {
    let mut record = record(ready(), policy());
    change(&mut record);
    let report = replay(&record);
    assert_eq!(report.equal, report.differences.is_empty());
    report.differences.into_iter().map(|difference| difference.field).collect()
}

#[test]
fn a_record_that_does_not_follow_is_told_field_by_field() {
    assert_eq!(differences(|_| ()), Vec::<String>::new());
    let tampered = differences(|record| {
        let Action::Rebalance { targets } = &mut record.decision.action else { unreachable!() };
        targets[1].bps = Bps(4_000);
        targets[1].min_out = Assets(0);
        record.decision.prediction.as_mut().unwrap().gain.0 += 1;
        record.decision.gates[3].detail.clear();
    });
    assert_eq!(
        tampered,
        [
            "decision.action.targets[1].bps",
            "decision.action.targets[1].min_out",
            "decision.gates[3].detail",
            "decision.prediction.gain"
        ]
    );
    assert_eq!(
        differences(|record| record.decision.action = Action::Hold),
        ["decision.action.kind", "decision.action.targets.length"]
    );
    assert_eq!(differences(|record| record.format += 1), ["format"]);
    assert_eq!(
        differences(|record| record.models.push(ModelId { name: "forecast".into(), version: "1".into() })),
        ["models"]
    );
    let other_snapshot = differences(|record| record.snapshot.block.next_base_fee *= 2);
    assert_eq!(other_snapshot, ["decision.gates[7].detail", "decision.prediction.gas_cost"]);
}
