//! "The relay said no" is not "the relay is down".

use alloy::{
    primitives::{B256, Bytes},
    providers::ext::verify_flashbots_signature,
};
use axum::{
    Router,
    body::Bytes as Body,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use ballast_executor::{Bundle, FlashbotsRelay, Relay, RelayError};
use serde_json::{Value, json};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

const KEY: &str = "0x2000000000000000000000000000000000000000000000000000000000000001";

fn bundle() -> Bundle {
    Bundle { transactions: vec![Bytes::from_static(&[2, 0xf8])], block: 0x1234, timestamp: 1_700_000_012 }
}

type Seen = Arc<Mutex<Vec<(String, Vec<u8>)>>>;

/// A server that gives one answer and keeps what it was asked.
async fn server(status: StatusCode, answer: &'static str) -> (String, Seen) {
    let seen = Seen::default();
    let kept = Arc::clone(&seen);
    let handler = move |headers: HeaderMap, body: Body| async move {
        let header = headers.get("x-flashbots-signature").unwrap().to_str().unwrap().to_owned();
        kept.lock().unwrap().push((header, body.to_vec()));
        (status, answer)
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().route("/", post(handler))).await });
    (url, seen)
}

async fn send(url: &str) -> Result<B256, RelayError> {
    FlashbotsRelay::new(url, KEY, Duration::from_millis(500)).unwrap().send_bundle(&bundle()).await
}

const HASH: &str = r#"{"jsonrpc":"2.0","id":1,"result":{"bundleHash":"0x1111111111111111111111111111111111111111111111111111111111111111"}}"#;

// SPEC X7
#[tokio::test]
async fn a_bundle_is_signed_and_pinned_to_one_block_and_one_time() {
    let (url, seen) = server(StatusCode::OK, HASH).await;
    assert_eq!(send(&url).await.unwrap(), B256::repeat_byte(0x11));
    let (header, body) = seen.lock().unwrap().pop().unwrap();
    let relay = FlashbotsRelay::new(&url, KEY, Duration::from_secs(1)).unwrap();
    assert_eq!(verify_flashbots_signature(&header, &body).unwrap(), relay.auth_address());
    let asked: Value = serde_json::from_slice(&body).unwrap();
    assert_eq!(asked["method"], "eth_sendBundle");
    assert_eq!(
        asked["params"],
        json!([{ "txs": ["0x02f8"], "blockNumber": "0x1234", "minTimestamp": 1_700_000_012, "maxTimestamp": 1_700_000_012 }])
    );
}

#[tokio::test]
async fn an_answered_no_is_a_refusal_with_its_message() {
    for status in [StatusCode::OK, StatusCode::BAD_REQUEST, StatusCode::FORBIDDEN] {
        let (url, _) =
            server(status, r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"block has passed"}}"#).await;
        let error = send(&url).await.unwrap_err();
        assert!(matches!(&error, RelayError::Refused { message, .. } if message == "block has passed"), "{error}");
    }
    let (url, _) = server(StatusCode::FORBIDDEN, r#"{"error":"unknown sender"}"#).await;
    assert!(matches!(send(&url).await, Err(RelayError::Refused { message, .. }) if message == "unknown sender"));
}

#[tokio::test]
async fn anything_that_is_no_answer_means_down() {
    for (status, answer) in [
        (StatusCode::BAD_GATEWAY, "<html>bad gateway</html>"),
        (StatusCode::OK, "<html>welcome</html>"),
        (StatusCode::OK, r#"{"jsonrpc":"2.0","id":1}"#),
        (StatusCode::OK, r#"{"jsonrpc":"2.0","id":1,"result":{}}"#),
        (StatusCode::TOO_MANY_REQUESTS, r#"{"error":"slow down"}"#),
        (StatusCode::INTERNAL_SERVER_ERROR, r#"{"error":{"message":"oops"}}"#),
    ] {
        let (url, _) = server(status, answer).await;
        let error = send(&url).await.unwrap_err();
        assert!(matches!(error, RelayError::Down { .. }), "{status} {answer}: {error}");
    }
}

#[tokio::test]
async fn a_closed_port_and_a_silent_server_are_down() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = format!("http://{}/SECRETPATH", listener.local_addr().unwrap());
    let error = send(&silent).await.unwrap_err();
    assert!(matches!(error, RelayError::Down { .. }), "{error}");
    assert!(!error.to_string().contains("SECRETPATH"), "{error}");
    drop(listener);
    let error = send(&silent).await.unwrap_err();
    assert!(matches!(&error, RelayError::Down { why, .. } if why.to_lowercase().contains("refused")), "{error}");
}
