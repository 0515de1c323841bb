//! Plays one scenario: the world's changes at their times, and a passer-by who trips whatever the contracts let him.

use super::{
    sight::{Answer, CANDIDATES, Sight, Trips, address_of, look, trigger_id},
    stage::People,
    timeline::{Change, DOLLAR, Scenario},
    twin::{Logged, Twin, logged},
    verdict::{Trip, Verdict},
};
use alloy::{
    eips::BlockId, network::TransactionBuilder, providers::Provider, rpc::types::TransactionRequest, sol_types::SolCall,
};
use ballast_chain::bindings::KillSwitchManager;
use ballast_devnet::{SLOT_SECONDS, accounts::Role};
use ballast_risk::kill_switch::{CONFIRM_BLOCKS, Stage as TripStage, Trigger};
use eyre::{OptionExt, ensure};

/// Gas with which nothing looks unreadable for want of it.
const TRIP_GAS: u64 = 4_000_000;
/// What the venues' rounding may leave of a position, for each of them (`DUST` of the contracts).
const DUST: u128 = 2 * 4;
/// A pause longer than this is one jump of the clock.
const LONG: u64 = 3_600;
/// What keeps what it has: nobody of the vault's roles.
const PASSER_BY: Role = Role::Borrower;

/// A scenario under way.
pub(super) struct Player<'a> {
    people: &'a People<'a>,
    twin: Twin,
    head: Sight,
    next: Sight,
    /// What one USDC is worth, in a feed's eight decimals.
    price: i64,
    /// Since which block each condition has held, without a break.
    since: [Option<u64>; CANDIDATES.len()],
    exits: u32,
    verdict: Verdict,
    logged: Vec<Logged>,
}

impl<'a> Player<'a> {
    /// Plays it from the state that the chain is in.
    pub(super) async fn play(people: &'a People<'a>, scenario: &Scenario) -> eyre::Result<Verdict> {
        for change in &scenario.setup {
            people.make(*change).await?;
        }
        people.make(Change::Round(DOLLAR)).await?;
        let rpc = people.market.rpc();
        let head = look(rpc, people.book, BlockId::latest(), Trips::Unasked).await?;
        let next = look(rpc, people.book, BlockId::pending(), Trips::Asked).await?;
        let twin = Twin::of(&people.market, people.book, head.moment).await?;
        let verdict = Verdict::begin(scenario, &head);
        let since = [None; CANDIDATES.len()];
        let mut player = Self { people, twin, head, next, price: DOLLAR, since, exits: 0, verdict, logged: Vec::new() };
        ensure!(player.head.standing.iter().all(|one| !one.holds), "a condition holds before the event");
        let event = player.head.moment.time + SLOT_SECONDS;
        let mut last = 0;
        for (at, change) in &scenario.timeline {
            player.wait_until(event + at).await?;
            player.happens(event + at, *change).await?;
            last = *at;
        }
        player.wait_until(event + last + scenario.watch).await?;
        if player.exits > 0 && player.head.nav > player.head.idle + DUST {
            player.exit().await?;
        }
        player.verdict.from = event;
        player.verdict.different.extend(player.twin.unforeseen(&player.logged));
        Ok(player.verdict.end(scenario, &player.head, &player.logged))
    }

    /// Blocks until the next one may have this time. Where something holds, each of them is looked at.
    async fn wait_until(&mut self, time: u64) -> eyre::Result<()> {
        while self.head.moment.time + SLOT_SECONDS < time {
            if self.is_urgent() {
                self.people.devnet.builder().build_block().await?;
                self.see().await?;
                continue;
            }
            let ahead = time - self.head.moment.time;
            if ahead > LONG {
                self.people.aim(self.head.moment.time, time - 2 * SLOT_SECONDS).await?;
                self.people.devnet.builder().build_block().await?;
            } else {
                self.people.devnet.builder().pass_slots((ahead - 1) / SLOT_SECONDS).await?;
            }
            self.see().await?;
        }
        Ok(())
    }

