//! The document of the risk dashboard (SPEC R15), and the states of protocols (SPEC D8), from a snapshot and what is remembered.

use crate::history::{
    Names, Remembered, asset_price, coin, compounded, eve_of_year, figures, price, risk_score, troubles, value_usd,
};
use ballast_allocator::economics;
use ballast_chain::Conditions;
use ballast_risk::{
    FeedHealth, Stablecoin, assess,
    dashboard::{
        AlertView, DashboardParts, Figures, GasView, KillFlags, OracleView, PegView, PositionView, RiskDashboard,
        Severity,
    },
    kill_switch::Trigger,
    portfolio::{Holding, liquidity_coverage, plan_exit},
};
use ballast_server::{ProtocolState, StateError};
use ballast_store::history::Severity as Recorded;
use ballast_types::{FeedReading, FeedState, Policy, Snapshot, WAD, Wad};

/// What a position is scored that the policy does not know.
const RISKIEST: f64 = 100.0;
const ASSET_UNIT: f64 = 1e6;
const GWEI: f64 = 1e9;
const DAY: u64 = 86_400;
const DAYS_PER_YEAR: f64 = 365.0;
/// The words of `KillSwitchManager` for what stopped it (SPEC C7).
const REASONS: [(&str, Trigger); 5] = [
    ("Stablecoin depeg detected", Trigger::Peg),
    ("TVL crash detected", Trigger::Tvl),
    ("Utilization spike detected", Trigger::Utilisation),
    ("Oracle failure detected", Trigger::Oracle),
    ("Governance attack detected", Trigger::Governance),
];

/// The states of all venues. One whose name is no protocol id is not shown.
pub(super) fn states(snapshot: &Snapshot, policy: &Policy) -> Result<Vec<ProtocolState>, StateError> {
    let (names, asset) = (Names::of_snapshot(snapshot), asset_price(snapshot));
    let gas = gas_cost(snapshot, policy);
    let state = |venue| {
        let of = figures(venue, asset);
        Ok(ProtocolState {
            current_apy: of.apr.map(compounded),
            tvl_usd: of.tvl,
            risk_score: risk_score(policy, venue),
            liquidity_depth: of.depth,
            // One asset is lent and the same comes back: there is no price that could move apart.
            impermanent_loss_risk: Some(0.0),
            gas_cost_estimate: gas,
            ..ProtocolState::unknown(names.of(venue.adapter).parse()?, snapshot.block.timestamp)
        })
    };
    snapshot.venues.iter().map(state).collect()
}

/// USD for one move; `None` where ether has no price.
fn gas_cost(snapshot: &Snapshot, policy: &Policy) -> Option<f64> {
    let FeedHealth::Healthy { price } = assess(&snapshot.eth_usd, snapshot.block.timestamp) else { return None };
    let fee = snapshot.block.next_base_fee.checked_add(policy.priority_fee)?;
    Some(economics::gas_cost(policy.expected_gas, fee, price, Wad(WAD))?.0 as f64 / ASSET_UNIT)
}

pub(super) fn dashboard(
    snapshot: &Snapshot,
    policy: &Policy,
    conditions: Option<&Conditions>,
    remembered: Option<&Remembered>,
) -> RiskDashboard {
    let now = snapshot.block.timestamp;
    let (names, asset, value) = (Names::of_snapshot(snapshot), asset_price(snapshot), value_usd(snapshot));
    // Values are of the asset at its price; where it has none, at a dollar.
    let shown = asset.unwrap_or(1.0);
    let mut positions = Vec::new();
    let mut holdings = Vec::new();
    for venue in &snapshot.venues {
        let of = figures(venue, Some(shown));
        let counted = if venue.quarantined { 0.0 } else { of.value.unwrap_or_default() };
        positions.push(PositionView {
            venue: names.of(venue.adapter),
            value_usd: counted,
            share: if value > 0.0 { (counted / value).clamp(0.0, 1.0) } else { 0.0 },
            risk_score: risk_score(policy, venue).unwrap_or(RISKIEST),
            apr: of.apr,
            utilisation: of.utilisation,
            can_add: venue.can_add,
        });
        holdings.push(Holding {
            name: venue.name.clone(),
            value_usd: counted,
            liquid_usd: of.liquid.unwrap_or_default(),
            // What comes back later is not observed: what cannot be had now has no day.
            daily_usd: 0.0,
            delay: 0,
        });
    }
    let idle = snapshot.vault.idle.0 as f64 / ASSET_UNIT * shown;
    let days = plan_exit(&holdings, 1.0).iter().try_fold(0.0_f64, |most, plan| plan.days.map(|days| most.max(days)));
    let performance = remembered.map(|remembered| remembered.performance).unwrap_or_default();
    let spent = remembered.map(|remembered| remembered.gas_this_year).unwrap_or_default();
    let elapsed = now.saturating_sub((eve_of_year(now) + 1).saturating_mul(DAY)) as f64 / DAY as f64;
    RiskDashboard::new(DashboardParts {
        as_of: now,
        positions,
        pegs: pegs(snapshot),
        oracle_health: feeds(snapshot).map(|feed| oracle(feed, now)).collect(),
        gas: GasView {
            base_fee_gwei: Some(snapshot.block.next_base_fee as f64 / GWEI),
            spent_usd_this_year: spent.max(0.0),
            drag: (remembered.is_some() && elapsed >= 1.0 && value > 0.0)
                .then(|| spent / elapsed * DAYS_PER_YEAR / value),
        },
        figures: Figures {
            value_usd: value,
            year_to_date: performance.year_to_date,
            sharpe: performance.sharpe,
            max_drawdown: performance.max_drawdown,
            // All depositors may ask for all of it at once.
            liquidity_coverage: liquidity_coverage(idle, &holdings, value),
            days_to_exit: days,
            value_at_risk: performance.value_at_risk,
            expected_shortfall: performance.expected_shortfall,
        },
        alerts: alerts(snapshot, remembered),
        kill_switches: KillFlags::of(tripped(snapshot, conditions)),
    })
}

