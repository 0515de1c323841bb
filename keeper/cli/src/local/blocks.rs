//! Blocks for a keeper that is waited for: one as soon as the relay has its bundle, so that nothing depends on a clock.

use alloy::providers::{DynProvider, Provider};
use ballast_devnet::Devnet;
use ballast_store::{Location, State, Store};
use std::{convert::Infallible, time::Duration};

const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Builds a block for each attempt that was handed over, until dropped.
///
/// # Errors
/// If the chain or the store fails. Until the keeper has made its store, there is none, and nothing to build for.
pub(crate) async fn block_per_bundle(devnet: &Devnet, rpc: &DynProvider, store: &Location) -> eyre::Result<Infallible> {
    let store = loop {
        match Store::open_read_only_at(store).await {
            Ok(store) => break store,
            // Also while it is being made; whoever waits for the keeper has a patience of their own.
            Err(_) => tokio::time::sleep(LOOK_EVERY).await,
        }
    };
    loop {
        for attempt in store.open_attempts().await? {
            let handed_over = attempt.state == State::Submitted && attempt.facts.bundle_hash.is_some();
            let waits_for = attempt.facts.target_block.filter(|_| handed_over);
            if let Some(target) = waits_for
                && rpc.get_block_number().await? < target
            {
                devnet.builder().build_block().await?;
            }
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}
