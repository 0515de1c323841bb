//! What the sources of indicators and of facts about protocols are asked, and what their recorded answers mean.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use ballast_feeds::{
    Feed, FeedError, Gathered, Staleness,
    sources::{
        circle::Circle,
        coinglass::Figure,
        cryptoquant::Flow,
        defillama::{AuditListing, Audited},
        deribit::Deribit,
        glassnode::Mvrv,
    },
    staleness,
};
use ballast_risk::facts::{Facts, ListedExploit};
use ballast_risk::score::Exploit;
use serde_json::{Value, json};
use std::time::{Duration, Instant};
use support::{
    Canned, Server, indicators, protocols,
    sources::{NOW, all, bounds, day, http},
};

fn lines(gathered: &Gathered) -> Vec<String> {
    let line = |one: &ballast_types::Observation| {
        format!("{} {} {} {}", one.series(), one.time(), one.known_at(), (one.value() * 1e9).round() / 1e9)
    };
    gathered.observations.iter().map(line).collect()
}

fn uris(server: &Server) -> Vec<String> {
    server.asked().into_iter().map(|asked| asked.uri).collect()
}

// SPEC D4, X11, ERR-54
#[tokio::test(flavor = "multi_thread")]
async fn the_ratio_and_the_z_score_of_mvrv_are_asked_for_apart_and_none_passes_for_the_other() {
    let ratios = Server::json(include_str!("recorded/glassnode_mvrv.json")).await;
    let gathered =
        indicators::mvrv(&ratios.url, "k", Mvrv::Ratio).range(day("2025-04-28", "2025-05-01"), NOW).await.unwrap();
    assert_eq!(
        lines(&gathered),
        [
            "btc#mvrv_ratio 1745798400 1745798400 2.091173353",
            "btc#mvrv_ratio 1745884800 1745884800 2.10942161",
            "btc#mvrv_ratio 1745971200 1745971200 2.117092552",
        ],
        "a day has its value at its end, and today is not over"
    );
    assert_eq!(uris(&ratios), ["/v1/metrics/market/mvrv?a=BTC&i=24h&s=1745712000&u=1746057600"]);

    let scores = Server::json(include_str!("recorded/glassnode_mvrv_z.json")).await;
    let gathered = indicators::mvrv(&scores.url, "k", Mvrv::ZScore).latest(NOW).await.unwrap();
    assert_eq!(lines(&gathered), [format!("btc#mvrv_z_score 1745971200 {NOW} -0.221884023")]);
    assert!(uris(&scores)[0].starts_with("/v1/metrics/market/mvrv_z_score?"), "{:?}", uris(&scores));
    // No ratio is negative.
    let gathered = indicators::mvrv(&scores.url, "k", Mvrv::Ratio).latest(NOW).await.unwrap();
    assert!(gathered.refused[0].why.contains("expected 0.05 to 20"), "{:?}", gathered.refused);
}

