//! The snapshot that the keeper would have read at the beginning of a step.

use crate::{
    book::Book,
    market::{Environment, ExchangeDay, Market, VenueStep},
    rules::Rules,
    switch::{SLOT, Switch},
};
use ballast_types::{
    Address, Assets, B256, BlockRef, Bps, Checkpoint, FeedReading, FeedState, HubState, KillSwitchState, RoundId,
    Snapshot, VaultState, VenueKind, VenueReading, VenueState, WAD, Wad,
};

/// An observation of a venue's size is as old as this when a decision looks at it.
const CHECKPOINT_AGE: u64 = 3_600;
/// Bounds of the asset's price outside of which the switch trips (SPEC C7a).
pub(crate) const BAND: (Wad, Wad) = (Wad(WAD / 100 * 98), Wad(WAD / 100 * 102));
/// Decimals of Chainlink's feeds in USD.
const FEED_DECIMALS: u8 = 8;
/// From 18 decimals to those.
pub(crate) const FEED_UNIT: u128 = WAD / 100_000_000;

/// What the schedule of the hub depends on.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct History {
    /// Times of the last four rebalances, newest first.
    pub(crate) recent: [u64; 4],
    pub(crate) nonce: u64,
}

/// A venue's address in a backtest: its place in the list, from one.
#[must_use]
pub(crate) fn adapter(venue: usize) -> Address {
    Address::left_padding_from(&(venue as u64 + 1).to_be_bytes())
}

/// The venue of such an address.
#[must_use]
pub(crate) fn venue(adapter: Address) -> Option<usize> {
    let (_, place) = adapter.as_slice().split_last_chunk::<8>()?;
    usize::try_from(u64::from_be_bytes(*place).checked_sub(1)?).ok()
}

/// `known[i]` is what venue `i` was in the step before, `None` where there is no value of it. A venue that is not `listed` is not there at all.
pub(crate) fn snapshot(
    market: &Market,
    time: u64,
    known: &[Option<&VenueStep>],
    listed: &[bool],
    (environment, exchange): (&Environment, Option<&ExchangeDay>),
    book: &Book,
    (rules, history, switch): (&Rules, &History, &Switch),
) -> Snapshot {
    let block = BlockRef {
        number: time / SLOT,
        hash: B256::left_padding_from(&time.to_be_bytes()),
        timestamp: time,
        next_base_fee: environment.gas_price,
    };
    // As the vault does: what cannot be read counts for nothing.
    let readable = book.positions.iter().zip(known).filter(|(_, known)| known.is_some());
    let nav = Assets(readable.fold(book.idle.0, |sum, (position, _)| sum.saturating_add(position.value.0)));
    let venues = market
        .venues
        .iter()
        .zip(&book.positions)
        .zip(known.iter().zip(listed))
        .enumerate()
        .filter(|(_, (_, (_, listed)))| **listed)
        .map(|(index, ((venue, position), (known, _)))| VenueState {
            name: venue.id.clone(),
            kind: VenueKind::AaveV3,
            adapter: adapter(index),
            venue: adapter(index),
            direct: false,
            quarantined: false,
            cap: rules.cap,
            target: position.target,
            flow_used: drained(position.flow_used, position.flow_time, time, rules.limits.flow),
            can_add: switch.can_add(index),
            reading: known.map_or_else(
                || VenueReading::Unreadable { why: "there is no value of it".into() },
                |step| reading(step, position.value, block),
            ),
        })
        .collect();
    let stopped = switch.stopped();
    let operational = stopped.is_none();
    Snapshot {
        chain_id: 1,
        block,
        vault: VaultState {
            address: Address::repeat_byte(0xa1),
            asset: Address::repeat_byte(0xa2),
            nav,
            idle: book.idle,
            max_loss: rules.max_loss,
            deposits_paused: switch.mode() == ballast_types::Mode::Exit,
        },
        hub: HubState {
            address: Address::repeat_byte(0xa3),
            attestor: Address::repeat_byte(0xa4),
            nonce: history.nonce,
            recent: history.recent,
            last_seen: time.saturating_sub(CHECKPOINT_AGE),
            grace: rules.grace,
            limits: rules.limits,
        },
        kill_switch: KillSwitchState {
            address: Address::repeat_byte(0xa5),
            mode: switch.mode(),
            operational,
            reason: stopped.map(|cause| cause.text().to_owned()).unwrap_or_default(),
        },
        venues,
        feeds: feeds(market, listed, time, environment, exchange),
        eth_usd: feed("ETH/USD", environment.eth_usd, time, None),
        fees: None,
        doubts: Vec::new(),
    }
}

/// What is left in a bucket that drains evenly within a day, as the hub computes it.
fn drained(used: Bps, since: u64, now: u64, flow: Bps) -> Bps {
    let gone = u64::from(flow.0).saturating_mul(now.saturating_sub(since)) / 86_400;
    Bps(used.0.saturating_sub(u16::try_from(gone).unwrap_or(u16::MAX)))
}

/// Our own money is in the market as well.
fn reading(step: &VenueStep, value: Assets, block: BlockRef) -> VenueReading {
    let supplied = Assets(step.supplied.0.saturating_add(value.0));
    let utilisation = ballast_types::fixed::mul_div_ceil(step.borrowed.0, WAD, supplied.0).unwrap_or(WAD);
    VenueReading::Read {
        value,
        liquidity: value.min(supplied.saturating_sub(step.borrowed)),
        utilisation: Wad(utilisation.min(WAD)),
        size: supplied,
        checkpoint: Some(Checkpoint {
            size: step.supplied,
            time: block.timestamp.saturating_sub(CHECKPOINT_AGE),
            block: block.number.saturating_sub(CHECKPOINT_AGE / SLOT),
        }),
        depositable: true,
        performance_fee: Wad(0),
        markets: vec![step.with(value)],
        supply_queue: vec![0],
        withdraw_queue: vec![0],
    }
}

/// Of USDC, and of every coin that a listed venue is in.
fn feeds(
    market: &Market,
    listed: &[bool],
    time: u64,
    environment: &Environment,
    exchange: Option<&ExchangeDay>,
) -> Vec<FeedState> {
    let mut feeds = vec![feed("USDC/USD", environment.usdc, environment.oracle.unwrap_or(time), Some(BAND))];
    let Some((exchange, today)) = market.exchange.as_ref().zip(exchange) else { return feeds };
    for (index, (coin, day)) in exchange.coins.iter().zip(&today.coins).enumerate() {
        if exchange.of.iter().zip(listed).any(|(of, listed)| *listed && *of == Some(index)) {
            let band = coin.band();
            let bound = |millionths: u32| Wad(u128::from(millionths) * (WAD / 1_000_000));
            let band = (bound(band.kill_low), bound(band.kill_high));
            feeds.push(feed(&format!("{}/USD", coin.name()), day.close, time, Some(band)));
        }
    }
    feeds
}

fn feed(name: &str, price: Wad, time: u64, band: Option<(Wad, Wad)>) -> FeedState {
    let round = RoundId(u128::from(time));
    FeedState {
        name: name.into(),
        aggregator: Address::repeat_byte(0xfe),
        decimals: FEED_DECIMALS,
        heartbeat: 86_400,
        grace: 3_600,
        band,
        reading: FeedReading::Round {
            answer: i128::try_from(price.0 / FEED_UNIT).unwrap_or(i128::MAX),
            updated_at: time,
            round_id: round,
            answered_in_round: round,
        },
    }
}
