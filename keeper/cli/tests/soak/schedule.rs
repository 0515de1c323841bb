//! What happens when: drawn from the seed before anything runs.

use crate::{rng::Rng, support::Illness};
use ballast_devnet::{KmsFault, RelayFault};
use std::time::Duration;

#[derive(Clone, Debug)]
pub(crate) enum Event {
    /// SIGKILL.
    Kill,
    /// The newest blocks are replaced by as many others, with their transactions or without.
    Reorganise {
        depth: u64,
        again: bool,
    },
    /// The RPC endpoints with these numbers, for so many slots.
    Rpc {
        which: Vec<usize>,
        illness: Illness,
        slots: u64,
    },
    Relay {
        fault: RelayFault,
        slots: u64,
    },
    Kms {
        fault: KmsFault,
        slots: u64,
    },
    /// Base fee of the next block, gwei.
    BaseFee(u64),
    /// Slots that do not wait for the keeper.
    Hurry {
        slots: u64,
    },
    /// The asset's feed reverts for so many slots.
    FeedSilent {
        slots: u64,
    },
    /// Every feed answers, the prices a little moved; parts in 10⁴ of ETH's and of USDC's.
    Prices {
        eth: i64,
        usdc: i64,
    },
    /// The outside debt of Aave, or of the market under the MetaMorpho, becomes this; millions of USDC.
    Debt {
        aave: bool,
        millions: u64,
    },
    /// The second depositor brings so many thousand USDC.
    Deposit {
        thousands: u64,
    },
    /// It takes out what is liquid.
    Redeem,
}

/// Chain seconds since the start, and what happens then.
pub(crate) type Schedule = Vec<(u64, Event)>;

pub(crate) const HOUR: u64 = 3_600;
/// Well inside the shortest heartbeat.
const PRICES_EVERY: u64 = HOUR / 2;

/// Events of `hours` hours. The process is killed in the first half only, for the last time at its end: what remains is one long life
/// whose memory can be judged.
pub(crate) fn draw(rng: &mut Rng, hours: u64) -> Schedule {
    let whole = hours * HOUR;
    let mut schedule = vec![(whole / 2, Event::Kill)];
    // How often in ten hours, and at least once.
    let mut often = |rng: &mut Rng, in_ten_hours: u64, until: u64, event: fn(&mut Rng) -> Event| {
        for _ in 0..(in_ten_hours * hours).div_ceil(10).max(1) {
            let at = until / 20 + rng.below(until - until / 10);
            schedule.push((at, event(rng)));
        }
    };
    often(rng, 4, whole / 2, |_| Event::Kill);
    often(rng, 10, whole, |rng| Event::Reorganise { depth: 1 + rng.below(3), again: rng.chance(500) });
    often(rng, 12, whole, rpc);
    often(rng, 20, whole, relay);
    often(rng, 15, whole, kms);
    often(rng, 3, whole, |rng| Event::BaseFee(1 << rng.below(10)));
    often(rng, 5, whole, |rng| Event::Hurry { slots: 10 + rng.below(50) });
    often(rng, 4, whole, |rng| Event::FeedSilent { slots: 30 + rng.below(30) });
    often(rng, 7, whole, |rng| {
        let aave = rng.chance(500);
        // Between utilisations of 55 and 93 % of 100 million, of 70 and 93 % of 60.
        let millions = if aave { 55 + rng.below(39) } else { 42 + rng.below(14) };
        Event::Debt { aave, millions }
    });
    often(rng, 2, whole, |rng| Event::Deposit { thousands: 1 + rng.below(8) });
    often(rng, 1, whole, |_| Event::Redeem);
    for at in (0..whole).step_by(usize::try_from(PRICES_EVERY).unwrap()).skip(1) {
        let moved = |rng: &mut Rng, most: u64| rng.below(2 * most + 1).cast_signed() - most.cast_signed();
        schedule.push((at, Event::Prices { eth: moved(rng, 100), usdc: moved(rng, 5) }));
    }
    schedule.sort_by_key(|(at, _)| *at);
    schedule
}

pub(crate) fn rpc(rng: &mut Rng) -> Event {
    let first = usize::try_from(rng.below(3)).unwrap();
    let which = match rng.below(20) {
        0 => vec![0, 1, 2],
        1..4 => vec![first, (first + 1) % 3],
        _ => vec![first],
    };
    let illness = match rng.below(3) {
        0 => Illness::Silent,
        1 => Illness::Down,
        _ => Illness::Behind(1 + rng.below(6)),
    };
    Event::Rpc { which, illness, slots: 25 + rng.below(100) }
}

pub(crate) fn relay(rng: &mut Rng) -> Event {
    let fault = match rng.below(4) {
        0 => RelayFault::Down,
        1 => RelayFault::Refuse("too busy".to_owned()),
        2 => RelayFault::NeverInclude,
        _ => RelayFault::DelayBlocks(1 + rng.below(3)),
    };
    Event::Relay { fault, slots: 10 + rng.below(80) }
}

pub(crate) fn kms(rng: &mut Rng) -> Event {
    let fault = match rng.below(4) {
        0 => KmsFault::Throttle,
        1 => KmsFault::ThrottleNext(u32::try_from(1 + rng.below(8)).unwrap()),
        2 => KmsFault::Deny,
        _ => KmsFault::Slow(Duration::from_millis(200 + rng.below(2_000))),
    };
    Event::Kms { fault, slots: 10 + rng.below(80) }
}
