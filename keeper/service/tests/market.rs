//! Sources that agree, lie, are late, silent or gone, and what a decision is told of it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod publishers;
#[path = "../../allocator/tests/world/mod.rs"]
mod world;

use ballast_service::{
    Config,
    market::{Market, Verdict},
};
use ballast_types::{Doubt, FeedReading, GateId, RoundId, Snapshot};
use publishers::{Publisher, Says, Shape};
use std::{
    fs,
    time::{Duration, Instant},
};

const FRESH: Says = Says::Value(1.0, 5);
/// Seconds; see `configured`.
const MAX_AGE: u64 = 120;

/// A configuration with these sources of USDC's price, which must be within half a percent of the chain's feed.
fn configured(sources: &[toml::Table], quorum: usize, more: &str) -> Config {
    let text = format!(
        "[chain]\nid = 31337\nrpc = ['http://127.0.0.1:1']\n\
         [contracts]\nvault = '0x0000000000000000000000000000000000000001'\nhub = '0x0000000000000000000000000000000000000002'\n\
         kill_switch = '0x0000000000000000000000000000000000000003'\n\
         [[venues]]\nname = 'aave'\nkind = 'aave-v3'\nadapter = '{}'\nrisk_score = 25\nmax_position = 5000\n\
         [eth_usd]\naggregator = '0x00000000000000000000000000000000000000ee'\nheartbeat = 3600\n\
         [policy]\nreserve = 500\nmax_position = 5000\nhorizon_hours = 720\nmin_gain = 10\nexpected_gas = 1100000\nslippage = 1\n\
         max_risk_score = 70\nmax_head_age = 300\n[heartbeat]\nbudget = 10000\n\
         [keeper]\ntype = 'kms'\nkey = 'alias/keeper'\n[attestor]\ntype = 'kms'\nkey = 'alias/attestor'\n[kms]\nregion = 'us-east-1'\n\
         [relay]\nurl = 'http://127.0.0.1:1'\n[store]\npath = 'keeper.sqlite'\n\
         [[market.quantities]]\nseries = 'usdc#price_usd'\nfeed = 'USDC/USD'\nquorum = {quorum}\nmax_age = {MAX_AGE}\ntolerance = 0.005\n\
         [market]\n{more}\n",
        world::AAVE
    );
    let mut config: toml::Table = toml::from_str(&text).unwrap();
    let market = config["market"].as_table_mut().unwrap();
    market.insert("sources".into(), sources.to_vec().into());
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("ballast.toml");
    fs::write(&path, config.to_string()).unwrap();
    Config::load(&path).unwrap_or_else(|error| panic!("{error}"))
}

/// The sources' doubts about a snapshot of the plain world, in which USDC is at one dollar.
fn doubts(market: &Market) -> Vec<Doubt> {
    let mut snapshot = world::fresh();
    market.doubt(&mut snapshot);
    snapshot.doubts
}

/// Whether `decide` holds for them. The gates behind the observation's then have nothing to judge.
fn holds(doubts: Vec<Doubt>) -> bool {
    let decision = ballast_allocator::decide(&Snapshot { doubts, ..world::fresh() }, &world::policy());
    let refused: Vec<GateId> = decision.refusals().map(|gate| gate.id).collect();
    assert!(refused.first().is_none_or(|gate| *gate == GateId::Observation), "{refused:?}");
    !refused.is_empty()
}

/// SPEC D11, D12
#[tokio::test]
async fn a_source_that_lies_is_a_doubt_until_it_is_near_again_and_nothing_is_moved_meanwhile() {
    let pyth = Publisher::start(Shape::Pyth, FRESH).await;
    let gecko = Publisher::start(Shape::CoinGecko, FRESH).await;
    // A poll for each step: nothing may come from what was kept before.
    let short = "requests_per_minute = 1000";
    let market = Market::open(&configured(&[pyth.source(), gecko.source()], 2, short)).unwrap();
    assert!(matches!(&doubts(&market)[..], [Doubt::SourceMissing { .. }]), "nobody was asked yet");

    let after = async |pyth_says, gecko_says| {
        pyth.says(pyth_says);
        gecko.says(gecko_says);
        // Answers are good for nine tenths of the period.
        tokio::time::sleep(Duration::from_millis(950)).await;
        market.look().await;
        doubts(&market)
    };
    assert_eq!(after(FRESH, FRESH).await, []);
    assert!(!holds(doubts(&market)));

    // Within the tolerance of their middle and of the chain.
    assert_eq!(after(Says::Value(1.004, 5), Says::Value(1.002, 5)).await, []);
    // They contradict each other.
    let found = after(Says::Value(0.97, 5), FRESH).await;
    let [Doubt::SourceDisagreement { quantity, detail }] = &found[..] else { panic!("{found:?}") };
    assert_eq!(quantity, "usdc#price_usd");
    assert!(detail.contains("pyth says 0.97") && detail.contains("coingecko says 1"), "{detail}");
    assert!(holds(found));
    // They agree, against the chain.
    let found = after(Says::Value(0.97, 5), Says::Value(0.971, 5)).await;
    let [Doubt::SourceDisagreement { detail, .. }] = &found[..] else { panic!("{found:?}") };
    assert!(detail.starts_with("the chain says 1 and the sources 0.97"), "{detail}");
    assert!(holds(found));

    assert_eq!(after(FRESH, FRESH).await, [], "what has passed is forgotten");
}

