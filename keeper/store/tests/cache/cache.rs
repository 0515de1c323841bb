//! The cache.
// SPEC D7

use crate::bed::{Bed, in_both, name};
use crate::server::{Server, server};
use ballast_store::cache::{Cache as _, CacheError, Limit, PROTOCOL_STATE_TTL, Redis, protocol_state_key};
use std::time::Duration;

in_both! {
    a_value_is_there_until_its_time_is_over
    setting_again_replaces_value_and_time
    bytes_are_bytes
    a_value_that_is_good_for_no_time_is_refused
}

const TTL: Duration = Duration::from_secs(1);

async fn a_value_is_there_until_its_time_is_over(bed: Bed) {
    let (cache, key) = (bed.cache(), protocol_state_key(&name()));
    assert_eq!(cache.get(&key).await.unwrap(), None);
    cache.set(&key, b"state", TTL).await.unwrap();
    assert_eq!(cache.get(&key).await.unwrap().as_deref(), Some(&b"state"[..]));
    assert_eq!(cache.get(&protocol_state_key(&name())).await.unwrap(), None);
    bed.pass(TTL).await;
    assert_eq!(cache.get(&key).await.unwrap(), None);
}

async fn setting_again_replaces_value_and_time(bed: Bed) {
    let (cache, key) = (bed.cache(), name());
    cache.set(&key, b"first", TTL).await.unwrap();
    bed.pass(TTL / 2).await;
    cache.set(&key, b"second", TTL * 100).await.unwrap();
    bed.pass(TTL).await;
    assert_eq!(cache.get(&key).await.unwrap().as_deref(), Some(&b"second"[..]));
}

async fn bytes_are_bytes(bed: Bed) {
    let (cache, key) = (bed.cache(), name());
    let all: Vec<u8> = (0..=255).collect();
    for value in [all, Vec::new()] {
        cache.set(&key, &value, TTL * 100).await.unwrap();
        assert_eq!(cache.get(&key).await.unwrap(), Some(value));
    }
}

async fn a_value_that_is_good_for_no_time_is_refused(bed: Bed) {
    for ttl in [Duration::ZERO, Duration::from_micros(999)] {
        let refused = bed.cache().set("key", b"x", ttl).await.unwrap_err();
        assert!(matches!(refused, CacheError::TooShort { .. }), "{refused}");
    }
}

#[tokio::test]
async fn the_state_of_a_protocol_is_good_for_fifteen_seconds() {
    assert_eq!(protocol_state_key("aave-v3"), "protocol:aave-v3:state");
    let (cache, key) = (Bed::redis().cache(), protocol_state_key(&name()));
    cache.set(&key, b"state", PROTOCOL_STATE_TTL).await.unwrap();
    let left: i64 = ::redis::cmd("PTTL").arg(&key).query_async(&mut server().connect().await).await.unwrap();
    assert!((14_000..=15_000).contains(&left), "{left}");
    let bed = Bed::local();
    let cache = bed.cache();
    cache.set(&key, b"state", PROTOCOL_STATE_TTL).await.unwrap();
    bed.pass(PROTOCOL_STATE_TTL - Duration::from_millis(1)).await;
    assert!(cache.get(&key).await.unwrap().is_some());
    bed.pass(Duration::from_millis(1)).await;
    assert_eq!(cache.get(&key).await.unwrap(), None);
}

#[tokio::test]
async fn a_server_that_is_gone_is_an_error_and_one_that_is_back_is_used() {
    let mut server = Server::start();
    let cache = Redis::new(&server.url(), Limit::DEFAULT).unwrap();
    cache.set("key", b"x", TTL * 100).await.unwrap();
    server.kill();
    for _ in 0..2 {
        let refused = cache.get("key").await.unwrap_err();
        assert!(matches!(refused, CacheError::Unavailable { .. }), "{refused}");
        assert!(refused.to_string().contains("check that it runs"), "{refused}");
    }
    server.restart();
    let mut back = cache.set("key", b"y", TTL * 100).await;
    for _ in 0..50 {
        if back.is_ok() {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
        back = cache.set("key", b"y", TTL * 100).await;
    }
    back.unwrap();
    assert_eq!(cache.get("key").await.unwrap().as_deref(), Some(&b"y"[..]));
    server.kill();
}
