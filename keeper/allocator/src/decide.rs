//! From a snapshot and a policy to a decision with every reason for it.

use crate::candidates::{self, CandidateError};
use crate::economics;
use crate::gates::{self, Answer, Prices};
use crate::projector::{self, Move};
use crate::swaps::{Leg, NoSwaps, Swaps};
use crate::yields::{ModelError, VenueModel, YearlyYield};
use ballast_risk::{
    Allocation, HubView, Outcome, Violation, approval_threshold, check_approved_targets, check_targets,
};
use ballast_types::{
    Action, Assets, Decision, DecisionRecord, FeeHistory, Gate, GateId, LargeMoves, Outlook, Policy, Prediction,
    Snapshot, Target, record::FORMAT,
};

/// Decides what to do about a snapshot.
///
/// All gates are asked in the order of [`GateId`], also after one has failed, as far as they can be; one that cannot be asked is not
/// passed and says so. The answer is HOLD unless every gate is passed.
///
/// As [`decide_with`] where nothing is expected beyond the snapshot: a strategy that asks for more holds.
#[must_use]
pub fn decide(snapshot: &Snapshot, policy: &Policy) -> Decision {
    decide_with(snapshot, policy, &Outlook::default())
}

/// Decides what to do about a snapshot, given what is expected of the venues beyond it.
#[must_use]
pub fn decide_with(snapshot: &Snapshot, policy: &Policy, outlook: &Outlook) -> Decision {
    decide_swapping(snapshot, policy, outlook, &NoSwaps)
}

/// As [`decide_with`] where some venues are entered and left by swaps: what they cost lowers the merit of a move in the search of the convex strategy, and
/// [`GateId::Gain`] asks the gain of every strategy's move to pay for all of them together.
#[must_use]
pub fn decide_swapping(snapshot: &Snapshot, policy: &Policy, outlook: &Outlook, swaps: &dyn Swaps) -> Decision {
    judge(snapshot, policy, outlook, swaps, |view, models| {
        candidates::propose(view, models, policy, outlook).map_err(|error| match error {
            CandidateError::Empty | CandidateError::NoBetter => nothing_to_move(view, models),
            other => other.to_string(),
        })
    })
}

