//! How often the live detector of outliers ([`Watch`]) says something on days on which nothing happened, and whether it says something when something did
//! (SPEC R7, ERR-45).
//!
//! Real series are taken through the very detector that the service uses, with its threshold. Calm days are those of [`crate::scenario::calm_months`]:
//! of whole months that were no crisis; every outlier on them counts as a false alarm, also where the figure really jumped. A calm day counts if the windows that
//! it is judged by are outside months of crises too: after a crisis its jumps are what a change is measured by, and the detector is deaf. The tail of
//! [`HeavyTail`] is fitted to the first half of the days of each venue that count, by the hour, and the second half is the hold-out.

mod counted;
mod series;

use crate::{
    scenario::{is_calm, is_crisis},
    validity::at_least,
};
use ballast_history::{HistoryError, time};
use ballast_risk::anomaly::{AlarmRate, FIGURES, HeavyTail, MEASURED_WITH, RateError, Verdict, Watch, ZScore};
use counted::Tally;
use serde::Serialize;
use series::{Sample, Venue, told_of};
use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    path::Path,
};

pub use counted::{Counted, Stated};
pub use series::Step;

/// What the specification asks: fewer than one in twenty (SPEC R7).
pub const MOST_FALSE: f64 = 0.05;
/// The share of the largest |z| that the tail is fitted to.
pub const TAIL_SHARE: f64 = 0.01;
/// A crisis was found if without one so many days with an alarm would be less likely than this.
pub const LEAST_CHANCE: f64 = 0.01;
/// What is added to each figure in turn, to see whether it is found: 5 points of rate, 10 points of utilisation, a fifth of the size taken out.
const JUMPS: [(&str, f64); 3] =
    [("rate +5 points", 0.05), ("utilisation +10 points", 0.1), ("size -20 %", LESS_BY_A_FIFTH)];
/// ln 0.8.
const LESS_BY_A_FIFTH: f64 = -0.223_143_551_314_209_76;
/// First day, and the day after the last.
const CRISES: [(&str, &str, &str); 4] = [
    ("UST", "2022-05-08", "2022-05-15"),
    ("Celsius and 3AC", "2022-06-12", "2022-06-20"),
    ("FTX", "2022-11-06", "2022-11-15"),
    ("USDC off its peg", "2023-03-10", "2023-03-16"),
];

/// What the detector is set to, for each venue by itself.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Setting {
    pub step: Step,
    /// Changes that a new one is judged by.
    pub window: usize,
    /// False alarms a day that are stated for the three figures of one venue.
    pub false_alarms: f64,
}

impl Setting {
    /// What the service has by default, for a vault of one venue.
    pub const HOURLY: Self =
        Self { step: Step::Hour, window: MEASURED_WITH.window, false_alarms: MEASURED_WITH.false_alarms };
    /// One a month by daily figures, which reach back to more crises.
    pub const DAILY: Self = Self { step: Step::Day, window: 336, false_alarms: 1.0 / 30.0 };
}

/// Why nothing was measured.
#[derive(Debug, thiserror::Error)]
pub enum AnomalyError {
    #[error(transparent)]
    History(#[from] HistoryError),
    #[error(transparent)]
    Rate(#[from] RateError),
    #[error("the data set {0} is not there; expected {0}.csv.gz or {0}.csv in the directory of history")]
    Absent(&'static str),
    #[error("{0} has no rates; expected a series of them in the directory of history")]
    Nothing(&'static str),
}

/// A jump put on top of what a figure did, at every hour or day of the second half in turn.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Injected {
    pub jump: &'static str,
    pub found: usize,
    pub of: usize,
}

/// A change of a figure that stands out.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Alarm {
    pub venue: &'static str,
    /// When it could be known, ISO 8601.
    pub time: String,
    pub figure: &'static str,
    pub z: f64,
    pub change: f64,
}

/// A crisis that a series covers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Crisis {
    pub name: &'static str,
    /// When the first outlier could be known, if there was any, ISO 8601.
    pub first: Option<String>,
    /// Days of it on which anything was judged, and those with an outlier.
    pub days: usize,
    pub days_with: usize,
    /// The largest |z| in it, outlier or not.
    pub largest: Alarm,
}

/// Whether more days of venues had an alarm in a crisis than chance explains.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Chance {
    pub name: &'static str,
    pub days: usize,
    pub days_with: usize,
    /// The part of calm days of venues that had an alarm, held out or with a crisis in the window, whichever is higher.
    pub rate: f64,
    /// That as many days or more have an alarm at that rate, as if they were independent.
    pub probability: f64,
    /// The same at the upper end of that rate's interval, whichever of the two is higher.
    pub at_most: f64,
    /// Whether the first is below [`LEAST_CHANCE`].
    pub found: bool,
}

