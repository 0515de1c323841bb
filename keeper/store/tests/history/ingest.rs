//! Many rows at a time: idempotent, batch by batch, and nothing bad gets through.

use crate::bed::{Bed, RATE, TO_QUARANTINE, observed, on_both, rate, reading};
use ballast_store::HistoryError;
use ballast_store::history::{BATCH, EVER, Ingested, OnBadRow, Quarantined, Reading};

on_both! {
    the_same_rows_again_change_nothing
    a_bad_row_is_named_and_nothing_is_written
    bad_rows_go_to_the_quarantine_and_the_others_are_written
    a_contradiction_is_named_and_its_batch_is_not_written
    a_contradiction_within_a_batch_is_found
    a_contradiction_can_go_to_the_quarantine
    a_later_batch_that_fails_leaves_the_earlier_ones
    a_correction_is_no_contradiction
    rows_of_no_kind_can_be_quarantined
    a_reader_sees_whole_batches_only
    two_writers_of_the_same_rows_write_them_once
}

fn many(count: usize) -> Vec<Reading<'static>> {
    (0..count as i64).map(|row| reading(row * 60, 0.01 + (row % 1_000) as f64 / 1e5)).collect()
}

async fn the_same_rows_again_change_nothing(bed: Bed) {
    let history = bed.open().await;
    let rows = many(BATCH + 1_234);
    let count = rows.len() as u64;
    let first = history.ingest(&rows, OnBadRow::Refuse).await.unwrap();
    assert_eq!(first, Ingested { written: count, ..Ingested::default() });
    let again = history.ingest(&rows, OnBadRow::Refuse).await.unwrap();
    assert_eq!(again, Ingested { repeated: count, ..Ingested::default() });
    let overlapping = history.ingest(&many(rows.len() + 10), OnBadRow::Refuse).await.unwrap();
    assert_eq!(overlapping, Ingested { written: 10, repeated: count, ..Ingested::default() });
    assert_eq!(bed.number("SELECT count(*) FROM observations").await, count as i64 + 10);
}

/// Every kind of bad row, with what is said of it.
fn bad_rows() -> Vec<(Reading<'static>, &'static str)> {
    let good = reading(600, 0.05);
    vec![
        (Reading { value: f64::NAN, ..good }, "expected a finite number"),
        (Reading { value: f64::INFINITY, ..good }, "expected a finite number"),
        (Reading { value: -0.01, ..good }, "expected 0 to 10"),
        // ERR-23: times 365; and per cent for a fraction.
        (Reading { value: 0.05 * 365.0, ..good }, "expected 0 to 10"),
        (Reading { value: 500.0, ..good }, "expected 0 to 10"),
        (Reading { time: -1, ..good }, "expected Unix seconds"),
        (Reading { known_at: 599, ..good }, "before its own time"),
        (Reading { series: "aave", ..good }, "expected subject#metric"),
        (Reading { series: "aave#apy", ..good }, "supply_apr"),
        (Reading { source: "", ..good }, "is no source"),
        (Reading { source: "two words", ..good }, "is no source"),
    ]
}

async fn a_bad_row_is_named_and_nothing_is_written(bed: Bed) {
    let history = bed.open().await;
    for (bad, said) in bad_rows() {
        let rows = [reading(60, 0.05), reading(120, 0.05), bad, reading(180, 0.05)];
        let refused = history.ingest(&rows, OnBadRow::Refuse).await.unwrap_err();
        assert!(matches!(refused, HistoryError::BadRow { index: 2, written: 0, .. }), "{refused}");
        assert!(refused.to_string().contains("row 2") && refused.to_string().contains(said), "{said}: {refused}");
    }
    assert_eq!(bed.number("SELECT count(*) FROM observations").await, 0);
    assert_eq!(history.quarantined(10).await.unwrap(), []);
}

async fn bad_rows_go_to_the_quarantine_and_the_others_are_written(bed: Bed) {
    let history = bed.open().await;
    let bad = bad_rows();
    let mut rows = vec![reading(60, 0.05)];
    rows.extend(bad.iter().map(|(row, _)| *row));
    rows.push(reading(120, 0.05));
    for written in [2, 0] {
        let done = history.ingest(&rows, TO_QUARANTINE).await.unwrap();
        let expected = Ingested { written, repeated: 2 - written, quarantined: bad.len() as u64, past_retention: 0 };
        assert_eq!(done, expected);
        assert_eq!(history.quarantined(99).await.unwrap().len(), bad.len(), "each is kept once");
    }
    let kept = history.quarantined(99).await.unwrap();
    assert!(kept.iter().all(|row| row.origin == "rates.csv"));
    let nan = kept.iter().find(|row| row.content.contains("\"value\":\"NaN\"")).unwrap();
    assert!(nan.content.contains(RATE) && nan.reason.contains("finite"), "{nan:?}");
    assert_eq!(history.range(&rate(), None, 0..EVER, EVER).await.unwrap().len(), 2);
}

