//! What the watcher takes home, what it leaves, and what keeps nothing else back.

use crate::{
    A_LOOK, CONFIRM_BLOCKS, MILLION, UNDRAWN, UTILISATION, events, first, purposes, said, serving_with_log,
    support::{Endpoint, HOUR, Illness, Keeper, Running, Stage, store_when_there, until},
};
use alloy::{
    consensus::Transaction as _,
    primitives::{Address, U256},
    providers::Provider,
    rpc::types::{Filter, Log},
    sol,
    sol_types::{SolCall, SolEvent},
};
use ballast_chain::bindings::{IAavePool, KillSwitchManager, StrategyHub, Vault};
use ballast_devnet::{accounts::Role, market::USD};
use std::fs;

sol! {
    interface IShares {
        function withdraw(uint256 assets, address receiver, address owner) external returns (uint256);
    }
}

/// The position in a venue, base units.
async fn held(stage: &Stage, adapter: Address) -> U256 {
    let call = StrategyHub::positionStateCall { adapter };
    stage.market().read(stage.book.contracts.hub, call).await.unwrap().value
}

async fn held_in(stage: &Stage, adapters: &[Address]) -> Vec<U256> {
    let mut all = Vec::new();
    for adapter in adapters {
        all.push(held(stage, *adapter).await);
    }
    all
}

/// What the hub says was taken out of venues one by one, oldest first.
async fn reductions(stage: &Stage) -> Vec<Log> {
    let event = StrategyHub::RiskReduced::SIGNATURE_HASH;
    let filter = Filter::new().address(stage.book.contracts.hub).event_signature(event).from_block(0);
    stage.rpc().get_logs(&filter).await.unwrap()
}

/// A keeper that spreads the money over at least three venues.
fn spreading(stage: &Stage) -> Keeper {
    let limit = |keeper: Keeper, venue: usize| keeper.set(&format!("venues.{venue}.max_position"), 3_000);
    (0..stage.book.venues.len()).fold(stage.keeper(), limit).set("policy.max_position", 3_000)
}

/// One that decides as often, but asks of a move to earn as much as there is every year, which no venue's curve can pay: what moves, the watcher
/// has moved.
fn only_watching(stage: &Stage) -> Keeper {
    spreading(stage).set("policy.min_gain", 10_000).with_store("watching.sqlite")
}

/// Builds blocks until the service, which looks at each head at least every second, has decided about one that is yet to come. Between two of them it
/// has the time of a look, and if that is too short for it, more blocks.
async fn decides_again(stage: &Stage, keeper: &Keeper) {
    let store = keeper.store().await;
    let head = stage.rpc().get_block_number().await.unwrap();
    let decided = async || {
        let newest = store.decisions(1).await.unwrap().pop()?;
        if newest.record.snapshot.block.number > head {
            return Some(());
        }
        stage.build_block().await;
        tokio::time::sleep(A_LOOK).await;
        None
    };
    until("another decision", decided).await;
    store.close().await;
}

/// A vault with money in several venues, and the service; borrowers then draw on the first Aave until above 95 % is lent, and the service trips that.
/// Returns the service, its log, that venue and the others, and the trip with its block.
async fn closed_by_its_borrowers(
    stage: &Stage,
    keeper: &Keeper,
) -> (Running, std::path::PathBuf, Address, Vec<Address>, (u64, KillSwitchManager::VenueTripped)) {
    let pool = stage.book.protocols.aave.pool;
    let invested = stage.cycle(&spreading(stage)).await;
    assert_eq!(invested.json()["outcome"]["state"], "final", "{invested:?}");
    let of = |at_pool: bool| {
        let venues = stage.book.venues.iter().filter(move |venue| (venue.venue == pool) == at_pool);
        venues.map(|venue| venue.adapter).collect::<Vec<_>>()
    };
    let (aave, others) = (of(true)[0], of(false));
    assert!(held(stage, aave).await > U256::from(1_000_000_000_u64), "there is something to lose");

    let log = stage.path("service.log");
    let service = keeper.spawn_logging_to(fs::File::create(&log).unwrap(), &["run"]);
    let store = store_when_there(&keeper.store_path()).await;
    until("a decision", async || store.decisions(1).await.unwrap().pop()).await;
    let available = IAavePool::getVirtualUnderlyingBalanceCall { asset: stage.book.protocols.usdc };
    let available = u64::try_from(stage.market().read(pool, available).await.unwrap()).unwrap();
    stage.market().borrow_aave(available - UNDRAWN).await.unwrap();
    let visible = stage.rpc().get_block_number().await.unwrap();
    let (armed, event) = stage.with_block_per_bundle(keeper, first::<KillSwitchManager::Armed>(stage)).await;
    assert_eq!((armed, event.trigger, event.adapter), (visible + 1, UTILISATION, aave));
    while stage.rpc().get_block_number().await.unwrap() < armed + CONFIRM_BLOCKS - 1 {
        stage.build_block().await;
    }
    let tripped = stage.with_block_per_bundle(keeper, first::<KillSwitchManager::VenueTripped>(stage)).await;
    assert_eq!((tripped.0, tripped.1.trigger, tripped.1.adapter), (armed + CONFIRM_BLOCKS, UTILISATION, aave));
    (service, log, aave, others, tripped)
}

