//! Each rule of the hub at its edge, and the order in which they are asked.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod additions;
mod flow;
mod order;
mod targets;

use alloy_primitives::Address;
use ballast_risk::{Allocation, Figures, HubView, VenueView, judge};
use ballast_types::{Assets, Bps, HubLimits, WAD, Wad};

pub(crate) const NOW: u64 = 1_700_000_000;
pub(crate) const A: Address = Address::repeat_byte(0x0a);
pub(crate) const B: Address = Address::repeat_byte(0x0b);
pub(crate) const C: Address = Address::repeat_byte(0x0c);

/// 1 000 000 idle, 500 000 in A; A and B each hold 200 M with 80 % lent.
pub(crate) fn view() -> HubView {
    let venue = |adapter, value| VenueView {
        adapter,
        cap: Assets(1_000_000_000),
        target: Bps(if value == 0 { 0 } else { 3_333 }),
        direct: false,
        quarantined: false,
        flow_used: Bps(0),
        can_add: true,
        figures: Some(Figures {
            value: Assets(value),
            liquidity: Assets(value),
            size: Assets(200_000_000),
            utilisation: Wad(WAD / 10 * 8),
            settled: Assets(200_000_000),
            depositable: true,
        }),
    };
    HubView {
        now: NOW,
        operational: true,
        paused: false,
        limits: HubLimits {
            reserve: Bps(500),
            min_position: Bps(500),
            max_position: Bps(5_000),
            min_step: Bps(500),
            max_venue_share: Bps(100),
            max_utilisation: Bps(9_500),
            flow: Bps(10_000),
            approval: Bps(10_000),
            approval_floor: Assets::ZERO,
            cooldown: 21_600,
        },
        recent: [0; 4],
        idle: Assets(1_000_000),
        venues: vec![venue(A, 500_000), venue(B, 0)],
    }
}

pub(crate) fn to(adapter: Address, bps: u16) -> Allocation {
    Allocation { adapter, bps: Bps(bps), min_out: Assets(0) }
}

pub(crate) fn figures(view: &mut HubView, venue: usize) -> &mut Figures {
    view.venues[venue].figures.as_mut().unwrap()
}

/// The name of the error for `targets` after a change of the view, or "ok".
pub(crate) fn verdict(targets: &[Allocation], change: impl FnOnce(&mut HubView)) -> &'static str {
    let mut view = view();
    change(&mut view);
    judge(&view, targets).map_or_else(|violation| violation.name(), |_| "ok")
}
