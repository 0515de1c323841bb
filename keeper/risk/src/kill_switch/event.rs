//! What the switch finds, does and refuses.

use super::Moment;
use ballast_types::Mode;
use serde::Serialize;

/// The five kinds of evidence, in the contract's order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Trigger {
    Peg,
    Tvl,
    Utilisation,
    Oracle,
    Governance,
}

/// Why nothing may be added.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    Peg,
    Tvl,
    Utilisation,
    Oracle,
    Governance,
    Guardian,
    Emergency,
}

impl Cause {
    /// The words of the specification.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::Peg => "Stablecoin depeg detected",
            Self::Tvl => "TVL crash detected",
            Self::Utilisation => "Utilization spike detected",
            Self::Oracle => "Oracle failure detected",
            Self::Governance => "Governance attack detected",
            Self::Guardian => "Guardian",
            Self::Emergency => "Emergency Safe",
        }
    }

    /// The cause that has these words.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        let all =
            [Self::Peg, Self::Tvl, Self::Utilisation, Self::Oracle, Self::Governance, Self::Guardian, Self::Emergency];
        all.into_iter().find(|cause| cause.text() == text)
    }
}

impl From<Trigger> for Cause {
    fn from(trigger: Trigger) -> Self {
        match trigger {
            Trigger::Peg => Self::Peg,
            Trigger::Tvl => Self::Tvl,
            Trigger::Utilisation => Self::Utilisation,
            Trigger::Oracle => Self::Oracle,
            Trigger::Governance => Self::Governance,
        }
    }
}

/// Whom an event concerns, by its place in the list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    Token(usize),
    Venue(usize),
}

/// Which step of a trigger was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// Of two: the condition held once.
    Armed,
    Tripped,
}

/// What happened, with its evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Event {
    pub at: Moment,
    pub trigger: Trigger,
    pub subject: Subject,
    pub stage: Stage,
    /// Price in dollars (1e18), size in assets, or utilisation (1e18). Zero if it could not be read.
    #[serde(serialize_with = "as_text")]
    pub measured: u128,
    /// What it was held against. Of a price zero: its band has several bounds.
    #[serde(serialize_with = "as_text")]
    pub bound: u128,
    /// Unix seconds until which additions are blocked by this trip; of an arming zero.
    pub blocked_until: u64,
    /// The vault's mode afterwards.
    pub mode: Mode,
}

impl Event {
    /// The words of the specification for it.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        Cause::from(self.trigger).text()
    }

    #[must_use]
    pub fn is_trip(&self) -> bool {
        self.stage == Stage::Tripped
    }
}

fn as_text<S: serde::Serializer>(value: &u128, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

/// Why a call is refused. Each has the name of the contract's error, or says what of the caller's lists does not fit.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    #[error("TriggerNotActive: {0:?} does not act")]
    TriggerNotActive(Trigger),
    #[error("ConditionNotMet: {0:?} does not hold for {1:?}")]
    ConditionNotMet(Trigger, Subject),
    #[error("ConditionMet: {0:?} still holds for {1:?}")]
    ConditionMet(Trigger, Subject),
    #[error("NotArmed: {0:?} is not armed for {1:?}")]
    NotArmed(Trigger, Subject),
    #[error("TooEarly: not before block {from_block}")]
    TooEarly { from_block: u64 },
    #[error("ConditionStillHolds: {}", .0.text())]
    ConditionStillHolds(Cause),
    #[error("ModeNotStricter: the vault is in {0:?} already")]
    ModeNotStricter(Mode),
    #[error("ExpiryOutOfBounds: {expiry}, expected a time after now and at most {latest}")]
    ExpiryOutOfBounds { expiry: u64, latest: u64 },
    #[error(
        "{trigger:?} of {subject:?}: expected Peg or Oracle of a token, or Tvl, Utilisation or Governance of a venue"
    )]
    NoSuchSubject { trigger: Trigger, subject: Subject },
    #[error("{prices} prices and {venues} venues were read, expected {tokens} and {expected}")]
    Readings { prices: usize, venues: usize, tokens: usize, expected: usize },
    #[error("block {block} at {time} comes after block {last_block} at {last_time}: expected both to rise")]
    Backwards { block: u64, time: u64, last_block: u64, last_time: u64 },
    #[error("the switch has no token: the first one must be the vault's asset, with a band")]
    NoAsset,
    #[error("venue {venue} depends on token {token}, but there are {tokens}")]
    NoSuchToken { venue: String, token: usize, tokens: usize },
}
