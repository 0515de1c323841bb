//! What a dashboard shows of risk, as one JSON document (SPEC R15). Its schema is `keeper/risk/schema/dashboard.schema.json`.
//!
//! The tier follows from the score and is never said by the caller (ERR-52: the plan's sample has 32 as LOW). A figure that does not exist is null.

use crate::{
    kill_switch::Trigger,
    peg::{PegStatus, Stablecoin},
    score::{RISKIEST, Tier},
};
use serde::Serialize;

/// One position.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PositionView {
    pub venue: String,
    pub value_usd: f64,
    /// Of the portfolio, 0–1.
    pub share: f64,
    /// 0–100, high is risky.
    pub risk_score: f64,
    /// A simple yearly rate, a fraction.
    pub apr: Option<f64>,
    pub utilisation: Option<f64>,
    pub can_add: bool,
}

/// One stablecoin.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct PegView {
    pub coin: Stablecoin,
    pub price_usd: Option<f64>,
    /// Null if the price is not to be trusted.
    pub status: Option<PegStatus>,
}

/// One price feed.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct OracleView {
    pub feed: String,
    pub healthy: bool,
    /// Seconds since its last answer.
    pub age: Option<u64>,
    /// Why it is not healthy; empty when it is.
    pub reason: String,
}

/// What gas costs.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct GasView {
    pub base_fee_gwei: Option<f64>,
    pub spent_usd_this_year: f64,
    /// Of the value, a simple yearly rate.
    pub drag: Option<f64>,
}

/// How loud an alert is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    Info,
    Warning,
    Critical,
}

/// One alert that is not resolved.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct AlertView {
    /// Unix seconds.
    pub time: u64,
    pub severity: Severity,
    pub kind: String,
    pub message: String,
}

/// The five triggers: whether each is tripped or its condition holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct KillFlags {
    pub peg: bool,
    pub tvl: bool,
    pub utilisation: bool,
    pub oracle: bool,
    pub governance: bool,
}

impl KillFlags {
    /// The flags of those triggers.
    pub fn of(triggers: impl IntoIterator<Item = Trigger>) -> Self {
        let mut flags = Self::default();
        for trigger in triggers {
            *match trigger {
                Trigger::Peg => &mut flags.peg,
                Trigger::Tvl => &mut flags.tvl,
                Trigger::Utilisation => &mut flags.utilisation,
                Trigger::Oracle => &mut flags.oracle,
                Trigger::Governance => &mut flags.governance,
            } = true;
        }
        flags
    }
}

/// All figures of the portfolio as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Figures {
    pub value_usd: f64,
    /// Gain since the first of January, a fraction.
    pub year_to_date: Option<f64>,
    pub sharpe: Option<f64>,
    /// 0–1.
    pub max_drawdown: Option<f64>,
    pub liquidity_coverage: Option<f64>,
    pub days_to_exit: Option<f64>,
    /// One day, 95 %, a fraction of value.
    pub value_at_risk: Option<f64>,
    pub expected_shortfall: Option<f64>,
}

/// The document.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RiskDashboard {
    /// Unix seconds.
    as_of: u64,
    overall_risk_score: f64,
    risk_tier: Tier,
    positions: Vec<PositionView>,
    pegs: Vec<PegView>,
    oracle_health: Vec<OracleView>,
    gas: GasView,
    #[serde(flatten)]
    figures: Figures,
    alerts: Vec<AlertView>,
    kill_switches: KillFlags,
}

/// All that goes into a [`RiskDashboard`].
#[derive(Clone, Debug, PartialEq)]
pub struct DashboardParts {
    /// Unix seconds.
    pub as_of: u64,
    pub positions: Vec<PositionView>,
    pub pegs: Vec<PegView>,
    pub oracle_health: Vec<OracleView>,
    pub gas: GasView,
    pub figures: Figures,
    pub alerts: Vec<AlertView>,
    pub kill_switches: KillFlags,
}

impl RiskDashboard {
    /// The document of these parts. The overall score is the mean of the positions' scores by their shares, idle money counting with zero.
    #[must_use]
    pub fn new(parts: DashboardParts) -> Self {
        let DashboardParts { as_of, positions, pegs, oracle_health, gas, figures, alerts, kill_switches } = parts;
        let sum: f64 = positions.iter().map(|position| position.risk_score * position.share).sum();
        // A score or share that is no number must not look safe.
        let overall_risk_score = if sum.is_finite() { sum.clamp(0.0, RISKIEST) } else { RISKIEST };
        let risk_tier = Tier::of(overall_risk_score);
        Self {
            as_of,
            overall_risk_score,
            risk_tier,
            positions,
            pegs,
            oracle_health,
            gas,
            figures,
            alerts,
            kill_switches,
        }
    }

    #[must_use]
    pub const fn overall_risk_score(&self) -> f64 {
        self.overall_risk_score
    }

    #[must_use]
    pub const fn risk_tier(&self) -> Tier {
        self.risk_tier
    }
}
