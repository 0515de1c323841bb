//! What was known when.

use crate::bed::{Bed, observed, on_both, rate};
use ballast_store::history::{EVER, SeriesSummary};
use ballast_types::{Metric, Observation, SeriesId};
use proptest::{
    prelude::{Strategy, prop},
    strategy::ValueTree,
    test_runner::TestRunner,
};
use std::collections::{BTreeMap, BTreeSet};

on_both! {
    a_correction_keeps_what_was_known_before
    a_range_is_half_open_and_by_time_and_source
    the_latest_is_by_time_and_not_by_when_it_came
    series_are_counted
    an_observation_is_never_changed
    any_question_as_of_any_time_is_answered_as_by_a_list
    nothing_is_known_of_a_series_that_is_not_there
}

fn values(observations: &[Observation]) -> Vec<(u64, f64)> {
    observations.iter().map(|one| (one.time(), one.value())).collect()
}

async fn a_correction_keeps_what_was_known_before(bed: Bed) {
    let history = bed.open().await;
    history.record(&[observed("subgraph", 100, 160, 0.05)]).await.unwrap();
    history.record(&[observed("subgraph", 100, 500, 0.06)]).await.unwrap();
    for (as_of, expected) in
        [(159, vec![]), (160, vec![(100, 0.05)]), (499, vec![(100, 0.05)]), (500, vec![(100, 0.06)])]
    {
        let known = history.range(&rate(), None, 0..1_000, as_of).await.unwrap();
        assert_eq!(values(&known), expected, "as of {as_of}");
        assert_eq!(values(&history.latest(&rate(), as_of).await.unwrap()), expected, "latest as of {as_of}");
    }
    let corrected = history.latest(&rate(), EVER).await.unwrap().pop().unwrap();
    assert_eq!(corrected, observed("subgraph", 100, 500, 0.06));
}

async fn a_range_is_half_open_and_by_time_and_source(bed: Bed) {
    let history = bed.open().await;
    let rows = [
        observed("b", 200, 200, 0.02),
        observed("a", 300, 300, 0.03),
        observed("a", 100, 100, 0.01),
        observed("a", 200, 200, 0.04),
    ];
    history.record(&rows).await.unwrap();
    let of = async |source, times| values(&history.range(&rate(), source, times, EVER).await.unwrap());
    assert_eq!(of(None, 100..300).await, [(100, 0.01), (200, 0.04), (200, 0.02)]);
    assert_eq!(of(Some("a"), 101..301).await, [(200, 0.04), (300, 0.03)]);
    assert_eq!(of(Some("c"), 0..EVER).await, []);
}

async fn the_latest_is_by_time_and_not_by_when_it_came(bed: Bed) {
    let history = bed.open().await;
    // The older value comes last.
    let rows = [observed("a", 300, 310, 0.03), observed("a", 200, 900, 0.02), observed("b", 250, 260, 0.01)];
    history.record(&rows).await.unwrap();
    assert_eq!(values(&history.latest(&rate(), EVER).await.unwrap()), [(300, 0.03), (250, 0.01)]);
    assert_eq!(values(&history.latest(&rate(), 270).await.unwrap()), [(250, 0.01)]);
}

async fn series_are_counted(bed: Bed) {
    let history = bed.open().await;
    let rows = [observed("a", 100, 100, 0.01), observed("a", 300, 300, 0.02), observed("a", 100, 150, 0.03)];
    history.record(&rows).await.unwrap();
    let summary = SeriesSummary { series: rate(), source: "a".to_owned(), observations: 3, first: 100, last: 300 };
    assert_eq!(history.series().await.unwrap(), [summary]);
}

async fn an_observation_is_never_changed(bed: Bed) {
    let history = bed.open().await;
    history.record(&[observed("a", 100, 100, 0.01)]).await.unwrap();
    let refused = bed.intrude("UPDATE observations SET value = 0.9").await.unwrap_err().to_string();
    assert!(refused.contains("never changed"), "{refused}");
    assert_eq!(values(&history.latest(&rate(), EVER).await.unwrap()), [(100, 0.01)]);
}

async fn nothing_is_known_of_a_series_that_is_not_there(bed: Bed) {
    let history = bed.open().await;
    let other = SeriesId::new("nothing", Metric::Index).unwrap();
    assert_eq!(history.range(&other, None, 0..EVER, EVER).await.unwrap(), []);
    assert_eq!(history.latest(&other, EVER).await.unwrap(), []);
    assert_eq!(history.series().await.unwrap(), []);
}

/// The same rules on a list in memory.
fn expected(rows: &[Observation], from: u64, to: u64, as_of: u64) -> Vec<Observation> {
    let mut newest: BTreeMap<(u64, &str), &Observation> = BTreeMap::new();
    for row in rows.iter().filter(|row| (from..to).contains(&row.time()) && row.known_at() <= as_of) {
        let slot = newest.entry((row.time(), row.source())).or_insert(row);
        if row.known_at() > slot.known_at() {
            *slot = row;
        }
    }
    newest.into_values().cloned().collect()
}

async fn any_question_as_of_any_time_is_answered_as_by_a_list(bed: Bed) {
    let history = bed.open().await;
    let mut runner = TestRunner::deterministic();
    let row = (0..2_usize, 0..20_u64, 0..20_u64);
    let keys = prop::collection::vec(row, 150).new_tree(&mut runner).unwrap().current();
    let rows: Vec<Observation> = BTreeSet::from_iter(keys)
        .into_iter()
        .map(|(source, time, delay)| {
            let value = (source as u64 * 10_000 + time * 100 + delay) as f64 / 1e6;
            observed(["a", "b"][source], time, time + delay, value)
        })
        .collect();
    // In an order that is not that of time.
    let (late, early): (Vec<_>, Vec<_>) = rows.iter().cloned().partition(|row| row.value().to_bits() % 3 == 0);
    history.record(&early).await.unwrap();
    history.record(&late).await.unwrap();
    let question = (0..25_u64, 0..25_u64, 0..45_u64);
    for _ in 0..60 {
        let (from, to, as_of) = question.new_tree(&mut runner).unwrap().current();
        let answer = history.range(&rate(), None, from..to, as_of).await.unwrap();
        assert_eq!(answer, expected(&rows, from, to, as_of), "{from}..{to} as of {as_of}");
        let latest = history.latest(&rate(), as_of).await.unwrap();
        let mut wanted: BTreeMap<String, Observation> = BTreeMap::new();
        for row in expected(&rows, 0, EVER, as_of) {
            wanted.insert(row.source().to_owned(), row);
        }
        assert_eq!(latest, wanted.into_values().collect::<Vec<_>>(), "latest as of {as_of}");
    }
}
