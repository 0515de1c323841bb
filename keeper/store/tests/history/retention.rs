//! What is old is kept by hours and days: the same numbers, and none counted twice.

use crate::bed::{Bed, observed, on_both, rate, reading};
use ballast_store::history::{
    Bucket, BucketStep, EVER, Folded, Ingested, OnBadRow, ProtocolMetrics, Pruned, Quarantined, Retention, Severity,
};
use ballast_types::Observation;

const DAY: u64 = 86_400;
const NOW: u64 = 100 * DAY + 5_000;

on_both! {
    days_are_the_same_before_and_after_folding
    hours_are_the_same_before_and_after_folding
    what_is_folded_is_taken_no_more
    a_second_run_changes_nothing
    without_a_policy_nothing_is_touched
    a_fold_counts_the_newest_version_of_a_value
    folded_buckets_are_known_when_their_last_value_was
    pruning_removes_what_the_policy_says_and_nothing_else
}

/// Every 20 minutes for 40 days, the last of them today; two sources.
fn observations() -> Vec<Observation> {
    let mut rows = Vec::new();
    for (source, step) in [("a", 1_200), ("b", 7_000)] {
        let mut time = 60 * DAY + 17;
        while time < NOW {
            let value = 0.02 + (time % 9_973) as f64 / 1e6;
            rows.push(observed(source, time, time + 30, value));
            time += step;
        }
    }
    rows
}

fn policy(raw: u32, hourly: Option<u32>) -> Retention {
    Retention { raw_days: Some(raw), hourly_days: hourly, ..Retention::default() }
}

fn assert_same(before: &[Bucket], after: &[Bucket]) {
    assert_eq!(before.len(), after.len());
    for (one, other) in before.iter().zip(after) {
        let exact = |bucket: &Bucket| {
            (bucket.source.clone(), bucket.start, bucket.count, bucket.low, bucket.high, bucket.known_at)
        };
        assert_eq!(exact(one), exact(other));
        // A sum of sums is the same numbers in another order.
        assert!((one.mean() / other.mean() - 1.0).abs() < 1e-13, "{one:?} {other:?}");
    }
}

async fn days_are_the_same_before_and_after_folding(bed: Bed) {
    let history = bed.open().await;
    let rows = observations();
    history.record(&rows).await.unwrap();
    let days = async || history.buckets(&rate(), None, BucketStep::Day, 0..NOW, EVER).await.unwrap();
    let before = days().await;
    assert_eq!(before.iter().map(|day| day.count).sum::<u64>(), rows.len() as u64);
    let done = history.downsample(NOW, &policy(10, Some(20))).await.unwrap();
    let old = rows.iter().filter(|row| row.time() < 90 * DAY).count() as u64;
    assert_eq!(done.observations, old);
    assert_eq!(bed.number("SELECT count(*) FROM observations").await as u64, rows.len() as u64 - old);
    assert_same(&before, &days().await);
    assert_eq!(bed.number("SELECT count(*) FROM buckets WHERE step = 86400").await as u64, done.days);
    assert_eq!(done.days, 40, "20 days of two sources");
    assert!(bed.number("SELECT min(start) FROM buckets WHERE step = 3600").await as u64 >= 80 * DAY);
}

async fn hours_are_the_same_before_and_after_folding(bed: Bed) {
    let history = bed.open().await;
    history.record(&observations()).await.unwrap();
    let hours = async || history.buckets(&rate(), Some("a"), BucketStep::Hour, 70 * DAY..NOW, EVER).await.unwrap();
    let before = hours().await;
    history.downsample(NOW, &policy(10, None)).await.unwrap();
    let after = hours().await;
    assert_same(&before, &after);
    assert_eq!(before, after, "an hour is added up in the same order, bit for bit");
}

async fn what_is_folded_is_taken_no_more(bed: Bed) {
    let history = bed.open().await;
    let rows = observations();
    history.record(&rows).await.unwrap();
    history.downsample(NOW, &policy(10, Some(20))).await.unwrap();
    let before = history.buckets(&rate(), None, BucketStep::Day, 0..NOW, EVER).await.unwrap();
    let again = history.record(&rows).await.unwrap();
    let old = rows.iter().filter(|row| row.time() < 90 * DAY).count() as u64;
    assert_eq!(again, Ingested { repeated: rows.len() as u64 - old, past_retention: old, ..Ingested::default() });
    assert_eq!(history.buckets(&rate(), None, BucketStep::Day, 0..NOW, EVER).await.unwrap(), before);
    // Another source of the same series was never folded.
    let backfill = history.record(&[observed("c", 61 * DAY, 61 * DAY, 0.05)]).await.unwrap();
    assert_eq!(backfill.written, 1);
}

async fn a_second_run_changes_nothing(bed: Bed) {
    let history = bed.open().await;
    let rows = observations();
    history.record(&rows).await.unwrap();
    history.downsample(NOW, &policy(10, Some(20))).await.unwrap();
    assert_eq!(history.downsample(NOW, &policy(10, Some(20))).await.unwrap(), Folded::default());
    // A day later one more day of each source.
    let later = history.downsample(NOW + DAY, &policy(10, Some(20))).await.unwrap();
    let of_that_day = rows.iter().filter(|row| row.time() / DAY == 90).count() as u64;
    assert_eq!((later.observations, later.days), (of_that_day, 2));
}

