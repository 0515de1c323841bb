//! Protocol metrics and their daily averages: exact decimals, the same on both databases.
// SPEC D6

use crate::bed::{Bed, on_both};
use ballast_store::HistoryError;
use ballast_store::history::{Apy, DailyApy, EVER, History, ProtocolMetrics};

const DAY: u64 = 86_400;
/// 2024-01-01.
const YEAR: u64 = 19_723 * DAY;

on_both! {
    decimals_are_what_was_written
    a_row_written_again_replaces_the_one_before
    days_are_averaged_in_utc
    a_protocol_id_that_does_not_fit_is_refused
    the_schema_holds_what_err_28_asks_for
}

fn row(timestamp: u64, protocol: &str, apy: &str) -> ProtocolMetrics {
    ProtocolMetrics {
        timestamp,
        protocol_id: protocol.to_owned(),
        apy: apy.parse().unwrap(),
        tvl: "123456789012345678.91".parse().unwrap(),
        util: Some("0.8312".parse().unwrap()),
        risk: Some("8.2".parse().unwrap()),
        depth: None,
    }
}

async fn decimals_are_what_was_written(bed: Bed) {
    let history = bed.open().await;
    let rows =
        [row(YEAR, "aave-v3", "0.051234"), row(YEAR, "morpho", "-0.000001"), row(YEAR + 1, "aave-v3", "9999.999999")];
    history.put_metrics(&rows).await.unwrap();
    assert_eq!(history.metrics(0..EVER).await.unwrap(), rows);
    assert_eq!(history.metrics(YEAR + 1..YEAR + 2).await.unwrap(), rows[2..]);
}

async fn a_row_written_again_replaces_the_one_before(bed: Bed) {
    let history = bed.open().await;
    history.put_metrics(&[row(YEAR, "aave-v3", "0.05")]).await.unwrap();
    history.put_metrics(&[row(YEAR, "aave-v3", "0.06")]).await.unwrap();
    assert_eq!(history.metrics(0..EVER).await.unwrap(), [row(YEAR, "aave-v3", "0.06")]);
}

async fn days_are_averaged_in_utc(bed: Bed) {
    let history = bed.open().await;
    let rows = [
        row(YEAR + DAY - 1, "aave-v3", "0.04"),
        row(YEAR + DAY, "aave-v3", "0.05"),
        row(YEAR + DAY + 3_600, "aave-v3", "0.06"),
        row(YEAR + 2 * DAY - 1, "aave-v3", "0.10"),
        row(YEAR + DAY, "morpho", "0.07"),
    ];
    history.put_metrics(&rows).await.unwrap();
    assert_eq!(history.daily_apy(0..EVER).await.unwrap(), [], "as of the last refresh");
    for _ in 0..2 {
        history.refresh_daily_apy().await.unwrap();
    }
    let days = history.daily_apy(0..EVER).await.unwrap();
    let shape = |day: &DailyApy| (day.protocol_id.clone(), day.day, day.count);
    let expected = [("aave-v3", YEAR, 1), ("aave-v3", YEAR + DAY, 3), ("morpho", YEAR + DAY, 1)];
    assert_eq!(days.iter().map(shape).collect::<Vec<_>>(), expected.map(|(id, day, n)| (id.to_owned(), day, n)));
    assert!((days[1].avg - 0.07).abs() < 1e-15);
    // Deviations −0.02, −0.01 and 0.03: (4 + 1 + 9)·10⁻⁴ / 2.
    assert!((days[1].stddev.unwrap() - 7e-4_f64.sqrt()).abs() < 1e-15);
    assert_eq!((days[0].stddev, days[2].stddev), (None, None));
}

async fn a_protocol_id_that_does_not_fit_is_refused(bed: Bed) {
    let history = bed.open().await;
    for id in ["", &"x".repeat(51)] {
        let refused = history.put_metrics(&[row(YEAR, "aave-v3", "0.05"), row(YEAR, id, "0.05")]).await.unwrap_err();
        assert!(matches!(refused, HistoryError::OutOfRange { .. }), "{refused}");
        assert!(refused.to_string().contains("1 to 50 characters"), "{refused}");
    }
    assert_eq!(history.metrics(0..EVER).await.unwrap(), []);
    history.put_metrics(&[row(YEAR, &"x".repeat(50), "0.05")]).await.unwrap();
}

