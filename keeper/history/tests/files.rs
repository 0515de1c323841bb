//! What a directory of history may hold, and everything that may be wrong with it.

#![allow(clippy::unwrap_used)]

use ballast_history::{Dataset, HistoryError, Manifest, Series, synthetic, time};
use ballast_types::Metric;
use flate2::{Compression, write::GzEncoder};
use std::{fs, io::Write, path::Path};
use tempfile::TempDir;

const HEADER: &str = "date_utc,source_id,protocol,version,chain,asset,pool,supply_apy_pct,borrow_apy_pct,tvl_usd,borrowed_usd,utilization";
/// 2026-11-01.
const NOW: u64 = 1_793_491_200;

fn row(day: u32, rate: &str) -> String {
    format!("2024-01-{day:02},ccw_aave,aave,v3,ethereum,USDC,aUSDC,{rate},5.0,900000000,700000000,0.777")
}

fn directory(rows: &[String]) -> TempDir {
    let directory = tempfile::tempdir().unwrap();
    let content = format!("{HEADER}\n{}\n", rows.join("\n"));
    fs::write(directory.path().join("lending_rates_daily.csv"), content).unwrap();
    directory
}

fn read(directory: &TempDir) -> Dataset {
    Dataset::read(directory.path(), NOW).unwrap()
}

fn rates(dataset: &Dataset) -> &Series {
    dataset.of("aave/ethereum/usdc", Metric::SupplyApr).next().unwrap()
}

/// Ten good days, then `bad` on the eleventh: what the refusals say, and that ten values are left.
fn refused(bad: &str) -> String {
    let mut rows: Vec<String> = (1..=10).map(|day| row(day, "4.0")).collect();
    rows.push(bad.to_owned());
    let dataset = read(&directory(&rows));
    assert_eq!(rates(&dataset).points.len(), 10, "{bad}");
    let said: Vec<String> = dataset.refused.iter().map(ToString::to_string).collect();
    assert!(said.iter().all(|line| line.contains("lending_rates_daily line 12")), "the row is named: {said:?}");
    said.join("; ")
}

#[test]
fn a_row_becomes_values_with_the_time_from_which_they_can_be_known() {
    let dataset = read(&directory(&[row(1, "4.0")]));
    let point = rates(&dataset).points[0];
    assert_eq!(point.value, 0.04);
    assert_eq!((time::date(point.time), time::date(point.known_at)), ("2024-01-01".into(), "2024-01-02".into()));
    assert_eq!(point.known_at - point.time, time::DAY);
    assert!(dataset.refused.is_empty());
}

#[test]
fn numbers_that_are_none_are_refused_with_their_row() {
    assert!(refused(&row(11, "NaN")).contains("expected a finite number"));
    assert!(refused(&row(11, "inf")).contains("expected a finite number"));
    assert!(refused(&row(11, "four")).contains("expected a number"));
    assert!(refused(&row(11, "-4.0")).contains("expected 0 to 10"));
}

// ERR-23
#[test]
fn rates_in_another_unit_are_refused() {
    assert!(refused(&row(11, "400")).contains("100 times the median"));
    assert!(refused(&row(11, "1460")).contains("expected 0 to 10"), "times 365, beyond any rate");
}

#[test]
fn a_squeeze_that_is_real_is_kept() {
    let mut rows: Vec<String> = (1..=10).map(|day| row(day, "2.0")).collect();
    rows.push(row(11, "52.6"));
    assert_eq!(rates(&read(&directory(&rows))).points.len(), 11);
}

#[test]
fn malformed_rows_and_dates_are_refused() {
    assert!(refused("2024-01-11,ccw_aave,aave").contains("3 fields, expected 12"));
    assert!(refused(&row(11, "4.0").replace("2024-01-11", "11.01.2024")).contains("expected a day like"));
    assert!(refused(&row(11, "4.0").replace("2024-01-11", "2024-02-30")).contains("expected a day like"));
    assert!(refused(&row(11, "4.0").replace("2024-01-11", "2030-01-11")).contains("has not been yet"));
}

