//! Detectors off the chain, asked with each snapshot (SPEC R8): what each finds a person is told, and what two kinds of them agree on is an alarm, for
//! which nothing is added anywhere and the position in that venue is taken home.
//!
//! Nothing here moves money into anything, and nothing is closed by it on the chain: an alarm ends by itself when nothing is found any more.

use crate::config::{AlarmsConfig, Config, ExploitsConfig, FIGURES};
use alloy::primitives::Address;
use ballast_allocator::yields::VenueModel;
use ballast_risk::{
    alarms::{Alarm, Alarms, Detector, Finding, Subject},
    anomaly::{AlarmRate, RateError, Verdict, ZScore},
};
use ballast_types::{Doubt, Observation, Snapshot, VenueReading, VenueState, WAD};
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

const DAY: u64 = 86_400;
/// The index is one of a day; the day before counts until the next is there.
const OLDEST_INDEX: u64 = 2 * DAY;
/// The figures of a venue, for a person.
const NAMES: [&str; FIGURES as usize] = ["its rate", "its utilisation", "the logarithm of its size"];

/// The detectors, and what they have found.
#[derive(Debug)]
pub(crate) struct Detectors {
    config: AlarmsConfig,
    rate: AlarmRate,
    exploits: Vec<(Address, ExploitsConfig)>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    alarms: Alarms,
    watched: BTreeMap<Address, Watched>,
    /// Block time of the last sample.
    sampled: u64,
    /// The last sample's findings, which are said again until the next one.
    anomalies: Vec<Finding>,
    standing: Vec<Alarm>,
}

/// A venue's figures at the last sample, and their changes before it.
#[derive(Debug)]
struct Watched {
    last: Option<[f64; FIGURES as usize]>,
    changes: [ZScore; FIGURES as usize],
}

impl Detectors {
    /// As configured; `None` if there are to be none.
    ///
    /// # Errors
    /// If the rate of false alarms cannot be had, which [`Config::load`] has found out before.
    pub(crate) fn new(config: &Config) -> Result<Option<Self>, RateError> {
        let Some(alarms) = config.alarms.clone() else { return Ok(None) };
        let adapter = |name: &str| config.venues.iter().find(|venue| venue.name == name).map(|venue| venue.adapter);
        let exploits = alarms.exploits.iter().filter_map(|one| Some((adapter(&one.venue)?, one.clone()))).collect();
        let rate = alarms.rate(config.venues.len())?;
        let state = State {
            alarms: Alarms::new(alarms.rules()),
            watched: BTreeMap::new(),
            sampled: 0,
            anomalies: Vec::new(),
            standing: Vec::new(),
        };
        Ok(Some(Self { config: alarms, rate, exploits, state: Mutex::new(state) }))
    }

    /// Nothing that holds it can panic half-way through a change.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The alarms that stand and by which positions are taken home.
    pub(crate) fn leaving(&self) -> Vec<Alarm> {
        if self.config.leave { self.state().standing.clone() } else { Vec::new() }
    }

    /// Asks every detector, tells a person what is new, and adds the alarms that stand to the snapshot's doubts. `wall` is the time by which what
    /// publishers said is fresh or not, Unix seconds; the rest goes by the block's.
    pub(crate) fn look(&self, snapshot: &mut Snapshot, heard: &[Observation], wall: u64) {
        let now = snapshot.block.timestamp;
        let mut state = self.state();
        self.sample(&mut state, snapshot);
        let mut findings = state.anomalies.clone();
        findings.extend(self.exploits(heard, wall));
        findings.extend(self.sentiment(heard, wall));
        for Finding { detector, subject, detail } in state.alarms.hear(now, findings) {
            let subject = named(snapshot, subject);
            tracing::warn!(%detector, subject, detail, "a detector off the chain finds something");
        }
        let standing = state.alarms.alarms();
        for alarm in standing.iter().filter(|alarm| !state.stands(alarm.venue)) {
            let venue = named(snapshot, Subject::Venue(alarm.venue));
            tracing::error!(venue, detail = %alarm, leave = self.config.leave, "detectors off the chain agree: an alarm");
        }
        for ended in state.standing.iter().filter(|alarm| !standing.iter().any(|still| still.venue == alarm.venue)) {
            tracing::info!(venue = named(snapshot, Subject::Venue(ended.venue)), "an alarm is over");
        }
        let doubts = standing.iter().map(|alarm| Doubt::Alarm {
            venue: named(snapshot, Subject::Venue(alarm.venue)),
            detail: alarm.to_string(),
        });
        let doubts: Vec<Doubt> = doubts.collect();
        snapshot.doubts.extend(doubts);
        state.standing = standing;
    }

