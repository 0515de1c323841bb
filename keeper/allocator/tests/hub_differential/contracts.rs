//! The compiled contracts in an in-memory EVM, with a state that is written directly.

use alloy::{
    primitives::{Address, B256, Bytes, U256, hex, keccak256},
    sol,
    sol_types::{SolCall, SolStruct, SolValue, eip712_domain},
};
use ballast_chain::{
    Leg,
    bindings::{KillSwitchManager, StrategyHub, Vault},
    rebalances,
};
use ballast_risk::{Allocation, HubView};
use ballast_types::{Assets, Bps, HubLimits};
use k256::ecdsa::SigningKey;
use revm::{
    Context, ExecuteCommitEvm, MainBuilder, MainContext,
    context::{BlockEnv, TxEnv, result::ExecutionResult},
    database::{CacheDB, EmptyDB},
    primitives::{TxKind, hardfork::SpecId},
};
use std::{fs, path::PathBuf};

sol! {
    interface ITest {
        function push(int256 answer) external;
    }
    struct Rebalance { bytes32 decisionHash; bytes32 targetsHash; address vault; uint64 nonce; uint64 validUntil; }
}

pub(crate) const VENUES: usize = 3;
const CHAIN_ID: u64 = 31_337;
const ADMIN: Address = Address::repeat_byte(0xad);
const KEEPER: Address = Address::repeat_byte(0xee);
/// Later than any time a case uses, minus the span it looks back.
pub(crate) const NOW: u64 = 1_750_000_000;
pub(crate) const BLOCK: u64 = 22_000_000;
const DOLLAR: i64 = 100_000_000;

// Storage layout, as `forge inspect <contract> storage-layout` prints it; `World::check_layout` reads it back through the getters.
const VAULT_PAUSED_AND_HUB: u64 = 9;
const VAULT_LEDGER: u64 = 10;
const VAULT_POSITIONS: u64 = 12;
const HUB_POLICY: u64 = 1;
const HUB_PACE: u64 = 2;
const HUB_PRESENCE: u64 = 3;
const HUB_LANES: u64 = 4;
const SWITCH_WATCHES: u64 = 2;
const TOKEN_BALANCES: u64 = 0;

const MAX_LOSS_BPS: u64 = 100;
const DAILY_LOSS_BPS: u64 = 200;
const MAX_GROWTH_BPS: u64 = 10_000;
const GRACE: u64 = 7 * 86_400;
/// The positions' ids, the highest there is among them.
const IDS: [usize; VENUES] = [15, 0, 7];
/// Seconds by which the venues' buckets were filled before `NOW`.
const FLOW_AGE: u64 = 3 * 3_600;
const UNIT: u128 = 1_000_000;

type Db = CacheDB<EmptyDB>;

/// How the hub answered.
#[derive(Debug)]
pub(crate) enum Verdict {
    Accepted {
        idle_after: Assets,
        legs: Vec<Leg>,
    },
    /// The name of the custom error, or "venue" for an error that is not one of ours.
    Refused(String),
}

#[derive(Clone)]
pub(crate) struct World {
    db: Db,
    asset: Address,
    vault: Address,
    switch: Address,
    hub: Address,
    usdc_feed: Address,
    other_feed: Address,
    /// In the order of the exit queue. The first alone depends on the other token's feed.
    pub(crate) adapters: [Address; VENUES],
    attestor: SigningKey,
}

