//! What was counted on some days, and what that says about the stated rate.

use super::Judgement;
use crate::{
    metrics::Interval,
    validity::{Rate, exact, exact_count},
};
use serde::Serialize;
use std::collections::BTreeSet;

/// What was counted on some days.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Counted {
    /// Changes that were judged.
    pub tests: usize,
    /// Those that were outliers.
    pub alarms: usize,
    /// How many of them there would be at the stated rate.
    pub stated: f64,
    /// How many times the stated rate the true one may be: the exact interval of 95 % as if alarms were independent. They come in clusters, so it is too
    /// narrow.
    pub times: Interval,
    /// Days with an outlier, of the days on which anything was judged, and the exact interval of 95 % of that rate as if days were independent.
    pub days: Rate,
}

/// What a count says about the stated rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stated {
    Below,
    /// It lies within the interval.
    Possible,
    Above,
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

    /// How many times as many as stated there are.
    #[must_use]
    pub fn times_stated(&self) -> f64 {
        if self.tests == 0 { 0.0 } else { self.alarms as f64 / self.stated }
    }

    /// Whether there are more or fewer than the stated rate explains.
    #[must_use]
    pub fn against_stated(&self) -> Stated {
        let Interval { low, high } = self.times;
        match (low > 1.0, high < 1.0) {
            (true, _) => Stated::Above,
            (_, true) => Stated::Below,
            _ => Stated::Possible,
        }
    }
}

/// Counts that add up.
#[derive(Default)]
pub(super) struct Tally {
    tests: usize,
    alarms: usize,
    days: usize,
    days_with: usize,
}

impl Tally {
    pub(super) fn add(&mut self, judged: &[&Judgement], is_alarm: impl Fn(&Judgement) -> bool) {
        let days = |of: &dyn Fn(&Judgement) -> bool| {
            judged.iter().filter(|one| of(one)).map(|one| one.day()).collect::<BTreeSet<u64>>().len()
        };
        self.tests += judged.len();
        self.alarms += judged.iter().filter(|one| is_alarm(one)).count();
        self.days += days(&|_| true);
        self.days_with += days(&is_alarm);
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.tests += other.tests;
        self.alarms += other.alarms;
        self.days += other.days;
        self.days_with += other.days_with;
    }

    /// With such a stated rate in one test.
    pub(super) fn counted(&self, per_test: f64) -> Counted {
        let stated = per_test * self.tests as f64;
        let Interval { low, high } = exact_count(self.alarms as u64);
        let times = if self.tests == 0 {
            Interval { low: 0.0, high: f64::INFINITY }
        } else {
            Interval { low: low / stated, high: high / stated }
        };
        let interval = exact(self.days_with as u64, self.days as u64);
        let days = Rate { seen: self.days_with, of: self.days, interval };
        Counted { tests: self.tests, alarms: self.alarms, stated, times, days }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(alarms: usize, tests: usize) -> Counted {
        Tally { tests, alarms, days: 10, days_with: alarms.min(10) }.counted(0.001)
    }

    #[test]
    fn what_chance_explains_is_neither_above_nor_below() {
        assert_eq!(counted(7, 5_000).against_stated(), Stated::Possible);
        assert_eq!(counted(7, 2_000).against_stated(), Stated::Above);
        assert_eq!(counted(0, 4_000).against_stated(), Stated::Below);
        assert_eq!(counted(0, 0).against_stated(), Stated::Possible);
        assert!((counted(7, 5_000).times_stated() - 1.4).abs() < 1e-12);
    }
}