    /// Judges the figures, if it is time to. After a gap nothing is judged: what happened in it is no single change.
    fn sample(&self, state: &mut State, snapshot: &Snapshot) {
        let (now, period) = (snapshot.block.timestamp, self.config.sample_minutes * 60);
        let since = now.saturating_sub(state.sampled);
        // What endpoints do not agree on is no figure.
        let disputed = snapshot.doubts.iter().any(|doubt| matches!(doubt, Doubt::RpcDisagreement { .. }));
        if since < period || disputed {
            return;
        }
        let gap = since >= 2 * period;
        state.sampled = now;
        state.anomalies.clear();
        for venue in &snapshot.venues {
            let Ok(fresh) = Watched::new(self.rate, self.config.window) else { continue };
            let watched = state.watched.entry(venue.adapter).or_insert(fresh);
            let found = watched.judge(figures(venue), gap);
            state.anomalies.extend(found.into_iter().map(|detail| Finding {
                detector: Detector::Anomaly,
                subject: Subject::Venue(venue.adapter),
                detail,
            }));
        }
    }

    fn exploits(&self, heard: &[Observation], wall: u64) -> Vec<Finding> {
        let found = self.exploits.iter().filter_map(|(adapter, config)| {
            let of_it = heard.iter().filter(|one| *one.series() == config.series);
            let recent = of_it.filter(|one| wall.saturating_sub(one.time()) < config.days * DAY);
            let lost = recent.filter(|one| one.value() >= config.least_usd).max_by_key(|one| one.time())?;
            let detail = format!("{} lists {} lost {:.0} USD", lost.source(), config.series.subject(), lost.value());
            Some(Finding { detector: Detector::Exploit, subject: Subject::Venue(*adapter), detail })
        });
        found.collect()
    }

    fn sentiment(&self, heard: &[Observation], wall: u64) -> Option<Finding> {
        let config = self.config.sentiment.as_ref()?;
        let newest = heard.iter().filter(|one| *one.series() == config.series).max_by_key(|one| one.time())?;
        // 0 is the worst fear and 100 the greatest greed.
        let mood = newest.value() / 50.0 - 1.0;
        let counts = wall.saturating_sub(newest.time()) < OLDEST_INDEX && mood < config.below;
        let detail = || format!("{} says {mood:.2}, expected at least {}", newest.source(), config.below);
        counts.then(|| Finding { detector: Detector::Sentiment, subject: Subject::Market, detail: detail() })
    }
}

impl State {
    fn stands(&self, venue: Address) -> bool {
        self.standing.iter().any(|alarm| alarm.venue == venue)
    }
}

impl Watched {
    fn new(rate: AlarmRate, window: usize) -> Result<Self, RateError> {
        let one = ZScore::new(rate, window)?;
        Ok(Self { last: None, changes: [one.clone(), one.clone(), one] })
    }

    /// What is unlike the changes before it.
    fn judge(&mut self, figures: Option<[f64; FIGURES as usize]>, gap: bool) -> Vec<String> {
        let last = std::mem::replace(&mut self.last, figures);
        let (Some(now), Some(last), false) = (figures, last, gap) else { return Vec::new() };
        let changes = self.changes.iter_mut().zip(NAMES).zip(now.into_iter().zip(last));
        let outliers = changes.filter_map(|((detector, name), (now, last))| match detector.push(now - last) {
            Verdict::Outlier { z, threshold } => Some(format!(
                "{name} moved by {:+.6} to {now:.6}: {z:.1} deviations, expected at most {threshold:.1}",
                now - last
            )),
            Verdict::Ordinary { .. } | Verdict::WarmingUp { .. } | Verdict::NotANumber => None,
        });
        outliers.collect()
    }
}

