//! The real protocols and Ballast on a devnet, a key that may rebalance, and an RPC endpoint that can be made to lie.
#![allow(dead_code, unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use alloy::{
    consensus::{SignableTransaction, TxEnvelope},
    eips::{BlockId, eip2718::Encodable2718},
    primitives::{Address, B256, Bytes, U256, keccak256},
    providers::{DynProvider, Provider, ProviderBuilder, ext::AnvilApi},
    rpc::types::{Block, TransactionReceipt},
    signers::{SignerSync, local::PrivateKeySigner},
    sol_types::{SolCall, SolValue},
};
use axum::{
    Router,
    body::Bytes as Body,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::post,
};
use ballast_chain::{
    ATTESTOR_SLOT, AttestorSlot, BlockContext, Deployment, FeedRef, Overrides, RpcPool, Simulation, Simulator, SpecId,
    TxPlan, VenueRef,
    bindings::{Allocation, MULTICALL3, StrategyHub},
};
use ballast_devnet::{
    Devnet, DevnetConfig, SLOT_SECONDS,
    accounts::Role,
    address_book::AddressBook,
    deploy::{FEED_HEARTBEAT_ETH, Terms},
    market::Market,
    prepared,
};
use ballast_types::VenueKind;
use serde_json::{Value, json};
use std::{
    path::PathBuf,
    sync::{Arc, Mutex},
    time::Duration,
};

pub const TIMEOUT: Duration = Duration::from_secs(20);
pub const GWEI: u128 = 1_000_000_000;
pub const USDC: u64 = 1_000_000;

pub fn project_root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

/// A devnet with Ballast on it; `keeper` and `attestor` have been made the hub's, so that a test can use them.
pub struct World {
    pub devnet: Devnet,
    pub book: AddressBook,
    pub rpc: DynProvider,
    pub keeper: PrivateKeySigner,
    pub attestor: PrivateKeySigner,
}

impl World {
    /// Has a devnet of its own, whose files are in a folder named after the test.
    pub async fn start(test: &str) -> Self {
        let root = project_root();
        let directory = root.join("target/test-devnet").join(format!("chain-{test}"));
        let (devnet, book) = prepared::start(DevnetConfig::new(&root), &Terms::default(), &directory).await.unwrap();
        let rpc = ProviderBuilder::new().connect_http(devnet.rpc_url().parse().unwrap()).erased();
        let (keeper, attestor) = (PrivateKeySigner::random(), PrivateKeySigner::random());
        let hub = book.contracts.hub;
        rpc.anvil_set_balance(keeper.address(), U256::from(10_u64.pow(18))).await.unwrap();
        let slot = AttestorSlot::read(&rpc, hub).await.unwrap();
        rpc.anvil_set_storage_at(hub, ATTESTOR_SLOT, slot.with(attestor.address()).into()).await.unwrap();
        // _roles[KEEPER_ROLE].hasRole[keeper], with _roles in slot 0.
        let role = keccak256((keccak256("KEEPER_ROLE"), U256::ZERO).abi_encode());
        let member = keccak256((keeper.address(), role).abi_encode());
        rpc.anvil_set_storage_at(hub, member.into(), B256::from(U256::ONE)).await.unwrap();
        devnet.builder().build_block().await.unwrap();
        Self { devnet, book, rpc, keeper, attestor }
    }