#[test]
fn a_duplicate_counts_once_and_contradictions_count_not_at_all() {
    let mut rows: Vec<String> = (1..=10).map(|day| row(day, "4.0")).collect();
    rows.push(row(5, "4.0"));
    let dataset = read(&directory(&rows));
    assert_eq!(rates(&dataset).points.len(), 10);
    assert!(dataset.refused.iter().any(|refusal| refusal.to_string().contains("already in line 6")));

    rows[10] = row(5, "4.5");
    let dataset = read(&directory(&rows));
    assert_eq!(rates(&dataset).points.len(), 9, "which of the two is right nobody knows");
    let lines: Vec<u64> = dataset.refused.iter().map(|refusal| refusal.line).collect();
    assert!(lines.contains(&6) && lines.contains(&12), "{lines:?}");
}

#[test]
fn the_order_of_the_rows_does_not_matter() {
    let rows: Vec<String> = (1..=20).map(|day| row(day, &format!("{}.5", day % 7))).collect();
    let mut reversed = rows.clone();
    reversed.reverse();
    let (once, again) = (read(&directory(&rows)), read(&directory(&reversed)));
    assert_eq!(rates(&once).points, rates(&again).points);
    assert!(rates(&once).points.windows(2).all(|pair| pair[0].time < pair[1].time));
}

#[test]
fn whether_a_value_is_used_depends_on_nothing_later() {
    let mut rows: Vec<String> = (1..=10).map(|day| row(day, "4.0")).collect();
    let before = rates(&read(&directory(&rows))).points.clone();
    rows.extend((11..=20).map(|day| row(day, "300.0")));
    let dataset = read(&directory(&rows));
    assert_eq!(rates(&dataset).points[..10], before[..]);
}

fn gzipped(content: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn written(name: &str, content: &[u8]) -> Result<Dataset, HistoryError> {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join(name), content).unwrap();
    Dataset::read(directory.path(), NOW)
}

#[test]
fn a_truncated_file_is_refused_as_a_whole() {
    let rows: Vec<String> = (1..=28).map(|day| row(day, "4.0")).collect();
    let whole = gzipped(format!("{HEADER}\n{}\n", rows.join("\n")).as_bytes());
    assert!(written("lending_rates_daily.csv.gz", &whole).is_ok());
    for cut in [whole.len() - 1, whole.len() / 2, 20] {
        let error = written("lending_rates_daily.csv.gz", &whole[..cut]).unwrap_err();
        assert!(matches!(error, HistoryError::Unreadable { .. }), "{cut}: {error}");
        assert!(error.to_string().contains("lending_rates_daily.csv.gz"));
    }
}

#[test]
fn an_empty_file_and_one_without_a_column_are_refused() {
    for content in ["", HEADER, "\n"] {
        let error = written("lending_rates_daily.csv", content.as_bytes()).unwrap_err();
        assert!(matches!(error, HistoryError::Empty { .. } | HistoryError::Column { .. }), "{content:?}: {error}");
    }
    let error = written("lending_rates_daily.csv", b"date_utc,protocol\n2024-01-01,aave\n").unwrap_err();
    assert!(error.to_string().contains("has no column supply_apy_pct"), "{error}");
}

#[test]
fn files_that_are_not_there_are_named() {
    let dataset = read(&directory(&[row(1, "4.0")]));
    assert!(dataset.absent.contains(&"eth_gas_daily"));
    assert!(!dataset.absent.contains(&"lending_rates_daily"));
}

// SPEC D13
#[test]
fn a_manifest_notices_every_change() {
    let directory = directory(&[row(1, "4.0")]);
    let manifest = Manifest::of(directory.path()).unwrap();
    assert!(manifest.differences(&Manifest::of(directory.path()).unwrap()).is_empty());
    fs::write(directory.path().join("lending_rates_daily.csv"), format!("{HEADER}\n{}\n", row(1, "4.1"))).unwrap();
    fs::write(directory.path().join("new.csv"), "a\n1\n").unwrap();
    let found = Manifest::of(directory.path()).unwrap();
    let differences = manifest.differences(&found);
    assert_eq!(differences.changed, ["lending_rates_daily.csv"]);
    assert_eq!(differences.unlisted, ["new.csv"]);
    assert_ne!(manifest.version, found.version);
    fs::remove_file(directory.path().join("lending_rates_daily.csv")).unwrap();
    assert_eq!(manifest.differences(&Manifest::of(directory.path()).unwrap()).missing, ["lending_rates_daily.csv"]);
}