impl World {
    pub(crate) fn deploy() -> Self {
        let attestor = SigningKey::from_slice(keccak256("attestor").as_slice()).unwrap();
        let attestor_address = Address::from_private_key(&attestor);
        let mut db = Db::new(EmptyDB::default());
        let mut chain = Chain(&mut db);
        let asset = chain.create("TestAsset.sol/TestAsset.json", vec![]);
        let vault = chain.create(
            "Vault.sol/Vault.json",
            (
                asset,
                "Vault".to_string(),
                "V".to_string(),
                ADMIN,
                U256::from(u64::MAX),
                U256::from(MAX_LOSS_BPS),
                U256::from(DAILY_LOSS_BPS),
                U256::from(MAX_GROWTH_BPS),
            )
                .abi_encode_params(),
        );
        let switch = chain.create("KillSwitchManager.sol/KillSwitchManager.json", (vault, ADMIN).abi_encode_params());
        let limits = (500u16, 500u16, 5_000u16, 500u16, 100u16, 9_500u16, 10_000u16, 10_000u16, 0u32, 3_600u32);
        let hub = chain.create(
            "StrategyHub.sol/StrategyHub.json",
            (vault, switch, attestor_address, ADMIN, limits, U256::from(GRACE)).abi_encode_params(),
        );
        let feed_arguments = |name: &str| (U256::from(8), name.to_string(), U256::from(DOLLAR)).abi_encode_params();
        let usdc_feed = chain.create("ScriptedFeed.sol/ScriptedFeed.json", feed_arguments("USDC / USD"));
        let other_feed = chain.create("ScriptedFeed.sol/ScriptedFeed.json", feed_arguments("OTHER / USD"));
        let other_token = Address::repeat_byte(0x0f);
        chain.call(ADMIN, vault, Vault::setHubCall { hub_: hub });
        for (token, aggregator) in [(asset, usdc_feed), (other_token, other_feed)] {
            chain.call(ADMIN, switch, KillSwitchManager::setFeedCall { token, aggregator, heartbeat: 86_400 });
        }
        let band = KillSwitchManager::pegBandCall { token: asset };
        let band = chain.view(switch, band);
        chain.call(ADMIN, switch, KillSwitchManager::setBandCall { token: other_token, band });
        let adapters = [Address::ZERO; VENUES]
            .map(|_| chain.create("LendingAdapter.sol/LendingAdapter.json", (vault,).abi_encode_params()));
        for adapter in adapters {
            chain.write(adapter, U256::from(1), U256::from(1) << 128); // readable
            chain.call(ADMIN, vault, Vault::listAdapterCall { adapter, cap: U256::ZERO });
        }
        // The first venue alone depends on the other token.
        let tokens = vec![other_token];
        chain.call(ADMIN, switch, KillSwitchManager::setVenueTokensCall { adapter: adapters[0], tokens });
        let role = keccak256("KEEPER_ROLE");
        chain.call(ADMIN, hub, StrategyHub::grantRoleCall { role, account: KEEPER });
        Self { db, asset, vault, switch, hub, usdc_feed, other_feed, adapters, attestor }
    }

