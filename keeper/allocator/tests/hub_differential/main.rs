//! SPEC C3, C4, C5: what the off-chain model of the hub's verdict says and what the compiled contracts do are the same, rule by
//! rule, and the hub accepts whatever the projector emits.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod contracts;

use alloy::primitives::Address;
use ballast_allocator::{projector, yields::VenueModel};
use ballast_risk::{Allocation, Figures, HubView, VenueView, judge};
use ballast_types::{
    Apr, Assets, Bps, Checkpoint, HubLimits, LargeMoves, Market, Policy, RateCurve, Strategy, VenuePolicy,
    VenueReading, WAD, Wad,
};
use contracts::{BLOCK, NOW, VENUES, Verdict, World};
use std::collections::BTreeMap;

/// Random targets judged by both, over all workers.
const JUDGED: u64 = 100_000;
/// Worlds for which the projector is asked.
const PROJECTED: u64 = 4_000;
const WORKERS: u64 = 2;

/// SplitMix64 (Steele, Lea, Flood 2014): the same cases on every machine.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }

    fn one_in(&mut self, n: u64) -> bool {
        self.below(n) == 0
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.below(of.len() as u64) as usize]
    }

    /// An amount of 10^0 … 10^14 base units, evenly over the magnitudes.
    fn amount(&mut self) -> u128 {
        let magnitude = 10u64.pow(self.below(15) as u32);
        u128::from(self.below(magnitude) + 1)
    }

    /// `value`, or one unit beside it.
    fn near(&mut self, value: u128) -> u128 {
        (value + u128::from(self.below(3))).saturating_sub(1)
    }
}

fn limits(random: &mut Random) -> HubLimits {
    HubLimits {
        reserve: Bps(random.pick(&[500, 501, 1_000, 2_500])),
        min_position: Bps(random.pick(&[500, 501, 700])),
        max_position: Bps(random.pick(&[5_000, 4_999, 3_000])),
        min_step: Bps(random.pick(&[500, 501, 900])),
        max_venue_share: Bps(random.pick(&[100, 99, 50])),
        max_utilisation: Bps(random.pick(&[9_500, 9_499, 8_000])),
        flow: Bps(random.pick(&[10_000, 10_000, 9_999, 5_000, 2_000])),
        approval: Bps(random.pick(&[10_000, 10_000, 9_999, 5_000, 1_250])),
        approval_floor: Assets(random.pick(&[0, 0, 1, 50_000]) * 1_000_000),
        cooldown: random.pick(&[3_600, 21_600, 86_400]),
    }
}

