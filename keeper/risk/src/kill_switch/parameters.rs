//! What governance sets.

use super::Trigger;
use crate::peg::{PegBand, Stablecoin};
use ballast_types::WAD;

const DAY: u64 = 86_400;

/// One trigger's parameters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Condition {
    pub active: bool,
    /// Tvl: the part of the size that must be gone, Utilisation: the part on loan, 1e18 = all. Oracle: seconds past a feed's heartbeat.
    pub threshold: u128,
    /// Seconds for which a trip blocks.
    pub cooldown: u64,
}

/// What the constructor of `KillSwitchManager` sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    pub peg: Condition,
    pub tvl: Condition,
    pub utilisation: Condition,
    pub oracle: Condition,
    pub governance: Condition,
}

impl Default for Settings {
    fn default() -> Self {
        let active = |threshold, cooldown| Condition { active: true, threshold, cooldown };
        Self {
            peg: active(0, DAY),
            tvl: active(3 * WAD / 10, DAY),
            utilisation: active(95 * WAD / 100, DAY / 4),
            oracle: active(3_600, 3_600),
            governance: active(0, 0),
        }
    }
}

impl Settings {
    #[must_use]
    pub const fn of(&self, trigger: Trigger) -> &Condition {
        match trigger {
            Trigger::Peg => &self.peg,
            Trigger::Tvl => &self.tvl,
            Trigger::Utilisation => &self.utilisation,
            Trigger::Oracle => &self.oracle,
            Trigger::Governance => &self.governance,
        }
    }
}

/// A token whose feed matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    pub name: String,
    /// `None`: a price only.
    pub band: Option<PegBand>,
    /// Seconds in which its feed promises a new round.
    pub heartbeat: u64,
}

impl Token {
    /// A stablecoin with its band and a feed of this heartbeat (Chainlink USDC/USD: 86 400 s, ERR-7).
    #[must_use]
    pub fn stablecoin(coin: Stablecoin, heartbeat: u64) -> Self {
        Self { name: coin.name().into(), band: Some(coin.band()), heartbeat }
    }
}

/// A venue and the tokens, besides the vault's asset, whose feeds it depends on, by their places in the list of tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Venue {
    pub name: String,
    pub tokens: Vec<usize>,
}
