//! A simulation is the receipt before the fact.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod harness;

use alloy::{
    primitives::{Address, B256, Bytes, U256},
    providers::{Provider, ProviderBuilder},
    signers::local::PrivateKeySigner,
    sol_types::SolCall,
};
use ballast_chain::{
    ATTESTOR_SLOT, AttestorSlot, Overrides, SimulationError, Simulator, SpecId, TxPlan,
    bindings::{IERC20, KillSwitchManager, StrategyHub, Vault},
    rebalances,
};
use ballast_devnet::accounts::Role;
use ballast_types::{Assets, Bps};
use harness::{Answer, Proxy, USDC, World};
use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

const SHARE: u64 = 1_000_000_000_000;

fn usdc(dollars: u64) -> U256 {
    U256::from(dollars * USDC)
}

// SPEC X3
#[tokio::test(flavor = "multi_thread")]
async fn gas_and_logs_are_the_receipts_for_every_kind_of_call() {
    let world = World::start("receipts").await;
    let (vault, hub, token) = (world.book.contracts.vault, world.book.contracts.hub, world.book.protocols.usdc);
    let simulator = world.simulator();
    let depositor = Role::Depositor(0).signer().unwrap();
    let me = depositor.address();
    world.market().mint_usdc(me, 50_000 * USDC).await.unwrap();

    let approve = IERC20::approveCall { spender: vault, value: usdc(40_000) }.abi_encode();
    let deposit = |dollars| Vault::depositCall { assets: usdc(dollars), receiver: me }.abi_encode();
    // Refunds: an allowance cleared. The EIP-7623 floor: an approval that drags ten kilobytes along.
    let clear = IERC20::approveCall { spender: hub, value: U256::ZERO }.abi_encode();
    let allow = IERC20::approveCall { spender: hub, value: U256::ONE }.abi_encode();
    let heavy = [allow.clone(), vec![0xff; 10_000]].concat();
    for (to, input) in [
        (token, approve),
        (vault, deposit(10_000)),
        (vault, deposit(20_000)),
        (token, allow),
        (token, clear),
        (token, heavy),
    ] {
        let plan = world.plan(&depositor, to, input).await;
        assert!(world.simulate_and_land(&simulator, &depositor, &plan).await.success);
    }
    let floor = 21_000 + 40 * 10_000;
    let heavy = world
        .simulate_and_land(
            &simulator,
            &depositor,
            &world.plan(&depositor, token, [vec![0_u8; 4], vec![0xff; 10_000]].concat()).await,
        )
        .await;
    assert!(!heavy.success && heavy.gas_used >= floor, "{} below the floor {floor}", heavy.gas_used);

    // Into both venues, then from one to the other, then out of one; each with its own events of the real protocols.
    let into_both = world.rebalance(&[(world.aave(), 4_500), (world.metamorpho(), 4_500)], &world.attestor).await;
    let plan = world.plan(&world.keeper, hub, into_both).await;
    let first = world.simulate_and_land(&simulator, &world.keeper, &plan).await;
    let executed = rebalances(hub, &first.logs).next().expect("the hub reports the rebalance").unwrap();
    assert_eq!(U256::from(executed.nav_before.0), usdc(30_000));
    let mut expected = [(world.aave(), Bps(4_500), Assets(0)), (world.metamorpho(), Bps(4_500), Assets(0))];
    expected.sort_unstable();
    assert_eq!(executed.legs.iter().map(|leg| (leg.adapter, leg.bps, leg.before)).collect::<Vec<_>>(), expected);
    for leg in &executed.legs {
        assert!(leg.after.0.abs_diff(executed.nav_before.share(leg.bps).0) <= 2, "{leg:?}");
    }
    assert!(first.logs.len() > 10, "only {} logs", first.logs.len());

    let early = world.rebalance(&[(world.aave(), 1_000)], &world.attestor).await;
    let refused =
        world.simulate_and_land(&simulator, &world.keeper, &world.plan(&world.keeper, hub, early).await).await;
    assert!(refused.revert.as_deref().unwrap().starts_with("CooldownActive(nextAllowed: "), "{:?}", refused.revert);

    world.market().pass_time(7 * 3_600).await.unwrap();
    let shifted = world.rebalance(&[(world.aave(), 1_000), (world.metamorpho(), 5_000)], &world.attestor).await;
    assert!(
        world
            .simulate_and_land(&simulator, &world.keeper, &world.plan(&world.keeper, hub, shifted).await)
            .await
            .success
    );
    let reduce = StrategyHub::reduceCall {
        adapter: world.metamorpho(),
        assets: U256::MAX,
        minOut: U256::ZERO,
        data: Bytes::new(),
    };
    assert!(
        world
            .simulate_and_land(&simulator, &world.keeper, &world.plan(&world.keeper, hub, reduce.abi_encode()).await)
            .await
            .success
    );
    let observe = KillSwitchManager::observeCall { adapters: vec![world.aave()] }.abi_encode();
    let switch = world.book.contracts.kill_switch;
    let observed =
        world.simulate_and_land(&simulator, &depositor, &world.plan(&depositor, switch, observe).await).await;
    assert!(observed.success && !observed.logs.is_empty(), "an observation is due: {observed:?}");

    let redeem = Vault::redeemCall { shares: U256::from(5_000 * SHARE), receiver: me, owner: me }.abi_encode();
    assert!(
        world.simulate_and_land(&simulator, &depositor, &world.plan(&depositor, vault, redeem).await).await.success
    );
    let all = Vault::new(vault, &world.rpc).balanceOf(me).call().await.unwrap();
    let redeem_all = Vault::redeemCall { shares: all, receiver: me, owner: me }.abi_encode();
    assert!(
        world.simulate_and_land(&simulator, &depositor, &world.plan(&depositor, vault, redeem_all).await).await.success
    );
    assert_eq!(Vault::new(vault, &world.rpc).totalSupply().call().await.unwrap(), U256::ZERO);
    world.devnet.shutdown().await.unwrap();
}

