//! Several endpoints, some of which fail, lag or lie; and an address book that the chain does not confirm.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod harness;

use alloy::{
    eips::BlockId,
    primitives::{Address, B256, U256},
    providers::{Provider, ProviderBuilder, ext::AnvilApi},
};
use ballast_chain::{DeploymentError, PoolError, RpcPool, bindings::Vault};
use ballast_devnet::{Devnet, DevnetConfig};
use ballast_types::{Doubt, VenueKind};
use harness::{Answer, Proxy, TIMEOUT, World, project_root};
use serde_json::{Value, json};

/// Port 9 is closed on a test machine; the rest must never be seen.
const DEAD: &str = "http://user:password1@127.0.0.1:9/v3/KEYKEYKEY?token=TTTTTT";
const SECRETS: [&str; 4] = ["user", "password1", "KEYKEYKEY", "TTTTTT"];

/// `forge inspect StrategyHub storage-layout`: the switch lies in the low 160 bits.
const KILL_SWITCH_SLOT: U256 = U256::from_limbs([3, 0, 0, 0]);
/// `FiatTokenV1.decimals`.
const USDC_DECIMALS_SLOT: U256 = U256::from_limbs([6, 0, 0, 0]);

async fn chain(blocks: usize) -> Devnet {
    let devnet = Devnet::start(DevnetConfig::new(project_root())).await.unwrap();
    for _ in 0..blocks {
        devnet.builder().build_block().await.unwrap();
    }
    devnet
}

