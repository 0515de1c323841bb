//! The state of one protocol.

use crate::v1;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// `protocol_id` is `v50` in the schema (SPEC D6).
const LONGEST_ID: usize = 50;

/// Why a state or an id is none.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum StateError {
    #[error(
        "{0:?} is no protocol id: expected lower-case letters, digits and - _ . : /, at most {LONGEST_ID} characters"
    )]
    Id(String),
    #[error("there is no room for {id}, expected at most {most} protocols")]
    Full { id: ProtocolId, most: usize },
    #[error("{field} of {id} is {value}, expected {expected}")]
    Value { id: ProtocolId, field: &'static str, value: f64, expected: &'static str },
}

/// `aave-v3/ethereum/usdc`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub struct ProtocolId(String);

impl ProtocolId {
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for ProtocolId {
    type Err = StateError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "-_.:/".contains(c);
        if text.is_empty() || text.len() > LONGEST_ID || !text.chars().all(allowed) {
            return Err(StateError::Id(text.chars().take(2 * LONGEST_ID).collect()));
        }
        Ok(Self(text.to_owned()))
    }
}

impl TryFrom<String> for ProtocolId {
    type Error = StateError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ProtocolId> for String {
    fn from(id: ProtocolId) -> Self {
        id.0
    }
}

impl fmt::Display for ProtocolId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What is known of a protocol; `None` is not known, which is not zero.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProtocolState {
    pub protocol_id: ProtocolId,
    /// Annual yield with compounding, a fraction.
    pub current_apy: Option<f64>,
    /// Expected over the next seven days, annual, a fraction.
    pub predicted_apy_7d: Option<f64>,
    /// USD.
    pub tvl_usd: Option<f64>,
    /// 0 to 100, high is risky. Not an integer: 8.2 is one (ERR-28).
    pub risk_score: Option<f64>,
    /// What could be withdrawn at once, USD.
    pub liquidity_depth: Option<f64>,
    /// Expected loss against holding, a fraction of the position.
    pub impermanent_loss_risk: Option<f64>,
    /// USD for one move into it.
    pub gas_cost_estimate: Option<f64>,
    pub audits: Vec<AuditReport>,
    /// Of the oldest measured value, Unix seconds.
    pub observed_at: u64,
    /// It is older than a state is good for (SPEC D7), and nothing newer is known.
    #[serde(default)]
    pub stale: bool,
}

/// One audit (ERR-29), from a source that is named.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AuditReport {
    pub auditor: String,
    /// `2024-05-31`, or empty.
    pub date: String,
    pub scope: String,
    pub open_critical: u32,
    pub open_high: u32,
    pub url: String,
    pub source: String,
}

impl ProtocolState {
    /// Of which nothing is known yet.
    #[must_use]
    pub const fn unknown(protocol_id: ProtocolId, observed_at: u64) -> Self {
        Self {
            protocol_id,
            current_apy: None,
            predicted_apy_7d: None,
            tvl_usd: None,
            risk_score: None,
            liquidity_depth: None,
            impermanent_loss_risk: None,
            gas_cost_estimate: None,
            audits: Vec::new(),
            observed_at,
            stale: false,
        }
    }

    /// # Errors
    /// [`StateError::Value`] for the first number that is not finite or outside of its range.
    pub fn check(&self) -> Result<(), StateError> {
        let (positive, yields) =
            ((0.0, f64::MAX, "a finite number of at least 0"), (-1.0, 1e6, "a fraction of at least -1"));
        for (field, value, (least, most, expected)) in [
            ("current_apy", self.current_apy, yields),
            ("predicted_apy_7d", self.predicted_apy_7d, yields),
            ("tvl_usd", self.tvl_usd, positive),
            ("risk_score", self.risk_score, (0.0, 100.0, "0 to 100")),
            ("liquidity_depth", self.liquidity_depth, positive),
            ("impermanent_loss_risk", self.impermanent_loss_risk, (0.0, 1.0, "a fraction from 0 to 1")),
            ("gas_cost_estimate", self.gas_cost_estimate, positive),
        ] {
            let Some(value) = value else { continue };
            if !(least..=most).contains(&value) {
                return Err(StateError::Value { id: self.protocol_id.clone(), field, value, expected });
            }
        }
        Ok(())
    }
}

impl From<ProtocolState> for v1::ProtocolState {
    fn from(state: ProtocolState) -> Self {
        Self {
            protocol_id: state.protocol_id.into(),
            current_apy: state.current_apy,
            predicted_apy_7d: state.predicted_apy_7d,
            tvl_usd: state.tvl_usd,
            risk_score: state.risk_score,
            liquidity_depth: state.liquidity_depth,
            impermanent_loss_risk: state.impermanent_loss_risk,
            gas_cost_estimate: state.gas_cost_estimate,
            audits: state.audits.into_iter().map(Into::into).collect(),
            observed_at: state.observed_at,
            stale: state.stale,
        }
    }
}

impl TryFrom<v1::ProtocolState> for ProtocolState {
    type Error = StateError;

    fn try_from(state: v1::ProtocolState) -> Result<Self, Self::Error> {
        let state = Self {
            protocol_id: state.protocol_id.parse()?,
            current_apy: state.current_apy,
            predicted_apy_7d: state.predicted_apy_7d,
            tvl_usd: state.tvl_usd,
            risk_score: state.risk_score,
            liquidity_depth: state.liquidity_depth,
            impermanent_loss_risk: state.impermanent_loss_risk,
            gas_cost_estimate: state.gas_cost_estimate,
            audits: state.audits.into_iter().map(Into::into).collect(),
            observed_at: state.observed_at,
            stale: state.stale,
        };
        state.check().map(|()| state)
    }
}

impl From<AuditReport> for v1::AuditReport {
    fn from(report: AuditReport) -> Self {
        let AuditReport { auditor, date, scope, open_critical, open_high, url, source } = report;
        Self { auditor, date, scope, open_critical, open_high, url, source }
    }
}

impl From<v1::AuditReport> for AuditReport {
    fn from(report: v1::AuditReport) -> Self {
        let v1::AuditReport { auditor, date, scope, open_critical, open_high, url, source } = report;
        Self { auditor, date, scope, open_critical, open_high, url, source }
    }
}