/// SPEC D12
#[tokio::test]
async fn what_is_stale_missing_or_rubbish_does_not_count_and_is_a_doubt_where_it_is_wanted() {
    let pyth = Publisher::start(Shape::Pyth, FRESH).await;
    let gecko = Publisher::start(Shape::CoinGecko, FRESH).await;
    for says in [Says::Rubbish, Says::Fails(503), Says::Nothing, Says::Value(1.0, MAX_AGE + 30), Says::Value(-1.0, 5)] {
        pyth.says(says);
        let both = [pyth.source(), gecko.source()];
        let wanted = Market::open(&configured(&both, 2, "")).unwrap();
        wanted.look().await;
        let found = doubts(&wanted);
        assert!(matches!(&found[..], [Doubt::SourceMissing { .. }]), "{says:?}: {found:?}");
        assert!(holds(found));

        // One of two is enough if the operator says so, …
        let one = Market::open(&configured(&both, 1, "")).unwrap();
        one.look().await;
        assert_eq!(doubts(&one), [], "{says:?}");

        // … unless the one that is gone is required.
        let mut required = both.clone();
        required[0].insert("required".into(), true.into());
        let required = Market::open(&configured(&required, 1, "")).unwrap();
        required.look().await;
        let found = doubts(&required);
        let [Doubt::SourceMissing { detail, .. }] = &found[..] else { panic!("{says:?}: {found:?}") };
        assert!(detail.starts_with("pyth, which is required,"), "{detail}");
        let report = required.report(&world::fresh());
        assert!(!report.is_well());
    }
}

#[tokio::test]
async fn with_a_quorum_of_none_a_silence_holds_nothing_and_a_lie_still_does() {
    let pyth = Publisher::start(Shape::Pyth, Says::Fails(500)).await;
    let market = Market::open(&configured(&[pyth.source()], 0, "")).unwrap();
    market.look().await;
    assert_eq!(doubts(&market), []);
    assert_eq!(market.judge(&world::fresh(), now())[0].verdict, Verdict::Nothing);
    pyth.says(Says::Value(0.9, 1));
    market.look().await;
    assert!(matches!(&doubts(&market)[..], [Doubt::SourceDisagreement { .. }]));
}

/// The chain's own feed is broken: that holds by itself, and there is nothing to compare with.
#[tokio::test]
async fn without_a_reading_of_the_chain_nothing_is_confirmed() {
    let pyth = Publisher::start(Shape::Pyth, FRESH).await;
    let market = Market::open(&configured(&[pyth.source()], 1, "")).unwrap();
    market.look().await;
    let mut snapshot = world::fresh();
    let round = RoundId(10);
    snapshot.feeds[0].reading =
        FeedReading::Round { answer: 0, updated_at: world::NOW, round_id: round, answered_in_round: round };
    market.doubt(&mut snapshot);
    let [Doubt::SourceMissing { detail, .. }] = &snapshot.doubts[..] else { panic!("{:?}", snapshot.doubts) };
    assert!(detail.contains("cannot be trusted"), "{detail}");
}

/// What was once known grows old while its source is silent.
#[tokio::test]
async fn a_value_counts_for_as_long_as_it_is_fresh_and_not_a_second_longer() {
    let pyth = Publisher::start(Shape::Pyth, Says::Value(1.0, 0)).await;
    let market = Market::open(&configured(&[pyth.source()], 1, "")).unwrap();
    market.look().await;
    let time = market.report(&world::fresh()).sources[0].values[0].time;
    let verdict = |now| market.judge(&world::fresh(), now)[0].verdict;
    assert_eq!(verdict(time + MAX_AGE), Verdict::Agreed);
    assert_eq!(verdict(time + MAX_AGE + 1), Verdict::Missing);
}

