//! Sources with a table of their own.

use super::{DAY, Place, START, Shared, text};
use axum::{
    Json, Router,
    extract::{Path, Query},
    http::{HeaderMap, StatusCode},
    routing::get,
};
use serde_json::{Value, json};
use std::{collections::BTreeMap, fs};

pub(super) fn router() -> Router<Shared> {
    Router::new().route("/glassnode/v1/metrics/market/{metric}", get(mvrv)).route("/llama/hacks", get(hacks))
}

/// Glassnode's points of the days asked for, each day its number in March; with the right key alone.
async fn mvrv(
    headers: HeaderMap,
    Path(metric): Path<String>,
    Query(query): Query<BTreeMap<String, String>>,
) -> Result<Json<Value>, StatusCode> {
    if headers.get("x-api-key").is_none_or(|key| key != "SECRETKEY") {
        return Err(StatusCode::UNAUTHORIZED);
    }
    let day = |time: u64| (time - START) as f64 / DAY as f64;
    let value = |time| if metric == "mvrv" { 2.0 + day(time) / 100.0 } else { -day(time) / 100.0 };
    let [since, until] = ["s", "u"].map(|name| query[name].parse::<u64>().unwrap());
    let times = (since.max(START)..until).step_by(usize::try_from(DAY).unwrap());
    Ok(Json(times.map(|time| json!({ "t": time, "v": value(time) })).collect()))
}

async fn hacks() -> Json<Value> {
    let hack = |name: &str, date: u64, amount: Value| {
        json!({ "name": name, "date": date, "amount": amount, "returnedFunds": null, "classification": "Protocol Logic",
                "technique": "Rounding, then \"donation\"", "source": "" })
    };
    Json(json!([
        hack("Aave V3", START, json!(1000.5)),
        hack("Old", START - DAY, json!(1)),
        hack("X", START, json!(-1))
    ]))
}

// SPEC D4
#[tokio::test(flavor = "multi_thread")]
async fn a_published_source_is_pulled_by_its_name_with_its_key_and_says_what_it_lacks() {
    let place = Place::start().await;
    let (mvrv, exploits) = (format!("mvrv={}/glassnode", place.url), format!("exploits={}/llama", place.url));
    let sources = ["--source", "mvrv", "--source-url", &mvrv, "--source", "exploits", "--source-url", &exploits];
    let pulled = place.pull(&sources).await;
    assert_eq!(pulled.status.code(), Some(0), "{}", text(&pulled));
    assert!(!text(&pulled).contains("SECRETKEY"), "{}", text(&pulled));
    assert_eq!(place.names(), ["exploits.csv.gz", "manifest.json", "mvrv.csv.gz", "refused.tsv"]);
    let lines = place.lines("mvrv");
    // The first day ends on the second; each measure has 27 ends before the 29th.
    assert_eq!(lines.len(), 1 + 2 * 27);
    assert_eq!(lines[0], "timestamp_utc,known_at_utc,series,source_id,value");
    assert_eq!(
        lines[1..3],
        ["btc#mvrv_ratio,glassnode,2", "btc#mvrv_z_score,glassnode,-0"]
            .map(|line| format!("2025-03-02T00:00:00Z,2025-03-02T00:00:00Z,{line}"))
    );
    assert_eq!(
        place.lines("exploits")[1..],
        [
            "2025-03-01,Aave V3,aave-v3,1000.5,,\"Protocol Logic: Rounding, then \"\"donation\"\"\",\"https://api.llama.fi/hacks, 2025-03-01, source: none named\""
        ]
    );
    let refused = fs::read_to_string(place.out().join("refused.tsv")).unwrap();
    assert!(refused.contains("amount is -1, expected dollars, zero or more"), "{refused}");

    let out = place.out().to_str().unwrap();
    let checked = place.ballast(&["check", "--data", out, "--json"]).await;
    for series in ["btc#mvrv_ratio", "btc#mvrv_z_score"] {
        assert!(text(&checked).contains(series), "{}", text(&checked));
    }

    let without = place.pull(&["--source", "perpetuals"]).await;
    assert_eq!(without.status.code(), Some(1), "{}", text(&without));
    assert!(text(&without).contains("COINGLASS_API_KEY is not set"), "{}", text(&without));
    for (wrong, expected) in [
        (vec!["--source", "cover"], "needs --cover PRODUCT=PROTOCOL"),
        (vec!["--source", "cover", "--cover", "x=aave-v3"], "no number of a product"),
        (vec!["--source-url", "mvrv=http://127.0.0.1:1"], "expected one of the sources that --source names"),
        (vec!["--source", "gossip"], "possible values"),
    ] {
        let refused = place.pull(&wrong).await;
        assert_eq!(refused.status.code(), Some(2), "{wrong:?}: {}", text(&refused));
        assert!(text(&refused).contains(expected), "{wrong:?}: {}", text(&refused));
    }
}