// SPEC X3
#[tokio::test(flavor = "multi_thread")]
async fn a_slot_that_the_prefetch_did_not_bring_is_fetched_and_not_zero() {
    let world = World::start("missing-slot").await;
    let token = world.book.protocols.usdc;
    let (first, second) = (Role::Depositor(0).signer().unwrap(), Role::Depositor(1).signer().unwrap());
    for account in [&first, &second] {
        world.market().mint_usdc(account.address(), 100 * USDC).await.unwrap();
    }
    let proxy = Proxy::start(world.devnet.rpc_url()).await;
    let (traces, slots) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let (counted, fetched) = (Arc::clone(&traces), Arc::clone(&slots));
    proxy.on(move |method, _| {
        match method {
            "debug_traceCall" => drop(counted.fetch_add(1, Ordering::Relaxed)),
            "eth_getStorageAt" => drop(fetched.fetch_add(1, Ordering::Relaxed)),
            _ => {}
        }
        Answer::Pass
    });
    let simulator =
        Simulator::new(ProviderBuilder::new().connect_http(proxy.url.parse().unwrap()).erased(), SpecId::PRAGUE);
    let block = world.next().await;
    let transfer = IERC20::transferCall { to: Address::repeat_byte(0x77), value: usdc(100) }.abi_encode();
    let plan = world.plan(&first, token, transfer.clone()).await;
    assert!(simulator.simulate(&plan, &block, &Overrides::default()).await.unwrap().success);
    assert_eq!((traces.load(Ordering::Relaxed), slots.load(Ordering::Relaxed)), (1, 0), "one trace brings everything");
    simulator.simulate(&plan, &block, &Overrides::default()).await.unwrap();
    assert_eq!(
        (traces.load(Ordering::Relaxed), slots.load(Ordering::Relaxed)),
        (1, 0),
        "and is enough for the next time"
    );

    // The same function for another sender, whose balance was in no trace.
    let plan = world.plan(&second, token, transfer).await;
    let simulation = simulator.simulate(&plan, &block, &Overrides::default()).await.unwrap();
    assert_eq!(traces.load(Ordering::Relaxed), 1);
    assert!(slots.load(Ordering::Relaxed) > 0);
    harness::assert_receipt(&simulation, &world.land(&second, &plan).await);
    assert!(simulation.success, "{:?}", simulation.revert);
    world.devnet.shutdown().await.unwrap();
}

