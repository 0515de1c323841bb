//! Endpoints that lie, lag, dawdle or limit, in front of a real node; and what is believed all the same.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod harness;

use alloy::{
    eips::BlockId,
    primitives::{B256, Bytes},
    providers::Provider,
    sol_types::SolCall,
};
use ballast_chain::{
    BlockContext, NoQuorum, Overrides, PoolError, PoolSettings, Rate, RpcPool, Simulation, Simulator, SpecId,
    Testimony, TxPlan, Unconfirmed, bindings::StrategyHub,
};
use ballast_devnet::SLOT_SECONDS;
use harness::{Answer, Proxy, TIMEOUT, World};
use serde_json::{Value, json};
use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::{Duration, Instant},
};

/// Three proxies in front of one node, and a call of the keeper that is to be signed.
struct Stage {
    world: World,
    nodes: Vec<Proxy>,
    pool: Arc<RpcPool>,
    simulator: Simulator,
}

/// A transaction with the simulation it is to be signed for.
struct Ready {
    plan: TxPlan,
    block: BlockContext,
    simulation: Simulation,
}

impl Stage {
    async fn start(test: &str, settings: PoolSettings) -> Self {
        let world = World::start(test).await;
        let mut nodes = Vec::new();
        for _ in 0..3 {
            nodes.push(Proxy::start(world.devnet.rpc_url()).await);
        }
        let urls: Vec<_> = nodes.iter().map(|node| node.url.as_str()).collect();
        let pool = Arc::new(RpcPool::with_settings(&urls, &settings).unwrap());
        let simulator = Simulator::with_pool(Arc::clone(&pool), SpecId::PRAGUE);
        Self { world, nodes, pool, simulator }
    }

    async fn ready(&self) -> Ready {
        let input = StrategyHub::heartbeatCall {}.abi_encode();
        let plan = self.world.plan(&self.world.keeper, self.world.book.contracts.hub, input).await;
        let block = BlockContext::next(self.pool.primary(), SLOT_SECONDS).await.unwrap();
        let simulation = self.simulator.simulate(&plan, &block, &Overrides::default()).await.unwrap();
        assert!(simulation.success, "{:?}", simulation.revert);
        Ready { plan, block, simulation }
    }

    async fn confirm(&self) -> Result<usize, NoQuorum> {
        let Ready { plan, block, simulation } = self.ready().await;
        match self.simulator.confirm(&plan, &block, &simulation).await {
            Ok(confirmation) => Ok(confirmation.quorum.unwrap().agreed),
            Err(Unconfirmed::NoQuorum(why)) => Err(why),
            Err(other) => panic!("{other}"),
        }
    }

    fn dropped(&self, index: usize) -> Option<String> {
        self.pool.endpoints()[index].dropped.clone()
    }

    async fn end(self) {
        self.world.devnet.shutdown().await.unwrap();
    }
}

fn settings() -> PoolSettings {
    PoolSettings { readmit_after: 2, ..PoolSettings::new(TIMEOUT) }
}

/// One slot of whatever contract has any is another than it is, whichever way it is asked for.
fn lie_about_a_slot(value: &'static str) -> impl FnMut(&str, &Value) -> Answer + Send + 'static {
    move |method, _| match method {
        "eth_getProof" => Answer::Change(Box::new(move |proof| {
            if let Some(slot) = proof["storageProof"].get_mut(0) {
                slot["value"] = json!(value);
            }
        })),

        _ => Answer::Pass,
    }
}

/// The hub's balance is another than it is.
fn lie_to_the_tracer(stage: &Stage) -> impl FnMut(&str, &Value) -> Answer + Send + 'static {
    let hub = stage.world.book.contracts.hub.to_string().to_lowercase();
    move |method, _| {
        let hub = hub.clone();
        match method {
            "debug_traceCall" => Answer::Change(Box::new(move |accounts| {
                let code = accounts[&hub]["balance"].clone();
                assert!(code.is_string(), "the tracer shows the hub");
                accounts[&hub]["balance"] = json!("0x7");
            })),
            _ => Answer::Pass,
        }
    }
}

