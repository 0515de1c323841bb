//! P0: the asset leaves its peg while the money is in venues.

use super::{
    scene::{DUST, Scene, notified},
    timeline::{Bound, CONFIRM, Level, Who},
};
use crate::local::{amount, logged};
use ballast_chain::bindings::{KillSwitchManager, StrategyHub, Vault};
use ballast_devnet::{accounts::Role, market::USD};
use ballast_types::Assets;
use eyre::{OptionExt, ensure};

/// `Trigger.Peg` and `Mode.Exit` of the contracts.
const PEG: u8 = 0;
const EXIT: u8 = 2;

pub(super) async fn depeg(scene: &Scene) -> eyre::Result<()> {
    let mut service = scene.invested().await?;
    let (market, contracts) = (scene.market()?, &scene.book.contracts);
    let before = scene.snapshot().await?;
    let invested = before.vault.nav.0.saturating_sub(before.vault.idle.0);
    ensure!(invested > 0, "no money is in a venue, so an exit would show nothing");

    let condition = market.push_price(scene.book.protocols.feeds.usdc_usd, USD * 97 / 100).await?;
    let block = condition.block_number.ok_or_eyre("no block")?;
    let what = format!("USDC/USD answers 0.97; {} USDC are in venues", Assets(invested));
    let time = scene.incident(Level::P0, "USDC leaves its peg", what, block).await?;

    let seen = "a condition of the kill switch holds";
    let line = scene.said(&mut service, seen, |fields| fields["trigger"] == "peg").await?;
    let seen_at = line.fields["block"].as_u64().ok_or_eyre("the warning names no block")?;
    time.step(Who::Keeper, "sees it, simulates the trip, and warns", seen_at, Bound::Blocks(0)).await?;

    let (tripped_at, event) = scene.first_event::<KillSwitchManager::Tripped>(contracts.kill_switch, block).await?;
    ensure!((event.trigger, event.mode) == (PEG, EXIT), "another trip than expected: {event:?}");
    ensure!(event.caller == scene.book.keeper, "somebody else tripped it: {}", event.caller);
    time.step(Who::Keeper, "trips the switch, in a private bundle: Exit mode", tripped_at, Bound::Blocks(1)).await?;
    let room = market.read(contracts.vault, Vault::maxDepositCall(Role::Depositor(1).address()?)).await?;
    ensure!(room.is_zero(), "deposits of {room} units are still taken");
    time.step(Who::World, "deposits are closed, additions too", tripped_at, Bound::Blocks(1)).await?;
    notified(scene, &mut service, &time).await?;

    let (exited_at, exit) = scene.first_event::<StrategyHub::EmergencyExit>(contracts.hub, block).await?;
    ensure!(exit.caller == scene.book.keeper, "somebody else made the exit: {}", exit.caller);
    let home = scene.snapshot().await?;
    ensure!(home.vault.nav.0 - home.vault.idle.0 <= DUST, "not everything came home: {:?}", home.vault);
    let lost = before.vault.nav.0.saturating_sub(home.vault.nav.0);
    ensure!(lost <= before.vault.nav.0 / 10_000, "the exit cost {} USDC", Assets(lost));
    let what = format!("calls the exit: all {} USDC are idle", home.vault.idle);
    time.step(Who::Keeper, what, exited_at, time.in_time()).await?;

    let status = scene.operator(&["status"]).await?;
    let switch = &status["snapshot"]["kill_switch"];
    ensure!(switch["mode"] == "exit", "`ballast status` says of the kill switch: {switch}");
    let confirmed = scene.head().await?;
    time.step(Who::Operator, "confirms it: `ballast status` says Exit", confirmed, CONFIRM).await?;
    let stopped = service.stop().await?;
    ensure!(stopped.success(), "the service did not stop cleanly: {stopped}");
    time.step(Who::Operator, "stops the service", scene.head().await?, time.in_time()).await?;

    let left = market.redeem_all(Role::Depositor(0)).await?;
    let paid = amount(logged::<Vault::Withdraw>(&left, contracts.vault)?.assets)?;
    ensure!(paid + DUST >= before.vault.nav.0 - lost - DUST, "only {} USDC were paid", Assets(paid));
    let what = format!("leaves with {} USDC; it is over", Assets(paid));
    time.over(Who::Depositor, what, left.block_number.ok_or_eyre("no block")?).await?;
    Ok(())
}
