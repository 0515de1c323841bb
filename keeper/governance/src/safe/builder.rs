//! The calls of a batch file of Safe's Transaction Builder, such as `ballast deploy --plan` writes.

use super::{spelling::checksummed, transaction::Call};
use crate::batch::{Batch, Transaction};
use alloy::{
    dyn_abi::{DynSolType, DynSolValue},
    primitives::{Address, Bytes, U256, keccak256},
};
use serde_json::Value;

#[derive(Debug, thiserror::Error)]
pub enum BatchError {
    #[error("the checksum of the batch is wrong: it was edited after it was written; plan it again")]
    Edited,
    #[error("the batch is of chain {found}, expected {expected}")]
    WrongChain { found: String, expected: u64 },
    #[error("the batch is of Safe {found}, expected {expected}")]
    WrongSafe { found: String, expected: Address },
    #[error("transaction {number} of the batch: {why}")]
    Transaction { number: usize, why: String },
}

/// What the Transaction Builder would send for `batch`.
///
/// # Errors
/// [`BatchError`] if the file is not intact, of another chain or Safe, or says something that has no encoding.
pub fn calls(batch: &Batch, chain_id: u64, safe: Address) -> Result<Vec<Call>, BatchError> {
    if !batch.is_intact() {
        return Err(BatchError::Edited);
    }
    if batch.chain_id != chain_id.to_string() {
        return Err(BatchError::WrongChain { found: batch.chain_id.clone(), expected: chain_id });
    }
    let of_safe = &batch.meta.created_from_safe_address;
    if of_safe.parse() != Ok(safe) {
        return Err(BatchError::WrongSafe { found: of_safe.clone(), expected: safe });
    }
    let numbered = batch.transactions.iter().enumerate();
    numbered
        .map(|(i, transaction)| call(transaction).map_err(|why| BatchError::Transaction { number: i + 1, why }))
        .collect()
}

fn call(transaction: &Transaction) -> Result<Call, String> {
    let to = checksummed::parse(&transaction.to)?;
    let value = U256::from_str_radix(&transaction.value, 10)
        .map_err(|_| format!("value {:?} is not a number of wei", transaction.value))?;
    if let Some(data) = &transaction.data {
        let data = data.parse().map_err(|_| format!("data {data:?} is not hex"))?;
        return Ok(Call { to, value, data });
    }
    let method = &transaction.contract_method;
    let (mut kinds, mut values) = (Vec::new(), Vec::new());
    for input in &method.inputs {
        let text = transaction
            .contract_inputs_values
            .get(&input.name)
            .ok_or_else(|| format!("argument {} of {} is missing", input.name, method.name))?;
        values.push(argument(&input.kind, text).map_err(|why| format!("argument {}: {why}", input.name))?);
        kinds.push(input.kind.as_str());
    }
    let selector = keccak256(format!("{}({})", method.name, kinds.join(",")));
    let data: Bytes = [&selector[..4], &DynSolValue::Tuple(values).abi_encode_params()].concat().into();
    Ok(Call { to, value, data })
}

/// Arrays are JSON arrays of strings or numbers.
fn argument(kind: &str, text: &str) -> Result<DynSolValue, String> {
    let Some(item) = kind.strip_suffix("[]") else {
        let parsed: DynSolType = kind.parse().map_err(|_| format!("{kind:?} is not a type"))?;
        return parsed.coerce_str(text).map_err(|error| format!("{text:?} is not of type {kind}: {error}"));
    };
    let items: Vec<Value> = serde_json::from_str(text).map_err(|_| format!("{text:?} is not a list"))?;
    let plain = |item: &Value| item.as_str().map_or_else(|| item.to_string(), str::to_owned);
    Ok(DynSolValue::Array(items.iter().map(|value| argument(item, &plain(value))).collect::<Result<_, _>>()?))
}
