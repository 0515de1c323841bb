//! The same transaction at somebody else's EVM, and access lists that pay.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod harness;

use alloy::{primitives::Bytes, sol_types::SolCall};
use ballast_chain::{
    BlockContext, Overrides, SecondOpinion, SecondOpinionError, Simulation, Simulator, TxPlan, Unconfirmed,
    bindings::KillSwitchManager,
};
use harness::{Answer, Proxy, TIMEOUT, World, assert_receipt};
use serde_json::{Value, json};

struct Stage {
    world: World,
    other: Proxy,
    simulator: Simulator,
}

impl Stage {
    async fn start(test: &str) -> Self {
        let world = World::start(test).await;
        world.depositor(0, 30_000).await;
        let other = Proxy::start(world.devnet.rpc_url()).await;
        let opinion = SecondOpinion::connect(&other.url, world.book.chain_id, TIMEOUT).await.unwrap();
        let simulator = world.simulator().with_second_opinion(opinion);
        Self { world, other, simulator }
    }

    async fn rebalance(&self) -> (TxPlan, BlockContext) {
        let targets = [(self.world.aave(), 4_500), (self.world.metamorpho(), 4_500)];
        let input = self.world.rebalance(&targets, &self.world.attestor).await;
        let plan = self.world.plan(&self.world.keeper, self.world.book.contracts.hub, input).await;
        (plan, self.world.next().await)
    }

    async fn confirm(&self, plan: &TxPlan, block: &BlockContext, ours: &Simulation) -> Result<(), String> {
        match self.simulator.confirm(plan, block, ours).await {
            Ok(confirmation) => {
                assert_eq!(confirmation.second_opinion.as_deref(), Some(self.other.url.as_str()));
                Ok(())
            }
            Err(Unconfirmed::Disagreement(why)) => Err(why.to_string()),
            Err(other) => panic!("{other}"),
        }
    }
}

// SPEC X3
#[tokio::test(flavor = "multi_thread")]
async fn a_second_evm_comes_to_the_same_and_where_it_does_not_a_person_can_read_in_what() {
    let stage = Stage::start("second-opinion").await;
    let (plan, block) = stage.rebalance().await;
    let ours = stage.simulator.simulate(&plan, &block, &Overrides::default()).await.unwrap();
    assert!(ours.success && ours.logs.len() > 10, "{ours:?}");
    stage.confirm(&plan, &block, &ours).await.unwrap();

    // With an access list, and for a transaction that fails.
    let choice = stage.simulator.with_access_list(&plan, &block).await.unwrap();
    assert!(!choice.plan.access_list.is_empty());
    stage.confirm(&choice.plan, &block, &choice.simulation).await.unwrap();
    let failing = TxPlan { input: Bytes::from_static(&[1, 2, 3, 4]), ..plan.clone() };
    let failed = stage.simulator.simulate(&failing, &block, &Overrides::default()).await.unwrap();
    assert!(!failed.success);
    stage.confirm(&failing, &block, &failed).await.unwrap();

    type Change = fn(&mut Value);
    let cases: [(&[&str], Change); 5] = [
        (&["gas used: ours", "theirs 7"], |call| call["gasUsed"] = json!("0x7")),
        (&["status: ours success, theirs failure (out of luck)"], |call| {
            call["status"] = json!("0x0");
            call["error"] = json!({ "code": -32_000, "message": "out of luck" });
        }),
        (&["number of logs: ours", "theirs 1"], |call| call["logs"].as_array_mut().unwrap().truncate(1)),
        (&["log 0, address", "theirs 0x1111"], |call| {
            call["logs"][0]["address"] = json!("0x1111111111111111111111111111111111111111");
        }),
        (&["log 1, data", "theirs 0x77"], |call| call["logs"][1]["data"] = json!("0x77")),
    ];
    for (words, change) in cases {
        stage.other.on(move |method, _| match method {
            "eth_simulateV1" => Answer::Change(Box::new(move |blocks| change(&mut blocks[0]["calls"][0]))),
            _ => Answer::Pass,
        });
        let diff = stage.confirm(&plan, &block, &ours).await.unwrap_err();
        for word in words {
            assert!(diff.contains(word), "{word:?} expected in {diff:?}");
        }
        assert!(diff.contains(&stage.other.url), "{diff}");
    }
    stage.world.devnet.shutdown().await.unwrap();
}

