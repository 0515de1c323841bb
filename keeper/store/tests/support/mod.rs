//! A record to store.

use alloy_primitives::{Address, B256};
use ballast_types::{
    Action, Assets, BlockRef, Bps, Decision, DecisionRecord, FeedReading, FeedState, Gate, GateId, HubLimits, HubState,
    KillSwitchState, LargeMoves, Mode, Outlook, Policy, RoundId, Snapshot, Strategy, Target, VaultState, record,
};

pub(crate) fn record_at(block: u64) -> DecisionRecord {
    DecisionRecord {
        format: record::FORMAT,
        snapshot: Snapshot {
            chain_id: 31_337,
            block: BlockRef {
                number: block,
                hash: B256::repeat_byte(1),
                timestamp: 1_700_000_000 + 12 * block,
                next_base_fee: 1_000_000_000,
            },
            vault: VaultState {
                address: Address::repeat_byte(2),
                asset: Address::repeat_byte(3),
                nav: Assets(1_000_000),
                idle: Assets(1_000_000),
                max_loss: Bps(10),
                deposits_paused: false,
            },
            hub: HubState {
                address: Address::repeat_byte(4),
                attestor: Address::repeat_byte(5),
                nonce: 0,
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
                address: Address::repeat_byte(6),
                mode: Mode::Normal,
                operational: true,
                reason: String::new(),
            },
            venues: Vec::new(),
            feeds: Vec::new(),
            eth_usd: FeedState {
                name: "ETH / USD".to_owned(),
                aggregator: Address::repeat_byte(7),
                decimals: 8,
                heartbeat: 3_600,
                grace: 0,
                band: None,
                reading: FeedReading::Round {
                    answer: 300_000_000_000,
                    updated_at: 1_700_000_000,
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
            min_gain: ballast_types::Apr(0),
            expected_gas: 500_000,
            gas_patience: 0,
            priority_fee: 1,
            slippage: Bps(1),
            max_risk_score: 70,
            max_head_age: 60,
            large_moves: LargeMoves::Divide,
            strategy: Strategy::Convex,
            venues: Vec::new(),
        },
        outlook: Outlook::default(),
        models: Vec::new(),
        decision: Decision {
            action: Action::Rebalance {
                targets: vec![Target {
                    adapter: Address::repeat_byte(8),
                    bps: Bps(5_000),
                    from: Assets(0),
                    to: Assets(500_000),
                    min_out: Assets(499_950),
                }],
            },
            gates: vec![
                Gate { id: GateId::KillSwitch, passed: true, detail: "operational".to_owned() },
                Gate { id: GateId::Gain, passed: false, detail: "gains 1, needs 2".to_owned() },
            ],
            prediction: None,
        },
    }
}
