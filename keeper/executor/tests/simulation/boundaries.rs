//! The executor's boundaries on the simulated network: chain, relay and keys.

use crate::network::{Block, Network, RelayAnswer, SLOT};
use alloy::{
    consensus::SignableTransaction,
    primitives::{Address, B256, Signature, U256},
    signers::{SignerSync as _, local::PrivateKeySigner},
};
use ballast_chain::{
    AccessChoice, AttestorSlot, AttestorSlotError, BlockContext, Confirmation, NoQuorum, Overrides, Simulation,
    SimulationError, Testimony, TxPlan, Unconfirmed,
};
use ballast_executor::{
    AccountState, Balances, Chain, ChainError, KmsCause, Receipt, Relay, RelayError, SafeTxHash, Signer, SignerError,
    Submission,
};
use ballast_store::Cleared;
use futures::future::BoxFuture;
use std::{sync::Arc, time::Duration};
use tokio::time::sleep;

const ETHER: u128 = 1_000_000_000_000_000_000;

#[derive(Clone, Debug)]
pub(crate) struct SimulatedChain(pub(crate) Arc<Network>);

impl SimulatedChain {
    /// A question takes a moment, and may get no answer.
    async fn ask(&self, what: &'static str) -> Result<(), ChainError> {
        let (moment, lost) = self.0.with(|world| (world.rng.below(300), world.rng.chance(world.faults.rpc_timeout)));
        sleep(Duration::from_millis(moment)).await;
        if !lost {
            return Ok(());
        }
        sleep(Duration::from_secs(10)).await;
        Err(ChainError::Unanswered { what, why: "timed out".to_owned() })
    }
}

fn next(parent: &Block, slot_seconds: u64) -> BlockContext {
    BlockContext {
        parent_number: parent.number,
        parent_hash: parent.hash,
        number: parent.number + 1,
        timestamp: parent.timestamp + slot_seconds,
        base_fee: parent.base_fee,
        gas_limit: 36_000_000,
        coinbase: Address::ZERO,
        prevrandao: B256::ZERO,
        excess_blob_gas: 0,
    }
}

impl Chain for SimulatedChain {
    fn head(&self) -> BoxFuture<'_, Result<u64, ChainError>> {
        Box::pin(async {
            self.ask("the head").await?;
            Ok(self.0.with(|world| world.seen().number))
        })
    }

    fn block_hash(&self, number: u64) -> BoxFuture<'_, Result<Option<B256>, ChainError>> {
        Box::pin(async move {
            self.ask("a block").await?;
            Ok(self.0.with(|world| {
                let head = world.seen().number;
                world.block(number).filter(|block| block.number <= head).map(|block| block.hash)
            }))
        })
    }

    fn next_block(&self, slot_seconds: u64) -> BoxFuture<'_, Result<BlockContext, SimulationError>> {
        Box::pin(async move {
            self.ask("the head").await.map_err(|error| SimulationError::Interrupted(error.to_string()))?;
            Ok(self.0.with(|world| next(world.seen(), slot_seconds)))
        })
    }

    fn account_at(&self, _: Address, block: u64) -> BoxFuture<'_, Result<AccountState, ChainError>> {
        Box::pin(async move {
            self.ask("the account").await?;
            let nonce = self.0.with(|world| world.block(block).map(|block| block.after.account_nonce));
            let refused = || ChainError::Refused { what: "the account", why: "no such block".to_owned() };
            Ok(AccountState { nonce: nonce.ok_or_else(refused)?, balance: U256::from(ETHER) })
        })
    }

    fn nonce(&self, _: Address) -> BoxFuture<'_, Result<u64, ChainError>> {
        Box::pin(async {
            self.ask("the nonce").await?;
            Ok(self.0.with(|world| world.seen().after.account_nonce))
        })
    }

    fn receipt(&self, tx_hash: B256) -> BoxFuture<'_, Result<Option<Receipt>, ChainError>> {
        Box::pin(async move {
            self.ask("a receipt").await?;
            Ok(self.0.with(|world| {
                let head = world.seen().number;
                let (block, mined) = world.mined(tx_hash).filter(|(block, _)| block.number <= head)?;
                Some(Receipt {
                    block_number: block.number,
                    block_hash: block.hash,
                    index: 0,
                    success: mined.success,
                    gas_used: mined.gas_used,
                    effective_gas_price: block.base_fee.into(),
                    logs: mined.logs.clone(),
                })
            }))
        })
    }

    fn attestor_slot(&self, _: Address) -> BoxFuture<'_, Result<AttestorSlot, AttestorSlotError>> {
        Box::pin(async {
            let attestor = self.0.with(|world| world.attestor);
            Ok(AttestorSlot::holding(U256::from_be_slice(attestor.as_slice())))
        })
    }

    fn approved_at(&self, _: Address, digest: B256) -> BoxFuture<'_, Result<u64, ChainError>> {
        Box::pin(async move {
            self.ask("an approval").await?;
            Ok(self.0.with(|world| world.approved.get(&digest).copied().unwrap_or_default()))
        })
    }

    fn simulate<'a>(
        &'a self,
        plan: &'a TxPlan,
        block: &'a BlockContext,
        _: &'a Overrides,
    ) -> BoxFuture<'a, Result<Simulation, SimulationError>> {
        Box::pin(async move {
            self.ask("the state").await.map_err(|error| SimulationError::Interrupted(error.to_string()))?;
            let hash = plan.unsigned().signature_hash();
            let outcome = self.0.with(|world| world.simulate(hash, plan.nonce, &plan.input, block));
            outcome.map_err(SimulationError::Invalid)
        })
    }

    fn with_access_list<'a>(
        &'a self,
        plan: &'a TxPlan,
        block: &'a BlockContext,
    ) -> BoxFuture<'a, Result<AccessChoice, SimulationError>> {
        Box::pin(async move {
            let simulation = self.simulate(plan, block, &Overrides::default()).await?;
            let without = simulation.gas_used;
            Ok(AccessChoice { plan: plan.clone(), simulation, without, with: None })
        })
    }

    fn confirm<'a>(
        &'a self,
        _: &'a TxPlan,
        block: &'a BlockContext,
        _: &'a Simulation,
    ) -> BoxFuture<'a, Result<Confirmation, Unconfirmed>> {
        Box::pin(async move {
            // Endpoints that do not answer are no quorum.
            self.ask("the others' word").await.map_err(|error| NoQuorum {
                block: block.parent_number,
                agreed: 1,
                needed: 2,
                endpoints: 2,
                testimonies: vec![("another".to_owned(), Testimony::Silent(error.to_string()))],
            })?;
            Ok(Confirmation { quorum: None, second_opinion: None })
        })
    }

    fn balances<'a>(
        &'a self,
        _: Address,
        _: Address,
        positions: &'a [Address],
        block: B256,
    ) -> BoxFuture<'a, Result<Balances, ChainError>> {
        Box::pin(async move {
            self.ask("the balances").await?;
            let known = self.0.with(|world| world.blocks.iter().any(|known| known.hash == block));
            if !known {
                return Err(ChainError::Refused { what: "the balances", why: "no such block".to_owned() });
            }
            Ok(Balances { idle: U256::ZERO, values: vec![U256::ZERO; positions.len()] })
        })
    }
}

