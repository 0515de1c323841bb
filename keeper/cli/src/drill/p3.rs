//! P3: an endpoint and the relay go down at once, just when there is something to do.

use super::{
    scene::{DECIDE_EVERY, DEPOSIT, Scene},
    timeline::{Bound, Level, NOTIFY, Who},
};
use alloy::providers::Provider;
use ballast_devnet::RelayFault;
use ballast_store::{AttemptId, State};
use eyre::{OptionExt, ensure};
use serde_json::Value;

/// Legs of a first rebalance, each of which may lose this to the venue's rounding, base units.
const ROUNDING: u128 = 4 * 2;

pub(super) async fn infrastructure_fails(scene: &Scene) -> eyre::Result<()> {
    let mut service = scene.spawn(&["run"], "keeper")?;
    scene.said(&mut service, "hold", |_| true).await?;
    let endpoint = scene.endpoints.first().ok_or_eyre("there is no endpoint")?;
    let (rpc, url, relay) = (scene.rpc()?, endpoint.url(), scene.devnet.relay_faults());

    let block = scene.head().await?;
    endpoint.set_down(true);
    relay.set(RelayFault::Down);
    let what = "the first of three endpoints and the relay close every connection";
    let time = scene.incident(Level::P3, "an endpoint and the relay go down", what, block).await?;
    let label = |fields: &Value| fields["endpoint"].as_str().is_some_and(|label| label.starts_with(&url));
    scene.said(&mut service, "RPC endpoint is down", label).await?;
    time.step(Who::Keeper, "says so, and asks the other two", scene.head().await?, Bound::Blocks(1)).await?;

    scene.deposit().await?;
    let deposited = scene.build(DECIDE_EVERY).await?;
    let what = format!("brings {} USDC, which are to be put to work", ballast_types::Assets(DEPOSIT.into()));
    time.step(Who::Depositor, what, deposited, time.in_time()).await?;

    let store = scene.store().await?;
    let mut refused: Vec<AttemptId> = Vec::new();
    // The relay comes back while the second waits for its block in vain.
    for number in 1..=2 {
        let newer = async || {
            let newest = scene.newest_attempt(&store).await?;
            let newest = newest.filter(|attempt| attempt.state == State::Submitted && !refused.contains(&attempt.id));
            let said = newest.as_ref().map(|attempt| attempt.id.0);
            let is_down = |fields: &Value| {
                fields["attempt"].as_i64() == said
                    && fields["error"].as_str().is_some_and(|why| why.contains("is down"))
            };
            Ok(service.said("relay", is_down)?.and(newest))
        };
        let attempt = scene.until("an attempt that the relay does not take", newer).await?;
        if number == 1 {
            let what = "decides on the word of two, and warns: the relay is down";
            time.step(Who::Keeper, what, scene.head().await?, NOTIFY).await?;
        } else {
            relay.clear();
        }
        let passed = scene.build(1).await?;
        let ended = async || Ok(Some(store.attempt(attempt.id).await?).filter(|now| now.state == State::Expired));
        scene.until("the attempt to expire", ended).await?;
        if number == 1 {
            let what = "gives the attempt up when its block has passed: nothing was sent";
            time.step(Who::Keeper, what, passed, time.in_time()).await?;
        } else {
            time.step(Who::World, "the relay is back", passed, time.in_time()).await?;
        }
        refused.push(attempt.id);
    }

    scene.said(&mut service, "rebalance", |fields| fields["state"] == "Final").await?;
    let landed = scene.newest_attempt(&store).await?.ok_or_eyre("no attempt is recorded")?;
    let landed_at = landed.facts.included_block.ok_or_eyre("it has no block")?;
    ensure!(!refused.contains(&landed.id), "an attempt that had expired landed");
    time.step(Who::Keeper, "lands the same decision with the next attempt", landed_at, time.in_time()).await?;

    endpoint.set_down(false);
    scene.build(1).await?;
    scene.said(&mut service, "RPC endpoint is back", label).await?;
    time.step(Who::Keeper, "uses the endpoint again", scene.head().await?, time.in_time()).await?;
    let stopped = service.stop().await?;
    ensure!(stopped.success(), "the service did not stop cleanly: {stopped}");
    let times = scene.exactly_once().await?;
    ensure!(times == 1, "{times} rebalances are on the chain");
    // What did not land did not take a nonce either, and nothing of it is in the public pool.
    let sent = rpc.get_transaction_count(scene.book.keeper).await?;
    let calls = store.calls(100).await?.len();
    ensure!(sent == u64::try_from(times + calls)?, "{sent} transactions were sent for {times} moves and {calls} calls");
    let pool: Value = rpc.raw_request("txpool_status".into(), ()).await?;
    ensure!(pool["pending"] == "0x0", "something is in the public pool: {pool}");
    let after = scene.snapshot().await?.vault.nav.0;
    ensure!(after + ROUNDING >= DEPOSIT.into(), "{after} units of {DEPOSIT} are left");
    store.close().await;
    let what = "one rebalance on the chain, no nonce lost, nothing public, no loss; it is over";
    time.over(Who::Operator, what, scene.head().await?).await
}
