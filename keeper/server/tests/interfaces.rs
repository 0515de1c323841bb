//! Both interfaces over real sockets, with real clients, against the same states.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use ballast_server::{
    AuditReport, Board, Bounds, Points, ProtocolId, ProtocolState, SeriesQuery, SourceError, StateSource, router,
    serve,
    v1::{self, protocol_states_client::ProtocolStatesClient},
};
use ballast_types::{Metric, Observation, SeriesId};
use futures::future::{BoxFuture, ready};
use serde_json::{Value, json};
use std::{sync::Arc, time::Duration};
use tokio::sync::{oneshot, watch};
use tonic::{Code, transport::Channel};

fn state(id: &str, apy: f64) -> ProtocolState {
    ProtocolState {
        current_apy: Some(apy),
        tvl_usd: Some(1.2e9),
        risk_score: Some(8.2),
        liquidity_depth: Some(3.1e8),
        impermanent_loss_risk: Some(0.0),
        gas_cost_estimate: Some(4.25),
        audits: vec![AuditReport {
            auditor: "OpenZeppelin".to_owned(),
            date: "2022-01-27".to_owned(),
            scope: "core".to_owned(),
            open_critical: 0,
            open_high: 1,
            url: "https://example.org/report".to_owned(),
            source: "protocol's documentation".to_owned(),
        }],
        ..ProtocolState::unknown(id.parse().unwrap(), 1_746_014_400)
    }
}

struct Served {
    url: String,
    board: Arc<Board>,
    stop: Option<oneshot::Sender<()>>,
    task: tokio::task::JoinHandle<std::io::Result<()>>,
}

impl Served {
    async fn start() -> Self {
        drop(rustls::crypto::ring::default_provider().install_default());
        let board = Arc::new(Board::default());
        board.put(state("morpho/ethereum/usdc", 0.051)).unwrap();
        board.put(state("aave-v3/ethereum/usdc", 0.042)).unwrap();
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (stop, stopped) = oneshot::channel();
        let source: Arc<dyn StateSource> = Arc::<Board>::clone(&board);
        let task = tokio::spawn(serve(listener, router(source), Bounds::default(), async { drop(stopped.await) }));
        Self { url, board, stop: Some(stop), task }
    }

    async fn grpc(&self) -> ProtocolStatesClient<Channel> {
        ProtocolStatesClient::new(Channel::from_shared(self.url.clone()).unwrap().connect().await.unwrap())
    }

    async fn rest(&self, path: &str) -> (u16, Value) {
        let response = reqwest::get(format!("{}{path}", self.url)).await.unwrap();
        let status = response.status().as_u16();
        let content_type = response.headers()["content-type"].to_str().unwrap().to_owned();
        assert_eq!(content_type, "application/json", "{path}");
        (status, response.json().await.unwrap())
    }
}

fn get(id: &str) -> v1::GetRequest {
    v1::GetRequest { protocol_id: id.to_owned() }
}

// SPEC D8
#[tokio::test(flavor = "multi_thread")]
async fn what_is_got_over_grpc_is_what_was_put_and_not_known_is_not_zero() {
    let served = Served::start().await;
    let mut client = served.grpc().await;
    let found = client.get(get("aave-v3/ethereum/usdc")).await.unwrap().into_inner();
    assert_eq!(found.predicted_apy_7d, None);
    assert_eq!(found.impermanent_loss_risk, Some(0.0));
    assert_eq!(found.audits[0].auditor, "OpenZeppelin");
    assert_eq!(ProtocolState::try_from(found).unwrap(), state("aave-v3/ethereum/usdc", 0.042));
    let all = client.list(v1::ListRequest {}).await.unwrap().into_inner().states;
    let ids: Vec<_> = all.iter().map(|state| state.protocol_id.as_str()).collect();
    assert_eq!(ids, ["aave-v3/ethereum/usdc", "morpho/ethereum/usdc"]);
}

// SPEC D8
#[tokio::test(flavor = "multi_thread")]
async fn bad_input_over_grpc_says_what_was_expected() {
    let served = Served::start().await;
    let mut client = served.grpc().await;
    for bad in ["", "Aave", "a b", "aave#apy", &"a".repeat(51)] {
        let status = client.get(get(bad)).await.unwrap_err();
        assert_eq!(status.code(), Code::InvalidArgument, "{bad}");
        assert!(status.message().contains("at most 50 characters"), "{status}");
    }
    let status = client.get(get("nobody/knows")).await.unwrap_err();
    assert!(status.code() == Code::NotFound && status.message().contains("List"), "{status}");
    let wanted = v1::StreamRequest { protocol_ids: vec!["Aave".to_owned()] };
    assert_eq!(client.stream(wanted).await.unwrap_err().code(), Code::InvalidArgument);
    let nonsense = reqwest::Client::new().post(format!("{}/ballast.v1.ProtocolStates/Steal", served.url));
    let answer = nonsense.header("content-type", "application/grpc").send().await.unwrap();
    assert_eq!(answer.headers()["grpc-status"], "12", "unimplemented");
}