    /// Puts the contracts into the state that `view` describes.
    pub(crate) fn set(&mut self, view: &HubView) {
        let mut chain = Chain(&mut self.db);
        // paused 8 | hub
        let paused = U256::from(u8::from(view.paused)) | (word(self.hub) << 8);
        chain.write(self.vault, U256::from(VAULT_PAUSED_AND_HUB), paused);
        // idle 96 | accrued 96 | accruedAt 40 | count 8 | maxLossBps 16
        let ledger = U256::from(view.idle.0)
            | (U256::from(view.idle.0) << 96)
            | (U256::from(NOW - 60) << 192)
            | (U256::from(VENUES) << 232)
            | (U256::from(MAX_LOSS_BPS) << 240);
        chain.write(self.vault, U256::from(VAULT_LEDGER), ledger);
        chain.write(self.asset, mapping(self.vault, TOKEN_BALANCES), U256::from(view.idle.0));

        let mut log = U256::ZERO;
        for (age, time) in view.recent.iter().enumerate() {
            log |= U256::from(*time) << (32 * age);
        }
        // Four times, 32 bits each | nonce 40 | limits of each target
        chain.write(self.hub, U256::from(HUB_POLICY), log | (pack_policy(&view.limits) << 168));
        let attestor = Address::from_private_key(&self.attestor);
        chain.write(self.hub, U256::from(HUB_PACE), word(attestor) | (pack_pace(&view.limits) << 160));
        chain.write(self.hub, U256::from(HUB_PRESENCE), word(self.switch) | (U256::from(GRACE) << 200));
        // What has drained out of each bucket since.
        let drained = u64::from(view.limits.flow.0) * FLOW_AGE / 86_400;
        // Eight lanes of target 13 | bucket 14, and above them the time of the buckets.
        let mut lanes = [U256::from(NOW - FLOW_AGE) << 216; 2];
        for (index, venue) in view.venues.iter().enumerate() {
            assert_eq!(venue.adapter, self.adapters[index]);
            // account 160 | cap 88 | direct 1 | quarantined 1 | id 4
            let position = word(venue.adapter)
                | (U256::from(venue.cap.0) << 160)
                | (U256::from(u8::from(venue.quarantined)) << 249)
                | (U256::from(IDS[index]) << 250);
            chain.write(self.vault, U256::from(VAULT_POSITIONS + index as u64), position);
            let lane = U256::from(venue.target.0) | (U256::from(u64::from(venue.flow_used.0) + drained) << 13);
            lanes[IDS[index] / 8] |= lane << (27 * (IDS[index] % 8));
            let settled = venue.figures.map_or(0, |figures| figures.settled.0);
            // settledSize 88 | settledTime 40 | settledBlock 40 | blockedUntil 40 | blockedBy 8 | tokens 8 | …
            let watch = U256::from(settled)
                | (U256::from(NOW - 60) << 88)
                | (U256::from(BLOCK - 5) << 128)
                | (U256::from(u8::from(index == 0)) << 216);
            chain.write(self.switch, mapping(venue.adapter, SWITCH_WATCHES), watch);
            let figures = venue.figures;
            let (book, cash, lent) = figures.map_or((0, 0, 0), |figures| {
                let lent = figures.lent().0;
                (figures.value.0, figures.size.0 - lent, lent)
            });
            chain.write(venue.adapter, U256::ZERO, U256::from(book) | (U256::from(cash) << 128));
            let flags = U256::from(u8::from(figures.is_some_and(|figures| figures.depositable)))
                | (U256::from(u8::from(figures.is_some())) << 8);
            chain.write(venue.adapter, U256::from(1), U256::from(lent) | (flags << 120));
        }
        chain.write(self.hub, U256::from(HUB_LANES), lanes[0]);
        chain.write(self.hub, U256::from(HUB_LANES + 1), lanes[1]);
        let price =
            |healthy: bool| alloy::primitives::I256::try_from(if healthy { DOLLAR } else { DOLLAR / 2 }).unwrap();
        chain.call(ADMIN, self.usdc_feed, ITest::pushCall { answer: price(view.operational) });
        let can_add = view.venues.first().is_none_or(|venue| venue.can_add);
        chain.call(ADMIN, self.other_feed, ITest::pushCall { answer: price(can_add) });
    }