#[derive(Clone, Debug)]
pub(crate) struct SimulatedRelay(pub(crate) Arc<Network>);

impl SimulatedRelay {
    async fn answer(&self, answer: Result<(), RelayAnswer>) -> Result<(), RelayError> {
        let relay = "relay".to_owned();
        match answer {
            Ok(()) => Ok(()),
            Err(RelayAnswer::Refused) => Err(RelayError::Refused { relay, message: "not today".to_owned() }),
            Err(RelayAnswer::Down) => {
                sleep(Duration::from_secs(2)).await;
                Err(RelayError::Down { relay, why: "timed out".to_owned() })
            }
        }
    }

    async fn pause(&self) {
        let moment = self.0.with(|world| world.rng.below(2_000));
        sleep(Duration::from_millis(moment)).await;
    }
}

impl Relay for SimulatedRelay {
    fn submit<'a>(&'a self, submission: &'a Submission) -> BoxFuture<'a, Result<B256, RelayError>> {
        Box::pin(async move {
            self.pause().await;
            self.answer(self.0.with(|world| world.take(submission))).await?;
            Ok(B256::repeat_byte(0xbb))
        })
    }

    fn cancel<'a>(&'a self, submission: &'a Submission) -> BoxFuture<'a, Result<(), RelayError>> {
        Box::pin(async move {
            self.pause().await;
            self.answer(self.0.with(|world| world.drop_pending(submission.tx_hash))).await
        })
    }

    fn status(&self, _: B256) -> BoxFuture<'_, Result<Option<String>, RelayError>> {
        Box::pin(async { Ok(None) })
    }
}

/// Which of the two keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    Keeper,
    Attestor,
}

/// A key that is far away and sometimes not to be had.
#[derive(Clone, Debug)]
pub(crate) struct SimulatedKey {
    pub(crate) role: Role,
    pub(crate) key: PrivateKeySigner,
    pub(crate) network: Arc<Network>,
}

impl Signer for SimulatedKey {
    fn address(&self) -> Address {
        self.key.address()
    }

    fn sign_hash(&self, cleared: Cleared) -> BoxFuture<'_, Result<Signature, SignerError>> {
        Box::pin(async move {
            let hash = cleared.digest();
            let (fault, moment) = self.network.with(|world| {
                let fault = world.rng.chance(world.faults.kms).then(|| world.rng.below(3));
                (fault, 20 + world.rng.below(200))
            });
            // A slow answer outlives the block it was for.
            let moment = if fault == Some(0) { 2 * SLOT * 1_000 } else { moment };
            sleep(Duration::from_millis(moment)).await;
            let cause = match fault {
                Some(1) => KmsCause::Throttled,
                Some(2) => KmsCause::Denied,
                _ => {
                    self.network.with(|world| match self.role {
                        Role::Keeper => world.keeper_signed.push(hash),
                        Role::Attestor => world.attestor_signed.push(hash),
                    });
                    return Ok(self.key.sign_hash_sync(&hash).unwrap());
                }
            };
            Err(SignerError::Kms { key: "alias/simulated".to_owned(), cause, detail: "simulated".to_owned() })
        })
    }

    fn sign_safe_tx(&self, hash: SafeTxHash) -> BoxFuture<'_, Result<Signature, SignerError>> {
        Box::pin(async move { Ok(self.key.sign_hash_sync(&hash.hash()).unwrap()) })
    }

    fn check(&self) -> BoxFuture<'_, Result<(), SignerError>> {
        Box::pin(async { Ok(()) })
    }
}
