//! Each fault on each source: what is refused, with which words, after how many requests (SPEC D12, D10).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use ballast_feeds::{FeedError, Gathered};
use futures::{StreamExt, stream};
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use support::{
    Canned, Server,
    sources::{Case, NOW, all, day},
};
use tokio::sync::Semaphore;

/// Places for all tests of this file together: on a busy machine, more would let requests time out that should not.
static PLACES: Semaphore = Semaphore::const_new(12);

async fn some_at_once<F: Future<Output = ()>>(tests: impl IntoIterator<Item = F>) {
    let placed = tests.into_iter().map(async |test| {
        let _place = PLACES.acquire().await.unwrap();
        test.await;
    });
    stream::iter(placed).buffer_unordered(12).collect().await
}

async fn latest(case: &Case, answers: Vec<Canned>) -> (Result<Gathered, FeedError>, usize) {
    let server = Server::start(answers).await;
    let result = (case.build)(&server.url).latest(NOW).await;
    (result, server.asked().len())
}

fn value_of(case: &Case, gathered: &Gathered) -> Option<f64> {
    let mut of_series = gathered.observations.iter().filter(|observation| observation.series() == &case.series);
    let value = of_series.next().map(ballast_types::Observation::value);
    assert!(of_series.next().is_none(), "{}: the newest is one", case.name);
    value
}

fn assert_good(case: &Case, result: Result<Gathered, FeedError>) {
    let gathered = result.unwrap_or_else(|error| panic!("{}: {error}", case.name));
    let value = value_of(case, &gathered).unwrap_or_else(|| panic!("{}: {:?}", case.name, gathered.refused));
    assert!((value - case.expected).abs() < 1e-12, "{}: {value}", case.name);
}