    pub fn market(&self) -> Market<'_> {
        Market::new(&self.devnet, &self.book).unwrap()
    }

    pub fn simulator(&self) -> Simulator {
        Simulator::new(self.rpc.clone(), SpecId::PRAGUE)
    }

    pub fn pool(&self) -> Arc<RpcPool> {
        Arc::new(RpcPool::new(&[self.devnet.rpc_url()], TIMEOUT).unwrap())
    }

    pub fn aave(&self) -> Address {
        self.adapter("aave-v3")
    }

    pub fn metamorpho(&self) -> Address {
        self.adapter("metamorpho")
    }

    fn adapter(&self, kind: &str) -> Address {
        self.book.venues.iter().find(|venue| venue.kind == kind).unwrap().adapter
    }

    pub fn deployment(&self) -> Deployment {
        let contracts = &self.book.contracts;
        Deployment {
            chain_id: self.book.chain_id,
            vault: contracts.vault,
            hub: contracts.hub,
            kill_switch: contracts.kill_switch,
            venues: self
                .book
                .venues
                .iter()
                .map(|venue| VenueRef {
                    name: venue.name.clone(),
                    kind: if venue.kind == "aave-v3" { VenueKind::AaveV3 } else { VenueKind::MetaMorpho },
                    adapter: venue.adapter,
                })
                .collect(),
            eth_usd: FeedRef {
                name: "ETH / USD".into(),
                aggregator: self.book.protocols.feeds.eth_usd,
                heartbeat: FEED_HEARTBEAT_ETH,
            },
            multicall: MULTICALL3,
        }
    }

    /// A depositor with freshly minted USDC in the vault.
    pub async fn depositor(&self, number: usize, dollars: u64) -> PrivateKeySigner {
        let signer = Role::Depositor(number).signer().unwrap();
        let market = self.market();
        market.mint_usdc(signer.address(), dollars * USDC).await.unwrap();
        market.deposit(Role::Depositor(number), dollars * USDC).await.unwrap();
        signer
    }

    pub async fn latest(&self) -> Block {
        self.rpc.get_block(BlockId::latest()).await.unwrap().unwrap()
    }

    pub async fn next(&self) -> BlockContext {
        BlockContext::next(&self.rpc, SLOT_SECONDS).await.unwrap()
    }

    /// A transaction from `signer` with room for any of our calls.
    pub async fn plan(&self, signer: &PrivateKeySigner, to: Address, input: impl Into<Bytes>) -> TxPlan {
        TxPlan {
            from: signer.address(),
            to,
            nonce: self.rpc.get_transaction_count(signer.address()).await.unwrap(),
            gas_limit: 3_000_000,
            max_fee_per_gas: 20 * GWEI,
            max_priority_fee_per_gas: GWEI,
            input: input.into(),
            chain_id: self.book.chain_id,
            access_list: Default::default(),
        }
    }

    /// Sends the very transaction and builds its block.
    pub async fn land(&self, signer: &PrivateKeySigner, plan: &TxPlan) -> TransactionReceipt {
        let body = plan.unsigned();
        let signature = signer.sign_hash_sync(&body.signature_hash()).unwrap();
        let raw = TxEnvelope::from(body.into_signed(signature)).encoded_2718();
        let hash = *self.rpc.send_raw_transaction(&raw).await.unwrap().tx_hash();
        self.devnet.builder().build_block().await.unwrap();
        self.rpc.get_transaction_receipt(hash).await.unwrap().expect("included")
    }

    /// Simulates, sends, and asserts that the receipt is what was simulated.
    pub async fn simulate_and_land(
        &self,
        simulator: &Simulator,
        signer: &PrivateKeySigner,
        plan: &TxPlan,
    ) -> Simulation {
        let block = self.next().await;
        let simulation = simulator.simulate(plan, &block, &Overrides::default()).await.unwrap();
        let receipt = self.land(signer, plan).await;
        let landed = self.latest().await;
        assert_eq!((landed.header.number, landed.header.timestamp), (block.number, block.timestamp));
        assert_eq!(landed.header.base_fee_per_gas, Some(block.base_fee));
        assert_receipt(&simulation, &receipt);
        simulation
    }

    /// `rebalance` to `targets` (adapter, bps), with a proof signed by `attestor`.
    pub async fn rebalance(&self, targets: &[(Address, u16)], attestor: &PrivateKeySigner) -> Vec<u8> {
        let hub = StrategyHub::new(self.book.contracts.hub, &self.rpc);
        let mut targets: Vec<_> = targets
            .iter()
            .map(|(adapter, bps)| Allocation { adapter: *adapter, bps: *bps, minOut: 0, data: Bytes::new() })
            .collect();
        targets.sort_by_key(|target| target.adapter);
        let nonce = hub.nonce().call().await.unwrap();
        let valid_until = self.latest().await.header.timestamp + 600;
        let decision = B256::repeat_byte(0xd1);
        let digest =
            hub.proofDigest(decision, keccak256(targets.abi_encode()), nonce, valid_until).call().await.unwrap();
        let signature = Bytes::from(attestor.sign_hash_sync(&digest).unwrap().as_bytes());
        let proof = (decision, nonce, valid_until, signature).abi_encode_params();
        StrategyHub::rebalanceCall { targets, proof: proof.into() }.abi_encode()
    }
}

