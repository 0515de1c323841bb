//! What became of the vault, and whether that is what had to.

use super::{
    sight::Sight,
    timeline::{Scenario, told},
    twin::Logged,
};
use crate::local::MAX_POSITION;
use ballast_risk::kill_switch::{Subject, Trigger};
use serde::Serialize;

/// What may be lost, in USDC, where everything could come home (SPEC R11).
const WORST_LOSS: f64 = 0.05;
/// Blocks from the one in which a trip was possible to its own.
const LATEST: u64 = 1;
/// What the venues' rounding may leave of a position, for each of them (`DUST` of the contracts).
const DUST: u128 = 2 * 4;

/// What interest and rounding may move of a part of NAV between two looks.
const ROUNDING: f64 = 1e-3;

/// A trip, in blocks.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Trip {
    pub(super) trigger: Trigger,
    pub(super) subject: Subject,
    /// From which on the condition held.
    pub(super) held: u64,
    /// From which on it could be tripped: of a two-step trigger 25 blocks after it was armed.
    pub(super) confirmable: u64,
    pub(super) tripped: u64,
    /// Of its block, Unix seconds.
    pub(super) time: u64,
}

/// What became of it. Amounts are base units of USDC, losses fractions of what there was before.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Verdict {
    pub(super) id: String,
    pub(super) what: String,
    /// Unix seconds of the event.
    pub(super) from: u64,
    pub(super) trips: Vec<Trip>,
    pub(super) logged: Vec<Logged>,
    pub(super) mode: &'static str,
    /// Block of the last exit.
    pub(super) exited: Option<u64>,
    nav_before: u128,
    nav_after: u128,
    invested_before: u128,
    /// In venues when it was over.
    stayed: u128,
    /// The part of what was in venues that came home, if the vault exited.
    pub(super) exit_completeness: Option<f64>,
    pub(super) loss_usdc: f64,
    pub(super) worst_usdc: f64,
    pub(super) loss_usd: f64,
    pub(super) worst_usd: f64,
    /// Something cannot be had, by what the scenario is.
    pub(super) stuck: bool,
    /// Trips that were not expected.
    pub(super) false_trips: usize,
    pub(super) missing_trips: usize,
    /// Where contracts and model do not agree.
    pub(super) different: Vec<String>,
    /// What is not as it had to be, in words; nothing if all is.
    pub(super) failures: Vec<String>,
    #[serde(skip)]
    price: f64,
}

impl Verdict {
    pub(super) fn begin(scenario: &Scenario, before: &Sight) -> Self {
        Self {
            id: scenario.id.clone(),
            what: scenario.what.clone(),
            from: 0,
            trips: Vec::new(),
            logged: Vec::new(),
            mode: "normal",
            exited: None,
            nav_before: before.nav,
            nav_after: before.nav,
            invested_before: before.nav.saturating_sub(before.idle),
            stayed: 0,
            exit_completeness: None,
            loss_usdc: 0.0,
            worst_usdc: 0.0,
            loss_usd: 0.0,
            worst_usd: 0.0,
            stuck: !scenario.stays.is_empty(),
            false_trips: 0,
            missing_trips: 0,
            different: Vec::new(),
            failures: Vec::new(),
            price: 1.0,
        }
    }

    /// A look at the vault while one USDC is worth `price`, in a feed's eight decimals.
    pub(super) fn saw(&mut self, sight: &Sight, price: i64) {
        self.price = price as f64 / super::timeline::DOLLAR as f64;
        let kept = sight.nav as f64 / (self.nav_before as f64).max(1.0);
        (self.loss_usdc, self.loss_usd) = ((1.0 - kept).max(0.0), (1.0 - kept * self.price).max(0.0));
        self.worst_usdc = self.worst_usdc.max(self.loss_usdc);
        self.worst_usd = self.worst_usd.max(self.loss_usd);
    }

