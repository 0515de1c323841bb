//! P1: the keeper dies with a signed transaction under way; and then nobody takes over.

use super::{
    scene::{DECIDE_EVERY, DUST, EXIT_GAS, Scene},
    timeline::{Bound, CONFIRM, Level, NOTIFY, Who},
};
use crate::local::keeper_process::RunningKeeper;
use alloy::{network::TransactionBuilder, providers::Provider, rpc::types::TransactionRequest, sol_types::SolCall};
use ballast_chain::bindings::StrategyHub;
use ballast_devnet::accounts::Role;
use ballast_store::State;
use eyre::{OptionExt, ensure};

pub(super) async fn keeper_dies(scene: &Scene) -> eyre::Result<()> {
    let standby = standby_takes_over(scene).await?;
    nobody_is_left(scene, standby).await
}

async fn standby_takes_over(scene: &Scene) -> eyre::Result<RunningKeeper> {
    scene.deposit().await?;
    let leader = scene.spawn(&["run"], "leader")?;
    let store = scene.store().await?;
    // No block is built, so that the relay has it and the chain has not.
    let handed_over = async || {
        let newest = scene.newest_attempt(&store).await?;
        Ok(newest.filter(|attempt| attempt.state == State::Submitted && attempt.facts.bundle_hash.is_some()))
    };
    let attempt = scene.until("a bundle at the relay", handed_over).await?;
    let mut standby = scene.spawn(&["run", "--standby"], "standby")?;
    let waits = "standing by: another instance holds the lease";
    scene.until(waits, async || standby.said(waits, |_| true)).await?;

    let block = scene.head().await?;
    leader.kill().await?;
    let what = "the keeper is killed (SIGKILL); the relay has its transaction for the next block";
    let time = scene.incident(Level::P1, "the keeper dies", what, block).await?;

    let took_over = "took over: the lease was free";
    let line = scene.until(took_over, async || standby.said(took_over, |_| true)).await?;
    ensure!(line.level == "WARN", "the takeover is said at level {}, which wakes nobody", line.level);
    time.step(Who::Standby, "takes the lease, and says so as a warning in the journal", block, NOTIFY).await?;
    // The chain goes on, and with it what the dead keeper had sent.
    let landed = scene.build(1).await?;
    let settled = "settled what an earlier run left";
    scene.until(settled, async || standby.said(settled, |fields| fields["state"] == "Final")).await?;
    ensure!(store.attempt(attempt.id).await?.state == State::Final, "the store does not know that it landed");
    time.step(Who::Standby, "finds the dead keeper's rebalance in its block", landed, Bound::Blocks(1)).await?;

    scene.build(DECIDE_EVERY).await?;
    let hold = scene
        .serving("a decision of the standby", async || {
            standby.said("hold", |fields| fields["block"].as_u64().is_some_and(|at| at > landed))
        })
        .await?;
    let at = hold.fields["block"].as_u64().ok_or_eyre("the decision names no block")?;
    time.step(Who::Standby, "decides anew, and holds: it is done already", at, CONFIRM).await?;
    let times = scene.exactly_once().await?;
    ensure!(times == 1, "{times} rebalances are on the chain");
    let audit = scene.operator(&["audit", "verify"]).await?;
    ensure!(audit["intact"] == true, "the audit log is not intact: {audit}");
    let what = "one rebalance on the chain, `ballast audit verify`: intact; it is over";
    time.over(Who::Operator, what, scene.head().await?).await?;
    store.close().await;
    Ok(standby)
}

/// Without any keeper the funds come home all the same: by anyone, once the grace period is over.
async fn nobody_is_left(scene: &Scene, standby: RunningKeeper) -> eyre::Result<()> {
    let before = scene.snapshot().await?;
    standby.kill().await?;
    let grace = before.hub.grace;
    let what = "the standby is killed as well; nobody is left to keep the vault";
    let title = "nobody takes over";
    // Feeds are answered and blocks built on the way, hence the minute.
    let time = scene.incident_within(Level::P1, grace + 60, title, what, before.block.number).await?;
    let (market, hub) = (scene.market()?, scene.book.contracts.hub);

    let stranger = Role::Borrower;
    let call = TransactionRequest::default()
        .with_from(stranger.address()?)
        .with_to(hub)
        .with_input(StrategyHub::emergencyExitCall {}.abi_encode());
    ensure!(market.rpc().call(call).await.is_err(), "a stranger may exit although the keeper was just there");
    market.pass_time(grace.saturating_sub(before.block.timestamp.saturating_sub(before.hub.last_seen))).await?;
    let exit = market.send_with_gas(stranger, hub, StrategyHub::emergencyExitCall {}, EXIT_GAS).await?;
    let home = scene.snapshot().await?;
    ensure!(home.vault.nav.0 - home.vault.idle.0 <= DUST, "not everything came home: {:?}", home.vault);
    let what = format!("pulls everything to idle, {} USDC; before, it was refused. It is over", home.vault.idle);
    time.over(Who::Anyone, what, exit.block_number.ok_or_eyre("no block")?).await
}