// SPEC X3 Y1
#[tokio::test(flavor = "multi_thread")]
async fn an_endpoint_that_cannot_give_an_opinion_is_an_error_of_the_configuration() {
    let stage = Stage::start("no-opinion").await;
    let chain = stage.world.book.chain_id;
    let connect = async |chain| SecondOpinion::connect(&stage.other.url, chain, TIMEOUT).await;
    let wrong = connect(1).await.unwrap_err();
    assert!(matches!(wrong, SecondOpinionError::OtherChain { found: 31_337, expected: 1, .. }), "{wrong}");
    stage.other.on(|method, _| match method {
        "eth_simulateV1" => Answer::Refuse("the method eth_simulateV1 does not exist/is not available"),
        _ => Answer::Pass,
    });
    let error = connect(chain).await.unwrap_err();
    assert!(matches!(error, SecondOpinionError::NoMethod { .. }), "{error}");
    assert!(error.to_string().contains("simulation.second_opinion"), "{error}");
    let bad = SecondOpinion::connect("ws://host/KEYKEYKEY", chain, TIMEOUT).await.unwrap_err();
    assert!(matches!(bad, SecondOpinionError::BadUrl { .. }) && !bad.to_string().contains("KEYKEYKEY"), "{bad}");

    // It worked at the start and fails now: nothing may be signed.
    let (plan, block) = stage.rebalance().await;
    let ours = stage.simulator.simulate(&plan, &block, &Overrides::default()).await.unwrap();
    stage.other.on(|_, _| Answer::Break);
    let down = stage.simulator.confirm(&plan, &block, &ours).await.unwrap_err();
    assert!(matches!(down, Unconfirmed::SecondOpinion(SecondOpinionError::Unavailable { .. })), "{down}");
    stage.world.devnet.shutdown().await.unwrap();
}

// SPEC X4
#[tokio::test(flavor = "multi_thread")]
async fn an_access_list_is_attached_exactly_when_it_makes_the_receipt_cheaper() {
    let stage = Stage::start("access-list").await;
    let (plan, block) = stage.rebalance().await;
    let choice = stage.simulator.with_access_list(&plan, &block).await.unwrap();
    let with = choice.with.unwrap();
    assert!(with < choice.without, "{with} with the list, {} without", choice.without);
    assert_eq!(choice.simulation.gas_used, with);
    let listed = choice.plan.access_list.flatten().count();
    assert!(listed > 20, "{listed} slots");
    let receipt = stage.world.land(&stage.world.keeper, &choice.plan).await;
    assert_receipt(&choice.simulation, &receipt);

    // A call that touches nothing cold has nothing to gain.
    let input = KillSwitchManager::observeCall { adapters: Vec::new() }.abi_encode();
    let small = stage.world.plan(&stage.world.keeper, stage.world.book.protocols.usdc, input).await;
    let small = TxPlan { to: stage.world.keeper.address(), ..small };
    let choice = stage.simulator.with_access_list(&small, &stage.world.next().await).await.unwrap();
    assert!(choice.plan.access_list.is_empty());
    assert_eq!(choice.simulation.gas_used, choice.without);
    // Too little gas for the list is not too little for the call.
    let tight = TxPlan { gas_limit: choice.without, ..small };
    let choice = stage.simulator.with_access_list(&tight, &stage.world.next().await).await.unwrap();
    assert!(choice.simulation.success && choice.plan.access_list.is_empty());
    stage.world.devnet.shutdown().await.unwrap();
}