// SPEC D2 X3
#[tokio::test(flavor = "multi_thread")]
async fn one_liar_about_one_slot_is_found_named_and_not_used_until_it_agrees_again() {
    let stage = Stage::start("one-liar", settings()).await;
    assert_eq!(stage.confirm().await.unwrap(), 3);

    stage.nodes[2].on(lie_about_a_slot("0x2a"));
    assert_eq!(stage.confirm().await.unwrap(), 2, "two of three are enough to go on");
    let why = stage.dropped(2).unwrap();
    assert!(why.contains("slot 0x") && why.contains("0x2a") && why.contains("2 others"), "{why}");

    // It is not even asked any more.
    let asked = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&asked);
    stage.nodes[2].on(move |_, _| {
        counter.fetch_add(1, Ordering::Relaxed);
        Answer::Pass
    });
    assert_eq!((stage.confirm().await.unwrap(), asked.load(Ordering::Relaxed)), (2, 0));
    for needed in [true, false] {
        stage.world.devnet.builder().build_block().await.unwrap();
        stage.pool.head().await.unwrap();
        stage.pool.head().await.unwrap();
        assert_eq!(stage.dropped(2).is_some(), needed);
    }
    assert_eq!(stage.confirm().await.unwrap(), 3);
    stage.end().await;
}

// SPEC D2 X3
#[tokio::test(flavor = "multi_thread")]
async fn two_liars_of_three_mean_that_nothing_is_signed_whether_they_agree_or_not() {
    let stage = Stage::start("two-liars", settings()).await;
    stage.nodes[1].on(lie_about_a_slot("0x2a"));
    stage.nodes[2].on(lie_about_a_slot("0x2b"));
    let refused = stage.confirm().await.unwrap_err();
    assert_eq!((refused.agreed, refused.needed, refused.endpoints), (1, 2, 3));
    let text = refused.to_string();
    for node in &stage.nodes {
        assert!(text.contains(&node.url), "{} in {text}", node.url);
    }
    assert!(text.contains("0x2a") && text.contains("0x2b") && text.contains("nothing was signed"), "{text}");
    assert!((0..3).all(|index| stage.dropped(index).is_none()), "who is right cannot be known");

    stage.nodes[2].on(lie_about_a_slot("0x2a"));
    stage.confirm().await.unwrap_err();
    let why = stage.dropped(0).unwrap();
    assert!(why.contains("2 others deny what it says"), "the one that is outvoted: {why}");
    stage.end().await;
}

// SPEC D2 X3
#[tokio::test(flavor = "multi_thread")]
async fn a_liar_that_the_simulation_read_from_is_outvoted_and_the_next_simulation_reads_from_another() {
    let stage = Stage::start("lying-source", settings()).await;
    // It lies to the tracer and to every read alike: the simulation is consistently wrong.
    stage.nodes[0].on(lie_to_the_tracer(&stage));
    let refused = stage.confirm().await.unwrap_err();
    assert!(refused.to_string().contains("the balance of"), "{refused}");
    assert!(stage.dropped(0).is_some());
    assert_eq!(stage.confirm().await.unwrap(), 2);
    stage.end().await;
}

// SPEC D2, D12
#[tokio::test(flavor = "multi_thread")]
async fn state_that_one_has_lost_comes_from_another_which_is_then_no_more_believed_than_any() {
    let stage = Stage::start("lost-state", settings()).await;
    stage.nodes[0].on(|method, _| match method {
        "eth_getBlockByNumber" | "eth_getBlockByHash" => Answer::Pass,
        method if method.starts_with("eth_get") || method.starts_with("debug_") => Answer::Refuse("missing trie node"),
        _ => Answer::Pass,
    });
    assert_eq!(stage.confirm().await.unwrap(), 2, "the second and the third");
    stage.world.devnet.builder().build_block().await.unwrap();
    stage.nodes[1].on(lie_to_the_tracer(&stage));
    let refused = stage.confirm().await.unwrap_err();
    assert_eq!(refused.agreed, 1, "what it gave counts as its own word: {refused}");
    assert!(refused.to_string().contains("the balance of"), "{refused}");
    stage.end().await;
}

