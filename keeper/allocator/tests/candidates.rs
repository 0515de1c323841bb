//! Strategies: what each aims at, that the hub's rules and the gates stand above it, and that records replay (SPEC P9).

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod world;

use ballast_allocator::candidates::{Bounds, CandidateError, cvar, ideal, mean_variance, propose, worth};
use ballast_allocator::projector::project;
use ballast_allocator::yields::VenueModel;
use ballast_allocator::{decide, decide_with, reconsider, record_with, replay};
use ballast_risk::{Allocation, HubView, check_targets};
use ballast_types::*;
use world::*;

fn models(snapshot: &Snapshot) -> Vec<VenueModel<'_>> {
    snapshot.venues.iter().map(|venue| VenueModel::new(&venue.reading).unwrap()).collect()
}

fn with(strategy: Strategy) -> Policy {
    Policy { strategy, min_gain: Apr(0), ..policy() }
}

fn funded() -> Snapshot {
    let mut snapshot = fresh();
    snapshot.vault.idle = Assets(1_000_000 * USDC);
    snapshot.vault.nav = snapshot.vault.idle;
    snapshot.hub.limits.max_venue_share = Bps(10_000);
    snapshot
}

fn wad(fraction: f64) -> SignedWad {
    SignedWad((fraction * 1e18) as i128)
}

/// Aave: 4 %, calm; Morpho: 6 %, of twice the deviation; correlated by a half. In one of twenty scenarios Morpho loses a tenth.
fn outlook() -> Outlook {
    Outlook {
        venues: vec![
            VenueOutlook { adapter: AAVE, expected: wad(0.04) },
            VenueOutlook { adapter: MORPHO, expected: wad(0.06) },
        ],
        covariance: vec![wad(0.0001), wad(0.0001), wad(0.0004)],
        scenarios: (0..20)
            .map(|at| vec![wad(0.04 + 0.001 * f64::from(at % 5)), wad(if at == 0 { -0.1 } else { 0.06 })])
            .collect(),
    }
}

fn targets(decision: &Decision) -> Vec<(Address, u16)> {
    decision.targets().iter().map(|target| (target.adapter, target.bps.0)).collect()
}

#[test]
fn to_hold_is_to_move_nothing_and_says_so() {
    let decision = decide(&funded(), &with(Strategy::Hold));
    assert_eq!(decision.action, Action::Hold);
    let limits = decision.gates.iter().find(|gate| gate.id == GateId::Limits).unwrap();
    assert_eq!(limits.detail, "nothing to move: the strategy is to hold");
}

#[test]
fn the_best_single_venue_is_the_one_that_pays_most_at_the_size_it_then_has() {
    let mut snapshot = funded();
    let VenueReading::Read { markets, .. } = &mut snapshot.venues[1].reading else { panic!() };
    markets[0].curve = morpho_curve(Apr(WAD * 46 / 1_000));
    // Morpho lends 54 of 60 M out at 4.6 %, Aave 80 of 100 M at 4.9 %: 3.7 % against 3.5 % for the first dollar.
    assert_eq!(targets(&decide(&snapshot, &with(Strategy::BestSingle))), [(MORPHO, 5_000)]);
    // 20 M of a vault of 40 M dilute Morpho to 2.3 %, Aave to 2.4 %.
    snapshot.vault.idle = Assets(40_000_000 * USDC);
    snapshot.vault.nav = snapshot.vault.idle;
    for venue in &mut snapshot.venues {
        let VenueReading::Read { size, checkpoint, .. } = &mut venue.reading else { panic!() };
        *checkpoint = Some(Checkpoint { size: *size, time: NOW - 1_200, block: BLOCK - 100 });
    }
    let policy = Policy { large_moves: LargeMoves::Ask, ..with(Strategy::BestSingle) };
    assert_eq!(targets(&decide(&snapshot, &policy)), [(AAVE, 5_000)]);
}