/// One venue, or all of them together.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measured {
    pub venue: &'static str,
    /// On all days that count, with the threshold of normal values.
    pub normal: Counted,
    /// With the live threshold, on the half of these days that the tail is fitted to.
    pub fitted: Counted,
    /// With the live threshold, on the other half.
    pub held_out: Counted,
    /// With the live threshold, on calm days that do not count, since a window that they are judged by reaches into the month of a crisis.
    pub after_crisis: Counted,
    pub injected: Vec<Injected>,
}

/// See the [module](self).
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measurement {
    #[serde(flatten)]
    pub setting: Setting,
    /// False alarms in one test, as stated.
    pub per_test: f64,
    pub normal_threshold: f64,
    /// The live one.
    pub threshold: f64,
    /// The tail of the first halves at this step and window, whatever the live one is, and how many values it was fitted to.
    pub tail: Option<HeavyTail>,
    pub tail_values: usize,
    pub venues: Vec<Measured>,
    pub all: Measured,
    /// The outliers of the second halves.
    pub alarms: Vec<Alarm>,
    pub crises: Vec<Crisis>,
    pub chances: Vec<Chance>,
}

/// One change that was judged.
struct Judgement {
    time: u64,
    figure: usize,
    z: f64,
    change: f64,
    outlier: bool,
    /// Whether it, and all that it was judged by, are outside months of crises.
    clear: bool,
}

impl Judgement {
    /// The day (since 1970) that it is of.
    const fn day(&self) -> u64 {
        told_of(self.time)
    }

    fn alarm(&self, venue: &'static str) -> Alarm {
        let figure = FIGURES.get(self.figure).copied().unwrap_or_default();
        Alarm { venue, time: time::timestamp(self.time), figure, z: self.z, change: self.change }
    }
}

/// Measures on what is in `directory`; `now` (Unix seconds) is the time after which nothing can be dated.
///
/// # Errors
/// If a file is damaged or absent, or the rate or window cannot be had.
pub fn measure(directory: &Path, setting: Setting, now: u64) -> Result<Measurement, AnomalyError> {
    let samples_per_day = (time::DAY / setting.step.seconds()) as f64;
    let rate = AlarmRate::expected(setting.false_alarms, FIGURES.len() as u32, samples_per_day)?;
    let detector = ZScore::new(rate, setting.window, Some(&HeavyTail::MEASURED))?;
    let (per_test, normal_threshold) = (rate.per_test(), rate.threshold(setting.window));
    let venues = series::read(directory, setting.step, now)?;
    let mut counting = Counting::default();
    let (mut measured, mut crises, mut first_half, mut alarms) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for venue in &venues {
        let calm = calm_days(&venue.samples);
        let judged = judge(venue, &detector, setting.step);
        let unclear: BTreeSet<u64> = judged.iter().filter(|one| !one.clear).map(Judgement::day).collect();
        let judged_days: BTreeSet<u64> = judged.iter().map(Judgement::day).collect();
        let (clear, after): (Vec<u64>, Vec<u64>) =
            calm.intersection(&judged_days).partition(|day| !unclear.contains(day));
        let (former, latter) = clear.split_at(clear.len() / 2);
        let of = |days: &[u64]| -> Vec<&Judgement> {
            judged.iter().filter(|one| days.binary_search(&one.day()).is_ok()).collect()
        };
        let (first, second, after) = (of(former), of(latter), of(&after));
        first_half.extend(first.iter().map(|one| one.z));
        alarms.extend(second.iter().filter(|one| one.outlier).map(|one| one.alarm(venue.name)));
        let normal: Vec<&Judgement> = first.iter().chain(&second).copied().collect();
        let mut own = Counting::default();
        own.normal.add(&normal, |one| one.z.abs() > normal_threshold);
        own.fitted.add(&first, |one| one.outlier);
        own.held_out.add(&second, |one| one.outlier);
        own.after_crisis.add(&after, |one| one.outlier);
        own.injected = inject(venue, &detector, setting.step, latter);
        crises.extend(CRISES.iter().filter_map(|crisis| in_crisis(venue.name, &judged, crisis)));
        counting.merge(&own);
        measured.push(own.of(venue.name, per_test));
    }
    let all = counting.of("all", per_test);
    Ok(Measurement {
        setting,
        per_test,
        normal_threshold,
        threshold: detector.threshold(),
        tail: HeavyTail::fit(&first_half, TAIL_SHARE),
        tail_values: first_half.len(),
        chances: CRISES.iter().filter_map(|(name, ..)| chance(name, &crises, &all)).collect(),
        venues: measured,
        all,
        alarms,
        crises,
    })
}