/// A state close to the edges of its own limits, with at most a few rules broken so that the later ones are reached, too.
fn view(random: &mut Random, world: &World) -> HubView {
    let limits = limits(random);
    let nav_scale = random.amount().max(1_000) * 10;
    let mut recent = [0u64; 4];
    if random.one_in(3) {
        let newest = NOW - limits.cooldown - random.below(3) + 1;
        recent[0] = newest;
        if random.one_in(2) {
            recent = [newest, newest - 4_000, newest - 8_000, NOW - 86_400 - random.below(3) + 1];
        }
    } else if random.one_in(2) {
        recent = [NOW - 90_000, NOW - 100_000, NOW - 110_000, NOW - 120_000];
    }
    let blind = random.one_in(12);
    let mut venues: Vec<VenueView> = (0..VENUES)
        .map(|index| {
            let value = if random.one_in(3) { 0 } else { u128::from(random.below(nav_scale as u64 / 2)) };
            let position = nav_scale * u128::from(random.below(5_000) + 1) / 10_000;
            let size_enough = position * 10_000 / u128::from(limits.max_venue_share.0);
            let size = random.pick(&[size_enough, size_enough * 2, size_enough * 20, value]).max(value) + value + 1;
            let max_utilisation = u128::from(limits.max_utilisation.0);
            let utilised = random.pick(&[max_utilisation, max_utilisation / 2, 0, 10_000]);
            let lent = random.near(size * utilised / 10_000).min(size);
            let settled = random.pick(&[size, size, size_enough, size * 2, 0]);
            let cap = random.pick(&[u128::from(u64::MAX), u128::from(u64::MAX), position, value]);
            VenueView {
                adapter: world.adapters[index],
                cap: Assets(random.near(cap)),
                target: Bps(random.pick(&[0, 0, 500, 1_000, 2_000, 4_000, 5_000])),
                direct: false,
                quarantined: false,
                flow_used: Bps(0),
                can_add: index != 0 || !random.one_in(8),
                figures: (!blind || !random.one_in(3)).then(|| Figures {
                    value: Assets(value),
                    liquidity: Assets(value.min(size - lent)),
                    size: Assets(size),
                    utilisation: Wad((lent * WAD).div_ceil(size)),
                    settled: Assets(settled),
                    depositable: !random.one_in(20),
                }),
            }
        })
        .collect();
    for venue in venues.iter_mut().filter(|venue| venue.figures.is_none()) {
        venue.quarantined = random.one_in(2);
    }
    let idle = Assets(u128::from(random.below(nav_scale as u64 + 1)));
    // Half the buckets have something in them, often about as much as there is room for.
    for venue in &mut venues {
        if random.one_in(2) {
            let flow = limits.flow.0;
            venue.flow_used = Bps(random.pick(&[1, flow / 4, flow / 2, flow - 1, flow]));
        }
    }
    HubView { now: NOW, operational: !random.one_in(40), paused: random.one_in(40), limits, recent, idle, venues }
}

fn targets(random: &mut Random, view: &HubView, world: &World) -> Vec<Allocation> {
    let mut chosen: Vec<&VenueView> = view.venues.iter().filter(|_| !random.one_in(3)).collect();
    chosen.sort_by_key(|venue| venue.adapter);
    if random.one_in(40) {
        chosen.reverse();
    }
    if random.one_in(60) {
        chosen.extend(view.venues.first());
    }
    let nav = view.nav().unwrap();
    chosen
        .into_iter()
        .map(|venue| {
            let stored = venue.target.0;
            let step = view.limits.min_step.0;
            let held = venue.figures.map_or(0, |figures| (figures.value.0 * 10_000 / nav.0.max(1)) as u16);
            let free = random.below(5_002) as u16;
            let bps = if random.one_in(12) {
                // Bounds and step, one past their edge.
                random.pick(&[view.limits.min_position.0 - 1, view.limits.max_position.0 + 1, stored + step - 1])
            } else {
                let inside = free.clamp(view.limits.min_position.0, view.limits.max_position.0);
                random.pick(&[
                    0,
                    free,
                    inside,
                    inside,
                    view.limits.min_position.0,
                    view.limits.max_position.0,
                    stored.saturating_sub(step),
                    stored + step,
                    held.saturating_add(1),
                    fill(view, venue),
                    fill(view, venue) + 1,
                ])
            };
            let value = venue.figures.map_or(0, |figures| figures.value.0);
            let leg = nav.share(Bps(bps)).0.abs_diff(value);
            let adapter = if random.one_in(100) { Address::repeat_byte(0xfa) } else { venue.adapter };
            assert!(world.adapters.contains(&venue.adapter));
            Allocation { adapter, bps: Bps(bps), min_out: Assets(random.pick(&[0, 0, leg, leg + 1])) }
        })
        .collect()
}

/// The largest target that the venue's bucket has room for.
fn fill(view: &HubView, venue: &VenueView) -> u16 {
    let nav = view.nav().unwrap();
    let room = nav.share(Bps(view.limits.flow.0.saturating_sub(venue.flow_used.0))).0;
    let most = venue.figures.map_or(0, |figures| figures.value.0) + room;
    (most * 10_000 / nav.0.max(1)).min(u128::from(view.limits.max_position.0)) as u16
}

