//! `eth_callBundle`: a bundle built on trial at the top of a coming block, and what came of it.

use crate::{
    builder::Builder,
    jsonrpc::RpcError,
    node::{NodeError, Receipt},
    private_book::bundle_hash,
    transaction::SignedTransaction,
};
use alloy::{
    consensus::Transaction as _,
    primitives::{Address, Bytes, U256},
    sol_types::{Revert, SolError},
};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// Blocks between the head and a simulated block, at most.
const MAX_BLOCKS_AHEAD: u64 = 100;

/// What to simulate.
#[derive(Clone, Debug)]
pub(crate) struct Simulation {
    pub(crate) transactions: Vec<SignedTransaction>,
    /// Number that the simulated block has.
    pub(crate) block: u64,
    /// Seconds since the epoch; one slot after the head when absent.
    pub(crate) timestamp: Option<u64>,
    /// Receiver of tips; the node's own when absent.
    pub(crate) coinbase: Option<Address>,
}

/// One frame of the node's call tracer.
#[derive(Debug, Deserialize)]
struct Call {
    #[serde(rename = "type")]
    kind: String,
    to: Option<Address>,
    value: Option<U256>,
    output: Option<Bytes>,
    error: Option<String>,
    #[serde(default)]
    calls: Vec<Call>,
}

impl Call {
    /// Wei that the frame and those below it moved to `account`; what reverted moved nothing.
    fn paid_to(&self, account: Address) -> U256 {
        if self.error.is_some() {
            return U256::ZERO;
        }
        let moves_value = self.kind != "DELEGATECALL" && self.kind != "STATICCALL" && self.kind != "CALLCODE";
        let own = if moves_value && self.to == Some(account) { self.value.unwrap_or_default() } else { U256::ZERO };
        self.calls.iter().map(|call| call.paid_to(account)).fold(own, U256::saturating_add)
    }
}

/// Simulates on top of the head and leaves no trace. Base fee is that of the block after the head, as Flashbots' is.
pub(crate) async fn simulate(builder: &Builder, simulation: Simulation) -> Result<Value, RpcError> {
    builder
        .exclusive(move |builder| async move {
            let snapshot = builder.snapshot().await?;
            let outcome = run(&builder, &simulation).await;
            builder.rollback(snapshot).await?;
            builder.announce_time().await?;
            outcome
        })
        .await?
}

async fn run(builder: &Builder, simulation: &Simulation) -> Result<Value, RpcError> {
    let node = builder.node();
    let head = node.header("latest").await?;
    let ahead = simulation
        .block
        .checked_sub(head.number())
        .filter(|ahead| (1..=MAX_BLOCKS_AHEAD).contains(ahead))
        .ok_or_else(|| {
            RpcError::params(format!(
                "blockNumber {} cannot be simulated: the head is {}, and at most {MAX_BLOCKS_AHEAD} blocks ahead are",
                simulation.block,
                head.number()
            ))
        })?;
    let base_fee = node.header("pending").await?.base_fee();
    check_nonces(builder, &simulation.transactions).await?;
    // Only the block number of the skipped blocks matters; they take a second each so that any later timestamp stays free.
    for skipped in 1..ahead {
        node.call("evm_setNextBlockTimestamp", json!([head.timestamp() + skipped])).await?;
        node.call("evm_mine", json!([])).await?;
    }
    let earliest = head.timestamp() + ahead;
    let timestamp =
        simulation.timestamp.unwrap_or_else(|| (head.timestamp() + crate::assembly::SLOT_SECONDS).max(earliest));
    if timestamp < earliest {
        return Err(RpcError::params(format!(
            "timestamp {timestamp} is too early: block {} cannot be before {earliest}",
            simulation.block
        )));
    }
    let former_coinbase: Address = node.get("eth_coinbase", json!([])).await?;
    let coinbase = simulation.coinbase.unwrap_or(former_coinbase);
    node.call("anvil_setNextBlockBaseFeePerGas", json!([U256::from(base_fee)])).await?;
    for transaction in &simulation.transactions {
        node.call("eth_sendRawTransaction", json!([transaction.raw])).await.map_err(|error| match error {
            NodeError::Refused { source, .. } => {
                RpcError::refused(format!("err: {}; txhash {}", source.message, transaction.hash()))
            }
            other => other.into(),
        })?;
    }
    node.call("evm_setNextBlockTimestamp", json!([timestamp])).await?;
    node.call("anvil_setCoinbase", json!([coinbase])).await?;
    let mined = node.call("evm_mine", json!([])).await;
    // The coinbase is a setting, not state: a roll-back does not bring it back.
    node.call("anvil_setCoinbase", json!([former_coinbase])).await?;
    mined?;
    report(builder, simulation, head.number(), coinbase, U256::from(base_fee)).await
}

