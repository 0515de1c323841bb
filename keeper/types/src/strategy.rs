//! What the keeper aims at before the limits and the gates have their say.

use crate::{BPS_ONE, Bps};
use alloy_primitives::Address;
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};
use std::fmt;

/// How the allocation to aim at is found. Whatever it is, the nearest that is permitted is proposed, and the gates judge it.
#[derive(Clone, Debug, Default, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind", deny_unknown_fields)]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum Strategy {
    /// The largest yield on each venue's own rate curve, our own dilution included.
    #[default]
    Convex = 0,
    /// Everything stays as it is.
    Hold = 1,
    /// As much as may be in the one venue that then pays the highest rate, after our own dilution.
    BestSingle = 2,
    /// These parts of NAV; a venue that is not named gets nothing.
    Weights { weights: Vec<Weight> } = 3,
    /// Markowitz (1952): the largest `μᵀw − λ/2·wᵀΣw` with `μ` and `Σ` of the outlook.
    MeanVariance {
        /// `λ` in hundredths.
        risk_aversion: u32,
    } = 4,
    /// Rockafellar and Uryasev (2000): the largest mean return less `λ` times the mean loss of the worst `1 − β` of the outlook's scenarios.
    Cvar {
        /// `β` in basis points.
        confidence: Bps,
        /// `λ` in hundredths.
        risk_aversion: u32,
    } = 5,
}

/// One venue's part of NAV.
#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Weight {
    pub adapter: Address,
    pub bps: Bps,
}

/// The largest risk aversion: beyond it the answer is that nothing is worth any risk.
pub const MAX_RISK_AVERSION: u32 = 1_000_000;

impl Strategy {
    /// Whether it needs what an [`crate::Outlook`] says.
    #[must_use]
    pub const fn needs_outlook(&self) -> bool {
        matches!(self, Self::MeanVariance { .. } | Self::Cvar { .. })
    }

    /// The first number that is out of range: field, value, what is expected.
    pub(crate) fn fault(&self) -> Option<(&'static str, String, &'static str)> {
        match self {
            Self::Convex | Self::Hold | Self::BestSingle => None,
            Self::Weights { weights } => {
                let sum: u32 = weights.iter().map(|weight| u32::from(weight.bps.0)).sum();
                let twice = weights
                    .iter()
                    .enumerate()
                    .find(|(at, weight)| weights.iter().take(*at).any(|earlier| earlier.adapter == weight.adapter));
                if let Some((_, weight)) = twice {
                    return Some(("strategy.weights", format!("twice for {}", weight.adapter), "one per venue"));
                }
                (sum > u32::from(BPS_ONE))
                    .then(|| ("strategy.weights", format!("{sum} bps in all"), "at most 10000 bps in all"))
            }
            Self::MeanVariance { risk_aversion } => aversion(*risk_aversion),
            Self::Cvar { confidence, risk_aversion } => {
                if (5_000..=9_990).contains(&confidence.0) {
                    return aversion(*risk_aversion);
                }
                Some(("strategy.confidence", confidence.0.to_string(), "5000 to 9990 bps"))
            }
        }
    }
}

fn aversion(hundredths: u32) -> Option<(&'static str, String, &'static str)> {
    (hundredths > MAX_RISK_AVERSION)
        .then(|| ("strategy.risk_aversion", hundredths.to_string(), "at most 1000000 hundredths"))
}

impl fmt::Display for Strategy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Convex => "convex",
            Self::Hold => "hold",
            Self::BestSingle => "best single venue",
            Self::Weights { .. } => "weights",
            Self::MeanVariance { .. } => "mean-variance",
            Self::Cvar { .. } => "CVaR",
        })
    }
}