#[test]
fn weights_are_taken_as_they_are_where_the_limits_let_them_be() {
    let weights = |aave, morpho| {
        let weight = |adapter, bps| Weight { adapter, bps: Bps(bps) };
        with(Strategy::Weights { weights: vec![weight(AAVE, aave), weight(MORPHO, morpho)] })
    };
    assert_eq!(targets(&decide(&funded(), &weights(4_000, 3_333))), [(AAVE, 4_000), (MORPHO, 3_333)]);
    // ERR-39: 60 % in one venue is above the limit of 50 %.
    assert_eq!(targets(&decide(&funded(), &weights(6_000, 3_000))), [(AAVE, 5_000), (MORPHO, 3_000)]);
    // Below the least position of 5 % the nearer of nothing and 5 %.
    assert_eq!(targets(&decide(&funded(), &weights(240, 3_000))), [(MORPHO, 3_000)]);
    assert_eq!(targets(&decide(&funded(), &weights(260, 3_000))), [(AAVE, 500), (MORPHO, 3_000)]);
    // Beyond the reserve both give way alike.
    assert_eq!(targets(&decide(&funded(), &weights(5_000, 5_000))), [(AAVE, 4_750), (MORPHO, 4_750)]);
}

// ERR-35: .4 + .3 + .2 + .1 and a reserve of .1 make 1.1.
#[test]
fn weights_of_more_than_everything_are_refused() {
    let weight = |byte, bps| Weight { adapter: Address::repeat_byte(byte), bps: Bps(bps) };
    let weights = vec![weight(1, 4_000), weight(2, 3_000), weight(3, 2_000), weight(4, 2_000)];
    let fault = with(Strategy::Weights { weights }).validate().unwrap_err();
    assert_eq!(fault.to_string(), "policy.strategy.weights is 11000 bps in all, expected at most 10000 bps in all");
    let twice = Strategy::Weights { weights: vec![weight(1, 1), weight(1, 1)] };
    assert!(with(twice).validate().unwrap_err().to_string().contains("one per venue"));
    let bad = Strategy::Cvar { confidence: Bps(10_000), risk_aversion: 1 };
    assert!(with(bad).validate().unwrap_err().to_string().contains("5000 to 9990 bps"));
}

#[test]
fn more_aversion_to_risk_takes_less_of_what_varies_more() {
    let of = |risk_aversion| {
        let decision = decide_with(&funded(), &with(Strategy::MeanVariance { risk_aversion }), &outlook());
        let all = targets(&decision);
        let weight = |adapter| all.iter().find(|(at, _)| *at == adapter).map_or(0, |(_, bps)| *bps);
        (weight(AAVE), weight(MORPHO))
    };
    assert_eq!(of(0), (4_500, 5_000), "without aversion the one with the higher mean comes first");
    assert_eq!(of(30_000), (5_000, 3_750), "Aave at its limit, and 0.06 = 300·(0.0001·0.5 + 0.0004·w) of Morpho");
    // Σ⁻¹·μ = (1000/3, 200/3), and λ = 1000.
    let (aave, morpho) = of(100_000);
    assert_eq!((aave, morpho), (3_333, 666), "(λΣ)⁻¹μ itself");
}

#[test]
fn cvar_leaves_the_venue_whose_worst_is_bad() {
    let of = |risk_aversion| {
        let strategy = Strategy::Cvar { confidence: Bps(9_500), risk_aversion };
        targets(&decide_with(&funded(), &with(strategy), &outlook()))
    };
    // Mean 4.2 % against 5.2 %; the worst of twenty is +4 % against −10 %.
    assert_eq!(of(0), [(AAVE, 4_500), (MORPHO, 5_000)]);
    assert_eq!(of(100), [(AAVE, 5_000)]);
}

