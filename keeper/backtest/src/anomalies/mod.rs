//! How often the live detector of outliers ([`Watch`]) says something on days on which nothing happened, and whether it says something when something did
//! (SPEC R7, ERR-45).
//!
//! Real series are taken through the very detector that the service uses, with its threshold. Calm days are those of [`crate::scenario::calm_months`]:
//! of whole months that were no crisis; every outlier on them counts as a false alarm, also where the figure really jumped. The tail of [`HeavyTail`] is fitted to
//! the first half of each venue's calm days, by the hour, and the second half is the hold-out.

mod series;

use crate::{metrics::Interval, scenario::is_calm, validity::Rate, validity::exact};
use ballast_history::{HistoryError, time};
use ballast_risk::anomaly::{AlarmRate, FIGURES, HeavyTail, RateError, Verdict, Watch, ZScore};
use serde::Serialize;
use series::{Sample, Venue};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
};

pub use series::Step;

/// What the specification asks: fewer than one in twenty (SPEC R7).
pub const MOST_FALSE: f64 = 0.05;
/// The share of the largest |z| that the tail is fitted to.
pub const TAIL_SHARE: f64 = 0.01;
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
    pub const HOURLY: Self = Self { step: Step::Hour, window: 336, false_alarms: 0.1 };
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

/// What was counted on some days.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Counted {
    /// Changes that were judged.
    pub tests: usize,
    /// Those that were outliers.
    pub alarms: usize,
    /// Days with an outlier, of the days on which anything was judged, and the exact interval of 95 % of that rate as if days were independent.
    pub days: Rate,
}

impl Counted {
    /// Outliers of all that was judged.
    #[must_use]
    pub fn per_test(&self) -> f64 {
        self.alarms as f64 / self.tests.max(1) as f64
    }

    /// Outliers a day.
    #[must_use]
    pub fn per_day(&self) -> f64 {
        self.alarms as f64 / self.days.of.max(1) as f64
    }
}

/// A jump put on top of what a figure did, at every hour or day of the second half in turn.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Injected {
    pub jump: &'static str,
    pub found: usize,
    pub of: usize,
}

/// A crisis that a series covers.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Crisis {
    pub name: &'static str,
    pub venue: &'static str,
    /// When the first outlier was, if there was any, ISO 8601.
    pub first: Option<String>,
    /// The largest |z| in it, whose figure and change.
    pub z: f64,
    pub figure: &'static str,
    pub change: f64,
}

/// One venue, or all of them together.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Measured {
    pub venue: &'static str,
    /// On all calm days, with the threshold of normal values.
    pub normal: Counted,
    /// With the live threshold, on the half of the calm days that the tail is fitted to.
    pub fitted: Counted,
    /// With the live threshold, on the other half.
    pub held_out: Counted,
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
    pub crises: Vec<Crisis>,
}

/// One change that was judged.
struct Judgement {
    time: u64,
    figure: usize,
    z: f64,
    change: f64,
    outlier: bool,
}

/// Measures on what is in `directory`; `now` (Unix seconds) is the time after which nothing can be dated.
///
/// # Errors
/// If a file is damaged or absent, or the rate or window cannot be had.
pub fn measure(directory: &Path, setting: Setting, now: u64) -> Result<Measurement, AnomalyError> {
    let samples_per_day = (time::DAY / setting.step.seconds()) as f64;
    let rate = AlarmRate::expected(setting.false_alarms, FIGURES.len() as u32, samples_per_day)?;
    let detector = ZScore::new(rate, setting.window, Some(&HeavyTail::MEASURED))?;
    let normal_threshold = rate.threshold(setting.window);
    let venues = series::read(directory, setting.step, now)?;
    let mut counting = Counting::default();
    let (mut measured, mut crises, mut first_half) = (Vec::new(), Vec::new(), Vec::new());
    for venue in &venues {
        let calm = calm_days(&venue.samples);
        let judged = judge(venue, &detector, setting.step);
        let judged_days: BTreeSet<u64> = judged.iter().map(|one| one.time / time::DAY).collect();
        let days: Vec<u64> = calm.intersection(&judged_days).copied().collect();
        let (former, latter) = days.split_at(days.len() / 2);
        let latter: BTreeSet<u64> = latter.iter().copied().collect();
        let of = |days: &BTreeSet<u64>| -> Vec<&Judgement> {
            judged.iter().filter(|one| days.contains(&(one.time / time::DAY))).collect()
        };
        let (first, second) = (of(&former.iter().copied().collect()), of(&latter));
        first_half.extend(first.iter().map(|one| one.z));
        let normal: Vec<&Judgement> = first.iter().chain(&second).copied().collect();
        let mut own = Counting::default();
        own.normal.add(&normal, |one| one.z.abs() > normal_threshold);
        own.fitted.add(&first, |one| one.outlier);
        own.held_out.add(&second, |one| one.outlier);
        own.injected = inject(venue, &detector, setting.step, &latter);
        crises.extend(CRISES.iter().filter_map(|crisis| in_crisis(venue.name, &judged, crisis)));
        counting.merge(&own);
        measured.push(own.of(venue.name));
    }
    Ok(Measurement {
        setting,
        per_test: rate.per_test(),
        normal_threshold,
        threshold: detector.threshold(),
        tail: HeavyTail::fit(&first_half, TAIL_SHARE),
        tail_values: first_half.len(),
        venues: measured,
        all: counting.of("all"),
        crises,
    })
}

