//! What binds a vault: the limits of its contracts, what things cost in gas, and how its switch is put back.

use crate::scores::Scores;
use ballast_allocator::{economics, upkeep};
use ballast_risk::Retreat;
use ballast_types::{Assets, Bps, HubLimits};
use std::sync::Arc;

/// The contracts' parameters and the costs of using them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    pub limits: HubLimits,
    /// The vault's cap on each position.
    pub cap: Assets,
    pub max_loss: Bps,
    /// Seconds for which the keeper may be silent.
    pub grace: u64,
    /// Gas of a rebalance with one leg, two, …; each further leg costs what the last one added.
    pub gas_of_legs: Vec<u64>,
    /// What keeping the observations of the venues' sizes fresh costs.
    pub upkeep: Upkeep,
    /// When the keeper takes a position out of a venue that the switch has closed.
    pub retreat: Retreat,
    /// Seconds from an exit to the day on which governance lets the vault work again.
    pub resume_after: u64,
    /// Steps from one decision of the vault's policies to the next.
    pub decide_every: u64,
    /// Steps without a value after which a venue counts as gone, and its position as paid out.
    pub max_gap: usize,
    /// Scores of risk as of each step, instead of the policy's own.
    pub scores: Option<Arc<Scores>>,
}

/// The keeper's heartbeats: in pairs that observe the venues' sizes, by the clock as often as the budget allows, else before a move that adds; and
/// single ones that break a silence. When which are needed is the running keeper's own rule ([`ballast_allocator::upkeep`]).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Upkeep {
    /// Gas of a pair.
    pub pair_gas: u64,
    /// Gas of a single one.
    pub beat_gas: u64,
    /// The part of NAV that pairs by the clock may cost a year.
    pub budget: Bps,
}

impl Default for Upkeep {
    /// Gas as `ballast story` uses it with five venues; the other numbers are the keeper's own.
    fn default() -> Self {
        Self { pair_gas: 716_717, beat_gas: 310_933, budget: Bps(10) }
    }
}

impl Upkeep {
    /// Seconds from pair to pair at this cost of one, or `None` if they are made before moves only.
    #[must_use]
    pub fn by_clock(&self, pair: Assets, nav: Assets) -> Option<u64> {
        upkeep::affordable_spacing(pair, nav, self.budget)
    }
}

impl Default for Rules {
    /// The limits of `deploy/parameters/mainnet.json`; gas as measured in `docs/GAS.md` on Aave and MetaMorpho.
    fn default() -> Self {
        Self {
            limits: HubLimits {
                reserve: Bps(500),
                min_position: Bps(500),
                max_position: Bps(5_000),
                min_step: Bps(500),
                max_venue_share: Bps(100),
                max_utilisation: Bps(9_500),
                flow: Bps(5_000),
                approval: Bps(1_250),
                approval_floor: Assets(50_000_000_000),
                cooldown: 21_600,
            },
            cap: Assets(1_000_000_000_000_000),
            max_loss: Bps(50),
            grace: 604_800,
            gas_of_legs: vec![362_181, 537_582, 739_862, 845_208],
            upkeep: Upkeep::default(),
            retreat: Retreat::default(),
            resume_after: 14 * 86_400,
            decide_every: 1,
            max_gap: 3,
            scores: None,
        }
    }
}

impl Rules {
    /// Gas of a rebalance of so many legs.
    #[must_use]
    pub fn gas(&self, legs: usize) -> u64 {
        let Some(last) = self.gas_of_legs.last() else { return 0 };
        match legs.checked_sub(1).map(|index| self.gas_of_legs.get(index)) {
            None => 0,
            Some(Some(gas)) => *gas,
            Some(None) => {
                let before = self.gas_of_legs.iter().rev().nth(1).copied().unwrap_or_default();
                let more = (legs - self.gas_of_legs.len()) as u64;
                last.saturating_add(last.saturating_sub(before).saturating_mul(more))
            }
        }
    }

    /// The cost of gas in assets at the prices of a step, rounded up; saturating.
    #[must_use]
    pub fn cost(gas: u64, environment: &crate::market::Environment) -> Assets {
        economics::gas_cost(gas, environment.gas_price, environment.eth_usd, environment.usdc)
            .unwrap_or(Assets(u128::MAX))
    }
}
