//! The end of the story: a depeg while one venue pays nothing, the exit, who leaves meanwhile, and the rest.

use super::summary::{Depeg, Exit, ExitAttempt, ExitLeg, ExitedAdapter, KillSwitch, Redemption, VenueAssets};
use super::{BLOCK_TIME, DEPOSITS, Story, decimal_usdc, field, heading, whole};
use crate::{
    local::{amount, logged},
    output,
};
use alloy::{
    primitives::{Address, B256},
    providers::Provider,
    rpc::types::TransactionReceipt,
    sol_types::SolEvent,
};
use ballast_chain::{
    bindings::{StrategyHub, Vault},
    revert::describe,
};
use ballast_devnet::{
    accounts::Role,
    address_book::Venue,
    market::{IKillSwitch, USD},
};
use ballast_types::{Snapshot, VenueReading};
use eyre::{OptionExt, ensure};
use std::time::Instant;

/// What the venues' rounding may leave of a position, base units (`DUST` of the contracts).
const DUST: u128 = 2;

/// Trigger of the kill switch that watches the peg.
const PEG: u8 = 0;

impl Story<'_> {
    /// Everything from the pause of a venue until nothing is left in any.
    pub(super) async fn ending(&self) -> eyre::Result<(KillSwitch, Exit)> {
        let failing = self.failing()?;
        heading(&format!("{} pauses: nothing can be withdrawn there", failing.name));
        let before = self.observer.snapshot().await?;
        let held_before = held(&before);
        let invested = held_before.iter().filter(|venue| venue.assets > DUST).count();
        ensure!(invested >= 3, "only {invested} venues hold money, so the exit would show little");
        self.market.pause_aave(&self.book.protocols.aave_prime, true).await?;
        println!("{}", output::venues(&before));

        let depeg = self.depeg().await?;
        heading("The exit: what can be had comes home, riskiest venue first");
        let first = self.exit().await?;
        self.check_first(&first, failing)?;
        let after = self.observer.snapshot().await?;
        let lost = before.vault.nav.0.saturating_sub(after.vault.nav.0);
        let nav_loss_bps = u64::try_from((lost * 10_000).div_ceil(before.vault.nav.0.max(1)))?;

        let left_meanwhile = self.leave_meanwhile().await?;

        heading(&format!("{} goes on, and the exit is repeated", failing.name));
        self.market.pause_aave(&self.book.protocols.aave_prime, false).await?;
        let second = self.exit().await?;
        ensure!(second.legs.iter().all(|leg| leg.ok), "something has stayed behind: {second:?}");
        let home = self.observer.snapshot().await?;
        ensure!(home.vault.idle == home.vault.nav, "not everything came home: {}", output::venues(&home));

        let Depeg { condition_block, tripped_block } = depeg;
        let adapters = first.legs.iter().map(ExitedAdapter::from).collect();
        let exit_block = first.block;
        let switch = KillSwitch { trigger: "peg", condition_block, tripped_block, exit_block, nav_loss_bps, adapters };
        let failing = failing.name.clone();
        Ok((switch, Exit { failing, held_before, attempts: vec![first, second], left_meanwhile }))
    }

    fn failing(&self) -> eyre::Result<&Venue> {
        let pool = self.book.protocols.aave_prime.pool;
        let venue = self.book.venues.iter().find(|venue| venue.venue == pool);
        venue.ok_or_eyre("the second Aave instance is not listed")
    }

    async fn depeg(&self) -> eyre::Result<Depeg> {
        heading("USDC leaves its peg");
        let (contracts, protocols) = (&self.book.contracts, &self.book.protocols);
        let condition = self.market.push_price(protocols.feeds.usdc_usd, USD * 97 / 100).await?;
        let condition_block = condition.block_number.ok_or_eyre("no block")?;
        println!("  block {condition_block}: the feed answers 0.97");
        let trip = IKillSwitch::tripCall { trigger: PEG, token: protocols.usdc };
        let tripped = self.market.send(Role::Borrower, contracts.kill_switch, trip).await?;
        let tripped_block = tripped.block_number.ok_or_eyre("no block")?;
        println!("  block {tripped_block}: a passer-by trips the switch; deposits are closed");
        ensure!(tripped_block <= condition_block + 1, "the trip took {} blocks", tripped_block - condition_block);
        Ok(Depeg { condition_block, tripped_block })
    }

    /// The operator's exit, as the receipt tells it.
    async fn exit(&self) -> eyre::Result<ExitAttempt> {
        let started = Instant::now();
        self.devnet.builder().start_interval(BLOCK_TIME).await;
        let exit = self.keeper.call(&["emergency-exit", "--yes"]).await;
        self.devnet.builder().stop_interval().await;
        let exit = exit?;
        let wall_ms = u64::try_from(started.elapsed().as_millis())?;
        ensure!(exit["outcome"]["state"] == "final", "the exit did not land: {:#}", exit["outcome"]);
        let tx: B256 = field(&exit["outcome"]["landing"], "tx_hash")?;
        let receipt = self.market.rpc().get_transaction_receipt(tx).await?.ok_or_eyre("the exit has no receipt")?;
        let block = receipt.block_number.ok_or_eyre("no block")?;
        let legs = self.legs(&receipt)?;
        println!(
            "  block {block}: one transaction, {} gas, {wall_ms} ms from the command to the end",
            receipt.gas_used
        );
        for leg in &legs {
            println!("    {:<22} {}", leg.venue, told(leg));
        }
        Ok(ExitAttempt { tx, block, wall_ms, legs })
    }

    fn legs(&self, receipt: &TransactionReceipt) -> eyre::Result<Vec<ExitLeg>> {
        let logs = receipt.logs().iter().filter(|log| log.address() == self.book.contracts.hub);
        let events = logs.filter_map(|log| StrategyHub::EmergencyExit::decode_log(&log.inner).ok());
        let legs: Vec<ExitLeg> = events
            .map(|event| {
                Ok(ExitLeg {
                    venue: self.name(event.adapter),
                    ok: event.ok,
                    received: amount(event.received)?,
                    remaining: amount(event.remaining)?,
                    reason: event.reason.clone(),
                })
            })
            .collect::<eyre::Result<_>>()?;
        ensure!(legs.len() == self.book.venues.len(), "the report names {} venues: {legs:?}", legs.len());
        Ok(legs)
    }

    fn name(&self, adapter: Address) -> String {
        let venue = self.book.venues.iter().find(|venue| venue.adapter == adapter);
        venue.map_or_else(|| adapter.to_string(), |venue| venue.name.clone())
    }

    /// One venue stays behind with everything, every other comes home.
    fn check_first(&self, exit: &ExitAttempt, failing: &Venue) -> eyre::Result<()> {
        for leg in &exit.legs {
            if leg.venue == failing.name {
                let stuck = leg.received == 0 && leg.remaining > 0;
                ensure!(!leg.ok && stuck, "{} is paused and yet paid: {leg:?}", failing.name);
            } else {
                ensure!(leg.ok, "{} did not come home: {leg:?}", leg.venue);
            }
        }
        Ok(())
    }

    /// The largest depositor leaves in full; the next one takes what is liquid then and keeps shares of the rest.
    async fn leave_meanwhile(&self) -> eyre::Result<Vec<Redemption>> {
        heading("Nobody has to wait for it");
        let everything = self.redeemed(0, &self.market.redeem_all(Role::Depositor(0)).await?)?;
        println!("  {} takes out all it has, {} USDC", everything.account, decimal_usdc(everything.assets));
        let part = self.redeemed(1, &self.market.redeem_what_is_liquid(Role::Depositor(1)).await?)?;
        ensure!(part.assets > 0 && part.assets < u128::from(DEPOSITS[1]), "expected a part of the deposit: {part:?}");
        println!("  {} takes out what is liquid, {} USDC, and keeps the rest", part.account, decimal_usdc(part.assets));
        Ok(vec![everything, part])
    }

    /// Whoever is still there leaves; what each got altogether.
    pub(super) async fn redemptions(&self, left_meanwhile: &[Redemption]) -> eyre::Result<Vec<Redemption>> {
        heading("Every depositor leaves");
        let mut redemptions = Vec::new();
        for (index, deposited) in DEPOSITS.into_iter().enumerate() {
            let role = Role::Depositor(index);
            let account = role.address()?;
            let earlier = left_meanwhile.iter().find(|redemption| redemption.account == account);
            let has_left = self.market.shares(role).await?.is_zero();
            let total = if let (true, Some(all)) = (has_left, earlier) {
                all.clone()
            } else {
                let mut last = self.redeemed(index, &self.market.redeem_all(role).await?)?;
                last.assets += earlier.map_or(0, |part| part.assets);
                last
            };
            println!("  {account} put in {} and took out {} USDC", whole(deposited), decimal_usdc(total.assets));
            redemptions.push(total);
        }
        Ok(redemptions)
    }

    fn redeemed(&self, index: usize, receipt: &TransactionReceipt) -> eyre::Result<Redemption> {
        let event = logged::<Vault::Withdraw>(receipt, self.book.contracts.vault)?;
        let account = Role::Depositor(index).address()?;
        Ok(Redemption { account, assets: amount(event.assets)?, tx: receipt.transaction_hash })
    }
}

fn told(leg: &ExitLeg) -> String {
    let (received, remaining) = (decimal_usdc(leg.received), decimal_usdc(leg.remaining));
    match leg {
        ExitLeg { ok: true, received: 0, .. } => "nothing was left there".into(),
        ExitLeg { ok: true, .. } => format!("{received} USDC come home"),
        ExitLeg { received: 0, reason, .. } if reason.is_empty() => {
            format!("FAILS: pays nothing, {remaining} USDC stay")
        }
        ExitLeg { received: 0, reason, .. } => format!("FAILS with {}: {remaining} USDC stay", describe(reason)),
        ExitLeg { .. } => format!("pays {received} USDC, {remaining} USDC stay"),
    }
}

fn held(snapshot: &Snapshot) -> Vec<VenueAssets> {
    let venues = snapshot.venues.iter();
    venues
        .map(|venue| {
            let assets = match &venue.reading {
                VenueReading::Read { value, .. } => value.0,
                VenueReading::Unreadable { .. } => 0,
            };
            VenueAssets { venue: venue.name.clone(), assets }
        })
        .collect()
}
