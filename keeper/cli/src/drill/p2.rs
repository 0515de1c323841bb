//! P2: a venue is lent out; another one cannot be read.

use super::{
    scene::{DECIDE_EVERY, DUST, EXIT_GAS, Scene, notified, value_of},
    timeline::{Bound, CONFIRM, Level, Who},
};
use crate::local::keeper_process::RunningKeeper;
use alloy::{
    primitives::{Address, U256},
    providers::Provider,
};
use ballast_chain::bindings::{IAavePool, KillSwitchManager, StrategyHub, Vault};
use ballast_devnet::accounts::Role;
use ballast_types::Assets;
use eyre::{OptionExt, ensure};
use serde_json::json;

/// `Trigger.Utilisation` of the contracts.
const UTILISATION: u8 = 2;
/// `VenueTriggers.CONFIRM_BLOCKS`: five minutes.
const CONFIRM_BLOCKS: u64 = 25;
/// What the borrower draws, base units: the venue has 100 M, of which 78 M are lent.
const DRAWN: u64 = 18_500_000_000_000;
const VARIABLE_RATE: u64 = 2;
/// Code that reverts without a reason.
const REVERTS: &str = "0x60006000fd";

pub(super) async fn venue_fails(scene: &Scene) -> eyre::Result<()> {
    let mut service = scene.invested().await?;
    is_lent_out(scene, &mut service).await?;
    is_unreadable(scene, &mut service).await?;
    let stopped = service.stop().await?;
    ensure!(stopped.success(), "the service did not stop cleanly: {stopped}");
    Ok(())
}

async fn is_lent_out(scene: &Scene, service: &mut RunningKeeper) -> eyre::Result<()> {
    let (market, contracts, protocols) = (scene.market()?, &scene.book.contracts, &scene.book.protocols);
    let pool = protocols.aave_prime.pool;
    let venue = scene.invested_in(pool).await?;
    let before = scene.snapshot().await?;
    let held = value_of(&before, venue.adapter)?;
    let borrow = IAavePool::borrowCall {
        asset: protocols.usdc,
        amount: U256::from(DRAWN),
        interestRateMode: U256::from(VARIABLE_RATE),
        referralCode: 0,
        onBehalfOf: Role::Borrower.address()?,
    };
    let drawn = market.send(Role::Borrower, pool, borrow).await?;
    let block = drawn.block_number.ok_or_eyre("no block")?;
    let what = format!("borrowers draw on {}: above 95 % is lent; {} USDC are in it", venue.name, Assets(held));
    let time = scene.incident(Level::P2, "a venue is lent out", what, block).await?;

    let (armed_at, armed) = scene.first_event::<KillSwitchManager::Armed>(contracts.kill_switch, block).await?;
    ensure!((armed.trigger, armed.adapter) == (UTILISATION, venue.adapter), "another arming: {armed:?}");
    time.step(Who::Keeper, "arms the trigger", armed_at, Bound::Blocks(1)).await?;
    scene.build(CONFIRM_BLOCKS - 1).await?;
    let (tripped_at, tripped) =
        scene.first_event::<KillSwitchManager::VenueTripped>(contracts.kill_switch, block).await?;
    ensure!(
        tripped.adapter == venue.adapter && tripped.reason == "Utilization spike detected",
        "another trip: {tripped:?}"
    );
    let status = market.read(contracts.kill_switch, KillSwitchManager::additionStatusCall { adapter: venue.adapter });
    ensure!(!status.await?.allowed, "additions to {} are still allowed", venue.name);
    let what = "confirms it at the first block that may: additions to the venue are stopped";
    time.step(Who::Keeper, what, tripped_at, Bound::Blocks(1 + CONFIRM_BLOCKS)).await?;
    notified(scene, service, &time).await?;

    // Unlike an exit, this closes no deposits: one venue is left, and not the vault.
    let (left_at, left) = scene.first_event::<StrategyHub::RiskReduced>(contracts.hub, block).await?;
    ensure!(
        (left.caller, left.adapter) == (scene.book.keeper, venue.adapter),
        "another reduction than expected: {left:?}"
    );
    let after = scene.snapshot().await?;
    ensure!(value_of(&after, venue.adapter)? <= DUST, "the position is still there");
    let what = format!("takes the position to idle: {} USDC", Assets(held));
    time.step(Who::Keeper, what, left_at, time.in_time()).await?;
    let room = market.read(contracts.vault, Vault::maxDepositCall(Role::Depositor(1).address()?)).await?;
    let everything = market.shares(Role::Depositor(0)).await?;
    let redeemable =
        market.read(contracts.vault, Vault::maxRedeemCall { owner: Role::Depositor(0).address()? }).await?;
    ensure!(!room.is_zero(), "deposits were closed for one venue's sake");
    ensure!(redeemable == everything, "of {everything} shares only {redeemable} can be redeemed");
    time.over(Who::Depositor, "may still come, and leave in full; it is over", scene.head().await?).await
}

