//! What the running service serves, asked for with the official clients: gRPC, REST, the dashboard, and Alchemy's webhook.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

use alloy::providers::Provider;
use ballast_server::v1::{self, protocol_states_client::ProtocolStatesClient};
use ballast_store::{
    History, Location,
    history::{OnBadRow, Reading},
};
use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::Sha256;
use std::{
    collections::BTreeSet,
    fs,
    time::{Duration, Instant},
};
use support::{Keeper, Stage, until};
use tonic::transport::Channel;

/// SPEC D7: for how long a state is fresh.
const TTL: Duration = Duration::from_secs(15);
const SIGNING_KEY: &str = "whsec_test";

/// An address that nobody listened at a moment ago.
fn free() -> String {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string()
}

fn serving(stage: &Stage, grpc: &str, rest: &str) -> Keeper {
    drop(rustls::crypto::ring::default_provider().install_default());
    let keeper = stage.keeper().set("history.path", "history.sqlite").set("server.grpc", grpc).set("server.rest", rest);
    // However slow the machine is and however often it is asked.
    keeper.set("server.calls_per_minute", 100_000)
}

async fn client(address: &str) -> ProtocolStatesClient<Channel> {
    let channel = async || Channel::from_shared(format!("http://{address}")).unwrap().connect().await.ok();
    ProtocolStatesClient::new(until("gRPC", channel).await)
}

/// Status and body of a request that may have to wait for the service.
async fn get(address: &str, path: &str) -> (u16, Value) {
    let url = format!("http://{address}{path}");
    until("REST", async || {
        let answer = reqwest::get(&url).await.ok()?;
        Some((answer.status().as_u16(), answer.json().await.unwrap()))
    })
    .await
}

/// What there is, once something is there.
async fn shown(address: &str, path: &str, enough: impl Fn(&Value) -> bool) -> Value {
    until(path, async || {
        let (status, body) = get(address, path).await;
        (status == 200 && enough(&body)).then_some(body)
    })
    .await
}

fn schema() -> Value {
    serde_json::from_str(include_str!("../../risk/schema/dashboard.schema.json")).unwrap()
}

/// Property by property: what the schema requires is there, of one of the types it names, and nothing else.
fn assert_fits(schema: &Value, value: &Value, at: &str) {
    if let Some(allowed) = schema["enum"].as_array() {
        assert!(allowed.contains(value), "{at}: {value}");
        return;
    }
    let types = match &schema["type"] {
        Value::String(one) => vec![one.as_str()],
        Value::Array(several) => several.iter().map(|one| one.as_str().unwrap()).collect(),
        other => panic!("{at}: {other}"),
    };
    let is = |name: &&str| match *name {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_u64(),
        "number" => value.is_number(),
        "null" => value.is_null(),
        other => panic!("{at}: {other}"),
    };
    assert!(types.iter().any(is), "{at}: {value}, expected {types:?}");
    for (bound, holds) in [("minimum", f64::ge as fn(&f64, &f64) -> bool), ("maximum", f64::le)] {
        if let (Some(bound), Some(value)) = (schema[bound].as_f64(), value.as_f64()) {
            assert!(holds(&value, &bound), "{at}: {value}");
        }
    }
    if let (Some(properties), Some(object)) = (schema["properties"].as_object(), value.as_object()) {
        let keys = |of: &serde_json::Map<String, Value>| of.keys().cloned().collect::<BTreeSet<_>>();
        assert_eq!(keys(properties), keys(object), "{at}");
        for (name, one) in object {
            assert_fits(&properties[name], one, &format!("{at}.{name}"));
        }
    }
    for one in value.as_array().into_iter().flatten() {
        assert_fits(&schema["items"], one, &format!("{at}[]"));
    }
}

