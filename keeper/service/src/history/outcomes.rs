//! What came of a decision after a week and after a month, beside what its alternatives would have brought (SPEC P7).
//!
//! *Realised* is what the portfolio earned from snapshot to snapshot, over its value at each, less gas. The alternatives are held with the weights
//! that they would have had at the decision, at the rates that were recorded afterwards, less what making them would have cost then. Recorded rates
//! are those beside our own position: what a larger or smaller one would have done to them is left out, on all sides alike.

use super::{names::Names, readings::SOURCE};
use ballast_allocator::{decide, economics, yields::VenueModel};
use ballast_risk::{FeedHealth, assess};
use ballast_store::history::{Due, Outcome, PortfolioSnapshot, Yield};
use ballast_store::{History, HistoryError};
use ballast_types::{
    Action, Apr, Assets, BPS_ONE, DecisionRecord, Metric, Observation, Policy, SECONDS_PER_YEAR, SeriesId, Snapshot,
    Strategy, VenueReading, WAD, Wad,
};
use std::collections::BTreeMap;

/// Seconds without a record after which a time counts as not observed.
const LONGEST_GAP: u64 = 2 * 86_400;

/// Whether a decision can be judged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Judged(Outcome),
    /// Its horizon is not over.
    NotYet,
    /// What is missing; it may come with an import, or never.
    Unknown(String),
}

/// Judges a decision that is due.
///
/// # Errors
/// If the history cannot be read.
pub(crate) async fn judge(
    history: &History,
    record: &DecisionRecord,
    due: &Due,
    measured_at: u64,
) -> Result<Verdict, HistoryError> {
    let snapshot = &record.snapshot;
    let (from, until) = (due.decided_at, due.decided_at.saturating_add(due.horizon.seconds()));
    if measured_at < until {
        return Ok(Verdict::NotYet);
    }
    let nav = snapshot.vault.nav.0 as f64;
    let rows = history.snapshots(from..until.saturating_add(1)).await?;
    if let Some(gap) = gap(rows.iter().map(|row| row.timestamp), from, until) {
        return Ok(Verdict::Unknown(format!("the portfolio was not recorded for {gap} s")));
    }
    let names = Names::of_snapshot(snapshot);
    let mut growth = BTreeMap::new();
    for venue in &snapshot.venues {
        let name = names.of(venue.adapter);
        let Ok(series) = SeriesId::new(name.clone(), Metric::SupplyApr) else { continue };
        let rates = history.range(&series, Some(SOURCE), from..until.saturating_add(1), measured_at).await?;
        match gap(rates.iter().map(Observation::time), from, until) {
            None => drop(growth.insert(venue.adapter, compounded(&rates, until))),
            // What nobody could have had money in needs no rate.
            Some(_) if matches!(venue.reading, VenueReading::Unreadable { .. }) => {}
            Some(gap) => return Ok(Verdict::Unknown(format!("the rate of {name} was not recorded for {gap} s"))),
        }
    }
    let held = |venue: &ballast_types::VenueState| match &venue.reading {
        VenueReading::Read { value, .. } => value.0 as f64,
        VenueReading::Unreadable { .. } => 0.0,
    };
    let earned = |position: f64, adapter| position * growth.get(&adapter).copied().unwrap_or_default();
    let of_nav = |assets: f64| if nav > 0.0 { assets / nav } else { 0.0 };

    let hold: f64 = snapshot.venues.iter().map(|venue| earned(held(venue), venue.adapter)).sum();
    let outcome = Outcome {
        decision: due.decision,
        horizon: due.horizon,
        measured_at,
        realised: Yield::nearest(realised(&rows))?,
        hold: Yield::nearest(of_nav(hold))?,
        best_single: Yield::nearest(of_nav(best_single(snapshot, &record.policy, &earned)))?,
        convex: Yield::nearest(of_nav(convex(snapshot, &record.policy, &held, &earned)))?,
    };
    Ok(Verdict::Judged(outcome))
}

/// The first stretch from `from` to `until` in which there is none of `times` (rising) for too long.
fn gap(times: impl Iterator<Item = u64>, from: u64, until: u64) -> Option<u64> {
    let mut last = from;
    let mut stretch = |time: u64| {
        let since = time.saturating_sub(last);
        last = time;
        (since > LONGEST_GAP).then_some(since)
    };
    let ends: Vec<u64> = times.chain([until]).collect();
    // Nothing at all is a gap, however short the time.
    if ends.len() == 1 {
        return Some(until.saturating_sub(from));
    }
    ends.into_iter().find_map(&mut stretch)
}

