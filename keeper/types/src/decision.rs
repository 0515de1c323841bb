//! What was decided, and every reason for it.

use crate::{Apr, Assets, Bps};
use alloy_primitives::Address;
use borsh::{BorshDeserialize, BorshSerialize};
use serde::{Deserialize, Serialize};
use std::fmt;

#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Decision {
    pub action: Action,
    /// Every gate in the order it was asked, passed or not (SPEC X1).
    pub gates: Vec<Gate>,
    /// What the proposed allocation is expected to do; absent when none could be formed.
    pub prediction: Option<Prediction>,
}

#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "kind")]
pub enum Action {
    /// Leave everything as it is. The failed gates say why.
    Hold,
    /// Move to these targets; sorted by adapter, venues that stay as they are not listed.
    Rebalance { targets: Vec<Target> },
}

/// One venue's share of NAV after the move.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Target {
    pub adapter: Address,
    pub bps: Bps,
    /// The position at the snapshot.
    pub from: Assets,
    /// `floor(NAV · bps / 10⁴)` at the snapshot.
    pub to: Assets,
    /// The least that this leg must credit (deposit) or pay (withdrawal), in assets.
    pub min_out: Assets,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Prediction {
    pub nav: Assets,
    pub idle_after: Assets,
    /// Yield on NAV as it is allocated now.
    pub apr_before: Apr,
    /// Yield on NAV after the move, our own dilution of each venue included.
    pub apr_after: Apr,
    /// Extra assets earned over the policy's horizon.
    pub gain: Assets,
    /// The expected gas in assets, rounded up.
    pub gas_cost: Assets,
    /// Assets that change place: the sum of all legs that leave or enter a venue.
    pub turnover: Assets,
}

/// A question that must be answered yes before anything is signed.
#[derive(Clone, Debug, PartialEq, Eq, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
pub struct Gate {
    pub id: GateId,
    pub passed: bool,
    /// The numbers behind the answer, for a person.
    pub detail: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[borsh(use_discriminant = true)]
#[repr(u8)]
pub enum GateId {
    /// Providers agree and the head is fresh.
    Observation = 0,
    /// The kill switch is operational.
    KillSwitch = 1,
    /// Every feed is healthy and inside its band.
    Feeds = 2,
    /// Every venue can be read.
    Venues = 3,
    /// Cooldown and the four-a-day rule.
    Schedule = 4,
    /// Every venue that is added to scores below the risk limit.
    Risk = 5,
    /// The hub's limits accept the targets, and there is something to do.
    Limits = 6,
    /// Gain over the horizon exceeds gas and the required improvement.
    Gain = 7,
    /// Waiting for a lower base fee would not save more than it costs.
    Fees = 8,
}

impl fmt::Display for GateId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Observation => "observation",
            Self::KillSwitch => "kill switch",
            Self::Feeds => "feeds",
            Self::Venues => "venues",
            Self::Schedule => "schedule",
            Self::Risk => "risk",
            Self::Limits => "limits",
            Self::Gain => "gain",
            Self::Fees => "fees",
        })
    }
}

impl Decision {
    /// The targets, empty for a hold.
    #[must_use]
    pub fn targets(&self) -> &[Target] {
        match &self.action {
            Action::Hold => &[],
            Action::Rebalance { targets } => targets,
        }
    }

    /// The gates that were answered no.
    pub fn refusals(&self) -> impl Iterator<Item = &Gate> {
        self.gates.iter().filter(|gate| !gate.passed)
    }
}
