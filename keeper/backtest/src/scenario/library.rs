//! Crises of every kind and size on four venues, in steps of five minutes over four days.

use super::{Class, Scenario, WayOut};
use crate::{
    calibrate::{Observed, step},
    market::{Environment, Market, SizeBasis, Venue, VenueStep},
};
use ballast_risk::kill_switch::Trigger;
use ballast_types::{Apr, Assets, WAD, Wad};

const STEP: u64 = 300;
const STEPS_PER_HOUR: usize = 12;
/// Two days before the event: a checkpoint is a baseline when it is a day old.
const EVENT: usize = 48 * STEPS_PER_HOUR;
const LENGTH: usize = 96 * STEPS_PER_HOUR;
/// 2024-06-01, any day.
pub(super) const ORIGIN: u64 = 1_717_200_000;
/// The venues: supply rate, supplied USD, utilisation.
const VENUES: [(&str, f64, f64, f64); 4] = [
    ("aave/ethereum/usdc", 0.045, 900e6, 0.80),
    ("compound/ethereum/usdc", 0.042, 450e6, 0.78),
    ("fluid/ethereum/usdc", 0.052, 290e6, 0.82),
    ("morpho/ethereum/usdc", 0.061, 350e6, 0.88),
];

/// All of them, in a fixed order.
#[must_use]
pub fn library() -> Vec<Scenario> {
    let mut all = Vec::new();
    flash_crashes(&mut all);
    depegs(&mut all);
    exploits(&mut all);
    drains(&mut all);
    freezes(&mut all);
    size_falls(&mut all);
    oracles(&mut all);
    spikes(&mut all);
    combined(&mut all);
    all
}

/// A calm market of the length of a scenario.
fn calm() -> Market {
    venues(STEP, LENGTH)
}

/// Four venues in so many steps of so many seconds, on which nothing happens.
pub(super) fn venues(seconds: u64, length: usize) -> Market {
    let venue = |(id, rate, supplied, used): &(&str, f64, f64, f64)| Venue {
        id: (*id).to_owned(),
        steps: vec![step(*rate, None, Observed::Measured { supplied: *supplied, borrowed: supplied * used }); length],
        sources: Vec::new(),
        sizes: SizeBasis { measured: length, ..SizeBasis::default() },
    };
    let environment = Environment {
        gas_price: 15_000_000_000,
        eth_usd: Wad(3_000 * WAD),
        usdc: Wad(WAD),
        usdc_low: Wad(WAD),
        usdc_high: Wad(WAD),
        risk_free: Apr(0),
        oracle: None,
    };
    Market {
        origin: ORIGIN,
        step: seconds,
        venues: VENUES.iter().map(venue).collect(),
        environment: vec![environment; length],
        notes: Vec::new(),
        refused: Vec::new(),
        risk: None,
        exchange: None,
    }
}

fn scenario(name: String, class: Class, market: Market, expects: Option<Trigger>, way_out: WayOut) -> Scenario {
    Scenario { name, class, market, event: EVENT, expects, way_out }
}

/// The price from the event on: `price(steps since)`; until then one.
fn peg(market: &mut Market, price: impl Fn(usize) -> f64) {
    for (since, at) in market.environment.iter_mut().skip(EVENT).enumerate() {
        let price = Wad((price(since) * 1e8) as u128 * (WAD / 100_000_000));
        (at.usdc, at.usdc_low, at.usdc_high) = (price, price, price);
    }
}

fn each_venue(
    market: &mut Market,
    venue: usize,
    steps: std::ops::Range<usize>,
    change: impl Fn(usize, &mut VenueStep),
) {
    for (since, at) in market.venues[venue].steps[steps].iter_mut().enumerate() {
        if let Some(at) = at {
            change(since, at);
        }
    }
}

/// `10 % for 5 min`, back afterwards.
fn flash_crashes(all: &mut Vec<Scenario>) {
    for fall in [0.01, 0.019, 0.02, 0.021, 0.05, 0.12] {
        for minutes in [5usize, 30, 120] {
            let mut market = calm();
            peg(&mut market, |since| if since < minutes / 5 { 1.0 - fall } else { 1.0 });
            let expects = (fall > 0.02).then_some(Trigger::Peg);
            let name = format!("flash crash of USDC by {:.1} % for {minutes} min", fall * 100.0);
            all.push(scenario(name, Class::FlashCrash, market, expects, WayOut::Automatic));
        }
    }
}

/// A slow fall that stays, downwards and upwards.
fn depegs(all: &mut Vec<Scenario>) {
    for (end, hours) in [(0.985, 6usize), (0.97, 1), (0.95, 6), (0.88, 12), (0.50, 24), (1.015, 6), (1.03, 6)] {
        let mut market = calm();
        peg(&mut market, |since| {
            let part = (since as f64 / (hours * STEPS_PER_HOUR) as f64).min(1.0);
            1.0 + (end - 1.0) * part
        });
        let expects = (!(0.98..=1.02).contains(&end)).then_some(Trigger::Peg);
        all.push(scenario(
            format!("USDC to {end} within {hours} h, and there it stays"),
            Class::Depeg,
            market,
            expects,
            WayOut::Automatic,
        ));
    }
}

/// Money that is gone between two blocks: no exit is possible, the cap on a position is all that helps.
fn exploits(all: &mut Vec<Scenario>) {
    for (venue, (id, ..)) in VENUES.iter().enumerate() {
        for part in [0.1, 0.25, 0.5, 1.0] {
            let mut market = calm();
            each_venue(&mut market, venue, EVENT..EVENT + 1, |_, at| at.haircut = Wad((part * 1e18) as u128));
            each_venue(&mut market, venue, EVENT..LENGTH, |_, at| keep(at, 1.0 - part));
            // Of what is left a fall of more than 30 % shows.
            let expects = (part > 0.3).then_some(Trigger::Tvl);
            let name = format!("exploit of {id}, {:.0} % at once", part * 100.0);
            all.push(scenario(name, Class::Exploit, market, expects, WayOut::None));
        }
    }
}