// SPEC D4, D12
#[tokio::test(flavor = "multi_thread")]
async fn every_key_is_sent_in_its_place_gives_way_to_the_next_and_is_in_no_error() {
    for source in indicators::keyed() {
        let refused = Canned::Status(401, r#"{"error":"no such key: key-one"}"#.to_owned());
        let server = Server::start([refused.clone(), Canned::Json(source.answer.to_owned())]).await;
        let start = Instant::now();
        (source.build)(&server.url, "key-one,key-two").latest(NOW).await.unwrap();
        assert!(start.elapsed() < Duration::from_millis(700), "{}: another key is tried at once", source.name);
        let sent: Vec<_> = server.asked().iter().map(|asked| asked.headers[source.header].clone()).collect();
        assert_eq!(sent, [source.value, &source.value.replace("one", "two")], "{}", source.name);
        assert!(uris(&server).iter().all(|uri| !uri.contains("key-")), "{}", source.name);

        let server = Server::start([refused]).await;
        let error = (source.build)(&server.url, "key-one").latest(NOW).await.unwrap_err();
        assert!(matches!(error, FeedError::KeysRefused { .. }), "{}: {error:?}", source.name);
        assert!(error.to_string().contains(source.variable), "{}: {error}", source.name);
        assert!(!format!("{error} {error:?}").contains("key-one"), "{}: {error:?}", source.name);
    }
}

// SPEC D4
#[tokio::test(flavor = "multi_thread")]
async fn what_is_old_is_stale_whenever_it_was_asked_for() {
    for case in all().iter().filter(|case| case.name != "defillama hacks") {
        let server = Server::json(case.latest).await;
        let gathered = (case.build)(&server.url).latest(NOW).await.unwrap();
        let of_series = || gathered.observations.iter().filter(|one| one.series() == &case.series);
        assert!(staleness(of_series(), NOW, 3 * 86_400).is_fresh(), "{}", case.name);
        let later = staleness(of_series(), NOW + 7 * 86_400, 3 * 86_400);
        assert!(matches!(later, Staleness::Stale { .. }), "{}: {later:?}", case.name);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_without_history_says_so_and_asks_for_nothing() {
    let server = Server::json("{}").await;
    let sources: Vec<Box<dyn Feed>> = vec![
        Box::new(indicators::one_inch(&server.url, "k")),
        Box::new(Circle::new(http(&server.url), "USDC", &[], "usdc", bounds()).unwrap()),
        Box::new(protocols::audits(&server.url)),
        Box::new(protocols::bounties(&server.url)),
        Box::new(protocols::cover(&server.url)),
    ];
    for source in sources {
        let error = source.range(day("2025-04-28", "2025-04-30"), NOW).await.unwrap_err();
        assert_eq!(error, FeedError::NoHistory { source_name: source.source().to_owned() });
    }
    assert!(server.asked().is_empty());
}

// SPEC D4
#[tokio::test(flavor = "multi_thread")]
async fn one_inch_is_asked_in_dollars_and_its_zero_for_no_price_is_none() {
    let server = Server::json(include_str!("recorded/oneinch_prices.json")).await;
    indicators::one_inch(&server.url, "k").latest(NOW).await.unwrap();
    assert_eq!(uris(&server), ["/price/v1.1/1/0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48?currency=USD"]);
    let server = Server::json(r#"{"0xA0b86991c6218b36c1d19D4a2e9Eb0cE3606eB48":"0"}"#).await;
    let gathered = indicators::one_inch(&server.url, "k").latest(NOW).await.unwrap();
    assert!(
        gathered.observations.is_empty() && gathered.refused[0].why.contains("usdc#price_usd is 0"),
        "{gathered:?}"
    );
}

// SPEC D4
#[tokio::test(flavor = "multi_thread")]
async fn circles_supply_is_told_by_chain_and_a_total_that_is_not_their_sum_is_refused() {
    let recorded = include_str!("recorded/circle_stablecoins.json");
    let server = Server::json(recorded).await;
    let feed = |url: &str| Circle::new(http(url), "USDC", &["ETH", "SOL"], "usdc", bounds()).unwrap();
    let gathered = feed(&server.url).latest(NOW).await.unwrap();
    assert_eq!(
        lines(&gathered),
        [
            format!("usdc#supply_usd 1746013890 {NOW} 51068788776.5"),
            format!("usdc/eth#supply_usd 1746013890 {NOW} 37405114202.15"),
            format!("usdc/sol#supply_usd 1746013802 {NOW} 9961263456.05"),
        ]
    );
    let mut document: Value = serde_json::from_str(recorded).unwrap();
    document["data"][1]["totalAmount"] = json!("52068788776.60");
    let server = Server::json(&document.to_string()).await;
    let gathered = feed(&server.url).latest(NOW).await.unwrap();
    assert_eq!(gathered.observations.len(), 2, "{gathered:?}");
    assert!(gathered.refused[0].why.contains("expected the same"), "{:?}", gathered.refused);
}

// SPEC D4
#[tokio::test(flavor = "multi_thread")]
async fn deribits_volatility_is_a_fraction_of_the_hours_that_are_over_page_by_page() {
    let candles = |data: Value, next: Value| {
        Canned::Json(json!({ "jsonrpc": "2.0", "result": { "data": data, "continuation": next } }).to_string())
    };
    let first = candles(json!([[1_745_888_400_000_u64, 46.0, 46.5, 45.5, 46.2]]), json!(1_745_888_399_999_u64));
    let second = candles(
        json!([[1_745_884_800_000_u64, 45.0, 46.1, 44.9, 46.0], [1_745_881_200_000_u64, 1, 9, 2, 3]]),
        Value::Null,
    );
    let server = Server::start([first, second]).await;
    let feed = Deribit::new(http(&server.url), "ETH", "eth", bounds()).unwrap();
    let gathered = feed.range(day("2025-04-29", "2025-04-30"), NOW).await.unwrap();
    assert_eq!(
        lines(&gathered),
        ["eth#implied_volatility 1745888400 1745888400 0.46", "eth#implied_volatility 1745892000 1745892000 0.462"]
    );
    assert!(gathered.refused[0].why.contains("between low"), "{:?}", gathered.refused);
    assert!(uris(&server)[0].ends_with("start_timestamp=1745881200000&end_timestamp=1745971200000&resolution=3600"));
    assert!(uris(&server)[1].contains("end_timestamp=1745888399999"), "{:?}", uris(&server));
}

// SPEC D4
#[tokio::test(flavor = "multi_thread")]
async fn coinglass_funding_is_a_fraction_and_may_be_negative_and_its_own_errors_are_heard() {
    let server = Server::json(include_str!("recorded/coinglass_funding.json")).await;
    let feed = indicators::perpetuals(&server.url, "k", Figure::Funding);
    let gathered = feed.range(day("2025-04-30", "2025-05-01"), NOW).await.unwrap();
    assert_eq!(
        lines(&gathered),
        ["btc#funding_rate 1746000000 1746000000 0.00009229", "btc#funding_rate 1746014400 1746014400 -0.000013"]
    );
    assert!(
        uris(&server)[0].starts_with("/api/futures/funding-rate/oi-weight-history?symbol=BTC&interval=4h&limit=1000")
    );

    // Four years are 8 766 candles.
    let server = Server::json(include_str!("recorded/coinglass_open_interest.json")).await;
    let feed = indicators::perpetuals(&server.url, "k", Figure::OpenInterest);
    feed.range(day("2021-04-30", "2025-04-30"), NOW).await.unwrap();
    assert_eq!(server.asked().len(), 9);
    assert!(uris(&server)[8].contains("unit=usd") && uris(&server)[8].contains("end_time=1745971199999"));

    let server = Server::json(r#"{"code":"401","msg":"API key key-one missing."}"#).await;
    let error = indicators::perpetuals(&server.url, "key-one", Figure::Funding).latest(NOW).await.unwrap_err();
    assert!(matches!(error, FeedError::Declined { .. }), "{error:?}");
    assert!(error.to_string().contains("missing") && !error.to_string().contains("key-one"), "{error}");
}

// SPEC D4
#[tokio::test(flavor = "multi_thread")]
async fn a_day_of_exchange_flows_counts_when_it_is_over_and_what_is_corrected_later_was_not_known_then() {
    let mut document: Value = serde_json::from_str(include_str!("recorded/cryptoquant_inflow.json")).unwrap();
    document["result"]["data"][2]["inflow_total"] = Value::Null;
    let server = Server::json(&document.to_string()).await;
    let span = day("2025-04-27", "2025-05-01");
    let gathered = indicators::flows(&server.url, "k", Flow::In).range(span, NOW).await.unwrap();
    assert_eq!(
        lines(&gathered),
        [
            format!("usdc/exchanges#inflow_usd 1745712000 {NOW} 812345678.75"),
            format!("usdc/exchanges#inflow_usd 1745884800 {NOW} 1234567890.5"),
        ]
    );
    assert!(gathered.refused.is_empty(), "no value is no error: {:?}", gathered.refused);
    assert!(
        uris(&server)[0].starts_with(
            "/v1/stablecoin/exchange-flows/inflow?token=usdc&exchange=all_exchange&window=day&from=20250427&to=20250501"
        ),
        "{:?}",
        uris(&server)
    );
    let server = Server::json(r#"{"status":{"code":403,"message":"plan"},"result":null}"#).await;
    let error = indicators::flows(&server.url, "k", Flow::Out).latest(NOW).await.unwrap_err();
    assert!(matches!(error, FeedError::Declined { .. }) && error.to_string().contains("status 403"), "{error:?}");
    assert!(uris(&server)[0].starts_with("/v1/stablecoin/exchange-flows/outflow?"));
}

// SPEC D4
#[tokio::test(flavor = "multi_thread")]
async fn coinmarketcaps_index_is_read_back_to_the_beginning_of_the_span_and_no_further() {
    let page = |newest: u64| {
        let row = |n: u64| json!({ "timestamp": newest - n * 86_400, "value": 50, "value_classification": "Neutral" });
        let rows: Vec<_> = (0..500).map(row).collect();
        Canned::Json(json!({ "data": rows, "status": { "error_code": 0, "error_message": null } }).to_string())
    };
    let server = Server::start([page(1_745_971_200), page(1_745_971_200 - 500 * 86_400)]).await;
    let feed = indicators::sentiment(&server.url, "k");
    let gathered = feed.range(day("2023-06-29", "2025-04-30"), NOW).await.unwrap();
    assert_eq!(gathered.observations.len(), 671);
    assert_eq!(
        uris(&server),
        ["/v3/fear-and-greed/historical?start=1&limit=500", "/v3/fear-and-greed/historical?start=501&limit=500"]
    );
    let server =
        Server::json(r#"{"status":{"error_code":1006,"error_message":"Your plan does not have this."}}"#).await;
    let error = indicators::sentiment(&server.url, "k").latest(NOW).await.unwrap_err();
    assert!(matches!(error, FeedError::Declined { .. }) && error.to_string().contains("plan"), "{error:?}");
}

// SPEC D4, R6, R8
#[tokio::test(flavor = "multi_thread")]
async fn hacks_become_rows_of_the_table_of_exploits_with_their_day_and_source() {
    let server = Server::json(include_str!("recorded/defillama_hacks.json")).await;
    let feed = protocols::hacks(&server.url);
    let gathered = feed.range(day("2021-01-01", "2024-01-01"), NOW).await.unwrap();
    assert_eq!(
        lines(&gathered),
        [
            "compound-v2#lost_usd 1632873600 1632960000 147000000",
            "compound-v2#incidents 1632873600 1632960000 1",
            "euler#lost_usd 1678665600 1678752000 197000000",
            "euler#incidents 1678665600 1678752000 1"
        ],
        "two rows of one day are one event with the larger sum"
    );
    // In its first hours nobody knows the sum of an exploit, and a count of earlier ones stays what it was.
    let fresh = include_str!("recorded/defillama_hacks.json").replace("Super Sushi Samurai", "Euler V1");
    let server = Server::json(&fresh).await;
    let recent = protocols::hacks(&server.url).range(day("2024-01-01", "2025-01-01"), NOW).await.unwrap();
    assert_eq!(lines(&recent), ["euler#incidents 1711065600 1711152000 2"]);
    let found = feed.incidents(0, NOW).await.unwrap();
    assert!(found.refused.is_empty(), "{:?}", found.refused);
    let told: Vec<_> = found.rows.iter().map(|row| (row.name.as_str(), row.protocol.as_deref())).collect();
    assert_eq!(
        told,
        [
            ("Compound", Some("compound-v2")),
            ("Compound V2", Some("compound-v2")),
            ("Euler V1", Some("euler")),
            ("Super Sushi Samurai", None),
        ]
    );
    assert_eq!(
        found.rows[2].listed,
        ListedExploit {
            exploit: Exploit { time: 1_678_752_000, lost_usd: Some(197e6), recovered_usd: Some(240e6) },
            own_contracts: true,
            what: "Protocol Logic: Flashloan Donate Function Logic Exploit".to_owned(),
            source: "https://api.llama.fi/hacks, 2023-03-13, source: \
                     https://twitter.com/peckshield/status/1635229594596036608?s=20"
                .to_owned(),
        }
    );
    assert_eq!(found.rows[3].listed.exploit.lost_usd, None, "nobody knows");
    assert!(found.rows[0].listed.source.ends_with("source: none named"));
    let recent = feed.incidents(1_704_067_200, NOW).await.unwrap();
    assert_eq!(recent.rows.len(), 1, "of 2024 on");
    let before = feed.incidents(0, 1_650_000_000).await.unwrap();
    assert_eq!((before.rows.len(), before.refused.len()), (2, 2), "what is of the future is refused");
}

// SPEC D4, R2
#[tokio::test(flavor = "multi_thread")]
async fn a_bounty_becomes_a_fact_that_the_table_reads_and_an_ended_programme_none() {
    let recorded = include_str!("recorded/immunefi_bounties.json");
    let server = Server::json(recorded).await;
    let found = protocols::bounties(&server.url).bounties(NOW).await.unwrap();
    assert_eq!(uris(&server), ["/public-api/bounties.json"]);
    assert_eq!(
        found[0].fact(),
        "[[fact]]\nprotocol = \"aave-v3\"\nas_of = \"2025-04-30\"\nbounty_usd = 1000000\nsource = \"Immunefi, programme aave\"\n"
    );
    let protocol = |id: &str| format!("[[protocol]]\nid = \"{id}\"\nname = \"{id}\"\nkind = \"lending\"\n");
    let rows: String = found.iter().map(ballast_feeds::sources::immunefi::Bounty::fact).collect();
    let table = format!("version = \"x\"\nfirst_tier = []\n{}{}{rows}", protocol("aave-v3"), protocol("compound-v3"));
    Facts::parse(&table, "complete_until = \"2025-04-30\"\n", "").unwrap();

    let ended = recorded.replacen(
        "\"endDate\": null, \"updatedDate\": \"2025-03",
        "\"endDate\": \"2025-04-01T00:00:00.000Z\", \"updatedDate\": \"2025-03",
        1,
    );
    let server = Server::json(&ended).await;
    let gathered = protocols::bounties(&server.url).latest(NOW).await.unwrap();
    assert_eq!(lines(&gathered), [format!("compound-v3#bounty_usd {NOW} {NOW} 1000000")]);
    assert!(gathered.refused[0].why.contains("aave has ended"), "{:?}", gathered.refused);
}

// SPEC D4
#[tokio::test(flavor = "multi_thread")]
async fn cover_is_stated_in_dollars_and_its_price_by_the_year() {
    let server = Server::json(include_str!("recorded/nexus_capacity.json")).await;
    let gathered = protocols::cover(&server.url).latest(NOW).await.unwrap();
    assert_eq!(
        lines(&gathered),
        [
            format!("aave-v3#cover_capacity_usd {NOW} {NOW} 9216000.5"),
            format!("aave-v3#cover_price {NOW} {NOW} 0.0215")
        ]
    );
    assert_eq!(uris(&server), ["/v2/capacity/?period=30"]);
    let only_ether = include_str!("recorded/nexus_capacity.json").replace("\"USDC\"", "\"DAI\"");
    let server = Server::json(&only_ether).await;
    let gathered = protocols::cover(&server.url).latest(NOW).await.unwrap();
    assert_eq!(gathered.observations.len(), 1, "ether is not counted as dollars");
    assert!(gathered.refused[0].why.contains("no capacity in USDC"), "{:?}", gathered.refused);
}

// SPEC D4, R2
#[tokio::test(flavor = "multi_thread")]
async fn audits_are_listed_with_each_report_once() {
    let server = Server::json(include_str!("recorded/defillama_protocols.json")).await;
    let found = protocols::audits(&server.url).audits().await.unwrap();
    let links = ["https://aave.com/docs/resources/security", "https://aave.com/security"].map(str::to_owned).to_vec();
    assert_eq!(found, [AuditListing { protocol: "aave-v3".to_owned(), audited: Audited::Yes, links }]);
}

// SPEC D1
#[tokio::test(flavor = "multi_thread")]
async fn swaps_add_up_to_days_and_a_day_with_one_that_cannot_be_read_has_no_sum() {
    let recorded = include_str!("recorded/uniswap_swaps.json");
    let server = Server::json(recorded).await;
    let feed = protocols::swaps(&server.url);
    let span = day("2025-04-28", "2025-05-01");
    let list = feed.swaps(span).await.unwrap();
    assert_eq!((list.swaps.len(), list.refused.len()), (4, 0));
    let second = &list.swaps[1];
    assert_eq!(
        (second.time, second.amount0, second.amount1, second.usd, second.tick),
        (1_745_884_811, -250_000.5, 250_040.75, 250_020.5, 2)
    );
    let gathered = feed.range(span, NOW).await.unwrap();
    assert_eq!(
        lines(&gathered),
        [
            "uniswap/usdc-usdt/swaps#volume_usd 1745798400 1745884800 1500.13",
            "uniswap/usdc-usdt/swaps#volume_usd 1745884800 1745971200 251020.25",
        ],
        "today is not over"
    );
    let body: Value = serde_json::from_str(&server.asked()[0].body).unwrap();
    assert_eq!(body["variables"]["pool"], json!("0x3416cf6c708da44db2624d63ea0aaef7113527c6"));

    let server = Server::json(&recorded.replace("\"999.75\"", "\"99975\"")).await;
    let gathered = protocols::swaps(&server.url).range(span, NOW).await.unwrap();
    assert_eq!(gathered.observations.len(), 1, "the 28th: {gathered:?}");
    let said: Vec<_> = gathered.refused.iter().map(|refused| refused.why.as_str()).collect();
    assert!(said.iter().any(|why| why.contains("not all swaps of 2025-04-29")), "{said:?}");
    assert!(said.iter().any(|why| why.contains("1000 dollars were swapped")), "{said:?}");
}