    /// Reads the state back through the contracts' own getters.
    pub(crate) fn check_layout(&mut self, view: &HubView) {
        let (vault, hub, attestor) = (self.vault, self.hub, Address::from_private_key(&self.attestor));
        let mut chain = Chain(&mut self.db);
        assert_eq!(chain.view(vault, Vault::hubCall {}), hub);
        assert_eq!(chain.view(vault, Vault::pausedCall {}), view.paused);
        assert_eq!(chain.view(vault, Vault::maxLossBpsCall {}), U256::from(MAX_LOSS_BPS));
        assert_eq!(chain.view(vault, Vault::adaptersCall {}), self.adapters);
        assert_eq!(chain.view(vault, Vault::navCall {})._0, U256::from(view.nav().unwrap().0));
        assert_eq!(chain.view(hub, StrategyHub::attestorCall {}), attestor);
        assert_eq!(chain.view(vault, Vault::idleCall {}), U256::from(view.idle.0));
        assert_eq!(chain.view(hub, StrategyHub::recentRebalancesCall {}), view.recent.map(U256::from));
        let limits = chain.view(hub, StrategyHub::limitsCall {});
        assert_eq!((limits.reserveBps, limits.cooldown), (view.limits.reserve.0, view.limits.cooldown as u32));
        assert_eq!(
            (limits.maxUtilisationBps, limits.flowBps, limits.approvalBps),
            (view.limits.max_utilisation.0, view.limits.flow.0, view.limits.approval.0)
        );
        assert_eq!(u128::from(limits.approvalFloor) * UNIT, view.limits.approval_floor.0);
        for venue in &view.venues {
            let state = chain.view(hub, StrategyHub::positionStateCall { adapter: venue.adapter });
            assert_eq!(state.targetBps, U256::from(venue.target.0));
            assert_eq!(state.settledSize, U256::from(venue.figures.map_or(0, |figures| figures.settled.0)));
            assert_eq!(state.cap, U256::from(venue.cap.0));
            assert_eq!(state.flowUsedBps, U256::from(venue.flow_used.0));
            assert_eq!(state.canAdd, venue.can_add);
            let kind = chain.view(vault, Vault::positionKindCall { adapter: venue.adapter });
            assert_eq!((kind.listed, kind.direct, kind.quarantined), (true, venue.direct, venue.quarantined));
            if let Some(figures) = venue.figures {
                assert!(state.readable);
                assert_eq!((state.value, state.size), (U256::from(figures.value.0), U256::from(figures.size.0)));
                assert_eq!(state.liquidity, U256::from(figures.liquidity.0));
                assert_eq!(state.utilisation, U256::from(figures.utilisation.0));
            }
        }
    }

    /// Sends the rebalance with a valid proof, and forgets it.
    pub(crate) fn rebalance(&self, targets: &[Allocation]) -> Verdict {
        let targets: Vec<StrategyHub::Allocation> = targets
            .iter()
            .map(|target| StrategyHub::Allocation {
                adapter: target.adapter,
                bps: target.bps.0,
                minOut: target.min_out.0,
                data: Bytes::new(),
            })
            .collect();
        let statement = Rebalance {
            decisionHash: B256::repeat_byte(1),
            targetsHash: keccak256(targets.abi_encode()),
            vault: self.vault,
            nonce: 0,
            validUntil: NOW + 600,
        };
        let domain = eip712_domain! { chain_id: CHAIN_ID, verifying_contract: self.hub, };
        let digest = statement.eip712_signing_hash(&domain);
        let (signature, parity) = self.attestor.sign_prehash_recoverable(digest.as_slice()).unwrap();
        let mut signed = signature.to_bytes().to_vec();
        signed.push(27 + parity.to_byte());
        let proof =
            (statement.decisionHash, statement.nonce, statement.validUntil, Bytes::from(signed)).abi_encode_params();
        let input = StrategyHub::rebalanceCall { targets, proof: proof.into() }.abi_encode();

        let mut db = self.db.clone();
        match Chain(&mut db).execute(KEEPER, TxKind::Call(self.hub), input.into()) {
            ExecutionResult::Success { logs, .. } => {
                let event = rebalances(self.hub, &logs).next().expect("an accepted rebalance is announced").unwrap();
                Verdict::Accepted { idle_after: event.idle_after, legs: event.legs }
            }
            ExecutionResult::Revert { output, .. } => Verdict::Refused(error_name(&output)),
            ExecutionResult::Halt { reason, .. } => panic!("the hub ran out of {reason:?}"),
        }
    }
}

/// The name of a custom error of vault or hub; "venue" for the test venue's own.
fn error_name(output: &[u8]) -> String {
    let selector: [u8; 4] = output.get(..4).and_then(|bytes| bytes.try_into().ok()).unwrap_or_default();
    let hub = StrategyHub::StrategyHubErrors::name_by_selector(selector);
    hub.or_else(|| Vault::VaultErrors::name_by_selector(selector)).unwrap_or("venue").to_owned()
}

/// Slot of `mapping(address => …)` at `slot`.
fn mapping(key: Address, slot: u64) -> U256 {
    keccak256((key, U256::from(slot)).abi_encode()).into()
}

