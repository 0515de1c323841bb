//! Many view calls in one `eth_call` on Multicall3, each allowed to fail alone.

use crate::{bindings::IMulticall3, endpoint::chain_text, revert};
use alloy::{
    eips::BlockId,
    primitives::{Address, B256},
    providers::{DynProvider, Provider},
    rpc::types::TransactionRequest,
    sol_types::SolCall,
};
use std::{fmt, marker::PhantomData};

/// Calls that are answered together, at one block.
///
/// Calls to contracts that may be hostile belong in a batch of their own: one that burns all its gas leaves little to its neighbours.
#[derive(Default)]
pub(crate) struct Batch(Vec<IMulticall3::Call3>);

/// Where in the answers a call's result is.
pub(crate) struct Slot<C> {
    index: usize,
    target: Address,
    call: PhantomData<fn() -> C>,
}

impl<C> Clone for Slot<C> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<C> Copy for Slot<C> {}

/// The results of a batch.
pub(crate) struct Answers(Vec<IMulticall3::Result>);

/// A call inside a batch that gave no usable answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct Unanswered {
    /// The contract that was asked.
    pub target: Address,
    /// The function's signature.
    pub call: &'static str,
    /// What came instead of an answer.
    pub why: String,
}

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}: {}", self.call, self.target, self.why)
    }
}

/// The batch as a whole was not answered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum BatchError {
    /// The node could not be reached or did not speak JSON-RPC.
    #[error("{0}")]
    Transport(String),
    /// The node answered with an error: it has not the block, or the calls together ran out of gas.
    #[error("the node refused the call: {0}")]
    Refused(String),
    #[error("there is no Multicall3 at {0}")]
    NoMulticall(Address),
    #[error("block {expected} was asked for, the node answered with the state of block {answered}")]
    OtherBlock { expected: u64, answered: String },
}

/// The block every batch is executed on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct At {
    pub(crate) multicall: Address,
    pub(crate) number: u64,
    pub(crate) hash: B256,
}

impl Batch {
    /// Adds a call; its answer is found by the slot.
    pub(crate) fn add<C: SolCall>(&mut self, target: Address, call: C) -> Slot<C> {
        let index = self.0.len();
        self.0.push(IMulticall3::Call3 { target, allowFailure: true, callData: call.abi_encode().into() });
        Slot { index, target, call: PhantomData }
    }

    /// Executes the calls on the state of exactly the block `at`, pinned by hash.
    pub(crate) async fn run(mut self, provider: &DynProvider, at: At) -> Result<Answers, BatchError> {
        // The proof that the node did pin it.
        let number = self.add(at.multicall, IMulticall3::getBlockNumberCall {});
        let input = IMulticall3::aggregate3Call { calls: self.0 }.abi_encode();
        let request = TransactionRequest::default().to(at.multicall).input(input.into());
        let output = provider.call(request).block(BlockId::hash(at.hash)).await.map_err(|error| {
            match error.as_error_resp() {
                Some(payload) => BatchError::Refused(payload.message.to_string()),
                None => BatchError::Transport(chain_text(&error)),
            }
        })?;
        let results = IMulticall3::aggregate3Call::abi_decode_returns(&output)
            .map_err(|_| BatchError::NoMulticall(at.multicall))?;
        let answers = Answers(results);
        match answers.get(number) {
            Ok(answered) if answered.saturating_to::<u64>() == at.number => Ok(answers),
            Ok(answered) => Err(BatchError::OtherBlock { expected: at.number, answered: answered.to_string() }),
            Err(error) => Err(BatchError::OtherBlock { expected: at.number, answered: error.why }),
        }
    }
}

impl Answers {
    /// The decoded answer, or why there is none.
    pub(crate) fn get<C: SolCall>(&self, slot: Slot<C>) -> Result<C::Return, Unanswered> {
        let unanswered = |why: String| Unanswered { target: slot.target, call: C::SIGNATURE, why };
        let Some(result) = self.0.get(slot.index) else {
            return Err(unanswered("the node left it out of its answer".into()));
        };
        if !result.success {
            return Err(unanswered(revert::describe(&result.returnData)));
        }
        if result.returnData.is_empty() {
            return Err(unanswered("answered nothing: no code there, or no such function".into()));
        }
        C::abi_decode_returns_validate(&result.returnData)
            .map_err(|_| unanswered(format!("answered {} bytes that are not its return type", result.returnData.len())))
    }
}