/// Days (since 1970) of whole months that were no crisis.
fn calm_days(samples: &[Sample]) -> BTreeSet<u64> {
    let mut months: BTreeMap<String, BTreeSet<u64>> = BTreeMap::new();
    for sample in samples {
        let month: String = time::date(sample.time).chars().take(7).collect();
        months.entry(month).or_default().insert(sample.time / time::DAY);
    }
    months.into_iter().filter(|(month, days)| is_calm(month, days.len())).flat_map(|(_, days)| days).collect()
}

fn judge(venue: &Venue, detector: &ZScore, step: Step) -> Vec<Judgement> {
    let mut watch = Watch::new(step.seconds(), detector);
    let mut judged = Vec::new();
    for sample in &venue.samples {
        let Some(found) = watch.sample(sample.time, Some(sample.figures)) else { continue };
        for (figure, one) in found.into_iter().enumerate() {
            let (z, outlier) = match one.verdict {
                Verdict::Ordinary { z } => (z, false),
                Verdict::Outlier { z, .. } => (z, true),
                Verdict::WarmingUp { .. } | Verdict::NotANumber => continue,
            };
            judged.push(Judgement { time: sample.time, figure, z, change: one.change, outlier });
        }
    }
    judged
}

fn inject(venue: &Venue, detector: &ZScore, step: Step, days: &BTreeSet<u64>) -> Vec<Injected> {
    let mut watch = Watch::new(step.seconds(), detector);
    let mut injected = JUMPS.map(|(jump, _)| Injected { jump, found: 0, of: 0 });
    for sample in &venue.samples {
        if days.contains(&(sample.time / time::DAY)) {
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
    let (from, to) = (time::day(from)?, time::day(to)?);
    let mut within = judged.iter().filter(|one| (from..to).contains(&one.time));
    let largest = within.clone().max_by(|a, b| a.z.abs().total_cmp(&b.z.abs()))?;
    Some(Crisis {
        name,
        venue,
        first: within.find(|one| one.outlier).map(|one| time::timestamp(one.time)),
        z: largest.z,
        figure: FIGURES.get(largest.figure).copied().unwrap_or_default(),
        change: largest.change,
    })
}

/// Counts that add up.
#[derive(Default)]
struct Tally {
    tests: usize,
    alarms: usize,
    days: usize,
    days_with: usize,
}

impl Tally {
    fn add(&mut self, judged: &[&Judgement], is_alarm: impl Fn(&Judgement) -> bool) {
        let days = |of: &dyn Fn(&Judgement) -> bool| {
            judged.iter().filter(|one| of(one)).map(|one| one.time / time::DAY).collect::<BTreeSet<u64>>().len()
        };
        self.tests += judged.len();
        self.alarms += judged.iter().filter(|one| is_alarm(one)).count();
        self.days += days(&|_| true);
        self.days_with += days(&is_alarm);
    }

    fn merge(&mut self, other: &Self) {
        self.tests += other.tests;
        self.alarms += other.alarms;
        self.days += other.days;
        self.days_with += other.days_with;
    }

    fn counted(&self) -> Counted {
        let interval: Interval = exact(self.days_with as u64, self.days as u64);
        let days = Rate { seen: self.days_with, of: self.days, interval };
        Counted { tests: self.tests, alarms: self.alarms, days }
    }
}

#[derive(Default)]
struct Counting {
    normal: Tally,
    fitted: Tally,
    held_out: Tally,
    injected: Vec<Injected>,
}

impl Counting {
    fn merge(&mut self, other: &Self) {
        self.normal.merge(&other.normal);
        self.fitted.merge(&other.fitted);
        self.held_out.merge(&other.held_out);
        for one in &other.injected {
            match self.injected.iter_mut().find(|known| known.jump == one.jump) {
                Some(known) => (known.found, known.of) = (known.found + one.found, known.of + one.of),
                None => self.injected.push(*one),
            }
        }
    }

    fn of(self, venue: &'static str) -> Measured {
        Measured {
            venue,
            normal: self.normal.counted(),
            fitted: self.fitted.counted(),
            held_out: self.held_out.counted(),
            injected: self.injected,
        }
    }
}