/// A cycle reads what is in memory: a source that never answers costs it nothing.
#[tokio::test]
async fn nobody_waits_for_a_source_that_does_not_answer() {
    let silent = Publisher::start(Shape::Pyth, Says::Nothing).await;
    let prompt = Publisher::start(Shape::Llama, FRESH).await;
    let market = Market::open(&configured(&[silent.source(), prompt.source()], 1, "")).unwrap();
    let look = market.look();
    let mut look = std::pin::pin!(look);
    let until = Instant::now() + Duration::from_secs(20);
    // The prompt one's answer counts while the silent one is still being waited for.
    while !doubts(&market).is_empty() {
        assert!(Instant::now() < until, "the prompt source's answer never came");
        let slept = tokio::time::timeout(Duration::from_millis(20), &mut look).await;
        assert!(slept.is_err(), "the silent source was given up before the prompt one's answer counted");
    }
    look.await;
    let report = market.report(&world::fresh());
    let fault = report.sources[0].fault.as_deref().unwrap();
    assert!(fault.contains("127.0.0.1"), "{fault}");
    assert_eq!((report.sources[0].failures, report.sources[1].failures), (1, 0));
}

/// SPEC D7
#[tokio::test]
async fn a_source_is_asked_no_more_often_than_its_period_and_the_limit_allow() {
    let pyth = Publisher::start(Shape::Pyth, FRESH).await;
    let mut slow = pyth.source();
    slow.insert("period".into(), 600.into());
    let market = Market::open(&configured(&[slow], 1, "")).unwrap();
    for _ in 0..5 {
        market.look().await;
    }
    assert_eq!(pyth.asked(), 1, "an answer is good for most of its period");

    let gecko = Publisher::start(Shape::CoinGecko, Says::Fails(404)).await;
    let market = Market::open(&configured(&[gecko.source()], 0, "requests_per_minute = 2")).unwrap();
    for _ in 0..5 {
        market.look().await;
    }
    assert_eq!(gecko.asked(), 2);
    let fault = market.report(&world::fresh()).sources[0].fault.clone().unwrap();
    assert!(fault.contains("market.requests_per_minute"), "{fault}");
}

/// Of what was stolen, nothing about us is the best answer.
#[tokio::test]
async fn a_list_of_exploits_without_a_row_about_us_is_an_answer_and_rubbish_is_none() {
    let hacks = Publisher::start(Shape::Hacks, Says::Value(0.0, 0)).await;
    let pyth = Publisher::start(Shape::Pyth, FRESH).await;
    let both = [hacks.source(), pyth.source()];
    let of = async || {
        let market = Market::open(&configured(&both, 1, "")).unwrap();
        market.look().await;
        market.report(&world::fresh()).sources.remove(0)
    };
    let nothing = of().await;
    assert_eq!((nothing.fault, nothing.values.len()), (None, 0));
    hacks.says(Says::Value(2e6, 0));
    let listed = of().await;
    assert_eq!((listed.values[0].series.to_string().as_str(), listed.values[0].value), ("aave#lost_usd", 2e6));
    hacks.says(Says::Rubbish);
    assert!(of().await.fault.is_some());
}

/// SPEC D5
#[tokio::test]
async fn a_lag_is_measured_at_every_poll_and_its_99th_percentile_said() {
    let pyth = Publisher::start(Shape::Pyth, Says::Value(1.0, 0)).await;
    let market = Market::open(&configured(&[pyth.source()], 1, "requests_per_minute = 1000")).unwrap();
    market.look().await;
    let of = || {
        let report = market.report(&world::fresh()).sources.remove(0);
        (report.lag.unwrap(), report.lag_p99.unwrap())
    };
    assert!(of().0.seconds <= 1 && of().0.blocks <= 1, "{:?}", of());
    pyth.says(Says::Value(1.0, 60));
    tokio::time::sleep(Duration::from_millis(950)).await;
    market.look().await;
    // The older answer does not take the place of the newer one, which is a second or two old.
    assert!(of().0.seconds <= 3, "{:?}", of());
    assert!(of().1.seconds >= of().0.seconds.min(1), "{:?}", of());
}

fn now() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs()
}