/// Idle afterwards; and of each position its address, its target, and its value before and after.
fn accepted(idle: Assets, legs: impl Iterator<Item = (Address, Bps, Assets, Assets)>) -> String {
    format!("accepted {idle:?} {:?}", legs.collect::<Vec<_>>())
}

/// A target is less than a step away from what is stored of a position that holds nothing.
fn is_near_what_is_left(view: &HubView, targets: &[Allocation]) -> bool {
    targets.iter().any(|target| {
        let venue = view.venue(target.adapter);
        venue.is_some_and(|venue| {
            venue.figures.is_some_and(|figures| figures.value == Assets::ZERO)
                && target.bps.abs_diff(venue.target) < view.limits.min_step.0
        })
    })
}

/// What both said, as one line that must be the same.
fn verdicts(view: &HubView, targets: &[Allocation], world: &World) -> (String, String) {
    let judged = match judge(view, targets) {
        Ok(outcome) => {
            let bps = targets.iter().map(|target| target.bps);
            let legs = outcome.legs.iter().zip(bps).map(|(leg, bps)| (leg.adapter, bps, leg.before, leg.after));
            accepted(outcome.idle_after, legs)
        }
        Err(violation) => match violation.name() {
            // The venue's own errors, which have no name of ours.
            "InsufficientLiquidity" | "VenueClosed" => "venue".into(),
            name => name.to_owned(),
        },
    };
    let executed = match world.rebalance(targets) {
        Verdict::Accepted { idle_after, legs } => {
            accepted(idle_after, legs.iter().map(|leg| (leg.adapter, leg.bps, leg.before, leg.after)))
        }
        Verdict::Refused(name) => name,
    };
    (judged, executed)
}

fn workers<T: Send>(work: impl Fn(u64, World) -> T + Sync) -> Vec<T> {
    let world = World::deploy();
    std::thread::scope(|scope| {
        let handles: Vec<_> = (0..WORKERS)
            .map(|worker| {
                let (world, work) = (world.clone(), &work);
                scope.spawn(move || work(worker, world))
            })
            .collect();
        handles.into_iter().map(|handle| handle.join().unwrap()).collect()
    })
}

// SPEC C4, C5
#[test]
fn both_judge_a_random_target_vector_the_same_way() {
    let tallies = workers(|worker, mut world| {
        let mut random = Random(0x0ba1_1a57 + worker);
        let mut tally = BTreeMap::<String, u64>::new();
        let mut done = 0;
        while done < JUDGED / WORKERS {
            let view = view(&mut random, &world);
            world.set(&view);
            if done < 100 {
                world.check_layout(&view);
            }
            for _ in 0..4 {
                let targets = targets(&mut random, &view, &world);
                let (judged, executed) = verdicts(&view, &targets, &world);
                assert_eq!(judged, executed, "worker {worker} case {done}\n{view:#?}\n{targets:#?}");
                let verdict = judged.split(' ').next().unwrap();
                *tally.entry(verdict.to_owned()).or_default() += 1;
                if verdict == "accepted" && is_near_what_is_left(&view, &targets) {
                    *tally.entry("accepted near what is left".to_owned()).or_default() += 1;
                }
                done += 1;
            }
        }
        tally
    });
    let mut tally = BTreeMap::<String, u64>::new();
    for (verdict, count) in tallies.into_iter().flatten() {
        *tally.entry(verdict).or_default() += count;
    }
    println!("{tally:#?}");
    // Every rule was met, and not only the first ones.
    for rule in [
        "accepted",
        "accepted near what is left",
        "NotOperational",
        "CooldownActive",
        "NoTargets",
        "TargetOutOfBounds",
        "StepTooSmall",
        "VenueUnreadable",
        "VenueQuarantined",
        "EnforcedPause",
        "TargetsUnsorted",
        "AdapterNotListed",
        "venue",
        "InsufficientOut",
        "InsufficientIdle",
        "CapExceeded",
        "ReserveTooLow",
        "FlowExceeded",
        "VenueNotOperational",
        "UtilisationTooHigh",
        "PositionNotLiquid",
        "CheckpointMissing",
        "VenueShareExceeded",
        "ApprovalRequired",
    ] {
        assert!(tally.get(rule).is_some_and(|count| *count >= 20), "{rule} was met too rarely: {tally:#?}");
    }
}

