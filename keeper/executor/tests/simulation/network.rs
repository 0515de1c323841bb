//! The chain, its builders and the relay between them and the keeper: one world with its faults.

use crate::{
    faults::Faults,
    rng::Rng,
    support::{HUB, SCOPE, event, log_of},
};
use alloy::{
    consensus::{Transaction as _, TxEnvelope, transaction::SignerRecoverable as _},
    eips::eip2718::Decodable2718,
    primitives::{Address, B256, Bytes, Log, U256, keccak256},
    sol_types::SolError as _,
};
use ballast_chain::{BlockContext, Simulation, bindings::ApprovalRequired};
use ballast_executor::{Submission, Window, in_force, proof};
use ballast_types::DecisionRecord;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
};

pub(crate) const SLOT: u64 = 12;
pub(crate) const GENESIS_TIME: u64 = 1_700_000_000;
pub(crate) const BASE_FEE: u64 = 20;
/// More than any offer of ours.
const SPIKE_FEE: u64 = 10_000;
const GAS: u64 = 412_345;

/// What transactions change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct State {
    pub(crate) account_nonce: u64,
    pub(crate) hub_nonce: u64,
}

#[derive(Clone, Debug)]
pub(crate) struct Mined {
    pub(crate) tx_hash: B256,
    pub(crate) decision: Option<B256>,
    pub(crate) success: bool,
    pub(crate) gas_used: u64,
    pub(crate) logs: Vec<Log>,
    /// Revert data.
    output: Bytes,
}

#[derive(Clone, Debug)]
pub(crate) struct Block {
    pub(crate) number: u64,
    pub(crate) hash: B256,
    pub(crate) timestamp: u64,
    pub(crate) base_fee: u64,
    pub(crate) mined: Vec<Mined>,
    pub(crate) after: State,
}

/// A transaction that the relay has.
#[derive(Clone, Debug)]
struct Held {
    tx: TxEnvelope,
    /// Where it may be included; `None` if whoever has it does not care.
    window: Option<Window>,
}

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) faults: Faults,
    pub(crate) rng: Rng,
    pub(crate) blocks: Vec<Block>,
    pub(crate) records: BTreeMap<B256, DecisionRecord>,
    /// Decisions that need the Safe, and when it approved which digest.
    pub(crate) large: BTreeSet<B256>,
    pub(crate) approved: BTreeMap<B256, u64>,
    pub(crate) keeper: Address,
    pub(crate) attestor: Address,
    held: Vec<Held>,
    /// Transactions that the relay was asked to drop.
    pub(crate) withdrawn: u64,
    /// Blocks for which the base fee stays high.
    spike: u64,
    salt: u64,
    /// Every transaction that was ever handed to the relay.
    pub(crate) handed_over: Vec<TxEnvelope>,
    /// Those that could not be included when they were handed over, because an earlier nonce was free: with its nonce, the account's then.
    pub(crate) behind_a_gap: Vec<(u64, u64)>,
    /// Signing hashes of the transactions that ran in a simulation and succeeded, and digests of the proofs that they carried.
    pub(crate) simulated: Vec<B256>,
    pub(crate) proofs_simulated: Vec<B256>,
    /// What the two keys were asked to sign.
    pub(crate) keeper_signed: Vec<B256>,
    pub(crate) attestor_signed: Vec<B256>,
}

/// Shared by the keeper's view of the chain, the relay and the builder.
#[derive(Debug)]
pub(crate) struct Network(Mutex<World>);

impl Network {
    pub(crate) fn new(faults: Faults, rng: Rng, keeper: Address, attestor: Address) -> Self {
        let genesis = Block {
            number: 100,
            hash: keccak256("genesis"),
            timestamp: GENESIS_TIME,
            base_fee: BASE_FEE,
            mined: Vec::new(),
            after: State { account_nonce: 0, hub_nonce: 4 },
        };
        Self(Mutex::new(World {
            faults,
            rng,
            blocks: vec![genesis],
            records: BTreeMap::new(),
            large: BTreeSet::new(),
            approved: BTreeMap::new(),
            keeper,
            attestor,
            held: Vec::new(),
            withdrawn: 0,
            spike: 0,
            salt: 0,
            handed_over: Vec::new(),
            behind_a_gap: Vec::new(),
            simulated: Vec::new(),
            proofs_simulated: Vec::new(),
            keeper_signed: Vec::new(),
            attestor_signed: Vec::new(),
        }))
    }

