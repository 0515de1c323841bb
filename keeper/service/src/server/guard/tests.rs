#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use super::*;
use crate::server::shown::{Documents, Shown};
use axum::routing::get;
use ballast_server::{Board, Bounds, ProtocolState, StateSource, rest_router, router, serve, v1};
use ballast_store::cache::{Limit, RedisUrl, protocol_state_key};
use futures::future::join_all;
use std::sync::atomic::{AtomicU32, Ordering};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// The servers that the store's own tests start.
#[cfg(target_os = "linux")]
#[path = "../../../../store/tests/cache/server.rs"]
#[allow(dead_code)]
mod redis_server;

async fn start(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, router, Bounds::default(), std::future::pending()));
    address
}

/// Head and body of an answer.
async fn ask(address: SocketAddr, path: &str, more: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{more}\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.to_lowercase(), body.to_owned())
}

fn limit(calls: u32) -> Limit {
    Limit::new(calls, Duration::from_secs(60)).unwrap()
}

fn alone(calls: u32) -> Arc<Shared> {
    Arc::new(Shared::new(None, limit(calls)).unwrap())
}

// SPEC D7
#[tokio::test(flavor = "multi_thread")]
async fn a_client_that_asks_too_often_is_told_when_to_come_back() {
    let address = start(guarded(router(Arc::new(Board::default())), alone(20))).await;
    let answers = join_all((0..60).map(|_| ask(address, "/v1/protocols", ""))).await;
    let (served, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|(head, _)| head.starts_with("http/1.1 200"));
    assert_eq!(served.len(), 20, "however many ask at once");
    for (head, body) in refused {
        assert!(head.starts_with("http/1.1 429") && head.contains("\r\nretry-after: "), "{head}");
        assert!(body.contains("server.calls_per_minute"), "{body}");
    }
    let channel = tonic::transport::Channel::from_shared(format!("http://{address}")).unwrap().connect().await.unwrap();
    let mut client = v1::protocol_states_client::ProtocolStatesClient::new(channel);
    let status = client.list(v1::ListRequest {}).await.unwrap_err();
    assert_eq!(status.code(), tonic::Code::ResourceExhausted, "{status}");
}

#[test]
fn a_client_of_ipv6_is_its_network() {
    let of = |address: &str| client(address.parse().unwrap());
    assert_eq!(of("2001:db8:1:2:3::1"), of("2001:db8:1:2:ffff::9"));
    assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
    assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
}

/// How often it was really asked.
fn counted() -> (Router, Arc<AtomicU32>) {
    let count = Arc::new(AtomicU32::new(0));
    let counting = Arc::clone(&count);
    let asked = move || {
        let number = counting.fetch_add(1, Ordering::Relaxed);
        async move { Json(json!({ "answer": number })) }
    };
    (Router::new().route("/v1/series/{*id}", get(asked.clone())).route("/v1/protocols", get(asked)), count)
}

// SPEC D7
#[tokio::test(flavor = "multi_thread")]
async fn answers_about_the_past_are_given_again_and_others_are_not() {
    let (router, count) = counted();
    let address = start(guarded(router, alone(100))).await;
    for (path, times) in [
        ("/v1/series/aave%23supply_apr?to=1700000000", 1),
        ("/v1/series/aave%23supply_apr?from=1&to=2023-11-14T22:13:20Z", 1),
        ("/v1/series/aave%23supply_apr?to=1700000001", 1),
        ("/v1/series/aave%23supply_apr", 3),
        ("/v1/series/aave%23supply_apr?to=2999-01-01", 3),
        ("/v1/protocols?to=1700000000", 3),
    ] {
        count.store(0, Ordering::Relaxed);
        let mut answers = Vec::new();
        for _ in 0..3 {
            answers.push(ask(address, path, "").await);
        }
        assert_eq!(count.load(Ordering::Relaxed), times, "{path}");
        assert!(answers.iter().all(|(head, _)| head.starts_with("http/1.1 200")), "{answers:?}");
        if times == 1 {
            assert!(
                answers.iter().all(|(head, body)| *body == answers[0].1 && head.contains("max-age=300")),
                "{answers:?}"
            );
        }
    }
    let unknown = start(guarded(rest_router(Arc::new(Board::default())), alone(100))).await;
    for _ in 0..2 {
        assert!(ask(unknown, "/v1/series/a%23supply_apr?to=9", "").await.0.starts_with("http/1.1 404"));
    }
}

// SPEC D7
#[cfg(target_os = "linux")]
#[tokio::test(flavor = "multi_thread")]
async fn redis_is_shared_and_when_it_is_killed_the_server_goes_on_with_its_own() {
    let mut server = redis_server::Server::start();
    let url: RedisUrl = server.url();
    let shared = || Arc::new(Shared::new(Some(&url), limit(6)).unwrap());
    let (one, other) = (shared(), shared());

    // A state that one keeper observed is fresh for the other, and calls count at both.
    let state =
        |apy| ProtocolState { current_apy: Some(apy), ..ProtocolState::unknown("aave".parse().unwrap(), 1_000) };
    let shown = [Arc::clone(&one), Arc::clone(&other)].map(|shared| Arc::new(Shown::new(None, shared)));
    shown[1].put(vec![state(0.03)], Documents::default(), Duration::ZERO).await.unwrap();
    shown[0].put(vec![state(0.04)], Documents::default(), Duration::ZERO).await.unwrap();
    let id = "aave".parse().unwrap();
    assert_eq!(shown[1].get(&id).await.unwrap(), Some(state(0.04)), "the newest of both");
    assert!(other.get(&protocol_state_key("aave")).await.unwrap().is_some());
    let (answers, count) = counted();
    let series = "/v1/series/aave%23supply_apr?to=1700000000";
    let front = async |shown: &Arc<Shown>, shared: &Arc<Shared>| {
        let source: Arc<dyn StateSource> = shown.clone();
        start(guarded(answers.clone().merge(Router::new().nest("/x", rest_router(source))), Arc::clone(shared))).await
    };
    let addresses = [front(&shown[0], &one).await, front(&shown[1], &other).await];
    for address in [addresses[0], addresses[1], addresses[0], addresses[1]] {
        assert!(ask(address, series, "").await.0.starts_with("http/1.1 200"));
    }
    assert_eq!(count.load(Ordering::Relaxed), 1, "the other has its answer");
    for status in ["200", "200", "429", "429"] {
        let (head, _) = ask(addresses[1], "/x/v1/protocols", "").await;
        assert!(head.starts_with(&format!("http/1.1 {status}")), "{head}");
    }

    server.kill();
    let began = std::time::Instant::now();
    for status in ["200", "200", "200", "200", "200", "200", "429"] {
        let (head, body) = ask(addresses[0], "/x/v1/protocols/aave", "").await;
        assert!(head.starts_with(&format!("http/1.1 {status}")), "its own limit holds: {head}");
        assert!(status == "429" || body.contains("0.04") && body.contains("\"stale\":false"), "{body}");
    }
    assert!(began.elapsed() < Duration::from_secs(6), "one waits for it, not each: {:?}", began.elapsed());
    assert!(one.is_without_redis());

    server.restart();
    let until = std::time::Instant::now() + Duration::from_secs(30);
    while one.is_without_redis() {
        assert!(std::time::Instant::now() < until, "it is not used again");
        one.set("key", b"value", Duration::from_secs(60)).await.unwrap();
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    while other.get("key").await.unwrap().is_none() {
        assert!(std::time::Instant::now() < until, "the other finds it, too");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