/// The gates, and what they say of the move that is proposed once it can be told; an error says why there is none.
fn judge(
    snapshot: &Snapshot,
    policy: &Policy,
    outlook: &Outlook,
    swaps: &dyn Swaps,
    proposal: impl FnOnce(&HubView, &[VenueModel<'_>]) -> Result<Move, String>,
) -> Decision {
    let view = HubView::from_snapshot(snapshot);
    let models: Vec<Result<VenueModel<'_>, ModelError>> = snapshot
        .venues
        .iter()
        .map(|venue| Ok(VenueModel::new(&venue.reading)?.reached_by(swaps, venue.adapter)))
        .collect();
    let (feeds, prices) = gates::feeds(snapshot);
    let policy_fault = policy.validate().err().map(|fault| format!("the policy is invalid: {fault}"));

    let mut asked = Asked::default();
    asked.put(GateId::Observation, gates::observation(snapshot, &view));
    asked.put(GateId::KillSwitch, gates::kill_switch(snapshot));
    asked.put(GateId::Feeds, feeds);
    asked.put(GateId::Venues, gates::venues(&snapshot.venues, &models));
    // Without these there is nothing to reason from. The schedule only says when, so it does not stand in the way.
    let obstacle = asked.refused().map(|id| id.to_string()).or(policy_fault.as_ref().map(|_| "policy".to_owned()));
    asked.put(GateId::Schedule, gates::schedule(&view));

    let Some(prices) = prices.filter(|_| obstacle.is_none()) else {
        let why = format!("not evaluated: {} must pass first", obstacle.unwrap_or(GateId::Feeds.to_string()));
        asked.put(GateId::Risk, Err(policy_fault.unwrap_or_else(|| why.clone())));
        for id in [GateId::Limits, GateId::Gain, GateId::Fees] {
            asked.put(id, Err(why.clone()));
        }
        return asked.hold(None);
    };
    let models: Vec<VenueModel<'_>> = models.into_iter().flatten().collect();
    let best = match proposal(&view, &models) {
        Ok(best) => best,
        Err(why) => {
            asked.put(GateId::Risk, Ok("no venue is added to".into()));
            asked.put(GateId::Limits, Err(why));
            for id in [GateId::Gain, GateId::Fees] {
                asked.put(id, Err("not evaluated: there is nothing to move".into()));
            }
            return asked.hold(None);
        }
    };
    let worth = candidates::worth(&best, &view, policy, outlook);
    propose(asked, snapshot, policy, &view, &Proposal { best, worth, swaps }, &prices)
}

/// Decides, and puts everything the decision followed from beside it. No learned model has a part in it yet.
#[must_use]
pub fn record(snapshot: Snapshot, policy: Policy) -> DecisionRecord {
    record_with(snapshot, policy, Outlook::default())
}

/// As [`record`], given what is expected of the venues beyond the snapshot.
#[must_use]
pub fn record_with(snapshot: Snapshot, policy: Policy, outlook: Outlook) -> DecisionRecord {
    let decision = decide_with(&snapshot, &policy, &outlook);
    DecisionRecord { format: FORMAT, snapshot, policy, outlook, models: Vec::new(), decision }
}

/// Judges the targets of an earlier decision as things are now, by `policy`, its own with today's scores: what a decision that waited for the Safe
/// must pass before it is carried out (SPEC X15). The decision in it has the same targets with today's amounts, or holds. What was expected beyond
/// the snapshot is as it was then.
#[must_use]
pub fn reconsider(earlier: &DecisionRecord, snapshot: Snapshot, policy: Policy) -> DecisionRecord {
    let targets: Vec<Allocation> = earlier.decision.targets().iter().map(Allocation::from).collect();
    let outlook = earlier.outlook.clone();
    let decision = judge(&snapshot, &policy, &outlook, &NoSwaps, |view, models| {
        projector::evaluate(view, models, targets).ok_or_else(|| "the targets cannot be evaluated".to_owned())
    });
    DecisionRecord { format: FORMAT, snapshot, policy, outlook, models: Vec::new(), decision }
}

/// A move, and what a year of it is worth to the strategy.
struct Proposal<'a> {
    best: Move,
    worth: Result<YearlyYield, CandidateError>,
    /// What leads to it.
    swaps: &'a dyn Swaps,
}

/// The hub's word on the targets, as far as it does not depend on an approval that can be had.
fn permitted(policy: &Policy, view: &HubView, targets: &[Allocation]) -> Result<Outcome, Violation> {
    match policy.large_moves {
        LargeMoves::Divide => check_targets(view, targets),
        LargeMoves::Ask => check_approved_targets(view, targets),
    }
}

/// The gates that judge a proposal.
fn propose(
    mut asked: Asked,
    snapshot: &Snapshot,
    policy: &Policy,
    view: &HubView,
    proposal: &Proposal<'_>,
    prices: &Prices,
) -> Decision {
    let best = &proposal.best;
    let outcome = match permitted(policy, view, &best.targets) {
        Ok(outcome) => outcome,
        Err(violation) => {
            asked.put(GateId::Risk, Err("not evaluated: the hub would refuse the targets".into()));
            asked.put(GateId::Limits, Err(violation.to_string()));
            for id in [GateId::Gain, GateId::Fees] {
                asked.put(id, Err("not evaluated: the hub would refuse the targets".into()));
            }
            return asked.hold(None);
        }
    };
    asked.put(GateId::Risk, risk(snapshot, policy, &outcome));
    let threshold = approval_threshold(&view.limits, outcome.nav);
    let approval = if outcome.added > threshold {
        format!("; {} is added, above {threshold} the Safe must approve", outcome.added)
    } else {
        String::new()
    };
    asked.put(
        GateId::Limits,
        Ok(format!(
            "{} of {} venues change, turnover {}, idle {} after{approval}",
            outcome.legs.len(),
            view.venues.len(),
            outcome.turnover,
            outcome.idle_after
        )),
    );
    let (gain, prediction) = gain(snapshot, policy, proposal, &outcome, prices);
    asked.put(GateId::Gain, gain);
    asked.put(GateId::Fees, fees(snapshot, policy, proposal, prices));
    if asked.refused().is_some() {
        return asked.hold(prediction);
    }
    let targets = best
        .targets
        .iter()
        .zip(&outcome.legs)
        .map(|(target, leg)| Target {
            adapter: target.adapter,
            bps: target.bps,
            from: leg.before,
            to: outcome.nav.share(target.bps),
            min_out: target.min_out,
        })
        .collect();
    Decision { action: Action::Rebalance { targets }, gates: asked.gates, prediction }
}

/// Every venue that is added to has a score below the policy's limit (SPEC X2).
fn risk(snapshot: &Snapshot, policy: &Policy, outcome: &Outcome) -> Answer {
    let mut scores = Vec::new();
    let mut faults = Vec::new();
    for leg in outcome.legs.iter().filter(|leg| leg.after > leg.before) {
        let name = snapshot
            .venues
            .iter()
            .find(|venue| venue.adapter == leg.adapter)
            .map_or_else(|| leg.adapter.to_string(), |venue| venue.name.clone());
        match policy.venue(leg.adapter) {
            Some(venue) if venue.risk_score < policy.max_risk_score => {
                scores.push(format!("{name} {}", venue.risk_score));
            }
            Some(venue) => faults.push(format!("{name} scores {}", venue.risk_score)),
            None => faults.push(format!("{name} has no risk score")),
        }
    }
    let limit = policy.max_risk_score;
    if !faults.is_empty() {
        return Err(format!("{}, expected below {limit}", faults.join(", ")));
    }
    Ok(if scores.is_empty() { "no venue is added to".into() } else { format!("{}, limit {limit}", scores.join(", ")) })
}

/// The gain over the horizon pays for gas, for swaps and for the required improvement (SPEC X2, ERR-33).
fn gain(
    snapshot: &Snapshot,
    policy: &Policy,
    proposal: &Proposal<'_>,
    outcome: &Outcome,
    prices: &Prices,
) -> (Answer, Option<Prediction>) {
    let Proposal { best, worth, swaps } = proposal;
    let worth = match worth {
        Ok(worth) => *worth,
        Err(error) => return (Err(error.to_string()), None),
    };
    let legs: Vec<Leg> = outcome
        .legs
        .iter()
        .map(|leg| Leg { adapter: leg.adapter, from: leg.before, to: leg.after })
        .filter(|leg| swaps.needed(leg.adapter))
        .collect();
    let swapping = if legs.is_empty() { Some(Assets::ZERO) } else { swaps.cost(&legs) };
    let Some(swapping) = swapping else {
        return (Err("the swaps of the move cannot be made at a price that is accepted".into()), None);
    };
    let numbers = || {
        let gain = economics::earned(worth, policy.horizon)?;
        let fee = snapshot.block.next_base_fee.checked_add(policy.priority_fee)?;
        let gas_cost = economics::gas_cost(policy.expected_gas, fee, prices.eth_usd, prices.asset_usd)?;
        let required = economics::required(outcome.nav, policy.min_gain, policy.horizon)?;
        Some((gain, gas_cost, required, gas_cost.checked_add(required)?.checked_add(swapping)?))
    };
    let Some((gain, gas_cost, required, threshold)) = numbers() else {
        return (Err("gain or gas cost does not fit 128 bits".into()), None);
    };
    let prediction = Prediction {
        nav: outcome.nav,
        idle_after: outcome.idle_after,
        apr_before: best.yield_before.rate_on(outcome.nav),
        apr_after: best.yield_after.rate_on(outcome.nav),
        gain,
        gas_cost,
        turnover: outcome.turnover,
    };
    let meant = if policy.strategy.needs_outlook() { ", by its certainty equivalent," } else { "" };
    let swapped = if legs.is_empty() { String::new() } else { format!(", swaps {swapping}") };
    let detail = format!(
        "{} to {}{meant} gains {gain} in {} s; gas {gas_cost} and required improvement {required}{swapped}",
        prediction.apr_before.percent(),
        prediction.apr_after.percent(),
        policy.horizon
    );
    (if gain > threshold { Ok(detail) } else { Err(detail) }, Some(prediction))
}

/// A lower base fee is worth waiting for as long as it saves more than the move earns in the policy's patience (SPEC X4, X11). What is
/// waited for is what a quarter of the recent blocks had, so it comes by itself or the recent blocks become dear ones.
fn fees(snapshot: &Snapshot, policy: &Policy, proposal: &Proposal<'_>, prices: &Prices) -> Answer {
    let patience = policy.gas_patience;
    if patience == 0 {
        return Ok("lower fees are not waited for".into());
    }
    let Some(FeeHistory { blocks, low }) = snapshot.fees else {
        return Ok("the fees of recent blocks are not known, so lower ones are not waited for".into());
    };
    let base_fee = snapshot.block.next_base_fee;
    let numbers = || {
        let cost = |base_fee: u128| {
            let fee = base_fee.checked_add(policy.priority_fee)?;
            economics::gas_cost(policy.expected_gas, fee, prices.eth_usd, prices.asset_usd)
        };
        let saved = cost(base_fee)?.saturating_sub(cost(low)?);
        Some((saved, economics::earned(*proposal.worth.as_ref().ok()?, patience)?))
    };
    let Some((saved, missed)) = numbers() else { return Err("gain or gas cost does not fit 128 bits".into()) };
    let detail = format!(
        "base fee {base_fee} wei, at most {low} in a quarter of {blocks} blocks: that saves {saved}, waiting {patience} s costs {missed}"
    );
    if saved > missed { Err(detail) } else { Ok(detail) }
}

fn nothing_to_move(view: &HubView, models: &[VenueModel<'_>]) -> String {
    let Some(nav) = view.nav().filter(|nav| *nav != Assets::ZERO) else {
        return "nothing to move: the vault is empty".into();
    };
    let apr = projector::present_yield(models).map(|total| total.rate_on(nav)).unwrap_or_default();
    let paused = if view.paused { " while deposits, and with them additions, are paused" } else { "" };
    format!("nothing to move: no permitted move raises the yield on NAV above {}{paused}", apr.percent())
}

/// The gates asked so far.
#[derive(Default)]
struct Asked {
    gates: Vec<Gate>,
}

impl Asked {
    fn put(&mut self, id: GateId, answer: Answer) {
        let (passed, detail) = match answer {
            Ok(detail) => (true, detail),
            Err(detail) => (false, detail),
        };
        self.gates.push(Gate { id, passed, detail });
    }

    /// The first gate that was answered no.
    fn refused(&self) -> Option<GateId> {
        self.gates.iter().find(|gate| !gate.passed).map(|gate| gate.id)
    }

    fn hold(self, prediction: Option<Prediction>) -> Decision {
        Decision { action: Action::Hold, gates: self.gates, prediction }
    }
}