    pub(crate) fn with<T>(&self, act: impl FnOnce(&mut World) -> T) -> T {
        act(&mut self.0.lock().unwrap())
    }
}

impl World {
    pub(crate) fn head(&self) -> &Block {
        self.blocks.last().unwrap()
    }

    /// The head as one endpoint shows it now.
    pub(crate) fn seen(&mut self) -> &Block {
        let lag = if self.rng.chance(self.faults.stale_head) { 1 + self.rng.below(3) } else { 0 };
        let index = self.blocks.len().saturating_sub(1 + usize::try_from(lag).unwrap());
        &self.blocks[index]
    }

    pub(crate) fn block(&self, number: u64) -> Option<&Block> {
        self.blocks.iter().find(|block| block.number == number)
    }

    pub(crate) fn mined(&self, tx_hash: B256) -> Option<(&Block, &Mined)> {
        let of = |block: &'_ Block| block.mined.iter().position(|mined| mined.tx_hash == tx_hash);
        self.blocks.iter().find_map(|block| of(block).map(|index| (block, &block.mined[index])))
    }

    /// A slot passes: a block, or none.
    pub(crate) fn tick(&mut self) {
        if self.rng.chance(self.faults.missed_slot) {
            return self.mine(2 * SLOT);
        }
        if self.rng.chance(self.faults.reorg) && self.blocks.len() > 6 {
            self.reorganise();
        }
        self.mine(SLOT);
    }

    fn mine(&mut self, seconds: u64) {
        let parent = self.head().clone();
        if self.spike > 0 {
            self.spike -= 1;
        } else if self.rng.chance(self.faults.fee_spike) {
            self.spike = 2 + self.rng.below(4);
        }
        self.salt += 1;
        let number = parent.number + 1;
        let timestamp = parent.timestamp + seconds;
        let mut block = Block {
            number,
            hash: keccak256([parent.hash.as_slice(), &self.salt.to_be_bytes()].concat()),
            timestamp,
            // The one that its parent announced.
            base_fee: parent.base_fee,
            mined: Vec::new(),
            after: parent.after,
        };
        let held = std::mem::take(&mut self.held);
        for one in held {
            let fits = match one.window {
                Some(Window::Exact { block, timestamp: pinned }) => (block, pinned) == (number, timestamp),
                Some(Window::Until { block }) => number <= block,
                None => self.rng.chance(250),
            };
            if fits && self.include(&mut block, &one.tx) {
                continue;
            }
            // What is for a block to come, or is kept whatever it was for, stays.
            if one.window.is_none_or(|window| window.last_block() > number) {
                self.held.push(one);
            }
        }
        block.base_fee = if self.spike > 0 { SPIKE_FEE } else { BASE_FEE };
        self.blocks.push(block);
    }

    fn include(&mut self, block: &mut Block, tx: &TxEnvelope) -> bool {
        if tx.nonce() != block.after.account_nonce || tx.max_fee_per_gas() < u128::from(block.base_fee) {
            return false;
        }
        let (mut mined, after) = self.run(tx.input(), block.after, block.timestamp, true);
        mined.tx_hash = *tx.tx_hash();
        block.after = State { account_nonce: block.after.account_nonce + 1, ..after };
        block.mined.push(mined);
        true
    }

    /// What a call of the hub does: a rebalance with the right nonce, in time, and when it is real with the attestor's signature.
    pub(crate) fn run(&self, input: &[u8], state: State, timestamp: u64, real: bool) -> (Mined, State) {
        let outcome = |decision, success, logs, after| {
            let output = Bytes::new();
            (Mined { tx_hash: B256::ZERO, decision, success, gas_used: GAS, logs, output }, after)
        };
        let Some(call) = proof::decode(input) else { return outcome(None, true, Vec::new(), state) };
        let statement = call.statement;
        let decision = Some(statement.decision_hash);
        let digest = proof::digest(SCOPE.chain_id, HUB, SCOPE.vault, &call.targets, &statement);
        let signature = alloy::primitives::Signature::try_from(call.signature.as_ref()).unwrap();
        let signed = !real || signature.recover_address_from_prehash(&digest).is_ok_and(|by| by == self.attestor);
        if statement.nonce != state.hub_nonce || statement.valid_until < timestamp || !signed {
            return outcome(decision, false, Vec::new(), state);
        }
        let approval = proof::approval_digest(statement.decision_hash, &call.targets, statement.nonce);
        let approved = self.approved.get(&approval).is_some_and(|at| in_force(*at, timestamp));
        if self.large.contains(&statement.decision_hash) && !approved {
            let (mut refused, after) = outcome(decision, false, Vec::new(), state);
            let (turnover, threshold) = (U256::from(2), U256::from(1));
            refused.output = ApprovalRequired { digest: approval, turnover, threshold }.abi_encode().into();
            return (refused, after);
        }
        let mut executed = event(&self.records[&statement.decision_hash]);
        executed.nonce = statement.nonce;
        let after = State { hub_nonce: state.hub_nonce + 1, ..state };
        outcome(decision, true, vec![log_of(&executed)], after)
    }

