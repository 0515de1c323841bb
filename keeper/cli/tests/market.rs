//! Publishers of market data beside the chain: the keeper holds while they contradict it, and `ballast market` shows what they say.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

#[path = "../../service/tests/publishers/mod.rs"]
mod publishers;
#[path = "../../store/tests/cache/server.rs"]
#[allow(dead_code, unused_imports)]
mod redis_server;
mod support;

use ballast_store::{History, Location, State, Store, history::EVER};
use ballast_types::{Action, Doubt, Metric, SeriesId};
use publishers::{Publisher, Says, Shape};
use support::{Keeper, Stage, newest_attempt, store_when_there, until};

const FRESH: Says = Says::Value(1.0, 1);

/// A keeper that wants two publishers of USDC's price, each within half a percent of the chain's.
fn asking(stage: &Stage, publishers: [&Publisher; 2]) -> Keeper {
    let quantity: toml::Table =
        toml::from_str("series = 'usdc#price_usd'\nfeed = 'USDC / USD'\nquorum = 2\nmax_age = 120\ntolerance = 0.005")
            .unwrap();
    let sources: Vec<toml::Value> = publishers.iter().map(|one| one.source().into()).collect();
    stage
        .keeper()
        .set("market.requests_per_minute", 1_000)
        .set("market.sources", sources)
        .set("market.quantities", vec![toml::Value::from(quantity)])
        .set("execution.decide_every", 1)
}

/// The newest decision, if one was made since block `after`.
async fn decided(store: &Store, after: u64) -> Option<(u64, Vec<Doubt>, bool)> {
    let newest = store.decisions(1).await.unwrap().pop()?.record;
    let block = newest.snapshot.block.number;
    (block > after).then_some((block, newest.snapshot.doubts, matches!(newest.decision.action, Action::Hold)))
}