fn pool(urls: &[&str]) -> RpcPool {
    RpcPool::new(urls, TIMEOUT).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn endpoints_that_agree_are_no_doubt() {
    let devnet = chain(3).await;
    let proxy = Proxy::start(devnet.rpc_url()).await;
    for urls in [vec![devnet.rpc_url()], vec![devnet.rpc_url(), proxy.url.clone()]] {
        let head = RpcPool::new(&urls, TIMEOUT).unwrap().head().await.unwrap();
        assert_eq!((head.block.number, head.doubts.as_slice()), (3, [].as_slice()));
    }
    devnet.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn one_endpoint_down_is_passed_over_until_it_is_back() {
    let devnet = chain(1).await;
    let proxy = Proxy::start(devnet.rpc_url()).await;
    let third = Proxy::start(devnet.rpc_url()).await;
    let url = devnet.rpc_url();
    let pool = pool(&[&proxy.url, &url, &third.url]);
    proxy.on(|_, _| Answer::Break);
    let head = pool.head().await.unwrap();
    assert_eq!((head.block.number, head.doubts.len()), (1, 0));
    assert_eq!(pool.primary().get_block_number().await.unwrap(), 1);

    proxy.on(|_, _| Answer::Pass);
    pool.head().await.unwrap();
    // The one that is back is preferred again: what it says is what the primary says.
    proxy.on(|method, _| {
        if method == "eth_blockNumber" {
            Answer::Change(Box::new(|number| *number = json!("0x63")))
        } else {
            Answer::Pass
        }
    });
    assert_eq!(pool.primary().get_block_number().await.unwrap(), 0x63);
    devnet.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn when_all_are_down_each_is_named_without_its_secrets() {
    let devnet = chain(0).await;
    let proxy = Proxy::start(devnet.rpc_url()).await;
    proxy.on(|_, _| Answer::Break);
    let with_key = format!("{}/v2/KEYKEYKEY", proxy.url);
    let error = pool(&[DEAD, &with_key]).head().await.unwrap_err();
    let (text, debug) = (error.to_string(), format!("{error:?}"));
    assert!(text.contains("http://127.0.0.1:9/… (") && text.contains(&format!("{}/… (", proxy.url)), "{text}");
    assert!(text.to_lowercase().contains("refused") && text.contains("without a JSON-RPC answer"), "{text}");
    for secret in SECRETS {
        assert!(!text.contains(secret) && !debug.contains(secret), "{secret} in {text}");
    }
    assert_eq!(RpcPool::new::<&str>(&[], TIMEOUT).unwrap_err(), PoolError::NoEndpoint);
    let bad = RpcPool::new(&["ftp://user:password1@host/KEYKEYKEY"], TIMEOUT).unwrap_err().to_string();
    assert!(bad.contains("ftp://host/…") && bad.contains("expected http or https"), "{bad}");
    devnet.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn another_hash_for_the_same_block_is_a_doubt() {
    let devnet = chain(2).await;
    let proxy = Proxy::start(devnet.rpc_url()).await;
    proxy.on(|method, _| match method {
        "eth_getBlockByNumber" => Answer::Change(Box::new(|block| block["hash"] = json!(B256::repeat_byte(0xbb)))),
        _ => Answer::Pass,
    });
    let url = devnet.rpc_url();
    let head = pool(&[&url, &proxy.url]).head().await.unwrap();
    let [Doubt::RpcDisagreement { detail }] = head.doubts.as_slice() else { panic!("{:?}", head.doubts) };
    assert!(
        detail.contains("block 2") && detail.contains(&url) && detail.contains(&proxy.url) && detail.contains("0xbbbb"),
        "{detail}"
    );
    assert_ne!(head.block.hash, B256::repeat_byte(0xbb), "the preferred endpoint's story is the one that is read");
    devnet.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_endpoint_holds_back_by_a_block_and_not_by_many() {
    let devnet = chain(10).await;
    let rpc = ProviderBuilder::new().connect_http(devnet.rpc_url().parse().unwrap());
    let slow = Proxy::start(devnet.rpc_url()).await;
    let third = Proxy::start(devnet.rpc_url()).await;
    let lag = async |by: u64| {
        let old = serde_json::to_value(rpc.get_block(BlockId::number(10 - by)).await.unwrap().unwrap()).unwrap();
        slow.on(move |_, parameters| {
            let old = old.clone();
            let latest = parameters.get(0).and_then(Value::as_str) == Some("latest");
            if latest { Answer::Change(Box::new(move |block| *block = old)) } else { Answer::Pass }
        });
    };
    let url = devnet.rpc_url();
    lag(1).await;
    let head = pool(&[&url, &slow.url]).head().await.unwrap();
    assert_eq!((head.block.number, head.doubts.len()), (9, 0));
    lag(9).await;
    let slow_first = pool(&[&slow.url, &url, &third.url]);
    let head = slow_first.head().await.unwrap();
    assert_eq!((head.block.number, head.doubts.len()), (10, 0));
    let latest = slow_first.primary().get_block(BlockId::latest()).await.unwrap().unwrap();
    assert_eq!(latest.header.number, 10, "the preferred endpoint is not asked while it is behind");
    // One against one: which of them is wrong cannot be known.
    let head = pool(&[&url, &slow.url]).head().await.unwrap();
    assert!(
        matches!(head.doubts.as_slice(), [Doubt::RpcDisagreement { detail }] if detail.contains("is at block 1")),
        "{:?}",
        head.doubts
    );
    devnet.shutdown().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_book_is_checked_against_the_chain() {
    let world = World::start("address-book").await;
    let (pool, good) = (world.pool(), world.deployment());
    good.verify(&pool).await.unwrap();

    let mut cases = Vec::new();
    let mut case = |words: &[&str], edit: &dyn Fn(&mut ballast_chain::Deployment)| {
        let mut deployment = good.clone();
        edit(&mut deployment);
        cases.push((words.iter().map(ToString::to_string).collect::<Vec<_>>(), deployment));
    };
    let nowhere = Address::repeat_byte(0x42);
    let at = nowhere.to_string();
    case(&["chain 31337, expected chain 1"], &|d| d.chain_id = 1);
    case(&["no contract", &at, "the Vault"], &|d| d.vault = nowhere);
    case(&["no contract", &at, "the StrategyHub"], &|d| d.hub = nowhere);
    case(&["no contract", &at, "the ETH/USD feed"], &|d| d.eth_usd.aggregator = nowhere);
    case(&["no contract", &at, "Multicall3"], &|d| d.multicall = nowhere);
    case(&["no contract", &at, "the adapter of Aave V3 USDC"], &|d| d.venues[0].adapter = nowhere);
    // Contracts, but other ones.
    case(&["is not the Vault", &good.hub.to_string(), "asset()"], &|d| d.vault = d.hub);
    case(&["is not the StrategyHub", &good.vault.to_string()], &|d| d.hub = d.vault);
    case(&["is not the KillSwitchManager", &good.vault.to_string(), "vault()"], &|d| d.kill_switch = d.vault);
    case(&["is not the ETH/USD feed", "description()"], &|d| d.eth_usd.aggregator = d.hub);
    case(&["holds", "MetaMorpho USDC directly", "Aave is held through an adapter"], &|d| {
        d.venues[1].kind = VenueKind::AaveV3
    });
    case(&["is not a MetaMorpho", "Aave V3 USDC", "MORPHO()"], &|d| d.venues[0].kind = VenueKind::MetaMorpho);
    case(&["lists the adapter", "not in the configuration", &good.venues[3].adapter.to_string()], &|d| {
        drop(d.venues.pop())
    });
    case(&["does not list", &good.eth_usd.aggregator.to_string()], &|d| d.venues[1].adapter = d.eth_usd.aggregator);
    case(&["configured twice"], &|d| d.venues[1] = d.venues[0].clone());
    for (words, deployment) in cases {
        let error = deployment.verify(&pool).await.unwrap_err().to_string();
        for word in words {
            assert!(error.contains(&word), "{word:?} expected in {error:?}");
        }
    }

    let elsewhere = Proxy::start(world.devnet.rpc_url()).await;
    elsewhere.on(|method, _| {
        if method == "eth_chainId" { Answer::Change(Box::new(|id| *id = json!("0x1"))) } else { Answer::Pass }
    });
    let both = RpcPool::new(&[world.devnet.rpc_url(), elsewhere.url.clone()], TIMEOUT).unwrap();
    let error = good.verify(&both).await.unwrap_err();
    assert_eq!(error, DeploymentError::WrongChain { endpoint: elsewhere.url.clone(), found: 1, expected: 31_337 });
    let dead = RpcPool::new(&[DEAD], TIMEOUT).unwrap();
    assert!(matches!(good.verify(&dead).await, Err(DeploymentError::Pool(PoolError::AllDown { .. }))));

    // An asset with other decimals.
    let asset = Vault::new(good.vault, &world.rpc).asset().call().await.unwrap();
    let slot = B256::left_padding_from;
    world.rpc.anvil_set_storage_at(asset, USDC_DECIMALS_SLOT, slot(&[18])).await.unwrap();
    world.devnet.builder().build_block().await.unwrap();
    assert_eq!(good.verify(&pool).await.unwrap_err(), DeploymentError::OtherDecimals { asset, found: 18 });
    world.rpc.anvil_set_storage_at(asset, USDC_DECIMALS_SLOT, slot(&[6])).await.unwrap();

    // A hub that has been given another switch.
    let stored = world.rpc.get_storage_at(good.hub, KILL_SWITCH_SLOT).await.unwrap();
    let beside = stored >> 160_usize << 160_usize;
    let other = beside | U256::from_be_slice(nowhere.as_slice());
    world.rpc.anvil_set_storage_at(good.hub, KILL_SWITCH_SLOT, other.into()).await.unwrap();
    world.devnet.builder().build_block().await.unwrap();
    let expected = DeploymentError::WrongLink {
        of: "the hub".into(),
        what: "kill switch",
        found: nowhere,
        expected: good.kill_switch,
    };
    assert_eq!(good.verify(&pool).await.unwrap_err(), expected);
    world.devnet.shutdown().await.unwrap();
}