fn feeds(snapshot: &Snapshot) -> impl Iterator<Item = &FeedState> {
    snapshot.feeds.iter().chain([&snapshot.eth_usd])
}

fn pegs(snapshot: &Snapshot) -> Vec<PegView> {
    let view = |feed: &FeedState| {
        let name = coin(feed);
        let coin = Stablecoin::ALL.into_iter().find(|coin| coin.name().eq_ignore_ascii_case(&name))?;
        let price_usd = price(feed, snapshot.block.timestamp);
        Some(PegView { coin, price_usd, status: price_usd.map(|price| coin.band().classify_f64(price)) })
    };
    snapshot.feeds.iter().filter_map(view).collect()
}

fn oracle(feed: &FeedState, now: u64) -> OracleView {
    let age = match feed.reading {
        FeedReading::Round { updated_at, .. } => Some(now.saturating_sub(updated_at)),
        FeedReading::Unreadable { .. } => None,
    };
    let reason = match assess(feed, now) {
        FeedHealth::Unhealthy { reason } => reason.to_string(),
        FeedHealth::Healthy { .. } | FeedHealth::Depegged { .. } => String::new(),
    };
    OracleView { feed: feed.name.clone(), healthy: reason.is_empty(), age, reason }
}

/// What is wrong now, since when the history knows.
fn alerts(snapshot: &Snapshot, remembered: Option<&Remembered>) -> Vec<AlertView> {
    let since = |kind: &str, subject: &str| {
        let known = remembered?.alerts.iter().find(|alert| alert.kind == kind && alert.subject == subject);
        known.map(|alert| alert.timestamp)
    };
    let view = |trouble: crate::history::Trouble| AlertView {
        time: since(&trouble.kind(), &trouble.subject).unwrap_or(snapshot.block.timestamp),
        severity: match trouble.severity {
            Recorded::Info => Severity::Info,
            Recorded::Warning => Severity::Warning,
            Recorded::Critical => Severity::Critical,
        },
        kind: trouble.kind(),
        message: format!("{}: {}", trouble.subject, trouble.message),
    };
    troubles(snapshot).into_iter().map(view).collect()
}

