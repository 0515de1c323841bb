//! Detectors off the chain, asked with each snapshot (SPEC R8): what each finds a person is told, and what two kinds of them agree on is an alarm, for
//! which nothing is added anywhere and the position in that venue is taken home.
//!
//! Nothing here moves money into anything, and nothing is closed by it on the chain: an alarm ends by itself when nothing is found any more.

mod past;
#[cfg(test)]
mod tests;

use crate::config::{AlarmsConfig, Config, ExploitsConfig};
use alloy::primitives::Address;
use ballast_allocator::yields::VenueModel;
use ballast_risk::{
    alarms::{Alarm, Alarms, Detector, Finding, Subject},
    anomaly::{FIGURES, HeavyTail, RateError, Verdict, Watch, ZScore},
};
use ballast_types::{Doubt, Metric, Observation, Snapshot, VenueReading, VenueState, WAD};
use std::{
    collections::BTreeMap,
    sync::{Mutex, MutexGuard, PoisonError},
};

const DAY: u64 = 86_400;
/// The index is one of a day; the day before counts until the next is there.
const OLDEST_INDEX: u64 = 2 * DAY;

/// A venue's figures.
type Figures = [f64; FIGURES.len()];

/// The detectors, and what they have found.
#[derive(Debug)]
pub(crate) struct Detectors {
    config: AlarmsConfig,
    /// Of every figure, with nothing in its window yet.
    detector: ZScore,
    exploits: Vec<(Address, ExploitsConfig)>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    alarms: Alarms,
    watched: BTreeMap<Address, Watch<{ FIGURES.len() }>>,
    /// Block time of the last sample.
    sampled: u64,
    /// The last sample's findings, which are said again until the next one.
    anomalies: Vec<Finding>,
    standing: Vec<Alarm>,
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
        let detector = ZScore::new(rate, alarms.window, Some(&HeavyTail::MEASURED))?;
        let state = State {
            alarms: Alarms::new(alarms.rules()),
            watched: BTreeMap::new(),
            sampled: 0,
            anomalies: Vec::new(),
            standing: Vec::new(),
        };
        Ok(Some(Self { config: alarms, detector, exploits, state: Mutex::new(state) }))
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

    /// Seconds from one sample to the next.
    const fn period(&self) -> u64 {
        self.config.sample_minutes * 60
    }

    fn watch(&self) -> Watch<{ FIGURES.len() }> {
        Watch::new(self.period(), &self.detector)
    }

    /// Judges the figures, if it is time to. After a gap nothing is judged: what happened in it is no single change.
    fn sample(&self, state: &mut State, snapshot: &Snapshot) {
        let now = snapshot.block.timestamp;
        // What endpoints do not agree on is no figure.
        let disputed = snapshot.doubts.iter().any(|doubt| matches!(doubt, Doubt::RpcDisagreement { .. }));
        if now.saturating_sub(state.sampled) < self.period() || disputed {
            return;
        }
        state.sampled = now;
        state.anomalies.clear();
        for venue in &snapshot.venues {
            let watch = state.watched.entry(venue.adapter).or_insert_with(|| self.watch());
            for (name, judged) in FIGURES.iter().zip(watch.sample(now, figures(venue)).into_iter().flatten()) {
                let Verdict::Outlier { z, threshold } = judged.verdict else { continue };
                let detail = format!(
                    "{name} moved by {:+.6} to {:.6}: {z:.1} deviations, expected at most {threshold:.1}",
                    judged.change, judged.now
                );
                let subject = Subject::Venue(venue.adapter);
                state.anomalies.push(Finding { detector: Detector::Anomaly, subject, detail });
            }
        }
    }

    fn exploits(&self, heard: &[Observation], wall: u64) -> Vec<Finding> {
        let found = self.exploits.iter().filter_map(|(adapter, config)| {
            let subject = config.series.subject();
            let recent = |metric| {
                let of_it = heard
                    .iter()
                    .filter(move |one| one.series().subject() == subject && one.series().metric() == metric);
                of_it.filter(|one| wall.saturating_sub(one.time()) < config.days * DAY)
            };
            let lost =
                recent(Metric::LostUsd).filter(|one| one.value() >= config.least_usd).max_by_key(|one| one.time());
            // Listed, and nobody knows yet what was lost: that may be everything.
            let summed = |listed: &Observation| recent(Metric::LostUsd).any(|one| one.time() >= listed.time());
            let listed = || recent(Metric::Incidents).find(|listed| !summed(listed));
            let detail = match lost {
                Some(lost) => format!("{} lists {subject} lost {:.0} USD", lost.source(), lost.value()),
                None => format!("{} lists an exploit of {subject}, and no sum of it yet", listed()?.source()),
            };
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

/// Rate (annual), utilisation and the logarithm of the size; `None` where the venue cannot be read.
fn figures(venue: &VenueState) -> Option<Figures> {
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