/// As the relay words it, which its client library recognises.
async fn check_nonces(builder: &Builder, transactions: &[SignedTransaction]) -> Result<(), RpcError> {
    let mut nonces = builder.nonces(transactions.iter().map(|t| t.sender).collect()).await?;
    for transaction in transactions {
        let next = nonces.entry(transaction.sender).or_default();
        if transaction.nonce() != *next {
            let side = if transaction.nonce() < *next { "low" } else { "high" };
            return Err(RpcError::refused(format!(
                "err: nonce too {side}: address {}, tx: {} state: {next}; txhash {}",
                transaction.sender,
                transaction.nonce(),
                transaction.hash()
            )));
        }
        *next += 1;
    }
    Ok(())
}

async fn report(
    builder: &Builder,
    simulation: &Simulation,
    head: u64,
    coinbase: Address,
    base_fee: U256,
) -> Result<Value, RpcError> {
    let receipts = builder.node().receipts(simulation.block).await?;
    let (mut results, mut gas, mut fees, mut paid) = (Vec::new(), 0u64, U256::ZERO, U256::ZERO);
    for transaction in &simulation.transactions {
        let Some(receipt) = receipts.iter().find(|r| r.transaction_hash == transaction.hash()) else {
            return Err(RpcError::refused(format!(
                "err: transaction is not valid in the simulated block; txhash {}",
                transaction.hash()
            )));
        };
        let trace: Call =
            builder.node().get("debug_traceTransaction", json!([transaction.hash(), {"tracer": "callTracer"}])).await?;
        let gas_used = receipt.gas_used.to::<u64>();
        let gas_fees = receipt.effective_gas_price.saturating_sub(base_fee).saturating_mul(U256::from(gas_used));
        let to_coinbase = trace.paid_to(coinbase);
        results.push(Value::Object(result(transaction, receipt, &trace, gas_fees, to_coinbase)));
        gas += gas_used;
        fees = fees.saturating_add(gas_fees);
        paid = paid.saturating_add(to_coinbase);
    }
    let difference = fees.saturating_add(paid);
    Ok(json!({
        "bundleGasPrice": per_gas(difference, gas),
        "bundleHash": bundle_hash(&simulation.transactions),
        "coinbaseDiff": difference.to_string(),
        "ethSentToCoinbase": paid.to_string(),
        "gasFees": fees.to_string(),
        "results": results,
        "stateBlockNumber": head,
        "totalGasUsed": gas,
    }))
}

fn result(
    transaction: &SignedTransaction,
    receipt: &Receipt,
    trace: &Call,
    gas_fees: U256,
    to_coinbase: U256,
) -> Map<String, Value> {
    let gas_used = receipt.gas_used.to::<u64>();
    let difference = gas_fees.saturating_add(to_coinbase);
    let mut fields = Map::new();
    let mut field = |name: &str, value: Value| drop(fields.insert(name.to_owned(), value));
    field("coinbaseDiff", json!(difference.to_string()));
    field("ethSentToCoinbase", json!(to_coinbase.to_string()));
    field("fromAddress", json!(transaction.sender));
    field("gasFees", json!(gas_fees.to_string()));
    field("gasPrice", json!(per_gas(difference, gas_used)));
    field("gasUsed", json!(gas_used));
    field("toAddress", json!(transaction.envelope.to()));
    field("txHash", json!(transaction.hash()));
    let output = trace.output.clone().unwrap_or_default();
    if receipt.succeeded() {
        field("value", json!(output));
    } else {
        field("error", json!(trace.error.as_deref().unwrap_or("execution reverted")));
        // Always there for a failed transaction: clients look for the field to find the first revert.
        field("revert", json!(Revert::abi_decode(&output).map_or_else(|_| output.to_string(), |revert| revert.reason)));
    }
    fields
}

fn per_gas(wei: U256, gas: u64) -> String {
    wei.checked_div(U256::from(gas)).unwrap_or_default().to_string()
}