/// Triggers that have tripped, by the switch's own words and times, and those whose condition holds, as far as the watcher saw.
fn tripped(snapshot: &Snapshot, conditions: Option<&Conditions>) -> Vec<Trigger> {
    let said = REASONS.iter().filter(|(words, _)| snapshot.kill_switch.reason.contains(words));
    let mut found: Vec<Trigger> = said.map(|(_, trigger)| *trigger).collect();
    for feed in &snapshot.feeds {
        match assess(feed, snapshot.block.timestamp) {
            FeedHealth::Healthy { .. } => {}
            FeedHealth::Depegged { .. } => found.push(Trigger::Peg),
            FeedHealth::Unhealthy { .. } => found.push(Trigger::Oracle),
        }
    }
    for venue in conditions.iter().flat_map(|seen| &seen.venues) {
        let time = conditions.map_or(0, |seen| seen.timestamp);
        let holds = |step: Option<ballast_chain::TwoStep>| step.is_some_and(|of| of.holds || time < of.blocked_until);
        if holds(venue.tvl) {
            found.push(Trigger::Tvl);
        }
        if holds(venue.utilisation) {
            found.push(Trigger::Utilisation);
        }
        if venue.governance.is_some_and(|of| of.tripped || !of.readable || of.present != of.recorded) {
            found.push(Trigger::Governance);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use crate::history::world;
    use ballast_types::VenueReading;
    use serde_json::{Value, json};

    fn document(snapshot: &Snapshot) -> Value {
        serde_json::to_value(dashboard(snapshot, &world::policy(), None, None)).unwrap()
    }

    /// A tenth of the money is in aave, which could pay it all.
    fn invested() -> Snapshot {
        let mut snapshot = world::fresh();
        if let VenueReading::Read { value, liquidity, .. } = &mut snapshot.venues[0].reading {
            (*value, *liquidity) =
                (ballast_types::Assets(10_000 * world::USDC), ballast_types::Assets(10_000 * world::USDC));
        }
        snapshot.vault.idle.0 -= 10_000 * world::USDC;
        snapshot
    }

    // SPEC R15
    #[test]
    fn the_dashboard_says_what_the_snapshot_says() {
        let shown = document(&invested());
        assert_eq!((&shown["as_of"], &shown["value_usd"]), (&json!(world::NOW), &json!(100_000.0)));
        assert_eq!(shown["positions"][0]["share"], json!(0.1));
        assert_eq!((&shown["overall_risk_score"], &shown["risk_tier"]), (&json!(2.5), &json!("LOW")));
        assert_eq!((&shown["liquidity_coverage"], &shown["days_to_exit"]), (&json!(1.0), &json!(0.0)));
        assert_eq!(shown["pegs"][0], json!({ "coin": "usdc", "price_usd": 1.0, "status": "safe" }));
        assert_eq!(shown["oracle_health"].as_array().unwrap().len(), 2);
        assert_eq!((&shown["alerts"], &shown["sharpe"]), (&json!([]), &Value::Null));
        assert!(shown["kill_switches"].as_object().unwrap().values().all(|flag| flag == false));
    }

    // SPEC R15
    #[test]
    fn what_has_tripped_and_what_holds_are_flags_and_alerts() {
        let mut wrong = invested();
        wrong.kill_switch.operational = false;
        wrong.kill_switch.reason = "Governance attack detected".to_owned();
        wrong.feeds[0] = world::feed("USDC/USD", 97_000_000, world::peg());
        let shown = document(&wrong);
        let flags = json!({ "peg": true, "tvl": false, "utilisation": false, "oracle": false, "governance": true });
        assert_eq!(shown["kill_switches"], flags);
        assert_eq!(shown["alerts"].as_array().unwrap().len(), 2);
        assert!((shown["value_usd"].as_f64().unwrap() - 97_000.0).abs() < 1e-6);
        assert_eq!(shown["pegs"][0]["status"], "kill");
    }

    #[test]
    fn what_cannot_be_had_has_no_day() {
        let mut stuck = invested();
        if let VenueReading::Read { liquidity, .. } = &mut stuck.venues[0].reading {
            *liquidity = ballast_types::Assets(0);
        }
        let shown = document(&stuck);
        assert_eq!((&shown["days_to_exit"], &shown["liquidity_coverage"]), (&Value::Null, &json!(0.9)));
    }

    // SPEC D8
    #[test]
    fn a_state_has_what_is_known_and_not_what_is_not() {
        let mut snapshot = invested();
        let known = states(&snapshot, &world::policy()).unwrap();
        let aave = &known[0];
        assert_eq!((aave.protocol_id.as_str(), aave.observed_at), ("aave", world::NOW));
        assert!(aave.current_apy.unwrap() > 0.03 && aave.tvl_usd == Some(100e6) && aave.risk_score == Some(25.0));
        assert_eq!((aave.liquidity_depth, aave.predicted_apy_7d), (Some(20e6), None));
        // 600 000 gas at 11 gwei and 2 500 dollars.
        assert!((aave.gas_cost_estimate.unwrap() - 16.5).abs() < 1e-9);
        snapshot.feeds[0] = world::feed("USDC/USD", -1, world::peg());
        snapshot.venues[1].reading = VenueReading::Unreadable { why: "it reverts".to_owned() };
        let known = states(&snapshot, &world::policy()).unwrap();
        assert_eq!((known[0].tvl_usd, known[1].current_apy), (None, None));
    }
}
