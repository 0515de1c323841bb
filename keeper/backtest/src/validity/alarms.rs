//! How often the switch trips for nothing in months in which nothing happened (SPEC R12), and between which rates that leaves the rate.

use super::exact;
use crate::{
    metrics::Interval,
    scenario::{Alarm, CalmMonth},
};
use ballast_risk::kill_switch::Trigger;
use serde::Serialize;

/// What the specification asks: fewer than one in twenty (SPEC R12).
pub const MOST_FALSE: f64 = 0.05;

/// So many of so many, and the interval of 95 % of their rate as if they were independent of each other. Neighbouring days are not, so that of days
/// it is too narrow; of months it is the careful one.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Rate {
    pub seen: usize,
    pub of: usize,
    pub interval: Interval,
}

impl Rate {
    fn new(seen: usize, of: usize) -> Self {
        Self { seen, of, interval: exact(seen as u64, of as u64) }
    }
}

/// False trips, by what they are counted against.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct FalseAlarms {
    /// Calm months with a false trip.
    pub months: Rate,
    /// False trips of the peg, of the days it was watched.
    pub peg_days: Rate,
    /// Of TVL, of the days of venues.
    pub tvl_days: Rate,
    /// Of utilisation, of the days of venues on which it is recorded or follows from the rates.
    pub utilisation_days: Rate,
    /// Of all trips in calm months, those at what was not so.
    pub trips: Rate,
}

/// Counts the trips of [`crate::scenario::calm_months`].
#[must_use]
pub fn false_alarms(calm: &[CalmMonth]) -> FalseAlarms {
    let alarms = || calm.iter().flat_map(|month| &month.alarms);
    let is_false = |alarm: &&Alarm| !alarm.happened;
    let of = |trigger| alarms().filter(is_false).filter(|alarm| alarm.trigger == trigger).count();
    let sum = |days: &dyn Fn(&CalmMonth) -> usize| calm.iter().map(days).sum();
    FalseAlarms {
        months: Rate::new(
            calm.iter().filter(|month| month.alarms.iter().any(|alarm| !alarm.happened)).count(),
            calm.len(),
        ),
        peg_days: Rate::new(of(Trigger::Peg), sum(&|month| month.days)),
        tvl_days: Rate::new(of(Trigger::Tvl), sum(&|month| month.watched.tvl)),
        utilisation_days: Rate::new(
            of(Trigger::Utilisation),
            sum(&|month| month.watched.utilisation_recorded + month.watched.utilisation_derived),
        ),
        trips: Rate::new(alarms().filter(is_false).count(), alarms().count()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::scenario::Watched;

    fn month(days: usize, alarms: &[(Trigger, bool)]) -> CalmMonth {
        let alarm = |(trigger, happened): &(Trigger, bool)| Alarm {
            date: "2021-01-01".into(),
            trigger: *trigger,
            venue: None,
            measured: "0".into(),
            bound: "0".into(),
            happened: *happened,
            basis: None,
        };
        let watched = Watched { tvl: 2, utilisation_recorded: 3, utilisation_derived: 4, utilisation_unknown: 5 };
        CalmMonth { month: "2021-01".into(), days, watched, alarms: alarms.iter().map(alarm).collect() }
    }

    // SPEC R12
    #[test]
    fn what_was_so_is_no_false_alarm_and_each_rate_has_its_own_days() {
        let calm = [
            month(31, &[(Trigger::Peg, false), (Trigger::Peg, false), (Trigger::Tvl, true)]),
            month(28, &[(Trigger::Utilisation, true)]),
        ];
        let found = false_alarms(&calm);
        let pairs = [found.months, found.peg_days, found.tvl_days, found.utilisation_days, found.trips]
            .map(|rate| (rate.seen, rate.of));
        assert_eq!(pairs, [(1, 2), (2, 59), (0, 4), (0, 14), (2, 4)]);
    }
}
