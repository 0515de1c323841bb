//! What becomes of the findings of detectors off the chain (SPEC R8, ERR-45, ruling 16).
//!
//! The five triggers on the chain close a venue by themselves ([`crate::kill_switch`]). Beside them stand three kinds of detectors that the contracts
//! know nothing of: anomalies of the figures, lists of exploits, and sentiment. One kind is an alert for a person and nothing else: each alone is too
//! often wrong, and sentiment can be bought. Two kinds at once about a venue are an *alarm*: nothing is added anywhere while it lasts, and the position
//! in that venue is taken home, which the contracts allow the keeper at any time.
//!
//! Sentiment is about the whole market and so about every venue, but an alarm about a venue needs at least one finding about the venue itself, and
//! stands for as long as there is one: a listed exploit keeps money out when the figures are long calm again.
//!
//! Pure: time and findings are values.

use alloy_primitives::Address;
use serde::Serialize;
use std::{
    collections::{BTreeMap, BTreeSet, btree_map::Entry},
    fmt,
};

/// Kinds of detectors off the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Detector {
    /// A figure of the venue moves as it does not while nothing happens ([`crate::anomaly`]).
    Anomaly,
    /// A list of exploits has a new row about the venue's protocol.
    Exploit,
    /// The market's mood is at its end.
    Sentiment,
}

impl fmt::Display for Detector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Anomaly => "anomaly",
            Self::Exploit => "exploit",
            Self::Sentiment => "sentiment",
        })
    }
}

/// What a finding is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Subject {
    Market,
    /// By its adapter.
    Venue(Address),
}

/// A detector's word.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    pub detector: Detector,
    pub subject: Subject,
    /// For a person.
    pub detail: String,
}

/// How long things count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AlarmRules {
    /// Seconds after an alert in which the same detector's next one about the same subject is not told (SPEC R8: 300).
    pub cooldown: u64,
    /// Seconds for which a finding counts towards an alarm after it was last made.
    pub memory: u64,
}

impl Default for AlarmRules {
    fn default() -> Self {
        Self { cooldown: 300, memory: 3_600 }
    }
}

/// Kinds of detectors that must agree before anything is done without a person (ruling 16).
const AGREEMENT: usize = 2;

/// Two kinds of detectors agreed about a venue, and something is still found about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Alarm {
    /// Its adapter.
    pub venue: Address,
    /// What each of them found last.
    pub findings: Vec<Finding>,
}

impl fmt::Display for Alarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let each: Vec<String> =
            self.findings.iter().map(|finding| format!("{}: {}", finding.detector, finding.detail)).collect();
        f.write_str(&each.join("; "))
    }
}

/// What was found lately, and what of it was told.
#[derive(Clone, Debug, Default)]
pub struct Alarms {
    rules: AlarmRules,
    /// When it was last found, and what.
    found: BTreeMap<(Subject, Detector), (u64, String)>,
    told: BTreeMap<(Subject, Detector), u64>,
    /// Venues with an alarm.
    standing: BTreeSet<Address>,
}

impl Alarms {
    #[must_use]
    pub const fn new(rules: AlarmRules) -> Self {
        Self { rules, found: BTreeMap::new(), told: BTreeMap::new(), standing: BTreeSet::new() }
    }

    /// Takes the findings of `now` (Unix seconds, never decreasing) and gives back those that a person is to be told of: one for each detector and
    /// subject in a cooldown.
    pub fn hear(&mut self, now: u64, findings: Vec<Finding>) -> Vec<Finding> {
        let AlarmRules { cooldown, memory } = self.rules;
        self.found.retain(|_, (at, _)| now.saturating_sub(*at) < memory);
        self.told.retain(|_, at| now.saturating_sub(*at) < cooldown);
        let mut news = Vec::new();
        for finding in findings {
            let key = (finding.subject, finding.detector);
            self.found.insert(key, (now, finding.detail.clone()));
            // The cooldown runs from what was told: what lasts is told again when it is over.
            if let Entry::Vacant(untold) = self.told.entry(key) {
                untold.insert(now);
                news.push(finding);
            }
        }
        self.agree();
        news
    }

    /// The alarms that stand, by their venues' adapters.
    #[must_use]
    pub fn alarms(&self) -> Vec<Alarm> {
        self.standing.iter().map(|venue| Alarm { venue: *venue, findings: self.about(*venue) }).collect()
    }

    /// What each kind of detector found last about a venue; its own findings come before the market's.
    fn about(&self, venue: Address) -> Vec<Finding> {
        let mut kinds: BTreeMap<Detector, Finding> = BTreeMap::new();
        for subject in [Subject::Market, Subject::Venue(venue)] {
            for ((_, detector), (_, detail)) in self.found.iter().filter(|((of, _), _)| *of == subject) {
                kinds.insert(*detector, Finding { detector: *detector, subject, detail: detail.clone() });
            }
        }
        kinds.into_values().collect()
    }