    async fn happens(&mut self, time: u64, change: Change) -> eyre::Result<()> {
        self.people.aim(self.head.moment.time, time).await?;
        self.people.make(change).await?;
        if let Change::Round(answer) = change
            && answer > 0
        {
            self.price = answer;
        }
        self.see().await
    }

    /// Looks at the new head, and does in the next block whatever can be done; then again, until nothing can.
    async fn see(&mut self) -> eyre::Result<()> {
        loop {
            let rpc = self.people.market.rpc();
            self.head = look(rpc, self.people.book, BlockId::latest(), Trips::Unasked).await?;
            self.next = look(rpc, self.people.book, BlockId::pending(), Trips::Asked).await?;
            let (head, next) = (self.head.moment, self.next.moment);
            ensure!(next.block == head.block + 1, "the pending block after {} is {}", head.block, next.block);
            self.verdict.saw(&self.head, self.price);
            for (since, standing) in self.since.iter_mut().zip(&self.head.standing) {
                *since = standing.holds.then(|| since.unwrap_or(head.block));
            }
            self.verdict.different.extend(self.twin.see(&self.head, &self.next)?);
            if self.head.exit_mode && self.exits == 0 {
                self.exit().await?;
            } else if !self.trip().await? {
                return Ok(());
            }
        }
    }

    /// Something holds about which something is still to be done.
    fn is_urgent(&self) -> bool {
        self.head.standing.iter().any(|one| one.holds && !one.done)
    }

    /// Sends every trip that the contracts would take, if any, and has them in the next block.
    async fn trip(&mut self) -> eyre::Result<bool> {
        let switch = self.people.book.contracts.kill_switch;
        let mut sent = Vec::new();
        for (index, (trigger, subject)) in CANDIDATES.into_iter().enumerate() {
            let standing = self.next.standing.get(index).copied().unwrap_or_default();
            if self.next.answers.get(index) != Some(&Answer::Taken) || standing.done {
                continue;
            }
            let signer = PASSER_BY.signer()?;
            let subject_at = address_of(self.people.book, subject)?;
            let call = KillSwitchManager::tripCall { trigger: trigger_id(trigger), subject: subject_at };
            let request =
                TransactionRequest::default().with_from(signer.address()).with_to(switch).with_input(call.abi_encode());
            let hash = self.people.market.submit_with_gas(signer, request, TRIP_GAS).await?;
            sent.push((hash, index, (trigger, subject)));
        }
        if sent.is_empty() {
            return Ok(false);
        }
        let block = self.people.devnet.builder().build_block().await?;
        for (hash, index, what) in sent {
            let receipt = self.people.market.rpc().get_transaction_receipt(hash).await?;
            let receipt = receipt.ok_or_eyre("a trip was not included")?;
            ensure!(receipt.status(), "the switch would have taken a trip and did not: {what:?}");
            for event in logged(self.people.book, &receipt, block.timestamp)? {
                if let Err(different) = self.twin.took(&event, &self.next) {
                    self.verdict.different.push(different);
                }
                if event.stage == TripStage::Tripped {
                    let armed = self.next.standing.get(index).map_or(0, |standing| standing.armed_block);
                    self.tripped(&event, index, armed);
                }
                self.logged.push(event);
            }
        }
        Ok(true)
    }

    fn tripped(&mut self, event: &Logged, index: usize, armed: u64) {
        let held = self.since.get(index).copied().flatten().unwrap_or(event.block);
        let two_steps = matches!(event.trigger, Trigger::Tvl | Trigger::Utilisation);
        let confirmable = if two_steps { armed + CONFIRM_BLOCKS } else { held };
        self.verdict.trips.push(Trip {
            trigger: event.trigger,
            subject: event.subject,
            held,
            confirmable,
            tripped: event.block,
            time: event.time,
        });
    }

    async fn exit(&mut self) -> eyre::Result<()> {
        self.exits += 1;
        self.people.exit().await?;
        self.head = look(self.people.market.rpc(), self.people.book, BlockId::latest(), Trips::Unasked).await?;
        self.verdict.exited = Some(self.head.moment.block);
        Ok(())
    }
}