// SPEC D8, D14, R15, D7
#[tokio::test(flavor = "multi_thread")]
async fn the_running_service_says_what_it_knows_and_when_it_is_old() {
    let stage = Stage::funded().await;
    let (grpc, rest) = (free(), free());
    let keeper = serving(&stage, &grpc, &rest);
    stage.devnet.builder().start_interval(support::BLOCK_TIME).await;
    let service = keeper.spawn(&["run"]);
    let names: BTreeSet<String> =
        stage.book.venues.iter().map(|venue| venue.name.to_lowercase().replace(' ', "-")).collect();

    let all = shown(&rest, "/v1/protocols", |all| !all["protocols"].as_array().unwrap().is_empty()).await;
    let found: BTreeSet<String> = all["protocols"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| one["protocol_id"].as_str().unwrap().to_owned())
        .collect();
    assert_eq!(found, names);
    let mut states = client(&grpc).await;
    let listed = states.list(v1::ListRequest {}).await.unwrap().into_inner().states;
    assert_eq!(listed.iter().map(|state| state.protocol_id.clone()).collect::<BTreeSet<_>>(), names);
    for state in &listed {
        assert!(state.current_apy.unwrap() > 0.0 && state.tvl_usd.unwrap() > 0.0, "{state:?}");
        assert!(!state.stale && state.predicted_apy_7d.is_none(), "{state:?}");
    }

    // Each block is told to who listens.
    let wanted = v1::StreamRequest { protocol_ids: vec![listed[0].protocol_id.clone()] };
    let mut stream = states.stream(wanted).await.unwrap().into_inner();
    let first = stream.message().await.unwrap().unwrap();
    let second = stream.message().await.unwrap().unwrap();
    assert!(second.observed_at > first.observed_at && !second.stale, "{first:?} {second:?}");

    // The dashboard is as its schema says, and knows of the move.
    let invested = |board: &Value| board["positions"].as_array().unwrap().iter().any(|one| one["share"] != 0.0);
    let board = shown(&rest, "/v1/dashboard", invested).await;
    assert_fits(&schema(), &board, "dashboard");
    assert!((board["value_usd"].as_f64().unwrap() - 50_000.0).abs() < 10.0, "{board:#}");
    assert!(board["overall_risk_score"].as_f64().unwrap() > 0.0 && board["alerts"] == json!([]), "{board:#}");
    let gas = |board: &Value| board["gas"]["spent_usd_this_year"].as_f64().unwrap() > 0.0;
    shown(&rest, "/v1/dashboard", gas).await;

    // Series come out of the history.
    let path = format!("/v1/series/{}%23supply_apr", listed[0].protocol_id);
    let series = shown(&rest, &path, |series| series["values"].as_array().unwrap().len() > 1).await;
    assert_eq!(series["values"][0]["source"], "onchain", "{series:#}");
    let (status, refused) = get(&rest, "/v1/series/nobody%23supply_apr").await;
    assert!(status == 404 && refused["error"].as_str().unwrap().contains("nothing is known"), "{refused}");

    // Without a new block it is old after fifteen seconds, and says so, to who listens too.
    stage.devnet.builder().stop_interval().await;
    let asked = Instant::now();
    let old = loop {
        let state = stream.message().await.unwrap().unwrap();
        if state.stale {
            break state;
        }
    };
    assert!(asked.elapsed() < TTL + Duration::from_secs(5), "{:?}", asked.elapsed());
    let one = v1::GetRequest { protocol_id: old.protocol_id.clone() };
    assert!(states.get(one).await.unwrap().into_inner().stale);
    let (_, all) = get(&rest, "/v1/protocols").await;
    assert!(all["protocols"].as_array().unwrap().iter().all(|state| state["stale"] == true), "{all:#}");
    stage.build_block().await;
    let fresh = stream.message().await.unwrap().unwrap();
    assert!(!fresh.stale && fresh.observed_at > old.observed_at, "{fresh:?}");

    // A stream that is open does not hold up the end.
    let asked = Instant::now();
    let stopped = service.terminate("TERM").await;
    assert_eq!(stopped.code, Some(0), "{stopped:?}");
    assert!(asked.elapsed() < Duration::from_secs(8), "{:?}", asked.elapsed());
    assert!(reqwest::get(format!("http://{rest}/v1/protocols")).await.is_err());
}