    fn agree(&mut self) {
        let own = self.found.keys().filter_map(|(subject, _)| match subject {
            Subject::Venue(adapter) => Some(*adapter),
            Subject::Market => None,
        });
        let own: BTreeSet<Address> = own.collect();
        self.standing.retain(|venue| own.contains(venue));
        let agreed: Vec<Address> = own.into_iter().filter(|venue| self.about(*venue).len() >= AGREEMENT).collect();
        self.standing.extend(agreed);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use proptest::prelude::*;

    const A: Address = Address::repeat_byte(1);
    const B: Address = Address::repeat_byte(2);
    const RULES: AlarmRules = AlarmRules { cooldown: 300, memory: 3_600 };

    fn found(detector: Detector, subject: Subject) -> Finding {
        Finding { detector, subject, detail: "seen".into() }
    }

    fn alarmed(alarms: &Alarms) -> Vec<Address> {
        alarms.alarms().into_iter().map(|alarm| alarm.venue).collect()
    }

    // SPEC R8, ruling 16
    #[test]
    fn one_kind_of_detector_is_an_alert_and_two_about_a_venue_are_an_alarm() {
        use Detector::{Anomaly, Exploit, Sentiment};
        for (findings, expected) in [
            (vec![found(Sentiment, Subject::Market)], vec![]),
            (vec![found(Anomaly, Subject::Venue(A)), found(Anomaly, Subject::Venue(B))], vec![]),
            (vec![found(Exploit, Subject::Venue(A))], vec![]),
            (vec![found(Exploit, Subject::Venue(A)), found(Anomaly, Subject::Venue(B))], vec![]),
            (vec![found(Exploit, Subject::Venue(A)), found(Anomaly, Subject::Venue(A))], vec![A]),
            (vec![found(Sentiment, Subject::Market), found(Anomaly, Subject::Venue(B))], vec![B]),
            (vec![found(Sentiment, Subject::Market), found(Sentiment, Subject::Venue(A))], vec![]),
        ] {
            let mut alarms = Alarms::new(RULES);
            assert_eq!(alarms.hear(1_000, findings.clone()).len(), findings.len(), "each is told");
            assert_eq!(alarmed(&alarms), expected, "{findings:?}");
        }
    }

    #[test]
    fn an_alert_is_told_once_in_a_cooldown_however_often_it_is_found() {
        let mut alarms = Alarms::new(RULES);
        let mut told = Vec::new();
        for now in (1_000..2_000).step_by(12) {
            if !alarms.hear(now, vec![found(Detector::Anomaly, Subject::Venue(A))]).is_empty() {
                told.push(now);
            }
        }
        assert_eq!(told, [1_000, 1_300, 1_600, 1_900]);
        assert_eq!(alarms.hear(1_912, vec![found(Detector::Anomaly, Subject::Venue(B))]).len(), 1, "of another venue");
    }

    #[test]
    fn a_finding_counts_for_as_long_as_it_is_remembered_and_not_a_second_longer() {
        let mut alarms = Alarms::new(RULES);
        alarms.hear(1_000, vec![found(Detector::Exploit, Subject::Venue(A))]);
        alarms.hear(4_599, vec![found(Detector::Anomaly, Subject::Venue(A))]);
        assert_eq!(alarmed(&alarms), [A]);
        let mut late = Alarms::new(RULES);
        late.hear(1_000, vec![found(Detector::Exploit, Subject::Venue(A))]);
        late.hear(4_600, vec![found(Detector::Anomaly, Subject::Venue(A))]);
        assert_eq!(alarmed(&late), [] as [Address; 0]);
    }

    #[test]
    fn an_alarm_stands_while_anything_is_found_about_its_venue_and_no_mood_keeps_it_up() {
        let mut alarms = Alarms::new(RULES);
        let listed = || found(Detector::Exploit, Subject::Venue(A));
        alarms.hear(1_000, vec![listed(), found(Detector::Anomaly, Subject::Venue(A))]);
        for now in (2_000..50_000).step_by(1_000) {
            alarms.hear(now, vec![listed(), found(Detector::Sentiment, Subject::Market)]);
            assert_eq!(alarmed(&alarms), [A], "the figures are calm, and the exploit is still listed");
        }
        alarms.hear(52_999, vec![found(Detector::Sentiment, Subject::Market)]);
        assert_eq!(alarmed(&alarms), [] as [Address; 0]);
    }

    proptest! {
        #[test]
        fn more_findings_never_mean_fewer_alarms(
            some in proptest::collection::vec((0..3_u8, 0..3_u8), 0..8), more in proptest::collection::vec((0..3_u8, 0..3_u8), 0..4),
        ) {
            let finding = |(detector, subject): (u8, u8)| {
                let detector = [Detector::Anomaly, Detector::Exploit, Detector::Sentiment][usize::from(detector)];
                let subject = [Subject::Market, Subject::Venue(A), Subject::Venue(B)][usize::from(subject)];
                found(detector, subject)
            };
            let (mut fewer, mut all) = (Alarms::new(RULES), Alarms::new(RULES));
            fewer.hear(1, some.iter().copied().map(finding).collect());
            all.hear(1, some.into_iter().chain(more).map(finding).collect());
            let all = alarmed(&all);
            prop_assert!(alarmed(&fewer).iter().all(|venue| all.contains(venue)));
        }
    }
}
