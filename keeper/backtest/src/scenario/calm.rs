//! Months in which nothing happened to the market: what trips in them is a false alarm, unless what it looks for really was there.

use crate::{
    book::Position,
    market::{Basis, Market, Venue},
    switch::{Switch, venue_of},
};
use ballast_allocator::rates::utilisation;
use ballast_history::time;
use ballast_risk::kill_switch::Trigger;
use ballast_types::{Mode, WAD, fixed::product};
use serde::Serialize;
use std::ops::Range;

/// A venue of which less is left has lost what the trigger looks for (SPEC C7b: −30 %).
const LEAST_LEFT: u128 = WAD / 10 * 7;
/// Utilisation above which a venue's trigger trips (SPEC C7c: 95 %).
const MOST_LENT: u128 = WAD / 100 * 95;
/// Months of crises: UST, 3AC and Celsius, FTX, SVB.
const CRISES: [&str; 4] = ["2022-05", "2022-06", "2022-11", "2023-03"];

/// Days of data that make a month a whole one.
const WHOLE: usize = 28;

/// Whether a month (`2023-03`) with data of so many days is whole and was no crisis.
pub(crate) fn is_calm(month: &str, days: usize) -> bool {
    !is_crisis(month) && days >= WHOLE
}

/// Whether a month was a crisis.
pub(crate) fn is_crisis(month: &str) -> bool {
    CRISES.contains(&month)
}

/// What the switch would have done in a month.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CalmMonth {
    pub month: String,
    /// Days with data.
    pub days: usize,
    pub watched: Watched,
    pub alarms: Vec<Alarm>,
}

/// On how many days of venues there was something that a trigger could look at; a venue that is there beyond these days tells it nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Watched {
    /// Sizes in the data.
    pub tvl: usize,
    /// Utilisation in the data.
    pub utilisation_recorded: usize,
    /// Utilisation that the day's rates say.
    pub utilisation_derived: usize,
    /// Days of venues whose rates were there and whose utilisation nothing says.
    pub utilisation_unknown: usize,
}

impl CalmMonth {
    /// How often a trigger tripped.
    #[must_use]
    pub fn trips(&self, trigger: Trigger) -> usize {
        self.alarms.iter().filter(|alarm| alarm.trigger == trigger).count()
    }
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
    /// Whether a venue really had become that much smaller within two days, or was lent out beyond the bound on that day or the day before. What
    /// only the switch saw is false.
    pub happened: bool,
    /// Where a venue's figure is from. What follows from a day's rates was so at some time of the day; for how long they do not say.
    pub basis: Option<Basis>,
}

/// Every whole month of a daily market that was no crisis. Of venues' sizes only those count that are in the data, of utilisation also what
/// follows from their rates.
#[must_use]
pub fn calm_months(market: &Market) -> Vec<CalmMonth> {
    let mut switch = Switch::new(market);
    let nothing = vec![Position::default(); market.venues.len()];
    let mut months: Vec<CalmMonth> = Vec::new();
    for (step, environment) in market.environment.iter().enumerate() {
        let start = market.time(step);
        let month: String = time::date(start).chars().take(7).collect();
        let measured = |venue: &Venue, step: usize| {
            venue.steps.get(step).and_then(Option::as_ref).filter(|day| day.size_measured).map(|day| day.supplied)
        };
        let told = |venue: &Venue, step: usize| {
            let day = venue.steps.get(step).and_then(Option::as_ref).filter(|day| day.utilisation != Basis::Assumed);
            day.map(|day| (utilisation(day.borrowed, day.supplied), day.utilisation))
        };
        let venues: Vec<_> = market
            .venues
            .iter()
            .map(|venue| venue.steps.get(step).and_then(Option::as_ref).filter(|_| told(venue, step).is_some()))
            .collect();
        let events = switch.observe((start, start + market.step), &venues, &nothing, environment, &[], |_| true);
        if months.last().is_none_or(|last| last.month != month) {
            months.push(CalmMonth { month, days: 0, watched: Watched::default(), alarms: Vec::new() });
        }
        let Some(last) = months.last_mut() else { continue };
        last.days += 1;
        for day in market.venues.iter().filter_map(|venue| venue.steps.get(step)?.as_ref()) {
            last.watched.tvl += usize::from(day.size_measured);
            *match day.utilisation {
                Basis::Recorded => &mut last.watched.utilisation_recorded,
                Basis::Derived => &mut last.watched.utilisation_derived,
                Basis::Assumed => &mut last.watched.utilisation_unknown,
            } += 1;
        }
        for event in events.iter().filter(|event| event.is_trip()) {
            let venue = venue_of(event).and_then(|index| market.venues.get(index));
            // What cannot be read is measured as zero, on the day on which a series begins of the day before.
            if venue.is_some() && event.measured == 0 {
                continue;
            }
            let basis = match (venue, event.trigger) {
                (None, _) => None,
                // A venue without a value can be read by nobody here, which says nothing of the venue.
                (Some(venue), _) if told(venue, step).is_none() => continue,
                (Some(venue), Trigger::Tvl) if measured(venue, step).is_none() => continue,
                (Some(venue), _) => told(venue, step).map(|(_, basis)| basis),
            };
            // Its evidence is of the data: what was measured was so today or yesterday, and what it is held against was so some days before.
            let was = |amount: u128, days: Range<usize>| {
                days.filter_map(|day| step.checked_sub(day))
                    .filter_map(|day| measured(venue?, day))
                    .any(|size| size.0 == amount)
            };
            let fell = || {
                was(event.measured, 0..2)
                    && was(event.bound, 1..5)
                    && product(event.measured, WAD) < product(event.bound, LEAST_LEFT)
            };
            let lent_out = || {
                let days = (0..2).filter_map(|day| told(venue?, step.checked_sub(day)?));
                days.into_iter().any(|(used, _)| used.0 > MOST_LENT)
            };
            let happened = match event.trigger {
                Trigger::Tvl => fell(),
                Trigger::Utilisation => lent_out(),
                _ => false,
            };
            let (date, venue) = (time::date(start), venue.map(|venue| venue.id.clone()));
            // A trigger that may trip again after hours sees the same day's figure then.
            let again = |alarm: &Alarm| alarm.date == date && alarm.trigger == event.trigger && alarm.venue == venue;
            if last.alarms.iter().any(again) {
                continue;
            }
            last.alarms.push(Alarm {
                date,
                trigger: event.trigger,
                venue,
                measured: event.measured.to_string(),
                bound: event.bound.to_string(),
                happened,
                basis,
            });
        }
        if switch.mode() != Mode::Normal {
            // What has tripped once must not hide the next alarm.
            switch = Switch::new(market);
        }
    }
    months.retain(|month| is_calm(&month.month, month.days));
    months
}