/// Days (since 1970) of whole months that were no crisis.
fn calm_days(samples: &[Sample]) -> BTreeSet<u64> {
    let mut months: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
    for sample in samples {
        months.entry(month(sample.day())).or_default().insert(sample.day());
    }
    months.into_iter().filter(|(month, days)| is_calm(month, days.len())).flat_map(|(_, days)| days).collect()
}

/// That of a day since 1970.
fn month(day: u64) -> String {
    time::date(day * time::DAY).chars().take(7).collect()
}

fn judge(venue: &Venue, detector: &ZScore, step: Step) -> Vec<Judgement> {
    let mut watch = Watch::new(step.seconds(), detector);
    let mut judged = Vec::new();
    // Of each change that a figure's detector remembers, whether it is from or to a sample of a month of a crisis.
    let mut windows = FIGURES.map(|_| VecDeque::with_capacity(detector.window() + 1));
    let mut before = true;
    for sample in &venue.samples {
        let crisis = is_crisis(&month(sample.day()));
        let touches = std::mem::replace(&mut before, crisis) || crisis;
        let Some(found) = watch.sample(sample.time, Some(sample.figures)) else { continue };
        for (figure, (one, window)) in found.into_iter().zip(&mut windows).enumerate() {
            let verdict = match one.verdict {
                Verdict::NotANumber => continue,
                Verdict::WarmingUp { .. } => None,
                Verdict::Ordinary { z } => Some((z, false)),
                Verdict::Outlier { z, .. } => Some((z, true)),
            };
            if let Some((z, outlier)) = verdict {
                let clear = !touches && !window.contains(&true);
                judged.push(Judgement { time: sample.time, figure, z, change: one.change, outlier, clear });
            }
            window.push_back(touches);
            if window.len() > detector.window() {
                window.pop_front();
            }
        }
    }
    judged
}

fn inject(venue: &Venue, detector: &ZScore, step: Step, days: &[u64]) -> Vec<Injected> {
    let mut watch = Watch::new(step.seconds(), detector);
    let mut injected = JUMPS.map(|(jump, _)| Injected { jump, found: 0, of: 0 });
    for sample in &venue.samples {
        if days.binary_search(&sample.day()).is_ok() {
            for (figure, ((_, jump), injected)) in JUMPS.iter().zip(&mut injected).enumerate() {
                let mut figures = sample.figures;
                figures[figure] += jump;
                let found = watch.clone().sample(sample.time, Some(figures));
                match found.map(|all| all[figure].verdict) {
                    Some(Verdict::Outlier { .. }) => {
                        (injected.found, injected.of) = (injected.found + 1, injected.of + 1)
                    }
                    Some(Verdict::Ordinary { .. }) => injected.of += 1,
                    Some(Verdict::WarmingUp { .. } | Verdict::NotANumber) | None => {}
                }
            }
        }
        watch.sample(sample.time, Some(sample.figures));
    }
    injected.into_iter().filter(|one| one.of > 0).collect()
}