// SPEC D11, D12
#[tokio::test(flavor = "multi_thread")]
async fn while_publishers_contradict_the_chain_nothing_is_moved_and_then_it_is() {
    let stage = Stage::funded().await;
    let pyth = Publisher::start(Shape::Pyth, Says::Value(0.9, 1)).await;
    let gecko = Publisher::start(Shape::CoinGecko, Says::Value(0.9, 1)).await;
    let keeper = asking(&stage, [&pyth, &gecko]).set("history.path", "history.sqlite");
    let service = keeper.spawn(&["run"]);
    let store = store_when_there(&keeper.store_path()).await;
    let newest = async |after| stage.with_blocks(until("a decision", async || decided(&store, after).await)).await;

    // Until both have answered there are too few; from then on they contradict the chain. Whatever it is, it holds.
    let mut block = 0;
    loop {
        let (at, doubts, holds) = newest(block).await;
        assert!(holds, "{doubts:?}");
        block = at;
        match &doubts[..] {
            [Doubt::SourceMissing { .. }] => {}
            [Doubt::SourceDisagreement { quantity, detail }] => {
                assert_eq!(quantity, "usdc#price_usd");
                assert!(detail.contains("the sources 0.9"), "{detail}");
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    // One of them alone is as little reason to move.
    pyth.says(FRESH);
    loop {
        let (at, doubts, holds) = newest(block).await;
        assert!(holds, "{doubts:?}");
        block = at;
        let [Doubt::SourceDisagreement { detail, .. }] = &doubts[..] else { panic!("{doubts:?}") };
        if detail.starts_with("the sources of usdc#price_usd disagree") {
            break;
        }
    }
    assert!(newest_attempt(&store).await.is_none(), "nothing was tried");

    gecko.says(FRESH);
    let landed = until("a move", async || newest_attempt(&store).await.filter(|attempt| attempt.state == State::Final));
    stage.with_blocks(landed).await;
    let moved = store.decisions(20).await.unwrap().into_iter().map(|one| one.record);
    let moved = moved.rev().find(|record| record.decision.action != Action::Hold).unwrap();
    assert_eq!(moved.snapshot.doubts, [], "what moved money was in no doubt");

    let ended = service.terminate("TERM").await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stderr.contains("sources disagree: nothing is moved while they do"), "{ended:?}");
    assert!(ended.stderr.contains("sources agree with the chain"), "{ended:?}");
    stage.assert_consistent(&keeper).await;

    // What each said is remembered under its name.
    let history = History::open_read_only(&Location::Sqlite(stage.path("history.sqlite"))).await.unwrap();
    let series = SeriesId::new("usdc", Metric::PriceUsd).unwrap();
    let heard = history.range(&series, None, 0..EVER, EVER).await.unwrap();
    let of = |source: &str, value: f64| heard.iter().any(|one| one.source() == source && one.value() == value);
    assert!(of("pyth", 0.9) && of("pyth", 1.0) && of("coingecko", 0.9) && of("coingecko", 1.0), "{heard:?}");
}

// SPEC D5, D7
#[tokio::test(flavor = "multi_thread")]
async fn what_each_publisher_says_is_shown_with_its_age_and_processes_share_their_answers() {
    let stage = Stage::funded().await;
    let pyth = Publisher::start(Shape::Pyth, FRESH).await;
    let gecko = Publisher::start(Shape::CoinGecko, FRESH).await;
    let keeper = asking(&stage, [&pyth, &gecko]);

    let shown = keeper.run(&["market"]).await;
    assert_eq!(shown.code, Some(0), "{shown:?}");
    for words in [
        "pyth (http://127.0.0.1",
        "coingecko (http://127.0.0.1",
        "usdc#price_usd",
        "the chain says 1 and the sources 1",
    ] {
        assert!(shown.stdout.contains(words), "{words}: {shown:?}");
    }
    let answer = keeper.run(&["market", "--json"]).await.json();
    assert_eq!(answer["well"], true, "{answer:#}");
    assert_eq!(answer["report"]["quantities"][0]["verdict"], "agreed", "{answer:#}");
    assert!(answer["report"]["sources"][0]["lag"]["seconds"].as_u64().unwrap() <= 10, "{answer:#}");

    gecko.says(Says::Value(1.1, 1));
    let shown = keeper.run(&["market"]).await;
    assert_eq!(shown.code, Some(1), "{shown:?}");
    assert!(shown.stdout.contains("HOLD") && shown.stdout.contains("disagree"), "{shown:?}");
    gecko.says(Says::Fails(503));
    let shown = keeper.run(&["market"]).await;
    assert_eq!(shown.code, Some(1), "{shown:?}");
    assert!(shown.stdout.contains("FAILED") && shown.stdout.contains("503"), "{shown:?}");

    // With Redis the second process has what the first was told.
    gecko.says(FRESH);
    let mut redis = redis_server::Server::start();
    let long = |publisher: &Publisher| {
        let mut source = publisher.source();
        source.insert("period".into(), 600.into());
        toml::Value::from(source)
    };
    let sharing = keeper
        .clone()
        .set("market.sources", vec![long(&pyth), long(&gecko)])
        .set("cache.url_variable", "BALLAST_REDIS_URL")
        .with_secret("BALLAST_REDIS_URL", &redis.address());
    let before = (pyth.asked(), gecko.asked());
    for _ in 0..3 {
        let shown = sharing.run(&["market"]).await;
        assert_eq!(shown.code, Some(0), "{shown:?}");
    }
    assert_eq!((pyth.asked(), gecko.asked()), (before.0 + 1, before.1 + 1));
    // Without it every process asks itself, and says so.
    redis.kill();
    let shown = sharing.run(&["market"]).await;
    assert_eq!(shown.code, Some(0), "{shown:?}");
    assert!(shown.stderr.contains("goes on with a cache and limits of its own"), "{shown:?}");
    assert_eq!((pyth.asked(), gecko.asked()), (before.0 + 2, before.1 + 2));
    // A URL that is none is not repeated.
    sharing
        .with_secret("BALLAST_REDIS_URL", "secret-of-redis")
        .run(&["market"])
        .await
        .assert_refused(1, &["BALLAST_REDIS_URL"]);
}

// SPEC X11
#[tokio::test(flavor = "multi_thread")]
async fn a_crossing_of_mvrv_asks_for_a_decision_at_once_and_lasting_above_does_not() {
    let stage = Stage::funded().await;
    let mvrv = Publisher::start(Shape::Mvrv, Says::Value(2.0, 0)).await;
    let rule: toml::Table = toml::from_str("series = 'btc#mvrv_ratio'\nleave = 3.5\nreenter = 1.0").unwrap();
    let keeper = stage
        .keeper()
        .set("market.sources", vec![toml::Value::from(mvrv.source())])
        .set("market.requests_per_minute", 1_000)
        .set("triggers.every_block", false)
        .set("triggers.low_gas", false)
        .set("triggers.mvrv", rule)
        .set("policy.min_gain", 10_000)
        .set("execution.decide_every", 1)
        .with_secret("GLASSNODE_API_KEY", "a-key");
    let log = stage.path("service.log");
    let service = keeper.spawn_logging_to(std::fs::File::create(&log).unwrap(), &["run"]);
    let store = store_when_there(&keeper.store_path()).await;
    stage.with_blocks(until("the first decision", async || store.decisions(1).await.unwrap().pop())).await;
    let asked = |trigger: &str| {
        let text = std::fs::read_to_string(&log).unwrap();
        text.lines().filter(|line| line.contains("a decision is asked for") && line.contains(trigger)).count()
    };
    // The reading has been seen below before it can cross.
    stage.with_blocks(until("a look at it", async || (mvrv.asked() > 3).then_some(()))).await;
    assert_eq!((asked("MVRV"), asked("a decision is asked for")), (0, asked("review")));
    let decided = async || store.decisions(100).await.unwrap().len();
    let before = decided().await;
    mvrv.says(Says::Value(3.6, 0));
    // It is asked for before it is made: the record is what is waited for.
    stage.with_blocks(until("its decision", async || (decided().await > before).then_some(()))).await;
    let polls = mvrv.asked();
    stage.with_blocks(until("more looks", async || (mvrv.asked() > polls + 5).then_some(()))).await;
    assert_eq!((asked("MVRV above"), decided().await), (1, before + 1), "once");
    assert_eq!(service.terminate("TERM").await.code, Some(0));
}
