//! The risk score of a venue: 0–100, high is risky (SPEC R1, ruling 14 of section 3, ERR-46, ERR-57).
//!
//! Five parts of 0–100 each are weighted once: contract 35, economic 25, peg 20, liquidity 15, track record 5. A part is made of factors, and
//! every factor says what it measured, from whom, how old that is, and what it was held against. What is not known, too old, known only
//! later or impossible counts as the riskiest there is, and says so. Only + − × ÷ and comparisons are used, so that a score repeats bit for
//! bit on any CPU.

mod contract;
mod curve;
mod economic;
mod factor;
mod liquidity;
mod peg;
mod track_record;

pub use contract::{Audits, ContractInputs, Upgradeability};
pub use economic::{EconomicInputs, OracleUse, variation};
pub use factor::{Factor, Standing};
pub use liquidity::{LiquidityInputs, Slippage};
pub use peg::PegInputs;
pub use track_record::{Exploit, TrackRecord};

use crate::sourced::{Freshness, Input};
use serde::Serialize;

/// The worst score there is.
pub const RISKIEST: f64 = 100.0;

/// The five parts of a score.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum PartId {
    Contract,
    Economic,
    Peg,
    Liquidity,
    TrackRecord,
}

impl PartId {
    pub const ALL: [Self; 5] = [Self::Contract, Self::Economic, Self::Peg, Self::Liquidity, Self::TrackRecord];

    /// Hundredths of the total (SPEC R1). They add up to 100.
    #[must_use]
    pub const fn weight(self) -> u32 {
        match self {
            Self::Contract => 35,
            Self::Economic => 25,
            Self::Peg => 20,
            Self::Liquidity => 15,
            Self::TrackRecord => 5,
        }
    }

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Contract => "contract",
            Self::Economic => "economic",
            Self::Peg => "peg",
            Self::Liquidity => "liquidity",
            Self::TrackRecord => "track record",
        }
    }
}

/// Half-open tiers (ruling 14): low `[0, 30)`, medium `[30, 70)`, high `[70, 100]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Tier {
    Low,
    Medium,
    High,
}

impl Tier {
    #[must_use]
    pub fn of(score: f64) -> Self {
        if score < 30.0 {
            Self::Low
        } else if score < 70.0 {
            Self::Medium
        } else {
            Self::High
        }
    }

    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Low => "LOW",
            Self::Medium => "MEDIUM",
            Self::High => "HIGH",
        }
    }
}

/// One part and what it is made of.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Part {
    pub id: PartId,
    /// Hundredths of the total.
    pub weight: u32,
    /// 0–100.
    pub score: f64,
    /// How the factors make the score.
    pub rule: &'static str,
    pub factors: Vec<Factor>,
}

/// Everything a score depends on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ScoreInputs {
    pub contract: ContractInputs,
    pub economic: EconomicInputs,
    pub peg: PegInputs,
    pub liquidity: LiquidityInputs,
    pub track_record: Input<TrackRecord>,
}

/// A venue's score with its whole explanation.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Score {
    pub subject: String,
    /// Unix seconds at which it was made; nothing later went into it.
    pub as_of: u64,
    /// 0–100, high is risky.
    pub total: f64,
    pub tier: Tier,
    pub parts: Vec<Part>,
}

impl Score {
    /// The total as whole points, rounded up: what a decision uses.
    #[must_use]
    pub fn points(&self) -> u8 {
        // In 0..=100 by construction. A cast of what is no number would be zero, the safest there is.
        if self.total.is_nan() { RISKIEST as u8 } else { self.total.ceil() as u8 }
    }

    /// The score of one part.
    #[must_use]
    pub fn part(&self, id: PartId) -> f64 {
        self.parts.iter().find(|part| part.id == id).map_or(RISKIEST, |part| part.score)
    }

    /// Every factor that counts as the riskiest because its value was not to be had.
    pub fn assumed(&self) -> impl Iterator<Item = (PartId, &Factor)> {
        self.parts.iter().flat_map(|part| {
            part.factors.iter().filter(|factor| factor.standing.is_assumed()).map(|factor| (part.id, factor))
        })
    }
}

/// The score of `subject` at `now` (Unix seconds), from what was known by then.
#[must_use]
pub fn score(subject: impl Into<String>, inputs: &ScoreInputs, now: u64, freshness: Freshness) -> Score {
    let parts = vec![
        contract::judge(&inputs.contract, now, freshness),
        economic::judge(&inputs.economic, now, freshness),
        peg::judge(&inputs.peg, now, freshness),
        liquidity::judge(&inputs.liquidity, now, freshness),
        track_record::judge(&inputs.track_record, now, freshness),
    ];
    let total = total(&PartId::ALL.map(|id| parts.iter().find(|part| part.id == id).map_or(RISKIEST, |p| p.score)));
    Score { subject: subject.into(), as_of: now, total, tier: Tier::of(total), parts }
}

/// The total of five part scores in the order of [`PartId::ALL`], each weighted once (ERR-46).
#[must_use]
pub fn total(scores: &[f64; 5]) -> f64 {
    let sum: f64 = PartId::ALL.iter().zip(scores).map(|(id, score)| f64::from(id.weight()) * score).sum();
    sum / 100.0
}

fn part(id: PartId, score: f64, rule: &'static str, factors: Vec<Factor>) -> Part {
    Part { id, weight: id.weight(), score, rule, factors }
}