fn in_crisis(venue: &'static str, judged: &[Judgement], crisis: &(&'static str, &str, &str)) -> Option<Crisis> {
    let (name, from, to) = crisis;
    let (from, to) = (time::day(from)? / time::DAY, time::day(to)? / time::DAY);
    let within: Vec<&Judgement> = judged.iter().filter(|one| (from..to).contains(&one.day())).collect();
    let largest = within.iter().max_by(|a, b| a.z.abs().total_cmp(&b.z.abs()))?;
    let days = |of: &dyn Fn(&Judgement) -> bool| {
        within.iter().filter(|one| of(one)).map(|one| one.day()).collect::<BTreeSet<u64>>().len()
    };
    Some(Crisis {
        name,
        first: within.iter().find(|one| one.outlier).map(|one| time::timestamp(one.time)),
        days: days(&|_| true),
        days_with: days(&|one| one.outlier),
        largest: largest.alarm(venue),
    })
}

/// How likely as many days with an alarm are without a crisis, as if days were independent.
fn chance(name: &'static str, crises: &[Crisis], all: &Measured) -> Option<Chance> {
    let of_name = || crises.iter().filter(|one| one.name == name);
    let (days, days_with) = (of_name().map(|one| one.days).sum(), of_name().map(|one| one.days_with).sum());
    let calm = || [&all.held_out, &all.after_crisis].into_iter().map(|counted| counted.days).filter(|days| days.of > 0);
    let rate = calm().map(|days| days.seen as f64 / days.of as f64).fold(0.0, f64::max);
    let highest = calm().map(|days| days.interval.high).fold(0.0, f64::max);
    let by_chance = |rate| at_least(days_with as u64, days as u64, rate);
    let (probability, at_most) = (by_chance(rate), by_chance(highest));
    let found = probability < LEAST_CHANCE;
    (days > 0).then_some(Chance { name, days, days_with, rate, probability, at_most, found })
}

#[derive(Default)]
struct Counting {
    normal: Tally,
    fitted: Tally,
    held_out: Tally,
    after_crisis: Tally,
    injected: Vec<Injected>,
}

impl Counting {
    fn merge(&mut self, other: &Self) {
        self.normal.merge(&other.normal);
        self.fitted.merge(&other.fitted);
        self.held_out.merge(&other.held_out);
        self.after_crisis.merge(&other.after_crisis);
        for one in &other.injected {
            match self.injected.iter_mut().find(|known| known.jump == one.jump) {
                Some(known) => (known.found, known.of) = (known.found + one.found, known.of + one.of),
                None => self.injected.push(*one),
            }
        }
    }

    fn of(self, venue: &'static str, per_test: f64) -> Measured {
        Measured {
            venue,
            normal: self.normal.counted(per_test),
            fitted: self.fitted.counted(per_test),
            held_out: self.held_out.counted(per_test),
            after_crisis: self.after_crisis.counted(per_test),
            injected: self.injected,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    // From 01:00 to 02:00 of the first of July is the first change that has nothing of June; it and nine more are the first window, and 12:00 is judged by it.
    #[test]
    fn what_is_judged_by_a_crisis_is_told_apart_until_it_has_left_the_window() {
        let rate = AlarmRate::expected(0.1, 1, 24.0).unwrap();
        let hours = time::instant("2022-06-29T00:00:00Z").unwrap()..=time::instant("2022-07-02T00:00:00Z").unwrap();
        let figures = |time: u64| [(time / 3_600 % 7) as f64, f64::NAN, (time / 3_600 % 5) as f64];
        let samples = hours.step_by(3_600).map(|time| Sample { time, figures: figures(time) }).collect();
        let judged = judge(&Venue { name: "", samples }, &ZScore::new(rate, 10, None).unwrap(), Step::Hour);
        let clear: Vec<&Judgement> = judged.iter().filter(|one| one.clear).collect();
        assert_eq!((clear[0].figure, clear[1].figure), (0, 2));
        assert_eq!(time::timestamp(clear[0].time), "2022-07-01T12:00:00Z");
        assert!(judged.iter().all(|one| one.clear == (one.time >= clear[0].time)));
        assert_eq!((judged.len(), clear.len()), (2 * (3 * 24 - 10), 2 * 13));
    }
}
