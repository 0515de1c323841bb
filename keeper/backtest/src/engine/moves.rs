//! A move, as the hub makes it: whole or not at all.

use super::{Engine, desk::Change};
use crate::{
    market::{Environment, VenueStep},
    policy::Plan,
};
use ballast_types::{Assets, BPS_ONE, Bps};

impl Engine<'_> {
    /// Moves every position to its goal and pays the gas, unless a venue cannot pay out what is asked: then nothing happens, since the
    /// simulation says so before anything is sent.
    pub(super) fn carry_out(&mut self, goals: &[Assets], now: &Environment, real: &[Option<&VenueStep>]) -> bool {
        let changes: Vec<Change> = self
            .book
            .positions
            .iter()
            .zip(goals)
            .enumerate()
            .filter(|(_, (position, goal))| position.value != **goal)
            .map(|(venue, (position, goal))| (venue, position.value, *goal))
            .collect();
        let liquid = changes.iter().filter(|(_, from, to)| to < from).all(|(venue, from, to)| {
            let step = real.get(*venue).copied().flatten().or(self.last[*venue]);
            step.is_some_and(|step| step.withdrawable(*from).0 >= from.0 - to.0)
        });
        // Swaps happen at the prices of the step, which nobody knew when the move was decided.
        self.reprice(self.step);
        let tolerance = match self.plan {
            Plan::Decide(policy) => policy.slippage,
            _ => Bps(BPS_ONE),
        };
        let rehearsal = self.rehearse(&changes, tolerance).filter(|rehearsal| rehearsal.accepted);
        let Some(rehearsal) = rehearsal.filter(|_| liquid) else {
            self.run.illiquid += 1;
            return false;
        };
        let entering: u128 = changes.iter().map(|(_, from, to)| to.0.saturating_sub(from.0)).sum();
        // As the vault: what enters is paid from idle, after what leaves.
        if entering > self.book.idle.0.saturating_add(rehearsal.proceeds) {
            return false;
        }
        // What leaves comes first, so that idle suffices for what enters.
        let leaving = changes.iter().filter(|(_, from, to)| to < from);
        for change in leaving.chain(changes.iter().filter(|(_, from, to)| to > from)) {
            // The rehearsal says that it can be done.
            self.shift(*change);
        }
        let turnover: u128 = changes.iter().map(|(_, from, to)| from.0.abs_diff(to.0)).sum();
        self.run.turnover.0 += turnover;
        self.run.rebalances += 1;
        self.book.ledger.gas.0 += self.pay_gas(self.rules.gas(changes.len()), now).0;
        true
    }
}