// SPEC D2
#[tokio::test(flavor = "multi_thread")]
async fn a_node_with_another_hash_or_far_from_the_others_is_dropped_and_is_no_doubt() {
    let stage = Stage::start("other-head", settings()).await;
    for _ in 0..8 {
        stage.world.devnet.builder().build_block().await.unwrap();
    }
    let latest = stage.world.latest().await.header.number;
    let set_hash = |block: &mut Value| block["hash"] = json!(B256::repeat_byte(0xbb));
    stage.nodes[0].on(move |method, _| match method {
        "eth_getBlockByNumber" => Answer::Change(Box::new(set_hash)),
        _ => Answer::Pass,
    });
    let head = stage.pool.head().await.unwrap();
    assert_eq!((head.block.number, head.doubts.len()), (latest, 0), "{:?}", head.doubts);
    assert_ne!(head.block.hash, B256::repeat_byte(0xbb), "although it is the first in the configuration");
    assert!(stage.dropped(0).unwrap().contains("0xbbbb"));
    assert_eq!(stage.confirm().await.unwrap(), 2);

    // One that is far ahead of a quorum cannot hold the others back either.
    stage.nodes[0].on(|_, _| Answer::Pass);
    stage.nodes[1].on(|method, parameters| {
        let latest = method == "eth_getBlockByNumber" && parameters[0] == "latest";
        if latest { Answer::Change(Box::new(|block| block["number"] = json!("0xffffff"))) } else { Answer::Pass }
    });
    for _ in 0..3 {
        stage.world.devnet.builder().build_block().await.unwrap();
        stage.pool.head().await.unwrap();
    }
    let pool =
        RpcPool::with_settings(&stage.nodes.iter().map(|node| &node.url).collect::<Vec<_>>(), &settings()).unwrap();
    let head = pool.head().await.unwrap();
    assert_eq!((head.block.number, head.doubts.len()), (latest + 3, 0), "{:?}", head.doubts);
    assert!(pool.endpoints()[1].dropped.as_deref().unwrap().contains("16777215"));
    stage.end().await;
}

// SPEC D2 D12
#[tokio::test(flavor = "multi_thread")]
async fn a_node_that_is_slow_talks_rubbish_or_lags_does_not_vote_and_two_of_them_mean_no_quorum() {
    let stage = Stage::start("silent", PoolSettings { timeout: Duration::from_secs(3), ..settings() }).await;
    let slow = |_: &str, _: &Value| Answer::Delay(Duration::from_secs(5));
    stage.nodes[1].on(slow);
    assert_eq!(stage.confirm().await.unwrap(), 2);
    stage.nodes[2].on(|_, _| Answer::Break);
    let refused = stage.confirm().await.unwrap_err();
    let silent = |index: usize| match &refused.testimonies[index].1 {
        Testimony::Silent(why) => why.clone(),
        other => panic!("{other}"),
    };
    assert!(silent(1).contains("did not answer within") || silent(1).contains("time"), "{}", silent(1));
    assert!(silent(2).contains("without a JSON-RPC answer"), "{}", silent(2));
    assert!(stage.dropped(1).is_none() && stage.dropped(2).is_none(), "silence is no lie");

    stage.nodes[1].on(|_, _| Answer::Pass);
    stage.nodes[2].on(|method, _| match method {
        "eth_getBlockByNumber" => Answer::Change(Box::new(|block| *block = Value::Null)),
        _ => Answer::Pass,
    });
    assert_eq!(stage.confirm().await.unwrap(), 2, "one that has not seen the block is waited for, and then left out");

    // A head that only one vouches for is a doubt, never silently enough.
    stage.nodes[1].on(|_, _| Answer::Break);
    stage.nodes[2].on(|_, _| Answer::Break);
    let doubts = stage.pool.head().await.unwrap().doubts;
    assert!(format!("{doubts:?}").contains("1 of 3 endpoints give the same hash, 2 are needed"), "{doubts:?}");
    stage.end().await;
}

// SPEC D2
#[tokio::test(flavor = "multi_thread")]
async fn a_node_without_proofs_is_asked_for_each_value_and_its_lies_are_found_all_the_same() {
    let stage = Stage::start("no-proofs", settings()).await;
    let plain = |lie: bool| {
        move |method: &str, _: &Value| match method {
            "eth_getProof" => Answer::Refuse("the method eth_getProof does not exist"),
            "eth_getStorageAt" if lie => Answer::Change(Box::new(|value| *value = json!(B256::repeat_byte(0x77)))),
            _ => Answer::Pass,
        }
    };
    stage.nodes[1].on(plain(false));
    assert_eq!(stage.confirm().await.unwrap(), 3);
    stage.nodes[1].on(plain(true));
    assert_eq!(stage.confirm().await.unwrap(), 2);
    assert!(stage.dropped(1).unwrap().contains("0x77777777"));
    stage.end().await;
}

