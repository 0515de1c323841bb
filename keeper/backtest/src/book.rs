//! What is owned, and where every unit of it came from or went.

use ballast_types::{Assets, Bps};
use serde::Serialize;

/// Idle money and one position per venue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Book {
    pub idle: Assets,
    pub positions: Vec<Position>,
    pub ledger: Ledger,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Position {
    pub value: Assets,
    /// What it is in the venue's own coin, six decimals; zero where that is USDC. `value` is then what it would bring if all coins left.
    pub coins: u128,
    /// The target last stored by the hub.
    pub target: Bps,
    /// What is in its flow bucket, and when it was last drained.
    pub flow_used: Bps,
    pub flow_time: u64,
}

/// All that changed the sum, in base units; each but `interest` and `gains` makes it less.
///
/// `final = capital + interest + gains − depreciation − dilution − gas − upkeep − slippage − losses`, to the unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Ledger {
    /// What the positions would have earned at the rates that were paid to others.
    pub interest: Assets,
    /// What our own money took off those rates.
    pub dilution: Assets,
    /// Gas of moves and exits.
    pub gas: Assets,
    /// Gas of the heartbeats that keep the limits' observations fresh.
    pub upkeep: Assets,
    /// Taken from positions by failures of venues.
    pub losses: Assets,
    /// What swaps brought less than the coins were worth, fee and price impact, and what those still held would bring less if they left at the end.
    pub slippage: Assets,
    /// By how much the price in USDC of coins that were held rose, all rises together.
    pub gains: Assets,
    /// By how much it fell, all falls together.
    pub depreciation: Assets,
}

impl Ledger {
    /// What is left of `capital`, or `None` if that is less than nothing or does not fit.
    #[must_use]
    pub fn applied_to(&self, capital: Assets) -> Option<Assets> {
        let costs = [self.dilution, self.gas, self.upkeep, self.losses, self.slippage, self.depreciation];
        let gross = capital.checked_add(self.interest)?.checked_add(self.gains)?;
        costs.into_iter().try_fold(gross, |left, cost| left.0.checked_sub(cost.0).map(Assets))
    }
}

impl Book {
    #[must_use]
    pub fn new(capital: Assets, venues: usize) -> Self {
        Self { idle: capital, positions: vec![Position::default(); venues], ledger: Ledger::default() }
    }

    /// Idle and all positions.
    #[must_use]
    pub fn nav(&self) -> Assets {
        Assets(self.positions.iter().fold(self.idle.0, |sum, position| sum.saturating_add(position.value.0)))
    }

    /// Takes `cost` from idle, and what idle lacks from the largest positions in USDC; never more than there is. Says what was paid.
    pub fn pay(&mut self, cost: Assets) -> Assets {
        let mut owed = cost.0;
        let paid = owed.min(self.idle.0);
        self.idle.0 -= paid;
        owed -= paid;
        while owed > 0 {
            let usdc = self.positions.iter_mut().filter(|position| position.coins == 0);
            let Some(largest) = usdc.max_by_key(|position| position.value) else { break };
            let paid = owed.min(largest.value.0);
            if paid == 0 {
                break;
            }
            largest.value.0 -= paid;
            owed -= paid;
        }
        Assets(cost.0 - owed)
    }

    /// Moves a position to `goal`, against idle.
    pub fn shift(&mut self, venue: usize, goal: Assets) {
        let Some(position) = self.positions.get_mut(venue) else { return };
        let change = position.value.0.abs_diff(goal.0);
        if goal > position.value {
            self.idle.0 = self.idle.0.saturating_sub(change);
        } else {
            self.idle.0 = self.idle.0.saturating_add(change);
        }
        position.value = goal;
    }
}
