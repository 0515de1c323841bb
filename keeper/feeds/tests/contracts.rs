//! What each source is asked and what its recorded answer means, value by value.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use ballast_feeds::{
    FeedError, Gathered, Head, Http, HttpSettings, KeyPlace, KeyRing, Kind,
    sources::defillama::{DefiLlamaYields, Pool, Quoted},
    units::apr_of_apy,
};
use serde_json::{Value, json};
use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};
use support::{
    Canned, Server,
    sources::{Case, NOW, POOL, all, bounds, day, http, settings},
};

fn case(name: &str) -> Case {
    all().into_iter().find(|case| case.name == name).unwrap()
}

/// `subject#metric time known value`, rounded to nine places.
fn lines(gathered: &Gathered) -> Vec<String> {
    let line = |one: &ballast_types::Observation| {
        format!("{} {} {} {}", one.series(), one.time(), one.known_at(), (one.value() * 1e9).round() / 1e9)
    };
    gathered.observations.iter().map(line).collect()
}

// SPEC D4, D11
#[tokio::test(flavor = "multi_thread")]
async fn every_source_gives_what_its_recorded_answer_says_and_where_it_is_from() {
    let mut kinds = BTreeSet::new();
    for case in all() {
        let server = Server::json(case.latest).await;
        let feed = (case.build)(&server.url);
        let gathered = feed.latest(NOW).await.unwrap();
        let of_series: Vec<_> = gathered.observations.iter().filter(|one| one.series() == &case.series).collect();
        assert_eq!(of_series.len(), 1, "{}: {gathered:?}", case.name);
        assert!((of_series[0].value() - case.expected).abs() < 1e-12, "{}", case.name);
        assert!(gathered.refused.is_empty(), "{}: {:?}", case.name, gathered.refused);
        let provenance = &gathered.provenance;
        assert_eq!((provenance.source.as_str(), provenance.endpoint.as_str()), (feed.source(), server.url.as_str()));
        assert_eq!(provenance.fetched_at, NOW);
        kinds.insert(feed.kind());
        let named = feed.series();
        assert!(named.is_sorted(), "{}", case.name);
        for one in &gathered.observations {
            assert!(named.contains(one.series()), "{}: {} is not announced", case.name, one.series());
            assert_eq!((one.source(), one.known_at()), (feed.source(), NOW), "{}", case.name);
        }
    }
    // Those on the chain are in another test.
    assert_eq!(kinds.into_iter().collect::<Vec<_>>(), [Kind::Market, Kind::Protocol, Kind::Sentiment]);
}

