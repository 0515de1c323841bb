//! The compiled vault, switch, feeds and two venues in an in-memory EVM, block by block.

use alloy::{
    primitives::{Address, B256, Bytes, I256, U256, hex, keccak256},
    sol,
    sol_types::{SolCall, SolValue},
};
use ballast_chain::bindings::{KillSwitchManager, Vault};
use ballast_risk::kill_switch::Moment;
use revm::{
    Context, ExecuteCommitEvm, MainBuilder, MainContext,
    context::{BlockEnv, TxEnv, result::ExecutionResult},
    database::{CacheDB, EmptyDB},
    primitives::{TxKind, hardfork::SpecId},
};
use std::{fs, path::PathBuf};

sol! {
    interface IScriptedFeed {
        function pushRound(uint80 roundId, int256 answer, uint256 startedAt, uint256 updatedAt, uint80 answeredInRound) external;
        function setReverting(bool reverting_) external;
    }
}

pub(crate) const VENUES: usize = 2;
pub(crate) const HEARTBEAT: u64 = 86_400;
const ADMIN: Address = Address::repeat_byte(0xad);
const CHAIN_ID: u64 = 31_337;

type Db = CacheDB<EmptyDB>;

#[derive(Clone)]
pub(crate) struct World {
    db: Db,
    pub(crate) switch: Address,
    pub(crate) tokens: [Address; 2],
    feeds: [Address; 2],
    pub(crate) adapters: [Address; VENUES],
    rounds: u64,
}

impl World {
    /// Venue 0 depends on the second token, venue 1 on nothing; the admin holds every role.
    pub(crate) fn deploy(now: Moment) -> Self {
        let mut db = Db::new(EmptyDB::default());
        let mut chain = Chain { db: &mut db, now };
        let asset = chain.create("TestAsset.sol/TestAsset.json", vec![]);
        let limits = [u64::MAX, 100, 200, 10_000].map(U256::from);
        let vault = chain.create(
            "Vault.sol/Vault.json",
            (asset, "Vault".to_string(), "V".to_string(), ADMIN, limits[0], limits[1], limits[2], limits[3])
                .abi_encode_params(),
        );
        let switch = chain.create("KillSwitchManager.sol/KillSwitchManager.json", (vault, ADMIN).abi_encode_params());
        let dollar = U256::from(100_000_000);
        let feeds = ["USDC / USD", "DAI / USD"].map(|name| {
            let arguments = (U256::from(8), name.to_string(), dollar).abi_encode_params();
            chain.create("ScriptedFeed.sol/ScriptedFeed.json", arguments)
        });
        let tokens = [asset, Address::repeat_byte(0x0d)];
        for (token, aggregator) in tokens.into_iter().zip(feeds) {
            chain.call(switch, KillSwitchManager::setFeedCall { token, aggregator, heartbeat: HEARTBEAT as u32 });
        }
        let band = chain.view(switch, KillSwitchManager::pegBandCall { token: asset });
        chain.call(switch, KillSwitchManager::setBandCall { token: tokens[1], band });
        let adapters = [(); VENUES].map(|()| {
            let adapter = chain.create("LendingAdapter.sol/LendingAdapter.json", (vault,).abi_encode_params());
            chain.venue(adapter, 0, 0, 0, true);
            chain.call(vault, Vault::listAdapterCall { adapter, cap: U256::ZERO });
            adapter
        });
        let first = vec![tokens[1]];
        chain.call(switch, KillSwitchManager::setVenueTokensCall { adapter: adapters[0], tokens: first });
        for role in ["GUARDIAN_ROLE", "EMERGENCY_ROLE", "WATCHER_ROLE"] {
            chain.call(switch, KillSwitchManager::grantRoleCall { role: keccak256(role), account: ADMIN });
        }
        Self { db, switch, tokens, feeds, adapters, rounds: 100 }
    }