/// What a factor says and what it counts as.
fn figure<'a>(of: &'a Value, name: &str) -> (&'a Value, f64, &'a Vec<Value>) {
    let of = if name == "composite" { &of[name] } else { &of["factors"][name] };
    (&of["score"], of["counted"].as_f64().unwrap(), of["not_known"].as_array().unwrap())
}

/// Of the first venue, a size a day.
async fn a_months_sizes(stage: &Stage) {
    let history = History::open(&Location::Sqlite(stage.path("history.sqlite"))).await.unwrap();
    let head = stage.rpc().get_block_by_number(Default::default()).await.unwrap().unwrap().header.timestamp;
    let series = format!("{}#tvl_usd", stage.book.venues[0].name.to_lowercase().replace(' ', "-"));
    let row = |day: i64| {
        let time = i64::try_from(head).unwrap() - day * 86_400;
        Reading { series: &series, source: "onchain", time, known_at: time, value: 1e8 }
    };
    history.ingest(&(1..30).rev().map(row).collect::<Vec<_>>(), OnBadRow::Refuse).await.unwrap();
}

// SPEC R14
#[tokio::test(flavor = "multi_thread")]
async fn the_running_service_tells_composite_and_factors_and_what_it_does_not_know() {
    let stage = Stage::funded().await;
    let (grpc, rest) = (free(), free());
    // Of the first venue it is said which protocol it is, of the others not.
    let keeper = serving(&stage, &grpc, &rest).set("venues.0.protocol", "aave-v3");
    a_months_sizes(&stage).await;
    stage.devnet.builder().start_interval(support::BLOCK_TIME).await;
    let service = keeper.spawn(&["run"]);
    let invested = |risk: &Value| risk["venues"].as_array().unwrap().iter().any(|one| one["share"] != 0.0);
    let risk = shown(&rest, "/v1/risk", invested).await;
    let venues = risk["venues"].as_array().unwrap();
    assert_eq!(venues.len(), stage.book.venues.len(), "{risk:#}");
    for of in venues.iter().chain([&risk["portfolio"]]) {
        let sum: f64 = [("contract", 0.35), ("market", 0.45), ("liquidity", 0.15), ("protocol", 0.05)]
            .iter()
            .map(|(name, weight)| weight * figure(of, name).1)
            .sum();
        assert!((sum - figure(of, "composite").1).abs() < 1e-9, "{of:#}");
    }
    let (told, untold) = (&venues[0], &venues[1]);
    assert_eq!((&told["protocol"], &untold["protocol"]), (&json!("aave-v3"), &Value::Null));
    assert!(told["configured"].is_number(), "{told:#}");
    for name in ["contract", "protocol"] {
        assert!(figure(told, name).0.is_number(), "{told:#}");
        let (score, counted, not_known) = figure(untold, name);
        assert!(score.is_null() && counted == 100.0 && !not_known.is_empty(), "{untold:#}");
    }
    // The chain itself says what can be had and what the asset is worth.
    for of in [told, untold] {
        assert!(figure(of, "market").0.is_number() && figure(of, "liquidity").0.is_number(), "{of:#}");
    }
    let held: f64 = venues.iter().map(|one| one["share"].as_f64().unwrap() * figure(one, "composite").1).sum();
    assert!((held - figure(&risk["portfolio"], "composite").1).abs() < 1e-9, "{risk:#}");
    assert!(risk["portfolio"]["worst"].is_string(), "{risk:#}");
    // What the history has of a month becomes known, and of the other venue nothing is recorded.
    let unknown = |of: &Value| of["factors"]["market"]["not_known"].as_array().unwrap().contains(&json!("TVL"));
    let known = |risk: &Value| !unknown(&risk["venues"][0]);
    let risk = shown(&rest, "/v1/risk", known).await;
    assert!(unknown(&risk["venues"][1]), "{risk:#}");
    assert_eq!(service.terminate("TERM").await.code, Some(0));
}