#[test]
fn made_up_history_is_sound_and_the_same_every_time() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    for directory in [&one, &two] {
        synthetic::write(directory.path(), time::day("2024-01-01").unwrap(), 400, 1).unwrap();
    }
    assert_eq!(Manifest::of(one.path()).unwrap(), Manifest::of(two.path()).unwrap());
    let dataset = read(&one);
    assert_eq!(dataset.refused, []);
    assert_eq!(rates(&dataset).points.len(), 400);
}

// SPEC D9: counted where the history is there.
#[test]
fn the_shared_history_has_a_million_values_of_ten_protocols_from_three_sources() {
    let directory = Path::new("../../../shared/data");
    if !directory.is_dir() {
        eprintln!("skipped: there is no shared history");
        return;
    }
    let dataset = Dataset::read(directory, NOW).unwrap();
    let values: usize = dataset.series.iter().map(|series| series.points.len()).sum();
    let mut sources: Vec<&str> = dataset.series.iter().map(|series| series.source.as_str()).collect();
    sources.sort_unstable();
    sources.dedup();
    let mut protocols: Vec<&str> =
        dataset.series.iter().filter_map(|series| series.id.subject().split('/').next()).collect();
    protocols.sort_unstable();
    protocols.dedup();
    assert!(values >= 1_000_000, "{values}");
    assert!(protocols.len() >= 10 && sources.len() >= 3, "{} {}", protocols.len(), sources.len());
    assert!(dataset.absent.is_empty(), "{:?}", dataset.absent);
    for series in &dataset.series {
        let source = series.full_source();
        assert!(!source.is_empty() && source.len() <= 100 && !source.contains(' '), "{source}");
    }
    assert_eq!(dataset.observations().count(), values, "every value that is kept is an observation");
}

// SPEC D9
#[test]
fn a_file_of_observations_is_read_with_both_times_and_each_wrong_row_is_named() {
    let directory = directory(&[row(1, "4.0")]);
    let rows = [
        "timestamp_utc,known_at_utc,series,source_id,value",
        "2025-04-29T00:00:00Z,2025-04-30T12:00:00Z,btc#mvrv_ratio,glassnode,2.1",
        "2025-04-29T00:00:00Z,2025-04-29T00:00:00Z,btc#mvrv_z_score,glassnode,-0.2",
        "2025-04-28T00:00:00Z,2025-04-28T00:00:00Z,btc#mvrv_ratio,glassnode,-0.2",
        "2025-04-28T00:00:00Z,2025-04-27T00:00:00Z,btc#mvrv_ratio,glassnode,2.1",
        "2025-04-28T00:00:00Z,2027-04-28T00:00:00Z,btc#mvrv_ratio,glassnode,2.1",
        "2025-04-28,2025-04-28T00:00:00Z,btc#mvrv_ratio,glassnode,2.1",
        "2025-04-28T00:00:00Z,2025-04-28T00:00:00Z,btc#mvrv,glassnode,2.1",
        "2025-04-28T00:00:00Z,2025-04-28T00:00:00Z,btc#mvrv_ratio,glassnode,",
    ];
    fs::write(directory.path().join("mvrv.csv"), rows.join("\n") + "\n").unwrap();
    let dataset = read(&directory);
    let ratio = dataset.of("btc", Metric::MvrvRatio).next().unwrap();
    assert_eq!((ratio.full_source().as_str(), ratio.points.len(), ratio.points[0].value), ("glassnode", 1, 2.1));
    assert_eq!(ratio.points[0].known_at - ratio.points[0].time, 36 * 3_600);
    assert_eq!(dataset.of("btc", Metric::MvrvZScore).count(), 1);
    assert_eq!(rates(&dataset).points.len(), 1, "the other files are read too");
    let said: Vec<String> = dataset.refused.iter().map(ToString::to_string).collect();
    for (line, words) in [
        (4, "expected 0.05 to 20"),
        (5, "before its own time"),
        (6, "has not been yet"),
        (7, "expected a time"),
        (8, "no metric"),
        (9, "value is empty"),
    ] {
        let named = said.iter().any(|said| said.contains(&format!("mvrv line {line}")) && said.contains(words));
        assert!(named, "line {line}, {words}: {said:?}");
    }
    assert_eq!(said.len(), 6);
}
