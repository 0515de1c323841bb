//! A decision, and the simulation that a correct move would give.

use alloy::{
    primitives::{Address, B256, Bytes, Log, Signature, U256},
    sol_types::SolEvent,
};
use ballast_chain::{Executed, Leg, Simulation, TxPlan, bindings::RebalanceExecuted};
use ballast_executor::{
    DEV_CHAIN_ID, Scope,
    proof::{self, Statement},
};
use ballast_store::{Cleared, Store};
use ballast_types::{
    Action, Apr, Assets, BlockRef, Bps, Decision, DecisionRecord, FeedReading, FeedState, Gate, GateId, HubLimits,
    HubState, KillSwitchState, LargeMoves, Mode, Outlook, Policy, Prediction, RoundId, Snapshot, Strategy, Target,
    VaultState, VenuePolicy, record,
};

pub(crate) const VAULT: Address = Address::repeat_byte(0x22);
pub(crate) const HUB: Address = Address::repeat_byte(0x11);
pub(crate) const KEEPER: Address = Address::repeat_byte(0x33);
pub(crate) const SCOPE: Scope = Scope { chain_id: DEV_CHAIN_ID, vault: VAULT, hub: HUB };
pub(crate) const NAV: u128 = 100_000_000_000;
pub(crate) const TIMESTAMP: u64 = 1_700_000_012;

/// A move of 40 % and 50 % of NAV out of idle into two venues.
pub(crate) fn record(attestor: Address) -> DecisionRecord {
    let target = |byte, bps: u16| Target {
        adapter: Address::repeat_byte(byte),
        bps: Bps(bps),
        from: Assets(0),
        to: Assets(NAV).share(Bps(bps)),
        min_out: Assets(NAV).share(Bps(bps)).saturating_sub(Assets(2)),
    };
    DecisionRecord {
        format: record::FORMAT,
        snapshot: Snapshot {
            chain_id: DEV_CHAIN_ID,
            block: BlockRef { number: 9, hash: B256::repeat_byte(9), timestamp: TIMESTAMP - 12, next_base_fee: 7 },
            vault: VaultState {
                address: VAULT,
                asset: Address::repeat_byte(0x44),
                nav: Assets(NAV),
                idle: Assets(NAV),
                max_loss: Bps(10),
                deposits_paused: false,
            },
            hub: HubState {
                address: HUB,
                attestor,
                nonce: 4,
                recent: [0; 4],
                last_seen: 0,
                grace: 604_800,
                limits: HubLimits {
                    reserve: Bps(500),
                    min_position: Bps(500),
                    max_position: Bps(5_000),
                    min_step: Bps(500),
                    max_venue_share: Bps(100),
                    max_utilisation: Bps(9_500),
                    flow: Bps(10_000),
                    approval: Bps(10_000),
                    approval_floor: Assets::ZERO,
                    cooldown: 21_600,
                },
            },
            kill_switch: KillSwitchState {
                address: Address::repeat_byte(0x55),
                mode: Mode::Normal,
                operational: true,
                reason: String::new(),
            },
            venues: Vec::new(),
            feeds: Vec::new(),
            eth_usd: FeedState {
                name: "ETH / USD".to_owned(),
                aggregator: Address::repeat_byte(0x66),
                decimals: 8,
                heartbeat: 3_600,
                grace: 0,
                band: None,
                reading: FeedReading::Round {
                    answer: 300_000_000_000,
                    updated_at: TIMESTAMP,
                    round_id: RoundId(1),
                    answered_in_round: RoundId(1),
                },
            },
            fees: None,
            doubts: Vec::new(),
        },
        policy: Policy {
            reserve: Bps(500),
            max_position: Bps(5_000),
            min_transfer: Assets(10_000_000),
            horizon: 604_800,
            min_gain: Apr(0),
            expected_gas: 500_000,
            gas_patience: 0,
            priority_fee: 1,
            slippage: Bps(1),
            max_risk_score: 70,
            max_head_age: 60,
            large_moves: LargeMoves::Divide,
            strategy: Strategy::Convex,
            venues: vec![VenuePolicy { adapter: Address::repeat_byte(0xa1), risk_score: 20, max_position: Bps(5_000) }],
        },
        outlook: Outlook::default(),
        models: Vec::new(),
        decision: Decision {
            action: Action::Rebalance { targets: vec![target(0xa1, 4_000), target(0xa2, 5_000)] },
            gates: vec![Gate { id: GateId::Gain, passed: true, detail: "gains enough".to_owned() }],
            prediction: Some(Prediction {
                nav: Assets(NAV),
                idle_after: Assets(NAV).share(Bps(1_000)),
                apr_before: Apr(0),
                apr_after: Apr(1),
                gain: Assets(1_000_000_000),
                gas_cost: Assets(1_000_000),
                turnover: Assets(NAV).share(Bps(9_000)),
            }),
        },
    }
}

/// The event of the move, exactly as predicted.
pub(crate) fn event(record: &DecisionRecord) -> Executed {
    let leg = |target: &Target| Leg { adapter: target.adapter, bps: target.bps, before: target.from, after: target.to };
    Executed {
        decision_hash: record.hash().unwrap(),
        nonce: record.snapshot.hub.nonce,
        nav_before: Assets(NAV),
        nav_after: Assets(NAV),
        idle_after: Assets(NAV / 10),
        legs: record.decision.targets().iter().map(leg).collect(),
    }
}

pub(crate) fn log_of(event: &Executed) -> Log {
    Log { address: HUB, data: RebalanceExecuted::from(event).encode_log_data() }
}

pub(crate) fn simulation(event: &Executed) -> Simulation {
    Simulation { success: true, revert: None, gas_used: 412_345, logs: vec![log_of(event)], output: Bytes::new() }
}

pub(crate) fn statement(record: &DecisionRecord) -> Statement {
    Statement { decision_hash: record.hash().unwrap(), nonce: record.snapshot.hub.nonce, valid_until: TIMESTAMP + 300 }
}

/// The transaction that carries the record's targets under `statement`.
pub(crate) fn plan(record: &DecisionRecord, statement: &Statement) -> TxPlan {
    let nobody = Signature::new(U256::from(1), U256::from(1), false);
    TxPlan {
        from: KEEPER,
        to: HUB,
        nonce: 0,
        gas_limit: 16_000_000,
        max_fee_per_gas: 100,
        max_priority_fee_per_gas: 1,
        input: proof::calldata(proof::allocations(record.decision.targets()), statement, &nobody),
        chain_id: DEV_CHAIN_ID,
        access_list: Default::default(),
    }
}

/// Leave to sign `digest`, from a store that was made for it.
pub(crate) async fn cleared(digest: B256) -> Cleared {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path().join("keeper.db")).await.unwrap();
    let call = (Address::ZERO, &Bytes::new());
    store.clear_off_chain("a test", call, digest, B256::ZERO, serde_json::json!({})).await.unwrap()
}