#[tokio::test(flavor = "multi_thread")]
async fn defillama_is_asked_for_the_pools_chart_and_a_day_was_known_when_it_was_sampled() {
    let case = case("defillama yields");
    let server = Server::json(case.history.unwrap().0).await;
    let gathered = (case.build)(&server.url).range(day("2025-04-28", "2025-04-30"), NOW).await.unwrap();
    assert_eq!(server.asked()[0].uri, format!("/chart/{POOL}"));
    assert_eq!(
        lines(&gathered),
        [
            "aave/usdc#supply_apr 1745881287 1745881287 0.0411",
            "aave/usdc#supply_apr 1745967689 1745967689 0.042",
            "aave/usdc#tvl_usd 1745881287 1745881287 1201234567",
            "aave/usdc#tvl_usd 1745967689 1745967689 1204433821",
        ],
        "the last day's rewards of 0.4 % are no part of the rate"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_yield_that_compounds_is_turned_into_a_rate_and_one_mixed_with_rewards_is_refused() {
    let pool = || vec![Pool::new(POOL, "aave/usdc", Quoted::Apy).unwrap()];
    let server = Server::json(include_str!("recorded/defillama_pools.json")).await;
    let gathered = DefiLlamaYields::new(http(&server.url), pool(), bounds()).latest_rate().await;
    assert_eq!(gathered, Ok(apr_of_apy(0.042).unwrap()));

    let mut mixed: Value = serde_json::from_str(include_str!("recorded/defillama_pools.json")).unwrap();
    mixed["data"][1]["apyBase"] = Value::Null;
    let server = Server::json(&mixed.to_string()).await;
    let gathered = DefiLlamaYields::new(http(&server.url), pool(), bounds()).latest_rate().await;
    assert_eq!(gathered, Ok(apr_of_apy(0.042).unwrap()), "without rewards, apy is the rate");
    mixed["data"][1]["apyReward"] = json!(0.5);
    let server = Server::json(&mixed.to_string()).await;
    let refused = DefiLlamaYields::new(http(&server.url), pool(), bounds()).latest_rate().await.unwrap_err();
    assert!(refused.contains("apyBase"), "{refused}");
}

/// The rate, or why there is none.
trait LatestRate {
    async fn latest_rate(&self) -> Result<f64, String>;
}

impl LatestRate for DefiLlamaYields {
    async fn latest_rate(&self) -> Result<f64, String> {
        let gathered = ballast_feeds::Feed::latest(self, NOW).await.unwrap();
        let mut rates = gathered.observations.iter().filter(|one| one.series().to_string().ends_with("supply_apr"));
        rates.next().map(ballast_types::Observation::value).ok_or_else(|| gathered.refused[0].why.clone())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_price_chart_is_asked_for_in_parts_of_500_points() {
    let case = case("defillama prices");
    let server = Server::json(case.history.unwrap().0).await;
    let gathered = (case.build)(&server.url).range(day("2025-04-01", "2025-04-30"), NOW).await.unwrap();
    let asked: Vec<_> = server.asked().into_iter().map(|asked| asked.uri).collect();
    assert_eq!(asked.len(), 2, "696 hours: {asked:?}");
    assert!(asked[0].ends_with("?start=1743465600&span=500&period=60m&searchWidth=1800"), "{asked:?}");
    assert!(asked[1].contains("start=1745265600&span=196&"), "{asked:?}");
    assert_eq!(gathered.observations.len(), 3);
    assert_eq!(gathered.refused.len(), 3, "the same rows in both parts count once");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_price_its_own_source_is_unsure_of_is_refused() {
    for (name, pointer, unsure) in [
        ("defillama prices", "/coins/ethereum:0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48/confidence", json!(0.5)),
        ("pyth", "/parsed/0/price/conf", json!("2000000")),
    ] {
        let case = case(name);
        let mut document: Value = serde_json::from_str(case.latest).unwrap();
        *document.pointer_mut(pointer).unwrap() = unsure;
        let server = Server::json(&document.to_string()).await;
        let gathered = (case.build)(&server.url).latest(NOW).await.unwrap();
        assert!(gathered.observations.is_empty(), "{name}");
        assert!(gathered.refused[0].why.contains("confidence"), "{:?}", gathered.refused);
    }
}

// SPEC D1, ERR-23, ERR-24
#[tokio::test(flavor = "multi_thread")]
async fn aaves_reserve_is_in_annual_fractions_and_usd_and_says_how_far_the_indexer_is() {
    let case = case("aave subgraph");
    let server = Server::json(case.latest).await;
    let gathered = (case.build)(&server.url).latest(NOW).await.unwrap();
    assert_eq!(
        lines(&gathered),
        [
            "aave/usdc#supply_apr 1746014375 1746014400 0.042",
            "aave/usdc#borrow_apr 1746014375 1746014400 0.0551",
            "aave/usdc#supplied_usd 1746014375 1746014400 4999225600",
            "aave/usdc#borrowed_usd 1746014375 1746014400 3999380480",
            "aave/usdc#liquidity_usd 1746014375 1746014400 999845120",
            "aave/usdc#utilisation 1746014375 1746014400 0.8",
        ]
    );
    assert_eq!(gathered.head, Some(Head { block: 22_381_234, time: Some(1_746_014_387) }));
    let asked = &server.asked()[0];
    assert_eq!((asked.method.as_str(), asked.uri.as_str()), ("POST", "/subgraphs/id/aave"));
    let body: Value = serde_json::from_str(&asked.body).unwrap();
    let query = body["query"].as_str().unwrap();
    assert!(query.contains("orderBy: liquidityRate") && query.contains("_meta"), "{query}");
    assert_eq!(
        body["variables"]["ids"],
        json!(["0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb480x2f39d218133afab8f2b819b1066c7e434ad94e9e"])
    );
}

// SPEC D1
#[tokio::test(flavor = "multi_thread")]
async fn of_several_changes_in_one_block_the_last_is_its_state() {
    let case = case("aave subgraph");
    let server = Server::json(case.history.unwrap().0).await;
    let gathered = (case.build)(&server.url).range(day("2025-04-28", "2025-04-29"), NOW).await.unwrap();
    let rates: Vec<_> = lines(&gathered).into_iter().filter(|line| line.contains("supply_apr")).collect();
    assert_eq!(
        rates,
        ["aave/usdc#supply_apr 1745881211 1745881211 0.041", "aave/usdc#supply_apr 1745881223 1745881223 0.042"]
    );
    assert!(gathered.refused.is_empty(), "{:?}", gathered.refused);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subgraph_with_errors_of_its_own_is_not_believed() {
    let with_indexing_errors = include_str!("recorded/aave_reserves.json").replace("Errors\": false", "Errors\": true");
    for (answer, words) in [
        (r#"{"errors":[{"message":"bad indexers: Timeout"}],"data":null}"#.to_owned(), "bad indexers: Timeout"),
        (r#"{"errors":[{"message":"Type `Query` has no field `reserve`"}]}"#.to_owned(), "no field"),
        (with_indexing_errors, "indexing errors at block 22381234"),
    ] {
        let server = Server::json(&answer).await;
        let error = (case("aave subgraph").build)(&server.url).latest(NOW).await.unwrap_err();
        assert!(matches!(error, FeedError::Declined { .. }) && error.to_string().contains(words), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_page_is_followed_by_the_next_and_no_entity_counts_twice() {
    let day_of = |n: u64| {
        json!({ "id": format!("pool-{n}"), "date": 1_600_000_000 - 1_600_000_000 % 86_400 + n * 86_400, "tvlUSD": "1000000",
                "volumeUSD": "5000", "feesUSD": "20" })
    };
    let page = |days: Vec<Value>| {
        let meta = json!({ "block": { "number": 1, "timestamp": null }, "hasIndexingErrors": false });
        Canned::Json(json!({ "data": { "poolDayDatas": days, "_meta": meta } }).to_string())
    };
    // The second page begins with the last day of the first.
    let pages = [page((0..1_000).map(day_of).collect()), page((999..1_200).map(day_of).collect())];
    let mut settings = settings();
    settings.max_body = 1 << 20;
    settings.timeout = Duration::from_secs(5);
    let server = Server::start(pages).await;
    let subgraph = ballast_feeds::sources::subgraph::Subgraph::new(Http::new(&server.url, settings).unwrap(), "q");
    let pool = ballast_feeds::sources::subgraph::UniswapPool::new("0x01", "uniswap/x").unwrap();
    let feed = ballast_feeds::sources::subgraph::UniswapSubgraph::new(subgraph, vec![pool], bounds());
    let gathered = ballast_feeds::Feed::range(&feed, day("2020-01-01", "2025-01-01"), NOW).await.unwrap();
    assert_eq!((gathered.observations.len(), gathered.refused.len()), (3 * 1_200, 0));
    assert_eq!(server.asked().len(), 2);
}

// SPEC D1
#[tokio::test(flavor = "multi_thread")]
async fn a_day_of_uniswap_or_curve_was_not_known_before_it_was_over() {
    for (name, expected) in [
        (
            "uniswap subgraph",
            vec![
                "uniswap/usdc-usdt#supply_apr 1745884800 1745971200 0.073",
                "uniswap/usdc-usdt#tvl_usd 1745884800 1745971200 30100000",
                "uniswap/usdc-usdt#volume_usd 1745884800 1745971200 60200000",
            ],
        ),
        (
            "curve subgraph",
            vec![
                "curve/3pool#tvl_usd 1745884800 1745971200 174000000.75",
                "curve/3pool#share_price 1745884800 1745971200 1.039421",
                "curve/3pool/amplification#index 1745884800 1745971200 4000",
                "curve/3pool/coin-0#liquidity_usd 1745884800 1745971200 59000000.25",
                "curve/3pool/coin-1#liquidity_usd 1745884800 1745971200 58000000.25",
                "curve/3pool/coin-2#liquidity_usd 1745884800 1745971200 57000000.25",
            ],
        ),
    ] {
        let case = case(name);
        let server = Server::json(case.latest).await;
        let feed = (case.build)(&server.url);
        // The third day of the recording is not over yet.
        let gathered = feed.range(day("2025-04-29", "2025-05-01"), NOW).await.unwrap();
        assert_eq!(lines(&gathered), expected, "{name}");
        let the_evening_before = feed.range(day("2025-04-29", "2025-05-01"), 1_745_971_199).await.unwrap();
        assert!(the_evening_before.observations.is_empty(), "{name}");
    }
}

// SPEC D3
#[tokio::test(flavor = "multi_thread")]
async fn dunes_result_was_known_when_its_execution_ended() {
    let case = case("dune");
    let server = Server::json(case.latest).await;
    let gathered = (case.build)(&server.url).range(day("2025-04-28", "2025-04-30"), NOW).await.unwrap();
    assert_eq!(
        lines(&gathered),
        [
            "aave/usdc#supply_apr 1745798400 1745993061 0.0405",
            "aave/usdc#supply_apr 1745884800 1745993061 0.042",
            "aave/usdc/volatility-30d#index 1745798400 1745993061 0.0061",
        ]
    );
    let asked = &server.asked()[0];
    assert_eq!(asked.uri, "/api/v1/query/1215383/results?limit=1000&offset=0");
    assert_eq!(asked.headers["x-dune-api-key"], "key-one");
}

// SPEC D3
#[tokio::test(flavor = "multi_thread")]
async fn a_query_that_failed_or_runs_still_gives_nothing() {
    for (state, error) in
        [("QUERY_STATE_EXECUTING", Value::Null), ("QUERY_STATE_FAILED", json!({ "message": "line 1:1" }))]
    {
        let answer = json!({ "state": state, "error": error });
        let server = Server::json(&answer.to_string()).await;
        let failed = (case("dune").build)(&server.url).latest(NOW).await.unwrap_err().to_string();
        assert!(failed.contains(state) && failed.contains("expected QUERY_STATE_COMPLETED"), "{failed}");
    }
}

// SPEC D12
#[tokio::test(flavor = "multi_thread")]
async fn a_refused_or_exhausted_key_gives_way_to_the_next_and_no_error_shows_one() {
    let case = case("dune");
    for status in [401, 403, 429] {
        let server = Server::start([
            Canned::Status(status, r#"{"error":"invalid API key key-one"}"#.to_owned()),
            Canned::Json(case.latest.to_owned()),
        ])
        .await;
        let feed = (case.build)(&server.url);
        let start = Instant::now();
        feed.latest(NOW).await.unwrap();
        feed.latest(NOW).await.unwrap();
        let keys: Vec<_> = server.asked().iter().map(|asked| asked.headers["x-dune-api-key"].clone()).collect();
        assert_eq!(keys, ["key-one", "key-two", "key-two"], "{status}");
        assert!(start.elapsed() < Duration::from_millis(700), "another key is tried at once");
    }
    let server = Server::start([Canned::Status(403, r#"{"error":"no key-one, no key-two"}"#.to_owned())]).await;
    let error = (case.build)(&server.url).latest(NOW).await.unwrap_err();
    assert_eq!(server.asked().len(), 2, "each key once");
    assert!(error.to_string().contains("DUNE_API_KEY"), "{error}");
    assert!(!format!("{error} {error:?}").contains("key-"), "{error:?}");
    let server = Server::start([Canned::Status(500, r#"{"error":"key-one"}"#.to_owned())]).await;
    let error = (case.build)(&server.url).latest(NOW).await.unwrap_err();
    assert!(!format!("{error} {error:?}").contains("key-"), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_bearer_key_and_a_path_in_the_base_url_are_sent_and_not_shown() {
    let server = Server::start([Canned::Status(404, "{}".to_owned())]).await;
    let keys = KeyRing::parse("graph", "GRAPH_API_KEY", "key-one").unwrap();
    let http = Http::new(&format!("{}/api/SECRETPATH", server.url), settings()).unwrap();
    let http = http.with_keys(KeyPlace::Bearer, keys);
    let error = http.get::<Value>("pools", &[]).await.unwrap_err();
    let asked = &server.asked()[0];
    assert_eq!(asked.uri, "/api/SECRETPATH/pools");
    assert_eq!(asked.headers["authorization"], "Bearer key-one");
    assert!(!format!("{error} {error:?} {http:?}").contains("SECRETPATH"), "{error:?}");
}

// SPEC D12
#[tokio::test(flavor = "multi_thread")]
async fn requests_are_spread_out_as_the_source_allows() {
    let server = Server::json("{}").await;
    let settings = settings().limited(20, Duration::from_secs(1));
    let http = Http::new(&server.url, settings).unwrap();
    let start = Instant::now();
    for _ in 0..20 {
        http.get::<Value>("x", &[]).await.unwrap();
    }
    // Two at once, then one each 1/18 s.
    assert!(start.elapsed() >= Duration::from_millis(990), "{:?}", start.elapsed());

    let settings =
        HttpSettings { patience: Duration::from_millis(100), ..settings.limited(2, Duration::from_secs(60)) };
    let impatient = Http::new(&server.url, settings).unwrap();
    impatient.get::<Value>("x", &[]).await.unwrap();
    let error = impatient.get::<Value>("x", &[]).await.unwrap_err();
    assert!(matches!(error, FeedError::Limited { .. }), "{error:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_redirect_is_not_followed_and_a_strange_url_is_refused() {
    let elsewhere = Server::json("{}").await;
    let server = Server::start([Canned::Status(302, "{}".to_owned())]).await;
    let error = http(&server.url).get::<Value>("x", &[]).await.unwrap_err();
    assert!(matches!(error, FeedError::Status { status: 302, .. }) && elsewhere.asked().is_empty(), "{error:?}");
    for bad in ["ftp://host/KEYKEYKEY", "nonsense KEYKEYKEY"] {
        let error = Http::new(bad, settings()).unwrap_err().to_string();
        assert!(error.contains("cannot be asked") && !error.contains("KEYKEYKEY"), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn coingeckos_milliseconds_are_seconds_here_and_its_history_has_the_capitalisation() {
    let case = case("coingecko");
    let server = Server::json(case.history.unwrap().0).await;
    let gathered = (case.build)(&server.url).range(day("2025-04-29", "2025-04-30"), NOW).await.unwrap();
    assert_eq!(lines(&gathered)[0], "usdc#price_usd 1745884800 1745884800 0.99991");
    assert_eq!(gathered.observations.len(), 6);
    let uri = &server.asked()[0].uri;
    assert!(
        uri.starts_with("/coins/usd-coin/market_chart/range?vs_currency=usd&from=1745884800&to=1745971199"),
        "{uri}"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn pyths_history_is_one_request_a_step_and_too_many_are_refused_beforehand() {
    let case = case("pyth");
    let server = Server::json(&case.latest.replace("1746014395", "1745884801")).await;
    let feed = (case.build)(&server.url);
    let gathered = feed.range(day("2025-04-29", "2025-04-29T03:00"), NOW).await.unwrap();
    let uris: Vec<_> = server.asked().into_iter().map(|asked| asked.uri).collect();
    assert_eq!(uris.len(), 3);
    assert!(uris[0].starts_with("/v2/updates/price/1745884800?ids%5B%5D=eaa020c6"), "{uris:?}");
    assert_eq!(lines(&gathered), ["usdc#price_usd 1745884801 1745884801 0.99984512"]);
    let error = feed.range(day("2020-01-01", "2025-01-01"), NOW).await.unwrap_err().to_string();
    assert!(error.contains("at most 2000") && error.contains("longer step"), "{error}");
}