    pub(crate) fn simulate(
        &mut self,
        signing_hash: B256,
        nonce: u64,
        input: &Bytes,
        block: &BlockContext,
    ) -> Result<Simulation, String> {
        let parent = self.blocks.iter().find(|known| known.hash == block.parent_hash);
        let Some(mut state) = parent.map(|parent| parent.after) else { return Err("unknown parent".to_owned()) };
        if self.rng.chance(self.faults.wrong_state) {
            state.hub_nonce += 1;
        }
        if nonce != state.account_nonce {
            return Err(format!("nonce {nonce}, expected {}", state.account_nonce));
        }
        let (mined, _) = self.run(input, state, block.timestamp, false);
        if mined.success {
            self.simulated.push(signing_hash);
            let proof = proof::decode(input)
                .map(|call| proof::digest(SCOPE.chain_id, HUB, SCOPE.vault, &call.targets, &call.statement));
            self.proofs_simulated.extend(proof);
        }
        Ok(Simulation {
            success: mined.success,
            revert: (!mined.success).then(|| "WrongNonce".to_owned()),
            gas_used: mined.gas_used,
            logs: mined.logs,
            output: mined.output,
        })
    }

    /// The newest blocks are replaced by others; what was in them may come again later, or not.
    fn reorganise(&mut self) {
        let depth = usize::try_from(1 + self.rng.below(4)).unwrap();
        let kept = self.blocks.len() - depth;
        let dropped = self.blocks.split_off(kept);
        let lost: Vec<B256> = dropped.iter().flat_map(|block| &block.mined).map(|mined| mined.tx_hash).collect();
        for tx in self.handed_over.clone() {
            if lost.contains(tx.tx_hash()) && self.rng.chance(500) {
                self.held.push(Held { tx, window: None });
            }
        }
        // As many blocks as before, so that heights do not fall.
        for _ in 0..depth {
            self.mine(SLOT);
        }
    }

    /// The relay gets a transaction; what it answers.
    pub(crate) fn take(&mut self, submission: &Submission) -> Result<(), RelayAnswer> {
        let tx = TxEnvelope::decode_2718(&mut submission.raw.as_ref()).unwrap();
        assert_eq!(tx.recover_signer().unwrap(), self.keeper, "only the keeper's transactions leave");
        let faults = self.faults.clone();
        if self.rng.chance(faults.relay_refuses) {
            return Err(RelayAnswer::Refused);
        }
        if self.rng.chance(faults.relay_down) {
            return Err(RelayAnswer::Down);
        }
        let next = self.head().after.account_nonce;
        if tx.nonce() > next {
            self.behind_a_gap.push((tx.nonce(), next));
        }
        self.handed_over.push(tx.clone());
        if self.rng.chance(faults.relay_late) {
            self.held.push(Held { tx, window: None });
        } else if !self.rng.chance(faults.relay_silent) {
            self.held.push(Held { tx, window: Some(submission.window) });
        }
        if self.rng.chance(faults.answer_lost) { Err(RelayAnswer::Down) } else { Ok(()) }
    }

    /// The relay is asked to drop a transaction. One that somebody keeps for later is not its to drop.
    pub(crate) fn drop_pending(&mut self, tx_hash: B256) -> Result<(), RelayAnswer> {
        if self.rng.chance(self.faults.relay_down) {
            return Err(RelayAnswer::Down);
        }
        self.held.retain(|one| one.window.is_none() || *one.tx.tx_hash() != tx_hash);
        self.withdrawn += 1;
        if self.rng.chance(self.faults.answer_lost) { Err(RelayAnswer::Down) } else { Ok(()) }
    }

    /// From now on nothing goes wrong; what somebody still holds back may come all the same.
    pub(crate) fn calm(&mut self) {
        self.faults = Faults::default();
        self.spike = 0;
        if let Some(head) = self.blocks.last_mut() {
            head.base_fee = BASE_FEE;
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RelayAnswer {
    Refused,
    Down,
}
