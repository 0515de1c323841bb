//! Alchemy's webhook: only what is signed is read, all of it, and once.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use ballast_server::{Board, Bounds, Notice, SigningKey, router, serve, webhook};
use hmac::{Hmac, Mac};
use proptest::prelude::*;
use serde_json::{Value, json};
use sha2::Sha256;
use std::sync::Arc;
use tokio::sync::mpsc;

const KEY: &str = "whsec_test";

/// Shape of Alchemy's documentation, "Address Activity Webhook": a USDC transfer, and a contract that was made, without an address it
/// went to.
fn payload(id: &str) -> String {
    json!({
        "webhookId": "wh_octjglnywaupz6th", "id": id, "createdAt": "2025-04-30T12:00:00.432Z", "type": "ADDRESS_ACTIVITY",
        "event": { "network": "ETH_MAINNET", "activity": [
            {
                "blockNum": "0xdf34a3", "hash": "0x7a4a39da2a3fa1fc2ef88fd1eaea070286ed2aba21e0419dcfb6d5c5d9f02a72",
                "fromAddress": "0x503828976d22510aad0201ac7ec88293211d23da",
                "toAddress": "0xbe3f4b43db5eb49d1f48f53443b9abce45da3b79", "value": 293.092129, "asset": "USDC", "category": "token",
                "rawContract": { "rawValue": "0x0000000000000000000000000000000000000000000000000000000011783b21",
                                 "address": "0xa0b86991c6218b36c1d19d4a2e9eb0ce3606eb48", "decimals": 6 }
            },
            {
                "blockNum": "0xdf34a4", "hash": "0x8b4a39da2a3fa1fc2ef88fd1eaea070286ed2aba21e0419dcfb6d5c5d9f02a73",
                "fromAddress": "0x503828976d22510aad0201ac7ec88293211d23da", "toAddress": null, "value": 0, "asset": "ETH",
                "category": "external", "rawContract": { "rawValue": "0x0", "address": null, "decimals": 18 }
            }
        ] }
    })
    .to_string()
}

fn signature(key: &str, body: &str) -> String {
    let mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).unwrap().chain_update(body).finalize().into_bytes();
    mac.iter().map(|byte| format!("{byte:02x}")).collect()
}

struct Hook {
    url: String,
    notices: mpsc::Receiver<Notice>,
}

impl Hook {
    /// That holds this many notices until somebody looks.
    async fn start(room: usize) -> Self {
        drop(rustls::crypto::ring::default_provider().install_default());
        let (told, notices) = mpsc::channel(room);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}/webhook/alchemy", listener.local_addr().unwrap());
        let all = router(Arc::new(Board::default())).merge(webhook(SigningKey::new(KEY).unwrap(), told));
        tokio::spawn(serve(listener, all, Bounds::default(), std::future::pending()));
        Self { url, notices }
    }

    async fn post(&self, body: String, signature: Option<&str>) -> (u16, Value) {
        let mut request = reqwest::Client::new().post(&self.url).header("content-type", "application/json").body(body);
        if let Some(signature) = signature {
            request = request.header("X-Alchemy-Signature", signature);
        }
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap_or_default())
    }

    async fn signed(&self, body: String) -> (u16, Value) {
        let signature = signature(KEY, &body);
        self.post(body, Some(&signature)).await
    }
}

// SPEC D2, ERR-31
#[tokio::test(flavor = "multi_thread")]
async fn every_activity_of_a_signed_notice_is_told_once() {
    let mut hook = Hook::start(8).await;
    assert_eq!(hook.signed(payload("whevt_1")).await, (200, json!({ "told": 2 })));
    assert_eq!(hook.signed(payload("whevt_1")).await, (200, json!({ "told": 0 })), "it is sent again");
    assert_eq!(hook.signed(payload("whevt_2")).await.0, 200);
    let notice = hook.notices.recv().await.unwrap();
    assert_eq!((notice.id.as_str(), notice.network.as_str(), notice.activities.len()), ("whevt_1", "ETH_MAINNET", 2));
    let [transfer, creation] = notice.activities.as_slice() else { panic!("{notice:?}") };
    let raw = transfer.raw_contract.as_ref().unwrap();
    assert_eq!((transfer.block_num.to::<u64>(), raw.raw_value.unwrap().to::<u64>()), (14_628_003, 293_092_129));
    assert_eq!((creation.to_address, transfer.to_address.is_some()), (None, true));
    assert_eq!(hook.notices.recv().await.unwrap().id, "whevt_2");
}