async fn is_unreadable(scene: &Scene, service: &mut RunningKeeper) -> eyre::Result<()> {
    let (market, contracts) = (scene.market()?, &scene.book.contracts);
    let aave = scene.book.protocols.aave;
    let venue = scene.invested_in(aave.pool).await?;
    let held = value_of(&scene.snapshot().await?, venue.adapter)?;
    let code = market.rpc().get_code_at(aave.a_usdc).await?.to_string();
    set_code(scene, aave.a_usdc, REVERTS).await?;
    let block = scene.build(1).await?;
    let what = format!("{} reverts whatever it is asked; {} USDC are in it", venue.name, Assets(held));
    let time = scene.incident(Level::P2, "a venue cannot be read", what, block).await?;

    scene.build(DECIDE_EVERY).await?;
    let unreadable = |fields: &serde_json::Value| {
        fields["gate"] == "venues" && fields["block"].as_u64().is_some_and(|at| at >= block)
    };
    let hold = scene.said(service, "hold", unreadable).await?;
    let at = hold.fields["block"].as_u64().ok_or_eyre("the decision names no block")?;
    // A decision under way when it happened knows nothing of it; the next one does.
    let within = Bound::Blocks(2 * DECIDE_EVERY);
    time.step(Who::Keeper, "holds: it moves nothing while a venue cannot be read", at, within).await?;

    let paused = market.send(Role::Guardian, contracts.vault, Vault::pauseDepositsCall {}).await?;
    let paused_at = paused.block_number.ok_or_eyre("no block")?;
    time.step(Who::Guardian, "one of three, alone, closes deposits", paused_at, CONFIRM).await?;
    let quarantine = Vault::quarantineCall { adapter: venue.adapter };
    let set_apart = market.send_with_gas(Role::Borrower, contracts.vault, quarantine, EXIT_GAS).await?;
    ensure!(is_quarantined(scene, venue.adapter).await?, "the position is not set apart");
    let set_apart_at = set_apart.block_number.ok_or_eyre("no block")?;
    time.step(Who::Anyone, "sets the position apart: quarantine", set_apart_at, time.in_time()).await?;
    let redeemable =
        market.read(contracts.vault, Vault::maxRedeemCall { owner: Role::Depositor(0).address()? }).await?;
    ensure!(!redeemable.is_zero(), "nobody can leave while it lasts");
    let what = "may leave with their part of the rest and a claim on what is set apart";
    time.step(Who::Depositor, what, scene.head().await?, time.in_time()).await?;

    set_code(scene, aave.a_usdc, &code).await?;
    scene.build(1).await?;
    let recover = Vault::recoverCall { adapter: venue.adapter };
    let recovered = market.send_with_gas(Role::Borrower, contracts.vault, recover, EXIT_GAS).await?;
    ensure!(!is_quarantined(scene, venue.adapter).await?, "the position is still set apart");
    let home = scene.snapshot().await?;
    ensure!(value_of(&home, venue.adapter)? <= DUST, "the position did not come home");
    let what = format!("brings it home once the venue answers: {} USDC are idle; it is over", home.vault.idle);
    time.over(Who::Anyone, what, recovered.block_number.ok_or_eyre("no block")?).await
}

async fn set_code(scene: &Scene, contract: Address, code: &str) -> eyre::Result<()> {
    scene.rpc()?.raw_request::<_, ()>("anvil_setCode".into(), json!([contract, code])).await?;
    Ok(())
}

async fn is_quarantined(scene: &Scene, adapter: Address) -> eyre::Result<bool> {
    let kind = scene.market()?.read(scene.book.contracts.vault, Vault::positionKindCall { adapter }).await?;
    Ok(kind.quarantined)
}