    /// What a feed answers from now on: 8 decimals and the time it was written, or nothing at all.
    pub(crate) fn price(&mut self, token: usize, answer: Option<(i64, u64)>, now: Moment) {
        self.rounds += 1;
        let id = self.rounds;
        let feed = self.feeds[token];
        let mut chain = Chain { db: &mut self.db, now };
        chain.call(feed, IScriptedFeed::setRevertingCall { reverting_: answer.is_none() });
        if let Some((answer, updated_at)) = answer {
            let id = alloy::primitives::aliases::U80::from(id);
            chain.call(
                feed,
                IScriptedFeed::pushRoundCall {
                    roundId: id,
                    answer: I256::try_from(answer).unwrap(),
                    startedAt: U256::from(updated_at),
                    updatedAt: U256::from(updated_at),
                    answeredInRound: id,
                },
            );
        }
    }

    /// What a venue holds from now on.
    pub(crate) fn venue(&mut self, venue: usize, own: u128, cash: u128, lent: u128, readable: bool, now: Moment) {
        let adapter = self.adapters[venue];
        Chain { db: &mut self.db, now }.venue(adapter, own, cash, lent, readable);
    }

    /// A call of the switch by the holder of all roles: the name of the error that it reverts with, if it does.
    pub(crate) fn send(&mut self, call: impl SolCall, now: Moment) -> Result<(), String> {
        let switch = self.switch;
        match (Chain { db: &mut self.db, now }).execute(TxKind::Call(switch), call.abi_encode().into()) {
            ExecutionResult::Success { .. } => Ok(()),
            ExecutionResult::Revert { output, .. } => {
                let selector: [u8; 4] = output.get(..4).and_then(|bytes| bytes.try_into().ok()).unwrap_or_default();
                let name = KillSwitchManager::KillSwitchManagerErrors::name_by_selector(selector);
                Err(name.unwrap_or("unknown").to_owned())
            }
            ExecutionResult::Halt { reason, .. } => panic!("the switch ran out of {reason:?}"),
        }
    }

    pub(crate) fn view<C: SolCall>(&mut self, call: C, now: Moment) -> C::Return {
        let switch = self.switch;
        Chain { db: &mut self.db, now }.view(switch, call)
    }
}

/// Transactions in one block.
struct Chain<'a> {
    db: &'a mut Db,
    now: Moment,
}

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
        let result = self.execute(TxKind::Create, code.into());
        assert!(result.is_success(), "{artifact}: {result:?}");
        result.created_address().unwrap()
    }

    /// `LendingAdapter`: book 128 | cash 128, then lent 120 | depositable 8 | readable 8.
    fn venue(&mut self, adapter: Address, own: u128, cash: u128, lent: u128, readable: bool) {
        let flags = U256::from(1) | (U256::from(u8::from(readable)) << 8);
        let first = U256::from(own) | (U256::from(cash) << 128);
        self.db.insert_account_storage(adapter, U256::ZERO, first).unwrap();
        self.db.insert_account_storage(adapter, U256::from(1), U256::from(lent) | (flags << 120)).unwrap();
    }

    fn call(&mut self, to: Address, call: impl SolCall) {
        let result = self.execute(TxKind::Call(to), call.abi_encode().into());
        assert!(result.is_success(), "{result:?}");
    }

    fn view<C: SolCall>(&mut self, to: Address, call: C) -> C::Return {
        let result = self.execute(TxKind::Call(to), call.abi_encode().into());
        assert!(result.is_success(), "{result:?}");
        C::abi_decode_returns(result.output().unwrap()).unwrap()
    }

    fn execute(&mut self, kind: TxKind, data: Bytes) -> ExecutionResult {
        let block = BlockEnv {
            number: U256::from(self.now.block),
            timestamp: U256::from(self.now.time),
            gas_limit: u64::MAX,
            prevrandao: Some(B256::ZERO),
            ..Default::default()
        };
        let mut evm = Context::mainnet()
            .with_db(&mut *self.db)
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
            .caller(ADMIN)
            .kind(kind)
            .data(data)
            .gas_limit(16_000_000)
            .chain_id(Some(CHAIN_ID))
            .build()
            .unwrap();
        evm.transact_commit(transaction).unwrap()
    }
}
