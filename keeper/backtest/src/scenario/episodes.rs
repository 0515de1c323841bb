//! Crises that were, from the minute prices of history; rates and sizes are those of the days.

use super::{Class, Scenario, WayOut};
use crate::market::{Environment, Market, Venue};
use ballast_history::{Dataset, HistoryError, time};
use ballast_risk::kill_switch::Trigger;
use ballast_types::{Metric, WAD, Wad};
use std::path::Path;

const STEP: u64 = 300;
/// Calm days before the first day of an episode.
const BEFORE: u64 = 2;

struct Episode {
    name: &'static str,
    first: &'static str,
    days: u64,
    /// The series with USDC's price in USD by the minute.
    minutes: Option<&'static str>,
    expects: Option<Trigger>,
}

const fn episode(name: &'static str, first: &'static str, days: u64) -> Episode {
    Episode { name, first, days, minutes: None, expects: None }
}

const EPISODES: [Episode; 6] = [
    // Tether fell, so USDC was above 1.02 for minutes; Chainlink's own rounds said 1.03 on 2022-05-12.
    Episode {
        minutes: Some("usdc:ust-terra"),
        expects: Some(Trigger::Peg),
        ..episode("UST, May 2022", "2022-05-09", 6)
    },
    episode("3AC and Celsius, June 2022", "2022-06-12", 8),
    episode("FTX, November 2022", "2022-11-08", 6),
    Episode {
        minutes: Some("usdc:usdc-svb"),
        expects: Some(Trigger::Peg),
        ..episode("USDC and SVB, March 2023", "2023-03-10", 5)
    },
    Episode {
        expects: Some(Trigger::Peg),
        ..episode("Aave's USDT at 52 %, March 2023, seen from USDC by the day", "2023-03-11", 4)
    },
    // Aave paid 20.8 % on 2024-12-02: what that says of its utilisation is above 95 %.
    Episode { expects: Some(Trigger::Utilisation), ..episode("rates of December 2024", "2024-12-01", 10) },
];

/// The episodes of which `directory` has rates; where it has no minute prices, the daily ones are all there is.
///
/// # Errors
/// If a file in it is damaged or has no rates.
pub fn episodes(directory: &Path, now: u64) -> Result<Vec<Scenario>, HistoryError> {
    let minutes = Dataset::read_crises(directory, now)?;
    let mut found = Vec::new();
    for Episode { name, first, days, minutes: series, expects } in EPISODES {
        let Some(start) = time::day(first) else { continue };
        let from = start - BEFORE * time::DAY;
        let daily = Market::read(directory, from..=start + (days - 1) * time::DAY, now)?;
        let Some(market) = fine(&daily, from, (BEFORE + days) * time::DAY, series, &minutes) else { continue };
        let event = usize::try_from(BEFORE * time::DAY / STEP).unwrap_or_default();
        found.push(Scenario {
            name: name.to_owned(),
            class: Class::Episode,
            market,
            event,
            expects,
            way_out: WayOut::Automatic,
        });
    }
    Ok(found)
}

/// The daily market in steps of five minutes, with the price of each.
fn fine(daily: &Market, from: u64, length: u64, series: Option<&str>, minutes: &Dataset) -> Option<Market> {
    let steps = usize::try_from(length / STEP).ok()?;
    let day_of = |step: usize| daily.at(from + step as u64 * STEP);
    let venues: Vec<Venue> = daily
        .venues
        .iter()
        .map(|venue| Venue {
            steps: (0..steps)
                .map(|step| day_of(step).and_then(|day| venue.steps.get(day).cloned().flatten()))
                .collect(),
            ..venue.clone()
        })
        .filter(|venue: &Venue| venue.steps.iter().all(Option::is_some))
        .collect();
    if venues.is_empty() {
        return None;
    }
    let prices = series.map(|subject| prices(minutes, subject, from, steps));
    let environment = (0..steps)
        .map(|step| {
            let mut at: Environment = *daily.environment.get(day_of(step)?)?;
            if let Some(price) = prices.as_ref().and_then(|prices| prices.get(step).copied().flatten()) {
                (at.usdc, at.usdc_low, at.usdc_high) = price;
            }
            Some(at)
        })
        .collect::<Option<Vec<_>>>()?;
    Some(Market {
        origin: from,
        step: STEP,
        venues,
        environment,
        notes: Vec::new(),
        refused: Vec::new(),
        risk: None,
        exchange: None,
    })
}

/// Close, low and high of each step: the median over the exchanges of each minute, as a feed of many sources would have it.
fn prices(minutes: &Dataset, subject: &str, from: u64, steps: usize) -> Vec<Option<(Wad, Wad, Wad)>> {
    let mut by_minute: std::collections::BTreeMap<u64, Vec<f64>> = std::collections::BTreeMap::new();
    for point in minutes.of(subject, Metric::PriceUsd).flat_map(|series| &series.points) {
        by_minute.entry(point.time).or_default().push(point.value);
    }
    let mut found: Vec<Option<(Wad, Wad, Wad)>> = vec![None; steps];
    for (time, mut values) in by_minute {
        values.sort_by(f64::total_cmp);
        let Some(price) = values.get(values.len() / 2).map(|price| Wad((price * 1e8) as u128 * (WAD / 100_000_000)))
        else {
            continue;
        };
        let step = time.checked_sub(from).and_then(|since| usize::try_from(since / STEP).ok());
        if let Some(slot) = step.and_then(|step| found.get_mut(step)) {
            let (_, low, high) = slot.unwrap_or((price, price, price));
            *slot = Some((price, low.min(price), high.max(price)));
        }
    }
    found
}
