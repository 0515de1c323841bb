//! The rate limiter.
// SPEC D7, ERR-27

use crate::bed::{Bed, in_both, name};
use crate::server::{Server, server};
use ballast_store::cache::{CacheError, Leave, Limit, RateLimiter as _, Redis};
use futures::future::join_all;
use std::time::Duration;

/// Long enough that a machine under load does not get past it by itself.
const SPAN: Duration = Duration::from_secs(2);

in_both! {
    as_many_as_the_limit_and_no_more
    a_denied_call_is_not_counted
    the_window_slides
    names_do_not_share_a_limit
    many_at_once_get_no_more_than_the_limit
    the_default_is_a_hundred_in_a_minute
}

fn limit(calls: u32) -> Limit {
    Limit::new(calls, SPAN).unwrap()
}

fn granted(leave: Leave) -> bool {
    matches!(leave, Leave::Granted { .. })
}

async fn as_many_as_the_limit_and_no_more(bed: Bed) {
    let (limiter, name) = (bed.limiter(limit(3)), name());
    for left in [2, 1, 0] {
        assert_eq!(limiter.take(&name).await.unwrap(), Leave::Granted { left });
    }
    let Leave::Denied { retry_after } = limiter.take(&name).await.unwrap() else { panic!("a fourth") };
    assert!(retry_after <= SPAN && retry_after > Duration::ZERO, "{retry_after:?}");
    bed.pass(retry_after).await;
    assert!(granted(limiter.take(&name).await.unwrap()), "it was told to come back then");
}

async fn a_denied_call_is_not_counted(bed: Bed) {
    let (limiter, name) = (bed.limiter(limit(1)), name());
    assert!(granted(limiter.take(&name).await.unwrap()));
    for _ in 0..5 {
        bed.pass(SPAN / 10).await;
        assert!(!granted(limiter.take(&name).await.unwrap()));
    }
    bed.pass(SPAN * 6 / 10).await;
    assert!(granted(limiter.take(&name).await.unwrap()), "knocking does not prolong it");
}

async fn the_window_slides(bed: Bed) {
    let (limiter, name) = (bed.limiter(limit(2)), name());
    assert!(granted(limiter.take(&name).await.unwrap()));
    bed.pass(SPAN * 6 / 10).await;
    assert!(granted(limiter.take(&name).await.unwrap()));
    bed.pass(SPAN * 5 / 10).await;
    // The first is out of it, the second is not: a window that began anew would let two through.
    assert!(granted(limiter.take(&name).await.unwrap()));
    assert!(!granted(limiter.take(&name).await.unwrap()));
}

async fn names_do_not_share_a_limit(bed: Bed) {
    let limiter = bed.limiter(limit(1));
    for name in [name(), name()] {
        assert!(granted(limiter.take(&name).await.unwrap()));
        assert!(!granted(limiter.take(&name).await.unwrap()));
    }
}

async fn many_at_once_get_no_more_than_the_limit(bed: Bed) {
    let (limiter, name) = (bed.limiter(Limit::new(20, Duration::from_secs(60)).unwrap()), name());
    let asked = (0..200).map(|_| {
        let (limiter, name) = (limiter.clone(), name.clone());
        tokio::spawn(async move { limiter.take(&name).await.unwrap() })
    });
    let answers = join_all(asked).await;
    assert_eq!(answers.into_iter().filter(|answer| granted(*answer.as_ref().unwrap())).count(), 20);
}

async fn the_default_is_a_hundred_in_a_minute(bed: Bed) {
    let (limiter, name) = (bed.limiter(Limit::DEFAULT), name());
    for left in (0..100).rev() {
        assert_eq!(limiter.take(&name).await.unwrap(), Leave::Granted { left });
    }
    let Leave::Denied { retry_after } = limiter.take(&name).await.unwrap() else { panic!("a hundred and first") };
    assert!((Duration::from_secs(50)..=Duration::from_secs(60)).contains(&retry_after), "{retry_after:?}");
}

#[test]
fn a_limit_of_nothing_is_refused() {
    assert_eq!(Limit::new(0, SPAN), Err(CacheError::NoCalls));
    assert!(matches!(Limit::new(1, Duration::ZERO), Err(CacheError::TooShort { .. })));
}

// ERR-27
#[tokio::test]
async fn whatever_dies_leaves_no_block_behind() {
    let (limiter, name) = (Bed::redis().limiter(limit(2)), name());
    let key = format!("calls:{name}");
    let mut intruder = server().connect().await;
    for _ in 0..4 {
        limiter.take(&name).await.unwrap();
        let left: i64 = ::redis::cmd("PTTL").arg(&key).query_async(&mut intruder).await.unwrap();
        assert!((1..=2_000).contains(&left), "after every step the key has a time: {left}");
    }
    // Even a key whose time was taken away, as the two steps of INCR and EXPIRE would leave it, blocks for the span only.
    let _: i64 = ::redis::cmd("PERSIST").arg(&key).query_async(&mut intruder).await.unwrap();
    tokio::time::sleep(SPAN).await;
    assert!(granted(limiter.take(&name).await.unwrap()));
}

/// At one and the same microsecond, which real calls would have to be lucky to meet: the script with its clock stopped.
#[tokio::test]
async fn as_many_calls_of_one_microsecond_as_the_limit_and_no_more() {
    const CALLS: usize = 150;
    let script = include_str!("../../src/cache/take.lua");
    let clock = "redis.call('TIME')";
    assert_eq!(script.matches(clock).count(), 1);
    let stopped = ::redis::Script::new(&script.replace(clock, "{'1700000000', '123456'}"));
    let (key, connection) = (format!("calls:{}", name()), server().connect().await);
    let asked = (0..CALLS * 2).map(|_| {
        let (stopped, key, mut connection) = (stopped.clone(), key.clone(), connection.clone());
        tokio::spawn(async move {
            let answer: (u8, i64) =
                stopped.key(key).arg(CALLS).arg(60_000).invoke_async(&mut connection).await.unwrap();
            answer
        })
    });
    let answers: Vec<_> = join_all(asked).await.into_iter().map(Result::unwrap).collect();
    let mut left: Vec<i64> = answers.iter().filter(|(granted, _)| *granted == 1).map(|(_, left)| *left).collect();
    left.sort_unstable();
    assert_eq!(left, (0..CALLS as i64).collect::<Vec<_>>(), "each leave leaves one less");
}

#[tokio::test]
async fn processes_share_one_limit() {
    let (one, other, name) = (Bed::redis().limiter(limit(2)), Bed::redis().limiter(limit(2)), name());
    assert!(granted(one.take(&name).await.unwrap()));
    assert!(granted(other.take(&name).await.unwrap()));
    assert!(!granted(one.take(&name).await.unwrap()));
    assert!(!granted(other.take(&name).await.unwrap()));
}

#[tokio::test]
async fn without_a_server_there_is_no_leave() {
    let mut server = Server::start();
    let limiter = Redis::new(&server.url(), Limit::DEFAULT).unwrap();
    server.kill();
    assert!(matches!(limiter.take("x").await, Err(CacheError::Unavailable { .. })));
}
