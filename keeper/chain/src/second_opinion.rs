//! The transaction executed by somebody else's EVM: `eth_simulateV1` at an endpoint of another operator.
//!
//! A quorum shows that the state is right; this shows that what the EVM of this process made of it is. The request is the one that
//! the [execution API](https://github.com/ethereum/execution-apis/pull/484) describes and geth serves: one block on top of the parent's
//! hash with our number, time, base fee, gas limit, fee recipient and randomness, one call that is the transaction, and `validation`
//! on, so that nonce, balance and fees are checked as in a block.

use crate::{
    endpoint::{Endpoint, chain_text},
    pool::PoolSettings,
    simulator::{BlockContext, Simulation, TxPlan},
};
use alloy::{
    eips::BlockId,
    primitives::{Bytes, Log, U256},
    providers::Provider,
    rpc::types::{
        BlockOverrides, TransactionRequest,
        simulate::{SimBlock, SimulatePayload},
    },
};
use serde::Deserialize;
use std::{fmt, time::Duration};

/// "Method not found" (JSON-RPC 2.0).
const METHOD_NOT_FOUND: i64 = -32_601;
/// By how much gas may differ. Nothing: gas is part of consensus, so for the same block and state any EVM uses the same.
const GAS_TOLERANCE: u64 = 0;

/// The second opinion cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SecondOpinionError {
    #[error("the endpoint for second opinions, {endpoint}, cannot be used: {why}")]
    BadUrl { endpoint: String, why: String },
    #[error(
        "the endpoint for second opinions, {endpoint}, has no eth_simulateV1 ({why}); configure one that has it in \
         simulation.second_opinion (geth 1.14.9 and later do), or remove the key"
    )]
    NoMethod { endpoint: String, why: String },
    #[error("the endpoint for second opinions, {endpoint}, is on chain {found}, expected chain {expected}")]
    OtherChain { endpoint: String, found: u64, expected: u64 },
    #[error("the endpoint for second opinions, {endpoint}, did not give one: {why}; nothing was signed")]
    Unavailable { endpoint: String, why: String },
}

/// The other EVM came to something else.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{endpoint} does not come to the same by eth_simulateV1: {}", lines(.differences))]
pub struct Disagreement {
    pub endpoint: String,
    /// Never empty.
    pub differences: Vec<Discrepancy>,
}

/// One field in which two executions differ.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Discrepancy {
    /// `status`, `gas used`, `log 3, topic 1`.
    pub field: String,
    pub ours: String,
    pub theirs: String,
}

impl fmt::Display for Discrepancy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ours {}, theirs {}", self.field, self.ours, self.theirs)
    }
}

fn lines(differences: &[Discrepancy]) -> String {
    differences.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ")
}

/// What the other EVM came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opinion {
    pub success: bool,
    pub gas_used: u64,
    pub logs: Vec<Log>,
    /// Why it failed, as that endpoint says it.
    pub error: Option<String>,
}

/// An endpoint with `eth_simulateV1`.
#[derive(Clone, Debug)]
pub struct SecondOpinion {
    endpoint: Endpoint,
}

#[derive(Debug, Deserialize)]
struct SimulatedBlock {
    calls: Vec<SimulatedCall>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SimulatedCall {
    status: U256,
    gas_used: U256,
    #[serde(default)]
    logs: Vec<SimulatedLog>,
    error: Option<CallError>,
    #[serde(default)]
    return_data: Bytes,
}

/// Without the log's place, which nodes give differently for a block that does not exist.
#[derive(Debug, Deserialize)]
struct SimulatedLog {
    address: alloy::primitives::Address,
    topics: Vec<alloy::primitives::B256>,
    data: Bytes,
}

#[derive(Debug, Deserialize)]
struct CallError {
    message: String,
}

impl SecondOpinion {
    /// Connects, and makes sure that the endpoint is on the chain and has the method.
    ///
    /// # Errors
    /// [`SecondOpinionError`]; each is one of configuration but [`SecondOpinionError::Unavailable`].
    pub async fn connect(url: &str, chain_id: u64, timeout: Duration) -> Result<Self, SecondOpinionError> {
        let endpoint = Endpoint::new(url, &PoolSettings::new(timeout))
            .map_err(|why| SecondOpinionError::BadUrl { endpoint: crate::redact(url), why })?;
        let opinion = Self { endpoint };
        let found = opinion.endpoint.provider.get_chain_id().await.map_err(|error| opinion.unavailable(&error))?;
        if found != chain_id {
            return Err(SecondOpinionError::OtherChain {
                endpoint: opinion.label().to_owned(),
                found,
                expected: chain_id,
            });
        }
        // An empty block is enough to see whether the method is there.
        let payload = SimulatePayload::<TransactionRequest>::default().extend(SimBlock::default());
        opinion.request(&payload, BlockId::latest()).await?;
        Ok(opinion)
    }

    /// Redacted.
    #[must_use]
    pub fn label(&self) -> &str {
        &self.endpoint.label
    }