fn policy(view: &HubView, random: &mut Random) -> Policy {
    Policy {
        reserve: Bps(random.pick(&[500, 1_000])),
        max_position: Bps(5_000),
        min_transfer: Assets(10_000_000),
        horizon: 2_592_000,
        min_gain: Apr(0),
        expected_gas: 500_000,
        gas_patience: 0,
        priority_fee: 0,
        slippage: Bps(1),
        max_risk_score: 70,
        max_head_age: 300,
        large_moves: LargeMoves::Divide,
        strategy: Strategy::Convex,
        venues: view
            .venues
            .iter()
            .map(|venue| VenuePolicy {
                adapter: venue.adapter,
                risk_score: random.pick(&[10, 10, 80]),
                max_position: Bps(random.pick(&[5_000, 3_333])),
            })
            .collect(),
    }
}

fn reading(venue: &VenueView, random: &mut Random) -> Option<VenueReading> {
    let figures = venue.figures?;
    Some(VenueReading::Read {
        value: figures.value,
        liquidity: figures.liquidity,
        utilisation: figures.utilisation,
        size: figures.size,
        checkpoint: Some(Checkpoint { size: figures.settled, time: NOW - 60, block: BLOCK - 5 }),
        depositable: figures.depositable,
        performance_fee: Wad(0),
        markets: vec![Market {
            name: "market".into(),
            supplied: figures.size,
            borrowed: figures.lent(),
            held: figures.size,
            room: Assets(u128::from(u64::MAX)),
            fee: Wad(WAD / 10),
            curve: RateCurve::Kinked {
                base: Apr(u128::from(random.below(5)) * WAD / 100),
                slope1: Apr(WAD / 20),
                slope2: Apr(WAD / 2),
                optimal: Wad(WAD / 10 * 9),
            },
        }],
        supply_queue: vec![0],
        withdraw_queue: vec![0],
    })
}

// SPEC C5
#[test]
fn the_hub_accepts_whatever_the_projector_emits() {
    let emitted: Vec<[u64; 2]> = workers(|worker, mut world| {
        let mut random = Random(0x0940_6ec7 + worker);
        let mut emitted = [0; 2];
        for _ in 0..PROJECTED / WORKERS {
            let mut view = view(&mut random, &world);
            // The projector says where to, not when.
            view.operational = true;
            view.recent = [0; 4];
            let Some(readings) =
                view.venues.iter().map(|venue| reading(venue, &mut random)).collect::<Option<Vec<_>>>()
            else {
                continue;
            };
            let models: Vec<VenueModel<'_>> =
                readings.iter().filter_map(|reading| VenueModel::new(reading).ok()).collect();
            let policy = policy(&view, &mut random);
            let ideal: Vec<_> =
                view.venues.iter().map(|venue| (venue.adapter, Bps(random.below(5_200) as u16))).collect();
            let searched = projector::project(&view, &models, &policy);
            let nearest = projector::nearest(&view, &models, &policy, &ideal);
            world.set(&view);
            for (count, best) in emitted.iter_mut().zip([searched, nearest]) {
                let Some(best) = best else { continue };
                // Artifacts of other sources than these would look like a disagreement.
                if *count < 100 {
                    world.check_layout(&view);
                }
                let (judged, executed) = verdicts(&view, &best.targets, &world);
                assert!(executed.starts_with("accepted"), "hub: {executed}, model: {judged}\n{view:#?}\n{best:#?}");
                *count += 1;
            }
        }
        emitted
    });
    for (at, what) in ["the search", "the projection of random weights"].into_iter().enumerate() {
        let emitted: u64 = emitted.iter().map(|counts| counts[at]).sum();
        assert!(emitted > PROJECTED / 10, "{what} emitted only {emitted} times");
    }
}
