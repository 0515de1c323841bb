//! What the owners of the governance Safe do with a batch file.
#![allow(clippy::too_many_arguments)]

use alloy::{
    dyn_abi::{DynSolType, DynSolValue},
    primitives::{Address, Bytes, U256, keccak256},
    providers::DynProvider,
    signers::SignerSync,
    sol,
    sol_types::{SolStruct, eip712_domain},
};
use ballast_devnet::{CHAIN_ID, accounts::Role, address_book::AddressBook};
use ballast_governance::batch::Batch;
use serde_json::{Value, json};
use std::{fs, path::Path};

sol! {
    #[sol(rpc)]
    interface ISafe {
        function nonce() external view returns (uint256);
        function getTransactionHash(address to, uint256 value, bytes data, uint8 operation, uint256 safeTxGas, uint256 baseGas, uint256 gasPrice, address gasToken, address refundReceiver, uint256 nonce) external view returns (bytes32);
        function execTransaction(address to, uint256 value, bytes data, uint8 operation, uint256 safeTxGas, uint256 baseGas, uint256 gasPrice, address gasToken, address refundReceiver, bytes signatures) external payable returns (bool success);
    }

    /// Safe's typed transaction (EIP-712).
    struct SafeTx {
        address to;
        uint256 value;
        bytes data;
        uint8 operation;
        uint256 safeTxGas;
        uint256 baseGas;
        uint256 gasPrice;
        address gasToken;
        address refundReceiver;
        uint256 nonce;
    }
}

/// A batch file as the Transaction Builder takes it.
pub(crate) fn read_batch(path: &Path) -> Value {
    let text = fs::read_to_string(path).unwrap();
    let batch: Batch = serde_json::from_str(&text).unwrap();
    assert!(batch.is_intact(), "checksum of {}", path.display());
    assert_eq!((batch.version.as_str(), batch.chain_id), ("1.0", CHAIN_ID.to_string()));
    serde_json::from_str(&text).unwrap()
}

/// Target and calldata of the batch's one transaction, from the JSON alone as the Transaction Builder would make them.
fn call_of(batch: &Value) -> (Address, Bytes) {
    let [transaction] = batch["transactions"].as_array().unwrap().as_slice() else {
        panic!("one transaction: {batch}")
    };
    assert_eq!((&transaction["value"], &transaction["data"]), (&json!("0"), &Value::Null));
    let method = &transaction["contractMethod"];
    let mut kinds = Vec::new();
    let mut values = Vec::new();
    for input in method["inputs"].as_array().unwrap() {
        let kind = input["type"].as_str().unwrap();
        let value = transaction["contractInputsValues"][input["name"].as_str().unwrap()].as_str().unwrap();
        values.push(argument(kind, value));
        kinds.push(kind);
    }
    let signature = format!("{}({})", method["name"].as_str().unwrap(), kinds.join(","));
    let mut data = keccak256(signature)[..4].to_vec();
    data.extend(DynSolValue::Tuple(values).abi_encode_params());
    (transaction["to"].as_str().unwrap().parse().unwrap(), data.into())
}

fn argument(kind: &str, value: &str) -> DynSolValue {
    let Some(item) = kind.strip_suffix("[]") else {
        return kind.parse::<DynSolType>().unwrap().coerce_str(value).unwrap();
    };
    let items: Vec<Value> = serde_json::from_str(value).unwrap();
    let plain = |item: &Value| item.as_str().map_or_else(|| item.to_string(), str::to_owned);
    DynSolValue::Array(items.iter().map(|value| argument(item, &plain(value))).collect())
}

/// Three of the five owners sign, in the order of their addresses; an error is the Safe's.
pub(crate) async fn send_by_safe(
    chain: &DynProvider,
    book: &AddressBook,
    batch: &Value,
) -> Result<(), alloy::contract::Error> {
    assert_eq!(batch["meta"]["createdFromSafeAddress"], json!(book.contracts.governance.to_string()));
    let (to, data) = call_of(batch);
    let safe = ISafe::new(book.contracts.governance, chain);
    let (zero, nobody) = (U256::ZERO, Address::ZERO);
    let nonce = safe.nonce().call().await?;
    let transaction = SafeTx {
        to,
        value: zero,
        data: data.clone(),
        operation: 0,
        safeTxGas: zero,
        baseGas: zero,
        gasPrice: zero,
        gasToken: nobody,
        refundReceiver: nobody,
        nonce,
    };
    let domain = eip712_domain! { chain_id: CHAIN_ID, verifying_contract: book.contracts.governance, };
    let hash = transaction.eip712_signing_hash(&domain);
    let by_safe =
        safe.getTransactionHash(to, zero, data.clone(), 0, zero, zero, zero, nobody, nobody, nonce).call().await?;
    assert_eq!(hash, by_safe);
    let mut signers = [0, 2, 4].map(|number| Role::GovernanceOwner(number).signer().unwrap());
    signers.sort_by_key(|signer| signer.address());
    let signatures: Vec<u8> =
        signers.iter().flat_map(|signer| signer.sign_hash_sync(&hash).unwrap().as_bytes()).collect();
    let call = safe.execTransaction(to, zero, data, 0, zero, zero, zero, nobody, nobody, signatures.into());
    call.call().await?;
    let receipt = call.send().await?.get_receipt().await?;
    assert!(receipt.status());
    Ok(())
}