async fn a_contradiction_is_named_and_its_batch_is_not_written(bed: Bed) {
    let history = bed.open().await;
    history.ingest(&many(1_000), OnBadRow::Refuse).await.unwrap();
    let mut rows = many(2_000);
    rows[777].value = 0.9;
    let refused = history.ingest(&rows, OnBadRow::Refuse).await.unwrap_err();
    assert!(matches!(refused, HistoryError::BadRow { index: 777, written: 0, .. }), "{refused}");
    assert!(refused.to_string().contains("is 0.9, but 0.01777 was recorded"), "{refused}");
    assert_eq!(bed.number("SELECT count(*) FROM observations").await, 1_000);
}

async fn a_contradiction_within_a_batch_is_found(bed: Bed) {
    let history = bed.open().await;
    let mut rows = many(1_000);
    rows.push(Reading { value: 0.5, ..rows[3] });
    let refused = history.ingest(&rows, OnBadRow::Refuse).await.unwrap_err();
    assert!(matches!(refused, HistoryError::BadRow { index: 1_000, .. }), "{refused}");
    rows[1_000].value = rows[3].value;
    let done = history.ingest(&rows, OnBadRow::Refuse).await.unwrap();
    assert_eq!(done, Ingested { written: 1_000, repeated: 1, ..Ingested::default() });
}

async fn a_contradiction_can_go_to_the_quarantine(bed: Bed) {
    let history = bed.open().await;
    history.record(&[observed("subgraph", 60, 120, 0.05)]).await.unwrap();
    let done = history.ingest(&[reading(60, 0.06), reading(120, 0.07)], TO_QUARANTINE).await.unwrap();
    assert_eq!(done, Ingested { written: 1, quarantined: 1, ..Ingested::default() });
    let reason = &history.quarantined(1).await.unwrap()[0].reason;
    assert!(reason.contains("is 0.06, but 0.05 was recorded"), "{reason}");
    assert_eq!(history.range(&rate(), None, 60..61, EVER).await.unwrap()[0].value(), 0.05);
}

async fn a_later_batch_that_fails_leaves_the_earlier_ones(bed: Bed) {
    let history = bed.open().await;
    history.record(&[observed("subgraph", (BATCH as u64 + 5) * 60, (BATCH as u64 + 6) * 60, 0.9)]).await.unwrap();
    let refused = history.ingest(&many(BATCH + 10), OnBadRow::Refuse).await.unwrap_err();
    let HistoryError::BadRow { index, written, .. } = refused else { panic!("{refused}") };
    assert_eq!((index, written), (BATCH + 5, BATCH as u64));
    assert_eq!(bed.number("SELECT count(*) FROM observations").await, BATCH as i64 + 1);
}

async fn a_correction_is_no_contradiction(bed: Bed) {
    let history = bed.open().await;
    let corrected = Reading { known_at: 9_999, value: 0.9, ..reading(60, 0.05) };
    let done = history.ingest(&[reading(60, 0.05), corrected], OnBadRow::Refuse).await.unwrap();
    assert_eq!(done.written, 2);
}

async fn rows_of_no_kind_can_be_quarantined(bed: Bed) {
    let history = bed.open().await;
    let line = Quarantined {
        origin: "rates.csv".to_owned(),
        content: "2024-01-01,,five\0per cent".to_owned(),
        reason: "line 7: expected a number".to_owned(),
        at: 1_700_000_000,
    };
    let long = Quarantined { content: "x".repeat(100_000), ..line.clone() };
    history.quarantine(&[line.clone(), line.clone(), long]).await.unwrap();
    let kept = history.quarantined(10).await.unwrap();
    assert_eq!(kept.len(), 2);
    assert!(kept.iter().any(|row| row.content == "2024-01-01,,five\u{fffd}per cent"));
}

async fn a_reader_sees_whole_batches_only(bed: Bed) {
    let (writer, reader) = (bed.open().await, bed.open().await);
    let rows = many(3 * BATCH);
    let writing = tokio::spawn(async move { writer.ingest(&rows, OnBadRow::Refuse).await.unwrap() });
    let mut seen = Vec::new();
    loop {
        let finished = writing.is_finished();
        let summary = reader.series().await.unwrap();
        seen.push(summary.first().map_or(0, |series| series.observations));
        if finished {
            break;
        }
    }
    assert!(seen.iter().all(|count| count % BATCH as u64 == 0), "{seen:?}");
    assert_eq!(seen.last(), Some(&(3 * BATCH as u64)));
    assert_eq!(writing.await.unwrap().written, 3 * BATCH as u64);
}

async fn two_writers_of_the_same_rows_write_them_once(bed: Bed) {
    let (one, other) = (bed.open().await, bed.open().await);
    let rows = many(5_000);
    let backwards: Vec<_> = rows.iter().rev().copied().collect();
    let (first, second) = tokio::join!(one.ingest(&rows, OnBadRow::Refuse), other.ingest(&backwards, OnBadRow::Refuse));
    let (first, second) = (first.unwrap(), second.unwrap());
    assert_eq!(first.written + second.written, 5_000);
    assert_eq!(first.repeated + second.repeated, 5_000);
}