// SPEC D8
#[tokio::test(flavor = "multi_thread")]
async fn a_stream_tells_what_is_there_and_then_what_changes_and_nothing_twice() {
    let served = Served::start().await;
    let mut client = served.grpc().await;
    let wanted = v1::StreamRequest { protocol_ids: vec!["aave-v3/ethereum/usdc".to_owned()] };
    let mut stream = client.stream(wanted).await.unwrap().into_inner();
    let mut next = async || {
        tokio::time::timeout(Duration::from_secs(5), stream.message())
            .await
            .map(|message| message.unwrap().unwrap().current_apy)
    };
    assert_eq!(next().await.unwrap(), Some(0.042));
    // Another protocol, and the same state again.
    served.board.put(state("morpho/ethereum/usdc", 0.06)).unwrap();
    served.board.put(state("aave-v3/ethereum/usdc", 0.042)).unwrap();
    served.board.put(state("aave-v3/ethereum/usdc", 0.043)).unwrap();
    assert_eq!(next().await.unwrap(), Some(0.043));
}

// SPEC D14
#[tokio::test(flavor = "multi_thread")]
async fn rest_gives_the_same_states() {
    let served = Served::start().await;
    let (status, all) = served.rest("/v1/protocols").await;
    assert_eq!((status, all["protocols"].as_array().unwrap().len()), (200, 2));
    let (status, one) = served.rest("/v1/protocols/aave-v3/ethereum/usdc").await;
    assert_eq!(status, 200);
    assert_eq!(one, all["protocols"][0]);
    assert_eq!(
        (&one["current_apy"], &one["predicted_apy_7d"], &one["risk_score"]),
        (&json!(0.042), &Value::Null, &json!(8.2))
    );
    let read: ProtocolState = serde_json::from_value(one).unwrap();
    let over_grpc = served.grpc().await.get(get("aave-v3/ethereum/usdc")).await.unwrap().into_inner();
    assert_eq!(v1::ProtocolState::from(read), over_grpc);
}

// SPEC D14
#[tokio::test(flavor = "multi_thread")]
async fn a_series_is_given_as_it_was_known_at_a_time_and_page_by_page() {
    let served = Served::start().await;
    let series = SeriesId::new("aave-v3/ethereum/usdc", Metric::SupplyApr).unwrap();
    let value =
        |source: &str, time, known_at, value| Observation::new(series.clone(), source, time, known_at, value).unwrap();
    let _ = served.board.note((0..5).map(|n| value("a", n * 100, n * 100, 0.04)));
    // Corrected later, and a second source.
    let _ = served.board.note([value("a", 100, 1_000, 0.05), value("b", 100, 150, 0.041)]);
    let path = "/v1/series/aave-v3/ethereum/usdc%23supply_apr";
    let values = async |query: &str| {
        let (status, answer) = served.rest(&format!("{path}?{query}")).await;
        assert_eq!(status, 200, "{answer}");
        let rows = answer["values"].as_array().unwrap().iter();
        let row = |row: &Value| format!("{}{} {}", row["source"].as_str().unwrap(), row["time"], row["value"]);
        (rows.map(row).collect::<Vec<_>>(), answer["next_from"].clone())
    };
    let all = vec!["a0 0.04", "a100 0.05", "b100 0.041", "a200 0.04", "a300 0.04", "a400 0.04"];
    let owned = |rows: &[&str]| rows.iter().map(|row| (*row).to_owned()).collect::<Vec<_>>();
    assert_eq!(values("").await, (owned(&all), Value::Null));
    assert_eq!(values("from=100&to=200&as_of=999").await.0, ["a100 0.04", "b100 0.041"]);
    assert_eq!(values("from=100&to=200&as_of=120").await.0, ["a100 0.04"]);
    assert_eq!(values("from=1970-01-01&to=1970-01-01T00:01:40Z").await.0, ["a0 0.04"]);

    let (mut read, mut from) = (Vec::new(), json!(0));
    while !from.is_null() {
        let (rows, next) = values(&format!("from={from}&limit=3")).await;
        read.extend(rows);
        from = next;
    }
    assert_eq!(read, all);
}