/// Rate (annual), utilisation and the logarithm of the size; `None` where the venue cannot be read.
fn figures(venue: &VenueState) -> Option<[f64; FIGURES as usize]> {
    let VenueReading::Read { size, utilisation, .. } = &venue.reading else { return None };
    let model = VenueModel::new(&venue.reading).ok()?;
    let rate = model.rate_at(model.value())?;
    let unit = WAD as f64;
    Some([rate.0 as f64 / unit, utilisation.0 as f64 / unit, libm::log((size.0 as f64).max(1.0))])
}

fn named(snapshot: &Snapshot, subject: Subject) -> String {
    match subject {
        Subject::Market => "the market".into(),
        Subject::Venue(adapter) => {
            let venue = snapshot.venues.iter().find(|venue| venue.adapter == adapter);
            venue.map_or_else(|| adapter.to_string(), |venue| venue.name.clone())
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::panic)]
    use super::*;
    use crate::history::world;
    use ballast_types::{Assets, Metric, SeriesId};

    const PERIOD: u64 = 600;
    const WINDOW: usize = 20;

    fn detectors(more: &str) -> Detectors {
        let config: AlarmsConfig = toml::from_str(&format!("window = {WINDOW}\n{more}")).unwrap();
        let rate = config.rate(2).unwrap();
        let exploits = config.exploits.iter().map(|one| (world::AAVE, one.clone())).collect();
        let (watched, anomalies, standing) = (BTreeMap::new(), Vec::new(), Vec::new());
        let state = State { alarms: Alarms::new(config.rules()), watched, sampled: 0, anomalies, standing };
        Detectors { config, rate, exploits, state: Mutex::new(state) }
    }

    /// The plain world at a time, with Aave's borrowed part moved by so many millionths.
    fn at(time: u64, millionths: u128) -> Snapshot {
        let mut snapshot = world::fresh();
        snapshot.block.timestamp = time;
        let VenueReading::Read { utilisation, markets, .. } = &mut snapshot.venues[0].reading else { unreachable!() };
        let borrowed = markets[0].supplied.0 / 1_000_000 * (800_000 + millionths);
        markets[0].borrowed = Assets(borrowed);
        utilisation.0 = borrowed * WAD / markets[0].supplied.0;
        snapshot
    }

    fn said(subject: &str, metric: Metric, value: f64, time: u64) -> Observation {
        Observation::new(SeriesId::new(subject, metric).unwrap(), "test", time, time, value).unwrap()
    }

    /// As many calm samples as the window has, the first without a change; the time of the last.
    fn calm(detectors: &Detectors) -> u64 {
        let mut random = world::Random(7);
        let mut time = world::NOW;
        for _ in 0..=WINDOW {
            time += PERIOD;
            let mut snapshot = at(time, random.below(100));
            detectors.look(&mut snapshot, &[], time);
            assert_eq!(snapshot.doubts, [], "what is calm is in no doubt");
        }
        time
    }

    fn found(detectors: &Detectors) -> Vec<Finding> {
        detectors.state().anomalies.clone()
    }

    // SPEC R7, R8
    #[test]
    fn a_jump_is_an_anomaly_a_person_is_told_of_and_no_alarm() {
        let detectors = detectors("");
        let time = calm(&detectors) + PERIOD;
        assert!(found(&detectors).is_empty());
        let mut snapshot = at(time, 150_000);
        detectors.look(&mut snapshot, &[], time);
        let findings = found(&detectors);
        assert_eq!(findings.len(), 2, "rate and utilisation, not size: {findings:?}");
        assert!(findings.iter().all(|one| one.subject == Subject::Venue(world::AAVE)));
        assert!(findings[1].detail.contains("its utilisation moved by +0.1"), "{}", findings[1].detail);
        assert_eq!((snapshot.doubts, detectors.leaving()), (vec![], vec![]));
    }

    #[test]
    fn after_a_gap_or_where_endpoints_disagree_nothing_is_judged() {
        let detectors = detectors("");
        let time = calm(&detectors) + 2 * PERIOD;
        detectors.look(&mut at(time, 150_000), &[], time);
        assert!(found(&detectors).is_empty(), "what happened in a gap is no single change");
        let mut disputed = at(time + PERIOD, 0);
        disputed.doubts.push(Doubt::RpcDisagreement { detail: "state".into() });
        detectors.look(&mut disputed, &[], time + PERIOD);
        assert!(found(&detectors).is_empty(), "what endpoints do not agree on is no figure");
        assert_eq!(disputed.doubts.len(), 1);
    }

    // SPEC R8, ERR-45, ruling 16
    #[test]
    fn sentiment_alone_is_told_and_with_an_anomaly_it_is_an_alarm_about_that_venue() {
        let detectors = detectors("sentiment = { series = 'crypto#index' }");
        let time = calm(&detectors) + PERIOD;
        let index = |value, age| [said("crypto", Metric::Index, value, time - age)];
        for (value, age, counts) in [(10.0, 0, false), (9.9, 0, true), (5.0, 2 * DAY, false)] {
            assert_eq!(detectors.sentiment(&index(value, age), time).is_some(), counts, "{value} {age}");
        }
        let mut snapshot = at(time, 0);
        detectors.look(&mut snapshot, &index(5.0, 0), time);
        assert_eq!(
            (snapshot.doubts, detectors.leaving()),
            (vec![], vec![]),
            "nobody can sell the vault out with a mood"
        );
        let mut snapshot = at(time + PERIOD, 150_000);
        detectors.look(&mut snapshot, &index(5.0, 0), time + PERIOD);
        let [Doubt::Alarm { venue, detail }] = &snapshot.doubts[..] else { panic!("{:?}", snapshot.doubts) };
        assert_eq!(venue, "aave");
        assert!(detail.starts_with("anomaly: ") && detail.contains("sentiment: test says -0.90"), "{detail}");
        assert_eq!(detectors.leaving().iter().map(|alarm| alarm.venue).collect::<Vec<_>>(), [world::AAVE]);
    }

    #[test]
    fn a_listed_exploit_keeps_the_alarm_up_until_it_is_old() {
        let exploits = "exploits = [{ venue = 'aave', series = 'aave#lost_usd', least_usd = 1000, days = 3 }]";
        let detectors = detectors(exploits);
        let time = calm(&detectors) + PERIOD;
        let listed = |lost| [said("aave", Metric::LostUsd, lost, time)];
        assert!(detectors.exploits(&listed(999.0), time).is_empty());
        detectors.look(&mut at(time, 150_000), &listed(1_000.0), time);
        assert_eq!(detectors.leaving().len(), 1);
        let later = time + 3 * DAY - 1;
        detectors.look(&mut at(later, 150_000), &listed(1_000.0), later);
        assert_eq!(detectors.leaving().len(), 1, "the figures are calm, and it is still listed");
        let over = later + 3_600;
        detectors.look(&mut at(over, 150_000), &listed(1_000.0), over);
        assert!(detectors.leaving().is_empty());
    }

    #[test]
    fn an_operator_may_want_to_be_told_and_to_leave_nothing() {
        let detectors = detectors("leave = false\nsentiment = { series = 'crypto#index' }");
        let time = calm(&detectors) + PERIOD;
        let mut snapshot = at(time, 150_000);
        detectors.look(&mut snapshot, &[said("crypto", Metric::Index, 1.0, time)], time);
        assert!(matches!(&snapshot.doubts[..], [Doubt::Alarm { .. }]));
        assert!(detectors.leaving().is_empty());
    }
}