// SPEC X3
#[tokio::test(flavor = "multi_thread")]
async fn without_the_debug_api_the_result_is_the_same() {
    let world = World::start("no-debug").await;
    let proxy = Proxy::start(world.devnet.rpc_url()).await;
    proxy.on(
        |method, _| {
            if method.starts_with("debug_") { Answer::Refuse("the method does not exist") } else { Answer::Pass }
        },
    );
    let plain =
        Simulator::new(ProviderBuilder::new().connect_http(proxy.url.parse().unwrap()).erased(), SpecId::PRAGUE);
    world.depositor(0, 10_000).await;
    let input = world.rebalance(&[(world.aave(), 4_000), (world.metamorpho(), 4_000)], &world.attestor).await;
    let plan = world.plan(&world.keeper, world.book.contracts.hub, input).await;
    let block = world.next().await;
    let traced = world.simulator().simulate(&plan, &block, &Overrides::default()).await.unwrap();
    let fetched = plain.simulate(&plan, &block, &Overrides::default()).await.unwrap();
    assert!(fetched.success, "{:?}", fetched.revert);
    assert_eq!(traced, fetched);
    harness::assert_receipt(&fetched, &world.land(&world.keeper, &plan).await);
    world.devnet.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_override_holds_for_one_simulation_only() {
    let world = World::start("override").await;
    let hub = world.book.contracts.hub;
    let slot = AttestorSlot::read(&world.rpc, hub).await.unwrap();
    assert_eq!(slot.attestor(), world.attestor.address());
    world.depositor(0, 10_000).await;
    let throwaway = PrivateKeySigner::random();
    let input = world.rebalance(&[(world.aave(), 4_000), (world.metamorpho(), 4_000)], &throwaway).await;
    let plan = world.plan(&world.keeper, hub, input).await;
    let (simulator, block) = (world.simulator(), world.next().await);
    let overridden = Overrides::attestor(hub, &slot, throwaway.address());
    assert!(simulator.simulate(&plan, &block, &overridden).await.unwrap().success);
    // The limits beside the attestor are the hub's own: with all of them zero no bucket would hold anything.
    let bare = Overrides { storage: vec![(hub, ATTESTOR_SLOT, throwaway.address().into_word().into())] };
    let unlimited = simulator.simulate(&plan, &block, &bare).await.unwrap();
    assert!(unlimited.revert.as_deref().unwrap().starts_with("FlowExceeded("), "{:?}", unlimited.revert);
    // The trace for the first ran with the override; what it showed of that slot must not have stayed.
    let expected = format!("WrongAttestor(recovered: {})", throwaway.address());
    let refused = simulator.simulate(&plan, &block, &Overrides::default()).await.unwrap();
    assert_eq!(refused.revert.as_deref(), Some(expected.as_str()));
    assert!(refused.logs.is_empty());
    harness::assert_receipt(&refused, &world.land(&world.keeper, &plan).await);
    world.devnet.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn the_storage_slot_of_another_layout_is_noticed() {
    let world = World::start("slot").await;
    // The vault has no attestor at all; the switch has other things in that slot.
    for contract in [world.book.contracts.vault, world.book.contracts.kill_switch] {
        let error = AttestorSlot::read(&world.rpc, contract).await.unwrap_err();
        assert!(error.to_string().contains(&contract.to_string()), "{error}");
    }
    world.devnet.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_chain_would_not_include_is_not_simulated() {
    let world = World::start("invalid").await;
    let (simulator, block) = (world.simulator(), world.next().await);
    let input = KillSwitchManager::observeCall { adapters: vec![world.aave()] }.abi_encode();
    let good = world.plan(&world.keeper, world.book.contracts.kill_switch, input).await;
    assert!(simulator.simulate(&good, &block, &Overrides::default()).await.unwrap().success);
    let broke = PrivateKeySigner::random();
    let cases = [
        ("nonce", TxPlan { nonce: good.nonce + 1, ..good.clone() }),
        ("fund", TxPlan { from: broke.address(), nonce: 0, ..good.clone() }),
        ("fee", TxPlan { max_fee_per_gas: 1, max_priority_fee_per_gas: 0, ..good.clone() }),
        ("gas", TxPlan { gas_limit: 21_000, ..good.clone() }),
        ("gas", TxPlan { gas_limit: block.gas_limit + 1, ..good.clone() }),
    ];
    for (word, plan) in cases {
        match simulator.simulate(&plan, &block, &Overrides::default()).await {
            Err(SimulationError::Invalid(why)) => assert!(why.contains(word), "{word} expected in {why:?}"),
            other => panic!("{word}: {other:?}"),
        }
    }
    world.devnet.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_simulation_stays_on_the_block_it_was_made_for() {
    let world = World::start("pinned").await;
    let depositor = world.depositor(0, 1_000).await;
    let vault = world.book.contracts.vault;
    let (simulator, before) = (world.simulator(), world.next().await);
    let redeem = |shares: u64| {
        Vault::redeemCall { shares: U256::from(shares), receiver: depositor.address(), owner: depositor.address() }
            .abi_encode()
    };
    let all = world.plan(&depositor, vault, redeem(1_000 * SHARE)).await;
    let then = simulator.simulate(&all, &before, &Overrides::default()).await.unwrap();
    assert!(then.success);
    let some = world.plan(&depositor, vault, redeem(SHARE)).await;
    assert!(world.land(&depositor, &some).await.status());

    let now = TxPlan { nonce: all.nonce + 1, ..all.clone() };
    let after = simulator.simulate(&now, &world.next().await, &Overrides::default()).await.unwrap();
    assert!(after.revert.unwrap().starts_with("ERC4626ExceededMaxRedeem("));
    assert_eq!(simulator.simulate(&all, &before, &Overrides::default()).await.unwrap(), then);
    world.devnet.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn state_that_cannot_be_had_is_an_error() {
    let world = World::start("no-state").await;
    let input = KillSwitchManager::observeCall { adapters: vec![world.aave()] }.abi_encode();
    let plan = world.plan(&world.keeper, world.book.contracts.kill_switch, input).await;
    let mut block = world.next().await;
    block.parent_hash = B256::repeat_byte(0xee);
    let error = world.simulator().simulate(&plan, &block, &Overrides::default()).await.unwrap_err();
    assert!(matches!(error, SimulationError::State { parent, .. } if parent == block.parent_hash), "{error}");
    world.devnet.shutdown().await.unwrap();
}