/// The others leave a venue over hours, then what is left of it is lost.
fn drains(all: &mut Vec<Scenario>) {
    for (venue, (id, ..)) in VENUES.iter().enumerate() {
        for hours in [2usize, 6, 24] {
            let mut market = calm();
            let end = EVENT + hours * STEPS_PER_HOUR;
            each_venue(&mut market, venue, EVENT..end, |since, at| {
                keep(at, 1.0 - 0.9 * since as f64 / (hours * STEPS_PER_HOUR) as f64);
            });
            each_venue(&mut market, venue, end..LENGTH, |_, at| keep(at, 0.1));
            each_venue(&mut market, venue, end..end + 1, |_, at| at.haircut = Wad(WAD / 2));
            let name = format!("run on {id} over {hours} h, half of the rest lost");
            all.push(scenario(name, Class::Drain, market, Some(Trigger::Tvl), WayOut::Automatic));
        }
    }
}

/// `part` of a venue stays, with its utilisation.
fn keep(at: &mut VenueStep, part: f64) {
    let scaled = |amount: Assets| Assets(((amount.0 as f64 * part) as u128).max(1));
    (at.supplied, at.borrowed) = (scaled(at.supplied), scaled(at.borrowed));
}

/// Nearly or wholly lent out.
fn freezes(all: &mut Vec<Scenario>) {
    for (venue, (id, ..)) in VENUES.iter().enumerate() {
        for used in [0.94, 0.96, 1.0] {
            for hours in [1usize, 6, 24] {
                let mut market = calm();
                each_venue(&mut market, venue, EVENT..EVENT + hours * STEPS_PER_HOUR, |_, at| {
                    at.borrowed = Assets((at.supplied.0 as f64 * used) as u128);
                });
                let expects = (used > 0.95).then_some(Trigger::Utilisation);
                let name = format!("{id} lent out to {:.0} % for {hours} h", used * 100.0);
                all.push(scenario(name, Class::LiquidityFreeze, market, expects, WayOut::Automatic));
            }
        }
    }
}

/// Depositors leave, nothing is lost.
fn size_falls(all: &mut Vec<Scenario>) {
    for part in [0.20, 0.29, 0.31, 0.60] {
        for hours in [1usize, 12] {
            let mut market = calm();
            each_venue(&mut market, 0, EVENT..LENGTH, |since, at| {
                keep(at, 1.0 - part * (since as f64 / (hours * STEPS_PER_HOUR) as f64).min(1.0));
            });
            let expects = (part > 0.3).then_some(Trigger::Tvl);
            let name = format!("{:.0} % of {} leave within {hours} h", part * 100.0, VENUES[0].0);
            all.push(scenario(name, Class::SizeFall, market, expects, WayOut::Automatic));
        }
    }
}

/// The feed stops; its promise is a day, its grace an hour.
fn oracles(all: &mut Vec<Scenario>) {
    for hours in [1usize, 12, 24, 26, 47] {
        let mut market = calm();
        let stopped = ORIGIN + EVENT as u64 * STEP;
        for at in &mut market.environment[EVENT..EVENT + hours * STEPS_PER_HOUR] {
            at.oracle = Some(stopped);
        }
        let expects = (hours > 25).then_some(Trigger::Oracle);
        all.push(scenario(
            format!("the feed of USDC stops for {hours} h"),
            Class::OracleFreeze,
            market,
            expects,
            WayOut::Automatic,
        ));
    }
}

/// Dear gas, and a rate that lures.
fn spikes(all: &mut Vec<Scenario>) {
    for times in [10u128, 100] {
        for hours in [6usize, 48] {
            let mut market = calm();
            for at in &mut market.environment[EVENT..EVENT + hours * STEPS_PER_HOUR] {
                at.gas_price *= times;
            }
            all.push(scenario(
                format!("gas at {times} times its price for {hours} h"),
                Class::GasSpike,
                market,
                None,
                WayOut::Automatic,
            ));
        }
    }
    for (rate, hours) in [(0.25, 6usize), (0.25, 48), (0.53, 24)] {
        let mut market = calm();
        let (_, _, supplied, used) = VENUES[1];
        for at in &mut market.venues[1].steps[EVENT..EVENT + hours * STEPS_PER_HOUR] {
            *at = step(rate, None, Observed::Measured { supplied, borrowed: supplied * used });
        }
        let name = format!("{} pays {:.0} % for {hours} h", VENUES[1].0, rate * 100.0);
        all.push(scenario(name, Class::RateSpike, market, None, WayOut::Automatic));
    }
}

/// Two things at once: the peg goes while venues cannot pay.
fn combined(all: &mut Vec<Scenario>) {
    for (used, hours) in [(1.0, 6usize), (1.0, 40)] {
        for end in [0.97, 0.88] {
            let mut market = calm();
            peg(&mut market, |_| end);
            for venue in 0..VENUES.len() {
                each_venue(&mut market, venue, EVENT..EVENT + hours * STEPS_PER_HOUR, |_, at| {
                    // Not even what the vault brought is there any more.
                    at.borrowed = Assets((at.supplied.0 as f64 * used) as u128 + 1_000_000_000_000);
                });
            }
            let name = format!("USDC at {end} while every venue is lent out for {hours} h");
            all.push(scenario(name, Class::Combined, market, Some(Trigger::Peg), WayOut::Automatic));
        }
    }
}