// SPEC C7, R11: by its own trigger the venue is only closed for additions.
#[tokio::test(flavor = "multi_thread")]
async fn a_position_comes_home_from_a_venue_that_its_trigger_has_closed_and_no_other_does() {
    let stage = Stage::funded().await;
    let keeper = only_watching(&stage);
    let (service, _, aave, others, (tripped, trip)) = closed_by_its_borrowers(&stage, &keeper).await;
    let (held_there, before) = (held(&stage, aave).await, held_in(&stage, &others).await);

    let first_reduction = until("the position's way home", async || reductions(&stage).await.into_iter().next());
    let reduction = stage.with_block_per_bundle(&keeper, first_reduction).await;
    let event = StrategyHub::RiskReduced::decode_log(&reduction.inner).unwrap().data;
    assert_eq!((event.caller, event.adapter), (stage.book.keeper, aave));
    assert!(event.received + U256::from(2) >= held_there, "all of it: {} of {held_there}", event.received);
    assert_eq!(reduction.block_number, Some(tripped + 1), "in the block after the trip");
    let transaction = stage.rpc().get_transaction_by_hash(reduction.transaction_hash.unwrap()).await.unwrap().unwrap();
    assert_eq!(transaction.to(), Some(stage.book.contracts.hub));
    let call = StrategyHub::reduceCall::abi_decode(transaction.input()).unwrap();
    assert_eq!(call.adapter, aave);
    assert!(held(&stage, aave).await <= U256::from(2), "all of it");

    // The next blocks find nothing to do, and the service goes on deciding that nothing is to be moved.
    decides_again(&stage, &keeper).await;
    assert_eq!((reductions(&stage).await.len(), stage.rebalances().await.len()), (1, 1));
    let moved = |(before, after): (&U256, &U256)| after < before;
    let after = held_in(&stage, &others).await;
    assert!(!before.iter().zip(&after).any(moved), "the others are none of its business: {before:?} {after:?}");
    let room = Vault::maxDepositCall(Role::Depositor(1).address().unwrap());
    let room = stage.market().read(stage.book.contracts.vault, room).await.unwrap();
    assert!(!room.is_zero(), "deposits stay open");
    let calls = purposes(&keeper).await;
    let [home, trip_call, arming] = calls.as_slice() else { panic!("{calls:?}") };
    assert!(home.contains("take home") && home.contains("Utilization spike"), "{calls:?}");
    assert!(trip_call.contains("confirmation") && arming.contains("arming"), "{calls:?}");
    assert_eq!(service.terminate("TERM").await.code, Some(0));

    // The borrowers repay and the trip runs out: whoever decides freely may go there again.
    let market = stage.market();
    market.repay_aave(20 * MILLION).await.unwrap();
    let now = stage.rpc().get_block(alloy::eips::BlockId::latest()).await.unwrap().unwrap().header.timestamp;
    market.pass_time(trip.blockedUntil.to::<u64>() - now + 1).await.unwrap();
    let again = stage.cycle(&spreading(&stage)).await;
    assert_eq!(again.json()["outcome"]["state"], "final", "{again:?}");
    assert!(held(&stage, aave).await > U256::from(1_000_000_000_u64), "it is back");
}

// SPEC R11
#[tokio::test(flavor = "multi_thread")]
async fn where_nothing_is_to_be_called_home_the_position_stays_and_the_operator_is_told_once() {
    let stage = Stage::funded().await;
    let keeper = only_watching(&stage).set("watcher.retreat", Vec::<String>::new());
    let (service, log, aave, ..) = closed_by_its_borrowers(&stage, &keeper).await;
    let before = held(&stage, aave).await;
    let told = || {
        let text = fs::read_to_string(&log).unwrap();
        text.lines().filter(|line| line.contains("a position stays in a venue that is closed")).count()
    };
    until("the operator to be told", async || (told() > 0).then_some(())).await;
    decides_again(&stage, &keeper).await;
    decides_again(&stage, &keeper).await;
    assert_eq!((reductions(&stage).await.len(), stage.rebalances().await.len()), (0, 1));
    assert!(held(&stage, aave).await >= before);
    assert_eq!(told(), 1, "{}", fs::read_to_string(&log).unwrap());
    let calls = purposes(&keeper).await;
    assert_eq!(calls.len(), 2, "armed and tripped, no more: {calls:?}");
    assert_eq!(service.terminate("TERM").await.code, Some(0));
}