// ERR-31
#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_signed_with_the_key_is_not_read() {
    let mut hook = Hook::start(8).await;
    let body = payload("whevt_1");
    let good = signature(KEY, &body);
    for bad in [
        None,
        Some(String::new()),
        Some("00".repeat(32)),
        Some(good[..62].to_owned()),
        Some(format!("{good}00")),
        Some(signature("another key", &body)),
        Some(signature("", &body)),
        Some(signature(KEY, &payload("whevt_2"))),
        Some("ü".repeat(32)),
    ] {
        let (status, answer) = hook.post(body.clone(), bad.as_deref()).await;
        assert_eq!(status, 401, "{bad:?}");
        assert!(answer["error"].as_str().unwrap().contains("X-Alchemy-Signature"), "{answer}");
    }
    // Signed for another body.
    assert_eq!(hook.post(body.replace("USDC", "USDD"), Some(&good)).await.0, 401);
    assert!(hook.notices.try_recv().is_err(), "nothing was told");
    assert!(SigningKey::new(" ").is_none(), "an empty key is none");
    assert!(!format!("{:?}", SigningKey::new(KEY)).contains("whsec"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_signed_but_no_notice_is_refused_with_what_was_expected() {
    let hook = Hook::start(8).await;
    for (body, words) in [
        ("nonsense".to_owned(), "expected"),
        (r#"{"id":"a","type":"ADDRESS_ACTIVITY","activity":[]}"#.to_owned(), "missing field `event`"),
        (payload("a").replace("ADDRESS_ACTIVITY", "MINED_TRANSACTION"), "expected ADDRESS_ACTIVITY"),
        (payload("a").replace("0xbe3f4b43", "0xbe3f"), "toAddress"),
        (payload("a").replace("0xdf34a3", "soon"), "blockNum"),
    ] {
        let (status, answer) = hook.signed(body).await;
        let error = answer["error"].as_str().unwrap();
        assert!(status == 400 && error.contains(words), "{words}: {status} {error}");
    }
    assert_eq!(hook.signed("x".repeat(2 << 20)).await.0, 413);
}

#[tokio::test(flavor = "multi_thread")]
async fn while_nobody_looks_it_is_asked_to_be_sent_again_and_not_lost() {
    let mut hook = Hook::start(1).await;
    assert_eq!(hook.signed(payload("whevt_1")).await.0, 200);
    assert_eq!(hook.signed(payload("whevt_2")).await.0, 503);
    assert_eq!(hook.notices.recv().await.unwrap().id, "whevt_1");
    assert_eq!(
        hook.signed(payload("whevt_2")).await,
        (200, json!({ "told": 2 })),
        "the refused one is not taken for seen"
    );
}

proptest! {
    // RFC 4231, test case 2, and any other body.
    #[test]
    fn a_signature_is_the_hmac_and_nothing_else(body in "\\PC{0,200}", other in "\\PC{0,200}") {
        let key = SigningKey::new("Jefe").unwrap();
        prop_assert!(key.signed(
            b"what do ya want for nothing?",
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
        ));
        let signature = signature("Jefe", &body);
        prop_assert!(key.signed(body.as_bytes(), &signature) && key.signed(body.as_bytes(), &signature.to_uppercase()));
        prop_assert_eq!(key.signed(other.as_bytes(), &signature), body == other);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_body_that_never_ends_is_given_up() {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let hook = Hook::start(1).await;
    let host = hook.url.trim_start_matches("http://").split('/').next().unwrap().to_owned();
    let mut connection = tokio::net::TcpStream::connect(&host).await.unwrap();
    let head = format!("POST /webhook/alchemy HTTP/1.1\r\nhost: {host}\r\ncontent-length: 100\r\n\r\n{{");
    connection.write_all(head.as_bytes()).await.unwrap();
    let mut answer = [0; 12];
    let read = connection.read_exact(&mut answer);
    tokio::time::timeout(std::time::Duration::from_secs(20), read).await.expect("it waits for ever").unwrap();
    assert_eq!(&answer, b"HTTP/1.1 408");
}