#[test]
fn a_move_that_lowers_risk_is_worth_what_the_certainty_equivalent_gains() {
    let mut snapshot = funded();
    let VenueReading::Read { value, liquidity, .. } = &mut snapshot.venues[1].reading else { panic!() };
    (*value, *liquidity) = (Assets(450_000 * USDC), Assets(450_000 * USDC));
    snapshot.venues[1].target = Bps(4_500);
    snapshot.vault.idle = Assets(550_000 * USDC);
    let outlook = outlook();
    let averse = with(Strategy::MeanVariance { risk_aversion: 100_000 });
    let view = HubView::from_snapshot(&snapshot);
    let found = propose(&view, &models(&snapshot), &averse, &outlook).unwrap();
    let worth = worth(&found, &view, &averse, &outlook).unwrap();
    // U(w) = μᵀw − 500·wᵀΣw: from (0, 0.45) to (0.3333, 0.0666) by hand.
    let utility = |a: f64, m: f64| 0.04 * a + 0.06 * m - 500.0 * (1e-4 * a * a + 2e-4 * a * m + 4e-4 * m * m);
    let expected = (utility(0.3333, 0.0666) - utility(0.0, 0.45)) * 1e6;
    let yearly = worth.rate_on(Assets(USDC)).0 as f64 / 1e18;
    assert!((yearly - expected).abs() < 1e-6 * expected, "{yearly} a year, expected {expected}");
    let decision = decide_with(&snapshot, &averse, &outlook);
    assert_ne!(decision.action, Action::Hold);
    let gain = decision.gates.iter().find(|gate| gate.id == GateId::Gain).unwrap();
    assert!(gain.detail.contains("by its certainty equivalent"), "{}", gain.detail);
}

#[test]
fn without_what_a_strategy_needs_it_holds_and_says_what_is_missing() {
    let limits = |strategy: Strategy, outlook: &Outlook| {
        let decision = decide_with(&funded(), &with(strategy), outlook);
        assert_eq!(decision.action, Action::Hold);
        decision.gates.into_iter().find(|gate| gate.id == GateId::Limits).unwrap().detail
    };
    let averse = || Strategy::MeanVariance { risk_aversion: 100 };
    let tail = || Strategy::Cvar { confidence: Bps(9_500), risk_aversion: 100 };
    assert!(limits(averse(), &Outlook::default()).contains("what is expected of 0x"));
    assert!(limits(averse(), &Outlook { covariance: vec![], ..outlook() }).contains("a covariance of returns"));
    assert!(limits(tail(), &Outlook { scenarios: vec![], ..outlook() }).contains("scenarios of returns"));
    let mut indefinite = outlook();
    indefinite.covariance[1] = wad(0.001);
    assert!(limits(averse(), &indefinite).contains("expected a positive semidefinite matrix"));
    let mut twice = outlook();
    twice.venues[1].adapter = AAVE;
    assert!(limits(averse(), &twice).contains("twice"));
}

fn random_outlook(r: &mut Random, snapshot: &Snapshot) -> Outlook {
    let n = snapshot.venues.len();
    let number = |r: &mut Random, scale: f64| (r.below(2_000_001) as f64 / 1e6 - 1.0) * scale;
    // L·Lᵀ is positive semidefinite, sometimes of a lower rank.
    let rank = 1 + r.below(n as u128 + 1) as usize;
    let factor: Vec<Vec<f64>> = (0..n).map(|_| (0..rank).map(|_| number(r, 0.05)).collect()).collect();
    let entry = |a: usize, b: usize| factor[a].iter().zip(&factor[b]).map(|(x, y)| x * y).sum::<f64>();
    let venues =
        snapshot.venues.iter().map(|venue| VenueOutlook { adapter: venue.adapter, expected: wad(number(r, 0.1)) });
    Outlook {
        venues: venues.collect(),
        covariance: (0..n)
            .flat_map(|row| (0..=row).map(move |column| (row, column)))
            .map(|(a, b)| wad(entry(a, b)))
            .collect(),
        scenarios: (0..r.between(1, 60)).map(|_| (0..n).map(|_| wad(number(r, 0.2))).collect()).collect(),
    }
}