async fn without_a_policy_nothing_is_touched(bed: Bed) {
    let history = bed.open().await;
    history.record(&observations()).await.unwrap();
    let count = bed.number("SELECT count(*) FROM observations").await;
    assert_eq!(history.downsample(NOW, &Retention::default()).await.unwrap(), Folded::default());
    assert_eq!(history.prune(NOW, &Retention::default()).await.unwrap(), Pruned::default());
    assert_eq!(bed.number("SELECT count(*) FROM observations").await, count);
}

async fn a_fold_counts_the_newest_version_of_a_value(bed: Bed) {
    let history = bed.open().await;
    let rows = [observed("a", 100, 100, 0.01), observed("a", 100, 900, 0.03), observed("a", 200, 200, 0.05)];
    history.record(&rows).await.unwrap();
    history.downsample(NOW, &policy(10, None)).await.unwrap();
    let hour = history.buckets(&rate(), None, BucketStep::Hour, 0..3_600, EVER).await.unwrap().pop().unwrap();
    assert_eq!((hour.count, hour.low, hour.high, hour.known_at), (2, 0.03, 0.05, 900));
    assert_eq!(bed.number("SELECT count(*) FROM observations").await, 0);
}

async fn folded_buckets_are_known_when_their_last_value_was(bed: Bed) {
    let history = bed.open().await;
    history.record(&[observed("a", 100, 100, 0.01), observed("a", 200, 700, 0.05)]).await.unwrap();
    let hour = async |as_of| history.buckets(&rate(), None, BucketStep::Hour, 0..3_600, as_of).await.unwrap();
    assert_eq!(hour(699).await[0].count, 1);
    history.downsample(NOW, &policy(10, None)).await.unwrap();
    assert_eq!(hour(699).await, [], "no value that was not known yet");
    assert_eq!(hour(700).await[0].count, 2);
}

fn metrics(timestamp: u64) -> ProtocolMetrics {
    ProtocolMetrics {
        timestamp,
        protocol_id: "aave-v3".to_owned(),
        apy: "0.05".parse().unwrap(),
        tvl: "1000000".parse().unwrap(),
        util: None,
        risk: None,
        depth: None,
    }
}

async fn pruning_removes_what_the_policy_says_and_nothing_else(bed: Bed) {
    let history = bed.open().await;
    history.record(&observations()).await.unwrap();
    history.downsample(NOW, &policy(10, Some(20))).await.unwrap();
    let old_alert = history.raise_alert(DAY, Severity::Warning, "peg", "usdc", "0.98").await.unwrap();
    history.resolve_alert(old_alert, 2 * DAY).await.unwrap();
    history.raise_alert(DAY, Severity::Warning, "peg", "usdt", "0.98").await.unwrap();
    let line = |at| Quarantined { origin: "f".to_owned(), content: format!("{at}"), reason: "r".to_owned(), at };
    history.quarantine(&[line(5 * DAY), line(99 * DAY)]).await.unwrap();
    history.put_metrics(&[metrics(5 * DAY), metrics(40 * DAY), metrics(99 * DAY)]).await.unwrap();
    let policy = Retention {
        daily_days: Some(30),
        metrics_days: Some(30),
        alert_days: Some(30),
        quarantine_days: Some(30),
        ..Retention::default()
    };
    let done = history.prune(NOW, &policy).await.unwrap();
    assert_eq!((done.days, done.alerts, done.quarantined), (20, 1, 1));
    // Rows of the one table; months of the other: the month ahead of each stays, as long as it is not over.
    assert!(done.metrics == 2 || done.metrics_partitions >= 2, "{done:?}");
    assert_eq!(history.metrics(0..NOW).await.unwrap(), [metrics(99 * DAY)]);
    assert_eq!(history.unresolved_alerts().await.unwrap().len(), 1, "what goes on is not forgotten");
    assert_eq!(history.quarantined(9).await.unwrap(), [line(99 * DAY)]);
    let days = history.buckets(&rate(), None, BucketStep::Day, 0..NOW, EVER).await.unwrap();
    assert!(days.iter().all(|day| day.start >= 70 * DAY));
    let late = history.ingest(&[reading(i64::try_from(NOW).unwrap(), 0.05)], OnBadRow::Refuse).await.unwrap();
    assert_eq!(late.written, 1);
}

// TimescaleDB is not among the packages that the tests run on: what stands in for its function gives rows, as that does.
#[tokio::test]
async fn with_timescaledb_pruning_counts_the_chunks_that_its_function_drops() {
    let bed = Bed::postgres().await;
    bed.open().await.close().await;
    bed.intrude(
        "UPDATE partitioning SET kind = 'timescaledb';
         CREATE FUNCTION public.drop_chunks(relation REGCLASS, older_than TIMESTAMPTZ) RETURNS SETOF TEXT LANGUAGE sql AS
         $$ SELECT unnest(ARRAY['one', 'two']) $$",
    )
    .await
    .unwrap();
    let history = bed.open().await;
    let done = history.prune(NOW, &Retention { metrics_days: Some(30), ..Retention::default() }).await.unwrap();
    assert_eq!(done, Pruned { metrics_partitions: 2, ..Pruned::default() });
}
