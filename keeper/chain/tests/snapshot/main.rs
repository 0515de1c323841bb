//! A snapshot is what the contracts say at one block; what they cannot say is marked.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod contents;
mod failing;
#[path = "../harness/mod.rs"]
mod harness;
mod tokens;

use alloy::primitives::Address;
use alloy::providers::ext::AnvilApi;
use ballast_chain::Reader;
use ballast_types::{Snapshot, VenueReading, VenueState};
use harness::World;

impl World {
    /// Both venues hold something.
    pub(crate) async fn invested(test: &str) -> Self {
        let world = Self::start(test).await;
        world.depositor(0, 50_000).await;
        let input = world.rebalance(&[(world.aave(), 4_500), (world.metamorpho(), 4_000)], &world.attestor).await;
        let plan = world.plan(&world.keeper, world.book.contracts.hub, input).await;
        assert!(world.land(&world.keeper, &plan).await.status());
        world
    }

    pub(crate) async fn snapshot(&self) -> Snapshot {
        Reader::new(self.pool()).snapshot(&self.deployment(), None).await.unwrap()
    }

    pub(crate) async fn set_code(&self, at: Address, code: alloy::primitives::Bytes) {
        self.rpc.anvil_set_code(at, code).await.unwrap();
        self.devnet.builder().build_block().await.unwrap();
    }
}

pub(crate) fn venue(snapshot: &Snapshot, adapter: Address) -> &VenueState {
    snapshot.venues.iter().find(|venue| venue.adapter == adapter).unwrap()
}

pub(crate) fn unreadable(venue: &VenueState) -> &str {
    match &venue.reading {
        VenueReading::Unreadable { why } => why,
        VenueReading::Read { .. } => panic!("{} was read", venue.name),
    }
}

/// Relative difference below one in a billion.
pub(crate) fn close(a: u128, b: u128) -> bool {
    a.abs_diff(b) <= a.max(b) / 1_000_000_000
}