// SPEC D14: whoever has the address, the keeper goes on, and serves as soon as it can.
#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_taken_stops_nothing() {
    let stage = Stage::funded().await;
    let taken = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let keeper = serving(&stage, &address, &address);
    let log = stage.path("log");
    let service = keeper.spawn_logging_to(fs::File::create(&log).unwrap(), &["run"]);
    let landed = async || (!stage.rebalances().await.is_empty()).then_some(());
    stage.with_blocks(until("a move", landed)).await;
    let said = fs::read_to_string(&log).unwrap();
    assert!(said.contains("the server does not listen; it is tried again") && said.contains("Address already in use"));
    drop(taken);
    // One address serves both.
    let all = shown(&address, "/v1/protocols", |all| all["protocols"].as_array().is_some()).await;
    assert!(all["protocols"].is_array());
    assert!(!client(&address).await.list(v1::ListRequest {}).await.unwrap().into_inner().states.is_empty());
    assert_eq!(service.terminate("TERM").await.code, Some(0));
}

// SPEC D14
#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_is_none_or_too_open_is_refused() {
    let stage = Stage::empty().await;
    let check = ["config", "check", "--offline"];
    let refused = serving(&stage, "0.0.0.0:50051", "127.0.0.1:8090").run(&check).await;
    refused.assert_refused(1, &["server.grpc is 0.0.0.0:50051", "an address of loopback", "server.public = true"]);
    let refused = serving(&stage, "localhost", "127.0.0.1:8090").run(&check).await;
    refused.assert_refused(1, &["is not valid", "invalid socket address"]);
    let webhook = stage.keeper().set("server.webhook.listen", free());
    webhook.run(&["run", "--once"]).await.assert_refused(1, &["BALLAST_ALCHEMY_SIGNING_KEY", "is not set"]);
}

/// HMAC-SHA256 of the body, as Alchemy signs.
fn signature(body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(SIGNING_KEY.as_bytes()).unwrap();
    mac.update(body.as_bytes());
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect()
}

// SPEC D2, ERR-31
#[tokio::test(flavor = "multi_thread")]
async fn a_signed_notice_about_the_vault_makes_the_next_look_a_cycle() {
    let stage = Stage::empty().await;
    let address = free();
    // So rarely that only a notice asks.
    let keeper = stage
        .keeper()
        .set("server.webhook.listen", address.as_str())
        .set("execution.decide_every", 50_000)
        .with_secret("BALLAST_ALCHEMY_SIGNING_KEY", SIGNING_KEY);
    let service = keeper.spawn(&["run"]);
    let store = support::store_when_there(&keeper.store_path()).await;
    let decided = async |count: usize| {
        until("a decision", async || (store.decisions(10).await.unwrap().len() >= count).then_some(())).await;
    };
    decided(1).await;
    stage.build_block().await;
    let notice = |id: &str, to: &str| {
        json!({
            "webhookId": "wh_1", "id": id, "createdAt": "2024-01-01T00:00:00Z", "type": "ADDRESS_ACTIVITY",
            "event": { "network": "ETH_MAINNET", "activity": [{
                "blockNum": "0x1", "hash": format!("0x{}", "11".repeat(32)), "category": "token", "asset": "USDC",
                "fromAddress": format!("0x{}", "22".repeat(20)), "toAddress": to,
            }] },
        })
        .to_string()
    };
    let post = async |body: String, signature: String| {
        let request = reqwest::Client::new().post(format!("http://{address}/webhook/alchemy"));
        request.header("x-alchemy-signature", signature).body(body).send().await.unwrap().status().as_u16()
    };
    let vault = stage.book.contracts.vault.to_string();
    until("the webhook", async || tokio::net::TcpStream::connect(&address).await.ok()).await;
    assert_eq!(post(notice("whevt_1", &vault), "00".repeat(32)).await, 401);
    let stranger = notice("whevt_2", &format!("0x{}", "33".repeat(20)));
    let signed = signature(&stranger);
    assert_eq!(post(stranger, signed).await, 200);
    tokio::time::sleep(Duration::from_secs(3)).await;
    assert_eq!(store.decisions(10).await.unwrap().len(), 1, "neither is worth a look");
    let ours = notice("whevt_3", &vault);
    let signed = signature(&ours);
    assert_eq!(post(ours, signed).await, 200);
    decided(2).await;
    assert_eq!(service.terminate("TERM").await.code, Some(0));
}
