//! "The relay said no" is not "the relay is down".

use alloy::{
    primitives::{Address, B256, Bytes},
    providers::ext::verify_flashbots_signature,
};
use axum::{
    Router,
    body::Bytes as Body,
    http::{HeaderMap, StatusCode},
    routing::post,
};
use ballast_executor::{Builders, FlashbotsRelay, Relay, RelayError, ReplacementId, Submission, Window};
use serde_json::{Value, json};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

const KEY: &str = "0x2000000000000000000000000000000000000000000000000000000000000001";

fn submission(window: Window) -> Submission {
    Submission {
        raw: Bytes::from_static(&[2, 0xf8]),
        tx_hash: B256::repeat_byte(0x22),
        window,
        replacement: ReplacementId::new(1, Address::repeat_byte(0x33), 7),
    }
}

const EXACT: Window = Window::Exact { block: 0x1234, timestamp: 1_700_000_012 };
const UNTIL: Window = Window::Until { block: 0x1240 };

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
    FlashbotsRelay::new(url, KEY, Duration::from_millis(500)).unwrap().submit(&submission(EXACT)).await
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
        json!([{
            "txs": ["0x02f8"],
            "blockNumber": "0x1234",
            "minTimestamp": 1_700_000_012,
            "maxTimestamp": 1_700_000_012,
            "replacementUuid": submission(EXACT).replacement.to_string(),
        }])
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

// SPEC X7
#[tokio::test]
async fn a_private_transaction_has_a_last_block_and_either_kind_can_be_withdrawn() {
    let named =
        r#"{"jsonrpc":"2.0","id":1,"result":"0x2222222222222222222222222222222222222222222222222222222222222222"}"#;
    let (url, seen) = server(StatusCode::OK, named).await;
    let relay = FlashbotsRelay::new(&url, KEY, Duration::from_secs(1)).unwrap();
    let asked = || -> Value { serde_json::from_slice(&seen.lock().unwrap().pop().unwrap().1).unwrap() };
    assert_eq!(relay.submit(&submission(UNTIL)).await.unwrap(), B256::repeat_byte(0x22));
    let sent = asked();
    assert_eq!(sent["method"], "eth_sendPrivateTransaction");
    assert_eq!(sent["params"], json!([{ "tx": "0x02f8", "maxBlockNumber": "0x1240" }]));

    relay.cancel(&submission(UNTIL)).await.unwrap();
    let cancelled = asked();
    assert_eq!(cancelled["method"], "eth_cancelPrivateTransaction");
    assert_eq!(cancelled["params"], json!([{ "txHash": B256::repeat_byte(0x22) }]));

    relay.cancel(&submission(EXACT)).await.unwrap();
    let cancelled = asked();
    assert_eq!(cancelled["method"], "eth_cancelBundle");
    assert_eq!(cancelled["params"], json!([{ "replacementUuid": submission(EXACT).replacement.to_string() }]));

    let (url, _) = server(StatusCode::OK, r#"{"jsonrpc":"2.0","id":1,"result":false}"#).await;
    let relay = FlashbotsRelay::new(&url, KEY, Duration::from_secs(1)).unwrap();
    assert!(matches!(relay.cancel(&submission(UNTIL)).await, Err(RelayError::Refused { .. })));
}

// SPEC X7
#[tokio::test]
async fn of_several_builders_one_that_takes_it_is_enough_and_all_must_drop_it() {
    let (good, seen) = server(StatusCode::OK, HASH).await;
    let refusal = r#"{"jsonrpc":"2.0","id":1,"error":{"code":-32000,"message":"not today"}}"#;
    let (bad, _) = server(StatusCode::OK, refusal).await;
    let relay =
        |url: &str| -> Arc<dyn Relay> { Arc::new(FlashbotsRelay::new(url, KEY, Duration::from_millis(500)).unwrap()) };
    let (good, bad, down) = (relay(&good), relay(&bad), relay("http://127.0.0.1:1"));
    let some = Builders::new(vec![Arc::clone(&bad), Arc::clone(&down), Arc::clone(&good)]).unwrap();
    assert_eq!(some.submit(&submission(EXACT)).await.unwrap(), B256::repeat_byte(0x11));
    assert_eq!(seen.lock().unwrap().len(), 1);
    assert!(matches!(some.cancel(&submission(EXACT)).await, Err(RelayError::All(failures)) if failures.len() == 2));

    let none = Builders::new(vec![bad, down]).unwrap();
    let error = none.submit(&submission(EXACT)).await.unwrap_err();
    assert!(error.to_string().contains("not today") && error.to_string().contains("is down"), "{error}");
    Builders::new(vec![good]).unwrap().cancel(&submission(EXACT)).await.unwrap();
    assert_eq!(Builders::new(Vec::new()).unwrap_err(), RelayError::None);
}