async fn the_schema_holds_what_err_28_asks_for(bed: Bed) {
    // As NUMERIC on PostgreSQL; on SQLite the decimals are text and their bounds are those of the types in Rust.
    bed.open().await.close().await;
    if matches!(bed, Bed::Postgres(_)) {
        for (table, column, precision, scale) in [
            ("protocol_metrics", "apy", 10, 6),
            ("protocol_metrics", "tvl", 20, 2),
            ("protocol_metrics", "util", 5, 4),
            ("protocol_metrics", "risk", 5, 2),
            ("protocol_metrics", "depth", 20, 2),
            ("portfolio_snapshots", "sharpe", 12, 4),
            ("portfolio_snapshots", "gas", 20, 6),
            ("postings", "amount", 38, 0),
        ] {
            let found = bed
                .number(&format!(
                    "SELECT (1000 * numeric_precision + numeric_scale)::bigint FROM information_schema.columns
                     WHERE table_schema = 'history' AND table_name = '{table}' AND column_name = '{column}'"
                ))
                .await;
            assert_eq!(found, 1_000 * precision + scale, "{table}.{column}");
        }
    }
}

#[tokio::test]
async fn both_databases_average_alike() {
    let rows: Vec<ProtocolMetrics> = (0..500_u64)
        .map(|n| {
            let apy = Apy::from_units(i128::from(n * 7_919 % 100_003)).unwrap();
            ProtocolMetrics { apy, ..row(YEAR + n * 4_000, ["aave-v3", "morpho"][n as usize % 2], "0") }
        })
        .collect();
    let mut both = Vec::new();
    for bed in [Bed::sqlite().await, Bed::postgres().await] {
        let history: History = bed.open().await;
        history.put_metrics(&rows).await.unwrap();
        history.refresh_daily_apy().await.unwrap();
        both.push(history.daily_apy(0..EVER).await.unwrap());
    }
    let [sqlite, postgres] = <[Vec<DailyApy>; 2]>::try_from(both).unwrap();
    assert_eq!(sqlite.len(), postgres.len());
    for (one, other) in sqlite.iter().zip(&postgres) {
        assert_eq!((&one.protocol_id, one.day, one.count), (&other.protocol_id, other.day, other.count));
        assert!((one.avg - other.avg).abs() <= 1e-14 * other.avg, "{one:?} {other:?}");
        match (one.stddev, other.stddev) {
            (Some(one), Some(other)) => assert!((one - other).abs() <= 1e-14, "{one} {other}"),
            neither => assert_eq!(neither, (None, None)),
        }
    }
}

#[tokio::test]
async fn months_are_made_before_they_are_written_to() {
    let bed = Bed::postgres().await;
    let history = bed.open().await;
    let months = "SELECT count(*) FROM pg_inherits WHERE inhparent = 'history.protocol_metrics'::regclass";
    assert_eq!(bed.number(months).await, 0);
    // The last second of a January and the first of a February.
    history
        .put_metrics(&[row(YEAR + 31 * DAY - 1, "aave-v3", "0.05"), row(YEAR + 31 * DAY, "aave-v3", "0.05")])
        .await
        .unwrap();
    assert_eq!(bed.number(months).await, 3, "January, February, and March ahead");
    let (history_of_another, march) = (bed.open().await, |id| [row(YEAR + 65 * DAY, id, "0.05")]);
    let (a, b) = (march("a"), march("b"));
    let (one, other) = tokio::join!(history.put_metrics(&a), history_of_another.put_metrics(&b));
    one.unwrap();
    other.unwrap();
    assert_eq!(bed.number(months).await, 4);
    assert_eq!(history.metrics(0..EVER).await.unwrap().len(), 4);
}
