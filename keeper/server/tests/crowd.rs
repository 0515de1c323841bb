//! Clients that are slow, and many at once: neither keeps the others out.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use ballast_server::{Board, Bounds, ProtocolState, StateSource, rest_router, router, serve, v1};
use futures::future::join_all;
use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::{sleep, timeout},
};
use v1::protocol_states_client::ProtocolStatesClient;

/// Longer than a machine under load may take over a request.
const HEADER: Duration = Duration::from_millis(1_500);
const CONNECTIONS: usize = 4;
const BOUNDS: Bounds = Bounds { header: HEADER, connections: CONNECTIONS };

async fn start() -> SocketAddr {
    let board = Arc::new(Board::default());
    board.put(ProtocolState::unknown("aave".parse().unwrap(), 1)).unwrap();
    let source: Arc<dyn StateSource> = board;
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(serve(listener, router(source), BOUNDS, std::future::pending()));
    address
}

/// Asks once and hears it to the end.
async fn ask(address: SocketAddr) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let request = "GET /v1/protocols HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    answer
}

/// How long it is until the other end hangs up.
async fn hung_up(mut stream: TcpStream) -> Duration {
    let began = Instant::now();
    let mut bytes = Vec::new();
    drop(timeout(HEADER * 10, stream.read_to_end(&mut bytes)).await.expect("it is kept for ever"));
    began.elapsed()
}

#[tokio::test(flavor = "multi_thread")]
async fn who_never_finishes_a_head_is_hung_up_on_however_it_is_spelt() {
    let address = start().await;
    // Nothing at all; the beginning of HTTP/2; a head without an end; a second one on a connection that was used.
    let used = "GET /v1/protocols HTTP/1.1\r\nhost: x\r\n\r\nGET /v1/pro";
    let waits = ["", "PRI * HT", "GET /v1/protocols HTTP/1.1\r\nhost: x\r\nx-", used].map(async |begun| {
        let mut stream = TcpStream::connect(address).await.unwrap();
        stream.write_all(begun.as_bytes()).await.unwrap();
        (begun, hung_up(stream).await)
    });
    for (begun, waited) in join_all(waits).await {
        assert!(waited < HEADER * 4, "{begun:?}: {waited:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dripping_clients_in_every_place_do_not_keep_another_out() {
    let address = start().await;
    for _ in 0..CONNECTIONS {
        let mut stream = TcpStream::connect(address).await.unwrap();
        tokio::spawn(async move {
            for byte in b"GET /v1/protocols HTTP/1.1\r\nx-slow: ".iter().chain(std::iter::repeat(&b'x')) {
                if stream.write_all(&[*byte]).await.is_err() {
                    return;
                }
                sleep(Duration::from_millis(50)).await;
            }
        });
    }
    // All places are taken by then.
    sleep(HEADER / 5).await;
    let answer = timeout(HEADER * 5, ask(address)).await.expect("it waits for those that drip");
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("aave"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_than_the_limit_are_connected_and_who_waits_is_answered_when_one_goes() {
    let address = start().await;
    let channel = tonic::transport::Channel::from_shared(format!("http://{address}")).unwrap();
    // Streams that nobody ends: slow on purpose, and none of the server's business to cut.
    let mut streams = Vec::new();
    for _ in 0..CONNECTIONS {
        let mut client = ProtocolStatesClient::new(channel.connect().await.unwrap());
        let mut stream = client.stream(v1::StreamRequest::default()).await.unwrap().into_inner();
        assert!(stream.message().await.unwrap().is_some());
        streams.push((client, stream));
    }
    let mut waiting = tokio::spawn(ask(address));
    assert!(
        timeout(HEADER * 2, &mut waiting).await.is_err(),
        "there is no place for it, and streams outlive the head's time"
    );
    streams.pop();
    let answer = timeout(HEADER * 5, waiting).await.expect("a place is free").unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_is_served_a_few_at_a_time() {
    let address = start().await;
    let answers =
        timeout(Duration::from_secs(30), join_all((0..300).map(|_| ask(address)))).await.expect("it is stuck");
    assert!(answers.iter().all(|answer| answer.starts_with("HTTP/1.1 200")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_handler_knows_who_asks() {
    use axum::extract::ConnectInfo;
    let whose = async |ConnectInfo(peer): ConnectInfo<SocketAddr>| peer.ip().to_string();
    let app = rest_router(Arc::new(Board::default())).route("/whose", axum::routing::get(whose));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    tokio::spawn(serve(listener, app, Bounds::default(), std::future::pending()));
    stream.write_all(b"GET /whose HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.ends_with("127.0.0.1"), "{answer}");
}