    /// It is over.
    pub(super) fn end(mut self, scenario: &Scenario, last: &Sight, logged: &[Logged]) -> Self {
        self.logged = logged.to_vec();
        let kept = last.nav as f64 / (self.nav_before as f64).max(1.0);
        (self.loss_usdc, self.loss_usd) = ((1.0 - kept).max(0.0), (1.0 - kept * self.price).max(0.0));
        self.nav_after = last.nav;
        self.stayed = last.nav.saturating_sub(last.idle);
        if last.exit_mode {
            self.mode = "exit";
            // What cannot be read counts for nothing in NAV, so that the idle side tells what came home.
            let idle_before = self.nav_before - self.invested_before;
            let home = last.idle.saturating_sub(idle_before) as f64;
            self.exit_completeness = Some((home / (self.invested_before as f64).max(1.0)).min(1.0));
        }
        let expected = |trip: &Trip| scenario.expects.contains(&(trip.trigger, trip.subject));
        let unexpected: Vec<String> = self.trips.iter().filter(|trip| !expected(trip)).map(Trip::told).collect();
        self.false_trips = unexpected.len();
        let tripped =
            |wanted: &(Trigger, Subject)| self.trips.iter().any(|trip| (trip.trigger, trip.subject) == *wanted);
        let missing: Vec<String> = scenario
            .expects
            .iter()
            .filter(|wanted| !tripped(wanted))
            .map(|(trigger, of)| told(*trigger, *of))
            .collect();
        self.missing_trips = missing.len();
        let mut failures: Vec<String> =
            unexpected.into_iter().map(|what| format!("tripped without need: {what}")).collect();
        failures.extend(missing.into_iter().map(|what| format!("not tripped: {what}")));
        for trip in &self.trips {
            let late = trip.tripped.checked_sub(trip.confirmable);
            if late.is_none_or(|late| late > LATEST) {
                failures.push(format!(
                    "{}: possible from block {} on, at most {LATEST} later is expected",
                    trip.told(),
                    trip.confirmable
                ));
            }
        }
        if !self.stuck && self.worst_usdc >= WORST_LOSS {
            failures.push(format!("{:.2} % of NAV were lost", self.worst_usdc * 100.0));
        }
        if last.exit_mode && !self.stuck && self.stayed > DUST {
            failures.push(format!("{} units stayed in venues that pay", self.stayed));
        }
        // What is stuck is at most what the operator lets one venue have; the rest must be home.
        let one_venue = f64::from(MAX_POSITION) / 1e4 * self.nav_before as f64 / (self.invested_before as f64).max(1.0);
        let stuck = scenario.stays.len() as f64 * one_venue;
        if self.exit_completeness.is_some_and(|home| home + ROUNDING < 1.0 - stuck) {
            failures.push("of what could be had, not all came home".into());
        }
        failures.extend(self.different.iter().map(|what| format!("contracts and model differ: {what}")));
        self.failures = failures;
        self
    }

    /// One line of the table.
    pub(super) fn row(&self) -> String {
        let percent = |part: f64| format!("{:.2} %", part * 100.0);
        let joined = |each: &dyn Fn(&Trip) -> String| {
            if self.trips.is_empty() {
                "–".to_owned()
            } else {
                self.trips.iter().map(each).collect::<Vec<_>>().join(", ")
            }
        };
        format!(
            "{:<20} {:<34} {:>8} {:>7} {:>9} {:>9} {:>9} {:>9} {:>8}  {}",
            self.id,
            joined(&|trip| told(trip.trigger, trip.subject)),
            joined(&|trip| (trip.tripped - trip.held).to_string()),
            joined(&|trip| trip.tripped.saturating_sub(trip.confirmable).to_string()),
            percent(self.loss_usdc),
            percent(self.worst_usdc),
            percent(self.loss_usd),
            percent(self.worst_usd),
            self.exit_completeness.map_or_else(|| "–".into(), |part| format!("{:.1} %", part * 100.0)),
            match (self.failures.is_empty(), self.stuck) {
                (true, false) => "",
                (true, true) => "no way out of one venue",
                (false, _) => "NOT AS EXPECTED",
            }
        )
        .trim_end()
        .to_owned()
    }

    /// Above [`Self::row`].
    pub(super) fn header() -> String {
        format!(
            "{:<20} {:<34} {:>8} {:>7} {:>9} {:>9} {:>9} {:>9} {:>8}",
            "scenario", "tripped", "blocks", "late", "USDC end", "worst", "USD end", "worst", "home"
        )
    }
}