fn word(address: Address) -> U256 {
    U256::from_be_slice(address.as_slice())
}

/// reserve, minPosition, maxPosition, minStep, maxUtilisation: 16 bits each; maxVenueShare: 8 bits.
fn pack_policy(limits: &HubLimits) -> U256 {
    let fields: [Bps; 6] = [
        limits.reserve,
        limits.min_position,
        limits.max_position,
        limits.min_step,
        limits.max_utilisation,
        limits.max_venue_share,
    ];
    fields.iter().rev().fold(U256::ZERO, |word, field| (word << 16) | U256::from(field.0))
}

/// flow 16 | approval 16 | approvalFloor 32 | cooldown 32.
fn pack_pace(limits: &HubLimits) -> U256 {
    U256::from(limits.flow.0)
        | (U256::from(limits.approval.0) << 16)
        | (U256::from(limits.approval_floor.0 / UNIT) << 32)
        | (U256::from(limits.cooldown) << 64)
}

/// Transactions in a block at `NOW`.
struct Chain<'a>(&'a mut Db);

impl Chain<'_> {
    fn create(&mut self, artifact: &str, arguments: Vec<u8>) -> Address {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../out").join(artifact);
        let text = fs::read_to_string(&path).unwrap_or_else(|error| {
            panic!("{}: {error}; `forge build` comes first (make test does it)", path.display())
        });
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        let bytecode = &json["bytecode"];
        let mut object = bytecode["object"].as_str().unwrap().trim_start_matches("0x").to_owned();
        // Libraries that the contract is linked to, each deployed anew.
        for libraries in bytecode["linkReferences"].as_object().into_iter().flat_map(|files| files.values()) {
            for (name, places) in libraries.as_object().unwrap() {
                let library = self.create(&format!("{name}.sol/{name}.json"), vec![]);
                for place in places.as_array().unwrap() {
                    let start = 2 * place["start"].as_u64().unwrap() as usize;
                    object.replace_range(start..start + 40, &hex::encode(library));
                }
            }
        }
        let mut code = hex::decode(object).unwrap();
        code.extend(arguments);
        let result = self.execute(ADMIN, TxKind::Create, code.into());
        assert!(result.is_success(), "{artifact}: {result:?}");
        result.created_address().unwrap()
    }

    fn call(&mut self, from: Address, to: Address, call: impl SolCall) {
        let result = self.execute(from, TxKind::Call(to), call.abi_encode().into());
        assert!(result.is_success(), "{result:?}");
    }

    fn view<C: SolCall>(&mut self, to: Address, call: C) -> C::Return {
        let result = self.execute(ADMIN, TxKind::Call(to), call.abi_encode().into());
        C::abi_decode_returns(result.output().unwrap()).unwrap()
    }

    fn write(&mut self, account: Address, slot: U256, value: U256) {
        self.0.insert_account_storage(account, slot, value).unwrap();
    }

    fn execute(&mut self, from: Address, kind: TxKind, data: Bytes) -> ExecutionResult {
        let block = BlockEnv {
            number: U256::from(BLOCK),
            timestamp: U256::from(NOW),
            gas_limit: u64::MAX,
            prevrandao: Some(B256::ZERO),
            ..Default::default()
        };
        let mut evm = Context::mainnet()
            .with_db(&mut *self.0)
            .modify_cfg_chained(|config| {
                config.chain_id = CHAIN_ID;
                config.set_spec_and_mainnet_gas_params(SpecId::PRAGUE);
                config.disable_balance_check = true;
                config.disable_base_fee = true;
                config.disable_nonce_check = true;
            })
            .with_block(block)
            .build_mainnet();
        let transaction = TxEnv::builder()
            .caller(from)
            .kind(kind)
            .data(data)
            .gas_limit(16_000_000)
            .chain_id(Some(CHAIN_ID))
            .build()
            .unwrap();
        evm.transact_commit(transaction).unwrap()
    }
}
