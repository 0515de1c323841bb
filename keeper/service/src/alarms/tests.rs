//! The detectors, shown snapshots of the world that the decision core is tried on.
#![allow(clippy::unwrap_used, clippy::panic)]
use super::*;
use crate::history::{Names, measured, readings, world};
use ballast_allocator::record;
use ballast_store::{History, Location, Store, history::OnBadRow};
use ballast_types::{Assets, FeedReading, Metric, SeriesId};
use tempfile::TempDir;

const PERIOD: u64 = 600;
const WINDOW: usize = 20;

fn detectors(more: &str) -> Detectors {
    let config: AlarmsConfig = toml::from_str(&format!("window = {WINDOW}\nsample_minutes = 10\n{more}")).unwrap();
    let rate = config.rate(2).unwrap();
    let exploits = config.exploits.iter().map(|one| (world::AAVE, one.clone())).collect();
    let (watched, anomalies, standing) = (BTreeMap::new(), Vec::new(), Vec::new());
    let state = State { alarms: Alarms::new(config.rules()), watched, sampled: 0, anomalies, standing };
    let detector = ZScore::new(rate, config.window, Some(&HeavyTail::MEASURED)).unwrap();
    Detectors { config, detector, exploits, state: Mutex::new(state) }
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
    assert_eq!((snapshot.doubts, detectors.leaving()), (vec![], vec![]), "nobody can sell the vault out with a mood");
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
fn an_exploit_of_which_nobody_knows_the_sum_counts_until_somebody_does() {
    let detectors = detectors("exploits = [{ venue = 'aave', series = 'aave#lost_usd', least_usd = 1000, days = 3 }]");
    let (today, listed) = (world::NOW, |at| said("aave", Metric::Incidents, 2.0, at));
    let lost = |value, at| said("aave", Metric::LostUsd, value, at);
    let counts = |heard: &[Observation]| !detectors.exploits(heard, today).is_empty();
    assert!(counts(&[listed(today - DAY)]));
    assert!(counts(&[lost(5.0, today - 2 * DAY), listed(today - DAY)]), "that sum is of an earlier one");
    assert!(!counts(&[lost(5.0, today - DAY), listed(today - DAY)]), "less than matters was lost");
    assert!(!counts(&[listed(today - 3 * DAY)]), "it is old");
    assert!(!counts(&[said("morpho", Metric::Incidents, 1.0, today)]), "another's");
    let both = detectors.exploits(&[lost(5e6, today - DAY), listed(today)], today);
    assert!(both[0].detail.contains("lost 5000000 USD"), "{both:?}");
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

/// A store and a history, as an earlier run has left them.
struct Left {
    folder: TempDir,
    store: Store,
}

impl Left {
    async fn by_nobody() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open_at(&Location::Sqlite(folder.path().join("store.db"))).await.unwrap();
        Self { folder, store }
    }

    /// By a run that has seen these snapshots.
    async fn by(seen: &[Snapshot]) -> Self {
        let left = Self::by_nobody().await;
        let history = History::open(&left.history()).await.unwrap();
        for snapshot in seen {
            let (measured, time) = (measured(snapshot, &Names::of_snapshot(snapshot)), snapshot.block.timestamp);
            history.ingest(&readings(&measured, time, time), OnBadRow::Refuse).await.unwrap();
        }
        history.close().await;
        left.store.put_decision(&record(seen.last().unwrap().clone(), world::policy())).await.unwrap();
        left
    }

    fn history(&self) -> Location {
        Location::Sqlite(self.folder.path().join("history.db"))
    }
}

/// Cycles at these times, of a market that moves and an asset whose price does too; what a keeper has seen, and its detectors.
fn run(times: impl Iterator<Item = u64>) -> (Detectors, Vec<Snapshot>) {
    let (detectors, mut random) = (detectors(""), world::Random(11));
    let mut seen = Vec::new();
    for time in times {
        let mut snapshot = at(time, random.below(100));
        let price = 99_900_000 + i128::try_from(random.below(200_000)).unwrap();
        snapshot.feeds[0] = world::feed("USDC / USD", price, world::peg());
        if let FeedReading::Round { updated_at, .. } = &mut snapshot.feeds[0].reading {
            *updated_at = time;
        }
        if let VenueReading::Read { size, .. } = &mut snapshot.venues[1].reading {
            size.0 += random.below(1_000_000_000);
        }
        detectors.look(&mut snapshot, &[], time);
        seen.push(snapshot);
    }
    (detectors, seen)
}

fn remembered(detectors: &Detectors) -> (BTreeMap<Address, Watch<3>>, u64) {
    let state = detectors.state();
    (state.watched.clone(), state.sampled)
}

// SPEC R7
#[tokio::test]
async fn restarted_detectors_judge_from_their_first_sample_by_what_the_history_has() {
    // More often than samples are taken, at times of their own.
    let times = (0..3 * WINDOW as u64).map(|cycle| world::NOW + cycle * (PERIOD / 2 + 7) + cycle % 3);
    let (before, seen) = run(times);
    let left = Left::by(&seen).await;
    let after = detectors("");
    after.remember(&left.store, &left.history()).await;
    assert_eq!(remembered(&after), remembered(&before), "to the bit, whatever the asset's price did");
    let time = remembered(&before).1 + PERIOD;
    after.look(&mut at(time, 150_000), &[], time);
    assert_eq!(found(&after).iter().filter(|one| one.subject == Subject::Venue(world::AAVE)).count(), 2);
}

#[tokio::test]
async fn restarted_detectors_take_no_gap_for_a_change_and_judge_by_a_full_window_only() {
    let cycles = WINDOW as u64 + 1;
    // A keeper that stood still for an hour in the middle.
    let times = (0..cycles).map(|cycle| world::NOW + cycle * PERIOD + if cycle > cycles / 2 { 3_600 } else { 0 });
    let (before, seen) = run(times);
    let left = Left::by(&seen).await;
    let after = detectors("");
    after.remember(&left.store, &left.history()).await;
    assert_eq!(remembered(&after), remembered(&before));
    assert_eq!(remembered(&after).0[&world::AAVE].judges_by(), (WINDOW - 1, WINDOW));
    let time = remembered(&before).1 + PERIOD;
    after.look(&mut at(time, 150_000), &[], time);
    assert!(found(&after).is_empty(), "one change is missing");
    let later = detectors("");
    later.remember(&left.store, &left.history()).await;
    later.look(&mut at(time, 0), &[], time);
    later.look(&mut at(time + PERIOD, 150_000), &[], time + PERIOD);
    assert!(!found(&later).is_empty(), "now the window is full");
}

#[tokio::test]
async fn without_a_past_that_can_be_used_the_detectors_warm_up() {
    let (_, seen) = run((0..30).map(|cycle| world::NOW + cycle * PERIOD));
    let sparse: Vec<Snapshot> = seen.iter().step_by(2).cloned().collect();
    // Without any decision and history, with a decision and no history, and with samples too far apart.
    let (nothing, lost, sparse) = (Left::by_nobody().await, Left::by(&seen).await, Left::by(&sparse).await);
    std::fs::remove_file(lost.folder.path().join("history.db")).unwrap();
    for left in [&nothing, &lost, &sparse] {
        let after = detectors("");
        after.remember(&left.store, &left.history()).await;
        assert!(remembered(&after).0.values().all(|watch| watch.judges_by() == (0, WINDOW)));
    }
}