/// Gas to the unit, logs byte for byte.
pub fn assert_receipt(simulation: &Simulation, receipt: &TransactionReceipt) {
    assert_eq!(simulation.success, receipt.status(), "{:?}", simulation.revert);
    assert_eq!(simulation.gas_used, receipt.gas_used);
    let logs: Vec<_> = receipt.inner.logs().iter().map(|log| log.inner.clone()).collect();
    assert_eq!(simulation.logs, logs);
}

type Hook = Arc<Mutex<Box<dyn FnMut(&str, &Value) -> Answer + Send>>>;

/// What a [`Proxy`] does with one request.
pub enum Answer {
    /// Hands it on.
    Pass,
    /// Hands it on and changes the result.
    Change(Box<dyn FnOnce(&mut Value) + Send>),
    /// Answers with a JSON-RPC error.
    Refuse(&'static str),
    /// Answers with something that is not JSON-RPC.
    Break,
    /// HTTP 429 with this `Retry-After`.
    Limit(&'static str),
    /// JSON-RPC's "limit exceeded" under HTTP 200.
    Exceed,
    /// Hands it on, late.
    Delay(Duration),
}

/// An RPC endpoint in front of another, with a say in every request, those in batches included.
pub struct Proxy {
    pub url: String,
    hook: Hook,
}

#[derive(Clone)]
struct ProxyState {
    upstream: String,
    hook: Hook,
    client: reqwest::Client,
}

impl Proxy {
    pub async fn start(upstream: String) -> Self {
        let hook: Hook = Arc::new(Mutex::new(Box::new(|_, _| Answer::Pass)));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        // The pool installs the TLS provider that every HTTP client here needs.
        RpcPool::new(&[&url], TIMEOUT).unwrap();
        let state = ProxyState { upstream, hook: Arc::clone(&hook), client: reqwest::Client::new() };
        let router = Router::new().fallback_service(post(handle).with_state(state));
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { url, hook }
    }

    pub fn on(&self, hook: impl FnMut(&str, &Value) -> Answer + Send + 'static) {
        *self.hook.lock().unwrap() = Box::new(hook);
    }
}

async fn handle(State(state): State<ProxyState>, body: Body) -> Response {
    let request: Value = serde_json::from_slice(&body).unwrap();
    let Value::Array(requests) = request else {
        return state.answer(&request).await.map_or_else(|whole| *whole, |one| one.to_string().into_response());
    };
    let mut answers = Vec::new();
    for request in &requests {
        match state.answer(request).await {
            Ok(answer) => answers.push(answer),
            Err(whole) => return *whole,
        }
    }
    Value::Array(answers).to_string().into_response()
}

impl ProxyState {
    /// The answer to one request, or that to all that came with it.
    async fn answer(&self, request: &Value) -> Result<Value, Box<Response>> {
        let error = |code: i64, message: &str| {
            Ok(json!({"jsonrpc": "2.0", "id": request["id"], "error": {"code": code, "message": message}}))
        };
        let answer = (self.hook.lock().unwrap())(request["method"].as_str().unwrap(), &request["params"]);
        let change = match answer {
            Answer::Refuse(message) => return error(-32_601, message),
            Answer::Exceed => return error(-32_005, "too many requests"),
            Answer::Break => return Err(Box::new("<html>bad gateway</html>".into_response())),
            Answer::Limit(after) => {
                let status = StatusCode::TOO_MANY_REQUESTS;
                return Err(Box::new((status, [(header::RETRY_AFTER, after)], "slow down").into_response()));
            }
            Answer::Delay(delay) => {
                tokio::time::sleep(delay).await;
                None
            }
            Answer::Pass => None,
            Answer::Change(change) => Some(change),
        };
        let sent = self.client.post(&self.upstream).json(request).send().await.unwrap();
        let mut response: Value = sent.json().await.unwrap();
        if let Some(change) = change {
            change(&mut response["result"]);
        }
        Ok(response)
    }
}