    /// Has the transaction executed there and compares.
    ///
    /// # Errors
    /// [`Disagreement`] with every difference, or why there is no answer.
    pub(crate) async fn confirm(
        &self,
        tx: &TxPlan,
        block: &BlockContext,
        ours: &Simulation,
    ) -> Result<(), crate::Unconfirmed> {
        let theirs = self.ask(tx, block).await?;
        let differences = compare(ours, &theirs);
        if differences.is_empty() {
            return Ok(());
        }
        Err(Disagreement { endpoint: self.label().to_owned(), differences }.into())
    }

    /// What the endpoint makes of `tx` as the first transaction of `block`.
    ///
    /// # Errors
    /// [`SecondOpinionError::Unavailable`], [`SecondOpinionError::NoMethod`].
    pub async fn ask(&self, tx: &TxPlan, block: &BlockContext) -> Result<Opinion, SecondOpinionError> {
        let overrides = BlockOverrides {
            number: Some(U256::from(block.number)),
            time: Some(block.timestamp),
            base_fee: Some(U256::from(block.base_fee)),
            gas_limit: Some(block.gas_limit),
            coinbase: Some(block.coinbase),
            random: Some(block.prevrandao),
            ..Default::default()
        };
        let call = TransactionRequest {
            chain_id: Some(tx.chain_id),
            nonce: Some(tx.nonce),
            gas: Some(tx.gas_limit),
            max_fee_per_gas: Some(tx.max_fee_per_gas),
            max_priority_fee_per_gas: Some(tx.max_priority_fee_per_gas),
            access_list: (!tx.access_list.is_empty()).then(|| tx.access_list.clone()),
            transaction_type: Some(2),
            ..TransactionRequest::default().from(tx.from).to(tx.to).input(tx.input.clone().into())
        };
        let payload = SimulatePayload { validation: true, ..SimulatePayload::default() }
            .extend(SimBlock::default().with_block_overrides(overrides).call(call));
        let blocks = self.request(&payload, BlockId::hash(block.parent_hash)).await?;
        let call = blocks.into_iter().flat_map(|block| block.calls).next();
        let Some(call) = call else { return Err(self.unavailable_because("its answer has no result for the call")) };
        let log = |log: SimulatedLog| Log::new_unchecked(log.address, log.topics, log.data);
        let error = call.error.map(|error| match crate::revert::describe(&call.return_data) {
            described if call.return_data.is_empty() || described.is_empty() => error.message,
            described => described,
        });
        Ok(Opinion {
            success: call.status == U256::ONE,
            gas_used: call.gas_used.saturating_to(),
            logs: call.logs.into_iter().map(log).collect(),
            error,
        })
    }

    async fn request(&self, payload: &SimulatePayload, at: BlockId) -> Result<Vec<SimulatedBlock>, SecondOpinionError> {
        let answer = self.endpoint.provider.raw_request("eth_simulateV1".into(), (payload, at)).await;
        answer.map_err(|error| match error.as_error_resp() {
            Some(refusal) if refusal.code == METHOD_NOT_FOUND => {
                SecondOpinionError::NoMethod { endpoint: self.label().to_owned(), why: refusal.message.to_string() }
            }
            _ => self.unavailable(&error),
        })
    }

    fn unavailable(&self, error: &(dyn std::error::Error + 'static)) -> SecondOpinionError {
        self.unavailable_because(&chain_text(error))
    }

    fn unavailable_because(&self, why: &str) -> SecondOpinionError {
        SecondOpinionError::Unavailable { endpoint: self.label().to_owned(), why: why.to_owned() }
    }
}

/// Every field in which the two differ: status, gas, and each log's address, topics and data.
#[must_use]
pub fn compare(ours: &Simulation, theirs: &Opinion) -> Vec<Discrepancy> {
    let mut found = Vec::new();
    let mut differs = |field: String, ours: String, theirs: String| found.push(Discrepancy { field, ours, theirs });
    let status = |success: bool, why: Option<&str>| match (success, why) {
        (true, _) => "success".to_owned(),
        (false, why) => format!("failure ({})", why.unwrap_or("without a reason")),
    };
    if ours.success != theirs.success {
        let ours = status(ours.success, ours.revert.as_deref());
        differs("status".to_owned(), ours, status(theirs.success, theirs.error.as_deref()));
    }
    if ours.gas_used.abs_diff(theirs.gas_used) > GAS_TOLERANCE {
        differs("gas used".to_owned(), ours.gas_used.to_string(), theirs.gas_used.to_string());
    }
    if ours.logs.len() != theirs.logs.len() {
        differs("number of logs".to_owned(), ours.logs.len().to_string(), theirs.logs.len().to_string());
    }
    for (place, (own, other)) in ours.logs.iter().zip(&theirs.logs).enumerate() {
        if own.address != other.address {
            differs(format!("log {place}, address"), own.address.to_string(), other.address.to_string());
        }
        let (topics, others) = (own.topics(), other.topics());
        for index in 0..topics.len().max(others.len()) {
            let (topic, other) = (topics.get(index), others.get(index));
            if topic != other {
                let text = |topic: Option<&_>| topic.map_or("none".to_owned(), ToString::to_string);
                differs(format!("log {place}, topic {index}"), text(topic), text(other));
            }
        }
        if own.data.data != other.data.data {
            differs(format!("log {place}, data"), own.data.data.to_string(), other.data.data.to_string());
        }
    }
    found
}