impl Trip {
    fn told(&self) -> String {
        format!("{} in block {}", told(self.trigger, self.subject), self.tripped)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::sight::Standing, *};
    use ballast_risk::kill_switch::{Moment, Readings};

    const MILLION: u128 = 1_000_000_000_000;

    fn sight(nav: u128, idle: u128, exit_mode: bool) -> Sight {
        let (moment, readings) = (Moment::default(), Readings { prices: Vec::new(), venues: Vec::new() });
        Sight { moment, nav, idle, exit_mode, standing: [Standing::default(); 10], readings, answers: Vec::new() }
    }

    fn trip(trigger: Trigger, confirmable: u64, tripped: u64) -> Trip {
        Trip { trigger, subject: Subject::Token(0), held: confirmable, confirmable, tripped, time: 0 }
    }

    fn failures(scenario: &Scenario, trips: Vec<Trip>, last: &Sight) -> Vec<String> {
        let mut verdict = Verdict::begin(scenario, &sight(MILLION, MILLION / 20, false));
        verdict.trips = trips;
        verdict.saw(last, 98_000_000);
        verdict.end(scenario, last, &[]).failures
    }

    #[test]
    fn a_trip_that_is_late_missing_or_not_needed_is_a_failure() {
        let (calm, home) = (sight(MILLION, MILLION / 20, false), sight(MILLION, MILLION, true));
        let nothing = Scenario::new("", "", Vec::new());
        let peg = nothing.clone().trips_asset(Trigger::Peg);
        assert!(failures(&nothing, Vec::new(), &calm).is_empty());
        assert!(failures(&peg, vec![trip(Trigger::Peg, 10, 11)], &home).is_empty());
        for (scenario, trips, said) in [
            (&peg, Vec::new(), "not tripped: peg"),
            (&nothing, vec![trip(Trigger::Oracle, 10, 11)], "tripped without need: oracle in block 11"),
            (
                &peg,
                vec![trip(Trigger::Peg, 10, 12)],
                "peg in block 12: possible from block 10 on, at most 1 later is expected",
            ),
            (
                &peg,
                vec![trip(Trigger::Peg, 12, 11)],
                "peg in block 11: possible from block 12 on, at most 1 later is expected",
            ),
        ] {
            assert_eq!(failures(scenario, trips, &home), [said]);
        }
    }

    #[test]
    fn what_stays_or_is_lost_without_need_is_a_failure() {
        let peg = Scenario::new("", "", Vec::new()).trips_asset(Trigger::Peg);
        let tripped = || vec![trip(Trigger::Peg, 10, 11)];
        let of = |scenario: &Scenario, nav, idle| failures(scenario, tripped(), &sight(nav, idle, true));
        assert_eq!(of(&peg, MILLION, MILLION - 9), ["9 units stayed in venues that pay"]);
        assert_eq!(of(&peg, MILLION * 95 / 100, MILLION * 95 / 100)[0], "5.00 % of NAV were lost");
        let stuck = peg.stuck_in(super::super::timeline::Place::Aave);
        assert!(of(&stuck, MILLION, MILLION * 70 / 100).is_empty());
        assert_eq!(of(&stuck, MILLION, MILLION * 60 / 100), ["of what could be had, not all came home"]);
    }

    #[test]
    fn losses_are_told_in_usdc_and_in_dollars_at_the_end_and_at_the_worst() {
        let scenario = Scenario::new("", "", Vec::new());
        let mut verdict = Verdict::begin(&scenario, &sight(MILLION, 0, false));
        for (nav, price) in [(MILLION, 90_000_000), (MILLION * 99 / 100, 100_000_000), (MILLION, 99_000_000)] {
            verdict.saw(&sight(nav, 0, false), price);
        }
        let verdict = verdict.end(&scenario, &sight(MILLION, 0, false), &[]);
        let percent = |loss: f64| (loss * 1e4).round() / 100.0;
        let told = [verdict.loss_usdc, verdict.worst_usdc, verdict.loss_usd, verdict.worst_usd].map(percent);
        assert_eq!(told, [0.0, 1.0, 1.0, 10.0]);
    }
}