/// What one unit earns at these rates, each holding until the next.
fn compounded(rates: &[Observation], until: u64) -> f64 {
    let mut value = 1.0;
    let ends = rates.iter().skip(1).map(Observation::time).chain([until]);
    for (rate, end) in rates.iter().zip(ends) {
        let seconds = end.saturating_sub(rate.time()) as f64;
        value *= 1.0 + rate.value() * seconds / SECONDS_PER_YEAR as f64;
    }
    value - 1.0
}

/// What the portfolio earned, step by step over its value then, less the gas of the whole time over the first value.
fn realised(rows: &[PortfolioSnapshot]) -> f64 {
    let profit = |row: &PortfolioSnapshot| row.realized_pnl.to_f64() + row.unrealized_pnl.to_f64();
    let mut index = 1.0;
    for pair in rows.windows(2) {
        if let [before, after] = pair
            && before.value.to_f64() > 0.0
        {
            index *= 1.0 + (profit(after) - profit(before)) / before.value.to_f64();
        }
    }
    let gas = match (rows.first(), rows.last()) {
        (Some(first), Some(last)) if first.value.to_f64() > 0.0 => {
            (last.gas.to_f64() - first.gas.to_f64()) / first.value.to_f64()
        }
        _ => 0.0,
    };
    index - 1.0 - gas
}

/// All but the reserve in the venue that paid most at the decision, among those that could be added to.
fn best_single<E: Fn(f64, ballast_types::Address) -> f64>(snapshot: &Snapshot, policy: &Policy, earned: &E) -> f64 {
    let permitted = |adapter| {
        let of = policy.venues.iter().find(|venue| venue.adapter == adapter);
        of.is_some_and(|venue| venue.risk_score < policy.max_risk_score)
    };
    let rates = snapshot.venues.iter().filter(|venue| venue.can_add && !venue.quarantined && permitted(venue.adapter));
    let rates = rates.filter_map(|venue| {
        let model = VenueModel::new(&venue.reading).ok()?;
        Some((model.rate_at(model.value())?, venue.adapter, model.value()))
    });
    // The first of equals, as the exit queue has them.
    let best = rates.fold(None, |best: Option<(Apr, _, Assets)>, next| match best {
        Some(best) if best.0 >= next.0 => Some(best),
        _ => Some(next),
    });
    let Some((_, adapter, there)) = best else { return 0.0 };
    let nav = snapshot.vault.nav.0 as f64;
    let position = nav * f64::from(BPS_ONE.saturating_sub(policy.reserve.0)) / f64::from(BPS_ONE);
    // Who is there already has nothing to pay.
    let step = nav * f64::from(snapshot.hub.limits.min_step.0) / f64::from(BPS_ONE);
    let moves = (position - there.0 as f64).abs() > step;
    earned(position, adapter) - if moves { gas_cost(snapshot, policy) } else { 0.0 }
}

/// What the service's own default would have done with this snapshot.
fn convex<H, E>(snapshot: &Snapshot, policy: &Policy, held: &H, earned: &E) -> f64
where
    H: Fn(&ballast_types::VenueState) -> f64,
    E: Fn(f64, ballast_types::Address) -> f64,
{
    let baseline = Policy { strategy: Strategy::Convex, ..policy.clone() };
    let decision = decide(snapshot, &baseline);
    let position = |venue: &ballast_types::VenueState| {
        let target = decision.targets().iter().find(|target| target.adapter == venue.adapter);
        target.map_or_else(|| held(venue), |target| target.to.0 as f64)
    };
    let kept: f64 = snapshot.venues.iter().map(|venue| earned(position(venue), venue.adapter)).sum();
    match decision.action {
        Action::Hold => kept,
        Action::Rebalance { .. } => kept - gas_cost(snapshot, policy),
    }
}

/// What a move was expected to cost then, in base units; nothing where ether had no price.
fn gas_cost(snapshot: &Snapshot, policy: &Policy) -> f64 {
    let FeedHealth::Healthy { price } = assess(&snapshot.eth_usd, snapshot.block.timestamp) else { return 0.0 };
    let fee = snapshot.block.next_base_fee.saturating_add(policy.priority_fee);
    economics::gas_cost(policy.expected_gas, fee, price, Wad(WAD)).map_or(0.0, |cost| cost.0 as f64)
}

#[cfg(test)]
mod tests;
