//! Months in which nothing happened to the market: what trips in them is a false alarm, unless what it looks for really was there.

use crate::{
    market::{Market, Venue},
    switch::{Switch, venue_of},
};
use ballast_history::time;
use ballast_risk::kill_switch::Trigger;
use ballast_types::{Assets, Mode, WAD, fixed::product};
use serde::Serialize;
use std::ops::Range;

/// A venue of which less is left has lost what the trigger looks for (SPEC C7b: −30 %).
const LEAST_LEFT: u128 = WAD / 10 * 7;
/// Months of crises: UST, 3AC and Celsius, FTX, SVB.
const CRISES: [&str; 4] = ["2022-05", "2022-06", "2022-11", "2023-03"];

/// What the switch would have done in a month.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CalmMonth {
    pub month: String,
    /// Days with data.
    pub days: usize,
    pub alarms: Vec<Alarm>,
}

/// A trip in a calm month, with its evidence.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Alarm {
    pub date: String,
    pub trigger: Trigger,
    /// The venue it is about, if it is about one.
    pub venue: Option<String>,
    /// What was measured, and against what: of sizes USDC in base units, of prices and utilisation 1e18 = 1.
    pub measured: String,
    pub bound: String,
    /// Whether a venue really had become that much smaller within two days. What only the switch saw is false.
    pub happened: bool,
}

/// Every whole month of a daily market that was no crisis. Of venues only those count whose size is in the data.
#[must_use]
pub fn calm_months(market: &Market) -> Vec<CalmMonth> {
    let mut switch = Switch::new(market);
    let nothing = vec![Assets::ZERO; market.venues.len()];
    let mut months: Vec<CalmMonth> = Vec::new();
    for (step, environment) in market.environment.iter().enumerate() {
        let start = market.time(step);
        let month: String = time::date(start).chars().take(7).collect();
        let measured = |venue: &Venue, step: usize| {
            venue.steps.get(step).and_then(Option::as_ref).filter(|day| day.size_measured).map(|day| day.supplied)
        };
        let venues: Vec<_> = market
            .venues
            .iter()
            .map(|venue| venue.steps.get(step).and_then(Option::as_ref).filter(|day| day.size_measured))
            .collect();
        let events = switch.observe((start, start + market.step), &venues, &nothing, environment);
        if months.last().is_none_or(|last| last.month != month) {
            months.push(CalmMonth { month, days: 0, alarms: Vec::new() });
        }
        let Some(last) = months.last_mut() else { continue };
        last.days += 1;
        for event in events.iter().filter(|event| event.is_trip()) {
            let venue = venue_of(event).and_then(|index| market.venues.get(index));
            if venue.is_some_and(|venue| measured(venue, step).is_none()) {
                continue;
            }
            // Its evidence is of the data: what was measured was so today or yesterday, and what it is held against was so some days before.
            let was = |amount: u128, days: Range<usize>| {
                days.filter_map(|day| step.checked_sub(day))
                    .filter_map(|day| measured(venue?, day))
                    .any(|size| size.0 == amount)
            };
            let happened = event.trigger == Trigger::Tvl
                && was(event.measured, 0..2)
                && was(event.bound, 1..5)
                && product(event.measured, WAD) < product(event.bound, LEAST_LEFT);
            last.alarms.push(Alarm {
                date: time::date(start),
                trigger: event.trigger,
                venue: venue.map(|venue| venue.id.clone()),
                measured: event.measured.to_string(),
                bound: event.bound.to_string(),
                happened,
            });
        }
        if switch.mode() != Mode::Normal {
            // What has tripped once must not hide the next alarm.
            switch = Switch::new(market);
        }
    }
    months.retain(|month| !CRISES.contains(&month.month.as_str()) && month.days >= 28);
    months
}