/// A vault with money in several venues, and an endpoint of its own for the keeper that only watches.
async fn behind_an_endpoint() -> (Stage, Endpoint, Keeper) {
    let stage = Stage::funded().await;
    let endpoint = Endpoint::start(&stage.devnet.rpc_url()).await;
    let keeper = only_watching(&stage).set("chain.rpc", vec![endpoint.url.clone()]);
    let invested = stage.cycle(&spreading(&stage)).await;
    assert_eq!(invested.json()["outcome"]["state"], "final", "{invested:?}");
    (stage, endpoint, keeper)
}

/// Their adapters; there is something to lose in both.
async fn aave_and_morpho(stage: &Stage) -> (Address, Address) {
    let protocols = &stage.book.protocols;
    let adapter = |at: Address| stage.book.venues.iter().find(|venue| venue.venue == at).unwrap().adapter;
    let (aave, morpho) = (adapter(protocols.aave.pool), adapter(protocols.morpho.meta_morpho));
    for venue in [aave, morpho] {
        assert!(held(stage, venue).await > U256::from(1_000_000_000_u64));
    }
    (aave, morpho)
}

async fn comes_home(stage: &Stage, keeper: &Keeper, adapter: Address) {
    let home = until("the way home", async || {
        stage.build_block().await;
        tokio::time::sleep(A_LOOK).await;
        (held(stage, adapter).await <= U256::from(2)).then_some(())
    });
    stage.with_block_per_bundle(keeper, home).await;
}

// SPEC R11
#[tokio::test(flavor = "multi_thread")]
async fn a_venue_whose_state_cannot_be_read_keeps_no_money_in_the_next() {
    let (stage, endpoint, keeper) = behind_an_endpoint().await;
    let (market, protocols) = (stage.market(), &stage.book.protocols);
    let (aave, morpho) = aave_and_morpho(&stage).await;
    assert!(aave < morpho, "the first to be left is the one that cannot be");
    // The checkpoint becomes one that sizes are held against.
    market.pass_time(25 * HOUR).await.unwrap();
    market.repay_morpho(40 * MILLION).await.unwrap();
    // Only who supplies or withdraws asks the strategy, not who looks.
    endpoint.falls_ill(Some(Illness::Blind(protocols.aave.rate_strategy)));
    let (service, log) = serving_with_log(&stage, &keeper).await;
    market.borrow_aave(16 * MILLION).await.unwrap();
    let supplier = Role::Supplier.address().unwrap();
    let assets = U256::from(40 * MILLION);
    let withdraw = IShares::withdrawCall { assets, receiver: Address::repeat_byte(7), owner: supplier };
    market.send(Role::Supplier, protocols.morpho.meta_morpho, withdraw).await.unwrap();
    let armed = until("both to be armed", async || {
        stage.build_block().await;
        tokio::time::sleep(A_LOOK).await;
        (events::<KillSwitchManager::Armed>(&stage).await.len() == 2).then_some(())
    });
    stage.with_block_per_bundle(&keeper, armed).await;
    for _ in 0..CONFIRM_BLOCKS {
        stage.build_block().await;
    }
    let home = until("the way home", async || reductions(&stage).await.into_iter().next());
    let reduction = stage.with_block_per_bundle(&keeper, home).await;
    assert_eq!(StrategyHub::RiskReduced::decode_log(&reduction.inner).unwrap().adapter, morpho);
    assert!(held(&stage, morpho).await <= U256::from(2), "all of it");
    let words = ["a position that is to come home remains", "no endpoint gives the state that its call needs"];
    assert!(said(&log, &words), "{}", fs::read_to_string(&log).unwrap());

    endpoint.falls_ill(None);
    comes_home(&stage, &keeper, aave).await;
    assert_eq!(service.terminate("TERM").await.code, Some(0));
}

// SPEC C7, R11
#[tokio::test(flavor = "multi_thread")]
async fn in_exit_mode_too_what_can_be_had_comes_home_and_the_rest_when_it_can_be_read() {
    let (stage, endpoint, keeper) = behind_an_endpoint().await;
    let (aave, morpho) = aave_and_morpho(&stage).await;
    let protocols = &stage.book.protocols;
    endpoint.falls_ill(Some(Illness::Blind(protocols.aave.rate_strategy)));
    let (service, log) = serving_with_log(&stage, &keeper).await;
    stage.market().push_price(protocols.feeds.usdc_usd, USD * 97 / 100).await.unwrap();
    stage.with_block_per_bundle(&keeper, first::<KillSwitchManager::Tripped>(&stage)).await;
    comes_home(&stage, &keeper, morpho).await;
    assert!(held(&stage, aave).await > U256::from(1_000_000_000_u64));
    assert!(said(&log, &["a position cannot be taken home at this block", "missing trie node"]));

    endpoint.falls_ill(None);
    comes_home(&stage, &keeper, aave).await;
    for venue in &stage.book.venues {
        assert!(held(&stage, venue.adapter).await <= U256::from(2), "{}", venue.name);
    }
    assert_eq!(service.terminate("TERM").await.code, Some(0));
}