fn random_strategy(r: &mut Random, snapshot: &Snapshot) -> Strategy {
    match r.below(5) {
        0 => Strategy::BestSingle,
        1 => {
            let most = 9_000 / snapshot.venues.len().max(1) as u128;
            let weight = |venue: &VenueState| Weight { adapter: venue.adapter, bps: Bps(r.below(most) as u16) };
            Strategy::Weights { weights: snapshot.venues.iter().map(weight).collect() }
        }
        2 => Strategy::Cvar { confidence: Bps(r.between(5_000, 9_990) as u16), risk_aversion: r.below(1_000) as u32 },
        _ => Strategy::MeanVariance { risk_aversion: r.below(10_000) as u32 },
    }
}

// SPEC C5: whatever the strategy.
#[test]
fn whatever_the_strategy_the_hub_takes_what_is_decided_and_the_record_replays() {
    let (mut moves, mut proposals) = ([0; 6], [0; 6]);
    for case in 0..12_000 {
        let r = &mut Random(0xca4d + case);
        let mut snapshot = random_snapshot(r);
        let strategy = random_strategy(r, &snapshot);
        let policy = Policy { strategy, min_gain: Apr(0), ..random_policy(r, &snapshot) };
        let outlook = random_outlook(r, &snapshot);
        let kind = match policy.strategy {
            Strategy::Convex => 0,
            Strategy::Hold => 1,
            Strategy::BestSingle => 2,
            Strategy::Weights { .. } => 3,
            Strategy::MeanVariance { .. } => 4,
            Strategy::Cvar { .. } => 5,
        };
        let view = HubView::from_snapshot(&snapshot);
        match propose(&view, &models(&snapshot), &policy, &outlook) {
            Ok(found) => {
                check_targets(&view, &found.targets).unwrap_or_else(|fault| panic!("case {case}: {fault}"));
                proposals[kind] += 1;
            }
            Err(
                error @ (CandidateError::NotConverged { .. }
                | CandidateError::Covariance(_)
                | CandidateError::Missing { .. }),
            ) => panic!("case {case}: {error}\n{policy:?}\n{outlook:?}"),
            Err(_) => {}
        }
        let record = record_with(snapshot.clone(), policy.clone(), outlook.clone());
        let read = DecisionRecord::from_canonical(&record.to_canonical().unwrap()).unwrap();
        assert!(replay(&read).equal, "case {case}: {:?}", replay(&read).differences);
        assert_eq!(reconsider(&record, snapshot.clone(), record.policy.clone()).outlook, outlook, "case {case}");
        if !record.decision.targets().is_empty() {
            let targets: Vec<Allocation> = record.decision.targets().iter().map(Allocation::from).collect();
            ballast_risk::judge(&view, &targets).unwrap_or_else(|fault| panic!("case {case}: {fault}"));
            moves[kind] += 1;
        }
        snapshot.venues.reverse();
        assert_eq!(decide_with(&snapshot, &policy, &outlook), record.decision, "case {case}: reversed");
    }
    assert!(moves[2..].iter().all(|count| *count > 100), "too few moves: {moves:?} of {proposals:?}");
}

#[test]
fn a_record_whose_outlook_was_changed_does_not_replay() {
    let strategy = Strategy::MeanVariance { risk_aversion: 100_000 };
    let mut record = record_with(funded(), with(strategy), outlook());
    assert!(replay(&record).equal);
    record.outlook.venues[0].expected = wad(0.01);
    let report = replay(&record);
    assert!(report.differences.iter().any(|difference| difference.field.contains("targets")), "{report:?}");
}

#[test]
fn the_convex_strategy_proposes_what_the_search_finds() {
    let snapshot = funded();
    let view = HubView::from_snapshot(&snapshot);
    let models = models(&snapshot);
    let found = propose(&view, &models, &policy(), &Outlook::default()).unwrap();
    assert_eq!(Some(&found), project(&view, &models, &policy()).as_ref());
    let weights = ideal(&view, &models, &policy(), &Outlook::default()).unwrap();
    let sum: u16 = weights.iter().map(|(_, bps)| bps.0).sum();
    assert_eq!(sum, 9_500);
}