// SPEC D14
#[tokio::test(flavor = "multi_thread")]
async fn bad_input_over_rest_is_a_4xx_that_says_what_was_expected() {
    let served = Served::start().await;
    let series = "/v1/series/aave-v3/ethereum/usdc%23supply_apr";
    for (path, status, words) in [
        ("/v1/protocols/Aave".to_owned(), 400, "at most 50 characters"),
        ("/v1/protocols/nobody/knows".to_owned(), 404, "/v1/protocols names what there is"),
        ("/v1/protocols?sort=apy".to_owned(), 400, "expected no query"),
        ("/v1/nonsense".to_owned(), 404, "expected /v1/protocols"),
        ("/v1/dashboard".to_owned(), 404, "there is no dashboard"),
        ("/v1/dashboard?of=me".to_owned(), 400, "expected no query"),
        ("/v1/risk".to_owned(), 404, "nothing was observed yet"),
        ("/v1/risk?of=me".to_owned(), 400, "expected no query"),
        ("/".to_owned(), 404, "expected /v1/protocols"),
        ("/v1/series/usdc".to_owned(), 400, "# is %23"),
        ("/v1/series/usdc%23apy".to_owned(), 400, "supply_apr"),
        ("/v1/series/nobody%23price_usd".to_owned(), 404, "nothing is known of nobody#price_usd"),
        (format!("{series}?from=soon"), 400, "expected Unix seconds"),
        (format!("{series}?from=-5"), 400, "from is \"-5\""),
        (format!("{series}?from=5&to=5"), 400, "expected from before to"),
        (format!("{series}?limit=0"), 400, "expected 1 to 10000"),
        (format!("{series}?limit=many"), 400, "expected from, to, as_of and limit"),
        (format!("{series}?until=5"), 400, "unknown field `until`"),
    ] {
        let (found, answer) = served.rest(&path).await;
        let error = answer["error"].as_str().unwrap();
        assert!(found == status && error.contains(words), "{path}: {found} {error}");
    }
    let posted = reqwest::Client::new().post(format!("{}/v1/protocols", served.url)).send().await.unwrap();
    assert_eq!(posted.status().as_u16(), 405);
}

/// A source that cannot be read.
struct Broken(watch::Sender<u64>);

fn broken<T: Send + 'static>() -> BoxFuture<'static, Result<T, SourceError>> {
    Box::pin(ready(Err(SourceError { why: "the store is locked".to_owned() })))
}

impl StateSource for Broken {
    fn get<'a>(&'a self, _: &'a ProtocolId) -> BoxFuture<'a, Result<Option<ProtocolState>, SourceError>> {
        broken()
    }

    fn list(&self) -> BoxFuture<'_, Result<Vec<ProtocolState>, SourceError>> {
        broken()
    }

    fn series<'a>(&'a self, _: &'a SeriesQuery) -> BoxFuture<'a, Result<Option<Points>, SourceError>> {
        broken()
    }

    fn changes(&self) -> watch::Receiver<u64> {
        self.0.subscribe()
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_cannot_be_read_is_told_apart_from_one_that_knows_nothing() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(serve(
        listener,
        router(Arc::new(Broken(watch::Sender::new(0)))),
        Bounds::default(),
        std::future::pending(),
    ));
    let mut client = ProtocolStatesClient::new(Channel::from_shared(url.clone()).unwrap().connect().await.unwrap());
    assert_eq!(client.get(get("aave")).await.unwrap_err().code(), Code::Unavailable);
    let mut stream = client.stream(v1::StreamRequest::default()).await.unwrap().into_inner();
    assert_eq!(stream.message().await.unwrap_err().code(), Code::Unavailable);
    let answer = reqwest::get(format!("{url}/v1/protocols")).await.unwrap();
    assert_eq!(answer.status().as_u16(), 503);
    assert!(answer.text().await.unwrap().contains("the store is locked"));
}

#[tokio::test(flavor = "multi_thread")]
async fn it_stops_when_it_is_told_to() {
    let mut served = Served::start().await;
    served.rest("/v1/protocols").await;
    served.stop.take().unwrap().send(()).unwrap();
    tokio::time::timeout(Duration::from_secs(5), served.task).await.unwrap().unwrap().unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_of_a_stream_does_not_keep_it_from_stopping() {
    let mut served = Served::start().await;
    let mut client = served.grpc().await;
    let mut stream = client.stream(v1::StreamRequest { protocol_ids: vec![] }).await.unwrap().into_inner();
    assert!(stream.message().await.unwrap().is_some());
    drop(served.stop.take());
    let stopped = tokio::time::timeout(ballast_server::GRACE * 2, &mut served.task).await;
    stopped.expect("it waits for a stream that never ends").unwrap().unwrap();
}