/// The answer with the value at the case's place replaced.
fn with_value(case: &Case, change: impl Fn(&Value) -> Value) -> String {
    let mut document: Value = serde_json::from_str(case.latest).unwrap();
    let value = document.pointer_mut(case.value).unwrap();
    *value = change(value);
    document.to_string()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passing_fault_is_outlived() {
    let cases = all();
    let faults = |case: &Case| {
        vec![
            Canned::Status(500, "{}".to_owned()),
            Canned::Status(503, "{}".to_owned()),
            Canned::Silence,
            Canned::Limited(None),
            Canned::Broken(case.latest.to_owned()),
            Canned::Typed("application/json".to_owned(), case.latest[..case.latest.len() / 2].to_owned()),
            Canned::Typed("text/html".to_owned(), "<html>Bad gateway</html>".to_owned()),
        ]
    };
    let tried = cases.iter().flat_map(|case| faults(case).into_iter().map(move |fault| (case, fault)));
    some_at_once(tried.map(async |(case, fault)| {
        let limited = matches!(fault, Canned::Limited(_));
        let (result, requests) = latest(case, vec![fault, Canned::Json(case.latest.to_owned())]).await;
        assert_good(case, result);
        // One that has another key tries that at once; it is one request more all the same.
        assert_eq!(requests, 2, "{} {limited}", case.name);
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_lasting_fault_is_given_up_after_the_attempts_and_says_what_was_expected() {
    type Fault = (fn(&Case) -> Canned, fn(&FeedError) -> bool, &'static str, usize);
    let faults: Vec<Fault> = vec![
        (
            |_| Canned::Status(500, r#"{"error":"internal"}"#.into()),
            |e| matches!(e, FeedError::Status { status: 500, .. }),
            "expected 200",
            3,
        ),
        (
            |_| Canned::Status(404, r#"{"error":"no such pool"}"#.into()),
            |e| matches!(e, FeedError::Status { status: 404, .. }),
            "no such pool",
            1,
        ),
        (|_| Canned::Silence, |e| matches!(e, FeedError::TimedOut { .. }), "within 1.2", 3),
        (
            |case| Canned::Drip(case.latest.into(), Duration::from_millis(50)),
            |e| matches!(e, FeedError::TimedOut { .. }),
            "within 1.2",
            3,
        ),
        (|case| Canned::Broken(case.latest.into()), |e| matches!(e, FeedError::Unreachable { .. }), "not reached", 3),
        (
            |case| Canned::Json(case.latest[..case.latest.len() / 2].into()),
            |e| matches!(e, FeedError::NotJson { .. }),
            "no whole JSON",
            3,
        ),
        (
            |case| Canned::Json(format!("{}{{}}", case.latest)),
            |e| matches!(e, FeedError::NotJson { .. }),
            "no whole JSON",
            3,
        ),
        (
            |_| Canned::Typed("text/html".into(), "<html>Checking your browser</html>".into()),
            |e| matches!(e, FeedError::ContentType { .. }),
            "Checking your browser",
            3,
        ),
        (
            |case| Canned::Typed("text/plain".into(), case.latest.into()),
            |e| matches!(e, FeedError::ContentType { .. }),
            "expected application/json",
            3,
        ),
        (
            |_| Canned::Huge(1 << 20),
            |e| matches!(e, FeedError::TooLarge { limit: 65_536, .. }),
            "more than 65536 bytes",
            1,
        ),
        (
            |_| Canned::Json(r#"{"ok":true}"#.into()),
            |e| matches!(e, FeedError::Shape { .. } | FeedError::Empty { .. }),
            "",
            1,
        ),
        (|_| Canned::Json("[1,2]".into()), |e| matches!(e, FeedError::Shape { .. }), "another shape", 1),
        (|_| Canned::Json("NaN".into()), |e| matches!(e, FeedError::NotJson { .. }), "no whole JSON", 3),
    ];
    let cases = all();
    let tried = cases.iter().flat_map(|case| faults.iter().map(move |fault| (case, fault)));
    some_at_once(tried.map(async |(case, (fault, is_right, words, requests))| {
        let fault = fault(case);
        let shown = format!("{} {}", case.name, format!("{fault:?}").chars().take(60).collect::<String>());
        let (result, asked) = latest(case, vec![fault]).await;
        let error = result.expect_err(&shown);
        assert!(is_right(&error), "{shown}: {error:?}");
        assert!(error.to_string().contains(words), "{shown}: {error}");
        assert!(error.to_string().contains("http://127.0.0.1:"), "{shown}: it does not say who: {error}");
        assert_eq!(asked, *requests, "{shown}: {error}");
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn retry_after_is_kept_to_and_more_than_our_patience_is_not_waited_for() {
    let cases: Vec<_> = all().into_iter().filter(|case| case.name != "dune").collect();
    some_at_once(cases.iter().map(async |case| {
        let start = Instant::now();
        let answers = vec![Canned::Limited(Some("1".to_owned())), Canned::Json(case.latest.to_owned())];
        assert_good(case, latest(case, answers).await.0);
        assert!(start.elapsed() >= Duration::from_secs(1), "{}", case.name);

        let start = Instant::now();
        let (result, asked) = latest(case, vec![Canned::Limited(Some("600".to_owned()))]).await;
        let error = result.unwrap_err();
        assert!(matches!(error, FeedError::Limited { .. }), "{error:?}");
        assert!(error.to_string().contains("600 s"), "{error}");
        assert!(asked == 1 && start.elapsed() < Duration::from_secs(2), "{}", case.name);
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_that_is_negative_no_number_of_another_unit_or_missing_is_refused_with_its_row() {
    // Rates and prices keep their encoding: a number stays one, a string stays a string.
    fn text(value: &Value) -> String {
        value.as_str().map_or_else(|| value.to_string(), str::to_owned)
    }
    fn like(value: &Value, text: String) -> Value {
        if value.is_string() { json!(text) } else { serde_json::from_str(&text).unwrap_or(json!(text)) }
    }
    type Change = (&'static str, fn(&Value) -> Value);
    let changes: [Change; 6] = [
        ("negative", |value| like(value, format!("-{}", text(value)))),
        ("times 100", |value| {
            let text = text(value);
            // Integers in strings have too many digits for a float.
            let times = if text.contains('.') {
                (text.parse::<f64>().unwrap() * 100.0).to_string()
            } else {
                format!("{text}00")
            };
            like(value, times)
        }),
        ("NaN", |_| json!("NaN")),
        ("infinity", |_| json!("inf")),
        ("words", |_| json!("about four percent")),
        ("a list", |_| json!([4.2])),
    ];
    let cases = all();
    let tried = cases.iter().flat_map(|case| changes.iter().map(move |change| (case, change)));
    some_at_once(tried.map(async |(case, (name, change))| {
        let shown = format!("{}, {name}", case.name);
        let (result, _) = latest(case, vec![Canned::Json(with_value(case, change))]).await;
        let gathered = result.unwrap_or_else(|error| panic!("{shown}: {error}"));
        // A source that gives several days falls back to the day before, which is what it is.
        assert_ne!(value_of(case, &gathered), Some(case.expected), "{shown}");
        assert!(gathered.observations.iter().all(|one| one.value().is_finite() && one.value() >= 0.0), "{shown}");
        assert!(!gathered.refused.is_empty(), "{shown}: {gathered:?}");
        assert!(gathered.refused.iter().all(|refused| refused.why.len() > 10), "{shown}: {:?}", gathered.refused);
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_empty_list_is_an_error_and_not_a_value() {
    let cases = all();
    some_at_once(cases.iter().filter(|case| !case.name.ends_with("subgraph") || case.name.starts_with("aave")).map(
        async |case| {
            let mut document: Value = serde_json::from_str(case.latest).unwrap();
            let list = document.pointer_mut(case.list).unwrap();
            *list = if list.is_array() { json!([]) } else { json!({}) };
            let (result, asked) = latest(case, vec![Canned::Json(document.to_string())]).await;
            let error = result.expect_err(case.name);
            assert!(matches!(error, FeedError::Empty { .. }), "{}: {error:?}", case.name);
            assert!(error.to_string().contains("expected at least one") && asked == 1, "{}: {error}", case.name);
        },
    ))
    .await;
    // A day without trade has no entity: that is no error, but no value either.
    for case in cases.iter().filter(|case| case.name.ends_with("subgraph") && !case.name.starts_with("aave")) {
        let mut document: Value = serde_json::from_str(case.latest).unwrap();
        *document.pointer_mut(case.list).unwrap() = json!([]);
        let (result, _) = latest(case, vec![Canned::Json(document.to_string())]).await;
        assert!(result.unwrap().observations.is_empty(), "{}", case.name);
    }
}

// SPEC D10
#[tokio::test(flavor = "multi_thread")]
async fn rows_out_of_order_or_twice_change_nothing() {
    let cases = all();
    some_at_once(cases.iter().filter_map(|case| Some((case, case.history?))).map(async |(case, (history, list))| {
        let of = async |answer: String| {
            let server = Server::json(&answer).await;
            let span = day("2025-04-27", "2025-04-30");
            (case.build)(&server.url).range(span, NOW).await.unwrap_or_else(|error| panic!("{}: {error}", case.name))
        };
        let changed = |change: fn(&mut Vec<Value>)| {
            let mut document: Value = serde_json::from_str(history).unwrap();
            change(document.pointer_mut(list).unwrap().as_array_mut().unwrap());
            document.to_string()
        };
        let good = of(history.to_owned()).await;
        assert!(good.observations.len() >= 2, "{}: {good:?}", case.name);
        let reversed = of(changed(|rows| rows.reverse())).await;
        assert_eq!(reversed.observations, good.observations, "{}", case.name);
        let twice = of(changed(|rows| rows.push(rows[0].clone()))).await;
        assert_eq!(twice.observations, good.observations, "{}", case.name);
    }))
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_of_the_future_is_refused() {
    let server = Server::json(include_str!("recorded/pyth_latest.json")).await;
    let pyth = all().into_iter().find(|case| case.name == "pyth").unwrap();
    let gathered = (pyth.build)(&server.url).latest(NOW - 86_400).await.unwrap();
    assert!(gathered.observations.is_empty());
    assert!(gathered.refused[0].why.contains("after the time of asking"), "{:?}", gathered.refused);
}