// SPEC D12
#[tokio::test(flavor = "multi_thread")]
async fn a_limit_is_respected_for_as_long_as_the_endpoint_says() {
    let world = World::start("limits").await;
    let node = Proxy::start(world.devnet.rpc_url()).await;
    let pool = RpcPool::new(&[&node.url], Duration::from_secs(4)).unwrap();
    let mut refused = false;
    node.on(move |_, _| if std::mem::replace(&mut refused, true) { Answer::Pass } else { Answer::Limit("2") });
    let started = Instant::now();
    pool.primary().get_block_number().await.unwrap();
    assert!(started.elapsed() >= Duration::from_secs(2), "{:?}", started.elapsed());
    let report = pool.endpoints().remove(0);
    assert_eq!((report.vitals.limited, report.vitals.requests), (1, 1));

    let mut refused = 0;
    node.on(move |_, _| {
        refused += 1;
        if refused == 1 { Answer::Exceed } else { Answer::Pass }
    });
    let started = Instant::now();
    pool.primary().get_block_number().await.unwrap();
    assert!(started.elapsed() >= Duration::from_secs(1), "{:?}", started.elapsed());

    node.on(|_, _| Answer::Limit("3600"));
    let started = Instant::now();
    let error = pool.primary().get_block_number().await.unwrap_err().to_string();
    assert!(started.elapsed() < Duration::from_secs(2) && error.contains("rate limit"), "{error}");

    // Meanwhile another is asked first.
    let both = RpcPool::new(&[node.url.clone(), world.devnet.rpc_url()], Duration::from_secs(4)).unwrap();
    both.head().await.unwrap();
    assert_eq!(both.primary().get_chain_id().await.unwrap(), world.book.chain_id);

    let rate = Some(Rate { per_second: 20, burst: 1 });
    let own = RpcPool::with_settings(&[world.devnet.rpc_url()], &PoolSettings { rate, ..settings() }).unwrap();
    let started = Instant::now();
    for _ in 0..11 {
        own.primary().get_block(BlockId::latest()).await.unwrap();
    }
    assert!(started.elapsed() >= Duration::from_millis(490), "{:?}", started.elapsed());
    world.devnet.shutdown().await.unwrap();
}

// SPEC D2
#[test]
fn a_quorum_is_more_than_half_and_one_only_of_one() {
    let urls = ["http://127.0.0.1:1", "http://127.0.0.1:2", "http://127.0.0.1:3"];
    let with = |quorum, count: usize| RpcPool::with_settings(&urls[..count], &PoolSettings { quorum, ..settings() });
    for (count, expected) in [(1, 1), (2, 2), (3, 2)] {
        assert_eq!(with(None, count).unwrap().quorum(), (expected, count));
    }
    assert_eq!(with(Some(3), 3).unwrap().quorum(), (3, 3));
    for (quorum, endpoints) in [(0, 1), (2, 1), (1, 2), (1, 3), (4, 3)] {
        assert_eq!(with(Some(quorum), endpoints).unwrap_err(), PoolError::BadQuorum { quorum, endpoints });
    }
    assert!(with(Some(1), 3).unwrap_err().to_string().contains("1 of 3 endpoints, expected 2 to 3"));
}

/// Every call returns this.
fn lie_about_calls(value: &'static str) -> impl FnMut(&str, &Value) -> Answer + Send + 'static {
    move |method, _| match method {
        "eth_call" => Answer::Change(Box::new(move |result| *result = json!(value))),
        _ => Answer::Pass,
    }
}

// SPEC D2 X15
#[tokio::test(flavor = "multi_thread")]
async fn an_approval_is_what_a_quorum_says_and_no_single_endpoint() {
    const APPROVED: &str = "0x0000000000000000000000000000000000000000000000000000000069000000";
    const ALSO: &str = "0x0000000000000000000000000000000000000000000000000000000069000001";
    let stage = Stage::start("approval", settings()).await;
    let hub = stage.world.book.contracts.hub;
    let input: Bytes = StrategyHub::approvedAtCall { digest: B256::repeat_byte(7) }.abi_encode().into();
    // The one that is preferred says that the Safe has approved.
    stage.nodes[0].on(lie_about_calls(APPROVED));
    assert_eq!(stage.pool.agreed_call(hub, input.clone()).await.unwrap(), Bytes::from(B256::ZERO.0));

    stage.nodes[1].on(lie_about_calls(ALSO));
    let doubtful = stage.pool.agreed_call(hub, input.clone()).await.unwrap_err();
    assert!(matches!(&doubtful, PoolError::NoAgreement { .. }), "{doubtful}");
    let said = doubtful.to_string();
    assert!(said.contains(APPROVED) && said.contains(ALSO), "{said}");

    stage.nodes[0].on(|method, _| if method == "eth_call" { Answer::Break } else { Answer::Pass });
    assert!(matches!(stage.pool.agreed_call(hub, input).await, Err(PoolError::NoAgreement { .. })));
    stage.end().await;
}
