//! Decisions do not change unawares: what was decided on two thousand worlds, as one hash.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod world;

use alloy_primitives::{B256, b256, keccak256};
use ballast_allocator::decide;
use world::*;

/// Keccak-256 of the canonical decisions of cases 0 to 1 999, every fifth with 20 venues. A change that means to decide differently
/// records it anew and says why. Last: the search climbs from the eight best combinations of the grid instead of one.
const DECIDED: B256 = b256!("b73da74f44d983bd2d5ec8762ead5b59152083b489f42d770a4ba4c2895c79cd");

#[test]
fn two_thousand_worlds_are_decided_as_they_were() {
    let mut bytes = Vec::new();
    let (mut moves, mut wide) = (0, 0);
    for case in 0..2_000u64 {
        let r = &mut Random(0x601d + case);
        let snapshot = if case % 5 == 0 { random_snapshot_of(r, &[20]) } else { random_snapshot(r) };
        let decision = decide(&snapshot, &random_policy(r, &snapshot));
        moves += u32::from(!decision.targets().is_empty());
        wide += u32::from(case % 5 == 0 && decision.prediction.is_some());
        bytes.extend(borsh::to_vec(&decision).unwrap());
    }
    assert!(moves > 100 && wide > 100, "{moves} decisions to act, {wide} searches among 20 venues");
    assert_eq!(keccak256(&bytes), DECIDED);
}