/// The bounds of a problem of up to 20 venues.
fn instance(r: &mut Random) -> (usize, Bounds) {
    let n = r.between(1, 20) as usize;
    let most = (0..n).map(|_| f64::from(r.below(5_001) as u16) / 1e4).collect();
    (n, Bounds { most, budget: f64::from(r.between(1_000, 9_500) as u16) / 1e4 })
}

fn feasible(weights: &[f64], bounds: &Bounds, case: u64) {
    assert!(weights.iter().sum::<f64>() <= bounds.budget + 1e-12, "case {case}: above the budget");
    let inside = weights.iter().zip(&bounds.most).all(|(weight, most)| *weight >= 0.0 && *weight <= *most + 1e-15);
    assert!(inside, "case {case}: {weights:?}");
}

#[test]
fn no_feasible_exchange_improves_what_the_solvers_return() {
    for case in 0..400 {
        let r = &mut Random(0x50 + case);
        let (n, bounds) = instance(r);
        let number = |r: &mut Random, scale: f64| (r.below(2_000_001) as f64 / 1e6 - 1.0) * scale;
        let factor: Vec<Vec<f64>> = (0..n).map(|_| (0..n).map(|_| number(r, 0.05)).collect()).collect();
        let entry = |a: usize, b: usize| factor[a].iter().zip(&factor[b]).map(|(x, y)| x * y).sum::<f64>();
        let problem = mean_variance::Problem {
            mean: (0..n).map(|_| number(r, 0.1)).collect(),
            covariance: (0..n * n).map(|at| entry(at / n, at % n)).collect(),
            risk_aversion: r.below(10_000) as f64 / 100.0,
            bounds: bounds.clone(),
        };
        let weights = mean_variance::solve(&problem).unwrap();
        feasible(&weights, &bounds, case);
        no_exchange(&weights, &bounds, |weights| problem.objective(weights), case);

        let tail = cvar::Problem {
            scenarios: (0..r.between(1, 200)).map(|_| (0..n).map(|_| number(r, 0.1)).collect()).collect(),
            confidence: r.between(5_000, 9_990) as f64 / 1e4,
            risk_aversion: r.below(1_000) as f64 / 100.0,
            bounds: bounds.clone(),
        };
        let weights = cvar::solve(&tail).unwrap_or_else(|error| panic!("case {case}: {error}"));
        feasible(&weights, &bounds, case);
        no_exchange(&weights, &bounds, |weights| tail.objective(weights), case);
    }
}

/// Moves a little from each place to each other, cash included: concave objectives have no other way up than one of these or a mix of them.
fn no_exchange(weights: &[f64], bounds: &Bounds, objective: impl Fn(&[f64]) -> f64, case: u64) {
    let best = objective(weights);
    let cash = bounds.budget - weights.iter().sum::<f64>();
    for step in [1e-2, 1e-4] {
        for from in 0..=weights.len() {
            for to in (0..=weights.len()).filter(|to| *to != from) {
                let mut other = weights.to_vec();
                let Some(step) = [Some(step), Some(weights.get(from).copied().unwrap_or(cash))]
                    .into_iter()
                    .chain([weights.get(to).map(|weight| bounds.most[to] - weight)])
                    .flatten()
                    .min_by(f64::total_cmp)
                    .filter(|step| *step > 0.0)
                else {
                    continue;
                };
                if let Some(weight) = other.get_mut(from) {
                    *weight -= step;
                }
                if let Some(weight) = other.get_mut(to) {
                    *weight += step;
                }
                let found = objective(&other);
                assert!(found <= best + 2e-9, "case {case}: {step} from {from} to {to} gains {}", found - best);
            }
        }
    }
}
